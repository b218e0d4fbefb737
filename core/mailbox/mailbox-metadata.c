/* mailbox-metadata.c - annotations of mailboxes and of the server [RFC5464].
 *
 * They are metadata of the folder, or of the account, under their own names,
 * which begin with '/'; other keys are notes of this server.  What is private
 * to a user in a mailbox that others share is kept in the user's own account,
 * under "private/GUID" and the entry's name. */
#include "mailbox-annotations.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"

#include <stdlib.h>

/* --- names ---------------------------------------------------------------------- */

static bool is_private(struct cv_span key)
{
	return cv_span_begins(key, CV_SPAN("/private/"));
}

static bool vendor_is_whole(struct cv_span key)
{
	uint32_t slashes = 0;

	if (!cv_span_begins(key, CV_SPAN("/private/vendor/")) &&
	    !cv_span_begins(key, CV_SPAN("/shared/vendor/")))
		return !cv_span_is(key, "/private/vendor") &&
			!cv_span_is(key, "/shared/vendor");
	for (size_t i = 0; i < key.len; i++)
		slashes += key.data[i] == '/';
	return slashes >= 4;
}

/* [RFC5464 3.1, 3.2] "/private/..." or "/shared/...", no case; what vendors
 * define has at least four components. */
int mailbox_entry_check(struct cv_span key, struct cv_pool *pool,
			struct cv_span *key_r, struct cv_error *err)
{
	char *lower = pool_copy(pool, key.data, key.len);
	bool slash = false, good = key.len <= ACCOUNT_KEY_MAX;

	for (size_t i = 0; i < key.len; i++) {
		unsigned char c = (unsigned char)lower[i];

		good &= c >= 0x20 && c < 0x7f && c != '*' && c != '%' &&
			!(slash && c == '/');
		slash = c == '/';
		lower[i] = cv_ascii_lower(lower[i]);
	}
	*key_r = cv_span(lower, key.len);
	if (good && !slash && (is_private(*key_r) ||
			       cv_span_begins(*key_r, CV_SPAN("/shared/"))))
		return CV_OK;
	return FAIL(err, CV_E_SYNTAX, "'%.*s' is no name of an entry (hint: "
		    "/private/comment, /shared/...)", CV_SPAN_ARG(key));
}

/* --- the administrator's: no rights are asked for --------------------------------- */

/* folder_r NULL result: the account's own entries. */
static int metadata_place(struct cv_user *u, const char *name,
			  struct cv_pool *pool, struct mailbox_ref *ref_r,
			  struct account_folder **folder_r,
			  struct cv_error *err)
{
	int ret;

	ret = mailbox_find(u, *name == '\0' ? "INBOX" : name, pool, ref_r,
			   folder_r, err);
	if (*name == '\0')
		*folder_r = NULL;
	return ret;
}

int mailbox_metadata_get(struct cv_user *u, const char *name,
			 struct cv_span key, struct cv_pool *pool,
			 struct cv_span *value_r, struct cv_error *err)
{
	struct mailbox_ref ref;
	struct account_folder *folder;
	int ret = mailbox_entry_check(key, pool, &key, err);

	if (ret == CV_OK)
		ret = metadata_place(u, name, pool, &ref, &folder, err);
	if (ret < 0)
		return ret;
	if (!account_metadata_get(ref.store->account, folder, key, value_r))
		return FAIL(err, CV_E_NOT_FOUND, "there is no entry '%.*s'",
			    CV_SPAN_ARG(key));
	*value_r = pool_span(pool, *value_r);
	return CV_OK;
}

int mailbox_metadata_set(struct cv_user *u, const char *name,
			 struct cv_span key, struct cv_span value,
			 struct cv_error *err)
{
	struct cv_pool *pool = pool_create("metadata");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct account_txn *txn = NULL;
	int ret = mailbox_entry_check(key, pool, &key, err);

