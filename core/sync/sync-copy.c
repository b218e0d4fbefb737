/* sync-copy.c - messages from one end to the other, in batches. */
#include "sync-private.h"

/* How often others may come in between, without a commit of ours. */
enum { TRIES = 20 };

struct copying {
	struct sync *sync;
	struct sync_side *from, *to;
	const char *name;		/* of the target's mailbox */
	int target;
	const struct sync_row *const *rows;
	uint32_t count, *next;
	uint32_t *uids;			/* new ones */
	bool keep, strict;

	uint32_t at;			/* committed, or gone */
	bool *left_out;			/* by number: damaged, or there */
	uint32_t tries;
	/* Number of a message that broke off in the middle: what came before
	 * it is committed when it is passed again. */
	uint32_t broke_at;
	uint64_t done;			/* before the first */
	/* of the batch */
	uint32_t *members;		/* numbers in rows */
	uint32_t member_count, batch_next;
	uint64_t bytes;
};

/* A copy asks for the UID that it is to have, also for the next one: so the
 * commit fails when anything has come in between. */
static int add(struct copying *c, uint32_t number, struct cv_error *err)
{
	struct sync_row row = *c->rows[number];
	bool passed = !c->keep || row.uid < c->batch_next;

	if (!c->strict)
		row.modseq = 0;
	if (passed && c->strict)
		return FAIL(err, CV_E_EXISTS, "UID %u was given to another "
			    "message", c->rows[number]->uid);
	if (passed)
		row.uid = c->batch_next;
	c->batch_next = row.uid + 1;
	if (c->tries > TRIES)
		row.uid = 0;
	c->members[c->member_count++] = number;
	return c->to->ops->save_add(c->to, &row, err);
}

/* The first bytes have come already, or the end. */
static int pass_bytes(struct copying *c, int got, struct cv_span data,
		      struct cv_error *err)
{
	while (got == CV_OK) {
		int ret;

		c->bytes += data.len;
		ret = c->to->ops->save_write(c->to, data, err);
		if (ret < 0)
			return ret;
		got = c->from->ops->fetch_read(c->from, &data, err);
		if (got < 0 && c->from->damaged)
			return CV_DECLINED;
	}
	return got == CV_EOF ? CV_OK : got;
}

/* CV_DECLINED: it is damaged, and a part of it is in the batch. */
static int pass(struct copying *c, uint32_t number, struct cv_error *err)
{
	struct cv_span data = CV_SPAN_NONE;
	int got = c->from->ops->fetch_read(c->from, &data, err), ret;

	if (got < 0 && c->from->damaged) {
		c->left_out[number] = true;
		sync_damaged(c->sync, !c->target, err);
		return CV_OK;
	}
	if (got < 0)
		return got;
	ret = add(c, number, err);
	if (ret == CV_OK)
		ret = pass_bytes(c, got, data, err);
	if (ret == CV_DECLINED) {
		c->left_out[number] = true;
		c->broke_at = number;
		sync_damaged(c->sync, !c->target, err);
	}
	return ret;
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
			sync_count_saved(c->sync->report, c->target,
					 &c->rows[number], 1);
			c->sync->report->renumbered[c->target] +=
				uids[i] != c->rows[number]->uid;
			if (uids[i] >= *c->next)
				*c->next = uids[i] + 1;
		}
		pool_destroy(&pool);
	}
	if (ret == CV_OK) {
		c->at = upto;
		c->sync->report->saved_bytes[c->target] += c->bytes;
		c->tries = 0;
	}
	c->member_count = 0;
	c->batch_next = *c->next;
	c->bytes = 0;
	return ret;
}

static bool is_full(const struct copying *c, uint32_t number)
{
	return c->member_count == SYNC_BATCH_MESSAGES ||
		c->bytes >= SYNC_BATCH_BYTES ||
		(number > c->broke_at && c->member_count > 0 &&
		 c->members[0] < c->broke_at);
}

static int begin(struct copying *c, struct cv_pool *pool,
		 struct cv_error *err)
{
	uint32_t *wanted = pool_new_array(pool, uint32_t, c->count + 1);
	uint32_t wanted_count = 0;

	for (uint32_t i = c->at; i < c->count; i++) {
		if (!c->left_out[i])
			wanted[wanted_count++] = c->rows[i]->uid;
	}
	c->member_count = 0;
	c->bytes = 0;
	c->batch_next = *c->next;
	return c->from->ops->fetch(c->from, wanted, wanted_count, err);
}

/* CV_DECLINED: a message broke off, and the batch with it. */
static int copy_rest(struct copying *c, struct cv_pool *pool,
		     struct cv_error *err)
{
	uint32_t number = c->at, uid;
	int ret = begin(c, pool, err);

