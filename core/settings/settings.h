/* settings.h - the settings tree: declare, read, ask.
 *
 * Whoever uses settings declares them as data:
 *
 *	struct log_settings { const char *log_path; bool mail_debug; };
 *	static const struct cv_setting_def defs[] = {
 *		CV_SETTING(log_settings, log_path, CV_SET_STRING, "syslog",
 *			   NULL, 0, "Where errors are logged."), ...
 *	};
 *	const struct settings_table log_settings_table =
 *		SETTINGS_TABLE("log", NULL, log_settings, defs);
 *
 *	settings_register(&log_settings_table);		// before any read
 *	settings_read(path, NULL, &tree, &err);		// master, culverconf
 *	struct settings_scope scope = { .protocol = "imap" };
 *	settings_get(tree, &log_settings_table, &scope, pool, &set, &err);
 *
 * Every process that reads a tree or a snapshot registers the same core
 * tables (settings_register_core); plugins' tables come through the module
 * host.  All names are those of the Dovecot 2.3 language. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "base.h"
#include "cv-settings.h"

/* --- 1. declaring -------------------------------------------------------- */

/* One owner's settings.  Several tables may declare a setting of the same
 * name when type and default are the same. */
struct settings_table {
	const char *name;	/* "log", "imap": for messages and manuals */
	/* The kind of block the settings stand in: NULL outside of blocks,
	 * "service", "namespace", "passdb"; nested kinds as a path:
	 * "namespace/mailbox", "service/unix_listener".  Settings with
	 * CV_SET_PLUGIN_BLOCK stand in plugin { } whatever this says. */
	const char *block;
	struct cv_array defs;	/* struct cv_setting_def */
	size_t bytes;		/* of the owner's struct */
};

#define SETTINGS_TABLE(name_, block_, st, defs_) \
	{ .name = (name_), .block = (block_), .defs = CV_ARRAY(defs_), \
	  .bytes = sizeof(struct st) }

/* The table is not copied and must live as long as the process.  A table
 * that is registered twice counts once.  BUG when defs are inconsistent (a
 * default that its own type refuses, two types for one name). */
void settings_register(const struct settings_table *table);

/* The same for tables that come from outside (plugins): CV_E_CONFIG instead
 * of a bug, and nothing is registered. */
int settings_register_checked(const struct settings_table *table,
			      struct cv_error *err);

/* Built-in blocks, as text in the 2.3 language, read before the user's file:
 * "service auth { unix_listener auth-userdb { mode = 0666 } }".  A user's
 * block of the same name merges with them.  Not copied.  origin is shown by
 * --origin: "built-in". */
void settings_register_defaults(const char *origin, const char *text);

/* core-settings.c: all tables and default services of core. */
void settings_register_core(void);

/* --- 2. reading files ---------------------------------------------------- */

struct settings_tree;

struct settings_problem {
	bool warning;		/* false: the configuration is refused */
	const char *file;	/* "" when it stands in no file */
	uint32_t line;		/* 0: none */
	const char *text;	/* with the likely fix in it */
};

struct settings_read_options {
	/* "key=value", "protocol/imap/key=value", "plugin/quota=x": win over
	 * the file (-o on a command line). */
	struct cv_strings overrides;
	/* Names no table declares are kept without an error (tools that read
	 * a file before plugins are known). */
	bool accept_unknown;
	/* For tools: a <file that may not be read is a warning, and its
	 * value empty. */
	bool tolerate_denied;
};

enum { SETTINGS_EXIT_BAD = 89 };	/* exit status for CV_E_CONFIG */

/* Reads a configuration file with all it includes.  options may be NULL.
 * *tree_r is set in every case and is to be destroyed; it holds the problems,
 * all of them.
 *
 * CV_OK: usable, problems are warnings.  CV_E_CONFIG: it has errors (err has
 * the first one); do not use its values. */
int settings_read(const char *path,
		  const struct settings_read_options *options,
		  struct settings_tree **tree_r, struct cv_error *err);
/* The same from memory; name is for messages.  !include and <file are
 * relative to the current directory. */
int settings_read_text(const char *name, struct cv_span text,
		       const struct settings_read_options *options,
		       struct settings_tree **tree_r, struct cv_error *err);
void settings_tree_destroy(struct settings_tree **tree);

size_t settings_problem_count(const struct settings_tree *tree);
const struct settings_problem *
settings_problem_get(const struct settings_tree *tree, size_t index);
/* For checks that go beyond the reader's (plugins).  file must live as long
 * as the tree; "" and 0 when it stands in no file. */
void settings_problem_add(struct settings_tree *tree, bool warning,
			  const char *file, uint32_t line, const char *fmt,
			  ...) CV_PRINTF(5, 6);
/* For checks that come by a line once for each protocol. */
bool settings_problem_is_told(const struct settings_tree *tree,
			      const char *file, uint32_t line,
			      const char *text);

/* --- 3. asking ----------------------------------------------------------- */

/* An IP address; family 0: not known (a UNIX socket). */
struct settings_ip {
	uint8_t family;			/* 0, 4 or 6 */
	uint8_t bytes[16];		/* the first 4 of them for family 4 */
};
/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" (becomes family 4). */
bool settings_ip_parse(const char *text, struct settings_ip *ip_r);

/* A handle of one block of a tree. */
typedef uint32_t settings_block;
enum { SETTINGS_ROOT = 0 };

