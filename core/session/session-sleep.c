/* session-sleep.c - a session that nothing is asked of gives its connection to
 * the service idle and ends; another process of the zygote goes on with it.
 *
 *	state = "CVss" u16 version u64 bytes in u64 bytes out
 *	        u32 length, compression (0: none)
 *	        u32 length, plugins' slots
 *	        u32 length, frozen view (0: none)
 *	        u32 length, annotations that the client knows of (0: none)
 *	        the protocol's own
 *
 * Numbers are big-endian.  idle does not look into it. */
#include "session-private.h"

#include "ipc/idle-message.h"
#include "mailbox/mailbox-freeze.h"
#include "mailbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ANSWER_MSECS = 5000, STATE_VERSION = 3, READ_STEP = 65536,
};
static const struct cv_span state_magic = CV_SPAN("CVss");

/* --- while the child can be believed ------------------------------------------- */

/* The zygote's, in its own memory, which children have a copy of. */
static struct idle_keys keys;

void session_sleep_prepare(const uint8_t *secret)
{
	idle_keys_derive(secret, &keys);
}

int session_sleep_order(struct cv_session *s, struct cv_error *err)
{
	struct session_start start = {
		.session_id = s->id, .user = *s->user_info, .conn = s->conn,
	};
	struct idle_order *order = pool_new(s->pool, struct idle_order);
	struct cv_span name = cv_span_of(s->user_info->name);
	int status = idle_order_make(&start, &keys, s->pool, order, err);

	if (status != CV_OK)
		return status;
	s->private->order = order;
	for (int i = 0; i < 4; i++) {
		uint8_t key[HASH_MAC_KEY_BYTES];
		uint64_t word;

		memcpy(key, keys.view + 16 * (i / 2), sizeof(key));
		key[0] ^= (uint8_t)i;
		word = hash_mac(key, name.data, name.len);
		memcpy(s->private->view_key + 8 * i, &word, 8);
	}
	return CV_OK;
}

void session_sleep_forget(void)
{
	explicit_bzero(&keys, sizeof(keys));
}

/* Large states come as a memory file of a process that is not trusted: what
 * it is cannot be changed, but may be anything. */
static int read_state(struct cv_session *s, int fd, struct cv_span *state_r,
		      struct cv_error *err)
{
	struct stat st;
	char *data;
	size_t at = 0;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > IDLE_STATE_MAX)
		return FAIL(err, CV_E_SYNTAX, "a sleeping session's state "
			    "cannot be read");
	data = pool_alloc(s->pool, (size_t)st.st_size);
	while (at < (size_t)st.st_size) {
		ssize_t n = pread(fd, data + at, (size_t)st.st_size - at,
				  (off_t)at);

		if (n <= 0)
			return FAIL(err, CV_E_TEMP, "a sleeping session's "
				    "state ends early");
		at += (size_t)n;
	}
	*state_r = cv_span(data, at);
	return CV_OK;
}

int session_sleep_woken(struct cv_session *s, struct ipc_reader *message,
			struct session_start *start, struct cv_error *err)
{
	struct idle_wake wake;
	int status = idle_wake_get(message, &wake, err);

	if (status != CV_OK)
		return status;
	s->private->state = pool_span(s->pool, wake.state);
	if (wake.state_fd >= 0) {
		status = read_state(s, wake.state_fd, &s->private->state,
				    err);
		(void)close(wake.state_fd);
	}
	if (status == CV_OK)
		status = idle_order_read(wake.order, wake.proof, keys.wake,
					 s->pool, start, err);
	start->transport_fd = wake.transport_fd;
	s->private->woken = true;
	return status;
}

/* --- going to sleep --------------------------------------------------------------- */

