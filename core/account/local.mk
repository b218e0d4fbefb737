# files of core/account
