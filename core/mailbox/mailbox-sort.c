/* mailbox-sort.c - SORT [RFC5256 3, RFC5957].
 *
 * Every key becomes a number for each message, which are then sorted by the
 * least key first; sorting is stable, so that sequence numbers decide last. */
#include "mailbox-annotate.h"
#include "key-table.h"
#include "sort-radix.h"

enum { SORT_KEYS_MAX = 64 };

static const struct { uint32_t key, column; } sort_columns[] = {
	{ CV_SORT_CC, KEY_CC }, { CV_SORT_DATE, KEY_SENT },
	{ CV_SORT_DISPLAYFROM, KEY_DISPLAYFROM },
	{ CV_SORT_DISPLAYTO, KEY_DISPLAYTO }, { CV_SORT_FROM, KEY_FROM },
	{ CV_SORT_SUBJECT, KEY_SUBJECT }, { CV_SORT_TO, KEY_TO },
};

/* KEY_NONE: it comes from the rows. */
static uint32_t column_of(uint32_t key)
{
	for (size_t i = 0; i < sizeof(sort_columns) / sizeof(sort_columns[0]);
	     i++) {
		if (sort_columns[i].key == key)
			return sort_columns[i].column;
	}
	return KEY_NONE;
}

struct sorting {
	struct cv_mailbox *box;
	struct cv_pool *pool;
	struct key_row *rows;
	uint32_t *seqs, count;
	const uint8_t *scores;		/* by message that was found */
	struct key_table table;
	struct radix_item *items, *spare;
	enum casemap map;
	const struct cv_annotation *annotations;	/* behind the next */
};

/* Signed numbers in the order of unsigned ones. */
static uint64_t signed_key(int64_t value)
{
	return (uint64_t)value ^ (uint64_t)1 << 63;
}

static int row_key(struct sorting *s, uint32_t i, uint32_t key,
		   uint64_t *value_r, struct cv_error *err)
{
	const struct message_summary *summary;
	struct account_message m;
	int ret;

	account_row_get(s->box->folder, s->rows[i].row, &m);
	/* [RFC6203 6] the highest first */
	if (key == CV_SORT_RELEVANCY) {
		*value_r = 100 - s->scores[i];
		return CV_OK;
	}
	if (key == CV_SORT_ARRIVAL) {
		*value_r = signed_key(m.received);
		return CV_OK;
	}
	*value_r = m.virtual_size;
	if (m.virtual_size > 0 || m.size == 0)
		return CV_OK;
	ret = mailbox_summary(s->box, s->rows[i].row, &summary, err);
	if (ret == CV_OK)
		*value_r = summary->virtual_size;
	return ret < 0 ? ret : CV_OK;
}

/* [RFC5257 4.9] what has none is before all that have */
static uint32_t *annotation_ranks(struct sorting *s,
				  const struct cv_annotation *by)
{
	struct cv_text text;
	size_t *ends = pool_new_array(s->pool, size_t, s->count);
	struct cv_span *keys = pool_new_array(s->pool, struct cv_span,
					      s->count);
	uint32_t *order = pool_new_array(s->pool, uint32_t, s->count);
	uint32_t *ranks = pool_new_array(s->pool, uint32_t, s->count);
	size_t from = 0;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < s->count; i++) {
		struct cv_span value;

		if (annotation_get_one(s->box, account_row_uid(
				s->box->folder, s->rows[i].row), by->entry,
				by->is_private, &value)) {
			/* a value that is empty is one all the same */
			cv_text_append_c(&text, '+');
			casemap_append(&text, s->map, value);
		}
		ends[i] = text.len;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		keys[i] = cv_span(cv_text_str(&text) + from, ends[i] - from);
		from = ends[i];
	}
	(void)radix_rank_strings(keys, s->count, s->pool, ranks, order);
	return ranks;
}

