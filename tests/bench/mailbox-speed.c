/* mailbox-speed.c - what one call of the mailbox service costs: processor
 * time, and, under strace -c, system calls.
 *
 *	mailbox-speed DIR deliver COUNT		messages of 4 KiB into INBOX
 *	mailbox-speed DIR select COUNT		open and close INBOX
 *	mailbox-speed DIR fetch COUNT		metadata of all messages
 *	mailbox-speed DIR body COUNT		BODY[] of all messages
 *	mailbox-speed DIR noop COUNT		sync with nothing new
 *	mailbox-speed DIR store COUNT		one flag of message 1
 *	mailbox-speed DIR store-all COUNT	one flag of all messages
 *	mailbox-speed DIR copy COUNT		message 1 to "copies"
 *	mailbox-speed DIR move COUNT		the last message to "copies"
 *	mailbox-speed DIR flags COUNT		UID and flags of all messages
 *	mailbox-speed DIR memory 1		private memory of an open INBOX
 *	mailbox-speed DIR search COUNT		SUBJECT
 *	mailbox-speed DIR text COUNT		TEXT of what no message has
 *	mailbox-speed DIR sort-subject COUNT	SORT (SUBJECT)
 *	mailbox-speed DIR sort-date COUNT	SORT (REVERSE DATE FROM)
 *	mailbox-speed DIR thread COUNT		THREAD REFERENCES
 *	mailbox-speed DIR thread-subject COUNT	THREAD ORDEREDSUBJECT
 *	mailbox-speed DIR talk COUNT		messages of 1 KiB in threads of 8
 *	mailbox-speed DIR corpus COUNT		half plain, half MIME with a
 *						base64 attachment that is no
 *						text, 14 KiB on average
 *	mailbox-speed DIR resync COUNT		force-resync of INBOX
 *	mailbox-speed DIR make COUNT		an INBOX of files that no server
 *						knows: links of a few
 *
 * DIR is a home directory; the plugins are linked in.  KIND=sdbox or mdbox in
 * the environment: not a Maildir. */
#include "../unit/dbox-fixture.h"

#include <sys/resource.h>

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
		((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) /
		1e6;
}

/* How long other processes had the processor that this one wanted. */
static uint64_t waited_msecs(void)
{
	unsigned long long waited = 0;
	FILE *file = fopen("/proc/self/schedstat", "r");

	if (file != NULL) {
		if (fscanf(file, "%*u %llu", &waited) != 1)
			waited = 0;
		fclose(file);
	}
	return waited / 1000000;
}

static void die(struct fixture *f, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, f->err.text);
	exit(1);
}

static struct cv_mailbox *must_open(struct fixture *f)
{
	struct cv_mailbox *box;

	if (mailbox_api.open(f->user, "INBOX", 0, &box, &f->err) < 0)
		die(f, "open");
	return box;
}

static void deliver(struct fixture *f, int n)
{
	static struct cv_text text;
	static int number;

	if (text.pool == NULL)
		cv_text_init(&text, pool_create("text"));
	for (int i = 0; i < n; i++) {
		cv_text_reset(&text);
		cv_text_append_f(&text, "From: Jane Doe <jane@example.org>"
				 "\r\nTo: Bob <bob@example.org>\r\nSubject: "
				 "message %d\r\nDate: Tue, 01 Jan 2026 "
				 "10:00:00 +0100\r\nMessage-ID: <%d@x>\r\n"
				 "\r\n", number, number);
		number++;
		while (text.len < 4096)
			cv_text_append_str(&text, "the quick brown fox jumps "
					   "over the lazy dog again\r\n");
		if (fixture_try_save(f, "INBOX", cv_text_span(&text), 0,
				     NULL) < 0)
			die(f, "save");
		pool_reset(f->pool);
	}
}

static void fetch(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };

	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		if (mailbox_api.message(box, seq, CV_MESSAGE_SIZE |
					CV_MESSAGE_ENVELOPE |
					CV_MESSAGE_BODYSTRUCTURE, &d,
					&f->err) != CV_OK)
			die(f, "message");
	}
}

