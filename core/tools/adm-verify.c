/* adm-verify.c - culveradm verify: reads all of a user's mail and what is known
 * of it, and says what is damaged.
 *
 * INVARIANT: it changes nothing, not even what others would be told at the next
 * look: the mail is opened read-only, and is not scanned. */
#include "adm-mail.h"
#include "account/dump.h"
#include "io/io-readonly.h"
#include "mailbox/mailbox-admin.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct verify {
	struct adm_mail *m;
	struct cv_pool *pool;		/* of one row */
	struct cv_text problem;		/* of one file */
	uint32_t problems;
	const char *name;		/* of the file; NULL: it was looked at */
	uint32_t journals, others;	/* files of one account */
};

/* --- rows ----------------------------------------------------------------- */

static void put_problem(struct verify *v, const char *mailbox, uint32_t uid,
			const char *guid, const char *file, const char *text,
			int status)
{
	struct adm_mail *m = v->m;

	adm_progress_end();
	adm_mail_value(m, mailbox);
	if (uid == 0)
		adm_mail_value(m, "");
	else
		adm_mail_f(m, "%u", uid);
	adm_mail_value(m, guid);
	adm_mail_value(m, file);
	adm_mail_value(m, text);
	adm_mail_value(m, "");
	adm_mail_value(m, "");
	adm_mail_worsen(m, status);
}

static void put_mailbox(struct verify *v, const char *mailbox,
			uint32_t messages, uint32_t damaged)
{
	adm_progress_end();
	adm_mail_value(v->m, mailbox);
	for (int i = 0; i < 4; i++)
		adm_mail_value(v->m, "");
	adm_mail_f(v->m, "%u", messages);
	adm_mail_f(v->m, "%u", damaged);
}

/* --- messages --------------------------------------------------------------- */

/* Returns whether it is damaged. */
static bool check_one(struct verify *v, struct cv_mailbox *box,
		      const char *name, uint32_t seq, bool *there_r)
{
	struct mailbox_place place;
	struct cv_error err = ERROR_NONE;
	uint64_t bytes;
	int ret = mailbox_check(box, seq, &bytes, &err);
	const char *text = err.text, *end;

	*there_r = ret != CV_NOT_FOUND;
	if (ret >= 0)
		return false;
	mailbox_place_get(box, seq, v->pool, &place);
	/* the mailbox has a column of its own */
	if (strncmp(text, "mailbox '", 9) == 0 &&
	    (end = strstr(text, "': ")) != NULL)
		text = end + 3;
	put_problem(v, name, place.uid, place.guid, place.path, text,
		    adm_is_away(&err) ? ADM_TEMPFAIL : ADM_DATA);
	pool_reset(v->pool);
	return true;
}

/* Messages on disk that no record names. */
static void check_unknown(struct verify *v, struct cv_mailbox *box,
			  const char *name)
{
	struct cv_error err = ERROR_NONE;
	uint32_t count;
	bool never;
	int ret = mailbox_count_unknown(box, &count, &never, &err);

	if (ret < 0)
		put_problem(v, name, 0, "", "", err.text, ADM_TEMPFAIL);
	else if (count > 0)
		put_problem(v, name, 0, "", "", pool_printf(
			v->pool, never ? "%u messages were not looked at by "
			"anybody yet, and are not checked (hint: culveradm "
			"index)" : "%u messages are in its files, and in no "
			"record (hint: culveradm force-resync)", count),
			never ? ADM_OK : ADM_DATA);
}

static int check_found(struct adm_mail *m, struct cv_mailbox *box,
		       const char *name, struct cv_set seqs,
		       struct cv_error *err)
{
	struct verify *v = m->state;
	uint32_t total = 0, checked = 0, damaged = 0;

	(void)err;
	for (uint32_t i = 0; i < seqs.count; i++)
		total += seqs.ranges[i].last - seqs.ranges[i].first + 1;
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last; seq++) {
			bool there;

			damaged += check_one(v, box, name, seq, &there);
			checked += there;
			adm_progress(name, checked, total);
		}
	}
	if (mailbox_is_doubted(box))
		put_problem(v, name, 0, "", "", "what was known of it is "
			    "damaged: messages may be missing until it is "
			    "compared with its files at the next look (hint: "
			    "culveradm force-resync)", ADM_DATA);
	check_unknown(v, box, name);
	if (seqs.count > 0)
		put_mailbox(v, name, checked, damaged);
	return CV_OK;
}

