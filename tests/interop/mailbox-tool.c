/* mailbox-tool.c - the mailbox service on a home directory, driven by lines.
 *
 *	mailbox-tool HOME [setting=value...]
 *
 * Each line of input is a command, its words separated by single blanks; the
 * answer is any number of lines and "." at the end, "NO text" among them for
 * a failure.  FLAGS are the letters of a Maildir name, KEYWORDS are separated
 * by commas, "-" is an empty list, UIDS are "1:3,5".
 *
 *	save BOX FLAGS KEYWORDS HEX	message; answers its UID
 *	list BOX			V UIDVALIDITY UIDNEXT, then for each
 *					UID FLAGS KEYWORDS SIZE CRC
 *	store BOX UIDS add|remove|replace FLAGS KEYWORDS
 *	copy BOX UIDS TARGET		move BOX UIDS TARGET
 *	expunge BOX
 *	create|remove|subscribe|unsubscribe BOX		rename BOX NEW
 *	folders				names, "*" behind subscribed ones
 *	open BOX			a view that stays
 *	sync [noexpunge]		e SEQS, m COUNT, f SEQS
 *	view				the view's UIDs with flags
 *	vstore SEQS ...			as store, silent, by numbers */
#include "../unit/mailbox-fixture.h"

struct tool {
	struct fixture f;
	struct cv_mailbox *view;
	char *words[16];
	int count;
};

static const struct { char letter; uint32_t flag; } letters[] = {
	{ 'D', CV_FLAG_DRAFT }, { 'F', CV_FLAG_FLAGGED },
	{ 'R', CV_FLAG_ANSWERED }, { 'S', CV_FLAG_SEEN },
	{ 'T', CV_FLAG_DELETED },
};

static uint32_t parse_flags(const char *text)
{
	uint32_t flags = 0;

	for (; *text != '\0'; text++) {
		for (size_t i = 0; i < 5; i++) {
			if (letters[i].letter == *text)
				flags |= letters[i].flag;
		}
	}
	return flags;
}

static void print_flags(uint32_t flags)
{
	if ((flags & CV_FLAGS_STORED) == 0)
		putchar('-');
	for (size_t i = 0; i < 5; i++) {
		if (flags & letters[i].flag)
			putchar(letters[i].letter);
	}
}

static struct cv_keywords parse_keywords(struct tool *t, const char *text)
{
	struct cv_span rest = cv_span_of(text), word;
	const char **names = pool_new_array(t->f.pool, const char *,
					    rest.len + 1);
	uint32_t count = 0;

	if (strcmp(text, "-") == 0)
		return (struct cv_keywords){ NULL, 0 };
	while (cv_span_split(&rest, ',', &word))
		names[count++] = pool_copy(t->f.pool, word.data, word.len);
	return (struct cv_keywords){ names, count };
}

static struct cv_set parse_set(struct tool *t, const char *text)
{
	struct cv_span rest = cv_span_of(text), part;
	struct cv_range *ranges = pool_new_array(t->f.pool, struct cv_range,
						 rest.len + 1);
	uint32_t count = 0;

	while (cv_span_split(&rest, ',', &part)) {
		struct cv_span last = part, first;
		uint64_t a, b;

		cv_span_split(&last, ':', &first);
		if (last.data == NULL)
			last = first;
		if (cv_span_to_u64(first, UINT32_MAX, &a) &&
		    cv_span_to_u64(last, UINT32_MAX, &b))
			ranges[count++] = (struct cv_range){ (uint32_t)a,
							     (uint32_t)b };
	}
	return (struct cv_set){ ranges, count };
}

/* --- commands ----------------------------------------------------------------- */

static int with_box(struct tool *t, struct cv_mailbox **box_r)
{
	return mailbox_api.open(t->f.user, t->words[1], 0, box_r, &t->f.err);
}

static int cmd_save(struct tool *t)
{
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
		.flags = parse_flags(t->words[2]),
		.keywords = parse_keywords(t, t->words[3]),
	};
	struct cv_save *save;
	struct cv_set uids;
	struct cv_text text;
	int ret = mailbox_api.save_begin(t->f.user, t->words[1], &save,
					 &t->f.err);

	if (ret < 0)
		return ret;
	cv_text_init(&text, t->f.pool);
	hex_decode(&text, cv_span_of(t->words[4]));
	ret = mailbox_api.save_add(save, &r, &t->f.err);
	if (ret == CV_OK)
		ret = mailbox_api.save_write(save, text.data, text.len,
					     &t->f.err);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, &t->f.err);
	if (ret < 0) {
		mailbox_api.save_abort(&save);
		return ret;
	}
	ret = mailbox_api.save_commit(&save, t->f.pool, NULL, &uids,
				      &t->f.err);
	if (ret == CV_OK)
		printf("%u\n", uids.ranges[0].first);
	return ret;
}

