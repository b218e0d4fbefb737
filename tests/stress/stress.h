/* stress.h - many connections that do anything, and what must hold of it.
 *
 * A client has a connection and a view: what the server has told it.  Facts
 * are common to all clients: what is known of each UID, by whoever saw it. */
#ifndef STRESS_H
#define STRESS_H

#include "../bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>

/* What never changes of a message. */
enum item {
	ITEM_DATE, ITEM_SIZE, ITEM_ENVELOPE, ITEM_STRUCTURE, ITEM_BODY,
	ITEM_FULL, ITEM_HEADER, ITEM_TEXT, ITEM_PART, ITEM_FIELDS,
	ITEM_WINDOW_0, ITEM_WINDOW_50, ITEM_WINDOW_1000, ITEMS,
};

enum flag {
	FLAG_SEEN = 1, FLAG_ANSWERED = 2, FLAG_FLAGGED = 4, FLAG_DELETED = 8,
	FLAG_DRAFT = 16, FLAG_RECENT = 32,
	FLAG_SHARED = 1 << 6,		/* four keywords that all change */
	FLAG_OWN = 1 << 10,		/* eight that one client changes */
	FLAGS = 18, OWNERS = 8,
};

enum kind {
	KIND_OTHER, KIND_SELECT, KIND_FETCH, KIND_STORE, KIND_SEARCH,
	KIND_UID, KIND_IDLE, KIND_LOGOUT,
};

struct fact {
	uint64_t hash[ITEMS];		/* 0: not known */
	uint64_t gone_at;		/* when an EXPUNGE told of it */
	uint32_t recent_session;	/* who was told \Recent */
	bool assigned;			/* by an APPENDUID or COPYUID */
	bool appended, deletable;
	uint8_t own_known, own_set;	/* owners' keywords */
};

/* One mailbox name under one UIDVALIDITY. */
struct box {
	struct box *next;
	int account;
	char name[32];
	uint32_t validity, uidnext;
	struct fact *facts;		/* by UID */
	uint32_t size;
};

/* doubt: something else was shown than before, item + 1.  Right only if it
 * was expunged already [RFC2180 4.1.3]: the next checkpoint tells. */
struct message { uint32_t uid, flags; bool flags_known; uint8_t doubt; };

enum { HISTORY = 24, HISTORY_LINE = 200, NAMES = 7 };

struct client {
	struct bench_conn conn;
	int index, account;
	uint64_t random;
	pthread_t thread;
	char *reply;			/* one response, its literals within */
	size_t len, capacity;
	/* the view */
	struct box *box;		/* NULL: nothing is selected */
	int name;			/* of names[] */
	unsigned int generation;	/* of that name when it was selected */
	bool readonly, numbers;
	uint32_t session;
	uint64_t selected_at;
	struct message *messages;
	uint32_t count, room;
	/* the command that runs */
	enum kind kind;
	unsigned int tag;
	char status[1000];		/* the tagged answer after the tag */
	uint32_t validity, uidnext;	/* told by SELECT and STATUS */
	bool bye;
	/* what went before */
	char history[HISTORY][HISTORY_LINE];
	unsigned int history_next;
};

struct stress_options {
	struct bench_options server;
	uint64_t seed;
	double seconds, checkpoint;
	const char *foreign;		/* a Maildir to change beside */
	bool recent;			/* \Recent is for one session */
};

extern struct stress_options stress;
extern atomic_bool stress_failed;
extern const char *const names[NAMES];
enum { NAME_INBOX, NAME_WORK, NAME_VOLATILE };

uint64_t stress_random(uint64_t *state);
double stress_now(void);
/* Prints what differs, with the client's last lines; the run ends. */
void client_fail(struct client *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void client_note(struct client *c, char direction, const char *text,
		 size_t len);

/* facts.c; all of these lock. */
uint64_t facts_time(void);
struct box *facts_box(int account, const char *name, uint32_t validity);
/* The last known UIDVALIDITY and UIDNEXT of a name: 0 for none. */
void facts_known(int account, int name, uint32_t *validity, uint32_t *uidnext);
void facts_uidnext(struct box *b, uint32_t uidnext);
/* A client is shown a message.  False: it must not be. */
bool facts_show(struct client *c, uint32_t uid);
bool facts_item(struct box *b, uint32_t uid, enum item item, uint64_t hash);
bool facts_recent(struct client *c, uint32_t uid);
void facts_gone(struct box *b, uint32_t uid);
/* A new UID was given out: false when it cannot be new. */
bool facts_assign(struct box *b, uint32_t uid, uint64_t sent_at);
void facts_append(struct box *b, uint32_t uid, uint64_t size, uint64_t body);
void facts_copy(struct box *from, uint32_t uid, struct box *to, uint32_t to_uid);
void facts_deletable(struct box *b, uint32_t first, uint32_t last);
/* The client's own keyword was changed, and that was acknowledged. */
void facts_own(struct client *c, uint32_t uid, bool known, bool set);
bool facts_own_right(struct client *c, uint32_t uid, uint32_t flags);
/* The first appended message that nobody may have removed and that is not
 * among the client's; 0 for none. */
uint32_t facts_missing(struct client *c);
unsigned int facts_generation(int account, int name);
/* A DELETE or RENAME begins (1) or is answered (-1). */
void facts_new_generation(int account, int name, int begun);

/* view.c */
const char *flag_name(int bit);
uint64_t hash_bytes(const char *data, size_t len);
/* One whole response into c->reply.  False: the connection has ended. */
bool view_read(struct client *c);
/* Takes in and checks an untagged response. */
void view_untagged(struct client *c);
/* Data is there within the time. */
bool view_wait(struct client *c, int milliseconds);

/* commands.c */
bool client_login(struct client *c);
/* Sends, reads and checks all up to the tagged answer, whose text is in
 * c->status.  False: the connection has ended, or the run. */
bool client_command(struct client *c, enum kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool client_ok(const struct client *c);
/* Another connection has removed or renamed what is selected here. */
bool client_mailbox_gone(const struct client *c);
bool client_select(struct client *c, int name, bool readonly);
bool client_learn_uids(struct client *c);
/* One random command. */
bool client_step(struct client *c);
extern atomic_ulong stress_commands, stress_refused, stress_cuts;

#endif
