/* mdbox-container.c - files of storage/ that hold many messages.
 *
 * New messages go to the container that has a second name, "c.append": under
 * a lock on it, and only while it is of this run of the machine.  So nothing
 * is ever written to a place whose earlier content a power cut may have
 * undone, and a reference keeps its meaning for ever. */
#include "dbox.h"

enum { LOCK_MSECS = 300, TRIES = 16, NUMBERS = 1000, SKIPS_MAX = 1 << 18 };

static const char append_name[] = "c.append";

void mdbox_container_name(uint32_t number, char dst[DBOX_PATH_MAX])
{
	snprintf(dst, DBOX_PATH_MAX, "c.%u", number);
}

bool mdbox_container_parse(const char *name, bool *foreign_r,
			   uint32_t *number_r)
{
	uint64_t number;

	if ((name[0] != 'c' && name[0] != 'm') || name[1] != '.' ||
	    !cv_span_to_u64(cv_span_of(name + 2), UINT32_MAX, &number))
		return false;
	*foreign_r = name[0] == 'm';
	*number_r = (uint32_t)number;
	return true;
}

int mdbox_storage(struct cv_storage_root *root, struct cv_error *err)
{
	if (root->storage_fd >= 0)
		return CV_OK;
	root->storage_fd = DBOX_CALL(root, open, root->fd, "storage",
				     O_RDONLY | O_DIRECTORY, 0);
	if (root->storage_fd < 0 && errno == ENOENT) {
		if (DBOX_CALL(root, mkdir, root->fd, "storage", 0700) < 0 &&
		    errno != EEXIST)
			return common_fail(err, "create", "storage");
		if (DBOX_CALL(root, fsync, root->fd) < 0)
			return common_fail(err, "sync", root->config->path);
		root->storage_fd = DBOX_CALL(root, open, root->fd, "storage",
					     O_RDONLY | O_DIRECTORY, 0);
	}
	return root->storage_fd < 0 ? common_fail(err, "open", "storage") :
		CV_OK;
}

int mdbox_alt_storage(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text path;
	int ret = CV_NOT_FOUND;

	if (root->alt_fd >= 0)
		return CV_OK;
	if (root->alt[0] == '\0')
		return CV_NOT_FOUND;
	pool = cv_api->pool_create("dbox alt");
	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/storage", root->alt);
	root->alt_fd = DBOX_CALL(root, open, AT_FDCWD, path.data,
				 O_RDONLY | O_DIRECTORY, 0);
	if (root->alt_fd >= 0)
		ret = CV_OK;
	else if (errno != ENOENT)
		ret = common_fail(err, "open", path.data);
	cv_api->pool_destroy(&pool);
	return ret;
}

bool mdbox_head_read(struct cv_storage_root *root, int fd,
		     struct dbox_container *head_r)
{
	char data[DBOX_CONTAINER_SIZE];
	ssize_t got = DBOX_CALL(root, pread, fd, data, sizeof(data), 0);

	return got == sizeof(data) &&
		dbox_container_parse(cv_span(data, sizeof(data)), head_r);
}

/* --- making ------------------------------------------------------------------------ */

static int write_head(struct cv_storage_root *root, int fd, uint32_t number,
		      struct cv_error *err)
{
	struct dbox_container head = {
		.number = number, .created = time(NULL),
	};
	unsigned char data[DBOX_CONTAINER_SIZE];

	memcpy(head.boot_id, root->config->boot_id, 16);
	dbox_container_format(&head, data);
	if (DBOX_CALL(root, pwrite, fd, data, sizeof(data), 0) < 0)
		return common_fail(err, "write", "container");
	return CV_OK;
}

