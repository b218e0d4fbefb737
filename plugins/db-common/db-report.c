/* db-report.c - telling them. */
#include "db-report.h"

bool db_report_check(const struct cv_check *check, const char *example,
		     struct db_report *report_r)
{
	const char *path = cv_span_copy(check->pool, cv_span_trim(
						cv_span_of(check->value)));

	*report_r = (struct db_report){ .path = path, .check = check };
	if (path[0] != '/') {
		check->error(check, "", "args is the absolute path of a file "
			     "like %s", example);
		return false;
	}
	return check->file(check, "", path, CV_CHECK_FILE);
}

void db_report_line(void *context, uint32_t line, bool is_error,
		    const char *text)
{
	const struct db_report *r = context;

	if (r->self != NULL)
		cv_api->log(r->self, is_error ? CV_LOG_ERROR : CV_LOG_WARNING,
			    "%s:%u: %s", r->path, line, text);
	else if (is_error)
		r->check->error(r->check, "", "%s:%u: %s", r->path, line,
				text);
	else
		r->check->warning(r->check, "", "%s:%u: %s", r->path, line,
				  text);
}

void db_report_value(const struct db_report *report, const char *setting,
		     const char *text)
{
	if (report->self != NULL)
		cv_api->log(report->self, CV_LOG_ERROR, "%s: %s: %s",
			    report->path, setting, text);
	else
		report->check->error(report->check, "", "%s: %s: %s",
				     report->path, setting, text);
}
