# An account's files, read by a program that knows the document alone.
EXTRA_DIST += %D%/README.md %D%/read_account.py
check_PROGRAMS += tests/account/account-workload
tests_account_account_workload_SOURCES = %D%/account-workload.c
tests_account_account_workload_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_account_account_workload_LDADD = core/account/libaccount.la \
	core/io/libio.la core/base/libbase.la
