/* rotate.c - a new generation of the journal.
 *
 * Order of what happens, under the lock:
 *   1. bodies of the old journal are laid out as synced files
 *   2. changed folders get a new snapshot, synced
 *   3. the new journal is written aside with the state, synced
 *   4. the directory is synced: snapshots have their names
 *   5. the old journal gets an "ended" record, so that a process that still
 *      has it open does not write on it should we die before step 8
 *   6. the new journal gets its name, the directory is synced
 *   7. we go on with it
 *   8. the old journal and what only older ones named are removed
 * Dying anywhere leaves the old generation or the new one, whole. */
#include "account-private.h"

#include <errno.h>

enum {
	/* a snapshot of at least so many rows is kept when fewer than one
	 * row in CARRY_FRACTION, and not many at all, changed */
	CARRY_ROWS_MIN = 1000,
	CARRY_FRACTION = 16,
	CARRY_CHANGED_MAX = 4096,
};

struct rotate {
	struct account *account;
	struct cv_pool *pool;
	struct journal journal;		/* the new one */
	struct journal_writer writer;
	struct cv_text payload;
	bool carry_bodies;
};

/* --- bodies -------------------------------------------------------------- */

static bool has_live_body(struct folder *folder, const struct row_extra *extra,
			  uint32_t *row_r)
{
	return extra->body.offset != 0 &&
		account_row_find(&folder->f, extra->uid, row_r);
}

static size_t list_bodies(struct account *account, struct account_body *list)
{
	size_t count = 0;

	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (folder->f.deleted || folder->data == NULL)
			continue;
		for (size_t k = 0; k < folder->data->extras.count; k++) {
			struct row_extra *extra =
				&folder->data->extras.items[k];
			struct row_values v;
			uint32_t row;

			if (!has_live_body(folder, extra, &row))
				continue;
			if (list != NULL) {
				rows_get(folder, row, &v);
				list[count] = (struct account_body){
					&folder->f, extra->uid,
					extra->body.len, v.blob
				};
			}
			count++;
		}
	}
	return count;
}

/* CV_DECLINED: put off. */
static int lay_out_bodies(struct rotate *r, bool forced, struct cv_error *err)
{
	struct account *account = r->account;
	size_t count = list_bodies(account, NULL);
	struct account_body *list;
	int status = CV_DECLINED;

	if (count == 0)
		return CV_OK;
	list = pool_new_array(r->pool, struct account_body, count);
	(void)list_bodies(account, list);
	if (account->options.lay_out != NULL)
		status = account->options.lay_out(account->options.context,
			account, list, count, err);
	if (status == CV_OK)
		return CV_OK;
	if (status < 0)
		log_error("account", "cannot lay out %zu messages: %s", count,
			  err == NULL ? "" : err->text);
	if (!forced)
		return CV_DECLINED;
	r->carry_bodies = true;
	return CV_OK;
}

/* --- the state section --------------------------------------------------- */

static void put_record(struct rotate *r, enum record_type type, uint64_t txn)
{
	journal_writer_add(&r->writer, (uint16_t)type, 0, txn,
			   cv_text_span(&r->payload));
	cv_text_reset(&r->payload);
}

static void put_metadata(struct rotate *r, struct account_folder *folder)
{
	static const struct account_guid none;
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(r->account, folder, &at, &key, &value)) {
		put_guid(&r->payload, folder == NULL ? &none : &folder->guid);
		put_u32(&r->payload, (uint32_t)key.len);
		put_u32(&r->payload, 1);
		cv_text_append_span(&r->payload, key);
		cv_text_append_span(&r->payload, value);
		put_record(r, RECORD_METADATA, r->account->txn);
	}
}

static void put_account(struct rotate *r)
{
	const char *name;
	size_t at = 0;

	put_u32(&r->payload, r->account->last_uidvalidity);
	put_u32(&r->payload, 0);
	put_record(r, RECORD_ACCOUNT, r->account->txn);
	put_metadata(r, NULL);
	while ((name = account_subscription_next(r->account, &at)) != NULL) {
		put_u32(&r->payload, 1);
		cv_text_append_str(&r->payload, name);
		put_record(r, RECORD_SUBSCRIBE, r->account->txn);
	}
}

static void put_row(struct rotate *r, struct folder *folder,
		    const struct row_values *v)
{
	struct cv_text *text = &r->payload;
	struct keyword_set *set = &folder->data->sets.items[v->keywords];

	put_guid(text, &folder->f.guid);
	put_guid(text, &v->guid);
	put_u32(text, v->uid);
	put_u32(text, v->flags & ROW_FLAGS_DISK);
	put_u64(text, (uint64_t)v->received);
	put_u64(text, (uint64_t)v->saved);
	put_u64(text, v->size);
	put_u64(text, v->virtual_size);
	put_u64(text, v->catalogue);
	put_u16(text, (uint16_t)set->count);
	put_u16(text, (uint16_t)v->blob.len);
	cv_text_append(text, set->indexes,
		       set->count * sizeof(*set->indexes));
	cv_text_append_span(text, v->blob);
	put_record(r, RECORD_APPEND, v->modseq);
}