static void body(struct fixture *f, struct cv_mailbox *box)
{
	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		(void)fixture_body(f, box, seq);
		pool_reset(f->pool);
	}
}

static void copy_one(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range one = { 1, 1 };
	struct cv_set seqs = { &one, 1 };

	if (mailbox_api.copy(box, seqs, "copies", false, f->pool, &result,
			     &f->err) < 0)
		die(f, "copy");
}

static void move_last(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	uint32_t last = fixture_state(box).messages;
	struct cv_range one = { last, last };
	struct cv_set seqs = { &one, 1 };

	if (mailbox_api.copy(box, seqs, "copies", true, f->pool, &result,
			     &f->err) < 0)
		die(f, "move");
	fixture_sync(f, box, CV_SYNC_FULL);
}

static void flags(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	uint32_t messages = fixture_state(box).messages;

	for (uint32_t seq = 1; seq <= messages; seq++) {
		if (mailbox_api.message(box, seq, 0, &d,
					&f->err) != CV_OK)
			die(f, "message");
	}
}

static void memory(void)
{
	char line[200];
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "Private", 7) == 0 ||
		    strncmp(line, "Pss:", 4) == 0)
			fputs(line, stdout);
	}
	if (file != NULL)
		fclose(file);
}

/* File systems limit the links of one file. */
static void make(const char *dir, int n)
{
	enum { LINKS_MAX = 30000 };
	static const char *const names[] = { "", "/cur", "/new", "/tmp" };
	char path[400], first[400] = "";

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/Maildir%s", dir, names[i]);
		(void)mkdir(path, 0700);
	}
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/Maildir/cur/%d.M%dP%d.host."
			 "example.org,S=25,W=29:2,S", dir, 1600000000 + i, i % 1000000,
			 i % 30000);
		if (i % LINKS_MAX == 0) {
			FILE *file = fopen(path, "w");

			if (file == NULL ||
			    fputs("Subject: x\n\nlast\nline bc\n", file) < 0 ||
			    fclose(file) != 0)
				exit(1);
			snprintf(first, sizeof(first), "%s", path);
		} else if (link(first, path) < 0) {
			perror(path);
			exit(1);
		}
	}
}

static void search(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_search_node node = {
		.op = CV_SEARCH_HEADER, .field = CV_SPAN("subject"),
		.text = CV_SPAN("message 99"),
	};
	struct cv_search_query q = {
		CV_SIZED(cv_search_query), .nodes = &node, .count = 1,
	};
	struct cv_set seqs;

	if (mailbox_api.search(box, &q, f->pool, &seqs, &f->err) < 0)
		die(f, "search");
}

static const struct cv_search_node all_node = { .op = CV_SEARCH_ALL };
static const struct cv_search_query all = {
	CV_SIZED(cv_search_query), .nodes = &all_node, .count = 1,
};

static void sort(struct fixture *f, struct cv_mailbox *box, bool by_date)
{
	static const uint32_t subject[] = { CV_SORT_SUBJECT };
	static const uint32_t date[] = { CV_SORT_REVERSE | CV_SORT_DATE,
					 CV_SORT_FROM };
	struct cv_sort_request r = { CV_SIZED(cv_sort_request),
		.query = &all, .keys = by_date ? date : subject,
		.key_count = by_date ? 2 : 1 };
	uint32_t *seqs, count;

	if (mailbox_api.sort(box, &r, f->pool, &seqs, &count, &f->err) < 0)
		die(f, "sort");
}

static void thread(struct fixture *f, struct cv_mailbox *box,
		   uint32_t algorithm)
{
	struct cv_thread_request r = { CV_SIZED(cv_thread_request),
		.query = &all, .algorithm = algorithm };
	struct cv_thread_node *nodes;
	uint32_t count;

	if (mailbox_api.thread(box, &r, f->pool, &nodes, &count, &f->err) < 0)
		die(f, "thread");
}

