/* test-route.c - plugins/auth-route: the hash, its file, and the table in an
 * SQLite database in memory. */
#include "cv-plugin.h"
#include "../../plugins/auth-route/route-hash.h"
#include "../../plugins/auth-route/route-store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

const struct cv_host *cv_api;
const struct cv_host *module_host(void);

/* --- the hash ----------------------------------------------------------------- */

/* Figures of another implementation, that of test_director.py: users would
 * move if they changed. */
static void the_hash_is_the_same_for_ever(void **state)
{
	static const struct {
		const char *user, *backend;
		uint64_t hash;
		double score;
	} cases[] = {
		{ "", "", UINT64_C(0x25fc6dd36ce04b20), 52.412043212388724 },
		{ "alice", "10.0.0.11", UINT64_C(0xbdccf7f0808dfb89),
		  334.22114707605755 },
		{ "alice", "10.0.0.12", UINT64_C(0xe6673ca71d0fa0d3),
		  949.2499972048452 },
		{ "alic", "e10.0.0.11", UINT64_C(0x3abef88399a280a2),
		  67.93687206273177 },
		{ "j\xc3\xbcrgen@example.org", "mail1.example.org",
		  UINT64_C(0x081d711decfb6971), 28.97322640441929 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double score = route_score(cases[i].user, cases[i].backend,
					   100);

		assert_true(route_hash(cases[i].user, cases[i].backend) ==
			    cases[i].hash);
		assert_true(fabs(score - cases[i].score) < 1e-9);
		assert_true(route_score(cases[i].user, cases[i].backend,
					0) <= 0);
	}
}

static int winner(const char *user, const uint32_t weights[4])
{
	static const char *const names[4] = { "a", "b", "c", "d" };
	double score, highest = 0;
	int best = -1;

	for (int i = 0; i < 4; i++) {
		score = route_score(user, names[i], weights[i]);
		if (score > highest) {
			highest = score;
			best = i;
		}
	}
	return best;
}

enum { USERS = 40000 };

static void shares_are_those_of_the_weights(void **state)
{
	static const uint32_t weights[4] = { 100, 300, 0, 200 };
	int counts[4] = { 0, 0, 0, 0 };
	char user[32];

	(void)state;
	for (int i = 0; i < USERS; i++) {
		(void)snprintf(user, sizeof(user), "user%d", i);
		counts[winner(user, weights)]++;
	}
	for (int i = 0; i < 4; i++) {
		double p = weights[i] / 600.0;

		/* four times the standard deviation */
		assert_true(fabs(counts[i] - p * USERS) <=
			    4 * sqrt(USERS * p * (1 - p)));
	}
}

static void who_goes_takes_its_own_along_alone(void **state)
{
	static const uint32_t before[4] = { 100, 300, 50, 200 };
	static const uint32_t after[4] = { 100, 0, 50, 200 };
	char user[32];

	(void)state;
	for (int i = 0; i < USERS; i++) {
		int was;

		(void)snprintf(user, sizeof(user), "user%d", i);
		was = winner(user, before);
		if (was != 1)
			assert_int_equal(winner(user, after), was);
	}
}

/* --- the file ----------------------------------------------------------------- */

struct problems { struct cv_text text; };

static void note(void *context, uint32_t line, const char *text)
{
	struct problems *p = context;

	cv_text_append_f(&p->text, "%u: %s\n", line, text);
}

static int read_file(struct cv_pool *pool, const char *text,
		     struct route_file *file, const char **said_r)
{
	char path[] = "/tmp/test-route-XXXXXX";
	struct problems problems;
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	cv_text_init(&problems.text, pool);
	ret = route_file_read(pool, path, file, note, &problems,
			      cv_api->error_new(pool));
	(void)unlink(path);
	*said_r = cv_text_str(&problems.text);
	return ret;
}

static void what_the_file_says(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	struct route_file file;
	const char *said;

	(void)state;
	assert_int_equal(read_file(pool, "driver = sqlite\nconnect = /x y\n",
				   &file, &said), CV_OK);
	assert_string_equal(file.connect, "/x y");
	assert_string_equal(file.fields, "proxy=y");
	assert_int_equal(file.user_expire, 900);
	assert_true(file.check_greeting);
	assert_int_equal(read_file(pool, "driver = sqlite\nconnect = /x\n"
				   "tag = t\nfields = proxy=y ssl=yes\n"
				   "check = connect\nmove_timeout = 60\n",
				   &file, &said), CV_OK);
	assert_string_equal(file.tag, "t");
	assert_string_equal(file.fields, "proxy=y ssl=yes");
	assert_false(file.check_greeting);
	assert_int_equal(file.move_timeout, 60);
	cv_api->pool_destroy(&pool);
}

static void what_is_wrong_with_the_file(void **state)
{
	static const struct { const char *line, *said; } cases[] = {
		{ "move_timeout = 61", "3: a number is out of bounds: '61'\n" },
		{ "user_expire = 9", "3: a number is out of bounds: '9'\n" },
		{ "check_port = x", "3: a number is out of bounds: 'x'\n" },
		{ "check = ping",
		  "3: check is connect or greeting, not 'ping'\n" },
		{ "weights = 3", "3: there is no setting 'weights'\n" },
		{ "driver =", "1: driver and connect, the database, are "
		  "missing in" },
	};
	struct cv_pool *pool = cv_api->pool_create("test");
	struct route_file file;
	const char *said;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_text text;

		cv_text_init(&text, pool);
		cv_text_append_f(&text, "driver = sqlite\nconnect = /x\n%s\n",
				 cases[i].line);
		assert_int_equal(read_file(pool, cv_text_str(&text), &file,
					   &said), CV_E_CONFIG);
		if (strncmp(said, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("%s: %s", cases[i].line, said);
	}
	cv_api->pool_destroy(&pool);
}

/* --- the table ------------------------------------------------------------------ */

struct cv_sql_db { sqlite3 *lite; uint32_t fails_at, count; };

static void give_rows(sqlite3_stmt *stmt, cv_sql_row_fn *row, void *context)
{
	struct cv_span values[16];
	struct cv_sql_row one = { CV_SIZED(cv_sql_row), .values = values };

	one.count = (uint32_t)sqlite3_column_count(stmt);
	assert_in_range(one.count, 0, 16);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (int i = 0; i < (int)one.count; i++)
			values[i] = cv_span((const char *)
					    sqlite3_column_text(stmt, i),
					    (size_t)sqlite3_column_bytes(
						    stmt, i));
		if (row != NULL)
			(void)row(context, &one, NULL);
	}
}

static int lite_exec(struct cv_sql_db *db, const struct cv_sql_query *query,
		     cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		     struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("query");
	sqlite3_stmt *stmt;
	struct cv_text text;
	int before = sqlite3_total_changes(db->lite), status;

	cv_text_init(&text, pool);
	cv_text_append_span(&text, query->text[0]);
	for (uint32_t i = 0; i < query->param_count; i++) {
		cv_text_append_c(&text, '?');
		cv_text_append_span(&text, query->text[i + 1]);
	}
	assert_int_equal(sqlite3_prepare_v2(db->lite, cv_text_str(&text), -1,
					    &stmt, NULL), SQLITE_OK);
	for (uint32_t i = 0; i < query->param_count; i++)
		assert_int_equal(sqlite3_bind_text(stmt, (int)i + 1,
						   query->params[i].data,
						   (int)query->params[i].len,
						   SQLITE_TRANSIENT),
				 SQLITE_OK);
	if (++db->count == db->fails_at) {
		(void)sqlite3_finalize(stmt);
		cv_api->pool_destroy(&pool);
		return CV_FAIL(err, CV_E_TEMP, "the database is away");
	}
	give_rows(stmt, row, context);
	status = sqlite3_finalize(stmt);
	cv_api->pool_destroy(&pool);
	if (changed_r != NULL)
		*changed_r = (uint64_t)(sqlite3_total_changes(db->lite) -
					before);
	return status == SQLITE_OK ? CV_OK : CV_E_PERM;
}

static const struct cv_sql lite = {
	CV_SIZED(cv_sql), .name = "sqlite", .exec = lite_exec,
};

static void open_store(struct route_store *store, struct cv_sql_db *db)
{
	*db = (struct cv_sql_db){ .fails_at = 0 };
	assert_int_equal(sqlite3_open(":memory:", &db->lite), SQLITE_OK);
	*store = (struct route_store){ &lite, db, 900 };
	/* a second time changes nothing */
	assert_int_equal(route_store_setup(store, NULL), CV_OK);
	assert_int_equal(route_store_setup(store, NULL), CV_OK);
}

static void sql(struct cv_sql_db *db, const char *text)
{
	assert_int_equal(sqlite3_exec(db->lite, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

static struct route_user user_at(const char *backend, const char *move)
{
	struct route_user user = { .used = 100, .move_until = 7 };

	(void)snprintf(user.backend, sizeof(user.backend), "%s", backend);
	(void)snprintf(user.move_id, sizeof(user.move_id), "%s", move);
	return user;
}

static void assert_user(struct route_store *store, const char *name,
			const struct route_user *want)
{
	struct route_user got;

	assert_int_equal(route_store_user(store, name, &got, NULL), CV_OK);
	assert_string_equal(got.backend, want->backend);
	assert_string_equal(got.move_id, want->move_id);
	assert_true(got.used == want->used && got.pinned == want->pinned &&
		    got.move_until == want->move_until);
}

static void of_two_at_once_one_is_first(void **state)
{
	struct route_user a = user_at("a", ""), b = user_at("b", ""), got;
	struct route_user moving = user_at("b", "0123");
	struct route_store store;
	struct cv_sql_db db;

	(void)state;
	open_store(&store, &db);
	assert_int_equal(route_store_user(&store, "x' OR 1", &got, NULL),
			 CV_NOT_FOUND);
	a.pinned = true;
	assert_int_equal(route_store_assign(&store, "x' OR 1", NULL, &a, NULL),
			 CV_OK);
	assert_user(&store, "x' OR 1", &a);
	/* both thought there was none */
	assert_int_equal(route_store_assign(&store, "x' OR 1", NULL, &b, NULL),
			 CV_NOT_FOUND);
	assert_user(&store, "x' OR 1", &a);
	/* both thought it was at a */
	assert_int_equal(route_store_assign(&store, "x' OR 1", &a, &b, NULL),
			 CV_OK);
	assert_int_equal(route_store_assign(&store, "x' OR 1", &a, &a, NULL),
			 CV_NOT_FOUND);
	assert_user(&store, "x' OR 1", &b);
	/* a move that another one overtook */
	assert_int_equal(route_store_assign(&store, "x' OR 1", &b, &moving,
					    NULL), CV_OK);
	assert_int_equal(route_store_assign(&store, "x' OR 1", &b, &b, NULL),
			 CV_NOT_FOUND);
	assert_user(&store, "x' OR 1", &moving);
	(void)sqlite3_close(db.lite);
}

static void a_move_waits_for_live_proxies(void **state)
{
	struct route_user moving = user_at("b", "0123");
	struct route_store store;
	struct cv_sql_db db;
	uint64_t count;

	(void)state;
	open_store(&store, &db);
	assert_int_equal(route_store_assign(&store, "u", NULL, &moving, NULL),
			 CV_OK);
	sql(&db, "INSERT INTO route_proxies (name, seen) VALUES "
	    "('p', strftime('%s')), ('q', strftime('%s')), "
	    "('gone', strftime('%s') - 60)");
	assert_int_equal(route_store_pending(&store, "0123", &count, NULL),
			 CV_OK);
	assert_int_equal(count, 2);
	sql(&db, "INSERT INTO route_acks (move_id, proxy) VALUES "
	    "('0123', 'p'), ('4567', 'q')");
	assert_int_equal(route_store_pending(&store, "0123", &count, NULL),
			 CV_OK);
	assert_int_equal(count, 1);
	/* the mark of another move stays */
	assert_int_equal(route_store_moved(&store, "u", "4567", NULL), CV_OK);
	assert_user(&store, "u", &moving);
	assert_int_equal(route_store_moved(&store, "u", "0123", NULL), CV_OK);
	moving.move_id[0] = '\0';
	assert_user(&store, "u", &moving);
	(void)sqlite3_close(db.lite);
}

/* down: looked at by live proxies, and reached by none of them */
static void backends_as_the_proxies_see_them(void **state)
{
	static const struct { const char *name; bool up; uint64_t users; }
	want[] = {
		{ "cut", false, 0 }, { "half", true, 2 },
		{ "stale", true, 0 }, { "unseen", true, 0 },
	};
	struct cv_pool *pool = cv_api->pool_create("test");
	struct route_backend *b;
	struct route_store store;
	struct cv_sql_db db;

	(void)state;
	open_store(&store, &db);
	sql(&db, "INSERT INTO route_backends VALUES ('unseen', 0, 1, 't', 1), "
	    "('half', 143, 2, '', 0), ('cut', 0, 3, '', 0), "
	    "('stale', 0, 3, '', 0); "
	    "INSERT INTO route_proxies VALUES ('p', strftime('%s')), "
	    "('q', strftime('%s')), ('old', strftime('%s') - 60); "
	    "INSERT INTO route_health VALUES ('p', 'half', 0), "
	    "('q', 'half', 1), ('p', 'cut', 0), ('q', 'cut', 0), "
	    "('old', 'cut', 1), ('old', 'stale', 0); "
	    "INSERT INTO route_users VALUES "
	    "('new', 'half', strftime('%s'), 0, '', 0), "
	    "('pin', 'half', 1, 1, '', 0), ('expired', 'half', 1, 0, '', 0)");
	assert_int_equal(route_store_backends(&store, pool, &b, NULL), CV_OK);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_non_null(b);
		assert_string_equal(b->name, want[i].name);
		assert_int_equal(b->up, want[i].up);
		assert_true(b->users == want[i].users);
		if (strcmp(b->name, "unseen") == 0) {
			assert_string_equal(b->tag, "t");
			assert_true(b->draining && b->weight == 1);
		}
		b = b->next;
	}
	assert_null(b);
	(void)sqlite3_close(db.lite);
	cv_api->pool_destroy(&pool);
}

/* Each statement in turn finds no database: that is said, and nothing is
 * believed to be done. */
static void a_database_that_goes_away(void **state)
{
	struct route_user a = user_at("a", ""), b = user_at("b", ""), got;
	struct cv_pool *pool = cv_api->pool_create("test");
	struct route_store store;
	struct cv_sql_db db;

	(void)state;
	open_store(&store, &db);
	assert_int_equal(route_store_assign(&store, "u", NULL, &a, NULL),
			 CV_OK);
	db.fails_at = db.count + 1;
	assert_int_equal(route_store_user(&store, "u", &got,
					  cv_api->error_new(pool)), CV_E_TEMP);
	db.fails_at = db.count + 1;
	assert_int_equal(route_store_assign(&store, "u", &a, &b,
					    cv_api->error_new(pool)),
			 CV_E_TEMP);
	db.fails_at = db.count + 1;
	assert_int_equal(route_store_assign(&store, "new", NULL, &b,
					    cv_api->error_new(pool)),
			 CV_E_TEMP);
	db.fails_at = 0;
	assert_user(&store, "u", &a);
	assert_int_equal(route_store_user(&store, "new", &got, NULL),
			 CV_NOT_FOUND);
	(void)sqlite3_close(db.lite);
	cv_api->pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_the_same_for_ever),
		cmocka_unit_test(shares_are_those_of_the_weights),
		cmocka_unit_test(who_goes_takes_its_own_along_alone),
		cmocka_unit_test(what_the_file_says),
		cmocka_unit_test(what_is_wrong_with_the_file),
		cmocka_unit_test(of_two_at_once_one_is_first),
		cmocka_unit_test(a_move_waits_for_live_proxies),
		cmocka_unit_test(backends_as_the_proxies_see_them),
		cmocka_unit_test(a_database_that_goes_away),
	};

	cv_api = module_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
