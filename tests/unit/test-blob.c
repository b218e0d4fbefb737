/* test-blob.c - what every blob driver must do with messages: the same tests
 * on each. */
#include "blob-fixture.h"

#define BODY "From: a\nSubject: b\n\nhello\n"

/* --- put and get ----------------------------------------------------------------- */

static const char *const bodies[] = {
	"a\n", "\n", "\n\n\n", BODY, "Subject: crlf\r\n\r\nhello\r\n",
	"From here on\nFrom: a\n\nFrom there\n>From quoted\n\nFrom x Mon "
	"Jan  1 00:00:00 2024\nFrom: b\n\nbody\n",
	"Status: RO\nX-Status: A\nX-UID: 5\nX-Keywords: a b\nX-IMAP: 1 2\n"
	"Content-Length: 3\nLines: 1\nSubject: x\n\nbody\n",
	"no header at all\n", "Subject: \xff\x80\x01\n\n\x7f\xe2\x82\xac\n",
	"Subject: lone \r in it\n\na\rb\r\r\nc\n",
};

static void what_was_put_is_got(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blobs[BLOB_COUNT(bodies)];

	for (size_t i = 0; i < BLOB_COUNT(bodies); i++) {
		blobs[i] = blob_put(b, bodies[i]);
		assert_blob(b, &blobs[i], bodies[i]);	/* hidden */
		blob_place(b, b->folder, &blobs[i]);
		assert_blob(b, &blobs[i], bodies[i]);
	}
	blob_reopen(b);
	for (size_t i = 0; i < BLOB_COUNT(bodies); i++)
		assert_blob(b, &blobs[i], bodies[i]);
}

/* 33 MiB of lines, each with its number. */
static struct cv_span huge_body(struct cv_pool *pool)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	text_grow(&text, 34 << 20);
	cv_text_append_str(&text, "Subject: huge\r\n\r\n");
	for (unsigned int i = 0; text.len < 33 << 20; i++)
		cv_text_append_f(&text, "%062u\r\n", i);
	return cv_text_span(&text);
}

static void any_range_of_a_huge_one_is_got(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_span body = huge_body(b->pool);
	const uint64_t places[] = { 0, 1, 4095, 65536, 16 << 20, 1 << 20,
				    body.len - 3000, 100 };
	struct cv_blob_source src;
	struct cv_blob blob;
	char data[3000];

	okb(b, blob_try_put(b, b->folder, body, &blob));
	for (int placed = 0; placed < 2; placed++) {
		okb(b, blob_get(b, b->folder, &blob, &src));
		assert_int_equal(src.len, body.len);
		for (size_t i = 0; i < BLOB_COUNT(places); i++) {
			okb(b, blob_range(b, &src, places[i], data,
					  sizeof(data)));
			assert_memory_equal(data, body.data + places[i],
					    sizeof(data));
		}
		blob_source_close(b, &src);
		if (placed == 0)
			blob_place(b, b->folder, &blob);
	}
}

/* What is announced is a hint: it may be wrong, or absurd. */
static void an_announced_size_is_a_hint(void **state)
{
	struct blob_fixture *b = *state;
	const uint64_t sizes[] = { 1, 1000000, (uint64_t)1 << 50,
				   UINT64_MAX / 2, UINT64_MAX };
	struct cv_span text, body = CV_SPAN(BODY);

	for (size_t i = 0; i < BLOB_COUNT(sizes); i++) {
		struct cv_blob blob = { CV_SIZED(cv_blob),
					.received = 1700000000 };
		struct cv_storage_put *put = NULL;
		int ret = b->d->put_create(b->folder, b->pool, sizes[i], 0,
					   &put, &b->err);

		if (ret != CV_OK) {	/* it cannot be, or does not fit */
			assert_true(sizes[i] > 1000000);
			assert_true(ret == CV_E_NO_SPACE ||
				    ret == CV_E_LIMIT);
			continue;
		}
		okb(b, b->d->put_write(put, body.data, body.len, &b->err));
		okb(b, b->d->put_finish(&put, blob_virtual_size(body),
					1700000000, false, &blob.ref,
					&b->err));
		blob.bytes = body.len;
		blob.virtual_bytes = blob_virtual_size(body);
		blob_place(b, b->folder, &blob);
		okb(b, blob_read(b, b->folder, &blob, &text));
		assert_true(cv_span_equal(text, body));
	}
}