/* --- what is known of them ------------------------------------------------------ */

static const struct dump_field *find_field(const struct dump_item *item,
					   const char *name)
{
	static const struct dump_field none;

	for (uint32_t i = 0; i < item->count; i++) {
		if (strcmp(item->fields[i].name, name) == 0)
			return &item->fields[i];
	}
	return &none;
}

static void begin_problem(struct verify *v)
{
	if (v->problems++ > 0)
		cv_text_append_str(&v->problem, "; ");
}

/* Good files under each other's names are as bad as none. */
static void note_header(struct verify *v, const struct dump_item *item)
{
	struct cv_span folder = find_field(item, "folder")->text;
	unsigned long long generation =
		find_field(item, "generation")->number;
	const char *name;

	if (strcmp(item->what, "journal") == 0)
		name = pool_printf(v->pool, "journal.%llu", generation);
	else if (strcmp(item->what, "snapshot") == 0)
		name = pool_printf(v->pool, "%.*s.%llu.snap",
				   CV_SPAN_ARG(folder), generation);
	else if (strcmp(item->what, "catalogue") == 0)
		name = pool_printf(v->pool, "%.*s.cat", CV_SPAN_ARG(folder));
	else
		return;
	if (strcmp(name, v->name) == 0)
		return;
	begin_problem(v);
	cv_text_append_f(&v->problem, "by what is in it, it is '%s'", name);
}

static void note_problem(void *context, const struct dump_item *item)
{
	struct verify *v = context;

	/* the first is the header */
	if (v->name != NULL)
		note_header(v, item);
	v->name = NULL;
	if (!item->problem)
		return;
	begin_problem(v);
	for (uint32_t i = 0; i < item->count; i++) {
		const struct dump_field *f = &item->fields[i];

		if (i > 0)
			cv_text_append_c(&v->problem, ' ');
		if (f->kind == DUMP_TEXT)
			cv_text_append_f(&v->problem, "%s=%.*s", f->name,
					 CV_SPAN_ARG(f->text));
		else
			cv_text_append_f(&v->problem, "%s=%llu", f->name,
					 (unsigned long long)f->number);
	}
}

/* What is being written while it is read looks damaged: a second look tells. */
static void check_file(struct verify *v, struct io_dir *dir, const char *path,
		       const char *name)
{
	enum { TRIES = 3 };
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000L };
	const char *file = pool_printf(v->pool, "%s/%s", path, name);

	for (int i = 0; i < TRIES; i++) {
		struct cv_error err = ERROR_NONE;
		int ret;

		if (i > 0)
			(void)nanosleep(&pause, NULL);
		v->problems = 0;
		v->name = name;
		cv_text_init(&v->problem, v->pool);
		ret = dump_file(io_readonly(), io_dir_fd(dir), name,
				note_problem, v, &err);
		if (ret == CV_E_NOT_FOUND || (ret >= 0 && v->problems == 0))
			return;
		if (ret < 0)
			cv_text_append_str(&v->problem, err.text);
	}
	put_problem(v, "", 0, "", file, cv_text_str(&v->problem), ADM_DATA);
}

static void check_name(struct verify *v, struct io_dir *dir, const char *path,
		       const char *name)
{
	struct cv_span span = cv_span_of(name);
	bool is_journal = cv_span_begins(span, CV_SPAN("journal."));

	/* what was damaged once, and was mended, is no damage; nor is a
	 * generation that was never finished */
	if (!dump_knows_name(span) || cv_span_begins(span, CV_SPAN("damaged."))
	    || (is_journal && strchr(name + 8, '.') != NULL))
		return;
	v->journals += is_journal;
	v->others += !is_journal;
	check_file(v, dir, path, name);
}

