/* meta-memory.c - objects of an account on the heap. */
#include "meta-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { KEYS = 64 };	/* of the last commits, as a remote driver keeps them */

struct stored {
	struct stored *next;
	struct meta_name name;
	unsigned char *data;
	size_t size, room;
	uint32_t users;		/* objects that have it open */
	bool removed, finished;
};

struct memory_bell {
	struct bell bell;
	struct meta_memory *memory;
	struct memory_bell *next;
	int fd;
};

struct meta_memory {
	struct stored *stored;
	struct meta *holder;		/* of the lock */
	bool unlocked;
	unsigned char keys[KEYS][16];
	uint64_t commits;
	enum meta_memory_fault fault;
	unsigned int faults;
	struct memory_bell *bells;
};

struct memory_meta { struct meta meta; struct meta_memory *memory; };
struct memory_object { struct meta_object object; struct stored *stored; };

static struct meta_memory *memory_of(struct meta *meta)
{
	return ((struct memory_meta *)meta)->memory;
}

static struct stored *stored_of(struct meta_object *object)
{
	return ((struct memory_object *)object)->stored;
}

/* --- objects ------------------------------------------------------------- */

static bool name_is(const struct meta_name *a, const struct meta_name *b)
{
	return a->kind == b->kind && a->generation == b->generation &&
		account_guid_equal(&a->folder, &b->folder);
}

static struct stored *find(struct meta_memory *memory,
			   const struct meta_name *name)
{
	for (struct stored *s = memory->stored; s != NULL; s = s->next) {
		if (!s->removed && name_is(&s->name, name))
			return s;
	}
	return NULL;
}

/* Those that are removed and not open go. */
static void sweep(struct meta_memory *memory, bool all)
{
	struct stored **at = &memory->stored;

	while (*at != NULL) {
		struct stored *s = *at;

		if (!all && (!s->removed || s->users > 0)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s->data);
		free(s);
	}
}

static int memory_list(struct meta *meta, struct cv_pool *pool,
		       struct meta_names *names)
{
	array_init(&names->items, pool);
	for (struct stored *s = memory_of(meta)->stored; s != NULL;
	     s = s->next) {
		if (!s->removed)
			*array_add(&names->items) = s->name;
	}
	return 0;
}

static struct meta_object *open_stored(struct meta *meta, struct stored *s)
{
	struct memory_object *object = calloc(1, sizeof(*object));

	if (object == NULL)
		return NULL;
	object->object.meta = meta;
	object->stored = s;
	s->users++;
	return &object->object;
}

static struct meta_object *memory_open(struct meta *meta,
				       const struct meta_name *name)
{
	struct stored *s = find(memory_of(meta), name);

	if (s == NULL) {
		errno = ENOENT;
		return NULL;
	}
	return open_stored(meta, s);
}

static void memory_remove(struct meta *meta, const struct meta_name *name)
{
	struct stored *s = find(memory_of(meta), name);

	if (s != NULL)
		s->removed = true;
	sweep(memory_of(meta), false);
}

static struct stored *add_stored(struct meta_memory *memory,
				 const struct meta_name *name)
{
	struct stored *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->name = *name;
	s->next = memory->stored;
	memory->stored = s;
	return s;
}

static struct meta_object *memory_create(struct meta *meta,
					 const struct meta_name *name)
{
	struct stored *s;

	memory_remove(meta, name);
	s = add_stored(memory_of(meta), name);
	return s == NULL ? NULL : open_stored(meta, s);
}

static void memory_release(struct meta_object *object)
{
	stored_of(object)->users--;
	sweep(memory_of(object->meta), false);
	free(object);
}

static int memory_head(struct meta_object *object, struct meta_head *head_r)
{
	head_r->size = stored_of(object)->size;
	head_r->replaced = stored_of(object)->removed;
	return 0;
}

static ssize_t memory_load(struct meta_object *object, uint64_t offset,
			   void *dst, size_t len)
{
	const struct stored *s = stored_of(object);

	if (offset >= s->size)
		return 0;
	if (len > s->size - (size_t)offset)
		len = s->size - (size_t)offset;
	memcpy(dst, s->data + offset, len);
	return (ssize_t)len;
}

static int put(struct stored *s, uint64_t offset, const void *data,
	       size_t len)
{
	size_t end = (size_t)offset + len;

	if (end > s->room) {
		unsigned char *grown = realloc(s->data, end * 2);

		if (grown == NULL)
			return -1;
		s->data = grown;
		s->room = end * 2;
	}
	if (offset > s->size)
		memset(s->data + s->size, 0, (size_t)offset - s->size);
	/* UNSAFE: room was made for end above */
	memcpy(s->data + offset, data, len);
	if (s->size < end)
		s->size = end;
	return 0;
}

