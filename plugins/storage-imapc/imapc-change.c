/* imapc-change.c - flags are set, and messages expunged, at the server. */
#include "imapc.h"

#include <stdlib.h>

/* --- flags ------------------------------------------------------------------- */

static bool has_word(const struct cv_keywords *k, const char *word)
{
	for (uint32_t i = 0; i < k->count; i++) {
		if (strcasecmp(k->names[i], word) == 0)
			return true;
	}
	return false;
}

/* "(\Seen work)", what a has and b has not; "()": nothing. */
static const char *difference(struct cv_pool *pool, uint32_t a_flags,
			      const struct cv_keywords *a, uint32_t b_flags,
			      const struct cv_keywords *b)
{
	const char **names = CV_ALLOC_ARRAY(pool, const char *, a->count + 1);
	struct cv_keywords k = { names, 0 };
	struct cv_text out;

	for (uint32_t i = 0; i < a->count; i++) {
		if (!has_word(b, a->names[i]))
			names[k.count++] = a->names[i];
	}
	cv_text_init(&out, pool);
	imapc_flags_text(&out, a_flags & ~b_flags & CV_FLAGS_STORED, &k);
	return cv_text_str(&out);
}

struct change {
	const char *add, *remove;
	uint32_t uid;
};

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int ret = strcmp(x->add, y->add);

	if (ret == 0)
		ret = strcmp(x->remove, y->remove);
	return ret != 0 ? ret : x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int store_set(struct cv_storage_root *root, struct cv_pool *pool,
		     const uint32_t *uids, uint32_t count, const char *verb,
		     const char *flags, struct cv_error *err)
{
	uint32_t at = 0;
	int ret = CV_OK;

	while (at < count && ret == CV_OK) {
		struct cv_text line;

		cv_text_init(&line, pool);
		cv_text_append_f(&line, "UID STORE %s %s %s",
				 imapc_set_text(pool, uids, count, &at),
				 verb, flags);
		ret = imapc_command(root, cv_text_str(&line), NULL, NULL,
				    err);
	}
	return ret;
}

/* Those that change alike with one command. */
static int store_changes(struct cv_storage_root *root, struct cv_pool *pool,
			 struct change *changes, uint32_t count,
			 struct cv_error *err)
{
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, count + 1);
	int ret = CV_OK;

	if (count > 1)
		qsort(changes, count, sizeof(*changes), compare_changes);
	for (uint32_t i = 0; i < count && ret == CV_OK; ) {
		const struct change *c = &changes[i];
		uint32_t n = 0;

		for (; i < count && strcmp(changes[i].add, c->add) == 0 &&
		     strcmp(changes[i].remove, c->remove) == 0; i++)
			uids[n++] = changes[i].uid;
		if (strcmp(c->add, "()") != 0)
			ret = store_set(root, pool, uids, n, "+FLAGS.SILENT",
					c->add, err);
		if (ret == CV_OK && strcmp(c->remove, "()") != 0)
			ret = store_set(root, pool, uids, n, "-FLAGS.SILENT",
					c->remove, err);
	}
	return ret;
}

