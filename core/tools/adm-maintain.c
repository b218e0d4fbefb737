/* adm-maintain.c - culveradm index, force-resync and purge. */
#include "adm-mail.h"
#include "mailbox/mailbox-admin.h"

static int one_mask(struct adm_mail *m)
{
	return m->argc == 1 ? ADM_OK :
		adm_mail_usage(m, "one mailbox, or a mask ('*')");
}

/* Runs fn for each mailbox of the mask; a failure is reported, and the others
 * are done. */
static int for_mask(struct adm_mail *m,
		    int (*fn)(struct adm_mail *m, const char *name,
			      struct cv_error *err), struct cv_error *err)
{
	struct cv_strings names;
	int ret = adm_mail_list(m, m->argv[0], &names, err);

	/* a pattern may match nothing */
	if (ret == CV_OK && names.count == 0 &&
	    strpbrk(m->argv[0], "*%") == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "there is no mailbox '%s'",
			    m->argv[0]);
	for (uint32_t i = 0; ret == CV_OK && i < names.count; i++) {
		struct cv_error one = ERROR_NONE;

		if (fn(m, names.items[i], &one) < 0) {
			(void)error_prefix(&one, "%s", names.items[i]);
			adm_mail_failed(m, &one);
		}
	}
	return ret;
}

/* --- index ------------------------------------------------------------------------- */

static int index_prepare(struct adm_mail *m)
{
	uint64_t *max = pool_new(m->pool, uint64_t);

	m->state = max;
	if (m->option['n'] != NULL &&
	    (!cv_span_to_u64(cv_span_of(m->option['n']), UINT32_MAX, max) ||
	     *max == 0))
		return adm_mail_usage(m, "-n takes a number greater than 0, "
				      "not '%s'", m->option['n']);
	return one_mask(m);
}

static int index_one(struct adm_mail *m, const char *name,
		     struct cv_error *err)
{
	uint32_t indexed;
	int ret = mailbox_index(m->user, name, (uint32_t)*(uint64_t *)m->state,
				&indexed, err);

	if (ret < 0)
		return ret;
	adm_mail_value(m, name);
	adm_mail_f(m, "%u", indexed);
	return CV_OK;
}

static int index_run(struct adm_mail *m, struct cv_error *err)
{
	return for_mask(m, index_one, err);
}

/* --- force-resync ------------------------------------------------------------------- */

/* Names what is there, but cannot be read: nothing can mend that. */
static int name_damaged(struct adm_mail *m, const char *name,
			uint32_t *count_r, struct cv_error *err)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(m->user, name, CV_MAILBOX_READONLY, &box,
				   err);

	if (ret < 0)
		return ret;
	mailbox_api.state(box, &state);
	for (uint32_t seq = 1; seq <= state.messages &&
	     !mailbox_is_remote(box); seq++) {
		struct cv_error one = ERROR_NONE;

		if (mailbox_can_open(box, seq, &one) < 0) {
			(void)mailbox_blame(box, seq, &one);
			(void)error_prefix(&one, "mailbox '%s'", name);
			adm_progress_end();
			adm_mail_damaged(m, &one);
			++*count_r;
		}
		adm_progress(name, seq, state.messages);
	}
	adm_progress_end();
	mailbox_api.close(&box);
	return CV_OK;
}

static int resync_one(struct adm_mail *m, const char *name,
		      struct cv_error *err)
{
	uint32_t found = 0, gone = 0, damaged = 0;
	bool mended = false;
	int ret = mailbox_resync(m->user, name, &found, &gone, &mended, err);

	if (ret == CV_OK)
		ret = name_damaged(m, name, &damaged, err);
	if (ret < 0)
		return ret;
	adm_mail_value(m, name);
	adm_mail_f(m, "%u", found);
	adm_mail_f(m, "%u", gone);
	adm_mail_f(m, "%u", damaged);
	adm_mail_value(m, mended ? "mended" : "ok");
	return CV_OK;
}

static int resync_run(struct adm_mail *m, struct cv_error *err)
{
	return for_mask(m, resync_one, err);
}

