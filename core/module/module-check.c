/* module-check.c - is this descriptor one that this server can use?
 *
 * The order is fixed: each check makes the next one safe.  A refusal names
 * both sides and the way out. */
#include "module-private.h"

static int check_widths(uint32_t tag, struct cv_error *err)
{
	static const struct {
		unsigned int shift;
		const char *what;
	} widths[] = {
		{ 16, "pointers" }, { 8, "time_t" }, { 0, "off_t" },
	};

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		unsigned int theirs = (tag >> widths[i].shift) & 0xff;
		unsigned int ours = (CV_ABI_TAG >> widths[i].shift) & 0xff;

		if (theirs != ours)
			return FAIL(err, CV_E_ABI, "it was built with %u-bit "
				    "%s, this server with %u-bit %s (hint: "
				    "rebuild the plugin with the flags of "
				    "'pkg-config --cflags culver-plugin')",
				    theirs * 8, widths[i].what, ours * 8,
				    widths[i].what);
	}
	if (tag != CV_ABI_TAG)
		return FAIL(err, CV_E_ABI, "its ABI tag is %08x, this "
			    "server's is %08x (hint: rebuild the plugin)",
			    (unsigned int)tag, (unsigned int)CV_ABI_TAG);
	return CV_OK;
}

static int check_version(const struct cv_plugin_desc *desc,
			 struct cv_error *err)
{
	if (desc->api_major != CV_API_MAJOR)
		return FAIL(err, CV_E_ABI, "it was built for plugin API %u.%u,"
			    " this server has %u.%u (hint: %s)",
			    desc->api_major, desc->api_minor,
			    CV_API_MAJOR, CV_API_MINOR,
			    desc->api_major > CV_API_MAJOR ?
			    "update the server, or build the plugin's release "
			    "for this API" :
			    "rebuild the plugin with the headers of this "
			    "server");
	if (desc->api_minor_need > CV_API_MINOR)
		return FAIL(err, CV_E_ABI, "it needs plugin API %u.%u, this "
			    "server has %u.%u (hint: rebuild the plugin with "
			    "the headers of %u.%u, or update the server)",
			    desc->api_major, desc->api_minor_need,
			    CV_API_MAJOR, CV_API_MINOR,
			    CV_API_MAJOR, CV_API_MINOR);
	return CV_OK;
}

int module_check_desc(const struct cv_plugin_desc *desc, const char *name,
		      struct cv_error *err)
{
	const char *build_id = module_host()->build_id;
	int ret;

	if (desc->size < MODULE_DESC_SIZE_1_0 || desc->size > 65536)
		return FAIL(err, CV_E_ABI, "its descriptor says it has %u "
			    "bytes, the first version had %u: it is damaged, "
			    "or no descriptor", desc->size,
			    (unsigned int)MODULE_DESC_SIZE_1_0);
	if (desc->magic != CV_PLUGIN_MAGIC)
		return FAIL(err, CV_E_ABI, "its descriptor has the magic "
			    "number %08x instead of %08x: it is damaged, or "
			    "of another program", desc->magic,
			    CV_PLUGIN_MAGIC);
	if ((ret = check_widths(desc->abi_tag, err)) < 0 ||
	    (ret = check_version(desc, err)) < 0)
		return ret;
	if ((desc->flags & CV_PLUGIN_EXACT_BUILD) != 0 &&
	    (desc->build_id == NULL || strcmp(desc->build_id, build_id) != 0))
		return FAIL(err, CV_E_ABI, "it works only with the build "
			    "'%.128s', this server is '%s' (hint: rebuild "
			    "the plugin with this server's sources)",
			    desc->build_id == NULL ? "" : desc->build_id,
			    build_id);
	if (desc->name == NULL)
		return FAIL(err, CV_E_ABI, "its descriptor has no name");
	if (strcmp(desc->name, name) != 0)
		return FAIL(err, CV_E_ABI, "it calls itself '%.64s' (hint: "
			    "its file must be named '%.64s.so')", desc->name,
			    desc->name);
	if (desc->init == NULL)
		return FAIL(err, CV_E_ABI, "its descriptor has no init "
			    "function");
	return CV_OK;
}

/* Bytes of the member in the settings struct; 0: no such type. */
static size_t setting_bytes(uint32_t type, size_t *align_r)
{
	switch (type) {
	case CV_SET_BOOL:
		*align_r = _Alignof(bool);
		return sizeof(bool);
	case CV_SET_UINT:
	case CV_SET_ENUM:
	case CV_SET_MODE:
		*align_r = _Alignof(uint32_t);
		return sizeof(uint32_t);
	case CV_SET_SIZE:
	case CV_SET_TIME:
		*align_r = _Alignof(uint64_t);
		return sizeof(uint64_t);
	case CV_SET_STRING:
	case CV_SET_PATH:
		*align_r = _Alignof(const char *);
		return sizeof(const char *);
	case CV_SET_LIST:
		*align_r = _Alignof(struct cv_strings);
		return sizeof(struct cv_strings);
	default:
		return 0;
	}
}

int module_check_settings(const struct module_desc *desc,
			  struct cv_error *err)
{
	const struct cv_setting_def *defs = desc->settings.items;

