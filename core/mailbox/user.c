/* user.c - making a user from userdb fields and settings. */
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "mailbox-watch-all.h"
#include "acl/acl-shared.h"
#include "io/io-readonly.h"
#include "settings/namespace-check.h"
#include "takeover/dovecot-attributes.h"

#include <unistd.h>

/* --- %variables --------------------------------------------------------------- */

static bool user_variable(void *context, struct cv_span name,
			  struct cv_span *value_r)
{
	struct cv_user *user = context;
	const char *at = strchr(user->name, '@');

	if (cv_span_is(name, "user")) {
		*value_r = cv_span_of(user->name);
	} else if (cv_span_is(name, "username")) {
		*value_r = at == NULL ? cv_span_of(user->name) :
			cv_span(user->name, (size_t)(at - user->name));
	} else if (cv_span_is(name, "domain")) {
		*value_r = cv_span_of(at == NULL ? "" : at + 1);
	} else if (cv_span_is(name, "home")) {
		*value_r = cv_span_of(user->home);
	} else if (cv_span_is(name, "uid")) {
		*value_r = cv_span_of(pool_printf(user->pool, "%ld",
						  (long)user->uid));
	} else if (cv_span_is(name, "gid")) {
		*value_r = cv_span_of(pool_printf(user->pool, "%ld",
						  (long)user->gid));
	} else {
		return user->outer_vars.lookup != NULL &&
			user->outer_vars.lookup(user->outer_vars.context,
						name, value_r);
	}
	return true;
}

/* --- namespaces ----------------------------------------------------------------- */

static int parse_use(const struct cv_strings *words, uint32_t *use_r,
		     struct cv_error *err)
{
	*use_r = 0;
	for (uint32_t i = 0; i < words->count; i++) {
		uint32_t use = special_use_find(words->items[i]);

		if (use == 0)
			return FAIL(err, CV_E_CONFIG, "special_use '%s' is "
				    "not known", words->items[i]);
		*use_r |= use;
	}
	return CV_OK;
}

static int read_mailboxes(struct cv_user *user, struct namespace *ns,
			  settings_block block, struct cv_error *err)
{
	ARRAY(struct mailbox_config) boxes;
	struct settings_scope scope = user->scope;
	struct mailbox_settings set;
	uint32_t at = 0;
	int ret;

	array_init(&boxes, user->pool);
	while (settings_block_next(user->settings, "mailbox", block, &scope,
				   &at, &scope.block)) {
		struct mailbox_config *box;
		const char *name;

		ret = settings_get(user->settings, &mailbox_settings_table,
				   &scope, user->pool, &set, err);
		if (ret < 0)
			return ret;
		name = set.name != NULL && set.name[0] != '\0' ? set.name :
			settings_block_name(user->settings, scope.block);
		box = array_add(&boxes);
		box->name = mailbox_name_store(ns, name, user->pool);
		box->auto_create = set.auto_;
		box->expunge_msecs = set.autoexpunge;
		box->expunge_max = set.autoexpunge_max_mails;
		ret = parse_use(&set.special_use, &box->use, err);
		if (ret < 0)
			return ret;
	}
	ns->mailboxes = boxes.items;
	ns->mailbox_count = (uint32_t)boxes.count;
	return CV_OK;
}

static struct store *find_store(struct cv_user *user,
				const struct mail_location *l)
{
	struct store *store = user->stores;

	while (store != NULL && !mail_location_equal(&store->location, l))
		store = store->next;
	return store;
}

static int attach_store(struct cv_user *user, struct namespace *ns,
			const char *location, struct cv_error *err)
{
	struct mail_location l;
	int ret;

	if (location == NULL || location[0] == '\0')
		location = user->mail.mail_location;
	ret = mail_location_parse(user, location, &l, err);
	if (ret < 0)
		return ret;
	ns->store = find_store(user, &l);
	if (ns->store == NULL)
		ret = store_create(user, location, &ns->store, err);
	if (ret == CV_OK && ns->inbox)
		ns->store->has_inbox = true;
	if (ret == CV_OK && ns->type == CV_NAMESPACE_PRIVATE)
		ns->store->is_private = true;
	return ret;
}

