/* pop3c-conn.c - the connection to the server [RFC1939]. */
#include "pop3c.h"

#include <stdlib.h>

static int lost(struct cv_storage_root *root, int ret)
{
	root->broken = true;
	return ret;
}

/* [RFC1939 3] "+OK" or "-ERR". */
static int answer(struct cv_storage_root *root, struct cv_error *err)
{
	struct cv_span line;
	int ret = pop3c_client->line(root->client, &line, err);

	if (ret < 0)
		return lost(root, ret);
	root->used_at = cv_api->monotonic_msecs();
	if (cv_span_begins_icase(line, CV_SPAN("+OK")))
		return CV_OK;
	return CV_FAIL(err, CV_E_DENIED, "'%s' answers: %.*s",
		       root->set->pop3c_host,
		       (int)(line.len < 200 ? line.len : 200), line.data);
}

static int command(struct cv_storage_root *root, const char *line,
		   struct cv_error *err)
{
	int ret = pop3c_client->write(root->client, cv_span_of(line), err);

	if (ret == CV_OK)
		ret = pop3c_client->write(root->client, CV_SPAN("\r\n"), err);
	return ret < 0 ? lost(root, ret) : answer(root, err);
}

/* --- logging in -------------------------------------------------------------- */

/* [RFC5034 4] [RFC4616 2] */
static int log_in_master(struct cv_storage_root *root, struct cv_pool *pool,
			 struct cv_error *err)
{
	struct cv_text plain, line;

	cv_text_init(&plain, pool);
	cv_text_init(&line, pool);
	cv_text_append_str(&plain, root->user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, root->set->pop3c_master_user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, root->set->pop3c_password);
	cv_text_append_str(&line, "AUTH PLAIN ");
	cv_api->base64_encode(&line, plain.data, plain.len);
	return command(root, cv_text_str(&line), err);
}

static int log_in(struct cv_storage_root *root, struct cv_error *err)
{
	const struct pop3c_settings *set = root->set;
	struct cv_pool *pool;
	struct cv_text line;
	int ret;

	if (strpbrk(root->user, "\r\n") != NULL ||
	    strpbrk(set->pop3c_password, "\r\n") != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "pop3c: user or password "
			       "with a line end");
	pool = cv_api->pool_create("pop3c login");
	cv_text_init(&line, pool);
	if (*set->pop3c_master_user != '\0') {
		ret = log_in_master(root, pool, err);
	} else {
		cv_text_append_f(&line, "USER %s", root->user);
		ret = command(root, cv_text_str(&line), err);
		cv_text_reset(&line);
		cv_text_append_f(&line, "PASS %s", set->pop3c_password);
		if (ret == CV_OK)
			ret = command(root, cv_text_str(&line), err);
	}
	cv_api->pool_destroy(&pool);
	if (ret == CV_E_DENIED) {
		CV_FAIL(err, CV_E_TEMP, "login as '%s': '%s' does not let "
			"them in", root->user, set->pop3c_host);
		ret = CV_E_TEMP;
	}
	return ret;
}

static int connect_to(struct cv_storage_root *root, struct cv_error *err)
{
	const struct pop3c_settings *set = root->set;
	bool tls = set->pop3c_ssl == CV_CLIENT_TLS;
	struct cv_client_options options = {
		CV_SIZED(cv_client_options), .host = set->pop3c_host,
		.port = set->pop3c_port != 0 ? set->pop3c_port :
			tls ? 995 : 110,
		.tls = set->pop3c_ssl, .verify = set->pop3c_ssl_verify,
		.user = root->config->user,
		.silence_msecs = POP3C_SILENCE_MSECS,
	};
	int ret;

	root->connection_pool = cv_api->pool_create("pop3c connection");
	root->broken = false;
	root->listed_at = 0;
	root->messages = NULL;
	root->count = root->room = 0;
	ret = pop3c_client->open(root->connection_pool, &options,
				 &root->client, err);
	if (ret == CV_OK)
		ret = answer(root, err);
	if (ret == CV_OK && set->pop3c_ssl == CV_CLIENT_START_TLS) {
		ret = command(root, "STLS", err);
		if (ret == CV_OK)
			ret = pop3c_client->start_tls(root->client, err);
	}
	if (ret == CV_OK)
		ret = log_in(root, err);
	if (ret < 0)
		root->broken = true;
	return ret == CV_E_DENIED ? CV_E_TEMP : ret;
}

