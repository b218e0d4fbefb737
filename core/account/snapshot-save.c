/* snapshot-save.c - a folder's rows become a snapshot file. */
#include "account-private.h"

#include <errno.h>

enum { EXPUNGED_MAX = 65536 };

/* Living rows that follow one another in one part. */
struct run { struct rows *rows; uint32_t at, row, count; };

struct save {
	struct folder *folder;
	struct folder_data *data;
	struct cv_pool *pool;
	struct snapshot_writer writer;
	ARRAY(struct run) runs;
	uint32_t *sets;			/* old number -> new number */
	uint32_t *used;			/* new number - 1 -> old number */
	uint32_t used_count;
};

/* Looks at every block once, so that what is damaged stays the same while the
 * columns are written one after the other. */
static void check_all(struct save *save)
{
	struct snapshot *snapshot = &save->data->snapshot;

	for (size_t block = 0; block < snapshot->blocks; block++)
		(void)snapshot_check_blocks(snapshot, block, block);
}

/* A row whose UID cannot be read is left to the scan. */
static bool row_lives(struct save *save, uint32_t row)
{
	return account_row_alive(&save->folder->f, row) &&
		account_row_uid(&save->folder->f, row) != 0;
}

static void find_runs(struct save *save)
{
	uint32_t rows = account_row_count(&save->folder->f);

	array_init(&save->runs, save->pool);
	for (uint32_t row = 0; row < rows; row++) {
		struct run *run = save->runs.count == 0 ? NULL :
			&save->runs.items[save->runs.count - 1];
		struct rows *part;
		uint32_t at;

		if (!row_lives(save, row))
			continue;
		part = rows_at(save->data, row, &at);
		save->writer.snapshot.rows++;
		if (run != NULL && run->rows == part &&
		    run->at + run->count == at) {
			run->count++;
			continue;
		}
		run = array_add(&save->runs);
		*run = (struct run){ part, at, row, 1 };
	}
}

static uint32_t set_of(struct save *save, const struct run *run, uint32_t i)
{
	const uint32_t *set = &run->rows->keywords[run->at + i];

	return rows_check(save->folder, run->rows, set, sizeof(*set)) &&
		*set < save->data->sets.count ? *set : 0;
}

/* Which keyword sets are in use, numbered anew. */
static void number_sets(struct save *save)
{
	save->sets = pool_new_array(save->pool, uint32_t,
				    save->data->sets.count);
	save->used = pool_new_array(save->pool, uint32_t,
				    save->data->sets.count);
	for (size_t r = 0; r < save->runs.count; r++) {
		for (uint32_t i = 0; i < save->runs.items[r].count; i++) {
			uint32_t set = set_of(save, &save->runs.items[r], i);

			if (set == 0 || save->sets[set] != 0)
				continue;
			save->used[save->used_count++] = set;
			save->sets[set] = save->used_count;
		}
	}
	save->writer.snapshot.sets = save->used_count;
}

/* The first element of a column that is written as it is in memory. */
static const void *column_of(const struct run *run,
			     enum snapshot_section section)
{
	const struct rows *rows = run->rows;

	switch (section) {
	case SECTION_UID:
		return &rows->uid[run->at];
	case SECTION_MODSEQ:
		return &rows->modseq[run->at];
	case SECTION_RECEIVED:
		return &rows->received[run->at];
	case SECTION_SAVED:
		return &rows->saved[run->at];
	case SECTION_SIZE:
		return &rows->size[run->at];
	case SECTION_VIRTUAL:
		return &rows->virtual_size[run->at];
	case SECTION_GUID:
		return &rows->guid[run->at];
	case SECTION_CATALOGUE:
		return &rows->catalogue[run->at];
	default:
		BUG_REACHED();
	}
}

/* Cells of damaged blocks become zero. */
static void write_plain(struct save *save, const struct run *run,
			enum snapshot_section section)
{
	static const unsigned char zeros[16];
	size_t width = snapshot_widths[section];
	const unsigned char *p = column_of(run, section);

	if (run->rows != &save->data->base || !save->data->snapshot.bad) {
		snapshot_writer_add(&save->writer, p, run->count * width);
		return;
	}
	for (uint32_t i = 0; i < run->count; i++, p += width)
		snapshot_writer_add(&save->writer,
			rows_check(save->folder, run->rows, p, width) ?
			p : zeros, width);
}

static void write_changed(struct save *save, const struct run *run,
			  enum snapshot_section section, uint64_t *heap)
{
	for (uint32_t i = 0; i < run->count; i++) {
		uint32_t small;
		uint64_t place;

		if (section == SECTION_BLOB) {
			size_t len = rows_blob(save->folder, run->row +
					       i).len;

			place = BLOB_PLACE(*heap, len);
			*heap += len;
			snapshot_writer_add(&save->writer, &place,
					    sizeof(place));
			continue;
		}
		small = section == SECTION_FLAGS ?
			account_row_flags(&save->folder->f, run->row + i) :
			save->sets[set_of(save, run, i)];
		snapshot_writer_add(&save->writer, &small, sizeof(small));
	}
}

static void write_column(struct save *save, enum snapshot_section section)
{
	uint64_t heap = 0;

	snapshot_writer_begin(&save->writer, section);
	for (size_t r = 0; r < save->runs.count; r++) {
		const struct run *run = &save->runs.items[r];

		if (section == SECTION_FLAGS || section == SECTION_KEYWORDS ||
		    section == SECTION_BLOB)
			write_changed(save, run, section, &heap);
		else
			write_plain(save, run, section);
	}
	snapshot_writer_end(&save->writer, section);
}

