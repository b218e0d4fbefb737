/* login-log.c - one line for each login and for each that was none, in the
 * form that admins and fail2ban know. */
#include "login-private.h"

#include <stdio.h>

struct log_vars {
	const struct cv_preauth *p;
	uint32_t pid;
	char number[16];
	char tls[96];
	bool used, filled;	/* a variable was there; one had a value */
	const char *fields, *message;
};

static const char *secured(struct log_vars *v)
{
	const struct cv_preauth *p = v->p;

	if (p->conn.tls) {	/* the session itself may have failed since */
		(void)snprintf(v->tls, sizeof(v->tls), "TLS");
		return v->tls;
	}
	return p->conn.secure ? "secured" : "";
}

static const char *value_of(struct log_vars *v, struct cv_span name)
{
	const struct cv_preauth *p = v->p;

	if (cv_span_is(name, "u") || cv_span_is(name, "user"))
		return p->user == NULL ? "" : p->user;
	if (cv_span_is(name, "m") || cv_span_is(name, "mech"))
		return p->mechanism == NULL ? "" : p->mechanism;
	if (cv_span_is(name, "r") || cv_span_is(name, "rip"))
		return p->remote_ip;
	if (cv_span_is(name, "l") || cv_span_is(name, "lip"))
		return p->local_ip;
	if (cv_span_is(name, "s") || cv_span_is(name, "service"))
		return v->message != NULL ? v->message :
			p->process->protocol_name;
	if (cv_span_is(name, "session"))
		return p->session_id;
	if (cv_span_is(name, "c") || cv_span_is(name, "secured"))
		return secured(v);
	if (cv_span_is(name, "k") || cv_span_is(name, "ssl_security")) {
		if (p->ssl == NULL)
			return "";
		tls_session_describe(p->ssl, v->tls, sizeof(v->tls));
		return v->tls;
	}
	if (cv_span_is(name, "local_name"))
		return p->conn.local_name;
	if (cv_span_is(name, "e") || cv_span_is(name, "mail_pid")) {
		if (v->pid == 0)
			return "";
		(void)snprintf(v->number, sizeof(v->number), "%u", v->pid);
		return v->number;
	}
	if (cv_span_is(name, "b") || cv_span_is(name, "rport")) {
		(void)snprintf(v->number, sizeof(v->number), "%u",
			       p->conn.remote_port);
		return v->number;
	}
	return NULL;
}

static bool lookup(void *context, struct cv_span name,
		   struct cv_span *value_r)
{
	struct log_vars *v = context;
	const char *value;

	if (cv_span_is(name, "$") && v->fields != NULL) {
		*value_r = cv_span_of(v->fields);
		return true;
	}
	value = value_of(v, name);
	if (value == NULL)
		return false;
	v->used = true;
	if (*value != '\0')
		v->filled = true;
	*value_r = cv_span_of(value);
	return true;
}

/* Elements whose variables are all empty are left out. */
static void append_elements(struct cv_text *out, struct log_vars *v)
{
	struct settings_vars vars = { lookup, v };
	struct cv_span rest = cv_span_of(
		v->p->view->login.login_log_format_elements), word;

	while (cv_span_split(&rest, ' ', &word)) {
		struct cv_text one;

		if (word.len == 0)
			continue;
		cv_text_init(&one, v->p->pool);
		v->used = v->filled = false;
		if (settings_expand(&one, pool_copy(v->p->pool, word.data,
						    word.len),
				    &vars, 0, NULL) != CV_OK ||
		    (v->used && !v->filled))
			continue;
		if (out->len > 0)
			cv_text_append_str(out, ", ");
		cv_text_append_span(out, cv_text_span(&one));
	}
}

/* "%$" is no variable of the settings' language: it stands for the message
 * here, as "%s" for the fields. */
static void append_line(struct cv_text *out, const char *format,
			const char *message, const char *fields)
{
	for (const char *at = format; *at != '\0'; at++) {
		if (at[0] == '%' && at[1] == '$') {
			cv_text_append_str(out, message);
			at++;
		} else if (at[0] == '%' && at[1] == 's') {
			cv_text_append_str(out, fields);
			at++;
		} else {
			cv_text_append_c(out, *at);
		}
	}
}

static void write_line(struct cv_preauth *p, const char *message,
		       uint32_t pid)
{
	struct log_vars v = { .p = p, .pid = pid };
	struct cv_text fields, line;

	cv_text_init(&fields, p->pool);
	cv_text_init(&line, p->pool);
	append_elements(&fields, &v);
	append_line(&line, p->view->login.login_log_format, message,
		    cv_text_str(&fields));
	log_info("login", "%s", cv_text_str(&line));
}

void login_log_success(struct cv_preauth *p, uint32_t pid)
{
	write_line(p, "Login", pid);
}

void login_log_disconnect(struct cv_preauth *p, const char *reason)
{
	char message[256];
	uint64_t secs = (time_monotonic_msecs() - p->connected_msecs) / 1000;

	if (p->attempts == 0 && p->auth_id == 0)
		(void)snprintf(message, sizeof(message),
			       "Disconnected: %s (no auth attempts in %llu "
			       "secs)", reason, (unsigned long long)secs);
	else if (p->attempts == 0)	/* aborted, or auth could not say */
		(void)snprintf(message, sizeof(message),
			       "Disconnected: %s (no auth completed in %llu "
			       "secs)", reason, (unsigned long long)secs);
	else
		(void)snprintf(message, sizeof(message),
			       "Disconnected: %s (auth failed, %u attempts "
			       "in %llu secs)", reason, p->attempts,
			       (unsigned long long)secs);
	write_line(p, message, 0);
}
