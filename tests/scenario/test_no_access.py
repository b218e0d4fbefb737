"""Mail that the system does not let the server write, or not even read: a file
system that is mounted read-only, and files that belong to somebody else.
What is known is read, nothing is acknowledged that is not kept, mail that
arrives is kept by whoever sends it, and the log says what has to be mended."""
import contextlib
import os
import shutil
import smtplib
import subprocess

import pytest

import culver

DRIVERS = ["maildir", "sdbox", "mdbox", "mbox"]
# lies in a file from the first, and not in the account
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 5000
MAIL = b"Subject: %s\r\n\r\nbody\r\n"

pytestmark = pytest.mark.skipif(not culver.IS_ROOT, reason="mounts and gives files away")


def ok(answer):
    status, data = answer
    assert status == "OK", data
    return data


def select_read_only(client):
    """How many messages INBOX has."""
    with pytest.raises(client.readonly):
        client.select("INBOX")
    client.is_readonly = True  # else imaplib goes on about it
    return int(client.response("EXISTS")[1][-1])


def tree(server):
    return server.home("alice") / "mail"


def fill(server):
    client = server.imap()
    ok(client.create("other"))
    ok(client.subscribe("other"))
    ok(client.append("other", None, None, LARGE))
    for mailbox in ("INBOX", "other"):
        for n in range(3):
            ok(client.append(mailbox, r"(\Flagged)" if n == 1 else None, None,
                             MAIL % f"{mailbox} {n}".encode()))
    client.logout()
    server.deliver(MAIL % b"delivered")


@pytest.fixture(params=DRIVERS)
def server(request):
    """alice has three messages and one that nobody has seen in INBOX, four in
    other."""
    with culver.Server(extra=f"mail_location = {request.param}:~/mail\n") as one:
        one.driver = request.param
        fill(one)
        yield one
        print(one.log)


def remounted(place, how):
    return subprocess.run(["mount", "-o", f"remount,{how}", place], check=False,
                          capture_output=True, text=True)


