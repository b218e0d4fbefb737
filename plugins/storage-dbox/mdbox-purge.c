/* mdbox-purge.c - containers written anew, without what nobody refers to or
 * with what has another place.
 *
 * A container is replaced under its number by one that has a table: old
 * offset and ID to new offset.  So no reference changes, and a crash leaves
 * the old file or the new one.  One that is being appended to loses its
 * second name first, under its lock. */
#include "dbox.h"

#include <stdlib.h>

enum { CHUNK = 256 * 1024 };

struct live {
	uint32_t number;
	uint64_t offset;
	bool foreign, counted;		/* counted: by Dovecot's map */
};

struct purge {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct live *live;
	uint32_t live_count;
	bool convert;
	struct mdbox_ledger *ledger;
	bool foreign_left;		/* something is still Dovecot's */
	struct cv_text kept;		/* names of what was left alone */
	uint32_t kept_count, unread;
	uint64_t freed;
	struct cv_error *err;
};

static int compare_live(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->foreign > y->foreign) - (x->foreign < y->foreign);
}

static struct live *find_live(struct purge *p, const struct mdbox_ref *ref)
{
	struct live key = {
		.number = ref->number, .offset = ref->offset,
		.foreign = ref->foreign,
	};

	return p->live_count == 0 ? NULL :
		bsearch(&key, p->live, p->live_count, sizeof(key),
			compare_live);
}

static int take_live(struct purge *p, const struct cv_span *live,
		     uint32_t count)
{
	p->live = CV_ALLOC_ARRAY(p->pool, struct live, (size_t)count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct mdbox_ref ref;

		if (!mdbox_ref_parse(live[i], &ref))
			return CV_FAIL(p->err, CV_E_INTERNAL, "reference "
				       "'%.*s' is not understood",
				       CV_SPAN_ARG(live[i]));
		p->live[p->live_count++] = (struct live){
			.number = ref.number, .offset = ref.offset,
			.foreign = ref.foreign,
			.counted = mdbox_ref_counted(&ref),
		};
	}
	if (count > 1)
		qsort(p->live, p->live_count, sizeof(*p->live), compare_live);
	return CV_OK;
}

/* Numbers are shared by Dovecot's and ours: one stands for both. */
static uint32_t live_of(struct purge *p, uint32_t number)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < p->live_count; i++) {
		const struct live *l = &p->live[i];
		bool again = i > 0 && compare_live(l, l - 1) == 0;

		count += l->number == number && !again;
	}
	return count;
}

/* --- writing one anew ------------------------------------------------------------- */

struct writer {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	int fd;
	uint64_t at;
	uint32_t number;
	unsigned char *table;
	uint32_t count;
	struct cv_error *err;
};

static int copy_range(struct writer *w, int from, uint64_t offset,
		      uint64_t len, uint32_t *crc)
{
	char *data = cv_api->alloc(w->pool, CHUNK);

	while (len > 0) {
		size_t want = len < CHUNK ? (size_t)len : CHUNK;

		if (DBOX_CALL(w->root, pread, from, data, want, offset) !=
		    (ssize_t)want)
			return CV_FAIL(w->err, CV_E_TEMP, "container %u "
				       "cannot be read", w->number);
		if (crc != NULL)
			*crc = dbox_crc(*crc, data, want);
		if (DBOX_CALL(w->root, pwrite, w->fd, data, want, w->at) < 0)
			return common_fail(w->err, "write", "container");
		w->at += want;
		offset += want;
		len -= want;
	}
	return CV_OK;
}

