/* mailbox-annotations.c - which annotations others have changed, for
 * unsolicited METADATA responses [RFC5464 4.1].
 *
 * INVARIANT: items are sorted by GUID and name; values are kept as keyed
 * hashes only.  While no account has a new revision of its metadata nothing is
 * compared. */
#include "mailbox-route.h"

#include <stdlib.h>

struct item {
	struct account_guid guid;	/* zero: the server's */
	struct cv_span entry;
	uint64_t hash;
	const char *mailbox;
};

struct own_change {
	const char *mailbox;
	struct cv_span entry;
	uint64_t hash;			/* 0: removed */
};

typedef ARRAY(struct item) item_list;

struct annotation_watch {
	struct cv_pool *pool;		/* of items */
	struct cv_pool *own_pool;
	item_list items;
	ARRAY(struct own_change) own;
	uint64_t revision;		/* sum over the accounts */
	bool seen;
};

static uint64_t hash_of(struct cv_span value)
{
	uint64_t hash;

	if (value.data == NULL)
		return 0;
	hash = hash_bytes(value.data, value.len);
	return hash == 0 ? 1 : hash;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = memcmp(x->guid.bytes, y->guid.bytes,
			   sizeof(x->guid.bytes));
	size_t len = x->entry.len < y->entry.len ? x->entry.len :
		y->entry.len;

	if (order == 0)
		order = memcmp(x->entry.data, y->entry.data, len);
	return order != 0 ? order : (x->entry.len > y->entry.len) -
		(x->entry.len < y->entry.len);
}

/* --- taking a picture -------------------------------------------------------------- */

static void take_place(struct store *store, struct account_folder *folder,
		       const char *mailbox, struct cv_pool *pool,
		       item_list *items)
{
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(store->account, folder, &at, &key,
				     &value)) {
		struct item *item;

		if (key.len == 0 || key.data[0] != '/')
			continue;
		item = array_add(items);
		if (folder != NULL)
			item->guid = folder->guid;
		item->entry = pool_span(pool, key);
		item->hash = hash_of(value);
		item->mailbox = mailbox;
	}
}

static bool has_entries(struct store *store, struct account_folder *folder)
{
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(store->account, folder, &at, &key,
				     &value)) {
		if (key.len > 0 && key.data[0] == '/')
			return true;
	}
	return false;
}

static void take_namespace(struct cv_user *u, const struct namespace *ns,
			   struct cv_pool *pool, item_list *items)
{
	struct account_folder *folder;
	size_t at = 0;

	if (ns->inbox)
		take_place(ns->store, NULL, "", pool, items);
	while ((folder = account_folder_next(ns->store->account, &at)) !=
	       NULL) {
		const char *name;

		if (folder->deleted || !has_entries(ns->store, folder) ||
		    (mailbox_rights(u, ns, folder) & ACL_LOOKUP) == 0)
			continue;
		name = mailbox_name_show(ns, folder->name, pool);
		if (name != NULL)
			take_place(ns->store, folder, name, pool, items);
	}
}

/* Those that one can see before others that show the same are the ones. */
static bool is_repeated(const struct cv_user *u, const struct namespace *ns)
{
	for (const struct namespace *n = u->namespaces; n < ns; n++) {
		if (n->store == ns->store)
			return true;
	}
	return false;
}

static bool is_watched(const struct cv_user *u, const struct namespace *ns)
{
	return ns->store != NULL && ns->store->account != NULL &&
		!is_repeated(u, ns);
}

static void take(struct cv_user *u, struct cv_pool *pool, item_list *items)
{
	array_init(items, pool);
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (is_watched(u, ns))
			take_namespace(u, ns, pool, items);
	}
	if (items->count > 1)
		qsort(items->items, items->count, sizeof(*items->items),
		      compare_items);
}

