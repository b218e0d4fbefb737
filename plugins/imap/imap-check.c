/* imap-check.c - see imap-check.h. */
#include "imap-check.h"
#include "imap-session.h"

/* In the order of the bits of enum imap_workaround. */
static const char *const workarounds[] = {
	"delay-newmail", "tb-extra-mailbox-sep", "tb-lsub-flags",
	"append-8bit-headers", NULL,
};

uint32_t imap_workaround_find(const char *name)
{
	for (uint32_t i = 0; workarounds[i] != NULL; i++) {
		if (strcmp(workarounds[i], name) == 0)
			return 1u << i;
	}
	return 0;
}

static void check_workarounds(const struct cv_check *check,
			      const struct cv_strings *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (imap_workaround_find(list->items[i]) == 0)
			check->error(check, "imap_client_workarounds",
				     "there is no departure '%s'%s",
				     list->items[i],
				     check->nearest(check,
						    cv_span_of(list->items[i]),
						    workarounds));
	}
}

/* [RFC9051 9] capability = atom; "=" and the like are ATOM-CHARs */
static bool is_capability(struct cv_span word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return word.len > 0;
}

static void check_capability(const struct cv_check *check, const char *value)
{
	struct cv_span rest = cv_span_of(value), word;
	bool replaces = value[0] != '\0' && value[0] != '+' &&
		value[0] != '-', base = false;

	while (cv_span_split(&rest, ' ', &word)) {
		if (word.len == 0)
			continue;
		base = base || cv_span_is_icase(word, "IMAP4rev1") ||
			cv_span_is_icase(word, "IMAP4rev2");
		/* a sign alone may stand in front of words of its own */
		if (word.data[0] == '+' || word.data[0] == '-')
			word = cv_span_skip(word, 1);
		if (word.len > 0 && !is_capability(word))
			check->error(check, "imap_capability", "'%.*s' cannot "
				     "be a capability: clients would not "
				     "understand the line", CV_SPAN_ARG(word));
	}
	/* [RFC3501 6.1.1] [RFC9051 6.1.1] one of them MUST be there */
	if (replaces && !base)
		check->warning(check, "imap_capability", "it replaces the "
			       "whole list and has neither IMAP4rev1 nor "
			       "IMAP4rev2, without which clients close the "
			       "connection; to add a word write '+' in front "
			       "of it");
}

void imap_check(const struct cv_check *check)
{
	const struct imap_settings *set = check->settings;

	check_workarounds(check, &set->imap_client_workarounds);
	check_capability(check, set->imap_capability);
	if (set->imap_id_send.count % 2 != 0)
		check->error(check, "imap_id_send", "the name '%s' has no "
			     "value: names and values stand in turn",
			     set->imap_id_send.items[
				set->imap_id_send.count - 1]);
	if (set->imap_idle_notify_interval > 0 &&
	    set->imap_idle_notify_interval < IMAP_KEEPALIVE_MIN)
		check->error(check, "imap_idle_notify_interval", "it may be "
			     "1s or more, or 0 for never");
}
