/* blob-fixture.h - a tree of any blob driver, without accounts over it: what
 * the conformance suite (test-blob*.c) works on.
 *
 * All that differs between drivers is read from their tables: capabilities,
 * members that are NULL, and CV_E_UNSUPPORTED where the contract allows it.
 * No test asks for a driver's name. */
#ifndef BLOB_FIXTURE_H
#define BLOB_FIXTURE_H

#include "mailbox/user.h"
#include "mailbox/mailbox-private.h"
#include "io/io-fault.h"
#include "stream/stream-api.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#undef skip			/* of struct cv_stream_api */

#define BLOB_COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { BLOB_TESTS_MAX = 200, BLOB_DRIVERS_MAX = 8,
       BLOB_UIDVALIDITY = 1234567890 };

extern const struct cv_plugin_desc storage_maildir_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_mbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_memory_LTX_cv_plugin_desc;

static const struct cv_plugin_desc *const blob_plugins[] = {
	&storage_maildir_LTX_cv_plugin_desc,
	&storage_mbox_LTX_cv_plugin_desc,
	&storage_dbox_LTX_cv_plugin_desc,
	&storage_memory_LTX_cv_plugin_desc,
};

/* --- the drivers --------------------------------------------------------------- */

static const struct cv_storage *blob_drivers[BLOB_DRIVERS_MAX];
static int blob_driver_count;

static inline int blob_provide(struct cv_plugin *self, uint32_t kind,
			       const void *table, struct cv_error *err)
{
	(void)self; (void)err;
	assert_int_equal(kind, CV_PROVIDER_STORAGE);
	assert_true(blob_driver_count < BLOB_DRIVERS_MAX);
	blob_drivers[blob_driver_count++] = table;
	return CV_OK;
}

CV_PRINTF(3, 4)
static inline void blob_log(struct cv_plugin *self, int level,
			    const char *fmt, ...)
{
	(void)self; (void)level; (void)fmt;
}

static inline const void *blob_service(const char *name, uint32_t major)
{
	return strcmp(name, "stream") == 0 && major == 1 ? &stream_api : NULL;
}

static inline const void *blob_settings(struct cv_plugin *self)
{
	(void)self;
	return NULL;	/* the defaults */
}

static inline void blob_load_drivers(void)
{
	static struct cv_host host;

	host = *module_host();
	host.provide = blob_provide;
	host.log = blob_log;
	host.service = blob_service;
	host.settings = blob_settings;
	for (size_t i = 0; i < BLOB_COUNT(blob_plugins); i++)
		assert_int_equal(blob_plugins[i]->init(&host, NULL, NULL),
				 CV_OK);
}

/* --- counted and failing calls --------------------------------------------------- */

static struct cv_io_api blob_io_api;
static unsigned int blob_calls;		/* of the driver, but close */

#define COUNTED(type, name, params, args) \
	static inline type counted_##name params \
	{ \
		blob_calls++; \
		return storage_io_api.name args; \
	}
COUNTED(int, open, (struct cv_io *io, int d, const char *n, int f, mode_t m),
	(io, d, n, f, m))
COUNTED(ssize_t, pread, (struct cv_io *io, int fd, void *p, size_t len,
			 uint64_t at), (io, fd, p, len, at))
COUNTED(int, pwrite, (struct cv_io *io, int fd, const void *p, size_t len,
		      uint64_t at), (io, fd, p, len, at))
COUNTED(int, fdatasync, (struct cv_io *io, int fd), (io, fd))
COUNTED(int, fsync, (struct cv_io *io, int fd), (io, fd))
COUNTED(int, rename, (struct cv_io *io, int d, const char *n, int e,
		      const char *m, bool x), (io, d, n, e, m, x))
COUNTED(int, link, (struct cv_io *io, int d, const char *n, int e,
		    const char *m), (io, d, n, e, m))
COUNTED(int, unlink, (struct cv_io *io, int d, const char *n), (io, d, n))
COUNTED(int, fstat, (struct cv_io *io, int fd, struct stat *st),
	(io, fd, st))
COUNTED(int, stat, (struct cv_io *io, int d, const char *n, struct stat *st),
	(io, d, n, st))
COUNTED(struct cv_io_dir *, dir_open, (struct cv_io *io, int d,
				       const char *n), (io, d, n))
COUNTED(const char *, dir_next, (struct cv_io_dir *d, unsigned char *t),
	(d, t))
COUNTED(int, lock, (struct cv_io *io, int fd, int type, uint32_t wait),
	(io, fd, type, wait))