/* --- purge --------------------------------------------------------------------------- */

static int purge_prepare(struct adm_mail *m)
{
	return m->argc == 0 ? ADM_OK : adm_mail_usage(
		m, "it takes no argument: '%s'", m->argv[0]);
}

static int purge_run(struct adm_mail *m, struct cv_error *err)
{
	uint64_t freed = 0;
	int ret = mailbox_purge(m->user, m->option['c'] != NULL, &freed, err);

	if (ret == CV_OK)
		adm_mail_f(m, "%llu", (unsigned long long)freed);
	return ret;
}

/* --- autoexpunge --------------------------------------------------------------------- */

static int expire_run(struct adm_mail *m, struct cv_error *err)
{
	uint32_t expunged;
	int ret = mailbox_autoexpunge(m->user, &expunged, err);

	if (ret == CV_OK)
		adm_mail_f(m, "%u", expunged);
	return ret;
}

/* --- the verbs ------------------------------------------------------------------------ */

static const char *const index_columns[] = {
	ADM_UNTITLED "mailbox", "indexed", NULL,
};
static const char *const resync_columns[] = {
	ADM_UNTITLED "mailbox", "found", "gone", "damaged", "index", NULL,
};
static const char *const purge_columns[] = { "freed", NULL };

static const char *const expire_columns[] = { ADM_UNTITLED "expunged", NULL };

static const struct adm_mail_verb expire_verb = {
	"autoexpunge", "", "", ADM_FORMAT_FLOW, expire_columns, NULL,
	expire_run,
	"removes what autoexpunge and autoexpunge_max_mails of the mailboxes "
	"say", NULL,
};
static const struct adm_mail_verb index_verb = {
	"index", "[-n MAX] [-q] MASK", "n:q", ADM_FORMAT_FLOW, index_columns,
	index_prepare, index_run,
	"computes what clients will ask of messages that nobody has read "
	"yet\n"
	"-n  of the newest MAX of each mailbox\n"
	"-q  changes nothing here: it is done at once", NULL,
};
static const struct adm_mail_verb resync_verb = {
	"force-resync", "[-f] MASK", "f", ADM_FORMAT_FLOW, resync_columns,
	one_mask, resync_run,
	"compares mailboxes with their store completely, and mends\n"
	"-f  changes nothing here", NULL,
};
static const struct adm_mail_verb purge_verb = {
	"purge", "[-c]", "c", ADM_FORMAT_FLOW, purge_columns, purge_prepare,
	purge_run,
	"frees the room of expunged mail in mdbox\n"
	"-c  rewrites files of Dovecot, too", NULL,
};

static int run_index(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &index_verb, argc, argv);
}

static int run_resync(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &resync_verb, argc, argv);
}

static int run_purge(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &purge_verb, argc, argv);
}

const struct adm_verb adm_purge_verb = {
	.name = "purge", .args = "[-u USER|-A|-F FILE] [-c]",
	.help = "frees the room of expunged mail in mdbox; -c: rewrites files "
		"of Dovecot too",
	.run = run_purge,
	.mail = &purge_verb, .count = 1,
};

static int run_expire(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &expire_verb, argc, argv);
}

const struct adm_verb adm_expire_verb = {
	.name = "autoexpunge", .args = "[-u USER|-A|-F FILE]",
	.help = "removes what autoexpunge and autoexpunge_max_mails of the "
		"mailboxes say",
	.run = run_expire,
	.mail = &expire_verb, .count = 1,
};

const struct adm_verb adm_index_verb = {
	.name = "index", .args = "[-u USER|-A|-F FILE] [-n MAX] [-q] MASK",
	.help = "computes what clients will ask of messages that nobody has "
		"read yet",
	.run = run_index,
	.mail = &index_verb, .count = 1,
};

const struct adm_verb adm_resync_verb = {
	.name = "force-resync", .args = "[-u USER|-A|-F FILE] [-f] MASK",
	.help = "compares mailboxes with their store completely, and mends",
	.run = run_resync,
	.mail = &resync_verb, .count = 1,
};
