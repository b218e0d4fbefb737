/* auth-passwd.c - the system's users; userdb only.
 *
 *	userdb { driver = passwd }
 *
 * getpwnam may ask LDAP or a network, so this runs in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

enum { ENTRY_BYTES_MAX = 1024 * 1024 };

struct passwd_settings { uint32_t first_valid_uid, last_valid_uid; };

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

static bool set_number(struct cv_auth_reply *reply, struct cv_span name,
		       struct cv_pool *pool, uint64_t value)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_u64(&text, value);
	return auth_api->set(reply, name, cv_text_span(&text));
}

/* getpwnam_r with as much room as it takes.  0, ENOENT, or its error. */
static int find_entry(const struct cv_auth_input *in, struct passwd *pw_r)
{
	struct passwd *found = NULL;
	size_t room = 4096;
	int ret;

	do {
		ret = getpwnam_r(in->user, pw_r,
				 cv_api->alloc(in->pool, room), room, &found);
		room *= 4;
	} while (ret == ERANGE && room <= ENTRY_BYTES_MAX);
	/* POSIX lets several errors mean that there is no such user */
	if (ret == ENOENT || ret == ESRCH || ret == EBADF || ret == EPERM)
		ret = 0;
	return ret != 0 ? ret : found == NULL ? ENOENT : 0;
}

static int passwd_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct passwd pw;
	int ret = find_entry(in, &pw);

	(void)data;
	if (ret == ENOENT)
		return CV_AUTH_UNKNOWN_USER;
	if (ret != 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot look the user up: %s",
			       strerror(ret));
	/* the system's spelling of the name is the user's name */
	if (!auth_api->set(reply, CV_SPAN("user"), cv_span_of(pw.pw_name)) ||
	    !auth_api->set(reply, CV_SPAN("system_groups_user"),
			   cv_span_of(pw.pw_name)) ||
	    !set_number(reply, CV_SPAN("uid"), in->pool, pw.pw_uid) ||
	    !set_number(reply, CV_SPAN("gid"), in->pool, pw.pw_gid) ||
	    !auth_api->set(reply, CV_SPAN("home"), cv_span_of(pw.pw_dir)))
		return CV_FAIL(err, CV_E_CONFIG, "the user's entry has a "
			       "field that is not acceptable");
	return CV_AUTH_OK;
}

static int passwd_iterate(void *data, cv_user_found_fn *found, void *context,
			  struct cv_error *err)
{
	const struct passwd_settings *set = cv_api->settings(plugin_self);
	const struct passwd *pw;
	bool more = true;

	(void)data;
	setpwent();
	for (errno = 0; more && (pw = getpwent()) != NULL; errno = 0) {
		if (pw->pw_uid < set->first_valid_uid ||
		    (set->last_valid_uid != 0 &&
		     pw->pw_uid > set->last_valid_uid))
			continue;
		more = found(context, cv_span_of(pw->pw_name));
	}
	/* [POSIX getpwent] glibc ends an empty source with ENOENT */
	if (more && errno != 0 && errno != ENOENT) {
		int error = errno;

		endpwent();
		return CV_FAIL(err, CV_E_TEMP, "getpwent: %s",
			       strerror(error));
	}
	endpwent();
	return CV_OK;
}

/* Dovecot's blocking=yes is what it always is here */
static bool is_good_args(const char *args)
{
	struct cv_span text = cv_span_trim(cv_span_of(args));

	return text.len == 0 || cv_span_is(text, "blocking=yes") ||
		cv_span_is(text, "blocking=no");
}

static int passwd_open(const struct cv_auth_db_config *config, void **db_r,
		       struct cv_error *err)
{
	if (!is_good_args(config->args))
		return CV_FAIL(err, CV_E_CONFIG, "args has '%s'; for fields "
			       "use default_fields or override_fields",
			       config->args);
	*db_r = plugin_self;
	return CV_OK;
}

static void passwd_check(const struct cv_check *check)
{
	if (!is_good_args(check->value))
		check->error(check, "", "args has '%s', but this driver needs "
			     "none; for fields use default_fields or "
			     "override_fields", check->value);
}

static const char *no_cache_key(void *data)
{
	(void)data;
	return "";			/* the name alone */
}

static const struct cv_userdb passwd_userdb = {
	CV_SIZED(cv_userdb), .name = "passwd", .open = passwd_open,
	.lookup = passwd_lookup, .iterate = passwd_iterate,
	.cache_key = no_cache_key, .check = passwd_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_userdb(self, &passwd_userdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
static const char *const paths[] = {
	"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", NULL,
};

static const struct cv_setting_def setting_defs[] = {
	CV_SETTING(passwd_settings, first_valid_uid, CV_SET_UINT, "500", NULL,
		   0, "Users below are no mail users and are not listed."),
	CV_SETTING(passwd_settings, last_valid_uid, CV_SET_UINT, "0", NULL,
		   0, "Users above are not listed; 0: no limit."),
};

CV_PLUGIN_DEFINE("auth-passwd", 0,
	.license = "MIT", .version = "1.0",
	.summary = "The users of the system",
	.processes = processes, .paths = paths,
	.settings = CV_ARRAY(setting_defs),
	.settings_bytes = sizeof(struct passwd_settings),
	.init = init);
