/* mailbox-acl.c - the rights of a mailbox, where they are kept, and the one
 * place that asks for them.
 *
 * A folder's list is text in its metadata, under "acl"; the account's own is
 * what folders without one have.  A list that another server keeps beside the
 * folder counts while it is newer than what Culver knows: its stamp stands
 * under "acl-stamp" since the list was last changed here.
 *
 * Whoever may not look a mailbox up gets the answer of one that does not
 * exist. */
#include "mailbox-private.h"

static const struct cv_span acl_key = CV_SPAN("acl");
static const struct cv_span acl_stamp_key = CV_SPAN("acl-stamp");

/* What an operation needs [RFC4314 4]. */
static const struct { uint32_t rights; const char *what; }
operations[MAILBOX_OPS] = {
	[MAILBOX_OP_LIST] = { ACL_LOOKUP, "list" },
	[MAILBOX_OP_SUBSCRIBE] = { ACL_LOOKUP, "subscribe to" },
	[MAILBOX_OP_STATUS] = { ACL_READ, "read the status of" },
	[MAILBOX_OP_OPEN] = { ACL_READ, "open" },
	[MAILBOX_OP_INSERT] = { ACL_INSERT, "save to" },
	[MAILBOX_OP_EXPUNGE] = { ACL_EXPUNGE, "expunge" },
	/* [RFC6851 4.2] those of STORE and of EXPUNGE */
	[MAILBOX_OP_MOVE_FROM] = { ACL_EXPUNGE | ACL_DELETED, "move from" },
	[MAILBOX_OP_CREATE_IN] = { ACL_CREATE, "create mailboxes in" },
	[MAILBOX_OP_DELETE] = { ACL_DELETE, "delete or rename" },
	[MAILBOX_OP_ADMIN] = { ACL_ADMIN, "administer" },
};

/* --- reading ------------------------------------------------------------------- */

static struct acl_who who_asks(const struct cv_user *user,
			       const struct namespace *ns)
{
	if (user->accessor != NULL)
		return *user->accessor;
	return (struct acl_who){
		.user = user->name, .groups = user->mail.acl_groups,
		.owner = ns->type == CV_NAMESPACE_PRIVATE,
	};
}

bool mailbox_is_owner(const struct cv_user *user, const struct namespace *ns)
{
	return who_asks(user, ns).owner;
}

/* What another server keeps; text_r data NULL: nothing newer. */
static int read_foreign(const struct namespace *ns,
			struct account_folder *folder, struct cv_pool *pool,
			struct cv_text *stamp, struct cv_span *text_r,
			struct cv_error *err)
{
	struct store *store = ns->store;
	const struct cv_storage *driver = store->driver;
	struct cv_span known;
	int ret;

	*text_r = CV_SPAN_NONE;
	cv_text_init(stamp, pool);
	if (account_metadata_get(store->account, folder, acl_stamp_key,
				 &known))
		cv_text_append_span(stamp, known);
	/* the root's file may be that of the inbox */
	if (!CV_HAS(driver, acl_read) || driver->acl_read == NULL ||
	    (folder == NULL && store->has_inbox))
		return CV_OK;
	ret = driver->acl_read(store->root, folder == NULL ? CV_SPAN("") :
			       cv_span_of(folder->name), stamp, pool, text_r,
			       err);
	return ret < 0 ? ret : CV_OK;
}

int mailbox_acl_read(const struct namespace *ns,
		     struct account_folder *folder, bool foreign,
		     struct acl *acl, bool *found_r, struct cv_error *err)
{
	struct cv_span text = CV_SPAN_NONE;
	struct cv_text stamp;
	int ret = CV_OK;

	if (foreign)
		ret = read_foreign(ns, folder, acl->pool, &stamp, &text, err);
	if (ret == CV_OK && text.data == NULL &&
	    !account_metadata_get(ns->store->account, folder, acl_key,
				  &text)) {
		*found_r = false;
		return CV_OK;
	}
	*found_r = true;
	if (ret == CV_OK)
		ret = acl_parse(acl, text, err);
	if (ret < 0)
		return error_prefix(err, "rights of '%s'", folder == NULL ?
				    ns->prefix : folder->name);
	return CV_OK;
}

/* The list that counts for a folder; folder NULL: that of folders without. */
static int find_list(const struct namespace *ns,
		     struct account_folder *folder, bool foreign,
		     struct acl *acl, bool *found_r, struct cv_error *err)
{
	int ret = CV_OK;

