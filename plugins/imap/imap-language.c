/* imap-language.c - see imap-language.h.
 *
 * To add a language: its name here and in the header, and a column in the
 * tables at the end. */
#include "imap-language.h"

enum {
	RANGE_MAX = 255, SUBTAG_MAX = 8,
	PLACES = 2,		/* "%s" in a text */
};

struct phrase {
	const char *english;		/* with up to PLACES "%s" */
	const char *german;		/* the same, in the same order */
};

extern const struct phrase imap_phrases[], imap_prefixes[];

static const char *translation(const struct phrase *p, uint32_t language)
{
	return language == IMAP_LANGUAGE_DE ? p->german : NULL;
}

/* --- phrases -------------------------------------------------------------- */

/* Where part begins in text, from at on; SIZE_MAX: nowhere. */
static size_t find(struct cv_span text, size_t at, const char *part,
		   size_t len)
{
	for (; at + len <= text.len; at++) {
		if (memcmp(text.data + at, part, len) == 0)
			return at;
	}
	return SIZE_MAX;
}

/* Whether text is the pattern; what stands for its "%s". */
static bool phrase_matches(const char *pattern, struct cv_span text,
			   struct cv_span places[PLACES])
{
	size_t at = 0, from = 0;

	for (int i = 0;; i++) {
		const char *hole = strstr(pattern, "%s");
		size_t len = hole == NULL ? strlen(pattern) :
			(size_t)(hole - pattern);

		if (hole == NULL && text.len < at + len)
			return false;
		/* the last piece stands at the end */
		from = i == 0 ? 0 : hole == NULL ? text.len - len :
			find(text, at, pattern, len);
		if (from == SIZE_MAX || from + len > text.len ||
		    memcmp(text.data + from, pattern, len) != 0)
			return false;
		if (i > 0)
			places[i - 1] = cv_span(text.data + at, from - at);
		at = from + len;
		if (hole == NULL)
			return at == text.len;
		pattern = hole + 2;
	}
}

static void append_phrase(struct cv_text *dst, const char *pattern,
			  const struct cv_span places[PLACES])
{
	const char *hole;

	while ((hole = strstr(pattern, "%s")) != NULL) {
		cv_text_append(dst, pattern, (size_t)(hole - pattern));
		cv_text_append_span(dst, *places++);
		pattern = hole + 2;
	}
	cv_text_append_str(dst, pattern);
}

static bool append_from(const struct phrase *table, struct cv_text *dst,
			uint32_t language, struct cv_span text)
{
	for (; table->english != NULL; table++) {
		struct cv_span places[PLACES];

		if (translation(table, language) == NULL ||
		    !phrase_matches(table->english, text, places))
			continue;
		append_phrase(dst, translation(table, language), places);
		return true;
	}
	return false;
}

