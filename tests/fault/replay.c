/* replay.c - a file system in memory that forgets, written out at the end. */
#include "replay.h"

#include "base/hash.h"

#include <unistd.h>

struct entry { uint32_t dir, object; const char *name; };

struct object { bool is_dir; unsigned char *data; size_t size, room; };

struct disk {
	struct cv_pool *pool;
	ARRAY(struct object) objects;
	ARRAY(struct entry) entries;	/* name NULL: removed */
};

uint64_t replay_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* --- what is unsynced ---------------------------------------------------- */

static bool is_synced(const struct replay *r, size_t from, uint32_t object)
{
	for (size_t i = from + 1; i < r->count; i++) {
		if (r->ops[i].kind == IO_RECORD_SYNC &&
		    r->ops[i].object == object)
			return true;
	}
	return false;
}

static bool is_covered(const struct replay *r, size_t at)
{
	const struct io_record_op *op = &r->ops[at];

	switch (op->kind) {
	case IO_RECORD_WRITE:
	case IO_RECORD_TRUNCATE:
		return is_synced(r, at, op->object);
	case IO_RECORD_CREATE:
	case IO_RECORD_MKDIR:
	case IO_RECORD_LINK:
	case IO_RECORD_UNLINK:
		return is_synced(r, at, op->dir);
	case IO_RECORD_RENAME:
		return is_synced(r, at, op->dir) &&
			is_synced(r, at, op->to_dir);
	case IO_RECORD_SYNC:
	case IO_RECORD_MARK:
		break;
	}
	return true;
}

size_t replay_unsynced(const struct replay *r, uint32_t *indexes, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < r->count && count < room; i++) {
		if (!is_covered(r, i))
			indexes[count++] = (uint32_t)i;
	}
	return count;
}

/* --- the disk ------------------------------------------------------------ */

static struct object *object_at(struct disk *disk, uint32_t number)
{
	while (disk->objects.count <= number)
		(void)array_add(&disk->objects);
	return &disk->objects.items[number];
}

