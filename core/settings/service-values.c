/* service-values.c - service { } and protocol { }: values that are wrong in
 * themselves, said with their place before anything starts with them. */
#include "service-check.h"
#include "core-settings.h"
#include "settings-private.h"
#include "settings-value.h"

#include <grp.h>

struct values {
	struct settings_tree *tree;
	struct cv_pool *pool;
	const struct cv_strings *spoken;
	struct cv_error *err;
	int status;
	/* of the service at hand */
	const char *name;
	settings_block block;
	struct service_settings set;
};

/* The admin's entry, or with builtin that of core and Dovecot; the last one
 * counts. */
static const struct settings_entry *find_entry(const struct values *v,
					       settings_block block,
					       const char *key, bool builtin)
{
	const struct settings_entry *last = NULL;

	for (size_t i = 0; i < v->tree->entries.count; i++) {
		const struct settings_entry *entry =
			&v->tree->entries.items[i];

		if (entry->block == block && strcmp(entry->key, key) == 0 &&
		    ((entry->flags & ENTRY_BUILTIN) != 0) == builtin)
			last = entry;
	}
	return last;
}

/* What the admin wrote, when it is not what is there anyway. */
static const struct settings_entry *changed(const struct values *v,
					    const char *key)
{
	const struct settings_entry *own = find_entry(v, v->block, key,
						      false);
	const struct settings_entry *builtin = find_entry(v, v->block, key,
							  true);

	if (own == NULL || (builtin != NULL &&
			    strcmp(own->value, builtin->value) == 0))
		return NULL;
	return own;
}

CV_PRINTF(3, 4)
static void warn(const struct values *v, const struct settings_entry *entry,
		 const char *fmt, ...)
{
	struct cv_text text;
	va_list args;

	cv_text_init(&text, v->pool);
	va_start(args, fmt);
	text_append_vf(&text, fmt, args);
	va_end(args);
	settings_problem_add(v->tree, true,
			     v->tree->files.items[entry->file], entry->line,
			     "service %s: %s", v->name, cv_text_str(&text));
}

static void refuse(struct values *v, const struct settings_entry *entry,
		   const char *text)
{
	settings_problem_add(v->tree, false,
			     v->tree->files.items[entry->file], entry->line,
			     "%s", text);
	if (v->status == CV_OK)
		v->status = FAIL(v->err, CV_E_CONFIG, "%s", text);
}

/* --- groups -------------------------------------------------------------------- */

/* Those that only sessions ask for; a warning, since an ordinary user's
 * server takes nobody's rights on. */
static void check_group(const struct values *v, const char *key,
			struct cv_span name)
{
	const struct settings_entry *entry = find_entry(v, v->block, key,
							false);
	const char *text = pool_span(v->pool, name).data;
	uint64_t number;

	if (entry != NULL && name.len > 0 &&
	    !cv_span_to_u64(name, UINT32_MAX - 1, &number) &&
	    getgrnam(text) == NULL)
		warn(v, entry, "%s: there is no group '%s' on this system",
		     key, text);
}

static void check_groups(const struct values *v)
{
	struct cv_span rest = cv_span_of(v->set.extra_groups), word;

	check_group(v, "privileged_group",
		    cv_span_of(v->set.privileged_group));
	while (cv_span_split(&rest, ',', &word))
		check_group(v, "extra_groups", cv_span_trim(word));
}

/* --- memory -------------------------------------------------------------------- */

enum { MEMORY_MIN = 16 * 1024 * 1024 };

/* "vsz_limit = 256" is 256 bytes, in which nothing can start. */
static void check_memory(struct values *v, settings_block block,
			 const char *key, uint64_t bytes)
{
	const struct settings_entry *entry = find_entry(v, block, key, false);

	if (entry != NULL && bytes > 0 && bytes < MEMORY_MIN)
		refuse(v, entry, pool_printf(v->pool, "%s = %s: no process "
			"can run in less than %d M (hint: a number without "
			"a unit is in bytes; 256 M is usual, 0 is no limit)",
			key, entry->value, MEMORY_MIN >> 20));
}

/* --- programs ------------------------------------------------------------------ */

static struct cv_span base_name(struct cv_span word)
{
	for (size_t i = word.len; i > 0; i--) {
		if (word.data[i - 1] == '/')
			return cv_span_skip(word, i);
	}
	return word;
}

static void check_executable(const struct values *v, bool known, bool session)
{
	const struct settings_entry *entry = changed(v, "executable");
	const struct settings_entry *builtin =
		find_entry(v, v->block, "executable", true);
	struct cv_span rest, program, usual;

	if (entry == NULL)
		return;
	rest = cv_span_of(v->set.executable);
	(void)cv_span_split(&rest, ' ', &program);
	program = base_name(program);
	usual = cv_span_of(builtin == NULL ? v->name : builtin->value);
	usual.len = strcspn(usual.data, " ");
	rest = cv_span_trim(rest);
	/* a script; or there is no such service at all */
	if (cv_span_is(program, "script-login") || !known)
		return;
	if (!cv_span_equal(program, usual) && !cv_span_is(program, v->name))
		warn(v, entry, "executable = %s is not run, the service is "
		     "'%.*s' of Culver; leave it out", v->set.executable,
		     CV_SPAN_ARG(usual));
	else if (rest.len > 0 && (!session || rest.data[0] == '-'))
		warn(v, entry, "executable: '%.*s' has no effect",
		     CV_SPAN_ARG(rest));
}

