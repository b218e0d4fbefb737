/* mdbox-rewrite.h - between mdbox-purge.c and mdbox-altmove.c: which records
 * are referred to, what nobody here knows, and containers written anew. */
#ifndef MDBOX_REWRITE_H
#define MDBOX_REWRITE_H

#include "dbox.h"

/* --- mdbox-known.c ----------------------------------------------------------- */

/* A set of references, sorted by place; those that share one stand side by
 * side. */
struct mdbox_live {
	uint32_t number;
	uint64_t offset;
	bool foreign, counted;		/* counted: by Dovecot's map */
};
struct mdbox_refs { struct mdbox_live *items; uint32_t count; };

int mdbox_refs_take(struct cv_pool *pool, const struct cv_span *refs,
		    uint32_t count, struct mdbox_refs *refs_r,
		    struct cv_error *err);
/* NULL: nobody refers to it. */
const struct mdbox_live *mdbox_refs_find(const struct mdbox_refs *refs,
					 const struct mdbox_ref *ref);
/* How many records of a container there must be. */
uint32_t mdbox_refs_of(const struct mdbox_refs *refs, uint32_t number);

/* What is known of Dovecot's records: by the messages of all mailboxes, by the
 * ledger and by Dovecot's map. */
struct mdbox_known {
	struct cv_storage_root *root;
	struct mdbox_refs live;
	struct mdbox_ledger *ledger;
	struct cv_text kept;		/* names of what was left alone */
	uint32_t kept_count, unread;
};

int mdbox_known_read(struct cv_storage_root *root, struct cv_pool *pool,
		     const struct cv_span *live, uint32_t count,
		     struct mdbox_known *known_r, struct cv_error *err);
/* Nobody refers to it, and it must stay all the same. */
bool mdbox_known_needed(const struct mdbox_known *known,
			const struct mdbox_ref *ref);
/* True when one of Dovecot's files stays as it is: it holds something that
 * nobody here knows, and only there Dovecot finds it. */
bool mdbox_known_leave(struct mdbox_known *known, const char *name,
		       const struct mdbox_items *items);
/* In the log: what was left, by whom. */
void mdbox_known_say(const struct mdbox_known *known, const char *who);

/* --- mdbox-rewrite.c ---------------------------------------------------------- */

/* The chosen records of a file. */
struct mdbox_source {
	int fd;
	const struct mdbox_item *items;
	uint32_t count;
};

/* As container number in dirfd; it is durable, and in place of the one that
 * had this name. */
int mdbox_container_write(struct cv_storage_root *root, int dirfd,
			  uint32_t number,
			  const struct mdbox_source *sources,
			  uint32_t source_count, struct cv_error *err);
/* A container, which may be Dovecot's, becomes what is left of it, or goes. */
int mdbox_container_replace(struct cv_storage_root *root, int dirfd,
			    uint32_t number, bool foreign,
			    const struct mdbox_source *left,
			    struct cv_error *err);
/* Takes one of ours out of the hands of those who append, until fd is closed.
 * CV_CHANGED: done, and it does not have this size any more: it has to be read
 * again.  CV_NOT_FOUND: it is in use. */
int mdbox_claim(struct cv_storage_root *root, int fd, uint64_t size);
/* Moves those that other does not have to the front; their count.  whole: what
 * is damaged there does not count. */
uint32_t mdbox_items_minus(struct cv_storage_root *root,
			   struct mdbox_item *items, uint32_t count,
			   const struct mdbox_source *other, bool whole);

#endif
