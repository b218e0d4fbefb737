/* cv-plugin.h - the frame of a plugin: its descriptor, its slots, and the
 * typed fronts of registration.  Include this one in every plugin; it brings
 * the others but the big services (cv-mailbox.h, cv-delivery.h ...).
 *
 * See plugins/TEMPLATE for the smallest one. */
#ifndef CV_PLUGIN_H
#define CV_PLUGIN_H

#include "cv-types.h"
#include "cv-check.h"
#include "cv-host.h"
#include "cv-text.h"
#include "cv-settings.h"
#include "cv-hook.h"

/* --- per-object slots: a plugin's own data on a core object ------------- */

enum cv_object_class {
	CV_OBJECT_SESSION = 1, CV_OBJECT_USER, CV_OBJECT_MAILBOX,
};

struct cv_slot {		/* static, writable, in the plugin */
	CV_HEAD;
	uint32_t object_class;
	uint32_t id;		/* filled in by the loader */
	size_t bytes;		/* zeroed, from the object's pool */
	void (*fini)(void *data);	/* before the object's pool goes */
	/* For a session that sleeps: data as bytes, and from bytes into zeroed
	 * data in another process.  Where freeze is NULL, or fails, the
	 * session stays in its process. */
	int (*freeze)(const void *data, struct cv_text *out);
	int (*thaw)(void *data, struct cv_span in);
};

/* CV_SLOT(USER, user, quota_user, fini) defines
 * struct quota_user *quota_user_of(struct cv_user *). */
#define CV_SLOT(CLASS, object, st, fini_) \
	CV_SLOT_KEPT(CLASS, object, st, fini_, NULL, NULL)
/* The same with freeze and thaw. */
#define CV_SLOT_KEPT(CLASS, object, st, fini_, freeze_, thaw_) \
	static struct cv_slot st##_slot = { CV_SIZED(cv_slot), \
		CV_OBJECT_##CLASS, 0, sizeof(struct st), (fini_), \
		(freeze_), (thaw_) }; \
	static inline struct st *st##_of(struct cv_##object *o) \
	{ return cv_api->slot_get(o, st##_slot.id); }

/* --- providers: one constant table per kind ------------------------------ */

enum cv_provider_kind {		/* numbers are never reused */
	CV_PROVIDER_PROTOCOL = 1,	/* cv-protocol.h */
	CV_PROVIDER_STORAGE = 2,	/* cv-storage.h */
	CV_PROVIDER_PASSDB = 3,		/* cv-auth.h */
	CV_PROVIDER_USERDB = 4,		/* cv-auth.h */
	CV_PROVIDER_MECHANISM = 5,	/* cv-auth.h */
	CV_PROVIDER_SCHEME = 6,		/* cv-auth.h */
	CV_PROVIDER_QUOTA = 7,		/* cv-quota.h */
	CV_PROVIDER_SERVICE = 8,	/* cv-extend.h */
	CV_PROVIDER_EXTENSION = 9,	/* cv-extend.h */
	CV_PROVIDER_FTS = 10,		/* cv-fts.h */
	CV_PROVIDER_POLICY = 11,	/* cv-policy.h */
};

/* A NULL member means core's default.  Every table begins with CV_HEAD and
 * const char *name. */
#ifndef CV_CORE
#define CV_PROVIDE(KIND, type) \
	struct cv_##type; \
	static inline int cv_provide_##type(struct cv_plugin *self, \
		const struct cv_##type *table, struct cv_error *err) \
	{ return cv_api->provide(self, CV_PROVIDER_##KIND, table, err); }
CV_PROVIDE(PROTOCOL, protocol)
CV_PROVIDE(STORAGE, storage)
CV_PROVIDE(PASSDB, passdb)
CV_PROVIDE(USERDB, userdb)
CV_PROVIDE(MECHANISM, mechanism)
CV_PROVIDE(SCHEME, scheme)
CV_PROVIDE(QUOTA, quota)
CV_PROVIDE(FTS, fts)
CV_PROVIDE(POLICY, policy)

/* A service of core; NULL, and a sentence for the log, when this process has
 * none of that name and version.  After cv_api was set. */
static inline const void *cv_need_service(const char *name, uint32_t version,
					  struct cv_error *err)
{
	const void *service = cv_api->service(name, version);

	if (service == NULL)
		(void)CV_FAIL(err, CV_E_UNSUPPORTED, "this process has no "
			      "service '%s' %u", name, version);
	return service;
}

/* cv_on_message_stored(self, CV_PRIO_NORMAL, fn, err) and so on. */
#define CV_HOOK(id, name, kind, ctx, major, minor) \
	static inline int cv_on_##name(struct cv_plugin *self, int priority, \
		int (*fn)(struct ctx *), struct cv_error *err) \
	{ return cv_api->hook_add(self, id, priority, (cv_any_fn *)fn, err); }
#include "hook-points.def"
#undef CV_HOOK
#endif

/* --- the descriptor: constant data, read before any code runs ------------ */

#define CV_PLUGIN_MAGIC 0x43765031u	/* "CvP1" */
#define CV_ABI_TAG (((uint32_t)sizeof(void *) << 16) | \
	((uint32_t)sizeof(time_t) << 8) | (uint32_t)sizeof(off_t))

enum {
	CV_PLUGIN_EXACT_BUILD = 1,	/* same build_id only */
	CV_PLUGIN_CONNECTS = 2,		/* its process may open connections */
	CV_PLUGIN_EXECUTES = 4,		/* its process may run programs */
	CV_PLUGIN_PURE = 8,		/* auth driver: never blocks */
};

struct cv_plugin_desc {
	CV_HEAD;			/* the head protects the rest */
	uint32_t magic, abi_tag;
	uint16_t api_major, api_minor;	/* what it was compiled with */
	uint16_t api_minor_need, flags;	/* oldest host minor it accepts */
	const char *name, *version, *license, *summary;
	const char *build_id;		/* with CV_PLUGIN_EXACT_BUILD */
	const char *const *needs;	/* hard: "quota", NULL */
	const char *const *after;	/* soft ordering only */
	const char *const *processes;	/* "imap", "lmtp", NULL; NULL: any */
	const char *const *paths;	/* its process may read these, NULL */
	struct cv_array settings;	/* of struct cv_setting_def */
	size_t settings_bytes;
	struct cv_slot *const *slots;	/* NULL-terminated */
	/* Registers, and only here.  Runs once in each process. */
	int (*init)(const struct cv_host *host, struct cv_plugin *self,
		    struct cv_error *err);
	void (*deinit)(struct cv_plugin *self);	/* own resources only */
	cv_check_fn *check;		/* its settings, see cv-check.h */
};

/* The LTX prefix lets libltdl find it in shared and in preloaded plugins.
 * name_ is the file's name without ".so" ("storage-maildir"). */
#define CV_PLUGIN_DEFINE(name_, need, ...) \
	const struct cv_host *cv_api; \
	extern const struct cv_plugin_desc CV_OWN(_LTX_cv_plugin_desc); \
	__attribute__((visibility("default"))) \
	const struct cv_plugin_desc CV_OWN(_LTX_cv_plugin_desc) = { \
		CV_SIZED(cv_plugin_desc), .magic = CV_PLUGIN_MAGIC, \
		.abi_tag = CV_ABI_TAG, .api_major = CV_API_MAJOR, \
		.api_minor = CV_API_MINOR, .api_minor_need = (need), \
		.name = (name_), __VA_ARGS__ }

#endif
