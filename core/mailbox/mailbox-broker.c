/* mailbox-broker.c - another user's session works on this mail.
 *
 * Runs as the owner, in a process of its own for each session that asks, and
 * trusts nothing that comes in: names are looked up in the owner's own
 * namespace with the inbox and nowhere else, each operation goes through the
 * same functions, and so the same checks of rights, as the owner's sessions
 * do.  Bytes of messages are handed over as sealed memory files: a descriptor
 * of a blob would show more than the section that was asked for, and what
 * other messages are in the same file.
 *
 * \Seen is the reader's own and is not touched here. */
#include "mailbox-annotations.h"
#include "mailbox-broker-private.h"

#include <poll.h>
#include <unistd.h>

enum {
	WAIT_MSECS = 60000,
	/* the channel, the views, the host, all mailboxes */
	POLLED = 3 + REMOTE_VIEWS_MAX,
};

/* --- what requests name --------------------------------------------------------- */

static int no_mailbox(struct request *q)
{
	FAIL(&q->err, CV_E_NOT_FOUND, "no such mailbox");
	return error_set_client(&q->err, "Mailbox doesn't exist.");
}

/* A name that cannot be gets the answer of one that is not: whose owner does
 * not exist gets that, too. */
int broker_take_name(struct request *q, const char **name_r)
{
	struct broker *b = q->broker;
	const char *name = remote_get_str(&q->in, REMOTE_NAME_MAX);
	struct mailbox_ref ref;
	int ret;

	*name_r = mailbox_name_show(b->ns, name, b->pool);
	if (*name == '\0' || *name_r == NULL ||
	    mailbox_namespace_find(b->user, *name_r) != b->ns)
		return no_mailbox(q);
	ret = mailbox_resolve(b->user, *name_r, b->pool, &ref, &q->err);
	return ret == CV_E_PERM || ret == CV_E_NOT_FOUND ? no_mailbox(q) :
		ret;
}

/* --- names ---------------------------------------------------------------------- */

/* The request has been read; all folders are known. */
static int names_begin(struct request *q)
{
	struct store *store = q->broker->ns->store;
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK)
		ret = store_open(store, &q->err);
	if (ret == CV_OK)
		ret = account_refresh(store->account, &q->err);
	if (ret >= 0)
		ret = store_folders_refresh(store, false, &q->err);
	return ret < 0 ? ret : CV_OK;
}

static struct cv_span guid_span(const struct account_folder *folder)
{
	return cv_span((const char *)folder->guid.bytes,
		       sizeof(folder->guid.bytes));
}

static int op_list(struct request *q)
{
	struct broker *b = q->broker;
	struct account_folder *folder;
	size_t at = 0;
	int ret = names_begin(q);

	if (ret < 0)
		return ret;
	while ((folder = account_folder_next(b->ns->store->account, &at)) !=
	       NULL) {
		if (folder->deleted ||
		    mailbox_permit(mailbox_rights(b->user, b->ns, folder),
				   MAILBOX_OP_LIST, folder->name, NULL) < 0)
			continue;
		remote_put_str(&q->out, folder->name);
		remote_put_u32(&q->out, (folder->attributes & 0xff00) <<
			     MAILBOX_USE_SHIFT);
		remote_put_span(&q->out, guid_span(folder));
	}
	return CV_OK;
}

/* The UIDs, too, when whoever asks counts unseen ones himself. */
static int put_uids_of(struct request *q, const char *name)
{
	struct broker *b = q->broker;
	struct account_ranges uids = { .pool = b->pool };
	struct account_folder *folder;
	struct mailbox_ref ref;
	uint32_t rows;
	int ret = mailbox_find_for(b->user, name, MAILBOX_OP_STATUS, b->pool,
				   &ref, &folder, &q->err);

	if (ret == CV_OK)
		ret = account_folder_load(folder, &q->err);
	if (ret < 0)
		return ret;
	rows = account_row_count(folder);
	for (uint32_t row = 0; row < rows; row++) {
		if (account_row_alive(folder, row))
			ranges_add(&uids, account_row_uid(folder, row));
	}
	remote_put_set(&q->out, ranges_set(&uids));
	return CV_OK;
}

static int op_status(struct request *q)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	const char *name;
	uint32_t items;
	int ret = broker_take_name(q, &name);

	if (ret < 0)
		return ret;
	items = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_status(q->broker->user, name, items, &s,
				     &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, s.messages);
	remote_put_u32(&q->out, s.recent);
	remote_put_u32(&q->out, s.uidnext);
	remote_put_u32(&q->out, s.uidvalidity);
	remote_put_u32(&q->out, s.deleted);
	remote_put_u64(&q->out, s.size_bytes);
	remote_put_u64(&q->out, s.highestmodseq);
	remote_put_span(&q->out, cv_span((const char *)s.guid, 16));
	remote_put_u64(&q->out, s.deleted_bytes);
	if (items & CV_STATUS_UNSEEN)
		return put_uids_of(q, name);
	remote_put_set(&q->out, (struct cv_set){ NULL, 0 });
	return CV_OK;
}

