/* adm-query.h - the search language of doveadm-search-query(7).
 *
 * It is IMAP's with arguments of a command line in place of tokens, OR
 * between its operands, mailboxes as keys, intervals and units. */
#ifndef ADM_QUERY_H
#define ADM_QUERY_H

#include "base.h"
#include "cv-mailbox.h"

/* Beside enum cv_search_op, until adm_query_resolve: flags is the algorithm,
 * its children are what one message of the thread must match. */
enum { ADM_QUERY_INTHREAD = 1003 };

struct adm_query;

/* Arguments must outlive the query.  CV_E_SYNTAX with a text that names the
 * argument. */
int adm_query_parse(struct cv_pool *pool, int argc, char **argv,
		    struct adm_query **query_r, struct cv_error *err);

/* The names of keys MAILBOX: with only one without wildcards nothing else
 * needs to be listed.  False: any mailbox may match. */
bool adm_query_single_mailbox(const struct adm_query *query,
			      const char **name_r);
/* True when every message that can match is in a mailbox that the query
 * names: for commands that destroy. */
bool adm_query_names_mailboxes(const struct adm_query *query);
/* True when MAILBOX-GUID is asked for: build wants the guid. */
bool adm_query_wants_guid(const struct adm_query *query);

/* The query in one mailbox of so many messages, highest UID last_uid ("*").
 * guid as 32 hexadecimal digits.  mailbox NULL: one that no name and no
 * pattern means.  False: nothing in it can match. */
bool adm_query_build(const struct adm_query *query, const char *mailbox,
		     const char *guid, struct cv_pool *pool,
		     struct cv_search_query *query_r);
/* Replaces "*" in its sets by the last message of an open view. */
void adm_query_set_last(const struct cv_search_query *query, uint32_t seq,
			uint32_t uid, struct cv_pool *pool);
/* Then: what only can be known with the view.  Costs nothing for a query
 * without INTHREAD. */
int adm_query_resolve(struct cv_mailbox *box, struct cv_search_query *query,
		      struct cv_pool *pool, struct cv_error *err);

/* Parses one argument each; for options that take the same. */
bool adm_query_time(const char *text, uint64_t now, uint64_t *seconds_r,
		    int64_t *day_r);
bool adm_query_size(const char *text, uint64_t *bytes_r);

#endif
