AUTH_OTP_SOURCES = \
	plugins/auth-otp/mech-otp.c plugins/auth-otp/mech-otp.h \
	plugins/auth-otp/otp-response.c plugins/auth-otp/otp-response.h \
	plugins/auth-otp/otp-words.c plugins/auth-otp/otp-words.h
if PLUGIN_AUTH_OTP
plugin_LTLIBRARIES += plugins/auth-otp/auth-otp.la
endif
plugins_auth_otp_auth_otp_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_otp $(OPENSSL_CFLAGS)
plugins_auth_otp_auth_otp_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_otp_auth_otp_la_SOURCES = %D%/auth-otp.c $(AUTH_OTP_SOURCES)
plugins_auth_otp_auth_otp_la_LIBADD = $(OPENSSL_LIBS)
EXTRA_DIST += %D%/README.md
