/* dbox-fixture.h - mailbox-fixture.h with storage-dbox beside it. */
#ifndef DBOX_FIXTURE_H
#define DBOX_FIXTURE_H

#include "mailbox-fixture.h"

extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;

/* As the plugin's settings begin. */
static struct {
	uint64_t rotate_size, rotate_msecs;
	bool preallocate;
	const char *attachments;
} dbox_fixture_settings = { 10 * 1024 * 1024, 0, false, "" };

static inline const void *dbox_fixture_get(struct cv_plugin *self)
{
	(void)self;
	return &dbox_fixture_settings;
}

static inline const void *dbox_fixture_service(const char *name,
					       uint32_t major)
{
	(void)name; (void)major;
	return NULL;
}

static inline void dbox_host(void)
{
	static struct cv_host host;

	if (host.size != 0)
		return;
	fixture_host();
	host = *module_host();
	host.provide = fixture_provide;
	host.log = fixture_log;
	host.settings = dbox_fixture_get;
	host.service = dbox_fixture_service;
	assert_int_equal(storage_dbox_LTX_cv_plugin_desc.init(&host, NULL,
							      NULL), CV_OK);
}

/* kind: "sdbox" or "mdbox"; more: behind the path, "" or ":ALT=..." */
static inline void dbox_init(struct fixture *f, const char *kind,
			     const char *more)
{
	char settings[300];

	dbox_host();
	dbox_fixture_settings.rotate_size = 10 * 1024 * 1024;
	snprintf(settings, sizeof(settings), "mail_location = %s:~/%s%s\n",
		 kind, "Maildir", more);
	fixture_init(f, settings);
}

static inline struct store *dbox_store(struct fixture *f)
{
	return f->user->namespaces[0].store;
}

#endif
