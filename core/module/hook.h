/* hook.h - calling the plugins that listen at a hook point.
 *
 *	struct cv_message_ctx ctx = { CV_SIZED(cv_message_ctx), .user = u };
 *	hook_message_stored(&ctx);		// NOTIFY
 *
 *	if ((ret = hook_mailbox_changing(&ctx)) < 0)	// DECIDE
 *		return ret;
 *
 * There is one such function for each line of hook-points.def.  Without a
 * listener it costs one load and one branch.
 *
 * NOTIFY: always CV_OK; a listener's failure is logged and counted.
 * DECIDE: the first answer other than CV_DECLINED; CV_DECLINED when nobody
 * had one.  Failure classes that are no decision but a fault of the plugin
 * (CV_E_INTERNAL, CV_E_ABI ...) become what plugin_hook_error says.
 * FILTER: CV_OK when all ran; the first failure ends the chain. */
#ifndef HOOK_H
#define HOOK_H

#include "base.h"
#include "cv-hook.h"

enum { HOOK_IDS_MAX = 64 };

/* Whether anybody listens; by hook id. */
extern bool hook_active[HOOK_IDS_MAX];

/* Use the typed functions below. */
int hook_run(uint32_t id, void *ctx);

#define HOOK_IDLE_NOTIFY CV_OK
#define HOOK_IDLE_DECIDE CV_DECLINED
#define HOOK_IDLE_FILTER CV_OK

#define CV_HOOK(id, name, kind, ctx_type, major, minor) \
	static inline int hook_##name(struct ctx_type *ctx) \
	{ \
		if (__builtin_expect(!hook_active[id], 1)) \
			return HOOK_IDLE_##kind; \
		return hook_run(id, ctx); \
	}
#include "hook-points.def"
#undef CV_HOOK

/* --- for culveradm, who and the metrics ----------------------------------- */

struct hook_point {
	uint32_t id;
	const char *name;
	uint32_t kind;		/* enum cv_hook_kind */
	uint16_t since_major, since_minor;
};

/* NULL: no such hook point. */
const struct hook_point *hook_point_find(uint32_t id);
/* In order of their ids; NULL at the end.  *at starts at 0. */
const struct hook_point *hook_point_next(uint32_t *at);
/* "notify", "decide", "filter". */
const char *hook_kind_name(uint32_t kind);

/* One listener, with what it has cost in this process. */
struct hook_listener_stats {
	const char *plugin;
	int32_t priority;
	uint64_t calls, failures, slow_calls;
	uint64_t total_nsecs, max_nsecs;
};

/* Listeners in the order in which they are called; false at the end. */
bool hook_listener_next(uint32_t id, uint32_t *at,
			struct hook_listener_stats *stats_r);

#endif
