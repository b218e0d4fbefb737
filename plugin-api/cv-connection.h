/* cv-connection.h - the client's connection as a blocking session sees it.
 *
 * A transport object: plain socket or TLS relay, the session cannot tell.
 * Input is read into a window that the caller parses in place; output is
 * buffered and leaves in large writes.  Every wait has a deadline. */
#ifndef CV_CONNECTION_H
#define CV_CONNECTION_H

#include "cv-types.h"

/* Service "connection", major 1. */
struct cv_connection_api {
	CV_HEAD;
	/* What has been read and not yet skipped.  Valid until the next
	 * call of fill or skip.  Never blocks. */
	struct cv_span (*peek)(struct cv_connection *c);
	/* Consumes n <= peek().len bytes. */
	void (*skip)(struct cv_connection *c, size_t n);
	/* Flushes output, then waits until at least one more byte is in the
	 * window.  max is the largest window wanted (bytes); CV_E_LIMIT when
	 * the window holds that many already, CV_EOF when the peer has
	 * closed, CV_E_TIMEOUT after timeout_msecs (0: do not wait). */
	int (*fill)(struct cv_connection *c, size_t max,
		    uint32_t timeout_msecs, struct cv_error *err);

	/* Appends to the output buffer; a full buffer (64 KiB) is written,
	 * which may block until the send timeout.  After a failure all
	 * further output is dropped and failed() is true; callers need check
	 * only at the end of a command. */
	void (*write)(struct cv_connection *c, const void *data, size_t len);
	/* Not "printf": where that is a macro, a member cannot have the
	 * name. */
	void (*print)(struct cv_connection *c, const char *fmt, ...)
		CV_PRINTF(2, 3);
	/* Sends len bytes of the stream from its current place; sendfile
	 * where it can.  A stream that ends early closes the connection:
	 * an announced literal is never short-sent [security.md C14]. */
	int (*write_stream)(struct cv_connection *c, struct cv_stream *in,
			    uint64_t len, struct cv_error *err);
	int (*flush)(struct cv_connection *c, struct cv_error *err);
	bool (*failed)(struct cv_connection *c);

	/* Waits until the window has grown or for the wake descriptor (-1:
	 * none) and returns CV_OK for input, CV_CHANGED for the descriptor,
	 * CV_EOF, CV_E_TIMEOUT, CV_E_LIMIT; used by IDLE. */
	int (*wait)(struct cv_connection *c, int wake_fd,
		    uint32_t timeout_msecs, struct cv_error *err);

	bool (*is_secure)(struct cv_connection *c);	/* TLS, or trusted */
	/* "192.0.2.1", "2001:db8::1", "" for a UNIX socket. */
	const char *(*remote_address)(struct cv_connection *c);
	uint16_t (*remote_port)(struct cv_connection *c);
	const char *(*local_address)(struct cv_connection *c);
	uint16_t (*local_port)(struct cv_connection *c);
	uint64_t (*bytes_in)(struct cv_connection *c);
	uint64_t (*bytes_out)(struct cv_connection *c);
	/* TLS within the session's own process, for protocols that have no
	 * login process (LMTP).  The input window must be empty: bytes that
	 * came before the handshake are a reason to refuse (CV_E_SYNTAX)
	 * [security.md R10]. */
	bool (*can_starttls)(struct cv_connection *c);
	int (*starttls)(struct cv_connection *c, struct cv_error *err);
	/* From here on both directions are raw DEFLATE [RFC4978].  What was
	 * written before leaves as it is.  The input window must be empty
	 * (CV_E_SYNTAX) [security.md R10]; CV_E_EXISTS: it is on.  level: 1
	 * to 9. */
	int (*compress)(struct cv_connection *c, int level,
			struct cv_error *err);
	/* What is written next must not be compressed with what was written
	 * before, since others may have chosen a part of either: its length
	 * would tell them about the rest.  Costs nothing twice, or without
	 * compression. */
	void (*compress_reset)(struct cv_connection *c);
};

#endif
