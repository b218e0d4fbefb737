if PLUGIN_AUTH_PAM
plugin_LTLIBRARIES += plugins/auth-pam/auth-pam.la
endif
plugins_auth_pam_auth_pam_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_pam
plugins_auth_pam_auth_pam_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_pam_auth_pam_la_SOURCES = %D%/auth-pam.c
plugins_auth_pam_auth_pam_la_LIBADD = $(PAM_LIBS)
EXTRA_DIST += %D%/README.md
