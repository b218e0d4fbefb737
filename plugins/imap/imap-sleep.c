/* imap-sleep.c - see imap-sleep.h.
 *
 *	state = u8 version u8 flags u32 enabled u32 exists u32 recent
 *	        u32 expunged u32 comparator
 *	        u32 language u64 modseq u64 told modseq
 *	        u64 urlauth turn u64 annotated
 *	        u64 of each counter
 *	        u8 something was saved, set "$"; set of withheld UIDs
 *	        contexts (imap-context-freeze.c)
 *	        NOTIFY (imap-notify-freeze.c)
 *	        tag of IDLE
 *
 * Numbers and sets are as imap-state.h has them. */
#include "imap-sleep.h"
#include "imap-args.h"
#include "imap-context.h"
#include "imap-language.h"
#include "imap-logout.h"
#include "imap-metadata.h"
#include "imap-notify.h"
#include "imap-settle.h"
#include "imap-state.h"
#include "imap-sync.h"

enum {
	VERSION = 5,
	READONLY = 1, ID_SEEN = 2, BEHIND = 4, COMPRESSED = 8,
	ANNOTATE = 16,			/* flags */
	RETRY_MSECS = 5 * 60 * 1000,
	/* less than the limit of a silent client */
	AFTER_MAX_MSECS = 25 * 60 * 1000,
	COUNTERS = sizeof(struct imap_counters) / sizeof(uint64_t),
	SAVED_MAX = 10000, TAG_MAX = 255,
};

uint32_t imap_sleep_after(const struct imap_session *s)
{
	uint64_t after = s->set->imap_hibernate_timeout;

	if (after == 0 || !CV_HAS(imap_session_api, sleep) ||
	    imap_session_api->sleep == NULL ||
	    cv_api->monotonic_msecs() + after < s->sleep_not_before)
		return 0;
	return after > AFTER_MAX_MSECS ? AFTER_MAX_MSECS : (uint32_t)after;
}

/* --- to bytes ---------------------------------------------------------------- */

static int freeze(const struct imap_session *s, struct cv_span idle_tag,
		  struct cv_text *out)
{
	const uint64_t *counters = (const uint64_t *)&s->counters;

	imap_state_put(out, VERSION, 1);
	imap_state_put(out, (s->readonly ? READONLY : 0) |
		   (s->id_seen ? ID_SEEN : 0) | (s->behind ? BEHIND : 0) |
		   (s->annotate ? ANNOTATE : 0) |
		       (s->compressed ? COMPRESSED : 0), 1);
	imap_state_put(out, s->enabled, 4);
	imap_state_put(out, s->exists, 4);
	imap_state_put(out, s->recent, 4);
	imap_state_put(out, s->expunged, 4);
	imap_state_put(out, s->comparator, 4);
	imap_state_put(out, s->language, 4);
	imap_state_put(out, s->modseq, 8);
	imap_state_put(out, s->told_modseq, 8);
	imap_state_put(out, s->urlauth_turn, 8);
	imap_state_put(out, s->annotated, 8);
	for (size_t i = 0; i < COUNTERS; i++)
		imap_state_put(out, counters[i], 8);
	imap_state_put(out, s->saved_pool != NULL, 1);
	imap_state_put_set(out, s->saved);
	imap_state_put_set(out, s->withheld);
	if (!imap_contexts_freeze(s, out))
		return CV_FAIL(s->err, CV_E_LIMIT, "results that are kept up "
			       "to date have too many messages");
	if (!imap_notify_freeze(s, out))
		return CV_FAIL(s->err, CV_E_LIMIT, "NOTIFY has too many "
			       "mailboxes");
	cv_text_append_span(out, idle_tag);
	return CV_OK;
}

/* --- going to sleep ------------------------------------------------------------ */

/* A client in IDLE is told what is there before nobody looks any more; one
 * that is silent hears it with its next command. */
static int last_look(struct imap_session *s, bool idle)
{
	static const struct cv_set none;
	int code = CV_OK;

	if (imap_notify_listens(s))
		return imap_notify_push(s, idle);
	if (!idle)
		return CV_OK;
	if (s->box != NULL && s->notify == NULL) {
		imap_mailbox_api->watch_clear(s->box);
		code = imap_sync(s, s->cmd_pool, 0, true, none, false);
	}
	if (code >= 0)
		imap_metadata_notify(s, s->cmd_pool);
	return code;
}

static int give_away(struct imap_session *s, struct cv_span idle_tag,
		     uint64_t limit_msecs)
{
	struct cv_text state, stats, keepalive;
	bool idle = idle_tag.len > 0;
	bool wakes = s->notify == NULL ? idle : imap_notify_listens(s);
	struct cv_sleep sleep = {
		CV_SIZED(cv_sleep), .box = s->box,
		.wakes = wakes, .limit_msecs = limit_msecs,
		.bye = CV_SPAN("* BYE "), .bye_end = CV_SPAN("\r\n"),
	};
	int code = imap_session_api->sleep_begin(s->session,
						 wakes ? s->box : NULL,
						 s->err);

	if (code >= 0)
		code = last_look(s, idle);
	if (code < 0)
		return code;
	if (idle) {
		cv_text_init(&keepalive, s->cmd_pool);
		cv_text_append_str(&keepalive, "* OK ");
		imap_language_append(&keepalive, s->language,
				     CV_SPAN("Still here"));
		cv_text_append_str(&keepalive, "\r\n");
		sleep.keepalive = cv_text_span(&keepalive);
		sleep.keepalive_msecs = s->set->imap_idle_notify_interval;
		if (sleep.keepalive_msecs > 0 &&
		    sleep.keepalive_msecs < IMAP_KEEPALIVE_MIN)
			sleep.keepalive_msecs = IMAP_KEEPALIVE_MIN;
	}
	cv_text_init(&state, s->cmd_pool);
	cv_text_init(&stats, s->cmd_pool);
	code = freeze(s, idle_tag, &state);
	if (code < 0)
		return code;
	imap_logout_text(s, &stats);
	sleep.state = cv_text_span(&state);
	sleep.stats = cv_text_span(&stats);
	return imap_session_api->sleep(s->session, &sleep, s->err);
}