static void an_aborted_put_leaves_nothing(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_span body = huge_body(b->pool);
	struct cv_storage_put *put;

	for (size_t len = 1; len < body.len; len = len * 40 + 1) {
		put = NULL;
		okb(b, b->d->put_create(b->folder, b->pool, 0, 0, &put,
					&b->err));
		okb(b, b->d->put_write(put, body.data, len, &b->err));
		b->d->put_abort(&put);
		assert_null(put);
	}
	put = NULL;
	b->d->put_abort(&put);		/* nothing to abort */
	assert_int_equal(blob_scan(b)->found.count, 0);
	blob_reopen(b);
	assert_int_equal(blob_scan(b)->found.count, 0);
}

/* --- hidden and placed --------------------------------------------------------------- */

static void nothing_hidden_is_found(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob one = blob_save(b, BODY), two = blob_put(b, BODY);
	struct blob_scan *scan = blob_scan(b);

	assert_int_equal(scan->found.count, 1);
	assert_non_null(blob_found(scan, one.ref));
	blob_reopen(b);
	scan = blob_scan(b);
	assert_null(blob_found(scan, two.ref));
	assert_blob(b, &two, BODY);
	/* a commit that came, and then a crash */
	two.uid = b->uidnext++;
	blob_numbers(b, b->folder);
	okb(b, b->d->recover(b->folder, &two, &b->err));
	b->d->place(b->folder, &two, 1);
	scan = blob_scan(b);
	assert_non_null(blob_found(scan, two.ref));
	assert_int_equal(scan->found.count, 2);
	assert_blob(b, &two, BODY);
	/* placed already: it is not gone */
	okb(b, b->d->recover(b->folder, &two, &b->err));
	assert_int_equal(blob_scan(b)->found.count, 2);
}

static void a_hidden_one_is_unlinked(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob one = blob_put(b, BODY), two = blob_save(b, BODY);

	b->d->unlink_hidden(b->folder, one.ref);
	b->d->unlink_hidden(b->folder, one.ref);
	assert_int_equal(blob_scan(b)->found.count, 1);
	assert_blob(b, &two, BODY);
	/* gone at once, or with the next purge */
	if (b->d->purge == NULL)
		assert_int_equal(b->d->recover(b->folder, &one, &b->err),
				 CV_NOT_FOUND);
}

static void placing_again_changes_nothing(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob one = blob_save(b, BODY), two = blob_save(b, "x\n");

	b->d->place(b->folder, &one, 1);
	b->d->place(b->folder, &two, 1);
	b->d->place(b->folder, &one, 1);
	assert_int_equal(blob_scan(b)->found.count, 2);
	assert_blob(b, &one, BODY);
	assert_blob(b, &two, "x\n");
}

static void a_scan_finds_each_with_its_size(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blobs[BLOB_COUNT(bodies)];
	struct blob_scan *scan;

	for (size_t i = 0; i < BLOB_COUNT(bodies); i++)
		blobs[i] = blob_save(b, bodies[i]);
	blob_reopen(b);
	scan = blob_scan(b);
	assert_int_equal(scan->found.count, BLOB_COUNT(bodies));
	for (size_t i = 0; i < BLOB_COUNT(bodies); i++) {
		struct cv_found *found = blob_found(scan, blobs[i].ref);

		assert_non_null(found);
		okb(b, b->d->look(b->folder, found, &b->err));
		assert_int_equal(found->bytes, strlen(bodies[i]));
		assert_int_equal(found->received, 1700000000);
		if (found->has_guid)
			assert_memory_equal(found->guid, blobs[i].guid, 16);
	}
}

