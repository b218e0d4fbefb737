if PLUGIN_AUTH_SQL
plugin_LTLIBRARIES += plugins/auth-sql/auth-sql.la
endif
plugins_auth_sql_auth_sql_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_sql
plugins_auth_sql_auth_sql_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_sql_auth_sql_la_SOURCES = %D%/auth-sql.c %D%/sql-file.c \
	%D%/sql-file.h %D%/sql-query.c %D%/sql-query.h \
	$(DB_FILE_SOURCES)
EXTRA_DIST += %D%/README.md
