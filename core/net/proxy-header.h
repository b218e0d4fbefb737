/* proxy-header.h - the header of the PROXY protocol, versions 1 and 2, by
 * which a load balancer tells whose connection it has passed on [PROXY].
 *
 * Whoever reads it has checked before that the peer is a proxy he trusts:
 * anybody can send one. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "address.h"

enum {
	/* Longer ones are refused.  Version 1 has 107 bytes at most
	 * [PROXY 2.1]; version 2 needs 232 with the longest addresses, the
	 * rest are its vectors. */
	PROXY_HEADER_MAX = 4096,
	PROXY_HEADER_V1_MAX = 107,
	PROXY_NAME_MAX = 255,
};

struct proxy_header {
	/* False: the proxy speaks for itself, or does not know: what the
	 * socket says counts. */
	bool has_addresses;
	struct net_address remote, local;
	bool tls;			/* the client spoke TLS to the proxy */
	bool cert_valid;		/* with a certificate, which it checked */
	char cert_name[PROXY_NAME_MAX + 1];	/* its common name, "" none */
	char local_name[PROXY_NAME_MAX + 1];	/* server name, "" none */
};

/* Looks at the first len bytes of a connection.  CV_OK: *used_r of them are
 * the header.  CV_NOT_FOUND: it goes on behind them, and all of them belong to
 * it.  CV_E_SYNTAX: this is none. */
int proxy_header_parse(const void *data, size_t len,
		       struct proxy_header *header_r, size_t *used_r,
		       struct cv_error *err);

/* What has been read of one so far. */
struct proxy_reader { size_t len; char data[PROXY_HEADER_MAX]; };

/* Reads from a socket that does not block, and not one byte beyond the
 * header: what follows may be the client's TLS.  CV_OK: complete.
 * CV_NOT_FOUND: call again when fd is readable.  CV_EOF: the peer closed.
 * CV_E_SYNTAX: no header. */
int proxy_header_read(int fd, struct proxy_reader *reader,
		      struct proxy_header *header_r, struct cv_error *err);

#endif