/* --- references ------------------------------------------------------------------------- */

static void a_reference_is_never_given_twice(void **state)
{
	struct blob_fixture *b = *state;
	struct hash_table seen;

	hash_init(&seen, b->pool, false);
	for (int i = 0; i < 300; i++) {
		struct cv_blob blob = blob_put(b, "the same\n");

		assert_in_range(blob.ref.len, 1, ACCOUNT_BLOB_MAX);
		assert_null(memchr(blob.ref.data, '\0', blob.ref.len));
		/* tombstones are lists of lines */
		assert_null(memchr(blob.ref.data, '\n', blob.ref.len));
		assert_null(hash_find(&seen, blob.ref));
		hash_set(&seen, pool_span(b->pool, blob.ref), b);
		if (i % 3 == 0) {
			b->d->unlink_hidden(b->folder, blob.ref);
			continue;
		}
		blob_place(b, b->folder, &blob);
		if (i % 3 == 1)
			okb(b, b->d->remove(b->folder, &blob, 1, &b->err));
		if (i % 50 == 0)
			blob_reopen(b);
	}
	assert_int_equal(blob_scan(b)->found.count, 100);
}

/* --- what another server or a damaged journal may say ----------------------------------------- */

static const struct cv_span hostile_refs[] = {
	CV_SPAN(""), CV_SPAN("."), CV_SPAN(".."), CV_SPAN("/"),
	CV_SPAN("/etc/passwd"), CV_SPAN("../canary"),
	CV_SPAN("../../canary"), CV_SPAN("../../../canary"),
	CV_SPAN("cur/../../../canary"), CV_SPAN("canary"),
	CV_SPAN("a\0b"), CV_SPAN("\n"), CV_SPAN("a\nb"), CV_SPAN("%s%n"),
	CV_SPAN("c.1.2.3"), CV_SPAN("c.0.0.0"),
	CV_SPAN("c.4294967295.18446744073709551615.ffffffffffffffff"),
	CV_SPAN("c.99999999999999999999.1.1"), CV_SPAN("c.-1.-1.-1"),
	CV_SPAN("m.-000000000000001"), CV_SPAN("m.ffffffffffffffff"),
	CV_SPAN("u.1"), CV_SPAN("u.4294967296"), CV_SPAN("h.c.1"),
	CV_SPAN("1700000000.x:2,S"), CV_SPAN("x,S=18446744073709551615,W=1"),
	CV_SPAN("00000000000000000000000000000000.ffffffffffffffff"),
};

static void try_hostile(struct blob_fixture *b, struct cv_span ref)
{
	struct cv_blob blob = {
		CV_SIZED(cv_blob), .ref = ref, .received = 1, .bytes = 5,
		.virtual_bytes = 6, .uid = 77,
	};
	struct cv_flag_update update = {
		CV_SIZED(cv_flag_update), .blob = blob,
		.flags = CV_FLAG_SEEN,
	};
	struct cv_found found = { CV_SIZED(cv_found), .ref = ref };
	struct cv_span text, copy;

	assert_true(blob_read(b, b->folder, &blob, &text) != CV_OK);
	assert_true(b->d->look(b->folder, &found, NULL) != CV_OK);
	assert_true(b->d->recover(b->folder, &blob, NULL) != CV_OK);
	assert_true(b->d->link(b->folder, b->folder, &blob, b->pool, &copy,
			       NULL) != CV_OK);
	(void)b->d->set_flags(b->folder, &update, 1, NULL);
	b->d->unlink_hidden(b->folder, ref);
	b->d->place(b->folder, &blob, 1);
	(void)b->d->remove(b->folder, &blob, 1, NULL);
}

