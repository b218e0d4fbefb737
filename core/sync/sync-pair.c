/* sync-pair.c - the messages of a mailbox that both ends have, both ways. */
#include "sync-private.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct pairing {
	struct sync *sync;
	struct sync_content *c;
	const struct sync_state_box *state;	/* NULL: none that is valid */
	struct cv_pool *pool;
	/* of each message: its partner, NONE; and the common state, NONE */
	uint32_t *partner[2], *base[2];
	bool *gone[2];			/* expunged at the other end */
	ARRAY(struct sync_change) changes[2];
	ARRAY(uint32_t) expunge[2];
	ARRAY(struct sync_state_row) result;
};

static uint32_t find_uid(const sync_rows *rows, uint32_t uid)
{
	size_t low = 0, high = rows->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (rows->items[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < rows->count && rows->items[low].uid == uid ?
		(uint32_t)low : NONE;
}

static void join(struct pairing *p, uint32_t a, uint32_t b, uint32_t base)
{
	p->partner[0][a] = b;
	p->partner[1][b] = a;
	p->base[0][a] = base;
}

/* --- who belongs to whom ----------------------------------------------------------- */

/* A UID of the state that is there at one end only was expunged at the
 * other. */
static void pair_by_state(struct pairing *p)
{
	for (uint32_t i = 0; p->state != NULL && i < p->state->row_count;
	     i++) {
		const struct sync_state_row *s = &p->state->rows[i];
		uint32_t a = find_uid(&p->c->rows[0], s->uid[0]);
		uint32_t b = find_uid(&p->c->rows[1], s->uid[1]);

		if (a != NONE && b != NONE && p->partner[1][b] == NONE)
			join(p, a, b, i);
		else if (a != NONE && b == NONE)
			p->gone[0][a] = true;
		else if (b != NONE && a == NONE)
			p->gone[1][b] = true;
	}
}

static int compare_guids(const void *one, const void *other)
{
	const struct sync_row *a = *(const struct sync_row *const *)one;
	const struct sync_row *b = *(const struct sync_row *const *)other;
	int order = memcmp(a->guid, b->guid, sizeof(a->guid));

	return order != 0 ? order : a->uid < b->uid ? -1 : a->uid > b->uid;
}

/* Those without a partner, by GUID; several with the same in order of UID. */
static uint32_t without_partner(struct pairing *p, int side,
				const struct sync_row ***rows_r)
{
	const sync_rows *rows = &p->c->rows[side];
	const struct sync_row **left = pool_new_array(
		p->pool, const struct sync_row *, rows->count + 1);
	uint32_t count = 0;

	for (size_t i = 0; i < rows->count; i++) {
		if (p->partner[side][i] == NONE && !p->gone[side][i])
			left[count++] = &rows->items[i];
	}
	if (count > 0)
		qsort(left, count, sizeof(*left), compare_guids);
	*rows_r = left;
	return count;
}

static void pair_by_guid(struct pairing *p)
{
	const struct sync_row **left, **right;
	uint32_t left_count = without_partner(p, 0, &left);
	uint32_t right_count = without_partner(p, 1, &right);
	uint32_t i = 0, k = 0;

	while (i < left_count && k < right_count) {
		int order = memcmp(left[i]->guid, right[k]->guid,
				   sizeof(left[i]->guid));

		if (order == 0)
			join(p, (uint32_t)(left[i] - p->c->rows[0].items),
			     (uint32_t)(right[k] - p->c->rows[1].items),
			     NONE);
		i += order <= 0;
		k += order >= 0;
	}
}

/* The message of the other end that this one could be: same UID, date and
 * size. */
static const struct sync_row *look_alike(struct pairing *p, size_t a)
{
	const struct sync_row *left = &p->c->rows[0].items[a], *right;
	uint32_t b;

	if (p->partner[0][a] != NONE || p->gone[0][a])
		return NULL;
	b = find_uid(&p->c->rows[1], left->uid);
	if (b == NONE || p->partner[1][b] != NONE || p->gone[1][b])
		return NULL;
	right = &p->c->rows[1].items[b];
	return left->received == right->received &&
		left->size == right->size ? right : NULL;
}

/* An index that was made anew has other GUIDs for the same files, and the
 * common state does not hold for it.  Two messages that came in the same
 * second, one at each end, look like that too: the bytes decide. */
static int pair_by_uid(struct pairing *p, struct cv_error *err)
{
	size_t rows = p->c->rows[0].count;
	const struct sync_row **left, **right;
	uint32_t count = 0;
	bool *same;
	int ret;

	if (p->state != NULL)
		return CV_OK;
	left = pool_new_array(p->pool, const struct sync_row *, rows + 1);
	right = pool_new_array(p->pool, const struct sync_row *, rows + 1);
	for (size_t a = 0; a < rows; a++) {
		left[count] = &p->c->rows[0].items[a];
		right[count] = look_alike(p, a);
		count += right[count] != NULL;
	}
	same = pool_new_array(p->pool, bool, count + 1);
	ret = sync_compare(p->sync, left, right, count, same, err);
	for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
		if (same[i])
			join(p, (uint32_t)(left[i] - p->c->rows[0].items),
			     (uint32_t)(right[i] - p->c->rows[1].items),
			     NONE);
	}
	return ret;
}

/* --- flags -------------------------------------------------------------------------- */

static uint32_t merge_words(struct sync_words *w, uint32_t base, uint32_t a,
			    uint32_t b)
{
	uint32_t added, removed;

	if (a == b)
		return a;
	added = sync_words_union(w, sync_words_minus(w, a, base),
				 sync_words_minus(w, b, base));
	removed = sync_words_union(w, sync_words_minus(w, base, a),
				   sync_words_minus(w, base, b));
	return sync_words_minus(w, sync_words_union(w, base, added),
				removed);
}

bool sync_change_make(struct sync *sync, const struct sync_row *row,
		      uint32_t flags, uint32_t words, uint32_t notes,
		      struct sync_change *change_r)
{
	*change_r = (struct sync_change){
		.uid = row->uid, .add = flags & ~row->flags,
		.remove = row->flags & ~flags,
		.add_words = sync_words_minus(&sync->words, words,
					      row->words),
		.remove_words = sync_words_minus(&sync->words, row->words,
						 words),
		.notes = sync_notes_diff(&sync->words, row->notes, notes),
	};
	return row->flags != flags || row->words != words ||
		row->notes != notes;
}

void sync_count_changes(struct sync_report *report, int side,
			const struct sync_change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct sync_change *c = &changes[i];

		report->changed[side] += c->add != 0 || c->remove != 0 ||
			c->add_words != 0 || c->remove_words != 0;
		report->annotated[side] += c->notes != 0;
	}
}

