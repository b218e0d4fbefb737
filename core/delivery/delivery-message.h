/* delivery-message.h - lmtp asks a deliverer, and is answered in order.
 *
 * DELIVER carries a small message itself and a larger one as a sealed memory
 * file.  Several may be under way on one
 * channel; RESULTs come in the same order. */
#ifndef DELIVERY_MESSAGE_H
#define DELIVERY_MESSAGE_H

#include "ipc/ipc.h"

enum {
	DELIVERY_MSG_DELIVER = 0x400,	/* fd: the message, if large */
	DELIVERY_MSG_RESULT,
	DELIVERY_ADDRESS_MAX = 1024, DELIVERY_HEADER_MAX = 8192,
	DELIVERY_BODY_MAX = 16384,	/* within the order */
	DELIVERY_MAILBOX_MAX = 1024, DELIVERY_TEXT_MAX = 256,
};

struct delivery_order {
	const char *sender, *recipient, *original_recipient;
	const char *mailbox_name;	/* "" INBOX */
	struct cv_span header;
	int message_fd;			/* sender keeps; receiver takes */
	struct cv_span body;		/* when message_fd is -1 */
};

struct delivery_answer {
	int status;
	const char *text;
};

void delivery_order_put(struct ipc_writer *w, const struct delivery_order *o);
/* Strings and body point into the reader.  The descriptor is the caller's on CV_OK
 * and closed otherwise. */
int delivery_order_get(struct ipc_reader *r, struct delivery_order *o_r,
		       struct cv_error *err);
void delivery_answer_put(struct ipc_writer *w,
			 const struct delivery_answer *a);
int delivery_answer_get(struct ipc_reader *r, struct delivery_answer *a_r,
			struct cv_error *err);

#endif
