/* fuzz-sync-wire.c - the protocol of culveradm sync from a hostile end, and
 * the state file.  The first byte chooses who reads: the client, the server,
 * the whole engine, or the file's parser; and how much arrives at once. */
#include "sync-feed.h"
#include "sync-memory.h"
#include "sync/sync-private.h"
#include "sync/sync-wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)snprintf(path, sizeof(path), "/dev/shm/fuzz-sync-%d",
		       (int)getpid());
	log_set_level(NULL, LOG_LEVEL_ERROR);
	return 0;
}

static void client(struct cv_span data, size_t step)
{
	struct cv_error err = ERROR_NONE;
	struct sync_side *side;
	int fd = feed_open(data, step);

	if (sync_remote_open(fd, fd, "remote", &side, &err) == CV_OK)
		feed_walk(side);
}

static void server(struct cv_span data, size_t step)
{
	struct cv_error err = ERROR_NONE;
	struct sync_side *side = memory_open(NULL);
	int fd = feed_open(data, step);

	(void)sync_serve(side, fd, fd, &err);
	side->ops->close(&side);
	(void)close(fd);
}

static void engine(struct cv_span data, size_t step, uint8_t how)
{
	struct sync_options options = { .mirror = (how & 1) != 0,
		.dry_run = (how & 2) != 0, .full = true };
	struct sync_report report = { 0 };
	struct cv_error err = ERROR_NONE;
	struct sync_side *memory, *remote;
	int fd = feed_open(data, step);

	if (sync_remote_open(fd, fd, "remote", &remote, &err) < 0)
		return;
	memory = memory_open(NULL);
	if ((how & 4) != 0)
		(void)sync_run(memory, remote, &options, &report, &err);
	else
		(void)sync_run(remote, memory, &options, &report, &err);
	remote->ops->close(&remote);
	memory->ops->close(&memory);
}

/* With the checksum that it should have: the bytes behind it count. */
static void state(struct cv_span data, bool old)
{
	struct cv_pool *pool = pool_create("fuzz state");
	struct cv_error err = ERROR_NONE;
	struct sync_words words;
	struct sync_state loaded;
	struct cv_text file;
	FILE *out = fopen(path, "wb");

	BUG_IF(out == NULL);
	cv_text_init(&file, pool);
	cv_text_append_str(&file, old ? "CVSYNC1\n" : "CVSYNC2\n");
	cv_text_append_span(&file, data);
	wire_put_u32(&file, crc32c(0, file.data, file.len));
	BUG_IF(fwrite(file.data, 1, file.len, out) != file.len);
	BUG_IF(fclose(out) != 0);
	sync_words_init(&words, pool);
	if (sync_state_load(&loaded, pool, path, &words, &err) == CV_OK &&
	    loaded.known)
		BUG_IF(sync_state_save(&loaded, path, &words, &err) < 0);
	(void)unlink(path);
	pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_span rest;
	size_t step;

	if (size < 2)
		return 0;
	step = data[1] == 0 ? 65536 : data[1];
	rest = cv_span((const char *)data + 2, size - 2);
	switch (data[0] & 3) {
	case 0: client(rest, step); break;
	case 1: server(rest, step); break;
	case 2: engine(rest, step, data[0] >> 2); break;
	default: state(rest, (data[0] & 4) == 0); break;
	}
	feed_end();
	return 0;
}
