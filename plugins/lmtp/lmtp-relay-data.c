/* lmtp-relay-data.c - gives the message to all other servers at a time, and
 * collects their answers [RFC2033 4.2].
 *
 * Nothing waits but one poll; each server has its own time. */
#include "lmtp-relay.h"

#include <poll.h>

/* --- answers ------------------------------------------------------------------ */

static void log_result(const struct lmtp_backend *b,
		       const struct cv_recipient *r, const char *reply)
{
	cv_api->log(lmtp_self, CV_LOG_INFO, "proxy to %s:%u: <%s>: %s",
		    b->relay->host, b->relay->port, r->address, reply);
}

/* The next recipient's; in SMTP all of them have one. */
static void take_answer(struct lmtp_session *l, struct lmtp_backend *b)
{
	const char *reply = lmtp_answer_reply(&b->answer, l->pool);

	for (uint32_t i = 0; i < l->recipients.count; i++) {
		struct lmtp_recipient *r = &l->recipients.items[i];

		if (r->backend != b || r->reply != NULL)
			continue;
		r->reply = reply;
		log_result(b, r->recipient, reply);
		b->answered++;
		if (!b->is_smtp)
			break;
	}
	if (b->answered < b->accepted)
		return;
	(void)lmtp_client->write_now(b->far, "QUIT\r\n", 6, &b->events);
	lmtp_client->close(&b->far);
	b->state = LMTP_BACKEND_OVER;
}

static void wait_from_now(struct lmtp_backend *b, uint64_t msecs)
{
	b->deadline = cv_api->monotonic_msecs() + msecs;
}

/* A whole answer has come. */
static void answered(struct lmtp_session *l, struct lmtp_backend *b)
{
	if (b->state == LMTP_BACKEND_SENT) {
		take_answer(l, b);
	} else if (b->state == LMTP_BACKEND_ASKED && b->answer.code == 354) {
		b->state = LMTP_BACKEND_SENDING;
		wait_from_now(b, b->relay->silence_msecs);
	} else if (b->answer.code / 100 == 2) {
		lmtp_relay_fail(l, b, "451 4.3.0 Temporary failure",
				"it accepts what was not sent yet");
	} else {
		/* it refuses the message, for all */
		lmtp_relay_fail(l, b, lmtp_answer_reply(&b->answer, l->pool),
				b->answer.text);
	}
	b->answer = (struct lmtp_answer){ 0 };
}

/* Lines that are there; what is too long for the buffer is cut. */
static void take_lines(struct lmtp_session *l, struct lmtp_backend *b)
{
	size_t at = 0;
	const char *lf;

	while (b->far != NULL &&
	       (lf = memchr(b->in + at, '\n', b->in_len - at)) != NULL) {
		size_t len = (size_t)(lf - b->in) - at;
		int status;

		if (len > 0 && lf[-1] == '\r')
			len--;
		status = lmtp_answer_line(&b->answer, cv_span(b->in + at,
							      len));
		at = (size_t)(lf - b->in) + 1;
		if (status == CV_OK)
			answered(l, b);
		else if (status != CV_NOT_FOUND)
			lmtp_relay_fail(l, b, "451 4.3.0 Temporary failure",
					"its answer is none");
	}
	b->in_len -= at;
	memmove(b->in, b->in + at, b->in_len);
	if (b->in_len == sizeof(b->in))
		b->in_len = LMTP_ANSWER_TEXT;
}

/* --- bytes ------------------------------------------------------------------------ */

/* False: nothing more can be read now. */
static bool read_some(struct lmtp_session *l, struct lmtp_backend *b)
{
	ssize_t n = lmtp_client->read_now(b->far, b->in + b->in_len,
					  sizeof(b->in) - b->in_len,
					  &b->events);

	if (n == 0)
		lmtp_relay_fail(l, b, "451 4.4.2 The server of this user has "
				"broken off", "it closed the connection");
	if (n <= 0)
		return false;
	b->in_len += (size_t)n;
	take_lines(l, b);
	return b->far != NULL;
}

