/* memory-folder.c - one open folder: its state, and what a scan sees. */
#include "memory.h"

int memory_folder_open(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span state,
		       struct cv_storage_folder **folder_r,
		       struct cv_error *err)
{
	struct memory_folder *found = memory_folder_find(root->tree, name);
	struct cv_storage_folder *folder;
	struct cv_pool *pool;

	if (found == NULL)
		return CV_FAIL(err, CV_E_NOT_FOUND, "no folder '%.*s'",
			       CV_SPAN_ARG(name));
	pool = cv_api->pool_create("memory folder");
	folder = CV_ALLOC(pool, struct cv_storage_folder);
	folder->root = root;
	folder->pool = pool;
	folder->folder = found;
	found->refs++;
	memory_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

void memory_folder_close(struct cv_storage_folder **folder)
{
	struct cv_storage_folder *f = *folder;
	struct cv_pool *pool;

	if (f == NULL)
		return;
	*folder = NULL;
	memory_folder_unref(f->folder);
	pool = f->pool;
	cv_api->pool_destroy(&pool);
}

/* --- the state: in which life of the tree it was scanned ------------------------ */

bool memory_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	bool changed = folder->state_changed;

	cv_text_append(dst, &folder->life, sizeof(folder->life));
	folder->state_changed = false;
	return changed;
}

void memory_state_set(struct cv_storage_folder *folder, struct cv_span state)
{
	folder->life = 0;
	if (state.len == sizeof(folder->life))
		memcpy(&folder->life, state.data, sizeof(folder->life));
	folder->state_changed = false;
}

static void was_seen(struct cv_storage_folder *folder)
{
	folder->state_changed |= folder->life != folder->root->tree->life;
	folder->life = folder->root->tree->life;
}

/* Nobody else works here; only what was there before this process is gone. */
int memory_check(struct cv_storage_folder *folder, bool thorough,
		 uint32_t *scan_r, struct cv_error *err)
{
	(void)thorough;
	if (folder->folder->gone)
		return CV_FAIL(err, CV_E_NOT_FOUND, "the folder is gone");
	*scan_r = CV_SCAN_ALL;
	return memory_was_lost(folder, 0) ? CV_CHANGED : CV_OK;
}

bool memory_was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	(void)modseq;
	return folder->life != folder->root->tree->life;
}

int memory_sync(struct cv_storage_folder *folder, uint64_t modseq,
		struct cv_error *err)
{
	(void)err;
	if (modseq != 0)
		was_seen(folder);
	return CV_OK;
}

void memory_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		    uint32_t uidnext)
{
	folder->folder->uidvalidity = uidvalidity;
	folder->folder->uidnext = uidnext;
}

/* --- scanning ---------------------------------------------------------------------- */

int memory_scan(struct cv_storage_folder *folder, uint32_t scan,
		cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("memory scan");
	int ret = CV_OK;

	(void)scan; (void)err;
	for (size_t i = 0; i < folder->folder->count && ret == CV_OK; i++) {
		struct memory_blob *blob = &folder->folder->blobs[i];
		struct cv_found found = {
			CV_SIZED(cv_found), .received = INT64_MIN,
		};

		if (blob->hidden)
			continue;
		found.ref = memory_blob_ref(blob, pool);
		ret = fn(context, &found);
	}
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK)
		was_seen(folder);
	return ret;
}

int memory_look(struct cv_storage_folder *folder, struct cv_found *found,
		struct cv_error *err)
{
	struct memory_blob *blob = memory_blob_find(folder->folder,
						    found->ref);

	(void)err;
	if (blob == NULL)
		return CV_NOT_FOUND;
	found->bytes = blob->bytes->len;
	found->virtual_bytes = blob->virtual_bytes;
	found->received = blob->received;
	found->has_guid = blob->has_guid;
	memcpy(found->guid, blob->guid, sizeof(found->guid));
	if (!found->has_flags)
		found->flags = blob->flags;
	return CV_OK;
}

bool memory_keyword_shown(struct cv_storage_folder *folder, const char *name)
{
	(void)folder; (void)name;
	return false;
}

int memory_recover(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_error *err)
{
	(void)err;
	if (memory_blob_find(folder->folder, blob->ref) == NULL)
		return CV_NOT_FOUND;
	memory_place(folder, blob, 1);
	return CV_OK;
}

static struct cv_keywords copy_keywords(struct cv_keywords k,
					struct cv_pool *pool)
{
	const char **names = CV_ALLOC_ARRAY(pool, const char *, k.count + 1);

	for (uint32_t i = 0; i < k.count; i++)
		names[i] = cv_span_copy(pool, cv_span_of(k.names[i]));
	return (struct cv_keywords){ names, k.count };
}

static void take_entries(struct memory_folder *folder, struct cv_pool *pool,
			 struct cv_takeover *t)
{
	struct cv_takeover_entry *entries = CV_ALLOC_ARRAY(
		pool, struct cv_takeover_entry, folder->count + 1);

	for (size_t i = 0; i < folder->count; i++) {
		const struct memory_blob *blob = &folder->blobs[i];
		uint32_t at = t->count;

		if (blob->hidden || blob->uid == 0)
			continue;
		/* numbers and UIDs nearly always grow together */
		while (at > 0 && entries[at - 1].uid > blob->uid) {
			entries[at] = entries[at - 1];
			at--;
		}
		entries[at] = (struct cv_takeover_entry){
			.uid = blob->uid, .ref = memory_blob_ref(blob, pool),
			.has_flags = true, .flags = blob->flags,
			.keywords = copy_keywords(blob->keywords, pool),
		};
		t->count++;
	}
	t->entries = entries;
}

int memory_takeover(struct cv_storage_folder *folder, bool head_only,
		    struct cv_pool *pool, struct cv_takeover *takeover_r,
		    struct cv_error *err)
{
	struct memory_folder *f = folder->folder;

	(void)err;
	if (f->uidvalidity == 0)
		return CV_NOT_FOUND;
	takeover_r->uidvalidity = f->uidvalidity;
	takeover_r->uidnext = f->uidnext;
	takeover_r->highestmodseq = 0;
	takeover_r->count = 0;
	if (!head_only)
		take_entries(f, pool, takeover_r);
	return CV_OK;
}

void memory_clean(struct cv_storage_folder *folder)
{
	struct memory_folder *f = folder->folder;
	uint64_t now = cv_api->monotonic_msecs();

	for (size_t i = f->count; i-- > 0;) {
		if (f->blobs[i].hidden && now - f->blobs[i].hidden_since >
		    MEMORY_HIDDEN_MSECS)
			memory_blob_drop(f, &f->blobs[i]);
	}
}
