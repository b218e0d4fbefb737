/* mdbox.c - messages in containers: a reference names the record by the
 * place where it was first written, and its ID.  A copy is another reference
 * to the same record. */
#include "dbox.h"

/* Of one message in a folder of Dovecot's; copies made here have larger
 * numbers. */
enum { COPIES_MAX = 1 << 24 };

/* --- references ----------------------------------------------------------------- */

static bool parse_hex(struct cv_span s, uint64_t *value_r)
{
	uint64_t value = 0;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		value = value << 4 | (unsigned int)
			(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*value_r = value;
	return true;
}

/* "c.NUMBER.OFFSET.ID", "m.NUMBER.OFFSET"; copies have ".x" and digits behind
 * it. */
bool mdbox_ref_parse(struct cv_span text, struct mdbox_ref *ref_r)
{
	struct cv_span rest = text, word;
	uint64_t number;

	*ref_r = (struct mdbox_ref){ .id = 0 };
	if (text.len > DBOX_NAME_MAX || !cv_span_split(&rest, '.', &word) ||
	    (!cv_span_is(word, "c") && !cv_span_is(word, "m")))
		return false;
	ref_r->foreign = word.data[0] == 'm';
	if (!cv_span_split(&rest, '.', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX, &number) ||
	    !cv_span_split(&rest, '.', &word) ||
	    !cv_span_to_u64(word, INT64_MAX / 2, &ref_r->offset))
		return false;
	ref_r->number = (uint32_t)number;
	if (!ref_r->foreign && (!cv_span_split(&rest, '.', &word) ||
				!parse_hex(word, &ref_r->id)))
		return false;
	if (rest.data == NULL)
		return true;
	return rest.len > 1 && rest.data[0] == 'x' &&
		parse_hex(cv_span_skip(rest, 1), &ref_r->copy);
}

bool mdbox_ref_counted(const struct mdbox_ref *ref)
{
	return ref->foreign && ref->copy < COPIES_MAX;
}

static bool is_copy(struct cv_span ref)
{
	return memchr(ref.data, 'x', ref.len) != NULL;
}

/* --- finding a record --------------------------------------------------------------- */

static uint64_t number_at(const char *p)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

/* After a purge: the table is sorted by old offsets. */
static bool find_moved(struct cv_storage_root *root, int fd,
		       const struct dbox_container *head,
		       const struct mdbox_ref *ref, uint64_t *offset_r)
{
	uint32_t low = 0, high = head->table_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		char entry[DBOX_TABLE_ENTRY];
		uint64_t old;

		if (DBOX_CALL(root, pread, fd, entry, sizeof(entry),
			      head->table + (uint64_t)middle *
			      DBOX_TABLE_ENTRY) != sizeof(entry))
			return false;
		old = number_at(entry);
		if (old == ref->offset) {
			*offset_r = number_at(entry + 16);
			return number_at(entry + 8) == ref->id;
		}
		if (old < ref->offset)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int read_ours(struct cv_storage_root *root, int fd,
		     const struct mdbox_ref *ref, bool trailer,
		     struct dbox_message *m, struct cv_error *err)
{
	struct cv_pool *scratch = cv_api->pool_create("mdbox");
	struct dbox_container head;
	uint64_t offset = ref->offset;
	int ret = CV_NOT_FOUND;

	if (!ref->foreign)
		ret = dbox_message_read(root, fd, offset, 0, trailer, scratch,
					m, err);
	if (ret == CV_OK && (!m->ours || m->record.id != ref->id))
		ret = CV_NOT_FOUND;
	if (ret == CV_NOT_FOUND && mdbox_head_read(root, fd, &head) &&
	    head.table != 0 && find_moved(root, fd, &head, ref, &offset))
		ret = dbox_message_read(root, fd, offset, 0, trailer, scratch,
					m, err);
	cv_api->pool_destroy(&scratch);
	return ret;
}

static int read_foreign(struct cv_storage_root *root, int fd,
			const struct mdbox_ref *ref, bool trailer,
			struct dbox_message *m, struct cv_error *err)
{
	struct cv_pool *scratch;
	uint64_t first;
	uint32_t head = mdbox_foreign_head(root, fd, &first);
	int ret;

	scratch = cv_api->pool_create("mdbox");
	ret = dbox_message_read(root, fd, ref->offset, head, trailer, scratch,
				m, err);
	cv_api->pool_destroy(&scratch);
	return ret;
}

static int locate_in(struct cv_storage_root *root, int dirfd,
		     const struct mdbox_ref *ref, int flags, bool trailer,
		     struct mdbox_place *place, struct cv_error *err)
{
	char name[DBOX_PATH_MAX];
	int ret = CV_NOT_FOUND;

	place->fd = -1;
	if (ref->foreign) {
		snprintf(name, sizeof(name), "m.%u", ref->number);
		place->fd = DBOX_CALL(root, open, dirfd, name,
				      flags | O_NONBLOCK, 0);
		if (place->fd >= 0)
			ret = read_foreign(root, place->fd, ref, trailer,
					   &place->message, err);
	}
	if (place->fd < 0) {
		mdbox_container_name(ref->number, name);
		place->fd = DBOX_CALL(root, open, dirfd, name,
				      flags | O_NONBLOCK, 0);
		if (place->fd < 0)
			return errno == ENOENT ? CV_NOT_FOUND :
				common_fail(err, "open", name);
		ret = read_ours(root, place->fd, ref, trailer,
				&place->message, err);
	}
	if (ret != CV_OK)
		dbox_close(root, place->fd);
	return ret;
}

static int locate(struct cv_storage_root *root, const struct mdbox_ref *ref,
		  int flags, bool trailer, struct mdbox_place *place_r,
		  struct cv_error *err)
{
	int ret = mdbox_storage(root, err);

	*place_r = (struct mdbox_place){ .fd = -1 };
	if (ret == CV_OK)
		ret = locate_in(root, root->storage_fd, ref, flags, trailer,
				place_r, err);
	if (ret == CV_NOT_FOUND && mdbox_alt_storage(root, NULL) == CV_OK) {
		ret = locate_in(root, root->alt_fd, ref, flags, trailer,
				place_r, err);
		place_r->alt = true;
		/* moved back meanwhile */
		if (ret == CV_NOT_FOUND) {
			ret = locate_in(root, root->storage_fd, ref, flags,
					trailer, place_r, err);
			place_r->alt = false;
		}
	}
	return ret;
}

int mdbox_locate(struct cv_storage_root *root, const struct mdbox_ref *ref,
		 bool write, struct mdbox_place *place_r,
		 struct cv_error *err)
{
	/* what is to be written is not read: damage does not matter */
	return locate(root, ref, write ? O_RDWR : O_RDONLY, write, place_r,
		      err);
}

const char *mdbox_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	char ours[DBOX_PATH_MAX], foreign[DBOX_PATH_MAX];
	const char *const bases[] = { root->config->path, root->alt };
	const int fds[] = { root->storage_fd, root->alt_fd };
	struct mdbox_ref ref;
	struct cv_text path;
	struct stat st;

	if (!mdbox_ref_parse(blob->ref, &ref))
		return NULL;
	mdbox_container_name(ref.number, ours);
	snprintf(foreign, sizeof(foreign), "m.%u", ref.number);
	cv_text_init(&path, pool);
	for (size_t i = 0; i < 2 && path.len == 0; i++) {
		if (fds[i] < 0)
			continue;
		if (ref.foreign && DBOX_CALL(root, stat, fds[i], foreign,
					     &st) == 0)
			cv_text_append_f(&path, "%s/storage/%s", bases[i],
					 foreign);
		else if (DBOX_CALL(root, stat, fds[i], ours, &st) == 0)
			cv_text_append_f(&path, "%s/storage/%s", bases[i],
					 ours);
	}
	if (path.len == 0)
		cv_text_append_f(&path, "%s/storage/%s", bases[0],
				 ref.foreign ? foreign : ours);
	return path.data;
}

int mdbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err)
{
	struct mdbox_place place;
	struct mdbox_ref ref;
	int ret;

	if (!mdbox_ref_parse(blob->ref, &ref))
		return CV_NOT_FOUND;
	ret = mdbox_locate(folder->root, &ref, false, &place, err);
	if (ret == CV_NOT_FOUND && dbox_alt_there(folder->root, err) < 0)
		return CV_E_TEMP;
	if (ret != CV_OK)
		return ret;
	ret = dbox_message_source(folder->root, place.fd, &place.message,
				  src_r, err);
	if (ret < 0)
		dbox_close(folder->root, place.fd);
	return ret;
}

