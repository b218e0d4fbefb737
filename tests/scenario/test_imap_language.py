"""LANGUAGE [RFC5255 3]: texts for people in the client's language, before login, after it
and asleep; and translations of what namespaces are called."""
import ssl

import pytest

import culver
from test_hibernate import asleep

NAMESPACES = """
namespace shared {
  type = shared
  separator = /
  prefix = shared/
  location = maildir:%%h/Maildir
  list = yes
}
namespace public {
  type = public
  separator = /
  prefix = Public Folders/
  location = maildir:{dir}/public
}
"""


@pytest.fixture(scope="module")
def server():
    with culver.Server(config=culver.CONFIG + NAMESPACES.replace("{", "{{").replace("}", "}}")
                       .replace("{{dir}}", "{dir}")) as s:
        yield s


def connect(server):
    client = server.raw()
    return client, client.line().decode()


def do(client, command, tag="x"):
    return [line.decode().rstrip("\r\n") for line in client.command(command, tag)]


@pytest.fixture
def client(server):
    c, _ = connect(server)
    assert do(c, "LOGIN alice secret")[-1].startswith("x OK [CAPABILITY ")
    yield c
    c.close()


def test_it_is_announced_from_the_greeting_on(server):
    c, greeting = connect(server)
    with c:
        assert " LANGUAGE " in greeting
        assert " LANGUAGE " in do(c, "CAPABILITY")[0]
        assert " LANGUAGE " in do(c, "LOGIN alice secret")[-1]


def test_the_languages_are_listed(client):
    assert do(client, "LANGUAGE") == ["* LANGUAGE (i-default en de)",
                                      "x OK Supported languages have been enumerated."]
    # and nothing has changed
    assert do(client, "NOOP") == ["x OK NOOP completed."]


def test_an_unknown_one_is_refused_in_the_one_before(client):
    """[RFC5255 3.2] A002 and D001"""
    assert do(client, "LANGUAGE MUL") == ["x NO This language is not supported."]
    do(client, "LANGUAGE DE")
    assert do(client, "LANGUAGE FR") == ["x NO Diese Sprache wird nicht unterstützt."]


GERMAN_NAMESPACE = ('* NAMESPACE (("" "/")) (("shared/" "/" "TRANSLATION" ("Freigegeben/"))) '
                    '(("Public Folders/" "/" "TRANSLATION" ("Gemeinsame Postf&AOQ-cher/")))')
NAMESPACE = '* NAMESPACE (("" "/")) (("shared/" "/")) (("Public Folders/" "/"))'


def test_what_a_language_changes(client):
    """[RFC5255 3.2, 3.4] C001, D002, D003, E001: from the response on"""
    assert do(client, "LANGUAGE DE") == ["* LANGUAGE (de)", GERMAN_NAMESPACE,
                                         "x OK Es wird jetzt Deutsch gesprochen."]
    assert do(client, "NAMESPACE") == [GERMAN_NAMESPACE, "x OK Namespace ausgeführt."]
    assert do(client, "LANGUAGE DE-IT")[0] == "* LANGUAGE (de)"
    assert do(client, 'LANGUAGE "default"') == ["* LANGUAGE (en)", NAMESPACE,
                                                "x OK Now speaking this language."]
    assert do(client, "LANGUAGE FR-CA EN-CA DE")[0] == "* LANGUAGE (en)"
    assert do(client, "LANGUAGE i-default")[0] == "* LANGUAGE (i-default)"
    assert do(client, "LANGUAGE I-DEFAULT *")[0] == "* LANGUAGE (i-default)"


@pytest.mark.parametrize("args, language", [
    ("de-AT-1996", "de"), ("de-x-private", "de"), ("DE-Latn-DE", "de"), ('"en-US"', "en"),
    ("{2+}\r\nde", "de"), ("fr es de", "de"), ("*", "en"), ("fr *", "en"),
    ("en-a-bbb-x-a-ccc", "en"), ("fr", None), ("dex", None), ("i", None), ("i-default-x", "i-default"),
])
def test_ranges(client, args, language):
    """[RFC4647 3.4] subtags are left out from the end"""
    lines = do(client, "LANGUAGE " + args)
    if language is None:
        assert lines[-1].startswith("x NO ")
    else:
        assert lines[0] == f"* LANGUAGE ({language})", lines


@pytest.mark.parametrize("args", [
    "(de)", '""', "-de", "de-", "d--e", "de_AT", "abcdefghi", "1de", '"de fr"',
    "de fr_FR", "de-abcdefghi", '"*-de"', "de-" + "a-" * 150 + "b"])
def test_wrong_ranges(client, args):
    assert do(client, "LANGUAGE " + args)[-1].startswith("x BAD "), args
    assert do(client, "NOOP") == ["x OK NOOP completed."]


