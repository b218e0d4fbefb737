"""A folder that may not be entered: the others are listed, and it is not taken for one
that is gone."""
import os
import pathlib
import re
import shutil

import pytest

import culver

# each: where the directory, or file, of "Shut" is, and which part of it is shut
LOCATIONS = {
    "maildir:~/box": "box/.Shut",
    "maildir:~/box:LAYOUT=fs": "box/Shut",
    "maildir:~/box:LAYOUT=fs:DIRNAME=mail": "box/Shut/mail",
    "sdbox:~/box": "box/mailboxes/Shut",
    "sdbox:~/box:DIRNAME=mail": "box/mailboxes/Shut/mail",
    "mdbox:~/box": "box/mailboxes/Shut/dbox-Mails",
    "mdbox:~/box:INDEX=~/index": "box/mailboxes/Shut",
    "mbox:~/box:INBOX=~/inbox": "box/Shut",
}
MAIL = b"Subject: %d\r\n\r\nbody\r\n"
CONFIG = culver.CONFIG.replace("    auto = subscribe\n", "")


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def names(client):
    return sorted(line.split()[-1].decode().strip('"') for line in ok(client.list()) if b"\\Noselect" not in line)


def told(server):
    return [line for line in server.log.splitlines() if re.search(r"may not be entered|is not listed", line)]


@pytest.mark.skipif(not culver.IS_ROOT, reason="sessions run as a user of their own")
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_shut_folder_is_passed_over_and_stays(location):
    leaves = location.startswith("mbox")
    with culver.Server(config=CONFIG, extra=f"mail_location = {location}\n") as server:
        client = server.imap()
        every = ["INBOX", "Open", "Shut"] + ([] if leaves else ["Shut/Deep"])
        for name in every[1:]:
            ok(client.create(name))
            for number in range(2):
                ok(client.append(name, None, None, MAIL % number))
        assert names(client) == every
        client.logout()
        items = ("-u", "alice", "messages uidvalidity uidnext guid", "*")
        before = server.adm("mailbox", "status", *items).stdout
        home = pathlib.Path(server.home("alice"))
        shut = home / LOCATIONS[location]
        mode = shut.stat().st_mode & 0o777
        os.chmod(shut, 0)
        # known already: it is listed, and neither it nor what is below it is forgotten
        for _ in range(2):
            client = server.imap()
            assert names(client) == every
            ok(client.create("More"))
            assert names(client) == every[:1] + ["More"] + every[1:]
            ok(client.append("More", None, None, MAIL % 9))
            ok(client.delete("More"))
            client.logout()
        # not known yet: it is not listed, and all others are
        server.stop()
        for path in ("culver", "cur/.culver", "mail/culver", ".imap"):
            shutil.rmtree(home / "box" / path, ignore_errors=True)
        shutil.rmtree(home / "index", ignore_errors=True)
        server.start()
        lines = len(told(server))
        client = server.imap()
        for _ in range(3):
            assert [name for name in names(client) if not name.startswith("Shut")] == ["INBOX", "Open"]
        assert "Shut" not in names(client)
        ok(client.select("Open"))
        client.logout()
        assert len(told(server)) == lines + 1, told(server)
        assert "Shut" in told(server)[-1]
        if location.startswith("mdbox"):
            # whose messages there are is not known
            assert server.adm("purge", "-u", "alice", check=False).returncode != 0
        # open again: with all its mail
        os.chmod(shut, mode)
        client = server.imap()
        assert names(client) == every
        for name in every[1:]:
            assert ok(client.select(name)) == [b"2"]
        client.logout()
        assert re.findall(r"^\S+", before, re.M) == re.findall(
            r"^\S+", server.adm("mailbox", "status", *items).stdout, re.M)


@pytest.mark.skipif(not culver.IS_ROOT, reason="sessions run as a user of their own")
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_folder_that_was_shut_for_a_while_keeps_its_numbers(location):
    with culver.Server(config=CONFIG, extra=f"mail_location = {location}\n") as server:
        client = server.imap()
        for name in ("Open", "Shut"):
            ok(client.create(name))
            ok(client.append(name, None, None, MAIL % 1))
        client.logout()
        items = ("-u", "alice", "messages uidvalidity uidnext guid", "*")
        before = server.adm("mailbox", "status", *items).stdout
        shut = pathlib.Path(server.home("alice")) / LOCATIONS[location]
        mode = shut.stat().st_mode & 0o777
        os.chmod(shut, 0)
        client = server.imap()
        assert "Shut" in names(client)
        ok(client.append("Open", None, None, MAIL % 2))
        ok(client.create("More"))
        ok(client.delete("More"))
        assert "Shut" in names(client)
        client.logout()
        server.adm("mailbox", "list", "-u", "alice")
        os.chmod(shut, mode)
        after = server.adm("mailbox", "status", *items).stdout
        assert [line for line in after.splitlines() if line.startswith("Shut")] == \
            [line for line in before.splitlines() if line.startswith("Shut")]
