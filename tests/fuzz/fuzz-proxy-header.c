/* fuzz-proxy-header.c - the PROXY protocol: what is a header stays one with
 * bytes behind it, and is found byte by byte, too. */
#include "base.h"
#include "net/proxy-header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct proxy_header *h)
{
	char text[NET_IP_TEXT];

	net_address_ip(&h->remote, text);
	BUG_IF(h->has_addresses && text[0] == '\0');
	BUG_IF(!h->has_addresses && h->remote.len != 0);
	BUG_IF(h->cert_valid && !h->tls);
	BUG_IF(memchr(h->cert_name, '\0', sizeof(h->cert_name)) == NULL);
	BUG_IF(memchr(h->local_name, '\0', sizeof(h->local_name)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	struct cv_error err = ERROR_NONE;
	size_t used, used_part;
	int status = proxy_header_parse(data, size, &whole, &used, &err);

	check(&whole);
	BUG_IF(used > size || (status == CV_OK) != (used > 0));
	BUG_IF(used > PROXY_HEADER_MAX);
	for (size_t len = 0; len < used && len < 600; len++)
		BUG_IF(proxy_header_parse(data, len, &part, &used_part,
					  NULL) != CV_NOT_FOUND);
	if (status == CV_OK) {
		BUG_IF(proxy_header_parse(data, used, &part, &used_part,
					  NULL) != CV_OK);
		BUG_IF(memcmp(&whole, &part, sizeof(whole)) != 0);
	}
	return 0;
}
