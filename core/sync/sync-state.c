/* sync-state.c - what both ends had in common at the end of the last run.
 *
 * Kept in one file with a CRC: one that is damaged, or of another version, is
 * as good as none.  Without it a run is a first run: nothing is expunged. */
#include "sync-private.h"
#include "sync-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "CVSYNC2\n"
#define MAGIC_OLD "CVSYNC1\n"	/* without annotations of messages */
enum { MAGIC_LEN = 8, FILE_MAX = 1 << 30 };

/* --- writing -------------------------------------------------------------------- */

static void put_entries(struct cv_text *out, const sync_entries *entries)
{
	wire_put_u32(out, (uint32_t)entries->count);
	for (size_t i = 0; i < entries->count; i++) {
		wire_put_span(out, entries->items[i].key);
		wire_put_span(out, entries->items[i].value);
	}
}

static void put_box(struct cv_text *out, const struct sync_state_box *box,
		    const struct sync_words *words)
{
	wire_put_str(out, box->name);
	for (int i = 0; i < 2; i++) {
		cv_text_append(out, box->guid[i], 16);
		wire_put_u32(out, box->uidvalidity[i]);
		wire_put_u32(out, box->uidnext[i]);
		wire_put_u64(out, box->modseq[i]);
	}
	put_entries(out, &box->entries);
	wire_put_u32(out, box->row_count);
	for (uint32_t i = 0; i < box->row_count; i++) {
		const struct sync_state_row *r = &box->rows[i];

		wire_put_u32(out, r->uid[0]);
		wire_put_u32(out, r->uid[1]);
		wire_put_u8(out, (uint8_t)r->flags);
		wire_put_str(out, sync_words_text(words, r->words));
		wire_put_span(out, sync_notes_bytes(words, r->notes));
	}
}

static int write_file(const char *path, struct cv_span data,
		      struct cv_pool *pool, struct cv_error *err)
{
	const char *aside = pool_printf(pool, "%s.new", path);
	int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
		      O_NOFOLLOW, 0600);
	size_t at = 0;
	bool good = fd >= 0;

	while (good && at < data.len) {
		ssize_t n = write(fd, data.data + at, data.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		good = n > 0;
		at += good ? (size_t)n : 0;
	}
	if (good)
		good = fsync(fd) == 0;
	if (fd >= 0)
		good = close(fd) == 0 && good;
	if (good)
		good = rename(aside, path) == 0;
	return good ? CV_OK : FAIL_ERRNO(err, errno, "cannot write the sync "
					 "state '%s'", path);
}

int sync_state_save(const struct sync_state *state, const char *path,
		    const struct sync_words *words, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync state");
	struct cv_text out;
	int ret;

	cv_text_init(&out, pool);
	cv_text_append_str(&out, MAGIC);
	wire_put_u32(&out, (uint32_t)state->subscriptions.count);
	for (size_t i = 0; i < state->subscriptions.count; i++)
		wire_put_str(&out, state->subscriptions.items[i]);
	put_entries(&out, &state->entries);
	wire_put_u32(&out, (uint32_t)state->boxes.count);
	for (size_t i = 0; i < state->boxes.count; i++)
		put_box(&out, state->boxes.items[i], words);
	wire_put_u32(&out, crc32c(0, out.data, out.len));
	ret = write_file(path, cv_text_span(&out), pool, err);
	pool_destroy(&pool);
	return ret;
}

/* --- reading --------------------------------------------------------------------- */

static void get_entries(struct wire_in *in, struct cv_pool *pool,
			sync_entries *entries)
{
	uint32_t count = wire_count(in, 8);

	array_init(entries, pool);
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		struct sync_entry e = {
			.key = pool_span(pool, wire_span(in, SIZE_MAX)),
		};

		e.value = pool_span(pool, wire_span(in, SIZE_MAX));
		*array_add(entries) = e;
	}
}

static struct sync_state_box *get_box(struct wire_in *in,
				      struct cv_pool *pool,
				      struct sync_words *words, bool old)
{
	struct sync_state_box *box = pool_new(pool, struct sync_state_box);

