/* maildir-keywords.c - the letters a-z in file names, and the names they
 * stand for: dovecot-keywords has a line "INDEX NAME" for each. */
#include "maildir.h"

static void parse_line(struct cv_storage_folder *folder, struct cv_span line)
{
	struct cv_span number;
	uint64_t index;
	char *name;

	if (!cv_span_split(&line, ' ', &number) || line.data == NULL ||
	    line.len == 0 || line.len > MAILDIR_NAME_MAX ||
	    memchr(line.data, '\0', line.len) != NULL ||
	    !cv_span_to_u64(number, MAILDIR_KEYWORDS - 1, &index))
		return;
	name = cv_api->alloc(folder->pool, line.len + 1);
	memcpy(name, line.data, line.len);
	folder->keywords[index] = name;
}

static void load(struct cv_storage_folder *folder)
{
	struct cv_pool *pool;
	struct cv_text text;
	struct cv_span rest, line;

	if (folder->keywords_loaded)
		return;
	folder->keywords_loaded = true;
	pool = cv_api->pool_create("maildir keywords");
	cv_text_init(&text, pool);
	if (maildir_control_read(folder, "dovecot-keywords", &text,
				 NULL) == CV_OK) {
		rest = cv_text_span(&text);
		while (rest.len > 0 && cv_span_split(&rest, '\n', &line))
			parse_line(folder, line);
	}
	cv_api->pool_destroy(&pool);
}

void maildir_keywords_forget(struct cv_storage_folder *folder)
{
	folder->keywords_loaded = false;
	memset(folder->keywords, 0, sizeof(folder->keywords));
}

const char *maildir_keyword_name(struct cv_storage_folder *folder,
				 uint32_t index)
{
	load(folder);
	return folder->keywords[index];
}

static int find(const struct cv_storage_folder *folder, const char *name)
{
	for (int i = 0; i < MAILDIR_KEYWORDS; i++) {
		if (folder->keywords[i] != NULL &&
		    strcasecmp(folder->keywords[i], name) == 0)
			return i;
	}
	return -1;
}

static int save(struct cv_storage_folder *folder)
{
	struct cv_pool *pool = cv_api->pool_create("maildir keywords");
	struct cv_text text;
	int ret;

	cv_text_init(&text, pool);
	for (uint32_t i = 0; i < MAILDIR_KEYWORDS; i++) {
		if (folder->keywords[i] != NULL)
			cv_text_append_f(&text, "%u %s\n", i,
					 folder->keywords[i]);
	}
	ret = maildir_control_write(folder, "dovecot-keywords",
				    cv_text_span(&text), NULL);
	cv_api->pool_destroy(&pool);
	return ret;
}

static int take_letter(struct cv_storage_folder *folder, const char *name)
{
	int index = 0;

	while (index < MAILDIR_KEYWORDS && folder->keywords[index] != NULL)
		index++;
	if (index == MAILDIR_KEYWORDS || strlen(name) > MAILDIR_NAME_MAX ||
	    strchr(name, '\n') != NULL)
		return -1;
	folder->keywords[index] = common_strdup(folder->pool, name);
	/* a letter that others cannot look up must not be used */
	if (save(folder) < 0) {
		folder->keywords[index] = NULL;
		return -1;
	}
	return index;
}

/* Under the account's lock, and Dovecot's: what others have given by now
 * counts. */
static int add_letter(struct cv_storage_folder *folder, const char *name)
{
	struct cv_storage_root *root = folder->root;
	int dirfd = maildir_control_open(folder, true), index = -1;

	if (dirfd < 0)
		return -1;
	if (maildir_lock(root, dirfd, "dovecot-keywords")) {
		maildir_keywords_forget(folder);
		load(folder);
		index = find(folder, name);
		if (index < 0)
			index = take_letter(folder, name);
		maildir_unlock(root, dirfd, "dovecot-keywords");
	}
	maildir_control_close(folder, dirfd);
	return index;
}

int maildir_keyword_index(struct cv_storage_folder *folder, const char *name,
			  bool add)
{
	int index;

	load(folder);
	index = find(folder, name);
	/* letters are never given back */
	return index >= 0 || !add ||
		folder->keywords[MAILDIR_KEYWORDS - 1] != NULL ? index :
		add_letter(folder, name);
}

bool maildir_keyword_shown(struct cv_storage_folder *folder,
			   const char *name)
{
	return maildir_keyword_index(folder, name, false) >= 0;
}
