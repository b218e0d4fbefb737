"""BINARY [RFC3516]: parts without their transfer encoding, and APPEND of bytes."""
import base64
import re

import pytest

import culver
from test_imap_session import Wire
from test_shared import Shared

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20
MIME = (b"Subject: parts\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nau lait\r\n--b\r\n"
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(PNG).replace(b"\n", b"\r\n") +
        b"--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nM12\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n")


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


class Bytes(Wire):
    """Literals as bytes."""

    def fetch(self, what):
        self.count += 1
        tag = b"t%d" % self.count
        self.send(tag + b" FETCH " + what.encode() + b"\r\n")
        out = []
        while True:
            line = self.file.readline()
            assert line != b""
            out.append(line)
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if literal:
                out.append(self.file.read(int(literal[1])))
            if line.startswith(tag + b" "):
                return b"".join(out)


@pytest.fixture
def wire(server):
    w = Bytes(server.imap_port).login()
    w.do("DELETE box")
    w.do("CREATE box")
    w.append(MIME, "box")
    w.do("SELECT box")
    yield w
    w.close()


def test_parts_are_decoded(wire):
    assert "BINARY" in wire.do("CAPABILITY")[0].split()
    text = "café au lait".encode()
    assert wire.fetch("1 BINARY.PEEK[1]").startswith(
        b"* 1 FETCH (BINARY[1] {%d}\r\n" % len(text) + text + b")\r\n")
    # [RFC3516 4.3] literal8 where there is a NUL, and only there
    assert wire.fetch("1 BINARY.PEEK[2]").startswith(
        b"* 1 FETCH (BINARY[2] ~{%d}\r\n" % len(PNG) + PNG + b")\r\n")
    assert wire.fetch("1 BINARY.PEEK[2]<0.4>").startswith(
        b"* 1 FETCH (BINARY[2]<0> {4}\r\n\x89PNG)\r\n")
    assert wire.fetch("1 BINARY.PEEK[2]<6.4>").startswith(
        b"* 1 FETCH (BINARY[2]<6> ~{4}\r\n\x1a\n\0\0)\r\n")
    assert wire.fetch(f"1 BINARY.PEEK[2]<{len(PNG)}.4>").startswith(
        b"* 1 FETCH (BINARY[2]<%d> {0}\r\n)\r\n" % len(PNG))
    assert f"BINARY.SIZE[2] {len(PNG)} BINARY.SIZE[1] {len(text)})" in \
        wire.do("FETCH 1 (BINARY.SIZE[2] BINARY.SIZE[1])")[0]
    assert b"BINARY[4.1] {5}\r\nhello)" in wire.fetch("1 BINARY.PEEK[4.1]")


def test_seen_is_set_but_by_peek_and_size(wire):
    wire.do("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])")
    assert "\\Seen" not in wire.do("FETCH 1 FLAGS")[0]
    assert "\\Seen" in wire.do("FETCH 1 BINARY[1]")[0]
    assert "\\Seen" in wire.do("FETCH 1 FLAGS")[0]


def test_unknown_encodings(wire):
    for item in ("BINARY.PEEK[3]", "BINARY.SIZE[3]", "(UID BINARY.PEEK[3])"):
        assert " NO [UNKNOWN-CTE] " in wire.do(f"FETCH 1 {item}")[-1]
    lines = wire.do("FETCH 1 (BINARY.PEEK[3] BINARY.PEEK[4.1])")
    assert "BINARY[4.1]" in lines[0] and "BINARY[3]" not in lines[0]


def test_what_has_parts_is_sent_as_it_is(wire):
    assert wire.fetch("1 BINARY.PEEK[]").startswith(
        b"* 1 FETCH (BINARY[] {%d}\r\n" % len(MIME) + MIME)
    assert b"BINARY[4] {%d}\r\nSubject: inner" % len(
        MIME[MIME.index(b"Subject: inner"):MIME.index(b"\r\n--b--")]) in \
        wire.fetch("1 BINARY.PEEK[4]")
    assert wire.do("FETCH 1 BINARY.PEEK[9]")[0] == "* 1 FETCH (BINARY[9] NIL)"


