/* mailbox-session.c - what a step is made of, and the view as a client knows
 * it: compared after each sync. */
#include "mailbox-stress.h"

#include <stdlib.h>
#include <unistd.h>

const char *const box_names[NAMES] = {
	"INBOX", "INBOX", "a", "b", "c", "d", "e", "f",
};
static const char *const entries[] = {
	"-/comment", "+/comment", "+/altsubject", "-/1/comment",
	"+/vendor/example/x",
};
static const char *const keywords[3] = { "$One", "$Two", "three" };

uint32_t below(struct session *s, uint32_t limit)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 20) % limit;
}

void die(struct session *s, const char *what, uint32_t a, uint32_t b)
{
	fprintf(stderr, "session %u: %s (%u, %u)\n", s->number, what, a, b);
	fflush(s->log);
	_exit(1);
}

void failed(struct session *s, const char *what, int ret)
{
	fprintf(s->log, "0 error %s %d %s\n", what, ret, s->err.text);
	if (last_commit() != 0)
		fprintf(s->log, "%llu failed %s\n",
			(unsigned long long)last_commit(), what);
}

const char *set_text(struct session *s, struct cv_set set)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < set.count; i++) {
		cv_text_append_f(&text, "%s%u", i == 0 ? "" : ",",
				 set.ranges[i].first);
		if (set.ranges[i].first != set.ranges[i].last)
			cv_text_append_f(&text, ":%u", set.ranges[i].last);
	}
	return text.len == 0 ? "-" : text.data;
}

const char *uids_text(struct session *s, struct cv_set seqs)
{
	struct account_ranges uids = { .pool = s->pool };

	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t q = seqs.ranges[i].first;
		     q <= seqs.ranges[i].last; q++)
			ranges_add(&uids, s->mirror[q - 1]);
	}
	return set_text(s, ranges_set(&uids));
}

uint32_t some_flags(struct session *s, bool deleted)
{
	static const uint32_t flags[] = {
		CV_FLAG_SEEN, CV_FLAG_ANSWERED, CV_FLAG_FLAGGED,
		CV_FLAG_DRAFT,
	};
	uint32_t some = 0;

	for (size_t i = 0; i < 4; i++) {
		if (below(s, 4) == 0)
			some |= flags[i];
	}
	return deleted && below(s, 3) == 0 ? some | CV_FLAG_DELETED : some;
}

struct cv_keywords some_keywords(struct session *s)
{
	const char **some = pool_new_array(s->pool, const char *, 3);
	uint32_t count = 0;

	for (int i = 0; i < 3; i++) {
		if (below(s, 5) == 0)
			some[count++] = keywords[i];
	}
	return (struct cv_keywords){ some, count };
}

const char *notes_text(struct session *s, const struct cv_annotation *list,
		       uint32_t count, bool with_gone)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < count; i++) {
		const struct cv_annotation *a = &list[i];

		if (a->value.data == NULL && !with_gone)
			continue;
		cv_text_append_f(&text, "%s%c%.*s", text.len > 0 ? "," : "",
				 a->is_private ? '-' : '+',
				 (int)a->entry.len, a->entry.data);
		if (a->value.data != NULL)
			cv_text_append_f(&text, "=%.*s", (int)a->value.len,
					 a->value.data);
	}
	return text.len == 0 ? "-" : cv_text_str(&text);
}

/* Different ones. */
uint32_t some_notes(struct session *s, struct cv_annotation list[NOTES_MAX],
		    bool removed_too)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sizeof(entries) / sizeof(entries[0]) &&
	     count < NOTES_MAX; i++) {
		struct cv_annotation *a = &list[count];

		if (below(s, 3) != 0)
			continue;
		count++;
		*a = (struct cv_annotation){
			.entry = cv_span_of(entries[i] + 1),
			.is_private = entries[i][0] == '-',
		};
		if (!removed_too || below(s, 3) > 0)
			a->value = cv_span_of(pool_printf(s->pool, "v%u",
							  below(s, 5)));
	}
	return count;
}

const char *keywords_text(struct session *s, struct cv_keywords k)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < k.count; i++)
		cv_text_append_f(&text, "%s%s", i == 0 ? "" : ",",
				 k.names[i]);
	return text.len == 0 ? "-" : text.data;
}

struct cv_set some_seqs(struct session *s)
{
	struct cv_range *ranges = pool_new_array(s->pool, struct cv_range, 3);
	uint32_t count = 0, at = 1;