static void choose_separator(struct namespace *ns, const char *set)
{
	bool fs = strcmp(ns->store->location.layout, "fs") == 0 ||
		!(ns->store->driver->caps & CV_STORAGE_DOTS);

	ns->separator = set[0] != '\0' ? set[0] : fs ? '/' : '.';
}

static int add_namespace(struct cv_user *user, settings_block block,
			 struct cv_error *err)
{
	struct namespace *ns = &user->namespaces[user->namespace_count];
	struct settings_scope scope = user->scope;
	struct namespace_settings set;
	int ret;

	scope.block = block;
	ret = settings_get(user->settings, &namespace_settings_table, &scope,
			   user->pool, &set, err);
	if (ret < 0 || set.disabled)
		return ret;
	ns->type = set.type == NAMESPACE_TYPE_SHARED ? CV_NAMESPACE_SHARED :
		set.type == NAMESPACE_TYPE_PUBLIC ? CV_NAMESPACE_PUBLIC :
		CV_NAMESPACE_PRIVATE;
	ns->prefix = set.prefix;
	ns->inbox = set.inbox;
	ns->hidden = set.hidden;
	ns->listed = set.list != NAMESPACE_LIST_NO;
	ns->listed_children = set.list == NAMESPACE_LIST_CHILDREN;
	ns->subscriptions = set.subscriptions;
	ns->alias_for = set.alias_for[0] == '\0' ? NULL : set.alias_for;
	/* a prefix with variables names the mailboxes of many owners, who
	 * say themselves where their mail is */
	if (strchr(ns->prefix, '%') != NULL) {
		ns->separator = set.separator[0] == '\0' ? '/' :
			set.separator[0];
		return ns->type == CV_NAMESPACE_SHARED ?
			shared_prefix_add(user, ns, set.location, err) :
			FAIL(err, CV_E_CONFIG, "namespace prefix '%s': only "
			     "in type = shared variables stand for owners",
			     ns->prefix);
	}
	ret = attach_store(user, ns, set.location, err);
	if (ret < 0) {
		if (set.ignore_on_failure) {
			log_warning("mail", "namespace '%s' is left out: %s",
				    ns->prefix, err->text);
			return CV_OK;
		}
		return error_prefix(err, "namespace '%s'", ns->prefix);
	}
	choose_separator(ns, set.separator);
	ret = read_mailboxes(user, ns, block, err);
	if (ret == CV_OK)
		user->namespace_count++;
	return ret;
}

static int add_default_namespace(struct cv_user *user, struct cv_error *err)
{
	struct namespace *ns = &user->namespaces[0];
	int ret;

	*ns = (struct namespace){
		.type = CV_NAMESPACE_PRIVATE, .prefix = "", .inbox = true,
		.listed = true, .subscriptions = true,
	};
	ret = attach_store(user, ns, user->location, err);
	if (ret < 0)
		return ret;
	choose_separator(ns, user->location == NULL ? "" : "/");
	user->namespace_count = 1;
	return CV_OK;
}

static int check_namespaces(struct cv_user *user, struct cv_error *err)
{
	uint32_t inboxes = 0;

	for (uint32_t i = 0; i < user->namespace_count; i++) {
		const struct namespace *ns = &user->namespaces[i];
		size_t len = strlen(ns->prefix);

		inboxes += ns->inbox;
		if (len > 0 && ns->prefix[len - 1] != ns->separator)
			return FAIL(err, CV_E_CONFIG, "namespace prefix '%s' "
				    "does not end with its separator '%c'",
				    ns->prefix, ns->separator);
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(user->namespaces[k].prefix,
				   ns->prefix) == 0)
				return FAIL(err, CV_E_CONFIG, "two "
					    "namespaces have the prefix "
					    "'%s'", ns->prefix);
		}
	}
	if (inboxes != 1)
		return FAIL(err, CV_E_CONFIG, "%s namespace has inbox = yes",
			    inboxes == 0 ? "no" : "more than one");
	return CV_OK;
}

