/* maildir-uids.c - dovecot-uidlist kept in step with the journal, so that
 * Dovecot can open the folder again with the UIDs that clients know.
 *
 * Each commit that gives UIDs adds its lines first, under the account's lock:
 * usually one stat and one write to a file that stays open, never a sync.
 * INVARIANT: while it agrees, the greater of N and last UID + 1 is the
 * journal's UIDNEXT; so whatever was added by another server, or lost, or
 * left by a commit that failed, is seen before the next line is written.
 * Lines of messages that are gone stay until there are too many; Dovecot
 * skips them.
 *
 * DEPARTS from Dovecot, which takes dovecot-uidlist.lock for each line: we
 * take it when somebody else has written to the list within the last minute,
 * and to write it anew. */
#include "maildir.h"

static const char uids_name[] = "dovecot-uidlist";
static const char uids_temp[] = "dovecot-uidlist.tmp";

enum {
	UIDS_TAIL = 4096,		/* read to find the last line */
	UIDS_FOREIGN_SECONDS = 60,
	UIDS_DEAD_BYTES = 256 * 1024,	/* of lines that no message has */
	UIDS_RETRY_SECONDS = 60,
};

void maildir_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		     uint32_t uidnext)
{
	folder->uidvalidity = uidvalidity;
	folder->uidnext = uidnext;
}

/* --- the open lists ------------------------------------------------------- */

static void forget(struct cv_storage_root *root, struct maildir_uids *list)
{
	if (list->fd > 0)
		MAILDIR_API(root)->close(MAILDIR_IO(root), list->fd);
	*list = (struct maildir_uids){ 0 };
}

void maildir_uids_close(struct cv_storage_root *root)
{
	for (size_t i = 0; i < MAILDIR_UIDLISTS; i++)
		forget(root, &root->uids[i]);
}

static struct maildir_uids *find_open(struct cv_storage_root *root,
				      const struct stat *st)
{
	for (size_t i = 0; i < MAILDIR_UIDLISTS; i++) {
		struct maildir_uids *list = &root->uids[i];

		if (list->fd > 0 && list->device == (uint64_t)st->st_dev &&
		    list->inode == (uint64_t)st->st_ino)
			return list;
	}
	return NULL;
}

static struct maildir_uids *open_list(struct cv_storage_root *root, int dirfd,
				      const struct stat *st)
{
	struct maildir_uids *list = &root->uids[0];
	int fd;

	for (size_t i = 1; i < MAILDIR_UIDLISTS; i++) {
		if (root->uids[i].used < list->used)
			list = &root->uids[i];
	}
	forget(root, list);
	fd = MD_CALL(root, open, dirfd, uids_name,
		     O_RDWR | O_APPEND | O_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	list->fd = fd;
	list->device = st->st_dev;
	list->inode = st->st_ino;
	return list;
}

/* Reads head and end.  False: damaged, or not ours to continue. */
static bool read_ends(struct cv_storage_root *root, struct maildir_uids *list,
		      uint64_t size)
{
	char text[UIDS_TAIL];
	struct maildir_uidlist_head head;
	struct cv_span rest, line, base;
	ssize_t got = MD_CALL(root, pread, list->fd, text, sizeof(text), 0);
	uint32_t uid, version;

	list->size = 0;
	if (got <= 0)
		return false;
	rest = cv_span(text, (size_t)got);
	if (!cv_span_split(&rest, '\n', &line) || rest.data == NULL ||
	    !maildir_uidlist_head(line, &head))
		return false;
	version = head.version;
	if (size > sizeof(text)) {
		uint64_t from = size - sizeof(text);

		got = MD_CALL(root, pread, list->fd, text, sizeof(text),
			      from);
		if (got != (ssize_t)sizeof(text))
			return false;
		rest = cv_span(text, sizeof(text));
		/* the first of them begins somewhere before */
		(void)cv_span_split(&rest, '\n', &line);
	}
	if (version != 3 || text[got - 1] != '\n')
		return false;
	while (rest.data != NULL && rest.len > 0 &&
	       cv_span_split(&rest, '\n', &line)) {
		if (maildir_uidlist_line(line, version, &uid, &base) &&
		    uid >= head.uidnext)
			head.uidnext = uid + 1;
	}
	list->uidvalidity = head.uidvalidity;
	list->uidnext = head.uidnext;
	list->size = size;
	return true;
}

/* --- adding ------------------------------------------------------------------ */

static void log_failure(struct cv_storage_folder *folder, const char *what)
{
	int number = errno;

	folder->root->uids_failed = time(NULL);
	cv_api->log(maildir_self, CV_LOG_WARNING, "'%s': cannot %s %s: %s; "
		    "Dovecot would not find all UIDs", folder->path, what,
		    uids_name, strerror(number));
}

static void write_lines(struct cv_storage_folder *folder,
			struct maildir_uids *list,
			const struct cv_uid_ref *refs, uint32_t count)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("maildir uids");
	struct maildir_writer w = { .root = root, .fd = list->fd,
				    .at = list->size };

	cv_text_init(&w.text, pool);
	for (uint32_t i = 0; i < count; i++)
		maildir_writer_ref(&w, &refs[i]);
	if (!maildir_writer_end(&w)) {
		log_failure(folder, "add to");
		(void)MD_CALL(root, truncate, list->fd, list->size);
		forget(root, list);
	} else {
		list->size = w.at;
		list->uidnext = refs[count - 1].uid + 1;
	}
	cv_api->pool_destroy(&pool);
}

