/* route-login.c - a login: where the user is, or goes to now. */
#include "routes.h"

static struct route_known *known_of(struct routes *routes, const char *user)
{
	return &routes->users[route_hash(user, "") % ROUTES_KNOWN_USERS];
}

static void remember(struct routes *routes, const char *user,
		     const struct route_backend *b)
{
	struct route_known *k = known_of(routes, user);

	(void)snprintf(k->user, sizeof(k->user), "%s", user);
	(void)snprintf(k->backend, sizeof(k->backend), "%s", b->name);
	if (routes->away)
		cv_api->log(route_self, CV_LOG_INFO, "'%s': the database "
			    "answers again", routes->file.path);
	routes->away = false;
}

/* The last that was known: rather that than nobody's mail. */
static const struct route_backend *
last_known(struct routes *routes, const char *user, struct cv_error *err)
{
	const struct route_known *k = known_of(routes, user);
	const struct route_backend *b = NULL;

	if (!routes->away)
		cv_api->log(route_self, CV_LOG_ERROR, "'%s': %s: users go to "
			    "where they went last, or to where the backends "
			    "that were live send them", routes->file.path,
			    cv_api->error_text(err));
	routes->away = true;
	if (strcmp(k->user, user) == 0)
		b = routes_find(routes->backends, k->backend);
	return b != NULL ? b : routes_choose(routes, routes->backends, user);
}

/* Until the sessions that went elsewhere are gone, or the time of the move is
 * over: who has ordered it takes the mark away. */
static int wait_for_move(struct routes *routes, const char *user,
			 struct route_user *row, struct cv_error *err)
{
	int ret = CV_OK;

	while (ret == CV_OK && routes_is_moving(row)) {
		routes_pause(ROUTES_POLL_MSECS);
		ret = route_store_user(&routes->store, user, row, err);
	}
	return ret;
}

static const struct route_backend *
stays(const struct routes *routes, const struct route_user *row)
{
	const struct route_backend *b = routes_find(routes->backends,
						    row->backend);

	if (b == NULL || row->pinned)
		return b;
	return b->up && row->used + routes->file.user_expire >= routes_now() ?
		b : NULL;
}

/* Written now and then only: a login need not wait for a disk each time. */
static bool is_recent(const struct routes *routes,
		      const struct route_user *row)
{
	return row->move_id[0] == '\0' &&
		row->used + routes->file.user_expire / 4 >= routes_now();
}

/* CV_NOT_FOUND: another proxy was faster, look again. */
static int route_once(struct routes *routes, const char *user,
		      const struct route_backend **b_r, struct cv_error *err)
{
	struct route_user old, new;
	int ret = route_store_user(&routes->store, user, &old, err);
	bool is_new = ret == CV_NOT_FOUND;

	if (ret == CV_OK)
		ret = wait_for_move(routes, user, &old, err);
	if (ret < 0)
		return ret;
	is_new = is_new || ret == CV_NOT_FOUND;
	ret = routes_read(routes, err);
	if (ret != CV_OK)
		return ret;
	*b_r = is_new ? NULL : stays(routes, &old);
	if (*b_r != NULL && is_recent(routes, &old))
		return CV_OK;
	new = old;
	if (*b_r == NULL) {
		new.pinned = false;
		*b_r = routes_choose(routes, routes->backends, user);
	}
	if (*b_r == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "no backend of tag '%s' "
			       "takes new users (hint: culveradm director "
			       "status)", routes->file.tag);
	(void)snprintf(new.backend, sizeof(new.backend), "%s", (*b_r)->name);
	new.used = routes_now();
	new.move_id[0] = '\0';
	return route_store_assign(&routes->store, user, is_new ? NULL : &old,
				  &new, err);
}

static int route(struct routes *routes, const char *user,
		 const struct route_backend **b_r, struct cv_error *err)
{
	int ret = CV_NOT_FOUND;

	for (int i = 0; i < ROUTES_TRIES && ret == CV_NOT_FOUND; i++)
		ret = route_once(routes, user, b_r, err);
	if (ret == CV_OK) {
		remember(routes, user, *b_r);
		return CV_OK;
	}
	if (ret == CV_NOT_FOUND)
		return CV_FAIL(err, CV_E_TEMP, "'%s' is being moved about",
			       user);
	if (ret == CV_E_UNSUPPORTED)
		return CV_E_TEMP;
	*b_r = last_known(routes, user, err);
	return *b_r != NULL ? CV_OK : ret;
}

int route_lookup(void *db, const struct cv_auth_input *in,
		 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b = NULL;
	char port[ROUTE_NUMBER_ROOM];
	struct cv_text fields;
	int ret;

	/* whose mail it is about is known later */
	if (in->is_master_lookup || strlen(in->user) >= ROUTE_NAME_ROOM)
		return CV_AUTH_NEXT;
	ret = route(routes, in->user, &b, err);
	cv_text_init(&fields, in->pool);
	if (ret == CV_OK)
		ret = route_auth_api->expand(in, routes->file.fields, 0,
					     &fields, err);
	if (ret == CV_OK)
		ret = route_auth_api->set_all(reply, cv_text_span(&fields),
					      ' ', err);
	if (ret != CV_OK)
		return ret;
	/* one of the file is for this protocol, that of the table for logins */
	if (!route_auth_api->set(reply, CV_SPAN("host"), cv_span_of(b->name)) ||
	    (b->port != 0 &&
	     route_auth_api->get(reply, "port").data == NULL &&
	     !route_auth_api->set(reply, CV_SPAN("port"),
				  cv_span_of(route_decimal(port, b->port)))))
		return CV_FAIL(err, CV_E_CONFIG, "backend '%s' has a name "
			       "that no host has", b->name);
	return CV_AUTH_NEXT;
}
