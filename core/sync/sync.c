/* sync.c - a run: mailboxes, their messages, the account. */
#include "sync-private.h"

enum { SHOW_MSECS = 250, STATE_MSECS = 5000 };

bool sync_mask_matches(const char *mask, const char *name)
{
	const char *star = NULL, *tried = NULL;

	/* one place to come back to: time is bounded by the product of the
	 * lengths */
	while (*name != '\0') {
		if (*mask == '*' || *mask == '%') {
			star = mask++;
			tried = name;
		} else if (*mask == *name) {
			mask++;
			name++;
		} else if (star != NULL && (*star == '*' || *tried != '/')) {
			mask = star + 1;
			name = ++tried;
		} else {
			return false;
		}
	}
	while (*mask == '*' || *mask == '%')
		mask++;
	return *mask == '\0';
}

bool sync_is_untouched(const struct sync *sync, const char *name)
{
	for (int i = 0; i < 2; i++) {
		const struct sync_side *s = sync->side[i];

		if (s->ops->is_unread != NULL && s->ops->is_unread(s, name))
			return true;
	}
	return false;
}

void sync_show(struct sync *sync, const char *name)
{
	uint64_t now = time_monotonic_msecs();

	if (sync->options->progress == NULL ||
	    (name == NULL && now - sync->shown_at < SHOW_MSECS))
		return;
	sync->shown_at = now;
	sync->options->progress(sync->options->context, name, sync->done,
				sync->total);
}

int sync_failed(struct sync *sync, const char *name, int ret,
		struct cv_error *err)
{
	if (ret >= 0)
		return CV_OK;
	if (name != NULL)
		(void)error_prefix(err, "mailbox '%s'", name);
	if (sync->side[0]->broken || sync->side[1]->broken ||
	    ret == CV_E_NO_SPACE)
		return ret;
	sync->report->failures++;
	if (sync->options->failed != NULL)
		sync->options->failed(sync->options->context, err);
	*err = (struct cv_error)ERROR_NONE;
	return CV_OK;
}

void sync_damaged(struct sync *sync, int side, const struct cv_error *err)
{
	sync->report->damaged[side]++;
	if (sync->options->damaged != NULL)
		sync->options->damaged(sync->options->context, err);
}

/* --- one mailbox ------------------------------------------------------------------ */

static bool is_unchanged(const struct sync *sync,
			 const struct sync_pair *pair)
{
	const struct sync_state_box *s = pair->state;

	if (s == NULL || sync->options->full)
		return false;
	for (int side = 0; side < 2; side++) {
		const struct sync_box *box = pair->box[side];

		if (box->modseq == 0 || box->modseq != s->modseq[side] ||
		    box->uidnext != s->uidnext[side] ||
		    box->uidvalidity != s->uidvalidity[side])
			return false;
	}
	return true;
}

uint32_t sync_notes_unknown(const struct sync_side *s)
{
	return s->caps & SYNC_CAP_NOTES ? UINT32_MAX : 0;
}

/* The name by which the end knows it now; NULL: it does not. */
static const char *name_at(const struct sync_pair *pair, int side)
{
	return pair->absent[side] ? NULL : pair->real[side] != NULL ?
		pair->real[side] : pair->box[side]->name;
}

static int sync_annotations(struct sync *sync, const struct sync_pair *pair,
			    sync_entries *base, struct cv_pool *pool,
			    struct cv_error *err)
{
	const char *const names[2] = { name_at(pair, 0), name_at(pair, 1) };

	return sync_metadata(sync, names, base, pool, err);
}

static int read_side(struct sync *sync, const struct sync_pair *pair,
		     int side, struct sync_content *content,
		     struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	int ret;

	array_init(&content->rows[side], content->pool);
	if (pair->absent[side]) {
		content->box[side] = *pair->box[side];
		content->box[side].uidnext = 1;
		content->box[side].annotations = sync_notes_unknown(s);
		return CV_OK;
	}
	ret = s->ops->open(s, name_at(pair, side), &content->box[side], err);
	if (ret == CV_OK)
		ret = s->ops->rows(s, content->pool, &content->rows[side],
				   err);
	return ret;
}

