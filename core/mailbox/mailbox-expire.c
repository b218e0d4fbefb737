/* mailbox-expire.c - autoexpunge: at the end of a session what has been long
 * enough in a mailbox goes, and what is beyond its largest number.
 *
 * Mostly there is nothing to do, which the oldest message tells: its row is
 * looked at, and no view is opened. */
#include "mailbox-private.h"
#include "list-match.h"

/* How many of the oldest messages go; *uids_r are theirs. */
static uint32_t choose_expired(struct account_folder *folder,
			       const struct mailbox_config *config,
			       struct account_ranges *uids)
{
	uint32_t rows = account_row_count(folder), count = 0;
	uint32_t beyond = config->expunge_max == 0 ||
		folder->message_count <= config->expunge_max ? 0 :
		folder->message_count - config->expunge_max;
	int64_t before = time_now() - (int64_t)(config->expunge_msecs / 1000);

	for (uint32_t row = 0; row < rows; row++) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		/* they were saved in the order of their UIDs: the first that
		 * stays ends it */
		if (count >= beyond && (config->expunge_msecs == 0 ||
					m.saved == 0 || m.saved >= before))
			break;
		ranges_add(uids, m.uid);
		count++;
	}
	return count;
}

static int expire_folder(struct cv_user *user, struct namespace *ns,
			 struct account_folder *folder,
			 const struct mailbox_config *config,
			 uint32_t *expunged, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("expire");
	struct account_ranges uids = { .pool = pool };
	struct cv_mailbox *box;
	struct cv_set set;
	const char *name = mailbox_name_show(ns, folder->name, pool);
	uint32_t count = choose_expired(folder, config, &uids);
	int ret = CV_OK;

	if (count > 0 && name != NULL) {
		set = ranges_set(&uids);
		ret = mailbox_open(user, name, 0, &box, err);
		if (ret == CV_OK) {
			ret = mailbox_expunge_uids(box, &set, err);
			mailbox_close(&box);
		}
		if (ret == CV_OK) {
			log_info("mail", "mailbox '%s': autoexpunge removed "
				 "%u messages", name, count);
			*expunged += count;
		}
	}
	pool_destroy(&pool);
	return ret;
}

static bool names_folder(const struct mailbox_config *config,
			 const struct account_folder *folder)
{
	return (list_match(cv_span_of(config->name), cv_span_of(folder->name),
			   '/', false) & LIST_MATCH_YES) != 0;
}

static int expire_config(struct cv_user *user, struct namespace *ns,
			 const struct mailbox_config *config,
			 uint32_t *expunged, struct cv_error *err)
{
	struct account *account;
	struct account_folder *folder;
	size_t at = 0;
	int ret = store_open(ns->store, err);

	if (ret == CV_OK)
		ret = account_refresh(ns->store->account, err);
	if (ret < 0)
		return ret;
	account = ns->store->account;
	while (ret >= 0 &&
	       (folder = account_folder_next(account, &at)) != NULL) {
		if (!folder->deleted && names_folder(config, folder))
			ret = expire_folder(user, ns, folder, config,
					    expunged, err);
	}
	return ret < 0 ? ret : CV_OK;
}

int mailbox_autoexpunge(struct cv_user *user, uint32_t *expunged_r,
			struct cv_error *err)
{
	int ret = CV_OK;

	*expunged_r = 0;
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		struct namespace *ns = &user->namespaces[i];

		for (uint32_t k = 0; k < ns->mailbox_count && ret == CV_OK;
		     k++) {
			const struct mailbox_config *config =
				&ns->mailboxes[k];

			if (config->expunge_msecs > 0 ||
			    config->expunge_max > 0)
				ret = expire_config(user, ns, config,
						    expunged_r, err);
		}
	}
	return ret;
}
