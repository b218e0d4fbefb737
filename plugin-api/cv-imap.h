/* cv-imap.h - what plugins add to IMAP: commands, items of FETCH and STATUS,
 * keys of SEARCH (and SORT, THREAD), capabilities; and a look at every command
 * before it runs.  doc/plugins/imap.md has a whole example.
 *
 * All of it are rows of tables in one struct cv_imap_extension, given with
 * cv_imap_extend in init.  A name that the server or another plugin has
 * already refuses the plugin.  The rows hold where the plugin is loaded:
 * mail_plugins of protocol imap.
 *
 * A function returns a status.  CV_OK: done.  A failure costs the command:
 * CV_E_SYNTAX is answered with BAD, every other one with NO and a response
 * code [RFC5530], with the text that error_set_client has set.  What is no
 * verdict about the command (CV_E_INTERNAL, CV_E_TEMP, CV_E_CONFIG ...) is
 * logged with the plugin's name, and so is an answer that is no IMAP.
 *
 * Sessions sleep, and wake up in another process: what a plugin keeps of a
 * session belongs into a slot (CV_SLOT in cv-plugin.h) with freeze and thaw;
 * a slot without them keeps the session awake. */
#ifndef CV_IMAP_H
#define CV_IMAP_H

#include "cv-extend.h"
#include "cv-mailbox.h"
#include "cv-protocol.h"

#define CV_IMAP_MAJOR 1u

enum {
	CV_IMAP_NAME_MAX = 64,		/* bytes of a name */
	CV_IMAP_ROWS_MAX = 128,		/* of one kind, of all plugins */
	CV_IMAP_STATUS_MAX = 32,	/* items of STATUS, of all plugins */
	CV_IMAP_LINE_MAX = 1048576,	/* bytes of a line, or of a value */
	CV_IMAP_KEY_ARGS_MAX = 16,	/* of a key of SEARCH */
};

/* --- arguments ------------------------------------------------------------- */

enum cv_imap_arg_type {
	CV_IMAP_ATOM = 1, CV_IMAP_QUOTED, CV_IMAP_LITERAL, CV_IMAP_LIST,
};

enum cv_imap_arg_flag {
	CV_IMAP_ADJACENT = 1,		/* no space before it: the "]" of
					 * BODY[HEADER.FIELDS (To)] */
	CV_IMAP_BINARY = 2,		/* literal8 [RFC3516 7] */
	CV_IMAP_UNREAD = 4,		/* a message that the command will
					 * read: its text is not here */
};

/* The elements of an array; those of a list stand behind it, with those of
 * the lists in it. */
struct cv_imap_arg {
	uint32_t type;			/* enum cv_imap_arg_type */
	uint32_t flags;			/* enum cv_imap_arg_flag */
	uint32_t members;		/* LIST: how many elements are its */
	struct cv_span text;		/* without NUL; LIST: empty */
};

struct cv_imap_args { const struct cv_imap_arg *at; uint32_t count; };

/* The next one, and behind it; NULL at the end. */
static inline const struct cv_imap_arg *cv_imap_next(struct cv_imap_args *args)
{
	const struct cv_imap_arg *arg = args->at;
	uint32_t len;

	if (args->count == 0)
		return NULL;
	len = 1 + (arg->type == CV_IMAP_LIST ? arg->members : 0);
	args->at += len;
	args->count -= len;
	return arg;
}

static inline struct cv_imap_args
cv_imap_members(const struct cv_imap_arg *list)
{
	struct cv_imap_args args = { list + 1, list->members };

	return args;
}

/* --- one call of a plugin's function --------------------------------------- */

struct cv_imap_out;		/* where an answer goes */

enum cv_imap_state {
	CV_IMAP_READONLY = 1,		/* EXAMINE */
	CV_IMAP_SECURE = 2,		/* TLS, or trusted */
	CV_IMAP_UTF8 = 4,		/* ENABLE UTF8=ACCEPT */
	CV_IMAP_REV2 = 8,		/* ENABLE IMAP4rev2 */
	CV_IMAP_CONDSTORE = 16,
};

