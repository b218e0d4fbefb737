/* facts.c - what is known of each UID, whoever has seen it. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

enum { UID_MAX = 1 << 22, ACCOUNTS_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct box *boxes;
static _Atomic uint64_t time_now = 1;
static uint32_t known_validity[ACCOUNTS_MAX][NAMES];
static atomic_uint generations[ACCOUNTS_MAX][NAMES];
static atomic_int running[ACCOUNTS_MAX][NAMES];

uint64_t facts_time(void)
{
	return atomic_fetch_add(&time_now, 1);
}

void facts_new_generation(int account, int name, int begun)
{
	(void)atomic_fetch_add(&running[account % ACCOUNTS_MAX][name], begun);
	(void)atomic_fetch_add(&generations[account % ACCOUNTS_MAX][name], 1);
}

unsigned int facts_generation(int account, int name)
{
	/* while one is under way each look shows another */
	if (atomic_load(&running[account % ACCOUNTS_MAX][name]) > 0)
		facts_new_generation(account, name, 0);
	return atomic_load(&generations[account % ACCOUNTS_MAX][name]);
}

static struct box *find_box(int account, const char *name, uint32_t validity)
{
	struct box *b;

	for (b = boxes; b != NULL; b = b->next) {
		if (b->account == account && b->validity == validity &&
		    strcmp(b->name, name) == 0)
			break;
	}
	return b;
}

static int name_index(const char *name)
{
	int i = 0;

	while (i < NAMES - 1 && strcmp(names[i], name) != 0)
		i++;
	return i;
}

struct box *facts_box(int account, const char *name, uint32_t validity)
{
	struct box *b;

	pthread_mutex_lock(&lock);
	b = find_box(account, name, validity);
	if (b == NULL) {
		b = calloc(1, sizeof(*b));
		if (b == NULL)
			abort();
		b->account = account;
		b->validity = validity;
		strncpy(b->name, name, sizeof(b->name) - 1);
		b->next = boxes;
		boxes = b;
	}
	known_validity[account % ACCOUNTS_MAX][name_index(name)] = validity;
	pthread_mutex_unlock(&lock);
	return b;
}

void facts_known(int account, int name, uint32_t *validity, uint32_t *uidnext)
{
	struct box *b;

	pthread_mutex_lock(&lock);
	*validity = known_validity[account % ACCOUNTS_MAX][name];
	b = find_box(account, names[name], *validity);
	*uidnext = b != NULL ? b->uidnext : 0;
	pthread_mutex_unlock(&lock);
}

void facts_uidnext(struct box *b, uint32_t uidnext)
{
	pthread_mutex_lock(&lock);
	if (uidnext > b->uidnext)
		b->uidnext = uidnext;
	pthread_mutex_unlock(&lock);
}

static struct fact *fact_of(struct box *b, uint32_t uid)
{
	static struct fact beyond;	/* never more than that in a run */

	if (uid == 0 || uid >= UID_MAX)
		return &beyond;
	if (uid >= b->size) {
		uint32_t size = b->size * 2 > uid + 64 ? b->size * 2 :
			uid + 64;
		struct fact *facts = realloc(b->facts, size * sizeof(*facts));

		if (facts == NULL)
			abort();
		memset(facts + b->size, 0, (size - b->size) * sizeof(*facts));
		b->facts = facts;
		b->size = size;
	}
	return &b->facts[uid];
}

bool facts_show(struct client *c, uint32_t uid)
{
	struct fact *f;
	bool right;

	pthread_mutex_lock(&lock);
	f = fact_of(c->box, uid);
	right = f->gone_at == 0 || f->gone_at > c->selected_at;
	pthread_mutex_unlock(&lock);
	return right;
}

bool facts_item(struct box *b, uint32_t uid, enum item item, uint64_t hash)
{
	struct fact *f;
	bool right;

	pthread_mutex_lock(&lock);
	f = fact_of(b, uid);
	right = f->hash[item] == 0 || f->hash[item] == hash;
	if (right)
		f->hash[item] = hash;
	pthread_mutex_unlock(&lock);
	return right;
}

