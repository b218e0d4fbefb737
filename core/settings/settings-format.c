/* settings-format.c - what stands between % and the name: cutting, letters
 * and hashes.  Directories of existing installations have these names, so the
 * results are those of Dovecot 2.3 to the byte. */
#include "settings-format.h"
#include "settings-digest.h"

enum { HASH_ROUNDS_MAX = 10000 };

/* --- modifiers ------------------------------------------------------------ */

static struct cv_span map_case(struct cv_pool *pool, struct cv_span s,
			       bool upper)
{
	char *out = pool_copy(pool, s.data, s.len);

	for (size_t i = 0; i < s.len; i++)
		out[i] = upper ? cv_ascii_upper(s.data[i]) :
			cv_ascii_lower(s.data[i]);
	return cv_span(out, s.len);
}

static struct cv_span map_each(struct cv_pool *pool, struct cv_span s,
			       char modifier)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[modifier == 'R' ? s.len - 1 - i : i];

		if (modifier == 'D' && c == '.') {
			cv_text_append_str(&out, ",dc=");
			continue;
		}
		if (modifier == 'E' && (c == '"' || c == '\'' || c == '\\'))
			cv_text_append_c(&out, '\\');
		cv_text_append_c(&out, c);
	}
	return cv_span(cv_text_str(&out), out.len);
}

static struct cv_span trim_end(struct cv_span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
		s.len--;
	return s;
}

static struct cv_span to_hex_number(struct cv_pool *pool, struct cv_span s)
{
	uint64_t number;

	if (!cv_span_to_u64(s, UINT64_MAX, &number))
		number = 0;
	return cv_span_of(pool_printf(pool, "%llx",
				      (unsigned long long)number));
}

static settings_digest_fn *digest_fn;

void settings_digest_use(settings_digest_fn *fn)
{
	digest_fn = fn;
}

static size_t digest(const char *name, struct cv_span s,
		     unsigned char out[static SETTINGS_DIGEST_MAX])
{
	if (digest_fn == NULL) {
		log_error("settings", "a variable that is a hash (%s) cannot "
			  "stand in the settings of this process", name);
		return 0;
	}
	return digest_fn(name, s, out);
}

static struct cv_span to_hex(struct cv_pool *pool, const unsigned char *data,
			     size_t len)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	hex_encode(&out, data, len);
	return cv_span(cv_text_str(&out), out.len);
}

/* %H: the historical string hash of Dovecot's directory layouts. */
static uint64_t old_hash(struct cv_span s)
{
	uint32_t hash = 0, high;

	for (size_t i = 0; i < s.len; i++) {
		hash = (hash << 4) + (uint32_t)(int32_t)(signed char)s.data[i];
		high = hash & 0xf0000000u;
		if (high != 0) {
			hash ^= high >> 24;
			hash ^= high;
		}
	}
	return hash;
}

/* %N: the first eight bytes of the MD5. */
static uint64_t new_hash(struct cv_span s)
{
	unsigned char out[SETTINGS_DIGEST_MAX];
	uint64_t value = 0;

	if (digest("md5", s, out) < sizeof(value))
		return 0;
	for (size_t i = 0; i < sizeof(value); i++)
		value = value << 8 | out[i];
	return value;
}

/* The width of %256Nu is the number of buckets, its offset the least number
 * of digits. */
static struct cv_span to_bucket(struct cv_pool *pool, uint64_t value,
				struct var_format *format)
{
	int digits = format->offset > 0 ? (int)format->offset : 0;

	if (format->width > 0)
		value %= (uint64_t)format->width;
	format->width = 0;
	format->offset = 0;
	format->zero = false;
	return cv_span_of(pool_printf(pool, "%0*x", digits > 16 ? 16 : digits,
				      (unsigned int)value));
}

