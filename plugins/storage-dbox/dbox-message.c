/* dbox-message.c - one message at a place of a file, in our format or in
 * Dovecot's, told apart by its first bytes. */
#include "dbox.h"

enum {
	LOOK = 512, CHECK_MAX = 64 * 1024,
	/* what is read with the head when the body is to be checked */
	HEAD_ROOM = 8192,
};

bool dbox_foreign_head(struct cv_storage_root *root, int fd,
		       uint32_t *head_r, uint64_t *first_r)
{
	char line[128];
	ssize_t got = DBOX_CALL(root, pread, fd, line, sizeof(line), 0);

	return got > 0 && dbox_foreign_line_parse(cv_span(line, (size_t)got),
						  head_r, first_r);
}

static bool is_sum(const struct dbox_message *m, const void *data)
{
	return cv_api->crc32c(0, data, (size_t)m->length) ==
		m->record.body_crc;
}

/* Small messages are checked when they are read: that costs less than the
 * call.  have: what was read from the head on. */
static int check_body(struct cv_storage_root *root, int fd,
		      const struct dbox_message *m, struct cv_span have,
		      struct cv_error *err)
{
	struct cv_pool *pool;
	char *data;
	ssize_t got;
	bool whole;

	if (m->length > CHECK_MAX)
		return CV_OK;
	if (have.len >= DBOX_RECORD_SIZE + m->length)
		return is_sum(m, have.data + DBOX_RECORD_SIZE) ? CV_OK :
			CV_FAIL(err, CV_E_TEMP, "a message is damaged on disk");
	pool = cv_api->pool_create("dbox check");
	data = cv_api->alloc(pool, (size_t)m->length + 1);
	got = DBOX_CALL(root, pread, fd, data, (size_t)m->length, m->body);
	whole = got == (ssize_t)m->length && is_sum(m, data);
	cv_api->pool_destroy(&pool);
	return whole ? CV_OK :
		CV_FAIL(err, CV_E_TEMP, "a message is damaged on disk");
}

static void read_trailer(struct cv_storage_root *root, int fd,
			 struct cv_pool *pool, struct dbox_message *m)
{
	char data[DBOX_TRAILER_MAX];
	ssize_t got = DBOX_CALL(root, pread, fd, data, m->record.slot,
				m->body + m->length);

	m->has_trailer = got > 0 &&
		dbox_trailer_parse(cv_span(data, (size_t)got), pool,
				   &m->trailer);
}

static int read_ours(struct cv_storage_root *root, int fd, bool trailer,
		     struct cv_pool *pool, struct cv_span have,
		     struct dbox_message *m, struct cv_error *err)
{
	m->ours = true;
	m->body = m->offset + DBOX_RECORD_SIZE;
	m->length = m->record.length;
	m->end = m->offset + dbox_record_room(&m->record);
	if (!trailer)
		return check_body(root, fd, m, have, err);
	read_trailer(root, fd, pool, m);
	return CV_OK;
}

int dbox_metadata_read(struct cv_storage_root *root, int fd,
		       struct cv_pool *pool, struct dbox_message *m)
{
	size_t room = LOOK;

	for (;;) {
		char *data = cv_api->alloc(pool, room);
		ssize_t got = DBOX_CALL(root, pread, fd, data, room,
					m->body + m->length);

		if (got > 0 && dbox_metadata_parse(cv_span(data, (size_t)got),
						   &m->metadata)) {
			m->end = m->body + m->length + m->metadata.size;
			m->has_trailer = true;
			return CV_OK;
		}
		if (got < (ssize_t)room || room >= DBOX_METADATA_MAX ||
		    !dbox_metadata_begins(cv_span(data, (size_t)got)))
			return CV_NOT_FOUND;
		room *= 8;
	}
}

