/* html-text.c - a tokenizer that keeps the text.
 *
 * Errors in the document are taken as browsers take them: what is no tag is
 * text, what does not end goes to the end.  The depth of what matters
 * (quotations, preformatted text) is a number with a limit. */
#include "html-text.h"

enum {
	DEPTH_MAX = 8,		/* of quotations that are shown */
	PRE_MAX = 1000,
	TAB_COLUMNS = 8,
	LINES_MAX = 100,	/* empty ones in preformatted text */
	SPACES_MAX = 200,
};

enum state {
	TEXT = 0,
	ENTITY,			/* behind "&" */
	OPEN,			/* behind "<" */
	NAME,			/* of a tag */
	TAG,			/* behind its name */
	QUOTED,			/* an attribute's value */
	BANG,			/* behind "<!" */
	BANG_DASH,		/* behind "<!-" */
	COMMENT,
	BOGUS,			/* up to ">" */
	RAW,			/* what is not shown */
};

enum effect {
	INLINE = 0,
	LINE = 1,		/* on a line of its own */
	BLANK,			/* with an empty one before it */
	BREAK, CELL, ITEM, RULE, PRE, QUOTE,
	HIDDEN,			/* with all that is in it */
};

static const struct { const char *name; uint8_t effect; } elements[] = {
	{ "address", LINE }, { "article", LINE }, { "aside", LINE },
	{ "blockquote", QUOTE }, { "body", LINE }, { "br", BREAK },
	{ "caption", LINE }, { "center", LINE }, { "dd", LINE },
	{ "div", LINE }, { "dl", LINE }, { "dt", LINE },
	{ "fieldset", LINE }, { "figcaption", LINE }, { "figure", LINE },
	{ "footer", LINE }, { "form", LINE }, { "h1", BLANK },
	{ "h2", BLANK }, { "h3", BLANK }, { "h4", BLANK }, { "h5", BLANK },
	{ "h6", BLANK }, { "head", LINE }, { "header", LINE },
	{ "hr", RULE }, { "html", LINE }, { "legend", LINE },
	{ "li", ITEM }, { "main", LINE }, { "nav", LINE }, { "ol", LINE },
	{ "option", LINE }, { "p", BLANK }, { "pre", PRE },
	{ "script", HIDDEN }, { "section", LINE }, { "select", LINE },
	{ "style", HIDDEN }, { "table", LINE }, { "td", CELL },
	{ "template", HIDDEN }, { "th", CELL }, { "title", HIDDEN },
	{ "tr", LINE }, { "ul", LINE },
};

/* The part of Latin-1 that has names, from U+00A0 on. */
static const char *const latin1[] = {
	"nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect",
	"uml", "copy", "ordf", "laquo", "not", "shy", "reg", "macr", "deg",
	"plusmn", "sup2", "sup3", "acute", "micro", "para", "middot",
	"cedil", "sup1", "ordm", "raquo", "frac14", "frac12", "frac34",
	"iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring",
	"AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave",
	"Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute",
	"Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute",
	"Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute",
	"acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave",
	"eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml",
	"eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
	"divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute",
	"thorn", "yuml",
};

static const struct { const char *name; uint32_t code; } entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
	{ "apos", '\'' }, { "euro", 0x20ac }, { "ndash", 0x2013 },
	{ "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
	{ "sbquo", 0x201a }, { "ldquo", 0x201c }, { "rdquo", 0x201d },
	{ "bdquo", 0x201e }, { "dagger", 0x2020 }, { "Dagger", 0x2021 },
	{ "bull", 0x2022 }, { "hellip", 0x2026 }, { "permil", 0x2030 },
	{ "prime", 0x2032 }, { "lsaquo", 0x2039 }, { "rsaquo", 0x203a },
	{ "trade", 0x2122 }, { "larr", 0x2190 }, { "uarr", 0x2191 },
	{ "rarr", 0x2192 }, { "darr", 0x2193 }, { "harr", 0x2194 },
	{ "minus", 0x2212 }, { "infin", 0x221e }, { "asymp", 0x2248 },
	{ "ne", 0x2260 }, { "le", 0x2264 }, { "ge", 0x2265 },
	{ "OElig", 0x152 }, { "oelig", 0x153 }, { "Scaron", 0x160 },
	{ "scaron", 0x161 }, { "Yuml", 0x178 }, { "circ", 0x2c6 },
	{ "tilde", 0x2dc }, { "ensp", ' ' }, { "emsp", ' ' },
	{ "thinsp", ' ' }, { "zwnj", 0x200c }, { "zwj", 0x200d },
	{ "alpha", 0x3b1 }, { "beta", 0x3b2 }, { "gamma", 0x3b3 },
	{ "delta", 0x3b4 }, { "pi", 0x3c0 }, { "mu", 0x3bc },
	{ "Delta", 0x394 }, { "Omega", 0x3a9 }, { "omega", 0x3c9 },
	{ "sum", 0x2211 }, { "radic", 0x221a }, { "check", 0x2713 },
};

