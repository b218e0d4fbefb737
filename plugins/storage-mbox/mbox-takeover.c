/* mbox-takeover.c - what another server left: UIDs in the messages' headers,
 * and beside the mbox Dovecot's index, which has the folder's GUID, its
 * UIDVALIDITY while there is no message to hold it, which messages are \Recent
 * and when they came. */
#include "mbox.h"

enum { INDEX_BYTES_MAX = 256 << 20, GUID_AT = 16 };

/* --- the index ------------------------------------------------------------------ */

/* ".imap/NAME" beside the mbox, or at the same place below INDEX=; -1: not
 * there. */
static int open_index_dir(struct cv_storage_folder *folder,
			  struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	const char *index = root->config->index, *name = folder->path;
	const char *slash = strrchr(name, '/');
	struct cv_text path;

	cv_text_init(&path, pool);
	if (index != NULL && index[0] == '/')
		cv_text_append_f(&path, "%s/", index);
	if (folder->is_inbox)
		name = "INBOX";
	else if (slash != NULL)
		cv_text_append(&path, name, (size_t)(slash + 1 - name));
	if (!folder->is_inbox && slash != NULL)
		name = slash + 1;
	cv_text_append_f(&path, ".imap/%s", name);
	return MB_CALL(root, open, root->fd, cv_text_str(&path),
		       O_RDONLY | O_DIRECTORY, 0);
}

/* A damaged index is no reason not to read mail. */
static bool read_index(struct cv_storage_folder *folder, int dirfd,
		       struct cv_pool *pool, struct dovecot_index *index_r)
{
	const struct dovecot_files files = {
		.wanted = { "cache" }, .keep = "mbox",
	};

	*index_r = (struct dovecot_index){ .uidvalidity = 0 };
	return dirfd >= 0 &&
		common_dovecot_index(folder->root->config, dirfd,
				     "dovecot.index", files, INDEX_BYTES_MAX,
				     pool, index_r, NULL) == CV_OK;
}

/* { size, time, state } GUID.  It is the folder's whatever its messages say;
 * the numbers count where the file has none. */
static void take_index(const struct dovecot_index *index,
		       struct cv_takeover *t)
{
	static const uint8_t none[16];

	memcpy(t->guid, index->kept + GUID_AT, sizeof(t->guid));
	t->has_guid = memcmp(t->guid, none, sizeof(none)) != 0;
	if (t->uidvalidity == 0) {
		t->uidvalidity = index->uidvalidity;
		t->uidnext = index->uidnext;
	}
}

/* --- the file ------------------------------------------------------------------- */

/* A scan asks at its end: nobody has written since, as a rule. */
static bool is_just_read(struct cv_storage_folder *folder)
{
	struct mbox_stamp now;

	return folder->map_loaded && folder->uidvalidity != 0 &&
		folder->head.base_validity != 0 &&
		mbox_take_stamp(folder, &now, NULL) == CV_OK &&
		mbox_stamp_equal(&now, &folder->head.stamp);
}

static int head_of(struct cv_storage_folder *folder,
		   struct cv_takeover *takeover, struct cv_error *err)
{
	struct cv_pool *pool;
	struct mbox_reader reader;
	struct mbox_record record;
	struct mbox_head head;
	struct mbox_hash hash;
	struct mbox_stamp stamp;
	struct cv_text scratch;
	struct cv_span data;
	int ret = mbox_lock(folder, false, err);

	if (ret != CV_OK)
		return ret;
	pool = cv_api->pool_create("mbox head");
	cv_text_init(&scratch, pool);
	ret = mbox_take_stamp(folder, &stamp, err);
	if (ret == CV_OK) {
		mbox_reader_init(&reader, folder->root, folder->fd,
				 stamp.size, pool, MBOX_WINDOW);
		ret = mbox_scan_head(&reader, 0, &record, &head, &data,
				     &scratch, &hash, err);
	}
	if (ret == CV_OK && head.base_validity == 0)
		ret = CV_NOT_FOUND;
	if (ret == CV_OK) {
		takeover->uidvalidity = head.base_validity;
		takeover->uidnext = head.base_last + 1;
	}
	cv_api->pool_destroy(&pool);
	mbox_unlock(folder);
	return ret;
}

