/* txn.c - the operations of a transaction: each adds one record to the group
 * that account_commit writes.  Nothing here changes the state. */
#include "account-private.h"

#include <stdlib.h>

/* --- what the transaction itself has done so far ------------------------- */

static struct txn_folder *txn_folder_of(struct account_txn *txn,
					struct folder *folder)
{
	struct txn_folder *t;

	for (size_t i = txn->folders.count; i > 0; i--) {
		if (txn->folders.items[i - 1].folder == folder)
			return &txn->folders.items[i - 1];
	}
	t = array_add(&txn->folders);
	t->folder = folder;
	t->uidnext = folder->f.uidnext;
	return t;
}

/* The folder's entry; an error when it cannot be worked on. */
static int txn_use(struct account_txn *txn, struct account_folder *f,
		   struct txn_folder **t_r, struct cv_error *err)
{
	int status = spare_memory_check(0, err);

	*t_r = txn_folder_of(txn, folder_of(f));
	if (status != CV_OK)
		return status;
	if (f->deleted || (*t_r)->removed)
		return FAIL(err, CV_E_NOT_FOUND, "folder '%s' was deleted",
			    f->name);
	return CV_OK;
}

static bool name_taken(struct account_txn *txn, struct cv_span name)
{
	for (size_t i = txn->names.count; i > 0; i--) {
		if (cv_span_is(name, txn->names.items[i - 1].name))
			return txn->names.items[i - 1].taken;
	}
	return account_folder_find(txn->account, name) != NULL;
}

static void set_name(struct account_txn *txn, struct cv_span name, bool taken)
{
	struct txn_name *n = array_add(&txn->names);

	n->name = pool_copy(txn->pool, name.data, name.len);
	n->taken = taken;
}

static int check_name(struct account_txn *txn, struct cv_span name,
		      struct cv_error *err)
{
	if (name.len == 0 || name.len > ACCOUNT_NAME_MAX ||
	    memchr(name.data, '\0', name.len) != NULL)
		return FAIL(err, CV_E_LIMIT, "folder name is empty, longer "
			    "than %d bytes, or has a NUL", ACCOUNT_NAME_MAX);
	if (name_taken(txn, name))
		return FAIL(err, CV_E_EXISTS, "folder '%.*s' exists already",
			    CV_SPAN_ARG(name));
	return CV_OK;
}

/* --- records ------------------------------------------------------------- */

static struct cv_text *payload_begin(struct account_txn *txn)
{
	cv_text_reset(&txn->payload);
	return &txn->payload;
}

static void payload_end(struct account_txn *txn, enum record_type type)
{
	journal_writer_add(&txn->writer, (uint16_t)type, 0, txn->modseq,
			   cv_text_span(&txn->payload));
}

static uint32_t fresh_uidvalidity(struct account_txn *txn)
{
	uint32_t now = (uint32_t)time_now();

	if (txn->last_uidvalidity < now)
		txn->last_uidvalidity = now;
	else if (txn->last_uidvalidity < UINT32_MAX)
		txn->last_uidvalidity++;
	return txn->last_uidvalidity;
}

static uint32_t choose_uidvalidity(struct account_txn *txn, uint32_t wanted)
{
	if (wanted == 0)
		return fresh_uidvalidity(txn);
	if (txn->last_uidvalidity < wanted)
		txn->last_uidvalidity = wanted;
	return wanted;
}

/* --- folders ------------------------------------------------------------- */

int txn_folder_create(struct account_txn *txn, struct cv_span name,
		      const struct account_folder_options *options,
		      struct account_folder **folder_r, struct cv_error *err)
{
	static const struct account_folder_options none;
	struct account_guid guid;
	struct folder *folder;
	int status = check_name(txn, name, err);

