/* cv-auth.h - who may log in, and as whom: password databases, user
 * databases, SASL mechanisms, password schemes.
 *
 * Four kinds of provider, each a constant table given to core at init:
 *
 *	cv_provide_passdb(self, &table, err)	"is this password right?"
 *	cv_provide_userdb(self, &table, err)	"uid, home, mail of this user"
 *	cv_provide_mechanism(self, &table, err)	the talk with the client
 *	cv_provide_scheme(self, &table, err)	{SSHA512}..., {ARGON2ID}...
 *
 * Where they run: passdb and userdb of a plugin with CV_PLUGIN_PURE in the
 * auth process, which serves everyone and must never wait; all others, one
 * request at a time, in auth-worker, where they may block, and such a plugin
 * is not even loaded in auth.  Mechanisms run in auth and are pure: they
 * cannot be in a plugin with a database that may block.  Schemes with CV_SCHEME_EXPENSIVE run in auth-worker.
 *
 * Everything in a request comes from the client and is hostile.  Core has
 * checked the user name (auth_username_chars and so on) and that no text
 * holds NUL; it is still not safe in a path, a query or a filter: use expand
 * with the flag of the sink. */
#ifndef CV_AUTH_H
#define CV_AUTH_H

#include "cv-check.h"
#include "cv-types.h"

struct cv_text;
struct cv_routes;
struct cv_auth_reply;		/* core's: collects what a driver answers */

/* --- a request, as drivers see it ---------------------------------------- */

/* Strings are never NULL; "" is not known. */
struct cv_auth_input {
	CV_HEAD;
	const char *user;		/* after all translations so far */
	const char *original_user;	/* as the client gave it */
	const char *login_user;		/* whom a master user logs in as */
	const char *master_user;	/* the master user, when that is past */
	const char *service;		/* "imap", "lmtp", "doveadm" */
	const char *mechanism;		/* "PLAIN"; "" in a lookup */
	const char *realm;
	const char *session_id;
	const char *local_ip, *remote_ip;
	uint32_t local_port, remote_port;
	const char *local_name;		/* TLS server name */
	const char *cert_name;		/* user of a verified certificate */
	bool tls, secure, cert_valid;
	bool is_master_lookup;		/* user is a master user's name */
	struct cv_pool *pool;		/* dies with this request; wiped */
	/* What the databases before this one have said (cv_auth_api.get), and
	 * the fields forward_* of a proxy: %{passdb:name}, %{userdb:name}.  In
	 * another process only what cache_key says is used.  NULL: nothing. */
	const struct cv_auth_reply *passdb, *userdb;
};

/* What a lookup found.  Negative results are failures of the database
 * itself (CV_E_TEMP ...): the chain's result_internalfail decides. */
enum cv_auth_result {
	CV_AUTH_OK = 0,
	CV_AUTH_UNKNOWN_USER = 1,
	CV_AUTH_MISMATCH = 2,		/* wrong password */
	CV_AUTH_DISABLED = 3,		/* the account is locked */
	CV_AUTH_EXPIRED = 4,		/* the password has to be changed */
	CV_AUTH_NEXT = 5,		/* no verdict: ask the next; the
					 * fields that were set count */
	CV_AUTH_OK_IF_KNOWN = 6,	/* of a userdb: these fields are right
					 * for anybody; core asks the passdbs
					 * whether there is such a user */
};

/* Fields of a passdb that core acts upon: password, nopassword, user,
 * username, domain, userdb_*, allow_nets, nologin, reason, nodelay,
 * delay_until, fail, noauthenticate, proxy*, host, port and destuser (where
 * the mail is).  Of one that refuses: reason, and fail_data, which a mechanism
 * that says more than no (OAUTHBEARER) says in place of its own.  Of a userdb:
 * user, username, domain, uid, gid, home, mail, chroot, system_groups_user,
 * userdb_import;
 * any other name is a setting for that user alone.  mail is a template that
 * the session expands; all other values are final, and drivers expand what
 * an admin wrote for them. */

