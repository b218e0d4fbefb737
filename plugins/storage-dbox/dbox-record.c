/* dbox-record.c - our records and trailers, and Dovecot's heads and metadata,
 * from bytes and to bytes (doc/format-dbox.md).  All of it is hostile. */
#include "dbox-record.h"

static const char record_magic[4] = { 'C', 'v', 'D', 'b' };
static const char trailer_magic[4] = { 'C', 'v', 'T', 'r' };
static const char container_magic[8] = {
	'C', 'v', 'M', 'd', 'b', 'o', 'x', '1',
};

/* --- numbers -------------------------------------------------------------------- */

static void put(unsigned char *dst, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		dst[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

static uint64_t get(const char *src, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | (unsigned char)src[i];
	return value;
}

/* --- records ---------------------------------------------------------------------- */

void dbox_record_format(const struct dbox_record *record,
			unsigned char dst[DBOX_RECORD_SIZE])
{
	memset(dst, 0, DBOX_RECORD_SIZE);
	memcpy(dst, record_magic, 4);
	put(dst + 8, record->id, 8);
	put(dst + 16, record->length, 8);
	put(dst + 24, record->virtual_bytes, 8);
	put(dst + 32, (uint64_t)record->received, 8);
	put(dst + 40, record->slot, 4);
	put(dst + 44, record->body_crc, 4);
	put(dst + 4, cv_api->crc32c(0, dst + 8, 48), 4);
	dst[DBOX_STATE_AT] = record->state;
}

bool dbox_record_parse(struct cv_span src, struct dbox_record *record_r)
{
	const char *p = src.data;

	if (src.len < DBOX_RECORD_SIZE || memcmp(p, record_magic, 4) != 0 ||
	    get(p + 4, 4) != cv_api->crc32c(0, p + 8, 48))
		return false;
	record_r->id = get(p + 8, 8);
	record_r->length = get(p + 16, 8);
	record_r->virtual_bytes = get(p + 24, 8);
	record_r->received = (int64_t)get(p + 32, 8);
	record_r->slot = (uint32_t)get(p + 40, 4);
	record_r->body_crc = (uint32_t)get(p + 44, 4);
	record_r->state = (uint8_t)p[DBOX_STATE_AT];
	return record_r->length <= INT64_MAX / 2 &&
		record_r->slot <= DBOX_TRAILER_MAX;
}

uint64_t dbox_record_room(const struct dbox_record *record)
{
	return (DBOX_RECORD_SIZE + record->length + record->slot + 7) &
		~(uint64_t)7;
}

/* --- trailers: magic, CRC, length, fields ------------------------------------------ */

enum trailer_field {
	FIELD_GUID = 1, FIELD_UID = 2, FIELD_UIDVALIDITY = 3, FIELD_FLAGS = 4,
	FIELD_SAVED = 5, FIELD_FOLDER = 6, FIELD_KEYWORD = 7,
};

enum { TRAILER_HEAD = 12, KEYWORDS_MAX = 256 };

static void add_field(struct cv_text *dst, size_t end, uint8_t type,
		      const void *data, size_t len)
{
	if (len > UINT16_MAX || dst->len + 3 + len > end)
		return;
	cv_text_append_c(dst, (char)type);
	cv_text_append_c(dst, (char)(len & 0xff));
	cv_text_append_c(dst, (char)(len >> 8));
	cv_text_append(dst, data, len);
}

static void add_number(struct cv_text *dst, size_t end, uint8_t type,
		       uint64_t value, int bytes)
{
	unsigned char data[8];

	put(data, value, bytes);
	add_field(dst, end, type, data, (size_t)bytes);
}

void dbox_trailer_format(struct cv_text *dst,
			 const struct dbox_trailer *t, uint32_t slot)
{
	size_t at = dst->len, end = at + slot;
	unsigned char *head;

	for (int i = 0; i < TRAILER_HEAD; i++)
		cv_text_append_c(dst, '\0');
	add_field(dst, end, FIELD_GUID, t->guid, sizeof(t->guid));
	add_number(dst, end, FIELD_UID, t->uid, 4);
	add_number(dst, end, FIELD_UIDVALIDITY, t->uidvalidity, 4);
	add_number(dst, end, FIELD_FLAGS, t->flags, 4);
	add_number(dst, end, FIELD_SAVED, (uint64_t)t->saved, 8);
	add_field(dst, end, FIELD_FOLDER, t->folder.data, t->folder.len);
	for (uint32_t i = 0; i < t->keywords.count; i++)
		add_field(dst, end, FIELD_KEYWORD, t->keywords.names[i],
			  strlen(t->keywords.names[i]));
	head = (unsigned char *)dst->data + at;
	memcpy(head, trailer_magic, 4);
	put(head + 8, dst->len - at, 4);
	put(head + 4, cv_api->crc32c(0, head + 8, dst->len - at - 8), 4);
	while (dst->len < end)
		cv_text_append_c(dst, '\0');
}

static char *copy(struct cv_pool *pool, struct cv_span s)
{
	char *text = cv_api->alloc(pool, s.len + 1);

	memcpy(text, s.data, s.len);
	return text;
}

static void take_keyword(struct dbox_trailer *t, struct cv_pool *pool,
			 struct cv_span value)
{
	const char **names = (const char **)(uintptr_t)t->keywords.names;

	if (value.len == 0 || t->keywords.count >= KEYWORDS_MAX ||
	    memchr(value.data, '\0', value.len) != NULL)
		return;
	if (names == NULL)
		t->keywords.names = names =
			CV_ALLOC_ARRAY(pool, const char *, KEYWORDS_MAX);
	names[t->keywords.count++] = copy(pool, value);
}

static void take_field(struct dbox_trailer *t, struct cv_pool *pool,
		       uint8_t type, struct cv_span v)
{
	if (type == FIELD_GUID && v.len == 16)
		memcpy(t->guid, v.data, 16);
	else if (type == FIELD_UID && v.len == 4)
		t->uid = (uint32_t)get(v.data, 4);
	else if (type == FIELD_UIDVALIDITY && v.len == 4)
		t->uidvalidity = (uint32_t)get(v.data, 4);
	else if (type == FIELD_FLAGS && v.len == 4)
		t->flags = (uint32_t)get(v.data, 4);
	else if (type == FIELD_SAVED && v.len == 8)
		t->saved = (int64_t)get(v.data, 8);
	else if (type == FIELD_FOLDER && v.len > 0)
		t->folder = cv_span(copy(pool, v), v.len);
	else if (type == FIELD_KEYWORD)
		take_keyword(t, pool, v);
}

bool dbox_trailer_parse(struct cv_span src, struct cv_pool *pool,
			struct dbox_trailer *trailer_r)
{
	size_t at = TRAILER_HEAD, end;

	*trailer_r = (struct dbox_trailer){ .uid = 0 };
	if (src.len < TRAILER_HEAD ||
	    memcmp(src.data, trailer_magic, 4) != 0)
		return false;
	end = (size_t)get(src.data + 8, 4);
	if (end < TRAILER_HEAD || end > src.len ||
	    get(src.data + 4, 4) != cv_api->crc32c(0, src.data + 8, end - 8))
		return false;
	while (end - at >= 3) {
		size_t len = (size_t)get(src.data + at + 1, 2);

		if (len > end - at - 3)
			return false;
		take_field(trailer_r, pool, (uint8_t)src.data[at],
			   cv_span(src.data + at + 3, len));
		at += 3 + len;
	}
	return at == end;
}

/* --- containers ---------------------------------------------------------------------- */

void dbox_container_format(const struct dbox_container *head,
			   unsigned char dst[DBOX_CONTAINER_SIZE])
{
	memset(dst, 0, DBOX_CONTAINER_SIZE);
	memcpy(dst, container_magic, 8);
	put(dst + 12, head->number, 4);
	memcpy(dst + 16, head->boot_id, 16);
	put(dst + 32, (uint64_t)head->created, 8);
	put(dst + 40, head->table, 8);
	put(dst + 48, head->table_count, 4);
	put(dst + 52, head->table_crc, 4);
	put(dst + 8, cv_api->crc32c(0, dst + 12, 52), 4);
}

bool dbox_container_parse(struct cv_span src, struct dbox_container *head_r)
{
	const char *p = src.data;

	if (src.len < DBOX_CONTAINER_SIZE ||
	    memcmp(p, container_magic, 8) != 0 ||
	    get(p + 8, 4) != cv_api->crc32c(0, p + 12, 52))
		return false;
	head_r->number = (uint32_t)get(p + 12, 4);
	memcpy(head_r->boot_id, p + 16, 16);
	head_r->created = (int64_t)get(p + 32, 8);
	head_r->table = get(p + 40, 8);
	head_r->table_count = (uint32_t)get(p + 48, 4);
	head_r->table_crc = (uint32_t)get(p + 52, 4);
	return true;
}

/* --- Dovecot's ------------------------------------------------------------------------- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool from_hex(struct cv_span s, uint64_t *value_r)
{
	uint64_t value = 0;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int d = digit(s.data[i]);

		if (d < 0)
			return false;
		value = value << 4 | (unsigned int)d;
	}
	*value_r = value;
	return true;
}

bool dbox_foreign_line_parse(struct cv_span src, uint32_t *head_r,
			     uint64_t *first_r)
{
	struct cv_span rest = src, line = CV_SPAN_NONE, word;
	uint64_t size = 0;

	if (memchr(src.data, '\n', src.len) == NULL ||
	    !cv_span_split(&rest, '\n', &line) ||
	    !cv_span_begins(line, CV_SPAN("2 ")))
		return false;
	*first_r = line.len + 1;
	line = cv_span_skip(line, 2);
	while (cv_span_split(&line, ' ', &word)) {
		if (word.len > 1 && word.data[0] == 'M' &&
		    !from_hex(cv_span_skip(word, 1), &size))
			return false;
	}
	*head_r = (uint32_t)size;
	return size >= DBOX_FOREIGN_HEAD && size <= 1024;
}

bool dbox_foreign_head_parse(struct cv_span src, uint64_t *length_r)
{
	return src.len >= DBOX_FOREIGN_HEAD && src.data[0] == 1 &&
		src.data[1] == 2 && src.data[2] == 'N' &&
		from_hex(cv_span(src.data + 13, 16), length_r) &&
		*length_r <= INT64_MAX / 2;
}

static void take_guid(struct dbox_metadata *m, struct cv_span hex)
{
	if (hex.len != 32)
		return;
	for (size_t i = 0; i < 16; i++) {
		int a = digit(hex.data[2 * i]), b = digit(hex.data[2 * i + 1]);

		if (a < 0 || b < 0)
			return;
		m->guid[i] = (uint8_t)(a << 4 | b);
	}
	m->has_guid = true;
}

static void take_line(struct dbox_metadata *m, char key, struct cv_span value)
{
	uint64_t number;

	switch (key) {
	case 'R':
		if (from_hex(value, &number) && number <= INT64_MAX)
			m->received = (int64_t)number;
		break;
	case 'V':
		(void)from_hex(value, &m->virtual_bytes);
		break;
	case 'Z':
		(void)from_hex(value, &m->plain_bytes);
		break;
	case 'G':
		take_guid(m, value);
		break;
	case 'B':
		m->mailbox = value;
		break;
	case 'P':
		m->pop3_uidl = value;
		break;
	case 'O':
		if (cv_span_to_u64(value, UINT32_MAX, &number))
			m->pop3_order = (uint32_t)number;
		break;
	case 'X':
		m->external = value;
		break;
	}
}

bool dbox_metadata_begins(struct cv_span src)
{
	return cv_span_begins(src, CV_SPAN("\n\001\003\n"));
}

bool dbox_metadata_parse(struct cv_span src, struct dbox_metadata *m_r)
{
	struct cv_span rest = src, line = CV_SPAN_NONE;

	*m_r = (struct dbox_metadata){ .received = INT64_MIN };
	if (!dbox_metadata_begins(src))
		return false;
	rest = cv_span_skip(rest, 4);
	while (rest.len > 0 && memchr(rest.data, '\n', rest.len) != NULL) {
		(void)cv_span_split(&rest, '\n', &line);
		if (line.len == 0) {
			m_r->size = (uint64_t)(line.data + 1 - src.data);
			return true;
		}
		/* its end is damaged, and the next message was reached */
		if (memmem(line.data, line.len, "\001\002", 2) != NULL)
			return false;
		take_line(m_r, line.data[0], cv_span_skip(line, 1));
	}
	return false;
}
