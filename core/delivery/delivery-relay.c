/* delivery-relay.c - see delivery-relay.h. */
#include "base.h"
#include "delivery-relay.h"
#include "session/forward-target.h"
#include "session/session.h"

struct cv_relay_way { struct forward_target target; };

/* destuser becomes a part of a command. */
static bool is_address(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f ||
		    strchr("<>\"\\", text[i]) != NULL)
			return false;
	}
	return len > 0 && len < 512;
}

/* The address as it was given, unless the passdb knows the user by another
 * name there; the detail stays. */
static int choose_recipient(const struct cv_recipient *r,
			    const struct user_info *info,
			    struct cv_pool *pool, const char **recipient_r,
			    struct cv_error *err)
{
	const char *user = forward_field(info, "destuser"), *at;
	const char *detail = strstr(r->address, r->detail);

	*recipient_r = r->address;
	if (*user == '\0')
		return CV_OK;
	if (!is_address(user))
		return FAIL(err, CV_E_CONFIG, "proxy: destuser = '%s' is no "
			    "mail address", user);
	at = strrchr(user, '@');
	if (at == NULL)
		at = user + strlen(user);
	/* behind its delimiter */
	*recipient_r = *r->detail == '\0' || detail == NULL ||
		detail == r->address ? user :
		pool_printf(pool, "%.*s%c%s%s", (int)(at - user), user,
			    detail[-1], r->detail, at);
	return CV_OK;
}

static int choose_protocol(const struct user_info *info, const char **name_r,
			   struct cv_error *err)
{
	const char *name = forward_field(info, "protocol");

	*name_r = strcasecmp(name, "smtp") == 0 ? "smtp" : "lmtp";
	if (*name == '\0' || strcasecmp(name, *name_r) == 0)
		return CV_OK;
	return FAIL(err, CV_E_CONFIG, "proxy: protocol = '%s' is none of "
		    "lmtp, smtp", name);
}

static const char *make_key(const struct cv_relay *relay,
			    struct cv_pool *pool)
{
	const struct cv_client_options *o = &relay->way->target.options;

	return pool_printf(pool, "%s\t%s\t%u\t%u\t%d\t%s\t%d\t%s\t%u",
			   o->host, o->address, o->port, o->tls, o->verify,
			   relay->protocol, relay->tell_client, o->source,
			   o->silence_msecs);
}

/* The usual port is that which the MTA has come to: servers in front of
 * others are mostly set up like them. */
static int choose_way(struct cv_session *s, const struct user_info *info,
		      const char *protocol, struct cv_pool *pool,
		      struct cv_relay_way **way_r, struct cv_error *err)
{
	uint32_t port = strcmp(protocol, "smtp") == 0 ? 25 :
		s->conn.local_port != 0 ? s->conn.local_port : 24;

	*way_r = pool_new(pool, struct cv_relay_way);
	return forward_target_get(info, s->settings, &s->scope, port, port, 0,
				  pool, &(*way_r)->target, err);
}

int delivery_relay_get(struct cv_session *s, const struct cv_recipient *r,
		       const struct user_info *info, struct cv_pool *pool,
		       const struct cv_relay **relay_r, struct cv_error *err)
{
	struct cv_relay *relay = pool_new(pool, struct cv_relay);
	struct cv_relay_way *way = NULL;
	int status = choose_protocol(info, &relay->protocol, err);

	if (status == CV_OK)
		status = choose_recipient(r, info, pool, &relay->recipient,
					  err);
	if (status == CV_OK)
		status = choose_way(s, info, relay->protocol, pool, &way, err);
	if (status != CV_OK)
		return status;
	relay->size = sizeof(*relay);
	relay->way = way;
	relay->host = way->target.options.host;
	relay->port = way->target.options.port;
	relay->starttls = way->target.options.tls == CV_CLIENT_START_TLS;
	relay->tell_client = way->target.tell_client;
	relay->silence_msecs = way->target.options.silence_msecs;
	relay->ttl = forward_ttl(&s->conn);
	relay->key = make_key(relay, pool);
	*relay_r = relay;
	return CV_OK;
}

int delivery_relay_open(struct cv_session *s, struct cv_pool *pool,
			const struct cv_relay *relay,
			struct cv_client **client_r, struct cv_error *err)
{
	/* a source is chosen for this connection */
	struct forward_target target = relay->way->target;

	return forward_target_open(pool, &target, &s->conn, client_r, err);
}
