if PLUGIN_AUTH_LDAP
plugin_LTLIBRARIES += plugins/auth-ldap/auth-ldap.la
endif
plugins_auth_ldap_auth_ldap_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_ldap $(LDAP_CFLAGS)
plugins_auth_ldap_auth_ldap_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_ldap_auth_ldap_la_SOURCES = %D%/auth-ldap.c %D%/ldap-attrs.c \
	%D%/ldap-attrs.h %D%/ldap-conn.c %D%/ldap-conn.h %D%/ldap-deadline.c %D%/ldap-deadline.h %D%/ldap-file.c \
	%D%/ldap-file.h %D%/ldap-template.c %D%/ldap-template.h \
	$(HOST_POOL_SOURCES) $(DB_FILE_SOURCES)
plugins_auth_ldap_auth_ldap_la_LIBADD = $(LDAP_LIBS)
EXTRA_DIST += %D%/README.md
