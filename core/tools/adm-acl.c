/* adm-acl.c - culveradm acl: the rights in a user's mailboxes. */
#include "adm-mail.h"
#include "mailbox/mailbox-admin.h"

#include <stdio.h>

static int one_mailbox(struct adm_mail *m)
{
	return m->argc == 1 ? ADM_OK : adm_mail_usage(m, "which mailbox?");
}

static int mailbox_and_who(struct adm_mail *m)
{
	return m->argc == 2 ? ADM_OK :
		adm_mail_usage(m, "which mailbox, and who?");
}

static int mailbox_perhaps_who(struct adm_mail *m)
{
	return m->argc == 1 || m->argc == 2 ? ADM_OK :
		adm_mail_usage(m, "which mailbox, and who?");
}

/* A name alone is a user's in IMAP; here it is more likely a slip. */
static bool is_identifier(const char *id)
{
	static const char *const kinds[] = { "user=", "group=",
		"group-override=" };
	static const char *const words[] = { "anyone", "authenticated",
		"owner" };

	id += *id == '-';
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(id, words[i]) == 0 ||
		    (strncmp(id, kinds[i], strlen(kinds[i])) == 0 &&
		     id[strlen(kinds[i])] != '\0'))
			return true;
	}
	return false;
}

static int parse_rights(const struct adm_mail *m, uint32_t *rights_r,
			struct cv_error *err)
{
	*rights_r = 0;
	for (int i = 2; i < m->argc; i++) {
		uint32_t some;
		int ret = acl_rights_parse_word(cv_span_of(m->argv[i]), &some,
						err);

		if (ret < 0)
			return ret;
		*rights_r |= some;
	}
	return CV_OK;
}

static int mailbox_who_rights(struct adm_mail *m)
{
	uint32_t *rights = pool_new(m->pool, uint32_t);
	struct cv_error err = ERROR_NONE;

	m->state = rights;
	if (m->argc < 3)
		return adm_mail_usage(m, "which mailbox, who, and which "
				      "rights?");
	if (!is_identifier(m->argv[1]))
		return adm_mail_usage(m, "'%s' is nobody (hint: user=%s, "
				      "group=NAME, anyone, ...)", m->argv[1],
				      strchr(m->argv[1], '=') == NULL ?
				      m->argv[1] : "NAME");
	return parse_rights(m, rights, &err) == CV_OK ? ADM_OK :
		adm_mail_usage(m, "%s", err.text);
}

static void put_names(struct adm_mail *m, uint32_t rights)
{
	struct cv_text text;

	cv_text_init(&text, m->pool);
	acl_rights_format_names(&text, rights);
	adm_mail_value(m, cv_text_str(&text));
}

/* --- get, rights, debug --------------------------------------------------------- */

static int get_run(struct adm_mail *m, struct cv_error *err)
{
	struct acl acl;
	int ret;

	acl_init(&acl, m->pool);
	ret = route_acl_get(m->user, m->argv[0], &acl, err);
	for (size_t i = 0; ret == CV_OK && i < acl.count; i++) {
		struct cv_text id;

		cv_text_init(&id, m->pool);
		acl_identifier_format(&id, &acl.entries[i], false);
		adm_mail_value(m, cv_text_str(&id));
		put_names(m, acl.entries[i].rights);
	}
	return ret;
}

static int rights_run(struct adm_mail *m, struct cv_error *err)
{
	uint32_t rights;
	int ret = mailbox_my_rights(m->user, m->argv[0], &rights, err);

	if (ret == CV_OK)
		put_names(m, rights);
	return ret;
}

/* Which entries make the rights of somebody, one after the other. */
static int debug_run(struct adm_mail *m, struct cv_error *err)
{
	struct acl_who who = { .user = m->argc > 1 ? m->argv[1] :
		user_name(m->user) };
	struct acl acl, part;
	uint32_t rights = 0;
	int ret;

	acl_init(&acl, m->pool);
	acl_init(&part, m->pool);
	who.owner = strcmp(who.user, user_name(m->user)) == 0;
	ret = mailbox_acl_get(m->user, m->argv[0], &acl, err);
	if (ret < 0)
		return ret;
	for (uint32_t kind = 0; kind < ACL_KINDS; kind++) {
		for (size_t i = 0; i < acl.count; i++) {
			struct cv_text id;

			if (acl.entries[i].kind != kind)
				continue;
			ret = acl_set(&part, &acl.entries[i], err);
			if (ret < 0)
				return ret;
			rights = acl_rights_global(&part, &who,
						   acl_rights(&part, &who));
			cv_text_init(&id, m->pool);
			cv_text_append_str(&id, "after ");
			acl_identifier_format(&id, &acl.entries[i], false);
			adm_mail_value(m, cv_text_str(&id));
			put_names(m, rights);
		}
	}
	adm_mail_value(m, "together");
	put_names(m, acl_rights_global(&acl, &who, acl_rights(&acl, &who)));
	return CV_OK;
}

