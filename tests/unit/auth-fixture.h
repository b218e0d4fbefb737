/* auth-fixture.h - what the tests of core/auth share: loaded plugins, an
 * engine made from settings text, a file of users. */
#ifndef AUTH_FIXTURE_H
#define AUTH_FIXTURE_H

#include "settings-helper.h"
#include "auth/auth-plugin-api.h"
#include "auth/auth-request.h"
#include "auth/auth-username.h"
#include "module/module.h"

#include <event2/event.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64];			/* plugins, users file */
	const char *users;		/* path of the users file */
	struct event_base *base;
	struct settings_tree *tree;
	struct auth *auth;
	struct cv_pool *pool;
};

static const char *const fixture_plugins[] = {
	"auth-passwd-file", "auth-static", "auth-passwd", "auth-pam",
	"scheme-crypt", "scheme-argon2", "auth-otp",
};
enum { FIXTURE_PLUGINS = sizeof(fixture_plugins) / sizeof(char *) };

static struct fixture fix;

static inline void copy_plugin(const char *from, const char *to)
{
	char buffer[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		assert_int_equal(fwrite(buffer, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(chmod(to, 0755), 0);
}

/* Group setup: loads every driver that was built. */
static inline int fixture_load(void **state)
{
	const char *names[FIXTURE_PLUGINS];
	struct module_request request = { .process = "auth" };
	struct cv_error err = ERROR_NONE;
	const char *built;

	(void)state;
	fix.pool = pool_create("fixture");
	(void)snprintf(fix.dir, sizeof(fix.dir), "/tmp/culver-auth-XXXXXX");
	assert_non_null(mkdtemp(fix.dir));
	for (uint32_t i = 0; i < FIXTURE_PLUGINS; i++) {
		built = pool_printf(fix.pool, "plugins/%s/.libs/%s.so",
				    fixture_plugins[i], fixture_plugins[i]);
		if (access(built, R_OK) < 0)
			continue;
		copy_plugin(built, pool_printf(fix.pool, "%s/%s.so", fix.dir,
					       fixture_plugins[i]));
		names[request.count++] = fixture_plugins[i];
	}
	fix.users = pool_printf(fix.pool, "%s/users", fix.dir);
	settings_register_core();
	auth_plugin_api_register();
	request.dir = fix.dir;
	request.names = names;
	if (module_load(&request, &err) < 0)
		fail_msg("%s", err.text);
	fix.base = event_base_new();
	assert_non_null(fix.base);
	return 0;
}

static inline int fixture_unload(void **state)
{
	(void)state;
	module_unload_all();
	event_base_free(fix.base);
	for (uint32_t i = 0; i < FIXTURE_PLUGINS; i++)
		(void)unlink(pool_printf(fix.pool, "%s/%s.so", fix.dir,
					 fixture_plugins[i]));
	(void)unlink(fix.users);
	(void)rmdir(fix.dir);
	pool_destroy(&fix.pool);
	return 0;
}

static inline void fixture_auth_close(void)
{
	auth_destroy(&fix.auth);
	if (fix.tree != NULL)
		settings_tree_destroy(&fix.tree);
}

/* Each test's teardown. */
static inline int fixture_teardown(void **state)
{
	(void)state;
	fixture_auth_close();
	return 0;
}

/* Reads settings, where $USERS stands for the users file, and opens the
 * engine. */
static inline void fixture_auth(const char *settings)
{
	struct cv_error err = ERROR_NONE;
	struct cv_text text;
	const char *at;

	cv_text_init(&text, fix.pool);
	while ((at = strstr(settings, "$USERS")) != NULL) {
		cv_text_append(&text, settings, (size_t)(at - settings));
		cv_text_append_str(&text, fix.users);
		settings = at + 6;
	}
	cv_text_append_str(&text, settings);
	fixture_auth_close();
	fix.tree = tree_of(cv_text_str(&text));
	if (auth_create(fix.tree, fix.base, NULL, &fix.auth, &err) < 0)
		fail_msg("%s", err.text);
}

static int fixture_result;

static inline void fixture_done(struct auth_request *request, int result)
{
	*(bool *)request->context = true;
	fixture_result = result;
}

/* Checks user and password; the request stays with the caller. */
static inline struct auth_request *fixture_verify(const char *user,
						  const char *password,
						  const char *ip)
{
	struct auth_request *request = auth_request_create(fix.auth);
	struct conn_info conn = {
		.local_ip = "192.0.2.1", .remote_ip = ip, .local_name = "",
	};
	bool done = false;

	auth_request_set_conn(request, "imap", "sess", &conn);
	request->input.mechanism = "PLAIN";
	request->context = &done;
	if (auth_request_set_user(request, cv_span_of(user), CV_SPAN(""),
				  NULL) < 0) {
		fixture_result = CV_E_DENIED;
		return request;
	}
	auth_request_verify(request, cv_span_of(password), fixture_done);
	while (!done)
		event_base_loop(fix.base, EVLOOP_ONCE);
	return request;
}

/* The result alone. */
static inline int login(const char *user, const char *password)
{
	struct auth_request *request = fixture_verify(user, password,
						      "192.0.2.9");

	auth_request_unref(&request);
	return fixture_result;
}

static inline int lookup_of(struct auth_request *request)
{
	bool done = false;

	request->context = &done;
	auth_request_lookup_user(request, fixture_done);
	while (!done)
		event_base_loop(fix.base, EVLOOP_ONCE);
	return fixture_result;
}

/* A lookup as lmtp makes it; the request stays with the caller. */
static inline struct auth_request *fixture_lookup(const char *user)
{
	struct auth_request *request = auth_request_create(fix.auth);
	struct conn_info conn = {
		.local_ip = "", .remote_ip = "", .local_name = "",
	};

	auth_request_set_conn(request, "lmtp", "sess", &conn);
	if (auth_request_set_user(request, cv_span_of(user), CV_SPAN(""),
				  NULL) < 0)
		fixture_result = CV_E_DENIED;
	else
		(void)lookup_of(request);
	return request;
}

static inline const char *field(const struct cv_auth_reply *reply,
				const char *name)
{
	const char *value = auth_reply_get(reply, name);

	return value == NULL ? "(none)" : value;
}

#endif
