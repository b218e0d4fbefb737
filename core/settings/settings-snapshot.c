/* settings-snapshot.c - a tree as bytes, from the master to its services.
 *
 * Header, then fixed-size records of files, filters, blocks and entries whose
 * texts are offsets into one table of NUL-terminated strings at the end.
 * Made and read by the same build on the same host: native byte order.  What
 * is read is checked as if it came from outside: CRC, counts, references.
 * Filters and blocks only refer to what is before them, so there is no
 * circle. */
#include "settings-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SNAPSHOT_MAGIC = 0x31767643,	/* "Cvv1" */
	SNAPSHOT_BYTES_MAX = 128 * 1024 * 1024,
	NO_TEXT = UINT32_MAX,
};

struct snapshot_head {
	uint32_t magic, crc;	/* of all that follows crc */
	uint32_t files, filters, blocks, entries, text_bytes;
};

struct snapshot_filter {
	uint32_t parent, kind, name, protocol, local_name;
	struct settings_net local, remote;
};

struct snapshot_block { uint32_t parent, kind, name; };

struct snapshot_entry {
	uint32_t block, filter, file, line, flags, key, value, raw;
};

/* --- writing -------------------------------------------------------------- */

struct writer {
	struct cv_pool *pool;
	struct cv_text records, texts;
	struct hash_table known;	/* text -> offset + 1 */
};

static uint32_t put_text(struct writer *writer, const char *text)
{
	struct cv_span span;
	uintptr_t offset;

	if (text == NULL)
		return NO_TEXT;
	span = cv_span_of(text);
	if (span.len == 0)
		span = CV_SPAN("");
	offset = (uintptr_t)hash_find(&writer->known, span);
	if (offset != 0)
		return (uint32_t)(offset - 1);
	offset = writer->texts.len;
	cv_text_append(&writer->texts, text, span.len + 1);
	hash_set(&writer->known, span, (void *)(offset + 1));
	return (uint32_t)offset;
}

static void put_filters(struct writer *writer,
			const struct settings_tree *tree)
{
	for (size_t i = 1; i < tree->filters.count; i++) {
		const struct settings_filter *filter =
			&tree->filters.items[i];
		struct snapshot_filter record;

		memset(&record, 0, sizeof(record));
		record.parent = filter->parent;
		record.kind = put_text(writer, filter->kind);
		record.name = put_text(writer, filter->name);
		record.protocol = put_text(writer, filter->protocol);
		record.local_name = put_text(writer, filter->local_name);
		record.local = filter->local;
		record.remote = filter->remote;
		cv_text_append(&writer->records, &record, sizeof(record));
	}
}

static void put_blocks(struct writer *writer, const struct settings_tree *tree)
{
	for (size_t i = 1; i < tree->blocks.count; i++) {
		const struct settings_block_node *block =
			&tree->blocks.items[i];
		struct snapshot_block record = {
			block->parent, put_text(writer, block->kind),
			put_text(writer, block->name),
		};

		cv_text_append(&writer->records, &record, sizeof(record));
	}
}

static void put_entries(struct writer *writer,
			const struct settings_tree *tree, bool with_secrets)
{
	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];
		bool hide = !with_secrets &&
			(entry->flags & (ENTRY_SECRET | ENTRY_SESSION)) ==
			ENTRY_SECRET;
		struct snapshot_entry record = {
			entry->block, entry->filter, entry->file, entry->line,
			entry->flags & ~(uint32_t)ENTRY_LAZY,
			put_text(writer, entry->key),
			put_text(writer, hide ? "" : entry->value),
			put_text(writer, hide ? NULL : entry->raw),
		};

		cv_text_append(&writer->records, &record, sizeof(record));
	}
}

static int write_all(int fd, const void *data, size_t len,
		     struct cv_error *err)
{
	const char *bytes = data;

	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return FAIL_ERRNO(err, errno,
					  "cannot write settings snapshot");
		bytes += put;
		len -= (size_t)put;
	}
	return CV_OK;
}

