/* ipc.c - framing, checked reading, descriptor passing. */
#include "ipc.h"
#include "base/time-util.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct ipc_header { uint32_t len, type, fd_count; };

enum ipc_field { FIELD_BOOL = 1, FIELD_U32, FIELD_U64, FIELD_BYTES };

/* --- writing ------------------------------------------------------------- */

struct ipc_writer ipc_scratch;

void ipc_begin(struct ipc_writer *w, uint32_t type)
{
	w->type = type;
	w->failed = false;
	w->fd_count = 0;
	w->len = sizeof(struct ipc_header);
}

static void put(struct ipc_writer *w, enum ipc_field field, const void *data,
		size_t len)
{
	if (w->failed || len >= sizeof(w->data) - w->len) {
		w->failed = true;
		return;
	}
	/* UNSAFE: room for the tag and len bytes was checked above */
	w->data[w->len++] = (unsigned char)field;
	memcpy(w->data + w->len, data, len);
	w->len += len;
}

void ipc_put_bool(struct ipc_writer *w, bool value)
{
	unsigned char byte = value ? 1 : 0;

	put(w, FIELD_BOOL, &byte, 1);
}

void ipc_put_u32(struct ipc_writer *w, uint32_t value)
{
	put(w, FIELD_U32, &value, sizeof(value));
}

void ipc_put_u64(struct ipc_writer *w, uint64_t value)
{
	put(w, FIELD_U64, &value, sizeof(value));
}

/* Length, bytes, and a NUL so that the reader can use it in place. */
void ipc_put_span(struct ipc_writer *w, struct cv_span span)
{
	uint32_t len;

	if (span.len > IPC_MESSAGE_MAX) {
		w->failed = true;
		return;
	}
	len = (uint32_t)span.len;
	put(w, FIELD_BYTES, &len, sizeof(len));
	if (w->failed || span.len >= sizeof(w->data) - w->len) {
		w->failed = true;
		return;
	}
	/* UNSAFE: room for the bytes and the NUL was checked above */
	if (span.len > 0)
		memcpy(w->data + w->len, span.data, span.len);
	w->len += span.len;
	w->data[w->len++] = '\0';
}

void ipc_put_str(struct ipc_writer *w, const char *str)
{
	ipc_put_span(w, cv_span_of(str));
}

void ipc_put_fd(struct ipc_writer *w, int fd)
{
	if (w->fd_count == IPC_FDS_MAX || fd < 0) {
		w->failed = true;
		return;
	}
	w->fds[w->fd_count++] = fd;
}

union fd_room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

static void attach_fds(struct msghdr *msg, union fd_room *room,
		       const int *fds, uint32_t count)
{
	size_t bytes = sizeof(int) * count;
	struct cmsghdr *cmsg;

	if (count == 0)
		return;
	memset(room, 0, sizeof(*room));
	msg->msg_control = room->bytes;
	msg->msg_controllen = CMSG_SPACE(bytes);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(cmsg), fds, bytes);
}

static int send_packet(int fd, uint32_t type, struct cv_span fields,
		       const int *fds, uint32_t fd_count, int flags,
		       struct cv_error *err)
{
	struct ipc_header header = {
		.len = (uint32_t)(sizeof(header) + fields.len), .type = type,
		.fd_count = fd_count,
	};
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)fields.data, fields.len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union fd_room room;
	ssize_t n;

	attach_fds(&msg, &room, fds, fd_count);
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)header.len)
		return CV_OK;
	/* the kernel cuts what is larger than half of the buffer */
	if (n >= 0)
		return FAIL(err, CV_E_INTERNAL, "message of type 0x%x was cut "
			    "to %zd of %u bytes: the kernel's setting "
			    "net.core.wmem_default is too small", type, n,
			    header.len);
	if (errno == EPIPE || errno == ECONNRESET)
		return CV_EOF;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETOOMANYREFS)
		return FAIL(err, CV_E_TEMP, "the receiver's queue is full");
	return FAIL_ERRNO(err, errno, "cannot send message of type 0x%x",
			  type);
}

static int send_writer(int fd, const struct ipc_writer *w, int flags,
		       struct cv_error *err)
{
	const size_t at = sizeof(struct ipc_header);

	if (w->failed)
		return FAIL(err, CV_E_LIMIT,
			    "message of type 0x%x does not fit", w->type);
	return send_packet(fd, w->type, cv_span((const char *)w->data + at,
						w->len - at),
			   w->fds, w->fd_count, flags, err);
}

int ipc_send(int fd, const struct ipc_writer *w, struct cv_error *err)
{
	return send_writer(fd, w, 0, err);
}

int ipc_send_now(int fd, const struct ipc_writer *w, struct cv_error *err)
{
	return send_writer(fd, w, MSG_DONTWAIT, err);
}

int ipc_send_fields(int fd, uint32_t type, struct cv_span fields,
		    const int *fds, uint32_t fd_count, struct cv_error *err)
{
	return send_packet(fd, type, fields, fds, fd_count, MSG_DONTWAIT, err);
}

