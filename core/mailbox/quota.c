/* quota.c - the providers of quota are asked before a transaction adds to a
 * user's private mailboxes.
 *
 * What is used is the sum of the accounts' own totals.  INVARIANT: between
 * the question and the commit all private accounts of the user are locked,
 * always in the order of their GUIDs, so that two transactions that fit one
 * by one cannot both pass when they do not fit together. */
#include "mailbox-private.h"
#include "cv-quota.h"

#include <stdlib.h>

/* --- providers -------------------------------------------------------------- */

enum { LINKED_MAX = 4 };
static const struct cv_quota *linked_in[LINKED_MAX];

void quota_register(const struct cv_quota *quota)
{
	uint32_t at = 0;

	while (at < LINKED_MAX && linked_in[at] != NULL &&
	       linked_in[at] != quota)
		at++;
	BUG_IF(at == LINKED_MAX);
	linked_in[at] = quota;
}

/* *at starts at 0. */
static const struct cv_quota *quota_next(uint32_t *at)
{
	const struct cv_quota *quota;
	uint32_t provider;

	if (*at < LINKED_MAX && linked_in[*at] != NULL)
		return linked_in[(*at)++];
	if (*at < LINKED_MAX)
		*at = LINKED_MAX;
	provider = *at - LINKED_MAX;
	quota = module_provider_next(CV_PROVIDER_QUOTA, &provider);
	*at = provider + LINKED_MAX;
	return quota;
}

static bool quota_is_wanted(void)
{
	uint32_t at = 0;

	return quota_next(&at) != NULL;
}

/* --- what is used -------------------------------------------------------------- */

static void add_account(struct account *account, struct quota_use *use)
{
	struct account_folder *folder;
	size_t at = 0;

	while ((folder = account_folder_next(account, &at)) != NULL) {
		if (folder->deleted)
			continue;
		/* sizes with CRLF may not all be known yet */
		use->bytes += folder->virtual_sum > folder->size_sum ?
			folder->virtual_sum : folder->size_sum;
		use->messages += folder->message_count;
		use->mailboxes++;
	}
}

/* Folders that other programs have filled and nobody has opened since: their
 * messages come into the account, once in each process.  A folder that had a
 * message has given a UID. */
static int scan_unseen(struct store *store, struct cv_error *err)
{
	struct account_folder *folder;
	struct store_folder *sf;
	size_t at = 0;
	int ret;

	store->all_counted = true;
	if ((store->driver->caps & CV_STORAGE_REMOTE) != 0)
		return CV_OK;
	ret = store_folders_refresh(store, false, err);
	while (ret >= 0 &&
	       (folder = account_folder_next(store->account, &at)) != NULL) {
		if (folder->deleted || folder->uidnext > 1 ||
		    (folder->attributes & ACCOUNT_NOSELECT) != 0)
			continue;
		ret = account_folder_load(folder, err);
		if (ret < 0 || account_folder_state(folder).len > 0)
			continue;
		ret = store_folder_get(store, folder, &sf, err);
		if (ret == CV_OK)
			ret = store_folder_scan(sf, false, err);
		else if (ret == CV_E_NOT_FOUND)
			ret = CV_OK;
	}
	return ret < 0 ? ret : CV_OK;
}

/* As last seen; what is not open yet is opened. */
static int read_use(struct cv_user *user, bool refresh, struct quota_use *use,
		    struct cv_error *err)
{
	*use = (struct quota_use){ 0, 0, 0 };
	for (struct store *s = user->stores; s != NULL; s = s->next) {
		int ret;

		if (!s->is_private)
			continue;
		ret = store_open(s, err);
		if (ret == CV_OK && !s->all_counted)
			ret = scan_unseen(s, err);
		if (ret == CV_OK && refresh)
			ret = account_refresh(s->account, err);
		if (ret < 0)
			return ret;
		add_account(s->account, use);
	}
	return CV_OK;
}

/* --- asking ---------------------------------------------------------------------- */

static uint32_t resources_of(const struct cv_quota *quota)
{
	return CV_HAS(quota, resources) && quota->resources != 0 ?
		quota->resources & ~(uint32_t)CV_QUOTA_SETTABLE :
		CV_QUOTA_STORAGE | CV_QUOTA_MESSAGE;
}

