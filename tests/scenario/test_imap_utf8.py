"""UTF8=ACCEPT [RFC6855, RFC9755]: mailbox names, quoted strings, APPEND and
SEARCH, and normal forms of names."""
import unicodedata

import pytest

import culver

NAME = "Büro"
HEADER = "Subject: Grüße\r\nFrom: a@example.org\r\n\r\nbody\r\n".encode()


@pytest.fixture(scope="module")
def server():
    with culver.Server() as server:
        yield server


@pytest.fixture
def login(server):
    open_ones = []

    def login(*enable):
        raw = server.raw()
        open_ones.append(raw)
        raw.line()
        assert b"OK" in raw.command("LOGIN alice secret")[-1]
        for word in enable:
            assert said(raw, f"ENABLE {word}") == [f"* ENABLED {word}", "x OK Enabled."]
        return raw
    yield login
    for raw in open_ones:
        raw.close()


def said(raw, command):
    raw.send(b"x " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
    return [line.decode().rstrip() for line in raw.until("x")]


def test_capability(login):
    words = said(login(), "CAPABILITY")[0].split()
    assert "UTF8=ACCEPT" in words and "UTF8=ONLY" not in words


def test_names(login):
    old, new = login(), login("UTF8=ACCEPT")
    assert said(new, f'CREATE "{NAME}"')[-1].startswith("x OK")
    assert said(new, 'LIST "" "B%"')[0].endswith(f'"/" "{NAME}"')
    # the others get modified UTF-7, and 8-bit in quotes is UTF-8 from everyone
    assert said(old, 'LIST "" "B%"')[0].endswith('"/" B&APw-ro')
    assert said(old, f'STATUS "{NAME}" (MESSAGES)')[0] == "* STATUS B&APw-ro (MESSAGES 0)"
    assert said(new, f'STATUS "{NAME}" (MESSAGES)')[0] == f'* STATUS "{NAME}" (MESSAGES 0)'
    # "&" is only a letter now
    assert said(new, "CREATE A&B-C")[-1].startswith("x OK")
    assert said(old, 'LIST "" A*')[0].endswith('"/" A&-B-C')
    assert said(new, 'LIST "" A*')[0].endswith('"/" A&B-C')
    assert said(old, "SELECT A&B-C")[-1].startswith("x NO")
    for command in (f'SUBSCRIBE "{NAME}"', f'RENAME "{NAME}" "{NAME}2"', f'SELECT "{NAME}2"',
                    f'MYRIGHTS "{NAME}2"', f'SETMETADATA "{NAME}2" (/private/comment "ä")',
                    f'GETMETADATA "{NAME}2" /private/comment'):
        assert said(new, command)[-1].startswith("x OK"), command
    assert said(new, f'LSUB "" "B*"')[0].endswith(f'"{NAME}"')
    assert said(new, f'DELETE "{NAME}2"')[-1].startswith("x OK")


@pytest.mark.parametrize("command", [b'CREATE "B\xfcro"', b'CREATE "\xc0\xaf"', b'CREATE "\xed\xa0\x80"',
                                     b'SELECT "\xf5\x80\x80\x80"', b'SEARCH SUBJECT "\xff"',
                                     b'ID ("name" "\x80")'])
def test_bad_utf8_is_refused(login, command):
    for raw in (login(), login("UTF8=ACCEPT")):
        said(raw, "EXAMINE INBOX")
        assert said(raw, command)[-1].startswith("x BAD")


def test_a_literal_behind_bad_utf8_is_no_command(login):
    raw = login()
    literal = b"a LOGOUT\r\n"
    raw.send(b'x APPEND "\xff" {%d+}\r\n' % len(literal) + literal + b"\r\ny NOOP\r\n")
    rows = raw.until("y")
    assert rows[0].startswith(b"x BAD") and len(rows) == 2


@pytest.mark.parametrize("name", ["a\x7fb", "a\x85b", "a\u2028b", "a\u2029b", "a\tb"])
def test_names_that_cannot_be(login, name):
    raw = login("UTF8=ACCEPT")
    assert said(raw, f'CREATE "{name}"')[-1].startswith("x NO [CANNOT]")
    said(raw, "CREATE plain")
    assert said(raw, f'RENAME plain "{name}"')[-1].startswith("x NO [CANNOT]")


@pytest.mark.parametrize("name", [
    "e\u0301tude", "a\u0323\u0302x", "a\u0302\u0323x", "\u1100\u1161\u11a8", "\u212bngstrom",
    "\u0958", "q\u0307\u0323", "\uf900", "\u0344", "x\u1e9b\u0323", "\uac01\u11a8", "D\u0307\u0323z",
    "\U0001d15e"])
def test_normal_form(login, name):
    raw = login("UTF8=ACCEPT")
    normal = unicodedata.normalize("NFC", name)
    assert said(raw, f'CREATE "nfc/{name}"')[-1].startswith("x OK")
    rows = said(raw, 'LIST "" nfc/*')
    assert any(f'"nfc/{normal}"' in row for row in rows), rows
    said(raw, f'DELETE "nfc/{normal}"')


def test_append(login):
    old, new = login(), login("UTF8=ACCEPT")
    for raw, answer in ((old, b"x NO [CANNOT]"), (new, b"x OK [APPENDUID")):
        raw.send(f"x APPEND INBOX {{{len(HEADER)}+}}\r\n".encode() + HEADER + b"\r\n")
        assert raw.until("x")[-1].startswith(answer)
    plain = b"Subject: x\r\n\r\nGr\xfc\xdfe\r\n"
    old.send(f"x APPEND INBOX {{{len(plain)}+}}\r\n".encode() + plain + b"\r\n")
    assert old.until("x")[-1].startswith(b"x OK")       # only the header counts
    said(new, "SELECT INBOX")
    assert said(new, 'SEARCH SUBJECT "Grüße"')[0] == "* SEARCH 1"
    assert said(new, 'SEARCH CHARSET UTF-8 SUBJECT "Grüße"')[-1].startswith("x BAD")
    said(old, "SELECT INBOX")
    assert said(old, 'SEARCH CHARSET UTF-8 SUBJECT "Grüße"')[0] == "* SEARCH 1"
    new.send(b"x FETCH 1 BODY.PEEK[HEADER]\r\n")
    assert HEADER[:17] in b"".join(new.until("x"))


def test_append_as_rfc_6855_writes_it(login):
    """[RFC6855 4] MUST of its clients: UTF8 (~{n}; RFC 9755 has no need of it."""
    old, new = login(), login("UTF8=ACCEPT")
    said(new, "CREATE literals")
    n = len(HEADER)

    def append(raw, text, data=HEADER):
        raw.send(b"x APPEND literals " + text.encode() % (len(data), data) + b"\r\n")
        return raw.until("x")[-1].decode()

    form = "UTF8 (~{%d+}\r\n%b)"
    assert append(old, form).startswith("x NO [CANNOT]")
    assert append(old, form, b"Subject: x\r\n\r\nGr\xfc\xdfe\r\n").startswith("x OK")
    assert append(new, form).startswith("x OK [APPENDUID")
    assert append(new, '(\\Seen) "01-Jan-2024 00:00:00 +0000" ' + form).startswith("x OK")
    new.send(b"x APPEND literals UTF8 (~{%d}\r\n" % n)
    assert new.line().startswith(b"+ ")
    new.send(HEADER + b") (\\Flagged) UTF8 (~{%d+}\r\n%b) {%d+}\r\n%b\r\n" % (n, HEADER, n, HEADER))
    assert new.until("x")[-1].startswith(b"x OK [APPENDUID")
    said(new, "SELECT literals")
    assert said(new, "SEARCH RETURN (COUNT) ALL")[0].endswith("COUNT 6")
    new.send(b"x FETCH 2:6 BODY.PEEK[]\r\n")
    got = b"".join(new.until("x"))
    assert got.count(HEADER) == 5
    assert said(new, "FETCH 5 FLAGS")[0].count("\\Flagged") == 1
    for wrong in ("UTF8 ({%d+}\r\n%b)", "UTF8 ~{%d+}\r\n%b", "UTF8 (~{%d+}\r\n%b x)", "(UTF8 (~{%d+}\r\n%b))",
                  "UTF8 (x ~{%d+}\r\n%b)", "UTF8 (~{%d+}\r\n%b ~{1+}\r\nx)",
                  "CATENATE (UTF8 (~{%d+}\r\n%b))", "CATENATE (TEXT ~{%d+}\r\n%b)"):
        assert append(new, wrong).startswith("x BAD"), wrong
    assert append(new, form, HEADER + b"\0").startswith("x NO")
    assert said(new, "STATUS literals (MESSAGES)")[0].endswith("(MESSAGES 6)")


def test_the_workaround(server):
    server.write_config("protocol imap {\n  imap_client_workarounds = append-8bit-headers\n}\n")
    server.stop()
    server.start()
    with server.raw() as raw:
        raw.line()
        raw.command("LOGIN alice secret")
        raw.send(f"x APPEND INBOX {{{len(HEADER)}+}}\r\n".encode() + HEADER + b"\r\n")
        assert raw.until("x")[-1].startswith(b"x OK")
