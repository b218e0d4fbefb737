/* dump-private.h - what the files that dump something share. */
#ifndef DUMP_PRIVATE_H
#define DUMP_PRIVATE_H

#include "account-private.h"
#include "dump.h"

struct dump {
	dump_sink *sink;
	void *context;
	struct cv_pool *pool;		/* of one item */
	ARRAY(struct dump_field) fields;
	struct meta_object *object;	/* the file, if it is one */
	uint64_t size;
};

void dump_init(struct dump *dump, dump_sink *sink, void *context);
void dump_deinit(struct dump *dump);

/* Fields are put first, then the item. */
void dump_number(struct dump *dump, const char *name, uint64_t number);
void dump_signed(struct dump *dump, const char *name, int64_t number);
void dump_bool(struct dump *dump, const char *name, bool value);
void dump_text(struct dump *dump, const char *name, struct cv_span text);
void dump_f(struct dump *dump, const char *name, const char *fmt, ...)
	CV_PRINTF(3, 4);
void dump_none(struct dump *dump, const char *name);
/* items must live until the item is put. */
void dump_list(struct dump *dump, const char *name,
	       const struct cv_span *items, uint32_t count);
void dump_guid(struct dump *dump, const char *name,
	       const struct account_guid *guid);
/* Names of the flags of a message. */
void dump_flags(struct dump *dump, uint32_t flags);
/* Length and checksum of some bytes. */
void dump_summary(struct dump *dump, const char *name, struct cv_span bytes);
void dump_item(struct dump *dump, const char *what);
void dump_problem(struct dump *dump, uint64_t at, const char *fmt, ...)
	CV_PRINTF(3, 4);

int dump_object(struct meta_object *object, dump_sink *sink, void *context,
		struct cv_error *err);

void dump_journal(struct dump *dump);
void dump_snapshot(struct dump *dump);
void dump_catalogue(struct dump *dump);

#endif
