/* base.h - all of core/base in one include, for the files of core. */
#ifndef BASE_H
#define BASE_H

#include "cv-types.h"
#include "cv-text.h"
#include "array.h"
#include "base64.h"
#include "bug.h"
#include "checked.h"
#include "crc32c.h"
#include "error.h"
#include "hash.h"
#include "log.h"
#include "pool.h"
#include "random.h"
#include "secret.h"
#include "span.h"
#include "spare-memory.h"
#include "time-util.h"
#include "utf7.h"
#include "utf8.h"

#endif
