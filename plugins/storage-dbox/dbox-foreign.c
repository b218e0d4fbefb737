/* dbox-foreign.c - what Dovecot knows of a folder: its index, and for mdbox
 * the map that says where a message lies. */
#include "dbox.h"

#include <stdlib.h>

/* --- the files ------------------------------------------------------------------- */

/* Where a folder's index files are: beside the mail, or below INDEX=, where
 * there are no directories for the mail. */
static int open_index_dir(struct cv_storage_root *root, const char *path,
			  struct cv_pool *pool)
{
	const char *index = root->config->index;
	size_t len = strlen(path), last = strlen(dbox_dirname(root));
	struct cv_text full;

	if (index == NULL || index[0] == '\0' ||
	    strcmp(index, "MEMORY") == 0)
		return DBOX_CALL(root, open, root->fd, path,
				 O_RDONLY | O_DIRECTORY, 0);
	cv_text_init(&full, pool);
	if (len > last && path[len - last - 1] == '/' &&
	    strcmp(path + len - last, dbox_dirname(root)) == 0)
		len -= last + 1;
	cv_text_append_f(&full, "%s/%.*s", index, (int)len, path);
	return DBOX_CALL(root, open, AT_FDCWD, full.data,
			 O_RDONLY | O_DIRECTORY, 0);
}

static int read_index(struct cv_storage_root *root, const char *path,
		      const char *name, struct dovecot_files files,
		      struct cv_pool *pool,
		      struct dovecot_index *index_r, struct cv_error *err)
{
	int dirfd = open_index_dir(root, path, pool), ret;

	if (dirfd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", path);
	ret = common_dovecot_index(root->config, dirfd, name, files,
				   DBOX_FILE_MAX, pool, index_r, err);
	dbox_close(root, dirfd);
	return ret;
}

int dbox_foreign_index(struct cv_storage_root *root, const char *path,
		       struct cv_pool *pool, struct dovecot_index *index_r,
		       struct cv_error *err)
{
	return read_index(root, path, "dovecot.index", (struct dovecot_files){
		.wanted = { "mdbox", "guid", "cache" },
		.keep = root->multi ? "mdbox-hdr" : "dbox-hdr" }, pool,
		index_r, err);
}

static int read_map(struct cv_storage_root *root, struct cv_pool *pool,
		    struct dovecot_index *map_r, struct cv_error *err)
{
	return read_index(root, "storage", "dovecot.map.index",
			  (struct dovecot_files){ .wanted = { "map", "ref" } },
			  pool, map_r, err);
}

/* --- messages ---------------------------------------------------------------------- */

struct loader {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;		/* of the files */
	struct dovecot_index index, map;
	struct mdbox_rescue *rescue;	/* NULL: the map is right */
};

static struct cv_keywords keywords_of(struct loader *l,
				      const struct dovecot_row *row)
{
	const char *names[DOVECOT_KEYWORDS_MAX];
	struct cv_keywords k = { NULL, 0 };
	const char **copy;

	for (uint32_t i = 0; i < l->index.keyword_count; i++) {
		if (row->keywords[i / 64] >> (i % 64) & 1)
			names[k.count++] = l->index.keywords[i];
	}
	if (k.count == 0)
		return k;
	copy = CV_ALLOC_ARRAY(l->folder->pool, const char *, k.count);
	for (uint32_t i = 0; i < k.count; i++)
		copy[i] = common_strdup(l->folder->pool, names[i]);
	k.names = copy;
	return k;
}

static int compare_row(const void *a, const void *b)
{
	uint32_t uid = *(const uint32_t *)a;
	const struct dovecot_row *row = b;

	return (uid > row->uid) - (uid < row->uid);
}

static const struct dovecot_row *map_entry(const struct loader *l,
					   const struct dovecot_row *row)
{
	uint32_t map_uid = dovecot_row_u32(row, 0, 0);
	const struct dovecot_row *entry = l->map.count == 0 ? NULL :
		bsearch(&map_uid, l->map.rows, l->map.count,
			sizeof(*l->map.rows), compare_row);

	return entry != NULL && entry->has[0] ? entry : NULL;
}

/* Dovecot's own repair looks for a message by its GUID, and then asks the
 * map. */
static bool find_place(const struct loader *l, const struct dovecot_row *row,
		       uint32_t *number_r, uint64_t *offset_r)
{
	const struct dovecot_row *entry;

	if (l->rescue != NULL && row->has[1] &&
	    mdbox_rescue_find(l->rescue, row->data[1], number_r, offset_r))
		return true;
	entry = map_entry(l, row);
	if (entry == NULL)
		return false;
	*number_r = dovecot_row_u32(entry, 0, 0);
	*offset_r = dovecot_row_u32(entry, 0, 4);
	return true;
}

/* "u.7", or where the message is; false: nowhere. */
static bool make_ref(const struct loader *l, const struct dovecot_row *row,
		     struct cv_span *ref_r)
{
	char text[DBOX_NAME_MAX];
	uint32_t number;
	uint64_t offset;

