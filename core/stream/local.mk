noinst_LTLIBRARIES += core/stream/libstream.la
core_stream_libstream_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_stream_libstream_la_SOURCES = \
	%D%/dot-reader.c %D%/dot-reader.h \
	%D%/stream-api.c %D%/stream-api.h \
	%D%/stream.c %D%/stream.h %D%/stream-private.h \
	%D%/stream-crlf.c \
	%D%/stream-decode.c \
	%D%/stream-dot.c \
	%D%/stream-file.c \
	%D%/stream-reader.c \
	%D%/stream-view.c
EXTRA_DIST += %D%/README.md
