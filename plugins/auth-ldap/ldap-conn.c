/* ldap-conn.c - connections of libldap. */
#include "ldap-conn.h"
#include "ldap-deadline.h"

#include <errno.h>
#include <lber.h>
#include <ldap.h>
#include <sasl/sasl.h>
#include <stdlib.h>

enum { LOOKUP_ENTRIES_MAX = 2 };

/* Users bind on a connection of their own: the other one stays bound as dn.
 * Which of them is wanted first is not known when the server is reached. */
struct conn {
	LDAP *search, *bind, *fresh;
};

struct server {
	const struct ldap_file *file;
	const char *uri;		/* NULL: of ldaprc_path */
	struct ldap_numbers numbers;
};

static struct cv_plugin *plugin_self;

/* --- failures ---------------------------------------------------------------- */

static bool is_lost(int code)
{
	switch (code) {
	case LDAP_SERVER_DOWN:
	case LDAP_CONNECT_ERROR:
	case LDAP_UNAVAILABLE:
	case LDAP_BUSY:
	case LDAP_OPERATIONS_ERROR:
	case LDAP_LOCAL_ERROR:
	case LDAP_ENCODING_ERROR:
	case LDAP_DECODING_ERROR:
	case LDAP_NO_MEMORY:
		return true;
	}
	return false;
}

/* What the server says may have line ends. */
static const char *one_line(struct cv_pool *pool, const char *text)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (; text != NULL && *text != '\0'; text++)
		cv_text_append_c(&out, (unsigned char)*text < 0x20 ? ' ' :
				 *text);
	return cv_text_str(&out);
}

static int fail(const char *what, int code, const char *detail,
		struct cv_error *err)
{
	bool late = code == LDAP_TIMEOUT || code == LDAP_TIMELIMIT_EXCEEDED ||
		(is_lost(code) && ldap_deadline_has_passed());
	struct cv_pool *pool = cv_api->pool_create("ldap error");
	const char *text = one_line(pool, detail);
	int class = late ? CV_E_TIMEOUT : is_lost(code) ? CV_E_TEMP :
		CV_E_PERM;
	int ret = CV_FAIL(err, class, "%s: %s%s%s%s%s", what,
			  late ? "no answer in time: " : "",
			  ldap_err2string(code), text[0] == '\0' ? "" : " (",
			  text, text[0] == '\0' ? "" : ")");

	cv_api->pool_destroy(&pool);
	return ret;
}

/* The same with what the library has to say, as about certificates. */
static int fail_local(LDAP *ld, const char *what, int code,
		      struct cv_error *err)
{
	char *detail = NULL;
	int ret;

	(void)ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	ret = fail(what, code, detail, err);
	ldap_memfree(detail);
	return ret;
}

/* --- answers ----------------------------------------------------------------- */

/* All of an answer, however slowly it drips. */
static int await(LDAP *ld, const char *what, int msgid, int secs,
		 LDAPMessage **result_r, struct cv_error *err)
{
	struct timeval limit = { .tv_sec = secs };
	int code = LDAP_TIMEOUT;
	int type = ldap_result(ld, msgid, LDAP_MSG_ALL, &limit, result_r);

	if (type > 0)
		return CV_OK;
	if (type < 0)
		(void)ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
	if (type < 0 && code == LDAP_SUCCESS)
		code = LDAP_SERVER_DOWN;
	*result_r = NULL;
	(void)ldap_abandon_ext(ld, msgid, NULL, NULL);
	return type < 0 ? fail_local(ld, what, code, err) :
		CV_FAIL(err, CV_E_TIMEOUT, "%s: no answer within %d seconds",
			what, secs);
}

static struct timeval secs(int n)
{
	return (struct timeval){ .tv_sec = n };
}

/* --- connecting -------------------------------------------------------------- */

struct option { int id; const char *text; };

