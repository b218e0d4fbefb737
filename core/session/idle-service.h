/* idle-service.h - the process that holds connections whose sessions sleep
 * (ipc/idle-message.h). */
#ifndef IDLE_SERVICE_H
#define IDLE_SERVICE_H

#include "master/service.h"

extern const struct service_row idle_service_row;

#endif
