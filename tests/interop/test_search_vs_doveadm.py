"""The search language of doveadm-search-query(7): each key, by culveradm and
by Debian's doveadm on the same Maildir.

What differs stands in DIFFERENCES with the reason; nothing else may, and what
stands there must."""
import os
import shlex
import shutil
import subprocess

import pytest

import culver
import dovecot

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

NESTED = """\
From: =?utf-8?q?J=C3=B6rg?= <j@example.org>
To: b@example.org
Subject: outer subject
Message-ID: <1@x>
Date: Mon, 01 Jan 2024 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=iso-8859-1; name="note.txt"
Content-Transfer-Encoding: quoted-printable
Content-ID: <cid1@x>
Content-Description: the first part
Content-Language: de, en
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Location: http://x.org/a

Gr=FC=DFe from  afar
--b
Content-Type: application/pdf; name="report.pdf"
Content-Disposition: attachment; filename="Report 2024.pdf"; size=3
Content-Transfer-Encoding: base64

AAECA/8K
--b
Content-Type: message/rfc822

From: inner@example.org
To: inrcpt@example.org
Cc: incc@example.org
Bcc: inbcc@example.org
Sender: insender@example.org
Reply-To: inreply@example.org
In-Reply-To: <irt@x>
Message-ID: <inner@x>
Date: Mon, 01 Jan 2024 23:00:00 -0500
Subject: inner subject
X-Extra: extra value
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain

inner plain words
--c
Content-Type: text/html

<b>inner html</b>
--c--
--b--
"""
PLAIN = """\
From: b@example.org
Subject: Re: two
In-Reply-To: <1@x>
Date: Tue, 02 Jan 2024 10:00:00 +0000

plain second
mail afar
"""
HTML = """\
From: c@example.org
Subject: html
Date: Wed, 03 Jan 2024 10:00:00 +0000
Content-Type: text/html; charset=utf-8
Content-Disposition: inline; filename*=utf-8''gr%C3%BC%C3%9Fe.html

<p>hello</p>
"""
DIGEST = """\
From: outer@example.org
Subject: four
Date: Thu, 04 Jan 2024 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/digest; boundary=b

--b

From: "Doe, Jane" <jane@example.org>
To: undisclosed: one@x.org, two@x.org;
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and
  folded
Date: Mon, 01 Jan 2024 23:00:00 -0500

inner body words
--b
Content-Type: text/plain
Content-Disposition: attachment; filename*0="lo"; filename*1="ng.txt"
Content-Description: =?utf-8?q?Gr=C3=BC=C3=9Fe?=

tail
--b
Content-Type: text/plain; name="=?utf-8?q?J=C3=B6rg?="
Content-Transfer-Encoding: x-odd
Content-Disposition: ATTACHMENT; FILENAME=""

tail
--b--
"""
MAILS = [NESTED, PLAIN, HTML, DIGEST]