	if (ret == CV_OK && value.len > ACCOUNT_VALUE_MAX)
		ret = FAIL(err, CV_E_LIMIT, "the value is longer than %d "
			   "bytes", ACCOUNT_VALUE_MAX);
	if (ret == CV_OK)
		ret = metadata_place(u, name, pool, &ref, &folder, err);
	if (ret == CV_OK)
		ret = store_begin(ref.store, &txn, err);
	if (ret == CV_OK)
		ret = txn_metadata(txn, folder, key, value, err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	pool_destroy(&pool);
	return ret;
}

int mailbox_metadata_list(struct cv_user *u, const char *name,
			  struct cv_pool *pool,
			  struct mailbox_metadata **items_r,
			  uint32_t *count_r, struct cv_error *err)
{
	struct mailbox_ref ref;
	struct account_folder *folder;
	ARRAY(struct mailbox_metadata) items;
	struct mailbox_metadata item;
	size_t at = 0;
	int ret = metadata_place(u, name, pool, &ref, &folder, err);

	if (ret < 0)
		return ret;
	array_init(&items, pool);
	while (account_metadata_next(ref.store->account, folder, &at,
				     &item.key, &item.value)) {
		/* others are our own notes */
		if (item.key.len == 0 || item.key.data[0] != '/')
			continue;
		item.key = pool_span(pool, item.key);
		item.value = pool_span(pool, item.value);
		*array_add(&items) = item;
	}
	*items_r = items.items;
	*count_r = (uint32_t)items.count;
	return CV_OK;
}

/* --- places ----------------------------------------------------------------------- */

/* Where entries are kept: a folder or an account, with what stands before
 * their names. */
struct place {
	struct store *store;
	struct account_folder *folder;	/* NULL: the account */
	const char *prefix;		/* "", "private/GUID" */
};

/* Of the server, and of the user in mailboxes that are others'. */
static int own_place(struct cv_user *u, const char *prefix,
		     struct place *place_r, struct cv_error *err)
{
	int ret;

	*place_r = (struct place){ .store = mailbox_own_store(u), .prefix = prefix };
	ret = store_open(place_r->store, err);
	if (ret == CV_OK)
		ret = account_refresh(place_r->store->account, err);
	return ret < 0 ? ret : CV_OK;
}

const char *annotations_private_prefix(const uint8_t guid[16],
				       struct cv_pool *pool)
{
	struct account_guid folder;
	char hex[33];

	memcpy(folder.bytes, guid, sizeof(folder.bytes));
	account_guid_format(&folder, hex);
	return pool_printf(pool, "private/%s", hex);
}

bool annotations_are_shown(uint32_t rights)
{
	/* [RFC5464 3.3] */
	return (rights & ACL_LOOKUP) != 0 &&
		(rights & (ACL_READ | ACL_SEEN | ACL_WRITE | ACL_INSERT |
			   ACL_POST)) != 0;
}

static int permit(struct cv_user *u, const struct mailbox_ref *ref,
		  struct account_folder *folder, const char *name,
		  struct cv_error *err)
{
	uint32_t rights = mailbox_rights(u, ref->ns, folder);

	if (annotations_are_shown(rights))
		return CV_OK;
	return mailbox_refuse(rights, MAILBOX_OP_STATUS, name, err);
}

/* A mailbox of these files. */
static int local_place(struct cv_user *u, const char *name,
		       struct cv_pool *pool, struct mailbox_ref *ref,
		       struct place *place_r, struct cv_error *err)
{
	struct account_folder *folder;
	int ret = mailbox_find(u, name, pool, ref, &folder, err);

	if (ret == CV_OK)
		ret = permit(u, ref, folder, name, err);
	if (ret == CV_OK)
		*place_r = (struct place){ ref->store, folder, "" };
	return ret;
}

/* --- reading ---------------------------------------------------------------------- */

typedef ARRAY(struct cv_metadata) entry_list;

static void put_entry(entry_list *list, struct cv_pool *pool,
		      struct cv_span entry, struct cv_span value)
{
	struct cv_metadata *m = array_add(list);

