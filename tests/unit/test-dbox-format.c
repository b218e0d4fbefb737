/* test-dbox-format.c - records, trailers, containers; Dovecot's heads,
 * metadata, indexes and logs: at every cut, with every byte changed. */
#include "base.h"
#include "base/crc32c.h"
#include "dbox-record.h"
#include "../storage-common/dovecot-index.h"
#include "module/module.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dbox-host.h"

extern const struct cv_host *storage_dbox_cv_api;

/* A copy that ends where it ends: a read behind it is seen by the
 * sanitizer. */
static struct cv_span exact(const void *data, size_t len, char **copy_r)
{
	*copy_r = malloc(len == 0 ? 1 : len);
	assert_non_null(*copy_r);
	memcpy(*copy_r, data, len);
	return cv_span(*copy_r, len);
}

/* --- ours ------------------------------------------------------------------------- */

/* Not memcmp: there are holes between the members. */
static bool records_equal(const struct dbox_record *a,
			  const struct dbox_record *b)
{
	return a->id == b->id && a->length == b->length &&
		a->virtual_bytes == b->virtual_bytes &&
		a->received == b->received && a->slot == b->slot &&
		a->body_crc == b->body_crc && a->state == b->state;
}

static void a_record_is_read_back_and_each_changed_byte_seen(void **state)
{
	struct dbox_record in = {
		.id = 0x1122334455667788, .length = 4096,
		.virtual_bytes = 4196, .received = -5, .slot = 128,
		.body_crc = 77, .state = DBOX_DROPPED,
	}, out;
	unsigned char bytes[DBOX_RECORD_SIZE];
	char *copy;

	(void)state;
	dbox_record_format(&in, bytes);
	assert_true(dbox_record_parse(cv_span((char *)bytes, sizeof(bytes)),
				      &out));
	assert_true(records_equal(&in, &out));
	assert_int_equal(dbox_record_room(&out), 64 + 4096 + 128);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		assert_false(dbox_record_parse(exact(bytes, len, &copy),
					       &out));
		free(copy);
	}
	for (size_t i = 0; i < DBOX_STATE_AT; i++) {
		bytes[i] ^= 0x10;
		assert_false(dbox_record_parse(
			cv_span((char *)bytes, sizeof(bytes)), &out));
		bytes[i] ^= 0x10;
	}
}

static void a_trailer_is_read_back_and_each_changed_byte_seen(void **state)
{
	static const char *const names[] = { "$Forwarded", "x" };
	struct dbox_trailer in = {
		.guid = { 1, 2, 3 }, .uid = 7, .uidvalidity = 9,
		.flags = 0x11, .saved = 1234567890123,
		.folder = CV_SPAN("a/\xc3\xa4"),
		.keywords = { names, 2 },
	}, out;
	struct cv_text text;
	size_t used;
	char *copy;

	(void)state;
	cv_text_init(&text, pool);
	dbox_trailer_format(&text, &in, 192);
	assert_int_equal(text.len, 192);
	assert_true(dbox_trailer_parse(cv_text_span(&text), pool, &out));
	assert_int_equal(out.uid, 7);
	assert_int_equal(out.uidvalidity, 9);
	assert_int_equal(out.flags, 0x11);
	assert_int_equal(out.saved, 1234567890123);
	assert_memory_equal(out.guid, in.guid, 16);
	assert_true(cv_span_equal(out.folder, in.folder));
	assert_int_equal(out.keywords.count, 2);
	assert_string_equal(out.keywords.names[0], "$Forwarded");
	used = (unsigned char)text.data[8];
	for (size_t len = 0; len < used; len++) {
		assert_false(dbox_trailer_parse(
			exact(text.data, len, &copy), pool, &out));
		free(copy);
	}
	for (size_t i = 0; i < used; i++) {
		text.data[i] ^= 0x04;
		assert_false(dbox_trailer_parse(cv_text_span(&text), pool,
						&out));
		text.data[i] ^= 0x04;
	}
	/* what was never written */
	memset(text.data, 0, text.len);
	assert_false(dbox_trailer_parse(cv_text_span(&text), pool, &out));
}

static void keywords_that_do_not_fit_are_left_out(void **state)
{
	static const char *const names[] = { "fits", "this-one-does-not-fit" };
	struct dbox_trailer in = { .uid = 1, .keywords = { names, 2 } }, out;
	struct cv_text text;

	(void)state;
	cv_text_init(&text, pool);
	dbox_trailer_format(&text, &in, 88);
	assert_int_equal(text.len, 88);
	assert_true(dbox_trailer_parse(cv_text_span(&text), pool, &out));
	assert_int_equal(out.keywords.count, 1);
	assert_string_equal(out.keywords.names[0], "fits");
}

