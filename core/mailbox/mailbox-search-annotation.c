/* mailbox-search-annotation.c - the key ANNOTATION of SEARCH
 * [RFC5257 4.8]. */
#include "list-match.h"
#include "mailbox-annotate.h"
#include "mailbox-search-private.h"

enum { OF_PRIVATE = 1, OF_SHARED = 2 };

/* "NIL": no such annotation has a value. */
bool search_match_annotation(struct search *s, const struct snode *n)
{
	const struct cv_annotation *list;
	uint32_t count;
	bool none = n->node->number == 1;

	if (!account_annotated(s->box->folder))
		return none;
	annotations_get(s->box, s->uid, s->text_pool, &list, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct cv_annotation *a = &list[i];
		uint32_t wanted = a->is_private ? OF_PRIVATE : OF_SHARED;

		if (a->value.data == NULL || !(n->node->flags & wanted) ||
		    !(list_match(n->node->field, a->entry, '/', false) &
		      LIST_MATCH_YES))
			continue;
		if (none)
			return false;
		if (text_contains(&n->needle, a->value, &s->scratch))
			return true;
	}
	return none;
}
