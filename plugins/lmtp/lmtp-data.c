/* lmtp-data.c - DATA and BDAT: receive, deliver, one reply a recipient. */
#include "lmtp.h"
#include "lmtp-relay.h"

/* The reply for one recipient [RFC2033 4.2], [RFC3463]. */
static const char *result_reply(struct lmtp_session *l,
				const struct cv_recipient *recipient,
				const struct cv_delivery_result *result)
{
	static const struct { int status; const char *code, *text; } rows[] = {
		{ CV_E_PERM, "554 5.2.0", "Delivery refused" },
		{ CV_E_DENIED, "550 5.7.1", "Delivery refused" },
		{ CV_E_LIMIT, "552 5.2.0", "A limit was reached" },
		{ CV_E_QUOTA, "552 5.2.2", "Mailbox is full" },
		{ CV_E_NO_SPACE, "452 4.3.1", "Insufficient system storage" },
		{ CV_E_NOT_FOUND, "550 5.1.1", "No such user" },
		{ CV_E_TIMEOUT, "451 4.4.1", "Timed out, try again later" },
	};
	const char *code = "451 4.3.0", *text = "Temporary failure";
	struct cv_text reply;

	cv_text_init(&reply, l->pool);
	if (result->status == CV_OK) {
		cv_text_append_f(&reply, "250 2.0.0 <%s> %s Saved",
				 recipient->address,
				 lmtp_sess->id(l->session));
		return cv_text_str(&reply);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].status == result->status) {
			code = rows[i].code;
			text = rows[i].text;
		}
	}
	cv_text_append_f(&reply, "%s <%s> %s", code, recipient->address,
			 result->text[0] != '\0' ? result->text : text);
	return cv_text_str(&reply);
}

static void make_request(struct lmtp_session *l,
			 const struct cv_recipient *recipient,
			 struct cv_delivery_request *request_r)
{
	struct cv_text header;

	cv_text_init(&header, l->pool);
	lmtp_header(l, recipient, &header);
	*request_r = (struct cv_delivery_request){
		CV_SIZED(cv_delivery_request),
		.recipient = recipient, .sender = l->sender,
		.original_recipient = "", .header = cv_text_span(&header),
		.mailbox_name = l->set->lmtp_save_to_detail_mailbox &&
			recipient->detail[0] != '\0' ?
			recipient->detail : NULL,
	};
}

/* Those whose mail is here. */
static void deliver_here(struct lmtp_session *l, struct cv_incoming *incoming)
{
	struct lmtp_recipients *all = &l->recipients;
	struct cv_delivery_request *requests =
		CV_ALLOC_ARRAY(l->pool, struct cv_delivery_request,
			       all->count);
	struct cv_delivery_result *results =
		CV_ALLOC_ARRAY(l->pool, struct cv_delivery_result, all->count);
	uint32_t count = 0;

	for (uint32_t i = 0; i < all->count; i++) {
		if (all->items[i].backend != NULL)
			continue;
		make_request(l, all->items[i].recipient, &requests[count]);
		results[count++].size = sizeof(*results);
	}
	if (count > 0)
		lmtp_delivery->deliver(l->session, incoming, requests, count,
				       results);
	count = 0;
	for (uint32_t i = 0; i < all->count; i++) {
		struct lmtp_recipient *r = &all->items[i];

		if (r->backend == NULL)
			r->reply = result_reply(l, r->recipient,
						&results[count++]);
	}
}

static void deliver_all(struct lmtp_session *l, struct cv_incoming *incoming)
{
	/* other servers keep it while we do */
	lmtp_relay_send(l, incoming);
	deliver_here(l, incoming);
	lmtp_relay_wait(l);
	for (uint32_t i = 0; i < l->recipients.count; i++)
		lmtp_reply(l, "%s", l->recipients.items[i].reply);
}

/* [RFC2033 4.2] also a failure of the whole message has one reply for each
 * recipient. */
static void refuse_all(struct lmtp_session *l, struct cv_error *err)
{
	bool large = cv_api->error_code(err) == CV_E_LIMIT;

	for (uint32_t i = 0; i < l->recipients.count; i++)
		lmtp_reply(l, large ? "552 5.3.4 Message is too large" :
			   "452 4.3.1 Insufficient system storage");
}

/* Reads content to its end.  CV_OK, a failure of the message (the end was
 * reached all the same: *ended_r), or of the connection. */
