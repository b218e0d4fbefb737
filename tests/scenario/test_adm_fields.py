"""What culveradm shows: the fields of fetch and mailbox status that doveadm
has, JSON of every verb, exit statuses for names that are none."""
import json
import shutil
import subprocess
import time

import pytest

import culver
import dovecot

MIXED = """\
From: =?utf-8?q?J=C3=B6rg?= <j@example.org>
To: b@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-ID: <1@x>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe from  afar,
and more=
 text
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGh0bWw+PGJvZHk+PHA+SGVsbG8gPGI+ZnJpZW5kPC9iPjwvcD48L2JvZHk+PC9odG1sPgo=
--b
Content-Type: application/octet-stream; name=x.bin
Content-Disposition: attachment; filename=x.bin
Content-Transfer-Encoding: base64

AAECA/8K
--b--
"""
PLAIN = "From: b@example.org\nSubject: Re: two\nIn-Reply-To: <1@x>\n\nplain second\nmail\n"
ODD = "Subject: odd\nContent-Type: text/plain\nContent-Transfer-Encoding: x-new\n\nwhat is it\n"
UTF8 = """\
From: Jörg <j@example.org>
To: b@example.org
Subject: Grüße
Message-ID: <1@x>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Grüße from  afar,
and more textContent-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

<html><body><p>Hello <b>friend</b></p></body></html>
Content-Type: application/octet-stream; name=x.bin
Content-Disposition: attachment; filename=x.bin
Content-Transfer-Encoding: base64

\x00\x01\x02\x03\ufffd
"""

needs_dovecot = pytest.mark.skipif(not dovecot.available(),
                                   reason="needs Debian's Dovecot and root")


@pytest.fixture(scope="module")
def mail():
    with culver.Server() as server:
        for message in (MIXED, PLAIN):
            server.adm("save", "-u", "alice", input=message)
        yield server


@pytest.fixture(scope="module")
def other(mail):
    """Debian's Dovecot on a copy of alice's Maildir."""
    server = dovecot.Dovecot()
    target = server.home("alice") / "Maildir"
    shutil.copytree(mail.home("alice") / "Maildir", target, ignore=shutil.ignore_patterns("culver*"))
    for path in [server.home("alice"), *server.home("alice").rglob("*")]:
        shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
    server.start()
    yield server
    server.stop()
    server.remove()


def doveadm(server, *words):
    done = subprocess.run(["doveadm", "-c", server.config, *words], capture_output=True)
    return done.returncode, done.stdout


def fetch(mail, field, *query):
    done = subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", mail.config, "fetch", "-u", "alice",
                           field, *query], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


FIELDS = ["binary.1", "binary.2", "binary.3", "binary.9", "binary.1.mime", "text.utf8",
          "body.preview", "body.snippet", "body.2", "hdr.subject.utf8"]


@needs_dovecot
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("uid", ["1", "2"])
def test_content_is_shown_as_doveadm_shows_it(mail, other, field, uid):
    status, theirs = doveadm(other, "fetch", "-u", "alice", field, "uid", uid)
    assert status == 0
    ours = fetch(mail, field, "uid", uid)
    # ours ends with a line end, whatever the message ends with
    assert ours in (theirs, theirs + b"\n")


def test_a_part_is_shown_byte_for_byte(mail):
    assert fetch(mail, "binary.3", "uid", "1") == b"binary.3:\n\x00\x01\x02\x03\xff\n"
    assert fetch(mail, "binary.1", "uid", "1") == \
        b"binary.1:\nGr\xfc\xdfe from  afar,\r\nand more text\n"


def test_the_whole_message_can_be_read(mail):
    assert fetch(mail, "text.utf8", "uid", "1").decode() == "text.utf8:\n" + UTF8.replace("afar,\n", "afar,\r\n")


def test_an_encoding_that_nobody_knows_is_said_and_the_rest_goes_on(mail):
    mail.adm("save", "-u", "bob", input=ODD)
    mail.adm("save", "-u", "bob", input=PLAIN)
    done = mail.adm("-f", "json", "fetch", "-u", "bob", "uid binary.1 text.utf8", "ALL", check=False)
    rows = json.loads(done.stdout)
    assert done.returncode != 0 and "bob" in done.stderr
    assert rows[0]["binary.1"] == "" and rows[0]["text.utf8"].endswith("what is it\n")
    assert rows[1]["binary.1"] == "plain second\r\nmail\r\n"
    done = mail.adm("fetch", "-u", "bob", "binary", "ALL", check=False)
    assert done.returncode == 75 and "needs a section" in done.stderr


def test_status_tells_when_the_first_message_was_saved(mail):
    mail.adm("mailbox", "create", "-u", "alice", "Empty")
    rows = json.loads(mail.adm("-f", "json", "mailbox", "status", "-u", "alice",
                               "messages firstsaved", "INBOX", "Empty").stdout)
    assert rows[1] == {"mailbox": "Empty", "messages": "0", "firstsaved": "never"}
    assert rows[0]["messages"] == "2" and abs(int(rows[0]["firstsaved"]) - time.time()) < 600
    assert "firstsaved=" in mail.adm("mailbox", "status", "-u", "alice", "all", "INBOX").stdout
    done = mail.adm("mailbox", "status", "-t", "-u", "alice", "firstsaved", "INBOX", check=False)
    assert done.returncode == 64
    assert "firstsaved" not in mail.adm("mailbox", "status", "-t", "-u", "alice", "all", "*").stdout


def rows_of(mail, *words, **kw):
    return json.loads(mail.adm("-f", "json", *words, **kw).stdout)


