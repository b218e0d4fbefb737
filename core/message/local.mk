noinst_LTLIBRARIES += core/message/libmessage.la
core_message_libmessage_la_CPPFLAGS = $(CORE_CPPFLAGS) $(UTF8PROC_CFLAGS)
core_message_libmessage_la_LIBADD = $(UTF8PROC_LIBS)
core_message_libmessage_la_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/base-subject.c %D%/base-subject.h \
	%D%/binary-encoder.c %D%/binary-encoder.h \
	%D%/body-structure.c %D%/body-structure.h \
	%D%/boundary.c %D%/boundary.h \
	%D%/casemap.c %D%/casemap.h \
	%D%/charset.c %D%/charset.h \
	%D%/encoded-word.c %D%/encoded-word.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/html-text.c %D%/html-text.h \
	%D%/mail-date.c %D%/mail-date.h \
	%D%/message-id.c %D%/message-id.h \
	%D%/message-parser.c %D%/message-parser.h \
	%D%/message-section.c %D%/message-section.h \
	%D%/message-summary.c %D%/message-summary.h \
	%D%/mime-param.c %D%/mime-param.h \
	%D%/mime-part.c %D%/mime-part.h \
	%D%/preview.c %D%/preview.h \
	%D%/rfc822-lexer.c %D%/rfc822-lexer.h \
	%D%/text-convert.c %D%/text-convert.h \
	%D%/text-find.c %D%/text-find.h
EXTRA_DIST += %D%/README.md
