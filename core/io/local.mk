noinst_LTLIBRARIES += core/io/libio.la
core_io_libio_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_io_libio_la_SOURCES = \
	%D%/io.c %D%/io.h \
	%D%/io-fault.c %D%/io-fault.h \
	%D%/io-posix.c \
	%D%/io-readonly.c %D%/io-readonly.h \
	%D%/io-record.c %D%/io-record.h
EXTRA_DIST += %D%/README.md
