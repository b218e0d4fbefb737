/* delivery-settings.c - see delivery-settings.h. */
#include "base.h"
#include "delivery-settings.h"

static const struct cv_setting_def defs[] = {
	CV_SETTING(delivery_settings, recipient_delimiter, CV_SET_STRING, "+",
		   NULL, 0, "Characters that may separate the user from the "
		   "detail in an address: user+detail@example.org. Each "
		   "character counts; empty: there are no details."),
	CV_SETTING(delivery_settings, lda_mailbox_autocreate, CV_SET_BOOL,
		   "no", NULL, CV_SET_PER_USER, "Make a mailbox that a "
		   "delivery goes to and that does not exist. Otherwise the "
		   "message goes into INBOX."),
	CV_SETTING(delivery_settings, lda_mailbox_autosubscribe, CV_SET_BOOL,
		   "no", NULL, CV_SET_PER_USER, "Subscribe to mailboxes that "
		   "lda_mailbox_autocreate makes."),
};

const struct settings_table delivery_settings_table =
	SETTINGS_TABLE("delivery", NULL, delivery_settings, defs);
