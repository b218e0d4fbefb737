/* auth-shadow.c - passwords in /etc/shadow; passdb only.
 *
 *	passdb { driver = shadow }
 *
 * The process that reads them needs the right to: service auth-worker
 * { user = root }, or a group that has it.  getspnam may ask LDAP or a
 * network, so this runs in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <errno.h>
#include <shadow.h>
#include <unistd.h>

enum { ENTRY_BYTES_MAX = 1024 * 1024, DAY_SECS = 24 * 60 * 60 };

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

/* getspnam_r with as much room as it takes.  0, ENOENT, or its error. */
static int find_entry(const struct cv_auth_input *in, struct spwd *entry_r)
{
	struct spwd *found = NULL;
	size_t room = 1024;
	int ret;

	do {
		ret = getspnam_r(in->user, entry_r,
				 cv_api->alloc(in->pool, room), room, &found);
		room *= 4;
	} while (ret == ERANGE && room <= ENTRY_BYTES_MAX);
	if (ret == ESRCH)
		ret = ENOENT;
	return ret != 0 ? ret : found == NULL ? ENOENT : 0;
}

/* shadow(5): days since 1970; -1 is not set.  NULL: the account is in order. */
static const char *why_not(const struct spwd *entry)
{
	long today = (long)(time(NULL) / DAY_SECS);

	if (entry->sp_expire > 0 && today >= entry->sp_expire)
		return "Account has expired.";
	/* 0: it has to be changed at the next login */
	if (entry->sp_lstchg == 0 ||
	    (entry->sp_lstchg > 0 && entry->sp_max >= 0 &&
	     today - entry->sp_max > entry->sp_lstchg))
		return "Password has expired.";
	return NULL;
}

static int judge(const struct spwd *entry, struct cv_auth_reply *reply,
		 struct cv_error *err)
{
	const char *why = why_not(entry);

	/* locked by passwd -l; and an empty one is no password */
	if (entry->sp_pwdp == NULL || entry->sp_pwdp[0] == '\0' ||
	    entry->sp_pwdp[0] == '!' || entry->sp_pwdp[0] == '*')
		return CV_AUTH_UNKNOWN_USER;
	/* the system's spelling of the name is the user's name; core acts
	 * upon fail when the password was right, and not before */
	if (!auth_api->set(reply, CV_SPAN("user"),
			   cv_span_of(entry->sp_namp)) ||
	    !auth_api->set(reply, CV_SPAN("password"),
			   cv_span_of(entry->sp_pwdp)) ||
	    (why != NULL && !auth_api->set(reply, CV_SPAN("fail"),
					   cv_span_of(why))))
		return CV_FAIL(err, CV_E_CONFIG, "the user's entry has a "
			       "field that is not acceptable");
	return CV_AUTH_OK;
}

static int shadow_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct spwd entry;
	int ret = find_entry(in, &entry);

	(void)data;
	if (ret == 0)
		return judge(&entry, reply, err);
	/* a file that may not be read looks like one without the user */
	if (access("/etc/shadow", R_OK) < 0 && errno == EACCES)
		return CV_FAIL(err, CV_E_CONFIG, "this process may not read "
			       "/etc/shadow (hint: service auth-worker { "
			       "user = root })");
	return ret == ENOENT ? CV_AUTH_UNKNOWN_USER :
		CV_FAIL(err, CV_E_TEMP, "cannot look the user up: %s",
			strerror(ret));
}

/* Dovecot's blocking=yes is what it always is here */
static bool is_good_args(const char *args)
{
	struct cv_span text = cv_span_trim(cv_span_of(args));

	return text.len == 0 || cv_span_is(text, "blocking=yes") ||
		cv_span_is(text, "blocking=no");
}

static int shadow_open(const struct cv_auth_db_config *config, void **db_r,
		       struct cv_error *err)
{
	if (!is_good_args(config->args))
		return CV_FAIL(err, CV_E_CONFIG, "args has '%s', but this "
			       "driver needs none", config->args);
	*db_r = plugin_self;
	return CV_OK;
}

static void shadow_check(const struct cv_check *check)
{
	if (!is_good_args(check->value))
		check->error(check, "", "args has '%s', but this driver needs "
			     "none", check->value);
}

static const char *no_cache_key(void *data)
{
	(void)data;
	return "";			/* the name alone */
}

static const struct cv_passdb shadow_passdb = {
	CV_SIZED(cv_passdb), .name = "shadow", .default_scheme = "CRYPT",
	.open = shadow_open, .lookup = shadow_lookup,
	.cache_key = no_cache_key, .check = shadow_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &shadow_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
static const char *const paths[] = {
	"/etc/shadow", "/etc/nsswitch.conf", NULL,
};

CV_PLUGIN_DEFINE("auth-shadow", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Passwords in /etc/shadow",
	.processes = processes, .paths = paths,
	.init = init);
