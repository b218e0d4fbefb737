EXTRA_DIST += %D%/address.h %D%/base-subject.h %D%/body-structure.h \
	%D%/charset.h %D%/encoded-word.h %D%/envelope.h %D%/mail-date.h \
	%D%/message-id.h %D%/message-parser.h %D%/message-section.h \
	%D%/message-summary.h %D%/mime-param.h %D%/mime-part.h \
	%D%/rfc822-lexer.h
