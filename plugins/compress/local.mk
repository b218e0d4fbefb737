if PLUGIN_COMPRESS
plugin_LTLIBRARIES += plugins/compress/compress.la
endif
plugins_compress_compress_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=compress \
	$(ZLIB_CFLAGS)
plugins_compress_compress_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_compress_compress_la_SOURCES = \
	%D%/codec-gz.c \
	%D%/codec.c \
	%D%/compress.c %D%/compress.h \
	%D%/decode-stream.c
plugins_compress_compress_la_LIBADD = $(ZLIB_LIBS)
if HAVE_BZ2
plugins_compress_compress_la_CPPFLAGS += -DWITH_BZ2
plugins_compress_compress_la_SOURCES += %D%/codec-bz2.c
plugins_compress_compress_la_LIBADD += $(BZ2_LIBS)
endif
if HAVE_ZSTD
plugins_compress_compress_la_CPPFLAGS += -DWITH_ZSTD $(ZSTD_CFLAGS)
plugins_compress_compress_la_SOURCES += %D%/codec-zstd.c
plugins_compress_compress_la_LIBADD += $(ZSTD_LIBS)
endif
if HAVE_LZ4
plugins_compress_compress_la_CPPFLAGS += -DWITH_LZ4 $(LZ4_CFLAGS)
plugins_compress_compress_la_SOURCES += %D%/codec-lz4.c
plugins_compress_compress_la_LIBADD += $(LZ4_LIBS)
endif
if HAVE_LZMA
plugins_compress_compress_la_CPPFLAGS += -DWITH_LZMA $(LZMA_CFLAGS)
plugins_compress_compress_la_SOURCES += %D%/codec-xz.c
plugins_compress_compress_la_LIBADD += $(LZMA_LIBS)
endif
EXTRA_DIST += %D%/README.md
