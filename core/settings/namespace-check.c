/* namespace-check.c - separators, prefixes and special uses: a session would
 * be refused for each of these mistakes. */
#include "namespace-check.h"
#include "problem-check.h"
#include "core-settings.h"
#include "cv-mailbox.h"
#include "settings-value.h"

#include <stdio.h>
#include <strings.h>

struct seen {
	const char *prefix;
	bool inbox;
};

struct check {
	struct settings_tree *tree;
	struct cv_pool *pool;
	struct settings_scope scope;
	struct cv_error first;
	ARRAY(struct seen) seen;	/* in this scope, not disabled */
};

static const struct { const char *name; uint32_t use; } special_uses[] = {
	{ "\\All", CV_MAILBOX_USE_ALL },
	{ "\\Archive", CV_MAILBOX_USE_ARCHIVE },
	{ "\\Drafts", CV_MAILBOX_USE_DRAFTS },
	{ "\\Flagged", CV_MAILBOX_USE_FLAGGED },
	{ "\\Junk", CV_MAILBOX_USE_JUNK },
	{ "\\Sent", CV_MAILBOX_USE_SENT },
	{ "\\Trash", CV_MAILBOX_USE_TRASH },
	{ "\\Important", CV_MAILBOX_USE_IMPORTANT },
};
enum { USES = sizeof(special_uses) / sizeof(special_uses[0]) };

uint32_t special_use_find(const char *name)
{
	for (size_t i = 0; i < USES; i++) {
		if (strcasecmp(special_uses[i].name, name) == 0)
			return special_uses[i].use;
	}
	return 0;
}

/* At the line that has set key in the block of the scope. */
CV_PRINTF(4, 5)
static void report(struct check *c, bool warning, const char *key,
		   const char *fmt, ...)
{
	struct cv_error found = ERROR_NONE;
	const char *file = "";
	char text[512];
	uint32_t line = 0;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (settings_origin(c->tree, &c->scope, key, &file, &line) != CV_OK) {
		file = "";
		line = 0;
	}
	(void)FAIL(&found, CV_E_CONFIG, "%s", text);
	problem_note(c->tree, warning, file, line, &found, &c->first);
}

/* --- mailboxes ------------------------------------------------------------- */

static void check_use(struct check *c, const char *word)
{
	struct settings_guess guess;

	if (special_use_find(word) != 0)
		return;
	settings_guess_init(&guess, cv_span_of(word));
	for (size_t i = 0; i < USES; i++) {
		/* the backslash is what is forgotten most */
		if (strcasecmp(special_uses[i].name + 1, word) == 0)
			guess.best = special_uses[i].name;
	}
	for (size_t i = 0; guess.best == NULL && i < USES; i++)
		settings_guess_try(&guess, special_uses[i].name);
	if (guess.best != NULL)
		report(c, false, "special_use", "special_use '%s' is not "
		       "known; did you mean '%s'?", word, guess.best);
	else
		report(c, false, "special_use", "special_use '%s' is not "
		       "known", word);
}

static void check_mailboxes(struct check *c)
{
	settings_block space = c->scope.block;
	uint32_t at = 0;

	while (settings_block_next(c->tree, "mailbox", space, &c->scope, &at,
				   &c->scope.block)) {
		struct mailbox_settings set;

		if (settings_get(c->tree, &mailbox_settings_table, &c->scope,
				 c->pool, &set, NULL) == CV_OK) {
			for (uint32_t i = 0; i < set.special_use.count; i++)
				check_use(c, set.special_use.items[i]);
		}
		c->scope.block = space;
	}
	c->scope.block = space;
}

/* --- namespaces -------------------------------------------------------------- */

static void check_separator(struct check *c,
			    const struct namespace_settings *set)
{
	size_t len = strlen(set->prefix);
	char last = len == 0 ? '\0' : set->prefix[len - 1];

	if (strlen(set->separator) > 1)
		report(c, false, "separator", "separator '%s': it is one "
		       "character", set->separator);
	else if (len > 0 && set->separator[0] != '\0' &&
		 last != set->separator[0])
		report(c, false, "prefix", "namespace prefix '%s' does not "
		       "end with its separator '%s'", set->prefix,
		       set->separator);
	/* without one, the layout chooses; no layout has another */
	else if (len > 0 && set->separator[0] == '\0' && last != '.' &&
		 last != '/')
		report(c, false, "prefix", "namespace prefix '%s' does not "
		       "end with a separator; did you mean '%s/' and "
		       "separator = /?", set->prefix, set->prefix);
}

static void check_one(struct check *c, const struct namespace_settings *set)
{
	struct seen *seen;

	check_separator(c, set);
	check_mailboxes(c);
	for (size_t i = 0; i < c->seen.count; i++) {
		if (strcmp(c->seen.items[i].prefix, set->prefix) == 0)
			report(c, true, *set->prefix == '\0' ? "" : "prefix",
			       "two namespaces have the prefix '%s': sessions "
			       "are refused unless the userdb changes it",
			       set->prefix);
		if (set->inbox && c->seen.items[i].inbox)
			report(c, true, "inbox", "two namespaces have inbox "
			       "= yes: sessions are refused unless the "
			       "userdb changes it");
	}
	seen = array_add(&c->seen);
	*seen = (struct seen){ set->prefix, set->inbox };
}

static void check_scope(struct check *c)
{
	uint32_t at = 0, inboxes = 0;
	settings_block last = SETTINGS_ROOT;

	array_init(&c->seen, c->pool);
	while (settings_block_next(c->tree, "namespace", SETTINGS_ROOT,
				   &c->scope, &at, &c->scope.block)) {
		struct namespace_settings set;

		last = c->scope.block;
		/* prefixes of shared ones stand for owners */
		if (settings_get(c->tree, &namespace_settings_table,
				 &c->scope, c->pool, &set, NULL) == CV_OK &&
		    !set.disabled)
			check_one(c, &set);
	}
	for (size_t i = 0; i < c->seen.count; i++)
		inboxes += c->seen.items[i].inbox;
	c->scope.block = last;
	if (c->seen.count > 0 && inboxes == 0)
		report(c, true, "", "no namespace has inbox = yes: sessions "
		       "are refused unless the userdb changes it");
	c->scope.block = SETTINGS_ROOT;
}

int namespace_check(struct settings_tree *tree, struct cv_error *err)
{
	struct check c = {
		.tree = tree, .pool = pool_create("namespace check"),
		.first = ERROR_NONE,
	};
	uint32_t at = 0;

	do
		check_scope(&c);
	while (settings_filter_next(tree, "protocol", &at,
				    &c.scope.protocol));
	pool_destroy(&c.pool);
	return problem_end(&c.first, err);
}
