/* fuzz-auth-line.c - lines of the auth protocols.  The first byte chooses the
 * role.  What was parsed holds no byte that could become another word or line
 * further on, and what is written comes back the same. */
#include "base.h"
#include "auth/auth-line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text)
{
	for (; *text != '\0'; text++)
		BUG_IF((unsigned char)*text < 0x20 || *text == 0x7f);
}

static void check(const struct auth_line *line, struct cv_pool *pool)
{
	check_text(line->service);
	check_text(line->session_id);
	check_text(line->mechanism);
	check_text(line->conn.local_ip);
	check_text(line->conn.remote_ip);
	check_text(line->conn.local_name);
	check_text(line->conn.cert_name);
	for (size_t i = 0; i < line->forward.fields.count; i++)
		check_text(line->forward.fields.items[i].value);
	BUG_IF(line->command >= AUTH_LINE_AUTH && line->id == 0);
	BUG_IF(line->command == AUTH_LINE_REQUEST && line->cookie.len != 16);
	(void)pool;
}

static void check_written(struct cv_span value, struct cv_pool *pool)
{
	struct auth_line line;
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_str(&out, "USER\t1\t");
	auth_line_escape(&out, value);
	cv_text_append_str(&out, "\tservice=x");
	BUG_IF(memchr(out.data, '\n', out.len) != NULL);
	if (auth_line_parse(AUTH_LINE_USERDB, cv_text_span(&out), pool, &line,
			    NULL) == CV_OK)
		BUG_IF(!cv_span_equal(cv_span_of(line.user), value));
	else
		BUG_IF(value.len == 0 ||
		       memchr(value.data, '\0', value.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span rest = cv_span((const char *)data, len), text;
	uint32_t role = len > 0 ? data[0] % AUTH_LINE_MASTER + 1u :
		AUTH_LINE_CLIENT;
	struct auth_line line;

	rest = len > 0 ? cv_span_skip(rest, 1) : rest;
	while (len > 0 && cv_span_split(&rest, '\n', &text)) {
		BUG_IF(auth_line_limit(text) > AUTH_LINE_TOKEN_MAX);
		if (auth_line_parse(role, text, pool, &line, NULL) == CV_OK)
			check(&line, pool);
		check_written(text, pool);
	}
	pool_destroy(&pool);
	return 0;
}
