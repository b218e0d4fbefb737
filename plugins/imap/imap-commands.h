/* imap-commands.h - the commands after login, one file each (cmd-x.c). */
#ifndef IMAP_COMMANDS_H
#define IMAP_COMMANDS_H

#include "imap-session.h"

extern const struct imap_command imap_commands[];
extern const size_t imap_command_count;

/* Each reads cmd->args and sets the reply; negative ends the session. */
int imap_cmd_append(struct imap_cmd *cmd);
int imap_cmd_authenticate(struct imap_cmd *cmd);
int imap_cmd_cancelupdate(struct imap_cmd *cmd);
int imap_cmd_capability(struct imap_cmd *cmd);
int imap_cmd_check(struct imap_cmd *cmd);
int imap_cmd_close(struct imap_cmd *cmd);
int imap_cmd_compress(struct imap_cmd *cmd);
int imap_cmd_comparator(struct imap_cmd *cmd);
int imap_cmd_conversions(struct imap_cmd *cmd);
int imap_cmd_convert(struct imap_cmd *cmd);
int imap_cmd_copy(struct imap_cmd *cmd);
int imap_cmd_create(struct imap_cmd *cmd);
int imap_cmd_delete(struct imap_cmd *cmd);
int imap_cmd_deleteacl(struct imap_cmd *cmd);
int imap_cmd_enable(struct imap_cmd *cmd);
int imap_cmd_esearch(struct imap_cmd *cmd);
int imap_cmd_examine(struct imap_cmd *cmd);
int imap_cmd_expunge(struct imap_cmd *cmd);
int imap_cmd_fetch(struct imap_cmd *cmd);
int imap_cmd_genurlauth(struct imap_cmd *cmd);
int imap_cmd_getacl(struct imap_cmd *cmd);
int imap_cmd_getmetadata(struct imap_cmd *cmd);
int imap_cmd_getquota(struct imap_cmd *cmd);
int imap_cmd_getquotaroot(struct imap_cmd *cmd);
int imap_cmd_id(struct imap_cmd *cmd);
int imap_cmd_idle(struct imap_cmd *cmd);
/* IDLE of a session that slept in it: cmd has no arguments. */
int imap_idle_go_on(struct imap_cmd *cmd);
int imap_cmd_language(struct imap_cmd *cmd);
int imap_cmd_list(struct imap_cmd *cmd);
int imap_cmd_listrights(struct imap_cmd *cmd);
int imap_cmd_logout(struct imap_cmd *cmd);
int imap_cmd_lsub(struct imap_cmd *cmd);
int imap_cmd_move(struct imap_cmd *cmd);
int imap_cmd_myrights(struct imap_cmd *cmd);
int imap_cmd_namespace(struct imap_cmd *cmd);
int imap_cmd_noop(struct imap_cmd *cmd);
int imap_cmd_notify(struct imap_cmd *cmd);
int imap_cmd_rename(struct imap_cmd *cmd);
int imap_cmd_replace(struct imap_cmd *cmd);
int imap_cmd_resetkey(struct imap_cmd *cmd);
int imap_cmd_search(struct imap_cmd *cmd);
int imap_cmd_select(struct imap_cmd *cmd);
int imap_cmd_setacl(struct imap_cmd *cmd);
int imap_cmd_setmetadata(struct imap_cmd *cmd);
int imap_cmd_setquota(struct imap_cmd *cmd);
int imap_cmd_sort(struct imap_cmd *cmd);
int imap_cmd_status(struct imap_cmd *cmd);
int imap_cmd_store(struct imap_cmd *cmd);
int imap_cmd_thread(struct imap_cmd *cmd);
int imap_cmd_subscribe(struct imap_cmd *cmd);
int imap_cmd_uidbatches(struct imap_cmd *cmd);
int imap_cmd_unauthenticate(struct imap_cmd *cmd);
int imap_cmd_unselect(struct imap_cmd *cmd);
int imap_cmd_unsubscribe(struct imap_cmd *cmd);
int imap_cmd_urlfetch(struct imap_cmd *cmd);
int imap_cmd_xlist(struct imap_cmd *cmd);

/* A literal was refused: sets the reply.  Returns 0. */
int imap_setmetadata_too_large(struct imap_cmd *cmd);

/* STORE by number, not .SILENT, of messages that others have expunged: its OK
 * becomes NO [RFC2180 4.2.2]. */
void imap_store_missed(struct imap_cmd *cmd);

/* The untagged NAMESPACE response. */
void imap_namespace_tell(struct imap_cmd *cmd);

#endif