static int op_create(struct request *q)
{
	const char *name;
	uint32_t use;
	int ret = broker_take_name(q, &name);

	if (ret < 0) {
		/* the same answer as where there is no right to */
		FAIL(&q->err, CV_E_DENIED, "no such name");
		return error_set_client(&q->err, "Permission denied.");
	}
	use = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	return ret < 0 ? ret : mailbox_create(q->broker->user, name, use,
					      &q->err);
}

static int op_remove(struct request *q)
{
	const char *name;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	return ret < 0 ? ret : mailbox_remove(q->broker->user, name, &q->err);
}

static int op_rename(struct request *q)
{
	const char *name, *new_name;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = broker_take_name(q, &new_name);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	/* [RFC9051 6.3.6] empties it: that is for whom it belongs to */
	if (ret == CV_OK && strcmp(name, "INBOX") == 0) {
		FAIL(&q->err, CV_E_DENIED, "another user's INBOX");
		ret = error_set_client(&q->err, "Permission denied.");
	}
	return ret < 0 ? ret : mailbox_rename(q->broker->user, name, new_name,
					      &q->err);
}

static int op_quota(struct request *q)
{
	struct cv_quota_usage u = { CV_SIZED(cv_quota_usage) };
	struct account_folder *folder;
	struct mailbox_ref ref;
	const char *name;
	uint32_t index;
	int ret = broker_take_name(q, &name);

	if (ret < 0)
		return ret;
	index = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	/* [RFC9208 4.2] who may read a mailbox may see how full it is */
	if (ret == CV_OK)
		ret = mailbox_find_for(q->broker->user, name,
				       MAILBOX_OP_STATUS, q->broker->pool,
				       &ref, &folder, &q->err);
	if (ret == CV_OK)
		ret = mailbox_quota(q->broker->user, name, index, &u, &q->err);
	if (ret != CV_OK)
		return ret;
	remote_put_str(&q->out, u.root);
	remote_put_u64(&q->out, u.bytes);
	remote_put_u64(&q->out, u.messages);
	remote_put_u64(&q->out, u.used_bytes);
	remote_put_u64(&q->out, u.used_messages);
	remote_put_u64(&q->out, u.used_mailboxes);
	remote_put_u64(&q->out, u.mailboxes);
	remote_put_u64(&q->out, u.message_bytes);
	remote_put_u32(&q->out, u.resources);
	return CV_OK;
}

/* --- annotations ---------------------------------------------------------------- */

static int op_metadata_list(struct request *q)
{
	struct broker *b = q->broker;
	struct cv_metadata *entries;
	const char *name;
	uint32_t count;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = annotations_list_shared(b->user, name, b->pool,
					      &entries, &count, &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, count);
	for (uint32_t i = 0; i < count; i++) {
		remote_put_span(&q->out, entries[i].entry);
		remote_put_span(&q->out, entries[i].value);
	}
	return CV_OK;
}

static int op_metadata_set(struct request *q)
{
	struct broker *b = q->broker;
	struct cv_metadata *entries;
	const char *name;
	uint32_t count;
	int ret = broker_take_name(q, &name);

	if (ret < 0)
		return ret;
	count = remote_get_u32(&q->in);
	if (count > CV_METADATA_ENTRIES_MAX)
		return FAIL(&q->err, CV_E_SYNTAX, "%u entries", count);
	entries = pool_new_array(b->pool, struct cv_metadata, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		bool present;

		entries[i].entry = remote_get_span(&q->in, ACCOUNT_KEY_MAX);
		present = remote_get_u32(&q->in) != 0;
		entries[i].value = remote_get_span(&q->in,
						   CV_METADATA_VALUE_MAX);
		if (!present)
			entries[i].value = CV_SPAN_NONE;
		else if (entries[i].value.data == NULL)
			entries[i].value = CV_SPAN("");
	}
	ret = remote_get_end(&q->in, &q->err);
	return ret < 0 ? ret : annotations_set_shared(b->user, name, entries,
						      count, &q->err);
}

static void put_annotations(struct request *q, const uint64_t key[2],
			    struct account_folder *folder)
{
	struct cv_span entry, value;
	size_t at = 0;

