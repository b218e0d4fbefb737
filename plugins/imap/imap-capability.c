/* imap-capability.c - see imap-capability.h. */
#include "imap-capability.h"
#include "imap-convert.h"
#include "imap-extend.h"
#include "imap-search.h"
#include "imap-status.h"
#include "imap-urlauth.h"

enum when {
	BEFORE_LOGIN = 1, AFTER_LOGIN = 2, ALWAYS = 3,
};

static bool literal_minus(const struct imap_session *s,
			  const struct imap_settings *set, struct cv_text *dst)
{
	return set->imap_literal_minus;
}

/* [RFC7888 5] never both */
static bool literal_plus(const struct imap_session *s,
			 const struct imap_settings *set, struct cv_text *dst)
{
	return !set->imap_literal_minus;
}

/* Lists of rights always count; only a host may be older than them. */
static bool has_acl(const struct imap_session *s,
		    const struct imap_settings *set, struct cv_text *dst)
{
	return CV_HAS(imap_mailbox_api, my_rights) &&
		imap_mailbox_api->my_rights != NULL;
}

static bool has_metadata(const struct imap_session *s,
			 const struct imap_settings *set, struct cv_text *dst)
{
	return CV_HAS(imap_mailbox_api, metadata_changes) &&
		imap_mailbox_api->metadata_changes != NULL;
}

static bool has_notify(const struct imap_session *s,
		       const struct imap_settings *set, struct cv_text *dst)
{
	return CV_HAS(imap_mailbox_api, watch_end) &&
		imap_mailbox_api->watch_end != NULL;
}

static bool has_convert(const struct imap_session *s,
			const struct imap_settings *set, struct cv_text *dst)
{
	return imap_convert_offered(set);
}

/* Where the settings say what this server is called in URLs. */
static bool has_urlauth(const struct imap_session *s,
			const struct imap_settings *set, struct cv_text *dst)
{
	return imap_urlauth_offered(s);
}

/* Only after login it is known whose mail it is. */
static bool has_fuzzy(const struct imap_session *s,
		      const struct imap_settings *set, struct cv_text *dst)
{
	return imap_can_search_fuzzy(s);
}

/* [RFC7889 2] the same for all mailboxes, or none */
static bool append_limit(const struct imap_session *s,
			 const struct imap_settings *set, struct cv_text *dst)
{
	uint64_t max = imap_append_limit(set);

	if (max > 0) {
		cv_text_append_c(dst, '=');
		cv_text_append_u64(dst, max);
	}
	return true;
}

static bool message_limit(const struct imap_session *s,
			  const struct imap_settings *set,
			  struct cv_text *dst)
{
	cv_text_append_u64(dst, set->imap_message_limit);
	return set->imap_message_limit > 0;
}

/* [RFC9738] instead of the other one */
static bool save_limit(const struct imap_session *s,
		       const struct imap_settings *set, struct cv_text *dst)
{
	cv_text_append_u64(dst, set->imap_save_limit);
	return set->imap_save_limit > 0 && set->imap_message_limit == 0;
}

static uint32_t quota_resources(const struct imap_session *s)
{
	if (!CV_HAS(imap_mailbox_api, quota_resources) ||
	    imap_mailbox_api->quota_resources == NULL)
		return 0;
	return imap_mailbox_api->quota_resources(s->user);
}

#define QUOTA_CAPABILITY(name, bits) \
static bool name(const struct imap_session *s, \
		 const struct imap_settings *set, struct cv_text *dst) \
{ \
	return (quota_resources(s) & (bits)) != 0; \
}

QUOTA_CAPABILITY(has_quota, UINT32_MAX)
QUOTA_CAPABILITY(quota_storage, CV_QUOTA_STORAGE)
QUOTA_CAPABILITY(quota_message, CV_QUOTA_MESSAGE)
QUOTA_CAPABILITY(quota_mailbox, CV_QUOTA_MAILBOX)
QUOTA_CAPABILITY(quota_settable, CV_QUOTA_SETTABLE)

bool imap_can_unauthenticate(const struct imap_session *s)
{
	return s->set->imap_unauthenticate &&
		CV_HAS(imap_session_api, give_back) &&
		imap_session_api->can_return != NULL &&
		imap_session_api->can_return(s->session);
}

/* [RFC8437 3] may be told after login only */
static bool unauthenticate(const struct imap_session *s,
			   const struct imap_settings *set,
			   struct cv_text *dst)
{
	return imap_can_unauthenticate(s);
}

/* In the order they are told in.  is_offered (NULL: always) may append to
 * the name what the settings say: "APPENDLIMIT=" and its number.  s is NULL
 * before login. */
