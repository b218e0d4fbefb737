/* mailbox-fixture.h - a user with a Maildir, or with FIXTURE_MBOX a tree of
 * mbox files, below a temporary directory, or with FIXTURE_MEMORY all in
 * memory; the driver is linked in. */
#ifndef MAILBOX_FIXTURE_H
#define MAILBOX_FIXTURE_H

#include "mailbox/user.h"
#include "mailbox/mailbox-private.h"
#include "io/io-fault.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "stream/stream-api.h"

#ifdef FIXTURE_MBOX
#define FIXTURE_DRIVER storage_mbox_LTX_cv_plugin_desc
#define FIXTURE_LOCATION "mail_location = mbox:~/mail\n"
#elif defined(FIXTURE_SDBOX)
#define FIXTURE_DRIVER storage_dbox_LTX_cv_plugin_desc
#define FIXTURE_LOCATION "mail_location = sdbox:~/sdbox\n"
#elif defined(FIXTURE_MDBOX)
#define FIXTURE_DRIVER storage_dbox_LTX_cv_plugin_desc
#define FIXTURE_LOCATION "mail_location = mdbox:~/mdbox\n"
#elif defined(FIXTURE_MEMORY)
#define FIXTURE_DRIVER storage_memory_LTX_cv_plugin_desc
#define FIXTURE_LOCATION "mail_location = memory:~/memory\n"
#include "account/meta-memory.h"
#else
#define FIXTURE_DRIVER storage_maildir_LTX_cv_plugin_desc
#define FIXTURE_LOCATION "mail_location = maildir:~/Maildir\n"
#endif
extern const struct cv_plugin_desc FIXTURE_DRIVER;

struct meta_memory;

struct fixture {
	char dir[64];
	struct cv_pool *pool;		/* for answers */
	struct settings_tree *tree;
	struct io *io;			/* NULL: the real one */
	struct cv_user *user;
	uint8_t boot_id[16];
	struct meta_memory *memory;	/* NULL: the account is in files */
	struct cv_error err;
};

static const struct cv_storage *fixture_driver;

static inline int fixture_provide(struct cv_plugin *self, uint32_t kind,
				  const void *table, struct cv_error *err)
{
	(void)self; (void)err;
	assert_int_equal(kind, CV_PROVIDER_STORAGE);
	fixture_driver = table;
	storage_register(table);
	return CV_OK;
}

CV_PRINTF(3, 4)
static inline void fixture_log(struct cv_plugin *self, int level,
			       const char *fmt, ...)
{
	va_list args;

	(void)self;
	va_start(args, fmt);
	log_write_v((enum log_level)level, "storage", fmt, args);
	va_end(args);
}

static inline const void *fixture_service(const char *name, uint32_t major)
{
	return strcmp(name, "stream") == 0 && major == 1 ? &stream_api : NULL;
}

#if defined(FIXTURE_SDBOX) || defined(FIXTURE_MDBOX)
/* As the plugin's settings begin. */
static inline const void *fixture_settings(struct cv_plugin *self)
{
	static const struct {
		uint64_t rotate_size, rotate_msecs;
		bool preallocate;
		const char *attachments;
	} values = { 10 * 1024 * 1024, 0, false, "" };

	(void)self;
	return &values;
}
#endif

static inline void fixture_host(void)
{
	static struct cv_host host;

	if (host.size != 0)
		return;
	settings_register_core();
	host = *module_host();
	host.provide = fixture_provide;
	host.log = fixture_log;
#if defined(FIXTURE_SDBOX) || defined(FIXTURE_MDBOX)
	host.settings = fixture_settings;
#endif
	host.service = fixture_service;
	assert_int_equal(FIXTURE_DRIVER.init(&host, NULL, NULL), CV_OK);
}

/* Fails the test with the error's text. */
#define ok(f, call) do { \
	int ok_ret_ = (call); \
	if (ok_ret_ < 0) \
		fail_msg("%s: %d %s", #call, ok_ret_, (f)->err.text); \
} while (0)

#ifdef FIXTURE_MEMORY
static inline int fixture_account(void *context, const char *name,
				  struct meta **meta_r, struct bell **bell_r,
				  struct cv_error *err)
{
	struct fixture *f = context;

	(void)name; (void)err;
	*meta_r = meta_memory_open(f->memory);
	*bell_r = bell_memory_open(f->memory);
	return CV_OK;
}
#endif

