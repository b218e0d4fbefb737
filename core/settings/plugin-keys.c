/* plugin-keys.c - what Dovecot's plugins read in plugin { }: names that are no
 * slip of the pen, though nobody here asks for them. */
#include "settings-private.h"

/* A name is the row's own, or goes on behind it with '_' or digits. */
static const struct owner { const char *begin, *plugin; } owners[] = {
	{ "acl", "acl" },
	{ "antispam", "antispam" },
	{ "apparmor_hat", "apparmor" },
	{ "autocreate", "autocreate" },
	{ "autosubscribe", "autocreate" },
	{ "charset_alias", "charset_alias" },
	{ "expire", "expire" },
	{ "fts", "fts" },
	{ "imap_zlib", "imap_zlib" },
	{ "imapsieve", "imap_sieve" },
	{ "last_login", "last_login" },
	{ "lazy_expunge", "lazy_expunge" },
	{ "listescape_char", "listescape" },
	{ "mail_crypt", "mail_crypt" },
	{ "mail_filter", "mail_filter" },
	{ "mail_log", "mail_log" },
	{ "mail_lua_script", "mail_lua" },
	{ "mail_replica", "replication" },
	{ "mailbox_alias", "mailbox_alias" },
	{ "managesieve", "managesieve" },
	{ "old_stats", "old_stats" },
	{ "pop3_deleted_flag", "pop3" },
	{ "pop3_migration", "pop3_migration" },
	{ "push_notification", "push_notification" },
	{ "quota", "quota" },
	{ "recipient_delimiter", "sieve" },
	{ "replication", "replication" },
	{ "sieve", "sieve" },
	{ "snarf", "snarf" },
	{ "stats", "stats" },
	{ "trash", "trash" },
	{ "virtual", "virtual" },
	{ "welcome", "welcome" },
	{ "zlib", "zlib" },
};

const char *settings_plugin_owner(struct cv_span key)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		size_t len = strlen(owners[i].begin);
		char next = key.len > len ? key.data[len] : '\0';

		if (!cv_span_begins(key, cv_span_of(owners[i].begin)))
			continue;
		if (next == '\0' || next == '_' ||
		    (next >= '0' && next <= '9'))
			return owners[i].plugin;
	}
	return NULL;
}
