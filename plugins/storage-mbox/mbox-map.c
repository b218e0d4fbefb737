/* mbox-map.c - what a folder's mbox holds, in a file of ours: a head of fixed
 * size and a record for each message, in the order of the mbox.
 *
 * INVARIANT: the map is used only under its lock.  Changes to records that
 * are there already are made while the head says dirty; a dirty map is a list
 * of hints, and the mbox is read whole. */
#include "mbox.h"

#include <unistd.h>

enum { MAP_HEAD_BYTES = 8192 };
_Static_assert(sizeof(struct mbox_map_head) <= MAP_HEAD_BYTES, "map head");
static const char map_magic[8] = "CVMBOX1\n";

bool mbox_stamp_equal(const struct mbox_stamp *a, const struct mbox_stamp *b)
{
	return a->inode == b->inode && a->size == b->size &&
		a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

int mbox_take_stamp(struct cv_storage_folder *folder,
		    struct mbox_stamp *stamp, struct cv_error *err)
{
	struct stat st;

	*stamp = (struct mbox_stamp){ 0 };
	if (folder->fd == -1)
		return CV_OK;
	if (MB_CALL(folder->root, fstat, folder->fd, &st) < 0)
		return common_fail(err, "stat", folder->path);
	stamp->inode = st.st_ino;
	stamp->size = (uint64_t)st.st_size;
	stamp->seconds = st.st_ctim.tv_sec;
	stamp->nanoseconds = (uint32_t)st.st_ctim.tv_nsec;
	return CV_OK;
}

/* --- references -------------------------------------------------------------------- */

void mbox_ref_format(const struct mbox_record *record,
		     char dst[MBOX_REF_BYTES + 1])
{
	for (int i = 0; i < 16; i++)
		snprintf(dst + 2 * i, 3, "%02x", record->digest[i]);
	snprintf(dst + 32, 18, ".%016llx",
		 (unsigned long long)record->instance);
}

static bool hex_byte(const char *text, uint8_t *byte_r)
{
	unsigned int value = 0;

	for (int i = 0; i < 2; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (unsigned int)(c - 'a' + 10);
		else
			return false;
	}
	*byte_r = (uint8_t)value;
	return true;
}

bool mbox_ref_parse(struct cv_span ref, uint8_t digest[16],
		    uint64_t *instance_r)
{
	uint64_t instance = 0;
	uint8_t byte;

	if (ref.len != MBOX_REF_BYTES || ref.data[32] != '.')
		return false;
	for (int i = 0; i < 16; i++) {
		if (!hex_byte(ref.data + 2 * i, &digest[i]))
			return false;
	}
	for (int i = 0; i < 8; i++) {
		if (!hex_byte(ref.data + 33 + 2 * i, &byte))
			return false;
		instance = instance << 8 | byte;
	}
	*instance_r = instance;
	return true;
}

static void make_slots(struct cv_storage_folder *folder)
{
	uint32_t count = 64;

	while (count / 2 < folder->head.count)
		count *= 2;
	folder->slots = CV_ALLOC_ARRAY(folder->map_pool, uint32_t, count);
	folder->slot_count = count;
	for (uint32_t i = 0; i < folder->head.count; i++) {
		uint64_t at = folder->records[i].instance;

		while (folder->slots[at & (count - 1)] != 0)
			at++;
		folder->slots[at & (count - 1)] = i + 1;
	}
}

struct mbox_record *mbox_map_find(struct cv_storage_folder *folder,
				  struct cv_span ref)
{
	uint8_t digest[16];
	uint64_t instance, at;

	if (!mbox_ref_parse(ref, digest, &instance))
		return NULL;
	if (folder->slot_count == 0)
		make_slots(folder);
	for (at = instance; folder->slots[at & (folder->slot_count - 1)] != 0;
	     at++) {
		struct mbox_record *r = &folder->records[
			folder->slots[at & (folder->slot_count - 1)] - 1];

		if (r->instance == instance && !(r->marks & MBOX_PSEUDO) &&
		    memcmp(r->digest, digest, 16) == 0)
			return r;
	}
	return NULL;
}

void mbox_map_forget_slots(struct cv_storage_folder *folder)
{
	folder->slot_count = 0;
}

/* --- records in memory ---------------------------------------------------------------- */

void mbox_map_reset(struct cv_storage_folder *folder, uint32_t count)
{
	if (folder->map_pool != NULL)
		cv_api->pool_destroy(&folder->map_pool);
	folder->map_pool = cv_api->pool_create("mbox map");
	folder->room = count + 16;
	folder->records = CV_ALLOC_ARRAY(folder->map_pool, struct mbox_record,
					 folder->room);
	folder->head.count = 0;
	folder->slot_count = 0;
}

struct mbox_record *mbox_map_add(struct cv_storage_folder *folder)
{
	if (folder->head.count == folder->room) {
		struct cv_pool *old_pool = folder->map_pool;
		struct mbox_record *old = folder->records;
		uint32_t count = folder->head.count;

		folder->map_pool = NULL;
		mbox_map_reset(folder, count + count / 2);
		memcpy(folder->records, old, count * sizeof(*old));
		folder->head.count = count;
		cv_api->pool_destroy(&old_pool);
	}
	folder->slot_count = 0;
	return &folder->records[folder->head.count++];
}

/* --- the file ---------------------------------------------------------------------------- */

static uint64_t record_check(const struct mbox_record *record)
{
	return mbox_hash64(record, offsetof(struct mbox_record, check));
}

static uint64_t head_check(const struct mbox_map_head *head)
{
	return mbox_hash64(head, offsetof(struct mbox_map_head, check));
}

static bool head_is_good(const struct mbox_map_head *head)
{
	if (memcmp(head->magic, map_magic, 8) != 0 ||
	    head->record_bytes != sizeof(struct mbox_record) ||
	    head->keyword_count > MBOX_KEYWORDS ||
	    head->count > MBOX_RECORDS_MAX ||
	    head->check != head_check(head))
		return false;
	for (uint32_t i = 0; i < head->keyword_count; i++) {
		if (memchr(head->keywords[i], '\0', MBOX_KEYWORD_BYTES) ==
		    NULL)
			return false;
	}
	return true;
}

static void empty_map(struct cv_storage_folder *folder)
{
	folder->head = (struct mbox_map_head){ .dirty = 1 };
	mbox_map_reset(folder, 0);
}

static int read_records(struct cv_storage_folder *folder, uint32_t count,
			struct cv_error *err)
{
	size_t bytes = count * sizeof(struct mbox_record);
	uint32_t to = 0;
	ssize_t got;

	mbox_map_reset(folder, count);
	got = bytes == 0 ? 0 :
		MB_CALL(folder->root, pread, folder->map_fd, folder->records,
			bytes, MAP_HEAD_BYTES);
	if (got < 0)
		return common_fail(err, "read", folder->own);
	if ((size_t)got < bytes) {
		folder->head.dirty = 1;
		count = (uint32_t)((size_t)got / sizeof(struct mbox_record));
	}
	for (uint32_t i = 0; i < count; i++) {
		if (folder->records[i].check ==
		    record_check(&folder->records[i]))
			folder->records[to++] = folder->records[i];
		else
			folder->head.dirty = 1;
	}
	folder->head.count = to;
	return CV_OK;
}

static int load(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct mbox_map_head head;
	ssize_t got = MB_CALL(folder->root, pread, folder->map_fd, &head,
			      sizeof(head), 0);

	if (got < 0)
		return common_fail(err, "read", folder->own);
	if ((size_t)got < sizeof(head) || !head_is_good(&head)) {
		if (!folder->map_loaded || got > 0)
			empty_map(folder);
		folder->head.dirty = 1;
		folder->map_loaded = true;
		return CV_OK;
	}
	if (folder->map_loaded && head.sequence == folder->head.sequence &&
	    head.generation == folder->head.generation) {
		folder->head.dirty = head.dirty;
		return CV_OK;
	}
	folder->head = head;
	folder->map_loaded = true;
	return read_records(folder, head.count, err);
}

/* A copy is no file of the store: it is written past the I/O port, which has
 * refused to open the map itself. */
static ssize_t map_write(struct cv_storage_folder *folder, const void *data,
			 size_t len, uint64_t at)
{
	return folder->map_copied ?
		pwrite(folder->map_fd, data, len, (off_t)at) :
		MB_CALL(folder->root, pwrite, folder->map_fd, data, len, at);
}

static int save_head(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct mbox_map_head *head = &folder->head;

	memcpy(head->magic, map_magic, 8);
	head->record_bytes = sizeof(struct mbox_record);
	head->check = head_check(head);
	if (map_write(folder, head, sizeof(*head), 0) < 0)
		return common_fail(err, "write", folder->own);
	return CV_OK;
}

int mbox_map_dirty(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct mbox_map_head *head = &folder->head;

	/* nothing but this word, so that no crash tears the head */
	head->dirty = 1;
	if (map_write(folder, &head->dirty, sizeof(head->dirty),
		      offsetof(struct mbox_map_head, dirty)) < 0)
		return common_fail(err, "write", folder->own);
	return CV_OK;
}

int mbox_map_save_only(struct cv_storage_folder *folder, uint32_t first,
		       struct cv_error *err)
{
	struct mbox_map_head *head = &folder->head;

	head->unwritten = 0;
	for (uint32_t i = 0; i < head->count; i++) {
		if (i >= first)
			folder->records[i].check =
				record_check(&folder->records[i]);
		head->unwritten += mbox_is_unwritten(&folder->records[i]);
	}
	if (head->count > first &&
	    map_write(folder, folder->records + first,
		      (head->count - first) * sizeof(struct mbox_record),
		      MAP_HEAD_BYTES + first * sizeof(struct mbox_record)) < 0)
		return common_fail(err, "write", folder->own);
	head->sequence++;
	return save_head(folder, err);
}

int mbox_map_save(struct cv_storage_folder *folder, uint32_t first,
		  struct cv_error *err)
{
	int ret = mbox_take_stamp(folder, &folder->head.stamp, err);

	if (ret < 0)
		return ret;
	memcpy(folder->head.boot_id, folder->root->config->boot_id, 16);
	folder->head.dirty = 0;
	return mbox_map_save_only(folder, first, err);
}

int mbox_map_mark(struct cv_storage_folder *folder,
		  struct mbox_record *record, struct cv_error *err)
{
	size_t index = (size_t)(record - folder->records);

	record->check = record_check(record);
	if (map_write(folder, record, sizeof(*record), MAP_HEAD_BYTES +
		      index * sizeof(*record)) < 0)
		return common_fail(err, "write", folder->own);
	return CV_OK;
}

int mbox_map_save_record(struct cv_storage_folder *folder,
			 struct mbox_record *record, struct cv_error *err)
{
	int ret = mbox_map_mark(folder, record, err);

	if (ret < 0)
		return ret;
	folder->head.sequence++;
	folder->head.unwritten += mbox_is_unwritten(record);
	return save_head(folder, err);
}

/* --- keywords -------------------------------------------------------------------------------- */

static bool is_keyword(struct cv_span name)
{
	if (name.len == 0 || name.len >= MBOX_KEYWORD_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c <= 0x20 || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return true;
}

int mbox_keyword_index(struct cv_storage_folder *folder, struct cv_span name,
		       bool add)
{
	struct mbox_map_head *head = &folder->head;

	if (!is_keyword(name))
		return -1;
	for (uint32_t i = 0; i < head->keyword_count; i++) {
		if (cv_span_is_icase(name, head->keywords[i]))
			return (int)i;
	}
	if (!add || head->keyword_count == MBOX_KEYWORDS)
		return -1;
	memset(head->keywords[head->keyword_count], 0, MBOX_KEYWORD_BYTES);
	memcpy(head->keywords[head->keyword_count], name.data, name.len);
	return (int)head->keyword_count++;
}

uint64_t mbox_keyword_bits(struct cv_storage_folder *folder,
			   const struct cv_keywords *keywords)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < keywords->count; i++) {
		int index = mbox_keyword_index(
			folder, cv_span_of(keywords->names[i]), true);

		if (index >= 0)
			bits |= UINT64_C(1) << index;
	}
	return bits;
}

