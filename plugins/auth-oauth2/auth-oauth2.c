/* auth-oauth2.c - tokens (RFC 6750) in place of passwords; passdb only.
 *
 *	passdb {
 *		driver = oauth2
 *		mechanisms = xoauth2 oauthbearer
 *		args = /etc/culver/dovecot-oauth2.conf.ext
 *	}
 *
 * The file is Dovecot 2.3's.  A token is checked here (a JWT with a key of
 * the admin's), or a web service is asked about it; a password can be changed
 * into a token (grant_url).  It waits for networks: auth-worker. */
#include "cv-auth.h"
#include "../db-common/db-file.h"
#include "jwt-signature.h"
#include "oauth2-http.h"

#include <curl/curl.h>

enum { KEY_BYTES_MAX = 32768 };

struct oauth2_db {
	struct oauth2_file file;
	struct oauth2_http *http;
};

/* One login. */
struct claim {
	const struct oauth2_db *db;
	const struct cv_auth_input *in;
	struct cv_auth_reply *reply;
	struct cv_error *err;
	const char *token;
	/* What is known of it; the last answer comes first. */
	struct oauth2_members known[3];
	uint32_t known_count;
	bool scope_is_ours;		/* the grant was for our scope */
};

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

/* --- results -------------------------------------------------------------------- */

/* [RFC7628 3.2.2] what a client needs to get a better token. */
static void tell_client(const struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	struct cv_text data;

	cv_text_init(&data, c->in->pool);
	cv_text_append_str(&data, strcmp(c->in->mechanism, "XOAUTH2") == 0 ?
			   "{\"status\":\"400\",\"schemes\":\"Bearer\"" :
			   "{\"status\":\"invalid_token\"");
	if (file->scope[0] != '\0')
		cv_text_append_f(&data, ",\"scope\":\"%s\"", file->scope);
	if (file->openid_configuration_url[0] != '\0')
		cv_text_append_f(&data, ",\"openid-configuration\":\"%s\"",
				 file->openid_configuration_url);
	cv_text_append_c(&data, '}');
	(void)auth_api->set(c->reply, CV_SPAN("fail_data"),
			    cv_text_span(&data));
}

/* The reason is the admin's: what is in a token may be anything, so only its
 * beginning is shown. */
CV_PRINTF(2, 3)
static int refuse(const struct claim *c, const char *fmt, ...)
{
	struct cv_text why;
	va_list args;

	tell_client(c);
	cv_text_init(&why, c->in->pool);
	va_start(args, fmt);
	cv_api->text_append_vf(&why, fmt, args);
	va_end(args);
	cv_api->log(plugin_self, CV_LOG_INFO, "%s: the token is refused: "
		    "%.*s", c->in->user, (int)(why.len > 200 ? 200 : why.len),
		    cv_text_str(&why));
	return CV_AUTH_MISMATCH;
}

static const struct oauth2_member *find(const struct claim *c,
					struct cv_span name)
{
	const struct oauth2_member *found = NULL;

	for (uint32_t i = c->known_count; i > 0 && found == NULL; i--)
		found = oauth2_json_find(&c->known[i - 1], name);
	return found;
}

/* "" when there is none, or it has no text. */
static const char *text_of(const struct claim *c, const char *name)
{
	const struct oauth2_member *member = find(c, cv_span_of(name));

	return member == NULL ? "" : member->value;
}

/* --- asking web services ----------------------------------------------------------- */

static void add_header(struct cv_text *text, const char *name,
		       const char *value)
{
	if (value[0] != '\0')
		cv_text_append_f(text, "%s: %s\n", name, value);
}

static void add_address(struct cv_text *text, const char *name,
			const char *ip, uint32_t port)
{
	if (ip[0] != '\0')
		cv_text_append_f(text, strchr(ip, ':') != NULL ?
				 "%s: [%s]:%u\n" : "%s: %s:%u\n", name, ip,
				 port);
}

