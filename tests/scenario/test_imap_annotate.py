"""ANNOTATE-EXPERIMENT-1 [RFC5257]: the examples of the RFC, its errors and
limits, other sessions and users, copies, and what NOTIFY tells."""
import re

import pytest

import culver
from test_hibernate import QUICK, asleep
from test_shared import Shared

MESSAGE = b"From: alice@example.org\r\nSubject: morning\r\n\r\nbody\r\n"
PARTS = (b"From: alice@example.org\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
         b"--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n")


class Client(culver.Raw):
    def __init__(self, server, user="alice"):
        super().__init__(server.imap_port)
        self.line()
        self.ok(f"LOGIN {user} secret")

    def do(self, command):
        return b"".join(self.command(command)).decode("latin-1").replace("\r\n", "\n").splitlines()

    def ok(self, command):
        lines = self.do(command)
        assert lines[-1].startswith("x OK"), lines
        return lines[:-1]

    def no(self, command, code):
        line = self.do(command)[-1]
        assert line.startswith(f"x {code}"), line

    def append(self, mailbox, options="", message=MESSAGE):
        return self.do(f"APPEND {mailbox} {options}{{{len(message)}+}}\r\n{message.decode()}")

    def notes(self, what="1", entries="/*", attributes="value"):
        """What a FETCH tells, without what is around it."""
        lines = self.ok(f"FETCH {what} (ANNOTATION ({entries} {attributes}))")
        return [re.sub(r"^\* \d+ FETCH \(ANNOTATION \((.*)\)\)$", r"\1", line) for line in lines]


@pytest.fixture(scope="module")
def server():
    with culver.Server(users={f"u{n}": "secret" for n in range(60)}) as server:
        server.next_user = 0
        yield server


@pytest.fixture
def user(server):
    server.next_user += 1
    return f"u{server.next_user}"


@pytest.fixture
def client(server, user):
    """A session with two messages, the second of two parts."""
    with Client(server, user) as c:
        c.append("INBOX")
        c.append("INBOX", message=PARTS)
        c.ok("SELECT INBOX")
        yield c


def test_it_is_announced_and_every_mailbox_says_what_it_can(client):
    assert "ANNOTATE-EXPERIMENT-1" in client.ok("CAPABILITY")[0].split()
    # [RFC5257 4.1]
    rows = client.ok("SELECT INBOX")
    size, = [int(m[1]) for m in (re.match(r"\* OK \[ANNOTATIONS (\d+)\]", r) for r in rows) if m]
    assert size >= 1024
    assert any(r.startswith("* OK [ANNOTATIONS READ-ONLY]") for r in client.ok("EXAMINE INBOX"))
    client.no("STORE 1 ANNOTATION (/comment (value.priv \"x\"))", "NO")
    assert client.notes(entries="/comment") == ["/comment (value.priv NIL value.shared NIL)"]


def test_fetch(client):
    client.ok('STORE 1 ANNOTATION (/comment (value.priv "My comment" value.shared "Group note"))')
    assert client.notes(entries="/comment") == [
        '/comment (value.priv "My comment" value.shared "Group note")']
    client.ok('STORE 1 ANNOTATION (/comment (value.shared NIL) /altsubject '
              '(value.priv "Rhinoceroses!") /vendor/foobar/label (value.priv "label43"))')
    # [RFC5257 4.3, 4.4] the examples
    uid = client.ok("FETCH 1 UID")[0].split()[-1].rstrip(")")
    assert client.ok(f"UID FETCH {uid} (UID ANNOTATION (/* (value.priv size.priv)))") == [
        f'* 1 FETCH (UID {uid} ANNOTATION (/altsubject (value.priv "Rhinoceroses!" '
        'size.priv "13") /comment (value.priv "My comment" size.priv "10") '
        '/vendor/foobar/label (value.priv "label43" size.priv "7")))']
    assert client.notes(entries="/%", attributes="value.priv") == [
        '/altsubject (value.priv "Rhinoceroses!") /comment (value.priv "My comment")']
    assert client.notes(entries="(/comment /altsubject)") == [
        '/altsubject (value.priv "Rhinoceroses!" value.shared NIL) '
        '/comment (value.priv "My comment" value.shared NIL)']
    assert client.notes(entries="/comment", attributes="(value size)") == [
        '/comment (value.priv "My comment" value.shared NIL size.priv "10" size.shared "0")']
    assert client.notes(entries="/v*l", attributes="size.priv") == [
        '/vendor/foobar/label (size.priv "7")']
    # nothing to tell: no item, and no response without items
    assert client.ok("FETCH 2 (ANNOTATION (/* value))") == []
    assert client.ok("FETCH 2 (UID ANNOTATION (/* value) FLAGS)")[0].count("ANNOTATION") == 0
    assert client.notes("2", "/nothing", "size.shared") == ['/nothing (size.shared "0")']


