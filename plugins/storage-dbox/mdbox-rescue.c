/* mdbox-rescue.c - a tree of Dovecot's whose map is lost or damaged: messages
 * are found by looking through all containers, as Dovecot's force-resync does.
 *
 * What an index speaks of is found by its GUID.  What no index speaks of
 * belongs to the folder where it was saved first, which is made when it is not
 * there any more; where it cannot be made, to INBOX.  Two records with the same
 * GUID and size are one message, and one that the map counts no reference of is
 * none.
 *
 * The work is in proportion to the size of the files, and done once for a
 * root. */
#include "dbox.h"

enum { FOLDER_MAX = 4096 };	/* bytes of a name on disk */

struct record {
	uint8_t guid[16];
	uint32_t number;
	uint64_t offset, bytes;
	const char *folder;		/* on disk; NULL: not said */
	bool used;
};

struct mdbox_rescue {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct record *records;		/* by place */
	uint32_t count, room;
	struct record **by_guid;
	const char *last_folder;	/* names come in rows */
	uint32_t foreign_files, torn_files;
	bool incomplete;		/* not all indexes were read */
	struct cv_error *err;
};

/* --- records ----------------------------------------------------------------- */

static const char *folder_name(struct mdbox_rescue *r, struct cv_span name)
{
	if (name.len == 0 || name.len > FOLDER_MAX ||
	    memchr(name.data, '\0', name.len) != NULL)
		return NULL;
	if (r->last_folder == NULL || !cv_span_is(name, r->last_folder))
		r->last_folder = cv_span_copy(r->pool, name);
	return r->last_folder;
}

static void add(struct mdbox_rescue *r, const struct mdbox_item *item)
{
	const struct dbox_message *m = &item->message;
	struct record *record;

	if (r->count == r->room) {
		uint32_t room = r->room * 2 + 1024;
		struct record *records = CV_ALLOC_ARRAY(r->pool, struct record,
							room);

		if (r->count > 0)
			memcpy(records, r->records,
			       r->count * sizeof(*records));
		r->records = records;
		r->room = room;
	}
	record = &r->records[r->count++];
	record->number = item->ref.number;
	record->offset = item->ref.offset;
	record->bytes = m->length;
	/* one that was rewritten was known: it is not left over */
	record->used = m->ours;
	memcpy(record->guid, m->ours ? m->trailer.guid : m->metadata.guid, 16);
	if (!m->ours)
		record->folder = folder_name(r, m->metadata.mailbox);
}

static bool has_guid(const struct dbox_message *m)
{
	return m->ours ? m->has_trailer : m->metadata.has_guid;
}

