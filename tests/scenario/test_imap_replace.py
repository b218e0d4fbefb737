"""REPLACE [RFC8508]: a message comes and another goes, in one commit."""
import re

import pytest

import culver
from test_imap_session import Wire
from test_shared import Shared

# [RFC8508 3.2]
DRAFT = (b"Date: Thu, 1 Jan 2015 00:05:00 -0500 (EST)\r\n"
         b"From: Fritz Schmidt <fritz.ze@example.org>\r\nSubject: happy new year !!\r\n"
         b"To: miss.mitzy@example.org\r\nMessage-Id: <B238822388-0100000@example.org>\r\n"
         b"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
         b"Just saw the best fireworks show. Wish you were here.\r\n")


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


@pytest.fixture
def wire(server):
    w = Wire(server.imap_port).login()
    for name in ("Drafts", "Sent"):
        w.do(f"DELETE {name}")
        w.do(f"CREATE {name}")
    for i in range(4):
        w.append(b"Subject: %d\r\n\r\nx\r\n" % i, "Drafts")
    w.do("SELECT Drafts")
    yield w
    w.close()


def replace(w, what, options="", message=DRAFT, wait=False):
    w.count += 1
    tag = f"t{w.count}"
    w.send(f"{tag} {what} {options}{{{len(message)}{'' if wait else '+'}}}\r\n")
    if wait:
        line = w.line()
        if not line.startswith("+ "):
            return [line]
    w.send(message + b"\r\n")
    return w.until(tag)


def uids(w, mailbox=None):
    if mailbox:
        w.do(f"EXAMINE {mailbox}")
    return [int(n) for n in w.do("UID SEARCH ALL")[0].split()[2:]]


def test_the_examples(wire):
    assert "REPLACE" in wire.do("CAPABILITY")[0].split()
    lines = replace(wire, "REPLACE 4 Drafts", "(\\Seen \\Draft) ", wait=True)
    # [RFC8508 4.3] the new UID is told before the old message goes
    assert re.match(r"\* OK \[APPENDUID \d+ 5\] ", lines[0])
    assert lines[1:3] == ["* 4 EXPUNGE", "* 4 EXISTS"]
    assert " OK Replace completed" in lines[-1]
    assert not any("\\Deleted" in line for line in lines)
    assert wire.do("FETCH 4 (UID FLAGS)")[0] == (
        "* 4 FETCH (UID 5 FLAGS (\\Seen \\Draft \\Recent))")
    lines = replace(wire, "UID REPLACE 5 Drafts", "(\\Seen \\Draft) ", wait=True)
    assert re.match(r"\* OK \[APPENDUID \d+ 6\] ", lines[0])
    assert uids(wire) == [1, 2, 3, 6]


def test_into_another_mailbox(wire):
    lines = replace(wire, "UID REPLACE 2 Sent", '(\\Seen) "17-Jul-1996 02:44:25 -0700" ')
    assert re.match(r"\* OK \[APPENDUID \d+ 1\] ", lines[0]) and lines[1] == "* 2 EXPUNGE"
    assert uids(wire) == [1, 3, 4] and uids(wire, "Sent") == [1]
    assert '"17-Jul-1996 09:44:25 +0000"' in wire.do("FETCH 1 INTERNALDATE")[0]


def test_nothing_happens_after_an_error(wire):
    assert " NO [TRYCREATE]" in replace(wire, "REPLACE 1 nowhere")[-1]
    assert " BAD " in replace(wire, "REPLACE 0 Drafts")[-1]
    assert " BAD " in replace(wire, "REPLACE 1,2 Drafts")[-1]
    assert " BAD " in replace(wire, "REPLACE 9 Drafts")[-1]
    assert " NO " in replace(wire, "UID REPLACE 99 Drafts")[-1]
    assert " NO " in replace(wire, "REPLACE 1 Drafts", message=b"a\0b")[-1]
    assert " BAD " in replace(wire, "REPLACE 1 Drafts", "(\\What) ")[-1]
    assert uids(wire) == [1, 2, 3, 4]
    wire.do("EXAMINE Drafts")
    assert " NO " in replace(wire, "REPLACE 1 Sent")[-1]
    assert uids(wire) == [1, 2, 3, 4] and uids(wire, "Sent") == []


