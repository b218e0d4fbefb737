/* auth-input.c - the inputs of a request. */
#include "auth-input.h"
#include "auth-reply.h"
#include "ipc/auth-message.h"

#include <stdio.h>

static const struct {
	size_t offset;
	size_t max;
} input_strings[] = {
#define ROW(member, max) { offsetof(struct cv_auth_input, member), (max) }
	ROW(user, USER_NAME_MAX), ROW(original_user, USER_NAME_MAX),
	ROW(login_user, USER_NAME_MAX), ROW(master_user, USER_NAME_MAX),
	ROW(service, 64), ROW(mechanism, AUTH_MECHANISM_NAME_MAX),
	ROW(realm, USER_NAME_MAX), ROW(session_id, SESSION_ID_MAX),
	ROW(local_ip, 64), ROW(remote_ip, 64), ROW(local_name, 256),
	ROW(cert_name, USER_NAME_MAX),
#undef ROW
};
enum { INPUT_STRINGS = sizeof(input_strings) / sizeof(input_strings[0]) };

static const char **string_at(struct cv_auth_input *in, size_t i)
{
	return (const char **)(void *)((char *)in + input_strings[i].offset);
}

static const char *string_get(const struct cv_auth_input *in, size_t i)
{
	return *(const char *const *)(const void *)
		((const char *)in + input_strings[i].offset);
}

void auth_input_init(struct cv_auth_input *in, struct cv_pool *pool)
{
	memset(in, 0, sizeof(*in));
	in->size = sizeof(*in);
	in->pool = pool;
	for (size_t i = 0; i < INPUT_STRINGS; i++)
		*string_at(in, i) = "";
}

bool auth_input_needs_fields(const char *cache_key)
{
	return cache_key == NULL || strstr(cache_key, "passdb:") != NULL ||
		strstr(cache_key, "userdb:") != NULL ||
		strstr(cache_key, "forward_") != NULL;
}

static void put_fields(struct ipc_writer *w, const struct cv_auth_reply *reply)
{
	static const struct cv_auth_reply none;

	auth_reply_put(w, reply == NULL ? &none : reply);
}

static const struct cv_auth_reply *read_fields(struct ipc_reader *r,
					       struct cv_pool *pool)
{
	struct cv_auth_reply *reply = pool_new(pool, struct cv_auth_reply);

	auth_reply_init(reply, pool);
	auth_reply_read(r, reply);
	return reply;
}

void auth_input_put(struct ipc_writer *w, const struct cv_auth_input *in,
		    bool fields)
{
	for (size_t i = 0; i < INPUT_STRINGS; i++)
		ipc_put_str(w, string_get(in, i));
	ipc_put_u32(w, in->local_port);
	ipc_put_u32(w, in->remote_port);
	ipc_put_bool(w, in->tls);
	ipc_put_bool(w, in->secure);
	ipc_put_bool(w, in->cert_valid);
	ipc_put_bool(w, in->is_master_lookup);
	ipc_put_bool(w, fields);
	if (!fields)
		return;
	put_fields(w, in->passdb);
	put_fields(w, in->userdb);
}

void auth_input_read(struct ipc_reader *r, struct cv_pool *pool,
		     struct cv_auth_input *in_r)
{
	auth_input_init(in_r, pool);
	for (size_t i = 0; i < INPUT_STRINGS; i++) {
		*string_at(in_r, i) = pool_strdup(
			pool, ipc_get_str(r, input_strings[i].max));
	}
	in_r->local_port = ipc_get_u32(r);
	in_r->remote_port = ipc_get_u32(r);
	in_r->tls = ipc_get_bool(r);
	in_r->secure = ipc_get_bool(r);
	in_r->cert_valid = ipc_get_bool(r);
	in_r->is_master_lookup = ipc_get_bool(r);
	if (!ipc_get_bool(r))
		return;
	in_r->passdb = read_fields(r, pool);
	in_r->userdb = read_fields(r, pool);
}

static struct cv_span local_part(const char *user)
{
	return cv_span(user, strcspn(user, "@"));
}

/* Behind the last @, as in user@host@realm. */
static struct cv_span domain_part(const char *user)
{
	const char *at = strrchr(user, '@');

	return at == NULL ? CV_SPAN("") : cv_span_of(at + 1);
}

enum { VAR_WHOLE, VAR_LOCAL, VAR_DOMAIN };

