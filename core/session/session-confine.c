/* session-confine.c - a session sees one user's mail: uid, Landlock, system
 * calls. */
#include "session-private.h"

#include "acl/acl-global.h"
#include "acl/acl-shared.h"
#include "mailbox/user.h"
#include "mailbox/user-ids.h"
#include "takeover/dovecot-attributes.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_groups(const struct cv_session *s)
{
	const struct session_zygote *zygote = s->private->zygote;
	const struct user_info *info = s->user_info;
	gid_t groups[2 * USER_GROUPS_MAX];
	size_t count = 0;

	for (uint32_t i = 0; i < info->group_count; i++)
		groups[count++] = info->groups[i];
	for (uint32_t i = 0; i < zygote->group_count; i++)
		groups[count++] = zygote->groups[i];
	return setgroups(count, groups);
}

int session_become_user(struct cv_session *s, uint32_t uid, uint32_t gid,
			struct cv_error *err)
{
	if (geteuid() != 0)
		return CV_OK;
	if (set_groups(s) < 0)
		return FAIL_ERRNO(err, errno, "cannot set the groups of user "
				  "%u", uid);
	return user_ids_become(uid, gid,
			       s->private->zygote->privileged_group, err);
}

/* What is put into a new directory is only as durable as its name. */
static void sync_parent(const char *path, size_t len)
{
	char parent[4096];
	int fd;

	while (len > 0 && path[len - 1] != '/')
		len--;
	(void)snprintf(parent, sizeof(parent), "%.*s.", (int)len, path);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

/* Makes the directory with its parents. */
__attribute__((noinline))
static bool make_missing(const char *path)
{
	char part[4096];
	size_t len = strlen(path);
	struct stat st;

	if (len >= sizeof(part))
		return false;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) == 0)
			sync_parent(part, i);
		else if (errno != EEXIST && errno != EACCES && errno != EROFS)
			return false;
	}
	return stat(path, &st) == 0;
}

/* What is there already stays; then the buffer's stack is not touched. */
static bool make_dirs(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode);
	return make_missing(path);
}

static void add_path(struct sandbox_paths *paths, struct cv_session *s,
		     struct cv_span path)
{
	char *copy = pool_copy(s->pool, path.data, path.len);

	if (cv_span_begins(path, CV_SPAN("~/")))
		copy = pool_printf(s->pool, "%s%s", s->user_info->home,
				   copy + 1);
	/* the root itself would let everything in */
	if (copy[0] != '/' || strspn(copy, "/.") == strlen(copy))
		return;
	if (make_dirs(copy))
		sandbox_paths_add(paths, copy, true);
	else
		log_warning("sandbox", "'%s' is not there and cannot be "
			    "made: %s", copy, strerror(errno));
}

