"""culveradm's verbs for users' mail, beside Debian's doveadm on the same
messages."""
import json
import shutil
import subprocess
import time

import pytest

import culver
import dovecot

BODY = "Subject: {subject}\r\nFrom: {sender}\r\nTo: alice@example.org\r\n" \
       "Date: {date}\r\nMessage-ID: <{n}@example.org>\r\n\r\n{body}\r\n"

NO_MAIL = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")


def fill(server):
    """Thirty messages in INBOX and Archive, flags and dates mixed."""
    client = server.imap()
    client.create("Archive")
    client.create("Archive/2007")
    for n in range(30):
        message = BODY.format(
            n=n, subject=f"number {n}" if n % 3 else f"Grüße {n}".encode().decode("latin-1"),
            sender="jane@example.org" if n % 2 else "John Doe <john@example.net>",
            date=time.strftime("%a, %d %b %Y %H:%M:%S +0200", time.gmtime(1176418800 + n * 86400)),
            body="needle here" if n % 5 == 0 else "hay " * n * 10)
        flags = " ".join(f for bit, f in enumerate(
            (r"\Seen", r"\Answered", r"\Flagged", r"\Draft", "work")) if n >> bit & 1)
        client.append(("INBOX", "Archive", "Archive/2007")[n % 3], f"({flags})",
                      imap_date(1176418800 + n * 86400), message.encode("latin-1"))
    client.logout()


def imap_date(seconds):
    return time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(seconds))


@pytest.fixture(scope="module")
def mail():
    # some subjects are of a time before encoded words
    with culver.Server(extra="imap_client_workarounds = append-8bit-headers\n") as server:
        fill(server)
        yield server


def adm(server, *args, **kw):
    return server.adm(*args, **kw).stdout


QUERIES = [
    "ALL", "SEEN", "UNSEEN", "NOT SEEN", "SEEN FLAGGED", "( SEEN OR FLAGGED ) ANSWERED",
    "mailbox INBOX ALL", "mailbox Archive* SEEN", "mailbox INBOX OR mailbox Archive/2007",
    "NOT mailbox INBOX", "LARGER 1k", "SMALLER 300", "LARGER 900B", "UID 1:3,7", "1,3:4,*",
    "BEFORE 2007-04-20", "SINCE 20-Apr-2007", "ON 2007-04-20", "SINCE 1178000000",
    "SAVEDSINCE 1d", "SAVEDBEFORE 1d", "SENTBEFORE 2007-04-20", "SENTON 2007-04-20",
    "SENTSINCE 2007-05-01", "KEYWORD work", "UNKEYWORD work", "SUBJECT grüße",
    "FROM jane", "HEADER Message-ID 7@example", "BODY needle", "TEXT hay", "TO alice",
    "NOT NOT SEEN", "DRAFT OR DELETED", "SINCE 1weeks", "BEFORE 2hours",
]


def ids(output):
    return sorted(line.split()[1] for line in output.splitlines() if line.startswith("hdr.message"))


@NO_MAIL
def test_the_search_language_finds_what_doveadm_finds(mail):
    other = dovecot.Dovecot()
    try:
        shutil.copytree(mail.home("alice") / "Maildir", other.home("alice") / "Maildir",
                        ignore=shutil.ignore_patterns("culver*"))
        shutil.rmtree(other.home("alice") / "Maildir" / "culver", ignore_errors=True)
        for path in [other.home("alice"), *other.home("alice").rglob("*")]:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
        other.start()
        for query in QUERIES:
            args = ["fetch", "-u", "alice", "hdr.message-id", *query.split()]
            theirs = subprocess.run(["doveadm", "-c", other.config, *args],
                                    capture_output=True, text=True, check=True).stdout
            ours = adm(mail, *args)
            assert ids(ours) == ids(theirs), query
        other.stop()
    finally:
        other.remove()


@pytest.mark.parametrize("query", [
    "", "SEEN OR", "OR SEEN", "( SEEN", "SEEN )", "NOT", "SUBJECT", "HEADER x", "UID x",
    "BEFORE tomorrow", "LARGER big", "( )", "SEEN FLAGGED OR DRAFT", "nonsense", "0", "MODSEQ x",
    pytest.param(" ".join(["("] * 200), id="200 parentheses")])
def test_a_wrong_query_is_refused_before_any_mailbox_is_opened(mail, query):
    done = mail.adm("search", "-u", "alice", *query.split(), check=False)
    assert done.returncode == (75 if query else 64) and done.stdout == ""     # as doveadm
    assert "usage: culveradm search" in done.stderr


def test_a_query_in_one_word_gets_a_hint(mail):
    done = mail.adm("search", "-u", "alice", "mailbox INBOX seen", check=False)
    assert done.returncode == 75 and "argument of its own" in done.stderr