static int set_tls(LDAP *ld, const struct server *s, struct cv_error *err)
{
	const struct ldap_file *file = s->file;
	const struct option options[] = {
		{ LDAP_OPT_X_TLS_CACERTFILE, file->tls_ca_cert_file },
		{ LDAP_OPT_X_TLS_CACERTDIR, file->tls_ca_cert_dir },
		{ LDAP_OPT_X_TLS_CERTFILE, file->tls_cert_file },
		{ LDAP_OPT_X_TLS_KEYFILE, file->tls_key_file },
		{ LDAP_OPT_X_TLS_CIPHER_SUITE, file->tls_cipher_suite },
	};
	int is_client = 0, code = LDAP_SUCCESS;
	bool any = s->numbers.require_cert >= 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].text[0] == '\0')
			continue;
		any = true;
		if (ldap_set_option(ld, options[i].id, options[i].text) !=
		    LDAP_OPT_SUCCESS)
			code = LDAP_PARAM_ERROR;
	}
	if (s->numbers.require_cert >= 0 &&
	    ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT,
			    &s->numbers.require_cert) != LDAP_OPT_SUCCESS)
		code = LDAP_PARAM_ERROR;
	/* the files are read now */
	if (any && ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &is_client) !=
	    LDAP_OPT_SUCCESS)
		code = LDAP_PARAM_ERROR;
	return code == LDAP_SUCCESS ? CV_OK :
		CV_FAIL(err, CV_E_TEMP, "the TLS settings cannot be used "
			"(hint: are the files of tls_ca_cert_file, "
			"tls_cert_file and tls_key_file there and readable, "
			"and is tls_cipher_suite one of libldap's TLS "
			"library?)");
}

