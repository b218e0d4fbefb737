noinst_LTLIBRARIES += core/session/libsession.la
core_session_libsession_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS) \
	$(LIBEVENT_CFLAGS) $(ZLIB_CFLAGS)
core_session_libsession_la_LIBADD = $(ZLIB_LIBS) $(OPENSSL_LIBS)
core_session_libsession_la_SOURCES = \
	%D%/connection.c %D%/connection.h \
	%D%/connection-compress.c \
	%D%/connection-output.c \
	%D%/connection-private.h \
	%D%/connection-rawlog.c \
	%D%/connection-transport.c \
	%D%/deflate.c %D%/deflate.h \
	%D%/forward-target.c %D%/forward-target.h \
	%D%/script-done.c \
	%D%/script-service.c %D%/script-service.h \
	%D%/session-accept.c \
	%D%/session-alone.c %D%/session-alone.h \
	%D%/session-api.c \
	%D%/session-broker.c \
	%D%/session-child.c \
	%D%/session-confine.c \
	%D%/session-forward.c \
	%D%/session-forward-relay.c \
	%D%/session-keeper.c \
	%D%/session-lease.c \
	%D%/session-log.c \
	%D%/session-private.h \
	%D%/session-return.c \
	%D%/session-reuse.c \
	%D%/session-script.c \
	%D%/session-sleep.c \
	%D%/session-stop.c \
	%D%/session-zygote.c %D%/session-zygote.h \
	%D%/session.h

# what culver-housekeeper is made of
noinst_LTLIBRARIES += core/session/libidle.la
core_session_libidle_la_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS)
core_session_libidle_la_SOURCES = \
	%D%/idle-service.c %D%/idle-service.h \
	%D%/idle-watch.c %D%/idle-watch.h