	m->entry = pool_span(pool, entry);
	m->value = pool_span(pool, value);
}

/* Those that begin with what; "/" for all. */
static void read_place(const struct place *place, struct cv_span what,
		       struct cv_pool *pool, entry_list *list)
{
	struct cv_span prefix = cv_span_of(place->prefix), key, value;
	size_t at = 0;

	while (account_metadata_next(place->store->account, place->folder,
				     &at, &key, &value)) {
		if (!cv_span_begins(key, prefix))
			continue;
		key = cv_span_skip(key, prefix.len);
		if (cv_span_begins(key, what))
			put_entry(list, pool, key, value);
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct cv_metadata *x = a, *y = b;
	size_t len = x->entry.len < y->entry.len ? x->entry.len :
		y->entry.len;
	int order = memcmp(x->entry.data, y->entry.data, len);

	return order != 0 ? order : (x->entry.len > y->entry.len) -
		(x->entry.len < y->entry.len);
}

/* The administrator's words: they cannot be changed [RFC5464 3.2.1.1]. */
static const char *computed(const struct cv_user *u, struct cv_span entry)
{
	const char *text = "";

	if (cv_span_is(entry, "/shared/comment"))
		text = u->mail.mail_server_comment;
	else if (cv_span_is(entry, "/shared/admin"))
		text = u->mail.mail_server_admin;
	return *text == '\0' ? NULL : text;
}

static int list_server(struct cv_user *u, struct cv_pool *pool,
		       entry_list *list, struct cv_error *err)
{
	static const char *const names[] = {
		"/shared/admin", "/shared/comment",
	};
	struct place place;
	entry_list kept;
	int ret = own_place(u, "", &place, err);

	if (ret < 0)
		return ret;
	array_init(&kept, pool);
	read_place(&place, CV_SPAN("/"), pool, &kept);
	for (size_t i = 0; i < kept.count; i++) {
		if (computed(u, kept.items[i].entry) == NULL)
			*array_add(list) = kept.items[i];
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = computed(u, cv_span_of(names[i]));

		if (text != NULL)
			put_entry(list, pool, cv_span_of(names[i]),
				  cv_span_of(text));
	}
	return CV_OK;
}

static int list_private(struct cv_user *u, const uint8_t guid[16],
			struct cv_pool *pool, entry_list *list,
			struct cv_error *err)
{
	struct place place;
	int ret = own_place(u, annotations_private_prefix(guid, pool), &place,
			    err);

	if (ret == CV_OK)
		read_place(&place, CV_SPAN("/private/"), pool, list);
	return ret;
}

/* Whether /private is kept with the mailbox: it has one reader. */
static bool keeps_private(const struct mailbox_ref *ref)
{
	return ref->ns->type == CV_NAMESPACE_PRIVATE;
}

static int list_local(struct cv_user *u, const char *name,
		      struct cv_pool *pool, entry_list *list,
		      struct cv_error *err)
{
	struct mailbox_ref ref;
	struct place place;
	int ret = local_place(u, name, pool, &ref, &place, err);

	if (ret < 0)
		return ret;
	if (u->accessor == NULL && keeps_private(&ref)) {
		read_place(&place, CV_SPAN("/"), pool, list);
		return CV_OK;
	}
	read_place(&place, CV_SPAN("/shared/"), pool, list);
	/* a broker is asked for what is shared; the rest is not here */
	return u->accessor != NULL ? CV_OK :
		list_private(u, place.folder->guid.bytes, pool, list, err);
}

int annotations_list_shared(struct cv_user *u, const char *name,
			    struct cv_pool *pool,
			    struct cv_metadata **entries_r,
			    uint32_t *count_r, struct cv_error *err)
{
	entry_list list;
	int ret;

	array_init(&list, pool);
	ret = list_local(u, name, pool, &list, err);
	*entries_r = list.items;
	*count_r = (uint32_t)list.count;
	return ret;
}

static int remote_guid(struct remote *remote, const char *name,
		       struct cv_pool *pool, uint8_t guid_r[16],
		       struct cv_error *err)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	struct cv_set uids;
	int ret = remote_status(remote, remote_name(remote, name, pool),
				CV_STATUS_GUID, &s, pool, &uids, err);

