# compiled into drivers that ask servers of users
HOST_POOL_SOURCES = \
	plugins/db-common/host-pool.c \
	plugins/db-common/host-pool.h
DB_FILE_SOURCES = \
	plugins/db-common/db-file.c \
	plugins/db-common/db-file.h \
	plugins/db-common/db-report.c \
	plugins/db-common/db-report.h \
	plugins/db-common/db-users.c \
	plugins/db-common/db-users.h \
	plugins/db-common/db-value.c \
	plugins/db-common/db-value.h
EXTRA_DIST += %D%/README.md
