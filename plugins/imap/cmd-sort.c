/* cmd-sort.c - SORT [RFC5256, RFC5957] with RETURN [RFC5267 3]. */
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-search.h"

static const struct { const char *name; uint32_t key; } sort_keys[] = {
	{ "ANNOTATION", CV_SORT_ANNOTATION },
	{ "ARRIVAL", CV_SORT_ARRIVAL }, { "CC", CV_SORT_CC },
	{ "DATE", CV_SORT_DATE }, { "DISPLAYFROM", CV_SORT_DISPLAYFROM },
	{ "DISPLAYTO", CV_SORT_DISPLAYTO }, { "FROM", CV_SORT_FROM },
	{ "RELEVANCY", CV_SORT_RELEVANCY },	/* [RFC6203 6] */
	{ "SIZE", CV_SORT_SIZE }, { "SUBJECT", CV_SORT_SUBJECT },
	{ "TO", CV_SORT_TO },
};

static uint32_t key_find(const struct imap_arg *arg)
{
	for (size_t i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
		if (imap_arg_is_atom(arg, sort_keys[i].name))
			return sort_keys[i].key;
	}
	return 0;
}

/* [RFC5256 5] sort-criteria */
static bool criteria_parse(struct imap_cmd *cmd, struct imap_sorting *sorting)
{
	struct imap_args from = cmd->args, list;
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	uint32_t reverse = 0;

	if (arg == NULL || arg->type != IMAP_LIST) {
		imap_bad_arguments(cmd);
		return false;
	}
	sorting->keys = CV_ALLOC_ARRAY(cmd->pool, uint32_t,
				       IMAP_SORT_KEYS_MAX);
	sorting->annotations = CV_ALLOC_ARRAY(
		cmd->pool, struct cv_annotation, IMAP_SORT_KEYS_MAX);
	list = imap_args_of_list(&from, arg);
	while ((arg = imap_args_next(&list)) != NULL) {
		uint32_t key;

		if (imap_arg_is_atom(arg, "REVERSE") && reverse == 0) {
			reverse = CV_SORT_REVERSE;
			continue;
		}
		key = key_find(arg);
		if (key == 0 || sorting->count == IMAP_SORT_KEYS_MAX) {
			imap_bad(cmd, "Unknown sort criterion.");
			return false;
		}
		if (key == CV_SORT_ANNOTATION &&
		    !imap_annotation_sort_parse(cmd, &list,
			&sorting->annotations[sorting->annotation_count++]))
			return false;
		sorting->keys[sorting->count++] = key | reverse;
		reverse = 0;
	}
	if (sorting->count > 0 && reverse == 0)
		return true;
	imap_bad(cmd, "Missing sort criterion.");
	return false;
}

int imap_sort_run(struct imap_session *s, struct cv_pool *pool,
		  const struct cv_search_query *query,
		  const struct imap_sorting *sorting, uint32_t **seqs_r,
		  uint32_t *count_r)
{
	struct cv_sort_request request = { CV_SIZED(cv_sort_request),
		.query = query, .keys = sorting->keys,
		.key_count = sorting->count,
		.annotations = sorting->annotations,
		.annotation_count = sorting->annotation_count };
	uint32_t known = 0, count;
	int code = imap_mailbox_api->sort(s->box, &request, pool, seqs_r,
					  &count, s->err);

	if (code < 0)
		return code;
	/* those that the client was not told of yet are not there */
	for (uint32_t i = 0; i < count; i++) {
		if ((*seqs_r)[i] <= s->exists)
			(*seqs_r)[known++] = (*seqs_r)[i];
	}
	*count_r = known;
	return CV_OK;
}

/* As numbers, whatever is told. */
static struct imap_results numbers(struct imap_cmd *cmd, const uint32_t *seqs,
				   uint32_t count)
{
	struct imap_results results;
	bool uid = cmd->uid;

	cmd->uid = false;
	results = imap_results_of_list(cmd, seqs, count);
	cmd->uid = uid;
	return results;
}

