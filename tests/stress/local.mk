# Random commands on many connections, the views checked: any IMAP server.
EXTRA_PROGRAMS += tests/stress/imap-stress
tests_stress_imap_stress_SOURCES = %D%/imap-stress.c %D%/commands.c \
	%D%/view.c %D%/facts.c %D%/stress.h tests/bench/bench.c \
	tests/bench/bench.h
tests_stress_imap_stress_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_stress_imap_stress_LDADD = -lpthread

# Many processes on one account, against a model.
if HAVE_CMOCKA
check_PROGRAMS += tests/stress/mailbox-stress
tests_stress_mailbox_stress_SOURCES = %D%/mailbox-stress.c \
	%D%/mailbox-stress.h %D%/mailbox-commits.c %D%/mailbox-session.c \
	%D%/mailbox-steps.c
tests_stress_mailbox_stress_CPPFLAGS = $(CORE_CPPFLAGS) \
	-Wno-missing-prototypes
tests_stress_mailbox_stress_LDADD = $(BLOB_LIBS)
tests_stress_mailbox_stress_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=account_commit -Wl,--wrap=txn_annotation \
	-Wl,--wrap=txn_append \
	-Wl,--wrap=txn_expunge -Wl,--wrap=txn_flags \
	-Wl,--wrap=txn_folder_create -Wl,--wrap=txn_folder_delete \
	-Wl,--wrap=txn_folder_rename
endif
EXTRA_DIST += %D%/mailbox_model.py %D%/test_mailbox_stress.py
