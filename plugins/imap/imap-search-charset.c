/* imap-search-charset.c - CHARSET of SEARCH, SORT and THREAD: texts become
 * UTF-8. */
#include "imap-search-private.h"

#include "imap-args.h"
#include "imap-enable.h"
#include "imap-respond.h"

void imap_search_charset_close(struct search *p)
{
	if (p->charset != (iconv_t)-1)
		(void)iconv_close(p->charset);
}

bool imap_search_to_utf8(struct search *p, struct cv_span in,
			 struct cv_span *out_r)
{
	size_t room = in.len * 4 + 16, left = room, in_left = in.len;
	char *out, *at, *from;

	*out_r = in;
	if (p->charset == (iconv_t)-1)
		return true;
	out = at = cv_api->alloc(p->cmd->pool, room);
	from = imap_copy(p->cmd->pool, in);
	(void)iconv(p->charset, NULL, NULL, NULL, NULL);
	if (iconv(p->charset, &from, &in_left, &at, &left) == (size_t)-1 ||
	    iconv(p->charset, NULL, NULL, &at, &left) == (size_t)-1) {
		imap_bad(p->cmd, "Search text is not valid in its charset.");
		return false;
	}
	*out_r = cv_span(out, room - left);
	return true;
}

/* Those that iconv may be asked for: what mail is written in, and nothing
 * that an attacker could name to load odd modules. */
static const char *const charsets[] = {
	"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5",
	"ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9",
	"ISO-8859-10", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15",
	"ISO-8859-16", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
	"WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
	"WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "GB2312", "GBK",
	"GB18030", "BIG5", "EUC-JP", "SHIFT_JIS", "ISO-2022-JP", "EUC-KR",
	"TIS-620",
};

static bool charset_open(struct search *p, struct cv_span name)
{
	if (cv_span_is_icase(name, "UTF-8") ||
	    cv_span_is_icase(name, "US-ASCII"))
		return true;
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		if (!cv_span_is_icase(name, charsets[i]))
			continue;
		p->charset = iconv_open("UTF-8", charsets[i]);
		if (p->charset != (iconv_t)-1)
			return true;
	}
	/* [RFC3501 6.4.4] */
	imap_no(p->cmd, "[BADCHARSET (US-ASCII UTF-8)] Unknown charset.");
	return false;
}

bool imap_search_charset_name_parse(struct search *p)
{
	const struct imap_arg *arg = imap_args_next(&p->cmd->args);

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(p->cmd);
		return false;
	}
	return charset_open(p, arg->text);
}

bool imap_search_charset_parse(struct search *p)
{
	struct imap_args *args = &p->cmd->args;

	if (!imap_arg_is_atom(imap_args_peek(args), "CHARSET"))
		return true;
	/* [RFC6855 3] such a client has said that all is UTF-8 */
	if ((p->cmd->s->enabled & IMAP_ENABLED_UTF8) != 0) {
		imap_bad(p->cmd, "CHARSET is not allowed after ENABLE "
			 "UTF8=ACCEPT.");
		return false;
	}
	(void)imap_args_next(args);
	return imap_search_charset_name_parse(p);
}