@pytest.mark.parametrize("what", [
    "ANNOTATION", "ANNOTATION /comment value", "ANNOTATION (/comment)", "ANNOTATION (value)",
    "ANNOTATION (/comment VALUE)", "ANNOTATION (/comment value.both)", "ANNOTATION (/comment ())",
    "ANNOTATION (() value)", "ANNOTATION (/comment value x)", "ANNOTATION (comment value)",
    "ANNOTATION (//comment value)", "ANNOTATION (/comment/ value)", "ANNOTATION (/1..2/x value)",
    "ANNOTATION (/01/comment value)", "ANNOTATION (/ value)", "ANNOTATION (/1x/comment value)",
    "ANNOTATION (/comment value*)"])
def test_wrong_fetches(client, what):
    client.no(f"FETCH 1 ({what})", "BAD")


def test_store(client):
    # [RFC5257 4.5] nothing untagged comes of it
    assert client.ok('STORE 1:2 ANNOTATION (/comment (value.priv "My new comment"))') == []
    assert client.notes("1:2", "/comment", "value.priv") == ['/comment (value.priv "My new comment")'] * 2
    assert client.ok("STORE 1 ANNOTATION (/comment (value.priv NIL))") == []
    assert client.notes(attributes="value.priv") == []
    # any bytes, in a literal8 both ways
    client.send(b"x STORE 1 ANNOTATION (/comment (value.shared ~{3+}\r\na\0b))\r\n")
    assert client.until("x")[-1].startswith(b"x OK")
    assert b'/comment (value.shared ~{3}\r\na\0b)' in b"".join(
        client.command("FETCH 1 (ANNOTATION (/comment value.shared))"))
    client.ok('STORE 1 ANNOTATION (/comment (value.shared ""))')
    assert client.notes(attributes="(value.shared size.shared)") == [
        '/comment (value.shared "" size.shared "0")']


def test_parts(client):
    client.ok('STORE 2 ANNOTATION (/2/comment (value.shared "of two") /1/flags/seen '
              '(value.shared "1") /2/vendor/foobar (value.priv "x"))')
    assert client.notes("2", "/1/*", "value.shared") == ['/1/flags/seen (value.shared "1")']
    assert client.notes("2", "/2/%", "value.shared") == ['/2/comment (value.shared "of two")']
    # [RFC5257 3.2.1] one that is not there, and a flag that is none
    client.no('STORE 2 ANNOTATION (/3/comment (value.shared "x"))', "BAD")
    client.no('STORE 1 ANNOTATION (/1.1/comment (value.shared "x"))', "BAD")
    client.no('STORE 2 ANNOTATION (/1/flags/seen (value.shared "2"))', "BAD")
    client.ok('STORE 1 ANNOTATION (/1/comment (value.shared "x"))')
    client.ok("FETCH 1 (ANNOTATION (/1/comment value))")
    lines = client.do("FETCH 1:2 (ANNOTATION (/2/comment value.shared))")
    # the message of one part has no second one; the other one is told
    assert lines[-1].startswith("x BAD"), lines
    assert '* 2 FETCH (ANNOTATION (/2/comment (value.shared "of two")))' in lines
    client.no("FETCH 2 (ANNOTATION (/1.1/comment value))", "BAD")
    client.ok("FETCH 1 (ANNOTATION ((/2/* /%/comment) value))")