@contextlib.contextmanager
def disk(place):
    """place, with what is in it, as a file system of its own."""
    kept = place.with_name("kept")
    shutil.copytree(place, kept, symlinks=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "none", place],
                          check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("cannot mount: " + done.stderr.strip())
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", place], check=True)
        subprocess.run(["chown", "-R", f"{culver.MAIL_USER}:{culver.MAIL_GROUP}", place], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def read_only(server):
    """alice's mail, by new processes of a server that has not seen it."""
    server.stop()
    with disk(tree(server)):
        server.start()
        try:
            assert remounted(tree(server), "ro").returncode == 0
            yield
        finally:
            remounted(tree(server), "rw")
            server.stop()
    server.start()


def reads_all(server):
    client = server.imap()
    names = b"\n".join(ok(client.list()))
    assert b"other" in names and b"INBOX" in names
    assert b"other" in b"\n".join(ok(client.lsub()))
    assert b"MESSAGES 4" in ok(client.status("other", "(MESSAGES UNSEEN)"))[0]
    assert select_read_only(client) == 4
    fetched = ok(client.fetch("1:4", "(UID FLAGS BODY[])"))
    bodies = [part[1] for part in fetched if isinstance(part, tuple)]
    assert bodies[:3] == [MAIL % b"INBOX %d" % n for n in range(3)]
    assert bodies[3].endswith(MAIL % b"delivered")
    flags = [part[0] for part in fetched if isinstance(part, tuple)]
    assert [b"Flagged" in line for line in flags] == [False, True, False, False]
    assert ok(client.search(None, "SUBJECT", "delivered")) == [b"4"]
    assert ok(client.uid("search", "UNSEEN")) != [b""]
    return client


def changes_nothing(client):
    """Not one of these is acknowledged."""
    for answer in (client.store("1", "+FLAGS", r"(\Deleted)"),
                   client.append("other", None, None, MAIL % b"new"),
                   client.copy("1", "other"),
                   client.create("made"), client.delete("other"),
                   client.rename("other", "renamed"),
                   client.subscribe("INBOX"),
                   client.expunge()):
        assert answer[0] == "NO", answer


def refused_for_now(server):
    with pytest.raises(smtplib.SMTPResponseException) as failed:
        server.deliver(MAIL % b"late")
    assert 400 <= failed.value.smtp_code < 500, failed.value


def test_a_read_only_file_system_is_read(server):
    with read_only(server):
        client = reads_all(server)
        changes_nothing(client)
        client.logout()
        refused_for_now(server)
        assert "Read-only file system" in server.log
        assert remounted(tree(server), "rw").returncode == 0
        # nobody stays with what was so once
        client = server.imap()
        ok(client.select("INBOX"))
        ok(client.store("1", "+FLAGS", r"(\Answered)"))
        ok(client.append("INBOX", None, None, MAIL % b"later"))
        client.logout()
        server.deliver(MAIL % b"late")
        client = server.imap()
        assert ok(client.select("INBOX")) == [b"6"]
        client.logout()


def given_away(server, mode):
    subprocess.run(["chown", "-R", "root:root", tree(server)], check=True)
    subprocess.run(["chmod", "-R", mode, tree(server)], check=True)


def given_back(server):
    subprocess.run(["chown", "-R", f"{culver.MAIL_USER}:{culver.MAIL_GROUP}", tree(server)],
                   check=True)


def test_files_of_another_owner_are_read(server):
    given_away(server, "go-w,go+rX")
    client = reads_all(server)
    changes_nothing(client)
    client.logout()
    refused_for_now(server)
    assert "Permission denied (as uid" in server.log
    given_back(server)
    server.deliver(MAIL % b"late")
    client = server.imap()
    assert ok(client.select("INBOX")) == [b"5"]
    client.logout()


def test_files_that_cannot_be_read_are_told(server):
    given_away(server, "go-rwx")
    client = server.imap()
    for answer in (client.list(), client.select("INBOX"), client.status("other", "(MESSAGES)"),
                   client.append("INBOX", None, None, MAIL % b"new")):
        assert answer[0] == "NO"
        assert b"[CONTACTADMIN]" in answer[1][0]
    client.logout()
    told = [line for line in server.log.splitlines() if "Permission denied (as uid" in line]
    assert any("imap(alice)" in line and str(tree(server)) in line for line in told), told
    refused_for_now(server)
    # in a session that is open, too
    given_back(server)
    client = server.imap()
    ok(client.select("INBOX"))
    given_away(server, "go-rwx")
    assert client.append("other", None, None, MAIL % b"new")[0] == "NO"
    client.logout()
    given_back(server)
    client = server.imap()
    assert ok(client.select("INBOX")) == [b"4"]
    ok(client.append("INBOX", None, None, MAIL % b"new"))
    client.logout()


def largest(files):
    return max(files, key=lambda file: file.stat().st_size)


def test_one_file_of_another_owner(server):
    """The rest goes on."""
    if server.driver == "mbox":
        one = tree(server) / "other"
    elif server.driver == "mdbox":
        pytest.skip("mdbox has all mail in one file")
    elif server.driver == "sdbox":
        one = largest((tree(server) / "mailboxes" / "other" / "dbox-Mails").glob("c.*"))
    else:
        one = largest((tree(server) / ".other").glob("[cn][ue][rw]/*"))
    os.chown(one, 0, 0)
    one.chmod(0o600)
    client = server.imap()
    assert ok(client.select("INBOX")) == [b"4"]
    ok(client.store("1", "+FLAGS", r"(\Answered)"))
    # imap_fetch_failure: a session that cannot be told the truth is ended
    with contextlib.suppress(client.error):
        client.select("other")
        client.fetch("1:4", "(BODY.PEEK[])")
    client = server.imap()
    assert ok(client.select("INBOX")) == [b"4"]
    ok(client.append("INBOX", None, None, MAIL % b"new"))
    client.logout()
    assert "Permission denied" in server.log
    given_back(server)
    client = server.imap()
    assert ok(client.select("other")) == [b"4"]
    fetched = ok(client.fetch("1:4", "(BODY.PEEK[])"))
    assert len([part for part in fetched if isinstance(part, tuple)]) == 4
    client.logout()


def test_an_account_in_memory_changes_nothing_either(server):
    """INDEX=MEMORY: what cannot be kept is not acknowledged."""
    location = f"mail_location = {server.driver}:~/mail:INDEX=MEMORY\n"
    server.stop()
    with disk(tree(server)):
        # nobody has known it
        for place in ("culver", ".imap/culver"):
            shutil.rmtree(tree(server) / place, ignore_errors=True)
        remounted(tree(server), "ro")
        server.write_config(extra=location)
        server.start()
        try:
            client = server.imap()
            names = b"\n".join(ok(client.list()))
            assert b"other" in names
            count = select_read_only(client)
            # those that lay in the journal alone are gone with it
            assert count <= 4
            assert b"MESSAGES" in ok(client.status("other", "(MESSAGES)"))[0]
            changes_nothing(client)
            for line in ('SETMETADATA INBOX (/private/comment "x")', "SETACL other bob lr",
                         "MOVE 1 other", "UID EXPUNGE 1:*", "UNSUBSCRIBE other"):
                client.xatom(*line.split(" ", 1))
                assert "OK" not in client.state, line
            client.logout()
            refused_for_now(server)
            assert "INDEX=MEMORY" in server.log
        finally:
            remounted(tree(server), "rw")
            server.stop()
            server.write_config(extra=f"mail_location = {server.driver}:~/mail\n")
    server.start()
