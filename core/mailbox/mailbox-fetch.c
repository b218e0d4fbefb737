/* mailbox-fetch.c - what a message is: from the rows, the catalogue, and only
 * then from its bytes. */
#include "mailbox-annotate.h"
#include "mailbox-admin.h"
#include "message/body-structure.h"
#include "message/preview.h"

#include <stdio.h>

enum { SIZE_FIXES_MAX = 1000 };

/* --- the message that is open -------------------------------------------------------- */

void mailbox_message_close(struct cv_mailbox *box)
{
	pool_destroy(&box->message.pool);
	box->message = (struct open_message){ 0 };
}

static struct open_message *open_slot(struct cv_mailbox *box, uint32_t uid)
{
	struct open_message *m = &box->message;

	if (m->pool != NULL && m->uid == uid)
		return m;
	if (m->pool != NULL) {
		struct cv_pool *pool = m->pool;

		pool_reset(pool);
		*m = (struct open_message){ .pool = pool };
	} else {
		m->pool = pool_create("message");
	}
	m->uid = uid;
	return m;
}

struct descriptor { struct io *io; int fd; };

static void close_descriptor(void *data)
{
	struct descriptor *d = data;

	io_close(d->io, d->fd);
}

static int check_head(struct cv_mailbox *box, struct cv_stream *body,
		      struct cv_error *err)
{
	struct cv_span head;
	char what[64];
	int ret = stream_read(body, &head, err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	(void)snprintf(what, sizeof(what), "UID %u", box->message.uid);
	ret = mailbox_check_encoding(head, what, err);
	return ret < 0 ? error_prefix(err, "mailbox '%s'", box->name) : ret;
}

static int filter_reading(struct cv_mailbox *box, struct open_message *m,
			  bool *changed_r, struct cv_error *err)
{
	struct cv_body_ctx ctx = {
		CV_SIZED(cv_body_ctx), .user = box->user, .err = err,
		.mailbox = box, .pool = m->pool, .body = m->stream,
		.plain_bytes = m->has_summary ? m->summary.physical_size :
			UINT64_MAX,
	};
	int ret = hook_message_reading(&ctx);

	*changed_r = false;
	if (ret == CV_OK)
		ret = check_head(box, ctx.body, err);
	if (ret < 0)
		return ret;
	if (ctx.body == m->stream)
		return CV_OK;
	m->stream = ctx.body;
	m->correct_size = false;
	*changed_r = true;
	return stream_size(m->stream, &m->length, err);
}

/* Bytes that no filter has changed are as many as the journal says. */
static int check_length(struct cv_mailbox *box, struct open_message *m,
			const struct cv_blob_source *src, uint64_t bytes,
			struct cv_error *err)
{
	const char *hint = src->wrong_size_hint;

	if (m->length == bytes || src->wrong_size == CV_WRONG_SIZE_IGNORE)
		return CV_OK;
	if (src->wrong_size != CV_WRONG_SIZE_REFUSE) {
		m->correct_size = true;
		return CV_OK;
	}
	return FAIL(err, CV_E_TEMP, "mailbox '%s': the file of UID %u has %llu "
		    "bytes and had %llu: it was cut short or changed by "
		    "another program%s%s%s", box->name, m->uid,
		    (unsigned long long)m->length, (unsigned long long)bytes,
		    hint == NULL ? "" : " (", hint == NULL ? "" : hint,
		    hint == NULL ? "" : ")");
}

static int open_blob(struct cv_mailbox *box, uint32_t row,
		     struct open_message *m, struct cv_error *err)
{
	struct cv_blob_source src = {
		CV_SIZED(cv_blob_source), .fd = -1, .pool = m->pool,
		.verify = box->verify,
	};
	struct descriptor *d;
	struct cv_blob blob;
	bool changed;
	int ret;

	store_blob_get(box->folder, row, m->pool, &blob);
	ret = box->store->driver->get(box->sf->blobs, &blob, &src, err);
	if (ret == CV_NOT_FOUND) {
		FAIL(err, CV_NOT_FOUND, "mailbox '%s': the file of UID %u is "
		     "gone", box->name, m->uid);
		return CV_NOT_FOUND;
	}
	if (ret < 0)
		return ret;
	m->length = src.len;
	if (src.fd != -1) {
		d = pool_new(m->pool, struct descriptor);
		d->io = box->user->io;
		d->fd = src.fd;
		pool_add_finaliser(m->pool, close_descriptor, d);
		src.stream = stream_open_file(m->pool, src.fd, src.offset,
					      src.len, false, "message");
	}
	m->stream = src.stream;
	m->claimed = src.claimed_bytes;
	m->claim_counts = src.wrong_size == CV_WRONG_SIZE_REFUSE;
	ret = filter_reading(box, m, &changed, err);
	return ret == CV_OK && !changed ?
		check_length(box, m, &src, blob.bytes, err) : ret;
}

static int open_bytes(struct cv_mailbox *box, uint32_t row,
		      struct open_message *m, struct cv_error *err)
{
	struct cv_span body;
	bool changed;
	int ret;

