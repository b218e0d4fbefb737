/* recover.c - all journals, or parts of one, are lost: what the snapshots know.
 *
 * Each folder comes back as of its newest snapshot, marked damaged so that a
 * scan of the blobs adds what came since.  UIDs that were given out since are
 * not known, so UIDNEXT jumps far ahead. */
#include "account-private.h"

#include <errno.h>

enum { UIDNEXT_JUMP = 65536 };

static void take_folder(struct account *account, struct snapshot *s,
			const struct account_guid *guid)
{
	struct cv_span payload = snapshot_section(s, SECTION_FOLDER);
	struct folder *folder = folder_find_guid(account, guid);

	if (payload.data == NULL || payload.len < 16 ||
	    memcmp(payload.data, guid, 16) != 0 ||
	    (folder != NULL && folder->snapshot_generation > s->generation))
		return;
	if (!apply_folder_payload(account, payload, &folder))
		return;
	folder->snapshot_generation = s->generation;
	folder->previous_generation = 0;
	folder->f.damaged = folder->recovered = true;
	if (account->txn < s->txn)
		account->txn = s->txn;
	log_warning("account", "folder '%s' is recovered from its snapshot of "
		    "generation %llu", folder->f.name,
		    (unsigned long long)s->generation);
}

static void take_snapshot(struct account *account,
			  const struct meta_name *name, bool *first)
{
	struct snapshot snapshot;
	struct cv_error err = ERROR_NONE;

	if (snapshot_open(&snapshot, account->meta, &name->folder,
			  name->generation, *first ? NULL : &account->guid,
			  account->options.mmap_disable, &err) != CV_OK) {
		log_error("account", "%s", err.text);
		return;
	}
	if (*first)
		memcpy(account->guid.bytes, snapshot.map + 16, 16);
	*first = false;
	if (snapshot.generation == name->generation)
		take_folder(account, &snapshot, &name->folder);
	snapshot_close(&snapshot);
}

/* Two snapshots may name one folder, when it was renamed or made again since:
 * the newer one has it. */
static void resolve_names(struct account *account)
{
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];
		struct folder *other = hash_find(&account->names,
						 cv_span_of(folder->f.name));

		if (folder->f.deleted || other == folder || other == NULL)
			continue;
		if (folder->snapshot_generation >
		    other->snapshot_generation) {
			folder_remove(other);
			folder_set_name(folder, cv_span_of(folder->f.name));
		} else {
			folder_remove(folder);
		}
	}
}

void recover_uidnext(struct account *account)
{
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];
		uint32_t uidnext = folder->f.uidnext;

		if (!folder->recovered)
			continue;
		folder->recovered = false;
		folder->f.uidnext = uidnext < UINT32_MAX - UIDNEXT_JUMP ?
			uidnext + UIDNEXT_JUMP : UINT32_MAX - 1;
	}
}

/* --- some folders -------------------------------------------------------- */

/* A folder that the journal knows keeps its name. */
static void give_way(struct account *account, const struct account_guid *guid)
{
	struct folder *folder = folder_find_guid(account, guid);

	for (size_t i = 0; folder != NULL && i < account->folders.count; i++) {
		struct folder *other = account->folders.items[i];

		if (other == folder || !other->seen || other->recovered ||
		    other->f.deleted ||
		    strcmp(other->f.name, folder->f.name) != 0)
			continue;
		folder_remove(folder);
		folder_set_name(other, cv_span_of(other->f.name));
		return;
	}
}

void recover_missing(struct account *account)
{
	struct cv_pool *pool = pool_create("recovery");
	ARRAY(const struct meta_name *) missing;
	struct meta_names names = { .items = { 0 } };
	bool first = false;

	array_init(&missing, pool);
	if (meta_list(account->meta, pool, &names) < 0)
		account->must_reload = true;
	for (size_t i = 0; i < names.items.count; i++) {
		const struct meta_name *name = &names.items.items[i];
		struct folder *folder = folder_find_guid(account,
							 &name->folder);

		if (name->kind == META_SNAPSHOT &&
		    (folder == NULL || !folder->seen))
			*array_add(&missing) = name;
	}
	for (size_t i = 0; i < missing.count; i++)
		take_snapshot(account, missing.items[i], &first);
	for (size_t i = 0; i < missing.count; i++)
		give_way(account, &missing.items[i]->folder);
	pool_destroy(&pool);
}

/* --- all of them --------------------------------------------------------- */

int recover_folders(struct account *account, uint64_t *highest_r,
		    struct cv_error *err)
{
	struct cv_pool *pool = pool_create("recovery");
	struct meta_names names;
	bool first = true;

	*highest_r = 0;
	if (meta_list(account->meta, pool, &names) < 0) {
		pool_destroy(&pool);
		return FAIL_ERRNO(err, errno, "cannot list account");
	}
	account->in_base = true;
	for (size_t i = 0; i < names.items.count; i++) {
		const struct meta_name *name = &names.items.items[i];

		if (name->kind == META_SNAPSHOT)
			take_snapshot(account, name, &first);
		if (name->kind == META_JOURNAL &&
		    name->generation < UINT64_MAX / 4 &&
		    name->generation > *highest_r)
			*highest_r = name->generation;
	}
	account->in_base = false;
	pool_destroy(&pool);
	recover_uidnext(account);
	resolve_names(account);
	for (size_t i = 0; i < account->folders.count; i++) {
		uint64_t g = account->folders.items[i]->snapshot_generation;

		if (*highest_r < g && g < UINT64_MAX / 4)
			*highest_r = g;
	}
	if (!first || *highest_r > 0) {
		account->damaged = true;
		log_error("account", "no journal can be read: %zu folders "
			  "were recovered from snapshots, they will be "
			  "scanned", account->folders.count);
	}
	return CV_OK;
}
