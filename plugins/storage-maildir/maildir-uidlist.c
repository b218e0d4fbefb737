/* maildir-uidlist.c - the UIDs that Dovecot or Courier gave, so that no client
 * has to download again.
 *
 * Version 3:	3 V1700000000 N12 G0123...
 *		11 S123 W130 :1700000000.M1P2.host:2,S
 * Version 1:	1 1700000000 12
 *		11 1700000000.M1P2.host
 * Courier's courierimapuiddb is a list of version 1.
 *
 * Later lines for the same file win; what is malformed is skipped. */
#include "maildir.h"

static bool to_u32(struct cv_span s, uint32_t *value_r)
{
	uint64_t value;

	if (!cv_span_to_u64(s, UINT32_MAX, &value))
		return false;
	*value_r = (uint32_t)value;
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All zero is none. */
static void take_guid(struct maildir_uidlist_head *head, struct cv_span hex)
{
	if (hex.len != 32)
		return;
	for (size_t i = 0; i < 16; i++) {
		int a = digit(hex.data[2 * i]), b = digit(hex.data[2 * i + 1]);

		if (a < 0 || b < 0) {
			head->has_guid = false;
			return;
		}
		head->guid[i] = (uint8_t)(a << 4 | b);
		head->has_guid |= head->guid[i] != 0;
	}
}

bool maildir_uidlist_head(struct cv_span line,
			  struct maildir_uidlist_head *head)
{
	struct cv_span word;

	*head = (struct maildir_uidlist_head){ 0 };
	if (!cv_span_split(&line, ' ', &word) ||
	    !to_u32(word, &head->version))
		return false;
	if (head->version == 1)
		return cv_span_split(&line, ' ', &word) &&
			to_u32(word, &head->uidvalidity) &&
			cv_span_split(&line, ' ', &word) &&
			to_u32(word, &head->uidnext) &&
			head->uidvalidity != 0 && head->uidnext != 0;
	while (cv_span_split(&line, ' ', &word)) {
		if (word.len < 2)
			continue;
		if (word.data[0] == 'V' &&
		    !to_u32(cv_span_skip(word, 1), &head->uidvalidity))
			return false;
		if (word.data[0] == 'N' &&
		    !to_u32(cv_span_skip(word, 1), &head->uidnext))
			return false;
		if (word.data[0] == 'G')
			take_guid(head, cv_span_skip(word, 1));
	}
	return head->version == 3 && head->uidvalidity != 0 &&
		head->uidnext != 0;
}

bool maildir_uidlist_line(struct cv_span line, uint32_t version,
			  uint32_t *uid_r, struct cv_span *base_r)
{
	struct cv_span word;
	const char *colon;

	if (!cv_span_split(&line, ' ', &word) || !to_u32(word, uid_r) ||
	    *uid_r == 0 || line.data == NULL)
		return false;
	if (version == 3) {
		const char *at = line.data, *end = line.data + line.len;

		/* fields, each a letter and its value, then ':' and a name */
		while (at < end && *at != ':') {
			at = memchr(at, ' ', (size_t)(end - at));
			if (at == NULL)
				return false;
			at++;
		}
		if (at >= end)
			return false;
		line = cv_span(at + 1, (size_t)(end - at - 1));
	}
	colon = memchr(line.data, ':', line.len);
	if (colon != NULL)
		line.len = (size_t)(colon - line.data);
	*base_r = line;
	return line.len > 0 && line.len <= MAILDIR_NAME_MAX &&
		*uid_r != UINT32_MAX;
}

static struct cv_span copy(struct cv_pool *pool, struct cv_span s)
{
	char *data = cv_api->alloc(pool, s.len);

	memcpy(data, s.data, s.len);
	return cv_span(data, s.len);
}

/* How many the lines that are left name; their number comes to the takeover,
 * for as many entries there must be room. */
static int count_lines(struct maildir_lines *lines, uint32_t version,
		       struct cv_takeover *takeover, struct cv_error *err)
{
	uint64_t bytes = 0;
	struct cv_span line, base;
	uint32_t uid;

	takeover->count = 0;
	while (maildir_lines_next(lines, &line)) {
		if (!maildir_uidlist_line(line, version, &uid, &base))
			continue;
		bytes += sizeof(struct cv_takeover_entry) + base.len + 16;
		takeover->count++;
	}
	return cv_api->memory_check(bytes, err);
}

/* The lines behind the head: they are counted first. */
static int parse_lines(struct maildir_lines *lines, uint32_t version,
		       struct cv_pool *pool, struct cv_takeover *takeover,
		       struct cv_error *err)
{
	uint32_t room, last_uid = 0, uid;
	struct cv_takeover_entry *entries;
	struct cv_span line, base;
	int ret = count_lines(lines, version, takeover, err);

	if (ret < 0)
		return ret;
	room = takeover->count;
	entries = CV_ALLOC_ARRAY(pool, struct cv_takeover_entry, room + 1);
	takeover->entries = entries;
	takeover->count = 0;
	maildir_lines_rewind(lines);
	(void)maildir_lines_next(lines, &line);
	/* the last line may be one that is being written; [RFC3501 2.3.1.1]
	 * strictly ascending, or it is not to be trusted */
	while (takeover->count < room && maildir_lines_next(lines, &line)) {
		if (!maildir_uidlist_line(line, version, &uid, &base) ||
		    uid <= last_uid)
			continue;
		last_uid = uid;
		entries[takeover->count].uid = uid;
		entries[takeover->count++].ref = copy(pool, base);
	}
	if (last_uid >= takeover->uidnext)
		takeover->uidnext = last_uid + 1;
	return CV_OK;
}

static int take_lines(struct maildir_lines *lines, bool head_only,
		      struct cv_pool *pool, struct cv_takeover *takeover,
		      struct cv_error *err)
{
	struct maildir_uidlist_head head;
	struct cv_span line;
	bool is_list = maildir_lines_next(lines, &line) &&
		maildir_uidlist_head(line, &head);
	int ret = CV_OK;

	if (is_list) {
		takeover->uidvalidity = head.uidvalidity;
		takeover->uidnext = head.uidnext;
		takeover->has_guid = head.has_guid;
		memcpy(takeover->guid, head.guid, sizeof(takeover->guid));
		if (!head_only)
			ret = parse_lines(lines, head.version, pool, takeover,
					  err);
	}
	if (ret == CV_OK && lines->failed)
		return common_fail(err, "read", lines->name);
	return ret == CV_OK && !is_list ? CV_NOT_FOUND : ret;
}

static int take_list(struct cv_storage_folder *folder, const char *name,
		     bool head_only, struct cv_pool *pool,
		     struct cv_takeover *takeover, struct cv_error *err)
{
	struct maildir_lines lines;
	int dirfd = maildir_control_open(folder, false), ret;

	if (dirfd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", folder->control_path);
	ret = maildir_lines_open(&lines, folder->root, dirfd, name, pool, err);
	if (ret == CV_OK) {
		ret = take_lines(&lines, head_only, pool, takeover, err);
		maildir_lines_close(&lines);
	}
	maildir_control_close(folder, dirfd);
	return ret;
}

int maildir_takeover(struct cv_storage_folder *folder, bool head_only,
		     struct cv_pool *pool, struct cv_takeover *takeover_r,
		     struct cv_error *err)
{
	struct cv_takeover takeover = { CV_SIZED(cv_takeover) };
	int ret = take_list(folder, "dovecot-uidlist", head_only, pool,
			    &takeover, err);

	if (ret == CV_NOT_FOUND) {
		ret = take_list(folder, "courierimapuiddb", head_only, pool,
				&takeover, err);
		if (ret == CV_OK && takeover.count > 0)
			maildir_courier_keywords(
				folder, pool,
				(struct cv_takeover_entry *)(uintptr_t)
				takeover.entries, takeover.count);
	}
	if (ret == CV_OK && takeover.count > 0)
		maildir_saved(folder, pool, &takeover);
	*takeover_r = takeover;
	return ret;
}