bool facts_recent(struct client *c, uint32_t uid)
{
	struct fact *f;
	bool right;

	pthread_mutex_lock(&lock);
	f = fact_of(c->box, uid);
	if (f->recent_session == 0)
		f->recent_session = c->session;
	right = f->recent_session == c->session;
	pthread_mutex_unlock(&lock);
	return right;
}

void facts_gone(struct box *b, uint32_t uid)
{
	struct fact *f;

	pthread_mutex_lock(&lock);
	f = fact_of(b, uid);
	if (f->gone_at == 0)
		f->gone_at = facts_time();
	pthread_mutex_unlock(&lock);
}

bool facts_assign(struct box *b, uint32_t uid, uint64_t sent_at)
{
	struct fact *f;
	bool right;

	pthread_mutex_lock(&lock);
	f = fact_of(b, uid);
	right = !f->assigned && (f->gone_at == 0 || f->gone_at > sent_at);
	f->assigned = true;
	pthread_mutex_unlock(&lock);
	return right;
}

void facts_append(struct box *b, uint32_t uid, uint64_t size, uint64_t body)
{
	struct fact *f;

	(void)facts_item(b, uid, ITEM_SIZE, size);
	(void)facts_item(b, uid, ITEM_FULL, body);
	pthread_mutex_lock(&lock);
	f = fact_of(b, uid);
	f->appended = true;
	pthread_mutex_unlock(&lock);
}

void facts_copy(struct box *from, uint32_t uid, struct box *to,
		uint32_t to_uid)
{
	struct fact source, *f;

	pthread_mutex_lock(&lock);
	source = *fact_of(from, uid);
	f = fact_of(to, to_uid);
	for (int i = 0; i < ITEMS; i++) {
		if (f->hash[i] == 0)
			f->hash[i] = source.hash[i];
	}
	f->deletable = true;
	pthread_mutex_unlock(&lock);
}

void facts_deletable(struct box *b, uint32_t first, uint32_t last)
{
	pthread_mutex_lock(&lock);
	(void)fact_of(b, last);
	for (uint32_t uid = first; uid <= last && uid < b->size; uid++)
		b->facts[uid].deletable = true;
	pthread_mutex_unlock(&lock);
}

void facts_own(struct client *c, uint32_t uid, bool known, bool set)
{
	struct fact *f;
	uint8_t bit = (uint8_t)(1 << c->index);

	pthread_mutex_lock(&lock);
	f = fact_of(c->box, uid);
	f->own_known &= (uint8_t)~bit;
	f->own_set &= (uint8_t)~bit;
	if (known)
		f->own_known |= bit;
	if (known && set)
		f->own_set |= bit;
	pthread_mutex_unlock(&lock);
}

bool facts_own_right(struct client *c, uint32_t uid, uint32_t flags)
{
	const struct fact *f;
	uint8_t bit = (uint8_t)(1 << c->index);
	bool right;

	pthread_mutex_lock(&lock);
	f = fact_of(c->box, uid);
	right = (f->own_known & bit) == 0 || ((f->own_set & bit) != 0) ==
		((flags & ((uint32_t)FLAG_OWN << c->index)) != 0);
	pthread_mutex_unlock(&lock);
	return right;
}

uint32_t facts_missing(struct client *c)
{
	uint32_t at = 0, missing = 0;
	struct box *b = c->box;

	pthread_mutex_lock(&lock);
	for (uint32_t uid = 1; uid < b->size && missing == 0; uid++) {
		const struct fact *f = &b->facts[uid];

		while (at < c->count && c->messages[at].uid < uid)
			at++;
		if (f->appended && !f->deletable &&
		    (at == c->count || c->messages[at].uid != uid))
			missing = uid;
	}
	pthread_mutex_unlock(&lock);
	return missing;
}
