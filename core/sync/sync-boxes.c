/* sync-boxes.c - which mailbox is which; renames, deletions, new ones;
 * annotations and subscriptions. */
#include "sync-private.h"

/* --- pairs ---------------------------------------------------------------------- */

static bool has_guid(const struct sync_box *box)
{
	static const uint8_t none[16];

	return memcmp(box->guid, none, sizeof(none)) != 0;
}

static bool is_inbox(const struct sync_box *box)
{
	return strcmp(box->name, "INBOX") == 0;
}

/* The mailboxes of the second end that have no pair yet. */
struct finder { struct hash_table names, guids; };

static void finder_init(struct finder *f, sync_boxes *boxes,
			struct cv_pool *pool)
{
	hash_init(&f->names, pool, false);
	hash_init(&f->guids, pool, false);
	for (size_t i = 0; i < boxes->count; i++) {
		struct sync_box *box = &boxes->items[i];

		hash_set(&f->names, cv_span_of(box->name), box);
		if (has_guid(box) && !is_inbox(box))
			hash_set(&f->guids, cv_span((const char *)box->guid,
						    16), box);
	}
}

static struct sync_box *find_guid(const struct finder *f,
				  const uint8_t guid[16])
{
	return hash_find(&f->guids, cv_span((const char *)guid, 16));
}

static void take(struct finder *f, struct sync_box *box)
{
	(void)hash_remove(&f->names, cv_span_of(box->name));
	(void)hash_remove(&f->guids, cv_span((const char *)box->guid, 16));
}

static struct sync_state_box *state_of(struct sync *sync, int side,
				       const struct sync_box *box)
{
	for (size_t i = 0; i < sync->state.boxes.count; i++) {
		struct sync_state_box *s = sync->state.boxes.items[i];

		if (memcmp(s->guid[side], box->guid, 16) == 0)
			return s;
	}
	return NULL;
}

static struct sync_pair *add_pair(struct sync *sync, struct sync_box *a,
				  struct sync_box *b,
				  struct sync_state_box *state)
{
	struct sync_pair *pair = array_add(&sync->pairs);

	*pair = (struct sync_pair){
		.box = { a, b }, .state = state,
	};
	return pair;
}

static void pair_all(struct sync *sync)
{
	struct finder f;
	size_t count = sync->boxes[0].count;
	struct sync_box **partners = pool_new_array(sync->pool,
						    struct sync_box *,
						    count + 1);

	finder_init(&f, &sync->boxes[1], sync->pool);
	/* identity first, names after: a name may be another mailbox's now */
	for (size_t i = 0; i < count; i++) {
		struct sync_box *a = &sync->boxes[0].items[i];
		struct sync_state_box *s = state_of(sync, 0, a);

		if (is_inbox(a))
			partners[i] = hash_find(&f.names, CV_SPAN("INBOX"));
		else if (s != NULL)
			partners[i] = find_guid(&f, s->guid[1]);
		if (partners[i] == NULL && has_guid(a) && !is_inbox(a))
			partners[i] = find_guid(&f, a->guid);
		if (partners[i] != NULL)
			take(&f, partners[i]);
	}
	for (size_t i = 0; i < count; i++) {
		struct sync_box *a = &sync->boxes[0].items[i];
		struct sync_state_box *s = state_of(sync, 0, a);

		if (partners[i] == NULL)
			partners[i] = hash_find(&f.names,
						cv_span_of(a->name));
		if (partners[i] != NULL)
			take(&f, partners[i]);
		if (s != NULL && partners[i] != NULL &&
		    memcmp(s->guid[1], partners[i]->guid, 16) != 0)
			s = NULL;
		(void)add_pair(sync, a, partners[i], s);
	}
	for (size_t i = 0; i < sync->boxes[1].count; i++) {
		struct sync_box *b = &sync->boxes[1].items[i];

		if (hash_find(&f.names, cv_span_of(b->name)) == b)
			(void)add_pair(sync, NULL, b, state_of(sync, 1, b));
	}
}

/* --- renaming ---------------------------------------------------------------------- */

static struct sync_box *find_name(struct sync *sync, int side,
				  const char *name)
{
	for (size_t i = 0; i < sync->pairs.count; i++) {
		struct sync_box *box = sync->pairs.items[i].box[side];

		if (box != NULL && strcmp(box->name, name) == 0)
			return box;
	}
	return NULL;
}

