/* session-zygote.h - the role of every service that runs sessions. */
#ifndef SESSION_ZYGOTE_H
#define SESSION_ZYGOTE_H

#include "master/service.h"

extern const struct service_row session_service_row;

#endif