static inline void fixture_login(struct fixture *f)
{
	char home[80];
	struct user_fields fields = {
		.name = "jane@example.org", .home = home,
		.uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = {
		.settings = f->tree, .io = f->io, .hostname = "test",
		.boot_id = f->boot_id,
	};

#ifdef FIXTURE_MEMORY
	if (f->memory == NULL)
		f->memory = meta_memory_create();
	config.account = fixture_account;
	config.account_context = f;
#endif
	snprintf(home, sizeof(home), "%s/home", f->dir);
	ok(f, user_create(&fields, &config, &f->user, &f->err));
}

static inline void fixture_logout(struct fixture *f)
{
	user_destroy(&f->user);
}

/* settings: in the 2.3 language, behind mail_location. */
static inline void fixture_init(struct fixture *f, const char *settings)
{
	char text[4096], home[80];

	fixture_host();
	*f = (struct fixture){ .err = ERROR_NONE };
	/* memory, where there is such a place: thousands of syncs */
	snprintf(f->dir, sizeof(f->dir), "%s/culver-mailbox-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	snprintf(home, sizeof(home), "%s/home", f->dir);
	assert_int_equal(mkdir(home, 0700), 0);
	memset(f->boot_id, 1, 16);
	f->pool = pool_create("fixture");
	snprintf(text, sizeof(text), "%s%s",
		 strstr(settings, "mail_location") != NULL ? "" :
		 FIXTURE_LOCATION, settings);
	ok(f, settings_read_text("test", cv_span_of(text), NULL, &f->tree,
				 &f->err));
	fixture_login(f);
}

static inline int fixture_remove(const char *path, const struct stat *st,
				 int type, struct FTW *ftw)
{
	(void)st; (void)type; (void)ftw;
	return remove(path);
}

static inline void fixture_deinit(struct fixture *f)
{
	user_destroy(&f->user);
#ifdef FIXTURE_MEMORY
	meta_memory_destroy(&f->memory);
#endif
	settings_tree_destroy(&f->tree);
	pool_destroy(&f->pool);
	nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- shorthands ---------------------------------------------------------------- */

static inline int fixture_try_save(struct fixture *f, const char *mailbox,
				   struct cv_span body, uint32_t flags,
				   uint32_t *uid_r)
{
	struct cv_save *save;
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .flags = flags,
		.internal_date = INT64_MIN,
	};
	struct cv_set uids = { NULL, 0 };
	int ret = mailbox_api.save_begin(f->user, mailbox, &save, &f->err);

	if (ret < 0)
		return ret;
	ret = mailbox_api.save_add(save, &r, &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_write(save, body.data, body.len,
					     &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, &f->err);
	if (ret < 0) {
		mailbox_api.save_abort(&save);
		return ret;
	}
	ret = mailbox_api.save_commit(&save, f->pool, NULL, &uids, &f->err);
	if (ret == CV_OK && uid_r != NULL)
		*uid_r = uids.ranges[0].first;
	return ret;
}

/* Of a message's annotations that are there: names, kinds and values. */
static inline uint32_t fixture_notes_sum(const struct cv_message_data *d)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < d->annotation_count; i++) {
		const struct cv_annotation *a = &d->annotations[i];

		/* some that are gone may be told of, too */
		if (a->value.data == NULL)
			continue;
		sum = crc32c(sum, a->is_private ? "-" : "+", 1);
		sum = crc32c(sum, a->entry.data, a->entry.len);
		sum = crc32c(sum, "=", 1);
		sum = crc32c(sum, a->value.data, a->value.len);
	}
	return sum;
}

static inline uint32_t fixture_save(struct fixture *f, const char *mailbox,
				    const char *body, uint32_t flags)
{
	uint32_t uid = 0;

	ok(f, fixture_try_save(f, mailbox, cv_span_of(body), flags, &uid));
	return uid;
}

static inline struct cv_mailbox *fixture_open(struct fixture *f,
					      const char *name)
{
	struct cv_mailbox *box = NULL;

	ok(f, mailbox_api.open(f->user, name, 0, &box, &f->err));
	return box;
}

static inline struct cv_mailbox_state fixture_state(struct cv_mailbox *box)
{
	struct cv_mailbox_state s = { CV_SIZED(cv_mailbox_state) };

	mailbox_api.state(box, &s);
	return s;
}

static inline struct cv_mailbox_changes fixture_sync(struct fixture *f,
						     struct cv_mailbox *box,
						     uint32_t flags)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };

	ok(f, mailbox_api.sync(box, flags, &c, &f->err));
	return c;
}

static inline struct cv_message_data fixture_message(struct fixture *f,
						     struct cv_mailbox *box,
						     uint32_t seq,
						     uint32_t items)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };

	assert_int_equal(mailbox_api.message(box, seq, items, &d, &f->err),
			 CV_OK);
	return d;
}

/* BODY[] as text. */
/* NULL: it cannot be read, see f->err. */
static inline const char *fixture_try_body(struct fixture *f,
					   struct cv_mailbox *box, uint32_t seq)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_ALL,
	};
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;

	cv_text_init(&text, f->pool);
	if (mailbox_api.section(box, seq, &all, &stream, &size, &f->err) < 0 ||
	    stream_read_all(stream, &text, SIZE_MAX / 2, &f->err) < 0)
		return NULL;
	if (text.len == size)
		return cv_text_str(&text);
	FAIL(&f->err, CV_E_INTERNAL, "it is not as long as was said");
	return NULL;
}

static inline const char *fixture_body(struct fixture *f,
				       struct cv_mailbox *box, uint32_t seq)
{
	const char *text = fixture_try_body(f, box, seq);

	assert_non_null(text);
	return text;
}

