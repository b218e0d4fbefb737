/* sync-dovecot-extras.c - annotations and rights beside a tree of Dovecot's.
 *
 * Annotations are lines of a "file" dict, which Dovecot reads when
 * mail_attribute_dict names it: a key, its value, LF, TAB, CR, NUL and 0x01
 * written as 0x01 and a character.  Those of the server are INBOX's. */
#include "sync-dovecot.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void put_escaped(struct cv_text *dst, struct cv_span src, bool lower)
{
	static const char from[] = "\0\001\t\r\n", to[] = "01trn";

	for (size_t i = 0; i < src.len; i++) {
		char c = src.data[i];
		const char *at = memchr(from, c, sizeof(from) - 1);

		if (at != NULL) {
			cv_text_append_c(dst, '\001');
			c = to[at - from];
		} else if (lower && c >= 'A' && c <= 'Z') {
			c = (char)(c - 'A' + 'a');
		}
		cv_text_append_c(dst, c);
	}
}

bool sync_dovecot_attribute(struct cv_text *dst, const uint8_t guid[16],
			    bool server, const struct sync_entry *entry)
{
	bool private = cv_span_begins(entry->key, CV_SPAN("/private/"));

	if (!private && !cv_span_begins(entry->key, CV_SPAN("/shared/")))
		return false;
	cv_text_append_str(dst, private ? "priv/" : "shared/");
	hex_encode(dst, guid, 16);
	cv_text_append_str(dst, server ?
			   "/vendor/vendor.dovecot/pvt/server/" : "/");
	put_escaped(dst, cv_span_skip(entry->key, private ? 9 : 8), true);
	cv_text_append_c(dst, '\n');
	put_escaped(dst, entry->value, false);
	cv_text_append_c(dst, '\n');
	return true;
}

int sync_dovecot_file_write(int dirfd, const char *name, struct cv_span data,
			    struct cv_error *err)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL |
			O_NOFOLLOW | O_CLOEXEC, 0600), ret;

	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", name);
	ret = sync_dovecot_write(fd, name, data, err);
	(void)close(fd);
	return ret;
}
