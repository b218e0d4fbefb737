/* code-memory.h - what the start has run and read of programs and
 * libraries. */
#ifndef CODE_MEMORY_H
#define CODE_MEMORY_H

/* Takes code and constants out of this process's memory.  What is needed again
 * comes back from the page cache, sixteen pages at a time; of what runs once,
 * at the start (relocation, OpenSSL's initialization: two megabytes), nothing
 * does.  Pages that differ from their file are not touched.  To be called when
 * the start is done. */
void code_memory_drop(void);

#endif
