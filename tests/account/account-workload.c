/* account-workload.c - random work on an account, for the comparison of the
 * engine with tests/account/read_account.py.
 *
 *	account-workload DIRECTORY SEED ROUNDS
 *
 * After each round the account's files are copied to DIRECTORY/<round>; what
 * the process has in memory must be what a new one reads there. */
#include "account/dump.h"
#include "io/io-fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FOLDERS_MAX = 6, STEPS = 40, BULK = 1300, LINES_MAX = 20000 };

struct work {
	const char *dir;
	uint64_t random;
	struct io *io;
	struct cv_pool *pool;		/* as long as the program */
	struct account *account;
	struct account_txn *txn;
	bool keep_bodies;		/* they cannot be laid out */
	unsigned int counter;
};

static void die(const char *fmt, ...) CV_PRINTF(1, 2);

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

static uint32_t pick(struct work *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 20) % below;
}

static struct cv_span some_bytes(struct work *w, uint32_t most)
{
	uint32_t len = pick(w, most) + 1;
	bool binary = pick(w, 4) == 0;
	char *data = pool_alloc(w->pool, len);

	for (uint32_t i = 0; i < len; i++)
		data[i] = (char)(binary ? pick(w, 256) : 'a' + pick(w, 26));
	return cv_span(data, len);
}

static int lay_out(void *context, struct account *account,
		   const struct account_body *bodies, size_t count,
		   struct cv_error *err)
{
	(void)account;
	(void)bodies;
	(void)count;
	(void)err;
	return ((struct work *)context)->keep_bodies ? CV_DECLINED : CV_OK;
}

static const struct account_options *options_of(struct work *w, bool readonly)
{
	static struct account_options options;

	options = (struct account_options){
		.readonly = readonly, .lay_out = lay_out, .context = w,
		.rotate_size = 1 << 30,
	};
	return &options;
}

/* --- operations ----------------------------------------------------------- */

static struct account_folder *some_folder(struct work *w)
{
	struct account_folder *list[FOLDERS_MAX + 1], *f;
	size_t at = 0;
	uint32_t count = 0;

	while (count <= FOLDERS_MAX &&
	       (f = account_folder_next(w->account, &at)) != NULL)
		list[count++] = f;
	return count == 0 ? NULL : list[pick(w, count)];
}

static uint32_t folder_count(struct work *w)
{
	uint32_t count = 0;

	for (size_t at = 0; account_folder_next(w->account, &at) != NULL; )
		count++;
	return count;
}

static int make_folder(struct work *w, struct account_folder *f)
{
	struct account_folder_options options = {
		.uidvalidity = pick(w, 2) * pick(w, 2000000000),
		.uidnext = pick(w, 3), .attributes = pick(w, 4),
	};
	char name[40];

	(void)f;
	if (folder_count(w) >= FOLDERS_MAX)
		return CV_OK;
	(void)snprintf(name, sizeof(name), "folder %u/\xc3\xbc", ++w->counter);
	return txn_folder_create(w->txn, cv_span_of(name), &options, &f, NULL);
}

static int rename_folder(struct work *w, struct account_folder *f)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "renamed %u", ++w->counter);
	return txn_folder_rename(w->txn, f, cv_span_of(name), NULL);
}

static int delete_folder(struct work *w, struct account_folder *f)
{
	return pick(w, 6) > 0 ? CV_OK : txn_folder_delete(w->txn, f, NULL);
}

static int reset_folder(struct work *w, struct account_folder *f)
{
	return pick(w, 5) > 0 ? CV_OK :
		txn_folder_reset(w->txn, f, 0, pick(w, 10), NULL);
}

static int set_folder(struct work *w, struct account_folder *f)
{
	switch (pick(w, 5)) {
	case 0:
		return txn_folder_attributes(w->txn, f, pick(w, 65536), NULL);
	case 1:
		return txn_folder_uidnext(w->txn, f, f->uidnext + pick(w, 9),
					  NULL);
	case 2:
		return txn_folder_recent(w->txn, f, f->uidnext, NULL);
	case 3:
		return txn_folder_taken(w->txn, f, pick(w, 2) == 0 ?
					pick(w, 1000) + 1 :
					account_txn_modseq(w->txn), NULL);
	default:
		return txn_folder_state(w->txn, f, some_bytes(w, 200), NULL);
	}
}

