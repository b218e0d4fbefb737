if PLUGIN_SQL_PGSQL
plugin_LTLIBRARIES += plugins/sql-pgsql/sql-pgsql.la
endif
plugins_sql_pgsql_sql_pgsql_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=sql_pgsql $(PGSQL_CFLAGS)
plugins_sql_pgsql_sql_pgsql_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_sql_pgsql_sql_pgsql_la_SOURCES = %D%/sql-pgsql.c $(SQL_COMMON_SOURCES)
plugins_sql_pgsql_sql_pgsql_la_LIBADD = $(PGSQL_LIBS)
EXTRA_DIST += %D%/README.md
