/* hook.c - the listeners of each hook point, and calling them. */
#include "hook.h"
#include "module-private.h"

#include <stdlib.h>

struct listener {
	struct cv_plugin *owner;
	cv_any_fn *fn;
	struct hook_listener_stats stats;
};

/* A function is called with the type it was written with: the carrier is
 * cast back here, by the same list that the plugins' fronts come from. */
typedef int call_fn(cv_any_fn *fn, void *ctx);
#define CV_HOOK(id, name, kind, ctx_type, major, minor) \
	static int call_##name(cv_any_fn *fn, void *ctx) \
	{ return ((int (*)(struct ctx_type *))fn)(ctx); }
#include "hook-points.def"
#undef CV_HOOK

static const struct { struct hook_point point; call_fn *call; } points[] = {
#define CV_HOOK(id, name, kind, ctx_type, major, minor) \
	[id] = { { id, #name, CV_HOOK_##kind, major, minor }, call_##name },
#include "hook-points.def"
#undef CV_HOOK
};
enum { POINTS = sizeof(points) / sizeof(points[0]) };
_Static_assert((int)POINTS <= (int)HOOK_IDS_MAX, "raise HOOK_IDS_MAX");

bool hook_active[HOOK_IDS_MAX];
static ARRAY(struct listener) chains[POINTS];
static uint32_t policy = MODULE_HOOK_TEMPFAIL;
static uint64_t deadline_nsecs = 10000000000u;

void hook_set_policy(uint32_t hook_error, uint64_t deadline_msecs)
{
	policy = hook_error;
	deadline_nsecs = deadline_msecs * 1000000;
}

const struct hook_point *hook_point_find(uint32_t id)
{
	return id < POINTS && points[id].call != NULL ? &points[id].point :
		NULL;
}

const struct hook_point *hook_point_next(uint32_t *at)
{
	while (*at < POINTS) {
		const struct hook_point *point = hook_point_find((*at)++);

		if (point != NULL)
			return point;
	}
	return NULL;
}

const char *hook_kind_name(uint32_t kind)
{
	return kind == CV_HOOK_NOTIFY ? "notify" :
		kind == CV_HOOK_DECIDE ? "decide" : "filter";
}

int hook_add(struct cv_plugin *owner, uint32_t id, int priority,
	     cv_any_fn *fn, struct cv_pool *pool, struct cv_error *err)
{
	struct listener *listener;

	if (hook_point_find(id) == NULL)
		return FAIL(err, CV_E_ABI, "it listens at hook point number "
			    "%u, which this server (plugin API %u.%u) does "
			    "not have (hint: update the server to plugin API "
			    "%u.%u)", id, CV_API_MAJOR, CV_API_MINOR,
			    CV_API_MAJOR, owner->desc->api_minor);
	if (fn == NULL)
		return FAIL(err, CV_E_ABI, "it gives no function for hook "
			    "point '%s'", points[id].point.name);
	if (chains[id].pool == NULL)
		array_init(&chains[id], pool);
	listener = array_add(&chains[id]);
	*listener = (struct listener){ .owner = owner, .fn = fn };
	listener->stats.plugin = owner->desc->name;
	listener->stats.priority = priority;
	hook_active[id] = true;
	return CV_OK;
}

void hook_remove_all_of(const struct cv_plugin *owner)
{
	for (uint32_t id = 0; id < POINTS; id++) {
		size_t kept = 0;

		for (size_t i = 0; i < chains[id].count; i++) {
			if (chains[id].items[i].owner != owner)
				chains[id].items[kept++] =
					chains[id].items[i];
		}
		chains[id].count = kept;
		hook_active[id] = kept > 0;
		if (kept == 0)
			array_init(&chains[id], NULL);
	}
}

static bool wants_after(const struct cv_plugin *plugin, const char *name)
{
	for (uint32_t i = 0; plugin->desc->after[i] != NULL; i++) {
		if (strcmp(plugin->desc->after[i], name) == 0)
			return true;
	}
	for (uint32_t i = 0; plugin->desc->needs[i] != NULL; i++) {
		if (strcmp(plugin->desc->needs[i], name) == 0)
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;

	if (x->stats.priority != y->stats.priority)
		return x->stats.priority < y->stats.priority ? -1 : 1;
	return strcmp(x->stats.plugin, y->stats.plugin);
}

/* Whether another one of the same priority, from at on, comes before i. */
static bool is_held_back(uint32_t id, size_t at, size_t i)
{
	const struct listener *all = chains[id].items;

	for (size_t j = at; j < chains[id].count &&
	     all[j].stats.priority == all[i].stats.priority; j++) {
		if (j != i && wants_after(all[i].owner, all[j].stats.plugin))
			return true;
	}
	return false;
}

/* Priority, then the descriptor's after, then name. */
static void sort_chain(uint32_t id)
{
	struct listener *all = chains[id].items;

	qsort(all, chains[id].count, sizeof(all[0]), compare);
	for (size_t at = 0; at < chains[id].count; at++) {
		size_t i = at;
		struct listener next;

		while (i < chains[id].count &&
		       all[i].stats.priority == all[at].stats.priority &&
		       is_held_back(id, at, i))
			i++;
		if (i == chains[id].count ||
		    all[i].stats.priority != all[at].stats.priority)
			continue;	/* no cycle gets here */
		next = all[i];
		memmove(&all[at + 1], &all[at], (i - at) * sizeof(all[0]));
		all[at] = next;
	}
}

void hook_sort_all(void)
{
	for (uint32_t id = 0; id < POINTS; id++) {
		if (chains[id].count > 1)
			sort_chain(id);
	}
}

static uint64_t now_nsecs(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int call_one(uint32_t id, struct listener *listener, void *ctx)
{
	struct hook_listener_stats *stats = &listener->stats;
	uint64_t start = now_nsecs(), spent;
	int ret = points[id].call(listener->fn, ctx);

	spent = now_nsecs() - start;
	stats->calls++;
	stats->total_nsecs += spent;
	if (spent > stats->max_nsecs)
		stats->max_nsecs = spent;
	if (deadline_nsecs > 0 && spent > deadline_nsecs) {
		stats->slow_calls++;
		log_warning(stats->plugin, "hook %s took %llu ms, longer than "
			    "plugin_hook_deadline", points[id].point.name,
			    (unsigned long long)(spent / 1000000));
	}
	if (ret < 0)
		stats->failures++;
	return ret;
}

/* A verdict about the operation, in contrast to a plugin that is broken. */
static bool is_verdict(int ret)
{
	switch (ret) {
	case CV_E_TEMP:
	case CV_E_PERM:
	case CV_E_DENIED:
	case CV_E_LIMIT:
	case CV_E_SYNTAX:
	case CV_E_NOT_FOUND:
	case CV_E_EXISTS:
	case CV_E_NO_SPACE:
	case CV_E_QUOTA:
	case CV_E_ACCESS:
		return true;
	default:
		return ret >= 0;
	}
}

static int apply_policy(uint32_t id, const struct listener *listener, int ret)
{
	log_error(listener->stats.plugin, "hook %s failed: %s",
		  points[id].point.name, status_name(ret));
	return policy == MODULE_HOOK_SKIP ? CV_DECLINED :
		policy == MODULE_HOOK_FAIL ? CV_E_PERM : CV_E_TEMP;
}

static int run_notify(uint32_t id, void *ctx)
{
	for (size_t i = 0; i < chains[id].count; i++) {
		int ret = call_one(id, &chains[id].items[i], ctx);

		if (ret < 0)
			log_warning(chains[id].items[i].stats.plugin,
				    "hook %s failed: %s",
				    points[id].point.name, status_name(ret));
	}
	return CV_OK;
}

static int run_decide(uint32_t id, void *ctx)
{
	for (size_t i = 0; i < chains[id].count; i++) {
		int ret = call_one(id, &chains[id].items[i], ctx);

		if (!is_verdict(ret))
			ret = apply_policy(id, &chains[id].items[i], ret);
		if (ret != CV_DECLINED)
			return ret;
	}
	return CV_DECLINED;
}

static int run_filter(uint32_t id, void *ctx)
{
	for (size_t i = 0; i < chains[id].count; i++) {
		int ret = call_one(id, &chains[id].items[i], ctx);

		/* skip cannot apply: the body may be half replaced */
		if (ret < 0)
			return is_verdict(ret) ? ret : CV_E_TEMP;
	}
	return CV_OK;
}

int hook_run(uint32_t id, void *ctx)
{
	BUG_IF(hook_point_find(id) == NULL);
	switch (points[id].point.kind) {
	case CV_HOOK_NOTIFY:
		return run_notify(id, ctx);
	case CV_HOOK_DECIDE:
		return run_decide(id, ctx);
	default:
		return run_filter(id, ctx);
	}
}

bool hook_listener_next(uint32_t id, uint32_t *at,
			struct hook_listener_stats *stats_r)
{
	if (hook_point_find(id) == NULL || *at >= chains[id].count)
		return false;
	*stats_r = chains[id].items[(*at)++].stats;
	return true;
}
