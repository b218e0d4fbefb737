if PLUGIN_QUOTA
plugin_LTLIBRARIES += plugins/quota/quota.la
endif
plugins_quota_quota_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=quota
plugins_quota_quota_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_quota_quota_la_SOURCES = \
	%D%/quota-rule.c %D%/quota-rule.h \
	%D%/quota.c
EXTRA_DIST += %D%/README.md