def test_wrong_items(wire):
    for item in ("BINARY[1.TEXT]", "BINARY[HEADER]", "BINARY[1.]", "BINARY[0]", "BINARY[1",
                 "BINARY.SIZE[1]<0.1>", "BINARY[1]<0.0>", "BINARY[1]<1>", "BINARY",
                 "BINARY.SIZE", "BINARY.PEEK"):
        assert " BAD " in wire.do(f"FETCH 1 {item}")[-1], item


def append8(w, message, box="box"):
    w.send(b"x APPEND %s ~{%d+}\r\n" % (box.encode(), len(message)) + message + b"\r\n")
    return w.until("x")[-1]


BINARY = (b"Subject: bytes\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
          b"Content-Transfer-Encoding: binary\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
          b"text\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
          + PNG + b"\r\n--b--\r\n")


def stored_is_valid(w, seq):
    """[RFC3516 6] what is stored needs nothing of this extension."""
    assert '("image" "png" nil nil nil "base64" ' in w.do(f"FETCH {seq} BODYSTRUCTURE")[0].lower()
    whole = w.fetch(f"{seq} BODY.PEEK[]")
    assert b"\0" not in whole and b"Content-Transfer-Encoding: base64" in whole
    assert b"BINARY[2] ~{%d}\r\n" % len(PNG) + PNG + b")" in w.fetch(f"{seq} BINARY.PEEK[2]")


def test_append_of_literal8(wire):
    assert append8(wire, BINARY).startswith("x OK [APPENDUID ")
    stored_is_valid(wire, 2)
    # a literal8 without anything binary is kept to the byte
    assert append8(wire, MIME).startswith("x OK ")
    assert b"{%d}\r\n" % len(MIME) + MIME in wire.fetch("3 BODY.PEEK[]")


def test_nul_is_refused_where_it_cannot_be_kept(wire):
    assert append8(wire, b"Subject: x\r\n\r\na\0b\r\n").startswith("x NO [UNKNOWN-CTE] ")
    assert append8(wire, b"Subject: \0\r\n\r\nab\r\n").startswith("x NO [UNKNOWN-CTE] ")
    wire.send(b"x APPEND box {%d+}\r\n" % len(BINARY) + BINARY + b"\r\n")
    assert wire.until("x")[-1].startswith("x NO [CANNOT] ")
    assert wire.do("STATUS box (MESSAGES)")[0] == "* STATUS box (MESSAGES 1)"
    wire.send(b"x REPLACE 1 box ~{%d+}\r\n" % len(BINARY) + BINARY + b"\r\n")
    assert wire.until("x")[-1].startswith("x OK ")
    stored_is_valid(wire, 1)


def test_a_large_part_in_pieces(wire):
    data = bytes(range(256)) * 8000
    assert append8(wire, b"Content-Type: x/y\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                   + data).startswith("x OK ")
    got = b""
    while len(got) < len(data):
        piece = wire.fetch(f"2 BINARY.PEEK[1]<{len(got)}.300000>")
        size = int(re.search(rb"\{(\d+)\}\r\n", piece)[1])
        start = piece.index(b"}\r\n") + 3
        got += piece[start:start + size]
    assert got == data


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_mail_of_another_user():
    with Shared() as s:
        alice, bob = Wire(s.imap_port).login(), Bytes(s.imap_port).login("bob")
        alice.do("CREATE team")
        alice.append(MIME, "team")
        s.grant("alice", "team", "user=bob", "lookup", "read", "insert")
        bob.do("SELECT shared/alice/team")
        assert PNG in bob.fetch("1 BINARY.PEEK[2]")
        assert " NO [UNKNOWN-CTE]" in bob.do("FETCH 1 BINARY.PEEK[3]")[-1]
        assert append8(bob, BINARY, "shared/alice/team").startswith("x OK ")
        bob.do("NOOP")
        stored_is_valid(bob, 2)
        assert append8(bob, b"a: \0\r\n\r\n", "shared/alice/team").startswith(
            "x NO [UNKNOWN-CTE] ")
        alice.close()
        bob.close()
