"""culveradm at the edges: mail that Culver has never opened, names that nobody reads, an index that
is damaged, what is beyond a bound."""
import json
import os
import shutil

import pytest

import culver

MBOX = b"From a@b Mon Jan  1 10:00:00 2001\nSubject: x\n\nbody\n\n" \
       b"From a@b Mon Jan  1 10:00:00 2001\nSubject: y\nStatus: RO\n\nbody two\n\n"
ALICE = ("-u", "alice")


def put(server, files):
    for name, content in files.items():
        path = server.home("alice") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if os.geteuid() == 0:
        for path in [server.home("alice"), *server.home("alice").rglob("*")]:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)


def tree(server):
    return {path: path.stat().st_mtime_ns for path in server.home("alice").rglob("*")}


def test_an_mbox_that_was_never_opened_is_verified(make_server):
    server = make_server(config=culver.CONFIG.replace("maildir:~/Maildir", "mbox:~/mail:INBOX=~/inbox"))
    put(server, {"inbox": MBOX, "mail/Old": MBOX})
    before = tree(server)
    rows = json.loads(server.adm("-f", "json", "verify", *ALICE).stdout)
    assert [(row["mailbox"], row["messages"], row["damaged"]) for row in rows] == [("INBOX", "2", "0"),
                                                                                   ("Old", "2", "0")]
    assert tree(server) == before


def test_an_mbox_that_was_never_opened_is_imported_dry(make_server):
    server = make_server()
    put(server, {"inbox": MBOX, "mail/Old": MBOX})
    before = tree(server)
    source = f"mbox:{server.home('alice')}/mail:INBOX={server.home('alice')}/inbox"
    dry = server.adm("-f", "json", "import", *ALICE, "--dry-run", source, "Imported", "ALL").stdout
    assert json.loads(dry)[0]["saved"] == "4" and tree(server) == before
    real = server.adm("-f", "json", "import", *ALICE, source, "Imported", "ALL").stdout
    assert json.loads(real) == json.loads(dry)


@pytest.mark.parametrize("location", ["maildir:~/Maildir", "mbox:~/mail:INBOX=~/inbox", "sdbox:~/sdbox",
                                      "mdbox:~/mdbox"])
def test_a_user_without_mail_has_none_that_is_damaged(make_server, location):
    server = make_server(config=culver.CONFIG.replace("maildir:~/Maildir", location))
    put(server, {"other": b""})
    before = tree(server)
    done = server.adm("verify", *ALICE)
    assert done.stdout == "" and "no mail yet" in done.stderr and tree(server) == before


def test_a_name_in_plugin_that_nobody_reads_is_told_once(make_server):
    # sieve: of Dovecot, which culverconf tells
    server = make_server(extra="mail_plugins = acl\nplugin {\n acl = vfile\n aclx = vfile\n sieve = ~/x\n}\n")
    put(server, {"other": b""})
    done = server.adm("mailbox", "list", *ALICE)
    assert "INBOX" in done.stdout.splitlines()
    assert done.stderr == "culveradm: Warning: no plugin reads 'aclx' in plugin { } (did you mean 'acl'?)\n"
    assert server.adm("-f", "json", "mailbox", "list", *ALICE).stderr == ""
    two = server.adm("-o", "plugin/zork=1", "mailbox", "list", *ALICE).stderr
    assert two.count("Warning") == 1 and "'aclx', 'zork'" in two and "culverconf" in two
    good = make_server(extra="mail_plugins = acl\nplugin {\n acl = vfile\n sieve = ~/x\n}\n")
    put(good, {"other": b""})
    assert good.adm("mailbox", "list", *ALICE).stderr == ""


def test_force_resync_says_that_it_mended_the_index(make_server):
    server = make_server()
    put(server, {"other": b""})
    for n in range(3):
        server.adm("save", *ALICE, input=f"Subject: {n}\n\nx\n")
    server.adm("flags", "add", *ALICE, r"\Seen", "ALL")
    rows = json.loads(server.adm("-f", "json", "force-resync", *ALICE, "INBOX").stdout)
    assert rows[0]["index"] == "ok"
    folder = server.home("alice") / "Maildir" / "culver"
    journal, = folder.glob("journal.*")
    content = bytearray(journal.read_bytes())
    content[content.index(b",S=")] ^= 0xff  # in the record of a message
    journal.write_bytes(content)
    done = server.adm("-f", "json", "force-resync", *ALICE, "INBOX")
    assert json.loads(done.stdout)[0]["index"] == "mended"
    rows = json.loads(server.adm("-f", "json", "force-resync", *ALICE, "INBOX").stdout)
    assert rows[0]["index"] == "ok" and rows[0]["gone"] == "0"
    assert server.adm("-f", "flow", "fetch", *ALICE, "hdr.subject", "ALL").stdout.count("hdr.subject=") == 3


def test_what_is_beyond_a_bound_ends_with_65(make_server):
    server = make_server()
    put(server, {"other": b""})
    server.adm("save", *ALICE, input="Subject: x\n\nx\n")
    done = server.adm("flags", "add", *ALICE, "k" * 2000, "ALL", check=False)
    assert done.returncode == 65, done.stderr


def test_a_name_that_looks_like_a_home_is_not_made(make_server):
    """Dovecot refuses it, and could not open it after a way back; what has one stays in reach."""
    server = make_server().start()
    with server.imap() as client:
        for name in ("~/x", "~bob", "~"):
            refused = server.adm("mailbox", "create", *ALICE, name, check=False)
            assert refused.returncode == 64 and "begins with '~'" in refused.stderr
            refused = server.adm("mailbox", "rename", *ALICE, "Trash", name, check=False)
            assert refused.returncode == 64 and "begins with '~'" in refused.stderr
            assert client.create(name)[0] == "NO" and b"begins with '~'" in client.create(name)[1][0]
        assert client.create("a~b")[0] == "OK"
    found = server.adm("mailbox", "list", *ALICE).stdout.split()
    assert sorted(found) == ["INBOX", "Trash", "a~b"]
    for folder in ("cur", "new", "tmp"):
        put(server, {f"Maildir/.~old/{folder}/x": b""})
        (server.home("alice") / f"Maildir/.~old/{folder}/x").unlink()
    assert "~old" in server.adm("mailbox", "list", *ALICE).stdout.split()
    assert "~old messages=0" in server.adm("mailbox", "status", *ALICE, "messages", "~old").stdout
    assert server.adm("mailbox", "rename", *ALICE, "~old", "old").returncode == 0


def test_rights_and_names_that_are_none_are_named(make_server):
    server = make_server().start()
    for words, reason in ((("bogus", "lookup"), "'bogus' is nobody (hint: user=bogus, "),
                          (("user=", "lookup"), "'user=' is nobody (hint: user=NAME, "),
                          (("user=bob", "bogus"), "'bogus' is no right"),
                          (("user=bob", "lookup", "raed!"), "'raed!' is no right")):
        refused = server.adm("acl", "set", *ALICE, "INBOX", *words, check=False)
        assert refused.returncode == 64 and reason in refused.stderr
