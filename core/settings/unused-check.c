/* unused-check.c - names that core declares, so that they are checked and
 * shown, but that nobody asks for yet.
 *
 * tests/scenario/test_services.py compares the table with what the code
 * uses: who makes use of a setting takes its row out. */
#include "unused-check.h"
#include "settings-private.h"

static const struct unused { const char *name, *why; } unused_settings[] = {
	{ "auth_cache_verify_password_with_worker", "nothing uses it" },
	{ "auth_debug_passwords", "passwords are never logged" },
	{ "auth_socket_path", "auth is reached without a socket" },
	{ "deliver_log_format", "the form of these lines is fixed" },
	{ "import_environment",
	  "services have the environment that culverd was started with" },
	{ "instance_name", "there is no list of instances" },
	{ "lda_original_recipient_header", "nothing uses it" },
	{ "lock_method", "nothing uses it" },
	{ "log_core_filter", "nothing uses it" },
	{ "mail_chroot", "Landlock confines a session to its mail" },
	{ "mail_full_filesystem_access",
	  "Landlock confines a session to its mail" },
	{ "mail_nfs_index", "nothing uses it" },
	{ "mail_nfs_storage", "nothing uses it" },
	{ "mail_shared_explicit_inbox", "there are no shared mailboxes yet" },
	{ "mail_temp_dir", "nothing uses it" },
	{ "mailbox_idle_check_interval", "nothing uses it" },
	{ "postmaster_address", "no mail is sent yet" },
	{ "rejection_reason", "no mail is sent yet" },
	{ "rejection_subject", "no mail is sent yet" },
	{ "sendmail_path", "no mail is sent yet" },
	{ "submission_host", "no mail is sent yet" },
	{ "valid_chroot_dirs", "Landlock confines a session to its mail" },
	{ "verbose_ssl", "a failed handshake is always logged" },
};

static const struct unused *unused_find(const char *key)
{
	for (size_t i = 0; i < sizeof(unused_settings) /
	     sizeof(unused_settings[0]); i++) {
		if (strcmp(unused_settings[i].name, key) == 0)
			return &unused_settings[i];
	}
	return NULL;
}

void unused_check(struct settings_tree *tree)
{
	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];
		const struct unused *unused;

		/* that of a plugin is its own business */
		if ((entry->flags & ENTRY_BUILTIN) != 0 ||
		    entry->def == NULL ||
		    tree->blocks.items[entry->block].is_plugin ||
		    strcmp(entry->value, entry->def->default_text) == 0)
			continue;
		unused = unused_find(entry->key);
		if (unused != NULL)
			settings_problem_add(tree, true,
				tree->files.items[entry->file], entry->line,
				"'%s' has no effect yet: %s", unused->name,
				unused->why);
	}
}
