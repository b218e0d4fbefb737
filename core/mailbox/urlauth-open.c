/* urlauth-open.c - what an authorized URL gives, and to whom [RFC4467 3, 6].
 *
 * The owner's side alone says whether a URL counts: it parses it, has the key,
 * and hands out the one part that is named, with the rights that the owner has
 * now.  Whoever asks learns nothing from a refusal: each is CV_NOT_FOUND. */
#include "mailbox-urlauth.h"
#include "mail-structure.h"
#include "mail-url.h"
#include "mailbox-remote.h"
#include "stream/stream.h"
#include "time-util.h"

/* --- who may ---------------------------------------------------------------- */

static bool is_submit_user(const struct urlauth_settings *set,
			   const char *who)
{
	for (uint32_t i = 0; i < set->imap_urlauth_submit_user.count; i++) {
		if (strcmp(set->imap_urlauth_submit_user.items[i], who) == 0)
			return true;
	}
	return false;
}

/* [RFC4467 3] Names are compared letter by letter, in the form that auth gives
 * them.  There are no anonymous sessions: whoever has logged in is a user. */
static bool is_for(const struct urlauth_settings *set,
		   const struct cv_url *url, const char *who)
{
	switch (url->access) {
	case CV_URL_ACCESS_SUBMIT:
		return is_submit_user(set, who);
	case CV_URL_ACCESS_USER:
		return strcmp(url->access_user, who) == 0;
	case CV_URL_ACCESS_AUTHUSER:
	case CV_URL_ACCESS_ANONYMOUS:
		return true;
	default:
		return false;
	}
}

static bool counts(struct cv_user *owner, const struct cv_url *url,
		   const char *who)
{
	const struct urlauth_settings *set = urlauth_settings(owner, NULL);
	bool good = urlauth_verify(owner, url);

	return good && set != NULL && url->token.len > 0 &&
		cv_span_is_icase(url->mechanism, "INTERNAL") &&
		urlauth_is_here(set, url) &&
		strcmp(url->user, owner->name) == 0 &&
		(!url->expires || url->expire >= time_now()) &&
		is_for(set, url, who);
}

/* --- what it gives -------------------------------------------------------------- */

static int find_message(struct cv_user *owner, const struct cv_url *url,
			struct cv_pool *pool, struct cv_mailbox **box_r,
			uint32_t *seq_r, struct cv_error *err)
{
	struct cv_range one = { url->uid, url->uid };
	struct cv_set seqs;
	int ret = mailbox_open(owner, url->mailbox, CV_MAILBOX_READONLY,
			       box_r, err);

	if (ret < 0) {
		*box_r = NULL;
		return ret == CV_E_TEMP || ret == CV_E_INTERNAL ? ret :
			CV_NOT_FOUND;
	}
	if (url->uidvalidity != 0 &&
	    url->uidvalidity != (*box_r)->uidvalidity)
		return CV_NOT_FOUND;
	ret = mailbox_uids_to_seqs(*box_r, (struct cv_set){ &one, 1 }, pool,
				   &seqs);
	if (ret == CV_OK && seqs.count == 0)
		return CV_NOT_FOUND;
	if (ret == CV_OK)
		*seq_r = seqs.ranges[0].first;
	return ret;
}

/* [RFC5092 11] partial-range, as <start.count> of FETCH */
static int limit_part(const struct cv_url *url, struct cv_url_part *part,
		      struct cv_error *err)
{
	uint64_t start = url->start;

	if (!url->partial)
		return CV_OK;
	if (start > part->length)
		start = part->length;
	part->length -= start;
	if (url->count > 0 && part->length > url->count)
		part->length = url->count;
	return start == 0 ? CV_OK : stream_seek(part->stream, start, err);
}

/* Lines and NULs of what is handed out; the stream stays where it is. */
static int look_over(struct cv_url_part *part, struct mail_decoded *d,
		     struct cv_error *err)
{
	uint64_t start = stream_offset(part->stream), left = part->length;
	struct cv_span in;
	int ret = CV_OK;

