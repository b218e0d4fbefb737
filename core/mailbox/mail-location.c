/* mail-location.c - "maildir:~/Maildir:LAYOUT=fs:INDEX=/var/..." taken
 * apart. */
#include "mailbox-private.h"
#include "account/meta-memory.h"
#include "settings/location-check.h"

#include <errno.h>
#include <stdlib.h>

/* "~/x" and "x" below the home directory; "~" the home itself. */
static int expand_home(struct cv_user *user, struct cv_span path,
		       const char **path_r, struct cv_error *err)
{
	bool has_tilde = path.len > 0 && path.data[0] == '~';

	if (path.len == 0 || path.data[0] == '/') {
		*path_r = pool_copy(user->pool, path.data, path.len);
		return CV_OK;
	}
	if (has_tilde && path.len > 1 && path.data[1] != '/')
		return FAIL(err, CV_E_CONFIG, "mail_location: '%.*s': other "
			    "users' homes are not supported",
			    CV_SPAN_ARG(path));
	if (user->home[0] == '\0')
		return FAIL(err, CV_E_CONFIG, "mail_location: '%.*s' is below "
			    "the home, but the user has no home directory",
			    CV_SPAN_ARG(path));
	if (has_tilde)
		path = cv_span_skip(path, path.len > 1 ? 2 : 1);
	*path_r = pool_printf(user->pool, "%s%s%.*s", user->home,
			      path.len > 0 ? "/" : "", CV_SPAN_ARG(path));
	return CV_OK;
}

/* Drivers' names have no case. */
static const char *copy_lower(struct cv_pool *pool, struct cv_span word)
{
	char *copy = pool_copy(pool, word.data, word.len);

	for (char *at = copy; *at != '\0'; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	}
	return copy;
}

static int parse_subscriptions(struct cv_user *user, struct cv_span value,
			       struct mail_location *l, struct cv_error *err)
{
	const char *wrong = location_subscriptions_wrong(value);

	if (wrong != NULL)
		return FAIL(err, CV_E_CONFIG, "mail_location: SUBSCRIPTIONS="
			    "'%.*s' %s", CV_SPAN_ARG(value), wrong);
	l->subscriptions = pool_copy(user->pool, value.data, value.len);
	return CV_OK;
}

static int parse_key(struct cv_user *user, struct cv_span part,
		     struct mail_location *l, struct cv_error *err)
{
	struct cv_span key, value = part;

	cv_span_split(&value, '=', &key);
	if (value.data == NULL) {
		if (!location_key_is_word(part))
			return FAIL(err, CV_E_CONFIG, "mail_location: '%.*s' "
				    "is not known", CV_SPAN_ARG(part));
		l->utf8 |= cv_span_is(part, "UTF-8");
		return CV_OK;
	}
	if (cv_span_is(key, "LAYOUT")) {
		l->layout = pool_copy(user->pool, value.data, value.len);
	} else if (cv_span_is(key, "MAILBOXDIR")) {
		if (!location_mailboxdir_is_ours(cv_span_of(l->driver), value))
			return FAIL(err, CV_E_CONFIG, "mail_location: "
				    "MAILBOXDIR='%.*s' is not supported",
				    CV_SPAN_ARG(value));
	} else if (cv_span_is(key, "DIRNAME") ||
		   cv_span_is(key, "FULLDIRNAME")) {
		l->dirname = pool_copy(user->pool, value.data, value.len);
	} else if (cv_span_is(key, "SUBSCRIPTIONS")) {
		return parse_subscriptions(user, value, l, err);
	} else if (location_key_find(key) == LOCATION_KEY_REFUSED) {
		return FAIL(err, CV_E_CONFIG, "mail_location: %.*s "
			    LOCATION_BROKENCHAR, CV_SPAN_ARG(key));
	} else if (cv_span_is(key, "INDEX") && cv_span_is(value, "MEMORY")) {
		l->index = "MEMORY";
	} else if (cv_span_is(key, "INDEX")) {
		return expand_home(user, value, &l->index, err);
	} else if (cv_span_is(key, "CONTROL")) {
		return expand_home(user, value, &l->control, err);
	} else if (cv_span_is(key, "INBOX")) {
		return expand_home(user, value, &l->inbox, err);
	} else if (cv_span_is(key, "INDEXPVT")) {
		return expand_home(user, value, &l->index_pvt, err);
	} else if (cv_span_is(key, "ALT")) {
		return expand_home(user, value, &l->alt, err);
	} else if (location_key_find(key) == LOCATION_KEY_UNKNOWN) {
		return FAIL(err, CV_E_CONFIG, "mail_location: key '%.*s' is "
			    "not known", CV_SPAN_ARG(key));
	}
	return CV_OK;
}

