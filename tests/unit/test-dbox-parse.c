/* test-dbox-parse.c - what storage-dbox reads of files, cut at every byte and
 * with every byte changed: containers, the ledger, lines about attachments,
 * references. */
#include "base/crc32c.h"
#include "dbox-memory.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static const unsigned char changes[] = { 0x01, 0x10, 0x80, 0xff };
enum { CHANGES = sizeof(changes) };

/* A copy that ends where it ends: a read behind it is seen by the
 * sanitizer. */
static char *exact(struct cv_span s)
{
	char *copy = malloc(s.len == 0 ? 1 : s.len);

	assert_non_null(copy);
	memcpy(copy, s.data, s.len);
	return copy;
}

static void put(struct cv_text *t, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(t, (char)(i < 8 ? value >> (8 * i) & 0xff :
					   0));
}

/* --- containers -------------------------------------------------------------- */

static struct mdbox_items items_of(struct cv_span file, bool foreign,
				   struct cv_pool *pool)
{
	struct cv_storage_root *root = memory_root();
	struct mdbox_items items;
	struct cv_error err = ERROR_NONE;
	int ret;

	memory_file = file;
	ret = mdbox_items_read(root, 1000, foreign, 7, true, pool, &items,
			       &err);
	if (ret < 0) {
		items.count = 0;
		items.torn = true;
	}
	for (uint32_t i = 0; i < items.count; i++) {
		const struct dbox_message *m = &items.items[i].message;

		assert_true(m->body <= file.len);
		assert_true(i == 0 || items.items[i - 1].message.offset <
			    m->offset);
	}
	return items;
}

static void add_foreign(struct cv_text *t, const char *body, int number)
{
	cv_text_append_f(t, "\001\002N          %016zx\n%s\n\001\003\n"
			 "R5f000000\nV%zx\nG%032x\nBINBOX\n\n", strlen(body),
			 body, strlen(body), (unsigned int)number);
}

static void foreign_file(struct cv_text *t)
{
	cv_text_append_str(t, "2 M1e C5f000000\n");
	for (int i = 1; i <= 4; i++)
		add_foreign(t, i == 3 ? "" : "Subject: x\n\nbody\n", i);
}

static void add_ours(struct cv_text *t, const char *body, uint64_t id,
		     bool trailer)
{
	struct dbox_record record = {
		.id = id, .length = strlen(body), .slot = 64,
		.body_crc = crc32c(0, body, strlen(body)),
	};
	struct dbox_trailer saved = { .uid = (uint32_t)id, .uidvalidity = 3,
				      .folder = CV_SPAN("a") };
	unsigned char head[DBOX_RECORD_SIZE];

	dbox_record_format(&record, head);
	cv_text_append(t, head, sizeof(head));
	cv_text_append_str(t, body);
	if (trailer)
		dbox_trailer_format(t, &saved, record.slot);
	else
		put(t, 0, (int)record.slot);
	while (t->len % 8 != 0)
		cv_text_append_c(t, '\0');
}

static void own_file(struct cv_text *t, bool table)
{
	struct dbox_container head = { .number = 7, .created = 5 };
	unsigned char bytes[DBOX_CONTAINER_SIZE];
	uint64_t at[4];

	put(t, 0, DBOX_CONTAINER_SIZE);
	for (int i = 0; i < 4; i++) {
		at[i] = t->len;
		add_ours(t, i == 2 ? "" : "Subject: y\n\nbody\n",
			 (uint64_t)i + 1, i != 1);
	}
	if (table) {
		size_t start = t->len;

		for (int i = 0; i < 4; i++) {
			put(t, (uint64_t)i * 1000 + 64, 8);
			put(t, (uint64_t)i + 1, 8);
			put(t, at[i], 8);
		}
		head.table = start;
		head.table_count = 4;
		head.table_crc = crc32c(0, t->data + start, t->len - start);
	}
	dbox_container_format(&head, bytes);
	memcpy(t->data, bytes, sizeof(bytes));
}

/* What is read of a part is the beginning of what is read of the whole. */
static void try_cuts(struct cv_span file, bool foreign, bool table)
{
	uint32_t last = 0;

	for (size_t len = 0; len <= file.len; len++) {
		struct cv_pool *pool = pool_create("cut");
		char *copy = exact(cv_span(file.data, len));
		struct mdbox_items items = items_of(cv_span(copy, len),
						    foreign, pool);

		assert_true(items.count >= last);
		assert_true(table ? items.count == 0 || items.count == 4 :
			    items.count <= last + 1);
		assert_true(len == file.len || items.count < 4 ||
			    file.len - len < 64);
		last = items.count;
		free(copy);
		pool_destroy(&pool);
	}
	assert_int_equal(last, 4);
}

