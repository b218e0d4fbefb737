/* auth-username.c - user names. */
#include "auth-username.h"
#include "ipc/user-message.h"

static void translate(const char *map, char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		for (const char *m = map; m[0] != '\0' && m[1] != '\0';
		     m += 2) {
			if (name[i] == m[0]) {
				name[i] = m[1];
				break;
			}
		}
	}
}

static int check_chars(const char *allowed, const char *name,
		       struct cv_error *err)
{
	size_t bad;

	for (const char *c = name; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			return FAIL(err, CV_E_DENIED, "control byte 0x%02x "
				    "in the user name", (unsigned char)*c);
		}
	}
	if (allowed[0] == '\0')
		return CV_OK;
	bad = strspn(name, allowed);
	if (name[bad] != '\0') {
		return FAIL(err, CV_E_DENIED, "user name has a byte 0x%02x "
			    "that auth_username_chars does not allow",
			    (unsigned char)name[bad]);
	}
	return CV_OK;
}

static int check_length(size_t len, struct cv_error *err)
{
	if (len == 0)
		return FAIL(err, CV_E_DENIED, "empty user name");
	if (len >= USER_NAME_MAX) {
		return FAIL(err, CV_E_DENIED, "user name of %zu bytes is "
			    "too long", len);
	}
	return CV_OK;
}

int auth_username_fix(const struct auth_settings *set,
		      const struct cv_auth_input *in, struct cv_span raw,
		      struct cv_pool *pool, const char **user_r,
		      struct cv_error *err)
{
	struct cv_auth_input named = *in;
	struct cv_text out;
	char *name;
	int ret;

	if ((ret = check_length(raw.len, err)) < 0)
		return ret;
	/* INVARIANT: from here on names are C strings [security.md A14] */
	if (memchr(raw.data, '\0', raw.len) != NULL)
		return FAIL(err, CV_E_DENIED, "NUL in the user name");
	if (memchr(raw.data, '@', raw.len) == NULL &&
	    set->auth_default_realm[0] != '\0') {
		name = pool_printf(pool, "%.*s@%s", CV_SPAN_ARG(raw),
				   set->auth_default_realm);
	} else {
		name = pool_copy(pool, raw.data, raw.len);
	}
	translate(set->auth_username_translation, name, strlen(name));
	if ((ret = check_chars(set->auth_username_chars, name, err)) < 0)
		return ret;
	*user_r = name;
	if (set->auth_username_format[0] == '\0')
		return check_length(strlen(name), err);
	named.user = name;
	named.pool = pool;
	cv_text_init(&out, pool);
	ret = auth_input_expand(&named, set->auth_username_format, 0, &out,
				err);
	if (ret < 0)
		return error_prefix(err, "auth_username_format");
	*user_r = cv_text_str(&out);
	return check_length(out.len, err);
}

bool auth_username_split_master(const struct auth_settings *set,
				struct cv_span raw, struct cv_span *login_r,
				struct cv_span *master_r)
{
	char separator = set->auth_master_user_separator[0];
	const char *at;

	if (separator == '\0' || raw.len == 0)
		return false;
	at = memchr(raw.data, separator, raw.len);
	if (at == NULL)
		return false;
	*login_r = cv_span(raw.data, (size_t)(at - raw.data));
	*master_r = cv_span_skip(raw, login_r->len + 1);
	return true;
}

bool auth_pattern_matches(struct cv_span pattern, struct cv_span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

	/* greedy with one place to come back to: no backtracking tree */
	while (t < text.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len && (pattern.data[p] == '?' ||
					pattern.data[p] == text.data[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

bool auth_username_matches(const char *filter, const char *user)
{
	struct cv_span name = cv_span_of(user), pattern;
	bool any = false, included = false;
	size_t len;

	for (; *filter != '\0'; filter += len) {
		filter += strspn(filter, " ,\t");
		len = strcspn(filter, " ,\t");
		if (len == 0)
			continue;
		pattern = cv_span(filter, len);
		if (pattern.data[0] == '!') {
			if (auth_pattern_matches(cv_span_skip(pattern, 1),
						 name))
				return false;
			continue;
		}
		any = true;
		if (auth_pattern_matches(pattern, name))
			included = true;
	}
	return included || !any;
}
