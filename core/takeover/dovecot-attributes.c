/* dovecot-attributes.c - a line of key, a line of value.  LF, CR, TAB, NUL and
 * 0x01 are written as 0x01 and a character.  Keys are
 *
 *	priv/GUID/NAME		/private/NAME of a mailbox
 *	shared/GUID/NAME	/shared/NAME of it
 *
 * and with vendor/vendor.dovecot/pvt/server/ before NAME, under the GUID of
 * INBOX, those of the server.  What else is below vendor/vendor.dovecot/pvt/
 * no client ever sees: secrets of other services, which stay where they
 * are. */
#include "dovecot-attributes.h"

#include <errno.h>
#include <sys/stat.h>

#define INTERNAL "vendor/vendor.dovecot/pvt/"

enum {
	GUID_DIGITS = 32, FILE_MARK = 5,
	FILE_BYTES_MAX = 64 << 20, FILE_ENTRIES_MAX = 1000000,
};

/* --- lines ----------------------------------------------------------------------- */

static char unescape_one(char c)
{
	switch (c) {
	case '0': return '\0';
	case 't': return '\t';
	case 'r': return '\r';
	case 'n': return '\n';
	default: return c == '1' ? '\001' : c;
	}
}

static struct cv_span unescape(struct cv_span line, struct cv_pool *pool)
{
	char *copy;
	size_t to = 0;

	if (line.len == 0 || memchr(line.data, '\001', line.len) == NULL)
		return line;
	copy = pool_alloc(pool, line.len + 1);
	for (size_t i = 0; i < line.len; i++) {
		char c = line.data[i];

		if (c == '\001' && ++i < line.len)
			c = unescape_one(line.data[i]);
		else if (c == '\001')
			break;
		copy[to++] = c;
	}
	return cv_span(copy, to);
}

static bool next_line(struct cv_span *rest, struct cv_span *line_r)
{
	const char *end = rest->len == 0 ? NULL :
		memchr(rest->data, '\n', rest->len);

	if (end == NULL)
		return false;
	*line_r = cv_span(rest->data, (size_t)(end - rest->data));
	*rest = cv_span_skip(*rest, line_r->len + 1);
	return true;
}

/* --- keys -------------------------------------------------------------------------- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_guid(struct cv_span *key, uint8_t guid[16])
{
	if (key->len <= GUID_DIGITS || key->data[GUID_DIGITS] != '/')
		return false;
	for (size_t i = 0; i < 16; i++) {
		int a = digit(key->data[2 * i]);
		int b = digit(key->data[2 * i + 1]);

		if (a < 0 || b < 0)
			return false;
		guid[i] = (uint8_t)(a << 4 | b);
	}
	*key = cv_span_skip(*key, GUID_DIGITS + 1);
	return true;
}

static struct cv_span entry_name(bool private, struct cv_span name,
				 struct cv_pool *pool)
{
	const char *top = private ? "/private/" : "/shared/";
	size_t len = strlen(top);
	char *entry = pool_alloc(pool, len + name.len + 1);

	memcpy(entry, top, len);
	for (size_t i = 0; i < name.len; i++)
		entry[len + i] = cv_ascii_lower(name.data[i]);
	return cv_span(entry, len + name.len);
}

static bool take_key(struct cv_span key, struct cv_pool *pool,
		     struct dovecot_attribute *a)
{
	const struct cv_span server = CV_SPAN(INTERNAL "server/");
	bool private = cv_span_begins(key, CV_SPAN("priv/"));

	if (!private && !cv_span_begins(key, CV_SPAN("shared/")))
		return false;
	key = cv_span_skip(key, private ? 5 : 7);
	if (!take_guid(&key, a->guid))
		return false;
	if (cv_span_begins_icase(key, server)) {
		a->server = true;
		key = cv_span_skip(key, server.len);
	}
	if (key.len == 0 || cv_span_begins_icase(key, CV_SPAN(INTERNAL)))
		return false;
	a->entry = entry_name(private, key, pool);
	return true;
}

bool dovecot_attribute_next(struct cv_span *rest, struct cv_pool *pool,
			    struct dovecot_attribute *a_r)
{
	struct cv_span key, value;

	*a_r = (struct dovecot_attribute){ .is_foreign = true };
	if (!next_line(rest, &key) || !next_line(rest, &value))
		return false;
	if (take_key(unescape(key, pool), pool, a_r)) {
		a_r->is_foreign = false;
		a_r->value = unescape(value, pool);
	}
	return true;
}

/* --- the file -------------------------------------------------------------------------- */