static int put_vec(struct stored *s, uint64_t offset,
		   const struct iovec *vec, int count)
{
	for (int i = 0; i < count; i++) {
		if (put(s, offset, vec[i].iov_base, vec[i].iov_len) < 0)
			return -1;
		offset += vec[i].iov_len;
	}
	return 0;
}

static int memory_write(struct meta_object *object, uint64_t offset,
			struct iovec *vec, int count)
{
	BUG_IF(stored_of(object)->finished);
	return put_vec(stored_of(object), offset, vec, count);
}

static int memory_finish(struct meta_object *object)
{
	stored_of(object)->finished = true;
	return 0;
}

static int memory_keep(struct meta *meta, const struct meta_name *name)
{
	(void)meta;
	(void)name;
	errno = ENOTSUP;
	return -1;
}

/* --- lock ---------------------------------------------------------------- */

static int memory_lock(struct meta *meta, uint64_t deadline_msecs)
{
	struct meta_memory *memory = memory_of(meta);

	(void)deadline_msecs;	/* one thread: waiting would not help */
	if (memory->holder != NULL && !memory->unlocked) {
		errno = ETIMEDOUT;
		return -1;
	}
	memory->holder = meta;
	return 0;
}

static void memory_unlock(struct meta *meta)
{
	if (memory_of(meta)->holder == meta)
		memory_of(meta)->holder = NULL;
}

/* --- the journal --------------------------------------------------------- */

static bool key_is_known(const struct meta_memory *memory,
			 const unsigned char key[16])
{
	for (int i = 0; i < KEYS; i++) {
		if (memcmp(memory->keys[i], key, 16) == 0)
			return true;
	}
	return false;
}

static enum meta_result apply(struct meta_memory *memory, struct stored *s,
			      const struct meta_commit *commit)
{
	if (s->removed)
		return META_CONFLICT;
	if (s->size != commit->at)
		return s->size > commit->at &&
			key_is_known(memory, commit->key) ? META_DONE :
			META_CONFLICT;
	if (put_vec(s, commit->at, commit->vec, commit->count) < 0)
		return META_NOT_WRITTEN;
	memcpy(memory->keys[memory->commits++ % KEYS], commit->key, 16);
	return META_DONE;
}

static enum meta_result memory_commit(struct meta_object *object,
				      const struct meta_commit *commit)
{
	struct meta_memory *memory = memory_of(object->meta);
	bool fails = memory->faults > 0;

	memory->faults -= fails;
	if (fails && memory->fault == META_MEMORY_FULL) {
		errno = ENOSPC;
		return META_NOT_WRITTEN;
	}
	if (!fails)
		return apply(memory, stored_of(object), commit);
	if (memory->fault == META_MEMORY_SILENT)
		(void)apply(memory, stored_of(object), commit);
	return META_UNKNOWN;
}

static int memory_sync(struct meta_object *object)
{
	(void)object;
	return 0;
}

static int memory_spoil(struct meta_object *object, uint64_t at,
			struct cv_span mark)
{
	return put(stored_of(object), at, mark.data, mark.len);
}

static enum meta_result memory_checkpoint(struct meta *meta,
					  struct meta_checkpoint *c)
{
	struct meta_memory *memory = memory_of(meta);
	struct meta_name name = { .kind = META_JOURNAL,
				  .generation = c->generation };
	struct stored *s = find(memory, &name);

	c->marked = false;
	if (s != NULL || (c->old != NULL &&
			  (stored_of(c->old)->removed ||
			   stored_of(c->old)->size != c->old_size)))
		return META_CONFLICT;
	s = add_stored(memory, &name);
	if (s == NULL)
		return META_NOT_WRITTEN;
	if (put_vec(s, 0, c->vec, c->count) < 0) {
		s->removed = true;
		return META_NOT_WRITTEN;
	}
	if (c->old != NULL && c->mark.data != NULL) {
		c->marked = true;
		(void)memory_spoil(c->old, c->mark_at, c->mark);
	}
	return META_DONE;
}

/* --- bell ---------------------------------------------------------------- */

static void memory_bell_close(struct bell *bell)
{
	struct memory_bell *b = (struct memory_bell *)bell;
	struct memory_bell **at = &b->memory->bells;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	if (b->fd != -1)
		(void)close(b->fd);
	free(b);
}

