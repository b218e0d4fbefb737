/* sync-conn.h - a connection to another mail server, as its client. */
#ifndef SYNC_CONN_H
#define SYNC_CONN_H

#include "sync-side.h"

enum { CONN_LINE_MAX = 64 * 1024, CONN_SILENCE_MSECS = 5 * 60 * 1000 };

struct conn;

/* Connects, with TLS from the start when the account says so. */
int conn_open(struct cv_pool *pool, const struct sync_account *account,
	      uint32_t port, struct conn **conn_r, struct cv_error *err);
/* TLS from here on; what came unencrypted is thrown away. */
int conn_start_tls(struct conn *conn, struct cv_error *err);
void conn_close(struct conn *conn);
/* A line without its CRLF; valid until the next call. */
int conn_line(struct conn *conn, struct cv_span *line_r,
	      struct cv_error *err);
/* Up to max bytes, at least one; valid until the next call. */
int conn_bytes(struct conn *conn, size_t max, struct cv_span *data_r,
	       struct cv_error *err);
int conn_write(struct conn *conn, struct cv_span data, struct cv_error *err);

/* A GUID made of what identifies a message or a mailbox elsewhere. */
void conn_guid(uint8_t guid_r[16], const char *const *words, size_t count);

#endif
