/* auth-passwd-file.c - users in a passwd-like file; passdb and userdb.
 *
 *	passdb {
 *		driver = passwd-file
 *		args = scheme=SHA512-CRYPT username_format=%u /etc/culver/users
 *	}
 *
 * The path may have variables (/etc/auth/%d/passwd).  A file is read whole,
 * sorted, and read again when it has changed. */
#include "cv-plugin.h"
#include "cv-auth.h"
#include "passwd-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024 * 1024, FILES_OPEN_MAX = 64,
	HASHES_MAX = 1000, HASHES_BYTES = 256 * 1024 };

/* A file as it was when it was read. */
struct pw_file {
	struct pw_file *next;
	struct cv_pool *pool;		/* everything below, and this */
	const char *path;
	struct stat st;
	struct passwd_entry *entries;	/* sorted by user */
	size_t count;
};

struct pw_db {
	struct cv_plugin *self;
	const char *path;		/* may have variables */
	const char *username_format;
	const char *scheme;		/* NULL: the default */
	bool path_varies;
	struct pw_file *files;		/* the last used first */
	uint32_t file_count;
};

static struct cv_plugin *plugin_self;
static const struct cv_auth_api *auth_api;

/* --- reading ------------------------------------------------------------ */

static int entry_compare(const void *a, const void *b)
{
	const struct passwd_entry *x = a, *y = b;
	size_t len = x->user.len < y->user.len ? x->user.len : y->user.len;
	int ret = len == 0 ? 0 : memcmp(x->user.data, y->user.data, len);

	if (ret != 0)
		return ret;
	if (x->user.len != y->user.len)
		return x->user.len < y->user.len ? -1 : 1;
	return 0;
}

/* As above; of equals the one that stands first in the file. */
static int entry_order(const void *a, const void *b)
{
	const struct passwd_entry *x = a, *y = b;
	int ret = entry_compare(a, b);

	return ret != 0 ? ret : x->user.data < y->user.data ? -1 : 1;
}

static void remove_doubles(struct pw_file *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < file->count; i++) {
		if (kept > 0 && entry_compare(&file->entries[kept - 1],
					      &file->entries[i]) == 0) {
			cv_api->log(plugin_self, CV_LOG_ERROR,
				    "%s: user '%.*s' is there more than once, "
				    "the first one counts", file->path,
				    CV_SPAN_ARG(file->entries[i].user));
			continue;
		}
		file->entries[kept++] = file->entries[i];
	}
	file->count = kept;
}

static void parse_file(struct pw_file *file, struct cv_span text)
{
	struct cv_span rest = text, line;
	const char *why = "";
	size_t lines = 1, number = 0;

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	file->entries = CV_ALLOC_ARRAY(file->pool, struct passwd_entry, lines);
	while (passwd_file_next_line(&rest, &line)) {
		number++;
		switch (passwd_file_parse_line(
				line, &file->entries[file->count], &why)) {
		case CV_OK:
			file->count++;
			break;
		case CV_E_SYNTAX:
			cv_api->log(plugin_self, CV_LOG_ERROR,
				    "%s:%zu: line is left out: %s", file->path,
				    number, why);
			break;
		default:
			break;
		}
	}
	if (file->count > 0)
		qsort(file->entries, file->count, sizeof(*file->entries),
		      entry_order);
	remove_doubles(file);
}

static int read_all(int fd, const char *path, char *data, size_t size,
		    size_t *len_r, struct cv_error *err)
{
	ssize_t ret;

	*len_r = 0;
	while (*len_r < size) {
		ret = read(fd, data + *len_r, size - *len_r);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return CV_FAIL(err, CV_E_TEMP, "cannot read '%s': %s",
				       path, strerror(errno));
		if (ret == 0)
			break;
		*len_r += (size_t)ret;
	}
	return CV_OK;
}

static int load_fd(int fd, struct pw_file *file, struct cv_error *err)
{
	size_t len;
	char *data;
	int ret;

	if (fstat(fd, &file->st) < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot stat '%s': %s",
			       file->path, strerror(errno));
	if (!S_ISREG(file->st.st_mode) || file->st.st_size > FILE_BYTES_MAX)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is no regular file, or "
			       "too large", file->path);
	data = cv_api->alloc(file->pool, (size_t)file->st.st_size + 1);
	ret = read_all(fd, file->path, data, (size_t)file->st.st_size, &len,
		       err);
	if (ret == CV_OK)
		parse_file(file, cv_span(data, len));
	return ret;
}

/* CV_NOT_FOUND: there is no such file. */
static int load(struct pw_db *db, const char *path, struct pw_file **file_r,
		struct cv_error *err)
{
	struct cv_pool *pool;
	struct pw_file *file;
	struct cv_text copy;
	int fd, ret;

