/* sync-local.c - the mail of a user of this process as an end. */
#include "sync-local.h"
#include "mailbox/mailbox-admin.h"
#include "stream/stream.h"

/* --- names -------------------------------------------------------------------- */

/* *name_r NULL: of another namespace. */
static int canonical(const struct local *l, const char *name,
		     struct cv_pool *pool, const char **name_r,
		     struct cv_error *err)
{
	return sync_spaces_canonical(&l->spaces, name, pool, name_r, err);
}

static int native(const struct local *l, const char *name,
		  struct cv_pool *pool, const char **native_r,
		  struct cv_error *err)
{
	return sync_spaces_native(&l->spaces, l->side.label, name, pool,
				  native_r, err);
}

/* --- what there is ---------------------------------------------------------------- */

static bool is_fresh(const struct local *l, const char *name)
{
	for (size_t i = 0; i < l->fresh.count; i++) {
		if (strcmp(l->fresh.items[i], name) == 0)
			return true;
	}
	return false;
}

static int status_of(struct local *l, const char *name,
		     struct sync_box *box, struct cv_error *err)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	int ret = mailbox_api.status(l->user, name, CV_STATUS_MESSAGES |
				     CV_STATUS_UIDNEXT |
				     CV_STATUS_UIDVALIDITY |
				     CV_STATUS_HIGHESTMODSEQ |
				     CV_STATUS_GUID, &s, err);

	if (ret == CV_E_NOT_FOUND && mailbox_user_inspects(l->user)) {
		*array_add(&l->fresh) = pool_strdup(l->pool, name);
		s.uidnext = 1;
		ret = CV_OK;
	}
	box->messages = s.messages;
	box->uidnext = s.uidnext;
	box->uidvalidity = s.uidvalidity;
	box->modseq = s.highestmodseq;
	memcpy(box->guid, s.guid, sizeof(box->guid));
	return ret;
}

/* Seen, but not to be read: a list of rights says so. */
static bool may_read(struct local *l, const char *name)
{
	uint32_t rights;

	return !sync_local_is_others(&l->side, name) ||
		(native(l, name, l->pool, &name, NULL) == CV_OK &&
		 route_my_rights(l->user, name, &rights, NULL) == CV_OK &&
		 (rights & ACL_READ) != 0);
}

static int begin_list(struct local *l, uint32_t options,
		      struct cv_list **list_r, struct cv_error *err)
{
	static const char *const all[] = { "*" };
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = all, .pattern_count = 1,
		.options = options };

	/* one that is broken need not hinder when it is left out */
	if (!sync_spaces_has_others(&l->spaces))
		query.options |= CV_LIST_PRIVATE;
	return mailbox_api.list_begin(l->user, &query, list_r, err);
}

/* Nothing of what the namespace of others has is synchronised. */
static void note_unread(struct local *l, struct sync_space *space,
			const struct cv_error *err)
{
	struct cv_error *failure = pool_new(l->pool, struct cv_error);

	*failure = *err;
	space->failure = failure;
}

/* Asks for one list, and only whether all of it can be had. */
static int try_list(struct local *l, const char *prefix, uint32_t options,
		    struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync namespace");
	const char *pattern = pool_printf(pool, "%s*", prefix);
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = &pattern, .pattern_count = 1,
		.options = options };
	struct cv_list_entry e = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	int ret = mailbox_api.list_begin(l->user, &query, &list, err);

	if (ret == CV_OK) {
		while ((ret = mailbox_api.list_next(list, &e, err)) == CV_OK)
			continue;
		mailbox_api.list_end(&list);
	}
	pool_destroy(&pool);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

/* A list was not complete.  When that is for namespaces of others alone, they
 * are noted, and the rest goes on. */
static int find_unread(struct local *l, int ret, struct cv_error *err)
{
	struct cv_error failure = *err;
	bool found = false;

	for (uint32_t i = 0; i < l->spaces.count; i++) {
		struct sync_space *space = &l->spaces.items[i];
		struct cv_error one = ERROR_NONE;

		if (!space->synced || !space->others)
			continue;
		if (space->failure == NULL &&
		    try_list(l, space->prefix, 0, &one) < 0)
			note_unread(l, space, &one);
		found |= space->failure != NULL;
	}
	if (found)
		ret = try_list(l, "", CV_LIST_PRIVATE, &failure);
	*err = ret < 0 ? failure : (struct cv_error)ERROR_NONE;
	return ret < 0 ? ret : CV_NOT_FOUND;
}

