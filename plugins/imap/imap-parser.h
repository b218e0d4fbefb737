/* imap-parser.h - an IMAP command as tag, verb and a flat array of arguments.
 *
 * Fed with bytes as they come, cut anywhere.  Nothing recurses, every byte,
 * token, list level and literal is counted against limits, and NUL is refused
 * wherever it stands.  The same parser serves the time before login (small
 * limits) and the session. */
#ifndef IMAP_PARSER_H
#define IMAP_PARSER_H

#include "cv-plugin.h"

#define IMAP_PARSER_DEPTH_MAX 20

enum imap_arg_type {
	IMAP_ATOM = 1,
	IMAP_QUOTED,
	IMAP_LITERAL,
	IMAP_LIST,
	IMAP_STREAM,		/* a literal that the command read itself */
};

struct imap_arg {
	uint8_t type;		/* enum imap_arg_type */
	bool adjacent;		/* no space before it: "]" behind a list */
	bool in_data;		/* where the text lies until it is final */
	bool binary;		/* literal8 [RFC3516 7] */
	uint32_t end;		/* LIST: index behind its last member */
	uint32_t offset, len;
	struct cv_span text;	/* valid after IMAP_PARSE_DONE */
};

/* A walk over arguments of one level. */
struct imap_args {
	const struct imap_arg *all;
	uint32_t at, end;
};

struct imap_parser_limits {
	uint32_t line_max;	/* bytes outside of literals */
	uint32_t literal_max;	/* bytes of all literals of a command */
	uint32_t tokens_max;
	uint32_t depth_max;	/* at most IMAP_PARSER_DEPTH_MAX */
	uint32_t nonsync_max;	/* one {n+} literal [RFC7888 5] */
};

enum imap_parse_result {
	IMAP_PARSE_MORE = 0,	/* all bytes were used */
	IMAP_PARSE_VERB,	/* tag and verb are known: set stream_from */
	IMAP_PARSE_CONTINUE,	/* send the continuation request, go on */
	IMAP_PARSE_STREAM,	/* literal_size bytes follow for the caller */
	IMAP_PARSE_DONE,
	IMAP_PARSE_ERROR,	/* error says why; the line was skipped */
	IMAP_PARSE_FATAL,	/* as ERROR, but the connection must close */
};

struct imap_parser {
	struct imap_parser_limits limits;
	struct cv_pool *pool;
	/* The command as received, literals cut; and what literals and
	 * quoted strings with escapes contain. */
	struct cv_text line, data;
	struct imap_arg *args;
	uint32_t arg_count, arg_room;
	uint32_t open[IMAP_PARSER_DEPTH_MAX];	/* lists not closed yet */
	uint32_t depth;
	uint32_t tag_len, verb_offset, verb_len;
	uint32_t token_offset;
	uint32_t state;
	bool escaped;		/* the quoted string had a backslash */
	bool after_list;
	bool saw_digit;
	uint64_t literal_size;
	uint64_t literal_left;
	bool literal_sync;
	/* Literals of the top level from this argument on are not stored but
	 * left to the caller; UINT32_MAX: none.  Reset for each command. */
	uint32_t stream_from;
	/* Asked for the others, in lists of the first level, too; NULL: no.
	 * Stays. */
	bool (*streams)(const struct imap_parser *p);
	/* Asked whether a stored literal8 may have NULs; NULL: no.  Stays. */
	bool (*takes_nul)(const struct imap_parser *p);
	bool literal8;
	const char *error;
	bool too_large;		/* the error is a literal's size */
	bool too_large_nonsync;	/* or that it came without being asked for */
	char skip_tail[2];	/* the end of a line that is skipped */
	uint32_t skipped;
};

void imap_parser_init(struct imap_parser *p, struct cv_pool *pool,
		      const struct imap_parser_limits *limits);
/* Forgets the command; what it pointed to is gone. */
void imap_parser_reset(struct imap_parser *p);
/* As reset, and wipes the bytes: the command held a password. */
void imap_parser_wipe(struct imap_parser *p);
/* True between commands: not one byte of the next one was seen. */
bool imap_parser_is_idle(const struct imap_parser *p);

/* Takes bytes from in; *used_r says how many.  After DONE, ERROR and FATAL
 * the caller answers and calls reset. */
enum imap_parse_result imap_parser_feed(struct imap_parser *p,
					struct cv_span in, size_t *used_r);
/* The caller has read literal_size bytes after IMAP_PARSE_STREAM. */
void imap_parser_stream_done(struct imap_parser *p);

/* After IMAP_PARSE_STREAM, until stream_done. */
bool imap_parser_at_stream(const struct imap_parser *p);

/* Empty while not known. */
struct cv_span imap_parser_tag(const struct imap_parser *p);
struct cv_span imap_parser_verb(const struct imap_parser *p);
/* What stands behind the verb, as received, literals cut. */
struct cv_span imap_parser_rest(const struct imap_parser *p);
struct imap_args imap_parser_args(const struct imap_parser *p);
/* Between tokens: forgets the arguments from number keep on and their bytes, so
 * that a long command takes no more memory than its longest part.  A list that
 * is open stays, with what stands before it; what it holds goes. */
void imap_parser_forget(struct imap_parser *p, uint32_t keep);
/* Makes .text of the arguments usable before the command is complete, until
 * the next feed (IMAP_PARSE_STREAM). */
void imap_parser_resolve(struct imap_parser *p);

/* The next argument, NULL at the end. */
const struct imap_arg *imap_args_next(struct imap_args *args);
/* The one that next would return. */
const struct imap_arg *imap_args_peek(const struct imap_args *args);
struct imap_args imap_args_of_list(const struct imap_args *from,
				   const struct imap_arg *list);

#endif
