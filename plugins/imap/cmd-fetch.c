/* cmd-fetch.c - FETCH [RFC3501 6.4.5].
 *
 * The wire forms of ENVELOPE and BODYSTRUCTURE come ready from the mailbox;
 * here they are only copied. */
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-date.h"
#include "imap-enable.h"
#include "imap-extend.h"
#include "imap-fetch.h"
#include "imap-limit.h"
#include "imap-modseq.h"
#include "imap-object-id.h"
#include "imap-qresync.h"
#include "imap-respond.h"
#include "imap-set.h"
#include "imap-sync.h"

enum { FLUSH_AT = 16384 };

struct fetch_run {
	struct imap_cmd *cmd;
	struct imap_fetch fetch;
	bool may_mark_seen;
	struct imap_set_builder seen;	/* those that were not seen before */
	bool gone, failed, unknown_encoding, no_part;
	bool tells_content;		/* what a sender has chosen */
	size_t first_item;		/* where the items of a message begin */
};

static void append_date(struct cv_text *out, int64_t seconds)
{
	char date[IMAP_DATE_LEN];

	imap_date_time_format(date, seconds);
	cv_text_append(out, date, sizeof(date));
}

static void append_thread(struct cv_text *out,
			  const struct cv_message_data *data)
{
	/* [RFC8474 5.2] */
	if (!data->has_thread) {
		cv_text_append_str(out, "THREADID NIL");
		return;
	}
	cv_text_append_str(out, "THREADID (");
	imap_object_id_append(out, IMAP_OBJECT_THREAD, data->thread);
	cv_text_append_c(out, ')');
}

/* The items of extensions. */
static void append_extra(struct imap_session *s, uint8_t item,
			 const struct cv_message_data *data)
{
	struct cv_text *out = &s->out;

	switch (item) {
	case IMAP_FETCH_MODSEQ:
		imap_fetch_modseq(s, data->modseq);
		break;
	case IMAP_FETCH_EMAILID:
		cv_text_append_str(out, "EMAILID (");
		imap_object_id_append(out, IMAP_OBJECT_EMAIL, data->guid);
		cv_text_append_c(out, ')');
		break;
	case IMAP_FETCH_THREADID:
		append_thread(out, data);
		break;
	case IMAP_FETCH_SAVEDATE:
		cv_text_append_str(out, "SAVEDATE ");
		/* [RFC8514 4.2] NIL where nobody knows it */
		if (data->save_date == 0)
			cv_text_append_str(out, "NIL");
		else
			append_date(out, data->save_date);
		break;
	default:
		cv_text_append_str(out, "PREVIEW ");
		/* [RFC8970 3.2] only with LAZY */
		if (data->preview.data == NULL)
			cv_text_append_str(out, "NIL");
		else
			imap_append_string(out, data->preview);
		break;
	}
}

static void append_item(struct imap_session *s, uint8_t item,
			const struct cv_message_data *data)
{
	struct cv_text *out = &s->out;

	switch (item) {
	case IMAP_FETCH_UID:
		cv_text_append(out, "UID ", 4);
		cv_text_append_u64(out, data->uid);
		break;
	case IMAP_FETCH_FLAGS:
		cv_text_append(out, "FLAGS ", 6);
		imap_append_flags(out, imap_flags_told(s, data->flags),
				  &data->keywords);
		break;
	case IMAP_FETCH_INTERNALDATE:
		cv_text_append(out, "INTERNALDATE ", 13);
		append_date(out, data->internal_date);
		break;
	case IMAP_FETCH_SIZE:
		cv_text_append(out, "RFC822.SIZE ", 12);
		cv_text_append_u64(out, data->size_bytes);
		break;
	case IMAP_FETCH_ENVELOPE:
		cv_text_append(out, "ENVELOPE ", 9);
		cv_text_append_span(out, data->envelope);
		break;
	case IMAP_FETCH_BODY:
		cv_text_append(out, "BODY ", 5);
		cv_text_append_span(out, data->body);
		break;
	case IMAP_FETCH_BODYSTRUCTURE:
		cv_text_append(out, "BODYSTRUCTURE ", 14);
		cv_text_append_span(out, data->bodystructure);
		break;
	default:
		append_extra(s, item, data);
		break;
	}
}

/* Negative when the message cannot be read. */
static int check_annotation(struct fetch_run *run, uint32_t seq,
			    const struct cv_message_data *data)
{
	int code = run->fetch.annotation == NULL ? CV_OK :
		imap_annotation_item_check(run->cmd->s, seq,
					   run->fetch.annotation, data);

	run->no_part = run->no_part || code == CV_NOT_FOUND;
	return code < 0 ? code : CV_OK;
}

/* Nothing, not even the space before it, when there are none. */
static void append_annotations(struct cv_text *out,
			       const struct imap_fetch *fetch,
			       const struct cv_message_data *data,
			       size_t before)
{
	size_t start = out->len;

	imap_annotation_item_append(out, fetch->annotation, data);
	if (out->len == start)
		out->len = before;
}

