if PLUGIN_SQL_SQLITE
plugin_LTLIBRARIES += plugins/sql-sqlite/sql-sqlite.la
endif
plugins_sql_sqlite_sql_sqlite_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=sql_sqlite $(SQLITE_CFLAGS)
plugins_sql_sqlite_sql_sqlite_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_sql_sqlite_sql_sqlite_la_SOURCES = %D%/sql-sqlite.c $(SQL_COMMON_SOURCES)
plugins_sql_sqlite_sql_sqlite_la_LIBADD = $(SQLITE_LIBS)
EXTRA_DIST += %D%/README.md
