# files of tests/fault