/* Lives, with what it points to, until the function returns; what pool holds
 * until the command is done. */
struct cv_imap_call {
	CV_HEAD;
	struct cv_session *session;	/* before login: NULL, and so user */
	struct cv_user *user;
	struct cv_preauth *preauth;	/* before login */
	struct cv_mailbox *box;		/* the selected one, or NULL */
	struct cv_pool *pool;
	struct cv_error *err;
	struct cv_imap_out *out;	/* NULL: nothing can be told here */
	struct cv_span verb;		/* of the command: "FETCH" */
	struct cv_imap_args args;
	bool by_uid;			/* "UID" stands before the verb */
	uint32_t state;			/* enum cv_imap_state */
	/* May be set, for the tagged answer: what stands in its brackets
	 * ("ALERT", "NOPERM"), and behind them.  After a failure
	 * error_set_client has the text. */
	const char *response_code, *text;
	void *data;			/* what parse has set; by pool */
	uint32_t seq;			/* of FETCH and SEARCH, with message */
	const struct cv_message_data *message;
	const char *mailbox_name;	/* of STATUS, with status */
	const struct cv_mailbox_status *status;
	const char *name;		/* of the row; of before: NULL */
};

typedef int cv_imap_fn(struct cv_imap_call *call);

/* --- the rows; names are atoms, in any case -------------------------------- */

enum cv_imap_command_flag {
	CV_IMAP_SELECTED = 1,	/* only with a mailbox open */
	CV_IMAP_HAS_UID = 2,	/* "UID" may stand before it: it has numbers
				 * of messages */
	CV_IMAP_NO_ARGS = 4,
	CV_IMAP_NO_SYNC = 8,	/* changes are not told behind it */
};

/* After login.  Literals in the arguments count against
 * imap_max_line_length. */
struct cv_imap_command {
	const char *name;
	uint32_t flags;			/* enum cv_imap_command_flag */
	cv_imap_fn *run;
};

struct cv_imap_fetch_item {
	const char *name;
	uint32_t needs;			/* enum cv_message_item */
	/* NULL: takes nothing.  Else called when FETCH is read, with the
	 * members of a list behind the name, or none; it may set data.  Only
	 * where items stand in parentheses there can be a list. */
	cv_imap_fn *parse;
	/* Writes one value: atom, number, string or list.  CV_NOT_FOUND: there
	 * is none, NIL.  After a failure it is not called again in this
	 * command. */
	cv_imap_fn *tell;
};

struct cv_imap_search_key {
	const char *name;
	uint32_t needs;			/* enum cv_message_item */
	uint32_t arg_count;		/* arguments behind it, lists count as
					 * one */
	cv_imap_fn *parse;		/* NULL, or: looks at them */
	/* CV_OK: message seq matches.  CV_NOT_FOUND: it does not.  Called for
	 * each message that the client knows. */
	cv_imap_fn *match;
	/* Instead of it, when the plugin can find them all at once: seqs_r
	 * from pool.  NULL: match. */
	int (*find)(struct cv_imap_call *call, struct cv_set *seqs_r);
};

struct cv_imap_status_item {
	const char *name;
	uint32_t needs;			/* enum cv_status_item */
	cv_imap_fn *tell;		/* one value, as of FETCH */
};

enum cv_imap_when {
	CV_IMAP_BEFORE_LOGIN = 1, CV_IMAP_AFTER_LOGIN = 2,
};

struct cv_imap_capability {
	const char *name;
	/* enum cv_imap_when.  Before login: the descriptor must name the
	 * process "imap-login", in which nothing may wait, open or connect. */
	uint32_t when;
	/* NULL: always.  CV_OK: tell it; CV_NOT_FOUND: not now. */
	cv_imap_fn *offered;
};

