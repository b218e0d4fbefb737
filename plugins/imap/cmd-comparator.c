/* cmd-comparator.c - COMPARATOR [RFC5255 4.7]: by what SEARCH, SORT and THREAD
 * compare texts. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

enum { COLLATION_BYTES_MAX = 254 };	/* [RFC4790 3.2] */

/* The first one is the default [RFC5255 4.4]. */
static const struct { const char *name; uint32_t comparator; } comparators[] = {
	{ "i;unicode-casemap", CV_COMPARE_UNICODE },
	{ "i;ascii-casemap", CV_COMPARE_ASCII },
	{ "i;octet", CV_COMPARE_OCTET },
};
enum { COMPARATORS = sizeof(comparators) / sizeof(comparators[0]) };

/* [RFC4790 3.2] collation-wild: "*" is any text.  Never goes back further
 * than to the last star. */
static bool matches(struct cv_span pattern, struct cv_span name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;

	while (n < name.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < pattern.len && cv_ascii_lower(pattern.data[p]) ==
			   cv_ascii_lower(name.data[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

/* Adds those that an argument names; *first: the one that comes first. */
static void take(struct cv_span wanted, bool found[COMPARATORS], int *first)
{
	for (int i = 0; i < COMPARATORS; i++) {
		bool is_it = cv_span_is_icase(wanted, "default") ? i == 0 :
			matches(wanted, cv_span_of(comparators[i].name));

		if (!is_it)
			continue;
		found[i] = true;
		if (*first < 0)
			*first = i;
	}
}

static void send_comparator(struct imap_session *s,
			    const bool found[COMPARATORS])
{
	int count = 0, sent = 0;

	for (int i = 0; i < COMPARATORS; i++)
		count += found[i];
	cv_text_append_str(&s->out, "* COMPARATOR ");
	for (int i = 0; i < COMPARATORS; i++) {
		if (comparators[i].comparator == s->comparator)
			cv_text_append_str(&s->out, comparators[i].name);
	}
	/* [RFC5255 4.8] only when there are several */
	for (int i = 0; count > 1 && i < COMPARATORS; i++) {
		if (!found[i])
			continue;
		cv_text_append_str(&s->out, sent++ == 0 ? " (" : " ");
		cv_text_append_str(&s->out, comparators[i].name);
	}
	cv_text_append_str(&s->out, sent > 0 ? ")\r\n" : "\r\n");
	imap_flush(s);
}

int imap_cmd_comparator(struct imap_cmd *cmd)
{
	bool found[COMPARATORS] = { false };
	const struct imap_arg *arg;
	bool asked = imap_args_peek(&cmd->args) != NULL;
	int first = -1;

	while ((arg = imap_args_next(&cmd->args)) != NULL) {
		if (!imap_arg_is_string(arg) || arg->text.len == 0 ||
		    arg->text.len > COLLATION_BYTES_MAX)
			return imap_bad_arguments(cmd);
		take(arg->text, found, &first);
	}
	/* [RFC5255 4.9] */
	if (asked && first < 0)
		return imap_no(cmd, "[BADCOMPARATOR] No such comparator.");
	if (asked)
		cmd->s->comparator = comparators[first].comparator;
	send_comparator(cmd->s, found);
	return imap_ok(cmd, "Comparator completed.");
}
