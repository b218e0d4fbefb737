/* imap-mock.h - a host in memory for the IMAP plugin: what core's service
 * tables promise, as small as it can be done.  Serves unit tests and
 * fuzzing. */
#ifndef IMAP_MOCK_H
#define IMAP_MOCK_H

#include "base.h"
#include "cv-extend.h"
#include "cv-plugin.h"
#include "cv-protocol.h"
#include "cv-mailbox.h"
#include "imap.h"

/* The table that the plugin provided. */
extern struct cv_protocol mock_protocol;
extern struct imap_settings mock_settings;
/* The service that it offers, and what others have added to it: to be set
 * before the first session. */
extern struct cv_service mock_service;
extern const struct cv_extension *mock_extensions[4];
/* The last line that was logged. */
extern char mock_logged[512];
/* Loads the plugin (once) and resets the settings. */
void mock_init(void);

struct cv_preauth {
	struct cv_pool *pool;
	void *state;
	struct cv_text out;
	bool tls_active, tls_available, secure;
	bool closed, starttls, aborted;
	char mechanism[32];
	struct cv_text initial, user, password, response, tag, client_id;
	uint32_t auth_begun, handed_off, offers;
	struct cv_text unread;		/* what input did not consume */
	size_t hand_off_unread;
};

/* A connection that has been greeted; the greeting is in out. */
struct cv_preauth *mock_preauth_new(void);
void mock_preauth_free(struct cv_preauth **p);
/* As if the bytes had arrived now. */
void mock_preauth_feed(struct cv_preauth *p, const void *data, size_t len);
/* Ends the authentication that is under way. */
void mock_preauth_outcome(struct cv_preauth *p, int status, uint32_t fail,
			  const char *text);

#endif
