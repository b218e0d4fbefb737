/* auth-static.c - the same answer for everybody; passdb and userdb.
 *
 *	passdb { driver = static  args = nopassword=y allow_nets=127.0.0.1 }
 *	userdb { driver = static  args = uid=vmail gid=vmail home=/home/%u }
 *
 * As userdb it asks core to make sure that a passdb knows the user, unless
 * args has allow_all_users=yes. */
#include "cv-plugin.h"
#include "cv-auth.h"

struct static_db {
	const char *args;
	bool allow_all_users;
};

static const struct cv_auth_api *auth_api;

/* Takes the next "name=value" off the front of args; false at the end.
 * Backslash protects a blank and itself. */
static bool next_pair(const char **args, struct cv_text *pair)
{
	const char *at = *args + strspn(*args, " \t");

	cv_text_reset(pair);
	for (; *at != '\0' && *at != ' ' && *at != '\t'; at++) {
		if (at[0] == '\\' && (at[1] == ' ' || at[1] == '\\'))
			at++;
		cv_text_append_c(pair, *at);
	}
	*args = at;
	return pair->len > 0;
}

static int set_field(const struct cv_auth_input *in, struct cv_span name,
		     const char *value, struct cv_auth_reply *reply,
		     struct cv_error *err)
{
	struct cv_text out;
	bool path = cv_span_is(name, "home") ||
		cv_span_is(name, "userdb_home") || cv_span_is(name, "chroot");
	int ret = CV_OK;

	cv_text_init(&out, in->pool);
	if (cv_span_is(name, "mail") || cv_span_is(name, "userdb_mail"))
		cv_text_append_str(&out, value);	/* a template */
	else
		ret = auth_api->expand(in, value, path ? CV_AUTH_EXPAND_PATH :
				       0, &out, err);
	if (ret < 0)
		return ret;
	if (!auth_api->set(reply, name, cv_text_span(&out)))
		return CV_FAIL(err, CV_E_CONFIG, "field '%.*s' is not "
			       "acceptable", CV_SPAN_ARG(name));
	return CV_OK;
}

static int static_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	const struct static_db *db = data;
	const char *args = db->args;
	struct cv_span name = CV_SPAN_NONE, value;
	struct cv_text pair;
	int ret = CV_OK;

	cv_text_init(&pair, in->pool);
	while (ret == CV_OK && next_pair(&args, &pair)) {
		value = cv_text_span(&pair);
		(void)cv_span_split(&value, '=', &name);
		if (!cv_span_is(name, "allow_all_users"))
			ret = set_field(in, name, value.data == NULL ? "yes" :
					value.data, reply, err);
	}
	return ret;
}

static int userdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	const struct static_db *db = data;
	int ret = static_lookup(data, in, reply, err);

	return ret == CV_OK && !db->allow_all_users ? CV_AUTH_OK_IF_KNOWN :
		ret;
}

static int static_open(const struct cv_auth_db_config *config, void **db_r,
		       struct cv_error *err)
{
	struct static_db *db = CV_ALLOC(config->pool, struct static_db);
	const char *args = config->args;
	struct cv_text pair;

	(void)err;
	db->args = config->args;
	cv_text_init(&pair, config->pool);
	while (next_pair(&args, &pair)) {
		if (strcmp(cv_text_str(&pair), "allow_all_users=yes") == 0 ||
		    strcmp(cv_text_str(&pair), "allow_all_users") == 0)
			db->allow_all_users = true;
	}
	*db_r = db;
	return CV_OK;
}

static bool has_password(struct cv_pool *pool, const char *args)
{
	struct cv_text pair;

	cv_text_init(&pair, pool);
	while (next_pair(&args, &pair)) {
		if (strncmp(cv_text_str(&pair), "password=", 9) == 0 ||
		    strncmp(cv_text_str(&pair), "nopassword", 10) == 0)
			return true;
	}
	return false;
}

static int passdb_open(const struct cv_auth_db_config *config, void **db_r,
		       struct cv_error *err)
{
	if (has_password(config->pool, config->args))
		return static_open(config, db_r, err);
	return CV_FAIL(err, CV_E_CONFIG, "args has neither password= nor "
		       "nopassword: nobody could log in");
}

