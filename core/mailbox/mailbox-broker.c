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
#include "mailbox-private.h"
#include "mailbox-broker.h"
#include "remote-wire.h"

#include <poll.h>
#include <unistd.h>

enum {
	BATCH_BYTES = REMOTE_INLINE_MAX - 4096, SECTION_INLINE = 8192,
	WAIT_MSECS = 60000,
};
#define SECTION_MAX ((uint64_t)1 << 30)

struct served_view {
	struct cv_mailbox *box;		/* NULL: free */
	uint32_t id;
	int bell;			/* -1: nobody waits */
};

struct broker {
	struct cv_user *user;
	struct namespace *ns;
	int channel;
	struct served_view views[REMOTE_VIEWS_MAX];
	struct cv_save *save;
	struct cv_pool *pool;		/* of a request */
};

struct request {
	struct broker *broker;
	struct remote_reader in;
	struct cv_text out;
	int fd_in, fd_out;		/* -1: none */
	struct cv_error err;
};

/* --- what requests name --------------------------------------------------------- */

static int no_mailbox(struct request *q)
{
	FAIL(&q->err, CV_E_NOT_FOUND, "no such mailbox");
	return error_set_client(&q->err, "Mailbox doesn't exist.");
}

/* A name that cannot be gets the answer of one that is not: whose owner does
 * not exist gets that, too. */
static int take_name(struct request *q, const char **name_r)
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

static struct served_view *view_find(struct broker *b, uint32_t id)
{
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		if (b->views[i].box != NULL && b->views[i].id == id)
			return &b->views[i];
	}
	return NULL;
}

static int take_box(struct request *q, struct cv_mailbox **box_r)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));

	if (view == NULL)
		return FAIL(&q->err, CV_E_SYNTAX, "no such view");
	*box_r = view->box;
	return CV_OK;
}

static int take_seqs(struct request *q, struct cv_mailbox *box,
		     struct cv_set *seqs_r)
{
	struct cv_set uids = remote_get_set(&q->in);

	return mailbox_uids_to_seqs(box, uids, q->broker->pool, seqs_r);
}

static void put_seqs_as_uids(struct request *q, struct cv_mailbox *box,
			     struct cv_set seqs)
{
	struct account_ranges uids;

	mailbox_seqs_to_uids(box, seqs, q->broker->pool, &uids);
	remote_put_set(&q->out, ranges_set(&uids));
}

/* --- names ---------------------------------------------------------------------- */

static int op_list(struct request *q)
{
	struct broker *b = q->broker;
	struct store *store = b->ns->store;
	struct account_folder *folder;
	size_t at = 0;
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK)
		ret = store_open(store, &q->err);
	if (ret == CV_OK)
		ret = account_refresh(store->account, &q->err);
	if (ret >= 0)
		ret = store_folders_refresh(store, false, &q->err);
	if (ret < 0)
		return ret;
	while ((folder = account_folder_next(store->account, &at)) != NULL) {
		if (folder->deleted ||
		    mailbox_permit(mailbox_rights(b->user, b->ns, folder),
				   MAILBOX_OP_LIST, folder->name, NULL) < 0)
			continue;
		remote_put_str(&q->out, folder->name);
		remote_put_u32(&q->out, (folder->attributes & 0xff00) <<
			     MAILBOX_USE_SHIFT);
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
	int ret = take_name(q, &name);

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
	if (items & CV_STATUS_UNSEEN)
		return put_uids_of(q, name);
	remote_put_set(&q->out, (struct cv_set){ NULL, 0 });
	return CV_OK;
}

static int op_create(struct request *q)
{
	const char *name;
	uint32_t use;
	int ret = take_name(q, &name);

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
	int ret = take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	return ret < 0 ? ret : mailbox_remove(q->broker->user, name, &q->err);
}

static int op_rename(struct request *q)
{
	const char *name, *new_name;
	int ret = take_name(q, &name);

	if (ret == CV_OK)
		ret = take_name(q, &new_name);
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
	int ret = take_name(q, &name);

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
	return CV_OK;
}

/* --- rights --------------------------------------------------------------------- */