static struct sync_space *space_of(struct local *l, const char *name)
{
	return &l->spaces.items[sync_spaces_of(&l->spaces, name)];
}

/* Fills in what status says.  What of others cannot be read is left out with
 * all of its namespace. */
static int status_of_all(struct local *l, struct cv_pool *pool,
			 sync_boxes *boxes, struct cv_error *err)
{
	size_t to = 0;

	for (size_t i = 0; i < boxes->count; i++) {
		struct sync_box *box = &boxes->items[i];
		struct sync_space *space = space_of(l, box->name);
		const char *name;

		if (space->failure != NULL)
			continue;
		if (native(l, box->name, pool, &name, err) < 0)
			return err->code;
		if (status_of(l, name, box, err) < 0) {
			(void)error_prefix(err, "mailbox '%s'", name);
			if (!space->others)
				return err->code;
			note_unread(l, space, err);
			*err = (struct cv_error)ERROR_NONE;
		}
	}
	for (size_t i = 0; i < boxes->count; i++) {
		const struct sync_box *box = &boxes->items[i];

		if (space_of(l, box->name)->failure != NULL)
			continue;
		if (box->modseq > l->side.modseq)
			l->side.modseq = box->modseq;
		boxes->items[to++] = *box;
	}
	boxes->count = to;
	return CV_OK;
}

static int local_list(struct sync_side *s, struct cv_pool *pool,
		      sync_boxes *boxes, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_list_entry e = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	bool listed = true;	/* as far as there are lists */
	int ret = begin_list(l, 0, &list, err);

	if (ret < 0)
		return ret;
	while ((ret = mailbox_api.list_next(list, &e, err)) == CV_OK) {
		const char *name;

		if ((e.attributes & (CV_MAILBOX_NOSELECT |
				     CV_MAILBOX_NONEXISTENT)) != 0)
			continue;
		ret = canonical(l, e.name, pool, &name, err);
		listed = ret == CV_OK;
		if (ret < 0)
			break;
		if (name == NULL || !may_read(l, name))
			continue;
		*array_add(boxes) = (struct sync_box){
			.name = name, .use = e.attributes & SYNC_USES,
		};
	}
	mailbox_api.list_end(&list);
	if (ret < 0 && listed)
		ret = find_unread(l, ret, err);
	return ret == CV_NOT_FOUND ? status_of_all(l, pool, boxes, err) : ret;
}

static int local_unread(const struct sync_side *s, uint32_t index,
			const char **prefix_r, struct cv_error *err)
{
	const struct sync_spaces *spaces = &((const struct local *)s)->spaces;

	for (uint32_t i = 0; i < spaces->count; i++) {
		if (spaces->items[i].failure == NULL || index-- > 0)
			continue;
		*prefix_r = spaces->items[i].canonical;
		*err = *spaces->items[i].failure;
		if (strstr(err->text, "namespace '") == NULL)
			(void)error_prefix(err, "namespace '%s'",
					   spaces->items[i].prefix);
		return CV_OK;
	}
	return CV_NOT_FOUND;
}

