/* auth-ldap.c - users in LDAP directories; passdb and userdb.
 *
 *	passdb {
 *		driver = ldap
 *		args = /etc/culver/dovecot-ldap.conf.ext
 *	}
 *
 * The file is Dovecot 2.3's.  libldap waits, so this runs in auth-worker; a
 * worker keeps its connections. */
#include "cv-auth.h"
#include "../db-common/db-report.h"
#include "../db-common/db-users.h"
#include "ldap-attrs.h"
#include "ldap-conn.h"

struct ldap_users {
	struct db_users users;		/* first */
	struct ldap_file file;
	struct host_pool hosts;
	struct ldap_template base, bind_dn;
	struct ldap_template pass_filter, user_filter, iterate_filter;
	struct ldap_attrs pass_attrs, user_attrs, iterate_attrs;
	const char *pass_key, *user_key;
};

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

/* --- variables ----------------------------------------------------------------- */

static int expand_for(const struct ldap_values *values, const char *variable,
		      struct cv_text *out, struct cv_error *err)
{
	return auth_api->expand(values->context, variable,
				CV_AUTH_EXPAND_RAW, out, err);
}

static int modify_for(const struct ldap_values *values, const char *variable,
		      const char *value, struct cv_text *out,
		      struct cv_error *err)
{
	struct cv_auth_input in = *(const struct cv_auth_input *)
		values->context;

	in.size = (uint32_t)sizeof(in);
	in.user = value;
	return auth_api->expand(&in, variable, CV_AUTH_EXPAND_RAW, out, err);
}

static int expand_nothing(const struct ldap_values *values,
			  const char *variable, struct cv_text *out,
			  struct cv_error *err)
{
	(void)values;
	(void)out;
	return CV_FAIL(err, CV_E_CONFIG, "there is the variable %s, but no "
		       "user yet", variable);
}

/* --- asking -------------------------------------------------------------------- */

/* The failure with what it was about, and the way out. */
static int explain(const struct ldap_users *users, const char *what, int ret,
		   struct cv_pool *pool, struct cv_error *err)
{
	const char *hint = "", *text;

	if (ret >= 0 || err == NULL)
		return ret;
	text = cv_span_copy(pool, cv_span_of(cv_api->error_text(err)));
	if (ret == CV_E_TEMP || ret == CV_E_TIMEOUT)
		hint = " (hint: is the server running, and are uris, dn, "
			"dnpass and the tls settings right? Users are refused "
			"for the time being)";
	return CV_FAIL(err, ret, "%s of '%s': %s%s", what, users->file.path,
		       text, hint);
}

/* What a lookup has found: the first entry's fields. */
struct finding {
	const struct ldap_attrs *attrs;
	const struct ldap_values *values;
	const struct cv_auth_input *in;
	struct cv_auth_reply *reply;
	uint32_t entries;
	const char *dn;
};

static int set_field(const struct ldap_taker *taker, const char *name,
		     const struct cv_span *values, uint32_t count,
		     struct cv_error *err)
{
	const struct finding *f = taker->context;

	if (count > 1)
		cv_api->log(plugin_self, CV_LOG_WARNING, "%s: '%s' has %u "
			    "values, the first one counts (hint: "
			    "=%s=%%{ldap_multi:...} takes all)", f->in->user,
			    name, count, name);
	if (!auth_api->set(f->reply, cv_span_of(name), values[0]))
		return CV_FAIL(err, CV_E_CONFIG, "'%s' of %s is no field: its "
			       "name has other bytes than letters, digits and "
			       "_-:./, or its value has NUL or line ends or "
			       "is longer than 8 KiB", name, f->dn);
	return CV_OK;
}

static int take_entry(void *context, const struct ldap_entry *entry,
		      struct cv_error *err)
{
	struct finding *f = context;
	const struct ldap_taker taker = { set_field, f };

	if (f->entries++ > 0)
		return CV_EOF;
	f->dn = entry->dn;
	return ldap_attrs_apply(f->attrs, f->in->pool, f->values, entry,
				&taker, err);
}

