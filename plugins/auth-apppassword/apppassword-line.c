/* apppassword-line.c - lines taken apart. */
#include "apppassword-line.h"

bool apppassword_next_line(struct cv_span *rest, struct cv_span *line_r)
{
	return rest->len > 0 && cv_span_split(rest, '\n', line_r);
}

bool apppassword_is_text(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] < ' ' ||
		    text.data[i] == 0x7f)
			return false;
	}
	return true;
}

/* The fields of a line; CV_OK when there are at least count. */
static int split(struct cv_span line, struct cv_span *fields, size_t count)
{
	struct cv_span rest = line;

	if (line.len == 0 || line.data[0] == '#')
		return CV_NOT_FOUND;
	if (line.len > APPPASSWORD_LINE_MAX)
		return CV_E_SYNTAX;
	for (size_t i = 0; i < count; i++) {
		if (!cv_span_split(&rest, '\t', &fields[i]) ||
		    !apppassword_is_text(fields[i]))
			return CV_E_SYNTAX;
	}
	return fields[0].len > 0 && fields[1].len > 0 ? CV_OK : CV_E_SYNTAX;
}

int apppassword_parse_line(struct cv_span line,
			   struct apppassword_line *line_r)
{
	struct cv_span field[8];
	int ret = split(line, field, 8);

	if (ret != CV_OK)
		return ret;
	*line_r = (struct apppassword_line){
		.user = field[0], .id = field[1], .stored = field[2],
		.protocols = field[5], .nets = field[6], .name = field[7],
	};
	/* a bare password would be taken for a hash of some kind */
	if (line_r->stored.len < 3 || line_r->stored.data[0] != '{' ||
	    !cv_span_to_u64(field[3], INT64_MAX, &line_r->created) ||
	    !cv_span_to_u64(field[4], INT64_MAX, &line_r->expires))
		return CV_E_SYNTAX;
	return CV_OK;
}

int apppassword_parse_use(struct cv_span line, struct apppassword_use *use_r)
{
	struct cv_span field[4];
	int ret = split(line, field, 4);

	if (ret != CV_OK)
		return ret;
	use_r->user = field[0];
	use_r->id = field[1];
	use_r->ip = field[3];
	return cv_span_to_u64(field[2], INT64_MAX, &use_r->time) ? CV_OK :
		CV_E_SYNTAX;
}

bool apppassword_has_protocol(struct cv_span protocols,
			      struct cv_span service)
{
	struct cv_span rest = protocols, one;

	if (protocols.len == 0)
		return true;
	while (cv_span_split(&rest, ',', &one)) {
		if (one.len == service.len && one.len > 0 &&
		    memcmp(one.data, service.data, one.len) == 0)
			return true;
	}
	return false;
}