	/* a path made of a user's name must not be led astray by a link */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
		  (db->path_varies ? O_NOFOLLOW : 0));
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CV_NOT_FOUND;
	if (fd < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot open '%s': %s", path,
			       strerror(errno));
	pool = cv_api->pool_create("passwd-file");
	file = CV_ALLOC(pool, struct pw_file);
	file->pool = pool;
	cv_text_init(&copy, pool);
	cv_text_append_str(&copy, path);
	file->path = cv_text_str(&copy);
	ret = load_fd(fd, file, err);
	close(fd);
	if (ret < 0) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	*file_r = file;
	return CV_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
		a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
		a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void forget(struct pw_db *db, struct pw_file **at)
{
	struct cv_pool *pool = (*at)->pool;

	*at = (*at)->next;
	db->file_count--;
	cv_api->pool_destroy(&pool);
}

static void forget_last(struct pw_db *db)
{
	struct pw_file **at = &db->files;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	forget(db, at);
}

/* The file as it is now. */
static int get_file(struct pw_db *db, const char *path,
		    struct pw_file **file_r, struct cv_error *err)
{
	struct pw_file **at = &db->files, *file;
	struct stat st;
	int ret;

	while (*at != NULL && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	if (*at != NULL && stat(path, &st) == 0 && is_same(&st, &(*at)->st)) {
		file = *at;
		*at = file->next;
		file->next = db->files;
		db->files = *file_r = file;
		return CV_OK;
	}
	if (*at != NULL)
		forget(db, at);
	if ((ret = load(db, path, file_r, err)) != CV_OK)
		return ret;
	if (db->file_count >= FILES_OPEN_MAX)
		forget_last(db);
	(*file_r)->next = db->files;
	db->files = *file_r;
	db->file_count++;
	return CV_OK;
}

/* --- looking up --------------------------------------------------------- */

/* CV_AUTH_OK, CV_AUTH_UNKNOWN_USER, or a failure. */
static int find(struct pw_db *db, const struct cv_auth_input *in,
		const struct passwd_entry **entry_r, struct cv_error *err)
{
	struct cv_text path, user;
	struct passwd_entry key = { 0 };
	struct pw_file *file;
	int ret;

	cv_text_init(&path, in->pool);
	cv_text_init(&user, in->pool);
	if (db->path_varies)
		ret = auth_api->expand(in, db->path, CV_AUTH_EXPAND_PATH,
				       &path, err);
	else
		ret = (cv_text_append_str(&path, db->path), CV_OK);
	/* a name that can be no part of a path names nobody */
	if (ret == CV_E_DENIED)
		return CV_AUTH_UNKNOWN_USER;
	if (ret == CV_OK)
		ret = auth_api->expand(in, db->username_format, 0, &user, err);
	if (ret == CV_OK)
		ret = get_file(db, cv_text_str(&path), &file, err);
	if (ret == CV_NOT_FOUND && !db->path_varies)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' does not exist",
			       db->path);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_AUTH_UNKNOWN_USER : ret;
	key.user = cv_text_span(&user);
	*entry_r = file->count == 0 ? NULL :
		bsearch(&key, file->entries, file->count,
			sizeof(*file->entries), entry_compare);
	return *entry_r == NULL ? CV_AUTH_UNKNOWN_USER : CV_AUTH_OK;
}

/* Fields whose values are final are expanded here; mail is a template. */
static int set_expanded(const struct cv_auth_input *in,
			struct cv_auth_reply *reply, struct cv_span name,
			const char *value, struct cv_error *err)
{
	struct cv_text out;
	bool home = cv_span_is(name, "home") ||
		cv_span_is(name, "userdb_home");
	int ret = CV_OK;

	cv_text_init(&out, in->pool);
	if (cv_span_is(name, "mail") || cv_span_is(name, "userdb_mail"))
		cv_text_append_str(&out, value);
	else
		ret = auth_api->expand(in, value, home ? CV_AUTH_EXPAND_PATH :
				       0, &out, err);
	if (ret < 0)
		return ret;
	if (!auth_api->set(reply, name, cv_text_span(&out)))
		return CV_FAIL(err, CV_E_CONFIG, "field '%.*s' is not "
			       "acceptable", CV_SPAN_ARG(name));
	return CV_OK;
}

/* One extra field; those that are not for this side are left out. */
static int add_extra(const struct cv_auth_input *in, bool for_userdb,
		     struct cv_span pair, struct cv_auth_reply *reply,
		     struct cv_error *err)
{
	struct cv_span value = pair, name = CV_SPAN_NONE;
	struct cv_text copy;

