/* mailbox-annotations.c - which annotations others have changed, for
 * unsolicited METADATA responses [RFC5464 4.1].
 *
 * INVARIANT: items are sorted by GUID and name; values are kept as keyed
 * hashes only.  While no account has a new revision of its metadata, and no
 * broker that is listened to has rung, nothing is compared.
 *
 * Mail of others is looked at while NOTIFY listens to it.  Each owner has a
 * picture of his own: who cannot be asked now has changed nothing.
 *
 * For a session that sleeps:
 *
 *	u32 namespaces whose accounts were looked at; each its prefix
 *	u32 items; each GUID, u64 hash, mailbox name, entry
 *
 * as remote-wire.h has them; hashes are under a key that both processes know
 * and nobody else. */
#include "mailbox-annotations.h"
#include "mailbox-freeze.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "remote-wire.h"

#include <stdlib.h>
#include <unistd.h>

struct own_change {
	const char *mailbox;
	struct cv_span entry;
	uint64_t hash;			/* 0: removed */
};

/* Another user's, while pictures of his mail are wanted. */
struct watched_remote {
	struct watched_remote *next;
	struct remote *remote;
	struct cv_pool *pool;		/* of the picture */
	struct annotation_picture picture;
	bool seen;
};

struct annotation_watch {
	struct cv_pool *pool;		/* of the picture */
	struct cv_pool *own_pool;
	struct annotation_picture picture;
	struct watched_remote *remotes;
	ARRAY(struct own_change) own;
	uint64_t key[2];		/* of the hashes */
	uint64_t remote_key[2];		/* of those that brokers make: they
					 * get it */
	uint64_t revision;		/* sum over the accounts */
	uint64_t heard_turn;		/* of the user, when brokers were asked */
	bool seen;
	bool thawed;			/* looked at by another process */
	struct {
		const char **items;
		uint32_t count;
	} prefixes;			/* of accounts to open again */
};

enum { NAME_MAX_BYTES = 4096 };

uint64_t annotation_hash(const uint64_t key[2], struct cv_span value)
{
	uint64_t hash;

	if (value.data == NULL)
		return 0;
	hash = hash_bytes_keyed(key, value.data, value.len);
	return hash == 0 ? 1 : hash;
}

static int compare_items(const void *a, const void *b)
{
	const struct annotation *x = a, *y = b;
	int order = memcmp(x->guid.bytes, y->guid.bytes,
			   sizeof(x->guid.bytes));
	size_t len = x->entry.len < y->entry.len ? x->entry.len :
		y->entry.len;

	if (order == 0)
		order = memcmp(x->entry.data, y->entry.data, len);
	return order != 0 ? order : (x->entry.len > y->entry.len) -
		(x->entry.len < y->entry.len);
}

static int compare_guids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct account_guid));
}

void annotation_picture_init(struct annotation_picture *picture,
			     struct cv_pool *pool)
{
	array_init(&picture->items, pool);
	array_init(&picture->folders, pool);
}

void annotation_picture_sort(struct annotation_picture *picture)
{
	if (picture->items.count > 1)
		qsort(picture->items.items, picture->items.count,
		      sizeof(*picture->items.items), compare_items);
	if (picture->folders.count > 1)
		qsort(picture->folders.items, picture->folders.count,
		      sizeof(*picture->folders.items), compare_guids);
}

/* --- taking a picture -------------------------------------------------------------- */

/* What is taken, and where it goes. */
struct taking {
	struct cv_user *user;
	const uint64_t *key;
	struct cv_pool *pool;
	struct annotation_picture *picture;
};

static void take_one(const struct taking *t, const struct account_guid *guid,
		     const char *mailbox, struct cv_span entry,
		     struct cv_span value)
{
	struct annotation *item = array_add(&t->picture->items);

	if (guid != NULL)
		item->guid = *guid;
	item->entry = pool_span(t->pool, entry);
	item->hash = annotation_hash(t->key, value);
	item->mailbox = mailbox;
}

