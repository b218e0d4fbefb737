/* text-convert.c - see text-convert.h.
 *
 * A source is read once, in windows, and goes through at most three filters:
 * its charset to UTF-8, HTML to text, UTF-8 to the charset that is wanted. */
#include "text-convert.h"
#include "charset.h"
#include "encoded-word.h"
#include "html-text.h"
#include "message-section.h"
#include "mime-param.h"
#include "stream/stream.h"

enum { PROGRESS_BYTES = 100 * 1024 };

static const char *const text_parameters[] = {
	"charset", "unknown-character-replacement", NULL,
};

static const struct {
	const char *from, *to;
	bool html;		/* to plain text */
} conversions[] = {
	/* [RFC5259 7.1] */
	{ "text/plain", "text/plain", false },
	{ "text/html", "text/plain", true },
	{ "text/html", "text/html", false },
	{ "text/css", "text/css", false },
	{ "text/csv", "text/csv", false },
	{ "text/csv", "text/plain", false },
	{ "text/enriched", "text/enriched", false },
};

static const size_t conversion_count =
	sizeof(conversions) / sizeof(conversions[0]);

static int convert_at(uint32_t index, struct cv_conversion *conversion_r)
{
	struct cv_conversion found = { CV_SIZED(cv_conversion),
		.parameters = text_parameters };

	if (index >= conversion_count)
		return CV_NOT_FOUND;
	found.from = conversions[index].from;
	found.to = conversions[index].to;
	memcpy(conversion_r, &found, conversion_r->size < found.size ?
	       conversion_r->size : found.size);
	return CV_OK;
}

/* --- what a header says -------------------------------------------------------- */

static const char *lower_copy(struct cv_pool *pool, struct cv_span text)
{
	char *copy = pool_copy(pool, text.data, text.len);

	for (size_t i = 0; i < text.len; i++)
		copy[i] = cv_ascii_lower(copy[i]);
	return copy;
}

static void convert_type(struct cv_pool *pool, struct cv_span header,
			 struct cv_part_type *type_r)
{
	const struct cv_span name = CV_SPAN("Content-Type");
	struct cv_text field, name_of;
	struct cv_span value;
	struct mime_type type;

	/* [RFC2045 5.2] */
	type_r->type = "text/plain";
	type_r->charset = "";
	type_r->is_said = false;
	cv_text_init(&field, pool);
	message_fields_select(&field, header, &name, 1, false);
	value = cv_text_span(&field);
	if (!cv_span_split(&value, ':', &(struct cv_span){ NULL, 0 }) ||
	    value.data == NULL || !mime_type_parse(pool, value, true, &type))
		return;
	type_r->is_said = true;
	cv_text_init(&name_of, pool);
	cv_text_append_str(&name_of, lower_copy(pool, type.type));
	cv_text_append_c(&name_of, '/');
	cv_text_append_str(&name_of, lower_copy(pool, type.subtype));
	type_r->type = cv_text_str(&name_of);
	if (mime_type_param(&type, "charset") != NULL)
		type_r->charset = cv_span_copy(pool, mime_type_param(&type,
			"charset")->value);
}

/* --- text ------------------------------------------------------------------------ */

struct filter {
	const struct cv_convert_request *request;
	struct cv_pool *scratch;
	struct charset_decoder *decoder;
	struct charset_encoder *encoder;
	bool html;
	struct html_text stripper;
	struct cv_text utf8, plain, *out;
	uint64_t read, told;
	uint32_t problem;
};

/* 0, or why it cannot be done. */
static uint32_t filter_init(struct filter *f)
{
	const struct cv_convert_request *r = f->request;
	size_t i = 0;
	bool known;

	while (i < conversion_count && (strcmp(conversions[i].from, r->from) !=
	       0 || strcmp(conversions[i].to, r->to) != 0))
		i++;
	if (i == conversion_count)
		return CV_CONVERT_NO_WAY;
	f->html = conversions[i].html;
	html_text_init(&f->stripper, HTML_TEXT_LAYOUT);
	f->decoder = charset_decoder_create(f->scratch,
		cv_span_of(r->source_charset), &known);
	if (!known)
		return CV_CONVERT_SOURCE_CHARSET;
	f->encoder = charset_encoder_create(f->scratch,
					    cv_span_of(r->charset));
	if (f->encoder == NULL)
		return CV_CONVERT_CHARSET;
	if (r->replacement.data != NULL &&
	    !convert_api.fits(r->replacement, r->charset))
		return CV_CONVERT_REPLACEMENT;
	return 0;
}

