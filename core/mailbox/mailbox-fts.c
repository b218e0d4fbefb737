/* mailbox-fts.c - the provider of full-text search within SEARCH.
 *
 * INVARIANT: a provider can make a search quicker or, where it is asked for
 * fuzzy matches, wider; it cannot show a message that is not in the view.
 * When it fails, or is slower than fts_search_timeout, the user's process
 * goes on without it. */
#include "mailbox-search-private.h"
#include "cv-fts.h"
#include "message/charset.h"
#include "message/message-section.h"

enum {
	FTS_TEXT_MAX = 1024 * 1024,	/* of one message */
	FTS_KEYS_MAX = 64,		/* of one search */
	FTS_STUCK_MSECS = 5000,		/* at least, behind the timeout */
};

/* Of one search. */
struct fts_use {
	const struct cv_fts *fts;
	struct cv_fts_box place;
	struct cv_user *user;
	const char *what;		/* for the log */
	uint64_t limit, spent;		/* on answers, milliseconds */
	uint32_t last;
};

/* What it has said of one key. */
struct fts_answer {
	struct cv_set definite, maybe;
	const struct cv_fts_hit *hits;
	uint32_t hit_count;
	uint32_t last;		/* those behind it are not known to it */
};

static const struct cv_fts *provider_of(const struct cv_user *user)
{
	uint32_t at = 0;

	return user->fts_off ? NULL :
		module_provider_next(CV_PROVIDER_FTS, &at);
}

uint32_t mailbox_search_caps(struct cv_user *u)
{
	const struct cv_fts *fts = provider_of(u);

	return fts != NULL && fts->search != NULL && fts->index != NULL &&
		fts->last != NULL && (fts->caps & CV_FTS_FUZZY) != 0 ?
		CV_SEARCH_CAN_FUZZY : 0;
}

/* A call of it.  Late is not yet stuck: who comes back in the end only loses
 * its place, not the session. */
static void call_begin(const struct fts_use *use)
{
	uint64_t limit = use->limit < UINT32_MAX ? use->limit : UINT32_MAX;

	mailbox_guard_begin(use->user, use->what, limit +
			    (limit > FTS_STUCK_MSECS ? limit :
			     FTS_STUCK_MSECS));
}

/* --- giving it messages ------------------------------------------------------------ */

static bool put_text(struct cv_text *dst, struct cv_span text)
{
	bool fits = text.len <= FTS_TEXT_MAX - dst->len;

	if (!fits)
		text.len = FTS_TEXT_MAX - dst->len;
	cv_text_append_span(dst, text);
	return fits;
}

/* False: not all of it. */
static bool put_body(struct search *s, struct cv_stream *in,
		     struct cv_span charset, struct cv_text *dst)
{
	struct charset_decoder *decoder;
	struct cv_text utf8;
	struct cv_span chunk;
	bool known, fits = true;
	int ret = CV_OK;

	decoder = charset_decoder_create(s->text_pool, charset, &known);
	cv_text_init(&utf8, s->text_pool);
	while (fits && (ret = stream_read(in, &chunk, s->err)) == CV_OK) {
		cv_text_reset(&utf8);
		charset_decoder_add(decoder, chunk, false, &utf8);
		fits = put_text(dst, cv_text_span(&utf8));
		stream_skip(in, chunk.len);
	}
	/* a key across the end of a part is none */
	(void)put_text(dst, CV_SPAN("\n"));
	return fits && known && ret == CV_EOF;
}

static bool put_part(struct search *s, struct cv_stream *file,
		     const struct mime_tree *tree, uint32_t part,
		     struct cv_text *header, struct cv_text *body)
{
	const struct mime_part *p = &tree->parts[part];
	struct cv_stream *in;
	struct cv_span raw;
	struct cv_text lines;
	int ret = search_read_header(s, file, p, &raw);

	if (ret < 0)
		return false;
	cv_text_init(&lines, s->text_pool);
	search_header_lines(raw, &lines);
	if (!put_text(header, cv_text_span(&lines)))
		return false;
	if ((p->flags & (MIME_MULTIPART | MIME_RFC822)) ||
	    !(p->flags & MIME_TEXT))
		return true;
	ret = message_part_open_decoded(s->text_pool, file, tree, part, &in,
					s->err);
	return ret == CV_E_UNSUPPORTED ||
		(ret == CV_OK && put_body(s, in, search_part_charset(raw),
					  body));
}

