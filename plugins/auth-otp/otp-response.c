/* otp-response.c - extended responses to a challenge. */
#include "otp-response.h"
#include "otp-words.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = cv_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [RFC2289 6.0] blanks between the digits mean nothing */
static bool hex_decode(struct cv_span text, unsigned char otp[CV_OTP_BYTES])
{
	unsigned digits = 0;

	memset(otp, 0, CV_OTP_BYTES);
	for (size_t i = 0; i < text.len; i++) {
		int digit = hex_digit(text.data[i]);

		if (is_blank(text.data[i]))
			continue;
		if (digit < 0 || digits == 2 * CV_OTP_BYTES)
			return false;
		otp[digits / 2] = (unsigned char)(otp[digits / 2] << 4 | digit);
		digits++;
	}
	return digits == 2 * CV_OTP_BYTES;
}

static bool decode(struct cv_span text, bool words,
		   unsigned char otp[CV_OTP_BYTES])
{
	return words ? otp_words_decode(text, otp) : hex_decode(text, otp);
}

int otp_response_parse(struct cv_span text, struct otp_response *r,
		       struct cv_error *err)
{
	static const struct { const char *name; bool words, init; } kinds[] = {
		{ "hex", false, false }, { "word", true, false },
		{ "init-hex", false, true }, { "init-word", true, true },
	};
	struct cv_span kind, part;
	size_t at = 0;

	*r = (struct otp_response){ .has_next = false };
	if (text.len > OTP_RESPONSE_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: the response is longer "
			       "than %d bytes", OTP_RESPONSE_MAX);
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	if (!cv_span_split(&text, ':', &kind) || text.data == NULL)
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: the response has no "
			       "kind (hex:, word:, init-hex:, init-word:)");
	while (at < 4 && !cv_span_is_icase(kind, kinds[at].name))
		at++;
	if (at == 4)
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: a response of another "
			       "kind than hex, word, init-hex or init-word");
	r->has_next = kinds[at].init;
	part = text;
	if (r->has_next && (!cv_span_split(&text, ':', &part) ||
			    !cv_span_split(&text, ':', &r->next_params) ||
			    text.data == NULL ||
			    !decode(text, kinds[at].words, r->next_otp)))
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: no new parameters and "
			       "password where they should be");
	if (!decode(part, kinds[at].words, r->otp))
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: neither 16 hexadecimal "
			       "digits nor six words with their checksum");
	return CV_OK;
}
