/* imap-search-tree.c - the nodes of a search program, and those of them that
 * still take children. */
#include "imap-search-private.h"

#include "imap-args.h"
#include "imap-respond.h"

uint32_t imap_search_node_new(struct search *p, uint32_t op)
{
	if (p->count == p->room) {
		uint32_t room = p->room == 0 ? 16 : p->room * 2;
		struct cv_search_node *more = CV_ALLOC_ARRAY(p->cmd->pool,
			struct cv_search_node, room);

		if (p->count > 0)
			memcpy(more, p->nodes, sizeof(*more) * p->count);
		p->nodes = more;
		p->room = room;
	}
	p->nodes[p->count] = (struct cv_search_node){ .op = op };
	return p->count++;
}

uint32_t imap_search_child_add(struct search *p, uint32_t op)
{
	struct frame *f = &p->frames[p->depth - 1];
	uint32_t index = imap_search_node_new(p, op);

	if (f->last == 0)
		p->nodes[f->node].first_child = index;
	else
		p->nodes[f->last].next = index;
	f->last = index;
	if (f->need != UINT32_MAX)
		f->need--;
	return index;
}

bool imap_search_frame_open(struct search *p, uint32_t op, uint32_t need)
{
	struct frame *outer = &p->frames[p->depth - 1];
	struct imap_args list = outer->list;
	uint32_t node;

	if (p->depth == SEARCH_FRAMES_MAX) {
		imap_bad(p->cmd, "Search program is nested too deeply.");
		return false;
	}
	node = imap_search_child_add(p, op);
	p->frames[p->depth++] = (struct frame){ .node = node, .need = need,
						.list = list };
	return true;
}

bool imap_search_frames_close(struct search *p)
{
	while (p->depth > 0) {
		struct frame *f = &p->frames[p->depth - 1];
		bool at_end = imap_args_peek(&f->list) == NULL;

		if (f->need == UINT32_MAX ? !at_end : f->need > 0) {
			if (!at_end)
				return true;
			imap_bad(p->cmd, "Missing search key argument.");
			return false;
		}
		if (f->owns_list && p->nodes[f->node].first_child == 0) {
			imap_bad(p->cmd, "Empty list in search program.");
			return false;
		}
		p->depth--;
		/* what the inner one has read is read for the outer one */
		if (p->depth > 0 && !f->owns_list)
			p->frames[p->depth - 1].list = f->list;
	}
	return true;
}