/* CV_CHANGED: it does not agree; CV_NOT_FOUND: cannot be opened. */
static int look(struct cv_storage_folder *folder, int dirfd, bool locked,
		struct maildir_uids **list_r, bool *foreign_r)
{
	struct cv_storage_root *root = folder->root;
	struct maildir_uids *list;
	struct stat st;

	*foreign_r = false;
	if (MD_CALL(root, stat, dirfd, uids_name, &st) < 0)
		return errno == ENOENT ? CV_CHANGED : CV_NOT_FOUND;
	list = find_open(root, &st);
	if (list == NULL || list->size != (uint64_t)st.st_size) {
		*foreign_r = time(NULL) - st.st_mtim.tv_sec <
			UIDS_FOREIGN_SECONDS;
		if (list == NULL)
			list = open_list(root, dirfd, &st);
		if (list == NULL)
			return CV_NOT_FOUND;
		if ((!*foreign_r || locked) &&
		    !read_ends(root, list, (uint64_t)st.st_size))
			return CV_CHANGED;
	}
	list->used = ++root->uids_used;
	*list_r = list;
	if (*foreign_r && !locked)
		return CV_OK;
	return list->uidvalidity == folder->uidvalidity &&
		list->uidnext == folder->uidnext ? CV_OK : CV_CHANGED;
}

static int add(struct cv_storage_folder *folder, int dirfd,
	       const struct cv_uid_ref *refs, uint32_t count,
	       uint32_t messages)
{
	struct cv_storage_root *root = folder->root;
	struct maildir_uids *list;
	bool foreign, locked = false;
	/* to look alone takes no lock */
	int ret = look(folder, dirfd, count == 0, &list, &foreign);

	if (ret == CV_OK && foreign && count > 0) {
		locked = maildir_lock(root, dirfd, uids_name);
		if (!locked) {
			log_failure(folder, "lock");
			return CV_OK;
		}
		ret = look(folder, dirfd, true, &list, &foreign);
	}
	if (ret == CV_OK && count > 0) {
		/* too many lines of messages that are gone */
		uint64_t line = refs[0].ref.len + 12;

		if (list->size > UIDS_DEAD_BYTES + 2 * line * messages)
			ret = CV_CHANGED;
		else
			write_lines(folder, list, refs, count);
	}
	if (locked)
		maildir_unlock(root, dirfd, uids_name);
	if (ret == CV_NOT_FOUND) {
		log_failure(folder, "open");
		ret = CV_OK;
	}
	return ret;
}

/* A place that cannot be written is not tried for each message. */
static bool failed_lately(const struct cv_storage_root *root)
{
	return root->uids_failed != 0 &&
		time(NULL) - root->uids_failed < UIDS_RETRY_SECONDS;
}

int maildir_uids_add(struct cv_storage_folder *folder,
		     const struct cv_uid_ref *refs, uint32_t count,
		     uint32_t messages, struct cv_error *err)
{
	int dirfd, ret;

	(void)err;
	if (failed_lately(folder->root))
		return CV_OK;
	dirfd = maildir_control_open(folder, true);
	if (dirfd < 0) {
		log_failure(folder, "find the place of");
		return CV_OK;
	}
	ret = add(folder, dirfd, refs, count, messages);
	maildir_control_close(folder, dirfd);
	return ret;
}

/* --- the whole list ------------------------------------------------------------ */

struct old_list {
	struct maildir_lines lines;	/* fd -1: not there, or no list */
	struct cv_span head;		/* of version 3; len 0: none */
	struct maildir_uidlist_head h;
	mode_t mode;
	bool exists;
};

