# files of core/mailbox
