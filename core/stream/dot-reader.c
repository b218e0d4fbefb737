/* dot-reader.c - dot-stuffing, both ways. */
#include "dot-reader.h"

enum dot_state {
	DOT_LINE_START,		/* after CRLF, or at the start */
	DOT_TEXT,
	DOT_CR,			/* CR, its LF not seen yet; not given out */
	DOT_DOT,		/* "." at the start of a line; not given out */
	DOT_DOT_CR,		/* ".CR" likewise */
};

void dot_reader_init(struct dot_reader *r)
{
	*r = (struct dot_reader){ .state = DOT_LINE_START };
}

/* Text up to a CR, given out as it lies there. */
static void dot_reader_text(struct dot_reader *r, struct cv_span *in,
			    struct cv_span *out_r)
{
	const char *cr = memchr(in->data, '\r', in->len);
	size_t n = cr == NULL ? in->len : (size_t)(cr - in->data);

	*out_r = cv_span(in->data, n);
	*in = cv_span_skip(*in, n);
	if (memchr(out_r->data, '\n', n) != NULL)
		r->bare = true;
	if (memchr(out_r->data, '\0', n) != NULL)
		r->has_nul = true;
	r->state = DOT_TEXT;
	if (cr != NULL) {
		r->state = DOT_CR;
		*in = cv_span_skip(*in, 1);
	}
}

int dot_reader_next(struct dot_reader *r, struct cv_span *in,
		    struct cv_span *out_r)
{
	char c;

	*out_r = CV_SPAN_NONE;
	if (in->len == 0)
		return CV_OK;
	c = in->data[0];
	switch ((enum dot_state)r->state) {
	case DOT_LINE_START:
		if (c == '.') {
			r->state = DOT_DOT;
			*in = cv_span_skip(*in, 1);
			return CV_OK;
		}
		break;
	case DOT_CR:
		if (c == '\n') {
			r->state = DOT_LINE_START;
			*out_r = CV_SPAN("\r\n");
			*in = cv_span_skip(*in, 1);
			return CV_OK;
		}
		r->bare = true;
		*out_r = CV_SPAN("\r");
		r->state = DOT_TEXT;
		return CV_OK;
	case DOT_DOT:
		/* [RFC5321 4.5.2]: the first dot of a line is dropped, also
		 * where none was added */
		if (c == '\r') {
			r->state = DOT_DOT_CR;
			*in = cv_span_skip(*in, 1);
			return CV_OK;
		}
		break;
	case DOT_DOT_CR:
		if (c == '\n') {
			*in = cv_span_skip(*in, 1);
			return CV_EOF;
		}
		r->bare = true;
		*out_r = CV_SPAN("\r");
		r->state = DOT_TEXT;
		return CV_OK;
	case DOT_TEXT:
		break;
	}
	dot_reader_text(r, in, out_r);
	return CV_OK;
}

enum writer_state { WRITER_START, WRITER_TEXT, WRITER_CR };

void dot_writer_add(int *state, struct cv_span in, struct cv_text *out)
{
	size_t from = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];

		if (c == '\n' && *state == WRITER_CR) {
			/* the CRLF was written for the CR */
			from = i + 1;
			*state = WRITER_START;
			continue;
		}
		if (*state == WRITER_CR)	/* it was a lone CR */
			*state = WRITER_START;
		if (c == '\r' || c == '\n') {
			cv_text_append(out, in.data + from, i - from);
			cv_text_append_str(out, "\r\n");
			from = i + 1;
			*state = c == '\r' ? WRITER_CR : WRITER_START;
			continue;
		}
		if (c == '.' && *state == WRITER_START) {
			cv_text_append(out, in.data + from, i - from);
			cv_text_append_c(out, '.');
			from = i;
		}
		*state = WRITER_TEXT;
	}
	cv_text_append(out, in.data + from, in.len - from);
}

void dot_writer_end(int *state, struct cv_text *out)
{
	cv_text_append_str(out, *state == WRITER_TEXT ? "\r\n.\r\n" :
			   ".\r\n");
	*state = WRITER_START;
}
