/* sync-imap-private.h - the connection to an IMAP server, for sync-imap*.c. */
#ifndef SYNC_IMAP_PRIVATE_H
#define SYNC_IMAP_PRIVATE_H

#include "sync-conn.h"
#include "sync-imap-parse.h"

struct sync_imap_name { const char *name, *raw; };

struct sync_imap {
	struct sync_side side;
	struct cv_pool *pool, *box_pool;
	const struct sync_account *account;
	struct conn *conn;
	uint32_t tag;
	ARRAY(struct sync_imap_name) names;
	struct sync_box box;
	bool opened, has_sasl_ir;

	struct cv_pool *response_pool;
	struct cv_text response;	/* literals as "{n}\r\n" and bytes */

	/* of fetch */
	uint32_t *uids;
	uint32_t uid_count, asked, waiting;
	uint64_t literal;		/* bytes of the body to come */
	bool in_body, quoted;
	struct cv_span small;		/* a body that was no literal */
};

/* --- sync-imap-command.c ------------------------------------------------ */

/* No call makes sense any more; returns ret. */
int sync_imap_broken(struct sync_imap *m, int ret);
/* Sends a command: a tag is put before it. */
int sync_imap_send(struct sync_imap *m, const char *line,
		   struct cv_error *err);
/* The next response into m->response, whole.  With stop_at_body it ends
 * before the literal of a BODY[], whose size is in m->literal
 * (CV_CHANGED). */
int sync_imap_response(struct sync_imap *m, bool stop_at_body,
		       struct cv_error *err);
/* What m->response is.  CV_OK: the tagged OK of a command; CV_CHANGED:
 * untagged or "+"; otherwise the tagged NO or BAD. */
int sync_imap_tagged(struct sync_imap *m, struct cv_error *err);

typedef int sync_imap_untagged_fn(struct sync_imap *m, struct cv_span rest,
				  void *context, struct cv_error *err);

/* Sends a command and reads up to its tagged response; fn, when it is not
 * NULL, gets each untagged response behind "* ". */
int sync_imap_command(struct sync_imap *m, const char *line,
		      sync_imap_untagged_fn *fn, void *context,
		      struct cv_error *err);
/* Connects, starts TLS and logs in. */
int sync_imap_greet(struct sync_imap *m, struct cv_error *err);

/* --- sync-imap-fetch.c: see struct sync_side_ops ------------------------ */

int sync_imap_fetch(struct sync_side *s, const uint32_t *uids,
		    uint32_t count, struct cv_error *err);
int sync_imap_fetch_next(struct sync_side *s, uint32_t *uid_r,
			 struct cv_error *err);
int sync_imap_fetch_read(struct sync_side *s, struct cv_span *data_r,
			 struct cv_error *err);
void sync_imap_fetch_end(struct sync_side *s);

#endif