	memcpy(guid_r, s.guid, sizeof(s.guid));
	return ret;
}

static int list_remote(struct cv_user *u, struct remote *remote,
		       const char *name, struct cv_pool *pool,
		       entry_list *list, struct cv_error *err)
{
	struct cv_metadata *shared;
	uint8_t guid[16];
	uint32_t count;
	int ret = remote_metadata_list(remote,
				       remote_name(remote, name, pool), pool,
				       &shared, &count, err);

	for (uint32_t i = 0; ret == CV_OK && i < count; i++)
		*array_add(list) = shared[i];
	if (ret < 0)
		return ret;
	ret = remote_guid(remote, name, pool, guid, err);
	/* who may not read it has nothing private there */
	if (ret == CV_E_DENIED)
		return CV_OK;
	return ret < 0 ? ret : list_private(u, guid, pool, list, err);
}

int route_metadata_list(struct cv_user *u, const char *name,
			struct cv_pool *pool, struct cv_metadata **entries_r,
			uint32_t *count_r, struct cv_error *err)
{
	struct remote *remote = *name == '\0' ? NULL : remote_find(u, name);
	entry_list list;
	int ret;

	array_init(&list, pool);
	if (*name == '\0')
		ret = list_server(u, pool, &list, err);
	else if (remote != NULL)
		ret = list_remote(u, remote, name, pool, &list, err);
	else
		ret = list_local(u, name, pool, &list, err);
	if (ret < 0)
		return ret;
	if (list.count > 1)
		qsort(list.items, list.count, sizeof(*list.items),
		      compare_entries);
	*entries_r = list.items;
	*count_r = (uint32_t)list.count;
	return CV_OK;
}

/* --- changing --------------------------------------------------------------------- */

static int check_one(const struct cv_metadata *entry, struct cv_pool *pool,
		     struct cv_span *key_r, struct cv_error *err)
{
	int ret = mailbox_entry_check(entry->entry, pool, key_r, err);

	if (ret < 0)
		return ret;
	if (!vendor_is_whole(*key_r))
		return FAIL(err, CV_E_SYNTAX, "'%.*s' has no vendor and name",
			    CV_SPAN_ARG(entry->entry));
	if (entry->value.len > CV_METADATA_VALUE_MAX)
		return FAIL(err, CV_E_LIMIT, "a value of %zu bytes",
			    entry->value.len);
	return CV_OK;
}

/* Names in lower case, each once, with the last of its values: what counts
 * against the limits is what will be written. */
static int check_entries(const struct cv_metadata *entries, uint32_t *count,
			 struct cv_pool *pool, struct cv_metadata **checked_r,
			 struct cv_error *err)
{
	struct cv_metadata *checked;
	struct hash_table places;
	uint32_t to = 0;

	if (*count > CV_METADATA_ENTRIES_MAX)
		return FAIL(err, CV_E_LIMIT, "%u entries at once", *count);
	checked = pool_new_array(pool, struct cv_metadata, *count + 1);
	hash_init(&places, pool, false);
	for (uint32_t i = 0; i < *count; i++) {
		struct cv_metadata *place;
		struct cv_span key;
		int ret = check_one(&entries[i], pool, &key, err);

		if (ret < 0)
			return ret;
		place = hash_find(&places, key);
		if (place == NULL) {
			place = &checked[to++];
			place->entry = key;
			hash_set(&places, key, place);
		}
		place->value = entries[i].value;
	}
	*count = to;
	*checked_r = checked;
	return CV_OK;
}

/* What there would be afterwards. */
static int check_limits(const struct place *place,
			const struct cv_metadata *entries, uint32_t count,
			struct cv_error *err)
{
	struct cv_span prefix = cv_span_of(place->prefix), key, value;
	uint64_t number = 0, bytes = 0;
	bool adds = false;
	size_t at = 0;