/* A listing may miss one that has just taken another's place. */
static bool has_journal(const char *path)
{
	struct io_dir *dir = io_dir_open(io_readonly(), AT_FDCWD, path);
	const char *name;
	bool found = false;

	while (dir != NULL && (name = io_dir_next(dir, NULL)) != NULL)
		found = found || strncmp(name, "journal.", 8) == 0;
	if (dir != NULL)
		(void)io_dir_close(&dir);
	return found;
}

static int check_account(struct verify *v, const char *path,
			 struct cv_error *err)
{
	struct io_dir *dir = io_dir_open(io_readonly(), AT_FDCWD, path);
	const char *name;

	v->journals = v->others = 0;
	/* one that is not there yet, or in memory */
	if (dir == NULL && errno == ENOENT)
		return CV_OK;
	if (dir == NULL)
		return FAIL_ERRNO(err, errno, "cannot read '%s'", path);
	while ((name = io_dir_next(dir, NULL)) != NULL)
		check_name(v, dir, path, name);
	if (v->journals == 0 && v->others > 0 && !has_journal(path))
		put_problem(v, "", 0, "", path, "the journal is missing: what "
			    "snapshots and files know comes back at the next "
			    "look (hint: culveradm force-resync)", ADM_DATA);
	return io_dir_close(&dir) < 0 ?
		FAIL_ERRNO(err, errno, "cannot read '%s'", path) : CV_OK;
}

static int check_accounts(struct verify *v, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("verify accounts");
	const char *path;
	int ret;

	for (uint32_t i = 0; (ret = mailbox_account_path(
			v->m->user, i, pool, &path, err)) == CV_OK; i++) {
		ret = check_account(v, path, err);
		if (ret < 0)
			break;
	}
	pool_destroy(&pool);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

/* --- the verb --------------------------------------------------------------------- */

static int verify_prepare(struct adm_mail *m)
{
	static char all[] = "ALL";
	static char *words[] = { all, NULL };

	if (m->argc == 0) {
		m->argc = 1;
		m->argv = words;
	}
	m->state = pool_new(m->pool, struct verify);
	return adm_mail_parse_query(m, 0);
}

static int open_readonly(struct adm_mail *m, struct cv_user **user_r,
			 struct cv_error *err)
{
	struct user_fields fields = {
		.name = user_name(m->user), .home = user_home(m->user),
		.uid = geteuid(), .gid = getegid(),
	};
	struct user_config config = {
		.settings = user_settings(m->user),
		.scope = user_scope(m->user),
		.inspect = USER_INSPECT_RECORD,
	};

	return user_create(&fields, &config, user_r, err);
}

static int verify_run(struct adm_mail *m, struct cv_error *err)
{
	struct verify *v = m->state;
	struct cv_user *user = m->user;
	int ret;

	/* one who has never had any has none that is damaged */
	if (!mailbox_store_exists(user)) {
		(void)fprintf(stderr, "culveradm: %s: there is no mail yet\n",
			      user_name(user));
		return CV_OK;
	}
	ret = open_readonly(m, &m->user, err);
	if (ret < 0)
		return ret;
	v->m = m;
	v->pool = pool_create("verify");
	ret = check_accounts(v, err);
	if (ret == CV_OK)
		ret = adm_mail_each_match(m, CV_MAILBOX_READONLY |
					  MAILBOX_VERIFY | ADM_MAIL_EMPTY_TOO,
					  check_found, err);
	adm_progress_end();
	user_destroy(&m->user);
	m->user = user;
	pool_destroy(&v->pool);
	return ret;
}

static const char *const columns[] = {
	"mailbox", "uid", "guid", "file", "problem", "messages", "damaged",
	NULL,
};

static const struct adm_mail_verb verb = {
	"verify", "[QUERY]", "", ADM_FORMAT_FLOW, columns, verify_prepare,
	verify_run,
	"reads mail completely, and what is known of it, and shows what is "
	"damaged;\nchanges nothing", NULL,
};

static int run(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &verb, argc, argv);
}

const struct adm_verb adm_verify_verb = {
	.name = "verify", .args = "[-u USER|-A|-F FILE] [QUERY]",
	.help = "reads mail completely, and what is known of it, and shows "
		"what is damaged; changes nothing",
	.run = run,
	.mail = &verb, .count = 1,
};
