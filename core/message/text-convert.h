/* text-convert.h - the service "convert" (cv-convert.h): text in other
 * charsets, HTML as plain text, headers in other charsets. */
#ifndef TEXT_CONVERT_H
#define TEXT_CONVERT_H

#include "base.h"
#include "cv-convert.h"

extern const struct cv_convert_api convert_api;

#endif