static void hostile_references_reach_nothing(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob good = blob_save(b, BODY);
	char path[100], text[20] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/canary", b->dir);
	file = fopen(path, "w");
	fputs("alive", file);
	fclose(file);
	for (size_t i = 0; i < BLOB_COUNT(hostile_refs); i++)
		try_hostile(b, hostile_refs[i]);
	try_hostile(b, cv_span(memset(pool_alloc(b->pool, 5000), 'a', 5000),
			       5000));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "alive");
	assert_int_equal(blob_scan(b)->found.count, 1);
	assert_blob(b, &good, BODY);
}

/* A good reference with one byte changed, or cut, names nothing. */
static void a_reference_counts_as_a_whole(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob good = blob_save(b, BODY);
	char *bytes = pool_alloc(b->pool, good.ref.len);
	struct cv_span text;

	for (size_t i = 0; i < good.ref.len; i++) {
		struct cv_blob blob = good;

		memcpy(bytes, good.ref.data, good.ref.len);
		bytes[i] = bytes[i] == 'q' ? 'r' : 'q';
		blob.uid = 99;
		blob.ref = cv_span(bytes, good.ref.len);
		assert_true(blob_read(b, b->folder, &blob, &text) != CV_OK);
		blob.ref = cv_span(good.ref.data, i);
		assert_true(blob_read(b, b->folder, &blob, &text) != CV_OK);
	}
	assert_blob(b, &good, BODY);
}

/* --- removing ----------------------------------------------------------------------------------- */

static void what_is_removed_is_gone(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blobs[3] = { blob_save(b, "a\n"), blob_save(b, "b\n"),
				    blob_save(b, "c\n") };
	struct cv_blob live[2] = { blobs[0], blobs[2] };
	struct blob_scan *scan;
	struct cv_span text;

	okb(b, b->d->remove(b->folder, &blobs[1], 1, &b->err));
	scan = blob_scan(b);
	assert_int_equal(scan->found.count, 2);
	assert_null(blob_found(scan, blobs[1].ref));
	/* again, and together with others */
	okb(b, b->d->remove(b->folder, &blobs[1], 1, &b->err));
	blob_purge(b, live, 2);
	assert_true(blob_read(b, b->folder, &blobs[1], &text) != CV_OK);
	assert_int_equal(b->d->recover(b->folder, &blobs[1], &b->err),
			 CV_NOT_FOUND);
	assert_blob(b, &blobs[0], "a\n");
	assert_blob(b, &blobs[2], "c\n");
	okb(b, b->d->remove(b->folder, blobs, 3, &b->err));
	blob_purge(b, NULL, 0);
	blob_reopen(b);
	assert_int_equal(blob_scan(b)->found.count, 0);
}

/* Whoever reads goes on reading, or is told; never other bytes. */
static void a_message_that_is_removed_while_it_is_read(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_span body = huge_body(b->pool);
	struct cv_blob blob, first = blob_save(b, BODY);
	struct cv_blob_source src;
	char data[1000];

	okb(b, blob_try_put(b, b->folder, body, &blob));
	blob_place(b, b->folder, &blob);
	okb(b, blob_get(b, b->folder, &blob, &src));
	okb(b, blob_range(b, &src, 0, data, sizeof(data)));
	okb(b, b->d->remove(b->folder, &blob, 1, &b->err));
	okb(b, b->d->remove(b->folder, &first, 1, &b->err));
	if (blob_range(b, &src, 20 << 20, data, sizeof(data)) == CV_OK)
		assert_memory_equal(data, body.data + (20 << 20),
				    sizeof(data));
	blob_source_close(b, &src);
}

/* A session announces a length before it reads: one of usual size is whole. */
static void a_small_one_that_was_opened_stays_whole(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY);
	struct cv_blob_source src;
	char data[sizeof(BODY)] = "";

	okb(b, blob_get(b, b->folder, &blob, &src));
	okb(b, b->d->remove(b->folder, &blob, 1, &b->err));
	blob_purge(b, NULL, 0);
	assert_int_equal(src.len, strlen(BODY));
	okb(b, blob_range(b, &src, 0, data, strlen(BODY)));
	assert_string_equal(data, BODY);
	blob_source_close(b, &src);
}

