# files of doc
dist_man_MANS += %D%/man/culveradm-plugin.1
