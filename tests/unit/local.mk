# One line a test; sources are tests/unit/test-<name>.c.
UNIT_TESTS =
UNIT_LIBS = core/base/libbase.la $(CMOCKA_LIBS)
UNIT_CPPFLAGS = $(CORE_CPPFLAGS) $(CMOCKA_CFLAGS) -Wno-missing-prototypes

if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-base
tests_unit_test_base_SOURCES = %D%/test-base.c
tests_unit_test_base_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_base_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-delivery
tests_unit_test_delivery_SOURCES = %D%/test-delivery.c
tests_unit_test_delivery_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_delivery_LDADD = core/delivery/libdelivery.la \
	core/ipc/libipc.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-ipc
tests_unit_test_ipc_SOURCES = %D%/test-ipc.c
tests_unit_test_ipc_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_ipc_LDADD = core/ipc/libipc.la $(UNIT_LIBS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