static void put_number(unsigned char *dst, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		dst[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

/* With the parts that lie in mail_attachment_dir: ours has all in one. */
static int copy_whole(struct writer *w, int from,
		      const struct dbox_message *m, uint64_t *length_r,
		      uint32_t *crc)
{
	char *data = cv_api->alloc(w->pool, CHUNK);
	struct dbox_whole *whole;
	uint64_t offset = 0;
	size_t got;
	int ret = dbox_whole_open(w->root, from, m, w->pool, &whole, w->err);

	if (ret < 0)
		return ret;
	while ((ret = dbox_whole_read(whole, offset, data, CHUNK, &got,
				      w->err)) == CV_OK) {
		*crc = dbox_crc(*crc, data, got);
		if (DBOX_CALL(w->root, pwrite, w->fd, data, got, w->at) < 0) {
			ret = common_fail(w->err, "write", "container");
			break;
		}
		w->at += got;
		offset += got;
	}
	*length_r = offset;
	dbox_whole_close(whole);
	return ret == CV_EOF ? CV_OK : ret;
}

/* One of Dovecot's becomes one of ours. */
static int copy_foreign(struct writer *w, int from,
			const struct dbox_message *m)
{
	struct dbox_record record = {
		.length = m->length, .received = m->metadata.received,
		.virtual_bytes = m->metadata.virtual_bytes, .slot = 128,
	};
	struct dbox_trailer t = { .saved = time(NULL) };
	unsigned char head[DBOX_RECORD_SIZE];
	uint64_t start = w->at;
	struct cv_text trailer;
	int ret;

	if (record.received == INT64_MIN)
		record.received = time(NULL);
	cv_api->random(&record.id, sizeof(record.id));
	memcpy(t.guid, m->metadata.guid, sizeof(t.guid));
	w->at += DBOX_RECORD_SIZE;
	ret = m->metadata.external.data != NULL ?
		copy_whole(w, from, m, &record.length, &record.body_crc) :
		copy_range(w, from, m->body, m->length, &record.body_crc);
	if (ret < 0)
		return ret;
	cv_text_init(&trailer, w->pool);
	dbox_trailer_format(&trailer, &t, record.slot);
	dbox_record_format(&record, head);
	if (DBOX_CALL(w->root, pwrite, w->fd, trailer.data, trailer.len,
		      w->at) < 0 ||
	    DBOX_CALL(w->root, pwrite, w->fd, head, sizeof(head), start) < 0)
		return common_fail(w->err, "write", "container");
	w->at = start + dbox_record_room(&record);
	return CV_OK;
}

static int copy_item(struct writer *w, int from,
		     const struct mdbox_item *item)
{
	unsigned char *entry = w->table + (size_t)w->count++ *
		DBOX_TABLE_ENTRY;
	uint64_t start = w->at;
	int ret;

	put_number(entry, item->ref.offset);
	put_number(entry + 8, item->ref.id);
	put_number(entry + 16, start);
	if (!item->message.ours)
		return copy_foreign(w, from, &item->message);
	ret = copy_range(w, from, item->message.offset, DBOX_RECORD_SIZE +
			 item->message.length + item->message.record.slot,
			 NULL);
	w->at = start + dbox_record_room(&item->message.record);
	return ret;
}

static int compare_entries(const void *a, const void *b)
{
	const unsigned char *x = a, *y = b;

	for (int i = 7; i >= 0; i--) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

static int write_table(struct writer *w)
{
	struct dbox_container head = {
		.number = w->number, .created = time(NULL), .table = w->at,
		.table_count = w->count,
	};
	unsigned char data[DBOX_CONTAINER_SIZE];
	size_t size = (size_t)w->count * DBOX_TABLE_ENTRY;

	if (w->count > 1)
		qsort(w->table, w->count, DBOX_TABLE_ENTRY, compare_entries);
	head.table_crc = dbox_crc(0, w->table, size);
	memcpy(head.boot_id, w->root->config->boot_id, 16);
	dbox_container_format(&head, data);
	if (DBOX_CALL(w->root, pwrite, w->fd, w->table, size, w->at) < 0 ||
	    DBOX_CALL(w->root, pwrite, w->fd, data, sizeof(data), 0) < 0 ||
	    DBOX_CALL(w->root, fdatasync, w->fd) < 0)
		return common_fail(w->err, "write", "container");
	return CV_OK;
}

/* The chosen items of some files as container number in dirfd. */
struct source { int fd; const struct mdbox_item *items; uint32_t count; };

static int write_container(struct cv_storage_root *root, int dirfd,
			   uint32_t number, const struct source *sources,
			   uint32_t source_count, struct cv_error *err)
{
	struct writer w = {
		.root = root, .number = number, .at = DBOX_CONTAINER_SIZE,
		.err = err,
	};
	char name[DBOX_PATH_MAX], temp[DBOX_PATH_MAX];
	size_t room = 1;
	int ret = CV_OK;

	for (uint32_t i = 0; i < source_count; i++)
		room += sources[i].count;
	w.pool = cv_api->pool_create("dbox purge");
	w.table = cv_api->alloc(w.pool, room * DBOX_TABLE_ENTRY);
	mdbox_container_name(number, name);
	snprintf(temp, sizeof(temp), "t.%u", number);
	(void)DBOX_CALL(root, unlink, dirfd, temp);
	w.fd = DBOX_CALL(root, open, dirfd, temp,
			 O_RDWR | O_CREAT | O_EXCL, 0600);
	if (w.fd < 0)
		ret = common_fail(err, "create", temp);
	for (uint32_t i = 0; i < source_count; i++) {
		for (uint32_t k = 0; k < sources[i].count && ret == CV_OK;
		     k++) {
			struct cv_pool *all = w.pool;

			w.pool = cv_api->pool_create("dbox copy");
			ret = copy_item(&w, sources[i].fd,
					&sources[i].items[k]);
			cv_api->pool_destroy(&w.pool);
			w.pool = all;
		}
	}
	if (ret == CV_OK)
		ret = write_table(&w);
	dbox_close(root, w.fd);
	if (ret == CV_OK &&
	    DBOX_CALL(root, rename, dirfd, temp, dirfd, name, false) < 0)
		ret = common_fail(err, "rename", temp);
	if (ret == CV_OK && DBOX_CALL(root, fsync, dirfd) < 0)
		ret = common_fail(err, "sync", "storage");
	if (ret < 0)
		(void)DBOX_CALL(root, unlink, dirfd, temp);
	cv_api->pool_destroy(&w.pool);
	return ret;
}

/* --- one container --------------------------------------------------------------------- */

/* Takes it out of the hands of those who append.  False: it is in use. */
static bool claim(struct cv_storage_root *root, int fd)
{
	struct stat mine, theirs;

	if (DBOX_CALL(root, lock, fd, F_WRLCK, 1000) < 0 ||
	    DBOX_CALL(root, fstat, fd, &mine) < 0)
		return false;
	if (mine.st_nlink < 2)
		return true;
	return DBOX_CALL(root, stat, root->storage_fd, "c.append",
			 &theirs) == 0 &&
		theirs.st_ino == mine.st_ino &&
		DBOX_CALL(root, unlink, root->storage_fd, "c.append") == 0;
}

/* Was never committed, or is on its way to it: time tells. */
static bool is_young(const struct dbox_message *m, const struct stat *st)
{
	return m->ours && m->record.state != DBOX_DROPPED &&
		!m->has_trailer &&
		time(NULL) - st->st_mtim.tv_sec < DBOX_HIDDEN_SECONDS;
}

/* How many of the references that Dovecot counts are known here: messages,
 * or expunged. */
static uint64_t known_refs(struct purge *p, const struct mdbox_ref *ref)
{
	const struct live *l = find_live(p, ref), *end;
	uint64_t count = mdbox_ledger_expunged(p->ledger, ref->number,
					       ref->offset);

	if (l == NULL)
		return count;
	while (l > p->live && compare_live(l - 1, l) == 0)
		l--;
	end = p->live + p->live_count;
	for (const struct live *first = l;
	     l < end && compare_live(l, first) == 0; l++)
		count += l->counted;
	return count;
}

/* Whether messages that are not known here may need one of Dovecot's
 * records.  That nobody is known to refer to it says nothing: the index of a
 * folder may be lost, and Dovecot finds the message again. */
static bool is_unknown(struct purge *p, const struct mdbox_ref *ref)
{
	uint64_t refs;

	return !mdbox_ledger_counted(p->ledger, ref->number, ref->offset,
				     &refs) || refs > known_refs(p, ref);
}

/* One that nobody refers to.  In a container of ours, and without a map:
 * what was rewritten was known, and has a message or had one. */
static bool is_needed(struct purge *p, const struct mdbox_ref *ref)
{
	uint64_t refs;

	if (!ref->foreign)
		return false;
	if (mdbox_ledger_counted(p->ledger, ref->number, ref->offset, &refs))
		return refs > known_refs(p, ref);
	return known_refs(p, ref) == 0;
}

/* A file of Dovecot's in which something is not known stays as it is: only
 * so Dovecot finds it. */
static bool leave(struct purge *p, const char *name,
		  const struct mdbox_items *items)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < items->count; i++)
		count += is_unknown(p, &items->items[i].ref);
	if (count == 0 && !items->torn)
		return false;
	cv_text_append_f(&p->kept, "%s%s", p->kept.len > 0 ? ", " : "", name);
	p->kept_count += count;
	p->unread += items->torn;
	return true;
}

/* Moves what stays to the front; the count of it. */
static uint32_t choose(struct purge *p, struct mdbox_items *items,
		       const struct stat *st, uint32_t *live_r)
{
	uint32_t to = 0;

	*live_r = 0;
	for (uint32_t i = 0; i < items->count; i++) {
		struct mdbox_item *item = &items->items[i];
		bool live = find_live(p, &item->ref) != NULL;

		*live_r += live;
		if (live || is_young(&item->message, st) ||
		    is_needed(p, &item->ref)) {
			p->foreign_left |= item->ref.foreign;
			items->items[to++] = *item;
		}
	}
	return to;
}

static int replace(struct purge *p, int dirfd, int fd, const char *name,
		   bool foreign, uint32_t number, struct mdbox_items *items,
		   uint32_t keep, uint64_t size)
{
	struct cv_storage_root *root = p->root;
	struct source source = { fd, items->items, keep };
	char target[DBOX_PATH_MAX];
	struct stat st = { .st_size = 0 };
	int ret = CV_OK;

	if (keep > 0)
		ret = write_container(root, dirfd, number, &source, 1,
				      p->err);
	if (ret == CV_OK && (keep == 0 || foreign) &&
	    DBOX_CALL(root, unlink, dirfd, name) < 0 && errno != ENOENT)
		ret = common_fail(p->err, "remove", name);
	if (ret < 0)
		return ret;
	mdbox_container_name(number, target);
	if (keep > 0)
		(void)DBOX_CALL(root, stat, dirfd, target, &st);
	if (size > (uint64_t)st.st_size)
		p->freed += size - (uint64_t)st.st_size;
	return CV_OK;
}

/* Some may lie at the other place. */
static uint32_t live_elsewhere(struct purge *p, int dirfd, uint32_t number,
			       struct cv_pool *pool)
{
	struct cv_storage_root *root = p->root;
	int other = dirfd == root->storage_fd ? root->alt_fd :
		root->storage_fd;
	struct mdbox_items items;
	uint32_t count = 0;

	for (int foreign = 0; foreign < 2 && other >= 0; foreign++) {
		char name[DBOX_PATH_MAX];
		int fd;

		snprintf(name, sizeof(name), "%c.%u", foreign ? 'm' : 'c',
			 number);
		fd = DBOX_CALL(root, open, other, name, O_RDONLY, 0);
		if (fd < 0 ||
		    mdbox_items_read(root, fd, foreign, number, false, pool,
				     &items, NULL) != CV_OK)
			items.count = 0;
		for (uint32_t i = 0; i < items.count; i++)
			count += find_live(p, &items.items[i].ref) != NULL;
		dbox_close(root, fd);
	}
	return count;
}

static int purge_one(struct purge *p, int dirfd, const char *name,
		     bool foreign, uint32_t number)
{
	struct cv_storage_root *root = p->root;
	int fd = DBOX_CALL(root, open, dirfd, name, O_RDWR, 0), ret;
	struct mdbox_items items;
	struct cv_pool *pool;
	uint32_t live, keep;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(p->err, "open", name);
	pool = cv_api->pool_create("dbox purge");
	ret = DBOX_CALL(root, fstat, fd, &st) < 0 ?
		common_fail(p->err, "stat", name) :
		mdbox_items_read(root, fd, foreign, number, true, pool,
				 &items, p->err);
	if (ret == CV_OK && foreign && leave(p, name, &items)) {
		p->foreign_left = true;
	} else if (ret == CV_OK) {
		uint32_t all = items.count;

		keep = choose(p, &items, &st, &live);
		/* one that is referred to cannot be read, or something is
		 * there that may still become a message: hands off */
		if (live < live_of(p, number))
			live += live_elsewhere(p, dirfd, number, pool);
		if (live < live_of(p, number))
			p->foreign_left = true;
		if (live < live_of(p, number) ||
		    (items.torn && time(NULL) - st.st_mtim.tv_sec <
		     DBOX_HIDDEN_SECONDS && keep < all))
			keep = all;
		if ((keep < all || (all == 0 && items.torn &&
				    time(NULL) - st.st_mtim.tv_sec >
				    DBOX_HIDDEN_SECONDS) ||
		     (foreign && p->convert && !items.torn)) &&
		    (foreign || claim(root, fd)))
			ret = replace(p, dirfd, fd, name, foreign, number,
				      &items, keep, (uint64_t)st.st_size);
	}
	cv_api->pool_destroy(&pool);
	dbox_close(root, fd);
	return ret;
}

static int purge_dir(struct purge *p, int dirfd)
{
	struct cv_storage_root *root = p->root;
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	struct cv_text names;
	struct cv_span rest, name;
	const char *entry;
	uint32_t number;
	bool foreign;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(p->err, "read", "storage");
	cv_text_init(&names, p->pool);
	while ((entry = DBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		if (mdbox_container_parse(entry, &foreign, &number))
			cv_text_append(&names, entry, strlen(entry) + 1);
	}
	if (DBOX_API(root)->dir_close(&dir) < 0)
		return common_fail(p->err, "read", "storage");
	rest = cv_text_span(&names);
	while (ret == CV_OK && rest.len > 0 &&
	       cv_span_split(&rest, '\0', &name)) {
		if (mdbox_container_parse(name.data, &foreign, &number))
			ret = purge_one(p, dirfd, name.data, foreign, number);
	}
	return ret;
}

static void say_what_was_kept(struct purge *p)
{
	if (p->kept.len == 0)
		return;
	cv_api->log(dbox_self, CV_LOG_WARNING, "'%s': purge left %s as they "
		    "are: Dovecot has references to %u of their messages "
		    "that no mailbox here has taken over, and %u of the "
		    "files cannot be read to their end.  A mailbox has lost "
		    "its dovecot.index, or storage/ its dovecot.map.index: "
		    "'doveadm force-resync' on a copy of the tree finds such "
		    "mail, and 'culveradm backup' to a new mail_location "
		    "leaves it behind", p->root->config->path, p->kept.data,
		    p->kept_count, p->unread);
}

int mdbox_purge(struct cv_storage_root *root, const struct cv_span *live,
		uint32_t count, bool convert, uint64_t *freed_r,
		struct cv_error *err)
{
	struct purge p = { .root = root, .convert = convert, .err = err };
	int ret = mdbox_storage(root, err);

	*freed_r = 0;
	if (ret < 0)
		return ret;
	p.pool = cv_api->pool_create("dbox purge");
	cv_text_init(&p.kept, p.pool);
	ret = take_live(&p, live, count);
	if (ret == CV_OK)
		ret = mdbox_ledger_read(root, p.pool, &p.ledger, err);
	if (ret == CV_OK)
		ret = purge_dir(&p, root->storage_fd);
	if (ret == CV_OK && mdbox_alt_storage(root, NULL) == CV_OK)
		ret = purge_dir(&p, root->alt_fd);
	else if (ret == CV_OK && root->alt[0] != '\0')
		p.foreign_left = true;	/* it may be elsewhere today */
	if (ret == CV_OK && !p.foreign_left)
		mdbox_ledger_remove(root);
	say_what_was_kept(&p);
	*freed_r = p.freed;
	cv_api->pool_destroy(&p.pool);
	return ret;
}

/* --- the alternative place ---------------------------------------------------------------- */

static int open_alt(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_text path;
	int ret = mdbox_alt_storage(root, err);

	if (ret != CV_NOT_FOUND)
		return ret;
	if (root->alt[0] == '\0')
		return CV_FAIL(err, CV_E_UNSUPPORTED, "mail_location has no "
			       "ALT=");
	cv_text_init(&path, root->pool);
	cv_text_append_f(&path, "%s/storage", root->alt);
	ret = common_dir_make(root->config, AT_FDCWD, path.data, 0700, err);
	return ret < 0 ? ret : mdbox_alt_storage(root, err);
}

/* Reads container number of a directory; *fd_r -1: there is none. */
static int read_container(struct purge *p, int dirfd, bool *foreign,
			  uint32_t number, int *fd_r,
			  struct mdbox_items *items_r)
{
	char name[DBOX_PATH_MAX];

	*items_r = (struct mdbox_items){ .count = 0 };
	snprintf(name, sizeof(name), "%c.%u", *foreign ? 'm' : 'c', number);
	*fd_r = DBOX_CALL(p->root, open, dirfd, name, O_RDWR, 0);
	if (*fd_r < 0 && errno == ENOENT && *foreign) {
		*foreign = false;	/* rewritten meanwhile */
		mdbox_container_name(number, name);
		*fd_r = DBOX_CALL(p->root, open, dirfd, name, O_RDWR, 0);
	}
	if (*fd_r < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(p->err, "open", name);
	return mdbox_items_read(p->root, *fd_r, *foreign, number, true,
				p->pool, items_r, p->err);
}

/* Splits: those that move stand in front; their count. */
static uint32_t split(struct purge *p, struct mdbox_items *items)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < items->count; i++) {
		struct mdbox_item item = items->items[i];

		if (find_live(p, &item.ref) == NULL)
			continue;
		items->items[i] = items->items[to];
		items->items[to++] = item;
	}
	return to;
}

/* First the new place has it, then the old one loses it. */
static int move_between(struct purge *p, int from_dir, int to_dir,
			bool foreign, uint32_t number)
{
	struct cv_storage_root *root = p->root;
	struct mdbox_items from, to;
	int from_fd = -1, to_fd = -1;
	char name[DBOX_PATH_MAX];
	uint32_t moving = 0;
	bool ours = false;
	int ret = read_container(p, from_dir, &foreign, number, &from_fd,
				 &from);

	if (ret == CV_OK && from_fd >= 0)
		moving = split(p, &from);
	if (ret == CV_OK && moving > 0 && !from.torn)
		ret = read_container(p, to_dir, &ours, number, &to_fd, &to);
	if (ret == CV_OK && moving > 0 && !from.torn &&
	    (foreign || claim(root, from_fd))) {
		struct source sources[2] = {
			{ to_fd, to.items, to.count },
			{ from_fd, from.items, moving },
		};

		ret = write_container(root, to_dir, number, sources, 2,
				      p->err);
		snprintf(name, sizeof(name), "%c.%u", foreign ? 'm' : 'c',
			 number);
		if (ret == CV_OK) {
			from.items += moving;
			ret = replace(p, from_dir, from_fd, name, foreign,
				      number, &from, from.count - moving, 0);
		}
	}
	dbox_close(root, from_fd);
	dbox_close(root, to_fd);
	return ret;
}

int mdbox_altmove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count, bool back,
		  struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct purge p = { .root = root, .err = err };
	struct cv_span *refs;
	int ret = open_alt(root, err);

	if (ret < 0)
		return ret;
	p.pool = cv_api->pool_create("dbox altmove");
	refs = CV_ALLOC_ARRAY(p.pool, struct cv_span, (size_t)count + 1);
	for (uint32_t i = 0; i < count; i++)
		refs[i] = blobs[i].ref;
	ret = take_live(&p, refs, count);
	for (uint32_t i = 0; i < p.live_count && ret == CV_OK; i++) {
		const struct live *l = &p.live[i];

		if (i > 0 && l->number == l[-1].number &&
		    l->foreign == l[-1].foreign)
			continue;
		ret = back ? move_between(&p, root->alt_fd, root->storage_fd,
					  l->foreign, l->number) :
			move_between(&p, root->storage_fd, root->alt_fd,
				     l->foreign, l->number);
	}
	cv_api->pool_destroy(&p.pool);
	return ret;
}
