/* test-mailbox-acl.c - what another user may do with a mailbox. */
#include "mailbox-fixture.h"
#include "mailbox/mailbox-admin.h"

static const char mail_one[] = "Subject: one\r\n\r\nbody\r\n";
static const char *const guest_groups[] = { "staff" };
static const struct acl_who guest = { .user = "guest@example.org",
	.groups = { guest_groups, 1 } };

/* The same mail, opened for the guest. */
static struct cv_user *open_for_guest(struct fixture *f)
{
	char home[80];
	struct user_fields fields = {
		.name = "jane@example.org", .home = home,
		.uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = {
		.settings = f->tree, .hostname = "test",
		.boot_id = f->boot_id, .accessor = &guest,
	};
	struct cv_user *user;

	snprintf(home, sizeof(home), "%s/home", f->dir);
	ok(f, user_create(&fields, &config, &user, &f->err));
	return user;
}

static int change(struct fixture *f, struct cv_user *user, const char *name,
		  const char *who, const char *rights, enum acl_change how)
{
	struct acl_entry entry;

	ok(f, acl_identifier_parse(cv_span_of(who), f->pool, &entry,
				   &f->err));
	ok(f, acl_rights_parse(cv_span_of(rights), &entry.rights, &f->err));
	return mailbox_acl_change(user, name, &entry, how, &f->err);
}

static void grant(struct fixture *f, const char *name, const char *rights)
{
	ok(f, change(f, f->user, name, "guest@example.org", rights,
		     ACL_REPLACE));
}

static int guest_open(struct fixture *f, struct cv_user *user,
		      const char *name, struct cv_mailbox **box_r)
{
	return mailbox_api.open(user, name, 0, box_r, &f->err);
}

static int guest_save(struct fixture *f, struct cv_user *user,
		      const char *name, uint32_t flags)
{
	struct cv_user *owner = f->user;
	int ret;

	f->user = user;
	ret = fixture_try_save(f, name, cv_span_of(mail_one), flags, NULL);
	f->user = owner;
	return ret;
}

static const char *guest_list(struct fixture *f, struct cv_user *user)
{
	static const char *const all[] = { "*" };
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = all, .pattern_count = 1 };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	struct cv_text text;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_api.list_begin(user, &query, &list, &f->err));
	while (mailbox_api.list_next(list, &entry, &f->err) == CV_OK)
		cv_text_append_f(&text, "%s ", entry.name);
	mailbox_api.list_end(&list);
	return cv_text_str(&text);
}

static void without_rights_nothing_is_there(void **state)
{
	struct fixture f;
	struct cv_user *user;
	struct cv_mailbox *box;
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	char there[256];
	static const char *const names[] = { "INBOX", "Secret", "Not" };

	(void)state;
	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "Secret", 0, &f.err));
	fixture_save(&f, "Secret", mail_one, 0);
	user = open_for_guest(&f);
	assert_string_equal(guest_list(&f, user), "");
	/* what is hidden and what does not exist give the same answer */
	for (size_t i = 0; i < 3; i++) {
		const char *name = names[i];

		assert_int_equal(guest_open(&f, user, name, &box),
				 CV_E_NOT_FOUND);
		snprintf(there, sizeof(there), "%s", f.err.client);
		assert_string_equal(there, "Mailbox doesn't exist.");
		assert_int_equal(mailbox_api.status(user, name,
			CV_STATUS_MESSAGES, &status, &f.err),
			CV_E_NOT_FOUND);
		assert_string_equal(f.err.client, there);
		assert_int_equal(guest_save(&f, user, name, 0),
				 CV_E_NOT_FOUND);
		assert_string_equal(f.err.client, there);
		assert_int_equal(mailbox_api.remove(user, name, &f.err),
				 CV_E_NOT_FOUND);
		assert_string_equal(f.err.client, there);
		assert_int_equal(mailbox_api.rename(user, name, "x", &f.err),
				 CV_E_NOT_FOUND);
		assert_string_equal(f.err.client, there);
		assert_int_equal(change(&f, user, name, "guest@example.org",
					"lr", ACL_REPLACE), CV_E_NOT_FOUND);
		assert_string_equal(f.err.client, there);
		assert_int_equal(mailbox_api.create(user, name, 0, &f.err),
				 CV_E_DENIED);
	}
	user_destroy(&user);
	fixture_deinit(&f);
}

