/* sync-mirror.c - the messages of a mailbox that becomes a copy of another.
 *
 * INVARIANT: UIDs of the target ascend with those of the source, and a
 * message that is there has its source's: after a kill the next run goes on
 * behind the last one.  A message that was damaged is missing before it; all
 * is made anew only when it can be read after all. */
#include "sync-private.h"

struct mirroring {
	struct sync *sync;
	struct sync_content *c;
	struct cv_pool *pool;
	bool uids;			/* the source's mean something */
	bool again;			/* the target is made anew */
	bool *bad;			/* by number of the source's row */
	bool *alike;			/* so too: it is the target's with
					 * this UID, which has its own GUID */
	const struct sync_row **copy;
	uint32_t copy_count;
	ARRAY(struct sync_change) changes;
	ARRAY(uint32_t) expunge;
};

static bool has_guid(const struct sync_row *a, const struct sync_row *b)
{
	return memcmp(a->guid, b->guid, sizeof(a->guid)) == 0;
}

/* Where an index was made anew GUIDs are new, too: then date and size say who
 * is who.  In a mailbox that never was a copy of the source's any message may
 * have them: there the bytes do. */
static int find_alike(struct mirroring *m, struct cv_error *err)
{
	const sync_rows *a = &m->c->rows[0], *b = &m->c->rows[1];
	const struct sync_row **pair[2];
	uint32_t count = 0;
	bool *same;
	int ret = CV_OK;

	for (int end = 0; end < 2; end++)
		pair[end] = pool_new_array(m->pool, const struct sync_row *,
					   a->count + 1);
	for (size_t i = 0, k = 0; i < a->count; i++) {
		const struct sync_row *source = &a->items[i];

		while (k < b->count && b->items[k].uid < source->uid)
			k++;
		if (k == b->count)
			break;
		if (b->items[k].uid != source->uid ||
		    has_guid(source, &b->items[k]) ||
		    source->received != b->items[k].received ||
		    source->size != b->items[k].size)
			continue;
		pair[0][count] = source;
		pair[1][count++] = &b->items[k];
	}
	same = pool_new_array(m->pool, bool, count + 1);
	if (m->c->box[0].uidvalidity == m->c->box[1].uidvalidity)
		memset(same, true, count);
	else
		ret = sync_compare(m->sync, pair[0], pair[1], count, same,
				   err);
	for (uint32_t i = 0; i < count; i++)
		m->alike[pair[0][i] - a->items] = same[i];
	return ret;
}

static void keep(struct mirroring *m, const struct sync_row *source,
		 const struct sync_row *target)
{
	struct sync_change change;

	if ((m->sync->side[0]->caps & SYNC_CAP_FLAGS) != 0 &&
	    sync_change_make(m->sync, target, source->flags, source->words,
			     source->notes, &change))
		*array_add(&m->changes) = change;
}

static void compare_uids(struct mirroring *m)
{
	const sync_rows *a = &m->c->rows[0], *b = &m->c->rows[1];
	size_t i = 0, k = 0;

	while (i < a->count || k < b->count) {
		uint32_t source = i < a->count ? a->items[i].uid : UINT32_MAX;
		uint32_t target = k < b->count ? b->items[k].uid : UINT32_MAX;

		if (source == target && (has_guid(&a->items[i], &b->items[k]) ||
					 m->alike[i])) {
			keep(m, &a->items[i++], &b->items[k++]);
			continue;
		}
		if (target <= source)
			*array_add(&m->expunge) = b->items[k++].uid;
		if (source <= target)
			m->copy[m->copy_count++] = &a->items[i++];
	}
}

/* A source without UIDs (POP3): GUIDs, made of what it has instead, say who
 * is who. */
static void compare_guids(struct mirroring *m)
{
	const sync_rows *a = &m->c->rows[0], *b = &m->c->rows[1];
	struct hash_table there;

	hash_init(&there, m->pool, false);
	for (size_t k = 0; k < b->count; k++)
		hash_set(&there, cv_span((const char *)b->items[k].guid, 16),
			 &b->items[k]);
	for (size_t i = 0; i < a->count; i++) {
		struct cv_span guid = cv_span(
			(const char *)a->items[i].guid, 16);
		const struct sync_row *target = hash_find(&there, guid);

		if (target == NULL) {
			m->copy[m->copy_count++] = &a->items[i];
		} else {
			keep(m, &a->items[i], target);
			(void)hash_remove(&there, guid);
		}
	}
	for (size_t k = 0; k < b->count; k++) {
		if (hash_find(&there, cv_span((const char *)b->items[k].guid,
					      16)) != NULL)
			*array_add(&m->expunge) = b->items[k].uid;
	}
}