static int show_message(struct tool *t, struct cv_mailbox *box, uint32_t seq)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	const char *text;
	int ret = mailbox_api.message(box, seq, CV_MESSAGE_SIZE, &d,
				      &t->f.err);

	if (ret != CV_OK)
		return ret;
	printf("%u ", d.uid);
	print_flags(d.flags);
	putchar(' ');
	if (d.keywords.count == 0)
		putchar('-');
	for (uint32_t i = 0; i < d.keywords.count; i++)
		printf("%s%s", i > 0 ? "," : "", d.keywords.names[i]);
	text = fixture_body(&t->f, box, seq);
	printf(" %llu %08x\n", (unsigned long long)d.size_bytes,
	       crc32c(0, text, strlen(text)));
	return CV_OK;
}

static int cmd_list(struct tool *t)
{
	struct cv_mailbox *box;
	struct cv_mailbox_state s;
	int ret = with_box(t, &box);

	if (ret < 0)
		return ret;
	s = fixture_state(box);
	printf("V %u %u\n", s.uidvalidity, s.uidnext);
	for (uint32_t seq = 1; seq <= s.messages && ret >= 0; seq++)
		ret = show_message(t, box, seq);
	mailbox_api.close(&box);
	return ret;
}

static int store(struct tool *t, struct cv_mailbox *box, struct cv_set seqs,
		 bool silent)
{
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = seqs, .silent = silent,
		.change = t->words[3][0] == 'a' ? CV_FLAGS_ADD :
			strcmp(t->words[3], "remove") == 0 ?
			CV_FLAGS_REMOVE : CV_FLAGS_REPLACE,
		.flags = parse_flags(t->words[4]),
		.keywords = parse_keywords(t, t->words[5]),
		.unchanged_since = UINT64_MAX,
	};

	return mailbox_api.store(box, &r, t->f.pool, NULL, &t->f.err);
}

static int cmd_store(struct tool *t)
{
	struct cv_mailbox *box;
	struct cv_set seqs;
	int ret = with_box(t, &box);

	if (ret < 0)
		return ret;
	mailbox_api.uids_to_seqs(box, parse_set(t, t->words[2]), t->f.pool,
				 &seqs);
	ret = store(t, box, seqs, false);
	mailbox_api.close(&box);
	return ret;
}

static int copy(struct tool *t, bool move)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_mailbox *box;
	struct cv_set seqs;
	int ret = with_box(t, &box);

	if (ret < 0)
		return ret;
	mailbox_api.uids_to_seqs(box, parse_set(t, t->words[2]), t->f.pool,
				 &seqs);
	ret = mailbox_api.copy(box, seqs, t->words[3], move, t->f.pool,
			       &result, &t->f.err);
	if (ret == CV_OK)
		printf("%s %s\n", fixture_set(&t->f, result.source_uids),
		       fixture_set(&t->f, result.uids));
	mailbox_api.close(&box);
	return ret;
}

static int cmd_copy(struct tool *t) { return copy(t, false); }
static int cmd_move(struct tool *t) { return copy(t, true); }

static int cmd_expunge(struct tool *t)
{
	struct cv_mailbox *box;
	int ret = with_box(t, &box);

	if (ret < 0)
		return ret;
	ret = mailbox_api.expunge(box, NULL, &t->f.err);
	mailbox_api.close(&box);
	return ret;
}

static int cmd_create(struct tool *t)
{
	return mailbox_api.create(t->f.user, t->words[1], 0, &t->f.err);
}

static int cmd_remove(struct tool *t)
{
	return mailbox_api.remove(t->f.user, t->words[1], &t->f.err);
}

static int cmd_rename(struct tool *t)
{
	return mailbox_api.rename(t->f.user, t->words[1], t->words[2],
				  &t->f.err);
}

static int cmd_subscribe(struct tool *t)
{
	return mailbox_api.subscribe(t->f.user, t->words[1],
				     t->words[0][0] == 's', &t->f.err);
}

static int cmd_folders(struct tool *t)
{
	const char *pattern = "*";
	struct cv_list_query q = {
		CV_SIZED(cv_list_query), .reference = "",
		.patterns = &pattern, .pattern_count = 1,
		.options = CV_LIST_RETURN_SUBSCRIBED,
	};
	struct cv_list_entry e = { CV_SIZED(cv_list_entry) };
	struct cv_list *l;
	int ret = mailbox_api.list_begin(t->f.user, &q, &l, &t->f.err);

	if (ret < 0)
		return ret;
	while (mailbox_api.list_next(l, &e, &t->f.err) == CV_OK) {
		if (!(e.attributes & CV_MAILBOX_NONEXISTENT))
			printf("%s%s\n", e.name, e.attributes &
			       CV_MAILBOX_SUBSCRIBED ? "*" : "");
	}
	mailbox_api.list_end(&l);
	return CV_OK;
}

