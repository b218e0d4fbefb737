/* address.h - socket addresses, and listening sockets. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NET_IP_TEXT = 64 };

struct net_address {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
		struct sockaddr_storage room;
	} u;
};

/* "192.0.2.1", "2001:db8::1", "[::1]"; "*" is all of IPv4, "::" all of IPv6.
 * No names are resolved. */
bool net_address_parse(struct net_address *address_r, const char *ip,
		       uint16_t port);
/* "192.0.2.1"; IPv4 mapped into IPv6 is written as IPv4; "" for a UNIX
 * socket. */
void net_address_ip(const struct net_address *address,
		    char text[static NET_IP_TEXT]);
uint16_t net_address_port(const struct net_address *address);
/* 127/8, ::1, a UNIX socket. */
bool net_address_is_loopback(const struct net_address *address);
/* The 16 bytes of the IP (IPv4 mapped); UNIX sockets: all zero. */
void net_address_bytes(const struct net_address *address,
		       uint8_t bytes_r[static 16]);
/* network is "10.0.0.0/8", "::1", "192.0.2.1". */
bool net_address_in(const struct net_address *address, const char *network);

int net_local_address(int fd, struct net_address *address_r,
		      struct cv_error *err);

/* Listening, non-blocking, close-on-exec.  IPv6 sockets are v6-only. */
int net_listen_inet(const struct net_address *address, bool reuse_port,
		    int *fd_r, struct cv_error *err);

struct net_unix_options {
	uint32_t mode;			/* 0666 */
	uid_t uid;			/* (uid_t)-1: as it comes */
	gid_t gid;
	int type;			/* SOCK_STREAM, SOCK_SEQPACKET */
};

/* Made aside with its final rights and renamed into place: nobody can
 * connect before they are set, and an old socket never is missing.  A path
 * that is no socket is not replaced. */
int net_listen_unix(const char *path, const struct net_unix_options *options,
		    int *fd_r, struct cv_error *err);
int net_connect_unix(const char *path, int type, int *fd_r,
		     struct cv_error *err);

#endif