	if (status != CV_OK)
		return status;
	if (options == NULL)
		options = &none;
	if (options->guid != NULL)
		guid = *options->guid;
	else
		account_next_guid(txn->account, &guid);
	if (folder_find_guid(txn->account, &guid) != NULL)
		return FAIL(err, CV_E_EXISTS, "folder GUID is taken");
	folder = folder_create(txn->account, &guid);
	folder->pending = true;
	txn->has_pending = true;
	folder->f.name = pool_copy(txn->account->state_pool, name.data,
				   name.len);
	folder->f.uidvalidity = choose_uidvalidity(txn, options->uidvalidity);
	folder->f.uidnext = options->uidnext == 0 ? 1 : options->uidnext;
	folder->f.attributes = options->attributes;
	folder->f.highestmodseq = txn->modseq;
	folder->f.expunge_floor = txn->modseq;
	apply_format_folder(folder, payload_begin(txn));
	payload_end(txn, RECORD_FOLDER);
	set_name(txn, name, true);
	*folder_r = &folder->f;
	return CV_OK;
}

int txn_folder_rename(struct account_txn *txn, struct account_folder *folder,
		      struct cv_span name, struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK)
		status = check_name(txn, name, err);
	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	cv_text_append_span(&txn->payload, name);
	payload_end(txn, RECORD_FOLDER_RENAME);
	set_name(txn, cv_span_of(folder->name), false);
	set_name(txn, name, true);
	return CV_OK;
}

int txn_folder_delete(struct account_txn *txn, struct account_folder *folder,
		      struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	payload_end(txn, RECORD_FOLDER_DELETE);
	txn->frees = true;
	t->removed = true;
	set_name(txn, cv_span_of(folder->name), false);
	return CV_OK;
}

static int folder_set(struct account_txn *txn, struct account_folder *folder,
		      enum folder_set what, uint32_t value,
		      struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	put_u32(&txn->payload, what);
	put_u32(&txn->payload, value);
	payload_end(txn, RECORD_FOLDER_SET);
	return CV_OK;
}

int txn_folder_attributes(struct account_txn *txn,
			  struct account_folder *folder, uint32_t attributes,
			  struct cv_error *err)
{
	return folder_set(txn, folder, FOLDER_SET_ATTRIBUTES, attributes, err);
}

int txn_folder_uidnext(struct account_txn *txn, struct account_folder *folder,
		       uint32_t uidnext, struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK || t->uidnext >= uidnext)
		return status;
	t->uidnext = uidnext;
	return folder_set(txn, folder, FOLDER_SET_UIDNEXT, uidnext, err);
}

int txn_folder_recent(struct account_txn *txn, struct account_folder *folder,
		      uint32_t recent_uid, struct cv_error *err)
{
	return folder->recent_uid >= recent_uid ? CV_OK :
		folder_set(txn, folder, FOLDER_SET_RECENT, recent_uid, err);
}

int txn_folder_repaired(struct account_txn *txn,
			struct account_folder *folder, struct cv_error *err)
{
	return folder_set(txn, folder, FOLDER_SET_REPAIRED, 0, err);
}

int txn_folder_modseq(struct account_txn *txn, struct account_folder *folder,
		      struct cv_error *err)
{
	return folder_set(txn, folder, FOLDER_SET_MODSEQ, 0, err);
}

int txn_folder_taken(struct account_txn *txn, struct account_folder *folder,
		     uint64_t modseq, struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	put_u32(&txn->payload, FOLDER_SET_TAKEN);
	put_u32(&txn->payload, 0);
	put_u64(&txn->payload, modseq);
	payload_end(txn, RECORD_FOLDER_SET);
	return CV_OK;
}

int txn_folder_reset(struct account_txn *txn, struct account_folder *folder,
		     uint32_t uidvalidity, uint32_t uidnext,
		     struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK)
		return status;
	if (t->touched)
		return FAIL(err, CV_E_LIMIT, "folder '%s' was changed in this "
			    "transaction before its reset", folder->name);
	t->uidnext = uidnext == 0 ? 1 : uidnext;
	t->touched = true;
	t->reset = true;
	put_guid(payload_begin(txn), &folder->guid);
	put_u32(&txn->payload, choose_uidvalidity(txn, uidvalidity));
	put_u32(&txn->payload, t->uidnext);
	payload_end(txn, RECORD_FOLDER_RESET);
	return CV_OK;
}

