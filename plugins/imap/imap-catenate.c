/* imap-catenate.c - see imap-catenate.h.  A URL is read as FETCH would, with
 * the same rights, and \Seen stays as it is [RFC4469 3]; one with an
 * authorization as URLFETCH would [RFC4467 7]. */
#include "imap-catenate.h"
#include "imap-fetch.h"
#include "imap-respond.h"
#include "imap-urlauth.h"

void imap_catenate_close(struct imap_append *a)
{
	if (a->has_part)
		imap_mailbox_api->urlauth_close(&a->part);
	a->has_part = false;
	if (a->source != NULL)
		imap_mailbox_api->close(&a->source);
	a->source = NULL;
	a->source_name = NULL;
}

static bool open_mailbox(struct imap_append *a, const struct cv_url *url)
{
	struct imap_session *s = a->cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	if (a->source == NULL || strcmp(a->source_name, url->mailbox) != 0) {
		imap_catenate_close(a);
		if (imap_mailbox_api->open(s->user, url->mailbox,
					   CV_MAILBOX_READONLY, &a->source,
					   s->err) < 0) {
			a->source = NULL;
			return false;
		}
		a->source_name = url->mailbox;
	}
	imap_mailbox_api->state(a->source, &state);
	return url->uidvalidity == 0 ||
		url->uidvalidity == state.uidvalidity;
}

static bool open_section(struct imap_append *a, const struct cv_url *url,
			 struct cv_stream **stream_r, uint64_t *len_r)
{
	struct imap_cmd *cmd = a->cmd;
	struct cv_section section = { CV_SIZED(cv_section), .raw = true };
	struct cv_range one = { url->uid, url->uid };
	struct cv_set seqs;

	if (!imap_section_parse(cmd, cv_span_of(url->section), &section) ||
	    imap_mailbox_api->uids_to_seqs(a->source,
			(struct cv_set){ &one, 1 }, cmd->pool, &seqs) < 0 ||
	    seqs.count == 0)
		return false;
	return imap_mailbox_api->section(a->source, seqs.ranges[0].first,
					 &section, stream_r, len_r,
					 cmd->s->err) == CV_OK;
}

/* [RFC4469 3] has no use for a URL with a server in it; with an authorization
 * it says whose message it is, and that this user may have it. */
static bool open_authorized(struct imap_append *a, struct cv_span text,
			    struct cv_stream **stream_r, uint64_t *len_r)
{
	struct imap_session *s = a->cmd->s;

	imap_catenate_close(a);
	a->part = (struct cv_url_part){ CV_SIZED(cv_url_part) };
	if (!imap_urlauth_offered(s) ||
	    imap_mailbox_api->urlauth_open(s->user, text, CV_URL_BODY,
					   a->cmd->pool, &a->part,
					   s->err) != CV_OK)
		return false;
	a->has_part = true;
	*stream_r = a->part.stream;
	*len_r = a->part.length;
	return true;
}

bool imap_catenate_open(struct imap_append *a, struct cv_span text,
			struct cv_stream **stream_r, uint64_t *len_r)
{
	struct cv_url url = { CV_SIZED(cv_url) };

	if (!imap_mailbox_api->url_parse(a->cmd->pool, text, &url))
		return false;
	if (url.has_server)
		return open_authorized(a, text, stream_r, len_r);
	if (!open_mailbox(a, &url) ||
	    !open_section(a, &url, stream_r, len_r))
		return false;
	if (!url.partial)
		return true;
	/* [RFC5092 11] partial-range, as <start.count> of FETCH */
	if (url.start > *len_r)
		url.start = (uint32_t)*len_r;
	*len_r -= url.start;
	if (url.count > 0 && *len_r > url.count)
		*len_r = url.count;
	if (url.start == 0 || *len_r == 0 ||
	    imap_stream_api->seek(*stream_r, url.start, a->cmd->s->err) >= 0)
		return true;
	imap_stream_api->close(stream_r);
	return false;
}

int imap_catenate_bad_url(struct imap_cmd *cmd, struct cv_span url)
{
	struct cv_text safe;

	/* [RFC4469 5] any TEXT-CHAR except "]" */
	cv_text_init(&safe, cmd->pool);
	for (size_t i = 0; i < url.len && i < 1000; i++) {
		unsigned char c = (unsigned char)url.data[i];

		cv_text_append_c(&safe, c <= ' ' || c >= 0x7f || c == ']' ?
				 '?' : (char)c);
	}
	return imap_no(cmd, "[BADURL %s] Nothing can be taken from this URL.",
		       safe.len == 0 ? "?" : cv_text_str(&safe));
}
