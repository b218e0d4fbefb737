/* mailbox-save-body.c - the bytes of a message that is being saved.
 *
 * They are parsed and written in passing: INVARIANT: of a large message no more
 * than WRITE_CHUNK is in memory, unless a filter wants all of it. */
#include "mailbox-annotate.h"
#include "mailbox-save-private.h"

#include "message/binary-encoder.h"
#include "message/preview.h"

enum {
	WRITE_CHUNK = 256 * 1024,
	/* of all bodies of a save that travel in the journal: they wait for
	 * the commit in memory */
	JOURNAL_BODIES_MAX = 8 * 1024 * 1024,
	HEAD_BYTES = 64 * 1024,		/* where a preview is looked for */
};

int save_fail(struct cv_save *save, int ret)
{
	if (ret < 0)
		save->failed = ret;
	return ret;
}

bool save_body_fits(const struct cv_save *save, const struct saved *m,
		    uint64_t size)
{
	return account_body_fits(m->ref.store->account, size) &&
		save->journal_bytes + size <= JOURNAL_BODIES_MAX;
}

/* --- writing ---------------------------------------------------------------------- */

static int write_out(struct saved *m, struct cv_error *err)
{
	const struct cv_storage *driver = m->ref.store->driver;
	int ret = CV_OK;

	if (m->put == NULL) {
		m->head = pool_span(m->parse_pool, cv_span(
			m->bytes.data, m->bytes.len < HEAD_BYTES ?
			m->bytes.len : HEAD_BYTES));
		ret = driver->put_create(m->sf->blobs, m->parse_pool, 0, 0,
					 &m->put, err);
	}
	if (ret == CV_OK && m->bytes.len > 0)
		ret = driver->put_write(m->put, m->bytes.data, m->bytes.len,
					err);
	cv_text_reset(&m->bytes);
	return ret;
}

/* What was added behind place at is parsed, and written when it is much. */
static int take_bytes(const struct cv_save *save, struct saved *m, size_t at,
		      struct cv_error *err)
{
	struct cv_span s = cv_span(m->bytes.data + at, m->bytes.len - at);

	if (s.len == 0)
		return CV_OK;
	message_summarizer_feed(m->summarizer, s);
	m->size += s.len;
	if (m->filtered ||
	    (m->put == NULL && save_body_fits(save, m, m->size)) ||
	    (m->put != NULL && m->bytes.len < WRITE_CHUNK))
		return CV_OK;
	return write_out(m, err);
}

/* Line ends as they are stored: LF, or CRLF with mail_save_crlf.  A CR at the
 * end of the input waits for what follows.  CR CR LF stays as it is, or it
 * would come back without a CR. */
static void convert(struct saved *m, bool crlf, struct cv_span in)
{
	while (in.len > 0) {
		const char *lf = memchr(in.data, '\n', in.len);
		size_t len = lf == NULL ? in.len : (size_t)(lf - in.data);
		bool cr_before = len == 0 ? m->last_cr :
			in.data[len - 1] == '\r';

		if (m->last_cr && len > 0) {
			cv_text_append_c(&m->bytes, '\r');
			m->stored_cr = true;
		}
		if (len > 0 && cr_before)
			len--;
		cv_text_append(&m->bytes, in.data, len);
		if (len > 0)
			m->stored_cr = in.data[len - 1] == '\r';
		m->last_cr = cr_before && lf == NULL;
		if (lf == NULL)
			return;
		if (crlf || m->stored_cr)
			cv_text_append_c(&m->bytes, '\r');
		cv_text_append_c(&m->bytes, '\n');
		m->stored_cr = false;
		in = cv_span_skip(in, (size_t)(lf - in.data) + 1);
	}
}

static int write_plain(struct cv_save *save, struct cv_span data,
		       struct cv_error *err)
{
	struct saved *m = save->current;
	size_t at;

	if (save->remote != NULL)
		return remote_save_write(save->remote, data, err);
	if (save->failed < 0 || m == NULL)
		return FAIL(err, save->failed < 0 ? save->failed :
			    CV_E_INTERNAL, "nothing is being saved");
	at = m->bytes.len;
	convert(m, save->user->mail.mail_save_crlf ||
		store_is_remote(m->ref.store), data);
	return save_fail(save, take_bytes(save, m, at, err));
}

/* The last piece has no data. */
static int write_encoded(struct cv_save *save, struct cv_span data,
			 struct cv_error *err)
{
	struct cv_pool *scratch = pool_create("save encoded");
	struct cv_text out;
	int ret;

	cv_text_init(&out, scratch);
	ret = data.data == NULL ?
		binary_encoder_finish(save->encoder, &out, err) :
		binary_encoder_feed(save->encoder, data, &out, err);
	if (ret == CV_OK && out.len > 0)
		ret = write_plain(save, cv_text_span(&out), err);
	pool_destroy(&scratch);
	return save_fail(save, ret);
}

int mailbox_save_write(struct cv_save *save, const void *data, size_t len,
		       struct cv_error *err)
{
	if (save->encoder != NULL && len > 0)
		return write_encoded(save, cv_span(data, len), err);
	return write_plain(save, cv_span(data, len), err);
}

/* --- finishing ---------------------------------------------------------------------- */

