/* auth-db.c - the databases of users, opened. */
#include "auth-db.h"
#include "auth-provider.h"
#include "password-scheme.h"

#include <stdlib.h>

/* Beside the configuration that drivers see: who is told about paths. */
struct db_config {
	struct cv_auth_db_config config;
	const struct auth_dbs_options *options;
};

static void driver_needs_path(const struct cv_auth_db_config *config,
			      const char *path)
{
	/* config is the first member */
	const struct db_config *c = (const void *)config;

	if (c->options->needs_path != NULL)
		c->options->needs_path(c->options->context, path);
}

static void driver_writes_path(const struct cv_auth_db_config *config,
			       const char *path)
{
	const struct db_config *c = (const void *)config;

	if (c->options->writes_path != NULL)
		c->options->writes_path(c->options->context, path);
}

static const char *passdb_scheme(const struct auth_db *db)
{
	const char *scheme = NULL;

	if (db->pass->scheme != NULL)
		scheme = db->pass->scheme(db->db);
	if (scheme == NULL)
		scheme = db->pass->default_scheme;
	return scheme == NULL ? "CRYPT" : scheme;
}

static void gather_facts(struct auth_db *db, struct cv_pool *pool)
{
	struct auth_db_facts *facts = &db->facts;
	const char *(*cache_key)(void *) = db->is_passdb ?
		db->pass->cache_key : db->user->cache_key;

	if (cache_key != NULL)
		facts->cache_key = pool_strdup(pool, cache_key(db->db));
	if (!db->is_passdb) {
		facts->looks_up = true;
		facts->lists = db->user->iterate != NULL;
		return;
	}
	facts->looks_up = db->pass->lookup != NULL;
	facts->verifies = db->pass->verify != NULL &&
		(db->pass->verifies == NULL || db->pass->verifies(db->db));
	facts->scheme = pool_strdup(pool, passdb_scheme(db));
}

static int driver_open(struct auth_db *db, const struct db_config *c,
		       struct cv_error *err)
{
	const struct cv_auth_db_config *config = &c->config;
	const struct auth_dbs_options *options = c->options;
	const char *kind = db->is_passdb ? "passdb" : "userdb";
	int ret;

	if (!db->is_passdb && strcmp(db->driver, "prefetch") == 0) {
		db->pure = db->prefetch = true;
		return CV_OK;
	}
	if (db->is_passdb)
		db->pass = auth_provider_find(CV_PROVIDER_PASSDB, db->driver);
	else
		db->user = auth_provider_find(CV_PROVIDER_USERDB, db->driver);
	if (db->pass == NULL && db->user == NULL) {
		if (db->index < options->fact_count) {
			db->facts = options->facts[db->index];
			return CV_OK;
		}
		return FAIL(err, CV_E_CONFIG, "%s driver '%s' is not there: "
			    "it comes from the plugin auth-%s", kind,
			    db->driver, db->driver);
	}
	db->pure = auth_provider_is_pure(db->is_passdb ?
					 (const void *)db->pass :
					 (const void *)db->user);
	ret = db->is_passdb ? db->pass->open(config, &db->db, err) :
		db->user->open(config, &db->db, err);
	if (ret < 0)
		return error_prefix(err, "%s %s", kind, db->driver);
	gather_facts(db, config->pool);
	return CV_OK;
}

static int db_open(struct auth_db *db, struct cv_pool *pool,
		   const struct auth_dbs_options *options,
		   struct cv_error *err)
{
	struct db_config *c = pool_new(pool, struct db_config);

	c->config = (struct cv_auth_db_config){
		CV_SIZED(cv_auth_db_config), .driver = db->driver,
		.args = db->args, .file = "", .pool = pool,
		.needs_path = driver_needs_path,
		.writes_path = driver_writes_path,
	};
	c->options = options;
	return driver_open(db, c, err);
}

/* The first user that does not exist must cost what a known one costs, so
 * there is a hash before any has been seen [security.md A26]. */
static void make_dummy_hash(struct auth_db *db)
{
	unsigned char bytes[16];
	struct cv_text secret, hash;
	struct cv_pool *pool;

	/* a driver that verifies by itself, or is never asked for a password */
	if (db->facts.verifies || db->deny)
		return;
	pool = pool_create("dummy hash");
	cv_text_init(&secret, pool);
	cv_text_init(&hash, pool);
	random_bytes(bytes, sizeof(bytes));
	hex_encode(&secret, bytes, sizeof(bytes));
	if (password_generate(db->facts.scheme, "", cv_text_span(&secret),
			      0, &hash, NULL) == CV_OK &&
	    password_is_expensive(cv_text_str(&hash), "PLAIN"))
		db->dummy.made = strdup(cv_text_str(&hash));
	pool_destroy(&pool);
}

