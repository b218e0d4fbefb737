/* cv-mailbox.h - a user's mail: names, views, messages.
 *
 * Mailbox names are UTF-8 with the namespace's separator.  A view (struct
 * cv_mailbox) shows a frozen list of messages with sequence numbers; it
 * changes only in sync.  All calls may block; none is reentrant.  Access
 * rights are checked here, not in the callers.
 *
 * Data returned from a view is valid until the next call on that view unless
 * a pool was given. */
#ifndef CV_MAILBOX_H
#define CV_MAILBOX_H

#include "cv-quota.h"
#include "cv-stream.h"

/* --- flags and sets ------------------------------------------------------ */

enum cv_flag {
	CV_FLAG_ANSWERED = 1, CV_FLAG_FLAGGED = 2, CV_FLAG_DELETED = 4,
	CV_FLAG_SEEN = 8, CV_FLAG_DRAFT = 16,
	CV_FLAG_RECENT = 32,		/* of this session; never stored */
	CV_FLAGS_STORED = 31,
};

/* Sorted, disjoint, inclusive, first >= 1. */
struct cv_range { uint32_t first, last; };
struct cv_set { const struct cv_range *ranges; uint32_t count; };

/* The ranges in ascending order, apart from each other. */
static inline bool cv_set_contains(struct cv_set set, uint32_t value)
{
	uint32_t low = 0, high = set.count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (set.ranges[mid].last < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set.count && set.ranges[low].first <= value;
}

/* What others return is looked at like any input: numbers from 1 on, each
 * once, in ranges as above. */
static inline bool cv_set_is_valid(struct cv_set set)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < set.count; i++) {
		if (set.ranges[i].first <= last ||
		    set.ranges[i].last < set.ranges[i].first)
			return false;
		last = set.ranges[i].last;
	}
	return true;
}

/* Keyword names, valid atoms of 1..mail_max_keyword_length bytes. */
struct cv_keywords { const char *const *names; uint32_t count; };

/* --- annotations of messages [RFC5257] ----------------------------------- */

enum {
	CV_ANNOTATION_VALUE_MAX = 65536,	/* bytes of one */
	CV_ANNOTATION_ENTRY_MAX = 1000,	/* of its name */
	CV_ANNOTATIONS_MAX = 100,	/* of a message, that are shared; and
					 * that are the user's own */
};

struct cv_annotation {
	struct cv_span entry;		/* "/comment", "/1.2/comment" */
	struct cv_span value;		/* data NULL: none, or no more */
	uint64_t modseq;		/* of its last change */
	bool is_private;		/* the user's own; else shared */
};

enum cv_annotation_support {	/* of a mailbox; 0: it has none */
	CV_ANNOTATIONS_READ = 1,
	CV_ANNOTATIONS_PRIVATE = 2,	/* there are private ones */
	CV_ANNOTATIONS_WRITE_SHARED = 4,
	CV_ANNOTATIONS_WRITE_PRIVATE = 8,
};

/* --- namespaces and names ------------------------------------------------ */

enum cv_namespace_type {
	CV_NAMESPACE_PRIVATE = 1, CV_NAMESPACE_SHARED, CV_NAMESPACE_PUBLIC,
};

struct cv_namespace_info {
	CV_HEAD;
	uint32_t type;
	const char *prefix;		/* "", "INBOX/", ... */
	char separator;
	bool listed, hidden, is_inbox, keeps_subscriptions;
};

enum cv_mailbox_attribute {
	CV_MAILBOX_NOSELECT = 1, CV_MAILBOX_NONEXISTENT = 2,
	CV_MAILBOX_NOINFERIORS = 4, CV_MAILBOX_HASCHILDREN = 8,
	CV_MAILBOX_HASNOCHILDREN = 16, CV_MAILBOX_MARKED = 32,
	CV_MAILBOX_UNMARKED = 64, CV_MAILBOX_SUBSCRIBED = 128,
	/* a descendant that does not match by itself is subscribed
	 * [RFC5258 3.5 CHILDINFO] */
	CV_MAILBOX_CHILD_SUBSCRIBED = 256,
	CV_MAILBOX_CHILD_MATCHES = 512,
	/* [RFC6154 2] */
	CV_MAILBOX_USE_ALL = 1024, CV_MAILBOX_USE_ARCHIVE = 2048,
	CV_MAILBOX_USE_DRAFTS = 4096, CV_MAILBOX_USE_FLAGGED = 8192,
	CV_MAILBOX_USE_JUNK = 16384, CV_MAILBOX_USE_SENT = 32768,
	CV_MAILBOX_USE_TRASH = 65536,
	CV_MAILBOX_USE_IMPORTANT = 131072,
};

struct cv_list_entry {
	CV_HEAD;
	const char *name;
	char separator;
	uint32_t attributes;
};

