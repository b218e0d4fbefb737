/* adm-import.c - culveradm import: messages of another store of the same
 * user, below a mailbox of this one. */
#include "adm-mail.h"
#include "adm-sync.h"

#include "mailbox/mailbox-admin.h"
#include "sync/sync.h"

struct import {
	const char *location, *parent;
	struct cv_user *user;		/* whose mail it is put into */
	struct sync_side *from, *to;
	struct sync_options options;
	struct sync_report report;
	struct hash_table subscribed;	/* names, with -s */
};

static int import_prepare(struct adm_mail *m)
{
	struct import *i = pool_new(m->pool, struct import);

	m->state = i;
	m->dry = m->option['n'] != NULL;
	if (m->argc < 3)
		return adm_mail_usage(m, "from which location, below which "
				      "mailbox (\"\": at the top), which "
				      "messages (ALL)?");
	i->location = m->location = m->argv[0];
	i->parent = m->argv[1];
	return adm_mail_parse_query(m, 2);
}

static const char *target_name(struct adm_mail *m, const char *name)
{
	const struct import *i = m->state;

	return *i->parent == '\0' ? name :
		pool_printf(m->pool, "%s/%s", i->parent, name);
}

static int import_box(struct adm_mail *m, const char *name,
		      const struct cv_set *uids, struct cv_error *err)
{
	struct import *i = m->state;
	const char *target = target_name(m, name);
	int ret = sync_import(i->from, name, i->to, target, uids,
			      &i->options, &i->report, err);

	if (ret != CV_OK || m->option['s'] == NULL ||
	    hash_find(&i->subscribed, cv_span_of(target)) != NULL)
		return ret;
	i->report.subscriptions[1]++;
	return m->dry ? CV_OK : i->to->ops->subscribe(i->to, target, true,
						      err);
}

static int find_subscribed(struct adm_mail *m, struct cv_error *err)
{
	struct import *i = m->state;
	sync_names names;
	int ret = CV_OK;

	hash_init(&i->subscribed, m->pool, false);
	array_init(&names, m->pool);
	if (m->option['s'] != NULL)
		ret = i->to->ops->subscriptions(i->to, m->pool, &names, err);
	for (size_t k = 0; k < names.count; k++)
		hash_set(&i->subscribed, cv_span_of(names.items[k]), i);
	return ret;
}

static int import_found(struct adm_mail *m, struct cv_mailbox *box,
			const char *name, struct cv_set seqs,
			struct cv_error *err)
{
	struct cv_pool *pool = pool_create("import");
	ARRAY(struct cv_range) uids;
	struct cv_set set;
	int ret;

	array_init(&uids, pool);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last; seq++) {
			uint32_t uid = mailbox_api.uid_of(box, seq);

			*array_add(&uids) = (struct cv_range){ uid, uid };
		}
	}
	set = (struct cv_set){ uids.items, (uint32_t)uids.count };
	ret = import_box(m, name, &set, err);
	pool_destroy(&pool);
	return ret;
}

static int import_store(struct adm_mail *m, struct cv_error *err)
{
	struct import *i = m->state;
	struct cv_user *source;
	int ret = adm_sync_open_user(m, i->location, 0, &source, err);

	if (ret < 0)
		return ret;
	if (!mailbox_store_exists(source)) {
		user_destroy(&source);
		return adm_sync_no_mail(i->location, err);
	}
	ret = adm_sync_check_other(source, i->user, i->parent, i->location,
				   err);
	if (ret < 0) {
		user_destroy(&source);
		return ret;
	}
	ret = sync_local_open(source, true, i->location, &i->from, err);
	if (ret < 0)
		return ret;
	/* the query is about the source */
	m->user = source;
	ret = adm_mail_each_match(m, CV_MAILBOX_READONLY, import_found, err);
	m->user = i->user;
	return ret;
}

static void show(void *context, const char *mailbox, uint64_t done,
		 uint64_t total)
{
	(void)context;
	adm_progress(mailbox, done, total);
}

/* Of the source; the mail that it is read for has the user's name. */
static void damaged(void *context, const struct cv_error *err)
{
	adm_progress_end();
	adm_mail_damaged(context, err);
}

static void print_report(struct adm_mail *m)
{
	const struct sync_report *r = &((const struct import *)
					m->state)->report;
	const uint64_t values[] = { r->mailboxes, r->saved[1],
		r->saved_bytes[1], r->created[1], r->subscriptions[1],
		r->damaged[0], r->annotated[1] };

	for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++)
		adm_mail_f(m, "%llu", (unsigned long long)values[k]);
}

static int import_run(struct adm_mail *m, struct cv_error *err)
{
	struct import *i = m->state;
	int ret = CV_OK;

	i->user = m->user;
	i->options.dry_run = m->dry;
	i->options.context = m;
	i->options.progress = show;
	i->options.damaged = damaged;
	if (m->dry && !mailbox_store_exists(m->user))
		sync_empty_open(user_name(m->user), &i->to);
	else
		ret = sync_local_open(m->user, false, user_name(m->user),
				      &i->to, err);
	if (ret == CV_OK)
		ret = find_subscribed(m, err);
	if (ret == CV_OK)
		ret = import_store(m, err);
	adm_progress_end();
	if (ret == CV_OK || i->report.mailboxes > 0)
		print_report(m);
	if (i->from != NULL)
		i->from->ops->close(&i->from);
	if (i->to != NULL)
		i->to->ops->close(&i->to);
	return ret;
}

static const char *const columns[] = {
	"mailboxes", "saved", "bytes", "created", "subscriptions",
	"damaged", "annotated", NULL,
};

static const struct option options[] = {
	{ "dry-run", no_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static const struct adm_mail_verb verb = {
	"import", "[-n|--dry-run] [-s] LOCATION MAILBOX QUERY", "ns",
	ADM_FORMAT_TABLE, columns, import_prepare, import_run,
	"adds matching messages of another store below a mailbox (\"\": at the "
	"top)\n"
	"-n  changes nothing, and tells what would be done\n"
	"-s  subscribes to the mailboxes", options,
};

static int run(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &verb, argc, argv);
}

const struct adm_verb adm_import_verb = {
	.name = "import",
	.args = "[-u USER|-A|-F FILE] [-n|--dry-run] [-s] LOCATION MAILBOX "
		"QUERY",
	.help = "adds messages of another store below a mailbox",
	.run = run,
	.mail = &verb, .count = 1,
};