void sync_count_saved(struct sync_report *report, int side,
		      const struct sync_row *const *rows, uint32_t count)
{
	report->saved[side] += count;
	for (uint32_t i = 0; i < count; i++)
		report->annotated[side] += rows[i]->notes != 0;
}

/* Each flag, keyword and annotation is as the end that changed it since the
 * common state has it; without a common state all of both stay. */
static void merge_flags(struct pairing *p, uint32_t a)
{
	const struct sync_row *row[2] = { &p->c->rows[0].items[a],
		&p->c->rows[1].items[p->partner[0][a]] };
	uint32_t number = p->base[0][a], flags, words, notes;
	struct sync_state_row base = { .flags = 0 };

	if (number != NONE)
		base = p->state->rows[number];
	flags = base.flags ^ ((row[0]->flags ^ base.flags) |
			      (row[1]->flags ^ base.flags));
	words = merge_words(&p->sync->words, base.words, row[0]->words,
			    row[1]->words);
	notes = sync_notes_merge(&p->sync->words, base.notes, row[0]->notes,
				 row[1]->notes);
	for (int side = 0; side < 2; side++) {
		struct sync_change change;

		if (sync_change_make(p->sync, row[side], flags, words,
				     notes, &change))
			*array_add(&p->changes[side]) = change;
	}
	*array_add(&p->result) = (struct sync_state_row){
		{ row[0]->uid, row[1]->uid }, flags, words, notes };
}

/* --- doing it ------------------------------------------------------------------------ */

static int apply(struct pairing *p, int side, struct cv_error *err)
{
	struct sync *sync = p->sync;
	struct sync_side *s = sync->side[side];
	int ret = CV_OK;

	sync_count_changes(sync->report, side, p->changes[side].items,
			   (uint32_t)p->changes[side].count);
	sync->report->expunged[side] += p->expunge[side].count;
	if (sync->options->dry_run)
		return CV_OK;
	if (p->changes[side].count > 0)
		ret = s->ops->change(s, p->changes[side].items,
				     (uint32_t)p->changes[side].count, err);
	if (ret == CV_OK && p->expunge[side].count > 0)
		ret = s->ops->expunge(s, p->expunge[side].items,
				      (uint32_t)p->expunge[side].count, err);
	return ret;
}

static int copy_from(struct pairing *p, int from, uint32_t *next,
		     struct cv_error *err)
{
	const sync_rows *rows = &p->c->rows[from];
	const struct sync_row **new = pool_new_array(
		p->pool, const struct sync_row *, rows->count + 1);
	uint32_t *uids = pool_new_array(p->pool, uint32_t, rows->count + 1);
	uint32_t count = 0;
	int ret;

