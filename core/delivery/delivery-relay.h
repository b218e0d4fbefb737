/* delivery-relay.h - recipients whose mail is on another server
 * (plugin-api/cv-delivery.h). */
#ifndef DELIVERY_RELAY_H
#define DELIVERY_RELAY_H

#include "cv-delivery.h"
#include "ipc/user-message.h"

/* Of what the passdbs say of the recipient's user; in pool.  CV_E_CONFIG: it
 * makes no sense. */
int delivery_relay_get(struct cv_session *s, const struct cv_recipient *r,
		       const struct user_info *info, struct cv_pool *pool,
		       const struct cv_relay **relay_r, struct cv_error *err);
int delivery_relay_open(struct cv_session *s, struct cv_pool *pool,
			const struct cv_relay *relay,
			struct cv_client **client_r, struct cv_error *err);

#endif