static int set_options(LDAP *ld, const struct server *s, struct cv_error *err)
{
	int version = s->file->ldap_version[0] == '2' ? LDAP_VERSION2 :
		LDAP_VERSION3;
	struct timeval connect = secs(LDAP_CONNECT_SECS);
	struct timeval answer = secs(LDAP_ANSWER_SECS);

	(void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(ld, LDAP_OPT_DEREF, &s->numbers.deref);
	(void)ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	(void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &connect);
	(void)ldap_set_option(ld, LDAP_OPT_TIMEOUT, &answer);
	return set_tls(ld, s, err);
}

/* (RFC 4513, 3.1) */
static int start_tls(LDAP *ld, struct cv_error *err)
{
	LDAPMessage *result;
	char *detail = NULL;
	int msgid, code, ret;

	ldap_deadline_set(LDAP_CONNECT_SECS);
	code = ldap_start_tls(ld, NULL, NULL, &msgid);
	if (code != LDAP_SUCCESS)
		return fail_local(ld, "StartTLS", code, err);
	ret = await(ld, "StartTLS", msgid, LDAP_CONNECT_SECS, &result, err);
	if (ret != CV_OK)
		return ret;
	ret = ldap_parse_result(ld, result, &code, NULL, &detail, NULL, NULL,
				1);
	if (ret != LDAP_SUCCESS || code != LDAP_SUCCESS)
		ret = fail("StartTLS", ret != LDAP_SUCCESS ? ret : code,
			   detail, err);
	ldap_memfree(detail);
	if (ret != CV_OK)
		return ret;
	code = ldap_install_tls(ld);
	return code == LDAP_SUCCESS ? CV_OK :
		fail_local(ld, "StartTLS", code, err);
}

static int open_handle(const struct server *s, LDAP **ld_r,
		       struct cv_error *err)
{
	int code = ldap_initialize(ld_r, s->uri), ret;

	if (code != LDAP_SUCCESS) {
		*ld_r = NULL;
		return fail("cannot connect", code, NULL, err);
	}
	ldap_deadline_set(LDAP_CONNECT_SECS);
	ret = set_options(*ld_r, s, err);
	if (ret == CV_OK)
		ret = ldap_deadline_attach(*ld_r, err);
	if (ret == CV_OK) {
		code = ldap_connect(*ld_r);
		if (code != LDAP_SUCCESS)
			ret = fail_local(*ld_r, "cannot connect", code, err);
	}
	if (ret == CV_OK && s->file->tls)
		ret = start_tls(*ld_r, err);
	if (ret != CV_OK) {
		(void)ldap_unbind_ext(*ld_r, NULL, NULL);
		*ld_r = NULL;
	}
	return ret;
}

static int take_handle(struct conn *c, const struct server *s, LDAP **ld_r,
		       struct cv_error *err)
{
	*ld_r = c->fresh;
	c->fresh = NULL;
	return *ld_r != NULL ? CV_OK : open_handle(s, ld_r, err);
}

/* --- binding ----------------------------------------------------------------- */

/* A simple bind (RFC 4513, 5.1.3); *code_r is the server's. */
static int simple_bind(LDAP *ld, const char *dn, struct cv_span password,
		       LDAPControl **controls, int *code_r, char **detail_r,
		       LDAPControl ***controls_r, struct cv_error *err)
{
	struct berval secret = { password.len,
		(char *)(uintptr_t)password.data };
	LDAPMessage *result;
	int msgid, code, ret;

	ldap_deadline_set(LDAP_ANSWER_SECS);
	code = ldap_sasl_bind(ld, dn, LDAP_SASL_SIMPLE, &secret, controls,
			      NULL, &msgid);
	if (code != LDAP_SUCCESS)
		return fail_local(ld, "bind", code, err);
	ret = await(ld, "bind", msgid, LDAP_ANSWER_SECS, &result, err);
	if (ret != CV_OK)
		return ret;
	code = ldap_parse_result(ld, result, code_r, NULL, detail_r, NULL,
				 controls_r, 1);
	return code == LDAP_SUCCESS ? CV_OK :
		fail_local(ld, "bind", code, err);
}

static int sasl_answer(LDAP *ld, unsigned int flags, void *defaults,
		       void *questions)
{
	const struct ldap_file *file = defaults;
	const char *answer;

	(void)ld;
	(void)flags;
	for (sasl_interact_t *q = questions; q->id != SASL_CB_LIST_END; q++) {
		switch (q->id) {
		case SASL_CB_AUTHNAME:
			answer = file->dn;
			break;
		case SASL_CB_PASS:
			answer = file->dnpass;
			break;
		case SASL_CB_USER:
			answer = file->sasl_authz_id;
			break;
		case SASL_CB_GETREALM:
			answer = file->sasl_realm;
			break;
		default:
			answer = q->defresult == NULL ? "" : q->defresult;
			break;
		}
		q->result = answer;
		q->len = (unsigned int)strlen(answer);
	}
	return LDAP_SUCCESS;
}

/* (RFC 4513, 5.2) */
static int sasl_login(LDAP *ld, const struct ldap_file *file,
		      struct cv_error *err)
{
	int code;

	ldap_deadline_set(LDAP_ANSWER_SECS);
	if (file->sasl_realm[0] != '\0')
		(void)ldap_set_option(ld, LDAP_OPT_X_SASL_REALM,
				      file->sasl_realm);
	if (file->sasl_authz_id[0] != '\0')
		(void)ldap_set_option(ld, LDAP_OPT_X_SASL_AUTHZID,
				      file->sasl_authz_id);
	code = ldap_sasl_interactive_bind_s(
		ld, NULL, file->sasl_mech[0] == '\0' ? NULL : file->sasl_mech,
		NULL, NULL, LDAP_SASL_QUIET, sasl_answer,
		(void *)(uintptr_t)file);
	return code == LDAP_SUCCESS ? CV_OK :
		fail_local(ld, "bind by SASL", code, err);
}

/* As the dn of the file; the connection is of no use when it fails. */
static int login(LDAP *ld, const struct ldap_file *file, struct cv_error *err)
{
	char *detail = NULL;
	int code, ret;

	if (file->sasl_bind)
		ret = sasl_login(ld, file, err);
	else if (file->dn[0] == '\0' && file->ldap_version[0] == '3')
		/* anonymous, as it has begun (RFC 4513, 4) */
		return CV_OK;
	else
		ret = simple_bind(ld, file->dn, cv_span_of(file->dnpass),
				  NULL, &code, &detail, NULL, err);
	if (ret == CV_OK && !file->sasl_bind && code != LDAP_SUCCESS)
		ret = fail("bind as dn", code, detail, err);
	ldap_memfree(detail);
	/* another host may know dn; nobody is to be told that they do not
	 * exist */
	return ret == CV_E_PERM ? CV_E_TEMP : ret;
}

/* The password policy's reason, when the server has one. */
static int policy_result(LDAP *ld, LDAPControl **controls,
			 const char **why)
{
	LDAPPasswordPolicyError error = PP_noError;
	ber_int_t expire, grace;

	for (size_t i = 0; controls != NULL && controls[i] != NULL; i++) {
		if (strcmp(controls[i]->ldctl_oid,
			   LDAP_CONTROL_PASSWORDPOLICYRESPONSE) == 0 &&
		    ldap_parse_passwordpolicy_control(
			    ld, controls[i], &expire, &grace, &error) !=
		    LDAP_SUCCESS)
			error = PP_noError;
	}
	if (error == PP_accountLocked || error == PP_passwordExpired)
		*why = ldap_passwordpolicy_err2txt(error);
	return error == PP_accountLocked ? CV_AUTH_DISABLED :
		error == PP_passwordExpired ? CV_AUTH_EXPIRED :
		CV_AUTH_MISMATCH;
}

static int bind_result(LDAP *ld, int code, const char *detail,
		       LDAPControl **controls, struct ldap_request *request,
		       struct cv_error *err)
{
	request->why = one_line(request->pool, detail);
	switch (code) {
	case LDAP_SUCCESS:
		return CV_AUTH_OK;
	case LDAP_INVALID_CREDENTIALS:
		return policy_result(ld, controls, &request->why);
	case LDAP_INAPPROPRIATE_AUTH:
		return CV_AUTH_MISMATCH;
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
		return CV_AUTH_UNKNOWN_USER;
	}
	return fail("bind", code, detail, err);
}

static int bind_user(struct conn *c, const struct server *s,
		     struct ldap_request *request, struct cv_error *err)
{
	LDAPControl policy = {
		.ldctl_oid = (char *)(uintptr_t)
			LDAP_CONTROL_PASSWORDPOLICYREQUEST,
	};
	LDAPControl *controls[] = { &policy, NULL }, **answer = NULL;
	char *detail = NULL;
	int code, ret = CV_OK;

	/* (RFC 4513, 5.1.2) without a password the server says yes to anybody;
	 * (RFC 4513, 5.1.1) without a name too, to some */
	if (request->password.len == 0 || request->dn[0] == '\0') {
		request->why = "an empty password or name never binds";
		return CV_AUTH_MISMATCH;
	}
	if (c->bind == NULL)
		ret = take_handle(c, s, &c->bind, err);
	if (ret == CV_OK)
		ret = simple_bind(c->bind, request->dn, request->password,
				  s->file->ldap_version[0] == '2' ? NULL :
				  controls, &code, &detail, &answer, err);
	if (ret == CV_OK)
		ret = bind_result(c->bind, code, detail, answer, request,
				  err);
	ldap_memfree(detail);
	ldap_controls_free(answer);
	return ret;
}

/* --- searching --------------------------------------------------------------- */

static void take_attr(struct cv_pool *pool, const char *name,
		      struct berval **values, struct ldap_attr *attr)
{
	int count = ldap_count_values_len(values);
	struct cv_span *spans = CV_ALLOC_ARRAY(pool, struct cv_span,
					       (size_t)count + 1);

	for (int i = 0; i < count; i++)
		spans[i] = cv_span(cv_span_copy(pool, cv_span(
					values[i]->bv_val, values[i]->bv_len)),
				   values[i]->bv_len);
	*attr = (struct ldap_attr){
		cv_span_copy(pool, cv_span_of(name)), spans, (uint32_t)count,
	};
}

static struct ldap_attr *add_attr(struct cv_pool *pool,
				  struct ldap_entry *entry,
				  struct ldap_attr **attrs, uint32_t *room)
{
	struct ldap_attr *more;

	if (entry->count == *room) {
		*room = *room == 0 ? 16 : *room * 2;
		more = CV_ALLOC_ARRAY(pool, struct ldap_attr, *room);
		if (entry->count > 0)
			memcpy(more, *attrs, sizeof(*more) * entry->count);
		*attrs = more;
	}
	return &(*attrs)[entry->count++];
}

static void take_attrs(LDAP *ld, LDAPMessage *message, struct cv_pool *pool,
		       struct ldap_entry *entry)
{
	struct ldap_attr *attrs = NULL;
	BerElement *ber = NULL;
	uint32_t room = 0;

	for (char *name = ldap_first_attribute(ld, message, &ber);
	     name != NULL; name = ldap_next_attribute(ld, message, ber)) {
		struct berval **values = ldap_get_values_len(ld, message,
							     name);

		take_attr(pool, name, values,
			  add_attr(pool, entry, &attrs, &room));
		ldap_value_free_len(values);
		ldap_memfree(name);
	}
	ber_free(ber, 0);
	entry->attrs = attrs;
}

static int give_entry(LDAP *ld, LDAPMessage *message,
		      struct ldap_request *request, struct cv_error *err)
{
	struct cv_pool *pool = request->is_list ?
		cv_api->pool_create("ldap entry") : request->pool;
	struct ldap_entry entry = { 0 };
	char *dn = ldap_get_dn(ld, message);
	int ret;

	entry.dn = cv_span_copy(pool, cv_span_of(dn));
	ldap_memfree(dn);
	take_attrs(ld, message, pool, &entry);
	ret = request->entry(request->context, &entry, err);
	if (request->is_list)
		cv_api->pool_destroy(&pool);
	return ret;
}

static int give_entries(LDAP *ld, LDAPMessage *result,
			struct ldap_request *request, struct cv_error *err)
{
	int ret = CV_OK;

	/* references to other servers are no entries [RFC4511 4.5.3] */
	for (LDAPMessage *m = ldap_first_entry(ld, result);
	     ret == CV_OK && m != NULL; m = ldap_next_entry(ld, m))
		ret = give_entry(ld, m, request, err);
	return ret;
}

static int search_result(int code, const char *detail,
			 const struct ldap_request *request,
			 struct cv_error *err)
{
	switch (code) {
	case LDAP_SUCCESS:
	case LDAP_PARTIAL_RESULTS:
		return CV_OK;
	case LDAP_SIZELIMIT_EXCEEDED:
		if (!request->is_list)
			return CV_OK;	/* two are too many already */
		return CV_FAIL(err, CV_E_LIMIT, "the server lists no more "
			       "entries for dn (hint: its size limit; "
			       "olcLimits or olcSizeLimit of slapd)");
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
		return CV_FAIL(err, CV_E_DENIED, "base '%s': %s",
			       request->base, ldap_err2string(code));
	case LDAP_REFERRAL:
		return CV_FAIL(err, CV_E_CONFIG, "base '%s' is of another "
			       "server: referrals are not followed (hint: "
			       "name that server in uris)", request->base);
	case LDAP_FILTER_ERROR:
		return CV_FAIL(err, CV_E_CONFIG, "the filter is none that "
			       "the library knows");
	}
	return fail("search", code, detail, err);
}

/* One page; *cookie is of the next one, empty at the end. */
static int search_page(LDAP *ld, const struct server *s,
		       struct ldap_request *request, struct berval *cookie,
		       LDAPMessage **result_r, struct cv_error *err)
{
	struct timeval limit = secs(LDAP_ANSWER_SECS);
	LDAPControl *page = NULL, *controls[] = { NULL, NULL };
	int msgid, code = LDAP_SUCCESS;

	ldap_deadline_set(LDAP_ANSWER_SECS);
	/* (RFC 2696, 3) */
	if (request->is_list && s->file->ldap_version[0] == '3')
		code = ldap_create_page_control(
			ld, LDAP_PAGE_ENTRIES, cookie, 0, &page);
	controls[0] = page;
	if (code == LDAP_SUCCESS)
		code = ldap_search_ext(
			ld, request->base, s->numbers.scope, request->filter,
			(char **)(uintptr_t)request->attrs, 0, controls, NULL,
			&limit, request->is_list ? LDAP_NO_LIMIT :
			LOOKUP_ENTRIES_MAX, &msgid);
	if (page != NULL)
		ldap_control_free(page);
	if (code == LDAP_FILTER_ERROR)
		return search_result(code, NULL, request, err);
	if (code != LDAP_SUCCESS)
		return fail_local(ld, "search", code, err);
	return await(ld, "search", msgid, LDAP_ANSWER_SECS, result_r, err);
}

static void next_cookie(LDAP *ld, LDAPControl **controls,
			struct berval *cookie)
{
	LDAPControl *page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS,
					      controls, NULL);
	ber_int_t estimate;

	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){ 0, NULL };
	if (page != NULL &&
	    ldap_parse_pageresponse_control(ld, page, &estimate, cookie) !=
	    LDAP_SUCCESS)
		*cookie = (struct berval){ 0, NULL };
}

