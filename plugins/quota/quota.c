/* quota.c - a user's limits; see README.md. */
#include "quota-rule.h"
#include "cv-mailbox.h"
#include "cv-quota.h"

struct quota_settings {
	const char *quota;
	const char *quota_rule, *quota_rule2, *quota_rule3, *quota_rule4;
	const char *quota_exceeded_message;
	uint64_t quota_max_mail_size;
	uint32_t quota_mailbox_count;
};

#define RULE(name_, doc_) \
	CV_SETTING(quota_settings, name_, CV_SET_STRING, "", NULL, \
		CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER, doc_)

static const struct cv_setting_def quota_setting_defs[] = {
	CV_SETTING(quota_settings, quota, CV_SET_STRING, "", NULL,
		CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"What users see as its name: \"count:User quota\". The "
		"driver is always count: the accounts' own totals."),
	RULE(quota_rule, "Limits of a mailbox, or of all: "
	     "*:storage=1G:messages=1000; empty: none."),
	RULE(quota_rule2, "One more rule: Trash:storage=+100M."),
	RULE(quota_rule3, "One more rule."),
	RULE(quota_rule4, "One more rule."),
	CV_SETTING(quota_settings, quota_exceeded_message, CV_SET_STRING,
		"Quota exceeded (mailbox for user is full)", NULL,
		CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"What the client is told."),
	CV_SETTING(quota_settings, quota_max_mail_size, CV_SET_SIZE, "0",
		NULL, CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"No single message may be larger; 0: no limit."),
	CV_SETTING(quota_settings, quota_mailbox_count, CV_SET_UINT, "0",
		NULL, CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"How many mailboxes a user may have; 0: no limit."),
};

static struct cv_plugin *quota_self;
static const struct cv_user_api *user_service;

/* The limits of a mailbox: those of "*", changed by the mailbox's own. */
static int find_limit(const struct quota_settings *set, const char *name,
		      struct quota_limit *limit_r, bool *ignore_r,
		      struct cv_error *err)
{
	const char *const rules[] = {
		set->quota_rule, set->quota_rule2, set->quota_rule3,
		set->quota_rule4,
	};
	int ret = CV_OK;

	*limit_r = (struct quota_limit){ 0, 0 };
	*ignore_r = false;
	for (int own = 0; own < 2; own++) {
		struct cv_span mailbox = own ? cv_span_of(name) : CV_SPAN("*");

		for (size_t i = 0; ret == CV_OK &&
		     i < sizeof(rules) / sizeof(rules[0]); i++) {
			struct cv_span rule = cv_span_of(rules[i]);

			if (quota_rule_names(rule, mailbox))
				ret = quota_rule_apply(rule, limit_r,
						       ignore_r, err);
		}
	}
	return ret;
}

static bool fits(uint64_t limit, uint64_t used, uint64_t add)
{
	return limit == 0 || (used <= limit && add <= limit - used);
}

static int check_mailboxes(const struct quota_settings *set,
			   const struct cv_quota_request *r,
			   struct cv_error *err)
{
	if (fits(set->quota_mailbox_count, r->used_mailboxes,
		 r->add_mailboxes))
		return CV_OK;
	(void)CV_FAIL(err, CV_E_QUOTA, "quota_mailbox_count: there are %llu",
		      (unsigned long long)r->used_mailboxes);
	cv_api->error_set_client(err, "Too many mailboxes.");
	return CV_E_QUOTA;
}