static int op_rights(struct request *q)
{
	const char *name;
	uint32_t rights;
	int ret = take_name(q, &name);

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
	int ret = take_name(q, &name);

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
	int ret = take_name(q, &name);

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

/* --- views ---------------------------------------------------------------------- */

static void put_state(struct request *q, struct cv_mailbox *box)
{
	struct cv_mailbox_state s = { CV_SIZED(cv_mailbox_state) };

	mailbox_state(box, &s);
	remote_put_u32(&q->out, s.readonly);
	remote_put_u32(&q->out, s.may_create_keywords);
	remote_put_u32(&q->out, s.permanent_flags);
	remote_put_u32(&q->out, mailbox_box_rights(box));
	remote_put_u32(&q->out, s.uidvalidity);
	remote_put_u32(&q->out, box->uidnext);
	remote_put_u64(&q->out, s.highestmodseq);
	remote_put_span(&q->out, cv_span((const char *)s.guid, 16));
	remote_put_keywords(&q->out, &s.keywords);
	remote_put_set(&q->out, ranges_set(&box->recent));
}

static void put_all_uids(struct request *q, struct cv_mailbox *box)
{
	struct account_ranges uids = { .pool = q->broker->pool };

	for (uint32_t i = 0; i < box->count; i++)
		ranges_add(&uids, box->uids[i]);
	remote_put_set(&q->out, ranges_set(&uids));
}

static int op_open(struct request *q)
{
	struct broker *b = q->broker;
	struct served_view *view = NULL;
	uint32_t id = remote_get_u32(&q->in), flags = remote_get_u32(&q->in);
	const char *name;
	int ret = take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && view_find(b, id) != NULL)
		ret = FAIL(&q->err, CV_E_SYNTAX, "view %u is open", id);
	for (size_t i = 0; i < REMOTE_VIEWS_MAX && view == NULL; i++) {
		if (b->views[i].box == NULL)
			view = &b->views[i];
	}
	if (ret == CV_OK && view == NULL)
		ret = FAIL(&q->err, CV_E_LIMIT, "too many open views");
	if (ret == CV_OK)
		ret = mailbox_open(b->user, name,
				   flags & CV_MAILBOX_READONLY, &view->box,
				   &q->err);
	if (ret < 0)
		return ret;
	view->id = id;
	view->bell = -1;
	put_state(q, view->box);
	put_all_uids(q, view->box);
	return CV_OK;
}

static void view_close(struct served_view *view)
{
	mailbox_close(&view->box);
	if (view->bell >= 0)
		(void)close(view->bell);
	*view = (struct served_view){ .bell = -1 };
}

static int op_close(struct request *q)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && view != NULL)
		view_close(view);
	return ret;
}

/* A byte will be sent over the descriptor when something has changed. */
static int op_watch(struct request *q)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && (view == NULL || q->fd_in < 0 ||
			     view->bell >= 0))
		ret = FAIL(&q->err, CV_E_SYNTAX, "nothing to watch");
	if (ret < 0)
		return ret;
	view->bell = q->fd_in;
	q->fd_in = -1;
	/* what changes from the answer on is heard */
	(void)mailbox_watch_fd(view->box);
	return CV_OK;
}

static int op_sync(struct request *q)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };
	struct account_ranges added = { .pool = q->broker->pool };
	struct cv_mailbox *box;
	uint32_t flags, last;
	int ret = take_box(q, &box);

	if (ret < 0)
		return ret;
	flags = remote_get_u32(&q->in) & (CV_SYNC_NO_EXPUNGES | CV_SYNC_FULL);
	ret = remote_get_end(&q->in, &q->err);
	last = box->count == 0 ? 0 : box->uids[box->count - 1];
	if (ret == CV_OK)
		ret = mailbox_sync(box, flags, &c, &q->err);
	if (ret < 0)
		return ret;
	for (uint32_t i = box->count; i > 0 && box->uids[i - 1] > last; i--)
		added.count++;
	last = box->count - (uint32_t)added.count;
	added.count = 0;
	for (uint32_t i = last; i < box->count; i++)
		ranges_add(&added, box->uids[i]);
	remote_put_u32(&q->out, c.messages_changed);
	remote_put_u32(&q->out, c.recent_changed);
	remote_put_u32(&q->out, c.keywords_changed);
	remote_put_set(&q->out, c.expunged_uids);
	remote_put_set(&q->out, ranges_set(&added));
	put_seqs_as_uids(q, box, c.flags);
	put_state(q, box);
	return CV_OK;
}

/* The whole view, after a full sync. */
static int op_view(struct request *q)
{
	struct cv_mailbox *box;
	int ret = take_box(q, &box);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_sync(box, CV_SYNC_FULL, NULL, &q->err);
	if (ret < 0)
		return ret;
	put_state(q, box);
	put_all_uids(q, box);
	return CV_OK;
}

/* --- messages ------------------------------------------------------------------- */

