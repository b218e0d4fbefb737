noinst_LTLIBRARIES += core/base/libbase.la
core_base_libbase_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_base_libbase_la_SOURCES = \
	%D%/array.c %D%/array.h \
	%D%/base.h \
	%D%/base64.c %D%/base64.h \
	%D%/bug.c %D%/bug.h \
	%D%/checked.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/error.c %D%/error.h \
	%D%/hash.c %D%/hash.h \
	%D%/log.c %D%/log.h \
	%D%/pool.c %D%/pool.h \
	%D%/random.c %D%/random.h \
	%D%/secret.c %D%/secret.h \
	%D%/span.c %D%/span.h \
	%D%/spare-memory.c %D%/spare-memory.h \
	%D%/text.c \
	%D%/time-util.c %D%/time-util.h \
	%D%/utf7.c %D%/utf7.h \
	%D%/utf8.c %D%/utf8.h
