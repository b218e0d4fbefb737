/* mbox-render.c - the header fields in which we keep what other programs want
 * to know of a message. */
#include "mbox.h"

#include <time.h>

enum { META_ROOM = 60 };	/* blanks behind X-Keywords, to be used later */

bool mbox_base_is_behind(const struct cv_storage_folder *folder)
{
	return folder->head.count > 0 && folder->records[0].base_at != 0 &&
		!(folder->records[0].marks & MBOX_PSEUDO) &&
		folder->head.base_keywords < folder->head.keyword_count;
}

bool mbox_is_unwritten(const struct mbox_record *record)
{
	return !(record->marks & MBOX_PSEUDO) &&
		(record->flags != record->file_flags ||
		 record->keywords != record->file_keywords ||
		 (record->uid != 0 && record->uid != record->file_uid));
}

static void append_words(struct cv_storage_folder *folder, uint64_t bits,
			 struct cv_text *dst)
{
	for (uint32_t i = 0; i < folder->head.keyword_count; i++) {
		if (bits >> i & 1)
			cv_text_append_f(dst, " %s",
					 folder->head.keywords[i]);
	}
}

static uint32_t known_validity(const struct cv_storage_folder *folder)
{
	return folder->uidvalidity != 0 ? folder->uidvalidity :
		folder->head.base_validity;
}

static void append_base(struct cv_storage_folder *folder, const char *field,
			struct cv_text *dst, uint32_t *base_at_r)
{
	uint32_t validity = known_validity(folder);
	uint32_t last = folder->uidnext > 0 ? folder->uidnext - 1 : 0;

	if (validity == 0)
		return;
	if (last < folder->head.base_last)
		last = folder->head.base_last;
	cv_text_append_f(dst, "%s: %u ", field, validity);
	*base_at_r = (uint32_t)dst->len;
	cv_text_append_f(dst, "%010u", last);
	append_words(folder, UINT64_MAX, dst);
	cv_text_append_c(dst, '\n');
}

bool mbox_render_meta(struct cv_storage_folder *folder,
		      const struct mbox_record *r, bool is_first, size_t len,
		      struct cv_text *dst, uint32_t *base_at_r)
{
	static const struct { uint32_t flag; char letter; } letters[] = {
		{ CV_FLAG_ANSWERED, 'A' }, { CV_FLAG_FLAGGED, 'F' },
		{ CV_FLAG_DRAFT, 'T' }, { CV_FLAG_DELETED, 'D' },
	};
	char end[64] = "", status[8] = "";
	size_t start = dst->len, used, pad = META_ROOM, n = 0;

	*base_at_r = 0;
	if (is_first)
		append_base(folder, "X-IMAPbase", dst, base_at_r);
	/* one that the journal does not have yet keeps its own */
	if (r->uid != 0 || r->file_uid != 0)
		cv_text_append_f(dst, "X-UID: %u\n", r->uid != 0 ? r->uid :
				 r->file_uid);
	cv_text_append_f(dst, "Status: %sO\n",
			 r->flags & CV_FLAG_SEEN ? "R" : "");
	for (size_t i = 0; i < 4; i++) {
		if (r->flags & letters[i].flag)
			status[n++] = letters[i].letter;
	}
	if (n > 0)
		cv_text_append_f(dst, "X-Status: %s\n", status);
	cv_text_append_str(dst, "X-Keywords:");
	append_words(folder, r->keywords, dst);
	if (r->has_length)
		snprintf(end, sizeof(end), "Content-Length: %llu\n",
			 (unsigned long long)r->body_len);
	used = dst->len - start + 1 + strlen(end);
	if (len > 0 && used > len)
		return false;
	if (len > 0)
		pad = len - used;
	for (size_t i = 0; i < pad; i++)
		cv_text_append_c(dst, ' ');
	cv_text_append_c(dst, '\n');
	cv_text_append_str(dst, end);
	return true;
}

/* The subject is what other programs know it by, as the field X-IMAP. */
bool mbox_render_pseudo(struct cv_storage_folder *folder, int64_t now,
			struct cv_text *dst)
{
	const char *host = folder->root->config->hostname;
	time_t seconds = (time_t)now;
	struct tm tm;
	char date[64];
	uint32_t base_at;

	if (known_validity(folder) == 0)
		return false;
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	mbox_from_append(dst, CV_SPAN("MAILER-DAEMON"), now);
	cv_text_append_f(dst, "Date: %s\n", date);
	cv_text_append_f(dst, "From: Mail System Internal Data "
			 "<MAILER-DAEMON@%s>\n", host);
	cv_text_append_str(dst, "Subject: DON'T DELETE THIS MESSAGE -- FOLDER "
			   "INTERNAL DATA\n");
	cv_text_append_f(dst, "Message-ID: <%lld.%u@%s>\n", (long long)now,
			 known_validity(folder), host);
	append_base(folder, "X-IMAP", dst, &base_at);
	cv_text_append_str(dst, "Status: RO\n\n"
			   "No mail: it keeps the numbers of the messages that "
			   "this mailbox had, so\nthat none is given twice. A "
			   "mail server needs it, and shows it to nobody.\n\n");
	return true;
}
