/* imap-return.c - see imap-return.h. */
#include "imap-return.h"
#include "imap-args.h"
#include "imap-modseq.h"
#include "imap-fetch.h"
#include "imap-respond.h"
#include "imap-search.h"

enum {
	FLUSH_AT = 16384,
	/* [RFC5182 2.5] ranges of a saved result: 8 MiB */
	SAVED_RANGES_MAX = 1024 * 1024,
};

/* --- parsing -------------------------------------------------------------- */

/* nz-number, with a "-" before it when from_end. */
static bool position(struct cv_span text, bool from_end, uint32_t *value_r)
{
	uint64_t value;

	if (from_end) {
		if (text.len == 0 || text.data[0] != '-')
			return false;
		text = cv_span_skip(text, 1);
	}
	if (!cv_span_to_u64(text, UINT32_MAX, &value) || value == 0)
		return false;
	*value_r = (uint32_t)value;
	return true;
}

bool imap_partial_parse(struct cv_span text, struct imap_partial *p)
{
	struct cv_span rest = text, from;
	uint32_t a, b;

	p->from_end = text.len > 0 && text.data[0] == '-';
	p->text = text;
	if (!cv_span_split(&rest, ':', &from) || rest.data == NULL ||
	    !position(from, p->from_end, &a) ||
	    !position(rest, p->from_end, &b))
		return false;
	/* [RFC9394 4] 500:400 is the same as 400:500 */
	p->first = a < b ? a : b;
	p->last = a < b ? b : a;
	return true;
}

static bool parse_partial(struct imap_cmd *cmd, struct imap_args *list,
			  struct imap_return *ret)
{
	const struct imap_arg *arg = imap_args_next(list);

	/* [RFC9394 3.1] no more than one PARTIAL */
	if (arg != NULL && arg->type == IMAP_ATOM &&
	    (ret->options & IMAP_RETURN_PARTIAL) == 0 &&
	    imap_partial_parse(arg->text, &ret->partial))
		return true;
	imap_bad(cmd, "Invalid PARTIAL.");
	return false;
}

/* [RFC5465 7] the list is told of messages that are new */
static bool parse_update(struct imap_cmd *cmd, struct imap_args *list,
			 struct imap_return *ret)
{
	const struct imap_arg *arg = imap_args_peek(list);
	struct imap_fetch fetch = { .item_count = 0 };

	if (arg == NULL || arg->type != IMAP_LIST)
		return true;
	ret->items = imap_args_of_list(list, imap_args_next(list));
	return imap_fetch_parse_items(cmd, &fetch, ret->items);
}

/* [RFC6203 4] where there is FUZZY alone */
static bool parse_relevancy(struct imap_cmd *cmd, struct imap_args *list,
			    struct imap_return *ret)
{
	if (imap_can_search_fuzzy(cmd->s))
		return true;
	imap_bad(cmd, "Unknown search return option.");
	return false;
}

static const struct return_option {
	const char *name;
	uint32_t option;
	bool (*parse)(struct imap_cmd *cmd, struct imap_args *list,
		      struct imap_return *ret);	/* NULL: no argument */
} return_options[] = {
	{ "MIN", IMAP_RETURN_MIN, NULL },
	{ "MAX", IMAP_RETURN_MAX, NULL },
	{ "ALL", IMAP_RETURN_ALL, NULL },
	{ "COUNT", IMAP_RETURN_COUNT, NULL },
	/* [RFC5267 4.2] a hint, which changes nothing */
	{ "CONTEXT", 0, NULL },
	{ "SAVE", IMAP_RETURN_SAVE, NULL },
	{ "PARTIAL", IMAP_RETURN_PARTIAL, parse_partial },
	{ "UPDATE", IMAP_RETURN_UPDATE, parse_update },
	{ "RELEVANCY", IMAP_RETURN_RELEVANCY, parse_relevancy },
};

static const struct return_option *option_find(const struct imap_arg *arg)
{
	for (size_t i = 0; i < sizeof(return_options) /
	     sizeof(return_options[0]); i++) {
		if (imap_arg_is_atom(arg, return_options[i].name))
			return &return_options[i];
	}
	return NULL;
}

