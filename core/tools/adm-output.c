/* adm-output.c - rows in doveadm's formats: flow, table, tab, pager, json.
 *
 * All but table are written as the values come, so that a mailbox may be
 * larger than memory; a table has to know its widths first. */
#include "culveradm.h"

#include <stdio.h>
#include <unistd.h>

struct adm_output {
	enum adm_format format;
	struct cv_pool *pool;		/* of the table, or of one value */
	const char *const *columns;
	uint32_t column_count, column;
	uint64_t rows;
	bool terminal, in_value;
	bool line_ended;		/* pager: by the value so far */
	struct cv_text value;		/* json: what has come of it */
	ARRAY(const char *) values;	/* table */
};

static bool was_used;

bool adm_output_was_used(void) { return was_used; }
void adm_output_use(void) { was_used = true; }

struct adm_output *adm_output_begin(const struct adm *adm,
				    enum adm_format fallback,
				    const char *const *columns)
{
	struct cv_pool *pool = pool_create("output");
	struct adm_output *out = pool_new(pool, struct adm_output);

	adm_output_use();
	out->pool = pool;
	out->format = adm->format == ADM_FORMAT_DEFAULT ? fallback :
		adm->format;
	out->columns = columns;
	out->terminal = isatty(STDOUT_FILENO) == 1;
	while (columns[out->column_count] != NULL)
		out->column_count++;
	cv_text_init(&out->value, pool_create("output value"));
	array_init(&out->values, pool);
	return out;
}

static const char *title(const struct adm_output *out, uint32_t column)
{
	const char *name = out->columns[column];

	return *name == ADM_UNTITLED[0] ? name + 1 : name;
}

/* --- single values --------------------------------------------------------- */

void adm_json_append_span(struct cv_text *out, struct cv_span text)
{
	cv_text_append_c(out, '"');
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.data[i];
		uint32_t code;
		size_t n = utf8_decode(text.data + i, text.len - i, &code);

		if (c == '"' || c == '\\')
			cv_text_append_f(out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			cv_text_append_f(out, "\\%c", c == '\n' ? 'n' :
					 c == '\r' ? 'r' : 't');
		else if (c < 0x20 || c == 0x7f)
			cv_text_append_f(out, "\\u%04x", c);
		else if (n == 0)
			cv_text_append_str(out, "\\ufffd");
		else
			cv_text_append(out, text.data + i, n);
		i += n == 0 ? 1 : n;
	}
	cv_text_append_c(out, '"');
}

void adm_json_append(struct cv_text *out, const char *text)
{
	adm_json_append_span(out, cv_span_of(text));
}

/* A tab and the ends of lines separate values and rows: doveadm's escapes
 * stand for them inside of a value. */
static void put_escaped(struct cv_span data)
{
	static const char codes[] = { [0] = '0', [1] = '1', ['\t'] = 't',
		['\n'] = 'n', ['\r'] = 'r' };

	for (size_t i = 0; i < data.len; i++) {
		unsigned char c = (unsigned char)data.data[i];

		if (c < sizeof(codes) && codes[c] != '\0')
			(void)printf("\001%c", codes[c]);
		else
			(void)putchar(c);
	}
}

/* What others wrote must not steer the terminal. */
static void put_plain(const struct adm_output *out, struct cv_span data)
{
	for (size_t i = 0; out->terminal && i < data.len; i++) {
		unsigned char c = (unsigned char)data.data[i];

		(void)putchar((c < 0x20 && c != '\n' && c != '\t') ||
			      c == 0x7f ? ' ' : c);
	}
	if (!out->terminal && data.len > 0)
		(void)fwrite(data.data, 1, data.len, stdout);
}

static void put_table_value(struct adm_output *out, struct cv_span data,
			    bool more)
{
	cv_text_append_span(&out->value, data);
	if (more)
		return;
	for (size_t i = 0; i < out->value.len; i++) {
		unsigned char c = (unsigned char)out->value.data[i];

		if (c < 0x20 || c == 0x7f)
			out->value.data[i] = ' ';
	}
	*array_add(&out->values) = pool_strdup(out->pool,
					       cv_text_str(&out->value));
	cv_text_reset(&out->value);
}

static void put_json_value(struct adm_output *out, struct cv_span data,
			   bool more)
{
	struct cv_text json;

	cv_text_append_span(&out->value, data);
	if (more)
		return;
	cv_text_init(&json, out->value.pool);
	cv_text_append_str(&json, out->column > 0 ? "," :
			   out->rows == 0 ? "[{" : ",\n{");
	adm_json_append(&json, title(out, out->column));
	cv_text_append_c(&json, ':');
	adm_json_append_span(&json, cv_text_span(&out->value));
	if (out->column + 1 == out->column_count)
		cv_text_append_c(&json, '}');
	(void)fputs(cv_text_str(&json), stdout);
	pool_reset(out->value.pool);
	cv_text_init(&out->value, out->value.pool);
}

static void put_titles(const struct adm_output *out)
{
	for (uint32_t c = 0; c < out->column_count; c++)
		(void)printf("%s%c", title(out, c),
			     c + 1 == out->column_count ? '\n' : '\t');
}

