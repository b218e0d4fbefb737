check_PROGRAMS += tests/interop/message-dump
tests_interop_message_dump_SOURCES = %D%/message-dump.c
tests_interop_message_dump_CPPFLAGS = $(CORE_CPPFLAGS)
tests_interop_message_dump_LDADD = core/message/libmessage.la \
	core/stream/libstream.la core/base/libbase.la

# built of the unit tests' parts
if HAVE_CMOCKA
check_PROGRAMS += tests/interop/mailbox-tool
tests_interop_mailbox_tool_SOURCES = %D%/mailbox-tool.c
tests_interop_mailbox_tool_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_interop_mailbox_tool_LDADD = $(MAILBOX_LIBS)
endif
