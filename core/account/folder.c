/* folder.c - folders by name and GUID, metadata, subscriptions. */
#include "account-private.h"

#include <stdio.h>

/* --- guid ---------------------------------------------------------------- */

void account_guid_create(struct account_guid *guid)
{
	random_bytes(guid->bytes, sizeof(guid->bytes));
}

void account_next_guid(struct account *account, struct account_guid *guid)
{
	if (account->random_left < sizeof(guid->bytes)) {
		random_bytes(account->random, sizeof(account->random));
		account->random_left = sizeof(account->random);
	}
	account->random_left -= sizeof(guid->bytes);
	memcpy(guid->bytes, account->random + account->random_left,
	       sizeof(guid->bytes));
}

void account_guid_format(const struct account_guid *guid, char dst[33])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		dst[i * 2] = digits[guid->bytes[i] >> 4];
		dst[i * 2 + 1] = digits[guid->bytes[i] & 15];
	}
	dst[32] = '\0';
}

bool account_guid_parse(struct cv_span hex, struct account_guid *guid_r)
{
	if (hex.len != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		char c = cv_ascii_lower(hex.data[i]);
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned int)(c - 'a') + 10;
		else
			return false;
		guid_r->bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 :
			guid_r->bytes[i / 2] | digit);
	}
	return true;
}

/* --- folders ------------------------------------------------------------- */

struct folder *folder_create(struct account *account,
			     const struct account_guid *guid)
{
	struct folder *folder = pool_new(account->pool, struct folder);

	folder->f.account = account;
	folder->f.guid = *guid;
	folder->f.name = "";
	folder->f.uidnext = 1;
	folder->f.recent_uid = 1;
	if (account->in_base)
		folder->changes_floor = account->journal.base_txn;
	array_init(&folder->metadata.pairs, account->state_pool);
	*array_add(&account->folders) = folder;
	hash_set(&account->guids, cv_span((char *)folder->f.guid.bytes, 16),
		 folder);
	return folder;
}

struct folder *folder_find_guid(struct account *account,
				const struct account_guid *guid)
{
	struct folder *folder = hash_find(&account->guids,
		cv_span((const char *)guid->bytes, 16));

	return folder == NULL || folder->f.deleted ? NULL : folder;
}

static void forget_name(struct folder *folder)
{
	struct account *account = folder->f.account;
	struct cv_span name = cv_span_of(folder->f.name);

	if (hash_find(&account->names, name) == folder)
		(void)hash_remove(&account->names, name);
}

void folder_set_name(struct folder *folder, struct cv_span name)
{
	struct account *account = folder->f.account;
	char *copy = pool_copy(account->state_pool, name.data, name.len);

	forget_name(folder);
	folder->f.name = copy;
	hash_set(&account->names, cv_span_of(copy), folder);
}

void folder_remove(struct folder *folder)
{
	forget_name(folder);
	folder->f.deleted = true;
	folder_unload(folder);
	catalogue_close(folder);
}

struct account_folder *account_folder_next(struct account *account, size_t *at)
{
	while (*at < account->folders.count) {
		struct folder *folder = account->folders.items[(*at)++];

		if (!folder->f.deleted && !folder->pending)
			return &folder->f;
	}
	return NULL;
}

struct account_folder *account_removed_next(struct account *account,
					    size_t *at)
{
	while (*at < account->folders.count) {
		struct folder *folder = account->folders.items[(*at)++];

		if (folder->f.deleted && !folder->pending)
			return &folder->f;
	}
	return NULL;
}

struct account_folder *account_folder_find(struct account *account,
					   struct cv_span name)
{
	struct folder *folder = hash_find(&account->names, name);

	return folder == NULL ? NULL : &folder->f;
}

struct account_folder *
account_folder_find_guid(struct account *account,
			 const struct account_guid *guid)
{
	struct folder *folder = folder_find_guid(account, guid);

	return folder == NULL || folder->pending ? NULL : &folder->f;
}

void account_folder_doubt(struct account_folder *folder)
{
	folder->damaged = true;
}

struct cv_span account_folder_state(struct account_folder *folder)
{
	return folder_of(folder)->state;
}

/* --- metadata ------------------------------------------------------------ */