static void put_tab_value(struct adm_output *out, struct cv_span data,
			  bool more)
{
	if (out->rows == 0 && out->column == 0 && !out->in_value)
		put_titles(out);
	put_escaped(data);
	if (!more)
		(void)putchar(out->column + 1 == out->column_count ? '\n' :
			      '\t');
}

/* flow, pager: in pager a value of several parts begins on its own line, and
 * a line end of its own ends it. */
static void put_named_value(struct adm_output *out, struct cv_span data,
			    bool more)
{
	bool pager = out->format == ADM_FORMAT_PAGER;
	bool last = out->column + 1 == out->column_count;

	if (pager && !out->in_value && out->column == 0 && out->rows > 0)
		(void)fputs("\f\n", stdout);
	if (!out->in_value &&
	    (pager || *out->columns[out->column] != ADM_UNTITLED[0]))
		(void)printf("%s%s", title(out, out->column),
			     !pager ? "=" : more ? ":\n" : ": ");
	put_plain(out, data);
	if (!out->in_value || data.len > 0)
		out->line_ended = (out->in_value || more) &&
			(data.len == 0 || data.data[data.len - 1] == '\n');
	if (more)
		return;
	if (!pager || !out->line_ended)
		(void)putchar(pager || last ? '\n' : ' ');
}

void adm_output_data(struct adm_output *out, struct cv_span data, bool more)
{
	switch (out->format) {
	case ADM_FORMAT_TABLE:
		put_table_value(out, data, more);
		break;
	case ADM_FORMAT_JSON:
		put_json_value(out, data, more);
		break;
	case ADM_FORMAT_TAB:
		put_tab_value(out, data, more);
		break;
	default:
		put_named_value(out, data, more);
		break;
	}
	out->in_value = more;
	if (more || ++out->column < out->column_count)
		return;
	out->column = 0;
	out->rows++;
}

void adm_output_value(struct adm_output *out, const char *text)
{
	adm_output_data(out, cv_span_of(text == NULL ? "" : text), false);
}

void adm_output_f(struct adm_output *out, const char *fmt, ...)
{
	struct cv_pool *pool = pool_create("output format");
	va_list args;

	va_start(args, fmt);
	adm_output_value(out, pool_vprintf(pool, fmt, args));
	va_end(args);
	pool_destroy(&pool);
}

bool adm_output_is_partial(const struct adm_output *out)
{
	return out->in_value || out->column > 0;
}

/* --- the end ------------------------------------------------------------------ */

static size_t column_width(const struct adm_output *out, uint32_t column)
{
	size_t width = strlen(title(out, column));

	for (size_t i = column; i < out->values.count;
	     i += out->column_count) {
		if (strlen(out->values.items[i]) > width)
			width = strlen(out->values.items[i]);
	}
	return width;
}

static void put_table(const struct adm_output *out)
{
	size_t *width = pool_new_array(out->pool, size_t, out->column_count);
	size_t cells = out->column_count + out->values.count;

	for (uint32_t c = 0; c < out->column_count; c++)
		width[c] = column_width(out, c);
	for (size_t i = 0; i < cells; i++) {
		uint32_t c = (uint32_t)(i % out->column_count);
		const char *text = i < out->column_count ? title(out, c) :
			out->values.items[i - out->column_count];

		if (c + 1 == out->column_count)
			(void)printf("%s\n", text);
		else
			(void)printf("%-*s ", (int)width[c], text);
	}
}

void adm_output_end(struct adm_output **out_p, bool failed)
{
	struct adm_output *out = *out_p;
	struct cv_pool *pool = out->pool, *value_pool = out->value.pool;

	*out_p = NULL;
	if (out->format == ADM_FORMAT_JSON)
		(void)fputs(out->rows == 0 ? "[]\n" : "]\n", stdout);
	else if (failed && out->rows == 0)
		;	/* titles alone would look like an answer */
	else if (out->format == ADM_FORMAT_TABLE)
		put_table(out);
	else if (out->format == ADM_FORMAT_TAB && out->rows == 0)
		put_titles(out);
	pool_destroy(&value_pool);
	pool_destroy(&pool);
}

/* --- progress ------------------------------------------------------------------- */

static bool progress_shown;

void adm_progress(const char *what, uint64_t done, uint64_t total)
{
	enum { WIDTH = 30 };
	uint64_t full = total == 0 ? 0 : done * WIDTH / total;

	if (isatty(STDERR_FILENO) != 1)
		return;
	progress_shown = true;
	(void)fputs("\r\033[K[", stderr);
	for (uint64_t i = 0; i < WIDTH; i++)
		(void)fputc(i < full ? '#' : ' ', stderr);
	(void)fprintf(stderr, "] %llu of %llu", (unsigned long long)done,
		      (unsigned long long)total);
	if (what != NULL)
		(void)fprintf(stderr, " %.60s", what);
}

void adm_progress_end(void)
{
	if (progress_shown)
		(void)fputs("\r\033[K", stderr);
	progress_shown = false;
}
