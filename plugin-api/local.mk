culverinclude_HEADERS += \
	%D%/cv-connection.h \
	%D%/cv-protocol.h \
	%D%/cv-settings.h \
	%D%/cv-text.h \
	%D%/cv-types.h
pkgconfig_DATA += plugin-api/culver-plugin.pc