/* Mailboxes below it go with it. */
static int rename_box(struct sync *sync, int side, struct sync_box *box,
		      const char *to, struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	const char *from = box->name;
	size_t len = strlen(from);
	int ret = CV_OK;

	sync->report->renamed[side]++;
	if (!sync->options->dry_run)
		ret = s->ops->rename(s, from, to, err);
	if (ret < 0)
		return error_prefix(err, "mailbox '%s' to '%s'", from, to);
	for (size_t i = 0; i < sync->pairs.count; i++) {
		struct sync_pair *p = &sync->pairs.items[i];
		struct sync_box *b = p->box[side];

		if (b == NULL || strncmp(b->name, from, len) != 0 ||
		    (b->name[len] != '/' && b != box))
			continue;
		if (sync->options->dry_run && p->real[side] == NULL)
			p->real[side] = b->name;
		b->name = pool_printf(sync->pool, "%s%s", to, b->name + len);
	}
	return CV_OK;
}

/* A name that is free at both ends. */
static const char *other_name(struct sync *sync, const struct sync_box *box)
{
	const char *name;
	uint32_t number = (uint32_t)box->guid[0] << 8 | box->guid[1];

	do {
		name = pool_printf(sync->pool, "%s-%04x", box->name,
				   number++ & 0xffff);
	} while (find_name(sync, 0, name) != NULL ||
		 find_name(sync, 1, name) != NULL);
	return name;
}

/* The end at which a pair is to be renamed; -1: the names agree. */
static int rename_side(const struct sync *sync, const struct sync_pair *p)
{
	if (p->box[0] == NULL || p->box[1] == NULL ||
	    strcmp(p->box[0]->name, p->box[1]->name) == 0)
		return -1;
	/* renamed at the second end only: the first follows */
	if (!sync->options->mirror && p->state != NULL &&
	    strcmp(p->box[0]->name, p->state->name) == 0)
		return 0;
	return 1;
}

static int rename_pair(struct sync *sync, struct sync_pair *p, int side,
		       struct cv_error *err)
{
	const char *to = p->box[!side]->name;
	struct sync_box *there = find_name(sync, side, to);
	int ret = CV_OK;

	if (is_inbox(p->box[side]) || strcmp(to, "INBOX") == 0)
		return FAIL(err, CV_E_UNSUPPORTED, "INBOX cannot be renamed");
	/* who has the name gets another, its own turn may come */
	if (there != NULL)
		ret = rename_box(sync, side, there, other_name(sync, there),
				 err);
	return ret < 0 ? ret : rename_box(sync, side, p->box[side], to, err);
}

static int rename_all(struct sync *sync, struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < sync->pairs.count && ret == CV_OK; i++) {
		struct sync_pair *p = &sync->pairs.items[i];
		int side = rename_side(sync, p);
		const char *name;

		if (side < 0)
			continue;
		name = p->box[side]->name;
		ret = sync_failed(sync, name, rename_pair(sync, p, side, err),
				  err);
	}
	return ret;
}

/* --- removing and creating ------------------------------------------------------------ */

static int remove_box(struct sync *sync, struct sync_pair *p, int side,
		      struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	int ret = CV_OK;

	if (!sync->options->dry_run)
		ret = s->ops->remove(s, p->box[side]->name, err);
	if (ret < 0)
		return ret;
	sync->report->removed[side]++;
	p->box[side] = NULL;
	return CV_OK;
}

/* side: where it is missing. */
static int create_box(struct sync *sync, struct sync_pair *p, int side,
		      struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	struct sync_box *have = p->box[!side];
	struct sync_box *new = pool_new(sync->pool, struct sync_box);
	int ret = CV_OK;

	/* the name is that of another one there */
	if (find_name(sync, side, have->name) != NULL)
		ret = rename_box(sync, !side, have, other_name(sync, have),
				 err);
	if (ret < 0)
		return ret;
	*new = *have;
	new->modseq = 0;
	new->messages = 0;
	if ((sync->side[!side]->caps & SYNC_CAP_UIDS) == 0)
		new->uidvalidity = 0;
	if (!sync->options->dry_run)
		ret = s->ops->create(s, new, err);
	/* it was made meanwhile, or could not be listed */
	if (ret == CV_E_EXISTS)
		ret = CV_OK;
	if (ret < 0)
		return ret;
	sync->report->created[side]++;
	p->box[side] = new;
	p->absent[side] = sync->options->dry_run;
	p->state = NULL;
	return CV_OK;
}

static int settle_pair(struct sync *sync, struct sync_pair *p,
		       struct cv_error *err)
{
	int missing = p->box[0] == NULL ? 0 : 1, there = !missing;
	const struct sync_box *box = p->box[there];
	struct sync_state_box *s = p->state != NULL ? p->state :
		state_of(sync, there, box);

	bool lasts = sync->options->lasts != NULL &&
		sync->options->lasts(sync->options->context, box->name);