/* One more than any container has. */
static int next_number(struct cv_storage_root *root, int dirfd,
		       uint32_t *number, struct cv_error *err)
{
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	uint32_t found;
	bool foreign;

	if (dir == NULL)
		return common_fail(err, "read", "storage");
	while ((entry = DBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		if (mdbox_container_parse(entry, &foreign, &found) &&
		    found >= *number && found < UINT32_MAX)
			*number = found + 1;
	}
	return DBOX_API(root)->dir_close(&dir) < 0 ?
		common_fail(err, "read", "storage") : CV_OK;
}

static int create(struct cv_storage_root *root, uint32_t after, int *fd_r,
		  uint32_t *number_r, struct cv_error *err)
{
	uint32_t number = after + 1;
	char name[DBOX_PATH_MAX];
	int fd = -1, ret = CV_OK;

	/* numbers are never used again: also those in the other place */
	if (after == 0)
		ret = next_number(root, root->storage_fd, &number, err);
	if (ret == CV_OK && after == 0 &&
	    mdbox_alt_storage(root, NULL) == CV_OK)
		ret = next_number(root, root->alt_fd, &number, err);
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < NUMBERS && fd < 0; i++, number++) {
		mdbox_container_name(number, name);
		fd = DBOX_CALL(root, open, root->storage_fd, name,
			       O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 && errno != EEXIST)
			return common_fail(err, "create", name);
	}
	if (fd < 0)
		return CV_FAIL(err, CV_E_TEMP, "no number for a container");
	*number_r = number - 1;
	ret = write_head(root, fd, *number_r, err);
	if (ret < 0) {
		(void)DBOX_CALL(root, unlink, root->storage_fd, name);
		dbox_close(root, fd);
		return ret;
	}
	*fd_r = fd;
	return CV_OK;
}

/* From now on it is the one that is appended to.  When that fails the next
 * one makes another. */
static void announce(struct cv_storage_root *root, uint32_t number)
{
	char name[DBOX_PATH_MAX], temp[DBOX_PATH_MAX];
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	mdbox_container_name(number, name);
	snprintf(temp, sizeof(temp), "t.%016llx", (unsigned long long)random);
	if (DBOX_CALL(root, link, root->storage_fd, name, root->storage_fd,
		      temp) == 0 &&
	    DBOX_CALL(root, rename, root->storage_fd, temp, root->storage_fd,
		      append_name, false) < 0)
		(void)DBOX_CALL(root, unlink, root->storage_fd, temp);
}

/* --- appending ---------------------------------------------------------------------- */

