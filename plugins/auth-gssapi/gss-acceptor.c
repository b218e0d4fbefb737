/* gss-acceptor.c - whose keys the server has.
 *
 * All keys of the table are tried, and then it is looked up which one it was:
 * asking for the key of a host by name would make the library ask DNS. */
#define _GNU_SOURCE
#include "gss-acceptor.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdlib.h>

enum { STATUS_PARTS_MAX = 4 };

/* (RFC 4178 3.1) 1.3.6.1.5.5.2 */
static gss_OID_desc spnego = { 6, (void *)(uintptr_t)"\x2b\x06\x01\x05\x05\x02" };

static const struct cv_mechanism_config *conf;

/* --- the library's words ---------------------------------------------------- */

static void append_status(struct cv_text *out, OM_uint32 status, int kind)
{
	OM_uint32 minor, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;

	for (int i = 0; i < STATUS_PARTS_MAX; i++) {
		if (GSS_ERROR(gss_display_status(&minor, status, kind,
						 gss_mech_krb5, &more, &text)))
			return;
		if (out->len > 0)
			cv_text_append_str(out, ": ");
		cv_text_append_span(out, cv_span(text.value, text.length));
		(void)gss_release_buffer(&minor, &text);
		if (more == 0)
			return;
	}
}

const char *gss_status_text(OM_uint32 major, OM_uint32 minor,
			    struct cv_pool *pool)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	append_status(&out, major, GSS_C_GSS_CODE);
	if (minor != 0)
		append_status(&out, minor, GSS_C_MECH_CODE);
	return cv_text_str(&out);
}

/* --- at the start -------------------------------------------------------------- */

static void reads_all(const char *list)
{
	struct cv_span rest = cv_span_of(list), path = CV_SPAN_NONE;
	char name[512];

	while (rest.len > 0) {
		(void)cv_span_split(&rest, ':', &path);
		if (path.len > 0 && path.len < sizeof(name)) {
			memcpy(name, path.data, path.len);
			name[path.len] = '\0';
			conf->reads(conf, name);
		}
		if (rest.data == NULL)
			return;
	}
}

/* "FILE:/etc/krb5.keytab" or bare. */
static void reads_keytab(void)
{
	const char *path = conf->krb5_keytab;
	krb5_context ctx;
	char name[512];

	if (path[0] == '\0' && krb5_init_context(&ctx) == 0) {
		if (krb5_kt_default_name(ctx, name, sizeof(name)) == 0)
			path = name;
		krb5_free_context(ctx);
	}
	if (strncmp(path, "FILE:", 5) == 0)
		path += 5;
	if (path[0] == '/')
		conf->reads(conf, path);
}

int gss_acceptor_start(const struct cv_mechanism_config *config,
		       struct cv_error *err)
{
	const char *path = secure_getenv("KRB5_CONFIG");

	(void)err;
	conf = config;
	reads_all(path != NULL ? path : "/etc/krb5.conf:/etc/krb5.conf.d");
	conf->reads(conf, "/etc/gss/mech.d");
	reads_keytab();
	/* the replay cache is where the library looks for it */
	path = secure_getenv("KRB5RCACHEDIR");
	if (path == NULL)
		path = secure_getenv("TMPDIR");
	conf->writes(conf, path != NULL ? path : "/var/tmp");
	return CV_OK;
}

/* --- keys ------------------------------------------------------------------------- */

