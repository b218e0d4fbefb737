/* mailbox-annotate.c - annotations of messages [RFC5257].
 *
 * Shared values belong to everybody who may read the mailbox, private ones to
 * whom the mailbox belongs: what a reader of another's mailbox notes for
 * himself would lie in files that are not his [RFC5257 3.3, 4.1
 * NOPRIVATE]. */
#include "mailbox-annotate.h"

#include "message/mime-part.h"

#include "cv-annotation.h"

#include <stdlib.h>

enum { WIRE_MAX = 4 * ACCOUNT_ANNOTATIONS_MAX };

static const struct cv_span owners[] = { CV_SPAN(""), CV_SPAN("-") };

static struct cv_span owner_of(bool is_private)
{
	return owners[is_private];
}

/* --- names ------------------------------------------------------------------ */

/* The flags of a part are "1", "0" or none [RFC5257 3.2.1]. */
static bool flag_ok(struct cv_span name, struct cv_span value)
{
	static const char *const flags[] = {
		"/flags/seen", "/flags/answered", "/flags/flagged",
		"/flags/forwarded",
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (cv_span_is(name, flags[i]))
			return value.data == NULL || cv_span_is(value, "1") ||
				cv_span_is(value, "0");
	}
	return false;
}

bool annotation_may_be_set(struct cv_span entry, struct cv_span value)
{
	struct cv_span name = entry;
	uint32_t path[CV_ANNOTATION_DEPTH_MAX];
	size_t len;

	if (!cv_annotation_entry_ok(entry, false))
		return false;
	if (cv_annotation_of_part(entry))
		name = cv_span_skip(entry,
				    cv_annotation_part(entry, path, &len));
	/* "/flags" of the message is reserved [RFC5257 3.5] */
	return cv_span_is(name, "/comment") ||
		(name.len == entry.len ? cv_span_is(name, "/altsubject") :
		 flag_ok(name, value)) ||
		(cv_span_begins(name, CV_SPAN("/vendor/")) &&
		 name.len > sizeof("/vendor/") - 1);
}

/* --- rights ----------------------------------------------------------------- */

uint32_t annotations_allowed(struct cv_user *user, const struct namespace *ns,
			     uint32_t rights)
{
	uint32_t allowed = 0;

	/* another server has no place for them */
	if (store_is_remote(ns->store) || !(rights & ACL_READ))
		return 0;
	allowed = CV_ANNOTATIONS_READ;
	if (mailbox_is_owner(user, ns))
		allowed |= CV_ANNOTATIONS_PRIVATE;
	if (ns->store->driver->caps & CV_STORAGE_READONLY)
		return allowed;
	/* [RFC5257 3.4] "n", which comes and goes with "w" here */
	if (rights & ACL_WRITE)
		allowed |= CV_ANNOTATIONS_WRITE_SHARED;
	if (allowed & CV_ANNOTATIONS_PRIVATE)
		allowed |= CV_ANNOTATIONS_WRITE_PRIVATE;
	return allowed;
}

uint32_t mailbox_annotations_state(struct cv_mailbox *box)
{
	uint32_t allowed = annotations_allowed(box->user, box->ns,
					       mailbox_box_rights(box));

	return box->readonly ? allowed &
		(CV_ANNOTATIONS_READ | CV_ANNOTATIONS_PRIVATE) : allowed;
}

/* --- reading ---------------------------------------------------------------- */

static int compare_entries(const void *p, const void *q)
{
	const struct cv_annotation *a = p, *b = q;
	size_t n = a->entry.len < b->entry.len ? a->entry.len : b->entry.len;
	int order = memcmp(a->entry.data, b->entry.data, n);

	if (order != 0)
		return order;
	return a->entry.len != b->entry.len ?
		(a->entry.len < b->entry.len ? -1 : 1) :
		(int)b->is_private - (int)a->is_private;
}

static bool take(const struct account_annotation *a, bool private_too,
		 struct cv_annotation *dst)
{
	bool is_private = cv_span_equal(a->owner, owners[1]);