def test_fetch_shows_content_and_what_is_known_of_it(mail):
    rows = json.loads(adm(mail, "-f", "json", "fetch", "-u", "alice",
                          "uid seq flags size.virtual size.physical hdr.subject date.received.unixtime "
                          "date.sent text guid mailbox", "mailbox", "INBOX", "UID", "2"))
    assert len(rows) == 1
    row = rows[0]
    assert row["uid"] == "2" and row["seq"] == "2" and row["mailbox"] == "INBOX"
    assert row["flags"].startswith("\\Answered \\Seen")
    assert row["date.received.unixtime"] == str(1176418800 + 3 * 86400)
    assert row["date.sent"] == "2007-04-15 23:00:00 (+0200)"
    assert len(row["guid"]) == 32
    assert row["text"].endswith("hay " * 30 + "\n")
    assert int(row["size.virtual"]) == len(row["text"].encode()) + row["text"].count("\n")


def test_output_formats(mail):
    args = ("fetch", "-u", "alice", "uid hdr.message-id", "mailbox", "INBOX", "UID", "1:2")
    assert adm(mail, *args) == "uid: 1\nhdr.message-id: <0@example.org>\n\f\n" \
        "uid: 2\nhdr.message-id: <3@example.org>\n"
    assert adm(mail, "-f", "flow", *args) == \
        "uid=1 hdr.message-id=<0@example.org>\nuid=2 hdr.message-id=<3@example.org>\n"
    assert adm(mail, "-f", "tab", *args) == \
        "uid\thdr.message-id\n1\t<0@example.org>\n2\t<3@example.org>\n"
    assert adm(mail, "-f", "table", *args).splitlines()[0].split() == ["uid", "hdr.message-id"]


def test_status_and_list(mail):
    assert sorted(adm(mail, "mailbox", "list", "-u", "alice").split()) == \
        ["Archive", "Archive/2007", "INBOX", "Trash"]
    assert adm(mail, "mailbox", "status", "-u", "alice", "messages", "Archive*") == \
        "Archive messages=10\nArchive/2007 messages=10\n"
    assert adm(mail, "mailbox", "status", "-t", "-u", "alice", "messages", "*") == "messages=30\n"
    assert mail.adm("mailbox", "status", "-u", "alice", "messages", "Nowhere",
                    check=False).returncode == 68
    path = adm(mail, "mailbox", "path", "-u", "alice", "Archive/2007").strip()
    assert path == str(mail.home("alice") / "Maildir" / ".Archive.2007")


def test_mailboxes_come_and_go(make_server):
    server = make_server()
    guid = "0123456789abcdef0123456789abcdef"
    adm(server, "mailbox", "create", "-u", "alice", "-s", "-g", guid, "Work")
    adm(server, "mailbox", "create", "-u", "alice", "Work/A", "Work/A/B")
    assert adm(server, "mailbox", "status", "-u", "alice", "guid", "Work") == f"Work guid={guid}\n"
    assert "Work\n" in adm(server, "mailbox", "list", "-s", "-u", "alice")
    assert server.adm("mailbox", "create", "-u", "alice", "Work", check=False).returncode != 0
    adm(server, "mailbox", "rename", "-u", "alice", "Work", "Play")
    assert adm(server, "mailbox", "list", "-u", "alice", "Play*").split() == \
        ["Play", "Play/A", "Play/A/B"]
    adm(server, "mailbox", "unsubscribe", "-u", "alice", "Work")
    assert "Work" not in adm(server, "mailbox", "list", "-s", "-u", "alice")
    adm(server, "mailbox", "delete", "-u", "alice", "-r", "Play")
    assert adm(server, "mailbox", "list", "-u", "alice", "Play*") == ""


def test_messages_are_saved_flagged_moved_and_expunged(make_server, tmp_path):
    server = make_server()
    file = tmp_path / "mail"
    file.write_bytes(b"Subject: saved\nMessage-ID: <s@x>\n\nbody\n")
    adm(server, "mailbox", "create", "-u", "alice", "Archive")
    for _ in range(3):
        adm(server, "save", "-u", "alice", "-r", "2007-04-13", str(file))
    server.adm("save", "-u", "alice", "-m", "Archive", input="Subject: draft\n\ntext\n")
    assert adm(server, "mailbox", "status", "-u", "alice", "messages", "INBOX", "Archive") == \
        "INBOX messages=3\nArchive messages=1\n"
    adm(server, "flags", "-u", "alice", "add", r"\Seen work", "mailbox", "INBOX", "UID", "2")
    assert "flags: \\Seen work\n" in adm(server, "fetch", "-u", "alice", "flags", "SEEN")
    adm(server, "flags", "-u", "alice", "replace", r"\Flagged", "ALL")
    assert adm(server, "search", "-u", "alice", "FLAGGED").count("\n") == 4
    adm(server, "deduplicate", "-u", "alice", "-m", "mailbox", "INBOX")
    adm(server, "copy", "-u", "alice", "Trash", "mailbox", "INBOX")
    adm(server, "move", "-u", "alice", "Trash", "mailbox", "Archive")
    assert adm(server, "mailbox", "status", "-u", "alice", "messages", "INBOX", "Archive", "Trash") \
        == "INBOX messages=1\nArchive messages=0\nTrash messages=2\n"
    refused = server.adm("expunge", "-u", "alice", "SEEN", "OR", "FLAGGED", check=False)
    assert refused.returncode == 64 and "name a mailbox" in refused.stderr
    adm(server, "expunge", "-u", "alice", "mailbox", "Trash", "ALL")
    assert adm(server, "mailbox", "status", "-u", "alice", "messages", "Trash") == \
        "Trash messages=0\n"


