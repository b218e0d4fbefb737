/* imap-progress.c - see imap-progress.h. */
#include "imap-progress.h"
#include "imap-respond.h"

enum { TICK_MSECS = 10 * 1000 };	/* [RFC9585 4] */

static void append_state(struct cv_text *out, uint64_t done, uint64_t total)
{
	/* [RFC9585 4] a goal is above what was reached, and both are 32 bits;
	 * what is not known is NIL */
	if (total == 0 || done >= total || total > UINT32_MAX) {
		cv_text_append_str(out, "NIL NIL");
		return;
	}
	cv_text_append_u64(out, done);
	cv_text_append_c(out, ' ');
	cv_text_append_u64(out, total);
}

/* Between two lines of the answer.  A command whose client is gone ends. */
static int progress(void *context, uint64_t done, uint64_t total)
{
	struct imap_session *s = context;
	struct cv_span tag = s->running == NULL ? CV_SPAN_NONE :
		s->running->tag;
	struct cv_text *out = &s->out;

	/* replies that promise something wait to be settled */
	if (s->unsettled || s->running == NULL ||
	    (out->len > 0 && out->data[out->len - 1] != '\n'))
		return CV_OK;
	cv_text_append_str(out, "* OK [INPROGRESS (");
	/* [RFC9585 4] the code would end at the first "]" */
	if (tag.len == 0 || memchr(tag.data, ']', tag.len) != NULL)
		cv_text_append_str(out, "NIL");
	else
		imap_append_string(out, tag);
	cv_text_append_c(out, ' ');
	/* of many mailboxes they count, since what is in them is not known
	 * before */
	if (s->running->boxes_total > 0)
		append_state(out, s->running->boxes_done,
			     s->running->boxes_total);
	else
		append_state(out, done, total);
	cv_text_append_str(out, ")] Still working\r\n");
	imap_flush(s);
	if (imap_connection_api->flush(s->conn, s->err) < 0 ||
	    imap_connection_api->failed(s->conn))
		return CV_E_TEMP;
	return CV_OK;
}

int imap_progress_tick(void *context, uint64_t done, uint64_t total)
{
	struct imap_session *s = context;
	uint64_t now = cv_api->monotonic_msecs();

	if (s->progress_next == 0)
		s->progress_next = now + TICK_MSECS;
	if (now < s->progress_next)
		return CV_OK;
	s->progress_next = now + TICK_MSECS;
	return progress(s, done, total);
}

/* [RFC3501 7.1.5] No promise is kept any more, so none is made: replies that
 * wait to be settled are dropped. */
static void stuck(void *context, const char *text)
{
	struct imap_session *s = context;
	struct cv_text *out = &s->out;

	if (s->unsettled || (out->len > 0 && out->data[out->len - 1] != '\n'))
		cv_text_reset(out);
	cv_text_append_str(out, "* BYE ");
	imap_say(s, text);
	cv_text_append_str(out, "\r\n");
	imap_connection_api->write(s->conn, out->data, out->len);
	(void)imap_connection_api->flush(s->conn, NULL);
}

void imap_progress_begin(struct imap_session *s)
{
	s->progress_next = 0;
	if (CV_HAS(imap_mailbox_api, set_progress) &&
	    imap_mailbox_api->set_progress != NULL)
		imap_mailbox_api->set_progress(s->user, progress, s);
}

void imap_progress_init(struct imap_session *s)
{
	if (CV_HAS(imap_mailbox_api, set_stuck) &&
	    imap_mailbox_api->set_stuck != NULL)
		imap_mailbox_api->set_stuck(s->user, stuck, s);
}
