/* route-store.c - see route-store.h.  SQL that SQLite, PostgreSQL and MariaDB
 * all understand; what two proxies do at once is settled by primary keys and
 * by UPDATEs that name what they replace. */
#include "route-store.h"

#include <stdio.h>
#include <time.h>

enum { PARAMS_MAX = 10 };

const char *route_decimal(char room[ROUTE_NUMBER_ROOM], uint64_t number)
{
	(void)snprintf(room, ROUTE_NUMBER_ROOM, "%llu",
		       (unsigned long long)number);
	return room;
}

struct cv_span route_column(const struct cv_sql_row *row, uint32_t at)
{
	return at < row->count && row->values[at].data != NULL ?
		row->values[at] : CV_SPAN("");
}

uint64_t route_number(const struct cv_sql_row *row, uint32_t at)
{
	uint64_t number = 0;

	(void)cv_span_to_u64(route_column(row, at), INT64_MAX, &number);
	return number;
}

int route_store_run(struct route_store *store, const struct route_query *query,
		    uint64_t *changed_r, struct cv_error *err)
{
	struct cv_span text[PARAMS_MAX + 1], params[PARAMS_MAX];
	struct cv_span rest = cv_span_of(query->text), piece;
	struct cv_sql_query q = {
		CV_SIZED(cv_sql_query), .text = text, .params = params,
		.changes = query->changes,
	};

	while (q.param_count <= PARAMS_MAX &&
	       cv_span_split(&rest, '?', &piece)) {
		text[q.param_count] = piece;
		if (rest.data == NULL || q.param_count == PARAMS_MAX)
			break;
		params[q.param_count] =
			cv_span_of(query->params[q.param_count]);
		q.param_count++;
	}
	return store->sql->exec(store->db, &q, query->row, query->context,
				changed_r, err);
}

static int change(struct route_store *store, const char *text,
		  const char *const *params, uint64_t *changed_r,
		  struct cv_error *err)
{
	struct route_query query = {
		.text = text, .params = params, .changes = true,
	};

	return route_store_run(store, &query, changed_r, err);
}

int route_store_setup(struct route_store *store, struct cv_error *err)
{
	static const char *const tables[] = {
		"CREATE TABLE IF NOT EXISTS route_backends ("
			"name VARCHAR(255) NOT NULL PRIMARY KEY, "
			"port INTEGER NOT NULL, weight INTEGER NOT NULL, "
			"tag VARCHAR(255) NOT NULL, "
			"draining INTEGER NOT NULL)",
		"CREATE TABLE IF NOT EXISTS route_users ("
			"username VARCHAR(255) NOT NULL PRIMARY KEY, "
			"backend VARCHAR(255) NOT NULL, "
			"used BIGINT NOT NULL, pinned INTEGER NOT NULL, "
			"move_id VARCHAR(32) NOT NULL, "
			"move_until BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS route_proxies ("
			"name VARCHAR(255) NOT NULL PRIMARY KEY, "
			"seen BIGINT NOT NULL)",
		"CREATE TABLE IF NOT EXISTS route_health ("
			"proxy VARCHAR(255) NOT NULL, "
			"backend VARCHAR(255) NOT NULL, "
			"is_up INTEGER NOT NULL, "
			"PRIMARY KEY (proxy, backend))",
		"CREATE TABLE IF NOT EXISTS route_acks ("
			"move_id VARCHAR(32) NOT NULL, "
			"proxy VARCHAR(255) NOT NULL, "
			"PRIMARY KEY (move_id, proxy))",
	};
	int ret = CV_OK;

	for (size_t i = 0; ret == CV_OK &&
	     i < sizeof(tables) / sizeof(tables[0]); i++)
		ret = change(store, tables[i], NULL, NULL, err);
	return ret;
}

/* --- backends ----------------------------------------------------------------- */

struct collecting { struct cv_pool *pool; struct route_backend **last; };

/* name port weight tag draining; how many proxies look, and reach it; users */
static int backend_row(void *context, const struct cv_sql_row *row,
		       struct cv_error *err)
{
	struct collecting *c = context;
	struct route_backend *b = CV_ALLOC(c->pool, struct route_backend);

	(void)err;
	b->name = cv_span_copy(c->pool, route_column(row, 0));
	b->port = (uint32_t)route_number(row, 1);
	b->weight = (uint32_t)route_number(row, 2);
	b->tag = cv_span_copy(c->pool, route_column(row, 3));
	b->draining = route_number(row, 4) != 0;
	b->up = route_number(row, 5) == 0 || route_number(row, 6) > 0;
	b->users = route_number(row, 7);
	*c->last = b;
	c->last = &b->next;
	return CV_OK;
}

#define LOOKING "(SELECT COUNT(*) FROM route_health h JOIN route_proxies p " \
	"ON p.name = h.proxy WHERE h.backend = b.name AND p.seen > ?"

int route_store_backends(struct route_store *store, struct cv_pool *pool,
			 struct route_backend **list_r, struct cv_error *err)
{
	char since[ROUTE_NUMBER_ROOM], used[ROUTE_NUMBER_ROOM];
	uint64_t now = (uint64_t)time(NULL);
	const char *const params[] = { since, since, used };
	struct collecting c = { pool, list_r };
	struct route_query query = {
		.text = "SELECT b.name, b.port, b.weight, b.tag, b.draining, "
			LOOKING "), " LOOKING " AND h.is_up = 1), "
			"(SELECT COUNT(*) FROM route_users u WHERE "
			"u.backend = b.name AND (u.used > ? OR "
			"u.pinned = 1)) FROM route_backends b "
			"ORDER BY b.name",
		.params = params, .row = backend_row, .context = &c,
	};

