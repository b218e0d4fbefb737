/* dump.h - what is in an account and in each of its files, item by item, for
 * people and for tests (culveradm dump).
 *
 * Nothing here writes or locks.  A damaged file is gone through to its end:
 * an item "problem" says where and what. */
#ifndef DUMP_H
#define DUMP_H

#include "account.h"

enum dump_kind {
	DUMP_NUMBER, DUMP_SIGNED, DUMP_BOOL,
	DUMP_TEXT,		/* any bytes */
	DUMP_NONE,		/* nothing is there */
	DUMP_LIST,		/* of texts */
};

struct dump_field {
	const char *name;
	enum dump_kind kind;
	uint64_t number;	/* a DUMP_SIGNED one as int64_t */
	struct cv_span text;
	const struct cv_span *items;	/* DUMP_LIST */
	uint32_t count;
};

struct dump_item {
	const char *what;	/* "journal", "append", "problem" */
	const struct dump_field *fields;
	uint32_t count;
	bool problem;
};

/* Everything is valid during the call only. */
typedef void dump_sink(void *context, const struct dump_item *item);

/* Whether a file of an account has this name [doc/format-account.md], and
 * damaged ones that were set aside. */
bool dump_knows_name(struct cv_span name);

/* A journal, snapshot or catalogue, whatever its name: told by its first
 * bytes.  CV_OK also when it is damaged; CV_E_SYNTAX: it is none of these. */
int dump_file(struct io *io, int dirfd, const char *path, dump_sink *sink,
	      void *context, struct cv_error *err);

/* The account as the engine sees it: items "account", "metadata", "folder",
 * "message".  All folders are loaded. */
int dump_account(struct account *account, dump_sink *sink, void *context,
		 struct cv_error *err);

/* True for UTF-8 without control characters, which can be shown as it is. */
bool dump_is_text(struct cv_span bytes);

#endif
