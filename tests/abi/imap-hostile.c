/* imap-hostile.c - a plugin that does to IMAP what none should: answers that
 * are none, failures, names that are taken (-DCLASH='"FETCH"').  The server
 * must stay IMAP; tests/scenario/test_imap_plugins.py. */
#include "cv-imap.h"

static const struct cv_imap_api *imap;

/* A second response, and the end of the session, in one atom. */
static int garbage(struct cv_imap_call *call)
{
	imap->line_begin(call->out);
	imap->put_atom(call->out, CV_SPAN("X\r\n* BYE gone\r\na OK"));
	imap->line_end(call->out);
	return CV_OK;
}

static int texts(struct cv_imap_call *call)
{
	call->response_code = "X] done\r\n* 1 EXPUNGE";
	call->text = "all is well\r\n* BYE gone";
	return CV_OK;
}

static int fails(struct cv_imap_call *call)
{
	return CV_FAIL(call->err, CV_E_INTERNAL, "out of ideas");
}

static int endless(struct cv_imap_call *call)
{
	for (int i = 0; i < 10000000; i++)
		imap->list_begin(call->out);
	return CV_OK;
}

static const struct cv_imap_command commands[] = {
#ifdef CLASH
	{ CLASH, 0, garbage },
#else
	{ "X-GARBAGE", 0, garbage },
	{ "X-TEXTS", 0, texts },
	{ "X-FAILS", 0, fails },
	{ "X-ENDLESS", 0, endless },
#endif
};

#ifndef CLASH
static int tell_garbage(struct cv_imap_call *call)
{
	imap->put_atom(call->out, CV_SPAN("1)\r\n* 2 EXPUNGE\r\n* 1 FETCH (X"));
	return CV_OK;
}

static const struct cv_imap_fetch_item fetch_items[] = {
	{ "X-GARBAGE", 0, NULL, tell_garbage },
	{ "X-FAILS", 0, NULL, fails },
};

static const struct cv_imap_search_key search_keys[] = {
	{ "X-FAILS", 0, 0, NULL, fails, NULL },
};

static const struct cv_imap_status_item status_items[] = {
	{ "X-GARBAGE", 0, tell_garbage },
};

/* NOOP is made an atom with a line break in it. */
static int before(struct cv_imap_call *call)
{
	static const struct cv_imap_arg bad = {
		CV_IMAP_ATOM, 0, 0, { "a\r\nb", 4 },
	};

	if (call->session != NULL && cv_span_is(call->verb, "CHECK")) {
		call->verb = CV_SPAN("SELECT");
		call->args = (struct cv_imap_args){ &bad, 1 };
	}
	return CV_OK;
}
#endif

static const struct cv_imap_extension extension = {
	CV_SIZED(cv_imap_extension),
	.commands = CV_ARRAY(commands),
#ifndef CLASH
	.fetch_items = CV_ARRAY(fetch_items),
	.search_keys = CV_ARRAY(search_keys),
	.status_items = CV_ARRAY(status_items),
	.before = before,
#endif
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	imap = host->service("imap", CV_IMAP_MAJOR);
#ifdef CLASH
	(void)endless;
	(void)texts;
	(void)fails;
#endif
	return cv_imap_extend(self, NAME, &extension, err);
}

static const char *const processes[] = { "imap", NULL };

CV_PLUGIN_DEFINE(NAME, 0,
	.version = "1.0", .license = "MIT",
	.summary = "does to IMAP what no plugin should (a test)",
	.processes = processes, .init = init);