/* CV_E_DENIED: nobody can have such a name. */
static int expand_text(const struct ldap_template *template,
		       struct cv_pool *pool, const struct ldap_values *values,
		       const char **text_r, struct cv_error *err)
{
	struct cv_text text;
	int ret;

	cv_text_init(&text, pool);
	ret = ldap_template_expand(template, pool, values, NULL, CV_SPAN_NONE,
				   &text, err);
	*text_r = cv_text_str(&text);
	return ret;
}

static int no_such_name(const struct ldap_users *users, const char *what,
			const struct cv_auth_input *in, struct cv_error *err)
{
	cv_api->log(plugin_self, CV_LOG_INFO, "%s: %s of '%s': %s", in->user,
		    what, users->file.path, err == NULL ? "" :
		    cv_api->error_text(err));
	return CV_AUTH_UNKNOWN_USER;
}

static int find(struct ldap_users *users, const char *what,
		const struct ldap_template *filter, struct finding *f,
		struct cv_error *err)
{
	struct cv_pool *pool = f->in->pool;
	struct ldap_request request = {
		.pool = pool, .attrs = f->attrs->wanted,
		.entry = take_entry, .context = f,
	};
	int ret = expand_text(&users->base, pool, f->values, &request.base,
			      err);

	if (ret == CV_OK)
		ret = expand_text(filter, pool, f->values, &request.filter,
				  err);
	if (ret == CV_OK) {
		ret = host_pool_exec(&users->hosts, &request, false, err);
		/* a domain that the directory does not have */
		if (ret == CV_E_DENIED && users->base.variables[0] == '\0')
			ret = CV_E_CONFIG;
	}
	if (ret == CV_E_DENIED)
		return no_such_name(users, what, f->in, err);
	if (ret < 0)
		return explain(users, what, ret, pool, err);
	if (f->entries > 1)
		return CV_FAIL(err, CV_E_CONFIG, "%s of '%s' has found more "
			       "than one entry for '%s' (hint: make the "
			       "filter find one)", what, users->file.path,
			       f->in->user);
	return f->entries == 0 ? CV_AUTH_UNKNOWN_USER : CV_AUTH_OK;
}

static int find_password(struct ldap_users *users, struct finding *f,
			 struct cv_error *err)
{
	return find(users, "pass_filter", &users->pass_filter, f, err);
}

/* --- passdb -------------------------------------------------------------------- */

static int passdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct ldap_users *users = data;
	const struct ldap_values values = { expand_for, modify_for, in };
	struct finding f = { &users->pass_attrs, &values, in, reply, 0, "" };

	/* who looks fields up (where is this user's mail?) needs none */
	if (users->file.auth_bind && (in->mechanism[0] != '\0' ||
				      users->bind_dn.count > 0))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "'%s' has auth_bind = "
			       "yes: it can verify passwords, not look them "
			       "up%s%s (hint: mechanisms that get the "
			       "password are PLAIN and LOGIN; the others need "
			       "auth_bind = no and userPassword=password in "
			       "pass_attrs)", users->file.path,
			       in->mechanism[0] == '\0' ? "" : " for ",
			       in->mechanism);
	return find_password(users, &f, err);
}

static bool is_set(const struct cv_auth_reply *reply, const char *name)
{
	struct cv_span value = auth_api->get(reply, name);

	return value.data != NULL && !cv_span_is_icase(value, "no") &&
		!cv_span_is_icase(value, "n") && !cv_span_is(value, "0");
}

static int bind_as(struct ldap_users *users, const struct cv_auth_input *in,
		   const char *dn, struct cv_span password,
		   struct cv_error *err)
{
	struct ldap_request request = {
		.is_bind = true, .pool = in->pool, .dn = dn,
		.password = password, .why = "",
	};
	int ret = host_pool_exec(&users->hosts, &request, false, err);

	if (ret > 0)
		cv_api->log(plugin_self, CV_LOG_INFO, "%s: the server does "
			    "not let '%s' in%s%s", in->user, dn,
			    request.why[0] == '\0' ? "" : ": ", request.why);
	return explain(users, "auth_bind", ret, in->pool, err);
}