static void try_changes(struct cv_span file, bool foreign)
{
	for (size_t i = 0; i < file.len; i++) {
		for (int k = 0; k < CHANGES; k++) {
			struct cv_pool *pool = pool_create("change");
			char *copy = exact(file);
			struct mdbox_items items;

			copy[i] = (char)(copy[i] ^ changes[k]);
			items = items_of(cv_span(copy, file.len), foreign,
					 pool);
			assert_true(items.count <= 4);
			free(copy);
			pool_destroy(&pool);
		}
	}
}

static void containers_are_read_at_every_cut(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct cv_pool *pool = pool_create("file");
		struct cv_text t;

		(void)memory_root();
		cv_text_init(&t, pool);
		if (kind == 0)
			foreign_file(&t);
		else
			own_file(&t, kind == 2);
		try_cuts(cv_text_span(&t), kind == 0, kind == 2);
		try_changes(cv_text_span(&t), kind == 0);
		pool_destroy(&pool);
	}
}

/* Heads that all speak of the same room: each is read once, and no more. */
static void heads_without_bodies_cost_no_more_than_their_room(void **state)
{
	struct cv_pool *pool = pool_create("file");
	struct dbox_container head = { .number = 7 };
	struct dbox_record record = { .length = 1 << 20, .body_crc = 1 };
	unsigned char bytes[DBOX_RECORD_SIZE];
	struct mdbox_items items;
	struct cv_text t;

	(void)state;
	(void)memory_root();
	cv_text_init(&t, pool);
	dbox_container_format(&head, bytes);
	cv_text_append(&t, bytes, DBOX_CONTAINER_SIZE);
	dbox_record_format(&record, bytes);
	while (t.len < 2 << 20)
		cv_text_append(&t, bytes, sizeof(bytes));
	items = items_of(cv_text_span(&t), false, pool);
	assert_int_equal(items.count, 0);
	assert_true(items.torn);
	pool_destroy(&pool);
}

/* --- the ledger ---------------------------------------------------------------- */

static void add_entry(struct cv_text *t, uint32_t number, uint32_t uidvalidity,
		      uint64_t offset, uint32_t copy)
{
	size_t at = t->len;

	put(t, number, 4);
	put(t, uidvalidity, 4);
	put(t, offset, 8);
	put(t, copy, 4);
	put(t, crc32c(0, t->data + at, 20), 4);
}

static uint32_t expunged(struct cv_span file, uint64_t offset)
{
	struct cv_pool *pool = pool_create("ledger");
	char *copy = exact(file);
	struct mdbox_ledger *ledger;
	uint32_t count;

	mdbox_ledger_parse(cv_span(copy, file.len), pool, &ledger);
	count = mdbox_ledger_expunged(ledger, 5, offset);
	assert_int_equal(mdbox_ledger_expunged(ledger, 6, offset), 0);
	free(copy);
	pool_destroy(&pool);
	return count;
}

static void a_ledger_is_read_at_every_cut(void **state)
{
	enum { ENTRY = 24 };
	struct cv_pool *pool = pool_create("file");
	struct cv_text t;

	(void)state;
	(void)memory_root();
	cv_text_init(&t, pool);
	add_entry(&t, 5, 1, 100, 0);
	add_entry(&t, 5, 2, 100, 0);
	add_entry(&t, 5, 1, 100, 1);
	add_entry(&t, 5, 1, 100, 1);	/* said twice */
	add_entry(&t, 5, 1, 0, 0);	/* taken over anew */
	add_entry(&t, 5, 1, 200, 0);
	for (size_t len = 0; len <= t.len; len++) {
		struct cv_span part = cv_span(t.data, len);
		static const uint32_t at_100[] = { 0, 1, 2, 3, 3, 1, 1 };

		assert_int_equal(expunged(part, 100), at_100[len / ENTRY]);
		assert_int_equal(expunged(part, 200), len == t.len);
	}
	for (size_t i = 0; i < t.len; i++) {
		for (int k = 0; k < CHANGES; k++) {
			/* an entry fewer, or one of those undone is back */
			t.data[i] = (char)(t.data[i] ^ changes[k]);
			assert_int_equal(expunged(cv_text_span(&t), 100),
					 i / ENTRY == 4 ? 3 :
					 i / ENTRY == 1 ? 0 : 1);
			assert_int_equal(expunged(cv_text_span(&t), 200),
					 i / ENTRY != 5);
			t.data[i] = (char)(t.data[i] ^ changes[k]);
		}
	}
	pool_destroy(&pool);
}

