# files of core/io