	if (m->stream != NULL)
		return stream_seek(m->stream, 0, err);
	/* what is in the journal is read there: its file was not synced */
	ret = account_body_read(box->folder, row, m->pool, &body, err);
	if (ret == CV_OK) {
		m->stream = stream_open_memory(m->pool, body);
		m->length = body.len;
		ret = filter_reading(box, m, &changed, err);
	} else if (ret == CV_NOT_FOUND) {
		ret = open_blob(box, row, m, err);
	}
	if (ret != CV_OK) {	/* nor does a descriptor stay */
		struct open_message none = { .pool = m->pool, .uid = m->uid };

		pool_reset(m->pool);
		*m = none;
	}
	return ret;
}

/* --- summaries -------------------------------------------------------------------------- */

static void note_sizes(struct cv_mailbox *box, uint32_t uid, uint32_t row,
		       const struct message_summary *s)
{
	struct account_message m;
	struct size_fix *fix;

	account_row_get(box->folder, row, &m);
	if (box->message.correct_size)
		m.size = s->physical_size;
	else if (m.virtual_size == s->virtual_size)
		return;
	fix = array_add(&box->size_fixes);
	fix->uid = uid;
	fix->size = m.size;
	fix->virtual_size = s->virtual_size;
	if (box->size_fixes.count >= SIZE_FIXES_MAX)
		mailbox_flush_sizes(box);
}

void mailbox_flush_sizes(struct cv_mailbox *box)
{
	struct account_txn *txn;
	struct cv_error err = ERROR_NONE;
	int ret = CV_OK;

	if (box->size_fixes.count == 0 || box->folder->deleted ||
	    box->store->frozen || store_take_in(box->store, &txn, &err) < 0)
		return;
	for (size_t i = 0; i < box->size_fixes.count && ret >= 0; i++) {
		const struct size_fix *fix = &box->size_fixes.items[i];

		ret = txn_sizes(txn, box->folder, fix->uid, fix->size,
				fix->virtual_size, &err);
		if (ret == CV_E_NOT_FOUND)
			ret = CV_OK;
	}
	if (ret < 0)
		account_rollback(&txn);
	else
		(void)account_commit(&txn, ACCOUNT_NO_SYNC, &err);
	box->size_fixes.count = 0;
}

static int make_summary(struct cv_mailbox *box, uint32_t row,
			struct open_message *m, struct cv_error *err)
{
	struct cv_text record;
	int ret = open_bytes(box, row, m, err);

	if (ret != CV_OK)
		return ret;
	ret = message_summary_make(m->pool, m->stream, &m->summary, err);
	if (ret < 0)
		return ret;
	m->has_summary = true;
	if (m->claimed > m->summary.physical_size)
		log_warning("mail", "mailbox '%s': UID %u has %llu bytes, and "
			    "had %llu once: taken as it is", box->name, m->uid,
			    (unsigned long long)m->summary.physical_size,
			    (unsigned long long)m->claimed);
	cv_text_init(&record, m->pool);
	message_summary_encode(&record, &m->summary);
	account_catalogue_put(box->folder, row, cv_text_span(&record));
	note_sizes(box, m->uid, row, &m->summary);
	return CV_OK;
}

/* The record in the catalogue, without a copy: valid until the next call. */
static bool find_record(struct cv_mailbox *box, uint32_t row,
			struct message_summary *summary_r)
{
	struct cv_span record;

	return account_catalogue_find(box->folder, row, &record) == CV_OK &&
		message_summary_decode(record, summary_r) == CV_OK;
}

int mailbox_summary(struct cv_mailbox *box, uint32_t row,
		    const struct message_summary **summary_r,
		    struct cv_error *err)
{
	uint32_t uid = account_row_uid(box->folder, row);
	struct open_message *m = open_slot(box, uid);
	struct cv_span record;
	int ret = CV_OK;

