# files of tests/abi
