/* body.c - message bodies that are in the journal. */
#include "account-private.h"

int account_body_read(struct account_folder *f, uint32_t row,
		      struct cv_pool *pool, struct cv_span *body_r,
		      struct cv_error *err)
{
	struct folder *folder = folder_of(f);
	struct row_extra *extra = rows_find_extra(folder_load(folder),
						  account_row_uid(f, row));
	char *data;
	int status;

	if (extra == NULL || extra->body.offset == 0)
		return CV_NOT_FOUND;
	data = pool_alloc(pool, (size_t)extra->body.len + 1);
	status = journal_read_payload(&f->account->journal,
				      extra->body.offset, extra->body.len,
				      extra->body.crc, data, err);
	if (status != CV_OK)
		return error_prefix(err, "message %u", extra->uid);
	*body_r = cv_span(data, extra->body.len);
	return CV_OK;
}
