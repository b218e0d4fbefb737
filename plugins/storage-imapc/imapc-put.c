/* imapc-put.c - new messages: kept in memory until send gives them to the
 * server, or notes of which of its messages it is to copy. */
#include "imapc.h"

#include <stdlib.h>

enum { SPOOL_MAX = 1024 * 1024 * 1024 };

/* A hidden blob.  Its reference is "s.NUMBER". */
struct imapc_spool {
	struct imapc_spool *next;
	uint64_t number;
	char *data;			/* NULL: a copy */
	size_t len, room;
	/* of a copy */
	char *from;			/* raw name */
	uint32_t uidvalidity, uid;
};

struct cv_storage_put {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	struct imapc_spool *spool;
};

static void spool_free(struct imapc_spool *spool)
{
	free(spool->data);
	free(spool->from);
	free(spool);
}

void imapc_spools_drop(struct cv_storage_root *root)
{
	while (root->spools != NULL) {
		struct imapc_spool *spool = root->spools;

		root->spools = spool->next;
		spool_free(spool);
	}
}

static struct imapc_spool **find(struct cv_storage_root *root,
				 struct cv_span ref)
{
	struct imapc_spool **at = &root->spools;
	uint64_t number;

	if (!cv_span_begins(ref, CV_SPAN("s.")) ||
	    !cv_span_to_u64(cv_span_skip(ref, 2), UINT64_MAX, &number))
		return NULL;
	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	return *at == NULL ? NULL : at;
}

static struct cv_span add(struct cv_storage_root *root,
			  struct imapc_spool *spool, struct cv_pool *pool)
{
	struct cv_text ref;

	spool->number = ++root->spool_number;
	spool->next = root->spools;
	root->spools = spool;
	cv_text_init(&ref, pool);
	cv_text_append_f(&ref, "s.%llu", (unsigned long long)spool->number);
	return cv_text_span(&ref);
}

/* --- putting ----------------------------------------------------------------- */

int imapc_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		     uint64_t bytes, uint64_t virtual_bytes,
		     struct cv_storage_put **put_r, struct cv_error *err)
{
	struct cv_storage_put *put = CV_ALLOC(pool, struct cv_storage_put);

	(void)bytes; (void)virtual_bytes;
	put->root = folder->root;
	put->pool = pool;
	put->spool = calloc(1, sizeof(*put->spool));
	if (put->spool == NULL)
		return CV_FAIL(err, CV_E_NO_SPACE, "out of memory");
	*put_r = put;
	return CV_OK;
}

int imapc_put_write(struct cv_storage_put *put, const void *data, size_t len,
		    struct cv_error *err)
{
	struct imapc_spool *s = put->spool;
	size_t room = s->room == 0 ? 4096 : s->room;
	char *grown;

	if (len > SPOOL_MAX - s->len)
		return CV_FAIL(err, CV_E_LIMIT, "the message is too large");
	while (room < s->len + len)
		room *= 2;
	if (room > s->room) {
		grown = realloc(s->data, room);
		if (grown == NULL)
			return CV_FAIL(err, CV_E_NO_SPACE, "out of memory");
		s->data = grown;
		s->room = room;
	}
	if (len > 0)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	return CV_OK;
}

void imapc_put_abort(struct cv_storage_put **put)
{
	if (*put != NULL && (*put)->spool != NULL)
		spool_free((*put)->spool);
	*put = NULL;
}

int imapc_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err)
{
	struct cv_storage_put *p = *put;

	(void)virtual_bytes; (void)received; (void)sync;
	if (p->spool->data == NULL && imapc_put_write(p, "", 0, err) < 0) {
		imapc_put_abort(put);
		return CV_E_NO_SPACE;
	}
	*ref_r = add(p->root, p->spool, p->pool);
	*put = NULL;
	return CV_OK;
}

/* The server copies when it is sent. */
int imapc_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err)
{
	struct imapc_spool *spool;
	uint32_t uidvalidity, uid;

	if (!imapc_ref_parse(blob->ref, &uidvalidity, &uid))
		return CV_NOT_FOUND;
	spool = calloc(1, sizeof(*spool));
	if (spool != NULL)
		spool->from = strdup(from->raw);
	if (spool == NULL || spool->from == NULL) {
		free(spool);
		return CV_FAIL(err, CV_E_NO_SPACE, "out of memory");
	}
	spool->uidvalidity = uidvalidity;
	spool->uid = uid;
	*ref_r = add(folder->root, spool, pool);
	return CV_OK;
}

