# files of core/module