/* "* 5 FETCH (UID 9 FLAGS (\Seen)" */
static void append_items(struct fetch_run *run,
			 const struct cv_message_data *data, bool newly_seen)
{
	struct imap_session *s = run->cmd->s;
	struct cv_text *out = &s->out;
	const struct imap_fetch *fetch = &run->fetch;
	bool has_flags = false;

	imap_fetch_begin(s, data->seq, data->uid);
	run->first_item = out->len;
	for (uint32_t i = 0; i < fetch->item_count; i++) {
		size_t before = out->len;

		if (before > run->first_item)
			cv_text_append_c(out, ' ');
		if (fetch->items[i] == IMAP_FETCH_ANNOTATION)
			append_annotations(out, fetch, data, before);
		else
			append_item(s, fetch->items[i], data);
		has_flags = has_flags || fetch->items[i] == IMAP_FETCH_FLAGS;
	}
	/* [RFC3501 6.4.5] a changed \Seen is told with what changed it, but
	 * not before its mod-sequence is known */
	if (newly_seen && !has_flags &&
	    !imap_enabled(s, IMAP_ENABLED_CONDSTORE)) {
		if (out->len > run->first_item)
			cv_text_append_c(out, ' ');
		append_item(s, IMAP_FETCH_FLAGS, data);
	}
}

/* A message that cannot be read: negative when the session ends at once. */
static int fetch_failed(struct fetch_run *run, uint32_t seq, int code)
{
	struct imap_session *s = run->cmd->s;

	/* all of the mailbox is gone: the sync after this command says so */
	if (code == CV_E_NOT_FOUND) {
		run->gone = true;
		return 0;
	}
	cv_api->log(imap_self, CV_LOG_ERROR, "FETCH: message %u: %s", seq,
		    cv_api->error_text(s->err));
	run->failed = true;
	if (s->set->imap_fetch_failure != IMAP_FETCH_DISCONNECT_IMMEDIATELY)
		return 0;
	imap_bye(s, "FETCH failed: a message could not be read.");
	return code;
}

static int send_bodies(struct fetch_run *run, uint32_t seq, size_t start)
{
	struct imap_session *s = run->cmd->s;
	bool first = s->out.len == run->first_item;

	if (!first && run->fetch.body_count == 0)
		return CV_OK;
	for (uint32_t i = 0; i < run->fetch.body_count; i++) {
		int code = imap_fetch_send_body(s, seq, &run->fetch.bodies[i],
						first);

		if (code >= 0) {
			first = false;
			continue;
		}
		if (imap_connection_api->failed(s->conn))
			return code;
		if (code == CV_E_UNSUPPORTED) {
			run->unknown_encoding = true;
			continue;
		}
		/* before the first literal nothing has left yet: it is as if
		 * never begun; later the response ends without the rest */
		if (i == 0)
			s->out.len = start;
		else
			cv_text_append(&s->out, ")\r\n", 3);
		return fetch_failed(run, seq, code) < 0 ? CV_E_TEMP :
			CV_DECLINED;
	}
	if (!first)
		return CV_OK;
	/* none of what was asked for could be told */
	s->out.len = start;
	return CV_DECLINED;
}

static int fetch_message(struct fetch_run *run, uint32_t seq,
			 struct cv_message_data *data)
{
	struct imap_session *s = run->cmd->s;
	bool newly_seen;
	size_t start;
	int code;

	if (run->tells_content)
		imap_compress_reset(s);
	start = s->out.len;
	code = imap_mailbox_api->message(s->box, seq,
		run->fetch.message_items, data, s->err);

	if (code == CV_NOT_FOUND) {
		run->gone = true;
		return 0;
	}
	if (code == CV_OK)
		code = check_annotation(run, seq, data);
	if (code < 0)
		return fetch_failed(run, seq, code);
	data->seq = seq;
	newly_seen = run->may_mark_seen && (data->flags & CV_FLAG_SEEN) == 0;
	if (newly_seen)
		data->flags |= CV_FLAG_SEEN;
	append_items(run, data, newly_seen);
	imap_extend_fetch_tell(run->cmd, &run->fetch, data,
			       s->out.len == run->first_item);
	code = send_bodies(run, seq, start);
	if (code != CV_OK)
		return code < 0 ? code : 0;
	cv_text_append(&s->out, ")\r\n", 3);
	if (newly_seen)
		imap_set_add(&run->seen, seq);
	if (s->out.len > FLUSH_AT)
		imap_flush(s);
	return 0;
}