def test_metadata_and_identity(make_server):
    server = make_server()
    adm(server, "mailbox", "metadata", "-u", "alice", "set", "INBOX", "/private/Comment", "Hello")
    assert adm(server, "mailbox", "metadata", "-u", "alice", "get", "INBOX",
               "/private/comment") == "value=Hello\n"
    assert adm(server, "mailbox", "metadata", "-u", "alice", "list", "INBOX") == \
        "/private/comment value=Hello\n"
    adm(server, "mailbox", "metadata", "-u", "alice", "unset", "INBOX", "/private/comment")
    assert server.adm("mailbox", "metadata", "-u", "alice", "get", "INBOX", "/private/comment",
                      check=False).returncode == 68
    assert server.adm("mailbox", "metadata", "-u", "alice", "set", "INBOX", "state", "x",
                      check=False).returncode != 0
    server.deliver("Subject: x\r\n\r\nbody\r\n")
    adm(server, "flags", "-u", "alice", "add", "kw", "ALL")
    adm(server, "mailbox", "update", "-u", "alice", "-v", "4242", "-n", "100", "INBOX")
    assert adm(server, "mailbox", "status", "-u", "alice", "messages uidnext uidvalidity",
               "INBOX") == "INBOX messages=1 uidnext=100 uidvalidity=4242\n"
    client = server.imap()
    client.select("INBOX")
    assert client.fetch("1", "(UID FLAGS BODY.PEEK[TEXT])")[1][0] == \
        (b"1 (UID 1 FLAGS (\\Recent kw) BODY[TEXT] {6}", b"body\r\n")
    client.logout()


def test_all_users_and_masks(make_server):
    config = culver.CONFIG.replace(
        "driver = static\n  args = uid={mail_user} gid={mail_group} home={dir}/home/%n",
        "driver = passwd-file\n  args = {dir}/users\n"
        "  override_fields = uid={mail_user} gid={mail_group} home={dir}/home/%n")
    server = make_server(config=config)
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret:1000:1000::/nowhere::\n" for name in ("alice", "bob")))
    for user in ("alice", "bob"):
        server.deliver("Subject: x\r\n\r\nbody\r\n", user)
    out = adm(server, "mailbox", "status", "-A", "messages", "INBOX")
    assert sorted(out.splitlines()) == ["alice INBOX messages=1", "bob INBOX messages=1"]
    assert adm(server, "mailbox", "status", "-u", "b*", "messages", "INBOX") == \
        "bob INBOX messages=1\n"
    listed = json.loads(adm(server, "-f", "json", "search", "-A", "ALL"))
    assert sorted(row["username"] for row in listed) == ["alice", "bob"]
    users = server.dir / "names"
    users.write_text("bob\nnobody-here\n")
    done = server.adm("search", "-F", str(users), "ALL", check=False)
    assert done.returncode == 67 and "nobody-here doesn't exist" in done.stderr
    assert done.stdout.startswith("bob ")


def test_resync_and_index_see_what_others_did(make_server):
    server = make_server()
    server.deliver("Subject: one\r\n\r\nbody\r\n")
    new = server.home("alice") / "Maildir" / "new"
    cur = server.home("alice") / "Maildir" / "cur"
    for n in range(3):
        (new / f"17{n}.foreign").write_text("Subject: foreign\n\nbody\n")
        if culver.IS_ROOT:
            shutil.chown(new / f"17{n}.foreign", culver.MAIL_USER, culver.MAIL_GROUP)
    assert adm(server, "force-resync", "-u", "alice", "INBOX") == "INBOX found=3 gone=0 damaged=0 index=ok\n"
    assert adm(server, "index", "-u", "alice", "INBOX") == "INBOX indexed=3\n"
    for folder in (new, cur):
        for path in folder.glob("*foreign*"):
            path.unlink()
    assert adm(server, "force-resync", "-u", "alice", "INBOX") == "INBOX found=0 gone=3 damaged=0 index=ok\n"