	while (account_metadata_next(place->store->account, place->folder,
				     &at, &key, &value)) {
		if (!cv_span_begins(key, prefix) || key.len == prefix.len ||
		    key.data[prefix.len] != '/')
			continue;
		number++;
		bytes += value.len;
	}
	for (uint32_t i = 0; i < count; i++) {
		char room[ACCOUNT_KEY_MAX + 64];
		size_t len = prefix.len + entries[i].entry.len;

		if (len > ACCOUNT_KEY_MAX)
			return FAIL(err, CV_E_LIMIT, "a name of %zu bytes",
				    len);
		memcpy(room, prefix.data, prefix.len);
		memcpy(room + prefix.len, entries[i].entry.data,
		       entries[i].entry.len);
		if (account_metadata_get(place->store->account,
					 place->folder, cv_span(room, len),
					 &value)) {
			number--;
			bytes -= value.len;
		}
		if (entries[i].value.data == NULL)
			continue;
		adds = true;
		number++;
		bytes += entries[i].value.len;
	}
	return !adds || (number <= CV_METADATA_ENTRIES_MAX &&
			 bytes <= CV_METADATA_BYTES_MAX) ? CV_OK :
		FAIL(err, CV_E_LIMIT, "%llu annotations of %llu bytes",
		     (unsigned long long)number, (unsigned long long)bytes);
}

static int write_place(const struct place *place,
		       const struct cv_metadata *entries, uint32_t count,
		       struct cv_pool *pool, struct cv_error *err)
{
	struct account_txn *txn = NULL;
	int ret = count == 0 ? CV_NOT_FOUND :
		store_begin(place->store, &txn, err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	ret = check_limits(place, entries, count, err);
	for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
		const char *key = pool_printf(pool, "%s%.*s", place->prefix,
					      CV_SPAN_ARG(entries[i].entry));

		ret = txn_metadata(txn, place->folder, cv_span_of(key),
				   entries[i].value, err);
	}
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	return ret;
}

static int set_server(struct cv_user *u, const struct cv_metadata *entries,
		      uint32_t count, struct cv_pool *pool,
		      struct cv_error *err)
{
	struct place place;
	int ret = CV_OK;

	for (uint32_t i = 0; i < count; i++) {
		if (!cv_span_is(entries[i].entry, "/shared/admin") &&
		    computed(u, entries[i].entry) == NULL)
			continue;
		FAIL(err, CV_E_DENIED, "'%.*s' is the administrator's",
		     CV_SPAN_ARG(entries[i].entry));
		return error_set_client(err, "This entry is the "
					"administrator's.");
	}
	ret = own_place(u, "", &place, err);
	return ret < 0 ? ret : write_place(&place, entries, count, pool, err);
}

/* The shared ones to the front; the number of them. */
static uint32_t split(struct cv_metadata *entries, uint32_t count)
{
	uint32_t shared = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct cv_metadata entry = entries[i];

		if (is_private(entry.entry))
			continue;
		memmove(&entries[shared + 1], &entries[shared],
			(i - shared) * sizeof(*entries));
		entries[shared++] = entry;
	}
	return shared;
}

/* In two accounts: what of the second can be refused is asked for before the
 * first is written [RFC5464 4.3]; only_check then. */
static int set_private(struct cv_user *u, const uint8_t guid[16],
		       const struct cv_metadata *entries, uint32_t count,
		       bool only_check, struct cv_pool *pool,
		       struct cv_error *err)
{
	struct place place;
	int ret;

