/* mdbox-purge.c - containers lose what nobody refers to; what is Dovecot's may
 * become ours. */
#include "mdbox-rewrite.h"

#include <stdlib.h>

struct purge {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct mdbox_known known;
	bool convert;
	bool foreign_left;		/* something is still Dovecot's */
	bool no_room;			/* for what is left of a container */
	uint64_t freed;
	struct cv_error *err;
};

/* --- one container --------------------------------------------------------------------- */

/* Was never committed, or is on its way to it: time tells. */
static bool is_young(const struct dbox_message *m, const struct stat *st)
{
	return m->ours && m->record.state != DBOX_DROPPED &&
		!m->has_trailer &&
		time(NULL) - st->st_mtim.tv_sec < DBOX_HIDDEN_SECONDS;
}

/* Moves what stays to the front; the count of it. */
static uint32_t choose(struct purge *p, struct mdbox_items *items,
		       const struct stat *st, uint32_t *live_r)
{
	uint32_t to = 0;

	*live_r = 0;
	for (uint32_t i = 0; i < items->count; i++) {
		struct mdbox_item *item = &items->items[i];
		bool live = mdbox_refs_find(&p->known.live,
					    &item->ref) != NULL;

		*live_r += live;
		if (live || is_young(&item->message, st) ||
		    mdbox_known_needed(&p->known, &item->ref)) {
			p->foreign_left |= item->ref.foreign;
			items->items[to++] = *item;
		}
	}
	return to;
}

static int replace(struct purge *p, int dirfd, int fd, bool foreign,
		   uint32_t number, struct mdbox_items *items, uint32_t keep,
		   uint64_t size)
{
	struct cv_storage_root *root = p->root;
	struct mdbox_source left = { fd, items->items, keep };
	char target[DBOX_PATH_MAX];
	struct stat st = { .st_size = 0 };
	int ret = mdbox_container_replace(root, dirfd, number, foreign, &left,
					  p->err);

	if (ret < 0)
		return ret;
	mdbox_container_name(number, target);
	if (keep > 0)
		(void)DBOX_CALL(root, stat, dirfd, target, &st);
	if (size > (uint64_t)st.st_size)
		p->freed += size - (uint64_t)st.st_size;
	return CV_OK;
}

/* --- the other place ---------------------------------------------------------------------- */

/* A container of this number there; fd -1: there is none that can be read. */
static int read_other(struct purge *p, int dirfd, bool foreign,
		      uint32_t number, struct cv_pool *pool,
		      struct mdbox_items *items_r)
{
	struct cv_storage_root *root = p->root;
	char name[DBOX_PATH_MAX];
	int fd;

	*items_r = (struct mdbox_items){ .count = 0 };
	snprintf(name, sizeof(name), "%c.%u", foreign ? 'm' : 'c', number);
	fd = DBOX_CALL(root, open, dirfd, name, O_RDONLY, 0);
	if (fd >= 0 && mdbox_items_read(root, fd, foreign, number, false,
					pool, items_r, NULL) != CV_OK) {
		dbox_close(root, fd);
		items_r->count = 0;
		fd = -1;
	}
	return fd;
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
		int fd = read_other(p, other, foreign, number, pool, &items);

		for (uint32_t i = 0; i < items.count; i++)
			count += mdbox_refs_find(&p->known.live,
						 &items.items[i].ref) != NULL;
		dbox_close(root, fd);
	}
	return count;
}

/* An altmove that broke off has left some at several places: all but the one
 * where they are looked for first lose them. */
