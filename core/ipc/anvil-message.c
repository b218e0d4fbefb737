/* anvil-message.c - leases. */
#include "anvil-message.h"

#include <unistd.h>

enum { LEASE_TIMEOUT_MSECS = 5000, NAME_MAX_ = 1024, SHORT_NAME_MAX = 64 };

void anvil_connect_put(struct ipc_writer *w, const struct anvil_connect *c)
{
	ipc_put_str(w, c->user);
	ipc_put_str(w, c->ip);
	ipc_put_str(w, c->service);
	ipc_put_str(w, c->session_id);
	ipc_put_u32(w, c->pid);
	ipc_put_u32(w, c->limit);
}

void anvil_connect_get(struct ipc_reader *r, struct anvil_connect *c_r)
{
	c_r->user = ipc_get_str(r, NAME_MAX_);
	c_r->ip = ipc_get_str(r, ANVIL_IP_MAX);
	c_r->service = ipc_get_str(r, SHORT_NAME_MAX);
	c_r->session_id = ipc_get_str(r, SHORT_NAME_MAX);
	c_r->pid = ipc_get_u32(r);
	c_r->limit = ipc_get_u32(r);
}

/* Not on the stack: the compiler touches every page of a large frame, and a
 * process that has just been forked pays for each. */
static struct ipc_reader lease_answer;

static int lease_wait(int lease, struct cv_error *err)
{
	struct ipc_reader *r = &lease_answer;
	uint32_t type;
	int status = ipc_receive_wait(lease, LEASE_TIMEOUT_MSECS, r, err);

	if (status == CV_EOF || status == CV_NOT_FOUND)
		return FAIL(err, CV_E_TEMP, "anvil gave no answer");
	if (status != CV_OK)
		return status;
	type = r->type;
	status = ipc_finish(r, err);
	if (status != CV_OK)
		return status;
	if (type == ANVIL_MSG_GRANTED)
		return CV_OK;
	return FAIL(err, CV_E_LIMIT, "too many connections of this user "
		    "from this address (mail_max_userip_connections)");
}

int anvil_lease_begin(int anvil_port, const struct anvil_connect *c,
		      int *lease_r, struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;
	int fds[2], status;

	*lease_r = -1;
	status = ipc_pair(fds, false, err);
	if (status != CV_OK)
		return status;
	ipc_begin(w, ANVIL_MSG_CONNECT);
	anvil_connect_put(w, c);
	ipc_put_fd(w, fds[1]);
	status = ipc_send_now(anvil_port, w, err);
	(void)close(fds[1]);
	if (status == CV_EOF)
		status = FAIL(err, CV_E_TEMP, "anvil's port is closed");
	if (status != CV_OK)
		(void)close(fds[0]);
	else
		*lease_r = fds[0];
	return status;
}

int anvil_lease_finish(int *lease, struct cv_error *err)
{
	int status = lease_wait(*lease, err);

	if (status == CV_OK)
		return CV_OK;
	(void)close(*lease);
	*lease = -1;
	return status;
}
