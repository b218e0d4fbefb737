/* account-files.c - an account whose meta and bell drivers are local files. */
#include "account-private.h"
#include "bell.h"
#include "meta.h"

static int open_files(struct io *io, int dirfd, const char *dir,
		      const struct account_options *options,
		      struct account **account_r, struct cv_error *err)
{
	struct meta_files_options files = {
		.readonly = options->readonly,
		.dir_mode = options->dir_mode == 0 ? 0700 : options->dir_mode,
		.file_mode = options->file_mode == 0 ? 0600 :
			options->file_mode,
	};
	struct meta *meta;
	struct bell *bell;
	int status = meta_files_open(io, dirfd, dir, &files, &meta, err);

	if (status != CV_OK)
		return status;
	bell = bell_files_open(io, meta_files_dirfd(meta), dir);
	if (bell == NULL) {
		meta_close(&meta);
		return FAIL(err, CV_E_TEMP, "out of memory");
	}
	return account_open_on(meta, bell, options, account_r, err);
}

int account_open(struct io *io, int dirfd, const char *dir,
		 const struct account_options *options,
		 struct account **account_r, struct cv_error *err)
{
	struct cv_error error = ERROR_NONE;
	int status = open_files(io, dirfd, dir, options, account_r, &error);

	if (status != CV_OK) {
		error_prefix(&error, "account '%s'", dir);
		if (err != NULL)
			*err = error;
	}
	return status;
}
