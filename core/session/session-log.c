/* session-log.c - as whom a session logs, and what it says at its end. */
#include "session-private.h"

#include <stdio.h>

bool session_var_lookup(void *context, struct cv_span name,
			struct cv_span *value_r)
{
	const struct cv_session *s = context;

	if (cv_span_is(name, "s") || cv_span_is(name, "service"))
		*value_r = cv_span_of(s->service_name);
	else if (cv_span_is(name, "u") || cv_span_is(name, "user"))
		*value_r = cv_span_of(s->user_info == NULL ? "" :
				      s->user_info->name);
	else if (cv_span_is(name, "session"))
		*value_r = cv_span_of(s->id);
	else if (cv_span_is(name, "r") || cv_span_is(name, "rip"))
		*value_r = cv_span_of(s->conn.remote_ip);
	else if (cv_span_is(name, "l") || cv_span_is(name, "lip"))
		*value_r = cv_span_of(s->conn.local_ip);
	else
		return false;
	return true;
}

void session_set_log_prefix(struct cv_session *s)
{
	struct settings_vars vars = { session_var_lookup, s };
	const char *format = "%s(%u)<%{pid}><%{session}>: ";
	struct cv_text text;

	if (s->user_info == NULL)
		format = "%s<%{pid}><%{session}>: ";
	else
		(void)settings_lookup(s->settings, NULL, "mail_log_prefix",
				      &format);
	cv_text_init(&text, s->pool);
	if (settings_expand(&text, format, &vars, 0, NULL) != CV_OK)
		return;
	/* the logger puts ": " behind the prefix itself */
	while (text.len > 0 && strchr(": \"", text.data[text.len - 1]) != NULL)
		text.data[--text.len] = '\0';
	log_set_prefix(text.data[0] == '"' ? text.data + 1 : text.data);
}

void session_log_as(struct cv_session *s, const char *id,
		    struct cv_pool *scratch)
{
	struct cv_pool *own = s->pool;

	s->id = id;
	s->pool = scratch;
	session_set_log_prefix(s);
	s->pool = own;
}

void session_log_end(struct cv_session *s, int status,
		     const struct cv_error *err)
{
	const char *stats = s->logout_stats == NULL ? "" : s->logout_stats;
	char traffic[64] = "";

	if (s->connection != NULL && s->logout_stats == NULL)
		(void)snprintf(traffic, sizeof(traffic), "in=%llu out=%llu",
			(unsigned long long)
			connection_api.bytes_in(s->connection),
			(unsigned long long)
			connection_api.bytes_out(s->connection));
	if (session_was_kicked())
		log_info("session", "Kicked %s%s", stats, traffic);
	else if (session_stopping(s))
		log_info("session", "Disconnected: Server shutting down "
			 "%s%s", stats, traffic);
	else if (status == CV_OK)
		log_info("session", "Logged out %s%s", stats, traffic);
	else if (status == CV_EOF)
		log_info("session", "Disconnected: Connection closed %s%s",
			 stats, traffic);
	else
		log_info("session", "Disconnected: %s %s%s", err->text,
			 stats, traffic);
}