	if (!l->folder->root->multi)
		/* sdbox: its file has the UID's name */
		snprintf(text, sizeof(text), "u.%u", row->uid);
	else if (find_place(l, row, &number, &offset))
		snprintf(text, sizeof(text), "m.%u.%llu", number,
			 (unsigned long long)offset);
	else
		return false;
	*ref_r = cv_span_of(common_strdup(l->folder->pool, text));
	return true;
}

/* Messages of this folder that no index speaks of come last, as Dovecot's
 * repair gives them UIDs. */
static uint32_t count_left(const struct loader *l)
{
	uint32_t at = 0, count = 0, number;
	uint64_t offset;

	while (l->rescue != NULL &&
	       mdbox_rescue_next(l->rescue, l->folder->path, &at, &number,
				 &offset))
		count++;
	return count;
}

static void add_left(const struct loader *l, struct dbox_foreign *f)
{
	uint32_t at = 0, number;
	uint64_t offset;

	while (l->rescue != NULL && f->uidnext < UINT32_MAX &&
	       mdbox_rescue_next(l->rescue, l->folder->path, &at, &number,
				 &offset)) {
		char text[DBOX_NAME_MAX];

		snprintf(text, sizeof(text), "m.%u.%llu", number,
			 (unsigned long long)offset);
		f->messages[f->count++] = (struct dbox_foreign_message){
			.uid = f->uidnext++,
			.ref = cv_span_of(common_strdup(l->folder->pool,
							text)),
		};
	}
}

/* { rebuilds, or the map's UIDVALIDITY; GUID } */
static void take_guid(struct dbox_foreign *f, const struct dovecot_index *index)
{
	static const uint8_t none[16];

	memcpy(f->guid, index->kept + 4, sizeof(f->guid));
	f->has_guid = memcmp(f->guid, none, sizeof(none)) != 0;
}

static struct dbox_foreign *make(struct loader *l)
{
	struct cv_pool *pool = l->folder->pool;
	struct dbox_foreign *f = CV_ALLOC(pool, struct dbox_foreign);

	f->uidvalidity = l->index.uidvalidity;
	f->uidnext = l->index.uidnext;
	f->highestmodseq = l->index.highestmodseq;
	/* 0: no session has been here yet */
	f->first_recent = l->index.first_recent != 0 ?
		l->index.first_recent : 1;
	f->indexid = l->index.indexid;
	f->cache_seq = l->index.reset_id[2];
	take_guid(f, &l->index);
	f->messages = CV_ALLOC_ARRAY(pool, struct dbox_foreign_message,
				     (size_t)l->index.count + count_left(l) +
				     1);
	for (uint32_t i = 0; i < l->index.count; i++) {
		const struct dovecot_row *row = &l->index.rows[i];
		struct dbox_foreign_message *m = &f->messages[f->count];

		if (!make_ref(l, row, &m->ref))
			continue;
		m->uid = row->uid;
		m->flags = row->flags;
		m->modseq = row->modseq;
		m->cached = row->has[2] ? dovecot_row_u32(row, 2, 0) : 0;
		/* { number in the map, when it was saved } */
		if (l->folder->root->multi && row->has[0])
			m->saved = dovecot_row_u32(row, 0, 4);
		m->keywords = keywords_of(l, row);
		f->count++;
	}
	add_left(l, f);
	return f;
}

/* Copies within a folder share a place; each message has its own name. */
static int compare_ref(const void *a, const void *b)
{
	const struct dbox_foreign_message *x =
		*(struct dbox_foreign_message *const *)a;
	const struct dbox_foreign_message *y =
		*(struct dbox_foreign_message *const *)b;
	int ret = strcmp(x->ref.data, y->ref.data);

	return ret != 0 ? ret : (x->uid > y->uid) - (x->uid < y->uid);
}

static void separate(struct cv_storage_folder *folder,
		     struct dbox_foreign *f)
{
	struct dbox_foreign_message **sorted = CV_ALLOC_ARRAY(
		folder->pool, struct dbox_foreign_message *,
		(size_t)f->count + 1);
	uint32_t same = 0;