	(void)cv_span_split(&value, '=', &name);
	if (value.data == NULL)
		value = CV_SPAN("yes");
	if (for_userdb) {
		if (!cv_span_begins(name, CV_SPAN("userdb_")))
			return CV_OK;
		name = cv_span_skip(name, strlen("userdb_"));
	}
	cv_text_init(&copy, in->pool);
	cv_text_append_span(&copy, value);
	return set_expanded(in, reply, name, cv_text_str(&copy), err);
}

static int add_extras(const struct cv_auth_input *in, bool for_userdb,
		      struct cv_span extra, struct cv_auth_reply *reply,
		      struct cv_error *err)
{
	struct cv_span rest = extra, pair;
	int ret = CV_OK;

	while (ret == CV_OK && cv_span_split(&rest, ' ', &pair)) {
		pair = cv_span_trim(pair);
		if (pair.len > 0)
			ret = add_extra(in, for_userdb, pair, reply, err);
	}
	return ret;
}

static bool set_password(const struct cv_auth_input *in,
			 const struct passwd_entry *entry,
			 struct cv_auth_reply *reply)
{
	struct cv_text text;

	cv_text_init(&text, in->pool);
	if (entry->scheme != NULL)
		cv_text_append_f(&text, "{%s}", entry->scheme);
	cv_text_append_span(&text, entry->password);
	return auth_api->set(reply, CV_SPAN("password"), cv_text_span(&text));
}

static int passdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	const struct passwd_entry *entry;
	int ret = find(data, in, &entry, err);

	if (ret != CV_AUTH_OK)
		return ret;
	/* an empty password lets nobody in; nopassword does */
	if (entry->password.len > 0 && !set_password(in, entry, reply))
		return CV_FAIL(err, CV_E_CONFIG, "stored password is not "
			       "acceptable");
	return add_extras(in, false, entry->extra, reply, err);
}

static int userdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	const struct passwd_entry *entry;
	int ret = find(data, in, &entry, err);

	if (ret != CV_AUTH_OK)
		return ret;
	/* "user:password" alone is for a passdb */
	if (entry->uid.data == NULL)
		return CV_AUTH_UNKNOWN_USER;
	if ((entry->uid.len > 0 &&
	     !auth_api->set(reply, CV_SPAN("uid"), entry->uid)) ||
	    (entry->gid.len > 0 &&
	     !auth_api->set(reply, CV_SPAN("gid"), entry->gid)) ||
	    (entry->home.len > 0 &&
	     !auth_api->set(reply, CV_SPAN("home"), entry->home)))
		return CV_FAIL(err, CV_E_CONFIG, "uid, gid or home is not "
			       "acceptable");
	return add_extras(in, true, entry->extra, reply, err);
}

static int userdb_iterate(void *data, cv_user_found_fn *found, void *context,
			  struct cv_error *err)
{
	struct pw_db *db = data;
	struct pw_file *file;
	int ret;

	if (db->path_varies)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "users cannot be listed "
			       "when the path '%s' has variables", db->path);
	ret = get_file(db, db->path, &file, err);
	if (ret == CV_NOT_FOUND)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' does not exist",
			       db->path);
	for (size_t i = 0; ret == CV_OK && i < file->count; i++) {
		if (file->entries[i].uid.data != NULL &&
		    !found(context, file->entries[i].user))
			break;
	}
	return ret;
}

/* --- args --------------------------------------------------------------- */

/* The folder of the file, as far as it does not vary. */
static void tell_path(const struct cv_auth_db_config *config,
		      const struct pw_db *db)
{
	size_t fixed = strcspn(db->path, "%"), len = 0;

	for (size_t i = 0; i < fixed; i++) {
		if (db->path[i] == '/')
			len = i;
	}
	config->needs_path(config, len == 0 ? "/" :
			   cv_span_copy(config->pool, cv_span(db->path, len)));
}

static const char *const arg_words[] = {
	"scheme", "username_format", NULL,
};

static int bad_word(const struct cv_check *check, struct cv_span word,
		    struct cv_error *err)
{
	if (check == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "args has '%.*s'",
			       CV_SPAN_ARG(word));
	check->error(check, "", "args has '%.*s', known are scheme=, "
		     "username_format= and last the absolute path of the "
		     "file%s", CV_SPAN_ARG(word),
		     check->nearest(check, word, arg_words));
	return CV_OK;
}

/* check NULL: the first mistake is an error; else all are told. */
static int parse_args(struct cv_pool *pool, const char *args,
		      const struct cv_check *check, struct pw_db *db,
		      struct cv_error *err)
{
	struct cv_span rest = cv_span_of(args), word = rest;
	struct cv_span key = CV_SPAN_NONE;
	int ret = CV_OK;

