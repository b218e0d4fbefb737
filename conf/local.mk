# The files of this folder are installed unless a file of that name is there:
# make install never changes what an admin wrote.
CONF_FILES = culver.conf \
	conf.d/10-auth.conf conf.d/10-logging.conf conf.d/10-mail.conf \
	conf.d/10-master.conf conf.d/10-ssl.conf conf.d/15-mailboxes.conf \
	conf.d/20-imap.conf conf.d/20-lmtp.conf \
	conf.d/auth-deny.conf.ext conf.d/auth-master.conf.ext \
	conf.d/auth-passwdfile.conf.ext conf.d/auth-static.conf.ext \
	conf.d/auth-ldap.conf.ext \
	conf.d/auth-oauth2.conf.ext conf.d/auth-route.conf.ext conf.d/auth-sql.conf.ext \
	conf.d/auth-system.conf.ext
EXTRA_DIST += conf/README.md $(CONF_FILES:%=conf/%)

install-data-local: install-conf
uninstall-local: uninstall-conf

install-conf:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/culver/conf.d" \
		"$(DESTDIR)$(localstatedir)"
	@for file in $(CONF_FILES); do \
		to="$(DESTDIR)$(sysconfdir)/culver/$$file"; \
		if test -e "$$to"; then \
			echo "keeping $$to"; \
		else \
			$(INSTALL_DATA) "$(srcdir)/conf/$$file" "$$to" || \
				exit 1; \
		fi; \
	done

# What was changed stays.
uninstall-conf:
	@for file in $(CONF_FILES); do \
		to="$(DESTDIR)$(sysconfdir)/culver/$$file"; \
		if cmp -s "$(srcdir)/conf/$$file" "$$to"; then \
			rm -f "$$to"; \
		fi; \
	done
	@rmdir "$(DESTDIR)$(sysconfdir)/culver/conf.d" \
		"$(DESTDIR)$(sysconfdir)/culver" 2>/dev/null || :

.PHONY: install-conf uninstall-conf

systemdsystemunit_DATA = %D%/culver.service
EXTRA_DIST += %D%/culver.service.in %D%/culver.socket
CLEANFILES += %D%/culver.service
%D%/culver.service: %D%/culver.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's,[@]sbindir@,$(sbindir),' \
		-e 's,[@]bindir@,$(bindir),' \
		-e 's,[@]localstatedir@,$(localstatedir),' \
		$(srcdir)/conf/culver.service.in >$@
