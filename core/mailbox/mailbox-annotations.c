/* mailbox-annotations.c - which annotations others have changed, for
 * unsolicited METADATA responses [RFC5464 4.1].
 *
 * INVARIANT: items are sorted by GUID and name; values are kept as keyed
 * hashes only.  While no account has a new revision of its metadata nothing is
 * compared.
 *
 * For a session that sleeps:
 *
 *	u32 namespaces whose accounts were looked at; each its prefix
 *	u32 items; each GUID, u64 hash, mailbox name, entry
 *
 * as remote-wire.h has them; hashes are under a key that both processes know
 * and nobody else. */
#include "mailbox-freeze.h"
#include "mailbox-route.h"
#include "remote-wire.h"

#include <stdlib.h>
#include <unistd.h>

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
	uint64_t key[2];		/* of the hashes */
	uint64_t revision;		/* sum over the accounts */
	bool seen;
	bool thawed;			/* looked at by another process */
	struct {
		const char **items;
		uint32_t count;
	} prefixes;			/* of accounts to open again */
};

enum { NAME_MAX_BYTES = 4096 };

static uint64_t hash_of(const uint64_t key[2], struct cv_span value)
{
	uint64_t hash;

	if (value.data == NULL)
		return 0;
	hash = hash_bytes_keyed(key, value.data, value.len);
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

/* What is taken, and where it goes. */
struct picture {
	struct cv_user *user;
	const uint64_t *key;
	struct cv_pool *pool;
	item_list *items;
};

static void take_place(struct picture *p, struct store *store,
		       struct account_folder *folder, const char *mailbox)
{
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(store->account, folder, &at, &key,
				     &value)) {
		struct item *item;

		if (key.len == 0 || key.data[0] != '/')
			continue;
		item = array_add(p->items);
		if (folder != NULL)
			item->guid = folder->guid;
		item->entry = pool_span(p->pool, key);
		item->hash = hash_of(p->key, value);
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

static void take_namespace(struct picture *p, const struct namespace *ns)
{
	struct account_folder *folder;
	size_t at = 0;

	if (ns->inbox)
		take_place(p, ns->store, NULL, "");
	while ((folder = account_folder_next(ns->store->account, &at)) !=
	       NULL) {
		const char *name;

		if (folder->deleted || !has_entries(ns->store, folder) ||
		    (mailbox_rights(p->user, ns, folder) & ACL_LOOKUP) == 0)
			continue;
		name = mailbox_name_show(ns, folder->name, p->pool);
		if (name != NULL)
			take_place(p, ns->store, folder, name);
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

static void take(struct cv_user *u, const uint64_t *key, struct cv_pool *pool,
		 item_list *items)
{
	struct picture p = { u, key, pool, items };

	array_init(items, pool);
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (is_watched(u, ns))
			take_namespace(&p, ns);
	}
	if (items->count > 1)
		qsort(items->items, items->count, sizeof(*items->items),
		      compare_items);
}

static uint64_t revision_of(const struct cv_user *u)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (is_watched(u, ns))
			sum += 1 + account_metadata_revision(
				ns->store->account);
	}
	return sum;
}

/* Whether what another process has looked at is still to be opened here. */
static bool was_watched(const struct annotation_watch *watch,
			const struct namespace *ns)
{
	for (uint32_t i = 0; watch->thawed && i < watch->prefixes.count; i++) {
		if (strcmp(watch->prefixes.items[i], ns->prefix) == 0)
			return ns->store != NULL;
	}
	return false;
}

/* Of what is open already; the first call opens the one with the inbox. */
static int look(struct cv_user *u, struct annotation_watch *watch,
		uint64_t *revision_r, struct cv_error *err)
{
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];
		int ret;

		if ((ns->inbox && !watch->seen) || was_watched(watch, ns)) {
			ret = store_open(ns->store, err);
			if (ret < 0)
				return ret;
		}
		if (!is_watched(u, ns))
			continue;
		ret = account_refresh(ns->store->account, err);
		if (ret < 0)
			return ret;
	}
	*revision_r = revision_of(u);
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
	random_bytes(watch->key, sizeof(watch->key));
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
	if (ret < 0 || (watch->seen && !watch->thawed &&
			revision == watch->revision))
		return ret;
	fresh = pool_create("annotations");
	take(u, watch->key, fresh, &now);
	if (watch->seen)
		compare(watch, &now, pool, changes_r, count_r);
	pool_destroy(&watch->pool);
	watch->pool = fresh;
	watch->items = now;
	watch->revision = revision;
	watch->seen = true;
	watch->thawed = false;
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
		own->hash = hash_of(watch->key, entries[i].value);
	}
}

