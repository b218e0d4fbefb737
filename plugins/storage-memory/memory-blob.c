/* memory-blob.c - messages: put, placed, read, marked and removed. */
#include "memory.h"

#include <stdlib.h>

struct cv_storage_put {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	char *data;
	size_t len, room;
};

/* --- references --------------------------------------------------------------- */

static bool parse_ref(struct cv_span ref, uint64_t *number_r)
{
	uint64_t number = 0;

	if (ref.len != MEMORY_REF_BYTES || ref.data[0] != 'm' ||
	    ref.data[1] != '.')
		return false;
	for (size_t i = 2; i < ref.len; i++) {
		char c = ref.data[i];

		if (c >= '0' && c <= '9')
			number = number << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			number = number << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*number_r = number;
	return true;
}

/* Where a number is, or would be. */
static size_t place_of(const struct memory_folder *folder, uint64_t number)
{
	size_t low = 0, high = folder->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (folder->blobs[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct memory_blob *memory_blob_find(struct memory_folder *folder,
				     struct cv_span ref)
{
	uint64_t number;
	size_t at;

	if (!parse_ref(ref, &number))
		return NULL;
	at = place_of(folder, number);
	return at < folder->count && folder->blobs[at].number == number ?
		&folder->blobs[at] : NULL;
}

struct cv_span memory_blob_ref(const struct memory_blob *blob,
			       struct cv_pool *pool)
{
	char *ref = cv_api->alloc(pool, MEMORY_REF_BYTES + 1);

	snprintf(ref, MEMORY_REF_BYTES + 1, "m.%016llx",
		 (unsigned long long)blob->number);
	return cv_span(ref, MEMORY_REF_BYTES);
}

/* A hidden one, whose bytes it takes over. */
static struct memory_blob *blob_add(struct memory_folder *folder,
				    uint64_t number,
				    struct memory_bytes *bytes)
{
	size_t at = place_of(folder, number);

	if (folder->count == folder->room) {
		size_t room = folder->room == 0 ? 16 : folder->room * 2;
		void *blobs = reallocarray(folder->blobs, room,
					   sizeof(*folder->blobs));

		if (blobs == NULL)
			abort();
		folder->blobs = blobs;
		folder->room = room;
	}
	memmove(&folder->blobs[at + 1], &folder->blobs[at],
		(folder->count - at) * sizeof(*folder->blobs));
	folder->count++;
	folder->blobs[at] = (struct memory_blob){
		.number = number, .bytes = bytes, .hidden = true,
		.hidden_since = cv_api->monotonic_msecs(),
	};
	return &folder->blobs[at];
}

void memory_blob_drop(struct memory_folder *folder, struct memory_blob *blob)
{
	size_t at = (size_t)(blob - folder->blobs);

	memory_bytes_unref(blob->bytes);
	if (blob->keywords_pool != NULL)
		cv_api->pool_destroy(&blob->keywords_pool);
	folder->count--;
	memmove(blob, blob + 1,
		(folder->count - at) * sizeof(*folder->blobs));
}

/* --- reading -------------------------------------------------------------------- */

static int read_bytes(void *context, uint64_t offset, void *data, size_t len,
		      size_t *got_r, struct cv_error *err)
{
	const struct memory_bytes *bytes = context;

	(void)err;
	if (offset >= bytes->len)
		return CV_EOF;
	if (len > bytes->len - offset)
		len = bytes->len - (size_t)offset;
	memcpy(data, bytes->data + offset, len);
	*got_r = len;
	return CV_OK;
}

static void read_done(void *context)
{
	memory_bytes_unref(context);
}

int memory_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	       struct cv_blob_source *src_r, struct cv_error *err)
{
	struct memory_blob *found = memory_blob_find(folder->folder,
						     blob->ref);

	(void)err;
	if (found == NULL)
		return CV_NOT_FOUND;
	src_r->fd = -1;
	src_r->offset = 0;
	src_r->len = found->bytes->len;
	src_r->stream = memory_stream_api->from_reader(
		src_r->pool, found->bytes->len, read_bytes, read_done,
		memory_bytes_ref(found->bytes));
	return CV_OK;
}

/* --- writing -------------------------------------------------------------------- */

int memory_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		      uint64_t bytes, uint64_t virtual_bytes,
		      struct cv_storage_put **put_r, struct cv_error *err)
{
	struct cv_storage_put *put;

	(void)virtual_bytes;
	if (bytes > SIZE_MAX / 2 || memory_room(folder->root->tree, (size_t)bytes, err) < 0)
		return CV_E_NO_SPACE;
	put = CV_ALLOC(pool, struct cv_storage_put);
	put->folder = folder;
	put->pool = pool;
	*put_r = put;
	return CV_OK;
}

int memory_put_write(struct cv_storage_put *put, const void *data,
		     size_t len, struct cv_error *err)
{
	size_t room = put->room == 0 ? 1024 : put->room;
	char *grown;

	if (len > SIZE_MAX / 4 - put->len ||
	    memory_room(put->folder->root->tree, put->len + len, err) < 0)
		return CV_E_NO_SPACE;
	while (room < put->len + len)
		room *= 2;
	if (room > put->room) {
		grown = realloc(put->data, room);
		if (grown == NULL)
			return CV_FAIL(err, CV_E_NO_SPACE, "out of memory");
		put->data = grown;
		put->room = room;
	}
	if (len > 0)
		memcpy(put->data + put->len, data, len);
	put->len += len;
	return CV_OK;
}

void memory_put_abort(struct cv_storage_put **put)
{
	if (*put != NULL)
		free((*put)->data);
	*put = NULL;
}

int memory_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		      int64_t received, bool sync, struct cv_span *ref_r,
		      struct cv_error *err)
{
	struct cv_storage_put *p = *put;
	struct memory_folder *folder = p->folder->folder;
	struct memory_tree *tree = p->folder->root->tree;
	struct memory_blob *blob;

	(void)sync;
	if (memory_room(tree, p->len, err) < 0) {
		memory_put_abort(put);
		return CV_E_NO_SPACE;
	}
	blob = blob_add(folder, tree->next_number++,
			memory_bytes_create(tree, p->data, p->len));
	blob->virtual_bytes = virtual_bytes;
	blob->received = received;
	*ref_r = memory_blob_ref(blob, p->pool);
	memory_put_abort(put);
	return CV_OK;
}

void memory_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		  uint32_t count)
{
	(void)folder;
	for (uint32_t i = 0; i < count; i++)
		blobs[i].marks = 0;
}

