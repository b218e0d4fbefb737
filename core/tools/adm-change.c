/* adm-change.c - culveradm flags, copy, move, altmove, expunge. */
#include "adm-transfer.h"
#include "mailbox/mailbox-admin.h"

/* --- flags --------------------------------------------------------------------- */

struct flags_plan {
	uint32_t change, flags;
	struct cv_keywords keywords;
};

static bool parse_flag(struct cv_span word, uint32_t *flags)
{
	static const struct { const char *name; uint32_t flag; } names[] = {
		{ "\\Answered", CV_FLAG_ANSWERED },
		{ "\\Flagged", CV_FLAG_FLAGGED },
		{ "\\Deleted", CV_FLAG_DELETED },
		{ "\\Seen", CV_FLAG_SEEN }, { "\\Draft", CV_FLAG_DRAFT },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_equal_icase(word, cv_span_of(names[i].name))) {
			*flags |= names[i].flag;
			return true;
		}
	}
	return false;
}

static int parse_flags(struct adm_mail *m, const char *text,
		       struct flags_plan *plan)
{
	struct cv_span rest = cv_span_of(text), word;
	ARRAY(const char *) names;

	array_init(&names, m->pool);
	while (cv_span_split(&rest, ' ', &word)) {
		if (word.len == 0 || parse_flag(word, &plan->flags))
			continue;
		if (word.data[0] == '\\')
			return adm_mail_unknown(m, "there is no flag '%.*s'",
						CV_SPAN_ARG(word));
		if (!mailbox_keyword_is_valid(word))
			return adm_mail_usage(m, "'%.*s' cannot be a keyword",
					      CV_SPAN_ARG(word));
		*array_add(&names) = pool_copy(m->pool, word.data, word.len);
	}
	plan->keywords = (struct cv_keywords){ names.items,
		(uint32_t)names.count };
	return ADM_OK;
}

static int flags_prepare(struct adm_mail *m)
{
	static const struct { const char *name; uint32_t change; } words[] = {
		{ "add", CV_FLAGS_ADD }, { "remove", CV_FLAGS_REMOVE },
		{ "replace", CV_FLAGS_REPLACE },
	};
	struct flags_plan *plan = pool_new(m->pool, struct flags_plan);
	int status;

	for (size_t i = 0; m->argc > 0 && i < 3; i++) {
		if (strcmp(m->argv[0], words[i].name) == 0)
			plan->change = words[i].change;
	}
	if (plan->change == 0 && m->argc > 0)
		return adm_mail_usage(m, "there is no '%s': add, remove or "
				      "replace", m->argv[0]);
	if (plan->change == 0 || m->argc < 3)
		return adm_mail_usage(m, "add, remove or replace, then the "
				      "flags, then a search query");
	status = parse_flags(m, m->argv[1], plan);
	m->state = plan;
	return status == ADM_OK ? adm_mail_parse_query(m, 2) : status;
}

static int flags_found(struct adm_mail *m, struct cv_mailbox *box,
		       const char *name, struct cv_set seqs,
		       struct cv_error *err)
{
	const struct flags_plan *plan = m->state;
	struct cv_store_request request = { CV_SIZED(cv_store_request),
		.seqs = seqs, .change = plan->change, .flags = plan->flags,
		.keywords = plan->keywords, .silent = true,
		.unchanged_since = UINT64_MAX,
	};

	(void)name;
	return mailbox_api.store(box, &request, m->pool, NULL, err);
}

static int flags_run(struct adm_mail *m, struct cv_error *err)
{
	return adm_mail_each_match(m, 0, flags_found, err);
}

/* --- copy, move ------------------------------------------------------------------- */

static int start_copy(struct adm_mail *m, struct cv_error *err)
{
	return adm_transfer_start(m, false, err);
}

static int start_move(struct adm_mail *m, struct cv_error *err)
{
	return adm_transfer_start(m, true, err);
}

/* As doveadm: "user NAME" behind the mailbox is whose messages they are. */
static int copy_prepare(struct adm_mail *m)
{
	bool other = m->argc > 2 && strcmp(m->argv[1], "user") == 0;

	if (m->argc < 2)
		return adm_mail_usage(m, "into which mailbox, which "
				      "messages?");
	if (other) {
		m->source_name = m->argv[2];
		m->before = strcmp(m->verb->name, "move") == 0 ? start_move :
			start_copy;
	}
	return adm_mail_parse_query(m, other ? 3 : 1);
}

