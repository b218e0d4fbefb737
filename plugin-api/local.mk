culverinclude_HEADERS += \
	%D%/cv-annotation.h \
	%D%/cv-auth.h \
	%D%/cv-check.h \
	%D%/cv-client.h \
	%D%/cv-connection.h \
	%D%/cv-convert.h \
	%D%/cv-delivery.h \
	%D%/cv-extend.h \
	%D%/cv-fts.h \
	%D%/cv-hook.h \
	%D%/cv-host.h \
	%D%/cv-imap.h \
	%D%/cv-mailbox.h \
	%D%/cv-plugin.h \
	%D%/cv-policy.h \
	%D%/cv-protocol.h %D%/cv-proxy.h \
	%D%/cv-quota.h \
	%D%/cv-settings.h \
	%D%/cv-route.h \
	%D%/cv-sql.h \
	%D%/cv-storage.h \
	%D%/cv-stream.h \
	%D%/cv-text.h \
	%D%/cv-types.h \
	%D%/hook-points.def
pkgconfig_DATA += plugin-api/culver-plugin.pc
EXTRA_DIST += %D%/ABI.md %D%/abi/1.0.layout
