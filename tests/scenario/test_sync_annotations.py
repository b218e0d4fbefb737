"""Annotations of messages [RFC5257] in culveradm sync, backup and import: to a
store and over a pipe, one way and both ways."""
import json

import pytest

import culver
from test_imap_annotate import PARTS, Client
from test_sync import nothing, other, pipe, run

BIG = "x" * 5000


@pytest.fixture
def mail():
    with culver.Server() as server:
        yield server


@pytest.fixture
def second():
    with culver.Server() as server:
        yield server


def fill(server):
    """INBOX with three messages, the second of two parts and without annotations."""
    with Client(server, "alice") as c:
        c.append("INBOX", 'ANNOTATION (/comment (value.priv "own" value.shared "all")) ')
        c.append("INBOX", message=PARTS)
        c.append("INBOX", message=PARTS)
        c.ok("SELECT INBOX")
        annotate(c, 3, "/1/comment", "part", which="shared")
        annotate(c, 3, "/vendor/example/big", BIG)


def annotate(client, seq, entry, value, which="priv"):
    value = "NIL" if value is None else f'"{value}"'
    client.ok(f"STORE {seq} ANNOTATION ({entry} (value.{which} {value}))")


class Box:
    """INBOX of a user, open."""
    def __init__(self, server, user="alice"):
        self.client = Client(server, user)

    def __enter__(self):
        self.client.ok("SELECT INBOX")
        return self.client

    def __exit__(self, *args):
        self.client.close()


def notes(server, user="alice", box="INBOX"):
    """What the messages have, by UID."""
    with Client(server, user) as c:
        c.ok(f"SELECT {box}")
        return c.ok("UID FETCH 1:* (ANNOTATION (/* (value.priv value.shared)))")


def empty(server, user="alice"):
    return "ANNOTATION" not in str(notes(server, user))


def test_a_backup_has_them_and_follows_each_change(mail):
    fill(mail)
    there = other(mail)
    assert run(mail, "backup", "--dry-run", there)["other"]["annotated"] == "2"
    report = run(mail, "backup", there)["other"]
    assert report["saved"] == "3" and report["annotated"] == "2"
    run(mail, "backup", "-R", there, user="bob")
    assert BIG in str(notes(mail)) and notes(mail) == notes(mail, "bob")
    with Box(mail) as c:
        annotate(c, 1, "/comment", "other")
        annotate(c, 2, "/altsubject", "new")
        annotate(c, 3, "/1/comment", None, which="shared")
    dry = run(mail, "backup", "--dry-run", there)["other"]
    report = run(mail, "backup", there)["other"]
    assert report["annotated"] == dry["annotated"] == "3" and report["changed"] == "0"
    assert nothing(run(mail, "backup", there))
    run(mail, "backup", "-R", there, user="bob")
    assert "part" not in str(notes(mail)) and notes(mail) == notes(mail, "bob")


def test_changes_of_both_ends_are_merged_over_a_pipe(mail, second):
    fill(mail)
    words = pipe(second, "alice")
    assert run(mail, "sync", *words)["other"]["annotated"] == "2"
    assert notes(mail) == notes(second)
    run(mail, "sync", *words)
    assert nothing(run(mail, "sync", *words))
    with Box(mail) as here, Box(second) as there:
        annotate(here, 1, "/comment", "here")           # changed at one end
        annotate(there, 1, "/comment", None, which="shared")    # removed at one
        annotate(here, 2, "/comment", "first")          # at both: the first end's
        annotate(there, 2, "/comment", "second")
        annotate(here, 3, "/vendor/example/big", None)  # a change wins
        annotate(there, 3, "/vendor/example/big", "kept")
        annotate(here, 3, "/vendor/example/here", "1")  # different ones
        annotate(there, 3, "/vendor/example/there", "2", which="shared")
    report = run(mail, "sync", *words)
    assert report["local"]["annotated"] == "2" and report["other"]["annotated"] == "3"
    assert notes(mail) == notes(second)
    rows = notes(mail)
    assert '"here"' in rows[0] and "all" not in rows[0] and "first" in rows[1]
    assert all(word in rows[2] for word in ("kept", "/here", "/there", "part"))
    run(mail, "sync", *words)
    assert nothing(run(mail, "sync", *words))


def test_a_mirror_over_a_pipe_loses_its_own(mail, second):
    fill(mail)
    run(mail, "backup", *pipe(second, "alice"))
    assert notes(mail) == notes(second)
    with Box(second) as c:
        annotate(c, 1, "/vendor/example/own", "x")
    assert run(mail, "backup", *pipe(second, "alice"))["other"]["annotated"] == "1"
    assert notes(mail) == notes(second)
    run(mail, "backup", "-R", *pipe(second, "alice"), user="bob")
    assert notes(mail) == notes(mail, "bob")


def test_without_the_state_all_of_both_stay(mail, second):
    fill(mail)
    state = mail.home("alice") / "state"
    words = ["-s", str(state), *pipe(second, "alice")]
    run(mail, "sync", *words)
    with Box(mail) as here, Box(second) as there:
        annotate(here, 1, "/comment", None)
        annotate(there, 2, "/comment", "new")
    # one that has nothing of them, as it was written before there were any
    state.write_bytes(b"CVSYNC1\n" + state.read_bytes()[8:])
    run(mail, "sync", *words)
    assert notes(mail) == notes(second)
    assert '"own"' in notes(mail)[0] and '"new"' in notes(mail)[1]


def test_import_brings_them(mail):
    fill(mail)
    done = mail.adm("-f", "json", "import", "-u", "bob", "-s", other(mail, "Maildir"), "Old", "ALL")
    report, = json.loads(done.stdout)
    assert report["annotated"] == "2"
    assert notes(mail) == notes(mail, "bob", "Old/INBOX")


def test_an_end_that_cannot_have_them_takes_none_away(mail):
    fill(mail)
    there = f"dovecot-sdbox:{mail.home('alice')}/tree"
    assert run(mail, "backup", "--dry-run", there)["other"]["annotated"] == "0"
    run(mail, "backup", there)
    assert not empty(mail)
    run(mail, "backup", "-R", f"sdbox:{mail.home('alice')}/tree", user="bob")
    assert empty(mail, "bob")
