/* fts-words.c - a provider of full-text search outside of the tree: a word
 * index in memory that knows words with one letter wrong.
 *
 * It has the texts themselves, and looks for a text that is not fuzzy as it
 * lies there; what it is not sure of (8-bit, cut messages) it says to be a
 * maybe.  fts_words_fault makes it lie: "unknown" names messages that are not
 * there, "dead" fails, "slow" takes a second, "stuck" for ever, "order" answers nonsense,
 * "none" denies all that is fuzzy. */
#include "cv-plugin.h"
#include "cv-fts.h"

#include <stdio.h>
#include <unistd.h>

enum { WORD_MAX = 64 };

struct text {
	uint32_t uid;
	bool cut, wide;
	struct cv_span header, body;
};

struct box {
	struct box *next;
	uint8_t guid[16];
	uint32_t uidvalidity, last, count, room;
	struct text *texts;
};

struct words_settings { const char *fts_words_fault; };

static struct cv_plugin *words_self;
static struct cv_pool *words_pool;
static struct box *boxes;

static const struct words_settings *settings_of(struct cv_user *u)
{
	const struct cv_user_api *user = cv_api->service("user", 1);

	return user->settings(u, words_self);
}

static bool fault(const struct cv_fts_box *box, const char *name)
{
	return strcmp(settings_of(box->user)->fts_words_fault, name) == 0;
}

static struct box *box_of(const struct cv_fts_box *place)
{
	struct box *b = boxes;

	while (b != NULL && (memcmp(b->guid, place->guid, 16) != 0 ||
			     b->uidvalidity != place->uidvalidity))
		b = b->next;
	if (b != NULL)
		return b;
	b = CV_ALLOC(words_pool, struct box);
	memcpy(b->guid, place->guid, 16);
	b->uidvalidity = place->uidvalidity;
	b->next = boxes;
	boxes = b;
	return b;
}

static int words_last(const struct cv_fts_box *place, uint32_t *uid_r,
		      struct cv_error *err)
{
	*uid_r = box_of(place)->last;
	return CV_OK;
}

/* Two bytes of UTF-8: Latin-1, Greek and Cyrillic, as far as both cases have
 * the same length. */
static void lower_pair(unsigned char *c)
{
	if (c[0] == 0xc3 && c[1] >= 0x80 && c[1] <= 0x9e && c[1] != 0x97)
		c[1] += 0x20;
	else if (c[0] == 0xce && c[1] >= 0x91 && c[1] <= 0x9f)
		c[1] += 0x20;
	else if (c[0] == 0xce && c[1] >= 0xa0 && c[1] <= 0xa9 && c[1] != 0xa2)
		*c = 0xcf, c[1] -= 0x20;
	else if (c[0] == 0xd0 && c[1] >= 0x90 && c[1] <= 0x9f)
		c[1] += 0x20;
	else if (c[0] == 0xd0 && c[1] >= 0xa0 && c[1] <= 0xaf)
		*c = 0xd1, c[1] -= 0x20;
	else if (c[0] == 0xd0 && c[1] <= 0x8f)
		*c = 0xd1, c[1] += 0x10;
}

/* A copy in lower case; *wide_r: not all of it is ASCII. */
static struct cv_span lower(struct cv_span in, bool *wide_r)
{
	unsigned char *copy = cv_api->alloc(words_pool, in.len + 1);

	for (size_t i = 0; i < in.len; i++) {
		copy[i] = (unsigned char)cv_ascii_lower(in.data[i]);
		*wide_r = *wide_r || copy[i] >= 0x80;
		if (i > 0 && copy[i] >= 0x80 && copy[i] < 0xc0)
			lower_pair(copy + i - 1);
	}
	return cv_span((const char *)copy, in.len);
}

static int words_index(const struct cv_fts_box *place,
		       const struct cv_fts_message *message,
		       struct cv_error *err)
{
	struct box *b = box_of(place);
	struct text *t, *more;

