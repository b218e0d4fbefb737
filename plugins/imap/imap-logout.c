/* imap-logout.c - see imap-logout.h. */
#include "imap-logout.h"

#include <stddef.h>

static const struct { const char *name; size_t offset; } figures[] = {
	{ "appended", offsetof(struct imap_counters, appended) },
	{ "deleted", offsetof(struct imap_counters, deleted) },
	{ "expunged", offsetof(struct imap_counters, expunged) },
	{ "fetch_hdr_count", offsetof(struct imap_counters,
				      fetch_hdr_count) },
	{ "fetch_hdr_bytes", offsetof(struct imap_counters,
				      fetch_hdr_bytes) },
	{ "fetch_body_count", offsetof(struct imap_counters,
				       fetch_body_count) },
	{ "fetch_body_bytes", offsetof(struct imap_counters,
				       fetch_body_bytes) },
};

static uint64_t figure_of(struct imap_session *s, struct cv_span name)
{
	const char *base = (const char *)&s->counters;
	uint64_t value;

	if (cv_span_is(name, "i") || cv_span_is(name, "input"))
		return imap_connection_api->bytes_in(s->conn);
	if (cv_span_is(name, "o") || cv_span_is(name, "output"))
		return imap_connection_api->bytes_out(s->conn);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (!cv_span_is(name, figures[i].name))
			continue;
		memcpy(&value, base + figures[i].offset, sizeof(value));
		return value;
	}
	return 0;		/* trashed, autoexpunged: not done here */
}

void imap_logout_text(struct imap_session *s, struct cv_text *dst)
{
	struct cv_span format = cv_span_of(s->set->imap_logout_format);

	while (format.len > 0) {
		struct cv_span name = CV_SPAN_NONE;
		const char *end;

		if (format.data[0] != '%' || format.len == 1) {
			cv_text_append_c(dst, format.data[0]);
			format = cv_span_skip(format, 1);
			continue;
		}
		name = cv_span(format.data + 1, 1);
		format = cv_span_skip(format, 2);
		if (name.data[0] == '%') {
			cv_text_append_c(dst, '%');
			continue;
		}
		if (name.data[0] == '{') {
			end = memchr(format.data, '}', format.len);
			if (end == NULL)
				break;
			name = cv_span(format.data,
				       (size_t)(end - format.data));
			format = cv_span_skip(format, name.len + 1);
		}
		cv_text_append_u64(dst, figure_of(s, name));
	}
}

void imap_logout_log(struct imap_session *s)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	imap_logout_text(s, &text);
	imap_session_api->set_logout_stats(s->session, cv_text_str(&text));
}
