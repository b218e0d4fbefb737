/* mailbox-list.c - LIST and LSUB over all namespaces.
 *
 * All names of a namespace are put into one sorted array in which the
 * children of a name follow it, so that every question about descendants is
 * answered in one pass from the end. */
#include "mailbox-remote.h"
#include "list-match.h"

#include <stdlib.h>

enum node_flag {
	NODE_EXISTS = 1, NODE_SUBSCRIBED = 2, NODE_INBOX = 4,
	NODE_CHILDREN = 8,		/* has some */
	NODE_MATCHES = 16,		/* one of the patterns */
	NODE_MATCHES_BELOW = 32,	/* a pattern may match below it */
	NODE_SUB_BELOW = 64,		/* a subscribed descendant */
	NODE_USE_BELOW = 128,		/* a special-use descendant */
	NODE_HIDDEN_SUB_BELOW = 256,	/* a subscribed descendant that does
					 * not match by itself */
	NODE_HIDDEN_USE_BELOW = 512,
	NODE_PREFIX = 1024,		/* a namespace's, shown as a level */
};

struct node {
	const char *name;		/* as the client sees it */
	size_t len;
	uint32_t flags, use;
	uint32_t parent;		/* index + 1 */
};

struct cv_list {
	struct cv_pool *pool;
	struct cv_user *user;
	uint32_t options;
	const char **patterns;
	uint32_t pattern_count;
	bool has_percent;		/* one of the patterns */
	ARRAY(struct cv_list_entry) entries;
	size_t next;
	struct cv_error failure;	/* of a namespace; the first */
};

struct node_set {
	struct cv_pool *pool;
	char separator;
	struct hash_table by_name;
	ARRAY(struct node *) nodes;
};

static struct node *node_get(struct node_set *set, const char *name,
			     size_t len)
{
	struct node *node = hash_find(&set->by_name, cv_span(name, len));

	if (node != NULL)
		return node;
	node = pool_new(set->pool, struct node);
	node->name = pool_copy(set->pool, name, len);
	node->len = len;
	hash_set(&set->by_name, cv_span(node->name, len), node);
	*array_add(&set->nodes) = node;
	return node;
}

/* The name and all levels above it. */
static struct node *node_add(struct node_set *set, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 1; i + 1 < len; i++) {
		if (name[i] == set->separator)
			(void)node_get(set, name, i);
	}
	return node_get(set, name, len);
}

/* The separator sorts before everything else: children follow. */
static int compare_nodes(const void *a, const void *b, void *context)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;
	const char separator = *(const char *)context;
	size_t i = 0;
	int cx, cy;

	while (i < x->len && i < y->len && x->name[i] == y->name[i])
		i++;
	cx = i == x->len ? -1 : x->name[i] == separator ? 0 :
		(unsigned char)x->name[i] + 1;
	cy = i == y->len ? -1 : y->name[i] == separator ? 0 :
		(unsigned char)y->name[i] + 1;
	return cx - cy;
}

static bool is_below(const struct node *child, const struct node *parent,
		     char separator)
{
	return child->len > parent->len + 1 &&
		child->name[parent->len] == separator &&
		memcmp(child->name, parent->name, parent->len) == 0;
}

/* --- what there is -------------------------------------------------------------- */

