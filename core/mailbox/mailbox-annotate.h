/* mailbox-annotate.h - annotations of messages [RFC5257], for the files of this
 * folder. */
#ifndef MAILBOX_ANNOTATE_H
#define MAILBOX_ANNOTATE_H

#include "mailbox-private.h"
#include "remote-wire.h"

struct mime_tree;

/* One that is registered, or a vendor's, with a value that it may have
 * [RFC5257 3.2.1]. */
bool annotation_may_be_set(struct cv_span entry, struct cv_span value);

/* enum cv_annotation_support of who this process serves, with these rights;
 * and that of an open mailbox. */
uint32_t annotations_allowed(struct cv_user *user, const struct namespace *ns,
			     uint32_t rights);
uint32_t mailbox_annotations_state(struct cv_mailbox *box);

/* Those of a message that the user may see, and some that are gone (value NULL),
 * by entry; valid as long as rows are. */
void annotations_get(struct cv_mailbox *box, uint32_t uid,
		     struct cv_pool *pool,
		     const struct cv_annotation **list_r, uint32_t *count_r);
/* False: none. */
bool annotation_get_one(struct cv_mailbox *box, uint32_t uid,
			struct cv_span entry, bool is_private,
			struct cv_span *value_r);

/* CV_E_SYNTAX, CV_E_LIMIT or CV_E_DENIED for one that must not be set. */
int annotations_check(const struct cv_annotation *list, uint32_t count,
		      uint32_t allowed, const char *name,
		      struct cv_error *err);
/* CV_E_LIMIT: more than max of a kind (0: CV_ANNOTATIONS_MAX) have values. */
int annotations_check_count(const struct cv_annotation *list, uint32_t count,
			    uint32_t max, struct cv_error *err);
/* One that is set is of a part; CV_E_SYNTAX: of one that is not there. */
bool annotations_name_parts(const struct cv_annotation *list, uint32_t count);
int annotations_check_parts(const struct cv_annotation *list, uint32_t count,
			    const struct mime_tree *tree,
			    struct cv_error *err);
/* Those that may be set, in pool. */
const struct cv_annotation *
annotations_filter(const struct cv_annotation *list, uint32_t count,
		   uint32_t allowed, struct cv_pool *pool, uint32_t *count_r);
int annotations_put(struct account_txn *txn, struct account_folder *folder,
		    uint32_t uid, const struct cv_annotation *list,
		    uint32_t count, struct cv_error *err);
/* mailbox_store, of a request that has some. */
int mailbox_annotate(struct cv_mailbox *box, const struct cv_store_request *r,
		     struct cv_pool *pool, struct cv_set *modified_r,
		     struct cv_error *err);

void annotations_wire_put(struct cv_text *out,
			  const struct cv_annotation *list, uint32_t count);
/* Spans point into the payload. */
const struct cv_annotation *
annotations_wire_get(struct remote_reader *in, uint32_t *count_r);

#endif
