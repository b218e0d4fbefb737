/* mime-part.h - the parts of a message, as a flat tree.
 *
 * Parts stand in the order in which their headers stand in the message, so a
 * parent always comes before its children, and a child's range lies inside
 * its parent's: the tree cannot have a cycle [security.md C11].
 *
 * Each size is counted twice: as stored ("physical", for reading the file)
 * and with each lone LF as CRLF ("virtual", what IMAP and POP3 clients see).
 * Where both are equal the file can be sent as it is. */
#ifndef MIME_PART_H
#define MIME_PART_H

#include "mime-param.h"

enum {
	MIME_NONE = UINT32_MAX,		/* no such part */
	MIME_DEPTH_MAX = 100,		/* deeper parts are opaque */
	MIME_PARTS_MAX = 10000,		/* further ones belong to the last */
};

enum mime_part_flags {
	MIME_MULTIPART = 1,
	MIME_RFC822 = 2,		/* has exactly one child */
	MIME_TEXT = 4,
	MIME_HAS_NUL = 8,
	MIME_ATTACHMENT = 16,		/* disposition, or named and no text */
	MIME_TEXT_HTML = 32,
	MIME_TEXT_PLAIN = 64,
	MIME_ALTERNATIVE = 128,		/* multipart/alternative */
	MIME_DIGEST = 256,		/* multipart/digest: children default
					 * to message/rfc822 */
	MIME_IS_MIME = 512,		/* the header has MIME-Version */
};

enum mime_encoding {
	MIME_7BIT,			/* also 8bit and binary: no decoding */
	MIME_8BIT,
	MIME_BINARY,
	MIME_QP,
	MIME_BASE64,
	MIME_UNKNOWN_ENCODING,		/* cannot be decoded */
};

struct mime_size {
	uint64_t physical, virtual;
	uint64_t lines;			/* number of LFs */
};

/* What the part's header says; all spans raw as in the header, unfolded,
 * comments removed.  Only while the message is parsed: a tree decoded from
 * the catalogue has none. */
struct mime_header {
	struct mime_type type;		/* Content-Type, or the default */
	struct mime_type disposition;	/* subtype empty; data NULL: none */
	struct cv_span id, description, encoding, md5, location;
	struct cv_span *languages;
	uint32_t language_count;
	struct message_envelope *envelope;	/* root and rfc822 children */
};

struct mime_part {
	uint32_t parent, next, first;	/* indexes or MIME_NONE */
	uint32_t children;
	uint32_t flags;			/* enum mime_part_flags */
	uint32_t depth;
	enum mime_encoding encoding;
	uint64_t offset;		/* of the header, physical */
	uint64_t virtual_offset;
	struct mime_size header;	/* the blank line included */
	struct mime_size body;
	struct mime_header *info;	/* NULL: decoded from disk */
};

struct mime_tree {
	struct mime_part *parts;	/* [0] is the message itself */
	uint32_t count;
};

/* The part with a number as in BODY[1.2.3], the rules of
 * [RFC9051 6.4.5.1]: below a message/rfc822 part the numbers go on inside
 * its message, and part 1 of a message that is not multipart is its body.
 * MIME_NONE when there is none. */
uint32_t mime_tree_find(const struct mime_tree *tree, const uint32_t *path,
			size_t path_len);

/* Binary form for the catalogue; position-independent, about 12 bytes a
 * part. */
void mime_tree_encode(struct cv_text *dst, const struct mime_tree *tree);
/* What is on disk is hostile: every range is checked to lie within its
 * parent and within message_size (physical), every count against the caps.
 * CV_E_SYNTAX when it is not so. */
int mime_tree_decode(struct cv_pool *pool, struct cv_span src,
		     uint64_t message_size, struct mime_tree *tree_r);

#endif
