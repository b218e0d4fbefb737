# compiled into each driver of databases
SQL_COMMON_SOURCES = $(HOST_POOL_SOURCES) \
	plugins/sql-common/sql-pool.c \
	plugins/sql-common/sql-pool.h
EXTRA_DIST += %D%/README.md