int txn_folder_state(struct account_txn *txn, struct account_folder *folder,
		     struct cv_span state, struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK && state.len > ACCOUNT_VALUE_MAX)
		status = FAIL(err, CV_E_LIMIT, "folder state is too large");
	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	cv_text_append_span(&txn->payload, state);
	payload_end(txn, RECORD_FOLDER_STATE);
	return CV_OK;
}

/* --- subscriptions, metadata --------------------------------------------- */

int txn_subscribe(struct account_txn *txn, struct cv_span name,
		  bool subscribed, struct cv_error *err)
{
	if (name.len == 0 || name.len > ACCOUNT_NAME_MAX ||
	    memchr(name.data, '\0', name.len) != NULL)
		return FAIL(err, CV_E_LIMIT, "subscribed name is empty, "
			    "longer than %d bytes, or has a NUL",
			    ACCOUNT_NAME_MAX);
	put_u32(payload_begin(txn), subscribed);
	cv_text_append_span(&txn->payload, name);
	payload_end(txn, RECORD_SUBSCRIBE);
	txn->frees |= !subscribed;
	return CV_OK;
}

int txn_metadata(struct account_txn *txn, struct account_folder *folder,
		 struct cv_span key, struct cv_span value,
		 struct cv_error *err)
{
	static const struct account_guid none;
	struct txn_folder *t;
	int status = folder == NULL ? CV_OK : txn_use(txn, folder, &t, err);

	if (status == CV_OK && (key.len == 0 || key.len > ACCOUNT_KEY_MAX ||
				value.len > ACCOUNT_VALUE_MAX))
		status = FAIL(err, CV_E_LIMIT, "metadata key or value is too "
			      "long");
	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), folder == NULL ? &none : &folder->guid);
	put_u32(&txn->payload, (uint32_t)key.len);
	put_u32(&txn->payload, value.data != NULL);
	cv_text_append_span(&txn->payload, key);
	if (value.data != NULL)
		cv_text_append_span(&txn->payload, value);
	payload_end(txn, RECORD_METADATA);
	return CV_OK;
}

/* --- keywords ------------------------------------------------------------ */

/* A keyword that this transaction has added. */
static bool find_added(struct account_txn *txn, struct folder *folder,
		       struct cv_span name, uint32_t *index_r)
{
	for (size_t i = 0; i < txn->keywords.count; i++) {
		struct txn_keyword *k = &txn->keywords.items[i];

		if (k->folder == folder && cv_span_is_icase(name, k->name)) {
			*index_r = k->index;
			return true;
		}
	}
	return false;
}

static uint32_t keyword_total(const struct txn_folder *t)
{
	uint32_t count = t->reset ? 0 :
		account_keyword_count(&t->folder->f);

	return count + t->added_keywords;
}

int txn_keyword(struct account_txn *txn, struct account_folder *f,
		struct cv_span name, uint32_t *index_r, struct cv_error *err)
{
	struct txn_folder *t;
	struct txn_keyword *k;
	int status = txn_use(txn, f, &t, err);

	if (status != CV_OK)
		return status;
	if (name.len == 0 || name.len > ACCOUNT_KEYWORD_LEN_MAX ||
	    memchr(name.data, '\0', name.len) != NULL)
		return FAIL(err, CV_E_LIMIT, "keyword is empty or longer than "
			    "%d bytes", ACCOUNT_KEYWORD_LEN_MAX);
	if ((!t->reset && account_keyword_find(f, name, index_r)) ||
	    find_added(txn, t->folder, name, index_r))
		return CV_OK;
	if (keyword_total(t) >= ACCOUNT_KEYWORD_MAX)
		return FAIL(err, CV_E_LIMIT, "folder '%s' has %d keywords "
			    "already", f->name, ACCOUNT_KEYWORD_MAX);
	k = array_add(&txn->keywords);
	k->folder = t->folder;
	k->name = pool_copy(txn->pool, name.data, name.len);
	k->index = keyword_total(t);
	t->added_keywords++;
	put_guid(payload_begin(txn), &f->guid);
	put_u32(&txn->payload, k->index);
	cv_text_append_span(&txn->payload, name);
	payload_end(txn, RECORD_KEYWORD);
	*index_r = k->index;
	return CV_OK;
}

