/* imapc-folder.c - one folder of the server: what it is like. */
#include "imapc.h"

/* --- references -------------------------------------------------------------- */

bool imapc_ref_parse(struct cv_span ref, uint32_t *uidvalidity_r,
		     uint32_t *uid_r)
{
	struct cv_span first;
	uint64_t uidvalidity, uid;

	if (!cv_span_split(&ref, '.', &first) || ref.data == NULL ||
	    !cv_span_to_u64(first, UINT32_MAX, &uidvalidity) ||
	    !cv_span_to_u64(ref, UINT32_MAX - 1, &uid) || uid == 0)
		return false;
	*uidvalidity_r = (uint32_t)uidvalidity;
	*uid_r = (uint32_t)uid;
	return true;
}

struct cv_span imapc_ref(struct cv_pool *pool, uint32_t uidvalidity,
			 uint32_t uid)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_f(&out, "%u.%u", uidvalidity, uid);
	return cv_text_span(&out);
}

/* --- opening ----------------------------------------------------------------- */

int imapc_folder_open(struct cv_storage_root *root, struct cv_span name,
		      struct cv_span state,
		      struct cv_storage_folder **folder_r,
		      struct cv_error *err)
{
	const struct imapc_entry *entry = imapc_entry_find(root, name);
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	int ret = imapc_list(root, entry == NULL, err);

	if (ret < 0)
		return ret;
	entry = imapc_entry_find(root, name);
	if (entry == NULL || !entry->selectable)
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' has no folder "
			       "'%.*s'", root->set->imapc_host,
			       CV_SPAN_ARG(name));
	pool = cv_api->pool_create("imapc folder");
	folder = CV_ALLOC(pool, struct cv_storage_folder);
	folder->root = root;
	folder->pool = pool;
	folder->name = cv_span_copy(pool, name);
	folder->raw = cv_span_copy(pool, cv_span_of(entry->raw));
	imapc_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

void imapc_folder_close(struct cv_storage_folder **folder)
{
	struct cv_storage_folder *f = *folder;
	struct cv_pool *pool;

	if (f == NULL)
		return;
	*folder = NULL;
	if (f->root->listening == f)
		(void)imapc_listen_end(f->root, NULL);
	if (f->rows_pool != NULL)
		cv_api->pool_destroy(&f->rows_pool);
	pool = f->pool;
	cv_api->pool_destroy(&pool);
}

/* --- the state: what the folder was like at the last scan --------------------- */

enum { STATE_BYTES = 4 * 4 + 8 };

static void put_number(struct cv_text *dst, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(dst, (char)(value >> (8 * i) & 0xff));
}

static uint64_t get_number(const char **at, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | (unsigned char)(*at)[i];
	*at += bytes;
	return value;
}

bool imapc_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	const struct imapc_numbers *n = &folder->seen;
	bool changed = folder->state_changed;

	put_number(dst, n->uidvalidity, 4);
	put_number(dst, n->uidnext, 4);
	put_number(dst, n->messages, 4);
	put_number(dst, n->unseen, 4);
	put_number(dst, n->modseq, 8);
	folder->state_changed = false;
	return changed;
}

void imapc_state_set(struct cv_storage_folder *folder, struct cv_span state)
{
	struct imapc_numbers *n = &folder->seen;
	const char *at = state.data;

	*n = (struct imapc_numbers){ 0 };
	folder->state_changed = false;
	if (state.len != STATE_BYTES)
		return;
	n->uidvalidity = (uint32_t)get_number(&at, 4);
	n->uidnext = (uint32_t)get_number(&at, 4);
	n->messages = (uint32_t)get_number(&at, 4);
	n->unseen = (uint32_t)get_number(&at, 4);
	n->modseq = get_number(&at, 8);
}

/* --- the numbers ------------------------------------------------------------- */