/* --- set, add, remove, delete ----------------------------------------------------- */

static int change(struct adm_mail *m, enum acl_change how,
		  struct cv_error *err)
{
	struct acl_entry entry;
	int ret = acl_identifier_parse(cv_span_of(m->argv[1]), m->pool,
				       &entry, err);

	if (m->state != NULL)
		entry.rights = *(const uint32_t *)m->state;
	if (ret == CV_OK)
		ret = mailbox_acl_change(m->user, m->argv[0], &entry, how,
					 err);
	if (ret == CV_NOT_FOUND)
		return FAIL(err, CV_E_NOT_FOUND, "there is no entry of '%s'",
			    m->argv[1]);
	return ret;
}

static int set_run(struct adm_mail *m, struct cv_error *err)
{
	return change(m, ACL_REPLACE, err);
}

static int add_run(struct adm_mail *m, struct cv_error *err)
{
	return change(m, ACL_ADD, err);
}

static int remove_run(struct adm_mail *m, struct cv_error *err)
{
	return change(m, ACL_TAKE, err);
}

static int recalc_run(struct adm_mail *m, struct cv_error *err)
{
	return mailbox_shares_publish(m->user, err);
}

static int nothing_more(struct adm_mail *m)
{
	return m->argc == 0 ? ADM_OK : adm_mail_usage(m, "recalc takes no "
						      "mailbox");
}

static int delete_run(struct adm_mail *m, struct cv_error *err)
{
	return change(m, ACL_FORGET, err);
}

/* --- the verbs ------------------------------------------------------------------- */

static const char *const list_columns[] = { "ID", "Rights", NULL };
static const char *const rights_column[] = { ADM_UNTITLED "rights", NULL };

static const struct adm_mail_verb subverbs[] = {
	{ "acl get", "MAILBOX", "", ADM_FORMAT_TABLE, list_columns,
	  one_mailbox, get_run, "shows the list of rights", NULL },
	{ "acl rights", "MAILBOX", "", ADM_FORMAT_FLOW, rights_column,
	  one_mailbox, rights_run, "shows what the user may do", NULL },
	{ "acl debug", "MAILBOX [WHO]", "", ADM_FORMAT_TABLE, list_columns,
	  mailbox_perhaps_who, debug_run,
	  "shows how the entries make up the rights of another user, or of "
	  "this one", NULL },
	{ "acl set", "MAILBOX ID RIGHTS...", "", ADM_FORMAT_FLOW, NULL,
	  mailbox_who_rights, set_run, "replaces the rights of an entry",
	  NULL },
	{ "acl add", "MAILBOX ID RIGHTS...", "", ADM_FORMAT_FLOW, NULL,
	  mailbox_who_rights, add_run, "adds rights to an entry", NULL },
	{ "acl remove", "MAILBOX ID RIGHTS...", "", ADM_FORMAT_FLOW, NULL,
	  mailbox_who_rights, remove_run, "takes rights from an entry",
	  NULL },
	{ "acl delete", "MAILBOX ID", "", ADM_FORMAT_FLOW, NULL,
	  mailbox_and_who, delete_run, "removes an entry", NULL },
	{ "acl recalc", "", "", ADM_FORMAT_FLOW, NULL,
	  nothing_more, recalc_run,
	  "writes anew with whom the user has shared something "
	  "(acl_shared_dict)", NULL },
};

static int run_acl(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run_second(adm, &adm_acl_verb, argc, argv,
				   "what to do with the rights?");
}

const struct adm_verb adm_acl_verb = {
	.name = "acl",
	.args = "get|rights|debug|set|add|remove|delete|recalc [-u USER|-A|-F FILE] "
		"...",
	.help = "shows and changes who may do what in mailboxes",
	.run = run_acl,
	.mail = subverbs, .count = sizeof(subverbs) / sizeof(subverbs[0]),
};
