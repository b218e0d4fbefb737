/* db-file.h - files like dovecot-sql.conf.ext: lines of "key = value", and
 * files that they include. */
#ifndef DB_FILE_H
#define DB_FILE_H

#include "cv-plugin.h"

enum { DB_FILE_BYTES_MAX = 256 * 1024 };

struct db_file_reader {
	struct cv_pool *pool;
	/* Takes one setting. */
	void (*take)(struct db_file_reader *r,
		     const struct cv_setting_line *line);
	void *settings;			/* take's */
	/* Told what is wrong; is_error false: it has no effect. */
	void (*problem)(void *context, uint32_t line, bool is_error,
			const char *text);
	void *context;			/* problem's */
	bool failed;			/* there was an error */
};

/* Calls problem. */
#define db_file_tell CV_OWN(_db_file_tell)
void db_file_tell(struct db_file_reader *r, uint32_t line, bool is_error,
		  const char *text);
/* The bytes of a file of at most max bytes, in pool.  CV_NOT_FOUND, with an
 * error text; CV_E_TEMP: it cannot be read; CV_E_CONFIG: it is longer. */
#define db_file_load CV_OWN(_db_file_load)
int db_file_load(struct cv_pool *pool, const char *path, size_t max,
		 struct cv_span *text_r, struct cv_error *err);
/* Reads all lines, whatever is wrong with some: r->failed tells.  CV_E_TEMP:
 * the file itself cannot be read, or is not there; CV_E_CONFIG: it has more
 * than DB_FILE_BYTES_MAX. */
#define db_file_read CV_OWN(_db_file_read)
int db_file_read(struct db_file_reader *r, const char *path,
		 struct cv_error *err);

#endif
