/* imap-context.c - see imap-context.h. */
#include "imap-context-private.h"
#include "imap-args.h"
#include "imap-notify.h"
#include "imap-respond.h"

#include <stdlib.h>

/* --- the list ------------------------------------------------------------- */

static struct imap_contexts *contexts_of(struct imap_session *s)
{
	if (s->contexts == NULL)
		s->contexts = CV_ALLOC(s->pool, struct imap_contexts);
	return s->contexts;
}

static bool has_contexts(const struct imap_session *s)
{
	return s->contexts != NULL && s->contexts->first != NULL;
}

static struct imap_context **context_find(struct imap_session *s,
					  struct cv_span tag)
{
	struct imap_context **at = &contexts_of(s)->first;

	while (*at != NULL && !cv_span_equal((*at)->tag, tag))
		at = &(*at)->next;
	return at;
}

static struct cv_span span_copy(struct cv_pool *pool, struct cv_span in)
{
	char *copy;

	if (in.len == 0)
		return in;
	copy = cv_api->alloc(pool, in.len);
	memcpy(copy, in.data, in.len);
	return cv_span(copy, in.len);
}

static struct cv_set set_copy(struct cv_pool *pool, struct cv_set in)
{
	struct cv_range *copy;

	if (in.count == 0)
		return in;
	copy = CV_ALLOC_ARRAY(pool, struct cv_range, in.count);
	memcpy(copy, in.ranges, sizeof(*copy) * in.count);
	return (struct cv_set){ copy, in.count };
}

/* A new root: what is looked for, among the messages of the last node. */
static void query_copy(struct imap_context *c,
		       const struct cv_search_query *query)
{
	uint32_t n = query->count;

	c->nodes = CV_ALLOC_ARRAY(c->pool, struct cv_search_node, n + 2);
	for (uint32_t i = 0; i < n; i++) {
		struct cv_search_node *node = &c->nodes[i];

		*node = query->nodes[i];
		node->field = span_copy(c->pool, node->field);
		node->text = span_copy(c->pool, node->text);
		node->set = set_copy(c->pool, node->set);
	}
	c->nodes[n] = c->nodes[0];
	c->nodes[n].next = n + 1;
	c->nodes[n + 1] = (struct cv_search_node){ .op = CV_SEARCH_SEQS };
	c->nodes[0] = (struct cv_search_node){ .op = CV_SEARCH_AND,
					       .first_child = n };
	c->query = (struct cv_search_query){ CV_SIZED(cv_search_query),
		.nodes = c->nodes, .count = n + 2,
		.comparator = query->comparator };
}

static void copy_annotations(struct imap_context *c,
			     const struct imap_sorting *from)
{
	uint32_t count = from->annotation_count;

	c->sorting.annotations = CV_ALLOC_ARRAY(
		c->pool, struct cv_annotation, (size_t)count + 1);
	c->sorting.annotation_count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct cv_annotation *to = &c->sorting.annotations[i];

		*to = from->annotations[i];
		to->entry = cv_span(imap_copy(c->pool, to->entry),
				    to->entry.len);
	}
}

struct imap_context *imap_context_new(struct imap_session *s,
				      struct cv_span tag, bool uid,
				      const struct cv_search_query *query,
				      const struct imap_sorting *sorting)
{
	struct cv_pool *pool = cv_api->pool_create("imap context");
	struct imap_context *c = CV_ALLOC(pool, struct imap_context);
	struct imap_context **at = &contexts_of(s)->first;

	c->pool = pool;
	c->tag = span_copy(pool, tag);
	c->uid = uid;
	c->uids_pool = cv_api->pool_create("imap context result");
	query_copy(c, query);
	if (sorting->count > 0) {
		c->sorting.keys = CV_ALLOC_ARRAY(pool, uint32_t,
						 sorting->count);
		c->sorting.count = sorting->count;
		memcpy(c->sorting.keys, sorting->keys,
		       sizeof(*sorting->keys) * sorting->count);
		copy_annotations(c, sorting);
	}
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	s->contexts->count++;
	return c;
}

