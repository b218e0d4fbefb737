/* imap-sync.c - see imap-sync.h. */
#include "imap-sync.h"
#include "imap-annotate.h"
#include "imap-context.h"
#include "imap-enable.h"
#include "imap-modseq.h"
#include "imap-notify.h"
#include "imap-respond.h"
#include "imap-set.h"

enum { FLUSH_AT = 16384 };

static void number_line(struct imap_session *s, uint32_t number,
			const char *what)
{
	cv_text_append_str(&s->out, "* ");
	cv_text_append_u64(&s->out, number);
	cv_text_append_str(&s->out, what);
	if (s->out.len > FLUSH_AT)
		imap_flush(s);
}

/* How many of the expunged ones the client was told of. */
static uint32_t count_told(struct imap_session *s, struct cv_set expunged)
{
	uint32_t told = 0;

	for (uint32_t i = 0; i < expunged.count; i++) {
		const struct cv_range *r = &expunged.ranges[i];
		uint32_t last = r->last > s->exists ? s->exists : r->last;

		if (r->first <= last)
			told += last - r->first + 1;
	}
	return told;
}

/* Highest first, so that each number is right when it is read; those the
 * client was never told of are not mentioned. */
static void send_expunges(struct imap_session *s, struct cv_set expunged)
{
	for (uint32_t i = expunged.count; i-- > 0; ) {
		const struct cv_range *r = &expunged.ranges[i];

		for (uint32_t n = r->last; n >= r->first; n--) {
			if (n <= s->exists)
				number_line(s, n, " EXPUNGE\r\n");
		}
	}
}

/* [RFC7162 3.2.10.2] each UID lowers the number of messages by one: those
 * that were never announced, which are the last, are not among them. */
static void send_vanished(struct imap_session *s, struct cv_set uids,
			  uint32_t told)
{
	bool first = true;

	for (uint32_t i = 0; i < uids.count && told > 0; i++) {
		struct cv_range r = uids.ranges[i];

		if (r.last - r.first >= told)
			r.last = r.first + told - 1;
		told -= r.last - r.first + 1;
		cv_text_append_str(&s->out, first ? "* VANISHED " : ",");
		imap_set_format(&s->out, (struct cv_set){ &r, 1 });
		first = false;
		if (s->out.len > FLUSH_AT)
			imap_flush(s);
	}
	if (!first)
		cv_text_append_str(&s->out, "\r\n");
}

static void tell_expunges(struct imap_session *s,
			  const struct cv_mailbox_changes *changes)
{
	uint32_t told = count_told(s, changes->expunged);

	s->expunged = told;
	/* [RFC7162 3.2.10], [RFC9586] */
	if ((s->enabled & (IMAP_ENABLED_QRESYNC | IMAP_ENABLED_UIDONLY)) != 0)
		send_vanished(s, changes->expunged_uids, told);
	else
		send_expunges(s, changes->expunged);
	s->exists -= told;
}

void imap_send_mailbox_flags(struct imap_session *s)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	static const struct cv_keywords none;

	imap_mailbox_api->state(s->box, &state);
	s->keywords = state.keywords.count;
	cv_text_append_str(&s->out, "* FLAGS ");
	imap_append_flags(&s->out, CV_FLAGS_STORED, &state.keywords);
	cv_text_append_str(&s->out, "\r\n* OK [PERMANENTFLAGS ");
	if (s->readonly) {
		cv_text_append_str(&s->out, "()] ");
		imap_say(s, "Read-only mailbox.");
	} else {
		imap_append_flags(&s->out, state.permanent_flags,
				  state.permanent_flags == 0 ? &none :
				  &state.keywords);
		/* [RFC3501 7.1] \*: new keywords may be made */
		if (state.may_create_keywords) {
			s->out.len--;
			if (s->out.data[s->out.len - 1] != '(')
				cv_text_append_c(&s->out, ' ');
			cv_text_append_str(&s->out, "\\*)");
		}
		cv_text_append_str(&s->out, "] ");
		imap_say(s, "Flags permitted.");
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

void imap_fetch_begin(struct imap_session *s, uint32_t seq, uint32_t uid)
{
	bool uidonly = (s->enabled & IMAP_ENABLED_UIDONLY) != 0;

	cv_text_append(&s->out, "* ", 2);
	cv_text_append_u64(&s->out, uidonly ? uid : seq);
	cv_text_append_str(&s->out, uidonly ? " UIDFETCH (" : " FETCH (");
}

void imap_fetch_modseq(struct imap_session *s, uint64_t modseq)
{
	cv_text_append_str(&s->out, "MODSEQ (");
	cv_text_append_u64(&s->out, modseq);
	cv_text_append_c(&s->out, ')');
	if (modseq > s->told_modseq)
		s->told_modseq = modseq;
}

static void send_one(struct imap_session *s, const struct imap_report *report,
		     uint32_t seq)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	bool condstore = (s->enabled & IMAP_ENABLED_CONDSTORE) != 0;
	bool flags = cv_set_contains(report->flags, seq);
	uint32_t items = CV_MESSAGE_KEYWORDS |
		(imap_annotations_told(s) ? CV_MESSAGE_ANNOTATIONS : 0);

	if (imap_mailbox_api->message(s->box, seq, items, &data, s->err) !=
	    CV_OK) {
		s->unreported = s->unreported || flags;
		return;
	}
	imap_fetch_begin(s, seq, data.uid);
	/* [RFC7162 3.2.4] both, once one is enabled; [RFC9586] it is there
	 * already */
	if ((report->with_uid || condstore ||
	     /* [RFC9051 E] */
	     (s->enabled & IMAP_ENABLED_REV2) != 0) &&
	    (s->enabled & IMAP_ENABLED_UIDONLY) == 0) {
		cv_text_append_str(&s->out, "UID ");
		cv_text_append_u64(&s->out, data.uid);
		cv_text_append_c(&s->out, ' ');
	}
	if (flags) {
		cv_text_append_str(&s->out, "FLAGS ");
		imap_append_flags(&s->out, imap_flags_told(s, data.flags),
				  &data.keywords);
		imap_annotations_append_changed(s, &data);
	}
	if (condstore) {
		if (flags)
			cv_text_append_c(&s->out, ' ');
		imap_fetch_modseq(s, data.modseq);
	}
	cv_text_append_str(&s->out, ")\r\n");
	if (s->out.len > FLUSH_AT)
		imap_flush(s);
}

