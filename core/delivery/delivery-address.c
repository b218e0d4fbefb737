/* delivery-address.c - user and detail of an address. */
#include "base.h"
#include "delivery-address.h"
#include "delivery-message.h"

static bool has_control(struct cv_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

int delivery_address_split(struct cv_span address, const char *delimiters,
			   struct cv_pool *pool, struct cv_recipient *r_r,
			   struct cv_error *err)
{
	struct cv_span local = address, domain = CV_SPAN_NONE;
	struct cv_span user, detail = CV_SPAN_NONE;
	const char *at;

	if (address.len == 0 || address.len >= DELIVERY_ADDRESS_MAX ||
	    has_control(address))
		return FAIL(err, CV_E_SYNTAX, "malformed address");
	/* the last @, since a quoted local part may hold others */
	at = memrchr(address.data, '@', address.len);
	if (at != NULL) {
		local = cv_span(address.data, (size_t)(at - address.data));
		domain = cv_span_skip(address, local.len);
	}
	user = local;
	for (size_t i = 0; i < local.len && local.data[0] != '"'; i++) {
		if (strchr(delimiters, local.data[i]) != NULL) {
			user = cv_span(local.data, i);
			detail = cv_span_skip(local, i + 1);
			break;
		}
	}
	if (user.len == 0)
		return FAIL(err, CV_E_SYNTAX, "address without a user");
	r_r->size = sizeof(*r_r);
	r_r->address = pool_copy(pool, address.data, address.len);
	r_r->user = pool_printf(pool, "%.*s%.*s", CV_SPAN_ARG(user),
				(int)domain.len,
				domain.len == 0 ? "" : domain.data);
	r_r->detail = detail.len == 0 ? "" :
		pool_copy(pool, detail.data, detail.len);
	return CV_OK;
}
