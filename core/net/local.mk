# files of core/net
