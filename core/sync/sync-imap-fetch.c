/* sync-imap-fetch.c - the bodies of messages from an IMAP server.
 *
 * They are fetched in groups of UIDs, the next group is asked for while one
 * is being read, and bytes pass through without being kept. */
#include "sync-imap-private.h"

enum { GROUP = 100, GROUPS_AHEAD = 2 };

/* Keeps so many groups asked for. */
static int ask_ahead(struct sync_imap *m, struct cv_error *err)
{
	int ret = CV_OK;

	while (ret == CV_OK && m->waiting < GROUPS_AHEAD &&
	       m->asked < m->uid_count) {
		struct cv_pool *pool = pool_create("imap set");
		uint32_t end = m->asked + GROUP < m->uid_count ?
			m->asked + GROUP : m->uid_count;
		struct cv_text line;

		cv_text_init(&line, pool);
		cv_text_append_str(&line, "UID FETCH ");
		for (uint32_t i = m->asked; i < end; i++)
			cv_text_append_f(&line, "%s%u", i == m->asked ? "" :
					 ",", m->uids[i]);
		cv_text_append_str(&line, " (UID BODY.PEEK[])");
		ret = sync_imap_send(m, cv_text_str(&line), err);
		m->asked = end;
		m->waiting += ret == CV_OK;
		pool_destroy(&pool);
	}
	return ret;
}

int sync_imap_fetch(struct sync_side *s, const uint32_t *uids,
		    uint32_t count, struct cv_error *err)
{
	struct sync_imap *m = (struct sync_imap *)s;

	m->uids = pool_new_array(m->box_pool, uint32_t, (size_t)count + 1);
	if (count > 0)
		memcpy(m->uids, uids, count * sizeof(*uids));
	m->uid_count = count;
	m->asked = m->waiting = 0;
	m->in_body = false;
	return ask_ahead(m, err);
}

/* What comes before the body says whose it is. */
static uint32_t uid_before_body(struct sync_imap *m, struct cv_span *body_r)
{
	struct cv_span rest = cv_text_span(&m->response);
	uint32_t uid = 0;

	*body_r = CV_SPAN_NONE;
	for (;;) {
		struct sync_imap_token t, v;

		t = sync_imap_token(&rest, m->response_pool);
		if (t.type == T_END)
			return uid;
		if (cv_span_is_icase(t.text, "UID")) {
			v = sync_imap_token(&rest, m->response_pool);
			uid = (uint32_t)sync_imap_number(v.text, UINT32_MAX);
		} else if (cv_span_is_icase(t.text, "BODY[]")) {
			v = sync_imap_token(&rest, m->response_pool);
			if (v.type == T_STRING)
				*body_r = v.text;
		}
	}
}

static int skip_body(struct sync_imap *m, struct cv_error *err)
{
	struct cv_span data;
	int ret = CV_OK;

	while (m->in_body && ret == CV_OK)
		ret = m->side.ops->fetch_read(&m->side, &data, err);
	return ret == CV_EOF ? CV_OK : ret;
}

int sync_imap_fetch_next(struct sync_side *s, uint32_t *uid_r,
			 struct cv_error *err)
{
	struct sync_imap *m = (struct sync_imap *)s;
	int ret = skip_body(m, err);

	while (ret == CV_OK && m->waiting > 0) {
		struct cv_span text;

		ret = sync_imap_response(m, true, err);
		if (ret < 0)
			return ret;
		text = cv_text_span(&m->response);
		if (text.len > 0 && text.data[0] == '*') {
			bool streams = ret == CV_CHANGED;

			*uid_r = uid_before_body(m, &m->small);
			ret = CV_OK;
			m->quoted = !streams;
			m->in_body = streams || m->small.data != NULL;
			if (m->in_body && *uid_r == 0)
				return sync_imap_broken(m, FAIL(err,
					CV_E_UNSUPPORTED, "the server does "
					"not say the UID before the body"));
			if (m->in_body)
				return CV_OK;
			continue;
		}
		ret = sync_imap_tagged(m, err);
		if (ret == CV_OK) {
			m->waiting--;
			ret = ask_ahead(m, err);
		} else if (ret == CV_CHANGED) {
			ret = CV_OK;
		}
	}
	return ret < 0 ? ret : CV_NOT_FOUND;
}

int sync_imap_fetch_read(struct sync_side *s, struct cv_span *data_r,
			 struct cv_error *err)
{
	struct sync_imap *m = (struct sync_imap *)s;
	int ret;

	if (!m->in_body)
		return CV_EOF;
	if (m->quoted) {
		*data_r = m->small;
		m->in_body = false;
		return data_r->len > 0 ? CV_OK : CV_EOF;
	}
	if (m->literal == 0) {
		struct cv_span rest;

		m->in_body = false;
		/* the rest of the response: " FLAGS (...))" */
		ret = conn_line(m->conn, &rest, err);
		return ret < 0 ? sync_imap_broken(m, ret) : CV_EOF;
	}
	ret = conn_bytes(m->conn, m->literal > SYNC_CHUNK_MAX ?
			 SYNC_CHUNK_MAX : (size_t)m->literal, data_r, err);
	if (ret < 0)
		return sync_imap_broken(m, ret);
	m->literal -= data_r->len;
	return CV_OK;
}

void sync_imap_fetch_end(struct sync_side *s)
{
	struct sync_imap *m = (struct sync_imap *)s;
	uint32_t uid;

	m->uid_count = m->asked;
	while (!s->broken && m->waiting > 0 &&
	       sync_imap_fetch_next(s, &uid, NULL) == CV_OK)
		;
	m->waiting = 0;
}
