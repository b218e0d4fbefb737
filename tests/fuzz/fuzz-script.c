/* fuzz-script.c - the messages around a post-login script: what a session
 * asks for (RUN), what the user's own program reports (FIELDS), what the
 * session is told (END).  Through a real socket, as the service reads them.
 *
 * input: which message, how many descriptors, then the fields. */
#include "ipc/script-message.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int channel[2] = { -1, -1 }, null = -1;
static struct ipc_reader r;
static struct ipc_writer again;

static int lowest_free(void)
{
	int fd = dup(null);

	BUG_IF(fd < 0);
	(void)close(fd);
	return fd;
}

static bool same(struct cv_span fields)
{
	const size_t header = 3 * sizeof(uint32_t);

	return !again.failed && cv_span_equal(fields,
		cv_span((const char *)again.data + header,
			again.len - header));
}

static void try_run(struct cv_pool *pool, struct cv_span fields)
{
	struct script_run run;

	if (script_run_get(&r, pool, &run, NULL) != CV_OK)
		return;
	BUG_IF(run.user.group_count > USER_GROUPS_MAX ||
	       run.user.field_count > USER_FIELDS_MAX);
	ipc_begin(&again, SCRIPT_MSG_RUN);
	script_run_put(&again, &run);
	BUG_IF(!same(fields));
	(void)close(run.client_fd);
	(void)close(run.answer_fd);
}

static void check_list(const struct script_fields *list)
{
	BUG_IF(list->count > USER_FIELDS_MAX);
	for (uint32_t i = 0; i < list->count; i++)
		BUG_IF(strlen(list->items[i].name) > USER_NAME_MAX ||
		       strlen(list->items[i].value) > USER_VALUE_MAX);
}

static void try_fields(struct cv_pool *pool, struct cv_span fields, bool end)
{
	uint32_t failure = end ? ipc_get_u32(&r) : 0;
	struct script_fields list;

	if (script_fields_get(&r, pool, &list, NULL) != CV_OK)
		return;
	check_list(&list);
	ipc_begin(&again, SCRIPT_MSG_FIELDS);
	if (end)
		ipc_put_u32(&again, failure);
	script_fields_put(&again, &list);
	BUG_IF(!same(fields));
}

/* The packet, not made by ipc_send: its fields are the fuzzer's. */
static bool send_packet(uint32_t type, uint32_t count, struct cv_span fields)
{
	uint32_t header[3] = {
		(uint32_t)(sizeof(header) + fields.len), type, count,
	};
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ (void *)(uintptr_t)fields.data, fields.len },
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
	} room = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fds[3] = { null, channel[0], null };
	struct cmsghdr *cmsg;

	if (count > 0) {
		msg.msg_control = room.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	return sendmsg(channel[0], &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void set_up(void)
{
	BUG_IF(ipc_pair(channel, true, NULL) != CV_OK);
	null = open("/dev/null", O_RDWR);
	BUG_IF(null < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t types[] = {
		SCRIPT_MSG_RUN, SCRIPT_MSG_FIELDS, SCRIPT_MSG_END,
	};
	struct cv_span fields;
	struct cv_pool *pool;
	int before;

	if (channel[0] < 0)
		set_up();
	if (size < 2)
		return 0;
	before = lowest_free();
	fields = cv_span((const char *)data + 2, size - 2);
	if (!send_packet(types[data[0] % 3], data[1] % 4, fields))
		return 0;
	pool = pool_create("fuzz");
	if (ipc_receive_wait(channel[1], 0, &r, NULL) == CV_OK) {
		if (r.type == SCRIPT_MSG_RUN)
			try_run(pool, fields);
		else
			try_fields(pool, fields, r.type == SCRIPT_MSG_END);
	}
	pool_destroy(&pool);
	BUG_IF(lowest_free() != before);
	return 0;
}
