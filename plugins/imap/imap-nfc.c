/* imap-nfc.c - see imap-nfc.h.
 *
 * Characters are taken apart, marks are put into order, and what belongs
 * together is put together again.  Work is linear but for runs of marks, which
 * names bound. */
#include "imap-nfc.h"
#include "imap-name.h"

enum {				/* Hangul syllables go by rule */
	S_BASE = 0xac00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11a7,
	L_COUNT = 19, V_COUNT = 21, T_COUNT = 28,
	N_COUNT = V_COUNT * T_COUNT, S_COUNT = L_COUNT * N_COUNT,
	PARTS_MAX = 8,		/* of one character */
};

static uint32_t class_of(uint32_t code)
{
	size_t low = 0, high = imap_nfc_class_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (imap_nfc_classes[mid].last < code)
			low = mid + 1;
		else
			high = mid;
	}
	return low < imap_nfc_class_count &&
		imap_nfc_classes[low].first <= code ?
		imap_nfc_classes[low].class : 0;
}

static const struct imap_nfc_pair *pair_of(uint32_t code)
{
	size_t low = 0, high = imap_nfc_pair_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (imap_nfc_pairs[mid].code < code)
			low = mid + 1;
		else
			high = mid;
	}
	return low < imap_nfc_pair_count && imap_nfc_pairs[low].code == code ?
		&imap_nfc_pairs[low] : NULL;
}

/* The parts of one character; at most PARTS_MAX. */
static size_t take_apart(uint32_t code, uint32_t *parts)
{
	const struct imap_nfc_pair *pair;
	size_t tail = 0;
	uint32_t rest[PARTS_MAX];

	if (code >= S_BASE && code < S_BASE + S_COUNT) {
		uint32_t at = code - S_BASE;

		parts[0] = L_BASE + at / N_COUNT;
		parts[1] = V_BASE + at % N_COUNT / T_COUNT;
		parts[2] = T_BASE + at % T_COUNT;
		return at % T_COUNT == 0 ? 2 : 3;
	}
	/* only the first of two can be taken apart further */
	while (tail < PARTS_MAX - 1 && (pair = pair_of(code)) != NULL) {
		if (pair->second != 0)
			rest[tail++] = pair->second;
		code = pair->first;
	}
	parts[0] = code;
	for (size_t i = 0; i < tail; i++)
		parts[1 + i] = rest[tail - 1 - i];
	return 1 + tail;
}

/* Marks behind a letter by their classes; those of one class stay. */
static void sort_marks(uint32_t *codes, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t code = codes[i], class = class_of(code);
		size_t at = i;

		while (class != 0 && at > 0 && class_of(codes[at - 1]) >
		       class) {
			codes[at] = codes[at - 1];
			at--;
		}
		codes[at] = code;
	}
}

/* 0: they do not come together. */
static uint32_t together(uint32_t first, uint32_t second)
{
	if (first >= L_BASE && first < L_BASE + L_COUNT &&
	    second >= V_BASE && second < V_BASE + V_COUNT)
		return S_BASE + (first - L_BASE) * N_COUNT +
			(second - V_BASE) * T_COUNT;
	if (first >= S_BASE && first < S_BASE + S_COUNT &&
	    (first - S_BASE) % T_COUNT == 0 && second > T_BASE &&
	    second < T_BASE + T_COUNT)
		return first + second - T_BASE;
	for (size_t i = 0; i < imap_nfc_pair_count; i++) {
		const struct imap_nfc_pair *pair = &imap_nfc_pairs[i];

		if (pair->first == first && pair->second == second &&
		    pair->composes != 0)
			return pair->code;
	}
	return 0;
}

static size_t compose(uint32_t *codes, size_t count)
{
	size_t starter = SIZE_MAX, out = 0;
	uint32_t last = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t code = codes[i], class = class_of(code), one = 0;

		/* a mark between of the same class, or a letter, is in the
		 * way */
		if (starter != SIZE_MAX && (out == starter + 1 ||
					    (last != 0 && last < class)))
			one = together(codes[starter], code);
		if (one != 0) {
			codes[starter] = one;
			continue;
		}
		if (class == 0)
			starter = out;
		last = class;
		codes[out++] = code;
	}
	return out;
}

static void append_code(struct cv_text *dst, uint32_t code)
{
	if (code < 0x80) {
		cv_text_append_c(dst, (char)code);
		return;
	}
	if (code < 0x800) {
		cv_text_append_c(dst, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			cv_text_append_c(dst, (char)(0xe0 | code >> 12));
		} else {
			cv_text_append_c(dst, (char)(0xf0 | code >> 18));
			cv_text_append_c(dst, (char)(0x80 |
						     (code >> 12 & 0x3f)));
		}
		cv_text_append_c(dst, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	cv_text_append_c(dst, (char)(0x80 | (code & 0x3f)));
}

void imap_nfc_append(struct cv_pool *pool, struct cv_text *dst,
		     struct cv_span utf8)
{
	uint32_t *codes, code;
	size_t count = 0;

	if (imap_is_ascii(utf8)) {
		cv_text_append_span(dst, utf8);
		return;
	}
	codes = CV_ALLOC_ARRAY(pool, uint32_t, utf8.len * PARTS_MAX);
	while (utf8.len > 0) {
		size_t len = imap_utf8_char(utf8, &code);

		if (len == 0)
			return;		/* the caller has looked */
		count += take_apart(code, codes + count);
		utf8 = cv_span_skip(utf8, len);
	}
	sort_marks(codes, count);
	count = compose(codes, count);
	for (size_t i = 0; i < count; i++)
		append_code(dst, codes[i]);
}
