/* adm-auth.c - culveradm auth and culveradm user: what the databases say.
 *
 * Opens the databases of the configuration itself, with the rights of its
 * caller, so that it works beside a running server and without one; the
 * server's cache, penalties and delays have no part in it.  Only "auth cache"
 * talks to the server. */
#include "adm-control.h"
#include "ipc/auth-message.h"
#include "auth/auth-plugin-api.h"
#include "auth/auth-request.h"
#include "auth/auth-username.h"
#include "module/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { FIELD_WIDTH = 10, ANSWER_MSECS = 30000 };

/* What the options say. */
struct lookup {
	struct adm *adm;
	struct auth *auth;
	const char *service, *field, *master;
	struct conn_info conn;
	const char *session_id, *mechanism;
	bool userdb_only;		/* -u */
	struct adm_output *out;
	int status;
};

/* --- rows, for -f --------------------------------------------------------- */

/* With -f the answer is rows of one output, whatever number of users. */
static bool wants_rows(const struct lookup *l)
{
	return l->adm->format != ADM_FORMAT_DEFAULT;
}

static void begin_rows(struct lookup *l, const char *const *columns)
{
	if (l->out == NULL)
		l->out = adm_output_begin(l->adm, ADM_FORMAT_TAB, columns);
}

static void put_fact(struct lookup *l, const char *user, const char *field,
		     const char *value)
{
	static const char *const columns[] = { "username", "field", "value",
		NULL };

	begin_rows(l, columns);
	adm_output_value(l->out, user);
	adm_output_value(l->out, field);
	adm_output_value(l->out, value);
}

/* --- the engine --------------------------------------------------------- */

int adm_auth_open(struct adm *adm, struct auth **auth_r, struct cv_error *err)
{
	struct settings_read_options options = {
		.overrides = adm->overrides, .accept_unknown = true,
	};
	struct module_role role = {
		.process = "auth", .wants = MODULE_WANT_AUTH,
	};
	struct settings_tree *tree;
	int ret;

	settings_register_core();
	settings_register(&module_settings_table);
	/* names of plugins that are not loaded here are nobody's business;
	 * the tree stays to the end of the program */
	ret = settings_read(adm->config_path, &options, &tree, err);
	if (ret < 0)
		return ret;
	auth_plugin_api_register();
	if ((ret = module_load_role(tree, &role, err)) < 0)
		return ret;
	return auth_create(tree, NULL, NULL, auth_r, err);
}

void adm_auth_close(struct auth **auth)
{
	auth_destroy(auth);
	module_unload_all();
}

static int open_auth(struct lookup *l, struct cv_error *err)
{
	return adm_auth_open(l->adm, &l->auth, err);
}

static void close_auth(struct lookup *l)
{
	if (l->out != NULL)
		adm_output_end(&l->out, false);
	adm_auth_close(&l->auth);
}

/* "service=imap", "rip=192.0.2.1" ... */
static bool take_info(struct lookup *l, const char *text)
{
	const char *value = strchr(text, '=');
	struct cv_span key;

	key = cv_span(text, value == NULL ? strlen(text) :
		      (size_t)(value - text));
	value = value == NULL ? "" : value + 1;
	if (cv_span_is(key, "service"))
		l->service = value;
	else if (cv_span_is(key, "rip"))
		l->conn.remote_ip = value;
	else if (cv_span_is(key, "lip"))
		l->conn.local_ip = value;
	else if (cv_span_is(key, "rport"))
		l->conn.remote_port = (uint32_t)atoi(value);
	else if (cv_span_is(key, "lport"))
		l->conn.local_port = (uint32_t)atoi(value);
	else if (cv_span_is(key, "session"))
		l->session_id = value;
	else if (cv_span_is(key, "mech"))
		l->mechanism = value;
	else if (cv_span_is(key, "secured"))
		l->conn.secure = l->conn.tls = true;
	else
		return false;
	return true;
}