@pytest.mark.parametrize("what", [
    "(/comment)", "(/comment ())", "()", '(/comment (value "x"))', '(/comment (size.priv "1"))',
    '(/comment (value.priv x))', '(/comment value.priv "x")', '(/c* (value.priv "x"))',
    '(/flags/seen (value.priv "1"))', '(/1 (value.priv "x"))', '(/vendor (value.priv "x"))',
    '(/unknown (value.priv "x"))', '(/comment (value.priv "x")) x', '/comment',
    '(/comment (value.PRIV "x"))'])
def test_wrong_stores(client, what):
    client.no(f"STORE 1 ANNOTATION {what}", "BAD")
    assert client.notes() == []


def test_limits(client):
    size = int(re.search(r"\[ANNOTATIONS (\d+)", "\n".join(client.ok("SELECT INBOX")))[1])
    big = "x" * size
    client.ok(f"STORE 1 ANNOTATION (/comment (value.priv {{{size}+}}\r\n{big}))") \
        if size <= 4096 else None
    client.send(f"x STORE 1 ANNOTATION (/comment (value.priv {{{size + 1}}}\r\n".encode())
    line = client.line()
    if line.startswith(b"+"):
        client.send(b"x" * (size + 1) + b"))\r\n")
        line = client.until("x")[-1]
    assert line.startswith(b"x NO [ANNOTATE TOOBIG]")
    # [RFC5257 4.1] at least ten
    for first in (0, 50):
        entries = " ".join(f'/vendor/a/{n} (value.priv "v")' for n in range(first, first + 50))
        client.ok(f"STORE 2 ANNOTATION ({entries})")
    client.no('STORE 2 ANNOTATION (/comment (value.priv "one more"))', "NO [ANNOTATE TOOMANY]")
    client.ok('STORE 2 ANNOTATION (/vendor/a/1 (value.priv "another"))')
    client.ok('STORE 2 ANNOTATION (/vendor/a/1 (value.priv NIL) /comment (value.priv "x"))')
    client.ok('STORE 2 ANNOTATION (/comment (value.shared "and shared ones"))')


def test_append(client, server, user):
    rows = client.append("INBOX", '(\\Seen) ANNOTATION (/comment (value.priv "Don\'t send until I '
                         'say so") /1/comment (value.shared "of the body")) ')
    assert rows[-1].startswith("x OK [APPENDUID"), rows
    client.ok("NOOP")
    assert client.notes("3") == ['/1/comment (value.priv NIL value.shared "of the body") /comment '
                                 '(value.priv "Don\'t send until I say so" value.shared NIL)']
    assert client.append("INBOX", 'ANNOTATION (/7/comment (value.priv "x")) ')[-1].startswith("x BAD")
    assert client.append("INBOX", 'ANNOTATION (/x (value.priv "x")) ')[-1].startswith("x BAD")
    assert client.append("INBOX", "ANNOTATION (/comment (value.priv NIL)) ")[-1].startswith("x OK")
    with Client(server, user) as c:
        assert "* STATUS INBOX (MESSAGES 4)" in c.ok("STATUS INBOX (MESSAGES)")


