if PLUGIN_AUTH_ROUTE
plugin_LTLIBRARIES += plugins/auth-route/auth-route.la
endif
plugins_auth_route_auth_route_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_route
plugins_auth_route_auth_route_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_route_auth_route_la_LIBADD = -lm
plugins_auth_route_auth_route_la_SOURCES = %D%/auth-route.c \
	%D%/route-director.c %D%/route-file.c %D%/route-file.h \
	%D%/route-hash.c %D%/route-hash.h %D%/route-login.c \
	%D%/route-store.c %D%/route-store.h %D%/route-watch.c \
	%D%/route-watch.h %D%/routes.c %D%/routes.h
EXTRA_DIST += %D%/README.md