def test_texts_of_all_kinds(client):
    do(client, "LANGUAGE de")
    lines = do(client, "SELECT INBOX")
    assert any(line.endswith("] UIDs gültig") for line in lines)
    assert any(line.endswith("] Erlaubte Markierungen.") for line in lines)
    assert lines[-1] == "x OK [READ-WRITE] Select ausgeführt."
    # behind the code, which is no text, whatever stands in it
    assert do(client, "SELECT nowhere")[-1] == "x NO [NONEXISTENT] Das Postfach gibt es nicht."
    do(client, "SELECT Trash")
    assert do(client, "SELECT INBOX")[0] == "* OK [CLOSED] Voriges Postfach geschlossen."
    assert do(client, "SEARCH CHARSET x ALL")[-1] \
        == "x NO [BADCHARSET (US-ASCII UTF-8)] Unbekannter Zeichensatz."
    assert do(client, "FETCH x FLAGS")[-1] \
        == "x BAD Fehler im IMAP-Befehl FETCH: ungültige Nachrichtenmenge."
    assert do(client, "STORE 1")[-1].startswith("x BAD ")
    assert do(client, "WHAT")[-1] \
        == "x BAD Fehler in einem IMAP-Befehl, den der Server empfangen hat."
    assert do(client, "STATUS INBOX (MESSAGES NONSENSE)")[-1] \
        == "x BAD Ungültige Angabe bei STATUS: NONSENSE"
    assert do(client, "RENAME Trash Trash/below")[-1] \
        == "x NO [CANNOT] Ein Postfach kann nicht unter sich selbst verschoben werden."
    assert do(client, "ESEARCH IN (mailboxes Trash) RETURN (SAVE) ALL")[-1] \
        == "x BAD SAVE ist nur für das gewählte Postfach."
    assert do(client, f"SUBSCRIBE {'n' * 7000}")[-1] == "x NO [CANNOT] Der Postfachname ist zu lang."
    client.send("i IDLE\r\n")
    assert client.line() == b"+ idling\r\n"
    client.send("DONE\r\n")
    assert client.until("i")[-1].decode() == "i OK Idle ausgeführt.\r\n"
    assert do(client, "LOGOUT") == ["* BYE Abmeldung", "x OK Logout ausgeführt."]


def test_before_the_login(server):
    """[RFC5255 3.1] valid in all states; failures are told in it, and the session has it"""
    c, _ = connect(server)
    with c:
        assert do(c, "LANGUAGE fr-CA de") == ["* LANGUAGE (de)",
                                             "x OK Es wird jetzt Deutsch gesprochen."]
        assert do(c, "LANGUAGE")[0] == "* LANGUAGE (i-default en de)"
        assert do(c, "LANGUAGE xx")[-1] == "x NO Diese Sprache wird nicht unterstützt."
        assert do(c, "LANGUAGE (de)")[-1] == "x BAD Ungültige Argumente"
        assert do(c, "LOGIN alice wrong")[-1] \
            == "x NO [AUTHENTICATIONFAILED] Die Anmeldung ist fehlgeschlagen."
        assert do(c, "LOGIN alice secret")[-1].endswith("] Angemeldet")
        assert do(c, "NOOP") == ["x OK NOOP ausgeführt."]
        # [RFC8437 4.1] i-default again
        assert do(c, "UNAUTHENTICATE")[-1].startswith("x OK Abgemeldet")
        assert do(c, "NOOP") == ["x OK NOOP completed."]
        assert do(c, "LOGIN bob secret")[-1].endswith("] Logged in")
    c, _ = connect(server)
    with c:
        do(c, "LANGUAGE de")
        assert do(c, "LOGOUT") == ["* BYE Abmeldung", "x OK Logout ausgeführt."]


def test_the_longest_tag(server):
    """a tag with no room for the language behind it still logs in"""
    for length in (250, 252, 253, 255):
        c, _ = connect(server)
        with c:
            do(c, "LANGUAGE de")
            tag = "t" * length
            line = do(c, "LOGIN alice secret", tag)[-1]
            assert line.startswith(tag + " OK "), line


def test_tls_begins_without_one(server):
    """[RFC5255 3.1] what was agreed on before TLS may have been somebody else's"""
    c, _ = connect(server)
    with c:
        do(c, "LANGUAGE de")
        assert do(c, "STARTTLS")[-1] == "x OK Jetzt mit der TLS-Aushandlung beginnen."
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c.sock = context.wrap_socket(c.sock)
        assert do(c, "NOOP") == ["x OK NOOP completed."]


def test_asleep_and_awake_and_the_admins_choice():
    with culver.Server(extra="imap_hibernate_timeout = 200ms\nimap_language = de\n"
                             "imap_idle_notify_interval = 1s\n") as server:
        c, _ = connect(server)
        with c:
            assert do(c, "LANGUAGE default")[0] == "* LANGUAGE (de)"
            do(c, "LOGIN alice secret")
            do(c, "SELECT INBOX")
            c.send("i IDLE\r\n")
            assert c.line() == b"+ idling\r\n"
            asleep(server)
            assert c.line().decode() == "* OK Immer noch da\r\n"
            c.send("DONE\r\n")
            assert c.until("i")[-1].decode() == "i OK Idle ausgeführt.\r\n"
            assert do(c, "NOOP") == ["x OK NOOP ausgeführt."]
