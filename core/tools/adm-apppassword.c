/* adm-apppassword.c - culveradm apppassword: passwords for single programs
 * and devices.
 *
 * Opens the databases of the configuration itself and asks the first passdb
 * that keeps such passwords.  A secret is made here, shown once and kept by
 * nobody: what is stored is its hash. */
#include "culveradm.h"
#include "auth/auth-request.h"
#include "auth/auth-username.h"
#include "auth/password-scheme.h"

#include <getopt.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	/* five bits a letter: what 100 bits are drawn from needs no slow
	 * hash */
	SECRET_LETTERS = 20, SECRET_GROUP = 5, ID_LETTERS = 6,
	SECRET_ROOM = SECRET_LETTERS + SECRET_LETTERS / SECRET_GROUP,
	NAME_MAX_BYTES = 200, LIST_MAX_BYTES = 1000, ADD_TRIES = 10,
};

struct call {
	struct adm *adm;
	struct auth *auth;
	const struct auth_db *db;
	const struct cv_app_passwords *store;
	struct auth_request *request;	/* for its input and pool */
	const char *name, *protocols, *nets, *scheme;
	uint64_t expires;
	bool kick;
	struct adm_output *out;
};

/* --- options ---------------------------------------------------------------- */

/* "90d", "12h", "2w" from now. */
static bool parse_span(const char *text, uint64_t *secs_r)
{
	static const struct { char letter; uint32_t secs; } units[] = {
		{ 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
	};
	size_t len = strlen(text);
	uint64_t number;

	if (len < 2 || !cv_span_to_u64(cv_span(text, len - 1), 1000000,
				       &number) || number == 0)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[len - 1] == units[i].letter) {
			*secs_r = number * units[i].secs;
			return true;
		}
	}
	return false;
}

/* Or the beginning of a day, "2027-01-31", by the local clock. */
static bool parse_expiry(const char *text, uint64_t *time_r)
{
	struct tm tm = { .tm_isdst = -1 };
	uint64_t now = (uint64_t)time(NULL), secs;
	const char *end;
	time_t at;

	if (parse_span(text, &secs)) {
		*time_r = now + secs;
		return true;
	}
	end = strptime(text, "%Y-%m-%d", &tm);
	at = end == NULL || *end != '\0' ? -1 : mktime(&tm);
	*time_r = (uint64_t)at;
	return at > 0 && (uint64_t)at > now;
}

static bool is_list_of_words(const char *text)
{
	return text[0] != '\0' && text[0] != ',' &&
		strlen(text) < LIST_MAX_BYTES && strstr(text, ",,") == NULL &&
		text[strlen(text) - 1] != ',' &&
		text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-,")] ==
		'\0';
}

/* "192.0.2.0/24", or "local" for logins without an address. */
static bool is_net(struct cv_span net)
{
	struct cv_span bits = net, base;
	struct settings_ip ip;
	char text[64] = "";
	uint64_t count;

	(void)cv_span_split(&bits, '/', &base);
	if (base.len >= sizeof(text))
		return false;
	memcpy(text, base.data, base.len);
	if (bits.data == NULL && strcmp(text, "local") == 0)
		return true;
	return settings_ip_parse(text, &ip) &&
		(bits.data == NULL ||
		 cv_span_to_u64(bits, ip.family == 4 ? 32 : 128, &count));
}

static bool are_nets(const char *text)
{
	struct cv_span rest = cv_span_of(text), one;

	while (cv_span_split(&rest, ',', &one)) {
		if (!is_net(one))
			return false;
	}
	return strlen(text) < LIST_MAX_BYTES;
}

static bool is_name(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	}
	return strlen(text) <= NAME_MAX_BYTES;
}

static const struct option long_options[] = {
	{ "expires", required_argument, NULL, 'e' },
	{ "kick", no_argument, NULL, 'k' },
	{ "name", required_argument, NULL, 'n' },
	{ "networks", required_argument, NULL, 'a' },
	{ "protocols", required_argument, NULL, 'p' },
	{ "scheme", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

static int wrong(const char *what, const char *text)
{
	return adm_usage(&adm_apppassword_verb, "'%s' is no %s", text, what);
}

/* For the word of the verb: others' options are wrong. */
static int take_options(struct call *call, int argc, char **argv,
			const char *letters)
{
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, letters, long_options,
				     NULL)) != -1) {
		if (strchr(letters, option) == NULL)
			option = '?';
		if (option == 'a' && !are_nets(call->nets = optarg))
			return wrong("list of networks", optarg);
		if (option == 'e' && !parse_expiry(optarg, &call->expires))
			return wrong("time to come: 90d, 12h, 2w or "
				     "2027-01-31", optarg);
		if (option == 'n' && !is_name(call->name = optarg))
			return wrong("name without control bytes and of at "
				     "most 200 bytes", optarg);
		if (option == 'p' &&
		    !is_list_of_words(call->protocols = optarg))
			return wrong("list of protocols", optarg);
		if (option == 's')
			call->scheme = optarg;
		if (option == 'k')
			call->kick = true;
		if (option == '?')
			return adm_usage(&adm_apppassword_verb,
					 "an option is wrong");
	}
	return ADM_OK;
}

