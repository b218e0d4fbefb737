/* checkpassword-reply.c - what a checkpassword program runs when the password
 * was right: writes the fields to descriptor 4 and ends with 0, or with 2 when
 * no password was asked for (AUTHORIZED=2).
 *
 * Believes its environment: it is the program's answer.  Runs in the confinement
 * of auth-worker. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FD_REPLY = 4, FAILED = 111 };

__attribute__((noreturn))
static void fail(const char *text)
{
	fprintf(stderr, "checkpassword-reply: %s\n", text);
	exit(FAILED);
}

/* TAB, CR and LF would be another field. */
static void put(FILE *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (strpbrk(value, "\t\r\n") != NULL)
		fail("a value has a TAB or a line end");
	fprintf(out, "%s=%s\t", name, value);
}

/* EXTRA has the names of more, separated by blanks. */
static void put_extra(FILE *out, char *names)
{
	char *rest = NULL;

	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest))
		put(out, name, getenv(name));
}

static bool has_extra(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; (at = strstr(at, name)) != NULL;
	     at += len) {
		if ((at == names || at[-1] == ' ') &&
		    (at[len] == '\0' || at[len] == ' '))
			return true;
	}
	return false;
}

static void put_ids(FILE *out, const char *names)
{
	if (!has_extra(names, "userdb_uid"))
		fprintf(out, "userdb_uid=%lu\t", (unsigned long)getuid());
	if (!has_extra(names, "userdb_gid"))
		fprintf(out, "userdb_gid=%lu\t", (unsigned long)getgid());
}

int main(void)
{
	const char *authorized = getenv("AUTHORIZED");
	const char *original = getenv("ORIG_UID"), *extra = getenv("EXTRA");
	FILE *out = fdopen(FD_REPLY, "w");
	char *names = strdup(extra == NULL ? "" : extra);
	bool changed;

	if (out == NULL || names == NULL)
		fail("descriptor 4 is not open");
	if (original == NULL)
		fail("ORIG_UID is not in the environment any more");
	changed = strtoul(original, NULL, 10) != getuid();
	/* another process of that user could write our answer */
	if (changed && getenv("INSECURE_SETUID") == NULL)
		fail("the user was changed (hint: set userdb_uid and "
		     "userdb_gid by EXTRA, or set INSECURE_SETUID)");
	put(out, "user", getenv("USER"));
	put(out, "userdb_home", getenv("HOME"));
	if (changed)
		put_ids(out, names);
	put_extra(out, names);
	/* there is an answer, if an empty one */
	fprintf(out, "\t");
	free(names);
	if (fclose(out) != 0)
		fail("cannot write to descriptor 4");
	return authorized != NULL && strcmp(authorized, "2") == 0 ? 2 : 0;
}