static int ask(struct cv_user *user, const char *mailbox_name,
	       const struct quota_use *use, uint64_t bytes, uint64_t messages,
	       bool estimate, struct cv_error *err)
{
	const struct cv_quota_request request = {
		CV_SIZED(cv_quota_request), .user = user,
		.mailbox_name = mailbox_name, .used_bytes = use->bytes,
		.used_messages = use->messages, .add_bytes = bytes,
		.add_messages = messages, .estimate = estimate,
		.used_mailboxes = use->mailboxes,
		.add_mailboxes = messages == 0,
	};
	const struct cv_quota *quota;
	uint32_t at = 0;
	int ret = CV_OK;

	while (ret == CV_OK && (quota = quota_next(&at)) != NULL) {
		/* one that does not count mailboxes would take the question
		 * for another */
		if (quota->check != NULL && (messages > 0 ||
		    (resources_of(quota) & CV_QUOTA_MAILBOX) != 0))
			ret = quota->check(&request, err);
	}
	return ret < 0 ? ret : CV_OK;
}

int quota_estimate(struct store *store, const char *mailbox_name,
		   uint64_t bytes, struct cv_error *err)
{
	struct quota_use use;
	int ret;

	if (!store->is_private || !quota_is_wanted())
		return CV_OK;
	ret = read_use(store->user, true, &use, err);
	return ret < 0 ? ret : ask(store->user, mailbox_name, &use, bytes, 1,
				   true, err);
}

/* As last seen: two sessions that create at the same time may make one more
 * than there should be. */
int quota_create(struct store *store, const char *mailbox_name,
		 struct cv_error *err)
{
	struct quota_use use;
	int ret;

	if (!store->is_private || !quota_is_wanted())
		return CV_OK;
	ret = read_use(store->user, true, &use, err);
	return ret < 0 ? ret : ask(store->user, mailbox_name, &use, 0, 0,
				   true, err);
}

int quota_reserve(struct quota_hold *hold, const char *mailbox_name,
		  uint64_t bytes, uint64_t messages, struct cv_error *err)
{
	int ret;

	if (hold->user == NULL || messages == 0)
		return CV_OK;
	ret = ask(hold->user, mailbox_name, &hold->use, bytes, messages,
		  false, err);
	if (ret == CV_OK) {
		hold->use.bytes += bytes;
		hold->use.messages += messages;
	}
	return ret;
}

void quota_credit(struct quota_hold *hold, uint64_t bytes, uint64_t messages)
{
	struct quota_use *use = &hold->use;

	if (hold->user == NULL)
		return;
	use->bytes -= bytes < use->bytes ? bytes : use->bytes;
	use->messages -= messages < use->messages ? messages : use->messages;
}

/* --- under the locks ---------------------------------------------------------------- */

static int compare_stores(const void *a, const void *b)
{
	const struct store *x = *(struct store *const *)a;
	const struct store *y = *(struct store *const *)b;

	return memcmp(account_guid(x->account)->bytes,
		      account_guid(y->account)->bytes,
		      sizeof(account_guid(x->account)->bytes));
}

static int lock_all(struct quota_hold *hold, struct store *store,
		    struct cv_pool *pool, struct account_txn **txn_r,
		    struct cv_error *err)
{
	struct cv_user *user = store->user;
	struct store **order;
	uint32_t count = 0;
	int ret = CV_OK;

	for (struct store *s = user->stores; s != NULL; s = s->next)
		count += s->is_private;
	order = pool_new_array(pool, struct store *, count);
	hold->others = pool_new_array(pool, struct account_txn *, count);
	count = 0;
	for (struct store *s = user->stores; s != NULL; s = s->next) {
		if (s->is_private)
			order[count++] = s;
	}
	if (count > 1)
		qsort(order, count, sizeof(*order), compare_stores);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		struct account_txn *txn;

		ret = store_begin(order[i], &txn, err);
		if (ret == CV_OK && order[i] == store)
			*txn_r = txn;
		else if (ret == CV_OK)
			hold->others[hold->count++] = txn;
	}
	return ret;
}

int quota_begin(struct store *store, struct cv_pool *pool,
		struct quota_hold *hold, struct account_txn **txn_r,
		struct cv_error *err)
{
	struct quota_use unused;
	int ret;