void pop3c_disconnect(struct cv_storage_root *root)
{
	if (root->connection_pool == NULL)
		return;
	if (!root->broken && root->client != NULL)
		(void)command(root, "QUIT", NULL);
	pop3c_client->close(&root->client);
	cv_api->pool_destroy(&root->connection_pool);
	root->listed_at = 0;
	root->count = 0;
}

/* --- what is there ----------------------------------------------------------- */

static int nonsense(struct cv_storage_root *root, const char *what,
		    struct cv_error *err)
{
	return lost(root, CV_FAIL(err, CV_E_TEMP, "'%s': its %s makes no "
				  "sense", root->set->pop3c_host, what));
}

static struct pop3c_message *add(struct cv_storage_root *root)
{
	if (root->count == root->room) {
		uint32_t room = root->room * 2 + 256;
		struct pop3c_message *grown = CV_ALLOC_ARRAY(
			root->connection_pool, struct pop3c_message, room);

		if (root->count > 0)
			memcpy(grown, root->messages,
			       root->count * sizeof(*grown));
		root->messages = grown;
		root->room = room;
	}
	return &root->messages[root->count++];
}

/* [RFC1939 7 UIDL] "number id", ids of 0x21 to 0x7e */
static int take_id(struct cv_storage_root *root, struct cv_span line,
		   struct cv_error *err)
{
	struct pop3c_message *m;
	struct cv_span word;
	uint64_t number;

	if (!cv_span_split(&line, ' ', &word) || line.data == NULL ||
	    !cv_span_to_u64(word, UINT32_MAX - 1, &number) ||
	    line.len == 0 || line.len > POP3C_ID_MAX ||
	    root->count >= POP3C_MESSAGES_MAX ||
	    (root->count > 0 &&
	     number <= root->messages[root->count - 1].number))
		return nonsense(root, "UIDL", err);
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] < 0x21 || line.data[i] > 0x7e)
			return nonsense(root, "UIDL", err);
	}
	m = add(root);
	m->number = (uint32_t)number;
	m->id = cv_span_copy(root->connection_pool, line);
	m->size = 0;
	return CV_OK;
}

/* [RFC1939 5 LIST] "number octets" */
static int take_size(struct cv_storage_root *root, struct cv_span line,
		     struct cv_error *err)
{
	uint32_t low = 0, high = root->count;
	struct cv_span word;
	uint64_t number, size;

	if (!cv_span_split(&line, ' ', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX - 1, &number))
		return nonsense(root, "LIST", err);
	(void)cv_span_split(&line, ' ', &word);
	if (!cv_span_to_u64(word, INT64_MAX, &size))
		return nonsense(root, "LIST", err);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (root->messages[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < root->count && root->messages[low].number == number)
		root->messages[low].size = size;
	return CV_OK;
}

static int read_lines(struct cv_storage_root *root, const char *verb,
		      int (*take)(struct cv_storage_root *root,
				  struct cv_span line, struct cv_error *err),
		      struct cv_error *err)
{
	struct cv_span line;
	int ret = command(root, verb, err);

