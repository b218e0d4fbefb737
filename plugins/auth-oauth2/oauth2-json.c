/* oauth2-json.c - jansson's objects as a flat list in a pool. */
#include "oauth2-json.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

/* Answers hold tokens: nothing of them stays in the heap. */
static void wipe_and_free(void *data)
{
	if (data != NULL)
		explicit_bzero(data, malloc_usable_size(data));
	free(data);
}

static const char *text_of(struct cv_pool *pool, const json_t *value)
{
	return cv_span_copy(pool, cv_span(json_string_value(value),
					  json_string_length(value)));
}

static void take_list(struct cv_pool *pool, const json_t *value,
		      struct oauth2_member *member)
{
	size_t count = json_array_size(value);
	const char **items;
	struct cv_text joined;

	if (count > OAUTH2_ITEMS_MAX)
		count = OAUTH2_ITEMS_MAX;
	items = CV_ALLOC_ARRAY(pool, const char *, count + 1);
	cv_text_init(&joined, pool);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_string(item))
			continue;
		items[member->count] = text_of(pool, item);
		if (member->count > 0)
			cv_text_append_c(&joined, ' ');
		cv_text_append_str(&joined, items[member->count++]);
	}
	member->kind = OAUTH2_LIST;
	member->items = items;
	member->value = cv_text_str(&joined);
}

static void take_text(struct cv_pool *pool, const json_t *value,
		      struct oauth2_member *member)
{
	const char **items = CV_ALLOC_ARRAY(pool, const char *, 1);

	items[0] = member->value = text_of(pool, value);
	member->kind = OAUTH2_TEXT;
	member->items = items;
	member->count = 1;
}

static void take_number(struct cv_pool *pool, const json_t *value,
			struct oauth2_member *member)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	member->kind = OAUTH2_NUMBER;
	member->number = json_number_value(value);
	if (json_is_integer(value))
		cv_text_append_f(&text, "%lld",
				 (long long)json_integer_value(value));
	else
		cv_text_append_f(&text, "%.15g", member->number);
	member->value = cv_text_str(&text);
}

static void take_member(struct cv_pool *pool, const char *name,
			const json_t *value, struct oauth2_member *member)
{
	member->name = cv_span_copy(pool, cv_span_of(name));
	member->kind = OAUTH2_OTHER;
	member->value = "";
	if (json_is_string(value)) {
		take_text(pool, value, member);
	} else if (json_is_number(value)) {
		take_number(pool, value, member);
	} else if (json_is_boolean(value)) {
		member->kind = OAUTH2_BOOL;
		member->value = json_is_true(value) ? "true" : "false";
	} else if (json_is_array(value)) {
		take_list(pool, value, member);
	}
}

int oauth2_json_parse(struct cv_pool *pool, struct cv_span text,
		      struct oauth2_members *members_r, struct cv_error *err)
{
	json_error_t problem;
	json_t *object, *value;
	const char *name;
	int ret = CV_OK;

	*members_r = (struct oauth2_members){ NULL, 0 };
	json_set_alloc_funcs(malloc, wipe_and_free);
	/* jansson bounds the depth, and refuses NUL and what is not UTF-8 */
	object = json_loadb(text.data == NULL ? "" : text.data, text.len,
			    JSON_REJECT_DUPLICATES, &problem);
	if (object == NULL)
		return CV_FAIL(err, CV_E_SYNTAX, "no proper JSON: %s",
			       problem.text);
	if (!json_is_object(object)) {
		ret = CV_FAIL(err, CV_E_SYNTAX, "JSON, but no object");
	} else if (json_object_size(object) > OAUTH2_MEMBERS_MAX) {
		ret = CV_FAIL(err, CV_E_SYNTAX, "an object with over %d "
			      "members", OAUTH2_MEMBERS_MAX);
	} else {
		members_r->list = CV_ALLOC_ARRAY(pool, struct oauth2_member,
						 json_object_size(object) + 1);
		json_object_foreach(object, name, value)
			take_member(pool, name, value,
				    &members_r->list[members_r->count++]);
	}
	json_decref(object);
	return ret;
}

const struct oauth2_member *
oauth2_json_find(const struct oauth2_members *members, struct cv_span name)
{
	for (uint32_t i = 0; i < members->count; i++) {
		if (cv_span_is(name, members->list[i].name))
			return &members->list[i];
	}
	return NULL;
}

bool oauth2_json_has(const struct oauth2_member *member, struct cv_span text)
{
	for (uint32_t i = 0; member != NULL && i < member->count; i++) {
		if (cv_span_is(text, member->items[i]))
			return true;
	}
	return false;
}
