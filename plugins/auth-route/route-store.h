/* route-store.h - the tables that all proxies share, in any database that a
 * plugin sql-* speaks with.
 *
 *	route_backends	what there is
 *	route_users	who is where: a row for each user of late
 *	route_proxies	who has looked after things, and when last
 *	route_health	which backend which proxy reaches
 *	route_acks	which proxy has ended the sessions of which move */
#ifndef ROUTE_STORE_H
#define ROUTE_STORE_H

#include "cv-route.h"
#include "cv-sql.h"
#include "route-file.h"

enum {
	ROUTE_NAME_ROOM = 256,
	ROUTE_ID_ROOM = 33,
	ROUTE_PROXY_SECS = 10,	/* a proxy that is silent for longer is gone */
};

struct route_backend {
	struct route_backend *next;
	const char *name, *tag;
	uint32_t port, weight;
	bool draining, up;
	uint64_t users;
};

/* A row of route_users. */
struct route_user {
	char backend[ROUTE_NAME_ROOM], move_id[ROUTE_ID_ROOM];
	uint64_t used, move_until;
	bool pinned;
};

struct route_store {
	const struct cv_sql *sql;
	struct cv_sql_db *db;
	uint32_t expire;		/* for the count of users */
};

/* A statement with a '?' for each param; the rest as of cv_sql.exec. */
struct route_query {
	const char *text;
	const char *const *params;
	bool changes;
	cv_sql_row_fn *row;
	void *context;
};

#define route_store_run CV_OWN(_route_store_run)
int route_store_run(struct route_store *store, const struct route_query *query,
		    uint64_t *changed_r, struct cv_error *err);

#define route_store_setup CV_OWN(_route_store_setup)
int route_store_setup(struct route_store *store, struct cv_error *err);

/* All backends, by name, in pool; NULL: none. */
#define route_store_backends CV_OWN(_route_store_backends)
int route_store_backends(struct route_store *store, struct cv_pool *pool,
			 struct route_backend **list_r, struct cv_error *err);

/* CV_NOT_FOUND. */
#define route_store_user CV_OWN(_route_store_user)
int route_store_user(struct route_store *store, const char *name,
		     struct route_user *user_r, struct cv_error *err);

/* Replaces old (NULL: there was none) by new.  CV_NOT_FOUND: it is not as old
 * says any more; somebody was faster. */
#define route_store_assign CV_OWN(_route_store_assign)
int route_store_assign(struct route_store *store, const char *name,
		       const struct route_user *old,
		       const struct route_user *new, struct cv_error *err);

/* Live proxies that have not yet ended the sessions of the move. */
#define route_store_pending CV_OWN(_route_store_pending)
int route_store_pending(struct route_store *store, const char *move_id,
			uint64_t *count_r, struct cv_error *err);

/* Takes the mark of the move away. */
#define route_store_moved CV_OWN(_route_store_moved)
int route_store_moved(struct route_store *store, const char *name,
		      const char *move_id, struct cv_error *err);

/* The value of a column, "" when NULL. */
#define route_column CV_OWN(_route_column)
struct cv_span route_column(const struct cv_sql_row *row, uint32_t at);
#define route_number CV_OWN(_route_number)
uint64_t route_number(const struct cv_sql_row *row, uint32_t at);

#define ROUTE_NUMBER_ROOM 24
#define route_decimal CV_OWN(_route_decimal)
const char *route_decimal(char room[ROUTE_NUMBER_ROOM], uint64_t number);

#endif
