/* client-api.h - the service "client" of cv-client.h, for processes whose
 * plugins may connect. */
#ifndef CLIENT_API_H
#define CLIENT_API_H

#include "cv-client.h"

extern const struct cv_client_api client_api;

#endif