static void take_place(const struct taking *t, struct store *store,
		       struct account_folder *folder, const char *mailbox)
{
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(store->account, folder, &at, &key,
				     &value)) {
		if (key.len > 0 && key.data[0] == '/')
			take_one(t, folder == NULL ? NULL : &folder->guid,
				 mailbox, key, value);
	}
}

/* What the user has noted for himself in a mailbox that others share. */
static void take_private(const struct taking *t,
			 const struct account_guid *guid, const char *mailbox)
{
	struct store *store = mailbox_own_store(t->user);
	const char *prefix = annotations_private_prefix(guid->bytes, t->pool);
	struct cv_span key, value;
	size_t at = 0;

	if (store->account == NULL)
		return;
	while (account_metadata_next(store->account, NULL, &at, &key,
				     &value)) {
		if (cv_span_begins(key, cv_span_of(prefix)))
			take_one(t, guid, mailbox,
				 cv_span_skip(key, strlen(prefix)), value);
	}
}

static void take_namespace(const struct taking *t, const struct namespace *ns)
{
	struct account_folder *folder;
	size_t at = 0;

	if (ns->inbox)
		take_place(t, ns->store, NULL, "");
	while ((folder = account_folder_next(ns->store->account, &at)) !=
	       NULL) {
		const char *name;

		if (folder->deleted ||
		    (mailbox_rights(t->user, ns, folder) & ACL_LOOKUP) == 0)
			continue;
		name = mailbox_name_show(ns, folder->name, t->pool);
		if (name == NULL)
			continue;
		*array_add(&t->picture->folders) = folder->guid;
		take_place(t, ns->store, folder, name);
		if (ns->type != CV_NAMESPACE_PRIVATE)
			take_private(t, &folder->guid, name);
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
		 struct annotation_picture *picture)
{
	const struct taking t = { u, key, pool, picture };

	annotation_picture_init(picture, pool);
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (is_watched(u, ns))
			take_namespace(&t, ns);
	}
	annotation_picture_sort(picture);
}

/* Each folder that can be seen is in the list, once, by its own name. */
static int take_remote(struct cv_user *u, struct remote *remote,
		       const uint64_t *key, struct cv_pool *pool,
		       struct annotation_picture *picture,
		       struct cv_error *err)
{
	const struct taking t = { u, key, pool, picture };
	struct remote_folder *folders;
	uint32_t count;
	int ret;

	annotation_picture_init(picture, pool);
	ret = remote_annotations(remote, key, pool, picture, &folders, &count,
				 err);
	for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
		*array_add(&picture->folders) = folders[i].guid;
		take_private(&t, &folders[i].guid, folders[i].name);
	}
	annotation_picture_sort(picture);
	return ret;
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

static bool is_own(struct annotation_watch *watch,
		   const struct annotation *item, uint64_t hash)
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

typedef ARRAY(struct cv_metadata_change) change_list;

/* What went with its mailbox, or with the right to see it, is no change of an
 * annotation. */
static bool is_there(const struct annotation_picture *now,
		     const struct annotation *item)
{
	return *item->mailbox == '\0' || (now->folders.count > 0 &&
		bsearch(&item->guid, now->folders.items, now->folders.count,
			sizeof(item->guid), compare_guids) != NULL);
}

