/* auth-ids.c - names of system users and groups become numbers. */
#include "auth-ids.h"
#include "ipc/user-message.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

enum { LAST_ID_MSECS = 10000 };

/* Where all users have one uid, the name that a static userdb gives is always
 * the same, and nobody need be asked for each of them. */
struct last_id {
	char name[64];
	uint32_t id;
	uint64_t until;		/* monotonic milliseconds */
};
static struct last_id last_uid, last_gid;

static void last_id_set(struct last_id *last, const char *name, uint32_t id)
{
	if (strlen(name) >= sizeof(last->name))
		return;
	(void)snprintf(last->name, sizeof(last->name), "%s", name);
	last->id = id;
	last->until = time_monotonic_msecs() + LAST_ID_MSECS;
}

static bool is_number(const char *text, uint32_t *id_r)
{
	uint64_t value;

	*id_r = AUTH_NO_ID;
	if (text[0] == '\0')
		return true;
	if (!cv_span_to_u64(cv_span_of(text), UINT32_MAX - 1, &value))
		return false;
	*id_r = (uint32_t)value;
	return true;
}

static bool is_known(const struct last_id *last, const char *name,
		     uint32_t *id_r)
{
	if (is_number(name, id_r))
		return true;
	if (last->until <= time_monotonic_msecs() ||
	    strcmp(last->name, name) != 0)
		return false;
	*id_r = last->id;
	return true;
}

bool auth_ids_known(const struct auth_id_names *names, struct auth_ids *ids_r)
{
	*ids_r = (struct auth_ids){ .uid = AUTH_NO_ID, .gid = AUTH_NO_ID };
	return names->groups_of[0] == '\0' &&
		is_known(&last_uid, names->uid, &ids_r->uid) &&
		is_known(&last_gid, names->gid, &ids_r->gid);
}

/* --- in the worker ------------------------------------------------------------ */

static int find_uid(const char *name, uint32_t *id_r, struct cv_error *err)
{
	const struct passwd *pw;

	if (is_number(name, id_r))
		return CV_OK;
	if ((pw = getpwnam(name)) == NULL)
		return FAIL(err, CV_E_CONFIG, "userdb: no user '%s' on this "
			    "system for uid", name);
	*id_r = pw->pw_uid;
	return CV_OK;
}

static int find_gid(const char *name, uint32_t *id_r, struct cv_error *err)
{
	const struct group *gr;

	if (is_number(name, id_r))
		return CV_OK;
	if ((gr = getgrnam(name)) == NULL)
		return FAIL(err, CV_E_CONFIG, "userdb: no group '%s' on this "
			    "system for gid", name);
	*id_r = gr->gr_gid;
	return CV_OK;
}

static int find_groups(const char *user, uint32_t gid,
		       struct cv_auth_reply *reply, struct cv_error *err)
{
	gid_t gids[USER_GROUPS_MAX];
	int count = USER_GROUPS_MAX;
	struct cv_text list;

	cv_text_init(&list, reply->pool);
	if (getgrouplist(user, gid == AUTH_NO_ID ? 0 : gid, gids, &count) < 0)
		return FAIL(err, CV_E_LIMIT, "userdb: system user '%s' is in "
			    "more than %d groups", user, USER_GROUPS_MAX);
	for (int i = 0; i < count; i++) {
		/* the place holder of a missing gid is no group of theirs */
		if (gid == AUTH_NO_ID && gids[i] == 0)
			continue;
		if (list.len > 0)
			cv_text_append_c(&list, ',');
		cv_text_append_u64(&list, gids[i]);
	}
	if (!auth_reply_set(reply, CV_SPAN("groups"), cv_text_span(&list)))
		return FAIL(err, CV_E_LIMIT, "userdb: system user '%s' is in "
			    "too many groups", user);
	return CV_OK;
}

static void put_id(struct cv_auth_reply *reply, const char *name, uint32_t id)
{
	char text[16];

	if (id == AUTH_NO_ID)
		return;
	(void)snprintf(text, sizeof(text), "%u", id);
	(void)auth_reply_set_str(reply, name, text);
}

int auth_ids_lookup(const struct auth_id_names *names,
		    struct cv_auth_reply *reply, struct cv_error *err)
{
	uint32_t uid, gid;
	int ret = find_uid(names->uid, &uid, err);

	if (ret == CV_OK)
		ret = find_gid(names->gid, &gid, err);
	if (ret == CV_OK && names->groups_of[0] != '\0')
		ret = find_groups(names->groups_of, gid, reply, err);
	if (ret < 0)
		return ret;
	put_id(reply, "uid", uid);
	put_id(reply, "gid", gid);
	return CV_OK;
}

/* --- back in auth --------------------------------------------------------------- */

static bool take_id(const struct cv_auth_reply *reply, const char *field,
		    const char *name, struct last_id *last, uint32_t *id_r)
{
	const char *text = auth_reply_get(reply, field);
	uint32_t known;

	if (!is_number(text == NULL ? "" : text, id_r) ||
	    (*id_r == AUTH_NO_ID) != (name[0] == '\0'))
		return false;
	if (!is_number(name, &known))
		last_id_set(last, name, *id_r);
	return true;
}

static bool take_groups(const struct cv_auth_reply *reply,
			struct cv_pool *pool, struct auth_ids *ids)
{
	const char *text = auth_reply_get(reply, "groups");
	struct cv_span rest = cv_span_of(text == NULL ? "" : text), word;
	uint32_t *groups;
	uint64_t id;

	if (rest.len == 0)
		return true;
	groups = pool_new_array(pool, uint32_t, USER_GROUPS_MAX);
	while (cv_span_split(&rest, ',', &word)) {
		if (ids->group_count == USER_GROUPS_MAX ||
		    !cv_span_to_u64(word, UINT32_MAX - 1, &id))
			return false;
		groups[ids->group_count++] = (uint32_t)id;
	}
	ids->groups = groups;
	return true;
}

int auth_ids_take(const struct auth_id_names *names,
		  const struct cv_auth_reply *reply, struct cv_pool *pool,
		  struct auth_ids *ids_r, struct cv_error *err)
{
	*ids_r = (struct auth_ids){ .uid = AUTH_NO_ID };
	if (!take_id(reply, "uid", names->uid, &last_uid, &ids_r->uid) ||
	    !take_id(reply, "gid", names->gid, &last_gid, &ids_r->gid) ||
	    !take_groups(reply, pool, ids_r))
		return FAIL(err, CV_E_SYNTAX, "auth-worker answered with no "
			    "numbers for uid and gid");
	return CV_OK;
}
