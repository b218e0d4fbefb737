/* compress.h - inside the plugin compress: codecs, and streams over them. */
#ifndef COMPRESS_H
#define COMPRESS_H

#include "cv-plugin.h"
#include "cv-stream.h"

enum {
	COMPRESS_MAGIC_MAX = 16,	/* bytes that tell the codecs apart */
	COMPRESS_CHUNK = 64 * 1024,
};

/* One decoding from the start of the data, or from a mark. */
struct decoder {
	const struct codec *codec;
	struct cv_pool *pool;
	void *state;			/* the codec's; freed by close */
};

/* What one step took and gave. */
struct step {
	struct cv_span in;		/* unread input; shortened */
	bool in_ended;			/* no more will come */
	char *out;
	size_t room, got;
};

struct codec {
	const char *name;		/* "gz" */
	int level_min, level_max, level_default;
	bool (*detect)(struct cv_span head);
	int (*open)(struct decoder *d, struct cv_error *err);
	/* Takes some and gives some.  CV_OK: more may come (nothing taken
	 * and nothing given: it wants more input); CV_EOF: the end, checked
	 * where the format has a check; CV_E_SYNTAX: damaged. */
	int (*decode)(struct decoder *d, struct step *s, struct cv_error *err);
	void (*close)(struct decoder *d);
	/* A second decoder at the same place; CV_E_TEMP: not at this one.
	 * NULL: cannot be done. */
	int (*copy)(const struct decoder *d, struct decoder *copy_r,
		    struct cv_error *err);
	/* Appends all of plain to out.  NULL: reads only. */
	int (*encode)(struct cv_stream *plain, int level, struct cv_pool *pool,
		      struct cv_text *out, struct cv_error *err);
	uint64_t mark_bytes;		/* content between two copies that are
					 * kept; 0: what suits large ones */
	bool slow;			/* decoding from a copy on is worth
					 * keeping a small message for */
};

extern const struct codec codec_gz, codec_bz2, codec_lz4, codec_zstd, codec_xz;
extern struct cv_plugin *compress_self;
extern const struct cv_stream_api *compress_stream_api;

/* The codec of what begins like this; NULL: none, or not built in. */
const struct codec *codec_detect(struct cv_span head);
const struct codec *codec_find(const char *name);
/* The same place in a list of enum values. */
const struct codec *codec_at(uint32_t index);

/* The content of body, which is compressed with codec.  plain_bytes: how much
 * will come, UINT64_MAX when that is not known. */
struct cv_stream *decode_stream(const struct codec *codec,
				struct cv_pool *pool, struct cv_stream *body,
				uint64_t plain_bytes);

#endif
