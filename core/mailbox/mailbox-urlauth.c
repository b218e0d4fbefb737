/* mailbox-urlauth.c - the table of mailbox access keys, and tokens made with
 * them [RFC4467 2].
 *
 * A key is a note of the server, like a list of rights: metadata whose name
 * does not begin with '/', so that no command can ask for it, and no backup or
 * sync takes it along.  That of a mailbox of the user's own lies with the
 * mailbox, keeps with it when it is renamed and goes with it; that of a
 * public one lies in the user's own account, under the mailbox's GUID.
 *
 *	u8 version, u32 UIDVALIDITY, 32 random bytes
 *
 * Under another UIDVALIDITY the UIDs of old URLs mean other messages: then
 * the key does not count.
 *
 * INVARIANT: a token is the version and HMAC-SHA-256 of the rump URL, byte by
 * byte as it came. */
#include "mailbox-urlauth.h"
#include "mail-url.h"
#include "mailbox-remote.h"
#include "random.h"
#include "secret.h"
#include "time-util.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	KEY_VERSION = 1, KEY_HEAD = 5, KEY_BYTES = 32,
	TOKEN_VERSION = 1, TOKEN_BYTES = 1 + 32,
};

static const struct cv_span key_name = CV_SPAN("urlauth");
static const struct cv_span key_prefix = CV_SPAN("urlauth/");

/* Where a key is kept: folder NULL: in the account. */
struct key_place {
	struct store *store;
	struct account_folder *folder;
	struct cv_span name;
	uint32_t uidvalidity;
};

/* --- settings -------------------------------------------------------------- */

const struct urlauth_settings *urlauth_settings(struct cv_user *u,
						struct cv_error *err)
{
	struct urlauth_settings *set = u->urlauth;

	if (set != NULL)
		return set;
	set = pool_new(u->pool, struct urlauth_settings);
	if (urlauth_settings_get(u->settings, &u->scope, u->pool, set,
				 err) < 0)
		return NULL;
	u->urlauth = set;
	return set;
}

bool urlauth_offered(struct cv_user *u)
{
	const struct urlauth_settings *set = urlauth_settings(u, NULL);

	return set != NULL && *set->imap_urlauth_host != '\0';
}

bool urlauth_is_here(const struct urlauth_settings *set,
		     const struct cv_url *url)
{
	uint32_t port = url->port == 0 ? 143 : url->port;

	return url->has_server && port == set->imap_urlauth_port &&
		*set->imap_urlauth_host != '\0' &&
		(strcmp(set->imap_urlauth_host, "*") == 0 ||
		 cv_span_is_icase(url->host, set->imap_urlauth_host));
}

/* --- keys -------------------------------------------------------------------- */

/* The namespace says whether a mailbox has one user, whoever asks. */
static int find_place(struct cv_user *u, const struct mailbox_ref *ref,
		      struct account_folder *folder, struct cv_pool *pool,
		      struct key_place *place_r, struct cv_error *err)
{
	char hex[33];
	int ret;

	*place_r = (struct key_place){ ref->store, folder, key_name,
		folder->uidvalidity };
	if (ref->ns->type == CV_NAMESPACE_PRIVATE)
		return CV_OK;
	place_r->store = mailbox_own_store(u);
	place_r->folder = NULL;
	account_guid_format(&folder->guid, hex);
	place_r->name = cv_span_of(pool_printf(pool, "%s%s", key_prefix.data,
					       hex));
	ret = store_open(place_r->store, err);
	if (ret == CV_OK)
		ret = account_refresh(place_r->store->account, err);
	return ret < 0 ? ret : CV_OK;
}

