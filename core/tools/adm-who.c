/* adm-who.c - culveradm who, kick, penalty: what anvil knows. */
#include "adm-control.h"

#include "ipc/anvil-message.h"

#include <fnmatch.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MSECS = 10000 };

/* CV_OK with a row in r; CV_EOF at the end, *count_r set. */
static int next_row(int fd, struct ipc_reader *r, uint32_t *count_r,
		    struct cv_error *err)
{
	int status = ipc_receive_wait(fd, ANSWER_MSECS, r, err);

	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "anvil broke off");
	if (status != CV_OK || r->type != ANVIL_MSG_END)
		return status;
	*count_r = ipc_get_u32(r);
	status = ipc_finish(r, err);
	return status == CV_OK ? CV_EOF : status;
}

static int ask(struct adm *adm, const struct ipc_writer *w, int *fd_r,
	       struct cv_error *err)
{
	int status = adm_control_channel(adm, "anvil", fd_r, err);

	if (status == CV_OK)
		status = ipc_send(*fd_r, w, err);
	if (status != CV_OK && *fd_r >= 0) {
		(void)close(*fd_r);
		*fd_r = -1;
	}
	return status;
}

static const char *local_time(uint64_t usecs, char *dst, size_t room)
{
	time_t when = (time_t)(usecs / 1000000);
	struct tm tm;

	if (localtime_r(&when, &tm) == NULL ||
	    strftime(dst, room, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		dst[0] = '\0';
	return dst;
}

/* No pattern: all; a pattern of digits, dots and colons is an address. */
static bool is_wanted(const char *pattern, const char *user, const char *ip)
{
	if (pattern == NULL)
		return true;
	return fnmatch(pattern, user, 0) == 0 || strcmp(pattern, ip) == 0;
}

static int who_row(struct adm_output *out, struct ipc_reader *r,
		   const char *pattern, struct cv_error *err)
{
	struct anvil_connect c;
	uint64_t since;
	const char *activity;
	char when[32];
	int status;

	anvil_connect_get(r, &c);
	since = ipc_get_u64(r);
	activity = ipc_get_str(r, 128);
	status = ipc_finish(r, err);
	if (status != CV_OK || !is_wanted(pattern, c.user, c.ip))
		return status;
	adm_output_value(out, c.user);
	adm_output_value(out, c.service);
	adm_output_f(out, "%u", c.pid);
	adm_output_value(out, c.ip);
	adm_output_value(out, local_time(since, when, sizeof(when)));
	adm_output_value(out, c.session_id);
	adm_output_value(out, activity);
	return CV_OK;
}

/* "proxy HOST:PORT" is what a session does that is forwarded. */
static const char proxy_word[] = "proxy ";

static bool is_proxied(const char *activity)
{
	return strncmp(activity, proxy_word, sizeof(proxy_word) - 1) == 0;
}

static int proxy_row(struct adm_output *out, struct ipc_reader *r,
		     const char *pattern, struct cv_error *err)
{
	struct anvil_connect c;
	const char *activity, *colon;
	int status;

	anvil_connect_get(r, &c);
	(void)ipc_get_u64(r);
	activity = ipc_get_str(r, 128);
	status = ipc_finish(r, err);
	if (status != CV_OK || !is_wanted(pattern, c.user, c.ip) ||
	    !is_proxied(activity))
		return status;
	activity += sizeof(proxy_word) - 1;
	colon = strrchr(activity, ':');
	adm_output_value(out, c.user);
	adm_output_value(out, c.service);
	adm_output_value(out, c.ip);
	adm_output_f(out, "%.*s", colon == NULL ? (int)strlen(activity) :
		     (int)(colon - activity), activity);
	adm_output_value(out, colon == NULL ? "" : colon + 1);
	return CV_OK;
}

/* All connections, a row each. */
static int list(struct adm *adm, const char *const *columns,
		const char *pattern,
		int (*row)(struct adm_output *, struct ipc_reader *,
			   const char *, struct cv_error *))
{
	struct cv_error err = ERROR_NONE;
	struct adm_output *out;
	struct ipc_writer w;
	struct ipc_reader r;
	uint32_t count;
	int fd = -1, status;

	ipc_begin(&w, ANVIL_MSG_WHO);
	status = ask(adm, &w, &fd, &err);
	if (status != CV_OK)
		return adm_fail(&err);
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	while (status == CV_OK) {
		status = next_row(fd, &r, &count, &err);
		if (status == CV_OK)
			status = row(out, &r, pattern, &err);
	}
	if (fd >= 0)
		(void)close(fd);
	adm_output_end(&out, status != CV_EOF);
	return status == CV_EOF ? ADM_OK : adm_fail(&err);
}

static int run_who(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"username", "service", "pid", "ip", "since", "session",
		"activity", NULL,
	};

	if (argc > 2)
		return adm_usage(&adm_who_verb, "at most one user or "
				 "address");
	return list(adm, columns, argc == 2 ? argv[1] : NULL, who_row);
}

static bool looks_like_ip(const char *text)
{
	struct settings_ip ip;

	return settings_ip_parse(text, &ip);
}

static void put_kicked(const struct adm *adm, uint32_t count)
{
	static const char *const columns[] = { "kicked", NULL };
	struct adm_output *out;

	if (adm->format == ADM_FORMAT_DEFAULT) {
		(void)printf("kicked connections: %u\n", count);
		return;
	}
	out = adm_output_begin(adm, adm->format, columns);
	adm_output_f(out, "%u", count);
	adm_output_end(&out, false);
}

int adm_kick(struct adm *adm, const char *whom, uint32_t *count_r,
	     struct cv_error *err)
{
	bool ip = looks_like_ip(whom);
	struct ipc_writer w;
	struct ipc_reader r;
	int fd = -1, status;

	ipc_begin(&w, ANVIL_MSG_KICK_USER);
	ipc_put_str(&w, ip ? "" : whom);
	ipc_put_str(&w, ip ? whom : "");
	status = ask(adm, &w, &fd, err);
	if (status == CV_OK)
		status = next_row(fd, &r, count_r, err);
	if (fd >= 0)
		(void)close(fd);
	return status == CV_EOF ? CV_OK : status;
}

int adm_forwarded(struct adm *adm,
		  void (*found)(void *context, const char *user),
		  void *context, struct cv_error *err)
{
	struct anvil_connect c;
	struct ipc_writer w;
	struct ipc_reader r;
	uint32_t count;
	int fd = -1, status;

	ipc_begin(&w, ANVIL_MSG_WHO);
	status = ask(adm, &w, &fd, err);
	while (status == CV_OK) {
		status = next_row(fd, &r, &count, err);
		if (status != CV_OK)
			break;
		anvil_connect_get(&r, &c);
		(void)ipc_get_u64(&r);
		if (is_proxied(ipc_get_str(&r, 128)))
			found(context, c.user);
		status = ipc_finish(&r, err);
	}
	if (fd >= 0)
		(void)close(fd);
	return status == CV_EOF ? CV_OK : status;
}

static int run_kick(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;
	uint32_t count = 0;

	if (argc != 2)
		return adm_usage(&adm_kick_verb, "one user or address is "
				 "needed");
	if (adm_kick(adm, argv[1], &count, &err) != CV_OK)
		return adm_fail(&err);
	put_kicked(adm, count);
	return count == 0 ? ADM_NOT_FOUND : ADM_OK;
}

static int penalty_row(struct adm_output *out, struct ipc_reader *r,
		       const char *wanted, struct cv_error *err)
{
	const char *ip = ipc_get_str(r, ANVIL_IP_MAX);
	uint32_t count = ipc_get_u32(r);
	uint64_t last = ipc_get_u64(r);
	char when[32];
	int status = ipc_finish(r, err);

	if (status != CV_OK || (wanted != NULL && strcmp(wanted, ip) != 0))
		return status;
	adm_output_value(out, ip);
	adm_output_f(out, "%u", count);
	adm_output_value(out, local_time(last, when, sizeof(when)));
	return CV_OK;
}

static int run_penalty(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"ip", "penalty", "last", NULL,
	};
	struct cv_error err = ERROR_NONE;
	struct adm_output *out;
	struct ipc_writer w;
	struct ipc_reader r;
	uint32_t count;
	int fd = -1, status;

	if (argc > 2)
		return adm_usage(&adm_penalty_verb, "at most one address");
	ipc_begin(&w, ANVIL_MSG_PENALTY_LIST);
	status = ask(adm, &w, &fd, &err);
	if (status != CV_OK)
		return adm_fail(&err);
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	while (status == CV_OK) {
		status = next_row(fd, &r, &count, &err);
		if (status == CV_OK)
			status = penalty_row(out, &r, argc == 2 ? argv[1] :
					     NULL, &err);
	}
	if (fd >= 0)
		(void)close(fd);
	adm_output_end(&out, status != CV_EOF);
	return status == CV_EOF ? ADM_OK : adm_fail(&err);
}

