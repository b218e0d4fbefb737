/* jwt.c - the form of a token, and its dates. */
#include "jwt.h"

/* (RFC 7515 2) without padding, in one proper form only: a token has one
 * spelling. */
static int decode(struct cv_pool *pool, struct cv_span src,
		  struct cv_span *out_r, struct cv_error *err)
{
	struct cv_text plain, out;

	cv_text_init(&plain, pool);
	cv_text_init(&out, pool);
	for (size_t i = 0; i < src.len; i++) {
		char c = src.data[i];

		if (c == '+' || c == '/' || c == '=')
			return CV_FAIL(err, CV_E_SYNTAX, "a part is not in "
				       "base64url");
		cv_text_append_c(&plain, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	while (plain.len % 4 != 0 && src.len % 4 != 1)
		cv_text_append_c(&plain, '=');
	if (src.len % 4 == 1 || src.len == 0 ||
	    !cv_api->base64_decode(&out, cv_text_span(&plain)))
		return CV_FAIL(err, CV_E_SYNTAX, "a part is not in base64url");
	*out_r = cv_text_span(&out);
	return CV_OK;
}

static int decode_object(struct cv_pool *pool, struct cv_span src,
			 struct oauth2_members *members_r,
			 struct cv_error *err)
{
	struct cv_span text;
	int ret = decode(pool, src, &text, err);

	return ret != CV_OK ? ret : oauth2_json_parse(pool, text, members_r,
						      err);
}

/* A text of the object; the other one when it has none.  NULL: it is none. */
static const char *name_in(const struct oauth2_members *members,
			   const char *name, const char *other)
{
	const struct oauth2_member *member =
		oauth2_json_find(members, cv_span_of(name));

	if (member == NULL)
		return other;
	if (member->kind != OAUTH2_TEXT || member->value[0] == '\0' ||
	    strlen(member->value) > JWT_NAME_MAX)
		return NULL;
	return member->value;
}

/* (RFC 8725 3.11) a token that was made for something else says so */
static bool is_access_token(const char *type)
{
	static const char *const types[] = {
		"JWT", "at+jwt", "application/at+jwt", "application/jwt",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (cv_span_is_icase(cv_span_of(type), types[i]))
			return true;
	}
	return false;
}

static int take_header(const struct oauth2_members *header, struct jwt *jwt,
		       struct cv_error *err)
{
	const char *type = name_in(header, "typ", "JWT");

	if (type == NULL || !is_access_token(type))
		return CV_FAIL(err, CV_E_SYNTAX, "typ is not JWT");
	/* (RFC 7515 4.1.11) what is critical must be understood; nothing of
	 * the kind is.  jku, jwk, x5u and x5c are never looked at: the key is
	 * ours to choose (RFC 8725 3.10) */
	if (oauth2_json_find(header, CV_SPAN("crit")) != NULL ||
	    oauth2_json_find(header, CV_SPAN("b64")) != NULL ||
	    oauth2_json_find(header, CV_SPAN("enc")) != NULL)
		return CV_FAIL(err, CV_E_SYNTAX, "the header has crit, b64 or "
			       "enc");
	jwt->alg = name_in(header, "alg", NULL);
	jwt->kid = name_in(header, "kid", "default");
	if (jwt->alg == NULL || jwt->kid == NULL)
		return CV_FAIL(err, CV_E_SYNTAX, "the header has no alg, or "
			       "alg or kid are empty, too long or no text");
	return CV_OK;
}

int jwt_parse(struct cv_pool *pool, struct cv_span token, struct jwt *jwt_r,
	      struct cv_error *err)
{
	struct cv_span rest = token, header = CV_SPAN_NONE,
		claims = CV_SPAN_NONE;
	struct oauth2_members members;
	int ret;

	*jwt_r = (struct jwt){ .alg = "", .kid = "", .azp = "" };
	if (token.len > JWT_BYTES_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "longer than %d bytes",
			       JWT_BYTES_MAX);
	/* (RFC 7515 7.1) three parts; five would be one that is encrypted */
	if (!cv_span_split(&rest, '.', &header) ||
	    !cv_span_split(&rest, '.', &claims) || rest.data == NULL ||
	    (rest.len > 0 && memchr(rest.data, '.', rest.len) != NULL))
		return CV_FAIL(err, CV_E_SYNTAX, "not three parts");
	jwt_r->signed_part = cv_span(token.data, header.len + 1 + claims.len);
	if ((ret = decode_object(pool, header, &members, err)) != CV_OK ||
	    (ret = take_header(&members, jwt_r, err)) != CV_OK ||
	    (ret = decode_object(pool, claims, &jwt_r->claims, err)) != CV_OK)
		return ret;
	/* (RFC 8725 3.1) before all else, and whatever its spelling */
	if (rest.len == 0 || cv_span_is_icase(cv_span_of(jwt_r->alg), "none"))
		return CV_FAIL(err, CV_E_SYNTAX, "it is not signed");
	jwt_r->azp = name_in(&jwt_r->claims, "azp", "default");
	if (jwt_r->azp == NULL)
		return CV_FAIL(err, CV_E_SYNTAX, "azp is empty, too long or "
			       "no text");
	return decode(pool, rest, &jwt_r->signature, err);
}

/* --- dates ------------------------------------------------------------------ */

/* (RFC 7519 2) NumericDate: seconds, perhaps with a fraction.  CV_NOT_FOUND:
 * there is none. */
static int date_in(const struct oauth2_members *claims, const char *name,
		   double *date_r, struct cv_error *err)
{
	const struct oauth2_member *member =
		oauth2_json_find(claims, cv_span_of(name));

	if (member == NULL)
		return CV_NOT_FOUND;
	if (member->kind != OAUTH2_NUMBER || !(member->number >= 0) ||
	    member->number > 9007199254740992.0)
		return CV_FAIL(err, CV_E_SYNTAX, "%s is no date", name);
	*date_r = member->number;
	return CV_OK;
}

int jwt_check_times(const struct oauth2_members *claims, double now,
		    bool needs_exp, struct cv_error *err)
{
	double date;
	int ret = date_in(claims, "exp", &date, err);

	if (ret < 0)
		return ret;
	/* one without an end would be good for ever */
	if (ret == CV_NOT_FOUND && needs_exp)
		return CV_FAIL(err, CV_E_SYNTAX, "exp is missing");
	/* (RFC 7519 4.1.4) the current time must be before it */
	if (ret == CV_OK && now >= date)
		return CV_FAIL(err, CV_E_DENIED, "it has expired");
	if ((ret = date_in(claims, "nbf", &date, err)) < 0)
		return ret;
	/* (RFC 7519 4.1.5) and some seconds for clocks that differ */
	if (ret == CV_OK && now + JWT_SKEW_SECS < date)
		return CV_FAIL(err, CV_E_DENIED, "it is not valid yet");
	if ((ret = date_in(claims, "iat", &date, err)) < 0)
		return ret;
	if (ret == CV_OK && now + JWT_SKEW_SECS < date)
		return CV_FAIL(err, CV_E_DENIED, "it was issued in the "
			       "future");
	return CV_OK;
}

/* --- names of keys ------------------------------------------------------------ */

/* Dovecot's: '/' and '%' are spelled %2f and %25. */
static int append_name(struct cv_text *name, const char *what,
		       const char *text, struct cv_error *err)
{
	/* INVARIANT: nothing of a token leaves the folder of keys */
	if (text[0] == '.')
		return CV_FAIL(err, CV_E_DENIED, "%s begins with a dot", what);
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return CV_FAIL(err, CV_E_DENIED, "%s has control "
				       "bytes", what);
		if (*text == '/')
			cv_text_append_str(name, "%2f");
		else if (*text == '%')
			cv_text_append_str(name, "%25");
		else
			cv_text_append_c(name, *text);
	}
	return CV_OK;
}

int jwt_key_name(const struct jwt *jwt, struct cv_text *name,
		 struct cv_error *err)
{
	int ret = append_name(name, "azp", jwt->azp, err);

	if (ret != CV_OK)
		return ret;
	cv_text_append_c(name, '/');
	if ((ret = append_name(name, "alg", jwt->alg, err)) != CV_OK)
		return ret;
	cv_text_append_c(name, '/');
	return append_name(name, "kid", jwt->kid, err);
}
