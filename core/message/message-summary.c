/* message-summary.c - the catalogue record of a message. */
#include "message-summary.h"
#include "base-subject.h"
#include "body-structure.h"
#include "encoded-word.h"
#include "message-id.h"

#include <endian.h>

enum {
	FIELDS_MAX = 64 * 1024,		/* kept of the header */
	SORT_KEY_MAX = 256,
};

/* What clients ask for in lists, and what SORT and THREAD need.  In order of
 * length, so that most names fail quickly. */
static const char *const summary_fields[] = {
	"to", "cc", "bcc", "from", "date", "sender", "list-id", "subject",
	"reply-to", "priority", "list-post", "references", "x-priority",
	"importance", "message-id", "in-reply-to", "content-type",
	"mime-version", "list-unsubscribe", "resent-from", "resent-to",
	"resent-date", "disposition-notification-to", "x-spam-flag",
	"x-spam-status", "newsgroups", "followup-to", "delivered-to",
	"autocrypt", "return-path", "x-mozilla-keys", "x-label",
	"content-language", "content-disposition", "content-description",
	"content-transfer-encoding", "content-id", "auto-submitted",
	"received-spf", "x-mailer", "user-agent",
};

bool message_summary_has_field(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(summary_fields) /
	     sizeof(summary_fields[0]); i++) {
		if (cv_span_is_icase(name, summary_fields[i]))
			return true;
	}
	return false;
}

struct message_summarizer {
	struct cv_pool *pool;
	struct message_parser *parser;
	struct cv_text fields;
	bool cut;
};

static void summarizer_field(void *context, struct cv_span name,
			     struct cv_span value, struct cv_span raw)
{
	struct message_summarizer *s = context;
	size_t at = s->fields.len;

	(void)name;
	(void)value;
	if (s->fields.len + raw.len + 2 > FIELDS_MAX) {
		s->cut = true;
		return;
	}
	cv_text_append_span(&s->fields, raw);
	cv_text_append_str(&s->fields, "\r\n");
	/* as message_section_open shows it [RFC9051 4.3] */
	for (; at < s->fields.len; at++) {
		if (s->fields.data[at] == '\0')
			s->fields.data[at] = (char)0x80;
	}
}

struct message_summarizer *message_summarizer_create(struct cv_pool *pool)
{
	struct message_summarizer *s =
		pool_new(pool, struct message_summarizer);
	struct message_parser_config config = {
		.field = summarizer_field,
		.context = s,
		.wanted = message_summary_has_field,
	};

	s->pool = pool;
	cv_text_init(&s->fields, pool);
	s->parser = message_parser_create(pool, &config);
	return s;
}

void message_summarizer_feed(struct message_summarizer *s,
			     struct cv_span chunk)
{
	message_parser_feed(s->parser, chunk);
}

/* --- keys --------------------------------------------------------------- */

static struct cv_span key_cut(struct cv_span key)
{
	if (key.len <= SORT_KEY_MAX)
		return key;
	key.len = SORT_KEY_MAX;
	while (key.len > 0 && ((unsigned char)key.data[key.len] & 0xc0) ==
	       0x80)
		key.len--;
	return key;
}

/* [RFC5256 3 FROM]: the local part of the first address; of a group its
 * name. */
static struct cv_span key_mailbox(const struct address_list *list)
{
	if (list->count == 0 || list->items[0].mailbox.data == NULL)
		return cv_span("", 0);
	return key_cut(list->items[0].mailbox);
}

/* [RFC5957 3]: the display name, else local@domain. */
static struct cv_span key_display(struct cv_pool *pool,
				  const struct address_list *list)
{
	const struct address *a = list->items;
	struct cv_text text;

	cv_text_init(&text, pool);
	if (list->count > 0 && a->name.len > 0)
		header_decode(&text, a->name);
	else if (list->count > 0 && a->kind == ADDRESS_GROUP_START)
		header_decode(&text, a->mailbox);
	else if (list->count > 0 && a->mailbox.data != NULL)
		cv_text_append_span(&text, a->mailbox);
	if (list->count > 0 && a->name.len == 0 && a->domain.data != NULL &&
	    a->kind == ADDRESS_MAILBOX && a->mailbox.data != NULL) {
		cv_text_append_c(&text, '@');
		cv_text_append_span(&text, a->domain);
	}
	return key_cut(cv_span(cv_text_str(&text), text.len));
}

