/* connection-private.h - the parts of a connection. */
#ifndef CONNECTION_PRIVATE_H
#define CONNECTION_PRIVATE_H

#include "connection.h"

#include <sys/types.h>

#include "net/tls.h"

struct cv_stream;

struct cv_connection {
	struct cv_pool *pool;
	const struct conn_info *info;
	int fd;
	const int *stop_fd;
	connection_stop_check *stop_check;
	void *stop_context;
	const volatile sig_atomic_t *stop;
	uint32_t send_timeout_msecs;
	struct tls_server *tls;	/* NULL: there is no TLS */
	SSL *ssl;
	bool tls_started;

	char *in;
	size_t in_at, in_end, in_room;
	char *out;
	size_t out_len, out_room;
	bool failed, peer_closed;
	uint64_t bytes_in, bytes_out;
	bool unanswered;		/* bytes came after the last that went */
	int rawlog_in, rawlog_out;	/* what the protocol sees */
	struct deflater *deflater;	/* NULL: not compressed */
	struct inflater *inflater;
	char *packed;			/* COMPRESSED_MAX */
	size_t packed_at, packed_end;
};

/* connection-rawlog.c: adds to the record behind *fd, if there is one. */
void connection_rawlog(int *fd, const void *data, size_t len);

/* connection-transport.c: whether a signal has ended the session. */
bool transport_is_stopped(const struct cv_connection *c);
/* events on the client, or a message on other_fd.  CV_OK: the client;
 * CV_CHANGED: other_fd; CV_E_TIMEOUT; CV_E_TEMP: stopped. */
int transport_wait(struct cv_connection *c, short events, int other_fd,
		   uint32_t timeout_msecs, struct cv_error *err);
/* Before closing: throws away what the client is still sending, for a second
 * and 256 KiB at most.  unread: some of it was read, and no use made of it. */
void transport_linger(int fd, bool unread);
/* Whether errno says so. */
bool transport_would_block(void);
/* > 0 bytes; 0 end; -1 with errno, EAGAIN: *events_r is to be waited for. */
ssize_t transport_write(struct cv_connection *c, const void *data, size_t len,
			short *events_r);
/* CV_OK: *got_r bytes; CV_NOT_FOUND: none yet; CV_EOF. */
int transport_receive(struct cv_connection *c, char *dst, size_t room,
		      size_t *got_r, short *events_r);
/* Of the service "connection". */
bool connection_can_starttls(struct cv_connection *c);
int connection_starttls(struct cv_connection *c, struct cv_error *err);

/* connection-output.c: sends bytes as they are (a deflater's output); the
 * context is the connection. */
int connection_send_packed(void *context, const char *data, size_t len);
/* What the buffer has, but not further than into the compression. */
int connection_write_buffer(struct cv_connection *c, struct cv_error *err);
/* Of the service "connection". */
int connection_flush(struct cv_connection *c, struct cv_error *err);
void connection_write(struct cv_connection *c, const void *data, size_t len);
void connection_printf(struct cv_connection *c, const char *fmt, ...)
	CV_PRINTF(2, 3);
int connection_write_stream(struct cv_connection *c, struct cv_stream *in,
			    uint64_t len, struct cv_error *err);

/* connection-compress.c: until there is a byte of content (*got_r, at dst) or
 * nothing more to read; as transport_receive. */
int connection_receive_packed(struct cv_connection *c, char *dst, size_t room,
			      size_t *got_r, short *events_r);
/* Of the service "connection". */
int connection_compress(struct cv_connection *c, int level,
			struct cv_error *err);
void connection_compress_reset(struct cv_connection *c);

#endif
