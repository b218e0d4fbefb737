/* auth-dummy.c - kinds of hashes, counted. */
#include "auth-dummy.h"

#include <stdlib.h>

enum {
	SEEN_MAX = 4096,	/* then older ones count half */
	COST_PARTS = 4, SHORT_PART = 3,
};

static void key_append(char *key, struct cv_span part)
{
	size_t len = strlen(key);

	if (part.len > AUTH_DUMMY_KEY_MAX - 1 - len)
		part.len = AUTH_DUMMY_KEY_MAX - 1 - len;
	for (size_t i = 0; i < part.len; i++)
		key[len + i] = cv_ascii_upper(part.data[i]);
	key[len + part.len] = '\0';
}

/* "$6$rounds=5000$", "$2y$12$", "$y$j9T$", "$argon2id$v=19$m=65536,t=3,p=1$":
 * what the hash costs, and not its salt. */
static void key_append_cost(char *key, struct cv_span text)
{
	struct cv_span part, count;
	uint64_t number;

	/* SCRAM: "4096,salt,..." */
	part = text;
	if (cv_span_split(&part, ',', &count) && part.data != NULL &&
	    cv_span_to_u64(count, UINT32_MAX, &number)) {
		key_append(key, CV_SPAN(","));
		key_append(key, count);
	}
	if (text.len == 0 || text.data[0] != '$')
		return;
	text = cv_span_skip(text, 1);
	for (int i = 0; i < COST_PARTS && cv_span_split(&text, '$', &part);
	     i++) {
		if (i > 0 && part.len > SHORT_PART &&
		    memchr(part.data, '=', part.len) == NULL)
			return;
		key_append(key, CV_SPAN("$"));
		key_append(key, part);
	}
}

static void make_key(char *key, const char *hash, const char *scheme)
{
	const char *end = hash[0] == '{' ? strchr(hash, '}') : NULL;
	struct cv_span name = end == NULL ? cv_span_of(scheme) :
		cv_span(hash + 1, (size_t)(end - hash - 1));

	key[0] = '\0';
	key_append(key, name);
	key_append_cost(key, cv_span_of(end == NULL ? hash : end + 1));
}

/* The kind itself, or the place of the one that was seen least. */
static size_t find_place(const struct auth_dummy *dummy, const char *key)
{
	size_t least = 0;

	for (size_t i = 0; i < AUTH_DUMMY_KINDS; i++) {
		if (dummy->kinds[i].seen > 0 &&
		    strcmp(dummy->kinds[i].key, key) == 0)
			return i;
		if (dummy->kinds[i].seen < dummy->kinds[least].seen)
			least = i;
	}
	return least;
}

void auth_dummy_saw(struct auth_dummy *dummy, const char *hash,
		    const char *scheme)
{
	char key[AUTH_DUMMY_KEY_MAX];
	size_t at;

	if (hash[0] == '\0')
		return;
	make_key(key, hash, scheme);
	at = find_place(dummy, key);
	if (dummy->kinds[at].seen == 0 ||
	    strcmp(dummy->kinds[at].key, key) != 0) {
		free(dummy->kinds[at].hash);
		memcpy(dummy->kinds[at].key, key, sizeof(key));
		dummy->kinds[at].hash = strdup(hash);
		dummy->kinds[at].seen = 0;
	}
	if (++dummy->kinds[at].seen < SEEN_MAX)
		return;
	for (size_t i = 0; i < AUTH_DUMMY_KINDS; i++)
		dummy->kinds[i].seen = (dummy->kinds[i].seen + 1) / 2;
}

const char *auth_dummy_hash(const struct auth_dummy *dummy)
{
	const char *hash = dummy->made;
	uint32_t most = 0;

	for (size_t i = 0; i < AUTH_DUMMY_KINDS; i++) {
		if (dummy->kinds[i].seen <= most ||
		    dummy->kinds[i].hash == NULL)
			continue;
		most = dummy->kinds[i].seen;
		hash = dummy->kinds[i].hash;
	}
	return hash != NULL ? hash :
		"{SSHA256}CqQ4VrL4zzMq1J7yz8Jm6gHkOvEjKPkZ1Ey7H5hWQd1cOy7s";
}

void auth_dummy_free(struct auth_dummy *dummy)
{
	for (size_t i = 0; i < AUTH_DUMMY_KINDS; i++)
		free(dummy->kinds[i].hash);
	free(dummy->made);
	memset(dummy, 0, sizeof(*dummy));
}