int imapc_set_flags(struct cv_storage_folder *folder,
		    struct cv_flag_update *updates, uint32_t count,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("imapc flags");
	struct change *changes = CV_ALLOC_ARRAY(pool, struct change,
						count + 1);
	uint32_t n = 0, uidvalidity = 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < count; i++) {
		struct cv_flag_update *u = &updates[i];
		struct change *c = &changes[n];

		u->status = CV_OK;
		c->add = difference(pool, u->flags, &u->keywords,
				    u->blob.flags, &u->blob.keywords);
		c->remove = difference(pool, u->blob.flags,
				       &u->blob.keywords, u->flags,
				       &u->keywords);
		if (!imapc_ref_parse(u->blob.ref, &uidvalidity, &c->uid))
			u->status = CV_NOT_FOUND;
		else
			n += strcmp(c->add, "()") != 0 ||
				strcmp(c->remove, "()") != 0;
	}
	if (n > 0)
		ret = imapc_select(root, folder->raw, true, err);
	if (n > 0 && ret == CV_OK &&
	    root->selected_uidvalidity != uidvalidity) {
		for (uint32_t i = 0; i < count; i++)
			updates[i].status = CV_CHANGED;
		n = 0;
	}
	if (ret == CV_OK && n > 0)
		ret = store_changes(root, pool, changes, n, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- expunging --------------------------------------------------------------- */

struct deleted {
	struct cv_pool *pool;
	uint32_t *uids;
	uint32_t count, room;
};

static int take_deleted(struct cv_storage_root *root, struct cv_span rest,
			void *context, struct cv_error *err)
{
	struct deleted *d = context;
	struct cv_span word;

	(void)root; (void)err;
	if (!cv_span_is_icase(imapc_word(&rest), "SEARCH"))
		return CV_OK;
	while ((word = imapc_word(&rest)).len > 0) {
		uint32_t uid = (uint32_t)imapc_number(word, UINT32_MAX - 1);

		if (uid == 0)
			continue;
		if (d->count == d->room) {
			uint32_t *grown = CV_ALLOC_ARRAY(d->pool, uint32_t,
							 d->room * 2 + 64);

			if (d->count > 0)
				memcpy(grown, d->uids,
				       d->count * sizeof(*grown));
			d->uids = grown;
			d->room = d->room * 2 + 64;
		}
		d->uids[d->count++] = uid;
	}
	return CV_OK;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Without UIDPLUS, EXPUNGE takes all that have \Deleted: others that have it
 * lose it for that moment. */
static int expunge_plain(struct cv_storage_root *root, struct cv_pool *pool,
			 const uint32_t *uids, uint32_t count,
			 struct cv_error *err)
{
	struct deleted d = { .pool = pool };
	uint32_t n = 0;
	int ret = imapc_command(root, "UID SEARCH DELETED", take_deleted, &d,
				err);

	for (uint32_t i = 0; i < d.count; i++) {
		if (bsearch(&d.uids[i], uids, count, sizeof(*uids),
			    compare_numbers) == NULL)
			d.uids[n++] = d.uids[i];
	}
	if (ret == CV_OK && n > 0)
		ret = store_set(root, pool, d.uids, n, "-FLAGS.SILENT",
				"(\\Deleted)", err);
	if (ret == CV_OK)
		ret = imapc_command(root, "EXPUNGE", NULL, NULL, err);
	if (n > 0 && !root->broken &&
	    store_set(root, pool, d.uids, n, "+FLAGS.SILENT",
		      "(\\Deleted)", ret < 0 ? NULL : err) < 0 &&
	    ret == CV_OK)
		ret = CV_E_TEMP;
	return ret;
}

static int expunge_uids(struct cv_storage_root *root, struct cv_pool *pool,
			const uint32_t *uids, uint32_t count,
			struct cv_error *err)
{
	uint32_t at = 0;
	int ret = store_set(root, pool, uids, count, "+FLAGS.SILENT",
			    "(\\Deleted)", err);

	if (ret == CV_OK && (root->caps & IMAPC_UIDPLUS) == 0)
		return expunge_plain(root, pool, uids, count, err);
	/* [RFC4315 2.1] */
	while (at < count && ret == CV_OK) {
		struct cv_text line;

		cv_text_init(&line, pool);
		cv_text_append_f(&line, "UID EXPUNGE %s",
				 imapc_set_text(pool, uids, count, &at));
		ret = imapc_command(root, cv_text_str(&line), NULL, NULL,
				    err);
	}
	return ret;
}

int imapc_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("imapc remove");
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, count + 1);
	uint32_t n = 0, uidvalidity = 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < count; i++)
		n += imapc_ref_parse(blobs[i].ref, &uidvalidity, &uids[n]);
	if (n > 0)
		ret = imapc_select(root, folder->raw, true, err);
	if (n > 0 && ret == CV_OK &&
	    root->selected_uidvalidity == uidvalidity) {
		qsort(uids, n, sizeof(*uids), compare_numbers);
		ret = expunge_uids(root, pool, uids, n, err);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}
