/* imap-filter.c - see imap-filter.h. */
#include "imap-filter.h"
#include "imap-args.h"
#include "imap-name.h"
#include "imap-respond.h"
#include "imap-search.h"

enum { TOKENS_MAX = 8192 };

static const char private_values[] = "/private/filters/values/";
static const char shared_values[] = "/shared/filters/values/";

bool imap_filter_name_valid(struct cv_span name)
{
	return imap_is_atom(name) && memchr(name.data, '/', name.len) == NULL;
}

bool imap_filter_undefined(struct imap_cmd *cmd, struct cv_span name)
{
	imap_no(cmd, "[UNDEFINED-FILTER %.*s] There is no such filter.",
		CV_SPAN_ARG(name));
	return false;
}

/* --- words ---------------------------------------------------------------- */

/* Literals come without waiting for anybody. */
static bool parser_feed(struct imap_parser *parser, struct cv_span in,
			enum imap_parse_result *result)
{
	while (in.len > 0) {
		size_t used;

		*result = imap_parser_feed(parser, in, &used);
		in = cv_span_skip(in, used);
		if (*result != IMAP_PARSE_MORE &&
		    *result != IMAP_PARSE_VERB &&
		    *result != IMAP_PARSE_CONTINUE)
			return in.len == 0;
	}
	return true;
}

/* The value as what would follow the word SEARCH. */
static bool words_parse(struct cv_pool *pool, struct cv_span value,
			struct imap_args *args_r)
{
	struct imap_parser_limits limits = {
		.tokens_max = TOKENS_MAX,
		.depth_max = IMAP_PARSER_DEPTH_MAX,
		.line_max = INT32_MAX, .literal_max = INT32_MAX,
		.nonsync_max = UINT32_MAX,
	};
	struct imap_parser *parser = CV_ALLOC(pool, struct imap_parser);
	enum imap_parse_result result = IMAP_PARSE_MORE;

	imap_parser_init(parser, pool, &limits);
	if (!parser_feed(parser, CV_SPAN("x SEARCH "), &result) ||
	    !parser_feed(parser, value, &result) ||
	    result == IMAP_PARSE_DONE || result == IMAP_PARSE_ERROR ||
	    result == IMAP_PARSE_FATAL ||
	    !parser_feed(parser, CV_SPAN("\r\n"), &result) ||
	    result != IMAP_PARSE_DONE)
		return false;
	*args_r = imap_parser_args(parser);
	return imap_args_peek(args_r) != NULL;
}

/* --- FILTER --------------------------------------------------------------- */

static bool entries_read(struct imap_cmd *cmd, struct imap_filters *filters)
{
	struct imap_session *s = cmd->s;
	int code;

	if (filters->entries != NULL)
		return true;
	code = imap_mailbox_api->metadata_list(s->user, "", cmd->pool,
					       &filters->entries,
					       &filters->count, s->err);
	if (code >= 0)
		return true;
	imap_no_error(cmd, code);
	return false;
}

static bool value_find(const struct imap_filters *filters, const char *root,
		       struct cv_span name, struct cv_span *value_r)
{
	size_t len = strlen(root);

	for (uint32_t i = 0; i < filters->count; i++) {
		const struct cv_metadata *e = &filters->entries[i];

		if (!cv_span_begins_icase(e->entry, cv_span_of(root)) ||
		    !cv_span_equal_icase(cv_span_skip(e->entry, len), name))
			continue;
		*value_r = e->value;
		return e->value.data != NULL;
	}
	return false;
}

bool imap_filter_find(struct imap_cmd *cmd, struct imap_filters *filters,
		      struct cv_span name, struct imap_args *args_r)
{
	struct cv_span value;

	if (!CV_HAS(imap_mailbox_api, metadata_list) ||
	    imap_mailbox_api->metadata_list == NULL)
		return imap_filter_undefined(cmd, name);
	if (!entries_read(cmd, filters))
		return false;
	/* [RFC5466 3.2] the private one goes first */
	if (++filters->used > IMAP_FILTERS_MAX ||
	    (!value_find(filters, private_values, name, &value) &&
	     !value_find(filters, shared_values, name, &value)))
		return imap_filter_undefined(cmd, name);
	if (words_parse(cmd->pool, value, args_r))
		return true;
	imap_no(cmd, "Filter %.*s is not a search program.",
		CV_SPAN_ARG(name));
	return false;
}

/* --- SETMETADATA ---------------------------------------------------------- */

static bool filter_of(struct cv_span entry, struct cv_span *name_r)
{
	size_t len = strlen(private_values);

	if (!cv_span_begins_icase(entry, cv_span_of(private_values)))
		len = strlen(shared_values);
	if (len == strlen(shared_values) &&
	    !cv_span_begins_icase(entry, cv_span_of(shared_values)))
		return false;
	*name_r = cv_span_skip(entry, len);
	return true;
}

bool imap_filter_may_set(struct imap_cmd *cmd,
			 const struct cv_metadata *entry)
{
	struct cv_span name;
	struct imap_args args;

	if (entry->value.data == NULL || !filter_of(entry->entry, &name))
		return true;
	if (!imap_filter_name_valid(name)) {
		imap_no(cmd, "[CANNOT] This cannot be the name of a filter.");
		return false;
	}
	/* [RFC5466 3.2] all texts are in UTF-8 */
	if (imap_utf8_valid(entry->value) &&
	    words_parse(cmd->pool, entry->value, &args) &&
	    imap_search_check(cmd, args))
		return true;
	imap_no(cmd, "[CANNOT] This is not a search program.");
	return false;
}
