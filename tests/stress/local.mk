# Random commands on many connections, the views checked: any IMAP server.
EXTRA_PROGRAMS += tests/stress/imap-stress
tests_stress_imap_stress_SOURCES = %D%/imap-stress.c %D%/commands.c \
	%D%/view.c %D%/facts.c %D%/stress.h tests/bench/bench.c \
	tests/bench/bench.h
tests_stress_imap_stress_CPPFLAGS = $(BENCH_CPPFLAGS)
tests_stress_imap_stress_LDADD = -lpthread
