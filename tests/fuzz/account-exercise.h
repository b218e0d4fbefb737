/* account-exercise.h - an account directory in memory for fuzzing, and
 * everything that can be done with what is found in it. */
#ifndef ACCOUNT_EXERCISE_H
#define ACCOUNT_EXERCISE_H

#include "account/journal.h"
#include "account/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct account_guid exercise_account = { { 1, 2, 3 } };
static const struct account_guid exercise_folder = { { 9, 8, 7 } };
static int exercise_fd = -1;
static struct io_ops exercise_ops;
static struct io exercise_io = { .ops = &exercise_ops };

static inline int exercise_no_sync(struct io *io, int fd)
{
	(void)io;
	(void)fd;
	return 0;
}

static inline void exercise_no_log(enum log_level level, const char *category,
				   const char *line, size_t len,
				   void *context)
{
	(void)level;
	(void)category;
	(void)line;
	(void)len;
	(void)context;
}

static inline void exercise_remove(void)
{
	struct io_dir *dir = io_dir_open(&exercise_io, exercise_fd, ".");
	const char *name;

	while (dir != NULL && (name = io_dir_next(dir, NULL)) != NULL)
		(void)unlinkat(exercise_fd, name, 0);
	(void)io_dir_close(&dir);
}

static char exercise_dir[64];

static inline void exercise_exit(void)
{
	exercise_remove();
	(void)rmdir(exercise_dir);
}

static inline void exercise_begin(void)
{
	if (exercise_fd == -1) {
		(void)snprintf(exercise_dir, sizeof(exercise_dir),
			       "%s/culver-fuzz-XXXXXX",
			       access("/dev/shm", W_OK) == 0 ? "/dev/shm" :
			       "/tmp");
		BUG_IF(mkdtemp(exercise_dir) == NULL);
		exercise_fd = open(exercise_dir, O_RDONLY | O_DIRECTORY);
		BUG_IF(exercise_fd < 0);
		exercise_ops = *io_posix()->ops;
		exercise_ops.fdatasync = exercise_ops.fsync =
			exercise_no_sync;
		log_set_sink(exercise_no_log, NULL);
		(void)atexit(exercise_exit);
	}
	exercise_remove();
}

static inline void exercise_file(const char *name, const void *data,
				 size_t len)
{
	int fd = openat(exercise_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	BUG_IF(fd < 0 || write(fd, data, len) != (ssize_t)len);
	close(fd);
}

static inline void exercise_folder_reads(struct account *account,
					 struct account_folder *folder)
{
	struct cv_pool *pool = pool_create("exercise");
	uint32_t rows = account_row_count(folder);
	struct account_changes changes;
	struct cv_span span, key;
	size_t at = 0;

	(void)account_folder_state(folder);
	while (account_metadata_next(account, folder, &at, &key, &span))
		;
	for (uint32_t row = 0; row < rows && row < 1000; row++) {
		struct account_message m;
		uint32_t found;

		account_row_get(folder, row, &m);
		for (uint32_t i = 0; i < m.keywords.count; i++)
			(void)account_keyword_name(folder,
						   m.keywords.indexes[i]);
		(void)account_row_find(folder, m.uid, &found);
		(void)account_body_read(folder, row, pool, &span, NULL);
		(void)account_catalogue_find(folder, row, &span);
	}
	account_changes_get(folder, 0, 1, pool, &changes);
	account_changes_get(folder, folder->highestmodseq / 2, 3, pool,
			    &changes);
	pool_destroy(&pool);
}

static inline void exercise_reads(struct account *account)
{
	struct account_folder *folder;
	size_t at = 0;

	while ((folder = account_folder_next(account, &at)) != NULL)
		exercise_folder_reads(account, folder);
}

static inline void exercise_writes(struct account *account)
{
	struct account_range range = { 1, 1000 };
	struct account_txn *txn;
	struct account_folder *folder;
	size_t at = 0;

	if (account_begin(account, 0, &txn, NULL) != CV_OK)
		return;
	while ((folder = account_folder_next(account, &at)) != NULL) {
		struct account_append append = { .size = 3,
			.blob = CV_SPAN("blob"), .body = CV_SPAN("abc") };
		uint32_t index;
		struct account_flag_change change = { .keywords = &index,
			.flags = ACCOUNT_SEEN, .keyword_count = 1 };

		if (txn_keyword(txn, folder, CV_SPAN("kw"), &index, NULL) ==
		    CV_OK)
			(void)txn_flags(txn, folder, &range, 1, &change,
					NULL);
		range.last = 3;
		(void)txn_expunge(txn, folder, &range, 1, NULL);
		(void)txn_append(txn, folder, &append, NULL, NULL);
	}
	(void)account_commit(&txn, ACCOUNT_SYNC, NULL);
}

/* Opens what is there, reads all of it, changes it, rotates, reads again. */
static inline void exercise_account_dir(void)
{
	struct account_options options = { .mmap_disable = false };
	struct account *account = NULL;

	if (account_open(&exercise_io, exercise_fd, ".", &options, &account,
			 NULL) != CV_OK)
		return;
	exercise_reads(account);
	exercise_writes(account);
	exercise_reads(account);
	(void)account_rotate(account, 0, NULL);
	exercise_reads(account);
	account_close(&account);
	/* what we wrote ourselves can be opened */
	BUG_IF(account_open(&exercise_io, exercise_fd, ".", &options,
			    &account, NULL) != CV_OK);
	account_close(&account);
}

/* Writes journal.1: header and what the writer has. */
static inline void exercise_journal(struct journal *journal,
				    struct journal_writer *writer,
				    struct cv_pool *pool)
{
	unsigned char header[JOURNAL_HEADER_SIZE];
	struct iovec *vec;
	int fd, count;

	journal_format_header(journal, header);
	exercise_file("journal.1", header, sizeof(header));
	fd = openat(exercise_fd, "journal.1", O_RDWR);
	vec = journal_writer_vec(writer, CV_SPAN_NONE, pool, &count);
	BUG_IF(fd < 0 || io_pwritev(&exercise_io, fd, vec, count,
				    writer->start) < 0);
	close(fd);
}

#endif
