/* cv-client.h - connections to other servers, as their client.
 *
 * For plugins with CV_PLUGIN_CONNECTS: only then the process may connect. */
#ifndef CV_CLIENT_H
#define CV_CLIENT_H

#include "cv-types.h"

struct cv_client;		/* a connection; lives in its pool */

enum cv_client_tls {
	CV_CLIENT_PLAIN, CV_CLIENT_TLS, CV_CLIENT_START_TLS,
};

struct cv_client_options {
	CV_HEAD;
	const char *host;
	uint32_t port;
	/* CV_CLIENT_TLS: from the first byte on; otherwise start_tls does
	 * it. */
	uint32_t tls;
	/* The certificate must be one of that host, from an authority of
	 * ssl_client_ca_file and ssl_client_ca_dir (or the system's). */
	bool verify;
	struct cv_user *user;		/* whose settings those are */
	uint32_t silence_msecs;		/* for which it is waited */
	/* Where host is, and where to connect from; NULL or "": it is looked
	 * up, the system chooses. */
	const char *address, *source;
};

/* Service "client", major 1.  A failure of line, bytes, write or start_tls
 * leaves a connection that can only be closed. */
struct cv_client_api {
	CV_HEAD;
	int (*open)(struct cv_pool *pool,
		    const struct cv_client_options *options,
		    struct cv_client **client_r, struct cv_error *err);
	/* What came before it is thrown away. */
	int (*start_tls)(struct cv_client *client, struct cv_error *err);
	/* A line without its CRLF, of at most 64 KiB; valid until the next
	 * call. */
	int (*line)(struct cv_client *client, struct cv_span *line_r,
		    struct cv_error *err);
	/* Up to max bytes, at least one; valid until the next call. */
	int (*bytes)(struct cv_client *client, size_t max,
		     struct cv_span *data_r, struct cv_error *err);
	int (*write)(struct cv_client *client, struct cv_span data,
		     struct cv_error *err);
	/* NULL is ignored. */
	void (*close)(struct cv_client **client);
	/* Sixteen bytes that are made of these words and nothing else: what
	 * a message of another server is known by. */
	void (*identify)(uint8_t id_r[16], const char *const *words,
			 uint32_t count);
	/* Readable when something comes, perhaps for nothing; it stays the
	 * connection's.  *more_r: something has come already. */
	int (*descriptor)(struct cv_client *client, bool *more_r);
	/* From now on nothing waits, and beside these three only close and
	 * descriptor are used. */
	int (*begin_now)(struct cv_client *client, struct cv_error *err);
	/* > 0 bytes; 0: the connection is over; -1: *events_r (of poll) is to
	 * be waited for. */
	ssize_t (*read_now)(struct cv_client *client, char *dst, size_t room,
			    short *events_r);
	ssize_t (*write_now)(struct cv_client *client, const char *data,
			     size_t len, short *events_r);
};

#endif
