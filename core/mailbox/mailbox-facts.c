/* mailbox-facts.c - what else is known of a message's bytes: how many messages
 * they are of, and what POP3 clients of another server call them.
 *
 * INVARIANT: nothing is counted that is kept somewhere: what the journal
 * refers to at that moment is. */
#include "mailbox-private.h"
#include "mailbox-admin.h"

#include <stdlib.h>

/* The references of all messages of the account, as far as those of the same
 * bytes share them; by octets. */
struct shared_refs {
	struct cv_pool *pool;
	uint64_t txn;			/* of the account, then */
	struct cv_span *spans;
	uint32_t count;
};

static int compare_spans(const void *a, const void *b)
{
	const struct cv_span *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int ret = len == 0 ? 0 : memcmp(x->data, y->data, len);

	return ret != 0 ? ret : (x->len > y->len) - (x->len < y->len);
}

static void forget(void *data)
{
	struct shared_refs *refs = *(struct shared_refs **)data;

	if (refs != NULL)
		pool_destroy(&refs->pool);
}

static int collect(struct cv_mailbox *box, struct shared_refs **refs_r,
		   struct cv_error *err)
{
	struct cv_pool *pool = pool_create("shared bytes");
	struct shared_refs *refs = pool_new(pool, struct shared_refs);
	int ret = store_references(box->store, pool, &refs->spans,
				   &refs->count, err);

	refs->pool = pool;
	refs->txn = account_txn_number(box->store->account);
	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	for (uint32_t i = 0; i < refs->count; i++)
		refs->spans[i] = box->store->driver->same_bytes(
			refs->spans[i]);
	if (refs->count > 1)
		qsort(refs->spans, refs->count, sizeof(*refs->spans),
		      compare_spans);
	*refs_r = refs;
	return CV_OK;
}

static uint32_t place_of(const struct shared_refs *refs, struct cv_span ref,
			 bool after)
{
	uint32_t low = 0, high = refs->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare_spans(&refs->spans[middle], &ref);

		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Kept with the view: a fetch asks for one message after the other. */
static int count_references(struct cv_mailbox *box, struct cv_span ref,
			    uint32_t *count_r, struct cv_error *err)
{
	struct shared_refs *refs;
	int ret = CV_OK;

	if (box->shared == NULL) {
		box->shared = pool_new(box->pool, struct shared_refs *);
		pool_add_finaliser(box->pool, forget, box->shared);
	}
	refs = *box->shared;
	if (refs != NULL &&
	    refs->txn != account_txn_number(box->store->account)) {
		pool_destroy(&refs->pool);
		*box->shared = refs = NULL;
	}
	if (refs == NULL)
		ret = collect(box, box->shared, err);
	if (ret < 0)
		return ret;
	refs = *box->shared;
	ref = box->store->driver->same_bytes(ref);
	*count_r = place_of(refs, ref, true) - place_of(refs, ref, false);
	return CV_OK;
}

int mailbox_facts(struct cv_mailbox *box, uint32_t seq, struct cv_pool *pool,
		  struct cv_blob_facts *facts_r, struct cv_error *err)
{
	const struct cv_storage *driver;
	struct cv_blob blob;
	uint32_t row;
	int ret;

	*facts_r = (struct cv_blob_facts){ CV_SIZED(cv_blob_facts),
					   .references = 1 };
	/* the owner's to say */
	if (box->remote != NULL)
		return CV_OK;
	if (!mailbox_row(box, seq, &row))
		return CV_NOT_FOUND;
	driver = box->store->driver;
	if (!CV_HAS(driver, facts) || driver->facts == NULL)
		return CV_OK;
	store_blob_get(box->folder, row, pool, &blob);
	ret = driver->facts(box->sf->blobs, &blob, pool, facts_r, err);
	if (ret == CV_OK && CV_HAS(driver, same_bytes) &&
	    driver->same_bytes != NULL)
		ret = count_references(box, blob.ref, &facts_r->references,
				       err);
	return ret;
}