static int snapshot_put(struct writer *writer,
			const struct settings_tree *tree, int fd,
			bool with_secrets, struct cv_error *err)
{
	struct snapshot_head head = {
		.magic = SNAPSHOT_MAGIC, .files = (uint32_t)tree->files.count,
		.filters = (uint32_t)tree->filters.count,
		.blocks = (uint32_t)tree->blocks.count,
		.entries = (uint32_t)tree->entries.count,
	};
	int ret;

	(void)put_text(writer, "");
	for (size_t i = 0; i < tree->files.count; i++) {
		uint32_t at = put_text(writer, tree->files.items[i]);

		cv_text_append(&writer->records, &at, sizeof(at));
	}
	put_filters(writer, tree);
	put_blocks(writer, tree);
	put_entries(writer, tree, with_secrets);
	if (writer->texts.len > SNAPSHOT_BYTES_MAX - writer->records.len -
	    sizeof(head))
		return FAIL(err, CV_E_LIMIT, "the settings are too big for a "
			    "snapshot");
	head.text_bytes = (uint32_t)writer->texts.len;
	cv_text_append(&writer->records, writer->texts.data,
		       writer->texts.len);
	head.crc = crc32c(0, &head.files,
			  sizeof(head) - offsetof(struct snapshot_head,
						  files));
	head.crc = crc32c(head.crc, writer->records.data,
			  writer->records.len);
	ret = write_all(fd, &head, sizeof(head), err);
	return ret < 0 ? ret : write_all(fd, writer->records.data,
					 writer->records.len, err);
}

int settings_snapshot_write(const struct settings_tree *tree, int fd,
			    bool with_secrets, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("settings snapshot");
	struct writer writer = { .pool = pool };
	int ret;

	pool_set_secret(pool);
	cv_text_init(&writer.records, pool);
	cv_text_init(&writer.texts, pool);
	hash_init(&writer.known, pool, false);
	ret = snapshot_put(&writer, tree, fd, with_secrets, err);
	pool_destroy(&pool);
	return ret;
}

/* --- reading -------------------------------------------------------------- */

struct snapshot {
	struct snapshot_head head;
	const char *records, *texts;
	size_t at;		/* in records */
};

static const void *take(struct snapshot *snap, size_t size)
{
	const void *record = snap->records + snap->at;

	snap->at += size;
	return record;
}

static bool text_ok(const struct snapshot *snap, uint32_t offset)
{
	return offset < snap->head.text_bytes;
}

static const char *text_at(const struct snapshot *snap, uint32_t offset)
{
	return offset == NO_TEXT ? NULL : snap->texts + offset;
}

static bool optional_ok(const struct snapshot *snap, uint32_t offset)
{
	return offset == NO_TEXT || text_ok(snap, offset);
}

static bool net_ok(const struct settings_net *net)
{
	return (net->ip.family == 0 && net->bits == 0) ||
		(net->ip.family == 4 && net->bits <= 32) ||
		(net->ip.family == 6 && net->bits <= 128);
}

static bool take_filter(struct snapshot *snap, struct settings_tree *tree)
{
	struct settings_filter filter = { .parent = 0 };
	struct snapshot_filter record;

	memcpy(&record, take(snap, sizeof(record)), sizeof(record));
	if (record.parent >= tree->filters.count ||
	    !text_ok(snap, record.kind) || !text_ok(snap, record.name) ||
	    !optional_ok(snap, record.protocol) ||
	    !optional_ok(snap, record.local_name) ||
	    !net_ok(&record.local) || !net_ok(&record.remote))
		return false;
	filter.parent = record.parent;
	filter.kind = text_at(snap, record.kind);
	filter.name = text_at(snap, record.name);
	filter.protocol = text_at(snap, record.protocol);
	filter.local_name = text_at(snap, record.local_name);
	filter.local = record.local;
	filter.remote = record.remote;
	filter.rank = settings_filter_rank(&filter);
	*array_add(&tree->filters) = filter;
	return true;
}

static bool take_block(struct snapshot *snap, struct settings_tree *tree)
{
	struct settings_block_node *block;
	struct snapshot_block record;

	memcpy(&record, take(snap, sizeof(record)), sizeof(record));
	if (record.parent >= tree->blocks.count ||
	    !text_ok(snap, record.kind) || !text_ok(snap, record.name))
		return false;
	block = array_add(&tree->blocks);
	block->parent = record.parent;
	block->kind = text_at(snap, record.kind);
	block->name = text_at(snap, record.name);
	block->is_plugin = strcmp(block->kind, "plugin") == 0;
	return true;
}