static bool key_get(const struct key_place *place, uint8_t key_r[KEY_BYTES])
{
	struct cv_span value;
	uint8_t head[KEY_HEAD] = { KEY_VERSION };

	for (int i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(place->uidvalidity >> (24 - 8 * i));
	if (!account_metadata_get(place->store->account, place->folder,
				  place->name, &value) ||
	    value.len != KEY_HEAD + KEY_BYTES ||
	    memcmp(value.data, head, KEY_HEAD) != 0)
		return false;
	memcpy(key_r, value.data + KEY_HEAD, KEY_BYTES);
	return true;
}

/* replace: also when there is one. */
static int key_make(const struct key_place *place, bool replace,
		    uint8_t key_r[KEY_BYTES], struct cv_error *err)
{
	struct account_txn *txn;
	uint8_t value[KEY_HEAD + KEY_BYTES] = { KEY_VERSION };
	int ret = store_begin(place->store, &txn, err);

	if (ret < 0)
		return ret;
	/* under the lock: another session may have made one */
	if (!replace && key_get(place, key_r)) {
		account_rollback(&txn);
		return CV_OK;
	}
	if (place->folder != NULL && place->folder->deleted)
		ret = FAIL(err, CV_E_NOT_FOUND, "mailbox is gone");
	for (int i = 0; i < 4; i++)
		value[1 + i] = (uint8_t)(place->uidvalidity >> (24 - 8 * i));
	random_bytes(value + KEY_HEAD, KEY_BYTES);
	memcpy(key_r, value + KEY_HEAD, KEY_BYTES);
	if (ret == CV_OK)
		ret = txn_metadata(txn, place->folder, place->name,
				   cv_span((const char *)value,
					   sizeof(value)), err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	explicit_bzero(value, sizeof(value));
	return ret;
}

static int find_key_place(struct cv_user *u, const char *name,
			  enum mailbox_op op, struct cv_pool *pool,
			  struct key_place *place_r, struct cv_error *err)
{
	struct account_folder *folder;
	struct mailbox_ref ref;
	int ret;

	if (remote_find(u, name) != NULL) {
		FAIL(err, CV_E_UNSUPPORTED, "another user's mailbox");
		return error_set_client(err, "Another user's mailbox has no "
					"key.");
	}
	ret = mailbox_find_for(u, name, op, pool, &ref, &folder, err);
	return ret < 0 ? ret : find_place(u, &ref, folder, pool, place_r,
					  err);
}

/* --- tokens --------------------------------------------------------------------- */

static bool sign(const uint8_t key[KEY_BYTES], struct cv_span rump,
		 uint8_t token[TOKEN_BYTES])
{
	unsigned int len = 0;

	token[0] = TOKEN_VERSION;
	return HMAC(EVP_sha256(), key, KEY_BYTES, (const uint8_t *)rump.data,
		    rump.len, token + 1, &len) != NULL &&
		len == TOKEN_BYTES - 1;
}

static uint8_t hex_digit(char c)
{
	c = cv_ascii_lower(c);
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The parser has seen nothing but digits. */
static bool token_equal(const uint8_t token[TOKEN_BYTES], struct cv_span hex)
{
	uint8_t given[TOKEN_BYTES];

	if (hex.len != sizeof(given) * 2)
		return false;
	for (size_t i = 0; i < sizeof(given); i++)
		given[i] = (uint8_t)(hex_digit(hex.data[2 * i]) << 4 |
				     hex_digit(hex.data[2 * i + 1]));
	return secret_equal(cv_span((const char *)given, sizeof(given)),
			    cv_span((const char *)token, TOKEN_BYTES));
}

bool urlauth_verify(struct cv_user *owner, const struct cv_url *url)
{
	struct cv_pool *pool = pool_create("urlauth");
	struct key_place place;
	uint8_t key[KEY_BYTES], token[TOKEN_BYTES];
	bool good;

	/* [RFC4467 6] a key that nobody has, where there is none */
	random_bytes(key, sizeof(key));
	good = find_key_place(owner, url->mailbox, MAILBOX_OP_OPEN, pool,
			      &place, NULL) == CV_OK && key_get(&place, key);
	good = sign(key, url->rump, token) && good;
	good = token_equal(token, url->token) && good;
	explicit_bzero(key, sizeof(key));
	pool_destroy(&pool);
	return good;
}

static int refuse(struct cv_error *err, const char *why)
{
	FAIL(err, CV_E_SYNTAX, "%s", why);
	return error_set_client(err, "%s", why);
}

/* [RFC4467 7 GENURLAUTH] (1) to (3) */
static int check_rump(struct cv_user *u, struct cv_span rump,
		      struct cv_pool *pool, struct cv_url *url,
		      struct cv_error *err)
{
	const struct urlauth_settings *set = urlauth_settings(u, err);

	if (set == NULL)
		return CV_E_CONFIG;
	if (!mail_url_parse(pool, rump, url))
		return refuse(err, "The URL is not one of a message.");
	if (!url->has_server || *url->user == '\0')
		return refuse(err, "The URL names no owner.");
	if (url->access == CV_URL_ACCESS_NONE)
		return refuse(err, "The URL has no access identifier.");
	if (url->token.len > 0)
		return refuse(err, "The URL has a token already.");
	/* letter by letter: it is what was signed */
	if (strcmp(url->user, u->name) != 0 || !urlauth_is_here(set, url))
		return refuse(err, "The URL is of another user or server.");
	if (url->expires && url->expire < time_now())
		return refuse(err, "The URL has expired.");
	return CV_OK;
}

int urlauth_token(struct cv_user *u, struct cv_span rump,
		  struct cv_pool *pool, struct cv_span *token_r,
		  struct cv_error *err)
{
	struct cv_url url;
	struct key_place place;
	uint8_t key[KEY_BYTES], token[TOKEN_BYTES];
	struct cv_text hex;
	int ret = check_rump(u, rump, pool, &url, err);

	if (ret == CV_OK)
		ret = find_key_place(u, url.mailbox, MAILBOX_OP_OPEN, pool,
				     &place, err);
	if (ret == CV_E_NOT_FOUND || ret == CV_E_PERM)
		return refuse(err, "The URL's mailbox does not exist.");
	if (ret == CV_OK && url.uidvalidity != 0 &&
	    url.uidvalidity != place.uidvalidity)
		return refuse(err, "The URL has another UIDVALIDITY.");
	if (ret == CV_OK && !key_get(&place, key))
		ret = key_make(&place, false, key, err);
	if (ret < 0)
		return ret;
	if (!sign(key, rump, token))
		ret = FAIL(err, CV_E_INTERNAL, "no HMAC");
	explicit_bzero(key, sizeof(key));
	cv_text_init(&hex, pool);
	for (size_t i = 0; i < sizeof(token); i++)
		cv_text_append_f(&hex, "%02x", token[i]);
	*token_r = cv_text_span(&hex);
	return ret;
}

/* --- revoking -------------------------------------------------------------------- */

static bool is_key(const struct account_folder *folder, struct cv_span name)
{
	return folder != NULL ? cv_span_equal(name, key_name) :
		cv_span_begins(name, key_prefix);
}

static int remove_of(struct account_txn *txn, struct store *store,
		     struct account_folder *folder, struct cv_pool *pool,
		     bool *found, struct cv_error *err)
{
	ARRAY(struct cv_span) names;
	struct cv_span name, value;
	size_t at = 0;
	int ret = CV_OK;

	array_init(&names, pool);
	while (account_metadata_next(store->account, folder, &at, &name,
				     &value)) {
		if (is_key(folder, name))
			*array_add(&names) = pool_span(pool, name);
	}
	for (size_t i = 0; i < names.count && ret == CV_OK; i++)
		ret = txn_metadata(txn, folder, names.items[i], CV_SPAN_NONE,
				   err);
	*found = *found || names.count > 0;
	return ret;
}

/* One commit: all keys of an account, or none. */
static int remove_all(struct store *store, struct cv_pool *pool,
		      struct cv_error *err)
{
	struct account_folder *folder;
	struct account_txn *txn;
	bool found = false;
	size_t at = 0;
	int ret = store_open(store, err);

	if (ret == CV_OK)
		ret = store_begin(store, &txn, err);
	if (ret < 0)
		return ret;
	ret = remove_of(txn, store, NULL, pool, &found, err);
	while (ret == CV_OK &&
	       (folder = account_folder_next(store->account, &at)) != NULL) {
		if (!folder->deleted)
			ret = remove_of(txn, store, folder, pool, &found, err);
	}
	if (ret == CV_OK && found)
		return account_commit(&txn, ACCOUNT_SYNC, err);
	account_rollback(&txn);
	return ret;
}

int urlauth_reset(struct cv_user *u, const char *name, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("urlauth");
	struct key_place place;
	uint8_t key[KEY_BYTES];
	int ret = CV_OK;

	for (uint32_t i = 0; name == NULL && i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (ret == CV_OK && ns->store != NULL &&
		    ns->type == CV_NAMESPACE_PRIVATE)
			ret = remove_all(ns->store, pool, err);
	}
	if (name != NULL)
		ret = find_key_place(u, name, MAILBOX_OP_LIST, pool, &place,
				     err);
	if (name != NULL && ret == CV_OK)
		ret = key_make(&place, true, key, err);
	explicit_bzero(key, sizeof(key));
	pool_destroy(&pool);
	return ret;
}

uint64_t urlauth_turn(struct cv_mailbox *box)
{
	struct cv_pool *pool;
	struct key_place place;
	struct mailbox_ref ref = { .ns = box->ns, .store = box->store };
	uint8_t key[KEY_BYTES], token[TOKEN_BYTES];
	uint64_t turn = 0;

	if (box->remote != NULL || box->folder == NULL)
		return 0;
	pool = pool_create("urlauth");
	if (find_place(box->user, &ref, box->folder, pool, &place, NULL) ==
	    CV_OK && key_get(&place, key) &&
	    /* which no rump is like: it says nothing about tokens, and is the
	     * same after a sleep */
	    sign(key, CV_SPAN("turn"), token)) {
		memcpy(&turn, token + 1, sizeof(turn));
		turn |= 1;
	}
	explicit_bzero(key, sizeof(key));
	pool_destroy(&pool);
	return turn;
}