static void text(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_search_node node = { .op = CV_SEARCH_TEXT,
				       .text = CV_SPAN("zygomorphic") };
	struct cv_search_query q = { CV_SIZED(cv_search_query),
				     .nodes = &node, .count = 1 };
	struct cv_set seqs;

	if (mailbox_api.search(box, &q, f->pool, &seqs, &f->err) < 0 ||
	    seqs.count > 0)
		die(f, "text");
}

static void save(struct fixture *f, struct cv_text *message)
{
	if (fixture_try_save(f, "INBOX", cv_text_span(message), 0, NULL) < 0)
		die(f, "save");
	pool_reset(f->pool);
}

static void talk(struct fixture *f, int n)
{
	struct cv_text text;

	cv_text_init(&text, pool_create("text"));
	for (int i = 0; i < n; i++) {
		int first = i & ~7;

		cv_text_reset(&text);
		cv_text_append_f(&text, "From: Person %d <p%d@example.org>"
				 "\r\nTo: list@example.org\r\nSubject: %s"
				 "matter %d\r\nDate: Tue, 01 Jan 2026 %02d:"
				 "%02d:%02d +0100\r\nMessage-ID: <%d.talk@"
				 "example.org>\r\n", i * 7919 % 1000,
				 i * 7919 % 1000, i == first ? "" : "Re: ",
				 first * 7919 % 100000, i / 3600 % 24,
				 i / 60 % 60, i % 60, i);
		if (i > first)
			cv_text_append_f(&text, "In-Reply-To: <%d.talk@"
					 "example.org>\r\nReferences:",
					 i - 1);
		for (int k = first; k < i; k++)
			cv_text_append_f(&text, " <%d.talk@example.org>%s",
					 k, k % 2 && k + 1 < i ? "\r\n" : "");
		cv_text_append_str(&text, i > first ? "\r\n\r\n" : "\r\n");
		while (text.len < 1024)
			cv_text_append_str(&text, "the quick brown fox jumps "
					   "over the lazy dog again\r\n");
		save(f, &text);
	}
}

static void corpus(struct fixture *f, int n)
{
	struct cv_text text;

	cv_text_init(&text, pool_create("text"));
	for (int i = 0; i < n; i++) {
		size_t want = (size_t)(2000 + i * 7919 % 24000);

		cv_text_reset(&text);
		cv_text_append_f(&text, "From: Jane Doe <jane@example.org>"
				 "\r\nSubject: message %d\r\n", i);
		if (i % 2)
			cv_text_append_str(&text, "MIME-Version: 1.0\r\n"
				"Content-Type: multipart/mixed; boundary=b"
				"\r\n\r\n--b\r\nContent-Type: text/plain"
				"\r\n");
		cv_text_append_str(&text, "\r\n");
		while (text.len < (i % 2 ? 1500 : want))
			cv_text_append_str(&text, "the quick brown fox jumps "
					   "over the lazy dog again\r\n");
		if (i % 2)
			cv_text_append_str(&text, "--b\r\nContent-Type: "
				"application/pdf\r\nContent-Transfer-"
				"Encoding: base64\r\n\r\n");
		while (text.len < want)
			cv_text_append_str(&text, "dGhlIHF1aWNrIGJyb3duIGZveC"
					   "BqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyA"
					   "wMTIzNDU\r\n");
		if (i % 2)
			cv_text_append_str(&text, "--b--\r\n");
		save(f, &text);
	}
}

