/* fuzz-acl.c - lists of rights: what is read is written and read again the
 * same. */
#include "mailbox/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *groups[] = { "g" };
	struct acl_who who = { .user = "u", .groups = { groups, 1 } };
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_text one, two;
	struct acl acl, again;

	cv_text_init(&one, pool);
	cv_text_init(&two, pool);
	acl_init(&acl, pool);
	acl_init(&again, pool);
	if (acl_parse(&acl, cv_span((const char *)data, size),
		      NULL) == CV_OK) {
		acl_format(&acl, &one);
		if (one.len <= ACL_TEXT_MAX) {
			BUG_IF(acl_parse(&again, cv_text_span(&one),
					 NULL) != CV_OK && one.len > 0);
			acl_format(&again, &two);
			BUG_IF(!cv_span_equal(cv_text_span(&one),
					      cv_text_span(&two)));
			BUG_IF(acl_rights(&acl, &who) !=
			       acl_rights(&again, &who));
		}
	}
	pool_destroy(&pool);
	return 0;
}