/* The smallest number of both sets that is at least so large; 0: none. */
static uint32_t next_of(const struct cv_set *set, uint64_t from, uint32_t *at)
{
	while (*at < set->count && set->ranges[*at].last < from)
		(*at)++;
	if (*at == set->count)
		return 0;
	return set->ranges[*at].first > from ? set->ranges[*at].first :
		(uint32_t)from;
}

void imap_report_send(struct imap_session *s, const struct imap_report *report)
{
	uint32_t a = 0, b = 0;
	uint64_t from = 1;

	for (;;) {
		uint32_t x = next_of(&report->flags, from, &a);
		uint32_t y = next_of(&report->modseqs, from, &b);
		uint32_t seq = x == 0 || (y != 0 && y < x) ? y : x;

		if (seq == 0 || seq > s->exists)
			return;
		send_one(s, report, seq);
		from = (uint64_t)seq + 1;
	}
}

/* [RFC7162 3.2] a client takes the highest mod-sequence it sees for what it
 * knows all up to, unless it is told a lower one. */
static void tell_modseq(struct imap_session *s)
{
	bool lower = s->told_modseq > s->modseq;

	/* and when what was kept back is told, that it may go on */
	if (lower || (s->behind && s->modseq > s->told_modseq &&
		      s->expunged > 0))
		imap_modseq_send(s, s->modseq);
	s->behind = lower || (s->behind && s->expunged == 0);
	s->told_modseq = 0;
}

static int sync_failed(struct imap_session *s, int code)
{
	/* another session or program has removed it, or its owner withdrew
	 * the right to read: nothing is wrong */
	int level = code == CV_E_NOT_FOUND || code == CV_E_DENIED ?
		    CV_LOG_INFO : CV_LOG_ERROR;

	cv_api->log(imap_self, level, "sync: %s", cv_api->error_text(s->err));
	if (code == CV_E_DENIED) {
		/* [RFC4314 4] "r" is what SELECT takes */
		imap_bye(s, "You may no longer read the selected mailbox.");
		return code;
	}
	/* what the client sees stays as it was; the next command tries
	 * again */
	if (code != CV_E_NOT_FOUND && code != CV_E_INTERNAL)
		return 0;
	/* [RFC2180 3.3] */
	imap_bye(s, "Selected mailbox was deleted or has changed, "
		 "please reconnect.");
	return code;
}

/* --- what NOTIFY keeps back [RFC5465 3.1] --------------------------------- */

/* What has changed is told when the client wants to hear of it. */
static void withhold(struct imap_session *s, struct cv_set flags,
		     struct cv_set told, struct cv_pool *pool)
{
	struct imap_set_builder uids = { .pool = pool };
	struct cv_set all;
	struct cv_pool *fresh;

	for (uint32_t i = 0; i < flags.count; i++) {
		const struct cv_range *r = &flags.ranges[i];

		for (uint32_t seq = r->first; seq <= r->last; seq++) {
			if (!cv_set_contains(told, seq))
				imap_set_add(&uids, imap_mailbox_api->uid_of(
						     s->box, seq));
		}
	}
	if (uids.count == 0)
		return;
	fresh = cv_api->pool_create("withheld");
	all = imap_set_union(fresh, s->withheld, imap_set_built(&uids));
	if (s->withheld_pool != NULL)
		cv_api->pool_destroy(&s->withheld_pool);
	s->withheld_pool = fresh;
	s->withheld = all;
}

