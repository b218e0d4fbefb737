/* passwd-file.c - one line of a passwd-like file. */
#include "passwd-file.h"

/* libpam-pwdfile writes "hash[type]": 13 DES, 34 MD5. */
static void split_type(struct passwd_entry *entry)
{
	struct cv_span *password = &entry->password;
	size_t len = password->len;
	const char *end = password->data + len;

	if (len <= 4 || password->data[0] == '{' || password->data[0] == '$' ||
	    end[-1] != ']' || end[-4] != '[')
		return;
	if (end[-3] == '1' && end[-2] == '3')
		entry->scheme = "DES-CRYPT";
	else if (end[-3] == '3' && end[-2] == '4')
		entry->scheme = len == 32 + 4 ? "PLAIN-MD5" : "MD5-CRYPT";
	else if (end[-3] == '5' && end[-2] == '6')
		entry->scheme = "DIGEST-MD5";
	else
		return;
	password->len -= 4;
}

static bool is_id(struct cv_span text)
{
	uint64_t value;

	return text.len == 0 || cv_span_to_u64(text, UINT32_MAX - 1, &value);
}

int passwd_file_parse_line(struct cv_span line, struct passwd_entry *entry_r,
			   const char **why_r)
{
	struct cv_span *const fields[] = {
		&entry_r->user, &entry_r->password, &entry_r->uid,
		&entry_r->gid, NULL, &entry_r->home, NULL,
	};
	struct cv_span rest = line, field;

	memset(entry_r, 0, sizeof(*entry_r));
	if (line.len == 0 || line.data[0] == '#' || line.data[0] == ':' ||
	    line.data[0] == ' ' || line.data[0] == '\t')
		return CV_NOT_FOUND;
	*why_r = "it has a NUL in it";
	if (memchr(line.data, '\0', line.len) != NULL)
		return CV_E_SYNTAX;
	*why_r = "it is too long";
	if (line.len > PASSWD_LINE_MAX)
		return CV_E_SYNTAX;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) &&
	     cv_span_split(&rest, ':', &field); i++) {
		if (fields[i] != NULL)
			*fields[i] = field;
	}
	entry_r->extra = rest;
	/* a name alone is a user whom no password lets in: lists for
	 * deny = yes are made of them */
	if (entry_r->password.data != NULL)
		split_type(entry_r);
	*why_r = "its uid is no number";
	if (!is_id(entry_r->uid))
		return CV_E_SYNTAX;
	*why_r = "its gid is no number";
	return is_id(entry_r->gid) ? CV_OK : CV_E_SYNTAX;
}

bool passwd_file_next_line(struct cv_span *rest, struct cv_span *line_r)
{
	if (rest->len == 0 || !cv_span_split(rest, '\n', line_r))
		return false;
	if (line_r->len > 0 && line_r->data[line_r->len - 1] == '\r')
		line_r->len--;
	return true;
}
