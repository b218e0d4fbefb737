"""LAYOUT=fs: folders that are directories among those of their children, and
what is found of a removal that was broken off."""
import os
import shutil
import subprocess

import pytest

import culver
import dovecot
from test_dbox import MAIL, ok

FS = "maildir:~/Maildir:LAYOUT=fs"
needs_strace = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("strace") is None,
                                  reason="needs root and strace")


def config(location, text=culver.CONFIG):
    return text.replace("maildir:~/Maildir", location)


def names(client):
    return sorted(line.decode().rpartition(' "/" ')[2].strip('"') for line in client.list()[1])


def delete_killed(server, calls, when):
    """culveradm deletes Work, and is killed in the when-th of these calls."""
    ended = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}",
         "-e", f"inject={calls}:signal=KILL:when={when}",
         culver.PREFIX / "bin/culveradm", "-c", server.config, "mailbox", "delete", "-u", "alice", "Work"],
        capture_output=True, text=True, timeout=60)
    return "killed by signal 9" in ended.stderr


@needs_strace
@pytest.mark.parametrize("children", [False, True])
@pytest.mark.parametrize("dirname", ["", ":DIRNAME=mBoX"])
def test_a_removal_that_was_killed_leaves_a_folder_or_nothing(make_server, dirname, children):
    """Whatever it was at: Work is there, and can be removed, or a new one of its
    name has no message of the old one; and no directory stays without one."""
    server = make_server(config=config(FS + dirname))
    root = server.home("alice") / "Maildir"
    calls = "renameat2,renameat,rename,unlinkat,unlink,rmdir,mkdirat,mkdir"
    for when in range(1, 30):
        client = server.imap()
        ok(client.create("Work"))
        if children:
            ok(client.create("Work/Child"))
            ok(client.append("Work/Child", None, None, MAIL % (1, 1)))
        for n in range(2):
            ok(client.append("Work", None, None, MAIL % (n, n)))
        ok(client.select("Work"))
        ok(client.append("Work", None, None, MAIL % (9, 9)))
        client.logout()
        killed = delete_killed(server, calls, when)
        # as if a minute had gone by
        for trash in root.rglob("*culver-trashed"):
            for entry in trash.iterdir():
                entry.rename(trash / "culver-60000000-1")
        client = server.imap()
        listed = names(client)
        assert ("Work/Child" in listed) == children, (when, listed)
        if client.create("Work")[0] == "OK":
            assert client.select("Work")[1] == [b"0"], when
            ok(client.close())
        else:
            ok(client.select("Work"))
            ok(client.close())
        ok(client.delete("Work"))
        if children:
            assert ok(client.select("Work/Child")) == [b"1"]
            ok(client.close())
            ok(client.delete("Work/Child"))
        client.list()
        client.logout()
        left = [str(path.relative_to(root)) for path in root.rglob("*")
                if "trash" in path.name.lower() or path.name.startswith("Work")]
        assert left == [], (when, left)
        if not killed:
            break
    assert not killed and when > 5, "one that was not killed is the last"


@pytest.mark.parametrize("lost", ["new", "tmp"])
@pytest.mark.parametrize("location", ["maildir:~/Maildir", FS])
def test_directories_that_a_backup_has_lost_are_made_again(make_server, location, lost):
    server = make_server(config=config(location))
    client = server.imap()
    ok(client.create("Work"))
    ok(client.append("Work", None, None, MAIL % (1, 1)))
    assert ok(client.select("Work")) == [b"1"]
    client.logout()
    path = server.home("alice") / "Maildir" / ("Work" if location == FS else ".Work")
    for file in (path / "new").iterdir():
        file.rename(path / "cur" / (file.name + ":2,"))
    shutil.rmtree(path / lost)
    client = server.imap()
    assert ok(client.select("Work")) == [b"1"]
    ok(client.append("Work", None, None, MAIL % (2, 2)))
    assert b"Subject: 2" in client.fetch("2", "BODY.PEEK[]")[1][0][1]
    client.logout()
    assert (path / lost).is_dir()


# --- what Dovecot lists of ours ---------------------------------------------------

LOCATIONS = [
    "maildir:~/Maildir", FS, FS + ":DIRNAME=mBoX", FS + ":INBOX=~/inbox",
    "mbox:~/Maildir", "sdbox:~/Maildir", "mdbox:~/Maildir",
    "mbox:~/Maildir:DIRNAME=mBoX:INDEX=~/index",
]


@pytest.mark.skipif(not dovecot.available(), reason="needs root and Debian's Dovecot")
@pytest.mark.parametrize("location", LOCATIONS)
def test_dovecot_lists_nothing_that_is_ours(location):
    """After a rollback a user has the mailboxes there were, and no more."""
    ours = culver.Server(config=config(location))
    theirs = dovecot.Dovecot(config=config(location, dovecot.CONFIG).replace(
        "home={dir}/home/%n", f"home={ours.dir}/home/%n"))
    try:
        ours.start()
        client = ours.imap()
        ok(client.create("Work"))
        for name in "INBOX", "Work":
            for n in range(3):
                ok(client.append(name, None, None, MAIL % (n, n)))
        ok(client.create("Gone"))
        ok(client.delete("Gone"))
        listed = names(client)
        client.logout()
        ours.stop()
        # what somebody killed was at
        for trash in ours.home("alice").rglob("*culver-trashed*"):
            assert trash == "", "a removal that has ended leaves nothing"
        theirs.start()
        client = theirs.imap()
        assert names(client) == sorted(listed)
        # messages of our own dbox files it reads after a conversion
        for name in () if "dbox" in location else ("INBOX", "Work"):
            assert ok(client.select(name)) == [b"3"]
        client.logout()
        assert "Error" not in theirs.log
    finally:
        for server in ours, theirs:
            server.stop()
            server.remove()


def test_an_account_of_an_older_tree_stays_where_it_is(make_server):
    server = make_server(config=config(FS))
    root = server.home("alice") / "Maildir"
    client = server.imap()
    for n in range(3):
        ok(client.append("INBOX", None, None, MAIL % (n, n)))
    ok(client.select("INBOX"))
    ok(client.uid("store", "1:2", "FLAGS", "(\\Flagged)"))
    ok(client.uid("store", "3", "FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    before = ok(client.status("INBOX", "(UIDVALIDITY UIDNEXT HIGHESTMODSEQ)"))
    client.logout()
    server.stop()
    (root / "cur/.culver").rename(root / ".culver")
    server.start()
    client = server.imap()
    assert ok(client.status("INBOX", "(UIDVALIDITY UIDNEXT HIGHESTMODSEQ)")) == before
    assert names(client) == ["Drafts", "INBOX", "Trash"] or ".culver" not in names(client)
    client.logout()
    assert not (root / "cur/.culver").exists()
