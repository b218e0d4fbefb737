# files of doc
dist_man_MANS += %D%/man/culveradm-apppassword.1
dist_man_MANS += %D%/man/culveradm-auth.1 %D%/man/culveradm-pw.1
dist_man_MANS += %D%/man/culveradm-director.1 %D%/man/culveradm-dump.1 %D%/man/culveradm-plugin.1 %D%/man/culveradm-mail.1
dist_man_MANS += %D%/man/culveradm-search-query.7 %D%/man/culveradm-sync.1
dist_man_MANS += %D%/man/culveradm.1 %D%/man/culverd.8
dist_man_MANS += %D%/man/culver.conf.5 %D%/man/culverconf.1
dist_man_MANS += %D%/man/culver-imap.1 %D%/man/culver-plugins.5

# The middle of culver.conf.5 comes from the settings that core declares; a
# test compares.
EXTRA_DIST += %D%/man/culver.conf.5.head %D%/man/culver.conf.5.tail
update-man: core/settings/settings-manual all
	( cat $(srcdir)/doc/man/culver.conf.5.head && \
	  core/settings/settings-manual && \
	  cat $(srcdir)/doc/man/culver.conf.5.tail ) \
		>$(srcdir)/doc/man/culver.conf.5
	$(srcdir)/tools/plugin-manual ./culveradm \
		$$(find plugins -path '*/.libs/*.so') \
		>$(srcdir)/doc/man/culver-plugins.5.new
	mv $(srcdir)/doc/man/culver-plugins.5.new \
		$(srcdir)/doc/man/culver-plugins.5
.PHONY: update-man
EXTRA_DIST += %D%/auth-drivers.md %D%/auth-service.md %D%/proxy.md %D%/remote-storage.md %D%/route.md %D%/sync.md %D%/urlauth.md %D%/format-account.md %D%/format-dbox.md %D%/rfc-coverage.md
