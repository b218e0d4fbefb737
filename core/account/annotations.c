/* annotations.c - what somebody has noted on messages [RFC5257]: values by
 * UID, owner and entry.
 *
 * A folder that has none has no table; what a snapshot has is read when it is
 * first asked for, or changed. */
#include "account-private.h"

/* Of those that are gone and that no snapshot has, so many of a message are
 * remembered, for who wants to know what has changed. */
enum { GONE_MAX = 64 };

struct message_annotations {
	uint32_t uid;
	uint32_t present, gone;		/* gone: and not in the snapshot */
	ARRAY(struct annotation) items;
};

struct annotation_table {
	struct hash_table messages;	/* UID, 4 bytes */
	ARRAY(struct message_annotations *) list;
	uint32_t touched;		/* differ from the snapshot */
	uint64_t touched_bytes;
};

/* --- reading ------------------------------------------------------------- */

static struct cv_span uid_key(const uint32_t *uid)
{
	return cv_span((const char *)uid, sizeof(*uid));
}

static struct message_annotations *message_of(struct folder_data *data,
					      uint32_t uid, bool create)
{
	struct annotation_table *table = data->annotations;
	struct message_annotations *m = hash_find(&table->messages,
						  uid_key(&uid));

	if (m != NULL || !create)
		return m;
	m = pool_new(data->pool, struct message_annotations);
	m->uid = uid;
	array_init(&m->items, data->pool);
	hash_set(&table->messages, uid_key(&m->uid), m);
	*array_add(&table->list) = m;
	return m;
}

static struct annotation *find_item(struct message_annotations *m,
				    struct cv_span owner, struct cv_span entry)
{
	for (size_t i = 0; i < m->items.count; i++) {
		struct annotation *item = &m->items.items[i];

		if (cv_span_equal(item->entry, entry) &&
		    cv_span_equal(item->owner, owner))
			return item;
	}
	return NULL;
}

bool annotation_get(struct format_cursor *c, uint32_t *uid_r,
		    struct annotation *item_r)
{
	uint32_t value_len;
	uint16_t owner_len, entry_len;

	*uid_r = get_u32(c);
	value_len = get_u32(c);
	owner_len = get_u16(c);
	entry_len = get_u16(c);
	(void)get_u32(c);
	*item_r = (struct annotation){ .modseq = get_u64(c) };
	item_r->owner = get_span(c, owner_len);
	item_r->entry = get_span(c, entry_len);
	item_r->value = get_span(c, value_len);
	return !c->bad;
}

static bool annotation_ok(struct cv_span owner, struct cv_span entry,
			  struct cv_span value)
{
	return owner.len <= ACCOUNT_OWNER_MAX && entry.len > 0 &&
		entry.len <= ACCOUNT_KEY_MAX &&
		value.len <= ACCOUNT_VALUE_MAX;
}

static void load_snapshot(struct folder *folder)
{
	struct folder_data *data = folder->data;
	struct cv_span bytes = snapshot_section(&data->snapshot,
						SECTION_ANNOTATIONS);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};

	/* who reads it first tells that it is damaged */
	(void)rows_check(folder, &data->base, data->snapshot.map +
		data->snapshot.sections[SECTION_ANNOTATIONS].offset,
		(size_t)data->snapshot.sections[SECTION_ANNOTATIONS].len);
	while (c.len > 0) {
		struct message_annotations *m;
		struct annotation item;
		uint32_t uid;

		if (!annotation_get(&c, &uid, &item) || uid == 0 ||
		    !annotation_ok(item.owner, item.entry, item.value))
			return;
		m = message_of(data, uid, true);
		if (m->present == ACCOUNT_ANNOTATIONS_MAX ||
		    find_item(m, item.owner, item.entry) != NULL)
			continue;
		item.in_snapshot = true;
		*array_add(&m->items) = item;
		m->present++;
	}
}

static void load(struct folder *folder)
{
	struct folder_data *data = folder_load(folder);

	if (data->annotations != NULL)
		return;
	data->annotations = pool_new(data->pool, struct annotation_table);
	hash_init(&data->annotations->messages, data->pool, false);
	array_init(&data->annotations->list, data->pool);
	if (data->snapshot.map != NULL &&
	    data->snapshot.sections[SECTION_ANNOTATIONS].len > 0)
		load_snapshot(folder);
}

bool account_annotated(struct account_folder *f)
{
	struct folder_data *data = folder_load(folder_of(f));

	return data->annotations != NULL || (data->snapshot.map != NULL &&
		data->snapshot.sections[SECTION_ANNOTATIONS].len > 0);
}

bool account_annotation_next(struct account_folder *f, uint32_t uid,
			     size_t *at, struct account_annotation *a_r)
{
	struct folder *folder = folder_of(f);
	struct message_annotations *m;
	struct annotation *item;

	if (!account_annotated(f))
		return false;
	load(folder);
	m = message_of(folder->data, uid, false);
	if (m == NULL || *at >= m->items.count)
		return false;
	item = &m->items.items[(*at)++];
	*a_r = (struct account_annotation){
		.owner = item->owner,
		.entry = item->entry,
		.value = item->value,
		.modseq = item->modseq,
	};
	return true;
}

bool account_annotation_get(struct account_folder *f, uint32_t uid,
			    struct cv_span owner, struct cv_span entry,
			    struct cv_span *value_r)
{
	struct account_annotation a;
	size_t at = 0;

