/* oauth2-file.c - reading dovecot-oauth2.conf.ext. */
#include "oauth2-file.h"

#include "../db-common/db-file.h"

enum { TIMEOUT_DEFAULT = 20000, TIMEOUT_MAX = 600000 };

/* --- values --------------------------------------------------------------------- */

static const struct { const char *name; size_t offset; } texts[] = {
#define TEXT(member) { #member, offsetof(struct oauth2_file, member) }
	TEXT(tokeninfo_url), TEXT(grant_url), TEXT(introspection_url),
	TEXT(openid_configuration_url), TEXT(client_id), TEXT(client_secret),
	TEXT(scope), TEXT(audience), TEXT(issuers), TEXT(username_attribute),
	TEXT(username_format), TEXT(active_attribute), TEXT(active_value),
	TEXT(pass_attrs), TEXT(local_validation_key_dict),
	TEXT(introspection_mode), TEXT(tls_ca_cert_file),
	TEXT(tls_ca_cert_dir), TEXT(tls_cert_file), TEXT(tls_key_file),
	TEXT(tls_cipher_suite),
#undef TEXT
};

static const struct { const char *name; size_t offset; } switches[] = {
#define SWITCH(member) { #member, offsetof(struct oauth2_file, member) }
	SWITCH(force_introspection), SWITCH(use_grant_password),
	SWITCH(send_auth_headers), SWITCH(tls_allow_invalid_cert),
#undef SWITCH
};

/* Dovecot's that change nothing here, and why. */
static const struct { const char *name, *why; } without_effect[] = {
	{ "blocking", NULL },		/* as it always is here */
	{ "max_parallel_connections", "each process of service auth-worker "
	  "asks one question at a time; auth_worker_max_count says how many "
	  "there are" },
	{ "max_pipelined_requests", "requests are not pipelined" },
	{ "max_idle_time_msecs", "the HTTP library keeps a connection as "
	  "long as its peer does" },
	{ "max_idle_connections", "each process of service auth-worker keeps "
	  "one connection" },
	{ "debug", "use auth_debug" },
	{ "rawlog_dir", "tokens are not written to files" },
};

#define FILE_OF(r) ((struct oauth2_file *)(r)->settings)
#define MEMBER(type, file, offset) ((type *)(void *)((char *)(file) + (offset)))

static bool take_text(struct db_file_reader *r, const struct cv_setting_line *line)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!cv_span_is(line->key, texts[i].name))
			continue;
		*MEMBER(const char *, FILE_OF(r), texts[i].offset) =
			cv_span_copy(r->pool, line->value);
		return true;
	}
	return false;
}

static bool take_switch(struct db_file_reader *r, const struct cv_setting_line *line)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		bool yes = cv_span_is_icase(line->value, "yes") ||
			cv_span_is_icase(line->value, "y") ||
			cv_span_is_icase(line->value, "true");

		if (!cv_span_is(line->key, switches[i].name))
			continue;
		if (!yes && !cv_span_is_icase(line->value, "no") &&
		    !cv_span_is_icase(line->value, "n") &&
		    !cv_span_is_icase(line->value, "false"))
			db_file_tell(r, line->line, true, "the value is yes or no");
		*MEMBER(bool, FILE_OF(r), switches[i].offset) = yes;
		return true;
	}
	return false;
}

static bool take_idle(struct db_file_reader *r, const struct cv_setting_line *line)
{
	struct cv_text text;

	for (size_t i = 0; i < sizeof(without_effect) /
	     sizeof(without_effect[0]); i++) {
		if (!cv_span_is(line->key, without_effect[i].name))
			continue;
		cv_text_init(&text, r->pool);
		if (without_effect[i].why != NULL) {
			cv_text_append_f(&text, "%s changes nothing: %s",
					 without_effect[i].name,
					 without_effect[i].why);
			db_file_tell(r, line->line, false, cv_text_str(&text));
		}
		return true;
	}
	return false;
}

static void take_value(struct db_file_reader *r, const struct cv_setting_line *line)
{
	struct cv_text text;
	uint64_t msecs;

	if (line->from_file) {
		db_file_tell(r, line->line, true, "a value from a file ('= <file') is "
		     "not read here; write the value");
	} else if (cv_span_is(line->key, "timeout_msecs")) {
		if (!cv_span_to_u64(line->value, TIMEOUT_MAX, &msecs))
			db_file_tell(r, line->line, true, "timeout_msecs is 0 to "
			     "600000");
		else if (msecs > 0)
			FILE_OF(r)->timeout_msecs = (uint32_t)msecs;
	} else if (!take_text(r, line) && !take_switch(r, line) &&
		   !take_idle(r, line)) {
		cv_text_init(&text, r->pool);
		cv_text_append_f(&text, "there is no setting '%.*s' here",
				 CV_SPAN_ARG(line->key));
		db_file_tell(r, line->line, true, cv_text_str(&text));
	}
}

/* --- all of them together ---------------------------------------------------------- */

static void set_mode(struct db_file_reader *r)
{
	static const char *const modes[] = {
		"", "get", "post", "auth", "local",
	};
	struct oauth2_file *file = FILE_OF(r);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(file->introspection_mode, modes[i]) == 0) {
			file->mode = (enum oauth2_mode)i;
			return;
		}
	}
	db_file_tell(r, 1, true, "introspection_mode is get, post, auth or local");
}

