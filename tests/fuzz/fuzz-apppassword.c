/* fuzz-apppassword.c - any file of application passwords is split into lines
 * and fields, each inside of what it came from and without control bytes. */
#include "base.h"
#include "apppassword-line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_part(struct cv_span part, struct cv_span line)
{
	BUG_IF(part.data < line.data ||
	       part.data + part.len > line.data + line.len);
	BUG_IF(!apppassword_is_text(part));
}

static void check_line(struct cv_span line)
{
	struct apppassword_line one;

	if (apppassword_parse_line(line, &one) != CV_OK)
		return;
	check_part(one.user, line);
	check_part(one.id, line);
	check_part(one.stored, line);
	check_part(one.protocols, line);
	check_part(one.nets, line);
	check_part(one.name, line);
	BUG_IF(one.user.len == 0 || one.id.len == 0);
	BUG_IF(one.stored.data[0] != '{');
	/* an empty list has every protocol, and no list has a nameless one */
	BUG_IF(apppassword_has_protocol(one.protocols, CV_SPAN("imap")) &&
	       one.protocols.len != 0 && one.protocols.len < 4);
	BUG_IF(apppassword_has_protocol(one.protocols, CV_SPAN("")) &&
	       one.protocols.len != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_span rest = cv_span((const char *)data, len), line;
	struct apppassword_use use;

	while (apppassword_next_line(&rest, &line)) {
		check_line(line);
		if (apppassword_parse_use(line, &use) != CV_OK)
			continue;
		check_part(use.user, line);
		check_part(use.id, line);
		check_part(use.ip, line);
	}
	return 0;
}
