/* account-fixture.h - accounts in a temporary directory, for tests. */
#ifndef ACCOUNT_FIXTURE_H
#define ACCOUNT_FIXTURE_H

#include "account/account.h"
#include "io/io-fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
	char dir[64];		/* holds the account "culver" */
	int dirfd;
	struct cv_pool *pool;
	struct io *fault;
	struct cv_error err;
};

static inline void remove_tree(const char *dir)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* in memory where that is possible: thousands of small files */
	(void)snprintf(f->dir, sizeof(f->dir), "%s/account-test-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	f->pool = pool_create("fixture");
	f->fault = io_fault_create(io_posix(), f->pool);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	close(f->dirfd);
	remove_tree(f->dir);
	pool_destroy(&f->pool);
	free(f);
	return 0;
}

/* Removes the files of the account, and its directory. */
static inline void fixture_remove_account(struct fixture *f)
{
	struct io_dir *dir = io_dir_open(io_posix(), f->dirfd, "culver");
	const char *name;

	assert_non_null(dir);
	while ((name = io_dir_next(dir, NULL)) != NULL)
		assert_int_equal(unlinkat(io_dir_fd(dir), name, 0), 0);
	assert_int_equal(io_dir_close(&dir), 0);
	assert_int_equal(unlinkat(f->dirfd, "culver", AT_REMOVEDIR), 0);
}

#define assert_ok(f, call) do { \
	int status_ = (call); \
	if (status_ < 0) \
		fail_msg("%s: %d %s", #call, status_, (f)->err.text); \
} while (0)

static inline struct account *
fixture_open_with(struct fixture *f, struct io *io,
		  const struct account_options *options)
{
	struct account *account = NULL;

	assert_ok(f, account_open(io, f->dirfd, "culver", options, &account,
				  &f->err));
	return account;
}

static inline struct account *fixture_open(struct fixture *f)
{
	struct account_options options = { 0 };

	return fixture_open_with(f, io_posix(), &options);
}

static inline struct account_txn *fixture_begin(struct fixture *f,
						struct account *account)
{
	struct account_txn *txn = NULL;

	assert_ok(f, account_begin(account, time_monotonic_msecs() + 5000,
				   &txn, &f->err));
	return txn;
}

static inline void fixture_commit(struct fixture *f, struct account_txn *txn)
{
	assert_ok(f, account_commit(&txn, ACCOUNT_SYNC, &f->err));
	assert_null(txn);
}

static inline struct account_folder *
fixture_folder(struct fixture *f, struct account *account, const char *name)
{
	struct account_txn *txn = fixture_begin(f, account);
	struct account_folder *folder;

	assert_ok(f, txn_folder_create(txn, cv_span_of(name), NULL, &folder,
				       &f->err));
	fixture_commit(f, txn);
	return folder;
}

/* One message whose size, dates and blob follow from its number. */
static inline uint32_t fixture_append(struct fixture *f,
				      struct account_txn *txn,
				      struct account_folder *folder,
				      unsigned int number, const char *body)
{
	char blob[64];
	struct account_append append = {
		.flags = number % 2 == 0 ? ACCOUNT_SEEN : 0,
		.received = 1000000 + number,
		.saved = 2000000 + number,
		.size = 100 + number,
		.virtual_size = 110 + number,
		.body = cv_span_of(body),
	};
	uint32_t uid = 0;

	(void)snprintf(blob, sizeof(blob), "%u.M1P2.host,S=%u", number,
		       number);
	append.blob = cv_span_of(blob);
	assert_ok(f, txn_append(txn, folder, &append, &uid, &f->err));
	return uid;
}

static inline uint32_t fixture_deliver(struct fixture *f,
				       struct account *account,
				       struct account_folder *folder,
				       unsigned int number, const char *body)
{
	struct account_txn *txn = fixture_begin(f, account);
	uint32_t uid = fixture_append(f, txn, folder, number, body);

	fixture_commit(f, txn);
	return uid;
}

/* In any order: their sum. */
static inline void fixture_dump_notes(struct account_folder *folder,
				      uint32_t uid, struct cv_text *text)
{
	struct account_annotation a;
	uint64_t sum = 0;
	size_t at = 0, count = 0;

	while (account_annotation_next(folder, uid, &at, &a)) {
		if (a.value.data == NULL)
			continue;
		count++;
		sum += hash_bytes(a.owner.data, a.owner.len) * 3 +
			hash_bytes(a.entry.data, a.entry.len) * 5 +
			hash_bytes(a.value.data, a.value.len) * a.modseq;
	}
	if (count > 0)
		cv_text_append_f(text, "  notes %zu %llx\n", count,
				 (unsigned long long)sum);
}