/* False: nothing more can be written now, or there is nothing. */
static bool write_some(struct lmtp_session *l, struct lmtp_backend *b)
{
	short events = 0;
	ssize_t n;

	if (b->out_at == b->out_len && b->state == LMTP_BACKEND_SENDING) {
		b->out_at = 0;
		b->out_len = lmtp_stuffer_next(&b->stuffer, b->out,
					       sizeof(b->out));
	}
	if (b->out_at == b->out_len)
		return false;
	n = lmtp_client->write_now(b->far, b->out + b->out_at,
				   b->out_len - b->out_at, &events);
	b->events |= events;
	if (n == 0)
		lmtp_relay_fail(l, b, "451 4.4.2 The server of this user has "
				"broken off", "it takes nothing more");
	if (n <= 0)
		return false;
	b->out_at += (size_t)n;
	wait_from_now(b, b->relay->silence_msecs);
	if (b->out_at == b->out_len && b->stuffer.ended) {
		b->state = LMTP_BACKEND_SENT;
		wait_from_now(b, l->set->lmtp_proxy_data_timeout);
	}
	return true;
}

/* As far as it goes without waiting. */
static void advance(struct lmtp_session *l, struct lmtp_backend *b)
{
	bool more = true;

	while (more && b->state != LMTP_BACKEND_OVER) {
		b->events = 0;
		more = read_some(l, b);
		if (b->state != LMTP_BACKEND_OVER)
			more = write_some(l, b) || more;
	}
}

static void check_time(struct lmtp_session *l, struct lmtp_backend *b,
		       uint64_t now)
{
	if (b->state != LMTP_BACKEND_OVER && now >= b->deadline)
		lmtp_relay_fail(l, b, "451 4.4.1 The server of this user does "
				"not answer", b->state == LMTP_BACKEND_SENT ?
				"no answer to the message; if it was kept, it "
				"will be there twice" : "no answer to DATA");
}

/* Until each has got as far as that, or has failed. */
static void run_until(struct lmtp_session *l, enum lmtp_backend_state state)
{
	struct pollfd fds[LMTP_BACKENDS_MAX];
	struct lmtp_backend *b;
	uint64_t now, next;
	nfds_t count;
	bool more;

	for (;;) {
		count = 0;
		now = cv_api->monotonic_msecs();
		next = now + 60000;
		for (b = l->backends; b != NULL; b = b->next) {
			if (b->state < state)
				advance(l, b);
			if (b->state < state)
				check_time(l, b, now);
			if (b->state >= state)
				continue;
			fds[count++] = (struct pollfd){
				lmtp_client->descriptor(b->far, &more),
				b->events, 0,
			};
			next = b->deadline < next ? b->deadline : next;
		}
		if (count == 0)
			return;
		/* a signal: what is under way is finished */
		(void)poll(fds, count, next > now ? (int)(next - now) : 0);
	}
}

/* --- the message -------------------------------------------------------------------- */

static const char *only_recipient(const struct lmtp_session *l,
				  const struct lmtp_backend *b)
{
	for (uint32_t i = 0; i < l->recipients.count; i++) {
		if (l->recipients.items[i].backend == b)
			return b->accepted > 1 ? NULL :
				l->recipients.items[i].recipient->address;
	}
	return NULL;
}

static void begin(struct lmtp_session *l, struct lmtp_backend *b,
		  struct cv_span content)
{
	struct cv_error *err = cv_api->error_new(l->pool);
	struct cv_text header;

	if (lmtp_client->begin_now(b->far, err) != CV_OK) {
		lmtp_relay_fail(l, b, "451 4.3.0 Temporary failure",
				cv_api->error_text(err));
		return;
	}
	cv_text_init(&header, l->pool);
	lmtp_header_relay(l, only_recipient(l, b), &header);
	b->stuffer = (struct lmtp_stuffer){
		.parts = { cv_text_span(&header), content },
		.line_start = true,
	};
	b->state = LMTP_BACKEND_ASKED;
	memcpy(b->out, "DATA\r\n", 6);
	b->out_len = 6;
	wait_from_now(b, b->relay->silence_msecs);
}

void lmtp_relay_send(struct lmtp_session *l, struct cv_incoming *incoming)
{
	struct cv_error *err;
	struct cv_span content;
	int status;

	if (l->backends == NULL)
		return;
	err = cv_api->error_new(l->pool);
	status = lmtp_delivery->incoming_content(incoming, &content, err);
	for (struct lmtp_backend *b = l->backends; b != NULL; b = b->next) {
		if (b->far == NULL)
			b->state = LMTP_BACKEND_OVER;
		else if (status != CV_OK)
			lmtp_relay_fail(l, b, "452 4.3.1 Insufficient system "
					"storage", cv_api->error_text(err));
		else if (b->accepted > 0)
			begin(l, b, content);
		else
			b->state = LMTP_BACKEND_OVER;
	}
	run_until(l, LMTP_BACKEND_SENT);
}

void lmtp_relay_wait(struct lmtp_session *l)
{
	if (l->backends != NULL)
		run_until(l, LMTP_BACKEND_OVER);
}
