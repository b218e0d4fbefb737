/* Contexts are made when they are needed, and warmed up when a child of this
 * process has needed one. */
#include "heap.h"
#include "settings-helper.h"
#include "net/tls.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char *pem_of(BIO *bio)
{
	char *data, *copy;
	long len = BIO_get_mem_data(bio, &data);

	copy = strndup(data, (size_t)len);
	BIO_free(bio);
	return copy;
}

/* A folder with cert.pem and key.pem. */
static void make_pair(char *dir)
{
	char path[64], *made;
	BIO *cert = BIO_new(BIO_s_mem()), *text = BIO_new(BIO_s_mem());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x = X509_new();

	assert_true(key != NULL && x != NULL && cert != NULL && text != NULL);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(cert, x), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0,
						  NULL, NULL), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	(void)snprintf(path, sizeof(path), "%s/cert.pem", dir);
	made = pem_of(cert);
	write_file(path, made);
	free(made);
	(void)snprintf(path, sizeof(path), "%s/key.pem", dir);
	made = pem_of(text);
	write_file(path, made);
	free(made);
}

struct fixture {
	char dir[32];
	struct cv_pool *pool;
	struct settings_tree *tree;
	struct tls_server *server;
	struct cv_error err;
};

static void fixture_init(struct fixture *f, bool usable)
{
	struct settings_scope scope = { .protocol = "imap" };
	char text[256], path[64];

	*f = (struct fixture){ .dir = "/tmp/culver-test-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	make_pair(f->dir);
	(void)snprintf(path, sizeof(path), "%s/key.pem", f->dir);
	if (!usable)
		write_file(path, "no key\n");
	(void)snprintf(text, sizeof(text), "ssl = yes\n"
		       "ssl_cert = <%s/cert.pem\nssl_key = <%s/key.pem\n",
		       f->dir, f->dir);
	f->tree = tree_of(text);
	f->pool = pool_create("test");
	assert_int_equal(tls_server_create(f->pool, f->tree, &scope,
					   &f->server, &f->err), CV_OK);
}

static void fixture_end(struct fixture *f)
{
	char path[64];

	pool_destroy(&f->pool);
	settings_tree_destroy(&f->tree);
	(void)snprintf(path, sizeof(path), "%s/cert.pem", f->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/key.pem", f->dir);
	(void)unlink(path);
	assert_int_equal(rmdir(f->dir), 0);
}

static void client(int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	bool done;

	(void)SSL_set_fd(ssl, fd);
	done = SSL_connect(ssl) == 1;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	_exit(done ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* One child is the server, another one its client. */
static void serve_in_a_child(struct fixture *f)
{
	pid_t server, other;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	server = fork();
	if (server == 0) {
		SSL *ssl = tls_server_session(f->server, fds[0]);

		_exit(ssl != NULL && SSL_do_handshake(ssl) == 1 ?
		      EXIT_SUCCESS : EXIT_FAILURE);
	}
	other = fork();
	if (other == 0)
		client(fds[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_true(ended_well(server));
	assert_true(ended_well(other));
}

/* First: the page that says it is this process's, for good. */
static void contexts_are_made_when_a_child_has_needed_one(void **state)
{
	struct fixture f;
	size_t before;

	(void)state;
	fixture_init(&f, true);
	before = heap_used();
	assert_false(tls_server_before_fork(NULL));
	assert_false(tls_server_before_fork(f.server));
	assert_int_equal(heap_used(), before);
	serve_in_a_child(&f);
	assert_int_equal(heap_used(), before);
	assert_true(tls_server_before_fork(f.server));
	assert_true(heap_used() > before + 10000);
	before = heap_used();
	assert_false(tls_server_before_fork(f.server));
	assert_int_equal(heap_used(), before);
	serve_in_a_child(&f);
	fixture_end(&f);
}

static void a_key_that_is_none_is_found_when_contexts_are_made(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, false);
	assert_int_equal(tls_server_prepare(f.server, &f.err), CV_E_CONFIG);
	assert_non_null(strstr(f.err.text, "ssl_key"));
	assert_null(tls_server_session(f.server, 0));
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_are_made_when_a_child_has_needed_one),
		cmocka_unit_test(
			a_key_that_is_none_is_found_when_contexts_are_made),
	};

	settings_register_core();
	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