void imapc_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref)
{
	struct imapc_spool **at = find(folder->root, ref);
	struct imapc_spool *spool;

	if (at == NULL)
		return;
	spool = *at;
	*at = spool->next;
	spool_free(spool);
}

/* --- response codes with UIDs [RFC4315 3] ------------------------------------- */

/* Numbers of "5:7,9" in the order in which they stand; false: not count of
 * them. */
static bool expand_set(struct cv_span set, uint32_t *uids, uint32_t count)
{
	uint32_t at = 0;
	struct cv_span part;

	while (cv_span_split(&set, ',', &part)) {
		struct cv_span first;
		uint64_t from, to;

		(void)cv_span_split(&part, ':', &first);
		if (!cv_span_to_u64(first, UINT32_MAX - 1, &from) ||
		    from == 0)
			return false;
		to = from;
		if (part.data != NULL &&
		    (!cv_span_to_u64(part, UINT32_MAX - 1, &to) || to < from))
			return false;
		if (to - from >= count - at)
			return false;
		while (from <= to)
			uids[at++] = (uint32_t)from++;
		if (at == count && set.data != NULL && set.len > 0)
			return false;
	}
	return at == count;
}

/* "[CODE validity (source) target]" of the tagged response. */
static void take_code(struct cv_storage_root *root, const char *code,
		      bool has_source, uint32_t *source, uint32_t *target,
		      uint32_t count)
{
	struct cv_span text = cv_text_span(&root->response), word;
	const char *at = memmem(text.data, text.len, code, strlen(code));
	const char *end = at == NULL ? NULL :
		memchr(at, ']', text.len - (size_t)(at - text.data));

	memset(target, 0, count * sizeof(*target));
	if (end == NULL)
		return;
	text = cv_span(at + strlen(code), (size_t)(end - at) - strlen(code));
	(void)imapc_word(&text);	/* UIDVALIDITY: the scan looks */
	if (has_source) {
		word = imapc_word(&text);
		if (!expand_set(word, source, count))
			return;
	}
	word = imapc_word(&text);
	if (!expand_set(word, target, count))
		memset(target, 0, count * sizeof(*target));
}

/* --- sending ----------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* [RFC9051 6.4.7] one COPY, all or nothing. */
static int send_copies(struct cv_storage_folder *folder,
		       struct imapc_spool *const *spools,
		       struct cv_blob *blobs, uint32_t count,
		       struct cv_pool *pool, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, count);
	uint32_t *source = CV_ALLOC_ARRAY(pool, uint32_t, count);
	uint32_t *target = CV_ALLOC_ARRAY(pool, uint32_t, count);
	uint32_t at = 0;
	struct cv_text line;
	int ret = imapc_select(root, spools[0]->from, false, err);

	if (ret == CV_OK && root->selected_uidvalidity !=
	    spools[0]->uidvalidity)
		ret = CV_FAIL(err, CV_E_NOT_FOUND, "the messages are gone "
			      "from '%s'", root->set->imapc_host);
	for (uint32_t i = 0; i < count; i++)
		uids[i] = spools[i]->uid;
	qsort(uids, count, sizeof(*uids), compare_numbers);
	while (at < count && ret == CV_OK) {
		uint32_t from = at;

		cv_text_init(&line, pool);
		cv_text_append_str(&line, "UID COPY ");
		cv_text_append_str(&line, imapc_set_text(pool, uids, count,
							 &at));
		cv_text_append_f(&line, " %s", imapc_quote(pool,
							   folder->raw));
		ret = imapc_command(root, cv_text_str(&line), NULL, NULL,
				    err);
		if (ret == CV_OK)
			take_code(root, "[COPYUID ", true, source + from,
				  target + from, at - from);
	}
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		for (uint32_t k = 0; k < count; k++) {
			if (source[k] == spools[i]->uid)
				blobs[i].uid = target[k];
		}
	}
	return ret;
}