	if (!(is_private ? private_too : a->owner.len == 0))
		return false;
	*dst = (struct cv_annotation){
		.entry = a->entry, .value = a->value, .modseq = a->modseq,
		.is_private = is_private,
	};
	return true;
}

void annotations_get(struct cv_mailbox *box, uint32_t uid,
		     struct cv_pool *pool,
		     const struct cv_annotation **list_r, uint32_t *count_r)
{
	bool private_too = mailbox_is_owner(box->user, box->ns);
	ARRAY(struct cv_annotation) list;
	struct account_annotation a;
	struct cv_annotation item;
	size_t at = 0;

	*list_r = NULL;
	*count_r = 0;
	if (!account_annotated(box->folder))
		return;
	array_init(&list, pool);
	while (account_annotation_next(box->folder, uid, &at, &a)) {
		if (take(&a, private_too, &item))
			*array_add(&list) = item;
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof(item), compare_entries);
	*list_r = list.items;
	*count_r = (uint32_t)list.count;
}

bool annotation_get_one(struct cv_mailbox *box, uint32_t uid,
			struct cv_span entry, bool is_private,
			struct cv_span *value_r)
{
	*value_r = CV_SPAN_NONE;
	return (!is_private || mailbox_is_owner(box->user, box->ns)) &&
		account_annotation_get(box->folder, uid, owner_of(is_private),
				       entry, value_r);
}

/* --- setting ---------------------------------------------------------------- */

static int fail_denied(const char *name, struct cv_error *err)
{
	FAIL(err, CV_E_DENIED, "no right to annotate messages in '%s'", name);
	return error_set_client(err, "Permission denied.");
}

int annotations_check(const struct cv_annotation *list, uint32_t count,
		      uint32_t allowed, const char *name,
		      struct cv_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct cv_annotation *a = &list[i];

		if (!annotation_may_be_set(a->entry, a->value))
			return FAIL(err, CV_E_SYNTAX, "invalid annotation");
		if (a->value.len > CV_ANNOTATION_VALUE_MAX)
			return FAIL(err, CV_E_LIMIT, "an annotation of %zu "
				    "bytes", a->value.len);
		if (!(allowed & (a->is_private ?
				 CV_ANNOTATIONS_WRITE_PRIVATE :
				 CV_ANNOTATIONS_WRITE_SHARED)))
			return fail_denied(name, err);
	}
	return CV_OK;
}

int annotations_check_parts(const struct cv_annotation *list, uint32_t count,
			    const struct mime_tree *tree,
			    struct cv_error *err)
{
	uint32_t path[CV_ANNOTATION_DEPTH_MAX];
	size_t len;

	for (uint32_t i = 0; i < count; i++) {
		if (!cv_annotation_of_part(list[i].entry) ||
		    list[i].value.data == NULL ||
		    cv_annotation_part(list[i].entry, path, &len) == 0)
			continue;
		if (mime_tree_find(tree, path, len) == MIME_NONE)
			return FAIL(err, CV_E_SYNTAX, "annotation of a part "
				    "that is not there");
	}
	return CV_OK;
}

bool annotations_name_parts(const struct cv_annotation *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (cv_annotation_of_part(list[i].entry) &&
		    list[i].value.data != NULL)
			return true;
	}
	return false;
}

static uint32_t limit_of(uint32_t max)
{
	return max == 0 || max > CV_ANNOTATIONS_MAX ? CV_ANNOTATIONS_MAX : max;
}

int annotations_check_count(const struct cv_annotation *list, uint32_t count,
			    uint32_t max, struct cv_error *err)
{
	uint32_t present[2] = { 0, 0 };

	for (uint32_t i = 0; i < count; i++)
		present[list[i].is_private] += list[i].value.data != NULL;
	return present[0] <= limit_of(max) && present[1] <= limit_of(max) ?
		CV_OK : FAIL(err, CV_E_LIMIT, "too many annotations");
}