static void set_shown(struct memory_blob *to, uint32_t flags,
		      struct cv_keywords keywords)
{
	const char **names;

	to->flags = flags;
	if (to->keywords_pool != NULL)
		cv_api->pool_destroy(&to->keywords_pool);
	to->keywords = (struct cv_keywords){ NULL, 0 };
	if (keywords.count == 0)
		return;
	to->keywords_pool = cv_api->pool_create("memory keywords");
	names = CV_ALLOC_ARRAY(to->keywords_pool, const char *,
			       keywords.count);
	for (uint32_t i = 0; i < keywords.count; i++)
		names[i] = cv_span_copy(to->keywords_pool,
					cv_span_of(keywords.names[i]));
	to->keywords = (struct cv_keywords){ names, keywords.count };
}

void memory_place(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct memory_blob *blob = memory_blob_find(folder->folder,
							    blobs[i].ref);

		if (blob == NULL)
			continue;
		blob->hidden = false;
		blob->uid = blobs[i].uid;
		blob->received = blobs[i].received;
		blob->virtual_bytes = blobs[i].virtual_bytes;
		blob->has_guid = true;
		memcpy(blob->guid, blobs[i].guid, sizeof(blob->guid));
		set_shown(blob, blobs[i].flags, blobs[i].keywords);
	}
}

int memory_lay_out(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_span body,
		   struct cv_error *err)
{
	struct memory_blob *found = memory_blob_find(folder->folder,
						     blob->ref);
	struct memory_tree *tree = folder->root->tree;
	uint64_t number;

	if (!parse_ref(blob->ref, &number))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	if (found == NULL || found->bytes->len != body.len ||
	    memcmp(found->bytes->data, body.data, body.len) != 0) {
		if (memory_room(tree, body.len, err) < 0)
			return CV_E_NO_SPACE;
		if (found != NULL)
			memory_blob_drop(folder->folder, found);
		blob_add(folder->folder, number,
			 memory_bytes_create(tree, body.data, body.len));
	}
	memory_place(folder, blob, 1);
	return CV_OK;
}

int memory_link(struct cv_storage_folder *folder,
		struct cv_storage_folder *from, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_span *ref_r,
		struct cv_error *err)
{
	struct memory_blob *found = memory_blob_find(from->folder, blob->ref);
	struct memory_blob *copy;
	uint64_t virtual_bytes;
	int64_t received;

	(void)err;
	if (found == NULL)
		return CV_NOT_FOUND;
	virtual_bytes = found->virtual_bytes;
	received = found->received;
	copy = blob_add(folder->folder, folder->root->tree->next_number++,
			memory_bytes_ref(found->bytes));
	copy->virtual_bytes = virtual_bytes;
	copy->received = received;
	*ref_r = memory_blob_ref(copy, pool);
	return CV_OK;
}

int memory_sync_hidden(struct cv_storage_folder *folder,
		       struct cv_error *err)
{
	(void)folder; (void)err;
	return CV_OK;
}

void memory_unlink_hidden(struct cv_storage_folder *folder,
			  struct cv_span ref)
{
	struct memory_blob *blob = memory_blob_find(folder->folder, ref);

	if (blob != NULL && blob->hidden)
		memory_blob_drop(folder->folder, blob);
}

/* --- changing ------------------------------------------------------------------- */

int memory_set_flags(struct cv_storage_folder *folder,
		     struct cv_flag_update *updates, uint32_t count,
		     struct cv_error *err)
{
	(void)err;
	for (uint32_t i = 0; i < count; i++) {
		struct memory_blob *blob = memory_blob_find(
			folder->folder, updates[i].blob.ref);

		updates[i].marks = updates[i].blob.marks;
		updates[i].status = blob == NULL ? CV_NOT_FOUND : CV_OK;
		if (blob != NULL)
			set_shown(blob, updates[i].flags,
				  updates[i].keywords);
	}
	return CV_OK;
}

int memory_remove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count,
		  struct cv_error *err)
{
	(void)err;
	for (uint32_t i = 0; i < count; i++) {
		struct memory_blob *blob = memory_blob_find(folder->folder,
							    blobs[i].ref);

		if (blob != NULL)
			memory_blob_drop(folder->folder, blob);
	}
	return CV_OK;
}
