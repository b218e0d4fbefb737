/* fuzz-passwd-file.c - any file is split into lines and fields, each inside
 * of what it came from. */
#include "base.h"
#include "passwd-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_inside(struct cv_span part, struct cv_span whole)
{
	BUG_IF(part.data != NULL && (part.data < whole.data ||
				     part.data + part.len >
				     whole.data + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_span rest = cv_span((const char *)data, len), line;
	struct passwd_entry entry;
	const char *why;

	while (passwd_file_next_line(&rest, &line)) {
		if (passwd_file_parse_line(line, &entry, &why) != CV_OK)
			continue;
		check_inside(entry.user, line);
		check_inside(entry.password, line);
		check_inside(entry.uid, line);
		check_inside(entry.gid, line);
		check_inside(entry.home, line);
		check_inside(entry.extra, line);
		BUG_IF(entry.user.len == 0);
		BUG_IF(memchr(entry.user.data, ':', entry.user.len) != NULL);
	}
	return 0;
}
