/* fuzz-text-convert.c - "from charset NUL to charset NUL replacement NUL
 * bytes" as text and as a header: what iconv gets is what strangers send. */
#include "base.h"
#include "message/text-convert.h"
#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 100000 };

static void check(struct cv_pool *pool, const char *from,
		  const struct cv_convert_request *base, struct cv_span bytes)
{
	struct cv_convert_request request = *base;
	struct cv_converted converted = { CV_SIZED(cv_converted) };
	uint32_t problem;
	int ret;

	request.from = from;
	ret = convert_api.convert(pool, &request,
				  stream_open_memory(pool, bytes), &converted,
				  &problem, NULL);
	BUG_IF(ret < 0 || (ret == CV_DECLINED) != (problem != 0));
	if (ret != CV_OK)
		return;
	BUG_IF(converted.data.len > BYTES_MAX);
	BUG_IF(strcmp(request.charset, "utf-8") == 0 &&
	       !utf8_is_valid(converted.data.data, converted.data.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span rest = cv_span((const char *)data, size), word, header;
	struct cv_convert_request request = { CV_SIZED(cv_convert_request),
		.to = "text/plain", .bytes_max = BYTES_MAX };
	struct cv_part_type type = { CV_SIZED(cv_part_type) };
	uint32_t problem;

	if (!cv_span_split(&rest, '\0', &word) || rest.data == NULL)
		goto done;
	request.source_charset = cv_span_copy(pool, word);
	if (!cv_span_split(&rest, '\0', &word) || rest.data == NULL)
		goto done;
	request.charset = cv_span_copy(pool, word);
	if (!cv_span_split(&rest, '\0', &word) || rest.data == NULL)
		goto done;
	if (word.len > 0)
		request.replacement = word;
	check(pool, "text/plain", &request, rest);
	check(pool, "text/html", &request, rest);
	(void)convert_api.header(pool, rest, request.charset,
				 request.replacement, &header, &problem);
	convert_api.type(pool, rest, &type);
done:
	pool_destroy(&pool);
	return 0;
}
