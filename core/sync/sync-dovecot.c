/* sync-dovecot.c - a new tree of Dovecot's as the end that becomes a copy.
 *
 * INVARIANT: it is written beside its place and appears there when all of it
 * is done and on disk; what is there already is never touched. */
#include "sync-dovecot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char mail_dir[] = "dbox-Mails";

static const char attributes_name[] = "dovecot-attributes";

/* --- names ---------------------------------------------------------------------- */

/* Levels as they stand on disk. */
static int disk_name(const char *name, struct cv_pool *pool,
		     const char **disk_r, struct cv_error *err)
{
	struct cv_span rest = cv_span_of(name), level;
	struct cv_text text;

	cv_text_init(&text, pool);
	while (cv_span_split(&rest, '/', &level)) {
		size_t start = text.len + (text.len > 0);

		if (text.len > 0)
			cv_text_append_c(&text, '/');
		utf7_encode(&text, level);
		if (level.len == 0 || level.data[0] == '.' ||
		    cv_span_is_icase(level, mail_dir) ||
		    text.len - start > 255)
			return FAIL(err, CV_E_PERM, "Dovecot's dbox can have "
				    "no such name");
	}
	*disk_r = cv_text_str(&text);
	return CV_OK;
}

/* A directory and those above it, below fd. */
static int make_dirs(int fd, const char *path, struct cv_pool *pool,
		     struct cv_error *err)
{
	char *part = pool_strdup(pool, path);

	for (char *at = part; at != NULL; ) {
		at = strchr(at, '/');
		if (at != NULL)
			*at = '\0';
		if (mkdirat(fd, part, 0700) < 0 && errno != EEXIST)
			return FAIL_ERRNO(err, errno, "cannot create '%s'",
					  part);
		if (at != NULL)
			*at++ = '/';
	}
	return CV_OK;
}

static int open_dir(int fd, const char *path, int *fd_r, struct cv_error *err)
{
	*fd_r = openat(fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		       O_CLOEXEC);
	return *fd_r >= 0 ? CV_OK : FAIL_ERRNO(err, errno, "cannot open '%s'",
					       path);
}

