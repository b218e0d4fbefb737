/* mbox-refresh.c - the map is brought up to date with its mbox.
 *
 * What has only grown (the last known message's header is as it was, and ends
 * where it did) is read from where it ended: that new mail is there is all that
 * anybody asks then.  When a mailbox is opened each message's header is read, and
 * its body is believed to be the known one when the next message begins where it
 * should; bodies are read where that is not so.  No sample of the headers would
 * do: a flag that another program has set in place, and then a message at the end,
 * look like the message alone.  So the map remembers that it has only been added
 * to (unsure), until all headers were looked at.
 * Messages are known again by their bytes, so other programs may rewrite the
 * file as they like. */
#include "mbox.h"

struct old_map {
	struct cv_pool *pool;
	struct mbox_record *records;
	uint32_t count, next;		/* next: where a message is likely */
	uint32_t *heads, *chain;	/* by head_hash */
	uint32_t *digests, *digest_chain;
	uint32_t mask;
	bool *used;
};

struct refresh {
	struct cv_storage_folder *folder;
	struct old_map old;
	struct mbox_reader reader;
	struct cv_text scratch;
	bool deep;
	bool mend;			/* a power cut may have left holes */
	bool has_gaps;
	bool changed;			/* other than by growing */
	struct cv_error *err;
};

static uint64_t digest_key(const struct mbox_record *r)
{
	uint64_t key;

	memcpy(&key, r->digest, 8);
	return key;
}

static void old_init(struct old_map *old, struct cv_storage_folder *folder)
{
	uint32_t size = 64;

	old->pool = folder->map_pool;
	old->records = folder->records;
	old->count = folder->head.count;
	folder->map_pool = NULL;
	mbox_map_reset(folder, old->count);
	while (size / 2 < old->count)
		size *= 2;
	old->mask = size - 1;
	old->heads = CV_ALLOC_ARRAY(old->pool, uint32_t, size);
	old->digests = CV_ALLOC_ARRAY(old->pool, uint32_t, size);
	old->chain = CV_ALLOC_ARRAY(old->pool, uint32_t, old->count + 1);
	old->digest_chain = CV_ALLOC_ARRAY(old->pool, uint32_t,
					   old->count + 1);
	old->used = CV_ALLOC_ARRAY(old->pool, bool, old->count + 1);
	for (uint32_t i = old->count; i-- > 0;) {
		const struct mbox_record *r = &old->records[i];
		uint32_t *head = &old->heads[r->head_hash & old->mask];
		uint32_t *digest = &old->digests[digest_key(r) & old->mask];

		old->chain[i] = *head;
		*head = i + 1;
		old->digest_chain[i] = *digest;
		*digest = i + 1;
	}
}

/* --- flags ------------------------------------------------------------------------ */

/* What another program has changed in the file is changed in what we know. */
static void merge(struct mbox_record *r, const struct mbox_record *old)
{
	uint32_t flags = r->file_flags ^ old->file_flags;
	uint64_t keywords = r->file_keywords ^ old->file_keywords;

	r->flags = (old->flags & ~flags) | (r->file_flags & flags);
	r->keywords = (old->keywords & ~keywords) |
		(r->file_keywords & keywords);
	r->uid = old->uid;
	r->instance = old->instance;
	r->marks |= old->marks & MBOX_FRESH;
}

/* --- finding a message again -------------------------------------------------------- */

/* Of messages with the same bytes the one with the same X-UID is meant; only
 * when there is none, any.  After a power cut what has another X-UID may be
 * one that the map has lost. */
static bool is_meant(const struct refresh *x, const struct mbox_record *o,
		     const struct mbox_record *r, int pass)
{
	return o->file_uid == r->file_uid ||
		(pass > 0 && !(x->mend && o->file_uid != 0 &&
			       r->file_uid != 0));
}

static void take_known(struct refresh *x, uint32_t index,
		       struct mbox_record *r)
{
	merge(r, &x->old.records[index]);
	x->old.used[index] = true;
	x->old.next = index + 1;
}

