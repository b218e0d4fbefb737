/* sync-memory.c - see sync-memory.h. */
#include "sync-memory.h"

#include <stdlib.h>

enum { BOXES = 16, ROWS = 64 };

struct memory_box {
	struct sync_box box;
	struct sync_row rows[ROWS];
	bool there;
};

struct memory {
	struct sync_side side;
	struct cv_pool *pool;
	struct memory_box boxes[BOXES], *open;
	const uint32_t *uids;
	uint32_t count, at, next_uidvalidity;
	bool given;
	struct sync_row added[ROWS];
	uint32_t added_count;
	bool adding;
};

static struct memory_box *find(struct memory *m, const char *name)
{
	for (size_t i = 0; i < BOXES; i++) {
		if (m->boxes[i].there &&
		    strcmp(m->boxes[i].box.name, name) == 0)
			return &m->boxes[i];
	}
	return NULL;
}

static struct memory_box *make(struct memory *m, const struct sync_box *as)
{
	BUG_IF(strlen(as->name) > SYNC_NAME_MAX);
	for (size_t i = 0; i < BOXES; i++) {
		struct memory_box *b = &m->boxes[i];

		if (b->there)
			continue;
		*b = (struct memory_box){ .box = *as, .there = true };
		b->box.name = pool_strdup(m->pool, as->name);
		b->box.messages = 0;
		b->box.uidnext = 1;
		if (b->box.uidvalidity == 0)
			b->box.uidvalidity = ++m->next_uidvalidity;
		return b;
	}
	return NULL;
}

static int memory_list(struct sync_side *s, struct cv_pool *pool,
		       sync_boxes *boxes, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	for (size_t i = 0; i < BOXES; i++) {
		if (m->boxes[i].there)
			*array_add(boxes) = m->boxes[i].box;
	}
	return CV_OK;
}

static int memory_subscriptions(struct sync_side *s, struct cv_pool *pool,
				sync_names *names, struct cv_error *err)
{
	*array_add(names) = "INBOX";
	*array_add(names) = "Sent";
	return CV_OK;
}

static int memory_metadata(struct sync_side *s, const char *name,
			   struct cv_pool *pool, sync_entries *entries,
			   struct cv_error *err)
{
	*array_add(entries) = (struct sync_entry){
		CV_SPAN("/private/comment"), CV_SPAN("x"),
	};
	return CV_OK;
}

