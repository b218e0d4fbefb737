/* cv-convert.h - parts of messages as other types and charsets, for those that
 * show or look through them [RFC5259].
 *
 * The work is linear in what is read, and the result bounded; nothing that is
 * stored changes. */
#ifndef CV_CONVERT_H
#define CV_CONVERT_H

#include "cv-mailbox.h"

/* Types are in lower case: "text/html". */
struct cv_conversion {
	CV_HEAD;
	const char *from, *to;
	const char *const *parameters;	/* "charset", ..., NULL */
};

/* What a header says of the body behind it. */
struct cv_part_type {
	CV_HEAD;
	const char *type;		/* "text/plain" where it is silent */
	const char *charset;		/* "": it does not say */
	bool is_said;			/* there was a valid Content-Type */
};

enum cv_convert_problem {
	CV_CONVERT_NO_WAY = 1,		/* not from this type to that one */
	CV_CONVERT_CHARSET,		/* that of the result is not known */
	CV_CONVERT_SOURCE_CHARSET,	/* that of the source is not known */
	CV_CONVERT_CHARACTER,		/* one that the charset has not */
	CV_CONVERT_REPLACEMENT,		/* which the charset has not, either */
	CV_CONVERT_TOO_LARGE,
};

struct cv_convert_request {
	CV_HEAD;
	const char *from, *to;
	const char *source_charset;	/* "": US-ASCII */
	const char *charset;		/* of the result */
	/* UTF-8, for each character that the charset has not; data NULL: such
	 * a character ends the conversion. */
	struct cv_span replacement;
	uint64_t bytes_max;		/* of the result */
	/* NULL, or called after some 100 KiB each: done bytes were read,
	 * total is 0.  Negative: the conversion ends with this. */
	cv_progress_fn *progress;
	void *context;
};

struct cv_converted {
	CV_HEAD;
	struct cv_span data;		/* in the pool */
	uint64_t lines;			/* line ends */
	bool has_nul, is_ascii;
};

/* Service "convert", major 1. */
struct cv_convert_api {
	CV_HEAD;
	/* Those that there are; CV_NOT_FOUND past the last. */
	int (*at)(uint32_t index, struct cv_conversion *conversion_r);
	/* header: a block of fields. */
	void (*type)(struct cv_pool *pool, struct cv_span header,
		     struct cv_part_type *type_r);
	/* CV_DECLINED: *problem_r (enum cv_convert_problem) says why. */
	int (*convert)(struct cv_pool *pool,
		       const struct cv_convert_request *request,
		       struct cv_stream *source,
		       struct cv_converted *converted_r, uint32_t *problem_r,
		       struct cv_error *err);
	/* A header whose encoded-words are in that charset; those that cannot
	 * be read stay.  As convert. */
	int (*header)(struct cv_pool *pool, struct cv_span header,
		      const char *charset, struct cv_span replacement,
		      struct cv_span *header_r, uint32_t *problem_r);
	/* UTF-8 text in this charset. */
	bool (*fits)(struct cv_span utf8, const char *charset);
};

#endif