	if (sync->options->mirror)
		return there == 0 ? create_box(sync, p, 1, err) :
			is_inbox(box) || lasts ||
			(sync->side[0]->caps & SYNC_CAP_BOXES) == 0 ? CV_OK :
			remove_box(sync, p, 1, err);
	if (s != NULL && lasts) {
		s->used = true;
		return CV_OK;
	}
	/* deleted at the other end, and nothing has come since; an end that
	 * went back in time lost it otherwise */
	if (s != NULL && !is_inbox(box) && box->uidnext <= s->uidnext[there])
		return remove_box(sync, p, there, err);
	return create_box(sync, p, missing, err);
}

/* --- the same mailbox, with one identity --------------------------------------------- */

static bool is_unused(const struct sync_box *box)
{
	return box->uidnext <= 1 && box->messages == 0;
}

/* Whoever has never used it takes the GUID of the other: INBOX, and what was
 * made at both ends. */
static int identify_pair(struct sync *sync, struct sync_pair *p,
			 struct cv_error *err)
{
	struct sync_box *box[2] = { p->box[0], p->box[1] };
	int to = is_unused(box[1]) ? 1 : is_unused(box[0]) ? 0 : -1;
	int ret = CV_E_EXISTS;

	if (memcmp(box[0]->guid, box[1]->guid, 16) == 0 ||
	    !has_guid(box[0]) || !has_guid(box[1]))
		return CV_OK;
	if (to == 0 && sync->options->mirror)
		to = -1;
	if (to >= 0 && sync->options->dry_run)
		ret = CV_OK;
	else if (to >= 0 && sync->side[to]->ops->identify != NULL)
		ret = sync->side[to]->ops->identify(sync->side[to],
						    box[to]->name,
						    box[!to]->guid, err);
	if (ret == CV_E_EXISTS || ret == CV_E_UNSUPPORTED) {
		/* both go on with their own */
		sync->report->inbox_differs |= is_inbox(box[0]);
		return CV_OK;
	}
	if (ret < 0)
		return ret;
	memcpy(box[to]->guid, box[!to]->guid, 16);
	return CV_OK;
}

int sync_boxes_match(struct sync *sync, struct cv_error *err)
{
	int ret;

	pair_all(sync);
	ret = rename_all(sync, err);
	for (size_t i = 0; i < sync->pairs.count && ret == CV_OK; i++) {
		struct sync_pair *p = &sync->pairs.items[i];
		const char *name;

		name = p->box[0] != NULL ? p->box[0]->name : p->box[1]->name;
		ret = p->box[0] == NULL || p->box[1] == NULL ?
			settle_pair(sync, p, err) :
			identify_pair(sync, p, err);
		ret = sync_failed(sync, name, ret, err);
	}
	return ret;
}

/* --- annotations ------------------------------------------------------------------------ */

static const struct cv_span *find_entry(const sync_entries *entries,
					struct cv_span key)
{
	for (size_t i = 0; i < entries->count; i++) {
		if (cv_span_equal(entries->items[i].key, key))
			return &entries->items[i].value;
	}
	return NULL;
}

static bool same_value(const struct cv_span *a, const struct cv_span *b)
{
	return a == NULL || b == NULL ? a == b : cv_span_equal(*a, *b);
}

static int set_entry(struct sync *sync, int side, const char *name,
		     struct cv_span key, const struct cv_span *value,
		     struct cv_error *err)
{
	struct sync_side *s = sync->side[side];
	struct sync_entry entry = { key, CV_SPAN_NONE };

	if (value != NULL)
		entry.value = *value;
	sync->report->entries[side]++;
	return sync->options->dry_run ? CV_OK :
		s->ops->set_metadata(s, name, &entry, err);
}

/* One entry: whoever changed it since the common state; both: the first end,
 * but a change wins over a removal. */
static int merge_entry(struct sync *sync, const char *const names[2],
		       struct cv_span key, const sync_entries sides[2],
		       const sync_entries *base, sync_entries *result,
		       struct cv_error *err)
{
	const struct cv_span *a = find_entry(&sides[0], key);
	const struct cv_span *b = find_entry(&sides[1], key);
	const struct cv_span *old = find_entry(base, key), *value = a;
	int ret = CV_OK;

	if (!sync->options->mirror && !same_value(a, b) &&
	    (same_value(a, old) || a == NULL) && !same_value(b, old))
		value = b;
	if (!same_value(a, value))
		ret = set_entry(sync, 0, names[0], key, value, err);
	if (ret == CV_OK && !same_value(b, value))
		ret = set_entry(sync, 1, names[1], key, value, err);
	if (ret == CV_OK && value != NULL)
		*array_add(result) = (struct sync_entry){
			pool_span(sync->pool, key),
			pool_span(sync->pool, *value),
		};
	return ret;
}

