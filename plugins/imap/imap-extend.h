/* imap-extend.h - what other plugins add to this one (cv-imap.h): rows beside
 * those of the built-in tables, and running them.
 *
 * The rows are gathered once in a process, after all plugins were loaded. */
#ifndef IMAP_EXTEND_H
#define IMAP_EXTEND_H

#include "imap-fetch.h"
#include "imap-session.h"

#include "cv-imap.h"

/* Whose row it is, for the log. */
struct imap_extender {
	struct cv_plugin *plugin;
	const char *name;
	cv_imap_fn *before;
	int32_t priority;
};

struct imap_extended_command {
	struct imap_command def;	/* first: found as one of ours */
	struct cv_imap_command row;
	const struct imap_extender *by;
};

struct imap_extended_item {
	struct cv_imap_fetch_item row;
	const struct imap_extender *by;
};

struct imap_extended_key {
	struct cv_imap_search_key row;
	const struct imap_extender *by;
};

struct imap_extended_status {
	struct cv_imap_status_item row;
	const struct imap_extender *by;
};

struct imap_extended_capability {
	struct cv_imap_capability row;
	const struct imap_extender *by;
};

struct imap_extended {
	const struct imap_extender *extenders;
	const struct imap_extended_command *commands;
	const struct imap_extended_item *items;
	const struct imap_extended_key *keys;
	const struct imap_extended_status *statuses;
	const struct imap_extended_capability *capabilities;
	uint32_t extender_count, command_count, item_count, key_count,
		 status_count, capability_count;
};

/* --- imap-extend.c: the rows ------------------------------------------------ */

/* struct cv_service.check */
int imap_extend_check(const struct cv_extension *extension,
		      struct cv_error *err);
const struct imap_extended *imap_extended(void);
/* NULL when there is none. */
const struct imap_command *imap_extended_command(struct cv_span name);
const struct imap_extended_item *imap_extended_item(struct cv_span name);
const struct imap_extended_key *imap_extended_key(struct cv_span name);

/* The names of the built-in tables, each with its table. */
bool imap_command_is_own(struct cv_span name);
bool imap_fetch_item_is_own(struct cv_span name);
bool imap_search_key_is_own(struct cv_span name);
bool imap_status_item_is_own(struct cv_span name);
bool imap_capability_is_own(struct cv_span name);

/* --- imap-extend-out.c: answers ---------------------------------------------- */

struct cv_imap_out {
	struct imap_cmd *cmd;
	struct cv_text *to;
	size_t start;		/* of the line or the value */
	uint32_t depth, values;	/* values: on the outermost level */
	bool lines;		/* a command's; else one value */
	bool open;		/* between line_begin and line_end */
	bool space;		/* before the next one */
	const char *fault;	/* NULL: all is well */
};

void imap_out_init(struct cv_imap_out *out, struct imap_cmd *cmd,
		   bool lines);
/* Nothing is open and all was right; else the fault, and what was not sent
 * yet of it is gone. */
const char *imap_out_end(struct cv_imap_out *out);
extern const struct cv_imap_api imap_extend_api;

/* --- imap-extend-args.c: arguments ------------------------------------------- */

struct cv_imap_args imap_extend_args(struct cv_pool *pool,
				     struct imap_args args);
/* Back again, instead of those from args->at on; NULL or what is wrong with
 * them. */
const char *imap_extend_args_back(struct cv_pool *pool,
				  struct cv_imap_args from,
				  uint64_t bytes_max, struct imap_args *args);

int imap_extend_atom(struct cv_imap_call *call, struct cv_imap_args *args,
		     struct cv_span *text_r);
int imap_extend_string(struct cv_imap_call *call, struct cv_imap_args *args,
		       struct cv_span *text_r);
int imap_extend_number(struct cv_imap_call *call, struct cv_imap_args *args,
		       uint64_t max, uint64_t *number_r);
int imap_extend_list(struct cv_imap_call *call, struct cv_imap_args *args,
		     struct cv_imap_args *members_r);
int imap_extend_mailbox(struct cv_imap_call *call, struct cv_imap_args *args,
			const char **name_r);
int imap_extend_messages(struct cv_imap_call *call,
			 struct cv_imap_args *args, struct cv_set *seqs_r);
int imap_extend_args_end(struct cv_imap_call *call,
			 const struct cv_imap_args *args);
struct cv_span imap_extend_mailbox_encode(struct cv_imap_call *call,
					  const char *name);

/* --- imap-extend-call.c: running them ---------------------------------------- */

struct imap_call {
	struct cv_imap_call pub;	/* first: what the plugin is given */
	struct imap_cmd *cmd;		/* NULL before login */
	const struct imap_extender *by;
	const char *what;		/* the row's name, for the log */
	struct cv_imap_out out;
};

/* A call about this command, without arguments. */
void imap_call_init(struct imap_call *call, struct imap_cmd *cmd,
		    const struct imap_extender *by, const char *what);
/* Sets the command's reply for a failure and logs it when it is a fault of
 * the plugin.  Returns 0. */
int imap_call_failed(struct imap_call *call, int code);
/* What is no IMAP, or no sense: CV_E_INTERNAL, with the reply. */
int imap_call_fault(struct imap_call *call, const char *fault);
/* The code in brackets as it may be sent; NULL: none. */
const char *imap_call_code(struct imap_call *call);

/* Runs a command of a plugin: struct imap_command.run. */
int imap_extend_run(struct imap_cmd *cmd);
/* Asks the functions "before": they may change def and args.  False: the reply is
 * set. */
bool imap_extend_before(struct imap_cmd *cmd);
/* The same before login.  NULL: go on; else the reply, in pool. */
const char *imap_extend_before_login(struct cv_preauth *p,
				     struct cv_pool *pool,
				     struct cv_span verb,
				     struct imap_args args);
/* Appends them, a space before each.  s or p is NULL. */
void imap_extend_capabilities(struct cv_text *dst,
			      const struct imap_session *s,
			      struct cv_preauth *p);

/* One value, behind its name; a status, with the reply set when it failed. */
int imap_extend_status(struct imap_cmd *cmd,
		       const struct imap_extended_status *item,
		       const char *mailbox_name,
		       const struct cv_mailbox_status *status);

/* --- imap-extend-fetch.c, imap-extend-search.c -------------------------------- */

/* An item that a FETCH asks for.  list: its parameters, or NULL.  False after
 * setting a reply. */
bool imap_extend_fetch_add(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_extended_item *item,
			   const struct imap_args *list);
/* Appends what they say about a message; data is used up.  The reply is set
 * when one of them fails, which then is not asked again.  first: no space
 * before the first one. */
void imap_extend_fetch_tell(struct imap_cmd *cmd, struct imap_fetch *fetch,
			    struct cv_message_data *data, bool first);

/* A key with its arguments that is to be evaluated when all of the program was
 * read. */
struct imap_pending_key {
	const struct imap_extended_key *key;
	struct imap_call *call;
	uint32_t node;
};

/* False after setting a reply. */
bool imap_extend_key_parse(struct imap_cmd *cmd,
			   const struct imap_extended_key *key,
			   struct cv_imap_args args,
			   struct imap_pending_key *pending_r);
bool imap_extend_key_run(struct imap_cmd *cmd,
			 struct imap_pending_key *pending,
			 struct cv_set *seqs_r);

#endif