/* A text that is the same for equal states: everything visible. */
static inline char *fixture_dump(struct account *account, struct cv_pool *pool)
{
	struct account_folder *folder;
	struct cv_text text;
	struct cv_span key, value;
	const char *name;
	size_t at = 0, meta = 0;

	cv_text_init(&text, pool);
	cv_text_append_f(&text, "txn %llu\n", (unsigned long long)
			 account_txn_number(account));
	while (account_metadata_next(account, NULL, &meta, &key, &value))
		cv_text_append_f(&text, "meta %.*s=%.*s\n", CV_SPAN_ARG(key),
				 CV_SPAN_ARG(value));
	while ((name = account_subscription_next(account, &meta)) != NULL)
		cv_text_append_f(&text, "sub %s\n", name);
	while ((folder = account_folder_next(account, &at)) != NULL) {
		uint32_t rows = account_row_count(folder);

		meta = 0;
		cv_text_append_f(&text, "folder %s v%u n%u r%u a%x h%llu m%u "
				 "u%u s%llu/%llu\n", folder->name,
				 folder->uidvalidity, folder->uidnext,
				 folder->recent_uid, folder->attributes,
				 (unsigned long long)folder->highestmodseq,
				 folder->message_count, folder->unseen_count,
				 (unsigned long long)folder->size_sum,
				 (unsigned long long)folder->virtual_sum);
		while (account_metadata_next(account, folder, &meta, &key,
					     &value))
			cv_text_append_f(&text, " meta %.*s=%.*s\n",
					 CV_SPAN_ARG(key),
					 CV_SPAN_ARG(value));
		value = account_folder_state(folder);
		cv_text_append_f(&text, " state %.*s\n", CV_SPAN_ARG(value));
		for (uint32_t row = 0; row < rows; row++) {
			struct account_message m;

			if (!account_row_alive(folder, row))
				continue;
			account_row_get(folder, row, &m);
			cv_text_append_f(&text, " %u f%x m%llu d%lld/%lld "
				"s%llu/%llu b%.*s k", m.uid, m.flags,
				(unsigned long long)m.modseq,
				(long long)m.received, (long long)m.saved,
				(unsigned long long)m.size,
				(unsigned long long)m.virtual_size,
				CV_SPAN_ARG(m.blob));
			for (uint32_t i = 0; i < m.keywords.count; i++)
				cv_text_append_f(&text, " %s",
					account_keyword_name(folder,
						m.keywords.indexes[i]));
			cv_text_append_c(&text, '\n');
			fixture_dump_notes(folder, m.uid, &text);
		}
	}
	return text.data;
}

/* The same as a process that opens it now would see. */
static inline char *fixture_dump_fresh(struct fixture *f)
{
	struct account *account = fixture_open(f);
	char *dump = fixture_dump(account, f->pool);

	account_close(&account);
	return dump;
}

static inline void fixture_flags(struct fixture *f, struct account *account,
				 struct account_folder *folder,
				 enum account_flag_op op, uint32_t bits,
				 const char *keyword, uint32_t first,
				 uint32_t last)
{
	struct account_txn *txn = fixture_begin(f, account);
	struct account_range range = { first, last };
	struct account_flag_change change = { .op = op, .flags = bits };
	uint32_t index;

	if (keyword != NULL) {
		assert_ok(f, txn_keyword(txn, folder, cv_span_of(keyword),
					 &index, &f->err));
		change.keywords = &index;
		change.keyword_count = 1;
	}
	assert_ok(f, txn_flags(txn, folder, &range, 1, &change, &f->err));
	fixture_commit(f, txn);
}

static inline void fixture_expunge(struct fixture *f, struct account *account,
				   struct account_folder *folder,
				   uint32_t first, uint32_t last)
{
	struct account_txn *txn = fixture_begin(f, account);
	struct account_range range = { first, last };

	assert_ok(f, txn_expunge(txn, folder, &range, 1, &f->err));
	fixture_commit(f, txn);
}

#endif