int sync_metadata(struct sync *sync, const char *const names[2],
		  sync_entries *base, struct cv_pool *pool,
		  struct cv_error *err)
{
	sync_entries sides[2], result;
	int ret = CV_OK;

	for (int side = 0; side < 2 && ret == CV_OK; side++) {
		struct sync_side *s = sync->side[side];

		if ((s->caps & SYNC_CAP_METADATA) == 0)
			return CV_OK;
		array_init(&sides[side], pool);
		if (names[side] != NULL)
			ret = s->ops->metadata(s, names[side], pool,
					       &sides[side], err);
	}
	array_init(&result, sync->pool);
	for (size_t i = 0; ret == CV_OK && i < sides[0].count; i++)
		ret = merge_entry(sync, names, sides[0].items[i].key, sides,
				  base, &result, err);
	for (size_t i = 0; ret == CV_OK && i < sides[1].count; i++) {
		if (find_entry(&sides[0], sides[1].items[i].key) == NULL)
			ret = merge_entry(sync, names, sides[1].items[i].key,
					  sides, base, &result, err);
	}
	if (ret == CV_OK)
		*base = result;
	return ret;
}

/* --- subscriptions ----------------------------------------------------------------------- */

static bool has_name(const struct hash_table *table, const char *name)
{
	return hash_find(table, cv_span_of(name)) != NULL;
}

static void fill_names(struct hash_table *table, const sync_names *names,
		       struct cv_pool *pool)
{
	hash_init(table, pool, false);
	for (size_t i = 0; i < names->count; i++)
		hash_set(table, cv_span_of(names->items[i]), table);
}

static int subscribe(struct sync *sync, int side, const char *name, bool on,
		     struct cv_error *err)
{
	struct sync_side *s = sync->side[side];

	sync->report->subscriptions[side]++;
	return sync->options->dry_run ? CV_OK :
		sync_failed(sync, name, s->ops->subscribe(s, name, on, err),
			    err);
}

struct subscribing {
	struct hash_table there[2], before, done;
	sync_names result;
};

static int merge_name(struct sync *sync, struct subscribing *u,
		      const char *name, struct cv_error *err)
{
	bool a = has_name(&u->there[0], name);
	bool b = has_name(&u->there[1], name);
	bool old = has_name(&u->before, name), on;
	int ret = CV_OK;

	if (has_name(&u->done, name))
		return CV_OK;
	hash_set(&u->done, cv_span_of(name), u);
	if (sync_is_untouched(sync, name) || !sync_is_named(sync, name)) {
		if (old)
			*array_add(&u->result) = name;
		return CV_OK;
	}
	on = sync->options->mirror ? a : a == b ? a : !old;
	if (a != on && !sync->options->mirror)
		ret = subscribe(sync, 0, name, on, err);
	if (ret == CV_OK && b != on)
		ret = subscribe(sync, 1, name, on, err);
	if (on)
		*array_add(&u->result) = name;
	return ret;
}

static int sync_subscriptions(struct sync *sync, struct cv_error *err)
{
	struct subscribing u;
	sync_names names[2];
	int ret = CV_OK;

	array_init(&u.result, sync->pool);
	fill_names(&u.before, &sync->state.subscriptions, sync->pool);
	hash_init(&u.done, sync->pool, false);
	for (int side = 0; side < 2 && ret == CV_OK; side++) {
		struct sync_side *s = sync->side[side];

		array_init(&names[side], sync->pool);
		ret = s->ops->subscriptions(s, sync->pool, &names[side], err);
		fill_names(&u.there[side], &names[side], sync->pool);
	}
	for (int side = 0; side < 2 && ret == CV_OK; side++) {
		for (size_t i = 0; i < names[side].count && ret == CV_OK; i++)
			ret = merge_name(sync, &u, names[side].items[i], err);
	}
	if (ret == CV_OK)
		sync->state.subscriptions = u.result;
	return ret;
}

int sync_account(struct sync *sync, struct cv_error *err)
{
	static const char *const account[2] = { "", "" };
	int ret = CV_OK;

	if ((sync->side[0]->caps & sync->side[1]->caps & SYNC_CAP_BOXES) != 0)
		ret = sync_subscriptions(sync, err);
	ret = sync_failed(sync, NULL, ret, err);
	if (ret == CV_OK)
		ret = sync_failed(sync, NULL,
				  sync_metadata(sync, account,
						&sync->state.entries,
						sync->pool, err), err);
	return ret;
}