/* What a query does that was meant otherwise cannot be undone. */
static int check_mailboxes(struct adm_mail *m, int status)
{
	return status != ADM_OK || adm_query_names_mailboxes(m->query) ?
		status :
		adm_mail_usage(m, "to avoid accidents every branch of the "
			       "query has to name a mailbox (MAILBOX NAME, or "
			       "MAILBOX '*')");
}

static int move_prepare(struct adm_mail *m)
{
	return check_mailboxes(m, copy_prepare(m));
}

static int copy_to(struct adm_mail *m, struct cv_mailbox *box,
		   const char *name, struct cv_set seqs, bool move,
		   struct cv_error *err)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };

	/* it would find its own copies again and again, or do nothing */
	if (strcmp(name, m->argv[0]) == 0 && move)
		return CV_OK;
	return mailbox_api.copy(box, seqs, m->argv[0], move, m->pool, &result,
				err);
}

static int copy_found(struct adm_mail *m, struct cv_mailbox *box,
		      const char *name, struct cv_set seqs,
		      struct cv_error *err)
{
	return copy_to(m, box, name, seqs, false, err);
}

static int move_found(struct adm_mail *m, struct cv_mailbox *box,
		      const char *name, struct cv_set seqs,
		      struct cv_error *err)
{
	return copy_to(m, box, name, seqs, true, err);
}

/* Before anything is read. */
static int check_target(struct adm_mail *m, struct cv_error *err)
{
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	int ret = mailbox_api.status(m->user, m->argv[0], CV_STATUS_MESSAGES,
				     &status, err);

	return ret == CV_E_NOT_FOUND ?
		FAIL(err, ret, "there is no mailbox '%s' (hint: culveradm "
		     "mailbox create)", m->argv[0]) : ret;
}

static int copy_or_move(struct adm_mail *m, uint32_t flags,
			adm_mail_match_fn *fn, struct cv_error *err)
{
	int ret = check_target(m, err);

	if (ret >= 0)
		ret = adm_transfer_is_started() ?
			adm_transfer_run(m, m->argv[0], err) :
			adm_mail_each_match(m, flags, fn, err);
	adm_transfer_end();
	return ret;
}

static int copy_run(struct adm_mail *m, struct cv_error *err)
{
	return copy_or_move(m, CV_MAILBOX_READONLY, copy_found, err);
}

static int move_run(struct adm_mail *m, struct cv_error *err)
{
	return copy_or_move(m, 0, move_found, err);
}

/* --- altmove ------------------------------------------------------------------------ */

static void altmove_progress(void *context, uint64_t done, uint64_t total)
{
	adm_progress(context, done, total);
}

static int altmove_prepare(struct adm_mail *m)
{
	return adm_mail_parse_query(m, 0);
}

static int altmove_found(struct adm_mail *m, struct cv_mailbox *box,
			 const char *name, struct cv_set seqs,
			 struct cv_error *err)
{
	char *shown = pool_strdup(m->pool, name);
	uint64_t count = 0;
	int ret = mailbox_altmove(box, seqs, m->option['r'] != NULL,
				  altmove_progress, shown, err);

	adm_progress_end();
	for (uint32_t i = 0; i < seqs.count; i++)
		count += seqs.ranges[i].last - seqs.ranges[i].first + 1;
	if (ret < 0)
		return ret;
	adm_mail_value(m, name);
	adm_mail_f(m, "%llu", (unsigned long long)count);
	return CV_OK;
}

static int altmove_run(struct adm_mail *m, struct cv_error *err)
{
	return adm_mail_each_match(m, CV_MAILBOX_READONLY, altmove_found, err);
}

/* --- expunge ------------------------------------------------------------------------ */

static int expunge_prepare(struct adm_mail *m)
{
	return check_mailboxes(m, adm_mail_parse_query(m, 0));
}

int adm_expunge_seqs(struct adm_mail *m, struct cv_mailbox *box,
		     struct cv_set seqs, struct cv_error *err)
{
	struct cv_store_request request = { CV_SIZED(cv_store_request),
		.seqs = seqs, .change = CV_FLAGS_ADD,
		.flags = CV_FLAG_DELETED, .silent = true,
		.unchanged_since = UINT64_MAX,
	};
	ARRAY(struct cv_range) uids;
	struct cv_set set;
	int ret = mailbox_api.store(box, &request, m->pool, NULL, err);

	array_init(&uids, m->pool);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t s = seqs.ranges[i].first;
		     s <= seqs.ranges[i].last; s++) {
			uint32_t uid = mailbox_api.uid_of(box, s);

			*array_add(&uids) = (struct cv_range){ uid, uid };
		}
	}
	set = (struct cv_set){ uids.items, (uint32_t)uids.count };
	return ret < 0 ? ret : mailbox_api.expunge(box, &set, err);
}

