/* mailbox-stress.c - many processes on one account, each doing what a client
 * may do, at random; what they did and saw is checked against a model by
 * mailbox_model.py.
 *
 *	mailbox-stress KIND DIR PROCESSES SECONDS SEED folders|messages
 *
 * KIND is maildir, mbox, sdbox, mdbox, or memory: then all sessions take
 * turns in one process.  DIR has the home and a log for each session.  With
 * "messages" the folders are made before, and stay.
 *
 * The order of things is that of the account: each commit has a number, and
 * what was done stands in a log with the number of its commit.  A line:
 *
 *	TXN did OPERATION ...	it was committed under this number
 *	TXN saw ...		the state after this number, as it was seen
 *	0 error OPERATION STATUS TEXT
 *
 * Each session keeps what a client knows of its view (numbers and UIDs, from
 * the answers of sync alone) and compares it after each step. */
#include "mailbox-stress.h"
#include "account/meta-memory.h"
#include "stream/stream-api.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct cv_plugin_desc storage_maildir_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_mbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_memory_LTX_cv_plugin_desc;

static const struct cv_plugin_desc *const plugins[] = {
	&storage_maildir_LTX_cv_plugin_desc,
	&storage_mbox_LTX_cv_plugin_desc,
	&storage_dbox_LTX_cv_plugin_desc,
	&storage_memory_LTX_cv_plugin_desc,
};

struct meta_memory *memory;

static int provide(struct cv_plugin *self, uint32_t kind, const void *table,
		   struct cv_error *err)
{
	(void)self; (void)kind; (void)err;
	storage_register(table);
	return CV_OK;
}

static const void *service(const char *name, uint32_t major)
{
	return strcmp(name, "stream") == 0 && major == 1 ? &stream_api : NULL;
}

static const void *no_settings(struct cv_plugin *self)
{
	(void)self;
	return NULL;
}

CV_PRINTF(3, 4)
static void log_line(struct cv_plugin *self, int level, const char *fmt, ...)
{
	va_list args;

	(void)self;
	va_start(args, fmt);
	log_write_v((enum log_level)level, "storage", fmt, args);
	va_end(args);
}

static int account(void *context, const char *name, struct meta **meta_r,
		   struct bell **bell_r, struct cv_error *err)
{
	(void)context; (void)name; (void)err;
	*meta_r = meta_memory_open(memory);
	*bell_r = bell_memory_open(memory);
	return CV_OK;
}

static void login(struct session *s, const struct settings_tree *tree,
		  const char *dir)
{
	struct user_fields fields = {
		.name = "jane", .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = { .settings = tree, .hostname = "test" };

	s->pool = pool_create("step");
	fields.home = pool_printf(pool_create("home"), "%s/home", dir);
	if (memory != NULL)
		config.account = account;
	if (user_create(&fields, &config, &s->user, &s->err) < 0) {
		fprintf(stderr, "%s\n", s->err.text);
		exit(1);
	}
}

static void begin(struct session *s, uint32_t number, uint64_t seed,
		  const struct settings_tree *tree, const char *dir)
{
	char path[4096];

	*s = (struct session){ .number = number, .err = ERROR_NONE };
	s->random = (seed * 1000003 + number + 1) * 0x9e3779b97f4a7c15ull | 1;
	snprintf(path, sizeof(path), "%s/log.%u", dir, number);
	s->log = fopen(path, "w");
	if (s->log == NULL) {
		perror(path);
		exit(1);
	}
	login(s, tree, dir);
}

static void end(struct session *s)
{
	close_view(s);
	user_destroy(&s->user);
	pool_destroy(&s->pool);
	fclose(s->log);
	free(s->mirror);
}

/* Every message of the test begins with its name; one that does not is lost. */
static const char *subject_of(struct session *s, const char *header)
{
	static const char field[] = "Subject: ";
	size_t len = sizeof(field) - 1;

	if (strncmp(header, field, len) != 0)
		return "LOST";
	return pool_printf(s->pool, "%.*s", (int)strcspn(header + len, "\r"),
			   header + len);
}

static void dump_message(struct session *s, uint32_t seq)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_HEADER,
	};
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;
	int ret = mailbox_api.message(s->box, seq, CV_MESSAGE_KEYWORDS |
				      CV_MESSAGE_ANNOTATIONS, &data, &s->err);

	cv_text_init(&text, s->pool);
	if (ret == CV_OK)
		ret = mailbox_api.section(s->box, seq, &all, &stream, &size,
					  &s->err);
	if (ret == CV_OK) {
		ret = stream_read_all(stream, &text, 1 << 20, &s->err);
		stream_api.close(&stream);
	}
	fprintf(s->log, "message %u %u %s %llu %s %s\n", data.uid,
		data.flags & CV_FLAGS_STORED, keywords_text(s, data.keywords),
		(unsigned long long)data.modseq, ret != CV_OK ? "LOST" :
		subject_of(s, cv_text_str(&text)),
		notes_text(s, data.annotations, data.annotation_count, false));
}