static int take_page(LDAP *ld, LDAPMessage *result,
		     struct ldap_request *request, struct berval *cookie,
		     struct cv_error *err)
{
	LDAPControl **controls = NULL;
	char *detail = NULL;
	int code, ret;

	ret = ldap_parse_result(ld, result, &code, NULL, &detail, NULL,
				&controls, 0);
	ret = ret != LDAP_SUCCESS ? fail_local(ld, "search", ret, err) :
		search_result(code, detail, request, err);
	next_cookie(ld, controls, cookie);
	ldap_memfree(detail);
	ldap_controls_free(controls);
	return ret == CV_OK ? give_entries(ld, result, request, err) : ret;
}

/* What has been given is not given again by another server. */
static int once_given(int ret)
{
	return ret == CV_E_TEMP || ret == CV_E_TIMEOUT ? CV_E_PERM : ret;
}

static int search(LDAP *ld, const struct server *s,
		  struct ldap_request *request, struct cv_error *err)
{
	struct berval cookie = { 0, NULL };
	LDAPMessage *result;
	uint32_t pages = 0;
	int ret;

	do {
		ret = search_page(ld, s, request, &cookie, &result, err);
		if (ret == CV_OK) {
			ret = take_page(ld, result, request, &cookie, err);
			ldap_msgfree(result);
		}
		if (pages > 0)
			ret = once_given(ret);
		pages++;
	} while (ret == CV_OK && cookie.bv_len > 0 && pages < LDAP_PAGES_MAX);
	ber_memfree(cookie.bv_val);
	return ret == CV_EOF ? CV_OK : ret;
}

