/* apply.c - what each record does to the state in memory.
 *
 * The same code runs for what we commit ourselves and for what others did,
 * so all processes agree.  Records are valid by checksum but may still be
 * hostile: whatever does not fit is skipped and the account marked damaged.
 *
 * Each function returns false for a payload that cannot be. */
#include "apply-private.h"

/* --- counters ------------------------------------------------------------ */

static void count_message(struct folder *folder, const struct row_values *v,
			  bool add)
{
	struct account_folder *f = &folder->f;
	bool unseen = (v->flags & ACCOUNT_SEEN) == 0;

	if (f->account->in_base)
		return;	/* RECORD_FOLDER has the sums already */
	if (add) {
		f->message_count++;
		f->unseen_count += unseen;
		f->size_sum += v->size;
		f->virtual_sum += v->virtual_size;
		return;
	}
	f->message_count -= f->message_count > 0;
	f->unseen_count -= unseen && f->unseen_count > 0;
	f->size_sum -= v->size < f->size_sum ? v->size : f->size_sum;
	f->virtual_sum -= v->virtual_size < f->virtual_sum ?
		v->virtual_size : f->virtual_sum;
}

void apply_raise_modseq(struct folder *folder, uint64_t modseq)
{
	folder->dirty = true;
	if (!folder->f.account->in_base && folder->f.highestmodseq < modseq)
		folder->f.highestmodseq = modseq;
}

/* --- folders ------------------------------------------------------------- */

void apply_format_folder(const struct folder *folder, struct cv_text *text)
{
	const struct account_folder *f = &folder->f;
	size_t len = strlen(f->name);

	put_guid(text, &f->guid);
	put_u32(text, f->uidvalidity);
	put_u32(text, f->uidnext);
	put_u32(text, f->recent_uid);
	put_u32(text, f->attributes);
	put_u64(text, f->highestmodseq);
	put_u64(text, f->expunge_floor);
	put_u32(text, f->message_count);
	put_u32(text, f->unseen_count);
	put_u64(text, f->size_sum);
	put_u64(text, f->virtual_sum);
	put_u64(text, folder->snapshot_generation);
	put_u64(text, folder->previous_generation);
	put_u32(text, f->damaged ? 1 : 0);
	put_u32(text, (uint32_t)len);
	cv_text_append(text, f->name, len);
}

static bool name_ok(struct cv_span name)
{
	return name.len > 0 && name.len <= ACCOUNT_NAME_MAX &&
		memchr(name.data, '\0', name.len) == NULL;
}

static struct folder *find_or_create(struct account *account,
				     const struct account_guid *guid)
{
	struct folder *folder = folder_find_guid(account, guid);

	if (folder == NULL)
		folder = folder_create(account, guid);
	folder->pending = false;
	folder->seen = true;
	return folder;
}

bool apply_folder_payload(struct account *account, struct cv_span payload,
			  struct folder **folder_r)
{
	struct format_cursor c = {
		(const unsigned char *)payload.data, payload.len, false
	};
	struct account_guid guid = get_guid(&c);
	struct account_folder f = { .account = account, .guid = guid };
	uint64_t generation, previous;
	struct folder *folder;
	struct cv_span name;

	f.uidvalidity = get_u32(&c);
	f.uidnext = get_u32(&c);
	f.recent_uid = get_u32(&c);
	f.attributes = get_u32(&c);
	f.highestmodseq = get_u64(&c);
	f.expunge_floor = get_u64(&c);
	f.message_count = get_u32(&c);
	f.unseen_count = get_u32(&c);
	f.size_sum = get_u64(&c);
	f.virtual_sum = get_u64(&c);
	generation = get_u64(&c);
	previous = get_u64(&c);
	f.damaged = (get_u32(&c) & 1) != 0;
	name = get_span(&c, get_u32(&c));
	if (c.bad || !name_ok(name) || f.uidnext == 0)
		return false;
	folder = find_or_create(account, &guid);
	f.name = folder->f.name;
	folder->f = f;
	folder->snapshot_generation = generation;
	folder->previous_generation = previous;
	folder_set_name(folder, name);
	if (account->last_uidvalidity < f.uidvalidity)
		account->last_uidvalidity = f.uidvalidity;
	*folder_r = folder;
	return true;
}

