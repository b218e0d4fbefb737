/* fuzz-snapshot.c - a snapshot of any bytes.
 *
 * An even first byte: the rest is the file.  Odd: magic, GUIDs and checksums
 * are made right, so that counts, sections and columns are tried. */
#include "account-exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TXN = 100 };

static void write_journal(struct cv_pool *pool)
{
	struct journal journal;
	struct journal_writer w;
	struct cv_text text;

	journal_init(&journal, &exercise_account, 1);
	journal.base_txn = TXN;
	journal_writer_init(&w, &journal, pool);
	cv_text_init(&text, pool);
	put_guid(&text, &exercise_folder);
	put_u32(&text, 1);
	put_u32(&text, 1000);
	put_u32(&text, 1);
	put_u32(&text, 0);
	for (int i = 0; i < 5; i++)
		put_u64(&text, 50);
	put_u64(&text, 1);	/* generation of the snapshot */
	put_u64(&text, 0);
	put_u32(&text, 0);
	put_u32(&text, 5);
	cv_text_append_str(&text, "INBOX");
	journal_writer_add(&w, RECORD_FOLDER, 0, TXN, cv_text_span(&text));
	journal_writer_finish(&w, TXN, 0, exercise_account.bytes);
	journal.base_size = journal.end + journal_writer_size(&w);
	exercise_journal(&journal, &w, pool);
}

#define PUT(file, at, value) memcpy((file) + (at), &(value), sizeof(value))

/* Room for the checksums is behind size. */
static size_t make_right(unsigned char *file, size_t size)
{
	uint16_t version[2] = { FORMAT_MAJOR, 0 };
	uint32_t features = 0, crc;
	uint64_t generation = 1, offset = size & ~(size_t)15;
	size_t blocks = (offset + SNAPSHOT_BLOCK - 1) / SNAPSHOT_BLOCK;
	uint32_t crcs[8] = { 0 };

	for (size_t i = 0; i < blocks; i++) {
		size_t from = i == 0 ? SNAPSHOT_HEADER_SIZE :
			i * SNAPSHOT_BLOCK;
		size_t to = (i + 1) * SNAPSHOT_BLOCK < offset ?
			(i + 1) * SNAPSHOT_BLOCK : offset;

		crcs[i] = crc32c(0, file + from, to - from);
	}
	memcpy(file, SNAPSHOT_MAGIC, 8);
	PUT(file, 8, version);
	memcpy(file + 16, &exercise_account, 16);
	memcpy(file + 32, &exercise_folder, 16);
	PUT(file, 48, generation);
	PUT(file, 80, offset);
	crc = crc32c(0, crcs, blocks * 4);
	PUT(file, 88, crc);
	PUT(file, 92, features);
	crc = crc32c(0, file, SNAPSHOT_HEADER_SIZE - 4);
	PUT(file, SNAPSHOT_HEADER_SIZE - 4, crc);
	memcpy(file + offset, crcs, blocks * 4);
	return offset + blocks * 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool;
	unsigned char *file;
	char name[64], guid[33];
	size_t len = size;

	if (size < SNAPSHOT_HEADER_SIZE + 32 || size > 4 * SNAPSHOT_BLOCK)
		return 0;
	exercise_begin();
	pool = pool_create("fuzz");
	file = pool_alloc(pool, size + 64);
	memcpy(file, data, size);
	if (data[0] % 2 != 0)
		len = make_right(file, size);
	/* as doc/format-account.md names it */
	account_guid_format(&exercise_folder, guid);
	(void)snprintf(name, sizeof(name), "%s.1.snap", guid);
	exercise_file(name, file, len);
	write_journal(pool);
	exercise_account_dir();
	pool_destroy(&pool);
	return 0;
}
