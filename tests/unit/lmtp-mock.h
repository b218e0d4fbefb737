/* lmtp-mock.h - a host in memory for the LMTP plugin: the connection is a
 * buffer that arrives in pieces, delivery counts.  Serves unit tests and
 * fuzzing. */
#ifndef LMTP_MOCK_H
#define LMTP_MOCK_H

#include "base.h"

struct lmtp_mock_result {
	int status;			/* of the session */
	struct cv_text out;		/* all replies */
	struct cv_text delivered;	/* bodies, each followed by 0x01 */
	uint32_t deliveries;		/* recipients that were answered OK */
};

/* Whether the peer may say XCLIENT; then it counts what arrives with what. */
extern bool lmtp_mock_is_proxy;

/* Runs one session on the input, which arrives in pieces of the given size
 * (0: all at once), then ends.  Everything lives in pool.  Recipients that
 * begin with "no" do not exist; "temp" fails for now. */
void lmtp_mock_run(struct cv_pool *pool, struct cv_span input, size_t piece,
		   struct lmtp_mock_result *result_r);

#endif