/* [RFC9051 7.3.4] */
static int take_status(struct cv_storage_root *root, struct cv_span rest,
		       void *context, struct cv_error *err)
{
	struct imapc_numbers *n = context;
	struct imapc_token t, v;

	(void)err;
	if (!cv_span_is_icase(imapc_word(&rest), "STATUS"))
		return CV_OK;
	(void)imapc_token(&rest, root->response_pool);
	(void)imapc_token(&rest, root->response_pool);
	while ((t = imapc_token(&rest, root->response_pool)).type == T_ATOM) {
		v = imapc_token(&rest, root->response_pool);
		if (cv_span_is_icase(t.text, "MESSAGES"))
			n->messages = (uint32_t)imapc_number(v.text,
							     UINT32_MAX);
		else if (cv_span_is_icase(t.text, "UNSEEN"))
			n->unseen = (uint32_t)imapc_number(v.text,
							   UINT32_MAX);
		else if (cv_span_is_icase(t.text, "UIDNEXT"))
			n->uidnext = (uint32_t)imapc_number(v.text,
							    UINT32_MAX);
		else if (cv_span_is_icase(t.text, "UIDVALIDITY"))
			n->uidvalidity = (uint32_t)imapc_number(v.text,
								UINT32_MAX);
		else if (cv_span_is_icase(t.text, "HIGHESTMODSEQ"))
			n->modseq = imapc_number(v.text, INT64_MAX);
	}
	return CV_OK;
}

static int ask_status(struct cv_storage_folder *folder,
		      struct imapc_numbers *n, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool;
	struct cv_text line;
	int ret = imapc_connect(root, err);

	/* what the server has noticed of a selected mailbox is as of the
	 * last command */
	if (ret == CV_OK && root->selected != NULL &&
	    strcmp(root->selected, folder->raw) == 0)
		ret = imapc_command(root, "NOOP", NULL, NULL, err);
	if (ret < 0)
		return ret;
	pool = cv_api->pool_create("imapc status");
	cv_text_init(&line, pool);
	cv_text_append_f(&line, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY "
			 "UNSEEN%s)", imapc_quote(pool, folder->raw),
			 root->caps & IMAPC_CONDSTORE ? " HIGHESTMODSEQ" :
			 "");
	ret = imapc_command(root, cv_text_str(&line), take_status, n, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

int imapc_status(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct imapc_numbers n = { 0 };
	int ret = ask_status(folder, &n, err);

	if (ret == CV_E_DENIED && imapc_list(root, true, NULL) == CV_OK &&
	    imapc_entry_find(root, cv_span_of(folder->name)) == NULL)
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' has no folder '%s' "
			       "any more", root->set->imapc_host,
			       folder->name);
	if (ret == CV_OK && (n.uidvalidity == 0 || n.uidnext == 0))
		ret = CV_FAIL(err, CV_E_TEMP, "'%s' does not say UIDVALIDITY "
			      "and UIDNEXT of '%s'", root->set->imapc_host,
			      folder->name);
	if (ret < 0)
		return ret;
	folder->now = n;
	folder->checked_at = cv_api->monotonic_msecs();
	return CV_OK;
}

bool imapc_has_changed(const struct cv_storage_folder *folder)
{
	const struct imapc_numbers *seen = &folder->seen, *now = &folder->now;

	return seen->uidvalidity != now->uidvalidity ||
		seen->uidnext != now->uidnext ||
		seen->messages != now->messages ||
		seen->unseen != now->unseen || seen->modseq != now->modseq;
}

/* Without modification sequences [RFC7162] flags may have changed and nothing
 * tells. */
int imapc_check(struct cv_storage_folder *folder, bool thorough,
		uint32_t *scan_r, struct cv_error *err)
{
	uint64_t msecs = cv_api->monotonic_msecs();
	bool news;
	int ret;

	*scan_r = CV_SCAN_ALL;
	/* it may have told something: a failure is found by the next command */
	if (folder->root->listening == folder)
		(void)imapc_listen_end(folder->root, NULL);
	news = folder->news;
	if (!thorough && !news && folder->checked_at != 0 &&
	    msecs - folder->checked_at < IMAPC_CHECK_MSECS)
		return CV_OK;
	ret = imapc_status(folder, err);
	if (ret < 0)
		return ret;
	folder->news = false;
	return imapc_has_changed(folder) ||
		((thorough || news) && folder->now.modseq == 0) ?
		CV_CHANGED : CV_OK;
}

int imapc_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err)
{
	int ret = folder->now.uidvalidity != 0 ? CV_OK :
		imapc_status(folder, err);

	(void)head_only; (void)pool;
	takeover_r->uidvalidity = folder->now.uidvalidity;
	takeover_r->uidnext = folder->now.uidnext;
	return ret;
}