/* By its header, and by where it ends. */
static int find_by_head(struct refresh *x, struct mbox_record *r,
			const struct mbox_head *head, int pass, bool *found_r)
{
	struct old_map *old = &x->old;
	uint32_t at = old->heads[r->head_hash & old->mask];
	int tries = 0;

	*found_r = false;
	if (old->next < old->count && !old->used[old->next] &&
	    old->records[old->next].head_hash == r->head_hash)
		at = old->next + 1;
	for (; at != 0 && tries < 32; at = old->chain[at - 1]) {
		const struct mbox_record *o = &old->records[at - 1];
		bool ends;
		int lines, ret;

		if (old->used[at - 1] || o->head_hash != r->head_hash ||
		    !is_meant(x, o, r, pass))
			continue;
		tries++;
		ret = mbox_scan_end(&x->reader, r, o->body_len, &ends,
				    &lines, x->err);
		if (ret < 0)
			return ret;
		if (!ends)
			continue;
		memcpy(r->digest, o->digest, 16);
		r->visible = o->visible;
		r->bare_lf = o->bare_lf;
		r->has_length = head->length == r->body_len;
		take_known(x, at - 1, r);
		*found_r = true;
		return CV_OK;
	}
	return CV_OK;
}

static bool find_by_digest(struct refresh *x, struct mbox_record *r, int pass)
{
	struct old_map *old = &x->old;
	uint32_t at = old->digests[digest_key(r) & old->mask];
	int tries = 0;

	for (; at != 0 && tries < 1000; at = old->digest_chain[at - 1]) {
		const struct mbox_record *o = &old->records[at - 1];

		tries++;
		if (old->used[at - 1] || !is_meant(x, o, r, pass) ||
		    memcmp(o->digest, r->digest, 16) != 0)
			continue;
		take_known(x, at - 1, r);
		return true;
	}
	return false;
}

/* --- after a power cut ------------------------------------------------------------------ */

/* The body up to a hole.  *torn_r: it is not whole. */
static int read_to_hole(struct refresh *x, struct mbox_record *r,
			const struct mbox_head *head, struct mbox_hash *hash,
			bool *torn_r, bool *found_r)
{
	struct mbox_reader *reader = &x->reader;
	int ret;

	reader->at_hole = reader->hole_inside = false;
	ret = mbox_scan_body(reader, r, head->length, hash, x->err);
	if (ret < 0)
		return ret;
	*found_r = find_by_digest(x, r, 0) || find_by_digest(x, r, 1);
	if (*found_r)
		return CV_OK;
	/* what we append has a Content-Length; and where the line end behind
	 * it is missing no other message can follow */
	if (r->has_length)
		*torn_r = reader->hole_inside;
	else if (reader->at_hole)
		*torn_r = head->length != UINT64_MAX ||
			(r->separator == 0 && r->body_len > 0);
	return CV_OK;
}

/* A message that is not known has zeros in it: does it end where they begin
 * (then *r is that), or is it what is left of one?  *found_r: it is known, or
 * *r is a gap. */
static int take_torn(struct refresh *x, uint64_t offset,
		     struct mbox_record *r, bool *found_r)
{
	struct mbox_record part;
	struct mbox_head head;
	struct mbox_hash hash;
	struct cv_span data;
	bool torn = false;
	int ret = mbox_scan_head(&x->reader, offset, &part, &head, &data,
				 &x->scratch, &hash, x->err);

	if (ret != CV_OK)
		return ret;
	part.flags = part.file_flags;
	part.keywords = part.file_keywords = r->file_keywords;
	x->reader.holes = true;
	ret = mbox_hole_next(&x->reader, offset + part.from_len, true, &data,
			     &torn, x->err);
	torn = torn && data.len < part.head_len;
	if (ret == CV_OK && !torn)
		ret = read_to_hole(x, &part, &head, &hash, &torn, found_r);
	x->reader.holes = false;
	if (ret == CV_OK && torn) {
		uint64_t end = part.has_length ? mbox_record_end(&part) : 0;

		*found_r = x->has_gaps = true;
		ret = mbox_hole_skip(&x->reader, offset, &part, x->err);
		if (end != 0)
			part.body_len = end - offset;
	}
	*r = part;
	return ret;
}