static void each_right_opens_its_operation(void **state)
{
	struct fixture f;
	struct cv_user *user;
	struct cv_mailbox *box;
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	struct cv_range one = { 1, 1 };
	struct cv_store_request store = { CV_SIZED(cv_store_request),
		.seqs = { &one, 1 }, .change = CV_FLAGS_ADD,
		.flags = CV_FLAG_DELETED, .unchanged_since = UINT64_MAX };
	struct cv_mailbox_state s;

	(void)state;
	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "Box", 0, &f.err));
	fixture_save(&f, "Box", mail_one, 0);
	user = open_for_guest(&f);

	grant(&f, "Box", "l");
	assert_string_equal(guest_list(&f, user), "Box ");
	assert_int_equal(guest_open(&f, user, "Box", &box), CV_E_DENIED);
	assert_int_equal(mailbox_api.status(user, "Box", CV_STATUS_MESSAGES,
					    &status, &f.err), CV_E_DENIED);
	grant(&f, "Box", "lr");
	ok(&f, mailbox_api.status(user, "Box", CV_STATUS_MESSAGES, &status,
				  &f.err));
	ok(&f, guest_open(&f, user, "Box", &box));
	s = fixture_state(box);
	assert_true(s.readonly);
	assert_int_equal(s.permanent_flags, 0);
	assert_int_equal(mailbox_api.store(box, &store, f.pool, NULL,
					   &f.err), CV_E_DENIED);
	mailbox_api.close(&box);
	assert_int_equal(guest_save(&f, user, "Box", 0), CV_E_DENIED);

	grant(&f, "Box", "lrt");
	ok(&f, guest_open(&f, user, "Box", &box));
	assert_int_equal(fixture_state(box).permanent_flags,
			 CV_FLAG_DELETED);
	assert_false(fixture_state(box).may_create_keywords);
	ok(&f, mailbox_api.store(box, &store, f.pool, NULL, &f.err));
	store.flags = CV_FLAG_SEEN;
	assert_int_equal(mailbox_api.store(box, &store, f.pool, NULL,
					   &f.err), CV_E_DENIED);
	assert_int_equal(mailbox_api.expunge(box, NULL, &f.err),
			 CV_E_DENIED);
	/* what is given meanwhile counts at once, and what is taken */
	grant(&f, "Box", "lrte");
	ok(&f, mailbox_api.sync(box, 0, NULL, &f.err));
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	grant(&f, "Box", "l");
	assert_int_equal(mailbox_api.sync(box, 0, NULL, &f.err),
			 CV_E_DENIED);
	mailbox_api.close(&box);

	grant(&f, "Box", "li");
	ok(&f, guest_save(&f, user, "Box", CV_FLAG_SEEN | CV_FLAG_FLAGGED));
	box = fixture_open(&f, "Box");
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, 0);
	mailbox_api.close(&box);
	assert_int_equal(mailbox_api.create(user, "Box.x", 0, &f.err),
			 CV_E_DENIED);
	grant(&f, "Box", "lk");
	ok(&f, mailbox_api.create(user, "Box.x", 0, &f.err));
	/* which has the list of what it is in */
	assert_string_equal(guest_list(&f, user), "Box Box.x ");
	assert_int_equal(mailbox_api.remove(user, "Box.x", &f.err),
			 CV_E_DENIED);
	grant(&f, "Box.x", "lkx");
	ok(&f, mailbox_api.remove(user, "Box.x", &f.err));
	user_destroy(&user);
	fixture_deinit(&f);
}