static int local_subscriptions(struct sync_side *s, struct cv_pool *pool,
			       sync_names *names, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_list_entry e = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	int ret = begin_list(l, CV_LIST_SUBSCRIBED, &list, err);

	if (ret < 0)
		return ret;
	while ((ret = mailbox_api.list_next(list, &e, err)) == CV_OK) {
		const char *name;

		/* what is listed twice has failed before */
		if (canonical(l, e.name, pool, &name, NULL) == CV_OK &&
		    name != NULL)
			*array_add(names) = name;
	}
	mailbox_api.list_end(&list);
	/* those of namespaces that cannot be read are left alone */
	if (ret < 0 && sync_spaces_has_others(&l->spaces))
		ret = find_unread(l, ret, err);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

static int local_metadata(struct sync_side *s, const char *name,
			  struct cv_pool *pool, sync_entries *entries,
			  struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct mailbox_metadata *items;
	uint32_t count;
	int ret = native(l, name, pool, &name, err);

	if (ret == CV_OK)
		ret = mailbox_metadata_list(l->user, name, pool, &items,
					    &count, err);
	if (ret == CV_E_NOT_FOUND && is_fresh(l, name))
		return CV_OK;
	for (uint32_t i = 0; ret == CV_OK && i < count; i++)
		*array_add(entries) = (struct sync_entry){
			items[i].key, items[i].value,
		};
	return ret;
}

static int local_rights(struct sync_side *s, const char *name,
			struct cv_pool *pool, struct cv_span *text_r,
			struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_text text;
	struct acl acl;
	size_t to = 0;
	int ret = native(l, name, pool, &name, err);

	*text_r = CV_SPAN_NONE;
	acl_init(&acl, pool);
	if (ret == CV_OK)
		ret = mailbox_acl_get(l->user, name, &acl, err);
	/* the administrator's stay with the server */
	for (size_t i = 0; ret == CV_OK && i < acl.count; i++) {
		if (!acl.entries[i].global)
			acl.entries[to++] = acl.entries[i];
	}
	acl.count = to;
	cv_text_init(&text, pool);
	if (ret == CV_OK && acl.count > 0) {
		acl_format(&acl, &text);
		*text_r = cv_text_span(&text);
	}
	return ret;
}

static void local_fetch_end(struct sync_side *s)
{
	struct local *l = (struct local *)s;

	l->stream = NULL;
	pool_destroy(&l->fetch_pool);
	l->uid_count = 0;
}

static void close_box(struct local *l)
{
	local_fetch_end(&l->side);
	mailbox_api.save_abort(&l->save);
	if (l->box != NULL)
		mailbox_api.close(&l->box);
	pool_destroy(&l->box_pool);
}

static int local_open(struct sync_side *s, const char *name,
		      struct sync_box *box_r, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	int ret;

	close_box(l);
	l->box_pool = pool_create("sync mailbox");
	ret = native(l, name, l->box_pool, &l->name, err);
	if (ret == CV_OK)
		ret = mailbox_api.open(l->user, l->name, MAILBOX_KEEP_RECENT |
				       MAILBOX_VERIFY, &l->box, err);
	if (ret == CV_E_NOT_FOUND && is_fresh(l, l->name)) {
		*box_r = (struct sync_box){
			.name = name, .uidnext = 1,
			.annotations = UINT32_MAX,
		};
		return CV_OK;
	}
	if (ret == CV_OK)
		ret = mailbox_api.sync(l->box, CV_SYNC_FULL, NULL, err);
	if (ret < 0)
		return ret;
	l->name = pool_strdup(l->box_pool, l->name);
	mailbox_api.state(l->box, &state);
	*box_r = (struct sync_box){
		.name = name, .uidvalidity = state.uidvalidity,
		.uidnext = state.uidnext, .messages = state.messages,
		.modseq = state.highestmodseq,
		.annotations = state.annotations,
	};
	memcpy(box_r->guid, state.guid, sizeof(box_r->guid));
	return CV_OK;
}

static bool local_is_open(const struct sync_side *s)
{
	return ((const struct local *)s)->box != NULL;
}

static int local_rows(struct sync_side *s, struct cv_pool *pool,
		      sync_rows *rows, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	int ret;

	(void)pool;
	if (l->box != NULL)
		mailbox_api.state(l->box, &state);
	for (uint32_t seq = 1; seq <= state.messages; seq++) {
		struct cv_message_data d = { CV_SIZED(cv_message_data) };
		struct sync_row *row;

		ret = mailbox_api.message(l->box, seq, CV_MESSAGE_KEYWORDS |
					  CV_MESSAGE_ANNOTATIONS |
					  CV_MESSAGE_SIZE, &d, err);
		/* damage is found out when it is read; or never, when the
		 * other end has it */
		if (ret != CV_OK)
			ret = mailbox_api.message(l->box, seq,
						  CV_MESSAGE_KEYWORDS |
						  CV_MESSAGE_ANNOTATIONS, &d,
						  err);
		if (ret == CV_NOT_FOUND)
			continue;
		if (ret < 0)
			return error_prefix(err, "mailbox '%s'", l->name);
		row = array_add(rows);
		*row = (struct sync_row){
			.uid = d.uid, .flags = d.flags & CV_FLAGS_STORED,
			.words = sync_words_of(s->words, d.keywords.names,
					       d.keywords.count),
			.notes = sync_notes_of(s->words, d.annotations,
					       d.annotation_count),
			.modseq = d.modseq, .size = d.size_bytes,
			.received = d.internal_date, .saved = d.save_date,
		};
		memcpy(row->guid, d.guid, sizeof(row->guid));
	}
	return CV_OK;
}

/* --- reading ------------------------------------------------------------------------ */

static int local_fetch(struct sync_side *s, const uint32_t *uids,
		       uint32_t count, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	uint32_t *copy;

	(void)err;
	local_fetch_end(s);
	l->fetch_pool = pool_create("sync fetch");
	copy = pool_new_array(l->fetch_pool, uint32_t, (size_t)count + 1);
	if (count > 0)
		memcpy(copy, uids, count * sizeof(*copy));
	l->uids = copy;
	l->uid_count = count;
	l->uid_at = 0;
	return CV_OK;
}

static uint32_t seq_of(struct local *l, uint32_t uid, struct cv_pool *pool)
{
	struct cv_range range = { uid, uid };
	struct cv_set set = { &range, 1 }, seqs;

	if (mailbox_api.uids_to_seqs(l->box, set, pool, &seqs) < 0 ||
	    seqs.count == 0)
		return 0;
	return seqs.ranges[0].first;
}

/* CV_NOT_FOUND: it is gone, and somebody has removed it. */
static int open_message(struct local *l, struct cv_error *err)
{
	static const struct cv_section all = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL, .raw = true };
	uint64_t size;
	int ret = mailbox_api.section(l->box, l->seq, &all, &l->stream,
				      &size, err);

	if (ret < 0)
		l->stream = NULL;
	return ret == CV_E_NOT_FOUND ? CV_NOT_FOUND : ret;
}

