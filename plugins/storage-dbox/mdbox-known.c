/* mdbox-known.c - which records are referred to, and which of Dovecot's nobody
 * here knows.
 *
 * INVARIANT: what is not known stays in Dovecot's own file.  A mailbox that
 * has lost its index still has its mail there, and Dovecot's force-resync
 * finds it; in a file of ours it would not. */
#include "mdbox-rewrite.h"

#include <stdlib.h>

/* --- references ------------------------------------------------------------------ */

static int compare_live(const void *a, const void *b)
{
	const struct mdbox_live *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->foreign > y->foreign) - (x->foreign < y->foreign);
}

int mdbox_refs_take(struct cv_pool *pool, const struct cv_span *refs,
		    uint32_t count, struct mdbox_refs *refs_r,
		    struct cv_error *err)
{
	refs_r->items = CV_ALLOC_ARRAY(pool, struct mdbox_live,
				       (size_t)count + 1);
	refs_r->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct mdbox_ref ref;

		if (!mdbox_ref_parse(refs[i], &ref))
			return CV_FAIL(err, CV_E_INTERNAL, "reference "
				       "'%.*s' is not understood",
				       CV_SPAN_ARG(refs[i]));
		refs_r->items[refs_r->count++] = (struct mdbox_live){
			.number = ref.number, .offset = ref.offset,
			.foreign = ref.foreign,
			.counted = mdbox_ref_counted(&ref),
		};
	}
	if (count > 1)
		qsort(refs_r->items, refs_r->count, sizeof(*refs_r->items),
		      compare_live);
	return CV_OK;
}

const struct mdbox_live *mdbox_refs_find(const struct mdbox_refs *refs,
					 const struct mdbox_ref *ref)
{
	struct mdbox_live key = {
		.number = ref->number, .offset = ref->offset,
		.foreign = ref->foreign,
	};

	return refs->count == 0 ? NULL :
		bsearch(&key, refs->items, refs->count, sizeof(key),
			compare_live);
}

/* Numbers are shared by Dovecot's and ours: one stands for both. */
uint32_t mdbox_refs_of(const struct mdbox_refs *refs, uint32_t number)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < refs->count; i++) {
		const struct mdbox_live *l = &refs->items[i];
		bool again = i > 0 && compare_live(l, l - 1) == 0;

		count += l->number == number && !again;
	}
	return count;
}

/* --- Dovecot's ---------------------------------------------------------------------- */

int mdbox_known_read(struct cv_storage_root *root, struct cv_pool *pool,
		     const struct cv_span *live, uint32_t count,
		     struct mdbox_known *known_r, struct cv_error *err)
{
	int ret;

	*known_r = (struct mdbox_known){ .root = root };
	cv_text_init(&known_r->kept, pool);
	ret = mdbox_refs_take(pool, live, count, &known_r->live, err);
	return ret < 0 ? ret :
		mdbox_ledger_read(root, pool, &known_r->ledger, err);
}

/* How many of the references that Dovecot counts are known here: messages,
 * or expunged. */
static uint64_t known_refs(const struct mdbox_known *k,
			   const struct mdbox_ref *ref)
{
	const struct mdbox_live *l = mdbox_refs_find(&k->live, ref), *end;
	uint64_t count = mdbox_ledger_expunged(k->ledger, ref->number,
					       ref->offset);

	if (l == NULL)
		return count;
	while (l > k->live.items && compare_live(l - 1, l) == 0)
		l--;
	end = k->live.items + k->live.count;
	for (const struct mdbox_live *first = l;
	     l < end && compare_live(l, first) == 0; l++)
		count += l->counted;
	return count;
}

/* Whether messages that are not known here may need one of Dovecot's
 * records.  That nobody is known to refer to it says nothing: the index of a
 * folder may be lost, and Dovecot finds the message again.  One that the map
 * does not count was found by its GUID, or not at all. */
static bool is_unknown(const struct mdbox_known *k,
		       const struct mdbox_ref *ref)
{
	uint64_t refs;

	return mdbox_ledger_counted(k->ledger, ref->number, ref->offset,
				    &refs) ? refs > known_refs(k, ref) :
		known_refs(k, ref) == 0;
}

/* In a container of ours, and without a map: what was rewritten was known, and
 * has a message or had one. */
bool mdbox_known_needed(const struct mdbox_known *k,
			const struct mdbox_ref *ref)
{
	uint64_t refs;

	if (!ref->foreign)
		return false;
	if (mdbox_ledger_counted(k->ledger, ref->number, ref->offset, &refs))
		return refs > known_refs(k, ref);
	return known_refs(k, ref) == 0;
}

bool mdbox_known_leave(struct mdbox_known *k, const char *name,
		       const struct mdbox_items *items)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < items->count; i++)
		count += is_unknown(k, &items->items[i].ref);
	if (count == 0 && !items->torn)
		return false;
	cv_text_append_f(&k->kept, "%s%s", k->kept.len > 0 ? ", " : "", name);
	k->kept_count += count;
	k->unread += items->torn;
	return true;
}

void mdbox_known_say(const struct mdbox_known *k, const char *who)
{
	if (k->kept.len == 0)
		return;
	cv_api->log(dbox_self, CV_LOG_WARNING, "'%s': %s left %s as they "
		    "are: Dovecot has references to %u of their messages "
		    "that no mailbox here has taken over, and %u of the "
		    "files cannot be read to their end.  A mailbox has lost "
		    "its dovecot.index, or a file is damaged: 'doveadm "
		    "force-resync' on a copy of the tree finds such mail, and "
		    "'culveradm backup' to a new mail_location leaves it "
		    "behind", k->root->config->path, who,
		    k->kept.data, k->kept_count, k->unread);
}
