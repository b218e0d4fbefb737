"""CATENATE [RFC4469] with ranges [RFC5550]: messages put together by the server."""
import re

import pytest

import culver
from test_imap_session import Wire
from test_shared import Shared

BOUNDARY = b"------------030308070208000400050907"
ZIP = b"UEsDBBQAAAAIAA" * 100 + b"\r\n"
# [RFC4469 A]
DRAFT = (b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nFrom: Fred <fred@example.com>\r\n"
         b"Subject: Re: parts\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n" % BOUNDARY +
         b"--%s\r\nContent-Type: text/plain\r\n\r\nHello\r\n--%s\r\n" % (BOUNDARY, BOUNDARY) +
         b"Content-Type: application/x-zip-compressed\r\nContent-Transfer-Encoding: base64\r\n"
         b"\r\n" + ZIP + b"--%s--\r\n" % BOUNDARY)
NEW_PART = (b"Content-Type: application/x-zip-compressed\r\nContent-Transfer-Encoding: base64\r\n"
            b"\r\nYm9keQ==\r\n")


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


class Catenate(Wire):
    def catenate(self, *parts, mailbox="Drafts", options="", command="APPEND"):
        """A part is bytes, or a URL."""
        self.count += 1
        tag = f"t{self.count}"
        self.send(f"{tag} {command} {mailbox} {options}CATENATE (")
        for i, part in enumerate(parts):
            self.send(" " if i else "")
            if isinstance(part, bytes):
                self.send(b"TEXT {%d+}\r\n" % len(part) + part)
            else:
                self.send(f'URL "{part}"')
        self.send(")\r\n")
        return self.until(tag)

    def body(self, seq="*", mailbox="Drafts"):
        self.do(f"EXAMINE {mailbox}")
        lines = self.do(f"FETCH {seq} BODY.PEEK[]")
        found = [re.match(r"\* \d+ FETCH \(BODY\[\] \{\d+\}\r\n(.*)\)$", line, re.S)
                 for line in lines]
        return [f for f in found if f][0][1].encode("latin-1")


@pytest.fixture
def wire(server):
    w = Catenate(server.imap_port).login()
    w.do("DELETE Drafts")
    w.do("CREATE Drafts")
    w.append(DRAFT, "Drafts")
    w.append(NEW_PART, "Drafts")
    w.validity = int(re.search(r"UIDVALIDITY (\d+)",
                               w.do("STATUS Drafts (UIDVALIDITY)")[0])[1])
    yield w
    w.close()


def count(w, mailbox="Drafts"):
    return int(re.search(r"MESSAGES (\d+)", w.do(f"STATUS {mailbox} (MESSAGES)")[0])[1])


def test_the_example(wire):
    """An attachment is replaced without being downloaded."""
    words = wire.do("CAPABILITY")[0].split()
    assert "CATENATE" in words and "URL-PARTIAL" in words
    base = f"/Drafts;UIDVALIDITY={wire.validity}/;UID="
    wire.send(f'A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL "{base}1/;section='
              f'HEADER" TEXT {{{len(BOUNDARY) + 4}}}\r\n')
    assert wire.line().startswith("+ ")
    wire.send(b"--" + BOUNDARY + b"\r\n" + f' URL "{base}1/;section=1.MIME" URL "{base}1/;'
              f'section=1" TEXT {{{len(BOUNDARY) + 6}}}\r\n'.encode())
    assert wire.line().startswith("+ ")
    wire.send(b"\r\n--" + BOUNDARY + b"\r\n" + f' URL "{base}2" TEXT {{{len(BOUNDARY) + 6}}}'
              "\r\n".encode())
    assert wire.line().startswith("+ ")
    wire.send(b"--" + BOUNDARY + b"--\r\n)\r\n")
    assert re.match(r"A003 OK \[APPENDUID \d+ 3\] ", wire.until("A003")[-1])
    start = DRAFT.index(b"Content-Type: application")
    assert wire.body("3") == DRAFT[:start] + NEW_PART + b"--" + BOUNDARY + b"--\r\n"
    assert {"\\Seen", "\\Draft", "$MDNSent"} <= set(
        re.findall(r"[\\$]\w+", wire.do("FETCH 3 FLAGS")[0]))
    # [RFC4469 3] what was taken is not \Seen for it
    assert "\\Seen" not in wire.do("FETCH 1 FLAGS")[0]