static int read_file(struct mdbox_rescue *r, int dirfd, const char *name,
		     bool foreign, uint32_t number)
{
	struct cv_storage_root *root = r->root;
	int fd = DBOX_CALL(root, open, dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	struct mdbox_items items;
	struct cv_pool *pool;
	int ret;

	if (fd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(r->err, "open", name);
	pool = cv_api->pool_create("mdbox rescue");
	ret = mdbox_items_read(root, fd, foreign, number, true, pool, &items,
			       r->err);
	for (uint32_t i = 0; ret == CV_OK && i < items.count; i++) {
		if (items.items[i].ref.foreign &&
		    has_guid(&items.items[i].message))
			add(r, &items.items[i]);
	}
	r->foreign_files += foreign;
	r->torn_files += ret == CV_OK && foreign && items.torn;
	cv_api->pool_destroy(&pool);
	dbox_close(root, fd);
	return ret;
}

static int read_dir(struct mdbox_rescue *r, int dirfd, bool foreign)
{
	struct cv_storage_root *root = r->root;
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	uint32_t number;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(r->err, "read", "storage");
	while (ret == CV_OK &&
	       (entry = DBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		bool theirs;

		if (mdbox_container_parse(entry, &theirs, &number) &&
		    theirs == foreign)
			ret = read_file(r, dirfd, entry, foreign, number);
	}
	if (DBOX_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		ret = common_fail(r->err, "read", "storage");
	return ret;
}

static int read_both(struct mdbox_rescue *r, bool foreign)
{
	struct cv_storage_root *root = r->root;
	int ret = mdbox_storage(root, r->err);

	if (ret == CV_OK)
		ret = read_dir(r, root->storage_fd, foreign);
	if (ret == CV_OK && mdbox_alt_storage(root, NULL) == CV_OK)
		ret = read_dir(r, root->alt_fd, foreign);
	return ret;
}

/* --- order ---------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_guid(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a;
	const struct record *y = *(struct record *const *)b;
	int ret = memcmp(x->guid, y->guid, sizeof(x->guid));

	return ret != 0 ? ret : by_place(x, y);
}

static void sort(struct mdbox_rescue *r)
{
	uint32_t to = 0;

	if (r->count > 1)
		qsort(r->records, r->count, sizeof(*r->records), by_place);
	for (uint32_t i = 0; i < r->count; i++) {
		/* at both places, or in Dovecot's file and in ours */
		if (to > 0 && by_place(&r->records[to - 1],
				       &r->records[i]) == 0) {
			r->records[to - 1].used |= r->records[i].used;
			continue;
		}
		r->records[to++] = r->records[i];
	}
	r->count = to;
	r->by_guid = CV_ALLOC_ARRAY(r->pool, struct record *,
				    (size_t)r->count + 1);
	for (uint32_t i = 0; i < r->count; i++)
		r->by_guid[i] = &r->records[i];
	if (r->count > 1)
		qsort(r->by_guid, r->count, sizeof(struct record *), by_guid);
	for (uint32_t i = 1; i < r->count; i++) {
		struct record *x = r->by_guid[i - 1], *y = r->by_guid[i];

		if (memcmp(x->guid, y->guid, sizeof(x->guid)) == 0 &&
		    x->bytes == y->bytes)
			y->used = true;
	}
}

static struct record *find_guid(const struct mdbox_rescue *r,
				const unsigned char guid[16])
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(r->by_guid[middle]->guid, guid, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->count &&
		memcmp(r->by_guid[low]->guid, guid, 16) == 0 ?
		r->by_guid[low] : NULL;
}

static struct record *find_place(const struct mdbox_rescue *r,
				 uint32_t number, uint64_t offset)
{
	struct record key = { .number = number, .offset = offset };

	return r->count == 0 ? NULL :
		bsearch(&key, r->records, r->count, sizeof(key), by_place);
}

/* --- what is spoken of ------------------------------------------------------------ */

static void take_rows(struct mdbox_rescue *r,
		      const struct dovecot_index *index)
{
	for (uint32_t i = 0; i < index->count; i++) {
		const struct dovecot_row *row = &index->rows[i];
		struct record *record = row->has[1] ?
			find_guid(r, row->data[1]) : NULL;

		if (record != NULL)
			record->used = true;
	}
}

static int take_folder(void *context, const struct cv_folder_found *found)
{
	struct mdbox_rescue *r = context;
	struct cv_pool *pool = cv_api->pool_create("mdbox rescue");
	struct dovecot_index index;
	int ret = dbox_foreign_index(r->root, dbox_path(
		r->root, pool, cv_span_of(found->name)), pool, &index,
		r->err);

	if (ret == CV_OK)
		take_rows(r, &index);
	cv_api->pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

/* What is left of the map still says what was expunged. */
static int take_map(struct mdbox_rescue *r)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox rescue");
	struct dbox_foreign_place *places;
	uint32_t count;
	int ret = dbox_foreign_map(r->root, pool, &places, &count, r->err);

	for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
		struct record *record = find_place(r, places[i].number,
						   places[i].offset);

		if (record != NULL && places[i].counted &&
		    places[i].refs == 0)
			record->used = true;
	}
	cv_api->pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

/* --- what is left over -------------------------------------------------------------- */

/* A folder's name from that on disk; NULL: there can be none. */
static const char *decode(struct mdbox_rescue *r, const char *disk,
			  struct cv_pool *pool)
{
	struct cv_span rest = cv_span_of(disk), level;
	struct cv_text name;

	cv_text_init(&name, pool);
	while (cv_span_split(&rest, '/', &level)) {
		if (name.len > 0)
			cv_text_append_c(&name, '/');
		if (level.len == 0 ||
		    !common_level_decode(r->root->config, &dbox_layout, level,
					 &name))
			return NULL;
	}
	return dbox_name_check(r->root, cv_text_span(&name), NULL) == CV_OK ?
		cv_text_str(&name) : NULL;
}

/* Where the messages of that folder are. */
static const char *place_of(struct mdbox_rescue *r, const char *disk)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox rescue");
	const char *name = disk == NULL ? NULL : decode(r, disk, pool), *path;
	struct stat st;

	if (name == NULL)
		name = "INBOX";
	path = dbox_path(r->root, r->pool, cv_span_of(name));
	if (DBOX_CALL(r->root, stat, r->root->fd, path, &st) < 0 &&
	    dbox_folder_create(r->root, cv_span_of(name), NULL) < 0)
		path = dbox_path(r->root, r->pool, CV_SPAN("INBOX"));
	cv_api->pool_destroy(&pool);
	return path;
}

static uint32_t place_rest(struct mdbox_rescue *r)
{
	const char *last = NULL, *path = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		struct record *record = &r->records[i];

		if (record->used)
			continue;
		if (path == NULL || record->folder != last)
			path = place_of(r, record->folder);
		last = record->folder;
		record->folder = path;
		count++;
	}
	return count;
}