static int mark_seen(struct fetch_run *run)
{
	struct imap_session *s = run->cmd->s;
	struct cv_store_request request = { CV_SIZED(cv_store_request),
		.seqs = imap_set_built(&run->seen), .change = CV_FLAGS_ADD,
		.flags = CV_FLAG_SEEN, .silent = true,
		.unchanged_since = UINT64_MAX };
	int code;

	if (request.seqs.count == 0)
		return CV_OK;
	/* [RFC7162 3.2.4] */
	if (imap_enabled(s, IMAP_ENABLED_CONDSTORE))
		run->cmd->report = request.seqs;
	imap_contexts_touch(s, request.seqs);
	code = imap_mailbox_api->store(s->box, &request, run->cmd->pool, NULL,
				       s->err);
	if (code != CV_E_NO_SPACE)
		return code;
	/* a full disk keeps nobody from reading; that they are not seen after
	 * all is told behind */
	cv_api->log(imap_self, CV_LOG_WARNING, "FETCH: messages stay unseen: "
		    "%s", cv_api->error_text(s->err));
	run->cmd->report = request.seqs;
	return CV_OK;
}

static int finish(struct fetch_run *run)
{
	struct imap_cmd *cmd = run->cmd;
	int code = mark_seen(run);

	if (code < 0)
		return imap_no_error(cmd, code);
	if (run->failed && cmd->s->set->imap_fetch_failure ==
	    IMAP_FETCH_DISCONNECT_AFTER) {
		imap_bye(cmd->s, "FETCH failed: a message could not be "
			 "read.");
		return CV_E_TEMP;
	}
	if (run->failed)
		return imap_no(cmd, "[SERVERBUG] Some messages could not be "
			       "read.");
	if (run->no_part)
		/* [RFC5257 3.2.1] what the other messages have was told */
		return imap_bad(cmd, "A message does not have this part.");
	if (run->unknown_encoding)
		/* [RFC3516 4.3] */
		return imap_no(cmd, "[UNKNOWN-CTE] Some parts have a transfer "
			       "encoding that is not known.");
	/* [RFC2180 4.1.2], [RFC5530 3] */
	if (cmd->reply != IMAP_REPLY_NONE)	/* that of a plugin */
		return 0;
	if (run->gone)
		return imap_no(cmd, "[EXPUNGEISSUED] Some of the requested "
			       "messages no longer exist.");
	return imap_ok(cmd, "Fetch completed.");
}

/* The modifiers choose among the messages; negative when that fails. */
static int choose(struct imap_cmd *cmd, const struct imap_fetch *fetch,
		  struct cv_set uids, struct cv_set *seqs)
{
	int code = CV_OK;

	/* [RFC7162 3.2.6] before any FETCH response */
	if (fetch->vanished)
		code = imap_vanished_earlier_send(cmd, fetch->changed_since,
						  &uids, 0);
	/* [RFC9394 3.4] first the range, then those that have changed */
	if (fetch->partial)
		*seqs = imap_partial_cut(cmd->pool, *seqs, &fetch->range);
	if (code >= 0 && fetch->changed)
		code = imap_changed_since(cmd, fetch->changed_since, seqs);
	return code;
}

static void prepare(struct fetch_run *run)
{
	struct imap_session *s = run->cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	if (run->fetch.marks_seen && !s->readonly) {
		imap_mailbox_api->state(s->box, &state);
		run->may_mark_seen = (state.permanent_flags & CV_FLAG_SEEN) !=
			0;
		if (run->may_mark_seen)
			run->fetch.message_items |= CV_MESSAGE_KEYWORDS;
	}
	run->tells_content = run->fetch.body_count > 0 ||
		run->fetch.extended_count > 0 ||
		(run->fetch.message_items &
		 ~(uint32_t)(CV_MESSAGE_KEYWORDS | CV_MESSAGE_SIZE)) != 0;
}

int imap_fetch_messages(struct imap_cmd *cmd, const struct imap_fetch *fetch,
			struct cv_set seqs)
{
	struct imap_session *s = cmd->s;
	struct fetch_run run = { .cmd = cmd, .fetch = *fetch,
				 .seen = { .pool = cmd->pool } };
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	int code = 0;

	prepare(&run);
	for (uint32_t i = 0; i < seqs.count && code >= 0; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last && code >= 0; n++) {
			code = fetch_message(&run, (uint32_t)n, &data);
			if (imap_connection_api->failed(s->conn))
				code = CV_E_TEMP;
		}
	}
	imap_flush(s);
	if (code < 0) {
		(void)mark_seen(&run);
		return code;
	}
	return finish(&run);
}

int imap_cmd_fetch(struct imap_cmd *cmd)
{
	struct imap_fetch fetch = { .item_count = 0 };
	struct imap_args args = cmd->args;
	struct cv_set seqs, uids = { NULL, 0 };
	int code;

	if (!imap_messages_arg(cmd, &seqs) ||
	    !imap_fetch_parse(cmd, &fetch) ||
	    (fetch.vanished &&
	     !imap_messages_parse(cmd, imap_args_next(&args)->text, true,
				  &uids)))
		return 0;
	if (fetch.partial &&
	    !imap_limit_range(cmd, fetch.range.first, fetch.range.last))
		return 0;
	if (!fetch.partial)
		imap_limit_cut(cmd, &seqs);
	code = choose(cmd, &fetch, uids, &seqs);
	if (code < 0)
		return imap_no_error(cmd, code);
	return imap_fetch_messages(cmd, &fetch, seqs);
}
