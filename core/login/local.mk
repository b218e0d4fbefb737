noinst_LTLIBRARIES += core/login/liblogin.la
core_login_liblogin_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS) \
	$(LIBEVENT_CFLAGS)
core_login_liblogin_la_LIBADD = $(OPENSSL_LIBS)
core_login_liblogin_la_SOURCES = \
	%D%/login-api.c \
	%D%/login-auth.c \
	%D%/login-channel.c \
	%D%/login-client.c \
	%D%/login-log.c \
	%D%/login-place.c %D%/login-place.h \
	%D%/login-private.h \
	%D%/login-process.c \
	%D%/login-proxy.c \
	%D%/login-linger.c \
	%D%/login-relay.c \
	%D%/login-shared.c %D%/login-shared.h \
	%D%/login-spawner.c %D%/login-spawner.h \
	%D%/login-zygote.c %D%/login-zygote.h \
	%D%/login.h
