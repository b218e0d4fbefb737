/* sync-copy.c - messages from one end to the other, in batches. */
#include "sync-private.h"

struct copying {
	struct sync *sync;
	struct sync_side *from, *to;
	int target;
	const struct sync_row *const *rows;
	uint32_t count, *next;
	uint32_t *uids;			/* new ones */
	bool keep, strict;

	uint32_t at;			/* committed, or gone */
	/* of the batch */
	uint32_t *members;		/* numbers in rows */
	uint32_t member_count, batch_next;
	uint64_t bytes;
};

static int add(struct copying *c, uint32_t number, struct cv_error *err)
{
	struct sync_row row = *c->rows[number];

	if (!c->keep || row.uid < c->batch_next)
		row.uid = 0;
	if (!c->strict)
		row.modseq = 0;
	if (row.uid == 0 && c->strict)
		return FAIL(err, CV_E_EXISTS, "UID %u was given to another "
			    "message", c->rows[number]->uid);
	c->batch_next = row.uid == 0 ? c->batch_next + 1 : row.uid + 1;
	c->members[c->member_count++] = number;
	return c->to->ops->save_add(c->to, &row, err);
}

static int pass_bytes(struct copying *c, struct cv_error *err)
{
	struct cv_span data;
	int ret;

	while ((ret = c->from->ops->fetch_read(c->from, &data, err)) ==
	       CV_OK) {
		c->bytes += data.len;
		c->sync->report->saved_bytes[c->target] += data.len;
		ret = c->to->ops->save_write(c->to, data, err);
		if (ret < 0)
			return ret;
	}
	return ret == CV_EOF ? CV_OK : ret;
}

/* What came before was committed; up to here everything is. */
static int commit(struct copying *c, uint32_t upto, struct cv_error *err)
{
	struct cv_pool *pool;
	uint32_t *uids;
	int ret = CV_OK;

	if (c->member_count > 0) {
		pool = pool_create("sync uids");
		uids = pool_new_array(pool, uint32_t, c->member_count);
		ret = c->to->ops->save_commit(c->to, uids, c->member_count,
					      err);
		for (uint32_t i = 0; ret == CV_OK && i < c->member_count;
		     i++) {
			uint32_t number = c->members[i];

			c->uids[number] = uids[i];
			c->sync->report->saved[c->target]++;
			c->sync->report->renumbered[c->target] +=
				uids[i] != c->rows[number]->uid;
			if (uids[i] >= *c->next)
				*c->next = uids[i] + 1;
		}
		pool_destroy(&pool);
	}
	if (ret == CV_OK)
		c->at = upto;
	c->member_count = 0;
	c->batch_next = *c->next;
	c->bytes = 0;
	return ret;
}

static int copy_rest(struct copying *c, struct cv_pool *pool,
		     struct cv_error *err)
{
	uint32_t *wanted = pool_new_array(pool, uint32_t, c->count + 1);
	uint32_t number = c->at, uid;
	int ret;

	for (uint32_t i = c->at; i < c->count; i++)
		wanted[i] = c->rows[i]->uid;
	c->member_count = 0;
	c->bytes = 0;
	c->batch_next = *c->next;
	ret = c->from->ops->fetch(c->from, wanted + c->at, c->count - c->at,
				  err);
	while (ret == CV_OK && (ret = c->from->ops->fetch_next(
					c->from, &uid, err)) == CV_OK) {
		while (number < c->count && c->rows[number]->uid != uid)
			number++;
		if (number == c->count)
			return FAIL(err, CV_E_TEMP, "%s gave UID %u, which "
				    "was not asked for", c->from->label, uid);
		ret = add(c, number, err);
		if (ret == CV_OK)
			ret = pass_bytes(c, err);
		number++;
		c->sync->done++;
		sync_show(c->sync, NULL);
		if (ret == CV_OK &&
		    (c->member_count == SYNC_BATCH_MESSAGES ||
		     c->bytes >= SYNC_BATCH_BYTES))
			ret = commit(c, number, err);
	}
	return ret == CV_NOT_FOUND ? commit(c, c->count, err) : ret;
}

int sync_copy(struct sync *sync, int from, const struct sync_row *const *rows,
	      uint32_t count, uint32_t *next, enum sync_uids keep,
	      uint32_t *uids_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync copy");
	struct copying c = {
		.sync = sync, .from = sync->side[from],
		.to = sync->side[!from], .target = !from, .rows = rows,
		.count = count, .next = next, .uids = uids_r,
		.keep = keep != SYNC_UIDS_NEW,
		.strict = keep == SYNC_UIDS_STRICT,
		.members = pool_new_array(pool, uint32_t,
					  SYNC_BATCH_MESSAGES + 1),
	};
	int ret = CV_OK;

	if ((c.from->caps & SYNC_CAP_UIDS) == 0)
		c.keep = c.strict = false;
	while (ret == CV_OK && c.at < count) {
		ret = copy_rest(&c, pool, err);
		c.from->ops->fetch_end(c.from);
		if (ret < 0)
			c.to->ops->save_abort(c.to);
		/* somebody else put a message there: UIDs of their own for
		 * the rest */
		if (ret == CV_E_EXISTS && c.keep && !c.strict &&
		    !c.to->broken) {
			c.keep = false;
			ret = CV_OK;
		}
	}
	pool_destroy(&pool);
	return ret;
}
