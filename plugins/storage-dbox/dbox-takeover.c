/* dbox-takeover.c - the first scan of a folder, and the first after its
 * journal was lost: UIDs from Dovecot's index, from the names of its files,
 * and from our own trailers.
 *
 * In mdbox a folder is in its containers' trailers.  They are only read when
 * the folder was known once (the file "culver" beside its indexes says so, and
 * which UIDVALIDITY it had): a new folder has nothing there. */
#include "dbox.h"

#include <stdlib.h>

static const char known_name[] = "culver";

struct candidate {
	struct cv_takeover_entry entry;
	uint32_t uidvalidity;		/* 0: whatever the folder's is */
	int64_t saved;
	uint32_t cached;		/* where in Dovecot's cache */
};

struct candidates {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	struct candidate *items;
	uint32_t count, room;
	uint32_t uidvalidity, uidnext, first_recent;
	uint32_t indexid, cache_seq;
	uint64_t highestmodseq;
	bool has_guid;
	uint8_t guid[16];
};

static struct candidate *add(struct candidates *c)
{
	if (c->count == c->room) {
		uint32_t room = c->room * 2 + 256;
		struct candidate *items =
			CV_ALLOC_ARRAY(c->pool, struct candidate, room);

		if (c->count > 0)
			memcpy(items, c->items, c->count * sizeof(*items));
		c->items = items;
		c->room = room;
	}
	return &c->items[c->count++];
}

static int add_foreign(struct candidates *c, struct cv_storage_folder *folder,
		       struct cv_error *err)
{
	struct dbox_foreign *f;
	int ret = dbox_foreign_load(folder, &f, err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	c->uidvalidity = f->uidvalidity;
	c->uidnext = f->uidnext;
	c->highestmodseq = f->highestmodseq;
	c->first_recent = f->first_recent;
	c->indexid = f->indexid;
	c->cache_seq = f->cache_seq;
	c->has_guid = f->has_guid;
	memcpy(c->guid, f->guid, sizeof(c->guid));
	for (uint32_t i = 0; i < f->count; i++) {
		const struct dbox_foreign_message *m = &f->messages[i];

		*add(c) = (struct candidate){
			.entry = {
				.uid = m->uid, .ref = m->ref,
				.has_flags = true, .flags = m->flags,
				.keywords = m->keywords,
				.modseq = m->modseq,
			},
			.saved = m->saved, .cached = m->cached,
		};
	}
	return CV_OK;
}

static void add_ours(struct candidates *c, struct cv_span ref,
		     const struct dbox_trailer *t)
{
	struct candidate *item = add(c);

	item->entry.uid = t->uid;
	item->entry.ref = ref;
	item->uidvalidity = t->uidvalidity;
	item->saved = t->saved;
}

static int by_uid(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->entry.uid != y->entry.uid)
		return x->entry.uid < y->entry.uid ? -1 : 1;
	/* what has flags knows more */
	if (x->entry.has_flags != y->entry.has_flags)
		return x->entry.has_flags ? -1 : 1;
	return (x->saved > y->saved) - (x->saved < y->saved);
}

/* The folder's UIDVALIDITY is the one that was written last. */
static void choose_uidvalidity(struct candidates *c)
{
	int64_t newest = INT64_MIN;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct candidate *item = &c->items[i];

		if (item->uidvalidity != 0 && item->saved >= newest) {
			newest = item->saved;
			c->uidvalidity = item->uidvalidity;
		}
	}
	if (c->uidvalidity == 0 && c->count > 0)
		c->uidvalidity = (uint32_t)time(NULL);
}

/* What of all that is known is given to core. */
struct given {
	struct cv_takeover_entry *entries;
	int64_t *saved;
	uint32_t *offsets;		/* in Dovecot's cache */
	uint32_t count;
	bool cached;			/* one of them is not 0 */
};

static void given_init(struct given *g, const struct candidates *c)
{
	size_t room = (size_t)c->count + 1;

	*g = (struct given){
		.entries = CV_ALLOC_ARRAY(c->pool, struct cv_takeover_entry,
					  room),
		.saved = CV_ALLOC_ARRAY(c->pool, int64_t, room),
		.offsets = CV_ALLOC_ARRAY(c->pool, uint32_t, room),
	};
}

static void given_add(struct given *g, const struct candidate *item)
{
	g->entries[g->count] = item->entry;
	g->saved[g->count] = item->saved;
	/* mdbox has it in the index */
	g->offsets[g->count] = item->saved == 0 ? item->cached : 0;
	g->cached |= g->offsets[g->count] != 0;
	g->count++;
}

