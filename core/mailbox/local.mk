EXTRA_DIST += %D%/user.h
