/* adm-output.c - rows in doveadm's formats: flow, table, tab, pager, json. */
#include "culveradm.h"

#include <stdio.h>

struct adm_output {
	enum adm_format format;
	struct cv_pool *pool;
	const char *const *columns;
	uint32_t column_count;
	ARRAY(const char *) values;
};

struct adm_output *adm_output_begin(const struct adm *adm,
				    enum adm_format fallback,
				    const char *const *columns)
{
	struct cv_pool *pool = pool_create("output");
	struct adm_output *out = pool_new(pool, struct adm_output);

	out->pool = pool;
	out->format = adm->format == ADM_FORMAT_DEFAULT ? fallback :
		adm->format;
	out->columns = columns;
	while (columns[out->column_count] != NULL)
		out->column_count++;
	array_init(&out->values, pool);
	return out;
}

void adm_output_value(struct adm_output *out, const char *text)
{
	char *value = pool_strdup(out->pool, text == NULL ? "" : text);
	size_t len = strlen(value);

	/* what others wrote must not steer the terminal */
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			value[i] = ' ';
	}
	*array_add(&out->values) = value;
}

void adm_output_f(struct adm_output *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	adm_output_value(out, pool_vprintf(out->pool, fmt, args));
	va_end(args);
}

void adm_json_append(struct cv_text *out, const char *text)
{
	size_t len = strlen(text);

	cv_text_append_c(out, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		uint32_t code;
		size_t n = utf8_decode(text + i, len - i, &code);

		if (c == '"' || c == '\\')
			cv_text_append_f(out, "\\%c", c);
		else if (c == '\n')
			cv_text_append_str(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			cv_text_append_f(out, "\\u%04x", c);
		else if (n == 0)
			cv_text_append_str(out, "\\ufffd");
		else
			cv_text_append(out, text + i, n);
		i += n == 0 ? 1 : n;
	}
	cv_text_append_c(out, '"');
}

static size_t column_width(const struct adm_output *out, uint32_t column)
{
	size_t width = strlen(out->columns[column]);

	for (size_t i = column; i < out->values.count;
	     i += out->column_count) {
		if (strlen(out->values.items[i]) > width)
			width = strlen(out->values.items[i]);
	}
	return width;
}

static void put_cell(const struct adm_output *out, uint32_t column,
		     const char *text)
{
	if (column + 1 == out->column_count)
		(void)printf("%s\n", text);
	else
		(void)printf("%-*s ", (int)column_width(out, column), text);
}

static void put_table(const struct adm_output *out)
{
	for (uint32_t c = 0; c < out->column_count; c++)
		put_cell(out, c, out->columns[c]);
	for (size_t i = 0; i < out->values.count; i++)
		put_cell(out, (uint32_t)(i % out->column_count),
			 out->values.items[i]);
}

static void put_tab(const struct adm_output *out)
{
	for (uint32_t c = 0; c < out->column_count; c++)
		(void)printf("%s%c", out->columns[c],
			     c + 1 == out->column_count ? '\n' : '\t');
	for (size_t i = 0; i < out->values.count; i++)
		(void)printf("%s%c", out->values.items[i],
			     (i + 1) % out->column_count == 0 ? '\n' : '\t');
}

static void put_named(const struct adm_output *out)
{
	bool pager = out->format == ADM_FORMAT_PAGER;

	for (size_t i = 0; i < out->values.count; i++) {
		bool last = (i + 1) % out->column_count == 0;

		(void)printf("%s%s%s%s", out->columns[i % out->column_count],
			     pager ? ": " : "=", out->values.items[i],
			     pager || last ? "\n" : " ");
		if (pager && last)
			(void)printf("\f\n");
	}
}

static void put_json(const struct adm_output *out)
{
	struct cv_text text;

	cv_text_init(&text, out->pool);
	cv_text_append_c(&text, '[');
	for (size_t i = 0; i < out->values.count; i++) {
		size_t column = i % out->column_count;

		cv_text_append_str(&text, column > 0 ? "," : i == 0 ? "{" :
				   ",{");
		adm_json_append(&text, out->columns[column]);
		cv_text_append_c(&text, ':');
		adm_json_append(&text, out->values.items[i]);
		if (column + 1 == out->column_count)
			cv_text_append_c(&text, '}');
	}
	(void)printf("%s]\n", cv_text_str(&text));
}

void adm_output_end(struct adm_output **out_p)
{
	struct adm_output *out = *out_p;
	struct cv_pool *pool = out->pool;

	*out_p = NULL;
	if (out->format == ADM_FORMAT_JSON)
		put_json(out);
	else if (out->format == ADM_FORMAT_TABLE)
		put_table(out);
	else if (out->format == ADM_FORMAT_TAB)
		put_tab(out);
	else
		put_named(out);
	pool_destroy(&pool);
}
