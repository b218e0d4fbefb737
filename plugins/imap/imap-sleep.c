/* imap-sleep.c - see imap-sleep.h.
 *
 *	state = u8 version u8 flags u32 enabled u32 exists u32 recent
 *	        u32 expunged u32 comparator u64 modseq u64 told modseq
 *	        u64 of each counter
 *	        u32 count of ranges of "$", UINT32_MAX: nothing was saved;
 *	        each u32 first u32 last
 *	        tag of IDLE
 *
 * Numbers are big-endian. */
#include "imap-sleep.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-logout.h"
#include "imap-settle.h"
#include "imap-sync.h"

enum {
	VERSION = 1,
	READONLY = 1, ID_SEEN = 2, BEHIND = 4,	/* flags */
	RETRY_MSECS = 5 * 60 * 1000,
	/* less than the limit of a silent client */
	AFTER_MAX_MSECS = 25 * 60 * 1000,
	COUNTERS = sizeof(struct imap_counters) / sizeof(uint64_t),
	SAVED_MAX = 10000, TAG_MAX = 255,
};

uint32_t imap_sleep_after(const struct imap_session *s)
{
	uint64_t after = s->set->imap_hibernate_timeout;

	/* changes of annotations are looked for by this process */
	if ((s->enabled & IMAP_ENABLED_METADATA) != 0)
		return 0;
	if (after == 0 || !CV_HAS(imap_session_api, sleep) ||
	    imap_session_api->sleep == NULL ||
	    cv_api->monotonic_msecs() + after < s->sleep_not_before)
		return 0;
	return after > AFTER_MAX_MSECS ? AFTER_MAX_MSECS : (uint32_t)after;
}

/* --- to bytes ---------------------------------------------------------------- */

