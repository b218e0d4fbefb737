/* imapc-command.c - the connection to the server: commands and their
 * responses.  What comes is hostile: bounded, and never believed in place of
 * what was asked. */
#include "imapc.h"

/* --- bytes ------------------------------------------------------------------- */

static int lost(struct cv_storage_root *root, int ret)
{
	root->broken = true;
	root->selected = NULL;
	root->listening = NULL;
	return ret;
}

int imapc_write(struct cv_storage_root *root, struct cv_span data,
		struct cv_error *err)
{
	int ret = imapc_client->write(root->client, data, err);

	return ret < 0 ? lost(root, ret) : CV_OK;
}

int imapc_begin(struct cv_storage_root *root, const char *text,
		struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("imapc command");
	struct cv_text whole;
	int ret = imapc_listen_end(root, err);

	cv_text_init(&whole, pool);
	cv_text_append_f(&whole, "A%u %s", ++root->tag, text);
	if (ret == CV_OK)
		ret = imapc_write(root, cv_text_span(&whole), err);
	cv_api->pool_destroy(&pool);
	return ret;
}

static bool is_body(struct cv_span line)
{
	static const char word[] = "BODY[]";

	return line.len >= 2 && line.data[0] == '*' &&
		memmem(line.data, line.len, word, strlen(word)) != NULL;
}

static int add_literal(struct cv_storage_root *root, uint64_t size,
		       struct cv_error *err)
{
	struct cv_span part;
	int ret;

	if (size > IMAPC_RESPONSE_MAX ||
	    root->response.len + size > IMAPC_RESPONSE_MAX)
		return lost(root, CV_FAIL(err, CV_E_LIMIT, "'%s': a response "
					  "is too long",
					  root->set->imapc_host));
	cv_text_append_str(&root->response, "\r\n");
	while (size > 0) {
		ret = imapc_client->bytes(root->client, (size_t)size, &part,
					  err);
		if (ret < 0)
			return lost(root, ret);
		cv_text_append_span(&root->response, part);
		size -= part.len;
	}
	return CV_OK;
}

/* The next response, whole; it ends before the literal of a BODY[]. */
static int read_response(struct cv_storage_root *root, struct cv_error *err)
{
	int ret = CV_OK;

	cv_api->pool_reset(root->response_pool);
	cv_text_init(&root->response, root->response_pool);
	root->body_follows = false;
	while (ret == CV_OK) {
		struct cv_span line;
		uint64_t size;

		ret = imapc_client->line(root->client, &line, err);
		if (ret < 0)
			return lost(root, ret);
		cv_text_append_span(&root->response, line);
		if (root->response.len > IMAPC_RESPONSE_MAX)
			return lost(root, CV_FAIL(err, CV_E_LIMIT, "a "
						  "response is too long"));
		if (!imapc_literal(line, &size))
			return CV_OK;
		if (is_body(cv_text_span(&root->response))) {
			root->body_follows = true;
			root->body_size = size;
			return CV_OK;
		}
		ret = add_literal(root, size, err);
	}
	return ret;
}

/* [RFC9051 7.1] CV_OK, CV_CHANGED: not a tagged one. */
static int take_tagged(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_span rest = cv_text_span(&root->response);
	struct cv_span tag = imapc_word(&rest), word;
	uint64_t number;

	if (tag.len < 2 || tag.data[0] != 'A' ||
	    !cv_span_to_u64(cv_span_skip(tag, 1), UINT32_MAX, &number))
		return CV_CHANGED;
	if (number != root->tag)
		return lost(root, CV_FAIL(err, CV_E_TEMP, "'%s' answers what "
					  "was not asked",
					  root->set->imapc_host));
	word = imapc_word(&rest);
	if (cv_span_is_icase(word, "OK"))
		return CV_OK;
	CV_FAIL(err, cv_span_is_icase(word, "NO") ? CV_E_DENIED :
		CV_E_SYNTAX, "'%s' answers: %.*s %.*s",
		root->set->imapc_host, CV_SPAN_ARG(word),
		(int)(rest.len < 200 ? rest.len : 200),
		rest.len == 0 ? "" : rest.data);
	if (err != NULL)
		(void)cv_api->error_set_client(err, "The other server "
			"refuses: %.*s", (int)(rest.len < 200 ? rest.len :
			200), rest.len == 0 ? "" : rest.data);
	return cv_span_is_icase(word, "NO") ? CV_E_DENIED : CV_E_SYNTAX;
}