static void a_container_head_is_read_back_and_each_changed_byte_seen(
	void **state)
{
	struct dbox_container in = {
		.number = 5, .boot_id = { 9 }, .created = 99, .table = 1000,
		.table_count = 3, .table_crc = 8,
	}, out;
	unsigned char bytes[DBOX_CONTAINER_SIZE];

	(void)state;
	dbox_container_format(&in, bytes);
	assert_true(dbox_container_parse(cv_span((char *)bytes, 64), &out));
	assert_int_equal(out.number, 5);
	assert_int_equal(out.table, 1000);
	assert_int_equal(out.table_count, 3);
	for (size_t i = 0; i < 64; i++) {
		bytes[i] ^= 0x80;
		assert_false(dbox_container_parse(
			cv_span((char *)bytes, 64), &out));
		bytes[i] ^= 0x80;
	}
	assert_false(dbox_container_parse(cv_span((char *)bytes, 63), &out));
}

/* --- Dovecot's messages -------------------------------------------------------------- */

static void a_foreign_file_is_understood_at_no_cut_too_early(void **state)
{
	static const char line[] = "2 M1e C6b0269c4\n";
	static const char head[] = "\001\002N          0000000000000023\n";
	static const char meta[] = "\n\001\003\nR6b0269c4\nV28\n"
		"Gb740f438c469026b4b67000083ecc375\nBWork\nPuidl\nZ30\n\n";
	struct dbox_metadata m;
	uint64_t first, length;
	uint32_t size;
	char *copy;

	(void)state;
	for (size_t len = 0; len < sizeof(line); len++) {
		bool all = len >= sizeof(line) - 1;

		assert_int_equal(dbox_foreign_line_parse(
			exact(line, len, &copy), &size, &first), all);
		free(copy);
	}
	assert_int_equal(size, 30);
	assert_int_equal(first, 16);
	for (size_t len = 0; len < sizeof(head); len++) {
		assert_int_equal(dbox_foreign_head_parse(
			exact(head, len, &copy), &length),
			len >= sizeof(head) - 1);
		free(copy);
	}
	assert_int_equal(length, 0x23);
	for (size_t len = 0; len < sizeof(meta); len++) {
		assert_int_equal(dbox_metadata_parse(
			exact(meta, len, &copy), &m),
			len >= sizeof(meta) - 1);
		free(copy);
	}
	assert_true(dbox_metadata_parse(CV_SPAN(meta), &m));
	assert_int_equal(m.received, 0x6b0269c4);
	assert_int_equal(m.virtual_bytes, 0x28);
	assert_int_equal(m.plain_bytes, 0x30);
	assert_true(m.has_guid);
	assert_int_equal(m.guid[0], 0xb7);
	assert_int_equal(m.guid[15], 0x75);
	assert_true(cv_span_is(m.mailbox, "Work"));
	assert_true(cv_span_is(m.pop3_uidl, "uidl"));
	assert_null(m.external.data);
	assert_int_equal(m.size, sizeof(meta) - 1);
	assert_false(dbox_foreign_line_parse(CV_SPAN("3 M1e C1\n"), &size,
					     &first));
	assert_false(dbox_foreign_line_parse(CV_SPAN("2 Mffffffff C1\n"),
					     &size, &first));
}

/* --- Dovecot's index: built by hand ----------------------------------------------------- */

static void u8(struct cv_text *t, unsigned int v)
{
	cv_text_append_c(t, (char)v);
}

static void u16(struct cv_text *t, unsigned int v)
{
	u8(t, v & 0xff);
	u8(t, v >> 8 & 0xff);
}

static void u32(struct cv_text *t, uint32_t v)
{
	u16(t, v & 0xffff);
	u16(t, v >> 16);
}

static void log_head(struct cv_text *t, uint32_t seq, uint32_t prev)
{
	u8(t, 1);
	u8(t, 3);
	u16(t, 40);
	u32(t, 4711);
	u32(t, seq);
	u32(t, prev);
	u32(t, 0);
	u32(t, 0);
	u32(t, 1);	/* the first modseq */
	u32(t, 0);
	u32(t, 0);
	u32(t, 0);
}

static size_t record_begin(struct cv_text *t, uint32_t type)
{
	size_t at = t->len;

	u32(t, 0);
	u32(t, type);
	return at;
}

static void record_end(struct cv_text *t, size_t at)
{
	uint32_t size = (uint32_t)(t->len - at) >> 2;

	for (int i = 0; i < 4; i++)
		t->data[at + (size_t)i] = (char)
			(0x80 | (size >> (7 * (3 - i)) & 0x7f));
}

static void add_header(struct cv_text *t, uint32_t offset, uint32_t value)
{
	size_t at = record_begin(t, 0x20);

	u16(t, offset);
	u16(t, 4);
	u32(t, value);
	record_end(t, at);
}