static void put_number(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

static void put_saved(struct cv_text *out, const struct imap_session *s)
{
	if (s->saved_pool == NULL) {
		put_number(out, UINT32_MAX, 4);
		return;
	}
	put_number(out, s->saved.count, 4);
	for (uint32_t i = 0; i < s->saved.count; i++) {
		put_number(out, s->saved.ranges[i].first, 4);
		put_number(out, s->saved.ranges[i].last, 4);
	}
}

static void freeze(const struct imap_session *s, struct cv_span idle_tag,
		   struct cv_text *out)
{
	const uint64_t *counters = (const uint64_t *)&s->counters;

	put_number(out, VERSION, 1);
	put_number(out, (s->readonly ? READONLY : 0) |
		   (s->id_seen ? ID_SEEN : 0) | (s->behind ? BEHIND : 0), 1);
	put_number(out, s->enabled, 4);
	put_number(out, s->exists, 4);
	put_number(out, s->recent, 4);
	put_number(out, s->expunged, 4);
	put_number(out, s->comparator, 4);
	put_number(out, s->modseq, 8);
	put_number(out, s->told_modseq, 8);
	for (size_t i = 0; i < COUNTERS; i++)
		put_number(out, counters[i], 8);
	put_saved(out, s);
	cv_text_append_span(out, idle_tag);
}

/* --- going to sleep ------------------------------------------------------------ */

/* A client in IDLE is told what is there before nobody looks any more; one
 * that is silent hears it with its next command. */
static int last_look(struct imap_session *s, bool idle)
{
	static const struct cv_set none;

	if (!idle || s->box == NULL)
		return CV_OK;
	imap_mailbox_api->watch_clear(s->box);
	return imap_sync(s, s->cmd_pool, 0, true, none, false);
}

static int give_away(struct imap_session *s, struct cv_span idle_tag,
		     uint64_t limit_msecs)
{
	struct cv_text state, stats;
	bool idle = idle_tag.len > 0;
	struct cv_sleep sleep = {
		CV_SIZED(cv_sleep), .box = s->box,
		.wakes = idle, .limit_msecs = limit_msecs,
		.bye = CV_SPAN("* BYE "), .bye_end = CV_SPAN("\r\n"),
	};
	int code = imap_session_api->sleep_begin(s->session,
						 idle ? s->box : NULL,
						 s->err);

	if (code >= 0)
		code = last_look(s, idle);
	if (code < 0)
		return code;
	if (idle) {
		sleep.keepalive = CV_SPAN("* OK Still here\r\n");
		sleep.keepalive_msecs = s->set->imap_idle_notify_interval;
	}
	cv_text_init(&state, s->cmd_pool);
	cv_text_init(&stats, s->cmd_pool);
	freeze(s, idle_tag, &state);
	imap_logout_text(s, &stats);
	sleep.state = cv_text_span(&state);
	sleep.stats = cv_text_span(&stats);
	return imap_session_api->sleep(s->session, &sleep, s->err);
}

bool imap_sleep(struct imap_session *s, struct cv_span idle_tag,
		uint64_t limit_msecs)
{
	int code;

	imap_settle(s);
	code = s->saved.count > SAVED_MAX || idle_tag.len > TAG_MAX ?
		CV_E_UNSUPPORTED : give_away(s, idle_tag, limit_msecs);
	s->asleep = code == CV_OK;
	if (s->asleep) {
		s->closing = true;
		return true;
	}
	cv_api->log(imap_self, CV_LOG_DEBUG, "the session stays in its "
		    "process: %s", cv_api->error_text(s->err));
	s->sleep_not_before = cv_api->monotonic_msecs() + RETRY_MSECS;
	return false;
}

/* --- awake again ------------------------------------------------------------------ */

static bool get_number(struct cv_span *in, size_t bytes, uint64_t *value_r)
{
	if (in->len < bytes)
		return false;
	*value_r = 0;
	for (size_t i = 0; i < bytes; i++)
		*value_r = *value_r << 8 | (uint8_t)in->data[i];
	*in = cv_span_skip(*in, bytes);
	return true;
}

static bool get_u32(struct cv_span *in, uint32_t *value_r)
{
	uint64_t value;

	if (!get_number(in, 4, &value))
		return false;
	*value_r = (uint32_t)value;
	return true;
}

static bool get_saved(struct cv_span *in, struct imap_session *s)
{
	struct cv_range *ranges;
	uint32_t count, last = 0;

	if (!get_u32(in, &count))
		return false;
	if (count == UINT32_MAX)
		return true;
	if (count > SAVED_MAX || count > in->len / 8)
		return false;
	s->saved_pool = cv_api->pool_create("imap saved");
	ranges = CV_ALLOC_ARRAY(s->saved_pool, struct cv_range, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!get_u32(in, &ranges[i].first) ||
		    !get_u32(in, &ranges[i].last) ||
		    ranges[i].first <= last ||
		    ranges[i].last < ranges[i].first)
			return false;
		last = ranges[i].last;
	}
	s->saved = (struct cv_set){ ranges, count };
	return true;
}

static bool get_head(struct cv_span *in, struct imap_session *s)
{
	uint64_t *counters = (uint64_t *)&s->counters;
	uint64_t version, flags;

	if (!get_number(in, 1, &version) || version != VERSION ||
	    !get_number(in, 1, &flags) || !get_u32(in, &s->enabled) ||
	    !get_u32(in, &s->exists) || !get_u32(in, &s->recent) ||
	    !get_u32(in, &s->expunged) || !get_u32(in, &s->comparator) ||
	    !get_number(in, 8, &s->modseq) ||
	    !get_number(in, 8, &s->told_modseq))
		return false;
	s->readonly = (flags & READONLY) != 0;
	s->id_seen = (flags & ID_SEEN) != 0;
	s->behind = (flags & BEHIND) != 0;
	for (size_t i = 0; i < COUNTERS; i++) {
		if (!get_number(in, 8, &counters[i]))
			return false;
	}
	return true;
}

int imap_sleep_restore(struct imap_session *s, struct cv_span state,
		       struct cv_span *idle_tag_r)
{
	if (!get_head(&state, s) || !get_saved(&state, s) ||
	    state.len > TAG_MAX)
		return CV_FAIL(s->err, CV_E_SYNTAX, "the state of IMAP is "
			       "damaged, or of another version");
	*idle_tag_r = cv_span(imap_copy(s->pool, state), state.len);
	return CV_OK;
}