static void context_remove(struct imap_session *s, struct imap_context **at)
{
	struct imap_context *c = *at;
	struct cv_pool *pool = c->pool;

	*at = c->next;
	s->contexts->count--;
	cv_api->pool_destroy(&c->uids_pool);
	cv_api->pool_destroy(&pool);
}

void imap_context_reserve(struct imap_context *c, uint32_t more)
{
	struct cv_pool *pool;
	uint32_t room = c->count + more + c->count / 4 + 16, *uids;

	if (c->room - c->count >= more)
		return;
	pool = cv_api->pool_create("imap context result");
	uids = CV_ALLOC_ARRAY(pool, uint32_t, room);
	if (c->count > 0)
		memcpy(uids, c->uids, sizeof(*uids) * c->count);
	cv_api->pool_destroy(&c->uids_pool);
	c->uids_pool = pool;
	c->uids = uids;
	c->room = room;
}

void imap_context_insert(struct imap_context *c, uint32_t at, uint32_t uid)
{
	imap_context_reserve(c, 1);
	memmove(c->uids + at + 1, c->uids + at,
		sizeof(*c->uids) * (c->count - at));
	c->uids[at] = uid;
	c->count++;
}

/* --- beginning and end ---------------------------------------------------- */

bool imap_context_allowed(struct imap_cmd *cmd, const struct imap_return *ret)
{
	if ((ret->options & IMAP_RETURN_UPDATE) == 0 ||
	    *context_find(cmd->s, cmd->tag) == NULL)
		return true;
	/* [RFC5267 4.3] */
	imap_bad(cmd, "Tag reuse");
	return false;
}

/* [RFC5267 4.3.1] the first one is always taken. */
static bool has_room(const struct imap_contexts *all, uint64_t count)
{
	if (all->first == NULL)
		return true;
	for (const struct imap_context *c = all->first->next; c != NULL;
	     c = c->next)
		count += c->count;
	return all->count < IMAP_CONTEXTS_MAX &&
		count <= IMAP_CONTEXT_UIDS_MAX;
}

