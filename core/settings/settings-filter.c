/* settings-filter.c - protocol, local, remote and local_name filters. */
#include "settings-private.h"

#include <arpa/inet.h>

bool settings_is_filter_kind(struct cv_span kind)
{
	return cv_span_is(kind, "protocol") || cv_span_is(kind, "local") ||
		cv_span_is(kind, "remote") || cv_span_is(kind, "local_name");
}

bool settings_ip_parse(const char *text, struct settings_ip *ip_r)
{
	static const uint8_t mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
	};

	*ip_r = (struct settings_ip){ .family = 0 };
	if (inet_pton(AF_INET, text, ip_r->bytes) == 1) {
		ip_r->family = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, ip_r->bytes) != 1)
		return false;
	ip_r->family = 6;
	if (memcmp(ip_r->bytes, mapped, sizeof(mapped)) == 0) {
		memmove(ip_r->bytes, ip_r->bytes + 12, 4);
		memset(ip_r->bytes + 4, 0, 12);
		ip_r->family = 4;
	}
	return true;
}

static int net_parse(const char *kind, const char *name,
		     struct settings_net *net_r, struct cv_error *err)
{
	struct cv_span rest = cv_span_of(name), ip_text, bits_text;
	uint64_t bits, most;
	char copy[64];

	(void)cv_span_split(&rest, '/', &ip_text);
	bits_text = rest;
	if (ip_text.len > 1 && ip_text.data[0] == '[' &&
	    ip_text.data[ip_text.len - 1] == ']')
		ip_text = cv_span(ip_text.data + 1, ip_text.len - 2);
	if (ip_text.len == 0 || ip_text.len >= sizeof(copy))
		return FAIL(err, CV_E_CONFIG, "'%s %s': expecting an address "
			    "or a network such as 192.0.2.0/24", kind, name);
	memcpy(copy, ip_text.data, ip_text.len);
	copy[ip_text.len] = '\0';
	/* DEPARTS: names are not looked up, a server must start without DNS */
	if (!settings_ip_parse(copy, &net_r->ip))
		return FAIL(err, CV_E_CONFIG, "'%s %s': '%s' is no IP "
			    "address; write the address of the host here%s",
			    kind, name, copy, strcmp(kind, "local") == 0 ?
			    ", or local_name for a TLS server name" : "");
	most = net_r->ip.family == 4 ? 32 : 128;
	bits = most;
	if (bits_text.data != NULL && !cv_span_to_u64(bits_text, most, &bits))
		return FAIL(err, CV_E_CONFIG, "'%s %s': the network mask is a "
			    "number up to %u", kind, name, (unsigned)most);
	net_r->bits = (uint8_t)bits;
	return CV_OK;
}

static bool net_matches(const struct settings_net *net,
			const struct settings_ip *ip)
{
	unsigned int bytes = net->bits / 8, bits = net->bits % 8;

	if (net->ip.family == 0)
		return true;
	if (net->ip.family != ip->family ||
	    memcmp(net->ip.bytes, ip->bytes, bytes) != 0)
		return false;
	return bits == 0 || ((net->ip.bytes[bytes] ^ ip->bytes[bytes]) >>
			     (8 - bits)) == 0;
}

/* "*.example" stands for one label in front. */
static bool label_matches(struct cv_span pattern, struct cv_span name)
{
	const char *dot;

	if (!cv_span_begins(pattern, CV_SPAN("*.")))
		return cv_span_equal_icase(pattern, name);
	dot = name.len == 0 ? NULL : memchr(name.data, '.', name.len);
	if (dot == NULL || dot == name.data)
		return false;
	return cv_span_equal_icase(cv_span_skip(pattern, 1),
		cv_span_skip(name, (size_t)(dot - name.data)));
}

static bool local_name_matches(const char *patterns, const char *name)
{
	struct cv_span rest = cv_span_of(patterns), pattern;

	if (name == NULL)
		return false;
	while (cv_span_split(&rest, ' ', &pattern)) {
		if (pattern.len > 0 &&
		    label_matches(pattern, cv_span_of(name)))
			return true;
	}
	return false;
}