def test_search(client):
    client.ok('STORE 1 ANNOTATION (/comment (value.priv "About IMAP4") /altsubject (value.shared "b"))')
    client.ok('STORE 2 ANNOTATION (/comment (value.shared "imap4 too") /altsubject (value.shared "A"))')
    for keys, want in (
            ('ANNOTATION /comment value "IMAP4"', "1 2"),
            ('ANNOTATION * value.priv "IMAP4"', "1"),
            ('ANNOTATION /% value.shared "IMAP4"', "2"),
            ('NOT ANNOTATION /comment value.shared "x"', "1 2"),
            ('ANNOTATION /comment value.shared NIL', "1"),
            ('ANNOTATION /vendor/* value ""', ""),
            ('OR ANNOTATION /comment value.priv "about" SEEN', "1")):
        assert client.ok(f"SEARCH {keys}") == [f"* SEARCH {want}".rstrip()], keys
    for wrong in ('ANNOTATION /comment size "1"', "ANNOTATION /comment", "ANNOTATION",
                  'ANNOTATION /comment Value "x"', 'ANNOTATION x value "x"'):
        client.no(f"SEARCH {wrong}", "BAD")
    # [RFC5257 4.9] what has no value comes first
    assert client.ok("SORT (ANNOTATION /altsubject value.shared) UTF-8 ALL") == ["* SORT 2 1"]
    assert client.ok("SORT (REVERSE ANNOTATION /altsubject value.shared) UTF-8 ALL") == ["* SORT 1 2"]
    assert client.ok("SORT (ANNOTATION /comment value.priv ARRIVAL) UTF-8 ALL") == ["* SORT 2 1"]
    for wrong in ("/altsubject value", "/altsubject size.priv", "/* value.priv", "/altsubject"):
        client.no(f"SORT (ANNOTATION {wrong}) UTF-8 ALL", "BAD")


def test_contexts(client):
    client.ok('STORE 1 ANNOTATION (/comment (value.priv "wanted"))')
    client.send(b'c SEARCH RETURN (ALL UPDATE) ANNOTATION /comment value.priv "wanted"\r\n')
    assert b"ALL 1" in b"".join(client.until("c"))
    client.ok("NOOP")
    rows = client.ok('STORE 2 ANNOTATION (/comment (value.priv "wanted, too"))') + client.ok("NOOP")
    assert any("ADDTO" in row and row.rstrip(")").endswith(" 2") for row in rows), rows
    rows = client.ok("STORE 1 ANNOTATION (/comment (value.priv NIL))") + client.ok("NOOP")
    assert any("REMOVEFROM" in row for row in rows), rows


def test_condstore(client):
    client.ok("ENABLE CONDSTORE")
    before = int(re.search(r"HIGHESTMODSEQ (\d+)", "\n".join(client.ok("SELECT INBOX")))[1])
    # [RFC5257 4.5] the mod-sequence is told all the same
    row, = client.ok('STORE 1 ANNOTATION (/comment (value.priv "x"))')
    after = int(re.search(r"MODSEQ \((\d+)\)", row)[1])
    assert after > before and "FLAGS" not in row
    rows = client.do(f'STORE 1:2 (UNCHANGEDSINCE {before}) ANNOTATION (/comment (value.priv "y"))')
    assert rows[-1].startswith("x OK [MODIFIED 1]")
    assert client.notes("1:2", "/comment", "value.priv") == [
        '/comment (value.priv "x")', '/comment (value.priv "y")']
    assert [r.split()[1] for r in client.ok(f"FETCH 1:2 (FLAGS) (CHANGEDSINCE {after})")] == ["2"]


def test_changes_by_others(client, server, user):
    with Client(server, user) as other:
        other.ok("SELECT INBOX (ANNOTATE)")
        client.ok('STORE 1 ANNOTATION (/comment (value.priv "x" value.shared "y") '
                  '/altsubject (value.shared "z"))')
        # [RFC5257 4.4] names, no values
        row, = other.ok("NOOP")
        assert row.endswith("ANNOTATION (/altsubject /comment))"), row
        client.ok("STORE 1 ANNOTATION (/altsubject (value.shared NIL))")
        row, = other.ok("NOOP")
        assert row.endswith("ANNOTATION (/altsubject))"), row
        client.ok("STORE 1 +FLAGS (\\Flagged)")
        row, = other.ok("NOOP")
        assert "ANNOTATION" not in row
        # [RFC5257 4.2] only with the parameter, each time
        other.ok("SELECT INBOX")
        client.ok('STORE 1 ANNOTATION (/comment (value.priv "new"))')
        assert not any("ANNOTATION" in row for row in other.ok("NOOP"))
        other.no("SELECT INBOX (ANNOTATE x)", "BAD")


