/* sync-same.c - are these messages the same?  Their bytes say so. */
#include "sync-private.h"

#include <openssl/evp.h>

enum { DIGEST_SIZE = 32 };

struct comparing {
	struct sync *sync;
	struct cv_pool *pool;
	EVP_MD_CTX *md;
	uint32_t count;
	uint8_t (*digests)[DIGEST_SIZE];	/* of the first end's */
	bool *there;				/* the first end has it whole */
	bool *same;
};

/* CV_OK: digest_r is that of a whole message.  CV_DECLINED: it cannot be
 * read, which the copying of it will say. */
static int digest(struct comparing *c, struct sync_side *side,
		  uint8_t digest_r[DIGEST_SIZE], struct cv_error *err)
{
	struct cv_span data;
	unsigned int len;
	bool good = EVP_DigestInit_ex(c->md, EVP_sha256(), NULL) == 1;
	int ret;

	while ((ret = side->ops->fetch_read(side, &data, err)) == CV_OK)
		good = good && EVP_DigestUpdate(c->md, data.data,
						data.len) == 1;
	if (ret < 0)
		return side->damaged ? CV_DECLINED : ret;
	if (!good || EVP_DigestFinal_ex(c->md, digest_r, &len) != 1)
		return FAIL(err, CV_E_INTERNAL, "no SHA-256");
	return CV_OK;
}

static void take(struct comparing *c, int end, uint32_t number,
		 const uint8_t got[DIGEST_SIZE])
{
	if (end == 0) {
		memcpy(c->digests[number], got, DIGEST_SIZE);
		c->there[number] = true;
	} else {
		c->same[number] = c->there[number] &&
			memcmp(c->digests[number], got, DIGEST_SIZE) == 0;
	}
}

static int read_end(struct comparing *c, int end,
		    const struct sync_row *const *rows, struct cv_error *err)
{
	struct sync_side *side = c->sync->side[end];
	uint32_t *uids = pool_new_array(c->pool, uint32_t, c->count + 1);
	uint32_t number = 0, uid;
	int ret;

	for (uint32_t i = 0; i < c->count; i++)
		uids[i] = rows[i]->uid;
	ret = side->ops->fetch(side, uids, c->count, err);
	while (ret == CV_OK &&
	       (ret = side->ops->fetch_next(side, &uid, err)) == CV_OK) {
		uint8_t got[DIGEST_SIZE];

		while (number < c->count && uids[number] != uid)
			number++;
		if (number == c->count)
			ret = FAIL(err, CV_E_TEMP, "%s gave UID %u, which was "
				   "not asked for", side->label, uid);
		else if ((ret = digest(c, side, got, err)) == CV_OK)
			take(c, end, number, got);
		if (ret == CV_DECLINED)
			ret = CV_OK;
	}
	side->ops->fetch_end(side);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

int sync_compare(struct sync *sync, const struct sync_row *const *first,
		 const struct sync_row *const *second, uint32_t count,
		 bool *same_r, struct cv_error *err)
{
	struct comparing c = { .sync = sync, .count = count, .same = same_r };
	int ret;

	if (count == 0)
		return CV_OK;
	c.pool = pool_create("sync compare");
	c.digests = pool_alloc(c.pool, (size_t)count * DIGEST_SIZE);
	c.there = pool_new_array(c.pool, bool, count);
	c.md = EVP_MD_CTX_new();
	ret = c.md == NULL ? FAIL(err, CV_E_INTERNAL, "no SHA-256") :
		read_end(&c, 0, first, err);
	if (ret == CV_OK)
		ret = read_end(&c, 1, second, err);
	EVP_MD_CTX_free(c.md);
	pool_destroy(&c.pool);
	return ret;
}
