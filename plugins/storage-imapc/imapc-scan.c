/* imapc-scan.c - which messages the server has, and their flags.
 *
 * What was found last is kept while the folder is open: with modification
 * sequences only what has changed is asked for [RFC7162 3.1.4]. */
#include "imapc.h"

#include <stdio.h>
#include <stdlib.h>

/* --- rows -------------------------------------------------------------------- */

static bool same_keywords(const struct cv_keywords *a,
			  const struct cv_keywords *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (strcmp(a->names[i], b->names[i]) != 0)
			return false;
	}
	return true;
}

/* Number + 1; 0: none.  Most have been seen a short while ago. */
static uint32_t set_number(struct cv_storage_folder *f,
			   const struct cv_keywords *k)
{
	enum { LOOK_BACK = 64 };
	uint32_t from = f->set_count > LOOK_BACK ? f->set_count - LOOK_BACK :
		0;
	const char **names;

	if (k->count == 0)
		return 0;
	for (uint32_t i = from; i < f->set_count; i++) {
		if (same_keywords(&f->sets[i], k))
			return i + 1;
	}
	if (f->set_count == f->set_room) {
		struct cv_keywords *grown = CV_ALLOC_ARRAY(
			f->rows_pool, struct cv_keywords,
			f->set_room * 2 + 16);

		if (f->set_count > 0)
			memcpy(grown, f->sets,
			       f->set_count * sizeof(*grown));
		f->sets = grown;
		f->set_room = f->set_room * 2 + 16;
	}
	names = CV_ALLOC_ARRAY(f->rows_pool, const char *, k->count);
	for (uint32_t i = 0; i < k->count; i++)
		names[i] = cv_span_copy(f->rows_pool,
					cv_span_of(k->names[i]));
	f->sets[f->set_count++] = (struct cv_keywords){ names, k->count };
	return f->set_count;
}

static struct imapc_row *add_row(struct cv_storage_folder *f)
{
	if (f->row_count == f->row_room) {
		uint32_t room = f->row_room * 2 + 256;
		struct imapc_row *grown = CV_ALLOC_ARRAY(
			f->rows_pool, struct imapc_row, room);

		if (f->row_count > 0)
			memcpy(grown, f->rows,
			       f->row_count * sizeof(*grown));
		f->rows = grown;
		f->row_room = room;
	}
	return &f->rows[f->row_count++];
}

