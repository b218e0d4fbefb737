/* settings-words.c - lists in braces, as Dovecot 2.4 writes them:
 *
 *	imap_capability {
 *		X-MINE = yes
 *		IDLE = no
 *	}
 *
 * is "imap_capability = $imap_capability +X-MINE -IDLE".  A word may have "="
 * and stand in quotes ("SORT=DISPLAY" = no): the last "=" is the one before
 * yes or no. */
#include "settings-parse.h"
#include "settings-value.h"

/* What such a setting declares as allowed. */
static const char signed_words[] = "+WORD|-WORD";

bool parser_words_open(struct settings_parser *parser,
		       struct settings_place place,
		       const struct lex_line *line, struct parse_frame *frame)
{
	const char *kind = parser->tree->blocks.items[place.block].kind;
	const struct cv_setting_def *def =
		settings_registry_find(kind, line->key);

	if (def == NULL || def->type != CV_SET_STRING ||
	    def->allowed == NULL || strcmp(def->allowed, signed_words) != 0 ||
	    line->value.len > 0)
		return false;
	frame->words_of = def->name;
	cv_text_init(&frame->words, parser->tree->pool);
	cv_text_append_f(&frame->words, "$%s", def->name);
	return true;
}

/* The line as it was, split at its last "=". */
static bool split_word(struct cv_span line, struct cv_span *word_r,
		       struct cv_span *value_r)
{
	size_t at = line.len;

	while (at > 0 && line.data[at - 1] != '=')
		at--;
	if (at == 0)
		return false;
	*value_r = cv_span_trim(cv_span_skip(line, at));
	*word_r = cv_span_trim(cv_span(line.data, at - 1));
	if (word_r->len >= 2 && word_r->data[0] == '"' &&
	    word_r->data[word_r->len - 1] == '"')
		*word_r = cv_span(word_r->data + 1, word_r->len - 2);
	return true;
}

static bool is_word(struct cv_span word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] <= ' ' || word.data[i] == 0x7f ||
		    strchr("\"\\$", word.data[i]) != NULL)
			return false;
	}
	return word.len > 0 && word.data[0] != '+' && word.data[0] != '-';
}

void parser_words_add(struct settings_parser *parser,
		      struct parse_frame *frame, const struct lex_line *line)
{
	struct cv_span word, value;
	struct cv_text whole;
	bool yes;

	cv_text_init(&whole, parser->tree->pool);
	cv_text_append_span(&whole, line->key);
	cv_text_append_c(&whole, '=');
	cv_text_append_span(&whole, line->value);
	if (line->kind != LEX_SETTING || line->from_file ||
	    !split_word(cv_text_span(&whole), &word, &value) ||
	    !is_word(word)) {
		parser_error(parser, line->line, "in %s { } stands 'WORD = "
			     "yes' or 'WORD = no'", frame->words_of);
		return;
	}
	yes = cv_span_is_icase(value, "yes");
	if (!yes && !cv_span_is_icase(value, "no")) {
		parser_error(parser, line->line, "'%.*s' in %s { } is yes or "
			     "no, not '%.*s'", CV_SPAN_ARG(word),
			     frame->words_of, CV_SPAN_ARG(value));
		return;
	}
	cv_text_append_str(&frame->words, yes ? " +" : " -");
	cv_text_append_span(&frame->words, word);
}

void parser_words_close(struct settings_parser *parser,
			const struct parse_frame *frame)
{
	struct lex_line line = {
		.kind = LEX_SETTING, .line = frame->line,
		.key = cv_span_of(frame->words_of),
		.value = cv_text_span(&frame->words),
	};

	parser_assign(parser, frame->place, &line);
}