/* Known before anybody is asked for anything. */
static bool can_move(const struct imap_session *s, struct cv_span idle_tag)
{
	struct cv_text scratch;

	cv_text_init(&scratch, s->cmd_pool);
	return s->saved.count <= SAVED_MAX &&
		s->withheld.count <= SAVED_MAX && idle_tag.len <= TAG_MAX &&
		imap_contexts_freeze(s, &scratch) &&
		imap_notify_freeze(s, &scratch);
}

bool imap_sleep(struct imap_session *s, struct cv_span idle_tag,
		uint64_t limit_msecs)
{
	int code;

	imap_settle(s);
	code = can_move(s, idle_tag) ?
		give_away(s, idle_tag, limit_msecs) :
		CV_FAIL(s->err, CV_E_UNSUPPORTED, "it has too much to "
			"remember");
	s->asleep = code == CV_OK;
	if (s->asleep) {
		s->closing = true;
		return true;
	}
	cv_api->log(imap_self, CV_LOG_DEBUG, "the session stays in its "
		    "process: %s", cv_api->error_text(s->err));
	/* what has just come in between is over when it is silent again */
	if (code != CV_E_TEMP)
		s->sleep_not_before = cv_api->monotonic_msecs() + RETRY_MSECS;
	return false;
}

/* --- awake again ------------------------------------------------------------------ */

static bool get_sets(struct cv_span *in, struct imap_session *s)
{
	uint64_t saved;

	if (!imap_state_get(in, 1, &saved))
		return false;
	if (saved != 0)
		s->saved_pool = cv_api->pool_create("imap saved");
	s->withheld_pool = cv_api->pool_create("withheld");
	return imap_state_get_set(in, SAVED_MAX, saved != 0 ? s->saved_pool :
				  s->cmd_pool, &s->saved) &&
		(saved != 0 || s->saved.count == 0) &&
		imap_state_get_set(in, SAVED_MAX, s->withheld_pool,
				   &s->withheld);
}

static bool get_head(struct cv_span *in, struct imap_session *s)
{
	uint64_t *counters = (uint64_t *)&s->counters;
	uint64_t version, flags;

	if (!imap_state_get(in, 1, &version) || version != VERSION ||
	    !imap_state_get(in, 1, &flags) ||
	    !imap_state_get_u32(in, &s->enabled) ||
	    !imap_state_get_u32(in, &s->exists) ||
	    !imap_state_get_u32(in, &s->recent) ||
	    !imap_state_get_u32(in, &s->expunged) ||
	    !imap_state_get_u32(in, &s->comparator) ||
	    !imap_state_get_u32(in, &s->language) ||
	    s->language >= IMAP_LANGUAGES ||
	    !imap_state_get(in, 8, &s->modseq) ||
	    !imap_state_get(in, 8, &s->told_modseq) ||
	    !imap_state_get(in, 8, &s->urlauth_turn) ||
	    !imap_state_get(in, 8, &s->annotated))
		return false;
	s->readonly = (flags & READONLY) != 0;
	s->id_seen = (flags & ID_SEEN) != 0;
	s->behind = (flags & BEHIND) != 0;
	s->annotate = (flags & ANNOTATE) != 0;
	s->compressed = (flags & COMPRESSED) != 0;
	for (size_t i = 0; i < COUNTERS; i++) {
		if (!imap_state_get(in, 8, &counters[i]))
			return false;
	}
	return true;
}

/* Nothing of it may lead out of the view, which was kept apart. */
static bool head_fits(const struct imap_session *s)
{
	struct cv_mailbox_state view = { CV_SIZED(cv_mailbox_state) };

	if (s->box != NULL)
		imap_mailbox_api->state(s->box, &view);
	return s->exists <= view.messages && s->recent <= view.messages &&
		s->comparator <= CV_COMPARE_OCTET;
}

/* [RFC9051 9] ASTRING-CHAR without "+": it is sent back as it is. */
static bool is_tag(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\+", c) != NULL)
			return false;
	}
	return text.len <= TAG_MAX;
}

int imap_sleep_restore(struct imap_session *s, struct cv_span state,
		       struct cv_span *idle_tag_r)
{
	if (!get_head(&state, s) || !head_fits(s) || !get_sets(&state, s) ||
	    !imap_contexts_thaw(s, &state) ||
	    !imap_notify_thaw(s, &state) || !is_tag(state))
		return CV_FAIL(s->err, CV_E_SYNTAX, "the state of IMAP is "
			       "damaged, or of another version");
	*idle_tag_r = cv_span(imap_copy(s->pool, state), state.len);
	return CV_OK;
}