/* send_auth_headers: with Dovecot's names. */
static struct cv_span auth_headers(const struct claim *c)
{
	const struct cv_auth_input *in = c->in;
	struct cv_text text;

	cv_text_init(&text, in->pool);
	if (c->db->file.send_auth_headers) {
		add_header(&text, "X-Dovecot-Auth-Service", in->service);
		add_address(&text, "X-Dovecot-Auth-Local", in->local_ip,
			    in->local_port);
		add_address(&text, "X-Dovecot-Auth-Remote", in->remote_ip,
			    in->remote_port);
	}
	return cv_text_span(&text);
}

/* The object of an answer becomes known. */
static int learn(struct claim *c, const char *what, struct cv_span text)
{
	struct cv_error *why = cv_api->error_new(c->in->pool);
	struct oauth2_members *next = &c->known[c->known_count];

	if (oauth2_json_parse(c->in->pool, text, next, why) != CV_OK)
		return CV_FAIL(c->err, CV_E_TEMP, "%s: the answer: %s", what,
			       cv_api->error_text(why));
	c->known_count++;
	return CV_OK;
}

static int bad_status(const struct claim *c, const char *what, long status)
{
	return CV_FAIL(c->err, CV_E_TEMP, "%s: the answer has the status "
		       "%ld%s", what, status, status / 100 == 3 ? ", a "
		       "redirection, which is not followed (hint: set the URL "
		       "that it leads to)" : "");
}

/* CV_OK: the service says yes.  CV_AUTH_MISMATCH: it does not. */
static int ask(struct claim *c, const struct oauth2_question *question)
{
	struct oauth2_answer answer;
	int ret = oauth2_http_ask(c->db->http, c->in->pool, question, &answer,
				  c->err);

	if (ret != CV_OK)
		return ret;
	if (answer.status / 100 == 2)
		return learn(c, question->what, cv_text_span(&answer.body));
	/* (RFC 6750 3.1) of the token; with a user of our own in the URL 401
	 * and 403 are about that (RFC 7662 2.3) */
	if (answer.status == 400 ||
	    ((answer.status == 401 || answer.status == 403) &&
	     !oauth2_url_has_user(question->url)))
		return refuse(c, "%s has answered %ld", question->what,
			      answer.status);
	return bad_status(c, question->what, answer.status);
}

static int ask_tokeninfo(struct claim *c)
{
	struct oauth2_question question = {
		.what = "tokeninfo_url", .bearer = c->token,
		.headers = auth_headers(c),
	};
	struct cv_text url;

	cv_text_init(&url, c->in->pool);
	cv_text_append_str(&url, c->db->file.tokeninfo_url);
	oauth2_escape(&url, cv_span_of(c->token));
	question.url = cv_text_str(&url);
	return ask(c, &question);
}

static int ask_introspection(struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	struct oauth2_question question = {
		.what = "introspection_url", .bearer = c->token,
		.url = file->introspection_url, .headers = auth_headers(c),
	};
	struct cv_text text;

	cv_text_init(&text, c->in->pool);
	if (file->mode == OAUTH2_MODE_GET) {
		cv_text_append_str(&text, file->introspection_url);
		oauth2_escape(&text, cv_span_of(c->token));
		question.url = cv_text_str(&text);
	} else if (file->mode == OAUTH2_MODE_POST) {
		/* (RFC 7662 2.1) */
		cv_text_append_str(&text, "token=");
		oauth2_escape(&text, cv_span_of(c->token));
		question.form = cv_text_str(&text);
	}
	return ask(c, &question);
}

/* --- a password for a token [RFC6749 4.3] --------------------------------------------- */

static void add_pair(struct cv_text *form, const char *name,
		     struct cv_span value)
{
	if (value.len == 0)
		return;
	cv_text_append_f(form, "&%s=", name);
	oauth2_escape(form, value);
}

