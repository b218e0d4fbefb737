/* sasl-gs2.c - [RFC5801 4], as [RFC5802 7] has it. */
#include "sasl-gs2.h"

int gs2_name_decode(struct cv_span raw, struct cv_pool *pool,
		    struct cv_span *name_r, struct cv_error *err)
{
	struct cv_text name;

	cv_text_init(&name, pool);
	for (size_t i = 0; i < raw.len; i++) {
		struct cv_span rest = cv_span_skip(raw, i);

		if (raw.data[i] == '\0' || raw.data[i] == ',')
			return FAIL(err, CV_E_SYNTAX, "NUL or comma in a "
				    "name");
		if (raw.data[i] != '=') {
			cv_text_append_c(&name, raw.data[i]);
			continue;
		}
		/* [RFC5802 5.1] any other sequence: fail */
		if (cv_span_begins(rest, CV_SPAN("=2C")))
			cv_text_append_c(&name, ',');
		else if (cv_span_begins(rest, CV_SPAN("=3D")))
			cv_text_append_c(&name, '=');
		else
			return FAIL(err, CV_E_SYNTAX, "'=' in a name is "
				    "neither =2C nor =3D");
		i += 2;
	}
	*name_r = cv_text_span(&name);
	if (name.len == 0 || !utf8_is_valid(name.data, name.len))
		return FAIL(err, CV_E_SYNTAX, "name is empty or not UTF-8");
	return CV_OK;
}

/* [RFC5801 4] cb-name = 1*(ALPHA / DIGIT / "." / "-") */
static bool is_binding_name(struct cv_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = cv_ascii_lower(name.data[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    c != '.' && c != '-')
			return false;
	}
	return name.len > 0;
}

int gs2_header_parse(struct cv_span *rest, struct cv_pool *pool,
		     struct gs2_header *header_r, struct cv_error *err)
{
	struct cv_span flag, authzid;
	const char *start = rest->data;

	*header_r = (struct gs2_header){ .binding = GS2_NO_BINDING };
	if (rest->len == 0 || !cv_span_split(rest, ',', &flag) ||
	    !cv_span_split(rest, ',', &authzid) || rest->data == NULL)
		return FAIL(err, CV_E_SYNTAX, "no GS2 header");
	header_r->raw = cv_span(start, (size_t)(rest->data - start));
	if (cv_span_is(flag, "y")) {
		header_r->binding = GS2_UNUSED_BINDING;
	} else if (cv_span_begins(flag, CV_SPAN("p="))) {
		header_r->binding = GS2_BINDING;
		header_r->binding_name = cv_span_skip(flag, 2);
		if (!is_binding_name(header_r->binding_name))
			return FAIL(err, CV_E_SYNTAX, "GS2 header: name of a "
				    "channel binding");
	} else if (!cv_span_is(flag, "n")) {
		return FAIL(err, CV_E_SYNTAX, "GS2 header: neither n, y nor "
			    "p=");
	}
	if (authzid.len == 0)
		return CV_OK;
	if (!cv_span_begins(authzid, CV_SPAN("a=")))
		return FAIL(err, CV_E_SYNTAX, "GS2 header: no authzid where "
			    "it should be");
	return gs2_name_decode(cv_span_skip(authzid, 2), pool,
			       &header_r->authzid, err);
}