/* --- looking args over --------------------------------------------------- */

/* All that core acts upon.  Any other name is a setting for the user, so
 * only what is near to one of these is told. */
static const char *const passdb_words[] = {
	"password", "nopassword", "user", "username", "domain", "allow_nets",
	"nologin", "reason", "nodelay", "delay_until", "fail",
	"noauthenticate", "proxy", "proxy_maybe", "host", "port", "destuser",
	"pass", "ssl", "starttls", "proxy_timeout", NULL,
};
static const char *const userdb_words[] = {
	"uid", "gid", "home", "mail", "user", "username", "domain", "chroot",
	"system_groups_user", "userdb_import", "allow_all_users",
	"quota_rule", NULL,
};

static bool is_in(struct cv_span name, const char *const *words)
{
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (cv_span_is(name, words[i]))
			return true;
	}
	return false;
}

/* "password={SSHA256}..." */
static void check_password(const struct cv_check *check, const char *value)
{
	struct cv_span text = cv_span_of(value), scheme;

	if (!cv_span_begins(text, CV_SPAN("{")) || !CV_HAS(check, scheme))
		return;
	text = cv_span_skip(text, 1);
	(void)cv_span_split(&text, '}', &scheme);
	if (text.data == NULL)
		check->error(check, "", "the password begins with '{' but has "
			     "no '}' behind the scheme");
	else
		check->scheme(check, "", scheme);
}

static void check_field(const struct cv_check *check, struct cv_span name,
			const char *value, const char *const *words)
{
	const char *guess = is_in(name, words) ? "" :
		check->nearest(check, name, words);

	if (cv_span_begins(name, CV_SPAN("userdb_"))) {
		name = cv_span_skip(name, 7);
		words = userdb_words;
		guess = is_in(name, words) ? "" :
			check->nearest(check, name, words);
	}
	if (name.len == 0)
		check->error(check, "", "args has a field without a name");
	if (guess[0] != '\0')
		check->warning(check, "", "args has '%.*s', which is taken "
			       "for a setting of the user%s",
			       CV_SPAN_ARG(name), guess);
	if (cv_span_is(name, "password") && words == passdb_words)
		check_password(check, value);
	/* mail is a template of the session's */
	if (!cv_span_is(name, "mail"))
		(void)check->variables(check, "", value);
	if (cv_span_is(name, "uid") || cv_span_is(name, "gid"))
		(void)check->system_user(check, "", value,
					 cv_span_is(name, "gid"));
}

static void check_args(const struct cv_check *check,
		       const char *const *words)
{
	const char *args = check->value;
	struct cv_span name = CV_SPAN_NONE, value;
	struct cv_text pair;

	cv_text_init(&pair, check->pool);
	while (next_pair(&args, &pair)) {
		value = cv_text_span(&pair);
		(void)cv_span_split(&value, '=', &name);
		check_field(check, name, value.data == NULL ? "" : value.data,
			    words);
	}
}

static void userdb_check(const struct cv_check *check)
{
	check_args(check, userdb_words);
}

static void passdb_check(const struct cv_check *check)
{
	check_args(check, passdb_words);
	if (!has_password(check->pool, check->value))
		check->error(check, "", "args has neither password= nor "
			     "nopassword: nobody could log in");
}

/* --- the frame ------------------------------------------------------------- */

static const struct cv_passdb static_passdb = {
	CV_SIZED(cv_passdb), .name = "static", .default_scheme = "PLAIN",
	.open = passdb_open, .lookup = static_lookup,
	.check = passdb_check,
};

static const struct cv_userdb static_userdb = {
	CV_SIZED(cv_userdb), .name = "static",
	.open = static_open, .lookup = userdb_lookup,
	.check = userdb_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_passdb(self, &static_passdb, err);
	if (ret == CV_OK)
		ret = cv_provide_userdb(self, &static_userdb, err);
	return ret;
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-static", 0,
	.license = "MIT", .version = "1.0",
	.summary = "The same fields for every user",
	.flags = CV_PLUGIN_PURE,
	.processes = processes,
	.init = init);