/* What is there at the end, as a new session sees it. */
static void dump(struct session *s)
{
	static const char *const all = "*";
	struct cv_list_query query = {
		CV_SIZED(cv_list_query), .reference = "", .patterns = &all,
		.pattern_count = 1,
	};
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;

	if (mailbox_api.list_begin(s->user, &query, &list, &s->err) < 0)
		die(s, s->err.text, 0, 0);
	while (mailbox_api.list_next(list, &entry, &s->err) == CV_OK) {
		struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

		if (entry.attributes & (CV_MAILBOX_NOSELECT |
					CV_MAILBOX_NONEXISTENT))
			continue;
		if (mailbox_api.open(s->user, entry.name, 0, &s->box,
				     &s->err) < 0)
			die(s, s->err.text, 0, 0);
		mailbox_api.state(s->box, &state);
		fprintf(s->log, "folder %s %u %u %u\n", entry.name,
			state.uidvalidity, state.uidnext, state.messages);
		for (uint32_t seq = 1; seq <= state.messages; seq++)
			dump_message(s, seq);
		close_view(s);
		pool_reset(s->pool);
	}
	mailbox_api.list_end(&list);
}

static const char *location_of(const char *kind)
{
	static const char *const locations[][2] = {
		{ "maildir", "maildir:~/Maildir" }, { "sdbox", "sdbox:~/box" },
		{ "mdbox", "mdbox:~/box" }, { "memory", "memory:~/memory" },
		{ "mbox", "mbox:~/mail:INBOX=~/inbox" },
	};

	for (size_t i = 0; i < 5; i++) {
		if (strcmp(kind, locations[i][0]) == 0)
			return locations[i][1];
	}
	fprintf(stderr, "unknown kind '%s'\n", kind);
	exit(64);
}

static void run_session(struct session *s, uint64_t until)
{
	while (time_monotonic_msecs() < until)
		step(s);
	end(s);
	exit(0);
}

static int run_processes(const struct settings_tree *tree, const char *dir,
			 uint32_t count, uint64_t seed, uint64_t until)
{
	pid_t pids[SESSIONS_MAX];
	int status, bad = 0;

	for (uint32_t i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct session s;

			begin(&s, i, seed, tree, dir);
			run_session(&s, until);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		waitpid(pids[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "session %u: status %d\n", i, status);
			bad = 1;
		}
	}
	return bad;
}

static void run_in_turn(const struct settings_tree *tree, const char *dir,
			uint32_t count, uint64_t seed, uint64_t until)
{
	static struct session sessions[SESSIONS_MAX];

	for (uint32_t i = 0; i < count; i++)
		begin(&sessions[i], i, seed, tree, dir);
	while (time_monotonic_msecs() < until) {
		for (uint32_t i = 0; i < count; i++)
			step(&sessions[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		end(&sessions[i]);
}

int main(int argc, char **argv)
{
	static struct cv_host host;
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;
	struct session last;
	uint32_t count;
	uint64_t until, seed;
	char text[400];
	int bad = 0;

	if (argc != 7) {
		fprintf(stderr, "usage: mailbox-stress KIND DIR PROCESSES "
			"SECONDS SEED folders|messages\n");
		return 64;
	}
	settings_register_core();
	host = *module_host();
	host.provide = provide;
	host.service = service;
	host.settings = no_settings;
	host.log = log_line;
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		if (plugins[i]->init(&host, NULL, &err) != CV_OK)
			return 1;
	}
	snprintf(text, sizeof(text), "mail_location = %s\n",
		 location_of(argv[1]));
	if (settings_read_text("stress", cv_span_of(text), NULL, &tree,
			       &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	count = (uint32_t)strtoul(argv[3], NULL, 10);
	if (count > SESSIONS_MAX)
		count = SESSIONS_MAX;
	seed = strtoull(argv[5], NULL, 10);
	until = time_monotonic_msecs() + strtoull(argv[4], NULL, 10) * 1000;
	if (strcmp(argv[1], "memory") == 0)
		memory = meta_memory_create();
	snprintf(text, sizeof(text), "%s/home", argv[2]);
	mkdir(text, 0700);
	/* INBOX is there before they begin */
	begin(&last, 9998, seed, tree, argv[2]);
	if (mailbox_api.open(last.user, "INBOX", 0, &last.box, &last.err) < 0)
		die(&last, last.err.text, 0, 0);
	change_folders = strcmp(argv[6], "folders") == 0;
	for (int i = 2; i < NAMES && !change_folders; i++) {
		if (mailbox_api.create(last.user, box_names[i], 0,
				       &last.err) < 0)
			die(&last, last.err.text, 0, 0);
		fprintf(last.log, "%llu did create %s %u\n",
			(unsigned long long)last_commit(), box_names[i],
			account_folder_find(last.box->store->account,
					    cv_span_of(box_names[i]))
			->uidvalidity);
	}
	end(&last);
	if (memory != NULL)
		run_in_turn(tree, argv[2], count, seed, until);
	else
		bad = run_processes(tree, argv[2], count, seed, until);
	begin(&last, 9999, seed, tree, argv[2]);
	dump(&last);
	end(&last);
	meta_memory_destroy(&memory);
	settings_tree_destroy(&tree);
	return bad;
}
