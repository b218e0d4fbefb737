/* sync-empty.c - an end that is not there yet, for a dry run: as a store that
 * was made just now, with an INBOX that nobody has used. */
#include "sync-private.h"

struct empty { struct sync_side side; struct cv_pool *pool; };

static void fresh(struct sync_box *box)
{
	*box = (struct sync_box){
		.name = "INBOX", .uidnext = 1, .annotations = UINT32_MAX,
	};
}

static int empty_list(struct sync_side *s, struct cv_pool *pool,
		      sync_boxes *boxes, struct cv_error *err)
{
	(void)s, (void)pool, (void)err;
	fresh(array_add(boxes));
	return CV_OK;
}

static int empty_subscriptions(struct sync_side *s, struct cv_pool *pool,
			       sync_names *names, struct cv_error *err)
{
	(void)s, (void)pool, (void)names, (void)err;
	return CV_OK;
}

static int empty_metadata(struct sync_side *s, const char *name,
			  struct cv_pool *pool, sync_entries *entries,
			  struct cv_error *err)
{
	(void)s, (void)name, (void)pool, (void)entries, (void)err;
	return CV_OK;
}

static int empty_open(struct sync_side *s, const char *name,
		      struct sync_box *box_r, struct cv_error *err)
{
	(void)s;
	if (strcmp(name, "INBOX") != 0)
		return FAIL(err, CV_E_NOT_FOUND, "there is no mailbox '%s'",
			    name);
	fresh(box_r);
	return CV_OK;
}

static bool empty_is_open(const struct sync_side *s)
{
	(void)s;
	return false;
}

static int empty_rows(struct sync_side *s, struct cv_pool *pool,
		      sync_rows *rows, struct cv_error *err)
{
	(void)s, (void)pool, (void)rows, (void)err;
	return CV_OK;
}

static void empty_close(struct sync_side **s)
{
	struct cv_pool *pool = ((struct empty *)*s)->pool;

	*s = NULL;
	pool_destroy(&pool);
}

/* A dry run calls none of those that write, nor those that fetch what it is
 * to write. */
static const struct sync_side_ops ops = {
	.list = empty_list,
	.subscriptions = empty_subscriptions,
	.metadata = empty_metadata,
	.open = empty_open,
	.is_open = empty_is_open,
	.rows = empty_rows,
	.close = empty_close,
};

void sync_empty_open(const char *label, struct sync_side **side_r)
{
	struct cv_pool *pool = pool_create("sync empty");
	struct empty *e = pool_new(pool, struct empty);

	e->pool = pool;
	e->side = (struct sync_side){
		.ops = &ops, .label = pool_strdup(pool, label),
		.caps = SYNC_CAP_WRITE | SYNC_CAP_FLAGS | SYNC_CAP_UIDS |
			SYNC_CAP_METADATA | SYNC_CAP_BOXES | SYNC_CAP_NOTES,
	};
	*side_r = &e->side;
}
