/* harness.c - loads plugins as a server process would, and lets one message
 * be stored.
 *
 *	harness load DIR NAME...	what the plugins log goes to stdout
 *	harness deliver DIR NAME SENDER tempfail|skip|fail
 *					a message arrives: the last line is
 *					the answer, the mailbox, and the text
 *					for the client
 *	harness check FILE...		each can be loaded, needing no symbol
 *					of ours: this program exports none */
#include "module/hook.h"
#include "module/module-private.h"
#include "cv-delivery.h"

#include <stdio.h>

static void print_log(enum log_level level, const char *category,
		      const char *line, size_t len, void *context)
{
	(void)printf("%.*s\n", (int)len, line);
}

static int load(int count, char **args)
{
	struct module_request request = {
		.dir = args[0], .names = (const char *const *)(args + 1),
		.count = (uint32_t)count - 1, .process = "imap",
	};
	struct cv_message_ctx ctx = {
		CV_SIZED(cv_message_ctx), .mailbox_name = "INBOX", .uid = 7,
	};
	struct cv_error err = ERROR_NONE;

	if (module_load(&request, &err) < 0) {
		(void)printf("refused: %s\n", err.text);
		return 1;
	}
	(void)hook_message_stored(&ctx);
	module_unload_all();
	return 0;
}

static int deliver(char **args)
{
	struct module_request request = {
		.dir = args[0], .names = (const char *const *)(args + 1),
		.count = 1, .process = "lmtp",
	};
	struct cv_error err = ERROR_NONE, refused = ERROR_NONE;
	struct cv_delivery_ctx ctx = {
		CV_SIZED(cv_delivery_ctx), .err = &refused,
		.sender = cv_span_of(args[2]), .recipient = CV_SPAN("joe"),
		.mailbox_name = "INBOX", .pool = pool_create("delivery"),
	};
	int ret;

	if (module_load(&request, &err) < 0) {
		(void)printf("refused: %s\n", err.text);
		return 1;
	}
	hook_set_policy(strcmp(args[3], "skip") == 0 ? MODULE_HOOK_SKIP :
			strcmp(args[3], "fail") == 0 ? MODULE_HOOK_FAIL :
			MODULE_HOOK_TEMPFAIL, 10000);
	ret = hook_message_received(&ctx);
	(void)printf("%d %s %s\n", ret, ctx.mailbox_name,
		     refused.client[0] != '\0' ? refused.client : "-");
	module_unload_all();
	pool_destroy(&ctx.pool);
	return 0;
}

static int check(int count, char **args)
{
	struct cv_pool *pool = pool_create("harness");
	int status = 0;

	for (int i = 0; i < count; i++) {
		struct cv_error err = ERROR_NONE;
		const struct module_desc *desc;

		if (module_probe_file(args[i], NULL, pool, &desc,
				      &err) < 0) {
			(void)printf("refused: %s: %s\n", args[i], err.text);
			status = 1;
		} else {
			(void)printf("%s: ok\n", desc->name);
		}
	}
	pool_destroy(&pool);
	return status;
}

int main(int argc, char **argv)
{
	log_set_sink(print_log, NULL);
	if (argc > 3 && strcmp(argv[1], "load") == 0)
		return load(argc - 2, argv + 2);
	if (argc > 2 && strcmp(argv[1], "check") == 0)
		return check(argc - 2, argv + 2);
	if (argc == 6 && strcmp(argv[1], "deliver") == 0)
		return deliver(argv + 2);
	(void)fprintf(stderr, "usage: harness load DIR NAME... | "
		      "check FILE...\n");
	return 64;
}
