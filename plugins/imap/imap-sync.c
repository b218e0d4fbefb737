/* imap-sync.c - see imap-sync.h. */
#include "imap-sync.h"
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

/* Highest first, so that each number is right when it is read; those the
 * client was never told of are not mentioned. */
static void send_expunges(struct imap_session *s, struct cv_set expunged)
{
	uint32_t gone = 0;

	for (uint32_t i = expunged.count; i-- > 0; ) {
		const struct cv_range *r = &expunged.ranges[i];

		for (uint32_t n = r->last; n >= r->first; n--) {
			if (n > s->exists)
				continue;
			number_line(s, n, " EXPUNGE\r\n");
			gone++;
		}
	}
	s->exists -= gone;
}

void imap_send_mailbox_flags(struct imap_session *s)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	static const struct cv_keywords none;

	imap_mailbox_api->state(s->box, &state);
	cv_text_append_str(&s->out, "* FLAGS ");
	imap_append_flags(&s->out, CV_FLAGS_STORED, &state.keywords);
	cv_text_append_str(&s->out, "\r\n* OK [PERMANENTFLAGS ");
	if (s->readonly) {
		cv_text_append_str(&s->out, "()] Read-only mailbox.\r\n");
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
		cv_text_append_str(&s->out, "] Flags permitted.\r\n");
	}
	imap_flush(s);
}

static void send_flags(struct imap_session *s, struct cv_set seqs,
		       bool with_uid)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };

	for (uint32_t i = 0; i < seqs.count; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++) {
			if (imap_mailbox_api->message(s->box, (uint32_t)n,
					CV_MESSAGE_KEYWORDS, &data, s->err) !=
			    CV_OK)
				continue;
			cv_text_append_str(&s->out, "* ");
			cv_text_append_u64(&s->out, n);
			cv_text_append_str(&s->out, " FETCH (");
			if (with_uid) {
				cv_text_append_str(&s->out, "UID ");
				cv_text_append_u64(&s->out, data.uid);
				cv_text_append_c(&s->out, ' ');
			}
			cv_text_append_str(&s->out, "FLAGS ");
			imap_append_flags(&s->out, data.flags,
					  &data.keywords);
			cv_text_append_str(&s->out, ")\r\n");
			if (s->out.len > FLUSH_AT)
				imap_flush(s);
		}
	}
}

static int sync_failed(struct imap_session *s, int code)
{
	/* another session or program has removed it: nothing is wrong */
	cv_api->log(imap_self, code == CV_E_NOT_FOUND ? CV_LOG_INFO :
		    CV_LOG_ERROR, "sync: %s", cv_api->error_text(s->err));
	/* what the client sees stays as it was; the next command tries
	 * again */
	if (code != CV_E_NOT_FOUND && code != CV_E_INTERNAL)
		return 0;
	/* [RFC2180 3.3] */
	imap_bye(s, "Selected mailbox was deleted or has changed, "
		 "please reconnect.");
	return code;
}

int imap_sync(struct imap_session *s, struct cv_pool *pool, uint32_t flags,
	      bool newmail, struct cv_set report, bool with_uid)
{
	struct cv_mailbox_changes changes = { CV_SIZED(cv_mailbox_changes) };
	struct cv_set changed;
	int code;

	code = imap_mailbox_api->sync(s->box, flags, &changes, s->err);
	if (code < 0)
		return sync_failed(s, code);
	/* the view's own memory is gone at the next call on it */
	changed = imap_set_union(pool, changes.flags, report);
	send_expunges(s, changes.expunged);
	if (newmail && changes.messages != s->exists) {
		s->exists = changes.messages;
		number_line(s, s->exists, " EXISTS\r\n");
	}
	if (newmail && changes.recent != s->recent) {
		s->recent = changes.recent;
		number_line(s, s->recent, " RECENT\r\n");
	}
	if (changes.keywords_changed)
		imap_send_mailbox_flags(s);
	if (changed.count > 0)
		send_flags(s, imap_set_clip(pool, changed, s->exists),
			   with_uid);
	if (s->out.len > 0)
		imap_flush(s);
	return 0;
}
