/* text-find.c - see text-find.h. */
#include "text-find.h"

enum { UTF8_BYTES_MAX = 4, LANES = 16 };

typedef uint8_t lanes __attribute__((vector_size(LANES)));

/* How common a byte of the form is in mail; others are rare. */
static const unsigned char common[] = " ETAOINSRHLDCUMFPGWYBVK<>.=-/0123,:_";

static size_t rarity(unsigned char c)
{
	const unsigned char *at = memchr(common, c, sizeof(common) - 1);

	return at == NULL ? sizeof(common) : (size_t)(at - common);
}

static void choose_probes(struct text_needle *n)
{
	size_t best = 0, second = 0;

	for (size_t i = 1; i < n->form.len; i++) {
		if (rarity((unsigned char)n->form.data[i]) >
		    rarity((unsigned char)n->form.data[best]))
			best = i;
	}
	second = best == 0 && n->form.len > 1 ? 1 : 0;
	for (size_t i = 0; i < n->form.len; i++) {
		if (i != best && rarity((unsigned char)n->form.data[i]) >
		    rarity((unsigned char)n->form.data[second]))
			second = i;
	}
	n->probe[0] = best;
	n->probe[1] = second;
}

/* CRLF as LF. */
static void drop_cr(struct cv_text *dst, struct cv_span src)
{
	for (size_t i = 0; i < src.len; i++) {
		if (src.data[i] != '\r' || i + 1 == src.len ||
		    src.data[i + 1] != '\n')
			cv_text_append_c(dst, src.data[i]);
	}
}

void text_needle_init(struct text_needle *n, struct cv_pool *pool,
		      enum casemap map, struct cv_span text)
{
	struct cv_text form, lines;