static bool apply_folder(struct apply *a)
{
	struct folder *folder;
	struct cv_span payload = cv_span((const char *)a->c.data, a->c.len);

	if (!apply_folder_payload(a->account, payload, &folder))
		return false;
	folder->dirty = !a->account->in_base;
	return true;
}

struct folder *apply_get_folder(struct apply *a)
{
	struct account_guid guid = get_guid(&a->c);
	struct folder *folder = a->c.bad ? NULL :
		folder_find_guid(a->account, &guid);

	return folder;
}

static bool apply_folder_rename(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	struct cv_span name = get_span(&a->c, a->c.len);

	if (folder == NULL || !name_ok(name))
		return false;
	folder_set_name(folder, name);
	return true;
}

static bool apply_folder_delete(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);

	if (folder == NULL)
		return false;
	folder_remove(folder);
	return true;
}

/* It may be smaller: what other servers count is small. */
static bool apply_taken(struct apply *a, struct folder *folder)
{
	uint64_t modseq = get_u64(&a->c);

	if (a->c.bad || modseq == 0 || modseq > a->record->txn)
		return false;
	if (!a->account->in_base)
		folder->f.highestmodseq = folder->f.expunge_floor = modseq;
	return true;
}

static bool apply_folder_set(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t what = get_u32(&a->c), value = get_u32(&a->c);

	if (folder == NULL || a->c.bad)
		return false;
	switch (what) {
	case FOLDER_SET_ATTRIBUTES:
		folder->f.attributes = value;
		break;
	case FOLDER_SET_UIDNEXT:
		if (folder->f.uidnext < value)
			folder->f.uidnext = value;
		break;
	case FOLDER_SET_RECENT:
		if (folder->f.recent_uid < value)
			folder->f.recent_uid = value;
		break;
	case FOLDER_SET_REPAIRED:
		folder->f.damaged = false;
		break;
	case FOLDER_SET_MODSEQ:
		apply_raise_modseq(folder, a->record->txn);
		break;
	case FOLDER_SET_TAKEN:
		return apply_taken(a, folder);
	default:
		return false;
	}
	return true;
}

static bool apply_folder_reset(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uidvalidity = get_u32(&a->c), uidnext = get_u32(&a->c);
	uint64_t txn = a->record->txn;

	if (folder == NULL || a->c.bad || uidnext == 0)
		return false;
	folder_unload(folder);
	folder->snapshot_generation = 0;
	folder->dirty = true;
	folder->change_count = 0;
	folder->changes_floor = txn;
	folder->f.uidvalidity = uidvalidity;
	folder->f.uidnext = uidnext;
	folder->f.recent_uid = 1;
	folder->f.message_count = folder->f.unseen_count = 0;
	folder->f.size_sum = folder->f.virtual_sum = 0;
	folder->f.highestmodseq = txn;
	folder->f.expunge_floor = txn;
	folder->f.damaged = false;
	if (a->account->last_uidvalidity < uidvalidity)
		a->account->last_uidvalidity = uidvalidity;
	return true;
}

static bool apply_folder_state(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);

	if (folder == NULL)
		return false;
	folder->state = pool_span(a->account->state_pool,
				  get_span(&a->c, a->c.len));
	return true;
}

/* --- the account --------------------------------------------------------- */

static bool apply_account(struct apply *a)
{
	uint32_t uidvalidity = get_u32(&a->c);

	if (a->c.bad)
		return false;
	if (a->account->last_uidvalidity < uidvalidity)
		a->account->last_uidvalidity = uidvalidity;
	return true;
}

static bool apply_subscribe(struct apply *a)
{
	uint32_t on = get_u32(&a->c);
	struct cv_span name = get_span(&a->c, a->c.len);

	if (!name_ok(name))
		return false;
	subscription_set(a->account, name, on != 0);
	return true;
}