static bool tree_has_attachment(const struct mime_tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		if ((tree->parts[i].flags & MIME_ATTACHMENT) != 0)
			return true;
	}
	return false;
}

static void summary_set_keys(struct cv_pool *pool,
			     const struct message_envelope *env,
			     struct message_summary *sum)
{
	struct cv_span rest = env->message_id;
	struct cv_text subject;

	cv_text_init(&subject, pool);
	if (base_subject_append(&subject, env->subject))
		sum->flags |= SUMMARY_IS_REPLY;
	sum->base_subject = cv_span(cv_text_str(&subject), subject.len);
	if (mail_date_parse(env->date, &sum->sent))
		sum->flags |= SUMMARY_HAS_DATE;
	sum->message_id = CV_SPAN_NONE;
	if (rest.data != NULL)
		(void)message_id_next(pool, &rest, &sum->message_id);
	sum->from_mailbox = key_mailbox(&env->from);
	sum->to_mailbox = key_mailbox(&env->to);
	sum->cc_mailbox = key_mailbox(&env->cc);
	sum->from_display = key_display(pool, &env->from);
	sum->to_display = key_display(pool, &env->to);
}

void message_summarizer_finish(struct message_summarizer *s,
			       struct message_summary *sum,
			       const struct mime_tree **tree_r)
{
	const struct mime_tree *tree = message_parser_finish(s->parser);
	const struct mime_part *root = &tree->parts[0];
	struct cv_text envelope, structure, encoded;

	*sum = (struct message_summary){ .flags = 0 };
	cv_text_init(&envelope, s->pool);
	cv_text_init(&structure, s->pool);
	cv_text_init(&encoded, s->pool);
	sum->header_physical = root->header.physical;
	sum->header_virtual = root->header.virtual;
	sum->physical_size = root->header.physical + root->body.physical;
	sum->virtual_size = root->header.virtual + root->body.virtual;
	if (tree_has_attachment(tree))
		sum->flags |= SUMMARY_HAS_ATTACHMENT;
	if ((root->flags & MIME_HAS_NUL) != 0)
		sum->flags |= SUMMARY_HAS_NUL;
	if (s->cut || message_parser_header_is_cut(s->parser))
		sum->flags |= SUMMARY_FIELDS_CUT;
	envelope_append(&envelope, root->info->envelope);
	body_structure_append(&structure, tree, true);
	mime_tree_encode(&encoded, tree);
	sum->envelope = cv_text_span(&envelope);
	sum->body_structure = cv_text_span(&structure);
	sum->tree = cv_text_span(&encoded);
	sum->fields = cv_span(cv_text_str(&s->fields), s->fields.len);
	summary_set_keys(s->pool, root->info->envelope, sum);
	if (tree_r != NULL)
		*tree_r = tree;
}

int message_summary_make(struct cv_pool *pool, struct cv_stream *stream,
			 struct message_summary *summary_r,
			 struct cv_error *err)
{
	struct message_summarizer *s = message_summarizer_create(pool);
	struct cv_span in;
	int ret;

	while ((ret = stream_read(stream, &in, err)) == CV_OK) {
		message_summarizer_feed(s, in);
		stream_skip(stream, in.len);
	}
	if (ret < 0)
		return ret;
	message_summarizer_finish(s, summary_r, NULL);
	return CV_OK;
}

/* --- the record --------------------------------------------------------- */

/* Members in the order of the record.  Append only, with a new
 * MESSAGE_SUMMARY_VERSION. */
#define SUMMARY_NUMBERS(X) \
	X(physical_size) X(virtual_size) X(header_physical) X(header_virtual)
#define SUMMARY_SPANS(X) \
	X(envelope) X(body_structure) X(tree) X(fields) X(base_subject) \
	X(message_id) X(preview) X(from_mailbox) X(to_mailbox) \
	X(cc_mailbox) X(from_display) X(to_display)