static int add_folders(struct cv_user *user, struct node_set *set,
		       const struct namespace *ns, struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0;
	int ret = CV_OK;

	while (ret == CV_OK && (folder = account_folder_next(ns->store->account,
					     &at)) != NULL) {
		const struct mailbox_config *config;
		const char *name;
		struct node *node;

		ret = spare_memory_check(0, err);
		/* a store that also serves another namespace's inbox */
		if (folder->deleted || (!ns->inbox &&
					strcmp(folder->name, "INBOX") == 0) ||
		    mailbox_permit(mailbox_rights(user, ns, folder),
				   MAILBOX_OP_LIST, folder->name, NULL) < 0)
			continue;
		name = mailbox_name_show(ns, folder->name, set->pool);
		if (name == NULL)
			continue;
		node = node_add(set, name);
		node->flags |= NODE_EXISTS;
		node->use |= (folder->attributes & 0xff00) <<
			MAILBOX_USE_SHIFT;
		config = mailbox_config_find(ns, folder->name);
		if (config != NULL)
			node->use |= config->use;
		if (strcmp(folder->name, "INBOX") == 0)
			node->flags |= NODE_INBOX;
	}
	for (uint32_t i = 0; i < ns->mailbox_count; i++) {
		const struct mailbox_config *config = &ns->mailboxes[i];
		const char *name;
		struct node *node;

		/* a pattern is for those that are there */
		if (user->accessor != NULL ||
		    user->inspect == USER_INSPECT_RECORD ||
		    config->auto_create == MAILBOX_AUTO_NO ||
		    strpbrk(config->name, "*%") != NULL)
			continue;
		name = mailbox_name_show(ns, config->name, set->pool);
		/* a store may have none but INBOX */
		if (name == NULL || ns->store->driver->name_check(
				ns->store->root, cv_span_of(config->name),
				NULL) < 0)
			continue;
		node = node_add(set, name);
		node->use |= config->use;
		if (!(node->flags & NODE_EXISTS) &&
		    config->auto_create == MAILBOX_AUTO_SUBSCRIBE)
			node->flags |= NODE_SUBSCRIBED;
		node->flags |= NODE_EXISTS;
	}
	return ret;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* With an alias for a namespace one file has the subscriptions of both names:
 * does this one mean a mailbox of another store, whose namespace keeps its
 * subscriptions by the alias, and none of the namespace itself? */
static bool is_by_alias(struct cv_user *user, const struct namespace *ns,
			const char *stored, struct cv_pool *pool)
{
	if (account_folder_find(ns->store->account, cv_span_of(stored)) != NULL)
		return false;
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		const struct namespace *alias = &user->namespaces[i], *owner;
		const char *name;

		if (alias == ns || alias->store != ns->store ||
		    !alias->subscriptions)
			continue;
		name = mailbox_name_show(alias, stored, pool);
		owner = name == NULL ? NULL :
			mailbox_namespace_find(user, name);
		if (owner != NULL && owner->store != ns->store &&
		    !owner->subscriptions)
			return true;
	}
	return false;
}

/* Subscriptions of this namespace, or of those that keep theirs in another
 * one. */
static int add_subscriptions(struct cv_user *user, struct node_set *set,
			     const struct namespace *ns, struct cv_error *err)
{
	for (uint32_t i = 0; i < user->namespace_count; i++) {
		const struct namespace *keeper = &user->namespaces[i];
		const char *name, *stored;
		size_t at = 0;
		int ret;

		if (!keeper->subscriptions ||
		    (keeper != ns && ((ns->subscriptions &&
				       ns->remote == NULL) ||
				      !has_prefix(ns->prefix,
						  keeper->prefix))))
			continue;
		ret = store_open(keeper->store, err);
		if (ret == CV_OK)
			ret = store_subscriptions_refresh(keeper->store, err);
		if (ret < 0)
			return ret;
		while ((stored = account_subscription_next(
				keeper->store->account, &at)) != NULL) {
			name = mailbox_name_show(keeper, stored, set->pool);
			/* each name belongs to one namespace */
			if (name != NULL &&
			    mailbox_namespace_find(user, name) == ns &&
			    (keeper != ns ||
			     !is_by_alias(user, ns, stored, set->pool)))
				node_add(set, name)->flags |=
					NODE_SUBSCRIBED;
		}
	}
	return CV_OK;
}

/* --- what is asked for ------------------------------------------------------------ */

/* May the pattern match a name of the namespace, its prefix, or a level above
 * that?  INBOX has no case, so the prefix is taken without any. */
static bool may_match(const char *pattern, const struct namespace *ns)
{
	size_t fixed = strcspn(pattern, "*%"), len = strlen(ns->prefix);

	if (strncasecmp(pattern, ns->prefix, fixed < len ? fixed : len) != 0)
		return false;
	return pattern[fixed] != '\0' || fixed >= len ||
		ns->prefix[fixed] == ns->separator;
}

