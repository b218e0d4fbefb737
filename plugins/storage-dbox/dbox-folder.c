/* dbox-folder.c - one folder: its directory, and the little that is kept of
 * it.  Flags are in the journal alone. */
#include "dbox.h"

enum { STATE_VERSION = 1, STATE_BYTES = 1 + 16 + 8 };

/* --- the state kept in the journal ------------------------------------------- */

bool dbox_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	bool changed = folder->state_changed;

	cv_text_append_c(dst, STATE_VERSION);
	cv_text_append(dst, folder->state.boot_id, 16);
	for (int i = 0; i < 8; i++)
		cv_text_append_c(dst, (char)(folder->state.synced_modseq >>
					     (8 * i) & 0xff));
	folder->state_changed = false;
	return changed;
}

void dbox_state_set(struct cv_storage_folder *folder, struct cv_span state)
{
	struct dbox_state s = { .synced_modseq = 0 };

	/* an unknown version is as good as none: scan */
	if (state.len == STATE_BYTES && state.data[0] == STATE_VERSION) {
		memcpy(s.boot_id, state.data + 1, 16);
		for (int i = 7; i >= 0; i--)
			s.synced_modseq = s.synced_modseq << 8 |
				(unsigned char)state.data[17 + i];
	}
	folder->state = s;
	folder->state_changed = false;
}

void dbox_synced(struct cv_storage_folder *folder, uint64_t modseq)
{
	/* what an earlier run has lost was not looked for yet */
	if (modseq == 0)
		return;
	folder->state.synced_modseq = modseq;
	memcpy(folder->state.boot_id, folder->root->config->boot_id, 16);
	folder->state_changed = true;
}

static bool same_boot(const struct cv_storage_folder *folder)
{
	return memcmp(folder->state.boot_id, folder->root->config->boot_id,
		      16) == 0;
}

bool dbox_was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	return !same_boot(folder) && modseq > folder->state.synced_modseq;
}

void dbox_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		  uint32_t uidnext)
{
	(void)uidnext;
	folder->uidvalidity = uidvalidity;
}

/* Nobody else works here: only a power cut can have undone something, and in
 * mdbox nothing that the journal cannot do without. */
int dbox_check(struct cv_storage_folder *folder, bool thorough,
	       uint32_t *scan_r, struct cv_error *err)
{
	static const uint8_t none[16];
	bool never = memcmp(folder->state.boot_id, none, 16) == 0;

	(void)thorough; (void)err;
	*scan_r = CV_SCAN_ALL;
	if (folder->root->multi)
		return never ? CV_CHANGED : CV_OK;
	return same_boot(folder) ? CV_OK : CV_CHANGED;
}

bool dbox_keyword_shown(struct cv_storage_folder *folder, const char *name)
{
	(void)folder; (void)name;
	return false;
}

int dbox_set_flags(struct cv_storage_folder *folder,
		   struct cv_flag_update *updates, uint32_t count,
		   struct cv_error *err)
{
	(void)folder; (void)err;
	for (uint32_t i = 0; i < count; i++) {
		updates[i].marks = updates[i].blob.marks;
		updates[i].status = CV_OK;
	}
	return CV_OK;
}

void dbox_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		uint32_t count)
{
	(void)folder;
	for (uint32_t i = 0; i < count; i++)
		blobs[i].marks = 0;
}

/* --- opening -------------------------------------------------------------------- */

int dbox_folder_open(struct cv_storage_root *root, struct cv_span name,
		     struct cv_span state,
		     struct cv_storage_folder **folder_r,
		     struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("dbox folder");
	struct cv_storage_folder *folder =
		CV_ALLOC(pool, struct cv_storage_folder);
	struct cv_text copy;
	int ret;

	cv_text_init(&copy, pool);
	cv_text_append_span(&copy, name);
	folder->root = root;
	folder->pool = pool;
	folder->name = cv_text_str(&copy);
	folder->path = dbox_path(root, pool, name);
	for (int i = 0; i < DBOX_OPEN_MAX; i++)
		folder->open[i].fd = -1;
	folder->fd = DBOX_CALL(root, open, root->fd, folder->path,
			       O_RDONLY | O_DIRECTORY, 0);
	if (folder->fd < 0) {
		ret = common_fail(err, "open", folder->path);
		cv_api->pool_destroy(&pool);
		return ret;
	}
	dbox_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

void dbox_folder_close(struct cv_storage_folder **folder)
{
	struct cv_storage_folder *f = *folder;
	struct cv_pool *pool;

	if (f == NULL)
		return;
	for (int i = 0; i < DBOX_OPEN_MAX; i++)
		dbox_close(f->root, f->open[i].fd);
	dbox_close(f->root, f->fd);
	pool = f->pool;
	*folder = NULL;
	cv_api->pool_destroy(&pool);
}

/* --- files that wait for their place --------------------------------------------- */

struct dbox_open *dbox_open_find(struct cv_storage_folder *folder,
				 struct cv_span name)
{
	for (int i = 0; i < DBOX_OPEN_MAX; i++) {
		struct dbox_open *o = &folder->open[i];

		if (o->fd >= 0 && cv_span_is(name, o->name))
			return o;
	}
	return NULL;
}

void dbox_open_keep(struct cv_storage_folder *folder, const char *name,
		    int fd, uint64_t offset, uint32_t slot)
{
	for (int i = 0; i < DBOX_OPEN_MAX; i++) {
		struct dbox_open *o = &folder->open[i];

		if (o->fd >= 0)
			continue;
		memcpy(o->name, name, strlen(name) + 1);
		o->fd = fd;
		o->offset = offset;
		o->slot = slot;
		return;
	}
	dbox_close(folder->root, fd);
}

void dbox_open_drop(struct cv_storage_folder *folder, struct dbox_open *open)
{
	if (open == NULL)
		return;
	dbox_close(folder->root, open->fd);
	open->fd = -1;
}

/* --- small files ------------------------------------------------------------------- */

int dbox_file_read(struct cv_storage_root *root, int dirfd, const char *name,
		   struct cv_text *text, struct cv_error *err)
{
	return common_file_read(root->config, dirfd, name, DBOX_FILE_MAX,
				text, err);
}