static int subscribe(struct work *w, struct account_folder *f)
{
	char name[20];

	(void)f;
	(void)snprintf(name, sizeof(name), "name %u", pick(w, 10));
	return txn_subscribe(w->txn, cv_span_of(name), pick(w, 3) > 0, NULL);
}

static int metadata(struct work *w, struct account_folder *f)
{
	char key[20];

	(void)snprintf(key, sizeof(key), "/private/%u", pick(w, 6));
	return txn_metadata(w->txn, pick(w, 3) == 0 ? NULL : f,
			    cv_span_of(key), pick(w, 4) == 0 ? CV_SPAN_NONE :
			    some_bytes(w, 300), NULL);
}

static uint32_t some_keywords(struct work *w, struct account_folder *f,
			      uint32_t *list)
{
	uint32_t count = pick(w, 4), found = 0;

	for (uint32_t i = 0; i < count; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), pick(w, 2) ? "key%u" :
			       "KEY%u", pick(w, 12));
		if (txn_keyword(w->txn, f, cv_span_of(name), &list[found],
				NULL) == CV_OK)
			found++;
	}
	return found;
}

static uint32_t some_flags(struct work *w)
{
	return pick(w, 32) | (pick(w, 4) == 0 ? pick(w, 16) << 16 : 0);
}

static int append(struct work *w, struct account_folder *f)
{
	uint32_t keywords[4];
	struct account_append a = {
		.uid = pick(w, 10) == 0 ? f->uidnext + 50 + pick(w, 5) : 0,
		.flags = some_flags(w), .keywords = keywords,
		.received = (int64_t)pick(w, 2000000000) - 1000,
		.saved = pick(w, 2000000000),
		.size = pick(w, 5000) + 1, .virtual_size = pick(w, 5000),
		.blob = some_bytes(w, 60),
	};
	int status;

	if (pick(w, 4) == 0)
		a.modseq = pick(w, 2) == 0 ? pick(w, 1000) :
			account_txn_modseq(w->txn) - 1 + pick(w, 3);

	a.keyword_count = some_keywords(w, f, keywords);
	if (pick(w, 2) == 0)
		a.body = some_bytes(w, 900);
	if (pick(w, 2) == 0)
		a.catalogue = some_bytes(w, 300);
	status = txn_append(w->txn, f, &a, NULL, NULL);
	/* an append before in the same transaction has had that UID */
	return status == CV_E_INTERNAL ? CV_OK : status;
}

/* So many that a rotation keeps the snapshot. */
static int append_many(struct work *w, struct account_folder *f)
{
	if (pick(w, 8) > 0 || account_row_count(f) > BULK)
		return CV_OK;
	for (uint32_t i = 0; i < BULK; i++) {
		struct account_append a = {
			.flags = i & 31, .size = i + 1, .virtual_size = i + 2,
			.received = i, .blob = some_bytes(w, 20),
		};
		int status = txn_append(w->txn, f, &a, NULL, NULL);

		if (status < 0)
			return status;
	}
	return CV_OK;
}

static struct account_range some_range(struct work *w,
				       struct account_folder *f)
{
	uint32_t first = pick(w, f->uidnext + 2) + 1;

	return (struct account_range){ first, first + pick(w, 7) };
}

static int change_flags(struct work *w, struct account_folder *f)
{
	uint32_t keywords[4];
	struct account_range ranges[2];
	struct account_flag_change change = {
		.op = (enum account_flag_op)pick(w, 3),
		.flags = some_flags(w), .keywords = keywords,
	};

	change.keyword_count = some_keywords(w, f, keywords);
	ranges[0] = some_range(w, f);
	ranges[1] = some_range(w, f);
	ranges[1].first += ranges[0].last + 1;
	ranges[1].last += ranges[0].last + 1;
	return txn_flags(w->txn, f, ranges, 1 + pick(w, 2), &change, NULL);
}

static int expunge(struct work *w, struct account_folder *f)
{
	struct account_range range = some_range(w, f);

	return txn_expunge(w->txn, f, &range, 1, NULL);
}

static int change_blob(struct work *w, struct account_folder *f)
{
	return txn_blob(w->txn, f, pick(w, f->uidnext) + 1, some_bytes(w, 60),
			NULL);
}

