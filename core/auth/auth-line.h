/* auth-line.h - one line of what other programs say to auth: the client
 * protocol (Postfix, Exim: is this password right?) and the master protocol
 * (who is this user?) of Dovecot, versions 1.0 to 1.3.
 *
 * Words are separated by TAB, a line ends with LF; in values, 0x01 begins an
 * escape: 0x01 '0' is NUL, '1' 0x01, 't' TAB, 'r' CR, 'n' LF.  Nothing here
 * waits, owns a descriptor or knows a database. */
#ifndef AUTH_LINE_H
#define AUTH_LINE_H

#include "auth-reply.h"
#include "ipc/user-message.h"
#include "settings/settings.h"

enum {
	AUTH_LINE_MAJOR = 1,
	AUTH_LINE_CLIENT_MINOR = 2,	/* what is announced: 1.3 clients
					 * speak it, too */
	AUTH_LINE_MASTER_MINOR = 1,
	/* Bytes without LF. */
	AUTH_LINE_MAX = 8192,
	/* The same for a response that may hold a token or a ticket. */
	AUTH_LINE_TOKEN_MAX = 65536,
};

/* What the other end may say; from the listener, never from the other end. */
enum auth_line_role {
	AUTH_LINE_CLIENT = 1,		/* passwords */
	AUTH_LINE_LOGIN,		/* the same, and a master asks later
					 * who has logged in */
	AUTH_LINE_USERDB,		/* users */
	AUTH_LINE_MASTER,		/* users, and logins by REQUEST */
};

enum auth_line_command {
	AUTH_LINE_VERSION = 1, AUTH_LINE_CPID, AUTH_LINE_AUTH, AUTH_LINE_CONT,
	AUTH_LINE_CANCEL, AUTH_LINE_USER, AUTH_LINE_PASS, AUTH_LINE_LIST,
	AUTH_LINE_REQUEST,
};

struct auth_line {
	uint32_t command;		/* enum auth_line_command */
	uint32_t major, minor;		/* VERSION */
	uint32_t id;
	uint32_t pid;			/* CPID; REQUEST: the client's */
	uint32_t client_id;		/* REQUEST */
	const char *client_text;	/* what the program's client says of
					 * itself; NULL: nothing */
	struct cv_span cookie;		/* REQUEST: 16 bytes */
	uint32_t session_pid;		/* REQUEST; 0: not told */
	const char *mechanism;		/* AUTH */
	const char *user;		/* USER, PASS */
	bool has_data;			/* AUTH: resp= is there */
	bool data_is_bad;		/* it was no base64 */
	struct cv_span data;		/* CONT, AUTH: decoded */
	const char *service, *session_id;	/* "" not told */
	struct conn_info conn;
	bool no_penalty, final_resp_ok;
	struct cv_auth_reply forward;	/* forward_*, as they came */
};

/* role: enum auth_line_role.  line is without its LF.  Everything in *line_r
 * lives in pool.  CV_E_SYNTAX: not to be answered, the other end is broken;
 * names and values in the text are safe for a log. */
int auth_line_parse(uint32_t role, struct cv_span line, struct cv_pool *pool,
		    struct auth_line *line_r, struct cv_error *err);

/* How long the line may become that begins with this (and has no LF). */
size_t auth_line_limit(struct cv_span begin);

/* Appends TAB name, or TAB name=value with the value escaped; value NULL: the
 * name alone.  No value can end the line or begin another word. */
void auth_line_put(struct cv_text *out, const char *name, const char *value);
/* The value alone, escaped. */
void auth_line_escape(struct cv_text *out, struct cv_span value);

/* "plaintext", "dictionary\tactive" ...: what is told of a mechanism besides
 * its name; NULL when it cannot work over this protocol (channel binding). */
const char *auth_line_mechanism(const char *name);

#endif
