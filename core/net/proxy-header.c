/* proxy-header.c - reading the PROXY protocol's header.
 *
 * [PROXY] is "The PROXY protocol", versions 1 and 2, by W. Tarreau. */
#include "proxy-header.h"

#include <errno.h>

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum {
	V2_FIXED = 16,		/* signature, command, family, length */
	V2_LOCAL = 0, V2_PROXY = 1,
	V2_TCP4 = 0x11, V2_TCP6 = 0x21,
	V2_TCP4_BYTES = 12, V2_TCP6_BYTES = 36, V2_UNIX_BYTES = 216,
	TLV_AUTHORITY = 0x02, TLV_SSL = 0x20, TLV_SSL_CN = 0x22,
	SSL_CLIENT = 0x01, SSL_CERT_CONN = 0x02, SSL_CERT_SESS = 0x04,
	SSL_FIXED = 5,
};

/* --- version 1: a line of text ---------------------------------------------- */

/* One word, and the one blank behind it [PROXY 2.1]. */
static bool take_word(struct cv_span *rest, char word[static NET_IP_TEXT])
{
	struct cv_span part;

	if (!cv_span_split(rest, ' ', &part) || part.len == 0 ||
	    part.len >= NET_IP_TEXT ||
	    memchr(part.data, '\0', part.len) != NULL)
		return false;
	memcpy(word, part.data, part.len);
	word[part.len] = '\0';
	return true;
}

static bool take_ip(struct cv_span *rest, int family,
		    struct net_address *address_r)
{
	char word[NET_IP_TEXT];

	/* "*" and "[::1]" are our notations, not the protocol's */
	return take_word(rest, word) && strchr("*[", word[0]) == NULL &&
		net_address_parse(address_r, word, 0) &&
		address_r->u.any.sa_family == family;
}

static bool take_port(struct cv_span *rest, struct net_address *address)
{
	char word[NET_IP_TEXT];
	uint64_t port;

	/* no heading zeroes [PROXY 2.1] */
	if (!take_word(rest, word) || (word[0] == '0' && word[1] != '\0') ||
	    !cv_span_to_u64(cv_span_of(word), UINT16_MAX, &port))
		return false;
	if (address->u.any.sa_family == AF_INET)
		address->u.v4.sin_port = htons((uint16_t)port);
	else
		address->u.v6.sin6_port = htons((uint16_t)port);
	return true;
}

/* line is what stands between "PROXY " and CRLF. */
static bool parse_v1_line(struct cv_span line, struct proxy_header *header)
{
	char word[NET_IP_TEXT];
	int family;

	/* "UNKNOWN" may be followed by anything, which is ignored
	 * [PROXY 2.1] */
	if (!take_word(&line, word))
		return false;
	if (strcmp(word, "UNKNOWN") == 0)
		return true;
	if (strcmp(word, "TCP4") != 0 && strcmp(word, "TCP6") != 0)
		return false;
	family = word[3] == '4' ? AF_INET : AF_INET6;
	header->has_addresses = true;
	return take_ip(&line, family, &header->remote) &&
		take_ip(&line, family, &header->local) &&
		take_port(&line, &header->remote) &&
		take_port(&line, &header->local) &&
		line.data == NULL;
}

static int parse_v1(struct cv_span in, struct proxy_header *header,
		    size_t *used_r, struct cv_error *err)
{
	size_t look = in.len < PROXY_HEADER_V1_MAX ? in.len :
		PROXY_HEADER_V1_MAX;
	const char *lf = memchr(in.data, '\n', look);

	if (lf == NULL)
		return look < PROXY_HEADER_V1_MAX ? CV_NOT_FOUND :
			FAIL(err, CV_E_SYNTAX, "PROXY header without an end");
	*used_r = (size_t)(lf - in.data) + 1;
	if (*used_r < 8 || lf[-1] != '\r' ||
	    !parse_v1_line(cv_span(in.data + 6, *used_r - 8), header))
		return FAIL(err, CV_E_SYNTAX, "PROXY header is malformed");
	return CV_OK;
}

