/* auth-forward.c - see auth-forward.h. */
#include "auth-forward.h"

#include "net/address.h"

/* All but pass, which the client's own password stands for. */
static const char *const forwarded_fields[] = {
	"host", "hostip", "port", "destuser", "master", "ssl", "starttls",
	"proxy_timeout", "proxy_mech", "proxy_not_trusted", "source_ip",
	"protocol",
};

static const char forward_prefix[] = "forward_";

enum { FORWARD_PREFIX_LEN = sizeof(forward_prefix) - 1 };

static bool is_forward_field(const char *name)
{
	return strncmp(name, forward_prefix, FORWARD_PREFIX_LEN) == 0;
}

enum { FIELDS = sizeof(forwarded_fields) / sizeof(forwarded_fields[0]) };

static const char *field(const struct auth_request *request, const char *name)
{
	const char *value = auth_reply_get(&request->fields, name);

	return value == NULL ? "" : value;
}

static bool same_address(const char *text, const char *other)
{
	struct net_address a, b;
	uint8_t bytes[2][16];

	if (!net_address_parse(&a, text, 0) ||
	    !net_address_parse(&b, other, 0))
		return false;
	net_address_bytes(&a, bytes[0]);
	net_address_bytes(&b, bytes[1]);
	return memcmp(bytes[0], bytes[1], sizeof(bytes[0])) == 0;
}

/* hostip, where there is one. */
static const char *where_to(const struct auth_request *request)
{
	const char *ip = field(request, "hostip");

	return *ip != '\0' ? ip : field(request, "host");
}

const char *auth_forward_host(const struct auth_request *request)
{
	const char *where = where_to(request);
	struct net_address address;

	return request->auth->set.auth_resolve_hosts && *where != '\0' &&
		auth_reply_is_true(&request->fields, "proxy_maybe") &&
		!net_address_parse(&address, where, 0) ? where : NULL;
}

static bool is_own_address(const struct auth_request *request,
			   const char *text)
{
	const struct cv_strings *self = &request->auth->set.auth_proxy_self;
	bool own = same_address(text, request->input.local_ip);
	struct net_address address;

	if (!net_address_parse(&address, text, 0))
		return false;
	for (uint32_t i = 0; i < self->count && !own; i++)
		own = net_address_in(&address, self->items[i]);
	return own;
}

/* This server under one of its addresses. */
static int is_self(const struct auth_request *request, bool *self_r,
		   struct cv_error *err)
{
	const char *where = where_to(request), *all = where;
	struct net_address address;
	struct cv_span rest, word;

	if (!net_address_parse(&address, where, 0)) {
		if (request->host_error != NULL)
			return FAIL(err, CV_E_TEMP, "proxy_maybe: %s",
				    request->host_error);
		all = request->host_addresses;
	}
	if (all == NULL)
		return FAIL(err, CV_E_CONFIG, "proxy_maybe: whether '%s' is "
			    "this server can be told of an address only: let "
			    "the passdb return hostip beside host, or an "
			    "address as host, or set auth_resolve_hosts = "
			    "yes", where);
	rest = cv_span_of(all);
	while (!*self_r && cv_span_split(&rest, ' ', &word))
		*self_r = is_own_address(request, pool_copy(request->pool,
			word.data, word.len));
	return CV_OK;
}

static bool is_one_of(const char *value, const char *const *words)
{
	while (*words != NULL && strcasecmp(value, *words) != 0)
		words++;
	return *words != NULL;
}

static int check_number(const struct auth_request *request, const char *name,
			uint64_t max, struct cv_error *err)
{
	const char *value = field(request, name);
	uint64_t number;

	if (*value == '\0' || cv_span_to_u64(cv_span_of(value), max, &number))
		return CV_OK;
	return FAIL(err, CV_E_CONFIG, "proxy: %s = '%s' is no number up to "
		    "%llu", name, value, (unsigned long long)max);
}

static bool is_printable(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return *text == '\0';
}

/* [RFC2971 3.3] What an ID has room for beside x-forward- and our own: more
 * would make the far server refuse all of it. */
static int check_forward(const struct auth_request *request,
			 struct cv_error *err)
{
	enum { NAME_MAX_LEN = 20, VALUE_MAX_LEN = 1024, COUNT_MAX = 22 };
	uint32_t count = 0;

	for (size_t i = 0; i < request->fields.fields.count; i++) {
		const struct auth_field *f = &request->fields.fields.items[i];

		if (!is_forward_field(f->name))
			continue;
		if (strlen(f->name) - FORWARD_PREFIX_LEN > NAME_MAX_LEN ||
		    strlen(f->value) > VALUE_MAX_LEN ||
		    !is_printable(f->value) || ++count > COUNT_MAX)
			return FAIL(err, CV_E_CONFIG, "proxy: %s cannot be "
				    "forwarded: at most %d fields forward_*, "
				    "names of %d more bytes, values of %d "
				    "printable ASCII characters", f->name,
				    COUNT_MAX, NAME_MAX_LEN, VALUE_MAX_LEN);
	}
	return CV_OK;
}

