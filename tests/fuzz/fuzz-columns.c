/* fuzz-columns.c - SORT and THREAD with a columns file of any bytes: whatever
 * it says, the answer is one of all messages, each once.
 *
 * First byte, bit 0: sections have other contents (a byte of section, two of
 * length, the contents), or else bytes of the file are changed (two bytes of
 * place, one of value), bit 1: with checksums that are right; bits 2 and 3:
 * what is asked for. */
#include "broker-mail.h"
#include "mailbox/key-table.h"
#include "account/account-private.h"
#include "account/columns.h"
#include "account/meta.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES = 260, HEADER = 896, SECTIONS_AT = 64, ENTRY = 24 };

static struct broker_mail mail;
static struct cv_mailbox *box;
static unsigned char *genuine, *changed;
static size_t genuine_len;
static struct cv_span sections[COLUMNS_SECTIONS];

static const struct cv_search_node all_node = { .op = CV_SEARCH_ALL };
static const struct cv_search_query all = {
	CV_SIZED(cv_search_query), .nodes = &all_node, .count = 1,
};

static void save(unsigned int i)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.internal_date = 1000000000 + i };
	struct cv_save *s;
	char text[300];
	int len = snprintf(text, sizeof(text), "From: p%u@x\r\nTo: t%u@x\r\n"
			   "Subject: %s%u\r\nMessage-ID: <%u@x>\r\n"
			   "References: <%u@x> <%u@x>\r\n\r\n", i % 7, i % 5,
			   i % 3 == 0 ? "" : "Re: ", i % 11, i, i / 8, i / 2);

	BUG_IF(mailbox_save_begin(mail.user, "INBOX", &s, NULL) < 0 ||
	       mailbox_save_add(s, &r, NULL) < 0 ||
	       mailbox_save_write(s, text, (size_t)len, NULL) < 0 ||
	       mailbox_save_finish(s, NULL) < 0 ||
	       mailbox_save_commit(&s, NULL, NULL, NULL, NULL) < 0);
}

static void check_sort(struct cv_pool *pool, bool some)
{
	static const uint32_t many[] = { CV_SORT_SUBJECT, CV_SORT_FROM,
		CV_SORT_TO, CV_SORT_CC, CV_SORT_DISPLAYFROM,
		CV_SORT_DISPLAYTO, CV_SORT_DATE };
	struct cv_sort_request r = { CV_SIZED(cv_sort_request),
		.query = &all, .keys = many, .key_count = some ? 1 : 7 };
	bool seen[MESSAGES + 1] = { false };
	uint32_t *seqs, count;

	BUG_IF(mailbox_sort(box, &r, pool, &seqs, &count, NULL) < 0 ||
	       count != MESSAGES);
	for (uint32_t i = 0; i < count; i++) {
		BUG_IF(seqs[i] == 0 || seqs[i] > MESSAGES || seen[seqs[i]]);
		seen[seqs[i]] = true;
	}
}

static void check_thread(struct cv_pool *pool, uint32_t algorithm)
{
	struct cv_thread_request r = { CV_SIZED(cv_thread_request),
		.query = &all, .algorithm = algorithm };
	bool seen[MESSAGES + 1] = { false };
	uint32_t count, messages = 0;
	struct cv_thread_node *nodes;

	BUG_IF(mailbox_thread(box, &r, pool, &nodes, &count, NULL) < 0);
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i].seq == 0)
			continue;
		BUG_IF(nodes[i].seq > MESSAGES || seen[nodes[i].seq]);
		seen[nodes[i].seq] = true;
		messages++;
	}
	BUG_IF(messages != MESSAGES);
}

static void ask(struct cv_pool *pool, unsigned int what)
{
	if (what < 2)
		check_sort(pool, what == 0);
	else
		check_thread(pool, what == 2 ? CV_THREAD_REFERENCES :
			     CV_THREAD_ORDEREDSUBJECT);
}

/* The file that is written by itself. */
static void take_genuine(struct cv_pool *pool)
{
	struct account_columns *c = account_columns_open(box->folder, pool);
	struct meta_name name = { META_COLUMNS, box->folder->guid, 0 };
	struct meta_object *object = meta_open(box->folder->account->meta,
					       &name);
	struct meta_head head;

	BUG_IF(c == NULL || object == NULL || meta_head(object, &head) < 0);
	for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++)
		(void)account_columns_load(c, i, pool, &sections[i]);
	genuine_len = (size_t)head.size;
	genuine = pool_alloc(pool, genuine_len);
	changed = pool_alloc(pool, genuine_len);
	BUG_IF(meta_load(object, 0, genuine, genuine_len) !=
	       (ssize_t)genuine_len);
	meta_release(&object);
	account_columns_close(&c);
}

static void begin(void)
{
	static struct cv_pool *pool;	/* for as long as the process is */

	pool = pool_create("genuine");
	broker_mail_open(&mail, NULL);
	for (unsigned int i = 3; i < MESSAGES; i++)
		save(i);
	BUG_IF(mailbox_open(mail.user, "INBOX", 0, &box, NULL) < 0);
	for (unsigned int what = 0; what < 4; what++)
		ask(pool, what);
	take_genuine(pool);
}

static void sign(unsigned char *file)
{
	uint32_t crc;

	for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++) {
		unsigned char *entry = file + SECTIONS_AT + i * ENTRY;
		uint64_t offset, len;

		memcpy(&offset, entry, 8);
		memcpy(&len, entry + 8, 8);
		if (offset > genuine_len || len > genuine_len - offset)
			continue;
		crc = crc32c(0, file + offset, (size_t)len);
		memcpy(entry + 16, &crc, 4);
	}
	crc = crc32c(0, file, HEADER - 4);
	memcpy(file + HEADER - 4, &crc, 4);
}

static void put_bytes(const uint8_t *data, size_t size, bool right)
{
	struct meta *meta = box->folder->account->meta;
	struct meta_name name = { META_COLUMNS, box->folder->guid, 0 };
	struct meta_object *object = meta_create(meta, &name);

	memcpy(changed, genuine, genuine_len);
	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (size_t)data[0] << 8 | data[1];

		changed[at % genuine_len] = data[2];
	}
	if (right)
		sign(changed);
	BUG_IF(object == NULL ||
	       meta_write(object, 0, changed, genuine_len) < 0);
	meta_release(&object);
}

static void put_sections(const uint8_t *data, size_t size)
{
	struct cv_span other[COLUMNS_SECTIONS];

	memcpy(other, sections, sizeof(other));
	while (size >= 3) {
		size_t len = (size_t)data[1] << 8 | data[2];
		unsigned int section = data[0] % COLUMNS_SECTIONS;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		other[section] = cv_span((const char *)data, len);
		data += len;
		size -= len;
	}
	account_columns_save(box->folder, other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool;

	if (size < 1)
		return 0;
	if (box == NULL)
		begin();
	if ((data[0] & 1) != 0)
		put_sections(data + 1, size - 1);
	else
		put_bytes(data + 1, size - 1, (data[0] & 2) != 0);
	pool = pool_create("fuzz");
	ask(pool, data[0] >> 2 & 3);
	pool_destroy(&pool);
	return 0;
}
