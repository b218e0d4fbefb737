/* sync-dovecot-box.c - what the indexes of a written tree say: of a mailbox, and
 * of mdbox's storage.  The bytes are in doc/format-dbox.md, section 5. */
#include "sync-dovecot.h"

/* --- a mailbox's index --------------------------------------------------------------- */

static void get_keywords(void *context, uint32_t number, struct cv_text *dst)
{
	struct dovecot *d = context;
	const struct dovecot_message *m = &d->messages.items[number];
	struct cv_keywords k = { NULL, 0 };
	struct cv_pool *pool = pool_create("keywords");
	size_t at = dst->len;

	if (m->words != 0)
		k = sync_words_get(d->side.words, m->words, pool);
	sync_dovecot_put(dst, 0, (int)(d->keywords.count + 7) / 8);
	for (uint32_t i = 0; i < k.count; i++) {
		size_t bit = (size_t)(uintptr_t)hash_find(
			&d->keyword_numbers, cv_span_of(k.names[i])) - 1;

		dst->data[at + bit / 8] |= (char)(1 << bit % 8);
	}
	pool_destroy(&pool);
}

static void get_modseq(void *context, uint32_t number, struct cv_text *dst)
{
	const struct dovecot *d = context;
	uint64_t modseq = d->messages.items[number].modseq;

	sync_dovecot_put(dst, modseq == 0 ? 1 : modseq, 8);
}

static void get_guid(void *context, uint32_t number, struct cv_text *dst)
{
	const struct dovecot *d = context;

	cv_text_append(dst, d->messages.items[number].guid, 16);
}

static void get_place(void *context, uint32_t number, struct cv_text *dst)
{
	const struct dovecot *d = context;
	const struct dovecot_message *m = &d->messages.items[number];

	sync_dovecot_put(dst, m->map_uid, 4);
	sync_dovecot_put(dst, m->saved, 4);
}

static uint32_t get_row(void *context, uint32_t number, uint8_t *flags_r)
{
	const struct dovecot *d = context;

	*flags_r = d->messages.items[number].flags;
	return d->messages.items[number].uid;
}

/* { rebuild count, or the map's UIDVALIDITY; GUID; flags } */
static struct cv_span box_header(struct dovecot *d)
{
	struct cv_text text;

	cv_text_init(&text, d->box_pool);
	sync_dovecot_put(&text, d->multi ? d->map_id : 0, 4);
	cv_text_append(&text, d->box.guid, 16);
	sync_dovecot_put(&text, 0, 4);
	return cv_text_span(&text);
}

/* { count } { -, offset of the name } the names */
static struct cv_span keyword_header(struct dovecot *d)
{
	struct cv_text text;
	size_t at = 0;

	cv_text_init(&text, d->box_pool);
	sync_dovecot_put(&text, d->keywords.count, 4);
	for (size_t i = 0; i < d->keywords.count; i++) {
		sync_dovecot_put(&text, 0, 4);
		sync_dovecot_put(&text, at, 4);
		at += strlen(d->keywords.items[i]) + 1;
	}
	for (size_t i = 0; i < d->keywords.count; i++)
		cv_text_append(&text, d->keywords.items[i],
			       strlen(d->keywords.items[i]) + 1);
	return cv_text_span(&text);
}

static struct cv_span modseq_header(struct dovecot *d)
{
	struct cv_text text;

	cv_text_init(&text, d->box_pool);
	sync_dovecot_put(&text, d->box.modseq, 8);
	sync_dovecot_put(&text, 0, 8);
	return cv_text_span(&text);
}

