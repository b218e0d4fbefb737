/* location-check.c - "maildir:~/Maildir:LAYOUT=fs:INDEX=/var/...": what can
 * be seen to be wrong in it before there is a user. */
#include "location-check.h"
#include "problem-check.h"
#include "settings-value.h"

#include <stdio.h>

static const struct {
	const char *name;
	enum location_key key;
	bool is_word;
	const char *unused;		/* why, where there is more to say */
} keys[] = {
	{ "LAYOUT", LOCATION_KEY_USED }, { "DIRNAME", LOCATION_KEY_USED },
	{ "FULLDIRNAME", LOCATION_KEY_USED },
	{ "INDEX", LOCATION_KEY_USED }, { "CONTROL", LOCATION_KEY_USED },
	{ "INBOX", LOCATION_KEY_USED }, { "ALT", LOCATION_KEY_USED },
	{ "UTF-8", LOCATION_KEY_USED, true },
	{ "MAILBOXDIR", LOCATION_KEY_USED },
	{ "INDEXPVT", LOCATION_KEY_USED },
	{ "INDEXCACHE", LOCATION_KEY_UNUSED, .unused = "what is kept of "
	  "headers and structures lies with the index (INDEX=)" },
	{ "VOLATILEDIR", LOCATION_KEY_UNUSED, .unused = "the "
	  "account's lock lies with the index (INDEX=)" },
	{ "SUBSCRIPTIONS", LOCATION_KEY_USED },
	{ "BROKENCHAR", LOCATION_KEY_REFUSED },
	{ "LISTINDEX", LOCATION_KEY_UNUSED, .unused = "the list of mailboxes "
	  "is in the account's journal (INDEX=)" },
	{ "NO-NOSELECT", LOCATION_KEY_UNUSED, true },
	{ "ALTNOCHECK", LOCATION_KEY_UNUSED, true },
	{ "ITERINDEX", LOCATION_KEY_UNUSED, true },
};

enum location_key location_key_find(struct cv_span key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_is(key, keys[i].name))
			return keys[i].key;
	}
	return LOCATION_KEY_UNKNOWN;
}

/* To stand behind "no effect". */
static const char *unused_why(struct cv_span key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_is(key, keys[i].name) && keys[i].unused != NULL)
			return keys[i].unused;
	}
	return "only Dovecot needs it";
}

bool location_key_is_word(struct cv_span key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_is(key, keys[i].name))
			return keys[i].is_word;
	}
	return false;
}

bool location_mailboxdir_is_ours(struct cv_span driver, struct cv_span value)
{
	bool is_dbox = cv_span_is_icase(driver, "sdbox") ||
		cv_span_is_icase(driver, "mdbox");

	return is_dbox ? cv_span_is(value, "mailboxes") : value.len == 0;
}

const char *location_subscriptions_wrong(struct cv_span value)
{
	if (value.len == 0 || cv_span_is(value, ".") ||
	    cv_span_is(value, ".."))
		return "is no name of a file";
	if (value.len > 200)
		return "is longer than the name of a file can be";
	if (memchr(value.data, '/', value.len) != NULL)
		return "is a path, but must be the name of a file in "
			"CONTROL=, or in the tree itself";
	return NULL;
}

struct location {
	struct settings_tree *tree;
	struct cv_span driver;
	const char *name, *file;
	uint32_t line;
	struct cv_error first;
};

CV_PRINTF(3, 4)
static void report(struct location *l, bool warning, const char *fmt, ...)
{
	struct cv_error found = ERROR_NONE;
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)FAIL(&found, CV_E_CONFIG, "%s: %s", l->name, text);
	problem_note(l->tree, warning, l->file, l->line, &found, &l->first);
}

static void check_path(struct location *l, struct cv_span path)
{
	if (path.len == 0)
		report(l, false, "there is no path behind the driver");
	else if (path.data[0] == '~' && path.len > 1 && path.data[1] != '/')
		report(l, false, "'%.*s': other users' homes are not "
		       "supported", CV_SPAN_ARG(path));
}