/* auth_bind = yes: the directory compares. */
static int passdb_verify(void *data, const struct cv_auth_input *in,
			 struct cv_span password, struct cv_auth_reply *reply,
			 struct cv_error *err)
{
	struct ldap_users *users = data;
	const struct ldap_values values = { expand_for, modify_for, in };
	struct finding f = { &users->pass_attrs, &values, in, reply, 0, "" };
	int ret;

	if (users->bind_dn.count > 0) {
		ret = expand_text(&users->bind_dn, in->pool, &values, &f.dn,
				  err);
		if (ret == CV_E_DENIED)
			return no_such_name(users, "auth_bind_userdn", in,
					    err);
		ret = explain(users, "auth_bind_userdn", ret, in->pool, err);
	} else {
		ret = find_password(users, &f, err);
	}
	if (ret != CV_AUTH_OK || is_set(reply, "nopassword"))
		return ret;
	return bind_as(users, in, f.dn, password, err);
}

static bool passdb_verifies(void *data)
{
	return ((struct ldap_users *)data)->file.auth_bind;
}

/* --- userdb -------------------------------------------------------------------- */

static int userdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct ldap_users *users = data;
	const struct ldap_values values = { expand_for, modify_for, in };
	struct finding f = { &users->user_attrs, &values, in, reply, 0, "" };

	return find(users, "user_filter", &users->user_filter, &f, err);
}

/* All users. */
struct listing {
	struct ldap_users *users;
	const struct ldap_values *values;
	cv_user_found_fn *found;
	void *context;
	bool ended;
};

static int list_field(const struct ldap_taker *taker, const char *name,
		      const struct cv_span *values, uint32_t count,
		      struct cv_error *err)
{
	struct listing *l = taker->context;

	(void)err;
	if (strcmp(name, "user") != 0)
		return CV_OK;
	for (uint32_t i = 0; i < count && !l->ended; i++)
		l->ended = !l->found(l->context, values[i]);
	return l->ended ? CV_EOF : CV_OK;
}

static int list_entry(void *context, const struct ldap_entry *entry,
		      struct cv_error *err)
{
	struct listing *l = context;
	const struct ldap_taker taker = { list_field, l };
	struct cv_pool *pool = cv_api->pool_create("ldap user");
	int ret = ldap_attrs_apply(&l->users->iterate_attrs, pool, l->values,
				   entry, &taker, err);

	cv_api->pool_destroy(&pool);
	return ret;
}

static int list_users(struct listing *l, struct cv_pool *pool,
		      struct cv_error *err)
{
	struct ldap_users *users = l->users;
	struct ldap_request request = {
		.is_list = true, .pool = pool, .entry = list_entry,
		.context = l, .attrs = users->iterate_attrs.wanted,
	};
	int ret = expand_text(&users->base, pool, l->values, &request.base,
			      err);

	if (ret == CV_OK)
		ret = expand_text(&users->iterate_filter, pool, l->values,
				  &request.filter, err);
	if (ret == CV_OK)
		ret = host_pool_exec(&users->hosts, &request, false, err);
	return explain(users, "iterate_filter", ret, pool, err);
}

static int userdb_iterate(void *data, cv_user_found_fn *found, void *context,
			  struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("ldap users");
	const struct cv_auth_input nobody = {
		CV_SIZED(cv_auth_input), .user = "", .original_user = "",
		.login_user = "", .master_user = "", .service = "",
		.mechanism = "", .realm = "", .session_id = "",
		.local_ip = "", .remote_ip = "", .local_name = "",
		.cert_name = "", .pool = pool,
	};
	const struct ldap_values values = {
		expand_nothing, modify_for, &nobody,
	};
	struct listing l = { data, &values, found, context, false };
	int ret = list_users(&l, pool, err);

	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- opening ------------------------------------------------------------------- */

static const char *join(struct cv_pool *pool, const char *const *texts)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (; *texts != NULL; texts++)
		cv_text_append_str(&out, *texts);
	return cv_text_str(&out);
}