/* A cursor over its lines, in the order of UIDs. */
struct old_line {
	struct maildir_lines *lines;
	struct cv_span line, base;	/* until the next one */
	uint32_t uid;			/* 0: no more */
};

static void open_old(struct cv_storage_folder *folder, int dirfd,
		     struct cv_pool *pool, struct old_list *old)
{
	struct cv_storage_root *root = folder->root;
	struct cv_span line;
	struct stat st;

	*old = (struct old_list){ .mode = 0600, .lines = { .fd = -1 } };
	if (MD_CALL(root, stat, dirfd, uids_name, &st) < 0)
		return;
	old->mode = (st.st_mode & 0660) | 0600;
	old->exists = true;
	if (maildir_lines_open(&old->lines, root, dirfd, uids_name, pool,
			       NULL) != CV_OK)
		return;
	if (maildir_lines_next(&old->lines, &line) &&
	    maildir_uidlist_head(line, &old->h) && old->h.version == 3)
		old->head = cv_span(cv_span_copy(pool, line), line.len);
	else
		maildir_lines_close(&old->lines);
}

static void old_next(struct old_line *at)
{
	uint32_t last = at->uid;

	at->uid = 0;
	while (at->lines->fd >= 0 &&
	       maildir_lines_next(at->lines, &at->line)) {
		uint32_t uid;

		if (maildir_uidlist_line(at->line, 3, &uid, &at->base) &&
		    uid > last) {
			at->uid = uid;
			return;
		}
	}
}

static struct old_line old_first(struct old_list *old)
{
	struct old_line at = { .lines = &old->lines };
	struct cv_span head;

	if (old->lines.fd >= 0) {
		maildir_lines_rewind(&old->lines);
		(void)maildir_lines_next(&old->lines, &head);
	}
	old_next(&at);
	return at;
}

/* Whether each message has its line; what is only missing at the end, from
 * which UID on (0: nothing). */
static bool agrees(struct cv_storage_folder *folder, struct old_list *old,
		   cv_uid_next_fn *next, void *context, uint32_t *missing_r)
{
	struct old_line at;
	struct cv_uid_ref ref;
	uint32_t uidnext = old->h.uidnext, dead = 0, live = 0;

	*missing_r = 0;
	if (old->head.len == 0 || old->h.uidvalidity != folder->uidvalidity)
		return false;
	at = old_first(old);
	next(context, NULL);
	while (next(context, &ref)) {
		for (; at.uid != 0 && at.uid < ref.uid; old_next(&at)) {
			uidnext = at.uid >= uidnext ? at.uid + 1 : uidnext;
			dead++;
		}
		if (at.uid == ref.uid && cv_span_equal(at.base, ref.ref)) {
			uidnext = at.uid >= uidnext ? at.uid + 1 : uidnext;
			old_next(&at);
		} else if (at.uid == 0 && ref.uid >= uidnext) {
			if (*missing_r == 0)
				*missing_r = ref.uid;
			uidnext = ref.uid + 1;
		} else {
			return false;
		}
		live++;
	}
	for (; at.uid != 0; old_next(&at)) {
		uidnext = at.uid >= uidnext ? at.uid + 1 : uidnext;
		dead++;
	}
	return maildir_lines_whole(&old->lines) &&
		uidnext == folder->uidnext && dead <= live + 1000;
}

/* What other programs need of the old head (G and the mailbox's GUID). */
static void write_head(const struct cv_storage_folder *folder,
		       struct maildir_writer *w, struct cv_span old)
{
	struct cv_span word;

	cv_text_append_f(&w->text, "3 V%u N%u", folder->uidvalidity,
			 folder->uidnext);
	(void)cv_span_split(&old, ' ', &word);
	while (old.data != NULL && cv_span_split(&old, ' ', &word)) {
		if (word.len > 1 && word.data[0] != 'V' &&
		    word.data[0] != 'N') {
			cv_text_append_c(&w->text, ' ');
			cv_text_append_span(&w->text, word);
		}
	}
	maildir_writer_line(w, CV_SPAN_NONE);
}

/* Lines that Dovecot wrote keep their fields. */
static void write_lines_anew(struct maildir_writer *w, struct old_list *old,
			     cv_uid_next_fn *next, void *context)
{
	struct old_line at = old_first(old);
	struct cv_uid_ref ref;

	next(context, NULL);
	while (next(context, &ref)) {
		while (at.uid != 0 && at.uid < ref.uid)
			old_next(&at);
		if (at.uid == ref.uid && cv_span_equal(at.base, ref.ref))
			maildir_writer_line(w, at.line);
		else
			maildir_writer_ref(w, &ref);
	}
	if (old->lines.failed)
		w->failed = true;
}

