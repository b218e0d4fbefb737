/* mailbox-freeze.c - a view as bytes, for another process of the same user.
 *
 *	"CVvw" u16 version u16 flags
 *	account GUID, folder GUID
 *	u32 uidvalidity u32 uidnext u32 keywords u64 modseq u64 expunge modseq
 *	u16 length, name as the client sees it
 *	UIDs, \Recent UIDs
 *	u32 count, of what STORE.SILENT did: u64 modseq, UIDs
 *	flag SEEN (\Seen is the reader's own): UIDs that he has seen, UIDs of
 *		which the client is still to be told
 *	flag REMOTE (another user's mail; the account GUID is zero then): u32
 *		length, what the broker has frozen in the same form; or nothing
 *	HMAC-SHA256 of all before it
 *
 * Numbers are big-endian.  UIDs are u32 count of ranges, and for each two
 * numbers of 1 to 5 bytes (7 bits each, the lowest first, the high bit says
 * that more follow): from the end of the range before, and its length - 1.
 *
 * What was not told to the client stays derivable: the journal keeps expunges,
 * and the first sync after thawing reports them by the numbers of the frozen
 * view. */
#include "mailbox-private.h"
#include "mailbox-freeze.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "mailbox-seen.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	FREEZE_VERSION = 2, HMAC_BYTES = 32,
	FREEZE_READONLY = 1, FREEZE_SEEN = 2, FREEZE_REMOTE = 4,
	FREEZE_FLAGS = 7,
	SILENT_MAX = 1024,		/* more are told as flag changes */
};
static const struct cv_span freeze_magic = CV_SPAN("CVvw");

/* --- writing ------------------------------------------------------------------ */

