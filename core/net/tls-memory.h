/* tls-memory.h - OpenSSL's memory, in a process that forks one child per
 * client.
 *
 * A handshake takes and gives back references to contexts, certificates and
 * algorithms, and locks what they stand in.  Each of these writes copies a
 * page of the parent, which nobody can tell from the parent's afterwards, but
 * which is the child's own for as long as it lives.  So what OpenSSL has when
 * the children begin lies in pages of a sealed file in memory, mapped
 * privately: a page that a child has written to, and that is again as it was,
 * can be exchanged for the file's, which all of them share. */
#ifndef NET_TLS_MEMORY_H
#define NET_TLS_MEMORY_H

/* Before OpenSSL has allocated anything; else it goes on with the C library's
 * memory, and the functions below do nothing.  For processes without
 * threads. */
void tls_memory_use(void);

/* In the parent, once it has what its children need.  What is allocated from
 * now on is the C library's, and what was allocated before is never used for
 * anything else. */
void tls_memory_share(void);

/* In a child that will do little and stay long: gives pages back that are as
 * in the parent. */
void tls_memory_give_back(void);

#endif
