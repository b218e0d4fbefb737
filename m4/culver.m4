# culver.m4 - the macros that configure.ac is written in.

m4_define([culver_plugin_names], [])

# C17 from gcc or clang.
AC_DEFUN([CULVER_C17], [
	CULVER_TRY_CFLAG([-std=gnu17], [BASE_CFLAGS])
	AC_SUBST([BASE_CFLAGS])
])

# CULVER_TRY_CFLAG(FLAG, VARIABLE): appends the flag when the compiler takes it.
AC_DEFUN([CULVER_TRY_CFLAG], [
	AC_MSG_CHECKING([whether $CC accepts $1])
	culver_saved_cflags=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
		[AC_MSG_RESULT([yes]); $2="$$2 $1"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$culver_saved_cflags
])

# As above for the linker.
AC_DEFUN([CULVER_TRY_LDFLAG], [
	AC_MSG_CHECKING([whether the linker accepts $1])
	culver_saved_ldflags=$LDFLAGS
	LDFLAGS="$LDFLAGS -Werror $1"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
		[AC_MSG_RESULT([yes]); $2="$$2 $1"],
		[AC_MSG_RESULT([no])])
	LDFLAGS=$culver_saved_ldflags
])

# Warnings, and what makes a bug harder to use: reference figures in
# SECURITY.md.  Probed one by one, as compilers differ.
AC_DEFUN([CULVER_HARDENING], [
	AC_ARG_ENABLE([hardening],
		[AS_HELP_STRING([--disable-hardening], [no hardening flags])],
		[], [enable_hardening=yes])
	for culver_flag in -Wall -Wextra -Wformat=2 -Wformat-security \
		-Wimplicit-fallthrough -Wvla -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
		-Wno-unused-parameter -Wno-format-nonliteral \
		-Wno-missing-field-initializers \
		-Wbidi-chars=any -Werror=incompatible-pointer-types \
		-Wconversion -Wno-sign-conversion -Wno-format-truncation; do
		CULVER_TRY_CFLAG([$culver_flag], [WARN_CFLAGS])
	done
	AS_IF([test "$enable_hardening" = yes], [
		for culver_flag in -fstack-protector-strong \
			-fstack-clash-protection -fcf-protection=full \
			-ftrivial-auto-var-init=zero \
			-fzero-call-used-regs=used-gpr \
			-fno-delete-null-pointer-checks -fno-strict-overflow \
			-fno-strict-aliasing; do
			CULVER_TRY_CFLAG([$culver_flag], [HARDEN_CFLAGS])
		done
		for culver_flag in -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
			-Wl,-z,separate-code; do
			CULVER_TRY_LDFLAG([$culver_flag], [HARDEN_LDFLAGS])
		done
		AS_IF([test "$enable_sanitizers" != yes && test "$enable_fuzzing" != yes],
			[HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])
		PIE_CFLAGS=-fPIE
		PIE_LDFLAGS=-pie
	])
	AC_SUBST([WARN_CFLAGS])
	AC_SUBST([HARDEN_CFLAGS])
	AC_SUBST([HARDEN_LDFLAGS])
	AC_SUBST([PIE_CFLAGS])
	AC_SUBST([PIE_LDFLAGS])
])

AC_DEFUN([CULVER_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers],
		[AS_HELP_STRING([--enable-sanitizers],
			[address and undefined-behaviour sanitizers])],
		[], [enable_sanitizers=no])
	AS_IF([test "$enable_sanitizers" = yes], [
		SANITIZE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
		AC_DEFINE([WITH_SANITIZERS], [1], [Built with sanitizers])
	])
	AM_CONDITIONAL([SANITIZERS], [test "$enable_sanitizers" = yes])
	AC_SUBST([SANITIZE_CFLAGS])
])

AC_DEFUN([CULVER_FUZZING], [
	AC_ARG_ENABLE([fuzzing],
		[AS_HELP_STRING([--enable-fuzzing],
			[build the libFuzzer targets (needs clang)])],
		[], [enable_fuzzing=no])
	AS_IF([test "$enable_fuzzing" = yes], [
		SANITIZE_CFLAGS="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer"
		FUZZ_LDFLAGS="-fsanitize=address,undefined,fuzzer"
		AC_DEFINE([WITH_SANITIZERS], [1], [Built with sanitizers])
	])
	AC_SUBST([FUZZ_LDFLAGS])
	AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" = yes])
])

AC_DEFUN([CULVER_WERROR], [
	AC_ARG_ENABLE([werror],
		[AS_HELP_STRING([--enable-werror], [warnings are errors])],
		[], [enable_werror=no])
	AS_IF([test "$enable_werror" = yes], [WERROR_CFLAGS=-Werror])
	AC_SUBST([WERROR_CFLAGS])
])

