/* auth-apppassword.c - the passwords that users have for single programs and
 * devices, beside or in place of the main one.
 *
 *	passdb {
 *		driver = apppassword
 *		args = /var/lib/culver/apppasswords/%u
 *	}
 *
 * One file a user, made by culveradm apppassword.  Not pure: each login is
 * noted in a second file, and that is auth-worker's to wait for.  Nothing of
 * this comes out of the cache, so what is revoked or has expired is refused
 * from the next login on. */
#include "cv-plugin.h"
#include "cv-auth.h"
#include "apppassword-file.h"
#include "apppassword-line.h"

#include <time.h>

enum { SECRET_LETTERS = 20, SECRET_GROUP = 5 };

struct app_db {
	const char *path;		/* with variables */
};

/* A request, and the file it is about. */
struct app_call {
	const struct cv_auth_input *in;
	const char *path;
	struct cv_span text;		/* the file */
	const struct cv_app_password *add;
	const char *revoke;
};

static struct cv_plugin *plugin_self;
static const struct cv_auth_api *auth_api;

/* --- finding -------------------------------------------------------------- */

/* CV_OK: the call is complete; CV_NOT_FOUND: the user has no file. */
static int call_open(struct app_db *db, const struct cv_auth_input *in,
		     struct app_call *call, struct cv_error *err)
{
	struct cv_text path;
	int ret;

	memset(call, 0, sizeof(*call));
	cv_text_init(&path, in->pool);
	ret = auth_api->expand(in, db->path, CV_AUTH_EXPAND_PATH, &path, err);
	if (ret < 0)
		return ret == CV_E_DENIED ? CV_NOT_FOUND : ret;
	call->in = in;
	call->path = cv_text_str(&path);
	return apppassword_file_read(call->path, in->pool, &call->text, err);
}

/* The user's next line. */
static bool next_own(const struct app_call *call, struct cv_span *rest,
		     struct apppassword_line *one)
{
	struct cv_span line;

	while (apppassword_next_line(rest, &line)) {
		int ret = apppassword_parse_line(line, one);

		if (ret == CV_E_SYNTAX)
			cv_api->log(plugin_self, CV_LOG_ERROR, "%s: the line "
				    "at byte %zu is left out: it is not user, "
				    "id, hash, created, expires, protocols, "
				    "nets, name", call->path,
				    (size_t)(line.data - call->text.data));
		if (ret == CV_OK && cv_span_is(one->user, call->in->user))
			return true;
	}
	return false;
}

/* Why it may not be used now; NULL: it may. */
static const char *refusal(const struct apppassword_line *one,
			   const struct cv_auth_input *in)
{
	if (one->expires != 0 && one->expires <= (uint64_t)time(NULL))
		return "it has expired";
	if (!apppassword_has_protocol(one->protocols,
				      cv_span_of(in->service)))
		return "it is not for this protocol";
	return NULL;
}

/* The letters of a secret as they were shown: in groups with '-' between,
 * however they were typed.  Anything else stays as it is. */
static struct cv_span as_shown(struct cv_pool *pool, struct cv_span typed)
{
	struct cv_text text;
	size_t letters = 0;

	cv_text_init(&text, pool);
	for (size_t i = 0; i < typed.len; i++) {
		char c = typed.data[i];

		if (c == ' ' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 'a' - 'A');
		if (letters == SECRET_LETTERS ||
		    !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			return typed;
		if (letters > 0 && letters % SECRET_GROUP == 0)
			cv_text_append_c(&text, '-');
		cv_text_append_c(&text, c);
		letters++;
	}
	return letters == SECRET_LETTERS ? cv_text_span(&text) : typed;
}

/* --- passdb --------------------------------------------------------------- */

static int accept_one(const struct app_call *call,
		      const struct apppassword_line *one,
		      struct cv_auth_reply *reply, struct cv_error *err)
{
	const struct cv_auth_input *in = call->in;
	const char *why = refusal(one, in);

