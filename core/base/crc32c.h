/* crc32c.h - CRC-32C (Castagnoli), the checksum of all our own files. */
#ifndef CRC32C_H
#define CRC32C_H

#include "cv-types.h"

/* crc of what came before, 0 to start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The same by tables, as on a processor without an instruction for it. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