def test_two_sessions_replace_the_same(server, wire):
    other = Wire(server.imap_port).login()
    other.do("SELECT Drafts")
    assert " OK " in replace(other, "UID REPLACE 2 Drafts")[-1]
    lines = replace(wire, "UID REPLACE 2 Drafts")
    assert " NO [EXPUNGEISSUED]" in lines[-1]
    assert not any("APPENDUID" in line for line in lines)
    wire.do("NOOP")
    assert uids(wire) == [1, 3, 4, 5]
    other.close()


def test_only_the_difference_counts_for_quota():
    extra = ("mail_plugins = $mail_plugins quota\n"
             "plugin {\n  quota = count:User quota\n  quota_rule = *:messages=2:bytes=3000\n}\n")
    with culver.Server(extra=extra) as s:
        w = Wire(s.imap_port).login()
        big = b"Subject: x\r\n\r\n" + b"0123456789abcde\n" * 80
        w.append(big)
        w.append(big)
        w.do("SELECT INBOX")
        assert " OK " in replace(w, "REPLACE 1 INBOX", message=big)[-1]
        assert " NO [OVERQUOTA]" in replace(w, "REPLACE 1 INBOX", message=big * 2)[-1]
        assert "MESSAGES 2" in w.do("STATUS INBOX (MESSAGES)")[0]
        w.close()


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_mail_of_another_user():
    """[RFC8508 4.1] the rights of STORE, EXPUNGE and APPEND together."""
    with Shared() as s:
        alice, bob = Wire(s.imap_port).login(), Wire(s.imap_port).login("bob")
        for w, name in ((alice, "team"), (bob, "mine")):
            w.do(f"CREATE {name}")
            w.append(DRAFT, name)
            w.append(DRAFT, name)
        s.grant("alice", "team", "user=bob", "lookup", "read", "insert", "write-deleted")
        bob.do("SELECT shared/alice/team")
        # what is saved there cannot take anything away without the right to
        assert " NO [NOPERM]" in replace(bob, "REPLACE 1 shared/alice/team")[-1]
        assert " NO [NOPERM]" in replace(bob, "REPLACE 1 mine")[-1]
        s.grant("alice", "team", "user=bob", "lookup", "read", "insert", "write-deleted",
                "expunge")
        bob.do("SELECT shared/alice/team")
        lines = replace(bob, "REPLACE 1 shared/alice/team")
        assert " OK " in lines[-1] and "* 1 EXPUNGE" in lines, lines
        assert uids(bob) == [2, 3]
        # from one account to another, both ways
        assert " OK " in replace(bob, "UID REPLACE 2 mine")[-1]
        assert uids(bob) == [3] and uids(bob, "mine") == [1, 2, 3]
        bob.do("SELECT mine")
        assert " OK " in replace(bob, "UID REPLACE 1 shared/alice/team")[-1]
        assert uids(bob) == [2, 3] and uids(bob, "shared/alice/team") == [3, 4]
        alice.close()
        bob.close()


def test_a_deleted_target(server, wire):
    """The original stays when what it was to be replaced by cannot be saved."""
    other = Wire(server.imap_port).login()
    wire.send(f"x REPLACE 1 Sent {{{len(DRAFT)}}}\r\n")
    assert wire.line().startswith("+ ")
    assert " OK " in other.do("DELETE Sent")[-1]
    wire.send(DRAFT + b"\r\n")
    assert wire.until("x")[-1].startswith("x NO ")
    assert uids(wire) == [1, 2, 3, 4]
    other.close()


@pytest.mark.parametrize("location", ["mbox:~/mail:INBOX=~/inbox", "sdbox:~/box", "mdbox:~/box"])
def test_other_formats(location):
    with culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", location)) as s:
        w = Wire(s.imap_port).login()
        w.do("CREATE Sent")
        for i in range(3):
            w.append(b"Subject: %d\r\n\r\nx\r\n" % i)
        w.do("SELECT INBOX")
        assert " OK " in replace(w, "REPLACE 2 INBOX")[-1]
        assert " OK " in replace(w, "UID REPLACE 1 Sent")[-1]
        w.close()
        w = Wire(s.imap_port).login()
        assert uids(w, "INBOX") == [3, 4] and uids(w, "Sent") == [1]
        assert "happy new year" in w.do("FETCH 1 BODY.PEEK[]")[0]
        w.close()