static int append_one(struct cv_storage_root *root, const char *before,
		      const struct imapc_spool *spool,
		      const struct cv_blob *blob, struct cv_pool *pool,
		      bool begin, struct cv_error *err)
{
	const char *date = imapc_date_text(pool, blob->received);
	struct cv_text line;
	int ret;

	cv_text_init(&line, pool);
	cv_text_append_str(&line, before);
	cv_text_append_c(&line, ' ');
	imapc_flags_text(&line, blob->flags & CV_FLAGS_STORED,
			 &blob->keywords);
	if (date != NULL)
		cv_text_append_f(&line, " %s", date);
	cv_text_append_f(&line, " {%zu}\r\n", spool->len);
	ret = begin ? imapc_begin(root, cv_text_str(&line), err) :
		imapc_write(root, cv_text_span(&line), err);
	if (ret == CV_OK)
		ret = imapc_go_ahead(root, NULL, NULL, err);
	return ret == CV_OK ? imapc_write(root, cv_span(spool->data,
							spool->len), err) :
		ret;
}

/* What was appended before a failure is taken back. */
static void take_back(struct cv_storage_folder *folder,
		      const struct cv_blob *blobs, uint32_t count)
{
	struct cv_pool *pool = cv_api->pool_create("imapc take back");
	struct cv_blob *back = CV_ALLOC_ARRAY(pool, struct cv_blob,
					      count + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (blobs[i].uid == 0)
			continue;
		back[n] = blobs[i];
		back[n++].ref = imapc_ref(pool, folder->now.uidvalidity,
					  blobs[i].uid);
	}
	if (n > 0)
		(void)imapc_remove(folder, back, n, NULL);
	cv_api->pool_destroy(&pool);
}

/* [RFC3502] several with one command: all or nothing. */
static int send_data(struct cv_storage_folder *folder,
		     struct imapc_spool *const *spools,
		     struct cv_blob *blobs, uint32_t count,
		     struct cv_pool *pool, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, count);
	bool together;
	struct cv_text line;
	uint32_t from = 0;
	int ret = imapc_status(folder, err);

	together = (root->caps & IMAPC_MULTIAPPEND) != 0;
	cv_text_init(&line, pool);
	cv_text_append_f(&line, "APPEND %s", imapc_quote(pool, folder->raw));
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		bool begin = !together || i == 0;

		ret = append_one(root, begin ? cv_text_str(&line) : "",
				 spools[i], &blobs[i], pool, begin, err);
		if (ret < 0 || (together && i + 1 < count))
			continue;
		ret = imapc_write(root, CV_SPAN("\r\n"), err);
		if (ret == CV_OK)
			ret = imapc_finish(root, NULL, NULL, err);
		if (ret < 0)
			continue;
		take_code(root, "[APPENDUID ", false, NULL, uids + from,
			  i + 1 - from);
		for (; from <= i; from++)
			blobs[from].uid = uids[from];
	}
	if (ret < 0)
		take_back(folder, blobs, from);
	return ret;
}

int imapc_send(struct cv_storage_folder *folder, struct cv_blob *blobs,
	       uint32_t count, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("imapc send");
	struct imapc_spool **spools = CV_ALLOC_ARRAY(
		pool, struct imapc_spool *, count + 1);
	bool copies = count > 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		struct imapc_spool **at = find(folder->root, blobs[i].ref);

		blobs[i].uid = 0;
		if (at == NULL)
			ret = CV_FAIL(err, CV_E_INTERNAL, "a message that "
				      "was to be sent is not there");
		else
			spools[i] = *at;
		copies &= at != NULL && (*at)->data == NULL &&
			strcmp((*at)->from, (*find(folder->root,
						   blobs[0].ref))->from) == 0;
	}
	for (uint32_t i = 0; i < count && ret == CV_OK && !copies; i++) {
		if (spools[i]->data == NULL)
			ret = CV_FAIL(err, CV_E_INTERNAL, "copies of two "
				      "folders");
	}
	if (ret == CV_OK && count > 0)
		ret = copies ? send_copies(folder, spools, blobs, count, pool,
					   err) :
			send_data(folder, spools, blobs, count, pool, err);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++)
		imapc_unlink_hidden(folder, blobs[i].ref);
	cv_api->pool_destroy(&pool);
	return ret;
}