/* UIDs that ascend, and that the head of the file admits: a message can
 * bring any X-UID along. */
static bool is_numbered(const struct cv_storage_folder *folder,
			const struct mbox_record *r, uint32_t last)
{
	return r->file_uid > last &&
		r->file_uid <= folder->head.base_last &&
		folder->head.base_validity != 0;
}

/* Messages behind those with a UID get the next ones. */
static void take_messages(struct cv_storage_folder *folder,
			  struct cv_pool *pool, struct cv_takeover *t)
{
	struct cv_takeover_entry *entries = CV_ALLOC_ARRAY(
		pool, struct cv_takeover_entry,
		(size_t)folder->head.count + 1);
	uint32_t count = 0, last = 0, recent = 0;
	bool numbered = true;

	for (uint32_t i = 0; i < folder->head.count; i++) {
		const struct mbox_record *r = &folder->records[i];
		char *ref;

		if (r->marks & MBOX_PSEUDO)
			continue;
		numbered = numbered && is_numbered(folder, r, last);
		if (numbered) {
			ref = cv_api->alloc(pool, MBOX_REF_BYTES + 1);
			mbox_ref_format(r, ref);
			entries[count].uid = last = r->file_uid;
			entries[count++].ref = cv_span(ref, MBOX_REF_BYTES);
		} else {
			last = last + 1 < t->uidnext ? t->uidnext : last + 1;
		}
		/* the last ones that no mail program has seen */
		if (r->marks & MBOX_OLD)
			recent = 0;
		else if (recent == 0)
			recent = last;
	}
	t->entries = entries;
	t->count = count;
	t->first_recent = recent != 0 ? recent : last + 1;
}

static int read_messages(struct cv_storage_folder *folder,
			 const struct dovecot_index *index,
			 struct cv_pool *pool, struct cv_takeover *t,
			 struct cv_error *err)
{
	int ret = mbox_begin(folder, MBOX_READ, err);

	if (ret != CV_OK)
		return ret;
	if (folder->head.base_validity != 0) {
		t->uidvalidity = folder->head.base_validity;
		t->uidnext = folder->head.base_last + 1;
	}
	take_index(index, t);
	take_messages(folder, pool, t);
	mbox_end(folder);
	if (index->uidvalidity == t->uidvalidity &&
	    index->first_recent > t->first_recent)
		t->first_recent = index->first_recent;
	return CV_OK;
}

/* --- both ------------------------------------------------------------------------- */

static void read_saved(struct cv_storage_folder *folder, int dirfd,
		       const struct dovecot_index *index,
		       struct cv_pool *pool, struct cv_takeover *t)
{
	int cache = common_dovecot_cache_open(folder->root->config, dirfd);

	if (cache >= 0)
		common_dovecot_takeover(folder->root->config, &cache, index,
					0, pool, t);
}

int mbox_takeover(struct cv_storage_folder *folder, bool head_only,
		  struct cv_pool *pool, struct cv_takeover *takeover_r,
		  struct cv_error *err)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	struct cv_pool *scratch;
	int dirfd, ret;
	struct dovecot_index index;
	bool has_index;

	if (head_only && is_just_read(folder)) {
		t.uidvalidity = folder->head.base_validity;
		t.uidnext = folder->head.base_last + 1;
		*takeover_r = t;
		return CV_OK;
	}
	scratch = cv_api->pool_create("dovecot index");
	dirfd = open_index_dir(folder, scratch);
	has_index = read_index(folder, dirfd, scratch, &index);
	if (head_only) {
		ret = head_of(folder, &t, err);
		if (ret >= 0)
			take_index(&index, &t);
		if (ret >= 0)
			ret = t.uidvalidity == 0 ? CV_NOT_FOUND : CV_OK;
	} else {
		ret = read_messages(folder, &index, pool, &t, err);
		if (ret == CV_OK && has_index &&
		    index.uidvalidity == t.uidvalidity)
			read_saved(folder, dirfd, &index, pool, &t);
	}
	if (dirfd >= 0)
		MBOX_API(folder->root)->close(MBOX_IO(folder->root), dirfd);
	cv_api->pool_destroy(&scratch);
	*takeover_r = t;
	return ret;
}