static bool take_entry(struct snapshot *snap, struct settings_tree *tree)
{
	struct settings_entry *entry;
	struct snapshot_entry record;

	memcpy(&record, take(snap, sizeof(record)), sizeof(record));
	if (record.block >= tree->blocks.count ||
	    record.filter >= tree->filters.count ||
	    record.file >= tree->files.count ||
	    !text_ok(snap, record.key) || !text_ok(snap, record.value) ||
	    !optional_ok(snap, record.raw))
		return false;
	entry = array_add(&tree->entries);
	entry->block = record.block;
	entry->filter = record.filter;
	entry->file = record.file;
	entry->line = record.line;
	entry->flags = record.flags & ~(uint32_t)ENTRY_LAZY;
	entry->key = text_at(snap, record.key);
	entry->value = text_at(snap, record.value);
	entry->raw = text_at(snap, record.raw);
	settings_tree_index(tree, (uint32_t)tree->entries.count - 1);
	return true;
}

static bool records_take(struct snapshot *snap, struct settings_tree *tree)
{
	for (uint32_t i = 0; i < snap->head.files; i++) {
		uint32_t offset;

		memcpy(&offset, take(snap, sizeof(offset)), sizeof(offset));
		if (!text_ok(snap, offset))
			return false;
		if (i > 0)	/* the tree has number 0 already */
			*array_add(&tree->files) = text_at(snap, offset);
	}
	for (uint32_t i = 1; i < snap->head.filters; i++) {
		if (!take_filter(snap, tree))
			return false;
	}
	for (uint32_t i = 1; i < snap->head.blocks; i++) {
		if (!take_block(snap, tree))
			return false;
	}
	for (uint32_t i = 0; i < snap->head.entries; i++) {
		if (!take_entry(snap, tree))
			return false;
	}
	return true;
}

/* The sizes add up to exactly what there is. */
static bool head_ok(const struct snapshot *snap, uint64_t len)
{
	const struct snapshot_head *head = &snap->head;
	uint64_t want = sizeof(*head);

	if (head->magic != SNAPSHOT_MAGIC || head->files == 0 ||
	    head->filters == 0 || head->blocks == 0 || head->text_bytes == 0)
		return false;
	/* 32-bit counts times small sizes: no overflow in 64 bits */
	want += (uint64_t)head->files * sizeof(uint32_t);
	want += (uint64_t)(head->filters - 1) * sizeof(struct snapshot_filter);
	want += (uint64_t)(head->blocks - 1) * sizeof(struct snapshot_block);
	want += (uint64_t)head->entries * sizeof(struct snapshot_entry);
	want += head->text_bytes;
	return want == len;
}

static bool snapshot_take(const char *data, size_t len,
			  struct settings_tree *tree)
{
	struct snapshot snap;
	uint32_t crc;

	if (len < sizeof(snap.head))
		return false;
	memcpy(&snap.head, data, sizeof(snap.head));
	crc = crc32c(0, data + offsetof(struct snapshot_head, files),
		     len - offsetof(struct snapshot_head, files));
	if (!head_ok(&snap, len) || crc != snap.head.crc)
		return false;
	snap.records = data + sizeof(snap.head);
	snap.texts = data + len - snap.head.text_bytes;
	snap.at = 0;
	return data[len - 1] == '\0' && records_take(&snap, tree);
}

static int read_all(int fd, char *data, size_t len, struct cv_error *err)
{
	size_t at = 0;

	while (at < len) {
		ssize_t got = pread(fd, data + at, len - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FAIL_ERRNO(err, errno,
					  "cannot read settings snapshot");
		if (got == 0)
			return FAIL(err, CV_E_SYNTAX,
				    "the settings snapshot is cut short");
		at += (size_t)got;
	}
	return CV_OK;
}

int settings_snapshot_read(int fd, struct settings_tree **tree_r,
			   struct cv_error *err)
{
	struct settings_tree *tree;
	struct stat st;
	char *data;
	int ret;

	*tree_r = NULL;
	if (fstat(fd, &st) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat settings snapshot");
	if (st.st_size <= 0 || st.st_size > SNAPSHOT_BYTES_MAX)
		return FAIL(err, CV_E_SYNTAX, "the settings snapshot has an "
			    "impossible size");
	tree = settings_tree_create();
	data = pool_alloc(tree->pool, (size_t)st.st_size);
	ret = read_all(fd, data, (size_t)st.st_size, err);
	if (ret == CV_OK && !snapshot_take(data, (size_t)st.st_size, tree))
		ret = FAIL(err, CV_E_SYNTAX, "the settings snapshot is damaged "
			   "or of another version");
	if (ret < 0)
		settings_tree_destroy(&tree);
	*tree_r = tree;
	return ret;
}
