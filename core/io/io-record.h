/* io-record.h - an I/O port that writes down what is done through it.
 *
 * From the list, tests/fault builds what a power cut at any moment could have
 * left on the disk.  Files and directories are numbered objects; number 0 is
 * the root directory, which must be empty at the beginning. */
#ifndef IO_RECORD_H
#define IO_RECORD_H

#include "io.h"

enum io_record_kind {
	IO_RECORD_CREATE,	/* object in dir under name */
	IO_RECORD_MKDIR,
	IO_RECORD_WRITE,	/* data at offset of object */
	IO_RECORD_TRUNCATE,	/* object to offset bytes */
	IO_RECORD_LINK,		/* object gets another name */
	IO_RECORD_UNLINK,
	IO_RECORD_RENAME,	/* dir/name of object becomes to_dir/to_name */
	IO_RECORD_SYNC,		/* object, a file or a directory */
	IO_RECORD_MARK,		/* what the test wanted to be noted */
};

struct io_record_op {
	enum io_record_kind kind;
	uint32_t object, dir, to_dir;
	const char *name, *to_name;
	uint64_t offset;	/* or the mark */
	struct cv_span data;
};

/* Passes everything on to lower.  Lives in pool. */
struct io *io_record_create(struct io *lower, struct cv_pool *pool,
			    int root_dirfd);
void io_record_mark(struct io *io, uint64_t mark);
/* Valid until the next operation. */
const struct io_record_op *io_record_ops(const struct io *io,
					 size_t *count_r);

#endif