/* --- version 2: binary -------------------------------------------------------- */

static void set_v4(struct net_address *address, const char *ip,
		   const char *port)
{
	address->u.v4.sin_family = AF_INET;
	address->len = sizeof(address->u.v4);
	memcpy(&address->u.v4.sin_addr, ip, 4);
	memcpy(&address->u.v4.sin_port, port, 2);
}

static void set_v6(struct net_address *address, const char *ip,
		   const char *port)
{
	address->u.v6.sin6_family = AF_INET6;
	address->len = sizeof(address->u.v6);
	memcpy(&address->u.v6.sin6_addr, ip, 16);
	memcpy(&address->u.v6.sin6_port, port, 2);
}

/* A name goes into logs and comparisons: none that is cut or has controls in
 * it. */
static void set_name(char dst[static PROXY_NAME_MAX + 1], struct cv_span name)
{
	if (name.len > PROXY_NAME_MAX)
		return;
	for (size_t i = 0; i < name.len; i++) {
		if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
			return;
	}
	memcpy(dst, name.data, name.len);
	dst[name.len] = '\0';
}

/* Type, length, value [PROXY 2.2.1].  False: rest is malformed. */
static bool take_vector(struct cv_span *rest, unsigned int *type_r,
			struct cv_span *value_r)
{
	size_t len;

	if (rest->len < 3)
		return false;
	*type_r = (unsigned char)rest->data[0];
	len = (size_t)(unsigned char)rest->data[1] << 8 |
		(unsigned char)rest->data[2];
	if (len > rest->len - 3)
		return false;
	*value_r = cv_span(rest->data + 3, len);
	*rest = cv_span_skip(*rest, 3 + len);
	return true;
}

/* Flags, the result of the check of the certificate (0: good), and more
 * vectors [PROXY 2.2.5]. */
static bool parse_ssl(struct cv_span in, struct proxy_header *header)
{
	struct cv_span value;
	unsigned int type, client;
	bool verified;

	if (in.len < SSL_FIXED)
		return false;
	client = (unsigned char)in.data[0];
	verified = memcmp(in.data + 1, "\0\0\0", 4) == 0;
	header->tls = (client & SSL_CLIENT) != 0;
	header->cert_valid = header->tls && verified &&
		(client & (SSL_CERT_CONN | SSL_CERT_SESS)) != 0;
	in = cv_span_skip(in, SSL_FIXED);
	while (in.len > 0) {
		if (!take_vector(&in, &type, &value))
			return false;
		if (type == TLV_SSL_CN)
			set_name(header->cert_name, value);
	}
	return true;
}

static bool parse_vectors(struct cv_span in, struct proxy_header *header)
{
	struct cv_span value;
	unsigned int type;

	while (in.len > 0) {
		if (!take_vector(&in, &type, &value))
			return false;
		if (type == TLV_AUTHORITY)
			set_name(header->local_name, value);
		else if (type == TLV_SSL && !parse_ssl(value, header))
			return false;
	}
	return true;
}

/* Addresses and what follows them. */
static bool parse_v2_body(unsigned int family, struct cv_span body,
			  struct proxy_header *header)
{
	size_t bytes = 0;

	if (family == V2_TCP4 && body.len >= V2_TCP4_BYTES) {
		set_v4(&header->remote, body.data, body.data + 8);
		set_v4(&header->local, body.data + 4, body.data + 10);
		bytes = V2_TCP4_BYTES;
	} else if (family == V2_TCP6 && body.len >= V2_TCP6_BYTES) {
		set_v6(&header->remote, body.data, body.data + 32);
		set_v6(&header->local, body.data + 16, body.data + 34);
		bytes = V2_TCP6_BYTES;
	} else if (family == V2_TCP4 || family == V2_TCP6) {
		return false;
	} else {
		/* UNSPEC, UNIX sockets, datagrams: as if it did not know
		 * [PROXY 2.2]; where their vectors begin is known of some */
		switch (family >> 4) {
		case 1:
			bytes = V2_TCP4_BYTES;
			break;
		case 2:
			bytes = V2_TCP6_BYTES;
			break;
		case 3:
			bytes = V2_UNIX_BYTES;
			break;
		default:
			return true;
		}
		return body.len >= bytes;
	}
	header->has_addresses = true;
	return parse_vectors(cv_span_skip(body, bytes), header);
}

