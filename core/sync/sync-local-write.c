/* sync-local-write.c - flags, expunges and messages for the open mailbox of a
 * user of this process. */
#include "sync-local.h"
#include "mailbox/mailbox-admin.h"

#include <stdlib.h>

static int store_set(struct local *l, struct cv_set uids, uint32_t change,
		     uint32_t flags, uint32_t words, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_store_request r = { CV_SIZED(cv_store_request),
		.change = change, .flags = flags, .silent = true,
		.unchanged_since = UINT64_MAX, .settle_later = true };
	int ret;

	if (flags == 0 && words == 0)
		return CV_OK;
	pool = pool_create("sync store");
	if (words != 0)
		r.keywords = sync_words_get(l->side.words, words, pool);
	ret = mailbox_api.uids_to_seqs(l->box, uids, pool, &r.seqs);
	if (ret == CV_OK && r.seqs.count > 0)
		ret = mailbox_api.store(l->box, &r, pool, NULL, err);
	pool_destroy(&pool);
	return ret;
}

static int store_notes(struct local *l, struct cv_set uids, uint32_t notes,
		       struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_store_request r = { CV_SIZED(cv_store_request),
		.silent = true, .unchanged_since = UINT64_MAX,
		.settle_later = true };
	int ret;

	if (notes == 0)
		return CV_OK;
	pool = pool_create("sync store");
	r.annotations = sync_notes_get(l->side.words, notes, pool,
				       &r.annotation_count);
	ret = mailbox_api.uids_to_seqs(l->box, uids, pool, &r.seqs);
	if (ret == CV_OK && r.seqs.count > 0)
		ret = mailbox_api.store(l->box, &r, pool, NULL, err);
	pool_destroy(&pool);
	return ret;
}

static int compare_what(const struct sync_change *a,
			const struct sync_change *b)
{
	return a->add != b->add ? (a->add < b->add ? -1 : 1) :
		a->remove != b->remove ? (a->remove < b->remove ? -1 : 1) :
		a->add_words != b->add_words ?
			(a->add_words < b->add_words ? -1 : 1) :
		a->remove_words != b->remove_words ?
			(a->remove_words < b->remove_words ? -1 : 1) :
		a->notes != b->notes ? (a->notes < b->notes ? -1 : 1) : 0;
}

static int compare_changes(const void *one, const void *other)
{
	const struct sync_change *a = one, *b = other;
	int what = compare_what(a, b);

	return what != 0 ? what : a->uid < b->uid ? -1 : a->uid > b->uid;
}

/* One commit for all messages that change alike, one sync for all. */
int sync_local_change(struct sync_side *s, struct sync_change *changes,
		      uint32_t count, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync change");
	struct cv_range *ranges = pool_new_array(pool, struct cv_range,
						 (size_t)count + 1);
	uint32_t i = 0;
	int ret = CV_OK;

	if (count > 0)
		qsort(changes, count, sizeof(*changes), compare_changes);
	while (i < count && ret == CV_OK) {
		const struct sync_change *first = &changes[i];
		struct cv_set set = { ranges, 0 };

		for (; i < count && compare_what(first, &changes[i]) == 0;
		     i++) {
			if (set.count > 0 && changes[i].uid ==
			    ranges[set.count - 1].last)
				continue;
			ranges[set.count++] = (struct cv_range){
				changes[i].uid, changes[i].uid };
		}
		ret = store_set(l, set, CV_FLAGS_ADD, first->add,
				first->add_words, err);
		if (ret == CV_OK)
			ret = store_set(l, set, CV_FLAGS_REMOVE,
					first->remove, first->remove_words,
					err);
		if (ret == CV_OK)
			ret = store_notes(l, set, first->notes, err);
	}
	if (ret == CV_OK)
		ret = mailbox_api.settle(l->user, err);
	pool_destroy(&pool);
	return ret;
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int sync_local_expunge(struct sync_side *s, const uint32_t *uids,
		       uint32_t count, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool = pool_create("sync expunge");
	struct cv_range *ranges = pool_new_array(pool, struct cv_range,
						 (size_t)count + 1);
	uint32_t *sorted = pool_new_array(pool, uint32_t, (size_t)count + 1);
	struct cv_set set = { ranges, 0 };
	int ret = CV_OK;

	if (count > 0) {
		memcpy(sorted, uids, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), compare_uids);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (set.count == 0 || sorted[i] > ranges[set.count - 1].last)
			ranges[set.count++] = (struct cv_range){
				sorted[i], sorted[i] };
	}
	if (count > 0)
		ret = store_set(l, set, CV_FLAGS_ADD, CV_FLAG_DELETED, 0,
				err);
	if (ret == CV_OK)
		ret = mailbox_api.settle(l->user, err);
	if (ret == CV_OK && count > 0)
		ret = mailbox_api.expunge(l->box, &set, err);
	pool_destroy(&pool);
	return ret;
}

