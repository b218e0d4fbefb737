/* module-find.c - which files may be loaded at all.
 *
 * Who can write a plugin's file, or rename another one into its place, runs
 * code in every process: so owner and mode are checked before anything else,
 * and only names that are part of the settings are looked for. */
#include "module-private.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool module_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MODULE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = cv_ascii_lower(name[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return name[0] != '-';
}

static int check_owner_and_mode(const char *path, const struct stat *st,
				struct cv_error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return FAIL(err, CV_E_DENIED,
			    "'%s' belongs to uid %lu, neither to root nor to "
			    "uid %lu that would run it (hint: chown root '%s')",
			    path, (unsigned long)st->st_uid,
			    (unsigned long)geteuid(), path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return FAIL(err, CV_E_DENIED,
			    "'%s' can be written by %s (mode %04o), who could "
			    "run code in this server (hint: chmod go-w '%s')",
			    path, (st->st_mode & S_IWOTH) != 0 ? "everyone" :
			    "its group", (unsigned int)st->st_mode & 07777,
			    path);
	return CV_OK;
}

int module_check_folder(const char *dir, struct cv_error *err)
{
	struct stat st;

	if (dir[0] != '/')
		return FAIL(err, CV_E_CONFIG, "the plugin directory '%s' is "
			    "not an absolute path", dir);
	if (stat(dir, &st) < 0)
		return FAIL_ERRNO(err, errno, "plugin directory '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return FAIL(err, CV_E_CONFIG, "the plugin directory '%s' is "
			    "not a directory", dir);
	return check_owner_and_mode(dir, &st, err);
}

#if UINTPTR_MAX > 0xffffffffu
typedef Elf64_Ehdr elf_header;
typedef Elf64_Phdr elf_segment;
enum { ELF_CLASS_HERE = ELFCLASS64 };
#else
typedef Elf32_Ehdr elf_header;
typedef Elf32_Phdr elf_segment;
enum { ELF_CLASS_HERE = ELFCLASS32 };
#endif

static int fail_cut(const char *path, uint64_t have, uint64_t want,
		    struct cv_error *err)
{
	return FAIL(err, CV_E_PERM, "'%s' is cut short: it has %llu bytes and "
		    "should have %llu (hint: install it again)", path,
		    (unsigned long long)have, (unsigned long long)want);
}

/* A file that ends early would be mapped and then kill its process at the
 * first access; libltdl reports any damage as "file not found". */
static int check_elf(const char *path, int fd, uint64_t size,
		     struct cv_error *err)
{
	elf_header head;
	elf_segment segment;
	uint64_t end;

	if (size < sizeof(head))
		return fail_cut(path, size, sizeof(head), err);
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return FAIL_ERRNO(err, errno, "cannot read '%s'", path);
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_type != ET_DYN)
		return FAIL(err, CV_E_PERM, "'%s' is not a shared object",
			    path);
	if (head.e_ident[EI_CLASS] != ELF_CLASS_HERE)
		return FAIL(err, CV_E_ABI, "'%s' is a %s-bit object, this "
			    "server is %zu-bit (hint: rebuild the plugin)",
			    path, head.e_ident[EI_CLASS] == ELFCLASS64 ?
			    "64" : "32", sizeof(void *) * 8);
	if (head.e_phentsize != sizeof(segment))
		return FAIL(err, CV_E_PERM, "'%s' has damaged ELF headers",
			    path);
	for (uint32_t i = 0; i < head.e_phnum; i++) {
		if (!checked_add_u64(head.e_phoff, i * sizeof(segment), &end) ||
		    !checked_add_u64(end, sizeof(segment), &end) || end > size)
			return fail_cut(path, size, end, err);
		if (pread(fd, &segment, sizeof(segment),
			  (off_t)(end - sizeof(segment))) !=
		    (ssize_t)sizeof(segment))
			return FAIL_ERRNO(err, errno, "cannot read '%s'",
					  path);
		if (!checked_add_u64(segment.p_offset, segment.p_filesz, &end))
			return FAIL(err, CV_E_PERM,
				    "'%s' has damaged ELF headers", path);
		if (end > size)
			return fail_cut(path, size, end, err);
	}
	return CV_OK;
}

int module_check_file(const char *path, bool check_owner, struct cv_error *err)
{
	struct stat st;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
		  O_NOCTTY);
	if (fd < 0) {
		if (errno == ELOOP)
			return FAIL(err, CV_E_DENIED, "'%s' is a symbolic "
				    "link (hint: put the file itself there)",
				    path);
		if (errno == ENOENT)
			return FAIL(err, CV_E_NOT_FOUND, "there is no file "
				    "'%s' (hint: install the plugin, or take "
				    "it out of the settings)", path);
		return FAIL_ERRNO(err, errno, "cannot open '%s'", path);
	}
	if (fstat(fd, &st) < 0)
		ret = FAIL_ERRNO(err, errno, "cannot stat '%s'", path);
	else if (!S_ISREG(st.st_mode))
		ret = FAIL(err, CV_E_DENIED, "'%s' is not a file", path);
	else
		ret = check_owner ? check_owner_and_mode(path, &st, err) :
			CV_OK;
	if (ret == CV_OK)
		ret = check_elf(path, fd, (uint64_t)st.st_size, err);
	(void)close(fd);
	return ret;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int module_find_all(const char *dir, struct cv_pool *pool,
		    struct cv_strings *names_r, struct cv_error *err)
{
	ARRAY(const char *) names;
	struct dirent *entry;
	DIR *handle = opendir(dir);

	if (handle == NULL)
		return FAIL_ERRNO(err, errno, "plugin directory '%s'", dir);
	array_init(&names, pool);
	while ((entry = readdir(handle)) != NULL) {
		size_t len = strlen(entry->d_name);
		char *name;

		if (len < 4 || strcmp(entry->d_name + len - 3, ".so") != 0)
			continue;
		name = pool_copy(pool, entry->d_name, len - 3);
		if (module_name_is_valid(name))
			*array_add(&names) = name;
	}
	(void)closedir(handle);
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(names.items[0]),
		      compare_names);
	names_r->items = names.items;
	names_r->count = (uint32_t)names.count;
	return CV_OK;
}
