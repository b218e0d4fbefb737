/* fuzz-ipc.c - a hostile process sends bytes and descriptors: nothing is
 * believed that does not fit, nothing leaks, and what was accepted says the
 * same when it is sent on.
 *
 * input: kind of message, what comes along (two bits for each of up to four
 * descriptors: none, socket, /dev/null, closed), then the packet behind its
 * header.  The header is made here, so that the fuzzer gets to the fields. */
#include "ipc/anvil-message.h"
#include "ipc/auth-message.h"
#include "ipc/script-message.h"
#include "delivery/delivery-message.h"
#include "master/boot.h"
#include "master/log-line.h"
#include "master/selftest.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct cv_pool *pool;
	struct ipc_reader r;
	struct ipc_writer again;	/* of what was accepted */
	bool compare;			/* whether again is complete */
};

static int sources[2] = { -1, -1 };	/* a socket, a file */
static struct fuzz f;

/* The number a new descriptor gets: the same before and after. */
static int lowest_free(void)
{
	int fd = dup(sources[0]);

	BUG_IF(fd < 0);
	(void)close(fd);
	return fd;
}

static void close_two(int one, int other)
{
	if (one >= 0)
		(void)close(one);
	if (other >= 0)
		(void)close(other);
}

static void try_begin(void)
{
	struct auth_begin m;

	if (auth_begin_get(&f.r, f.pool, &m, NULL) != CV_OK) {
		BUG_IF(m.transport_fd >= 0);
		return;
	}
	auth_begin_put(&f.again, &m);
	close_two(m.transport_fd, -1);
	f.compare = true;
}

static void try_handoff(void)
{
	struct auth_handoff m;

	if (auth_handoff_get(&f.r, &m, NULL) != CV_OK) {
		BUG_IF(m.transport_fd >= 0 || m.status_fd >= 0);
		return;
	}
	auth_handoff_put(&f.again, &m);
	close_two(m.transport_fd, m.status_fd);
	f.compare = true;
}

static void try_user_request(void)
{
	struct auth_user_request m;
	uint32_t type = f.r.type;

	if (auth_user_request_get(&f.r, f.pool, &m, NULL) != CV_OK) {
		BUG_IF(m.transport_fd >= 0 || m.status_fd >= 0);
		return;
	}
	auth_user_request_put(&f.again, type, &m);
	close_two(m.transport_fd, m.status_fd);
	f.compare = true;
}

static void try_answer(void)
{
	struct auth_answer m;
	uint32_t type = f.r.type;

	if (auth_answer_get(&f.r, &m, NULL) != CV_OK)
		return;
	auth_answer_put(&f.again, type, &m);
	f.compare = true;
}

static void try_user(void)
{
	struct user_info m;
	uint32_t id;

	if (auth_user_get(&f.r, f.pool, &id, &m, NULL) != CV_OK)
		return;
	auth_user_put(&f.again, AUTH_MSG_USER, id, &m);
	f.compare = true;
}

static void try_mechanisms(void)
{
	struct auth_mechanisms m;

	if (auth_mechanisms_get(&f.r, f.pool, &m, NULL) != CV_OK)
		return;
	auth_mechanisms_put(&f.again, &m);
	f.compare = true;
}

static void try_session_start(void)
{
	struct session_start m;

	if (session_start_get(&f.r, f.pool, &m, NULL) != CV_OK) {
		BUG_IF(m.transport_fd >= 0 || m.status_fd >= 0);
		return;
	}
	session_start_put(&f.again, &m);
	close_two(m.transport_fd, m.status_fd);
	f.compare = true;
}

static void try_session_started(void)
{
	struct session_started m;

	if (session_started_get(&f.r, &m, NULL) == CV_OK)
		BUG_IF(m.status > 0 || m.text == NULL);
}

static void try_anvil(void)
{
	struct anvil_connect m;
	int fd;

	anvil_connect_get(&f.r, &m);
	fd = ipc_get_socket(&f.r);
	if (ipc_finish(&f.r, NULL) == CV_OK) {
		ipc_begin(&f.again, f.r.type);
		anvil_connect_put(&f.again, &m);
		ipc_put_fd(&f.again, fd);
		f.compare = true;
	}
	close_two(fd, -1);
}

static void try_delivery(void)
{
	struct delivery_order m = { .message_fd = -1 };

	if (delivery_order_get(&f.r, &m, NULL) != CV_OK)
		return;
	delivery_order_put(&f.again, &m);
	close_two(m.message_fd, -1);
	f.compare = true;
}

static void try_delivery_answer(void)
{
	struct delivery_answer m;

	if (delivery_answer_get(&f.r, &m, NULL) == CV_OK)
		BUG_IF(m.status > 0 || m.text == NULL);
}

