/* hash.c - SipHash-1-3 and, as a proof, SipHash-2-4 (Aumasson and Bernstein,
 * 2012); open addressing with linear probing. */
#include "hash.h"
#include "bug.h"
#include "random.h"

struct sip { uint64_t v0, v1, v2, v3; };

static uint64_t key0, key1;

static void key_init(void)
{
	uint64_t key[2];

	if (__builtin_expect((key0 | key1) != 0, 1))
		return;
	random_bytes(key, sizeof(key));
	key0 = key[0];
	key1 = key[1] | 1;
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static uint64_t load_word(const unsigned char *p, size_t n, bool icase)
{
	uint64_t word = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (n == 8 && !icase) {
		memcpy(&word, p, 8);
		return word;
	}
#endif
	for (size_t i = 0; i < n; i++) {
		unsigned char c = p[i];

		if (icase)
			c = (unsigned char)cv_ascii_lower((char)c);
		word |= (uint64_t)c << (8 * i);
	}
	return word;
}

static struct sip sip_begin(uint64_t k0, uint64_t k1)
{
	return (struct sip){
		k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL,
	};
}

uint64_t hash_mac(const uint8_t key[HASH_MAC_KEY_BYTES], const void *data,
		  size_t len)
{
	const unsigned char *p = data;
	uint64_t end = (uint64_t)len << 56;
	struct sip s = sip_begin(load_word(key, 8, false),
				 load_word(key + 8, 8, false));

	for (bool more = true; more;) {
		uint64_t word;

		more = len >= 8;
		word = more ? load_word(p, 8, false) :
			end | load_word(p, len, false);
		s.v3 ^= word;
		sip_round(&s);
		sip_round(&s);
		s.v0 ^= word;
		p += 8;
		len -= more ? 8 : len;
	}
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static uint64_t siphash_keyed(uint64_t k0, uint64_t k1,
			      const unsigned char *p, size_t len, bool icase)
{
	uint64_t last = (uint64_t)len << 56;
	struct sip s;

	s = sip_begin(k0, k1);
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word = load_word(p, 8, icase);

		s.v3 ^= word;
		sip_round(&s);
		s.v0 ^= word;
	}
	last |= load_word(p, len, icase);
	s.v3 ^= last;
	sip_round(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static uint64_t siphash(const unsigned char *p, size_t len, bool icase)
{
	key_init();
	return siphash_keyed(key0, key1, p, len, icase);
}

uint64_t hash_bytes_keyed(const uint64_t key[2], const void *data, size_t len)
{
	return siphash_keyed(key[0], key[1], data, len, false);
}

uint64_t hash_bytes(const void *data, size_t len)
{
	return siphash(data, len, false);
}

uint64_t hash_bytes_icase(const void *data, size_t len)
{
	return siphash(data, len, true);
}

void hash_init(struct hash_table *table, struct cv_pool *pool, bool icase)
{
	*table = (struct hash_table){ .pool = pool, .icase = icase };
}

static uint64_t hash_key(const struct hash_table *table, struct cv_span key)
{
	return siphash((const unsigned char *)key.data, key.len,
		       table->icase);
}

static bool key_matches(const struct hash_table *table,
			const struct hash_entry *entry, uint64_t hash,
			struct cv_span key)
{
	if (entry->hash != hash || entry->removed)
		return false;
	return table->icase ? cv_span_equal_icase(entry->key, key) :
		cv_span_equal(entry->key, key);
}

static struct hash_entry *find_entry(const struct hash_table *table,
				     uint64_t hash, struct cv_span key)
{
	if (table->room == 0)
		return NULL;
	for (size_t at = hash & (table->room - 1);;
	     at = (at + 1) & (table->room - 1)) {
		struct hash_entry *entry = &table->entries[at];

		if (entry->key.data == NULL)
			return NULL;
		if (key_matches(table, entry, hash, key))
			return entry;
	}
}

void *hash_find(const struct hash_table *table, struct cv_span key)
{
	struct hash_entry *entry =
		find_entry(table, hash_key(table, key), key);

	return entry == NULL ? NULL : entry->value;
}

static struct hash_entry *free_slot(struct hash_table *table, uint64_t hash)
{
	size_t at = hash & (table->room - 1);

	while (table->entries[at].key.data != NULL)
		at = (at + 1) & (table->room - 1);
	return &table->entries[at];
}

static bool is_full(const struct hash_table *table)
{
	return (table->used + 1) * 4 > table->room * 3;
}

static size_t next_room(const struct hash_table *table)
{
	size_t room = 16;

	while (room < table->count * 2)
		room *= 2;
	return room;
}

size_t hash_growth(const struct hash_table *table)
{
	size_t room = next_room(table);

	if (!is_full(table))
		return 0;
	/* what is large grows in its place (see rebuild) */
	if (room > table->room)
		room -= table->room;
	return room * sizeof(struct hash_entry);
}

/* Moves the entries to where they belong, now that the table has grown in its
 * place: from a slot that begins a run on, so that whatever an entry passes on
 * its way has its place already.  The run at slot 0, which may belong to the
 * end, and which the new end may run into, is out of the way meanwhile. */
static void spread(struct hash_table *table, size_t old_room)
{
	struct cv_pool *pool = pool_create("hash run");
	struct hash_entry *entries = table->entries, *run, entry;
	size_t len = 0;

	while (len < old_room && entries[len].key.data != NULL)
		len++;
	run = pool_new_array(pool, struct hash_entry, len + 1);
	memcpy(run, entries, len * sizeof(*run));
	memset(entries, 0, len * sizeof(*run));
	for (size_t i = len; i < old_room + len; i++) {
		struct hash_entry *from = i < old_room ? &entries[i] :
			&run[i - old_room];

		if (from->key.data == NULL)
			continue;
		entry = *from;
		memset(from, 0, sizeof(*from));
		if (!entry.removed)
			*free_slot(table, entry.hash) = entry;
	}
	pool_destroy(&pool);
}

/* A table that grows does so in its place where its pool can (a large one):
 * never is there an old one and a new one. */
static void rebuild(struct hash_table *table)
{
	struct hash_entry *old = table->entries;
	size_t old_room = table->room;

	table->room = next_room(table);
	table->used = table->count;
	if (table->room > old_room && old != NULL) {
		table->entries = pool_grow(table->pool, old,
					   old_room * sizeof(*old),
					   table->room * sizeof(*old));
		spread(table, old_room);
		return;
	}
	table->entries = pool_new_array(table->pool, struct hash_entry,
					table->room);
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].key.data != NULL && !old[i].removed)
			*free_slot(table, old[i].hash) = old[i];
	}
}