	remote_put_str(&q->out, folder->name);
	remote_put_span(&q->out, guid_span(folder));
	while (account_metadata_next(q->broker->ns->store->account, folder,
				     &at, &entry, &value)) {
		/* the rest is the owner's own */
		if (!cv_span_begins(entry, CV_SPAN("/shared/")))
			continue;
		remote_put_span(&q->out, entry);
		remote_put_u64(&q->out, annotation_hash(key, value));
	}
	remote_put_span(&q->out, CV_SPAN(""));
}

/* Of all mailboxes, for whoever compares them: values as hashes. */
static int op_annotations(struct request *q)
{
	struct broker *b = q->broker;
	struct account_folder *folder;
	uint64_t key[2];
	size_t at = 0;
	int ret;

	key[0] = remote_get_u64(&q->in);
	key[1] = remote_get_u64(&q->in);
	ret = names_begin(q);
	if (ret < 0)
		return ret;
	while ((folder = account_folder_next(b->ns->store->account, &at)) !=
	       NULL) {
		if (!folder->deleted && annotations_are_shown(
				mailbox_rights(b->user, b->ns, folder)))
			put_annotations(q, key, folder);
	}
	return CV_OK;
}

/* --- rights --------------------------------------------------------------------- */

static int op_rights(struct request *q)
{
	const char *name;
	uint32_t rights;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_my_rights(q->broker->user, name, &rights,
					&q->err);
	if (ret == CV_OK)
		remote_put_u32(&q->out, rights);
	return ret;
}

static int op_acl_get(struct request *q)
{
	const char *name;
	struct acl acl;
	struct cv_text text;
	int ret = broker_take_name(q, &name);

	acl_init(&acl, q->broker->pool);
	cv_text_init(&text, q->broker->pool);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_acl_get(q->broker->user, name, &acl, &q->err);
	if (ret < 0)
		return ret;
	acl_format(&acl, &text);
	remote_put_span(&q->out, cv_text_span(&text));
	return CV_OK;
}

static int op_acl_change(struct request *q)
{
	struct acl_entry entry;
	struct cv_span identifier;
	const char *name;
	uint32_t how;
	int ret = broker_take_name(q, &name);

	if (ret < 0)
		return ret;
	identifier = remote_get_span(&q->in, ACL_NAME_MAX + 32);
	ret = acl_identifier_parse(identifier, q->broker->pool, &entry,
				   &q->err);
	entry.rights = remote_get_u32(&q->in) & ACL_ALL;
	how = remote_get_u32(&q->in);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && how > ACL_FORGET)
		ret = FAIL(&q->err, CV_E_SYNTAX, "no such change");
	return ret < 0 ? ret :
		mailbox_acl_change(q->broker->user, name, &entry,
				   (enum acl_change)how, &q->err);
}

/* --- serving -------------------------------------------------------------------- */

typedef int request_fn(struct request *q);

static request_fn *const operations[REMOTE_OPS] = {
	[REMOTE_LIST] = op_list,
	[REMOTE_STATUS] = op_status,
	[REMOTE_CREATE] = op_create,
	[REMOTE_REMOVE] = op_remove,
	[REMOTE_RENAME] = op_rename,
	[REMOTE_QUOTA] = op_quota,
	[REMOTE_RIGHTS] = op_rights,
	[REMOTE_ACL_GET] = op_acl_get,
	[REMOTE_ACL_CHANGE] = op_acl_change,
	[REMOTE_METADATA_LIST] = op_metadata_list,
	[REMOTE_METADATA_SET] = op_metadata_set,
	[REMOTE_ANNOTATIONS] = op_annotations,
	[REMOTE_OPEN] = broker_op_open,
	[REMOTE_CLOSE] = broker_op_close,
	[REMOTE_WATCH] = broker_op_watch,
	[REMOTE_WATCH_ALL] = broker_op_watch_all,
	[REMOTE_PLACE] = broker_op_place,
	[REMOTE_SYNC] = broker_op_sync,
	[REMOTE_VIEW] = broker_op_view,
	[REMOTE_MESSAGES] = broker_op_messages,
	[REMOTE_SECTION] = broker_op_section,
	[REMOTE_STORE] = broker_op_store,
	[REMOTE_EXPUNGE] = broker_op_expunge,
	[REMOTE_COPY] = broker_op_copy,
	[REMOTE_SEARCH] = broker_op_search,
	[REMOTE_VANISHED] = broker_op_vanished,
	[REMOTE_FREEZE] = broker_op_freeze,
	[REMOTE_THAW] = broker_op_thaw,
	[REMOTE_SAVE_BEGIN] = broker_op_save_begin,
	[REMOTE_SAVE_ADD] = broker_op_save_add,
	[REMOTE_SAVE_COMMIT] = broker_op_save_commit,
	[REMOTE_SAVE_ABORT] = broker_op_save_abort,
	[REMOTE_SAVE_REPLACE] = broker_op_save_replace,
	[REMOTE_SORT] = broker_op_sort,
	[REMOTE_THREAD] = broker_op_thread,
	[REMOTE_URL] = broker_op_url,
};

