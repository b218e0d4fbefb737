/* mailbox-remote-url.c - authorized URLs of other users' mail. */
#include "mailbox-remote.h"
#include "remote-call.h"

/* Owners that no namespace need name. */
static const struct shared_prefix url_owners = {
	.pattern = "", .fixed = "", .location = "",
};

/* A broker that is there already serves for this, too. */
static struct remote *find_owner(struct cv_user *user, const char *owner)
{
	for (struct remote *r = user->remotes; r != NULL; r = r->next) {
		if (strcmp(r->owner, owner) == 0)
			return r;
	}
	return remote_get(user, &url_owners, cv_span_of(owner));
}

static int take_part(struct remote *remote, struct remote_answer *a,
		     struct cv_pool *pool, struct cv_url_part *part,
		     struct cv_error *err)
{
	struct remote_reader *in = &a->fields;
	bool has_data;
	int ret;

	part->structure = pool_span(pool, remote_get_span(in,
						REMOTE_PAYLOAD_MAX));
	has_data = remote_get_u32(in) != 0;
	part->has_nul = remote_get_u32(in) != 0;
	ret = remote_take_bytes(remote, a, pool, &part->stream, &part->length,
				err);
	if (!has_data)
		part->stream = NULL;
	return ret;
}

int remote_url_open(struct cv_user *user, const struct cv_url *url,
		    struct cv_span text, uint32_t want, struct cv_pool *pool,
		    struct cv_url_part *part, struct cv_error *err)
{
	struct remote *remote = find_owner(user, url->user);
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	int ret;

	if (remote == NULL)
		return CV_NOT_FOUND;
	cv_text_init(&fields, pool);
	remote_put_span(&fields, text);
	remote_put_u32(&fields, want);
	ret = remote_call(remote, REMOTE_URL, &fields, -1, pool, &a, err);
	if (ret == CV_OK)
		return take_part(remote, &a, pool, part, err);
	/* an owner who does not exist, as a URL that does not count */
	return ret == CV_E_NOT_FOUND || ret == CV_E_DENIED ? CV_NOT_FOUND :
		ret;
}
