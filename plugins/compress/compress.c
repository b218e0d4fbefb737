/* compress.c - messages are compressed when they are saved, and read whatever
 * codec they were saved with.
 *
 *	mail_plugins = $mail_plugins compress
 *	plugin {
 *		zlib_save = zstd
 *		zlib_save_level = 3
 *	}
 *
 * What is read is told by its first bytes, not by a name or a setting. */
#include "compress.h"
#include "cv-extend.h"
#include "cv-mailbox.h"

struct compress_settings {
	uint32_t zlib_save;		/* index into codec_at, 0: none */
	uint32_t zlib_save_level;	/* 0: the codec's default */
};

static const struct cv_setting_def compress_setting_defs[] = {
	CV_SETTING(compress_settings, zlib_save, CV_SET_ENUM, "",
		"|gz|bz2|zstd|lz4", CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"How new messages are compressed; empty: not at all. "
		"Messages that are there stay readable whatever is set."),
	CV_SETTING(compress_settings, zlib_save_level, CV_SET_UINT, "0",
		"0..22", CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"More is smaller and slower: 1 to 9 for gz, bz2 and lz4, 1 to "
		"22 for zstd. 0: what suits the codec."),
};

struct cv_plugin *compress_self;
const struct cv_stream_api *compress_stream_api;
static const struct cv_user_api *user_service;

/* --- reading ------------------------------------------------------------------ */

static int compress_decode(struct cv_pool *pool, uint64_t plain_bytes,
			   struct cv_stream **body, struct cv_error *err)
{
	const struct codec *codec;
	struct cv_span head;
	int ret = compress_stream_api->peek(*body, &head, err);

	if (ret < 0)
		return ret;
	codec = ret == CV_OK ? codec_detect(head) : NULL;
	if (codec != NULL)
		*body = decode_stream(codec, pool, *body, plain_bytes);
	return CV_OK;
}

static int compress_reading(struct cv_body_ctx *ctx)
{
	return compress_decode(ctx->pool, ctx->plain_bytes, &ctx->body,
			       ctx->err);
}

/* --- saving -------------------------------------------------------------------- */

static int level_of(const struct codec *codec, uint32_t wanted)
{
	int level = (int)wanted;

	if (wanted == 0)
		return codec->level_default;
	return level < codec->level_min ? codec->level_min :
		level > codec->level_max ? codec->level_max : level;
}

static int compress_saving(struct cv_body_ctx *ctx)
{
	const struct compress_settings *set =
		user_service->settings(ctx->user, compress_self);
	const struct codec *codec = codec_at(set->zlib_save);
	uint64_t plain_bytes;
	struct cv_text out;
	struct cv_span head;
	int ret = compress_stream_api->peek(ctx->body, &head, ctx->err);
	bool must;

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	/* what looks compressed would be decoded when it is read: it has to
	 * be wrapped even when nothing is to be compressed */
	must = codec_detect(head) != NULL;
	if (codec == NULL && !must)
		return CV_OK;
	if (codec == NULL)
		codec = &codec_gz;
	cv_text_init(&out, ctx->pool);
	ret = compress_stream_api->length(ctx->body, &plain_bytes, ctx->err);
	if (ret == CV_OK)
		ret = codec->encode(ctx->body,
				    level_of(codec, set->zlib_save_level),
				    ctx->pool, &out, ctx->err);
	if (ret < 0)
		return ret;
	if (!must && out.len >= plain_bytes)
		return compress_stream_api->seek(ctx->body, 0, ctx->err);
	ctx->body = compress_stream_api->from_memory(ctx->pool,
						     cv_text_span(&out));
	return CV_OK;
}

/* --- the frame -------------------------------------------------------------------- */

static void compress_check(const struct cv_check *check)
{
	const struct compress_settings *set = check->settings;
	const struct codec *codec = codec_at(set->zlib_save);
	uint32_t level = set->zlib_save_level;

	if (codec == NULL && level != 0)
		check->warning(check, "zlib_save_level", "it has no effect "
			       "without zlib_save");
	else if (codec != NULL && level != 0 &&
		 level_of(codec, level) != (int)level)
		check->warning(check, "zlib_save_level", "%u is none of %s, "
			       "which has %d to %d: %d is used", level,
			       codec->name, codec->level_min,
			       codec->level_max, level_of(codec, level));
}

static const struct cv_compress_api compress_api = {
	CV_SIZED(cv_compress_api), .decode = compress_decode,
};

static const struct cv_service compress_service = {
	CV_SIZED(cv_service), .name = "compress", .major = 1,
	.table = &compress_api,
};

static int compress_init(const struct cv_host *host, struct cv_plugin *self,
			 struct cv_error *err)
{
	int ret;

	cv_api = host;
	compress_self = self;
	compress_stream_api = host->service("stream", 1);
	user_service = host->service("user", 1);
	if (compress_stream_api == NULL || user_service == NULL ||
	    !CV_HAS(compress_stream_api, from_reader))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "needs the services "
			       "stream and user, version 1");
	/* the last to touch what is written, the first when it is read */
	ret = cv_on_message_saving(self, CV_PRIO_NORMAL, compress_saving, err);
	if (ret == CV_OK)
		ret = cv_provide_service(self, &compress_service, err);
	return ret < 0 ? ret :
		cv_on_message_reading(self, CV_PRIO_NORMAL, compress_reading,
				      err);
}

CV_PLUGIN_DEFINE("compress", 0,
	.version = "1.0", .license = "MIT",
	.summary = "compresses stored messages: gz, bz2, zstd, lz4; reads xz",
	.settings = CV_ARRAY(compress_setting_defs),
	.settings_bytes = sizeof(struct compress_settings),
	.check = compress_check,
	.init = compress_init);