enum {
	CV_AUTH_EXPAND_RAW = 0,
	/* A path below what is written: variables with '/', NUL, a leading
	 * '.', or empty are CV_E_DENIED. */
	CV_AUTH_EXPAND_PATH = 1,
};

/* One-time passwords [RFC2289], as scheme OTP stores them. */
enum { CV_OTP_BYTES = 8, CV_OTP_SEQUENCE_MAX = 9999, CV_OTP_SEED_MAX = 16 };

enum cv_otp_algorithm { CV_OTP_MD4, CV_OTP_MD5, CV_OTP_SHA1, CV_OTP_ALGORITHMS };

struct cv_otp {
	uint32_t algorithm;		/* enum cv_otp_algorithm */
	uint32_t sequence;
	const char *name;		/* of the algorithm: "sha1" */
	char seed[CV_OTP_SEED_MAX + 1];	/* lower case */
	unsigned char hash[CV_OTP_BYTES];
};

/* Service "auth", major 1. */
struct cv_auth_api {
	CV_HEAD;
	/* Appends text with %u %n %d %s ... replaced, once.  CV_E_CONFIG: no
	 * such variable; CV_E_DENIED: see the flag. */
	int (*expand)(const struct cv_auth_input *in, const char *text,
		      uint32_t flags, struct cv_text *out,
		      struct cv_error *err);
	/* Adds a field to the answer, both copied.  A second one of the same
	 * name replaces the first.  Names other than letters, digits and
	 * _-:./, values with NUL, CR, LF or longer than 8 KiB are refused:
	 * false. */
	bool (*set)(struct cv_auth_reply *reply, struct cv_span name,
		    struct cv_span value);
	/* Adds "a=b c d=e", separated by the byte given (' ' or '\t').  A name
	 * alone has the value "yes".  Backslash protects the separator and
	 * itself when the separator is a blank.  CV_E_SYNTAX at the first bad
	 * one. */
	int (*set_all)(struct cv_auth_reply *reply, struct cv_span text,
		       char separator, struct cv_error *err);
	/* NULL-data: not set. */
	struct cv_span (*get)(const struct cv_auth_reply *reply,
			      const char *name);
	/* Compares in constant time. */
	bool (*equal)(struct cv_span a, struct cv_span b);
	/* Checks a password against a stored one, "{SCHEME}hash".  May take
	 * long.  CV_AUTH_OK, CV_AUTH_MISMATCH, or a failure: what is stored is
	 * not usable. */
	int (*password_verify)(const char *stored,
			       const struct cv_auth_input *in,
			       struct cv_span password, struct cv_error *err);
	/* What scheme OTP stores, "sha1 1024 seed 0123456789abcdef"; pool is
	 * for scratch.  CV_E_SYNTAX: it is none. */
	int (*otp_parse)(struct cv_span stored, struct cv_pool *pool,
			 struct cv_otp *otp_r, struct cv_error *err);
	/* A one-time password digested once more, in place: what is stored,
	 * when it is right. */
	int (*otp_next)(uint32_t algorithm, unsigned char otp[CV_OTP_BYTES],
			struct cv_error *err);
};

/* --- databases ------------------------------------------------------------ */

/* One passdb { } or userdb { } block. */
struct cv_auth_db_config {
	CV_HEAD;
	const char *driver;
	const char *args;		/* as in the settings, not expanded */
	const char *file;		/* where it stands, for messages */
	uint32_t line;
	struct cv_pool *pool;		/* as long as the database is open */
	/* Files and directories the database reads besides those in the
	 * plugin's descriptor: call before open returns. */
	void (*needs_path)(const struct cv_auth_db_config *config,
			   const char *path);
	/* The same of a directory that is written to, which a database with a
	 * plugin that has CV_PLUGIN_PURE must not do. */
	void (*writes_path)(const struct cv_auth_db_config *config,
			    const char *path);
};