/* A line that is taken has no control character anywhere. */
static void try_log_line(void)
{
	struct log_line m;

	if (log_line_get(&f.r, &m, NULL) != CV_OK)
		return;
	for (size_t i = 0; i < m.text.len; i++)
		BUG_IF((unsigned char)m.text.data[i] < ' ');
	BUG_IF(strpbrk(m.service, "\r\n\"\\") != NULL);
	BUG_IF(strpbrk(m.category, "\r\n\"\\") != NULL);
	BUG_IF(m.level > LOG_LEVEL_PANIC);
	log_line_put(&f.again, &m);
	f.compare = true;
}

static void try_boot_go(void)
{
	struct boot_go m;

	if (boot_go_get(&f.r, f.pool, &m, NULL) != CV_OK)
		return;
	boot_go_put(&f.again, &m);
	f.compare = true;
}

static void try_selftest(void)
{
	struct selftest m;

	if (selftest_get(&f.r, f.pool, &m, NULL) != CV_OK)
		return;
	ipc_begin(&f.again, f.r.type);
	selftest_put(&f.again, &m);
	close_two(m.answer_fd, -1);
	f.compare = true;
}

/* Any order of fields, as the bytes behind the first one say. */
static void try_fields(void)
{
	for (int i = 0; i < 64; i++) {
		struct cv_span span = ipc_get_span(&f.r, 100);

		BUG_IF(span.data == NULL || span.len > 100);
		BUG_IF(ipc_get_str(&f.r, 16) == NULL);
		BUG_IF(ipc_get_count(&f.r, 9) > 9);
		(void)ipc_get_bool(&f.r);
		(void)ipc_get_u64(&f.r);
	}
	BUG_IF(ipc_finish(&f.r, NULL) == CV_OK);
}

static const struct {
	uint32_t type;
	void (*try)(void);
} kinds[] = {
	{ AUTH_MSG_BEGIN, try_begin }, { AUTH_MSG_HANDOFF, try_handoff },
	{ AUTH_MSG_USER_LOOKUP, try_user_request },
	{ AUTH_MSG_USER_OPEN, try_user_request },
	{ AUTH_MSG_OK, try_answer }, { AUTH_MSG_USER, try_user },
	{ AUTH_MSG_MECHANISMS, try_mechanisms },
	{ SESSION_MSG_START, try_session_start },
	{ SESSION_MSG_STARTED, try_session_started },
	{ ANVIL_MSG_CONNECT, try_anvil },
	{ DELIVERY_MSG_DELIVER, try_delivery },
	{ DELIVERY_MSG_RESULT, try_delivery_answer },
	{ LOG_MSG_LINE, try_log_line }, { BOOT_MSG_GO, try_boot_go },
	{ SELFTEST_MSG_RUN, try_selftest }, { 0, try_fields },
};

/* The fields of a writer behind the header. */
static struct cv_span fields_of(const struct ipc_writer *w)
{
	return cv_span((const char *)w->data + 3 * sizeof(uint32_t),
		       w->len - 3 * sizeof(uint32_t));
}

static uint32_t make_fds(uint8_t choice, int fds[IPC_FDS_MAX])
{
	uint32_t count = 0;

	for (int i = 0; i < IPC_FDS_MAX; i++, choice >>= 2) {
		if ((choice & 3) == 0)
			continue;
		fds[count] = dup(sources[(choice & 3) == 1 ? 0 : 1]);
		BUG_IF(fds[count] < 0);
		count++;
	}
	return count;
}

static void set_up(void)
{
	int pair[2];

	BUG_IF(ipc_pair(pair, true, NULL) != CV_OK);
	sources[0] = pair[0];
	sources[1] = open("/dev/null", O_RDWR);
	BUG_IF(sources[1] < 0);
	log_set_level(NULL, LOG_LEVEL_PANIC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char packet[IPC_MESSAGE_MAX];
	uint32_t header[3];
	int fds[IPC_FDS_MAX], before;
	size_t kind;

	if (sources[0] < 0)
		set_up();
	if (size < 2 || size - 2 > sizeof(packet) - sizeof(header))
		return 0;
	kind = data[0] % (sizeof(kinds) / sizeof(kinds[0]));
	before = lowest_free();
	header[0] = (uint32_t)(sizeof(header) + size - 2);
	header[1] = kinds[kind].type;
	header[2] = make_fds(data[1], fds);
	memcpy(packet, header, sizeof(header));
	memcpy(packet + sizeof(header), data + 2, size - 2);
	f.pool = pool_create("fuzz");
	f.compare = false;
	if (ipc_reader_init(&f.r, cv_span(packet, header[0]), fds, header[2],
			    NULL) == CV_OK)
		kinds[kind].try();
	/* there is one way to write a message */
	BUG_IF(f.compare && (f.again.failed ||
		!cv_span_equal(fields_of(&f.again),
			       cv_span((const char *)data + 2, size - 2))));
	pool_destroy(&f.pool);
	BUG_IF(lowest_free() != before);
	return 0;
}