static struct auth_request *new_request(struct lookup *l)
{
	struct auth_request *request = auth_request_create(l->auth);

	auth_request_set_conn(request, l->service, l->session_id, &l->conn);
	request->input.mechanism = l->mechanism;
	request->context = l;
	return request;
}

/* Without workers everything is done when the call returns. */
static void take_result(struct auth_request *request, int result)
{
	((struct lookup *)request->context)->status = result;
}

static int temporary(const struct auth_request *request, const char *what,
		     const char *user)
{
	(void)fprintf(stderr, "culveradm: %s: user %s: %s\n", what, user,
		      request->error.text[0] != '\0' ? request->error.text :
		      "internal failure");
	return ADM_TEMPFAIL;
}

static int unknown(const char *what, const char *user)
{
	(void)fprintf(stderr, "culveradm: %s: user %s doesn't exist\n", what,
		      user);
	return ADM_NOUSER;
}

/* --- auth test ---------------------------------------------------------- */

char *adm_read_password(struct adm *adm, const char *prompt)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	char line[4096];
	size_t len;

	if (terminal) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		(void)fputs(prompt, stderr);
	}
	if (fgets(line, sizeof(line), stdin) == NULL)
		line[0] = '\0';
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputs("\n", stderr);
	}
	len = strcspn(line, "\n");
	return pool_copy(adm->pool, line, len);
}

/* What clients of auth would be told: not what it keeps to itself. */
static bool is_told(const struct auth_field *field)
{
	return strcmp(field->name, "user") != 0 &&
		strcmp(field->name, "allow_nets") != 0;
}

/* Those that are there or not, and have no value. */
static bool is_switch(const struct auth_field *field)
{
	return strcmp(field->name, "nologin") == 0 ||
		strcmp(field->name, "proxy") == 0 ||
		strcmp(field->name, "proxy_maybe") == 0;
}

/* Under which name the master user logged in. */
static const char *master_of(const struct auth_request *request, bool ok)
{
	const char *name = request->input.master_user;

	return ok && name[0] != '\0' ? name : NULL;
}

static void put_passdb(struct lookup *l, const struct auth_request *request,
		       const char *user, bool ok)
{
	put_fact(l, user, "auth", ok ? "succeeded" : "failed");
	put_fact(l, user, "user", request->input.user);
	if (master_of(request, ok) != NULL)
		put_fact(l, user, "auth_user", master_of(request, ok));
	for (size_t i = 0; ok && i < request->fields.fields.count; i++) {
		const struct auth_field *field =
			&request->fields.fields.items[i];

		if (is_told(field))
			put_fact(l, user, field->name, field->value);
	}
}

static void print_passdb(const struct auth_request *request,
			 const char *user, bool ok)
{
	printf("passdb: %s auth %s\nextra fields:\n  user=%s\n", user,
	       ok ? "succeeded" : "failed", request->input.user);
	for (size_t i = 0; ok && i < request->fields.fields.count; i++) {
		const struct auth_field *field =
			&request->fields.fields.items[i];

		if (is_told(field) && is_switch(field))
			printf("  %s\n", field->name);
		else if (is_told(field))
			printf("  %s=%s\n", field->name, field->value);
	}	if (master_of(request, ok) != NULL)
		printf("  original_user=%s\n  auth_user=%s\n",
		       master_of(request, ok), master_of(request, ok));
}

/* Names of the system's users and groups have become numbers. */
static void use_numbers(struct auth_request *request)
{
	struct cv_auth_reply *reply = &request->userdb;
	struct user_info info;
	char text[16];

	auth_request_user_info(request, &info);
	(void)snprintf(text, sizeof(text), "%u", info.uid);
	if (auth_reply_get(reply, "uid") != NULL)
		(void)auth_reply_set_str(reply, "uid", text);
	(void)snprintf(text, sizeof(text), "%u", info.gid);
	if (auth_reply_get(reply, "gid") != NULL)
		(void)auth_reply_set_str(reply, "gid", text);
}