/* --- attachments ------------------------------------------------------------------ */

static bool parts_of(struct cv_span line, struct cv_pool *pool,
		     uint32_t *count_r)
{
	struct dbox_part *parts;
	char *copy = exact(line);
	bool good = dbox_parts_parse(cv_span(copy, line.len), pool, &parts,
				     count_r);

	for (uint32_t i = 0; i < *count_r; i++) {
		assert_true(parts[i].path[0] != '/' && parts[i].path[0] != '.');
		assert_null(strstr(parts[i].path, ".."));
		assert_true(parts[i].line % 4 == 0);
	}
	free(copy);
	return good;
}

static void a_line_about_attachments_is_read_at_every_cut(void **state)
{
	static const char line[] = "160 4056 B76C ab/cd/abcd-1 "
		"5000 800 - ef/gh 9000 4 B4 x";
	struct cv_pool *pool = pool_create("parts");
	struct cv_text t;
	uint32_t count, last = 0;

	(void)state;
	(void)memory_root();
	for (size_t len = 0; len < sizeof(line); len++) {
		bool good = parts_of(cv_span(line, len), pool, &count);

		/* "ab/" is no path yet */
		assert_true(count + 1 >= last && count <= last + 1);
		assert_true(!good || count > 0 || len == 0);
		last = count;
	}
	assert_int_equal(last, 3);
	cv_text_init(&t, pool);
	cv_text_append(&t, line, sizeof(line) - 1);
	for (size_t i = 0; i < t.len; i++) {
		for (int c = 0; c < 256; c++) {
			char was = t.data[i];

			t.data[i] = (char)c;
			(void)parts_of(cv_text_span(&t), pool, &count);
			assert_true(count <= 4);
			t.data[i] = was;
		}
		pool_reset(pool);
		cv_text_init(&t, pool);
		cv_text_append(&t, line, sizeof(line) - 1);
	}
	pool_destroy(&pool);
}

static void a_line_about_attachments_leads_nowhere_else(void **state)
{
	static const char *const bad[] = {
		"0 1 - ../x", "0 1 - /etc/passwd", "0 1 - a/../../x",
		"0 1 - a//b", "0 1 - .x", "0 1 B75 x", "0 1 B0 x",
		"0 1 B2000 x", "0 1 B x", "0 1 C x", "-1 1 - x", "0 -1 - x",
		"99999999999999999999 1 - x", "0 1 -", "0 1", "0", "0 1 - ",
	};
	struct cv_pool *pool = pool_create("parts");
	struct cv_text many;
	uint32_t count;

	(void)state;
	(void)memory_root();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parts_of(cv_span_of(bad[i]), pool, &count));
	assert_false(parts_of(CV_SPAN("0 1 - a\0b"), pool, &count));
	cv_text_init(&many, pool);
	for (int i = 0; i < DBOX_PARTS_MAX; i++)
		cv_text_append_str(&many, "0 1 - x ");
	many.len--;
	assert_true(parts_of(cv_text_span(&many), pool, &count));
	cv_text_append_str(&many, " 0 1 - x");
	assert_false(parts_of(cv_text_span(&many), pool, &count));
	pool_destroy(&pool);
}

/* --- references --------------------------------------------------------------------- */

static void a_reference_is_read_at_every_cut(void **state)
{
	static const char *const all[] = {
		"c.17.64.0123456789abcdef.xfe", "m.3.16.x2", "m.3.16",
		"c.1.64.a",
	};

	(void)state;
	(void)memory_root();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cv_span whole = cv_span_of(all[i]);
		struct mdbox_ref ref;

		assert_true(mdbox_ref_parse(whole, &ref));
		assert_int_equal(ref.foreign, all[i][0] == 'm');
		for (size_t len = 0; len < whole.len; len++) {
			char *copy = exact(cv_span(whole.data, len));

			if (mdbox_ref_parse(cv_span(copy, len), &ref))
				assert_true(len >= 5 && copy[len - 1] != '.');
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_are_read_at_every_cut),
		cmocka_unit_test(heads_without_bodies_cost_no_more_than_their_room),
		cmocka_unit_test(a_ledger_is_read_at_every_cut),
		cmocka_unit_test(a_line_about_attachments_is_read_at_every_cut),
		cmocka_unit_test(a_line_about_attachments_leads_nowhere_else),
		cmocka_unit_test(a_reference_is_read_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
