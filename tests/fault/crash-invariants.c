/* crash-invariants.c - see crash-invariants.h.
 *
 * What is on the disk is read here with nftw and stdio, not with what is
 * under test. */
#include "crash-invariants.h"

#include "cv-quota.h"
#include "mailbox/mailbox-admin.h"

#include <time.h>

enum {
	APART_BYTES = 70000,		/* too large for the journal */
	CPU_MSECS = 2000,		/* a usual one takes less than one */
	DAYS = 3,
};

static const char apart[] = "apart";

/* --- the clock ------------------------------------------------------------ */

static time_t ahead;

/* In place of libc's: files become old at once. */
time_t time(time_t *now_r)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now_r != NULL)
		*now_r = now.tv_sec + ahead;
	return now.tv_sec + ahead;
}

/* Of this process: how long it waits for others is not its fault. */
uint64_t invariants_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *invariants_check_time(uint64_t since)
{
	return invariants_clock() - since > CPU_MSECS ?
		"recovery takes too long" : NULL;
}

/* --- quota ---------------------------------------------------------------- */

static int check(const struct cv_quota_request *request, struct cv_error *err)
{
	(void)request; (void)err;
	return CV_OK;
}

static int limit(struct cv_user *u, const char *mailbox_name,
		 struct cv_quota_limit *limit_r, struct cv_error *err)
{
	(void)u; (void)mailbox_name; (void)err;
	limit_r->root = "User quota";
	limit_r->bytes = limit_r->messages = 1000 * 1000 * 1000;
	return CV_OK;
}

void invariants_begin(void)
{
	static const struct cv_quota quota = {
		CV_SIZED(cv_quota), .name = "count", .check = check,
		.limit = limit,
	};

	quota_register(&quota);
}

const char *invariants_check_quota(struct fixture *f, const struct seen *now)
{
	struct cv_quota_usage usage = { CV_SIZED(cv_quota_usage) };
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < now->message_count; i++)
		bytes += now->messages[i].bytes;
	if (mailbox_quota(f->user, "INBOX", 0, &usage, &f->err) != CV_OK)
		return "quota cannot be asked for";
	if (usage.used_messages != now->message_count)
		return "quota counts other messages than there are";
	return usage.used_bytes == bytes ? NULL :
		"quota counts other bytes than there are";
}

/* --- a mailbox that nobody touches ---------------------------------------- */

int invariants_prepare(struct fixture *f)
{
	struct cv_text text;

	ok(f, mailbox_api.create(f->user, apart, 0, &f->err));
	cv_text_init(&text, f->pool);
	cv_text_append_str(&text, "Subject: apart\r\n\r\n");
	while (text.len < APART_BYTES)
		cv_text_append_str(&text, "nobody touches this\r\n");
	ok(f, fixture_try_save(f, apart, cv_text_span(&text), CV_FLAG_SEEN,
			       NULL));
	ok(f, fixture_try_save(f, apart, CV_SPAN("Subject: y\r\n\r\ny\r\n"),
			       0, NULL));
	return CV_OK;
}

const char *invariants_check_apart(const struct seen *now,
				   const struct seen *was)
{
	const struct seen_box *a = seen_box_named(now, apart);
	const struct seen_box *b = seen_box_named(was, apart);

	if (a == NULL || b == NULL || a->uidvalidity != b->uidvalidity ||
	    a->uidnext != b->uidnext || a->modseq != b->modseq)
		return "a mailbox has changed that nobody touched";
	for (uint32_t uid = 1; uid < b->uidnext; uid++) {
		const struct seen_message *m = seen_find(now, apart, uid);
		const struct seen_message *w = seen_find(was, apart, uid);

		if (m == NULL || w == NULL || m->flags != w->flags ||
		    m->body != w->body || m->notes != w->notes ||
		    m->keyword != w->keyword)
			return "a message has changed that nobody touched";
	}
	return NULL;
}

/* --- rebuilding ----------------------------------------------------------- */

static const char *resync_said(const char *box, uint32_t found, uint32_t gone)
{
	static char text[200];

	(void)snprintf(text, sizeof(text), "force-resync finds %u messages in "
		       "'%s' that were not shown, and misses %u", found, box,
		       gone);
	return text;
}

static const char *resync_all(struct fixture *f, const struct seen *now,
			      const char *forgets)
{
	for (uint32_t i = 0; i < now->box_count; i++) {
		const char *name = now->boxes[i].name;
		uint32_t found, gone;
		bool damaged;

		if (mailbox_resync(f->user, name, &found, &gone, &damaged,
				   &f->err) < 0)
			return "force-resync fails";
		if (gone > 0 || (found > 0 && (forgets == NULL ||
					       strcmp(name, forgets) != 0)))
			return resync_said(name, found, gone);
	}
	return NULL;
}

const char *invariants_check_rebuild(struct fixture *f,
				     const struct seen *now,
				     const char *forgets)
{
	static struct seen after;
	const char *wrong = resync_all(f, now, forgets);

	if (wrong == NULL)
		wrong = seen_look(f, &after);
	if (wrong == NULL && !seen_is_state(&after, now, NULL) &&
	    (forgets == NULL || !seen_is_part(&after, now, forgets)))
		wrong = "what is rebuilt is something else";
	return wrong;
}

/* --- rubbish -------------------------------------------------------------- */

static char rubbish[200];
static uint32_t bodies;

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_rubbish(const char *path, const char *name)
{
	size_t len = strlen(name);

	if (strstr(path, "/tmp/") != NULL && strstr(path, "/Maildir") != NULL)
		return true;
	return begins(name, "h.") || begins(name, "t.") ||
		begins(name, "put.t.") || strstr(name, ".s.") != NULL ||
		(len > 4 && strcmp(name + len - 4, ".tmp") == 0);
}

static bool is_body(const char *path, const char *name)
{
	return begins(name, "u.") || strstr(path, "/cur/") != NULL ||
		strstr(path, "/new/") != NULL;
}

static int look_at_file(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	const char *name = path + ftw->base;

	(void)st;
	if (type != FTW_F)
		return 0;
	if (is_rubbish(path, name))
		(void)snprintf(rubbish, sizeof(rubbish), "rubbish stays: %s",
			       path);
	bodies += is_body(path, name);
	return 0;
}

/* What a timer does, where a driver has it. */
static const char *purge(struct fixture *f)
{
#ifdef FIXTURE_MDBOX
	uint64_t freed;

	return mailbox_purge(f->user, false, &freed, &f->err) < 0 ?
		"a purge fails" : NULL;
#else
	(void)f;
	return NULL;
#endif
}

const char *invariants_check_rubbish(struct fixture *f,
				     const struct seen *now,
				     const char *forgets)
{
	static struct seen later;
	const char *wrong;
	char home[80];

	ahead = DAYS * 24 * 3600;
	fixture_login(f);
	wrong = seen_look(f, &later);
	if (wrong == NULL)
		wrong = resync_all(f, now, forgets);
	/* what came back is a message, too */
	if (wrong == NULL)
		wrong = seen_look(f, &later);
	if (wrong == NULL)
		wrong = purge(f);
	fixture_logout(f);
	ahead = 0;
	if (wrong != NULL)
		return wrong;
	rubbish[0] = '\0';
	bodies = 0;
	(void)snprintf(home, sizeof(home), "%s/home", f->dir);
	assert_int_equal(nftw(home, look_at_file, 16, FTW_PHYS), 0);
	if (rubbish[0] != '\0')
		return rubbish;
	return bodies <= later.message_count ? NULL :
		"there are more files of messages than messages";
}