/* The body that goes along with a row.  What cannot be read is left out: the
 * blob may have it. */
static void put_body(struct rotate *r, struct folder *folder, uint32_t row)
{
	struct cv_error err = ERROR_NONE;
	struct cv_span body;
	int status = account_body_read(&folder->f, row, r->pool, &body, &err);

	if (status == CV_OK)
		journal_writer_add_opaque(&r->writer, RECORD_BODY,
					  r->account->txn, body);
	else if (status < 0)
		log_error("account", "folder '%s': body of message %u is "
			  "lost: %s", folder->f.name,
			  account_row_uid(&folder->f, row), err.text);
}

static void put_message(struct rotate *r, struct folder *folder, uint32_t row)
{
	struct row_values v;
	struct row_extra *extra;

	if (!account_row_alive(&folder->f, row))
		return;
	rows_get(folder, row, &v);
	put_row(r, folder, &v);
	extra = rows_find_extra(folder->data, v.uid);
	if (r->carry_bodies && extra != NULL && extra->body.offset != 0)
		put_body(r, folder, row);
}

/* Rows that differ from the snapshot. */
static void put_changed(struct rotate *r, struct folder *folder)
{
	struct folder_data *data = folder->data;
	uint32_t found = 0, count = account_row_count(&folder->f);

	for (uint32_t row = 0; found < data->touched &&
	     row < data->base.count; row++) {
		const uint32_t *flags = &data->base.flags[row];

		if (!rows_check(folder, &data->base, flags, sizeof(*flags)) ||
		    (*flags & ROW_TOUCHED) == 0)
			continue;
		found++;
		put_message(r, folder, row);
	}
	for (uint32_t row = data->base.count; row < count; row++)
		put_message(r, folder, row);
}

/* Rows whose snapshot is new, but whose body has to be carried. */
static void put_bodies(struct rotate *r, struct folder *folder)
{
	struct folder_data *data = folder->data;
	uint32_t row;

	for (size_t i = 0; i < data->extras.count; i++) {
		if (has_live_body(folder, &data->extras.items[i], &row))
			put_message(r, folder, row);
	}
}

static void put_expunged(struct rotate *r, struct folder *folder,
			 uint64_t since)
{
	struct folder_data *data = folder->data;

	for (size_t i = 0; i < data->expunged.count; i++) {
		const struct expunged *e = &data->expunged.items[i];

		if (e->modseq <= since)
			continue;
		put_guid(&r->payload, &folder->f.guid);
		put_u32(&r->payload, 1);
		put_u32(&r->payload, 1);	/* also without a row */
		put_u32(&r->payload, e->first);
		put_u32(&r->payload, e->last);
		put_record(r, RECORD_EXPUNGE, e->modseq);
	}
}

static void put_keywords(struct rotate *r, struct folder *folder,
			 uint32_t from)
{
	struct folder_data *data = folder->data;

	for (size_t i = from; i < data->keywords.count; i++) {
		put_guid(&r->payload, &folder->f.guid);
		put_u32(&r->payload, (uint32_t)i);
		cv_text_append_str(&r->payload, data->keywords.items[i]);
		put_record(r, RECORD_KEYWORD, r->account->txn);
	}
}

static void put_annotations(struct rotate *r, struct folder *folder)
{
	size_t at[2] = { 0, 0 };
	struct annotation item;
	uint32_t uid;

	while (annotations_next_touched(folder, at, &uid, &item)) {
		annotation_format(&folder->f, uid, item.owner, item.entry,
				  item.value, &r->payload);
		put_record(r, RECORD_ANNOTATION, item.modseq);
	}
}

/* True when the snapshot stays and the changes are carried over. */
static bool is_carried(const struct folder *folder)
{
	const struct folder_data *data = folder->data;
	uint64_t changed;

	if (!folder->dirty)
		return true;
	if (data == NULL || folder->f.damaged || folder->bad_snapshot ||
	    data->base.count < CARRY_ROWS_MIN)
		return false;
	changed = data->touched + data->tail.count +
		annotations_changed(data);
	return changed < data->base.count / CARRY_FRACTION &&
		changed < CARRY_CHANGED_MAX;
}

