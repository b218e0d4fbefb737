"""MULTIAPPEND [RFC3502]: many messages in one APPEND, all of them or none."""
import re
import time

import pytest

import culver
from test_imap_session import Wire

# [RFC3502 6.3.11]
FIRST = (b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
         b"From: Fred Foobar <foobar@Blurdybloop.example.COM>\r\n"
         b"Subject: afternoon meeting\r\nTo: mooch@owatagu.example.net\r\n"
         b"Message-Id: <B27397-0100000@Blurdybloop.example.COM>\r\n"
         b"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
         b"Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n")
SECOND = (b"Date: Mon, 7 Feb 1994 22:43:04 -0800 (PST)\r\n"
          b"From: Joe Mooch <mooch@OWaTaGu.example.net>\r\nSubject: Re: afternoon meeting\r\n"
          b"To: foobar@blurdybloop.example.com\r\n\r\n3:30 is fine with me.\r\n")


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


@pytest.fixture
def wire(server):
    w = Wire(server.imap_port).login()
    w.do("DELETE saved-messages")
    assert " OK " in w.do("CREATE saved-messages")[-1]
    yield w
    w.close()


def count(w):
    return int(re.search(r"MESSAGES (\d+)", w.do("STATUS saved-messages (MESSAGES)")[0])[1])


def files(server):
    return [f for f in server.home("alice").rglob("*") if f.parent.name in ("cur", "new", "tmp")
            and ".saved-messages" in str(f)]


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_example(wire):
    assert "MULTIAPPEND" in wire.do("CAPABILITY")[0].split()
    wire.send(b"A003 APPEND saved-messages (\\Seen) {%d}\r\n" % len(FIRST))
    assert wire.line().startswith("+ ")
    wire.send(FIRST + b" (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {%d}\r\n" % len(SECOND))
    assert wire.line().startswith("+ ")
    wire.send(SECOND + b"\r\n")
    last = wire.until("A003")[-1]
    assert re.match(r"A003 OK \[APPENDUID \d+ 1:2\] ", last)
    wire.do("SELECT saved-messages")
    lines = wire.do("FETCH 1:2 (FLAGS INTERNALDATE RFC822.SIZE)")
    assert f"RFC822.SIZE {len(FIRST)})" in lines[0] and "\\Seen" in lines[0]
    assert '"08-Feb-1994 06:43:04 +0000"' in lines[1]


def test_no_such_mailbox(wire):
    wire.send("A004 APPEND bogusname (\\Flagged) {1023}\r\n")
    assert wire.until("A004")[-1].startswith("A004 NO [TRYCREATE] ")


def test_all_or_none(wire):
    """An error in the last of many takes all of them away."""
    def attempt(tail):
        body = b"".join(b" {%d+}\r\n" % len(FIRST) + FIRST for _ in range(20))
        wire.send(b"x APPEND saved-messages" + body + tail + b"\r\n")
        return wire.until("x")[-1]

    assert attempt(b" {0+}\r\n").startswith("x NO ")
    assert attempt(b" {3+}\r\na\0b").startswith("x NO ")
    assert attempt(b" (\\Bad) {3+}\r\nabc").startswith("x BAD ")
    assert attempt(b" (\\Seen)").startswith("x BAD ")
    assert count(wire) == 0
    assert re.match(r"x OK \[APPENDUID \d+ 1:20\] ", attempt(b""))
    assert count(wire) == 20


def test_a_connection_that_breaks_leaves_nothing(server, wire):
    other = Wire(server.imap_port).login()
    other.send(b"x APPEND saved-messages {%d+}\r\n" % len(FIRST) + FIRST
               + b" {100+}\r\nhalf of it")
    # the first one is written, where nobody sees it
    wait_for(lambda: files(server) != [])
    assert count(wire) == 0
    other.file.close()
    other.close()
    wait_for(lambda: files(server) == [])
    assert count(wire) == 0


def test_many_and_large(wire):
    big = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 30000
    small = b"Subject: s\r\n\r\nx\r\n"
    wire.send(b"x APPEND saved-messages" + b"".join(
        b" {%d+}\r\n" % len(m) + m for m in [small, big] * 8 + [small] * 300) + b"\r\n")
    assert re.match(r"x OK \[APPENDUID \d+ 1:316\] ", wire.until("x")[-1])
    wire.do("SELECT saved-messages")
    assert f"RFC822.SIZE {len(big)})" in wire.do("FETCH 16 RFC822.SIZE")[0]
    # [security.md B2] and there is an end to it
    wire.send(b"y APPEND saved-messages" + (b" {%d+}\r\n" % len(small) + small) * 2001 + b"\r\n")
    assert wire.until("y")[-1].startswith("y NO [LIMIT] ")
    assert count(wire) == 316


def test_quota_is_for_all_of_them():
    extra = ("mail_plugins = $mail_plugins quota\n"
             "plugin {\n  quota = count:User quota\n  quota_rule = *:messages=3\n}\n")
    with culver.Server(extra=extra) as s:
        w = Wire(s.imap_port).login()
        w.send(b"x APPEND INBOX" + (b" {%d+}\r\n" % len(FIRST) + FIRST) * 4 + b"\r\n")
        assert w.until("x")[-1].startswith("x NO [OVERQUOTA] ")
        assert "MESSAGES 0" in w.do("STATUS INBOX (MESSAGES)")[0]
        w.send(b"x APPEND INBOX" + (b" {%d+}\r\n" % len(FIRST) + FIRST) * 3 + b"\r\n")
        assert w.until("x")[-1].startswith("x OK ")
        w.close()
