EXTRA_PROGRAMS += tests/bench/bench-imap tests/bench/bench-lmtp
BENCH_CPPFLAGS = -D_GNU_SOURCE
tests_bench_bench_imap_SOURCES = %D%/bench-imap.c %D%/bench.c %D%/bench.h
tests_bench_bench_imap_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_imap_LDADD = -lpthread
tests_bench_bench_lmtp_SOURCES = %D%/bench-lmtp.c %D%/bench.c %D%/bench.h
tests_bench_bench_lmtp_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_bench_bench_lmtp_LDADD = -lpthread

# One call of the mailbox service: make tests/bench/mailbox-speed
EXTRA_PROGRAMS += tests/bench/mailbox-speed
tests_bench_mailbox_speed_SOURCES = %D%/mailbox-speed.c
tests_bench_mailbox_speed_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bench_mailbox_speed_LDADD = tests/unit/libstorage-dbox.la \
	$(MAILBOX_LIBS)