static void put_number(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

static void put_varint(struct cv_text *out, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		cv_text_append_c(out, (char)(value | 0x80));
	cv_text_append_c(out, (char)value);
}

static void put_ranges(struct cv_text *out,
		       const struct account_ranges *ranges)
{
	uint32_t last = 0;

	put_number(out, ranges->count, 4);
	for (size_t i = 0; i < ranges->count; i++) {
		put_varint(out, ranges->items[i].first - last);
		put_varint(out, ranges->items[i].last -
			   ranges->items[i].first);
		last = ranges->items[i].last;
	}
}

static void put_silent(struct cv_text *out, const struct cv_mailbox *box)
{
	const struct silent_store *s;
	uint32_t count = 0;

	for (s = box->silent; s != NULL && count < SILENT_MAX; s = s->next)
		count++;
	put_number(out, count, 4);
	for (s = box->silent; count > 0; s = s->next, count--) {
		put_number(out, s->modseq, 8);
		put_ranges(out, &s->uids);
	}
}

static int sign(const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		struct cv_span data, uint8_t digest[HMAC_BYTES],
		struct cv_error *err)
{
	unsigned int len = 0;

	if (HMAC(EVP_sha256(), key, MAILBOX_FREEZE_KEY_BYTES,
		 (const uint8_t *)data.data, data.len, digest, &len) == NULL ||
	    len != HMAC_BYTES)
		return FAIL(err, CV_E_INTERNAL, "no HMAC");
	return CV_OK;
}

/* UIDs of the view, one by one: what the seen hold is in no order. */
static void put_seen(struct cv_text *out, const struct cv_mailbox *box,
		     struct cv_pool *pool)
{
	struct account_ranges seen = { .pool = pool }, news = { .pool = pool };

	for (uint32_t i = 0; i < box->count; i++) {
		uint32_t uid = mailbox_uid_at(box, i);

		if (seen_has(box->seen, uid))
			ranges_add(&seen, uid);
		if (seen_is_news(box->seen, uid))
			ranges_add(&news, uid);
	}
	put_ranges(out, &seen);
	put_ranges(out, &news);
}

static int put_broker(struct cv_text *out, struct cv_mailbox *box,
		      struct cv_pool *pool, struct cv_error *err)
{
	struct cv_text bytes;
	int ret;

	cv_text_init(&bytes, pool);
	ret = remote_freeze(box, &bytes, err);
	put_number(out, bytes.len, 4);
	cv_text_append_span(out, cv_text_span(&bytes));
	return ret;
}

static void put_head(struct cv_text *out, struct cv_mailbox *box)
{
	static const struct account_guid none;
	bool remote = box->remote != NULL;
	size_t name_len = strlen(box->name);

	cv_text_append_span(out, freeze_magic);
	put_number(out, FREEZE_VERSION, 2);
	put_number(out, (box->readonly ? FREEZE_READONLY : 0) |
		   (box->seen != NULL ? FREEZE_SEEN : 0) |
		   (remote ? FREEZE_REMOTE : 0), 2);
	cv_text_append(out, remote ? none.bytes :
		       account_guid(box->store->account)->bytes, 16);
	cv_text_append(out, remote ? box->remote->guid :
		       box->folder->guid.bytes, 16);
	put_number(out, box->uidvalidity, 4);
	put_number(out, box->uidnext, 4);
	put_number(out, box->keyword_count, 4);
	put_number(out, remote ? box->remote->known_modseq : box->modseq, 8);
	put_number(out, box->expunge_modseq, 8);
	put_number(out, name_len, 2);
	cv_text_append(out, box->name, name_len);
}

int mailbox_freeze(struct cv_mailbox *box,
		   const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		   struct cv_text *out, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("freeze");
	struct account_ranges uids = { .pool = pool };
	uint8_t digest[HMAC_BYTES];
	size_t start = out->len;
	int ret = CV_OK;

	if (box->remote == NULL)
		mailbox_flush_sizes(box);
	put_head(out, box);
	for (uint32_t i = 0; i < box->count; i++)
		ranges_add(&uids, mailbox_uid_at(box, i));
	put_ranges(out, &uids);
	put_ranges(out, &box->recent);
	put_silent(out, box);
	if (box->seen != NULL)
		put_seen(out, box, pool);
	if (box->remote != NULL)
		ret = put_broker(out, box, pool, err);
	if (ret == CV_OK)
		ret = sign(key, cv_span(out->data + start, out->len - start),
			   digest, err);
	if (ret == CV_OK)
		cv_text_append(out, digest, sizeof(digest));
	else
		out->len = start;
	pool_destroy(&pool);
	return ret;
}

/* --- reading ------------------------------------------------------------------- */

static bool get_number(struct cv_span *in, size_t bytes, uint64_t *value_r)
{
	uint64_t value = 0;

	if (in->len < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (uint8_t)in->data[i];
	*in = cv_span_skip(*in, bytes);
	*value_r = value;
	return true;
}

static bool get_u32(struct cv_span *in, uint32_t *value_r)
{
	uint64_t value;

	if (!get_number(in, 4, &value))
		return false;
	*value_r = (uint32_t)value;
	return true;
}

static bool get_bytes(struct cv_span *in, void *dst, size_t len)
{
	if (in->len < len)
		return false;
	memcpy(dst, in->data, len);
	*in = cv_span_skip(*in, len);
	return true;
}

static bool get_varint(struct cv_span *in, uint32_t *value_r)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 35 && in->len > 0; shift += 7) {
		uint8_t byte = (uint8_t)in->data[0];

		*in = cv_span_skip(*in, 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value_r = (uint32_t)value;
			return value <= UINT32_MAX;
		}
	}
	return false;
}

/* Ascending, disjoint, not touching, below uidnext. */
static bool get_ranges(struct cv_span *in, uint32_t uidnext,
		       struct account_ranges *ranges)
{
	uint64_t last = 0;
	uint32_t count;

	/* each takes two bytes at least */
	if (!get_u32(in, &count) || count > in->len / 2)
		return false;
	ranges->items = pool_new_array(ranges->pool, struct account_range,
				       count + 1);
	ranges->room = count + 1;
	ranges->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t gap, more;

		if (!get_varint(in, &gap) || !get_varint(in, &more) ||
		    gap < (i == 0 ? 1 : 2) || last + gap + more >= uidnext)
			return false;
		ranges->items[i].first = (uint32_t)last + gap;
		last += (uint64_t)gap + more;
		ranges->items[i].last = (uint32_t)last;
		ranges->count++;
	}
	return true;
}