#undef COUNTED

static inline void blob_count_calls(void)
{
	blob_io_api = storage_io_api;
#define USE(name) blob_io_api.name = counted_##name
	USE(open); USE(pread); USE(pwrite); USE(fdatasync); USE(fsync);
	USE(rename); USE(link); USE(unlink); USE(fstat); USE(stat);
	USE(dir_open); USE(dir_next); USE(lock);
#undef USE
}

/* --- a tree ------------------------------------------------------------------------ */

struct blob_fixture {
	const struct cv_storage *d;
	char dir[64];
	struct cv_pool *pool;
	struct io *io;			/* injects faults */
	struct cv_storage_config config;
	struct cv_storage_root *root;
	const char *name;		/* "box" */
	struct cv_storage_folder *folder;
	uint32_t uidnext;
	uint32_t life;			/* no folder has another's UIDVALIDITY */
	struct cv_error err;
};

#define okb(b, call) do { \
	int ok_ret_ = (call); \
	if (ok_ret_ != CV_OK) \
		fail_msg("%s: %d %s", #call, ok_ret_, (b)->err.text); \
} while (0)

static inline bool blob_has(const struct blob_fixture *b, uint32_t cap)
{
	return (b->d->caps & cap) != 0;
}

static inline void blob_numbers(struct blob_fixture *b,
				struct cv_storage_folder *folder)
{
	if (b->d->numbers != NULL)
		b->d->numbers(folder, BLOB_UIDVALIDITY + b->life,
			      b->uidnext);
}

static inline struct cv_storage_folder *
blob_open_folder(struct blob_fixture *b, const char *name,
		 struct cv_span state)
{
	struct cv_storage_folder *folder = NULL;

	okb(b, b->d->folder_open(b->root, cv_span_of(name), state, &folder,
				 &b->err));
	blob_numbers(b, folder);
	return folder;
}

static inline void blob_open_root(struct blob_fixture *b)
{
	okb(b, b->d->root_open(&b->config, &b->root, &b->err));
}

/* As another process that begins: with nothing remembered. */
static inline void blob_reopen(struct blob_fixture *b)
{
	b->d->folder_close(&b->folder);
	b->d->root_close(&b->root);
	blob_open_root(b);
	b->folder = blob_open_folder(b, b->name, CV_SPAN_NONE);
}

static inline int blob_ignore_found(void *context, const struct cv_found *f)
{
	(void)context; (void)f;
	return CV_OK;
}

/* A new folder, and what core does when it sees one for the first time. */
static inline void blob_make_folder(struct blob_fixture *b, const char *name)
{
	struct cv_storage_folder *folder;

	if (b->d->folder_create(b->root, cv_span_of(name), &b->err) != CV_OK)
		fail_msg("folder '%s': %s", name, b->err.text);
	folder = blob_open_folder(b, name, CV_SPAN_NONE);
	okb(b, b->d->scan(folder, CV_SCAN_ALL |
			  (b->d->caps & CV_STORAGE_FOREIGN ? 0 :
			   CV_SCAN_FIRST), blob_ignore_found, NULL, &b->err));
	okb(b, b->d->sync(folder, 1, &b->err));
	b->d->folder_close(&folder);
}

