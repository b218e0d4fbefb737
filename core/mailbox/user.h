/* user.h - a user whose mail this process works on.
 *
 *	struct user_fields fields = { .name = "jane@example.org",
 *		.home = "/srv/mail/jane" };
 *	if (user_create(&fields, &config, &user, err) < 0) return ...
 *
 * The user has its namespaces, each on a store (a blob driver's tree and the
 * account over it), opened when it is first needed.  Plugins reach it through
 * the services user_api and mailbox_api. */
#ifndef USER_H
#define USER_H

#include "acl.h"
#include "io/io.h"
#include "settings/settings.h"
#include "cv-mailbox.h"
#include "cv-storage.h"

/* What a userdb said. */
struct user_fields {
	const char *name;		/* "jane@example.org" */
	const char *home;		/* "": none */
	uid_t uid;			/* for %{uid}; (uid_t)-1: this process */
	gid_t gid;
	/* "key=value": settings with CV_SET_PER_USER; "mail=..." is
	 * mail_location. */
	struct cv_strings extra;
};

struct meta;
struct bell;

/* Opens the drivers of an account that is known as name: the place of its
 * files, where it has files.  Both are the caller's. */
typedef int user_account_fn(void *context, const char *name,
			    struct meta **meta_r, struct bell **bell_r,
			    struct cv_error *err);

/* A channel to a broker (mailbox-broker.h) of the owner's mail.
 * CV_E_NOT_FOUND: there is no such user. */
typedef int user_broker_fn(void *context, const char *owner, int *channel_r,
			   struct cv_error *err);

/* All but settings may be zero. */
/* Stores that are opened without being written, by tools that only look: files
 * are as on a file system that is mounted read-only (io-readonly.h), and
 * accounts are never written.  Where there is none yet it is made in memory,
 * of what is found. */
enum user_inspect {
	USER_INSPECT_NONE,		/* what is opened may be written */
	/* What accounts say: nothing is scanned, taken over or mended. */
	USER_INSPECT_RECORD,
	/* What a session would find: accounts are copied into memory, where
	 * what the tree has by now is taken over. */
	USER_INSPECT_TREE,
};

struct user_config {
	const struct settings_tree *settings;	/* outlives the user */
	/* protocol, local_name, addresses; vars and overrides are added. */
	const struct settings_scope *scope;
	struct io *io;			/* NULL: io_posix() */
	const char *hostname;		/* NULL: the machine's */
	/* For %variables that are not the user's (%r, %l, ...); lookup may
	 * be NULL. */
	struct settings_vars vars;
	/* One private namespace over this mail_location in place of those in
	 * the settings, '/' between levels; NULL: the settings'. */
	const char *location;
	/* An account that is made has a greater modseq. */
	uint64_t first_modseq;
	/* Only to look; it takes the place of io. */
	enum user_inspect inspect;
	const uint8_t *boot_id;		/* 16 bytes; NULL: the machine's */
	/* Where accounts are kept; NULL: in files. */
	user_account_fn *account;
	void *account_context;
	/* Another user for whom this one's mail is opened: rights are theirs.
	 * Outlives the user; NULL: none. */
	const struct acl_who *accessor;
	/* \Seen is kept by whoever serves the accessor. */
	bool private_seen;
	/* How to reach the mail of other users; NULL: not at all. */
	user_broker_fn *open_broker;
	void *broker_context;
};

/* A random number of this run of the machine: what was done before it and not
 * synced may be lost.  When it cannot be read nothing is relied on.  Read
 * once: best before the forks. */
void user_boot_id(uint8_t boot_id[16]);

/* Nothing is opened yet.  CV_E_CONFIG: settings that make no sense;
 * CV_E_DENIED: a variable's value is not allowed in a path. */
int user_create(const struct user_fields *fields,
		const struct user_config *config, struct cv_user **user_r,
		struct cv_error *err);
/* Removes what the settings autoexpunge and autoexpunge_max_mails of the
 * user's mailboxes say; how many.  For the end of a session. */
int mailbox_autoexpunge(struct cv_user *user, uint32_t *expunged_r,
			struct cv_error *err);
/* Closes everything, views included.  *user becomes NULL. */
void user_destroy(struct cv_user **user);

const char *user_name(const struct cv_user *user);
const char *user_home(const struct cv_user *user);
struct cv_pool *user_pool(struct cv_user *user);
/* The scope to read further settings of this user with. */
const struct settings_scope *user_scope(const struct cv_user *user);
const struct settings_tree *user_settings(const struct cv_user *user);
/* Paths outside of the user's mail that plugins' settings name to be read
 * (CV_SET_READABLE), one after the other; NULL at the end.  *at starts at
 * 0. */
const char *user_readable_next(const struct cv_user *user, uint32_t *at);

struct cv_user *mailbox_user(struct cv_mailbox *box);

/* New descriptors, only to be watched, of all that changes when the mailbox
 * does.  CV_E_UNSUPPORTED: nobody else can watch for this process. */
int mailbox_watch_open(struct cv_mailbox *box, int *fds_r, uint32_t room,
		       uint32_t *count_r, struct cv_error *err);

/* Whether changes of many mailboxes are listened for. */
bool user_is_watching(const struct cv_user *user);
/* fn gets a descriptor, only to be watched, for each thing by which they are
 * heard of; it is closed afterwards. */
typedef int watch_fd_fn(void *context, int fd, struct cv_error *err);
int user_watch_each(struct cv_user *user, watch_fd_fn *fn, void *context,
		    struct cv_error *err);

/* The services "user" and "mailbox", major 1.  struct cv_user and struct
 * cv_mailbox begin with struct module_slots (core/module/slots.h). */
extern const struct cv_user_api user_api;
extern const struct cv_mailbox_api mailbox_api;

/* Blob drivers are found with module_provider; one that is linked in (tests)
 * is registered here and wins. */
void storage_register(const struct cv_storage *driver);
/* The same for a provider of quota, beside those of plugins. */
void quota_register(const struct cv_quota *quota);

/* The file operations that blob drivers get. */
extern const struct cv_io_api storage_io_api;

#endif
