/* dump.c - items and their fields; catalogues; which kind of object something
 * is. */
#include "dump-private.h"

#include <errno.h>
#include <stdlib.h>

/* --- items --------------------------------------------------------------- */

void dump_init(struct dump *dump, dump_sink *sink, void *context)
{
	*dump = (struct dump){ .sink = sink, .context = context,
			       .pool = pool_create("dump") };
	array_init(&dump->fields, dump->pool);
}

void dump_deinit(struct dump *dump)
{
	pool_destroy(&dump->pool);
}

static struct dump_field *field_add(struct dump *dump, const char *name,
				    enum dump_kind kind)
{
	struct dump_field *field = array_add(&dump->fields);

	field->name = name;
	field->kind = kind;
	return field;
}

void dump_number(struct dump *dump, const char *name, uint64_t number)
{
	field_add(dump, name, DUMP_NUMBER)->number = number;
}

void dump_signed(struct dump *dump, const char *name, int64_t number)
{
	field_add(dump, name, DUMP_SIGNED)->number = (uint64_t)number;
}

void dump_bool(struct dump *dump, const char *name, bool value)
{
	field_add(dump, name, DUMP_BOOL)->number = value;
}

void dump_text(struct dump *dump, const char *name, struct cv_span text)
{
	field_add(dump, name, DUMP_TEXT)->text = text;
}

void dump_f(struct dump *dump, const char *name, const char *fmt, ...)
{
	struct cv_text text;
	va_list args;

	cv_text_init(&text, dump->pool);
	va_start(args, fmt);
	text_append_vf(&text, fmt, args);
	va_end(args);
	dump_text(dump, name, cv_text_span(&text));
}

void dump_none(struct dump *dump, const char *name)
{
	(void)field_add(dump, name, DUMP_NONE);
}

void dump_list(struct dump *dump, const char *name,
	       const struct cv_span *items, uint32_t count)
{
	struct dump_field *field = field_add(dump, name, DUMP_LIST);

	field->items = items;
	field->count = count;
}

void dump_guid(struct dump *dump, const char *name,
	       const struct account_guid *guid)
{
	char hex[33];

	account_guid_format(guid, hex);
	dump_text(dump, name, pool_span(dump->pool, cv_span(hex, 32)));
}

void dump_flags(struct dump *dump, uint32_t flags)
{
	static const struct { uint32_t bit; const char *name; } names[] = {
		{ ACCOUNT_ANSWERED, "Answered" },
		{ ACCOUNT_FLAGGED, "Flagged" },
		{ ACCOUNT_DELETED, "Deleted" },
		{ ACCOUNT_SEEN, "Seen" },
		{ ACCOUNT_DRAFT, "Draft" },
		{ ACCOUNT_DRIVER_0, "driver0" },
		{ ACCOUNT_DRIVER_1, "driver1" },
		{ ACCOUNT_DRIVER_2, "driver2" },
		{ ACCOUNT_DRIVER_3, "driver3" },
	};
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	struct cv_span *items = pool_new_array(dump->pool, struct cv_span,
					       NAMES);
	uint32_t count = 0;

	for (size_t i = 0; i < NAMES; i++) {
		if ((flags & names[i].bit) != 0)
			items[count++] = cv_span_of(names[i].name);
	}
	dump_list(dump, "flags", items, count);
}

void dump_summary(struct dump *dump, const char *name, struct cv_span bytes)
{
	dump_f(dump, name, "%zu:%08x", bytes.len,
	       crc32c(0, bytes.data, bytes.len));
}

static void put_item(struct dump *dump, const char *what, bool problem)
{
	struct dump_item item = { what, dump->fields.items,
				  (uint32_t)dump->fields.count, problem };

	dump->sink(dump->context, &item);
	pool_reset(dump->pool);
	array_init(&dump->fields, dump->pool);
}

void dump_item(struct dump *dump, const char *what)
{
	put_item(dump, what, false);
}

void dump_problem(struct dump *dump, uint64_t at, const char *fmt, ...)
{
	struct cv_text text;
	va_list args;

	cv_text_init(&text, dump->pool);
	va_start(args, fmt);
	text_append_vf(&text, fmt, args);
	va_end(args);
	dump_number(dump, "at", at);
	dump_text(dump, "text", cv_text_span(&text));
	put_item(dump, "problem", true);
}

bool dump_is_text(struct cv_span bytes)
{
	for (size_t i = 0; i < bytes.len; ) {
		uint32_t code;
		size_t n = utf8_decode(bytes.data + i, bytes.len - i, &code);

		if (n == 0 || code < 0x20 || code == 0x7f)
			return false;
		i += n;
	}
	return true;
}

/* --- catalogue ------------------------------------------------------------ */