int sync_local_save_add(struct sync_side *s, const struct sync_row *as,
			struct cv_error *err)
{
	struct local *l = (struct local *)s;
	static const uint8_t none[16];
	struct cv_pool *pool = pool_create("sync save");
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.size_hint = as->size, .flags = as->flags,
		.internal_date = as->received, .uid = as->uid,
		.save_date = as->saved, .modseq = as->modseq,
		.annotations_if_allowed = true };
	int ret = CV_OK;

	if (memcmp(as->guid, none, sizeof(none)) != 0)
		r.guid = as->guid;
	if (as->words != 0)
		r.keywords = sync_words_get(s->words, as->words, pool);
	if (as->notes != 0)
		r.annotations = sync_notes_get(s->words, as->notes, pool,
					       &r.annotation_count);
	if (l->save == NULL) {
		l->saved_count = 0;
		l->adding = false;
		ret = mailbox_api.save_begin(l->user, l->name, &l->save, err);
	}
	if (ret == CV_OK && l->adding)
		ret = mailbox_api.save_finish(l->save, err);
	if (ret == CV_OK)
		ret = mailbox_api.save_add(l->save, &r, err);
	l->adding = ret == CV_OK;
	l->saved_count += ret == CV_OK;
	pool_destroy(&pool);
	return ret;
}

int sync_local_save_write(struct sync_side *s, struct cv_span data,
			  struct cv_error *err)
{
	struct local *l = (struct local *)s;

	if (!l->adding)
		return FAIL(err, CV_E_INTERNAL, "nothing is being saved");
	return mailbox_api.save_write(l->save, data.data, data.len, err);
}

int sync_local_save_commit(struct sync_side *s, uint32_t *uids_r,
			   uint32_t count, struct cv_error *err)
{
	struct local *l = (struct local *)s;
	struct cv_pool *pool;
	struct cv_set uids;
	uint32_t uidvalidity, at = 0;
	int ret = CV_OK;

	if (l->save == NULL || count != l->saved_count)
		return FAIL(err, CV_E_INTERNAL, "%u messages to be saved, not "
			    "%u", l->save == NULL ? 0 : l->saved_count,
			    count);
	pool = pool_create("sync commit");
	if (l->adding)
		ret = mailbox_api.save_finish(l->save, err);
	if (ret == CV_OK)
		ret = mailbox_api.save_commit(&l->save, pool, &uidvalidity,
					      &uids, err);
	else
		mailbox_api.save_abort(&l->save);
	for (uint32_t i = 0; ret == CV_OK && i < uids.count; i++) {
		for (uint32_t uid = uids.ranges[i].first; at < count &&
		     uid <= uids.ranges[i].last; uid++)
			uids_r[at++] = uid;
	}
	l->adding = false;
	pool_destroy(&pool);
	return ret;
}

void sync_local_save_abort(struct sync_side *s)
{
	struct local *l = (struct local *)s;

	mailbox_api.save_abort(&l->save);
	l->adding = false;
}