static int index_message(struct search *s, const struct fts_use *use)
{
	struct cv_fts_message message = { CV_SIZED(cv_fts_message),
					  .uid = s->uid };
	const struct mime_tree *tree;
	struct cv_stream *file;
	struct cv_text header, body;
	int ret = mailbox_content(s->box, s->row, &file, &tree, s->err);

	cv_text_init(&header, s->text_pool);
	cv_text_init(&body, s->text_pool);
	message.cut = ret != CV_OK;
	for (uint32_t i = 0; ret == CV_OK && i < tree->count; i++)
		message.cut = !put_part(s, file, tree, i, &header, &body) ||
			message.cut;
	message.header = cv_text_span(&header);
	message.body = cv_text_span(&body);
	call_begin(use);
	ret = use->fts->index(&use->place, &message, s->err);
	mailbox_guard_end();
	pool_reset(s->text_pool);
	return ret;
}

/* Those of the view that it has not seen yet. */
static int index_new(struct search *s, struct fts_use *use)
{
	uint32_t seq = s->box->count, total = s->box->count;
	int ret;

	call_begin(use);
	ret = use->fts->last(&use->place, &use->last, s->err);
	mailbox_guard_end();
	while (seq > 0 && mailbox_uid_at(s->box, seq - 1) > use->last)
		seq--;
	while (ret == CV_OK && seq++ < total) {
		ret = mailbox_progress(s->box->user, seq, total, s->err);
		if (ret < 0)
			break;
		s->uid = mailbox_uid_at(s->box, seq - 1);
		if (mailbox_row(s->box, seq, &s->row))
			ret = index_message(s, use);
		if (ret == CV_OK)
			use->last = s->uid;
	}
	return ret;
}

/* --- asking --------------------------------------------------------------------------- */

static bool result_is_good(const struct cv_fts_result *r)
{
	uint32_t after = 0;

	for (uint32_t i = 0; i < r->hit_count; i++) {
		if (r->hits[i].uid <= after)
			return false;
		after = r->hits[i].uid;
	}
	return cv_set_is_valid(r->definite) && cv_set_is_valid(r->maybe);
}

static struct cv_set view_uids(struct search *s)
{
	struct cv_range all = { 1, s->box->count };
	struct account_ranges uids;

	mailbox_seqs_to_uids(s->box, (struct cv_set){ &all, all.last > 0 },
			     s->pool, &uids);
	return ranges_set(&uids);
}

/* It has named messages that are gone. */
static bool has_unknown(struct search *s, struct cv_set uids)
{
	struct cv_set seqs;

	if (uids.count == 0)
		return false;
	(void)mailbox_uids_to_seqs(s->box, uids, s->pool, &seqs);
	return search_set_size(seqs) < search_set_size(uids);
}

/* It is told of those that are gone. */
static void forget(struct search *s, const struct fts_use *use)
{
	struct cv_set kept = view_uids(s);

	call_begin(use);
	(void)use->fts->forget(&use->place, kept, s->err);
	mailbox_guard_end();
}

static int ask(struct search *s, struct fts_use *use, struct snode *n)
{
	uint64_t start = time_monotonic_msecs();
	struct cv_fts_result result = { CV_SIZED(cv_fts_result) };
	struct cv_fts_key key = { CV_SIZED(cv_fts_key),
		.where = n->node->op == CV_SEARCH_HEADER ? CV_FTS_HEADER :
			n->node->op == CV_SEARCH_BODY ? CV_FTS_BODY :
			CV_FTS_TEXT,
		.field = n->node->field, .text = n->node->text,
		.fuzzy = n->fuzzy,
		.deadline_msecs = start + use->limit - (use->spent <
			use->limit ? use->spent : use->limit) };
	struct fts_answer *answer = pool_new(s->pool, struct fts_answer);
	int ret;

	call_begin(use);
	ret = use->fts->search(&use->place, &key, s->pool, &result, s->err);
	mailbox_guard_end();
	use->spent += time_monotonic_msecs() - start;
	if (ret != CV_OK)
		return ret < 0 ? ret : FAIL(s->err, CV_E_INTERNAL,
					    "it answered %d", ret);
	if (!result_is_good(&result))
		return FAIL(s->err, CV_E_INTERNAL, "its answer has numbers "
			    "out of order");
	*answer = (struct fts_answer){ result.definite, result.maybe,
		result.hits, result.hit_count, use->last };
	n->fts = answer;
	if (use->fts->forget != NULL && (has_unknown(s, answer->definite) ||
					 has_unknown(s, answer->maybe)))
		forget(s, use);
	return CV_OK;
}