/* Messages whose UIDs were passed here: only those count that can be read. */
static int probe_passed(struct mirroring *m, uint32_t next,
			struct cv_error *err)
{
	uint32_t passed = 0, left;
	int ret;

	while (passed < m->copy_count && m->copy[passed]->uid < next)
		passed++;
	left = passed;
	if (passed == 0 || m->sync->options->dry_run)
		return CV_OK;
	for (uint32_t i = 0; i < passed; i++)
		m->bad[m->copy[i] - m->c->rows[0].items] = true;
	ret = sync_probe(m->sync, 0, m->copy, &left, err);
	for (uint32_t i = 0; i < left; i++)
		m->bad[m->copy[i] - m->c->rows[0].items] = false;
	if (ret == CV_OK && left < passed) {
		memmove(m->copy + left, m->copy + passed,
			(m->copy_count - passed) * sizeof(*m->copy));
		m->copy_count -= passed - left;
	}
	return ret;
}

/* What is made anew loses what only the copy still has whole. */
static int check_source(struct mirroring *m, struct cv_error *err)
{
	const sync_rows *a = &m->c->rows[0], *b = &m->c->rows[1];
	const struct sync_row **rows = pool_new_array(
		m->pool, const struct sync_row *, a->count + 1);
	struct hash_table there;
	uint32_t count = 0, whole;
	int ret;

	if (m->sync->options->full || m->sync->options->dry_run)
		return CV_OK;
	hash_init(&there, m->pool, false);
	for (size_t k = 0; k < b->count; k++)
		hash_set(&there, cv_span((const char *)b->items[k].guid, 16),
			 &there);
	for (size_t i = 0; i < a->count; i++) {
		if (hash_find(&there, cv_span((const char *)a->items[i].guid,
					      16)) != NULL)
			rows[count++] = &a->items[i];
	}
	whole = count;
	ret = sync_probe(m->sync, 0, rows, &whole, err);
	if (ret == CV_OK && whole < count)
		return FAIL(err, CV_E_TEMP, "%u messages cannot be read in %s "
			    "any more, and would be lost in %s, which has to "
			    "be made anew (hint: with -f it is)",
			    count - whole, m->sync->side[0]->label,
			    m->sync->side[1]->label);
	return ret;
}

/* The UIDs that are to come were passed here: all is made anew. */
static int start_again(struct mirroring *m, uint32_t *next,
		       struct cv_error *err)
{
	struct sync_side *to = m->sync->side[1];
	const sync_rows *a = &m->c->rows[0];
	int ret = check_source(m, err);

	if (ret < 0)
		return ret;
	m->sync->report->expunged[1] += m->c->rows[1].count;
	m->expunge.count = m->changes.count = 0;
	m->copy_count = 0;
	for (size_t i = 0; i < a->count; i++) {
		if (!m->bad[i])
			m->copy[m->copy_count++] = &a->items[i];
	}
	*next = 1;
	m->again = true;
	if (!m->sync->options->dry_run)
		ret = to->ops->update(to, &(struct sync_update){
			.uidvalidity = m->c->box[0].uidvalidity,
			.uidnext = 1, .empty = true }, err);
	return ret;
}

static int apply(struct mirroring *m, struct cv_error *err)
{
	struct sync *sync = m->sync;
	struct sync_side *to = sync->side[1];
	int ret = CV_OK;

	sync->report->expunged[1] += m->expunge.count;
	sync_count_changes(sync->report, 1, m->changes.items,
			   (uint32_t)m->changes.count);
	if (sync->options->dry_run)
		return CV_OK;
	if (m->expunge.count > 0)
		ret = to->ops->expunge(to, m->expunge.items,
				       (uint32_t)m->expunge.count, err);
	if (ret == CV_OK && m->uids && m->c->box[0].uidvalidity !=
	    m->c->box[1].uidvalidity)
		ret = to->ops->update(to, &(struct sync_update){
			.uidvalidity = m->c->box[0].uidvalidity }, err);
	if (ret == CV_OK && m->changes.count > 0)
		ret = to->ops->change(to, m->changes.items,
				      (uint32_t)m->changes.count, err);
	return ret;
}