struct cv_imap_extension {
	CV_HEAD;
	struct cv_array commands;	/* of struct cv_imap_command */
	struct cv_array fetch_items;	/* of struct cv_imap_fetch_item */
	struct cv_array search_keys;	/* of struct cv_imap_search_key */
	struct cv_array status_items;	/* of struct cv_imap_status_item */
	struct cv_array capabilities;	/* of struct cv_imap_capability */
	/* Every command that is known, before it runs.  CV_OK: it may, with
	 * verb and args as they stand in call: the function may have put
	 * others there.  Of APPEND and REPLACE, whose message is not read yet,
	 * the number of arguments must stay.  Before login (processes:
	 * "imap-login") nothing can be changed, and passwords and responses
	 * are not among the arguments.  A failure refuses the command. */
	cv_imap_fn *before;
	/* Of several plugins, in which order before is called: ascending, then
	 * as they were loaded. */
	int32_t priority;
};

/* --- service "imap", major 1 ------------------------------------------------ */

struct cv_imap_api {
	CV_HEAD;
	/* Each takes the next argument off args (call->args, or the members of
	 * a list).  A failure has the text for the client; return it. */
	int (*atom)(struct cv_imap_call *call, struct cv_imap_args *args,
		    struct cv_span *text_r);
	/* atom, quoted or literal */
	int (*string)(struct cv_imap_call *call, struct cv_imap_args *args,
		      struct cv_span *text_r);
	int (*number)(struct cv_imap_call *call, struct cv_imap_args *args,
		      uint64_t max, uint64_t *number_r);
	int (*list)(struct cv_imap_call *call, struct cv_imap_args *args,
		    struct cv_imap_args *members_r);
	/* To UTF-8; INBOX in upper case. */
	int (*mailbox)(struct cv_imap_call *call, struct cv_imap_args *args,
		       const char **name_r);
	/* A set of UIDs or numbers (by_uid), "$" too, as numbers of messages
	 * that the client knows. */
	int (*messages)(struct cv_imap_call *call, struct cv_imap_args *args,
			struct cv_set *seqs_r);
	int (*end)(struct cv_imap_call *call,
		   const struct cv_imap_args *args);

	/* The name in wire form, as it must stand in changed arguments. */
	struct cv_span (*mailbox_encode)(struct cv_imap_call *call,
					 const char *name);

	/* An untagged line of a command: "* " and what follows until its end;
	 * spaces come by themselves.  Only whole lines are sent. */
	void (*line_begin)(struct cv_imap_out *out);
	void (*line_end)(struct cv_imap_out *out);
	/* What is no atom (NUL in a string, a line break in a text) makes the
	 * whole answer a failure of the plugin. */
	void (*put_atom)(struct cv_imap_out *out, struct cv_span atom);
	void (*put_number)(struct cv_imap_out *out, uint64_t number);
	/* Quoted or literal; data NULL: NIL. */
	void (*put_string)(struct cv_imap_out *out, struct cv_span text);
	/* As atom where it can be one. */
	void (*put_astring)(struct cv_imap_out *out, struct cv_span text);
	void (*put_mailbox)(struct cv_imap_out *out, const char *name);
	void (*put_date_time)(struct cv_imap_out *out, int64_t seconds);
	void (*list_begin)(struct cv_imap_out *out);
	void (*list_end)(struct cv_imap_out *out);
	/* Words for people until the end of the line, as in "* OK Hello". */
	void (*put_text)(struct cv_imap_out *out, struct cv_span text);
};

#ifndef CV_CORE
/* In init.  name: that of the plugin. */
static inline int cv_imap_extend(struct cv_plugin *self, const char *name,
				 const struct cv_imap_extension *table,
				 struct cv_error *err)
{
	const struct cv_extension extension = {
		CV_SIZED(cv_extension), .name = name, .of = "imap",
		.major = CV_IMAP_MAJOR, .table = table,
	};

	return cv_provide_extension(self, &extension, err);
}
#endif

#endif