static void put_message(struct request *q, const struct cv_message_data *d)
{
	remote_put_u32(&q->out, d->uid);
	remote_put_u32(&q->out, d->flags);
	remote_put_keywords(&q->out, &d->keywords);
	remote_put_u64(&q->out, d->modseq);
	remote_put_u64(&q->out, (uint64_t)d->internal_date);
	remote_put_u64(&q->out, (uint64_t)d->save_date);
	remote_put_u64(&q->out, d->size_bytes);
	remote_put_span(&q->out, d->envelope);
	remote_put_span(&q->out, d->bodystructure);
	remote_put_span(&q->out, d->body);
	remote_put_span(&q->out, cv_span((const char *)d->guid, 16));
}

/* As many of them as fit into a message, at least one. */
static int op_messages(struct request *q)
{
	struct cv_mailbox *box;
	struct cv_set seqs;
	uint32_t items;
	int ret = take_box(q, &box);

	if (ret < 0)
		return ret;
	items = remote_get_u32(&q->in);
	ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	for (uint32_t i = 0; i < seqs.count && ret >= 0; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last &&
		     q->out.len < BATCH_BYTES; seq++) {
			struct cv_message_data d = {
				CV_SIZED(cv_message_data) };

			ret = mailbox_message(box, seq, items, &d, &q->err);
			if (ret == CV_OK)
				put_message(q, &d);
			else if (ret < 0)
				break;
		}
	}
	return ret < 0 ? ret : CV_OK;
}

static int take_section(struct request *q, struct cv_section *section)
{
	struct cv_pool *pool = q->broker->pool;
	uint32_t *part;
	struct cv_span *fields;

	*section = (struct cv_section){ CV_SIZED(cv_section) };
	section->kind = remote_get_u32(&q->in);
	section->part_count = remote_get_u32(&q->in);
	if (section->part_count > q->in.rest.len / 4)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	part = pool_new_array(pool, uint32_t, section->part_count + 1);
	for (uint32_t i = 0; i < section->part_count; i++)
		part[i] = remote_get_u32(&q->in);
	section->field_count = remote_get_u32(&q->in);
	if (section->field_count > q->in.rest.len / 4)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	fields = pool_new_array(pool, struct cv_span,
				section->field_count + 1);
	for (uint32_t i = 0; i < section->field_count; i++)
		fields[i] = remote_get_span(&q->in, REMOTE_NAME_MAX);
	section->part = part;
	section->fields = fields;
	if (section->kind < CV_SECTION_ALL ||
	    section->kind > CV_SECTION_FIELDS_NOT)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	return remote_get_end(&q->in, &q->err);
}

static int copy_to_file(struct request *q, struct cv_stream *stream)
{
	struct cv_span part;
	int fd = remote_file_create(&q->err);
	int ret = fd < 0 ? fd : CV_OK;

	while (ret == CV_OK &&
	       (ret = stream_read(stream, &part, &q->err)) == CV_OK) {
		ret = remote_file_append(fd, part, &q->err);
		stream_skip(stream, part.len);
	}
	if (ret == CV_EOF)
		ret = remote_seal(fd, &q->err);
	if (ret < 0 && fd >= 0)
		(void)close(fd);
	if (ret == CV_OK)
		q->fd_out = fd;
	return ret;
}

static int op_section(struct request *q)
{
	struct cv_section section;
	struct cv_stream *stream;
	struct cv_mailbox *box;
	struct cv_text bytes;
	struct cv_set seqs;
	uint64_t size;
	int ret = take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = take_section(q, &section);
	if (ret < 0)
		return ret;
	if (seqs.count == 0)
		return CV_NOT_FOUND;
	ret = mailbox_section(box, seqs.ranges[0].first, &section, &stream,
			      &size, &q->err);
	if (ret != CV_OK)
		return ret;
	if (size > SECTION_MAX)
		return FAIL(&q->err, CV_E_LIMIT, "a section of %llu bytes",
			    (unsigned long long)size);
	cv_text_init(&bytes, q->broker->pool);
	if (size <= SECTION_INLINE)
		ret = stream_read_all(stream, &bytes, SECTION_INLINE, &q->err);
	else
		ret = copy_to_file(q, stream);
	remote_put_u64(&q->out, size);
	remote_put_span(&q->out, cv_span(cv_text_str(&bytes), bytes.len));
	return ret < 0 ? ret : CV_OK;
}

/* --- changing ------------------------------------------------------------------- */