static struct imapc_row *find_row(struct cv_storage_folder *f, uint32_t uid,
				  uint32_t count)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (f->rows[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && f->rows[low].uid == uid ? &f->rows[low] : NULL;
}

static int compare_rows(const void *a, const void *b)
{
	const struct imapc_row *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* In order of UIDs, each once. */
static void tidy(struct cv_storage_folder *f)
{
	uint32_t to = 0;

	if (f->row_count > 1)
		qsort(f->rows, f->row_count, sizeof(*f->rows), compare_rows);
	for (uint32_t i = 0; i < f->row_count; i++) {
		if (to == 0 || f->rows[to - 1].uid != f->rows[i].uid)
			f->rows[to++] = f->rows[i];
	}
	f->row_count = to;
}

/* --- what FETCH says --------------------------------------------------------- */

struct fetching {
	struct cv_storage_folder *folder;
	uint32_t known;			/* rows of before, in order */
};

static void take_flags(struct cv_storage_root *root, struct cv_span *rest,
		       uint32_t *flags_r, struct cv_keywords *k,
		       const char **names)
{
	struct imapc_token t;

	*flags_r = 0;
	k->names = names;
	k->count = 0;
	while ((t = imapc_token(rest, root->response_pool)).type == T_ATOM) {
		uint32_t flag = imapc_flag(t.text);

		*flags_r |= flag;
		if (flag == 0 && t.text.len > 0 && t.text.data[0] != '\\' &&
		    k->count < IMAPC_KEYWORDS_MAX)
			names[k->count++] = cv_span_copy(root->response_pool,
							 t.text);
	}
}

/* [RFC9051 7.5.2] */
static int take_row(struct cv_storage_root *root, struct cv_span rest,
		    void *context, struct cv_error *err)
{
	struct fetching *x = context;
	struct cv_storage_folder *f = x->folder;
	const char *names[IMAPC_KEYWORDS_MAX];
	struct imapc_row row = { .received = INT64_MIN }, *known;
	struct cv_keywords keywords = { NULL, 0 };
	bool has_flags = false;
	struct imapc_token t;

	(void)imapc_word(&rest);
	if (!cv_span_is_icase(imapc_word(&rest), "FETCH"))
		return CV_OK;
	(void)imapc_token(&rest, root->response_pool);
	while ((t = imapc_token(&rest, root->response_pool)).type == T_ATOM) {
		struct imapc_token v = imapc_token(&rest,
						   root->response_pool);

		if (cv_span_is_icase(t.text, "UID"))
			row.uid = (uint32_t)imapc_number(v.text,
							 UINT32_MAX - 1);
		else if (cv_span_is_icase(t.text, "RFC822.SIZE"))
			row.size = imapc_number(v.text, INT64_MAX);
		else if (cv_span_is_icase(t.text, "INTERNALDATE"))
			row.received = imapc_date(v.text);
		else if (cv_span_is_icase(t.text, "FLAGS")) {
			take_flags(root, &rest, &row.flags, &keywords, names);
			has_flags = true;
		} else if (v.type == T_OPEN) {
			while (imapc_token(&rest,
					   root->response_pool).type ==
			       T_ATOM)
				;
		}
	}
	if (row.uid == 0 || !has_flags)
		return CV_OK;
	row.keywords = set_number(f, &keywords);
	known = find_row(f, row.uid, x->known);
	if (known != NULL) {
		known->flags = row.flags;
		known->keywords = row.keywords;
		if (row.received != INT64_MIN) {
			known->received = row.received;
			known->size = row.size;
		}
	} else if (row.received != INT64_MIN) {
		if (f->row_count >= IMAPC_ROWS_MAX)
			return CV_FAIL(err, CV_E_LIMIT, "'%s' has too many "
				       "messages", f->name);
		*add_row(f) = row;
	}
	return CV_OK;
}

static void forget_rows(struct cv_storage_folder *f)
{
	if (f->rows_pool != NULL)
		cv_api->pool_destroy(&f->rows_pool);
	f->rows_pool = cv_api->pool_create("imapc rows");
	f->rows_modseq = 0;
	f->rows = NULL;
	f->sets = NULL;
	f->row_count = f->row_room = 0;
	f->set_count = f->set_room = 0;
}

/* since: only what has a higher modification sequence; 0: all. */
static int fetch_rows(struct cv_storage_folder *f, uint64_t modseq,
		      struct cv_error *err)
{
	struct fetching x = { .folder = f };
	char line[160], since[64] = "";
	int ret;

	if (modseq == 0)
		forget_rows(f);
	else
		(void)snprintf(since, sizeof(since), " (CHANGEDSINCE %llu)",
			       (unsigned long long)modseq);
	x.known = f->row_count;
	f->rows_modseq = 0;
	if (f->now.messages == 0 && modseq == 0)
		return CV_OK;
	(void)snprintf(line, sizeof(line), "UID FETCH 1:* (UID FLAGS "
		       "INTERNALDATE RFC822.SIZE)%s", since);
	ret = imapc_command(f->root, line, take_row, &x, err);
	tidy(f);
	return ret;
}

/* --- what the journal remembers -------------------------------------------------- */

/* [RFC9051 6.4.4], in the form of [RFC3501 7.2.5] */
static int take_uids(struct cv_storage_root *root, struct cv_span rest,
		     void *context, struct cv_error *err)
{
	struct cv_storage_folder *f = context;
	struct cv_span word;

	(void)root; (void)err;
	if (!cv_span_is_icase(imapc_word(&rest), "SEARCH"))
		return CV_OK;
	while ((word = imapc_word(&rest)).len > 0) {
		uint64_t uid = imapc_number(word, UINT32_MAX - 1);

		if (uid != 0 && f->row_count < IMAPC_ROWS_MAX)
			*add_row(f) = (struct imapc_row){
				.uid = (uint32_t)uid, .received = INT64_MIN,
			};
	}
	return CV_OK;
}

/* Which UIDs there are costs a tenth of what their flags do.  What has gone
 * while they are read makes the number of rows another. */
static int list_rows(struct cv_storage_folder *f, struct cv_error *err)
{
	int ret = CV_OK;

	forget_rows(f);
	for (uint64_t at = 1; at <= f->now.messages && ret == CV_OK;
	     at += IMAPC_SEARCH) {
		uint64_t last = at + IMAPC_SEARCH - 1;
		char line[64];

		if (last > f->now.messages)
			last = f->now.messages;
		(void)snprintf(line, sizeof(line), "UID SEARCH %llu:%llu",
			       (unsigned long long)at,
			       (unsigned long long)last);
		ret = imapc_command(f->root, line, take_uids, f, err);
	}
	tidy(f);
	return ret;
}

/* [RFC7162 3.1.4.1] The journal has all of the last scan: what has not changed
 * since need not be said again. */
static int resume_rows(struct cv_storage_folder *f, struct cv_error *err)
{
	int ret = list_rows(f, err);

	if (ret == CV_OK)
		ret = fetch_rows(f, f->seen.modseq, err);
	/* a range was refused, for something has gone */
	return ret == CV_E_DENIED || ret == CV_E_SYNTAX ? CV_CHANGED : ret;
}

/* --- the scan ---------------------------------------------------------------- */

/* all: what the journal remembers is not to be believed. */
static int read_folder(struct cv_storage_folder *f, bool all,
		       struct cv_error *err)
{
	struct cv_storage_root *root = f->root;
	bool examine = !imapc_has_feature(root, "no-examine");
	bool changes;
	int ret = imapc_status(f, err);

	if (ret == CV_OK)
		ret = imapc_select(root, f->raw, !examine, err);
	if (ret == CV_OK && root->selected_uidvalidity !=
	    f->now.uidvalidity)
		ret = CV_FAIL(err, CV_E_TEMP, "'%s' gives '%s' two values of "
			      "UIDVALIDITY", root->set->imapc_host, f->name);
	if (ret < 0)
		return ret;
	changes = f->now.modseq != 0;
	if (changes && f->rows_modseq != 0 &&
	    f->rows_uidvalidity == f->now.uidvalidity)
		ret = fetch_rows(f, f->rows_modseq, err);
	else if (changes && !all && f->seen.modseq != 0 &&
		 f->seen.uidvalidity == f->now.uidvalidity)
		ret = resume_rows(f, err);
	else
		changes = false;
	/* some are gone: which, only a complete list says */
	if (!changes || ret == CV_CHANGED ||
	    (ret == CV_OK && f->row_count != f->now.messages))
		ret = fetch_rows(f, 0, err);
	if (ret == CV_OK) {
		f->rows_modseq = f->now.modseq;
		f->rows_uidvalidity = f->now.uidvalidity;
	}
	return ret;
}

int imapc_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct cv_pool *pool;
	bool all = (scan & CV_SCAN_DAMAGED) != 0;
	int ret;

	if (all)
		folder->rows_modseq = 0;
	ret = read_folder(folder, all, err);
	if (ret < 0)
		return ret;
	pool = cv_api->pool_create("imapc scan");
	for (uint32_t i = 0; i < folder->row_count && ret == CV_OK; i++) {
		const struct imapc_row *row = &folder->rows[i];
		struct cv_found found = {
			CV_SIZED(cv_found), .flags = row->flags,
			.received = INT64_MIN, .uid = row->uid,
			.unchanged = row->received == INT64_MIN,
		};

		if (i % 1000 == 0)
			cv_api->pool_reset(pool);
		if (row->keywords != 0)
			found.keywords = folder->sets[row->keywords - 1];
		found.ref = imapc_ref(pool, folder->now.uidvalidity,
				      row->uid);
		ret = fn(context, &found);
	}
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK) {
		folder->seen = folder->now;
		folder->state_changed = true;
	}
	return ret;
}