/* "&#128;" to "&#159;" mean what windows-1252 has there, everywhere. */
static const uint16_t windows1252[32] = {
	0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* --- writing ---------------------------------------------------------------- */

static void due_lines(struct html_text *h, uint32_t lines)
{
	if (h->lines < lines)
		h->lines = lines;
	h->spaces = 0;
	h->tab = false;
}

static void due_space(struct html_text *h)
{
	if (h->spaces == 0)
		h->spaces = 1;
}

/* What is due; the next character follows. */
static void write_due(struct html_text *h, struct cv_text *dst)
{
	bool layout = h->form == HTML_TEXT_LAYOUT;

	if (!h->any)
		h->lines = 0;
	for (uint32_t i = 0; i < h->lines; i++)
		cv_text_append(dst, "\r\n", 2);
	if (h->lines > 0)
		h->in_line = false;
	if (layout && !h->in_line) {
		for (uint32_t i = 0; i < h->quotes && i < DEPTH_MAX; i++)
			cv_text_append(dst, "> ", 2);
		if (h->item)
			cv_text_append(dst, "* ", 2);
	}
	if (h->tab && h->in_line) {
		cv_text_append_c(dst, layout ? '\t' : ' ');
	} else if (h->in_line || h->pre > 0) {
		for (uint32_t i = 0; i < h->spaces; i++)
			cv_text_append_c(dst, ' ');
	}
	h->lines = h->spaces = 0;
	h->tab = h->item = false;
	h->any = h->in_line = true;
}

static void write_bytes(struct html_text *h, const char *data, size_t len,
			struct cv_text *dst)
{
	if (h->lines > 0 || h->spaces > 0 || h->tab || !h->in_line)
		write_due(h, dst);
	cv_text_append(dst, data, len);
}

static void add_blank(struct html_text *h, char c)
{
	if (h->pre == 0) {
		due_space(h);
	} else if (c == '\n') {
		h->lines += h->lines < LINES_MAX;
		h->spaces = 0;
	} else if (c != '\r' && h->spaces < SPACES_MAX) {
		h->spaces += c == '\t' ? TAB_COLUMNS : 1;
	}
}

static void write_code(struct html_text *h, uint32_t code,
		       struct cv_text *dst)
{
	char bytes[4];
	size_t len;

	if (code == 0xa0 || code == ' ') {
		add_blank(h, ' ');
		return;
	}
	if (code < ' ' && is_blank((char)code)) {
		add_blank(h, (char)code);
		return;
	}
	/* a soft hyphen is not seen; controls are for nobody */
	len = code < ' ' || code == 0x7f || code == 0xad ? 0 :
		utf8_encode(code, bytes);
	if (len > 0)
		write_bytes(h, bytes, len, dst);
}

static void add_text(struct html_text *h, char c, struct cv_text *dst)
{
	unsigned char byte = (unsigned char)c;

	if (h->c2) {
		h->c2 = false;
		if (byte >= 0x80 && byte < 0xc0) {
			write_code(h, byte, dst);
			return;
		}
		write_bytes(h, "\xc2", 1, dst);
	}
	if (byte == 0xc2) {
		h->c2 = true;
	} else if (is_blank(c)) {
		add_blank(h, c);
	} else if (byte > ' ' && byte != 0x7f) {
		write_bytes(h, &c, 1, dst);
	}
}

/* --- entities ----------------------------------------------------------------- */

static uint32_t entity_number(struct cv_span digits)
{
	uint32_t base = 10, value = 0, digit;

	if (digits.len > 0 && cv_ascii_lower(digits.data[0]) == 'x') {
		base = 16;
		digits = cv_span_skip(digits, 1);
	}
	/* seven digits stay below 2^32 */
	if (digits.len == 0 || digits.len > 7)
		return 0;
	for (size_t i = 0; i < digits.len; i++) {
		char c = cv_ascii_lower(digits.data[i]);

		digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') :
			c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;
		if (digit >= base)
			return 0;
		value = value * base + digit;
	}
	if (value >= 0x80 && value < 0xa0)
		value = windows1252[value - 0x80];
	return value;
}

/* 0: there is none of that name. */
static uint32_t entity_find(struct cv_span name)
{
	if (name.len > 0 && name.data[0] == '#')
		return entity_number(cv_span_skip(name, 1));
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (cv_span_is(name, entities[i].name))
			return entities[i].code;
	}
	for (size_t i = 0; i < sizeof(latin1) / sizeof(latin1[0]); i++) {
		if (cv_span_is(name, latin1[i]))
			return 0xa0 + (uint32_t)i;
	}
	return 0;
}

