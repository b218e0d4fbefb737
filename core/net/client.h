/* client.h - connections to other servers, as their client: what
 * cv-client.h promises. */
#ifndef CLIENT_H
#define CLIENT_H

#include "base.h"
#include "cv-client.h"

enum { CLIENT_LINE_MAX = 64 * 1024 };

/* ca_file, ca_dir "": those of the system.  options->user is not looked
 * at. */
int client_open(struct cv_pool *pool, const struct cv_client_options *options,
		const char *ca_file, const char *ca_dir,
		struct cv_client **client_r, struct cv_error *err);
int client_start_tls(struct cv_client *client, struct cv_error *err);
int client_line(struct cv_client *client, struct cv_span *line_r,
		struct cv_error *err);
int client_bytes(struct cv_client *client, size_t max,
		 struct cv_span *data_r, struct cv_error *err);
int client_write(struct cv_client *client, struct cv_span data,
		 struct cv_error *err);
int client_descriptor(struct cv_client *client, bool *more_r);
void client_close(struct cv_client **client);
void client_identify(uint8_t id_r[16], const char *const *words,
		     uint32_t count);

#endif
