/* imap-id.c - see imap-id.h. */
#include "imap-id.h"

/* [RFC2971 3.3] at most 30 fields of 30 bytes with values of 1024 */
enum { PAIRS_MAX = 30, FIELD_MAX = 30, VALUE_MAX = 1024 };

static bool is_string(const struct imap_arg *arg)
{
	return arg->type == IMAP_QUOTED || arg->type == IMAP_LITERAL;
}

static bool is_nil(const struct imap_arg *arg)
{
	return arg->type == IMAP_ATOM && cv_span_is_icase(arg->text, "NIL");
}

static bool is_logged(const struct imap_settings *set, struct cv_span field)
{
	for (uint32_t i = 0; i < set->imap_id_log.count; i++) {
		const char *name = set->imap_id_log.items[i];

		if (strcmp(name, "*") == 0 || cv_span_is_icase(field, name))
			return true;
	}
	return false;
}

static void log_pair(struct cv_text *log, const struct imap_arg *field,
		     const struct imap_arg *value)
{
	if (log->len > 0)
		cv_text_append_str(log, ", ");
	cv_text_append_span(log, field->text);
	cv_text_append_c(log, '=');
	for (size_t i = 0; i < value->text.len; i++) {
		char c = value->text.data[i];

		cv_text_append_c(log, (unsigned char)c < ' ' || c == 0x7f ?
				 '?' : c);
	}
}

static bool seen_before(struct imap_args all, const struct imap_arg *field)
{
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&all)) != NULL && arg != field) {
		if (cv_span_equal_icase(arg->text, field->text))
			return true;
		(void)imap_args_next(&all);
	}
	return false;
}

const char *imap_id_parse(struct imap_args args,
			  const struct imap_settings *set,
			  struct cv_text *log)
{
	const struct imap_arg *arg = imap_args_next(&args);
	struct imap_args list, all;

	if (arg == NULL || imap_args_peek(&args) != NULL)
		return "Invalid arguments";
	if (is_nil(arg))
		return NULL;
	if (arg->type != IMAP_LIST)
		return "Invalid arguments";
	all = list = imap_args_of_list(&args, arg);
	for (int pairs = 0; imap_args_peek(&list) != NULL; pairs++) {
		const struct imap_arg *field = imap_args_next(&list);
		const struct imap_arg *value = imap_args_next(&list);

		if (value == NULL || !is_string(field) ||
		    (!is_string(value) && !is_nil(value)))
			return "Invalid parameters";
		if (pairs == PAIRS_MAX || field->text.len > FIELD_MAX ||
		    value->text.len > VALUE_MAX)
			return "Too many or too long parameters";
		/* [RFC2971 3.3] no field twice */
		if (seen_before(all, field))
			return "Parameter given twice";
		if (!is_nil(value) && is_logged(set, field->text))
			log_pair(log, field, value);
	}
	return NULL;
}

static uint32_t number_of(struct cv_span text)
{
	uint64_t value;

	return cv_span_to_u64(text, UINT16_MAX, &value) ? (uint32_t)value : 0;
}

/* Appends "name=value"; what it could not be told from is left out. */
static bool take_forward(struct cv_text *forward, struct cv_span field,
			 struct cv_span value)
{
	static const struct cv_span prefix = { "x-forward-", 10 };

	if (!cv_span_begins_icase(field, prefix) ||
	    field.len == prefix.len ||
	    memchr(field.data, '=', field.len) != NULL ||
	    memchr(field.data, '\t', field.len) != NULL ||
	    (value.len > 0 && memchr(value.data, '\t', value.len) != NULL))
		return false;
	if (forward->len > 0)
		cv_text_append_c(forward, '\t');
	for (size_t i = prefix.len; i < field.len; i++)
		cv_text_append_c(forward, cv_ascii_lower(field.data[i]));
	cv_text_append_c(forward, '=');
	cv_text_append_span(forward, value);
	return true;
}

static bool take_origin(struct cv_preauth_origin *o, struct cv_span field,
			struct cv_span value, struct cv_pool *pool)
{
	if (cv_span_is_icase(field, "x-originating-ip"))
		o->remote_ip = cv_span_copy(pool, value);
	else if (cv_span_is_icase(field, "x-originating-port"))
		o->remote_port = number_of(value);
	else if (cv_span_is_icase(field, "x-connected-ip"))
		o->local_ip = cv_span_copy(pool, value);
	else if (cv_span_is_icase(field, "x-connected-port"))
		o->local_port = number_of(value);
	else if (cv_span_is_icase(field, "x-session-id") ||
		 cv_span_is_icase(field, "x-session-ext-id"))
		o->session_id = cv_span_copy(pool, value);
	else if (cv_span_is_icase(field, "x-proxy-ttl"))
		o->ttl = number_of(value);
	else
		return false;
	return true;
}

bool imap_id_origin(struct imap_args args, struct cv_pool *pool,
		    struct cv_preauth_origin *origin_r)
{
	const struct imap_arg *arg = imap_args_next(&args);
	struct imap_args list;
	struct cv_text forward;
	bool found = false;

	cv_text_init(&forward, pool);
	*origin_r = (struct cv_preauth_origin){ CV_SIZED(cv_preauth_origin) };
	if (arg == NULL || arg->type != IMAP_LIST)
		return false;
	list = imap_args_of_list(&args, arg);
	while (imap_args_peek(&list) != NULL) {
		const struct imap_arg *field = imap_args_next(&list);
		const struct imap_arg *value = imap_args_next(&list);

		if (!is_nil(value) &&
		    (take_origin(origin_r, field->text, value->text, pool) ||
		     take_forward(&forward, field->text, value->text)))
			found = true;
	}
	origin_r->forward = cv_text_span(&forward);
	return found;
}

static void quoted(struct cv_text *dst, const char *text)
{
	cv_text_append_c(dst, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			cv_text_append_c(dst, '\\');
		if ((unsigned char)*text >= ' ' && *text != 0x7f)
			cv_text_append_c(dst, *text);
	}
	cv_text_append_c(dst, '"');
}

/* What "*" stands for; empty: NIL. */
static const char *own_value(const char *field)
{
	const char *version = strchr(cv_api->build_id, ' ');

	if (strcasecmp(field, "name") == 0)
		return "Culver";
	if (strcasecmp(field, "version") == 0 && version != NULL)
		return version + 1;
	return "";
}

void imap_id_reply(struct cv_text *dst, const struct imap_settings *set)
{
	const struct cv_strings *send = &set->imap_id_send;

	if (send->count < 2) {
		cv_text_append_str(dst, "* ID NIL\r\n");
		return;
	}
	cv_text_append_str(dst, "* ID (");
	for (uint32_t i = 0; i + 1 < send->count; i += 2) {
		const char *value = send->items[i + 1];

		if (i > 0)
			cv_text_append_c(dst, ' ');
		quoted(dst, send->items[i]);
		cv_text_append_c(dst, ' ');
		if (strcmp(value, "*") == 0)
			value = own_value(send->items[i]);
		if (*value == '\0')
			cv_text_append_str(dst, "NIL");
		else
			quoted(dst, value);
	}
	cv_text_append_str(dst, ")\r\n");
}
