/* fuzz-jwt.c - any token: taken apart, its dates, the name of its key, and
 * its signature against a secret that is known. */
#include "base.h"
#include "jwt-signature.h"
#include "module/module.h"

const struct cv_host *auth_oauth2_cv_api;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_name(const struct jwt *jwt, struct cv_pool *pool)
{
	struct cv_text name;
	const char *at;
	uint32_t slashes = 0;

	cv_text_init(&name, pool);
	if (jwt_key_name(jwt, &name, NULL) != CV_OK)
		return;
	/* three parts, and none of them leads out */
	for (at = cv_text_str(&name); *at != '\0'; at++)
		slashes += *at == '/';
	BUG_IF(slashes != 2 || cv_text_str(&name)[0] == '.' ||
	       strstr(cv_text_str(&name), "/.") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_span token = cv_span((const char *)data, len);
	struct cv_pool *pool;
	struct jwt jwt;

	auth_oauth2_cv_api = module_host();
	pool = pool_create("fuzz");
	if (jwt_parse(pool, token, &jwt, NULL) == CV_OK) {
		BUG_IF(jwt.signed_part.len >= len || jwt.signature.len == 0);
		BUG_IF(strcasecmp(jwt.alg, "none") == 0);
		(void)jwt_check_times(&jwt.claims, 1e9, true, NULL);
		check_name(&jwt, pool);
		(void)jwt_verify(&jwt, pool, CV_SPAN(
			"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUm"
			"JygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="), NULL);
	}
	pool_destroy(&pool);
	return 0;
}
