/* idle-message.h - connections whose sessions sleep.
 *
 * A session that nothing has been asked of for a while gives its connection to
 * the service idle, with all that another process needs to go on, and ends.
 * When the client speaks, or what it watches changes, idle gives the same to
 * the zygote, whose child goes on where the session stopped.
 *
 *	session          idle
 *	  WATCH   ->             descriptors of what is to be watched; the
 *	                         last of these messages is answered
 *	          <- WATCHING    from now on nothing is missed
 *	  SLEEP   ->             after a last look of its own
 *	          <- ASLEEP      the connection is idle's; the session ends
 *
 * Who the user is stands in an *order*: the child has it made while it still
 * is what the zygote has forked, with two proofs (SipHash-2-4) under keys that
 * it forgets before it becomes the user.  idle checks one and the woken child
 * the other: so a session can have nothing woken but a session of its own
 * user, and idle nothing that no session was. */
#ifndef IDLE_MESSAGE_H
#define IDLE_MESSAGE_H

#include "hash.h"
#include "user-message.h"

enum idle_message_type {
	/* session: u32 how many in all, bool last, fds, at most IDLE_WATCHES;
	 * as often as it takes */
	IDLE_MSG_WATCH = 0x600,
	IDLE_MSG_WATCHING,	/* to it: bool yes, str why not */
	IDLE_MSG_SLEEP,		/* session: struct idle_sleep */
	IDLE_MSG_ASLEEP,	/* to it: bool yes, str why not */
	IDLE_MSG_WAKE,		/* to the zygote, on its port: struct
				 * idle_wake */
	IDLE_MSG_ORDER,		/* what stands in an order */
	IDLE_WATCHES = 4,	/* in one message */
	IDLE_WATCHES_MAX = 1100,	/* of one session */
	IDLE_ORDER_MAX = 16384,
	IDLE_STATE_INLINE = 8192,	/* a larger one is a memory file */
	IDLE_STATE_MAX = 1 << 20,
	IDLE_LINE_MAX = 256,
};

/* Of the master's secret, one for each who checks. */
struct idle_keys {
	uint8_t idle[HASH_MAC_KEY_BYTES], wake[HASH_MAC_KEY_BYTES];
	uint8_t view[2 * HASH_MAC_KEY_BYTES];	/* of frozen views */
	uint8_t back[HASH_MAC_KEY_BYTES];	/* of return-message.h */
};
void idle_keys_derive(const uint8_t secret[32], struct idle_keys *keys_r);

/* Made once, by a child that can be believed. */
struct idle_order {
	struct cv_span bytes;		/* IDLE_MSG_ORDER */
	uint64_t proof_idle, proof_wake;
};
/* session_id, user and conn of s.  Bytes in pool. */
int idle_order_make(const struct session_start *s,
		    const struct idle_keys *keys, struct cv_pool *pool,
		    struct idle_order *order_r, struct cv_error *err);
/* Reads them back; the other members of *s_r are empty.  CV_E_DENIED: the
 * proof is none under this key. */
int idle_order_read(struct cv_span bytes, uint64_t proof,
		    const uint8_t key[HASH_MAC_KEY_BYTES],
		    struct cv_pool *pool, struct session_start *s_r,
		    struct cv_error *err);

struct idle_sleep {
	struct idle_order order;
	int transport_fd;
	int state_fd;		/* -1: the state stands in the message */
	struct cv_span state;
	bool wakes;		/* by what is watched */
	/* The client decompresses: what is sent is stored blocks [RFC1951
	 * 3.2.4]. */
	bool packed;
	/* Sent as it is, so often; 0: never. */
	uint64_t keepalive_msecs;
	struct cv_span keepalive;
	/* The connection ends after so long without input; 0: never. */
	uint64_t limit_msecs;
	struct cv_span bye;	/* before a sentence that says why it ends */
	struct cv_span bye_end;	/* after it */
	struct cv_span stats;	/* of the line in the log */
};

void idle_sleep_put(struct ipc_writer *w, const struct idle_sleep *s);
/* Spans point into the reader; descriptors are the caller's, -1 on failure. */
int idle_sleep_get(struct ipc_reader *r, struct idle_sleep *s_r,
		   struct cv_error *err);

struct idle_wake {
	struct cv_span order;
	uint64_t proof;
	int transport_fd, state_fd;
	struct cv_span state;
};

void idle_wake_put(struct ipc_writer *w, const struct idle_wake *wake);
int idle_wake_get(struct ipc_reader *r, struct idle_wake *wake_r,
		  struct cv_error *err);

/* WATCHING and ASLEEP. */
int idle_answer_send(int fd, uint32_t type, bool yes, const char *why,
		     struct cv_error *err);
/* CV_OK: yes.  CV_E_LIMIT with the reason: no.  Waits at most so long. */
int idle_answer_wait(int fd, uint32_t type, uint32_t timeout_msecs,
		     struct cv_error *err);

#endif
