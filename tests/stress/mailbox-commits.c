/* mailbox-commits.c - the commits of a step, by what is wrapped around the
 * engine's calls. */
#include "mailbox-stress.h"
#include "account/account-private.h"

/* The open transaction is the one behind the last. */
static struct commit made[COMMITS_MAX + 1];
static uint32_t commit_count;
static bool changes;		/* the open transaction does */

#define COUNTED(name, params, args) \
	int __real_##name params; \
	int __wrap_##name params; \
	int __wrap_##name params \
	{ \
		changes = true; \
		return __real_##name args; \
	}
COUNTED(txn_append, (struct account_txn *t, struct account_folder *f,
		     const struct account_append *a, uint32_t *uid_r,
		     struct cv_error *err), (t, f, a, uid_r, err))
COUNTED(txn_annotation, (struct account_txn *t, struct account_folder *f,
			 uint32_t uid, struct cv_span owner,
			 struct cv_span entry, struct cv_span value,
			 struct cv_error *err),
	(t, f, uid, owner, entry, value, err))
COUNTED(txn_expunge, (struct account_txn *t, struct account_folder *f,
		      const struct account_range *r, size_t n,
		      struct cv_error *err), (t, f, r, n, err))
COUNTED(txn_folder_create, (struct account_txn *t, struct cv_span name,
			    const struct account_folder_options *o,
			    struct account_folder **f, struct cv_error *err),
	(t, name, o, f, err))
COUNTED(txn_folder_delete, (struct account_txn *t, struct account_folder *f,
			    struct cv_error *err), (t, f, err))
COUNTED(txn_folder_rename, (struct account_txn *t, struct account_folder *f,
			    struct cv_span name, struct cv_error *err),
	(t, f, name, err))
#undef COUNTED

int __real_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err);
int __wrap_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err);

int __wrap_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err)
{
	struct commit *c = &made[commit_count];

	changes = true;
	/* not those that only the driver knows */
	for (size_t i = 0; i < count && c->flagged_count < FLAGGED_MAX &&
	     (change->op == ACCOUNT_FLAGS_REPLACE ||
	      (change->flags & CV_FLAGS_STORED) != 0 ||
	      change->keyword_count > 0); i++)
		c->flagged[c->flagged_count++] = ranges[i];
	return __real_txn_flags(txn, folder, ranges, count, change, err);
}

int __real_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err);
int __wrap_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err);

int __wrap_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err)
{
	struct account *account = (*txn)->account;
	uint64_t number = account_txn_modseq(*txn);
	int ret = __real_account_commit(txn, durability, err);

	/* the others change nothing that a client sees, or nothing at all */
	if (ret == CV_OK && changes && durability != ACCOUNT_HINT &&
	    account_txn_number(account) == number && commit_count < COMMITS_MAX)
		made[commit_count++].number = number;
	changes = false;
	made[commit_count].flagged_count = 0;
	return ret;
}

const struct commit *commits(uint32_t *count_r)
{
	*count_r = commit_count;
	return made;
}

void commits_forget(void)
{
	commit_count = 0;
	made[0].flagged_count = 0;
	changes = false;
}

uint64_t last_commit(void)
{
	return commit_count == 0 ? 0 : made[commit_count - 1].number;
}