static int autodetect(struct cv_user *user, struct mail_location *l,
		      struct cv_error *err)
{
	const struct cv_storage *driver;
	uint32_t at = 0;

	while ((driver = storage_next(&at)) != NULL) {
		struct cv_storage_config config = {
			CV_SIZED(cv_storage_config), .pool = user->pool,
			.io_api = &storage_io_api,
			.io = (struct cv_io *)user->io, .path = l->path,
			.layout = l->layout, .inbox = l->inbox,
			.control = l->control, .dirname = l->dirname,
			.hostname = user->hostname, .index = l->index,
			.user = user, .alt = l->alt,
		};

		if (driver->detect != NULL &&
		    driver->detect(&config) == CV_OK) {
			l->driver = driver->name;
			return CV_OK;
		}
	}
	return FAIL(err, CV_E_CONFIG, "no mail found at '%s': set "
		    "mail_location (where there is none yet, it cannot be "
		    "guessed)", l->path);
}

static struct cv_span default_path(const char *driver)
{
	const struct cv_storage *storage = storage_find(driver);

	return storage == NULL || !CV_HAS(storage, default_path) ||
		storage->default_path == NULL ? CV_SPAN("") :
		cv_span_of(storage->default_path);
}

int mail_location_parse(struct cv_user *user, const char *text,
			struct mail_location *location_r,
			struct cv_error *err)
{
	struct mail_location l = {
		.driver = "", .path = "", .layout = "", .index = "",
		.control = "", .inbox = "", .dirname = "", .alt = "",
		.index_pvt = "", .subscriptions = "",
	};
	struct cv_span rest = cv_span_of(text), part;
	int ret;

	if (rest.len == 0)
		rest = CV_SPAN("~/Maildir");
	cv_span_split(&rest, ':', &part);
	if (part.len > 0 && part.data[0] != '/' && part.data[0] != '~') {
		l.driver = copy_lower(user->pool, part);
		(void)cv_span_split(&rest, ':', &part);
		if (part.len == 0)
			part = default_path(l.driver);
		if (part.len == 0)
			return FAIL(err, CV_E_CONFIG, "mail_location '%s' "
				    "has no path", text);
	}
	ret = expand_home(user, part, &l.path, err);
	if (ret == CV_OK && l.path[0] != '/')
		ret = FAIL(err, CV_E_CONFIG, "mail_location: path '%s' is "
			   "not absolute, nor is the home", l.path);
	while (ret == CV_OK && cv_span_split(&rest, ':', &part))
		ret = parse_key(user, part, &l, err);
	if (ret == CV_OK && l.driver[0] == '\0')
		ret = autodetect(user, &l, err);
	*location_r = l;
	return ret;
}

bool mail_location_equal(const struct mail_location *a,
			 const struct mail_location *b)
{
	return strcmp(a->path, b->path) == 0 &&
		strcmp(a->driver, b->driver) == 0;
}