static int local_fetch_next(struct sync_side *s, uint32_t *uid_r,
			    struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync seq");

	(void)err;
	l->unread = 0;
	l->stream = NULL;
	l->opened = CV_NOT_FOUND;
	while (l->opened == CV_NOT_FOUND && l->uid_at < l->uid_count) {
		*uid_r = l->uids[l->uid_at++];
		l->why = (struct cv_error)ERROR_NONE;
		l->seq = seq_of(l, *uid_r, pool);
		if (l->seq != 0)
			l->opened = open_message(l, &l->why);
	}
	pool_destroy(&pool);
	return l->opened == CV_NOT_FOUND ? CV_NOT_FOUND : CV_OK;
}

/* One message cannot be read.  Of another server's mail that is known when it
 * is what the server says. */
static int message_failed(struct local *l, int ret, struct cv_error *err)
{
	l->side.damaged = ret == CV_E_PERM || !mailbox_is_remote(l->box);
	(void)mailbox_blame(l->box, l->seq, err);
	(void)error_prefix(err, "mailbox '%s'", l->name);
	return ret;
}

static int local_fetch_read(struct sync_side *s, struct cv_span *data_r,
			    struct cv_error *err)
{
	struct local *l = (struct local *)s;
	int ret;

	s->damaged = false;
	if (l->opened < 0) {
		*err = l->why;
		return message_failed(l, l->opened, err);
	}
	if (l->stream == NULL)
		return CV_EOF;
	stream_skip(l->stream, l->unread);
	l->unread = 0;
	ret = stream_read(l->stream, data_r, err);
	if (ret < 0)
		return message_failed(l, ret, err);
	if (ret == CV_OK) {
		if (data_r->len > SYNC_CHUNK_MAX)
			data_r->len = SYNC_CHUNK_MAX;
		l->unread = data_r->len;
	}
	return ret;
}

/* --- writing -------------------------------------------------------------------------- */