static int check_fields(const struct auth_request *request,
			struct cv_error *err)
{
	static const char *const ssl[] = {
		"", "no", "yes", "any-cert", "starttls", "n", "y", NULL,
	};
	const char *const names[] = { "ssl", "starttls" };
	int status = check_number(request, "port", UINT16_MAX, err);

	if (status == CV_OK)
		status = check_forward(request, err);
	if (status == CV_OK)
		status = check_number(request, "proxy_timeout", 86400, err);
	for (size_t i = 0; status == CV_OK && i < 2; i++) {
		if (!is_one_of(field(request, names[i]), ssl))
			status = FAIL(err, CV_E_CONFIG, "proxy: %s = '%s' is "
				      "none of no, yes, any-cert", names[i],
				      field(request, names[i]));
	}
	return status;
}

int auth_forward_mail_wanted(struct auth_request *request, bool *forward_r,
			     struct cv_error *err)
{
	bool maybe = auth_reply_is_true(&request->fields, "proxy_maybe");
	bool self = false;
	int status;

	*forward_r = false;
	if (!maybe && !auth_reply_is_true(&request->fields, "proxy"))
		return CV_OK;
	if (*field(request, "host") == '\0' &&
	    *field(request, "hostip") == '\0')
		return FAIL(err, CV_E_CONFIG, "the passdb wants this user "
			    "proxied, and returns no host");
	status = check_fields(request, err);
	if (status == CV_OK && maybe)
		status = is_self(request, &self, err);
	*forward_r = status == CV_OK && !self;
	return status;
}

int auth_forward_wanted(struct auth_request *request, struct cv_span password,
			bool *forward_r, struct cv_error *err)
{
	int status = auth_forward_mail_wanted(request, forward_r, err);

	if (status != CV_OK || !*forward_r)
		return status;
	*forward_r = false;
	if (password.len == 0 && *field(request, "pass") == '\0')
		return FAIL(err, CV_E_CONFIG, "mechanism %s shows no password "
			    "to log in to '%s' with: let the passdb return "
			    "pass, or master and pass",
			    request->input.mechanism,
			    field(request, "host"));
	*forward_r = true;
	return CV_OK;
}

/* The session that shows the certificate cannot read the key itself, since
 * other sessions must not.  Returns how many fields. */
static uint32_t add_key(struct auth_request *request, struct user_field *to)
{
	struct settings_scope scope = { .protocol = request->input.service };
	struct ssl_settings set;

	if (settings_get(request->auth->tree, &ssl_settings_table, &scope,
			 request->pool, &set, NULL) != CV_OK ||
	    *set.ssl_client_key == '\0')
		return 0;
	*to = (struct user_field){ FORWARD_KEY_FIELD, set.ssl_client_key };
	return 1;
}

/* Returns how many fields. */
static uint32_t add_password(struct auth_request *request,
			     struct cv_span password, struct user_field *to)
{
	const char *pass = field(request, "pass");
	uint32_t count = 0;

	/* whose password it is, where a master user has logged in */
	if (*field(request, "master") == '\0' && *pass == '\0' &&
	    *request->input.master_user != '\0')
		to[count++] = (struct user_field){
			"master", request->input.master_user,
		};
	to[count++] = (struct user_field){
		"pass", *pass != '\0' ? pass :
		pool_copy(request->pool, password.data, password.len),
	};
	return count;
}

void auth_forward_info(struct auth_request *request, struct cv_span password,
		       struct user_info *info_r)
{
	struct user_field *fields = pool_new_array(request->pool,
		struct user_field, FIELDS + 4 + request->fields.fields.count);
	const char *value;
	uint32_t count = 0;

	for (size_t i = 0; i < FIELDS; i++) {
		value = auth_reply_get(&request->fields, forwarded_fields[i]);
		if (value != NULL)
			fields[count++] = (struct user_field){
				forwarded_fields[i], value,
			};
	}
	for (size_t i = 0; i < request->fields.fields.count; i++) {
		const struct auth_field *f = &request->fields.fields.items[i];

		if (is_forward_field(f->name))
			fields[count++] = (struct user_field){
				f->name, f->value,
			};
	}
	/* a passdb has given the user another name */
	if (request->user_changed && *field(request, "destuser") == '\0')
		fields[count++] = (struct user_field){
			"destuser", request->input.user,
		};
	/* lmtp has it */
	if (password.data != NULL)
		count += add_key(request, &fields[count]);
	if (password.data != NULL)
		count += add_password(request, password, &fields[count]);
	*info_r = (struct user_info){
		.name = request->input.user,
		.login_name = request->input.original_user,
		.master_name = request->input.master_user,
		.uid = (uint32_t)-1, .gid = (uint32_t)-1,
		.home = "", .chroot = "", .mail = "",
		.field_count = count, .fields = fields,
	};
}