	while (left > 0 && (ret = stream_read(part->stream, &in, err)) ==
	       CV_OK) {
		if (in.len > left)
			in.len = (size_t)left;
		for (size_t i = 0; i < in.len; i++) {
			d->lines += in.data[i] == '\n';
			d->has_nul = d->has_nul || in.data[i] == '\0';
		}
		stream_skip(part->stream, in.len);
		left -= in.len;
	}
	d->bytes = part->length;
	part->has_nul = d->has_nul;
	return ret < 0 && ret != CV_EOF ? ret :
		stream_seek(part->stream, start, err);
}

/* A section that is no part has no encoding: it is the same in all forms. */
static int open_data(struct cv_mailbox *box, uint32_t seq,
		     const struct cv_url *url, struct cv_section *section,
		     uint32_t want, struct cv_url_part *part,
		     struct mail_decoded *decoded, struct cv_error *err)
{
	bool binary = want & CV_URL_BINARY;
	int ret;

	if (binary && section->kind == CV_SECTION_ALL)
		section->kind = CV_SECTION_DECODED;
	ret = mailbox_section(box, seq, section, &part->stream, &part->length,
			      err);
	if (ret == CV_E_NOT_FOUND)	/* it was expunged just now */
		return CV_NOT_FOUND;
	if (ret == CV_OK)
		ret = limit_part(url, part, err);
	if (ret == CV_OK && binary)
		ret = look_over(part, decoded, err);
	if (ret != CV_E_UNSUPPORTED)
		return ret;
	/* [RFC5524 3.2] it is there, and cannot be decoded */
	part->stream = NULL;
	part->length = 0;
	return CV_E_UNSUPPORTED;
}

/* Of what is no MIME part of its own, the nearest thing that there is a type
 * for. */
static void describe_section(struct cv_text *dst, bool message,
			     const struct cv_message_data *d,
			     const struct mail_decoded *size)
{
	cv_text_append_str(dst, message ?
			   "(\"message\" \"rfc822\" NIL NIL NIL \"8bit\" " :
			   "(\"text\" \"rfc822-headers\" NIL NIL NIL "
			   "\"8bit\" ");
	cv_text_append_u64(dst, size->bytes);
	if (message)
		cv_text_append_f(dst, " %.*s %.*s",
				 CV_SPAN_ARG(d->envelope),
				 CV_SPAN_ARG(d->bodystructure));
	cv_text_append_c(dst, ' ');
	cv_text_append_u64(dst, size->lines);
	cv_text_append_str(dst, " NIL NIL NIL NIL)");
}

/* [RFC5524 3.2] of the data as it is handed out; in the syntax of BODYSTRUCTURE
 * [RFC5259 8.2] */
static int describe(struct cv_mailbox *box, uint32_t seq,
		    const struct cv_section *section,
		    const struct mail_decoded *decoded, bool is_decoded,
		    struct cv_pool *pool, struct cv_url_part *part,
		    struct cv_error *err)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	bool whole = section->kind == CV_SECTION_ALL ||
		section->kind == CV_SECTION_DECODED;
	struct cv_span body;
	struct cv_text text;
	int ret = mailbox_message(box, seq, CV_MESSAGE_ENVELOPE |
				  CV_MESSAGE_BODYSTRUCTURE, &d, err);

	if (ret != CV_OK)
		return ret;
	cv_text_init(&text, pool);
	body = mail_structure_part(d.bodystructure, section->part,
				   section->part_count);
	if ((whole && section->part_count == 0) ||
	    (!whole && section->kind != CV_SECTION_TEXT))
		describe_section(&text, whole, &d, decoded);
	else if (is_decoded)
		mail_structure_decoded(&text, body, decoded);
	else
		cv_text_append_span(&text, body);
	part->structure = cv_text_span(&text);
	return text.len == 0 ? CV_NOT_FOUND : CV_OK;
}

