/* imapc.h - what the files of this plugin share.
 *
 * The folders of the account are those of another IMAP server; its UIDs are
 * ours.  A reference is "UIDVALIDITY.UID". */
#ifndef STORAGE_IMAPC_H
#define STORAGE_IMAPC_H

#include "cv-client.h"
#include "cv-plugin.h"
#include "cv-storage.h"
#include "cv-stream.h"
#include "cv-text.h"

#include <time.h>

enum {
	IMAPC_NAME_MAX = 1000, IMAPC_RESPONSE_MAX = 1024 * 1024,
	IMAPC_FOLDERS_MAX = 100 * 1000, IMAPC_ROWS_MAX = 20 * 1000 * 1000,
	IMAPC_KEYWORDS_MAX = 256,	/* of a message */
	IMAPC_SILENCE_MSECS = 2 * 60 * 1000,
	IMAPC_LIST_MSECS = 2000,	/* a list is good for so long */
	IMAPC_CHECK_MSECS = 1000,	/* and what a folder was like */
	IMAPC_IDLE_MSECS = 20 * 1000,	/* then see whether it still lives */
	IMAPC_RETRY_MSECS = 1000,	/* after a failure to connect */
	/* a server that has news more often is asked now and then */
	IMAPC_NEWS_MSECS = 10 * 1000, IMAPC_NEWS_MAX = 100,
	IMAPC_SEARCH = 5000,		/* UIDs in a line of 64 KiB */
	IMAPC_AHEAD = 50,		/* messages asked for with one */
	IMAPC_AHEAD_BYTES = 8 * 1024 * 1024,
};

struct imapc_settings {
	const char *imapc_host, *imapc_user, *imapc_password;
	const char *imapc_master_user, *imapc_list_prefix;
	uint32_t imapc_port, imapc_ssl;
	bool imapc_ssl_verify;
	struct cv_strings imapc_features;
};

/* --- what a server says ----------------------------------------------------- */

enum imapc_token_type { T_END, T_OPEN, T_CLOSE, T_ATOM, T_STRING };
struct imapc_token { enum imapc_token_type type; struct cv_span text; };

/* [RFC9051 4.3] True when the line ends with "{n}": a literal of so many
 * bytes follows. */
bool imapc_literal(struct cv_span line, uint64_t *size_r);
/* The next word between spaces, taken from the front; empty at the end. */
struct cv_span imapc_word(struct cv_span *rest);
/* The next token; a literal stands in the text as "{n}\r\n" and its bytes.
 * The text points into rest or into pool. */
struct imapc_token imapc_token(struct cv_span *rest, struct cv_pool *pool);
/* 0: no number, or one above max. */
uint64_t imapc_number(struct cv_span text, uint64_t max);
/* [RFC3501 5.1.3] The name of a folder as core has it, without the prefix; a
 * '/' that is none of the server's separators becomes '_'.  NULL: it can be
 * none of ours. */
const char *imapc_name(struct cv_pool *pool, const char *prefix,
		       struct cv_span raw, char separator);
/* And as the server has it. */
const char *imapc_raw_name(struct cv_pool *pool, const char *prefix,
			   struct cv_span name, char separator);
/* [RFC9051 4.3] As a quoted string; the text has no line end. */
const char *imapc_quote(struct cv_pool *pool, const char *text);
/* [RFC9051 9 date-time] INT64_MIN: it is none.  text: quoted; NULL: a year
 * that it has no place for. */
int64_t imapc_date(struct cv_span text);
const char *imapc_date_text(struct cv_pool *pool, int64_t seconds);
/* 0: none of the five. */
uint32_t imapc_flag(struct cv_span name);
/* "(\Seen work)" */
void imapc_flags_text(struct cv_text *out, uint32_t flags,
		      const struct cv_keywords *keywords);

/* --- the connection ---------------------------------------------------------- */

enum imapc_cap {
	IMAPC_SASL_IR = 1, IMAPC_UIDPLUS = 2, IMAPC_CONDSTORE = 4,
	IMAPC_MULTIAPPEND = 8, IMAPC_NAMESPACE = 16, IMAPC_IDLE = 32,
};

/* A folder in the server's list. */
struct imapc_entry {
	const char *name, *raw;
	bool selectable;
};

