/* session-reuse.c - sessions that take more than one order of auth.
 *
 * A deliverer of a user is started once and lives for a while: auth names the
 * process that an order needs by a key, and an order whose key is in this
 * table is passed on to the process that has it.  The zygote compares keys and
 * looks at nothing else.
 *
 * INVARIANT: a process gets orders of its own key alone, and a key stands for
 * one user: no process ever sees the mail of two.  An order that is passed on
 * is either served or fails for its sender; a process that wants to end closes
 * its control socket for reading first, which makes the next order start
 * another. */
#include "session-private.h"

#include <stdlib.h>
#include <unistd.h>

struct reuse_entry {
	unsigned char key[SESSION_KEY_MAX];
	size_t key_len;
	pid_t pid;
	int control;
	uint64_t used;		/* turn, for the one used longest ago */
};

struct session_reuse {
	struct reuse_entry *entries;
	uint32_t count, room;
	uint64_t turn;
};

struct session_reuse *session_reuse_create(struct cv_pool *pool,
					   uint32_t limit)
{
	struct session_reuse *reuse = pool_new(pool, struct session_reuse);

	reuse->room = limit;
	reuse->entries = calloc(limit, sizeof(*reuse->entries));
	BUG_IF(reuse->entries == NULL);
	return reuse;
}

static struct reuse_entry *find(struct session_reuse *reuse,
				struct cv_span key)
{
	for (uint32_t i = 0; i < reuse->count; i++) {
		struct reuse_entry *entry = &reuse->entries[i];

		if (entry->key_len == key.len &&
		    memcmp(entry->key, key.data, key.len) == 0)
			return entry;
	}
	return NULL;
}

static void drop(struct session_reuse *reuse, struct reuse_entry *entry)
{
	(void)close(entry->control);
	*entry = reuse->entries[--reuse->count];
}

int session_reuse_pass(struct session_reuse *reuse, struct cv_span key,
		       const struct ipc_reader *message, struct cv_error *err)
{
	struct reuse_entry *entry = find(reuse, key);
	int status;

	if (entry == NULL)
		return CV_NOT_FOUND;
	entry->used = ++reuse->turn;
	status = ipc_forward(entry->control, message, err);
	if (status != CV_EOF)
		return status;
	/* it ends, or has ended */
	drop(reuse, entry);
	return CV_NOT_FOUND;
}

void session_reuse_add(struct session_reuse *reuse, struct cv_span key,
		       pid_t pid, int control)
{
	struct reuse_entry *entry;

	BUG_IF(key.len == 0 || key.len > sizeof(entry->key));
	if (reuse->count == reuse->room) {
		/* more processes than the limit: it serves the one order */
		(void)close(control);
		return;
	}
	entry = &reuse->entries[reuse->count++];
	*entry = (struct reuse_entry){ .key_len = key.len, .pid = pid,
		.control = control, .used = ++reuse->turn };
	memcpy(entry->key, key.data, key.len);
}

void session_reuse_ended(struct session_reuse *reuse, pid_t pid)
{
	for (uint32_t i = 0; i < reuse->count; i++) {
		if (reuse->entries[i].pid == pid) {
			drop(reuse, &reuse->entries[i]);
			return;
		}
	}
}

bool session_reuse_end_oldest(struct session_reuse *reuse)
{
	struct reuse_entry *oldest = NULL;

	for (uint32_t i = 0; i < reuse->count; i++) {
		if (oldest == NULL || reuse->entries[i].used < oldest->used)
			oldest = &reuse->entries[i];
	}
	if (oldest == NULL)
		return false;
	drop(reuse, oldest);
	return true;
}

void session_reuse_end_all(struct session_reuse *reuse)
{
	while (reuse->count > 0)
		drop(reuse, &reuse->entries[reuse->count - 1]);
}
