/* auth-request.c - one question to the databases. */
#include "auth-request.h"
#include "auth-username.h"

struct auth_request *auth_request_create(struct auth *auth)
{
	struct cv_pool *pool = pool_create("auth-request");
	struct auth_request *request;

	pool_set_secret(pool);
	request = pool_new(pool, struct auth_request);
	request->pool = pool;
	request->auth = auth;
	request->refs = 1;
	auth_input_init(&request->input, pool);
	auth_reply_init(&request->fields, pool);
	auth_reply_init(&request->userdb, pool);
	auth_reply_init(&request->reply, pool);
	request->input.passdb = &request->fields;
	request->input.userdb = &request->userdb;
	request->fail_text = request->fail_data = "";
	return request;
}

struct auth_request *auth_request_create_like(const struct auth_request *from)
{
	struct auth_request *request = auth_request_create(from->auth);
	const struct cv_auth_input own = request->input;

	request->input = from->input;
	request->input.pool = own.pool;
	request->input.passdb = own.passdb;
	request->input.userdb = own.userdb;
	return request;
}

void auth_request_ref(struct auth_request *request)
{
	request->refs++;
}

void auth_request_release(struct auth_request **request)
{
	struct auth_request *r = *request;
	struct cv_pool *pool = r->pool;

	*request = NULL;
	BUG_IF(r->refs == 0);
	if (--r->refs == 0)
		pool_destroy(&pool);
}

void auth_request_unref(struct auth_request **request)
{
	(*request)->detached = true;
	auth_request_release(request);
}

void auth_request_set_conn(struct auth_request *request, const char *service,
			   const char *session_id,
			   const struct conn_info *conn)
{
	struct cv_auth_input *in = &request->input;
	struct cv_pool *pool = request->pool;

	in->service = pool_strdup(pool, service);
	in->session_id = pool_strdup(pool, session_id);
	in->local_ip = pool_strdup(pool, conn->local_ip);
	in->remote_ip = pool_strdup(pool, conn->remote_ip);
	in->local_port = conn->local_port;
	in->remote_port = conn->remote_port;
	in->local_name = pool_strdup(pool, conn->local_name);
	in->tls = conn->tls;
	in->secure = conn->secure;
}

int auth_request_set_user(struct auth_request *request, struct cv_span user,
			  struct cv_span authzid, struct cv_error *err)
{
	const struct auth_settings *set = &request->auth->set;
	struct cv_auth_input *in = &request->input;
	struct cv_span login = authzid, name = user;
	bool split = auth_username_split_master(set, user, &login, &name);
	const char *fixed;
	int ret;

	if (split && authzid.len > 0)
		return FAIL(err, CV_E_DENIED, "a user name with a master "
			    "user in it and an authorization id");
	if (user.len > USER_NAME_MAX ||
	    (user.len > 0 && memchr(user.data, '\0', user.len) != NULL))
		return FAIL(err, CV_E_DENIED, "user name is not acceptable");
	in->original_user = pool_copy(request->pool, user.data, user.len);
	request->original_login = pool_copy(request->pool, name.data,
					    name.len);
	ret = auth_username_fix(set, in, name, request->pool, &fixed, err);
	if (ret < 0)
		return ret;
	in->user = fixed;
	/* of a lookup before this one */
	in->master_user = in->login_user = "";
	in->is_master_lookup = false;
	if (!split && authzid.len == 0)
		return CV_OK;
	ret = auth_username_fix(set, in, login, request->pool, &fixed, err);
	if (ret < 0)
		return error_prefix(err, "login user");
	/* [RFC4616 2] an authorization identity that is the authentication
	 * identity changes nothing; nor does "alice*alice" */
	if (strcmp(fixed, in->user) != 0) {
		in->login_user = fixed;
		in->is_master_lookup = true;
	}
	return CV_OK;
}

const char *auth_request_name(const struct auth_request *request)
{
	const struct cv_auth_input *in = &request->input;

	return pool_printf(request->pool, "%s%s%s%s%s%s",
			   in->user[0] == '\0' ? "?" : in->user,
			   in->login_user[0] != '\0' ? ",login=" : "",
			   in->login_user, in->remote_ip[0] != '\0' ? "," : "",
			   in->remote_ip, in->is_master_lookup ?
			   ",master" : "");
}

/* "a=b c=%u": parsed first and expanded then, so that a name with a blank in
 * it stays one value [security.md A19]. */
static int parse_fields(struct auth_request *request, const char *text,
			struct cv_auth_reply *out, struct cv_error *err)
{
	struct cv_text value;
	int ret;

