/* imap-settle.c - see imap-settle.h. */
#include "imap-settle.h"
#include "imap.h"

struct imap_held { size_t at, tag_len; };

void imap_hold(struct imap_session *s)
{
	s->unsettled = true;
}

void imap_hold_reply(struct imap_session *s, size_t at, size_t tag_len)
{
	struct imap_held held = { at, tag_len };

	cv_text_append(&s->held, &held, sizeof(held));
}

/* Writes s->out with the lines in s->held as NO. */
static void send_refused(struct imap_session *s)
{
	static const char no[] =
		" NO [SERVERBUG] Changes could not be saved.\r\n";
	const char *p = s->out.data;
	size_t done = 0;

	for (size_t i = 0; i < s->held.len; i += sizeof(struct imap_held)) {
		struct imap_held held;
		const char *end;

		memcpy(&held, s->held.data + i, sizeof(held));
		end = memchr(p + held.at, '\n', s->out.len - held.at);
		imap_connection_api->write(s->conn, p + done,
					   held.at + held.tag_len - done);
		imap_connection_api->write(s->conn, no, sizeof(no) - 1);
		done = end == NULL ? s->out.len : (size_t)(end - p) + 1;
	}
	imap_connection_api->write(s->conn, p + done, s->out.len - done);
}

void imap_settle(struct imap_session *s)
{
	if (!s->unsettled)
		return;
	s->unsettled = false;
	if (imap_mailbox_api->settle(s->user, s->err) >= 0) {
		imap_connection_api->write(s->conn, s->out.data, s->out.len);
	} else {
		cv_api->log(imap_self, CV_LOG_ERROR, "STORE: %s",
			    cv_api->error_text(s->err));
		send_refused(s);
	}
	cv_text_reset(&s->held);
	cv_text_reset(&s->out);
}
