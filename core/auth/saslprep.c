/* saslprep.c - mapping, NFKC, and what is not allowed [RFC4013 2]. */
#include "saslprep-private.h"

enum {
	HANGUL = 0xac00, HANGUL_L = 0x1100, HANGUL_V = 0x1161,
	HANGUL_T = 0x11a7, HANGUL_LS = 19, HANGUL_VS = 21, HANGUL_TS = 28,
	HANGUL_COUNT = HANGUL_LS * HANGUL_VS * HANGUL_TS,
	AT_BITS = 14,
};

struct codes { uint32_t *items; size_t count, room; struct cv_pool *pool; };

static bool in_ranges(const struct saslprep_range *ranges, size_t count,
		      uint32_t code)
{
	size_t low = 0, high = count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (code < ranges[mid].first)
			high = mid;
		else if (code > ranges[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static uint32_t class_of(uint32_t code)
{
	size_t low = 0, high = saslprep_classes_count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (code < saslprep_classes[mid].first)
			high = mid;
		else if (code > saslprep_classes[mid].last)
			low = mid + 1;
		else
			return saslprep_classes[mid].value;
	}
	return 0;
}

static void add(struct codes *codes, uint32_t code)
{
	*array_add(codes) = code;
}

static size_t at_of(size_t whole)
{
	return saslprep_wholes[whole] & ((1u << AT_BITS) - 1);
}

/* [RFC4013 2.2] the compatibility decomposition */
static void decompose(struct codes *codes, uint32_t code)
{
	size_t low = 0, high = saslprep_wholes_count, mid;
	uint32_t hangul = code - HANGUL;

	if (code >= HANGUL && hangul < HANGUL_COUNT) {
		add(codes, HANGUL_L + hangul / (HANGUL_VS * HANGUL_TS));
		add(codes, HANGUL_V + hangul / HANGUL_TS % HANGUL_VS);
		if (hangul % HANGUL_TS != 0)
			add(codes, HANGUL_T + hangul % HANGUL_TS);
		return;
	}
	while (low < high) {
		mid = low + (high - low) / 2;
		if (code == saslprep_wholes[mid] >> AT_BITS) {
			for (size_t i = at_of(mid); i < at_of(mid + 1); i++)
				add(codes, saslprep_parts[i]);
			return;
		}
		if (code < saslprep_wholes[mid] >> AT_BITS)
			high = mid;
		else
			low = mid + 1;
	}
	add(codes, code);
}

static int read_mapped(struct cv_span in, struct codes *codes,
		       struct cv_error *err)
{
	uint32_t code;
	size_t len;

	for (; in.len > 0; in = cv_span_skip(in, len)) {
		len = utf8_decode(in.data, in.len, &code);
		if (len == 0)
			return FAIL(err, CV_E_SYNTAX, "not UTF-8");
		/* [RFC4013 2.1] */
		if (in_ranges(saslprep_nothing, saslprep_nothing_count, code))
			continue;
		if (in_ranges(saslprep_space, saslprep_space_count, code))
			code = ' ';
		decompose(codes, code);
	}
	return CV_OK;
}

/* Marks of one letter in the order of their classes.  A stable merge of
 * counted classes: no input takes quadratic time. */
static void sort_marks(struct codes *codes, struct cv_pool *pool)
{
	uint32_t *sorted = pool_alloc(pool, codes->count * sizeof(uint32_t));
	size_t at = 0, end, n;

	while (at < codes->count) {
		bool present[256] = { false };

		if (class_of(codes->items[at]) == 0) {
			at++;
			continue;
		}
		for (end = at; end < codes->count &&
		     class_of(codes->items[end]) != 0; end++)
			present[class_of(codes->items[end])] = true;
		n = 0;
		for (uint32_t class = 1; class < 256; class++) {
			if (!present[class])
				continue;
			for (size_t i = at; i < end; i++) {
				if (class_of(codes->items[i]) == class)
					sorted[n++] = codes->items[i];
			}
		}
		memcpy(codes->items + at, sorted, n * sizeof(uint32_t));
		at = end;
	}
}

/* 0: they do not come together. */
static uint32_t compose_two(uint32_t first, uint32_t second)
{
	size_t low = 0, high = saslprep_pairs_count, mid;

	if (first >= HANGUL_L && first < HANGUL_L + HANGUL_LS &&
	    second >= HANGUL_V && second < HANGUL_V + HANGUL_VS)
		return HANGUL + ((first - HANGUL_L) * HANGUL_VS + second -
				 HANGUL_V) * HANGUL_TS;
	if (first >= HANGUL && first < HANGUL + HANGUL_COUNT &&
	    (first - HANGUL) % HANGUL_TS == 0 && second > HANGUL_T &&
	    second < HANGUL_T + HANGUL_TS)
		return first + second - HANGUL_T;
	while (low < high) {
		const struct saslprep_pair *pair;

		mid = low + (high - low) / 2;
		pair = &saslprep_pairs[mid];
		if (first == pair->first && second == pair->second)
			return pair->composed;
		if (first < pair->first ||
		    (first == pair->first && second < pair->second))
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

static void compose(struct codes *codes)
{
	size_t starter = SIZE_MAX, kept = 0;
	uint32_t last_class = 0, made;

	for (size_t i = 0; i < codes->count; i++) {
		uint32_t code = codes->items[i], class = class_of(code);
		bool free = starter != SIZE_MAX &&
			(kept == starter + 1 || (last_class < class &&
						 last_class != 0));

		made = free ? compose_two(codes->items[starter], code) : 0;
		if (made != 0) {
			codes->items[starter] = made;
			continue;
		}
		if (class == 0)
			starter = kept;
		last_class = class;
		codes->items[kept++] = code;
	}
	codes->count = kept;
}

/* [RFC4013 2.4] text from right to left is so from end to end */
static int check_direction(const struct codes *codes, struct cv_error *err)
{
	bool right = false, left = false, ends = true;

	for (size_t i = 0; i < codes->count; i++) {
		bool is_right = in_ranges(saslprep_right,
			saslprep_right_count, codes->items[i]);

		right |= is_right;
		left |= in_ranges(saslprep_left, saslprep_left_count,
				  codes->items[i]);
		if (i == 0 || i == codes->count - 1)
			ends &= is_right;
	}
	if (right && (left || !ends))
		return FAIL(err, CV_E_SYNTAX, "letters of two directions");
	return CV_OK;
}

static int write_checked(const struct codes *codes, struct cv_text *out,
			 struct cv_error *err)
{
	char utf8[4];

	for (size_t i = 0; i < codes->count; i++) {
		uint32_t code = codes->items[i];

		if (in_ranges(saslprep_prohibited, saslprep_prohibited_count,
			      code))
			return FAIL(err, CV_E_SYNTAX, "character U+%04X is "
				    "not allowed", code);
		cv_text_append(out, utf8, utf8_encode(code, utf8));
	}
	return codes->count > 0 ? check_direction(codes, err) :
		FAIL(err, CV_E_SYNTAX, "nothing is left of the text");
}

/* All of it printable ASCII, which is prepared already. */
static bool is_ready(struct cv_span in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] < ' ' || in.data[i] > '~')
			return false;
	}
	return in.len > 0;
}

int saslprep(struct cv_span in, struct cv_text *out, struct cv_error *err)
{
	struct cv_pool *pool;
	struct codes codes;
	int ret;

	if (in.len > SASLPREP_MAX)
		return FAIL(err, CV_E_SYNTAX, "too long to be prepared");
	if (is_ready(in)) {
		cv_text_append_span(out, in);
		return CV_OK;
	}
	pool = pool_create("saslprep");
	pool_set_secret(pool);
	array_init(&codes, pool);
	ret = read_mapped(in, &codes, err);
	if (ret == CV_OK) {
		sort_marks(&codes, pool);
		compose(&codes);
		ret = write_checked(&codes, out, err);
	}
	pool_destroy(&pool);
	return ret;
}
