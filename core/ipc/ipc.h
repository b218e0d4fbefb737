/* ipc.h - messages between our own processes.
 *
 * A message is one packet of a SOCK_SEQPACKET socket: a header (length, type,
 * number of descriptors) and typed, length-prefixed fields in a fixed order;
 * descriptors travel along.  The receiver treats the sender as hostile: each
 * get function names the type and the largest size it accepts, the first
 * mismatch makes all later ones return empty values, and ipc_finish tells.
 *
 *	struct ipc_writer w;
 *	ipc_begin(&w, AUTH_MSG_ABORT);
 *	ipc_put_u32(&w, id);
 *	status = ipc_send(fd, &w, err);
 *
 *	struct ipc_reader r;
 *	status = ipc_receive(fd, &r, err);
 *	id = ipc_get_u32(&r);
 *	status = ipc_finish(&r, err);
 *
 * A "port" is a shared socket on which channels to a service are opened: the
 * client makes a socket pair and sends one end (ipc_channel_open).  Both ends
 * of a port outlive the processes that use it, so a request waits while the
 * service is being restarted. */
#ifndef IPC_H
#define IPC_H

#include "base.h"

enum {
	IPC_MESSAGE_MAX = 32768,	/* bytes, header included */
	IPC_FDS_MAX = 4,
	IPC_MSG_CHANNEL = 1,		/* on a port: one descriptor */
};

struct ipc_writer {
	uint32_t type;
	bool failed;			/* something did not fit */
	uint32_t fd_count;
	int fds[IPC_FDS_MAX];
	size_t len;
	unsigned char data[IPC_MESSAGE_MAX];
};

struct ipc_reader {
	uint32_t type;
	bool failed;
	uint32_t fd_count, fd_taken;
	int fds[IPC_FDS_MAX];
	size_t at, len;
	unsigned char data[IPC_MESSAGE_MAX];
};

/* For a message that is put together and sent within one function: large
 * frames and many buffers cost a new process a page each. */
extern struct ipc_writer ipc_scratch;

void ipc_begin(struct ipc_writer *w, uint32_t type);
void ipc_put_bool(struct ipc_writer *w, bool value);
void ipc_put_u32(struct ipc_writer *w, uint32_t value);
void ipc_put_u64(struct ipc_writer *w, uint64_t value);
void ipc_put_span(struct ipc_writer *w, struct cv_span span);
/* NULL is sent as "". */
void ipc_put_str(struct ipc_writer *w, const char *str);
/* The descriptor is duplicated by sending; the caller keeps its own. */
void ipc_put_fd(struct ipc_writer *w, int fd);

/* Sends the message whole.  CV_E_LIMIT: it did not fit; CV_EOF: the peer is
 * gone; CV_E_TEMP: the queue of a non-blocking socket is full, the send
 * timeout passed, or too many descriptors are under way. */
int ipc_send(int fd, const struct ipc_writer *w, struct cv_error *err);
/* As ipc_send, and never waits: for a socket that came from a process that
 * is trusted less.  It may have kept a copy and made that one blocking. */
int ipc_send_now(int fd, const struct ipc_writer *w, struct cv_error *err);

/* What ipc_fields gave and somebody kept; results as of ipc_send; never
 * waits. */
int ipc_send_fields(int fd, uint32_t type, struct cv_span fields,
		    const int *fds, uint32_t fd_count, struct cv_error *err);

/* Sends a message on as it was received, descriptors included; those that the
 * reader has not given out stay with it.  To be called before any is taken.
 * Results as of ipc_send; never waits. */
int ipc_forward(int fd, const struct ipc_reader *r, struct cv_error *err);

/* Receives one message; descriptors come close-on-exec.  CV_OK; CV_EOF;
 * CV_NOT_FOUND: nothing there (non-blocking); CV_E_TIMEOUT; CV_E_SYNTAX: not
 * a message (nothing is kept of it). */
int ipc_receive(int fd, struct ipc_reader *r, struct cv_error *err);
/* As ipc_receive, and never waits: see ipc_send_now. */
int ipc_receive_now(int fd, struct ipc_reader *r, struct cv_error *err);
/* As ipc_receive, waiting at most so long; 0: not at all. */
int ipc_receive_wait(int fd, uint32_t timeout_msecs, struct ipc_reader *r,
		     struct cv_error *err);
/* Reads a message from bytes: the same checks (tests, fuzzing, frozen
 * state).  fds become the reader's, also on failure. */
int ipc_reader_init(struct ipc_reader *r, struct cv_span bytes,
		    const int *fds, uint32_t fd_count, struct cv_error *err);

/* What has been put into a message, to be kept and read again; data NULL: it
 * did not fit.  Points into the writer. */
struct cv_span ipc_fields(const struct ipc_writer *w);
void ipc_reader_fields(struct ipc_reader *r, uint32_t type,
		       struct cv_span fields);

bool ipc_get_bool(struct ipc_reader *r);
uint32_t ipc_get_u32(struct ipc_reader *r);
uint64_t ipc_get_u64(struct ipc_reader *r);
/* A count that announces repeated fields; 0 and failure when above max. */
uint32_t ipc_get_count(struct ipc_reader *r, uint32_t max);
/* Points into the reader. */
struct cv_span ipc_get_span(struct ipc_reader *r, size_t max);
/* Points into the reader, NUL-terminated, no NUL inside; never NULL. */
const char *ipc_get_str(struct ipc_reader *r, size_t max);
/* The caller's from now on; -1 when there is none left. */
int ipc_get_fd(struct ipc_reader *r);
/* As ipc_get_fd, for what messages will be sent on: fails when it is no
 * connected socket of the kind that ipc_pair makes (an event loop takes no
 * file, and a read from a terminal never ends). */
int ipc_get_socket(struct ipc_reader *r);
/* Descriptors that have not been taken yet. */
uint32_t ipc_fds_left(const struct ipc_reader *r);

/* Ends reading: CV_OK when every field was as asked for and nothing is left;
 * else CV_E_SYNTAX.  Closes descriptors that were not taken. */
int ipc_finish(struct ipc_reader *r, struct cv_error *err);
/* For messages of a type that is not known or not allowed here. */
int ipc_refuse(struct ipc_reader *r, const char *who, struct cv_error *err);

/* A connected pair, close-on-exec.  With non_blocking both ends are. */
int ipc_pair(int fds_r[2], bool non_blocking, struct cv_error *err);
/* Makes a pair and sends one end over the port.  The channel is blocking. */
int ipc_channel_open(int port_fd, int *channel_r, struct cv_error *err);
/* A port is a queue, too, which all clients of a service share: while it is
 * full this waits, at most msecs milliseconds.  CV_E_TEMP: then, and when it is
 * closed. */
int ipc_channel_open_within(int port_fd, uint32_t msecs, int *channel_r,
			    struct cv_error *err);

#endif