/* [RFC6749 5.2] only one of the errors is about the password. */
static int judge_grant(struct claim *c, const struct oauth2_answer *answer)
{
	const char *error;

	if (answer->status / 100 == 2)
		return learn(c, "grant_url", cv_text_span(&answer->body));
	if (answer->status != 400 && answer->status != 401)
		return bad_status(c, "grant_url", answer->status);
	if (learn(c, "grant_url", cv_text_span(&answer->body)) != CV_OK)
		return CV_E_TEMP;
	error = text_of(c, "error");
	if (strcmp(error, "invalid_grant") == 0 ||
	    strcmp(error, "access_denied") == 0)
		return refuse(c, "grant_url says %s", error);
	return CV_FAIL(c->err, CV_E_TEMP, "grant_url says '%.64s' (hint: are "
		       "client_id, client_secret and scope right, and may "
		       "this client ask for passwords?)", error);
}

static int grant(struct claim *c, struct cv_span password)
{
	const struct oauth2_file *file = &c->db->file;
	struct oauth2_question question = {
		.what = "grant_url", .url = file->grant_url,
		.headers = auth_headers(c),
	};
	struct oauth2_answer answer;
	struct cv_text form;
	int ret;

	cv_text_init(&form, c->in->pool);
	cv_text_append_str(&form, "grant_type=password");
	add_pair(&form, "client_id", cv_span_of(file->client_id));
	add_pair(&form, "client_secret", cv_span_of(file->client_secret));
	add_pair(&form, "username", cv_span_of(c->in->user));
	add_pair(&form, "password", password);
	add_pair(&form, "scope", cv_span_of(file->scope));
	question.form = cv_text_str(&form);
	ret = oauth2_http_ask(c->db->http, c->in->pool, &question, &answer,
			      c->err);
	if (ret == CV_OK)
		ret = judge_grant(c, &answer);
	if (ret != CV_OK)
		return ret;
	c->token = text_of(c, "access_token");
	if (c->token[0] == '\0')
		return CV_FAIL(c->err, CV_E_TEMP, "grant_url has answered "
			       "without an access_token");
	/* [RFC6749 5.1] no scope in the answer: the one that was asked for */
	c->scope_is_ours = true;
	return CV_OK;
}

/* --- checking it here ----------------------------------------------------------------- */

static int read_key(struct claim *c, const struct jwt *jwt,
		    struct cv_span *key_r)
{
	struct cv_error *why = cv_api->error_new(c->in->pool);
	struct cv_text path;
	int ret;

	cv_text_init(&path, c->in->pool);
	cv_text_append_str(&path, c->db->file.key_prefix);
	if (jwt_key_name(jwt, &path, why) != CV_OK)
		return refuse(c, "%s", cv_api->error_text(why));
	ret = db_file_load(c->in->pool, cv_text_str(&path), KEY_BYTES_MAX,
			   key_r, c->err);
	return ret == CV_NOT_FOUND ?
		refuse(c, "there is no key '%s'", cv_text_str(&path)) : ret;
}

static int check_jwt(struct claim *c)
{
	struct cv_error *why = cv_api->error_new(c->in->pool);
	struct cv_span key;
	struct jwt jwt;
	int ret;

	if (jwt_parse(c->in->pool, cv_span_of(c->token), &jwt, why) != CV_OK)
		return refuse(c, "no proper JWT: %s", cv_api->error_text(why));
	if (!jwt_alg_is_known(jwt.alg))
		return refuse(c, "there is no algorithm '%s'", jwt.alg);
	if ((ret = read_key(c, &jwt, &key)) != CV_OK)
		return ret;
	ret = jwt_verify(&jwt, c->in->pool, key, why);
	if (ret == CV_E_DENIED)
		return refuse(c, "%s", cv_api->error_text(why));
	if (ret != CV_OK)
		return CV_FAIL(c->err, ret, "the key '%s' of %s below '%s': "
			       "%s", jwt.kid, jwt.alg, c->db->file.key_prefix,
			       cv_api->error_text(why));
	c->known[c->known_count++] = jwt.claims;
	return CV_OK;
}