static void read_saved(const struct candidates *c, struct given *g)
{
	const struct common_cached cached = {
		.indexid = c->indexid, .file_seq = c->cache_seq,
		.offsets = g->offsets, .count = g->count,
	};

	if (g->cached)
		dbox_foreign_saved(c->folder, &cached, g->saved);
}

static int give(struct candidates *c, struct cv_takeover *takeover_r)
{
	struct given given;
	uint32_t last = 0;

	choose_uidvalidity(c);
	if (c->uidvalidity == 0)
		return CV_NOT_FOUND;
	if (c->count > 1)
		qsort(c->items, c->count, sizeof(*c->items), by_uid);
	given_init(&given, c);
	for (uint32_t i = 0; i < c->count; i++) {
		const struct candidate *item = &c->items[i];

		if (item->entry.uid == 0 || item->entry.uid == UINT32_MAX ||
		    item->entry.uid == last ||
		    (item->uidvalidity != 0 &&
		     item->uidvalidity != c->uidvalidity))
			continue;
		given_add(&given, item);
		last = item->entry.uid;
	}
	read_saved(c, &given);
	*takeover_r = (struct cv_takeover){
		CV_SIZED(cv_takeover), .uidvalidity = c->uidvalidity,
		.uidnext = c->uidnext > last ? c->uidnext : last + 1,
		.highestmodseq = c->highestmodseq, .entries = given.entries,
		.count = given.count, .has_guid = c->has_guid,
		.saved = given.saved, .first_recent = c->first_recent,
	};
	memcpy(takeover_r->guid, c->guid, sizeof(c->guid));
	return CV_OK;
}

static int give_head(struct candidates *c, struct cv_takeover *takeover_r)
{
	*takeover_r = (struct cv_takeover){
		CV_SIZED(cv_takeover), .uidvalidity = c->uidvalidity,
		.uidnext = c->uidnext, .highestmodseq = c->highestmodseq,
		.has_guid = c->has_guid,
	};
	memcpy(takeover_r->guid, c->guid, sizeof(c->guid));
	return c->uidvalidity == 0 ? CV_NOT_FOUND : CV_OK;
}

/* --- sdbox -------------------------------------------------------------------------- */

struct sdbox_names {
	struct candidates *c;
	struct cv_storage_folder *folder;
};

static int take_name(void *context, const struct cv_found *found)
{
	struct sdbox_names *n = context;
	char *copy = cv_api->alloc(n->c->pool, found->ref.len + 1);
	struct cv_span ref = cv_span(copy, found->ref.len);
	struct dbox_trailer trailer;
	uint64_t uid;

	memcpy(copy, found->ref.data, found->ref.len);
	if (copy[0] == 'u') {
		if (cv_span_to_u64(cv_span_skip(ref, 2), UINT32_MAX, &uid)) {
			struct candidate *item = add(n->c);

			item->entry.uid = (uint32_t)uid;
			item->entry.ref = ref;
		}
	} else if (copy[0] == 'c' &&
		   sdbox_trailer(n->folder, ref, &trailer)) {
		add_ours(n->c, ref, &trailer);
	}
	return CV_OK;
}

/* Names of our files begin with the time. */
enum { NEWEST = 16 };

struct newest {
	char names[NEWEST][DBOX_NAME_MAX + 1];	/* the newest first */
	size_t count;
};

static int note_newest(void *context, const struct cv_found *found)
{
	struct newest *n = context;
	char name[DBOX_NAME_MAX + 1];
	size_t i = n->count;

	snprintf(name, sizeof(name), "%.*s", CV_SPAN_ARG(found->ref));
	if (name[0] != 'c')
		return CV_OK;
	for (; i > 0 && strcmp(n->names[i - 1], name) < 0; i--) {
		if (i < NEWEST)
			memcpy(n->names[i], n->names[i - 1], sizeof(name));
	}
	if (i < NEWEST)
		memcpy(n->names[i], name, sizeof(name));
	if (n->count < NEWEST)
		n->count++;
	return CV_OK;
}

/* The UIDVALIDITY that the newest messages agree on; 0: they do not.  That of
 * a million files need not be read for it. */
static int agreed_uidvalidity(struct cv_storage_folder *folder,
			      uint32_t *uidvalidity_r, struct cv_error *err)
{
	struct newest n = { .count = 0 };
	struct dbox_trailer trailer;
	int ret = sdbox_scan(folder, CV_SCAN_ALL, note_newest, &n, err);

	*uidvalidity_r = 0;
	for (size_t i = 0; ret == CV_OK && i < n.count; i++) {
		if (!sdbox_trailer(folder, cv_span_of(n.names[i]), &trailer))
			continue;
		if (*uidvalidity_r != 0 &&
		    *uidvalidity_r != trailer.uidvalidity) {
			*uidvalidity_r = 0;
			break;
		}
		*uidvalidity_r = trailer.uidvalidity;
	}
	return ret;
}