static void add_entry(struct hash_table *table, uint64_t hash,
		      struct cv_span key, void *value)
{
	struct hash_entry *entry;

	BUG_IF(value == NULL);
	if (is_full(table))
		rebuild(table);
	if (key.data == NULL)
		key.data = "";
	entry = free_slot(table, hash);
	*entry = (struct hash_entry){
		.hash = hash, .key = key, .value = value,
	};
	table->used++;
	table->count++;
}

void hash_set(struct hash_table *table, struct cv_span key, void *value)
{
	uint64_t hash = hash_key(table, key);
	struct hash_entry *entry = find_entry(table, hash, key);

	BUG_IF(value == NULL);
	if (entry != NULL)
		entry->value = value;
	else
		add_entry(table, hash, key, value);
}

void *hash_add(struct hash_table *table, struct cv_span key, void *value)
{
	uint64_t hash = hash_key(table, key);
	struct hash_entry *entry = find_entry(table, hash, key);

	if (entry != NULL)
		return entry->value;
	add_entry(table, hash, key, value);
	return NULL;
}

bool hash_remove(struct hash_table *table, struct cv_span key)
{
	struct hash_entry *entry =
		find_entry(table, hash_key(table, key), key);

	if (entry == NULL)
		return false;
	entry->removed = true;
	entry->value = NULL;
	table->count--;
	return true;
}

struct hash_entry *hash_next(const struct hash_table *table, size_t *at)
{
	while (*at < table->room) {
		struct hash_entry *entry = &table->entries[(*at)++];

		if (entry->key.data != NULL && !entry->removed)
			return entry;
	}
	return NULL;
}