static int quota_check(const struct cv_quota_request *r, struct cv_error *err)
{
	const struct quota_settings *set =
		user_service->settings(r->user, quota_self);
	struct quota_limit limit;
	bool ignore;
	int ret;

	if (CV_HAS(r, add_mailboxes) && r->add_mailboxes > 0)
		return check_mailboxes(set, r, err);
	ret = find_limit(set, r->mailbox_name, &limit, &ignore, err);
	if (ret < 0)
		return ret;
	if (set->quota_max_mail_size > 0 && r->add_messages == 1 &&
	    r->add_bytes > set->quota_max_mail_size) {
		(void)CV_FAIL(err, CV_E_LIMIT, "a message of %llu bytes is "
			      "larger than quota_max_mail_size",
			      (unsigned long long)r->add_bytes);
		cv_api->error_set_client(err, "Message is too large.");
		return CV_E_LIMIT;
	}
	if (ignore || (fits(limit.bytes, r->used_bytes, r->add_bytes) &&
		       fits(limit.messages, r->used_messages,
			    r->add_messages)))
		return CV_OK;
	(void)CV_FAIL(err, CV_E_QUOTA, "quota: %llu bytes in %llu messages "
		      "are used, %llu in %llu do not fit",
		      (unsigned long long)r->used_bytes,
		      (unsigned long long)r->used_messages,
		      (unsigned long long)r->add_bytes,
		      (unsigned long long)r->add_messages);
	cv_api->error_set_client(err, "%s", set->quota_exceeded_message);
	return CV_E_QUOTA;
}

static int quota_limit(struct cv_user *u, const char *mailbox_name,
		       struct cv_quota_limit *limit_r, struct cv_error *err)
{
	const struct quota_settings *set =
		user_service->settings(u, quota_self);
	const char *colon = strchr(set->quota, ':');
	struct quota_limit limit;
	bool ignore;
	int ret = find_limit(set, mailbox_name, &limit, &ignore, err);

	if (ret < 0)
		return ret;
	if (set->quota[0] == '\0' && limit.bytes == 0 && limit.messages == 0 &&
	    set->quota_mailbox_count == 0 && set->quota_max_mail_size == 0)
		return CV_NOT_FOUND;
	limit_r->root = colon != NULL ? colon + 1 : "User quota";
	limit_r->bytes = limit.bytes;
	limit_r->messages = limit.messages;
	if (CV_HAS(limit_r, message_bytes)) {
		limit_r->mailboxes = set->quota_mailbox_count;
		limit_r->message_bytes = set->quota_max_mail_size;
	}
	return CV_OK;
}

static const struct cv_quota quota_provider = {
	CV_SIZED(cv_quota), .name = "quota", .check = quota_check,
	.limit = quota_limit,
	.resources = CV_QUOTA_STORAGE | CV_QUOTA_MESSAGE | CV_QUOTA_MAILBOX,
};

/* Every rule whose mailbox is known only with a user is looked over, too:
 * the limits behind it are the same for all. */
static void quota_look_over(const struct cv_check *check)
{
	const struct quota_settings *set = check->settings;
	const struct { const char *name, *rule; } rules[] = {
		{ "quota_rule", set->quota_rule },
		{ "quota_rule2", set->quota_rule2 },
		{ "quota_rule3", set->quota_rule3 },
		{ "quota_rule4", set->quota_rule4 },
	};
	struct cv_error *err = cv_api->error_new(check->pool);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct quota_limit limit = { 0, 0 };
		bool ignore = false;

		if (rules[i].rule[0] != '\0' &&
		    strchr(rules[i].rule, '%') == NULL &&
		    quota_rule_apply(cv_span_of(rules[i].rule), &limit,
				     &ignore, err) < 0)
			check->error(check, rules[i].name, "%s",
				     cv_api->error_text(err));
	}
}

static int quota_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	cv_api = host;
	quota_self = self;
	user_service = cv_need_service("user", 1, err);
	return user_service == NULL ? CV_E_UNSUPPORTED :
		cv_provide_quota(self, &quota_provider, err);
}

CV_PLUGIN_DEFINE("quota", 0,
	.version = "1.0", .license = "MIT",
	.summary = "limits the bytes and messages that a user keeps",
	.settings = CV_ARRAY(quota_setting_defs),
	.settings_bytes = sizeof(struct quota_settings),
	.check = quota_look_over,
	.init = quota_init);
