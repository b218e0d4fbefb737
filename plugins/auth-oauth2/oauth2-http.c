/* oauth2-http.c - libcurl, one connection that is kept. */
#include "oauth2-http.h"

#include <curl/curl.h>

struct oauth2_http {
	const struct oauth2_file *file;
	CURL *curl;
};

struct oauth2_http *oauth2_http_create(struct cv_pool *pool,
				       const struct oauth2_file *file)
{
	struct oauth2_http *http = CV_ALLOC(pool, struct oauth2_http);

	http->file = file;
	return http;
}

void oauth2_http_destroy(struct oauth2_http **http)
{
	if (*http != NULL && (*http)->curl != NULL)
		curl_easy_cleanup((*http)->curl);
	*http = NULL;
}

/* [RFC3986 2.3] what needs no spelling */
void oauth2_escape(struct cv_text *out, struct cv_span text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		char lower = cv_ascii_lower((char)c);

		if ((lower >= 'a' && lower <= 'z') ||
		    (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("-._~", c) != NULL)) {
			cv_text_append_c(out, (char)c);
			continue;
		}
		cv_text_append_c(out, '%');
		cv_text_append_c(out, digits[c >> 4]);
		cv_text_append_c(out, digits[c & 15]);
	}
}

bool oauth2_url_has_user(const char *url)
{
	CURLU *parts = curl_url();
	char *user = NULL;
	bool has = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK;

	curl_free(user);
	curl_url_cleanup(parts);
	return has;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct cv_text *body = context;
	size_t len = size * count;

	/* less than was given ends the transfer */
	if (len > OAUTH2_ANSWER_MAX - body->len)
		return 0;
	cv_text_append(body, data, len);
	return len;
}

static void set_text(CURL *curl, CURLoption option, const char *value)
{
	if (value[0] != '\0')
		(void)curl_easy_setopt(curl, option, value);
}

static void set_limits(CURL *curl, const struct oauth2_file *file)
{
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			       (long)file->timeout_msecs);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE,
			       (long)OAUTH2_ANSWER_MAX);
	/* neither the environment nor ~/.netrc has a say */
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "culver-oauth2/1.0");
}

static void set_tls(CURL *curl, const struct oauth2_file *file)
{
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
			       (long)CURL_SSLVERSION_TLSv1_2);
	set_text(curl, CURLOPT_CAINFO, file->tls_ca_cert_file);
	set_text(curl, CURLOPT_CAPATH, file->tls_ca_cert_dir);
	set_text(curl, CURLOPT_SSLCERT, file->tls_cert_file);
	set_text(curl, CURLOPT_SSLKEY, file->tls_key_file);
	set_text(curl, CURLOPT_SSL_CIPHER_LIST, file->tls_cipher_suite);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
			       file->tls_allow_invalid_cert ? 0L : 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
			       file->tls_allow_invalid_cert ? 0L : 2L);
}

static struct curl_slist *all_headers(struct cv_pool *pool,
				      const struct oauth2_question *question)
{
	struct curl_slist *list = curl_slist_append(NULL,
						    "Accept: application/json");
	struct cv_span rest = question->headers, line;
	struct cv_text bearer;

	while (cv_span_split(&rest, '\n', &line)) {
		if (line.len > 0)
			list = curl_slist_append(list,
						 cv_span_copy(pool, line));
	}
	/* (RFC 6750 2.1) */
	if (question->bearer != NULL && !oauth2_url_has_user(question->url)) {
		cv_text_init(&bearer, pool);
		cv_text_append_f(&bearer, "Authorization: Bearer %s",
				 question->bearer);
		list = curl_slist_append(list, cv_text_str(&bearer));
	}
	return list;
}

static void wipe_headers(struct curl_slist *list)
{
	for (struct curl_slist *at = list; at != NULL; at = at->next)
		explicit_bzero(at->data, strlen(at->data));
	curl_slist_free_all(list);
}

int oauth2_http_ask(struct oauth2_http *http, struct cv_pool *pool,
		    const struct oauth2_question *question,
		    struct oauth2_answer *answer_r, struct cv_error *err)
{
	char why[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers;
	CURLcode code;

	if (http->curl == NULL && (http->curl = curl_easy_init()) == NULL)
		return CV_FAIL(err, CV_E_TEMP, "libcurl does not start");
	answer_r->status = 0;
	cv_text_init(&answer_r->body, pool);
	headers = all_headers(pool, question);
	curl_easy_reset(http->curl);
	set_limits(http->curl, http->file);
	set_tls(http->curl, http->file);
	(void)curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, why);
	(void)curl_easy_setopt(http->curl, CURLOPT_URL, question->url);
	(void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(http->curl, CURLOPT_WRITEDATA,
			       &answer_r->body);
	if (question->agent != NULL)
		(void)curl_easy_setopt(http->curl, CURLOPT_USERAGENT,
				       question->agent);
	if (question->form != NULL)
		(void)curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS,
				       question->form);
	code = curl_easy_perform(http->curl);
	if (code == CURLE_OK)
		(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE,
					&answer_r->status);
	/* what is in it belongs to this question */
	curl_easy_reset(http->curl);
	wipe_headers(headers);
	if (code == CURLE_OK)
		return CV_OK;
	if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
		return CV_FAIL(err, CV_E_TEMP, "%s: the answer is longer than "
			       "%d bytes", question->what, OAUTH2_ANSWER_MAX);
	return CV_FAIL(err, CV_E_TEMP, "%s: %s (hint: is the service "
		       "running, and does its certificate fit?)",
		       question->what, why[0] != '\0' ? why :
		       curl_easy_strerror(code));
}