static bool saw_stored(void *context, struct cv_span hash)
{
	struct cv_pool *pool = pool_create("stored hash");

	auth_db_saw_hash(context, pool_span(pool, hash).data);
	pool_destroy(&pool);
	return true;
}

/* Before anybody has logged in: what the database has stored, or what it
 * would store. */
static void prime_dummy(struct auth_db *db)
{
	if (db->pass == NULL) {		/* its worker has done it */
		auth_db_saw_hash(db, db->facts.dummy);
		return;
	}
	make_dummy_hash(db);
	if (!db->deny && db->pass->hashes != NULL)
		db->pass->hashes(db->db, saw_stored, db);
}

static void append(struct auth_dbs *dbs, struct auth_db **list,
		   struct auth_db *db)
{
	db->index = dbs->count++;
	while (*list != NULL)
		list = &(*list)->next;
	*list = db;
}

static struct auth_db *add_passdb(struct auth_dbs *dbs,
				  const struct passdb_settings *set,
				  struct cv_pool *pool)
{
	struct auth_db *db = pool_new(pool, struct auth_db);

	db->is_passdb = true;
	db->driver = set->driver;
	db->args = set->args;
	db->skip = set->skip;
	db->rules[0] = set->result_success;
	db->rules[1] = set->result_failure;
	db->rules[2] = set->result_internalfail;
	db->default_fields = set->default_fields;
	db->override_fields = set->override_fields;
	db->mechanisms = set->mechanisms;
	db->username_filter = set->username_filter;
	db->deny = set->deny;
	db->pass_on = set->pass;
	db->master = set->master;
	append(dbs, set->master ? &dbs->masterdbs : &dbs->passdbs, db);
	return db;
}

static struct auth_db *add_userdb(struct auth_dbs *dbs,
				  const struct userdb_settings *set,
				  struct cv_pool *pool)
{
	struct auth_db *db = pool_new(pool, struct auth_db);

	db->driver = set->driver;
	db->args = set->args;
	db->skip = set->skip;
	db->rules[0] = set->result_success;
	db->rules[1] = set->result_failure;
	db->rules[2] = set->result_internalfail;
	db->default_fields = set->default_fields;
	db->override_fields = set->override_fields;
	db->username_filter = "";
	append(dbs, &dbs->userdbs, db);
	return db;
}

/* What all databases of one kind are opened with. */
struct opening {
	struct auth_dbs *dbs;
	const struct settings_tree *tree;
	struct cv_pool *pool;
	const struct auth_dbs_options *options;
};

/* The database of one block, not open yet. */
static int add_block(const struct opening *o, bool is_passdb,
		     const struct settings_scope *scope,
		     struct auth_db **db_r, struct cv_error *err)
{
	struct passdb_settings pass;
	struct userdb_settings user;
	int ret;

	if (is_passdb) {
		ret = settings_get(o->tree, &passdb_settings_table, scope,
				   o->pool, &pass, err);
		if (ret == CV_OK)
			*db_r = add_passdb(o->dbs, &pass, o->pool);
		return ret;
	}
	ret = settings_get(o->tree, &userdb_settings_table, scope, o->pool,
			   &user, err);
	if (ret == CV_OK)
		*db_r = add_userdb(o->dbs, &user, o->pool);
	return ret;
}

static int open_blocks(const struct opening *o, bool is_passdb,
		       struct cv_error *err)
{
	struct settings_scope scope = { 0 };
	uint32_t at = 0;

	while (settings_block_next(o->tree, is_passdb ? "passdb" : "userdb",
				   SETTINGS_ROOT, NULL, &at, &scope.block)) {
		struct auth_db *db;
		int ret = add_block(o, is_passdb, &scope, &db, err);

		if (ret == CV_OK)
			ret = db_open(db, o->pool, o->options, err);
		if (ret < 0)
			return ret;
		if (is_passdb)
			prime_dummy(db);
	}
	return CV_OK;
}

int auth_dbs_open(struct auth_dbs *dbs, const struct settings_tree *tree,
		  struct cv_pool *pool, const struct auth_dbs_options *options,
		  struct cv_error *err)
{
	static const struct auth_dbs_options none;
	const struct opening o = {
		dbs, tree, pool, options == NULL ? &none : options,
	};
	int ret;

	memset(dbs, 0, sizeof(*dbs));
	ret = open_blocks(&o, true, err);
	if (ret == CV_OK)
		ret = open_blocks(&o, false, err);
	if (ret < 0)
		auth_dbs_close(dbs);
	return ret;
}

