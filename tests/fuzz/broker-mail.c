/* broker-mail.c - see broker-mail.h. */
#include "broker-mail.h"
#include "mailbox/remote-wire.h"
#include "stream/stream-api.h"

extern const struct cv_plugin_desc storage_memory_LTX_cv_plugin_desc;

static const char message[] = "From: a@example.org\r\nSubject: one\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
	"--b--\r\n";

static int provide(struct cv_plugin *self, uint32_t kind, const void *table,
		   struct cv_error *err)
{
	(void)self; (void)kind; (void)err;
	storage_register(table);
	return CV_OK;
}

CV_PRINTF(3, 4)
static void quiet(struct cv_plugin *self, int level, const char *fmt, ...)
{
	(void)self; (void)level; (void)fmt;
}

static bool never_wanted(struct cv_plugin *self, int level)
{
	(void)self; (void)level;
	return false;
}

/* The only one: how much room there is. */
static const void *plugin_settings(struct cv_plugin *self)
{
	static const uint64_t room[8] = { 16 << 20 };

	(void)self;
	return room;
}

static const void *service(const char *name, uint32_t major)
{
	(void)major;
	return strcmp(name, "stream") == 0 ? &stream_api : NULL;
}

static struct settings_tree *settings_of(const char *text)
{
	static struct cv_host host;
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;

	if (host.size == 0) {
		settings_register_core();
		host = *module_host();
		host.provide = provide;
		host.service = service;
		host.log = quiet;
		host.settings = plugin_settings;
		host.log_wanted = never_wanted;
		BUG_IF(storage_memory_LTX_cv_plugin_desc.init(
			&host, NULL, NULL) != CV_OK);
	}
	BUG_IF(settings_read_text("fuzz", cv_span_of(text), NULL, &tree,
				  &err) < 0);
	return tree;
}

static int open_account(void *context, const char *name, struct meta **meta_r,
			struct bell **bell_r, struct cv_error *err)
{
	struct broker_mail *mail = context;

	(void)name; (void)err;
	*meta_r = meta_memory_open(mail->memory);
	*bell_r = bell_memory_open(mail->memory);
	return CV_OK;
}

static void user_open(struct broker_mail *mail, const char *name,
		      const struct acl_who *accessor,
		      struct user_config *config)
{
	struct user_fields fields = { .name = name, .home = "/nowhere",
		.uid = (uid_t)-1, .gid = (gid_t)-1 };
	static const uint8_t boot_id[16] = "fuzz";
	struct cv_error err = ERROR_NONE;

	config->hostname = "fuzz";
	config->boot_id = boot_id;
	config->accessor = accessor;
	config->private_seen = accessor != NULL;
	config->account = open_account;
	config->account_context = mail;
	BUG_IF(user_create(&fields, config, &mail->user, &err) < 0);
}

static void save(struct cv_user *user, const char *name)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.internal_date = 1000000000 };
	struct cv_save *s;

	BUG_IF(mailbox_save_begin(user, name, &s, NULL) < 0 ||
	       mailbox_save_add(s, &r, NULL) < 0 ||
	       mailbox_save_write(s, message, strlen(message), NULL) < 0 ||
	       mailbox_save_finish(s, NULL) < 0 ||
	       mailbox_save_commit(&s, NULL, NULL, NULL, NULL) < 0);
}

static void fill(struct cv_user *user)
{
	struct acl_entry bob = { .kind = ACL_USER, .name = "bob",
		.rights = ACL_ALL };

	for (int i = 0; i < 3; i++)
		save(user, "INBOX");
	BUG_IF(mailbox_create(user, "Work", 0, NULL) < 0 ||
	       mailbox_create(user, "Secret", 0, NULL) < 0 ||
	       mailbox_acl_change(user, "INBOX", &bob, ACL_REPLACE, NULL) < 0 ||
	       mailbox_acl_change(user, "Work", &bob, ACL_REPLACE, NULL) < 0);
}

void broker_mail_open(struct broker_mail *mail, const struct acl_who *accessor)
{
	static struct settings_tree *tree;
	struct user_config config = { 0 };

	if (tree == NULL)
		tree = settings_of("mail_location = memory:/nowhere\n"
				   "namespace a {\n inbox = yes\n"
				   " separator = /\n}\n");
	config.settings = tree;
	mail->memory = meta_memory_create();
	user_open(mail, "jane", NULL, &config);
	fill(mail->user);
	if (accessor == NULL)
		return;
	user_destroy(&mail->user);
	user_open(mail, "jane", accessor, &config);
}

void broker_reader_open(struct broker_mail *mail, user_broker_fn *open_broker,
			void *context)
{
	static struct settings_tree *tree;
	struct user_config config = { .open_broker = open_broker,
		.broker_context = context };

	if (tree == NULL)
		tree = settings_of("mail_location = memory:/nowhere\n"
				   "namespace a {\n inbox = yes\n"
				   " separator = /\n}\n"
				   "namespace s {\n type = shared\n"
				   " prefix = shared/%%u/\n separator = /\n"
				   " subscriptions = no\n}\n");
	config.settings = tree;
	mail->memory = meta_memory_create();
	user_open(mail, "bob", NULL, &config);
}

/* Trees in memory outlive who opened them. */
static void clear(struct store *store)
{
	struct account_folder *folder;
	size_t at = 0;

	if (store->root == NULL || store->account == NULL)
		return;
	while ((folder = account_folder_next(store->account, &at)) != NULL)
		(void)store->driver->folder_remove(
			store->root, cv_span_of(folder->name), NULL);
}

void broker_mail_close(struct broker_mail *mail)
{
	for (struct store *s = mail->user->stores; s != NULL; s = s->next)
		clear(s);
	user_destroy(&mail->user);
	meta_memory_destroy(&mail->memory);
}

bool broker_feed_next(struct broker_feed *feed, uint32_t *number_r,
		      struct cv_span *payload_r, bool *fd_r)
{
	size_t len;

	if (feed->left < 3)
		return false;
	*number_r = feed->data[0] & 0x3f;
	*fd_r = (feed->data[0] & 0x40) != 0;
	len = (size_t)feed->data[1] << 8 | feed->data[2];
	feed->data += 3;
	feed->left -= 3;
	if (len > feed->left)
		len = feed->left;
	*payload_r = cv_span((const char *)feed->data, len);
	feed->data += len;
	feed->left -= len;
	return true;
}

int broker_feed_fd(void)
{
	int fd = remote_file_create(NULL);

	BUG_IF(fd < 0 || remote_file_append(fd, CV_SPAN(message), NULL) < 0 ||
	       remote_seal(fd, NULL) < 0);
	return fd;
}