	if (why != NULL) {
		cv_api->log(plugin_self, CV_LOG_INFO, "%s: application "
			    "password %.*s (%.*s) is right, but %s", in->user,
			    CV_SPAN_ARG(one->id), CV_SPAN_ARG(one->name),
			    why);
		return CV_AUTH_MISMATCH;
	}
	/* core looks at the address, and says so when it is not in there */
	if (one->nets.len > 0 &&
	    !auth_api->set(reply, CV_SPAN("allow_nets"), one->nets))
		return CV_FAIL(err, CV_E_CONFIG, "%s: nets of %.*s are not "
			       "acceptable", call->path,
			       CV_SPAN_ARG(one->id));
	cv_api->log(plugin_self, CV_LOG_DEBUG, "%s: application password "
		    "%.*s (%.*s)", in->user, CV_SPAN_ARG(one->id),
		    CV_SPAN_ARG(one->name));
	return CV_AUTH_OK;
}

static void note_use(const struct app_call *call,
		     const struct apppassword_line *one)
{
	struct cv_error *err = cv_api->error_new(call->in->pool);

	if (apppassword_file_used(call->path, call->in->pool, call->in->user,
				  one->id, (uint64_t)time(NULL),
				  call->in->remote_ip, err) < 0)
		cv_api->log(plugin_self, CV_LOG_ERROR, "last use is not "
			    "noted: %s", cv_api->error_text(err));
}

static int check_all(const struct app_call *call, struct cv_span password,
		     struct cv_auth_reply *reply, struct cv_error *err)
{
	struct cv_error *bad = cv_api->error_new(call->in->pool);
	struct cv_span rest = call->text;
	struct apppassword_line one;
	int result = CV_AUTH_UNKNOWN_USER;

	password = as_shown(call->in->pool, password);
	while (next_own(call, &rest, &one)) {
		int ret = auth_api->password_verify(
			cv_span_copy(call->in->pool, one.stored), call->in,
			password, bad);

		if (ret < 0)
			cv_api->log(plugin_self, CV_LOG_ERROR, "%s: %.*s: %s",
				    call->path, CV_SPAN_ARG(one.id),
				    cv_api->error_text(bad));
		if (ret != CV_AUTH_OK) {
			result = CV_AUTH_MISMATCH;
			continue;
		}
		ret = accept_one(call, &one, reply, err);
		if (ret == CV_AUTH_OK)
			note_use(call, &one);
		return ret;
	}
	return result;
}

static int passdb_verify(void *data, const struct cv_auth_input *in,
			 struct cv_span password, struct cv_auth_reply *reply,
			 struct cv_error *err)
{
	struct app_call call;
	int ret = call_open(data, in, &call, err);

	if (ret == CV_NOT_FOUND)
		return CV_AUTH_UNKNOWN_USER;
	return ret < 0 ? ret : check_all(&call, password, reply, err);
}

/* SCRAM-SHA-256-PLUS has the secret of SCRAM-SHA-256 [RFC5802 4]. */
static struct cv_span secret_of(const char *mechanism)
{
	struct cv_span name = cv_span_of(mechanism), plus = CV_SPAN("-PLUS");

	if (name.len > plus.len &&
	    cv_span_equal(cv_span_skip(name, name.len - plus.len), plus))
		name.len -= plus.len;
	return name;
}

/* Whether a mechanism can do with what is stored: its own secret, under
 * either name and in any encoding, or the password itself. */
static bool fits_mechanism(const struct apppassword_line *one,
			   const struct cv_auth_input *in)
{
	static const char *const plain[] = { "PLAIN", "CLEAR", "CLEARTEXT" };
	struct cv_span rest = cv_span_skip(one->stored, 1), scheme, base;
	struct cv_span secret = secret_of(in->mechanism);

	if (!cv_span_split(&rest, '}', &scheme) || rest.data == NULL)
		return false;
	(void)cv_span_split(&scheme, '.', &base);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (cv_span_is_icase(base, plain[i]))
			return true;
	}
	return cv_span_equal_icase(base, secret) ||
		(cv_span_is(secret, "CRAM-MD5") &&
		 cv_span_is_icase(base, "HMAC-MD5"));
}

/* Mechanisms that prove a secret without telling it can be asked about one
 * only: the newest that is for this protocol. */