/* False: problem says why. */
static bool filter_add(struct filter *f, struct cv_span in, bool last)
{
	struct cv_text *text = &f->utf8;

	cv_text_reset(&f->utf8);
	charset_decoder_add(f->decoder, in, last, &f->utf8);
	if (f->html) {
		text = &f->plain;
		cv_text_reset(text);
		html_text_add(&f->stripper, cv_text_span(&f->utf8), text);
		if (last)
			html_text_finish(&f->stripper, text);
	}
	if (!charset_encoder_add(f->encoder, cv_text_span(text),
				 f->request->replacement, last, f->out))
		f->problem = CV_CONVERT_CHARACTER;
	else if (f->out->len > f->request->bytes_max)
		f->problem = CV_CONVERT_TOO_LARGE;
	return f->problem == 0;
}

static int filter_progress(struct filter *f, struct cv_error *err)
{
	int ret;

	if (f->request->progress == NULL ||
	    f->read - f->told < PROGRESS_BYTES)
		return CV_OK;
	f->told = f->read;
	ret = f->request->progress(f->request->context, f->read, 0);
	return ret >= 0 ? CV_OK : FAIL(err, ret, "the conversion was given "
				       "up");
}

static int filter_run(struct filter *f, struct cv_stream *source,
		      struct cv_error *err)
{
	struct cv_span in;
	int ret;

	while ((ret = stream_read(source, &in, err)) == CV_OK) {
		/* what a window becomes is bounded, too */
		if (in.len > PROGRESS_BYTES)
			in.len = PROGRESS_BYTES;
		if (!filter_add(f, in, false))
			return CV_DECLINED;
		stream_skip(source, in.len);
		f->read += in.len;
		ret = filter_progress(f, err);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	return filter_add(f, cv_span("", 0), true) ? CV_OK : CV_DECLINED;
}

static void look_over(struct cv_converted *converted)
{
	struct cv_span data = converted->data;

	converted->lines = 0;
	converted->has_nul = false;
	converted->is_ascii = true;
	for (size_t i = 0; i < data.len; i++) {
		converted->lines += data.data[i] == '\n';
		converted->has_nul = converted->has_nul ||
			data.data[i] == '\0';
		converted->is_ascii = converted->is_ascii &&
			(unsigned char)data.data[i] < 0x80;
	}
}

static int convert_text(struct cv_pool *pool,
			const struct cv_convert_request *request,
			struct cv_stream *source,
			struct cv_converted *converted_r, uint32_t *problem_r,
			struct cv_error *err)
{
	struct cv_text out;
	struct filter f = { .request = request, .out = &out };
	int ret;

	cv_text_init(&out, pool);
	f.scratch = pool_create("convert");
	cv_text_init(&f.utf8, f.scratch);
	cv_text_init(&f.plain, f.scratch);
	f.problem = filter_init(&f);
	ret = f.problem != 0 ? CV_DECLINED : filter_run(&f, source, err);
	*problem_r = f.problem;
	pool_destroy(&f.scratch);
	if (ret != CV_OK)
		return ret;
	converted_r->data = out.len == 0 ? CV_SPAN("") : cv_text_span(&out);
	look_over(converted_r);
	return CV_OK;
}

/* --- headers ------------------------------------------------------------------------ */

static int convert_header(struct cv_pool *pool, struct cv_span header,
			  const char *charset, struct cv_span replacement,
			  struct cv_span *header_r, uint32_t *problem_r)
{
	struct charset_encoder *encoder =
		charset_encoder_create(pool, cv_span_of(charset));
	struct cv_text out;

	*problem_r = 0;
	if (encoder == NULL)
		*problem_r = CV_CONVERT_CHARSET;
	else if (replacement.data != NULL &&
		 !convert_api.fits(replacement, charset))
		*problem_r = CV_CONVERT_REPLACEMENT;
	if (*problem_r != 0)
		return CV_DECLINED;
	cv_text_init(&out, pool);
	if (!header_recode(&out, header, cv_span_of(charset), encoder,
			   replacement)) {
		*problem_r = CV_CONVERT_CHARACTER;
		return CV_DECLINED;
	}
	*header_r = out.len == 0 ? CV_SPAN("") : cv_text_span(&out);
	return CV_OK;
}

static bool convert_fits(struct cv_span utf8, const char *charset)
{
	struct cv_pool *scratch = pool_create("charset");
	struct charset_encoder *encoder =
		charset_encoder_create(scratch, cv_span_of(charset));
	struct cv_text out;
	bool fits;

	cv_text_init(&out, scratch);
	fits = encoder != NULL && utf8_is_valid(utf8.data, utf8.len) &&
		charset_encoder_add(encoder, utf8, CV_SPAN_NONE, true, &out);
	pool_destroy(&scratch);
	return fits;
}

const struct cv_convert_api convert_api = {
	CV_SIZED(cv_convert_api),
	.at = convert_at,
	.type = convert_type,
	.convert = convert_text,
	.header = convert_header,
	.fits = convert_fits,
};