	auth_reply_init(out, request->pool);
	if (text[0] == '\0')
		return CV_OK;
	ret = auth_reply_set_all(out, cv_span_of(text), ' ', err);
	for (size_t i = 0; ret == CV_OK && i < out->fields.count; i++) {
		struct auth_field *field = &out->fields.items[i];
		bool path = strcmp(field->name, "home") == 0 ||
			strcmp(field->name, "userdb_home") == 0 ||
			strcmp(field->name, "chroot") == 0;

		/* mail is a template that the session expands */
		if (strcmp(field->name, "mail") == 0 ||
		    strcmp(field->name, "userdb_mail") == 0)
			continue;
		cv_text_init(&value, request->pool);
		ret = auth_input_expand(&request->input, field->value,
					path ? CV_AUTH_EXPAND_PATH : 0,
					&value, err);
		if (ret == CV_OK &&
		    !auth_reply_set_str(out, field->name,
					cv_text_str(&value)))
			ret = FAIL(err, CV_E_DENIED, "value of field '%s' is "
				   "not acceptable", field->name);
	}
	return ret;
}

int auth_request_add_fields(struct auth_request *request,
			    const struct auth_db *db,
			    struct cv_auth_reply *reply, struct cv_error *err)
{
	struct cv_auth_reply extra;
	int ret;

	ret = parse_fields(request, db->default_fields, &extra, err);
	if (ret < 0)
		return error_prefix(err, "default_fields");
	for (size_t i = 0; i < extra.fields.count; i++) {
		const struct auth_field *field = &extra.fields.items[i];

		if (auth_reply_get(reply, field->name) == NULL)
			(void)auth_reply_set_str(reply, field->name,
						 field->value);
	}
	ret = parse_fields(request, db->override_fields, &extra, err);
	if (ret < 0)
		return error_prefix(err, "override_fields");
	auth_reply_merge(reply, &extra);
	return CV_OK;
}

/* user, username and domain have been answered as they are to be used; the
 * checks of auth_username_chars are for clients, those against harm for
 * all. */
static int check_new_name(const char *name, struct cv_error *err)
{
	if (name[0] == '\0' || strlen(name) >= USER_NAME_MAX ||
	    strpbrk(name, "\t\r\n") != NULL)
		return FAIL(err, CV_E_DENIED, "database changed the user name "
			    "to one that is not acceptable");
	return CV_OK;
}

int auth_request_change_user(struct auth_request *request,
			     const struct cv_auth_reply *reply,
			     struct cv_error *err)
{
	struct cv_auth_input *in = &request->input;
	const char *user = auth_reply_get(reply, "user");
	const char *username = auth_reply_get(reply, "username");
	const char *domain = auth_reply_get(reply, "domain");
	const char *at;
	int ret;

	if (user == NULL)
		user = in->user;
	at = strchr(user, '@');
	if (username != NULL && strchr(username, '@') == NULL && at != NULL)
		user = pool_printf(request->pool, "%s%s", username, at);
	else if (username != NULL)
		user = username;
	if (domain != NULL) {
		user = pool_printf(request->pool, "%.*s@%s",
				   (int)strcspn(user, "@"), user, domain);
	}
	if (strcmp(user, in->user) == 0)
		return CV_OK;
	if ((ret = check_new_name(user, err)) < 0)
		return ret;
	in->user = pool_strdup(request->pool, user);
	request->user_changed = true;
	return CV_OK;
}

static bool net_matches(struct cv_span net, const struct settings_ip *ip)
{
	struct cv_span bits_text = net, base = CV_SPAN_NONE;
	struct settings_ip want;
	uint64_t bits;
	char text[64];
	size_t at;

	(void)cv_span_split(&bits_text, '/', &base);
	if (base.len == 0 || base.len >= sizeof(text))
		return false;
	memcpy(text, base.data, base.len);
	text[base.len] = '\0';
	if (!settings_ip_parse(text, &want) || want.family != ip->family)
		return false;
	bits = want.family == 4 ? 32 : 128;
	if (bits_text.data != NULL && !cv_span_to_u64(bits_text, bits, &bits))
		return false;
	for (at = 0; bits >= 8; at++, bits -= 8) {
		if (want.bytes[at] != ip->bytes[at])
			return false;
	}
	return bits == 0 ||
		((want.bytes[at] ^ ip->bytes[at]) >> (8 - bits)) == 0;
}

bool auth_nets_match(const char *nets, const char *ip)
{
	struct cv_span rest = cv_span_of(nets), net;
	struct settings_ip address = { 0 };

	if (ip[0] != '\0' && !settings_ip_parse(ip, &address))
		return false;
	while (cv_span_split(&rest, ',', &net)) {
		net = cv_span_trim(net);
		if (ip[0] == '\0' ? cv_span_is(net, "local") :
		    net_matches(net, &address))
			return true;
	}
	return false;
}