int dbox_message_read(struct cv_storage_root *root, int fd, uint64_t offset,
		      uint32_t foreign_head, bool trailer,
		      struct cv_pool *pool, struct dbox_message *m_r,
		      struct cv_error *err)
{
	char head[HEAD_ROOM];
	size_t want = foreign_head > DBOX_RECORD_SIZE ? foreign_head :
		DBOX_RECORD_SIZE;
	struct cv_span bytes;
	struct stat st;
	ssize_t got;

	*m_r = (struct dbox_message){ .offset = offset };
	/* not more than there is: finding the end is a call of its own */
	if (!trailer && DBOX_CALL(root, fstat, fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && (uint64_t)st.st_size > offset) {
		m_r->file_bytes = (uint64_t)st.st_size;
		want = m_r->file_bytes - offset < sizeof(head) ?
			(size_t)(m_r->file_bytes - offset) : sizeof(head);
	}
	got = DBOX_CALL(root, pread, fd, head, want, offset);
	if (got < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot read a message: %s",
			       strerror(errno));
	bytes = cv_span(head, (size_t)got);
	if (dbox_record_parse(bytes, &m_r->record))
		return read_ours(root, fd, trailer, pool, bytes, m_r, err);
	if (foreign_head == 0 || bytes.len < foreign_head ||
	    !dbox_foreign_head_parse(bytes, &m_r->length))
		return CV_NOT_FOUND;
	m_r->body = offset + foreign_head;
	m_r->end = m_r->body + m_r->length;
	return trailer ? dbox_metadata_read(root, fd, pool, m_r) : CV_OK;
}

bool dbox_body_whole(struct cv_storage_root *root, int fd,
		     const struct dbox_message *m, uint64_t *budget)
{
	char data[16 * 1024];
	uint32_t crc = 0;

	if (m->length > *budget)
		return false;
	*budget -= m->length;
	for (uint64_t at = 0; at < m->length;) {
		uint64_t left = m->length - at;
		ssize_t got = DBOX_CALL(root, pread, fd, data,
					left < sizeof(data) ? (size_t)left :
					sizeof(data),
					m->body + at);

		if (got <= 0)
			return false;
		crc = cv_api->crc32c(crc, data, (size_t)got);
		at += (uint64_t)got;
	}
	return crc == m->record.body_crc;
}

static int check_long(struct cv_storage_root *root, int fd,
		      const struct dbox_message *m,
		      const struct cv_blob_source *src, struct cv_error *err)
{
	uint64_t budget = UINT64_MAX;

	if (!CV_HAS(src, verify) || !src->verify || !m->ours ||
	    m->length <= CHECK_MAX ||
	    dbox_body_whole(root, fd, m, &budget))
		return CV_OK;
	return CV_FAIL(err, CV_E_TEMP, "a message is damaged on disk");
}

int dbox_message_source(struct cv_storage_root *root, int fd,
			struct dbox_message *m,
			struct cv_blob_source *src_r, struct cv_error *err)
{
	struct cv_pool *pool;
	int ret = CV_OK;

	src_r->fd = fd;
	src_r->offset = m->body;
	src_r->len = m->length;
	src_r->stream = NULL;