static int run_proxy(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"username", "proto", "src ip", "dest ip", "port", NULL,
	};

	if (argc >= 2 && strcmp(argv[1], "list") == 0 && argc <= 3)
		return list(adm, columns, argc == 3 ? argv[2] : NULL,
			    proxy_row);
	if (argc == 3 && strcmp(argv[1], "kick") == 0)
		return run_kick(adm, argc - 1, argv + 1);
	return adm_usage(&adm_proxy_verb, "list, or kick and one user or "
			 "address, is needed");
}

static const struct adm_word proxy_words[] = {
	{ "list", "[USER | ADDRESS]", "shows them, and where they go" },
	{ "kick", "USER | ADDRESS", "ends them" },
};

const struct adm_verb adm_proxy_verb = {
	.name = "proxy", .args = "list [USER | ADDRESS] | kick USER | ADDRESS",
	.help = "sessions that are forwarded to other servers",
	.words = proxy_words,
	.count = sizeof(proxy_words) / sizeof(proxy_words[0]),
	.run = run_proxy,
};

const struct adm_verb adm_who_verb = {
	.name = "who", .args = "[USER | ADDRESS]",
	.help = "who is logged in",
	.run = run_who,
};

const struct adm_verb adm_kick_verb = {
	.name = "kick", .args = "USER | ADDRESS",
	.help = "end the sessions of a user, or from an address",
	.run = run_kick,
};

const struct adm_verb adm_penalty_verb = {
	.name = "penalty", .args = "[ADDRESS]",
	.help = "addresses whose logins are delayed after failures",
	.run = run_penalty,
};