static int compare_u16(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Keyword indexes in order and without doubles. */
static int sort_indexes(const struct txn_folder *t, const uint32_t *keywords,
			uint32_t count, uint16_t *sorted, uint32_t *count_r,
			struct cv_error *err)
{
	uint32_t total = keyword_total(t), n = 0;

	if (count > ACCOUNT_KEYWORD_MAX)
		return FAIL(err, CV_E_LIMIT, "too many keywords");
	for (uint32_t i = 0; i < count; i++) {
		if (keywords[i] >= total)
			return FAIL(err, CV_E_INTERNAL, "keyword %u is not "
				    "known to the folder", keywords[i]);
		sorted[i] = (uint16_t)keywords[i];
	}
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_u16);
	for (uint32_t i = 0; i < count; i++) {
		if (n == 0 || sorted[n - 1] != sorted[i])
			sorted[n++] = sorted[i];
	}
	*count_r = n;
	return CV_OK;
}

/* --- messages ------------------------------------------------------------ */

static void put_append(struct account_txn *txn, struct account_folder *folder,
		       const struct account_append *a, uint32_t uid,
		       const uint16_t *indexes, uint32_t count)
{
	struct cv_text *text = payload_begin(txn);
	struct account_guid guid;

	if (a->guid != NULL)
		guid = *a->guid;
	else
		account_next_guid(txn->account, &guid);
	put_guid(text, &folder->guid);
	put_guid(text, &guid);
	put_u32(text, uid);
	put_u32(text, a->flags & ROW_FLAGS_DISK);
	put_u64(text, (uint64_t)a->received);
	put_u64(text, (uint64_t)(a->saved != 0 ? a->saved : time_now()));
	put_u64(text, a->size);
	put_u64(text, a->virtual_size);
	put_u64(text, 0);
	put_u16(text, (uint16_t)count);
	put_u16(text, (uint16_t)a->blob.len);
	cv_text_append(text, indexes, count * sizeof(*indexes));
	cv_text_append_span(text, a->blob);
	if (a->modseq != 0 && a->modseq < txn->modseq)
		put_u64(text, a->modseq);
	payload_end(txn, RECORD_APPEND);
}

int account_txn_expect(struct account_txn *txn, size_t appends,
		       size_t blob_bytes, struct cv_error *err)
{
	enum { APPEND_BYTES = 136 };	/* of a record, about */
	size_t bytes = appends * APPEND_BYTES + blob_bytes;
	uint64_t records = (uint64_t)appends * sizeof(struct journal_record);
	int ret = spare_memory_check(txn->writer.text.len + bytes +
				     bytes / 8 + records, err);

	if (ret == CV_OK)
		text_grow(&txn->writer.text, bytes);
	return ret;
}

