/* imap-enable.c - see imap-enable.h. */
#include "imap-enable.h"
#include "imap-metadata.h"

const struct imap_extension *imap_extension_find(struct cv_span name)
{
	const struct imap_extension *x;

	for (x = imap_extensions; x->name != NULL; x++) {
		if (cv_span_is_icase(name, x->name))
			return x;
	}
	return NULL;
}

bool imap_extension_enable(struct imap_session *s,
			   const struct imap_extension *extension)
{
	uint32_t before = s->enabled;

	s->enabled |= extension->bit | extension->implies;
	if ((before & extension->bit) != 0)
		return false;
	if (extension->run != NULL)
		extension->run(s);
	return true;
}

/* A row for each, sorted by name. */
const struct imap_extension imap_extensions[] = {
	{ "METADATA", IMAP_ENABLED_METADATA, 0, imap_metadata_enable },
	/* [RFC5464 4.1] the name for servers without mailbox entries */
	{ "METADATA-SERVER", IMAP_ENABLED_METADATA, 0, imap_metadata_enable },
	{ "UTF8=ACCEPT", IMAP_ENABLED_UTF8, 0, NULL },
	{ NULL, 0, 0, NULL },
};