static bool may_append(struct cv_storage_root *root, int fd,
		       uint32_t *number_r, uint64_t *offset_r)
{
	struct dbox_container head;
	struct stat st;

	/* one name only: it was purged, or this is a copy of a backup */
	if (DBOX_CALL(root, fstat, fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 2 || !mdbox_head_read(root, fd, &head))
		return false;
	*number_r = head.number;
	*offset_r = ((uint64_t)st.st_size + 7) & ~(uint64_t)7;
	if ((uint64_t)st.st_size >= root->rotate_size || head.table != 0 ||
	    memcmp(head.boot_id, root->config->boot_id, 16) != 0)
		return false;
	return root->rotate_msecs == 0 ||
		(uint64_t)(time(NULL) - head.created) * 1000 <
		root->rotate_msecs;
}

/* CV_OK; CV_NOT_FOUND: there is none that may be used. */
static int open_current(struct cv_storage_root *root, int *fd_r,
			uint32_t *number_r, uint64_t *offset_r)
{
	*number_r = 0;
	for (int i = 0; i < TRIES; i++) {
		int fd = DBOX_CALL(root, open, root->storage_fd, append_name,
				   O_RDWR, 0);
		struct stat st;

		if (fd < 0)
			return CV_NOT_FOUND;
		if (DBOX_CALL(root, lock, fd, F_WRLCK, LOCK_MSECS) == 0 &&
		    may_append(root, fd, number_r, offset_r)) {
			*fd_r = fd;
			return CV_OK;
		}
		/* no name at all: replaced while we waited, so look again */
		if (DBOX_CALL(root, fstat, fd, &st) < 0 || st.st_nlink > 1)
			i = TRIES;
		dbox_close(root, fd);
	}
	return CV_NOT_FOUND;
}

int mdbox_append_open(struct cv_storage_root *root, bool alone, int *fd_r,
		      uint32_t *number_r, uint64_t *offset_r,
		      struct cv_error *err)
{
	uint32_t after = 0;
	int ret = mdbox_storage(root, err);

	if (ret < 0)
		return ret;
	if (!alone &&
	    open_current(root, fd_r, number_r, offset_r) == CV_OK)
		return CV_OK;
	if (!alone)
		after = *number_r;
	ret = create(root, after, fd_r, number_r, err);
	if (ret < 0)
		return ret;
	*offset_r = DBOX_CONTAINER_SIZE;
	if (alone)
		return CV_OK;
	/* nobody knows it yet: never waits */
	if (DBOX_CALL(root, lock, *fd_r, F_WRLCK, LOCK_MSECS) == 0)
		announce(root, *number_r);
	if (root->preallocate)
		(void)DBOX_CALL(root, preallocate, *fd_r, 0,
				root->rotate_size);
	return CV_OK;
}

int mdbox_container_open(struct cv_storage_root *root, uint32_t number,
			 int *fd_r, struct cv_error *err)
{
	char name[DBOX_PATH_MAX];
	struct dbox_container head;
	int ret = CV_OK;

	mdbox_container_name(number, name);
	*fd_r = DBOX_CALL(root, open, root->storage_fd, name,
			  O_RDWR | O_CREAT, 0600);
	if (*fd_r < 0)
		return common_fail(err, "open", name);
	if (!mdbox_head_read(root, *fd_r, &head))
		ret = write_head(root, *fd_r, number, err);
	if (ret < 0)
		dbox_close(root, *fd_r);
	return ret;
}

/* --- reading all of it --------------------------------------------------------------- */

static struct mdbox_item *add_item(struct mdbox_items *items,
				   struct cv_pool *pool)
{
	if (items->count == items->room) {
		uint32_t room = items->room * 2 + 64;
		struct mdbox_item *grown =
			CV_ALLOC_ARRAY(pool, struct mdbox_item, room);

		if (items->count > 0)
			memcpy(grown, items->items,
			       items->count * sizeof(*grown));
		items->items = grown;
		items->room = room;
	}
	return &items->items[items->count++];
}

struct table_entry { uint64_t old, id, now; };

static int by_place(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;

	return (x->now > y->now) - (x->now < y->now);
}

static uint64_t number_at(const char *p)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

/* In the order of places, to give the records their references back. */
static int read_table(struct cv_storage_root *root, int fd,
		      const struct dbox_container *head,
		      struct cv_pool *pool, struct table_entry **table_r,
		      struct cv_error *err)
{
	size_t size = (size_t)head->table_count * DBOX_TABLE_ENTRY;
	struct table_entry *table;
	struct stat st;
	char *data;

	if (DBOX_CALL(root, fstat, fd, &st) < 0 ||
	    head->table > (uint64_t)st.st_size ||
	    size > (uint64_t)st.st_size - head->table)
		return CV_FAIL(err, CV_E_TEMP, "container %u is cut off",
			       head->number);
	data = cv_api->alloc(pool, size + 1);
	if (DBOX_CALL(root, pread, fd, data, size, head->table) !=
	    (ssize_t)size || cv_api->crc32c(0, data, size) != head->table_crc)
		return CV_FAIL(err, CV_E_TEMP, "container %u: its table is "
			       "damaged", head->number);
	table = CV_ALLOC_ARRAY(pool, struct table_entry,
			       head->table_count + 1);
	for (uint32_t i = 0; i < head->table_count; i++) {
		const char *p = data + (size_t)i * DBOX_TABLE_ENTRY;

		table[i].old = number_at(p);
		table[i].id = number_at(p + 8);
		table[i].now = number_at(p + 16);
	}
	if (head->table_count > 1)
		qsort(table, head->table_count, sizeof(*table), by_place);
	*table_r = table;
	return CV_OK;
}

static int read_at(struct cv_storage_root *root, int fd, uint64_t offset,
		   uint32_t foreign_head, bool trailers,
		   struct cv_pool *pool, struct dbox_message *m,
		   struct cv_error *err)
{
	struct cv_pool *scratch = cv_api->pool_create("dbox record");
	int ret = dbox_message_read(root, fd, offset, foreign_head, true,
				    trailers ? pool : scratch, m, err);

	cv_api->pool_destroy(&scratch);
	return ret;
}

bool mdbox_item_whole(struct cv_storage_root *root, int fd,
		      const struct mdbox_item *item)
{
	uint64_t budget = UINT64_MAX;

	/* Dovecot has no sum of the bytes: what stands behind them says
	 * where they end */
	return item->message.ours ?
		dbox_body_whole(root, fd, &item->message, &budget) :
		item->message.has_trailer;
}

static int read_moved(struct cv_storage_root *root, int fd,
		      const struct dbox_container *head, bool trailers,
		      struct cv_pool *pool, struct mdbox_items *items,
		      struct cv_error *err)
{
	struct table_entry *table;
	int ret = read_table(root, fd, head, pool, &table, err);

	for (uint32_t i = 0; i < head->table_count && ret == CV_OK; i++) {
		struct dbox_message m;
		struct mdbox_item *item;

		ret = read_at(root, fd, table[i].now, 0, trailers, pool, &m,
			      err);
		if (ret == CV_NOT_FOUND) {
			items->torn = true;
			ret = CV_OK;
			continue;
		}
		if (ret < 0)
			break;
		item = add_item(items, pool);
		item->message = m;
		item->ref.number = head->number;
		item->ref.offset = table[i].old;
		item->ref.id = table[i].id;
		/* IDs of Dovecot's messages are none */
		item->ref.foreign = table[i].id == 0;
	}
	return ret;
}

int mdbox_items_read(struct cv_storage_root *root, int fd, bool foreign,
		     uint32_t number, bool trailers, struct cv_pool *pool,
		     struct mdbox_items *items_r, struct cv_error *err)
{
	struct dbox_container head = { .number = number };
	uint64_t at = DBOX_CONTAINER_SIZE, budget;
	uint32_t foreign_head = 0, skips = 0, tries = MDBOX_SEEK_TRIES;
	struct stat st;
	int ret = CV_OK;

	*items_r = (struct mdbox_items){ .count = 0 };
	if (DBOX_CALL(root, fstat, fd, &st) < 0)
		return common_fail(err, "stat", "container");
	if (foreign)
		foreign_head = mdbox_foreign_head(root, fd, &at);
	else if (!mdbox_head_read(root, fd, &head)) {
		items_r->torn = true;
		return CV_OK;
	}
	if (head.table != 0)
		return read_moved(root, fd, &head, trailers, pool, items_r,
				  err);
	budget = 2 * (uint64_t)st.st_size;
	while (ret == CV_OK && at < (uint64_t)st.st_size) {
		struct dbox_message m;
		struct mdbox_item *item;

		ret = read_at(root, fd, at, foreign_head, trailers, pool, &m,
			      err);
		/* a write that broke off: others stand in the room that its
		 * head speaks of */
		if (ret == CV_OK && m.ours && !m.has_trailer &&
		    !dbox_body_whole(root, fd, &m, &budget))
			ret = CV_NOT_FOUND;
		if (ret == CV_NOT_FOUND && !foreign &&
		    skips++ < SKIPS_MAX) {
			/* never finished; the next may stand behind it */
			items_r->torn = true;
			at += 8;
			ret = CV_OK;
			continue;
		}
		if (ret >= 0 && foreign &&
		    (ret != CV_OK || m.end > (uint64_t)st.st_size) &&
		    /* nor is the first line's end believed */
		    mdbox_foreign_seek(root, fd,
				       items_r->count == 0 ? 0 : at + 1,
				       (uint64_t)st.st_size, foreign_head,
				       &tries, &at)) {
			items_r->torn = true;
			ret = CV_OK;
			continue;
		}
		if (ret != CV_OK || m.end > (uint64_t)st.st_size + 8) {
			items_r->torn = true;
			return ret < 0 ? ret : CV_OK;
		}
		item = add_item(items_r, pool);
		item->message = m;
		item->ref = (struct mdbox_ref){
			.foreign = foreign, .number = number, .offset = at,
			.id = m.ours ? m.record.id : 0,
		};
		at = m.end;
	}
	return ret;
}