static int expunge_found(struct adm_mail *m, struct cv_mailbox *box,
			 const char *name, struct cv_set seqs,
			 struct cv_error *err)
{
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	int ret = adm_expunge_seqs(m, box, seqs, err);

	if (ret < 0 || m->option['d'] == NULL || strcmp(name, "INBOX") == 0)
		return ret;
	ret = mailbox_api.status(m->user, name, CV_STATUS_MESSAGES, &status,
				 err);
	if (ret == CV_OK && status.messages == 0)
		ret = mailbox_api.remove(m->user, name, err);
	return ret;
}

static int expunge_run(struct adm_mail *m, struct cv_error *err)
{
	return adm_mail_each_match(m, 0, expunge_found, err);
}

/* --- the verbs ------------------------------------------------------------------------ */

static const struct adm_mail_verb flags_verb = {
	"flags", "add|remove|replace FLAGS QUERY", "+", ADM_FORMAT_FLOW, NULL,
	flags_prepare, flags_run,
	"changes flags and keywords of matching messages; the flags are one "
	"argument:\n'\\Seen work'", NULL,
};
static const struct adm_mail_verb copy_verb = {
	"copy", "MAILBOX [user NAME] QUERY", "", ADM_FORMAT_FLOW, NULL,
	copy_prepare, copy_run,
	"copies matching messages, of another user's with \"user NAME\", into "
	"a mailbox", NULL,
};
static const struct adm_mail_verb move_verb = {
	"move", "MAILBOX [user NAME] QUERY", "", ADM_FORMAT_FLOW, NULL,
	move_prepare, move_run,
	"moves matching messages, of another user's with \"user NAME\", into "
	"a mailbox;\nthe query has to name the mailboxes they come from",
	NULL,
};
static const char *const altmove_columns[] = {
	ADM_UNTITLED "mailbox", "messages", NULL,
};
static const struct adm_mail_verb altmove_verb = {
	"altmove", "[-r] QUERY", "r", ADM_FORMAT_FLOW, altmove_columns,
	altmove_prepare, altmove_run,
	"moves matching messages to the alternative place (ALT=)\n"
	"-r  back from there", NULL,
};
static const struct adm_mail_verb expunge_verb = {
	"expunge", "[-d] QUERY", "d", ADM_FORMAT_FLOW, NULL, expunge_prepare,
	expunge_run,
	"removes matching messages for good; the query has to name "
	"mailboxes\n"
	"-d  deletes mailboxes that become empty", NULL,
};

static int run_flags(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &flags_verb, argc, argv);
}

static int run_copy(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &copy_verb, argc, argv);
}

static int run_move(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &move_verb, argc, argv);
}

static int run_altmove(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &altmove_verb, argc, argv);
}

static int run_expunge(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &expunge_verb, argc, argv);
}

const struct adm_verb adm_flags_verb = {
	.name = "flags",
	.args = "[-u USER|-A|-F FILE] add|remove|replace FLAGS QUERY",
	.help = "changes flags and keywords of matching messages",
	.run = run_flags,
	.mail = &flags_verb, .count = 1,
};

const struct adm_verb adm_copy_verb = {
	.name = "copy",
	.args = "[-u USER|-A|-F FILE] MAILBOX [user NAME] QUERY",
	.help = "copies matching messages, of another user's with \"user "
		"NAME\", into a mailbox",
	.run = run_copy,
	.mail = &copy_verb, .count = 1,
};

const struct adm_verb adm_move_verb = {
	.name = "move",
	.args = "[-u USER|-A|-F FILE] MAILBOX [user NAME] QUERY",
	.help = "moves matching messages, of another user's with \"user "
		"NAME\", into a mailbox",
	.run = run_move,
	.mail = &move_verb, .count = 1,
};

const struct adm_verb adm_altmove_verb = {
	.name = "altmove", .args = "[-u USER|-A|-F FILE] [-r] QUERY",
	.help = "moves matching messages to the alternative place (ALT=); "
		"-r: back",
	.run = run_altmove,
	.mail = &altmove_verb, .count = 1,
};

const struct adm_verb adm_expunge_verb = {
	.name = "expunge", .args = "[-u USER|-A|-F FILE] [-d] QUERY",
	.help = "removes matching messages for good",
	.run = run_expunge,
	.mail = &expunge_verb, .count = 1,
};
