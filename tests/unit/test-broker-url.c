/* test-broker-url.c - authorized URLs of another user's mail [RFC4467]: the
 * owner's broker gives what was given away, and nothing else. */
#define PAIR_SETTINGS \
	"imap_urlauth_host = h\nimap_urlauth_submit_user = sub@example.org\n"
#include "broker-fixture.h"
#include "stream/stream.h"

#define RUMP "imap://jane%40example.org@h/INBOX/;uid=1"

/* As jane gives it out. */
static struct cv_span authorize(struct pair *p, const char *rump)
{
	struct cv_span token;

	ok(&p->owner, mailbox_api.urlauth_token(p->owner.user,
						cv_span_of(rump),
						p->owner.pool, &token,
						&p->owner.err));
	return cv_span_of(pool_printf(p->owner.pool, "%s:internal:%.*s", rump,
				      CV_SPAN_ARG(token)));
}

static int open_url(struct fixture *f, struct cv_span url,
		    struct cv_text *text)
{
	struct cv_url_part part = { CV_SIZED(cv_url_part) };
	int ret = mailbox_api.urlauth_open(f->user, url, CV_URL_BODY, f->pool,
					   &part, &f->err);

	cv_text_init(text, f->pool);
	if (ret != CV_OK)
		return ret;
	assert_non_null(part.stream);
	ok(f, stream_read_all(part.stream, text, 1 << 20, &f->err));
	assert_int_equal(text->len, part.length);
	mailbox_api.urlauth_close(&part);
	return CV_OK;
}

static void what_was_given_away_is_read(void **state)
{
	struct cv_mailbox *box;
	struct cv_text text;
	struct cv_span url;
	struct pair p;

	alarm(120);
	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	fixture_save(&p.owner, "INBOX", mail_two, 0);
	url = authorize(&p, RUMP ";URLAUTH=user+bob%40example.org");
	assert_int_equal(open_url(&p.reader, url, &text), CV_OK);
	assert_string_equal(cv_text_str(&text), mail_one);
	url = authorize(&p, RUMP "/;SECTION=TEXT/;PARTIAL=1.2;"
			"URLAUTH=anonymous");
	assert_int_equal(open_url(&p.reader, url, &text), CV_OK);
	assert_string_equal(cv_text_str(&text), "od");
	/* it is no right to the mailbox: the next request has none */
	assert_int_equal(mailbox_api.open(p.reader.user, SHARED "INBOX", 0,
					  &box, &p.reader.err),
			 CV_E_NOT_FOUND);
	ok(&p.owner, mailbox_api.urlauth_reset(p.owner.user, "INBOX",
					       &p.owner.err));
	assert_int_equal(open_url(&p.reader, url, &text), CV_NOT_FOUND);
	pair_deinit(&p);
}

/* Each byte of a URL that was not signed as it is. */
static void what_was_not_signed_gives_nothing(void **state)
{
	static const char *const others[] = {
		RUMP ";URLAUTH=user+jane%40example.org",
		RUMP ";URLAUTH=user+bob", RUMP ";URLAUTH=user+BOB%40example.org",
		RUMP ";URLAUTH=submit+bob%40example.org",
		"imap://jane%40example.org@h/INBOX/;uid=9;URLAUTH=anonymous",
		RUMP "/;SECTION=7;URLAUTH=anonymous",
	};
	struct cv_text text;
	struct cv_span url;
	struct pair p;

	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(open_url(&p.reader, authorize(&p, others[i]),
					  &text), CV_NOT_FOUND);
	url = authorize(&p, RUMP ";URLAUTH=anonymous");
	for (size_t i = 0; i < url.len; i++) {
		char *bent = pool_copy(p.owner.pool, url.data, url.len);

		bent[i] = (char)(bent[i] == 'x' ? 'y' : 'x');
		assert_int_equal(open_url(&p.reader, cv_span(bent, url.len),
					  &text), CV_NOT_FOUND);
		assert_int_equal(open_url(&p.reader, cv_span(url.data, i),
					  &text), CV_NOT_FOUND);
	}
	assert_int_equal(open_url(&p.reader, url, &text), CV_OK);
	pair_deinit(&p);
}

/* Whatever a session says to the broker itself. */
static void requests_that_are_none_are_refused(void **state)
{
	struct remote_message m;
	struct cv_text fields;
	struct cv_span url;
	struct pair p;
	struct fixture *f = &p.reader;
	int channel;

	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	url = authorize(&p, RUMP ";URLAUTH=anonymous");
	ok(f, open_broker(&p, "jane@example.org", &channel, &f->err));
	cv_text_init(&fields, p.owner.pool);
	remote_put_span(&fields, url);
	remote_put_u32(&fields, CV_URL_BODY);
	for (size_t cut = 0; cut <= fields.len; cut++) {
		struct cv_text part;

		cv_text_init(&part, p.owner.pool);
		cv_text_append(&part, fields.data, cut);
		ok(f, remote_send(channel, REMOTE_MSG_REQUEST, REMOTE_URL, "",
				  &part, -1, &f->err));
		ok(f, remote_receive(channel, 10000, REMOTE_MSG_ANSWER,
				     p.owner.pool, &m, &f->err));
		assert_int_equal(m.number == 0, cut == fields.len);
		assert_int_equal(m.payload.len == 0, cut < fields.len);
	}
	cv_text_init(&fields, p.owner.pool);
	remote_put_u32(&fields, 1 << 20);
	for (int i = 0; i < 1 << 20; i++)
		cv_text_append_c(&fields, 'a');
	remote_put_u32(&fields, UINT32_MAX);
	ok(f, remote_send(channel, REMOTE_MSG_REQUEST, REMOTE_URL, "",
			  &fields, -1, &f->err));
	ok(f, remote_receive(channel, 10000, REMOTE_MSG_ANSWER, p.owner.pool,
			     &m, &f->err));
	assert_true(m.number != 0);
	close(channel);
	pair_deinit(&p);
}

static void a_broker_that_lies_is_not_believed(void **state)
{
	struct cv_text text;
	struct cv_span url;
	struct pair p;

	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	url = authorize(&p, RUMP ";URLAUTH=anonymous");
	p.lie = true;
	for (int i = 0; i < 50; i++)
		assert_int_equal(open_url(&p.reader, url, &text), CV_E_TEMP);
	p.lie = false;
	p.refuse = true;
	assert_int_equal(open_url(&p.reader, url, &text), CV_E_TEMP);
	p.refuse = false;
	assert_int_equal(open_url(&p.reader, url, &text), CV_OK);
	pair_deinit(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_away_is_read),
		cmocka_unit_test(what_was_not_signed_gives_nothing),
		cmocka_unit_test(requests_that_are_none_are_refused),
		cmocka_unit_test(a_broker_that_lies_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
