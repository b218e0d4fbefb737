/* login-process.c - what a login process prepares before it is confined:
 * settings, certificates, the protocol's machine, auth's mechanisms. */
#include "login.h"
#include "login-zygote.h"
#include "net/tls-memory.h"

#include <errno.h>
#include <unistd.h>

static int fill_view(struct login_process *process,
		     const struct settings_scope *scope, struct cv_pool *pool,
		     struct login_view *view, struct cv_error *err)
{
	const struct settings_tree *tree = process->service->settings;
	int status = settings_get(tree, &login_settings_table, scope, pool,
				  &view->login, err);

	if (status == CV_OK)
		status = settings_get(tree, &ssl_settings_table, scope, pool,
				      &view->ssl, err);
	if (status == CV_OK)
		status = module_scope_init(&view->plugins, tree, scope, pool,
					   err);
	return status;
}

static void set_ip(struct settings_ip *ip, const char *text)
{
	if (!settings_ip_parse(text, ip))
		*ip = (struct settings_ip){ 0 };
}

/* A view of its own only where local or remote blocks make a difference; its
 * TLS contexts stay the common ones, but for local blocks with a certificate
 * of their own. */
const struct login_view *login_view_find(struct login_process *process,
					 struct cv_preauth *p)
{
	struct settings_scope scope = { .protocol = process->protocol_name };
	struct cv_error err = ERROR_NONE;
	struct login_view *view;

	if (!process->has_filters)
		return &process->view;
	set_ip(&scope.local, p->local_ip);
	set_ip(&scope.remote, p->remote_ip);
	view = pool_new(p->pool, struct login_view);
	if (fill_view(process, &scope, p->pool, view, &err) != CV_OK) {
		log_error("login", "settings for %s: %s", p->remote_ip,
			  err.text);
		return &process->view;
	}
	view->tls = view->ssl.ssl == SSL_SSL_NO ? NULL : process->view.tls;
	if (view->tls != NULL && strcmp(view->ssl.ssl_cert,
					process->view.ssl.ssl_cert) != 0 &&
	    tls_server_create(p->pool, process->service->settings, &scope,
			      &view->tls, &err) != CV_OK)
		log_error("login", "TLS for %s: %s", p->local_ip, err.text);
	return view;
}

void login_process_tell(const struct login_process *process,
			enum login_note note)
{
	char byte = (char)note;

	if (process->notify_fd >= 0 &&
	    write(process->notify_fd, &byte, 1) < 0)
		log_debug("login", "cannot tell the zygote: %s",
			  strerror(errno));
}

static bool has_filters(const struct settings_tree *tree)
{
	const char *name;
	uint32_t local = 0, remote = 0;

	return settings_filter_next(tree, "local", &local, &name) ||
		settings_filter_next(tree, "remote", &remote, &name);
}

static int load_protocol(struct login_process *process, struct cv_error *err)
{
	struct service *s = process->service;
	struct module_role role = {
		.process = s->name, .protocol = process->protocol_name,
		.wants = MODULE_WANT_PROTOCOL | MODULE_WANT_NAMED_MAIL,
	};
	int status;

	module_service_register("preauth", 1, &preauth_api);
	status = module_load_role(s->settings, &role, err);
	if (status != CV_OK)
		return status;
	process->protocol = module_provider(CV_PROVIDER_PROTOCOL,
					    process->protocol_name);
	if (process->protocol == NULL)
		return FAIL(err, CV_E_CONFIG, "no plugin speaks the protocol "
			    "'%s'", process->protocol_name);
	if (process->protocol->connected == NULL ||
	    process->protocol->input == NULL ||
	    process->protocol->preauth_line_max == 0)
		return FAIL(err, CV_E_CONFIG, "the protocol '%s' has no "
			    "login", process->protocol_name);
	return CV_OK;
}

static int prepare_tls(struct login_process *process, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = process->protocol_name };
	int status = tls_server_create(process->service->pool,
				       process->service->settings, &scope,
				       &process->view.tls, err);

	if (status == CV_NOT_FOUND)
		return CV_OK;
	/* each of these will need it */
	if (status == CV_OK && process->shared)
		tls_server_warm_up(process->view.tls);
	return status;
}

static int login_start(struct service *s, struct cv_error *err)
{
	struct login_process *process = pool_new(s->pool,
						 struct login_process);
	struct settings_scope scope = { 0 };
	size_t len = strlen(s->name) - strlen("-login");
	int status;

	tls_memory_use();
	process->service = s;
	process->protocol_name = pool_copy(s->pool, s->name, len);
	process->auth_port = service_port(s, "auth");
	process->notify_fd = process->channel.fd = -1;
	process->shared = s->private->go.service_count != 1;
	process->has_filters = has_filters(s->settings);
	scope.protocol = process->protocol_name;
	s->context = process;
	status = load_protocol(process, err);
	if (status == CV_OK)
		status = fill_view(process, &scope, s->pool, &process->view,
				   err);
	if (status == CV_OK)
		status = prepare_tls(process, err);
	if (status == CV_OK)
		status = login_auth_mechanisms(process, s->pool, err);
	if (status == CV_OK)
		status = login_zygote_prepare(process, err);
	return status;
}

const struct service_row login_service_row = {
	.name = "login",
	.user = SERVICE_USER_LOGIN,
	.chroot_empty = true,
	.syscalls = SANDBOX_EVENTS | SANDBOX_FORK | SANDBOX_NARROW,
	.start = login_start,
	.ready = login_zygote_ready,
	.accept = login_zygote_accept,
	.message = login_zygote_message,
	.selftest = login_zygote_selftest,
	.retire = login_zygote_retire,
};