enum cv_list_option {
	CV_LIST_SUBSCRIBED = 1,		/* select only subscribed ones */
	CV_LIST_REMOTE = 2,
	CV_LIST_RECURSIVE_MATCH = 4,
	CV_LIST_SPECIAL_USE = 8,	/* select only special-use ones */
	CV_LIST_RETURN_SUBSCRIBED = 16,
	CV_LIST_RETURN_CHILDREN = 32,
	CV_LIST_LSUB = 64,		/* LSUB semantics [RFC3501 6.3.9] */
	/* Others' and public namespaces are not asked. */
	CV_LIST_PRIVATE = 128,
};

struct cv_list_query {
	CV_HEAD;
	const char *reference;
	const char *const *patterns;	/* '*' and '%' */
	uint32_t pattern_count;
	uint32_t options;		/* enum cv_list_option */
};

struct cv_list;			/* an iteration */

/* --- status -------------------------------------------------------------- */

enum cv_status_item {
	CV_STATUS_MESSAGES = 1, CV_STATUS_RECENT = 2, CV_STATUS_UIDNEXT = 4,
	CV_STATUS_UIDVALIDITY = 8, CV_STATUS_UNSEEN = 16,
	CV_STATUS_SIZE = 32, CV_STATUS_HIGHESTMODSEQ = 64,
	CV_STATUS_DELETED = 128, CV_STATUS_GUID = 256,
	CV_STATUS_DELETED_BYTES = 512,	/* [RFC9208 4.1.4] */
};

struct cv_mailbox_status {
	CV_HEAD;
	uint32_t messages, recent, uidnext, uidvalidity, unseen, deleted;
	uint64_t size_bytes;		/* sum of CRLF sizes */
	uint64_t highestmodseq;
	uint8_t guid[16];
	uint64_t deleted_bytes;		/* of those with \Deleted */
};

/* --- views --------------------------------------------------------------- */

enum cv_mailbox_open_flag {
	CV_MAILBOX_READONLY = 1,	/* EXAMINE: \Recent is kept too */
};

/* As SELECT reports it. */
struct cv_mailbox_state {
	CV_HEAD;
	const char *name;
	uint32_t messages, recent, uidnext, uidvalidity;
	uint32_t first_unseen;		/* sequence number; 0: none */
	uint64_t highestmodseq;
	bool readonly;
	bool may_create_keywords;	/* PERMANENTFLAGS has \* */
	uint32_t permanent_flags;	/* enum cv_flag */
	struct cv_keywords keywords;	/* those in use, by index */
	uint8_t guid[16];
	uint32_t annotations;		/* enum cv_annotation_support */
};

/* What sync found.  Order to report: expunged (each number is valid at its
 * turn, that is, descending original numbers are safe as given), then
 * messages and recent, then flags. */
struct cv_mailbox_changes {
	CV_HEAD;
	struct cv_set expunged;		/* numbers of the view before sync */
	struct cv_set expunged_uids;
	uint32_t messages, recent;	/* after */
	bool messages_changed, recent_changed, keywords_changed;
	struct cv_set flags;		/* numbers of the view after sync */
	/* Nothing up to here is left to tell: below expunges that were kept
	 * back (CV_SYNC_NO_EXPUNGES). */
	uint64_t highestmodseq;
};

enum cv_sync_flag {
	CV_SYNC_NO_EXPUNGES = 1,	/* [RFC3501 7.4.1] FETCH STORE SEARCH */
	CV_SYNC_FULL = 2,		/* look for foreign changes, too */
};

/* --- messages ------------------------------------------------------------ */

enum cv_message_item {		/* beyond what always is there */
	CV_MESSAGE_SIZE = 1, CV_MESSAGE_ENVELOPE = 2,
	CV_MESSAGE_BODYSTRUCTURE = 4, CV_MESSAGE_BODY = 8,
	CV_MESSAGE_KEYWORDS = 16,
	CV_MESSAGE_THREAD = 32,
	CV_MESSAGE_PREVIEW = 64,
	CV_MESSAGE_PREVIEW_LAZY = 128,	/* only if it costs nothing */
	CV_MESSAGE_ANNOTATIONS = 256,
};

struct cv_message_data {
	CV_HEAD;
	uint32_t seq, uid, flags;	/* with CV_FLAG_RECENT */
	struct cv_keywords keywords;
	uint64_t modseq;
	int64_t internal_date;		/* seconds since 1970, UTC */
	int64_t save_date;		/* 0: not known */
	uint64_t size_bytes;		/* with CRLF line ends */
	struct cv_span envelope, bodystructure, body;	/* wire form */
	/* The same for every copy of a message, in all mailboxes. */
	uint8_t guid[16];
	/* The same for a message and the answers to it: of those that name
	 * their first one in References or In-Reply-To. */
	uint8_t thread[16];
	bool has_thread;
	/* Its first words, UTF-8 on one line; "": it has no text; data NULL:
	 * not asked for, or not at hand. */
	struct cv_span preview;
	/* By entry, private before shared; also some that are gone. */
	const struct cv_annotation *annotations;
	uint32_t annotation_count;
};

