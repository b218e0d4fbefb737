/* settings-manual.c - prints the list of settings of culver.conf(5), in mdoc,
 * from the tables of core: "make update-man" puts it into the page.
 *
 * A program for the build tree; reads nothing, writes to standard output. */
#include "core-settings.h"
#include "settings-registry.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 76 };

static const struct { uint32_t type; const char *name; } type_names[] = {
	{ CV_SET_BOOL, "yes|no" }, { CV_SET_UINT, "number" },
	{ CV_SET_SIZE, "size" }, { CV_SET_TIME, "time" },
	{ CV_SET_STRING, "text" }, { CV_SET_ENUM, NULL },
	{ CV_SET_LIST, "list" }, { CV_SET_PATH, "path" },
	{ CV_SET_MODE, "permissions" },
};

static const char *type_name(const struct cv_setting_def *def)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]);
	     i++) {
		if (type_names[i].type == def->type)
			return type_names[i].name == NULL ? def->allowed :
				type_names[i].name;
	}
	return "text";
}

/* Text without meaning to roff. */
static void escape(struct cv_text *out, struct cv_span word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (i == 0 && (word.data[0] == '.' || word.data[0] == '\''))
			cv_text_append_str(out, "\\&");
		if (word.data[i] == '\\')
			cv_text_append_str(out, "\\e");
		else
			cv_text_append_c(out, word.data[i]);
	}
}

/* Sentences begin on lines of their own, as mdoc wants it. */
static void paragraph(struct cv_pool *pool, const char *text)
{
	struct cv_span rest = cv_span_of(text), word;
	struct cv_text line;

	cv_text_init(&line, pool);
	while (cv_span_split(&rest, ' ', &word)) {
		bool ends;

		if (word.len == 0)
			continue;
		if (line.len > 0 && line.len + word.len > LINE_MAX_BYTES) {
			(void)puts(cv_text_str(&line));
			cv_text_reset(&line);
		}
		if (line.len > 0)
			cv_text_append_c(&line, ' ');
		escape(&line, word);
		ends = word.len > 1 && word.data[word.len - 1] == '.';
		if (ends) {
			(void)puts(cv_text_str(&line));
			cv_text_reset(&line);
		}
	}
	if (line.len > 0)
		(void)puts(cv_text_str(&line));
}

/* Directories are chosen by configure: the page names the usual ones. */
static const char *default_text(const struct cv_setting_def *def)
{
	static const struct { const char *name, *usual; } places[] = {
		{ "base_dir", "/var/run/culver" },
		{ "state_dir", "/var/lib/culver" },
		{ "libexec_dir", "/usr/libexec/culver" },
		{ "mail_plugin_dir", "/usr/lib/culver/plugins" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(def->name, places[i].name) == 0)
			return places[i].usual;
	}
	return def->default_text;
}

static void print_flags(const struct cv_setting_def *def)
{
	static const struct { uint32_t flag; const char *say; } flags[] = {
		{ CV_SET_PER_USER, "A user database may set it for a user." },
		{ CV_SET_EXPAND | CV_SET_EXPAND_PATH,
		  "Variables are expanded." },
		{ CV_SET_REQUIRED, "It must be set." },
		{ CV_SET_SECRET, "It is not shown without\n.Fl P ." },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((def->flags & flags[i].flag) != 0)
			(void)puts(flags[i].say);
	}
}

static void print_setting(struct cv_pool *pool,
			  const struct settings_decl *decl)
{
	const struct cv_setting_def *def = decl->def;
	struct cv_text text;

	cv_text_init(&text, pool);
	(void)printf(".It Ic %s Pq ", def->name);
	escape(&text, cv_span_of(type_name(def)));
	(void)printf("%s\n", cv_text_str(&text));
	paragraph(pool, def->doc);
	print_flags(def);
	if (default_text(def)[0] != '\0') {
		(void)puts(".br");
		cv_text_reset(&text);
		cv_text_append_str(&text, "Default: ");
		cv_text_append_str(&text, default_text(def));
		paragraph(pool, cv_text_str(&text));
	}
	if (def->allowed != NULL && def->type != CV_SET_ENUM)
		(void)printf(".br\nRange: %s\n", def->allowed);
}

static void print_title(struct cv_pool *pool, const char *kind)
{
	const char *slash = strrchr(kind, '/');

	if (kind[0] == '\0')
		(void)puts(".Ss Outside of blocks");
	else if (slash == NULL)
		(void)printf(".Ss Inside of %s { }\n", kind);
	else
		(void)printf(".Ss Inside of %s { } in %s { }\n", slash + 1,
			     pool_copy(pool, kind, (size_t)(slash - kind)));
}

static void print_settings(struct cv_pool *pool)
{
	const struct settings_decl *decl;
	const char *kind = NULL;
	uint32_t at = 0;

	while ((decl = settings_registry_next(&at)) != NULL) {
		if (decl->def->type == CV_SET_OBSOLETE)
			continue;
		if (kind == NULL || strcmp(kind, decl->kind) != 0) {
			if (kind != NULL)
				(void)puts(".El");
			kind = decl->kind;
			print_title(pool, kind);
			(void)puts(".Bl -tag -width Ds");
		}
		print_setting(pool, decl);
	}
	(void)puts(".El");
}

static void print_obsolete(struct cv_pool *pool)
{
	const struct settings_decl *decl;
	uint32_t at = 0;

	(void)puts(".Ss Without effect\n"
		   "These settings of Dovecot are accepted, most with a "
		   "warning.\n.Bl -tag -width Ds -compact");
	while ((decl = settings_registry_next(&at)) != NULL) {
		if (decl->def->type != CV_SET_OBSOLETE ||
		    strstr(decl->def->doc, "which is not loaded") != NULL)
			continue;
		(void)printf(".It Ic %s\n", decl->def->name);
		if (decl->def->doc[0] != '\0')
			paragraph(pool, decl->def->doc);
	}
	(void)puts(".El");
}

int main(void)
{
	struct cv_pool *pool = pool_create("manual");

	settings_register_core();
	print_settings(pool);
	print_obsolete(pool);
	pool_destroy(&pool);
	return fflush(stdout) == 0 ? 0 : 1;
}
