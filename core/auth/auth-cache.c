/* auth-cache.c - answers of the databases, kept for a while. */
#include "auth-cache.h"
#include "auth-input.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 64, ENTRY_BYTES_GUESS = 512 };

struct entry {
	struct entry *bucket_next;
	struct entry *newer, *older;	/* order of use */
	uint64_t hash, made_msecs;
	int result;
	bool has_digest;
	unsigned char digest[AUTH_CACHE_DIGEST];
	size_t key_len, fields_len, bytes;
	char data[];			/* key, then "name\0value\0"... */
};

struct auth_cache {
	uint64_t size, used, ttl_msecs, negative_ttl_msecs;
	uint64_t aged_msecs, hits, misses;
	unsigned char secret[32];
	struct entry **buckets;
	size_t bucket_count;
	struct entry *newest, *oldest;
	uint32_t count;
};

static uint64_t now(const struct auth_cache *cache)
{
	return time_monotonic_msecs() + cache->aged_msecs;
}

static void password_digest(const struct auth_cache *cache,
			    struct cv_span password,
			    unsigned char digest_r[AUTH_CACHE_DIGEST])
{
	unsigned int len = AUTH_CACHE_DIGEST;

	BUG_IF(HMAC(EVP_sha256(), cache->secret, sizeof(cache->secret),
		    (const unsigned char *)password.data, password.len,
		    digest_r, &len) == NULL);
}

static void order_remove(struct auth_cache *cache, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &cache->newest) =
		entry->older;
	*(entry->older != NULL ? &entry->older->newer : &cache->oldest) =
		entry->newer;
}

static void order_add(struct auth_cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) =
		entry;
	cache->newest = entry;
}

static struct entry **place(struct auth_cache *cache, struct cv_span key,
			    uint64_t hash)
{
	struct entry **at = &cache->buckets[hash % cache->bucket_count];

	while (*at != NULL &&
	       ((*at)->hash != hash ||
		!cv_span_equal(key, cv_span((*at)->data, (*at)->key_len))))
		at = &(*at)->bucket_next;
	return at;
}

static void entry_remove(struct auth_cache *cache, struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->bucket_next;
	order_remove(cache, entry);
	cache->used -= entry->bytes;
	cache->count--;
	explicit_bzero(entry, entry->bytes);
	free(entry);
}

static void remove_oldest(struct auth_cache *cache)
{
	struct entry *entry = cache->oldest;

	entry_remove(cache, place(cache, cv_span(entry->data, entry->key_len),
				  entry->hash));
}

struct auth_cache *auth_cache_create(uint64_t size, uint64_t ttl_msecs,
				     uint64_t negative_ttl_msecs)
{
	struct auth_cache *cache;

	if (size == 0)
		return NULL;
	cache = calloc(1, sizeof(*cache));
	BUG_IF(cache == NULL);
	cache->size = size;
	cache->ttl_msecs = ttl_msecs;
	cache->negative_ttl_msecs = negative_ttl_msecs;
	cache->bucket_count = BUCKETS_MIN;
	while (cache->bucket_count < size / ENTRY_BYTES_GUESS &&
	       cache->bucket_count < (1u << 20))
		cache->bucket_count *= 2;
	cache->buckets = calloc(cache->bucket_count, sizeof(struct entry *));
	BUG_IF(cache->buckets == NULL);
	random_bytes(cache->secret, sizeof(cache->secret));
	return cache;
}

void auth_cache_destroy(struct auth_cache **cache)
{
	struct auth_cache *c = *cache;

	*cache = NULL;
	if (c == NULL)
		return;
	(void)auth_cache_flush(c);
	explicit_bzero(c->secret, sizeof(c->secret));
	free(c->buckets);
	free(c);
}

static void key_add(struct cv_text *key, const char *value)
{
	/* the length first: no value can look like two */
	cv_text_append_u64(key, strlen(value));
	cv_text_append_c(key, ':');
	cv_text_append_str(key, value);
}

static void key_add_fields(struct cv_text *key,
			   const struct cv_auth_reply *reply)
{
	for (size_t i = 0; reply != NULL && i < reply->fields.count; i++) {
		key_add(key, reply->fields.items[i].name);
		key_add(key, reply->fields.items[i].value);
	}
	cv_text_append_c(key, ';');
}

static void key_add_all(struct cv_text *key, const struct cv_auth_input *in)
{
	key_add(key, in->original_user);
	key_add(key, in->login_user);
	key_add(key, in->master_user);
	key_add(key, in->service);
	key_add(key, in->mechanism);
	key_add(key, in->realm);
	key_add(key, in->local_ip);
	key_add(key, in->remote_ip);
	key_add(key, in->local_name);
	key_add(key, in->cert_name);
	cv_text_append_u64(key, in->local_port);
	cv_text_append_c(key, in->tls ? 't' : '-');
	cv_text_append_c(key, in->secure ? 's' : '-');
	cv_text_append_c(key, in->cert_valid ? 'c' : '-');
	key_add_fields(key, in->passdb);
	key_add_fields(key, in->userdb);
}

bool auth_cache_key(const struct auth_db *db, const struct cv_auth_input *in,
		    struct cv_text *key)
{
	const char *cache_key = db->facts.cache_key;

	if (db->prefetch ||
	    (cache_key != NULL && strcmp(cache_key, CV_AUTH_UNCACHED) == 0))
		return false;
	cv_text_append_c(key, in->is_master_lookup ? 'm' :
			 db->is_passdb ? 'p' : 'u');
	cv_text_append_u64(key, db->index);
	cv_text_append_c(key, ':');
	key_add(key, in->user);
	if (cache_key == NULL) {
		key_add_all(key, in);
		return true;
	}
	return auth_input_expand(in, cache_key, 0, key, NULL) == CV_OK;
}

