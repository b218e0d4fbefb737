/* cv-host.h - what core gives to a plugin: one small table, handed over at
 * init; everything else is a named, versioned service table. */
#ifndef CV_HOST_H
#define CV_HOST_H

#include "cv-types.h"

enum cv_log_level {
	CV_LOG_DEBUG, CV_LOG_INFO, CV_LOG_WARNING, CV_LOG_ERROR,
};

typedef void cv_any_fn(void);	/* carrier; cast back before each call */

struct cv_extension;
struct cv_settings_text;
struct cv_setting_line;
struct cv_text;

struct cv_host {
	CV_HEAD;
	uint16_t api_major, api_minor;
	const char *build_id;

	/* kind: enum cv_provider_kind; the table is copied.  Only from
	 * init. */
	int (*provide)(struct cv_plugin *self, uint32_t kind,
		       const void *table, struct cv_error *err);
	int (*hook_add)(struct cv_plugin *self, uint32_t hook_id, int priority,
			cv_any_fn *fn, struct cv_error *err);
	/* A service table: "mailbox", 1; core's, or a plugin's that was
	 * initialised before.  NULL when this host has none of that major:
	 * say so in init and fail. */
	const void *(*service)(const char *name, uint32_t major);
	/* The plugin's settings struct as the process sees it (no user). */
	const void *(*settings)(struct cv_plugin *self);

	/* Sets code and text (for the log) and returns code. */
	int (*error_set)(struct cv_error *err, int code, const char *file,
			 int line, const char *fmt, ...) CV_PRINTF(5, 6);
	int (*error_set_client)(struct cv_error *err, const char *fmt, ...)
		CV_PRINTF(2, 3);
	int (*error_code)(const struct cv_error *err);
	const char *(*error_text)(const struct cv_error *err);
	const char *(*error_client)(const struct cv_error *err);
	/* An error object that lives in the pool. */
	struct cv_error *(*error_new)(struct cv_pool *pool);

	void (*log)(struct cv_plugin *self, int level, const char *fmt, ...)
		CV_PRINTF(3, 4);
	bool (*log_wanted)(struct cv_plugin *self, int level);

	struct cv_pool *(*pool_create)(const char *name);
	void (*pool_destroy)(struct cv_pool **pool);
	void (*pool_reset)(struct cv_pool *pool);
	/* Zeroed, never NULL. */
	void *(*alloc)(struct cv_pool *pool, size_t bytes);
	void (*text_grow)(struct cv_text *text, size_t more);
	void (*text_append_vf)(struct cv_text *text, const char *fmt,
			       va_list args);

	uint64_t (*monotonic_msecs)(void);
	void (*random)(void *dst, size_t len);

	/* This plugin's data on an object: see CV_SLOT in cv-plugin.h. */
	void *(*slot_get)(void *object, uint32_t slot_id);

	/* Modified UTF-7, as IMAP and folders on disk spell mailbox names
	 * [RFC3501 5.1.3].  Both append; encode takes what is no UTF-8 for
	 * U+FFFD; decode is false for what is not the one proper form of
	 * anything, and dst then holds a part. */
	void (*utf7_encode)(struct cv_text *dst, struct cv_span src);
	bool (*utf7_decode)(struct cv_text *dst, struct cv_span src);

	/* [RFC4648 4].  Both append; decode is false for what is not the one
	 * proper form of anything [RFC4648 3.5], and dst then holds a part. */
	void (*base64_encode)(struct cv_text *dst, const void *data,
			      size_t len);
	bool (*base64_decode)(struct cv_text *dst, struct cv_span src);

	/* What plugins have added to a service (cv-extend.h), in order of
	 * loading; NULL at the end.  *at starts at 0; *owner_r is for log. */
	const struct cv_extension *(*extension_next)(const char *of,
		uint32_t major, uint32_t *at, struct cv_plugin **owner_r);

	/* The next line of a text that is not empty, by the rules by which
	 * culver.conf is read; CV_SETTING_LINE_END again and again at the
	 * end.  Both structs of cv-settings.h. */
	void (*settings_line)(struct cv_settings_text *text,
			      struct cv_setting_line *line_r);

	/* CRC-32C (RFC 3720 B.4), with the processor's instruction where it
	 * has one; crc: 0, or of what came before. */
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t len);

	/* To be asked before something is allocated that grows with what a
	 * user has: CV_E_LIMIT, with a text for the client, where so many
	 * bytes more are not to be had below the vsz_limit of the process.
	 * alloc never fails; the process ends there. */
	int (*memory_check)(uint64_t bytes, struct cv_error *err);
};

/* CV_PLUGIN comes from the build (-DCV_PLUGIN=quota): every global gets that
 * prefix, so that plugins can also be linked in. */
#define CV_PASTE_(a, b) a##b
#define CV_PASTE(a, b) CV_PASTE_(a, b)
#define CV_OWN(suffix) CV_PASTE(CV_PLUGIN, suffix)
#define CV_STRING_(a) #a
#define CV_STRING(a) CV_STRING_(a)

#ifndef CV_CORE
#define cv_api CV_OWN(_cv_api)
extern __attribute__((visibility("hidden"))) const struct cv_host *cv_api;

#define CV_FAIL(err, code, ...) \
	(cv_api->error_set((err), (code), __FILE__, __LINE__, __VA_ARGS__))
#define CV_ALLOC(pool, type) ((type *)cv_api->alloc((pool), sizeof(type)))
#define CV_ALLOC_ARRAY(pool, type, n) \
	((type *)cv_api->alloc((pool), sizeof(type) * (n)))
#endif

#endif