static uint32_t without_doubles(struct purge *p, int dirfd, bool foreign,
				uint32_t number, struct mdbox_items *items,
				uint32_t keep, struct cv_pool *pool)
{
	struct cv_storage_root *root = p->root;
	const struct { int dirfd; bool foreign; } places[] = {
		{ root->storage_fd, true }, { root->storage_fd, false },
		{ root->alt_fd, true }, { root->alt_fd, false },
	};

	for (size_t i = 0; places[i].dirfd != dirfd ||
	     places[i].foreign != foreign; i++) {
		struct mdbox_items other;
		int fd = read_other(p, places[i].dirfd, places[i].foreign,
				    number, pool, &other);
		struct mdbox_source there = { fd, other.items, other.count };

		keep = mdbox_items_minus(root, items->items, keep, &there,
					 true);
		dbox_close(root, fd);
	}
	return keep;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* CV_CHANGED: something came into it meanwhile. */
static int purge_open(struct purge *p, int dirfd, int fd, bool foreign,
		      uint32_t number, struct cv_pool *pool)
{
	struct cv_storage_root *root = p->root;
	struct mdbox_items items;
	uint32_t live, keep, all;
	char name[DBOX_PATH_MAX];
	struct stat st;
	bool old;
	int ret;

	snprintf(name, sizeof(name), "%c.%u", foreign ? 'm' : 'c', number);
	if (DBOX_CALL(root, fstat, fd, &st) < 0)
		return common_fail(p->err, "stat", name);
	ret = mdbox_items_read(root, fd, foreign, number, true, pool, &items,
			       p->err);
	if (ret < 0)
		return ret;
	if (foreign && mdbox_known_leave(&p->known, name, &items)) {
		p->foreign_left = true;
		return CV_OK;
	}
	all = items.count;
	old = time(NULL) - st.st_mtim.tv_sec > DBOX_HIDDEN_SECONDS;
	keep = choose(p, &items, &st, &live);
	/* one that is referred to cannot be read, or something is there that
	 * may still become a message: hands off */
	if (live < mdbox_refs_of(&p->known.live, number))
		live += live_elsewhere(p, dirfd, number, pool);
	if (live < mdbox_refs_of(&p->known.live, number)) {
		p->foreign_left = true;
		keep = all;
	} else {
		keep = without_doubles(p, dirfd, foreign, number, &items,
				       keep, pool);
	}
	if (items.torn && !old && keep < all)
		keep = all;
	if (keep == all && !(all == 0 && items.torn && old) &&
	    !(foreign && p->convert && !items.torn))
		return CV_OK;
	if (!foreign) {
		ret = mdbox_claim(root, fd, (uint64_t)st.st_size);
		if (ret != CV_OK)
			return ret == CV_CHANGED ? ret : CV_OK;
	}
	return replace(p, dirfd, fd, foreign, number, &items, keep,
		       (uint64_t)st.st_size);
}

static int purge_one(struct purge *p, int dirfd, const char *name,
		     bool foreign, uint32_t number)
{
	enum { TRIES = 3 };	/* once claimed nothing comes any more */
	struct cv_storage_root *root = p->root;
	int fd = DBOX_CALL(root, open, dirfd, name, O_RDWR, 0);
	int ret = CV_CHANGED;

	if (fd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(p->err, "open", name);
	for (int i = 0; i < TRIES && ret == CV_CHANGED; i++) {
		struct cv_pool *pool = cv_api->pool_create("dbox purge");

		ret = purge_open(p, dirfd, fd, foreign, number, pool);
		cv_api->pool_destroy(&pool);
	}
	dbox_close(root, fd);
	return ret < 0 ? ret : CV_OK;
}

/* Of a rewrite that was cut off; or a name too many of a container, which
 * nobody may claim as long as it has that. */
static void purge_rest(struct cv_storage_root *root, int dirfd,
		       const char *entry)
{
	struct stat st;

	if (strncmp(entry, "t.", 2) == 0 &&
	    DBOX_CALL(root, stat, dirfd, entry, &st) == 0 &&
	    S_ISREG(st.st_mode) &&
	    time(NULL) - st.st_ctim.tv_sec > DBOX_HIDDEN_SECONDS)
		(void)DBOX_CALL(root, unlink, dirfd, entry);
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
		else
			purge_rest(root, dirfd, entry);
	}
	if (DBOX_API(root)->dir_close(&dir) < 0)
		return common_fail(p->err, "read", "storage");
	rest = cv_text_span(&names);
	while (ret == CV_OK && rest.len > 0 &&
	       cv_span_split(&rest, '\0', &name)) {
		if (!mdbox_container_parse(name.data, &foreign, &number))
			continue;
		ret = purge_one(p, dirfd, name.data, foreign, number);
		/* others may need none, and leave some */
		if (ret == CV_E_NO_SPACE) {
			p->no_room = p->foreign_left = true;
			ret = CV_OK;
		}
	}
	return ret;
}

/* On a full disk again and again, for what one container frees is enough to
 * write what is left of another. */
static int purge_place(struct purge *p, int dirfd)
{
	uint64_t before;
	int ret;

	do {
		before = p->freed;
		p->no_room = false;
		ret = purge_dir(p, dirfd);
	} while (ret == CV_OK && p->no_room && p->freed > before);
	return ret == CV_OK && p->no_room ? CV_E_NO_SPACE : ret;
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
	ret = mdbox_known_read(root, p.pool, live, count, &p.known, err);
	(void)mdbox_alt_storage(root, NULL);
	if (ret == CV_OK)
		ret = purge_place(&p, root->storage_fd);
	if (ret == CV_OK && root->alt_fd >= 0)
		ret = purge_place(&p, root->alt_fd);
	else if (ret == CV_OK && root->alt[0] != '\0')
		p.foreign_left = true;	/* it may be elsewhere today */
	if (ret == CV_OK && !p.foreign_left)
		mdbox_ledger_remove(root);
	mdbox_known_say(&p.known, "purge");
	*freed_r = p.freed;
	cv_api->pool_destroy(&p.pool);
	return ret;
}