static bool apply_metadata(struct apply *a)
{
	static const struct account_guid none;
	struct account_guid guid = get_guid(&a->c);
	uint32_t key_len = get_u32(&a->c), present = get_u32(&a->c);
	struct cv_span key = get_span(&a->c, key_len);
	struct cv_span value = get_span(&a->c, a->c.len);
	struct metadata_list *list = &a->account->metadata;
	struct folder *folder;

	if (a->c.bad)
		return false;
	if (!account_guid_equal(&guid, &none)) {
		folder = folder_find_guid(a->account, &guid);
		if (folder == NULL)
			return false;
		list = &folder->metadata;
	}
	metadata_set(a->account, list, key, present != 0 ? value :
		     CV_SPAN_NONE);
	return true;
}

/* --- messages ------------------------------------------------------------ */

static bool apply_keyword(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t index = get_u32(&a->c);
	struct cv_span name = get_span(&a->c, a->c.len);

	if (folder == NULL || a->c.bad || name.len == 0 ||
	    name.len > ACCOUNT_KEYWORD_LEN_MAX ||
	    memchr(name.data, '\0', name.len) != NULL)
		return false;
	keyword_add(folder_load(folder), index, name);
	folder->dirty = true;
	return true;
}

/* count sorted indexes from the cursor; false when they are not. */
static bool get_indexes(struct apply *a, struct folder_data *data,
			uint32_t count, const uint16_t **indexes_r)
{
	const void *p = get_bytes(&a->c, (size_t)count * sizeof(uint16_t));
	const uint16_t *indexes = p;

	*indexes_r = indexes;
	if (p == NULL || count > ACCOUNT_KEYWORD_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (indexes[i] >= data->keywords.count ||
		    (i > 0 && indexes[i] <= indexes[i - 1]))
			return false;
	}
	return true;
}

/* A carried row of the state section replaces the one in the snapshot. */
static bool set_carried(struct folder *folder, const struct row_values *v)
{
	uint32_t row = account_row_lower(&folder->f, v->uid);

	if (row < account_row_count(&folder->f) &&
	    account_row_uid(&folder->f, row) == v->uid) {
		rows_set(folder, row, v);
		return true;
	}
	if (row < account_row_count(&folder->f))
		return false;
	rows_append(folder, v);
	return true;
}

static bool add_message(struct folder *folder, const struct row_values *v,
			uint64_t txn)
{
	struct account *account = folder->f.account;

	if (account->in_base)
		return set_carried(folder, v);
	if (v->uid < folder->f.uidnext || v->uid == UINT32_MAX)
		return false;
	rows_append(folder, v);
	folder->f.uidnext = v->uid + 1;
	count_message(folder, v, true);
	apply_raise_modseq(folder, txn);
	folder_add_change(folder, CHANGE_ADDED, txn, v->uid, v->uid);
	return true;
}

/* A UID that was given out stays so, whatever becomes of its message. */
static bool skip_message(struct folder *folder, uint32_t uid)
{
	if (!folder->f.account->in_base && uid >= folder->f.uidnext &&
	    uid < UINT32_MAX)
		folder->f.uidnext = uid + 1;
	return false;
}

static bool apply_append(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	struct row_values v = { .modseq = a->record->txn };
	const uint16_t *indexes;
	uint32_t count, blob_len;
	uint64_t given;

	a->last = NULL;
	if (folder == NULL)
		return false;
	v.guid = get_guid(&a->c);
	v.uid = get_u32(&a->c);
	v.flags = get_u32(&a->c) & ROW_FLAGS_DISK;
	v.received = (int64_t)get_u64(&a->c);
	v.saved = (int64_t)get_u64(&a->c);
	v.size = get_u64(&a->c);
	v.virtual_size = get_u64(&a->c);
	v.catalogue = get_u64(&a->c);
	count = get_u16(&a->c);
	blob_len = get_u16(&a->c);
	if (v.uid == 0 || a->c.bad ||
	    !get_indexes(a, folder_load(folder), count, &indexes))
		return skip_message(folder, v.uid);
	v.keywords = keyword_set_number(folder->data, indexes, count);
	v.blob = get_span(&a->c, blob_len);
	given = a->c.len < 8 ? 0 : get_u64(&a->c);
	if (given != 0 && given < v.modseq)
		v.modseq = given;
	if (a->c.bad || blob_len > ACCOUNT_BLOB_MAX ||
	    !add_message(folder, &v, a->record->txn))
		return skip_message(folder, v.uid);
	folder->dirty = true;
	a->last = folder;
	a->last_uid = v.uid;
	return true;
}