static void add_read_only(struct sandbox_paths *paths, const char *path)
{
	struct stat st;

	if (path[0] == '/' && strspn(path, "/.") != strlen(path) &&
	    stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		sandbox_paths_add(paths, path, false);
}

/* INDEXPVT=: what another server has kept is read once; what is private lies
 * in the reader's account.  Up to a variable that stands for owners. */
static void add_readable(struct sandbox_paths *paths, struct cv_session *s,
			 struct cv_span path)
{
	struct cv_span rest = path, fixed = CV_SPAN("");
	char *copy;

	(void)cv_span_split(&rest, '%', &fixed);
	while (fixed.len < path.len && fixed.len > 0 &&
	       fixed.data[fixed.len - 1] != '/')
		fixed.len--;
	copy = pool_copy(s->pool, fixed.data, fixed.len);
	if (cv_span_begins(fixed, CV_SPAN("~/")))
		copy = pool_printf(s->pool, "%s%s", s->user_info->home,
				   copy + 1);
	add_read_only(paths, copy);
}

/* INBOX= may be a file (an mbox), which others lock and replace: it is
 * reached through its directory. */
static struct cv_span inbox_dir(struct cv_session *s, struct cv_span path)
{
	struct stat st;
	size_t len = path.len;

	if (stat(pool_copy(s->pool, path.data, path.len), &st) == 0 &&
	    S_ISDIR(st.st_mode))
		return path;
	while (len > 1 && path.data[len - 1] != '/')
		len--;
	return len > 1 ? cv_span(path.data, len - 1) : path;
}

/* "maildir:/srv/mail/jane:INDEX=/srv/index/jane": every part that names a
 * path. */
static void add_location(struct sandbox_paths *paths, struct cv_session *s,
			 const char *location)
{
	struct cv_span rest = cv_span_of(location), part, key = CV_SPAN("");

	while (cv_span_split(&rest, ':', &part)) {
		struct cv_span value = part;

		if (cv_span_split(&value, '=', &key) && value.data != NULL)
			part = cv_span_is(key, "INBOX") ?
				inbox_dir(s, value) : value;
		if (cv_span_is(key, "INDEXPVT")) {
			add_readable(paths, s, value);
			continue;
		}
		if (part.len > 0 && (part.data[0] == '/' ||
				     part.data[0] == '~'))
			add_path(paths, s, part);
	}
}

/* Of the mail of others only what is the reader's own. */
static void add_private(struct sandbox_paths *paths, struct cv_session *s,
			const char *location)
{
	struct cv_span rest = cv_span_of(location), part;

	while (cv_span_split(&rest, ':', &part)) {
		if (cv_span_begins(part, CV_SPAN("INDEXPVT=")))
			add_readable(paths, s, cv_span_skip(part, 9));
	}
}

/* What is replaced by renaming is seen again: the rule is for the folder. */
static void add_folder_of(struct sandbox_paths *paths, struct cv_session *s,
			  const char *path, bool writable)
{
	const char *slash = strrchr(path, '/');

	if (slash != NULL && slash > path)
		sandbox_paths_add(paths, pool_copy(s->pool, path,
						   (size_t)(slash - path)),
				  writable);
}

static void add_acl_paths(struct sandbox_paths *paths, struct cv_session *s,
			  const struct mail_settings *mail)
{
	const char *path = acl_global_path(mail->acl, s->pool);
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		sandbox_paths_add(paths, path, false);
	else if (path != NULL)
		add_folder_of(paths, s, path, false);
	if (acl_shared_path(mail->acl_shared_dict, s->pool, &path,
			    NULL) == CV_OK && path != NULL)
		add_folder_of(paths, s, path, true);
	if (dovecot_attributes_path(mail->mail_attribute_dict,
				    user_home(s->user), s->pool, &path,
				    NULL) == CV_OK && path != NULL)
		add_folder_of(paths, s, path, false);
}

static int add_mail_paths(struct sandbox_paths *paths, struct cv_session *s,
			  struct cv_error *err)
{
	struct settings_scope scope = *user_scope(s->user);
	struct mail_settings mail;
	struct namespace_settings ns;
	uint32_t at = 0, path_at = 0;
	const char *path;
	int status = settings_get(s->settings, &mail_settings_table, &scope,
				  s->pool, &mail, err);

	if (status != CV_OK)
		return status;
	if (*user_home(s->user) != '\0')
		add_path(paths, s, cv_span_of(user_home(s->user)));
	add_location(paths, s, mail.mail_location);
	add_acl_paths(paths, s, &mail);
	while ((path = user_readable_next(s->user, &path_at)) != NULL)
		add_read_only(paths, path);
	while (settings_block_next(s->settings, "namespace", SETTINGS_ROOT,
				   &scope, &at, &scope.block)) {
		status = settings_get(s->settings, &namespace_settings_table,
				      &scope, s->pool, &ns, err);
		if (status != CV_OK)
			return status;
		/* what is shared by single users is not reached by files */
		if (!ns.disabled && ns.type != NAMESPACE_TYPE_SHARED)
			add_location(paths, s, ns.location);
		else if (!ns.disabled)
			add_private(paths, s, ns.location);
	}
	return CV_OK;
}

/* For a process that connects to other servers. */
static void add_authorities(struct sandbox_paths *paths, struct cv_session *s)
{
	struct ssl_settings ssl;

	if (settings_get(s->settings, &ssl_settings_table, &s->scope, s->pool,
			 &ssl, NULL) != CV_OK)
		return;
	if (*ssl.ssl_client_ca_file != '\0')
		sandbox_paths_add(paths, ssl.ssl_client_ca_file, false);
	if (*ssl.ssl_client_ca_dir != '\0')
		sandbox_paths_add(paths, ssl.ssl_client_ca_dir, false);
}

static int enter_landlock(struct cv_session *s, struct cv_error *err)
{
	const struct session_zygote *zygote = s->private->zygote;
	struct sandbox_paths paths;
	uint32_t allow = 0, at = 0;
	const char *path;
	int status;

	sandbox_paths_init(&paths, s->pool);
	for (size_t i = 0; i < zygote->paths.items.count; i++)
		*array_add(&paths.items) = zygote->paths.items.items[i];
	if (s->user != NULL) {
		status = add_mail_paths(&paths, s, err);
		if (status != CV_OK)
			return status;
	}
	while ((path = module_path_next(&at)) != NULL)
		sandbox_paths_add(&paths, path, false);
	if ((module_flags() & CV_PLUGIN_CONNECTS) != 0) {
		allow |= SANDBOX_ALLOW_CONNECT;
		add_authorities(&paths, s);
	}
	if ((module_flags() & CV_PLUGIN_EXECUTES) != 0)
		allow |= SANDBOX_ALLOW_EXECUTE;
	status = sandbox_landlock(&paths, allow, err);
	sandbox_paths_close(&paths);
	return service_may_go_on(s->service, status, err) ? CV_OK : status;
}

int session_confine(struct cv_session *s, struct cv_error *err)
{
	const struct session_zygote *zygote = s->private->zygote;
	int status;

	if (s->service->private->general.sandbox == GENERAL_SANDBOX_NO)
		return CV_OK;
	status = enter_landlock(s, err);
	if (status != CV_OK)
		return status;
	/* may be the root of another user's sight: leave it */
	if (s->user != NULL && *user_home(s->user) != '\0' &&
	    chdir(user_home(s->user)) < 0 && chdir("/usr/lib") < 0)
		return FAIL_ERRNO(err, errno, "chdir failed");
	if (zygote->filter.count == 0)
		return CV_OK;
	status = sandbox_filter_apply(&zygote->filter, err);
	return service_may_go_on(s->service, status, err) ? CV_OK : status;
}