/* Of what is open already; the first call opens the one with the inbox. */
static int look(struct cv_user *u, struct annotation_watch *watch,
		uint64_t *revision_r, struct cv_error *err)
{
	*revision_r = 0;
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];
		int ret;

		if (ns->inbox && !watch->seen) {
			ret = store_open(ns->store, err);
			if (ret < 0)
				return ret;
		}
		if (!is_watched(u, ns))
			continue;
		ret = account_refresh(ns->store->account, err);
		if (ret < 0)
			return ret;
		*revision_r += 1 + account_metadata_revision(
			ns->store->account);
	}
	return CV_OK;
}

/* --- comparing --------------------------------------------------------------------- */

static bool is_own(struct annotation_watch *watch, const struct item *item,
		   uint64_t hash)
{
	for (size_t i = 0; i < watch->own.count; i++) {
		const struct own_change *own = &watch->own.items[i];

		if (own->hash == hash && strcmp(own->mailbox,
						item->mailbox) == 0 &&
		    cv_span_equal(own->entry, item->entry))
			return true;
	}
	return false;
}

static void compare(struct annotation_watch *watch, const item_list *now,
		    struct cv_pool *pool, struct cv_metadata_change **changes,
		    uint32_t *count)
{
	const item_list *before = &watch->items;
	size_t a = 0, b = 0;

	*changes = pool_new_array(pool, struct cv_metadata_change,
				  before->count + now->count + 1);
	while (a < before->count || b < now->count) {
		const struct item *item;
		uint64_t hash = 0;
		int order = a == before->count ? 1 : b == now->count ? -1 :
			compare_items(&before->items[a], &now->items[b]);

		item = order < 0 ? &before->items[a] : &now->items[b];
		if (order >= 0)
			hash = item->hash;
		if ((order != 0 || before->items[a].hash != hash) &&
		    !is_own(watch, item, hash)) {
			(*changes)[*count].mailbox_name =
				pool_strdup(pool, item->mailbox);
			(*changes)[(*count)++].entry = pool_span(pool,
								 item->entry);
		}
		a += order <= 0;
		b += order >= 0;
	}
}

static struct annotation_watch *watch_get(struct cv_user *u)
{
	struct annotation_watch *watch = u->annotations;

	if (watch != NULL)
		return watch;
	watch = u->annotations = pool_new(u->pool, struct annotation_watch);
	watch->pool = pool_create("annotations");
	watch->own_pool = pool_create("own annotations");
	array_init(&watch->items, watch->pool);
	array_init(&watch->own, watch->own_pool);
	return watch;
}

void annotations_unwatch(struct cv_user *u)
{
	if (u->annotations == NULL)
		return;
	pool_destroy(&u->annotations->pool);
	pool_destroy(&u->annotations->own_pool);
	u->annotations = NULL;
}

int annotations_changes(struct cv_user *u, struct cv_pool *pool,
			struct cv_metadata_change **changes_r,
			uint32_t *count_r, struct cv_error *err)
{
	struct annotation_watch *watch = watch_get(u);
	struct cv_pool *fresh;
	item_list now;
	uint64_t revision;
	int ret = look(u, watch, &revision, err);

	*changes_r = NULL;
	*count_r = 0;
	if (ret < 0 || (watch->seen && revision == watch->revision))
		return ret;
	fresh = pool_create("annotations");
	take(u, fresh, &now);
	if (watch->seen)
		compare(watch, &now, pool, changes_r, count_r);
	pool_destroy(&watch->pool);
	watch->pool = fresh;
	watch->items = now;
	watch->revision = revision;
	watch->seen = true;
	pool_reset(watch->own_pool);
	array_init(&watch->own, watch->own_pool);
	return CV_OK;
}

void annotations_own(struct cv_user *u, const char *name,
		     const struct cv_metadata *entries, uint32_t count)
{
	struct annotation_watch *watch = u->annotations;

	for (uint32_t i = 0; watch != NULL && i < count; i++) {
		struct own_change *own = array_add(&watch->own);

		own->mailbox = pool_strdup(watch->own_pool, name);
		own->entry = pool_span(watch->own_pool, entries[i].entry);
		own->hash = hash_of(entries[i].value);
	}
}
