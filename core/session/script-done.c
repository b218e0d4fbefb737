/* script-done.c - the script has said exec "$@": the user may come in. */
#include "script-service.h"

#include "ipc/script-message.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *environment_of(struct cv_pool *pool, const char *key)
{
	char *name = pool_strdup(pool, key);

	for (char *p = name; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return getenv(name);
}

static struct script_fields collect(struct cv_pool *pool)
{
	const char *keys = getenv("USERDB_KEYS");
	struct cv_span rest = cv_span_of(keys == NULL ? "" : keys), word;
	struct user_field *items = pool_new_array(pool, struct user_field,
						  USER_FIELDS_MAX);
	uint32_t count = 0;

	while (count < USER_FIELDS_MAX && cv_span_split(&rest, ' ', &word)) {
		char *name;
		const char *value;

		word = cv_span_trim(word);
		if (word.len == 0)
			continue;
		name = pool_copy(pool, word.data, word.len);
		value = environment_of(pool, name);
		if (value != NULL)
			items[count++] = (struct user_field){ name, value };
	}
	return (struct script_fields){ count, items };
}

int script_done_run(void)
{
	struct cv_pool *pool = pool_create("script");
	struct script_fields fields = collect(pool);
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	int status;

	ipc_begin(&w, SCRIPT_MSG_FIELDS);
	script_fields_put(&w, &fields);
	status = ipc_send(SCRIPT_REPORT_FD, &w, &err);
	pool_destroy(&pool);
	if (status == CV_OK)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "cannot report that the script has ended: %s\n",
		      err.text);
	return EXIT_FAILURE;
}
