noinst_LTLIBRARIES += core/net/libnet.la core/net/libtls.la \
	core/net/libclient.la core/net/libtlspair.la
core_net_libnet_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_net_libnet_la_SOURCES = %D%/address.c %D%/address.h \
	%D%/proxy-header.c %D%/proxy-header.h
# apart, so that the master does not link OpenSSL's TLS
core_net_libtls_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS)
core_net_libtls_la_SOURCES = %D%/tls.c %D%/tls.h %D%/tls-check.c \
	%D%/tls-memory.c %D%/tls-memory.h
core_net_libtls_la_LIBADD = core/net/libtlspair.la $(OPENSSL_LIBS)
core_net_libclient_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS)
core_net_libclient_la_SOURCES = %D%/client.c %D%/client.h
core_net_libclient_la_LIBADD = core/net/libtlspair.la $(OPENSSL_LIBS)
core_net_libtlspair_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS)
core_net_libtlspair_la_SOURCES = %D%/tls-pair.c %D%/tls-pair.h
core_net_libtlspair_la_LIBADD = $(OPENSSL_LIBS)