	*n = (struct text_needle){ .map = map };
	cv_text_init(&form, pool);
	cv_text_init(&lines, pool);
	n->has_line_end = text.len > 0 &&
		memchr(text.data, '\n', text.len) != NULL;
	if (n->has_line_end) {
		drop_cr(&lines, text);
		text = cv_text_span(&lines);
	}
	casemap_append(&form, map, text);
	n->form = cv_span(cv_text_str(&form), form.len);
	n->ascii = ascii_length(n->form.data, n->form.len) == n->form.len;
	choose_probes(n);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool equal_at(const struct text_needle *n, const char *text)
{
	bool exact = n->map == CASEMAP_OCTET;

	for (size_t i = 0; i < n->form.len; i++) {
		if ((exact ? text[i] : upper(text[i])) != n->form.data[i])
			return false;
	}
	return true;
}

static uint8_t lower_of(const struct text_needle *n, uint8_t c)
{
	return n->map != CASEMAP_OCTET && c >= 'A' && c <= 'Z' ?
		(uint8_t)(c + 32) : c;
}

/* True where both probes match, in some lane of the block at text. */
static bool block_may_match(const char *text, const lanes probe[4],
			    const size_t at[2], lanes *hit_r)
{
	lanes a, b, hit;
	uint64_t half[2];

	/* UNSAFE: LANES bytes behind text and each probe are the caller's */
	memcpy(&a, text + at[0], sizeof(a));
	memcpy(&b, text + at[1], sizeof(b));
	hit = (lanes)((a == probe[0]) | (a == probe[1])) &
		(lanes)((b == probe[2]) | (b == probe[3]));
	memcpy(half, &hit, sizeof(half));
	*hit_r = hit;
	return (half[0] | half[1]) != 0;
}

static lanes splat(uint8_t c)
{
	lanes v;

	memset(&v, c, sizeof(v));
	return v;
}

/* ASCII needle, byte by byte of the text: case of ASCII letters apart. */
static bool find_bytes(const struct text_needle *n, struct cv_span text)
{
	uint8_t a = (uint8_t)n->form.data[n->probe[0]];
	uint8_t b = (uint8_t)n->form.data[n->probe[1]];
	const lanes probe[4] = { splat(a), splat(lower_of(n, a)), splat(b),
				 splat(lower_of(n, b)) };
	size_t at = 0, places;

	if (text.len < n->form.len)
		return false;
	places = text.len - n->form.len + 1;
	for (; at + LANES <= places; at += LANES) {
		lanes hit;

		/* INVARIANT: at + LANES - 1 + probe < text.len */
		if (!block_may_match(text.data + at, probe, n->probe, &hit))
			continue;
		for (size_t i = 0; i < LANES; i++) {
			if (hit[i] != 0 && equal_at(n, text.data + at + i))
				return true;
		}
	}
	for (; at < places; at++) {
		if (equal_at(n, text.data + at))
			return true;
	}
	return false;
}

static bool find_form(const struct text_needle *n, struct cv_span text,
		      struct cv_text *scratch)
{
	cv_text_reset(scratch);
	casemap_append(scratch, n->map, text);
	return scratch->len >= n->form.len &&
		memmem(scratch->data, scratch->len, n->form.data,
		       n->form.len) != NULL;
}

static size_t reach(const struct text_needle *n)
{
	return n->form.len * UTF8_BYTES_MAX;
}

/* Begin of the character that holds or follows the byte at. */
static size_t character_start(struct cv_span text, size_t at)
{
	while (at > 0 && at < text.len &&
	       ((unsigned char)text.data[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* A match that has other than ASCII in the text touches such a character:
 * only what lies around those is converted. */
static bool find_around(const struct text_needle *n, struct cv_span text,
			struct cv_text *scratch)
{
	size_t at = ascii_length(text.data, text.len);

	while (at < text.len) {
		size_t from = at > reach(n) ? at - reach(n) : 0, to = at;

		/* further ones that are near go along */
		do {
			size_t ascii;

			while (to < text.len &&
			       (unsigned char)text.data[to] >= 0x80)
				to++;
			ascii = ascii_length(text.data + to, text.len - to);
			if (ascii > 2 * reach(n) || to + ascii == text.len) {
				at = to + ascii;
				to = ascii > reach(n) ? to + reach(n) : at;
				break;
			}
			to += ascii;
		} while (to < text.len);
		if (find_form(n, cv_span(text.data + from, to - from),
			      scratch))
			return true;
		if (at < to)
			at = to;
	}
	return false;
}

bool text_contains(const struct text_needle *n, struct cv_span text,
		   struct cv_text *scratch)
{
	if (n->form.len == 0)
		return true;
	if (text.len == 0)
		return false;
	if (n->has_line_end) {
		struct cv_text lines;

		cv_text_init(&lines, scratch->pool);
		drop_cr(&lines, text);
		return find_form(n, cv_text_span(&lines), scratch);
	}
	if (n->map == CASEMAP_OCTET)
		return text.len >= n->form.len &&
			memmem(text.data, text.len, n->form.data,
			       n->form.len) != NULL;
	/* bytes that match are a match, whatever stands around them */
	if (n->ascii && find_bytes(n, text))
		return true;
	return find_around(n, text, scratch);
}

/* --- pieces --------------------------------------------------------------- */

void text_finder_init(struct text_finder *f, const struct text_needle *needle,
		      struct cv_pool *pool)
{
	*f = (struct text_finder){ .needle = needle,
				   .found = needle->form.len == 0 };
	cv_text_init(&f->tail, pool);
	cv_text_init(&f->scratch, pool);
}

/* The last bytes of what has come so far. */
static void keep_tail(struct text_finder *f, struct cv_span piece, size_t keep)
{
	size_t start;

	if (piece.len >= keep) {
		cv_text_reset(&f->tail);
		start = character_start(piece, piece.len - keep);
		cv_text_append_span(&f->tail, cv_span_skip(piece, start));
		return;
	}
	cv_text_append_span(&f->tail, piece);
	if (f->tail.len > 2 * keep) {
		start = character_start(cv_text_span(&f->tail),
					f->tail.len - keep);
		f->tail.len -= start;
		memmove(f->tail.data, f->tail.data + start, f->tail.len);
	}
}

void text_finder_add(struct text_finder *f, struct cv_span piece)
{
	/* a match may have as much on each side; a CR more where CRLF counts
	 * as LF */
	size_t keep = reach(f->needle) + 2 * UTF8_BYTES_MAX;

	if (f->needle->has_line_end)
		keep *= 2;
	if (f->found || piece.len == 0)
		return;
	if (f->tail.len > 0) {
		size_t tail = f->tail.len;
		size_t more = piece.len < keep ? piece.len : keep;

		cv_text_append(&f->tail, piece.data, more);
		f->found = text_contains(f->needle, cv_text_span(&f->tail),
					 &f->scratch);
		f->tail.len = tail;
	}
	if (!f->found)
		f->found = text_contains(f->needle, piece, &f->scratch);
	if (!f->found)
		keep_tail(f, piece, keep);
}
