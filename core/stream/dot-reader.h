/* dot-reader.h - the end of an SMTP DATA command and its dot-stuffing,
 * [RFC5321 4.5.2], fed with whatever has arrived.
 *
 * Only CRLF.CRLF ends the data.  A bare CR or LF never starts or ends a
 * line here, so that nobody can smuggle a second message past us
 * [security.md D2]; the content keeps it as it came. */
#ifndef DOT_READER_H
#define DOT_READER_H

#include "base.h"

struct dot_reader {
	int state;
	bool bare;		/* a CR without LF or LF without CR was seen */
	bool has_nul;
};

/* At the start of the content. */
void dot_reader_init(struct dot_reader *r);

/* Takes bytes from the front of *in, which is shortened by them, and gives
 * the content among them in *out_r (it points into the input, or to a
 * constant).  CV_OK: call again while in->len > 0, out_r may be empty;
 * CV_EOF: the end was found, and *in is what follows it. */
int dot_reader_next(struct dot_reader *r, struct cv_span *in,
		    struct cv_span *out_r);

/* The other way: appends content with dots doubled at each line start and
 * all line ends made CRLF, so that no receiver, strict or lax, sees an end in
 * it [security.md D3].  *state is 0 at the start; finish with dot_writer_end,
 * which appends CRLF.CRLF (or .CRLF after a complete line). */
void dot_writer_add(int *state, struct cv_span in, struct cv_text *out);
void dot_writer_end(int *state, struct cv_text *out);

#endif
