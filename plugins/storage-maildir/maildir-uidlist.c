/* maildir-uidlist.c - the UIDs that Dovecot gave, so that no client has to
 * download again.
 *
 * Version 3:	3 V1700000000 N12 G0123...
 *		11 S123 W130 :1700000000.M1P2.host:2,S
 * Version 1:	1 1700000000 12
 *		11 1700000000.M1P2.host
 * Later lines for the same file win; what is malformed is skipped. */
#include "maildir.h"

struct uidlist {
	struct cv_pool *pool;
	struct cv_takeover_entry *entries;
	uint32_t count, room;
	uint32_t last_uid;
};

static bool to_u32(struct cv_span s, uint32_t *value_r)
{
	uint64_t value;

	if (!cv_span_to_u64(s, UINT32_MAX, &value))
		return false;
	*value_r = (uint32_t)value;
	return true;
}

static bool parse_head(struct cv_span line, struct cv_takeover *takeover,
		       uint32_t *version_r)
{
	struct cv_span word;

	if (!cv_span_split(&line, ' ', &word) || !to_u32(word, version_r))
		return false;
	if (*version_r == 1) {
		return cv_span_split(&line, ' ', &word) &&
			to_u32(word, &takeover->uidvalidity) &&
			cv_span_split(&line, ' ', &word) &&
			to_u32(word, &takeover->uidnext) &&
			takeover->uidvalidity != 0 && takeover->uidnext != 0;
	}
	while (cv_span_split(&line, ' ', &word)) {
		if (word.len < 2)
			continue;
		if (word.data[0] == 'V' &&
		    !to_u32(cv_span_skip(word, 1), &takeover->uidvalidity))
			return false;
		if (word.data[0] == 'N' &&
		    !to_u32(cv_span_skip(word, 1), &takeover->uidnext))
			return false;
	}
	return *version_r == 3 && takeover->uidvalidity != 0 &&
		takeover->uidnext != 0;
}

static void add_entry(struct uidlist *list, uint32_t uid, struct cv_span name)
{
	struct cv_takeover_entry *e;
	const char *colon = memchr(name.data, ':', name.len);
	char *copy;

	if (colon != NULL)
		name.len = (size_t)(colon - name.data);
	/* [RFC3501 2.3.1.1] strictly ascending, or it is not to be trusted */
	if (name.len == 0 || name.len > MAILDIR_NAME_MAX ||
	    uid <= list->last_uid || uid == UINT32_MAX)
		return;
	if (list->count == list->room) {
		uint32_t room = list->room * 2 + 256;

		e = CV_ALLOC_ARRAY(list->pool, struct cv_takeover_entry,
				   room);
		if (list->count > 0)
			memcpy(e, list->entries, list->count * sizeof(*e));
		list->entries = e;
		list->room = room;
	}
	copy = cv_api->alloc(list->pool, name.len + 1);
	memcpy(copy, name.data, name.len);
	list->last_uid = uid;
	e = &list->entries[list->count++];
	e->uid = uid;
	e->ref = cv_span(copy, name.len);
}

static void parse_line(struct uidlist *list, struct cv_span line,
		       uint32_t version)
{
	struct cv_span word;
	uint32_t uid;

	if (!cv_span_split(&line, ' ', &word) || !to_u32(word, &uid) ||
	    uid == 0 || line.data == NULL)
		return;
	if (version == 3) {
		const char *at = line.data, *end = line.data + line.len;

		/* fields, each a letter and its value, then ':' and a name */
		while (at < end && *at != ':') {
			at = memchr(at, ' ', (size_t)(end - at));
			if (at == NULL)
				return;
			at++;
		}
		if (at >= end)
			return;
		line = cv_span(at + 1, (size_t)(end - at - 1));
	}
	add_entry(list, uid, line);
}

int maildir_takeover(struct cv_storage_folder *folder, bool head_only,
		     struct cv_pool *pool, struct cv_takeover *takeover_r,
		     struct cv_error *err)
{
	struct cv_pool *file_pool = cv_api->pool_create("maildir uidlist");
	struct uidlist list = { .pool = pool };
	struct cv_takeover takeover = { CV_SIZED(cv_takeover) };
	struct cv_text text;
	struct cv_span rest, line;
	uint32_t version;
	int ret;

	cv_text_init(&text, file_pool);
	ret = maildir_control_read(folder, "dovecot-uidlist", &text, err);
	rest = cv_text_span(&text);
	if (ret == CV_OK && (rest.len == 0 ||
			     !cv_span_split(&rest, '\n', &line) ||
			     !parse_head(line, &takeover, &version)))
		ret = CV_NOT_FOUND;
	while (ret == CV_OK && !head_only && rest.len > 0 &&
	       cv_span_split(&rest, '\n', &line)) {
		/* the last line may be one that is being written */
		if (rest.data != NULL)
			parse_line(&list, line, version);
	}
	if (list.last_uid >= takeover.uidnext)
		takeover.uidnext = list.last_uid + 1;
	takeover.entries = list.entries;
	takeover.count = list.count;
	*takeover_r = takeover;
	cv_api->pool_destroy(&file_pool);
	return ret;
}