static bool replace(struct cv_storage_folder *folder, int dirfd,
		    struct old_list *old, cv_uid_next_fn *next,
		    void *context, struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	struct maildir_writer w = { .root = root };
	bool done;

	cv_text_init(&w.text, pool);
	(void)MD_CALL(root, unlink, dirfd, uids_temp);
	w.fd = MD_CALL(root, open, dirfd, uids_temp,
		       O_WRONLY | O_CREAT | O_EXCL, old->mode);
	if (w.fd < 0)
		return false;
	write_head(folder, &w, old->head);
	write_lines_anew(&w, old, next, context);
	/* what replaces a good list must not be lost with it */
	done = maildir_writer_end(&w) &&
		(old->lines.size == 0 ||
		 MD_CALL(root, fdatasync, w.fd) == 0);
	MAILDIR_API(root)->close(MAILDIR_IO(root), w.fd);
	if (done && MD_CALL(root, rename, dirfd, uids_temp, dirfd, uids_name,
			    !old->exists) == 0)
		return true;
	(void)MD_CALL(root, unlink, dirfd, uids_temp);
	return false;
}

void maildir_uids_clean(struct cv_storage_folder *folder, int64_t oldest)
{
	struct cv_storage_root *root = folder->root;
	int dirfd = maildir_control_open(folder, false);
	struct stat st;

	if (dirfd < 0)
		return;
	if (MD_CALL(root, stat, dirfd, uids_temp, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_ctim.tv_sec < oldest)
		(void)MD_CALL(root, unlink, dirfd, uids_temp);
	maildir_control_close(folder, dirfd);
}

static bool append_missing(struct cv_storage_folder *folder, int dirfd,
			   const struct old_list *old, cv_uid_next_fn *next,
			   void *context, uint32_t missing,
			   struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	struct maildir_writer w = { .root = root, .at = old->lines.size };
	struct cv_uid_ref ref;
	bool done;

	cv_text_init(&w.text, pool);
	w.fd = MD_CALL(root, open, dirfd, uids_name,
		       O_WRONLY | O_APPEND | O_NONBLOCK, 0);
	if (w.fd < 0)
		return false;
	next(context, NULL);
	while (next(context, &ref)) {
		if (ref.uid >= missing)
			maildir_writer_ref(&w, &ref);
	}
	done = maildir_writer_end(&w);
	MAILDIR_API(root)->close(MAILDIR_IO(root), w.fd);
	return done;
}

/* Under Dovecot's lock, unless there is nothing to write or to replace. */
static bool write_list(struct cv_storage_folder *folder, int dirfd,
		       cv_uid_next_fn *next, void *context, bool anew,
		       bool locked, bool *again_r)
{
	struct cv_pool *pool = cv_api->pool_create("maildir uids");
	struct old_list old;
	uint32_t missing = 0;
	bool same, done = true;

	open_old(folder, dirfd, pool, &old);
	same = !anew && agrees(folder, &old, next, context, &missing);
	/* what cannot be read is written anew, without what else it said */
	if (old.lines.failed) {
		maildir_lines_close(&old.lines);
		old.head = CV_SPAN_NONE;
		old.lines.failed = false;
	}
	*again_r = !locked && old.exists && (!same || missing > 0);
	if (*again_r || (same && missing == 0))
		done = true;
	else if (same)
		done = append_missing(folder, dirfd, &old, next, context,
				      missing, pool);
	else
		done = replace(folder, dirfd, &old, next, context, pool);
	maildir_lines_close(&old.lines);
	cv_api->pool_destroy(&pool);
	return done;
}

int maildir_uids_write(struct cv_storage_folder *folder, cv_uid_next_fn *next,
		       void *context, bool anew, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	int dirfd = maildir_control_open(folder, true);
	bool again, done;

	(void)err;
	if (dirfd < 0) {
		log_failure(folder, "find the place of");
		return CV_OK;
	}
	done = write_list(folder, dirfd, next, context, anew, false, &again);
	if (done && again) {
		if (maildir_lock(root, dirfd, uids_name)) {
			done = write_list(folder, dirfd, next, context, anew,
					  true, &again);
			maildir_unlock(root, dirfd, uids_name);
		} else {
			done = false;
		}
	}
	if (done)
		root->uids_failed = 0;
	else
		log_failure(folder, "write");
	maildir_control_close(folder, dirfd);
	return CV_OK;
}