/* [RFC6203 6] */
static bool criteria_allowed(struct imap_cmd *cmd,
			     const struct imap_sorting *sorting)
{
	for (uint32_t i = 0; i < sorting->count && !cmd->fuzzy; i++) {
		if ((sorting->keys[i] & ~(uint32_t)CV_SORT_REVERSE) ==
		    CV_SORT_RELEVANCY) {
			imap_bad(cmd, "RELEVANCY needs a FUZZY key.");
			return false;
		}
	}
	return true;
}

/* The scores of messages in the order of seqs. */
static int scores_find(struct imap_cmd *cmd,
		       const struct cv_search_query *query,
		       const uint32_t *seqs, uint32_t count,
		       const uint8_t **scores_r)
{
	struct imap_session *s = cmd->s;
	uint8_t *by_seq = cv_api->alloc(cmd->pool, (size_t)s->exists + 1);
	uint8_t *scores = cv_api->alloc(cmd->pool, (size_t)count + 1);
	const uint8_t *found = NULL;
	struct cv_set set = { NULL, 0 };
	int code = imap_mailbox_api->search_scored(s->box, query, cmd->pool,
						   &set, &found, s->err);

	if (code < 0)
		return code;
	for (uint32_t i = 0; i < set.count; i++) {
		for (uint64_t n = set.ranges[i].first; n <= set.ranges[i].last;
		     n++, found++) {
			if (n <= s->exists)
				by_seq[n] = *found;
		}
	}
	/* [RFC6203 3] two searches may differ: what the second one has not
	 * found is the least */
	for (uint32_t i = 0; i < count; i++)
		scores[i] = by_seq[seqs[i]] == 0 ? 1 : by_seq[seqs[i]];
	*scores_r = scores;
	return CV_OK;
}

static int sort(struct imap_cmd *cmd, const struct imap_return *ret)
{
	struct imap_program program = { .sorting = { .count = 0 } };
	struct imap_results results, found;
	uint32_t *seqs, count;
	int code;

	if (!criteria_parse(cmd, &program.sorting) ||
	    !imap_search_parse_charset(cmd, &program.query) ||
	    !imap_relevancy_allowed(cmd, ret) ||
	    !criteria_allowed(cmd, &program.sorting) ||
	    !imap_context_allowed(cmd, ret))
		return 0;
	code = imap_sort_run(cmd->s, cmd->pool, &program.query,
			     &program.sorting, &seqs, &count);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_ok(cmd, "Sort completed.");
	found = numbers(cmd, seqs, count);
	if ((ret->options & IMAP_RETURN_SAVE) != 0)
		imap_saved_set(cmd, ret, found);
	results = imap_results_of_list(cmd, seqs, count);
	if ((ret->options & IMAP_RETURN_RELEVANCY) != 0) {
		code = scores_find(cmd, &program.query, seqs, count,
				   &results.scores);
		if (code < 0)
			return imap_no_error(cmd, code);
	}
	/* [RFC7162 3.1.6] */
	results.modseq = imap_results_modseq(cmd, ret, (struct cv_set){
		found.runs, found.count });
	if (!ret->given)
		imap_results_send(cmd, "SORT", results);
	else if (ret->options != IMAP_RETURN_SAVE)
		imap_esearch_send(cmd, ret, results, cmd->uid, CV_SPAN_NONE,
				  0);
	imap_context_begin(cmd, ret, &program, found, CV_SPAN(""));
	return 0;
}

int imap_cmd_sort(struct imap_cmd *cmd)
{
	struct imap_return ret;
	int code;

	if (!imap_return_parse(cmd, &ret))
		return 0;
	code = sort(cmd, &ret);
	if (cmd->reply == IMAP_NO && (ret.options & IMAP_RETURN_SAVE) != 0)
		imap_saved_clear(cmd->s);
	return code;
}
