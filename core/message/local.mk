# files of core/message
