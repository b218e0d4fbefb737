/* lmtp-header.c - trace header fields [RFC5321 4.4]. */
#include "lmtp.h"


static void append_date(struct cv_text *header)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000",
		     &tm) == 0)
		return;
	cv_text_append_str(header, date);
}

/* [RFC5321 4.4] from, by, with, id, for; date */
static void append_received(struct lmtp_session *l, const char *address_to,
			    struct cv_text *header)
{
	const char *address = lmtp_conn->remote_address(l->conn);

	cv_text_append_f(header, "Received: from %s", *l->origin_helo != '\0' ?
			 l->origin_helo : l->peer);
	if (address[0] != '\0')
		cv_text_append_f(header, " ([%s%s])",
				 strchr(address, ':') == NULL ? "" : "IPv6:",
				 address);
	/* [RFC3848 1] LMTPS: after STARTTLS */
	cv_text_append_f(header, "\r\n\tby %s with %s\r\n\tid %s\r\n"
			 "\t(envelope-from <%s>)",
			 lmtp_sess->hostname(l->session),
			 *l->origin_proto != '\0' ? l->origin_proto :
			 l->tls ? "LMTPS" : "LMTP",
			 lmtp_sess->id(l->session), l->sender);
	/* one recipient need not know of another [RFC5321 7.6] */
	if (address_to != NULL)
		cv_text_append_f(header, "\r\n\tfor <%s>", address_to);
	cv_text_append_str(header, "; ");
	append_date(header);
	cv_text_append_str(header, "\r\n");
}

void lmtp_header(struct lmtp_session *l, const struct cv_recipient *recipient,
		 struct cv_text *header)
{
	/* [RFC5321 4.4] final delivery puts the reverse-path first */
	cv_text_append_f(header, "Return-Path: <%s>\r\n", l->sender);
	if (l->set->lmtp_hdr_delivery_address != LMTP_HDR_NONE)
		cv_text_append_f(header, "Delivered-To: %s\r\n",
			l->set->lmtp_hdr_delivery_address == LMTP_HDR_FINAL ?
			recipient->user : recipient->address);
	if (l->set->lmtp_add_received_header)
		append_received(l, recipient->address, header);
}

void lmtp_header_relay(struct lmtp_session *l, const char *address,
		       struct cv_text *header)
{
	if (l->set->lmtp_add_received_header)
		append_received(l, address, header);
}