	(void)route_decimal(since, now - ROUTE_PROXY_SECS);
	(void)route_decimal(used, now - store->expire);
	*list_r = NULL;
	return route_store_run(store, &query, NULL, err);
}

/* --- users -------------------------------------------------------------------- */

struct finding { struct route_user *user; bool found; };

static void copy_text(char *room, size_t size, struct cv_span text)
{
	size_t len = text.len < size ? text.len : size - 1;

	memcpy(room, text.data, len);
	room[len] = '\0';
}

static int user_row(void *context, const struct cv_sql_row *row,
		    struct cv_error *err)
{
	struct finding *f = context;

	(void)err;
	f->found = true;
	copy_text(f->user->backend, sizeof(f->user->backend),
		  route_column(row, 0));
	f->user->used = route_number(row, 1);
	f->user->pinned = route_number(row, 2) != 0;
	copy_text(f->user->move_id, sizeof(f->user->move_id),
		  route_column(row, 3));
	f->user->move_until = route_number(row, 4);
	return CV_OK;
}

int route_store_user(struct route_store *store, const char *name,
		     struct route_user *user_r, struct cv_error *err)
{
	const char *const params[] = { name };
	struct finding f = { user_r, false };
	struct route_query query = {
		.text = "SELECT backend, used, pinned, move_id, move_until "
			"FROM route_users WHERE username = ?",
		.params = params, .row = user_row, .context = &f,
	};
	int ret;

	*user_r = (struct route_user){ .used = 0 };
	ret = route_store_run(store, &query, NULL, err);
	return ret == CV_OK && !f.found ? CV_NOT_FOUND : ret;
}

static int insert_user(struct route_store *store, const char *name,
		       const struct route_user *new, struct cv_error *err)
{
	char used[ROUTE_NUMBER_ROOM], until[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		name, new->backend, route_decimal(used, new->used),
		new->pinned ? "1" : "0", new->move_id,
		route_decimal(until, new->move_until),
	};
	struct route_user there;
	int ret = change(store, "INSERT INTO route_users (username, backend, "
			 "used, pinned, move_id, move_until) VALUES "
			 "(?, ?, ?, ?, ?, ?)", params, NULL, err);

	/* whatever the database says of a key that is there already */
	if (ret == CV_E_PERM || ret == CV_E_TEMP) {
		if (route_store_user(store, name, &there, NULL) == CV_OK)
			ret = CV_NOT_FOUND;
	}
	return ret;
}

int route_store_assign(struct route_store *store, const char *name,
		       const struct route_user *old,
		       const struct route_user *new, struct cv_error *err)
{
	char used[ROUTE_NUMBER_ROOM], until[ROUTE_NUMBER_ROOM];
	const char *params[8];
	uint64_t changed = 0;
	int ret;

	if (old == NULL)
		return insert_user(store, name, new, err);
	params[0] = new->backend;
	params[1] = route_decimal(used, new->used);
	params[2] = new->pinned ? "1" : "0";
	params[3] = new->move_id;
	params[4] = route_decimal(until, new->move_until);
	params[5] = name;
	params[6] = old->backend;
	params[7] = old->move_id;
	ret = change(store, "UPDATE route_users SET backend = ?, used = ?, "
		     "pinned = ?, move_id = ?, move_until = ? WHERE "
		     "username = ? AND backend = ? AND move_id = ?",
		     params, &changed, err);
	/* MariaDB counts only rows that look different now: ask */
	if (ret == CV_OK && changed == 0) {
		struct route_user there;

		ret = route_store_user(store, name, &there, err);
		if (ret == CV_OK && (strcmp(there.backend, new->backend) != 0 ||
		    strcmp(there.move_id, new->move_id) != 0))
			ret = CV_NOT_FOUND;
	}
	return ret;
}

/* --- moves -------------------------------------------------------------------- */

static int count_row(void *context, const struct cv_sql_row *row,
		     struct cv_error *err)
{
	(void)err;
	*(uint64_t *)context = route_number(row, 0);
	return CV_OK;
}

int route_store_pending(struct route_store *store, const char *move_id,
			uint64_t *count_r, struct cv_error *err)
{
	char since[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(since, (uint64_t)time(NULL) - ROUTE_PROXY_SECS),
		move_id,
	};
	struct route_query query = {
		.text = "SELECT COUNT(*) FROM route_proxies p WHERE "
			"p.seen > ? AND NOT EXISTS (SELECT 1 FROM route_acks "
			"a WHERE a.move_id = ? AND a.proxy = p.name)",
		.params = params, .row = count_row, .context = count_r,
	};

	*count_r = 0;
	return route_store_run(store, &query, NULL, err);
}

int route_store_moved(struct route_store *store, const char *name,
		      const char *move_id, struct cv_error *err)
{
	const char *const params[] = { name, move_id };
	int ret = change(store, "UPDATE route_users SET move_id = '' WHERE "
			 "username = ? AND move_id = ?", params, NULL, err);

	return ret == CV_OK ? change(store, "DELETE FROM route_acks WHERE "
				     "move_id = ?", params + 1, NULL, err) :
		ret;
}
