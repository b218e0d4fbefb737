/* imap-capability.c - see imap-capability.h. */
#include "imap-capability.h"

static const char before_login[] = "SASL-IR ID ENABLE IDLE";
static const char after_login[] =
	"SASL-IR ID ENABLE IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE "
	"SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS "
	"STATUS=SIZE";

/* imap_capability: "" is the default, "+X Y" adds, else it replaces. */
static void base(struct cv_text *dst, const struct imap_settings *set,
		 const char *what)
{
	const char *own = set->imap_capability;

	if (own[0] != '\0' && own[0] != '+') {
		cv_text_append_str(dst, own);
		return;
	}
	/* [RFC7888 5] never both */
	cv_text_append_str(dst, set->imap_literal_minus ?
			   "IMAP4rev1 LITERAL- " : "IMAP4rev1 LITERAL+ ");
	cv_text_append_str(dst, what);
	if (own[0] == '+' && own[1] != '\0') {
		cv_text_append_c(dst, ' ');
		cv_text_append_span(dst, cv_span_trim(cv_span_of(own + 1)));
	}
}

void imap_capability_preauth(struct cv_text *dst, struct cv_preauth *p,
			     const struct imap_settings *set)
{
	const struct cv_preauth_api *api = imap_preauth_api;
	const char *name;

	base(dst, set, before_login);
	if (api->tls_available(p) && !api->tls_active(p))
		cv_text_append_str(dst, " STARTTLS");
	if (api->plaintext_refused(p))
		cv_text_append_str(dst, " LOGINDISABLED");
	for (uint32_t i = 0; api->mechanism(p, i, &name) == CV_OK; i++) {
		cv_text_append_str(dst, " AUTH=");
		cv_text_append_str(dst, name);
	}
}

void imap_capability_session(struct cv_text *dst,
			     const struct imap_settings *set)
{
	base(dst, set, after_login);
}