int txn_append(struct account_txn *txn, struct account_folder *folder,
	       const struct account_append *a, uint32_t *uid_r,
	       struct cv_error *err)
{
	uint16_t indexes[ACCOUNT_KEYWORD_MAX];
	uint32_t uid, count = 0;
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK)
		status = sort_indexes(t, a->keywords, a->keyword_count,
				      indexes, &count, err);
	if (status != CV_OK)
		return status;
	if (a->blob.len > ACCOUNT_BLOB_MAX)
		return FAIL(err, CV_E_LIMIT, "blob reference is too long");
	uid = a->uid != 0 ? a->uid : t->uidnext;
	if (uid < t->uidnext)
		return FAIL(err, CV_E_INTERNAL, "UID %u was used already, the "
			    "next one is %u", uid, t->uidnext);
	if (uid == UINT32_MAX)
		return FAIL(err, CV_E_LIMIT, "folder '%s' has no UIDs left",
			    folder->name);
	put_append(txn, folder, a, uid, indexes, count);
	t->uidnext = uid + 1;
	t->touched = true;
	if (a->body.data != NULL &&
	    account_body_fits(txn->account, a->body.len)) {
		journal_writer_add_opaque(&txn->writer, RECORD_BODY,
					  txn->modseq, a->body);
		txn->grows = true;
	}
	if (a->catalogue.data != NULL && a->catalogue.len > 0 &&
	    a->catalogue.len <= ACCOUNT_CATALOGUE_MAX)
		journal_writer_add_opaque(&txn->writer, RECORD_CATALOGUE,
					  txn->modseq, a->catalogue);
	if (uid_r != NULL)
		*uid_r = uid;
	return CV_OK;
}

static int check_ranges(const struct account_range *ranges, size_t count,
			struct cv_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].first == 0 ||
		    ranges[i].first > ranges[i].last ||
		    (i > 0 && ranges[i].first <= ranges[i - 1].last))
			return FAIL(err, CV_E_INTERNAL,
				    "UID ranges are not in order");
	}
	return CV_OK;
}

/* Whether the change would alter this row. */
static bool alters(struct account_folder *folder, uint32_t row,
		   const struct account_flag_change *change,
		   const uint16_t *indexes, uint32_t count)
{
	uint32_t flags = account_row_flags(folder, row);
	struct account_keywords have = account_row_keywords(folder, row);
	uint32_t found = 0;

	for (uint32_t i = 0, k = 0; i < have.count && k < count; ) {
		if (have.indexes[i] < indexes[k]) {
			i++;
		} else if (have.indexes[i] > indexes[k]) {
			k++;
		} else {
			found++;
			i++;
			k++;
		}
	}
	switch (change->op) {
	case ACCOUNT_FLAGS_ADD:
		return (change->flags & ~flags) != 0 || found < count;
	case ACCOUNT_FLAGS_REMOVE:
		return (change->flags & flags) != 0 || found > 0;
	case ACCOUNT_FLAGS_REPLACE:
		break;
	}
	return ((flags ^ change->flags) & ACCOUNT_FLAGS_IMAP) != 0 ||
		found != count || have.count != count;
}

/* Whether the ranges have a living row (that the change would alter). */
static bool any_row(struct account_folder *folder,
		    const struct account_range *ranges, size_t count,
		    const struct account_flag_change *change,
		    const uint16_t *indexes, uint32_t index_count)
{
	uint32_t rows = account_row_count(folder);

	for (size_t i = 0; i < count; i++) {
		uint32_t row = account_row_lower(folder, ranges[i].first);

		for (; row < rows && account_row_uid(folder, row) <=
		     ranges[i].last; row++) {
			if (account_row_alive(folder, row) &&
			    (change == NULL ||
			     alters(folder, row, change, indexes,
				    index_count)))
				return true;
		}
	}
	return false;
}

/* A record holds so many ranges; longer lists become several records. */
enum { RANGES_PER_RECORD = 100000 };

static void put_ranges(struct cv_text *text, const struct account_range *r,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_u32(text, r[i].first);
		put_u32(text, r[i].last);
	}
}