static void run(struct fixture *f, const char *what, int n)
{
	struct cv_mailbox *box;

	if (strcmp(what, "deliver") == 0 || strcmp(what, "talk") == 0 ||
	    strcmp(what, "corpus") == 0) {
		(*what == 'd' ? deliver : *what == 't' ? talk : corpus)(f, n);
		return;
	}
	for (int i = 0; strcmp(what, "select") == 0 && i < n; i++) {
		box = must_open(f);
		mailbox_api.close(&box);
	}
	for (int i = 0; strcmp(what, "resync") == 0 && i < n; i++) {
		uint32_t found, gone;
		bool mended;

		if (mailbox_resync(f->user, "INBOX", &found, &gone, &mended,
				   &f->err) < 0)
			die(f, "resync");
	}
	box = must_open(f);
	for (int i = 0; i < n; i++) {
		uint32_t change = i % 2 ? CV_FLAGS_REMOVE : CV_FLAGS_ADD;

		if (strcmp(what, "fetch") == 0)
			fetch(f, box);
		else if (strcmp(what, "body") == 0)
			body(f, box);
		else if (strcmp(what, "noop") == 0)
			fixture_sync(f, box, CV_SYNC_FULL);
		else if (strcmp(what, "store") == 0)
			fixture_store(f, box, 1, 1, change, CV_FLAG_FLAGGED,
				      NULL);
		else if (strcmp(what, "store-all") == 0)
			fixture_store(f, box, 1, UINT32_MAX, change,
				      CV_FLAG_FLAGGED, NULL);
		else if (strcmp(what, "copy") == 0)
			copy_one(f, box);
		else if (strcmp(what, "move") == 0)
			move_last(f, box);
		else if (strcmp(what, "flags") == 0)
			flags(f, box);
		else if (strcmp(what, "memory") == 0)
			memory();
		else if (strcmp(what, "search") == 0)
			search(f, box);
		else if (strncmp(what, "sort", 4) == 0)
			sort(f, box, strcmp(what, "sort-date") == 0);
		else if (strncmp(what, "thread", 6) == 0)
			thread(f, box, what[6] != '\0' ?
			       CV_THREAD_ORDEREDSUBJECT :
			       CV_THREAD_REFERENCES);
		else if (strcmp(what, "text") == 0)
			text(f, box);
	}
	mailbox_api.close(&box);
}

int main(int argc, char **argv)
{
	struct fixture f = { .err = ERROR_NONE };
	struct user_fields fields = {
		.name = "jane", .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = { .hostname = "speed" };
	const char *kind = getenv("KIND");
	char location[100];
	double start;
	uint64_t wall, waited;
	int n;

	if (argc != 4) {
		fprintf(stderr, "usage: mailbox-speed DIR OPERATION COUNT\n");
		return 64;
	}
	n = atoi(argv[3]);
	if (strcmp(argv[2], "make") == 0) {
		make(argv[1], n);
		return 0;
	}
	fixture_host();
	dbox_host();
	f.pool = pool_create("speed");
	snprintf(location, sizeof(location), "mail_location = %s:~/Maildir\n",
		 kind != NULL ? kind : "maildir");
	if (settings_read_text("speed", cv_span_of(location), NULL, &f.tree,
			       &f.err) < 0)
		die(&f, "settings");
	fields.home = argv[1];
	config.settings = f.tree;
	start = cpu_seconds();
	if (user_create(&fields, &config, &f.user, &f.err) < 0)
		die(&f, "user");
	(void)mailbox_api.create(f.user, "copies", 0, &f.err);
	printf("%s: user %.3f ms\n", argv[2], (cpu_seconds() - start) * 1e3);
	start = cpu_seconds();
	wall = time_monotonic_msecs();
	waited = waited_msecs();
	run(&f, argv[2], n);
	waited = waited_msecs() - waited;
	wall = time_monotonic_msecs() - wall;
	printf("%s: %.3f ms for %d, %.4f ms each; wall clock %llu ms, %llu "
	       "of them for want of a processor\n", argv[2],
	       (cpu_seconds() - start) * 1e3, n,
	       (cpu_seconds() - start) * 1e3 / n, (unsigned long long)wall,
	       (unsigned long long)waited);
	start = cpu_seconds();
	user_destroy(&f.user);
	printf("%s: end %.3f ms\n", argv[2], (cpu_seconds() - start) * 1e3);
	return 0;
}