	while (ret == CV_OK) {
		ret = pop3c_client->line(root->client, &line, err);
		if (ret < 0)
			return lost(root, ret);
		if (cv_span_is(line, "."))
			return CV_OK;
		ret = take(root, line, err);
	}
	return ret;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pop3c_message *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int read_list(struct cv_storage_root *root, struct cv_error *err)
{
	int ret;

	root->count = 0;
	ret = read_lines(root, "UIDL", take_id, err);
	if (ret == CV_OK)
		ret = read_lines(root, "LIST", take_size, err);
	if (ret < 0)
		return ret;
	root->by_id = CV_ALLOC_ARRAY(root->connection_pool,
				     const struct pop3c_message *,
				     root->count + 1);
	for (uint32_t i = 0; i < root->count; i++)
		root->by_id[i] = &root->messages[i];
	if (root->count > 1)
		qsort(root->by_id, root->count, sizeof(struct pop3c_message *),
		      compare_ids);
	root->listed_at = cv_api->monotonic_msecs() | 1;
	return CV_OK;
}

/* A maildrop stays as it was when the connection began: what is new is seen
 * with another one. */
int pop3c_list(struct cv_storage_root *root, bool anew, struct cv_error *err)
{
	uint64_t now = cv_api->monotonic_msecs();
	int ret = CV_OK;

	if (root->connection_pool != NULL && !root->broken && !anew &&
	    now - root->used_at > POP3C_IDLE_MSECS)
		(void)command(root, "NOOP", NULL);
	if (root->connection_pool != NULL && (root->broken || anew))
		pop3c_disconnect(root);
	if (root->connection_pool == NULL)
		ret = connect_to(root, err);
	if (ret == CV_OK && root->listed_at == 0)
		ret = read_list(root, err);
	if (ret < 0)
		pop3c_disconnect(root);
	return ret;
}

const struct pop3c_message *pop3c_find(const struct cv_storage_root *root,
				       struct cv_span id)
{
	uint32_t low = 0, high = root->listed_at == 0 ? 0 : root->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct cv_span there = cv_span_of(root->by_id[middle]->id);
		size_t len = there.len < id.len ? there.len : id.len;
		int order = memcmp(there.data, id.data, len);

		if (order == 0 && there.len == id.len)
			return root->by_id[middle];
		if (order < 0 || (order == 0 && there.len < id.len))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int retrieve(struct cv_storage_root *root, uint32_t number,
		    struct cv_text *text, struct cv_error *err)
{
	char line[32];
	int ret;

	cv_text_reset(text);
	(void)snprintf(line, sizeof(line), "RETR %u", number);
	ret = command(root, line, err);
	while (ret == CV_OK) {
		struct cv_span s;

		ret = pop3c_client->line(root->client, &s, err);
		if (ret < 0)
			return lost(root, ret);
		if (cv_span_is(s, "."))
			return CV_OK;
		/* [RFC1939 3] a leading dot was doubled */
		if (s.len > 0 && s.data[0] == '.')
			s = cv_span_skip(s, 1);
		if (text->len + s.len > POP3C_BODY_MAX)
			return lost(root, CV_FAIL(err, CV_E_LIMIT, "a message "
						  "is too large"));
		cv_text_append_span(text, s);
		cv_text_append_str(text, "\r\n");
	}
	return ret;
}

/* CV_DECLINED: it was asked for, and did not come. */
static int try_to_read(struct cv_storage_root *root, struct cv_span id,
		       struct cv_text *text, struct cv_error *why,
		       struct cv_error *err)
{
	const struct pop3c_message *m;
	int ret = pop3c_list(root, false, err);

	if (ret < 0)
		return ret;
	m = pop3c_find(root, id);
	if (m == NULL)
		return CV_NOT_FOUND;
	return retrieve(root, m->number, text, why) == CV_OK ? CV_OK :
		CV_DECLINED;
}

static int cannot_be_had(struct cv_storage_root *root, struct cv_span id,
			 const char *why, struct cv_error *err)
{
	CV_FAIL(err, CV_E_PERM, "'%s' does not give message '%.*s': %s",
		root->set->pop3c_host, CV_SPAN_ARG(id), why);
	if (err != NULL)
		(void)cv_api->error_set_client(err, "The other server does "
					       "not give this message.");
	return CV_E_PERM;
}

/* A server may refuse a message, or hang up while it gives it: when it does so
 * again, and can be reached afterwards, it is for the message alone. */
int pop3c_read(struct cv_storage_root *root, struct cv_span id,
	       struct cv_text *text, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("pop3c failure");
	struct cv_error *why = cv_api->error_new(pool);
	int ret = CV_DECLINED;

	for (int tries = 0; tries < 2 && ret == CV_DECLINED; tries++) {
		ret = try_to_read(root, id, text, why, err);
		if (ret == CV_DECLINED && !root->broken)
			break;
	}
	if (ret == CV_DECLINED) {
		ret = pop3c_list(root, false, err);
		if (ret == CV_OK)
			ret = cannot_be_had(root, id,
					    cv_api->error_text(why), err);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}
