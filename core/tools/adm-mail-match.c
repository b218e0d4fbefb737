/* adm-mail-match.c - the mailboxes and messages that a query means. */
#include "adm-mail.h"

#include <stdio.h>

static int list_step(struct cv_list *list, const char **name_r,
		     struct cv_error *err)
{
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	int ret;

	do {
		ret = mailbox_api.list_next(list, &entry, err);
	} while (ret == CV_OK &&
		 (entry.attributes & (CV_MAILBOX_NOSELECT |
				      CV_MAILBOX_NONEXISTENT)) != 0);
	*name_r = entry.name;
	return ret;
}

int adm_mail_list(struct adm_mail *m, const char *mask,
		  struct cv_strings *names_r, struct cv_error *err)
{
	const char *patterns[] = { mask == NULL ? "*" : mask };
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = patterns, .pattern_count = 1,
	};
	ARRAY(const char *) names;
	struct cv_list *list;
	const char *name;
	int ret = mailbox_api.list_begin(m->user, &query, &list, err);

	if (ret < 0)
		return ret;
	array_init(&names, m->pool);
	while ((ret = list_step(list, &name, err)) == CV_OK)
		*array_add(&names) = pool_strdup(m->pool, name);
	mailbox_api.list_end(&list);
	*names_r = (struct cv_strings){ names.items, (uint32_t)names.count };
	/* one namespace: the others are worked on */
	if (ret < 0)
		adm_mail_failed(m, err);
	return CV_OK;
}

static int guid_of(struct adm_mail *m, const char *name, char dst[33],
		   struct cv_error *err)
{
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	int ret = mailbox_api.status(m->user, name, CV_STATUS_GUID, &status,
				     err);

	for (size_t i = 0; i < 16; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", status.guid[i]);
	return ret;
}

static int search_box(struct adm_mail *m, struct cv_mailbox *box,
		      const char *name, struct cv_search_query *query,
		      bool empty_too, adm_mail_match_fn *fn,
		      struct cv_error *err)
{
	struct cv_pool *pool = pool_create("matches");
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct cv_set seqs;
	int ret;

	mailbox_api.state(box, &state);
	adm_query_set_last(query, state.messages, state.messages == 0 ? 0 :
			   mailbox_api.uid_of(box, state.messages), pool);
	ret = adm_query_resolve(box, query, pool, err);
	if (ret == CV_OK)
		ret = mailbox_api.search(box, query, pool, &seqs, err);
	if (ret == CV_OK && (seqs.count > 0 || empty_too))
		ret = fn(m, box, name, seqs, err);
	pool_destroy(&pool);
	return ret;
}

static int match_in(struct adm_mail *m, const char *name, uint32_t flags,
		    adm_mail_match_fn *fn, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("query");
	struct cv_search_query query;
	struct cv_mailbox *box;
	char guid[33] = "";
	int ret = CV_OK;

	if (adm_query_wants_guid(m->query))
		ret = guid_of(m, name, guid, err);
	if (ret == CV_OK &&
	    adm_query_build(m->query, name, guid, pool, &query)) {
		ret = mailbox_api.open(m->user, name,
				       flags & ~(uint32_t)ADM_MAIL_EMPTY_TOO,
				       &box, err);
		if (ret == CV_OK) {
			ret = search_box(m, box, name, &query,
					 flags & ADM_MAIL_EMPTY_TOO, fn, err);
			mailbox_api.close(&box);
		}
	}
	pool_destroy(&pool);
	return ret;
}

int adm_mail_each_match(struct adm_mail *m, uint32_t flags,
			adm_mail_match_fn *fn, struct cv_error *err)
{
	struct cv_strings names;
	const char *only;
	int ret;

	if (adm_query_single_mailbox(m->query, &only))
		return match_in(m, only, flags, fn, err);
	ret = adm_mail_list(m, NULL, &names, err);
	for (uint32_t i = 0; ret == CV_OK && i < names.count; i++) {
		struct cv_error one = ERROR_NONE;

		if (match_in(m, names.items[i], flags, fn, &one) < 0) {
			(void)error_prefix(&one, "%s", names.items[i]);
			adm_mail_failed(m, &one);
		}
	}
	return ret;
}