/* A namespace whose names no pattern can match is not opened: it may be one
 * that is broken, or slow.  One that is not listed can be asked for by its
 * prefix. */
static bool is_wanted(const struct cv_list *list, const struct namespace *ns)
{
	if ((list->options & CV_LIST_PRIVATE) && !ns->inbox &&
	    ns->type != CV_NAMESPACE_PRIVATE)
		return false;
	/* INBOX stands there without the prefix */
	if (ns->listed && (ns->inbox || ns->prefix[0] == '\0'))
		return true;
	for (uint32_t i = 0; ns->listed && i < list->pattern_count; i++) {
		if (may_match(list->patterns[i], ns))
			return true;
	}
	if (ns->listed)
		return false;
	for (uint32_t i = 0; i < list->pattern_count; i++) {
		if (ns->prefix[0] != '\0' &&
		    has_prefix(list->patterns[i], ns->prefix))
			return true;
	}
	return false;
}

static void match_nodes(struct cv_list *list, struct node_set *set)
{
	for (size_t i = 0; i < set->nodes.count; i++) {
		struct node *node = set->nodes.items[i];
		bool inbox = strncasecmp(node->name, "INBOX", 5) == 0 &&
			(node->len == 5 || node->name[5] == set->separator);

		for (uint32_t p = 0; p < list->pattern_count; p++) {
			uint32_t m = list_match(
				cv_span_of(list->patterns[p]),
				cv_span(node->name, node->len),
				set->separator, inbox);

			if (m & LIST_MATCH_YES)
				node->flags |= NODE_MATCHES;
			if (m & LIST_MATCH_CHILDREN)
				node->flags |= NODE_MATCHES_BELOW;
		}
	}
}

/* From the end: what each name has below it. */
static void link_nodes(struct node_set *set)
{
	ARRAY(struct node *) above;

	array_init(&above, set->pool);
	for (size_t i = 0; i < set->nodes.count; i++) {
		struct node *node = set->nodes.items[i];

		while (above.count > 0 &&
		       !is_below(node, above.items[above.count - 1],
				 set->separator))
			above.count--;
		for (size_t k = 0; k < above.count; k++) {
			struct node *up = above.items[k];

			/* [RFC5258 5] one that is only subscribed is no
			 * child */
			if (node->flags & NODE_EXISTS)
				up->flags |= NODE_CHILDREN;
			if (node->flags & NODE_SUBSCRIBED) {
				up->flags |= NODE_SUB_BELOW;
				if (!(node->flags & NODE_MATCHES))
					up->flags |= NODE_HIDDEN_SUB_BELOW;
			}
			if (node->use != 0) {
				up->flags |= NODE_USE_BELOW;
				if (!(node->flags & NODE_MATCHES))
					up->flags |= NODE_HIDDEN_USE_BELOW;
			}
		}
		*array_add(&above) = node;
	}
}

static uint32_t node_attributes(const struct cv_list *list,
				const struct node *node)
{
	uint32_t attributes = node->use;

	if (!(node->flags & NODE_EXISTS))
		attributes |= CV_MAILBOX_NONEXISTENT | CV_MAILBOX_NOSELECT;
	attributes |= node->flags & NODE_CHILDREN ?
		CV_MAILBOX_HASCHILDREN : CV_MAILBOX_HASNOCHILDREN;
	if ((node->flags & NODE_SUBSCRIBED) &&
	    (list->options & (CV_LIST_SUBSCRIBED |
			      CV_LIST_RETURN_SUBSCRIBED | CV_LIST_LSUB)))
		attributes |= CV_MAILBOX_SUBSCRIBED;
	return attributes;
}

