/* imap-enable.c - see imap-enable.h. */
#include "imap-enable.h"
#include "imap-context.h"
#include "imap-metadata.h"
#include "imap-modseq.h"

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
	return (before & extension->bit) == 0;
}

void imap_extensions_run(struct imap_session *s, uint32_t before)
{
	uint32_t left = s->enabled & ~before;

	/* one bit may have two names */
	for (const struct imap_extension *x = imap_extensions;
	     x->name != NULL; x++) {
		if (x->run != NULL && (left & x->bit) != 0)
			x->run(s);
		left &= ~x->bit;
	}
}

/* [RFC7162 3.1] the first such command with a mailbox selected */
static void tell_modseq(struct imap_session *s)
{
	if (s->box != NULL)
		imap_modseq_send(s, s->modseq);
}

/* [RFC9586] what would tell message numbers ends */
static void numbers_end(struct imap_session *s)
{
	imap_contexts_end(s, true);
}

/* A row for each, sorted by name. */
const struct imap_extension imap_extensions[] = {
	{ "CONDSTORE", IMAP_ENABLED_CONDSTORE, 0, tell_modseq },
	{ "IMAP4rev2", IMAP_ENABLED_REV2, 0, NULL },
	{ "METADATA", IMAP_ENABLED_METADATA, 0, imap_metadata_enable },
	/* [RFC5464 4.1] the name for servers without mailbox entries */
	{ "METADATA-SERVER", IMAP_ENABLED_METADATA, 0, imap_metadata_enable },
	/* [RFC7162 3.2.3] with or without CONDSTORE beside it */
	{ "QRESYNC", IMAP_ENABLED_QRESYNC, IMAP_ENABLED_CONDSTORE, NULL },
	{ "UIDONLY", IMAP_ENABLED_UIDONLY, 0, numbers_end },
	{ "UTF8=ACCEPT", IMAP_ENABLED_UTF8, 0, NULL },
	{ NULL, 0, 0, NULL },
};