/* --- what is known, against what is wanted ---------------------------------------------- */

static bool has_word(const struct oauth2_member *member, struct cv_span word)
{
	struct cv_span rest, one;

	for (uint32_t i = 0; member != NULL && i < member->count; i++) {
		rest = cv_span_of(member->items[i]);
		while (cv_span_split(&rest, ' ', &one)) {
			if (one.len > 0 && cv_span_equal(one, word))
				return true;
		}
	}
	return false;
}

/* [RFC6749 3.3] every scope that is wanted.  Without scopes Dovecot takes the
 * audience for them, unless that is looked at by itself. */
static int check_scope(struct claim *c)
{
	const struct oauth2_member *scope = find(c, CV_SPAN("scope"));
	struct cv_span rest = cv_span_of(c->db->file.scope), word;
	bool by_audience = scope == NULL && c->db->file.audience[0] == '\0';

	if (scope == NULL && c->scope_is_ours)
		return CV_OK;
	if (by_audience)
		scope = find(c, CV_SPAN("aud"));
	while (cv_span_split(&rest, ' ', &word)) {
		if (word.len > 0 && !(by_audience ?
				      oauth2_json_has(scope, word) :
				      has_word(scope, word)))
			return refuse(c, "it is not for the scope '%.*s'",
				      CV_SPAN_ARG(word));
	}
	return CV_OK;
}

/* (RFC 7519 4.1.3) Whoever is not in aud must refuse the token; OpenID
 * providers name the client in azp. */
static int check_audience(struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	const struct oauth2_member *aud = find(c, CV_SPAN("aud"));
	struct cv_span rest = cv_span_of(file->audience), word;
	struct cv_span client = cv_span_of(file->client_id);

	if (rest.len > 0) {
		while (cv_span_split(&rest, ' ', &word)) {
			if (word.len > 0 && oauth2_json_has(aud, word))
				return CV_OK;
		}
		return refuse(c, "its audience is not %s", file->audience);
	}
	if (file->mode != OAUTH2_MODE_LOCAL || client.len == 0 ||
	    aud == NULL || oauth2_json_has(aud, client) ||
	    oauth2_json_has(find(c, CV_SPAN("azp")), client))
		return CV_OK;
	return refuse(c, "neither aud nor azp is %s", file->client_id);
}

/* (RFC 8725 3.8) */
static int check_issuer(struct claim *c, bool needs_one)
{
	const struct oauth2_member *iss = find(c, CV_SPAN("iss"));
	struct cv_span rest = cv_span_of(c->db->file.issuers), word;

	if (rest.len == 0 || (iss == NULL && !needs_one))
		return CV_OK;
	while (iss != NULL && iss->kind == OAUTH2_TEXT &&
	       cv_span_split(&rest, ' ', &word)) {
		if (word.len > 0 && cv_span_is(word, iss->value))
			return CV_OK;
	}
	return refuse(c, "its issuer is '%s'", iss == NULL ? "" : iss->value);
}

static int check_active(struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	const struct oauth2_member *active = find(c, CV_SPAN("active"));

	/* (RFC 7662 2.2) whatever else is asked for */
	if (active != NULL && active->kind == OAUTH2_BOOL &&
	    strcmp(active->value, "true") != 0)
		return refuse(c, "it is not active");
	if (file->active_attribute[0] != '\0' &&
	    strcmp(text_of(c, file->active_attribute),
		   file->active_value) != 0)
		return refuse(c, "%s is not %s", file->active_attribute,
			      file->active_value);
	return CV_OK;
}

