/* body.c - message bodies that are in the journal. */
#include "account-private.h"

/* The blob is what is left of it: a scan looks whether it is there. */
static void body_lost(struct folder *folder, struct row_extra *extra,
		      const char *why)
{
	struct account *account = folder->f.account;

	log_error("account", "folder '%s', message %u: body in the journal: "
		  "%s: its file is taken instead", folder->f.name, extra->uid,
		  why);
	extra->body.offset = 0;
	folder->f.damaged = true;
	folder->dirty = true;
	account->damaged = account->journal_damaged = true;
	account->must_rotate |= ROTATE_SUSPECT;
}

int account_body_read(struct account_folder *f, uint32_t row,
		      struct cv_pool *pool, struct cv_span *body_r,
		      struct cv_error *err)
{
	struct folder *folder = folder_of(f);
	struct row_extra *extra = rows_find_extra(folder_load(folder),
						  account_row_uid(f, row));
	struct cv_error error = ERROR_NONE;
	char *data;
	int status;

	if (extra == NULL || extra->body.offset == 0)
		return CV_NOT_FOUND;
	data = pool_alloc(pool, (size_t)extra->body.len + 1);
	status = journal_read_payload(&f->account->journal,
				      extra->body.offset, extra->body.len,
				      extra->body.crc, data, &error);
	if (status == CV_E_SYNTAX) {
		body_lost(folder, extra, error.text);
		return CV_NOT_FOUND;
	}
	if (status != CV_OK)
		return FAIL(err, status, "message %u: %s", extra->uid,
			    error.text);
	*body_r = cv_span(data, extra->body.len);
	return CV_OK;
}
