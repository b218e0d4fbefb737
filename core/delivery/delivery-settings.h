/* delivery-settings.h - settings of deliveries, whatever the protocol. */
#ifndef DELIVERY_SETTINGS_H
#define DELIVERY_SETTINGS_H

#include "settings/settings.h"

struct delivery_settings {
	const char *recipient_delimiter;
	bool lda_mailbox_autocreate, lda_mailbox_autosubscribe;
};

extern const struct settings_table delivery_settings_table;

#endif
