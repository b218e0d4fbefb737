/* imap-append.h - the messages of APPEND and REPLACE as they come in: mailbox,
 * then flags, date and data of each [RFC3501 6.3.11], [RFC3502 6.3.11]; the
 * data may be put together from literals and URLs [RFC4469], and a literal may
 * be said to have UTF-8 [RFC6855 4].
 *
 * Message bytes go from the connection's window to the store, never whole into
 * memory.  What can be refused is refused before it is sent; what the client
 * sends without waiting is read to its end, and dropped.
 *
 * INVARIANT: all messages of a command are saved in one commit, or none. */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "imap-session.h"

struct imap_append {
	struct imap_cmd *cmd;
	/* Set by the caller: one message only; and the message that goes when
	 * it comes (0: none). */
	bool single;
	uint32_t replaced_seq;

	uint32_t step;			/* enum append_step */
	uint32_t at;			/* the next argument */
	uint32_t keep;			/* those before the first message */
	bool refused;			/* the reply is set */
	const char *mailbox;
	struct cv_save *save;		/* NULL: not begun, or given up */
	struct cv_save_request request;	/* of the message at hand */
	bool adding;			/* save_add was called for it */
	uint64_t size;			/* of it, so far */
	bool in_body;			/* behind its header */
	uint32_t line_len;		/* of a line of the header */
	uint32_t messages;		/* complete ones */
	/* CATENATE [RFC4469]: its list, and how many parts it had. */
	uint32_t list, parts;
	bool into_url;			/* the literal at hand is a URL */
	bool from_url;			/* what is taken is stored already */
	struct cv_text url;
	uint32_t utf8;			/* the list of UTF8 (~{n}; 0: none */
	struct cv_mailbox *source;	/* NULL: none is open */
	const char *source_name;
	bool has_part;			/* what an authorized URL gave */
	struct cv_url_part part;
};

/* Reads the command to its end, from the next argument on.  Negative: close.
 * Else either the reply is set, or the messages wait in save. */
int imap_append_read(struct imap_append *a);
/* Saves them: false after setting the reply.  The code is "[APPENDUID ...] ",
 * or empty where the UIDs are not known. */
bool imap_append_commit(struct imap_append *a, struct cv_text *code);

/* The parser stands before a literal that was left to the command. */
bool imap_literal_waits(const struct imap_session *s);
/* The command is refused: what comes with it in any case is read and dropped,
 * so that it is never taken for commands [security.md A11].  Negative:
 * close. */
int imap_literals_drop(struct imap_cmd *cmd);

#endif
