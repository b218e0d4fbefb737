/* imap.h - what the files of this plugin share: the services of the host and
 * the settings. */
#ifndef IMAP_H
#define IMAP_H

#include "cv-plugin.h"
#include "cv-protocol.h"
#include "cv-mailbox.h"
#include "cv-client.h"
#include "cv-convert.h"

enum imap_fetch_failure {
	IMAP_FETCH_DISCONNECT_IMMEDIATELY = 0,
	IMAP_FETCH_DISCONNECT_AFTER,
	IMAP_FETCH_NO_AFTER,
};

struct imap_settings {
	uint32_t imap_annotate_max_entries;
	uint64_t imap_annotate_max_size;
	const char *imap_capability;
	uint32_t imap_compress_deflate_level;
	struct cv_strings imap_client_workarounds;
	struct cv_strings imap_convert_default;
	uint32_t imap_convert_max_messages, imap_convert_max_parts;
	uint64_t imap_convert_max_size;
	uint32_t imap_fetch_failure;	/* enum imap_fetch_failure */
	uint64_t imap_hibernate_timeout;	/* milliseconds; 0: never */
	struct cv_strings imap_id_log;
	struct cv_strings imap_id_send;
	uint64_t imap_idle_notify_interval;	/* milliseconds */
	uint32_t imap_language;		/* enum imap_language */
	bool imap_literal_minus;
	const char *imap_logout_format;
	uint64_t imap_max_append_size;
	uint64_t imap_max_line_length;
	uint32_t imap_message_limit;
	uint32_t imap_save_limit;
	bool imap_unauthenticate;
};

/* Set by init; NULL where the process does not have the service. */
extern struct cv_plugin *imap_self;
extern const struct cv_preauth_api *imap_preauth_api;
extern const struct cv_session_api *imap_session_api;
extern const struct cv_connection_api *imap_connection_api;
extern const struct cv_user_api *imap_user_api;
extern const struct cv_mailbox_api *imap_mailbox_api;
extern const struct cv_stream_api *imap_stream_api;
extern const struct cv_convert_api *imap_convert_api;
extern const struct cv_client_api *imap_client_api;

#endif