enum cv_section_kind {
	CV_SECTION_ALL = 1,		/* BODY[], BODY[1.2] */
	CV_SECTION_HEADER, CV_SECTION_TEXT, CV_SECTION_MIME,
	CV_SECTION_FIELDS, CV_SECTION_FIELDS_NOT,
	/* A part (or the whole message, which has no encoding) without its
	 * transfer encoding [RFC3516]: bytes that may have NULs.
	 * CV_E_UNSUPPORTED: the encoding is not known. */
	CV_SECTION_DECODED,
};

struct cv_section {
	CV_HEAD;
	uint32_t kind;
	const uint32_t *part;		/* [1.2.3] */
	uint32_t part_count;		/* 0: the message itself */
	const struct cv_span *fields;	/* for FIELDS and FIELDS_NOT */
	uint32_t field_count;
	/* Byte for byte, to be saved elsewhere.  Else each NUL is 0x80 but in
	 * DECODED, since no literal holds one [RFC9051 4.3]. */
	bool raw;
};

/* --- changing ------------------------------------------------------------ */

enum cv_flag_change { CV_FLAGS_ADD = 1, CV_FLAGS_REMOVE, CV_FLAGS_REPLACE };

struct cv_store_request {
	CV_HEAD;
	struct cv_set seqs;
	uint32_t change;		/* enum cv_flag_change */
	uint32_t flags;
	struct cv_keywords keywords;
	bool silent;			/* do not report it in sync, unless
					 * another session changed it too */
	uint64_t unchanged_since;	/* UINT64_MAX: no condition */
	bool settle_later;		/* durable only after settle, before
					 * which no success may be told */
	/* More than none: they are set (value.data NULL: removed), and flags
	 * and keywords are left alone.  CV_E_SYNTAX: an entry that cannot be,
	 * or of a part that is not there; CV_E_LIMIT: too many or too
	 * large; CV_E_DENIED. */
	const struct cv_annotation *annotations;
	uint32_t annotation_count;
	/* More of a kind than this a message gets no new ones.  0, or above it:
	 * CV_ANNOTATIONS_MAX. */
	uint32_t annotations_max;
};

struct cv_save_request {
	CV_HEAD;
	const char *mailbox_name;
	uint64_t size_hint;		/* announced bytes, 0: not known */
	uint32_t flags;
	struct cv_keywords keywords;
	int64_t internal_date;		/* INT64_MIN: now */
	/* Of a message that is brought from elsewhere.  uid: 0, or at least
	 * the mailbox's next one (CV_E_EXISTS when that has passed it). */
	uint32_t uid;
	const uint8_t *guid;		/* 16 bytes; NULL: a new one */
	int64_t save_date;		/* 0: now */
	/* For a mailbox whose clients come from there as well: what they know
	 * the message by.  0, or not below all of ours: a new one. */
	uint64_t modseq;
	/* What is written may have NULs in parts whose transfer encoding is
	 * "binary" [RFC3516 4.4]: they are stored as base64.  CV_E_SYNTAX
	 * from write or finish: a NUL elsewhere. */
	bool binary;
	/* It begins with these.  Errors as of a store; CV_E_SYNTAX for a part
	 * that is not there comes from finish. */
	const struct cv_annotation *annotations;
	uint32_t annotation_count;
	bool annotations_if_allowed;	/* those that may not be are left out */
	uint32_t annotations_max;	/* as of a store */
};

struct cv_save;			/* one or more messages being written */

struct cv_copy_result {		/* [RFC4315 3] COPYUID */
	CV_HEAD;
	uint32_t uidvalidity;
	struct cv_set source_uids, uids;	/* uids: in the same order */
	uint32_t count;
};

/* --- search -------------------------------------------------------------- */

enum cv_search_op {
	CV_SEARCH_ALL = 1, CV_SEARCH_AND, CV_SEARCH_OR, CV_SEARCH_NOT,
	CV_SEARCH_SEQS, CV_SEARCH_UIDS,
	CV_SEARCH_FLAGS,		/* all bits of flags are set */
	CV_SEARCH_KEYWORD,		/* text: the name */
	CV_SEARCH_BEFORE, CV_SEARCH_ON, CV_SEARCH_SINCE,	/* day */
	CV_SEARCH_SENT_BEFORE, CV_SEARCH_SENT_ON, CV_SEARCH_SENT_SINCE,
	CV_SEARCH_LARGER, CV_SEARCH_SMALLER,			/* number */
	CV_SEARCH_HEADER,		/* field, text; text "": exists */
	CV_SEARCH_BODY, CV_SEARCH_TEXT,	/* text, UTF-8 */
	CV_SEARCH_MODSEQ,		/* number */
	/* day, or number: when it was put into this mailbox [RFC8514] */
	CV_SEARCH_SAVED_BEFORE, CV_SEARCH_SAVED_ON, CV_SEARCH_SAVED_SINCE,
	/* text: the 16 bytes of struct cv_message_data */
	CV_SEARCH_GUID, CV_SEARCH_THREAD,
	/* One MIME part of the message matches what is below: CV_SEARCH_PART_*,
	 * AND, OR and NOT.  PARENT: the part that it is in does; CHILD: one of
	 * those in it, at any depth.  Nothing below them: there is one. */
	CV_SEARCH_PART, CV_SEARCH_PART_PARENT, CV_SEARCH_PART_CHILD,
	CV_SEARCH_PART_KEY,		/* flags: enum cv_search_part */
	/* text in the value of an annotation; field: its entry, a pattern as of
	 * LIST; flags: 1 private, 2 shared; number 1: none of these has a value */
	CV_SEARCH_ANNOTATION,
	/* As AND; texts below it may match roughly [RFC6203]. */
	CV_SEARCH_FUZZY,
};