/* Short names of Dovecot 2.3 and their long ones. */
static const struct {
	const char *name;
	size_t offset;
	int part;
} variables[] = {
#define ROW(name, member, part) \
	{ name, offsetof(struct cv_auth_input, member), part }
	ROW("user", user, VAR_WHOLE), ROW("u", user, VAR_WHOLE),
	ROW("username", user, VAR_LOCAL), ROW("n", user, VAR_LOCAL),
	ROW("domain", user, VAR_DOMAIN), ROW("d", user, VAR_DOMAIN),
	ROW("orig_user", original_user, VAR_WHOLE),
	ROW("orig_username", original_user, VAR_LOCAL),
	ROW("orig_domain", original_user, VAR_DOMAIN),
	ROW("login_user", login_user, VAR_WHOLE),
	ROW("login_username", login_user, VAR_LOCAL),
	ROW("login_domain", login_user, VAR_DOMAIN),
	ROW("master_user", master_user, VAR_WHOLE),
	ROW("service", service, VAR_WHOLE), ROW("s", service, VAR_WHOLE),
	ROW("mech", mechanism, VAR_WHOLE), ROW("m", mechanism, VAR_WHOLE),
	ROW("session", session_id, VAR_WHOLE),
	ROW("local_ip", local_ip, VAR_WHOLE),
	ROW("lip", local_ip, VAR_WHOLE), ROW("l", local_ip, VAR_WHOLE),
	ROW("remote_ip", remote_ip, VAR_WHOLE),
	ROW("rip", remote_ip, VAR_WHOLE), ROW("r", remote_ip, VAR_WHOLE),
	ROW("real_rip", remote_ip, VAR_WHOLE),
	ROW("real_lip", local_ip, VAR_WHOLE),
	ROW("local_name", local_name, VAR_WHOLE),
	ROW("cert", cert_name, VAR_WHOLE), ROW("k", cert_name, VAR_WHOLE),
	ROW("realm", realm, VAR_WHOLE),
#undef ROW
};

static bool variable_number(const struct cv_auth_input *in,
			    struct cv_span name, struct cv_span *value_r)
{
	bool local = cv_span_is(name, "lport") || cv_span_is(name, "a") ||
		cv_span_is(name, "local_port") ||
		cv_span_is(name, "real_lport");
	bool remote = cv_span_is(name, "rport") || cv_span_is(name, "b") ||
		cv_span_is(name, "remote_port") ||
		cv_span_is(name, "real_rport");

	if (!local && !remote)
		return false;
	*value_r = cv_span_of(pool_printf(in->pool, "%u", local ?
					  in->local_port : in->remote_port));
	return true;
}

/* "zone" or "zone:default" of what databases have said. */
static struct cv_span field_value(const struct cv_auth_input *in,
				  const struct cv_auth_reply *reply,
				  struct cv_span name)
{
	struct cv_span otherwise = name, field = name, value = CV_SPAN_NONE;

	(void)cv_span_split(&otherwise, ':', &field);
	if (reply != NULL)
		value = auth_reply_get_span(reply,
			pool_copy(in->pool, field.data, field.len));
	if (value.data == NULL)
		value = otherwise;
	return value.data == NULL ? CV_SPAN("") : value;
}

static bool variable_field(const struct cv_auth_input *in,
			   struct cv_span name, struct cv_span *value_r)
{
	bool passdb = cv_span_begins(name, CV_SPAN("passdb:"));

	if (passdb || cv_span_begins(name, CV_SPAN("userdb:")))
		*value_r = field_value(in, passdb ? in->passdb : in->userdb,
				       cv_span_skip(name, 7));
	else if (cv_span_begins(name, CV_SPAN("forward_")))
		*value_r = field_value(in, in->passdb, name);
	else
		return false;
	return true;
}

bool auth_input_variable(void *context, struct cv_span name,
			 struct cv_span *value_r)
{
	const struct cv_auth_input *in = context;
	const char *text;

	if (cv_span_is(name, "secured") || cv_span_is(name, "c")) {
		*value_r = in->secure ? CV_SPAN("secured") : CV_SPAN("");
		return true;
	}
	if (cv_span_is(name, "auth_user") || cv_span_is(name, "auth_username")
	    || cv_span_is(name, "auth_domain")) {
		text = in->master_user[0] != '\0' ? in->master_user : in->user;
		*value_r = cv_span_is(name, "auth_user") ? cv_span_of(text) :
			cv_span_is(name, "auth_domain") ? domain_part(text) :
			local_part(text);
		return true;
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		if (!cv_span_is(name, variables[i].name))
			continue;
		text = *(const char *const *)(const void *)
			((const char *)in + variables[i].offset);
		*value_r = variables[i].part == VAR_LOCAL ? local_part(text) :
			variables[i].part == VAR_DOMAIN ? domain_part(text) :
			cv_span_of(text);
		return true;
	}
	return variable_number(in, name, value_r) ||
		variable_field(in, name, value_r);
}

int auth_input_expand(const struct cv_auth_input *in, const char *text,
		      uint32_t flags, struct cv_text *out,
		      struct cv_error *err)
{
	/* the lookup gets it back as const */
	struct settings_vars vars = {
		.lookup = auth_input_variable,
		.context = (void *)(uintptr_t)in,
	};

	return settings_expand(out, text, &vars,
			       (flags & CV_AUTH_EXPAND_PATH) != 0 ?
			       SETTINGS_EXPAND_PATH : 0, err);
}