static struct metadata *metadata_find(struct metadata_list *list,
				      struct cv_span key)
{
	for (size_t i = 0; i < list->pairs.count; i++) {
		if (cv_span_equal(list->pairs.items[i].key, key))
			return &list->pairs.items[i];
	}
	return NULL;
}

void metadata_set(struct account *account, struct metadata_list *list,
		  struct cv_span key, struct cv_span value)
{
	struct metadata *pair = metadata_find(list, key);

	account->metadata_revision++;
	if (pair == NULL && value.data == NULL)
		return;
	if (pair == NULL) {
		pair = array_add(&list->pairs);
		pair->key = pool_span(account->state_pool, key);
	}
	pair->value = pool_span(account->state_pool, value);
}

static struct metadata_list *list_of(struct account *account,
				     struct account_folder *folder)
{
	return folder == NULL ? &account->metadata :
		&folder_of(folder)->metadata;
}

bool account_metadata_get(struct account *account,
			  struct account_folder *folder, struct cv_span key,
			  struct cv_span *value_r)
{
	struct metadata *pair = metadata_find(list_of(account, folder), key);

	if (pair == NULL || pair->value.data == NULL)
		return false;
	*value_r = pair->value;
	return true;
}

bool account_metadata_next(struct account *account,
			   struct account_folder *folder, size_t *at,
			   struct cv_span *key_r, struct cv_span *value_r)
{
	struct metadata_list *list = list_of(account, folder);

	while (*at < list->pairs.count) {
		struct metadata *pair = &list->pairs.items[(*at)++];

		if (pair->value.data == NULL)
			continue;
		*key_r = pair->key;
		*value_r = pair->value;
		return true;
	}
	return false;
}

uint64_t account_metadata_revision(const struct account *account)
{
	return account->metadata_revision;
}

/* --- subscriptions ------------------------------------------------------- */

bool account_is_subscribed(struct account *account, struct cv_span name)
{
	return hash_find(&account->subscribed, name) != NULL;
}

void subscription_set(struct account *account, struct cv_span name, bool on)
{
	const char **items = account->subscriptions.items;
	size_t at = 0;
	char *copy;

	if (on == account_is_subscribed(account, name))
		return;
	if (on) {
		copy = pool_copy(account->state_pool, name.data, name.len);
		*array_add(&account->subscriptions) = copy;
		hash_set(&account->subscribed, cv_span_of(copy), copy);
		return;
	}
	(void)hash_remove(&account->subscribed, name);
	while (!cv_span_is(name, items[at]))
		at++;
	memmove(items + at, items + at + 1,
		(account->subscriptions.count - at - 1) * sizeof(*items));
	account->subscriptions.count--;
}

const char *account_subscription_next(struct account *account, size_t *at)
{
	return *at < account->subscriptions.count ?
		account->subscriptions.items[(*at)++] : NULL;
}

/* --- recent changes ------------------------------------------------------ */

static void grow_changes(struct folder *folder)
{
	uint32_t room = folder->change_room == 0 ? CHANGES_FIRST :
		folder->change_room * 2;

	folder->changes = pool_grow(folder->f.account->pool, folder->changes,
				    folder->change_room *
				    sizeof(struct change),
				    room * sizeof(struct change));
	folder->change_room = room;
}

void folder_add_change(struct folder *folder, enum change_kind kind,
		       uint64_t modseq, uint32_t first, uint32_t last)
{
	struct change *change;

	if (folder->f.account->in_base)
		return;
	if (folder->change_count > 0) {
		change = &folder->changes[folder->change_count - 1];
		if (change->kind == kind && change->modseq == modseq &&
		    change->last < first && first - change->last == 1) {
			change->last = last;
			return;
		}
	}
	if (folder->change_count == CHANGES_MAX) {
		uint32_t half = CHANGES_MAX / 2;

		folder->changes_floor = folder->changes[half - 1].modseq;
		memmove(folder->changes, folder->changes + half,
			(CHANGES_MAX - half) * sizeof(*change));
		folder->change_count -= half;
	}
	if (folder->change_count == folder->change_room)
		grow_changes(folder);
	change = &folder->changes[folder->change_count++];
	*change = (struct change){ modseq, first, last, kind };
}