/* A body or catalogue entry of the message before it. */
static bool apply_opaque(struct apply *a)
{
	struct row_extra *extra;
	struct journal_place place = {
		a->record->offset, a->record->len, a->record->payload_crc
	};

	if (a->last == NULL)
		return false;
	extra = rows_add_extra(a->last->data, a->last_uid);
	if (extra == NULL)
		return false;
	if (a->record->type == RECORD_BODY) {
		extra->body = place;
		extra->body_txn = a->record->txn;
	} else {
		extra->catalogue = place;
	}
	return true;
}

struct flag_change {
	enum account_flag_op op;
	uint32_t flags;
	const uint16_t *indexes;
	uint32_t count;
	uint64_t modseq;
};

static uint32_t changed_flags(uint32_t old, const struct flag_change *change)
{
	switch (change->op) {
	case ACCOUNT_FLAGS_ADD:
		return old | change->flags;
	case ACCOUNT_FLAGS_REMOVE:
		return old & ~change->flags;
	case ACCOUNT_FLAGS_REPLACE:
		break;
	}
	return (old & ~(uint32_t)ACCOUNT_FLAGS_IMAP) |
		(change->flags & ACCOUNT_FLAGS_IMAP);
}

/* The set of keywords after the change; remembers the last answer. */
static uint32_t changed_set(struct folder_data *data, uint32_t from,
			    const struct flag_change *change)
{
	if (change->op != ACCOUNT_FLAGS_REPLACE && change->count == 0)
		return from;
	if (from == data->memo_from)
		return data->memo_to;
	data->memo_from = from;
	data->memo_to = keyword_set_change(data, from, change->op,
					   change->indexes, change->count);
	return data->memo_to;
}

static void change_row(struct folder *folder, uint32_t row,
		       const struct flag_change *change)
{
	struct folder_data *data = folder->data;
	uint32_t at, old, new, set;
	struct rows *rows = rows_at(data, row, &at);

	if (!account_row_alive(&folder->f, row) ||
	    !rows_check(folder, rows, &rows->keywords[at], 4) ||
	    !rows_check(folder, rows, &rows->modseq[at], 8))
		return;
	old = rows->flags[at];
	new = changed_flags(old, change);
	set = rows->keywords[at] < data->sets.count ? rows->keywords[at] : 0;
	set = changed_set(data, set, change);
	if (new == old && set == rows->keywords[at])
		return;
	rows_touch(folder, row);
	rows->flags[at] = new | (rows->flags[at] & ROW_TOUCHED);
	if (((old ^ new) & ACCOUNT_FLAGS_IMAP) == 0 &&
	    set == rows->keywords[at])
		return;	/* the driver's own flags are nobody's news */
	if (((old ^ new) & ACCOUNT_SEEN) != 0) {
		if ((new & ACCOUNT_SEEN) == 0)
			folder->f.unseen_count++;
		else if (folder->f.unseen_count > 0)
			folder->f.unseen_count--;
	}
	rows->keywords[at] = set;
	rows->modseq[at] = change->modseq;
	apply_raise_modseq(folder, change->modseq);
	folder_add_change(folder, CHANGE_CHANGED, change->modseq,
			  account_row_uid(&folder->f, row),
			  account_row_uid(&folder->f, row));
}

bool apply_get_range(struct apply *a, struct account_range *range)
{
	range->first = get_u32(&a->c);
	range->last = get_u32(&a->c);
	return !a->c.bad && range->first != 0 && range->first <= range->last;
}

