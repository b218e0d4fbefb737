/* mailbox-damage.c - messages that cannot be read: which they are, and what is
 * wrong with them. */
#include "mailbox-private.h"
#include "mailbox-admin.h"
#include "mailbox-route.h"
#include "base/hash.h"

#include <stdio.h>

/* --- naming --------------------------------------------------------------- */

void mailbox_place_get(struct cv_mailbox *box, uint32_t seq,
		       struct cv_pool *pool, struct mailbox_place *place_r)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	const struct cv_storage *driver;
	struct account_guid guid;
	struct cv_blob blob;
	uint32_t row;

	*place_r = (struct mailbox_place){ .path = "" };
	if (route_message(box, seq, 0, &data, NULL) != CV_OK)
		return;
	place_r->uid = data.uid;
	memcpy(guid.bytes, data.guid, sizeof(guid.bytes));
	account_guid_format(&guid, place_r->guid);
	/* of another user's mail no path is told */
	if (box->remote != NULL || !mailbox_row(box, seq, &row))
		return;
	driver = box->store->driver;
	if (!CV_HAS(driver, blob_path) || driver->blob_path == NULL)
		return;
	store_blob_get(box->folder, row, pool, &blob);
	place_r->path = driver->blob_path(box->sf->blobs, &blob, pool);
	if (place_r->path == NULL)
		place_r->path = "";
}

/* Without the name of the mailbox, which is said elsewhere. */
static void drop_name(struct cv_mailbox *box, struct cv_error *err)
{
	char name[ERROR_TEXT_MAX];
	size_t len;

	(void)snprintf(name, sizeof(name), "mailbox '%s': ", box->name);
	len = strlen(name);
	if (strncmp(err->text, name, len) == 0)
		memmove(err->text, err->text + len,
			strlen(err->text + len) + 1);
}

int mailbox_blame(struct cv_mailbox *box, uint32_t seq, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("damaged message");
	struct mailbox_place place;
	struct cv_text who;

	mailbox_place_get(box, seq, pool, &place);
	drop_name(box, err);
	cv_text_init(&who, pool);
	cv_text_append_f(&who, "UID %u", place.uid);
	if (place.guid[0] != '\0')
		cv_text_append_f(&who, ", GUID %s", place.guid);
	if (place.path[0] != '\0')
		cv_text_append_f(&who, ", file '%s'", place.path);
	(void)error_prefix(err, "%s", cv_text_str(&who));
	pool_destroy(&pool);
	return err->code;
}

bool mailbox_is_remote(const struct cv_mailbox *box)
{
	return box->remote == NULL && store_is_remote(box->store);
}

bool mailbox_is_doubted(const struct cv_mailbox *box)
{
	return box->remote == NULL && box->folder != NULL &&
		box->folder->damaged;
}

bool mailbox_is_lost(struct cv_mailbox *box, uint32_t seq)
{
	struct cv_error ignored = ERROR_NONE;
	uint32_t row;

	if (box->remote != NULL ||
	    (box->store->driver->caps & CV_STORAGE_FOREIGN))
		return false;
	return account_refresh(box->store->account, &ignored) >= 0 &&
		mailbox_row(box, seq, &row);
}

int mailbox_account_path(struct cv_user *u, uint32_t number,
			 struct cv_pool *pool, const char **path_r,
			 struct cv_error *err)
{
	struct store *store = u->stores;
	const char *dir;
	int ret;

	while (store != NULL && (!store->is_private || number > 0)) {
		number -= store->is_private;
		store = store->next;
	}
	if (store == NULL)
		return CV_NOT_FOUND;
	ret = store_open(store, err);
	if (ret < 0)
		return ret;
	dir = store->driver->account_dir(store->root);
	*path_r = mail_location_account_path(&store->location, dir, pool);
	return CV_OK;
}

/* --- looking for it ------------------------------------------------------- */

static int read_through(struct cv_stream *stream, uint64_t *bytes_r,
			struct cv_error *err)
{
	struct cv_span data;
	int ret;

