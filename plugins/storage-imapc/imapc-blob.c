/* imapc-blob.c - the bytes of messages, read from the server.  Whoever reads
 * one after the other has the next ones asked for with them. */
#include "imapc.h"

#include <stdio.h>
#include <stdlib.h>

/* The bytes of a message; the cache has one reference, each reader another. */
struct imapc_body {
	struct imapc_body *next;	/* in the cache */
	unsigned int refs;
	char *raw;
	uint32_t uidvalidity, uid;
	size_t len;
	char *data;
};

static void body_unref(void *context)
{
	struct imapc_body *body = context;

	if (--body->refs > 0)
		return;
	free(body->raw);
	free(body->data);
	free(body);
}

void imapc_bodies_drop(struct cv_storage_root *root)
{
	while (root->bodies != NULL) {
		struct imapc_body *body = root->bodies;

		root->bodies = body->next;
		body_unref(body);
	}
	root->body_bytes = 0;
}

static struct imapc_body *find_body(struct cv_storage_root *root,
				    const char *raw, uint32_t uidvalidity,
				    uint32_t uid)
{
	for (struct imapc_body *b = root->bodies; b != NULL; b = b->next) {
		if (b->uid == uid && b->uidvalidity == uidvalidity &&
		    strcmp(b->raw, raw) == 0)
			return b;
	}
	return NULL;
}

static int read_body(void *context, uint64_t offset, void *data, size_t len,
		     size_t *got_r, struct cv_error *err)
{
	const struct imapc_body *body = context;

	(void)err;
	if (offset >= body->len)
		return CV_EOF;
	if (len > body->len - offset)
		len = body->len - (size_t)offset;
	memcpy(data, body->data + offset, len);
	*got_r = len;
	return CV_OK;
}

/* --- fetching ---------------------------------------------------------------- */

struct bodies {
	struct cv_storage_folder *folder;
	uint32_t uid;			/* the one that is wanted */
	bool there;			/* the server knows it */
};

static int keep(struct bodies *x, uint32_t uid, char *data, size_t len,
		struct cv_error *err)
{
	struct cv_storage_root *root = x->folder->root;
	struct imapc_body *body = calloc(1, sizeof(*body));

	if (body != NULL)
		body->raw = strdup(x->folder->raw);
	if (body == NULL || body->raw == NULL) {
		free(body);
		free(data);
		return CV_FAIL(err, CV_E_TEMP, "out of memory");
	}
	body->refs = 1;
	body->uid = uid;
	body->uidvalidity = root->selected_uidvalidity;
	body->data = data;
	body->len = len;
	body->next = root->bodies;
	root->bodies = body;
	root->body_bytes += len;
	return CV_OK;
}

static int read_literal(struct cv_storage_root *root, char *data,
			struct cv_error *err)
{
	size_t at = 0;
	struct cv_span part;
	int ret = CV_OK;

	while (root->body_size > 0 && ret == CV_OK) {
		ret = imapc_client->bytes(root->client,
					  (size_t)root->body_size, &part,
					  err);
		if (ret < 0)
			break;
		memcpy(data + at, part.data, part.len);
		at += part.len;
		root->body_size -= part.len;
	}
	/* the rest of the response: " FLAGS (...))" */
	if (ret == CV_OK)
		ret = imapc_client->line(root->client, &part, err);
	root->body_follows = false;
	if (ret < 0)
		root->broken = true;
	return ret;
}

static int take_body(struct cv_storage_root *root, struct cv_span rest,
		     void *context, struct cv_error *err)
{
	struct bodies *x = context;
	struct cv_span small = CV_SPAN_NONE;
	struct imapc_token t, v;
	uint32_t uid = 0;
	size_t len;
	char *data;

	(void)imapc_word(&rest);
	if (!cv_span_is_icase(imapc_word(&rest), "FETCH"))
		return CV_OK;
	while ((t = imapc_token(&rest, root->response_pool)).type != T_END) {
		if (cv_span_is_icase(t.text, "UID")) {
			v = imapc_token(&rest, root->response_pool);
			uid = (uint32_t)imapc_number(v.text, UINT32_MAX);
		} else if (cv_span_is_icase(t.text, "BODY[]") &&
			   !root->body_follows) {
			v = imapc_token(&rest, root->response_pool);
			small = v.type == T_STRING ? v.text :
				CV_SPAN_NONE;
		}
	}
	x->there |= uid == x->uid;
	if (uid == 0 || (!root->body_follows && small.data == NULL))
		return CV_OK;
	/* read ahead too far: the wanted one is always taken */
	if (uid != x->uid && (root->body_bytes >= IMAPC_AHEAD_BYTES ||
			      find_body(root, x->folder->raw,
					root->selected_uidvalidity, uid)))
		return CV_OK;
	if (root->body_follows && root->body_size > SIZE_MAX / 2)
		return CV_FAIL(err, CV_E_LIMIT, "a message is too large");
	len = root->body_follows ? (size_t)root->body_size : small.len;
	data = malloc(len + 1);
	if (data == NULL)
		return CV_FAIL(err, CV_E_TEMP, "no memory for a message of "
			       "%zu bytes", len);
	if (!root->body_follows) {
		memcpy(data, small.data, len);
	} else if (read_literal(root, data, err) < 0) {
		free(data);
		return CV_E_TEMP;
	}
	return keep(x, uid, data, len, err);
}