	db->username_format = "%u";
	db->path = "";
	for (rest = cv_span_trim(rest); ret == CV_OK && rest.len > 0;
	     rest = cv_span_trim(rest)) {
		if (rest.data[0] == '/')
			break;		/* the rest is the path */
		(void)cv_span_split(&rest, ' ', &word);
		(void)cv_span_split(&word, '=', &key);
		if (word.data != NULL && cv_span_is(key, "scheme"))
			db->scheme = cv_span_copy(pool, word);
		else if (word.data != NULL &&
			 cv_span_is(key, "username_format"))
			db->username_format = cv_span_copy(pool, word);
		else
			ret = bad_word(check, key, err);
	}
	if (ret == CV_OK && rest.len > 0)
		db->path = cv_span_copy(pool, rest);
	return ret;
}

static int db_open(const struct cv_auth_db_config *config, void **db_r,
		   struct cv_error *err)
{
	struct pw_db *db = CV_ALLOC(config->pool, struct pw_db);
	int ret = parse_args(config->pool, config->args, NULL, db, err);

	if (ret < 0)
		return ret;
	if (db->path[0] == '\0')
		return CV_FAIL(err, CV_E_CONFIG, "args has no path of a file");
	db->path_varies = strchr(db->path, '%') != NULL;
	tell_path(config, db);
	*db_r = db;
	return CV_OK;
}

static void db_check(const struct cv_check *check)
{
	struct pw_db db = { .self = NULL };

	(void)parse_args(check->pool, check->value, check, &db, NULL);
	(void)check->variables(check, "", db.username_format);
	if (db.scheme != NULL && CV_HAS(check, scheme))
		check->scheme(check, "", cv_span_of(db.scheme));
	if (db.path[0] == '\0')
		check->error(check, "", "args has no absolute path of a file "
			     "(args = scheme=CRYPT /etc/culver/users)");
	else if (check->variables(check, "", db.path))
		(void)check->file(check, "", db.path, CV_CHECK_FILE);
}

static void db_close(void *data)
{
	struct pw_db *db = data;

	while (db->files != NULL)
		forget(db, &db->files);
}

static const char *db_scheme(void *data)
{
	return ((struct pw_db *)data)->scheme;
}

static void tell_hashes(struct cv_span text, struct cv_pool *pool,
			cv_user_found_fn *found, void *context)
{
	struct passwd_entry entry;
	struct cv_span line;
	struct cv_text hash;
	const char *why;
	uint32_t told = 0;

	cv_text_init(&hash, pool);
	while (told < HASHES_MAX && passwd_file_next_line(&text, &line)) {
		if (passwd_file_parse_line(line, &entry, &why) != CV_OK ||
		    entry.password.len == 0)
			continue;
		cv_text_reset(&hash);
		if (entry.scheme != NULL)
			cv_text_append_f(&hash, "{%s}", entry.scheme);
		cv_text_append_span(&hash, entry.password);
		if (!found(context, cv_text_span(&hash)))
			return;
		told++;
	}
}

/* The first ones of the file, which is not kept: it is opened for users by
 * the rights of those who ask. */
static void passdb_hashes(void *data, cv_user_found_fn *found, void *context)
{
	const struct pw_db *db = data;
	struct cv_pool *pool;
	char *text;
	size_t len;
	int fd;

	if (db->path_varies)
		return;
	fd = open(db->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	pool = cv_api->pool_create("hashes");
	text = cv_api->alloc(pool, HASHES_BYTES);
	if (read_all(fd, db->path, text, HASHES_BYTES, &len, NULL) == CV_OK) {
		/* the last line may be cut */
		while (len == HASHES_BYTES && len > 0 && text[len - 1] != '\n')
			len--;
		tell_hashes(cv_span(text, len), pool, found, context);
	}
	(void)close(fd);
	explicit_bzero(text, HASHES_BYTES);
	cv_api->pool_destroy(&pool);
}

static const struct cv_passdb passwd_file_passdb = {
	CV_SIZED(cv_passdb), .name = "passwd-file", .default_scheme = "CRYPT",
	.open = db_open, .close = db_close, .lookup = passdb_lookup,
	.scheme = db_scheme, .check = db_check, .hashes = passdb_hashes,
};

static const struct cv_userdb passwd_file_userdb = {
	CV_SIZED(cv_userdb), .name = "passwd-file",
	.open = db_open, .close = db_close, .lookup = userdb_lookup,
	.iterate = userdb_iterate, .check = db_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_passdb(self, &passwd_file_passdb, err);
	if (ret == CV_OK)
		ret = cv_provide_userdb(self, &passwd_file_userdb, err);
	return ret;
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-passwd-file", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Passwords and users in a passwd-like file",
	.flags = CV_PLUGIN_PURE,
	.processes = processes,
	.init = init);
