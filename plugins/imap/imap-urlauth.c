/* imap-urlauth.c - see imap-urlauth.h. */
#include "imap-urlauth.h"
#include "imap-args.h"
#include "imap-respond.h"

bool imap_urlauth_offered(const struct imap_session *s)
{
	return CV_HAS(imap_mailbox_api, urlauth_turn) &&
		imap_mailbox_api->urlauth_offered != NULL &&
		imap_mailbox_api->urlauth_offered(s->user);
}

bool imap_urlauth_is_mechanism(const struct imap_arg *arg)
{
	return imap_arg_is_atom(arg, "INTERNAL");
}

/* [RFC4467 8 URLMECH] INTERNAL has no data that could be overheard. */
static void send_mechanisms(struct imap_session *s)
{
	imap_send_line(s, "* OK [URLMECH INTERNAL] Mechanisms supported.");
}

void imap_urlauth_note(struct imap_session *s)
{
	s->urlauth_turn = s->box == NULL ? 0 :
		imap_mailbox_api->urlauth_turn(s->box);
}

void imap_urlauth_selected(struct imap_session *s)
{
	if (!imap_urlauth_offered(s))
		return;
	imap_urlauth_note(s);
	send_mechanisms(s);
}

void imap_urlauth_tell(struct imap_session *s)
{
	uint64_t before = s->urlauth_turn;

	if (s->box == NULL || !imap_urlauth_offered(s))
		return;
	imap_urlauth_note(s);
	/* the first key of a mailbox revokes nothing */
	if (before != 0 && s->urlauth_turn != before)
		send_mechanisms(s);
}
