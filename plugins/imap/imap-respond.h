/* imap-respond.h - replies: the tagged one of a command, and pieces of wire
 * form.  Pieces are appended to a text (mostly s->out), which imap_flush
 * moves to the connection; nothing here waits. */
#ifndef IMAP_RESPOND_H
#define IMAP_RESPOND_H

#include "imap-session.h"

/* Set the tagged reply; "[CODE] Text".  Return 0, for "return imap_no()". */
int imap_ok(struct imap_cmd *cmd, const char *fmt, ...) CV_PRINTF(2, 3);
int imap_no(struct imap_cmd *cmd, const char *fmt, ...) CV_PRINTF(2, 3);
int imap_bad(struct imap_cmd *cmd, const char *fmt, ...) CV_PRINTF(2, 3);
/* BAD with "Invalid arguments". */
int imap_bad_arguments(struct imap_cmd *cmd);
/* NO with the response code of s->err and its text for clients; what is for
 * the admin is logged.  Returns 0. */
int imap_no_error(struct imap_cmd *cmd, int code);
/* The same for what a plugin has failed with, who logs it by itself: response
 * NULL, text "": the usual ones. */
int imap_no_as(struct imap_cmd *cmd, int code, const char *response,
	       const char *text);
/* Appends that reply, from "NO" on, without the line break. */
void imap_no_text(struct cv_text *dst, int code, const char *response,
		  const char *text);
/* The same for APPEND, COPY, MOVE: TRYCREATE [RFC3501 6.3.11]. */
int imap_no_error_target(struct imap_cmd *cmd, int code);

/* Sends what out holds and empties it. */
void imap_flush(struct imap_session *s);
/* What is sent next is compressed without what was sent before: its length
 * must not tell anybody who chose a part of either about the rest
 * [security.md B16]. */
void imap_compress_reset(struct imap_session *s);
/* Appends to out a text for people, in the client's language. */
void imap_say(struct imap_session *s, const char *text);
/* Sends a line; the line break is added.  What stands behind "* OK " is such a
 * text. */
void imap_send_line(struct imap_session *s, const char *line);

/* Without \Recent for a client of IMAP4rev2, which has none [RFC9051 E]. */
uint32_t imap_flags_told(const struct imap_session *s, uint32_t flags);
/* "(\Seen $Junk)" */
void imap_append_flags(struct cv_text *dst, uint32_t flags,
		       const struct cv_keywords *keywords);
/* As atom where it can be, else quoted, else literal. */
void imap_append_astring(struct cv_text *dst, struct cv_span s);
/* Quoted or literal. */
void imap_append_string(struct cv_text *dst, struct cv_span s);
/* A UTF-8 mailbox name in wire form. */
void imap_append_mailbox(struct imap_cmd *cmd, struct cv_text *dst,
			 const char *name);

#endif
