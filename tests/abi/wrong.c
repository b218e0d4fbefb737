/* wrong.c - plugins with one fault each.  -DFAULT=... chooses it; the file's
 * name is wrong-<fault>.  tests/abi/test-wrong-plugins.c says what the server
 * answers to each of them. */
#include "cv-plugin.h"
#include "cv-extend.h"
#include "cv-mailbox.h"
#include "cv-protocol.h"

#include <stdlib.h>
#include <string.h>

/* Later initialisers replace those of CV_PLUGIN_DEFINE on purpose. */
#pragma GCC diagnostic ignored "-Woverride-init"

enum fault {
	NONE, NO_DESCRIPTOR, MAGIC, SIZE, NEWER_API, OTHER_MAJOR, TIME_T, NAME,
	NEED, CYCLE_A, CYCLE_B, CONSTRUCTOR, EXIT, HANG, POINTER, INIT_CRASH,
	INIT_FAILS, SERVICE, LATE, LONGER_TABLE, UNKNOWN_HOOK, EXACT_BUILD,
	SETTING, UNDEFINED, GOOD_A, GOOD_B, KIND,
	CHECK, EXTENSION_NAME, EXTENSION_MAJOR, EXTENSION_REFUSED,
};

struct wrong_settings { const char *wrong_text; };
static const struct cv_setting_def wrong_defs[] = {
	{ CV_SIZED(cv_setting_def), .type = CV_SET_STRING,
	  .offset = FAULT == SETTING ? 64 : 0, .name = "wrong_text",
	  .default_text = "x", .doc = "" },
};

int wrong_nobody_has_this(void);

static volatile int *volatile wrong_address = (volatile int *)8;

__attribute__((constructor))
static void wrong_constructor(void)
{
	if (FAULT == CONSTRUCTOR)
		*wrong_address = 1;
	if (FAULT == EXIT)
		exit(3);
	for (volatile unsigned int n = 0; FAULT == HANG; n++)
		;
}

static struct cv_plugin *wrong_self;

static int wrong_session_opened(struct cv_session_ctx *ctx)
{
	if (FAULT == LATE)
		return cv_on_session_opened(wrong_self, 0,
					    wrong_session_opened, NULL);
	return CV_OK;
}

/* As a header of the next minor might have it. */
struct longer_protocol { struct cv_protocol known; void *news; };
static const struct longer_protocol longer = {
	.known = { .size = sizeof(longer), .name = "longer" },
	.news = (void *)&longer,
};

static int call_service(const struct cv_host *host)
{
	const struct cv_user_api *users = host->service("user", 1);

	return users->name(NULL) == NULL ? CV_OK : CV_E_PERM;
}

/* wrong-good-b may be extended, by wrong-good-a, too. */
static int wrong_service_check(const struct cv_extension *extension,
			       struct cv_error *err)
{
	if (strcmp(extension->name, "wrong-extension-refused") == 0)
		return CV_FAIL(err, CV_E_EXISTS, "there is one of those");
	return CV_OK;
}

static const struct cv_service wrong_service = {
	CV_SIZED(cv_service), .name = "wrong-good-b", .major = 1,
	.table = &longer, .check = wrong_service_check,
};

static const struct cv_extension wrong_extension = {
	CV_SIZED(cv_extension),
	.name = FAULT == EXTENSION_NAME ? "somebody-else" : WRONG_NAME,
	.of = "wrong-good-b", .major = FAULT == EXTENSION_MAJOR ? 2 : 1,
	.table = &longer,
};

static int wrong_extend(const struct cv_host *host, struct cv_plugin *self,
			struct cv_error *err)
{
	if (FAULT == GOOD_B)
		return cv_provide_service(self, &wrong_service, err);
	if (FAULT == GOOD_A &&
	    (host->service("wrong-good-b", 1) == NULL ||
	     host->service("wrong-good-b", 1) == &wrong_service))
		return CV_FAIL(err, CV_E_INTERNAL, "no service");
	if (FAULT == GOOD_A || FAULT >= EXTENSION_NAME)
		return cv_provide_extension(self, &wrong_extension, err);
	return CV_OK;
}

static int wrong_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	cv_api = host;
	wrong_self = self;
	if (FAULT == INIT_CRASH)
		abort();
	if (FAULT == UNDEFINED)
		return wrong_nobody_has_this();
	if (FAULT == SERVICE)
		return call_service(host);
	if (FAULT == LONGER_TABLE)
		return host->provide(self, CV_PROVIDER_PROTOCOL, &longer,
				     err);
	if (FAULT == KIND)
		return host->provide(self, 4711, &longer, err);
	if (FAULT == UNKNOWN_HOOK)
		return host->hook_add(self, 63, 0, (cv_any_fn *)abort, err);
	if (cv_on_session_opened(self, FAULT == GOOD_B ? -1 : 0,
				 wrong_session_opened, err) < 0)
		return CV_E_CONFIG;
	if (wrong_extend(host, self, err) < 0)
		return CV_E_EXISTS;
	if (FAULT == INIT_FAILS &&
	    strcmp(((const struct wrong_settings *)
		    host->settings(self))->wrong_text, "pretty") != 0)
		return CV_FAIL(err, CV_E_CONFIG, "wrong_text is not pretty");
	return CV_OK;
}

static const char *const wrong_needs[] = {
	FAULT == NEED ? "nowhere" : FAULT == CYCLE_A ? "wrong-cycle-b" :
	FAULT == CYCLE_B ? "wrong-cycle-a" : FAULT == GOOD_A ?
	"wrong-good-b" : NULL, NULL,
};

__attribute__((unused))
static void wrong_check(const struct cv_check *check)
{
	if (FAULT == CHECK)
		abort();
	check->warning(check, "", "all is well");
}

#define WRONG_DEFINE(name_, ...) CV_PLUGIN_DEFINE(name_, 0, __VA_ARGS__)

/* Written by hand, as the macro adds the one symbol there should not be. */
#if FAULT_IS_NO_DESCRIPTOR
const struct cv_host *cv_api;
int CV_OWN(_other)(void);
int CV_OWN(_other)(void)
{
	return wrong_init(NULL, NULL, NULL) + wrong_defs[0].type +
		(wrong_needs[0] == NULL);
}
#else
WRONG_DEFINE(FAULT == NAME ? "somebody-else" : WRONG_NAME,
	.version = "1.0", .summary = "one fault",
	.size = FAULT == SIZE ? 24 : sizeof(struct cv_plugin_desc),
	.magic = FAULT == MAGIC ? 0x12345678 : CV_PLUGIN_MAGIC,
	.abi_tag = FAULT == TIME_T ? ((CV_ABI_TAG & ~0xff00u) | 0x0400u) :
		CV_ABI_TAG,
	.api_major = FAULT == OTHER_MAJOR ? CV_API_MAJOR + 1 : CV_API_MAJOR,
	.api_minor = CV_API_MINOR + 7,
	.api_minor_need = FAULT == NEWER_API ? CV_API_MINOR + 7 : 0,
	.flags = FAULT == EXACT_BUILD ? CV_PLUGIN_EXACT_BUILD : 0,
	.build_id = "of another day",
	.needs = FAULT == POINTER ? (const char *const *)16 : wrong_needs,
	.settings = { wrong_defs, FAULT == SETTING || FAULT == INIT_FAILS,
		      sizeof(wrong_defs[0]) },
	.settings_bytes = sizeof(struct wrong_settings),
	.check = wrong_check,
	.init = wrong_init);
#endif