static bool apply_flags(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	struct flag_change change = { .modseq = a->record->txn };
	uint32_t ranges, row, count;

	if (folder == NULL)
		return false;
	change.op = (enum account_flag_op)get_u32(&a->c);
	change.flags = get_u32(&a->c) & ROW_FLAGS_DISK;
	change.count = get_u32(&a->c);
	ranges = get_u32(&a->c);
	if (a->c.bad || change.op > ACCOUNT_FLAGS_REPLACE ||
	    change.count > ACCOUNT_KEYWORD_MAX ||
	    !get_indexes(a, folder_load(folder), change.count,
			 &change.indexes))
		return false;
	(void)get_bytes(&a->c, change.count % 4 == 0 ? 0 :
			(4 - change.count % 4) * 2);
	folder->data->memo_from = UINT32_MAX;
	for (uint32_t i = 0; i < ranges; i++) {
		struct account_range range;

		if (!apply_get_range(a, &range))
			return false;
		count = account_row_count(&folder->f);
		row = account_row_lower(&folder->f, range.first);
		for (; row < count && account_row_uid(&folder->f, row) <=
		     range.last; row++)
			change_row(folder, row, &change);
	}
	return true;
}

void apply_add_expunged(struct folder *folder, uint32_t uid, uint64_t modseq)
{
	struct folder_data *data = folder->data;
	struct expunged *e;

	if (data->expunged.count > 0) {
		e = &data->expunged.items[data->expunged.count - 1];
		if (e->modseq == modseq && e->last < uid &&
		    uid - e->last == 1) {
			e->last = uid;
			return;
		}
	}
	e = array_add(&data->expunged);
	*e = (struct expunged){ uid, uid, modseq };
}

static void expunge_row(struct folder *folder, uint32_t row, uint64_t modseq,
			bool list)
{
	struct row_values v;
	uint32_t at;
	struct rows *rows = rows_at(folder->data, row, &at);

	if (!account_row_alive(&folder->f, row))
		return;
	rows_get(folder, row, &v);
	rows_touch(folder, row);
	rows->flags[at] |= ROW_DEAD;
	count_message(folder, &v, false);
	apply_raise_modseq(folder, modseq);
	if (folder->data->annotations != NULL)
		annotations_forget(folder->data, v.uid);
	if (list)
		apply_add_expunged(folder, v.uid, modseq);
	folder_add_change(folder, CHANGE_EXPUNGED, modseq, v.uid, v.uid);
}

/* A carried one of the state section also names UIDs whose rows the snapshot
 * does not have. */
static bool apply_expunge(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t ranges = get_u32(&a->c), row, count;
	bool carried = (get_u32(&a->c) & 1) != 0;

	if (folder == NULL || a->c.bad)
		return false;
	(void)folder_load(folder);
	for (uint32_t i = 0; i < ranges; i++) {
		struct account_range range;

		if (!apply_get_range(a, &range))
			return false;
		if (carried)
			*array_add(&folder->data->expunged) =
				(struct expunged){ range.first, range.last,
						   a->record->txn };
		count = account_row_count(&folder->f);
		row = account_row_lower(&folder->f, range.first);
		for (; row < count && account_row_uid(&folder->f, row) <=
		     range.last; row++)
			expunge_row(folder, row, a->record->txn, !carried);
	}
	return true;
}

static bool apply_blob(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uid = get_u32(&a->c), row;
	struct cv_span blob = get_span(&a->c, get_u32(&a->c));
	struct row_values v;

	if (folder == NULL || a->c.bad || blob.len > ACCOUNT_BLOB_MAX)
		return false;
	if (!account_row_find(&folder->f, uid, &row))
		return true;
	rows_get(folder, row, &v);
	v.blob = blob;
	rows_set(folder, row, &v);
	return true;
}

static bool apply_sizes(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uid = get_u32(&a->c), row;
	struct row_values v;

	(void)get_u32(&a->c);
	if (folder == NULL ||
	    !account_row_find(&folder->f, uid, &row))
		return folder != NULL;
	rows_get(folder, row, &v);
	count_message(folder, &v, false);
	v.size = get_u64(&a->c);
	v.virtual_size = get_u64(&a->c);
	count_message(folder, &v, true);
	if (!a->c.bad)
		rows_set(folder, row, &v);
	return !a->c.bad;
}

