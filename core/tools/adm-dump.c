/* adm-dump.c - culveradm dump: what is in an account's files, in readable
 * form or as JSON.
 *
 * Works on files alone, whoever runs it, with or without a server or a
 * configuration; opens everything for reading only and takes no lock. */
#include "culveradm.h"
#include "account/dump.h"

#include <errno.h>
#include <stdio.h>

struct dump_print {
	bool json;
	bool problems_only;
	const char *file;	/* NULL: not told */
	uint64_t items, problems;
	struct cv_text line;
	struct cv_pool *pool;
};

/* --- values --------------------------------------------------------------- */

static void put_hex(struct cv_text *line, struct cv_span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		cv_text_append_f(line, "%02x", (unsigned char)bytes.data[i]);
}

static void json_text(struct cv_text *line, struct cv_span text)
{
	if (dump_is_text(text)) {
		adm_json_append_span(line, text);
		return;
	}
	cv_text_append_str(line, "{\"hex\":\"");
	put_hex(line, text);
	cv_text_append_str(line, "\"}");
}

/* In quotes where it could be mistaken for something else. */
static void plain_text(struct cv_text *line, struct cv_span text)
{
	bool quoted = text.len == 0;

	if (!dump_is_text(text)) {
		cv_text_append_str(line, "0x");
		put_hex(line, text);
		return;
	}
	for (size_t i = 0; i < text.len; i++)
		quoted = quoted || text.data[i] == ' ' ||
			text.data[i] == '"' || text.data[i] == '\\';
	if (quoted)
		adm_json_append_span(line, text);
	else
		cv_text_append_span(line, text);
}

static void put_text(struct dump_print *p, struct cv_span text)
{
	if (p->json)
		json_text(&p->line, text);
	else
		plain_text(&p->line, text);
}

static void put_list(struct dump_print *p, const struct dump_field *field)
{
	cv_text_append_c(&p->line, p->json ? '[' : '(');
	for (uint32_t i = 0; i < field->count; i++) {
		if (i > 0)
			cv_text_append_c(&p->line, p->json ? ',' : ' ');
		put_text(p, field->items[i]);
	}
	cv_text_append_c(&p->line, p->json ? ']' : ')');
}

static void put_value(struct dump_print *p, const struct dump_field *field)
{
	unsigned long long number = field->number;

	switch (field->kind) {
	case DUMP_NUMBER:
		cv_text_append_f(&p->line, "%llu", number);
		break;
	case DUMP_SIGNED:
		cv_text_append_f(&p->line, "%lld", (long long)number);
		break;
	case DUMP_BOOL:
		cv_text_append_str(&p->line, p->json ?
				   number != 0 ? "true" : "false" :
				   number != 0 ? "yes" : "no");
		break;
	case DUMP_TEXT:
		put_text(p, field->text);
		break;
	case DUMP_NONE:
		cv_text_append_str(&p->line, p->json ? "null" : "-");
		break;
	case DUMP_LIST:
		put_list(p, field);
		break;
	}
}

/* --- items ---------------------------------------------------------------- */

static void put_name(struct dump_print *p, const char *name)
{
	if (p->json) {
		cv_text_append_c(&p->line, ',');
		adm_json_append(&p->line, name);
		cv_text_append_c(&p->line, ':');
		return;
	}
	cv_text_append_f(&p->line, " %s=", name);
}

static void begin_line(struct dump_print *p, const char *what)
{
	cv_text_reset(&p->line);
	if (!p->json) {
		cv_text_append_str(&p->line, what);
		return;
	}
	cv_text_append_str(&p->line, p->items == 0 ? "[\n{\"what\":" :
			   ",\n{\"what\":");
	adm_json_append(&p->line, what);
}

static void print_item(void *context, const struct dump_item *item)
{
	struct dump_print *p = context;

	p->problems += item->problem;
	if (p->problems_only && !item->problem)
		return;
	begin_line(p, item->what);
	if (p->file != NULL) {
		put_name(p, "file");
		put_text(p, cv_span_of(p->file));
	}
	for (uint32_t i = 0; i < item->count; i++) {
		put_name(p, item->fields[i].name);
		put_value(p, &item->fields[i]);
	}
	if (p->json)
		cv_text_append_c(&p->line, '}');
	else
		cv_text_append_c(&p->line, '\n');
	(void)fwrite(p->line.data, 1, p->line.len, stdout);
	p->items++;
}

