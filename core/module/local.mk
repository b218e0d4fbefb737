noinst_LTLIBRARIES += core/module/libmodule.la
core_module_libmodule_la_CPPFLAGS = $(CORE_CPPFLAGS) $(SECCOMP_CFLAGS)
core_module_libmodule_la_SOURCES = \
	%D%/hook.c %D%/hook.h \
	%D%/module.h \
	%D%/module-check.c \
	%D%/module-find.c \
	%D%/module-hint.c \
	%D%/module-host.c \
	%D%/module-load.c \
	%D%/module-names.c \
	%D%/module-open.c \
	%D%/module-order.c \
	%D%/module-private.h \
	%D%/module-probe.c \
	%D%/module-schemes.c \
	%D%/module-settings.c \
	%D%/module-values.c \
	%D%/module-wire.c \
	%D%/probe-sandbox.c \
	%D%/probe-values.c \
	%D%/provider.c \
	%D%/slots.c %D%/slots.h \
	%D%/syscall-filter.c %D%/syscall-filter.h
core_module_libmodule_la_LIBADD = core/settings/libsettings.la \
	$(LTDL_LIBS)