/* --- for a session that sleeps ----------------------------------------------------- */

int annotations_watch_each(struct cv_user *u, watch_fd_fn *fn, void *context,
			   struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; u->annotations != NULL && ret == CV_OK &&
	     i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];
		int fd;

		if (!is_watched(u, ns))
			continue;
		fd = account_watch_open(ns->store->account);
		if (fd < 0)
			return FAIL(err, CV_E_UNSUPPORTED, "the annotations "
				    "of namespace '%s' are watched by this "
				    "process alone", ns->prefix);
		ret = fn(context, fd, err);
		(void)close(fd);
	}
	return ret;
}

static void put_items(struct cv_text *out, const item_list *items)
{
	remote_put_u32(out, (uint32_t)items->count);
	for (size_t i = 0; i < items->count; i++) {
		const struct item *item = &items->items[i];

		cv_text_append(out, item->guid.bytes,
			       sizeof(item->guid.bytes));
		remote_put_u64(out, item->hash);
		remote_put_str(out, item->mailbox);
		remote_put_span(out, item->entry);
	}
}

static void put_prefixes(struct cv_text *out, const struct cv_user *u)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < u->namespace_count; i++)
		count += is_watched(u, &u->namespaces[i]);
	remote_put_u32(out, count);
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		if (is_watched(u, &u->namespaces[i]))
			remote_put_str(out, u->namespaces[i].prefix);
	}
}

int annotations_freeze(struct cv_user *u,
		       const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		       struct cv_text *out, struct cv_error *err)
{
	const struct annotation_watch *watch = u->annotations;
	uint64_t hash_key[2];
	struct cv_pool *pool;
	item_list items;

	if (watch == NULL || !watch->seen)
		return CV_OK;
	/* the values as they were told of, and they are not kept */
	if (watch->thawed || revision_of(u) != watch->revision)
		return FAIL(err, CV_E_TEMP, "annotations have changed and "
			    "were not told of");
	memcpy(hash_key, key, sizeof(hash_key));
	pool = pool_create("frozen annotations");
	take(u, hash_key, pool, &items);
	put_prefixes(out, u);
	put_items(out, &items);
	pool_destroy(&pool);
	return CV_OK;
}

static bool get_prefixes(struct remote_reader *in,
			 struct annotation_watch *watch)
{
	uint32_t count = remote_get_u32(in);

	if (in->failed || count > in->rest.len)
		return false;
	watch->prefixes.items = pool_new_array(in->pool, const char *,
					       (size_t)count + 1);
	while (watch->prefixes.count < count && !in->failed)
		watch->prefixes.items[watch->prefixes.count++] =
			remote_get_str(in, NAME_MAX_BYTES);
	return !in->failed;
}

static bool get_items(struct remote_reader *in, item_list *items)
{
	uint32_t count = remote_get_u32(in);

	while (!in->failed && count-- > 0) {
		struct item *item;

		if (in->rest.len < sizeof(item->guid.bytes))
			return false;
		item = array_add(items);
		memcpy(item->guid.bytes, in->rest.data,
		       sizeof(item->guid.bytes));
		in->rest = cv_span_skip(in->rest, sizeof(item->guid.bytes));
		item->hash = remote_get_u64(in);
		item->mailbox = remote_get_str(in, NAME_MAX_BYTES);
		item->entry = pool_span(in->pool, remote_get_span(
			in, NAME_MAX_BYTES));
		/* as compare wants them */
		if (in->failed || (items->count > 1 &&
				   compare_items(item - 1, item) >= 0))
			return false;
	}
	return !in->failed && in->rest.len == 0;
}

int annotations_thaw(struct cv_user *u, struct cv_span frozen,
		     const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		     struct cv_error *err)
{
	struct annotation_watch *watch;
	struct remote_reader in = { .rest = frozen };

	if (frozen.len == 0)
		return CV_OK;
	watch = watch_get(u);
	in.pool = watch->pool;
	memcpy(watch->key, key, sizeof(watch->key));
	if (!get_prefixes(&in, watch) || !get_items(&in, &watch->items))
		return FAIL(err, CV_E_SYNTAX, "what was known of annotations "
			    "is damaged, or of another version");
	watch->seen = watch->thawed = true;
	return CV_OK;
}
