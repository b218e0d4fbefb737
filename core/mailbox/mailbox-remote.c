/* mailbox-remote.c - the session's end of a broker: connections, names,
 * rights. */
#include "mailbox-remote.h"
#include "remote-call.h"

#include <unistd.h>

enum { ANSWER_MSECS = 120 * 1000 };

/* --- connections ---------------------------------------------------------------- */

static void disconnect(struct remote *remote)
{
	if (remote->channel >= 0)
		(void)close(remote->channel);
	remote->channel = -1;
}

void remotes_close(struct cv_user *user)
{
	remotes_unwatch(user);
	for (struct remote *r = user->remotes; r != NULL; r = r->next)
		disconnect(r);
}

/* A broker is a process: those that nothing stands on go first, and then those
 * whose views can be opened again. */
static int make_place(struct cv_user *user, struct cv_error *err)
{
	struct remote *oldest = NULL, *viewed = NULL;
	uint32_t count = 0;

	for (struct remote *r = user->remotes; r != NULL; r = r->next) {
		if (r->channel < 0)
			continue;
		count++;
		if (r->views + r->saves == 0 && r->bell < 0 &&
		    (oldest == NULL || r->used < oldest->used))
			oldest = r;
		if (r->saves == 0 && r->bell < 0 &&
		    (viewed == NULL || r->used < viewed->used))
			viewed = r;
	}
	if (count >= REMOTE_CONNECTED_END && oldest == NULL)
		oldest = viewed;
	if (count >= REMOTE_CONNECTED_MAX && oldest != NULL)
		disconnect(oldest);
	else if (count >= REMOTE_CONNECTED_END)
		return FAIL(err, CV_E_LIMIT, "messages of %u other users "
			    "are being saved or watched", count);
	return CV_OK;
}

/* Who has no such mailbox, and who does not exist, give one answer. */
static int unknown(struct cv_error *err)
{
	FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	return error_set_client(err, "Mailbox doesn't exist.");
}

static int connect_broker(struct remote *remote, struct cv_error *err)
{
	struct cv_user *user = remote->user;
	int ret;

	if (remote->channel >= 0)
		return CV_OK;
	if (user->open_broker == NULL)
		return unknown(err);
	ret = make_place(user, err);
	if (ret < 0)
		return ret;
	ret = user->open_broker(user->broker_context, remote->owner,
				&remote->channel, err);
	if (ret == CV_E_NOT_FOUND || ret == CV_E_DENIED)
		return unknown(err);
	remote->generation++;
	return ret;
}

static int lost(struct remote *remote, int ret, struct cv_error *err)
{
	disconnect(remote);
	if (ret == CV_EOF)
		ret = FAIL(err, CV_E_TEMP, "the broker of '%s' has ended",
			   remote->owner);
	(void)error_prefix(err, "mail of '%s'", remote->owner);
	if (err != NULL)
		err->code = CV_E_TEMP;
	(void)error_set_client(err, "Temporary failure.");
	return CV_E_TEMP;
}

/* What may be asked twice, and concerns no view: those are opened again
 * first. */
static bool is_question(uint32_t op)
{
	return op == REMOTE_LIST || op == REMOTE_STATUS ||
		op == REMOTE_QUOTA || op == REMOTE_RIGHTS ||
		op == REMOTE_ACL_GET || op == REMOTE_OPEN ||
		op == REMOTE_URL || op == REMOTE_WATCH_ALL;
}

static int exchange(struct remote *remote, uint32_t op,
		    const struct cv_text *fields, int fd, struct cv_pool *pool,
		    struct remote_message *m, struct cv_error *err)
{
	int ret = connect_broker(remote, err);

	if (ret < 0)
		return ret;
	remote->used = ++remote->user->broker_turn;
	ret = remote_send(remote->channel, REMOTE_MSG_REQUEST, op, "",
			  fields, fd, err);
	if (ret == CV_OK)
		ret = remote_receive(remote->channel, ANSWER_MSECS,
				     REMOTE_MSG_ANSWER, pool, m, err);
	return ret == CV_OK ? CV_OK : ret == CV_EOF ? CV_EOF :
		lost(remote, ret, err);
}

int remote_call(struct remote *remote, uint32_t op,
		const struct cv_text *fields, int fd, struct cv_pool *pool,
		struct remote_answer *answer_r, struct cv_error *err)
{
	struct remote_message m;
	bool kept = remote->channel >= 0;
	int ret = exchange(remote, op, fields, fd, pool, &m, err);

