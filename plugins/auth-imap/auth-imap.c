/* auth-imap.c - another IMAP server says whether a password is right; passdb
 * only.
 *
 *	passdb {
 *		driver = imap
 *		args = host=imap.example.com port=993 ssl=imaps username=%n
 *	}
 *
 * libcurl logs in there and out again.  It waits for a network, so this runs
 * in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <curl/curl.h>

enum { WAIT_MSECS = 30000, ANSWER_MAX = 1024 };

enum ssl { SSL_NO, SSL_IMAPS, SSL_STARTTLS };

struct imap_db {
	const char *host, *username;	/* with variables */
	uint32_t port;			/* 0: the usual one */
	enum ssl ssl;
	const char *ca_file, *ca_dir;	/* NULL: the system's */
	bool allow_invalid_cert;
	const char *key;		/* of the cache */
};

static const struct cv_auth_api *auth_api;

/* --- what the other server says -------------------------------------------------- */

/* The last line that is tagged and says no, which is the one about LOGIN or
 * AUTHENTICATE: nothing is asked after it. */
static size_t take_line(char *data, size_t size, size_t count, void *context)
{
	struct cv_text *refusal = context;
	struct cv_span line = cv_span(data, size * count), tag, word;
	struct cv_span rest = line;

	/* [RFC9051 7.1.4] whom it lets in without asking has proven nothing:
	 * less than was given ends it */
	if (cv_span_begins_icase(line, CV_SPAN("* PREAUTH")))
		return 0;
	(void)cv_span_split(&rest, ' ', &tag);
	if (rest.data != NULL && tag.len > 0 && tag.data[0] != '*' &&
	    tag.data[0] != '+' && cv_span_split(&rest, ' ', &word) &&
	    cv_span_is_icase(cv_span_trim(word), "NO")) {
		cv_text_reset(refusal);
		if (rest.data != NULL)
			cv_text_append(refusal, rest.data, rest.len >
				       ANSWER_MAX ? ANSWER_MAX : rest.len);
		else
			cv_text_append_c(refusal, ' ');
	}
	return line.len;
}

static size_t skip_body(char *data, size_t size, size_t count, void *context)
{
	(void)data;
	(void)context;
	return size * count;
}

/* [RFC5530 3] a no that is not about the password */
static bool is_trouble(struct cv_span refusal)
{
	static const char *const codes[] = {
		"[UNAVAILABLE]", "[SERVERBUG]", "[INUSE]", "[LIMIT]",
		"[PRIVACYREQUIRED]", "[CONTACTADMIN]",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (cv_span_begins_icase(refusal, cv_span_of(codes[i])))
			return true;
	}
	return false;
}

/* --- asking it --------------------------------------------------------------------- */

static bool is_host(const char *host)
{
	size_t i = 0;

	for (; host[i] != '\0'; i++) {
		char c = cv_ascii_lower(host[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    strchr("-._:", c) == NULL)
			return false;
	}
	return i > 0 && i < 256 && host[0] != '-';
}

static const char *make_url(const struct imap_db *db, const char *host,
			    struct cv_pool *pool)
{
	struct cv_text url;

	cv_text_init(&url, pool);
	cv_text_append_str(&url, db->ssl == SSL_IMAPS ? "imaps://" :
			   "imap://");
	cv_text_append_f(&url, strchr(host, ':') != NULL ? "[%s]" : "%s",
			 host);
	if (db->port != 0)
		cv_text_append_f(&url, ":%u", db->port);
	cv_text_append_c(&url, '/');
	return cv_text_str(&url);
}

static bool is_printable(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return *text == '\0';
}

static void set_tls(CURL *curl, const struct imap_db *db)
{
	(void)curl_easy_setopt(curl, CURLOPT_USE_SSL, db->ssl == SSL_NO ?
			       (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
			       (long)CURL_SSLVERSION_TLSv1_2);
	if (db->ca_file != NULL)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, db->ca_file);
	if (db->ca_dir != NULL)
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, db->ca_dir);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
			       db->allow_invalid_cert ? 0L : 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
			       db->allow_invalid_cert ? 0L : 2L);
}