	*found_r = false;
	if (folder != NULL)
		ret = mailbox_acl_read(ns, folder, foreign, acl, found_r, err);
	if (ret == CV_OK && !*found_r)
		ret = mailbox_acl_read(ns, NULL, foreign, acl, found_r, err);
	return ret;
}

/* --- the administrator's --------------------------------------------------------- */

/* As the owner sees them: who asks through a broker sees others. */
static const char *global_name(const struct namespace *ns,
			       const struct account_folder *folder,
			       struct cv_pool *pool)
{
	const char *name = folder == NULL ? "" :
		mailbox_name_show(ns, folder->name, pool);

	return name == NULL ? folder->name : name;
}

static uint32_t apply_global(struct cv_user *user, const struct namespace *ns,
			     const struct account_folder *folder,
			     uint32_t rights)
{
	struct acl_who who = who_asks(user, ns);
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool;
	struct acl acl;

	if (user->acl_global == NULL)
		return rights;
	pool = pool_create("global acl");
	acl_init(&acl, pool);
	if (acl_global_get(user->acl_global, global_name(ns, folder, pool),
			   &acl, &err) == CV_OK) {
		rights = acl_rights_global(&acl, &who, rights);
	} else {
		/* it may be what takes rights away */
		log_error("acl", "%s", err.text);
		rights = 0;
	}
	pool_destroy(&pool);
	return rights;
}

/* --- asking ---------------------------------------------------------------------- */

static uint32_t rights_of(const struct cv_user *user,
			  const struct namespace *ns, const struct acl *acl,
			  bool found)
{
	struct acl_who who = who_asks(user, ns);
	uint32_t rights;

	/* without a list, files that a user can reach are open to them, as
	 * they are with Dovecot without its plugin acl */
	if (!found && user->accessor == NULL && !user->acl_strict)
		return ACL_ALL;
	rights = acl_rights(acl, &who);
	/* an owner cannot shut himself out */
	return who.owner ? rights | ACL_LOOKUP | ACL_ADMIN : rights;
}

static uint32_t kept_rights(struct cv_user *user, const struct namespace *ns,
			    struct account_folder *folder)
{
	struct acl_who who = who_asks(user, ns);
	struct cv_error err = ERROR_NONE;
	struct cv_span text;
	struct cv_pool *pool;
	struct acl acl;
	uint32_t rights;
	bool found;

	/* the common case costs nothing */
	if (who.owner && (folder == NULL ||
			  !account_metadata_get(ns->store->account, folder,
						acl_key, &text)))
		return ACL_ALL;
	pool = pool_create("acl");
	acl_init(&acl, pool);
	if (find_list(ns, folder, !who.owner, &acl, &found, &err) == CV_OK) {
		rights = rights_of(user, ns, &acl, found);
	} else {
		log_error("acl", "%s", err.text);
		rights = who.owner ? ACL_ALL : 0;
	}
	pool_destroy(&pool);
	return rights;
}

uint32_t mailbox_rights(struct cv_user *user, const struct namespace *ns,
			struct account_folder *folder)
{
	uint32_t rights = apply_global(user, ns, folder,
				       kept_rights(user, ns, folder));

	return (ns->store->driver->caps & CV_STORAGE_READONLY) == 0 ? rights :
		rights & (ACL_LOOKUP | ACL_READ | ACL_SEEN | ACL_WRITE);
}

int mailbox_refuse(uint32_t rights, enum mailbox_op op, const char *name,
		   struct cv_error *err)
{
	if (!(rights & ACL_LOOKUP) && op != MAILBOX_OP_CREATE_IN) {
		/* [RFC4314 6] nor whether it exists */
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' does not exist",
		     name);
		return error_set_client(err, "Mailbox doesn't exist.");
	}
	FAIL(err, CV_E_DENIED, "no right to %s '%s'", operations[op].what,
	     name);
	return error_set_client(err, "Permission denied.");
}

int mailbox_permit(uint32_t rights, enum mailbox_op op, const char *name,
		   struct cv_error *err)
{
	if ((rights & operations[op].rights) == operations[op].rights)
		return CV_OK;
	return mailbox_refuse(rights, op, name, err);
}