/* Of one MIME part.  Envelopes are those of messages within the message. */
enum cv_search_part {
	/* text: all of it, without case (MD5: with it) */
	CV_PART_TYPE = 1, CV_PART_SUBTYPE, CV_PART_ENCODING, CV_PART_LANGUAGE,
	CV_PART_ID, CV_PART_LOCATION, CV_PART_MD5, CV_PART_DISPOSITION,
	/* text: in it, with case; field: the parameter */
	CV_PART_PARAM, CV_PART_DISPOSITION_PARAM, CV_PART_DESCRIPTION,
	CV_PART_SUBJECT, CV_PART_IN_REPLY_TO, CV_PART_MESSAGE_ID,
	CV_PART_BCC, CV_PART_CC, CV_PART_FROM, CV_PART_REPLY_TO,
	CV_PART_SENDER, CV_PART_TO,
	/* text: without case */
	CV_PART_FILENAME_IS, CV_PART_FILENAME_CONTAINS,
	CV_PART_FILENAME_BEGINS, CV_PART_FILENAME_ENDS,
	/* as CV_SEARCH_HEADER, BODY and TEXT; those of parts in it, too */
	CV_PART_HEADER, CV_PART_BODY, CV_PART_TEXT,
	CV_PART_SENT_BEFORE, CV_PART_SENT_ON, CV_PART_SENT_SINCE,  /* day */
	/* number: of the body with CRLFs, of a multipart 0 */
	CV_PART_SIZE, CV_PART_LARGER, CV_PART_SMALLER,
	/* number: how many parts it is in, which one of its parent's (from
	 * 1) */
	CV_PART_DEPTH, CV_PART_DEPTH_MIN, CV_PART_DEPTH_MAX, CV_PART_INDEX,
};

/* A tree in an array: children of AND, OR and NOT are linked by index, 0
 * ends the list (node 0 is the root and nobody's child). */
struct cv_search_node {
	uint32_t op;
	uint32_t first_child, next;
	uint32_t flags;
	struct cv_set set;
	struct cv_span field, text;
	int64_t day;			/* days since 1970-01-01 */
	/* With each of BEFORE, ON and SINCE, when it is not 0: this second
	 * since 1970 instead of a day; ON: it and the 24 hours behind it. */
	uint64_t number;
};

enum cv_search_cap {
	CV_SEARCH_CAN_FUZZY = 1,	/* FUZZY is more than AND */
};

/* How texts are compared, ordered and found in each other [RFC4790]. */
enum cv_comparator {
	CV_COMPARE_UNICODE = 0,		/* i;unicode-casemap [RFC5051] */
	CV_COMPARE_ASCII,		/* i;ascii-casemap */
	CV_COMPARE_OCTET,		/* i;octet */
};

struct cv_search_query {
	CV_HEAD;
	const struct cv_search_node *nodes;
	uint32_t count;
	uint32_t comparator;		/* enum cv_comparator */
};

/* --- sorting and threading [RFC5256, RFC5957] ------------------------------ */

enum cv_sort_key {
	CV_SORT_ARRIVAL = 1, CV_SORT_CC, CV_SORT_DATE, CV_SORT_FROM,
	CV_SORT_SIZE, CV_SORT_SUBJECT, CV_SORT_TO,
	CV_SORT_DISPLAYFROM, CV_SORT_DISPLAYTO,
	CV_SORT_ANNOTATION,		/* the next one of annotations */
	CV_SORT_RELEVANCY,		/* the highest score first */
	CV_SORT_REVERSE = 256,		/* with one of them */
};

struct cv_sort_request {
	CV_HEAD;
	const struct cv_search_query *query;
	const uint32_t *keys;		/* enum cv_sort_key */
	uint32_t key_count;
	/* By whose values: entry and is_private count, one for each key
	 * CV_SORT_ANNOTATION. */
	const struct cv_annotation *annotations;
	uint32_t annotation_count;
};