def test_copies(client):
    client.ok("CREATE other")
    client.ok('STORE 1:2 ANNOTATION (/comment (value.priv "mine" value.shared "ours"))')
    client.ok("COPY 1 other")
    client.ok("MOVE 2 other")
    client.ok("SELECT other")
    assert client.notes("1:2") == ['/comment (value.priv "mine" value.shared "ours")'] * 2
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    assert client.notes("1") == ['/comment (value.priv "mine" value.shared "ours")']
    # [RFC8508 3] a replacement has its own
    client.send(b"x REPLACE 1 other ANNOTATION (/comment (value.priv \"new\")) {%d+}\r\n%s\r\n"
                % (len(MESSAGE), MESSAGE))
    assert client.until("x")[-1].startswith(b"x OK")
    client.ok("NOOP")
    assert client.notes("1") == ['/comment (value.priv "new" value.shared NIL)']


def test_they_outlive_the_server(tmp_path):
    with culver.Server() as server:
        with Client(server) as c:
            c.append("INBOX", 'ANNOTATION (/comment (value.priv "kept")) ')
            c.ok("SELECT INBOX")
            c.ok('STORE 1 ANNOTATION (/altsubject (value.shared "kept, too"))')
        server.stop()
        server.start()
        with Client(server) as c:
            c.ok("SELECT INBOX")
            assert c.notes() == ['/altsubject (value.priv NIL value.shared "kept, too") '
                                 '/comment (value.priv "kept" value.shared NIL)']


def test_notify(client, server, user):
    client.ok("UNSELECT")
    with Client(server, user) as other:
        other.ok("SELECT INBOX")
        other.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge AnnotationChange))")
        client.ok("SELECT INBOX")
        client.ok('STORE 2 ANNOTATION (/comment (value.shared "x"))')
        # [RFC5465 5.1] UID and ANNOTATION, without a command
        row = other.line().decode()
        assert re.match(r"\* 2 FETCH \(UID \d+ .*ANNOTATION \(/comment\)\)", row), row


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_other_users():
    with Shared() as server, Client(server) as alice, Client(server, "bob") as bob:
        alice.ok("CREATE Team")
        alice.append("Team", 'ANNOTATION (/comment (value.priv "private" value.shared "shared")) ')
        alice.ok("SETACL Team bob lr")
        theirs = "shared/alice/Team"
        assert any("[ANNOTATIONS READ-ONLY NOPRIVATE]" in r for r in bob.ok(f"SELECT {theirs}"))
        bob.ok("NOOP")
        # [RFC5257 4.1] what is private stays so
        assert bob.notes() == ['/comment (value.priv NIL value.shared "shared")']
        bob.no('STORE 1 ANNOTATION (/comment (value.shared "x"))', "NO")
        assert bob.ok('SEARCH ANNOTATION * value "private"') == ["* SEARCH"]
        # [RFC5257 3.4] the right n
        alice.ok("SETACL Team bob +n")
        assert "n" in bob.ok(f"MYRIGHTS {theirs}")[0].split()[-1]
        assert any(re.search(r"\[ANNOTATIONS \d+ NOPRIVATE\]", r) for r in bob.ok(f"SELECT {theirs}"))
        bob.ok('STORE 1 ANNOTATION (/comment (value.shared "of bob"))')
        bob.no('STORE 1 ANNOTATION (/comment (value.priv "x"))', "NO [NOPERM]")
        bob.no('STORE 1 ANNOTATION (/9/comment (value.shared "x"))', "BAD")
        assert bob.ok('SORT (ANNOTATION /comment value.shared) UTF-8 ALL') == ["* SORT 1"]
        assert bob.ok('SEARCH ANNOTATION /comment value.shared "of BOB"') == ["* SEARCH 1"]
        alice.ok("SELECT Team (ANNOTATE)")
        assert alice.notes() == ['/comment (value.priv "private" value.shared "of bob")']
        # [RFC5257 4.6] to a mailbox of his own the shared ones go along
        bob.ok("COPY 1 INBOX")
        bob.ok("SELECT INBOX")
        bob.ok("NOOP")
        assert bob.notes() == ['/comment (value.priv NIL value.shared "of bob")']
        alice.ok("SETACL Team bob +i")
        bob.ok('STORE 1 ANNOTATION (/altsubject (value.priv "his" value.shared "all"))')
        bob.ok(f"COPY 1 {theirs}")
        alice.ok("NOOP")
        assert alice.notes("2", "/altsubject") == ['/altsubject (value.priv NIL value.shared "all")']
        assert bob.append(theirs, 'ANNOTATION (/comment (value.shared "x")) ')[-1].startswith("x OK")
        assert bob.append(theirs, 'ANNOTATION (/comment (value.priv "x")) ')[-1].startswith("x NO")