static void put_folder(struct rotate *r, struct folder *folder, bool carried)
{
	uint64_t txn = r->account->txn;

	apply_format_folder(folder, &r->payload);
	put_record(r, RECORD_FOLDER, txn);
	if (folder->state.len > 0) {
		put_guid(&r->payload, &folder->f.guid);
		cv_text_append_span(&r->payload, folder->state);
		put_record(r, RECORD_FOLDER_STATE, txn);
	}
	put_metadata(r, &folder->f);
	if (folder->data == NULL)
		return;
	if (carried && folder->dirty) {
		put_keywords(r, folder, folder->data->snapshot.keywords);
		put_expunged(r, folder, folder->data->snapshot.txn);
		put_changed(r, folder);
		put_annotations(r, folder);
	} else if (r->carry_bodies) {
		put_bodies(r, folder);
	}
}

/* After a failure the old generation goes on. */
static void restore_folders(struct account *account)
{
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (folder->kept_generation == UINT64_MAX)
			continue;
		folder->snapshot_generation = folder->kept_generation;
		folder->previous_generation = folder->kept_previous;
	}
}

static int put_folders(struct rotate *r, struct cv_error *err)
{
	for (size_t i = 0; i < r->account->folders.count; i++) {
		struct folder *folder = r->account->folders.items[i];
		struct folder_data *data;
		bool carried;
		int status = CV_OK;

		if (folder->f.deleted || folder->pending)
			continue;
		catalogue_take(folder);
		carried = is_carried(folder);
		folder->kept_generation = folder->snapshot_generation;
		folder->kept_previous = folder->previous_generation;
		if (!carried) {
			data = folder_load(folder);
			catalogue_compact(folder);
			/* one that is damaged is of use to nobody */
			folder->previous_generation =
				folder->bad_snapshot ? 0 :
				folder->snapshot_generation;
			folder->snapshot_generation = 0;
			if (data->base.count + data->tail.count > 0 ||
			    data->expunged.count > 0 ||
			    data->keywords.count > 0) {
				folder->snapshot_generation =
					r->journal.generation;
				status = snapshot_save(folder,
					r->journal.generation, err);
			}
		}
		if (status != CV_OK)
			return status;
		put_folder(r, folder, carried);
	}
	if (r->account->must_reload)
		return FAIL(err, CV_E_TEMP, "a snapshot cannot be read");
	return CV_OK;
}

/* --- files --------------------------------------------------------------- */

/* The old journal is marked, so that a process that still has it open does not
 * write on it should we die before it is removed.  Where it is torn, the tear
 * is the mark. */
static int mark_old(struct rotate *r, struct meta_checkpoint *c,
		    struct cv_error *err)
{
	struct account *account = r->account;
	struct meta_head head;

	if (account->journal.object == NULL)
		return CV_OK;
	if (meta_head(account->journal.object, &head) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat journal");
	c->old = account->journal.object;
	c->old_size = head.size;
	if (account->must_rotate)
		return CV_OK;
	c->mark_at = format_align(account->journal.end);
	c->mark = journal_format_ended(&account->journal,
				       account->journal.end, ENDED_ROTATED,
				       account->journal.end, r->pool);
	return CV_OK;
}

static int publish(struct rotate *r, struct cv_error *err)
{
	struct account *account = r->account;
	struct journal *j = &r->journal;
	struct meta_checkpoint c = { .generation = j->generation };
	unsigned char header[JOURNAL_HEADER_SIZE], key[16];
	enum meta_result result;
	int status = mark_old(r, &c, err);

	if (status != CV_OK)
		return status;
	j->base_txn = account->txn;
	j->base_size = r->writer.start + journal_writer_size(&r->writer) +
		COMMIT_SIZE;
	account_next_key(account, key);
	journal_writer_finish(&r->writer, account->txn, j->base_size, key);
	journal_format_header(j, header);
	c.vec = journal_writer_vec(&r->writer,
		cv_span((char *)header, sizeof(header)), r->pool, &c.count);
	result = meta_checkpoint(account->meta, &c);
	if (c.marked) {
		account->must_rotate |= ROTATE_SUSPECT;
		account->failed_size = 0;
	}
	if (result == META_DONE)
		return CV_OK;
	if (result == META_CONFLICT) {
		account->must_reload = true;
		return FAIL(err, CV_E_TEMP, "journal was changed by another "
			    "writer meanwhile");
	}
	return FAIL_ERRNO(err, errno, "cannot write journal %llu",
			  (unsigned long long)j->generation);
}

static void remove_old(struct account *account, uint64_t old, bool keep)
{
	struct meta_name name = { .kind = META_JOURNAL, .generation = old };

	if (keep && meta_keep(account->meta, &name) == 0)
		log_error("account", "damaged journal is kept as "
			  "'damaged.%llu'", (unsigned long long)old);
	meta_remove(account->meta, &name);
	rotate_clean(account);
}

/* None of the journals could be read: they are kept for a human, and are in
 * nobody's way. */
static void keep_unreadable(struct account *account)
{
	struct cv_pool *pool = pool_create("unreadable journals");
	struct meta_names names;

	if (meta_list(account->meta, pool, &names) < 0)
		names.items.count = 0;
	for (size_t i = 0; i < names.items.count; i++) {
		const struct meta_name *name = &names.items.items[i];

		if (name->kind == META_JOURNAL &&
		    name->generation < account->journal.generation)
			remove_old(account, name->generation, true);
	}
	if (names.items.count > 0)
		rotate_clean(account);
	pool_destroy(&pool);
}

/* The account goes on as the new file says. */
static int adopt(struct rotate *r, struct cv_error *err)
{
	struct account *account = r->account;
	bool is_new = account->is_new, damaged = account->damaged;
	int status;

	account->must_rotate = 0;
	account->failed_size = 0;
	status = account_reload(account, err);
	if (status == CV_NOT_FOUND)
		status = FAIL(err, CV_E_TEMP, "new journal has vanished");
	account->is_new = is_new;
	account->damaged = damaged;
	if (status != CV_OK)
		account->must_rotate |= ROTATE_SUSPECT;
	return status;
}

static int rotate_run(struct rotate *r, uint64_t generation, bool forced,
		      struct cv_error *err)
{
	struct account *account = r->account;
	uint64_t old = account->journal.generation;
	bool had_old = account->journal.object != NULL;
	bool keep = account->journal_damaged;
	int status = lay_out_bodies(r, forced, err);