static void set_keys(struct db_file_reader *r)
{
	static const char begin[] = "fs:posix:prefix=";
	struct oauth2_file *file = FILE_OF(r);
	struct cv_span dict = cv_span_of(file->local_validation_key_dict);

	if (dict.len == 0)
		return;
	if (!cv_span_begins(dict, cv_span_of(begin)) ||
	    dict.data[sizeof(begin) - 1] != '/') {
		db_file_tell(r, 1, true, "local_validation_key_dict is "
		     "fs:posix:prefix= and an absolute path; other "
		     "dictionaries of keys are not there");
		return;
	}
	file->key_prefix = dict.data + sizeof(begin) - 1;
}

/* They are sent to clients in JSON (RFC 8259 7). */
static void check_plain(struct db_file_reader *r, const char *name, const char *value)
{
	struct cv_text said;
	size_t i = 0;

	while ((unsigned char)value[i] >= ' ' && value[i] != '"' &&
	       value[i] != '\\')
		i++;
	if (value[i] == '\0')
		return;
	cv_text_init(&said, r->pool);
	cv_text_append_f(&said, "%s has quotes, backslashes or control bytes",
			 name);
	db_file_tell(r, 1, true, cv_text_str(&said));
}

static void check_url(struct db_file_reader *r, const char *name, const char *url)
{
	struct cv_span text = cv_span_of(url);
	struct cv_text said;

	if (text.len == 0 || cv_span_begins_icase(text, CV_SPAN("https://")))
		return;
	cv_text_init(&said, r->pool);
	if (!cv_span_begins_icase(text, CV_SPAN("http://"))) {
		cv_text_append_f(&said, "%s is no http:// or https:// URL",
				 name);
		db_file_tell(r, 1, true, cv_text_str(&said));
	} else if (!cv_span_begins_icase(text, CV_SPAN("http://127.")) &&
		   !cv_span_begins_icase(text, CV_SPAN("http://[::1]")) &&
		   !cv_span_begins_icase(text, CV_SPAN("http://localhost"))) {
		/* [RFC6749 1.6] */
		cv_text_append_f(&said, "%s has no TLS: tokens can be read on "
				 "their way", name);
		db_file_tell(r, 1, false, cv_text_str(&said));
	}
}

static void check_sense(struct db_file_reader *r)
{
	const struct oauth2_file *f = FILE_OF(r);
	bool local = f->mode == OAUTH2_MODE_LOCAL;

	if (f->tokeninfo_url[0] == '\0' && f->grant_url[0] == '\0' &&
	    f->introspection_url[0] == '\0' && !local)
		db_file_tell(r, 1, true, "nobody is asked: tokeninfo_url, "
		     "introspection_url, grant_url, or introspection_mode = "
		     "local and local_validation_key_dict");
	if (local && f->local_validation_key_dict[0] == '\0')
		db_file_tell(r, 1, true, "introspection_mode = local needs "
		     "local_validation_key_dict");
	if (f->introspection_url[0] != '\0' && f->mode == OAUTH2_MODE_NONE)
		db_file_tell(r, 1, true, "introspection_url needs introspection_mode: "
		     "get, post or auth");
	if (f->force_introspection && f->introspection_url[0] == '\0')
		db_file_tell(r, 1, true, "force_introspection needs "
		     "introspection_url");
	if (f->use_grant_password && (f->grant_url[0] == '\0' ||
				      f->client_id[0] == '\0'))
		db_file_tell(r, 1, true, "use_grant_password needs grant_url and "
		     "client_id");
	if ((f->active_attribute[0] == '\0') != (f->active_value[0] == '\0'))
		db_file_tell(r, 1, true, "active_attribute and active_value go "
		     "together");
	if (f->username_attribute[0] == '\0')
		db_file_tell(r, 1, true, "username_attribute is empty");
	if ((f->tls_cert_file[0] == '\0') != (f->tls_key_file[0] == '\0'))
		db_file_tell(r, 1, true, "tls_cert_file and tls_key_file go together");
	/* (RFC 7519 4.1.3) */
	if (local && f->audience[0] == '\0' && f->client_id[0] == '\0')
		db_file_tell(r, 1, false, "neither audience nor client_id is set: "
		     "tokens that were made for other services are good "
		     "here");
	if (f->tls_allow_invalid_cert)
		db_file_tell(r, 1, false, "tls_allow_invalid_cert: anybody in between "
		     "can say who may log in");
}

int oauth2_file_read(struct cv_pool *pool, const char *path,
		     struct oauth2_file *file_r, struct db_report *report,
		     struct cv_error *err)
{
	struct db_file_reader r = {
		.pool = pool, .take = take_value, .settings = file_r,
		.problem = db_report_line, .context = report,
	};
	int ret;

	memset(file_r, 0, sizeof(*file_r));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*MEMBER(const char *, file_r, texts[i].offset) = "";
	file_r->path = path;
	file_r->username_attribute = "email";
	file_r->username_format = "%Lu";
	file_r->timeout_msecs = TIMEOUT_DEFAULT;
	file_r->key_prefix = "";
	ret = db_file_read(&r, path, err);
	if (ret != CV_OK)
		return ret;
	set_mode(&r);
	set_keys(&r);
	check_url(&r, "tokeninfo_url", file_r->tokeninfo_url);
	check_url(&r, "grant_url", file_r->grant_url);
	check_url(&r, "introspection_url", file_r->introspection_url);
	check_url(&r, "openid_configuration_url",
		  file_r->openid_configuration_url);
	check_plain(&r, "openid_configuration_url",
		    file_r->openid_configuration_url);
	check_plain(&r, "scope", file_r->scope);
	check_sense(&r);
	return r.failed ? CV_E_CONFIG : CV_OK;
}