/* It was no entity: its bytes are text. */
static void entity_give_up(struct html_text *h, struct cv_text *dst)
{
	uint32_t len = h->entity_len;

	h->state = TEXT;
	h->entity_len = 0;
	write_bytes(h, "&", 1, dst);
	if (len > 0)
		write_bytes(h, h->entity, len, dst);
}

/* False: c is still to be looked at. */
static bool add_entity(struct html_text *h, char c, struct cv_text *dst)
{
	uint32_t code;
	bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z') || (c == '#' && h->entity_len == 0);

	if (part && h->entity_len < sizeof(h->entity)) {
		h->entity[h->entity_len++] = c;
		return true;
	}
	code = entity_find(cv_span(h->entity, h->entity_len));
	if (c != ';' || code == 0 || code > 0x10ffff) {
		entity_give_up(h, dst);
		return false;
	}
	h->state = TEXT;
	h->entity_len = 0;
	write_code(h, code, dst);
	return true;
}

/* --- tags ----------------------------------------------------------------------- */

static uint32_t effect_find(struct cv_span name, const char **name_r)
{
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		if (cv_span_is(name, elements[i].name)) {
			*name_r = elements[i].name;
			return elements[i].effect;
		}
	}
	return INLINE;
}

static void count(uint32_t *depth, bool is_end, uint32_t max)
{
	if (is_end && *depth > 0)
		(*depth)--;
	else if (!is_end && *depth < max)
		(*depth)++;
}

static void rule(struct html_text *h, struct cv_text *dst)
{
	due_lines(h, 1);
	if (h->form == HTML_TEXT_LAYOUT && !h->is_end) {
		write_bytes(h, "----", 4, dst);
		due_lines(h, 1);
	}
}

/* At ">". */
static void tag_done(struct html_text *h, struct cv_text *dst)
{
	struct cv_span name = cv_span(h->name, h->name_len);
	const char *known = NULL;

	h->state = TEXT;
	switch (effect_find(name, &known)) {
	case LINE:
		due_lines(h, 1);
		break;
	case BLANK:
		due_lines(h, 2);
		break;
	case BREAK:
		due_lines(h, h->lines < 2 ? h->lines + 1 : h->lines);
		break;
	case CELL:
		h->tab = h->tab || (!h->is_end && h->lines == 0);
		break;
	case ITEM:
		due_lines(h, 1);
		h->item = !h->is_end;
		break;
	case RULE:
		rule(h, dst);
		break;
	case PRE:
		due_lines(h, 2);
		count(&h->pre, h->is_end, PRE_MAX);
		break;
	case QUOTE:
		due_lines(h, 2);
		count(&h->quotes, h->is_end, UINT32_MAX);
		break;
	case HIDDEN:
		if (h->is_end || h->slash)
			break;
		h->state = RAW;
		h->raw = known;
		h->raw_at = 0;
		break;
	default:
		break;
	}
}

static void add_open(struct html_text *h, char c, struct cv_text *dst)
{
	char lower = cv_ascii_lower(c);

	if (c == '!') {
		h->state = BANG;
	} else if (c == '?') {
		h->state = BOGUS;
	} else if (c == '/' && !h->is_end) {
		h->is_end = true;
	} else if (lower >= 'a' && lower <= 'z') {
		h->state = NAME;
		h->name[0] = lower;
		h->name_len = 1;
		h->slash = h->after_equals = false;
	} else if (h->is_end) {
		h->state = c == '>' ? TEXT : BOGUS;
	} else {
		h->state = TEXT;
		write_bytes(h, "<", 1, dst);
		html_text_add(h, cv_span(&c, 1), dst);
	}
}

