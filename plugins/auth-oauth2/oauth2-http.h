/* oauth2-http.h - one question to a web service; waits for the answer. */
#ifndef OAUTH2_HTTP_H
#define OAUTH2_HTTP_H

#include "oauth2-file.h"

enum { OAUTH2_ANSWER_MAX = 128 * 1024 };

struct oauth2_http;

struct oauth2_question {
	const char *what;		/* the setting, for messages */
	const char *url;
	const char *form;		/* what is posted; NULL: GET */
	const char *bearer;		/* a token; not sent where the URL
					 * has a user */
	struct cv_span headers;		/* "A: b\nC: d\n" */
	const char *agent;		/* NULL: that of auth-oauth2 */
};

struct oauth2_answer { long status; struct cv_text body; };

#define oauth2_http_create CV_OWN(_oauth2_http_create)
struct oauth2_http *oauth2_http_create(struct cv_pool *pool,
				       const struct oauth2_file *file);
#define oauth2_http_destroy CV_OWN(_oauth2_http_destroy)
void oauth2_http_destroy(struct oauth2_http **http);

/* CV_OK: there is an answer, of any status.  CV_E_TEMP: none, in time, of the
 * size that is allowed.  Redirections are answers and not followed: a token is
 * for whom the admin has named. */
#define oauth2_http_ask CV_OWN(_oauth2_http_ask)
int oauth2_http_ask(struct oauth2_http *http, struct cv_pool *pool,
		    const struct oauth2_question *question,
		    struct oauth2_answer *answer_r, struct cv_error *err);

/* Does the URL carry a user of its own? */
#define oauth2_url_has_user CV_OWN(_oauth2_url_has_user)
bool oauth2_url_has_user(const char *url);

/* Appends text as a value of a query or a form. */
#define oauth2_escape CV_OWN(_oauth2_escape)
void oauth2_escape(struct cv_text *out, struct cv_span text);

#endif
