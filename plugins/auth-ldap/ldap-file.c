/* ldap-file.c - reading dovecot-ldap.conf.ext. */
#include "ldap-file.h"
#include "../db-common/db-file.h"

#include <ldap.h>
#include <stdlib.h>

/* of libldap's levels: whole packets, encodings */
enum { DEBUG_PACKETS = 2, DEBUG_ENCODINGS = 16 };

/* --- words ------------------------------------------------------------------ */

struct choice { const char *word; int number; };

static const struct choice scopes[] = {
	{ "base", LDAP_SCOPE_BASE }, { "onelevel", LDAP_SCOPE_ONELEVEL },
	{ "subtree", LDAP_SCOPE_SUBTREE }, { NULL, 0 },
};

static const struct choice derefs[] = {
	{ "never", LDAP_DEREF_NEVER }, { "searching", LDAP_DEREF_SEARCHING },
	{ "finding", LDAP_DEREF_FINDING }, { "always", LDAP_DEREF_ALWAYS },
	{ NULL, 0 },
};

static const struct choice requires[] = {
	{ "never", LDAP_OPT_X_TLS_NEVER }, { "hard", LDAP_OPT_X_TLS_HARD },
	{ "demand", LDAP_OPT_X_TLS_DEMAND },
	{ "allow", LDAP_OPT_X_TLS_ALLOW }, { "try", LDAP_OPT_X_TLS_TRY },
	{ NULL, 0 },
};

static const struct choice versions[] = { { "2", 2 }, { "3", 3 },
	{ NULL, 0 } };

/* The number of the word; -1: there is none. */
static int choose(const struct choice *choices, const char *word)
{
	for (; choices->word != NULL; choices++) {
		if (cv_span_is_icase(cv_span_of(word), choices->word))
			return choices->number;
	}
	return -1;
}

struct ldap_numbers ldap_file_numbers(const struct ldap_file *file)
{
	int debug = (int)strtol(file->debug_level, NULL, 0);

	return (struct ldap_numbers){
		choose(scopes, file->scope), choose(derefs, file->deref),
		choose(requires, file->tls_require_cert),
		debug & ~(DEBUG_PACKETS | DEBUG_ENCODINGS),
	};
}

/* --- lines ------------------------------------------------------------------ */

struct word {
	const char *name;
	size_t offset;
	bool is_bool;
	const struct choice *choices;
	const char *hint;		/* of one that has no effect */
	bool is_error;
};

#define TEXT(name_) { .name = #name_, \
	.offset = offsetof(struct ldap_file, name_) }
#define BOOL(name_) { .name = #name_, .is_bool = true, \
	.offset = offsetof(struct ldap_file, name_) }
#define CHOICE(name_, choices_) { .name = #name_, .choices = (choices_), \
	.offset = offsetof(struct ldap_file, name_) }

static const struct word words[] = {
	TEXT(hosts), TEXT(uris), TEXT(dn), TEXT(dnpass), BOOL(auth_bind),
	TEXT(auth_bind_userdn), BOOL(tls), BOOL(sasl_bind), TEXT(sasl_mech),
	TEXT(sasl_realm), TEXT(sasl_authz_id), TEXT(tls_ca_cert_file),
	TEXT(tls_ca_cert_dir), TEXT(tls_cert_file), TEXT(tls_key_file),
	TEXT(tls_cipher_suite), CHOICE(tls_require_cert, requires),
	CHOICE(deref, derefs), CHOICE(scope, scopes), TEXT(base),
	CHOICE(ldap_version, versions), TEXT(debug_level), TEXT(ldaprc_path),
	TEXT(user_attrs), TEXT(user_filter), TEXT(pass_attrs),
	TEXT(pass_filter), TEXT(iterate_attrs), TEXT(iterate_filter),
	TEXT(default_pass_scheme),
	{ .name = "userdb_warning_disable", .hint = "" },
	{ .name = "blocking", .hint = "blocking changes nothing: servers "
		"are asked in processes of their own (auth_worker_max_count)" },
	{ .name = "user_global_uid", .is_error = true, .hint =
		"user_global_uid is not known any more (hint: default_fields "
		"= uid=... in userdb { }, or mail_uid)" },
	{ .name = "user_global_gid", .is_error = true, .hint =
		"user_global_gid is not known any more (hint: default_fields "
		"= gid=... in userdb { }, or mail_gid)" },
};

static void take_bool(struct db_file_reader *r,
		      const struct cv_setting_line *line, bool *value)
{
	static const struct choice choices[] = {
		{ "yes", 1 }, { "y", 1 }, { "1", 1 }, { "no", 0 }, { "n", 0 },
		{ "0", 0 }, { NULL, 0 },
	};
	int number = choose(choices, cv_span_copy(r->pool, line->value));

	if (number < 0)
		db_file_tell(r, line->line, true, "the value is yes or no");
	*value = number > 0;
}

