/* mdbox-seek.c - a file m.N of Dovecot's that is damaged in the middle: where
 * its next message begins.
 *
 * A message is one when its head, as many bytes as that says and what stands
 * behind them are there; nothing else can be told, for Dovecot keeps no sum of
 * the bytes.  The damaged head's own length is not believed: what it leaps
 * over would be lost.  So what looks like a file of Dovecot's within a damaged
 * message may come out as messages, and comes out once.
 *
 * Each byte is read at most twice, and at most SEEK_TRIES places of a file
 * are looked at more closely. */
#include "dbox.h"

enum { FIRST_BLOCK = 4096, BLOCK = 64 * 1024 };

uint32_t mdbox_foreign_head(struct cv_storage_root *root, int fd,
			    uint64_t *first_r)
{
	uint32_t head;
	char end;

	/* another size than Dovecot 2.3's is believed where the first head
	 * ends so */
	if (dbox_foreign_head(root, fd, &head, first_r) &&
	    (head == DBOX_FOREIGN_HEAD ||
	     (DBOX_CALL(root, pread, fd, &end, 1, *first_r + head - 1) == 1 &&
	      end == '\n')))
		return head;
	*first_r = 0;
	return DBOX_FOREIGN_HEAD;
}

static bool is_message(struct cv_storage_root *root, int fd, uint64_t at,
		       uint64_t size, uint32_t head)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox seek");
	struct dbox_message m;
	bool yes = dbox_message_read(root, fd, at, head, true, pool, &m,
				     NULL) == CV_OK && !m.ours &&
		m.end <= size;

	cv_api->pool_destroy(&pool);
	return yes;
}

bool mdbox_foreign_seek(struct cv_storage_root *root, int fd, uint64_t from,
			uint64_t size, uint32_t head, uint32_t *tries,
			uint64_t *at_r)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox seek");
	char *block = cv_api->alloc(pool, BLOCK);
	size_t want = FIRST_BLOCK;
	bool found = false;

	while (!found && from < size && *tries > 0) {
		ssize_t got = DBOX_CALL(root, pread, fd, block, want, from);
		size_t at = 0;

		while (got >= 3 && !found && *tries > 0) {
			const char *p = memmem(block + at, (size_t)got - at,
					       "\001\002N", 3);

			if (p == NULL)
				break;
			at = (size_t)(p - block);
			(*tries)--;
			found = is_message(root, fd, from + at, size, head);
			*at_r = from + at;
			at++;
		}
		if (got < (ssize_t)want)
			break;
		/* one may begin at the end of the block */
		from += want - 2;
		want = BLOCK;
	}
	cv_api->pool_destroy(&pool);
	return found;
}