int mdbox_facts(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_blob_facts *facts_r,
		struct cv_error *err)
{
	struct mdbox_place place;
	struct mdbox_ref ref;
	int ret;

	if (!mdbox_ref_parse(blob->ref, &ref))
		return CV_NOT_FOUND;
	ret = mdbox_locate(folder->root, &ref, false, &place, err);
	if (ret != CV_OK)
		return ret;
	dbox_facts(folder->root, place.fd, &place.message, pool, facts_r);
	dbox_close(folder->root, place.fd);
	return CV_OK;
}

struct cv_span mdbox_same_bytes(struct cv_span ref)
{
	const char *x = memchr(ref.data, 'x', ref.len);

	if (x != NULL && x > ref.data)
		ref.len = (size_t)(x - ref.data) - 1;
	return ref;
}

/* --- marks of our records --------------------------------------------------------------- */

/* Says that the record was dropped at least once: it is no message that is
 * still on its way. */
static int drop(struct cv_storage_root *root, struct cv_span text,
		struct cv_error *err)
{
	static const char mark = DBOX_DROPPED;
	struct mdbox_place place;
	struct mdbox_ref ref;
	int ret;

	if (!mdbox_ref_parse(text, &ref) || ref.foreign)
		return CV_OK;
	ret = mdbox_locate(root, &ref, true, &place, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	if (place.message.record.state != DBOX_DROPPED &&
	    DBOX_CALL(root, pwrite, place.fd, &mark, 1,
		      place.message.offset + DBOX_STATE_AT) < 0)
		ret = common_fail(err, "mark", "container");
	dbox_close(root, place.fd);
	return ret;
}

int mdbox_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox remove");
	struct cv_span *refs = CV_ALLOC_ARRAY(pool, struct cv_span,
					      (size_t)count + 1);
	int ret;

