/* codec.c - which codecs there are. */
#include "compress.h"

/* In the order of the values of zlib_save; NULL: not built in. */
static const struct codec *const codecs[] = {
	NULL, &codec_gz,
#ifdef WITH_BZ2
	&codec_bz2,
#else
	NULL,
#endif
#ifdef WITH_ZSTD
	&codec_zstd,
#else
	NULL,
#endif
#ifdef WITH_LZ4
	&codec_lz4,
#else
	NULL,
#endif
#ifdef WITH_LZMA
	&codec_xz,
#endif
};
enum { CODECS = sizeof(codecs) / sizeof(codecs[0]) };

const struct codec *codec_at(uint32_t index)
{
	return index < CODECS ? codecs[index] : NULL;
}

const struct codec *codec_detect(struct cv_span head)
{
	for (size_t i = 0; i < CODECS; i++) {
		if (codecs[i] != NULL && codecs[i]->detect(head))
			return codecs[i];
	}
	return NULL;
}

const struct codec *codec_find(const char *name)
{
	for (size_t i = 0; i < CODECS; i++) {
		if (codecs[i] != NULL && strcmp(codecs[i]->name, name) == 0)
			return codecs[i];
	}
	return NULL;
}