	for (uint32_t i = 0; i < f->count; i++)
		sorted[i] = &f->messages[i];
	if (f->count > 1)
		qsort(sorted, f->count, sizeof(struct dbox_foreign_message *),
		      compare_ref);
	for (uint32_t i = 1; i < f->count; i++) {
		struct cv_span base = sorted[i - 1 - same]->ref;
		char text[DBOX_NAME_MAX];

		if (!cv_span_equal(base, sorted[i]->ref)) {
			same = 0;
			continue;
		}
		same++;
		snprintf(text, sizeof(text), "%.*s.x%x", CV_SPAN_ARG(base),
			 same);
		sorted[i]->ref = cv_span_of(common_strdup(folder->pool, text));
	}
}

/* Whether a row's message is not where the map says, or nowhere. */
static bool has_lost(const struct loader *l)
{
	for (uint32_t i = 0; i < l->index.count; i++) {
		if (map_entry(l, &l->index.rows[i]) == NULL)
			return true;
	}
	return false;
}

static int load_map(struct loader *l, bool *has_index, struct cv_error *err)
{
	struct cv_storage_root *root = l->folder->root;
	int map = read_map(root, l->pool, &l->map, err), ret;
	bool lost = *has_index && has_lost(l);

	if (map < 0 || (map == CV_OK && !lost))
		return map;
	ret = mdbox_rescue(root, lost, &l->rescue, err);
	if (ret == CV_OK && count_left(l) > 0)
		*has_index = true;
	return ret < 0 ? ret : CV_OK;
}

static int load(struct loader *l, struct cv_error *err)
{
	struct cv_storage_folder *folder = l->folder;
	int ret = dbox_foreign_index(folder->root, folder->path, l->pool,
				     &l->index, err);
	bool has_index = ret == CV_OK;

	if (!has_index)
		l->index = (struct dovecot_index){ .uidnext = 1 };
	if (ret >= 0 && folder->root->multi)
		ret = load_map(l, &has_index, err);
	return ret < 0 ? ret : has_index ? CV_OK : CV_NOT_FOUND;
}

int dbox_foreign_load(struct cv_storage_folder *folder,
		      struct dbox_foreign **foreign_r, struct cv_error *err)
{
	struct loader l = { .folder = folder };
	int ret = CV_OK;

	if (folder->foreign == NULL) {
		l.pool = cv_api->pool_create("dovecot index");
		ret = load(&l, err);
		if (ret == CV_OK) {
			folder->foreign = make(&l);
			if (folder->root->multi)
				separate(folder, folder->foreign);
		}
		cv_api->pool_destroy(&l.pool);
	}
	*foreign_r = folder->foreign;
	return ret;
}

void dbox_foreign_saved(struct cv_storage_folder *folder,
			const struct common_cached *cached, int64_t *saved)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("dovecot index");
	int cache, dirfd = open_index_dir(root, folder->path, pool);

	cv_api->pool_destroy(&pool);
	if (dirfd < 0)
		return;
	cache = common_dovecot_cache_open(root->config, dirfd);
	dbox_close(root, dirfd);
	common_dovecot_saved(root->config, &cache, cached, saved);
}

/* --- the map ------------------------------------------------------------------------ */

int dbox_foreign_place_compare(const void *a, const void *b)
{
	const struct dbox_foreign_place *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Rows that speak of the same place: it is referred to by all of them. */
static uint32_t join(struct dbox_foreign_place *places, uint32_t count)
{
	uint32_t to = 0;

	if (count > 1)
		qsort(places, count, sizeof(*places),
		      dbox_foreign_place_compare);
	for (uint32_t i = 0; i < count; i++) {
		if (to > 0 && dbox_foreign_place_compare(&places[to - 1],
							 &places[i]) == 0) {
			places[to - 1].refs += places[i].refs;
			places[to - 1].counted &= places[i].counted;
		} else {
			places[to++] = places[i];
		}
	}
	return to;
}

int dbox_foreign_map(struct cv_storage_root *root, struct cv_pool *pool,
		     struct dbox_foreign_place **places_r, uint32_t *count_r,
		     struct cv_error *err)
{
	struct cv_pool *scratch = cv_api->pool_create("dovecot map");
	struct dbox_foreign_place *places;
	struct dovecot_index map;
	int ret = read_map(root, scratch, &map, err);

	*count_r = 0;
	if (ret == CV_OK) {
		places = CV_ALLOC_ARRAY(pool, struct dbox_foreign_place,
					(size_t)map.count + 1);
		for (uint32_t i = 0; i < map.count; i++) {
			const struct dovecot_row *row = &map.rows[i];

			places[i] = (struct dbox_foreign_place){
				.number = dovecot_row_u32(row, 0, 0),
				.offset = dovecot_row_u32(row, 0, 4),
				.refs = dovecot_row_u32(row, 1, 0) & 0xffff,
				.counted = row->has[1],
			};
		}
		*places_r = places;
		*count_r = join(places, map.count);
	}
	cv_api->pool_destroy(&scratch);
	return ret;
}
