/* fuzz-imapc.c - everything that an IMAP server could answer to the storage
 * that lies on it.  The first byte chooses the settings. */
#include "client-feed.h"
#include "imapc.h"
#include "module/module.h"
#include "stream/stream-api.h"
#include "stream/stream.h"

extern const struct cv_host *storage_imapc_cv_api;

/* There is no plugin to log for. */
static void quiet(struct cv_plugin *self, int level, const char *fmt, ...)
{
	(void)self; (void)level; (void)fmt;
}

static int found(void *context, const struct cv_found *f)
{
	struct cv_storage_folder *folder = context;
	struct cv_found copy = *f;

	(void)imapc_look(folder, &copy, NULL);
	return CV_OK;
}

static void use_folder(struct cv_storage_folder *folder)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_blob blob = { CV_SIZED(cv_blob), .ref = CV_SPAN("7.5"),
		.uid = 5 }, copy = blob;
	struct cv_flag_update update = { CV_SIZED(cv_flag_update),
		.blob = blob, .flags = CV_FLAG_SEEN };
	struct cv_blob_source src = { CV_SIZED(cv_blob_source), .fd = -1,
		.pool = pool };
	struct cv_storage_put *put;
	uint32_t scan;
	struct cv_text text;

	(void)imapc_check(folder, true, &scan, NULL);
	(void)imapc_scan(folder, CV_SCAN_ALL, found, folder, NULL);
	(void)imapc_scan(folder, CV_SCAN_ALL, found, folder, NULL);
	if (imapc_get(folder, &blob, &src, NULL) == CV_OK) {
		cv_text_init(&text, pool);
		(void)stream_read_all(src.stream, &text, SIZE_MAX / 2, NULL);
	}
	(void)imapc_set_flags(folder, &update, 1, NULL);
	if (imapc_put_create(folder, pool, 0, 0, &put, NULL) == CV_OK &&
	    imapc_put_write(put, "x\r\n", 3, NULL) == CV_OK &&
	    imapc_put_finish(&put, 3, 0, false, &copy.ref, NULL) == CV_OK)
		(void)imapc_send(folder, &copy, 1, NULL);
	if (imapc_link(folder, folder, &blob, pool, &copy.ref, NULL) ==
	    CV_OK)
		(void)imapc_send(folder, &copy, 1, NULL);
	(void)imapc_remove(folder, &blob, 1, NULL);
	pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cv_host host;
	struct imapc_settings set = {
		.imapc_host = "h", .imapc_user = "jane",
		.imapc_password = "secret", .imapc_master_user = "",
		.imapc_list_prefix = "",
	};
	struct cv_storage_config config = { CV_SIZED(cv_storage_config) };
	struct cv_storage_root root = { .config = &config, .set = &set,
		.user = "jane", .separator = '/' };
	struct cv_storage_folder *folder;
	struct cv_text stamp;

	if (size == 0)
		return 0;
	host = *module_host();
	host.log = quiet;
	storage_imapc_cv_api = &host;
	imapc_client = &feed_client_api;
	imapc_streams = &stream_api;
	if ((data[0] & 1) != 0)
		set.imapc_master_user = "root";
	if ((data[0] & 2) != 0)
		set.imapc_list_prefix = "INBOX.";
	client_feed = cv_span((const char *)data + 1, size - 1);
	root.pool = pool_create("fuzz root");
	root.response_pool = pool_create("fuzz response");
	cv_text_init(&stamp, root.pool);
	(void)imapc_folders_check(&root, &stamp, NULL);
	if (imapc_folder_open(&root, CV_SPAN("INBOX"), CV_SPAN_NONE, &folder,
			      NULL) == CV_OK) {
		use_folder(folder);
		imapc_folder_close(&folder);
	}
	(void)imapc_folder_create(&root, CV_SPAN("new/one"), NULL);
	imapc_disconnect(&root);
	imapc_spools_drop(&root);
	imapc_bodies_drop(&root);
	if (root.list_pool != NULL)
		pool_destroy(&root.list_pool);
	pool_destroy(&root.response_pool);
	pool_destroy(&root.pool);
	return 0;
}