static const char *told_text(const struct auth_request *request, int result)
{
	switch (result) {
	case CV_AUTH_OK:
		return "accepted";
	case CV_AUTH_UNKNOWN_USER:
		return "unknown user";
	case CV_AUTH_MISMATCH:
		return "wrong password, or not from there";
	case CV_AUTH_DISABLED:
		return "user is disabled";
	case CV_AUTH_EXPIRED:
		return "password has expired";
	case CV_AUTH_NEXT:
		return "no verdict, the next one is asked";
	}
	return result < 0 && request->error.text[0] != '\0' ?
		request->error.text : "internal failure";
}

/* Which passdb has decided, and how: for the admin alone, beside the answer
 * that scripts read. */
static void told(const struct auth_request *request, const struct auth_db *db,
		 int result)
{
	(void)fprintf(stderr, "culveradm: passdb %s%s%s: user %s: %s%s\n",
		      db->driver, db->args[0] != '\0' ? " " : "", db->args,
		      request->input.user, told_text(request, result),
		      !db->deny || result != CV_AUTH_OK ? "" :
		      ", and so refused (deny = yes)");
}

/* The request is the caller's to unref. */
static int try_password(struct lookup *l, struct auth_request *request,
			const char *user, const char *password)
{
	struct cv_error err = ERROR_NONE;
	int ret = auth_request_set_user(request,
					cv_span_of(l->master != NULL ?
						   l->master : user),
					cv_span_of(l->master != NULL ? user :
						   ""), &err);

	l->status = CV_AUTH_UNKNOWN_USER;
	request->told = told;
	if (ret == CV_OK)
		auth_request_verify(request, cv_span_of(password),
				    take_result);
	else
		(void)fprintf(stderr, "culveradm: %s\n", err.text);
	if (l->status < 0)
		return temporary(request, "passdb", user);
	if (wants_rows(l))
		put_passdb(l, request, user, l->status == CV_AUTH_OK);
	else
		print_passdb(request, user, l->status == CV_AUTH_OK);
	return l->status == CV_AUTH_OK ? ADM_OK : ADM_NOPERM;
}

static int auth_test(struct lookup *l, const char *user, const char *password)
{
	struct auth_request *request = new_request(l);
	int status = try_password(l, request, user, password);

	auth_request_unref(&request);
	return status;
}

/* --- auth login ----------------------------------------------------------- */

static void print_session(struct lookup *l, const struct auth_request *request,
			  const char *user)
{
	const struct cv_auth_reply *reply = &request->userdb;

	if (!wants_rows(l))
		printf("userdb extra fields:\n  %s\n", request->input.user);
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *f = &reply->fields.items[i];

		if (wants_rows(l))
			put_fact(l, user, pool_printf(l->adm->pool,
						      "userdb_%s", f->name),
				 f->value);
		else
			printf("  %s=%s\n", f->name, f->value);
	}
	if (!wants_rows(l))
		printf("  auth_mech=%s\n", request->input.mechanism);
}

/* As a login is: after the password who the user is, and whether they may. */
static int auth_login(struct lookup *l, const char *user, const char *password)
{
	struct auth_request *request = new_request(l);
	int status = try_password(l, request, user, password);

	if (status == ADM_OK &&
	    auth_reply_is_true(&request->fields, "nologin")) {
		(void)fprintf(stderr, "culveradm: user %s may not log in: "
			      "nologin\n", user);
		status = ADM_NOPERM;
	}
	if (status == ADM_OK) {
		auth_request_lookup_user(request, take_result);
		if (l->status == CV_AUTH_OK) {
			use_numbers(request);
			print_session(l, request, user);
		} else if (l->status < 0) {
			status = temporary(request, "userdb lookup", user);
		} else {
			(void)fprintf(stderr, "culveradm: user %s is in a "
				      "passdb, but in no userdb\n", user);
			status = ADM_NOPERM;
		}
	}
	auth_request_unref(&request);
	return status;
}