/* SYNC_NOTES_x of a mailbox. */
static uint32_t kinds_of(const struct sync_box *box, bool to_write)
{
	uint32_t shared = to_write ? CV_ANNOTATIONS_WRITE_SHARED :
		CV_ANNOTATIONS_READ;
	uint32_t own = to_write ? CV_ANNOTATIONS_WRITE_PRIVATE :
		CV_ANNOTATIONS_PRIVATE;

	return (box->annotations & shared ? SYNC_NOTES_SHARED : 0) |
		(box->annotations & own ? SYNC_NOTES_PRIVATE : 0);
}

void sync_notes_limit(struct sync *sync, struct sync_content *content,
		      bool both_ways)
{
	uint32_t kinds = kinds_of(&content->box[0], false) &
		kinds_of(&content->box[1], false) &
		kinds_of(&content->box[1], true);

	if (both_ways)
		kinds &= kinds_of(&content->box[0], true);
	for (int side = 0; side < 2; side++) {
		sync_rows *rows = &content->rows[side];

		for (size_t i = 0; i < rows->count; i++)
			rows->items[i].notes = sync_notes_only(
				&sync->words, rows->items[i].notes, kinds);
	}
}

static void describe(const struct sync_content *c, const char *name,
		     struct sync_state_box *result)
{
	result->name = name;
	for (int side = 0; side < 2; side++) {
		memcpy(result->guid[side], c->box[side].guid, 16);
		result->uidvalidity[side] = c->box[side].uidvalidity;
		result->uidnext[side] = c->box[side].uidnext;
		result->modseq[side] = c->box[side].modseq;
	}
}

/* Two that are one mailbox, one of which was never used: clients that know
 * the other keep what they have of it. */
static int take_validity(struct sync *sync, const struct sync_pair *pair,
			 struct sync_content *c, struct cv_error *err)
{
	const uint32_t caps = SYNC_CAP_WRITE | SYNC_CAP_UIDS;
	int to = c->box[1].uidnext <= 1 ? 1 : 0, ret;

	if (sync->options->mirror || sync->options->dry_run ||
	    pair->state != NULL || pair->absent[0] || pair->absent[1] ||
	    c->box[to].uidnext > 1 || c->rows[to].count > 0 ||
	    c->box[!to].uidvalidity == 0 ||
	    c->box[0].uidvalidity == c->box[1].uidvalidity ||
	    memcmp(c->box[0].guid, c->box[1].guid, 16) != 0 ||
	    (sync->side[0]->caps & sync->side[1]->caps & caps) != caps)
		return CV_OK;
	ret = sync->side[to]->ops->update(
		sync->side[to], &(struct sync_update){
			.uidvalidity = c->box[!to].uidvalidity }, err);
	if (ret == CV_OK)
		c->box[to].uidvalidity = c->box[!to].uidvalidity;
	return ret;
}

static int sync_box(struct sync *sync, struct sync_pair *pair,
		    struct cv_error *err)
{
	struct sync_content content = { .pool = pool_create("sync box") };
	struct sync_state_box *result = pool_new(sync->pool,
						 struct sync_state_box);
	const char *name = pair->box[0]->name;
	uint64_t damaged = sync->report->damaged[0] +
		sync->report->damaged[1];
	int ret;

	array_init(&result->entries, sync->pool);
	if (pair->state != NULL)
		result->entries = pair->state->entries;
	ret = read_side(sync, pair, 0, &content, err);
	if (ret == CV_OK)
		ret = read_side(sync, pair, 1, &content, err);
	if (ret == CV_OK)
		ret = take_validity(sync, pair, &content, err);
	if (ret == CV_OK) {
		describe(&content, name, result);
		sync_notes_limit(sync, &content, !sync->options->mirror);
		ret = sync->options->mirror ?
			sync_mirror(sync, pair, &content, err) :
			sync_messages(sync, pair, &content, result, err);
	}
	/* what was left out: it is not unchanged next time */
	if (sync->report->damaged[0] + sync->report->damaged[1] != damaged)
		result->modseq[0] = result->modseq[1] = 0;
	if (ret == CV_OK)
		ret = sync_annotations(sync, pair, &result->entries,
				       content.pool, err);
	if (ret == CV_OK && pair->state != NULL)
		*pair->state = *result;
	else if (ret == CV_OK)
		*array_add(&sync->state.boxes) = pair->state = result;
	if (pair->state != NULL)
		pair->state->used = true;
	pool_destroy(&content.pool);
	return ret;
}