static int local_create(struct sync_side *s, const struct sync_box *as,
			struct cv_error *err)
{
	struct local *l = (struct local *)s;
	static const uint8_t none[16];
	struct mailbox_update identity = {
		.has_guid = memcmp(as->guid, none, sizeof(none)) != 0,
		.uidvalidity = as->uidvalidity,
	};
	struct cv_pool *pool = pool_create("sync name");
	const char *name;
	int ret = native(l, as->name, pool, &name, err);

	memcpy(identity.guid.bytes, as->guid, sizeof(as->guid));
	if (ret == CV_OK)
		ret = mailbox_create_as(l->user, name, as->use, &identity,
					err);
	/* another mailbox, perhaps deleted, may have the identity */
	if (ret == CV_E_EXISTS && identity.has_guid) {
		identity.has_guid = false;
		ret = mailbox_create_as(l->user, name, as->use, &identity,
					err);
	}
	pool_destroy(&pool);
	return ret;
}

static int local_identify(struct sync_side *s, const char *name,
			  const uint8_t guid[16], struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync name");
	struct account_guid as;
	int ret = native(l, name, pool, &name, err);

	memcpy(as.bytes, guid, sizeof(as.bytes));
	if (ret == CV_OK) {
		close_box(l);
		ret = mailbox_identify(l->user, name, &as, err);
	}
	pool_destroy(&pool);
	return ret;
}

static int local_remove(struct sync_side *s, const char *name,
			struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync name");
	int ret = native(l, name, pool, &name, err);

	if (ret == CV_OK) {
		close_box(l);
		ret = mailbox_api.remove(l->user, name, err);
	}
	pool_destroy(&pool);
	return ret;
}

static int local_rename(struct sync_side *s, const char *from,
			const char *to, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync name");
	int ret = native(l, from, pool, &from, err);

	if (ret == CV_OK)
		ret = native(l, to, pool, &to, err);
	if (ret == CV_OK) {
		close_box(l);
		ret = mailbox_api.rename(l->user, from, to, err);
	}
	pool_destroy(&pool);
	return ret;
}

static int local_subscribe(struct sync_side *s, const char *name, bool on,
			   struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync name");
	int ret = native(l, name, pool, &name, err);

	if (ret == CV_OK)
		ret = mailbox_api.subscribe(l->user, name, on, err);
	pool_destroy(&pool);
	return ret;
}

static int local_set_metadata(struct sync_side *s, const char *name,
			      const struct sync_entry *entry,
			      struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync name");
	int ret = native(l, name, pool, &name, err);

	if (ret == CV_OK)
		ret = mailbox_metadata_set(l->user, name, entry->key,
					   entry->value, err);
	pool_destroy(&pool);
	return ret;
}

static int empty_box(struct sync_side *s, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	uint32_t *uids;
	int ret = mailbox_api.sync(l->box, CV_SYNC_FULL, NULL, err);

	if (ret < 0)
		return ret;
	mailbox_api.state(l->box, &state);
	uids = pool_new_array(l->box_pool, uint32_t,
			      (size_t)state.messages + 1);
	for (uint32_t seq = 1; seq <= state.messages; seq++)
		uids[seq - 1] = mailbox_api.uid_of(l->box, seq);
	return sync_local_expunge(s, uids, state.messages, err);
}

static int local_update(struct sync_side *s, const struct sync_update *as,
			struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct mailbox_update update = { .uidvalidity = as->uidvalidity,
		.uidnext = as->uidnext, .restart = as->empty,
		.modseq = as->modseq };
	struct sync_box box;
	const char *name;
	struct cv_pool *pool;
	int ret = as->empty ? empty_box(s, err) : CV_OK;

	if (ret == CV_OK)
		ret = mailbox_update(l->user, l->name, &update, err);
	if (ret < 0)
		return ret;
	/* the view was of another UIDVALIDITY */
	pool = pool_create("sync name");
	ret = canonical(l, l->name, pool, &name, err);
	if (ret == CV_OK)
		ret = local_open(s, name, &box, err);
	pool_destroy(&pool);
	return ret;
}

/* --- opening and closing ---------------------------------------------------------------- */