/* --- auth lookup -------------------------------------------------------- */

static void print_field(const char *name, const char *value)
{
	printf("  %-*s: %s\n", FIELD_WIDTH, name, value);
}

static int print_one(struct lookup *l, const struct cv_auth_reply *reply,
		     const char *name, const char *user)
{
	const char *value = strcmp(l->field, "user") == 0 ? user :
		auth_reply_get(reply, l->field);

	if (value == NULL)
		return ADM_NOT_FOUND;
	if (wants_rows(l))
		put_fact(l, name, l->field, value);
	else
		printf("%s\n", value);
	return ADM_OK;
}

static void print_or_put(struct lookup *l, const char *user,
			 const char *field, const char *value)
{
	if (wants_rows(l))
		put_fact(l, user, field, value);
	else
		print_field(field, value);
}

static int print_all(struct lookup *l, const struct cv_auth_reply *reply,
		     const char *title, const char *name, const char *user)
{
	if (!wants_rows(l))
		printf("%s: %s\n", title, name);
	print_or_put(l, name, "user", user);
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *field = &reply->fields.items[i];

		if (strcmp(field->name, "user") != 0)
			print_or_put(l, name, field->name, field->value);
	}
	return ADM_OK;
}

static int passdb_lookup(struct lookup *l, const char *user)
{
	struct auth_request *request = new_request(l);
	int ret = auth_request_set_user(request, cv_span_of(user),
					CV_SPAN(""), NULL);

	l->status = CV_AUTH_UNKNOWN_USER;
	if (ret == CV_OK)
		auth_request_verify(request, CV_SPAN_NONE, take_result);
	if (l->status < 0)
		ret = temporary(request, "passdb lookup", user);
	else if (l->status != CV_AUTH_OK)
		ret = unknown("passdb lookup", user);
	else if (l->field != NULL)
		ret = print_one(l, &request->fields, user,
				request->input.user);
	else
		ret = print_all(l, &request->fields, "passdb", user,
				request->input.user);
	auth_request_unref(&request);
	return ret;
}

/* --- user --------------------------------------------------------------- */

static void print_row(struct lookup *l, const char *name, const char *value)
{
	adm_output_value(l->out, name);
	adm_output_value(l->out, value == NULL ? "" : value);
}

/* Where the mail is of those of whom the userdb does not say it. */
static const char *default_mail(const struct lookup *l)
{
	struct settings_scope scope = { 0 };
	struct mail_settings set;

	return settings_get(l->auth->tree, &mail_settings_table, &scope,
			    l->adm->pool, &set, NULL) == CV_OK ?
		set.mail_location : NULL;
}

/* uid, gid, home and mail first, as scripts expect them. */
static int print_user(struct lookup *l, const struct auth_request *request)
{
	static const char *const columns[] = { "field", "value", NULL };
	static const char *const first[] = { "uid", "gid", "home", "mail" };
	const struct cv_auth_reply *reply = &request->userdb;
	const char *value;
	size_t k;

	begin_rows(l, columns);
	for (k = 0; k < 4; k++) {
		value = auth_reply_get(reply, first[k]);
		if (value == NULL && strcmp(first[k], "mail") == 0)
			value = default_mail(l);
		print_row(l, first[k], value);
	}
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *field = &reply->fields.items[i];

		for (k = 0; k < 4 && strcmp(field->name, first[k]) != 0; k++)
			;
		if (k == 4)
			print_row(l, field->name, field->value);
	}
	if (!wants_rows(l))
		adm_output_end(&l->out, false);
	return ADM_OK;
}

