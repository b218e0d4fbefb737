/* module-open.c - libltdl is used here and nowhere else. */
#include "module-private.h"

#include <ltdl.h>

/* Local: a plugin's symbols are nobody else's.  Resident: never unmapped, as
 * threads, finalisers and debuggers may still know it. */
static int advise(lt_dladvise *advice_r, struct cv_error *err)
{
	static bool started;

	if (!started && lt_dlinit() != 0)
		return FAIL(err, CV_E_INTERNAL, "cannot start libltdl: %s",
			    lt_dlerror());
	started = true;
	if (lt_dladvise_init(advice_r) != 0 ||
	    lt_dladvise_local(advice_r) != 0 ||
	    lt_dladvise_resident(advice_r) != 0)
		return FAIL(err, CV_E_INTERNAL, "cannot set up libltdl: %s",
			    lt_dlerror());
	return CV_OK;
}

int module_open(const char *path, const struct cv_plugin_desc **desc_r,
		struct cv_error *err)
{
	lt_dladvise advice;
	lt_dlhandle handle;
	int ret;

	BUG_IF(path[0] != '/');		/* else libltdl would search */
	if ((ret = advise(&advice, err)) < 0)
		return ret;
	handle = lt_dlopenadvise(path, advice);
	if (handle == NULL) {
		const char *reason = lt_dlerror();

		(void)lt_dladvise_destroy(&advice);
		return FAIL(err, CV_E_PERM, "the system cannot load '%s': %s",
			    path, reason == NULL ? "no reason given" :
			    reason);
	}
	(void)lt_dladvise_destroy(&advice);
	*desc_r = lt_dlsym(handle, "cv_plugin_desc");
	if (*desc_r == NULL)
		return FAIL(err, CV_E_ABI, "it has no plugin descriptor "
			    "(hint: it is no plugin of Culver; or it was "
			    "built without CV_PLUGIN_DEFINE, or with "
			    "-DCV_PLUGIN that is not the file's name)");
	return CV_OK;
}
