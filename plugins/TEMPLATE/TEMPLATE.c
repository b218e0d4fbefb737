/* TEMPLATE - the smallest plugin that does something: it logs each message
 * that is stored.  Copy this folder, replace TEMPLATE by your name.
 *
 *	mail_plugins = $mail_plugins TEMPLATE
 *	plugin {
 *		template_text = a new message
 *	}
 *
 * Out of this tree, CV_PLUGIN being the file's name with '_' for '-':
 *
 *	cc -shared -fPIC -DCV_PLUGIN=TEMPLATE \
 *		$(pkg-config --cflags culver-plugin) \
 *		-o TEMPLATE.so TEMPLATE.c
 *	culveradm plugin check ./TEMPLATE.so */
#include "cv-plugin.h"

/* --- settings: a struct, and a table that says how it is filled ---------- */

struct template_settings {
	const char *template_text;
};

static const struct cv_setting_def template_setting_defs[] = {
	CV_SETTING(template_settings, template_text, CV_SET_STRING,
		"message stored", NULL, CV_SET_PLUGIN_BLOCK,
		"What TEMPLATE writes into the log for each message."),
};

/* --- what it does ---------------------------------------------------------- */

static struct cv_plugin *template_self;

static int template_message_stored(struct cv_message_ctx *ctx)
{
	const struct template_settings *set = cv_api->settings(template_self);

	cv_api->log(template_self, CV_LOG_INFO, "%s: %s/%u",
		    set->template_text, ctx->mailbox_name, ctx->uid);
	return CV_OK;
}

/* --- the frame ---------------------------------------------------------------- */

/* Runs once in each process, and only registers. */
static int template_init(const struct cv_host *host, struct cv_plugin *self,
			 struct cv_error *err)
{
	cv_api = host;
	template_self = self;
	return cv_on_message_stored(self, CV_PRIO_OBSERVER,
				    template_message_stored, err);
}

static const char *const template_processes[] = {
	"imap", "lmtp", "deliver", NULL,
};

CV_PLUGIN_DEFINE("TEMPLATE", 0,
	.version = "1.0", .license = "MIT",
	.summary = "logs each stored message; a beginning for your own",
	.processes = template_processes,
	.settings = CV_ARRAY(template_setting_defs),
	.settings_bytes = sizeof(struct template_settings),
	.init = template_init);
