/* imap-mock-session.c - see imap-mock-session.h. */
#include "imap-mock-private.h"
#include "mailbox/mail-url.h"

#include <stdio.h>

struct cv_session *mock_current;

/* --- session -------------------------------------------------------------- */

static struct cv_connection *ses_connection(struct cv_session *s)
{
	return &s->conn;
}

static struct cv_user *ses_user(struct cv_session *s) { return &s->user; }
static struct cv_pool *ses_pool(struct cv_session *s) { return s->pool; }

static const void *ses_settings(struct cv_session *s, struct cv_plugin *self)
{
	return &mock_settings;
}

static struct cv_span ses_tag(struct cv_session *s)
{
	return CV_SPAN("login");
}

static const char *ses_text(struct cv_session *s) { return "x"; }
static bool ses_stopping(struct cv_session *s) { return s->stopping; }

static const char *ses_stop_reason(struct cv_session *s)
{
	return s->stopping ? "Server shutting down." : NULL;
}
static void ses_activity(struct cv_session *s, const char *a) { }

static void ses_stats(struct cv_session *s, const char *text)
{
	(void)snprintf(s->stats, sizeof(s->stats), "%s", text);
}

static int ses_command(struct cv_session *s, struct cv_span verb,
		       struct cv_span args, struct cv_error *err)
{
	if (s->meanwhile != NULL && cv_span_is(verb, "UID")) {
		s->meanwhile(s);
		s->meanwhile = NULL;
	}
	if (s->refuse_command < 0)
		return FAIL(err, s->refuse_command, "refused");
	return CV_OK;
}

static bool ses_can_return(struct cv_session *s) { return true; }

static int ses_give_back(struct cv_session *s, struct cv_error *err)
{
	if (s->return_fails)
		return FAIL(err, CV_E_TEMP, "nobody is there");
	s->given_back = true;
	return CV_OK;
}

static int ses_sleep_begin(struct cv_session *s, struct cv_mailbox *box,
			   struct cv_error *err)
{
	return s->sleeps ? CV_OK : FAIL(err, CV_E_UNSUPPORTED, "awake");
}

static int ses_sleep(struct cv_session *s, const struct cv_sleep *sleep,
		     struct cv_error *err)
{
	s->slept = true;
	cv_text_init(&s->left, s->pool);
	cv_text_append_span(&s->left, sleep->state);
	return CV_OK;
}

static int ses_woken(struct cv_session *s, struct cv_mailbox **box_r,
		     struct cv_span *state_r, struct cv_error *err)
{
	*box_r = NULL;
	*state_r = s->woken;
	return s->woken.data == NULL ? CV_NOT_FOUND :
		mock_box_open(&s->user, "INBOX", 0, box_r, err);
}

struct cv_session *mock_session_new(void)
{
	static const char *const texts[] = {
		"From: a@x\r\nTo: b@x\r\nSubject: one\r\n\r\nbody one\r\n",
		"From: c@x\r\nSubject: two\r\nX-Y: z\r\n\r\ntwo body\r\n",
		"Subject: three\r\n\r\nthe third\r\n",
	};
	struct cv_pool *pool = pool_create("mock session");
	struct cv_session *s = pool_new(pool, struct cv_session);
	struct mock_box *inbox;

	s->pool = s->user.pool = pool;
	cv_text_init(&s->conn.out, pool);
	inbox = mock_box_new(&s->user, "INBOX");
	for (int i = 0; i < 3; i++)
		mock_deliver(inbox, i == 0 ? CV_FLAG_SEEN : 0, texts[i]);
	mock_box_new(&s->user, "Sent Items")->use = CV_MAILBOX_USE_SENT;
	mock_box_new(&s->user, "a/b")->subscribed = true;
	mock_box_new(&s->user, "f\xc3\xbcr")->subscribed = true;
	return s;
}