uint64_t mbox_keyword_parse(struct cv_storage_folder *folder,
			    struct cv_span words)
{
	uint64_t bits = 0;
	struct cv_span word;

	while (cv_span_split(&words, ' ', &word)) {
		int index = mbox_keyword_index(folder, cv_span_trim(word),
					       true);

		if (index >= 0)
			bits |= UINT64_C(1) << index;
	}
	return bits;
}

/* --- locking ----------------------------------------------------------------------------------- */

static int open_map(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256];

	if (folder->map_fd == -1)
		folder->map_fd = MB_CALL(root, open, root->own_fd,
					 mbox_own_path(name, folder->own,
						       "map"),
					 O_RDWR | O_CREAT, 0600);
	if (folder->map_fd == -1 && errno == EROFS) {
		folder->map_fd = mbox_own_copy(root, name);
		folder->map_copied = true;
	}
	return folder->map_fd == -1 ? common_fail(err, "open", name) : CV_OK;
}

/* A folder without a file: an INBOX that nothing was ever delivered to. */
static int empty_box(struct cv_storage_folder *folder, struct cv_error *err)
{
	if (!folder->is_inbox)
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' is not there",
			       folder->path);
	if (folder->head.count == 0 && folder->head.stamp.inode == 0 &&
	    !folder->head.dirty)
		return CV_OK;
	mbox_map_reset(folder, 0);
	cv_api->random(&folder->head.generation,
		       sizeof(folder->head.generation));
	folder->head.base_validity = folder->head.base_last = 0;
	return mbox_map_save(folder, 0, err);
}