/* One login there; refusal is what its no says. */
static CURLcode try(const struct imap_db *db, const char *url,
		    const char *user, const char *password,
		    const char *mechanism, char *why, struct cv_text *refusal)
{
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (curl == NULL)
		return CURLE_FAILED_INIT;
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "imap,imaps");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)WAIT_MSECS);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_line);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, refusal);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, skip_body);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
	(void)curl_easy_setopt(curl, CURLOPT_USERNAME, user);
	(void)curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
	(void)curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, mechanism);
	set_tls(curl, db);
	code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	return code;
}

static int ask(const struct imap_db *db, const char *host, const char *user,
	       const char *password, struct cv_pool *pool,
	       struct cv_error *err)
{
	const char *url = make_url(db, host, pool);
	char why[CURL_ERROR_SIZE] = "";
	struct cv_text refusal;
	CURLcode code;

	cv_text_init(&refusal, pool);
	/* PLAIN [RFC4616] needs no quoting.  A server without it is asked by
	 * whatever it has, LOGIN at last, whose quoted strings are ASCII
	 * [RFC9051 9]. */
	code = try(db, url, user, password, "AUTH=PLAIN", why, &refusal);
	if (code == CURLE_LOGIN_DENIED && refusal.len == 0 &&
	    is_printable(user) && is_printable(password))
		code = try(db, url, user, password, NULL, why, &refusal);
	if (code == CURLE_OK)
		return CV_AUTH_OK;
	if (code == CURLE_LOGIN_DENIED && refusal.len > 0 &&
	    !is_trouble(cv_text_span(&refusal)))
		return CV_AUTH_MISMATCH;
	return CV_FAIL(err, CV_E_TEMP, "'%s': %s%s%.200s", host,
		       why[0] != '\0' ? why : curl_easy_strerror(code),
		       refusal.len > 0 ? ": " : "",
		       cv_text_str(&refusal));
}

static int imap_verify(void *data, const struct cv_auth_input *in,
		       struct cv_span password, struct cv_auth_reply *reply,
		       struct cv_error *err)
{
	const struct imap_db *db = data;
	struct cv_text host, user;
	int ret;

	(void)reply;
	cv_text_init(&host, in->pool);
	cv_text_init(&user, in->pool);
	ret = auth_api->expand(in, db->host, CV_AUTH_EXPAND_RAW, &host, err);
	if (ret == CV_OK)
		ret = auth_api->expand(in, db->username, CV_AUTH_EXPAND_RAW,
				       &user, err);
	if (ret != CV_OK)
		return ret;
	/* nobody has a name that makes no host, an empty password is taken by
	 * some for none, and line ends are no part of either */
	if (!is_host(cv_text_str(&host)) || user.len == 0)
		return CV_AUTH_UNKNOWN_USER;
	if (password.len == 0 || strpbrk(cv_text_str(&user), "\r\n") != NULL ||
	    memchr(password.data, '\0', password.len) != NULL ||
	    memchr(password.data, '\r', password.len) != NULL ||
	    memchr(password.data, '\n', password.len) != NULL)
		return CV_AUTH_MISMATCH;
	return ask(db, cv_text_str(&host), cv_text_str(&user),
		   cv_span_copy(in->pool, password), in->pool, err);
}

/* --- args ----------------------------------------------------------------------------- */

static const char *const arg_words[] = {
	"host", "port", "username", "ssl", "ssl_ca_file", "ssl_ca_dir",
	"allow_invalid_cert", "rawlog_dir", NULL,
};

static bool take_ssl(struct imap_db *db, struct cv_span value)
{
	static const char *const words[] = { "no", "imaps", "starttls" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (cv_span_is(value, words[i])) {
			db->ssl = (enum ssl)i;
			return true;
		}
	}
	return false;
}

/* NULL: it is right. */
static const char *take_word(struct cv_pool *pool, struct imap_db *db,
			     struct cv_span key, struct cv_span value)
{
	uint64_t port;

	if (cv_span_is(key, "allow_invalid_cert")) {
		db->allow_invalid_cert = value.data == NULL ||
			cv_span_is(value, "yes");
		return NULL;
	}
	if (value.data == NULL || value.len == 0)
		return "it has no value";
	if (cv_span_is(key, "host"))
		db->host = cv_span_copy(pool, value);
	else if (cv_span_is(key, "username"))
		db->username = cv_span_copy(pool, value);
	else if (cv_span_is(key, "ssl_ca_file"))
		db->ca_file = cv_span_copy(pool, value);
	else if (cv_span_is(key, "ssl_ca_dir"))
		db->ca_dir = cv_span_copy(pool, value);
	else if (cv_span_is(key, "ssl"))
		return take_ssl(db, value) ? NULL :
			"it is no, imaps or starttls";
	else if (cv_span_is(key, "port")) {
		if (!cv_span_to_u64(value, UINT16_MAX, &port) || port == 0)
			return "it is 1 to 65535";
		db->port = (uint32_t)port;
	} else if (!cv_span_is(key, "rawlog_dir"))
		return "there is no such word";
	return NULL;
}