static int change_sizes(struct work *w, struct account_folder *f)
{
	return txn_sizes(w->txn, f, pick(w, f->uidnext) + 1, pick(w, 9999),
			 pick(w, 9999), NULL);
}

/* Mostly of the newest messages, and of few; owners and entries of any bytes. */
static int annotate(struct work *w, struct account_folder *f)
{
	static const char *const owners[] = { "", "-", "=jane" };
	uint32_t uid = pick(w, 3) == 0 ? f->uidnext : f->uidnext / 2 + 1;
	char entry[20];

	(void)snprintf(entry, sizeof(entry), "/%u/comment", pick(w, 4));
	return txn_annotation(w->txn, f, uid, cv_span_of(owners[pick(w, 3)]),
			      pick(w, 5) == 0 ? some_bytes(w, 40) :
			      cv_span_of(entry), pick(w, 4) == 0 ?
			      CV_SPAN_NONE : pick(w, 20) == 0 ?
			      CV_SPAN("") : some_bytes(w, 300), NULL);
}

/* As copies and APPEND do. */
static int append_annotated(struct work *w, struct account_folder *f)
{
	uint64_t modseq = account_txn_modseq(w->txn);
	struct account_append a = {
		.received = 1, .size = 1, .virtual_size = 1,
		.blob = some_bytes(w, 60),
		.modseq = pick(w, 2) == 0 ? modseq / 2 : 0,
	};
	uint32_t uid;
	int status = txn_append(w->txn, f, &a, &uid, NULL);

	for (uint32_t i = pick(w, 3); status == CV_OK && i > 0; i--)
		status = txn_annotation(w->txn, f, uid, CV_SPAN(""),
					some_bytes(w, 9), some_bytes(w, 50),
					NULL);
	return status;
}

static int (*const operations[])(struct work *w, struct account_folder *f) = {
	make_folder, rename_folder, delete_folder, reset_folder, set_folder,
	subscribe, metadata, append, append, append, append, append_many,
	change_flags, change_flags, change_flags, expunge, change_blob,
	change_sizes, annotate, annotate, annotate, append_annotated,
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* One to three operations; what makes no sense together is left out by the
 * engine. */
static void run_step(struct work *w)
{
	struct cv_error err = ERROR_NONE;
	uint32_t count = 1 + pick(w, 3);

	if (account_begin(w->account, time_monotonic_msecs() + 5000, &w->txn,
			  &err) < 0)
		die("begin: %s", err.text);
	for (uint32_t i = 0; i < count; i++) {
		struct account_folder *f = some_folder(w);
		int status = f == NULL ? make_folder(w, NULL) :
			operations[pick(w, OPERATIONS)](w, f);

		if (status < 0 && status != CV_E_NOT_FOUND &&
		    status != CV_E_LIMIT)
			die("operation fails with %d", status);
	}
	if (account_commit(&w->txn, ACCOUNT_SYNC, &err) < 0)
		die("commit: %s", err.text);
}

/* --- the comparison ------------------------------------------------------- */

struct lines {
	struct cv_pool *pool;
	struct cv_span items[LINES_MAX];
	size_t count;
};

static void take_line(void *context, const struct dump_item *item)
{
	struct lines *lines = context;
	struct cv_text text;

	cv_text_init(&text, lines->pool);
	cv_text_append_str(&text, item->what);
	for (uint32_t i = 0; i < item->count; i++) {
		const struct dump_field *f = &item->fields[i];

		cv_text_append_f(&text, " %s=%llu ", f->name,
				 (unsigned long long)f->number);
		cv_text_append_span(&text, f->text);
		for (uint32_t k = 0; k < f->count; k++) {
			cv_text_append_c(&text, ',');
			cv_text_append_span(&text, f->items[k]);
		}
	}
	if (lines->count == LINES_MAX)
		die("too many lines");
	lines->items[lines->count++] = cv_text_span(&text);
}

static int compare_spans(const void *a, const void *b)
{
	const struct cv_span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->data, y->data, n);

	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void dump_sorted(struct account *account, struct lines *lines)
{
	struct cv_error err = ERROR_NONE;

	lines->count = 0;
	if (dump_account(account, take_line, lines, &err) < 0)
		die("dump: %s", err.text);
	qsort(lines->items, lines->count, sizeof(lines->items[0]),
	      compare_spans);
}

/* The list of subscriptions and the like have no order. */
static bool lines_equal(const struct lines *a, const struct lines *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (!cv_span_begins(a->items[i], CV_SPAN("account ")) &&
		    !cv_span_equal(a->items[i], b->items[i])) {
			(void)fprintf(stderr, "%.*s\n%.*s\n",
				      CV_SPAN_ARG(a->items[i]),
				      CV_SPAN_ARG(b->items[i]));
			return false;
		}
	}
	return a->count == b->count;
}