static void memory_bell_ring(struct bell *bell, uint64_t txn)
{
	struct memory_bell *b = (struct memory_bell *)bell;
	uint64_t one = 1;

	(void)txn;
	for (struct memory_bell *o = b->memory->bells; o != NULL;
	     o = o->next) {
		if (o->fd != -1)
			(void)!write(o->fd, &one, sizeof(one));
	}
}

static int memory_bell_watch(struct bell *bell)
{
	struct memory_bell *b = (struct memory_bell *)bell;

	if (b->fd == -1)
		b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return b->fd;
}

static void memory_bell_clear(struct bell *bell)
{
	struct memory_bell *b = (struct memory_bell *)bell;
	uint64_t rings;

	if (b->fd != -1)
		(void)!read(b->fd, &rings, sizeof(rings));
}

static const struct bell_ops bell_ops = {
	.close = memory_bell_close,
	.ring = memory_bell_ring,
	.watch = memory_bell_watch,
	.clear = memory_bell_clear,
};

struct bell *bell_memory_open(struct meta_memory *memory)
{
	struct memory_bell *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->bell.ops = &bell_ops;
	b->memory = memory;
	b->fd = -1;
	b->next = memory->bells;
	memory->bells = b;
	return &b->bell;
}

/* --- opening ------------------------------------------------------------- */

static void memory_close(struct meta *meta)
{
	memory_unlock(meta);
	free(meta);
}

static const struct meta_ops memory_ops = {
	.close = memory_close,
	.list = memory_list,
	.open = memory_open,
	.release = memory_release,
	.head = memory_head,
	.load = memory_load,
	.lock = memory_lock,
	.unlock = memory_unlock,
	.commit = memory_commit,
	.sync = memory_sync,
	.spoil = memory_spoil,
	.checkpoint = memory_checkpoint,
	.create = memory_create,
	.write = memory_write,
	.finish = memory_finish,
	.remove = memory_remove,
	.keep = memory_keep,
};

struct meta *meta_memory_open(struct meta_memory *memory)
{
	struct memory_meta *meta = calloc(1, sizeof(*meta));

	if (meta == NULL)
		return NULL;
	meta->meta.ops = &memory_ops;
	meta->memory = memory;
	return &meta->meta;
}

struct meta_memory *meta_memory_create(void)
{
	return calloc(1, sizeof(struct meta_memory));
}

void meta_memory_destroy(struct meta_memory **memory_p)
{
	struct meta_memory *memory = *memory_p;

	if (memory == NULL)
		return;
	*memory_p = NULL;
	sweep(memory, true);
	free(memory);
}

static int copy_object(struct meta_memory *memory, struct meta_object *from,
		       const struct meta_name *name)
{
	struct meta_head head;
	struct stored *s;

	if (meta_head(from, &head) < 0)
		return -1;
	s = add_stored(memory, name);
	if (s == NULL || (s->data = malloc((size_t)head.size + 1)) == NULL)
		return -1;
	s->room = (size_t)head.size + 1;
	s->finished = name->kind != META_JOURNAL;
	for (ssize_t n = 1; s->size < head.size && n > 0;
	     s->size += (size_t)n) {
		n = meta_load(from, s->size, s->data + s->size,
			      (size_t)head.size - s->size);
		if (n < 0)
			return -1;
	}
	return 0;
}

int meta_memory_copy(struct meta_memory *memory, struct meta *from)
{
	struct cv_pool *pool = pool_create("meta copy");
	struct meta_names names;
	int ret;

	array_init(&names.items, pool);
	ret = meta_list(from, pool, &names);
	for (size_t i = 0; ret == 0 && i < names.items.count; i++) {
		const struct meta_name *name = &names.items.items[i];
		struct meta_object *object = meta_open(from, name);

		/* gone meanwhile: whatever took its place is there, too, or
		 * is made from the tree */
		if (object == NULL && errno == ENOENT)
			continue;
		ret = object == NULL ? -1 : copy_object(memory, object, name);
		meta_release(&object);
	}
	pool_destroy(&pool);
	return ret;
}

void meta_memory_unlocked(struct meta_memory *memory)
{
	memory->unlocked = true;
}

void meta_memory_fail(struct meta_memory *memory,
		      enum meta_memory_fault fault, unsigned int times)
{
	memory->fault = fault;
	memory->faults = times;
}

uint64_t meta_memory_commits(const struct meta_memory *memory)
{
	return memory->commits;
}