static const struct {
	const char *name;
	uint32_t when;
	bool (*is_offered)(const struct imap_session *s,
			   const struct imap_settings *set,
			   struct cv_text *dst);
} capabilities[] = {
	{ "IMAP4rev1", ALWAYS, NULL },
	{ "IMAP4rev2", ALWAYS, NULL },
	{ "LITERAL-", ALWAYS, literal_minus },
	{ "LITERAL+", ALWAYS, literal_plus },
	{ "SASL-IR", ALWAYS, NULL },
	/* [RFC2221 3] what auth finds out about a user may be where the mail
	 * is; who has logged in has been told */
	{ "LOGIN-REFERRALS", BEFORE_LOGIN, NULL },
	{ "ID", ALWAYS, NULL },
	{ "ENABLE", ALWAYS, NULL },
	{ "IDLE", ALWAYS, NULL },
	/* [RFC5255 3.1] in the greeting, too */
	{ "LANGUAGE", ALWAYS, NULL },
	{ "NAMESPACE", AFTER_LOGIN, NULL },
	{ "CHILDREN", AFTER_LOGIN, NULL },
	{ "UIDPLUS", AFTER_LOGIN, NULL },
	{ "UNSELECT", AFTER_LOGIN, NULL },
	{ "MOVE", AFTER_LOGIN, NULL },
	{ "SPECIAL-USE", AFTER_LOGIN, NULL },
	{ "CREATE-SPECIAL-USE", AFTER_LOGIN, NULL },
	{ "LIST-EXTENDED", AFTER_LOGIN, NULL },
	{ "LIST-STATUS", AFTER_LOGIN, NULL },
	{ "STATUS=SIZE", AFTER_LOGIN, NULL },
	{ "UTF8=ACCEPT", AFTER_LOGIN, NULL },
	{ "ACL", AFTER_LOGIN, has_acl },
	/* [RFC4314 1] those that RFC 2086 did not have */
	{ "RIGHTS=texkn", AFTER_LOGIN, has_acl },
	{ "LIST-MYRIGHTS", AFTER_LOGIN, has_acl },
	/* [RFC5464 1] METADATA-SERVER would say that there are none of
	 * mailboxes */
	{ "METADATA", AFTER_LOGIN, has_metadata },
	{ "LIST-METADATA", AFTER_LOGIN, has_metadata },
	{ "FILTERS", AFTER_LOGIN, has_metadata },
	{ "NOTIFY", AFTER_LOGIN, has_notify },
	{ "MULTIAPPEND", AFTER_LOGIN, NULL },
	{ "BINARY", AFTER_LOGIN, NULL },
	/* [RFC5259 3] needs BINARY */
	{ "CONVERT", AFTER_LOGIN, has_convert },
	{ "REPLACE", AFTER_LOGIN, NULL },
	{ "COMPRESS=DEFLATE", AFTER_LOGIN, NULL },
	{ "CATENATE", AFTER_LOGIN, NULL },
	{ "URL-PARTIAL", AFTER_LOGIN, NULL },
	{ "URLAUTH", AFTER_LOGIN, has_urlauth },
	{ "URLAUTH=BINARY", AFTER_LOGIN, has_urlauth },
	{ "APPENDLIMIT", AFTER_LOGIN, append_limit },
	{ "QUOTA", AFTER_LOGIN, has_quota },	/* [RFC2087] */
	{ "QUOTA=RES-STORAGE", AFTER_LOGIN, quota_storage },
	{ "QUOTA=RES-MESSAGE", AFTER_LOGIN, quota_message },
	{ "QUOTA=RES-MAILBOX", AFTER_LOGIN, quota_mailbox },
	{ "QUOTASET", AFTER_LOGIN, quota_settable },
	/* [RFC7162 3.2.2] both */
	{ "CONDSTORE", AFTER_LOGIN, NULL },
	{ "QRESYNC", AFTER_LOGIN, NULL },
	{ "OBJECTID", AFTER_LOGIN, NULL },
	{ "SAVEDATE", AFTER_LOGIN, NULL },
	{ "PREVIEW", AFTER_LOGIN, NULL },
	{ "WITHIN", AFTER_LOGIN, NULL },
	{ "UIDONLY", AFTER_LOGIN, NULL },
	{ "UIDBATCHES", AFTER_LOGIN, NULL },
	{ "INPROGRESS", AFTER_LOGIN, NULL },
	/* [RFC9394] of FETCH; that of SEARCH comes with ESEARCH */
	{ "PARTIAL", AFTER_LOGIN, NULL },
	{ "MESSAGELIMIT=", AFTER_LOGIN, message_limit },
	{ "SAVELIMIT=", AFTER_LOGIN, save_limit },
	{ "ESEARCH", AFTER_LOGIN, NULL },
	{ "SEARCHRES", AFTER_LOGIN, NULL },
	{ "SEARCH=FUZZY", AFTER_LOGIN, has_fuzzy },
	{ "CONTEXT=SEARCH", AFTER_LOGIN, NULL },
	{ "MULTISEARCH", AFTER_LOGIN, NULL },
	{ "SORT", AFTER_LOGIN, NULL },
	{ "SORT=DISPLAY", AFTER_LOGIN, NULL },
	{ "ESORT", AFTER_LOGIN, NULL },
	{ "CONTEXT=SORT", AFTER_LOGIN, NULL },
	{ "THREAD=REFERENCES", AFTER_LOGIN, NULL },
	{ "THREAD=ORDEREDSUBJECT", AFTER_LOGIN, NULL },
	{ "THREAD=REFS", AFTER_LOGIN, NULL },
	{ "I18NLEVEL=1", AFTER_LOGIN, NULL },
	{ "I18NLEVEL=2", AFTER_LOGIN, NULL },
	{ "UNAUTHENTICATE", AFTER_LOGIN, unauthenticate },
	{ "ANNOTATE-EXPERIMENT-1", AFTER_LOGIN, NULL },
};

