/* mailbox-remote-name.c - "shared/bob/INBOX": the owners that a namespace with
 * variables in its prefix stands for. */
#include "mailbox-remote.h"
#include "acl/acl-shared.h"

static const struct cv_span owner_key = CV_SPAN("shared-with-me/");

/* --- prefixes ---------------------------------------------------------------------- */

/* What stands where in a pattern: %u, or %n and perhaps %d. */
int shared_prefix_add(struct cv_user *user, const struct namespace *ns,
		      const char *location, struct cv_error *err)
{
	struct shared_prefix *prefix = pool_new(user->pool,
						struct shared_prefix);
	size_t len = strlen(ns->prefix);
	bool named = false;

	for (const char *p = strchr(ns->prefix, '%'); p != NULL;
	     p = strchr(p + 1, '%')) {
		named = named || p[1] == 'u' || p[1] == 'n';
		if (p[1] == '\0' || strchr("und", p[1]) == NULL)
			return FAIL(err, CV_E_CONFIG, "namespace prefix "
				    "'%s': only %%%%u, %%%%n and %%%%d may "
				    "stand in it", ns->prefix);
	}
	if (!named || ns->prefix[len - 1] != ns->separator)
		return FAIL(err, CV_E_CONFIG, "namespace prefix '%s' must "
			    "name the owner (%%%%u) and end with its "
			    "separator '%c'", ns->prefix, ns->separator);
	prefix->ns = *ns;
	prefix->pattern = ns->prefix;
	prefix->location = location;
	prefix->fixed = pool_copy(user->pool, ns->prefix,
				  strcspn(ns->prefix, "%"));
	prefix->next = user->shared;
	user->shared = prefix;
	return CV_OK;
}

/* --- owners ----------------------------------------------------------------------- */

static bool is_owner_name(struct cv_span owner)
{
	for (size_t i = 0; i < owner.len; i++) {
		unsigned char c = (unsigned char)owner.data[i];

		/* a master user's login, and what would be a pattern */
		if (c <= 0x20 || c == 0x7f || strchr("*%/\\\"", c) != NULL)
			return false;
	}
	return owner.len > 0 && owner.len <= USER_NAME_LIMIT;
}

static void append_variable(struct cv_text *out, char variable,
			    struct cv_span owner)
{
	const char *at = memchr(owner.data, '@', owner.len);
	size_t local = at == NULL ? owner.len : (size_t)(at - owner.data);

	if (variable == 'u')
		cv_text_append_span(out, owner);
	else if (variable == 'n')
		cv_text_append(out, owner.data, local);
	else if (at != NULL)
		cv_text_append(out, at + 1, owner.len - local - 1);
}

static const char *prefix_of(struct cv_user *user, const char *pattern,
			     struct cv_span owner)
{
	struct cv_text out;

	cv_text_init(&out, user->pool);
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '%')
			append_variable(&out, *++p, owner);
		else
			cv_text_append_c(&out, *p);
	}
	return cv_text_str(&out);
}

struct remote *remote_get(struct cv_user *user,
			  const struct shared_prefix *prefix,
			  struct cv_span owner)
{
	struct remote *remote;
	uint32_t count = 0;

	for (remote = user->remotes; remote != NULL; remote = remote->next) {
		if (remote->of == prefix &&
		    cv_span_equal(cv_span_of(remote->owner), owner))
			return remote;
		count++;
	}
	if (count >= REMOTES_MAX || !is_owner_name(owner) ||
	    cv_span_equal(owner, cv_span_of(user->name)))
		return NULL;
	remote = pool_new(user->pool, struct remote);
	remote->user = user;
	remote->of = prefix;
	remote->owner = pool_copy(user->pool, owner.data, owner.len);
	remote->channel = -1;
	remote->bell = -1;
	remote->ns = prefix->ns;
	remote->ns.remote = remote;
	remote->ns.prefix = prefix_of(user, prefix->pattern, owner);
	/* whether there is something to see says who may see it */
	remote->ns.listed_children = true;
	remote->next = user->remotes;
	user->remotes = remote;
	return remote;
}

/* With the owner's name in the place of variables; false: there are others. */
static bool location_of(const struct remote *remote, struct cv_span text,
			struct cv_text *out)
{
	const char *end = text.data + text.len;

	for (const char *p = text.data; p < end; p++) {
		if (*p != '%')
			cv_text_append_c(out, *p);
		else if (++p < end && strchr("und", *p) != NULL)
			append_variable(out, *p, cv_span_of(remote->owner));
		else
			return false;
	}
	return true;
}

const struct mail_location *remote_location(struct remote *remote)
{
	struct cv_span rest = cv_span_of(remote->of->location), part;
	struct cv_user *user = remote->user;
	struct mail_location *l;
	struct cv_text text;
	bool has_place = false;

	if (remote->located)
		return remote->location;
	remote->located = true;
	cv_text_init(&text, user->pool);
	/* the driver, and options; the path itself is not looked at */
	if (!cv_span_split(&rest, ':', &part) || part.len == 0)
		return NULL;
	cv_text_append_span(&text, part);
	cv_text_append_str(&text, ":/");
	(void)cv_span_split(&rest, ':', &part);
	while (rest.data != NULL && cv_span_split(&rest, ':', &part)) {
		bool place = cv_span_begins(part, CV_SPAN("INDEXPVT="));

		if (!place && !cv_span_begins(part, CV_SPAN("LAYOUT=")) &&
		    !cv_span_is(part, "UTF-8"))
			continue;
		cv_text_append_c(&text, ':');
		if (!location_of(remote, part, &text))
			return NULL;
		has_place = has_place || place;
	}
	l = pool_new(user->pool, struct mail_location);
	if (has_place &&
	    mail_location_parse(user, cv_text_str(&text), l, NULL) == CV_OK)
		remote->location = l;
	return remote->location;
}