enum cv_thread_algorithm {
	CV_THREAD_ORDEREDSUBJECT = 1, CV_THREAD_REFERENCES, CV_THREAD_REFS,
};

struct cv_thread_request {
	CV_HEAD;
	const struct cv_search_query *query;
	uint32_t algorithm;		/* enum cv_thread_algorithm */
};

/* Messages with those below them, parents first. */
struct cv_thread_node {
	uint32_t seq;		/* 0: one that is missing, at the top only */
	uint32_t children;	/* how many; they come next, each with its
				 * own */
};

/* --- rights -------------------------------------------------------------- */

/* Identifiers as clients write them: "anyone", "owner", "jane", "$group", with
 * "-" before them for what is taken away.  Rights are the letters of
 * [RFC4314 2.1]; those that are told have the obsolete "c" and "d", too. */
struct cv_acl_entry { const char *identifier, *rights; };

enum cv_acl_change { CV_ACL_REPLACE = 1, CV_ACL_ADD, CV_ACL_REMOVE };

/* --- annotations [RFC5464] ----------------------------------------------- */

enum {
	CV_METADATA_VALUE_MAX = 65536,	/* bytes of one */
	CV_METADATA_BYTES_MAX = 1048576,	/* of all values in a mailbox */
	CV_METADATA_ENTRIES_MAX = 1000,	/* in a mailbox */
};

/* entry: "/private/comment", "/shared/comment"; in lower case when it comes
 * from core.  value.data NULL: none; any bytes. */
struct cv_metadata { struct cv_span entry, value; };

struct cv_metadata_change {
	const char *mailbox_name;	/* "": the server's */
	struct cv_span entry;
};

/* --- all mailboxes at once, for notifications [RFC5465] ------------------- */

enum cv_picture_flag {
	CV_PICTURE_EXISTS = 1,		/* else a name that is subscribed */
	CV_PICTURE_LOOKUP = 2,		/* the user may know of it */
	CV_PICTURE_READ = 4,		/* and of what is in it */
	CV_PICTURE_SUBSCRIBED = 8,
};

/* What of a mailbox can be told without opening it. */
struct cv_mailbox_picture {
	CV_HEAD;
	const char *name;
	uint32_t namespace_type;	/* enum cv_namespace_type */
	uint32_t flags;			/* enum cv_picture_flag */
	uint8_t guid[16];		/* the same after it is renamed */
	uint32_t messages, uidnext, uidvalidity, unseen;
	uint64_t highestmodseq;
	char separator;
};

/* --- URLs of messages [RFC5092], with authorization [RFC4467] ------------- */

enum { CV_URL_BYTES_MAX = 4096 };

enum cv_url_access {
	CV_URL_ACCESS_NONE = 0,		/* there is no URLAUTH in it */
	CV_URL_ACCESS_SUBMIT,		/* "submit+" access_user */
	CV_URL_ACCESS_USER,		/* "user+" access_user */
	CV_URL_ACCESS_AUTHUSER, CV_URL_ACCESS_ANONYMOUS,
};

/* Of a message or a part of it.  Strings are decoded, spans as they came. */
struct cv_url {
	CV_HEAD;
	bool has_server;		/* "imap://..." and not "/..." */
	const char *user;		/* "": none */
	struct cv_span host;
	uint32_t port;			/* 0: not said */
	const char *mailbox;		/* UTF-8 */
	uint32_t uidvalidity;		/* 0: not said */
	uint32_t uid;
	const char *section;		/* "": the message */
	bool partial;
	uint32_t start, count;		/* count 0: to the end */
	bool expires;
	int64_t expire;			/* the last second */
	uint32_t access;		/* enum cv_url_access */
	const char *access_user;
	struct cv_span rump;		/* up to the mechanism */
	struct cv_span mechanism, token;	/* empty: not authorized */
};

enum cv_url_want {
	CV_URL_STRUCTURE = 1,		/* [RFC5524 3.1] BODYPARTSTRUCTURE */
	CV_URL_BODY = 2,
	CV_URL_BINARY = 4,		/* without transfer encoding */
};

/* What a URL gives.  The stream gives length bytes from where it stands. */
struct cv_url_part {
	CV_HEAD;
	struct cv_span structure;	/* wire form, in pool */
	struct cv_stream *stream;	/* NULL: not asked for, or not to be
					 * decoded */
	uint64_t length;
	bool has_nul;			/* BINARY: there are NULs in it */
	struct cv_mailbox *box;		/* of the service; NULL */
};

/* --- service "user", major 1 --------------------------------------------- */

struct cv_user_api {
	CV_HEAD;
	const char *(*name)(struct cv_user *u);
	const char *(*home)(struct cv_user *u);		/* "": none */
	const void *(*settings)(struct cv_user *u, struct cv_plugin *self);
	/* CV_NOT_FOUND past the last. */
	int (*namespace_at)(struct cv_user *u, uint32_t index,
			    struct cv_namespace_info *info_r);
};

