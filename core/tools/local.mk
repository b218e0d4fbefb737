# files of core/tools
EXTRA_DIST += %D%/README.md %D%/adm-output.c %D%/adm-plugin.c \
	%D%/culveradm.c %D%/culveradm.h
