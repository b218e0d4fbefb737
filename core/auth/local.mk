noinst_LTLIBRARIES += core/auth/libauth.la
core_auth_libauth_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_auth_libauth_la_SOURCES = \
	%D%/auth-input.c %D%/auth-input.h \
	%D%/auth-provider.c %D%/auth-provider.h \
	%D%/auth-reply.c %D%/auth-reply.h \
	%D%/auth-service.h \
	%D%/auth-username.c %D%/auth-username.h \
	%D%/password-scheme.c %D%/password-scheme.h \
	%D%/scheme-digest.c %D%/scheme-digest.h