/* NULL: none, or too old (and removed). */
static struct entry *find_fresh(struct auth_cache *cache, struct cv_span key)
{
	struct entry **at = place(cache, key, hash_bytes(key.data, key.len));
	struct entry *entry = *at;
	uint64_t ttl;

	if (entry == NULL)
		return NULL;
	ttl = entry->result == CV_AUTH_OK ? cache->ttl_msecs :
		cache->negative_ttl_msecs;
	if (now(cache) - entry->made_msecs >= ttl) {
		entry_remove(cache, at);
		return NULL;
	}
	order_remove(cache, entry);
	order_add(cache, entry);
	return entry;
}

bool auth_cache_find(struct auth_cache *cache, struct cv_span key,
		     int *result_r, struct cv_auth_reply *reply)
{
	struct entry *entry = find_fresh(cache, key);
	struct cv_span rest, name, value;

	if (entry == NULL) {
		cache->misses++;
		return false;
	}
	cache->hits++;
	*result_r = entry->result;
	rest = cv_span(entry->data + entry->key_len, entry->fields_len);
	while (rest.len > 0 && cv_span_split(&rest, '\0', &name) &&
	       cv_span_split(&rest, '\0', &value))
		(void)auth_reply_set(reply, name, value);
	return true;
}

bool auth_cache_password_known(struct auth_cache *cache, struct cv_span key,
			       struct cv_span password)
{
	struct entry *entry = find_fresh(cache, key);
	unsigned char digest[AUTH_CACHE_DIGEST];
	bool same;

	if (entry == NULL || !entry->has_digest)
		return false;
	password_digest(cache, password, digest);
	same = secret_equal(cv_span((char *)digest, sizeof(digest)),
			    cv_span((char *)entry->digest,
				    sizeof(entry->digest)));
	explicit_bzero(digest, sizeof(digest));
	return same;
}

static size_t fields_bytes(const struct cv_auth_reply *reply)
{
	size_t bytes = 0;

	for (size_t i = 0; i < reply->fields.count; i++) {
		bytes += strlen(reply->fields.items[i].name) +
			strlen(reply->fields.items[i].value) + 2;
	}
	return bytes;
}

static void fields_copy(char *dst, const struct cv_auth_reply *reply)
{
	for (size_t i = 0; i < reply->fields.count; i++) {
		dst = stpcpy(dst, reply->fields.items[i].name) + 1;
		dst = stpcpy(dst, reply->fields.items[i].value) + 1;
	}
}

void auth_cache_store(struct auth_cache *cache, struct cv_span key,
		      int result, const struct cv_auth_reply *reply,
		      struct cv_span password)
{
	size_t fields = result == CV_AUTH_OK ? fields_bytes(reply) : 0;
	size_t bytes = sizeof(struct entry) + key.len + fields;
	struct entry *entry;

	auth_cache_remove(cache, key);
	if ((result != CV_AUTH_OK && result != CV_AUTH_UNKNOWN_USER) ||
	    bytes > cache->size)
		return;
	while (cache->used + bytes > cache->size)
		remove_oldest(cache);
	entry = calloc(1, bytes);
	if (entry == NULL)
		return;
	entry->hash = hash_bytes(key.data, key.len);
	entry->made_msecs = now(cache);
	entry->result = result;
	entry->key_len = key.len;
	entry->fields_len = fields;
	entry->bytes = bytes;
	memcpy(entry->data, key.data, key.len);
	if (fields > 0)
		fields_copy(entry->data + key.len, reply);
	if (result == CV_AUTH_OK && password.data != NULL) {
		entry->has_digest = true;
		password_digest(cache, password, entry->digest);
	}
	*place(cache, key, entry->hash) = entry;
	order_add(cache, entry);
	cache->used += bytes;
	cache->count++;
}

void auth_cache_remove(struct auth_cache *cache, struct cv_span key)
{
	struct entry **at = place(cache, key, hash_bytes(key.data, key.len));

	if (*at != NULL)
		entry_remove(cache, at);
}

uint32_t auth_cache_flush(struct auth_cache *cache)
{
	uint32_t count = cache->count;

	while (cache->oldest != NULL)
		remove_oldest(cache);
	return count;
}

void auth_cache_get_state(const struct auth_cache *cache,
			  struct auth_cache_state *state_r)
{
	*state_r = (struct auth_cache_state){ .entries = 0 };
	if (cache == NULL)
		return;
	*state_r = (struct auth_cache_state){
		.entries = cache->count, .used = cache->used,
		.size = cache->size, .hits = cache->hits,
		.misses = cache->misses,
	};
}

/* The user's name in a key that auth_cache_key has made. */
static struct cv_span key_user(const struct entry *entry)
{
	struct cv_span rest = cv_span(entry->data, entry->key_len), part;
	uint64_t len;

	(void)cv_span_split(&rest, ':', &part);
	if (!cv_span_split(&rest, ':', &part) || rest.data == NULL ||
	    !cv_span_to_u64(part, rest.len, &len))
		return CV_SPAN("");
	return cv_span(rest.data, (size_t)len);
}

uint32_t auth_cache_flush_user(struct auth_cache *cache, const char *user)
{
	struct entry *entry = cache->oldest, *next;
	uint32_t count = 0;

	for (; entry != NULL; entry = next) {
		next = entry->newer;
		if (!cv_span_is(key_user(entry), user))
			continue;
		entry_remove(cache, place(cache, cv_span(entry->data,
							 entry->key_len),
					  entry->hash));
		count++;
	}
	return count;
}

uint32_t auth_cache_count(const struct auth_cache *cache)
{
	return cache->count;
}

void auth_cache_age(struct auth_cache *cache, uint64_t msecs)
{
	cache->aged_msecs += msecs;
}
