/* auth-pam.c - passwords through PAM; passdb only.
 *
 *	passdb {
 *		driver = pam
 *		args = session=yes setcred=yes %s
 *	}
 *
 * The last word of args is the PAM service: a name, %s (imap, lmtp ...), or
 * *, which is the same.  Without it: "culver", or "dovecot" when only that
 * one is configured.  PAM blocks, so this runs in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct pam_db {
	const char *service;		/* may have variables */
	const char *confdir;		/* NULL: the system's */
	bool session, setcred, show_msg;
};

/* One conversation. */
struct talk {
	const struct cv_auth_input *in;
	const char *password;
	bool answered;
	struct cv_text messages;	/* what PAM has to say */
};

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

static char *answer_for(struct talk *talk, const struct pam_message *msg)
{
	switch (msg->msg_style) {
	case PAM_PROMPT_ECHO_ON:
		return strdup(talk->in->user);
	case PAM_PROMPT_ECHO_OFF:
		/* a second secret (one-time code, new password) is not
		 * ours to give */
		if (talk->answered)
			return NULL;
		talk->answered = true;
		return strdup(talk->password);
	default:
		if (talk->messages.len > 0)
			cv_text_append_c(&talk->messages, ' ');
		cv_text_append_str(&talk->messages, msg->msg);
		return strdup("");
	}
}

static int converse(int count, const struct pam_message **messages,
		    struct pam_response **responses_r, void *data)
{
	struct pam_response *responses;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	responses = calloc((size_t)count, sizeof(*responses));
	if (responses == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		responses[i].resp = answer_for(data, messages[i]);
		if (responses[i].resp == NULL) {
			while (i-- > 0) {
				explicit_bzero(responses[i].resp,
					       strlen(responses[i].resp));
				free(responses[i].resp);
			}
			free(responses);
			return PAM_CONV_ERR;
		}
	}
	*responses_r = responses;
	return PAM_SUCCESS;
}

static int result_of(pam_handle_t *pam, const char *what, int status,
		     struct cv_error *err)
{
	switch (status) {
	case PAM_SUCCESS:
		return CV_AUTH_OK;
	case PAM_USER_UNKNOWN:
		return CV_AUTH_UNKNOWN_USER;
	case PAM_AUTH_ERR:
	case PAM_MAXTRIES:
	case PAM_CRED_INSUFFICIENT:
	case PAM_CONV_ERR:
		return CV_AUTH_MISMATCH;
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
		return CV_AUTH_EXPIRED;
	case PAM_ACCT_EXPIRED:
	case PAM_PERM_DENIED:
		return CV_AUTH_DISABLED;
	}
	return CV_FAIL(err, CV_E_TEMP, "%s: %s", what,
		       pam_strerror(pam, status));
}

/* The stages of a session, and how each ended; what a child tells. */
enum stage { STAGE_SETCRED = 1, STAGE_OPEN, STAGE_CLOSE };
struct outcome { uint8_t stage, status; };

static const char *const stage_names[] = {
	[STAGE_SETCRED] = "pam_setcred", [STAGE_OPEN] = "pam_open_session",
	[STAGE_CLOSE] = "pam_close_session",
};

static struct outcome run_session(pam_handle_t *pam, const struct pam_db *db)
{
	struct outcome out = { STAGE_SETCRED, PAM_SUCCESS };

	if (db->setcred)
		out.status = (uint8_t)pam_setcred(pam, PAM_ESTABLISH_CRED);
	if (out.status != PAM_SUCCESS || !db->session)
		return out;
	out.stage = STAGE_OPEN;
	out.status = (uint8_t)pam_open_session(pam, PAM_SILENT);
	if (out.status != PAM_SUCCESS)
		return out;
	out.stage = STAGE_CLOSE;
	out.status = (uint8_t)pam_close_session(pam, PAM_SILENT);
	return out;
}

static int read_outcome(int fd, pid_t pid, struct outcome *out_r)
{
	ssize_t got;
	int status;

	do
		got = read(fd, out_r, sizeof(*out_r));
	while (got < 0 && errno == EINTR);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return got == (ssize_t)sizeof(*out_r) &&
		out_r->stage >= STAGE_SETCRED && out_r->stage <= STAGE_CLOSE ?
		CV_OK : CV_E_TEMP;
}

static int session_result(pam_handle_t *pam, struct outcome out,
			  struct cv_error *err)
{
	if (out.status == PAM_SUCCESS)
		return CV_AUTH_OK;
	/* it is no answer about the password, whatever it says */
	return CV_FAIL(err, CV_E_TEMP, "%s: %s (hint: this process is "
		       "confined and writes no files; a module of the session "
		       "that must, like pam_mkhomedir, needs sandbox = no, or "
		       "'optional' in place of 'required')",
		       stage_names[out.stage], pam_strerror(pam, out.status));
}

/* Opened and closed at once, in a child: limits, groups and keys that modules
 * set are for that user, and this process serves the next one. */
static int open_session(pam_handle_t *pam, const struct pam_db *db,
			struct cv_error *err)
{
	struct outcome out;
	int fds[2], ret;
	pid_t pid;

