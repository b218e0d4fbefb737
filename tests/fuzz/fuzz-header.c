/* fuzz-header.c - values of header fields other than addresses and dates:
 * types with parameters, ids, subjects, unfolding; and selecting fields from
 * a header. */
#include "base.h"
#include "message/base-subject.h"
#include "message/encoded-word.h"
#include "message/message-id.h"
#include "message/message-section.h"
#include "message/mime-param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_type(struct cv_pool *pool, struct cv_span value, bool subtype)
{
	struct mime_type type;
	struct cv_span utf8;

	if (!mime_type_parse(pool, value, subtype, &type))
		return;
	BUG_IF(type.param_count > MIME_PARAMS_MAX);
	for (uint32_t i = 0; i < type.param_count; i++) {
		char *name = pool_copy(pool, type.params[i].name.data,
				       type.params[i].name.len);

		if (mime_type_param_utf8(pool, &type, name, &utf8))
			BUG_IF(!utf8_is_valid(utf8.data, utf8.len));
	}
}

static void try_ids(struct cv_pool *pool, struct cv_span rest)
{
	struct cv_span id;
	size_t left = rest.len;

	while (message_id_next(pool, &rest, &id)) {
		BUG_IF(id.len > MESSAGE_ID_MAX || rest.len >= left);
		left = rest.len;
	}
}

/* A base subject has none: it is its own. */
static void try_subject(struct cv_pool *pool, struct cv_span value)
{
	struct cv_text once;

	cv_text_init(&once, pool);
	(void)base_subject_append(&once, value);
	BUG_IF(!utf8_is_valid(cv_text_str(&once), once.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span value = cv_span((const char *)data, size);
	struct cv_span names[] = { CV_SPAN("a"), CV_SPAN("subject") };
	struct cv_text yes, no, flat;

	cv_text_init(&yes, pool);
	cv_text_init(&no, pool);
	cv_text_init(&flat, pool);
	try_type(pool, value, true);
	try_type(pool, value, false);
	try_ids(pool, value);
	try_subject(pool, value);
	header_unfold(&flat, value);
	BUG_IF(flat.len > 0 && memchr(flat.data, '\n', flat.len) != NULL);
	message_fields_select(&yes, value, names, 2, false);
	message_fields_select(&no, value, names, 2, true);
	BUG_IF(yes.len + no.len > size + 8);
	pool_destroy(&pool);
	return 0;
}
