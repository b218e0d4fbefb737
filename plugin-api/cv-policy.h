/* cv-policy.h - a service that watches logins over many servers, and may want
 * one slowed down or refused:
 *
 *	cv_provide_policy(self, &table, err)
 *
 * auth-worker asks the table named "policy" when auth_policy_server_url is
 * set; core decides when it is asked and acts upon what it says.  Calls may
 * block, for no longer than the time in the settings. */
#ifndef CV_POLICY_H
#define CV_POLICY_H

#include "cv-auth.h"

/* The settings auth_policy_...; texts are never NULL and live as long as the
 * policy is open. */
struct cv_policy_config {
	CV_HEAD;
	const char *url;
	const char *api_header;		/* "Name: value", or "" */
	const char *hash_mech, *hash_nonce;
	const char *attributes;		/* "login=%{requested_username} ..." */
	uint32_t hash_bits;		/* 0: all of the digest */
	uint32_t timeout_msecs;
	struct cv_pool *pool;
};

enum cv_policy_when {
	CV_POLICY_CHECK = 1,		/* may they?  before and after */
	CV_POLICY_REPORT = 2,		/* how it went; nothing is answered */
};

struct cv_policy_question {
	CV_HEAD;
	uint32_t when;			/* enum cv_policy_when */
	const struct cv_auth_input *input;
	struct cv_span password;	/* empty: the mechanism sends none */
	const char *client_id;		/* what the client says of itself */
	bool success, refused;		/* REPORT: refused by a check before */
};

struct cv_policy_answer {
	CV_HEAD;
	int32_t status;			/* < 0: refuse; 0: go on; > 0: go on
					 * after so many seconds */
	struct cv_text *message;	/* for the log, and for the client when
					 * it is refused; empty at the start */
};

struct cv_policy {
	CV_HEAD;
	const char *name;
	/* Before the process is confined.  CV_E_CONFIG: a value is not
	 * usable. */
	int (*open)(const struct cv_policy_config *config, void **policy_r,
		    struct cv_error *err);
	void (*close)(void *policy);
	/* A failure: there is no answer, or none that can be understood. */
	int (*ask)(void *policy, const struct cv_policy_question *question,
		   struct cv_policy_answer *answer, struct cv_error *err);
};

#endif