static void tell_no_update(struct imap_session *s, struct cv_span tag,
			   const char *why)
{
	cv_text_append_str(&s->out, "* NO [NOUPDATE ");
	imap_append_string(&s->out, tag);
	cv_text_append_str(&s->out, "] ");
	cv_text_append_str(&s->out, why);
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

static uint32_t last_uid(struct imap_session *s)
{
	return s->exists == 0 ? 0 :
		imap_mailbox_api->uid_of(s->box, s->exists);
}

/* [RFC5267 4.3] message numbers mean the messages that they were then. */
static void numbers_resolve(struct imap_session *s, struct imap_context *c)
{
	for (uint32_t i = 1; i + 1 < c->query.count; i++) {
		struct cv_search_node *node = &c->nodes[i];
		struct imap_set_builder uids = { .pool = c->pool };

		if (node->op != CV_SEARCH_SEQS)
			continue;
		for (uint32_t k = 0; k < node->set.count; k++) {
			const struct cv_range *r = &node->set.ranges[k];

			for (uint64_t n = r->first; n <= r->last; n++)
				imap_set_add(&uids, imap_mailbox_api->uid_of(
					s->box, (uint32_t)n));
		}
		node->op = CV_SEARCH_UIDS;
		node->set = imap_set_built(&uids);
	}
}

void imap_context_refuse(struct imap_cmd *cmd, const char *why)
{
	tell_no_update(cmd->s, cmd->tag, why);
}

void imap_context_begin(struct imap_cmd *cmd, const struct imap_return *ret,
			const struct imap_program *program,
			struct imap_results seqs, struct cv_span correlators)
{
	struct imap_session *s = cmd->s;
	struct imap_context *c;

	if ((ret->options & IMAP_RETURN_UPDATE) == 0)
		return;
	if (cmd->foreign_keys) {
		/* what a plugin has found it will not find again by itself */
		tell_no_update(s, cmd->tag, "A key of a plugin is not kept up "
			       "to date");
		return;
	}
	if (!has_room(contexts_of(s), seqs.total)) {
		tell_no_update(s, cmd->tag, "Too many contexts");
		return;
	}
	c = imap_context_new(s, cmd->tag, cmd->uid, &program->query,
			     &program->sorting);
	c->correlators = span_copy(c->pool, correlators);
	c->items = imap_notify_items_copy(c->pool, ret->items);
	numbers_resolve(s, c);
	imap_context_reserve(c, (uint32_t)seqs.total);
	for (uint32_t i = 0; i < seqs.count; i++) {
		const struct cv_range *r = &seqs.runs[i];

		for (uint64_t n = r->first; n <= r->last; n++)
			c->uids[c->count++] = imap_mailbox_api->uid_of(
				s->box, (uint32_t)n);
	}
	c->last_uid = last_uid(s);
}

bool imap_context_cancel(struct imap_session *s, struct cv_span tag)
{
	struct imap_context **at = context_find(s, tag);

	if (*at == NULL)
		return false;
	context_remove(s, at);
	return true;
}

void imap_contexts_end(struct imap_session *s, bool by_number)
{
	struct imap_context **at;

	if (s->contexts == NULL)
		return;
	at = &s->contexts->first;
	while (*at != NULL) {
		if (by_number && (*at)->uid) {
			at = &(*at)->next;
			continue;
		}
		if (by_number)
			tell_no_update(s, (*at)->tag, "It has message "
				       "numbers");
		context_remove(s, at);
	}
	if (by_number || s->contexts->pool == NULL)
		return;
	s->contexts->touched = (struct cv_set){ NULL, 0 };
	cv_api->pool_destroy(&s->contexts->pool);
}

/* --- what is told --------------------------------------------------------- */

struct telling {
	struct imap_session *s;
	const struct imap_context *c;
	bool begun;
};

static void tell_item(struct telling *t, const char *item)
{
	struct cv_text *out = &t->s->out;

	if (!t->begun) {
		cv_text_append_str(out, "* ESEARCH (TAG ");
		imap_append_string(out, t->c->tag);
		cv_text_append_span(out, t->c->correlators);
		cv_text_append_str(out, t->c->uid ? ") UID" : ")");
	}
	t->begun = true;
	cv_text_append_str(out, item);
}

static void tell_end(struct telling *t)
{
	if (!t->begun)
		return;
	cv_text_append_str(&t->s->out, "\r\n");
	imap_flush(t->s);
}

/* A position and what stands there, in its order; ranges ascend
 * [RFC5267 3.2]. */
static void tell_run(struct telling *t, struct cv_pool *pool,
		     uint32_t position, const struct imap_moved *items,
		     uint32_t count)
{
	struct imap_set_builder b = { .pool = pool };
	struct cv_text *out = &t->s->out;

	for (uint32_t i = 0; i < count; i++)
		imap_set_add(&b, t->c->uid ? items[i].uid : items[i].number);
	cv_text_append_u64(out, position);
	cv_text_append_c(out, ' ');
	imap_set_format(out, imap_set_built(&b));
}

/* How many stand side by side from here on. */
static uint32_t run_length(const struct imap_moved *items, uint32_t count)
{
	uint32_t n = 1;

	while (n < count && items[n].position == items[n - 1].position + 1)
		n++;
	return n;
}

/* [RFC5267 4.3.3] in the order of their positions, so that each is right when
 * its turn comes; 0 where the order is the mailbox's. */
static void tell_added(struct telling *t, struct cv_pool *pool,
		       const struct imap_moved *items, uint32_t count)
{
	tell_item(t, " ADDTO (");
	if (t->c->sorting.count == 0) {
		tell_run(t, pool, 0, items, count);
		count = 0;
	}
	for (uint32_t i = 0; i < count; ) {
		uint32_t n = run_length(items + i, count - i);

		if (i > 0)
			cv_text_append_c(&t->s->out, ' ');
		tell_run(t, pool, items[i].position, items + i, n);
		i += n;
	}
	cv_text_append_c(&t->s->out, ')');
}

/* [RFC5267 4.3.4] from the end, for the same reason. */
static void tell_removed(struct telling *t, struct cv_pool *pool,
			 const struct imap_moved *items, uint32_t count)
{
	uint32_t end = count;

	tell_item(t, " REMOVEFROM (");
	if (t->c->sorting.count == 0) {
		tell_run(t, pool, 0, items, count);
		end = 0;
	}
	while (end > 0) {
		uint32_t i = end - 1;

		while (i > 0 && items[i - 1].position + 1 ==
		       items[i].position)
			i--;
		if (end < count)
			cv_text_append_c(&t->s->out, ' ');
		tell_run(t, pool, items[i].position, items + i, end - i);
		end = i;
	}
	cv_text_append_c(&t->s->out, ')');
}

/* --- changing the list ---------------------------------------------------- */

/* Ascending UIDs: where the first one is that is not lower. */
static uint32_t lower_bound(const struct imap_context *c, uint32_t uid)
{
	uint32_t low = 0, high = c->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (c->uids[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct imap_moved *moved_find(struct imap_moved *items, uint32_t count,
				     uint32_t uid)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (items[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < count && items[low].uid == uid ? &items[low] : NULL;
}

/* Sets the positions of those that are in the list; items ascend by UID. */
static void positions_find(const struct imap_context *c,
			   struct imap_moved *items, uint32_t count)
{
	uint32_t first = items[0].uid, span = items[count - 1].uid - first;

	for (uint32_t i = 0; c->sorting.count == 0 && i < count; i++) {
		uint32_t at = lower_bound(c, items[i].uid);

		if (at < c->count && c->uids[at] == items[i].uid)
			items[i].position = at + 1;
	}
	for (uint32_t at = 0; c->sorting.count > 0 && at < c->count; at++) {
		struct imap_moved *m;

		/* most of them are none of these */
		if (c->uids[at] - first > span)
			continue;
		m = moved_find(items, count, c->uids[at]);
		if (m != NULL)
			m->position = at + 1;
	}
}

static int by_position(const void *a, const void *b)
{
	const struct imap_moved *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/* Those with a position, which is where they are. */
static void list_remove(struct telling *t, struct cv_pool *pool,
			struct imap_context *c, struct imap_moved *items,
			uint32_t count)
{
	uint32_t to;

	if (count == 0)
		return;
	qsort(items, count, sizeof(*items), by_position);
	tell_removed(t, pool, items, count);
	to = items[0].position - 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = items[i].position;
		uint32_t end = i + 1 < count ? items[i + 1].position - 1 :
			c->count;

		memmove(c->uids + to, c->uids + from,
			sizeof(*c->uids) * (end - from));
		to += end - from;
	}
	c->count = to;
}

/* Ascending UIDs into ascending UIDs, from the end on. */
static void list_merge(struct imap_context *c, const struct imap_moved *items,
		       uint32_t count)
{
	uint32_t from = c->count, to = c->count + count;

	imap_context_reserve(c, count);
	c->count += count;
	while (count > 0) {
		if (from > 0 && c->uids[from - 1] > items[count - 1].uid)
			c->uids[--to] = c->uids[--from];
		else
			c->uids[--to] = items[--count].uid;
	}
}

static int list_add(struct telling *t, struct cv_pool *pool,
		    struct imap_context *c, struct imap_moved *items,
		    uint32_t count)
{
	int code = CV_OK;

	if (count == 0)
		return CV_OK;
	if (c->sorting.count > 0)
		code = imap_context_place(t->s, pool, c, items, &count);
	else
		list_merge(c, items, count);
	if (count > 0)
		tell_added(t, pool, items, count);
	return code;
}

/* --- expunges ------------------------------------------------------------- */

/* What goes, by UID, with the numbers that it still has. */
static struct imap_moved *expunged_list(struct cv_pool *pool,
					const struct cv_mailbox_changes *ch,
					uint32_t *count_r)
{
	uint64_t total = imap_set_size(ch->expunged_uids);
	struct imap_moved *items = CV_ALLOC_ARRAY(pool, struct imap_moved,
						  total + 1);
	uint32_t count = 0, range = 0, at = 0;

	for (uint32_t i = 0; i < ch->expunged_uids.count; i++) {
		const struct cv_range *r = &ch->expunged_uids.ranges[i];

		for (uint64_t uid = r->first; uid <= r->last; uid++) {
			const struct cv_range *n;

			if (range == ch->expunged.count)
				break;
			n = &ch->expunged.ranges[range];
			items[count++] = (struct imap_moved){
				.uid = (uint32_t)uid, .number = n->first + at,
			};
			at = n->first + at == n->last ? 0 : at + 1;
			range += at == 0;
		}
	}
	*count_r = count;
	return items;
}

static void expunged_one(struct imap_session *s, struct cv_pool *pool,
			 struct imap_context *c, struct imap_moved *items,
			 uint32_t count)
{
	struct telling t = { s, c, false };
	struct imap_moved *gone = CV_ALLOC_ARRAY(pool, struct imap_moved,
						 count);
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		items[i].position = 0;
	positions_find(c, items, count);
	for (uint32_t i = 0; i < count; i++) {
		if (items[i].position > 0)
			gone[n++] = items[i];
	}
	list_remove(&t, pool, c, gone, n);
	tell_end(&t);
}

void imap_contexts_expunged(struct imap_session *s, struct cv_pool *pool,
			    const struct cv_mailbox_changes *changes)
{
	struct imap_moved *items;
	uint32_t count;

	if (!has_contexts(s) || changes->expunged.count == 0)
		return;
	items = expunged_list(pool, changes, &count);
	for (struct imap_context *c = s->contexts->first;
	     c != NULL && count > 0; c = c->next)
		expunged_one(s, pool, c, items, count);
}

/* --- changes -------------------------------------------------------------- */

void imap_contexts_touch(struct imap_session *s, struct cv_set seqs)
{
	struct imap_contexts *all = s->contexts;
	struct imap_set_builder uids;

	if (!has_contexts(s))
		return;
	if (all->pool == NULL)
		all->pool = cv_api->pool_create("imap context changes");
	uids = (struct imap_set_builder){ .pool = all->pool };
	for (uint32_t i = 0; i < seqs.count; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++)
			imap_set_add(&uids, imap_mailbox_api->uid_of(
				s->box, (uint32_t)n));
	}
	all->touched = imap_set_union(all->pool, all->touched,
				      imap_set_built(&uids));
}

static struct cv_set uids_to_seqs(struct imap_session *s,
				  struct cv_pool *pool, struct cv_set uids)
{
	struct cv_set seqs = { NULL, 0 };

	if (uids.count == 0 || s->exists == 0 ||
	    imap_mailbox_api->uids_to_seqs(s->box, uids, pool, &seqs) < 0)
		return (struct cv_set){ NULL, 0 };
	return seqs;
}

/* The messages that a context has to look at. */
static struct cv_set to_look_at(struct imap_session *s, struct cv_pool *pool,
				const struct imap_context *c,
				struct cv_set changed, uint32_t newest)
{
	struct cv_range *r = CV_ALLOC_ARRAY(pool, struct cv_range, 1);
	struct cv_set one = { r, 1 };

	*r = (struct cv_range){ 1, UINT32_MAX };
	if (!c->stale && newest <= c->last_uid)
		return changed;
	if (!c->stale)
		r->first = c->last_uid + 1;
	one = imap_set_clip(pool, uids_to_seqs(s, pool, one), s->exists);
	return imap_set_union(pool, changed, one);
}

/* Each with its place in the list, if it has one. */
static struct imap_moved *looked_at(struct imap_session *s,
				    struct cv_pool *pool,
				    const struct imap_context *c,
				    struct cv_set look, uint32_t *count_r)
{
	struct imap_moved *items = CV_ALLOC_ARRAY(pool, struct imap_moved,
						  imap_set_size(look) + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < look.count; i++) {
		const struct cv_range *r = &look.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++)
			items[count++] = (struct imap_moved){
				.uid = imap_mailbox_api->uid_of(s->box,
								(uint32_t)n),
				.number = (uint32_t)n };
	}
	positions_find(c, items, count);
	*count_r = count;
	return items;
}

/* [RFC5267 4.3.2] what is told of them keeps the order of the list. */
static int update_list(struct imap_session *s, struct cv_pool *pool,
		       struct imap_context *c, struct cv_set look,
		       struct cv_set found)
{
	struct telling t = { s, c, false };
	uint32_t count, gone = 0, new = 0;
	struct imap_moved *items = looked_at(s, pool, c, look, &count);
	struct imap_moved *old = CV_ALLOC_ARRAY(pool, struct imap_moved,
						count);
	int code;

	for (uint32_t i = 0; i < count; i++) {
		bool is = cv_set_contains(found, items[i].number);

		if (items[i].position > 0 && !is)
			old[gone++] = items[i];
		else if (items[i].position == 0 && is)
			items[new++] = items[i];
	}
	list_remove(&t, pool, c, old, gone);
	code = list_add(&t, pool, c, items, new);
	tell_end(&t);
	return code;
}

/* A failure is tried again with the next sync. */
static void update_one(struct imap_session *s, struct cv_pool *pool,
		       struct imap_context *c, struct cv_set changed,
		       uint32_t newest)
{
	struct cv_set look = to_look_at(s, pool, c, changed, newest);
	struct cv_set found = { NULL, 0 };
	int code;

	if (look.count == 0)
		return;
	c->nodes[c->query.count - 1].set = look;
	code = imap_mailbox_api->search(s->box, &c->query, pool, &found,
					s->err);
	c->nodes[c->query.count - 1].set = (struct cv_set){ NULL, 0 };
	if (code >= 0)
		code = update_list(s, pool, c, look, found);
	c->stale = code < 0;
	if (newest > c->last_uid)
		c->last_uid = newest;
	if (code < 0)
		cv_api->log(imap_self, CV_LOG_WARNING, "a search is not up to "
			    "date: %s", cv_api->error_text(s->err));
}

bool imap_contexts_have_items(const struct imap_session *s)
{
	if (!has_contexts(s))
		return false;
	for (const struct imap_context *c = s->contexts->first; c != NULL;
	     c = c->next) {
		if (c->items.at < c->items.end)
			return true;
	}
	return false;
}

static bool has_uid(const struct imap_context *c, uint32_t uid)
{
	/* what is new stands at the end, unless it is sorted */
	for (uint32_t i = c->count; i-- > 0; ) {
		if (c->uids[i] == uid)
			return true;
		if (c->sorting.count == 0 && c->uids[i] < uid)
			return false;
	}
	return false;
}

bool imap_contexts_items(struct imap_cmd *cmd, uint32_t uid,
			 struct imap_fetch *fetch)
{
	struct imap_session *s = cmd->s;

	if (!has_contexts(s))
		return true;
	for (const struct imap_context *c = s->contexts->first; c != NULL;
	     c = c->next) {
		if (c->items.at < c->items.end && has_uid(c, uid) &&
		    !imap_fetch_parse_items(cmd, fetch, c->items))
			return false;
	}
	return true;
}

void imap_contexts_update(struct imap_session *s, struct cv_pool *pool,
			  struct cv_set flags)
{
	struct imap_contexts *all = s->contexts;
	struct cv_set changed;
	uint32_t newest;

	if (!has_contexts(s))
		return;
	newest = last_uid(s);
	changed = imap_set_union(pool, flags,
				 uids_to_seqs(s, pool, all->touched));
	changed = imap_set_clip(pool, changed, s->exists);
	if (all->touched.count > 0) {
		all->touched = (struct cv_set){ NULL, 0 };
		cv_api->pool_reset(all->pool);
	}
	for (struct imap_context *c = all->first; c != NULL; c = c->next)
		update_one(s, pool, c, changed, newest);
}