/* [RFC5257 4.5] Not how many there are: how many there would be more. */
static int check_growth(struct account_folder *folder, uint32_t uid,
			const struct cv_store_request *r,
			struct cv_error *err)
{
	uint32_t max = limit_of(CV_HAS(r, annotations_max) ?
				r->annotations_max : 0);
	uint32_t before[2], present[2] = { 0, 0 };
	struct account_annotation a;
	struct cv_span old;
	size_t at = 0;

	while (account_annotation_next(folder, uid, &at, &a)) {
		if (a.value.data != NULL)
			present[a.owner.len != 0]++;
	}
	memcpy(before, present, sizeof(before));
	for (uint32_t i = 0; i < r->annotation_count; i++) {
		const struct cv_annotation *new = &r->annotations[i];
		uint32_t *n = &present[new->is_private];
		bool had = account_annotation_get(folder, uid,
						  owner_of(new->is_private),
						  new->entry, &old);

		if (new->value.data != NULL && !had)
			(*n)++;
		else if (new->value.data == NULL && had && *n > 0)
			(*n)--;
	}
	for (int kind = 0; kind < 2; kind++) {
		if (present[kind] > max && present[kind] > before[kind])
			return FAIL(err, CV_E_LIMIT, "UID %u: too many "
				    "annotations", uid);
	}
	return CV_OK;
}

int annotations_put(struct account_txn *txn, struct account_folder *folder,
		    uint32_t uid, const struct cv_annotation *list,
		    uint32_t count, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < count && ret == CV_OK; i++)
		ret = txn_annotation(txn, folder, uid,
				     owner_of(list[i].is_private),
				     list[i].entry, list[i].value, err);
	return ret;
}

struct annotating {
	struct cv_mailbox *box;
	const struct cv_store_request *r;
	struct account_txn *txn;
	struct account_ranges silent, modified;
	struct cv_error *err;
};

static int annotate_one(struct annotating *a, uint32_t seq, uint32_t row)
{
	struct cv_mailbox *box = a->box;
	uint32_t uid = mailbox_uid_at(box, seq - 1);
	uint64_t modseq = account_row_modseq(box->folder, row);
	int ret;

	/* [RFC7162 3.1.3] */
	if (modseq > a->r->unchanged_since) {
		ranges_add(&a->modified, seq);
		return CV_OK;
	}
	ret = check_growth(box->folder, uid, a->r, a->err);
	if (ret == CV_OK)
		ret = annotations_put(a->txn, box->folder, uid,
				      a->r->annotations,
				      a->r->annotation_count, a->err);
	if (modseq <= box->modseq)
		ranges_add(&a->silent, uid);
	return ret;
}

/* fn for each message that is there. */
static int for_each(struct annotating *a,
		    int (*fn)(struct annotating *a, uint32_t seq,
			      uint32_t row))
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < a->r->seqs.count && ret == CV_OK; i++) {
		uint32_t last = a->r->seqs.ranges[i].last;
		uint32_t seq = a->r->seqs.ranges[i].first, row;

		if (last > a->box->count)
			last = a->box->count;
		for (; seq != 0 && seq <= last && ret == CV_OK; seq++) {
			if (mailbox_row(a->box, seq, &row))
				ret = fn(a, seq, row);
		}
	}
	return ret;
}

static int check_message(struct annotating *a, uint32_t seq, uint32_t row)
{
	const struct mime_tree *tree;
	struct cv_stream *stream;
	int ret = mailbox_content(a->box, row, &stream, &tree, a->err);

	(void)seq;
	/* its file is gone: the next sync says so */
	if (ret == CV_NOT_FOUND)
		return CV_OK;
	return ret < 0 ? ret : annotations_check_parts(
		a->r->annotations, a->r->annotation_count, tree, a->err);
}

static void remember_silent(struct annotating *a, uint64_t modseq)
{
	struct cv_mailbox *box = a->box;
	struct silent_store *silent = pool_new(box->silent_pool,
					       struct silent_store);

	silent->modseq = modseq;
	silent->uids = a->silent;
	silent->next = box->silent;
	box->silent = silent;
}