	while (count < 3 && s->count > 0) {
		uint32_t first = at + below(s, s->count < 12 ? s->count :
					    s->count / 3);
		uint32_t last = first + below(s, 4);

		if (first > s->count)
			break;
		if (last > s->count)
			last = s->count;
		ranges[count++] = (struct cv_range){ first, last };
		at = last + 2;
	}
	return (struct cv_set){ ranges, count };
}

uint64_t now_of(struct session *s)
{
	return account_txn_number(s->box != NULL ? s->box->store->account :
				  s->user->namespaces[0].store->account);
}

/* --- the view --------------------------------------------------------------------------- */

static void compare_view(struct session *s)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	mailbox_api.state(s->box, &state);
	if (state.messages != s->count)
		die(s, "another count than sync told", state.messages,
		    s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		if (mailbox_api.uid_of(s->box, i + 1) != s->mirror[i])
			die(s, "a number names another message", i + 1,
			    s->mirror[i]);
	}
}

static void log_view(struct session *s)
{
	uint32_t crc = 0;

	for (uint32_t i = 0; i < s->count; i++)
		crc = (crc ^ s->mirror[i]) * 16777619u;
	fprintf(s->log, "%llu saw view %u %u %u\n",
		(unsigned long long)s->box->expunge_modseq,
		s->box->uidvalidity, s->count,
		crc);
}

static void drop_expunged(struct session *s, struct cv_set gone)
{
	/* [RFC9051 7.5.1] descending, each number is valid at its turn */
	for (uint32_t i = gone.count; i-- > 0;) {
		uint32_t first = gone.ranges[i].first;
		uint32_t last = gone.ranges[i].last;

		if (first == 0 || last < first || last > s->count)
			die(s, "expunged what is not there", first, last);
		memmove(s->mirror + first - 1, s->mirror + last,
			(s->count - last) * sizeof(*s->mirror));
		s->count -= last - first + 1;
	}
}

static void add_new(struct session *s, uint32_t messages)
{
	if (messages < s->count)
		die(s, "the count shrinks", messages, s->count);
	if (messages > s->room) {
		s->room = messages * 2;
		s->mirror = realloc(s->mirror, s->room * sizeof(*s->mirror));
	}
	for (; s->count < messages; s->count++) {
		uint32_t uid = mailbox_api.uid_of(s->box, s->count + 1);

		if (uid <= s->last_uid)
			die(s, "a UID was seen before, or is out of order",
			    uid, s->last_uid);
		s->last_uid = uid;
		s->mirror[s->count] = uid;
	}
}

int sync_view(struct session *s, uint32_t flags)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };
	int ret = mailbox_api.sync(s->box, flags, &c, &s->err);

	if (ret < 0) {
		failed(s, "sync", ret);
		return ret;
	}
	if ((flags & CV_SYNC_NO_EXPUNGES) && c.expunged.count > 0)
		die(s, "an expunge where none may be told", 0, 0);
	drop_expunged(s, c.expunged);
	add_new(s, c.messages);
	for (uint32_t i = 0; i < c.flags.count; i++) {
		if (c.flags.ranges[i].first == 0 ||
		    c.flags.ranges[i].last > s->count)
			die(s, "flags of what is not there",
			    c.flags.ranges[i].last, s->count);
	}
	if (c.highestmodseq < s->modseq)
		die(s, "HIGHESTMODSEQ went back", 0, 0);
	s->modseq = c.highestmodseq;
	compare_view(s);
	if (!(flags & CV_SYNC_NO_EXPUNGES))
		log_view(s);
	return CV_OK;
}

void close_view(struct session *s)
{
	if (s->box != NULL)
		mailbox_api.close(&s->box);
}

void open_view(struct session *s)
{
	int ret;

	close_view(s);
	ret = mailbox_api.open(s->user, box_names[below(s, NAMES)],
			       below(s, 8) == 0 ? CV_MAILBOX_READONLY : 0,
			       &s->box, &s->err);
	if (ret < 0) {
		s->box = NULL;
		failed(s, "open", ret);
		return;
	}
	s->count = s->last_uid = 0;
	s->modseq = 0;
	{
		struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

		mailbox_api.state(s->box, &state);
		add_new(s, state.messages);
	}
	compare_view(s);
	log_view(s);
}
