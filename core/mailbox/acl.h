/* acl.h - who may do what with a mailbox: rights, identifiers, lists
 * [RFC4314].
 *
 * As text a list is what Dovecot keeps in its files "dovecot-acl": a line for
 * each entry, an identifier and rights.
 *
 *	owner lrwstipekxa
 *	user=jane@example.org lrs
 *	-group=guests r
 *	"user=two words" lr :read
 *
 * Entries count in the order of what they name: anyone, authenticated, group,
 * owner, user, group-override.  The more specific replaces what came before,
 * several groups add up, and a negative entry takes away. */
#ifndef ACL_H
#define ACL_H

#include "base.h"
#include "cv-settings.h"

enum acl_right {			/* in the order in which they are told */
	ACL_LOOKUP = 1 << 0,		/* l */
	ACL_READ = 1 << 1,		/* r */
	ACL_WRITE = 1 << 2,		/* w: flags but these two */
	ACL_SEEN = 1 << 3,		/* s */
	ACL_DELETED = 1 << 4,		/* t */
	ACL_INSERT = 1 << 5,		/* i */
	ACL_POST = 1 << 6,		/* p */
	ACL_EXPUNGE = 1 << 7,		/* e */
	ACL_CREATE = 1 << 8,		/* k */
	ACL_DELETE = 1 << 9,		/* x */
	ACL_ADMIN = 1 << 10,		/* a */
	ACL_ALL = (1 << 11) - 1,
	/* what changes something in an open mailbox */
	ACL_CHANGES = ACL_WRITE | ACL_SEEN | ACL_DELETED | ACL_INSERT |
		ACL_EXPUNGE,
};

enum acl_kind {			/* the later replaces the earlier */
	ACL_ANYONE, ACL_AUTHENTICATED, ACL_GROUP, ACL_OWNER, ACL_USER,
	ACL_GROUP_OVERRIDE, ACL_KINDS,
};

enum {
	ACL_ENTRIES_MAX = 1000, ACL_NAME_MAX = 1024,
	ACL_TEXT_MAX = 256 * 1024,
};

struct acl_entry {
	uint32_t kind;			/* enum acl_kind */
	bool negative;
	bool global;			/* of the administrator's files; not
					 * in lists that are kept */
	const char *name;		/* of a user or group, else "" */
	uint32_t rights;
};

struct acl {
	struct cv_pool *pool;		/* of names and entries */
	struct acl_entry *entries;
	size_t count, room;
	bool shows_global;		/* one that is told: "#user=jane" is
					 * a global entry */
};

void acl_init(struct acl *acl, struct cv_pool *pool);
/* CV_E_SYNTAX: a line that is not understood; then nobody may rely on any of
 * them.  CV_E_LIMIT. */
int acl_parse(struct acl *acl, struct cv_span text, struct cv_error *err);
/* One line of it. */
int acl_parse_line(struct acl *acl, struct cv_span line, struct cv_error *err);
/* Takes the first word off a line, and the blanks behind it; it may be quoted,
 * with '\' before '"' and '\'. */
int acl_take_word(struct cv_span *line, struct cv_text *dst,
		  struct cv_error *err);
void acl_format(const struct acl *acl, struct cv_text *dst);

/* The entry of this identifier; NULL: none. */
struct acl_entry *acl_find(struct acl *acl, const struct acl_entry *like);
/* Gives the entry of this identifier these rights; rights 0 removes a
 * negative one and keeps a positive one, which says "none".  CV_E_LIMIT. */
int acl_set(struct acl *acl, const struct acl_entry *entry,
	    struct cv_error *err);
/* False: there was none. */
bool acl_remove(struct acl *acl, const struct acl_entry *like);

/* Who asks. */
struct acl_who {
	const char *user;		/* "": not known: anyone */
	struct cv_strings groups;
	bool owner;
};
/* Of the entries that are not global. */
uint32_t acl_rights(const struct acl *acl, const struct acl_who *who);
/* Of those that are, which replace what the others gave. */
uint32_t acl_rights_global(const struct acl *acl, const struct acl_who *who,
			   uint32_t rights);

/* Letters; "c" and "d" stand for what they were in RFC 2086
 * [RFC4314 2.1.1].  CV_E_SYNTAX: another letter. */
int acl_rights_parse(struct cv_span letters, uint32_t *rights_r,
		     struct cv_error *err);
/* obsolete: with "c" and "d", as clients get them. */
void acl_rights_format(struct cv_text *dst, uint32_t rights, bool obsolete);

/* One of Dovecot's names ("lookup", "write-seen", "all"), or letters. */
int acl_rights_parse_word(struct cv_span word, uint32_t *rights_r,
			  struct cv_error *err);
/* "lookup read" */
void acl_rights_format_names(struct cv_text *dst, uint32_t rights);

/* "anyone", "owner", "user=jane", "group=x", "group-override=x"; as clients
 * write them also "jane", "$x" for a group, "!$x" to override; each with a "-"
 * before it for a negative entry, and "#" before the rest for a global one.  name lives in pool.  CV_E_SYNTAX. */
int acl_identifier_parse(struct cv_span text, struct cv_pool *pool,
			 struct acl_entry *entry_r, struct cv_error *err);
/* client: in the form of clients. */
void acl_identifier_format(struct cv_text *dst, const struct acl_entry *entry,
			   bool client);

#endif
