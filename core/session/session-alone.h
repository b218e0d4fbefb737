/* session-alone.h - a session that no server has started: "imap" on standard
 * input and output, as ssh runs it. */
#ifndef SESSION_ALONE_H
#define SESSION_ALONE_H

#include "base.h"

/* Serves who runs it, with that user's rights and no others; the mail may be
 * in use by a running server at the same time.  Returns an exit status. */
int session_alone_run(const char *protocol, int argc, char **argv);

#endif