	if (count == 0)
		return CV_OK;
	ret = own_place(u, annotations_private_prefix(guid, pool), &place,
			err);
	if (ret < 0)
		return ret;
	return only_check ? check_limits(&place, entries, count, err) :
		write_place(&place, entries, count, pool, err);
}

static int set_local(struct cv_user *u, const char *name,
		     struct cv_metadata *entries, uint32_t count,
		     struct cv_pool *pool, struct cv_error *err)
{
	struct mailbox_ref ref;
	struct place place;
	uint8_t guid[16];
	uint32_t shared;
	int ret = local_place(u, name, pool, &ref, &place, err);

	if (ret < 0)
		return ret;
	if (u->accessor == NULL && keeps_private(&ref))
		return write_place(&place, entries, count, pool, err);
	shared = split(entries, count);
	if (u->accessor != NULL && shared < count)
		return FAIL(err, CV_E_SYNTAX, "a private entry of another "
			    "user");
	memcpy(guid, place.folder->guid.bytes, sizeof(guid));
	ret = set_private(u, guid, entries + shared, count - shared, true,
			  pool, err);
	if (ret == CV_OK)
		ret = write_place(&place, entries, shared, pool, err);
	return ret < 0 ? ret : set_private(u, guid, entries + shared,
					   count - shared, false, pool, err);
}

int annotations_set_shared(struct cv_user *u, const char *name,
			   const struct cv_metadata *entries, uint32_t count,
			   struct cv_error *err)
{
	struct cv_pool *pool = pool_create("annotations");
	struct cv_metadata *checked;
	int ret = check_entries(entries, &count, pool, &checked, err);

	if (ret == CV_OK)
		ret = set_local(u, name, checked, count, pool, err);
	pool_destroy(&pool);
	return ret;
}

int annotations_copy(struct cv_user *u, const char *from, const char *to,
		     struct cv_error *err)
{
	struct cv_pool *pool = pool_create("annotations");
	struct mailbox_ref ref;
	struct place source, target;
	entry_list list;
	int ret = local_place(u, from, pool, &ref, &source, err);

	array_init(&list, pool);
	if (ret == CV_OK) {
		read_place(&source, CV_SPAN("/"), pool, &list);
		ret = local_place(u, to, pool, &ref, &target, err);
	}
	if (ret == CV_OK)
		ret = write_place(&target, list.items, (uint32_t)list.count,
				  pool, err);
	pool_destroy(&pool);
	return ret;
}

static int set_remote(struct cv_user *u, struct remote *remote,
		      const char *name, struct cv_metadata *entries,
		      uint32_t count, struct cv_pool *pool,
		      struct cv_error *err)
{
	uint32_t shared = split(entries, count);
	uint8_t guid[16];
	int ret = shared == count ? CV_OK :
		remote_guid(remote, name, pool, guid, err);

	if (ret == CV_OK)
		ret = set_private(u, guid, entries + shared, count - shared,
				  true, pool, err);
	if (ret == CV_OK && shared > 0)
		ret = remote_metadata_set(remote,
					  remote_name(remote, name, pool),
					  entries, shared, err);
	return ret < 0 ? ret : set_private(u, guid, entries + shared,
					   count - shared, false, pool, err);
}

int route_metadata_set(struct cv_user *u, const char *name,
		       const struct cv_metadata *entries, uint32_t count,
		       struct cv_error *err)
{
	struct cv_pool *pool = pool_create("annotations");
	struct remote *remote = *name == '\0' ? NULL : remote_find(u, name);
	struct cv_metadata *checked;
	int ret = check_entries(entries, &count, pool, &checked, err);

	if (ret == CV_OK && *name == '\0')
		ret = set_server(u, checked, count, pool, err);
	else if (ret == CV_OK && remote != NULL)
		ret = set_remote(u, remote, name, checked, count, pool, err);
	else if (ret == CV_OK)
		ret = set_local(u, name, checked, count, pool, err);
	if (ret == CV_OK)
		annotations_own(u, name, checked, count);
	pool_destroy(&pool);
	return ret;
}
