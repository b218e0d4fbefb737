/* code-memory.c - segments that are mapped from files and never written to. */
#include "base.h"
#include "code-memory.h"

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whether the loader has written into code: that would be lost. */
static bool is_relocated(const struct dl_phdr_info *object)
{
	const ElfW(Dyn) *dyn = NULL;

	for (int i = 0; i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(object->dlpi_addr +
					     object->dlpi_phdr[i].p_vaddr);
	}
	for (; dyn != NULL && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_TEXTREL ||
		    (dyn->d_tag == DT_FLAGS &&
		     (dyn->d_un.d_val & DF_TEXTREL) != 0))
			return true;
	}
	return false;
}

static int drop_object(struct dl_phdr_info *object, size_t size,
		       void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	/* the kernel's own is no file */
	if (is_relocated(object) ||
	    object->dlpi_addr == getauxval(AT_SYSINFO_EHDR))
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t at = object->dlpi_addr + segment->p_vaddr;
		uintptr_t start = at & ~(page - 1);

		/* UNSAFE: what can be written to, or could once (RELRO), has
		 * a segment of its own, and no page with another */
		if (segment->p_type == PT_LOAD &&
		    (segment->p_flags & PF_W) == 0)
			(void)madvise((void *)start,
				      at + segment->p_filesz - start,
				      MADV_DONTNEED);
	}
	return 0;
}

void code_memory_drop(void)
{
	(void)dl_iterate_phdr(drop_object, NULL);
}
