/* imap-push.c - XAPPLEPUSHSERVICE as a plugin outside of the tree: a client
 * names a device and mailboxes, and is told of what comes in there.  This one
 * writes a line into the log where a real one would wake its push daemon.
 *
 * Registrations are annotations of the user's own, so that they outlive the
 * session, and those who deliver find them; nobody can register a device for
 * another user's mail. */
#include "cv-imap.h"

static const struct cv_imap_api *imap;
static const struct cv_mailbox_api *mail;
static struct cv_plugin *plugin;

#define ENTRY "/private/vendor/apple-push/"

/* A name of an annotation is made of it. */
static bool is_token(struct cv_span token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (strchr("0123456789abcdefABCDEF", token.data[i]) == NULL ||
		    token.data[i] == '\0')
			return false;
	}
	return token.len > 0 && token.len <= 200;
}

/* The names of the list, a line each: "\nINBOX\nNotes\n".  Whether there are
 * such mailboxes is not said. */
static int mailboxes(struct cv_imap_call *call, struct cv_imap_args *args,
		     struct cv_text *names)
{
	struct cv_imap_args list;
	const char *name;
	int code = imap->list(call, args, &list);

	cv_text_append_c(names, '\n');
	while (code >= 0 && list.count > 0) {
		code = imap->mailbox(call, &list, &name);
		if (code < 0)
			break;
		cv_text_append_str(names, name);
		cv_text_append_c(names, '\n');
	}
	return code;
}

static int wrong(struct cv_imap_call *call, const char *text)
{
	int code = CV_FAIL(call->err, CV_E_SYNTAX, "%s", text);

	(void)cv_api->error_set_client(call->err, "%s", text);
	return code;
}

/* XAPPLEPUSHSERVICE aps-version 2 aps-account-id ID aps-device-token HEX
 * aps-subtopic com.apple.mobilemail mailboxes (NAME ...) */
static int push(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	struct cv_span word, value, token = CV_SPAN("");
	struct cv_text names, entry;
	struct cv_metadata row;
	int code = CV_OK;

	cv_text_init(&names, call->pool);
	while (code >= 0 && args.count > 0) {
		code = imap->string(call, &args, &word);
		if (code >= 0 && cv_span_is_icase(word, "mailboxes"))
			code = mailboxes(call, &args, &names);
		else if (code >= 0)
			code = imap->string(call, &args, &value);
		if (code >= 0 && cv_span_is_icase(word, "aps-device-token"))
			token = value;
	}
	if (code < 0)
		return code;
	if (!is_token(token))
		return wrong(call, "aps-device-token is missing, or not "
			     "hexadecimal.");
	cv_text_init(&entry, call->pool);
	cv_text_append_str(&entry, ENTRY);
	cv_text_append_span(&entry, token);
	row.entry = cv_text_span(&entry);
	row.value = cv_text_span(&names);
	code = mail->metadata_set(call->user, "", &row, 1, call->err);
	if (code < 0)
		return code;
	imap->line_begin(call->out);
	imap->put_atom(call->out, CV_SPAN("XAPPLEPUSHSERVICE"));
	imap->put_atom(call->out, CV_SPAN("aps-version"));
	imap->put_string(call->out, CV_SPAN("2"));
	imap->put_atom(call->out, CV_SPAN("aps-topic"));
	imap->put_string(call->out, CV_SPAN("com.example.mail"));
	imap->line_end(call->out);
	return CV_OK;
}

/* --- what comes in: by LMTP, APPEND, COPY and MOVE ------------------------- */

static bool has_line(struct cv_span lines, const char *line)
{
	struct cv_span one;

	while (cv_span_split(&lines, '\n', &one)) {
		if (cv_span_is(one, line))
			return true;
	}
	return false;
}

static int stored(struct cv_message_ctx *ctx)
{
	struct cv_pool *pool = cv_api->pool_create("imap-push");
	struct cv_error *err = cv_api->error_new(pool);
	struct cv_metadata *rows;
	uint32_t count = 0;

	/* whoever delivers, it is the user's mail and the user's annotation */
	if (mail == NULL || mail->metadata_list(ctx->user, "", pool, &rows,
						&count, err) < 0)
		count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (cv_span_begins(rows[i].entry, CV_SPAN(ENTRY)) &&
		    has_line(rows[i].value, ctx->mailbox_name))
			cv_api->log(plugin, CV_LOG_INFO, "push to %.*s: %s/%u",
				    CV_SPAN_ARG(cv_span_skip(rows[i].entry,
						sizeof(ENTRY) - 1)),
				    ctx->mailbox_name, ctx->uid);
	}
	cv_api->pool_destroy(&pool);
	return CV_OK;
}

/* --- the frame ------------------------------------------------------------- */

static const struct cv_imap_command commands[] = {
	{ "XAPPLEPUSHSERVICE", 0, push },
};
static const struct cv_imap_capability capabilities[] = {
	{ "XAPPLEPUSHSERVICE", CV_IMAP_AFTER_LOGIN, NULL },
};
static const struct cv_imap_extension extension = {
	CV_SIZED(cv_imap_extension),
	.commands = CV_ARRAY(commands),
	.capabilities = CV_ARRAY(capabilities),
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int code;

	cv_api = host;
	plugin = self;
	imap = host->service("imap", CV_IMAP_MAJOR);
	mail = host->service("mailbox", 1);
	code = cv_imap_extend(self, "imap-push", &extension, err);
	return code < 0 ? code :
		cv_on_message_stored(self, CV_PRIO_OBSERVER, stored, err);
}

static const char *const processes[] = { "imap", "lmtp", "deliver", NULL };

CV_PLUGIN_DEFINE("imap-push", 0,
	.version = "1.0", .license = "MIT",
	.summary = "XAPPLEPUSHSERVICE: devices are told of new mail",
	.processes = processes, .init = init);
