/* module-hint.c - what an admin meant who names a plugin that is not there:
 * another one's name, or one of Dovecot's. */
#include "module-private.h"

#include <dirent.h>
#include <unistd.h>

/* Plugins of Dovecot 2.3 and Pigeonhole, and where what they do is. */
static const struct { const char *name, *hint; } dovecot_plugins[] = {
	{ "zlib", "Dovecot's 'zlib' is 'compress' here" },
	{ "mail_compress", "Dovecot's 'mail_compress' is 'compress' here" },
	{ "mail_crypt", "Dovecot's 'mail_crypt' is not here, and mail that it "
		"has encrypted cannot be read; 'crypt' encrypts new mail in a "
		"form of its own" },
	{ "imap_quota", "take it out: 'quota' does for IMAP what Dovecot's "
		"'imap_quota' does" },
	{ "quota_clone", "there is no such plugin yet: take it out" },
	{ "imap_zlib", "COMPRESS is a part of imap: take it out" },
	{ "acl", "there is no such plugin yet: take it out, and mailboxes are "
		"their owners' alone" },
	{ "imap_acl", "there is no such plugin yet: take it out" },
	{ "sieve", "there is no Sieve yet: take it out, and everything is "
		"delivered to INBOX" },
	{ "imap_sieve", "there is no Sieve yet: take it out" },
	{ "imap_filter_sieve", "there is no Sieve yet: take it out" },
	{ "fts", "there is no full-text index yet: take it out, and searches "
		"read the messages" },
	{ "old_stats", "there are no metrics yet: take it out" },
	{ "imap_old_stats", "there are no metrics yet: take it out" },
	{ "stats", "there are no metrics yet: take it out" },
	{ "imap_stats", "there are no metrics yet: take it out" },
};

/* Those of Dovecot that have no counterpart here. */
static const char *const dovecot_others[] = {
	"apparmor", "charset_alias", "expire", "fts_lucene", "fts_solr",
	"fts_squat", "last_login", "lazy_expunge", "listescape", "mail_log",
	"mailbox_alias", "mail_lua", "notify", "notify_status", "pop3_migration",
	"push_notification", "push_notification_lua", "replication", "snarf",
	"trash", "var_expand_crypt", "virtual", "welcome",
};

const char *module_dovecot_hint(const char *name)
{
	for (size_t i = 0; i < sizeof(dovecot_plugins) /
	     sizeof(dovecot_plugins[0]); i++) {
		if (strcmp(dovecot_plugins[i].name, name) == 0)
			return dovecot_plugins[i].hint;
	}
	for (size_t i = 0; i < sizeof(dovecot_others) /
	     sizeof(dovecot_others[0]); i++) {
		if (strcmp(dovecot_others[i], name) == 0)
			return "it is a plugin of Dovecot that is not here: "
				"take it out";
	}
	return NULL;
}

static bool is_dovecot_file(const char *file)
{
	size_t len = strlen(file);

	return strncmp(file, "lib", 3) == 0 && len > 10 &&
		strcmp(file + len - 10, "_plugin.so") == 0;
}

bool module_is_dovecot_dir(const char *dir)
{
	struct dirent *entry;
	bool found = strstr(dir, "/dovecot") != NULL;
	DIR *d = found ? NULL : opendir(dir);

	while (d != NULL && !found && (entry = readdir(d)) != NULL)
		found = is_dovecot_file(entry->d_name);
	if (d != NULL)
		(void)closedir(d);
	return found;
}

bool module_is_installed(const char *name, struct cv_pool *pool)
{
	return module_name_is_valid(name) &&
		access(pool_printf(pool, "%s/%s.so", CULVER_PLUGINDIR, name),
		       F_OK) == 0;
}

const char *module_guess_name(const char *dir, const char *name,
			      struct cv_pool *pool)
{
	static const char *const prefixes[] = { "auth-", "storage-", "" };
	size_t best = 4, skip = 0;
	const char *guess = NULL;
	struct dirent *entry;
	DIR *d = opendir(dir);

	for (size_t i = 0; i < 3 && skip == 0; i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			skip = strlen(prefixes[i]);
	}
	while (d != NULL && (entry = readdir(d)) != NULL) {
		const char *file = entry->d_name;
		size_t len = strlen(file), distance;

		if (len < 4 || strcmp(file + len - 3, ".so") != 0 ||
		    strncmp(file, name, skip) != 0)
			continue;
		distance = span_distance(cv_span(file, len - 3),
					 cv_span_of(name), 3);
		/* of three letters any three others are near */
		if (distance >= best || 2 * distance > strlen(name + skip))
			continue;
		best = distance;
		guess = pool_copy(pool, file + skip, len - 3 - skip);
	}
	if (d != NULL)
		(void)closedir(d);
	return guess;
}
