/* stream-api.c - the service "stream", major 1. */
#include "stream-api.h"
#include "stream.h"

static uint64_t api_offset(struct cv_stream *s)
{
	return stream_offset(s);
}

/* A stream dies with its pool; closing says only that it is not used any
 * more. */
static void api_close(struct cv_stream **s)
{
	*s = NULL;
}

const struct cv_stream_api stream_api = {
	CV_SIZED(cv_stream_api),
	.peek = stream_read,
	.skip = stream_skip,
	.seek = stream_seek,
	.offset = api_offset,
	.length = stream_size,
	.from_memory = stream_open_memory,
	.close = api_close,
	.from_reader = stream_open_reader,
};
