/* hash.h - keyed hashing, and a table from byte strings to pointers.
 *
 * SipHash-1-3 with a random key per process: nobody outside can choose
 * colliding names [security.md R5, F19]. */
#ifndef HASH_H
#define HASH_H

#include "pool.h"

uint64_t hash_bytes(const void *data, size_t len);
/* With a key of the caller's, for what outlives the process. */
uint64_t hash_bytes_keyed(const uint64_t key[2], const void *data, size_t len);
/* ASCII case folded. */
uint64_t hash_bytes_icase(const void *data, size_t len);

/* SipHash-2-4 under a key of the caller's: proof, to a process that has the
 * same key, that one which has it made the data. */
enum { HASH_MAC_KEY_BYTES = 16 };
uint64_t hash_mac(const uint8_t key[HASH_MAC_KEY_BYTES], const void *data,
		  size_t len);

struct hash_entry {
	uint64_t hash;
	struct cv_span key;	/* data NULL: never used or removed */
	void *value;
	bool removed;
};

struct hash_table {
	struct cv_pool *pool;
	struct hash_entry *entries;
	size_t room, used, count;	/* used counts removed ones too */
	bool icase;
};

/* Keys are not copied: they must live as long as their entry. */
void hash_init(struct hash_table *table, struct cv_pool *pool, bool icase);
/* NULL when there is none. */
void *hash_find(const struct hash_table *table, struct cv_span key);
/* Sets or replaces; value is not NULL. */
void hash_set(struct hash_table *table, struct cv_span key, void *value);
/* Adds what is not there yet, and returns NULL; or returns what is there,
 * unchanged. */
void *hash_add(struct hash_table *table, struct cv_span key, void *value);
/* Bytes that adding one more key takes; 0: there is room. */
size_t hash_growth(const struct hash_table *table);
/* True when it was there. */
bool hash_remove(struct hash_table *table, struct cv_span key);
/* Iterates in no particular order: *at starts at 0; NULL at the end. */
struct hash_entry *hash_next(const struct hash_table *table, size_t *at);

#endif