static void collect_keywords(struct dovecot *d)
{
	array_init(&d->keywords, d->box_pool);
	hash_init(&d->keyword_numbers, d->box_pool, true);
	for (size_t i = 0; i < d->messages.count; i++) {
		struct cv_keywords k;

		if (d->messages.items[i].words == 0)
			continue;
		k = sync_words_get(d->side.words, d->messages.items[i].words,
				   d->box_pool);
		for (uint32_t n = 0; n < k.count; n++) {
			struct cv_span name = cv_span_of(k.names[n]);

			if (hash_find(&d->keyword_numbers, name) != NULL)
				continue;
			*array_add(&d->keywords) = k.names[n];
			hash_set(&d->keyword_numbers, name,
				 (void *)(uintptr_t)d->keywords.count);
		}
	}
}

int sync_dovecot_box_write(struct dovecot *d, struct cv_error *err)
{
	struct sync_dovecot_part parts[5] = {
		{ .name = d->multi ? "mdbox-hdr" : "dbox-hdr",
		  .header = box_header(d) },
		{ .name = "modseq", .size = 8, .align = 8,
		  .header = modseq_header(d), .get = get_modseq },
	};
	struct sync_dovecot_index index = {
		.id = d->box.uidvalidity, .uidvalidity = d->box.uidvalidity,
		.uidnext = d->box.uidnext,
		.count = (uint32_t)d->messages.count,
		.highestmodseq = d->box.modseq, .parts = parts,
		.part_count = 2, .row = get_row, .context = d,
	};

	collect_keywords(d);
	if (d->multi) {
		parts[index.part_count++] = (struct sync_dovecot_part){
			.name = "mdbox", .size = 8, .align = 4,
			.get = get_place };
		parts[index.part_count++] = (struct sync_dovecot_part){
			.name = "guid", .size = 16, .align = 1,
			.get = get_guid };
	}
	if (d->keywords.count > 0)
		parts[index.part_count++] = (struct sync_dovecot_part){
			.name = "keywords", .align = 1,
			.size = (uint32_t)(d->keywords.count + 7) / 8,
			.header = keyword_header(d), .get = get_keywords };
	for (size_t i = 0; i < d->messages.count; i++) {
		uint8_t flags = d->messages.items[i].flags;

		index.seen += (flags & CV_FLAG_SEEN) != 0;
		index.deleted += (flags & CV_FLAG_DELETED) != 0;
	}
	return sync_dovecot_index_write(d->box_fd, "dovecot.index", &index,
					err);
}

/* --- the map of a storage ------------------------------------------------------------- */

static void get_map(void *context, uint32_t number, struct cv_text *dst)
{
	const struct dovecot_place *p =
		&((const struct dovecot *)context)->places.items[number];

	sync_dovecot_put(dst, p->file, 4);
	sync_dovecot_put(dst, p->offset, 4);
	sync_dovecot_put(dst, p->size, 4);
}

static void get_references(void *context, uint32_t number,
			   struct cv_text *dst)
{
	(void)context;
	(void)number;
	sync_dovecot_put(dst, 1, 2);
}

static uint32_t get_map_row(void *context, uint32_t number, uint8_t *flags_r)
{
	(void)context;
	*flags_r = 0;
	return number + 1;
}

int sync_dovecot_map_write(struct dovecot *d, struct cv_error *err)
{
	struct cv_text header;
	struct sync_dovecot_part parts[2] = {
		{ .name = "map", .size = 12, .align = 4, .get = get_map },
		{ .name = "ref", .size = 2, .align = 2,
		  .get = get_references },
	};
	struct sync_dovecot_index index = {
		.id = d->map_id, .uidvalidity = d->map_id,
		.uidnext = (uint32_t)d->places.count + 1,
		.count = (uint32_t)d->places.count, .highestmodseq = 1,
		.parts = parts, .part_count = 2, .row = get_map_row,
		.context = d,
	};

	cv_text_init(&header, d->pool);
	sync_dovecot_put(&header, d->file, 4);	/* the highest number */
	sync_dovecot_put(&header, 0, 4);	/* of rebuilds */
	parts[0].header = cv_text_span(&header);
	return sync_dovecot_index_write(d->storage_fd, "dovecot.map.index",
					&index, err);
}