static int make_dir(int fd, const char *path, int *fd_r, struct cv_error *err)
{
	if (mkdirat(fd, path, 0700) < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", path);
	return open_dir(fd, path, fd_r, err);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* --- what there is: nothing, before it is written --------------------------------- */

static int dovecot_list(struct sync_side *s, struct cv_pool *pool,
			sync_boxes *boxes, struct cv_error *err)
{
	(void)s;
	(void)pool;
	(void)boxes;
	(void)err;
	return CV_OK;
}

static int dovecot_subscriptions(struct sync_side *s, struct cv_pool *pool,
				 sync_names *names, struct cv_error *err)
{
	(void)s;
	(void)pool;
	(void)names;
	(void)err;
	return CV_OK;
}

static int dovecot_rows(struct sync_side *s, struct cv_pool *pool,
			sync_rows *rows, struct cv_error *err)
{
	(void)s;
	(void)pool;
	(void)rows;
	(void)err;
	return CV_OK;
}

static int dovecot_metadata(struct sync_side *s, const char *name,
			    struct cv_pool *pool, sync_entries *entries,
			    struct cv_error *err)
{
	(void)s;
	(void)name;
	(void)pool;
	(void)entries;
	(void)err;
	return CV_OK;
}

static bool dovecot_is_open(const struct sync_side *s)
{
	return ((const struct dovecot *)s)->box_pool != NULL;
}

/* --- mailboxes --------------------------------------------------------------------- */

static int begin_tree(struct dovecot *d, struct cv_error *err)
{
	int ret = CV_OK;

	if (d->fd >= 0)
		return CV_OK;
	if (mkdir(d->work, 0700) < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", d->work);
	ret = open_dir(AT_FDCWD, d->work, &d->fd, err);
	if (ret == CV_OK && d->multi)
		ret = make_dir(d->fd, "storage", &d->storage_fd, err);
	return ret;
}

static int dovecot_create(struct sync_side *s, const struct sync_box *as,
			  struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	static const uint8_t none[16];
	struct sync_box *box;
	const char *disk;
	int ret = begin_tree(d, err);

	if (ret < 0) {
		s->broken = true;
		return ret;
	}
	ret = disk_name(as->name, d->pool, &disk, err);
	if (ret == CV_OK)
		ret = make_dirs(d->fd, pool_printf(d->pool, "mailboxes/%s/%s",
						   disk, mail_dir),
				d->pool, err);
	if (ret < 0)
		return ret;
	box = array_add(&d->boxes);
	*box = *as;
	box->name = pool_strdup(d->pool, as->name);
	if (box->uidvalidity == 0)
		box->uidvalidity = (uint32_t)time_now();
	if (memcmp(box->guid, none, sizeof(none)) == 0)
		random_bytes(box->guid, sizeof(box->guid));
	return CV_OK;
}

static int end_box(struct dovecot *d, struct cv_error *err)
{
	int ret = CV_OK;

	if (d->box_pool == NULL)
		return CV_OK;
	if (d->adding || d->added.count > 0)
		ret = FAIL(err, CV_E_TEMP, "not all messages are there");
	else
		ret = sync_dovecot_box_write(d, err);
	if (ret < 0) {
		d->side.broken = true;
		(void)error_prefix(err, "mailbox '%s'", d->box.name);
	}
	close_fd(&d->box_fd);
	pool_destroy(&d->box_pool);
	return ret;
}

static const struct sync_box *find_box(const struct dovecot *d,
				       const char *name)
{
	for (size_t i = 0; i < d->boxes.count; i++) {
		if (strcmp(d->boxes.items[i].name, name) == 0)
			return &d->boxes.items[i];
	}
	return NULL;
}

static int dovecot_open(struct sync_side *s, const char *name,
			struct sync_box *box_r, struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	const struct sync_box *box = find_box(d, name);
	const char *disk;
	int ret = end_box(d, err);

	if (ret == CV_OK && box == NULL)
		ret = FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	if (ret < 0)
		return ret;
	d->box = *box;
	d->box_pool = pool_create("dovecot mailbox");
	array_init(&d->messages, d->box_pool);
	array_init(&d->added, d->box_pool);
	ret = disk_name(name, d->box_pool, &disk, err);
	if (ret == CV_OK)
		ret = open_dir(d->fd, pool_printf(d->box_pool,
						  "mailboxes/%s/%s", disk,
						  mail_dir), &d->box_fd, err);
	*box_r = *box;
	box_r->uidnext = 1;
	box_r->modseq = 0;
	return ret;
}

static int dovecot_update(struct sync_side *s, const struct sync_update *as,
			  struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;

	if (as->empty)
		return FAIL(err, CV_E_UNSUPPORTED, "%s is written once",
			    s->label);
	if (as->uidvalidity != 0)
		d->box.uidvalidity = as->uidvalidity;
	if (as->uidnext > d->box.uidnext)
		d->box.uidnext = as->uidnext;
	if (as->modseq > d->box.modseq)
		d->box.modseq = as->modseq;
	return CV_OK;
}

static int dovecot_subscribe(struct sync_side *s, const char *name, bool on,
			     struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;

	(void)err;
	if (on)
		*array_add(&d->subscribed) = pool_strdup(d->pool, name);
	return CV_OK;
}

static int dovecot_set_metadata(struct sync_side *s, const char *name,
				const struct sync_entry *entry,
				struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	bool server = name[0] == '\0';
	const struct sync_box *box = find_box(d, server ? "INBOX" : name);

	(void)err;
	if (entry->value.data != NULL &&
	    (box == NULL || !sync_dovecot_attribute(&d->attributes, box->guid,
						    server, entry)))
		d->lost_attributes++;
	return CV_OK;
}

static int dovecot_set_rights(struct sync_side *s, const char *name,
			      struct cv_span text, struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	struct cv_pool *pool = pool_create("dovecot rights");
	const char *disk;
	int ret = disk_name(name, pool, &disk, err);

	if (ret == CV_OK)
		ret = sync_dovecot_file_write(d->fd, pool_printf(
			pool, "mailboxes/%s/%s/dovecot-acl", disk, mail_dir),
			text, err);
	pool_destroy(&pool);
	return ret;
}

static void dovecot_left(const struct sync_side *s, struct cv_text *dst)
{
	const struct dovecot *d = (const struct dovecot *)s;

	cv_text_append_f(dst, "left behind: \\Recent%s, special uses that "
			 "CREATE gave", d->multi ? "" :
			 ", dates of saving (sdbox has none)");
	if (d->lost_attributes > 0)
		cv_text_append_f(dst, ", %u annotations that no mailbox of "
				 "the tree has", d->lost_attributes);
	if (d->attributes.len > 0)
		cv_text_append_f(dst, "; annotations are in '%s/%s' "
				 "(hint: mail_attribute_dict = file:%s/%s and "
				 "imap_metadata = yes)", d->path,
				 attributes_name, d->path, attributes_name);
}

/* --- messages ---------------------------------------------------------------------- */

/* A file of mdbox with room, or this message's of sdbox. */
static int begin_file(struct dovecot *d, uint32_t uid, struct cv_error *err)
{
	struct sync_dovecot_mail *m = &d->mail;
	int ret;

	if (m->fd >= 0 && (!d->multi || m->size >= DOVECOT_ROTATE)) {
		ret = sync_dovecot_file_end(m, err);
		if (ret < 0)
			return ret;
	}
	if (m->fd >= 0)
		return CV_OK;
	if (d->multi)
		return sync_dovecot_file_begin(m, d->storage_fd, pool_printf(
			d->pool, "m.%u", ++d->file), err);
	return sync_dovecot_file_begin(m, d->box_fd, pool_printf(
		d->box_pool, "u.%u", uid), err);
}

static int end_message(struct dovecot *d, struct cv_error *err)
{
	struct sync_dovecot_mail *m = &d->mail;
	const struct sync_row *as = &d->row;
	const char *disk = NULL;
	struct dovecot_message *message;
	int ret = CV_OK;

	if (!d->adding)
		return CV_OK;
	d->adding = false;
	if (d->multi)
		ret = disk_name(d->box.name, d->box_pool, &disk, err);
	if (ret == CV_OK)
		ret = sync_dovecot_mail_finish(m, as, disk, err);
	if (ret < 0)
		return ret;
	message = array_add(&d->messages);
	*message = (struct dovecot_message){
		.uid = as->uid, .words = as->words, .modseq = as->modseq,
		.saved = (uint32_t)(as->saved != 0 ? as->saved : time_now()),
		.flags = (uint8_t)(as->flags & CV_FLAGS_STORED),
	};
	memcpy(message->guid, as->guid, sizeof(message->guid));
	if (d->multi) {
		*array_add(&d->places) = (struct dovecot_place){
			d->file, (uint32_t)m->start,
			(uint32_t)(m->size - m->start),
		};
		message->map_uid = (uint32_t)d->places.count;
	}
	return CV_OK;
}

static int dovecot_save_add(struct sync_side *s, const struct sync_row *as,
			    struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	static const uint8_t none[16];
	int ret = end_message(d, err);

	if (ret < 0)
		return ret;
	d->row = *as;
	if (d->row.uid == 0)
		d->row.uid = d->messages.count == 0 ? 1 :
			d->messages.items[d->messages.count - 1].uid + 1;
	if (memcmp(as->guid, none, sizeof(none)) == 0)
		random_bytes(d->row.guid, sizeof(d->row.guid));
	if (d->row.modseq > d->box.modseq)
		d->box.modseq = d->row.modseq;
	if (d->row.uid >= d->box.uidnext)
		d->box.uidnext = d->row.uid + 1;
	*array_add(&d->added) = d->row.uid;
	ret = begin_file(d, d->row.uid, err);
	if (ret < 0)
		return ret;
	sync_dovecot_mail_begin(&d->mail);
	d->adding = true;
	return CV_OK;
}

static int dovecot_save_write(struct sync_side *s, struct cv_span data,
			      struct cv_error *err)
{
	return sync_dovecot_mail_write(&((struct dovecot *)s)->mail, data,
				       err);
}

static int dovecot_save_commit(struct sync_side *s, uint32_t *uids_r,
			       uint32_t count, struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	int ret = end_message(d, err);

	if (ret == CV_OK && count != d->added.count)
		ret = FAIL(err, CV_E_INTERNAL, "%zu messages to be saved, "
			   "not %u", d->added.count, count);
	if (ret < 0)
		return ret;
	if (count > 0)
		memcpy(uids_r, d->added.items, count * sizeof(*uids_r));
	d->added.count = 0;
	return CV_OK;
}

/* What was written of it stays until somebody removes it all. */
static void dovecot_save_abort(struct sync_side *s)
{
	s->broken = true;
}

/* --- what is never asked of an end that was empty ----------------------------------- */

static int once(struct sync_side *s, struct cv_error *err)
{
	return FAIL(err, CV_E_UNSUPPORTED, "%s is written once", s->label);
}

static int dovecot_remove(struct sync_side *s, const char *name,
			  struct cv_error *err)
{
	(void)name;
	return once(s, err);
}

static int dovecot_rename(struct sync_side *s, const char *from,
			  const char *to, struct cv_error *err)
{
	(void)from;
	(void)to;
	return once(s, err);
}

static int dovecot_change(struct sync_side *s, struct sync_change *changes,
			  uint32_t count, struct cv_error *err)
{
	(void)changes;
	(void)count;
	return once(s, err);
}

static int dovecot_expunge(struct sync_side *s, const uint32_t *uids,
			   uint32_t count, struct cv_error *err)
{
	(void)uids;
	(void)count;
	return once(s, err);
}

/* --- the end ------------------------------------------------------------------------- */

/* A version, and names with tabs between the levels. */
static int write_subscriptions(struct dovecot *d, struct cv_error *err)
{
	struct cv_text text;

	cv_text_init(&text, d->pool);
	cv_text_append_str(&text, "V\t2\n\n");
	for (size_t i = 0; i < d->subscribed.count; i++) {
		size_t start = text.len;
		const char *disk;

		if (disk_name(d->subscribed.items[i], d->pool, &disk, NULL) <
		    0)
			continue;	/* of nothing that could be there */
		cv_text_append_str(&text, disk);
		for (; start < text.len; start++) {
			if (text.data[start] == '/')
				text.data[start] = '\t';
		}
		cv_text_append_c(&text, '\n');
	}
	return sync_dovecot_file_write(d->fd, "subscriptions",
				       cv_text_span(&text), err);
}

static int sync_parent(const struct dovecot *d, struct cv_error *err)
{
	char *parent = pool_strdup(d->pool, d->path);
	int fd, ret;

	*strrchr(parent, '/') = '\0';
	fd = open(*parent == '\0' ? "/" : parent, O_RDONLY | O_DIRECTORY |
		  O_CLOEXEC);
	ret = fd >= 0 && fsync(fd) == 0 ? CV_OK :
		FAIL_ERRNO(err, errno, "cannot sync '%s'", parent);
	close_fd(&fd);
	return ret;
}

static int put_in_place(struct dovecot *d, struct cv_error *err)
{
	if (syncfs(d->fd) < 0)
		return FAIL_ERRNO(err, errno, "cannot sync '%s'", d->work);
	if (rename(d->work, d->path) < 0)
		return FAIL_ERRNO(err, errno, "cannot rename '%s' to '%s'",
				  d->work, d->path);
	return sync_parent(d, err);
}

static int dovecot_done(struct sync_side *s, bool complete,
			struct cv_error *err)
{
	struct dovecot *d = (struct dovecot *)s;
	int ret = CV_OK;

	if (d->fd < 0)
		return CV_OK;
	if (!complete || s->broken)
		return FAIL(err, CV_E_TEMP, "'%s' was not made: not all of it "
			    "could be written (hint: what was is in '%s'; "
			    "remove that before the next run)", d->path,
			    d->work);
	ret = end_box(d, err);
	if (ret == CV_OK)
		ret = sync_dovecot_file_end(&d->mail, err);
	if (ret == CV_OK && d->multi)
		ret = sync_dovecot_map_write(d, err);
	if (ret == CV_OK)
		ret = write_subscriptions(d, err);
	if (ret == CV_OK && d->attributes.len > 0)
		ret = sync_dovecot_file_write(d->fd, attributes_name,
					      cv_text_span(&d->attributes),
					      err);
	return ret == CV_OK ? put_in_place(d, err) : ret;
}

static void dovecot_close(struct sync_side **s)
{
	struct dovecot *d = (struct dovecot *)*s;
	struct cv_pool *pool = d->pool;

	close_fd(&d->mail.fd);
	close_fd(&d->box_fd);
	close_fd(&d->storage_fd);
	close_fd(&d->fd);
	pool_destroy(&d->box_pool);
	*s = NULL;
	pool_destroy(&pool);
}

static const struct sync_side_ops ops = {
	.list = dovecot_list,
	.subscriptions = dovecot_subscriptions,
	.metadata = dovecot_metadata,
	.open = dovecot_open,
	.is_open = dovecot_is_open,
	.rows = dovecot_rows,
	.close = dovecot_close,
	.create = dovecot_create,
	.remove = dovecot_remove,
	.rename = dovecot_rename,
	.subscribe = dovecot_subscribe,
	.set_metadata = dovecot_set_metadata,
	.set_rights = dovecot_set_rights,
	.left = dovecot_left,
	.update = dovecot_update,
	.change = dovecot_change,
	.expunge = dovecot_expunge,
	.save_add = dovecot_save_add,
	.save_write = dovecot_save_write,
	.save_commit = dovecot_save_commit,
	.save_abort = dovecot_save_abort,
	.done = dovecot_done,
};

int sync_dovecot_open(const char *path, bool multi, const char *label,
		      struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool;
	struct dovecot *d;

	if (access(path, F_OK) == 0)
		return FAIL(err, CV_E_EXISTS, "'%s' exists: a tree of Dovecot "
			    "is written once (hint: give another place, or "
			    "move it away)", path);
	pool = pool_create("sync dovecot");
	d = pool_new(pool, struct dovecot);
	d->pool = pool;
	d->multi = multi;
	d->path = pool_strdup(pool, path);
	d->work = pool_printf(pool, "%s.unfinished", path);
	if (access(d->work, F_OK) == 0) {
		int ret = FAIL(err, CV_E_PERM, "'%s' is left of a run that "
			       "did not end (hint: remove it)", d->work);

		pool_destroy(&pool);
		return ret;
	}
	d->fd = d->box_fd = d->storage_fd = d->mail.fd = -1;
	d->map_id = (uint32_t)time_now();
	d->side = (struct sync_side){
		.ops = &ops, .label = pool_strdup(pool, label),
		.caps = SYNC_CAP_WRITE | SYNC_CAP_FLAGS | SYNC_CAP_UIDS |
			SYNC_CAP_BOXES | SYNC_CAP_METADATA,
	};
	cv_text_init(&d->attributes, pool);
	array_init(&d->boxes, pool);
	array_init(&d->subscribed, pool);
	array_init(&d->places, pool);
	cv_text_init(&d->mail.buffer, pool);
	*side_r = &d->side;
	return CV_OK;
}