struct parsing {
	struct ldap_users *users;
	const struct db_report *report;
	struct cv_error *err;
	bool failed;
};

static void note(struct parsing *p, const char *setting, int ret)
{
	if (ret == CV_OK)
		return;
	p->failed = true;
	db_report_value(p->report, setting, cv_api->error_text(p->err));
}

static void parse_template(struct parsing *p, const char *setting,
			   const char *text, uint32_t kind,
			   struct ldap_template *template_r)
{
	note(p, setting, ldap_template_parse(p->users->users.pool, text, kind,
					     template_r, p->err));
}

/* An empty one would find everybody. */
static void parse_filter(struct parsing *p, const char *setting,
			 const char *text, struct ldap_template *template_r)
{
	if (text[0] == '\0')
		note(p, setting, CV_FAIL(p->err, CV_E_CONFIG, "it is empty"));
	parse_template(p, setting, text, LDAP_TEMPLATE_FILTER, template_r);
}

static void parse_attrs(struct parsing *p, const char *setting,
			const char *text, const char *ignored,
			struct ldap_attrs *attrs_r)
{
	note(p, setting, ldap_attrs_parse(p->users->users.pool, text, ignored,
					  attrs_r, p->err));
}

static void check_iterate(struct parsing *p)
{
	const struct ldap_attrs *attrs = &p->users->iterate_attrs;

	for (uint32_t i = 0; i < attrs->count; i++) {
		if (strcmp(attrs->fields[i].name, "user") == 0)
			return;
	}
	note(p, "iterate_attrs", CV_FAIL(p->err, CV_E_CONFIG, "it has no "
					 "field 'user' (like uid=user)"));
}

/* All the texts of the file; false: there are mistakes. */
static bool parse_texts(struct ldap_users *users,
			const struct db_report *report)
{
	struct parsing p = { users, report,
		cv_api->error_new(users->users.pool), false };
	const struct ldap_file *file = &users->file;

	parse_template(&p, "base", file->base, LDAP_TEMPLATE_DN,
		       &users->base);
	parse_template(&p, "auth_bind_userdn", file->auth_bind ?
		       file->auth_bind_userdn : "", LDAP_TEMPLATE_DN,
		       &users->bind_dn);
	parse_filter(&p, "pass_filter", file->pass_filter,
		     &users->pass_filter);
	parse_filter(&p, "user_filter", file->user_filter,
		     &users->user_filter);
	parse_filter(&p, "iterate_filter", file->iterate_filter,
		     &users->iterate_filter);
	parse_attrs(&p, "pass_attrs", file->pass_attrs,
		    file->auth_bind ? "password" : NULL, &users->pass_attrs);
	parse_attrs(&p, "user_attrs", file->user_attrs, NULL,
		    &users->user_attrs);
	parse_attrs(&p, "iterate_attrs", file->iterate_attrs, NULL,
		    &users->iterate_attrs);
	if (!p.failed)
		check_iterate(&p);
	users->pass_key = join(users->users.pool, (const char *const[]){
		users->base.variables, users->bind_dn.variables,
		users->pass_filter.variables, users->pass_attrs.variables,
		NULL });
	users->user_key = join(users->users.pool, (const char *const[]){
		users->base.variables, users->user_filter.variables,
		users->user_attrs.variables, NULL });
	return !p.failed;
}

static void tell_paths(const struct ldap_file *file, const char *ca_file,
		       const char *ca_dir,
		       const struct cv_auth_db_config *config)
{
	const char *const paths[] = {
		file->tls_ca_cert_file, file->tls_ca_cert_dir,
		file->tls_cert_file, file->tls_key_file, file->ldaprc_path,
		ca_file, ca_dir,
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i][0] == '/')
			config->needs_path(config, paths[i]);
	}
}

static int open_users(struct db_users *db,
		      const struct cv_auth_db_config *config,
		      struct cv_error *err)
{
	struct ldap_users *users = (void *)db;
	struct db_report report = { .path = db->path, .self = plugin_self };
	const char *ca_file, *ca_dir;
	int ret = ldap_file_read(db->pool, db->path, &users->file,
				 db_report_line, &report, err);

