/* mailbox-broker-url.c - what an authorized URL gives another user [RFC4467].
 *
 * No right to the mailbox is asked for: the token says that the owner has given
 * this one part away, and to whom.  So nothing comes in but the URL itself,
 * which is parsed here again, and nothing goes out but what it names. */
#include "mailbox-broker-private.h"
#include "mailbox-urlauth.h"
#include "stream/stream.h"

int broker_op_url(struct request *q)
{
	struct cv_url_part part = { CV_SIZED(cv_url_part) };
	struct cv_pool *pool = q->broker->pool;
	struct cv_span text = remote_get_span(&q->in, CV_URL_BYTES_MAX);
	uint32_t want = remote_get_u32(&q->in);
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK)
		ret = urlauth_open_own(q->broker->user, text, want, pool,
				       &part, &q->err);
	if (ret != CV_OK)
		return ret;
	remote_put_span(&q->out, part.structure);
	remote_put_u32(&q->out, part.stream != NULL);
	remote_put_u32(&q->out, part.has_nul);
	if (part.stream == NULL)
		part.stream = stream_open_memory(pool, CV_SPAN(""));
	else
		part.stream = stream_open_range(pool, part.stream,
						stream_offset(part.stream),
						part.length);
	ret = broker_put_bytes(q, part.stream, part.length);
	urlauth_close(&part);
	return ret;
}
