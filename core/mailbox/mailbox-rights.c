/* mailbox-rights.c - rights as plugins and clients see them: letters and
 * identifiers [RFC4314]. */
#include "mailbox-remote.h"
#include "mailbox-route.h"

static const char *rights_text(struct cv_pool *pool, uint32_t rights)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	acl_rights_format(&text, rights, true);
	return cv_text_str(&text);
}

/* Whose mailbox it is, when there is such a one; NULL: nobody's, or this is a
 * broker, whose client adds the owner itself. */
static const char *owner_of(struct cv_user *u, const char *name)
{
	const struct remote *remote = remote_find(u, name);
	const struct namespace *ns;

	if (remote != NULL)
		return remote->owner;
	ns = mailbox_namespace_find(u, name);
	return ns != NULL && ns->type == CV_NAMESPACE_PRIVATE &&
		u->accessor == NULL ? u->name : NULL;
}

/* An owner has all rights though no list says so: a client that shows who may
 * do what would leave out the one who may do most, as with Dovecot. */
static bool shows_owner(const char *owner, const struct acl *acl)
{
	if (owner == NULL)
		return false;
	for (size_t i = 0; i < acl->count; i++) {
		const struct acl_entry *e = &acl->entries[i];

		if (!e->negative &&
		    (e->kind == ACL_OWNER || (e->kind == ACL_USER &&
					      strcmp(e->name, owner) == 0)))
			return false;
	}
	return true;
}

/* Another's groups are not known here: what the list takes from them does not
 * show. */
static int owner_rights(struct cv_user *u, const char *name,
			const char *owner, const struct acl *acl,
			uint32_t *rights_r)
{
	const struct acl_who who = { .user = owner, .owner = true };

	if (remote_find(u, name) == NULL)
		return mailbox_my_rights(u, name, rights_r, NULL);
	*rights_r = acl_rights(acl, &who) | ACL_LOOKUP | ACL_ADMIN;
	return CV_OK;
}

int rights_acl_get(struct cv_user *u, const char *name, struct cv_pool *pool,
		   struct cv_acl_entry **entries_r, uint32_t *count_r,
		   struct cv_error *err)
{
	struct cv_acl_entry *entries;
	struct cv_text id;
	const char *owner = owner_of(u, name);
	uint32_t count = 0, rights;
	struct acl acl;
	int ret;

	acl_init(&acl, pool);
	ret = route_acl_get(u, name, &acl, err);
	if (ret < 0)
		return ret;
	entries = pool_new_array(pool, struct cv_acl_entry, acl.count + 1);
	if (shows_owner(owner, &acl) &&
	    owner_rights(u, name, owner, &acl, &rights) == CV_OK)
		entries[count++] = (struct cv_acl_entry){
			owner, rights_text(pool, rights) };
	for (size_t i = 0; i < acl.count; i++) {
		cv_text_init(&id, pool);
		acl_identifier_format(&id, &acl.entries[i], true);
		entries[count++] = (struct cv_acl_entry){
			cv_text_str(&id),
			rights_text(pool, acl.entries[i].rights) };
	}
	*entries_r = entries;
	*count_r = count;
	return CV_OK;
}

static int change(struct cv_user *u, const char *name,
		  struct cv_span identifier, struct cv_span rights,
		  enum acl_change how, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("rights");
	struct acl_entry entry;
	int ret = acl_identifier_parse(identifier, pool, &entry, err);

	if (ret == CV_OK)
		ret = acl_rights_parse(rights, &entry.rights, err);
	if (ret == CV_OK)
		ret = route_acl_change(u, name, &entry, how, err);
	pool_destroy(&pool);
	return ret;
}

int rights_acl_set(struct cv_user *u, const char *name,
		   struct cv_span identifier, uint32_t how,
		   struct cv_span rights, struct cv_error *err)
{
	return change(u, name, identifier, rights,
		      how == CV_ACL_ADD ? ACL_ADD :
		      how == CV_ACL_REMOVE ? ACL_TAKE : ACL_REPLACE, err);
}

int rights_acl_delete(struct cv_user *u, const char *name,
		      struct cv_span identifier, struct cv_error *err)
{
	return change(u, name, identifier, CV_SPAN(""), ACL_FORGET, err);
}

int rights_acl_required(struct cv_user *u, const char *name,
			struct cv_span identifier, struct cv_pool *pool,
			const char **rights_r, struct cv_error *err)
{
	struct acl_entry entry;
	struct acl acl;
	int ret = acl_identifier_parse(identifier, pool, &entry, err);

	acl_init(&acl, pool);
	/* [RFC4314 3.4] who may not administer it is not told */
	if (ret == CV_OK)
		ret = route_acl_get(u, name, &acl, err);
	if (ret < 0)
		return ret;
	/* an owner cannot shut himself out */
	*rights_r = rights_text(pool, entry.kind == ACL_OWNER &&
				!entry.negative ?
				ACL_LOOKUP | ACL_ADMIN : 0);
	return CV_OK;
}

int rights_mine(struct cv_user *u, const char *name, struct cv_pool *pool,
		const char **rights_r, struct cv_error *err)
{
	uint32_t rights;
	int ret = route_my_rights(u, name, &rights, err);

	if (ret == CV_OK)
		*rights_r = rights_text(pool, rights);
	return ret;
}
