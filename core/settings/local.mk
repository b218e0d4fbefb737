# files of core/settings