static void record_append_u64(struct cv_text *dst, uint64_t value)
{
	char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (char)(value >> (8 * i));
	cv_text_append(dst, bytes, sizeof(bytes));
}

/* The length plus one; zero is no value (data NULL). */
static void record_append_span(struct cv_text *dst, struct cv_span s)
{
	uint64_t value = s.data == NULL ? 0 : (uint64_t)s.len + 1;
	char bytes[4];

	for (int i = 0; i < 4; i++)
		bytes[i] = (char)(value >> (8 * i));
	cv_text_append(dst, bytes, sizeof(bytes));
	cv_text_append_span(dst, s);
}

static bool record_read_u64(struct cv_span *src, uint64_t *value_r)
{
	uint64_t value;

	if (src->len < sizeof(value))
		return false;
	memcpy(&value, src->data, sizeof(value));
	*value_r = le64toh(value);
	*src = cv_span_skip(*src, sizeof(value));
	return true;
}

static inline bool record_read_span(struct cv_span *src,
				    struct cv_span *value_r)
{
	const unsigned char *p = (const unsigned char *)src->data;
	uint32_t len;

	if (src->len < 4)
		return false;
	/* in one load, as compilers see it */
	len = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
	*src = cv_span_skip(*src, 4);
	*value_r = CV_SPAN_NONE;
	if (len == 0)
		return true;
	if (len - 1 > src->len)
		return false;
	*value_r = cv_span(src->data, len - 1);
	*src = cv_span_skip(*src, len - 1);
	return true;
}

void message_summary_encode(struct cv_text *dst,
			    const struct message_summary *sum)
{
	cv_text_append_c(dst, MESSAGE_SUMMARY_VERSION);
#define X(member) record_append_u64(dst, sum->member);
	SUMMARY_NUMBERS(X)
#undef X
	record_append_u64(dst, sum->flags);
	record_append_u64(dst, (uint64_t)sum->sent.time);
	record_append_u64(dst, (uint64_t)(int64_t)sum->sent.zone);
#define X(member) record_append_span(dst, sum->member);
	SUMMARY_SPANS(X)
#undef X
}

int message_summary_decode(struct cv_span src, struct message_summary *sum)
{
	uint64_t flags, time, zone;

	*sum = (struct message_summary){ .flags = 0 };
	if (src.len == 0)
		return CV_E_SYNTAX;
	if (src.data[0] != MESSAGE_SUMMARY_VERSION)
		return CV_NOT_FOUND;
	src = cv_span_skip(src, 1);
#define X(member) \
	if (!record_read_u64(&src, &sum->member)) \
		return CV_E_SYNTAX;
	SUMMARY_NUMBERS(X)
#undef X
	if (!record_read_u64(&src, &flags) || flags > UINT32_MAX ||
	    !record_read_u64(&src, &time) || !record_read_u64(&src, &zone) ||
	    (int64_t)zone != (int32_t)(int64_t)zone)
		return CV_E_SYNTAX;
	sum->flags = (uint32_t)flags;
	sum->sent.time = (int64_t)time;
	sum->sent.zone = (int32_t)(int64_t)zone;
#define X(member) \
	if (!record_read_span(&src, &sum->member)) \
		return CV_E_SYNTAX;
	SUMMARY_SPANS(X)
#undef X
	return src.len == 0 ? CV_OK : CV_E_SYNTAX;
}

bool message_summary_field(struct cv_span fields, struct cv_span name,
			   struct cv_span *value_r)
{
	while (fields.len > name.len) {
		bool is_it = fields.data[name.len] == ':' &&
			cv_span_begins_icase(fields, name);
		size_t end = 0;

		do {
			const char *lf = memchr(fields.data + end, '\n',
						fields.len - end);

			end = lf == NULL ? fields.len :
				(size_t)(lf - fields.data) + 1;
		} while (end < fields.len && (fields.data[end] == ' ' ||
					      fields.data[end] == '\t'));
		if (is_it) {
			*value_r = cv_span(fields.data + name.len + 1,
					   end - name.len - 1);
			return true;
		}
		fields = cv_span_skip(fields, end);
	}
	return false;
}