void mock_session_free(struct cv_session **s)
{
	struct cv_pool *pool = (*s)->pool;

	*s = NULL;
	pool_destroy(&pool);
}

static void play(struct cv_session *s, struct cv_span script, size_t step)
{
	struct cv_error err = ERROR_NONE;
	int status;

	mock_current = s;
	s->conn.script = script;
	s->conn.at = s->conn.skipped = 0;
	s->conn.step = step;
	cv_text_reset(&s->conn.out);
	status = mock_protocol.run(s, &err);
	/* CV_EOF: the script ends without LOGOUT */
	BUG_IF(status != CV_OK && status != CV_EOF);
}

const char *mock_session_wake(struct cv_session *s, struct cv_span left,
			      struct cv_span script)
{
	s->woken = left;
	play(s, script, SIZE_MAX / 2);
	return cv_text_str(&s->conn.out);
}

const char *mock_session_play(struct cv_session *s, struct cv_span script,
			      size_t step)
{
	const char *greeting_end;

	play(s, script, step);
	greeting_end = strstr(cv_text_str(&s->conn.out), "\r\n");
	BUG_IF(greeting_end == NULL);
	return greeting_end + 2;
}

static const struct cv_mailbox_api mock_mailbox_api = {
	CV_SIZED(cv_mailbox_api),
	.list_begin = mock_box_list_begin, .list_next = mock_box_list_next,
	.list_end = mock_box_list_end, .create = mock_box_create,
	.remove = mock_box_remove, .rename = mock_box_rename,
	.subscribe = mock_box_subscribe, .status = mock_box_status,
	.open = mock_box_open, .close = mock_box_close,
	.state = mock_box_state, .sync = mock_box_sync,
	.watch_fd = mock_box_watch_fd, .watch_clear = mock_box_watch_clear,
	.uids_to_seqs = mock_box_uids_to_seqs, .uid_of = mock_box_uid_of,
	.message = mock_box_message, .section = mock_box_section,
	.store = mock_box_store, .expunge = mock_box_expunge,
	.copy = mock_box_copy, .search = mock_box_search,
	.save_begin = mock_box_save_begin, .save_add = mock_box_save_add,
	.save_write = mock_box_save_write, .save_finish = mock_box_save_finish,
	.save_commit = mock_box_save_commit, .save_abort = mock_box_save_abort,
	.save_replace = mock_box_save_replace,
	.settle = mock_user_settle,
	.vanished = mock_box_vanished,
	.set_progress = mock_user_set_progress,
	.url_parse = mail_url_parse, .section_parse = mail_section_parse,
	.pictures = mock_box_pictures,
	.pictures_want = mock_box_pictures_want,
	.watch_set = mock_box_watch_set, .watch_all_fd = mock_box_watch_all_fd,
	.watch_take = mock_box_watch_take, .watch_end = mock_box_watch_end,
};

static const struct cv_session_api mock_session_api = {
	CV_SIZED(cv_session_api), .connection = ses_connection,
	.user = ses_user, .pool = ses_pool, .settings = ses_settings,
	.login_tag = ses_tag, .id = ses_text, .hostname = ses_text,
	.stopping = ses_stopping, .stop_reason = ses_stop_reason,
	.set_activity = ses_activity,
	.set_logout_stats = ses_stats, .command = ses_command,
	.sleep_begin = ses_sleep_begin, .sleep = ses_sleep,
	.woken = ses_woken,
	.can_return = ses_can_return, .give_back = ses_give_back,
};

const void *mock_session_service(const char *name)
{
	static const struct { const char *name; const void *table; } all[] = {
		{ "connection", &mock_connection_api },
		{ "stream", &mock_stream_api },
		{ "user", &mock_user_api },
		{ "mailbox", &mock_mailbox_api },
		{ "session", &mock_session_api },
		{ "convert", &mock_convert_api },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(name, all[i].name) == 0)
			return all[i].table;
	}
	return NULL;
}
