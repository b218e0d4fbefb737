/* auth-job.h - a piece of work that may take long, and where it is done.
 *
 * auth makes jobs and submits them; what may not run in auth goes to a
 * worker.  done is called exactly once, from inside auth_job_submit when the
 * work could be done on the spot. */
#ifndef AUTH_JOB_H
#define AUTH_JOB_H

#include "auth-db.h"
#include "auth-hosts.h"
#include "auth-ids.h"
#include "auth-input.h"

struct auth_workers;

enum auth_job_kind {
	AUTH_JOB_LOOKUP = 1,	/* passdb or userdb: fields */
	AUTH_JOB_VERIFY,	/* passdb: fields and the password */
	AUTH_JOB_HASH,		/* a stored hash and a password */
	AUTH_JOB_LIST,		/* userdb: names, one "user" callback each */
	AUTH_JOB_IDS,		/* names of the system become numbers */
	AUTH_JOB_STORE,		/* passdb: password in the place of hash */
	AUTH_JOB_HOST,		/* the name of a host becomes addresses */
	AUTH_JOB_POLICY,	/* a login, told to the policy server */
};

/* Beside input and password; the answer is in the reply: see auth-policy.h. */
struct auth_policy_told {
	uint32_t when;			/* enum cv_policy_when */
	bool success, refused;
	bool fields;			/* what databases said is asked for */
	const char *client_id;		/* NULL is "" */
};

struct auth_job {
	uint32_t kind;
	struct auth_db *db;		/* all but HASH, IDS, HOST,
					 * POLICY */
	const struct cv_auth_input *input;
	struct cv_span password;
	const char *hash, *scheme;	/* HASH; hash: STORE */
	cv_user_found_fn *found;	/* LIST */
	struct auth_id_names names;	/* IDS; NULL is "" */
	const char *host;		/* HOST; NULL is "" */
	struct auth_policy_told policy;	/* POLICY */

	int result;			/* enum cv_auth_result, or failure */
	struct cv_auth_reply reply;	/* LOOKUP, VERIFY, IDS, HOST */
	struct cv_error error;

	void (*done)(struct auth_job *job);
	void *context;

	uint32_t id;			/* auth-worker.c's */
	struct auth_job *next;
};

/* Does it here and now. */
void auth_job_run(struct auth_job *job);
/* True when it cannot block. */
bool auth_job_is_quick(const struct auth_job *job);
/* workers NULL: everything is done here (tools, tests). */
void auth_job_submit(struct auth_workers *workers, struct auth_job *job);

/* --- as messages -------------------------------------------------------- */

enum {
	WORKER_MSG_JOB = 0x400,		/* auth -> worker */
	WORKER_MSG_FOUND,		/* worker -> auth: u32 id, str user */
	WORKER_MSG_DONE,		/* worker -> auth */
};

void auth_job_put(struct ipc_writer *w, const struct auth_job *job);
/* Into pool, which the job's reply uses too.  CV_E_CONFIG: the database is
 * not in this process's settings. */
int auth_job_read(struct ipc_reader *r, struct auth_dbs *dbs,
		  struct cv_pool *pool, struct auth_job *job_r,
		  struct cv_error *err);
void auth_job_result_put(struct ipc_writer *w, const struct auth_job *job);
/* After the id has been read and the job found. */
int auth_job_result_read(struct ipc_reader *r, struct auth_job *job,
			 struct cv_error *err);

#endif
