/* dbox-host.h - storage-dbox as a plugin of a host that takes no providers,
 * for tests of its parsers. */
#ifndef DBOX_HOST_H
#define DBOX_HOST_H

extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;

static int no_provide(struct cv_plugin *self, uint32_t kind,
		      const void *table, struct cv_error *err)
{
	(void)self; (void)kind; (void)table; (void)err;
	return CV_OK;
}

static struct cv_pool *pool;

static int setup(void **state)
{
	static struct cv_host host;

	(void)state;
	host = *module_host();
	host.provide = no_provide;
	pool = pool_create("test");
	return storage_dbox_LTX_cv_plugin_desc.init(&host, NULL, NULL);
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

#endif