PART_KEYS = r"""
type text | type TEXT | type tex | subtype plain | ( type text subtype html ) | ( type text ( subtype html ) )
param charset utf-8 | param charset "" | param charset ISO | param name report | param NAME Report | param name eport
param name "J=C3" | encoding base64 | encoding BASE64 | encoding base | encoding 7bit | encoding "" | encoding x-odd
language de | language EN | language d | md5 Q2hlY2sgSW50ZWdyaXR5IQ== | md5 Q2h | md5 "" | md5 q2hlY2sgSW50ZWdyaXR5IQ==
description first | description FIRST | description "" | description nofirst | description "=?utf-8"
id cid1 | id <cid1@x> | id <CID1@X> | id "" | location x.org | location HTTP://x.org/a
size 20 | size 19 | size larger 5 | size smaller 5 | size larger 100000 | size 0
( type multipart size larger 40 ) | ( subtype rfc822 size larger 300 )
disposition type attachment | disposition type ATTACHMENT | disposition type attach | disposition type ""
disposition type inline | disposition param filename Report | disposition param FILENAME 2024
disposition param filename report | disposition param size 3 | disposition param size 4 | disposition param size ""
disposition param "filename*" html
filename is "Report 2024.pdf" | filename is "report 2024.PDF" | filename is report.pdf | filename contains 2024
filename begins rep | filename begins note | filename ends .PDF | filename is long.txt
from inner | from inner@example.org | from inner@EXAMPLE | from "" | from "Doe, Jane" | from "<jane@example.org>"
to inrcpt | to undisclosed | cc incc | cc "" | bcc inbcc | bcc "" | sender insender | sender jane | reply-to inreply
reply-to jane | subject outer | subject inner | subject INNER | subject "and folded" | subject "=?utf-8"
in-reply-to irt | in-reply-to "" | message-id inner | message-id <INNER@x>
sentbefore 01-Jan-2025 | senton 01-Jan-2024 | senton 02-Jan-2024 | sentsince 01-Jan-2024 | sentsince 01-Jan-2025
depth 0 | depth 1 | depth 2 | depth 3 | depth 4 | depth min 1 | depth min 3 | depth max 0 | index 0 | index 1 | index 2
index 3 | index 4 | ( index 3 type text ) | ( index 3 subtype rfc822 ) | ( depth 2 index 1 ) | ( depth 2 index 2 )
parent exists | child exists | not parent exists | not child exists | ( not parent exists type text )
( subtype mixed parent exists ) | ( depth 2 parent exists ) | child subtype html | ( subtype mixed child subtype html )
( subtype mixed child subtype rfc822 ) | ( subtype alternative child subtype pdf ) | ( subtype mixed child depth 0 )
( subtype rfc822 child index 2 ) | ( type multipart child ( type text subtype plain ) ) | ( type message child exists )
( type message subject inner ) | ( subtype alternative subject inner )
or subtype html subtype pdf | or type text or subtype pdf subtype rfc822 | not type text | not ( type text )
not subtype digest | ( or subtype pdf type image not child exists )
subtype pdf subject outer
"""
OTHER_KEYS = r"""
all | answered | bcc x | before 1h | before 2024-01-03 | since 1h | since 1w | on 1h | body afar | cc x | deleted | draft
flagged | from c@ | header in-reply-to 1@x | header subject "" | keyword $x | unkeyword $x | larger 200 | smaller 200
larger 1k | larger 1M | mailbox INBOX | mailbox Other | new | not new | old | recent | seen | unseen | subject two
subject outer | text afar | text two | to b@ | unanswered | undeleted | undraft | unflagged | uid 1,3 | uid 2:*
1 | 2:3 | * | 1,* | ( seen or flagged ) | not seen | seen not flagged | sentbefore 2024-01-02
senton 02-Jan-2024 | sentsince 2024-01-02 | senton 1h | sentbefore 1h | sentsince 1h | on 23h | on 26h
senton 1704103200 | senton 1704103201 | senton 1704189599 | senton 1704189600 | senton 1704189601
sentbefore 1704189600 | sentbefore 1704189601 | sentsince 1704189600 | sentsince 1704189601 | savedon 1h
on 1704189600 | before 1704189600 | since 1704189600 | savedbefore 1h | savedsince 1h | savedbefore 2024-01-01
x-savedbefore 1h | x-savedsince 1h | savedatesupported
older 1000000 | younger 1000000 | younger 4000000000 | older 1 | not younger 1000000
guid nosuch | x-guid nosuch | x-mailbox INBOX | x-mailbox Other | x-real-uid 2 | x-real-uid 1:2
fuzzy subject two | fuzzy body afar | fuzzy text afar | fuzzy seen | fuzzy not seen | not fuzzy subject two
( subject two or fuzzy subject html ) | fuzzy ( subject two or subject html ) | oldestonly | oldestonly 1 | $ | not $
modseq 1 | modseq 1000000000000000000 | modseq /flags/\\Seen all 1 | modseq /flags/\\Seen priv 1
inthread refs all | inthread refs subject two | inthread references fuzzy subject two | inthread refs mimepart subtype pdf
not mimepart type text | ( mimepart subtype pdf or from c@example ) | mimepart subtype pdf mimepart subtype html
"""
ERRORS = ["mimepart", "mimepart ( )", "mimepart bogus x", "mimepart type", "mimepart type text subtype html",
          "mimepart exists", "mimepart filename exists", "mimepart disposition exists", "mimepart ( type text",
          "mimepart not", "mimepart or type text", "mimepart size x", "mimepart senton x", "older 0", "younger 0",
          "older x", "younger", "fuzzy", "seen fuzzy", "highestmodseq", "emailid x", "before 1wk", "before today",
          "modseq x", "modseq /flags/x all", "uid x", "larger x", "guid", "inthread x all"]
# key: what Dovecot 2.3.19 answers, and why we do not
DECODED = "a text that is encoded in the header is found as it is read, too"
UNKNOWN = "Dovecot knows the key and never finds anything by it"
PANIC = "Dovecot ends with a panic"
NEGATED = "! is short for NOT"
UNITS = "units as with other dates and sizes"
DIFFERENCES = {
    "mimepart description Grüße": DECODED, "mimepart subject Grüße": DECODED,
    "mimepart param name Jörg": DECODED, "mimepart filename contains ü": DECODED,
    "mimepart filename ends .html": DECODED, "mimepart header content-id cid1": UNKNOWN,
    "mimepart ( index 1 header content-type text/plain )": UNKNOWN, "mimepart body afar": UNKNOWN,
    "mimepart ( subtype html body inner )": UNKNOWN, "mimepart text extra": UNKNOWN,
    "mimepart not body afar": UNKNOWN, "mimepart ( parent subtype rfc822 )": PANIC,
    "mimepart parent type multipart": PANIC, "mimepart size larger 1b": UNITS,
    "mimepart senton 2024-01-01": UNITS, "older 1h": UNITS, "younger 1h": UNITS,
    "mimepart ! type text": NEGATED, "! seen": NEGATED, "uid *": "[RFC9051 9] * is the largest UID in use",
}


