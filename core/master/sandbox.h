/* sandbox.h - what a process may ask of the kernel.
 *
 * Two walls: a system call filter (seccomp) made from classes, and Landlock
 * for paths, TCP and signals.  A forbidden call fails with EPERM or EACCES;
 * nobody is killed for it, so that a library that merely asks goes on.
 *
 * A zygote is under the filter of its children and of what their beginning
 * needs; a child only adds a short one that takes the latter away. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "service.h"
#include "module/syscall-filter.h"

/* Compiles the filter of these classes.  CV_E_UNSUPPORTED: built without
 * libseccomp's header, or not for this architecture. */
int sandbox_filter_create(uint32_t classes, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err);
/* The filter for the child of a process that has the filter of the classes
 * have: what is left is what both allow, no more than keep.  It names only
 * what is taken away, which is short, so that a child costs little: the
 * kernel compiles a filter for each process that enters one. */
int sandbox_filter_narrow(uint32_t have, uint32_t keep, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err);
/* For the rest of this process's life.  Sets no_new_privs. */
int sandbox_filter_apply(const struct sandbox_filter *filter,
			 struct cv_error *err);

/* Descriptors (O_PATH) of paths, opened before the fork. */
struct sandbox_paths {
	ARRAY(struct sandbox_path { int fd; bool write; bool dir; }) items;
};

void sandbox_paths_init(struct sandbox_paths *paths, struct cv_pool *pool);
/* A path that does not exist is left out. */
void sandbox_paths_add(struct sandbox_paths *paths, const char *path,
		       bool write);
void sandbox_paths_close(struct sandbox_paths *paths);
/* What libraries read at run time: gconv, time zones, NSS, randomness. */
void sandbox_paths_add_common(struct sandbox_paths *paths);

enum {
	SANDBOX_ALLOW_CONNECT = 1,	/* TCP connect */
	SANDBOX_ALLOW_EXECUTE = 2,	/* of what lies in the paths */
};

/* Asks the kernel what Landlock it has: once, for this process and those that
 * it will fork. */
void sandbox_landlock_ask(void);

/* From now on only these paths can be reached, no TCP port can be bound or
 * connected to, no process outside be signalled.  Sets no_new_privs.
 * CV_E_UNSUPPORTED: the kernel has no Landlock. */
int sandbox_landlock(const struct sandbox_paths *paths, uint32_t allow,
		     struct cv_error *err);

#endif
