/* log-service.h - the role that writes the logs. */
#ifndef LOG_SERVICE_H
#define LOG_SERVICE_H

#include "service.h"

extern const struct service_row log_service_row;

#endif