	if (status != CV_OK)
		return status;
	journal_init(&r->journal, &account->guid, generation);
	journal_writer_init(&r->writer, &r->journal, r->pool);
	cv_text_init(&r->payload, r->pool);
	for (size_t i = 0; i < account->folders.count; i++)
		account->folders.items[i]->kept_generation = UINT64_MAX;
	put_account(r);
	status = put_folders(r, err);
	if (status == CV_OK)
		status = publish(r, err);
	if (status != CV_OK) {
		restore_folders(account);
		return status;
	}
	status = adopt(r, err);
	if (status == CV_OK && had_old)
		remove_old(account, old, keep);
	else if (status == CV_OK)
		keep_unreadable(account);
	return status;
}

static int rotate_to(struct account *account, uint64_t generation,
		     bool forced, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("rotation");
	struct rotate r = { .account = account, .pool = pool };
	struct cv_error error = ERROR_NONE;
	int status;

	/* one that nothing can be written without takes the last room, and
	 * gives back more */
	account->meta->frees |= forced;
	status = rotate_run(&r, generation, forced, &error);
	if (account->meta->frees || status == CV_OK)
		meta_reserve(account->meta);
	account->meta->frees = false;
	if (status < 0 && err != NULL)
		*err = error;
	pool_destroy(&pool);
	return status;
}

int rotate_locked(struct account *account, bool forced, struct cv_error *err)
{
	return rotate_to(account, account->journal.generation + 1, forced,
			 err);
}

int rotate_create(struct account *account, struct cv_error *err)
{
	uint64_t now_msecs = time_now_usecs() / 1000, highest = 0;
	int status;

	account_guid_create(&account->guid);
	status = recover_folders(account, &highest, err);
	if (status != CV_OK)
		return status;
	/* larger than any modseq of an account of this user that was lost */
	if (account->txn < now_msecs)
		account->txn = now_msecs;
	if (account->txn < account->options.first_txn)
		account->txn = account->options.first_txn;
	account->is_new = true;
	status = rotate_to(account, highest + 1, true, err);
	account->is_new = true;
	return status;
}

/* --- cleaning ------------------------------------------------------------ */

static bool is_needed(struct account *account, const struct meta_name *name)
{
	struct folder *folder;

	if (name->kind == META_JOURNAL)
		return name->generation >= account->journal.generation;
	folder = folder_find_guid(account, &name->folder);
	if (folder == NULL || name->kind == META_CATALOGUE ||
	    name->kind == META_COLUMNS)
		return folder != NULL;
	return folder->snapshot_generation == name->generation ||
		folder->previous_generation == name->generation;
}

void rotate_clean(struct account *account)
{
	struct cv_pool *pool = pool_create("cleaning");
	struct meta_names names;

	if (meta_list(account->meta, pool, &names) == 0) {
		for (size_t i = 0; i < names.items.count; i++) {
			if (!is_needed(account, &names.items.items[i]))
				meta_remove(account->meta,
					    &names.items.items[i]);
		}
	}
	pool_destroy(&pool);
}
