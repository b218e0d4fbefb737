check_PROGRAMS += tests/interop/message-dump
tests_interop_message_dump_SOURCES = %D%/message-dump.c
tests_interop_message_dump_CPPFLAGS = $(CORE_CPPFLAGS)
tests_interop_message_dump_LDADD = core/message/libmessage.la \
	core/stream/libstream.la core/base/libbase.la