/* check NULL: the first mistake is an error; else all are told. */
static int parse_args(struct cv_pool *pool, const char *args,
		      const struct cv_check *check, struct imap_db *db,
		      struct cv_error *err)
{
	struct cv_span rest = cv_span_of(args), value, key = CV_SPAN_NONE;
	const char *why;

	*db = (struct imap_db){ .host = "", .username = "%u" };
	while (cv_span_split(&rest, ' ', &value)) {
		value = cv_span_trim(value);
		if (value.len == 0)
			continue;
		(void)cv_span_split(&value, '=', &key);
		why = take_word(pool, db, key, value);
		if (why != NULL && check == NULL)
			return CV_FAIL(err, CV_E_CONFIG, "args has '%.*s': %s",
				       CV_SPAN_ARG(key), why);
		if (why != NULL)
			check->error(check, "", "args has '%.*s': %s%s",
				     CV_SPAN_ARG(key), why,
				     check->nearest(check, key, arg_words));
		if (check != NULL && cv_span_is(key, "rawlog_dir"))
			check->warning(check, "", "rawlog_dir changes "
				       "nothing: conversations with passwords "
				       "are not written to files");
	}
	if (db->host[0] == '\0' && check != NULL)
		check->error(check, "", "args has no host=");
	return db->host[0] != '\0' ? CV_OK :
		CV_FAIL(err, CV_E_CONFIG, "args has no host=");
}

static int imap_open(const struct cv_auth_db_config *config, void **db_r,
		     struct cv_error *err)
{
	struct imap_db *db = CV_ALLOC(config->pool, struct imap_db);
	int ret = parse_args(config->pool, config->args, NULL, db, err);
	struct cv_text key;

	if (ret != CV_OK)
		return ret;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return CV_FAIL(err, CV_E_TEMP, "libcurl does not start");
	cv_text_init(&key, config->pool);
	cv_text_append_f(&key, "%s %s", db->host, db->username);
	db->key = cv_text_str(&key);
	if (db->ca_file != NULL)
		config->needs_path(config, db->ca_file);
	if (db->ca_dir != NULL)
		config->needs_path(config, db->ca_dir);
	*db_r = db;
	return CV_OK;
}

static const char *imap_key(void *data)
{
	return ((struct imap_db *)data)->key;
}

static void imap_check(const struct cv_check *check)
{
	struct imap_db db;

	if (parse_args(check->pool, check->value, check, &db, NULL) != CV_OK)
		return;
	(void)check->variables(check, "", db.host);
	(void)check->variables(check, "", db.username);
	if (db.ca_file != NULL)
		(void)check->file(check, "", db.ca_file, CV_CHECK_FILE);
	if (db.ca_dir != NULL)
		(void)check->file(check, "", db.ca_dir, CV_CHECK_FOLDER);
	if (db.ssl == SSL_NO && strncmp(db.host, "127.", 4) != 0 &&
	    strcmp(db.host, "localhost") != 0 && strcmp(db.host, "::1") != 0)
		check->warning(check, "", "passwords go to '%s' in the clear "
			       "(ssl=imaps or ssl=starttls)", db.host);
}

/* --- the frame -------------------------------------------------------------------------- */

static const struct cv_passdb imap_passdb = {
	CV_SIZED(cv_passdb), .name = "imap", .open = imap_open,
	.verify = imap_verify, .cache_key = imap_key, .check = imap_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &imap_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
/* names of hosts, and the certificates of the system */
static const char *const paths[] = {
	"/etc", "/usr/share/ca-certificates", "/usr/lib/ssl", "/run", NULL,
};

CV_PLUGIN_DEFINE("auth-imap", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Passwords that another IMAP server checks",
	.flags = CV_PLUGIN_CONNECTS,
	.processes = processes, .paths = paths,
	.init = init);
