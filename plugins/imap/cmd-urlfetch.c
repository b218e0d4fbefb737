/* cmd-urlfetch.c - URLFETCH [RFC4467 7], and with parameters for each URL
 * [RFC5524 3].  Whatever is wrong with a URL, the answer to it is NIL. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-urlauth.h"

#include <time.h>

enum {
	URLS_MAX = 1000,	/* in a command */
	/* [RFC4467 10] from so many on that fail, each takes time: the price
	 * of trying, at most ten seconds for a command */
	FAILED_FREE = 10, FAILED_MSECS = 10,
};

struct fetch_url {
	const struct imap_arg *url;
	uint32_t want;			/* enum cv_url_want */
	bool extended;
};

static const struct { const char *name; uint32_t want; } parameters[] = {
	{ "BODYPARTSTRUCTURE", CV_URL_STRUCTURE },
	{ "BINARY", CV_URL_BINARY },
	{ "BODY", CV_URL_BODY },
};

static bool parameter_parse(const struct imap_arg *arg, struct fetch_url *u)
{
	const size_t count = sizeof(parameters) / sizeof(parameters[0]);

	for (size_t i = 0; i < count; i++) {
		if (!imap_arg_is_atom(arg, parameters[i].name))
			continue;
		/* [RFC5524 3.1] none twice, and not BINARY with BODY */
		if (u->want & parameters[i].want)
			return false;
		u->want |= parameters[i].want;
		return (u->want & (CV_URL_BINARY | CV_URL_BODY)) !=
			(CV_URL_BINARY | CV_URL_BODY);
	}
	return false;
}

/* A URL, or "(URL BINARY BODYPARTSTRUCTURE)". */
static bool url_parse(struct imap_cmd *cmd, const struct imap_arg *arg,
		      struct fetch_url *u)
{
	struct imap_args list;

	*u = (struct fetch_url){ .url = arg };
	if (arg->type == IMAP_LIST) {
		list = imap_args_of_list(&cmd->args, arg);
		u->url = imap_args_next(&list);
		if (u->url == NULL)
			return false;
		while ((arg = imap_args_next(&list)) != NULL) {
			u->extended = true;
			if (!parameter_parse(arg, u))
				return false;
		}
	}
	/* [RFC5524 3.1] without any, as one that is not enclosed */
	if (!u->extended)
		u->want = CV_URL_BODY;
	return imap_arg_is_string(u->url);
}

/* --- answering ---------------------------------------------------------------- */

static int send_data(struct imap_session *s, const struct fetch_url *u,
		     struct cv_url_part *part)
{
	bool nul = (u->want & CV_URL_BINARY) != 0 && part->has_nul;
	int code = CV_OK;

	if (part->stream == NULL) {
		cv_text_append_str(&s->out, "NIL");
		return CV_OK;
	}
	/* [RFC5524 5] literal8 only where it is needed */
	cv_text_append_str(&s->out, nul ? "~{" : "{");
	cv_text_append_u64(&s->out, part->length);
	cv_text_append_str(&s->out, "}\r\n");
	imap_flush(s);
	s->counters.fetch_body_count++;
	s->counters.fetch_body_bytes += part->length;
	if (part->length > 0)
		code = imap_connection_api->write_stream(
			s->conn, part->stream, part->length, s->err);
	return code;
}

/* [RFC5524 3.2] */
static int send_part(struct imap_session *s, const struct fetch_url *u,
		     struct cv_url_part *part)
{
	int code = CV_OK;

	if (!u->extended)
		return send_data(s, u, part);
	if (u->want & CV_URL_STRUCTURE) {
		cv_text_append_str(&s->out, "(BODYPARTSTRUCTURE ");
		cv_text_append_span(&s->out, part->structure);
		cv_text_append_c(&s->out, ')');
	}
	if ((u->want & (CV_URL_BINARY | CV_URL_BODY)) == 0)
		return CV_OK;
	if (u->want & CV_URL_STRUCTURE)
		cv_text_append_c(&s->out, ' ');
	cv_text_append_str(&s->out, u->want & CV_URL_BINARY ? "(BINARY " :
			   "(BODY ");
	code = send_data(s, u, part);
	cv_text_append_c(&s->out, ')');
	return code;
}

static void wait_a_little(uint32_t failed)
{
	const struct timespec t = { .tv_nsec = FAILED_MSECS * 1000000L };

	if (failed > FAILED_FREE)
		(void)nanosleep(&t, NULL);
}

/* broken_r: what was announced does not come. */
static int fetch(struct imap_cmd *cmd, const struct fetch_url *u,
		 uint32_t *failed, bool *broken_r)
{
	struct imap_session *s = cmd->s;
	struct cv_url_part part = { CV_SIZED(cv_url_part) };
	int code = imap_mailbox_api->urlauth_open(s->user, u->url->text,
						  u->want, cmd->pool, &part,
						  s->err);

	if (code < 0)
		return code;
	/* others' texts and ours share no dictionary */
	imap_compress_reset(s);
	cv_text_append_str(&s->out, "* URLFETCH ");
	imap_append_string(&s->out, u->url->text);
	cv_text_append_c(&s->out, ' ');
	if (code == CV_NOT_FOUND) {
		cv_text_append_str(&s->out, "NIL");
		wait_a_little(++*failed);
	} else {
		code = send_part(s, u, &part);
		imap_mailbox_api->urlauth_close(&part);
		*broken_r = code < 0;
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return code < 0 ? code : CV_OK;
}

int imap_cmd_urlfetch(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct imap_args args = cmd->args;
	const struct imap_arg *arg;
	struct fetch_url u;
	uint32_t count = 0, failed = 0;
	int first = CV_OK;
	bool broken = false;

	if (!imap_urlauth_offered(s))
		return imap_bad(cmd, "URLAUTH is not available.");
	while ((arg = imap_args_next(&args)) != NULL) {
		if (!url_parse(cmd, arg, &u))
			return imap_bad_arguments(cmd);
		if (++count > URLS_MAX)
			return imap_bad(cmd, "Too many URLs.");
	}
	if (count == 0)
		return imap_bad_arguments(cmd);
	while ((arg = imap_args_next(&cmd->args)) != NULL) {
		int code;

		if (imap_stopping(s))
			return -1;
		(void)url_parse(cmd, arg, &u);
		code = fetch(cmd, &u, &failed, &broken);
		if (broken) {
			imap_bye(s, "FETCH failed.");
			return code;
		}
		if (first == CV_OK && code < 0)
			first = code;
	}
	/* [RFC4467 7] NO: it may go better later */
	return first < 0 ? imap_no_error(cmd, first) :
		imap_ok(cmd, "Urlfetch completed.");
}