/* --- an account ----------------------------------------------------------- */

/* What is wrong with each file. */
static int check_files(struct dump_print *p, struct io_dir *dir)
{
	const char *name;

	p->problems_only = true;
	while ((name = io_dir_next(dir, NULL)) != NULL) {
		struct cv_error err = ERROR_NONE;

		if (!dump_knows_name(cv_span_of(name)))
			continue;
		p->file = name;
		/* one that has gone meanwhile is not missed */
		if (dump_file(io_posix(), io_dir_fd(dir), name, print_item, p,
			      &err) < 0 && err.code != CV_E_NOT_FOUND) {
			(void)fprintf(stderr, "culveradm: %s: %s\n", name,
				      err.text);
			p->problems++;
		}
	}
	p->file = NULL;
	p->problems_only = false;
	return io_dir_close(&dir);
}

static int dump_directory(struct dump_print *p, const char *path,
			  struct io_dir *dir, struct cv_error *err)
{
	static const struct account_options options = { .readonly = true };
	struct account *account = NULL;
	int status = account_open(io_posix(), AT_FDCWD, path, &options,
				  &account, err);

	if (status == CV_OK) {
		status = dump_account(account, print_item, p, err);
		p->problems += account_is_damaged(account);
		account_close(&account);
	}
	if (check_files(p, dir) < 0 && status == CV_OK)
		status = FAIL_ERRNO(err, errno, "cannot read '%s'", path);
	return status;
}

static int dump_path(struct dump_print *p, const char *path,
		     struct cv_error *err)
{
	struct io_dir *dir = io_dir_open(io_posix(), AT_FDCWD, path);
	int status;

	if (dir != NULL)
		return dump_directory(p, path, dir, err);
	status = dump_file(io_posix(), AT_FDCWD, path, print_item, p, err);
	return status == CV_OK ? status :
		error_prefix(err, "'%s'", path);
}

/* --- the verb ------------------------------------------------------------- */

static int run_dump(struct adm *adm, int argc, char **argv)
{
	struct dump_print p = {
		.json = adm->format == ADM_FORMAT_JSON,
		.pool = pool_create("dump output"),
	};
	int result = ADM_OK;

	if (argc >= 2 && argv[1][0] == '-') {
		pool_destroy(&p.pool);
		return adm_usage(&adm_dump_verb, "there is no option '%s' (a "
				 "file tells itself what it is)", argv[1]);
	}
	if (argc < 2 || (!p.json &&
	    adm->format != ADM_FORMAT_DEFAULT &&
	    adm->format != ADM_FORMAT_FLOW)) {
		pool_destroy(&p.pool);
		return adm_usage(&adm_dump_verb, "files or an account's "
				 "folder; -f flow or json");
	}
	adm_output_use();
	cv_text_init(&p.line, p.pool);
	for (int i = 1; i < argc; i++) {
		struct cv_error err = ERROR_NONE;

		p.file = argc > 2 ? argv[i] : NULL;
		if (dump_path(&p, argv[i], &err) < 0) {
			const char *slash = strrchr(argv[i], '/');
			const char *name = slash == NULL ? argv[i] : slash + 1;

			(void)adm_fail(&err);
			/* doveadm: 65 for no file that it knows */
			result = err.code == CV_E_NOT_FOUND ||
				!dump_knows_name(cv_span_of(name)) ? ADM_DATA :
				ADM_FAILED;
		}
	}
	if (p.json)
		(void)fputs(p.items == 0 ? "[]\n" : "\n]\n", stdout);
	pool_destroy(&p.pool);
	return result == ADM_OK && p.problems > 0 ? ADM_FAILED : result;
}

const struct adm_verb adm_dump_verb = {
	.name = "dump", .args = "PATH...",
	.help = "what is in an account's folder, or in a journal, snapshot or "
		"catalogue, and where it is damaged",
	.run = run_dump,
};
