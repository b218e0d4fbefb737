"""What culveradm fetch writes, byte for byte, beside Debian's doveadm on the same messages: a script
that reads one reads the other.

One message is stored with CRLF, one with LF, one is mixed; line ends come out as they are stored.
Where a format differs stands in the test that says so, and in culveradm(1)."""
import json
import os
import shutil
import subprocess

import pytest

import culver
import dovecot

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

PARTS = b"""\
Subject: =?utf-8?q?=C3=BC?= =?utf-8?q?=C3=BC?=
 one
\ttwo
From: a@example.org (x
 y)
X-T: a\tb
X-T: second
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

pre
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

body=C3=BC=0D=0Ax
l2
--b
Content-Type: text/plain
Content-Transfer-Encoding: base64

YWIKY2QNCg==
--b
Content-Type: text/plain
Content-Transfer-Encoding: 8bit

as it is
--b--
post\x01x\x07
"""
DATED = b"Subject: dated\nDate: Mon, 1 Jan 2001 10:00:00 +0000\n\nx\n"
MAILS = [PARTS.replace(b"\n", b"\r\n"), PARTS, DATED, b"Subject: m\r\nTo: x\n\nlf\ncrlf\r\ncr\rend\r\n",
         b"Subject: n\n\n", b"Subject: open\n\nno end", b"\nno header\n"]
UIDS = [str(n + 1) for n in range(len(MAILS))]
# made in one go: each is a line of text, a header or a body
FIELDS = ["user mailbox uid", "text", "hdr", "body", "text.utf8", "hdr.subject", "hdr.subject.utf8", "hdr.from",
          "hdr.x-t", "hdr.x-t.utf8", "hdr.nope", "body.1", "body.1.mime", "body.2", "body.3", "body.9", "body.header",
          "body.text", "binary.1", "binary.2", "binary.3", "binary.1.mime", "body.preview",
          "date.sent.unixtime", "date.sent", "date.received", "date.received.unixtime",
          "size.physical size.virtual", "uid text hdr.subject", "uid body.1 seq", "pop3.uidl refcount"]
ONE_LINE = ["user mailbox uid", "hdr.subject.utf8", "date.sent.unixtime", "date.sent", "body.preview",
            "date.received", "size.physical size.virtual", "pop3.uidl refcount"]


@pytest.fixture(scope="module")
def both():
    ours, theirs = culver.Server(), dovecot.Dovecot()
    try:
        for server in (ours, theirs):
            cur = server.home("alice") / "Maildir" / "cur"
            for part in ("cur", "new", "tmp"):
                (cur.parent / part).mkdir(parents=True, exist_ok=True)
            for n, mail in enumerate(MAILS):
                path = cur / f"100{n}.M1P1.host:2,S"
                path.write_bytes(mail)
                os.utime(path, (1000000000 + n, 1000000000 + n))
            for path in [server.home("alice"), *server.home("alice").rglob("*")]:
                shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
            server.start()
        yield ours, theirs
    finally:
        for server in (ours, theirs):
            server.stop()
            server.remove()


def fetch(both, form, field, uid):
    answers = []
    for program, server in zip((culver.PREFIX / "bin" / "culveradm", "doveadm"), both):
        done = subprocess.run([program, "-c", server.config, *form, "fetch", "-u", "alice", field, "uid", uid],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        answers.append(done.stdout)
    return answers


@pytest.mark.parametrize("field", FIELDS)
def test_flow_is_the_same_byte_for_byte(both, field):
    mine, other = fetch(both, ["-f", "flow"], field, "1:*")
    assert mine == other


@pytest.mark.parametrize("field", FIELDS)
def test_pager_is_the_same_byte_for_byte(both, field):
    for uid in UIDS:
        mine, other = fetch(both, [], field, uid)
        if not other.endswith(b"\n"):  # ours ends each value with a line end
            other += b"\n"
        other = other.replace(b"no endhdr.subject", b"no end\nhdr.subject").replace(b"no endseq", b"no end\nseq")
        other = other.replace(b"l2seq", b"l2\nseq")
        assert mine == other, uid


def test_pager_puts_a_form_feed_between_messages(both):
    mine, other = fetch(both, [], "uid hdr.subject.utf8", "1:*")
    assert mine == other and mine.count(b"\f\n") == len(MAILS) - 1
    # a body alone, too, where doveadm forgets it
    mine, other = fetch(both, [], "text", "3,7")
    assert mine == b"text:\n" + MAILS[2] + b"\f\ntext:\n" + MAILS[6] and mine.replace(b"\f\n", b"") == other


@pytest.mark.parametrize("field", FIELDS)
def test_json_says_the_same(both, field):
    mine, other = fetch(both, ["-f", "json"], field, "1:*")
    assert json.loads(mine) == json.loads(other)


@pytest.mark.parametrize("field", ONE_LINE)
def test_tab_and_table_say_the_same(both, field):
    mine, other = fetch(both, ["-f", "tab"], field, "2:*")
    assert mine == other
    # doveadm fills up the last column
    mine, other = fetch(both, ["-f", "table"], field, "2:*")
    assert [line.split() for line in mine.splitlines()] == [line.split() for line in other.splitlines()]


def test_in_tab_a_row_stays_a_line(both):
    mine, _ = fetch(both, ["-f", "tab"], "uid text", "1,3")
    rows = mine.splitlines(keepends=True)
    assert rows[0] == b"uid\ttext\n" and len(rows) == 3
    assert rows[2] == b"3\t" + MAILS[2].replace(b"\n", b"\001n") + b"\n"
