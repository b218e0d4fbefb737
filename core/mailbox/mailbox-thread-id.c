/* mailbox-thread-id.c - one id for a message and the answers to it
 * [RFC8474 5.2].
 *
 * The id is made of the first message that References names, else In-Reply-To,
 * else of the message's own id: nothing is kept, it is the same in every
 * mailbox, and it never changes.  Whoever forges a reference joins a thread,
 * as in every mail reader; no cryptographic digest would prevent that. */
#include "mailbox-private.h"
#include "message/message-id.h"
#include "message/message-summary.h"

static bool first_id(struct cv_pool *pool, struct cv_span fields,
		     struct cv_span name, struct cv_span *id_r)
{
	struct cv_span value;

	return message_summary_field(fields, name, &value) &&
		message_id_next(pool, &value, id_r);
}

/* FNV-1a of 128 bits. */
static void digest(struct cv_span text, uint8_t dst[16])
{
	const unsigned __int128 prime =
		(unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 hash =
		(unsigned __int128)0x6c62272e07bb0142ull << 64 |
		0x62b821756295c58dull;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * prime;
	for (int i = 0; i < 16; i++)
		dst[i] = (uint8_t)(hash >> (120 - 8 * i));
}

bool mailbox_thread_id(const struct message_summary *summary,
		       const uint8_t guid[16], uint8_t thread_r[16])
{
	struct cv_pool *pool;
	struct cv_span id;

	/* long References were not kept, so nobody knows the first one */
	if (summary->flags & SUMMARY_FIELDS_CUT)
		return false;
	pool = pool_create("thread id");
	if (first_id(pool, summary->fields, CV_SPAN("References"), &id) ||
	    first_id(pool, summary->fields, CV_SPAN("In-Reply-To"), &id) ||
	    first_id(pool, summary->fields, CV_SPAN("Message-ID"), &id))
		digest(id, thread_r);
	else
		memcpy(thread_r, guid, 16);
	pool_destroy(&pool);
	return true;
}
