/* imap-id.h - ID, the same before and after login [RFC2971]. */
#ifndef IMAP_ID_H
#define IMAP_ID_H

#include "imap.h"
#include "imap-parser.h"

/* Checks the arguments; appends those that imap_id_log asks for to log, as
 * "name=x, version=y".  NULL, or why the command is BAD. */
const char *imap_id_parse(struct imap_args args,
			  const struct imap_settings *set,
			  struct cv_text *log);
/* What a proxy says of its client in such a command (the fields that Dovecot
 * has for it: x-originating-ip and so on), of arguments that were checked.
 * False: nothing.  Strings live in pool. */
bool imap_id_origin(struct imap_args args, struct cv_pool *pool,
		    struct cv_preauth_origin *origin_r);
/* Appends "* ID (...)" with its line break, made from imap_id_send. */
void imap_id_reply(struct cv_text *dst, const struct imap_settings *set);

#endif
