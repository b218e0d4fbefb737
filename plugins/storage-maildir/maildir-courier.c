/* maildir-courier.c - what Courier left beside the messages.
 *
 * courierimapkeywords/:list has a keyword on each line, an empty line, and
 * then "NAME:0 2 ..." for each message, by the numbers of those lines.  A
 * file courierimapkeywords/NAME, or .TIME.NAME while it is being changed,
 * has the keywords of one message, one a line, and is newer; of several
 * times the last counts.  courierimapsubscribed has "INBOX.Level.Level" on
 * each line.
 *
 * A courierimapkeywords/ with more files than MARKS_MAX is read that far. */
#include "maildir.h"

#include <stdlib.h>

enum { WORDS_MAX = 4096, MARKS_MAX = 1000000, LINE_WORDS_MAX = 256 };

struct courier {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	struct cv_takeover_entry **by_ref;	/* sorted */
	uint32_t count;
	const char **words;
	uint32_t word_count;
	/* when the keywords of each were set, as by_ref: 0 by the list */
	uint64_t *times;
};

static int compare_spans(struct cv_span a, struct cv_span b)
{
	int ret = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return ret != 0 ? ret : (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b)
{
	const struct cv_takeover_entry *const *x = a, *const *y = b;

	return compare_spans((*x)->ref, (*y)->ref);
}

/* The message's place in by_ref; count: none. */
static uint32_t find(const struct courier *c, struct cv_span name)
{
	uint32_t low = 0, high = c->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = compare_spans(c->by_ref[mid]->ref, name);

		if (order == 0)
			return mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return c->count;
}

static bool word_is_usable(struct cv_span word)
{
	return word.len > 0 && word.len <= MAILDIR_NAME_MAX &&
		memchr(word.data, '\0', word.len) == NULL;
}

static void set_words(struct courier *c, uint32_t at, uint64_t when,
		      const char *const *words, uint32_t count)
{
	struct cv_takeover_entry *e = c->by_ref[at];
	const char **names = CV_ALLOC_ARRAY(c->pool, const char *, count + 1);

	memcpy(names, words, count * sizeof(*names));
	e->keywords.names = names;
	e->keywords.count = count;
	e->has_keywords = true;
	c->times[at] = when;
}

static void take_list_line(struct courier *c, struct cv_span line)
{
	const char *words[LINE_WORDS_MAX];
	struct cv_span name, word;
	uint32_t count = 0, at;

	if (!cv_span_split(&line, ':', &name))
		return;
	at = find(c, name);
	while (line.data != NULL && count < LINE_WORDS_MAX &&
	       cv_span_split(&line, ' ', &word)) {
		uint64_t index;

		if (cv_span_to_u64(word, WORDS_MAX, &index) &&
		    index < c->word_count)
			words[count++] = c->words[index];
	}
	if (at < c->count && count > 0)
		set_words(c, at, 0, words, count);
}

static void take_list(struct courier *c, int dirfd)
{
	struct cv_text text;
	struct cv_span rest, line;

	cv_text_init(&text, c->pool);
	if (maildir_file_read(c->folder->root, dirfd, ":list", &text, NULL) !=
	    CV_OK)
		return;
	c->words = CV_ALLOC_ARRAY(c->pool, const char *, WORDS_MAX);
	rest = cv_text_span(&text);
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line) &&
	       line.len > 0 && c->word_count < WORDS_MAX)
		/* one that cannot be used keeps its number */
		c->words[c->word_count++] = word_is_usable(line) ?
			cv_span_copy(c->pool, line) : "?";
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line))
		take_list_line(c, line);
}

