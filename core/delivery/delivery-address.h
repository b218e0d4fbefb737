/* delivery-address.h - user and detail of an address. */
#ifndef DELIVERY_ADDRESS_H
#define DELIVERY_ADDRESS_H

#include "base.h"
#include "cv-delivery.h"

/* Splits an address at the first of the delimiters in its local part, unless
 * the local part is quoted: "user+detail@domain" is user "user@domain" with
 * detail "detail".  Everything lives in pool.  CV_E_SYNTAX: empty user,
 * control characters, or too long. */
int delivery_address_split(struct cv_span address, const char *delimiters,
			   struct cv_pool *pool, struct cv_recipient *r_r,
			   struct cv_error *err);

#endif