/* What nobody wanted. */
static int skip_body(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_span part;
	int ret = CV_OK;

	while (root->body_size > 0 && ret == CV_OK) {
		ret = imapc_client->bytes(root->client, root->body_size >
					  65536 ? 65536 :
					  (size_t)root->body_size, &part,
					  err);
		if (ret == CV_OK)
			root->body_size -= part.len;
	}
	if (ret == CV_OK)
		ret = imapc_client->line(root->client, &part, err);
	root->body_follows = false;
	return ret < 0 ? lost(root, ret) : CV_OK;
}

int imapc_finish(struct cv_storage_root *root, imapc_untagged_fn *fn,
		 void *context, struct cv_error *err)
{
	int ret, failed = CV_OK;

	for (;;) {
		struct cv_span text;

		ret = read_response(root, err);
		if (ret < 0)
			return ret;
		text = cv_text_span(&root->response);
		if (text.len >= 2 && text.data[0] == '*') {
			if (fn != NULL && failed == CV_OK)
				failed = fn(root, cv_span_skip(text, 2),
					    context, err);
			/* [RFC9051 7.1.5] */
			if (root->broken)
				return failed < 0 ? failed : CV_E_TEMP;
			ret = root->body_follows ? skip_body(root, err) :
				CV_OK;
			if (ret < 0)
				return ret;
			continue;
		}
		ret = take_tagged(root, failed < 0 ? NULL : err);
		if (ret == CV_CHANGED)
			continue;	/* "+", out of place */
		root->used_at = cv_api->monotonic_msecs();
		return failed < 0 ? failed : ret;
	}
}

int imapc_go_ahead(struct cv_storage_root *root, imapc_untagged_fn *fn,
		   void *context, struct cv_error *err)
{
	for (;;) {
		int ret = read_response(root, err);

		if (ret < 0)
			return ret;
		if (root->response.len > 0 && root->response.data[0] == '+')
			return CV_OK;
		if (fn != NULL && cv_span_begins(
			cv_text_span(&root->response), CV_SPAN("* ")))
			(void)fn(root, cv_span_skip(
				cv_text_span(&root->response), 2), context,
				err);
		ret = take_tagged(root, err);
		if (ret == CV_OK)
			return lost(root, CV_FAIL(err, CV_E_TEMP, "'%s' "
						  "takes no literal",
						  root->set->imapc_host));
		if (ret < 0)
			return ret;
	}
}

int imapc_command(struct cv_storage_root *root, const char *line,
		  imapc_untagged_fn *fn, void *context, struct cv_error *err)
{
	int ret = imapc_begin(root, line, err);

	if (ret == CV_OK)
		ret = imapc_write(root, CV_SPAN("\r\n"), err);
	return ret < 0 ? ret : imapc_finish(root, fn, context, err);
}

/* --- logging in -------------------------------------------------------------- */

static void login_line(struct cv_storage_root *root, struct cv_pool *pool,
		       struct cv_text *line)
{
	const struct imapc_settings *set = root->set;
	const char *master = set->imapc_master_user;
	struct cv_text plain;

	cv_text_init(&plain, pool);
	/* [RFC4616 2] */
	if (*master != '\0')
		cv_text_append_str(&plain, root->user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, *master != '\0' ? master : root->user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, set->imapc_password);
	if (*master != '\0' || (root->caps & IMAPC_SASL_IR) != 0) {
		cv_text_append_str(line, "AUTHENTICATE PLAIN ");
		cv_api->base64_encode(line, plain.data, plain.len);
	} else {
		cv_text_append_f(line, "LOGIN %s %s",
				 imapc_quote(pool, root->user),
				 imapc_quote(pool, set->imapc_password));
	}
}