/* False: the name is not part of the answer. */
static bool select_node(const struct cv_list *list, const struct node *node,
			uint32_t *attributes_r)
{
	uint32_t attributes = node_attributes(list, node);
	bool wanted = true, below = false;

	if (!(node->flags & NODE_MATCHES))
		return false;
	if (list->options & CV_LIST_LSUB) {
		/* [RFC3501 6.3.9] with '%' a parent stands for subscribed
		 * children that do not match */
		*attributes_r = attributes;
		if (node->flags & NODE_SUBSCRIBED)
			return true;
		*attributes_r |= CV_MAILBOX_NOSELECT;
		return list->has_percent &&
			(node->flags & NODE_HIDDEN_SUB_BELOW) != 0;
	}
	if (list->options & CV_LIST_SUBSCRIBED) {
		wanted = (node->flags & NODE_SUBSCRIBED) != 0;
		below = (node->flags & NODE_HIDDEN_SUB_BELOW) != 0;
	}
	if (list->options & CV_LIST_SPECIAL_USE) {
		wanted = wanted && node->use != 0;
		below = below || (node->flags & NODE_HIDDEN_USE_BELOW) != 0;
	}
	if (!(list->options & (CV_LIST_SUBSCRIBED | CV_LIST_SPECIAL_USE)))
		wanted = (node->flags & (NODE_EXISTS | NODE_CHILDREN |
					 NODE_PREFIX)) != 0;
	/* [RFC5258 3.5] CHILDINFO */
	if ((list->options & CV_LIST_RECURSIVE_MATCH) && below) {
		attributes |= CV_MAILBOX_CHILD_MATCHES;
		if (list->options & CV_LIST_SUBSCRIBED)
			attributes |= CV_MAILBOX_CHILD_SUBSCRIBED;
		wanted = true;
	}
	*attributes_r = attributes;
	return wanted;
}

static void take_nodes(struct cv_list *list, struct node_set *set,
		       bool inbox_only)
{
	for (size_t i = 0; i < set->nodes.count; i++) {
		const struct node *node = set->nodes.items[i];
		struct cv_list_entry *entry;
		uint32_t attributes;

		if (((node->flags & NODE_INBOX) != 0) != inbox_only ||
		    !select_node(list, node, &attributes))
			continue;
		entry = array_add(&list->entries);
		*entry = (struct cv_list_entry){
			CV_SIZED(cv_list_entry), .name = node->name,
			.separator = set->separator,
			.attributes = attributes,
		};
	}
}

static void finish_list(struct cv_list *list, struct node_set *set)
{
	if (set->nodes.count > 1)
		qsort_r(set->nodes.items, set->nodes.count,
			sizeof(*set->nodes.items), compare_nodes,
			&set->separator);
	match_nodes(list, set);
}

static void take_list(struct cv_list *list, struct node_set *set)
{
	link_nodes(set);
	take_nodes(list, set, true);
	take_nodes(list, set, false);
}

static bool wants_subscribed(const struct cv_list *list)
{
	return list->options & (CV_LIST_SUBSCRIBED |
				CV_LIST_RETURN_SUBSCRIBED | CV_LIST_LSUB);
}

/* Is there a namespace below ns that is shown? */
static bool has_prefix_below(const struct cv_user *u,
			     const struct namespace *ns)
{
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *other = &u->namespaces[i];

		if (other != ns && (other->listed || other->listed_children) &&
		    cv_span_begins(cv_span_of(other->prefix),
				   cv_span_of(ns->prefix)) &&
		    strlen(other->prefix) > strlen(ns->prefix))
			return true;
	}
	return false;
}

static int list_namespace(struct cv_list *list, const struct namespace *ns,
			  struct cv_error *err)
{
	struct node_set set = { .pool = list->pool,
				.separator = ns->separator };
	struct node *prefix_node = NULL;
	int ret = store_open(ns->store, err);