	box->name = wire_str(in, SYNC_NAME_MAX, pool);
	for (int i = 0; i < 2; i++) {
		wire_bytes(in, box->guid[i], 16);
		box->uidvalidity[i] = wire_u32(in);
		box->uidnext[i] = wire_u32(in);
		box->modseq[i] = wire_u64(in);
	}
	get_entries(in, pool, &box->entries);
	box->row_count = wire_count(in, 13);
	box->rows = pool_new_array(pool, struct sync_state_row,
				   (size_t)box->row_count + 1);
	for (uint32_t i = 0; i < box->row_count && !in->bad; i++) {
		struct sync_state_row *r = &box->rows[i];

		r->uid[0] = wire_u32(in);
		r->uid[1] = wire_u32(in);
		r->flags = wire_u8(in) & CV_FLAGS_STORED;
		r->words = sync_words_parse(words, wire_span(in, SIZE_MAX));
		if (!old && !sync_notes_parse(words, wire_span(in, SIZE_MAX),
					      &r->notes))
			in->bad = true;
		/* found by bisection */
		if (i > 0 && r->uid[0] <= box->rows[i - 1].uid[0])
			in->bad = true;
	}
	return box;
}

static void start_empty(struct sync_state *state, struct cv_pool *pool)
{
	*state = (struct sync_state){ .pool = pool };
	array_init(&state->boxes, pool);
	array_init(&state->subscriptions, pool);
	array_init(&state->entries, pool);
}

static void parse(struct sync_state *state, struct cv_span data,
		  const char *path, struct sync_words *words)
{
	struct cv_pool *pool = state->pool;
	struct wire_in in = { (const unsigned char *)data.data, data.len,
		false };
	struct wire_in tail;
	bool old = cv_span_begins(data, CV_SPAN(MAGIC_OLD));
	uint32_t count;

	if (data.len < MAGIC_LEN + 4 ||
	    (!old && memcmp(data.data, MAGIC, MAGIC_LEN) != 0)) {
		log_warning("sync", "'%s' is no sync state: starting anew",
			    path);
		return;
	}
	tail = (struct wire_in){ in.data + data.len - 4, 4, false };
	in.left -= 4;
	if (wire_u32(&tail) != crc32c(0, data.data, data.len - 4)) {
		log_warning("sync", "the sync state '%s' is damaged: starting "
			    "anew", path);
		return;
	}
	in.data += MAGIC_LEN;
	in.left -= MAGIC_LEN;
	count = wire_count(&in, 4);
	for (uint32_t i = 0; i < count && !in.bad; i++)
		*array_add(&state->subscriptions) =
			wire_str(&in, SYNC_NAME_MAX, pool);
	get_entries(&in, pool, &state->entries);
	count = wire_count(&in, 64);
	for (uint32_t i = 0; i < count && !in.bad; i++)
		*array_add(&state->boxes) = get_box(&in, pool, words,
							old);
	state->known = !in.bad;
	if (in.bad)
		start_empty(state, pool);
}

static int read_file(int fd, uint64_t size, struct cv_pool *pool,
		     const char *path, struct cv_span *data_r,
		     struct cv_error *err)
{
	char *data;
	size_t at = 0;

	if (size > FILE_MAX)
		return FAIL(err, CV_E_LIMIT, "the sync state '%s' is too "
			    "large", path);
	data = pool_alloc(pool, (size_t)size + 1);
	while (at < size) {
		ssize_t n = read(fd, data + at, (size_t)size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_ERRNO(err, errno, "cannot read '%s'",
					  path);
		if (n == 0)
			break;
		at += (size_t)n;
	}
	*data_r = cv_span(data, at);
	return CV_OK;
}

int sync_state_load(struct sync_state *state, struct cv_pool *pool,
		    const char *path, struct sync_words *words,
		    struct cv_error *err)
{
	struct cv_span data = CV_SPAN_NONE;
	struct stat st;
	int ret = CV_OK, fd;

	start_empty(state, pool);
	if (path == NULL)
		return CV_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return CV_OK;
	if (fd < 0 || fstat(fd, &st) < 0)
		ret = FAIL_ERRNO(err, errno, "cannot open the sync state "
				 "'%s'", path);
	if (ret == CV_OK)
		ret = read_file(fd, (uint64_t)st.st_size, pool, path, &data,
				err);
	if (ret == CV_OK)
		parse(state, data, path, words);
	if (fd >= 0)
		(void)close(fd);
	return ret;
}
