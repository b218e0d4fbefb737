/* delivery-message.c - see delivery-message.h. */
#include "base.h"
#include "delivery-message.h"

#include <unistd.h>

void delivery_order_put(struct ipc_writer *w, const struct delivery_order *o)
{
	ipc_begin(w, DELIVERY_MSG_DELIVER);
	ipc_put_str(w, o->sender);
	ipc_put_str(w, o->recipient);
	ipc_put_str(w, o->original_recipient);
	ipc_put_str(w, o->mailbox_name);
	ipc_put_span(w, o->header);
	ipc_put_bool(w, o->message_fd >= 0);
	if (o->message_fd >= 0)
		ipc_put_fd(w, o->message_fd);
	else
		ipc_put_span(w, o->body);
}

int delivery_order_get(struct ipc_reader *r, struct delivery_order *o_r,
		       struct cv_error *err)
{
	bool has_file;
	int status;

	if (r->type != DELIVERY_MSG_DELIVER)
		return ipc_refuse(r, "lmtp", err);
	o_r->sender = ipc_get_str(r, DELIVERY_ADDRESS_MAX);
	o_r->recipient = ipc_get_str(r, DELIVERY_ADDRESS_MAX);
	o_r->original_recipient = ipc_get_str(r, DELIVERY_ADDRESS_MAX);
	o_r->mailbox_name = ipc_get_str(r, DELIVERY_MAILBOX_MAX);
	o_r->header = ipc_get_span(r, DELIVERY_HEADER_MAX);
	has_file = ipc_get_bool(r);
	o_r->message_fd = has_file ? ipc_get_fd(r) : -1;
	o_r->body = has_file ? CV_SPAN_NONE :
		ipc_get_span(r, DELIVERY_BODY_MAX);
	status = ipc_finish(r, err);
	if (status == CV_OK && has_file && o_r->message_fd < 0)
		return FAIL(err, CV_E_SYNTAX, "delivery without a message");
	if (status != CV_OK && o_r->message_fd >= 0) {
		(void)close(o_r->message_fd);
		o_r->message_fd = -1;
	}
	return status;
}

void delivery_answer_put(struct ipc_writer *w,
			 const struct delivery_answer *a)
{
	ipc_begin(w, DELIVERY_MSG_RESULT);
	ipc_put_u32(w, (uint32_t)-a->status);
	ipc_put_str(w, a->text);
}

int delivery_answer_get(struct ipc_reader *r, struct delivery_answer *a_r,
			struct cv_error *err)
{
	uint32_t code;

	if (r->type != DELIVERY_MSG_RESULT)
		return ipc_refuse(r, "deliverer", err);
	code = ipc_get_u32(r);
	a_r->text = ipc_get_str(r, DELIVERY_TEXT_MAX);
	if (code > 100)		/* no such failure class */
		code = (uint32_t)-CV_E_TEMP;
	a_r->status = -(int)code;
	return ipc_finish(r, err);
}