/* How many of the UIDs from here on. */
static uint32_t ahead(struct cv_storage_folder *folder, uint32_t uid)
{
	uint32_t before = folder->read_uid;

	folder->read_uid = uid;
	if (before != 0 && uid > before && uid - before <= IMAPC_AHEAD)
		folder->read_ahead = folder->read_ahead * 2 > IMAPC_AHEAD ?
			IMAPC_AHEAD : folder->read_ahead * 2;
	else
		folder->read_ahead = 1;
	return uid > UINT32_MAX - 1 - folder->read_ahead ? 1 :
		folder->read_ahead;
}

/* Of the folder as it is there.  CV_DECLINED: it is selected, and the command
 * failed, or ended the connection: why. */
static int ask(struct bodies *x, uint32_t uidvalidity, const char *line,
	       struct cv_error *why, struct cv_error *err)
{
	struct cv_storage_root *root = x->folder->root;
	bool examine = !imapc_has_feature(root, "no-examine");
	int ret = imapc_select(root, x->folder->raw, !examine, err);

	if (ret < 0)
		return ret;
	if (root->selected_uidvalidity != uidvalidity)
		return CV_NOT_FOUND;
	imapc_bodies_drop(root);
	ret = imapc_command(root, line, take_body, x, why);
	return ret < 0 ? CV_DECLINED : CV_OK;
}

static int cannot_be_had(struct cv_storage_root *root, uint32_t uid,
			 const char *why, struct cv_error *err)
{
	CV_FAIL(err, CV_E_PERM, "'%s' does not give UID %u: %s",
		root->set->imapc_host, uid, why);
	if (err != NULL)
		(void)cv_api->error_set_client(err, "The other server does "
					       "not give this message.");
	return CV_E_PERM;
}

/* It alone, when it was not in what was asked for before.  A server may refuse
 * it, answer without it, or hang up; it is for the message alone when the
 * server can be reached afterwards. */
static int fetch_alone(struct bodies *x, uint32_t uidvalidity,
		       struct cv_error *err)
{
	struct cv_storage_root *root = x->folder->root;
	struct cv_pool *pool = cv_api->pool_create("imapc failure");
	struct cv_error *why = cv_api->error_new(pool);
	char line[80];
	int ret;

	(void)snprintf(line, sizeof(line), "UID FETCH %u (UID BODY.PEEK[])",
		       x->uid);
	ret = ask(x, uidvalidity, line, why, err);
	if (ret == CV_DECLINED &&
	    find_body(root, x->folder->raw, uidvalidity, x->uid) != NULL)
		ret = CV_OK;
	if (ret == CV_DECLINED) {
		ret = imapc_select(root, x->folder->raw, false, err);
		if (ret == CV_OK)
			ret = cannot_be_had(root, x->uid,
					    cv_api->error_text(why), err);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

static int fetch(struct cv_storage_folder *folder, uint32_t uidvalidity,
		 uint32_t uid, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct bodies x = { .folder = folder, .uid = uid };
	uint32_t count = ahead(folder, uid);
	char line[80];
	int ret;

	(void)snprintf(line, sizeof(line), "UID FETCH %u:%u (UID "
		       "BODY.PEEK[])", uid, uid + count - 1);
	ret = ask(&x, uidvalidity, line, NULL, err);
	if ((ret == CV_DECLINED || (ret == CV_OK && count > 1)) &&
	    find_body(root, folder->raw, uidvalidity, uid) == NULL)
		ret = fetch_alone(&x, uidvalidity, err);
	if (ret < 0 || ret == CV_NOT_FOUND)
		return ret;
	if (find_body(root, folder->raw, uidvalidity, uid) != NULL)
		return CV_OK;
	/* [RFC9051 6.4.9] what is not there is no error, and no answer */
	(void)snprintf(line, sizeof(line), "UID FETCH %u (UID)", uid);
	if (!x.there)
		ret = ask(&x, uidvalidity, line, err, err);
	if (ret == CV_DECLINED)
		return CV_E_TEMP;
	return ret < 0 ? ret : !x.there ? CV_NOT_FOUND :
		cannot_be_had(root, uid, "it answers without it", err);
}

int imapc_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint32_t uidvalidity, uid;
	struct imapc_body *body;
	int ret;

	if (!imapc_ref_parse(blob->ref, &uidvalidity, &uid))
		return CV_NOT_FOUND;
	body = find_body(root, folder->raw, uidvalidity, uid);
	if (body == NULL) {
		ret = fetch(folder, uidvalidity, uid, err);
		if (ret != CV_OK)
			return ret;
		body = find_body(root, folder->raw, uidvalidity, uid);
	} else if (folder->read_uid < uid) {
		folder->read_uid = uid;
	}
	if (body == NULL)
		return CV_NOT_FOUND;
	body->refs++;
	src_r->fd = -1;
	src_r->offset = 0;
	src_r->len = body->len;
	src_r->stream = imapc_streams->from_reader(
		src_r->pool, body->len, read_body, body_unref, body);
	src_r->wrong_size = CV_WRONG_SIZE_CORRECT;
	return CV_OK;
}
