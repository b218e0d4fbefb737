/* mailbox-name.c - from what the client says to a store and a name in it. */
#include "mailbox-remote.h"

/* --- showing and storing ----------------------------------------------------------- */

const char *mailbox_name_show(const struct namespace *ns, const char *name,
			      struct cv_pool *pool)
{
	char *shown;

	if (ns->inbox && strcmp(name, "INBOX") == 0)
		return "INBOX";
	shown = pool_printf(pool, "%s%s", ns->prefix, name);
	for (char *p = shown + strlen(ns->prefix); *p != '\0'; p++) {
		if (*p == ns->separator && ns->separator != '/')
			return NULL;
		if (*p == '/')
			*p = ns->separator;
	}
	return shown;
}

const char *mailbox_name_store(const struct namespace *ns, const char *name,
			       struct cv_pool *pool)
{
	char *stored = pool_strdup(pool, name);
	size_t len;

	for (char *p = stored; *p != '\0'; p++) {
		if (*p == ns->separator)
			*p = '/';
	}
	/* [RFC9051 5.1] INBOX has no case; its children share it */
	len = strcspn(stored, "/");
	if (len == 5 && strncasecmp(stored, "INBOX", 5) == 0)
		memcpy(stored, "INBOX", 5);
	return stored;
}

const struct mailbox_config *
mailbox_config_find(const struct namespace *ns, const char *name)
{
	for (uint32_t i = 0; i < ns->mailbox_count; i++) {
		if (strcmp(ns->mailboxes[i].name, name) == 0)
			return &ns->mailboxes[i];
	}
	return NULL;
}

/* --- resolving ---------------------------------------------------------------------- */

static struct namespace *inbox_namespace(struct cv_user *user)
{
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		if (user->namespaces[i].inbox)
			return &user->namespaces[i];
	}
	return NULL;
}

static bool prefix_matches(const struct namespace *ns, const char *name)
{
	size_t len = strlen(ns->prefix);

	if (strncmp(ns->prefix, name, len) == 0)
		return true;
	/* a prefix "INBOX." has no case either */
	return len > 5 && strncasecmp(ns->prefix, "INBOX", 5) == 0 &&
		ns->prefix[5] == ns->separator &&
		strncasecmp(name, "INBOX", 5) == 0 &&
		strncmp(ns->prefix + 5, name + 5, len - 5) == 0;
}

struct store *mailbox_own_store(struct cv_user *user)
{
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		if (user->namespaces[i].inbox)
			return user->namespaces[i].store;
	}
	return NULL;
}

struct namespace *mailbox_namespace_find(struct cv_user *user,
					 const char *name)
{
	struct namespace *best = NULL;
	size_t best_len = 0;

	if (strcasecmp(name, "INBOX") == 0)
		return inbox_namespace(user);
	for (const struct shared_prefix *prefix = user->shared;
	     prefix != NULL; prefix = prefix->next) {
		struct remote *remote;

		if (strncmp(name, prefix->fixed, strlen(prefix->fixed)) != 0)
			continue;
		remote = remote_find(user, name);
		return remote == NULL ? NULL : &remote->ns;
	}
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		struct namespace *ns = &user->namespaces[i];
		size_t len = strlen(ns->prefix);

		if (prefix_matches(ns, name) &&
		    (best == NULL || len > best_len)) {
			best = ns;
			best_len = len;
		}
	}
	return best;
}

/* What no namespace and no driver may accept. */
static const char *name_fault(const char *name, const struct namespace *ns)
{
	size_t len = strlen(name);
	uint32_t code;

	if (len == 0)
		return "it is empty";
	if (len > MAILBOX_NAME_BYTES_MAX)
		return "it is too long";
	if (name[0] == ns->separator || name[len - 1] == ns->separator)
		return "it begins or ends with the separator";
	for (size_t at = 0, n; at < len; at += n) {
		n = utf8_decode(name + at, len - at, &code);
		if (n == 0)
			return "it is not valid UTF-8";
		if (code < 0x20 || (code >= 0x7f && code < 0xa0) ||
		    code == 0x2028 || code == 0x2029)
			return "control characters are not allowed";
		if (name[at] == ns->separator && at + 1 < len &&
		    name[at + 1] == ns->separator)
			return "it has an empty level";
		if (code == '/' && ns->separator != '/')
			return "it contains '/'";
	}
	return NULL;
}

int mailbox_resolve(struct cv_user *user, const char *name,
		    struct cv_pool *pool, struct mailbox_ref *ref_r,
		    struct cv_error *err)
{
	struct namespace *ns = mailbox_namespace_find(user, name);
	const char *rest, *fault;
	int ret;