int sdbox_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err)
{
	struct candidates c = { .folder = folder, .pool = pool };
	struct sdbox_names names = { &c, folder };
	int ret = add_foreign(&c, folder, err);

	if (ret == CV_OK && head_only && c.uidvalidity == 0)
		ret = agreed_uidvalidity(folder, &c.uidvalidity, err);
	if (ret == CV_OK && head_only && c.uidvalidity != 0)
		return give_head(&c, takeover_r);
	if (ret == CV_OK)
		ret = sdbox_scan(folder, CV_SCAN_ALL, take_name, &names, err);
	return ret < 0 ? ret : give(&c, takeover_r);
}

/* --- mdbox ---------------------------------------------------------------------------- */

enum { MARK_BYTES = 10 };	/* digits */

bool mdbox_was_known(struct cv_storage_folder *folder)
{
	struct stat st;

	return DBOX_CALL(folder->root, stat, folder->fd, known_name,
			 &st) == 0;
}

/* The UIDVALIDITY that the file says; 0: none. */
static uint32_t read_mark(struct cv_storage_root *root, int fd)
{
	char text[MARK_BYTES];
	uint64_t value;

	return fd >= 0 && DBOX_CALL(root, pread, fd, text, sizeof(text), 0) ==
			(ssize_t)sizeof(text) &&
		cv_span_to_u64(cv_span(text, sizeof(text)), UINT32_MAX,
			       &value) ? (uint32_t)value : 0;
}

/* A rename moves the file with the folder, and trailers keep the old name. */
void mdbox_make_known(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	int fd = DBOX_CALL(root, open, folder->fd, known_name,
			   O_RDWR | O_CREAT, 0600);
	char text[MARK_BYTES + 2];

	if (fd >= 0 && folder->uidvalidity != 0 &&
	    read_mark(root, fd) != folder->uidvalidity) {
		snprintf(text, sizeof(text), "%0*u\n", MARK_BYTES,
			 folder->uidvalidity);
		/* without it the name decides */
		(void)DBOX_CALL(root, pwrite, fd, text, MARK_BYTES + 1, 0);
	}
	dbox_close(root, fd);
}

typedef int item_fn(void *context, const struct mdbox_item *item,
		    struct cv_span ref);

/* The folders that there are, and their marks. */
struct owner { const char *name; uint32_t mark; };

struct mdbox_walk {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;		/* of one container */
	item_fn *fn;
	void *context;
	struct cv_pool *owners_pool;
	struct owner *owners;
	uint32_t count, room;
};

static int take_owner(void *context, const struct cv_folder_found *found)
{
	struct mdbox_walk *w = context;
	struct cv_storage_root *root = w->folder->root;
	struct owner *owner;
	struct cv_text path;
	int fd;

	if (w->count == w->room) {
		uint32_t room = w->room * 2 + 64;
		struct owner *owners = CV_ALLOC_ARRAY(w->owners_pool,
						      struct owner, room);

		if (w->count > 0)
			memcpy(owners, w->owners, w->count * sizeof(*owners));
		w->owners = owners;
		w->room = room;
	}
	cv_text_init(&path, w->owners_pool);
	cv_text_append_f(&path, "%s/%s",
			 dbox_path(root, w->owners_pool,
				   cv_span_of(found->name)), known_name);
	owner = &w->owners[w->count++];
	owner->name = common_strdup(w->owners_pool, found->name);
	fd = DBOX_CALL(root, open, root->fd, path.data,
		       O_RDONLY | O_NONBLOCK, 0);
	owner->mark = read_mark(root, fd);
	dbox_close(root, fd);
	return CV_OK;
}

/* Whose a message is: the one folder's that has its UIDVALIDITY, whatever the
 * name is now; else that of its name. */
static bool is_ours(const struct mdbox_walk *w, const struct dbox_trailer *t)
{
	const struct owner *marked = NULL;
	uint32_t same = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		if (t->uidvalidity == 0 ||
		    w->owners[i].mark != t->uidvalidity)
			continue;
		marked = &w->owners[i];
		same++;
	}
	return same == 1 ? strcmp(w->folder->name, marked->name) == 0 :
		cv_span_is(t->folder, w->folder->name);
}

static int walk_items(struct mdbox_walk *w, const struct mdbox_items *items)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < items->count && ret == CV_OK; i++) {
		const struct mdbox_item *item = &items->items[i];
		char text[DBOX_NAME_MAX];

		if (!item->message.ours || !item->message.has_trailer ||
		    item->ref.foreign ||
		    !is_ours(w, &item->message.trailer))
			continue;
		snprintf(text, sizeof(text), "c.%u.%llu.%llx",
			 item->ref.number,
			 (unsigned long long)item->ref.offset,
			 (unsigned long long)item->ref.id);
		ret = w->fn(w->context, item, cv_span_of(text));
	}
	return ret;
}