uint32_t mailbox_box_rights(struct cv_mailbox *box)
{
	uint64_t now = account_txn_number(box->store->account);

	/* a file of another server is looked at when anything has changed */
	if (box->rights_txn != now || box->rights == 0) {
		box->rights = mailbox_rights(box->user, box->ns, box->folder);
		box->rights_txn = now;
	}
	return box->rights;
}

/* [RFC4314 4] STORE, APPEND, COPY: flags without their right are left as they
 * are */
uint32_t mailbox_flags_allowed(uint32_t rights, bool *keywords_r)
{
	uint32_t flags = 0;

	*keywords_r = (rights & ACL_WRITE) != 0;
	if (rights & ACL_SEEN)
		flags |= CV_FLAG_SEEN;
	if (rights & ACL_DELETED)
		flags |= CV_FLAG_DELETED;
	if (rights & ACL_WRITE)
		flags |= CV_FLAGS_STORED & ~(uint32_t)(CV_FLAG_SEEN |
						       CV_FLAG_DELETED);
	return flags;
}

int mailbox_find_for(struct cv_user *user, const char *name,
		     enum mailbox_op op, struct cv_pool *pool,
		     struct mailbox_ref *ref_r,
		     struct account_folder **folder_r, struct cv_error *err)
{
	int ret = mailbox_find(user, name, pool, ref_r, folder_r, err);

	return ret < 0 ? ret :
		mailbox_permit(mailbox_rights(user, ref_r->ns, *folder_r),
			       op, name, err);
}

/* The nearest folder above a name; NULL: none. */
static struct account_folder *folder_above(struct store *store,
					   struct cv_span name)
{
	while (name.len > 0) {
		struct account_folder *folder;

		while (name.len > 0 && name.data[name.len - 1] != '/')
			name.len--;
		if (name.len == 0)
			break;
		name.len--;
		folder = account_folder_find(store->account, name);
		if (folder != NULL)
			return folder;
	}
	return NULL;
}

int mailbox_permit_create(struct cv_user *user, const struct mailbox_ref *ref,
			  const char *name, struct cv_error *err)
{
	int ret = account_refresh(ref->store->account, err);

	return ret < 0 ? ret :
		mailbox_permit(mailbox_rights(user, ref->ns,
					      folder_above(ref->store,
							   ref->span)),
			       MAILBOX_OP_CREATE_IN, name, err);
}

/* A new mailbox begins with a copy of the list above it, as with Dovecot. */
struct cv_span mailbox_acl_inherited(const struct mailbox_ref *ref,
				     struct cv_pool *pool)
{
	struct cv_error err = ERROR_NONE;
	struct account_folder *above = folder_above(ref->store, ref->span);
	struct cv_text text;
	struct acl acl;
	bool found;

	acl_init(&acl, pool);
	if (above == NULL)
		return CV_SPAN_NONE;	/* the default goes on to count */
	if (mailbox_acl_read(ref->ns, above, true, &acl, &found, &err) < 0) {
		log_error("acl", "%s", err.text);
		return CV_SPAN("");
	}
	if (!found)
		return CV_SPAN_NONE;
	cv_text_init(&text, pool);
	acl_format(&acl, &text);
	return cv_span(cv_text_str(&text), text.len);
}

/* --- showing and changing ------------------------------------------------------- */

/* The prefix of a namespace, with or without its separator, stands for the
 * list of folders without one. */
static int find_place(struct cv_user *user, const char *name,
		      struct cv_pool *pool, struct mailbox_ref *ref_r,
		      struct account_folder **folder_r, struct cv_error *err)
{
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		struct namespace *ns = &user->namespaces[i];
		size_t len = strlen(ns->prefix);
		int ret;

		if (user->accessor != NULL || ns->store == NULL ||
		    (strcmp(name, ns->prefix) != 0 &&
		     !(len > 1 && strlen(name) == len - 1 &&
		       strncmp(name, ns->prefix, len - 1) == 0)))
			continue;
		*ref_r = (struct mailbox_ref){ ns, ns->store, "",
			CV_SPAN("") };
		*folder_r = NULL;
		ret = store_open(ns->store, err);
		if (ret == CV_OK)
			ret = account_refresh(ns->store->account, err);
		return ret < 0 ? ret : CV_OK;
	}
	return mailbox_find(user, name, pool, ref_r, folder_r, err);
}

