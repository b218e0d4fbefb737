/* cmd-language.c - LANGUAGE [RFC5255 3.2] after login; imap-preauth.c has the
 * one before. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-language.h"
#include "imap-respond.h"

int imap_cmd_language(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	uint32_t language = IMAP_LANGUAGES;

	switch (imap_language_choose(cmd->args, s->set->imap_language,
				     &language)) {
	case IMAP_LANGUAGE_BAD:
		return imap_bad_arguments(cmd);
	case IMAP_LANGUAGE_NONE:
		return imap_no(cmd, "This language is not supported.");
	case IMAP_LANGUAGE_LIST:
		imap_language_tell(&s->out, IMAP_LANGUAGES);
		imap_flush(s);
		return imap_ok(cmd, "Supported languages have been "
			       "enumerated.");
	case IMAP_LANGUAGE_SET:
		break;
	}
	/* [RFC5255 3.2] from the response on */
	s->language = language;
	imap_language_tell(&s->out, language);
	imap_namespace_tell(cmd);
	return imap_ok(cmd, "Now speaking this language.");
}