/* Whoever knows the source knows it by a HIGHESTMODSEQ that the target must
 * not be below. */
static bool is_behind(const struct mirroring *m)
{
	return m->c->box[1].modseq < m->c->box[0].modseq;
}

/* Modseqs of the source stand for its clients, those of the target for whoever
 * has seen that.  In an empty mailbox nobody has seen anything: there the
 * source's are kept.  Later they would be below what clients of the target
 * know, who would miss these messages. */
static void choose_modseqs(struct mirroring *m)
{
	struct sync_row *rows;

	if (m->c->rows[1].count == 0 || m->again)
		return;
	rows = pool_new_array(m->pool, struct sync_row, m->copy_count + 1);
	for (uint32_t i = 0; i < m->copy_count; i++) {
		rows[i] = *m->copy[i];
		rows[i].modseq = 0;
		m->copy[i] = &rows[i];
	}
}

/* A target that was made before, or is far away, may count lower than the
 * modseqs that it is to keep, and would cut them to its own: so it is raised
 * before the messages come, not behind them. */
static int raise_modseq(struct mirroring *m, struct cv_error *err)
{
	struct sync_side *to = m->sync->side[1];
	uint64_t modseq = m->c->box[0].modseq;
	int ret;

	if (!m->uids || !is_behind(m))
		return CV_OK;
	ret = to->ops->update(to, &(struct sync_update){ .modseq = modseq },
			      err);
	if (ret == CV_OK)
		m->c->box[1].modseq = modseq;
	return ret;
}

static int copy(struct mirroring *m, uint32_t next, struct cv_error *err)
{
	struct sync *sync = m->sync;
	struct sync_side *to = sync->side[1];
	uint32_t *uids = pool_new_array(m->pool, uint32_t,
					(size_t)m->copy_count + 1);
	int ret;

	if (sync->options->dry_run) {
		sync_count_copy(sync, 0, m->copy, m->copy_count);
		return CV_OK;
	}
	sync->total += m->copy_count;
	choose_modseqs(m);
	ret = raise_modseq(m, err);
	if (ret == CV_OK && m->copy_count > 0)
		ret = sync_copy(sync, 0, m->c->box[1].name, m->copy,
				m->copy_count, &next, m->uids ?
				SYNC_UIDS_STRICT : SYNC_UIDS_NEW, uids, err);
	if (ret == CV_E_EXISTS)
		return FAIL(err, CV_E_TEMP, "%s was changed meanwhile (hint: "
			    "run it again)", to->label);
	if (ret == CV_OK && m->uids && next < m->c->box[0].uidnext)
		ret = to->ops->update(to, &(struct sync_update){
			.uidnext = m->c->box[0].uidnext }, err);
	return ret;
}

int sync_mirror(struct sync *sync, const struct sync_pair *pair,
		struct sync_content *content, struct cv_error *err)
{
	struct mirroring m = {
		.sync = sync, .c = content, .pool = content->pool,
		.uids = (sync->side[0]->caps & SYNC_CAP_UIDS) != 0,
		.copy = pool_new_array(content->pool,
				       const struct sync_row *,
				       content->rows[0].count + 1),
		.bad = pool_new_array(content->pool, bool,
				      content->rows[0].count + 1),
		.alike = pool_new_array(content->pool, bool,
					content->rows[0].count + 1),
	};
	uint32_t next = content->box[1].uidnext;
	int ret = CV_OK;

	(void)pair;
	array_init(&m.changes, m.pool);
	array_init(&m.expunge, m.pool);
	if (m.uids)
		ret = find_alike(&m, err);
	if (m.uids && ret == CV_OK)
		compare_uids(&m);
	else if (!m.uids)
		compare_guids(&m);
	if (m.uids && ret == CV_OK)
		ret = probe_passed(&m, next, err);
	if (ret == CV_OK && m.uids && ((m.copy_count > 0 && m.copy[0]->uid < next) ||
		       next > content->box[0].uidnext))
		ret = start_again(&m, &next, err);
	if (ret == CV_OK)
		ret = apply(&m, err);
	return ret == CV_OK ? copy(&m, next, err) : ret;
}