/* What cache_key returns when nothing is to come out of the cache. */
#define CV_AUTH_UNCACHED "!"

/* One of the passwords that a user has beside the main one, for a program or
 * a device.  Texts are never NULL and hold no control bytes; times are seconds
 * since 1970, 0: none. */
struct cv_app_password {
	CV_HEAD;
	const char *id;			/* unique for the user; no secret */
	const char *name;		/* what the user calls it */
	const char *stored;		/* "{SCHEME}hash"; "" in a listing */
	const char *protocols;		/* "imap,submission"; "": all */
	const char *nets;		/* as of allow_nets; "": all */
	uint64_t created, expires, used;
	const char *used_ip;		/* "" not known */
};

/* Given each; false ends the listing. */
typedef bool cv_app_password_fn(void *context,
				const struct cv_app_password *one);

/* Where they are kept, for culveradm apppassword: db is what the passdb's open
 * gave, in->user whose they are.  What add and revoke have returned CV_OK for
 * is durable, and counts at the next login. */
struct cv_app_passwords {
	CV_HEAD;
	int (*list)(void *db, const struct cv_auth_input *in,
		    cv_app_password_fn *found, void *context,
		    struct cv_error *err);
	/* CV_E_EXISTS: the id is there.  CV_E_LIMIT: there are too many. */
	int (*add)(void *db, const struct cv_auth_input *in,
		   const struct cv_app_password *one, struct cv_error *err);
	/* CV_NOT_FOUND: there is none with this id. */
	int (*revoke)(void *db, const struct cv_auth_input *in,
		      const char *id, struct cv_error *err);
};

/* Given each name; false ends the iteration. */
typedef bool cv_user_found_fn(void *context, struct cv_span user);

struct cv_passdb {
	CV_HEAD;
	const char *name;		/* driver = name */
	const char *default_scheme;	/* of a password without {SCHEME};
					 * NULL: "CRYPT" */

	/* Parses args.  Runs before the process is confined.  The same
	 * database may be opened in several processes. */
	int (*open)(const struct cv_auth_db_config *config, void **db_r,
		    struct cv_error *err);
	void (*close)(void *db);
	/* Sets the fields, "password" among them ("{SCHEME}hash" or a bare
	 * one); core verifies it.  Returns enum cv_auth_result or a failure.
	 * NULL: this database can only verify. */
	int (*lookup)(void *db, const struct cv_auth_input *in,
		      struct cv_auth_reply *reply, struct cv_error *err);
	/* Checks the password itself (PAM, bind).  NULL: lookup is used. */
	int (*verify)(void *db, const struct cv_auth_input *in,
		      struct cv_span password, struct cv_auth_reply *reply,
		      struct cv_error *err);
	/* The scheme in force, when args can change it; NULL: the default. */
	const char *(*scheme)(void *db);
	/* The variables the answer depends on besides the user name, as text:
	 * "%s %l".  "": none; NULL member: every input counts.  Part of the
	 * cache's key. */
	const char *(*cache_key)(void *db);
	/* Looks args over without opening anything; see cv-check.h.  NULL:
	 * open finds out. */
	cv_check_fn *check;
	/* Some of the stored passwords, at most a thousand, in any order:
	 * asked for at the start, so that a user who does not exist costs
	 * what those cost who do.  NULL: it cannot tell. */
	void (*hashes)(void *db, cv_user_found_fn *found, void *context);
	/* NULL: it keeps none. */
	const struct cv_app_passwords *app_passwords;
	/* Is it verify that is to be asked, or lookup?  NULL: verify where
	 * there is one.  A verify that sets "password" has done its part;
	 * core compares that as it does after lookup. */
	bool (*verifies)(void *db);
	/* NULL: it sends nobody anywhere; see cv-route.h. */
	const struct cv_routes *routes;
	/* Puts stored ("{SCHEME}...") in the place of old, which lookup gave
	 * for in->user.  CV_AUTH_OK: it is durable.  CV_AUTH_MISMATCH: old is
	 * not what is there any more.  Runs where it may block.  NULL: nobody
	 * can write there. */
	int (*store)(void *db, const struct cv_auth_input *in,
		     struct cv_span old, struct cv_span stored,
		     struct cv_error *err);
};

