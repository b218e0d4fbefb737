# files of core/session
