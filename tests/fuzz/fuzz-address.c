/* fuzz-address.c - address lists: what is written of one reads back as the
 * same, and holds no line end. */
#include "base.h"
#include "message/address.h"
#include "message/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const struct address_list *list)
{
	bool group = false;

	BUG_IF(list->count > ADDRESS_MAX);
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->items[i].kind == ADDRESS_GROUP_START) {
			BUG_IF(group);
			group = true;
		} else if (list->items[i].kind == ADDRESS_GROUP_END) {
			BUG_IF(!group);
			group = false;
		}
	}
	BUG_IF(group && !list->cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span value = cv_span((const char *)data, size);
	struct address_list list = { .count = 0 }, again = { .count = 0 };
	struct message_envelope env = { .has_from = false };
	struct address one;
	struct cv_text text, wire;

	address_parse(pool, value, &list);
	check_list(&list);
	cv_text_init(&text, pool);
	cv_text_init(&wire, pool);
	address_list_append(&text, &list);
	BUG_IF(text.len > 0 && (memchr(text.data, '\n', text.len) != NULL ||
				memchr(text.data, '\r', text.len) != NULL));
	address_parse(pool, cv_span(cv_text_str(&text), text.len), &again);
	check_list(&again);
	(void)envelope_add_field(pool, &env, CV_SPAN("From"), value);
	envelope_append(&wire, &env);
	BUG_IF(memchr(wire.data, '\0', wire.len) != NULL);
	if (address_parse_path(pool, value, true, &one) &&
	    one.mailbox.len > 0) {
		cv_text_reset(&text);
		address_append(&text, &one);
		BUG_IF(text.len == 0);
	}
	pool_destroy(&pool);
	return 0;
}