static int passdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct apppassword_line one, best = { .created = 0 };
	struct app_call call;
	struct cv_span rest;
	int ret;

	/* whether there is such a user is for others to say */
	if (in->mechanism[0] == '\0')
		return CV_AUTH_NEXT;
	ret = call_open(data, in, &call, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_AUTH_NEXT : ret;
	rest = call.text;
	while (next_own(&call, &rest, &one)) {
		if (fits_mechanism(&one, in) && refusal(&one, in) == NULL &&
		    one.created >= best.created)
			best = one;
	}
	if (best.stored.data == NULL)
		return CV_AUTH_NEXT;
	if (!auth_api->set(reply, CV_SPAN("password"), best.stored))
		return CV_FAIL(err, CV_E_CONFIG, "%s: hash of %.*s is not "
			       "acceptable", call.path, CV_SPAN_ARG(best.id));
	return accept_one(&call, &best, reply, err);
}

static const char *db_cache_key(void *data)
{
	(void)data;
	return CV_AUTH_UNCACHED;
}

/* --- for culveradm -------------------------------------------------------- */

static void find_use(struct cv_span text, const struct apppassword_line *one,
		     struct cv_app_password *out, struct cv_pool *pool)
{
	struct apppassword_use use;
	struct cv_span line;

	while (apppassword_next_line(&text, &line)) {
		if (apppassword_parse_use(line, &use) != CV_OK ||
		    !cv_span_equal(use.user, one->user) ||
		    !cv_span_equal(use.id, one->id) ||
		    use.time < one->created)
			continue;
		out->used = use.time;
		out->used_ip = cv_span_copy(pool, use.ip);
	}
}

static int app_list(void *data, const struct cv_auth_input *in,
		    cv_app_password_fn *found, void *context,
		    struct cv_error *err)
{
	struct apppassword_line one;
	struct cv_span rest, used;
	struct cv_text path;
	struct app_call call;
	int ret = call_open(data, in, &call, err);

	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	cv_text_init(&path, in->pool);
	cv_text_append_f(&path, "%s.used", call.path);
	ret = apppassword_file_read(cv_text_str(&path), in->pool, &used, err);
	if (ret < 0)
		return ret;
	rest = call.text;
	while (next_own(&call, &rest, &one)) {
		struct cv_app_password out = {
			CV_SIZED(cv_app_password),
			.id = cv_span_copy(in->pool, one.id),
			.name = cv_span_copy(in->pool, one.name),
			.stored = "", .used_ip = "",
			.protocols = cv_span_copy(in->pool, one.protocols),
			.nets = cv_span_copy(in->pool, one.nets),
			.created = one.created, .expires = one.expires,
		};

		find_use(used, &one, &out, in->pool);
		if (!found(context, &out))
			break;
	}
	return CV_OK;
}

static int add_line(void *context, struct cv_span old, struct cv_text *text,
		    struct cv_error *err)
{
	struct app_call *call = context;
	const struct cv_app_password *add = call->add;
	struct apppassword_line one;
	struct cv_span rest = old;
	uint32_t count = 0;

	call->text = old;
	while (next_own(call, &rest, &one)) {
		if (cv_span_is(one.id, add->id))
			return CV_FAIL(err, CV_E_EXISTS, "there is an "
				       "application password '%s'", add->id);
		count++;
	}
	if (count >= APPPASSWORD_PER_USER_MAX)
		return CV_FAIL(err, CV_E_LIMIT, "user '%s' has %u application "
			       "passwords: revoke one that is not used",
			       call->in->user, count);
	if (old.len == 0)
		cv_text_append_str(text, "# Made by culveradm apppassword: "
				   "user, id, hash, created, expires, "
				   "protocols, nets, name\n");
	cv_text_append_span(text, old);
	if (old.len > 0 && old.data[old.len - 1] != '\n')
		cv_text_append_c(text, '\n');
	cv_text_append_f(text, "%s\t%s\t%s\t%llu\t%llu\t%s\t%s\t%s\n",
			 call->in->user, add->id, add->stored,
			 (unsigned long long)add->created,
			 (unsigned long long)add->expires, add->protocols,
			 add->nets, add->name);
	return CV_OK;
}

static bool is_acceptable(const struct cv_app_password *one)
{
	const char *const texts[] = {
		one->id, one->stored, one->protocols, one->nets, one->name,
	};
	size_t sum = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!apppassword_is_text(cv_span_of(texts[i])))
			return false;
		sum += strlen(texts[i]);
	}
	return one->id[0] != '\0' && one->stored[0] == '{' &&
		sum < APPPASSWORD_LINE_MAX / 2;
}

