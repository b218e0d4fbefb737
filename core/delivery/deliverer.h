/* deliverer.h - the process that saves mail as its recipient. */
#ifndef DELIVERER_H
#define DELIVERER_H

#include "session/session.h"

/* A session of core itself: service "deliver". */
extern const struct session_kind deliverer_session_kind;

#endif