/* What the copy of a mailbox has beside its messages. */
static int copy_rights(struct sync *sync, const char *name,
		       struct cv_error *err)
{
	const struct sync_side_ops *to = sync->side[1]->ops;
	struct cv_pool *pool;
	struct cv_span text;
	int ret;

	if (!sync->options->mirror || sync->options->dry_run ||
	    to->set_rights == NULL || sync->side[0]->ops->rights == NULL)
		return CV_OK;
	pool = pool_create("sync rights");
	ret = sync->side[0]->ops->rights(sync->side[0], name, pool, &text,
					 err);
	if (ret == CV_OK && text.data != NULL)
		ret = to->set_rights(sync->side[1], name, text, err);
	pool_destroy(&pool);
	return ret;
}

static int save_state(struct sync *sync, bool now, struct cv_error *err)
{
	uint64_t at = time_monotonic_msecs();

	if (sync->options->state_path == NULL || sync->options->dry_run ||
	    (!now && at - sync->state_at < STATE_MSECS))
		return CV_OK;
	sync->state_at = at;
	return sync_state_save(&sync->state, sync->options->state_path,
			       &sync->words, err);
}

static int sync_boxes_all(struct sync *sync, struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < sync->pairs.count && ret == CV_OK; i++) {
		struct sync_pair *pair = &sync->pairs.items[i];
		const char *name;

		if (pair->box[0] == NULL || pair->box[1] == NULL)
			continue;
		name = pair->box[0]->name;
		sync_show(sync, name);
		sync->report->mailboxes++;
		if (is_unchanged(sync, pair)) {
			pair->state->used = true;
			ret = sync_annotations(sync, pair,
					       &pair->state->entries,
					       sync->pool, err);
		} else {
			ret = sync_box(sync, pair, err);
		}
		if (ret == CV_OK)
			ret = copy_rights(sync, name, err);
		ret = sync_failed(sync, name, ret, err);
		if (ret == CV_OK)
			ret = save_state(sync, false, err);
	}
	return ret;
}

/* --- the run ---------------------------------------------------------------------------- */

bool sync_is_named(const struct sync *sync, const char *name)
{
	const struct sync_options *o = sync->options;

	return (o->mask == NULL || sync_mask_matches(o->mask, name)) &&
		(o->exclude == NULL || !sync_mask_matches(o->exclude, name));
}

static bool is_wanted(const struct sync *sync, const char *name)
{
	return !sync_is_untouched(sync, name) && sync_is_named(sync, name) &&
		(sync->options->wanted == NULL ||
		 sync->options->wanted(sync->options->context, name));
}

static int list_side(struct sync *sync, int side, struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	const char *prefix;
	int ret;

	array_init(&sync->boxes[side], sync->pool);
	ret = s->ops->list(s, sync->pool, &sync->boxes[side], err);
	if (ret < 0)
		return error_prefix(err, "%s", s->label);
	for (uint32_t i = 0; s->ops->unread != NULL &&
	     ret == CV_OK && s->ops->unread(s, i, &prefix, err) == CV_OK;
	     i++) {
		(void)error_prefix(err, "%s", s->label);
		ret = sync_failed(sync, NULL, err->code, err);
	}
	return ret;
}

