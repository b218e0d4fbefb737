/* fuzz-mail-url.c - URLs of messages, and structures of their parts: what is
 * taken has proper names and ends where the text does; a rump is what the URL
 * begins with, byte by byte. */
#include "base.h"
#include "mailbox/mail-structure.h"
#include "mailbox/mail-url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_authorization(struct cv_span text, const struct cv_url *url)
{
	struct cv_url again;
	struct cv_pool *pool;

	BUG_IF(!url->has_server || *url->user == '\0');
	BUG_IF(url->rump.data != text.data || url->rump.len > text.len);
	BUG_IF(url->token.len > 0 &&
	       text.len != url->rump.len + 1 + url->mechanism.len + 1 +
	       url->token.len);
	/* what was signed means the same as what is verified */
	pool = pool_create("rump");
	BUG_IF(!mail_url_parse(pool, url->rump, &again));
	BUG_IF(again.token.len > 0 || again.uid != url->uid ||
	       again.access != url->access ||
	       strcmp(again.mailbox, url->mailbox) != 0 ||
	       strcmp(again.section, url->section) != 0 ||
	       strcmp(again.user, url->user) != 0 ||
	       strcmp(again.access_user, url->access_user) != 0);
	pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t parts[] = { 2, 1, 1 };
	const struct mail_decoded decoded = { .bytes = 1, .lines = 1 };
	struct cv_span text = cv_span((const char *)data, size), part;
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_text out;
	struct cv_url url;

	if (mail_url_parse(pool, text, &url)) {
		BUG_IF(url.uid == 0 || *url.mailbox == '\0');
		BUG_IF(strlen(url.mailbox) + strlen(url.section) > size);
		BUG_IF(url.has_server != (url.host.len > 0));
		if (url.access != CV_URL_ACCESS_NONE)
			check_authorization(text, &url);
	}
	for (uint32_t i = 0; i <= 3; i++) {
		part = mail_structure_part(text, parts, i);
		BUG_IF(part.len > 0 && (part.data < text.data ||
					part.data + part.len >
					text.data + text.len));
	}
	cv_text_init(&out, pool);
	mail_structure_decoded(&out, text, &decoded);
	pool_destroy(&pool);
	return 0;
}
