/* recover.c - all journals are lost or damaged: what the snapshots know.
 *
 * Each folder comes back as of its newest snapshot, marked damaged so that a
 * scan of the blobs adds what came since.  UIDs that were given out since are
 * not known, so UIDNEXT jumps far ahead. */
#include "account-private.h"

#include <errno.h>

enum { UIDNEXT_JUMP = 65536 };

static bool parse_name(const char *file, struct account_guid *guid,
		       uint64_t *generation)
{
	struct cv_span name = cv_span_of(file);

	return name.len > 38 && file[32] == '.' &&
		cv_span_is(cv_span_skip(name, name.len - 5), ".snap") &&
		account_guid_parse(cv_span(file, 32), guid) &&
		cv_span_to_u64(cv_span(file + 33, name.len - 38),
			       UINT64_MAX / 2, generation);
}

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
	folder->f.damaged = true;
	folder->f.uidnext = folder->f.uidnext < UINT32_MAX - UIDNEXT_JUMP ?
		folder->f.uidnext + UIDNEXT_JUMP : UINT32_MAX - 1;
	if (account->txn < s->txn)
		account->txn = s->txn;
	log_warning("account", "folder '%s' is recovered from its snapshot of "
		    "generation %llu", folder->f.name,
		    (unsigned long long)s->generation);
}

static void take_snapshot(struct account *account, const char *file,
			  bool *first)
{
	struct account_guid guid;
	struct snapshot snapshot;
	struct cv_error err = ERROR_NONE;
	uint64_t generation;
	int status;

	if (!parse_name(file, &guid, &generation))
		return;
	status = snapshot_open(&snapshot, account->io, account->dirfd, file,
			       *first ? NULL : &account->guid, &guid,
			       account->options.mmap_disable, &err);
	if (status != CV_OK) {
		log_error("account", "%s", err.text);
		return;
	}
	if (*first)
		memcpy(account->guid.bytes, snapshot.map + 16, 16);
	*first = false;
	if (snapshot.generation == generation)
		take_folder(account, &snapshot, &guid);
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

int recover_folders(struct account *account, uint64_t *highest_r,
		    struct cv_error *err)
{
	struct io_dir *dir = io_dir_open(account->io, account->dirfd, ".");
	const char *name;
	bool first = true;

	*highest_r = 0;
	if (dir == NULL)
		return FAIL_ERRNO(err, errno, "cannot list account");
	account->in_base = true;
	while ((name = io_dir_next(dir, NULL)) != NULL) {
		struct cv_span span = cv_span_of(name);
		uint64_t generation;

		take_snapshot(account, name, &first);
		if (cv_span_begins(span, CV_SPAN("journal.")) &&
		    cv_span_to_u64(cv_span_skip(span, 8), UINT64_MAX / 4,
				   &generation) && generation > *highest_r)
			*highest_r = generation;
	}
	account->in_base = false;
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
	if (io_dir_close(&dir) < 0)
		return FAIL_ERRNO(err, errno, "cannot list account");
	return CV_OK;
}
