/* fuzz-mbox.c - the mbox reader: a file of messages through a large window
 * and through a small one, what is hidden in headers, references and names.
 * The first byte says how small. */
#include "base.h"
#include "mbox.h"
#include "module/module.h"

extern const struct cv_plugin_desc storage_mbox_LTX_cv_plugin_desc;

static struct cv_span file;

static ssize_t file_pread(struct cv_io *io, int fd, void *data, size_t len,
			  uint64_t offset)
{
	struct cv_span rest = cv_span_skip(file, offset);

	(void)io; (void)fd;
	if (len > rest.len)
		len = rest.len;
	memcpy(data, rest.data, len);
	return (ssize_t)len;
}

static const struct cv_io_api file_api = {
	CV_SIZED(cv_io_api), .pread = file_pread,
};
static const struct cv_storage_config file_config = {
	CV_SIZED(cv_storage_config), .io_api = &file_api,
};
static struct cv_storage_root file_root = { .config = &file_config };

static int no_provide(struct cv_plugin *self, uint32_t kind,
		      const void *table, struct cv_error *err)
{
	(void)self; (void)kind; (void)table; (void)err;
	return CV_OK;
}

static const void *a_service(const char *name, uint32_t major)
{
	static const struct cv_stream_api streams = {
		CV_SIZED(cv_stream_api),
	};

	(void)major;
	return strcmp(name, "stream") == 0 ? &streams : NULL;
}

static void begin(void)
{
	static struct cv_host host;
	int ret;

	if (host.size != 0)
		return;
	host = *module_host();
	host.provide = no_provide;
	host.service = a_service;
	ret = storage_mbox_LTX_cv_plugin_desc.init(&host, NULL, NULL);
	BUG_IF(ret != CV_OK);
}

/* One message: its body read with both windows is the same. */
static bool read_message(struct cv_pool *pool, struct mbox_reader *large,
			 size_t room, uint64_t *at)
{
	struct cv_error err = ERROR_NONE;
	struct mbox_reader small;
	struct mbox_record r, again;
	struct mbox_hash hash, hash_again;
	struct mbox_head head;
	struct cv_text scratch;
	struct cv_span data;
	int ret;

	cv_text_init(&scratch, pool);
	if (mbox_scan_head(large, *at, &r, &head, &data, &scratch, &hash,
			   &err) != CV_OK)
		return false;
	again = r;
	hash_again = hash;
	ret = mbox_scan_body(large, &r, head.length, &hash, &err);
	BUG_IF(ret != CV_OK);
	mbox_reader_init(&small, &file_root, 0, file.len, pool, room);
	ret = mbox_scan_body(&small, &again, head.length, &hash_again, &err);
	BUG_IF(ret != CV_OK);
	BUG_IF(memcmp(&r, &again, sizeof(r)) != 0);
	BUG_IF(mbox_record_end(&r) <= *at ||
	       mbox_record_end(&r) > file.len);
	*at = mbox_record_end(&r);
	return true;
}

/* What is hidden is shown as it was. */
static void hide_and_show(struct cv_pool *pool, struct cv_span all)
{
	struct cv_text hidden, shown;
	struct mbox_head head;
	size_t body_at;

	cv_text_init(&hidden, pool);
	cv_text_init(&shown, pool);
	(void)mbox_head_hide(all, true, &hidden, &body_at);
	BUG_IF(body_at > all.len);
	BUG_IF(!mbox_head_parse(cv_text_span(&hidden), true, &head));
	mbox_head_show(cv_text_span(&hidden), &shown);
	BUG_IF(shown.len != body_at ||
	       (body_at > 0 && memcmp(shown.data, all.data, body_at) != 0));
}

static void read_names(struct cv_pool *pool, struct cv_span all)
{
	struct cv_text name, back;
	uint8_t digest[16];
	uint64_t instance;
	int64_t when;

	cv_text_init(&name, pool);
	cv_text_init(&back, pool);
	(void)mbox_from_parse(all, &when);
	(void)mbox_ref_parse(all, digest, &instance);
	if (!utf7_decode(&name, all))
		return;
	utf7_encode(&back, cv_text_span(&name));
	BUG_IF(!cv_span_equal(cv_text_span(&back), all));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mbox_reader reader;
	struct cv_pool *pool;
	uint64_t at = 0;
	size_t room;

	begin();
	if (size == 0)
		return 0;
	pool = pool_create("fuzz");
	room = MBOX_FROM_MAX + 16 + data[0];
	file = cv_span((const char *)data + 1, size - 1);
	mbox_reader_init(&reader, &file_root, 0, file.len, pool,
			 size + MBOX_FROM_MAX + 16);
	while (at < file.len && read_message(pool, &reader, room, &at))
		;
	hide_and_show(pool, file);
	read_names(pool, file);
	pool_destroy(&pool);
	return 0;
}
