# files of core/module
EXTRA_DIST += core/module/hook.h core/module/module.h core/module/slots.h