static int parse_v2(struct cv_span in, struct proxy_header *header,
		    size_t *used_r, struct cv_error *err)
{
	unsigned int command;
	size_t len;

	if (in.len < V2_FIXED)
		return CV_NOT_FOUND;
	command = (unsigned char)in.data[12];
	len = (size_t)(unsigned char)in.data[14] << 8 |
		(unsigned char)in.data[15];
	/* the upper half is the version, and there is one [PROXY 2.2] */
	if (command >> 4 != 2 || (command & 15) > V2_PROXY)
		return FAIL(err, CV_E_SYNTAX, "PROXY header of an unknown "
			    "kind (0x%02x)", command);
	if (V2_FIXED + len > PROXY_HEADER_MAX)
		return FAIL(err, CV_E_SYNTAX, "PROXY header is too long "
			    "(%zu bytes)", V2_FIXED + len);
	if (in.len < V2_FIXED + len)
		return CV_NOT_FOUND;
	*used_r = V2_FIXED + len;
	/* the proxy's own connection, e.g. a health check: what it says of
	 * addresses is to be ignored [PROXY 2.2] */
	if ((command & 15) == V2_LOCAL)
		return CV_OK;
	if (!parse_v2_body((unsigned char)in.data[13],
			   cv_span(in.data + V2_FIXED, len), header))
		return FAIL(err, CV_E_SYNTAX, "PROXY header is malformed");
	return CV_OK;
}

static bool begins_alike(struct cv_span in, const char *with, size_t len)
{
	return memcmp(in.data, with, in.len < len ? in.len : len) == 0;
}

int proxy_header_parse(const void *data, size_t len,
		       struct proxy_header *header_r, size_t *used_r,
		       struct cv_error *err)
{
	struct cv_span in = cv_span(data, len);
	int status;

	*header_r = (struct proxy_header){ 0 };
	*used_r = 0;
	if (len == 0)
		return CV_NOT_FOUND;
	if (begins_alike(in, "PROXY ", 6))
		status = len < 6 ? CV_NOT_FOUND :
			parse_v1(in, header_r, used_r, err);
	else if (begins_alike(in, v2_signature, sizeof(v2_signature)))
		status = parse_v2(in, header_r, used_r, err);
	else
		status = FAIL(err, CV_E_SYNTAX, "no PROXY header");
	if (status != CV_OK) {
		*header_r = (struct proxy_header){ 0 };
		*used_r = 0;
	}
	return status;
}

int proxy_header_read(int fd, struct proxy_reader *reader,
		      struct proxy_header *header_r, struct cv_error *err)
{
	size_t before = reader->len, used;
	ssize_t n = recv(fd, reader->data + before,
			 sizeof(reader->data) - before, MSG_PEEK);
	int status;

	if (n == 0)
		return CV_EOF;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? CV_NOT_FOUND :
			CV_EOF;
	status = proxy_header_parse(reader->data, before + (size_t)n,
				    header_r, &used, err);
	if (status == CV_NOT_FOUND)
		used = before + (size_t)n;	/* all of it belongs to it */
	else if (status != CV_OK)
		return status;
	/* the end was not in what came before */
	BUG_IF(used <= before);
	n = recv(fd, reader->data + before, used - before, 0);
	if (n != (ssize_t)(used - before))
		return CV_EOF;
	reader->len = used;
	return status;
}
