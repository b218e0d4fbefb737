if PLUGIN_AUTH_OAUTH2
plugin_LTLIBRARIES += plugins/auth-oauth2/auth-oauth2.la
endif
OAUTH2_TOKEN_SOURCES = plugins/auth-oauth2/jwt.c plugins/auth-oauth2/jwt.h \
	plugins/auth-oauth2/jwt-signature.c plugins/auth-oauth2/jwt-signature.h \
	plugins/auth-oauth2/oauth2-json.c plugins/auth-oauth2/oauth2-json.h
plugins_auth_oauth2_auth_oauth2_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_oauth2 $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
plugins_auth_oauth2_auth_oauth2_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_oauth2_auth_oauth2_la_SOURCES = %D%/auth-oauth2.c \
	%D%/oauth2-file.c %D%/oauth2-file.h %D%/oauth2-http.c \
	%D%/oauth2-http.h $(OAUTH2_TOKEN_SOURCES) $(DB_FILE_SOURCES)
plugins_auth_oauth2_auth_oauth2_la_LIBADD = $(CURL_LIBS) $(JANSSON_LIBS) \
	$(OPENSSL_LIBS)
EXTRA_DIST += %D%/README.md
