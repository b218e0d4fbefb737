/* sync-import.c - adds messages of one mailbox to another. */
#include "sync-private.h"

static struct cv_span guid_of(const struct sync_row *row)
{
	return cv_span((const char *)row->guid, sizeof(row->guid));
}

static int open_target(struct sync *sync, const char *name,
		       struct sync_content *c, struct cv_error *err)
{
	struct sync_side *to = sync->side[1];
	struct sync_box as = { .name = name, .uidnext = 1 };
	int ret = to->ops->open(to, name, &c->box[1], err);

	if (ret == CV_E_NOT_FOUND && sync->options->dry_run) {
		c->box[1].annotations = sync_notes_unknown(
			sync->side[1]);
		sync->report->created[1]++;
		return CV_OK;
	}
	if (ret == CV_E_NOT_FOUND) {
		ret = to->ops->create(to, &as, err);
		sync->report->created[1] += ret == CV_OK;
		if (ret == CV_OK)
			ret = to->ops->open(to, name, &c->box[1], err);
	}
	return ret < 0 ? ret : to->ops->rows(to, c->pool, &c->rows[1], err);
}

static int copy_missing(struct sync *sync, struct sync_content *c,
			const struct cv_set *uids, struct cv_error *err)
{
	const struct sync_row **rows = pool_new_array(
		c->pool, const struct sync_row *, c->rows[0].count + 1);
	uint32_t *new_uids = pool_new_array(c->pool, uint32_t,
					    c->rows[0].count + 1);
	uint32_t count = 0, next = c->box[1].uidnext;
	struct hash_table there;

	sync_notes_limit(sync, c, false);
	hash_init(&there, c->pool, false);
	for (size_t i = 0; i < c->rows[1].count; i++)
		hash_set(&there, guid_of(&c->rows[1].items[i]), &there);
	for (size_t i = 0; i < c->rows[0].count; i++) {
		const struct sync_row *row = &c->rows[0].items[i];

		if ((uids == NULL || cv_set_contains(*uids, row->uid)) &&
		    hash_find(&there, guid_of(row)) == NULL)
			rows[count++] = row;
	}
	sync->total += count;
	if (sync->options->dry_run) {
		sync_count_copy(sync, 0, rows, count);
		return CV_OK;
	}
	return count == 0 ? CV_OK :
		sync_copy(sync, 0, c->box[1].name, rows, count, &next,
			  SYNC_UIDS_NEW, new_uids, err);
}

int sync_import(struct sync_side *from, const char *from_name,
		struct sync_side *to, const char *to_name,
		const struct cv_set *uids, const struct sync_options *options,
		struct sync_report *report, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync import");
	struct sync sync = { .pool = pool, .side = { from, to },
		.options = options, .report = report };
	struct sync_content c = { .pool = pool };
	int ret;

	sync_words_init(&sync.words, pool);
	from->words = to->words = &sync.words;
	array_init(&c.rows[0], pool);
	array_init(&c.rows[1], pool);
	report->mailboxes++;
	sync_show(&sync, from_name);
	ret = from->ops->open(from, from_name, &c.box[0], err);
	if (ret == CV_OK)
		ret = from->ops->rows(from, pool, &c.rows[0], err);
	if (ret == CV_OK)
		ret = open_target(&sync, to_name, &c, err);
	if (ret == CV_OK)
		ret = copy_missing(&sync, &c, uids, err);
	/* nothing was moved: a UID of its own is no news */
	report->renumbered[1] = 0;
	from->words = to->words = NULL;
	pool_destroy(&pool);
	return ret;
}
