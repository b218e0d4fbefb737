/* memory-plugin.c - mail_location = memory:/any/name: messages on the heap of
 * one process, for tests.  Trusts the references that it is given as little
 * as any other driver; opens no file. */
#include "memory.h"

#include <stdlib.h>

struct cv_plugin *memory_self;
const struct cv_stream_api *memory_stream_api;

struct memory_settings { uint64_t memory_storage_limit; };

int memory_room(const struct memory_tree *tree, size_t more,
		struct cv_error *err)
{
	const struct memory_settings *set = cv_api->settings(memory_self);

	if (set == NULL || set->memory_storage_limit == 0 ||
	    (tree->used <= set->memory_storage_limit &&
	     more <= set->memory_storage_limit - tree->used))
		return CV_OK;
	return CV_FAIL(err, CV_E_NO_SPACE, "memory_storage_limit is %llu "
		       "bytes, and %llu are there",
		       (unsigned long long)set->memory_storage_limit,
		       (unsigned long long)tree->used);
}

struct memory_bytes *memory_bytes_create(struct memory_tree *tree,
					 const void *data, size_t len)
{
	struct memory_bytes *bytes = malloc(sizeof(*bytes) + len + 1);

	if (bytes == NULL)
		abort();
	bytes->tree = tree;
	bytes->refs = 1;
	bytes->len = len;
	if (len > 0)
		memcpy(bytes->data, data, len);
	tree->used += len;
	return bytes;
}

struct memory_bytes *memory_bytes_ref(struct memory_bytes *bytes)
{
	bytes->refs++;
	return bytes;
}

void memory_bytes_unref(struct memory_bytes *bytes)
{
	if (--bytes->refs > 0)
		return;
	bytes->tree->used -= bytes->len;
	free(bytes);
}

static int memory_init(const struct cv_host *host, struct cv_plugin *self,
		       struct cv_error *err)
{
	static const struct cv_storage storage = {
		CV_SIZED(cv_storage),
		.name = "memory",
		.caps = CV_STORAGE_ONE_PROCESS,
		.detect = memory_detect,
		.root_open = memory_root_open,
		.root_close = memory_root_close,
		.separator = memory_separator,
		.account_dir = memory_account_dir,
		.name_check = memory_name_check,
		.folders_check = memory_folders_check,
		.folders_scan = memory_folders_scan,
		.folder_create = memory_folder_create,
		.folder_remove = memory_folder_remove,
		.folder_rename = memory_folder_rename,
		.folder_open = memory_folder_open,
		.folder_close = memory_folder_close,
		.state = memory_state,
		.state_set = memory_state_set,
		.check = memory_check,
		.scan = memory_scan,
		.look = memory_look,
		.keyword_shown = memory_keyword_shown,
		.was_lost = memory_was_lost,
		.recover = memory_recover,
		.sync = memory_sync,
		.takeover = memory_takeover,
		.get = memory_get,
		.put_create = memory_put_create,
		.put_write = memory_put_write,
		.put_finish = memory_put_finish,
		.put_abort = memory_put_abort,
		.marks = memory_marks,
		.place = memory_place,
		.lay_out = memory_lay_out,
		.link = memory_link,
		.sync_hidden = memory_sync_hidden,
		.unlink_hidden = memory_unlink_hidden,
		.set_flags = memory_set_flags,
		.remove = memory_remove,
		.clean = memory_clean,
		.numbers = memory_numbers,
		.adopted = memory_place,
	};

	cv_api = host;
	memory_self = self;
	memory_stream_api = cv_need_service("stream", 1, err);
	if (memory_stream_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_storage(self, &storage, err);
}

static void memory_deinit(struct cv_plugin *self)
{
	(void)self;
	memory_trees_free();
}

static const struct cv_setting_def memory_setting_defs[] = {
	CV_SETTING(memory_settings, memory_storage_limit, CV_SET_SIZE, "0",
		NULL, 0,
		"A tree keeps no more bytes of messages: a full disk, for "
		"tests. 0: as many as there is room for."),
};

CV_PLUGIN_DEFINE("storage-memory", 0,
	.license = "MIT", .version = "1.0",
	.summary = "messages on the heap of one process, for tests",
	.settings = CV_ARRAY(memory_setting_defs),
	.settings_bytes = sizeof(struct memory_settings),
	.init = memory_init, .deinit = memory_deinit);