static int read_namespaces(struct cv_user *user, struct cv_error *err)
{
	settings_block block;
	uint32_t at = 0, count = 0;
	int ret = CV_OK;

	if (user->location != NULL) {
		user->namespaces = pool_new(user->pool, struct namespace);
		return add_default_namespace(user, err);
	}
	while (settings_block_next(user->settings, "namespace", SETTINGS_ROOT,
				   &user->scope, &at, &block))
		count++;
	user->namespaces = pool_new_array(user->pool, struct namespace,
					  count + 1);
	at = 0;
	while (ret == CV_OK &&
	       settings_block_next(user->settings, "namespace",
				   SETTINGS_ROOT, &user->scope, &at, &block))
		ret = add_namespace(user, block, err);
	if (ret == CV_OK && user->namespace_count == 0)
		ret = add_default_namespace(user, err);
	return ret == CV_OK ? check_namespaces(user, err) : ret;
}

/* --- the user ---------------------------------------------------------------------- */

void user_boot_id(uint8_t boot_id[16])
{
	static uint8_t known[16];
	static bool have;
	char text[40] = "";
	ssize_t got = 0;
	size_t digits = 0;
	int fd;

	if (have) {
		memcpy(boot_id, known, sizeof(known));
		return;
	}
	random_bytes(known, sizeof(known));
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	for (ssize_t i = 0; i < got && digits < 32; i++) {
		char c = cv_ascii_lower(text[i]);
		uint8_t digit = (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');

		if (c == '-' || digit > 15)
			continue;
		known[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 :
					      known[digits / 2] | digit);
		digits++;
	}
	have = true;
	memcpy(boot_id, known, sizeof(known));
}

static void set_extra(struct cv_user *user, const struct cv_strings *extra)
{
	const char **items = pool_new_array(user->pool, const char *,
					    user->scope.overrides.count +
					    extra->count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < user->scope.overrides.count; i++)
		items[count++] = user->scope.overrides.items[i];
	for (uint32_t i = 0; i < extra->count; i++) {
		const char *item = extra->items[i];

		items[count++] = strncmp(item, "mail=", 5) == 0 ?
			pool_printf(user->pool, "mail_location=%s",
				    item + 5) :
			pool_strdup(user->pool, item);
	}
	user->scope.overrides = (struct cv_strings){ items, count };
}

static void set_hostname(struct cv_user *user, const char *hostname)
{
	char name[256] = "localhost";

	if (hostname == NULL) {
		(void)gethostname(name, sizeof(name) - 1);
		hostname = name;
	}
	user->hostname = pool_strdup(user->pool, hostname);
}

/* With mail_plugins = acl nothing is open that no list opens. */
static int find_policy(struct cv_user *user, struct cv_error *err)
{
	struct general_settings set;
	int ret = settings_get(user->settings, &general_settings_table,
			       &user->scope, user->pool, &set, err);

	for (uint32_t i = 0; ret >= 0 && i < set.mail_plugins.count; i++) {
		if (strcmp(set.mail_plugins.items[i], "acl") == 0)
			user->acl_strict = true;
	}
	if (ret == CV_OK)
		ret = acl_shared_path(user->mail.acl_shared_dict, user->pool,
				      &user->shared_dict, err);
	if (ret == CV_OK)
		ret = dovecot_attributes_path(user->mail.mail_attribute_dict,
					      user->home, user->pool,
					      &user->attribute_path, err);
	return ret < 0 || !user->acl_strict ? ret :
		acl_global_open(user->io, user->pool, user->mail.acl,
				&user->acl_global, err);
}

static int user_init(struct cv_user *user, const struct user_fields *fields,
		     struct cv_error *err)
{
	int ret;

	set_extra(user, &fields->extra);
	ret = settings_get(user->settings, &mail_settings_table, &user->scope,
			   user->pool, &user->mail, err);
	if (ret < 0)
		return ret;
	if (user->home[0] == '\0' && user->mail.mail_home[0] != '\0')
		user->home = user->mail.mail_home;
	ret = find_policy(user, err);
	if (ret < 0)
		return ret;
	ret = module_scope_init(&user->plugin_settings, user->settings,
				&user->scope, user->pool, err);
	return ret < 0 ? ret : read_namespaces(user, err);
}

int user_create(const struct user_fields *fields,
		const struct user_config *config, struct cv_user **user_r,
		struct cv_error *err)
{
	struct cv_pool *pool = pool_create("user");
	struct cv_user *user = pool_new(pool, struct cv_user);
	int ret;

	module_slots_init(&user->slots, CV_OBJECT_USER, pool);
	user->pool = pool;
	user->name = pool_strdup(pool, fields->name);
	user->home = pool_strdup(pool, fields->home == NULL ? "" :
				 fields->home);
	user->uid = fields->uid == (uid_t)-1 ? getuid() : fields->uid;
	user->gid = fields->gid == (gid_t)-1 ? getgid() : fields->gid;
	user->io = config->inspect != USER_INSPECT_NONE ? io_readonly() :
		config->io == NULL ? io_posix() : config->io;
	user->settings = config->settings;
	if (config->scope != NULL)
		user->scope = *config->scope;
	user->outer_vars = config->vars;
	user->vars.lookup = user_variable;
	user->vars.context = user;
	user->scope.vars = &user->vars;
	user->location = pool_strdup(pool, config->location);
	user->accessor = config->accessor;
	user->private_seen = config->private_seen;
	user->open_broker = config->open_broker;
	user->broker_context = config->broker_context;
	user->first_modseq = config->first_modseq;
	user->inspect = config->inspect;
	user->account = config->account;
	user->account_context = config->account_context;
	set_hostname(user, config->hostname);
	if (config->boot_id != NULL)
		memcpy(user->boot_id, config->boot_id, 16);
	else
		user_boot_id(user->boot_id);
	ret = user_init(user, fields, err);
	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	*user_r = user;
	return CV_OK;
}

void user_destroy(struct cv_user **user)
{
	struct cv_user *u = *user;
	struct cv_pool *pool;

	if (u == NULL)
		return;
	while (u->boxes != NULL || u->remote_boxes != NULL) {
		struct cv_mailbox *box = u->boxes != NULL ? u->boxes :
			u->remote_boxes;

		route_close(&box);
	}
	remotes_close(u);
	annotations_unwatch(u);
	watch_all_end(u);
	for (struct store *s = u->stores; s != NULL; s = s->next) {
		store_idle(s);
		store_close(s);
	}
	pool = u->pool;
	*user = NULL;
	pool_destroy(&pool);
}

const char *user_name(const struct cv_user *user) { return user->name; }
const char *user_home(const struct cv_user *user) { return user->home; }
struct cv_pool *user_pool(struct cv_user *user) { return user->pool; }

const struct settings_scope *user_scope(const struct cv_user *user)
{
	return &user->scope;
}

const struct settings_tree *user_settings(const struct cv_user *user)
{
	return user->settings;
}

const char *user_readable_next(const struct cv_user *user, uint32_t *at)
{
	return module_scope_readable_next(&user->plugin_settings, at);
}

struct cv_user *mailbox_user(struct cv_mailbox *box) { return box->user; }

/* --- the service "user" -------------------------------------------------------------- */

static const char *api_name(struct cv_user *u) { return u->name; }
static const char *api_home(struct cv_user *u) { return u->home; }

static const void *api_settings(struct cv_user *u, struct cv_plugin *self)
{
	return module_scope_get(&u->plugin_settings, self);
}

static int api_namespace_at(struct cv_user *u, uint32_t index,
			    struct cv_namespace_info *info_r)
{
	const struct shared_prefix *shared = u->shared;
	const struct namespace *ns;

	if (index < u->namespace_count) {
		ns = &u->namespaces[index];
		info_r->prefix = ns->prefix;
	} else {
		for (index -= u->namespace_count; shared != NULL &&
		     index > 0; index--)
			shared = shared->next;
		if (shared == NULL)
			return CV_NOT_FOUND;
		ns = &shared->ns;
		info_r->prefix = shared->fixed;
	}
	info_r->type = ns->type;
	info_r->separator = ns->separator;
	info_r->listed = ns->listed;
	info_r->hidden = ns->hidden;
	info_r->is_inbox = ns->inbox;
	info_r->keeps_subscriptions = ns->subscriptions;
	return CV_OK;
}

const struct cv_user_api user_api = {
	CV_SIZED(cv_user_api),
	.name = api_name,
	.home = api_home,
	.settings = api_settings,
	.namespace_at = api_namespace_at,
};