static int commit(struct annotating *a)
{
	struct cv_mailbox *box = a->box;
	bool later = CV_HAS(a->r, settle_later) && a->r->settle_later;
	uint64_t modseq;
	int ret = store_begin(box->store, &a->txn, a->err);

	if (ret < 0)
		return ret;
	if (box->folder->deleted)
		ret = FAIL(a->err, CV_E_NOT_FOUND, "mailbox is gone");
	if (ret == CV_OK)
		ret = for_each(a, annotate_one);
	if (ret < 0) {
		account_rollback(&a->txn);
		return ret;
	}
	modseq = account_txn_modseq(a->txn);
	ret = account_commit(&a->txn, later ? ACCOUNT_SYNC_LATER :
			     ACCOUNT_SYNC, a->err);
	if (ret == CV_OK && a->r->silent)
		remember_silent(a, modseq);
	return ret;
}

int mailbox_annotate(struct cv_mailbox *box, const struct cv_store_request *r,
		     struct cv_pool *pool, struct cv_set *modified_r,
		     struct cv_error *err)
{
	struct annotating a = {
		.box = box, .r = r, .err = err,
		.silent = { .pool = box->silent_pool },
		.modified = { .pool = pool },
	};
	int ret = mailbox_check_writable(box, err);

	if (ret == CV_OK)
		ret = annotations_check(r->annotations, r->annotation_count,
					mailbox_annotations_state(box),
					box->name, err);
	if (ret == CV_OK && annotations_name_parts(r->annotations,
						   r->annotation_count))
		ret = for_each(&a, check_message);
	if (ret == CV_OK)
		ret = commit(&a);
	if (ret == CV_OK && modified_r != NULL)
		*modified_r = ranges_set(&a.modified);
	return ret;
}

/* --- copies ----------------------------------------------------------------- */

const struct cv_annotation *
annotations_filter(const struct cv_annotation *list, uint32_t count,
		   uint32_t allowed, struct cv_pool *pool, uint32_t *count_r)
{
	struct cv_annotation *kept = pool_new_array(pool, struct cv_annotation,
						    count + 1);

	*count_r = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].value.data == NULL ||
		    annotations_check(&list[i], 1, allowed, "", NULL) < 0)
			continue;
		kept[*count_r] = list[i];
		kept[*count_r].entry = pool_span(pool, list[i].entry);
		kept[(*count_r)++].value = pool_span(pool, list[i].value);
	}
	return kept;
}

/* --- wire ------------------------------------------------------------------- */

void annotations_wire_put(struct cv_text *out,
			  const struct cv_annotation *list, uint32_t count)
{
	remote_put_u32(out, count);
	for (uint32_t i = 0; i < count; i++) {
		remote_put_u32(out, (list[i].is_private ? 1 : 0) |
			       (list[i].value.data != NULL ? 2 : 0));
		remote_put_u64(out, list[i].modseq);
		remote_put_span(out, list[i].entry);
		remote_put_span(out, list[i].value);
	}
}

const struct cv_annotation *
annotations_wire_get(struct remote_reader *in, uint32_t *count_r)
{
	struct cv_annotation *list;
	uint32_t count = remote_get_u32(in);

	*count_r = 0;
	if (count > WIRE_MAX)
		in->failed = true;
	if (in->failed || count == 0)
		return NULL;
	list = pool_new_array(in->pool, struct cv_annotation, count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t flags = remote_get_u32(in);

		list[i].is_private = flags & 1;
		list[i].modseq = remote_get_u64(in);
		list[i].entry = remote_get_span(in, CV_ANNOTATION_ENTRY_MAX);
		list[i].value = remote_get_span(in, CV_ANNOTATION_VALUE_MAX);
		if (!(flags & 2))
			list[i].value = CV_SPAN_NONE;
	}
	*count_r = in->failed ? 0 : count;
	return list;
}