static int userdb_lookup(struct lookup *l, const char *user)
{
	struct auth_request *request = new_request(l);
	int ret = auth_request_set_user(request, cv_span_of(user),
					CV_SPAN(""), NULL);

	l->status = CV_AUTH_UNKNOWN_USER;
	if (ret == CV_OK)
		auth_request_lookup_user(request, take_result);
	if (l->status == CV_AUTH_OK)
		use_numbers(request);
	if (l->status < 0)
		ret = temporary(request, "userdb lookup", user);
	else if (l->status != CV_AUTH_OK)
		ret = unknown("userdb lookup", user);
	else if (l->field != NULL)
		ret = print_one(l, &request->userdb, user,
				request->input.user);
	else if (l->userdb_only)
		ret = print_all(l, &request->userdb, "userdb", user,
				request->input.user);
	else
		ret = print_user(l, request);
	auth_request_unref(&request);
	return ret;
}

/* Names that match a mask. */
struct listing {
	struct cv_span mask;
	uint32_t found;
	int result;
	const char *text;
	struct lookup *lookup;
};

static void put_name(struct lookup *l, struct cv_span user)
{
	static const char *const columns[] = { ADM_UNTITLED "username", NULL };

	begin_rows(l, columns);
	adm_output_data(l->out, user, false);
}

static bool list_found(void *context, struct cv_span user)
{
	struct listing *listing = context;

	if (auth_pattern_matches(listing->mask, user)) {
		listing->found++;
		if (wants_rows(listing->lookup))
			put_name(listing->lookup, user);
		else
			printf("%.*s\n", CV_SPAN_ARG(user));
	}
	return true;
}

static void list_done(void *context, int result, const struct cv_error *err)
{
	struct listing *listing = context;

	listing->result = result;
	listing->text = pool_strdup(listing->lookup->adm->pool, err->text);
}

static int list_users(struct lookup *l, const char *mask)
{
	struct listing listing = {
		.mask = cv_span_of(mask), .lookup = l, .text = "",
	};

	auth_list_users(l->auth, list_found, list_done, &listing);
	if (listing.result < 0) {
		(void)fprintf(stderr, "culveradm: users cannot be listed: "
			      "%s\n", listing.text);
		return ADM_TEMPFAIL;
	}
	return listing.found > 0 ? ADM_OK : ADM_NOUSER;
}

/* --- the verbs ---------------------------------------------------------- */

static int take_options(struct lookup *l, const struct adm_verb *verb,
			int argc, char **argv, const char *options)
{
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, options)) != -1) {
		switch (option) {
		case 'x':
			if (!take_info(l, optarg))
				return adm_usage(verb, "-x knows service=, "
						 "rip=, lip=, rport=, lport=, "
						 "session=, mech=, secured");
			break;
		case 'f':
			l->field = optarg;
			break;
		case 'M':
			l->master = optarg;
			break;
		case 'u':
			l->userdb_only = true;
			break;
		default:
			return adm_usage(verb, "an option is wrong");
		}
	}
	return ADM_OK;
}

static struct lookup lookup_init(struct adm *adm)
{
	return (struct lookup){
		.adm = adm, .service = "doveadm", .session_id = "",
		.mechanism = "",
		.conn = { .local_ip = "", .remote_ip = "", .local_name = "",
			  .secure = true },
	};
}

/* Runs one for each name; the first status that is not OK counts. */
static int for_each(struct lookup *l, int count, char **names,
		    int (*run)(struct lookup *l, const char *name))
{
	int status = ADM_OK, ret;

	for (int i = 0; i < count; i++) {
		if (i > 0 && l->field == NULL && !wants_rows(l))
			printf("\n");
		ret = run(l, names[i]);
		if (status == ADM_OK)
			status = ret;
	}
	return status;
}

static int run_subverb(struct lookup *l, const char *sub, int count,
		       char **names)
{
	struct cv_error err = ERROR_NONE;
	int status;

	if (open_auth(l, &err) < 0)
		return adm_fail(&err);
	if (strcmp(sub, "lookup") == 0) {
		status = for_each(l, count, names, passdb_lookup);
	} else {
		if (l->mechanism[0] == '\0')
			l->mechanism = "PLAIN";
		status = (strcmp(sub, "login") == 0 ? auth_login : auth_test)(
			l, names[0], count > 1 ? names[1] :
			adm_read_password(l->adm, "Password: "));
	}
	close_auth(l);
	return status;
}