/* When both have been listed, it is known what is not to be touched. */
static void keep_wanted(struct sync *sync, int side)
{
	size_t to = 0;

	sync->unused[side] = true;
	for (size_t i = 0; i < sync->boxes[side].count; i++) {
		const struct sync_box *box = &sync->boxes[side].items[i];

		sync->unused[side] &= box->messages == 0 && box->uidnext <= 1;
		if (is_wanted(sync, sync->boxes[side].items[i].name))
			sync->boxes[side].items[to++] =
				sync->boxes[side].items[i];
	}
	sync->boxes[side].count = to;
}

static int check_caps(const struct sync *sync, struct cv_error *err)
{
	for (int side = sync->options->mirror ? 1 : 0; side < 2; side++) {
		if ((sync->side[side]->caps & SYNC_CAP_WRITE) == 0)
			return FAIL(err, CV_E_UNSUPPORTED, "%s can only be "
				    "read (hint: backup -R)",
				    sync->side[side]->label);
	}
	return CV_OK;
}

/* A source that has never had a message is one that was made just now, in
 * an empty mount point for example: nobody means its mirror. */
static int check_source(const struct sync *sync, struct cv_error *err)
{
	uint64_t messages = 0;

	if (!sync->options->mirror || sync->options->full ||
	    !sync->unused[0])
		return CV_OK;
	for (size_t i = 0; i < sync->boxes[1].count; i++)
		messages += sync->boxes[1].items[i].messages;
	return messages == 0 ? CV_OK : FAIL(
		err, CV_E_PERM, "there has never been a message in %s: the "
		"%llu of %s would all be removed (hint: with -f they are)",
		sync->side[0]->label, (unsigned long long)messages,
		sync->side[1]->label);
}

/* What was not seen in this run is gone, unless it was not looked at. */
static void forget_gone(struct sync *sync)
{
	size_t to = 0;

	for (size_t i = 0; i < sync->state.boxes.count; i++) {
		struct sync_state_box *box = sync->state.boxes.items[i];

		if (box->used || !is_wanted(sync, box->name) ||
		    sync->report->failures > 0)
			sync->state.boxes.items[to++] = box;
	}
	sync->state.boxes.count = to;
}

/* ret: of the run. */
static int end_sides(struct sync *sync, int ret, struct cv_error *err)
{
	bool complete = ret == CV_OK && sync->report->failures == 0;

	for (int i = 0; i < 2 && !sync->options->dry_run; i++) {
		struct sync_side *s = sync->side[i];
		struct cv_error end = ERROR_NONE;

		if (s->ops->done == NULL ||
		    s->ops->done(s, complete, &end) == CV_OK)
			continue;
		if (ret < 0 && sync->options->failed != NULL) {
			sync->options->failed(sync->options->context, &end);
			continue;
		}
		*err = end;
		ret = end.code;
	}
	return ret;
}

int sync_run(struct sync_side *a, struct sync_side *b,
	     const struct sync_options *options,
	     struct sync_report *report_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync");
	struct sync sync = { .pool = pool, .side = { a, b },
		.options = options, .report = report_r,
		.state_at = time_monotonic_msecs() };
	int ret;

	*report_r = (struct sync_report){ 0 };
	sync_words_init(&sync.words, pool);
	array_init(&sync.pairs, pool);
	a->words = b->words = &sync.words;
	ret = check_caps(&sync, err);
	if (ret == CV_OK)
		ret = sync_state_load(&sync.state, pool, options->state_path,
				      &sync.words, err);
	if (ret == CV_OK)
		ret = list_side(&sync, 0, err);
	if (ret == CV_OK)
		ret = list_side(&sync, 1, err);
	for (int side = 0; side < 2 && ret == CV_OK; side++)
		keep_wanted(&sync, side);
	if (ret == CV_OK)
		ret = check_source(&sync, err);
	if (ret == CV_OK)
		ret = sync_boxes_match(&sync, err);
	if (ret == CV_OK)
		ret = sync_boxes_all(&sync, err);
	if (ret == CV_OK)
		ret = sync_account(&sync, err);
	forget_gone(&sync);
	if (ret == CV_OK)
		ret = save_state(&sync, true, err);
	ret = end_sides(&sync, ret, err);
	a->words = b->words = NULL;
	pool_destroy(&pool);
	return ret;
}