int ipc_forward(int fd, const struct ipc_reader *r, struct cv_error *err)
{
	const size_t at = sizeof(struct ipc_header);

	BUG_IF(r->len < at || r->fd_taken > 0);
	return send_packet(fd, r->type, cv_span((const char *)r->data + at,
						r->len - at),
			   r->fds, r->fd_count, MSG_DONTWAIT, err);
}

/* --- reading ------------------------------------------------------------- */

static void close_fds(struct ipc_reader *r)
{
	while (r->fd_taken < r->fd_count)
		(void)close(r->fds[r->fd_taken++]);
}

static int reader_check(struct ipc_reader *r, struct cv_error *err)
{
	struct ipc_header header;

	r->failed = false;
	r->fd_taken = 0;
	if (r->len >= sizeof(header)) {
		memcpy(&header, r->data, sizeof(header));
		if (header.len == r->len && header.fd_count == r->fd_count) {
			r->type = header.type;
			r->at = sizeof(header);
			return CV_OK;
		}
	}
	close_fds(r);
	r->len = r->at = 0;
	return FAIL(err, CV_E_SYNTAX, "malformed message between processes");
}

int ipc_reader_init(struct ipc_reader *r, struct cv_span bytes,
		    const int *fds, uint32_t fd_count, struct cv_error *err)
{
	r->fd_count = 0;
	for (uint32_t i = 0; i < fd_count; i++) {
		if (r->fd_count < IPC_FDS_MAX)
			r->fds[r->fd_count++] = fds[i];
		else
			(void)close(fds[i]);
	}
	r->len = bytes.len <= sizeof(r->data) ? bytes.len : 0;
	if (r->len > 0)
		memcpy(r->data, bytes.data, r->len);
	return reader_check(r, err);
}

struct cv_span ipc_fields(const struct ipc_writer *w)
{
	if (w->failed)
		return CV_SPAN_NONE;
	return cv_span((const char *)w->data + sizeof(struct ipc_header),
		       w->len - sizeof(struct ipc_header));
}

void ipc_reader_fields(struct ipc_reader *r, uint32_t type,
		       struct cv_span fields)
{
	r->type = type;
	r->failed = fields.len > sizeof(r->data);
	r->fd_count = r->fd_taken = 0;
	r->at = 0;
	r->len = r->failed ? 0 : fields.len;
	if (r->len > 0)
		memcpy(r->data, fields.data, r->len);
}

static void collect_fds(struct ipc_reader *r, struct msghdr *msg)
{
	r->fd_count = 0;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			       sizeof(fd));
			if (r->fd_count < IPC_FDS_MAX)
				r->fds[r->fd_count++] = fd;
			else
				(void)close(fd);
		}
	}
}

static int receive(int fd, int flags, struct ipc_reader *r,
		   struct cv_error *err)
{
	struct iovec iov = { r->data, sizeof(r->data) };
	union fd_room room;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room.bytes, .msg_controllen = sizeof(room),
	};
	ssize_t n;
	int reset = 0;

	r->len = r->at = 0;
	r->fd_count = r->fd_taken = 0;
	r->failed = true;
	/* A peer that closes with messages of ours unread resets the
	 * connection, and the kernel says so once before what the peer had
	 * sent to us: its reasons. */
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | flags);
	} while (n < 0 && (errno == EINTR ||
			   (errno == ECONNRESET && !reset++)));
	if (n < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return CV_NOT_FOUND;
		if (errno == ECONNRESET)
			return CV_EOF;
		return FAIL_ERRNO(err, errno, "cannot receive a message");
	}
	collect_fds(r, &msg);
	if (n == 0 && r->fd_count == 0)
		return CV_EOF;
	/* a cut message must not be taken for a whole one */
	r->len = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? 0 :
		(size_t)n;
	return reader_check(r, err);
}

int ipc_receive(int fd, struct ipc_reader *r, struct cv_error *err)
{
	return receive(fd, 0, r, err);
}

int ipc_receive_now(int fd, struct ipc_reader *r, struct cv_error *err)
{
	return receive(fd, MSG_DONTWAIT, r, err);
}

int ipc_receive_wait(int fd, uint32_t timeout_msecs, struct ipc_reader *r,
		     struct cv_error *err)
{
	uint64_t end = time_monotonic_msecs() + timeout_msecs;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = time_monotonic_msecs();
		int n = poll(&p, 1, now >= end ? 0 : (int)(end - now));

		if (n > 0)
			return ipc_receive(fd, r, err);
		if (n == 0)
			return FAIL(err, CV_E_TIMEOUT, "no answer in time");
		if (errno != EINTR)
			return FAIL_ERRNO(err, errno, "poll failed");
	}
}

/* The bytes of the next field when it is of that kind, else NULL. */
static const unsigned char *get(struct ipc_reader *r, enum ipc_field field,
				size_t len)
{
	const unsigned char *at = r->data + r->at;

	/* UNSAFE: at most len + 1 bytes from at, checked against len */
	if (r->failed || r->len - r->at <= len || *at != field) {
		r->failed = true;
		return NULL;
	}
	r->at += len + 1;
	return at + 1;
}

