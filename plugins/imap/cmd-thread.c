/* cmd-thread.c - THREAD [RFC5256 3]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-search.h"

enum { FLUSH_AT = 16384 };

static const struct { const char *name; uint32_t algorithm; } algorithms[] = {
	{ "ORDEREDSUBJECT", CV_THREAD_ORDEREDSUBJECT },
	{ "REFERENCES", CV_THREAD_REFERENCES },
	{ "REFS", CV_THREAD_REFS },
};

static bool algorithm_parse(struct imap_cmd *cmd, uint32_t *algorithm_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]);
	     i++) {
		if (imap_arg_is_atom(arg, algorithms[i].name)) {
			*algorithm_r = algorithms[i].algorithm;
			return true;
		}
	}
	imap_bad(cmd, "Unknown thread algorithm.");
	return false;
}

/* Children that open messages still have to come, from the outermost on.
 * However deep threads are, this is only as deep as they branch. */
struct open_lists { uint32_t *left, count, room; struct cv_pool *pool; };

static void lists_push(struct open_lists *o, uint32_t children)
{
	if (o->count == o->room) {
		uint32_t room = o->room == 0 ? 64 : o->room * 2;
		uint32_t *more = CV_ALLOC_ARRAY(o->pool, uint32_t, room);

		if (o->count > 0)
			memcpy(more, o->left, sizeof(*more) * o->count);
		o->left = more;
		o->room = room;
	}
	o->left[o->count++] = children;
}

/* The end of a chain: with it end all the lists whose last one it was. */
static void lists_close(struct open_lists *o, struct cv_text *out)
{
	cv_text_append_c(out, ')');
	while (o->count > 0 && --o->left[o->count - 1] == 0) {
		cv_text_append_c(out, ')');
		o->count--;
	}
}

/* [RFC5256 5] thread-list: a message, then one child behind a blank, or
 * several, each in brackets. */
static void send_threads(struct imap_cmd *cmd,
			 const struct cv_thread_node *nodes, uint32_t count)
{
	struct open_lists open = { .pool = cmd->pool };
	struct imap_session *s = cmd->s;
	struct cv_text *out = &s->out;
	bool begins = true;

	cv_text_append_str(out, count > 0 ? "* THREAD " : "* THREAD");
	for (uint32_t i = 0; i < count; i++) {
		const struct cv_thread_node *n = &nodes[i];

		if (begins)
			cv_text_append_c(out, '(');
		begins = n->children != 1;
		if (n->seq != 0)
			cv_text_append_u64(out, cmd->uid ?
				imap_mailbox_api->uid_of(s->box, n->seq) :
				n->seq);
		if (n->children == 0)
			lists_close(&open, out);
		else if (n->seq != 0)
			cv_text_append_c(out, ' ');
		if (n->children > 1)
			lists_push(&open, n->children);
		if (out->len > FLUSH_AT)
			imap_flush(s);
	}
	cv_text_append_str(out, "\r\n");
	imap_flush(s);
}

/* A query that finds nothing the client was not told of yet. */
static struct cv_search_query known_only(struct imap_cmd *cmd,
					 const struct cv_search_query *query)
{
	struct cv_search_node *nodes = CV_ALLOC_ARRAY(cmd->pool,
		struct cv_search_node, query->count + 2);
	struct cv_range *all = CV_ALLOC_ARRAY(cmd->pool, struct cv_range, 1);
	struct cv_search_query known = *query;

	*all = (struct cv_range){ 1, cmd->s->exists };
	memcpy(nodes, query->nodes, sizeof(*nodes) * query->count);
	nodes[query->count] = query->nodes[0];
	nodes[query->count].next = query->count + 1;
	nodes[query->count + 1] = (struct cv_search_node){
		.op = CV_SEARCH_SEQS,
		.set = { all, cmd->s->exists > 0 } };
	nodes[0] = (struct cv_search_node){ .op = CV_SEARCH_AND,
					    .first_child = query->count };
	known.nodes = nodes;
	known.count = query->count + 2;
	return known;
}

int imap_cmd_thread(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_thread_request request = { CV_SIZED(cv_thread_request) };
	struct cv_search_query query;
	struct cv_thread_node *nodes;
	uint32_t count;
	int code;

	if (!algorithm_parse(cmd, &request.algorithm) ||
	    !imap_search_parse_charset(cmd, &query))
		return 0;
	query = known_only(cmd, &query);
	request.query = &query;
	code = imap_mailbox_api->thread(s->box, &request, cmd->pool, &nodes,
					&count, s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	send_threads(cmd, nodes, count);
	return imap_ok(cmd, "Thread completed.");
}