	*summary_r = &m->summary;
	if (m->has_summary)
		return CV_OK;
	if (account_catalogue_find(box->folder, row, &record) == CV_OK) {
		record = pool_span(m->pool, record);
		m->has_summary =
			message_summary_decode(record, &m->summary) == CV_OK;
	}
	if (!m->has_summary)
		ret = make_summary(box, row, m, err);
	return ret;
}

int mailbox_record(struct cv_mailbox *box, uint32_t row,
		   struct message_summary *summary_r, struct cv_error *err)
{
	const struct message_summary *made;
	int ret;

	if (find_record(box, row, summary_r))
		return CV_OK;
	ret = mailbox_summary(box, row, &made, err);
	if (ret == CV_OK)
		*summary_r = *made;
	return ret;
}

int mailbox_content(struct cv_mailbox *box, uint32_t row,
		    struct cv_stream **stream_r,
		    const struct mime_tree **tree_r, struct cv_error *err)
{
	uint32_t uid = account_row_uid(box->folder, row);
	struct open_message *m = open_slot(box, uid);
	const struct message_summary *summary;
	int ret = open_bytes(box, row, m, err);

	if (ret == CV_OK)
		ret = mailbox_summary(box, row, &summary, err);
	if (ret != CV_OK)
		return ret;
	/* another file than the one the catalogue speaks of */
	if (summary->physical_size != m->length) {
		m->has_tree = false;
		ret = make_summary(box, row, m, err);
		if (ret != CV_OK)
			return ret;
	} else if (m->correct_size) {
		note_sizes(box, uid, row, summary);
	}
	m->correct_size = false;
	if (!m->has_tree) {
		ret = mime_tree_decode(m->pool, m->summary.tree,
				       m->summary.physical_size, &m->tree);
		if (ret < 0) {
			ret = make_summary(box, row, m, err);
			if (ret == CV_OK)
				ret = mime_tree_decode(
					m->pool, m->summary.tree,
					m->summary.physical_size, &m->tree);
			if (ret < 0)
				return FAIL(err, CV_E_INTERNAL, "the parts "
					    "of UID %u cannot be kept", uid);
		}
		m->has_tree = true;
	}
	ret = stream_seek(m->stream, 0, err);
	*stream_r = m->stream;
	*tree_r = &m->tree;
	return ret;
}

/* Removed by somebody; or lost, which is no news of that kind. */
static int fail_gone(struct cv_mailbox *box, uint32_t seq,
		     struct cv_error *err)
{
	return FAIL(err, mailbox_is_lost(box, seq) ? CV_E_TEMP :
		    CV_E_NOT_FOUND, "mailbox '%s': the file of UID %u is gone",
		    box->name, box->message.uid);
}

/* --- data ----------------------------------------------------------------------------------- */

/* Of the message whose summary is open. */
static int make_preview(struct cv_mailbox *box, uint32_t row,
			struct cv_error *err)
{
	struct open_message *m = &box->message;
	const struct mime_tree *tree;
	struct cv_stream *file;
	struct cv_text text;
	int ret = mailbox_content(box, row, &file, &tree, err);

	if (ret != CV_OK)
		return ret;
	cv_text_init(&text, m->pool);
	ret = message_preview_make(m->pool, file, &text, err);
	if (ret == CV_OK)
		m->summary.preview = cv_span(cv_text_str(&text), text.len);
	return ret;
}

/* Envelope and structure, from the catalogue where it has them. */
static int add_summary(struct cv_mailbox *box, uint32_t row, uint32_t items,
		       struct cv_message_data *data, struct cv_error *err)
{
	const struct message_summary *s;
	struct message_summary record;
	struct cv_text body;
	int ret = CV_OK;

