# files of core/tools