bool ipc_get_bool(struct ipc_reader *r)
{
	const unsigned char *at = get(r, FIELD_BOOL, 1);

	if (at == NULL)
		return false;
	if (*at > 1)
		r->failed = true;
	return *at == 1;
}

uint32_t ipc_get_u32(struct ipc_reader *r)
{
	const unsigned char *at = get(r, FIELD_U32, sizeof(uint32_t));
	uint32_t value = 0;

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return value;
}

uint64_t ipc_get_u64(struct ipc_reader *r)
{
	const unsigned char *at = get(r, FIELD_U64, sizeof(uint64_t));
	uint64_t value = 0;

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return value;
}

uint32_t ipc_get_count(struct ipc_reader *r, uint32_t max)
{
	uint32_t value = ipc_get_u32(r);

	if (value <= max)
		return value;
	r->failed = true;
	return 0;
}

struct cv_span ipc_get_span(struct ipc_reader *r, size_t max)
{
	const unsigned char *at = get(r, FIELD_BYTES, sizeof(uint32_t));
	uint32_t len;

	if (at == NULL)
		return cv_span("", 0);
	memcpy(&len, at, sizeof(len));
	at = r->data + r->at;
	if (len > max || r->len - r->at <= len || at[len] != '\0') {
		r->failed = true;
		return cv_span("", 0);
	}
	r->at += (size_t)len + 1;
	return cv_span((const char *)at, len);
}

const char *ipc_get_str(struct ipc_reader *r, size_t max)
{
	struct cv_span span = ipc_get_span(r, max);

	if (span.len > 0 && memchr(span.data, '\0', span.len) != NULL) {
		r->failed = true;
		return "";
	}
	return span.data;
}

int ipc_get_fd(struct ipc_reader *r)
{
	if (r->failed || r->fd_taken == r->fd_count) {
		r->failed = true;
		return -1;
	}
	return r->fds[r->fd_taken++];
}

static bool is_channel(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int), peer_len = sizeof(peer);
	int domain, type;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		domain == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		type == SOCK_SEQPACKET &&
		getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0;
}

int ipc_get_socket(struct ipc_reader *r)
{
	int fd = ipc_get_fd(r);

	if (fd < 0 || is_channel(fd))
		return fd;
	(void)close(fd);
	r->failed = true;
	return -1;
}

uint32_t ipc_fds_left(const struct ipc_reader *r)
{
	return r->fd_count - r->fd_taken;
}

int ipc_finish(struct ipc_reader *r, struct cv_error *err)
{
	bool whole = !r->failed && r->at == r->len &&
		r->fd_taken == r->fd_count;

	close_fds(r);
	if (whole)
		return CV_OK;
	return FAIL(err, CV_E_SYNTAX, "message of type 0x%x has unexpected "
		    "fields", r->type);
}

int ipc_refuse(struct ipc_reader *r, const char *who, struct cv_error *err)
{
	close_fds(r);
	return FAIL(err, CV_E_SYNTAX, "'%s' sent a message of type 0x%x, "
		    "which it may not", who, r->type);
}

/* --- channels ------------------------------------------------------------ */

int ipc_pair(int fds_r[2], bool non_blocking, struct cv_error *err)
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (non_blocking)
		type |= SOCK_NONBLOCK;
	if (socketpair(AF_UNIX, type, 0, fds_r) == 0)
		return CV_OK;
	fds_r[0] = fds_r[1] = -1;
	return FAIL_ERRNO(err, errno, "cannot make a socket pair");
}

int ipc_channel_open(int port_fd, int *channel_r, struct cv_error *err)
{
	return ipc_channel_open_within(port_fd, 0, channel_r, err);
}

int ipc_channel_open_within(int port_fd, uint32_t msecs, int *channel_r,
			    struct cv_error *err)
{
	const uint64_t end = time_monotonic_msecs() + msecs;
	int fds[2], status, pause = 2;

	*channel_r = -1;
	status = ipc_pair(fds, false, err);
	if (status != CV_OK)
		return status;
	do {
		status = send_packet(port_fd, IPC_MSG_CHANNEL, cv_span("", 0),
				     &fds[1], 1, MSG_DONTWAIT, err);
		/* the kernel counts descriptors in flight, too: a port that can
		 * be written to says nothing */
		if (status == CV_E_TEMP && msecs > 0)
			(void)poll(NULL, 0, pause);
		pause = pause < 50 ? pause * 2 : pause;
	} while (status == CV_E_TEMP && time_monotonic_msecs() < end);
	(void)close(fds[1]);
	if (status != CV_OK) {
		(void)close(fds[0]);
		return status == CV_EOF ? FAIL(err, CV_E_TEMP,
			"the service's port is closed") : status;
	}
	*channel_r = fds[0];
	return CV_OK;
}