	if (ret == CV_OK && !parse_texts(users, &report))
		ret = CV_E_CONFIG;
	if (ret == CV_E_CONFIG)
		return CV_FAIL(err, ret, "'%s' has errors, see above",
			       db->path);
	if (ret != CV_OK)
		return ret;
	ret = ldap_conn_prepare(db->pool, plugin_self, &users->file,
				&ca_file, &ca_dir, err);
	if (ret != CV_OK)
		return ret;
	tell_paths(&users->file, ca_file, ca_dir, config);
	ldap_conn_pool(db->pool, plugin_self, &users->file, &users->hosts);
	return CV_OK;
}

static void close_users(struct db_users *db)
{
	host_pool_close(&((struct ldap_users *)(void *)db)->hosts);
}

static struct db_users_kind users_kind = {
	.name = "auth-ldap", .size = sizeof(struct ldap_users),
	.open = open_users, .close = close_users,
};

static int ldap_open_users(const struct cv_auth_db_config *config,
			   void **db_r, struct cv_error *err)
{
	return db_users_open(&users_kind, config, db_r, err);
}

static void ldap_close_users(void *data)
{
	db_users_close(&users_kind, data);
}

static const char *scheme(void *data)
{
	return ((struct ldap_users *)data)->file.default_pass_scheme;
}

static const char *password_key(void *data)
{
	return ((struct ldap_users *)data)->pass_key;
}

static const char *user_key(void *data)
{
	return ((struct ldap_users *)data)->user_key;
}

/* --- looking it over ------------------------------------------------------------ */

static void check_files(const struct cv_check *check,
			const struct ldap_file *file)
{
	const char *const files[] = {
		file->tls_ca_cert_file, file->tls_cert_file,
		file->tls_key_file, file->ldaprc_path,
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i][0] != '\0')
			(void)check->file(check, "", files[i], CV_CHECK_FILE);
	}
	if (file->tls_ca_cert_dir[0] != '\0')
		(void)check->file(check, "", file->tls_ca_cert_dir,
				  CV_CHECK_FOLDER);
}

static void ldap_check(const struct cv_check *check)
{
	struct ldap_users users = { .users = { .pool = check->pool } };
	struct db_report c;
	int ret;

	if (!db_report_check(check, "dovecot-ldap.conf.ext", &c))
		return;
	ret = ldap_file_read(check->pool, c.path, &users.file, db_report_line,
			     &c, NULL);
	if (ret == CV_E_TEMP)
		return;			/* not for these eyes; open will say */
	if (CV_HAS(check, scheme))
		check->scheme(check, "",
			      cv_span_of(users.file.default_pass_scheme));
	check_files(check, &users.file);
	if (!parse_texts(&users, &c))
		return;
	(void)check->variables(check, "", users.pass_key);
	(void)check->variables(check, "", users.user_key);
}

/* --- the frame ------------------------------------------------------------------ */

static const struct cv_passdb ldap_passdb = {
	CV_SIZED(cv_passdb), .name = "ldap", .default_scheme = "CRYPT",
	.open = ldap_open_users, .close = ldap_close_users,
	.lookup = passdb_lookup, .verify = passdb_verify,
	.verifies = passdb_verifies, .scheme = scheme,
	.cache_key = password_key, .check = ldap_check,
};

static const struct cv_userdb ldap_userdb = {
	CV_SIZED(cv_userdb), .name = "ldap",
	.open = ldap_open_users, .close = ldap_close_users,
	.lookup = userdb_lookup, .iterate = userdb_iterate,
	.cache_key = user_key, .check = ldap_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_passdb(self, &ldap_passdb, err);
	return ret != CV_OK ? ret :
		cv_provide_userdb(self, &ldap_userdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-ldap", 0,
	.license = "MIT", .version = "1.0", .flags = CV_PLUGIN_CONNECTS,
	.summary = "Users in LDAP directories",
	.processes = processes,
	.init = init);