	*hold = (struct quota_hold){ .user = NULL };
	*txn_r = NULL;
	if (!store->is_private || !quota_is_wanted())
		return store_begin(store, txn_r, err);
	/* nothing is opened under a lock */
	ret = read_use(store->user, false, &unused, err);
	if (ret == CV_OK)
		ret = lock_all(hold, store, pool, txn_r, err);
	if (ret == CV_OK)
		ret = read_use(store->user, false, &hold->use, err);
	hold->user = store->user;
	if (ret < 0) {
		account_rollback(txn_r);
		quota_end(hold);
	}
	return ret;
}

int quota_again(struct quota_hold *hold, struct cv_error *err)
{
	return hold->user == NULL ? CV_OK :
		read_use(hold->user, false, &hold->use, err);
}

void quota_end(struct quota_hold *hold)
{
	for (uint32_t i = 0; i < hold->count; i++)
		account_rollback(&hold->others[i]);
	hold->count = 0;
	hold->user = NULL;
}

/* --- telling -------------------------------------------------------------------------- */

/* The caller's struct may be older and shorter. */
static void fill_usage(struct cv_quota_usage *usage,
		       const struct cv_quota *quota,
		       const struct cv_quota_limit *limit,
		       const struct quota_use *use)
{
	usage->root = limit->root;
	usage->used_bytes = use->bytes;
	usage->used_messages = use->messages;
	usage->bytes = limit->bytes;
	usage->messages = limit->messages;
	if (!CV_HAS(usage, resources))
		return;
	usage->used_mailboxes = use->mailboxes;
	usage->mailboxes = limit->mailboxes;
	usage->message_bytes = limit->message_bytes;
	usage->resources = resources_of(quota);
}

/* Public mailboxes count for nobody.  The name need not exist. */
static bool is_counted(struct cv_user *u, const char *mailbox_name)
{
	struct cv_pool *pool = pool_create("quota");
	struct mailbox_ref ref;
	bool counted = mailbox_resolve(u, mailbox_name, pool, &ref, NULL) !=
		CV_OK || ref.store == NULL || ref.store->is_private;

	pool_destroy(&pool);
	return counted;
}

int mailbox_quota(struct cv_user *u, const char *mailbox_name, uint32_t index,
		  struct cv_quota_usage *usage_r, struct cv_error *err)
{
	const struct cv_quota *quota;
	uint32_t at = 0, seen = 0;

	if (!is_counted(u, mailbox_name))
		return CV_NOT_FOUND;
	while ((quota = quota_next(&at)) != NULL) {
		struct cv_quota_limit limit = { CV_SIZED(cv_quota_limit) };
		struct quota_use use;
		int ret = quota->limit == NULL ? CV_NOT_FOUND :
			quota->limit(u, mailbox_name, &limit, err);

		if (ret < 0)
			return ret;
		if (ret != CV_OK || seen++ != index)
			continue;
		ret = read_use(u, true, &use, err);
		if (ret < 0)
			return ret;
		fill_usage(usage_r, quota, &limit, &use);
		return CV_OK;
	}
	return CV_NOT_FOUND;
}

uint32_t mailbox_quota_resources(struct cv_user *u)
{
	const struct cv_quota *quota;
	uint32_t at = 0, resources = 0;

	(void)u;
	while ((quota = quota_next(&at)) != NULL) {
		resources |= resources_of(quota);
		if (CV_HAS(quota, set) && quota->set != NULL)
			resources |= CV_QUOTA_SETTABLE;
	}
	return resources;
}

int mailbox_quota_set(struct cv_user *u, const char *root,
		      const struct cv_quota_limit *limit,
		      struct cv_error *err)
{
	const struct cv_quota *quota;
	uint32_t at = 0;

	while ((quota = quota_next(&at)) != NULL) {
		int ret = !CV_HAS(quota, set) || quota->set == NULL ?
			CV_NOT_FOUND : quota->set(u, root, limit, err);

		if (ret != CV_NOT_FOUND)
			return ret;
	}
	FAIL(err, CV_E_DENIED, "no provider sets limits of '%s'", root);
	return error_set_client(err, "Limits are set by the administrator.");
}
