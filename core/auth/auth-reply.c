/* auth-reply.c - the fields that a database has answered. */
#include "auth-reply.h"

static bool name_is_valid(struct cv_span name)
{
	if (name.len == 0 || name.len > AUTH_FIELD_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = cv_ascii_lower(name.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr("_-:./", c) == NULL))
			return false;
	}
	return true;
}

static bool value_is_valid(struct cv_span value)
{
	if (value.len > AUTH_FIELD_VALUE_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '\0' || c == '\r' || c == '\n')
			return false;
	}
	return true;
}

static struct auth_field *find(const struct cv_auth_reply *reply,
			       struct cv_span name)
{
	for (size_t i = 0; i < reply->fields.count; i++) {
		if (cv_span_is(name, reply->fields.items[i].name))
			return &reply->fields.items[i];
	}
	return NULL;
}

void auth_reply_init(struct cv_auth_reply *reply, struct cv_pool *pool)
{
	reply->pool = pool;
	array_init(&reply->fields, pool);
}

bool auth_reply_set(struct cv_auth_reply *reply, struct cv_span name,
		    struct cv_span value)
{
	struct auth_field *field;

	if (!name_is_valid(name) || !value_is_valid(value))
		return false;
	field = find(reply, name);
	if (field == NULL) {
		if (reply->fields.count >= AUTH_FIELDS_MAX)
			return false;
		field = array_add(&reply->fields);
		field->name = pool_copy(reply->pool, name.data, name.len);
	}
	field->value = pool_copy(reply->pool, value.data, value.len);
	return true;
}

bool auth_reply_set_str(struct cv_auth_reply *reply, const char *name,
			const char *value)
{
	return auth_reply_set(reply, cv_span_of(name), cv_span_of(value));
}

/* Takes one "name=value" off the front; unescaped into out. */
static void take_pair(struct cv_span *rest, char separator,
		      struct cv_text *out)
{
	size_t i;

	cv_text_reset(out);
	for (i = 0; i < rest->len && rest->data[i] != separator; i++) {
		if (separator == ' ' && rest->data[i] == '\\' &&
		    i + 1 < rest->len && (rest->data[i + 1] == separator ||
					  rest->data[i + 1] == '\\'))
			i++;
		cv_text_append_c(out, rest->data[i]);
	}
	*rest = cv_span_skip(*rest, i < rest->len ? i + 1 : i);
}

int auth_reply_set_all(struct cv_auth_reply *reply, struct cv_span text,
		       char separator, struct cv_error *err)
{
	struct cv_text pair;
	struct cv_span name, value;

	cv_text_init(&pair, reply->pool);
	while (text.len > 0) {
		take_pair(&text, separator, &pair);
		if (pair.len == 0)
			continue;
		value = cv_text_span(&pair);
		(void)cv_span_split(&value, '=', &name);
		if (value.data == NULL)
			value = CV_SPAN("yes");
		if (!auth_reply_set(reply, name, value)) {
			return FAIL(err, CV_E_SYNTAX, "bad field '%.*s'",
				    (int)(name.len > 64 ? 64 : name.len),
				    name.data);
		}
	}
	return CV_OK;
}

const char *auth_reply_get(const struct cv_auth_reply *reply,
			   const char *name)
{
	const struct auth_field *field = find(reply, cv_span_of(name));

	return field == NULL ? NULL : field->value;
}

struct cv_span auth_reply_get_span(const struct cv_auth_reply *reply,
				   const char *name)
{
	return cv_span_of(auth_reply_get(reply, name));
}

bool auth_reply_is_true(const struct cv_auth_reply *reply, const char *name)
{
	struct cv_span value = auth_reply_get_span(reply, name);

	return value.data != NULL && !cv_span_is_icase(value, "no") &&
		!cv_span_is_icase(value, "n") && !cv_span_is(value, "0") &&
		!cv_span_is_icase(value, "false");
}

void auth_reply_remove(struct cv_auth_reply *reply, const char *name)
{
	struct auth_field *field = find(reply, cv_span_of(name));
	size_t at;

	if (field == NULL)
		return;
	at = (size_t)(field - reply->fields.items);
	memmove(field, field + 1,
		(reply->fields.count - at - 1) * sizeof(*field));
	reply->fields.count--;
}

void auth_reply_clear(struct cv_auth_reply *reply)
{
	reply->fields.count = 0;
}

void auth_reply_merge(struct cv_auth_reply *dst,
		      const struct cv_auth_reply *src)
{
	for (size_t i = 0; i < src->fields.count; i++) {
		(void)auth_reply_set_str(dst, src->fields.items[i].name,
					 src->fields.items[i].value);
	}
}

void auth_reply_put(struct ipc_writer *w, const struct cv_auth_reply *reply)
{
	ipc_put_u32(w, (uint32_t)reply->fields.count);
	for (size_t i = 0; i < reply->fields.count; i++) {
		ipc_put_str(w, reply->fields.items[i].name);
		ipc_put_str(w, reply->fields.items[i].value);
	}
}

void auth_reply_read(struct ipc_reader *r, struct cv_auth_reply *reply)
{
	uint32_t count = ipc_get_count(r, AUTH_FIELDS_MAX);
	const char *name, *value;

	for (uint32_t i = 0; i < count; i++) {
		name = ipc_get_str(r, AUTH_FIELD_NAME_MAX);
		value = ipc_get_str(r, AUTH_FIELD_VALUE_MAX);
		if (!auth_reply_set_str(reply, name, value))
			r->failed = true;
	}
}