/* Takes the values of the variables out of a name; the values go up to the
 * next separator or to what follows in the pattern. */
static bool match_prefix(const struct shared_prefix *prefix,
			 const char *name, struct cv_span values[3])
{
	const char *p = prefix->pattern;

	values[0] = values[1] = values[2] = CV_SPAN_NONE;
	while (*p != '\0') {
		char variable, end[3];
		size_t len;

		if (*p != '%') {
			if (*p++ != *name++)
				return false;
			continue;
		}
		variable = p[1];
		p += 2;
		end[0] = prefix->ns.separator;
		end[1] = *p == '%' ? '\0' : *p;
		end[2] = '\0';
		len = strcspn(name, end);
		if (len == 0)
			return false;
		values[variable == 'u' ? 0 : variable == 'n' ? 1 : 2] =
			cv_span(name, len);
		name += len;
	}
	return true;
}

static struct remote *remote_of_values(struct cv_user *user,
				       const struct shared_prefix *prefix,
				       const struct cv_span values[3])
{
	const char *domain = strchr(user->name, '@');
	struct cv_text owner;

	if (values[0].data != NULL)
		return remote_get(user, prefix, values[0]);
	cv_text_init(&owner, user->pool);
	cv_text_append_span(&owner, values[1]);
	if (values[2].data != NULL)
		cv_text_append_f(&owner, "@%.*s", CV_SPAN_ARG(values[2]));
	else if (domain != NULL)
		cv_text_append_str(&owner, domain);
	return remote_get(user, prefix, cv_text_span(&owner));
}

struct remote *remote_find(struct cv_user *user, const char *name)
{
	for (const struct shared_prefix *prefix = user->shared;
	     prefix != NULL; prefix = prefix->next) {
		struct cv_span values[3];

		if (match_prefix(prefix, name, values))
			return remote_of_values(user, prefix, values);
	}
	return NULL;
}

const char *remote_name(const struct remote *remote, const char *name,
			struct cv_pool *pool)
{
	return mailbox_name_store(&remote->ns,
				  name + strlen(remote->ns.prefix), pool);
}

/* --- whom we know ------------------------------------------------------------------ */

/* Those who say so themselves. */
static void meet_sharers(struct cv_user *user,
			 const struct shared_prefix *prefix)
{
	struct acl_who who = { .user = user->name,
		.groups = user->mail.acl_groups };
	struct cv_error err = ERROR_NONE;
	struct cv_strings owners;
	struct cv_pool *pool;

	if (user->shared_dict == NULL)
		return;
	pool = pool_create("sharers");
	if (acl_shared_find(user->io, user->shared_dict, &who, pool, &owners,
			    &err) < 0) {
		log_error("acl", "%s", err.text);
		owners.count = 0;
	}
	for (uint32_t i = 0; i < owners.count; i++)
		(void)remote_get(user, prefix, cv_span_of(owners.items[i]));
	pool_destroy(&pool);
}

int remote_meet(struct cv_user *user, const struct shared_prefix *prefix,
		struct cv_error *err)
{
	struct store *store = mailbox_own_store(user);
	struct cv_span key, value;
	size_t at = 0;
	int ret = store_open(store, err);

	if (ret == CV_OK)
		ret = account_refresh(store->account, err);
	if (ret < 0)
		return ret;
	while (account_metadata_next(store->account, NULL, &at, &key,
				     &value)) {
		struct remote *remote;

		if (!cv_span_begins(key, owner_key))
			continue;
		remote = remote_get(user, prefix,
				    cv_span_skip(key, owner_key.len));
		if (remote != NULL)
			remote->remembered = true;
	}
	meet_sharers(user, prefix);
	return CV_OK;
}

void remote_name_owner(struct cv_user *user,
		       const struct shared_prefix *prefix,
		       const char *pattern)
{
	struct cv_span values[3];

	if (!match_prefix(prefix, pattern, values))
		return;
	for (int i = 0; i < 3; i++) {
		for (size_t k = 0; k < values[i].len; k++) {
			if (values[i].data[k] == '*' ||
			    values[i].data[k] == '%')
				return;
		}
	}
	(void)remote_of_values(user, prefix, values);
}

void remote_remember(struct remote *remote)
{
	struct store *store = mailbox_own_store(remote->user);
	struct account_txn *txn;
	const char *key;

	if (remote->remembered || store_open(store, NULL) < 0)
		return;
	remote->remembered = true;
	key = pool_printf(remote->user->pool, "%s%s", owner_key.data,
			  remote->owner);
	if (store_begin(store, &txn, NULL) < 0)
		return;
	/* no answer depends on it */
	if (txn_metadata(txn, NULL, cv_span_of(key), CV_SPAN("1"),
			 NULL) < 0)
		account_rollback(&txn);
	else
		(void)account_commit(&txn, ACCOUNT_HINT, NULL);
}
