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

static int read_part(struct cv_storage_root *root, int dirfd,
		     const char *name, const char *suffix,
		     struct cv_pool *pool, struct cv_span *file_r,
		     struct cv_error *err)
{
	struct cv_text text;
	char full[64];
	int ret;

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	cv_text_init(&text, pool);
	ret = dbox_file_read(root, dirfd, full, &text, err);
	if (ret == CV_OK)
		*file_r = cv_span(text.data, text.len);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

static int read_index(struct cv_storage_root *root, const char *path,
		      const char *name, const char *wanted,
		      const char *wanted2, struct cv_pool *pool,
		      struct dovecot_index *index_r, struct cv_error *err)
{
	struct dovecot_files files = { .wanted = { wanted, wanted2 } };
	int dirfd = open_index_dir(root, path, pool), ret;

	if (dirfd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", path);
	ret = read_part(root, dirfd, name, "", pool, &files.index, err);
	if (ret == CV_OK)
		ret = read_part(root, dirfd, name, ".log.2", pool,
				&files.older, err);
	if (ret == CV_OK)
		ret = read_part(root, dirfd, name, ".log", pool, &files.log,
				err);
	dbox_close(root, dirfd);
	if (ret < 0)
		return ret;
	ret = dovecot_index_read(pool, &files, index_r);
	if (ret == CV_E_LIMIT)
		return CV_FAIL(err, ret, "'%s/%s' asks for too much work",
			       path, name);
	return ret;
}

/* --- messages ---------------------------------------------------------------------- */

struct loader {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;		/* of the files */
	struct dovecot_index index, map;
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

/* "u.7", or where the map says that the message is; false: nowhere. */
static bool make_ref(struct loader *l, const struct dovecot_row *row,
		     struct cv_span *ref_r)
{
	struct cv_pool *pool = l->folder->pool;
	const struct dovecot_row *entry;
	char text[DBOX_NAME_MAX];
	uint32_t map_uid;

	if (!l->folder->root->multi) {
		/* sdbox: its file has the UID's name */
		snprintf(text, sizeof(text), "u.%u", row->uid);
		*ref_r = cv_span_of(common_strdup(pool, text));
		return true;
	}
	map_uid = dovecot_row_u32(row, 0, 0);
	entry = l->map.count == 0 ? NULL :
		bsearch(&map_uid, l->map.rows, l->map.count,
			sizeof(*l->map.rows), compare_row);
	if (entry == NULL)
		return false;
	snprintf(text, sizeof(text), "m.%u.%u", dovecot_row_u32(entry, 0, 0),
		 dovecot_row_u32(entry, 0, 4));
	*ref_r = cv_span_of(common_strdup(pool, text));
	return true;
}

static struct dbox_foreign *make(struct loader *l)
{
	struct cv_pool *pool = l->folder->pool;
	struct dbox_foreign *f = CV_ALLOC(pool, struct dbox_foreign);

	f->uidvalidity = l->index.uidvalidity;
	f->uidnext = l->index.uidnext;
	f->highestmodseq = l->index.highestmodseq;
	f->messages = CV_ALLOC_ARRAY(pool, struct dbox_foreign_message,
				     (size_t)l->index.count + 1);
	for (uint32_t i = 0; i < l->index.count; i++) {
		const struct dovecot_row *row = &l->index.rows[i];
		struct dbox_foreign_message *m = &f->messages[f->count];

		if (!make_ref(l, row, &m->ref))
			continue;
		m->uid = row->uid;
		m->flags = row->flags;
		m->modseq = row->modseq;
		m->keywords = keywords_of(l, row);
		f->count++;
	}
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

static int load(struct loader *l, struct cv_error *err)
{
	struct cv_storage_folder *folder = l->folder;
	int ret = read_index(folder->root, folder->path, "dovecot.index",
			     "mdbox", NULL, l->pool, &l->index, err);

	if (ret == CV_OK && folder->root->multi) {
		ret = read_index(folder->root, "storage",
				 "dovecot.map.index", "map", "ref", l->pool,
				 &l->map, err);
		if (ret == CV_NOT_FOUND && l->index.count > 0)
			cv_api->log(dbox_self, CV_LOG_ERROR, "mailbox '%s': "
				    "its messages are not found without "
				    "storage/dovecot.map.index",
				    folder->name);
		if (ret == CV_NOT_FOUND)
			ret = CV_OK;
	}
	return ret;
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
	int ret = read_index(root, "storage", "dovecot.map.index", "map",
			     "ref", scratch, &map, err);

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
