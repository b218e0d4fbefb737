/* dbox-memory.h - storage-dbox on an I/O port whose only file is a run of
 * bytes, for its parsers of files. */
#ifndef DBOX_MEMORY_H
#define DBOX_MEMORY_H

#include "base.h"
#include "module/module.h"
#include "dbox.h"

#include <sys/stat.h>

extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;

static struct cv_span memory_file;

static inline int memory_open(struct cv_io *io, int dirfd, const char *name,
			      int flags, mode_t mode)
{
	(void)io; (void)dirfd; (void)name; (void)flags; (void)mode;
	return 1000;
}

static inline void memory_close(struct cv_io *io, int fd)
{
	(void)io; (void)fd;
}

static inline ssize_t memory_pread(struct cv_io *io, int fd, void *data,
				   size_t len, uint64_t offset)
{
	(void)io; (void)fd;
	if (offset >= memory_file.len)
		return 0;
	if (len > memory_file.len - offset)
		len = memory_file.len - (size_t)offset;
	memcpy(data, memory_file.data + offset, len);
	return (ssize_t)len;
}

static inline int memory_fstat(struct cv_io *io, int fd, struct stat *st)
{
	(void)io; (void)fd;
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFREG | 0600;
	st->st_size = (off_t)memory_file.len;
	return 0;
}

static inline int memory_provide(struct cv_plugin *self, uint32_t kind,
				 const void *table, struct cv_error *err)
{
	(void)self; (void)kind; (void)table; (void)err;
	return CV_OK;
}

/* Valid for the whole run. */
static inline struct cv_storage_root *memory_root(void)
{
	static const struct cv_io_api api = {
		CV_SIZED(cv_io_api), .open = memory_open,
		.close = memory_close, .pread = memory_pread,
		.fstat = memory_fstat,
	};
	static struct cv_storage_config config = {
		CV_SIZED(cv_storage_config), .io_api = &api, .path = "/",
		.dirname = "",
	};
	static struct cv_storage_root root = {
		.config = &config, .multi = true, .fd = 1000,
		.storage_fd = 1000, .alt_fd = -1, .alt = "",
		.attachments = "",
	};
	static struct cv_host host;

	if (host.size == 0) {
		host = *module_host();
		host.provide = memory_provide;
		(void)storage_dbox_LTX_cv_plugin_desc.init(&host, NULL, NULL);
	}
	return &root;
}

#endif