	if (desc->settings_bytes > MODULE_SETTINGS_BYTES_MAX)
		return FAIL(err, CV_E_ABI, "its settings struct has %zu "
			    "bytes, at most %d are possible",
			    desc->settings_bytes, MODULE_SETTINGS_BYTES_MAX);
	for (uint32_t i = 0; i < desc->settings.count; i++) {
		size_t align = 1, end, bytes;

		if (defs[i].name == NULL || defs[i].name[0] == '\0')
			return FAIL(err, CV_E_ABI, "its setting number %u has "
				    "no name", i + 1);
		if (defs[i].type == CV_SET_OBSOLETE)
			continue;
		bytes = setting_bytes(defs[i].type, &align);
		if (bytes == 0)
			return FAIL(err, CV_E_ABI, "its setting '%s' has a "
				    "type (%u) that this server does not know "
				    "(hint: update the server)", defs[i].name,
				    defs[i].type);
		if (!checked_add(defs[i].offset, bytes, &end) ||
		    end > desc->settings_bytes || defs[i].offset % align != 0)
			return FAIL(err, CV_E_ABI, "its setting '%s' lies "
				    "outside of its settings struct (hint: "
				    ".settings_bytes must be that struct's "
				    "size)", defs[i].name);
	}
	return CV_OK;
}

static const char *copy_text(struct cv_pool *pool, const char *text)
{
	if (text == NULL)
		return "";
	return pool_copy(pool, text, strnlen(text, MODULE_STRING_MAX - 1));
}

static int copy_list(struct cv_pool *pool, const char *const *list,
		     const char *what, const char *const **copy_r,
		     struct cv_error *err)
{
	const char **copy;
	uint32_t count = 0;

	while (list != NULL && list[count] != NULL) {
		if (++count > MODULE_LIST_MAX)
			return FAIL(err, CV_E_ABI, "its list '%s' has more "
				    "than %d entries, or no NULL at its end",
				    what, MODULE_LIST_MAX);
	}
	copy = pool_new_array(pool, const char *, count + 1);
	for (uint32_t i = 0; i < count; i++)
		copy[i] = copy_text(pool, list[i]);
	*copy_r = copy;
	return CV_OK;
}

/* Elements may be shorter (older headers) or longer (newer ones) than ours. */
static int copy_settings(const struct cv_plugin_desc *desc,
			 struct cv_pool *pool, struct module_desc *copy,
			 struct cv_error *err)
{
	const struct cv_array *from = &desc->settings;
	struct cv_setting_def *defs;

	if (from->count == 0)
		return CV_OK;
	if (from->items == NULL || from->count > MODULE_SETTINGS_MAX ||
	    from->stride < MODULE_SETTING_SIZE_1_0 || from->stride > 4096)
		return FAIL(err, CV_E_ABI, "its list of settings is damaged "
			    "(%u elements of %u bytes)", from->count,
			    from->stride);
	defs = pool_new_array(pool, struct cv_setting_def, from->count);
	for (uint32_t i = 0; i < from->count; i++) {
		const char *element = (const char *)from->items +
			(size_t)i * from->stride;
		size_t size = from->stride < sizeof(defs[i]) ?
			from->stride : sizeof(defs[i]);

		memcpy(&defs[i], element, size);
		defs[i].size = sizeof(defs[i]);
		if (defs[i].name == NULL)
			return FAIL(err, CV_E_ABI, "its setting number %u has "
				    "no name", i + 1);
		defs[i].name = copy_text(pool, defs[i].name);
		defs[i].default_text = copy_text(pool, defs[i].default_text);
		if (defs[i].allowed != NULL)
			defs[i].allowed = copy_text(pool, defs[i].allowed);
		defs[i].doc = copy_text(pool, defs[i].doc);
		if (defs[i].since != NULL)
			defs[i].since = copy_text(pool, defs[i].since);
	}
	copy->settings = (struct cv_array){ defs, from->count,
		sizeof(defs[0]) };
	return CV_OK;
}

int module_copy_desc(const struct cv_plugin_desc *desc, const char *path,
		     struct cv_pool *pool, struct module_desc *copy_r,
		     struct cv_error *err)
{
	int ret;

	*copy_r = (struct module_desc){
		.name = copy_text(pool, desc->name),
		.path = copy_text(pool, path),
		.version = copy_text(pool, desc->version),
		.license = copy_text(pool, desc->license),
		.summary = copy_text(pool, desc->summary),
		.build_id = copy_text(pool, desc->build_id),
		.api_major = desc->api_major, .api_minor = desc->api_minor,
		.api_minor_need = desc->api_minor_need, .flags = desc->flags,
		.settings_bytes = desc->settings_bytes,
		.init_error = "",
	};
	if ((ret = copy_list(pool, desc->needs, "needs", &copy_r->needs,
			     err)) < 0 ||
	    (ret = copy_list(pool, desc->after, "after", &copy_r->after,
			     err)) < 0 ||
	    (ret = copy_list(pool, desc->processes, "processes",
			     &copy_r->processes, err)) < 0 ||
	    (ret = copy_list(pool, desc->paths, "paths", &copy_r->paths,
			     err)) < 0 ||
	    (ret = copy_settings(desc, pool, copy_r, err)) < 0)
		return ret;
	return module_check_settings(copy_r, err);
}
