if PLUGIN_AUTH_POLICY
plugin_LTLIBRARIES += plugins/auth-policy/auth-policy.la
endif
plugins_auth_policy_auth_policy_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_policy $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
plugins_auth_policy_auth_policy_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_policy_auth_policy_la_SOURCES = %D%/auth-policy.c \
	%D%/policy-json.c %D%/policy-json.h \
	plugins/auth-oauth2/oauth2-http.c plugins/auth-oauth2/oauth2-http.h \
	plugins/auth-oauth2/oauth2-json.c plugins/auth-oauth2/oauth2-json.h
plugins_auth_policy_auth_policy_la_LIBADD = $(CURL_LIBS) $(JANSSON_LIBS) \
	$(OPENSSL_LIBS)
EXTRA_DIST += %D%/README.md
