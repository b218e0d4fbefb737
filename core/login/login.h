/* login.h - the service in front of a protocol: <protocol>-login. */
#ifndef LOGIN_H
#define LOGIN_H

#include "master/service.h"

/* Zygote, children and shared relays, see README.md. */
extern const struct service_row login_service_row;

#endif