	for (uint32_t i = 0; i < count; i++)
		refs[i] = blobs[i].ref;
	ret = mdbox_ledger_add(folder->root, folder->uidvalidity, refs, count,
			       err);
	cv_api->pool_destroy(&pool);
	for (uint32_t i = 0; i < count; i++) {
		int one = drop(folder->root, blobs[i].ref,
			       ret < 0 ? NULL : err);

		if (one < 0)
			ret = one;
	}
	return ret;
}

void mdbox_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref)
{
	dbox_open_drop(folder, dbox_open_find(folder, ref));
	if (!is_copy(ref))
		(void)drop(folder->root, ref, NULL);
}

static void place_one(struct cv_storage_folder *folder,
		      const struct cv_blob *blob)
{
	struct cv_storage_root *root = folder->root;
	struct dbox_open again = { .fd = -1 };
	struct dbox_open *open = dbox_open_find(folder, blob->ref);
	struct mdbox_place place;
	struct mdbox_ref ref;
	struct cv_pool *pool;
	struct cv_text trailer;

	if (is_copy(blob->ref))
		return;
	if (open == NULL) {
		if (!mdbox_ref_parse(blob->ref, &ref) || ref.foreign ||
		    mdbox_locate(root, &ref, true, &place, NULL) != CV_OK)
			return;
		open = &again;
		open->fd = place.fd;
		open->offset = place.message.body + place.message.length;
		open->slot = place.message.record.slot;
	}
	pool = cv_api->pool_create("dbox trailer");
	cv_text_init(&trailer, pool);
	dbox_trailer_of(folder, blob, open->slot, &trailer);
	/* what fails is known to the journal all the same */
	(void)DBOX_CALL(root, pwrite, open->fd, trailer.data, trailer.len,
			open->offset);
	cv_api->pool_destroy(&pool);
	dbox_open_drop(folder, open);
}

