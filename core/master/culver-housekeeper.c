/* culver-housekeeper - the processes that keep the books of the others: log,
 * anvil and idle.
 *
 * They see no password and encrypt nothing, so OpenSSL is not mapped into
 * them; else they are as culver-service's. */
#include "anvil-service.h"
#include "log-service.h"
#include "service-private.h"
#include "session/idle-service.h"

#include <stdio.h>

const struct service_row *service_row_find(const char *name)
{
	const struct service_row *const rows[] = {
		&anvil_service_row, &idle_service_row, &log_service_row,
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return service_run(argv[1], argv[1]);
	(void)fprintf(stderr, "culver-housekeeper is started by culverd\n");
	return 64;
}
