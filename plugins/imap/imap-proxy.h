/* imap-proxy.h - IMAP between a client and another server that has its mail.
 *
 * What goes by is followed closely enough to know three things: whether the
 * last byte in either direction ended a line of the protocol, which commands
 * have no answer yet, and whether the server holds a state that another
 * connection to it would not have. */
#ifndef IMAP_PROXY_H
#define IMAP_PROXY_H

#include "cv-proxy.h"
#include "imap.h"

enum {
	PROXY_TAGS_MAX = 16, PROXY_TAG_MAX = 64, PROXY_LINE_MAX = 256,
};

enum imap_proxy_command {
	PROXY_COMMAND_ANY, PROXY_COMMAND_SELECT, PROXY_COMMAND_CLOSE,
	PROXY_COMMAND_ENABLE, PROXY_COMMAND_LOGOUT, PROXY_COMMAND_IDLE,
	PROXY_COMMAND_COMPRESS,
	PROXY_COMMAND_PINS,	/* its success cannot be had again */
};

/* One direction: lines, and literals between their parts. */
struct imap_proxy_lines {
	char line[PROXY_LINE_MAX];	/* the beginning of a line */
	uint32_t len;			/* of all of it, saturating */
	char tail[24];			/* its last bytes, for "{123}" */
	uint32_t tail_len;
	uint64_t literal;		/* bytes still to come */
	bool inside;			/* of a command or a response */
};

struct imap_proxy_tag {
	char text[PROXY_TAG_MAX];
	uint32_t command;		/* enum imap_proxy_command */
};

struct imap_proxy {
	struct imap_proxy_lines client, server;
	struct imap_proxy_tag tags[PROXY_TAGS_MAX];	/* without answer */
	uint32_t tag_count;
	uint64_t lost_tags;		/* more of them, or too long ones */
	bool selected, logout;
	bool pinned;			/* what is not followed any more */
	bool bye;			/* the client has heard it */
	bool opaque;			/* the bytes are not IMAP's now */
	char enabled[PROXY_LINE_MAX];	/* arguments of ENABLE so far */
};

extern const struct cv_proxy_protocol imap_proxy_protocol;

/* imap-proxy-track.c: of the table. */
void imap_proxy_client_sent(void *state, struct cv_span bytes);
size_t imap_proxy_server_sent(void *state, struct cv_span bytes);
int imap_proxy_broken(void *state, struct cv_text *answer);
void imap_proxy_closing(void *state, const char *reason,
			struct cv_text *answer);
bool imap_proxy_is_idle(const void *state);

#endif