/* Behind "<script" or within its name. */
static void add_tag(struct html_text *h, char c, struct cv_text *dst)
{
	if (c == '>') {
		tag_done(h, dst);
	} else if (h->state == NAME && !is_blank(c) && c != '/') {
		/* a longer name is none that we know */
		if (h->name_len < sizeof(h->name))
			h->name[h->name_len++] = cv_ascii_lower(c);
	} else if (h->after_equals && (c == '"' || c == '\'')) {
		h->state = QUOTED;
		h->quote = c;
		h->after_equals = false;
	} else {
		h->state = TAG;
		h->slash = c == '/';
		if (c == '=' || !is_blank(c))
			h->after_equals = c == '=';
	}
}

/* Looks for "</script" and what ends a name. */
static void add_raw(struct html_text *h, char c)
{
	size_t len = strlen(h->raw);

	if (h->raw_at == len + 2 && (is_blank(c) || c == '>' || c == '/')) {
		h->state = c == '>' ? TEXT : BOGUS;
		return;
	}
	if (h->raw_at == 1 && c == '/')
		h->raw_at = 2;
	else if (h->raw_at >= 2 && h->raw_at < len + 2 &&
		 cv_ascii_lower(c) == h->raw[h->raw_at - 2])
		h->raw_at++;
	else
		h->raw_at = c == '<';
}

/* "--" begins one, and ">" may follow at once. */
static void add_comment(struct html_text *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = TEXT;
	h->dashes = c != '-' ? 0 : h->dashes < 2 ? h->dashes + 1 : 2;
}

static void add_bang(struct html_text *h, char c)
{
	if (c == '-' && h->state == BANG) {
		h->state = BANG_DASH;
	} else if (c == '-') {
		h->state = COMMENT;
		h->dashes = 2;
	} else {
		h->state = c == '>' ? TEXT : BOGUS;
	}
}

static void add_byte(struct html_text *h, char c, struct cv_text *dst)
{
	switch ((enum state)h->state) {
	case TEXT:
	case ENTITY:
		break;
	case OPEN:
		add_open(h, c, dst);
		return;
	case NAME:
	case TAG:
		add_tag(h, c, dst);
		return;
	case QUOTED:
		if (c == h->quote)
			h->state = TAG;
		return;
	case BANG:
	case BANG_DASH:
		add_bang(h, c);
		return;
	case COMMENT:
		add_comment(h, c);
		return;
	case BOGUS:
		if (c == '>')
			h->state = TEXT;
		return;
	case RAW:
		add_raw(h, c);
		return;
	}
	if (h->state == ENTITY && add_entity(h, c, dst))
		return;
	if (c == '<' || c == '&') {
		if (h->c2)
			write_bytes(h, "\xc2", 1, dst);
		h->c2 = false;
		h->state = c == '<' ? OPEN : ENTITY;
		h->is_end = false;
		return;
	}
	add_text(h, c, dst);
}

void html_text_init(struct html_text *h, enum html_text_form form)
{
	*h = (struct html_text){ .form = form };
}

void html_text_add(struct html_text *h, struct cv_span html,
		   struct cv_text *dst)
{
	for (size_t i = 0; i < html.len; i++)
		add_byte(h, html.data[i], dst);
}

void html_text_finish(struct html_text *h, struct cv_text *dst)
{
	if (h->c2)
		write_bytes(h, "\xc2", 1, dst);
	h->c2 = false;
	if (h->state == ENTITY)
		entity_give_up(h, dst);
	else if (h->state == OPEN && !h->is_end)
		write_bytes(h, "<", 1, dst);
	h->state = TEXT;
	if (h->form == HTML_TEXT_LAYOUT && h->any && h->in_line)
		cv_text_append(dst, "\r\n", 2);
	h->in_line = false;
}

void html_to_text(struct cv_text *dst, struct cv_span html,
		  enum html_text_form form)
{
	struct html_text h;

	html_text_init(&h, form);
	html_text_add(&h, html, dst);
	html_text_finish(&h, dst);
}