/* The same message in each run and for each reader. */
static void identify(struct cv_storage_folder *f, uint32_t uid,
		     uint8_t guid_r[16])
{
	char uid_text[16], uidvalidity[16];
	const char *words[] = { f->root->set->imapc_host, f->root->user,
		f->name, uidvalidity, uid_text };

	(void)snprintf(uid_text, sizeof(uid_text), "%u", uid);
	(void)snprintf(uidvalidity, sizeof(uidvalidity), "%u",
		       f->now.uidvalidity);
	imapc_client->identify(guid_r, words, 5);
}

int imapc_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err)
{
	const struct imapc_row *row;
	uint32_t uidvalidity, uid;

	if (!imapc_ref_parse(found->ref, &uidvalidity, &uid) ||
	    uidvalidity != folder->now.uidvalidity)
		return CV_NOT_FOUND;
	row = find_row(folder, uid, folder->row_count);
	/* the journal does not know what it should */
	if (row != NULL && row->received == INT64_MIN) {
		int ret = fetch_rows(folder, 0, err);

		if (ret < 0)
			return ret;
		row = find_row(folder, uid, folder->row_count);
	}
	if (row == NULL || row->received == INT64_MIN)
		return CV_NOT_FOUND;
	if (CV_HAS(found, unchanged) && found->unchanged) {
		found->flags = row->flags;
		if (row->keywords != 0)
			found->keywords = folder->sets[row->keywords - 1];
	}
	found->bytes = found->virtual_bytes = row->size;
	found->received = row->received;
	found->has_guid = true;
	identify(folder, uid, found->guid);
	return CV_OK;
}