	for (size_t i = 0; i < rows->count; i++) {
		if (p->partner[from][i] == NONE && !p->gone[from][i])
			new[count++] = &rows->items[i];
	}
	if (p->sync->options->dry_run) {
		sync_count_copy(p->sync, from, new, count);
		return CV_OK;
	}
	p->sync->total += count;
	ret = count == 0 ? CV_OK : sync_copy(
		p->sync, from, p->c->box[!from].name, new, count, next,
		SYNC_UIDS_KEEP, uids, err);
	for (uint32_t i = 0; i < count; i++) {
		struct sync_state_row *r;

		if (uids[i] == 0)
			continue;
		r = array_add(&p->result);
		r->uid[from] = new[i]->uid;
		r->uid[!from] = uids[i];
		r->flags = new[i]->flags;
		r->words = new[i]->words;
		r->notes = new[i]->notes;
	}
	return ret;
}

static int compare_result(const void *a, const void *b)
{
	const struct sync_state_row *x = a, *y = b;

	return x->uid[0] < y->uid[0] ? -1 : x->uid[0] > y->uid[0];
}

/* Both go on with the same UID. */
static int raise_uidnext(struct pairing *p, const uint32_t next[2],
			 struct cv_error *err)
{
	uint32_t most = next[0] > next[1] ? next[0] : next[1];
	int ret = CV_OK;

	for (int side = 0; side < 2 && ret == CV_OK; side++) {
		struct sync_side *s = p->sync->side[side];

		if (next[side] < most && !p->sync->options->dry_run)
			ret = s->ops->update(s, &(struct sync_update){
						     .uidnext = most }, err);
	}
	return ret;
}

/* An end that went back in time (a backup was played back) would seem to have
 * expunged what it lost. */
static bool state_is_valid(const struct sync_state_box *state,
			   const struct sync_content *c)
{
	for (int side = 0; state != NULL && side < 2; side++) {
		if (state->uidvalidity[side] != c->box[side].uidvalidity ||
		    state->uidnext[side] > c->box[side].uidnext ||
		    state->modseq[side] > c->box[side].modseq)
			return false;
	}
	return state != NULL;
}

static void pairing_init(struct pairing *p)
{
	for (int side = 0; side < 2; side++) {
		size_t count = p->c->rows[side].count;

		p->partner[side] = pool_new_array(p->pool, uint32_t,
						  count + 1);
		p->base[side] = pool_new_array(p->pool, uint32_t, count + 1);
		p->gone[side] = pool_new_array(p->pool, bool, count + 1);
		memset(p->partner[side], 0xff, count * sizeof(uint32_t));
		memset(p->base[side], 0xff, count * sizeof(uint32_t));
		array_init(&p->changes[side], p->pool);
		array_init(&p->expunge[side], p->pool);
	}
	array_init(&p->result, p->sync->pool);
}

static int decide(struct pairing *p, struct cv_error *err)
{
	int ret;

	pair_by_state(p);
	pair_by_guid(p);
	ret = pair_by_uid(p, err);
	if (ret < 0)
		return ret;
	for (size_t a = 0; a < p->c->rows[0].count; a++) {
		if (p->partner[0][a] != NONE)
			merge_flags(p, (uint32_t)a);
	}
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < p->c->rows[side].count; i++) {
			if (p->gone[side][i])
				*array_add(&p->expunge[side]) =
					p->c->rows[side].items[i].uid;
		}
	}
	return CV_OK;
}

int sync_messages(struct sync *sync, const struct sync_pair *pair,
		  struct sync_content *content, struct sync_state_box *result,
		  struct cv_error *err)
{
	struct pairing p = { .sync = sync, .c = content,
		.pool = content->pool };
	uint32_t next[2] = { content->box[0].uidnext,
		content->box[1].uidnext };
	int ret;

	if (state_is_valid(pair->state, content))
		p.state = pair->state;
	pairing_init(&p);
	ret = decide(&p, err);
	if (ret == CV_OK)
		ret = apply(&p, 0, err);
	if (ret == CV_OK)
		ret = apply(&p, 1, err);
	if (ret == CV_OK)
		ret = copy_from(&p, 0, &next[1], err);
	if (ret == CV_OK)
		ret = copy_from(&p, 1, &next[0], err);
	if (ret == CV_OK)
		ret = raise_uidnext(&p, next, err);
	if (p.result.count > 0)
		qsort(p.result.items, p.result.count, sizeof(*p.result.items),
		      compare_result);
	result->rows = p.result.items;
	result->row_count = (uint32_t)p.result.count;
	return ret;
}
