/* snapshot-save.c - a folder's rows become a snapshot file. */
#include "account-private.h"

#include <errno.h>

enum { EXPUNGED_MAX = 65536 };

struct save {
	struct folder *folder;
	struct folder_data *data;
	struct cv_pool *pool;
	struct snapshot_writer writer;
	uint32_t rows;			/* of both parts */
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

/* Which keyword sets are in use, numbered anew. */
static void number_sets(struct save *save)
{
	save->sets = pool_new_array(save->pool, uint32_t,
				    save->data->sets.count);
	save->used = pool_new_array(save->pool, uint32_t,
				    save->data->sets.count);
	for (uint32_t row = 0; row < save->rows; row++) {
		uint32_t at, set;
		struct rows *rows = rows_at(save->data, row, &at);

		if (!row_lives(save, row))
			continue;
		save->writer.snapshot.rows++;
		if (!rows_check(save->folder, rows, &rows->keywords[at], 4))
			continue;
		set = rows->keywords[at];
		if (set == 0 || set >= save->data->sets.count ||
		    save->sets[set] != 0)
			continue;
		save->used[save->used_count++] = set;
		save->sets[set] = save->used_count;
	}
	save->writer.snapshot.sets = save->used_count;
}

/* The value of one column of one row, as it is written. */
static const void *cell(struct save *save, enum snapshot_section section,
			const struct row_values *v, uint64_t *heap,
			uint64_t *buffer)
{
	uint32_t small;

	switch (section) {
	case SECTION_UID:
		return &v->uid;
	case SECTION_FLAGS:
		small = v->flags & ROW_FLAGS_DISK;
		break;
	case SECTION_KEYWORDS:
		small = save->sets[v->keywords];
		break;
	case SECTION_MODSEQ:
		return &v->modseq;
	case SECTION_RECEIVED:
		return &v->received;
	case SECTION_SAVED:
		return &v->saved;
	case SECTION_SIZE:
		return &v->size;
	case SECTION_VIRTUAL:
		return &v->virtual_size;
	case SECTION_GUID:
		return &v->guid;
	case SECTION_BLOB:
		*buffer = BLOB_PLACE(*heap, v->blob.len);
		*heap += v->blob.len;
		return buffer;
	case SECTION_CATALOGUE:
		return &v->catalogue;
	default:
		BUG_REACHED();
	}
	memcpy(buffer, &small, sizeof(small));
	return buffer;
}

static void write_column(struct save *save, enum snapshot_section section)
{
	uint64_t heap = 0, buffer;

	snapshot_writer_begin(&save->writer, section);
	for (uint32_t row = 0; row < save->rows; row++) {
		struct row_values v;

		if (!row_lives(save, row))
			continue;
		rows_get(save->folder, row, &v);
		snapshot_writer_add(&save->writer, cell(save, section, &v,
							&heap, &buffer),
				    snapshot_widths[section]);
	}
	snapshot_writer_end(&save->writer, section);
}

static void write_heap(struct save *save)
{
	snapshot_writer_begin(&save->writer, SECTION_HEAP);
	for (uint32_t row = 0; row < save->rows; row++) {
		struct row_values v;

		if (!row_lives(save, row))
			continue;
		rows_get(save->folder, row, &v);
		snapshot_writer_add(&save->writer, v.blob.data, v.blob.len);
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

static int save_to(struct folder *folder, int fd, uint64_t generation,
		   struct cv_pool *pool)
{
	struct account *account = folder->f.account;
	struct save save = {
		.folder = folder,
		.data = folder_load(folder),
		.pool = pool,
		.rows = account_row_count(&folder->f),
	};

	snapshot_writer_init(&save.writer, account->io, fd, pool);
	save.writer.snapshot.generation = generation;
	save.writer.snapshot.txn = account->txn;
	check_all(&save);
	number_sets(&save);
	for (int i = 0; i < SECTION_COLUMNS; i++)
		write_column(&save, (enum snapshot_section)i);
	write_heap(&save);
	write_keywords(&save);
	write_expunged(&save);
	write_folder(&save);
	return snapshot_writer_finish(&save.writer, &account->guid,
				      &folder->f.guid);
}

int snapshot_save(struct folder *folder, uint64_t generation,
		  struct cv_error *err)
{
	struct account *account = folder->f.account;
	struct cv_pool *pool;
	char name[64];
	int fd, status = CV_OK;

	snapshot_name(name, &folder->f.guid, generation);
	fd = io_create_file(account->io, account->dirfd, name,
			    account->options.file_mode);
	if (fd < 0 && errno == EEXIST) {
		/* of an attempt that was cut off: no journal names it */
		if (io_unlink(account->io, account->dirfd, name) == 0)
			fd = io_create_file(account->io, account->dirfd, name,
					    account->options.file_mode);
	}
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", name);
	pool = pool_create("snapshot");
	if (save_to(folder, fd, generation, pool) < 0) {
		status = FAIL_ERRNO(err, errno, "cannot write '%s'", name);
		(void)io_unlink(account->io, account->dirfd, name);
	}
	pool_destroy(&pool);
	io_close(account->io, fd);
	return status;
}