static void put_flushed(struct adm *adm, uint32_t flushed)
{
	static const char *const columns[] = { "entries", NULL };
	struct adm_output *out;

	if (adm->format == ADM_FORMAT_DEFAULT) {
		(void)printf("%u cache entries flushed\n", flushed);
		return;
	}
	out = adm_output_begin(adm, adm->format, columns);
	adm_output_f(out, "%u", flushed);
	adm_output_end(&out, false);
}

static int flush_cache(struct adm *adm, uint32_t count, char **names,
		       struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	uint32_t flushed;
	int fd, ret = adm_control_channel(adm, "auth", &fd, err);

	if (ret < 0)
		return ret;
	ipc_begin(&w, AUTH_MSG_CACHE_FLUSH);
	ipc_put_u32(&w, count);
	for (uint32_t i = 0; i < count; i++)
		ipc_put_str(&w, names[i]);
	ret = ipc_send(fd, &w, err);
	if (ret == CV_OK)
		ret = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);
	(void)close(fd);
	if (ret != CV_OK)
		return ret < 0 ? ret : FAIL(err, CV_E_TEMP, "auth hangs up");
	if (r.type != AUTH_MSG_CACHE_FLUSHED)
		return ipc_refuse(&r, "auth", err);
	flushed = ipc_get_u32(&r);
	if ((ret = ipc_finish(&r, err)) == CV_OK)
		put_flushed(adm, flushed);
	return ret;
}

static void put_state(struct adm *adm, uint32_t entries,
		      const uint64_t numbers[4])
{
	static const char *const columns[] = { "entries", "used", "size",
		"hits", "misses", NULL };
	struct adm_output *out = adm_output_begin(adm, ADM_FORMAT_FLOW,
						  columns);

	adm_output_f(out, "%u", entries);
	for (int i = 0; i < 4; i++)
		adm_output_f(out, "%llu", (unsigned long long)numbers[i]);
	adm_output_end(&out, false);
}

static int cache_status(struct adm *adm, struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	uint64_t numbers[4];
	uint32_t entries;
	int fd, ret = adm_control_channel(adm, "auth", &fd, err);

	if (ret < 0)
		return ret;
	ipc_begin(&w, AUTH_MSG_CACHE_STATUS);
	ret = ipc_send(fd, &w, err);
	if (ret == CV_OK)
		ret = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);
	(void)close(fd);
	if (ret != CV_OK)
		return ret < 0 ? ret : FAIL(err, CV_E_TEMP, "auth hangs up");
	if (r.type != AUTH_MSG_CACHE_STATE)
		return ipc_refuse(&r, "auth", err);
	entries = ipc_get_u32(&r);
	for (int i = 0; i < 4; i++)
		numbers[i] = ipc_get_u64(&r);
	if ((ret = ipc_finish(&r, err)) == CV_OK)
		put_state(adm, entries, numbers);
	return ret;
}

static int run_cache(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;

	if (argc == 3 && strcmp(argv[2], "status") == 0)
		return cache_status(adm, &err) < 0 ? adm_fail(&err) : ADM_OK;
	if (argc < 3 || strcmp(argv[2], "flush") != 0 ||
	    argc - 3 > AUTH_FLUSH_MAX)
		return adm_usage(&adm_auth_verb, "cache status, or cache "
				 "flush and at most %d users", AUTH_FLUSH_MAX);
	return flush_cache(adm, (uint32_t)argc - 3, argv + 3, &err) < 0 ?
		adm_fail(&err) : ADM_OK;
}