AC_DEFUN([CULVER_LTDL], [
	AC_CHECK_HEADER([ltdl.h], [],
		[AC_MSG_ERROR([ltdl.h not found (Debian: libltdl-dev)])])
	AC_CHECK_LIB([ltdl], [lt_dlopenadvise], [LTDL_LIBS=-lltdl],
		[AC_MSG_ERROR([libltdl not found (Debian: libltdl-dev)])])
	AC_SUBST([LTDL_LIBS])
])

# A row of the table at the end: what an optional library is for.
# CULVER_LIBRARY_ROW(option, VARIABLE, what for)
AC_DEFUN([CULVER_LIBRARY_ROW], [
	AS_IF([test "$have_$2" = yes], [culver_row=yes],
		[culver_row="no   ($why_$2)"])
	culver_libraries="$culver_libraries
  m4_format([%-30s], [$3]) $culver_row"
])

# CULVER_OPTIONAL_LIBRARY(option, VARIABLE, pkg-config spec, what for)
AC_DEFUN([CULVER_OPTIONAL_LIBRARY], [
	AC_ARG_WITH([$1],
		[AS_HELP_STRING([--with-$1], [$4 (default: when found)])],
		[], [with_$1=check])
	have_$2=no
	why_$2="--without-$1"
	AS_IF([test "$with_$1" != no], [
		PKG_CHECK_MODULES([$2], [$3],
			[have_$2=yes
			AC_DEFINE([HAVE_$2], [1], [$4])],
			[why_$2="$1 not found"
			AS_IF([test "$with_$1" = yes],
				[AC_MSG_ERROR([--with-$1: $3 not found])])])
	])
	CULVER_LIBRARY_ROW([$1], [$2], [$4])
	AM_CONDITIONAL([HAVE_$2], [test "$have_$2" = yes])
])

# CULVER_OPTIONAL_HEADER(option, VARIABLE, header, function, library, what for)
AC_DEFUN([CULVER_OPTIONAL_HEADER], [
	AC_ARG_WITH([$1],
		[AS_HELP_STRING([--with-$1], [$6 (default: when found)])],
		[], [with_$1=check])
	have_$2=no
	why_$2="--without-$1"
	AS_IF([test "$with_$1" != no], [
		AC_CHECK_HEADER([$3], [AC_CHECK_LIB([$5], [$4],
			[have_$2=yes; $2_LIBS=-l$5
			AC_DEFINE([HAVE_$2], [1], [$6])])])
		AS_IF([test "$have_$2" = no], [
			why_$2="$3 or lib$5 not found"
			AS_IF([test "$with_$1" = yes],
				[AC_MSG_ERROR([--with-$1: $3 or lib$5 not found])])])
	])
	AC_SUBST([$2_LIBS])
	CULVER_LIBRARY_ROW([$1], [$2], [$6])
	AM_CONDITIONAL([HAVE_$2], [test "$have_$2" = yes])
])

# CULVER_PLUGIN(name, [VARIABLE of the library it needs])
# Gives the conditional PLUGIN_<NAME>, and a row of the table at the end.
AC_DEFUN([CULVER_PLUGIN], [
	m4_pushdef([culver_id], m4_translit([$1], [a-z-], [A-Z_]))
	AC_ARG_ENABLE([plugin-$1],
		[AS_HELP_STRING([--disable-plugin-$1], [leave it out])],
		[AS_VAR_COPY([culver_wanted], [enable_plugin_[]m4_translit([$1],[-],[_])])],
		[culver_wanted=yes])
	AS_IF([test "$culver_wanted" = no],
			[culver_row="no   (--disable-plugin-$1)"; culver_build=no],
		m4_ifval([$2], [[test "$have_$2" != yes],
			[culver_row="no   ($why_$2)"; culver_build=no],])
		[culver_row="yes"; culver_build=yes])
	AM_CONDITIONAL([PLUGIN_]culver_id, [test "$culver_build" = yes])
	culver_table="$culver_table
  m4_format([%-20s], [$1]) $culver_row"
	m4_popdef([culver_id])
])

# CULVER_TEST_PLUGIN(name, [VARIABLE]): the row of a plugin that "make check"
# alone builds, and nothing installs.
AC_DEFUN([CULVER_TEST_PLUGIN], [
	AS_IF([test "$have_$2" = yes],
		[culver_row="for tests alone (make check builds it, it is not installed)"],
		[culver_row="no   (for tests alone; $why_$2)"])
	culver_table="$culver_table
  m4_format([%-20s], [$1]) $culver_row"
])

AC_DEFUN([CULVER_SUMMARY], [
	# configure's own clean-up removes a core dump named "core"; here that
	# is a folder
	trap 'culver_status=$?; rm -f -r conftest* confdefs* conf$$*; exit $culver_status' 0
	cat <<EOF_SUMMARY

Culver $PACKAGE_VERSION will be built with $CC
  prefix               $prefix
  hardening            $enable_hardening
  sanitizers           $enable_sanitizers
  fuzzing              $enable_fuzzing
  warnings are errors  $enable_werror

With libraries$culver_libraries

Plugins$culver_table

EOF_SUMMARY
])
