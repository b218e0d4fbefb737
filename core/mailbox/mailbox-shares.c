/* mailbox-shares.c - with whom a user has shared mailboxes, as others are told
 * (core/acl/acl-shared.h). */
#include "mailbox-private.h"
#include "acl/acl-shared.h"

/* Whoever may look something up: each once, without rights. */
static int add_list(const struct namespace *ns, struct account_folder *folder,
		    struct acl *with, struct cv_error *err)
{
	struct acl list;
	bool found;
	int ret;

	acl_init(&list, with->pool);
	ret = mailbox_acl_read(ns, folder, true, &list, &found, err);
	for (size_t i = 0; i < list.count && ret == CV_OK; i++) {
		struct acl_entry entry = list.entries[i];

		if (entry.negative || entry.kind == ACL_OWNER ||
		    !(entry.rights & ACL_LOOKUP))
			continue;
		entry.rights = ACL_LOOKUP;
		ret = acl_set(with, &entry, err);
	}
	return ret;
}

static int add_namespace(const struct namespace *ns, struct acl *with,
			 struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0;
	int ret = store_open(ns->store, err);

	if (ret == CV_OK)
		ret = account_refresh(ns->store->account, err);
	if (ret >= 0)
		ret = add_list(ns, NULL, with, err);
	while (ret == CV_OK && (folder = account_folder_next(
					ns->store->account, &at)) != NULL) {
		struct cv_error unread = ERROR_NONE;

		/* a list that cannot be read opens nothing */
		if (!folder->deleted &&
		    add_list(ns, folder, with, &unread) < 0)
			log_error("acl", "%s", unread.text);
	}
	return ret;
}

int mailbox_shares_publish(struct cv_user *user, struct cv_error *err)
{
	struct cv_pool *pool;
	struct acl with;
	int ret = CV_OK;

	if (user->shared_dict == NULL)
		return CV_OK;
	pool = pool_create("shares");
	acl_init(&with, pool);
	/* brokers show the namespace with the inbox and no other */
	for (uint32_t i = 0; i < user->namespace_count && ret == CV_OK; i++) {
		if (user->namespaces[i].inbox)
			ret = add_namespace(&user->namespaces[i], &with, err);
	}
	if (ret == CV_OK)
		ret = acl_shared_set(user->io, user->shared_dict, user->name,
				     &with, err);
	pool_destroy(&pool);
	return ret;
}
