/* decode-fixture.h - what tests of compress read from, and how much of it. */
#ifndef DECODE_FIXTURE_H
#define DECODE_FIXTURE_H

#include "compress.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

/* Core's, whose headers a plugin does not include. */
const struct cv_host *module_host(void);
extern const struct cv_stream_api stream_api;

/* what the plugin's own file defines */
const struct cv_host *cv_api;
struct cv_plugin *compress_self;
const struct cv_stream_api *compress_stream_api;

static uint64_t seed = 1;

static inline uint32_t number(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static inline char *some_text(size_t len)
{
	char *text = malloc(len);

	for (size_t i = 0; i < len; i++)
		text[i] = "abcdefghij klmno\n"[number(17)];
	return text;
}

/* Where the bytes come from; piece at a time. */
struct source { struct cv_span data; size_t piece; uint64_t read; };

static inline int source_read(void *context, uint64_t offset, void *data, size_t len,
		       size_t *got_r, struct cv_error *err)
{
	struct source *source = context;
	size_t left = offset < source->data.len ?
		source->data.len - (size_t)offset : 0;

	(void)err;
	*got_r = left < len ? left : len;
	if (*got_r > source->piece)
		*got_r = source->piece;
	if (*got_r > 0)
		memcpy(data, source->data.data + offset, *got_r);
	source->read += *got_r;
	return *got_r > 0 ? CV_OK : CV_EOF;
}

/* Reads up to len bytes at offset; the result of the last call. */
static inline int read_at(struct cv_stream *stream, uint64_t offset, char *out,
		   size_t len, size_t *got_r)
{
	struct cv_span in;
	int ret = compress_stream_api->seek(stream, offset, NULL);

	*got_r = 0;
	while (ret == CV_OK && *got_r < len) {
		size_t n;

		ret = compress_stream_api->peek(stream, &in, NULL);
		if (ret != CV_OK)
			break;
		n = in.len < len - *got_r ? in.len : len - *got_r;
		memcpy(out + *got_r, in.data, n);
		(compress_stream_api->skip)(stream, n);
		*got_r += n;
	}
	return ret;
}

#endif
