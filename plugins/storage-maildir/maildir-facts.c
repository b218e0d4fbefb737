/* maildir-facts.c - how many names a message's file has, and what Dovecot's
 * POP3 clients call it: the fields P and O of its line in dovecot-uidlist. */
#include "maildir.h"

/* The list as it was read, and where the last line was found: messages are
 * asked for in its order. */
struct maildir_list {
	struct cv_pool *pool;
	struct stat st;
	struct cv_span lines;		/* behind the head */
	size_t at;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_list(struct cv_storage_folder *folder,
		     struct maildir_list *list, struct cv_error *err)
{
	struct maildir_uidlist_head head;
	struct cv_text text;
	struct cv_span line;
	int ret;

	if (list->pool != NULL)
		cv_api->pool_destroy(&list->pool);
	list->pool = cv_api->pool_create("uidlist");
	list->lines = CV_SPAN_NONE;
	list->at = 0;
	cv_text_init(&text, list->pool);
	ret = maildir_control_read(folder, "dovecot-uidlist", &text, err);
	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	list->lines = cv_text_span(&text);
	if (list->lines.len == 0 ||
	    !cv_span_split(&list->lines, '\n', &line) ||
	    !maildir_uidlist_head(line, &head) || head.version != 3)
		list->lines = CV_SPAN_NONE;
	return CV_OK;
}

static int get_list(struct cv_storage_folder *folder,
		    struct maildir_list **list_r, struct cv_error *err)
{
	struct maildir_list *list = folder->list;
	struct stat st = { .st_ino = 0 };
	int dirfd = maildir_control_open(folder, false), ret = CV_OK;

	if (list == NULL) {
		list = CV_ALLOC(folder->pool, struct maildir_list);
		folder->list = list;
	}
	if (dirfd >= 0) {
		(void)MD_CALL(folder->root, stat, dirfd, "dovecot-uidlist",
			      &st);
		maildir_control_close(folder, dirfd);
	}
	if (list->pool == NULL || !is_same(&st, &list->st))
		ret = read_list(folder, list, err);
	list->st = st;
	*list_r = list;
	return ret;
}

/* The line that ends at the next line feed. */
static struct cv_span line_at(const struct maildir_list *list)
{
	struct cv_span rest = cv_span_skip(list->lines, list->at);
	const char *end = memchr(rest.data, '\n', rest.len);

	return end == NULL ? rest :
		cv_span(rest.data, (size_t)(end - rest.data));
}

static void take_fields(struct cv_span line, struct cv_pool *pool,
			struct cv_blob_facts *facts)
{
	struct cv_span word;
	uint64_t number;

	(void)cv_span_split(&line, ' ', &word);
	while (line.len > 0 && line.data[0] != ':' &&
	       cv_span_split(&line, ' ', &word)) {
		struct cv_span value = cv_span_skip(word, word.len > 0);

		if (value.len == 0)
			continue;
		if (word.data[0] == 'P')
			facts->pop3_uidl = cv_span(cv_span_copy(pool, value),
						   value.len);
		else if (word.data[0] == 'O' &&
			 cv_span_to_u64(value, UINT32_MAX, &number))
			facts->pop3_order = (uint32_t)number;
	}
}

/* At most once through the list. */
static void find_line(struct maildir_list *list, struct cv_span ref,
		      struct cv_pool *pool, struct cv_blob_facts *facts)
{
	size_t start = list->at, passed = 0;

	while (passed < list->lines.len) {
		struct cv_span line = line_at(list), base;
		uint32_t uid;

		passed += line.len + 1;
		list->at += line.len + 1;
		if (list->at >= list->lines.len)
			list->at = 0;
		if (maildir_uidlist_line(line, 3, &uid, &base) &&
		    cv_span_equal(base, ref)) {
			take_fields(line, pool, facts);
			return;
		}
	}
	list->at = start;
}

void maildir_facts_forget(struct cv_storage_folder *folder)
{
	if (folder->list != NULL && folder->list->pool != NULL)
		cv_api->pool_destroy(&folder->list->pool);
}

int maildir_facts(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_pool *pool,
		  struct cv_blob_facts *facts_r, struct cv_error *err)
{
	struct cv_blob_source src = { CV_SIZED(cv_blob_source), .fd = -1,
				      .pool = pool };
	struct maildir_list *list;
	struct stat st;
	int ret = maildir_get(folder, blob, &src, err);

	if (ret != CV_OK)
		return ret;
	if (MD_CALL(folder->root, fstat, src.fd, &st) < 0)
		ret = common_fail(err, "stat", "message");
	else if (st.st_nlink > 0)
		facts_r->references = (uint32_t)st.st_nlink;
	MAILDIR_API(folder->root)->close(MAILDIR_IO(folder->root), src.fd);
	if (ret == CV_OK)
		ret = get_list(folder, &list, err);
	if (ret == CV_OK && list->lines.len > 0)
		find_line(list, blob->ref, pool, facts_r);
	return ret;
}
