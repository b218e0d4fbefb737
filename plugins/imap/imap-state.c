/* imap-state.c - see imap-state.h. */
#include "imap-state.h"
#include "imap.h"

void imap_state_put(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

bool imap_state_get(struct cv_span *in, size_t bytes, uint64_t *value_r)
{
	if (in->len < bytes)
		return false;
	*value_r = 0;
	for (size_t i = 0; i < bytes; i++)
		*value_r = *value_r << 8 | (uint8_t)in->data[i];
	*in = cv_span_skip(*in, bytes);
	return true;
}

bool imap_state_get_u32(struct cv_span *in, uint32_t *value_r)
{
	uint64_t value;

	if (!imap_state_get(in, 4, &value))
		return false;
	*value_r = (uint32_t)value;
	return true;
}

void imap_state_put_short(struct cv_text *out, uint64_t value)
{
	while (value >= 0x80) {
		cv_text_append_c(out, (char)(value | 0x80));
		value >>= 7;
	}
	cv_text_append_c(out, (char)value);
}

bool imap_state_get_short(struct cv_span *in, uint64_t *value_r)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 63; shift += 7) {
		uint8_t byte;

		if (in->len == 0)
			return false;
		byte = (uint8_t)in->data[0];
		*in = cv_span_skip(*in, 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*value_r = value;
			return true;
		}
	}
	return false;
}

void imap_state_put_text(struct cv_text *out, struct cv_span text)
{
	imap_state_put_short(out, text.len);
	cv_text_append_span(out, text);
}

bool imap_state_get_text(struct cv_span *in, struct cv_span *text_r)
{
	uint64_t len;

	if (!imap_state_get_short(in, &len) || len > in->len)
		return false;
	*text_r = cv_span(in->data, (size_t)len);
	*in = cv_span_skip(*in, (size_t)len);
	return true;
}

bool imap_state_get_str(struct cv_span *in, struct cv_pool *pool,
			const char **text_r)
{
	struct cv_span text;
	char *copy;

	if (!imap_state_get_text(in, &text) || (text.len > 0 &&
	    memchr(text.data, '\0', text.len) != NULL))
		return false;
	copy = cv_api->alloc(pool, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	*text_r = copy;
	return true;
}

void imap_state_put_set(struct cv_text *out, struct cv_set set)
{
	imap_state_put(out, set.count, 4);
	for (uint32_t i = 0; i < set.count; i++) {
		imap_state_put(out, set.ranges[i].first, 4);
		imap_state_put(out, set.ranges[i].last, 4);
	}
}

bool imap_state_get_set(struct cv_span *in, uint32_t max,
			struct cv_pool *pool, struct cv_set *set_r)
{
	struct cv_range *ranges;
	uint32_t count, last = 0;

	if (!imap_state_get_u32(in, &count) || count > max ||
	    count > in->len / 8)
		return false;
	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!imap_state_get_u32(in, &ranges[i].first) ||
		    !imap_state_get_u32(in, &ranges[i].last) ||
		    ranges[i].first <= last ||
		    ranges[i].last < ranges[i].first)
			return false;
		last = ranges[i].last;
	}
	*set_r = (struct cv_set){ ranges, count };
	return true;
}