	if (!db->setcred && !db->session)
		return CV_AUTH_OK;
	if (pipe(fds) < 0)
		return CV_FAIL(err, CV_E_TEMP, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		out = run_session(pam, db);
		_exit(write(fds[1], &out, sizeof(out)) != sizeof(out));
	}
	(void)close(fds[1]);
	if (pid < 0) {
		ret = CV_FAIL(err, CV_E_TEMP, "fork: %s", strerror(errno));
	} else if (read_outcome(fds[0], pid, &out) != CV_OK) {
		ret = CV_FAIL(err, CV_E_TEMP, "a module of the PAM session "
			      "has ended the process");
	} else {
		ret = session_result(pam, out, err);
	}
	(void)close(fds[0]);
	return ret;
}

/* PAM may have its own idea of the user's name. */
static int take_user(pam_handle_t *pam, const struct cv_auth_input *in,
		     struct cv_auth_reply *reply, struct cv_error *err)
{
	const void *item = NULL;
	int status = pam_get_item(pam, PAM_USER, &item);

	if (status != PAM_SUCCESS)
		return result_of(pam, "pam_get_item", status, err);
	if (item == NULL || strcmp(item, in->user) == 0)
		return CV_AUTH_OK;
	if (!auth_api->set(reply, CV_SPAN("user"), cv_span_of(item)))
		return CV_FAIL(err, CV_E_DENIED, "PAM changed the user name "
			       "to one that is not acceptable");
	return CV_AUTH_OK;
}

/* Core makes those wait who fail, and nobody else: not the worker. */
static void no_delay(int status, unsigned int usecs, void *data)
{
	(void)status;
	(void)usecs;
	(void)data;
}

static void set_no_delay(pam_handle_t *pam)
{
	void (*fn)(int status, unsigned int usecs, void *data) = no_delay;
	const void *item;

	/* POSIX has functions in data pointers, ISO C has no cast for it */
	memcpy(&item, &fn, sizeof(item));
	(void)pam_set_item(pam, PAM_FAIL_DELAY, item);
}

static int authenticate(pam_handle_t *pam, const struct pam_db *db,
			const struct cv_auth_input *in,
			struct cv_auth_reply *reply, struct cv_error *err)
{
	int status, result;

	/* for pam_access, fail counters and the log of the system */
	if (in->remote_ip[0] != '\0')
		(void)pam_set_item(pam, PAM_RHOST, in->remote_ip);
	(void)pam_set_item(pam, PAM_TTY, "culver");
	set_no_delay(pam);
	status = pam_authenticate(pam, PAM_DISALLOW_NULL_AUTHTOK);
	if ((result = result_of(pam, "pam_authenticate", status, err)) !=
	    CV_AUTH_OK)
		return result;
	status = pam_acct_mgmt(pam, PAM_DISALLOW_NULL_AUTHTOK);
	if ((result = result_of(pam, "pam_acct_mgmt", status, err)) !=
	    CV_AUTH_OK)
		return result;
	if ((result = open_session(pam, db, err)) != CV_AUTH_OK)
		return result;
	return take_user(pam, in, reply, err);
}

static int pam_verify(void *data, const struct cv_auth_input *in,
		      struct cv_span password, struct cv_auth_reply *reply,
		      struct cv_error *err)
{
	const struct pam_db *db = data;
	struct talk talk = { .in = in };
	struct pam_conv conv = { .conv = converse, .appdata_ptr = &talk };
	struct cv_text service, secret;
	pam_handle_t *pam = NULL;
	int ret;

	cv_text_init(&talk.messages, in->pool);
	cv_text_init(&service, in->pool);
	cv_text_init(&secret, in->pool);
	cv_text_append_span(&secret, password);
	talk.password = cv_text_str(&secret);
	ret = auth_api->expand(in, db->service, CV_AUTH_EXPAND_PATH, &service,
			       err);
	if (ret < 0)
		return ret;
	ret = db->confdir != NULL ?
		pam_start_confdir(cv_text_str(&service), in->user, &conv,
				  db->confdir, &pam) :
		pam_start(cv_text_str(&service), in->user, &conv, &pam);
	if (ret != PAM_SUCCESS)
		return CV_FAIL(err, CV_E_TEMP, "pam_start: %s",
			       pam_strerror(pam, ret));
	ret = authenticate(pam, db, in, reply, err);
	(void)pam_end(pam, ret == CV_AUTH_OK ? PAM_SUCCESS : PAM_AUTH_ERR);
	if (talk.messages.len > 0 && ret != CV_AUTH_OK) {
		cv_api->log(plugin_self, CV_LOG_DEBUG, "%s: %s", in->user,
			    cv_text_str(&talk.messages));
		if (db->show_msg)
			(void)auth_api->set(reply, CV_SPAN("reason"),
					    cv_text_span(&talk.messages));
	}
	return ret;
}

static const char *const arg_words[] = {
	"session", "setcred", "failure_show_msg", "confdir", "cache_key",
	"max_requests", NULL,
};

