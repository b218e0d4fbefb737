/* module-wire.c - a descriptor's plain data as bytes, for the pipe between
 * the probe child and its parent.
 *
 * Numbers are 8 bytes in the order of this machine, texts a number and bytes,
 * lists a number and texts.  The child has run foreign code: what comes from
 * it is as hostile as what comes from the network. */
#include "module-private.h"

static void put_number(struct cv_text *out, uint64_t value)
{
	cv_text_append(out, &value, sizeof(value));
}

/* NULL is told from "" by the length. */
static void put_text(struct cv_text *out, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	put_number(out, text == NULL ? UINT64_MAX : len);
	cv_text_append(out, text == NULL ? "" : text, len);
}

static void put_list(struct cv_text *out, const char *const *list)
{
	uint32_t count = 0;

	while (list[count] != NULL)
		count++;
	put_number(out, count);
	for (uint32_t i = 0; i < count; i++)
		put_text(out, list[i]);
}

static void put_settings(struct cv_text *out, const struct module_desc *desc)
{
	const struct cv_setting_def *defs = desc->settings.items;

	put_number(out, desc->settings.count);
	for (uint32_t i = 0; i < desc->settings.count; i++) {
		put_number(out, defs[i].type);
		put_number(out, defs[i].flags);
		put_number(out, defs[i].offset);
		put_text(out, defs[i].name);
		put_text(out, defs[i].default_text);
		put_text(out, defs[i].allowed);
		put_text(out, defs[i].doc);
		put_text(out, defs[i].since);
	}
}

void module_wire_put(struct cv_text *out, const struct module_desc *desc)
{
	put_text(out, desc->name);
	put_text(out, desc->path);
	put_text(out, desc->version);
	put_text(out, desc->license);
	put_text(out, desc->summary);
	put_text(out, desc->build_id);
	put_text(out, desc->init_error);
	put_number(out, desc->api_major);
	put_number(out, desc->api_minor);
	put_number(out, desc->api_minor_need);
	put_number(out, desc->flags);
	put_list(out, desc->needs);
	put_list(out, desc->after);
	put_list(out, desc->processes);
	put_list(out, desc->paths);
	put_number(out, desc->settings_bytes);
	put_settings(out, desc);
	put_number(out, desc->registration_count);
	for (uint32_t i = 0; i < desc->registration_count; i++) {
		const struct module_registration *r = &desc->registrations[i];

		put_number(out, r->what);
		put_number(out, r->kind);
		put_number(out, (uint32_t)r->priority);
		put_text(out, r->name);
	}
}

struct reader {
	struct cv_span rest;
	struct cv_pool *pool;
	bool bad;	/* from then on everything is 0 and "" */
};

static uint64_t get_number(struct reader *in, uint64_t max)
{
	uint64_t value;

	if (in->bad || in->rest.len < sizeof(value)) {
		in->bad = true;
		return 0;
	}
	memcpy(&value, in->rest.data, sizeof(value));
	in->rest = cv_span_skip(in->rest, sizeof(value));
	if (value > max) {
		in->bad = true;
		return 0;
	}
	return value;
}

static const char *get_text_or_null(struct reader *in)
{
	uint64_t len = get_number(in, UINT64_MAX);
	const char *text;

	if (len == UINT64_MAX)
		return NULL;
	if (in->bad || len > MODULE_STRING_MAX || len > in->rest.len ||
	    memchr(in->rest.data, '\0', (size_t)len) != NULL) {
		in->bad = true;
		return "";
	}
	text = pool_copy(in->pool, in->rest.data, (size_t)len);
	in->rest = cv_span_skip(in->rest, (size_t)len);
	return text;
}

static const char *get_text(struct reader *in)
{
	const char *text = get_text_or_null(in);

	if (text != NULL)
		return text;
	in->bad = true;
	return "";
}

static const char *const *get_list(struct reader *in)
{
	uint64_t count = get_number(in, MODULE_LIST_MAX);
	const char **list = pool_new_array(in->pool, const char *,
					   (size_t)count + 1);

	for (uint64_t i = 0; i < count; i++)
		list[i] = get_text(in);
	return list;
}

static void get_settings(struct reader *in, struct module_desc *desc)
{
	uint64_t count = get_number(in, MODULE_SETTINGS_MAX);
	struct cv_setting_def *defs = pool_new_array(
		in->pool, struct cv_setting_def, (size_t)count);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		defs[i].size = sizeof(defs[i]);
		defs[i].type = (uint32_t)get_number(in, UINT32_MAX);
		defs[i].flags = (uint32_t)get_number(in, UINT32_MAX);
		defs[i].offset = (size_t)get_number(in, SIZE_MAX);
		defs[i].name = get_text(in);
		defs[i].default_text = get_text(in);
		defs[i].allowed = get_text_or_null(in);
		defs[i].doc = get_text(in);
		defs[i].since = get_text_or_null(in);
	}
	desc->settings = (struct cv_array){ defs, (uint32_t)count,
		sizeof(defs[0]) };
}

static void get_registrations(struct reader *in, struct module_desc *desc)
{
	uint64_t count = get_number(in, MODULE_REGISTRATIONS_MAX);
	struct module_registration *all = pool_new_array(
		in->pool, struct module_registration, (size_t)count);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		all[i].what = (uint32_t)get_number(in, UINT32_MAX);
		all[i].kind = (uint32_t)get_number(in, UINT32_MAX);
		all[i].priority = (int32_t)get_number(in, UINT32_MAX);
		all[i].name = get_text(in);
	}
	desc->registrations = all;
	desc->registration_count = (uint32_t)count;
}

int module_wire_get(struct cv_span data, struct cv_pool *pool,
		    struct module_desc *desc_r, struct cv_error *err)
{
	struct reader in = { .rest = data, .pool = pool };

	*desc_r = (struct module_desc){ 0 };
	desc_r->name = get_text(&in);
	desc_r->path = get_text(&in);
	desc_r->version = get_text(&in);
	desc_r->license = get_text(&in);
	desc_r->summary = get_text(&in);
	desc_r->build_id = get_text(&in);
	desc_r->init_error = get_text(&in);
	desc_r->api_major = (uint16_t)get_number(&in, UINT16_MAX);
	desc_r->api_minor = (uint16_t)get_number(&in, UINT16_MAX);
	desc_r->api_minor_need = (uint16_t)get_number(&in, UINT16_MAX);
	desc_r->flags = (uint16_t)get_number(&in, UINT16_MAX);
	desc_r->needs = get_list(&in);
	desc_r->after = get_list(&in);
	desc_r->processes = get_list(&in);
	desc_r->paths = get_list(&in);
	desc_r->settings_bytes = (size_t)get_number(&in, SIZE_MAX);
	get_settings(&in, desc_r);
	get_registrations(&in, desc_r);
	if (in.bad || in.rest.len > 0)
		return FAIL(err, CV_E_SYNTAX, "the probe's answer is "
			    "malformed: the plugin may have damaged its "
			    "memory");
	return module_check_settings(desc_r, err);
}