struct cv_userdb {
	CV_HEAD;
	const char *name;
	int (*open)(const struct cv_auth_db_config *config, void **db_r,
		    struct cv_error *err);
	void (*close)(void *db);
	int (*lookup)(void *db, const struct cv_auth_input *in,
		      struct cv_auth_reply *reply, struct cv_error *err);
	/* All users, each once.  NULL: cannot tell. */
	int (*iterate)(void *db, cv_user_found_fn *found, void *context,
		       struct cv_error *err);
	const char *(*cache_key)(void *db);
	/* Looks args over without opening anything; see cv-check.h.  NULL:
	 * open finds out. */
	cv_check_fn *check;
};

/* --- SASL mechanisms [RFC4422] -------------------------------------------- */

enum {					/* struct cv_mechanism.flags */
	CV_MECHANISM_PLAINTEXT = 1,	/* the password crosses the wire */
	CV_MECHANISM_NEEDS_TLS = 2,	/* useless without */
	CV_MECHANISM_HIDDEN = 4,	/* usable, not announced */
	CV_MECHANISM_SERVER_FIRST = 8,	/* an initial response is an error */
	CV_MECHANISM_BINDING = 16,	/* useless without a channel binding */
	CV_MECHANISM_CERT = 32,		/* useless without a verified client
					 * certificate */
	CV_MECHANISM_TAKES_PLAIN = 64,	/* credentials may be the password:
					 * credentials_scheme tells */
	CV_MECHANISM_STORES = 128,	/* STORE may come: what it looks up
					 * is never out of a cache */
};

enum cv_mechanism_next {		/* what step wants core to do */
	CV_MECHANISM_CHALLENGE = 1,	/* send out, step with the response */
	CV_MECHANISM_VERIFY,		/* check user and password; the end */
	CV_MECHANISM_CREDENTIALS,	/* get user's secret for scheme, step */
	CV_MECHANISM_OK,		/* user is proven; out: final data,
					 * which the client acknowledges */
	CV_MECHANISM_FAIL,		/* credentials are wrong */
	CV_MECHANISM_STORE,		/* put password ("{SCHEME}...") in the
					 * place of the credentials that were
					 * looked up last; step, with stored */
};

/* What only the two ends of this TLS connection have. */
struct cv_channel_binding {
	struct cv_span name;		/* "tls-exporter" */
	struct cv_span data;
};

/* What goes in and out of a step. */
struct cv_mechanism_io {
	CV_HEAD;
	const struct cv_auth_input *input;	/* user may still be "" */
	struct cv_pool *pool;		/* the exchange's; wiped */
	bool has_in;			/* false: no initial response */
	struct cv_span in;		/* decoded response */
	struct cv_span channel_binding;	/* tls-exporter; empty: none */
	struct cv_span credentials;	/* after CREDENTIALS; empty: no such
					 * user or no such secret: go on with
					 * invented ones to the same end */
	struct cv_text *out;		/* empty at each step */
	/* To be set, living in the pool: */
	struct cv_span user;		/* who authenticates */
	struct cv_span authzid;		/* as whom; empty: the same */
	struct cv_span password;	/* VERIFY */
	const char *scheme;		/* CREDENTIALS; "": the user has proved
					 * it, only their fields are wanted.
					 * Step comes for unknown ones, too */
	/* In again: */
	struct cv_array bindings;	/* of struct cv_channel_binding */
	/* The client was told of NAME-PLUS: one that claims not to have been
	 * is not the one that was [RFC5802 6]. */
	bool plus_offered;
	/* Of credentials: scheme, or "PLAIN" (see TAKES_PLAIN). */
	const char *credentials_scheme;
	/* When credentials are empty: somebody else's, for their shape alone,
	 * so that a stranger is answered as a user; may be of any scheme. */
	struct cv_span model;
	const char *model_scheme;
	/* Out again: what the client is sent before a failure of VERIFY is
	 * told; its answer is not looked at. */
	struct cv_span fail_data;
	/* In again: after STORE, whether it is durable. */
	bool stored;
	/* The same as long as the server's TLS key is: for salts and the like
	 * of users who do not exist. */
	struct cv_span salt_key;
	/* In again: after CREDENTIALS, the fields that the passdbs have set;
	 * for cv_auth_api.get. */
	const struct cv_auth_reply *fields;
};