struct cv_storage_root {
	const struct cv_storage_config *config;
	const struct imapc_settings *set;
	const char *user;
	struct cv_pool *pool;

	struct cv_pool *connection_pool;	/* NULL: not connected */
	struct cv_client *client;
	bool broken;			/* to be thrown away */
	uint32_t caps;			/* enum imapc_cap */
	uint32_t tag;
	uint64_t used_at, failed_at;
	const char *selected;		/* raw name; NULL: none */
	bool selected_rw;
	uint32_t selected_uidvalidity;

	struct cv_storage_folder *listening;	/* in IDLE, NULL: not */
	int heard_fd;			/* always readable; -1: not made yet */
	uint64_t listened_at;		/* begin of the time in which IDLE */
	uint32_t listened;		/* was begun so often */

	struct cv_pool *response_pool;
	struct cv_text response;	/* literals as "{n}\r\n" and bytes */
	bool body_follows;		/* a BODY[] of so many bytes */
	uint64_t body_size;

	struct cv_pool *list_pool;	/* NULL: not read yet */
	struct imapc_entry *entries;
	uint32_t entry_count, entry_room;
	uint64_t listed_at;
	char separator;
	uint8_t list_id[16];

	struct imapc_spool *spools;	/* hidden blobs of this process */
	uint64_t spool_number;
	struct imapc_body *bodies;	/* read ahead */
	uint64_t body_bytes;
};

typedef int imapc_untagged_fn(struct cv_storage_root *root,
			      struct cv_span rest, void *context,
			      struct cv_error *err);

/* Connects and logs in unless that is done; a connection that has been silent
 * is tried first.  Call it before a command. */
int imapc_connect(struct cv_storage_root *root, struct cv_error *err);
void imapc_disconnect(struct cv_storage_root *root);
/* Sends a command (a tag is put before it) and reads up to its tagged
 * response, which root->response is then; fn gets each untagged one behind
 * "* ".  CV_E_DENIED: NO; CV_E_SYNTAX: BAD; the connection stays good.  Other
 * failures: it is gone. */
int imapc_command(struct cv_storage_root *root, const char *line,
		  imapc_untagged_fn *fn, void *context,
		  struct cv_error *err);
/* The parts, for commands with literals: begin sends what is before one, then
 * literal (which waits for "+") and write follow, and end.  A NO in the
 * place of "+" fails with CV_E_DENIED. */
int imapc_begin(struct cv_storage_root *root, const char *text,
		struct cv_error *err);
int imapc_write(struct cv_storage_root *root, struct cv_span data,
		struct cv_error *err);
int imapc_go_ahead(struct cv_storage_root *root, imapc_untagged_fn *fn,
		   void *context, struct cv_error *err);
/* fn may also read the body that follows (root->body_follows). */
int imapc_finish(struct cv_storage_root *root, imapc_untagged_fn *fn,
		 void *context, struct cv_error *err);
/* Makes it the selected one; rw: to change it. */
int imapc_select(struct cv_storage_root *root, const char *raw, bool rw,
		 struct cv_error *err);
/* "5:9,12" of ascending numbers, from *at on; at most a command's length. */
const char *imapc_set_text(struct cv_pool *pool, const uint32_t *uids,
			   uint32_t count, uint32_t *at);

/* --- folders ----------------------------------------------------------------- */

/* What STATUS says. */
struct imapc_numbers {
	uint32_t uidvalidity, uidnext, messages, unseen;
	uint64_t modseq;		/* 0: not known */
};

struct imapc_row {
	uint32_t uid, flags;
	uint32_t keywords;		/* number of a set in the folder */
	uint64_t size;
	int64_t received;		/* INT64_MIN: only the UID is known,
					 * it is as at the last scan */
};

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	const char *name, *raw;
	struct imapc_numbers seen;	/* by the last scan: the state */
	bool state_changed;
	struct imapc_numbers now;	/* as of checked_at */
	uint64_t checked_at;
	bool news;			/* the server has told of a change */
	/* What was found last, to be brought up to date. */
	struct cv_pool *rows_pool;
	struct imapc_row *rows;
	uint32_t row_count, row_room;
	uint64_t rows_modseq;		/* 0: rows are not complete */
	uint32_t rows_uidvalidity;
	struct cv_keywords *sets;
	uint32_t set_count, set_room;
	/* for reading ahead */
	uint32_t read_uid, read_ahead;
};

