/* imap-mock-session.h - the session side of the mock host. */
#ifndef IMAP_MOCK_SESSION_H
#define IMAP_MOCK_SESSION_H

#include "imap-mock.h"

/* The service table of that name, NULL when there is none. */
const void *mock_session_service(const char *name);

#endif