static bool options_parse(struct imap_cmd *cmd, struct imap_args list,
			  struct imap_return *ret)
{
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&list)) != NULL) {
		const struct return_option *o = option_find(arg);

		if (o == NULL) {
			imap_bad(cmd, "Unknown search return option.");
			return false;
		}
		if (o->parse != NULL && !o->parse(cmd, &list, ret))
			return false;
		ret->options |= o->option;
	}
	/* [RFC9394 3.1] */
	if ((ret->options & IMAP_RETURN_ALL) != 0 &&
	    (ret->options & IMAP_RETURN_PARTIAL) != 0) {
		imap_bad(cmd, "PARTIAL and ALL exclude each other.");
		return false;
	}
	/* [RFC4731 3.1] an empty list is (ALL) */
	if (ret->options == 0)
		ret->options = IMAP_RETURN_ALL;
	return true;
}

bool imap_word_and_list(struct imap_cmd *cmd, const char *word, bool *given_r,
			struct imap_args *list_r)
{
	struct imap_args from;
	const struct imap_arg *arg;

	*given_r = imap_arg_is_atom(imap_args_peek(&cmd->args), word);
	if (!*given_r)
		return true;
	(void)imap_args_next(&cmd->args);
	from = cmd->args;
	arg = imap_args_next(&cmd->args);
	if (arg == NULL || arg->type != IMAP_LIST) {
		imap_bad_arguments(cmd);
		return false;
	}
	*list_r = imap_args_of_list(&from, arg);
	return true;
}

bool imap_return_parse(struct imap_cmd *cmd, struct imap_return *ret)
{
	struct imap_args list;

	*ret = (struct imap_return){ .given = false };
	if (!imap_word_and_list(cmd, "RETURN", &ret->given, &list))
		return false;
	if (!ret->given)
		return true;
	if (!options_parse(cmd, list, ret))
		return false;
	cmd->live = (ret->options & IMAP_RETURN_UPDATE) != 0;
	return true;
}

/* --- results -------------------------------------------------------------- */

struct imap_results imap_results_of_set(struct imap_cmd *cmd,
					struct cv_set seqs)
{
	struct imap_set_builder b = { .pool = cmd->pool };
	struct cv_set set = seqs;

	if (cmd->uid) {
		for (uint32_t i = 0; i < seqs.count; i++) {
			const struct cv_range *r = &seqs.ranges[i];

			for (uint64_t n = r->first; n <= r->last; n++)
				imap_set_add(&b, imap_mailbox_api->uid_of(
					cmd->s->box, (uint32_t)n));
		}
		set = imap_set_built(&b);
	}
	return (struct imap_results){ set.ranges, set.count,
				      imap_set_size(set), 0, NULL };
}

struct imap_results imap_results_of_list(struct imap_cmd *cmd,
					 const uint32_t *seqs, uint32_t count)
{
	struct imap_set_builder b = { .pool = cmd->pool };

	for (uint32_t i = 0; i < count; i++)
		imap_set_add(&b, cmd->uid ? imap_mailbox_api->uid_of(
			cmd->s->box, seqs[i]) : seqs[i]);
	return (struct imap_results){ b.ranges, b.count, count, 0, NULL };
}

/* Those at positions first to last, counted from 1 or from the end. */
static struct imap_results cut(struct cv_pool *pool, struct imap_results in,
			       const struct imap_partial *p)
{
	uint64_t from = p->first, to = p->last, at = 1;
	struct cv_range *runs = CV_ALLOC_ARRAY(pool, struct cv_range,
					       in.count + 1);
	struct imap_results out = { runs, 0, 0, 0, NULL };

	if (p->from_end) {
		to = p->first > in.total ? 0 : in.total - p->first + 1;
		from = p->last > in.total ? 1 : in.total - p->last + 1;
	}
	if (in.scores != NULL)
		out.scores = in.scores + (from - 1 < in.total ? from - 1 :
					  in.total);
	for (uint32_t i = 0; i < in.count && at <= to; i++) {
		struct cv_range r = in.runs[i];
		uint64_t end = at + (r.last - r.first);

		if (end >= from) {
			if (at < from)
				r.first += (uint32_t)(from - at);
			if (end > to)
				r.last -= (uint32_t)(end - to);
			runs[out.count++] = r;
			out.total += (uint64_t)r.last - r.first + 1;
		}
		at = end + 1;
	}
	return out;
}

