"""Symbolic links in a user's mail are never followed [security.md F1]: whoever
makes one reads no other user's mail by it.  What is passed over is told."""
import os
import shutil

import pytest

import culver

MAIL = b"Subject: %s\r\n\r\nbody\r\n"
# mail_location, and where the mailbox "name" lies below it
PLACES = {
    "maildir:~/mail": ".{}",
    "maildir:~/mail:LAYOUT=fs": "{}",
    "sdbox:~/mail": "mailboxes/{}",
    "mdbox:~/mail": "mailboxes/{}",
    "mbox:~/mail": "{}",
}


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def listed(client):
    return {line.split()[-1].decode() for line in ok(client.list())}


def copy_of(source, target):
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


@pytest.mark.parametrize("location", PLACES)
def test_no_mailbox_is_reached_by_a_link(location, tmp_path):
    with culver.Server(extra=f"mail_location = {location}\n") as server:
        mail = server.home("alice") / "mail"
        client = server.imap()
        ok(client.create("other"))
        ok(client.append("other", None, None, MAIL % b"one"))
        client.logout()
        outside = tmp_path / "outside"
        source = mail / PLACES[location].format("other")
        copy_of(source, outside)
        for name, target in (("out", outside), ("again", source.name), ("loop", None)):
            link = mail / PLACES[location].format(name)
            link.symlink_to(target or link.name)
            os.utime(mail)
        before = sorted(path.name for path in outside.rglob("*"))
        client = server.imap()
        assert listed(client) == {"INBOX", "Trash", "other"}
        for name in ("out", "again", "loop"):
            assert client.select(name)[0] == "NO"
            assert client.append(name, None, None, MAIL % b"two")[0] == "NO"
            assert client.rename(name, "gone")[0] == "NO"
            assert client.delete(name)[0] == "NO"
        assert client.create("out")[0] == "NO"
        assert ok(client.select("other")) == [b"1"]
        client.logout()
        assert sorted(path.name for path in outside.rglob("*")) == before
        assert "is a symbolic link and not followed" in server.log
        assert ", nor are 2 more like it" in server.log
        assert server.log.count("is a symbolic link") == 1


@pytest.mark.parametrize("location", PLACES)
def test_the_tree_itself_may_be_linked(location):
    """It is the admin's."""
    with culver.Server(extra=f"mail_location = {location}\n") as server:
        home = server.home("alice")
        client = server.imap()
        ok(client.create("other"))
        client.logout()
        server.stop()
        (home / "mail").rename(home / "elsewhere")
        (home / "mail").symlink_to("elsewhere")
        server.start()
        server.deliver(MAIL % b"one")
        client = server.imap()
        assert "other" in listed(client)
        assert ok(client.select("INBOX")) == [b"1"]
        client.logout()