	/* what others have shared is not reached here: mailbox-route.c */
	if (ns == NULL || ns->remote != NULL) {
		FAIL(err, CV_E_NOT_FOUND, "no namespace for '%s'", name);
		return error_set_client(err, "Mailbox doesn't exist.");
	}
	rest = strcasecmp(name, "INBOX") == 0 ? "INBOX" :
		name + strlen(ns->prefix);
	fault = name_fault(rest, ns);
	if (fault != NULL) {
		FAIL(err, CV_E_PERM, "invalid mailbox name '%s': %s", name,
		     fault);
		return error_set_client(err, "Invalid mailbox name: %s.",
					fault);
	}
	ref_r->ns = ns;
	ref_r->store = ns->store;
	ref_r->name = mailbox_name_store(ns, rest, pool);
	/* only one namespace has INBOX */
	if (!ns->inbox && strcmp(ref_r->name, "INBOX") == 0) {
		FAIL(err, CV_E_PERM, "'%s' is not the inbox", name);
		return error_set_client(err, "Invalid mailbox name.");
	}
	ref_r->span = cv_span_of(ref_r->name);
	ret = store_open(ns->store, err);
	if (ret < 0)
		return ret;
	return ns->store->driver->name_check(ns->store->root, ref_r->span,
					     err);
}

int mailbox_new_name_check(struct cv_user *user, const char *name,
			   struct cv_error *err)
{
	const struct namespace *ns = mailbox_namespace_find(user, name);

	if (ns == NULL || strncmp(name, ns->prefix, strlen(ns->prefix)) != 0 ||
	    name[strlen(ns->prefix)] != '~')
		return CV_OK;
	FAIL(err, CV_E_PERM, "invalid mailbox name '%s': it begins with '~', "
	     "which is no home directory here, and Dovecot would not open it",
	     name);
	return error_set_client(err, "Invalid mailbox name: it begins with "
				"'~'.");
}

static int auto_subscribe(struct mailbox_ref *ref, struct cv_error *err)
{
	struct account_txn *txn;
	int ret = store_begin(ref->store, &txn, err);

	if (ret < 0)
		return ret;
	ret = txn_subscribe(txn, ref->span, true, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	ret = account_commit(&txn, ACCOUNT_SYNC, err);
	return ret < 0 ? ret : store_subscriptions_publish(ref->store, err);
}

static int auto_create(struct mailbox_ref *ref,
		       struct account_folder **folder_r, struct cv_error *err)
{
	const struct mailbox_config *config =
		mailbox_config_find(ref->ns, ref->name);
	int ret = CV_OK;

	if (ref->store->user->accessor != NULL ||
	    ref->store->user->inspect != USER_INSPECT_NONE ||
	    ref->store->frozen || ref->store->passing ||
	    (strcmp(ref->name, "INBOX") != 0 &&
	     (config == NULL || config->auto_create == MAILBOX_AUTO_NO)))
		return CV_NOT_FOUND;
	/* this first: once the mailbox is there nobody does it any more */
	if (config != NULL && config->auto_create == MAILBOX_AUTO_SUBSCRIBE)
		ret = auto_subscribe(ref, err);
	return ret < 0 ? ret :
		store_folder_create(ref->store, ref->span,
				    config == NULL ? 0 : config->use,
				    folder_r, err);
}

int mailbox_find(struct cv_user *user, const char *name, struct cv_pool *pool,
		 struct mailbox_ref *ref_r, struct account_folder **folder_r,
		 struct cv_error *err)
{
	int ret = mailbox_resolve(user, name, pool, ref_r, err);

	if (ret < 0)
		return ret;
	ret = account_refresh(ref_r->store->account, err);
	if (ret < 0)
		return ret;
	*folder_r = account_folder_find(ref_r->store->account, ref_r->span);
	if (*folder_r != NULL)
		return CV_OK;
	/* made by another program since the last look? */
	ret = store_folders_refresh(ref_r->store, true, err);
	/* what there is no room to take in may be another one */
	if (ret < 0 && (ret != CV_E_NO_SPACE ||
			!store_folder_absent(ref_r->store, ref_r->span)))
		return ret;
	*folder_r = account_folder_find(ref_r->store->account, ref_r->span);
	if (*folder_r != NULL)
		return CV_OK;
	ret = auto_create(ref_r, folder_r, err);
	if (ret < 0)
		return ret;
	if (ret == CV_OK) {
		*folder_r = account_folder_find(ref_r->store->account,
						ref_r->span);
		if (*folder_r != NULL)
			return CV_OK;
	}
	FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' does not exist", name);
	return error_set_client(err, "Mailbox doesn't exist.");
}

int mailbox_changing(struct cv_user *user, const char *change,
		     const char *name, const char *new_name,
		     struct cv_error *err)
{
	struct cv_mailbox_ctx ctx = {
		CV_SIZED(cv_mailbox_ctx), .user = user, .err = err,
		.change = change, .name = name, .new_name = new_name,
	};
	int ret = hook_mailbox_changing(&ctx);

	return ret < 0 ? ret : CV_OK;
}
