/* imap-mock-convert.c - conversions that can be told from afar: what is plain
 * becomes upper case, "!" is no character of "ascii", "?" no replacement. */
#include "imap-mock-private.h"

static const char *const parameters[] = { "charset", "x", NULL };

static int mock_at(uint32_t index, struct cv_conversion *c)
{
	if (index > 1)
		return CV_NOT_FOUND;
	c->from = index == 0 ? "text/plain" : "text/html";
	c->to = "text/plain";
	c->parameters = parameters;
	return CV_OK;
}

static void mock_type(struct cv_pool *pool, struct cv_span header,
		      struct cv_part_type *type_r)
{
	static const char image[] = "X-Y: z";

	type_r->type = memmem(header.data, header.len, image,
			      sizeof(image) - 1) != NULL ? "image/gif" :
		"text/plain";
	type_r->charset = "utf-8";
	type_r->is_said = true;
}

static uint32_t problem_of(struct cv_span text, const char *charset,
			   struct cv_span replacement, uint64_t max)
{
	if (strcmp(charset, "ascii") != 0 && strcmp(charset, "UTF-8") != 0)
		return CV_CONVERT_CHARSET;
	if (replacement.data != NULL && cv_span_is(replacement, "?"))
		return CV_CONVERT_REPLACEMENT;
	if (replacement.data == NULL && strcmp(charset, "ascii") == 0 &&
	    memchr(text.data, 'y', text.len) != NULL)
		return CV_CONVERT_CHARACTER;
	return text.len > max ? CV_CONVERT_TOO_LARGE : 0;
}

static int mock_header(struct cv_pool *pool, struct cv_span header,
		       const char *charset, struct cv_span replacement,
		       struct cv_span *header_r, uint32_t *problem_r)
{
	char *upper = pool_copy(pool, header.data, header.len);

	*problem_r = problem_of(header, charset, replacement, UINT64_MAX);
	for (size_t i = 0; i < header.len; i++)
		upper[i] = cv_ascii_upper(upper[i]);
	*header_r = cv_span(upper, header.len);
	return *problem_r == 0 ? CV_OK : CV_DECLINED;
}

static int mock_convert(struct cv_pool *pool,
			const struct cv_convert_request *request,
			struct cv_stream *source,
			struct cv_converted *converted_r, uint32_t *problem_r,
			struct cv_error *err)
{
	struct cv_span in;
	int code = mock_stream_api.peek(source, &in, err);

	if (code < 0)
		return code;
	code = mock_header(pool, in, request->charset, request->replacement,
			   &converted_r->data, problem_r);
	if (*problem_r == 0)
		*problem_r = problem_of(in, request->charset,
					request->replacement,
					request->bytes_max);
	converted_r->lines = 1;
	converted_r->is_ascii = true;
	return *problem_r == 0 ? CV_OK : CV_DECLINED;
}

const struct cv_convert_api mock_convert_api = {
	CV_SIZED(cv_convert_api),
	.at = mock_at, .type = mock_type, .convert = mock_convert,
	.header = mock_header,
};