/* --- what a power cut lost ---------------------------------------------------------------------------- */

static void laying_out_again_changes_nothing(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob one = blob_save(b, BODY), two = blob_put(b, "two\n");
	struct cv_blob live[2] = { one, two };

	two.uid = b->uidnext++;
	blob_numbers(b, b->folder);
	for (int i = 0; i < 2; i++) {
		/* there; hidden; there */
		okb(b, b->d->lay_out(b->folder, &one, CV_SPAN(BODY),
				     &b->err));
		okb(b, b->d->lay_out(b->folder, &two, CV_SPAN("two\n"),
				     &b->err));
		assert_int_equal(blob_scan(b)->found.count, 2);
		assert_blob(b, &one, BODY);
		assert_blob(b, &two, "two\n");
	}
	/* all of it lost by a power cut */
	okb(b, b->d->remove(b->folder, live, 2, &b->err));
	blob_purge(b, NULL, 0);
	memset(b->config.boot_id, 2, 16);
	blob_reopen(b);
	okb(b, b->d->lay_out(b->folder, &two, CV_SPAN("two\n"), &b->err));
	blob_reopen(b);
	assert_blob(b, &two, "two\n");
	assert_int_equal(blob_scan(b)->found.count, 1);
}

/* --- copies ---------------------------------------------------------------------------------------------- */

static void a_copy_lives_by_itself(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY), copy = blob;
	struct cv_storage_folder *other;
	struct cv_span text;
	int ret;

	blob_make_folder(b, "other");
	other = blob_open_folder(b, "other", CV_SPAN_NONE);
	ret = b->d->link(other, b->folder, &blob, b->pool, &copy.ref,
			 &b->err);
	if (ret != CV_E_UNSUPPORTED) {	/* "read and put instead" */
		assert_int_equal(ret, CV_OK);
		okb(b, b->d->sync_hidden(other, &b->err));
		copy.uid = 0;
		assert_blob_in(b, other, &copy, CV_SPAN(BODY));
		blob_place(b, other, &copy);
		okb(b, b->d->remove(b->folder, &blob, 1, &b->err));
		blob_purge(b, &copy, 1);
		assert_blob_in(b, other, &copy, CV_SPAN(BODY));
		/* what is not there is not copied; where bytes are shared
		 * they are there as long as the copy is */
		if (!blob_has(b, CV_STORAGE_POOLED)) {
			assert_true(blob_read(b, b->folder, &blob, &text) !=
				    CV_OK);
		} else {
			okb(b, b->d->remove(other, &copy, 1, &b->err));
			blob_purge(b, NULL, 0);
		}
		ret = b->d->link(b->folder, b->folder, &blob, b->pool,
				 &copy.ref, &b->err);
		assert_true(ret != CV_OK);
	}
	b->d->folder_close(&other);
}

/* --- flags ------------------------------------------------------------------------------------------------- */

static struct cv_flag_update update_of(const struct cv_blob *blob,
				       uint32_t flags)
{
	return (struct cv_flag_update){
		CV_SIZED(cv_flag_update), .blob = *blob, .flags = flags,
		.marks = blob->marks & ~(uint32_t)CV_BLOB_ARRIVAL,
		.status = CV_E_INTERNAL,
	};
}

/* As it was is compared before it is changed: what another program did is
 * not overwritten. */