static int check_dates(struct claim *c, bool is_jwt)
{
	struct cv_error *why = cv_api->error_new(c->in->pool);
	const struct oauth2_member *left = find(c, CV_SPAN("expires_in"));

	for (uint32_t i = 0; i < c->known_count; i++) {
		if (jwt_check_times(&c->known[i], (double)time(NULL), is_jwt,
				    why) != CV_OK)
			return refuse(c, "%s", cv_api->error_text(why));
	}
	if (left != NULL && left->kind == OAUTH2_NUMBER && left->number <= 0)
		return refuse(c, "it has expired");
	return CV_OK;
}

/* Both names through username_format: whose token is it? */
static int check_user(struct claim *c, bool may_lack)
{
	const struct oauth2_file *file = &c->db->file;
	const char *name = text_of(c, file->username_attribute);
	struct cv_auth_input other = *c->in;
	struct cv_text wanted, has;
	int ret;

	if (name[0] == '\0' && may_lack)
		return CV_OK;
	if (name[0] == '\0' ||
	    find(c, cv_span_of(file->username_attribute))->kind == OAUTH2_LIST)
		return refuse(c, "it has no %s (hint: username_attribute)",
			      file->username_attribute);
	cv_text_init(&wanted, c->in->pool);
	cv_text_init(&has, c->in->pool);
	other.size = sizeof(other);
	other.user = name;
	ret = auth_api->expand(c->in, file->username_format,
			       CV_AUTH_EXPAND_RAW, &wanted, c->err);
	if (ret == CV_OK)
		ret = auth_api->expand(&other, file->username_format,
				       CV_AUTH_EXPAND_RAW, &has, c->err);
	if (ret != CV_OK)
		return ret;
	if (!cv_span_equal(cv_text_span(&wanted), cv_text_span(&has)))
		return refuse(c, "it is of another user, '%s'", name);
	return CV_OK;
}

/* --- fields ------------------------------------------------------------------------------ */

static const char oauth2_variable[] = "%{oauth2:";

/* The first %{oauth2:name} of a text: what is before it, its name, what is
 * behind; false: there is none. */
static bool next_variable(struct cv_span *rest, struct cv_span *before_r,
			  struct cv_span *name_r)
{
	const char *at = strstr(rest->data, oauth2_variable);
	const char *end = at == NULL ? NULL : strchr(at, '}');

	if (end == NULL)
		return false;
	*before_r = cv_span(rest->data, (size_t)(at - rest->data));
	at += sizeof(oauth2_variable) - 1;
	*name_r = cv_span(at, (size_t)(end - at));
	*rest = cv_span_skip(*rest, (size_t)(end + 1 - rest->data));
	return true;
}

static const char *value_of(const struct claim *c, struct cv_span name)
{
	const struct oauth2_member *member = find(c, name);

	if (member == NULL && (cv_span_is(name, "access_token") ||
			       cv_span_is(name, "token")))
		return c->token;
	return member == NULL ? "" : member->value;
}

static int expand(const struct claim *c, const char *template,
		  struct cv_text *out)
{
	struct cv_span rest = cv_span_of(template), before, name;
	int ret;

	while (next_variable(&rest, &before, &name)) {
		ret = auth_api->expand(c->in,
				       cv_span_copy(c->in->pool, before),
				       CV_AUTH_EXPAND_RAW, out, c->err);
		if (ret != CV_OK)
			return ret;
		/* what the service says is a value, whatever is in it */
		cv_text_append_str(out, value_of(c, name));
	}
	return auth_api->expand(c->in, rest.data, CV_AUTH_EXPAND_RAW, out,
				c->err);
}

/* pass_attrs = name=value name=%{oauth2:member}, separated by blanks */
static int set_fields(const struct claim *c)
{
	struct cv_span rest = cv_span_of(c->db->file.pass_attrs), pair, name;
	struct cv_text value;
	int ret;

	while (cv_span_split(&rest, ' ', &pair)) {
		if (pair.len == 0)
			continue;
		(void)cv_span_split(&pair, '=', &name);
		cv_text_init(&value, c->in->pool);
		ret = expand(c, pair.data == NULL ? "yes" :
			     cv_span_copy(c->in->pool, pair), &value);
		if (ret != CV_OK)
			return ret;
		if (!auth_api->set(c->reply, name, cv_text_span(&value)))
			return CV_FAIL(c->err, CV_E_CONFIG, "pass_attrs: "
				       "'%.*s' is no field: its name has "
				       "other bytes than letters, digits and "
				       "_-:./, or its value has line ends or "
				       "is longer than 8 KiB",
				       CV_SPAN_ARG(name));
	}
	return CV_OK;
}