static inline int blob_setup(void **state)
{
	struct blob_fixture *b = calloc(1, sizeof(*b));
	const struct cv_storage *driver = *state;

	b->d = driver;
	snprintf(b->dir, sizeof(b->dir), "%s/culver-blob-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	b->pool = pool_create("blob");
	b->io = io_fault_create(io_posix(), b->pool);
	b->uidnext = 1;
	b->name = "box";
	blob_count_calls();
	b->config = (struct cv_storage_config){
		CV_SIZED(cv_storage_config), .pool = b->pool,
		.io_api = &blob_io_api, .io = (struct cv_io *)b->io,
		.path = pool_printf(b->pool, "%s/tree", b->dir),
		.layout = "", .inbox = "", .control = "", .dirname = "",
		.hostname = "test", .create = true, .index = "", .alt = "",
	};
	memset(b->config.boot_id, 1, 16);
	blob_open_root(b);
	blob_make_folder(b, "box");
	b->folder = blob_open_folder(b, "box", CV_SPAN_NONE);
	*state = b;
	return 0;
}

static inline int blob_rm(const char *path, const struct stat *st, int type,
			  struct FTW *ftw)
{
	(void)st; (void)type; (void)ftw;
	return remove(path);
}

static inline int blob_teardown(void **state)
{
	struct blob_fixture *b = *state;

	if (b->folder != NULL)
		b->d->folder_close(&b->folder);
	b->d->root_close(&b->root);
	pool_destroy(&b->pool);
	nftw(b->dir, blob_rm, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

/* --- messages -------------------------------------------------------------------------- */

static inline uint64_t blob_virtual_size(struct cv_span body)
{
	uint64_t size = body.len;

	for (size_t i = 0; i < body.len; i++)
		size += body.data[i] == '\n' &&
			(i == 0 || body.data[i - 1] != '\r');
	return size;
}

/* A hidden one: *blob_r is what the journal would know. */
static inline int blob_try_put(struct blob_fixture *b,
			       struct cv_storage_folder *folder,
			       struct cv_span body, struct cv_blob *blob_r)
{
	struct cv_storage_put *put = NULL;
	uint64_t virtual_size = blob_virtual_size(body);
	int ret;

	*blob_r = (struct cv_blob){
		CV_SIZED(cv_blob), .received = 1700000000,
		.bytes = body.len, .virtual_bytes = virtual_size,
		.guid = { 7, (uint8_t)b->uidnext, (uint8_t)(b->uidnext >> 8) },
	};
	ret = b->d->put_create(folder, b->pool, 0, 0, &put, &b->err);
	/* in pieces */
	for (size_t at = 0, len; ret == CV_OK && at < body.len; at += len) {
		len = body.len - at < 50000 ? body.len - at : 50000;
		ret = b->d->put_write(put, body.data + at, len, &b->err);
	}
	if (ret != CV_OK) {
		if (put != NULL)
			b->d->put_abort(&put);
		return ret;
	}
	ret = b->d->put_finish(&put, virtual_size, blob_r->received, true,
			       &blob_r->ref, &b->err);
	assert_null(put);
	return ret;
}

static inline struct cv_blob blob_put(struct blob_fixture *b,
				      const char *body)
{
	struct cv_blob blob;

	okb(b, blob_try_put(b, b->folder, cv_span_of(body), &blob));
	return blob;
}

/* What follows the commit. */
static inline void blob_place(struct blob_fixture *b,
			      struct cv_storage_folder *folder,
			      struct cv_blob *blob)
{
	b->d->marks(folder, blob, 1);
	blob->uid = b->uidnext++;
	blob_numbers(b, folder);
	b->d->place(folder, blob, 1);
}

static inline struct cv_blob blob_save(struct blob_fixture *b,
				       const char *body)
{
	struct cv_blob blob = blob_put(b, body);

	blob_place(b, b->folder, &blob);
	return blob;
}

/* All but these messages are gone: what still lies there is freed. */
static inline void blob_purge(struct blob_fixture *b, struct cv_blob *live,
			      uint32_t count)
{
	struct cv_span refs[8];
	uint64_t freed;

	for (uint32_t i = 0; i < count; i++)
		refs[i] = live[i].ref;
	if (CV_HAS(b->d, purge) && b->d->purge != NULL)
		okb(b, b->d->purge(b->root, refs, count, false, &freed,
				   &b->err));
}

static inline int blob_range(struct blob_fixture *b,
			     struct cv_blob_source *src, uint64_t at,
			     char *data, size_t len)
{
	struct cv_span part;
	int ret;

	if (src->stream == NULL)
		return blob_io_api.pread((struct cv_io *)b->io, src->fd, data,
					 len, src->offset + at) ==
			(ssize_t)len ? CV_OK : CV_E_TEMP;
	ret = stream_api.seek(src->stream, at, &b->err);
	while (ret == CV_OK && len > 0) {
		ret = stream_api.peek(src->stream, &part, &b->err);
		if (ret != CV_OK)
			break;
		if (part.len > len)
			part.len = len;
		memcpy(data, part.data, part.len);
		stream_api.skip(src->stream, part.len);
		data += part.len;
		len -= part.len;
	}
	return ret;
}

static inline void blob_source_close(struct blob_fixture *b,
				     struct cv_blob_source *src)
{
	if (src->stream == NULL)
		blob_io_api.close((struct cv_io *)b->io, src->fd);
	pool_destroy(&src->pool);
}

static inline int blob_get(struct blob_fixture *b,
			   struct cv_storage_folder *folder,
			   const struct cv_blob *blob,
			   struct cv_blob_source *src_r)
{
	int ret;

	*src_r = (struct cv_blob_source){
		CV_SIZED(cv_blob_source), .fd = -1,
		.pool = pool_create("source"),
	};
	ret = b->d->get(folder, blob, src_r, &b->err);
	if (ret != CV_OK)
		pool_destroy(&src_r->pool);
	return ret;
}

/* CV_OK and the bytes, in the fixture's pool. */
static inline int blob_read(struct blob_fixture *b,
			    struct cv_storage_folder *folder,
			    const struct cv_blob *blob, struct cv_span *text_r)
{
	struct cv_blob_source src;
	char *data;
	int ret = blob_get(b, folder, blob, &src);

	*text_r = CV_SPAN_NONE;
	if (ret != CV_OK)
		return ret;
	data = pool_alloc(b->pool, (size_t)src.len + 1);
	ret = blob_range(b, &src, 0, data, (size_t)src.len);
	*text_r = cv_span(data, (size_t)src.len);
	blob_source_close(b, &src);
	return ret;
}

#define assert_blob(b, blob, body) \
	assert_blob_in(b, (b)->folder, blob, cv_span_of(body))

static inline void assert_blob_in(struct blob_fixture *b,
				  struct cv_storage_folder *folder,
				  const struct cv_blob *blob,
				  struct cv_span body)
{
	struct cv_span text;

	okb(b, blob_read(b, folder, blob, &text));
	assert_int_equal(text.len, body.len);
	assert_memory_equal(text.data, body.data, body.len);
}

/* --- scans -------------------------------------------------------------------------------- */

struct blob_scan {
	struct blob_fixture *b;
	struct { struct cv_found items[4096]; uint32_t count; } found;
};

static inline int blob_take_found(void *context, const struct cv_found *f)
{
	struct blob_scan *scan = context;
	struct cv_found *copy = &scan->found.items[scan->found.count];

	/* these tests know as a whole journal does that it was removed */
	if (f->dropped_uid != 0)
		return CV_OK;
	scan->found.count++;
	assert_true(scan->found.count < BLOB_COUNT(scan->found.items));
	*copy = *f;
	copy->ref = pool_span(scan->b->pool, f->ref);
	copy->keywords.names = NULL;
	if (f->keywords.count > 0) {
		const char **names = pool_new_array(
			scan->b->pool, const char *, f->keywords.count);

		for (uint32_t i = 0; i < f->keywords.count; i++)
			names[i] = pool_strdup(scan->b->pool,
					       f->keywords.names[i]);
		copy->keywords.names = names;
	}
	return CV_OK;
}

/* All that is there, as when the journal had lost it. */
static inline int blob_try_scan(struct blob_fixture *b,
				struct cv_storage_folder *folder,
				struct blob_scan *scan)
{
	uint32_t kind = CV_SCAN_ALL;

	if (!blob_has(b, CV_STORAGE_FOREIGN))
		kind |= CV_SCAN_DAMAGED;
	*scan = (struct blob_scan){ .b = b };
	return b->d->scan(folder, kind, blob_take_found, scan, &b->err);
}

static inline struct blob_scan *blob_scan(struct blob_fixture *b)
{
	struct blob_scan *scan = pool_new(b->pool, struct blob_scan);

	okb(b, blob_try_scan(b, b->folder, scan));
	return scan;
}

static inline struct cv_found *blob_found(struct blob_scan *scan,
					  struct cv_span ref)
{
	struct cv_found *found = NULL;

	for (uint32_t i = 0; i < scan->found.count; i++) {
		if (cv_span_equal(scan->found.items[i].ref, ref)) {
			assert_null(found);	/* each once */
			found = &scan->found.items[i];
		}
	}
	return found;
}

/* --- each test with each driver --------------------------------------------------------------- */

static inline int blob_run(const char *group, const struct CMUnitTest *tests,
			   size_t count)
{
	static struct CMUnitTest all[BLOB_TESTS_MAX];
	static char names[BLOB_TESTS_MAX][100];
	size_t n = 0;

	blob_load_drivers();
	for (size_t i = 0; i < count; i++) {
		for (int d = 0; d < blob_driver_count; d++, n++) {
			assert_true(n < BLOB_TESTS_MAX);
			snprintf(names[n], sizeof(names[n]), "%s: %s",
				 blob_drivers[d]->name, tests[i].name);
			all[n] = (struct CMUnitTest){
				names[n], tests[i].test_func, blob_setup,
				blob_teardown,
				(void *)(uintptr_t)blob_drivers[d],
			};
		}
	}
	return _cmocka_run_group_tests(group, all, n, NULL, NULL);
}

#endif