static int run_auth(struct adm *adm, int argc, char **argv)
{
	struct lookup l = lookup_init(adm);
	int status;

	if (argc >= 2 && strcmp(argv[1], "cache") == 0)
		return run_cache(adm, argc, argv);
	if (argc < 2 || (strcmp(argv[1], "test") != 0 &&
			 strcmp(argv[1], "login") != 0 &&
			 strcmp(argv[1], "lookup") != 0))
		return adm_usage(&adm_auth_verb, "test, login, lookup or "
				 "cache?");
	status = take_options(&l, &adm_auth_verb, argc - 1, argv + 1,
			      "+x:f:M:");
	if (status != ADM_OK)
		return status;
	if (argc - 1 - optind < 1)
		return adm_usage(&adm_auth_verb, "which user?");
	if (strcmp(argv[1], "lookup") != 0 && argc - 1 - optind > 2)
		return adm_usage(&adm_auth_verb, "%s takes one user and "
				 "one password", argv[1]);
	return run_subverb(&l, argv[1], argc - 1 - optind, argv + 1 + optind);
}

/* Rows of names and rows of what is known of a name do not go together. */
static bool are_alike(int count, char **names)
{
	int masks = 0;

	for (int i = 0; i < count; i++)
		masks += strpbrk(names[i], "*?") != NULL;
	return masks == 0 || masks == count;
}

static int one_user(struct lookup *l, const char *name)
{
	return strpbrk(name, "*?") != NULL ? list_users(l, name) :
		userdb_lookup(l, name);
}

static int run_user(struct adm *adm, int argc, char **argv)
{
	struct lookup l = lookup_init(adm);
	struct cv_error err = ERROR_NONE;
	int status = take_options(&l, &adm_user_verb, argc, argv, "+x:f:u");

	if (status != ADM_OK)
		return status;
	if (optind >= argc)
		return adm_usage(&adm_user_verb, "which user?");
	if (wants_rows(&l) && !are_alike(argc - optind, argv + optind))
		return adm_usage(&adm_user_verb, "with -f either users or "
				 "masks");
	if (open_auth(&l, &err) < 0)
		return adm_fail(&err);
	status = for_each(&l, argc - optind, argv + optind, one_user);
	close_auth(&l);
	return status;
}

#define INFO_HELP \
	"-x  where the request pretends to come from: service=NAME, " \
	"rip=ADDRESS, lip=ADDRESS,\n    rport=PORT, lport=PORT, session=ID\n"

static const struct adm_word auth_words[] = {
	{ "test", "[-x INFO] [-M MASTER] USER [PASSWORD]",
	  "tries a password; says on standard error what each passdb has "
	  "to say\n" INFO_HELP
	  "-M  a login of this master user as USER" },
	{ "login", "[-x INFO] [-M MASTER] USER [PASSWORD]",
	  "tries a login: the password, whether it may be used, and what the "
	  "userdbs say of the user\n" INFO_HELP
	  "-M  a login of this master user as USER" },
	{ "lookup", "[-x INFO] [-f FIELD] USER...",
	  "shows what the passdbs say of users\n" INFO_HELP
	  "-f  only this field" },
	{ "cache flush", "[USER...]",
	  "the running server forgets what it knows of these users, or of "
	  "all" },
	{ "cache status", "",
	  "how full the cache of the running server is, how often it had an "
	  "answer (hits) and how often not (misses)" },
};

const struct adm_verb adm_auth_verb = {
	.name = "auth",
	.args = "test | login [-x INFO] [-M MASTER] USER [PASSWORD] | "
		"lookup [-x INFO] [-f FIELD] USER... | cache flush [USER...] | "
		"cache status",
	.help = "Tries a password; shows what the passdbs say of a user.",
	.run = run_auth,
	.words = auth_words,
	.count = sizeof(auth_words) / sizeof(auth_words[0]),
};

const struct adm_verb adm_user_verb = {
	.name = "user",
	.args = "[-x INFO] [-f FIELD] [-u] USER|MASK...",
	.help = "Shows what the userdbs say of a user; a mask lists users.\n"
		INFO_HELP
		"-f  only this field\n"
		"-u  no passdb is asked",
	.run = run_user,
};