	if (ret == CV_OK)
		ret = account_refresh(ns->store->account, err);
	if (ret >= 0)
		ret = store_folders_refresh(ns->store, false, err);
	if (ret < 0)
		return ret;
	hash_init(&set.by_name, list->pool, false);
	array_init(&set.nodes, list->pool);
	ret = add_folders(list->user, &set, ns, err);
	if (ret == CV_OK && wants_subscribed(list))
		ret = add_subscriptions(list->user, &set, ns, err);
	if (ret < 0)
		return ret;
	/* the prefix itself is a level; one without mailboxes too, unless
	 * list = children */
	if (ns->prefix[0] != '\0' &&
	    (set.nodes.count > 0 || !ns->listed_children)) {
		char *prefix = pool_strdup(list->pool, ns->prefix);

		prefix[strlen(prefix) - 1] = '\0';
		prefix_node = node_add(&set, prefix);
		if (!(list->options & (CV_LIST_SUBSCRIBED | CV_LIST_LSUB)))
			prefix_node->flags |= NODE_PREFIX;
		if (has_prefix_below(list->user, ns))
			prefix_node->flags |= NODE_CHILDREN;
	}
	finish_list(list, &set);
	/* but the prefix alone is never shown then */
	if (!ns->listed && prefix_node != NULL)
		prefix_node->flags &= ~(uint32_t)NODE_MATCHES;
	take_list(list, &set);
	return CV_OK;
}

/* --- what others share ------------------------------------------------------------ */

/* Nothing is said of who shares nothing, or cannot be reached now. */
static void add_shared(struct cv_list *list, struct node_set *set,
		       struct remote *remote)
{
	struct cv_error err = ERROR_NONE;
	struct remote_reader in;
	uint32_t found = 0;
	int ret = remote_list(remote, list->pool, &in, &err);

	if (ret < 0 && ret != CV_E_NOT_FOUND && ret != CV_E_DENIED)
		log_warning("mail", "mailboxes of '%s' are not listed: %s",
			    remote->owner, err.text);
	while (ret == CV_OK && !in.failed && in.rest.len > 0) {
		const char *stored = remote_get_str(&in, REMOTE_NAME_MAX);
		const char *name = mailbox_name_show(&remote->ns, stored,
						     list->pool);

		/* what is the owner's Trash is not the reader's */
		(void)remote_get_u32(&in);
		(void)remote_get_span(&in, 16);
		if (in.failed || *stored == '\0' || name == NULL)
			continue;
		node_add(set, name)->flags |= NODE_EXISTS;
		found++;
	}
	if (found > 0)
		remote_remember(remote);
}

static int list_shared(struct cv_list *list,
		       const struct shared_prefix *prefix,
		       struct cv_error *err)
{
	struct node_set set = { .pool = list->pool,
				.separator = prefix->ns.separator };
	int ret = remote_meet(list->user, prefix, err);

	for (uint32_t i = 0; i < list->pattern_count; i++)
		remote_name_owner(list->user, prefix, list->patterns[i]);
	hash_init(&set.by_name, list->pool, false);
	array_init(&set.nodes, list->pool);
	for (struct remote *r = list->user->remotes; r != NULL && ret >= 0;
	     r = r->next) {
		if (r->of != prefix)
			continue;
		add_shared(list, &set, r);
		if (wants_subscribed(list))
			ret = add_subscriptions(list->user, &set, &r->ns,
						err);
	}
	if (ret < 0 || set.nodes.count == 0)
		return ret;
	finish_list(list, &set);
	take_list(list, &set);
	return CV_OK;
}

/* Whether some pattern may match names that begin so: else no broker is asked
 * for them. */
static bool is_shared_wanted(const struct cv_list *list,
			     const struct shared_prefix *prefix)
{
	if (list->options & CV_LIST_PRIVATE)
		return false;
	for (uint32_t i = 0; i < list->pattern_count; i++) {
		const char *pattern = list->patterns[i];
		size_t fixed = strcspn(pattern, "*%");
		size_t len = strlen(prefix->fixed);

		if (strncmp(pattern, prefix->fixed,
			    fixed < len ? fixed : len) == 0 &&
		    (prefix->ns.listed || fixed >= len))
			return pattern[fixed] != '\0' || fixed > len;
	}
	return false;
}

/* A namespace that cannot be read hides no other: what there is of them is
 * listed, and then it is said that this is not all. */