/* Zeros where a message should begin. */
static int take_hole(struct refresh *x, uint64_t offset,
		     struct mbox_record *r)
{
	struct cv_span data;
	bool is_hole = false;
	int ret;

	if (!x->mend)
		return CV_NOT_FOUND;
	ret = mbox_reader_get(&x->reader, offset, MBOX_FROM_MAX, &data,
			      x->err);
	x->reader.holes = true;
	if (ret == CV_OK)
		ret = mbox_hole_next(&x->reader, offset, true, &data,
				     &is_hole, x->err);
	x->reader.holes = false;
	if (ret < 0 || !is_hole || data.len > 0)
		return ret < 0 ? ret : CV_NOT_FOUND;
	x->has_gaps = true;
	return mbox_hole_skip(&x->reader, offset, r, x->err);
}

/* --- one message ------------------------------------------------------------------------ */

static int take_message(struct refresh *x, uint64_t offset,
			struct mbox_record *r)
{
	struct mbox_map_head *map = &x->folder->head;
	struct mbox_head head;
	struct mbox_hash hash;
	struct cv_span data;
	bool found = false;
	int ret = mbox_scan_head(&x->reader, offset, r, &head, &data,
				 &x->scratch, &hash, x->err);

	if (ret != CV_OK)
		return ret;
	r->file_keywords = mbox_keyword_parse(x->folder, head.keywords);
	r->flags = r->file_flags;
	r->keywords = r->file_keywords;
	if (offset == 0) {
		map->base_validity = head.base_validity;
		map->base_last = head.base_last;
	}
	for (int pass = 0; pass < 2 && ret == CV_OK && !found && !x->deep;
	     pass++)
		ret = find_by_head(x, r, &head, pass, &found);
	if (ret < 0 || found)
		return ret;
	x->reader.seen_nul = x->mend &&
		memchr(data.data, '\0', data.len) != NULL;
	ret = mbox_scan_body(&x->reader, r, head.length, &hash, x->err);
	if (ret < 0 || (r->marks & MBOX_PSEUDO) || find_by_digest(x, r, 0) ||
	    find_by_digest(x, r, 1))
		return ret;
	if (x->mend && x->reader.seen_nul) {
		ret = take_torn(x, offset, r, &found);
		if (ret < 0 || found)
			return ret;
	}
	cv_api->random(&r->instance, sizeof(r->instance));
	r->marks |= MBOX_FRESH;
	return CV_OK;
}

static int take_rest(struct refresh *x, uint64_t at)
{
	while (at < x->reader.end) {
		struct mbox_record r;
		int ret = take_message(x, at, &r);

		if (ret == CV_NOT_FOUND)
			ret = take_hole(x, at, &r);
		if (ret == CV_NOT_FOUND)
			return CV_FAIL(x->err, CV_E_PERM, "'%s' is no mbox: "
				       "no From_ line at byte %llu",
				       x->folder->path,
				       (unsigned long long)at);
		if (ret < 0)
			return ret;
		if (x->folder->head.count >= MBOX_RECORDS_MAX)
			return CV_FAIL(x->err, CV_E_LIMIT, "'%s' has too many "
				       "messages", x->folder->path);
		*mbox_map_add(x->folder) = r;
		at = mbox_record_end(&r);
	}
	return CV_OK;
}

/* Who appends a message with a UID raises the last one in the first header, in
 * place.  CV_NOT_FOUND: something else stands there. */
static int read_base(struct refresh *x)
{
	struct cv_storage_folder *folder = x->folder;
	const struct mbox_record *first = folder->records;
	char digits[10];
	uint64_t last;

	if (first->base_at == 0)
		return CV_OK;
	if (MB_CALL(folder->root, pread, folder->fd, digits, sizeof(digits),
		    first->offset + first->from_len + first->base_at) !=
	    (ssize_t)sizeof(digits) ||
	    !cv_span_to_u64(cv_span(digits, sizeof(digits)), UINT32_MAX - 1,
			    &last))
		return CV_NOT_FOUND;
	folder->head.base_last = (uint32_t)last;
	return CV_OK;
}

