# files of core/ipc
