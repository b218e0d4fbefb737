/* culveradm.h - a verb of culveradm, and what it prints with.
 *
 * A file adm-<subject>.c has the verbs of one subject and exports one row,
 * which culveradm.c lists. */
#ifndef CULVERADM_H
#define CULVERADM_H

#include "base.h"
#include "settings/settings.h"

/* [sysexits.h], as doveadm's. */
enum adm_exit {
	ADM_OK = 0, ADM_FAILED = 1, ADM_USAGE = 64, ADM_DATA = 65,
	ADM_NOUSER = 67,
	ADM_NOT_FOUND = 68, ADM_QUOTA = 73, ADM_TEMPFAIL = 75,
	ADM_NOPERM = 77, ADM_CONFIG = 78,
};

enum adm_format {
	ADM_FORMAT_DEFAULT,	/* what the verb thinks fit */
	ADM_FORMAT_FLOW, ADM_FORMAT_TABLE, ADM_FORMAT_TAB, ADM_FORMAT_PAGER,
	ADM_FORMAT_JSON,
};

struct adm {
	const char *config_path;	/* -c */
	struct cv_strings overrides;	/* -o */
	enum adm_format format;		/* -f */
	bool verbose, debug;		/* -v, -D */
	bool warned;			/* of a broken configuration */
	struct cv_pool *pool;		/* as long as the program */
};

/* A second word of a verb, for its help: "cache flush". */
struct adm_word { const char *name, *args, *help; };

struct adm_mail_verb;

struct adm_verb {
	const char *name;		/* "plugin" */
	const char *args;		/* "list | check FILE" */
	/* One line for the list of verbs; after it, for its own help, a line
	 * for each option. */
	const char *help;
	/* argv[0] is the verb.  Returns the exit status. */
	int (*run)(struct adm *adm, int argc, char **argv);
	/* Its second words, or none; those of a verb on mail (adm-mail.h),
	 * which may also be the verb itself alone. */
	const struct adm_word *words;
	const struct adm_mail_verb *mail;
	size_t count;			/* of either */
};

/* adm-acl.c */
extern const struct adm_verb adm_acl_verb;
/* adm-apppassword.c */
extern const struct adm_verb adm_apppassword_verb;
/* adm-auth.c */
extern const struct adm_verb adm_auth_verb, adm_user_verb;
/* adm-director.c */
extern const struct adm_verb adm_director_verb;
/* adm-pw.c */
extern const struct adm_verb adm_pw_verb;
/* adm-plugin.c */
extern const struct adm_verb adm_plugin_verb;
/* adm-server.c */
extern const struct adm_verb adm_reload_verb, adm_stop_verb, adm_service_verb;
/* adm-who.c */
extern const struct adm_verb adm_who_verb, adm_kick_verb, adm_penalty_verb,
	adm_proxy_verb;
/* adm-log.c */
extern const struct adm_verb adm_log_verb;
/* adm-mailbox.c */
extern const struct adm_verb adm_mailbox_verb;
/* adm-fetch.c */
extern const struct adm_verb adm_fetch_verb, adm_search_verb;
/* adm-change.c */
extern const struct adm_verb adm_flags_verb, adm_copy_verb, adm_move_verb,
	adm_expunge_verb, adm_altmove_verb;
/* adm-save.c */
extern const struct adm_verb adm_save_verb, adm_deduplicate_verb;
/* adm-sync.c */
extern const struct adm_verb adm_sync_verb, adm_backup_verb,
	adm_sync_server_verb;
/* adm-import.c */
extern const struct adm_verb adm_import_verb;
/* adm-maintain.c */
extern const struct adm_verb adm_expire_verb, adm_index_verb, adm_purge_verb,
	adm_resync_verb;
/* adm-verify.c */
extern const struct adm_verb adm_verify_verb;
/* adm-dump.c */
extern const struct adm_verb adm_dump_verb;
/* adm-quota.c */
extern const struct adm_verb adm_quota_verb;
/* adm-selftest.c */
extern const struct adm_verb adm_selftest_verb;

/* Says what was wrong in the call, and how it goes; returns ADM_USAGE. */
int adm_usage(const struct adm_verb *verb, const char *fmt, ...)
	CV_PRINTF(2, 3);
/* Lines of help, indented, on stdout. */
void adm_help_text(const char *text);
/* Whether the error is about a name that no mailbox can have. */
bool adm_is_invalid_name(const struct cv_error *err);
/* Whether what was wanted lies in a place that is not mounted: no damage. */
bool adm_is_away(const struct cv_error *err);
/* Prints the error to stderr; returns the exit status for its class. */
int adm_fail(const struct cv_error *err);

/* The databases of the configuration, with the rights of the caller
 * (adm-auth.c). */
struct auth;
int adm_auth_open(struct adm *adm, struct auth **auth_r, struct cv_error *err);
void adm_auth_close(struct auth **auth);
/* Ends the sessions of a user, or from an address; count_r how many
 * (adm-who.c). */
int adm_kick(struct adm *adm, const char *whom, uint32_t *count_r,
	     struct cv_error *err);

/* Tells each user with a forwarded session on this host (adm-who.c). */
int adm_forwarded(struct adm *adm,
		  void (*found)(void *context, const char *user),
		  void *context, struct cv_error *err);

/* A line from the terminal without echo, or from stdin (adm-auth.c). */
char *adm_read_password(struct adm *adm, const char *prompt);

/* --- output in any of the formats ------------------------------------------ */

struct adm_output;

/* Before a column's name: its title is left out in flow. */
#define ADM_UNTITLED "\001"

/* columns ends with NULL.  fallback is used for ADM_FORMAT_DEFAULT. */
struct adm_output *adm_output_begin(const struct adm *adm,
				    enum adm_format fallback,
				    const char *const *columns);
/* The next value; a row is complete after as many as there are columns.
 * Copied; NULL is "". */
void adm_output_value(struct adm_output *out, const char *text);
void adm_output_f(struct adm_output *out, const char *fmt, ...)
	CV_PRINTF(2, 3);
/* The same for bytes, perhaps in several parts: more says that this was not
 * the last of the value. */
void adm_output_data(struct adm_output *out, struct cv_span data, bool more);
/* True within a row. */
bool adm_output_is_partial(const struct adm_output *out);
/* Writes what has not been written yet to stdout; failed: titles of no row
 * are left out. */
void adm_output_end(struct adm_output **out, bool failed);

/* A bar on standard error, when that is a terminal: done of total, and what
 * it is about (NULL: nothing). */
void adm_progress(const char *what, uint64_t done, uint64_t total);
/* Takes it away. */
void adm_progress_end(void);

/* Whether something was printed in the form of -f: else main prints an empty
 * list for json, which a script can read. */
bool adm_output_was_used(void);
/* For verbs that write their own JSON. */
void adm_output_use(void);

/* text as a JSON string, with its quotes; what is not UTF-8 becomes U+FFFD. */
void adm_json_append(struct cv_text *out, const char *text);
void adm_json_append_span(struct cv_text *out, struct cv_span text);

#endif