int gss_acceptor_keys(bool negotiate, struct cv_pool *pool,
		      gss_cred_id_t *keys_r, struct cv_error *err)
{
	gss_OID_set_desc kinds = {
		1, negotiate ? &spnego : (gss_OID)(uintptr_t)gss_mech_krb5,
	};
	gss_OID_set_desc krb5 = { 1, (gss_OID)(uintptr_t)gss_mech_krb5 };
	gss_key_value_element_desc keytab = { "keytab", conf->krb5_keytab };
	gss_key_value_set_desc store = { 1, &keytab };
	OM_uint32 major, minor, ignored;

	if (conf->krb5_keytab[0] == '\0')
		store.count = 0;
	*keys_r = GSS_C_NO_CREDENTIAL;
	major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE,
				      &kinds, GSS_C_ACCEPT, &store, keys_r,
				      NULL, NULL);
	/* (RFC 4178 5) whatever else the library would negotiate */
	if (!GSS_ERROR(major) && negotiate)
		major = gss_set_neg_mechs(&minor, *keys_r, &krb5);
	if (!GSS_ERROR(major))
		return CV_OK;
	(void)gss_release_cred(&ignored, keys_r);
	return CV_FAIL(err, CV_E_TEMP, "no Kerberos keys in %s: %s (hint: "
		       "auth_krb5_keytab, readable for the user that auth "
		       "runs as)", conf->krb5_keytab[0] == '\0' ?
		       "the system's key table" : conf->krb5_keytab,
		       gss_status_text(major, minor, pool));
}

const char *gss_name_text(gss_name_t name, struct cv_pool *pool)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	const char *copy = NULL;
	gss_OID kind = GSS_C_NO_OID;
	OM_uint32 minor;

	if (name == GSS_C_NO_NAME ||
	    GSS_ERROR(gss_display_name(&minor, name, &text, &kind)))
		return NULL;
	if (kind != GSS_C_NO_OID && text.length > 0 &&
	    gss_oid_equal(kind, GSS_KRB5_NT_PRINCIPAL_NAME) &&
	    memchr(text.value, '\0', text.length) == NULL &&
	    memchr(text.value, '\\', text.length) == NULL &&
	    memchr(text.value, '@', text.length) != NULL)
		copy = cv_span_copy(pool, cv_span(text.value, text.length));
	(void)gss_release_buffer(&minor, &text);
	return copy;
}

/* [RFC4752 3] the service's name is that of its protocol: [RFC5034 3],
 * [RFC4954 4], [RFC5804 5] */
static const char *service_name(const char *service)
{
	static const char *const others[][2] = {
		{ "pop3", "pop" }, { "submission", "smtp" },
		{ "managesieve", "sieve" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (strcmp(service, others[i][0]) == 0)
			return others[i][1];
	}
	return service;
}

/* A machine that only knows the first part of its name takes any domain. */
static bool is_our_host(struct cv_span host)
{
	struct cv_span ours = cv_span_of(conf->gssapi_hostname[0] == '\0' ?
					 conf->hostname :
					 conf->gssapi_hostname);
	struct cv_span label = host;

	if (conf->gssapi_hostname[0] == '\0' &&
	    memchr(ours.data, '.', ours.len) == NULL)
		(void)cv_span_split(&host, '.', &label);
	return label.len == ours.len &&
		strncasecmp(label.data, ours.data, ours.len) == 0;
}

bool gss_acceptor_is_meant(gss_ctx_id_t ctx, const char *service,
			   struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span host, kind = CV_SPAN_NONE;
	gss_name_t name = GSS_C_NO_NAME;
	const char *text = NULL;
	OM_uint32 minor;

	if (strcmp(conf->gssapi_hostname, "$ALL") == 0)
		return true;
	if (!GSS_ERROR(gss_inquire_context(&minor, ctx, NULL, &name, NULL,
					   NULL, NULL, NULL, NULL)))
		text = gss_name_text(name, pool);
	(void)gss_release_name(&minor, &name);
	if (text != NULL) {
		host = cv_span_of(text);
		(void)cv_span_split(&host, '/', &kind);
		if (host.data != NULL && cv_span_is_icase(
			kind, service_name(service)) &&
		    cv_span_split(&host, '@', &kind) && is_our_host(kind))
			return true;
	}
	return CV_FAIL(err, CV_MECHANISM_FAIL, "the ticket is for %s, not for "
		       "%s/%s (hint: auth_gssapi_hostname)",
		       text == NULL ? "somebody" : text, service_name(service),
		       conf->gssapi_hostname[0] == '\0' ? conf->hostname :
		       conf->gssapi_hostname), false;
}
