/* route-file.h - the file that args of passdb { driver = route } names. */
#ifndef ROUTE_FILE_H
#define ROUTE_FILE_H

#include "cv-plugin.h"

struct route_file {
	const char *path;
	const char *driver, *connect;	/* as of auth-sql's file */
	const char *tag;		/* backends of this tag alone */
	const char *fields;		/* that go with the host */
	uint32_t user_expire;		/* seconds; 900 */
	uint32_t check_interval;	/* seconds; 5 */
	uint32_t check_timeout;		/* milliseconds; 2000 */
	uint32_t check_failures;	/* in a row, until it is down; 2 */
	uint32_t check_port;		/* 0: that of the backend, or 143 */
	bool check_greeting;		/* it has to say something */
	uint32_t move_timeout;		/* seconds; 15 */
};

typedef void route_problem_fn(void *context, uint32_t line, const char *text);

/* CV_E_CONFIG when problem was told something; CV_E_TEMP: it cannot be
 * read. */
#define route_file_read CV_OWN(_route_file_read)
int route_file_read(struct cv_pool *pool, const char *path,
		    struct route_file *file_r, route_problem_fn *problem,
		    void *context, struct cv_error *err);

#endif
