/* mdbox-altmove.c - records go to the alternative place, and back.
 *
 * INVARIANT: first the new place has a record, durably, then the old one loses
 * it.  What broke off leaves records at both places, which are one message:
 * the next run copies only what the new place has not got whole, and a purge
 * takes the doubles away.
 *
 * One of Dovecot's files is taken apart only when all that is in it is known
 * here, as in a purge (mdbox-known.c). */
#include "mdbox-rewrite.h"

struct altmove {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct mdbox_refs chosen;
	int from, to;			/* directories */
	cv_live_fn *live;
	void *context;
	bool asked;			/* known is there */
	struct mdbox_known known;
	struct cv_error *err;
};

/* A container at one of the places. */
struct end {
	int fd;				/* -1: there is none */
	bool foreign;
	uint64_t size;
	char name[DBOX_PATH_MAX];
	struct mdbox_items items;
};

/* What cannot be read would be lost: hands off. */
static void leave(const struct altmove *a, const struct end *end)
{
	cv_api->log(dbox_self, CV_LOG_WARNING, "'%s': altmove left %s as it "
		    "is: it cannot be read to its end, or is being written "
		    "(hint: 'culveradm force-resync' says what is lost)",
		    a->root->config->path, end->name);
}

static int read_end(const struct altmove *a, int dirfd, bool foreign,
		    uint32_t number, struct cv_pool *pool, struct end *end)
{
	struct stat st;

	*end = (struct end){ .fd = -1, .foreign = foreign };
	snprintf(end->name, sizeof(end->name), "%c.%u", foreign ? 'm' : 'c',
		 number);
	end->fd = DBOX_CALL(a->root, open, dirfd, end->name, O_RDWR, 0);
	if (end->fd < 0 && errno == ENOENT && foreign)	/* rewritten */
		return read_end(a, dirfd, false, number, pool, end);
	if (end->fd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(a->err, "open", end->name);
	if (DBOX_CALL(a->root, fstat, end->fd, &st) < 0)
		return common_fail(a->err, "stat", end->name);
	end->size = (uint64_t)st.st_size;
	return mdbox_items_read(a->root, end->fd, foreign, number, true, pool,
				&end->items, a->err);
}

/* Those that move go to the front; their count. */
static uint32_t split(const struct altmove *a, struct mdbox_items *items)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < items->count; i++) {
		struct mdbox_item item = items->items[i];

		if (mdbox_refs_find(&a->chosen, &item.ref) == NULL)
			continue;
		items->items[i] = items->items[to];
		items->items[to++] = item;
	}
	return to;
}

/* Whether it may be taken apart. */
static int ask(struct altmove *a, const struct end *from, bool *may_r)
{
	const struct cv_span *refs;
	uint32_t count;
	int ret = CV_OK;

	if (!a->asked) {
		ret = a->live(a->context, &refs, &count, a->err);
		if (ret == CV_OK)
			ret = mdbox_known_read(a->root, a->pool, refs, count,
					       &a->known, a->err);
		a->asked = ret == CV_OK;
	}
	*may_r = ret == CV_OK &&
		!mdbox_known_leave(&a->known, from->name, &from->items);
	return ret;
}

/* The new place gets what it has not got, the old one keeps the rest. */
static int move_items(const struct altmove *a, uint32_t number,
		      struct end *from, uint32_t moving, struct end *to,
		      struct cv_pool *pool)
{
	struct mdbox_source there = { to->fd, to->items.items,
				      to->items.count };
	struct mdbox_source left = { from->fd, from->items.items + moving,
				     from->items.count - moving };
	struct mdbox_source sources[2] = { there };
	struct mdbox_item *need = CV_ALLOC_ARRAY(pool, struct mdbox_item,
						 moving);
	int ret = CV_OK;

	memcpy(need, from->items.items, moving * sizeof(*need));
	sources[1] = (struct mdbox_source){ from->fd, need,
		mdbox_items_minus(a->root, need, moving, &there, true) };
	/* what is damaged there */
	sources[0].count = mdbox_items_minus(a->root, to->items.items,
					     to->items.count, &sources[1],
					     false);
	if (sources[1].count > 0)
		ret = mdbox_container_write(a->root, a->to, number, sources,
					    2, a->err);
	return ret < 0 ? ret :
		mdbox_container_replace(a->root, a->from, number,
					from->foreign, &left, a->err);
}

/* CV_CHANGED: something came into it meanwhile. */
static int move_open(struct altmove *a, uint32_t number, struct end *from,
		     struct end *to, struct cv_pool *pool)
{
	uint32_t moving = split(a, &from->items);
	bool may = true;
	int ret = CV_OK;

	if (moving == 0)
		return CV_OK;
	if (from->foreign)
		ret = ask(a, from, &may);
	if (ret < 0 || !may)
		return ret;
	ret = read_end(a, a->to, false, number, pool, to);
	if (ret < 0)
		return ret;
	if (from->items.torn || to->items.torn) {
		leave(a, from->items.torn ? from : to);
		return CV_OK;
	}
	if (!from->foreign)
		ret = mdbox_claim(a->root, from->fd, from->size);
	if (ret == CV_NOT_FOUND)
		leave(a, from);
	if (ret != CV_OK)
		return ret;
	return move_items(a, number, from, moving, to, pool);
}

static int move_number(struct altmove *a, bool foreign, uint32_t number)
{
	enum { TRIES = 3 };	/* once claimed nothing comes any more */
	int ret = CV_CHANGED;

	for (int i = 0; i < TRIES && ret == CV_CHANGED; i++) {
		struct cv_pool *pool = cv_api->pool_create("dbox altmove");
		struct end from, to = { .fd = -1 };

		ret = read_end(a, a->from, foreign, number, pool, &from);
		if (ret == CV_OK && from.fd >= 0)
			ret = move_open(a, number, &from, &to, pool);
		dbox_close(a->root, from.fd);
		dbox_close(a->root, to.fd);
		cv_api->pool_destroy(&pool);
	}
	return ret < 0 ? ret : CV_OK;
}

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

int mdbox_altmove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count, bool back,
		  cv_live_fn *live, void *context, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct altmove a = { .root = root, .live = live, .context = context,
			     .err = err };
	struct cv_span *refs;
	int ret = open_alt(root, err);

	if (ret < 0)
		return ret;
	a.from = back ? root->alt_fd : root->storage_fd;
	a.to = back ? root->storage_fd : root->alt_fd;
	a.pool = cv_api->pool_create("dbox altmove");
	refs = CV_ALLOC_ARRAY(a.pool, struct cv_span, (size_t)count + 1);
	for (uint32_t i = 0; i < count; i++)
		refs[i] = blobs[i].ref;
	ret = mdbox_refs_take(a.pool, refs, count, &a.chosen, err);
	for (uint32_t i = 0; i < a.chosen.count && ret == CV_OK; i++) {
		const struct mdbox_live *l = &a.chosen.items[i];

		if (i > 0 && l->number == l[-1].number &&
		    l->foreign == l[-1].foreign)
			continue;
		ret = move_number(&a, l->foreign, l->number);
	}
	if (a.asked)
		mdbox_known_say(&a.known, "altmove");
	cv_api->pool_destroy(&a.pool);
	return ret;
}