static int receive_dotted(struct lmtp_session *l, struct cv_incoming *incoming,
			  bool *ended_r, struct cv_error *err)
{
	for (;;) {
		struct cv_span in = lmtp_conn->peek(l->conn), rest = in;
		int status = CV_OK;

		if (in.len > 0) {
			status = lmtp_delivery->incoming_data(incoming, &rest,
							      err);
			lmtp_conn->skip(l->conn, in.len - rest.len);
		}
		if (status != CV_OK) {
			*ended_r = true;
			return status == CV_EOF ? CV_OK : status;
		}
		status = lmtp_conn->fill(l->conn, 128 * 1024,
					 LMTP_TIMEOUT_MSECS, err);
		if (status != CV_OK)
			return status;
	}
}

int lmtp_data(struct lmtp_session *l, struct cv_error *err)
{
	struct cv_incoming *incoming;
	bool ended = false;
	int status;

	if (lmtp_delivery->incoming_open(l->session, l->pool,
			l->set->lmtp_max_message_size, &incoming, err) < 0) {
		cv_api->log(lmtp_self, CV_LOG_ERROR, "%s", cv_api->error_text(err));
		lmtp_reply(l, "452 4.3.1 Insufficient system storage");
		return CV_OK;
	}
	lmtp_reply(l, "354 OK");
	status = receive_dotted(l, incoming, &ended, err);
	if (!ended) {
		/* the client is gone in the middle: nothing was promised,
		 * nothing is kept */
		lmtp_delivery->incoming_close(&incoming);
		return status;
	}
	if (status == CV_OK)
		deliver_all(l, incoming);
	else
		refuse_all(l, err);
	lmtp_delivery->incoming_close(&incoming);
	lmtp_reset(l);
	return CV_OK;
}

/* Reads len bytes into incoming (NULL: throws them away). */
static int receive_chunk(struct lmtp_session *l, struct cv_incoming *incoming,
			 uint64_t len, struct cv_error *err)
{
	while (len > 0) {
		struct cv_span in = lmtp_conn->peek(l->conn);
		int status;

		if (in.len > len)
			in.len = (size_t)len;
		if (in.len > 0) {
			if (incoming != NULL && lmtp_delivery->incoming_write(
					incoming, in, err) < 0)
				l->incoming_failed = true;
			lmtp_conn->skip(l->conn, in.len);
			len -= in.len;
			continue;
		}
		status = lmtp_conn->fill(l->conn, 128 * 1024,
					 LMTP_TIMEOUT_MSECS, err);
		if (status != CV_OK)
			return status;
	}
	return CV_OK;
}

/* [RFC3030 2] "BDAT" chunk-size [ "LAST" ] */
static bool parse_chunk(struct cv_span args, uint64_t *len_r, bool *last_r)
{
	struct cv_span word, rest = args;

	*last_r = false;
	if (!cv_span_split(&rest, ' ', &word) ||
	    !cv_span_to_u64(word, UINT64_MAX / 2, len_r))
		return false;
	if (rest.data == NULL)
		return true;
	*last_r = true;
	return cv_span_is_icase(rest, "LAST");
}

static void chunk_end(struct lmtp_session *l, uint64_t len, bool last,
		      struct cv_error *err)
{
	if (l->recipients.count == 0) {
		lmtp_reply(l, "503 5.5.1 No recipients");
		lmtp_reset(l);
	} else if (!last) {
		if (l->incoming_failed)
			lmtp_reply(l, "552 5.3.4 Message is too large");
		else
			lmtp_reply(l, "250 2.0.0 %llu octets received",
				   (unsigned long long)len);
	} else {
		if (l->incoming_failed)
			refuse_all(l, err);
		else
			deliver_all(l, l->incoming);
		lmtp_delivery->incoming_close(&l->incoming);
		lmtp_reset(l);
	}
}

int lmtp_bdat(struct lmtp_session *l, struct cv_span args,
	      struct cv_error *err)
{
	uint64_t len;
	bool last;
	int status;

	if (!parse_chunk(args, &len, &last)) {
		/* where the next command begins cannot be known any more */
		lmtp_reply(l, "501 5.5.4 Malformed chunk size, closing");
		l->quit = true;
		return CV_OK;
	}
	if (len > l->set->lmtp_max_message_size) {
		lmtp_reply(l, "552 5.3.4 Chunk is too large, closing");
		l->quit = true;
		return CV_OK;
	}
	if (l->recipients.count > 0 && l->incoming == NULL &&
	    lmtp_delivery->incoming_open(l->session, l->pool,
			l->set->lmtp_max_message_size, &l->incoming, err) < 0) {
		cv_api->log(lmtp_self, CV_LOG_ERROR, "%s", cv_api->error_text(err));
		l->incoming_failed = true;
	}
	status = receive_chunk(l, l->incoming, len, err);
	if (status != CV_OK)
		return status;
	chunk_end(l, len, last, err);
	return CV_OK;
}