int txn_flags(struct account_txn *txn, struct account_folder *folder,
	      const struct account_range *ranges, size_t count,
	      const struct account_flag_change *change, struct cv_error *err)
{
	static const uint16_t zeros[4];
	uint16_t indexes[ACCOUNT_KEYWORD_MAX];
	uint32_t n = 0;
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK)
		status = check_ranges(ranges, count, err);
	if (status == CV_OK)
		status = sort_indexes(t, change->keywords,
				      change->keyword_count, indexes, &n, err);
	if (status != CV_OK || t->reset || (!t->touched &&
	    !any_row(folder, ranges, count, change, indexes, n)))
		return status;
	for (size_t done = 0; done < count; done += RANGES_PER_RECORD) {
		size_t part = count - done < RANGES_PER_RECORD ?
			count - done : RANGES_PER_RECORD;
		struct cv_text *text = payload_begin(txn);

		put_guid(text, &folder->guid);
		put_u32(text, change->op);
		put_u32(text, change->flags & ROW_FLAGS_DISK);
		put_u32(text, n);
		put_u32(text, (uint32_t)part);
		cv_text_append(text, indexes, n * sizeof(*indexes));
		cv_text_append(text, zeros, n % 4 == 0 ? 0 : (4 - n % 4) * 2);
		put_ranges(text, ranges + done, part);
		payload_end(txn, RECORD_FLAGS);
	}
	txn->frees |= change->op != ACCOUNT_FLAGS_REMOVE &&
		(change->flags & ACCOUNT_DELETED) != 0;
	t->touched = true;
	return CV_OK;
}

int txn_expunge(struct account_txn *txn, struct account_folder *folder,
		const struct account_range *ranges, size_t count,
		struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK)
		status = check_ranges(ranges, count, err);
	if (status != CV_OK || t->reset ||
	    (!t->touched && !any_row(folder, ranges, count, NULL, NULL, 0)))
		return status;
	for (size_t done = 0; done < count; done += RANGES_PER_RECORD) {
		size_t part = count - done < RANGES_PER_RECORD ?
			count - done : RANGES_PER_RECORD;

		put_guid(payload_begin(txn), &folder->guid);
		put_u32(&txn->payload, (uint32_t)part);
		put_u32(&txn->payload, 0);
		put_ranges(&txn->payload, ranges + done, part);
		payload_end(txn, RECORD_EXPUNGE);
	}
	txn->frees = true;
	t->touched = true;
	return CV_OK;
}

int txn_blob(struct account_txn *txn, struct account_folder *folder,
	     uint32_t uid, struct cv_span blob, struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK && blob.len > ACCOUNT_BLOB_MAX)
		status = FAIL(err, CV_E_LIMIT, "blob reference is too long");
	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	put_u32(&txn->payload, uid);
	put_u32(&txn->payload, (uint32_t)blob.len);
	cv_text_append_span(&txn->payload, blob);
	payload_end(txn, RECORD_BLOB);
	return CV_OK;
}

int txn_sizes(struct account_txn *txn, struct account_folder *folder,
	      uint32_t uid, uint64_t size, uint64_t virtual_size,
	      struct cv_error *err)
{
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status != CV_OK)
		return status;
	put_guid(payload_begin(txn), &folder->guid);
	put_u32(&txn->payload, uid);
	put_u32(&txn->payload, 0);
	put_u64(&txn->payload, size);
	put_u64(&txn->payload, virtual_size);
	payload_end(txn, RECORD_SIZES);
	return CV_OK;
}

int txn_annotation(struct account_txn *txn, struct account_folder *folder,
		   uint32_t uid, struct cv_span owner, struct cv_span entry,
		   struct cv_span value, struct cv_error *err)
{
	struct cv_span old = CV_SPAN_NONE;
	struct txn_folder *t;
	int status = txn_use(txn, folder, &t, err);

	if (status == CV_OK)
		status = annotation_check(owner, entry, value, err);
	if (status != CV_OK)
		return status;
	if (!t->touched) {
		(void)account_annotation_get(folder, uid, owner, entry, &old);
		if (old.data == NULL ? value.data == NULL :
		    value.data != NULL && cv_span_equal(old, value))
			return CV_OK;
	}
	annotation_format(folder, uid, owner, entry, value,
			  payload_begin(txn));
	payload_end(txn, RECORD_ANNOTATION);
	t->touched = true;
	return CV_OK;
}