struct cv_span var_modify(struct cv_pool *pool, struct cv_span s,
			  char modifier, struct var_format *format)
{
	unsigned char md5[SETTINGS_DIGEST_MAX];

	switch (modifier) {
	case 'L':
	case 'U':
		return map_case(pool, s, modifier == 'U');
	case 'X':
		return to_hex_number(pool, s);
	case 'N':
		return to_bucket(pool, new_hash(s), format);
	case 'H':
		return to_bucket(pool, old_hash(s), format);
	case 'M':
		return to_hex(pool, md5, digest("md5", s, md5));
	case 'T':
		return trim_end(s);
	default:	/* E R D */
		return map_each(pool, s, modifier);
	}
}

/* Negative offset and width count from the end. */
void var_append(struct cv_text *out, struct cv_span s,
		const struct var_format *format)
{
	int64_t offset = format->offset, width = format->width;
	int64_t len = (int64_t)s.len;

	if (offset < 0)
		offset = len + offset < 0 ? 0 : len + offset;
	s = cv_span_skip(s, (size_t)(offset > len ? len : offset));
	len = (int64_t)s.len;
	if (width < 0)
		width = len + width < 0 ? 0 : len + width;
	else if (width == 0)
		width = len;
	if (format->zero && width <= 64) {
		for (int64_t i = len; i < width; i++)
			cv_text_append_c(out, '0');
	}
	cv_text_append(out, s.data, (size_t)(width < len ? width : len));
}

/* --- named hashes --------------------------------------------------------- */

int var_hash_parse(struct var_hash *options, struct cv_span text,
		   struct cv_error *err)
{
	struct cv_span item, key;

	*options = (struct var_hash){ .rounds = 1 };
	while (cv_span_split(&text, ',', &item)) {
		struct cv_span value = item;

		(void)cv_span_split(&value, '=', &key);
		if (cv_span_is(key, "rounds") && value.data != NULL &&
		    cv_span_to_u64(value, HASH_ROUNDS_MAX, &options->rounds) &&
		    options->rounds > 0)
			continue;
		if (cv_span_is(key, "truncate") && value.data != NULL &&
		    cv_span_to_u64(value, 512, &options->truncate_bits))
			continue;
		if (cv_span_is(key, "salt") && value.data != NULL) {
			options->salt = value;
			continue;
		}
		/* Dovecot 2.3 writes lower case for both, and there are
		 * directories of these names */
		if (cv_span_is(item, "format=hex") ||
		    cv_span_is(item, "format=hexuc") ||
		    (options->base64 = cv_span_is(item, "format=base64")))
			continue;
		return FAIL(err, CV_E_CONFIG, "'%.*s' is no option of a "
			    "hash (rounds, truncate, salt, format)",
			    CV_SPAN_ARG(item));
	}
	return CV_OK;
}

bool var_hash_known(struct cv_span name)
{
	static const char *const names[] = {
		"md5", "sha1", "sha256", "sha384", "sha512",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_is(name, names[i]))
			return true;
	}
	return false;
}

struct cv_span var_hash_value(const struct var_hash *options,
			      struct cv_pool *pool, struct cv_span algorithm,
			      struct cv_span value)
{
	const char *name = pool_copy(pool, algorithm.data, algorithm.len);
	unsigned char out[SETTINGS_DIGEST_MAX] = { 0 };
	struct cv_text text;
	size_t len = 0;

	cv_text_init(&text, pool);
	for (uint64_t i = 0; i < options->rounds; i++) {
		cv_text_reset(&text);	/* the salt is part of each round */
		cv_text_append_span(&text, options->salt);
		cv_text_append_span(&text, value);
		len = digest(name, cv_span(cv_text_str(&text), text.len), out);
		value = cv_span((const char *)out, len);
	}
	if (options->truncate_bits > 0 && options->truncate_bits < len * 8) {
		unsigned int spare = (8 - options->truncate_bits % 8) % 8;

		/* the leading bits, moved to the right end */
		len = (size_t)(options->truncate_bits + 7) / 8;
		for (size_t i = len; spare > 0 && i-- > 0;)
			out[i] = (unsigned char)(out[i] >> spare |
				(i > 0 ? out[i - 1] << (8 - spare) : 0));
	}
	if (options->base64) {
		cv_text_reset(&text);
		base64_encode(&text, out, len);
		return cv_span(cv_text_str(&text), text.len);
	}
	return to_hex(pool, out, len);
}