static int run_filters(struct cv_save *save, struct saved *m,
		       struct cv_error *err)
{
	struct cv_stream *plain = stream_open_memory(
		m->parse_pool, cv_text_span(&m->bytes));
	struct cv_body_ctx ctx = {
		CV_SIZED(cv_body_ctx), .user = save->user, .err = err,
		.pool = m->parse_pool, .body = plain,
	};
	struct cv_text stored;
	int ret = hook_message_saving(&ctx);

	if (ret < 0 || ctx.body == plain)
		return ret < 0 ? ret : CV_OK;
	/* m->size stays: it is that of the message, which names of files
	 * tell other programs, and not that of the blob */
	cv_text_init(&stored, m->parse_pool);
	ret = stream_read_all(ctx.body, &stored, SIZE_MAX / 2, err);
	m->bytes = stored;
	return ret;
}

static int finish_blob(struct cv_save *save, struct saved *m,
		       struct cv_error *err)
{
	const struct cv_storage *driver = m->ref.store->driver;
	bool sync = save->user->mail.mail_fsync != MAIL_MAIL_FSYNC_NEVER;
	int ret = CV_OK;

	if (m->put == NULL) {
		if (!store_is_remote(m->ref.store) &&
		    save_body_fits(save, m, m->bytes.len)) {
			save->journal_bytes += m->bytes.len;
			m->body = cv_text_span(&m->bytes);
			if (m->body.data == NULL)
				m->body.data = "";
			sync = false;
		}
		ret = driver->put_create(m->sf->blobs, m->parse_pool,
					 m->size, m->virtual_size, &m->put,
					 err);
	}
	if (ret == CV_OK && m->bytes.len > 0)
		ret = driver->put_write(m->put, m->bytes.data, m->bytes.len,
					err);
	if (ret == CV_OK)
		ret = driver->put_finish(&m->put, m->virtual_size,
					 m->received, sync, &m->ref_name,
					 err);
	m->hidden = ret == CV_OK;
	return ret;
}

/* [RFC8970 4] while the text is at hand: LAZY then costs nothing.  Of a large
 * message only the beginning is; what lies behind it is made when it is asked
 * for. */
static void add_preview(struct saved *m, const struct mime_tree *tree,
			struct message_summary *summary)
{
	bool whole = m->head.data == NULL;
	struct cv_stream *stream;
	struct cv_text text;

	/* what a filter encrypts must not lie in the catalogue */
	if (m->filtered)
		return;
	stream = stream_open_memory(m->parse_pool, whole ?
				    cv_text_span(&m->bytes) : m->head);
	cv_text_init(&text, m->parse_pool);
	if (message_preview_append(&text, stream, tree, NULL) == CV_OK &&
	    (whole || text.len > 0))
		summary->preview = cv_span(cv_text_str(&text), text.len);
}

/* INVARIANT: what waits for the commit is in proportion to what the commit
 * writes: thousands of messages may wait. */
static void drop_parser(struct cv_save *save, struct saved *m)
{
	struct cv_text catalogue;

	/* its driver sends what it was given later */
	if (store_is_remote(m->ref.store))
		return;
	m->ref_name = pool_span(save->pool, m->ref_name);
	if (m->body.len > 0)
		m->body = pool_span(save->pool, m->body);
	cv_text_init(&catalogue, save->pool);
	cv_text_append_span(&catalogue, cv_text_span(&m->catalogue));
	m->catalogue = catalogue;
	pool_destroy(&m->parse_pool);
}

int mailbox_save_finish(struct cv_save *save, struct cv_error *err)
{
	struct saved *m = save->current;
	const struct mime_tree *tree;
	struct message_summary summary;
	int ret = CV_OK;

	if (save->encoder != NULL && save->failed >= 0)
		ret = write_encoded(save, CV_SPAN_NONE, err);
	save->encoder = NULL;
	if (save->remote != NULL)
		return ret < 0 ? ret : remote_save_finish(save->remote, err);
	if (save->failed < 0 || m == NULL)
		return FAIL(err, save->failed < 0 ? save->failed :
			    CV_E_INTERNAL, "nothing is being saved");
	save->current = NULL;
	if (m->last_cr) {
		cv_text_append_c(&m->bytes, '\r');
		ret = take_bytes(save, m, m->bytes.len - 1, err);
	}
	if (ret < 0)
		return save_fail(save, ret);
	ret = mailbox_check_encoding(m->head.data != NULL ? m->head :
				     cv_text_span(&m->bytes),
				     "what is to be saved", err);
	if (ret < 0)
		return save_fail(save, ret);
	message_summarizer_finish(m->summarizer, &summary, &tree);
	add_preview(m, tree, &summary);
	m->virtual_size = summary.virtual_size;
	cv_text_init(&m->catalogue, m->parse_pool);
	message_summary_encode(&m->catalogue, &summary);
	if (annotations_name_parts(m->annotations, m->annotation_count))
		ret = annotations_check_parts(m->annotations,
					      m->annotation_count, tree, err);
	if (ret == CV_OK && m->filtered)
		ret = run_filters(save, m, err);
	if (ret == CV_OK)
		ret = finish_blob(save, m, err);
	m->finished = ret == CV_OK;
	if (m->finished)
		drop_parser(save, m);
	return save_fail(save, ret);
}