/* Values of %variables.  name is what stands in the text: "u" of %u or
 * %-10Lu, "user" of %{user}, "env:HOME" of %{env:HOME}.  A short name that
 * lookup does not know is asked again by its usual long name (%u user, %n
 * username, %d domain, %h home, %s service, %r rip, %l lip, %p pid, %m mech,
 * %c secured, %a lport, %b rport, %i uid, %k cert, %w password).  %% and
 * %{env:...} with a name from import_environment, %{hostname}, %{pid} need
 * no lookup.  False: no such variable here. */
typedef bool settings_var_lookup(void *context, struct cv_span name,
				 struct cv_span *value_r);
struct settings_vars {
	settings_var_lookup *lookup;
	void *context;
};

struct settings_scope {
	const char *protocol;		/* NULL: none, only what is global */
	const char *local_name;		/* from SNI; NULL: none */
	struct settings_ip local, remote;
	settings_block block;		/* for tables with a block */
	/* NULL: CV_SET_EXPAND settings stay unexpanded. */
	const struct settings_vars *vars;
	/* "key=value" or "key" (= yes), from userdb: settings with
	 * CV_SET_PER_USER take these; other names are ignored.  Of several
	 * the last wins.  Their values are literal: never expanded. */
	struct cv_strings overrides;
};

/* Fills *struct_r (table->bytes, zeroed first) with the values for scope
 * (NULL: global).  Strings live in pool, or in the tree, which must outlive
 * them.  Cost: a hash lookup for each setting of the table.
 *
 * Which value wins: an override of the user; then the entry whose filters
 * all match and are the most specific (local_name, then the longer local
 * network, then the longer remote network, then protocol); of equals the
 * last in the file; then the default.
 *
 * CV_E_CONFIG: an override or an expanded value is not valid.  CV_E_DENIED:
 * a variable's value is not allowed in a path (settings_expand). */
int settings_get(const struct settings_tree *tree,
		 const struct settings_table *table,
		 const struct settings_scope *scope, struct cv_pool *pool,
		 void *struct_r, struct cv_error *err);

/* The text of one setting as written, nothing expanded; also of settings in
 * plugin { } that no table declares ("sieve_before2").  CV_NOT_FOUND: it is
 * neither set nor declared. */
int settings_lookup(const struct settings_tree *tree,
		    const struct settings_scope *scope, const char *key,
		    const char **value_r);

/* All names that are set in plugin { } and begin with prefix, in the order
 * of their first place in the file.  *at starts at 0.  False at the end. */
bool settings_plugin_next(const struct settings_tree *tree,
			  const struct settings_scope *scope,
			  const char *prefix, uint32_t *at,
			  const char **name_r, const char **value_r);

/* Blocks of a kind ("service", "namespace"; "unix_listener" inside the
 * service parent) that the scope sees, in file order, built-in ones first.
 * Blocks of one kind and name inside one parent are one block, nameless ones
 * are each their own.  *at starts at 0.  False at the end.
 *
 *	settings_block service, listener;
 *	uint32_t at = 0, at2 = 0;
 *	while (settings_block_next(tree, "service", SETTINGS_ROOT, NULL, &at,
 *				   &service)) {
 *		scope.block = service;
 *		settings_get(tree, &service_settings_table, &scope, ...);
 *		while (settings_block_next(tree, "inet_listener", service,
 *					   NULL, &at2, &listener)) ... */
bool settings_block_next(const struct settings_tree *tree, const char *kind,
			 settings_block parent,
			 const struct settings_scope *scope, uint32_t *at,
			 settings_block *block_r);
/* False when there is no such block. */
bool settings_block_find(const struct settings_tree *tree, const char *kind,
			 settings_block parent, const char *name,
			 settings_block *block_r);
/* "" when it has none. */
const char *settings_block_name(const struct settings_tree *tree,
				settings_block block);

/* The file and line that gave the value of key its present value;
 * CV_NOT_FOUND: the default. */
int settings_origin(const struct settings_tree *tree,
		    const struct settings_scope *scope, const char *key,
		    const char **file_r, uint32_t *line_r);

/* The names of all protocol, local_name, local or remote filters in use,
 * e.g. to load the certificates of every local_name.  kind is one of those
 * words.  *at starts at 0. */
bool settings_filter_next(const struct settings_tree *tree, const char *kind,
			  uint32_t *at, const char **name_r);

/* --- 4. variables -------------------------------------------------------- */

enum {
	/* A variable's value must be safe as a part of a path: no '/', no
	 * NUL, not beginning with '.', not empty; the home directory (%h,
	 * %{home}) alone may be an absolute path, without ".." in it.  A
	 * value that is not is CV_E_DENIED: a user named "../other" gets no
	 * path at all, rather than another one. */
	SETTINGS_EXPAND_PATH = 1,
};

/* Appends text with its %variables replaced, once: what a variable holds is
 * never expanded again.  CV_E_CONFIG: no such variable, or malformed. */
int settings_expand(struct cv_text *out, const char *text,
		    const struct settings_vars *vars, uint32_t flags,
		    struct cv_error *err);

/* --- 5. snapshots -------------------------------------------------------- */

/* Appends the tree in binary form to fd (a memfd), without problems.
 * Settings marked CV_SET_SECRET, but not CV_SET_SESSION, keep their values only
 * with_secrets. */
int settings_snapshot_write(const struct settings_tree *tree, int fd,
			    bool with_secrets, struct cv_error *err);
/* Reads a whole snapshot from the beginning of fd.  It is checked: CV_E_SYNTAX
 * when it is damaged or of another version. */
int settings_snapshot_read(int fd, struct settings_tree **tree_r,
			   struct cv_error *err);

#endif
