/* imap-commands.c - the table of commands; the frequent ones stand first. */
#include "imap-commands.h"

const struct imap_command imap_commands[] = {
	{ "FETCH", imap_cmd_fetch,
	  IMAP_SELECTED | IMAP_NO_EXPUNGE | IMAP_HAS_UID },
	{ "NOOP", imap_cmd_noop, IMAP_NEWMAIL | IMAP_NO_ARGS },
	{ "STATUS", imap_cmd_status, 0 },
	{ "STORE", imap_cmd_store, IMAP_SELECTED | IMAP_NO_EXPUNGE |
	  IMAP_HAS_UID | IMAP_HOLDS },
	{ "SELECT", imap_cmd_select, IMAP_NO_SYNC },
	{ "SEARCH", imap_cmd_search,
	  IMAP_SELECTED | IMAP_NO_EXPUNGE | IMAP_HAS_UID },
	{ "IDLE", imap_cmd_idle, IMAP_NEWMAIL | IMAP_NO_ARGS },
	{ "LIST", imap_cmd_list, 0 },
	{ "COPY", imap_cmd_copy, IMAP_SELECTED | IMAP_HAS_UID },
	{ "MOVE", imap_cmd_move, IMAP_SELECTED | IMAP_HAS_UID },
	{ "APPEND", imap_cmd_append, IMAP_STREAMS },
	{ "EXPUNGE", imap_cmd_expunge, IMAP_SELECTED | IMAP_HAS_UID },
	{ "EXAMINE", imap_cmd_examine, IMAP_NO_SYNC },
	{ "CLOSE", imap_cmd_close,
	  IMAP_SELECTED | IMAP_NO_SYNC | IMAP_NO_ARGS },
	{ "UNSELECT", imap_cmd_unselect,
	  IMAP_SELECTED | IMAP_NO_SYNC | IMAP_NO_ARGS },
	{ "CHECK", imap_cmd_check,
	  IMAP_SELECTED | IMAP_NO_SYNC | IMAP_NO_ARGS },
	{ "LSUB", imap_cmd_lsub, 0 },
	{ "CREATE", imap_cmd_create, 0 },
	{ "DELETE", imap_cmd_delete, 0 },
	{ "RENAME", imap_cmd_rename, 0 },
	{ "SUBSCRIBE", imap_cmd_subscribe, 0 },
	{ "UNSUBSCRIBE", imap_cmd_unsubscribe, 0 },
	{ "NAMESPACE", imap_cmd_namespace, IMAP_NO_ARGS },
	{ "CAPABILITY", imap_cmd_capability, IMAP_NO_ARGS },
	{ "ENABLE", imap_cmd_enable, 0 },
	{ "ID", imap_cmd_id, 0 },
	{ "LOGOUT", imap_cmd_logout, IMAP_NO_SYNC | IMAP_NO_ARGS },
	{ "AUTHENTICATE", imap_cmd_authenticate, 0 },
	{ "LOGIN", imap_cmd_authenticate, 0 },
	{ "STARTTLS", imap_cmd_authenticate, 0 },
};
const size_t imap_command_count =
	sizeof(imap_commands) / sizeof(imap_commands[0]);
