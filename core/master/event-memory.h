/* event-memory.h - libevent's memory, in one place. */
#ifndef EVENT_MEMORY_H
#define EVENT_MEMORY_H

/* Before libevent is used.  What it writes at each event then lies in few
 * pages next to each other, and not all over the heap: a process that has
 * been forked copies each page that it writes to, and so does its parent. */
void event_memory_use(void);

#endif
