/* meta.h - where the journal, the snapshots and the catalogues of one account
 * are kept: the table of a meta driver.
 *
 * A driver keeps objects that are named by kind, folder and generation, never
 * by path.  It knows nothing of records: a journal is bytes that only grow,
 * and the place where they end stands for the transaction number, because
 * every group has a place of its own (doc/format-account.md 2).
 *
 * Rules that tests/unit/test-meta.c checks for every driver:
 *
 *  1. commit is all or nothing as far as the driver can say, durable on
 *     return when sync is set, and happens only when the journal ends where
 *     the caller believes: compare and swap.
 *  2. A commit that is tried again with the same key, place and bytes after
 *     an unknown outcome is applied once.
 *  3. Bytes below the end never change; a reader sees a prefix.
 *  4. After a checkpoint the new generation is there and durable, and so is
 *     every object that was finished before; one that failed has left the
 *     old generation as it was.
 *  5. An object that was finished is never written again.
 *
 * The lock makes conflicts rare where a driver has one (local files: they
 * cannot happen); correctness rests on 1 alone.
 *
 * Unless said otherwise functions return 0, or -1 with errno. */
#ifndef META_H
#define META_H

#include "account.h"

enum meta_kind {
	META_JOURNAL, META_SNAPSHOT, META_CATALOGUE, META_COLUMNS,
};

struct meta_name {
	enum meta_kind kind;
	struct account_guid folder;	/* zeros for a journal */
	uint64_t generation;		/* 0 for a catalogue and columns */
};

struct meta_names { ARRAY(struct meta_name) items; };

struct meta {
	const struct meta_ops *ops;
	/* What is written now frees space in the end: journals and snapshots
	 * may take what the driver keeps for that when there is no other. */
	bool frees;
	bool reserve_used;	/* they have: meta_reserve */
};

/* An object that is open.  The driver's members follow. */
struct meta_object { struct meta *meta; };

struct meta_head {
	uint64_t size;
	bool replaced;		/* it has been removed: look for a newer one */
};

enum meta_result {
	META_DONE,
	META_CONFLICT,		/* the journal does not end there */
	META_UNKNOWN,		/* try again with the same key */
	META_NOT_WRITTEN,	/* errno; a part of it may be there, but not
				 * when there was no room */
	META_NOT_SYNCED,	/* errno; all of it is there */
};

struct meta_commit {
	uint64_t at;		/* the end of the journal as last seen */
	unsigned char key[16];	/* of this commit alone */
	struct iovec *vec;	/* used up */
	int count;
	bool sync;
};

struct meta_checkpoint {
	uint64_t generation;	/* the new one */
	struct iovec *vec;	/* the whole journal; used up */
	int count;
	struct meta_object *old;	/* NULL: the first journal */
	uint64_t old_size;	/* as last seen: conflict when it differs */
	/* what tells whoever still has the old one open that it has ended;
	 * data NULL: it is told by a torn end already */
	struct cv_span mark;
	uint64_t mark_at;
	bool marked;		/* result: the mark may be there */
};

struct meta_ops {
	void (*close)(struct meta *meta);
	int (*list)(struct meta *meta, struct cv_pool *pool,
		    struct meta_names *names);
	struct meta_object *(*open)(struct meta *meta,
				    const struct meta_name *name);
	void (*release)(struct meta_object *object);
	int (*head)(struct meta_object *object, struct meta_head *head_r);
	ssize_t (*load)(struct meta_object *object, uint64_t offset,
			void *dst, size_t len);
	void *(*map)(struct meta_object *object, size_t size);
	int (*lock)(struct meta *meta, uint64_t deadline_msecs);
	void (*unlock)(struct meta *meta);
	enum meta_result (*commit)(struct meta_object *journal,
				   const struct meta_commit *commit);
	int (*sync)(struct meta_object *journal);
	int (*spoil)(struct meta_object *journal, uint64_t at,
		     struct cv_span mark);
	enum meta_result (*checkpoint)(struct meta *meta,
				       struct meta_checkpoint *checkpoint);
	struct meta_object *(*create)(struct meta *meta,
				      const struct meta_name *name);
	int (*write)(struct meta_object *object, uint64_t offset,
		     struct iovec *vec, int count);
	int (*finish)(struct meta_object *object);
	void (*remove)(struct meta *meta, const struct meta_name *name);
	int (*keep)(struct meta *meta, const struct meta_name *name);
	void (*reserve)(struct meta *meta);
};

/* --- the driver ---------------------------------------------------------- */

/* All its objects must have been released.  NULL is ignored. */
static inline void meta_close(struct meta **meta)
{
	if (*meta != NULL)
		(*meta)->ops->close(*meta);
	*meta = NULL;
}