static void write_heap(struct save *save)
{
	snapshot_writer_begin(&save->writer, SECTION_HEAP);
	for (size_t r = 0; r < save->runs.count; r++) {
		const struct run *run = &save->runs.items[r];

		for (uint32_t i = 0; i < run->count; i++) {
			struct cv_span blob = rows_blob(save->folder,
							run->row + i);

			snapshot_writer_add(&save->writer, blob.data,
					    blob.len);
		}
	}
	snapshot_writer_end(&save->writer, SECTION_HEAP);
}

static void write_keywords(struct save *save)
{
	struct folder_data *data = save->data;
	struct snapshot_writer *w = &save->writer;

	snapshot_writer_begin(w, SECTION_NAMES);
	for (size_t i = 0; i < data->keywords.count; i++) {
		uint16_t len = (uint16_t)strlen(data->keywords.items[i]);

		snapshot_writer_add(w, &len, sizeof(len));
		snapshot_writer_add(w, data->keywords.items[i], len);
	}
	snapshot_writer_end(w, SECTION_NAMES);
	w->snapshot.keywords = (uint32_t)data->keywords.count;
	snapshot_writer_begin(w, SECTION_SETS);
	for (uint32_t i = 0; i < save->used_count; i++) {
		struct keyword_set *set = &data->sets.items[save->used[i]];
		uint16_t count = (uint16_t)set->count;

		snapshot_writer_add(w, &count, sizeof(count));
		snapshot_writer_add(w, set->indexes,
				    set->count * sizeof(*set->indexes));
	}
	snapshot_writer_end(w, SECTION_SETS);
}

static void write_expunged(struct save *save)
{
	struct folder_data *data = save->data;
	size_t first = 0;

	if (data->expunged.count > EXPUNGED_MAX) {
		/* the older half is forgotten */
		first = data->expunged.count - EXPUNGED_MAX / 2;
		save->folder->f.expunge_floor =
			data->expunged.items[first - 1].modseq;
	}
	snapshot_writer_begin(&save->writer, SECTION_EXPUNGED);
	for (size_t i = first; i < data->expunged.count; i++) {
		const struct expunged *e = &data->expunged.items[i];

		snapshot_writer_add(&save->writer, &e->first, 4);
		snapshot_writer_add(&save->writer, &e->last, 4);
		snapshot_writer_add(&save->writer, &e->modseq, 8);
	}
	snapshot_writer_end(&save->writer, SECTION_EXPUNGED);
	save->writer.snapshot.expunged =
		(uint32_t)(data->expunged.count - first);
}

static void write_folder(struct save *save)
{
	struct cv_text text;

	cv_text_init(&text, save->pool);
	apply_format_folder(save->folder, &text);
	snapshot_writer_begin(&save->writer, SECTION_FOLDER);
	snapshot_writer_add(&save->writer, text.data, text.len);
	snapshot_writer_end(&save->writer, SECTION_FOLDER);
}

/* Those of messages that live. */
static void write_annotations(struct save *save)
{
	struct folder *folder = save->folder;
	struct cv_text text;

	if (!account_annotated(&folder->f))
		return;
	cv_text_init(&text, save->pool);
	snapshot_writer_begin(&save->writer, SECTION_ANNOTATIONS);
	for (size_t r = 0; r < save->runs.count; r++) {
		const struct run *run = &save->runs.items[r];

		for (uint32_t i = 0; i < run->count; i++) {
			cv_text_reset(&text);
			annotations_save(folder, account_row_uid(&folder->f,
				run->row + i), &text);
			snapshot_writer_add(&save->writer, text.data,
					    text.len);
		}
	}
	snapshot_writer_end(&save->writer, SECTION_ANNOTATIONS);
}

static int save_to(struct folder *folder, struct meta_object *object,
		   uint64_t generation, struct cv_pool *pool)
{
	struct account *account = folder->f.account;
	struct save save = {
		.folder = folder,
		.data = folder_load(folder),
		.pool = pool,
	};

	snapshot_writer_init(&save.writer, object, pool);
	save.writer.snapshot.generation = generation;
	save.writer.snapshot.txn = account->txn;
	check_all(&save);
	find_runs(&save);
	number_sets(&save);
	for (int i = 0; i < SECTION_COLUMNS; i++)
		write_column(&save, (enum snapshot_section)i);
	write_heap(&save);
	write_keywords(&save);
	write_expunged(&save);
	write_folder(&save);
	write_annotations(&save);
	return snapshot_writer_finish(&save.writer, &account->guid,
				      &folder->f.guid);
}

/* Zeros that took the place of what was cut off must not become data. */
static bool is_cut_now(struct folder *folder, bool was_cut)
{
	if (was_cut || !folder->data->snapshot.cut)
		return false;
	errno = EIO;
	return true;
}

int snapshot_save(struct folder *folder, uint64_t generation,
		  struct cv_error *err)
{
	struct account *account = folder->f.account;
	struct meta_name name = { META_SNAPSHOT, folder->f.guid, generation };
	/* what has the name is of an attempt that was cut off: no journal
	 * names it */
	struct meta_object *object = meta_create(account->meta, &name);
	struct cv_pool *pool;
	bool was_cut = folder_load(folder)->snapshot.cut;
	int status = CV_OK;

	if (object == NULL)
		return FAIL_ERRNO(err, errno, "cannot create snapshot of '%s'",
				  folder->f.name);
	pool = pool_create("snapshot");
	if (save_to(folder, object, generation, pool) < 0 ||
	    is_cut_now(folder, was_cut)) {
		status = FAIL_ERRNO(err, errno, "cannot write snapshot of "
				    "'%s'", folder->f.name);
		meta_remove(account->meta, &name);
	}
	pool_destroy(&pool);
	meta_release(&object);
	return status;
}