static void compare(struct work *w, unsigned int round)
{
	static struct lines ours, fresh;
	struct account *account;
	struct cv_error err = ERROR_NONE;
	char path[300];

	ours.pool = fresh.pool = pool_create("lines");
	(void)snprintf(path, sizeof(path), "%s/%u", w->dir, round);
	if (account_open(io_posix(), AT_FDCWD, path, options_of(w, true),
			 &account, &err) < 0)
		die("open: %s", err.text);
	dump_sorted(w->account, &ours);
	dump_sorted(account, &fresh);
	if (!lines_equal(&ours, &fresh))
		die("round %u: memory and file differ", round);
	account_close(&account);
	pool_destroy(&ours.pool);
}

static void copy_files(struct work *w, const char *name)
{
	char command[700];

	(void)snprintf(command, sizeof(command), "cp -r '%s/culver' '%s/%s'",
		       w->dir, w->dir, name);
	if (system(command) != 0)
		die("cannot copy");
}

/* --- rounds --------------------------------------------------------------- */

/* A commit whose sync fails, and nothing works afterwards: the files are left
 * with a mark that takes it back. */
static void fail_step(struct work *w)
{
	struct account_folder *f = some_folder(w);
	struct cv_error err = ERROR_NONE;
	struct account_append a = { .size = 9, .blob = CV_SPAN("lost") };
	struct account_flag_change change = { .flags = ACCOUNT_FLAGGED };
	struct account_range all = { 1, UINT32_MAX - 1 };

	if (f == NULL)
		return;
	if (account_begin(w->account, time_monotonic_msecs() + 5000, &w->txn,
			  &err) < 0 ||
	    txn_flags(w->txn, f, &all, 1, &change, &err) < 0 ||
	    txn_append(w->txn, f, &a, NULL, &err) < 0)
		die("begin: %s", err.text);
	/* 1 is the write */
	io_fault_arm(w->io, IO_FAULT_LATE, 2, true);
	if (account_commit(&w->txn, ACCOUNT_SYNC, &err) == CV_OK)
		die("a failing sync was not noticed");
	copy_files(w, "suspect");
	io_fault_arm(w->io, IO_FAULT_NONE, 0, false);
}

static void run_round(struct work *w, unsigned int round)
{
	struct cv_error err = ERROR_NONE;
	char name[20];

	for (uint32_t i = pick(w, STEPS); i < STEPS; i++)
		run_step(w);
	w->keep_bodies = pick(w, 2) == 0;
	if (pick(w, 3) == 0 && account_rotate(w->account,
			time_monotonic_msecs() + 5000, &err) < 0)
		die("rotate: %s", err.text);
	(void)snprintf(name, sizeof(name), "%u", round);
	copy_files(w, name);
	compare(w, round);
}

int main(int argc, char **argv)
{
	struct work w = { .pool = pool_create("workload") };
	struct cv_error err = ERROR_NONE;
	char path[300];
	unsigned int rounds;

	if (argc != 4)
		die("usage: account-workload DIRECTORY SEED ROUNDS");
	log_set_level(NULL, LOG_LEVEL_FATAL);
	w.dir = argv[1];
	w.random = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	rounds = (unsigned int)strtoul(argv[3], NULL, 10);
	w.io = io_fault_create(io_posix(), w.pool);
	(void)snprintf(path, sizeof(path), "%s/culver", w.dir);
	if (account_open(w.io, AT_FDCWD, path, options_of(&w, false),
			 &w.account, &err) < 0)
		die("open: %s", err.text);
	for (unsigned int i = 0; i < rounds; i++)
		run_round(&w, i);
	fail_step(&w);
	account_close(&w.account);
	pool_destroy(&w.pool);
	return 0;
}
