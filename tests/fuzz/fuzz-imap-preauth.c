/* fuzz-imap-preauth.c - the whole conversation before login.  The first byte
 * chooses what the host does: pieces, TLS, outcome of authentication. */
#include "imap-mock.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	mock_init();
	return 0;
}

/* What core does between two reads. */
static void host_acts(struct cv_preauth *p, unsigned int how,
		      uint32_t *auths)
{
	if (p->starttls) {
		p->starttls = false;
		p->tls_active = true;
		p->unread.len = 0;
		mock_protocol.tls_started(p);
	}
	if (p->auth_begun == *auths || p->closed)
		return;
	*auths = p->auth_begun;
	if ((how & 3) == 0)
		mock_protocol.auth_challenge(p, CV_SPAN("challenge"));
	else
		mock_preauth_outcome(p, CV_E_DENIED, how >> 2 & 15, "text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_preauth *p;
	uint32_t auths = 0;
	unsigned int how;
	size_t at = 1;

	if (size < 1)
		return 0;
	how = data[0];
	p = mock_preauth_new();
	p->secure = (how & 64) != 0;
	p->tls_available = true;
	while (at < size && !p->closed) {
		size_t len = (how & 128) != 0 ? 1 + how % 5 : size - at;

		if (len > size - at)
			len = size - at;
		cv_text_reset(&p->out);
		mock_preauth_feed(p, data + at, len);
		BUG_IF(p->out.len > 0 &&
		       memchr(p->out.data, '\0', p->out.len) != NULL);
		at += len;
		host_acts(p, how, &auths);
		if (p->aborted) {
			p->aborted = false;
			mock_preauth_outcome(p, CV_E_DENIED,
					     CV_AUTH_FAIL_ABORTED, "");
		}
	}
	mock_preauth_free(&p);
	return 0;
}
