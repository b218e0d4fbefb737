if PLUGIN_LMTP
plugin_LTLIBRARIES += plugins/lmtp/lmtp.la
endif
LMTP_SOURCES = \
	%D%/lmtp.h \
	%D%/lmtp-command.c \
	%D%/lmtp-data.c \
	%D%/lmtp-header.c \
	%D%/lmtp-path.c \
	%D%/lmtp-plugin.c \
	%D%/lmtp-relay.h \
	%D%/lmtp-relay.c \
	%D%/lmtp-relay-data.c \
	%D%/lmtp-relay-reply.c \
	%D%/lmtp-session.c \
	%D%/lmtp-xclient.h \
	%D%/lmtp-xclient.c
plugins_lmtp_lmtp_la_SOURCES = $(LMTP_SOURCES)
plugins_lmtp_lmtp_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=lmtp
plugins_lmtp_lmtp_la_LDFLAGS = $(MODULE_LDFLAGS)