static void close_list(struct auth_db *db)
{
	for (; db != NULL; db = db->next) {
		if (db->db != NULL && db->pass != NULL &&
		    db->pass->close != NULL)
			db->pass->close(db->db);
		if (db->db != NULL && db->user != NULL &&
		    db->user->close != NULL)
			db->user->close(db->db);
		db->db = NULL;
		auth_dummy_free(&db->dummy);
	}
}

void auth_dbs_close(struct auth_dbs *dbs)
{
	close_list(dbs->passdbs);
	close_list(dbs->masterdbs);
	close_list(dbs->userdbs);
	memset(dbs, 0, sizeof(*dbs));
}

uint32_t auth_db_rule(const struct auth_db *db, int result)
{
	if (result < 0)
		return db->rules[2];
	if (result == CV_AUTH_OK)
		return db->rules[0];
	return result == CV_AUTH_NEXT ? AUTH_RULE_CONTINUE : db->rules[1];
}

static struct auth_db *find_in(struct auth_db *db, const char *driver,
			       const char *args)
{
	for (; db != NULL; db = db->next) {
		if (strcmp(db->driver, driver) == 0 &&
		    strcmp(db->args, args) == 0)
			return db;
	}
	return NULL;
}

struct auth_db *auth_dbs_find(const struct auth_dbs *dbs, bool is_passdb,
			      const char *driver, const char *args)
{
	struct auth_db *db;

	if (!is_passdb)
		return find_in(dbs->userdbs, driver, args);
	db = find_in(dbs->passdbs, driver, args);
	return db != NULL ? db : find_in(dbs->masterdbs, driver, args);
}

const struct auth_db *auth_dbs_get(const struct auth_dbs *dbs, uint32_t index)
{
	const struct auth_db *const lists[] = {
		dbs->passdbs, dbs->masterdbs, dbs->userdbs,
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const struct auth_db *db = lists[i]; db != NULL;
		     db = db->next) {
			if (db->index == index)
				return db;
		}
	}
	return NULL;
}

void auth_db_saw_hash(struct auth_db *db, const char *hash)
{
	auth_dummy_saw(&db->dummy, hash, db->facts.scheme);
}

const char *auth_db_dummy_hash(const struct auth_db *db)
{
	return auth_dummy_hash(&db->dummy);
}

bool auth_db_no_password(const struct cv_auth_reply *reply)
{
	const char *password = auth_reply_get(reply, "password");

	return auth_reply_is_true(reply, "nopassword") &&
		(password == NULL || password[0] == '\0');
}

int auth_db_lookup(const struct auth_db *db, const struct cv_auth_input *in,
		   struct cv_auth_reply *reply, struct cv_error *err)
{
	if (db->prefetch)
		return CV_AUTH_NEXT;	/* knows nothing by itself */
	if (db->pass == NULL && db->user == NULL)
		return FAIL(err, CV_E_INTERNAL, "driver '%s' is asked where "
			    "it does not run", db->driver);
	if (db->is_passdb) {
		if (db->pass->lookup == NULL) {
			return FAIL(err, CV_E_UNSUPPORTED, "passdb %s can "
				    "only verify passwords", db->driver);
		}
		return db->pass->lookup(db->db, in, reply, err);
	}
	return db->user->lookup(db->db, in, reply, err);
}

/* The password is that of the reply; or of nobody. */
static int verify_hash(struct auth_db *db, const struct cv_auth_input *in,
		       int found, struct cv_span password,
		       const struct cv_auth_reply *reply,
		       struct cv_error *err)
{
	const char *hash = auth_reply_get(reply, "password");
	const char *scheme = db->facts.scheme;

	if (found == CV_AUTH_OK && hash != NULL) {
		auth_db_saw_hash(db, hash);
		return password_verify(hash, scheme, in->user, password, err);
	}
	/* the time is what counts, not the answer */
	(void)password_verify(auth_db_dummy_hash(db), scheme, in->user,
			      password, NULL);
	return found;
}

int auth_db_verify(struct auth_db *db, const struct cv_auth_input *in,
		   struct cv_span password, struct cv_auth_reply *reply,
		   struct cv_error *err)
{
	int found;

	found = db->facts.verifies ?
		db->pass->verify(db->db, in, password, reply, err) :
		auth_db_lookup(db, in, reply, err);
	if (db->facts.verifies && (found != CV_AUTH_OK ||
				   auth_reply_get(reply, "password") == NULL))
		return found;
	if (found < 0 || auth_db_no_password(reply))
		return found;
	if (found == CV_AUTH_OK &&
	    (auth_reply_get(reply, "password") == NULL ||
	     auth_reply_is_true(reply, "nopassword")))
		found = CV_AUTH_MISMATCH;
	return verify_hash(db, in, found, password, reply, err);
}