	if (find_record(box, row, &record) &&
	    (record.preview.data != NULL || !(items & CV_MESSAGE_PREVIEW)))
		s = &record;
	else
		ret = mailbox_summary(box, row, &s, err);
	if (ret == CV_OK && (items & CV_MESSAGE_PREVIEW) &&
	    s->preview.data == NULL)
		ret = make_preview(box, row, err);
	if (ret != CV_OK)
		return ret;
	data->envelope = s->envelope;
	data->bodystructure = s->body_structure;
	if (data->size_bytes == 0)
		data->size_bytes = s->virtual_size;
	if (items & CV_MESSAGE_THREAD)
		data->has_thread = mailbox_thread_id(s, data->guid,
						     data->thread);
	data->preview = s->preview;
	if (!(items & CV_MESSAGE_BODY))
		return CV_OK;
	cv_text_init(&body, box->data_pool);
	if (body_structure_to_body(&body, s->body_structure) < 0)
		return FAIL(err, CV_E_INTERNAL, "the structure of UID %u "
			    "cannot be read", data->uid);
	data->body = cv_text_span(&body);
	return CV_OK;
}

int mailbox_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		    struct cv_message_data *data_r, struct cv_error *err)
{
	struct account_message m;
	uint32_t row, size = data_r->size;
	int ret = CV_OK;

	if (!mailbox_row(box, seq, &row)) {
		FAIL(err, CV_NOT_FOUND, "message %u is expunged", seq);
		return CV_NOT_FOUND;
	}
	account_row_get(box->folder, row, &m);
	memset(data_r, 0, size < sizeof(*data_r) ? size : sizeof(*data_r));
	data_r->size = size;
	data_r->seq = seq;
	data_r->uid = m.uid;
	data_r->flags = m.flags & CV_FLAGS_STORED;
	if (mailbox_uid_is_recent(box, m.uid))
		data_r->flags |= CV_FLAG_RECENT;
	data_r->modseq = m.modseq;
	data_r->internal_date = m.received;
	data_r->save_date = m.saved;
	data_r->size_bytes = m.virtual_size;
	memcpy(data_r->guid, m.guid.bytes, sizeof(data_r->guid));
	if (m.keywords.count > 0 ||
	    (items & (CV_MESSAGE_BODY | CV_MESSAGE_ANNOTATIONS)))
		pool_reset(box->data_pool);
	if ((items & CV_MESSAGE_ANNOTATIONS) &&
	    CV_HAS(data_r, annotation_count))
		annotations_get(box, m.uid, box->data_pool,
				&data_r->annotations,
				&data_r->annotation_count);
	if (m.keywords.count > 0)
		data_r->keywords = store_keywords_get(box->folder, m.keywords,
						      box->data_pool);
	if ((items & (CV_MESSAGE_ENVELOPE | CV_MESSAGE_BODYSTRUCTURE |
		      CV_MESSAGE_BODY | CV_MESSAGE_THREAD |
		      CV_MESSAGE_PREVIEW | CV_MESSAGE_PREVIEW_LAZY)) ||
	    ((items & CV_MESSAGE_SIZE) && m.virtual_size == 0 && m.size > 0))
		ret = add_summary(box, row, items, data_r, err);
	if (ret == CV_NOT_FOUND && mailbox_is_lost(box, seq))
		return fail_gone(box, seq, err);
	return ret;
}

int mailbox_fill_sizes(struct cv_mailbox *box, struct cv_error *err)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };

	for (uint32_t seq = 1; seq <= box->count; seq++) {
		int ret = mailbox_message(box, seq, CV_MESSAGE_SIZE, &data,
					  err);

		if (ret < 0)
			return ret;
	}
	mailbox_flush_sizes(box);
	return CV_OK;
}

/* --- sections --------------------------------------------------------------------------------- */

static const enum message_section_kind section_kinds[] = {
	[CV_SECTION_ALL] = SECTION_ALL,
	[CV_SECTION_HEADER] = SECTION_HEADER,
	[CV_SECTION_TEXT] = SECTION_TEXT,
	[CV_SECTION_MIME] = SECTION_MIME,
	[CV_SECTION_FIELDS] = SECTION_FIELDS,
	[CV_SECTION_FIELDS_NOT] = SECTION_FIELDS_NOT,
	[CV_SECTION_DECODED] = SECTION_DECODED,
};

static bool is_raw(const struct cv_section *section)
{
	return CV_HAS(section, raw) && section->raw;
}

/* HEADER.FIELDS of the message itself, of fields that the catalogue keeps:
 * no file is opened.  CV_NOT_FOUND: open it. */
static int fields_from_record(struct cv_mailbox *box, uint32_t row,
			      const struct cv_section *section,
			      struct cv_stream **stream_r, uint64_t *size_r,
			      struct cv_error *err)
{
	const struct message_summary *s;
	struct cv_text text;
	int ret;

