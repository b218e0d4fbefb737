/* session-script.c - has the post-login script of this service run, before
 * the session becomes the user. */
#include "session-private.h"

#include "ipc/script-message.h"

#include <unistd.h>

/* Longer than any script's own limit. */
enum { WAIT_MSECS = 160000 };

static int send_run(const struct cv_session *s, uint32_t uid, uint32_t gid,
		    int answer, struct cv_error *err)
{
	struct script_run run = {
		.service = s->service_name, .user = *s->user_info,
		.conn = s->conn, .client_fd = s->transport_fd,
		.answer_fd = answer,
	};
	struct ipc_writer w;

	run.user.uid = uid;
	run.user.gid = gid;
	ipc_begin(&w, SCRIPT_MSG_RUN);
	script_run_put(&w, &run);
	return ipc_send(SESSION_SCRIPT_FD, &w, err);
}

static int receive_end(struct cv_session *s, int fd,
		       struct script_fields *fields_r, struct cv_error *err)
{
	struct ipc_reader r;
	uint32_t failure;
	int status = ipc_receive_wait(fd, WAIT_MSECS, &r, err);

	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "the process that runs scripts "
			    "went away");
	if (status != CV_OK)
		return status;
	if (r.type != SCRIPT_MSG_END)
		return ipc_refuse(&r, "script", err);
	failure = ipc_get_u32(&r);
	status = script_fields_get(&r, s->pool, fields_r, err);
	if (status != CV_OK || failure == 0)
		return status;
	return FAIL(err, CV_E_TEMP, "the post-login script did not let the "
		    "user in");
}

static void set_field(struct user_info *user, struct user_field *fields,
		      const struct user_field *new)
{
	uint32_t i;

	for (i = 0; i < user->field_count; i++) {
		if (strcmp(fields[i].name, new->name) == 0)
			break;
	}
	if (i == user->field_count)
		user->field_count++;
	fields[i] = *new;
}

/* Who it is has been decided already; where the mail is may change. */
static void take_fields(struct cv_session *s,
			const struct script_fields *new)
{
	struct user_info *user = pool_new(s->pool, struct user_info);
	struct user_field *fields = pool_new_array(s->pool, struct user_field,
		s->user_info->field_count + new->count + 1);

	*user = *s->user_info;
	for (uint32_t i = 0; i < user->field_count; i++)
		fields[i] = user->fields[i];
	user->fields = fields;
	for (uint32_t i = 0; i < new->count; i++) {
		const struct user_field *field = &new->items[i];

		if (strcmp(field->name, "home") == 0)
			user->home = field->value;
		else if (strcmp(field->name, "mail") == 0)
			user->mail = field->value;
		else if (strcmp(field->name, "uid") == 0 ||
			 strcmp(field->name, "gid") == 0 ||
			 strcmp(field->name, "user") == 0 ||
			 strcmp(field->name, "chroot") == 0 ||
			 strcmp(field->name, "system_groups_user") == 0)
			log_warning("script", "a post-login script cannot "
				    "change %s", field->name);
		else
			set_field(user, fields, field);
	}
	s->user_info = user;
}

int session_run_script(struct cv_session *s, uint32_t uid, uint32_t gid,
		       struct cv_error *err)
{
	struct script_fields fields = { 0 };
	int fds[2], status = ipc_pair(fds, false, err);

	if (status != CV_OK)
		return status;
	status = send_run(s, uid, gid, fds[1], err);
	(void)close(fds[1]);
	if (status == CV_OK)
		status = receive_end(s, fds[0], &fields, err);
	(void)close(fds[0]);
	if (status == CV_OK)
		take_fields(s, &fields);
	return status;
}
