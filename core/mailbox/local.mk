noinst_LTLIBRARIES += core/mailbox/libmailbox.la \
	core/mailbox/libclientapi.la
# apart: only processes whose plugins may connect link a TLS client
core_mailbox_libclientapi_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_mailbox_libclientapi_la_SOURCES = %D%/client-api.c %D%/client-api.h
core_mailbox_libclientapi_la_LIBADD = core/net/libclient.la
core_mailbox_libmailbox_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_mailbox_libmailbox_la_SOURCES = \
	%D%/acl.c %D%/acl.h \
	core/acl/acl-global.c core/acl/acl-global.h \
	core/acl/acl-shared.c core/acl/acl-shared.h \
	core/takeover/dovecot-attributes.c \
	core/takeover/dovecot-attributes.h \
	%D%/key-table.c %D%/key-table.h \
	%D%/list-match.c %D%/list-match.h \
	%D%/mail-location.c \
	%D%/mail-section.c \
	%D%/mail-structure.c %D%/mail-structure.h \
	%D%/mail-url.c %D%/mail-url.h \
	%D%/mailbox-acl.c \
	%D%/mailbox-shares.c \
	%D%/mailbox-admin.c %D%/mailbox-admin.h \
	%D%/mailbox-annotate.c %D%/mailbox-annotate.h \
	%D%/mailbox-annotations.c \
	%D%/mailbox-annotations.h \
	%D%/mailbox-api.c \
	%D%/mailbox-broker.c %D%/mailbox-broker.h \
	%D%/mailbox-broker-private.h %D%/mailbox-broker-view.c \
	%D%/mailbox-broker-search.c \
	%D%/mailbox-broker-url.c \
	%D%/mailbox-copy.c \
	%D%/mailbox-damage.c \
	%D%/mailbox-encoded.c \
	%D%/mailbox-expire.c \
	%D%/mailbox-expunge.c \
	%D%/mailbox-facts.c \
	%D%/mailbox-fetch.c \
	%D%/mailbox-folder.c \
	%D%/mailbox-freeze.c %D%/mailbox-freeze.h \
	%D%/mailbox-fts.c \
	%D%/mailbox-guard.c \
	%D%/mailbox-list.c \
	%D%/mailbox-metadata.c \
	%D%/mailbox-name.c \
	%D%/mailbox-private.h \
	%D%/mailbox-picture.c \
	%D%/mailbox-progress.c \
	%D%/mailbox-remote.c %D%/mailbox-remote.h \
	%D%/mailbox-remote-freeze.c \
	%D%/mailbox-remote-name.c \
	%D%/mailbox-remote-save.c \
	%D%/mailbox-remote-search.c \
	%D%/mailbox-remote-url.c \
	%D%/mailbox-remote-view.c \
	%D%/mailbox-remote-annotations.c \
	%D%/mailbox-remote-watch.c \
	%D%/mailbox-broker-watch.c \
	%D%/mailbox-replace.c %D%/mailbox-replace.h \
	%D%/mailbox-rights.c \
	%D%/mailbox-route.c %D%/mailbox-route.h \
	%D%/mailbox-route-copy.c \
	%D%/mailbox-save.c %D%/mailbox-save-private.h \
	%D%/mailbox-save-body.c %D%/mailbox-save-commit.c \
	%D%/mailbox-search-annotation.c \
	%D%/mailbox-search-part.c \
	%D%/mailbox-search-private.h \
	%D%/mailbox-search.c \
	%D%/mailbox-seen.c %D%/mailbox-seen.h \
	%D%/mailbox-sort.c \
	%D%/mailbox-store.c \
	%D%/mailbox-thread-id.c \
	%D%/mailbox-urlauth.c %D%/mailbox-urlauth.h \
	%D%/urlauth-open.c \
	%D%/mailbox-vanished.c \
	%D%/mailbox-thread.c \
	%D%/mailbox-view.c \
	%D%/mailbox-watch.c \
	%D%/mailbox-watch-all.c \
	%D%/mailbox-watch-all.h \
	%D%/remote-call.h \
	%D%/remote-wire.c %D%/remote-wire.h \
	%D%/quota.c \
	%D%/scan-adopt.c \
	%D%/scan-compare.c \
	%D%/scan-remote.c \
	%D%/scan-tombstones.c \
	%D%/scan-twice.c \
	%D%/scan-uids.c \
	%D%/sort-radix.c %D%/sort-radix.h \
	%D%/storage-io.c \
	%D%/store.c \
	%D%/store-attributes.c \
	%D%/store-finish.c \
	%D%/store-folders.c \
	%D%/store-guard.c \
	%D%/store-lay-out.c \
	%D%/store-purge.c \
	%D%/store-scan.c %D%/store-scan.h \
	%D%/thread-forest.c %D%/thread-forest.h \
	%D%/user.c %D%/user.h \
	%D%/user-ids.c %D%/user-ids.h
core_mailbox_libmailbox_la_LIBADD = $(OPENSSL_LIBS) \
	core/account/libaccount.la \
	core/message/libmessage.la core/module/libmodule.la \
	core/ipc/libipc.la
EXTRA_DIST += %D%/README.md