/* What a mechanism learns before it runs; core's, for good. */
struct cv_mechanism_config {
	CV_HEAD;
	const char *hostname;		/* of this machine */
	const char *krb5_keytab;	/* auth_krb5_keytab, may be "" */
	const char *gssapi_hostname;	/* auth_gssapi_hostname, may be "" */
	/* A file or folder that it reads, and one that it writes in, later on:
	 * its process is confined by then. */
	void (*reads)(const struct cv_mechanism_config *config,
		      const char *path);
	void (*writes)(const struct cv_mechanism_config *config,
		       const char *path);
};

struct cv_mechanism {
	CV_HEAD;
	const char *name;		/* upper case */
	uint32_t flags;
	size_t state_bytes;		/* per exchange, zeroed, wiped */
	/* One step, without waiting.  enum cv_mechanism_next, or CV_E_SYNTAX
	 * when what the client sent is malformed. */
	int (*step)(void *state, struct cv_mechanism_io *io,
		    struct cv_error *err);
	/* The exchange is over, or given up: once for each state, while it is
	 * still there.  NULL: there is nothing to let go. */
	void (*end)(void *state);
	/* Once, when auth_mechanisms names it, before any step.  NULL: there
	 * is nothing to prepare. */
	int (*start)(const struct cv_mechanism_config *config,
		     struct cv_error *err);
};

/* --- password schemes ----------------------------------------------------- */

enum {					/* struct cv_scheme.flags */
	CV_SCHEME_EXPENSIVE = 1,	/* made to be slow: in auth-worker */
	CV_SCHEME_WEAK = 2,		/* not for new passwords */
	CV_SCHEME_USER = 4,		/* the hash depends on the user name */
	CV_SCHEME_DEFAULT = 8,		/* dummy verify uses it: it takes as
					 * long as the usual hash */
	CV_SCHEME_CLEAR = 16,		/* what is stored is the password */
	CV_SCHEME_MECHANISM = 32,	/* mechanisms need it stored so: weak
					 * by nature, neither reported nor
					 * refused */
};

enum cv_scheme_encoding {		/* without a suffix like .b64 */
	CV_SCHEME_TEXT = 0,		/* stored as it is */
	CV_SCHEME_BASE64 = 1,
	CV_SCHEME_HEX = 2,
};

struct cv_scheme_input {
	CV_HEAD;
	const char *user;		/* "" not known */
	struct cv_span password;	/* no NUL in it */
	uint32_t rounds;		/* generate: cost, 0 the default */
	struct cv_pool *pool;		/* wiped */
};

struct cv_scheme {
	CV_HEAD;
	const char *name;		/* upper case, without braces */
	uint32_t flags, encoding;	/* enum cv_scheme_encoding */
	/* hash is decoded.  CV_AUTH_OK, CV_AUTH_MISMATCH, CV_E_SYNTAX when it
	 * is no hash of this scheme, or another failure. */
	int (*verify)(const struct cv_scheme_input *in, struct cv_span hash,
		      struct cv_error *err);
	/* Appends the hash, not encoded.  NULL: for verifying only. */
	int (*generate)(const struct cv_scheme_input *in, struct cv_text *hash,
			struct cv_error *err);
	/* True when a stored hash without a scheme is one of this; for
	 * CRYPT, which stands for all that crypt knows.  NULL: never. */
	bool (*recognise)(struct cv_span hash);
};

#endif
