"""IMAP4rev2 [RFC9051] beside IMAP4rev1: ENABLE decides; the list of its
Appendix E, in order."""
import re

import pytest

import culver

MAIL = b"Subject: x\r\n\r\nbody\r\n"
# what rev2 has folded in, and how it shows that it is there
DEMANDED = ("NAMESPACE UNSELECT UIDPLUS ESEARCH SEARCHRES ENABLE IDLE SASL-IR LIST-EXTENDED LIST-STATUS "
            "MOVE SPECIAL-USE BINARY STATUS=SIZE").split()


@pytest.fixture(scope="module")
def server():
    with culver.Server() as server:
        client = server.imap()
        for flags in (None, "\\Seen", None):
            assert client.append("INBOX", flags, None, MAIL)[0] == "OK"
        for box in ("Sub/below", "Other"):
            client.create(box)
        client.subscribe("Sub/below")
        client.logout()
        yield server


def login(server, enable=True):
    raw = server.raw()
    greeting = raw.line()
    assert b" IMAP4rev1 IMAP4rev2 " in greeting
    assert b"OK" in raw.command("LOGIN alice secret")[-1]
    if enable:
        assert said(raw, "ENABLE IMAP4rev2") == ["* ENABLED IMAP4rev2", "x OK Enabled."]
    return raw


@pytest.fixture
def raw(server):
    with login(server) as raw:
        yield raw


@pytest.fixture
def old(server):
    with login(server, False) as raw:
        yield raw


def said(raw, command):
    raw.send(f"x {command}\r\n".encode())
    return [line.decode().rstrip() for line in raw.until("x")]


def test_all_that_it_demands_is_there(raw):
    words = said(raw, "CAPABILITY")[0].split()
    assert not [word for word in DEMANDED if word not in words]
    assert "LITERAL+" in words or "LITERAL-" in words


def test_select(raw, old):
    rows = said(raw, "SELECT INBOX")
    text = "\n".join(rows)
    assert "RECENT" not in text and "UNSEEN" not in text and "\\Recent" not in text
    assert any(re.fullmatch(r'\* LIST \([^)]*\) "/" INBOX', row) for row in rows), rows
    assert rows[-1] == "x OK [READ-WRITE] Select completed."
    rows = said(raw, "EXAMINE Other")
    assert rows[0] == "* OK [CLOSED] Previous mailbox closed."
    assert any('"/" Other' in row and row.startswith("* LIST") for row in rows)
    assert rows[-1].startswith("x OK [READ-ONLY]")
    text = "\n".join(said(old, "SELECT INBOX"))
    assert "RECENT" in text and "[UNSEEN 1]" in text and "* LIST" not in text


def test_search_answers_esearch(raw, old):
    said(raw, "EXAMINE INBOX")
    assert said(raw, "SEARCH UNSEEN")[0] == '* ESEARCH (TAG "x") ALL 1,3'
    assert said(raw, "UID SEARCH ALL")[0] == '* ESEARCH (TAG "x") UID ALL 1:3'
    assert said(raw, "SEARCH DELETED")[0] == '* ESEARCH (TAG "x")'
    assert said(raw, "SEARCH RETURN (COUNT) ALL")[0] == '* ESEARCH (TAG "x") COUNT 3'
    assert said(raw, "SEARCH CHARSET UTF-8 UNSEEN")[0] == '* ESEARCH (TAG "x") ALL 1,3'
    said(old, "EXAMINE INBOX")
    assert said(old, "SEARCH UNSEEN")[0] == "* SEARCH 1 3"


def test_no_recent_and_uids_in_what_was_not_asked_for(server, raw, old):
    said(raw, "SELECT INBOX")
    said(old, "SELECT INBOX")
    said(old, "STORE 2 +FLAGS (\\Flagged)")
    assert said(raw, "NOOP")[0] == "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen))"
    said(old, "STORE 2 -FLAGS (\\Flagged)")
    said(raw, "NOOP")
    client = server.imap()
    client.append("INBOX", None, None, MAIL)
    client.logout()
    rows = said(raw, "NOOP")
    assert "* 4 EXISTS" in rows and not any("RECENT" in row for row in rows)
    assert "\\Recent" not in said(raw, "FETCH 4 FLAGS")[0]
    said(raw, "STORE 4 +FLAGS.SILENT (\\Deleted)")
    said(raw, "EXPUNGE")


def test_list(raw, old):
    assert any("\\NonExistent" in row for row in said(raw, 'LIST "" Sub'))
    assert any("\\Noselect" in row for row in said(old, 'LIST "" Sub'))
    rows = said(raw, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" %')
    assert any('Sub ("CHILDINFO" ("SUBSCRIBED"))' in row for row in rows)


def test_status(raw):
    assert said(raw, "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)")[0].startswith(
        "* STATUS INBOX (MESSAGES 3 ")


def test_names_are_utf8_and_normalized(raw, old):
    assert said(raw, 'CREATE "Büro"')[-1].startswith("x OK")
    assert said(raw, 'LIST "" B*')[0].endswith('"/" "Büro"')
    rows = said(raw, 'CREATE "e\u0301t"')
    assert rows[0].endswith('"/" "\u00e9t" ("OLDNAME" ("e\u0301t"))') and rows[-1].startswith("x OK")
    rows = said(raw, 'RENAME "\u00e9t" "o\u0308t"')
    assert rows[0].endswith('"/" "\u00f6t" ("OLDNAME" ("\u00e9t"))') and rows[-1].startswith("x OK")
    # no such thing for who has not asked for UTF-8
    assert said(old, 'LIST "" &APY-t')[0].endswith('"/" &APY-t')


def test_a_message_with_8bit_headers(raw, old):
    mail = "Subject: Grüße\r\n\r\nbody\r\n".encode()
    for client, answer in ((raw, b"x OK"), (old, b"x NO")):
        client.send(f"x APPEND Other {{{len(mail)}+}}\r\n".encode() + mail + b"\r\n")
        assert client.until("x")[-1].startswith(answer)


def test_binary_and_saved_results(raw):
    said(raw, "EXAMINE INBOX")
    assert said(raw, "SEARCH RETURN (SAVE) UNSEEN") == ["x OK Search completed."]
    assert [row.split()[1] for row in said(raw, "FETCH $ BINARY.SIZE[1]")[:-1]] == ["1", "3"]
    assert "TRYCREATE" in said(raw, "COPY 1 none")[-1]


def test_before_enable_nothing_changes_and_it_stays(raw):
    assert said(raw, "ENABLE IMAP4rev2")[0] == "* ENABLED"
    said(raw, "UNSELECT")
    assert not any("RECENT" in row for row in said(raw, "SELECT INBOX"))