static void check_key(struct location *l, struct cv_span part)
{
	struct cv_span key = CV_SPAN_NONE, value = part;
	struct settings_guess guess;
	enum location_key known;

	(void)cv_span_split(&value, '=', &key);
	known = location_key_find(key);
	if (known == LOCATION_KEY_UNUSED) {
		report(l, true, "key '%.*s' has no effect: %s",
		       CV_SPAN_ARG(key), unused_why(key));
		return;
	}
	if (known == LOCATION_KEY_REFUSED) {
		report(l, false, "%.*s " LOCATION_BROKENCHAR,
		       CV_SPAN_ARG(key));
		return;
	}
	if (cv_span_is(key, "SUBSCRIPTIONS") && value.data != NULL &&
	    location_subscriptions_wrong(value) != NULL) {
		report(l, false, "SUBSCRIPTIONS='%.*s' %s",
		       CV_SPAN_ARG(value),
		       location_subscriptions_wrong(value));
		return;
	}
	if (cv_span_is(key, "MAILBOXDIR") &&
	    !location_mailboxdir_is_ours(l->driver, value)) {
		report(l, false, "MAILBOXDIR='%.*s' is not supported: mail "
		       "that is there would not be seen", CV_SPAN_ARG(value));
		return;
	}
	if (known == LOCATION_KEY_USED &&
	    (value.data == NULL) == location_key_is_word(key))
		return;
	settings_guess_init(&guess, key);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		settings_guess_try(&guess, keys[i].name);
	if (known == LOCATION_KEY_USED)
		report(l, false, "key '%.*s' %s", CV_SPAN_ARG(key),
		       value.data == NULL ? "has no value" :
		       "takes no value");
	else
		report(l, false, "key '%.*s' is not known%s%s%s",
		       CV_SPAN_ARG(key), guess.best == NULL ? "" :
		       "; did you mean '", guess.best == NULL ? "" :
		       guess.best, guess.best == NULL ? "" : "'?");
}

/* True when each colon separates: variables like %{env:X} have their own. */
static bool can_be_split(const char *text)
{
	return strstr(text, "%{") == NULL;
}

static void check_one(struct location *l, const struct settings_scope *scope)
{
	struct cv_span rest, part = CV_SPAN_NONE;
	const char *text;

	if (settings_lookup(l->tree, scope, l->name, &text) != CV_OK ||
	    text[0] == '\0' || !can_be_split(text) ||
	    settings_origin(l->tree, scope, l->name, &l->file, &l->line) !=
	    CV_OK)
		return;
	rest = cv_span_of(text);
	(void)cv_span_split(&rest, ':', &part);
	if (part.len > 0 && part.data[0] != '/' && part.data[0] != '~' &&
	    part.data[0] != '%') {
		l->driver = part;
		part = CV_SPAN_NONE;
		(void)cv_span_split(&rest, ':', &part);
	} else {
		l->driver = CV_SPAN("");
	}
	check_path(l, part);
	while (cv_span_split(&rest, ':', &part))
		check_key(l, part);
}

/* Where Dovecot kept annotations, which are taken over with its tree. */
static void check_dict(struct location *l, const struct settings_scope *scope)
{
	const char *text;

	l->name = "mail_attribute_dict";
	if (settings_lookup(l->tree, scope, l->name, &text) != CV_OK ||
	    text[0] == '\0' || strncmp(text, "file:", 5) == 0 ||
	    settings_origin(l->tree, scope, l->name, &l->file, &l->line) !=
	    CV_OK)
		return;
	report(l, false, "'%s': annotations can be taken over from a file "
	       "alone, file:/path (hint: without the line none are)", text);
}

static void check_scope(struct location *l, const char *protocol)
{
	struct settings_scope scope = { .protocol = protocol };
	uint32_t at = 0;

	l->name = "mail_location";
	check_one(l, &scope);
	check_dict(l, &scope);
	l->name = "location";
	while (settings_block_next(l->tree, "namespace", SETTINGS_ROOT, NULL,
				   &at, &scope.block))
		check_one(l, &scope);
}

int location_check(struct settings_tree *tree, struct cv_error *err)
{
	struct location l = { .tree = tree, .first = ERROR_NONE };

	const char *protocol;
	uint32_t at = 0;

	check_scope(&l, NULL);
	while (settings_filter_next(tree, "protocol", &at, &protocol))
		check_scope(&l, protocol);
	return problem_end(&l.first, err);
}