	*bytes_r = 0;
	while ((ret = stream_read(stream, &data, err)) == CV_OK) {
		*bytes_r += data.len;
		stream_skip(stream, data.len);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int check_size(const struct account_message *m, uint64_t claimed,
		      uint64_t bytes, struct cv_error *err)
{
	if (bytes != claimed)
		return FAIL(err, CV_E_TEMP, "it ends after %llu of %llu bytes",
			    (unsigned long long)bytes,
			    (unsigned long long)claimed);
	if (m->virtual_size != 0 && m->virtual_size != bytes)
		return FAIL(err, CV_E_TEMP, "it has %llu bytes, and %llu by "
			    "the journal", (unsigned long long)bytes,
			    (unsigned long long)m->virtual_size);
	return CV_OK;
}

static bool is_same(const struct message_summary *a,
		    const struct message_summary *b)
{
	return a->physical_size == b->physical_size &&
		a->virtual_size == b->virtual_size &&
		a->header_physical == b->header_physical &&
		cv_span_equal(a->envelope, b->envelope) &&
		cv_span_equal(a->body_structure, b->body_structure);
}

static bool find_record(struct cv_mailbox *box, uint32_t row,
			struct cv_pool *pool, struct message_summary *kept_r)
{
	struct cv_span record;

	return account_catalogue_find(box->folder, row, &record) == CV_OK &&
		message_summary_decode(pool_span(pool, record), kept_r) ==
		CV_OK;
}

/* Whether the catalogue, if it has the message, speaks of these bytes. */
static int check_record(struct cv_mailbox *box, uint32_t row,
			struct cv_error *err)
{
	struct cv_pool *pool = pool_create("check record");
	struct message_summary kept, made;
	const struct mime_tree *tree;
	struct cv_stream *file;
	int ret = CV_OK;

	/* without a record that can be read, one is made when needed */
	if (find_record(box, row, pool, &kept)) {
		ret = mailbox_content(box, row, &file, &tree, err);
		if (ret == CV_OK)
			ret = message_summary_make(pool, file, &made, err);
		if (ret == CV_OK && !is_same(&kept, &made))
			ret = FAIL(err, CV_E_SYNTAX, "the catalogue speaks of "
				   "another message");
	}
	pool_destroy(&pool);
	return ret;
}

int mailbox_check(struct cv_mailbox *box, uint32_t seq, uint64_t *bytes_r,
		  struct cv_error *err)
{
	static const struct cv_section all = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL, .raw = true };
	struct account_message m;
	struct cv_stream *stream;
	uint64_t size;
	uint32_t row;
	int ret;

	*bytes_r = 0;
	if (!mailbox_row(box, seq, &row))
		return CV_NOT_FOUND;
	ret = mailbox_section(box, seq, &all, &stream, &size, err);
	if (ret == CV_E_NOT_FOUND)
		return CV_NOT_FOUND;
	if (ret == CV_OK)
		ret = read_through(stream, bytes_r, err);
	if (ret != CV_OK)
		return ret;
	account_row_get(box->folder, row, &m);
	ret = check_size(&m, size, *bytes_r, err);
	return ret == CV_OK ? check_record(box, row, err) : ret;
}

/* --- what no record names --------------------------------------------------- */

struct unknown {
	struct cv_pool *pool;
	struct hash_table refs;
};

static int take_blob(void *context, const struct cv_found *found)
{
	struct unknown *u = context;

	/* moved or expunged, where the driver cannot tell */
	if (!CV_HAS(found, dropped_uid) || found->dropped_uid == 0)
		hash_set(&u->refs, pool_span(u->pool, found->ref), u);
	return CV_OK;
}

static void forget_refs(struct unknown *u, struct cv_span refs)
{
	struct cv_span ref;

	while (cv_span_split(&refs, '\n', &ref)) {
		if (ref.len > 0)
			(void)hash_remove(&u->refs, ref);
	}
}

/* Messages of the folder, and what it has expunged. */
static void forget_known(struct unknown *u, struct account_folder *folder)
{
	uint32_t rows = account_row_count(folder);
	struct cv_span key, value;
	size_t at = 0;

	for (uint32_t row = 0; row < rows && u->refs.count > 0; row++) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		(void)hash_remove(&u->refs, m.blob);
	}
	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (cv_span_begins(key, CV_SPAN("gone.")))
			forget_refs(u, value);
	}
}

static int forget_all(struct unknown *u, struct account *account,
		      struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0;
	int ret = CV_OK;

	while (ret == CV_OK && u->refs.count > 0 &&
	       (folder = account_folder_next(account, &at)) != NULL) {
		if (folder->deleted)
			continue;
		ret = account_folder_load(folder, err);
		if (ret == CV_OK)
			forget_known(u, folder);
	}
	return ret;
}

int mailbox_count_unknown(struct cv_mailbox *box, uint32_t *count_r,
			  bool *never_r, struct cv_error *err)
{
	const struct cv_storage *driver;
	struct unknown u;
	int ret;

	*count_r = 0;
	*never_r = false;
	if (box->remote != NULL || store_is_remote(box->store))
		return CV_OK;
	driver = box->store->driver;
	*never_r = account_folder_state(box->folder).len == 0 &&
		box->folder->uidnext <= 1;
	/* what others have just put there the next look takes in */
	if ((driver->caps & CV_STORAGE_FOREIGN) && !*never_r)
		return CV_OK;
	u.pool = pool_create("unknown blobs");
	hash_init(&u.refs, u.pool, false);
	store_folder_numbers(box->sf);
	ret = driver->scan(box->sf->blobs, CV_SCAN_ALL | CV_SCAN_DAMAGED,
			   take_blob, &u, err);
	if (ret == CV_OK)
		ret = forget_all(&u, box->store->account, err);
	/* saved meanwhile? */
	if (ret == CV_OK && u.refs.count > 0) {
		ret = account_refresh(box->store->account, err);
		if (ret >= 0)
			ret = forget_all(&u, box->store->account, err);
	}
	*count_r = (uint32_t)u.refs.count;
	pool_destroy(&u.pool);
	return ret < 0 ? ret : CV_OK;
}
