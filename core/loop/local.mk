# files of core/loop