	/* one that has ended meanwhile */
	if (ret == CV_EOF && kept && is_question(op)) {
		disconnect(remote);
		ret = exchange(remote, op, fields, fd, pool, &m, err);
	}
	if (ret == CV_EOF)
		ret = lost(remote, ret, err);
	if (ret != CV_OK)
		return ret;
	*answer_r = (struct remote_answer){
		.fields = { .rest = m.payload, .pool = pool }, .fd = m.fd,
	};
	ret = -(int)m.number;
	if (ret >= 0)
		return ret;
	if (m.fd >= 0)
		(void)close(m.fd);
	answer_r->fd = -1;
	FAIL(err, ret, "the broker of '%s' refuses: %s", remote->owner,
	     m.client);
	if (*m.client != '\0')
		(void)error_set_client(err, "%s", m.client);
	return ret;
}

/* The answer did not make sense. */
int remote_confused(struct remote *remote, struct cv_error *err)
{
	disconnect(remote);
	FAIL(err, CV_E_TEMP, "the broker of '%s' does not make sense",
	     remote->owner);
	return error_set_client(err, "Temporary failure.");
}

int remote_end(struct remote *remote, struct remote_answer *a,
	       struct cv_error *err)
{
	if (remote_get_end(&a->fields, NULL) == CV_OK)
		return CV_OK;
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
	return remote_confused(remote, err);
}

/* --- calls without a view ---------------------------------------------------------- */

struct call {
	struct cv_pool *pool;
	struct cv_text fields;
	struct remote_answer answer;
};

static void call_begin(struct call *c, const char *name)
{
	c->pool = pool_create("broker call");
	cv_text_init(&c->fields, c->pool);
	c->answer.fd = -1;
	if (name != NULL)
		remote_put_str(&c->fields, name);
}

static int call_end(struct call *c, struct remote *remote, int ret,
		    struct cv_error *err)
{
	if (ret == CV_OK)
		ret = remote_end(remote, &c->answer, err);
	if (c->answer.fd >= 0)
		(void)close(c->answer.fd);
	pool_destroy(&c->pool);
	return ret;
}

static int call_run(struct call *c, struct remote *remote, uint32_t op,
		    struct cv_error *err)
{
	return remote_call(remote, op, &c->fields, -1, c->pool, &c->answer,
			   err);
}

int remote_list(struct remote *remote, struct cv_pool *pool,
		struct remote_reader *entries_r, struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	int ret = remote_call(remote, REMOTE_LIST, NULL, -1, pool, &a, err);

	if (a.fd >= 0)
		(void)close(a.fd);
	*entries_r = a.fields;
	return ret;
}

int remote_status(struct remote *remote, const char *name, uint32_t items,
		  struct cv_mailbox_status *s, struct cv_pool *pool,
		  struct cv_set *uids_r, struct cv_error *err)
{
	struct remote_reader *in;
	struct cv_span guid;
	struct call c;
	int ret;

	call_begin(&c, name);
	remote_put_u32(&c.fields, items);
	ret = remote_call(remote, REMOTE_STATUS, &c.fields, -1, pool,
			  &c.answer, err);
	if (ret != CV_OK)
		return call_end(&c, remote, ret, err);
	in = &c.answer.fields;
	s->messages = remote_get_u32(in);
	s->recent = remote_get_u32(in);
	s->uidnext = remote_get_u32(in);
	s->uidvalidity = remote_get_u32(in);
	s->deleted = remote_get_u32(in);
	s->size_bytes = remote_get_u64(in);
	s->highestmodseq = remote_get_u64(in);
	guid = remote_get_span(in, 16);
	if (guid.len == 16)
		memcpy(s->guid, guid.data, 16);
	s->deleted_bytes = remote_get_u64(in);
	*uids_r = remote_get_set(in);
	return call_end(&c, remote, ret, err);
}

int remote_create(struct remote *remote, const char *name, uint32_t use,
		  struct cv_error *err)
{
	struct call c;
	int ret;

	call_begin(&c, name);
	remote_put_u32(&c.fields, use);
	ret = call_run(&c, remote, REMOTE_CREATE, err);
	ret = call_end(&c, remote, ret, err);
	if (ret != CV_E_NOT_FOUND)
		return ret;
	/* an owner who does not exist answers as one who gives no right */
	FAIL(err, CV_E_DENIED, "no right to create mailboxes");
	return error_set_client(err, "Permission denied.");
}

int remote_remove(struct remote *remote, const char *name,
		  struct cv_error *err)
{
	struct call c;

	call_begin(&c, name);
	return call_end(&c, remote, call_run(&c, remote, REMOTE_REMOVE, err),
			err);
}

