/* script-message.c - how a program's run and its outcome travel. */
#include "script-message.h"

#include <unistd.h>

void script_run_put(struct ipc_writer *w, const struct script_run *run)
{
	ipc_put_str(w, run->service);
	user_info_put(w, &run->user);
	conn_info_put(w, &run->conn);
	ipc_put_fd(w, run->client_fd);
	ipc_put_fd(w, run->answer_fd);
}

int script_run_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct script_run *run_r, struct cv_error *err)
{
	int status;

	run_r->service = pool_strdup(pool, ipc_get_str(r, USER_NAME_MAX));
	user_info_get(r, pool, &run_r->user);
	conn_info_get(r, pool, &run_r->conn);
	run_r->client_fd = ipc_get_fd(r);
	run_r->answer_fd = ipc_get_socket(r);
	status = ipc_finish(r, err);
	if (status == CV_OK)
		return CV_OK;
	if (run_r->client_fd >= 0)
		(void)close(run_r->client_fd);
	if (run_r->answer_fd >= 0)
		(void)close(run_r->answer_fd);
	return status;
}

void script_fields_put(struct ipc_writer *w,
		       const struct script_fields *fields)
{
	ipc_put_u32(w, fields->count);
	for (uint32_t i = 0; i < fields->count; i++) {
		ipc_put_str(w, fields->items[i].name);
		ipc_put_str(w, fields->items[i].value);
	}
}

int script_fields_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct script_fields *fields_r, struct cv_error *err)
{
	uint32_t count = ipc_get_count(r, USER_FIELDS_MAX);
	struct user_field *items = pool_new_array(pool, struct user_field,
						  count + 1);

	for (uint32_t i = 0; i < count; i++) {
		items[i].name = pool_strdup(pool,
					    ipc_get_str(r, USER_NAME_MAX));
		items[i].value = pool_strdup(pool,
					     ipc_get_str(r, USER_VALUE_MAX));
	}
	*fields_r = (struct script_fields){ count, items };
	return ipc_finish(r, err);
}
