# What a power cut could leave, state by state.
if HAVE_CMOCKA
check_PROGRAMS += tests/fault/crash-account
TESTS += tests/fault/crash-account
tests_fault_crash_account_SOURCES = %D%/crash-account.c %D%/replay.c \
	%D%/replay.h tests/unit/account-fixture.h
tests_fault_crash_account_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_crash_account_LDADD = core/account/libaccount.la \
	core/io/libio.la $(UNIT_LIBS)

CRASH_MAILBOX = %D%/crash-mailbox.c %D%/crash-operations.c \
	%D%/crash-operations.h %D%/crash-invariants.c \
	%D%/crash-invariants.h %D%/crash-seen.c %D%/crash-seen.h \
	%D%/replay.c %D%/replay.h tests/unit/mailbox-fixture.h
check_PROGRAMS += tests/fault/crash-mailbox
TESTS += tests/fault/crash-mailbox
tests_fault_crash_mailbox_SOURCES = $(CRASH_MAILBOX)
tests_fault_crash_mailbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_crash_mailbox_LDADD = $(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/crash-sdbox
TESTS += tests/fault/crash-sdbox
tests_fault_crash_sdbox_SOURCES = $(CRASH_MAILBOX)
tests_fault_crash_sdbox_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_SDBOX
tests_fault_crash_sdbox_LDADD = tests/unit/libstorage-dbox.la $(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/crash-mdbox
TESTS += tests/fault/crash-mdbox
tests_fault_crash_mdbox_SOURCES = $(CRASH_MAILBOX)
tests_fault_crash_mdbox_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MDBOX
tests_fault_crash_mdbox_LDADD = tests/unit/libstorage-dbox.la $(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/crash-mbox
TESTS += tests/fault/crash-mbox
tests_fault_crash_mbox_SOURCES = $(CRASH_MAILBOX)
tests_fault_crash_mbox_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_fault_crash_mbox_LDADD = tests/unit/libstorage-mbox.la $(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/damage-store
TESTS += tests/fault/damage-store
tests_fault_damage_store_SOURCES = %D%/damage-store.c \
	tests/unit/dbox-fixture.h tests/unit/mailbox-fixture.h
tests_fault_damage_store_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_damage_store_LDADD = tests/unit/libstorage-dbox.la \
	$(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/damage-foreign
TESTS += tests/fault/damage-foreign
tests_fault_damage_foreign_SOURCES = %D%/damage-foreign.c \
	tests/unit/dovecot-tree.h tests/unit/dbox-fixture.h \
	tests/unit/mailbox-fixture.h
tests_fault_damage_foreign_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_damage_foreign_LDADD = tests/unit/libstorage-dbox.la \
	core/sync/libsync.la $(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/damage-mbox
TESTS += tests/fault/damage-mbox
tests_fault_damage_mbox_SOURCES = %D%/damage-store.c \
	tests/unit/mailbox-fixture.h
tests_fault_damage_mbox_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_fault_damage_mbox_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/fault-pairs
TESTS += tests/fault/fault-pairs
tests_fault_fault_pairs_SOURCES = %D%/fault-pairs.c \
	tests/unit/dbox-fixture.h tests/unit/mailbox-fixture.h
tests_fault_fault_pairs_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_fault_pairs_LDADD = tests/unit/libstorage-dbox.la \
	$(MAILBOX_LIBS)

check_PROGRAMS += tests/fault/fault-pairs-mbox
TESTS += tests/fault/fault-pairs-mbox
tests_fault_fault_pairs_mbox_SOURCES = %D%/fault-pairs.c \
	tests/unit/mailbox-fixture.h
tests_fault_fault_pairs_mbox_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_fault_fault_pairs_mbox_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)
endif
