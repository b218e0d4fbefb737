/* policy-json.c - attributes become JSON. */
#include "policy-json.h"

#include "cv-text.h"

static int compare(struct cv_span a, struct cv_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, len);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static void insert(struct policy_attributes *all,
		   const struct policy_attribute *one)
{
	uint32_t at = all->count++;

	for (; at > 0 && compare(all->list[at - 1].key, one->key) > 0; at--)
		all->list[at] = all->list[at - 1];
	all->list[at] = *one;
}

int policy_attributes_parse(const char *text, struct policy_attributes *out_r,
			    struct cv_error *err)
{
	struct cv_span rest = { .data = text, .len = strlen(text) }, word;

	out_r->count = 0;
	while (cv_span_split(&rest, ' ', &word)) {
		struct policy_attribute one = { .value = word };

		if (word.len == 0)
			continue;
		(void)cv_span_split(&one.value, '=', &one.key);
		if (one.value.data == NULL || one.key.len == 0 ||
		    one.key.data[0] == '/' ||
		    one.key.data[one.key.len - 1] == '/')
			return CV_FAIL(err, CV_E_CONFIG, "auth_policy_request_"
				       "attributes: '%.*s' is not name=value",
				       CV_SPAN_ARG(word));
		if (out_r->count == POLICY_ATTRIBUTES_MAX)
			return CV_FAIL(err, CV_E_CONFIG, "auth_policy_request_"
				       "attributes: more than %d",
				       POLICY_ATTRIBUTES_MAX);
		insert(out_r, &one);
	}
	return CV_OK;
}

/* The length of the character that begins here; 0: it is none (RFC 3629 4). */
static size_t character(const unsigned char *c, size_t len)
{
	size_t need = c[0] < 0x80 ? 1 : c[0] >= 0xc2 && c[0] < 0xe0 ? 2 :
		c[0] >= 0xe0 && c[0] < 0xf0 ? 3 :
		c[0] >= 0xf0 && c[0] < 0xf5 ? 4 : 0;

	if (need == 0 || need > len)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return need;
}

static void append_ascii(struct cv_text *out, unsigned char c)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *at = c == '\0' ? NULL : strchr(from, c);

	if (at != NULL) {
		cv_text_append_c(out, '\\');
		cv_text_append_c(out, to[at - from]);
	} else if (c < 0x20) {
		cv_text_append_f(out, "\\u%04x", c);
	} else {
		cv_text_append_c(out, (char)c);
	}
}

/* With the two line ends of JavaScript spelled out; bytes that are no UTF-8
 * are U+FFFD. */
static void append_string(struct cv_text *out, struct cv_span text)
{
	const unsigned char *c = (const unsigned char *)text.data;

	cv_text_append_c(out, '"');
	for (size_t i = 0, len; i < text.len; i += len == 0 ? 1 : len) {
		len = character(c + i, text.len - i);
		if (len == 1)
			append_ascii(out, c[i]);
		else if (len == 0)
			cv_text_append_str(out, "\\ufffd");
		else if (len == 3 && c[i] == 0xe2 && c[i + 1] == 0x80 &&
			 (c[i + 2] & 0xfe) == 0xa8)
			cv_text_append_f(out, "\\u202%x", c[i + 2] & 15);
		else
			cv_text_append(out, c + i, len);
	}
	cv_text_append_c(out, '"');
}

static void append_name(struct cv_text *out, struct cv_span name)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		cv_text_append_c(out, ',');
	append_string(out, name);
	cv_text_append_c(out, ':');
}

/* The name of the object that a key is in; empty: it is in the outer one. */
static struct cv_span object_of(struct cv_span key)
{
	struct cv_span rest = key, name = CV_SPAN("");

	(void)cv_span_split(&rest, '/', &name);
	return rest.data == NULL ? CV_SPAN("") : name;
}

void policy_json_append(struct cv_text *out,
			const struct policy_attributes *attributes)
{
	struct cv_span object = CV_SPAN(""), next;

	for (uint32_t i = 0; i < attributes->count; i++) {
		const struct policy_attribute *one = &attributes->list[i];

		next = object_of(one->key);
		if (object.len > 0 && !cv_span_equal(object, next))
			cv_text_append_c(out, '}');
		if (next.len > 0 && !cv_span_equal(object, next)) {
			append_name(out, next);
			cv_text_append_c(out, '{');
		}
		object = next;
		append_name(out, next.len == 0 ? one->key :
			    cv_span_skip(one->key, next.len + 1));
		append_string(out, one->value);
	}
	if (object.len > 0)
		cv_text_append_c(out, '}');
}