static void flags_without_a_right_stay(void **state)
{
	struct fixture f;
	struct cv_user *user;
	struct cv_mailbox *box;
	struct cv_message_data d;

	(void)state;
	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "Box", 0, &f.err));
	fixture_save(&f, "Box", mail_one, 0);
	box = fixture_open(&f, "Box");
	fixture_store(&f, box, 1, 1, CV_FLAGS_REPLACE,
		      CV_FLAG_SEEN | CV_FLAG_DELETED, "$Kept");
	mailbox_api.close(&box);
	grant(&f, "Box", "lrs");
	user = open_for_guest(&f);
	ok(&f, guest_open(&f, user, "Box", &box));
	/* only \Seen may change */
	fixture_store(&f, box, 1, 1, CV_FLAGS_REPLACE, CV_FLAG_FLAGGED,
		      "$New");
	d = fixture_message(&f, box, 1, CV_MESSAGE_KEYWORDS);
	assert_int_equal(d.flags & CV_FLAGS_STORED, CV_FLAG_DELETED);
	assert_int_equal(d.keywords.count, 1);
	assert_string_equal(d.keywords.names[0], "$Kept");
	mailbox_api.close(&box);
	grant(&f, "Box", "lrw");
	ok(&f, guest_open(&f, user, "Box", &box));
	fixture_store(&f, box, 1, 1, CV_FLAGS_REPLACE,
		      CV_FLAG_FLAGGED | CV_FLAG_SEEN, "$New");
	d = fixture_message(&f, box, 1, CV_MESSAGE_KEYWORDS);
	assert_int_equal(d.flags & CV_FLAGS_STORED,
			 CV_FLAG_DELETED | CV_FLAG_FLAGGED);
	assert_int_equal(d.keywords.count, 1);
	assert_string_equal(d.keywords.names[0], "$New");
	mailbox_api.close(&box);
	user_destroy(&user);
	/* and so it is on disk */
	fixture_logout(&f);
	fixture_login(&f);
	box = fixture_open(&f, "Box");
	d = fixture_message(&f, box, 1, CV_MESSAGE_KEYWORDS);
	assert_int_equal(d.flags & CV_FLAGS_STORED,
			 CV_FLAG_DELETED | CV_FLAG_FLAGGED);
	fixture_deinit(&f);
}

static void a_list_survives_and_moves_with_its_mailbox(void **state)
{
	struct fixture f;
	struct acl acl;
	uint32_t rights;

	(void)state;
	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "Box", 0, &f.err));
	grant(&f, "Box", "lrs");
	ok(&f, change(&f, f.user, "Box", "$staff", "i", ACL_ADD));
	ok(&f, change(&f, f.user, "Box", "$staff", "k", ACL_ADD));
	ok(&f, change(&f, f.user, "Box", "$staff", "i", ACL_TAKE));
	assert_int_equal(change(&f, f.user, "Box", "nobody", "",
				ACL_FORGET), CV_NOT_FOUND);
	ok(&f, mailbox_api.rename(f.user, "Box", "Other", &f.err));
	fixture_logout(&f);
	fixture_login(&f);
	acl_init(&acl, f.pool);
	ok(&f, mailbox_acl_get(f.user, "Other", &acl, &f.err));
	assert_int_equal(acl.count, 2);
	assert_int_equal(acl.entries[0].rights, ACL_LOOKUP | ACL_READ |
			 ACL_SEEN);
	assert_int_equal(acl.entries[1].rights, ACL_CREATE);
	ok(&f, mailbox_my_rights(f.user, "Other", &rights, &f.err));
	assert_int_equal(rights, ACL_ALL);
	/* an owner may take rights from himself, but not that of giving */
	ok(&f, change(&f, f.user, "Other", "owner", "lr", ACL_REPLACE));
	ok(&f, mailbox_my_rights(f.user, "Other", &rights, &f.err));
	assert_int_equal(rights, ACL_LOOKUP | ACL_READ | ACL_ADMIN);
	assert_int_equal(fixture_try_save(&f, "Other", cv_span_of(mail_one),
					  0, NULL), CV_E_DENIED);
	ok(&f, change(&f, f.user, "Other", "owner", "", ACL_FORGET));
	fixture_save(&f, "Other", mail_one, 0);
	fixture_deinit(&f);
}

