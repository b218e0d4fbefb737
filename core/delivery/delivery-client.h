/* delivery-client.h - the service "delivery" (plugin-api/cv-delivery.h), in
 * the process that speaks the transport protocol. */
#ifndef DELIVERY_CLIENT_H
#define DELIVERY_CLIENT_H

#include "cv-delivery.h"

extern const struct cv_delivery_api delivery_api;

#endif
