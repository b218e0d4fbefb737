/* fuzz-journal.c - a journal of any bytes.
 *
 * An even first byte: the rest follows a valid header as it is.  Odd: the
 * rest is a list of records (type, flags, length, payload) that get valid
 * checksums, so that what they say is tried and not only their frames. */
#include "account-exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TXN = 100 };

static void raw(struct journal *journal, const uint8_t *data, size_t size)
{
	unsigned char header[JOURNAL_HEADER_SIZE];
	char *file = malloc(sizeof(header) + size);

	BUG_IF(file == NULL);
	journal_format_header(journal, header);
	memcpy(file, header, sizeof(header));
	memcpy(file + sizeof(header), data, size);
	exercise_file("journal.1", file, sizeof(header) + size);
	free(file);
}

static void put_folder(struct journal_writer *w, struct cv_pool *pool)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	put_guid(&text, &exercise_folder);
	for (int i = 0; i < 4; i++)
		put_u32(&text, 1);
	for (int i = 0; i < 7; i++)
		put_u64(&text, 0);
	put_u32(&text, 0);
	put_u32(&text, 5);
	cv_text_append_str(&text, "INBOX");
	journal_writer_add(w, RECORD_FOLDER, 0, TXN, cv_text_span(&text));
}

static void crafted(struct journal *journal, const uint8_t *data, size_t size,
		    struct cv_pool *pool)
{
	struct journal_writer w;
	uint64_t txn = TXN;

	journal_writer_init(&w, journal, pool);
	put_folder(&w, pool);
	while (size >= 4) {
		uint16_t type = data[0], flags = data[1];
		size_t len = data[2] | (size_t)data[3] << 8;
		struct cv_span payload;
		struct cv_text text;

		data += 4;
		size -= 4;
		if (len > size)
			len = size;
		cv_text_init(&text, pool);
		/* most records begin with a folder: spare the fuzzer that */
		if ((flags & 0x80) != 0)
			put_guid(&text, &exercise_folder);
		cv_text_append(&text, data, len);
		payload = cv_text_span(&text);
		if (type == RECORD_COMMIT && w.count > 0) {
			journal_writer_finish(&w, txn++, 0, exercise_account.bytes);
		} else if ((flags & RECORD_OPAQUE) != 0) {
			journal_writer_add_opaque(&w, type, txn, payload);
		} else {
			journal_writer_add(&w, type, flags & RECORD_OPTIONAL,
					   txn, payload);
		}
		data += len;
		size -= len;
	}
	journal_writer_finish(&w, txn, 0, exercise_account.bytes);
	exercise_journal(journal, &w, pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool;
	struct journal journal;

	if (size == 0)
		return 0;
	exercise_begin();
	pool = pool_create("fuzz");
	journal_init(&journal, &exercise_account, 1);
	/* the same bytes always mean the same */
	journal.salt = 5;
	journal_reseed(&journal);
	journal.base_txn = TXN;
	journal.base_size = JOURNAL_HEADER_SIZE;
	if (data[0] % 2 == 0)
		raw(&journal, data + 1, size - 1);
	else
		crafted(&journal, data + 1, size - 1, pool);
	exercise_account_dir();
	pool_destroy(&pool);
	return 0;
}