	if (b->count == b->room) {
		b->room = b->room == 0 ? 16 : b->room * 2;
		more = CV_ALLOC_ARRAY(words_pool, struct text, b->room);
		if (b->count > 0)
			memcpy(more, b->texts, sizeof(*more) * b->count);
		b->texts = more;
	}
	t = &b->texts[b->count++];
	t->uid = b->last = message->uid;
	t->cut = message->cut;
	t->header = lower(message->header, &t->wide);
	t->body = lower(message->body, &t->wide);
	return CV_OK;
}

/* --- words ------------------------------------------------------------------- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		(unsigned char)c >= 0x80;
}

static struct cv_span next_word(struct cv_span *rest)
{
	size_t len = 0;

	while (rest->len > 0 && !is_word(rest->data[0]))
		*rest = cv_span_skip(*rest, 1);
	while (len < rest->len && is_word(rest->data[len]))
		len++;
	*rest = cv_span_skip(*rest, len);
	return cv_span(rest->data - len, len);
}

static bool is_inside(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t letters(struct cv_span text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += !is_inside(text.data[i]);
	return count;
}

/* 0: the same, 1: one letter more, less or other, 2: more. */
static uint32_t distance(struct cv_span a, struct cv_span b)
{
	size_t head = 0, tail = 0;

	if (a.len > b.len) {
		struct cv_span swap = a;

		a = b;
		b = swap;
	}
	/* a letter is of at most four bytes */
	if (b.len - a.len > 4)
		return 2;
	while (head < a.len && a.data[head] == b.data[head])
		head++;
	while (tail < a.len - head &&
	       a.data[a.len - tail - 1] == b.data[b.len - tail - 1])
		tail++;
	if (a.len == b.len && head == a.len)
		return 0;
	while (head > 0 && ((head < a.len && is_inside(a.data[head])) ||
			    is_inside(b.data[head])))
		head--;
	while (tail > 0 && (is_inside(a.data[a.len - tail]) ||
			    is_inside(b.data[b.len - tail])))
		tail--;
	a = cv_span(a.data + head, a.len - head - tail);
	b = cv_span(b.data + head, b.len - head - tail);
	return letters(a) <= 1 && letters(b) <= 1 ? 1 : 2;
}

/* Of the words that are looked for, how well they stand in text: 0..100. */
static uint32_t score(struct cv_span text, struct cv_span wanted)
{
	uint32_t words = 0, sum = 0;

	for (struct cv_span w = next_word(&wanted); w.len > 0;
	     w = next_word(&wanted)) {
		struct cv_span rest = text;
		uint32_t best = 2;

		words++;
		for (struct cv_span t = next_word(&rest); t.len > 0 && best > 0;
		     t = next_word(&rest)) {
			uint32_t d = distance(w, t);

			best = d < best ? d : best;
		}
		if (best == 2)
			return 0;
		sum += best == 0 ? 100 : 60;
	}
	return words == 0 ? 0 : sum / words;
}

/* Of "field: text" lines, the texts of that field. */
static struct cv_span field_text(struct cv_span header, struct cv_span field)
{
	struct cv_span line, name;

	while (cv_span_split(&header, '\n', &line)) {
		if (cv_span_split(&line, ':', &name) && line.data != NULL &&
		    cv_span_equal_icase(name, field))
			return line;
	}
	return cv_span("", 0);
}

/* --- answers ------------------------------------------------------------------- */

struct answer {
	struct cv_range *definite, *maybe;
	struct cv_fts_hit *hits;
	uint32_t definite_count, maybe_count, hit_count;
};

static void add(struct cv_range *ranges, uint32_t *count, uint32_t uid)
{
	ranges[(*count)++] = (struct cv_range){ uid, uid };
}

