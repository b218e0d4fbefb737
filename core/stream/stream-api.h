/* stream-api.h - the service "stream" for plugins (cv-stream.h). */
#ifndef STREAM_API_H
#define STREAM_API_H

#include "base.h"
#include "cv-stream.h"

extern const struct cv_stream_api stream_api;

#endif