static void add_messages(struct cv_text *t, uint32_t first, uint32_t last)
{
	size_t at = record_begin(t, 0x10000002);

	for (; first <= last; first++) {
		u32(t, first);
		u32(t, 0);
	}
	record_end(t, at);
}

static void add_flags(struct cv_text *t, uint32_t first, uint32_t last,
		      unsigned int flags)
{
	size_t at = record_begin(t, 4);

	u32(t, first);
	u32(t, last);
	u8(t, flags);
	u8(t, 0);
	u16(t, 0);
	record_end(t, at);
}

static void add_keyword(struct cv_text *t, const char *name, uint32_t uid)
{
	size_t at = record_begin(t, 0x400);

	u16(t, 0);
	u16(t, (unsigned int)strlen(name));
	cv_text_append_str(t, name);
	while (t->len % 4 != 0)
		u8(t, 0);
	u32(t, uid);
	u32(t, uid);
	record_end(t, at);
}

static void add_expunge(struct cv_text *t, uint32_t uid, bool done)
{
	size_t at = record_begin(t, (done ? 0x10000000u : 0) | 0xed90);

	u32(t, uid);
	for (int i = 0; i < 16; i++)
		u8(t, 0);
	record_end(t, at);
}

static void add_intro(struct cv_text *t, const char *name, unsigned int size)
{
	size_t at = record_begin(t, 0x40);

	u32(t, UINT32_MAX);
	u32(t, 0);
	u32(t, 0);
	u16(t, size);
	u16(t, 4);
	u16(t, 1);
	u16(t, (unsigned int)strlen(name));
	cv_text_append_str(t, name);
	while (t->len % 4 != 0)
		u8(t, 0);
	record_end(t, at);
}

static void build_log(struct cv_text *t)
{
	size_t at;

	log_head(t, 2, 0);
	add_header(t, 24, 1234);
	add_messages(t, 1, 5);
	add_flags(t, 2, 3, 8);
	add_keyword(t, "$Foo", 2);
	add_keyword(t, "bar", 3);
	add_expunge(t, 4, false);
	add_expunge(t, 4, true);
	add_intro(t, "mdbox", 8);
	at = record_begin(t, 0x200);
	u32(t, 5);
	u32(t, 77);
	u32(t, 88);
	record_end(t, at);
}

static void read_log(struct cv_span index, struct cv_span log, int want,
		     struct dovecot_index *out)
{
	struct dovecot_files files = {
		.index = index, .log = log, .wanted = { "mdbox", NULL },
	};

	assert_int_equal(dovecot_index_read(pool, &files, out), want);
}

static void a_log_alone_makes_an_index(void **state)
{
	struct dovecot_index out;
	struct cv_text t;

	(void)state;
	cv_text_init(&t, pool);
	build_log(&t);
	read_log(CV_SPAN_NONE, cv_text_span(&t), CV_OK, &out);
	assert_int_equal(out.uidvalidity, 1234);
	assert_int_equal(out.uidnext, 6);
	assert_int_equal(out.count, 4);
	assert_int_equal(out.rows[1].flags, 8);
	assert_int_equal(out.rows[1].keywords[0], 1);
	assert_int_equal(out.rows[2].keywords[0], 2);
	assert_int_equal(out.rows[3].uid, 5);
	assert_int_equal(dovecot_row_u32(&out.rows[3], 0, 0), 77);
	assert_int_equal(dovecot_row_u32(&out.rows[3], 0, 4), 88);
	assert_int_equal(out.keyword_count, 2);
	assert_string_equal(out.keywords[1], "bar");
	/* the first, five changes */
	assert_int_equal(out.highestmodseq, 6);
}

static void a_log_is_read_at_every_cut(void **state)
{
	struct dovecot_index out;
	uint32_t last = 0;
	struct cv_text t;
	char *copy;

	(void)state;
	cv_text_init(&t, pool);
	build_log(&t);
	for (size_t len = 0; len <= t.len; len++) {
		struct dovecot_files files = { .wanted = { "mdbox", NULL } };
		int ret;

		files.log = exact(t.data, len, &copy);
		ret = dovecot_index_read(pool, &files, &out);
		assert_true(ret == CV_OK || ret == CV_NOT_FOUND);
		if (ret == CV_OK) {
			assert_true(out.uidnext >= last);
			last = out.uidnext;
		}
		free(copy);
	}
	assert_int_equal(last, 6);
}