/* Of total messages so many are done; total 0: nobody knows.  Negative: the
 * call is to be given up, which then returns this. */
typedef int cv_progress_fn(void *context, uint64_t done, uint64_t total);

/* A plugin that core has called does not come back, and the process ends now:
 * text is for the client.  Called within a signal handler: it may send a line,
 * must not call this service, and what it does not finish in two seconds is
 * cut off. */
typedef void cv_stuck_fn(void *context, const char *text);

/* --- service "mailbox", major 1 ------------------------------------------ */

struct cv_mailbox_api {
	CV_HEAD;
	/* Names, ordered by namespace and name.  next: CV_NOT_FOUND at the
	 * end, or what kept a namespace from being read; entry valid until the
	 * following call. */
	int (*list_begin)(struct cv_user *u, const struct cv_list_query *query,
			  struct cv_list **list_r, struct cv_error *err);
	int (*list_next)(struct cv_list *list, struct cv_list_entry *entry_r,
			 struct cv_error *err);
	void (*list_end)(struct cv_list **list);

	/* use: special-use attributes wanted [RFC6154 3], 0 none. */
	int (*create)(struct cv_user *u, const char *name, uint32_t use,
		      struct cv_error *err);
	int (*remove)(struct cv_user *u, const char *name,
		      struct cv_error *err);
	int (*rename)(struct cv_user *u, const char *name,
		      const char *new_name, struct cv_error *err);
	int (*subscribe)(struct cv_user *u, const char *name, bool on,
			 struct cv_error *err);
	int (*status)(struct cv_user *u, const char *name, uint32_t items,
		      struct cv_mailbox_status *status_r,
		      struct cv_error *err);

	/* flags: enum cv_mailbox_open_flag. */
	int (*open)(struct cv_user *u, const char *name, uint32_t flags,
		    struct cv_mailbox **box_r, struct cv_error *err);
	void (*close)(struct cv_mailbox **box);
	void (*state)(struct cv_mailbox *box, struct cv_mailbox_state *state_r);
	/* Brings the view up to date.  changes_r may be NULL.  One fstat
	 * when nothing has changed. */
	int (*sync)(struct cv_mailbox *box, uint32_t flags,
		    struct cv_mailbox_changes *changes_r,
		    struct cv_error *err);
	/* Readable when sync may find something; -1: poll instead. */
	int (*watch_fd)(struct cv_mailbox *box);
	/* Empties the descriptor; call before sync. */
	void (*watch_clear)(struct cv_mailbox *box);

	/* The messages with these UIDs, as sequence numbers. */
	int (*uids_to_seqs)(struct cv_mailbox *box, struct cv_set uids,
			    struct cv_pool *pool, struct cv_set *seqs_r);
	uint32_t (*uid_of)(struct cv_mailbox *box, uint32_t seq);

	/* items: enum cv_message_item.  CV_NOT_FOUND: expunged meanwhile and
	 * what was asked for is gone with it. */
	int (*message)(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		       struct cv_message_data *data_r, struct cv_error *err);
	/* A stream of exactly *size_r bytes in CRLF form.  CV_NOT_FOUND: no
	 * such section; CV_E_NOT_FOUND: the message is expunged; if its bytes
	 * are lost, another failure.  Close the stream before the next
	 * call. */
	int (*section)(struct cv_mailbox *box, uint32_t seq,
		       const struct cv_section *section,
		       struct cv_stream **stream_r, uint64_t *size_r,
		       struct cv_error *err);

	/* One commit.  modified_r (may be NULL): those that failed
	 * unchanged_since, as sequence numbers. */
	int (*store)(struct cv_mailbox *box, const struct cv_store_request *r,
		     struct cv_pool *pool, struct cv_set *modified_r,
		     struct cv_error *err);
	/* Removes those with \Deleted; uids NULL: all of them.  The view
	 * changes in the next sync. */
	int (*expunge)(struct cv_mailbox *box, const struct cv_set *uids,
		       struct cv_error *err);
	/* One commit for all; a move removes the originals in it.
	 * CV_NOT_FOUND: another program has removed one of them; nothing was
	 * copied. */
	int (*copy)(struct cv_mailbox *box, struct cv_set seqs,
		    const char *mailbox_name, bool move,
		    struct cv_pool *pool, struct cv_copy_result *result_r,
		    struct cv_error *err);
	/* Matching sequence numbers. */
	int (*search)(struct cv_mailbox *box,
		      const struct cv_search_query *query,
		      struct cv_pool *pool, struct cv_set *seqs_r,
		      struct cv_error *err);