static void note_failure(struct cv_list *list, int ret, const char *prefix,
			 const struct cv_error *err)
{
	if (ret >= 0 || list->failure.code != CV_OK)
		return;
	list->failure = *err;
	if (*prefix != '\0')
		error_prefix(&list->failure, "namespace '%s'", prefix);
}

/* A level that several namespaces stand below is told once: as the mailbox
 * that it is in one of them, if any. */
static void drop_doubled(struct cv_list *list)
{
	struct hash_table by_name;
	size_t kept = 0;

	hash_init(&by_name, list->pool, false);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < list->entries.count; i++) {
			struct cv_list_entry *e = &list->entries.items[i];
			bool level = e->attributes & CV_MAILBOX_NONEXISTENT;
			struct cv_span name = cv_span_of(e->name);

			if (level == (pass == 1) &&
			    hash_find(&by_name, name) == NULL)
				hash_set(&by_name, name, e);
		}
	}
	for (size_t i = 0; i < list->entries.count; i++) {
		struct cv_list_entry *e = &list->entries.items[i];
		struct cv_list_entry *first = hash_find(&by_name,
							cv_span_of(e->name));

		if (first == e || !(e->attributes & CV_MAILBOX_NONEXISTENT))
			continue;
		if (e->attributes & CV_MAILBOX_HASCHILDREN) {
			first->attributes |= CV_MAILBOX_HASCHILDREN;
			first->attributes &=
				~(uint32_t)CV_MAILBOX_HASNOCHILDREN;
		}
		e->name = NULL;
	}
	for (size_t i = 0; i < list->entries.count; i++) {
		if (list->entries.items[i].name != NULL)
			list->entries.items[kept++] = list->entries.items[i];
	}
	list->entries.count = kept;
}

/* --- the iteration ---------------------------------------------------------------- */

int mailbox_list_begin(struct cv_user *u, const struct cv_list_query *query,
		       struct cv_list **list_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("list");
	struct cv_list *list = pool_new(pool, struct cv_list);

	(void)err;
	list->pool = pool;
	list->user = u;
	list->options = query->options;
	array_init(&list->entries, pool);
	list->patterns = pool_new_array(pool, const char *,
					query->pattern_count + 1);
	list->pattern_count = query->pattern_count;
	for (uint32_t i = 0; i < query->pattern_count; i++) {
		list->patterns[i] = pool_printf(
			pool, "%s%s",
			query->reference == NULL ? "" : query->reference,
			query->patterns[i]);
		list->has_percent |= strchr(list->patterns[i], '%') != NULL;
	}
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		struct cv_error failed = ERROR_NONE;

		if (is_wanted(list, &u->namespaces[i]))
			note_failure(list, list_namespace(
					     list, &u->namespaces[i],
					     &failed),
				     u->namespaces[i].prefix, &failed);
	}
	for (const struct shared_prefix *p = u->shared; p != NULL;
	     p = p->next) {
		struct cv_error failed = ERROR_NONE;

		if (is_shared_wanted(list, p))
			note_failure(list, list_shared(list, p, &failed),
				     p->fixed, &failed);
	}
	drop_doubled(list);
	*list_r = list;
	return CV_OK;
}

int mailbox_list_next(struct cv_list *list, struct cv_list_entry *entry_r,
		      struct cv_error *err)
{
	const struct cv_list_entry *entry;

	if (list->next >= list->entries.count) {
		if (list->failure.code == CV_OK)
			return CV_NOT_FOUND;
		if (err != NULL)
			*err = list->failure;
		return list->failure.code;
	}
	entry = &list->entries.items[list->next++];
	entry_r->name = entry->name;
	entry_r->separator = entry->separator;
	entry_r->attributes = entry->attributes;
	return CV_OK;
}

void mailbox_list_end(struct cv_list **list)
{
	struct cv_pool *pool;

	if (*list == NULL)
		return;
	pool = (*list)->pool;
	*list = NULL;
	pool_destroy(&pool);
}
