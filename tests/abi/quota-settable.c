/* quota-settable.c - a small plugin: limits that SETQUOTA [RFC9208 4.1.3] may
 * change, of bytes and messages, for as long as the session lasts.  Those of
 * bob are nobody's to change. */
#include "cv-plugin.h"
#include "cv-mailbox.h"
#include "cv-quota.h"

#include <string.h>

static struct { uint64_t bytes, messages; } limits;
static const struct cv_user_api *users;

static int check(const struct cv_quota_request *r, struct cv_error *err)
{
	if ((limits.bytes == 0 ||
	     r->used_bytes + r->add_bytes <= limits.bytes) &&
	    (limits.messages == 0 ||
	     r->used_messages + r->add_messages <= limits.messages))
		return CV_OK;
	return CV_FAIL(err, CV_E_QUOTA, "over the limit that was set");
}

static int limit(struct cv_user *u, const char *mailbox_name,
		 struct cv_quota_limit *limit_r, struct cv_error *err)
{
	(void)u;
	(void)mailbox_name;
	(void)err;
	limit_r->root = "mine";
	limit_r->bytes = limits.bytes;
	limit_r->messages = limits.messages;
	return CV_OK;
}

static int set(struct cv_user *u, const char *root,
	       const struct cv_quota_limit *to, struct cv_error *err)
{
	if (strcmp(root, "mine") != 0)
		return CV_NOT_FOUND;
	if (strcmp(users->name(u), "bob") == 0)
		return CV_FAIL(err, CV_E_DENIED, "limits of bob");
	if ((to->changes & CV_QUOTA_STORAGE) != 0)
		limits.bytes = to->bytes;
	if ((to->changes & CV_QUOTA_MESSAGE) != 0)
		limits.messages = to->messages;
	return CV_OK;
}

static const struct cv_quota provider = {
	CV_SIZED(cv_quota), .name = "settable", .check = check,
	.limit = limit, .set = set,
	.resources = CV_QUOTA_STORAGE | CV_QUOTA_MESSAGE,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	users = cv_need_service("user", 1, err);
	return users == NULL ? CV_E_UNSUPPORTED :
		cv_provide_quota(self, &provider, err);
}

CV_PLUGIN_DEFINE("quota-settable", 0, .version = "1", .license = "MIT",
	.summary = "limits that clients may change",
	.init = init,
);