const struct imapc_entry *imapc_entry_find(struct cv_storage_root *root,
					   struct cv_span name);
/* The list, unless it was read just now. */
int imapc_list(struct cv_storage_root *root, bool anew,
	       struct cv_error *err);
bool imapc_ref_parse(struct cv_span ref, uint32_t *uidvalidity_r,
		     uint32_t *uid_r);
struct cv_span imapc_ref(struct cv_pool *pool, uint32_t uidvalidity,
			 uint32_t uid);
/* Are the numbers others than at the last scan? */
bool imapc_has_changed(const struct cv_storage_folder *folder);
/* Asks for the numbers of a folder. */
int imapc_status(struct cv_storage_folder *folder, struct cv_error *err);

extern struct cv_plugin *imapc_self;
extern const struct cv_client_api *imapc_client;
extern const struct cv_stream_api *imapc_streams;
const struct imapc_settings *
imapc_settings(const struct cv_storage_config *config);
bool imapc_has_feature(const struct cv_storage_root *root, const char *name);

/* imapc-root.c */
int imapc_root_open(const struct cv_storage_config *config,
		    struct cv_storage_root **root_r, struct cv_error *err);
void imapc_root_close(struct cv_storage_root **root);
char imapc_separator(struct cv_storage_root *root);
const char *imapc_account_dir(struct cv_storage_root *root);
int imapc_name_check(struct cv_storage_root *root, struct cv_span name,
		     struct cv_error *err);
int imapc_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
			struct cv_error *err);
int imapc_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		       void *context, struct cv_error *err);
int imapc_folder_create(struct cv_storage_root *root, struct cv_span name,
			struct cv_error *err);
int imapc_folder_remove(struct cv_storage_root *root, struct cv_span name,
			struct cv_error *err);
int imapc_folder_rename(struct cv_storage_root *root, struct cv_span name,
			struct cv_span new_name, struct cv_error *err);
int imapc_subscriptions_read(struct cv_storage_root *root,
			     struct cv_text *stamp, struct cv_pool *pool,
			     struct cv_strings *names_r,
			     struct cv_error *err);
int imapc_subscriptions_write(struct cv_storage_root *root,
			      const struct cv_strings *names,
			      struct cv_text *stamp, struct cv_error *err);

/* imapc-folder.c, imapc-scan.c */
int imapc_folder_open(struct cv_storage_root *root, struct cv_span name,
		      struct cv_span state,
		      struct cv_storage_folder **folder_r,
		      struct cv_error *err);
void imapc_folder_close(struct cv_storage_folder **folder);
bool imapc_state(struct cv_storage_folder *folder, struct cv_text *dst);
void imapc_state_set(struct cv_storage_folder *folder, struct cv_span state);
int imapc_check(struct cv_storage_folder *folder, bool thorough,
		uint32_t *scan_r, struct cv_error *err);
int imapc_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err);
int imapc_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err);
int imapc_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err);

/* imapc-idle.c */
int imapc_listen(struct cv_storage_folder *folder);
/* Any command ends it; what it has told makes the next check ask. */
int imapc_listen_end(struct cv_storage_root *root, struct cv_error *err);

/* imapc-blob.c */
/* All of it, without the cache. */
void imapc_spools_drop(struct cv_storage_root *root);
void imapc_bodies_drop(struct cv_storage_root *root);
int imapc_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err);

/* imapc-put.c */
int imapc_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		     uint64_t bytes, uint64_t virtual_bytes,
		     struct cv_storage_put **put_r, struct cv_error *err);
int imapc_put_write(struct cv_storage_put *put, const void *data, size_t len,
		    struct cv_error *err);
int imapc_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err);
void imapc_put_abort(struct cv_storage_put **put);
int imapc_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err);
void imapc_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref);
int imapc_send(struct cv_storage_folder *folder, struct cv_blob *blobs,
	       uint32_t count, struct cv_error *err);

/* imapc-change.c */
int imapc_set_flags(struct cv_storage_folder *folder,
		    struct cv_flag_update *updates, uint32_t count,
		    struct cv_error *err);
int imapc_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err);

#endif
