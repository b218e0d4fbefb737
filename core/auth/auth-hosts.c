/* auth-hosts.c - see auth-hosts.h. */
#include "auth-hosts.h"

#include "net/address.h"

#include <netdb.h>
#include <sys/socket.h>

int auth_hosts_lookup(const char *host, struct cv_auth_reply *reply,
		      struct cv_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	struct net_address address;
	char ip[NET_IP_TEXT];
	struct cv_text text;
	int failed = getaddrinfo(host, NULL, &hints, &list);

	if (failed != 0)
		return FAIL(err, CV_E_TEMP, "host '%s': %s", host,
			    gai_strerror(failed));
	cv_text_init(&text, reply->pool);
	for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		if (at->ai_addrlen > sizeof(address.u))
			continue;
		memcpy(&address.u, at->ai_addr, at->ai_addrlen);
		address.len = at->ai_addrlen;
		net_address_ip(&address, ip);
		if (text.len > 0)
			cv_text_append_c(&text, ' ');
		cv_text_append_str(&text, ip);
	}
	freeaddrinfo(list);
	return auth_reply_set_str(reply, AUTH_HOSTS_FIELD,
				  cv_text_str(&text)) ? CV_OK :
		FAIL(err, CV_E_TEMP, "host '%s' has too many addresses",
		     host);
}