int remote_rename(struct remote *remote, const char *name,
		  const char *new_name, struct cv_error *err)
{
	struct call c;

	call_begin(&c, name);
	remote_put_str(&c.fields, new_name);
	return call_end(&c, remote, call_run(&c, remote, REMOTE_RENAME, err),
			err);
}

int remote_quota(struct remote *remote, const char *name, uint32_t index,
		 struct cv_quota_usage *u, struct cv_error *err)
{
	struct remote_reader *in;
	struct call c;
	int ret;

	call_begin(&c, name);
	remote_put_u32(&c.fields, index);
	ret = call_run(&c, remote, REMOTE_QUOTA, err);
	if (ret == CV_OK) {
		in = &c.answer.fields;
		in->pool = remote->user->pool;
		u->root = remote_get_str(in, REMOTE_NAME_MAX);
		u->bytes = remote_get_u64(in);
		u->messages = remote_get_u64(in);
		u->used_bytes = remote_get_u64(in);
		u->used_messages = remote_get_u64(in);
		u->used_mailboxes = remote_get_u64(in);
		u->mailboxes = remote_get_u64(in);
		u->message_bytes = remote_get_u64(in);
		u->resources = remote_get_u32(in);
	}
	return call_end(&c, remote, ret, err);
}

int remote_metadata_list(struct remote *remote, const char *name,
			 struct cv_pool *pool, struct cv_metadata **entries_r,
			 uint32_t *count_r, struct cv_error *err)
{
	struct remote_reader *in;
	struct cv_metadata *entries = NULL;
	uint32_t count = 0;
	struct call c;
	int ret;

	call_begin(&c, name);
	ret = call_run(&c, remote, REMOTE_METADATA_LIST, err);
	if (ret == CV_OK) {
		in = &c.answer.fields;
		count = remote_get_u32(in);
		if (count > CV_METADATA_ENTRIES_MAX)
			count = 0;	/* and remote_end complains */
		entries = pool_new_array(pool, struct cv_metadata, count + 1);
		for (uint32_t i = 0; i < count; i++) {
			entries[i].entry = pool_span(pool, remote_get_span(in,
						     REMOTE_NAME_MAX + 100));
			entries[i].value = pool_span(pool, remote_get_span(in,
						     CV_METADATA_BYTES_MAX));
		}
	}
	*entries_r = entries;
	*count_r = count;
	return call_end(&c, remote, ret, err);
}

int remote_metadata_set(struct remote *remote, const char *name,
			const struct cv_metadata *entries, uint32_t count,
			struct cv_error *err)
{
	struct call c;

	call_begin(&c, name);
	remote_put_u32(&c.fields, count);
	for (uint32_t i = 0; i < count; i++) {
		remote_put_span(&c.fields, entries[i].entry);
		remote_put_u32(&c.fields, entries[i].value.data != NULL);
		remote_put_span(&c.fields, entries[i].value);
	}
	return call_end(&c, remote,
			call_run(&c, remote, REMOTE_METADATA_SET, err), err);
}

int remote_my_rights(struct remote *remote, const char *name,
		     uint32_t *rights_r, struct cv_error *err)
{
	struct call c;
	int ret;

	call_begin(&c, name);
	ret = call_run(&c, remote, REMOTE_RIGHTS, err);
	if (ret == CV_OK)
		*rights_r = remote_get_u32(&c.answer.fields) & ACL_ALL;
	return call_end(&c, remote, ret, err);
}

int remote_acl_get(struct remote *remote, const char *name, struct acl *acl,
		   struct cv_error *err)
{
	struct call c;
	int ret;

	call_begin(&c, name);
	acl->shows_global = true;
	ret = call_run(&c, remote, REMOTE_ACL_GET, err);
	if (ret == CV_OK)
		ret = acl_parse(acl, remote_get_span(&c.answer.fields,
					       2 * ACL_TEXT_MAX), err);
	return call_end(&c, remote, ret, err);
}

int remote_acl_change(struct remote *remote, const char *name,
		      const struct acl_entry *entry, enum acl_change how,
		      struct cv_error *err)
{
	struct cv_text id;
	struct call c;

	call_begin(&c, name);
	cv_text_init(&id, c.pool);
	acl_identifier_format(&id, entry, false);
	remote_put_span(&c.fields, cv_text_span(&id));
	remote_put_u32(&c.fields, entry->rights);
	remote_put_u32(&c.fields, how);
	return call_end(&c, remote,
			call_run(&c, remote, REMOTE_ACL_CHANGE, err), err);
}