/* --- the store --------------------------------------------------------------- */

static int find_store(struct call *call, struct cv_error *err)
{
	for (call->db = call->auth->dbs.passdbs; call->db != NULL;
	     call->db = call->db->next) {
		const struct cv_passdb *pass = call->db->pass;

		if (pass != NULL && CV_HAS(pass, app_passwords) &&
		    pass->app_passwords != NULL) {
			call->store = pass->app_passwords;
			return CV_OK;
		}
	}
	return FAIL(err, CV_E_CONFIG, "no passdb keeps application passwords: "
		    "add passdb { driver = apppassword  args = "
		    "/var/lib/culver/apppasswords/%%u }");
}

static int open_store(struct call *call, const char *user,
		      struct cv_error *err)
{
	int ret = adm_auth_open(call->adm, &call->auth, err);

	if (ret < 0 || (ret = find_store(call, err)) < 0)
		return ret;
	call->request = auth_request_create(call->auth);
	ret = auth_request_set_user(call->request, cv_span_of(user),
				    CV_SPAN(""), err);
	if (ret == CV_OK && call->request->input.login_user[0] != '\0')
		ret = FAIL(err, CV_E_DENIED, "'%s' names a master user", user);
	return ret;
}

static void close_store(struct call *call)
{
	if (call->request != NULL)
		auth_request_unref(&call->request);
	adm_auth_close(&call->auth);
}

/* --- add --------------------------------------------------------------------- */

/* Nothing that looks like something else: no l, 1, o, 0. */
static void draw_letters(char *out, unsigned count)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char bytes[SECRET_LETTERS];

	_Static_assert(sizeof(letters) == 33, "five bits a letter");
	random_bytes(bytes, sizeof(bytes));
	for (unsigned i = 0; i < count; i++)
		out[i] = letters[bytes[i] % 32];
	out[count] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

/* "abcde-fghij-kmnpq-rstuv" */
static void draw_secret(char out[SECRET_ROOM])
{
	char letters[SECRET_LETTERS + 1];
	unsigned len = 0;

	draw_letters(letters, SECRET_LETTERS);
	for (unsigned i = 0; i < SECRET_LETTERS; i++) {
		if (i > 0 && i % SECRET_GROUP == 0)
			out[len++] = '-';
		out[len++] = letters[i];
	}
	out[len] = '\0';
	explicit_bzero(letters, sizeof(letters));
}

static int store_secret(struct call *call, const char *secret, char *id,
			struct cv_error *err)
{
	const struct cv_auth_input *in = &call->request->input;
	struct cv_app_password one = {
		CV_SIZED(cv_app_password), .id = id, .name = call->name,
		.protocols = call->protocols, .nets = call->nets,
		.created = (uint64_t)time(NULL), .expires = call->expires,
		.used_ip = "",
	};
	struct cv_text hash;
	int ret;

	cv_text_init(&hash, call->request->pool);
	ret = password_generate(call->scheme, in->user, cv_span_of(secret), 0,
				&hash, err);
	if (ret < 0)
		return ret;
	one.stored = cv_text_str(&hash);
	ret = CV_E_EXISTS;
	for (int i = 0; ret == CV_E_EXISTS && i < ADD_TRIES; i++) {
		draw_letters(id, ID_LETTERS);
		ret = call->store->add(call->db->db, in, &one, err);
	}
	return ret;
}

static int run_add(struct call *call, struct cv_error *err)
{
	static const char *const columns[] = { "id", "password", NULL };
	char secret[SECRET_ROOM], id[ID_LETTERS + 1];
	int ret;

	draw_secret(secret);
	ret = store_secret(call, secret, id, err);
	if (ret == CV_OK) {
		call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE,
					     columns);
		adm_output_value(call->out, id);
		adm_output_value(call->out, secret);
		adm_output_end(&call->out, false);
	}
	explicit_bzero(secret, sizeof(secret));
	return ret;
}

/* --- list -------------------------------------------------------------------- */

static void put_time(struct adm_output *out, uint64_t secs)
{
	time_t at = (time_t)secs;
	char text[32] = "";
	struct tm tm;

	if (secs != 0 && localtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	adm_output_value(out, text);
}

static bool put_one(void *context, const struct cv_app_password *one)
{
	struct call *call = context;

	adm_output_value(call->out, one->id);
	adm_output_value(call->out, one->name);
	adm_output_value(call->out, one->protocols);
	adm_output_value(call->out, one->nets);
	put_time(call->out, one->created);
	put_time(call->out, one->expires);
	put_time(call->out, one->used);
	adm_output_value(call->out, one->used_ip);
	return true;
}

static int run_list(struct call *call, struct cv_error *err)
{
	static const char *const columns[] = {
		"id", "name", "protocols", "networks", "created", "expires",
		"used", "used_ip", NULL,
	};
	int ret;

	call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE, columns);
	ret = call->store->list(call->db->db, &call->request->input, put_one,
				call, err);
	adm_output_end(&call->out, ret < 0);
	return ret;
}