int mailbox_my_rights(struct cv_user *user, const char *name,
		      uint32_t *rights_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("acl");
	struct account_folder *folder;
	struct mailbox_ref ref;
	int ret = find_place(user, name, pool, &ref, &folder, err);

	if (ret == CV_OK) {
		*rights_r = mailbox_rights(user, ref.ns, folder);
		/* [RFC4314 4] any of these rights is enough */
		if ((*rights_r & (ACL_LOOKUP | ACL_READ | ACL_INSERT |
				  ACL_CREATE | ACL_DELETE | ACL_ADMIN)) == 0)
			ret = mailbox_refuse(0, MAILBOX_OP_LIST, name, err);
	}
	pool_destroy(&pool);
	return ret;
}

int mailbox_acl_get(struct cv_user *user, const char *name, struct acl *acl,
		    struct cv_error *err)
{
	struct account_folder *folder;
	struct mailbox_ref ref;
	bool found;
	int ret = find_place(user, name, acl->pool, &ref, &folder, err);

	if (ret == CV_OK)
		ret = mailbox_permit(mailbox_rights(user, ref.ns, folder),
				     MAILBOX_OP_ADMIN, name, err);
	if (ret == CV_OK)
		ret = find_list(ref.ns, folder, true, acl, &found, err);
	if (ret == CV_OK && user->acl_global != NULL)
		ret = acl_global_get(user->acl_global,
				     global_name(ref.ns, folder, acl->pool),
				     acl, err);
	return ret;
}

static int apply_change(struct acl *acl, const struct acl_entry *change,
			enum acl_change how, struct cv_error *err)
{
	struct acl_entry entry = *change;
	const struct acl_entry *old = acl_find(acl, change);
	uint32_t had = old == NULL ? 0 : old->rights;

	if (change->global) {
		FAIL(err, CV_E_DENIED, "global entries are the "
		     "administrator's");
		return error_set_client(err, "Global rights are changed by "
					"the administrator.");
	}
	if (how == ACL_FORGET)
		return acl_remove(acl, change) ? CV_OK : CV_NOT_FOUND;
	if (how == ACL_ADD)
		entry.rights |= had;
	else if (how == ACL_TAKE)
		entry.rights = had & ~entry.rights;
	return acl_set(acl, &entry, err);
}

static int change_list(struct cv_user *user, const struct mailbox_ref *ref,
		       struct account_folder *folder,
		       const struct acl_entry *entry, enum acl_change how,
		       struct account_txn *txn, struct cv_pool *pool,
		       struct cv_error *err)
{
	struct cv_span foreign;
	struct cv_text text, stamp;
	struct acl acl;
	bool found;
	int ret;

	(void)user;
	acl_init(&acl, pool);
	ret = find_list(ref->ns, folder, true, &acl, &found, err);
	if (ret == CV_OK)
		ret = apply_change(&acl, entry, how, err);
	if (ret == CV_OK)
		ret = read_foreign(ref->ns, folder, pool, &stamp, &foreign,
				   err);
	if (ret != CV_OK)
		return ret;
	cv_text_init(&text, pool);
	acl_format(&acl, &text);
	ret = txn_metadata(txn, folder, acl_key,
			   cv_span(cv_text_str(&text), text.len), err);
	if (ret == CV_OK && stamp.len > 0)
		ret = txn_metadata(txn, folder, acl_stamp_key,
				   cv_text_span(&stamp), err);
	return ret;
}

int mailbox_acl_change(struct cv_user *user, const char *name,
		       const struct acl_entry *entry, enum acl_change how,
		       struct cv_error *err)
{
	struct cv_pool *pool = pool_create("acl");
	struct account_folder *folder;
	struct account_txn *txn = NULL;
	struct cv_error unheard = ERROR_NONE;
	struct mailbox_ref ref;
	int ret = find_place(user, name, pool, &ref, &folder, err);

	if (ret == CV_OK)
		ret = store_begin(ref.store, &txn, err);
	/* under the lock: somebody may have just taken the right away */
	if (ret == CV_OK)
		ret = mailbox_permit(mailbox_rights(user, ref.ns, folder),
				     MAILBOX_OP_ADMIN, name, err);
	if (ret == CV_OK)
		ret = change_list(user, &ref, folder, entry, how, txn, pool,
				  err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	account_rollback(&txn);
	pool_destroy(&pool);
	/* what was changed counts, whether others hear of it or not */
	if (ret == CV_OK && mailbox_shares_publish(user, &unheard) < 0)
		log_error("acl", "'culveradm acl recalc -u %s' is needed: %s",
			  user->name, unheard.text);
	return ret;
}
