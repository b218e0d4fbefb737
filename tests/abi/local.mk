# Plugins with one fault each, and the tests around the plugin interface.
if HAVE_CMOCKA
WRONG_CPPFLAGS = $(AM_CPPFLAGS) -Wno-unused
WRONG_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(abs_builddir)/nowhere

check_LTLIBRARIES += tests/abi/wrong-no-descriptor.la
tests_abi_wrong_no_descriptor_la_SOURCES = %D%/wrong.c
tests_abi_wrong_no_descriptor_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_no_descriptor \
	-DWRONG_NAME='"wrong-no-descriptor"' -DFAULT=NO_DESCRIPTOR -DFAULT_IS_NO_DESCRIPTOR=1
tests_abi_wrong_no_descriptor_la_LDFLAGS = -module -avoid-version -shared \
	-rpath $(abs_builddir)/nowhere $(AM_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-magic.la
tests_abi_wrong_magic_la_SOURCES = %D%/wrong.c
tests_abi_wrong_magic_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_magic \
	-DWRONG_NAME='"wrong-magic"' -DFAULT=MAGIC -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_magic_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-size.la
tests_abi_wrong_size_la_SOURCES = %D%/wrong.c
tests_abi_wrong_size_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_size \
	-DWRONG_NAME='"wrong-size"' -DFAULT=SIZE -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_size_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-newer-api.la
tests_abi_wrong_newer_api_la_SOURCES = %D%/wrong.c
tests_abi_wrong_newer_api_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_newer_api \
	-DWRONG_NAME='"wrong-newer-api"' -DFAULT=NEWER_API -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_newer_api_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-other-major.la
tests_abi_wrong_other_major_la_SOURCES = %D%/wrong.c
tests_abi_wrong_other_major_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_other_major \
	-DWRONG_NAME='"wrong-other-major"' -DFAULT=OTHER_MAJOR -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_other_major_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-time-t.la
tests_abi_wrong_time_t_la_SOURCES = %D%/wrong.c
tests_abi_wrong_time_t_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_time_t \
	-DWRONG_NAME='"wrong-time-t"' -DFAULT=TIME_T -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_time_t_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-name.la
tests_abi_wrong_name_la_SOURCES = %D%/wrong.c
tests_abi_wrong_name_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_name \
	-DWRONG_NAME='"wrong-name"' -DFAULT=NAME -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_name_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-need.la
tests_abi_wrong_need_la_SOURCES = %D%/wrong.c
tests_abi_wrong_need_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_need \
	-DWRONG_NAME='"wrong-need"' -DFAULT=NEED -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_need_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-cycle-a.la
tests_abi_wrong_cycle_a_la_SOURCES = %D%/wrong.c
tests_abi_wrong_cycle_a_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_cycle_a \
	-DWRONG_NAME='"wrong-cycle-a"' -DFAULT=CYCLE_A -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_cycle_a_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-cycle-b.la
tests_abi_wrong_cycle_b_la_SOURCES = %D%/wrong.c
tests_abi_wrong_cycle_b_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_cycle_b \
	-DWRONG_NAME='"wrong-cycle-b"' -DFAULT=CYCLE_B -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_cycle_b_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-constructor.la
tests_abi_wrong_constructor_la_SOURCES = %D%/wrong.c
tests_abi_wrong_constructor_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_constructor \
	-DWRONG_NAME='"wrong-constructor"' -DFAULT=CONSTRUCTOR -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_constructor_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-exit.la
tests_abi_wrong_exit_la_SOURCES = %D%/wrong.c
tests_abi_wrong_exit_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_exit \
	-DWRONG_NAME='"wrong-exit"' -DFAULT=EXIT -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_exit_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-hang.la
tests_abi_wrong_hang_la_SOURCES = %D%/wrong.c
tests_abi_wrong_hang_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_hang \
	-DWRONG_NAME='"wrong-hang"' -DFAULT=HANG -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_hang_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-pointer.la
tests_abi_wrong_pointer_la_SOURCES = %D%/wrong.c
tests_abi_wrong_pointer_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_pointer \
	-DWRONG_NAME='"wrong-pointer"' -DFAULT=POINTER -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_pointer_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-check.la
tests_abi_wrong_check_la_SOURCES = %D%/wrong.c
tests_abi_wrong_check_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_check \
	-DWRONG_NAME='"wrong-check"' -DFAULT=CHECK -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_check_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-init-crash.la
tests_abi_wrong_init_crash_la_SOURCES = %D%/wrong.c
tests_abi_wrong_init_crash_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_init_crash \
	-DWRONG_NAME='"wrong-init-crash"' -DFAULT=INIT_CRASH -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_init_crash_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-init-fails.la
tests_abi_wrong_init_fails_la_SOURCES = %D%/wrong.c
tests_abi_wrong_init_fails_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_init_fails \
	-DWRONG_NAME='"wrong-init-fails"' -DFAULT=INIT_FAILS -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_init_fails_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-service.la
tests_abi_wrong_service_la_SOURCES = %D%/wrong.c
tests_abi_wrong_service_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_service \
	-DWRONG_NAME='"wrong-service"' -DFAULT=SERVICE -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_service_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-late.la
tests_abi_wrong_late_la_SOURCES = %D%/wrong.c
tests_abi_wrong_late_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_late \
	-DWRONG_NAME='"wrong-late"' -DFAULT=LATE -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_late_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-longer-table.la
tests_abi_wrong_longer_table_la_SOURCES = %D%/wrong.c
tests_abi_wrong_longer_table_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_longer_table \
	-DWRONG_NAME='"wrong-longer-table"' -DFAULT=LONGER_TABLE -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_longer_table_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-unknown-hook.la
tests_abi_wrong_unknown_hook_la_SOURCES = %D%/wrong.c
tests_abi_wrong_unknown_hook_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_unknown_hook \
	-DWRONG_NAME='"wrong-unknown-hook"' -DFAULT=UNKNOWN_HOOK -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_unknown_hook_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-exact-build.la
tests_abi_wrong_exact_build_la_SOURCES = %D%/wrong.c
tests_abi_wrong_exact_build_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_exact_build \
	-DWRONG_NAME='"wrong-exact-build"' -DFAULT=EXACT_BUILD -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_exact_build_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-setting.la
tests_abi_wrong_setting_la_SOURCES = %D%/wrong.c
tests_abi_wrong_setting_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_setting \
	-DWRONG_NAME='"wrong-setting"' -DFAULT=SETTING -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_setting_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-undefined.la
tests_abi_wrong_undefined_la_SOURCES = %D%/wrong.c
tests_abi_wrong_undefined_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_undefined \
	-DWRONG_NAME='"wrong-undefined"' -DFAULT=UNDEFINED -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_undefined_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-good-a.la
tests_abi_wrong_good_a_la_SOURCES = %D%/wrong.c
tests_abi_wrong_good_a_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_good_a \
	-DWRONG_NAME='"wrong-good-a"' -DFAULT=GOOD_A -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_good_a_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-good-b.la
tests_abi_wrong_good_b_la_SOURCES = %D%/wrong.c
tests_abi_wrong_good_b_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_good_b \
	-DWRONG_NAME='"wrong-good-b"' -DFAULT=GOOD_B -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_good_b_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-kind.la
tests_abi_wrong_kind_la_SOURCES = %D%/wrong.c
tests_abi_wrong_kind_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_kind \
	-DWRONG_NAME='"wrong-kind"' -DFAULT=KIND -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_kind_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-extension-name.la
tests_abi_wrong_extension_name_la_SOURCES = %D%/wrong.c
tests_abi_wrong_extension_name_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_extension_name \
	-DWRONG_NAME='"wrong-extension-name"' -DFAULT=EXTENSION_NAME -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_extension_name_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-extension-major.la
tests_abi_wrong_extension_major_la_SOURCES = %D%/wrong.c
tests_abi_wrong_extension_major_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_extension_major \
	-DWRONG_NAME='"wrong-extension-major"' -DFAULT=EXTENSION_MAJOR -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_extension_major_la_LDFLAGS = $(WRONG_LDFLAGS)

check_LTLIBRARIES += tests/abi/wrong-extension-refused.la
tests_abi_wrong_extension_refused_la_SOURCES = %D%/wrong.c
tests_abi_wrong_extension_refused_la_CPPFLAGS = $(WRONG_CPPFLAGS) -DCV_PLUGIN=wrong_extension_refused \
	-DWRONG_NAME='"wrong-extension-refused"' -DFAULT=EXTENSION_REFUSED -DFAULT_IS_NO_DESCRIPTOR=0
tests_abi_wrong_extension_refused_la_LDFLAGS = $(WRONG_LDFLAGS)

check_PROGRAMS += tests/abi/test-wrong-plugins
TESTS += tests/abi/test-wrong-plugins %D%/adm-plugin
tests_abi_test_wrong_plugins_SOURCES = %D%/test-wrong-plugins.c
tests_abi_test_wrong_plugins_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_abi_test_wrong_plugins_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la $(UNIT_LIBS)
endif

check_PROGRAMS += tests/abi/harness
tests_abi_harness_SOURCES = %D%/harness.c
tests_abi_harness_CPPFLAGS = $(CORE_CPPFLAGS)
tests_abi_harness_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la core/base/libbase.la
TESTS += %D%/hooks %D%/layout-check %D%/symbols
if PLUGIN_TEMPLATE
TESTS += %D%/out-of-tree
endif
EXTRA_DIST += %D%/README.md %D%/adm-plugin %D%/fts-words.c %D%/hook-lua.c \
	%D%/hook-process.c %D%/hooks %D%/imap-hostile.c %D%/imap-lua.c %D%/imap-push.c \
	%D%/quota-settable.c \
	%D%/layout-check %D%/out-of-tree %D%/symbols