/* The structure first: what the stream stands on is valid until the next call
 * on the view. */
static int open_part(struct cv_mailbox *box, uint32_t seq,
		     const struct cv_url *url, uint32_t want,
		     struct cv_pool *pool, struct cv_url_part *part,
		     struct cv_error *err)
{
	struct cv_section section = { CV_SIZED(cv_section) };
	struct mail_decoded decoded = { 0 };
	uint32_t data = want & (CV_URL_BODY | CV_URL_BINARY);
	int ret, code;

	if (!mail_section_parse(pool, cv_span_of(url->section), &section))
		return CV_NOT_FOUND;
	code = open_data(box, seq, url, &section, want, part, &decoded, err);
	if (code == CV_E_UNSUPPORTED)
		section.kind = CV_SECTION_ALL;
	else if (code != CV_OK)
		return code;
	if ((want & CV_URL_STRUCTURE) == 0)
		return CV_OK;
	/* the size of a part is known already */
	if (code == CV_OK && (want & CV_URL_BINARY) == 0 &&
	    (section.part_count == 0 || section.kind != CV_SECTION_ALL)) {
		ret = look_over(part, &decoded, err);
		if (ret < 0)
			return ret;
	}
	part->stream = NULL;
	part->length = 0;
	ret = describe(box, seq, &section, &decoded, code == CV_OK &&
		       (want & CV_URL_BINARY) != 0, pool, part, err);
	if (ret == CV_OK && data != 0 && code == CV_OK)
		ret = open_data(box, seq, url, &section, data, part,
				&decoded, err);
	return ret;
}

int urlauth_open_own(struct cv_user *owner, struct cv_span text,
		     uint32_t want, struct cv_pool *pool,
		     struct cv_url_part *part, struct cv_error *err)
{
	const struct acl_who *accessor = owner->accessor;
	struct cv_url url;
	uint32_t seq;
	int ret = CV_NOT_FOUND;

	if (!mail_url_parse(pool, text, &url))
		return CV_NOT_FOUND;
	/* [RFC4467 7 URLFETCH] from here on with the rights of the owner: what
	 * they are good for is this one part */
	owner->accessor = NULL;
	if (counts(owner, &url, accessor == NULL ? owner->name :
		   accessor->user))
		ret = find_message(owner, &url, pool, &part->box, &seq, err);
	if (ret == CV_OK)
		ret = open_part(part->box, seq, &url, want, pool, part, err);
	owner->accessor = accessor;
	if (ret != CV_OK)
		urlauth_close(part);
	return ret;
}

int urlauth_open(struct cv_user *u, struct cv_span text, uint32_t want,
		 struct cv_pool *pool, struct cv_url_part *part_r,
		 struct cv_error *err)
{
	const struct urlauth_settings *set = urlauth_settings(u, err);
	struct cv_url_part part = { CV_SIZED(cv_url_part) };
	struct cv_url url;
	int ret = CV_NOT_FOUND;

	if (set == NULL)
		return CV_E_CONFIG;
	/* no process is started for what its owner would refuse in any case */
	if (!mail_url_parse(pool, text, &url) || url.token.len == 0 ||
	    !urlauth_is_here(set, &url) || !is_for(set, &url, u->name))
		return CV_NOT_FOUND;
	if (strcmp(url.user, u->name) == 0)
		ret = urlauth_open_own(u, text, want, pool, &part, err);
	else
		ret = remote_url_open(u, &url, text, want, pool, &part, err);
	if (ret == CV_OK)
		memcpy((char *)part_r + sizeof(part.size),
		       (const char *)&part + sizeof(part.size),
		       part_r->size - sizeof(part.size));
	return ret;
}

void urlauth_close(struct cv_url_part *part)
{
	part->stream = NULL;
	if (part->box != NULL)
		mailbox_close(&part->box);
	part->box = NULL;
}