static int op_store(struct request *q)
{
	struct cv_store_request r = { CV_SIZED(cv_store_request) };
	struct cv_set modified = { NULL, 0 };
	struct cv_mailbox *box;
	int ret = take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &r.seqs);
	if (ret < 0)
		return ret;
	r.change = remote_get_u32(&q->in);
	r.flags = remote_get_u32(&q->in) & CV_FLAGS_STORED;
	r.silent = remote_get_u32(&q->in) != 0;
	r.unchanged_since = remote_get_u64(&q->in);
	r.keywords = remote_get_keywords(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && (r.change < CV_FLAGS_ADD ||
			     r.change > CV_FLAGS_REPLACE))
		ret = FAIL(&q->err, CV_E_SYNTAX, "no such change");
	if (ret == CV_OK)
		ret = mailbox_store(box, &r, q->broker->pool, &modified,
				    &q->err);
	if (ret == CV_OK)
		put_seqs_as_uids(q, box, modified);
	return ret;
}

static int op_expunge(struct request *q)
{
	bool some, undeleted;
	struct cv_mailbox *box;
	struct cv_set uids;
	int ret = take_box(q, &box);

	if (ret < 0)
		return ret;
	some = remote_get_u32(&q->in) != 0;
	undeleted = remote_get_u32(&q->in) != 0;
	uids = remote_get_set(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && undeleted)
		ret = mailbox_permit(mailbox_box_rights(box),
				     MAILBOX_OP_MOVE_FROM, box->name,
				     &q->err);
	if (ret < 0)
		return ret;
	return undeleted ? mailbox_expunge_uids(box, &uids, &q->err) :
		mailbox_expunge(box, some ? &uids : NULL, &q->err);
}

static int op_copy(struct request *q)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_mailbox *box;
	struct cv_set seqs;
	const char *name;
	bool move;
	int ret = take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = take_name(q, &name);
	if (ret < 0)
		return ret;
	move = remote_get_u32(&q->in) != 0;
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_copy(box, seqs, name, move, q->broker->pool,
				   &result, &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, result.uidvalidity);
	remote_put_set(&q->out, result.source_uids);
	remote_put_set(&q->out, result.uids);
	remote_put_u32(&q->out, result.count);
	return CV_OK;
}

static int op_search(struct request *q)
{
	struct cv_search_query query = { CV_SIZED(cv_search_query) };
	struct cv_search_node *nodes;
	struct cv_mailbox *box;
	struct cv_set found;
	int ret = take_box(q, &box);

	if (ret < 0)
		return ret;
	query.count = remote_get_u32(&q->in);
	if (query.count == 0 || query.count > REMOTE_NODES_MAX)
		return FAIL(&q->err, CV_E_LIMIT, "a query of %u nodes",
			    query.count);
	nodes = pool_new_array(q->broker->pool, struct cv_search_node,
			       query.count);
	for (uint32_t i = 0; i < query.count; i++) {
		nodes[i].op = remote_get_u32(&q->in);
		nodes[i].first_child = remote_get_u32(&q->in);
		nodes[i].next = remote_get_u32(&q->in);
		nodes[i].flags = remote_get_u32(&q->in);
		nodes[i].set = remote_get_set(&q->in);
		nodes[i].field = remote_get_span(&q->in, REMOTE_TEXT_MAX);
		nodes[i].text = remote_get_span(&q->in, REMOTE_TEXT_MAX);
		nodes[i].day = (int64_t)remote_get_u64(&q->in);
		nodes[i].number = remote_get_u64(&q->in);
		/* whose sequence numbers would these be? */
		if (nodes[i].op == CV_SEARCH_SEQS)
			return FAIL(&q->err, CV_E_SYNTAX, "sequence numbers "
				    "in a query");
	}
	query.nodes = nodes;
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_search(box, &query, q->broker->pool, &found,
				     &q->err);
	if (ret == CV_OK)
		put_seqs_as_uids(q, box, found);
	return ret;
}

/* --- saving --------------------------------------------------------------------- */

static int op_save_begin(struct request *q)
{
	const char *name;
	int ret = take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	mailbox_save_abort(&q->broker->save);
	return ret < 0 ? ret : mailbox_save_begin(q->broker->user, name,
						  &q->broker->save, &q->err);
}

static int save_file(struct request *q, uint64_t size)
{
	char *chunk = pool_alloc(q->broker->pool, 65536);
	uint64_t at = 0;
	int ret = CV_OK;

	while (at < size && ret == CV_OK) {
		ssize_t got = pread(q->fd_in, chunk, 65536, (off_t)at);

		if (got <= 0)
			return FAIL(&q->err, CV_E_TEMP, "cannot read what is "
				    "to be saved");
		ret = mailbox_save_write(q->broker->save, chunk, (size_t)got,
					 &q->err);
		at += (uint64_t)got;
	}
	return ret;
}