static int update(struct cv_storage_folder *folder, uint32_t how,
		  struct cv_error *err)
{
	struct mbox_stamp stamp;
	bool deep = memcmp(folder->head.boot_id,
			   folder->root->config->boot_id, 16) != 0;
	int ret = CV_OK;

	if (folder->head.dirty || deep) {
		/* what was begun is ended first; that takes a lock for
		 * writing */
		if (!(how & MBOX_WRITE) && !folder->readonly) {
			mbox_unlock(folder);
			ret = mbox_lock(folder, true, err);
		}
		if (ret == CV_OK)
			ret = mbox_redo_recover(folder, folder->head.dirty,
						err);
		deep = true;
	}
	if (ret == CV_OK)
		ret = mbox_take_stamp(folder, &stamp, err);
	if (ret != CV_OK)
		return ret;
	/* the map says that this very state was looked at */
	if (!deep && mbox_stamp_equal(&stamp, &folder->head.stamp) &&
	    !((how & MBOX_FULL) && folder->head.unsure))
		return CV_OK;
	return mbox_refresh(folder, (how & MBOX_FULL) != 0, deep, err);
}

int mbox_begin(struct cv_storage_folder *folder, uint32_t how,
	       struct cv_error *err)
{
	int ret;

	if (folder->depth > 0) {
		folder->depth++;
		return CV_OK;
	}
	ret = mbox_own_lock(folder, err);
	folder->depth = 1;
	if (ret == CV_OK)
		ret = open_map(folder, err);
	if (ret == CV_OK)
		ret = load(folder, err);
	if (ret == CV_OK && (how & (MBOX_READ | MBOX_WRITE)) != 0) {
		ret = mbox_lock(folder, (how & MBOX_WRITE) != 0, err);
		if (ret == CV_NOT_FOUND)
			ret = empty_box(folder, err);
		else if (ret == CV_OK)
			ret = update(folder, how, err);
	}
	if (ret != CV_OK) {
		/* what is in memory may be half of something */
		folder->map_loaded = false;
		mbox_end(folder);
	}
	return ret;
}

void mbox_end(struct cv_storage_folder *folder)
{
	if (folder->depth == 0 || --folder->depth > 0)
		return;
	mbox_unlock(folder);
	mbox_own_unlock(folder);
}