static int memory_open_box(struct sync_side *s, const char *name,
			   struct sync_box *box_r, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	m->open = find(m, name);
	m->added_count = 0;
	m->adding = false;
	if (m->open == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	*box_r = m->open->box;
	box_r->annotations = UINT32_MAX;
	box_r->name = name;
	return CV_OK;
}

static bool memory_is_open(const struct sync_side *s)
{
	return ((const struct memory *)s)->open != NULL;
}

static int memory_rows(struct sync_side *s, struct cv_pool *pool,
		       sync_rows *rows, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	BUG_IF(m->open == NULL);
	for (uint32_t i = 0; i < m->open->box.messages; i++)
		*array_add(rows) = m->open->rows[i];
	return CV_OK;
}

static int memory_fetch(struct sync_side *s, const uint32_t *uids,
			uint32_t count, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	BUG_IF(m->open == NULL);
	m->uids = (const uint32_t *)pool_copy(m->pool, uids,
					      count * sizeof(*uids));
	m->count = count;
	m->at = 0;
	return CV_OK;
}

static int memory_fetch_next(struct sync_side *s, uint32_t *uid_r,
			     struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	m->given = false;
	while (m->at < m->count) {
		*uid_r = m->uids[m->at++];
		for (uint32_t i = 0; i < m->open->box.messages; i++) {
			if (m->open->rows[i].uid == *uid_r)
				return CV_OK;
		}
	}
	return CV_NOT_FOUND;
}

static int memory_fetch_read(struct sync_side *s, struct cv_span *data_r,
			     struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	*data_r = CV_SPAN("Subject: x\r\n\r\nbody\r\n");
	if (m->given)
		return CV_EOF;
	m->given = true;
	return CV_OK;
}

static void memory_fetch_end(struct sync_side *s)
{
	((struct memory *)s)->count = 0;
}

static void memory_close(struct sync_side **s)
{
	struct cv_pool *pool = ((struct memory *)*s)->pool;

	*s = NULL;
	pool_destroy(&pool);
}

/* --- writing ------------------------------------------------------------- */

static int memory_create(struct sync_side *s, const struct sync_box *as,
			 struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	if (find(m, as->name) != NULL)
		return FAIL(err, CV_E_EXISTS, "it is there");
	return make(m, as) != NULL ? CV_OK :
		FAIL(err, CV_E_LIMIT, "too many mailboxes");
}

static int memory_remove(struct sync_side *s, const char *name,
			 struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	struct memory_box *b = find(m, name);

	m->open = NULL;
	if (b == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	b->there = false;
	return CV_OK;
}

static int memory_rename(struct sync_side *s, const char *from,
			 const char *to, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	struct memory_box *b = find(m, from);

	m->open = NULL;
	if (b == NULL || find(m, to) != NULL)
		return FAIL(err, CV_E_NOT_FOUND, "it cannot be renamed");
	BUG_IF(strlen(to) > SYNC_NAME_MAX);
	b->box.name = pool_strdup(m->pool, to);
	return CV_OK;
}

static int memory_identify(struct sync_side *s, const char *name,
			   const uint8_t guid[16], struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	struct memory_box *b = find(m, name);

	m->open = NULL;
	if (b == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "there is no such mailbox");
	memcpy(b->box.guid, guid, sizeof(b->box.guid));
	return CV_OK;
}

static int memory_subscribe(struct sync_side *s, const char *name, bool on,
			    struct cv_error *err)
{
	BUG_IF(strlen(name) > SYNC_NAME_MAX);
	return CV_OK;
}

static int memory_set_metadata(struct sync_side *s, const char *name,
			       const struct sync_entry *entry,
			       struct cv_error *err)
{
	BUG_IF(entry->key.data == NULL);
	return CV_OK;
}

static int memory_update(struct sync_side *s, const struct sync_update *update,
			 struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	struct sync_box *b = &m->open->box;

	BUG_IF(m->open == NULL);
	if (update->empty)
		b->messages = 0;
	if (update->uidvalidity != 0)
		b->uidvalidity = update->uidvalidity;
	if (update->uidnext != 0 &&
	    (update->uidnext > b->uidnext || update->empty))
		b->uidnext = update->uidnext;
	if (update->modseq > b->modseq)
		b->modseq = update->modseq;
	return CV_OK;
}

static int memory_change(struct sync_side *s, struct sync_change *changes,
			 uint32_t count, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	BUG_IF(m->open == NULL);
	for (uint32_t i = 0; i < count; i++) {
		BUG_IF(((changes[i].add | changes[i].remove) &
			~(uint32_t)CV_FLAGS_STORED) != 0);
		for (uint32_t k = 0; k < m->open->box.messages; k++) {
			struct sync_row *row = &m->open->rows[k];

			if (row->uid != changes[i].uid)
				continue;
			row->flags = (row->flags | changes[i].add) &
				~changes[i].remove;
			row->words = sync_words_minus(
				s->words, sync_words_union(
					s->words, row->words,
					changes[i].add_words),
				changes[i].remove_words);
		}
	}
	return CV_OK;
}

static int memory_expunge(struct sync_side *s, const uint32_t *uids,
			  uint32_t count, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	uint32_t to = 0;

	BUG_IF(m->open == NULL);
	for (uint32_t k = 0; k < m->open->box.messages; k++) {
		bool gone = false;

		for (uint32_t i = 0; i < count; i++)
			gone |= m->open->rows[k].uid == uids[i];
		if (!gone)
			m->open->rows[to++] = m->open->rows[k];
	}
	m->open->box.messages = to;
	return CV_OK;
}

static int memory_save_add(struct sync_side *s, const struct sync_row *as,
			   struct cv_error *err)
{
	struct memory *m = (struct memory *)s;

	BUG_IF(m->open == NULL);
	if (m->added_count + m->open->box.messages == ROWS)
		return FAIL(err, CV_E_LIMIT, "full");
	m->added[m->added_count++] = *as;
	m->adding = true;
	return CV_OK;
}

static int memory_save_write(struct sync_side *s, struct cv_span data,
			     struct cv_error *err)
{
	return ((struct memory *)s)->adding ? CV_OK :
		FAIL(err, CV_E_INTERNAL, "nothing is being saved");
}

static int memory_save_commit(struct sync_side *s, uint32_t *uids_r,
			      uint32_t count, struct cv_error *err)
{
	struct memory *m = (struct memory *)s;
	struct sync_box *b = &m->open->box;

	BUG_IF(m->open == NULL || count != m->added_count);
	for (uint32_t i = 0; i < count; i++) {
		struct sync_row row = m->added[i];

		if (row.uid != 0 && row.uid < b->uidnext)
			return FAIL(err, CV_E_EXISTS, "the UID is taken");
		if (row.uid == 0)
			row.uid = b->uidnext;
		if (row.uid == UINT32_MAX)
			return FAIL(err, CV_E_LIMIT, "no more UIDs");
		b->uidnext = row.uid + 1;
		uids_r[i] = row.uid;
		m->open->rows[b->messages++] = row;
	}
	m->added_count = 0;
	m->adding = false;
	return CV_OK;
}

static void memory_save_abort(struct sync_side *s)
{
	((struct memory *)s)->added_count = 0;
	((struct memory *)s)->adding = false;
}

static const struct sync_side_ops ops = {
	.list = memory_list,
	.subscriptions = memory_subscriptions,
	.metadata = memory_metadata,
	.open = memory_open_box,
	.is_open = memory_is_open,
	.rows = memory_rows,
	.fetch = memory_fetch,
	.fetch_next = memory_fetch_next,
	.fetch_read = memory_fetch_read,
	.fetch_end = memory_fetch_end,
	.close = memory_close,
	.create = memory_create,
	.remove = memory_remove,
	.rename = memory_rename,
	.identify = memory_identify,
	.subscribe = memory_subscribe,
	.set_metadata = memory_set_metadata,
	.update = memory_update,
	.change = memory_change,
	.expunge = memory_expunge,
	.save_add = memory_save_add,
	.save_write = memory_save_write,
	.save_commit = memory_save_commit,
	.save_abort = memory_save_abort,
};

struct sync_side *memory_open(struct sync_words *words)
{
	static const struct { const char *name; uint32_t count; } boxes[] = {
		{ "INBOX", 5 }, { "Sent", 1 }, { "a/b", 1 },
	};
	struct cv_pool *pool = pool_create("sync memory");
	struct memory *m = pool_new(pool, struct memory);

	m->pool = pool;
	m->side = (struct sync_side){ .ops = &ops, .label = "memory",
		.words = words, .caps = SYNC_CAP_WRITE | SYNC_CAP_FLAGS |
		SYNC_CAP_UIDS | SYNC_CAP_METADATA | SYNC_CAP_BOXES |
		SYNC_CAP_NOTES };
	memset(m->side.id, 'm', sizeof(m->side.id));
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		struct sync_box as = { .name = boxes[i].name };
		struct memory_box *b;

		memset(as.guid, 'A' + (int)i, sizeof(as.guid));
		b = make(m, &as);
		for (uint32_t uid = 1; uid <= boxes[i].count; uid++) {
			struct sync_row *row = &b->rows[b->box.messages++];

			row->uid = uid;
			row->flags = uid & CV_FLAGS_STORED;
			row->size = 22;
			memset(row->guid, 'a' + (int)uid, sizeof(row->guid));
		}
		b->box.uidnext = boxes[i].count + 1;
	}
	return &m->side;
}