	while (ret == CV_OK && (ret = c->from->ops->fetch_next(
					c->from, &uid, err)) == CV_OK) {
		while (number < c->count && c->rows[number]->uid != uid)
			number++;
		if (number == c->count)
			return FAIL(err, CV_E_TEMP, "%s gave UID %u, which "
				    "was not asked for", c->from->label, uid);
		if (is_full(c, number))
			ret = commit(c, number, err);
		if (ret == CV_OK)
			ret = pass(c, number, err);
		number++;
		c->sync->done = c->done + number;
		sync_show(c->sync, NULL);
	}
	return ret == CV_NOT_FOUND ? commit(c, c->count, err) : ret;
}

/* Somebody else has put messages there: a client, the MTA, or another run
 * with the same messages, each of which then stands for one of ours. */
static int take_others(struct copying *c, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync others");
	struct sync_box box;
	struct hash_table there;
	sync_rows rows;
	int ret = c->to->ops->open(c->to, c->name, &box, err);

	array_init(&rows, pool);
	hash_init(&there, pool, false);
	if (ret == CV_OK)
		ret = c->to->ops->rows(c->to, pool, &rows, err);
	for (size_t i = 0; ret == CV_OK && i < rows.count; i++) {
		if (rows.items[i].uid >= *c->next)
			hash_set(&there, cv_span((const char *)
						 rows.items[i].guid, 16),
				 &rows.items[i]);
	}
	for (uint32_t i = c->at; ret == CV_OK && i < c->count; i++) {
		struct cv_span guid = cv_span((const char *)c->rows[i]->guid,
					      16);
		const struct sync_row *row = hash_find(&there, guid);

		if (row == NULL || c->left_out[i])
			continue;
		c->uids[i] = row->uid;
		c->left_out[i] = true;
		(void)hash_remove(&there, guid);
	}
	if (ret == CV_OK && box.uidnext > *c->next)
		*c->next = box.uidnext;
	pool_destroy(&pool);
	return ret;
}

void sync_count_copy(struct sync *sync, int from,
		     const struct sync_row *const *rows, uint32_t count)
{
	sync_count_saved(sync->report, !from, rows, count);
	for (uint32_t i = 0; i < count; i++)
		sync->report->saved_bytes[!from] += rows[i]->size;
}

int sync_copy(struct sync *sync, int from, const char *name,
	      const struct sync_row *const *rows, uint32_t count,
	      uint32_t *next, enum sync_uids keep, uint32_t *uids_r,
	      struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync copy");
	struct copying c = {
		.sync = sync, .from = sync->side[from],
		.to = sync->side[!from], .name = name, .target = !from,
		.rows = rows,
		.count = count, .next = next, .uids = uids_r,
		.keep = keep != SYNC_UIDS_NEW,
		.strict = keep == SYNC_UIDS_STRICT,
		.members = pool_new_array(pool, uint32_t,
					  SYNC_BATCH_MESSAGES + 1),
		.left_out = pool_new_array(pool, bool, count + 1),
		.broke_at = UINT32_MAX, .done = sync->done,
	};
	int ret = CV_OK;

	if ((c.from->caps & SYNC_CAP_UIDS) == 0)
		c.keep = c.strict = false;
	while (ret == CV_OK && c.at < count) {
		ret = copy_rest(&c, pool, err);
		c.from->ops->fetch_end(c.from);
		if (ret != CV_OK)
			c.to->ops->save_abort(c.to);
		/* the batch once more, without it: each message at most once
		 * more for each that is damaged */
		if (ret == CV_DECLINED)
			ret = CV_OK;
		if (ret == CV_E_EXISTS && !c.strict && !c.to->broken &&
		    ++c.tries <= TRIES + 1)
			ret = take_others(&c, err);
	}
	pool_destroy(&pool);
	return ret;
}

int sync_probe(struct sync *sync, int from, const struct sync_row **rows,
	       uint32_t *count, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync probe");
	struct sync_side *side = sync->side[from];
	uint32_t *uids = pool_new_array(pool, uint32_t, *count + 1);
	uint32_t uid = 0, at = 0, to = 0;
	struct cv_span data;
	int ret;

	for (uint32_t i = 0; i < *count; i++)
		uids[i] = rows[i]->uid;
	ret = side->ops->fetch(side, uids, *count, err);
	while (ret == CV_OK &&
	       (ret = side->ops->fetch_next(side, &uid, err)) == CV_OK) {
		while (at < *count && rows[at]->uid != uid)
			at++;
		while ((ret = side->ops->fetch_read(side, &data, err)) ==
		       CV_OK)
			continue;
		if (ret == CV_EOF && at < *count)
			rows[to++] = rows[at];
		else if (ret < 0 && side->damaged)
			sync_damaged(sync, from, err);
		else if (ret < 0)
			break;
		ret = CV_OK;
	}
	side->ops->fetch_end(side);
	pool_destroy(&pool);
	*count = to;
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}