struct cv_set imap_partial_cut(struct cv_pool *pool, struct cv_set set,
			       const struct imap_partial *partial)
{
	struct imap_results in = { set.ranges, set.count,
				   imap_set_size(set), 0, NULL };
	struct imap_results out = cut(pool, in, partial);

	return (struct cv_set){ out.runs, out.count };
}

/* --- ESEARCH -------------------------------------------------------------- */

static void append_runs(struct imap_session *s, struct imap_results results)
{
	for (uint32_t i = 0; i < results.count; i++) {
		struct cv_set one = { &results.runs[i], 1 };

		if (i > 0)
			cv_text_append_c(&s->out, ',');
		imap_set_format(&s->out, one);
		if (s->out.len > FLUSH_AT)
			imap_flush(s);
	}
}

static void append_number(struct cv_text *out, const char *what,
			  uint64_t number)
{
	cv_text_append_str(out, what);
	cv_text_append_u64(out, number);
}

/* [RFC6203 4] of those that are told, in their order: with PARTIAL of that
 * part */
static void append_scores(struct imap_cmd *cmd, const struct imap_return *ret,
			  struct imap_results results)
{
	struct cv_text *out = &cmd->s->out;

	if ((ret->options & IMAP_RETURN_PARTIAL) != 0)
		results = cut(cmd->pool, results, &ret->partial);
	cv_text_append_str(out, " RELEVANCY (");
	for (uint64_t i = 0; i < results.total; i++) {
		if (i > 0)
			cv_text_append_c(out, ' ');
		cv_text_append_u64(out, results.scores[i]);
		if (out->len > FLUSH_AT)
			imap_flush(cmd->s);
	}
	cv_text_append_c(out, ')');
}

static void append_partial(struct imap_cmd *cmd, const struct imap_partial *p,
			   struct imap_results results)
{
	struct imap_results part = cut(cmd->pool, results, p);
	struct cv_text *out = &cmd->s->out;

	cv_text_append_str(out, " PARTIAL (");
	cv_text_append_span(out, p->text);
	cv_text_append_c(out, ' ');
	/* [RFC9394 3.1] */
	if (part.count == 0)
		cv_text_append_str(out, "NIL");
	append_runs(cmd->s, part);
	cv_text_append_c(out, ')');
}

void imap_esearch_send(struct imap_cmd *cmd, const struct imap_return *ret,
		       struct imap_results results, bool uid,
		       struct cv_span name, uint32_t uidvalidity)
{
	struct cv_text *out = &cmd->s->out;

	cv_text_append_str(out, "* ESEARCH (TAG ");
	imap_append_string(out, cmd->tag);
	if (name.data != NULL) {
		cv_text_append_str(out, " MAILBOX ");
		cv_text_append_span(out, name);
		append_number(out, " UIDVALIDITY ", uidvalidity);
	}
	cv_text_append_str(out, uid ? ") UID" : ")");
	/* [RFC4731 3.1] without a match MIN, MAX and ALL are left out */
	if ((ret->options & IMAP_RETURN_MIN) != 0 && results.count > 0)
		append_number(out, " MIN ", results.runs[0].first);
	if ((ret->options & IMAP_RETURN_MAX) != 0 && results.count > 0)
		append_number(out, " MAX ",
			      results.runs[results.count - 1].last);
	if ((ret->options & IMAP_RETURN_COUNT) != 0)
		append_number(out, " COUNT ", results.total);
	if ((ret->options & IMAP_RETURN_PARTIAL) != 0)
		append_partial(cmd, &ret->partial, results);
	if ((ret->options & IMAP_RETURN_ALL) != 0 && results.count > 0) {
		cv_text_append_str(out, " ALL ");
		append_runs(cmd->s, results);
	}
	if (results.scores != NULL)
		append_scores(cmd, ret, results);
	if (results.modseq > 0)
		append_number(out, " MODSEQ ", results.modseq);
	cv_text_append_str(out, "\r\n");
	imap_flush(cmd->s);
}

void imap_results_send(struct imap_cmd *cmd, const char *what,
		       struct imap_results results)
{
	struct imap_session *s = cmd->s;

