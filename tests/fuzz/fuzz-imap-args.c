/* fuzz-imap-args.c - the arguments that another plugin has put into a call
 * come back: whatever they are, none is taken that the parser could not have
 * made, and what is taken is the same when it goes out and back once more.
 *
 *	u8 how many stand before, u8 limit of bytes / 16,
 *	{ u8 type, u8 flags, u8 members, u8 length, text } ... */
#include "imap-extend.h"
#include "imap-mock.h"

enum { ARGS_MAX = 512, HEAD = 4 };

static struct cv_imap_args arguments(struct cv_pool *pool,
				     const uint8_t *data, size_t size)
{
	struct cv_imap_arg *all = pool_new_array(pool, struct cv_imap_arg,
						 ARGS_MAX);
	uint32_t count = 0;

	while (size >= HEAD && count < ARGS_MAX) {
		size_t len = data[3] < size - HEAD ? data[3] : size - HEAD;

		all[count] = (struct cv_imap_arg){
			.type = data[0] % 7, .flags = data[1],
			/* many, too */
			.members = data[2] < 250 ? data[2] :
				UINT32_MAX - (255u - data[2]),
			.text = cv_span((const char *)data + HEAD, len),
		};
		/* a plugin may forget it */
		if (data[0] >= 240)
			all[count].text = CV_SPAN_NONE;
		count++;
		data += HEAD + len;
		size -= HEAD + len;
	}
	return (struct cv_imap_args){ all, count };
}

/* Lists end within those around them; texts are what the parser gives. */
static void check(struct imap_args args, uint32_t first, uint64_t bytes_max)
{
	uint32_t ends[IMAP_PARSER_DEPTH_MAX + 1], depth = 0;
	uint64_t bytes = 0;

	BUG_IF(args.at != first);
	ends[0] = args.end;
	for (uint32_t i = args.at; i < args.end; i++) {
		const struct imap_arg *arg = &args.all[i];

		while (depth > 0 && ends[depth] == i)
			depth--;
		bytes += arg->text.len;
		BUG_IF(arg->type < IMAP_ATOM || arg->type > IMAP_STREAM);
		BUG_IF(arg->text.len > 0 &&
		       memchr(arg->text.data, '\0', arg->text.len) != NULL);
		BUG_IF(arg->type == IMAP_ATOM && arg->text.len == 0);
		if (arg->type != IMAP_LIST)
			continue;
		BUG_IF(arg->end <= i || arg->end > ends[depth]);
		BUG_IF(depth == IMAP_PARSER_DEPTH_MAX);
		ends[++depth] = arg->end;
	}
	BUG_IF(bytes > bytes_max);
}

static void compare(struct imap_args a, struct imap_args b)
{
	BUG_IF(a.end - a.at != b.end - b.at);
	for (uint32_t i = 0; i < a.end - a.at; i++) {
		const struct imap_arg *x = &a.all[a.at + i];
		const struct imap_arg *y = &b.all[b.at + i];

		BUG_IF(x->type != y->type || x->adjacent != y->adjacent ||
		       x->binary != y->binary);
		BUG_IF(!cv_span_equal(x->text, y->text));
		BUG_IF(x->type == IMAP_LIST && x->end - a.at != y->end - b.at);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	mock_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_arg before[3] = { { .type = IMAP_ATOM } };
	struct imap_args taken = { before, 0, 0 }, again = taken;
	struct cv_imap_args in;
	struct cv_pool *pool;
	uint64_t bytes_max;

	if (size < 2)
		return 0;
	pool = pool_create("fuzz");
	taken.at = taken.end = data[0] % 4;
	bytes_max = data[1] * 16u;
	in = arguments(pool, data + 2, size - 2);
	if (imap_extend_args_back(pool, in, bytes_max, &taken) == NULL) {
		check(taken, data[0] % 4, bytes_max);
		in = imap_extend_args(pool, taken);
		BUG_IF(imap_extend_args_back(pool, in, bytes_max, &again) !=
		       NULL);
		compare(taken, again);
	}
	pool_destroy(&pool);
	return 0;
}
