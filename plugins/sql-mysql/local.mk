if PLUGIN_SQL_MYSQL
plugin_LTLIBRARIES += plugins/sql-mysql/sql-mysql.la
endif
plugins_sql_mysql_sql_mysql_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=sql_mysql $(MYSQL_CFLAGS)
plugins_sql_mysql_sql_mysql_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_sql_mysql_sql_mysql_la_SOURCES = %D%/sql-mysql.c $(SQL_COMMON_SOURCES)
plugins_sql_mysql_sql_mysql_la_LIBADD = $(MYSQL_LIBS)
EXTRA_DIST += %D%/README.md
