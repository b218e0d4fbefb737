/* mechanism-names.h - the SASL mechanisms that need no plugin, in one table:
 * what checks auth_mechanisms before anything runs links none of them. */
#ifndef MECHANISM_NAMES_H
#define MECHANISM_NAMES_H

/* X(table of mech-*.c, name) */
#define AUTH_OWN_MECHANISMS(X) \
	X(mech_plain, "PLAIN") \
	X(mech_login, "LOGIN") \
	X(mech_scram_sha_1, "SCRAM-SHA-1") \
	X(mech_scram_sha_1_plus, "SCRAM-SHA-1-PLUS") \
	X(mech_scram_sha_256, "SCRAM-SHA-256") \
	X(mech_scram_sha_256_plus, "SCRAM-SHA-256-PLUS") \
	X(mech_cram_md5, "CRAM-MD5") \
	X(mech_digest_md5, "DIGEST-MD5") \
	X(mech_anonymous, "ANONYMOUS") \
	X(mech_external, "EXTERNAL") \
	X(mech_oauthbearer, "OAUTHBEARER") \
	X(mech_xoauth2, "XOAUTH2") \
	X(mech_apop, "APOP")

#endif
