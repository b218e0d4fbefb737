/* message-dump.c - what core/message says of a message in a file.
 *
 *	message-dump FILE SECTION...
 *
 * prints ENVELOPE, BODY, BODYSTRUCTURE, the size, and each section asked for
 * (the text between the square brackets of BODY[...]): a line "NAME SIZE" or
 * "NAME NIL", the bytes, a line end.  Everything goes through the catalogue
 * record, encoded and decoded, as it does in the server.  For tests only. */
#include "base.h"
#include "message/body-structure.h"
#include "message/message-section.h"
#include "message/message-summary.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const struct cv_error *err)
{
	fprintf(stderr, "message-dump: %s: %s\n", what,
		err == NULL ? "failed" : err->text);
	exit(1);
}

static void print_span(const char *name, struct cv_span s)
{
	printf("%s %zu\n", name, s.len);
	fwrite(s.data, 1, s.len, stdout);
	putchar('\n');
}

static void print_section(struct cv_stream *file, const struct mime_tree *tree,
			  const char *text)
{
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("section");
	struct message_section section;
	struct cv_stream *stream;
	struct cv_span in;
	uint64_t size, sent = 0;
	int ret;

	if (!message_section_parse(pool, cv_span_of(text), &section))
		die(text, NULL);
	ret = message_section_open(pool, file, tree, &section, &stream, &size,
				   &err);
	if (ret < 0)
		die(text, &err);
	if (ret == CV_NOT_FOUND) {
		printf("%s NIL\n", text);
		pool_destroy(&pool);
		return;
	}
	printf("%s %llu\n", text, (unsigned long long)size);
	while ((ret = stream_read(stream, &in, &err)) == CV_OK) {
		fwrite(in.data, 1, in.len, stdout);
		sent += in.len;
		stream_skip(stream, in.len);
	}
	if (ret < 0 || sent != size)
		die("section of the wrong size", &err);
	putchar('\n');
	pool_destroy(&pool);
}

int main(int argc, char *argv[])
{
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("dump");
	struct cv_text record, body, size;
	struct message_summary made, sum;
	struct mime_tree tree;
	struct cv_stream *file;
	struct stat st;
	int fd;

	if (argc < 2)
		die("usage: message-dump FILE SECTION...", NULL);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(argv[1], NULL);
	file = stream_open_file(pool, fd, 0, (uint64_t)st.st_size, true,
				argv[1]);
	if (message_summary_make(pool, file, &made, &err) < 0)
		die(argv[1], &err);
	cv_text_init(&record, pool);
	message_summary_encode(&record, &made);
	if (message_summary_decode(cv_text_span(&record), &sum) != CV_OK ||
	    mime_tree_decode(pool, sum.tree, (uint64_t)st.st_size, &tree) !=
	    CV_OK)
		die("the record cannot be read", NULL);
	cv_text_init(&body, pool);
	if (body_structure_to_body(&body, sum.body_structure) != CV_OK)
		die("no BODY from this BODYSTRUCTURE", NULL);
	cv_text_init(&size, pool);
	cv_text_append_u64(&size, sum.virtual_size);
	print_span("RFC822.SIZE", cv_text_span(&size));
	print_span("ENVELOPE", sum.envelope);
	print_span("BODY", cv_text_span(&body));
	print_span("BODYSTRUCTURE", sum.body_structure);
	for (int i = 2; i < argc; i++)
		print_section(file, &tree, argv[i]);
	pool_destroy(&pool);
	return 0;
}
