/* connection.h - the blocking connection of a session (cv-connection.h). */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <signal.h>

#include "base.h"
#include "cv-connection.h"
#include "ipc/user-message.h"

/* Served to plugins as service "connection". */
extern const struct cv_connection_api connection_api;

/* Takes fd (made non-blocking).  input was read before and comes first. */
struct cv_connection *connection_create(struct cv_pool *pool, int fd,
					const struct conn_info *info,
					struct cv_span input);
/* Flushes what can be flushed without waiting, then closes. */
void connection_close(struct cv_connection *c);

/* While waiting for the client, *fd (-1: none) is watched too; when something
 * arrives on it check(context) is asked, which may change *fd.  True, or
 * *stop set by a signal handler, ends the waiting: CV_E_TEMP, "stopped". */
typedef bool connection_stop_check(void *context);
void connection_set_stop(struct cv_connection *c, const int *fd,
			 connection_stop_check *check, void *context,
			 const volatile sig_atomic_t *stop);
/* How long a write may make no progress; 0: for ever. */
void connection_set_send_timeout(struct cv_connection *c, uint32_t msecs);
/* Copies both directions into <dir>/<id>.in and .out; the directory is
 * opened now. */
int connection_set_rawlog(struct cv_connection *c, const char *dir,
			  const char *id, struct cv_error *err);
/* Whether another process can go on with the descriptor: there is no input, no
 * record of the session, and no TLS of its own. */
bool connection_can_move(const struct cv_connection *c);
/* What that process has to know of the compression, appended; nothing when
 * there is none.  False: it is not where another can go on. */
bool connection_freeze(const struct cv_connection *c, struct cv_text *out);
/* Of a connection that is new. */
bool connection_thaw(struct cv_connection *c, struct cv_span state);
/* What went over it before this process had it. */
void connection_set_counts(struct cv_connection *c, uint64_t bytes_in,
			   uint64_t bytes_out);
/* COMPRESS ends for both directions: ours behind what was written, the
 * client's behind what was read, which is everything [RFC8437 4.1].  Waits for
 * its end of stream, or for the first byte of what is none.  Nothing happens
 * where nothing is compressed. */
int connection_uncompress(struct cv_connection *c, uint32_t timeout_msecs,
			  struct cv_error *err);
/* The descriptor was given to another process, with what peek had: this one
 * does not touch it any more. */
void connection_leave(struct cv_connection *c);
/* TLS inside the process (lmtp), when the client asks for it.  Kept by the
 * caller. */
struct tls_server;
void connection_set_tls(struct cv_connection *c, struct tls_server *tls);

#endif