/* What comes behind the append of its message came with it. */
static bool apply_annotation(struct apply *a)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uid = get_u32(&a->c), present = get_u32(&a->c), at, row;
	uint32_t owner_len = get_u16(&a->c), entry_len = get_u16(&a->c);
	struct annotation item = { .modseq = a->record->txn };
	struct rows *rows;
	int set;

	item.owner = get_span(&a->c, owner_len);
	item.entry = get_span(&a->c, entry_len);
	if (present != 0)
		item.value = get_span(&a->c, a->c.len);
	if (folder == NULL || a->c.bad)
		return false;
	if (!account_row_find(&folder->f, uid, &row))
		return true;
	set = annotation_set(folder, uid, &item);
	if (set <= 0)
		return set == 0;
	apply_raise_modseq(folder, a->record->txn);
	rows = rows_at(folder->data, row, &at);
	if (a->account->in_base || (a->last == folder && a->last_uid == uid) ||
	    !rows_check(folder, rows, &rows->modseq[at], 8))
		return true;
	rows_touch(folder, row);
	rows->modseq[at] = a->record->txn;
	folder_add_change(folder, CHANGE_CHANGED, a->record->txn, uid, uid);
	return true;
}

/* --- all of them --------------------------------------------------------- */

static bool (*const apply_table[RECORD_TYPES])(struct apply *) = {
	[RECORD_ACCOUNT] = apply_account,
	[RECORD_FOLDER] = apply_folder,
	[RECORD_FOLDER_RENAME] = apply_folder_rename,
	[RECORD_FOLDER_DELETE] = apply_folder_delete,
	[RECORD_FOLDER_SET] = apply_folder_set,
	[RECORD_FOLDER_RESET] = apply_folder_reset,
	[RECORD_FOLDER_STATE] = apply_folder_state,
	[RECORD_SUBSCRIBE] = apply_subscribe,
	[RECORD_METADATA] = apply_metadata,
	[RECORD_KEYWORD] = apply_keyword,
	[RECORD_APPEND] = apply_append,
	[RECORD_BODY] = apply_opaque,
	[RECORD_CATALOGUE] = apply_opaque,
	[RECORD_FLAGS] = apply_flags,
	[RECORD_EXPUNGE] = apply_expunge,
	[RECORD_BLOB] = apply_blob,
	[RECORD_SIZES] = apply_sizes,
	[RECORD_ANNOTATION] = apply_annotation,
};

static void apply_record(struct apply *a, const struct journal_record *record)
{
	struct account *account = a->account;

	a->record = record;
	a->c = (struct format_cursor){ record->data, record->len, false };
	if (record->type == RECORD_COMMIT) {
		if (account->in_base && account->salvaging)
			recover_missing(account);
		account->txn = record->txn;
		account->in_base = false;
		a->last = NULL;
		return;
	}
	if (record->type >= RECORD_TYPES ||
	    apply_table[record->type] == NULL) {
		if ((record->flags & RECORD_OPTIONAL) == 0)
			account->unknown_records = true;
		return;
	}
	if (((record->flags & RECORD_OPAQUE) != 0) !=
	    (record->type == RECORD_BODY || record->type == RECORD_CATALOGUE) ||
	    !apply_table[record->type](a)) {
		/* a folder could not be read: all of it is read again */
		if (account->must_reload)
			return;
		if (!account->damaged)
			log_error("account", "journal %llu: record of type %u "
				  "at offset %llu makes no sense: skipped",
				  (unsigned long long)
				  account->journal.generation, record->type,
				  (unsigned long long)record->offset);
		account->damaged = true;
	}
}

void apply_batch(struct account *account, const struct journal_batch *batch)
{
	struct apply a = { .account = account };

	for (size_t i = 0; i < batch->records.count; i++)
		apply_record(&a, &batch->records.items[i]);
}