	if (section->kind != CV_SECTION_FIELDS || section->part_count > 0)
		return CV_NOT_FOUND;
	for (uint32_t i = 0; i < section->field_count; i++) {
		if (!message_summary_has_field(section->fields[i]))
			return CV_NOT_FOUND;
	}
	ret = mailbox_summary(box, row, &s, err);
	if (ret != CV_OK)
		return ret;
	if ((s->flags & SUMMARY_FIELDS_CUT) ||
	    (is_raw(section) && (s->flags & SUMMARY_HAS_NUL)))
		return CV_NOT_FOUND;
	cv_text_init(&text, box->message.pool);
	message_fields_select(&text, s->fields, section->fields,
			      section->field_count, false);
	*stream_r = stream_open_memory(box->message.pool,
				       cv_text_span(&text));
	*size_r = text.len;
	return CV_OK;
}

static bool is_same_section(const struct message_section *a,
			    const struct message_section *b)
{
	return a->kind == b->kind && a->raw == b->raw &&
		a->kind != SECTION_FIELDS &&
		a->kind != SECTION_FIELDS_NOT && a->path_len == b->path_len &&
		(a->path_len == 0 || memcmp(a->path, b->path, a->path_len *
					    sizeof(*a->path)) == 0);
}

static int open_section(struct open_message *m, struct cv_stream *file,
			const struct mime_tree *tree,
			const struct message_section *section,
			struct cv_stream **stream_r, uint64_t *size_r,
			struct cv_error *err)
{
	int ret;

	if (m->section_stream != NULL &&
	    is_same_section(&m->section, section)) {
		*stream_r = m->section_stream;
		*size_r = m->section_size;
		return stream_seek(*stream_r, 0, err);
	}
	ret = message_section_open(m->pool, file, tree, section, stream_r,
				   size_r, err);
	m->section_stream = ret == CV_OK ? *stream_r : NULL;
	m->section_size = *size_r;
	m->section = *section;
	return ret;
}

int mailbox_can_open(struct cv_mailbox *box, uint32_t seq,
		     struct cv_error *err)
{
	uint32_t row;
	int ret;

	if (!mailbox_row(box, seq, &row))
		return CV_NOT_FOUND;
	ret = open_bytes(box, row, open_slot(box, mailbox_uid_at(box, seq - 1)),
			 err);
	if (ret != CV_NOT_FOUND)
		return ret;
	ret = fail_gone(box, seq, err);
	return ret == CV_E_NOT_FOUND ? CV_NOT_FOUND : ret;
}

/* Of the message that is open. */
static int check_claim(struct cv_mailbox *box, struct cv_error *err)
{
	const struct open_message *m = &box->message;

	if (!box->verify || !m->claim_counts ||
	    m->claimed <= m->summary.physical_size)
		return CV_OK;
	return FAIL(err, CV_E_TEMP, "mailbox '%s': the file of UID %u has %llu "
		    "bytes, and %llu by its name: it was cut short", box->name,
		    m->uid, (unsigned long long)m->summary.physical_size,
		    (unsigned long long)m->claimed);
}

int mailbox_section(struct cv_mailbox *box, uint32_t seq,
		    const struct cv_section *section,
		    struct cv_stream **stream_r, uint64_t *size_r,
		    struct cv_error *err)
{
	struct message_section s = { 0 };
	const struct mime_tree *tree;
	struct cv_stream *file;
	uint32_t row;
	int ret;

	if (section->kind < CV_SECTION_ALL ||
	    section->kind > CV_SECTION_DECODED)
		return FAIL(err, CV_E_SYNTAX, "no such kind of section");
	if (!mailbox_row(box, seq, &row))
		return FAIL(err, CV_E_NOT_FOUND, "message %u is expunged",
			    seq);
	ret = fields_from_record(box, row, section, stream_r, size_r, err);
	if (ret != CV_NOT_FOUND)
		return ret;
	ret = mailbox_content(box, row, &file, &tree, err);
	if (ret == CV_NOT_FOUND)
		return fail_gone(box, seq, err);
	if (ret != CV_OK)
		return ret;
	ret = check_claim(box, err);
	if (ret < 0)
		return ret;
	s.kind = section_kinds[section->kind];
	s.raw = is_raw(section);
	s.path_len = section->part_count;
	s.path = pool_new_array(box->message.pool, uint32_t,
				section->part_count + 1);
	if (section->part_count > 0)
		memcpy(s.path, section->part,
		       section->part_count * sizeof(*s.path));
	s.field_count = section->field_count;
	s.fields = pool_new_array(box->message.pool, struct cv_span,
				  section->field_count + 1);
	for (uint32_t i = 0; i < section->field_count; i++)
		s.fields[i] = pool_span(box->message.pool,
					section->fields[i]);
	return open_section(&box->message, file, tree, &s, stream_r, size_r,
			    err);
}