enum { CATALOGUE_MARK = 0x43617445 };

static void catalogue_header(struct dump *d)
{
	unsigned char h[CATALOGUE_HEADER_SIZE] = { 0 };
	struct format_cursor c = { h + 8, sizeof(h) - 8, false };
	struct account_guid account, folder;
	uint16_t major, minor;
	uint32_t crc;
	ssize_t n = meta_load(d->object, 0, h, sizeof(h));

	major = get_u16(&c);
	minor = get_u16(&c);
	(void)get_u32(&c);
	account = get_guid(&c);
	folder = get_guid(&c);
	dump_f(d, "version", "%u.%u", major, minor);
	dump_guid(d, "account", &account);
	dump_guid(d, "folder", &folder);
	dump_number(d, "compacted_size", get_u64(&c));
	dump_number(d, "compacted_messages", get_u32(&c));
	dump_item(d, "catalogue");
	memcpy(&crc, h + sizeof(h) - 4, 4);
	if (n != sizeof(h))
		dump_problem(d, 0, "the header is cut short");
	else if (crc != crc32c(0, h, sizeof(h) - 4))
		dump_problem(d, 0, "the header's checksum is wrong");
	else if (major != FORMAT_MAJOR || minor != FORMAT_MINOR)
		dump_problem(d, 8, "another version: the file will be begun "
			     "anew");
}

/* One entry; 0: there is none. */
static size_t catalogue_entry(struct dump *d, uint64_t at,
			      unsigned char *room)
{
	unsigned char h[CATALOGUE_RECORD_SIZE];
	struct account_guid guid;
	uint32_t mark, len, want, crc;

	if (meta_load(d->object, at, h, sizeof(h)) != sizeof(h))
		return 0;
	memcpy(&mark, h, 4);
	memcpy(&len, h + 4, 4);
	memcpy(&want, h + 8, 4);
	memcpy(&guid, h + 16, 16);
	if (mark != CATALOGUE_MARK || len > ACCOUNT_CATALOGUE_MAX)
		return 0;
	dump_number(d, "at", at);
	dump_guid(d, "guid", &guid);
	dump_number(d, "length", len);
	dump_item(d, "entry");
	crc = crc32c(0, &guid, sizeof(guid));
	crc = crc32c(crc, &len, sizeof(len));
	if (meta_load(d->object, at + sizeof(h), room, len) != (ssize_t)len)
		dump_problem(d, at, "the entry is cut short");
	else if (crc32c(crc, room, len) != want)
		dump_problem(d, at, "the entry's checksum is wrong");
	return sizeof(h) + format_align(len);
}

void dump_catalogue(struct dump *d)
{
	unsigned char *room = malloc(ACCOUNT_CATALOGUE_MAX);
	uint64_t at = CATALOGUE_HEADER_SIZE, bad = 0;

	catalogue_header(d);
	while (room != NULL && at < d->size) {
		size_t len = catalogue_entry(d, at, room);

		if (len == 0 && bad == 0)
			bad = at;
		if (bad != 0 && (len != 0 || d->size - at <= RECORD_ALIGN)) {
			dump_problem(d, bad, "no entry up to %llu: engines "
				     "read no further than here",
				     (unsigned long long)at);
			bad = 0;
		}
		at += len == 0 ? RECORD_ALIGN : len;
	}
	free(room);
}

/* --- which it is ---------------------------------------------------------- */

static int put_object(struct dump *dump, struct cv_error *err)
{
	struct meta_head head;
	char magic[8];

	if (meta_head(dump->object, &head) < 0 ||
	    meta_load(dump->object, 0, magic, sizeof(magic)) < 0)
		return FAIL_ERRNO(err, errno, "cannot read it");
	dump->size = head.size;
	if (head.size < sizeof(magic))
		return FAIL(err, CV_E_SYNTAX, "it is too short");
	if (memcmp(magic, JOURNAL_MAGIC, sizeof(magic)) == 0)
		dump_journal(dump);
	else if (memcmp(magic, SNAPSHOT_MAGIC, sizeof(magic)) == 0)
		dump_snapshot(dump);
	else if (memcmp(magic, CATALOGUE_MAGIC, sizeof(magic)) == 0)
		dump_catalogue(dump);
	else
		return FAIL(err, CV_E_SYNTAX, "it does not begin like a "
			    "journal, snapshot or catalogue");
	return CV_OK;
}

int dump_object(struct meta_object *object, dump_sink *sink, void *context,
		struct cv_error *err)
{
	struct dump dump;
	int status;

	dump_init(&dump, sink, context);
	dump.object = object;
	status = put_object(&dump, err);
	dump_deinit(&dump);
	return status;
}
