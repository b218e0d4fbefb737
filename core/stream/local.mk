# files of core/stream