static int log_in(struct cv_storage_root *root, struct cv_error *err)
{
	const struct imapc_settings *set = root->set;
	struct cv_pool *pool;
	struct cv_text line;
	int ret;

	if (strpbrk(root->user, "\r\n") != NULL ||
	    strpbrk(set->imapc_password, "\r\n") != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "imapc: user or password "
			       "with a line end");
	pool = cv_api->pool_create("imapc login");
	cv_text_init(&line, pool);
	login_line(root, pool, &line);
	ret = imapc_command(root, cv_text_str(&line), NULL, NULL, err);
	/* what the pool frees is not wiped */
	memset(line.data, 0, line.len);
	cv_api->pool_destroy(&pool);
	if (ret == CV_E_DENIED || ret == CV_E_SYNTAX) {
		struct cv_span text = cv_text_span(&root->response);

		CV_FAIL(err, CV_E_TEMP, "login as '%s': '%s' answers: "
			"%.*s", root->user, set->imapc_host,
			(int)(text.len < 200 ? text.len : 200), text.data);
		ret = CV_E_TEMP;
	}
	return ret;
}

static int take_capabilities(struct cv_storage_root *root,
			     struct cv_span rest, void *context,
			     struct cv_error *err)
{
	static const struct { const char *name; uint32_t cap; } caps[] = {
		{ "SASL-IR", IMAPC_SASL_IR }, { "UIDPLUS", IMAPC_UIDPLUS },
		{ "CONDSTORE", IMAPC_CONDSTORE },
		{ "QRESYNC", IMAPC_CONDSTORE },
		{ "MULTIAPPEND", IMAPC_MULTIAPPEND }, { "IDLE", IMAPC_IDLE },
		/* [RFC9051 E] has these in it */
		{ "IMAP4rev2", IMAPC_UIDPLUS | IMAPC_SASL_IR | IMAPC_IDLE },
	};
	struct cv_span word;

	(void)context; (void)err;
	if (!cv_span_is_icase(imapc_word(&rest), "CAPABILITY"))
		return CV_OK;
	root->caps = 0;
	while ((word = imapc_word(&rest)).len > 0) {
		for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
			if (cv_span_is_icase(word, caps[i].name))
				root->caps |= caps[i].cap;
		}
	}
	return CV_OK;
}

static int greet(struct cv_storage_root *root, struct cv_error *err)
{
	int ret = read_response(root, err);

	if (ret == CV_OK && !cv_span_begins_icase(
			cv_text_span(&root->response), CV_SPAN("* OK")))
		ret = CV_FAIL(err, CV_E_TEMP, "'%s' greets with: %.200s",
			      root->set->imapc_host,
			      cv_text_str(&root->response));
	if (ret == CV_OK && root->set->imapc_ssl == CV_CLIENT_START_TLS) {
		ret = imapc_command(root, "STARTTLS", NULL, NULL, err);
		if (ret == CV_OK)
			ret = imapc_client->start_tls(root->client, err);
	}
	/* what was said before TLS or the login is not to be believed */
	if (ret == CV_OK)
		ret = imapc_command(root, "CAPABILITY", take_capabilities,
				    NULL, err);
	if (ret == CV_OK)
		ret = log_in(root, err);
	if (ret == CV_OK)
		ret = imapc_command(root, "CAPABILITY", take_capabilities,
				    NULL, err);
	return ret;
}

static int open_connection(struct cv_storage_root *root,
			   struct cv_error *err)
{
	const struct imapc_settings *set = root->set;
	bool tls = set->imapc_ssl == CV_CLIENT_TLS;
	struct cv_client_options options = {
		CV_SIZED(cv_client_options), .host = set->imapc_host,
		.port = set->imapc_port != 0 ? set->imapc_port :
			tls ? 993 : 143,
		.tls = set->imapc_ssl, .verify = set->imapc_ssl_verify,
		.user = root->config->user,
		.silence_msecs = IMAPC_SILENCE_MSECS,
	};
	int ret;