/* Has the file only grown?  Then what we know stays, and *at_r is where the
 * rest begins. */
static int has_grown(struct refresh *x, const struct mbox_stamp *stamp,
		     uint64_t *at_r)
{
	struct cv_storage_folder *folder = x->folder;
	struct mbox_map_head saved = folder->head;
	struct mbox_record *last, r;
	struct mbox_head head;
	struct mbox_hash hash;
	struct cv_span data;
	bool ends = false;
	int lines, ret;

	*at_r = 0;
	if (folder->head.count == 0 ||
	    folder->head.stamp.inode != stamp->inode ||
	    stamp->size <= folder->head.stamp.size)
		return CV_NOT_FOUND;
	last = &folder->records[folder->head.count - 1];
	ret = mbox_scan_head(&x->reader, last->offset, &r, &head, &data,
			     &x->scratch, &hash, x->err);
	folder->head = saved;
	if (ret != CV_OK)
		return ret;
	if (r.head_hash != last->head_hash || r.head_len != last->head_len ||
	    r.file_flags != last->file_flags)
		return CV_NOT_FOUND;
	ret = mbox_scan_end(&x->reader, last, last->body_len, &ends, &lines,
			    x->err);
	*at_r = mbox_record_end(last);
	return ret < 0 ? ret : ends ? read_base(x) : CV_NOT_FOUND;
}

static int grow(struct refresh *x, uint64_t at)
{
	struct cv_storage_folder *folder = x->folder;
	uint32_t before = folder->head.count;
	struct old_map none = {
		.heads = CV_ALLOC_ARRAY(folder->pool, uint32_t, 1),
		.digests = CV_ALLOC_ARRAY(folder->pool, uint32_t, 1),
	};
	int ret;

	x->old = none;
	folder->head.unsure = 1;
	ret = take_rest(x, at);
	/* the separator of the last one may have changed */
	return ret < 0 ? ret : mbox_map_save(folder, before - 1, x->err);
}

static int look_at_all(struct refresh *x)
{
	struct cv_storage_folder *folder = x->folder;
	int ret = mbox_map_dirty(folder, x->err);

	if (ret < 0)
		return ret;
	folder->head.base_validity = folder->head.base_last = 0;
	folder->head.unsure = 0;
	old_init(&x->old, folder);
	ret = take_rest(x, 0);
	cv_api->pool_destroy(&x->old.pool);
	if (ret == CV_OK && x->has_gaps)
		ret = mbox_holes_keep(folder, x->err);
	if (ret == CV_OK && x->has_gaps)
		ret = mbox_rewrite(folder, x->err);
	if (ret < 0)
		return ret;
	cv_api->random(&folder->head.generation,
		       sizeof(folder->head.generation));
	return mbox_map_save(folder, 0, x->err);
}

int mbox_refresh(struct cv_storage_folder *folder, bool full, bool deep,
		 struct cv_error *err)
{
	struct refresh x = { .folder = folder, .deep = deep, .err = err };
	struct cv_pool *pool = cv_api->pool_create("mbox refresh");
	struct mbox_stamp stamp;
	uint64_t at;
	int ret = mbox_take_stamp(folder, &stamp, err);

	/* a file that was never looked at has no holes of ours */
	x.mend = deep && !folder->readonly && folder->uidnext > 1 &&
		memcmp(folder->head.boot_id, folder->root->config->boot_id,
		       16) != 0;
	cv_text_init(&x.scratch, pool);
	if (ret == CV_OK) {
		mbox_reader_init(&x.reader, folder->root, folder->fd,
				 stamp.size, pool, MBOX_WINDOW);
		ret = full || deep ? CV_NOT_FOUND :
			has_grown(&x, &stamp, &at);
	}
	if (ret == CV_OK)
		ret = grow(&x, at);
	else if (ret == CV_NOT_FOUND)
		ret = look_at_all(&x);
	cv_api->pool_destroy(&pool);
	return ret;
}