void mdbox_place(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		place_one(folder, &blobs[i]);
}

/* Where it was committed and its trailer was not written, it is placed: a
 * rebuild finds messages by their trailers. */
int mdbox_recover(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_error *err)
{
	struct mdbox_place place;
	struct mdbox_ref ref;
	int ret;

	if (!mdbox_ref_parse(blob->ref, &ref))
		return CV_NOT_FOUND;
	ret = locate(folder->root, &ref, O_RDONLY, true, &place, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ?
			dbox_recover_from_alt(folder, blob) : ret;
	dbox_close(folder->root, place.fd);
	if (place.message.ours && !place.message.has_trailer)
		place_one(folder, blob);
	return CV_OK;
}

/* --- copies -------------------------------------------------------------------------------- */

int mdbox_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err)
{
	struct cv_span base = mdbox_same_bytes(blob->ref);
	char text[DBOX_NAME_MAX + 32];
	struct mdbox_place place;
	struct mdbox_ref ref;
	uint32_t random;
	int ret;

	(void)folder;
	/* a message that is not there is not copied */
	if (!mdbox_ref_parse(blob->ref, &ref))
		return CV_NOT_FOUND;
	ret = mdbox_locate(from->root, &ref, false, &place, err);
	if (ret != CV_OK)
		return ret;
	dbox_close(from->root, place.fd);
	cv_api->random(&random, sizeof(random));
	random |= UINT32_C(1) << 31;
	snprintf(text, sizeof(text), "%.*s.x%x", CV_SPAN_ARG(base), random);
	*ref_r = cv_span_of(common_strdup(pool, text));
	return CV_OK;
}

/* A copy is a reference: nothing of it is on disk. */
int mdbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err)
{
	(void)folder; (void)err;
	return CV_OK;
}

int mdbox_sync_storage(struct cv_storage_root *root, struct cv_error *err)
{
	return DBOX_CALL(root, fsync, root->storage_fd) < 0 ?
		common_fail(err, "sync", "storage") : CV_OK;
}

int mdbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	       struct cv_error *err)
{
	int ret = mdbox_owed_sync(folder->root, err);

	if (ret == CV_OK)
		ret = mdbox_sync_storage(folder->root, err);
	if (ret == CV_OK) {
		mdbox_make_known(folder);
		dbox_synced(folder, modseq);
	}
	return ret;
}

/* --- what a power cut lost --------------------------------------------------------------------- */

static bool is_whole(struct cv_storage_root *root,
		     const struct mdbox_ref *ref, struct cv_span body)
{
	struct mdbox_place place;
	struct cv_pool *pool;
	char *data;
	bool whole;

	if (mdbox_locate(root, ref, false, &place, NULL) != CV_OK)
		return false;
	pool = cv_api->pool_create("dbox check");
	data = cv_api->alloc(pool, body.len + 1);
	whole = place.message.length == body.len &&
		DBOX_CALL(root, pread, place.fd, data, body.len,
			  place.message.body) == (ssize_t)body.len &&
		memcmp(data, body.data, body.len) == 0;
	cv_api->pool_destroy(&pool);
	if (!whole)
		dbox_close(root, place.fd);
	else
		whole = mdbox_owe(root, ref->number, place.alt, place.fd,
				  NULL) == CV_OK;
	return whole;
}

