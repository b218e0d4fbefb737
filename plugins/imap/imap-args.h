/* imap-args.h - arguments of commands: mailbox names, flags, message sets.
 *
 * Functions that return bool have set the command's reply when they return
 * false. */
#ifndef IMAP_ARGS_H
#define IMAP_ARGS_H

#include "imap-session.h"

/* atom, quoted or literal. */
bool imap_arg_is_string(const struct imap_arg *arg);
bool imap_arg_is_atom(const struct imap_arg *arg, const char *word);
/* [RFC3501 9] atom */
bool imap_is_atom(struct cv_span text);
/* A copy with a NUL behind it. */
char *imap_copy(struct cv_pool *pool, struct cv_span text);

/* The next argument as a mailbox name in UTF-8. */
bool imap_mailbox_arg(struct imap_cmd *cmd, const char **name_r);
/* The same for one that is to be made, in Normalization Form C
 * [RFC9051 6.3.4]; supplied_r: as it came. */
bool imap_new_mailbox_arg(struct imap_cmd *cmd, const char **name_r,
			  const char **supplied_r);
/* The hierarchy separator where that name lives. */
char imap_separator(struct imap_session *s, const char *name);
/* A list of flags, or flags until the end of the arguments. */
bool imap_flags_args(struct imap_cmd *cmd, struct imap_args args,
		     uint32_t *flags_r, struct cv_keywords *keywords_r);
/* The next argument as messages, by UID or number, as numbers that the
 * client knows. */
bool imap_messages_arg(struct imap_cmd *cmd, struct cv_set *seqs_r);
/* The same from a text, for SEARCH. */
bool imap_messages_parse(struct imap_cmd *cmd, struct cv_span text, bool uid,
			 struct cv_set *set_r);
bool imap_args_end(struct imap_cmd *cmd);

#endif