	root->listening = NULL;
	root->connection_pool = cv_api->pool_create("imapc connection");
	root->caps = root->tag = 0;
	root->broken = false;
	ret = imapc_client->open(root->connection_pool, &options,
				 &root->client, err);
	return ret == CV_OK ? greet(root, err) : ret;
}

void imapc_disconnect(struct cv_storage_root *root)
{
	if (root->connection_pool == NULL)
		return;
	if (!root->broken && root->client != NULL && root->tag > 0)
		(void)imapc_command(root, "LOGOUT", NULL, NULL, NULL);
	imapc_client->close(&root->client);
	cv_api->pool_destroy(&root->connection_pool);
	root->selected = NULL;
}

int imapc_connect(struct cv_storage_root *root, struct cv_error *err)
{
	uint64_t now = cv_api->monotonic_msecs();
	int ret;

	if (root->connection_pool != NULL && !root->broken)
		(void)imapc_listen_end(root, NULL);
	if (root->connection_pool != NULL && !root->broken &&
	    now - root->used_at > IMAPC_IDLE_MSECS)
		(void)imapc_command(root, "NOOP", NULL, NULL, NULL);
	if (root->connection_pool != NULL && !root->broken)
		return CV_OK;
	imapc_disconnect(root);
	if (root->failed_at != 0 &&
	    now - root->failed_at < IMAPC_RETRY_MSECS)
		return CV_FAIL(err, CV_E_TEMP, "'%s' could not be reached a "
			       "moment ago", root->set->imapc_host);
	ret = open_connection(root, err);
	root->failed_at = ret < 0 ? cv_api->monotonic_msecs() | 1 : 0;
	if (ret < 0) {
		root->broken = true;
		imapc_disconnect(root);
	}
	return ret;
}

/* --- the selected mailbox ---------------------------------------------------- */

static uint64_t code_number(struct cv_span rest, const char *code)
{
	const char *at = memmem(rest.data, rest.len, code, strlen(code));
	size_t len = 0, room;

	if (at == NULL)
		return 0;
	at += strlen(code);
	room = rest.len - (size_t)(at - rest.data);
	while (len < room && at[len] >= '0' && at[len] <= '9')
		len++;
	return imapc_number(cv_span(at, len), UINT32_MAX);
}

static int take_uidvalidity(struct cv_storage_root *root,
			    struct cv_span rest, void *context,
			    struct cv_error *err)
{
	uint32_t number = (uint32_t)code_number(rest, "[UIDVALIDITY ");

	(void)context; (void)err;
	if (number != 0)
		root->selected_uidvalidity = number;
	return CV_OK;
}

int imapc_select(struct cv_storage_root *root, const char *raw, bool rw,
		 struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text line;
	int ret = imapc_connect(root, err);

	if (ret < 0 || (root->selected != NULL &&
			strcmp(root->selected, raw) == 0 &&
			(root->selected_rw || !rw)))
		return ret;
	root->selected = NULL;
	root->selected_uidvalidity = 0;
	pool = cv_api->pool_create("imapc select");
	cv_text_init(&line, pool);
	cv_text_append_f(&line, "%s %s", rw ? "SELECT" : "EXAMINE",
			 imapc_quote(pool, raw));
	ret = imapc_command(root, cv_text_str(&line), take_uidvalidity, NULL,
			    err);
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK) {
		root->selected = cv_span_copy(root->connection_pool,
					      cv_span_of(raw));
		root->selected_rw = rw;
	}
	return ret;
}

const char *imapc_set_text(struct cv_pool *pool, const uint32_t *uids,
			   uint32_t count, uint32_t *at)
{
	enum { TEXT_MAX = 6000 };
	struct cv_text out;

	cv_text_init(&out, pool);
	while (*at < count && out.len < TEXT_MAX) {
		uint32_t first = uids[*at], last = first;

		for ((*at)++; *at < count && uids[*at] == last + 1; (*at)++)
			last++;
		cv_text_append_f(&out, "%s%u", out.len == 0 ? "" : ",",
				 first);
		if (last != first)
			cv_text_append_f(&out, ":%u", last);
	}
	return cv_text_str(&out);
}