void imap_withheld_clear(struct imap_session *s)
{
	if (s->withheld_pool != NULL)
		cv_api->pool_destroy(&s->withheld_pool);
	s->withheld_pool = NULL;
	s->withheld = (struct cv_set){ NULL, 0 };
}

/* [RFC5465 5.1] AnnotationChange alone: those whose annotations have
 * changed. */
static struct cv_set annotated_of(struct imap_session *s,
				  struct cv_pool *pool, struct cv_set changed)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct imap_set_builder b = { .pool = pool };

	if (!imap_annotations_told(s))
		return (struct cv_set){ NULL, 0 };
	for (uint32_t i = 0; i < changed.count; i++) {
		const struct cv_range *r = &changed.ranges[i];

		for (uint32_t seq = r->first; seq <= r->last; seq++) {
			if (imap_mailbox_api->message(
				    s->box, seq, CV_MESSAGE_ANNOTATIONS,
				    &data, s->err) == CV_OK &&
			    imap_annotations_changed(s, &data))
				imap_set_add(&b, seq);
		}
	}
	return imap_set_built(&b);
}

/* The numbers whose flags are told now. */
static struct cv_set flags_to_tell(struct imap_session *s,
				   struct cv_pool *pool,
				   struct cv_set changed, struct cv_set told)
{
	struct cv_set seqs;

	if ((imap_notify_selected(s) & IMAP_EVENT_FLAG_CHANGE) == 0) {
		told = imap_set_union(pool, told,
				      annotated_of(s, pool, changed));
		withhold(s, changed, told, pool);
		return told;
	}
	if (s->withheld.count == 0)
		return changed;
	if (imap_mailbox_api->uids_to_seqs(s->box, s->withheld, pool,
					   &seqs) == CV_OK)
		changed = imap_set_union(pool, changed, seqs);
	imap_withheld_clear(s);
	return changed;
}

/* [RFC9051 7.3.5] a keyword is announced before a FETCH has it.  After a
 * wake none counts as announced: once more does no harm. */
static void tell_keywords(struct imap_session *s)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	imap_mailbox_api->state(s->box, &state);
	if (state.keywords.count != s->keywords)
		imap_send_mailbox_flags(s);
}

/* Nothing but what the command itself is to tell. */
static void tell_report(struct imap_session *s, struct cv_pool *pool,
			const struct imap_report *report)
{
	if (report->flags.count > 0)
		tell_keywords(s);
	imap_report_send(s, report);
	imap_contexts_update(s, pool, report->flags);
	if ((s->enabled & IMAP_ENABLED_CONDSTORE) != 0)
		tell_modseq(s);
	if (s->out.len > 0)
		imap_flush(s);
}

int imap_sync_report(struct imap_session *s, struct cv_pool *pool,
		     uint32_t flags, bool newmail,
		     const struct imap_report *report)
{
	struct cv_mailbox_changes changes = { CV_SIZED(cv_mailbox_changes) };
	struct imap_report all = *report;
	struct cv_set changed;
	uint32_t before;
	bool wanted = (imap_notify_selected(s) & IMAP_EVENT_MESSAGE_NEW) != 0;
	int code;

	if (!wanted && !report->expunges) {
		tell_report(s, pool, report);
		return 0;
	}
	newmail = newmail && wanted;
	code = imap_mailbox_api->sync(s->box, flags, &changes, s->err);
	if (code < 0)
		return sync_failed(s, code);
	/* the view's own memory is gone at the next call on it */
	changed = imap_set_union(pool, changes.flags, report->flags);
	imap_contexts_expunged(s, pool, &changes);
	all.with_uid = report->with_uid || s->notify != NULL;
	tell_expunges(s, &changes);
	all.flags = flags_to_tell(s, pool, changed, report->flags);
	/* what was kept back is not passed */
	if (s->withheld.count == 0)
		s->modseq = changes.highestmodseq;
	before = s->exists;
	if (newmail && changes.messages != s->exists) {
		s->exists = changes.messages;
		number_line(s, s->exists, " EXISTS\r\n");
	}
	if (newmail && changes.recent != s->recent &&
	    (s->enabled & IMAP_ENABLED_REV2) == 0) {
		s->recent = changes.recent;
		number_line(s, s->recent, " RECENT\r\n");
	}
	if (changes.keywords_changed)
		imap_send_mailbox_flags(s);
	imap_report_send(s, &all);
	s->annotated = changes.highestmodseq;
	imap_contexts_update(s, pool, changed);
	/* [RFC5465 5.2] behind EXISTS and ADDTO */
	imap_notify_new(s, pool, before + 1, s->exists);
	if ((s->enabled & IMAP_ENABLED_CONDSTORE) != 0)
		tell_modseq(s);
	if (s->out.len > 0)
		imap_flush(s);
	return 0;
}

int imap_sync(struct imap_session *s, struct cv_pool *pool, uint32_t flags,
	      bool newmail, struct cv_set report, bool with_uid)
{
	const struct imap_report what = { .flags = report,
					  .with_uid = with_uid };

	return imap_sync_report(s, pool, flags, newmail, &what);
}
