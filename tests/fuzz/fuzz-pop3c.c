/* fuzz-pop3c.c - everything that a POP3 server could answer to the storage
 * that lies on it.  The first byte chooses the settings. */
#include "client-feed.h"
#include "module/module.h"
#include "pop3c.h"

extern const struct cv_host *storage_pop3c_cv_api;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pop3c_settings set = {
		.pop3c_host = "h", .pop3c_user = "jane",
		.pop3c_password = "secret", .pop3c_master_user = "",
	};
	struct cv_storage_config config = { CV_SIZED(cv_storage_config) };
	struct cv_storage_root root = { .config = &config, .set = &set,
		.user = "jane" };
	struct cv_text text;

	if (size == 0)
		return 0;
	storage_pop3c_cv_api = module_host();
	pop3c_client = &feed_client_api;
	if ((data[0] & 1) != 0)
		set.pop3c_master_user = "root";
	client_feed = cv_span((const char *)data + 1, size - 1);
	root.pool = pool_create("fuzz root");
	if (pop3c_list(&root, false, NULL) == CV_OK) {
		(void)pop3c_find(&root, CV_SPAN("one"));
		for (uint32_t i = 0; i < root.count; i++) {
			struct cv_span id = cv_span_of(pool_strdup(
				root.pool, root.messages[i].id));

			cv_text_init(&text, root.pool);
			if (pop3c_read(&root, id, &text, NULL) < 0)
				break;
		}
	}
	pop3c_disconnect(&root);
	pool_destroy(&root.pool);
	return 0;
}
