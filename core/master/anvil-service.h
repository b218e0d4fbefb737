/* anvil-service.h - who is connected, limits, penalties. */
#ifndef ANVIL_SERVICE_H
#define ANVIL_SERVICE_H

#include "service.h"

extern const struct service_row anvil_service_row;

#endif