/* Sorts what the keys after this one have sorted already. */
static int sort_by(struct sorting *s, uint32_t key, struct cv_error *err)
{
	uint64_t flip = (key & CV_SORT_REVERSE) != 0 ? UINT64_MAX : 0;
	uint32_t column = column_of(key & ~(uint32_t)CV_SORT_REVERSE);
	const uint32_t *ranks = column < KEY_STRINGS ?
		s->table.ranks[column] : NULL;

	if ((key & ~(uint32_t)CV_SORT_REVERSE) == CV_SORT_ANNOTATION)
		ranks = annotation_ranks(s, --s->annotations);

	for (uint32_t n = 0; n < s->count; n++) {
		uint32_t i = s->items[n].index;
		uint64_t value;
		int ret = CV_OK;

		if (ranks != NULL)
			value = ranks[i];
		else if (column == KEY_SENT)
			value = signed_key(s->table.sent[i]);
		else
			ret = row_key(s, i, key & ~(uint32_t)CV_SORT_REVERSE,
				      &value, err);
		if (ret < 0)
			return ret;
		s->items[n].key = value ^ flip;
	}
	radix_sort(s->items, s->spare, s->count);
	return CV_OK;
}

static int check_keys(const struct cv_sort_request *r, uint32_t *wanted_r,
		      struct cv_error *err)
{
	uint32_t noted = 0;

	*wanted_r = 0;
	if (r->key_count == 0 || r->key_count > SORT_KEYS_MAX)
		return FAIL(err, CV_E_SYNTAX, "%u sort keys", r->key_count);
	for (uint32_t i = 0; i < r->key_count; i++) {
		uint32_t key = r->keys[i] & ~(uint32_t)CV_SORT_REVERSE;
		uint32_t column = column_of(key);

		if (column != KEY_NONE)
			*wanted_r |= 1u << column;
		else if (key == CV_SORT_ANNOTATION)
			noted++;
		else if (key != CV_SORT_ARRIVAL && key != CV_SORT_SIZE &&
			 key != CV_SORT_RELEVANCY)
			return FAIL(err, CV_E_SYNTAX, "no such sort key: %u",
				    key);
	}
	return noted == (CV_HAS(r, annotation_count) ? r->annotation_count :
			 0) ? CV_OK :
		FAIL(err, CV_E_SYNTAX, "sort keys of annotations");
}

static int sort_all(struct sorting *s, const struct cv_sort_request *r,
		    struct cv_error *err)
{
	int ret = spare_memory_check((uint64_t)s->count * 3 *
				     sizeof(*s->items), err);

	if (ret < 0)
		return ret;
	s->map = key_casemap(r->query);
	/* from the last key to the first */
	if (CV_HAS(r, annotation_count) && r->annotation_count > 0)
		s->annotations = r->annotations + r->annotation_count;
	s->items = pool_new_array(s->pool, struct radix_item, s->count);
	s->spare = pool_new_array(s->pool, struct radix_item, s->count);
	for (uint32_t i = 0; i < s->count; i++)
		s->items[i].index = i;
	for (uint32_t k = r->key_count; k-- > 0 && ret == CV_OK; )
		ret = sort_by(s, r->keys[k], err);
	return ret;
}

int mailbox_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
		 struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
		 struct cv_error *err)
{
	struct sorting s = { .box = box };
	struct cv_set found;
	uint32_t wanted;
	int ret = check_keys(r, &wanted, err);

	if (ret == CV_OK)
		ret = mailbox_search_scored(box, r->query, pool, &found,
					    &s.scores, err);
	if (ret < 0)
		return ret;
	s.pool = pool_create("sort");
	ret = key_rows_get(box, found, s.pool, &s.rows, &s.seqs, &s.count,
			   err);
	if (ret == CV_OK && wanted != 0)
		ret = key_table_get(box, s.rows, s.count, wanted,
				    key_casemap(r->query), s.pool, &s.table,
				    err);
	if (ret == CV_OK)
		ret = sort_all(&s, r, err);
	if (ret == CV_OK) {
		*seqs_r = pool_new_array(pool, uint32_t, s.count);
		*count_r = s.count;
		for (uint32_t i = 0; i < s.count; i++)
			(*seqs_r)[i] = s.seqs[s.items[i].index];
	}
	pool_destroy(&s.pool);
	return ret;
}
