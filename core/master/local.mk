# files of core/master
