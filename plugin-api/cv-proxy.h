/* cv-proxy.h - a protocol's part in sessions whose mail is on another server:
 * core connects, speaks TLS and moves the bytes; the protocol logs in there,
 * and watches what goes by, so that it knows whether another connection may
 * take the place of one that broke. */
#ifndef CV_PROXY_H
#define CV_PROXY_H

#include "cv-client.h"

struct cv_text;

/* Where a session goes, and as whom.  Strings are never NULL. */
struct cv_proxy_target {
	CV_HEAD;
	const char *host;		/* a name or an address */
	uint32_t port;
	bool starttls;			/* to be asked for by login */
	const char *user;		/* whose mail */
	const char *master;		/* who authenticates; "": user */
	struct cv_span password;
	const char *mechanism;		/* upper case; "": login chooses */
	struct cv_span tag;		/* what hand_off was given */

	/* The client, for a server that trusts us; false: not to be told. */
	bool tell_client;
	const char *session_id, *remote_ip, *local_ip;
	uint32_t remote_port, local_port;
	/* Servers that the connection may still pass, this one's target
	 * included. */
	uint32_t ttl;
	/* "name=value" of fields forward_name, with TABs between: for the
	 * passdbs of a server that trusts us.  Printable ASCII, names of at
	 * most 20 bytes and values of 1024, 22 of them. */
	struct cv_span forward;
};

/* What a protocol has for it; cv_protocol.proxy. */
struct cv_proxy_protocol {
	CV_HEAD;
	uint32_t port, tls_port;	/* where nothing says another one */
	size_t state_bytes;		/* per session, zeroed */

	/* Reads the greeting and logs in.  What the client is to be told
	 * then, in answer to its own login, is appended to answer.
	 * CV_E_DENIED: the server refused the user; the error's text for the
	 * client is what it said. */
	int (*login)(void *state, struct cv_client *far,
		     const struct cv_proxy_target *target,
		     struct cv_text *answer, struct cv_error *err);
	/* Bytes that were passed on, cut anywhere. */
	void (*client_sent)(void *state, struct cv_span bytes);
	/* Bytes of the server; returns how many of them the client may have
	 * now.  The rest is the server's goodbye: it is kept, and given to
	 * the client unless another connection goes on for this one. */
	size_t (*server_sent)(void *state, struct cv_span bytes);
	/* The server has broken off.  CV_OK: another connection may go on for
	 * this one, and the client is told what is appended to answer (which
	 * may be nothing).  CV_EOF: that was the end of the session.
	 * CV_E_TEMP: it cannot go on; answer has the last words. */
	int (*broken)(void *state, struct cv_text *answer);
	/* After another login: brings the server to where the one before
	 * was.  A failure ends the session. */
	int (*resume)(void *state, struct cv_client *far,
		      struct cv_error *err);
	/* The last words of this server, which stops or gives up. */
	void (*closing)(void *state, const char *reason,
			struct cv_text *answer);
	/* Optional (CV_HAS).  True: the client waits for no answer, so that
	 * a server that stops loses none of them.  What it has begun to say
	 * is not waited for, nor what may take for ever. */
	bool (*is_idle)(const void *state);
};

#endif