static bool get_silent(struct cv_span *in, struct mailbox_frozen *f)
{
	uint32_t count;
	struct silent_store **end = &f->silent;

	if (!get_u32(in, &count) || count > SILENT_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct silent_store *s = pool_new(f->pool,
						  struct silent_store);

		s->uids.pool = f->pool;
		if (!get_number(in, 8, &s->modseq) ||
		    !get_ranges(in, f->uidnext, &s->uids))
			return false;
		*end = s;
		end = &s->next;
	}
	return true;
}

static bool get_head(struct cv_span *in, struct mailbox_frozen *f)
{
	uint64_t version, flags, name_len;

	*in = cv_span_skip(*in, freeze_magic.len);
	if (!get_number(in, 2, &version) || !get_number(in, 2, &flags) ||
	    version != FREEZE_VERSION ||
	    (flags & ~(uint64_t)FREEZE_FLAGS) != 0)
		return false;
	f->readonly = flags & FREEZE_READONLY;
	f->has_seen = flags & FREEZE_SEEN;
	f->remote = flags & FREEZE_REMOTE;
	if (!get_bytes(in, f->account.bytes, 16) ||
	    !get_bytes(in, f->folder.bytes, 16) ||
	    !get_u32(in, &f->uidvalidity) || !get_u32(in, &f->uidnext) ||
	    !get_u32(in, &f->keyword_count) ||
	    !get_number(in, 8, &f->modseq) ||
	    !get_number(in, 8, &f->expunge_modseq) ||
	    !get_number(in, 2, &name_len) || in->len < name_len ||
	    memchr(in->data, '\0', name_len) != NULL)
		return false;
	f->name = pool_copy(f->pool, in->data, name_len);
	*in = cv_span_skip(*in, name_len);
	return true;
}

static bool get_seen(struct cv_span *in, struct mailbox_frozen *f)
{
	f->seen.pool = f->seen_news.pool = f->pool;
	return !f->has_seen || (get_ranges(in, f->uidnext, &f->seen) &&
				get_ranges(in, f->uidnext, &f->seen_news));
}

static bool get_broker(struct cv_span *in, struct mailbox_frozen *f)
{
	uint32_t len;

	if (!f->remote)
		return true;
	if (!get_u32(in, &len) || len > in->len)
		return false;
	f->broker = cv_span(in->data, len);
	*in = cv_span_skip(*in, len);
	return true;
}

static bool get_frozen(struct cv_span in, struct mailbox_frozen *f)
{
	f->uids.pool = f->recent.pool = f->pool;
	return get_head(&in, f) && get_ranges(&in, f->uidnext, &f->uids) &&
		get_ranges(&in, f->uidnext, &f->recent) &&
		get_silent(&in, f) && get_seen(&in, f) &&
		get_broker(&in, f) && in.len == 0;
}

static int open_frozen(struct cv_span frozen, const uint8_t *key,
		       struct mailbox_frozen *f, struct cv_error *err)
{
	uint8_t digest[HMAC_BYTES];
	int ret;

	if (frozen.len < freeze_magic.len + HMAC_BYTES ||
	    !cv_span_begins(frozen, freeze_magic))
		return FAIL(err, CV_E_SYNTAX, "a frozen view has no "
			    "beginning");
	frozen.len -= HMAC_BYTES;
	ret = sign(key, frozen, digest, err);
	if (ret < 0)
		return ret;
	if (CRYPTO_memcmp(digest, frozen.data + frozen.len,
			  HMAC_BYTES) != 0)
		return FAIL(err, CV_E_DENIED, "a frozen view is not what was "
			    "frozen");
	if (!get_frozen(frozen, f))
		return FAIL(err, CV_E_SYNTAX, "a frozen view is damaged, or "
			    "of another version");
	return CV_OK;
}

/* --- the view -------------------------------------------------------------------- */

int mailbox_view_thaw(struct cv_mailbox *box, const struct mailbox_frozen *f,
		      struct cv_error *err)
{
	uint64_t count = 0;