/* "MESSAGELIMIT=" is that with any number. */
bool imap_capability_is_own(struct cv_span name)
{
	const size_t count = sizeof(capabilities) / sizeof(capabilities[0]);

	for (size_t i = 0; i < count; i++) {
		struct cv_span own = cv_span_of(capabilities[i].name);

		if (own.data[own.len - 1] == '=' ?
		    cv_span_begins_icase(name, own) :
		    cv_span_is_icase(name, own.data))
			return true;
	}
	return cv_span_is_icase(name, "STARTTLS") ||
		cv_span_is_icase(name, "LOGINDISABLED") ||
		cv_span_begins_icase(name, CV_SPAN("AUTH="));
}

static void append_own(struct cv_text *dst, const struct imap_session *s,
		       const struct imap_settings *set, enum when when)
{
	const size_t count = sizeof(capabilities) / sizeof(capabilities[0]);
	size_t start = dst->len;

	for (size_t i = 0; i < count; i++) {
		size_t before = dst->len;

		if ((capabilities[i].when & when) == 0)
			continue;
		if (before > start)
			cv_text_append_c(dst, ' ');
		cv_text_append_str(dst, capabilities[i].name);
		if (capabilities[i].is_offered != NULL &&
		    !capabilities[i].is_offered(s, set, dst))
			dst->len = before;
	}
}

/* "SORT" is that word and no other; "SORT=" is each that begins so. */
static bool is_meant(struct cv_span word, struct cv_span by)
{
	bool begins = by.len > 0 && by.data[by.len - 1] == '=';

	if (word.len < by.len || (word.len > by.len && !begins))
		return false;
	return cv_span_equal_icase(cv_span(word.data, by.len), by);
}

/* Of those in dst from start on, with the blanks between them. */
static void remove_words(struct cv_text *dst, size_t start, struct cv_span by)
{
	struct cv_span rest = cv_span(dst->data + start, dst->len - start);
	struct cv_span word;
	size_t end = start;

	while (cv_span_split(&rest, ' ', &word)) {
		if (is_meant(word, by))
			continue;
		if (end > start)
			dst->data[end++] = ' ';
		/* never behind what is still to be read */
		memmove(dst->data + end, word.data, word.len);
		end += word.len;
	}
	dst->len = end;
}

/* "+X Y -Z": what is added and what is taken away, in this order. */
static void change(struct cv_text *dst, size_t start, struct cv_span words)
{
	struct cv_span word;

	while (cv_span_split(&words, ' ', &word)) {
		bool less = word.len > 0 && word.data[0] == '-';

		if (less || (word.len > 0 && word.data[0] == '+'))
			word = cv_span_skip(word, 1);
		if (word.len == 0)
			continue;
		/* no word stands there twice */
		remove_words(dst, start, word);
		if (less)
			continue;
		if (dst->len > start)
			cv_text_append_c(dst, ' ');
		cv_text_append_span(dst, word);
	}
}

/* imap_capability: "" is the default, one that begins with a sign changes it,
 * else it replaces; what is added to that with signs, in braces, changes
 * that. */
static void base(struct cv_text *dst, const struct imap_session *s,
		 struct cv_preauth *p, const struct imap_settings *set,
		 enum when when)
{
	struct cv_span own = cv_span_of(set->imap_capability);
	struct cv_span word = CV_SPAN_NONE;
	size_t start = dst->len;

	while (own.len > 0 && own.data[0] != '+' && own.data[0] != '-') {
		(void)cv_span_split(&own, ' ', &word);
		if (word.len > 0 && dst->len > start)
			cv_text_append_c(dst, ' ');
		cv_text_append_span(dst, word);
	}
	if (dst->len > start) {
		change(dst, start, own);
		return;
	}
	append_own(dst, s, set, when);
	imap_extend_capabilities(dst, s, p);
	change(dst, start, own);
}

void imap_capability_preauth(struct cv_text *dst, struct cv_preauth *p,
			     const struct imap_settings *set)
{
	const struct cv_preauth_api *api = imap_preauth_api;
	const char *name;

	base(dst, NULL, p, set, BEFORE_LOGIN);
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
			     const struct imap_session *s)
{
	base(dst, s, NULL, s->set, AFTER_LOGIN);
}
