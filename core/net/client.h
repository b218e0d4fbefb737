/* client.h - connections to other servers, as their client: what
 * cv-client.h promises. */
#ifndef CLIENT_H
#define CLIENT_H

#include "base.h"
#include "cv-client.h"

#include <sys/types.h>

enum { CLIENT_LINE_MAX = 64 * 1024 };

/* Whom it believes, and as whom it shows itself.  Strings are never NULL. */
struct client_trust {
	const char *ca_file, *ca_dir;	/* "" both: those of the system */
	const char *cert, *key;		/* PEM; "" both: none is shown */
};

/* options->user is not looked at; the strings of trust have to live as long
 * as the client. */
int client_open(struct cv_pool *pool, const struct cv_client_options *options,
		const struct client_trust *trust,
		struct cv_client **client_r, struct cv_error *err);
int client_start_tls(struct cv_client *client, struct cv_error *err);
int client_line(struct cv_client *client, struct cv_span *line_r,
		struct cv_error *err);
int client_bytes(struct cv_client *client, size_t max,
		 struct cv_span *data_r, struct cv_error *err);
int client_write(struct cv_client *client, struct cv_span data,
		 struct cv_error *err);
int client_descriptor(struct cv_client *client, bool *more_r);
/* From now on nothing waits, and only the two calls below are used. */
int client_begin_relay(struct cv_client *client, struct cv_error *err);
/* > 0 bytes; 0: the connection is over; -1: *events_r (of poll) is to be
 * waited for. */
ssize_t client_read_now(struct cv_client *client, char *dst, size_t room,
			short *events_r);
ssize_t client_write_now(struct cv_client *client, const char *data,
			 size_t len, short *events_r);
/* Nothing more will be written: the server sees the end. */
void client_end_output(struct cv_client *client);
void client_close(struct cv_client **client);
void client_identify(uint8_t id_r[16], const char *const *words,
		     uint32_t count);

#endif