static void say(const struct mdbox_rescue *r, uint32_t left)
{
	cv_api->log(dbox_self, CV_LOG_WARNING, "'%s': storage/dovecot.map."
		    "index is missing or damaged; %u messages were found in "
		    "%u files as Dovecot's force-resync finds them, %u of "
		    "them in no mailbox's dovecot.index: those come back to "
		    "where they were saved first; %u files cannot be read to "
		    "their end (hint: when the indexes are elsewhere, "
		    "mail_location needs INDEX= as Dovecot has it)",
		    r->root->config->path, r->count, r->foreign_files, left,
		    r->torn_files);
}

/* --- all of it ------------------------------------------------------------------------ */

static int look(struct mdbox_rescue *r, bool rows)
{
	int ret = read_both(r, true);

	if (ret == CV_OK && r->foreign_files == 0 && !rows)
		return CV_NOT_FOUND;
	if (ret == CV_OK)
		ret = read_both(r, false);
	if (ret < 0)
		return ret;
	sort(r);
	ret = dbox_folders_scan(r->root, take_folder, r, r->err);
	/* what belongs to a folder that may not be entered looks like nobody's */
	r->incomplete = ret == CV_CHANGED;
	if (ret >= 0)
		ret = take_map(r);
	if (ret == CV_OK)
		say(r, place_rest(r));
	return ret;
}

int mdbox_rescue(struct cv_storage_root *root, bool rows,
		 struct mdbox_rescue **rescue_r, struct cv_error *err)
{
	struct cv_pool *pool;
	struct mdbox_rescue *r;
	int ret;

	*rescue_r = root->rescue;
	if (root->rescue != NULL)
		return CV_OK;
	pool = cv_api->pool_create("mdbox rescue");
	r = CV_ALLOC(pool, struct mdbox_rescue);
	r->root = root;
	r->pool = pool;
	r->err = err;
	ret = look(r, rows);
	r->err = NULL;
	if (ret != CV_OK) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	*rescue_r = root->rescue = r;
	return CV_OK;
}

void mdbox_rescue_end(struct cv_storage_root *root)
{
	struct cv_pool *pool = root->rescue == NULL ? NULL :
		root->rescue->pool;

	root->rescue = NULL;
	if (pool != NULL)
		cv_api->pool_destroy(&pool);
}

bool mdbox_rescue_find(const struct mdbox_rescue *r,
		       const unsigned char guid[16], uint32_t *number_r,
		       uint64_t *offset_r)
{
	const struct record *record = find_guid(r, guid);

	if (record == NULL)
		return false;
	*number_r = record->number;
	*offset_r = record->offset;
	return true;
}

bool mdbox_rescue_next(const struct mdbox_rescue *r, const char *path,
		       uint32_t *at, uint32_t *number_r, uint64_t *offset_r)
{
	for (; *at < r->count && !r->incomplete; (*at)++) {
		const struct record *record = &r->records[*at];

		if (record->used || strcmp(record->folder, path) != 0)
			continue;
		*number_r = record->number;
		*offset_r = record->offset;
		(*at)++;
		return true;
	}
	return false;
}
