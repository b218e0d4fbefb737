/* adm-mail.h - verbs that work on users' mail.
 *
 * The caller's process reads the settings and the user databases and loads
 * the plugins; for each user it forks a child, which becomes that user and
 * runs the verb.  What the child finds out goes back to the parent row by
 * row, so that a user's damaged mail costs one child, and the output of many
 * users is one table. */
#ifndef ADM_MAIL_H
#define ADM_MAIL_H

#include "culveradm.h"
#include "adm-query.h"
#include "mailbox/user.h"
#include "module/slots.h"
#include "ipc/user-message.h"

#include <getopt.h>

struct adm_mail;

struct adm_mail_verb {
	const char *name;		/* "mailbox status" */
	const char *args;		/* for the usage */
	const char *options;		/* getopt's, beyond -u -A -F; '+'
					 * before them: they may also stand
					 * behind the first argument */
	enum adm_format format;		/* when -f does not say */
	const char *const *columns;	/* NULL: prints no rows */
	/* Checks arguments before any user is touched; may set columns and
	 * state.  NULL: no arguments.  Returns an exit status. */
	int (*prepare)(struct adm_mail *m);
	/* In the child, as the user. */
	int (*run)(struct adm_mail *m, struct cv_error *err);
	/* What it does, and a line for each option of its own. */
	const char *help;
	/* Long names of options; NULL: none but --help. */
	const struct option *longs;
};

struct adm_mail {
	struct adm *adm;
	const struct adm_mail_verb *verb;
	struct cv_pool *pool;		/* of the program; in the child, the
					 * user's */
	const char *const *columns;
	const char *option[128];	/* by letter; "" for flags */
	int argc;			/* behind the options */
	char **argv;
	struct adm_query *query;	/* prepare's, or NULL */
	void *state;			/* prepare's */
	bool dry;			/* prepare's: nothing is written */
	const char *location;		/* prepare's: a mail_location whose
					 * driver is loaded, too; NULL */
	/* prepare's: runs in the child with the caller's rights, before it
	 * becomes the user (m->info is set).  NULL: nothing. */
	int (*before)(struct adm_mail *m, struct cv_error *err);
	const char *source_name;	/* prepare's: another user whom the
					 * verb is about; NULL */
	const struct user_info *source;	/* what the userdb says of it */

	/* in the child */
	struct cv_user *user;
	const struct user_info *info;
	int rows_fd;
	int status;			/* enum adm_exit, the worst so far */
};

/* Runs a verb; argv[0] is its name (or that of its second word). */
int adm_mail_run(struct adm *adm, const struct adm_mail_verb *verb, int argc,
		 char **argv);
/* In the child, once: becomes the user and opens m->user. */
int adm_mail_enter(struct adm_mail *m, const struct user_info *info,
		   struct cv_error *err);
/* Runs the one of verb->mail that argv[1] is; without it says what to add. */
int adm_mail_run_second(struct adm *adm, const struct adm_verb *verb,
			int argc, char **argv, const char *what);
/* Says on stderr which names in plugin { } nobody reads, unless the output is
 * JSON; before plugins are loaded (adm-warn.c). */
void adm_warn_unknown(const struct adm *adm,
		      const struct settings_tree *tree);
/* How it is called, and what it does, on stdout; returns ADM_OK. */
int adm_mail_help(const struct adm_mail_verb *verb);
/* Says what was wrong in the call; returns ADM_USAGE. */
int adm_mail_usage(const struct adm_mail *m, const char *fmt, ...)
	CV_PRINTF(2, 3);
/* The same for a word that is not known, which doveadm calls a failure for
 * now: returns ADM_TEMPFAIL. */
int adm_mail_unknown(const struct adm_mail *m, const char *fmt, ...)
	CV_PRINTF(2, 3);
/* prepare: all arguments from the given one on are a search query. */
int adm_mail_parse_query(struct adm_mail *m, int first);

/* --- rows (in the child) --------------------------------------------------- */

void adm_mail_value(struct adm_mail *m, const char *text);
void adm_mail_f(struct adm_mail *m, const char *fmt, ...) CV_PRINTF(2, 3);
void adm_mail_data(struct adm_mail *m, struct cv_span data, bool more);
/* Prints a failure that does not end the run, and remembers it for the exit
 * status. */
void adm_mail_failed(struct adm_mail *m, const struct cv_error *err);

/* The same of a message that is damaged: ADM_DATA, whatever kept it from
 * being read, but ADM_TEMPFAIL when it lies in a place that is not there. */
void adm_mail_damaged(struct adm_mail *m, const struct cv_error *err);

/* For the exit status alone: enum adm_exit. */
void adm_mail_worsen(struct adm_mail *m, int status);

/* --- messages of a query --------------------------------------------------- */

/* Called for each mailbox with at least one match, messages by sequence
 * number; with ADM_MAIL_EMPTY_TOO among the flags also for the others. */
enum { ADM_MAIL_EMPTY_TOO = 1 << 30 };
typedef int adm_mail_match_fn(struct adm_mail *m, struct cv_mailbox *box,
			      const char *name, struct cv_set seqs,
			      struct cv_error *err);
/* Goes through the mailboxes that m->query may match in.  flags: enum
 * cv_mailbox_open_flag.  A mailbox that fails is reported and left out. */
int adm_mail_each_match(struct adm_mail *m, uint32_t flags,
			adm_mail_match_fn *fn, struct cv_error *err);
/* All selectable mailboxes whose names match the mask ('*', '%'); NULL: all.
 * Names live in pool. */
int adm_mail_list(struct adm_mail *m, const char *mask,
		  struct cv_strings *names_r, struct cv_error *err);

#endif
