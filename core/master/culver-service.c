/* culver-service - every process of the server but the master and those of
 * culver-housekeeper.
 *
 * "culver-service NAME [ROLE]" is started by culverd, with a socket to it as
 * descriptor 3 and one to the log service as descriptor 4.  What a process
 * trusts and what confines it is written in its role's row. */
#include "auth/auth-service.h"
#include "config-reader.h"
#include "login/login.h"
#include "service-private.h"
#include "session/script-service.h"
#include "session/session-zygote.h"
#include "settings/settings-digest.h"

#include <stdio.h>

const struct service_row *service_row_find(const char *name)
{
	const struct service_row *const rows[] = {
		&auth_service_row, &auth_worker_service_row,
		&script_service_row,
	};
	struct cv_span span = cv_span_of(name);
	struct cv_span login = CV_SPAN("-login");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	}
	if (span.len > login.len &&
	    cv_span_equal(cv_span_skip(span, span.len - login.len), login))
		return &login_service_row;
	return &session_service_row;
}

int main(int argc, char **argv)
{
	settings_digest_use(settings_digest_openssl);
	if (argc == 3 && strcmp(argv[1], "config") == 0)
		return config_reader_run(argv[2]);
	if (argc == 2 && strcmp(argv[1], "script-done") == 0)
		return script_done_run();
	if (argc != 2 && argc != 3) {
		(void)fprintf(stderr, "culver-service is started by "
			      "culverd\n");
		return 64;
	}
	return service_run(argv[1], argv[argc - 1]);
}
