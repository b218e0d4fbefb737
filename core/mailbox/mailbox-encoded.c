/* mailbox-encoded.c - is this a message, or what a plugin has made of one?
 *
 * Where the plugin is not loaded its bytes would be taken for the message:
 * clients would cache them, and `import` would carry them on.  No message
 * begins as these do. */
#include "mailbox-private.h"
#include "module/module.h"

struct encoding {
	struct cv_span head;
	const char *what, *plugin;	/* plugin NULL: none reads it */
};

static const struct encoding encodings[] = {
	{ CV_SPAN("\x1f\x8b\x08"), "compressed (gz)", "compress" },
	{ CV_SPAN("\x28\xb5\x2f\xfd"), "compressed (zstd)", "compress" },
	{ CV_SPAN("\xfd" "7zXZ\0"), "compressed (xz)", "compress" },
	{ CV_SPAN("Dovecot-LZ4\x0d\x2a\x9b\xc5"), "compressed (lz4)",
	  "compress" },
	{ CV_SPAN("\0CvCryp\1"), "encrypted", "crypt" },
	{ CV_SPAN("CRYPTED\003\007"), "encrypted by Dovecot's mail_crypt",
	  NULL },
};

/* "BZh" alone may begin a header field: the block size, and how a block or the
 * end begins. */
static bool is_bz2(struct cv_span head)
{
	struct cv_span block = cv_span_skip(head, head.len < 4 ? 0 : 4);

	return cv_span_begins(head, CV_SPAN("BZh")) && head.len > 4 &&
		head.data[3] >= '1' && head.data[3] <= '9' &&
		(cv_span_begins(block, CV_SPAN("1AY&SY")) ||
		 cv_span_begins(block, CV_SPAN("\x17rE8P\x90")));
}

static const struct encoding *encoding_find(struct cv_span head)
{
	static const struct encoding bz2 = {
		CV_SPAN(""), "compressed (bz2)", "compress",
	};

	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		if (cv_span_begins(head, encodings[i].head))
			return &encodings[i];
	}
	return is_bz2(head) ? &bz2 : NULL;
}

static bool is_loaded(const char *name)
{
	const struct cv_plugin *plugin;
	uint32_t at = 0;

	while ((plugin = module_next(&at)) != NULL) {
		if (strcmp(module_describe(plugin)->name, name) == 0)
			return true;
	}
	return false;
}

int mailbox_check_encoding(struct cv_span head, const char *what,
			   struct cv_error *err)
{
	const struct encoding *found = encoding_find(head);

	if (found == NULL ||
	    (found->plugin != NULL && is_loaded(found->plugin)))
		return CV_OK;
	if (found->plugin == NULL)
		return FAIL(err, CV_E_TEMP, "%s is %s, which no plugin reads",
			    what, found->what);
	return FAIL(err, CV_E_TEMP, "%s is %s, and the plugin that reads it "
		    "is not loaded (hint: mail_plugins = $mail_plugins %s)",
		    what, found->what, found->plugin);
}