	if (!account_guid_equal(account_guid(box->store->account),
				&f->account) ||
	    box->folder->uidvalidity != f->uidvalidity ||
	    box->folder->uidnext < f->uidnext ||
	    account_txn_number(box->store->account) < f->modseq) {
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is not the one whose "
		     "view was frozen", box->name);
		return error_set_client(err, "Mailbox was deleted under "
					"you.");
	}
	for (size_t i = 0; i < f->uids.count; i++)
		count += (uint64_t)f->uids.items[i].last -
			f->uids.items[i].first + 1;
	box->uids = pool_new_array(box->pool, uint32_t, (size_t)count + 1);
	box->room = (uint32_t)count;
	for (size_t i = 0; i < f->uids.count; i++) {
		for (uint32_t uid = f->uids.items[i].first;
		     uid <= f->uids.items[i].last; uid++)
			box->uids[box->count++] = uid;
	}
	box->uidvalidity = f->uidvalidity;
	box->uidnext = f->uidnext;
	box->modseq = f->modseq;
	box->expunge_modseq = f->expunge_modseq;
	box->expunges_wait = box->expunge_modseq < box->modseq;
	box->keyword_count = f->keyword_count;
	box->recent.pool = box->pool;
	for (size_t i = 0; i < f->recent.count; i++) {
		for (uint32_t uid = f->recent.items[i].first;
		     uid <= f->recent.items[i].last; uid++)
			ranges_add(&box->recent, uid);
	}
	for (uint32_t i = 0; i < box->count; i++)
		box->recent_count += mailbox_uid_is_recent(
			box, mailbox_uid_at(box, i));
	for (const struct silent_store *s = f->silent; s != NULL;
	     s = s->next) {
		struct silent_store *copy = pool_new(box->silent_pool,
						     struct silent_store);

		copy->modseq = s->modseq;
		copy->uids.pool = box->silent_pool;
		copy->uids.count = copy->uids.room = s->uids.count;
		copy->uids.items = (struct account_range *)pool_copy(
			box->silent_pool, (const char *)s->uids.items,
			s->uids.count * sizeof(*s->uids.items));
		copy->next = box->silent;
		box->silent = copy;
	}
	return CV_OK;
}

static void copy_ranges(struct account_ranges *to,
			const struct account_ranges *from)
{
	for (size_t i = 0; i < from->count; i++) {
		ranges_add(to, from->items[i].first);
		to->items[to->count - 1].last = from->items[i].last;
	}
}

/* As the client knows it: the next sync says what differs by now. */
static int thaw_seen(struct cv_mailbox *box, const struct mailbox_frozen *f,
		     struct cv_error *err)
{
	int ret = f->has_seen ? seen_create(box->user, f->folder.bytes,
					    f->uidvalidity, &box->seen, err) :
		CV_OK;

	if (ret == CV_OK && f->has_seen) {
		copy_ranges(&box->seen->uids, &f->seen);
		copy_ranges(&box->seen->news, &f->seen_news);
	}
	return ret;
}

static int thaw_remote(struct cv_user *user, const struct mailbox_frozen *f,
		       struct cv_mailbox **box_r, struct cv_error *err)
{
	struct remote *remote = remote_find(user, f->name);
	struct cv_mailbox *box;
	int ret;

	if (remote == NULL || !f->has_seen) {
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is nobody's",
		     f->name);
		return error_set_client(err, "Mailbox doesn't exist.");
	}
	box = mailbox_box_create(user, f->readonly);
	ret = remote_thaw(remote, remote_name(remote, f->name, box->pool), f,
			  box, err);
	box->next = user->remote_boxes;
	user->remote_boxes = box;
	if (ret == CV_OK)
		ret = thaw_seen(box, f, err);
	if (ret < 0)
		route_close(&box);
	else
		*box_r = box;
	return ret;
}

int mailbox_thaw(struct cv_user *user, struct cv_span frozen,
		 const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		 struct cv_mailbox **box_r, struct cv_error *err)
{
	struct mailbox_frozen f = { .pool = pool_create("thaw") };
	int ret = open_frozen(frozen, key, &f, err);

	*box_r = NULL;
	if (ret == CV_OK && f.remote) {
		ret = thaw_remote(user, &f, box_r, err);
	} else if (ret == CV_OK) {
		ret = mailbox_open_frozen(user, &f, box_r, err);
		if (ret == CV_OK && f.has_seen != seen_is_kept((*box_r)->store))
			ret = FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is not "
				   "as it was set up", f.name);
		else if (ret == CV_OK)
			ret = thaw_seen(*box_r, &f, err);
		if (ret < 0 && *box_r != NULL)
			route_close(box_r);
	}
	pool_destroy(&f.pool);
	return ret;
}