/* How long the code in brackets and the blank behind it are. */
static size_t code_len(struct cv_span text)
{
	bool quoted = false;

	if (text.len == 0 || text.data[0] != '[')
		return 0;
	for (size_t i = 1; i < text.len; i++) {
		if (quoted && text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			quoted = !quoted;
		else if (text.data[i] == ']' && !quoted)
			return i + 1 < text.len && text.data[i + 1] == ' ' ?
				i + 2 : i + 1;
	}
	return 0;
}

void imap_language_append(struct cv_text *dst, uint32_t language,
			  struct cv_span text)
{
	size_t code = language <= IMAP_LANGUAGE_EN ? text.len :
		code_len(text);

	cv_text_append(dst, text.data, code);
	text = cv_span_skip(text, code);
	if (text.len > 0 && !append_from(imap_phrases, dst, language, text))
		cv_text_append_span(dst, text);
}

bool imap_language_prefix(struct cv_text *dst, uint32_t language,
			  struct cv_span word)
{
	return append_from(imap_prefixes, dst, language, word);
}

/* --- choosing --------------------------------------------------------------- */

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* [RFC4647 2.1] language-range = (1*8ALPHA *("-" 1*8alphanum)) / "*" */
static bool range_valid(struct cv_span range)
{
	size_t len = 0;
	bool first = true;

	if (cv_span_is(range, "*"))
		return true;
	if (range.len > RANGE_MAX)
		return false;
	for (size_t i = 0; i < range.len; i++) {
		char c = range.data[i];

		if (c == '-' && len > 0) {
			first = false;
			len = 0;
		} else if (!is_alpha(c) && (first || c < '0' || c > '9')) {
			return false;
		} else if (++len > SUBTAG_MAX) {
			return false;
		}
	}
	return len > 0;
}

static bool find_name(struct cv_span tag, uint32_t *language_r)
{
	for (uint32_t i = 0; i < IMAP_LANGUAGES; i++) {
		if (cv_span_is_icase(tag, imap_language_names[i])) {
			*language_r = i;
			return true;
		}
	}
	return false;
}

/* [RFC4647 3.4] from its end subtag by subtag, and with one of them those of
 * one letter before it, until a language has that name. */
static bool lookup(struct cv_span range, uint32_t *language_r)
{
	while (range.len > 0) {
		if (find_name(range, language_r))
			return true;
		while (range.len > 0 && range.data[range.len - 1] != '-')
			range.len--;
		if (range.len > 0)
			range.len--;
		if (range.len > 1 && range.data[range.len - 2] == '-')
			range.len -= 2;
	}
	return false;
}

enum imap_language_answer imap_language_choose(struct imap_args args,
					       uint32_t preferred,
					       uint32_t *language_r)
{
	const struct imap_arg *arg;
	bool found = false;

	if (imap_args_peek(&args) == NULL)
		return IMAP_LANGUAGE_LIST;
	while ((arg = imap_args_next(&args)) != NULL) {
		if (arg->type == IMAP_LIST || !range_valid(arg->text))
			return IMAP_LANGUAGE_BAD;
		if (found)
			continue;	/* the first that is known */
		/* [RFC5255 3.2] "default"; [RFC4647 3.4] "*" is as good as
		 * any */
		found = true;
		if (cv_span_is_icase(arg->text, "default") ||
		    cv_span_is(arg->text, "*"))
			*language_r = preferred;
		else
			found = lookup(arg->text, language_r);
	}
	return found ? IMAP_LANGUAGE_SET : IMAP_LANGUAGE_NONE;
}

uint32_t imap_language_find(struct cv_span name)
{
	uint32_t language = IMAP_LANGUAGE_DEFAULT;

	(void)find_name(name, &language);
	return language;
}

void imap_language_tell(struct cv_text *dst, uint32_t language)
{
	cv_text_append_str(dst, "* LANGUAGE (");
	for (uint32_t i = 0; i < IMAP_LANGUAGES; i++) {
		if (language != IMAP_LANGUAGES && language != i)
			continue;
		if (language == IMAP_LANGUAGES && i > 0)
			cv_text_append_c(dst, ' ');
		cv_text_append_str(dst, imap_language_names[i]);
	}
	cv_text_append_str(dst, ")\r\n");
}

/* --- the languages ------------------------------------------------------------ */

const char *const imap_language_names[IMAP_LANGUAGES] = {
	"i-default", "en", "de",
};

/* The first row that matches counts: those with "%s" stand behind. */
const struct phrase imap_phrases[] = {
	{ "Logged in", "Angemeldet" },
	{ "Logged in, but you should use this server instead.",
	  "Angemeldet, aber dieser Server ist besser geeignet." },
	{ "Try this server instead.", "Bitte diesen Server benutzen." },
	{ "Login is not allowed for now.", "Zur Zeit ist keine Anmeldung möglich." },
	{ "Logging out", "Abmeldung" },
	{ "Enabled.", "Eingeschaltet." },
	{ "Unauthenticated.", "Abgemeldet; die Verbindung besteht weiter." },
	{ "DEFLATE active.", "DEFLATE ist aktiv." },
	{ "Begin TLS negotiation now.",
	  "Jetzt mit der TLS-Aushandlung beginnen." },
	{ "Now speaking this language.", "Es wird jetzt Deutsch gesprochen." },
	{ "Supported languages have been enumerated.",
	  "Die unterstützten Sprachen sind "
	  "aufgezählt." },
	{ "This language is not supported.",
	  "Diese Sprache wird nicht unterstützt." },
	{ "Still here", "Immer noch da" },
	{ "First unseen.", "Erste ungesehene." },
	{ "UIDs valid", "UIDs gültig" },
	{ "Predicted next UID", "Voraussichtlich nächste UID" },
	{ "Highest", "Höchste" },
	{ "Ok", "In Ordnung" },
	{ "Flags permitted.", "Erlaubte Markierungen." },
	{ "Read-only mailbox.", "Nur lesbares Postfach." },
	{ "Previous mailbox closed.", "Voriges Postfach geschlossen." },
	{ "No messages found.", "Keine Nachrichten gefunden." },
	{ "Conditional store failed for some.",
	  "Bei einigen wurde die Bedingung nicht "
	  "erfüllt." },
	{ "Server shutting down.", "Der Server wird beendet." },
	{ "Disconnected by the administrator.", "Vom Administrator getrennt." },
	{ "Disconnected for inactivity.",
	  "Wegen Untätigkeit getrennt." },
	{ "Response is too long.", "Die Antwort ist zu lang." },
	{ "Too many commands before login.",
	  "Zu viele Befehle vor der Anmeldung." },
	{ "Too many invalid IMAP commands.",
	  "Zu viele ungültige IMAP-Befehle." },
	{ "Cannot go back to before the login.",
	  "Zurück vor die Anmeldung geht es nicht." },
	{ "Commands behind COMPRESS.", "Befehle hinter COMPRESS." },
	{ "FETCH failed: a message could not be read.",
	  "FETCH ist gescheitert: Eine Nachricht konnte nicht "
	  "gelesen werden." },
	{ "Input could not be understood.",
	  "Die Eingabe war nicht zu verstehen." },
	{ "Internal error: please log in again.",
	  "Interner Fehler: Bitte erneut anmelden." },
	{ "Mailbox was deleted under you.",
	  "Das Postfach wurde inzwischen gelöscht." },
	{ "You may no longer read the selected mailbox.",
	  "Das gewählte Postfach darf nicht mehr gelesen werden." },
	{ "Selected mailbox was deleted or has changed, please "
	  "reconnect.",
	  "Das gewählte Postfach wurde "
	  "gelöscht oder hat sich geändert, "
	  "bitte neu verbinden." },
	{ "Already logged in.", "Bereits angemeldet." },
	{ "An entry name is missing.", "Ein Eintragsname fehlt." },
	{ "CHARSET is not allowed after ENABLE UTF8=ACCEPT.",
	  "CHARSET ist nach ENABLE UTF8=ACCEPT nicht erlaubt." },
	{ "Empty list in search program.", "Leere Liste in der Suchanfrage." },
	{ "Empty status list.", "Leere Liste bei STATUS." },
	{ "Expected DONE.", "DONE wurde erwartet." },
	{ "Flags list contains non-atoms.",
	  "Die Liste der Markierungen enthält mehr "
	  "als Atome." },
	{ "Invalid arguments", "Ungültige Argumente" },
	{ "Invalid base64 data in initial response",
	  "Ungültiges Base64 in der ersten Antwort" },
	{ "Invalid base64 data in continued response",
	  "Ungültiges Base64 in der Antwort" },
	{ "Invalid BINARY[..] parameter.",
	  "Ungültiges Argument von BINARY[..]." },
	{ "Invalid BODY[..] parameter.",
	  "Ungültiges Argument von BODY[..]." },
	{ "Invalid PARTIAL range.",
	  "Ungültiger Bereich von PARTIAL." },
	{ "Invalid PARTIAL.", "Ungültiges PARTIAL." },
	{ "Invalid QRESYNC parameters.",
	  "Ungültige Argumente von QRESYNC." },
	{ "Invalid UID.", "Ungültige UID." },
	{ "Invalid entry name or value.",
	  "Ungültiger Eintragsname oder Wert." },
	{ "Invalid entry name.", "Ungültiger Eintragsname." },
	{ "Invalid entry of MODSEQ.",
	  "Ungültiger Eintrag bei MODSEQ." },
	{ "Invalid header field name.",
	  "Ungültiger Name einer Kopfzeile." },
	{ "Invalid identifier.", "Ungültiger Bezeichner." },
	{ "Invalid internal date.", "Ungültiges internes Datum." },
	{ "Invalid object ID.", "Ungültige Objektkennung." },
	{ "Invalid options.", "Ungültige Optionen." },
	{ "Invalid search date parameter.",
	  "Ungültiges Datum in der Suchanfrage." },
	{ "Invalid search interval.",
	  "Ungültige Zeitspanne in der Suchanfrage." },
	{ "Invalid search keyword.",
	  "Ungültiges Schlüsselwort in der "
	  "Suchanfrage." },
	{ "Invalid search size parameter.",
	  "Ungültige Größe in der "
	  "Suchanfrage." },
	{ "Missing argument for search key.",
	  "Einem Suchschlüssel fehlt ein Argument." },
	{ "Missing search key argument.",
	  "Einem Suchschlüssel fehlt ein Argument." },
	{ "Missing search parameters.", "Die Suchanfrage fehlt." },
	{ "Missing sort criterion.", "Das Sortierkriterium fehlt." },
	{ "Unsupported authentication mechanism.",
	  "Dieses Anmeldeverfahren wird nicht "
	  "unterstützt." },
	{ "Plaintext authentication disallowed on non-secure "
	  "(SSL/TLS) connections.",
	  "Klartext-Anmeldung ist nur über gesicherte "
	  "Verbindungen (SSL/TLS) erlaubt." },
	{ "Temporary authentication failure.",
	  "Die Anmeldung ist vorübergehend nicht "
	  "möglich." },
	{ "Password expired.", "Das Passwort ist abgelaufen." },
	{ "Account is disabled.", "Das Konto ist gesperrt." },
	{ "Maximum number of connections exceeded.", "Zu viele Verbindungen." },
	{ "Authentication aborted by client.",
	  "Die Anmeldung wurde vom Client abgebrochen." },
	{ "Invalid authentication response.",
	  "Ungültige Antwort bei der Anmeldung." },
	{ "Authentication failed.", "Die Anmeldung ist fehlgeschlagen." },
	{ "TLS is already active.", "TLS ist bereits aktiv." },
	{ "TLS support isn't enabled.", "TLS ist nicht eingeschaltet." },
	{ "Unexpected arguments", "Unerwartete Argumente" },
	{ "Unknown command or not allowed before login.",
	  "Unbekannter Befehl, oder vor der Anmeldung nicht "
	  "erlaubt." },
	{ "No mailbox selected.", "Kein Postfach gewählt." },
	{ "No such message.", "Diese Nachricht gibt es nicht." },
	{ "PARTIAL and ALL exclude each other.",
	  "PARTIAL und ALL schließen einander aus." },
	{ "QRESYNC is not enabled.", "QRESYNC ist nicht eingeschaltet." },
	{ "RECURSIVEMATCH must not be the only selection "
	  "option.",
	  "RECURSIVEMATCH darf nicht die einzige Auswahl sein." },
	{ "Search program is nested too deeply.",
	  "Die Suchanfrage ist zu tief verschachtelt." },
	{ "Search program is too large.",
	  "Die Suchanfrage ist zu groß." },
	{ "Search text is not valid in its charset.",
	  "Der Suchtext ist in seinem Zeichensatz "
	  "ungültig." },
	{ "Too many body sections.", "Zu viele Abschnitte." },
	{ "UNAUTHENTICATE is not available.",
	  "UNAUTHENTICATE gibt es hier nicht." },
	{ "Unknown FETCH modifier.", "Unbekannter Zusatz zu FETCH." },
	{ "Unknown PREVIEW modifier.", "Unbekannter Zusatz zu PREVIEW." },
	{ "Unknown STORE modifier.", "Unbekannter Zusatz zu STORE." },
	{ "Unknown compression mechanism.",
	  "Unbekanntes Kompressionsverfahren." },
	{ "Unknown search return option.", "Unbekannte Option hinter RETURN." },
	{ "Unknown sort criterion.", "Unbekanntes Sortierkriterium." },
	{ "Unknown thread algorithm.",
	  "Unbekanntes Verfahren für THREAD." },
	{ "VANISHED is for UID FETCH.",
	  "VANISHED gehört zu UID FETCH." },
	{ "VANISHED needs CHANGEDSINCE.", "VANISHED braucht CHANGEDSINCE." },
	{ "Can't rename to INBOX.", "Nach INBOX kann nicht umbenannt werden." },
	{ "Unknown charset.", "Unbekannter Zeichensatz." },
	{ "No such comparator.", "Dieses Vergleichsverfahren gibt es nicht." },
	{ "Nothing can be taken from this URL.",
	  "Mit dieser URL ist nichts zu holen." },
	{ "The URL is too long.", "Die URL ist zu lang." },
	{ "Can't save a zero byte message.",
	  "Eine leere Nachricht kann nicht gespeichert werden." },
	{ "Headers with 8-bit characters need ENABLE "
	  "UTF8=ACCEPT.",
	  "Kopfzeilen mit 8-Bit-Zeichen brauchen ENABLE "
	  "UTF8=ACCEPT." },
	{ "INBOX can't be deleted.",
	  "INBOX kann nicht gelöscht werden." },
	{ "Mailbox name has control characters.",
	  "Der Postfachname enthält Steuerzeichen." },
	{ "Mailbox name is empty.", "Der Postfachname ist leer." },
	{ "Mailbox name is too long.", "Der Postfachname ist zu lang." },
	{ "Message contains NUL characters.",
	  "Die Nachricht enthält NUL-Zeichen." },
	{ "Resource is not supported.",
	  "Diese Ressource wird nicht unterstützt." },
	{ "The range of batches is reversed.",
	  "Der Bereich ist verkehrt herum." },
	{ "DEFLATE is active already.", "DEFLATE ist bereits aktiv." },
	{ "Some of the requested messages no longer exist.",
	  "Einige der Nachrichten gibt es nicht mehr." },
	{ "The message no longer exists.",
	  "Diese Nachricht gibt es nicht mehr." },
	{ "Keyword is too long or too many keywords.",
	  "Ein Schlüsselwort ist zu lang, oder es "
	  "sind zu viele." },
	{ "Too many messages in one command.",
	  "Zu viele Nachrichten in einem Befehl." },
	{ "Too many patterns.", "Zu viele Muster." },
	{ "Too many messages, nothing was copied.",
	  "Zu viele Nachrichten, nichts wurde kopiert." },
	{ "The range has too many messages.",
	  "Der Bereich hat zu viele Nachrichten." },
	{ "Value is too large.", "Der Wert ist zu groß." },
	{ "Too many entries.", "Zu viele Einträge." },
	{ "No such quota root.", "Dieses Kontingent gibt es nicht." },
	{ "Mailbox is read-only.", "Das Postfach ist nur lesbar." },
	{ "The result is too large to be saved.",
	  "Das Ergebnis ist zu groß, um es zu merken." },
	{ "Some messages could not be read.",
	  "Einige Nachrichten konnten nicht gelesen werden." },
	{ "Conversions completed.", "Umwandlungen aufgezählt." },
	{ "Convert completed.", "Umwandlung abgeschlossen." },
	{ "All conversions failed.", "Alle Umwandlungen sind gescheitert." },
	{ "Some conversions failed.",
	  "Einige Umwandlungen sind gescheitert." },
	{ "Internal error: a plugin does not answer.",
	  "Interner Fehler: Eine Erweiterung antwortet nicht." },
	{ "RELEVANCY needs a FUZZY key.",
	  "RELEVANCY braucht einen Suchschlüssel FUZZY." },
	{ "RELEVANCY is for the selected mailbox alone.",
	  "RELEVANCY ist nur für das gewählte Postfach." },
	{ "Too many messages.", "Zu viele Nachrichten." },
	{ "Too many body parts.", "Zu viele Teile der Nachricht." },
	{ "CONVERT tells message numbers.",
	  "CONVERT nennt Nachrichtennummern." },
	{ "CONVERT is not offered.", "CONVERT wird nicht angeboten." },
	{ "Invalid MIME type.", "Ungültiger MIME-Typ." },
	{ "Invalid conversion parameters.",
	  "Ungültige Parameter der Umwandlung." },
	{ "Too many conversion parameters.",
	  "Zu viele Parameter der Umwandlung." },
	{ "Unknown CONVERT item.", "Unbekanntes Element bei CONVERT." },
	{ "Headers have the default conversion only.",
	  "Kopfzeilen kennen nur die vorgegebene Umwandlung." },
	{ "A parameter is given twice", "Ein Parameter steht zweimal da" },
	{ "CHARSET is empty", "CHARSET ist leer" },
	{ "UNKNOWN-CHARACTER-REPLACEMENT is limited to 4 bytes",
	  "UNKNOWN-CHARACTER-REPLACEMENT darf höchstens 4 Bytes haben" },
	{ "Unknown conversion parameter",
	  "Unbekannter Parameter der Umwandlung" },
	{ "CHARSET must be specified for text conversions",
	  "Für Text muss CHARSET angegeben werden" },
	{ "This conversion is not possible",
	  "Diese Umwandlung ist nicht möglich" },
	{ "The charset is not known", "Der Zeichensatz ist unbekannt" },
	{ "The charset of the text is not known",
	  "Der Zeichensatz des Textes ist unbekannt" },
	{ "The text has characters that the charset has not",
	  "Der Text hat Zeichen, die der Zeichensatz nicht hat" },
	{ "The charset has not the replacement, either",
	  "Auch das Ersatzzeichen hat der Zeichensatz nicht" },
	{ "The result is too large", "Das Ergebnis ist zu groß" },
	{ "There is no such part", "Diesen Teil gibt es nicht" },
	{ "The transfer encoding is not known",
	  "Die Übertragungskodierung ist unbekannt" },
	{ "The text could not be read",
	  "Der Text konnte nicht gelesen werden" },
	{ "Message is too large.", "Die Nachricht ist zu groß." },
	{ "Ask for fewer batches.", "Weniger auf einmal erfragen." },
	{ "Message numbers are not allowed.",
	  "Nachrichtennummern sind nicht erlaubt." },
	{ "NUL characters are possible only in parts with the "
	  "transfer encoding binary.",
	  "NUL-Zeichen sind nur in Teilen mit der "
	  "Übertragungskodierung binary "
	  "möglich." },
	{ "Some parts have a transfer encoding that is not "
	  "known.",
	  "Einige Teile haben eine unbekannte "
	  "Übertragungskodierung." },
	{ "Special use cannot be set.",
	  "Der besondere Zweck kann nicht gesetzt werden." },
	{ "Special use is not supported.",
	  "Besondere Zwecke werden nicht unterstützt." },
	{ "Temporary failure.", "Vorübergehender Fehler." },
	{ "Operation is not possible.", "Das ist nicht möglich." },
	{ "Permission denied.", "Keine Berechtigung." },
	{ "The server may not open this.",
	  "Der Server darf das nicht öffnen." },
	{ "A limit was reached.", "Eine Grenze ist erreicht." },
	{ "Invalid name or value.", "Ungültiger Name oder Wert." },
	{ "Server is misconfigured.", "Der Server ist falsch eingerichtet." },
	{ "Operation is not supported.",
	  "Das wird nicht unterstützt." },
	{ "Mailbox doesn't exist.", "Das Postfach gibt es nicht." },
	{ "Mailbox already exists.", "Das Postfach gibt es bereits." },
	{ "Mailbox is in use, try again.",
	  "Das Postfach ist in Gebrauch, bitte erneut "
	  "versuchen." },
	{ "Not enough space.", "Nicht genug Platz." },
	{ "Quota exceeded.", "Das Kontingent ist erschöpft." },
	{ "Internal error.", "Interner Fehler." },
	{ "Error in IMAP command received by server.",
	  "Fehler in einem IMAP-Befehl, den der Server "
	  "empfangen hat." },
	{ "Error in IMAP command: Invalid UTF-8.",
	  "Fehler im IMAP-Befehl: ungültiges UTF-8." },
	{ "Global rights are changed by the administrator.",
	  "Allgemeine Rechte ändert der Administrator." },
	{ "Can't rename a mailbox to another storage: create it "
	  "there and move its messages.",
	  "In einen anderen Speicher kann ein Postfach nicht "
	  "umbenannt werden: Bitte dort anlegen und die "
	  "Nachrichten verschieben." },
	{ "Can't rename a mailbox below itself.",
	  "Ein Postfach kann nicht unter sich selbst verschoben "
	  "werden." },
	{ "This namespace has no subscriptions.",
	  "In diesem Namensraum gibt es keine Abonnements." },
	{ "This entry is the administrator's.",
	  "Dieser Eintrag gehört dem Administrator." },
	{ "Invalid mailbox name.", "Ungültiger Postfachname." },
	{ "Some of the messages no longer exist.",
	  "Einige der Nachrichten gibt es nicht mehr." },
	{ "This needs more memory than a session may have, try fewer at a "
	  "time.", "Das braucht mehr Speicher, als eine Sitzung haben darf, "
	  "mit weniger auf einmal geht es." },
	{ "Keyword is too long.", "Das Schlüsselwort ist zu lang." },
	{ "Mailbox is open read-only.",
	  "Das Postfach ist nur zum Lesen geöffnet." },
	{ "Another user's mailbox has no key.",
	  "Das Postfach eines anderen Benutzers hat keinen "
	  "Schlüssel." },
	{ "Limits are set by the administrator.",
	  "Grenzen setzt der Administrator." },
	{ "No further updates.", "Es folgen keine Aktualisierungen mehr." },
	{ "Too many sources.", "Zu viele Quellen." },
	{ "SAVE is for the selected mailbox alone.",
	  "SAVE ist nur für das gewählte Postfach." },
	{ "Not all messages were searched.",
	  "Nicht alle Nachrichten wurden durchsucht." },
	{ "A message does not have this part.",
	  "Eine Nachricht hat diesen Teil nicht." },
	{ "There are no such URLs of other users' mailboxes.",
	  "Solche URLs gibt es für Postfächer anderer Benutzer "
	  "nicht." },
	{ "URLAUTH is not available.", "URLAUTH gibt es hier nicht." },
	{ "Unsupported mechanism.",
	  "Dieses Verfahren wird nicht unterstützt." },
	{ "Too many URLs.", "Zu viele URLs." },
	{ "So much cannot be watched.",
	  "So viel kann nicht beobachtet werden." },
	{ "All keys removed.", "Alle Schlüssel wurden entfernt." },
	{ "Key removed.", "Der Schlüssel wurde entfernt." },
	{ "FETCH failed.", "FETCH ist gescheitert." },
	{ "Invalid entry or attribute of ANNOTATION.",
	  "Ungültiger Eintrag oder ungültiges Attribut bei "
	  "ANNOTATION." },
	{ "Invalid attribute or value of ANNOTATION.",
	  "Ungültiges Attribut oder ungültiger Wert bei "
	  "ANNOTATION." },
	{ "Too many annotations.", "Zu viele Anmerkungen." },
	{ "Invalid entry of ANNOTATION.",
	  "Ungültiger Eintrag bei ANNOTATION." },
	{ "Annotation is too large.", "Die Anmerkung ist zu groß." },
	{ "Invalid entry or attribute to sort by.",
	  "Danach kann nicht sortiert werden: ungültiger Eintrag "
	  "oder ungültiges Attribut." },
	{ "Invalid keyword", "Ungültiges Schlüsselwort" },
	{ "Tag reuse", "Diese Kennung wird schon benutzt" },
	{ "Invalid arguments.", "Ungültige Argumente." },
	{ "Too many items.", "Zu viele Elemente." },
	{ "There is no such filter.", "Diesen Filter gibt es nicht." },
	{ "This cannot be the name of a filter.",
	  "So kann kein Filter heißen." },
	{ "This is not a search program.", "Das ist keine Suchanfrage." },
	{ "Too many mailboxes.", "Zu viele Postfächer." },
	{ "Unknown mailbox filter.", "Unbekannte Auswahl von Postfächern." },
	{ "Unsupported event.", "Dieses Ereignis wird nicht unterstützt." },
	{ "Items of new messages are for the selected mailbox.",
	  "Angaben zu neuen Nachrichten gibt es nur für das "
	  "gewählte Postfach." },
	{ "MessageNew and MessageExpunge belong together.",
	  "MessageNew und MessageExpunge gehören zusammen." },
	{ "FlagChange and AnnotationChange need MessageNew and "
	  "MessageExpunge.",
	  "FlagChange und AnnotationChange brauchen MessageNew "
	  "und MessageExpunge." },
	{ "Only events of messages are for the selected mailbox.",
	  "Für das gewählte Postfach gibt es nur Ereignisse von "
	  "Nachrichten." },
	{ "Only one filter may be for the selected mailbox.",
	  "Nur eine Auswahl darf für das gewählte Postfach sein." },
	{ "Too many mailboxes are named.",
	  "Zu viele Postfächer sind genannt." },
	{ "Notifications have become too many, and are off.",
	  "Es wurden zu viele Benachrichtigungen; sie sind nun "
	  "aus." },
	{ "Invalid name of a filter.", "Ungültiger Name eines Filters." },
	{ "Filters are in UTF-8.", "Filter sind in UTF-8." },
	{ "Mechanisms supported.",
	  "Die unterstützten Verfahren sind genannt." },
	{ "Not there for now: the message is in a place that is "
	  "not mounted.",
	  "Zur Zeit nicht da: Die Nachricht liegt an einem Ort, "
	  "der nicht eingehängt ist." },
	{ "The other server does not give this message.",
	  "Der andere Server gibt diese Nachricht nicht heraus." },
	{ "A mailbox with messages cannot have children.",
	  "Ein Postfach mit Nachrichten kann keine "
	  "Unterpostfächer haben." },
	{ "There is only INBOX here.", "Hier gibt es nur INBOX." },
	{ "This mail can only be read.",
	  "Diese Nachrichten können nur gelesen werden." },
	{ "Error in IMAP command %s: Invalid arguments.",
	  "Fehler im IMAP-Befehl %s: ungültige "
	  "Argumente." },
	{ "Error in IMAP command %s: Invalid mod-sequence.",
	  "Fehler im IMAP-Befehl %s: ungültige "
	  "Mod-Sequenz." },
	{ "Error in IMAP command %s: Invalid messageset.",
	  "Fehler im IMAP-Befehl %s: ungültige "
	  "Nachrichtenmenge." },
	{ "Error in IMAP command %s: Invalid UID set.",
	  "Fehler im IMAP-Befehl %s: ungültige "
	  "UID-Menge." },
	{ "Error in IMAP command %s: %s.", "Fehler im IMAP-Befehl %s: %s." },
	{ "Error in IMAP command: %s.", "Fehler im IMAP-Befehl: %s." },
	{ "Invalid mailbox name: %s", "Ungültiger Postfachname: %s" },
	{ "Error in IMAP command %s: %s", "Fehler im IMAP-Befehl %s: %s" },
	{ "More than %s mailboxes.", "Mehr als %s Postfächer." },
	{ "%s needs a selected mailbox.",
	  "%s braucht ein gewähltes Postfach." },
	{ "Filter %s is not a search program.",
	  "Der Filter %s ist keine Suchanfrage." },
	{ "The other server refuses: %s", "Der andere Server lehnt ab: %s" },
	{ "A batch has at least %s messages.",
	  "Es sind mindestens %s Nachrichten auf einmal." },
	{ "Invalid identifier or rights: %s",
	  "Ungültiger Bezeichner oder Rechte: %s" },
	{ "Invalid status item %s",
	  "Ungültige Angabe bei STATUS: %s" },
	{ "Invalid system flag %s", "Ungültige Systemmarkierung %s" },
	{ "Mailbox name is not valid %s.",
	  "Der Postfachname ist kein gültiges %s." },
	{ "Unknown argument %s", "Unbekanntes Argument %s" },
	{ "Unknown parameter of %s.", "Unbekanntes Argument von %s." },
	{ "Unknown parameter %s", "Unbekanntes Argument %s" },
	{ "Unknown return option%s", "Unbekannte Rückgabeoption%s" },
	{ "Unknown select option%s", "Unbekannte Auswahloption%s" },
	{ "%s completed.", "%s ausgeführt." },
	{ NULL, NULL },
};

/* What namespaces are usually called. */
const struct phrase imap_prefixes[] = {
	{ "Other Users", "Andere Benutzer" },
	{ "Users", "Benutzer" },
	{ "users", "Benutzer" },
	{ "user", "Benutzer" },
	{ "Public Folders", "Gemeinsame Postfächer" },
	{ "Public", "Öffentlich" },
	{ "public", "Öffentlich" },
	{ "Shared Folders", "Gemeinsame Postfächer" },
	{ "Shared", "Freigegeben" },
	{ "shared", "Freigegeben" },
	{ "Archives", "Archive" },
	{ "Archive", "Archiv" },
	{ "archive", "Archiv" },
	{ "Virtual", "Virtuell" },
	{ "virtual", "Virtuell" },
	{ NULL, NULL },
};
