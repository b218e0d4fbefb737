/* adm-fetch-text.c - a whole message, readable: fetch text.utf8. */
#include "adm-fetch-text.h"
#include "message/charset.h"
#include "message/encoded-word.h"
#include "message/message-parser.h"
#include "message/message-section.h"

struct readable {
	struct adm_mail *m;
	struct cv_pool *pool;		/* of the message */
	struct cv_pool *part_pool;
	struct cv_stream *message;
	const struct mime_tree *tree;
	struct cv_error *err;
};

/* At the start of a field: its length with the lines that go on with it. */
static size_t field_length(struct cv_span header)
{
	size_t len = 0;

	do {
		const char *end = memchr(header.data + len, '\n',
					 header.len - len);

		len = end == NULL ? header.len :
			(size_t)(end - header.data) + 1;
	} while (len < header.len &&
		 (header.data[len] == ' ' || header.data[len] == '\t'));
	return len;
}

static void put_fields(struct readable *r, struct cv_span header)
{
	struct cv_text text;

	cv_text_init(&text, r->part_pool);
	while (header.len > 0) {
		size_t len = field_length(header);
		struct cv_span field = cv_span(header.data, len);

		header = cv_span_skip(header, len);
		while (field.len > 0 &&
		       (field.data[field.len - 1] == '\n' ||
			field.data[field.len - 1] == '\r'))
			field.len--;
		cv_text_reset(&text);
		header_decode(&text, field);
		cv_text_append_c(&text, '\n');
		adm_mail_data(r->m, cv_text_span(&text), true);
	}
}

static int put_header(struct readable *r, const struct mime_part *part)
{
	struct cv_stream *stream = stream_open_range(
		r->part_pool, r->message, part->offset,
		part->header.physical);
	struct cv_text header;
	int ret;

	cv_text_init(&header, r->part_pool);
	ret = stream_read_all(stream, &header, MESSAGE_HEADER_MAX, r->err);
	if (ret == CV_OK || ret == CV_E_LIMIT)
		put_fields(r, cv_text_span(&header));
	return ret == CV_E_LIMIT ? CV_OK : ret;
}

/* Without its transfer encoding; the lines of what has none end as they do in
 * the message. */
static int open_content(struct readable *r, uint32_t index,
			struct cv_stream **stream_r)
{
	const struct mime_part *part = &r->tree->parts[index];

	if (part->encoding == MIME_BASE64 || part->encoding == MIME_QP)
		return message_part_open_decoded(r->part_pool, r->message,
						 r->tree, index, stream_r,
						 r->err);
	*stream_r = stream_open_range(r->part_pool, r->message,
				      part->offset + part->header.physical,
				      part->body.physical);
	return CV_OK;
}

static int put_content(struct readable *r, uint32_t index)
{
	const struct mime_part *part = &r->tree->parts[index];
	struct cv_span charset = CV_SPAN("utf-8"), data;
	struct charset_decoder *decoder;
	struct cv_stream *stream;
	struct cv_text text;
	bool known;
	int ret = open_content(r, index, &stream);

	if (ret < 0)
		return ret;
	(void)mime_type_param_utf8(r->part_pool, &part->info->type, "charset",
				   &charset);
	decoder = charset_decoder_create(r->part_pool, charset, &known);
	cv_text_init(&text, r->part_pool);
	while ((ret = stream_read(stream, &data, r->err)) == CV_OK) {
		charset_decoder_add(decoder, data, false, &text);
		stream_skip(stream, data.len);
		adm_mail_data(r->m, cv_text_span(&text), true);
		cv_text_reset(&text);
	}
	charset_decoder_add(decoder, cv_span("", 0), true, &text);
	adm_mail_data(r->m, cv_text_span(&text), true);
	return ret == CV_EOF ? CV_OK : ret;
}

int adm_put_text_utf8(struct adm_mail *m, struct cv_pool *pool,
		      struct cv_stream *message, struct cv_error *err)
{
	struct readable r = { .m = m, .pool = pool, .message = message,
		.part_pool = pool_create("readable part"), .err = err };
	int ret = message_parse(pool, message, NULL, &r.tree, err);

	for (uint32_t i = 0; ret == CV_OK && i < r.tree->count; i++) {
		ret = put_header(&r, &r.tree->parts[i]);
		if (ret == CV_OK && r.tree->parts[i].children == 0)
			ret = put_content(&r, i);
		pool_reset(r.part_pool);
	}
	adm_mail_value(m, "");
	pool_destroy(&r.part_pool);
	return ret;
}
