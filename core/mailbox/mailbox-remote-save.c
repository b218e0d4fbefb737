/* mailbox-remote-save.c - saving to another user's mailbox: each message is
 * gathered in a memory file, which the broker gets when it is sealed. */
#include "mailbox-annotate.h"
#include "remote-call.h"

#include <unistd.h>

struct remote_save {
	struct cv_pool *pool;
	struct remote *remote;
	uint32_t generation;
	struct cv_text request;		/* of the message at hand */
	int file;			/* -1: none */
};

static int save_call(struct remote_save *save, uint32_t op,
		     const struct cv_text *fields, int fd,
		     struct cv_pool *pool, struct remote_answer *a,
		     struct cv_error *err)
{
	*a = (struct remote_answer){ .fd = -1 };
	/* what a broker that has ended had of it is gone */
	if (op != REMOTE_SAVE_BEGIN &&
	    (save->remote->channel < 0 ||
	     save->generation != save->remote->generation)) {
		FAIL(err, CV_E_TEMP, "the broker of '%s' has ended",
		     save->remote->owner);
		return error_set_client(err, "Temporary failure.");
	}
	return remote_call(save->remote, op, fields, fd, pool, a, err);
}

static void save_free(struct remote_save **save)
{
	struct remote_save *s = *save;
	struct cv_pool *pool = s->pool;

	if (s->file >= 0)
		(void)close(s->file);
	s->remote->saves--;
	*save = NULL;
	pool_destroy(&pool);
}

int remote_save_begin(struct remote *remote, const char *name,
		      struct remote_save **save_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("remote save");
	struct remote_save *save = pool_new(pool, struct remote_save);
	struct remote_answer a;
	struct cv_text fields;
	int ret;

	save->pool = pool;
	save->remote = remote;
	save->file = -1;
	remote->saves++;
	cv_text_init(&save->request, pool);
	cv_text_init(&fields, pool);
	remote_put_str(&fields, name);
	/* the broker has one at a time; copies have none of the client's */
	ret = save_call(save, REMOTE_SAVE_BEGIN, &fields, -1, pool, &a, err);
	if (ret == CV_OK)
		ret = remote_end(remote, &a, err);
	save->generation = remote->generation;
	if (ret < 0)
		save_free(&save);
	else
		*save_r = save;
	return ret;
}

int remote_save_add(struct remote_save *save,
		    const struct cv_save_request *r, struct cv_error *err)
{
	bool has;

	cv_text_reset(&save->request);
	remote_put_u32(&save->request, r->flags & CV_FLAGS_STORED);
	remote_put_u64(&save->request, (uint64_t)r->internal_date);
	remote_put_u64(&save->request, CV_HAS(r, save_date) ?
		     (uint64_t)r->save_date : 0);
	remote_put_keywords(&save->request, &r->keywords);
	has = CV_HAS(r, annotations_if_allowed);
	remote_put_u32(&save->request, has && r->annotations_if_allowed);
	annotations_wire_put(&save->request, has ? r->annotations : NULL,
			     has ? r->annotation_count : 0);
	remote_put_u32(&save->request, CV_HAS(r, annotations_max) ?
		       r->annotations_max : 0);
	if (save->file >= 0)
		(void)close(save->file);
	save->file = remote_file_create(err);
	return save->file < 0 ? save->file : CV_OK;
}

int remote_save_write(struct remote_save *save, struct cv_span data,
		      struct cv_error *err)
{
	return remote_file_append(save->file, data, err);
}

int remote_save_finish(struct remote_save *save, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("remote save");
	struct remote_answer a = { .fd = -1 };
	int ret = remote_seal(save->file, err);

	if (ret == CV_OK)
		ret = save_call(save, REMOTE_SAVE_ADD, &save->request,
				save->file, pool, &a, err);
	if (ret == CV_OK)
		ret = remote_end(save->remote, &a, err);
	(void)close(save->file);
	save->file = -1;
	pool_destroy(&pool);
	return ret;
}

int remote_save_commit(struct remote_save **save, struct cv_pool *pool,
		       uint32_t *uidvalidity_r, struct cv_set *uids_r,
		       struct cv_error *err)
{
	struct remote *remote = (*save)->remote;
	struct remote_answer a;
	struct cv_set uids = { NULL, 0 };
	uint32_t uidvalidity = 0;
	int ret = save_call(*save, REMOTE_SAVE_COMMIT, NULL, -1, pool, &a,
			    err);

	if (ret == CV_OK) {
		uidvalidity = remote_get_u32(&a.fields);
		uids = remote_get_set(&a.fields);
		ret = remote_end(remote, &a, err);
	}
	save_free(save);
	if (ret != CV_OK)
		return ret;
	if (uidvalidity_r != NULL)
		*uidvalidity_r = uidvalidity;
	if (uids_r != NULL)
		*uids_r = uids;
	return CV_OK;
}

bool remote_save_is_of(const struct remote_save *save,
		       const struct remote *remote)
{
	return save->remote == remote;
}

int remote_save_replace(struct remote_save *save, struct cv_mailbox *box,
			uint32_t seq, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("remote replace");
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	int ret = CV_OK;

	/* the view must be one of the broker that saves */
	if (box->remote->generation != save->generation)
		ret = remote_view_open_again(box, err);
	cv_text_init(&fields, pool);
	remote_put_u32(&fields, box->remote->id);
	remote_put_u32(&fields, mailbox_uid_at(box, seq - 1));
	if (ret == CV_OK)
		ret = save_call(save, REMOTE_SAVE_REPLACE, &fields, -1, pool,
				&a, err);
	if (ret == CV_OK)
		ret = remote_end(save->remote, &a, err);
	pool_destroy(&pool);
	return ret;
}

void remote_save_abort(struct remote_save **save)
{
	struct remote_answer a;

	if (*save == NULL)
		return;
	(void)save_call(*save, REMOTE_SAVE_ABORT, NULL, -1, (*save)->pool,
			&a, NULL);
	if (a.fd >= 0)
		(void)close(a.fd);
	save_free(save);
}