/* --- the backend ------------------------------------------------------------- */

static void close_conn(struct conn *c)
{
	if (c->search != NULL)
		(void)ldap_unbind_ext(c->search, NULL, NULL);
	if (c->bind != NULL)
		(void)ldap_unbind_ext(c->bind, NULL, NULL);
	if (c->fresh != NULL)
		(void)ldap_unbind_ext(c->fresh, NULL, NULL);
	free(c);
}

static int backend_connect(struct host *host, struct cv_error *err)
{
	struct conn *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL)
		return CV_FAIL(err, CV_E_TEMP, "out of memory");
	ret = open_handle(host->config, &c->fresh, err);
	if (ret != CV_OK) {
		close_conn(c);
		return ret == CV_E_TIMEOUT ? ret : CV_E_TEMP;
	}
	host->conn = c;
	return CV_OK;
}

static void backend_disconnect(struct host *host)
{
	close_conn(host->conn);
}

static int backend_exec(struct host *host, void *data, struct cv_error *err)
{
	const struct server *s = host->config;
	struct ldap_request *request = data;
	struct conn *c = host->conn;
	int ret = CV_OK;

	if (request->is_bind)
		return bind_user(c, s, request, err);
	if (c->search == NULL) {
		ret = take_handle(c, s, &c->search, err);
		if (ret == CV_OK)
			ret = login(c->search, s->file, err);
	}
	return ret == CV_OK ? search(c->search, s, request, err) : ret;
}