static void flags_are_compared_and_set(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY);
	struct cv_flag_update update = update_of(&blob, CV_FLAG_SEEN);
	struct cv_found *found;
	struct cv_blob stale = blob;
	const uint32_t now = CV_FLAG_SEEN | CV_FLAG_FLAGGED;

	okb(b, b->d->set_flags(b->folder, &update, 1, &b->err));
	assert_int_equal(update.status, CV_OK);
	blob.flags = CV_FLAG_SEEN;
	blob.marks = update.marks;
	update = update_of(&blob, now);
	okb(b, b->d->set_flags(b->folder, &update, 1, &b->err));
	assert_int_equal(update.status, CV_OK);
	blob.flags = now;
	blob.marks = update.marks;
	/* whoever believes that nothing is set */
	update = update_of(&stale, CV_FLAG_DRAFT);
	(void)b->d->set_flags(b->folder, &update, 1, NULL);
	if (blob_has(b, CV_STORAGE_FOREIGN)) {
		found = blob_found(blob_scan(b), blob.ref);
		assert_non_null(found);
		assert_int_equal(update.status, CV_CHANGED);
		assert_int_equal(found->flags & CV_FLAGS_STORED, now);
	}
	assert_blob(b, &blob, BODY);
}

static void flags_of_what_is_not_there(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob one = blob_save(b, BODY), two = blob_save(b, "two\n");
	struct cv_flag_update updates[2];

	okb(b, b->d->remove(b->folder, &one, 1, &b->err));
	updates[0] = update_of(&one, CV_FLAG_SEEN);
	updates[1] = update_of(&two, CV_FLAG_SEEN);
	okb(b, b->d->set_flags(b->folder, updates, 2, &b->err));
	if (blob_has(b, CV_STORAGE_FOREIGN))
		assert_true(updates[0].status == CV_NOT_FOUND ||
			    updates[0].status == CV_CHANGED);
	assert_int_equal(updates[1].status, CV_OK);
	assert_blob(b, &two, "two\n");
}

static void keywords_that_are_shown_are_found(void **state)
{
	struct blob_fixture *b = *state;
	static const char *const names[] = { "$One", "two" };
	struct cv_blob blob = blob_save(b, BODY);
	struct cv_flag_update update = update_of(&blob, CV_FLAG_SEEN);
	struct cv_found *found;
	bool shown[2];

	update.keywords = (struct cv_keywords){ names, 2 };
	okb(b, b->d->set_flags(b->folder, &update, 1, &b->err));
	assert_int_equal(update.status, CV_OK);
	for (int i = 0; i < 2; i++)
		shown[i] = b->d->keyword_shown(b->folder, names[i]);
	found = blob_found(blob_scan(b), blob.ref);
	assert_non_null(found);
	if (!blob_has(b, CV_STORAGE_FOREIGN))
		return;
	assert_int_equal(found->keywords.count, shown[0] + shown[1]);
	for (uint32_t i = 0; i < found->keywords.count; i++)
		assert_true(strcmp(found->keywords.names[i], "$One") == 0 ||
			    strcmp(found->keywords.names[i], "two") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_got),
		cmocka_unit_test(any_range_of_a_huge_one_is_got),
		cmocka_unit_test(an_announced_size_is_a_hint),
		cmocka_unit_test(an_aborted_put_leaves_nothing),
		cmocka_unit_test(nothing_hidden_is_found),
		cmocka_unit_test(a_hidden_one_is_unlinked),
		cmocka_unit_test(placing_again_changes_nothing),
		cmocka_unit_test(a_scan_finds_each_with_its_size),
		cmocka_unit_test(a_reference_is_never_given_twice),
		cmocka_unit_test(hostile_references_reach_nothing),
		cmocka_unit_test(a_reference_counts_as_a_whole),
		cmocka_unit_test(what_is_removed_is_gone),
		cmocka_unit_test(a_message_that_is_removed_while_it_is_read),
		cmocka_unit_test(a_small_one_that_was_opened_stays_whole),
		cmocka_unit_test(laying_out_again_changes_nothing),
		cmocka_unit_test(a_copy_lives_by_itself),
		cmocka_unit_test(flags_are_compared_and_set),
		cmocka_unit_test(flags_of_what_is_not_there),
		cmocka_unit_test(keywords_that_are_shown_are_found),
	};

	return blob_run("blobs", tests, BLOB_COUNT(tests));
}
