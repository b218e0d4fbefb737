/* mail-section.c - "1.2.HEADER.FIELDS (From To)" [RFC3501 6.4.5]. */
#include "mail-url.h"
#include "base.h"

enum { PARTS_MAX = 100 };	/* depth of a part number */

/* "1.2." before a keyword, or "1.2" alone; what is left is the keyword. */
static bool parts_parse(struct cv_pool *pool, struct cv_span *text,
			struct cv_section *section)
{
	uint32_t *parts;

	if (text->len == 0 || text->data[0] < '0' || text->data[0] > '9')
		return true;
	parts = pool_new_array(pool, uint32_t, PARTS_MAX);
	section->part = parts;
	while (text->len > 0 && text->data[0] >= '0' &&
	       text->data[0] <= '9') {
		size_t len = 0;
		uint64_t value;

		while (len < text->len && text->data[len] >= '0' &&
		       text->data[len] <= '9')
			len++;
		if (section->part_count == PARTS_MAX ||
		    !cv_span_to_u64(cv_span(text->data, len), UINT32_MAX,
				    &value) || value == 0)
			return false;
		parts[section->part_count++] = (uint32_t)value;
		*text = cv_span_skip(*text, len);
		if (text->len == 0)
			return true;
		if (text->data[0] != '.' || text->len == 1)
			return false;
		*text = cv_span_skip(*text, 1);
	}
	return true;
}

static const struct { const char *name; uint32_t kind; } kinds[] = {
	{ "", CV_SECTION_ALL },
	{ "HEADER", CV_SECTION_HEADER },
	{ "HEADER.FIELDS", CV_SECTION_FIELDS },
	{ "HEADER.FIELDS.NOT", CV_SECTION_FIELDS_NOT },
	{ "TEXT", CV_SECTION_TEXT },
	{ "MIME", CV_SECTION_MIME },
};

static bool head_parse(struct cv_pool *pool, struct cv_span text,
		       struct cv_section *section)
{
	if (!parts_parse(pool, &text, section))
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!cv_span_is_icase(text, kinds[i].name))
			continue;
		section->kind = kinds[i].kind;
		/* [RFC3501 6.4.5] MIME only behind a part number */
		return section->kind != CV_SECTION_MIME ||
			section->part_count > 0;
	}
	return false;
}

/* [RFC9051 9] ATOM-CHAR, and "]", which stands in no URL. */
static bool is_field_name(struct cv_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c <= 0x20 || c >= 0x7f ||
		    strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return name.len > 0;
}

/* "(From \"To\")" [RFC3501 9 header-list] */
static bool fields_parse(struct cv_pool *pool, struct cv_span text,
			 struct cv_section *section)
{
	struct cv_span name, *fields;

	if (text.len < 3 || text.data[0] != '(' ||
	    text.data[text.len - 1] != ')')
		return false;
	text = cv_span(text.data + 1, text.len - 2);
	fields = pool_new_array(pool, struct cv_span, text.len);
	section->fields = fields;
	while (cv_span_split(&text, ' ', &name)) {
		if (name.len > 2 && name.data[0] == '"' &&
		    name.data[name.len - 1] == '"')
			name = cv_span(name.data + 1, name.len - 2);
		if (!is_field_name(name))
			return false;
		fields[section->field_count++] = name;
		if (text.data == NULL)
			break;
	}
	return section->field_count > 0;
}

bool mail_section_parse(struct cv_pool *pool, struct cv_span text,
			struct cv_section *section)
{
	struct cv_span head = CV_SPAN("");

	(void)cv_span_split(&text, ' ', &head);
	return head_parse(pool, head, section) &&
		(text.data == NULL ||
		 ((section->kind == CV_SECTION_FIELDS ||
		   section->kind == CV_SECTION_FIELDS_NOT) &&
		  fields_parse(pool, text, section)));
}