static int cmd_open(struct tool *t)
{
	mailbox_api.close(&t->view);
	return with_box(t, &t->view);
}

static int cmd_sync(struct tool *t)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };
	int ret = mailbox_api.sync(t->view, CV_SYNC_FULL |
				   (t->count > 1 ? CV_SYNC_NO_EXPUNGES : 0),
				   &c, &t->f.err);

	if (ret < 0)
		return ret;
	printf("e %s\nm %u\nf %s\n", fixture_set(&t->f, c.expunged),
	       c.messages, fixture_set(&t->f, c.flags));
	return CV_OK;
}

static int cmd_view(struct tool *t)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };

	for (uint32_t seq = 1; mailbox_api.uid_of(t->view, seq) != 0; seq++) {
		printf("%u ", mailbox_api.uid_of(t->view, seq));
		if (mailbox_api.message(t->view, seq, 0, &d, &t->f.err) ==
		    CV_OK)
			print_flags(d.flags);
		else
			printf("gone");
		putchar('\n');
	}
	return CV_OK;
}

static int cmd_vstore(struct tool *t)
{
	return store(t, t->view, parse_set(t, t->words[2]), true);
}

static const struct {
	const char *name;
	int words;
	int (*run)(struct tool *t);
} commands[] = {
	{ "save", 5, cmd_save }, { "list", 2, cmd_list },
	{ "store", 6, cmd_store }, { "copy", 4, cmd_copy },
	{ "move", 4, cmd_move }, { "expunge", 2, cmd_expunge },
	{ "create", 2, cmd_create }, { "remove", 2, cmd_remove },
	{ "rename", 3, cmd_rename }, { "subscribe", 2, cmd_subscribe },
	{ "unsubscribe", 2, cmd_subscribe }, { "folders", 1, cmd_folders },
	{ "open", 2, cmd_open }, { "sync", 1, cmd_sync },
	{ "view", 1, cmd_view }, { "vstore", 6, cmd_vstore },
};

static void run_line(struct tool *t, char *line)
{
	size_t at = 0, all = sizeof(commands) / sizeof(commands[0]);
	char *save;
	int ret;

	t->count = 0;
	for (char *w = strtok_r(line, " \n", &save); w != NULL &&
	     t->count < 16; w = strtok_r(NULL, " \n", &save))
		t->words[t->count++] = w;
	while (t->count > 0 && at < all &&
	       strcmp(commands[at].name, t->words[0]) != 0)
		at++;
	if (t->count == 0 || at == all || t->count < commands[at].words) {
		printf("NO no such command\n.\n");
		return;
	}
	ret = commands[at].run(t);
	if (ret < 0)
		printf("NO %d %s\n", ret, t->f.err.text);
	printf(".\n");
}

int main(int argc, char **argv)
{
	struct tool t = { .f.err = ERROR_NONE };
	struct user_fields fields = {
		.name = "jane", .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = { .hostname = "tool" };
	struct cv_pool *pool = pool_create("tool");
	struct cv_text text;
	char *line = NULL;
	size_t room = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: mailbox-tool HOME [SETTING...]\n");
		return 64;
	}
	fixture_host();
	cv_text_init(&text, pool);
	cv_text_append_str(&text, "mail_location = maildir:~/Maildir\n");
	for (int i = 2; i < argc; i++)
		cv_text_append_f(&text, "%s\n", argv[i]);
	fields.home = argv[1];
	if (settings_read_text("tool", cv_text_span(&text), NULL, &t.f.tree,
			       &t.f.err) < 0) {
		fprintf(stderr, "%s\n", t.f.err.text);
		return 1;
	}
	config.settings = t.f.tree;
	if (user_create(&fields, &config, &t.f.user, &t.f.err) < 0) {
		fprintf(stderr, "%s\n", t.f.err.text);
		return 1;
	}
	t.f.pool = pool_create("command");
	while (getline(&line, &room, stdin) > 0) {
		run_line(&t, line);
		fflush(stdout);
		pool_reset(t.f.pool);
	}
	user_destroy(&t.f.user);
	settings_tree_destroy(&t.f.tree);
	pool_destroy(&t.f.pool);
	pool_destroy(&pool);
	free(line);
	return 0;
}