static int answer(struct broker *b, struct remote_message *m,
		  struct cv_error *err)
{
	struct request q = { .broker = b, .fd_in = m->fd, .fd_out = -1,
		.in = { .rest = m->payload, .pool = b->pool },
		.err = ERROR_NONE };
	int ret;

	cv_text_init(&q.out, b->pool);
	if (m->number >= REMOTE_OPS || operations[m->number] == NULL)
		ret = FAIL(&q.err, CV_E_SYNTAX, "no operation %u", m->number);
	else
		ret = operations[m->number](&q);
	if (ret < 0 && ret != CV_E_NOT_FOUND && ret != CV_E_DENIED)
		log_warning("store", "for %s: %s", b->user->accessor == NULL ?
			    "nobody" : b->user->accessor->user, q.err.text);
	ret = remote_send(b->channel, REMOTE_MSG_ANSWER, (uint32_t)-ret,
			  ret < 0 ? q.err.client : "",
			  ret == CV_OK ? &q.out : NULL,
			  ret == CV_OK ? q.fd_out : -1, err);
	if (q.fd_in >= 0)
		(void)close(q.fd_in);
	if (q.fd_out >= 0)
		(void)close(q.fd_out);
	return ret;
}

/* Mail has changed: whoever idles over there gets a byte. */
static void ring(struct broker *b, const struct pollfd *fds)
{
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		struct served_view *view = &b->views[i];

		if (view->box == NULL || view->bell < 0 ||
		    fds[1 + i].revents == 0)
			continue;
		(void)!write(view->bell, "", 1);
		mailbox_watch_clear(view->box);
	}
	if (fds[2 + REMOTE_VIEWS_MAX].revents != 0)
		broker_heard(b);
}

static nfds_t collect(struct broker *b, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ b->channel, POLLIN, 0 };
	fds[1 + REMOTE_VIEWS_MAX] = (struct pollfd){ b->host == NULL ? -1 :
		b->host->wake_fd(b->host->context), POLLIN, 0 };
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		struct served_view *view = &b->views[i];
		bool waits = view->box != NULL && view->bell >= 0;

		fds[1 + i] = (struct pollfd){ waits ?
			mailbox_watch_fd(view->box) : -1, POLLIN, 0 };
	}
	fds[2 + REMOTE_VIEWS_MAX] = (struct pollfd){ broker_watch_fd(b),
						     POLLIN, 0 };
	return POLLED;
}

static void broker_end(struct broker *b)
{
	mailbox_save_abort(&b->save);
	broker_unwatch(b);
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		if (b->views[i].box != NULL)
			broker_view_close(&b->views[i]);
	}
	pool_destroy(&b->pool);
}

static bool find_namespace(struct broker *b)
{
	for (uint32_t i = 0; i < b->user->namespace_count; i++) {
		if (b->user->namespaces[i].inbox)
			b->ns = &b->user->namespaces[i];
	}
	return b->ns != NULL;
}

int mailbox_broker_run(struct cv_user *owner, int channel,
		       const struct mailbox_broker_host *host,
		       struct cv_error *err)
{
	struct broker b = { .user = owner, .channel = channel, .host = host,
		.bell = -1 };
	struct pollfd fds[POLLED];
	struct remote_message m;
	int ret = CV_OK;

	if (owner->accessor == NULL || !find_namespace(&b))
		return FAIL(err, CV_E_CONFIG, "nobody to serve");
	b.pool = pool_create("broker");
	while (ret == CV_OK && (host == NULL ||
				!host->stopping(host->context))) {
		if (poll(fds, collect(&b, fds), WAIT_MSECS) <= 0) {
			store_idle(b.ns->store);
			continue;
		}
		ring(&b, fds);
		if (fds[1 + REMOTE_VIEWS_MAX].revents != 0)
			host->woken(host->context);
		if (fds[0].revents == 0)
			continue;
		ret = remote_receive(channel, 0, REMOTE_MSG_REQUEST, b.pool,
				     &m, err);
		if (ret == CV_OK)
			ret = answer(&b, &m, err);
		else if (ret == CV_NOT_FOUND)
			ret = CV_OK;
		pool_reset(b.pool);
	}
	broker_end(&b);
	return ret == CV_EOF ? CV_OK : ret;
}