/* What there is, in no order; foreign things are left out. */
static inline int meta_list(struct meta *meta, struct cv_pool *pool,
			    struct meta_names *names)
{
	return meta->ops->list(meta, pool, names);
}

/* Taken before the head is read for a commit, kept until the commit.
 * ETIMEDOUT at the deadline (time_monotonic_msecs; 0: do not wait). */
static inline int meta_lock(struct meta *meta, uint64_t deadline_msecs)
{
	return meta->ops->lock(meta, deadline_msecs);
}

static inline void meta_unlock(struct meta *meta)
{
	meta->ops->unlock(meta);
}

/* Failures only leave something that is not needed. */
static inline void meta_remove(struct meta *meta, const struct meta_name *name)
{
	meta->ops->remove(meta, name);
}

/* Sets a damaged journal aside for a human; it is removed as usual after. */
static inline int meta_keep(struct meta *meta, const struct meta_name *name)
{
	return meta->ops->keep(meta, name);
}

/* Under the lock: room is kept again for the writes that free space, if there
 * is any. */
static inline void meta_reserve(struct meta *meta)
{
	if (meta->ops->reserve != NULL)
		meta->ops->reserve(meta);
}

/* --- objects ------------------------------------------------------------- */

/* NULL with errno: ENOENT, or EINVAL for what cannot be one. */
static inline struct meta_object *meta_open(struct meta *meta,
					    const struct meta_name *name)
{
	return meta->ops->open(meta, name);
}

/* NULL is ignored; errno is kept. */
static inline void meta_release(struct meta_object **object)
{
	if (*object != NULL)
		(*object)->meta->ops->release(*object);
	*object = NULL;
}

/* One cheap look. */
static inline int meta_head(struct meta_object *object,
			    struct meta_head *head_r)
{
	return object->meta->ops->head(object, head_r);
}

/* Loads until len bytes are there or the object ends: the count, or -1. */
static inline ssize_t meta_load(struct meta_object *object, uint64_t offset,
				void *dst, size_t len)
{
	return object->meta->ops->load(object, offset, dst, len);
}

/* The object's bytes in private memory that munmap releases, or NULL when
 * the driver cannot: load them. */
static inline void *meta_map(struct meta_object *object, size_t size)
{
	return object->meta->ops->map == NULL ? NULL :
		object->meta->ops->map(object, size);
}

/* --- the journal --------------------------------------------------------- */

static inline enum meta_result meta_commit(struct meta_object *journal,
					   const struct meta_commit *commit)
{
	return journal->meta->ops->commit(journal, commit);
}

/* Makes durable what was committed without sync, by anybody.  After a
 * failure nothing may be concluded from another sync that succeeds. */
static inline int meta_sync(struct meta_object *journal)
{
	return journal->meta->ops->sync(journal);
}

/* Puts a mark behind a commit that failed, for others to see. */
static inline int meta_spoil(struct meta_object *journal, uint64_t at,
			     struct cv_span mark)
{
	return journal->meta->ops->spoil(journal, at, mark);
}

/* A new generation takes the place of the old one, which stays until it is
 * removed.  META_DONE, META_CONFLICT or META_NOT_WRITTEN with errno. */
static inline enum meta_result
meta_checkpoint(struct meta *meta, struct meta_checkpoint *checkpoint)
{
	return meta->ops->checkpoint(meta, checkpoint);
}

/* --- snapshots, catalogues and columns ----------------------------------- */

/* A new empty one in place of what has the name. */
static inline struct meta_object *meta_create(struct meta *meta,
					      const struct meta_name *name)
{
	return meta->ops->create(meta, name);
}

static inline int meta_writev(struct meta_object *object, uint64_t offset,
			      struct iovec *vec, int count)
{
	return object->meta->ops->write(object, offset, vec, count);
}

static inline int meta_write(struct meta_object *object, uint64_t offset,
			     const void *data, size_t len)
{
	struct iovec vec = { (void *)(uintptr_t)data, len };

	return meta_writev(object, offset, &vec, 1);
}

/* The bytes are durable; the name is so after the next checkpoint. */
static inline int meta_finish(struct meta_object *object)
{
	return object->meta->ops->finish(object);
}

/* --- drivers ------------------------------------------------------------- */

struct meta_files_options {
	bool readonly;			/* never creates, locks or writes */
	mode_t dir_mode, file_mode;
};

/* meta-files.c: files in directory dir, which is created when it is not
 * there and options allow it. */
int meta_files_open(struct io *io, int dirfd, const char *dir,
		    const struct meta_files_options *options,
		    struct meta **meta_r, struct cv_error *err);
/* The directory's descriptor, for the bell. */
int meta_files_dirfd(const struct meta *meta);

#endif