bool mail_location_exists(const struct cv_user *user,
			  const struct mail_location *location)
{
	struct stat st;

	return io_stat(user->io, AT_FDCWD, location->path, &st) == 0 ||
		(location->inbox[0] != '\0' &&
		 io_stat(user->io, AT_FDCWD, location->inbox, &st) == 0);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether path, or what is above it, is the store's tree.  What is not there
 * yet is where its nearest parent is. */
static bool lies_in(const char *path, const struct stat *root)
{
	char *real = NULL, *at = strdup(path);
	struct stat st;
	bool found = false;

	while (at != NULL && (real = realpath(at, NULL)) == NULL &&
	       strlen(at) > 1) {
		char *slash = strrchr(at, '/');

		if (slash == NULL)
			break;
		slash[slash == at] = '\0';
	}
	free(at);
	while (real != NULL && !found) {
		char *slash = strrchr(real, '/');

		found = stat(real, &st) == 0 && same_file(&st, root);
		if (slash == NULL || slash[1] == '\0')
			break;
		slash[slash == real] = '\0';
	}
	free(real);
	return found;
}

bool mail_location_is_within(const struct mail_location *a,
			     const struct mail_location *b)
{
	struct stat root, one, other;

	if (stat(b->path, &root) == 0 && lies_in(a->path, &root))
		return true;
	/* mbox: a file elsewhere */
	return a->inbox[0] != '\0' && b->inbox[0] != '\0' &&
		stat(a->inbox, &one) == 0 && stat(b->inbox, &other) == 0 &&
		same_file(&one, &other);
}

/* "a/b/." for "a/b/c": the admin's directories may be symbolic links. */
static int sync_parent(struct io *io, struct cv_pool *pool, const char *path)
{
	const char *slash = strrchr(path, '/');
	int fd = io_open_dir(io, AT_FDCWD, pool_printf(
				     pool, "%.*s/.", (int)(slash - path),
				     path));
	int ret = fd < 0 ? -1 : io_fsync(io, fd);

	if (fd >= 0)
		io_close(io, fd);
	return ret;
}

/* The directory of INDEX=, with its parents.  What is above may be nobody's
 * business: whether it is there the next step finds out. */
static int make_index(struct cv_user *user, const char *index,
		      struct cv_error *err)
{
	struct cv_pool *pool;
	struct stat st;
	int ret = CV_OK;

	if (index[0] != '/' || io_stat(user->io, AT_FDCWD, index, &st) == 0)
		return CV_OK;
	pool = pool_create("index");
	for (const char *at = index; *at != '\0' && ret == CV_OK;) {
		const char *part;

		at++;
		at += strcspn(at, "/");
		part = pool_copy(pool, index, (size_t)(at - index));
		if (io_mkdir(user->io, AT_FDCWD, part, 0700) == 0 &&
		    sync_parent(user->io, pool, part) < 0)
			ret = FAIL_ERRNO(err, errno, "cannot sync the parent "
					 "of '%s'", part);
	}
	pool_destroy(&pool);
	return ret;
}

static void memory_destroy(void *data)
{
	struct meta_memory *memory = data;

	meta_memory_destroy(&memory);
}

/* What lies at name, if anything does. */
static int copy_account(struct cv_user *user, const char *name,
			struct meta_memory *memory, struct cv_error *err)
{
	static const struct meta_files_options readonly = {
		.readonly = true };
	struct cv_error failure = ERROR_NONE;
	struct meta *meta = NULL;
	int ret = meta_files_open(user->io, AT_FDCWD, name, &readonly, &meta,
				  &failure);

	if (ret == CV_E_NOT_FOUND)
		return CV_OK;
	if (ret == CV_OK && meta_memory_copy(memory, meta) < 0)
		ret = FAIL_ERRNO(&failure, errno, "cannot read account '%s'",
				 name);
	meta_close(&meta);
	if (ret < 0 && err != NULL)
		*err = failure;
	return ret;
}

/* For a tree that cannot be written: the session's own account, made from
 * what the tree has, or (copy not NULL) from what lies there.  It keeps no
 * bodies: a message would be acknowledged and then be lost. */
static int open_in_memory(struct cv_user *user, const char *copy,
			  const struct account_options *options,
			  struct account **account_r, struct cv_error *err)
{
	struct account_options own = *options;
	struct meta_memory *memory = meta_memory_create();

	if (memory == NULL)
		return FAIL(err, CV_E_TEMP, "out of memory");
	pool_add_finaliser(user->pool, memory_destroy, memory);
	own.body_max = 1;
	if (copy != NULL && copy_account(user, copy, memory, err) < 0)
		return err == NULL ? CV_E_TEMP : err->code;
	return account_open_on(meta_memory_open(memory),
			       bell_memory_open(memory), &own, account_r,
			       err);
}

/* INDEX=MEMORY.  Sessions that write the same tree must know of each other,
 * so only what cannot be written has its account in memory. */
static int open_unless_readonly(struct cv_user *user, const char *name,
				const struct account_options *options,
				struct account **account_r,
				struct cv_error *err)
{
	struct account_options own = *options;
	struct cv_error error = ERROR_NONE;
	int ret = account_open(user->io, AT_FDCWD, name, options, account_r,
			       &error);

	if (ret == CV_E_ACCESS) {
		log_info("mail", "%s: the account is kept in memory, and "
			 "nothing can be changed (INDEX=MEMORY)",
			 error.text);
		own.passing = true;
		return open_in_memory(user, NULL, &own, account_r, err);
	}
	if (ret == CV_OK)
		log_warning("mail", "mail_location: INDEX=MEMORY: the account "
			    "of a tree that can be written is kept on disk");
	else if (err != NULL)
		*err = error;
	return ret;
}

/* On a file system that is mounted read-only, or with wrong owners, what is
 * known can be read: nothing is changed, and no change is acknowledged. */
static int open_in_files(struct cv_user *user, const char *index,
			 const char *name,
			 const struct account_options *options,
			 struct account **account_r, struct cv_error *err)
{
	struct account_options own = *options;
	struct cv_error failed = ERROR_NONE;
	int ret = make_index(user, index, &failed);

	if (ret == CV_OK)
		ret = account_open(user->io, AT_FDCWD, name, options,
				   account_r, &failed);
	own.readonly = true;
	if (ret == CV_E_ACCESS &&
	    account_open(user->io, AT_FDCWD, name, &own, account_r,
			 NULL) == CV_OK) {
		log_warning("mail", "%s: the account is read, and cannot be "
			    "changed", failed.text);
		return CV_OK;
	}
	if (ret < 0 && err != NULL)
		*err = failed;
	return ret;
}

/* What is there, and nothing is made of it; or a copy, of which something is. */
static int open_to_inspect(struct cv_user *user, const char *name,
			   const struct account_options *options,
			   struct account **account_r, struct cv_error *err)
{
	struct account_options own = *options;
	int ret;

	own.readonly = false;
	if (user->inspect == USER_INSPECT_TREE)
		return open_in_memory(user, name, &own, account_r, err);
	ret = account_open(user->io, AT_FDCWD, name, options, account_r, err);
	return ret == CV_E_NOT_FOUND ?
		open_in_memory(user, NULL, &own, account_r, err) : ret;
}

const char *mail_location_account_path(const struct mail_location *location,
				       const char *dir, struct cv_pool *pool)
{
	const char *index = location->index;

	if (index[0] == '\0' || strcmp(index, "MEMORY") == 0)
		return pool_printf(pool, "%s/%s", location->path, dir);
	return pool_printf(pool, "%s/culver", index);
}

int mail_location_account_open(struct cv_user *user,
			       const struct mail_location *location,
			       const char *dir,
			       const struct account_options *options,
			       struct account **account_r,
			       struct cv_error *err)
{
	const char *index = location->index, *name;
	bool in_memory = strcmp(index, "MEMORY") == 0;
	struct meta *meta;
	struct bell *bell;
	int ret;

	if (in_memory)
		index = "";
	name = mail_location_account_path(location, dir, user->pool);
	if (user->account == NULL && user->inspect != USER_INSPECT_NONE)
		return open_to_inspect(user, name, options, account_r, err);
	if (user->account == NULL && in_memory)
		return open_unless_readonly(user, name, options, account_r,
					    err);
	if (user->account == NULL)
		return open_in_files(user, index, name, options, account_r,
				     err);
	ret = user->account(user->account_context, name, &meta, &bell, err);
	return ret < 0 ? ret : account_open_on(meta, bell, options, account_r,
					       err);
}
