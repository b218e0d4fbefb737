/* imap-mock-boxes.c - the user's mailboxes, by name. */
#include "imap-mock-private.h"

#include <stdio.h>
#include <stdlib.h>

/* --- user ----------------------------------------------------------------- */

static const char *user_name(struct cv_user *u) { return "alice"; }

static int user_namespace(struct cv_user *u, uint32_t index,
			  struct cv_namespace_info *info_r)
{
	if (index > 0)
		return CV_NOT_FOUND;
	info_r->type = CV_NAMESPACE_PRIVATE;
	info_r->prefix = "";
	info_r->separator = '/';
	info_r->is_inbox = info_r->listed = true;
	return CV_OK;
}

struct mock_box *mock_box_find(struct cv_user *u, const char *name)
{
	for (uint32_t i = 0; i < u->count; i++) {
		if (strcmp(u->boxes[i].name, name) == 0)
			return &u->boxes[i];
	}
	return NULL;
}

struct mock_box *mock_box_new(struct cv_user *u, const char *name)
{
	struct mock_box *box = mock_box_find(u, name);

	BUG_IF(u->count == MOCK_BOXES_MAX && box == NULL);
	if (box == NULL)
		box = &u->boxes[u->count++];
	*box = (struct mock_box){ .uidvalidity = 1000 + u->count,
				  .uidnext = 1, .exists = true,
				  .modseq = 10 };
	(void)snprintf(box->name, sizeof(box->name), "%s", name);
	return box;
}

void mock_deliver(struct mock_box *box, uint32_t flags, const char *text)
{
	struct mock_message *m = &box->messages[box->count++];

	BUG_IF(box->count > MOCK_MESSAGES_MAX);
	*m = (struct mock_message){ .uid = box->uidnext++, .flags = flags,
		.date = 837596665, .text = cv_span_of(text),
		.modseq = ++box->modseq };
}

/* --- lists ---------------------------------------------------------------- */

struct cv_list {
	struct cv_user *u;
	const struct cv_list_query *query;
	uint32_t at;
};

static bool matches(const char *pattern, const char *name)
{
	for (; *pattern != '\0'; pattern++, name++) {
		if (*pattern == '*' || *pattern == '%') {
			for (;; name++) {
				if (matches(pattern + 1, name))
					return true;
				if (*name == '\0' ||
				    (*pattern == '%' && *name == '/'))
					return false;
			}
		}
		if (*pattern != *name)
			return false;
	}
	return *name == '\0';
}

int mock_box_list_begin(struct cv_user *u, const struct cv_list_query *query,
			struct cv_list **list_r, struct cv_error *err)
{
	struct cv_list *list = pool_new(u->pool, struct cv_list);

	*list = (struct cv_list){ u, query, 0 };
	*list_r = list;
	return CV_OK;
}

static bool list_wanted(struct cv_list *list, const struct mock_box *box)
{
	uint32_t options = list->query->options;
	char full[300];

	if (!box->exists || ((options & CV_LIST_SUBSCRIBED) != 0 &&
			     !box->subscribed))
		return false;
	if ((options & CV_LIST_SPECIAL_USE) != 0 && box->use == 0)
		return false;
	for (uint32_t i = 0; i < list->query->pattern_count; i++) {
		(void)snprintf(full, sizeof(full), "%.100s%.100s",
			       list->query->reference,
			       list->query->patterns[i]);
		if (matches(full, box->name))
			return true;
	}
	return false;
}

int mock_box_list_next(struct cv_list *list, struct cv_list_entry *entry_r,
		       struct cv_error *err)
{
	while (list->at < list->u->count) {
		const struct mock_box *box = &list->u->boxes[list->at++];

		if (!list_wanted(list, box))
			continue;
		entry_r->name = box->name;
		entry_r->separator = '/';
		entry_r->attributes = box->use | CV_MAILBOX_HASNOCHILDREN |
			(box->subscribed ? CV_MAILBOX_SUBSCRIBED : 0u);
		return CV_OK;
	}
	return CV_NOT_FOUND;
}

void mock_box_list_end(struct cv_list **list) { *list = NULL; }

/* --- names ---------------------------------------------------------------- */

