/* apply-undo.c - groups that were shown by some and then taken back: nobody may
 * see their UIDs and modseqs again. */
#include "apply-private.h"

static void undo_append(struct apply *a, uint64_t modseq)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uid;

	(void)get_guid(&a->c);
	uid = get_u32(&a->c);
	if (folder == NULL || uid < folder->f.uidnext || uid == UINT32_MAX)
		return;
	(void)folder_load(folder);
	folder->f.uidnext = uid + 1;
	apply_add_expunged(folder, uid, modseq);
	apply_raise_modseq(folder, modseq);
	folder_add_change(folder, CHANGE_EXPUNGED, modseq, uid, uid);
}

/* Whoever saw the change sees the row change again, back. */
static void undo_range(struct folder *folder, struct account_range range,
		       uint64_t modseq)
{
	uint32_t count = account_row_count(&folder->f);
	uint32_t row = account_row_lower(&folder->f, range.first);

	for (; row < count; row++) {
		uint32_t uid = account_row_uid(&folder->f, row);
		struct row_values v;

		if (uid > range.last)
			return;
		if (!account_row_alive(&folder->f, row))
			continue;
		rows_get(folder, row, &v);
		v.modseq = modseq;
		rows_set(folder, row, &v);
		apply_raise_modseq(folder, modseq);
		folder_add_change(folder, CHANGE_CHANGED, modseq, uid, uid);
	}
}

static void undo_ranges(struct apply *a, struct folder *folder,
			uint32_t ranges, uint64_t modseq)
{
	for (uint32_t i = 0; i < ranges; i++) {
		struct account_range range;

		if (!apply_get_range(a, &range))
			return;
		undo_range(folder, range, modseq);
	}
}

static void undo_annotation(struct apply *a, uint64_t modseq)
{
	struct folder *folder = apply_get_folder(a);
	uint32_t uid = get_u32(&a->c);

	if (folder != NULL && uid != 0)
		undo_range(folder, (struct account_range){ uid, uid },
			   modseq);
}

void apply_undone(struct account *account,
		  const struct journal_record *records, size_t count)
{
	struct apply a = { .account = account };
	uint64_t modseq = account->txn;

	for (size_t i = 0; i < count; i++) {
		if (modseq < records[i].txn)
			modseq = records[i].txn;
	}
	account->txn = ++modseq;
	for (size_t i = 0; i < count; i++) {
		const struct journal_record *r = &records[i];
		struct folder *folder;
		uint32_t ranges, keywords;

		a.record = r;
		a.c = (struct format_cursor){ r->data, r->len, false };
		if (r->type == RECORD_APPEND) {
			undo_append(&a, modseq);
			continue;
		}
		if (r->type == RECORD_ANNOTATION)
			undo_annotation(&a, modseq);
		if (r->type != RECORD_FLAGS && r->type != RECORD_EXPUNGE)
			continue;
		folder = apply_get_folder(&a);
		if (folder == NULL)
			continue;
		if (r->type == RECORD_FLAGS) {
			(void)get_u64(&a.c);
			keywords = get_u32(&a.c);
			ranges = get_u32(&a.c);
			(void)get_bytes(&a.c, ((size_t)keywords + 3) / 4 * 8);
		} else {
			ranges = get_u32(&a.c);
			(void)get_u32(&a.c);
		}
		undo_ranges(&a, folder, ranges, modseq);
	}
}