static const struct host_backend backend = {
	.what = "the LDAP server", .connect = backend_connect,
	.disconnect = backend_disconnect, .exec = backend_exec,
};

/* --- the frame --------------------------------------------------------------- */

static void debug_line(const char *text)
{
	struct cv_span line = cv_span_trim(cv_span_of(text));

	if (line.len > 0)
		cv_api->log(plugin_self, CV_LOG_INFO, "libldap: %.*s",
			    CV_SPAN_ARG(line));
}

static const char *default_text(struct cv_pool *pool, int option)
{
	char *text = NULL;
	const char *copy;

	if (ldap_get_option(NULL, option, &text) != LDAP_OPT_SUCCESS)
		text = NULL;
	copy = cv_span_copy(pool, cv_span_of(text));
	ldap_memfree(text);
	return copy;
}

int ldap_conn_prepare(struct cv_pool *pool, struct cv_plugin *self,
		      const struct ldap_file *file, const char **ca_file_r,
		      const char **ca_dir_r, struct cv_error *err)
{
	struct ldap_numbers numbers = ldap_file_numbers(file);

	plugin_self = self;
	/* the library reads it when it is first used */
	if (file->ldaprc_path[0] != '\0' &&
	    setenv("LDAPRC", file->ldaprc_path, 1) != 0)
		return CV_FAIL(err, CV_E_TEMP, "setenv: %s", strerror(errno));
	if (numbers.debug != 0) {
		(void)ber_set_option(NULL, LBER_OPT_LOG_PRINT_FN,
				     (const void *)debug_line);
		(void)ber_set_option(NULL, LBER_OPT_DEBUG_LEVEL,
				     &numbers.debug);
		(void)ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL,
				      &numbers.debug);
	}
	*ca_file_r = default_text(pool, LDAP_OPT_X_TLS_CACERTFILE);
	*ca_dir_r = default_text(pool, LDAP_OPT_X_TLS_CACERTDIR);
	return CV_OK;
}

void ldap_conn_pool(struct cv_pool *pool, struct cv_plugin *self,
		    const struct ldap_file *file, struct host_pool *pool_r)
{
	uint32_t count = 0;

	while (file->servers[count] != NULL)
		count++;
	*pool_r = (struct host_pool){
		.self = self, .backend = &backend, .host_count = count,
		.hosts = CV_ALLOC_ARRAY(pool, struct host, count),
	};
	for (uint32_t i = 0; i < count; i++) {
		struct server *s = CV_ALLOC(pool, struct server);
		bool named = file->servers[i][0] != '\0';

		s->file = file;
		s->uri = named ? file->servers[i] : NULL;
		s->numbers = ldap_file_numbers(file);
		pool_r->hosts[i].name = named ? s->uri : "ldaprc_path";
		pool_r->hosts[i].config = s;
	}
}