def test_sleep_forgets_nothing():
    with culver.Server(extra=QUICK) as server, Client(server) as sleeper:
        sleeper.append("INBOX")
        sleeper.ok("SELECT INBOX (ANNOTATE)")
        sleeper.send(b"i IDLE\r\n")
        assert sleeper.line().startswith(b"+")
        asleep(server)
        with Client(server) as other:
            other.ok("SELECT INBOX")
            other.ok('STORE 1 ANNOTATION (/comment (value.shared "x"))')
        row = sleeper.line()
        assert b"ANNOTATION (/comment)" in row, row
        sleeper.send(b"DONE\r\n")
        sleeper.until("i")


def test_the_size_of_a_value_is_a_setting():
    with culver.Server(extra="imap_annotate_max_size = 1024\n") as server, \
            Client(server) as c:
        c.append("INBOX")
        assert any(r.startswith("* OK [ANNOTATIONS 1024]") for r in c.ok("SELECT INBOX"))
        c.ok(f'STORE 1 ANNOTATION (/comment (value.priv "{"x" * 1024}"))')
        c.no(f'STORE 1 ANNOTATION (/comment (value.priv "{"x" * 1025}"))', "NO [ANNOTATE TOOBIG]")
        line = c.append("INBOX", f'ANNOTATION (/comment (value.shared "{"x" * 1025}")) ')[-1]
        assert line.startswith("x NO [ANNOTATE TOOBIG]"), line
        assert c.notes(attributes="size.priv") == ['/comment (size.priv "1024")']


def test_how_many_a_message_has_is_a_setting():
    with culver.Server(extra="imap_annotate_max_entries = 2\n") as server, Client(server) as c:
        c.append("INBOX")
        c.ok("SELECT INBOX")
        both = '(value.priv "p" value.shared "s")'
        # each kind has its own two [RFC5257 4.5]
        c.ok(f"STORE 1 ANNOTATION (/comment {both} /altsubject {both})")
        c.no('STORE 1 ANNOTATION (/vendor/x/y (value.priv "3"))', "NO [ANNOTATE TOOMANY]")
        c.no(f"STORE 1 ANNOTATION (/comment (value.shared NIL) /vendor/x/y {both})",
             "NO [ANNOTATE TOOMANY]")
        assert "/vendor" not in str(c.notes()) and "/altsubject" in str(c.notes())
        # one in place of another, and new values, are not more
        c.ok('STORE 1 ANNOTATION (/comment (value.priv NIL) /vendor/x/y (value.priv "3"))')
        c.ok('STORE 1 ANNOTATION (/altsubject (value.priv "other"))')
        three = "".join(f'/vendor/x/{i} (value.shared "v") ' for i in range(3)).strip()
        line = c.append("INBOX", f"ANNOTATION ({three}) ")[-1]
        assert line.startswith("x NO [ANNOTATE TOOMANY]"), line
        both_kinds = f"/comment {both} /altsubject {both}"
        assert c.append("INBOX", f"ANNOTATION ({both_kinds}) ")[-1].startswith("x OK")


def test_a_message_begins_with_as_many_of_each_kind_as_it_may_have(client):
    both = " ".join(f'/vendor/x/{i} (value.priv "p" value.shared "s")' for i in range(60))
    assert client.append("INBOX", f"ANNOTATION ({both}) ")[-1].startswith("x OK")
    client.ok("COPY 3 INBOX")
    row, = client.notes("4")
    assert row.count("value.priv") == row.count("value.shared") == 60