static void put_number(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

static void sleep_cancel(struct cv_session *s)
{
	if (s->private->idle >= 0)
		(void)close(s->private->idle);
	s->private->idle = -1;
}

/* Descriptors on their way to idle. */
struct watches { int fds[IDLE_WATCHES_MAX]; uint32_t count; };

static int keep_watch(void *context, int fd, struct cv_error *err)
{
	struct watches *w = context;
	int copy;

	if (w->count == IDLE_WATCHES_MAX)
		return FAIL(err, CV_E_LIMIT, "there is too much to watch");
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return FAIL_ERRNO(err, errno, "fcntl failed");
	w->fds[w->count++] = copy;
	return CV_OK;
}

static int collect_watches(struct cv_session *s, struct cv_mailbox *box,
			   struct watches *w, struct cv_error *err)
{
	int status = CV_OK;

	if (s->user != NULL && user_is_watching(s->user))
		status = user_watch_each(s->user, keep_watch, w, err);
	else if (box != NULL)
		status = mailbox_watch_open(box, w->fds, IDLE_WATCHES_MAX,
					    &w->count, err);
	return status == CV_OK && s->user != NULL ?
		annotations_watch_each(s->user, keep_watch, w, err) : status;
}

static int send_watches(struct cv_session *s, struct cv_mailbox *box,
			struct cv_error *err)
{
	struct watches w = { .count = 0 };
	int status = collect_watches(s, box, &w, err);
	uint32_t sent = 0;

	do {
		ipc_begin(&ipc_scratch, IDLE_MSG_WATCH);
		ipc_put_u32(&ipc_scratch, w.count);
		ipc_put_bool(&ipc_scratch, w.count - sent <= IDLE_WATCHES);
		for (int i = 0; i < IDLE_WATCHES && sent < w.count; i++)
			ipc_put_fd(&ipc_scratch, w.fds[sent++]);
		if (status == CV_OK)
			status = ipc_send(s->private->idle, &ipc_scratch,
					  err);
	} while (status == CV_OK && sent < w.count);
	for (uint32_t i = 0; i < w.count; i++)
		(void)close(w.fds[i]);
	return status;
}

int session_sleep_begin(struct cv_session *s, struct cv_mailbox *box,
			struct cv_error *err)
{
	int status;

	sleep_cancel(s);
	if (s->private->order == NULL || s->connection == NULL)
		return FAIL(err, CV_E_UNSUPPORTED, "there is nobody to give "
			    "the connection to");
	if (!connection_can_move(s->connection))
		return FAIL(err, CV_E_UNSUPPORTED, "the connection is bound "
			    "to its process");
	status = ipc_channel_open(SESSION_IDLE_FD, &s->private->idle, err);
	if (status == CV_OK)
		status = send_watches(s, box, err);
	if (status == CV_OK)
		status = idle_answer_wait(s->private->idle, IDLE_MSG_WATCHING,
					  ANSWER_MSECS, err);
	if (status != CV_OK)
		sleep_cancel(s);
	return status == CV_EOF ? FAIL(err, CV_E_TEMP, "idle has ended") :
		status;
}

/* The length goes in front when it is known. */
static void set_length(struct cv_text *out, size_t at)
{
	uint32_t len = (uint32_t)(out->len - at - 4);

	for (int i = 0; i < 4; i++)
		out->data[at + (size_t)i] = (char)(len >> (8 * (3 - i)));
}

static int freeze(struct cv_session *s, const struct cv_sleep *sleep,
		  struct cv_text *out, bool *packed_r, struct cv_error *err)
{
	size_t at;
	int status;

	cv_text_append_span(out, state_magic);
	put_number(out, STATE_VERSION, 2);
	put_number(out, connection_api.bytes_in(s->connection), 8);
	put_number(out, connection_api.bytes_out(s->connection), 8);
	at = out->len;
	put_number(out, 0, 4);
	if (!connection_freeze(s->connection, out))
		return FAIL(err, CV_E_TEMP, "the client's compression is "
			    "within a block");
	*packed_r = out->len > at + 4;
	set_length(out, at);
	at = out->len;
	put_number(out, 0, 4);
	status = module_slots_freeze(&s->slots, out, err);
	if (status == CV_OK)
		status = module_slots_freeze((struct module_slots *)s->user,
					     out, err);
	if (status == CV_OK && sleep->box != NULL)
		status = module_slots_freeze(
			(struct module_slots *)sleep->box, out, err);
	set_length(out, at);
	at = out->len;
	put_number(out, 0, 4);
	if (status == CV_OK && sleep->box != NULL)
		status = mailbox_freeze(sleep->box, s->private->view_key, out,
					err);
	set_length(out, at);
	at = out->len;
	put_number(out, 0, 4);
	if (status == CV_OK && s->user != NULL)
		status = annotations_freeze(s->user, s->private->view_key,
					    out, err);
	set_length(out, at);
	cv_text_append_span(out, sleep->state);
	if (status == CV_OK && out->len > IDLE_STATE_MAX)
		status = FAIL(err, CV_E_LIMIT, "the session's state has %zu "
			      "bytes", out->len);
	return status;
}

static int state_file(struct cv_span state, int *fd_r, struct cv_error *err)
{
	int fd = memfd_create("sleeping session", MFD_CLOEXEC |
			      MFD_ALLOW_SEALING);
	ssize_t n;

	if (fd < 0)
		return FAIL_ERRNO(err, errno, "memfd_create failed");
	n = write(fd, state.data, state.len);
	if (n != (ssize_t)state.len ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		(void)close(fd);
		return FAIL(err, CV_E_TEMP, "cannot write a memory file");
	}
	*fd_r = fd;
	return CV_OK;
}

static int send_sleep(struct cv_session *s, const struct cv_sleep *sleep,
		      struct cv_span state, bool packed, struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;
	struct idle_sleep message = {
		.order = *s->private->order, .transport_fd = s->transport_fd,
		.state_fd = -1, .state = state, .wakes = sleep->wakes,
		.keepalive_msecs = sleep->keepalive_msecs,
		.keepalive = sleep->keepalive,
		.limit_msecs = sleep->limit_msecs, .bye = sleep->bye,
		.bye_end = sleep->bye_end, .stats = sleep->stats,
		.packed = packed,
	};
	int status = CV_OK;

	if (state.len > IDLE_STATE_INLINE) {
		status = state_file(state, &message.state_fd, err);
		message.state = CV_SPAN("");
	}
	if (status != CV_OK)
		return status;
	idle_sleep_put(w, &message);
	status = ipc_send(s->private->idle, w, err);
	if (message.state_fd >= 0)
		(void)close(message.state_fd);
	return status;
}

int session_sleep(struct cv_session *s, const struct cv_sleep *sleep,
		  struct cv_error *err)
{
	struct cv_text state;
	bool packed = false;
	int status;

	if (s->private->idle < 0)
		return FAIL(err, CV_E_INTERNAL, "sleep without its beginning");
	cv_text_init(&state, s->pool);
	status = freeze(s, sleep, &state, &packed, err);
	if (status == CV_OK)
		status = connection_api.flush(s->connection, err);
	if (status == CV_OK && connection_api.peek(s->connection).len > 0)
		status = FAIL(err, CV_E_TEMP, "the client has spoken");
	if (status == CV_OK)
		status = send_sleep(s, sleep, cv_text_span(&state), packed,
				    err);
	if (status == CV_OK) {
		status = idle_answer_wait(s->private->idle, IDLE_MSG_ASLEEP,
					  ANSWER_MSECS, err);
		/* whose it is then nobody knows: better it ends than that two
		 * answer it */
		if (status == CV_E_TIMEOUT)
			(void)shutdown(s->transport_fd, SHUT_RDWR);
	}
	sleep_cancel(s);
	s->private->asleep = status == CV_OK;
	return status == CV_EOF ? FAIL(err, CV_E_TEMP, "idle has ended") :
		status;
}

/* --- awake again --------------------------------------------------------------------- */

static bool get_number(struct cv_span *in, size_t bytes, uint64_t *value_r)
{
	if (in->len < bytes)
		return false;
	*value_r = 0;
	for (size_t i = 0; i < bytes; i++)
		*value_r = *value_r << 8 | (uint8_t)in->data[i];
	*in = cv_span_skip(*in, bytes);
	return true;
}

static bool get_part(struct cv_span *in, struct cv_span *part_r)
{
	uint64_t len;

	if (!get_number(in, 4, &len) || len > in->len)
		return false;
	*part_r = cv_span(in->data, (size_t)len);
	*in = cv_span_skip(*in, (size_t)len);
	return true;
}

static int thaw_slots(struct cv_session *s, struct cv_span slots,
		      struct cv_mailbox *box, struct cv_error *err)
{
	int status = module_slots_thaw(&s->slots, &slots, err);

	if (status == CV_OK)
		status = module_slots_thaw((struct module_slots *)s->user,
					   &slots, err);
	if (status == CV_OK && box != NULL)
		status = module_slots_thaw((struct module_slots *)box, &slots,
					   err);
	return status == CV_OK && slots.len > 0 ?
		FAIL(err, CV_E_SYNTAX, "a sleeping session had more slots") :
		status;
}

int session_woken(struct cv_session *s, struct cv_mailbox **box_r,
		  struct cv_span *state_r, struct cv_error *err)
{
	struct cv_span in = s->private->state, packed, slots, view, known;
	uint64_t version, bytes_in, bytes_out;
	int status = CV_OK;

	*box_r = NULL;
	if (!s->private->woken)
		return CV_NOT_FOUND;
	if (!cv_span_begins(in, state_magic))
		return FAIL(err, CV_E_SYNTAX, "a sleeping session's state has "
			    "no beginning");
	in = cv_span_skip(in, state_magic.len);
	if (!get_number(&in, 2, &version) || version != STATE_VERSION ||
	    !get_number(&in, 8, &bytes_in) ||
	    !get_number(&in, 8, &bytes_out) || !get_part(&in, &packed) ||
	    !connection_thaw(s->connection, packed) ||
	    !get_part(&in, &slots) ||
	    !get_part(&in, &view) || !get_part(&in, &known))
		return FAIL(err, CV_E_SYNTAX, "a sleeping session's state is "
			    "damaged, or of another version");
	connection_set_counts(s->connection, bytes_in, bytes_out);
	if (view.len > 0)
		status = mailbox_thaw(s->user, view, s->private->view_key,
				      box_r, err);
	if (status == CV_OK)
		status = thaw_slots(s, slots, *box_r, err);
	if (status == CV_OK && s->user != NULL)
		status = annotations_thaw(s->user, known, s->private->view_key,
					  err);
	*state_r = in;
	return status;
}