static struct entry *entry_find(struct disk *disk, uint32_t dir,
				const char *name)
{
	for (size_t i = 0; i < disk->entries.count; i++) {
		struct entry *e = &disk->entries.items[i];

		if (e->name != NULL && e->dir == dir &&
		    strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static void entry_set(struct disk *disk, uint32_t dir, const char *name,
		      uint32_t object)
{
	struct entry *e = entry_find(disk, dir, name);

	if (e == NULL)
		e = array_add(&disk->entries);
	*e = (struct entry){ dir, object, name };
}

static void set_size(struct disk *disk, struct object *o, size_t size)
{
	if (size > o->room) {
		size_t room = size * 2;

		o->data = pool_grow(disk->pool, o->data, o->room, room);
		o->room = room;
	}
	if (size > o->size)
		memset(o->data + o->size, 0, size - o->size);
	o->size = size;
}

static void write_data(struct disk *disk, const struct io_record_op *op,
		       enum replay_choice choice, uint64_t *random)
{
	struct object *o = object_at(disk, op->object);
	size_t end = (size_t)op->offset + op->data.len, len, hole;

	if (end > o->size)
		set_size(disk, o, end);
	if (choice == REPLAY_DONE)
		memcpy(o->data + op->offset, op->data.data, op->data.len);
	if (choice != REPLAY_TORN && choice != REPLAY_HOLE)
		return;
	/* sectors of 512 bytes or pages of 4 KiB are written whole */
	len = replay_random(random) % 2 == 0 ? 512 : 4096;
	hole = (size_t)op->offset + replay_random(random) % op->data.len;
	for (size_t at = (size_t)op->offset; at < end; ) {
		size_t next = (at / len + 1) * len;

		if (next > end)
			next = end;
		if (choice == REPLAY_HOLE ? hole < at || hole >= next :
		    replay_random(random) % 2 == 0)
			memcpy(o->data + at, op->data.data +
			       (at - op->offset), next - at);
		at = next;
	}
}

/* Up to what Maildir puts behind a name. */
static bool same_base(const char *a, const char *b)
{
	size_t len = strcspn(a, ":");

	return len == strcspn(b, ":") && memcmp(a, b, len) == 0;
}

/* One whose new directory was synced has its new name in any case, and may
 * have the old one still; not a directory, which knows where it is. */
static void apply_rename(struct disk *disk, const struct io_record_op *op,
			 bool old_stays)
{
	struct entry *e = entry_find(disk, op->dir, op->name);

	if (e != NULL && (!old_stays ||
			  object_at(disk, op->object)->is_dir))
		e->name = NULL;
	/* the renames of one file reach the disk in order: where the one
	 * before is not there, this one has taken its place */
	for (size_t i = 0; i < disk->entries.count && e == NULL; i++) {
		struct entry *older = &disk->entries.items[i];

		if (older->name != NULL && older->object == op->object &&
		    same_base(older->name, op->to_name))
			older->name = NULL;
	}
	entry_set(disk, op->to_dir, op->to_name, op->object);
}

static void apply(struct disk *disk, const struct replay *r, size_t at,
		  enum replay_choice choice, uint64_t *random)
{
	const struct io_record_op *op = &r->ops[at];
	struct entry *e;

	if (choice == REPLAY_DROPPED && op->kind == IO_RECORD_RENAME &&
	    is_synced(r, at, op->to_dir))
		apply_rename(disk, op, true);
	if (choice == REPLAY_DROPPED)
		return;
	switch (op->kind) {
	case IO_RECORD_MKDIR:
		object_at(disk, op->object)->is_dir = true;
		entry_set(disk, op->dir, op->name, op->object);
		break;
	case IO_RECORD_CREATE:
	case IO_RECORD_LINK:
		(void)object_at(disk, op->object);
		entry_set(disk, op->dir, op->name, op->object);
		break;
	case IO_RECORD_WRITE:
		write_data(disk, op, choice, random);
		break;
	case IO_RECORD_TRUNCATE:
		set_size(disk, object_at(disk, op->object),
			 (size_t)op->offset);
		break;
	case IO_RECORD_UNLINK:
		e = entry_find(disk, op->dir, op->name);
		if (e != NULL)
			e->name = NULL;
		break;
	case IO_RECORD_RENAME:
		apply_rename(disk, op, false);
		break;
	case IO_RECORD_SYNC:
	case IO_RECORD_MARK:
		break;
	}
}

/* --- onto the real disk -------------------------------------------------- */

static void write_file(const struct object *o, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	BUG_IF(fd < 0 ||
	       pwrite(fd, o->data, o->size, 0) != (ssize_t)o->size);
	close(fd);
}

/* One directory with what is in it; depth is what is recorded. */
static void write_out(struct disk *disk, uint32_t dir, int dirfd)
{
	for (size_t i = 0; i < disk->entries.count; i++) {
		const struct entry *e = &disk->entries.items[i];
		const struct object *o;
		int fd;

		if (e->name == NULL || e->dir != dir)
			continue;
		o = object_at(disk, e->object);
		if (!o->is_dir) {
			write_file(o, dirfd, e->name);
			continue;
		}
		BUG_IF(mkdirat(dirfd, e->name, 0700) < 0);
		fd = openat(dirfd, e->name, O_RDONLY | O_DIRECTORY);
		BUG_IF(fd < 0);
		write_out(disk, e->object, fd);
		close(fd);
	}
}

/* A digest: equal for equal disks, whatever the order of their entries. */
static uint64_t hash_out(struct disk *disk, uint32_t dir)
{
	static const uint64_t key[2] = { 0x736f6d6570736575ull,
					 0x646f72616e646f6dull };
	uint64_t sum = 0;

	for (size_t i = 0; i < disk->entries.count; i++) {
		const struct entry *e = &disk->entries.items[i];
		const struct object *o;
		uint64_t both[3];

		if (e->name == NULL || e->dir != dir)
			continue;
		/* it moves when those below are looked up */
		o = object_at(disk, e->object);
		both[0] = hash_bytes_keyed(key, e->name, strlen(e->name));
		both[2] = o->is_dir;
		both[1] = both[2] ? hash_out(disk, e->object) :
			hash_bytes_keyed(key, o->data, o->size);
		sum += hash_bytes_keyed(key, both, sizeof(both));
	}
	return sum;
}

bool replay_build(const struct replay *r, const uint32_t *indexes,
		  const enum replay_choice *choices, size_t count,
		  uint64_t *random, int dirfd, replay_seen *seen, void *context)
{
	struct disk disk = { .pool = r->pool };
	size_t next = 0;

	array_init(&disk.objects, r->pool);
	array_init(&disk.entries, r->pool);
	object_at(&disk, 0)->is_dir = true;
	for (size_t i = 0; i < r->count; i++) {
		enum replay_choice choice = REPLAY_DONE;

		if (next < count && indexes[next] == i)
			choice = choices[next++];
		if (choice > REPLAY_DROPPED &&
		    r->ops[i].kind != IO_RECORD_WRITE)
			choice = REPLAY_DROPPED;
		apply(&disk, r, i, choice, random);
	}
	if (seen != NULL && seen(context, hash_out(&disk, 0)))
		return false;
	write_out(&disk, 0, dirfd);
	return true;
}
