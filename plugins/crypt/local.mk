if PLUGIN_CRYPT
plugin_LTLIBRARIES += plugins/crypt/crypt.la
endif
plugins_crypt_crypt_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=crypt \
	$(OPENSSL_CFLAGS)
plugins_crypt_crypt_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_crypt_crypt_la_SOURCES = \
	%D%/crypt.c %D%/crypt.h \
	%D%/crypt-format.c \
	%D%/crypt-stream.c
plugins_crypt_crypt_la_LIBADD = $(OPENSSL_LIBS)
EXTRA_DIST += %D%/README.md
