EXTRA_DIST += %D%/stream.h %D%/stream-private.h %D%/dot-reader.h