static void dovecots_files_count_until_changed_here(void **state)
{
	struct fixture f;
	struct cv_user *user;
	struct acl acl;

	(void)state;
	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "Box", 0, &f.err));
	fixture_write(&f, ".Box/dovecot-acl",
		      "user=guest@example.org lr\ngroup=staff k\n");
	user = open_for_guest(&f);
	assert_string_equal(guest_list(&f, user), "Box ");
	/* a change here begins with what stands there */
	grant(&f, "Box", "i");
	assert_string_equal(guest_list(&f, user), "");
	acl_init(&acl, f.pool);
	ok(&f, mailbox_acl_get(f.user, "Box", &acl, &f.err));
	assert_int_equal(acl.count, 2);
	/* and one there replaces it again */
	fixture_write(&f, ".Box/new-acl", "group=staff lr\n");
	fixture_rename(&f, ".Box/new-acl", ".Box/dovecot-acl");
	assert_string_equal(guest_list(&f, user), "Box ");
	/* what is damaged opens nothing */
	fixture_write(&f, ".Box/new-acl", "group=staff lr\nfoo=bar zzz\n");
	fixture_rename(&f, ".Box/new-acl", ".Box/dovecot-acl");
	assert_string_equal(guest_list(&f, user), "");
	user_destroy(&user);
	fixture_deinit(&f);
}

static void public_mailboxes_are_open_until_a_list_says(void **state)
{
	static const char settings[] =
		"acl_groups = staff\n"
		"namespace a {\n inbox = yes\n separator = /\n}\n"
		"namespace p {\n type = public\n prefix = Pub/\n"
		" separator = /\n location = maildir:~/pub\n}\n";
	char strict[600];
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t rights;

	(void)state;
	fixture_init(&f, settings);
	ok(&f, mailbox_api.create(f.user, "Pub/x", 0, &f.err));
	ok(&f, mailbox_my_rights(f.user, "Pub/x", &rights, &f.err));
	assert_int_equal(rights, ACL_ALL);
	ok(&f, change(&f, f.user, "Pub/x", "$staff", "lra", ACL_REPLACE));
	ok(&f, mailbox_my_rights(f.user, "Pub/x", &rights, &f.err));
	assert_int_equal(rights, ACL_LOOKUP | ACL_READ | ACL_ADMIN);
	assert_int_equal(fixture_try_save(&f, "Pub/x", cv_span_of(mail_one),
					  0, NULL), CV_E_DENIED);
	/* the list of those without one */
	ok(&f, change(&f, f.user, "Pub", "jane@example.org", "lrka",
		      ACL_REPLACE));
	ok(&f, mailbox_api.create(f.user, "Pub/y", 0, &f.err));
	assert_int_equal(fixture_try_save(&f, "Pub/y", cv_span_of(mail_one),
					  0, NULL), CV_E_DENIED);
	ok(&f, mailbox_api.open(f.user, "Pub/y", 0, &box, &f.err));
	assert_true(fixture_state(box).readonly);
	fixture_deinit(&f);

	/* with the plugin acl of Dovecot's they are closed until then */
	snprintf(strict, sizeof(strict), "mail_plugins = acl\n%s", settings);
	fixture_init(&f, strict);
	assert_int_equal(mailbox_api.create(f.user, "Pub/x", 0, &f.err),
			 CV_E_DENIED);
	fixture_save(&f, "INBOX", mail_one, 0);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rights_nothing_is_there),
		cmocka_unit_test(each_right_opens_its_operation),
		cmocka_unit_test(flags_without_a_right_stay),
		cmocka_unit_test(a_list_survives_and_moves_with_its_mailbox),
		cmocka_unit_test(dovecots_files_count_until_changed_here),
		cmocka_unit_test(public_mailboxes_are_open_until_a_list_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
