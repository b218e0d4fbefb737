/* fuzz-settings.c - any bytes as a configuration: read, print, read back,
 * fill structs, snapshot.  The first byte is a selection of what to do.
 *
 * Checked beyond crashes: what was read without errors prints as something
 * that reads without errors, and prints the same again. */
#include "core-settings.h"
#include "settings-digest.h"
#include "settings-print.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool lookup(void *context, struct cv_span name,
		   struct cv_span *value_r)
{
	*value_r = CV_SPAN("../Us%u{er");
	return name.len != 1 || name.data[0] != 'z';
}

static char *print(const struct settings_tree *tree)
{
	struct settings_print how = {
		.mode = SETTINGS_PRINT_CHANGED, .secrets = true,
	};
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_text out;
	char *copy;

	cv_text_init(&out, pool);
	settings_print(tree, &how, &out);
	copy = strdup(cv_text_str(&out));
	BUG_IF(copy == NULL);
	pool_destroy(&pool);
	return copy;
}

static void fill(const struct settings_tree *tree, bool expand)
{
	static const struct settings_vars vars = { lookup, NULL };
	struct settings_scope scope = {
		.protocol = "imap", .local_name = "a.example",
		.vars = expand ? &vars : NULL,
	};
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_error err = ERROR_NONE;
	struct service_settings service;
	struct mail_settings mail;
	uint32_t at = 0;

	BUG_IF(!settings_ip_parse("10.0.0.1", &scope.local));
	if (settings_get(tree, &mail_settings_table, &scope, pool, &mail,
			 &err) < 0)
		BUG_IF(!expand);
	while (settings_block_next(tree, "service", SETTINGS_ROOT, &scope, &at,
				   &scope.block)) {
		if (settings_get(tree, &service_settings_table, &scope, pool,
				 &service, &err) < 0)
			BUG_IF(!expand);
	}
	pool_destroy(&pool);
}

static void snapshot(const struct settings_tree *tree)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct settings_tree *copy;

	BUG_IF(fd < 0);
	BUG_IF(settings_snapshot_write(tree, fd, true, NULL) != CV_OK);
	BUG_IF(settings_snapshot_read(fd, &copy, NULL) != CV_OK);
	fill(copy, false);
	settings_tree_destroy(&copy);
	(void)close(fd);
}

static void print_again(const struct settings_tree *tree)
{
	char *first = print(tree), *second;
	struct settings_tree *again;
	int ret = settings_read_text("printed", cv_span_of(first), NULL,
				     &again, NULL);

	BUG_IF(ret != CV_OK);
	second = print(again);
	BUG_IF(strcmp(first, second) != 0);
	free(first);
	free(second);
	settings_tree_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings_tree *tree;
	struct cv_span text;

	settings_digest_use(settings_digest_openssl);
	settings_register_core();
	if (size == 0)
		return 0;
	text = cv_span((const char *)data + 1, size - 1);
	/* files of the machine are not part of the test */
	if (memmem(text.data, text.len, "!include", 8) != NULL ||
	    memchr(text.data, '<', text.len) != NULL)
		return -1;
	if (settings_read_text("fuzz", text, NULL, &tree, NULL) == CV_OK) {
		fill(tree, false);
		fill(tree, true);
		if ((data[0] & 1) != 0)
			snapshot(tree);
		if ((data[0] & 2) != 0)
			print_again(tree);
	}
	settings_tree_destroy(&tree);
	return 0;
}
