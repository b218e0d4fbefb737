/* adm-quota.c - culveradm quota get. */
#include "adm-mail.h"
#include "cv-quota.h"

static void put_row(struct adm_mail *m, const char *root, const char *type,
		    uint64_t value, uint64_t limit)
{
	adm_mail_value(m, root);
	adm_mail_value(m, type);
	adm_mail_f(m, "%llu", (unsigned long long)value);
	if (limit == 0) {
		adm_mail_value(m, "-");
		adm_mail_value(m, "0");
		return;
	}
	adm_mail_f(m, "%llu", (unsigned long long)limit);
	adm_mail_f(m, "%llu", (unsigned long long)
		   (value / limit * 100 + value % limit * 100 / limit));
}

/* STORAGE is in KiB, as admins know it. */
static int get_run(struct adm_mail *m, struct cv_error *err)
{
	struct cv_quota_usage usage = { CV_SIZED(cv_quota_usage) };
	int ret;

	for (uint32_t i = 0;
	     (ret = mailbox_api.quota(m->user, "INBOX", i, &usage,
				      err)) == CV_OK; i++) {
		put_row(m, usage.root, "STORAGE",
			(usage.used_bytes + 1023) / 1024,
			(usage.bytes + 1023) / 1024);
		put_row(m, usage.root, "MESSAGE", usage.used_messages,
			usage.messages);
	}
	return ret < 0 ? ret : CV_OK;
}

static const char *const get_columns[] = {
	"Quota name", "Type", "Value", "Limit", "%", NULL,
};

static const struct adm_mail_verb get_verb = {
	"quota get", "", "", ADM_FORMAT_TABLE, get_columns, NULL, get_run,
	"shows what users keep, and their limits", NULL,
};

static int run_quota(struct adm *adm, int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "get") != 0)
		return adm_usage(&adm_quota_verb, "there is only 'get': what "
				 "is kept is always counted exactly, and never "
				 "has to be counted anew");
	return adm_mail_run(adm, &get_verb, argc - 1, argv + 1);
}

const struct adm_verb adm_quota_verb = {
	.name = "quota", .args = "get [-u USER|-A|-F FILE]",
	.help = "shows what users keep, and their limits",
	.run = run_quota,
	.mail = &get_verb, .count = 1,
};