struct loaded {
	struct dovecot_attributes public;	/* first */
	struct cv_pool *pool;
	struct stat st;
};

static int read_file(struct io *io, const char *path, int fd,
		     const struct stat *st, struct cv_pool *pool,
		     struct cv_span *text_r, struct cv_error *err)
{
	char *text;
	ssize_t got;

	if (st->st_size > FILE_BYTES_MAX)
		return FAIL(err, CV_E_LIMIT, "'%s' is longer than %d bytes",
			    path, FILE_BYTES_MAX);
	text = pool_alloc(pool, (size_t)st->st_size + 1);
	got = io_pread_full(io, fd, text, (size_t)st->st_size, 0);
	if (got < 0)
		return FAIL_ERRNO(err, errno, "cannot read '%s'", path);
	*text_r = cv_span(text, (size_t)got);
	return CV_OK;
}

static int parse(struct loaded *l, const char *path, struct cv_span text,
		 struct cv_error *err)
{
	ARRAY(struct dovecot_attribute) list;
	struct dovecot_attribute item;

	array_init(&list, l->pool);
	while (dovecot_attribute_next(&text, l->pool, &item)) {
		if (list.count == FILE_ENTRIES_MAX)
			return FAIL(err, CV_E_LIMIT, "'%s' has more than %d "
				    "entries", path, FILE_ENTRIES_MAX);
		if (!item.is_foreign)
			*array_add(&list) = item;
	}
	l->public.items = list.items;
	l->public.count = list.count;
	return CV_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void loaded_forget(void *data)
{
	struct loaded *l = data;

	if (l->pool != NULL)
		pool_destroy(&l->pool);
}

static struct loaded *loaded_of(struct dovecot_attributes **attributes,
				struct cv_pool *pool)
{
	struct loaded *l = (struct loaded *)*attributes;

	if (l == NULL) {
		l = pool_new(pool, struct loaded);
		pool_add_finaliser(pool, loaded_forget, l);
		*attributes = &l->public;
	}
	return l;
}

int dovecot_attributes_load(struct io *io, const char *path,
			    struct cv_pool *pool,
			    struct dovecot_attributes **attributes,
			    struct cv_error *err)
{
	struct loaded *l = loaded_of(attributes, pool);
	struct cv_span text;
	struct stat st;
	int ret, fd = io_open_file(io, AT_FDCWD, path, O_RDONLY, 0, &st);

	if (fd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			FAIL(err, CV_E_TEMP, "cannot open '%s': %s", path,
			     strerror(errno));
	if (l->pool != NULL && is_same(&l->st, &st)) {
		io_close(io, fd);
		return CV_OK;
	}
	loaded_forget(l);
	l->pool = pool_create("dovecot attributes");
	ret = read_file(io, path, fd, &st, l->pool, &text, err);
	io_close(io, fd);
	if (ret == CV_OK)
		ret = parse(l, path, text, err);
	if (ret == CV_OK)
		l->st = st;
	else
		loaded_forget(l);
	return ret;
}

/* --- the setting ---------------------------------------------------------------------- */

int dovecot_attributes_path(const char *setting, const char *home,
			    struct cv_pool *pool, const char **path_r,
			    struct cv_error *err)
{
	const char *path = setting + FILE_MARK;

	*path_r = NULL;
	if (setting[0] == '\0')
		return CV_OK;
	if (strncmp(setting, "file:", FILE_MARK) != 0)
		return FAIL(err, CV_E_CONFIG, "mail_attribute_dict = %s: "
			    "annotations can be taken over from a file alone, "
			    "file:/path (hint: without the line none are)",
			    setting);
	if (path[0] == '~' && path[1] == '/' && home[0] == '/')
		path = pool_printf(pool, "%s%s", home, path + 1);
	if (path[0] != '/')
		return FAIL(err, CV_E_CONFIG, "mail_attribute_dict = %s: "
			    "'%s' is no absolute path", setting, path);
	*path_r = pool_strdup(pool, path);
	return CV_OK;
}