int mock_box_create(struct cv_user *u, const char *name, uint32_t use,
		    struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box != NULL && box->exists)
		return FAIL(err, CV_E_EXISTS, "it exists");
	if (u->count == MOCK_BOXES_MAX)
		return FAIL(err, CV_E_LIMIT, "too many");
	if (strlen(name) > 100)
		return FAIL(err, CV_E_PERM, "too long");
	mock_box_new(u, name)->use = use;
	return CV_OK;
}

int mock_box_remove(struct cv_user *u, const char *name,
		    struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	box->exists = false;
	return CV_OK;
}

int mock_box_rename(struct cv_user *u, const char *name,
		    const char *new_name, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	if (mock_box_find(u, new_name) != NULL)
		return FAIL(err, CV_E_EXISTS, "it exists");
	(void)snprintf(box->name, sizeof(box->name), "%s", new_name);
	return CV_OK;
}

int mock_box_subscribe(struct cv_user *u, const char *name, bool on,
		       struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	box->subscribed = on;
	return CV_OK;
}

int mock_box_status(struct cv_user *u, const char *name, uint32_t items,
		    struct cv_mailbox_status *st, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	*st = (struct cv_mailbox_status){ CV_SIZED(cv_mailbox_status),
		.messages = box->count, .uidnext = box->uidnext,
		.uidvalidity = box->uidvalidity,
		.highestmodseq = box->modseq };
	for (uint32_t i = 0; i < box->count; i++) {
		st->size_bytes += box->messages[i].text.len;
		st->unseen += (box->messages[i].flags & CV_FLAG_SEEN) == 0;
	}
	return CV_OK;
}

const struct cv_user_api mock_user_api = {
	CV_SIZED(cv_user_api), .name = user_name, .home = user_name,
	.namespace_at = user_namespace,
};

/* --- all of them, for NOTIFY ------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct cv_mailbox_picture *const *)a)->name,
		      (*(const struct cv_mailbox_picture *const *)b)->name);
}

static const struct cv_mailbox_picture *picture_of(const struct mock_box *box,
						   struct cv_pool *pool)
{
	struct cv_mailbox_picture *p = pool_new(pool,
						struct cv_mailbox_picture);

	*p = (struct cv_mailbox_picture){ CV_SIZED(cv_mailbox_picture),
		.name = box->name, .separator = '/',
		.namespace_type = CV_NAMESPACE_PRIVATE,
		.messages = box->count, .uidnext = box->uidnext,
		.uidvalidity = box->uidvalidity,
		.highestmodseq = box->modseq };
	/* what a rename leaves as it is */
	memcpy(p->guid, &box->uidvalidity, sizeof(box->uidvalidity));
	if (box->exists)
		p->flags = (CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP |
			    CV_PICTURE_READ) & ~box->hidden;
	if (box->subscribed)
		p->flags |= CV_PICTURE_SUBSCRIBED;
	for (uint32_t i = 0; i < box->count; i++)
		p->unseen += (box->messages[i].flags & CV_FLAG_SEEN) == 0;
	return p;
}

int mock_box_pictures(struct cv_user *u, uint64_t *turn, struct cv_pool *pool,
		      const struct cv_mailbox_picture ***pictures_r,
		      uint32_t *count_r, struct cv_error *err)
{
	const struct cv_mailbox_picture **all = pool_new_array(
		pool, const struct cv_mailbox_picture *, u->count + 1);

	(*turn)++;
	*count_r = 0;
	for (uint32_t i = 0; i < u->count; i++) {
		if (u->boxes[i].exists || u->boxes[i].subscribed)
			all[(*count_r)++] = picture_of(&u->boxes[i], pool);
	}
	qsort(all, *count_r, sizeof(*all), compare_names);
	*pictures_r = all;
	return CV_OK;
}

int mock_box_pictures_want(struct cv_user *u, const char *const *names,
			   uint32_t count, bool personal, struct cv_error *err)
{
	return CV_OK;
}

int mock_box_watch_set(struct cv_user *u, struct cv_mailbox *box,
		       const char *const *names, uint32_t count,
		       struct cv_error *err)
{
	return CV_OK;
}

int mock_box_watch_all_fd(struct cv_user *u) { return -1; }
int mock_box_watch_take(struct cv_user *u, struct cv_error *err)
{
	return CV_OK;
}
void mock_box_watch_end(struct cv_user *u) { }