def test_sections_and_ranges(wire):
    for section, want in (("", DRAFT), ("/;SECTION=1", b"Hello"),
                          ("/;SECTION=TEXT", DRAFT[DRAFT.index(b"\r\n\r\n") + 4:]),
                          ("/;SECTION=HEADER.FIELDS%20(Subject)",
                           b"Subject: Re: parts\r\n\r\n"),
                          ("/;PARTIAL=6.3", DRAFT[6:9]), ("/;partial=100", DRAFT[100:]),
                          ("/;SECTION=1/;PARTIAL=1.2", b"el"),
                          (f"/;PARTIAL={len(DRAFT) + 5}.9", b""),
                          ("/;PARTIAL=0.4294967295", DRAFT)):
        lines = wire.catenate(b"x", f"/Drafts/;UID=1{section}")
        assert " OK " in lines[-1], (section, lines)
        assert wire.body() == b"x" + want, section


def test_bad_urls(wire):
    for url in ("/Drafts/;UID=99", "/Nowhere/;UID=1", "/Drafts/;UID=1/;SECTION=7",
                "/Drafts/;UID=1/;SECTION=x", "/Drafts;UIDVALIDITY=1/;UID=1", "/Drafts/;UID=0",
                "/Drafts", "", "junk", ";UID=1", "imap://localhost/Drafts/;UID=1",
                "//alice@localhost/Drafts/;UID=1", "/Drafts/;UID=1/;PARTIAL=0.0",
                "/../Drafts/;UID=1", "/%00/;UID=1"):
        line = wire.catenate(b"x", url, b"a NOOP\r\n")[-1]
        assert f" NO [BADURL {url or '?'}] " in line, line
    # the first of them is told, and nothing in it is taken for an answer
    assert "[BADURL /x?]" not in wire.catenate("/x]\\\\y")[-1].split("] ")[1]
    assert count(wire) == 2
    wire.do("SELECT Drafts")
    assert " NO [BADURL " in wire.catenate(";UID=1")[-1]    # [RFC5092 7.2]


def test_with_multiappend_and_replace(wire):
    wire.send(b"x APPEND Drafts CATENATE (TEXT {3+}\r\nabc) (\\Seen) {3+}\r\ndef (\\Draft) "
              b"CATENATE (URL /Drafts/;UID=1/;SECTION=1)\r\n")
    assert re.match(r"x OK \[APPENDUID \d+ 3:5\] ", wire.until("x")[-1])
    assert [wire.body(n) for n in "345"] == [b"abc", b"def", b"Hello"]
    # [RFC8508 4.2] the example of REPLACE
    wire.do("SELECT Drafts")
    lines = wire.catenate(b"To: Mitzy <miss.mitzy@example.org>\r\nSubject: My view\r\n",
                          "/Drafts/;UID=1", command="UID REPLACE 1")
    assert lines[1:3] == ["* 1 EXPUNGE", "* 5 EXISTS"] or "* 1 EXPUNGE" in lines
    assert wire.body().endswith(DRAFT)
    wire.do("SELECT Drafts")
    lines = wire.catenate(b"x", "/Drafts/;UID=1", command="UID REPLACE 2")
    assert " NO [BADURL " in lines[-1] and "* 2 EXPUNGE" not in lines


def test_limits():
    with culver.Server(extra="protocol imap {\n  imap_max_append_size = 2000\n}\n") as s:
        w = Catenate(s.imap_port).login()
        w.append(b"Subject: x\r\n\r\n" + b"y" * 900)
        assert " OK " in w.catenate(*["/INBOX/;UID=1"] * 2, mailbox="INBOX")[-1]
        assert " NO [TOOBIG] " in w.catenate(*["/INBOX/;UID=1"] * 3, mailbox="INBOX")[-1]
        # [security.md B2] parts are counted as arguments
        w.send(b"x APPEND INBOX CATENATE (" + b" ".join([b"URL /INBOX/;UID=1"] * 10000) + b")\r\n")
        try:
            assert "OK" not in w.until("x")[-1]
        except AssertionError as e:
            assert "closed" in str(e)
        w.close()


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_rights():
    with Shared() as s:
        alice, bob = Catenate(s.imap_port).login(), Catenate(s.imap_port).login("bob")
        alice.do("CREATE team")
        alice.append(DRAFT, "team")
        bob.do("CREATE mine")
        url = "/shared/alice/team/;UID=1/;SECTION=1"
        s.grant("alice", "team", "user=bob", "lookup", "insert")
        denied = bob.catenate(b"x", url, mailbox="mine")[-1]
        s.grant("alice", "team", "user=bob")
        # no right and no mailbox are the same
        assert denied.split(" ", 1)[1] == bob.catenate(b"x", url, mailbox="mine")[-1].split(
            " ", 1)[1]
        s.grant("alice", "team", "user=bob", "lookup", "read", "insert")
        assert " OK " in bob.catenate(b"x", url, mailbox="mine")[-1]
        assert bob.body(mailbox="mine") == b"xHello"
        # from there to there, through one broker
        assert " OK " in bob.catenate(b"x", url, mailbox="shared/alice/team")[-1]
        assert bob.body(mailbox="shared/alice/team") == b"xHello"
        alice.close()
        bob.close()