/* --- listeners ------------------------------------------------------------------- */

static void check_inet(const struct values *v, settings_block listener)
{
	const struct settings_entry *mark = find_entry(v, listener, "",
						       false);
	struct settings_scope scope = { .block = listener };
	struct inet_listener_settings set;

	if (settings_get(v->tree, &inet_listener_settings_table, &scope,
			 v->pool, &set, NULL) != CV_OK)
		return;
	if (mark != NULL && set.port == 0 &&
	    find_entry(v, listener, "port", false) == NULL &&
	    find_entry(v, listener, "port", true) == NULL)
		warn(v, mark, "inet_listener %s is not opened: it has no "
		     "port", settings_block_name(v->tree, listener));
}

static void check_listeners(const struct values *v)
{
	settings_block listener;
	uint32_t at = 0;

	while (settings_block_next(v->tree, "inet_listener", v->block, NULL,
				   &at, &listener))
		check_inet(v, listener);
}

/* --- protocol { } ----------------------------------------------------------------- */

/* Words that Dovecot has for it, too, and that nobody mistypes another for. */
static const char *const other_protocols[] = {
	"auth", "dict", "doveadm", "imap-hibernate", "imap-urlauth",
	"indexer", "indexer-worker", "lda", "managesieve", "pop3",
	"quota-status", "sieve", "submission", NULL,
};

static bool is_protocol(const struct values *v, const char *name,
			struct settings_guess *guess)
{
	for (uint32_t i = 0; i < v->spoken->count; i++) {
		if (strcmp(v->spoken->items[i], name) == 0)
			return true;
		settings_guess_try(guess, v->spoken->items[i]);
	}
	for (uint32_t i = 0; other_protocols[i] != NULL; i++) {
		if (strcmp(other_protocols[i], name) == 0)
			return true;
	}
	return false;
}

/* The first line of the filter, or of one inside of it. */
static const struct settings_entry *first_of(const struct settings_tree *tree,
					     uint32_t filter)
{
	for (size_t i = 0; i < tree->entries.count; i++) {
		uint32_t at = tree->entries.items[i].filter;

		while (at != 0 && at != filter)
			at = tree->filters.items[at].parent;
		if (at == filter &&
		    (tree->entries.items[i].flags & ENTRY_BUILTIN) == 0)
			return &tree->entries.items[i];
	}
	return NULL;
}

static void check_protocols(const struct values *v)
{
	for (uint32_t i = 1; i < v->tree->filters.count; i++) {
		const struct settings_filter *filter =
			&v->tree->filters.items[i];
		const struct settings_entry *entry;
		struct settings_guess guess;
		const char *name = filter->name;

		if (strcmp(filter->kind, "protocol") != 0)
			continue;
		name += *name == '!';
		settings_guess_init(&guess, cv_span_of(name));
		entry = first_of(v->tree, i);
		if (entry == NULL || is_protocol(v, name, &guess))
			continue;
		settings_problem_add(v->tree, true,
			v->tree->files.items[entry->file], entry->line,
			"protocol %s: nothing speaks a protocol of that name, "
			"the settings in it have no effect%s%s%s",
			filter->name, guess.best == NULL ? "" :
			"; did you mean '", guess.best == NULL ? "" :
			guess.best, guess.best == NULL ? "" : "'?");
	}
}

static bool is_spoken(const struct values *v, const char *name)
{
	for (uint32_t i = 0; i < v->spoken->count; i++) {
		if (strcmp(v->spoken->items[i], name) == 0)
			return true;
	}
	return false;
}

/* --- all of them --------------------------------------------------------------------- */

static void check_one(struct values *v)
{
	struct settings_scope scope = { .block = v->block };
	const struct settings_entry *entry;
	bool session, known;

	if (settings_get(v->tree, &service_settings_table, &scope, v->pool,
			 &v->set, NULL) != CV_OK)
		return;
	session = is_spoken(v, v->name);
	known = session || find_entry(v, v->block, "", true) != NULL;
	check_groups(v);
	check_memory(v, v->block, "vsz_limit", v->set.vsz_limit);
	check_executable(v, known, session);
	check_listeners(v);
	entry = changed(v, "protocol");
	if (entry != NULL)
		warn(v, entry, "protocol has no effect: a service serves the "
		     "protocol that it is named after; leave it out");
	entry = changed(v, "type");
	if (entry != NULL)
		warn(v, entry, "type has no effect: a service is what its "
		     "name says; leave it out");
}

int service_values_check(struct settings_tree *tree,
			 const struct cv_strings *protocols,
			 struct cv_error *err)
{
	struct values v = {
		.tree = tree, .pool = pool_create("service values"),
		.spoken = protocols, .err = err,
	};
	struct general_settings general;
	uint32_t at = 0;

	if (settings_get(tree, &general_settings_table, NULL, v.pool,
			 &general, NULL) == CV_OK) {
		check_memory(&v, SETTINGS_ROOT, "default_vsz_limit",
			     general.default_vsz_limit);
	}
	while (settings_block_next(tree, "service", SETTINGS_ROOT, NULL, &at,
				   &v.block)) {
		v.name = settings_block_name(tree, v.block);
		check_one(&v);
	}
	check_protocols(&v);
	pool_destroy(&v.pool);
	return v.status;
}