def queries(table, prefix=""):
    return [f"{prefix}{q.strip()}" for line in table.strip().splitlines() for q in line.split(" | ")]


@pytest.fixture(scope="module")
def both():
    with culver.Server() as server:
        for mail in MAILS:
            server.adm("save", "-u", "alice", input=mail)
        server.adm("flags", "add", "-u", "alice", "\\Seen", "uid", "2")
        server.adm("flags", "add", "-u", "alice", "\\Flagged", "uid", "3")
        server.adm("mailbox", "create", "-u", "alice", "Other")
        other = dovecot.Dovecot()
        target = other.home("alice") / "Maildir"
        shutil.copytree(server.home("alice") / "Maildir", target,
                        ignore=shutil.ignore_patterns("culver*"))
        for path in [other.home("alice"), *other.home("alice").rglob("*")]:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
        other.start()
        yield server, other
        other.stop()
        other.remove()


def uids(done):
    """What a search has found, or None: it was refused."""
    if done.returncode != 0 or b"Panic" in done.stderr:
        return None
    return sorted({int(line.rsplit(b"=", 1)[-1].split()[-1]) for line in done.stdout.splitlines() if line})


def ask(server, program, query):
    return uids(subprocess.run([program, "-c", server.config, "search", "-u", "alice", "mailbox", "INBOX",
                                *shlex.split(query)], capture_output=True, timeout=60))


def answers(both, query):
    server, other = both
    ours = ask(server, os.fspath(culver.PREFIX / "bin" / "culveradm"), query)
    return ours, ask(other, "doveadm", query)


def differing(both, asked):
    return [f"{query}: {ours}, doveadm {theirs}" for query in asked
            for ours, theirs in [answers(both, query)] if ours != theirs or ours is None]


def test_each_key_of_a_part_finds_what_doveadm_finds(both):
    wrong = differing(both, queries(PART_KEYS, "mimepart "))
    assert wrong == [], "\n".join(wrong)


def test_each_other_key_finds_what_doveadm_finds(both):
    wrong = differing(both, queries(OTHER_KEYS))
    assert wrong == [], "\n".join(wrong)


def test_what_doveadm_refuses_is_refused(both):
    wrong = [query for query in ERRORS if answers(both, query) != (None, None)]
    assert wrong == []


def test_differences_are_those_that_are_listed(both):
    same = [query for query in DIFFERENCES for ours, theirs in [answers(both, query)]
            if ours == theirs or ours is None]
    assert same == []


FOUND = {
    "mimepart header content-id cid1": [1], "mimepart ( index 1 header content-type text/plain )": [1],
    "mimepart body afar": [1, 2], "mimepart ( subtype html body inner )": [1], "mimepart text extra": [1],
    "mimepart ( type multipart body words )": [1, 4], "mimepart ( subtype pdf body words )": [],
    "mimepart ( type text not body afar )": [1, 3, 4], "mimepart ( parent subtype rfc822 )": [1, 4],
    "mimepart ( subtype pdf parent subtype mixed )": [1], "mimepart ( subtype html parent subtype mixed )": [],
    "mimepart ( subtype html parent parent subtype rfc822 )": [1], "mimepart filename contains ü": [3],
    "mimepart filename is GRÜSSE.html": [], "mimepart filename is GRÜßE.HTML": [3],
    "mimepart description Grüße": [4], "mimepart senton 2024-01-01": [1, 4],
    "older 1h": [], "younger 1h": [1, 2, 3, 4],
}


def test_what_doveadm_cannot_find_is_found(both):
    server, _ = both
    program = os.fspath(culver.PREFIX / "bin" / "culveradm")
    assert {query: ask(server, program, query) for query in FOUND} == FOUND


def test_a_guid_that_fetch_shows_is_found(both):
    server, _ = both
    guid = server.adm("-f", "tab", "fetch", "-u", "alice", "guid", "mailbox", "INBOX", "uid", "3").stdout.split()[-1]
    for key in ("guid", "X-GUID"):
        assert ask(server, os.fspath(culver.PREFIX / "bin" / "culveradm"), f"{key} {guid}") == [3]


def test_a_part_decides_what_is_expunged(both):
    server, _ = both
    server.adm("mailbox", "create", "-u", "alice", "Copy")
    server.adm("copy", "-u", "alice", "Copy", "mailbox", "INBOX", "all")
    server.adm("expunge", "-u", "alice", "mailbox", "Copy", "mimepart", "(", "filename", "ends", ".pdf",
               "size", "larger", "4", ")")
    left = server.adm("-f", "tab", "fetch", "-u", "alice", "hdr.subject", "mailbox", "Copy", "all")
    assert left.stdout.splitlines()[1:] == ["Re: two", "html", "four"]
