/* dump-account.c - the account as it is in memory: what all its files say
 * together. */
#include "dump-private.h"

#include <stdlib.h>

static void put_metadata(struct dump *d, struct account *account,
			 struct account_folder *folder)
{
	static const struct account_guid none;
	struct cv_span key, value;
	size_t at = 0;

	while (account_metadata_next(account, folder, &at, &key, &value)) {
		dump_guid(d, "folder", folder == NULL ? &none : &folder->guid);
		dump_text(d, "key", key);
		dump_text(d, "value", value);
		dump_item(d, "metadata");
	}
}

static void put_account(struct dump *d, struct account *account)
{
	ARRAY(struct cv_span) names;
	const char *name;
	size_t at = 0;

	array_init(&names, d->pool);
	while ((name = account_subscription_next(account, &at)) != NULL)
		*array_add(&names) = cv_span_of(name);
	dump_guid(d, "guid", &account->guid);
	dump_number(d, "generation", account->journal.generation);
	dump_number(d, "txn", account->txn);
	dump_number(d, "uidvalidity", account->last_uidvalidity);
	dump_list(d, "subscriptions", names.items, (uint32_t)names.count);
	dump_bool(d, "damaged", account->damaged);
	dump_item(d, "account");
}

static void put_keyword_names(struct dump *d, struct account_folder *f,
			      struct account_keywords keywords)
{
	struct cv_span *items = pool_new_array(d->pool, struct cv_span,
					       keywords.count);

	for (uint32_t i = 0; i < keywords.count; i++)
		items[i] = cv_span_of(account_keyword_name(f,
			keywords.indexes[i]));
	dump_list(d, "keywords", items, keywords.count);
}

static void put_expunged(struct dump *d, const struct folder_data *data)
{
	uint32_t count = (uint32_t)data->expunged.count;
	struct cv_span *items = pool_new_array(d->pool, struct cv_span, count);

	for (uint32_t i = 0; i < count; i++) {
		const struct expunged *e = &data->expunged.items[i];

		items[i] = cv_span_of(pool_printf(d->pool, "%u:%u:%llu",
			e->first, e->last, (unsigned long long)e->modseq));
	}
	dump_list(d, "expunged", items, count);
}

static void put_folder_keywords(struct dump *d, struct folder_data *data)
{
	uint32_t count = (uint32_t)data->keywords.count;
	struct cv_span *items = pool_new_array(d->pool, struct cv_span, count);

	for (uint32_t i = 0; i < count; i++)
		items[i] = cv_span_of(data->keywords.items[i]);
	dump_list(d, "keywords", items, count);
}

static void put_folder(struct dump *d, struct folder *folder)
{
	struct account_folder *f = &folder->f;

	dump_guid(d, "folder", &f->guid);
	dump_text(d, "name", cv_span_of(f->name));
	dump_number(d, "uidvalidity", f->uidvalidity);
	dump_number(d, "uidnext", f->uidnext);
	dump_number(d, "recent", f->recent_uid);
	dump_number(d, "attributes", f->attributes);
	dump_number(d, "highestmodseq", f->highestmodseq);
	dump_number(d, "forgotten", f->expunge_floor);
	dump_number(d, "messages", f->message_count);
	dump_number(d, "unseen", f->unseen_count);
	dump_number(d, "size", f->size_sum);
	dump_number(d, "virtual_size", f->virtual_sum);
	dump_number(d, "snapshot", folder->snapshot_generation);
	dump_number(d, "previous", folder->previous_generation);
	dump_bool(d, "damaged", f->damaged);
	dump_text(d, "state", folder->state);
	put_folder_keywords(d, folder->data);
	put_expunged(d, folder->data);
	dump_item(d, "folder");
	put_metadata(d, f->account, f);
}

static void put_extras(struct dump *d, struct account_folder *f, uint32_t row)
{
	struct cv_span bytes;

	if (account_body_read(f, row, d->pool, &bytes, NULL) == CV_OK)
		dump_summary(d, "body", bytes);
	else
		dump_none(d, "body");
	if (account_catalogue_find(f, row, &bytes) == CV_OK)
		dump_summary(d, "entry", bytes);
	else
		dump_none(d, "entry");
}

static int compare_spans(struct cv_span a, struct cv_span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.data, b.data, n);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_annotations(const void *p, const void *q)
{
	const struct account_annotation *a = p, *b = q;
	int order = compare_spans(a->entry, b->entry);

	return order != 0 ? order : compare_spans(a->owner, b->owner);
}

static void put_annotations(struct dump *d, struct account_folder *f,
			    uint32_t uid)
{
	ARRAY(struct account_annotation) list;
	struct cv_pool *pool;
	struct account_annotation a;
	size_t at = 0;

	if (!account_annotated(f))
		return;
	pool = pool_create("annotations");
	array_init(&list, pool);
	while (account_annotation_next(f, uid, &at, &a)) {
		if (a.value.data != NULL)
			*array_add(&list) = a;
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof(a), compare_annotations);
	for (size_t i = 0; i < list.count; i++) {
		dump_guid(d, "folder", &f->guid);
		dump_number(d, "uid", uid);
		dump_text(d, "owner", list.items[i].owner);
		dump_text(d, "entry", list.items[i].entry);
		dump_number(d, "modseq", list.items[i].modseq);
		dump_text(d, "value", list.items[i].value);
		dump_item(d, "annotation");
	}
	pool_destroy(&pool);
}

static void put_message(struct dump *d, struct account_folder *f, uint32_t row)
{
	struct account_message m;

	account_row_get(f, row, &m);
	dump_guid(d, "folder", &f->guid);
	dump_number(d, "uid", m.uid);
	dump_flags(d, m.flags);
	put_keyword_names(d, f, m.keywords);
	dump_number(d, "modseq", m.modseq);
	dump_signed(d, "received", m.received);
	dump_signed(d, "saved", m.saved);
	dump_number(d, "size", m.size);
	dump_number(d, "virtual_size", m.virtual_size);
	dump_guid(d, "guid", &m.guid);
	dump_text(d, "blob", m.blob);
	put_extras(d, f, row);
	dump_item(d, "message");
	put_annotations(d, f, m.uid);
}

int dump_account(struct account *account, dump_sink *sink, void *context,
		 struct cv_error *err)
{
	struct account_folder *f;
	struct dump d;
	size_t at = 0;
	int status = CV_OK;

	while (status == CV_OK &&
	       (f = account_folder_next(account, &at)) != NULL)
		status = account_folder_load(f, err);
	if (status != CV_OK)
		return status;
	dump_init(&d, sink, context);
	put_account(&d, account);
	put_metadata(&d, account, NULL);
	for (at = 0; (f = account_folder_next(account, &at)) != NULL; ) {
		uint32_t count = account_row_count(f);

		put_folder(&d, folder_of(f));
		for (uint32_t row = 0; row < count; row++) {
			if (account_row_alive(f, row))
				put_message(&d, f, row);
		}
	}
	dump_deinit(&d);
	return CV_OK;
}
