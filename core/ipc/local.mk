noinst_LTLIBRARIES += core/ipc/libipc.la
core_ipc_libipc_la_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS)
core_ipc_libipc_la_SOURCES = \
	%D%/anvil-message.c %D%/anvil-message.h \
	%D%/auth-message.c %D%/auth-message.h \
	%D%/channel-binding.c %D%/channel-binding.h \
	%D%/idle-message.c %D%/idle-message.h \
	%D%/ipc.c %D%/ipc.h \
	%D%/ipc-queue.c %D%/ipc-queue.h \
	%D%/return-message.c %D%/return-message.h \
	%D%/script-message.c %D%/script-message.h \
	%D%/user-message.c %D%/user-message.h