static void take_text(struct db_file_reader *r,
		      const struct cv_setting_line *line,
		      const struct word *word, const char **value)
{
	struct cv_error *err = cv_api->error_new(r->pool);
	struct cv_span text = line->value;
	struct cv_text problem;

	/* dnpass = </etc/culver/ldap.secret */
	if (line->from_file) {
		if (db_file_load(r->pool, cv_span_copy(r->pool, text),
				 DB_FILE_BYTES_MAX, &text, err) != CV_OK) {
			db_file_tell(r, line->line, true,
				     cv_api->error_text(err));
			return;
		}
		text = cv_span_trim(text);
	}
	*value = cv_span_copy(r->pool, text);
	if (word->choices == NULL || choose(word->choices, *value) >= 0)
		return;
	cv_text_init(&problem, r->pool);
	cv_text_append_f(&problem, "%s has no such value; it may be",
			 word->name);
	for (const struct choice *c = word->choices; c->word != NULL; c++)
		cv_text_append_f(&problem, " %s", c->word);
	db_file_tell(r, line->line, true, cv_text_str(&problem));
}

static void take_value(struct db_file_reader *r,
		       const struct cv_setting_line *line)
{
	char *file = r->settings;
	struct cv_text text;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct word *word = &words[i];
		void *value = file + word->offset;

		if (!cv_span_is(line->key, word->name))
			continue;
		if (word->hint != NULL && word->hint[0] != '\0')
			db_file_tell(r, line->line, word->is_error,
				     word->hint);
		else if (word->hint == NULL && word->is_bool)
			take_bool(r, line, value);
		else if (word->hint == NULL)
			take_text(r, line, word, value);
		return;
	}
	cv_text_init(&text, r->pool);
	cv_text_append_f(&text, "there is no setting '%.*s' here",
			 CV_SPAN_ARG(line->key));
	db_file_tell(r, line->line, true, cv_text_str(&text));
}

/* --- servers ---------------------------------------------------------------- */

static const char *uri_of_host(struct cv_pool *pool, struct cv_span host)
{
	const char *colon = memchr(host.data, ':', host.len);
	struct cv_text uri;
	bool is_ip6 = host.data[0] != '[' && colon != NULL &&
		memchr(colon + 1, ':', host.len -
		       (size_t)(colon + 1 - host.data)) != NULL;

	cv_text_init(&uri, pool);
	cv_text_append_f(&uri, is_ip6 ? "ldap://[%.*s]" : "ldap://%.*s",
			 CV_SPAN_ARG(host));
	return cv_text_str(&uri);
}

static void check_uri(struct db_file_reader *r, const char *uri)
{
	struct ldap_file *file = r->settings;
	LDAPURLDesc *parsed = NULL;
	struct cv_text text;
	const char *problem = NULL;

	if (ldap_url_parse(uri, &parsed) != LDAP_URL_SUCCESS)
		problem = "is no URI of a server (like ldap://host:389, "
			"ldaps://host, ldapi://%2frun%2fslapd%2fldapi)";
	else if (strcmp(parsed->lud_scheme, "cldap") == 0)
		problem = "is of a protocol without connections";
	else if (strcmp(parsed->lud_scheme, "ldaps") == 0 && file->tls)
		problem = "has TLS already: it does not go with tls = yes, "
			"which is StartTLS";
	ldap_free_urldesc(parsed);
	if (problem == NULL)
		return;
	cv_text_init(&text, r->pool);
	cv_text_append_f(&text, "'%s' %s", uri, problem);
	db_file_tell(r, 1, true, cv_text_str(&text));
}

static void make_servers(struct db_file_reader *r)
{
	struct ldap_file *file = r->settings;
	bool uris = file->uris[0] != '\0';
	struct cv_span rest = cv_span_of(uris ? file->uris : file->hosts);
	struct cv_span word;
	const char **servers = CV_ALLOC_ARRAY(r->pool, const char *,
					      rest.len / 2 + 3);
	size_t count = 0;

	if (uris && file->hosts[0] != '\0')
		db_file_tell(r, 1, false, "hosts changes nothing where uris "
			     "is set");
	while (cv_span_split(&rest, ' ', &word)) {
		word = cv_span_trim(word);
		if (word.len == 0)
			continue;
		servers[count] = uris ? cv_span_copy(r->pool, word) :
			uri_of_host(r->pool, word);
		check_uri(r, servers[count++]);
	}
	if (count == 0 && file->ldaprc_path[0] != '\0')
		servers[count++] = "";
	if (count == 0)
		db_file_tell(r, 1, true, "uris is missing (where the "
			     "directory is: uris = ldap://host)");
	file->servers = servers;
}

/* --- what does not go together ------------------------------------------------ */

static bool has_tls(const struct ldap_file *file)
{
	if (file->tls)
		return true;
	for (size_t i = 0; file->servers[i] != NULL; i++) {
		if (cv_span_begins_icase(cv_span_of(file->servers[i]),
					 CV_SPAN("ldaps:")) ||
		    file->servers[i][0] == '\0')
			return true;
	}
	return false;
}