static bool is_asked(const struct search *s, const struct snode *n)
{
	return (n->node->op == CV_SEARCH_HEADER ||
		n->node->op == CV_SEARCH_BODY ||
		n->node->op == CV_SEARCH_TEXT) && n->node->text.len > 0 &&
		/* it compares without case, as that comparator does */
		(n->fuzzy || s->map == CASEMAP_UNICODE);
}

static int ask_all(struct search *s, struct fts_use *use)
{
	uint32_t asked = 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < s->count && ret == CV_OK; i++) {
		if (!is_asked(s, &s->nodes[i]) || asked == FTS_KEYS_MAX)
			continue;
		if (asked++ == 0)
			ret = index_new(s, use);
		if (ret == CV_OK)
			ret = ask(s, use, &s->nodes[i]);
	}
	return ret;
}

static bool wants_provider(const struct search *s, bool bodies_only)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (is_asked(s, &s->nodes[i]) &&
		    (!bodies_only || s->nodes[i].node->op != CV_SEARCH_HEADER))
			return true;
	}
	return false;
}

static void use_init(struct fts_use *use, struct search *s,
		     const struct cv_fts *fts)
{
	struct cv_text what;

	*use = (struct fts_use){ .fts = fts, .user = s->box->user,
		.place = { CV_SIZED(cv_fts_box), .user = s->box->user,
			   .uidvalidity = s->box->folder->uidvalidity },
		.limit = s->box->user->mail.fts_search_timeout };
	memcpy(use->place.guid, s->box->folder->guid.bytes,
	       sizeof(use->place.guid));
	cv_text_init(&what, s->pool);
	cv_text_append_f(&what, "full-text search by %s", fts->name);
	use->what = cv_text_str(&what);
}

int fts_prepare(struct search *s)
{
	struct cv_user *user = s->box->user;
	const struct cv_fts *fts = provider_of(user);
	struct fts_use use;
	int ret;

	if (fts == NULL || fts->search == NULL || fts->index == NULL ||
	    fts->last == NULL || !wants_provider(s, false))
		return CV_OK;
	use_init(&use, s, fts);
	ret = ask_all(s, &use);
	/* only answers count: a mailbox that is new to it takes its time */
	if (ret == CV_OK && use.spent > use.limit) {
		log_warning("mailbox", "%s took longer than "
			    "fts_search_timeout: this session goes on "
			    "without it", use.what);
		user->fts_off = true;
	}
	if (ret == CV_OK)
		return ret;
	for (uint32_t i = 0; i < s->count; i++)
		s->nodes[i].fts = NULL;
	log_warning("mailbox", "%s failed: %s: this session goes on without "
		    "it", use.what,
		    s->err == NULL ? "" : s->err->text);
	user->fts_off = true;
	if (user->mail.fts_enforced == FTS_ENFORCED_NO ||
	    !wants_provider(s, user->mail.fts_enforced ==
			    FTS_ENFORCED_BODY))
		return CV_OK;
	return FAIL(s->err, CV_E_TEMP, "full-text search is not possible");
}

/* --- answers ----------------------------------------------------------------------------- */

static uint32_t hit_score(const struct fts_answer *a, uint32_t uid)
{
	uint32_t low = 0, high = a->hit_count, score;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (a->hits[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == a->hit_count || a->hits[low].uid != uid)
		return 1;
	score = a->hits[low].score;
	return score < 1 ? 1 : score > 100 ? 100 : score;
}

bool fts_decides(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct fts_answer *a = n->fts;
	uint32_t score;

	if (a == NULL || s->uid > a->last)
		return false;
	*yes_r = cv_set_contains(a->definite, s->uid);
	if (!*yes_r)
		return !cv_set_contains(a->maybe, s->uid);
	if (n->fuzzy) {
		score = hit_score(a, s->uid);
		s->score = s->score > score ? s->score : score;
	}
	return true;
}
