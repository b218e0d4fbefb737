/* crc32c.h - CRC-32C (Castagnoli), the checksum of all our own files. */
#ifndef CRC32C_H
#define CRC32C_H

#include "cv-types.h"

/* crc of what came before, 0 to start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