	/* Saving: begin, then for each message add, write..., finish; commit
	 * makes all of them durable at once or none.  uids_r (may be NULL)
	 * in order of adding.  abort or a failure leaves no trace. */
	int (*save_begin)(struct cv_user *u, const char *mailbox_name,
			  struct cv_save **save_r, struct cv_error *err);
	int (*save_add)(struct cv_save *save, const struct cv_save_request *r,
			struct cv_error *err);
	int (*save_write)(struct cv_save *save, const void *data, size_t len,
			  struct cv_error *err);
	int (*save_finish)(struct cv_save *save, struct cv_error *err);
	int (*save_commit)(struct cv_save **save, struct cv_pool *pool,
			   uint32_t *uidvalidity_r, struct cv_set *uids_r,
			   struct cv_error *err);
	void (*save_abort)(struct cv_save **save);

	/* Makes durable, with one sync, all that store did with settle_later
	 * in the user's mailboxes.  Failure: all of it is taken back and none
	 * of it may be acknowledged. */
	int (*settle)(struct cv_user *u, struct cv_error *err);

	/* Limits and use in a mailbox, index 0, 1 ...; CV_NOT_FOUND past the
	 * last.  Strings live as long as the user. */
	int (*quota)(struct cv_user *u, const char *mailbox_name,
		     uint32_t index, struct cv_quota_usage *usage_r,
		     struct cv_error *err);

	/* Rights; those of whoever asks are looked at (a is needed, but for
	 * my_rights).  Strings in pool. */
	int (*acl_get)(struct cv_user *u, const char *mailbox_name,
		       struct cv_pool *pool, struct cv_acl_entry **entries_r,
		       uint32_t *count_r, struct cv_error *err);
	/* CV_E_SYNTAX: no such identifier or right. */
	int (*acl_set)(struct cv_user *u, const char *mailbox_name,
		       struct cv_span identifier, uint32_t change,
		       struct cv_span rights, struct cv_error *err);
	/* CV_NOT_FOUND: there is no such entry. */
	int (*acl_delete)(struct cv_user *u, const char *mailbox_name,
			  struct cv_span identifier, struct cv_error *err);
	/* What the identifier always has; every other right can be given by
	 * itself [RFC4314 3.7]. */
	int (*acl_required)(struct cv_user *u, const char *mailbox_name,
			    struct cv_span identifier, struct cv_pool *pool,
			    const char **rights_r, struct cv_error *err);
	int (*my_rights)(struct cv_user *u, const char *mailbox_name,
			 struct cv_pool *pool, const char **rights_r,
			 struct cv_error *err);

	/* The annotations of a mailbox, or the server's for mailbox_name "",
	 * by name.  Those under /private are the user's own; the right l and
	 * one of r, s, w, i and p are needed [RFC5464 3.3]. */
	int (*metadata_list)(struct cv_user *u, const char *mailbox_name,
			     struct cv_pool *pool,
			     struct cv_metadata **entries_r,
			     uint32_t *count_r, struct cv_error *err);
	/* All of them or none; durable.  CV_E_SYNTAX: no name of an entry;
	 * CV_E_LIMIT: too many of them, or more than CV_METADATA_BYTES_MAX;
	 * CV_E_DENIED: read-only. */
	int (*metadata_set)(struct cv_user *u, const char *mailbox_name,
			    const struct cv_metadata *entries, uint32_t count,
			    struct cv_error *err);
	/* What others than this session have changed in the user's own
	 * mailboxes and on the server since the last call, and in those of
	 * other users while pictures_want asks for them; the first call
	 * finds nothing.  CV_OK with count 0 costs next to nothing. */
	int (*metadata_changes)(struct cv_user *u, struct cv_pool *pool,
				struct cv_metadata_change **changes_r,
				uint32_t *count_r, struct cv_error *err);

	/* enum cv_quota_resource: what the providers count and can limit for
	 * this user; 0: there is no provider. */
	uint32_t (*quota_resources)(struct cv_user *u);
	/* New limits of a root: those of limit->changes.  CV_NOT_FOUND: no
	 * such root; CV_E_DENIED: it is not for this user to change. */
	int (*quota_set)(struct cv_user *u, const char *root,
			 const struct cv_quota_limit *limit,
			 struct cv_error *err);

	/* Those of the UIDs (NULL: of all that the mailbox has had) that were
	 * expunged after modseq since; what the view shows is not among them.
	 * CV_CHANGED: nobody remembers so far back, and they are all that are
	 * not there. */
	int (*vanished)(struct cv_mailbox *box, uint64_t since,
			const struct cv_set *uids, struct cv_pool *pool,
			struct cv_set *uids_r, struct cv_error *err);
	/* fn is called now and then while a call takes long, first ten seconds
	 * after the first call that may; set again, it waits anew.  NULL: no
	 * more.  It must not call anything of this service. */
	void (*set_progress)(struct cv_user *u, cv_progress_fn *fn,
			     void *context);

