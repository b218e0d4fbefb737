/* envelope.c - ENVELOPE in wire form [RFC9051 7.5.2]. */
#include "envelope.h"
#include "encoded-word.h"

/* --- strings ------------------------------------------------------------ */

/* [RFC9051 4.3]: no literal holds NUL; U+FFFD stands for it. */
static void imap_append_literal(struct cv_text *dst, struct cv_span s)
{
	size_t len = s.len;

	for (size_t i = 0; i < s.len; i++)
		len += s.data[i] == '\0' ? 2 : 0;
	cv_text_append_f(dst, "{%zu}\r\n", len);
	if (len == s.len) {
		cv_text_append_span(dst, s);
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\0')
			cv_text_append_str(dst, "\xef\xbf\xbd");
		else
			cv_text_append_c(dst, s.data[i]);
	}
}

void imap_append_string(struct cv_text *dst, struct cv_span s)
{
	size_t escapes = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		/* [RFC9051 4.3]: what is quoted is 7-bit without CR, LF */
		if (c >= 0x80 || c == '\r' || c == '\n' || c == '\0')
			goto literal;
		escapes += c == '"' || c == '\\';
	}
	cv_text_append_c(dst, '"');
	if (escapes == 0) {
		cv_text_append_span(dst, s);
	} else {
		for (size_t i = 0; i < s.len; i++) {
			if (s.data[i] == '"' || s.data[i] == '\\')
				cv_text_append_c(dst, '\\');
			cv_text_append_c(dst, s.data[i]);
		}
	}
	cv_text_append_c(dst, '"');
	return;
literal:
	imap_append_literal(dst, s);
}

void imap_append_nstring(struct cv_text *dst, struct cv_span s)
{
	if (s.data == NULL)
		cv_text_append_str(dst, "NIL");
	else
		imap_append_string(dst, s);
}

/* --- fields ------------------------------------------------------------- */

/* Of several the last counts. */
static void envelope_text(struct cv_pool *pool, struct cv_span *dst,
			  struct cv_span value)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	header_unfold(&text, cv_span_trim(value));
	*dst = cv_span(cv_text_str(&text), text.len);
}

/* Several fields of one name are one list: nobody can show one sender to a
 * filter and another one to the reader. */
static void envelope_addresses(struct cv_pool *pool, struct address_list *list,
			       bool *has, struct cv_span value)
{
	*has = true;
	address_parse(pool, value, list);
}

bool envelope_add_field(struct cv_pool *pool, struct message_envelope *env,
			struct cv_span name, struct cv_span value)
{
	static const struct {
		const char *name;
		size_t list, has;
	} lists[] = {
#define LIST(name, member) { name, offsetof(struct message_envelope, member), \
		offsetof(struct message_envelope, has_##member) }
		LIST("from", from), LIST("to", to), LIST("cc", cc),
		LIST("sender", sender), LIST("reply-to", reply_to),
		LIST("bcc", bcc),
#undef LIST
	};
	char *base = (char *)env;

	if (cv_span_is_icase(name, "subject"))
		envelope_text(pool, &env->subject, value);
	else if (cv_span_is_icase(name, "date"))
		envelope_text(pool, &env->date, value);
	else if (cv_span_is_icase(name, "message-id"))
		envelope_text(pool, &env->message_id, value);
	else if (cv_span_is_icase(name, "in-reply-to"))
		envelope_text(pool, &env->in_reply_to, value);
	else for (size_t i = 0; ; i++) {
		if (i == sizeof(lists) / sizeof(lists[0]))
			return false;
		if (!cv_span_is_icase(name, lists[i].name))
			continue;
		envelope_addresses(pool, (struct address_list *)
				   (void *)(base + lists[i].list),
				   (bool *)(base + lists[i].has), value);
		break;
	}
	return true;
}

/* --- writing ------------------------------------------------------------ */

static void envelope_append_address(struct cv_text *dst,
				    const struct address *a)
{
	if (a->kind == ADDRESS_GROUP_END) {
		cv_text_append_str(dst, "(NIL NIL NIL NIL)");
		return;
	}
	cv_text_append_c(dst, '(');
	imap_append_nstring(dst, a->name);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, a->route);
	cv_text_append_c(dst, ' ');
	if (a->kind == ADDRESS_GROUP_START) {
		imap_append_string(dst, a->mailbox);
		cv_text_append_str(dst, " NIL)");
		return;
	}
	/* [RFC9051 7.5.2]: NIL would make it a group, so what is missing
	 * gets a name that cannot be one */
	imap_append_string(dst, a->mailbox.data != NULL ? a->mailbox :
			   CV_SPAN("MISSING_MAILBOX"));
	cv_text_append_c(dst, ' ');
	imap_append_string(dst, a->domain.data != NULL ? a->domain :
			   CV_SPAN("MISSING_DOMAIN"));
	cv_text_append_c(dst, ')');
}

static void envelope_append_list(struct cv_text *dst,
				 const struct address_list *list)
{
	cv_text_append_c(dst, ' ');
	if (list->count == 0) {
		cv_text_append_str(dst, "NIL");
		return;
	}
	cv_text_append_c(dst, '(');
	for (uint32_t i = 0; i < list->count; i++)
		envelope_append_address(dst, &list->items[i]);
	cv_text_append_c(dst, ')');
}

void envelope_append(struct cv_text *dst, const struct message_envelope *env)
{
	cv_text_append_c(dst, '(');
	imap_append_nstring(dst, env->date);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, env->subject);
	envelope_append_list(dst, &env->from);
	/* [RFC9051 7.5.2]: absent or empty, both are the same as From */
	envelope_append_list(dst, env->sender.count > 0 ? &env->sender :
			     &env->from);
	envelope_append_list(dst, env->reply_to.count > 0 ? &env->reply_to :
			     &env->from);
	envelope_append_list(dst, &env->to);
	envelope_append_list(dst, &env->cc);
	envelope_append_list(dst, &env->bcc);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, env->in_reply_to);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, env->message_id);
	cv_text_append_c(dst, ')');
}
