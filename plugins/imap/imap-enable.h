/* imap-enable.h - the extensions that a client may enable [RFC5161]. */
#ifndef IMAP_ENABLE_H
#define IMAP_ENABLE_H

#include "imap-session.h"

/* Bits of struct imap_session.enabled: what the client has told to understand.
 * Once set they stay for the session. */
enum imap_enabled {
	IMAP_ENABLED_CONDSTORE = 1,	/* [RFC7162 3.1] */
	IMAP_ENABLED_QRESYNC = 2,	/* [RFC7162 3.2] */
	IMAP_ENABLED_UIDONLY = 4,	/* [RFC9586] */
	IMAP_ENABLED_UTF8 = 8,		/* [RFC6855 3] */
	IMAP_ENABLED_REV2 = 16,		/* [RFC9051 6.3.1] */
	IMAP_ENABLED_METADATA = 256,	/* [RFC5464 4.1] */
};

struct imap_extension {
	const char *name;	/* upper case, as ENABLED tells it */
	uint32_t bit;		/* enum imap_enabled */
	uint32_t implies;	/* others that come with it; they are not
				 * told in ENABLED unless asked for */
	/* NULL, or what has to be done besides, when the bit was not set
	 * before, also where another one implies it. */
	void (*run)(struct imap_session *s);
};

/* The last one has no name. */
extern const struct imap_extension imap_extensions[];

/* NULL when there is none. */
const struct imap_extension *imap_extension_find(struct cv_span name);
/* Sets its bit and those of what it implies; true when its own was not set. */
bool imap_extension_enable(struct imap_session *s,
			   const struct imap_extension *extension);
/* What the new ones since then do, after ENABLED was sent. */
void imap_extensions_run(struct imap_session *s, uint32_t before);

#endif