def test_a_list_of_users_can_be_json(make_server):
    config = culver.CONFIG.replace(
        "driver = static\n  args = uid={mail_user} gid={mail_group} home={dir}/home/%n",
        "driver = passwd-file\n  args = {dir}/users\n"
        "  override_fields = uid={mail_user} gid={mail_group} home={dir}/home/%n")
    server = make_server(config=config)
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret:1000:1000::/nowhere::\n" for name in ("alice", "bob")))
    assert sorted(row["username"] for row in rows_of(server, "user", "*")) == ["alice", "bob"]
    assert rows_of(server, "user", "x*", check=False) == []
    assert server.adm("user", "*").stdout.split() == \
        server.adm("-f", "flow", "user", "*").stdout.split()


def test_every_answer_about_users_can_be_json(mail):
    both = rows_of(mail, "user", "alice", "bob")
    assert [row["value"] for row in both if row["field"] == "home"] == [
        str(mail.home("alice")), str(mail.home("bob"))]
    assert mail.adm("-f", "json", "user", "alice", "*", check=False).returncode == 64
    assert rows_of(mail, "auth", "lookup", "alice", "bob") == [
        {"username": name, "field": "user", "value": name} for name in ("alice", "bob")]
    assert rows_of(mail, "auth", "lookup", "-f", "user", "alice") == [
        {"username": "alice", "field": "user", "value": "alice"}]
    assert rows_of(mail, "auth", "test", "alice", "secret")[0] == {
        "username": "alice", "field": "auth", "value": "succeeded"}
    done = mail.adm("-f", "json", "auth", "test", "alice", "wrong", check=False)
    assert done.returncode == 77
    assert json.loads(done.stdout)[0]["value"] == "failed"
    assert {"scheme": "SHA512-CRYPT", "weak": "no"} in rows_of(mail, "pw", "-l")


CALLS = [
    ("mailbox", "create", "{}"), ("mailbox", "delete", "{}"), ("mailbox", "status", "messages", "{}"),
    ("mailbox", "rename", "There", "{}"), ("mailbox", "rename", "{}", "Elsewhere"),
    ("copy", "{}", "uid", "1"), ("fetch", "uid", "mailbox", "{}", "ALL"),
]


@needs_dovecot
@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call[:2]))
def test_a_name_that_is_none_is_a_wrong_call_as_with_doveadm(mail, other, call):
    for run in (lambda *w: doveadm(other, *w)[0],
                lambda *w: mail.adm(*w, check=False).returncode):
        run("mailbox", "create", "-u", "alice", "There")
        for name in ("a//b", "/x", "", "../x"):
            words = [word.format(name) for word in call]
            at = 2 if words[0] == "mailbox" else 1
            words[at:at] = ["-u", "alice"]
            assert run(*words) == 64, (words, run)
        assert run("mailbox", "status", "-u", "alice", "messages", "Nowhere") == 68


REPLY = "From: c@example.org\nSubject: else\nMessage-ID: <{n}@x>\nReferences: <1@x>\n\nx\n"
ALONE = "From: d@example.org\nSubject: alone\nMessage-ID: <9@x>\n\nneedle\n"


@pytest.fixture(scope="module")
def threads(mail):
    """In a mailbox of its own: a thread of three, another of one."""
    mail.adm("mailbox", "create", "-u", "alice", "Threads")
    for message in (MIXED, ALONE, REPLY.format(n=3), REPLY.format(n=4)):
        mail.adm("save", "-u", "alice", "-m", "Threads", input=message)
    return mail


@pytest.mark.parametrize("query, uids", [
    ("INTHREAD REFS UID 4", "1 3 4"), ("INTHREAD references SUBJECT alone", "2"),
    ("NOT INTHREAD REFS UID 4", "2"), ("INTHREAD REFS NOT FROM c@example.org", "1 2 3 4"),
    ("INTHREAD REFS ( UID 4 SUBJECT else ) UID 1:3", "1 3"), ("INTHREAD REFS SUBJECT none", ""),
    ("INTHREAD REFS UID 1 FROM c@example.org", "3 4"),
    ("INTHREAD REFS INTHREAD REFS UID 3", "1 3 4"),
    ("INTHREAD ORDEREDSUBJECT UID 3", "3 4"),
    ("( INTHREAD REFS UID 4 OR SUBJECT alone ) NOT UID 1", "2 3 4")])
def test_messages_are_found_with_their_thread(threads, query, uids):
    done = threads.adm("search", "-u", "alice", "mailbox", "Threads", *query.split())
    assert [line.split()[1] for line in done.stdout.splitlines()] == uids.split()


@pytest.mark.parametrize("query", ["INTHREAD", "INTHREAD REFS", "INTHREAD x ALL", "INTHREAD REFS NOT",
                                   "( INTHREAD REFS ) ALL", "INTHREAD REFS ( ALL"])
def test_a_thread_without_a_key_is_refused(threads, query):
    assert threads.adm("search", "-u", "alice", *query.split(), check=False).returncode == 75


def test_a_mailbox_within_a_thread_names_it_for_expunge(threads):
    threads.adm("expunge", "-u", "alice", "INTHREAD", "REFS", "(", "mailbox", "Threads", "UID", "2", ")")
    left = threads.adm("search", "-u", "alice", "mailbox", "Threads", "ALL").stdout
    assert [line.split()[1] for line in left.splitlines()] == ["1", "3", "4"]
    assert threads.adm("expunge", "-u", "alice", "INTHREAD", "REFS", "UID", "2",
                       check=False).returncode == 64