/* The room that the trailer was given.  It was made for the name of its first
 * mailbox; now it may be in one whose name is longer, and what stands behind
 * is another message's.  Where the head is lost, no record has less than the
 * least; what is left free is skipped by who reads the container. */
static uint32_t slot_given(struct cv_storage_root *root, int fd,
			   const struct mdbox_ref *ref, size_t body_len)
{
	char head[DBOX_RECORD_SIZE];
	struct dbox_record record;

	return DBOX_CALL(root, pread, fd, head, sizeof(head), ref->offset) ==
			(ssize_t)sizeof(head) &&
		dbox_record_parse(cv_span(head, sizeof(head)), &record) &&
		record.id == ref->id && record.length == body_len ?
		record.slot : DBOX_SLOT_MIN;
}

/* Nothing else can stand there: only containers of this run of the machine
 * are appended to. */
static int write_back(struct cv_storage_folder *folder,
		      const struct mdbox_ref *ref, const struct cv_blob *blob,
		      struct cv_span body, struct cv_text *data,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct dbox_container head;
	int fd, ret = mdbox_container_open(root, ref->number, &fd, err);

	if (ret < 0)
		return ret;
	for (int i = 0; i < DBOX_RECORD_SIZE; i++)
		cv_text_append_c(data, '\0');
	cv_text_append_span(data, body);
	dbox_record_finish(data, 0, folder, blob, ref->id,
			   cv_api->crc32c(0, body.data, body.len),
			   slot_given(root, fd, ref, body.len));
	if (mdbox_head_read(root, fd, &head) && head.table != 0)
		ret = CV_FAIL(err, CV_E_TEMP, "container %u has lost a "
			      "message", ref->number);
	if (ret == CV_OK && DBOX_CALL(root, pwrite, fd, data->data, data->len,
				      ref->offset) < 0)
		ret = common_fail(err, "write", "container");
	if (ret == CV_OK)
		return mdbox_owe(root, ref->number, false, fd, err);
	dbox_close(root, fd);
	return ret;
}

int mdbox_lay_out(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_span body,
		  struct cv_error *err)
{
	struct mdbox_ref ref;
	struct cv_pool *pool;
	struct cv_text data;
	int ret;

	if (!mdbox_ref_parse(blob->ref, &ref))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	if (is_whole(folder->root, &ref, body))
		return mdbox_recover(folder, blob, err) < 0 ? CV_E_TEMP :
			CV_OK;
	if (ref.foreign)
		return CV_FAIL(err, CV_E_TEMP, "'%.*s' is gone",
			       CV_SPAN_ARG(blob->ref));
	pool = cv_api->pool_create("dbox lay out");
	cv_text_init(&data, pool);
	cv_api->text_grow(&data, body.len + 4096);
	ret = write_back(folder, &ref, blob, body, &data, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

int mdbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool;
	struct mdbox_place place;
	struct dbox_message m;
	struct mdbox_ref ref;
	uint32_t head = 0;
	uint64_t first;
	int ret;

	if (!mdbox_ref_parse(found->ref, &ref))
		return CV_NOT_FOUND;
	ret = locate(root, &ref, O_RDONLY, true, &place, err);
	if (ret != CV_OK)
		return ret;
	/* again, with what its trailer says in memory that stays */
	pool = cv_api->pool_create("dbox look");
	if (!place.message.ours)
		head = mdbox_foreign_head(root, place.fd, &first);
	ret = dbox_message_read(root, place.fd, place.message.offset, head,
				true, pool, &m, err);
	if (ret == CV_OK)
		ret = dbox_message_found(root, place.fd, &m, folder->pool,
					 found);
	dbox_close(root, place.fd);
	cv_api->pool_destroy(&pool);
	return ret;
}