/* session=yes and its like; true when it is one of them. */
static bool take_switch(struct pam_db *db, struct cv_span word)
{
	const struct { const char *name; bool *value; } switches[] = {
		{ "session", &db->session }, { "setcred", &db->setcred },
		{ "failure_show_msg", &db->show_msg },
	};
	struct cv_span key = CV_SPAN_NONE, value = word;

	(void)cv_span_split(&value, '=', &key);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (!cv_span_is(key, switches[i].name) ||
		    (!cv_span_is(value, "yes") && !cv_span_is(value, "no")))
			continue;
		*switches[i].value = cv_span_is(value, "yes");
		return true;
	}
	return false;
}

static int bad_word(const struct cv_check *check, struct cv_span word,
		    struct cv_error *err)
{
	struct cv_span key = CV_SPAN_NONE, value = word;

	if (check == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "args has '%.*s'",
			       CV_SPAN_ARG(word));
	(void)cv_span_split(&value, '=', &key);
	check->error(check, "", "args has '%.*s'; known are session=yes, "
		     "setcred=yes, failure_show_msg=yes, confdir= and last "
		     "the PAM service%s", CV_SPAN_ARG(word),
		     check->nearest(check, key, arg_words));
	return CV_OK;
}

static int take_word(struct cv_pool *pool, const struct cv_check *check,
		     struct pam_db *db, struct cv_span word,
		     struct cv_error *err)
{
	if (take_switch(db, word))
		return CV_OK;
	if (cv_span_is(word, "-session"))
		db->session = true;
	else if (cv_span_begins(word, CV_SPAN("confdir=")))
		db->confdir = cv_span_copy(pool, cv_span_skip(word, 8));
	else if (cv_span_begins(word, CV_SPAN("max_requests=")) ||
		 cv_span_begins(word, CV_SPAN("cache_key=")))
		; /* no process here wears out; the cache has its own key */
	else if (memchr(word.data, '=', word.len) != NULL || db->service != NULL)
		return bad_word(check, word, err);
	else
		db->service = cv_span_is(word, "*") ? "%s" :
			cv_span_copy(pool, word);
	return CV_OK;
}

/* check NULL: the first mistake is an error; else all are told. */
static int parse_args(struct cv_pool *pool, const char *args,
		      const struct cv_check *check, struct pam_db *db,
		      struct cv_error *err)
{
	struct cv_span rest = cv_span_of(args), word;
	int ret = CV_OK;

	while (ret == CV_OK && cv_span_split(&rest, ' ', &word)) {
		word = cv_span_trim(word);
		if (word.len > 0)
			ret = take_word(pool, check, db, word, err);
	}
	if (ret == CV_OK && db->service == NULL)
		db->service = access("/etc/pam.d/culver", F_OK) < 0 &&
			access("/etc/pam.d/dovecot", F_OK) == 0 ? "dovecot" :
			"culver";
	return ret;
}

static int pam_open(const struct cv_auth_db_config *config, void **db_r,
		    struct cv_error *err)
{
	struct pam_db *db = CV_ALLOC(config->pool, struct pam_db);
	int ret = parse_args(config->pool, config->args, NULL, db, err);

	if (ret < 0)
		return ret;
	if (db->confdir != NULL)
		config->needs_path(config, db->confdir);
	*db_r = db;
	return CV_OK;
}

/* Is there a file for the service?  PAM would take "other", which on most
 * systems refuses everybody without a word. */
static void check_service(const struct cv_check *check,
			  const struct pam_db *db)
{
	static const char *const folders[] = {
		"/etc/pam.d", "/usr/lib/pam.d", "/lib/pam.d",
	};
	const char *folder = db->confdir;
	struct cv_text path;

	cv_text_init(&path, check->pool);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		cv_text_reset(&path);
		cv_text_append_f(&path, "%s/%s", folder != NULL ? folder :
				 folders[i], db->service);
		if (access(cv_text_str(&path), F_OK) == 0 || errno == EACCES)
			return;
	}
	check->warning(check, "", "there is no PAM service '%s' in %s: PAM "
		       "takes 'other' for it, which refuses everybody as a "
		       "rule", db->service, folder != NULL ? folder :
		       folders[0]);
}

static void pam_check(const struct cv_check *check)
{
	struct pam_db db = { .service = NULL };

	(void)parse_args(check->pool, check->value, check, &db, NULL);
	if (db.confdir != NULL &&
	    !check->file(check, "", db.confdir, CV_CHECK_FOLDER))
		return;
	if (check->variables(check, "", db.service) &&
	    strchr(db.service, '%') == NULL)
		check_service(check, &db);
}

static const struct cv_passdb pam_passdb = {
	CV_SIZED(cv_passdb), .name = "pam", .open = pam_open,
	.verify = pam_verify, .check = pam_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &pam_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
static const char *const paths[] = {
	"/etc", "/lib", "/usr/lib", "/run", "/var/lib", NULL,
};

CV_PLUGIN_DEFINE("auth-pam", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Passwords checked by the system's PAM",
	.flags = CV_PLUGIN_CONNECTS | CV_PLUGIN_EXECUTES,
	.processes = processes, .paths = paths,
	.init = init);
