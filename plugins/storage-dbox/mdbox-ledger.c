/* mdbox-ledger.c - what became of the references that Dovecot had counted.
 *
 * A record of Dovecot's may go when each reference that its map counts was
 * taken over into a folder and expunged there.  The ledger, a file of
 * storage/, has an entry for each of Dovecot's references that was expunged
 * here, alone or with its folder.  What is missing in it costs room: so it is
 * not synced, and a damaged entry is as good as none. */
#include "dbox.h"

#include <stdlib.h>

/* number, UIDVALIDITY, offset, which copy in its folder, CRC of the others */
enum { ENTRY = 24, LOCK_MSECS = 1000 };

static const char ledger_name[] = "culver.expunged";

struct entry {
	uint32_t number, uidvalidity;
	uint64_t offset;
	uint32_t copy, at;		/* at: which in the file */
};

struct mdbox_ledger {
	struct cv_pool *pool;
	struct entry *entries;
	uint32_t count;
	struct dbox_foreign_place *places;
	uint32_t place_count;
};

/* --- entries ------------------------------------------------------------------ */

static void put(unsigned char *dst, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		dst[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

static uint64_t get(const unsigned char *p, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

static void format(unsigned char dst[ENTRY], const struct entry *e)
{
	put(dst, e->number, 4);
	put(dst + 4, e->uidvalidity, 4);
	put(dst + 8, e->offset, 8);
	put(dst + 16, e->copy, 4);
	put(dst + 20, cv_api->crc32c(0, dst, 20), 4);
}

static bool parse(const unsigned char p[ENTRY], struct entry *e)
{
	*e = (struct entry){
		.number = (uint32_t)get(p, 4),
		.uidvalidity = (uint32_t)get(p + 4, 4),
		.offset = get(p + 8, 8), .copy = (uint32_t)get(p + 16, 4),
	};
	return e->uidvalidity != 0 &&
		get(p + 20, 4) == cv_api->crc32c(0, p, 20);
}

/* --- writing --------------------------------------------------------------------- */

static int append(struct cv_storage_root *root, int fd,
		  const unsigned char *data, size_t size,
		  struct cv_error *err)
{
	struct stat st;

	if (DBOX_CALL(root, lock, fd, F_WRLCK, LOCK_MSECS) < 0 ||
	    DBOX_CALL(root, fstat, fd, &st) < 0 ||
	    DBOX_CALL(root, pwrite, fd, data, size, (uint64_t)st.st_size /
		      ENTRY * ENTRY) < 0)
		return common_fail(err, "write", ledger_name);
	return CV_OK;
}

static int write_entries(struct cv_storage_root *root, int flags,
			 const struct entry *entries, uint32_t count,
			 struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mdbox ledger");
	size_t size = (size_t)count * ENTRY;
	unsigned char *data = cv_api->alloc(pool, size);
	int fd, ret = mdbox_storage(root, err);

	for (uint32_t i = 0; i < count; i++)
		format(data + (size_t)i * ENTRY, &entries[i]);
	if (ret == CV_OK) {
		fd = DBOX_CALL(root, open, root->storage_fd, ledger_name,
			       O_RDWR | flags, 0600);
		if (fd < 0)
			ret = errno == ENOENT ? CV_NOT_FOUND :
				common_fail(err, "open", ledger_name);
		else
			ret = append(root, fd, data, size, err);
		dbox_close(root, fd);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int mdbox_ledger_add(struct cv_storage_root *root, uint32_t uidvalidity,
		     const struct cv_span *refs, uint32_t count,
		     struct cv_error *err)
{
	struct cv_pool *pool;
	struct entry *entries;
	uint32_t added = 0;
	int ret = CV_OK;

	if (uidvalidity == 0 || count == 0)
		return CV_OK;
	pool = cv_api->pool_create("mdbox ledger");
	entries = CV_ALLOC_ARRAY(pool, struct entry, count);
	for (uint32_t i = 0; i < count; i++) {
		struct mdbox_ref ref;

		if (mdbox_ref_parse(refs[i], &ref) &&
		    mdbox_ref_counted(&ref))
			entries[added++] = (struct entry){
				.number = ref.number, .offset = ref.offset,
				.uidvalidity = uidvalidity,
				.copy = (uint32_t)ref.copy,
			};
	}
	if (added > 0)
		ret = write_entries(root, O_CREAT, entries, added, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

int mdbox_ledger_forget(struct cv_storage_root *root, uint32_t uidvalidity,
			struct cv_error *err)
{
	/* no record is at offset 0 */
	struct entry e = { .uidvalidity = uidvalidity };
	int ret = uidvalidity == 0 ? CV_OK :
		write_entries(root, 0, &e, 1, err);

	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

void mdbox_ledger_remove(struct cv_storage_root *root)
{
	(void)DBOX_CALL(root, unlink, root->storage_fd, ledger_name);
}

/* --- reading ---------------------------------------------------------------------- */

/* Those of a folder in their order, one that forgets before all others. */
static int by_folder(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->uidvalidity != y->uidvalidity)
		return x->uidvalidity < y->uidvalidity ? -1 : 1;
	if ((x->offset == 0) != (y->offset == 0))
		return x->offset == 0 ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (x->uidvalidity != y->uidvalidity)
		return x->uidvalidity < y->uidvalidity ? -1 : 1;
	return (x->copy > y->copy) - (x->copy < y->copy);
}

/* What was expunged before its folder was taken over anew does not count, and
 * what was said twice counts once. */
static void settle(struct mdbox_ledger *l)
{
	uint32_t to = 0, uidvalidity = 0, since = 0;

	if (l->count > 1)
		qsort(l->entries, l->count, sizeof(*l->entries), by_folder);
	for (uint32_t i = 0; i < l->count; i++) {
		struct entry e = l->entries[i];

		if (e.uidvalidity != uidvalidity)
			since = 0;
		uidvalidity = e.uidvalidity;
		if (e.offset == 0)
			since = e.at;
		else if (e.at >= since)
			l->entries[to++] = e;
	}
	l->count = to;
	if (l->count > 1)
		qsort(l->entries, l->count, sizeof(*l->entries), by_place);
	to = 0;
	for (uint32_t i = 0; i < l->count; i++) {
		if (to == 0 ||
		    by_place(&l->entries[to - 1], &l->entries[i]) != 0)
			l->entries[to++] = l->entries[i];
	}
	l->count = to;
}

void mdbox_ledger_parse(struct cv_span file, struct cv_pool *pool,
			struct mdbox_ledger **ledger_r)
{
	struct mdbox_ledger *l = CV_ALLOC(pool, struct mdbox_ledger);
	uint32_t all = (uint32_t)(file.len / ENTRY);

	l->pool = pool;
	l->entries = CV_ALLOC_ARRAY(pool, struct entry, (size_t)all + 1);
	for (uint32_t i = 0; i < all; i++) {
		struct entry *e = &l->entries[l->count];

		if (!parse((const unsigned char *)file.data +
			   (size_t)i * ENTRY, e))
			continue;
		e->at = i;
		l->count++;
	}
	settle(l);
	*ledger_r = l;
}

int mdbox_ledger_read(struct cv_storage_root *root, struct cv_pool *pool,
		      struct mdbox_ledger **ledger_r, struct cv_error *err)
{
	struct cv_text file;
	int ret;

	cv_text_init(&file, pool);
	ret = dbox_file_read(root, root->storage_fd, ledger_name, &file, err);
	if (ret < 0)
		return ret;
	mdbox_ledger_parse(ret == CV_OK ? cv_text_span(&file) : CV_SPAN(""),
			   pool, ledger_r);
	ret = dbox_foreign_map(root, pool, &(*ledger_r)->places,
			       &(*ledger_r)->place_count, err);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

/* The first that is not before a place. */
static uint32_t first_entry(const struct mdbox_ledger *l, uint32_t number,
			    uint64_t offset)
{
	uint32_t low = 0, high = l->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct entry *e = &l->entries[middle];

		if (e->number < number ||
		    (e->number == number && e->offset < offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t mdbox_ledger_expunged(const struct mdbox_ledger *l, uint32_t number,
			       uint64_t offset)
{
	uint32_t first = first_entry(l, number, offset), count = 0;

	while (first + count < l->count &&
	       l->entries[first + count].number == number &&
	       l->entries[first + count].offset == offset)
		count++;
	return count;
}

bool mdbox_ledger_counted(const struct mdbox_ledger *l, uint32_t number,
			  uint64_t offset, uint64_t *refs_r)
{
	struct dbox_foreign_place key = {
		.number = number, .offset = offset,
	};
	const struct dbox_foreign_place *place = l->place_count == 0 ? NULL :
		bsearch(&key, l->places, l->place_count, sizeof(key),
			dbox_foreign_place_compare);

	*refs_r = place == NULL ? 0 : place->refs;
	return place != NULL && place->counted;
}
