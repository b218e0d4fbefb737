/* imap-mock-session.c - see imap-mock-session.h. */
#include "imap-mock-session.h"

const void *mock_session_service(const char *name)
{
	return NULL;
}
