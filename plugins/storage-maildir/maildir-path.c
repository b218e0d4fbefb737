/* maildir-path.c - a folder's name and its place on disk.
 *
 * Maildir++: INBOX is the root, "a/b" is ".a.b" in it.  fs: "a/b" is a/b
 * below the root, which is INBOX itself without DIRNAME=, as Dovecot has it.
 * INVARIANT: different names are different places, and
 * none is outside of the root [security.md B10]. */
#include "maildir.h"

int maildir_name_check(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	if (cv_span_is(name, "INBOX"))
		return CV_OK;
	/* folders_scan takes it for another place of INBOX */
	if (cv_span_is_icase(name, "INBOX"))
		return common_name_refuse(name, "reserved name", err);
	return common_name_check(root->config, root->layout, name, err);
}

bool maildir_level_decode(struct cv_storage_root *root, struct cv_span level,
			  struct cv_text *name)
{
	return common_level_decode(root->config, root->layout, level, name);
}

const char *maildir_path(struct cv_storage_root *root, struct cv_pool *pool,
			 struct cv_span name)
{
	struct cv_text path;

	if (cv_span_is(name, "INBOX")) {
		if (root->config->inbox[0] != '\0')
			return root->config->inbox;
		if (!root->fs || root->inbox_is_root)
			return ".";
	}
	cv_text_init(&path, pool);
	if (!root->fs)
		cv_text_append_c(&path, '.');
	common_levels_encode(root->config, root->layout, &path, name);
	if (root->fs && root->config->dirname[0] != '\0') {
		cv_text_append_c(&path, '/');
		cv_text_append_str(&path, root->config->dirname);
	}
	return cv_text_str(&path);
}

const char *maildir_folder_path(struct cv_storage_root *root,
				struct cv_span name, struct cv_pool *pool)
{
	const char *path = maildir_path(root, pool, name);
	struct cv_text text;

	if (path[0] == '/' || strcmp(path, ".") == 0)
		return path[0] == '/' ? path : root->config->path;
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s/%s", root->config->path, path);
	return cv_text_str(&text);
}

bool maildir_path_parse(struct cv_storage_root *root, const char *dir,
			struct cv_text *name)
{
	struct cv_span rest = cv_span_of(dir), level;

	if (rest.len < 2 || dir[0] != '.')
		return false;
	rest = cv_span_skip(rest, 1);
	while (cv_span_split(&rest, '.', &level)) {
		if (name->len > 0)
			cv_text_append_c(name, '/');
		if (!maildir_level_decode(root, level, name))
			return false;
	}
	/* ".INBOX" would be a second place for INBOX */
	return !cv_span_is_icase(cv_text_span(name), "INBOX");
}

/* Is the account not in the tree? */
static bool has_index(const struct cv_storage_config *config)
{
	return CV_HAS(config, index) && config->index != NULL &&
		config->index[0] != '\0' &&
		strcmp(config->index, "MEMORY") != 0;
}

/* In an fs tree Dovecot lists every directory but these: what has the name of
 * DIRNAME=, and without one cur, new and tmp.  In cur nobody takes a name that
 * begins with a dot for a message.  A tree of ours that is older has the files
 * of its account where they were. */
void maildir_places_find(struct cv_storage_root *root)
{
	const char *dirname = root->config->dirname;
	struct cv_text account, trash;
	struct stat st;

	cv_text_init(&account, root->pool);
	cv_text_init(&trash, root->pool);
	if (!root->fs) {
		cv_text_append_str(&account, "culver");
		cv_text_append_str(&trash, "..DOVECOT-TRASHED");
	} else if (dirname[0] != '\0') {
		cv_text_append_f(&account, "%s/culver", dirname);
		cv_text_append_f(&trash, "%s/culver-trashed", dirname);
	} else {
		const char *inbox = root->inbox_is_root ? "cur/" : "";

		cv_text_append_f(&account, "%s.culver", inbox);
		cv_text_append_f(&trash, "%s.culver-trashed", inbox);
	}
	root->account_dir = root->fs && MD_CALL(root, stat, root->fd,
						".culver", &st) == 0 ?
		".culver" : cv_text_str(&account);
	root->trash_dir = cv_text_str(&trash);
	if (root->config->create && root->fs && !has_index(root->config))
		(void)common_parents_make(root->config, root->fd,
					  root->account_dir,
					  maildir_root_mode(root), NULL);
}

const struct common_layout maildir_plus_layout = {
	.separator = '.', .subscriptions = "subscriptions",
};

/* What Dovecot and we write beside cur/, new/ and tmp/. */
static bool is_control_file(struct cv_span level)
{
	static const char *const exact[] = {
		"cur", "new", "tmp", "dovecot-uidlist", "dovecot-keywords",
		"dovecot-uidlist.lock", "dovecot-keywords.lock",
		"dovecot-acl", "dovecot-acl-list", ".culver",
		".culver-trashed",
	};
	static const char *const begins[] = {
		"dovecot.index", "dovecot.list.index", "dovecot.mailbox.log",
		"dovecot-uidvalidity", "dovecot-uidlist.tmp",
		"culver-control.",
	};

	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		if (cv_span_is(level, exact[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (cv_span_begins(level, cv_span_of(begins[i])))
			return true;
	}
	return false;
}

/* Dovecot reserves no more than cur, new and tmp, in small letters. */
static bool is_reserved(const struct cv_storage_config *config,
			struct cv_span level)
{
	return is_control_file(level) ||
		cv_span_is(level, common_subscriptions_name(
				   config, &maildir_plus_layout)) ||
		(config->dirname[0] != '\0' &&
		 cv_span_is(level, config->dirname));
}

const struct common_layout maildir_fs_layout = {
	.separator = '/', .is_reserved = is_reserved,
	.subscriptions = "subscriptions",
};
