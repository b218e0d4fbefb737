/* mime-part.c - finding parts by number, and the tree on disk. */
#include "mime-part.h"

/* --- numbers ------------------------------------------------------------ */

static uint32_t tree_child(const struct mime_tree *tree, uint32_t at,
			   uint32_t number)
{
	uint32_t child = tree->parts[at].first;

	if (number == 0 || number > tree->parts[at].children)
		return MIME_NONE;
	while (--number > 0)
		child = tree->parts[child].next;
	return child;
}

uint32_t mime_tree_find(const struct mime_tree *tree, const uint32_t *path,
			size_t path_len)
{
	bool message = true;	/* "at" is taken as a message, not a part */
	uint32_t at = 0, flags;

	for (size_t i = 0; i < path_len; i++) {
		flags = tree->parts[at].flags;
		if (!message && (flags & MIME_RFC822) != 0) {
			at = tree->parts[at].first;
			if (at == MIME_NONE)
				return MIME_NONE;
			flags = tree->parts[at].flags;
		} else if (!message && (flags & MIME_MULTIPART) == 0) {
			return MIME_NONE;
		}
		message = false;
		if ((flags & MIME_MULTIPART) != 0) {
			at = tree_child(tree, at, path[i]);
			if (at == MIME_NONE)
				return MIME_NONE;
		} else if (path[i] != 1) {
			/* [RFC9051 6.4.5.1]: part 1 of a message that is no
			 * multipart is its body */
			return MIME_NONE;
		}
	}
	return at;
}

/* --- on disk ------------------------------------------------------------ */

static void varint_append(struct cv_text *dst, uint64_t value)
{
	while (value >= 0x80) {
		cv_text_append_c(dst, (char)(value | 0x80));
		value >>= 7;
	}
	cv_text_append_c(dst, (char)value);
}

static bool varint_read(struct cv_span *src, uint64_t *value_r)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 63; shift += 7) {
		unsigned char c;

		if (src->len == 0)
			return false;
		c = (unsigned char)src->data[0];
		*src = cv_span_skip(*src, 1);
		value |= (uint64_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0) {
			*value_r = value;
			return true;
		}
	}
	return false;
}

/* Sizes: the physical one, the lone LFs, the lines. */
static void size_append(struct cv_text *dst, const struct mime_size *size)
{
	varint_append(dst, size->physical);
	varint_append(dst, size->virtual - size->physical);
	varint_append(dst, size->lines);
}

static bool size_read(struct cv_span *src, struct mime_size *size)
{
	uint64_t bare;

	if (!varint_read(src, &size->physical) || !varint_read(src, &bare) ||
	    !varint_read(src, &size->lines) ||
	    size->lines > size->physical || bare > size->lines)
		return false;
	size->virtual = size->physical + bare;
	return true;
}

void mime_tree_encode(struct cv_text *dst, const struct mime_tree *tree)
{
	varint_append(dst, tree->count);
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct mime_part *part = &tree->parts[i], *up;
		uint64_t bare = part->virtual_offset - part->offset;

		varint_append(dst, part->flags);
		varint_append(dst, part->encoding);
		if (i > 0) {
			up = &tree->parts[part->parent];
			varint_append(dst, i - part->parent);
			varint_append(dst, part->offset - up->offset);
			varint_append(dst, bare - (up->virtual_offset -
						   up->offset));
		}
		size_append(dst, &part->header);
		size_append(dst, &part->body);
	}
}

static uint64_t part_end(const struct mime_part *part)
{
	return part->offset + part->header.physical + part->body.physical;
}

/* Places a part below its parent.  last[] holds the last child of each part
 * so far. */
static bool part_link(struct mime_tree *tree, uint32_t index, uint64_t back,
		      uint32_t *last)
{
	struct mime_part *part = &tree->parts[index], *up;
	uint64_t start;

	if (back == 0 || back > index)
		return false;
	part->parent = index - (uint32_t)back;
	up = &tree->parts[part->parent];
	part->depth = up->depth + 1;
	if (part->depth > MIME_DEPTH_MAX + 1 ||
	    (up->flags & (MIME_MULTIPART | MIME_RFC822)) == 0 ||
	    ((up->flags & MIME_RFC822) != 0 && up->children > 0))
		return false;
	/* INVARIANT: inside the parent's body, behind the part before */
	start = up->children == 0 ? up->offset + up->header.physical :
		part_end(&tree->parts[last[part->parent]]);
	if (part->offset < start || part_end(part) > part_end(up))
		return false;
	if (up->children++ == 0)
		up->first = index;
	else
		tree->parts[last[part->parent]].next = index;
	last[part->parent] = index;
	return true;
}

static bool part_read(struct mime_tree *tree, uint32_t index,
		      struct cv_span *src, uint64_t message_size,
		      uint32_t *last)
{
	struct mime_part *part = &tree->parts[index], *up;
	uint64_t flags, encoding, back = 0, offset, bare;

	part->parent = part->next = part->first = MIME_NONE;
	if (!varint_read(src, &flags) || !varint_read(src, &encoding) ||
	    flags > UINT32_MAX || encoding > MIME_UNKNOWN_ENCODING)
		return false;
	part->flags = (uint32_t)flags;
	part->encoding = (enum mime_encoding)encoding;
	if (index > 0) {
		if (!varint_read(src, &back) || back == 0 || back > index ||
		    !varint_read(src, &offset) || !varint_read(src, &bare))
			return false;
		up = &tree->parts[index - back];
		if (offset > message_size - up->offset ||
		    bare > offset)
			return false;
		part->offset = up->offset + offset;
		part->virtual_offset = up->virtual_offset + offset + bare;
	}
	if (!size_read(src, &part->header) || !size_read(src, &part->body) ||
	    part->header.physical > message_size - part->offset ||
	    part->body.physical > message_size - part->offset -
	    part->header.physical)
		return false;
	return index == 0 || part_link(tree, index, back, last);
}

int mime_tree_decode(struct cv_pool *pool, struct cv_span src,
		     uint64_t message_size, struct mime_tree *tree_r)
{
	uint64_t count;
	uint32_t *last;

	*tree_r = (struct mime_tree){ .count = 0 };
	/* a part takes at least eight bytes */
	if (!varint_read(&src, &count) || count == 0 ||
	    count > MIME_PARTS_MAX || count > src.len / 8 + 1)
		return CV_E_SYNTAX;
	tree_r->count = (uint32_t)count;
	tree_r->parts = pool_new_array(pool, struct mime_part, count);
	last = pool_new_array(pool, uint32_t, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!part_read(tree_r, i, &src, message_size, last)) {
			tree_r->count = 0;
			return CV_E_SYNTAX;
		}
	}
	return src.len == 0 ? CV_OK : CV_E_SYNTAX;
}
