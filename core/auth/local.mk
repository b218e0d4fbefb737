noinst_LTLIBRARIES += core/auth/libauth.la
core_auth_libauth_la_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS)
core_auth_libauth_la_LIBADD = $(OPENSSL_LIBS)
core_auth_libauth_la_SOURCES = \
	%D%/auth.c %D%/auth.h \
	%D%/auth-cache.c %D%/auth-cache.h \
	%D%/auth-check.c %D%/auth-check.h \
	%D%/auth-client.c %D%/auth-client.h \
	%D%/auth-credentials.c %D%/auth-credentials.h \
	%D%/auth-db.c %D%/auth-db.h \
	%D%/auth-dummy.c %D%/auth-dummy.h \
	%D%/auth-exchange.c %D%/auth-exchange.h \
	%D%/auth-forward.c %D%/auth-forward.h \
	%D%/auth-facts.c %D%/auth-facts.h \
	%D%/auth-hosts.c %D%/auth-hosts.h \
	%D%/auth-ids.c %D%/auth-ids.h \
	%D%/auth-input.c %D%/auth-input.h \
	%D%/auth-job.c %D%/auth-job.h \
	%D%/auth-line.c %D%/auth-line.h \
	%D%/auth-mechanism.c %D%/auth-mechanism.h \
	%D%/auth-passdb.c \
	%D%/auth-peer.c %D%/auth-peer.h %D%/auth-peer-private.h \
	%D%/auth-penalty.c %D%/auth-penalty.h \
	%D%/auth-policy.c %D%/auth-policy.h \
	%D%/auth-plugin-api.c %D%/auth-plugin-api.h \
	%D%/auth-provider.c %D%/auth-provider.h \
	%D%/auth-queue.c %D%/auth-queue.h \
	%D%/auth-reply.c %D%/auth-reply.h \
	%D%/auth-request.c %D%/auth-request.h \
	%D%/auth-service.c %D%/auth-service.h \
	%D%/auth-service-private.h \
	%D%/auth-userdb.c \
	%D%/auth-username.c %D%/auth-username.h \
	%D%/auth-weak.c %D%/auth-weak.h \
	%D%/auth-worker.c %D%/auth-worker.h \
	%D%/auth-worker-server.c %D%/auth-worker-server.h \
	%D%/auth-worker-service.c \
	%D%/hmac-md5.c %D%/hmac-md5.h \
	%D%/md-block.c %D%/md-block.h \
	%D%/mech-anonymous.c \
	%D%/mech-apop.c \
	%D%/mech-cram-md5.c \
	%D%/mech-digest-md5.c \
	%D%/mech-external.c \
	%D%/mech-login.c \
	%D%/mech-oauth.c \
	%D%/mech-plain.c \
	%D%/mech-scram.c \
	%D%/mechanism-names.h \
	%D%/password-scheme.c %D%/password-scheme.h \
	%D%/peer-client.c \
	%D%/peer-master.c \
	%D%/sasl-gs2.c %D%/sasl-gs2.h \
	%D%/saslprep.c %D%/saslprep.h %D%/saslprep-private.h \
	%D%/saslprep-parts.c %D%/saslprep-table.c %D%/saslprep-wholes.c \
	%D%/scheme-digest.c %D%/scheme-digest.h \
	%D%/scheme-hmac.c %D%/scheme-hmac.h \
	%D%/scheme-otp.c %D%/scheme-otp.h \
	%D%/scram-keys.c %D%/scram-keys.h
EXTRA_DIST += %D%/README.md %D%/make-saslprep-table.py