static int walk_container(struct mdbox_walk *w, int dirfd, const char *name,
			  uint32_t number, struct cv_error *err)
{
	struct cv_storage_root *root = w->folder->root;
	int fd = DBOX_CALL(root, open, dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	struct mdbox_items items;
	int ret;

	if (fd < 0)
		return errno == ENOENT ? CV_OK : common_fail(err, "open", name);
	w->pool = cv_api->pool_create("mdbox scan");
	ret = mdbox_items_read(root, fd, false, number, true, w->pool, &items,
			       err);
	if (ret == CV_OK)
		ret = walk_items(w, &items);
	cv_api->pool_destroy(&w->pool);
	dbox_close(root, fd);
	return ret;
}

static int walk_dir(struct mdbox_walk *w, int dirfd, struct cv_error *err)
{
	struct cv_storage_root *root = w->folder->root;
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	uint32_t number;
	bool foreign;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", "storage");
	while (ret == CV_OK &&
	       (entry = DBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		if (mdbox_container_parse(entry, &foreign, &number) &&
		    !foreign)
			ret = walk_container(w, dirfd, entry, number, err);
	}
	if (DBOX_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		ret = common_fail(err, "read", "storage");
	return ret;
}

/* Our records of this folder, as their trailers say. */
static int walk(struct cv_storage_folder *folder, item_fn *fn, void *context,
		struct cv_error *err)
{
	struct mdbox_walk w = {
		.folder = folder, .fn = fn, .context = context,
	};
	int ret = mdbox_storage(folder->root, err);

	if (ret < 0)
		return ret;
	w.owners_pool = cv_api->pool_create("mdbox owners");
	ret = dbox_folders_scan(folder->root, take_owner, &w, err);
	if (ret >= 0)
		ret = walk_dir(&w, folder->root->storage_fd, err);
	if (ret == CV_OK && mdbox_alt_storage(folder->root, NULL) == CV_OK)
		ret = walk_dir(&w, folder->root->alt_fd, err);
	cv_api->pool_destroy(&w.owners_pool);
	return ret;
}

struct report {
	struct cv_storage_folder *folder;
	cv_found_fn *fn;
	void *context;
	bool first;
};

static int report_item(void *context, const struct mdbox_item *item,
		       struct cv_span ref)
{
	const struct report *r = context;
	struct cv_found found = {
		CV_SIZED(cv_found), .ref = ref, .received = INT64_MIN,
	};

	/* expunged, or moved: core knows whether the journal says so */
	if (!r->first && item->message.record.state == DBOX_DROPPED) {
		const struct dbox_trailer *t = &item->message.trailer;

		if (t->uid == 0 || t->uidvalidity != r->folder->uidvalidity)
			return CV_OK;
		found.dropped_uid = t->uid;
	}
	return r->fn(r->context, &found);
}

/* What the journal knows is not looked for here: core asks for each message
 * that was not reported whether it is there. */
int mdbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct report report = {
		folder, fn, context, (scan & CV_SCAN_FIRST) != 0,
	};
	struct dbox_foreign *f;
	int ret;

	if (!(scan & (CV_SCAN_FIRST | CV_SCAN_DAMAGED)))
		return CV_OK;
	ret = dbox_foreign_load(folder, &f, err);
	for (uint32_t i = 0; ret == CV_OK && i < f->count; i++) {
		struct cv_found found = {
			CV_SIZED(cv_found), .received = INT64_MIN,
			.ref = f->messages[i].ref,
		};

		ret = fn(context, &found);
	}
	if (ret >= 0 && mdbox_was_known(folder))
		ret = walk(folder, report_item, &report, err);
	return ret < 0 ? ret : CV_OK;
}

static int take_item(void *context, const struct mdbox_item *item,
		     struct cv_span ref)
{
	struct candidates *c = context;

	add_ours(c, cv_span_of(common_strdup(c->pool, ref.data)),
		 &item->message.trailer);
	return CV_OK;
}

int mdbox_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err)
{
	struct candidates c = { .folder = folder, .pool = pool };
	int ret = add_foreign(&c, folder, err);

	if (ret == CV_OK && head_only && c.uidvalidity != 0)
		return give_head(&c, takeover_r);
	if (ret == CV_OK)
		ret = mdbox_ledger_forget(folder->root, c.uidvalidity, err);
	if (ret == CV_OK && mdbox_was_known(folder))
		ret = walk(folder, take_item, &c, err);
	return ret < 0 ? ret : give(&c, takeover_r);
}