	while (account_annotation_next(f, uid, &at, &a)) {
		if (cv_span_equal(a.entry, entry) &&
		    cv_span_equal(a.owner, owner)) {
			*value_r = a.value;
			return a.value.data != NULL;
		}
	}
	return false;
}

/* --- changing ------------------------------------------------------------ */

static void touch(struct annotation_table *table, struct annotation *item)
{
	if (!item->touched)
		table->touched++;
	item->touched = true;
	table->touched_bytes += item->value.len;
}

/* The first that is gone makes room. */
static void forget_gone(struct annotation_table *table,
			struct message_annotations *m)
{
	for (size_t i = 0; i < m->items.count; i++) {
		struct annotation *item = &m->items.items[i];

		if (item->in_snapshot || item->value.data != NULL)
			continue;
		table->touched -= item->touched;
		memmove(item, item + 1, (m->items.count - i - 1) *
			sizeof(*item));
		m->items.count--;
		m->gone--;
		return;
	}
}

static bool remove_item(struct annotation_table *table,
			struct message_annotations *m,
			struct annotation *item, uint64_t modseq)
{
	if (item == NULL || item->value.data == NULL)
		return false;
	item->value = CV_SPAN_NONE;
	item->modseq = modseq;
	m->present--;
	m->gone += !item->in_snapshot;
	touch(table, item);
	if (m->gone > GONE_MAX)
		forget_gone(table, m);
	return true;
}

int annotation_set(struct folder *folder, uint32_t uid,
		   const struct annotation *a)
{
	struct folder_data *data;
	struct message_annotations *m;
	struct annotation *item;

	if (!annotation_ok(a->owner, a->entry, a->value))
		return -1;
	if (a->value.data == NULL && !account_annotated(&folder->f))
		return 0;
	load(folder);
	data = folder->data;
	m = message_of(data, uid, a->value.data != NULL);
	item = m == NULL ? NULL : find_item(m, a->owner, a->entry);
	if (a->value.data == NULL)
		return m != NULL && remove_item(data->annotations, m, item,
						a->modseq);
	if (item != NULL && item->value.data != NULL &&
	    cv_span_equal(item->value, a->value))
		return 0;
	if (item == NULL || item->value.data == NULL) {
		if (m->present == ACCOUNT_ANNOTATIONS_MAX)
			return -1;
		m->present++;
	}
	if (item == NULL) {
		item = array_add(&m->items);
		item->owner = pool_span(data->pool, a->owner);
		item->entry = pool_span(data->pool, a->entry);
	} else if (item->value.data == NULL) {
		m->gone -= !item->in_snapshot;
	}
	item->value = pool_span(data->pool, a->value);
	item->modseq = a->modseq;
	touch(data->annotations, item);
	return 1;
}

void annotations_forget(struct folder_data *data, uint32_t uid)
{
	struct message_annotations *m = message_of(data, uid, false);

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->items.count; i++)
		data->annotations->touched -= m->items.items[i].touched;
	m->items.count = 0;
	m->present = m->gone = 0;
	(void)hash_remove(&data->annotations->messages, uid_key(&m->uid));
}

uint64_t annotations_changed(const struct folder_data *data)
{
	enum { BYTES_OF_ROW = 256 };

	return data->annotations == NULL ? 0 : data->annotations->touched +
		data->annotations->touched_bytes / BYTES_OF_ROW;
}

/* --- writing ------------------------------------------------------------- */

void annotations_save(struct folder *folder, uint32_t uid,
		      struct cv_text *text)
{
	struct account_annotation a;
	size_t at = 0;

	while (account_annotation_next(&folder->f, uid, &at, &a)) {
		if (a.value.data == NULL)
			continue;
		put_u32(text, uid);
		put_u32(text, (uint32_t)a.value.len);
		put_u16(text, (uint16_t)a.owner.len);
		put_u16(text, (uint16_t)a.entry.len);
		put_u32(text, 0);
		put_u64(text, a.modseq);
		cv_text_append_span(text, a.owner);
		cv_text_append_span(text, a.entry);
		cv_text_append_span(text, a.value);
	}
}

void annotation_format(const struct account_folder *f, uint32_t uid,
		       struct cv_span owner, struct cv_span entry,
		       struct cv_span value, struct cv_text *text)
{
	put_guid(text, &f->guid);
	put_u32(text, uid);
	put_u32(text, value.data != NULL);
	put_u16(text, (uint16_t)owner.len);
	put_u16(text, (uint16_t)entry.len);
	cv_text_append_span(text, owner);
	cv_text_append_span(text, entry);
	if (value.data != NULL)
		cv_text_append_span(text, value);
}

bool annotations_next_touched(struct folder *folder, size_t at[2],
			      uint32_t *uid_r, struct annotation *item_r)
{
	struct annotation_table *table = folder->data->annotations;

	if (table == NULL)
		return false;
	for (; at[0] < table->list.count; at[0]++, at[1] = 0) {
		struct message_annotations *m = table->list.items[at[0]];

		while (at[1] < m->items.count) {
			struct annotation *item = &m->items.items[at[1]++];

			if (!item->touched || (item->value.data == NULL &&
					       !item->in_snapshot))
				continue;
			*uid_r = m->uid;
			*item_r = *item;
			return true;
		}
	}
	return false;
}

/* --- transactions -------------------------------------------------------- */

int annotation_check(struct cv_span owner, struct cv_span entry,
		     struct cv_span value, struct cv_error *err)
{
	if (annotation_ok(owner, entry, value))
		return CV_OK;
	return FAIL(err, CV_E_LIMIT, "annotation's owner, entry or value is "
		    "too long");
}