static int app_add(void *data, const struct cv_auth_input *in,
		   const struct cv_app_password *one, struct cv_error *err)
{
	struct app_call call;
	int ret = call_open(data, in, &call, err);

	if (ret < 0)
		return ret;
	if (call.path == NULL)
		return CV_FAIL(err, CV_E_DENIED, "'%s' cannot be part of a "
			       "path", in->user);
	/* a line of theirs would be a comment */
	if (in->user[0] == '#')
		return CV_FAIL(err, CV_E_DENIED, "a user whose name begins "
			       "with '#' has no application passwords");
	if (!is_acceptable(one))
		return CV_FAIL(err, CV_E_SYNTAX, "a name or list has a "
			       "control byte in it or is too long");
	call.add = one;
	return apppassword_file_change(call.path, in->pool, add_line, &call,
				       err);
}

static int drop_line(void *context, struct cv_span old, struct cv_text *text,
		     struct cv_error *err)
{
	const struct app_call *call = context;
	struct cv_span rest = old, line;
	struct apppassword_line one;
	int found = CV_NOT_FOUND;

	(void)err;
	while (apppassword_next_line(&rest, &line)) {
		if (apppassword_parse_line(line, &one) == CV_OK &&
		    cv_span_is(one.user, call->in->user) &&
		    cv_span_is(one.id, call->revoke)) {
			found = CV_OK;
			continue;
		}
		cv_text_append_span(text, line);
		cv_text_append_c(text, '\n');
	}
	return found;
}

static int app_revoke(void *data, const struct cv_auth_input *in,
		      const char *id, struct cv_error *err)
{
	struct app_call call;
	int ret = call_open(data, in, &call, err);

	if (ret != CV_OK)
		return ret;
	call.revoke = id;
	return apppassword_file_change(call.path, in->pool, drop_line, &call,
				       err);
}

/* --- args ----------------------------------------------------------------- */

/* The directory of the files, as far as it does not vary. */
static const char *fixed_folder(struct cv_pool *pool, const char *path)
{
	size_t fixed = strcspn(path, "%"), len = 0;

	for (size_t i = 0; i < fixed; i++) {
		if (path[i] == '/')
			len = i;
	}
	return cv_span_copy(pool, cv_span(path, len));
}

static const char *args_problem(const char *path, struct cv_pool *pool)
{
	if (path[0] != '/')
		return "args is not the absolute path of a file "
			"(args = /var/lib/culver/apppasswords/%u)";
	if (strchr(path, '%') == NULL)
		return "the path in args has no variable: each user has a "
			"file (args = /var/lib/culver/apppasswords/%u)";
	return fixed_folder(pool, path)[0] == '\0' ?
		"the files have no directory of their own" : NULL;
}

static int db_open(const struct cv_auth_db_config *config, void **db_r,
		   struct cv_error *err)
{
	struct app_db *db = CV_ALLOC(config->pool, struct app_db);
	const char *problem = args_problem(config->args, config->pool);

	if (problem != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "%s", problem);
	db->path = config->args;
	if (CV_HAS(config, writes_path))
		config->writes_path(config, fixed_folder(config->pool,
							 db->path));
	*db_r = db;
	return CV_OK;
}

static void db_check(const struct cv_check *check)
{
	const char *problem = args_problem(check->value, check->pool);

	if (problem != NULL)
		check->error(check, "", "%s", problem);
	else
		(void)check->variables(check, "", check->value);
}

static const struct cv_app_passwords app_passwords = {
	CV_SIZED(cv_app_passwords),
	.list = app_list, .add = app_add, .revoke = app_revoke,
};

static const struct cv_passdb apppassword_passdb = {
	CV_SIZED(cv_passdb), .name = "apppassword",
	.open = db_open, .lookup = passdb_lookup, .verify = passdb_verify,
	.cache_key = db_cache_key, .check = db_check,
	.app_passwords = &app_passwords,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	if (!CV_HAS(auth_api, password_verify))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "this server's auth "
			       "checks no passwords for plugins");
	return cv_provide_passdb(self, &apppassword_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-apppassword", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Application passwords in files, one a user",
	.processes = processes,
	.init = init);