static int op_save_add(struct request *q)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request) };
	struct cv_save *save = q->broker->save;
	uint64_t size;
	int ret = save == NULL ?
		FAIL(&q->err, CV_E_SYNTAX, "nothing is being saved") : CV_OK;

	r.flags = remote_get_u32(&q->in) & CV_FLAGS_STORED;
	r.internal_date = (int64_t)remote_get_u64(&q->in);
	r.save_date = (int64_t)remote_get_u64(&q->in);
	r.keywords = remote_get_keywords(&q->in);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = remote_file_size(q->fd_in, SECTION_MAX, &size, &q->err);
	if (ret < 0)
		return ret;
	r.size_hint = size;
	ret = mailbox_save_add(save, &r, &q->err);
	if (ret == CV_OK)
		ret = save_file(q, size);
	return ret < 0 ? ret : mailbox_save_finish(save, &q->err);
}

static int op_save_commit(struct request *q)
{
	struct cv_set uids = { NULL, 0 };
	uint32_t uidvalidity = 0;
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && q->broker->save == NULL)
		ret = FAIL(&q->err, CV_E_SYNTAX, "nothing is being saved");
	if (ret == CV_OK)
		ret = mailbox_save_commit(&q->broker->save, q->broker->pool,
					  &uidvalidity, &uids, &q->err);
	mailbox_save_abort(&q->broker->save);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, uidvalidity);
	remote_put_set(&q->out, uids);
	return CV_OK;
}

static int op_save_abort(struct request *q)
{
	mailbox_save_abort(&q->broker->save);
	return remote_get_end(&q->in, &q->err);
}

/* --- serving -------------------------------------------------------------------- */

typedef int request_fn(struct request *q);

static request_fn *const operations[REMOTE_OPS] = {
	[REMOTE_LIST] = op_list, [REMOTE_STATUS] = op_status,
	[REMOTE_CREATE] = op_create, [REMOTE_REMOVE] = op_remove,
	[REMOTE_RENAME] = op_rename, [REMOTE_QUOTA] = op_quota,
	[REMOTE_RIGHTS] = op_rights, [REMOTE_ACL_GET] = op_acl_get,
	[REMOTE_ACL_CHANGE] = op_acl_change, [REMOTE_OPEN] = op_open,
	[REMOTE_CLOSE] = op_close, [REMOTE_WATCH] = op_watch,
	[REMOTE_SYNC] = op_sync, [REMOTE_VIEW] = op_view,
	[REMOTE_MESSAGES] = op_messages, [REMOTE_SECTION] = op_section,
	[REMOTE_STORE] = op_store, [REMOTE_EXPUNGE] = op_expunge,
	[REMOTE_COPY] = op_copy, [REMOTE_SEARCH] = op_search,
	[REMOTE_SAVE_BEGIN] = op_save_begin, [REMOTE_SAVE_ADD] = op_save_add,
	[REMOTE_SAVE_COMMIT] = op_save_commit,
	[REMOTE_SAVE_ABORT] = op_save_abort,
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
}

static nfds_t collect(struct broker *b, struct pollfd *fds)
{
	fds[0] = (struct pollfd){ b->channel, POLLIN, 0 };
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		struct served_view *view = &b->views[i];
		bool waits = view->box != NULL && view->bell >= 0;

		fds[1 + i] = (struct pollfd){ waits ?
			mailbox_watch_fd(view->box) : -1, POLLIN, 0 };
	}
	return 1 + REMOTE_VIEWS_MAX;
}

static void broker_end(struct broker *b)
{
	mailbox_save_abort(&b->save);
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		if (b->views[i].box != NULL)
			view_close(&b->views[i]);
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
		       bool (*stopping)(void *context), void *context,
		       struct cv_error *err)
{
	struct broker b = { .user = owner, .channel = channel };
	struct pollfd fds[1 + REMOTE_VIEWS_MAX];
	struct remote_message m;
	int ret = CV_OK;

	if (owner->accessor == NULL || !find_namespace(&b))
		return FAIL(err, CV_E_CONFIG, "nobody to serve");
	b.pool = pool_create("broker");
	while (ret == CV_OK && (stopping == NULL || !stopping(context))) {
		if (poll(fds, collect(&b, fds), WAIT_MSECS) <= 0) {
			store_idle(b.ns->store);
			continue;
		}
		ring(&b, fds);
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
