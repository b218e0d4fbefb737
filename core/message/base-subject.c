/* base-subject.c - [RFC5256 2.1].  The steps are numbered as there. */
#include "base-subject.h"
#include "encoded-word.h"

/* "[" *BLOBCHAR "]" *WSP; BLOBCHAR has no brackets. */
static bool subject_skip_blob(struct cv_span *s)
{
	size_t i = 1;

	if (s->len == 0 || s->data[0] != '[')
		return false;
	while (i < s->len && s->data[i] != ']' && s->data[i] != '[')
		i++;
	if (i == s->len || s->data[i] != ']')
		return false;
	*s = cv_span_skip(*s, i + 1);
	while (s->len > 0 && s->data[0] == ' ')
		*s = cv_span_skip(*s, 1);
	return true;
}

/* ("re" / "fw" / "fwd") *WSP [blob] ":" */
static bool subject_skip_refwd(struct cv_span *s)
{
	struct cv_span at = *s;

	if (cv_span_begins_icase(at, CV_SPAN("fwd")))
		at = cv_span_skip(at, 3);
	else if (cv_span_begins_icase(at, CV_SPAN("fw")) ||
		 cv_span_begins_icase(at, CV_SPAN("re")))
		at = cv_span_skip(at, 2);
	else
		return false;
	while (at.len > 0 && at.data[0] == ' ')
		at = cv_span_skip(at, 1);
	(void)subject_skip_blob(&at);
	if (at.len == 0 || at.data[0] != ':')
		return false;
	*s = cv_span_skip(at, 1);
	return true;
}

/* Steps 3 to 5: leaders and blobs at the front.  A run of blobs that no
 * "re:" follows is looked at once only, so this is linear. */
static bool subject_strip_front(struct cv_span *s)
{
	struct cv_span at, before;
	bool reply = false;

	for (;;) {
		while (s->len > 0 && s->data[0] == ' ')
			*s = cv_span_skip(*s, 1);
		at = *s;
		while (subject_skip_blob(&at))
			;
		if (subject_skip_refwd(&at)) {
			*s = at;
			reply = true;
			continue;
		}
		for (before = *s; subject_skip_blob(&before) &&
		     before.len > 0; )
			*s = before;
		return reply;
	}
}

/* Step 2: "(fwd)" and blanks at the end. */
static bool subject_strip_end(struct cv_span *s)
{
	bool reply = false;

	for (;;) {
		while (s->len > 0 && s->data[s->len - 1] == ' ')
			s->len--;
		if (s->len < 5 ||
		    !cv_span_is_icase(cv_span_skip(*s, s->len - 5), "(fwd)"))
			return reply;
		s->len -= 5;
		reply = true;
	}
}

/* Step 1: UTF-8, runs of blanks and tabs as one blank. */
static void subject_decode(struct cv_text *dst, struct cv_span subject)
{
	struct cv_text text;
	bool blank = false;

	cv_text_init(&text, dst->pool);
	header_decode(&text, cv_span_trim(subject));
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == ' ' || text.data[i] == '\t') {
			blank = true;
			continue;
		}
		if (blank)
			cv_text_append_c(dst, ' ');
		blank = false;
		cv_text_append_c(dst, text.data[i]);
	}
}

bool base_subject_append(struct cv_text *dst, struct cv_span subject)
{
	struct cv_pool *scratch = pool_create("base subject");
	struct cv_text text;
	struct cv_span s;
	bool reply = false;

	cv_text_init(&text, scratch);
	subject_decode(&text, subject);
	s = cv_span(cv_text_str(&text), text.len);
	for (;;) {
		reply |= subject_strip_end(&s);
		reply |= subject_strip_front(&s);
		/* step 6: "[fwd: ...]" */
		if (s.len < 6 || s.data[s.len - 1] != ']' ||
		    !cv_span_begins_icase(s, CV_SPAN("[fwd:")))
			break;
		s = cv_span(s.data + 5, s.len - 6);
		reply = true;
	}
	cv_text_append_span(dst, s);
	pool_destroy(&scratch);
	return reply;
}
