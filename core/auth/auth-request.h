/* auth-request.h - one question to the databases: is this password right,
 * and who is this user.
 *
 * The chains of passdb { } and userdb { } blocks run here, with their rules.
 * Callbacks come exactly once, possibly from inside the call that starts
 * them.  A request whose asker has gone is ended by auth_request_unref; it
 * lives on until a running job is back. */
#ifndef AUTH_REQUEST_H
#define AUTH_REQUEST_H

#include "auth.h"
#include "ipc/user-message.h"

struct auth_request;

typedef void auth_request_fn(struct auth_request *request, int result);

struct auth_request {
	struct cv_pool *pool;		/* wiped at the end */
	struct auth *auth;
	uint32_t refs;
	struct cv_auth_input input;
	struct cv_auth_reply fields;	/* of the passdbs, without password */
	struct cv_auth_reply userdb;	/* userdb_* of the passdbs, then what
					 * the userdbs say */
	struct cv_span password;	/* data NULL: not to be checked */
	const char *original_login;	/* the client's word for the one whose
					 * password it is, not yet translated;
					 * NULL: not set */
	const char *credentials;	/* of a lookup: "{SCHEME}..." or bare */
	const char *credentials_scheme;	/* of a bare one */
	struct auth_db *credentials_db;	/* where they are */
	const char *credentials_user;	/* and under which name */
	const char *fail_text;		/* for the client, "" none */
	const char *fail_data;		/* in place of the mechanism's */
	bool uncached;			/* no cache is asked, or told */
	bool prefetched;		/* a passdb gave userdb_* fields */
	bool user_changed;

	/* the chain's own */
	auth_request_fn *done;
	void *context;			/* the asker's */
	bool detached;			/* nobody listens any more */
	struct auth_db *db;
	struct cv_auth_reply reply;	/* of the present database */
	struct auth_job job;
	struct cv_span cache_key;
	struct cv_error error;		/* of an internal failure */
	bool success, in_master, skip_password;
	bool saw_internal, saw_mismatch;
	bool on_deny_list;		/* whatever the password */
	bool saw_verify_only;		/* a passdb that cannot look up */
	bool authenticated;		/* a passdb chain has said yes */
	struct auth_request *known;	/* asks whether the user exists */
	int hash_for;			/* result that a HASH job belongs to */
	uint32_t stage;
	struct auth_ids ids;		/* of the userdb's answer */
	/* Of auth_forward_host: its addresses; NULL: why there are none is in
	 * host_error, or nobody has asked. */
	const char *host_addresses, *host_error;
	/* What each passdb that was asked has said, for culveradm; result as
	 * of done, the text of a failure in error.  NULL: nobody listens. */
	void (*told)(const struct auth_request *request,
		     const struct auth_db *db, int result);
};

/* A request with everything "" but the pool; one reference. */
struct auth_request *auth_request_create(struct auth *auth);
/* Another one about the same user, of whom nothing has been said yet; from
 * must live as long. */
struct auth_request *auth_request_create_like(const struct auth_request *from);
void auth_request_ref(struct auth_request *request);
/* Without another reference no callback comes any more. */
void auth_request_unref(struct auth_request **request);

/* Takes over who asks from where. */
void auth_request_set_conn(struct auth_request *request, const char *service,
			   const char *session_id,
			   const struct conn_info *conn);
/* Sets input.user (and login_user, for a master login) from what the client
 * said; authzid empty: the same.  CV_E_DENIED: not acceptable names. */
int auth_request_set_user(struct auth_request *request, struct cv_span user,
			  struct cv_span authzid, struct cv_error *err);

/* Runs the passdbs.  password is copied; data NULL: the lookup of a secret
 * for a mechanism, which is then in credentials.  done gets enum
 * cv_auth_result or a failure (text in request->error). */
void auth_request_verify(struct auth_request *request,
			 struct cv_span password, auth_request_fn *done);
/* After a lookup that has found credentials: stored in their place.  done gets
 * CV_AUTH_OK, CV_AUTH_MISMATCH (they have changed) or a failure. */
void auth_request_store(struct auth_request *request, struct cv_span stored,
			auth_request_fn *done);
/* Runs the userdbs; what they say is in request->userdb. */
void auth_request_lookup_user(struct auth_request *request,
			      auth_request_fn *done);
/* The answer in the form the session wants; names of users and groups have
 * become numbers.  Lives in the request's pool. */
void auth_request_user_info(struct auth_request *request,
			    struct user_info *info_r);

/* For the log: "user,ip,<session>". */
const char *auth_request_name(const struct auth_request *request);

/* --- for the two chains ------------------------------------------------- */

/* As unref, of the chain's own reference. */
void auth_request_release(struct auth_request **request);
/* Adds default_fields and override_fields of db around the reply, variables
 * expanded. */
int auth_request_add_fields(struct auth_request *request,
			    const struct auth_db *db,
			    struct cv_auth_reply *reply,
			    struct cv_error *err);
/* Fields that name the user (user, username, domain). */
int auth_request_change_user(struct auth_request *request,
			     const struct cv_auth_reply *reply,
			     struct cv_error *err);
/* "192.0.2.0/24,2001:db8::/32,local": whether ip is in it. */
bool auth_nets_match(const char *nets, const char *ip);

#endif
