/* cmd-idle.c - IDLE [RFC2177]. */
#include "imap-commands.h"
#include "imap-enable.h"
#include "imap-metadata.h"
#include "imap-notify.h"
#include "imap-respond.h"
#include "imap-sleep.h"
#include "imap-sync.h"
#include "imap-urlauth.h"

enum {
	POLL_MSECS = 15000,	/* where the mailbox has no descriptor */
	LOOK_MSECS = 24 * 60 * 60 * 1000,	/* no wait is longer */
	LINE_MAX_BYTES = 1024,
};

/* "DONE" has come (1), something else (-1), or the line is not whole (0). */
static int done_read(struct imap_session *s)
{
	struct cv_span in = imap_connection_api->peek(s->conn);
	const char *lf = in.len == 0 ? NULL : memchr(in.data, '\n', in.len);
	struct cv_span line;

	if (lf == NULL)
		return in.len > LINE_MAX_BYTES ? -1 : 0;
	line = cv_span(in.data, (size_t)(lf - in.data));
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	line = cv_span_trim(line);
	imap_connection_api->skip(s->conn, (size_t)(lf - in.data) + 1);
	return cv_span_is_icase(line, "DONE") ? 1 : -1;
}

static int report(struct imap_cmd *cmd)
{
	static const struct cv_set none;
	struct imap_session *s = cmd->s;
	int code = 0;

	/* [RFC5465 4] as NOTIFY says, and nothing else */
	if (imap_notify_listens(s))
		return imap_notify_push(s, true);
	cv_api->pool_reset(cmd->pool);
	if (s->box != NULL && s->notify == NULL) {
		/* what changes from here on wakes us */
		(void)imap_mailbox_api->watch_fd(s->box);
		imap_mailbox_api->watch_clear(s->box);
		code = imap_sync(s, cmd->pool, 0, true, none, false);
	}
	if (code >= 0) {
		imap_metadata_notify(s, cmd->pool);
		imap_urlauth_tell(s);
	}
	return code;
}

/* When to say "Still here", and since when nothing has happened. */
struct idle { uint64_t next_msecs, quiet_since; };

/* How long to wait, at most. */
/* When "Still here" is due again. */
static uint64_t idle_next(const struct imap_session *s, uint64_t now)
{
	uint64_t msecs = s->set->imap_idle_notify_interval;

	return msecs == 0 ? UINT64_MAX : now +
		(msecs < IMAP_KEEPALIVE_MIN ? IMAP_KEEPALIVE_MIN : msecs);
}

static uint32_t idle_left(const struct imap_session *s,
			  const struct idle *idle, int watch)
{
	uint64_t now = cv_api->monotonic_msecs();
	uint64_t quiet = imap_sleep_after(s), left;

	left = now >= idle->next_msecs ? 0 : idle->next_msecs - now;
	if (left > LOOK_MSECS)
		left = LOOK_MSECS;
	if (quiet != 0) {
		quiet += idle->quiet_since;
		quiet = now >= quiet ? 0 : quiet - now;
		left = quiet < left ? quiet : left;
	}
	if (watch < 0 && left > POLL_MSECS &&
	    ((s->box != NULL && s->notify == NULL) ||
	     (s->enabled & IMAP_ENABLED_METADATA) != 0))
		left = POLL_MSECS;
	return (uint32_t)left;
}

static bool idle_is_quiet(const struct imap_session *s,
			  const struct idle *idle)
{
	uint64_t quiet = imap_sleep_after(s);

	return quiet != 0 &&
		cv_api->monotonic_msecs() >= idle->quiet_since + quiet;
}

/* What can be waited for beside the client; -1: nothing. */
static int idle_watch(struct imap_session *s, int *fd_r)
{
	if (imap_notify_listens(s))
		return imap_notify_watch(s, fd_r);
	*fd_r = s->box == NULL || s->notify != NULL ? -1 :
		imap_mailbox_api->watch_fd(s->box);
	return CV_OK;
}

/* Waits for the next event: input, a change, or its time. */
static int idle_wait(struct imap_cmd *cmd, struct idle *idle)
{
	struct imap_session *s = cmd->s;
	uint64_t now;
	int watch, code = idle_watch(s, &watch);

	if (code < 0)
		return code;
	code = imap_connection_api->wait(s->conn, watch,
					 idle_left(s, idle, watch), s->err);
	if (code == CV_E_TIMEOUT || code == CV_CHANGED) {
		uint64_t told = imap_connection_api->bytes_out(s->conn);
		int sync = report(cmd);

		if (sync < 0)
			return sync;
		if (imap_connection_api->bytes_out(s->conn) != told)
			idle->quiet_since = cv_api->monotonic_msecs();
	}
	now = cv_api->monotonic_msecs();
	if (code == CV_E_TIMEOUT && now >= idle->next_msecs) {
		imap_send_line(s, "* OK Still here");
		idle->next_msecs = idle_next(s, now);
	}
	if (imap_stopping(s))
		return CV_E_TEMP;
	return code == CV_E_TIMEOUT || code == CV_CHANGED ? CV_CHANGED : code;
}

static int idle_loop(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	uint64_t now = cv_api->monotonic_msecs();
	struct idle idle = { idle_next(s, now), now };
	int code = report(cmd), done = 0;

	while (code >= 0 && (done = done_read(s)) == 0) {
		if (imap_connection_api->flush(s->conn, s->err) < 0 ||
		    imap_connection_api->failed(s->conn))
			return CV_E_TEMP;
		if (imap_connection_api->peek(s->conn).len == 0 &&
		    idle_is_quiet(s, &idle) && imap_sleep(s, cmd->tag, 0))
			return CV_E_TEMP;
		code = idle_wait(cmd, &idle);
		if (code == CV_EOF)
			code = CV_E_TEMP;
	}
	/* the pool of the command was emptied on the way */
	cv_text_init(&cmd->text, cmd->pool);
	if (code < 0)
		return code;
	if (done < 0)
		return imap_bad(cmd, "Expected DONE.");
	return imap_ok(cmd, "Idle completed.");
}

int imap_cmd_idle(struct imap_cmd *cmd)
{
	imap_send_line(cmd->s, "+ idling");
	return idle_loop(cmd);
}

int imap_idle_go_on(struct imap_cmd *cmd)
{
	return idle_loop(cmd);
}
