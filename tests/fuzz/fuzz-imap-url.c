/* fuzz-imap-url.c - URLs of CATENATE: what is taken has a proper name, and
 * ends where the text does. */
#include "imap-mock-session.h"
#include "imap-url.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	mock_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct imap_url url;

	if (imap_url_parse(pool, cv_span((const char *)data, size), &url)) {
		BUG_IF(url.uid == 0 || *url.mailbox == '\0');
		BUG_IF(strlen(url.mailbox) + url.section.len > size);
		BUG_IF(url.section.len > 0 &&
		       memchr(url.section.data, '\0', url.section.len));
	}
	pool_destroy(&pool);
	return 0;
}
