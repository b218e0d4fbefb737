/* cv-settings.h - settings are declared as data by whoever uses them.
 *
 * The parser, the checks, culverconf, the man page and the defaults all come
 * from these tables; core declares its own settings in the same way.
 *
 *	struct quota_settings { uint64_t quota_limit; bool quota_warn; };
 *	static const struct cv_setting_def quota_setting_defs[] = {
 *		CV_SETTING(quota_settings, quota_limit, CV_SET_SIZE, "1G",
 *			   "0..", CV_SET_PER_USER, "Bytes a user may store."),
 *	}; */
#ifndef CV_SETTINGS_H
#define CV_SETTINGS_H

#include "cv-types.h"

/* The C type of the member is given behind each. */
enum cv_setting_type {
	CV_SET_BOOL = 1,	/* bool; yes|no|y|n|true|false|1|0 */
	CV_SET_UINT,		/* uint32_t */
	CV_SET_SIZE,		/* uint64_t bytes; "10M"; "unlimited" is 0 */
	CV_SET_TIME,		/* uint64_t milliseconds; "30 secs" */
	CV_SET_STRING,		/* const char *; never NULL */
	CV_SET_ENUM,		/* uint32_t index into allowed "a|b|c" */
	CV_SET_LIST,		/* struct cv_strings, split at blanks */
	CV_SET_PATH,		/* const char *; absolute, or empty */
	CV_SET_MODE,		/* uint32_t; octal permissions */
	CV_SET_OBSOLETE,	/* no member: accepted without effect; doc is
				 * the warning, "" for silence */
};

enum {
	CV_SET_SECRET = 1,	/* printed as "# hidden" unless asked */
	CV_SET_RELOADABLE = 2,	/* a reload reaches running sessions */
	CV_SET_PER_USER = 4,	/* a userdb may override it */
	CV_SET_REQUIRED = 8,	/* empty is an error */
	CV_SET_EXPAND = 16,	/* %variables are expanded when it is read for
				 * a user or connection */
	CV_SET_PLUGIN_BLOCK = 32, /* in the 2.3 language it stands inside
				   * plugin { } */
	CV_SET_ADVANCED = 64,	/* left out of short listings */
	CV_SET_EXPAND_PATH = 128, /* as CV_SET_EXPAND, for paths: values of
				   * variables that hold a '/' or begin with
				   * '.' are refused (%h may be a path) */
	/* A secret that sessions need: without it only login and auth
	 * processes are given the value, and sessions what a userdb says. */
	CV_SET_SESSION = 256,
	/* A directory (CV_SET_PATH), which a user's confined processes may
	 * read, and what is below it. */
	CV_SET_READABLE = 512,
	/* A boolean: with yes the process of its plugin may connect, as with
	 * CV_PLUGIN_CONNECTS.  Read once, for the whole service. */
	CV_SET_CONNECTS = 1024,
};

struct cv_strings { const char *const *items; uint32_t count; };

struct cv_setting_def {
	CV_HEAD;
	uint32_t type, flags;
	size_t offset;			/* into the owner's settings struct */
	const char *name;
	const char *default_text;	/* parsed by the same parser */
	const char *allowed;		/* "1..65535", "off|on|auto", NULL */
	const char *doc;		/* one paragraph: man page, hints */
	const char *since;		/* version, NULL: from the start */
};

#define CV_SETTING(st, member, type_, def, allowed_, flags_, doc_) \
	CV_SETTING_AS(st, member, #member, type_, def, allowed_, flags_, doc_)

/* When the name is no C identifier. */
#define CV_SETTING_AS(st, member, name_, type_, def, allowed_, flags_, doc_) \
	{ CV_SIZED(cv_setting_def), .type = (type_), .flags = (flags_), \
	  .offset = offsetof(struct st, member) + \
		CV_SETTING_CHECK_(type_, ((struct st *)0)->member), \
	  .name = (name_), \
	  .default_text = (def), .allowed = (allowed_), .doc = (doc_) }

/* 0; a compiler error when the member's C type is not the setting's. */
#define CV_SETTING_CHECK_(type_, member) \
	(0 * sizeof(struct { _Static_assert(_Generic((member), \
		bool: (type_) == CV_SET_BOOL, \
		uint32_t: (type_) == CV_SET_UINT || \
			(type_) == CV_SET_ENUM || (type_) == CV_SET_MODE, \
		uint64_t: (type_) == CV_SET_SIZE || (type_) == CV_SET_TIME, \
		const char *: (type_) == CV_SET_STRING || \
			(type_) == CV_SET_PATH, \
		struct cv_strings: (type_) == CV_SET_LIST, \
		default: 0), \
		"the member has not the C type of this setting"); \
		char unused; }))

/* A setting of Dovecot without effect here. */
#define CV_SETTING_OBSOLETE(name_, doc_) \
	{ CV_SIZED(cv_setting_def), .type = CV_SET_OBSOLETE, \
	  .name = (name_), .default_text = "", .doc = (doc_) }

/* --- files of a plugin's own in the language of Dovecot 2.3 ---------------- */

/* A text that cv_host.settings_line takes line after line; line begins at 1,
 * what lines point to is in pool. */
struct cv_settings_text {
	CV_HEAD;
	uint32_t line;			/* of what is first in rest */
	struct cv_span rest;
	struct cv_pool *pool;
};

enum cv_setting_line_kind {
	CV_SETTING_LINE_END = 0,	/* of the text */
	CV_SETTING_LINE_VALUE = 1,	/* key = value */
	CV_SETTING_LINE_OPEN = 2,	/* key [value] { */
	CV_SETTING_LINE_CLOSE = 3,	/* } */
	CV_SETTING_LINE_INCLUDE = 4,	/* !include value */
	CV_SETTING_LINE_INCLUDE_TRY = 5,
	CV_SETTING_LINE_BAD = 6,	/* problem says what is wrong */
};

/* Comments, quotes and continuations are done with. */
struct cv_setting_line {
	CV_HEAD;
	uint32_t kind;			/* enum cv_setting_line_kind */
	uint32_t line;			/* where it begins */
	struct cv_span key, value;
	bool quoted;			/* value stood in quotes */
	bool from_file;			/* = <value: the name of a file */
	const char *problem, *warning;	/* NULL: none */
};

#endif