/* Does pass_attrs use a member that is not known yet? */
static bool lacks_something(const struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	struct cv_span rest = cv_span_of(file->pass_attrs), before, name;

	if (find(c, cv_span_of(file->username_attribute)) == NULL ||
	    (file->active_attribute[0] != '\0' &&
	     find(c, cv_span_of(file->active_attribute)) == NULL))
		return true;
	while (next_variable(&rest, &before, &name)) {
		if (value_of(c, name)[0] == '\0')
			return true;
	}
	return false;
}

/* --- a login ------------------------------------------------------------------------------ */

/* b64token (RFC 6750 2.1): no other byte gets into a header or a URL */
static bool is_token(struct cv_span token)
{
	for (size_t i = 0; i < token.len; i++) {
		char c = cv_ascii_lower(token.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr("-._~+/=", c) == NULL))
			return false;
	}
	return token.len > 0;
}

/* Everything that is asked, in turn. */
static int gather(struct claim *c)
{
	const struct oauth2_file *file = &c->db->file;
	bool remote = file->introspection_url[0] != '\0' &&
		file->mode != OAUTH2_MODE_LOCAL;
	int ret;

	if (file->mode == OAUTH2_MODE_LOCAL)
		return check_jwt(c);
	if (file->tokeninfo_url[0] == '\0')
		return remote ? ask_introspection(c) : CV_OK;
	ret = ask_tokeninfo(c);
	if (ret == CV_OK && remote &&
	    (file->force_introspection || lacks_something(c)))
		ret = ask_introspection(c);
	return ret;
}

static int judge(struct claim *c, bool granted)
{
	const struct oauth2_file *file = &c->db->file;
	bool is_jwt = file->mode == OAUTH2_MODE_LOCAL;
	/* a grant alone proves whose password it is */
	bool may_lack = granted && c->known_count == 1;
	int ret;

	if ((ret = check_dates(c, is_jwt)) == CV_OK &&
	    (ret = check_active(c)) == CV_OK &&
	    (ret = check_issuer(c, is_jwt)) == CV_OK &&
	    (ret = check_audience(c)) == CV_OK &&
	    (ret = check_scope(c)) == CV_OK &&
	    (ret = check_user(c, may_lack)) == CV_OK)
		ret = set_fields(c);
	return ret;
}

static int oauth2_verify(void *data, const struct cv_auth_input *in,
			 struct cv_span password, struct cv_auth_reply *reply,
			 struct cv_error *err)
{
	const struct oauth2_db *db = data;
	struct claim c = { .db = db, .in = in, .reply = reply, .err = err };
	/* those two never carry a password */
	bool is_bearer = strcmp(in->mechanism, "OAUTHBEARER") == 0 ||
		strcmp(in->mechanism, "XOAUTH2") == 0;
	bool granted = db->file.use_grant_password && !is_bearer;
	int ret;

	if (db->file.tokeninfo_url[0] == '\0' && !granted &&
	    db->file.mode == OAUTH2_MODE_NONE)
		return CV_AUTH_NEXT;	/* it can only ask for grants */
	if (granted) {
		ret = grant(&c, password);
		if (ret != CV_OK)
			return ret;
	} else {
		c.token = cv_span_copy(in->pool, password);
	}
	if (!is_token(granted ? cv_span_of(c.token) : password))
		return refuse(&c, "it has bytes that no token has");
	ret = gather(&c);
	return ret == CV_OK ? judge(&c, granted) : ret;
}