static void local_close(struct sync_side **s)
{
	struct local *l = (struct local *)*s;
	struct cv_pool *pool = l->pool;

	close_box(l);
	if (l->owned)
		user_destroy(&l->user);
	*s = NULL;
	pool_destroy(&pool);
}

int sync_local_space(const struct sync_side *s, const char *prefix,
		     uint32_t *space_r, struct cv_error *err)
{
	return sync_spaces_find(&((const struct local *)s)->spaces, prefix,
				space_r, err);
}

uint32_t sync_local_space_of(const struct sync_side *s, const char *name)
{
	return sync_spaces_of(&((const struct local *)s)->spaces, name);
}

bool sync_local_is_others(const struct sync_side *s, const char *name)
{
	const struct sync_spaces *spaces = &((const struct local *)s)->spaces;

	return spaces->items[sync_spaces_of(spaces, name)].others;
}

static bool local_is_unread(const struct sync_side *s, const char *name)
{
	const struct sync_spaces *spaces = &((const struct local *)s)->spaces;

	return spaces->items[sync_spaces_of(spaces, name)].failure != NULL;
}

static int local_widen(struct sync_side *s, struct cv_error *err)
{
	struct local *l = (struct local *)s;

	(void)err;
	sync_spaces_init(&l->spaces, l->user, true, l->pool);
	return CV_OK;
}

static const struct sync_side_ops ops = {
	.list = local_list,
	.subscriptions = local_subscriptions,
	.metadata = local_metadata,
	.rights = local_rights,
	.open = local_open,
	.is_open = local_is_open,
	.rows = local_rows,
	.fetch = local_fetch,
	.fetch_next = local_fetch_next,
	.fetch_read = local_fetch_read,
	.fetch_end = local_fetch_end,
	.close = local_close,
	.create = local_create,
	.remove = local_remove,
	.rename = local_rename,
	.subscribe = local_subscribe,
	.set_metadata = local_set_metadata,
	.update = local_update,
	.change = sync_local_change,
	.expunge = sync_local_expunge,
	.save_add = sync_local_save_add,
	.save_write = sync_local_save_write,
	.save_commit = sync_local_save_commit,
	.save_abort = sync_local_save_abort,
	.widen = local_widen,
	.unread = local_unread,
	.is_unread = local_is_unread,
	.identify = local_identify,
};

/* "imapc:" has nothing behind it, and gets a colon in messages. */
static const char *label_of(struct cv_pool *pool, const char *location)
{
	size_t len = strlen(location);

	while (len > 0 && location[len - 1] == ':')
		len--;
	return pool_printf(pool, "%.*s", (int)len, location);
}

int sync_local_open(struct cv_user *user, bool owned, const char *label,
		    struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync local");
	struct local *l = pool_new(pool, struct local);
	struct sync_box inbox = { 0 };
	bool remote, flags;
	int ret;

	l->pool = pool;
	array_init(&l->fresh, pool);
	l->user = user;
	l->owned = owned;
	l->side = (struct sync_side){
		.ops = &ops, .label = label_of(pool, label),
		.caps = SYNC_CAP_WRITE | SYNC_CAP_FLAGS | SYNC_CAP_UIDS |
			SYNC_CAP_METADATA | SYNC_CAP_BOXES | SYNC_CAP_NOTES,
	};
	sync_spaces_init(&l->spaces, user, false, pool);
	*side_r = &l->side;
	ret = status_of(l, "INBOX", &inbox, err);
	/* its GUID may become that of the other end */
	if (ret == CV_OK)
		ret = mailbox_account_id(user, l->side.id, err);
	if (ret < 0) {
		(void)error_prefix(err, "%s", l->side.label);
		local_close(side_r);
		return ret;
	}
	/* what another server has has its numbers from there */
	mailbox_store_traits(user, &remote, &flags);
	if (remote)
		l->side.caps &= ~(uint32_t)SYNC_CAP_WRITE;
	if (!flags)
		l->side.caps &= ~(uint32_t)(SYNC_CAP_FLAGS | SYNC_CAP_UIDS |
					    SYNC_CAP_BOXES);
	return CV_OK;
}