static void compare(struct annotation_watch *watch,
		    const struct annotation_picture *old,
		    const struct annotation_picture *new, struct cv_pool *pool,
		    change_list *changes)
{
	const annotation_list *before = &old->items, *now = &new->items;
	size_t a = 0, b = 0;

	while (a < before->count || b < now->count) {
		const struct annotation *item;
		uint64_t hash = 0;
		int order = a == before->count ? 1 : b == now->count ? -1 :
			compare_items(&before->items[a], &now->items[b]);

		item = order < 0 ? &before->items[a] : &now->items[b];
		if (order >= 0)
			hash = item->hash;
		if ((order != 0 || before->items[a].hash != hash) &&
		    is_there(new, item) && !is_own(watch, item, hash))
			*array_add(changes) = (struct cv_metadata_change){
				pool_strdup(pool, item->mailbox),
				pool_span(pool, item->entry) };
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
	random_bytes(watch->remote_key, sizeof(watch->remote_key));
	annotation_picture_init(&watch->picture, watch->pool);
	array_init(&watch->own, watch->own_pool);
	return watch;
}

static void remote_forget(struct watched_remote *w)
{
	if (w->pool != NULL)
		pool_destroy(&w->pool);
	w->seen = false;
}

void annotations_unwatch(struct cv_user *u)
{
	if (u->annotations == NULL)
		return;
	for (struct watched_remote *w = u->annotations->remotes; w != NULL;
	     w = w->next)
		remote_forget(w);
	pool_destroy(&u->annotations->pool);
	pool_destroy(&u->annotations->own_pool);
	u->annotations = NULL;
}

/* --- mail of others ------------------------------------------------------------------ */

static struct watched_remote *watched_remote_get(struct cv_user *u,
						 struct remote *remote)
{
	struct watched_remote *w = u->annotations->remotes;

	while (w != NULL && w->remote != remote)
		w = w->next;
	if (w != NULL)
		return w;
	w = pool_new(u->pool, struct watched_remote);
	w->remote = remote;
	w->next = u->annotations->remotes;
	u->annotations->remotes = w;
	return w;
}

/* Nothing is seen where there is no such owner, or nothing for us; else, what
 * cannot be asked now is as it was. */
static void look_at_remote(struct cv_user *u, struct watched_remote *w,
			   struct cv_pool *pool, change_list *changes)
{
	struct annotation_watch *watch = u->annotations;
	struct cv_pool *fresh = pool_create("annotations");
	struct cv_error err = ERROR_NONE;
	struct annotation_picture now;
	int ret = take_remote(u, w->remote, watch->remote_key, fresh, &now,
			      &err);

	if (ret < 0 && ret != CV_E_NOT_FOUND && ret != CV_E_DENIED) {
		log_warning("store", "annotations of '%s' are not watched: %s",
			    w->remote->owner, err.text);
		pool_destroy(&fresh);
		return;
	}
	if (w->seen)
		compare(watch, &w->picture, &now, pool, changes);
	remote_forget(w);
	w->pool = fresh;
	w->picture = now;
	w->seen = true;
}

static void look_at_remotes(struct cv_user *u, struct cv_pool *pool,
			    change_list *changes)
{
	for (struct remote *r = u->remotes; r != NULL; r = r->next) {
		if (r->wanted)
			look_at_remote(u, watched_remote_get(u, r), pool,
				       changes);
	}
	/* when it is wanted again, what is there then is no news */
	for (struct watched_remote *w = u->annotations->remotes; w != NULL;
	     w = w->next) {
		if (!w->remote->wanted)
			remote_forget(w);
	}
	u->annotations->heard_turn = u->heard_turn;
}

/* --- asking -------------------------------------------------------------------------- */

static void keep_picture(struct annotation_watch *watch, struct cv_pool *pool,
			 const struct annotation_picture *now,
			 uint64_t revision)
{
	pool_destroy(&watch->pool);
	watch->pool = pool;
	watch->picture = *now;
	watch->revision = revision;
	watch->seen = true;
	watch->thawed = false;
}

static void look_at_own(struct cv_user *u, uint64_t revision,
			struct cv_pool *pool, change_list *changes)
{
	struct annotation_watch *watch = u->annotations;
	struct cv_pool *fresh = pool_create("annotations");
	struct annotation_picture now;

	take(u, watch->key, fresh, &now);
	if (watch->seen)
		compare(watch, &watch->picture, &now, pool, changes);
	keep_picture(watch, fresh, &now, revision);
}

int annotations_changes(struct cv_user *u, struct cv_pool *pool,
			struct cv_metadata_change **changes_r,
			uint32_t *count_r, struct cv_error *err)
{
	struct annotation_watch *watch = watch_get(u);
	change_list changes;
	uint64_t revision;
	bool own;
	int ret = look(u, watch, &revision, err);

	*changes_r = NULL;
	*count_r = 0;
	if (ret < 0)
		return ret;
	own = !watch->seen || watch->thawed || revision != watch->revision;
	/* what this session has done there itself is known for one look */
	if (!own && watch->own.count == 0 &&
	    u->heard_turn == watch->heard_turn)
		return CV_OK;
	array_init(&changes, pool);
	if (own)
		look_at_own(u, revision, pool, &changes);
	look_at_remotes(u, pool, &changes);
	pool_reset(watch->own_pool);
	array_init(&watch->own, watch->own_pool);
	*changes_r = changes.items;
	*count_r = (uint32_t)changes.count;
	return CV_OK;
}

void annotations_own(struct cv_user *u, const char *name,
		     const struct cv_metadata *entries, uint32_t count)
{
	struct annotation_watch *watch = u->annotations;
	const uint64_t *key;

	if (watch == NULL)
		return;
	key = *name != '\0' && remote_find(u, name) != NULL ?
		watch->remote_key : watch->key;
	for (uint32_t i = 0; i < count; i++) {
		struct own_change *own = array_add(&watch->own);

		own->mailbox = pool_strdup(watch->own_pool, name);
		own->entry = pool_span(watch->own_pool, entries[i].entry);
		own->hash = annotation_hash(key, entries[i].value);
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

static void put_items(struct cv_text *out, const annotation_list *items)
{
	remote_put_u32(out, (uint32_t)items->count);
	for (size_t i = 0; i < items->count; i++) {
		const struct annotation *item = &items->items[i];

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

/* What the session has set itself, and other notes of this server in the same
 * accounts, make new revisions, too: those are no news. */
static bool all_is_told(struct cv_user *u, struct annotation_watch *watch)
{
	uint64_t revision = revision_of(u);
	struct annotation_picture now;
	struct cv_pool *pool;
	change_list changes;

	if (watch->thawed || revision == watch->revision)
		return !watch->thawed;
	pool = pool_create("annotations");
	array_init(&changes, pool);
	take(u, watch->key, pool, &now);
	compare(watch, &watch->picture, &now, pool, &changes);
	if (changes.count == 0)
		keep_picture(watch, pool, &now, revision);
	else
		pool_destroy(&pool);
	return watch->revision == revision;
}

int annotations_freeze(struct cv_user *u,
		       const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		       struct cv_text *out, struct cv_error *err)
{
	struct annotation_watch *watch = u->annotations;
	uint64_t hash_key[2];
	struct annotation_picture now;
	struct cv_pool *pool;

	if (watch == NULL || !watch->seen)
		return CV_OK;
	/* the values as they were told of, and they are not kept */
	if (!all_is_told(u, watch))
		return FAIL(err, CV_E_TEMP, "annotations have changed and "
			    "were not told of");
	memcpy(hash_key, key, sizeof(hash_key));
	pool = pool_create("frozen annotations");
	take(u, hash_key, pool, &now);
	put_prefixes(out, u);
	put_items(out, &now.items);
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

static bool get_items(struct remote_reader *in, annotation_list *items)
{
	uint32_t count = remote_get_u32(in);

	while (!in->failed && count-- > 0) {
		struct annotation *item;

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
	if (!get_prefixes(&in, watch) || !get_items(&in, &watch->picture.items))
		return FAIL(err, CV_E_SYNTAX, "what was known of annotations "
			    "is damaged, or of another version");
	watch->seen = watch->thawed = true;
	return CV_OK;
}