/* --- opening --------------------------------------------------------------------------- */

static void needs(const struct cv_auth_db_config *config, const char *path)
{
	if (path[0] == '/')
		config->needs_path(config, path);
}

/* The folder that the prefix is in. */
static const char *key_folder(struct cv_pool *pool, const char *prefix)
{
	const char *slash = strrchr(prefix, '/');

	return slash == NULL ? "" :
		cv_span_copy(pool, cv_span(prefix, slash == prefix ? 1 :
					   (size_t)(slash - prefix)));
}

static int oauth2_open(const struct cv_auth_db_config *config, void **db_r,
		       struct cv_error *err)
{
	struct oauth2_db *db = CV_ALLOC(config->pool, struct oauth2_db);
	const char *path = cv_span_copy(config->pool, cv_span_trim(
						cv_span_of(config->args)));
	struct db_report report = { .path = path, .self = plugin_self };
	int ret = oauth2_file_read(config->pool, path, &db->file, &report,
				   err);

	if (ret == CV_E_CONFIG)
		return CV_FAIL(err, ret, "'%s' has errors, see above", path);
	if (ret != CV_OK)
		return ret;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return CV_FAIL(err, CV_E_TEMP, "libcurl does not start");
	db->http = oauth2_http_create(config->pool, &db->file);
	needs(config, key_folder(config->pool, db->file.key_prefix));
	needs(config, db->file.tls_ca_cert_file);
	needs(config, db->file.tls_ca_cert_dir);
	needs(config, db->file.tls_cert_file);
	needs(config, db->file.tls_key_file);
	*db_r = db;
	return CV_OK;
}

static void oauth2_close(void *data)
{
	struct oauth2_db *db = data;

	oauth2_http_destroy(&db->http);
}

/* A token ends, and may be taken back, at any time. */
static const char *oauth2_cache_key(void *data)
{
	(void)data;
	return CV_AUTH_UNCACHED;
}

/* --- looking it over --------------------------------------------------------------------- */

static void check_template(const struct cv_check *check, const char *text)
{
	struct cv_span rest = cv_span_of(text), before, name;

	while (next_variable(&rest, &before, &name))
		(void)check->variables(check, "",
				       cv_span_copy(check->pool, before));
	(void)check->variables(check, "", rest.data);
}

static void oauth2_check(const struct cv_check *check)
{
	struct oauth2_file file;
	struct db_report c;

	if (!db_report_check(check, "dovecot-oauth2.conf.ext", &c) ||
	    oauth2_file_read(check->pool, c.path, &file, &c, NULL) ==
	    CV_E_TEMP)
		return;			/* not for these eyes; open will say */
	check_template(check, file.username_format);
	check_template(check, file.pass_attrs);
	if (file.key_prefix[0] != '\0')
		(void)check->file(check, "", key_folder(check->pool,
							file.key_prefix),
				  CV_CHECK_FOLDER);
	if (file.tls_ca_cert_file[0] != '\0')
		(void)check->file(check, "", file.tls_ca_cert_file,
				  CV_CHECK_FILE);
}

/* --- the frame ---------------------------------------------------------------------------- */

static const struct cv_passdb oauth2_passdb = {
	CV_SIZED(cv_passdb), .name = "oauth2", .open = oauth2_open,
	.close = oauth2_close, .verify = oauth2_verify,
	.cache_key = oauth2_cache_key, .check = oauth2_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &oauth2_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
/* names of hosts, and the certificates of the system */
static const char *const paths[] = {
	"/etc", "/usr/share/ca-certificates", "/usr/lib/ssl", "/run", NULL,
};

CV_PLUGIN_DEFINE("auth-oauth2", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Tokens of OAuth 2.0 and OpenID in place of passwords",
	.flags = CV_PLUGIN_CONNECTS,
	.processes = processes, .paths = paths,
	.init = init);