static inline int fixture_try_store(struct fixture *f, struct cv_mailbox *box,
				    uint32_t first, uint32_t last,
				    uint32_t change, uint32_t flags,
				    const char *keyword)
{
	struct cv_range range = { first, last };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &range, 1 },
		.change = change, .flags = flags,
		.keywords = { &keyword, keyword != NULL },
		.unchanged_since = UINT64_MAX,
	};

	return mailbox_api.store(box, &r, f->pool, NULL, &f->err);
}

static inline void fixture_store(struct fixture *f, struct cv_mailbox *box,
				 uint32_t first, uint32_t last,
				 uint32_t change, uint32_t flags,
				 const char *keyword)
{
	ok(f, fixture_try_store(f, box, first, last, change, flags, keyword));
}

/* What is marked \\Deleted in INBOX goes. */
static inline int fixture_try_expunge(struct fixture *f)
{
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = mailbox_api.expunge(box, NULL, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static inline int fixture_try_save_big(struct fixture *f, size_t bytes,
				       uint32_t flags)
{
	struct cv_text big;

	cv_text_init(&big, f->pool);
	cv_text_append_str(&big, "Subject: big\r\n\r\n");
	while (big.len < bytes)
		cv_text_append_str(&big, "filling the message\r\n");
	return fixture_try_save(f, "INBOX", cv_text_span(&big), flags, NULL);
}

/* A flag and a keyword, for the first messages of INBOX. */
static inline int fixture_try_flag(struct fixture *f, uint32_t count)
{
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = fixture_try_store(f, box, 1, count, CV_FLAGS_ADD,
				CV_FLAG_FLAGGED, "$Key");
	mailbox_api.close(&box);
	return ret;
}

static inline int fixture_try_create(struct fixture *f)
{
	return mailbox_api.create(f->user, "made", 0, &f->err);
}

static inline int fixture_try_rename(struct fixture *f)
{
	return mailbox_api.rename(f->user, "other", "renamed", &f->err);
}

/* The first two messages of INBOX, if it has so many, to the mailbox
 * "other". */
static inline int fixture_try_copy(struct fixture *f, bool move)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { 1, 2 };
	struct cv_set seqs = { &range, 1 };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	if (fixture_state(box).messages >= 2)
		ret = mailbox_api.copy(box, seqs, "other", move, f->pool,
				       &result, &f->err);
	mailbox_api.close(&box);
	return ret;
}

/* work in as many processes, which end with _exit(0), while nobody is logged
 * in here. */
static inline void fixture_workers(struct fixture *f, int count,
				   void (*work)(struct fixture *f, int i))
{
	pid_t pids[16];

	assert_in_range(count, 1, 16);
	fixture_logout(f);
	for (int i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(f, i);
	}
	for (int i = 0; i < count; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	fixture_login(f);
}

/* "1:3,5" */
static inline const char *fixture_set(struct fixture *f, struct cv_set set)
{
	struct cv_text text;

	cv_text_init(&text, f->pool);
	for (uint32_t i = 0; i < set.count; i++) {
		cv_text_append_f(&text, "%s%u", i == 0 ? "" : ",",
				 set.ranges[i].first);
		if (set.ranges[i].first != set.ranges[i].last)
			cv_text_append_f(&text, ":%u", set.ranges[i].last);
	}
	return cv_text_str(&text);
}

/* The names in a directory below the home that match a pattern's beginning,
 * sorted, joined with blanks. */
static inline int fixture_count_files(struct fixture *f, const char *dir)
{
	char path[300];
	struct io_dir *d;
	int count = 0;

	snprintf(path, sizeof(path), "%s/home/Maildir/%s", f->dir, dir);
	d = io_dir_open(io_posix(), AT_FDCWD, path);
	if (d == NULL)
		return -1;
	while (io_dir_next(d, NULL) != NULL)
		count++;
	io_dir_close(&d);
	return count;
}

/* The one file of a directory. */
static inline const char *fixture_file(struct fixture *f, const char *dir)
{
	char path[300];
	const char *name, *copy = NULL;
	struct io_dir *d;

	snprintf(path, sizeof(path), "%s/home/Maildir/%s", f->dir, dir);
	d = io_dir_open(io_posix(), AT_FDCWD, path);
	assert_non_null(d);
	while ((name = io_dir_next(d, NULL)) != NULL)
		copy = pool_strdup(f->pool, name);
	io_dir_close(&d);
	return copy;
}

/* A file that another program has written. */
static inline void fixture_write(struct fixture *f, const char *path,
				 const char *text)
{
	char full[400];
	FILE *file;

	snprintf(full, sizeof(full), "%s/home/Maildir/%s", f->dir, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A change of cur/ within the clock tick of the one before is seen later
 * (maildir-scan.c): what shall be seen at once waits for the next. */
static inline void fixture_wait_tick(void)
{
	struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&pause, NULL);
}

static inline void fixture_rename(struct fixture *f, const char *from,
				  const char *to)
{
	char a[500], b[500];

	snprintf(a, sizeof(a), "%s/home/Maildir/%s", f->dir, from);
	snprintf(b, sizeof(b), "%s/home/Maildir/%s", f->dir, to);
	assert_int_equal(rename(a, b), 0);
}

#endif
