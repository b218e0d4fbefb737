/* adm-director.h - what the words of culveradm director share. */
#ifndef ADM_DIRECTOR_H
#define ADM_DIRECTOR_H

#include "culveradm.h"
#include "auth/auth-request.h"
#include "cv-route.h"

enum { DIRECTOR_NAME_BYTES = 255, DIRECTOR_WEIGHT_MAX = 10000 };

struct director {
	struct adm *adm;
	struct auth *auth;
	const struct cv_routes *routes;
	void *db;
	struct cv_error *err;
	struct adm_output *out;
	/* options */
	uint64_t weight, port;
	const char *tag, *proxy;
	bool pin, move, all, once, off;
	bool has_weight, has_port;
};

/* Of the words: negative is for adm_fail, with the text in err.  args has as
 * many items as the word wants, and a NULL behind them. */
typedef int director_fn(struct director *call, char **args);

/* adm-director-show.c */
int director_status(struct director *call, char **args);
int director_map(struct director *call, char **args);
/* adm-director-change.c */
int director_add(struct director *call, char **args);
int director_remove(struct director *call, char **args);
int director_drain(struct director *call, char **args);
int director_move(struct director *call, char **args);
int director_flush(struct director *call, char **args);
/* adm-director-watch.c */
int director_watch(struct director *call, char **args);

#endif
