/* remote-wire.c - messages between a session and a broker. */
#include "remote-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HAS_PAYLOAD_FILE = 1, HAS_FD = 2,
	SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
	KEYWORDS_MAX = 4096,
};

/* --- memory files --------------------------------------------------------------- */

int remote_file_create(struct cv_error *err)
{
	int fd = memfd_create("culver-mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd >= 0 ? fd : FAIL_ERRNO(err, errno, "memfd_create failed");
}

int remote_file_append(int fd, struct cv_span data, struct cv_error *err)
{
	while (data.len > 0) {
		ssize_t put = write(fd, data.data, data.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return FAIL_ERRNO(err, errno, "cannot write to a "
					  "memory file");
		data = cv_span_skip(data, (size_t)put);
	}
	return CV_OK;
}

int remote_seal(int fd, struct cv_error *err)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		return FAIL_ERRNO(err, errno, "cannot seal a memory file");
	return CV_OK;
}

int remote_file_size(int fd, uint64_t max, uint64_t *size_r,
		     struct cv_error *err)
{
	struct stat st;
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
		return FAIL(err, CV_E_SYNTAX, "not a sealed memory file");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return FAIL(err, CV_E_LIMIT, "a memory file of %lld bytes",
			    (long long)st.st_size);
	*size_r = (uint64_t)st.st_size;
	return CV_OK;
}

static int read_file(int fd, struct cv_pool *pool, struct cv_span *data_r,
		     struct cv_error *err)
{
	uint64_t size, at = 0;
	char *data;
	int ret = remote_file_size(fd, REMOTE_PAYLOAD_MAX, &size, err);

	if (ret < 0)
		return ret;
	data = pool_alloc(pool, (size_t)size + 1);
	while (at < size) {
		ssize_t got = pread(fd, data + at, (size_t)(size - at),
				    (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return FAIL(err, CV_E_TEMP, "cannot read a memory "
				    "file");
		at += (uint64_t)got;
	}
	*data_r = cv_span(data, (size_t)size);
	return CV_OK;
}

/* --- messages ------------------------------------------------------------------- */

static int payload_file(const struct cv_text *payload, struct cv_error *err)
{
	int fd = remote_file_create(err);
	int ret = fd < 0 ? fd :
		remote_file_append(fd, cv_text_span(payload), err);

	if (ret == CV_OK)
		ret = remote_seal(fd, err);
	if (ret < 0 && fd >= 0)
		(void)close(fd);
	return ret < 0 ? ret : fd;
}

int remote_send(int socket, uint32_t type, uint32_t number,
		const char *client, const struct cv_text *payload, int fd,
		struct cv_error *err)
{
	static struct ipc_writer w;	/* a frame this large costs */
	bool in_file = payload != NULL && payload->len > REMOTE_INLINE_MAX;
	int file = -1, ret;

	if (payload != NULL && payload->len > REMOTE_PAYLOAD_MAX)
		return FAIL(err, CV_E_LIMIT, "an answer of %zu bytes",
			    payload->len);
	if (in_file) {
		file = payload_file(payload, err);
		if (file < 0)
			return file;
	}
	ipc_begin(&w, type);
	ipc_put_u32(&w, number);
	ipc_put_u32(&w, (in_file ? HAS_PAYLOAD_FILE : 0u) |
		    (fd >= 0 ? HAS_FD : 0u));
	ipc_put_str(&w, client);
	ipc_put_span(&w, payload == NULL || in_file ? CV_SPAN("") :
		     cv_span(cv_text_str(payload), payload->len));
	if (in_file)
		ipc_put_fd(&w, file);
	if (fd >= 0)
		ipc_put_fd(&w, fd);
	/* there is one message under way at a time: the queue is never full
	 * unless the other side does not read */
	ret = ipc_send_now(socket, &w, err);
	if (in_file)
		(void)close(file);
	return ret;
}

static int take_message(struct ipc_reader *r, uint32_t type,
			struct cv_pool *pool, struct remote_message *m,
			struct cv_error *err)
{
	uint32_t flags;
	int file = -1, ret;

	*m = (struct remote_message){ .fd = -1, .client = "" };
	if (r->type != type)
		return ipc_refuse(r, "broker", err);
	m->number = ipc_get_u32(r);
	flags = ipc_get_u32(r);
	m->client = pool_strdup(pool, ipc_get_str(r, ERROR_CLIENT_MAX));
	m->payload = pool_span(pool, ipc_get_span(r, REMOTE_INLINE_MAX));
	if (flags & HAS_PAYLOAD_FILE)
		file = ipc_get_fd(r);
	if (flags & HAS_FD)
		m->fd = ipc_get_fd(r);
	ret = ipc_finish(r, err);
	if (ret == CV_OK && file >= 0)
		ret = read_file(file, pool, &m->payload, err);
	if (file >= 0)
		(void)close(file);
	if (ret < 0 && m->fd >= 0) {
		(void)close(m->fd);
		m->fd = -1;
	}
	return ret;
}

int remote_receive(int socket, uint32_t timeout_msecs, uint32_t type,
		   struct cv_pool *pool, struct remote_message *m_r,
		   struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	int ret = timeout_msecs == 0 ? ipc_receive_now(socket, &r, err) :
		ipc_receive_wait(socket, timeout_msecs, &r, err);

	return ret != CV_OK ? ret : take_message(&r, type, pool, m_r, err);
}

/* --- fields --------------------------------------------------------------------- */

static void put_number(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

void remote_put_u32(struct cv_text *out, uint32_t value)
{
	put_number(out, value, 4);
}

void remote_put_u64(struct cv_text *out, uint64_t value)
{
	put_number(out, value, 8);
}

void remote_put_span(struct cv_text *out, struct cv_span span)
{
	remote_put_u32(out, (uint32_t)span.len);
	cv_text_append_span(out, span);
}

void remote_put_str(struct cv_text *out, const char *str)
{
	remote_put_span(out, cv_span_of(str == NULL ? "" : str));
}

void remote_put_set(struct cv_text *out, struct cv_set set)
{
	remote_put_u32(out, set.count);
	for (uint32_t i = 0; i < set.count; i++) {
		remote_put_u32(out, set.ranges[i].first);
		remote_put_u32(out, set.ranges[i].last);
	}
}

void remote_put_keywords(struct cv_text *out, const struct cv_keywords *k)
{
	remote_put_u32(out, k->count);
	for (uint32_t i = 0; i < k->count; i++)
		remote_put_str(out, k->names[i]);
}

static uint64_t take_number(struct remote_reader *r, size_t bytes)
{
	uint64_t value = 0;

	if (r->failed || r->rest.len < bytes) {
		r->failed = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char)r->rest.data[i];
	r->rest = cv_span_skip(r->rest, bytes);
	return value;
}

uint32_t remote_get_u32(struct remote_reader *r)
{
	return (uint32_t)take_number(r, 4);
}

uint64_t remote_get_u64(struct remote_reader *r)
{
	return take_number(r, 8);
}

struct cv_span remote_get_span(struct remote_reader *r, size_t max)
{
	size_t len = remote_get_u32(r);
	struct cv_span span;

	if (r->failed || len > max || len > r->rest.len) {
		r->failed = true;
		return CV_SPAN("");
	}
	span = cv_span(r->rest.data, len);
	r->rest = cv_span_skip(r->rest, len);
	return span;
}

const char *remote_get_str(struct remote_reader *r, size_t max)
{
	struct cv_span span = remote_get_span(r, max);

	if (span.len > 0 && memchr(span.data, '\0', span.len) != NULL) {
		r->failed = true;
		return "";
	}
	return pool_copy(r->pool, span.data, span.len);
}

struct cv_set remote_get_set(struct remote_reader *r)
{
	uint32_t count = remote_get_u32(r), last = 0;
	struct cv_range *ranges;

	if (r->failed || count > r->rest.len / 8) {
		r->failed = true;
		return (struct cv_set){ NULL, 0 };
	}
	ranges = pool_new_array(r->pool, struct cv_range, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		ranges[i].first = remote_get_u32(r);
		ranges[i].last = remote_get_u32(r);
		if (ranges[i].first <= last ||
		    ranges[i].last < ranges[i].first) {
			r->failed = true;
			return (struct cv_set){ NULL, 0 };
		}
		last = ranges[i].last;
	}
	return (struct cv_set){ ranges, count };
}

struct cv_keywords remote_get_keywords(struct remote_reader *r)
{
	uint32_t count = remote_get_u32(r);
	const char **names;

	if (r->failed || count > KEYWORDS_MAX || count > r->rest.len / 4) {
		r->failed = true;
		return (struct cv_keywords){ NULL, 0 };
	}
	names = pool_new_array(r->pool, const char *, count + 1);
	for (uint32_t i = 0; i < count; i++)
		names[i] = remote_get_str(r, 255);
	return (struct cv_keywords){ names, r->failed ? 0 : count };
}

int remote_get_end(struct remote_reader *r, struct cv_error *err)
{
	if (!r->failed && r->rest.len == 0)
		return CV_OK;
	return FAIL(err, CV_E_SYNTAX, "a malformed message");
}