	/* Between begin and the first add: the commit takes this message of
	 * the view away, too, at once where both are in one account, and
	 * quota counts only the difference [RFC8508].  The view must stay
	 * open until then.  CV_NOT_FOUND from here or from commit: it is
	 * gone, and nothing was saved. */
	int (*save_replace)(struct cv_save *save, struct cv_mailbox *box,
			    uint32_t seq, struct cv_error *err);
	/* Matching sequence numbers in order; equal ones by number. */
	int (*sort)(struct cv_mailbox *box, const struct cv_sort_request *r,
		    struct cv_pool *pool, uint32_t **seqs_r,
		    uint32_t *count_r, struct cv_error *err);
	/* Matching messages as threads, one behind the other. */
	int (*thread)(struct cv_mailbox *box,
		      const struct cv_thread_request *r, struct cv_pool *pool,
		      struct cv_thread_node **nodes_r, uint32_t *count_r,
		      struct cv_error *err);

	/* All mailboxes and subscribed names, sorted by name, in pool; those
	 * whose flags have not LOOKUP must not be told of.  *turn: 0, or what
	 * the call before has set: CV_NOT_FOUND then means that nothing has
	 * changed since, which costs next to nothing. */
	int (*pictures)(struct cv_user *u, uint64_t *turn,
			struct cv_pool *pool,
			const struct cv_mailbox_picture ***pictures_r,
			uint32_t *count_r, struct cv_error *err);
	/* From now on changes in all of the user's mailboxes can be heard by
	 * one descriptor: those that go through this server everywhere, those
	 * that other programs make in box (an open one; NULL: none) and in the
	 * mailboxes of these names, of which the first 256 count.  Called
	 * again, it replaces the set; box NULL before that one is closed. */
	int (*watch_set)(struct cv_user *u, struct cv_mailbox *box,
			 const char *const *names, uint32_t count,
			 struct cv_error *err);
	/* Readable when something may have changed; -1: nothing is watched. */
	int (*watch_all_fd)(struct cv_user *u);
	/* Empties the descriptor and takes in what other programs have done;
	 * before pictures and sync. */
	int (*watch_take)(struct cv_user *u, struct cv_error *err);
	/* Nothing is watched any more, and nobody else's mail wanted. */
	void (*watch_end)(struct cv_user *u);

	/* False: it is no URL of a message. */
	bool (*url_parse)(struct cv_pool *pool, struct cv_span text,
			  struct cv_url *url_r);
	/* "", "1.2.MIME", "HEADER.FIELDS (From To)", and the last one without
	 * its list.  False: it is none. */
	bool (*section_parse)(struct cv_pool *pool, struct cv_span text,
			      struct cv_section *section_r);
	/* Whether URLs with authorization are given out and honoured. */
	bool (*urlauth_offered)(struct cv_user *u);
	/* The token of a URL that ends behind its access identifier, by the
	 * user's key for the mailbox, which is made where there is none
	 * [RFC4467 7].  CV_E_SYNTAX: the URL is none of this user's;
	 * CV_E_UNSUPPORTED: it is of another user's mailbox. */
	int (*urlauth_token)(struct cv_user *u, struct cv_span rump,
			     struct cv_pool *pool, struct cv_span *token_r,
			     struct cv_error *err);
	/* A new key for this mailbox; NULL: all keys go. */
	int (*urlauth_reset)(struct cv_user *u, const char *mailbox_name,
			     struct cv_error *err);
	/* What an authorized URL gives this user, whosever it is.  want: enum
	 * cv_url_want.  CV_NOT_FOUND: it gives nothing.  Until urlauth_close
	 * nothing else may be read. */
	int (*urlauth_open)(struct cv_user *u, struct cv_span url,
			    uint32_t want, struct cv_pool *pool,
			    struct cv_url_part *part_r, struct cv_error *err);
	void (*urlauth_close)(struct cv_url_part *part);
	/* Another number when the user's key for an open mailbox is another
	 * one; 0: there is none. */
	uint64_t (*urlauth_turn)(struct cv_mailbox *box);
	/* Whose mail beside the user's own pictures is to show, and watch_set
	 * to watch, from the next call on: of those that these names belong
	 * to; one that ends with its separator means all that is below it.
	 * personal: all of the user's own is wanted, too.  It stays as it was
	 * when they cannot: CV_E_UNSUPPORTED, some are another server's;
	 * CV_E_LIMIT, they are too many. */
	int (*pictures_want)(struct cv_user *u, const char *const *names,
			     uint32_t count, bool personal,
			     struct cv_error *err);
	/* enum cv_search_cap: what a provider of full-text search adds. */
	uint32_t (*search_caps)(struct cv_user *u);
	/* As search; scores_r: of each message that was found, in order, 1 to
	 * 100, which is what matches exactly [RFC6203 4]. */
	int (*search_scored)(struct cv_mailbox *box,
			     const struct cv_search_query *query,
			     struct cv_pool *pool, struct cv_set *seqs_r,
			     const uint8_t **scores_r, struct cv_error *err);
	/* Whom the client hears it from; NULL: nobody. */
	void (*set_stuck)(struct cv_user *u, cv_stuck_fn *fn, void *context);
};

#endif