	if (m->body + m->length > m->file_bytes)
		return CV_FAIL(err, CV_E_TEMP, "a message is cut off");
	if (m->ours)
		return check_long(root, fd, m, src_r, err);
	pool = cv_api->pool_create("dbox metadata");
	if (dbox_metadata_read(root, fd, pool, m) == CV_OK &&
	    m->metadata.external.data != NULL)
		ret = dbox_whole_stream(root, fd, m, src_r, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

void dbox_facts(struct cv_storage_root *root, int fd, struct dbox_message *m,
		struct cv_pool *pool, struct cv_blob_facts *facts)
{
	if (m->ours || dbox_metadata_read(root, fd, pool, m) != CV_OK)
		return;
	facts->pop3_uidl = m->metadata.pop3_uidl;
	facts->pop3_order = m->metadata.pop3_order;
}

/* --- what a folder knows of it ------------------------------------------------- */

uint32_t dbox_slot_size(struct cv_storage_folder *folder)
{
	/* head, numbers, the name, and room for some keywords */
	size_t size = 12 + 19 + 3 * 7 + 11 + 3 + strlen(folder->name) + 64;

	size = (size + 7) & ~(size_t)7;
	return size > DBOX_TRAILER_MAX ? DBOX_TRAILER_MAX :
		size < DBOX_SLOT_MIN ? DBOX_SLOT_MIN : (uint32_t)size;
}

void dbox_trailer_of(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, uint32_t slot,
		     struct cv_text *dst)
{
	struct dbox_trailer t = {
		.uid = blob->uid, .uidvalidity = folder->uidvalidity,
		.flags = blob->flags, .saved = time(NULL),
		.folder = cv_span_of(folder->name),
		.keywords = blob->keywords,
	};

	memcpy(t.guid, blob->guid, sizeof(t.guid));
	dbox_trailer_format(dst, &t, slot);
}

void dbox_record_finish(struct cv_text *dst, size_t at,
			struct cv_storage_folder *folder,
			const struct cv_blob *blob, uint64_t id,
			uint32_t body_crc, uint32_t slot)
{
	struct dbox_record record = {
		.id = id, .length = dst->len - at - DBOX_RECORD_SIZE,
		.virtual_bytes = blob->virtual_bytes,
		.received = blob->received, .slot = slot,
		.body_crc = body_crc,
	};

	if (blob->uid != 0) {
		dbox_trailer_of(folder, blob, slot, dst);
	} else {
		for (uint32_t i = 0; i < slot; i++)
			cv_text_append_c(dst, '\0');
	}
	dbox_record_format(&record, (unsigned char *)dst->data + at);
}

static void found_ours(const struct dbox_message *m, struct cv_pool *pool,
		       struct cv_found *found)
{
	found->virtual_bytes = m->record.virtual_bytes;
	found->received = m->record.received;
	if (!m->has_trailer)
		return;
	memcpy(found->guid, m->trailer.guid, 16);
	found->has_guid = true;
	found->saved = m->trailer.saved;
	if (found->has_flags)
		return;
	found->flags = m->trailer.flags;
	if (m->trailer.keywords.count > 0) {
		const char **names = CV_ALLOC_ARRAY(
			pool, const char *, m->trailer.keywords.count);

		for (uint32_t i = 0; i < m->trailer.keywords.count; i++)
			names[i] = common_strdup(
				pool, m->trailer.keywords.names[i]);
		found->keywords.names = names;
		found->keywords.count = m->trailer.keywords.count;
	}
}

int dbox_message_found(struct cv_storage_root *root, int fd,
		       const struct dbox_message *m, struct cv_pool *pool,
		       struct cv_found *found)
{
	struct stat st;

	if (DBOX_CALL(root, fstat, fd, &st) < 0 || !S_ISREG(st.st_mode))
		return CV_NOT_FOUND;
	found->bytes = m->metadata.external.data != NULL ?
		m->metadata.plain_bytes : m->length;
	if (m->ours) {
		/* written a moment ago and not committed, or never */
		if (!m->has_trailer &&
		    time(NULL) - st.st_mtim.tv_sec < DBOX_HIDDEN_SECONDS)
			return CV_NOT_FOUND;
		found_ours(m, pool, found);
		return CV_OK;
	}
	/* as Dovecot, which writes a file once */
	if (!root->multi)
		found->saved = st.st_ctim.tv_sec;
	found->received = m->metadata.received != INT64_MIN ?
		m->metadata.received : st.st_mtim.tv_sec;
	found->virtual_bytes = m->metadata.virtual_bytes;
	found->has_guid = m->metadata.has_guid;
	memcpy(found->guid, m->metadata.guid, 16);
	return CV_OK;
}