static void each_byte_of_a_log_may_be_wrong(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct dovecot_index out;
	struct cv_text t;
	char *copy;

	(void)state;
	cv_text_init(&t, pool);
	build_log(&t);
	for (size_t i = 0; i < t.len; i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct dovecot_files files = {
				.wanted = { "mdbox", NULL },
			};
			int ret;

			files.log = exact(t.data, t.len, &copy);
			copy[i] = (char)values[v];
			ret = dovecot_index_read(pool, &files, &out);
			assert_true(ret == CV_OK || ret == CV_NOT_FOUND ||
				    ret == CV_E_LIMIT);
			for (uint32_t k = 1; ret == CV_OK && k < out.count;
			     k++)
				assert_true(out.rows[k].uid >
					    out.rows[k - 1].uid);
			free(copy);
		}
	}
}

/* A snapshot with one keyword, and what the log added behind it. */
static void build_index(struct cv_text *t, uint32_t log_head_offset)
{
	u8(t, 7);
	u8(t, 3);
	u16(t, 120);
	u32(t, 120 + 48);
	u32(t, 12);
	u32(t, 1);
	u32(t, 4711);
	u32(t, 0);
	u32(t, 1234);
	u32(t, 4);
	u32(t, 2);
	for (int i = 0; i < 6; i++)
		u32(t, 0);
	u32(t, 2);			/* log sequence */
	u32(t, log_head_offset);
	u32(t, log_head_offset);
	while (t->len < 120)
		u32(t, 0);
	u32(t, 4 + 8 + 5);		/* size, reset, offset, size ... */
	u32(t, 0);
	u16(t, 8);
	u16(t, 1);
	u16(t, 1);
	u16(t, 8);
	cv_text_append_str(t, "keywords");
	u32(t, 1);
	u32(t, 0);
	u32(t, 0);
	cv_text_append(t, "old1", 5);
	while (t->len < 120 + 48)
		u8(t, 0);
	u32(t, 1);
	u32(t, 1);
	u32(t, 1);			/* has the keyword */
	u32(t, 3);
	u32(t, 0x10);
	u32(t, 0);
}

static void an_index_goes_on_in_its_log(void **state)
{
	struct dovecot_index out;
	struct cv_text index, log;
	char *copy;
	size_t head;

	(void)state;
	cv_text_init(&index, pool);
	cv_text_init(&log, pool);
	log_head(&log, 2, 0);
	add_flags(&log, 1, 9, 4);	/* the snapshot has it already */
	head = log.len;
	add_flags(&log, 3, 3, 8);
	add_keyword(&log, "new", 3);
	build_index(&index, (uint32_t)head);
	read_log(cv_text_span(&index), cv_text_span(&log), CV_OK, &out);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.rows[0].flags, 1);
	assert_int_equal(out.rows[0].keywords[0], 1);
	assert_int_equal(out.rows[1].flags, 0x18);
	assert_int_equal(out.rows[1].keywords[0], 2);
	assert_string_equal(out.keywords[0], "old1");
	for (size_t len = 0; len < index.len; len++) {
		struct dovecot_files files = { .log = cv_text_span(&log) };
		int ret;

		files.index = exact(index.data, len, &copy);
		ret = dovecot_index_read(pool, &files, &out);
		assert_true(ret == CV_OK || ret == CV_NOT_FOUND);
		free(copy);
	}
	for (size_t i = 0; i < index.len; i++) {
		struct dovecot_files files = { .log = cv_text_span(&log) };
		int ret;

		files.index = exact(index.data, index.len, &copy);
		copy[i] = (char)(copy[i] ^ 0xff);
		ret = dovecot_index_read(pool, &files, &out);
		assert_true(ret == CV_OK || ret == CV_NOT_FOUND);
		free(copy);
	}
}

static void a_log_that_asks_for_too_much_is_refused(void **state)
{
	struct dovecot_index out;
	struct cv_text t;

	(void)state;
	cv_text_init(&t, pool);
	log_head(&t, 2, 0);
	add_header(&t, 24, 1234);
	add_messages(&t, 1, 100000);
	for (int i = 0; i < 100000; i++)
		add_flags(&t, 1, UINT32_MAX, 8);
	read_log(CV_SPAN_NONE, cv_text_span(&t), CV_E_LIMIT, &out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_back_and_each_changed_byte_seen),
		cmocka_unit_test(a_trailer_is_read_back_and_each_changed_byte_seen),
		cmocka_unit_test(keywords_that_do_not_fit_are_left_out),
		cmocka_unit_test(a_container_head_is_read_back_and_each_changed_byte_seen),
		cmocka_unit_test(a_foreign_file_is_understood_at_no_cut_too_early),
		cmocka_unit_test(a_log_alone_makes_an_index),
		cmocka_unit_test(a_log_is_read_at_every_cut),
		cmocka_unit_test(each_byte_of_a_log_may_be_wrong),
		cmocka_unit_test(an_index_goes_on_in_its_log),
		cmocka_unit_test(a_log_that_asks_for_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