static void check_unused(struct db_file_reader *r, bool unused,
			 const char *value, const char *text)
{
	if (unused && value[0] != '\0')
		db_file_tell(r, 1, false, text);
}

static void check_tls(struct db_file_reader *r)
{
	const struct ldap_file *file = r->settings;
	bool none = !has_tls(file);

	check_unused(r, none, file->tls_ca_cert_file, "tls_ca_cert_file "
		     "changes nothing without tls = yes or ldaps://");
	check_unused(r, none, file->tls_ca_cert_dir, "tls_ca_cert_dir "
		     "changes nothing without tls = yes or ldaps://");
	check_unused(r, none, file->tls_cert_file, "tls_cert_file "
		     "changes nothing without tls = yes or ldaps://");
	check_unused(r, none, file->tls_key_file, "tls_key_file "
		     "changes nothing without tls = yes or ldaps://");
	check_unused(r, none, file->tls_cipher_suite, "tls_cipher_suite "
		     "changes nothing without tls = yes or ldaps://");
	check_unused(r, none, file->tls_require_cert, "tls_require_cert "
		     "changes nothing without tls = yes or ldaps://");
	if ((file->tls_cert_file[0] != '\0') !=
	    (file->tls_key_file[0] != '\0'))
		db_file_tell(r, 1, true, "tls_cert_file and tls_key_file go "
			     "together");
	if (file->tls && strcmp(file->ldap_version, "2") == 0)
		db_file_tell(r, 1, true, "tls = yes needs ldap_version = 3");
}

static void check_bind(struct db_file_reader *r)
{
	const struct ldap_file *file = r->settings;

	check_unused(r, !file->sasl_bind, file->sasl_mech,
		     "sasl_mech changes nothing without sasl_bind = yes");
	check_unused(r, !file->sasl_bind, file->sasl_realm,
		     "sasl_realm changes nothing without sasl_bind = yes");
	check_unused(r, !file->sasl_bind, file->sasl_authz_id,
		     "sasl_authz_id changes nothing without sasl_bind = yes");
	check_unused(r, !file->auth_bind, file->auth_bind_userdn,
		     "auth_bind_userdn changes nothing without auth_bind = "
		     "yes");
	/* (RFC 4513, 5.1.2): the server would take it for nobody, and say that
	 * all is well */
	if (!file->sasl_bind && file->dn[0] != '\0' &&
	    file->dnpass[0] == '\0')
		db_file_tell(r, 1, true, "dn is set without dnpass: that is "
			     "no login (hint: for anonymous searches leave dn "
			     "out as well)");
	if (!file->sasl_bind && file->dn[0] == '\0' &&
	    file->dnpass[0] != '\0')
		db_file_tell(r, 1, true, "dnpass is set without dn");
}

static void check_rest(struct db_file_reader *r)
{
	const struct ldap_file *file = r->settings;
	char *end;

	(void)strtol(file->debug_level, &end, 0);
	if (*end != '\0' || file->debug_level[0] == '\0')
		db_file_tell(r, 1, true, "debug_level is a number");
	else if (strtol(file->debug_level, NULL, 0) !=
		 ldap_file_numbers(file).debug)
		db_file_tell(r, 1, false, "debug_level: packets (2) and "
			     "encodings (16) would show passwords, and are "
			     "left out");
	if (file->base[0] == '\0' && strcmp(file->auth_bind_userdn, "") == 0)
		db_file_tell(r, 1, true, "base is missing (where to search: "
			     "base = dc=example,dc=com)");
}

int ldap_file_read(struct cv_pool *pool, const char *path,
		   struct ldap_file *file_r, ldap_problem_fn *problem,
		   void *context, struct cv_error *err)
{
	struct db_file_reader r = {
		.pool = pool, .take = take_value, .settings = file_r,
		.problem = problem, .context = context,
	};
	int ret;

	/* Dovecot 2.3's defaults */
	*file_r = (struct ldap_file){ .path = path };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!words[i].is_bool && words[i].hint == NULL)
			*(const char **)((char *)file_r + words[i].offset) =
				"";
	}
	file_r->ldap_version = "3";
	file_r->deref = "never";
	file_r->scope = "subtree";
	file_r->debug_level = "0";
	file_r->user_attrs = "homeDirectory=home,uidNumber=uid,gidNumber=gid";
	file_r->user_filter = "(&(objectClass=posixAccount)(uid=%u))";
	file_r->pass_attrs = "uid=user,userPassword=password";
	file_r->pass_filter = "(&(objectClass=posixAccount)(uid=%u))";
	file_r->iterate_attrs = "uid=user";
	file_r->iterate_filter = "(objectClass=posixAccount)";
	file_r->default_pass_scheme = "CRYPT";
	ret = db_file_read(&r, path, err);
	if (ret != CV_OK)
		return ret;
	/* SASL came with version 3; so does Dovecot */
	if (file_r->sasl_bind)
		file_r->ldap_version = "3";
	make_servers(&r);
	check_tls(&r);
	check_bind(&r);
	check_rest(&r);
	return r.failed ? CV_E_CONFIG : CV_OK;
}