static void look(struct answer *a, const struct text *t,
		 const struct cv_fts_key *key, struct cv_span wanted,
		 bool wide)
{
	struct cv_span in = key->where == CV_FTS_HEADER ?
		field_text(t->header, key->field) : t->body;
	uint32_t points = score(in, wanted), more;

	if (key->fuzzy) {
		more = key->where == CV_FTS_TEXT ? score(t->header, wanted) :
			0;
		points = points > more ? points : more;
		if (points == 0)
			return;
		add(a->definite, &a->definite_count, t->uid);
		a->hits[a->hit_count++] = (struct cv_fts_hit){ t->uid,
							       points };
		return;
	}
	if (key->where != CV_FTS_HEADER && memmem(in.data, in.len,
		wanted.data, wanted.len) != NULL && !wide)
		add(a->definite, &a->definite_count, t->uid);
	else if (t->cut || t->wide || wide || key->where != CV_FTS_BODY)
		add(a->maybe, &a->maybe_count, t->uid);
}

static int words_search(const struct cv_fts_box *place,
			const struct cv_fts_key *key, struct cv_pool *pool,
			struct cv_fts_result *r, struct cv_error *err)
{
	struct box *b = box_of(place);
	struct answer a = {
		.definite = CV_ALLOC_ARRAY(pool, struct cv_range,
					   b->count + 2),
		.maybe = CV_ALLOC_ARRAY(pool, struct cv_range, b->count + 1),
		.hits = CV_ALLOC_ARRAY(pool, struct cv_fts_hit, b->count + 1),
	};
	bool wide = false;
	struct cv_span wanted = lower(key->text, &wide);

	if (fault(place, "dead"))
		return CV_FAIL(err, CV_E_TEMP, "the index is gone");
	while (fault(place, "stuck"))
		pause();
	if (fault(place, "slow"))
		sleep(1);
	for (uint32_t i = 0; i < b->count; i++) {
		if (!key->fuzzy || !fault(place, "none"))
			look(&a, &b->texts[i], key, wanted, wide);
	}
	if (fault(place, "unknown"))
		a.definite[a.definite_count++] = (struct cv_range){
			b->last + 1, UINT32_MAX };
	if (fault(place, "order")) {
		add(a.definite, &a.definite_count, 1);
		a.definite[0] = (struct cv_range){ 9, 2 };
	}
	r->definite = (struct cv_set){ a.definite, a.definite_count };
	r->maybe = (struct cv_set){ a.maybe, a.maybe_count };
	r->hits = a.hits;
	r->hit_count = a.hit_count;
	return CV_OK;
}

static int words_forget(const struct cv_fts_box *place, struct cv_set kept,
			struct cv_error *err)
{
	struct box *b = box_of(place);
	uint32_t n = 0, highest = kept.count == 0 ? 0 :
		kept.ranges[kept.count - 1].last;

	for (uint32_t i = 0; i < b->count; i++) {
		if (b->texts[i].uid > highest ||
		    cv_set_contains(kept, b->texts[i].uid))
			b->texts[n++] = b->texts[i];
	}
	cv_api->log(words_self, CV_LOG_INFO, "%u texts forgotten",
		    b->count - n);
	b->count = n;
	return CV_OK;
}

static const struct cv_fts words_provider = {
	CV_SIZED(cv_fts), .name = "words", .caps = CV_FTS_FUZZY,
	.last = words_last, .index = words_index, .search = words_search,
	.forget = words_forget,
};

static int words_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	cv_api = host;
	words_self = self;
	words_pool = host->pool_create("fts-words");
	return cv_provide_fts(self, &words_provider, err);
}

static const struct cv_setting_def words_settings[] = {
	CV_SETTING(words_settings, fts_words_fault, CV_SET_STRING, "", NULL,
		   CV_SET_PER_USER | CV_SET_PLUGIN_BLOCK,
		   "How the provider fails, for tests."),
};

CV_PLUGIN_DEFINE("fts-words", 0, .version = "1", .license = "MIT",
	.summary = "word index in memory",
	.settings = CV_ARRAY(words_settings),
	.settings_bytes = sizeof(struct words_settings),
	.init = words_init,
);