static void take_message(struct courier *c, int dirfd, const char *file)
{
	const char *words[LINE_WORDS_MAX];
	struct cv_span name = cv_span_of(file), time, rest, line;
	struct cv_text text;
	uint64_t when = 1;
	uint32_t count = 0, at;

	if (name.len > 1 && name.data[0] == '.') {
		name = cv_span_skip(name, 1);
		if (!cv_span_split(&name, '.', &time) ||
		    !cv_span_to_u64(time, UINT64_MAX / 2, &when))
			return;
		when += 2;
	}
	at = name.data == NULL ? c->count : find(c, name);
	if (at == c->count || when < c->times[at])
		return;
	cv_text_init(&text, c->pool);
	if (maildir_file_read(c->folder->root, dirfd, file, &text, NULL) !=
	    CV_OK)
		return;
	rest = cv_text_span(&text);
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line) &&
	       count < LINE_WORDS_MAX) {
		if (word_is_usable(line))
			words[count++] = cv_span_copy(c->pool, line);
	}
	set_words(c, at, when, words, count);
}

static void take_messages(struct courier *c, int dirfd)
{
	struct cv_storage_root *root = c->folder->root;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	unsigned char type;
	uint32_t budget = MARKS_MAX;

	if (dir == NULL)
		return;
	while (budget-- > 0 && (entry = MAILDIR_API(root)->dir_next(
					dir, &type)) != NULL) {
		if (entry[0] != ':' && (type == DT_REG || type == DT_UNKNOWN))
			take_message(c, dirfd, entry);
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
}

void maildir_courier_keywords(struct cv_storage_folder *folder,
			      struct cv_pool *pool,
			      struct cv_takeover_entry *entries,
			      uint32_t count)
{
	struct cv_storage_root *root = folder->root;
	struct courier c = { .folder = folder, .pool = pool, .count = count };
	int dirfd = MD_CALL(root, open, folder->fd, "courierimapkeywords",
			    O_RDONLY | O_DIRECTORY, 0);

	if (dirfd < 0)
		return;
	c.by_ref = CV_ALLOC_ARRAY(pool, struct cv_takeover_entry *, count);
	c.times = CV_ALLOC_ARRAY(pool, uint64_t, count);
	for (uint32_t i = 0; i < count; i++)
		c.by_ref[i] = &entries[i];
	qsort(c.by_ref, count, sizeof(*c.by_ref), compare_entries);
	take_list(&c, dirfd);
	take_messages(&c, dirfd);
	MAILDIR_API(root)->close(MAILDIR_IO(root), dirfd);
}

/* --- subscriptions ------------------------------------------------------------ */

static bool decode_name(struct cv_storage_root *root, struct cv_text *dst,
			struct cv_span line)
{
	struct cv_span rest = line, level;

	if (cv_span_is_icase(line, "INBOX")) {
		cv_text_append_str(dst, "INBOX");
		return true;
	}
	/* shared folders have other names at the front */
	if (!cv_span_begins_icase(line, CV_SPAN("INBOX.")))
		return false;
	rest = cv_span_skip(rest, 6);
	while (cv_span_split(&rest, '.', &level)) {
		if (dst->len > 0)
			cv_text_append_c(dst, '/');
		if (!maildir_level_decode(root, level, dst))
			return false;
	}
	return dst->len > 0;
}

int maildir_courier_subscribed(struct cv_storage_root *root,
			       struct cv_pool *pool,
			       struct cv_strings *names_r)
{
	struct cv_text text;
	struct cv_span rest, line;
	const char **names;
	int ret;

	cv_text_init(&text, pool);
	ret = maildir_file_read(root, root->fd, "courierimapsubscribed",
				&text, NULL);
	if (ret != CV_OK)
		return CV_NOT_FOUND;
	names = common_lines_room(pool, cv_text_span(&text));
	*names_r = (struct cv_strings){ .items = names };
	rest = cv_text_span(&text);
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line)) {
		struct cv_text name;

		cv_text_init(&name, pool);
		if (line.len > 0 && decode_name(root, &name, line) &&
		    memchr(name.data, '\0', name.len) == NULL)
			names[names_r->count++] = cv_text_str(&name);
	}
	return CV_OK;
}