static bool protocol_matches(const char *wanted, const char *protocol)
{
	if (wanted[0] == '!')
		return protocol != NULL && strcmp(wanted + 1, protocol) != 0;
	return protocol != NULL && strcmp(wanted, protocol) == 0;
}

bool settings_filter_matches(const struct settings_filter *filter,
			     const struct settings_scope *scope)
{
	static const struct settings_scope nowhere;

	if (scope == NULL)
		scope = &nowhere;
	if (filter->protocol != NULL &&
	    !protocol_matches(filter->protocol, scope->protocol))
		return false;
	if (filter->local_name != NULL &&
	    !local_name_matches(filter->local_name, scope->local_name))
		return false;
	return net_matches(&filter->local, &scope->local) &&
		net_matches(&filter->remote, &scope->remote);
}

uint32_t settings_filter_rank(const struct settings_filter *filter)
{
	uint32_t rank = 0;

	if (filter->local_name != NULL)
		rank |= (filter->local_name[0] == '*' ? 1u : 2u) << 24;
	if (filter->local.ip.family != 0)
		rank |= (filter->local.bits + 1u) << 16;
	if (filter->remote.ip.family != 0)
		rank |= (filter->remote.bits + 1u) << 8;
	if (filter->protocol != NULL)
		rank |= 1;
	return rank;
}

static int part_set(struct settings_tree *tree, struct settings_filter *filter,
		    const char *kind, const char *name, struct cv_error *err)
{
	bool twice;

	if (name[0] == '\0')
		return FAIL(err, CV_E_CONFIG, "'%s {' needs a name: %s",
			    kind, strcmp(kind, "protocol") == 0 ?
			    "protocol imap {" : strcmp(kind, "local_name") ?
			    "an address or a network" : "a host name");
	if (strcmp(kind, "protocol") == 0) {
		twice = filter->protocol != NULL;
		filter->protocol = pool_strdup(tree->pool, name);
	} else if (strcmp(kind, "local_name") == 0) {
		twice = filter->local_name != NULL;
		filter->local_name = pool_strdup(tree->pool, name);
	} else if (strcmp(kind, "local") == 0) {
		twice = filter->local.ip.family != 0;
		if (net_parse(kind, name, &filter->local, err) < 0)
			return CV_E_CONFIG;
	} else {
		twice = filter->remote.ip.family != 0;
		if (net_parse(kind, name, &filter->remote, err) < 0)
			return CV_E_CONFIG;
	}
	if (twice)
		return FAIL(err, CV_E_CONFIG, "'%s' inside '%s': close the "
			    "outer one first", kind, kind);
	return CV_OK;
}

int settings_filter_add(struct settings_tree *tree, uint32_t parent,
			const char *kind, const char *name,
			uint32_t *filter_r, struct cv_error *err)
{
	struct settings_filter filter = tree->filters.items[parent];

	for (uint32_t i = 1; i < tree->filters.count; i++) {
		const struct settings_filter *other = &tree->filters.items[i];

		if (other->parent == parent && strcmp(other->kind, kind) == 0 &&
		    strcmp(other->name, name) == 0) {
			*filter_r = i;
			return CV_OK;
		}
	}
	if (part_set(tree, &filter, kind, name, err) < 0)
		return CV_E_CONFIG;
	filter.parent = parent;
	filter.kind = pool_strdup(tree->pool, kind);
	filter.name = pool_strdup(tree->pool, name);
	filter.rank = settings_filter_rank(&filter);
	*filter_r = (uint32_t)tree->filters.count;
	*array_add(&tree->filters) = filter;
	return CV_OK;
}

bool settings_filter_next(const struct settings_tree *tree, const char *kind,
			  uint32_t *at, const char **name_r)
{
	for (uint32_t i = *at == 0 ? 1 : *at; i < tree->filters.count; i++) {
		if (strcmp(tree->filters.items[i].kind, kind) == 0) {
			*name_r = tree->filters.items[i].name;
			*at = i + 1;
			return true;
		}
	}
	return false;
}