	cv_text_append_str(&s->out, "* ");
	cv_text_append_str(&s->out, what);
	for (uint32_t i = 0; i < results.count; i++) {
		const struct cv_range *r = &results.runs[i];

		for (uint64_t n = r->first; n <= r->last; n++) {
			cv_text_append_c(&s->out, ' ');
			cv_text_append_u64(&s->out, n);
			if (s->out.len > FLUSH_AT)
				imap_flush(s);
		}
	}
	if (results.modseq > 0) {
		append_number(&s->out, " (MODSEQ ", results.modseq);
		cv_text_append_c(&s->out, ')');
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

/* --- SAVE ----------------------------------------------------------------- */

/* [RFC5182 2.4], [RFC9394 3.2]: with ALL or COUNT, or alone, all of them;
 * else what MIN, MAX and PARTIAL return. */
static struct cv_set chosen(struct imap_cmd *cmd,
			    const struct imap_return *ret,
			    struct imap_results seqs)
{
	uint32_t some = ret->options & (IMAP_RETURN_MIN | IMAP_RETURN_MAX |
					IMAP_RETURN_PARTIAL);
	struct cv_set all = { seqs.runs, seqs.count };
	struct imap_results part = { .count = 0 };
	struct cv_range *ends;
	struct cv_set set;
	uint32_t count = 0;

	if (some == 0 || seqs.count == 0 ||
	    (ret->options & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)) != 0)
		return imap_set_union(cmd->pool, all, (struct cv_set){ 0 });
	if ((some & IMAP_RETURN_PARTIAL) != 0)
		part = cut(cmd->pool, seqs, &ret->partial);
	ends = CV_ALLOC_ARRAY(cmd->pool, struct cv_range, 2);
	if ((some & IMAP_RETURN_MIN) != 0) {
		ends[count].first = ends[count].last = seqs.runs[0].first;
		count++;
	}
	if ((some & IMAP_RETURN_MAX) != 0) {
		ends[count].first = ends[count].last =
			seqs.runs[seqs.count - 1].last;
		count++;
	}
	set = (struct cv_set){ ends, count };
	return imap_set_union(cmd->pool, set,
			      (struct cv_set){ part.runs, part.count });
}

uint64_t imap_results_modseq(struct imap_cmd *cmd,
			     const struct imap_return *ret,
			     struct cv_set seqs)
{
	if (!cmd->wants_modseq)
		return 0;
	if (ret->given)
		seqs = chosen(cmd, ret, (struct imap_results){
			seqs.ranges, seqs.count, imap_set_size(seqs), 0,
			NULL });
	return imap_modseq_highest(cmd->s, seqs);
}

void imap_saved_clear(struct imap_session *s)
{
	if (s->saved_pool != NULL)
		cv_api->pool_reset(s->saved_pool);
	s->saved = (struct cv_set){ NULL, 0 };
}

/* Kept as UIDs: what is expunged goes from it by itself, and numbers that
 * move do not matter [RFC5182 2.1]. */
void imap_saved_set(struct imap_cmd *cmd, const struct imap_return *ret,
		    struct imap_results seqs)
{
	struct imap_session *s = cmd->s;
	struct cv_set set = chosen(cmd, ret, seqs);
	struct imap_set_builder b;

	imap_saved_clear(s);
	if (s->saved_pool == NULL)
		s->saved_pool = cv_api->pool_create("imap saved result");
	b = (struct imap_set_builder){ .pool = s->saved_pool };
	for (uint32_t i = 0; i < set.count; i++) {
		const struct cv_range *r = &set.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++)
			imap_set_add(&b, imap_mailbox_api->uid_of(
				s->box, (uint32_t)n));
	}
	if (b.count > SAVED_RANGES_MAX) {
		imap_saved_clear(s);
		imap_no(cmd, "[NOTSAVED] The result is too large to be "
			     "saved.");
		return;
	}
	s->saved = imap_set_built(&b);
}

struct cv_set imap_saved_uids(struct imap_session *s)
{
	return s->saved;
}

struct cv_set imap_saved_seqs(struct imap_session *s, struct cv_pool *pool)
{
	struct cv_set seqs = { NULL, 0 };

	if (s->saved.count == 0 || s->exists == 0 ||
	    imap_mailbox_api->uids_to_seqs(s->box, s->saved, pool, &seqs) < 0)
		return (struct cv_set){ NULL, 0 };
	return imap_set_clip(pool, seqs, s->exists);
}