/* --- revoke ------------------------------------------------------------------ */

static int revoke_all(struct call *call, int count, char **ids,
		      struct cv_error *err)
{
	int ret = CV_OK, status;

	for (int i = 0; i < count; i++) {
		status = call->store->revoke(call->db->db,
					     &call->request->input, ids[i],
					     err);
		if (status == CV_NOT_FOUND)
			status = FAIL(err, CV_E_NOT_FOUND, "there is no "
				      "application password '%s'", ids[i]);
		if (status < 0) {
			(void)adm_fail(err);
			ret = status;
		}
	}
	return ret;
}

/* Sessions do not know which password they began with: all of the user's
 * end. */
static int end_sessions(struct call *call, struct cv_error *err)
{
	uint32_t count = 0;
	int ret = adm_kick(call->adm, call->request->input.user, &count, err);

	if (ret < 0)
		return ret;
	(void)fprintf(stderr, "culveradm: kicked connections: %u\n", count);
	return CV_OK;
}

static int run_revoke(struct call *call, int count, char **ids)
{
	struct cv_error err = ERROR_NONE;
	int ret = revoke_all(call, count, ids, &err);

	/* what could be revoked is, and its sessions end */
	if (call->kick && end_sessions(call, &err) < 0)
		return adm_fail(&err);
	return ret == CV_OK ? ADM_OK : ret == CV_E_NOT_FOUND ?
		ADM_NOT_FOUND : ADM_TEMPFAIL;
}

static int run_word(struct call *call, const char *word, int count,
		    char **args)
{
	struct cv_error err = ERROR_NONE;
	int ret = open_store(call, args[0], &err);

	if (ret < 0)
		return adm_fail(&err);
	if (strcmp(word, "revoke") == 0)
		return run_revoke(call, count - 1, args + 1);
	ret = strcmp(word, "add") == 0 ? run_add(call, &err) :
		run_list(call, &err);
	return ret < 0 ? adm_fail(&err) : ADM_OK;
}

static int run_apppassword(struct adm *adm, int argc, char **argv)
{
	struct call call = {
		.adm = adm, .name = "", .protocols = "", .nets = "",
		.scheme = "SSHA512",
	};
	const char *word = argc < 2 ? "" : argv[1];
	bool add = strcmp(word, "add") == 0, list = strcmp(word, "list") == 0;
	bool revoke = strcmp(word, "revoke") == 0;
	int count, status;

	if (!add && !list && !revoke)
		return adm_usage(&adm_apppassword_verb,
				 "add, list or revoke?");
	status = take_options(&call, argc - 1, argv + 1, add ? "+a:e:n:p:s:" :
			      revoke ? "+k" : "+");
	if (status != ADM_OK)
		return status;
	count = argc - 1 - optind;
	if (count < 1 || (revoke ? count < 2 : count > 1))
		return adm_usage(&adm_apppassword_verb, revoke ?
				 "a user and ids are needed" :
				 "one user is needed");
	status = run_word(&call, word, count, argv + 1 + optind);
	close_store(&call);
	return status;
}

static const struct adm_word apppassword_words[] = {
	{ "add", "[-n NAME] [-p PROTOCOLS] [-a NETWORKS] [-e EXPIRY] "
	  "[-s SCHEME] USER",
	  "Makes one, and shows it: never again.\n"
	  "-n  what it is for\n"
	  "-p  only for these protocols (imap,submission)\n"
	  "-a  only from these networks (192.0.2.0/24,2001:db8::/32)\n"
	  "-e  until then: 90d, 12h, 2w, or 2027-01-31\n"
	  "-s  stored as this (SSHA512; SCRAM-SHA-256 for that mechanism)" },
	{ "list", "USER", "Lists them, with their last use." },
	{ "revoke", "[-k] USER ID...",
	  "Takes them away.\n"
	  "-k  ends the user's sessions, too" },
};

const struct adm_verb adm_apppassword_verb = {
	.name = "apppassword",
	.args = "add [-n NAME] [-p PROTOCOLS] [-a NETWORKS] [-e EXPIRY] "
		"[-s SCHEME] USER | list USER | revoke [-k] USER ID...",
	.help = "Passwords of a user for single programs and devices.",
	.run = run_apppassword,
	.words = apppassword_words,
	.count = sizeof(apppassword_words) / sizeof(apppassword_words[0]),
};
