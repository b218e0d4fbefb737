/* settings-load.h - the files behind a tree: includes and <file values. */
#ifndef SETTINGS_LOAD_H
#define SETTINGS_LOAD_H

#include "settings-private.h"

struct settings_loader {
	size_t bytes, files;	/* so far, against the limits */
};

/* The content of a regular file, in pool.  CV_E_LIMIT: too big; CV_E_SYNTAX:
 * no regular file. */
int settings_file_load(struct settings_loader *loader, const char *path,
		       struct cv_pool *pool, struct cv_span *content_r,
		       struct cv_error *err);

/* name, when it is not absolute, seen from the folder of the file base. */
const char *settings_path_join(struct cv_pool *pool, const char *base,
			       struct cv_span name);

/* The files a pattern with * ? [ ] names, sorted; without such characters
 * the one name, whether it exists or not. */
int settings_glob(const char *pattern, struct cv_pool *pool,
		  struct cv_strings *paths_r, struct cv_error *err);

#endif
