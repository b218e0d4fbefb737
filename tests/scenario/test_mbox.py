"""Mailboxes that are mbox files: LMTP and IMAP on them, beside a delivery
agent, and Debian's Dovecot on the same files before and after."""
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

import culver
import dovecot

MBOX = "mail_location = mbox:~/mail:INBOX=~/spool/inbox\n"
MAIL = b"From: <a@example.org>\r\nSubject: %s\r\n\r\nbody of %s\r\n"
FOREIGN = ("From mta@example.org Mon Jan  5 10:11:12 2026\n"
           "From: <b@example.org>\nSubject: %s\n\nby the agent\n\n")

needs_dovecot = pytest.mark.skipif(
    shutil.which("doveadm") is None or os.geteuid() != 0,
    reason="needs root and Debian's dovecot")


def fetch(client, items="(UID FLAGS BODY.PEEK[])"):
    """[(uid, {flags}, body)]"""
    found = []
    for part in client.uid("fetch", "1:*", items)[1]:
        if isinstance(part, tuple):
            head = part[0].decode()
            flags = head[head.index("FLAGS (") + 7:].split(")")[0].split()
            found.append((int(head.split("UID ")[1].split()[0]),
                          set(flags) - {"\\Recent"}, part[1]))
    return found


def append_foreign(server, text):
    path = server.home("alice") / "spool" / "inbox"
    with open(path, "a", encoding="ascii") as box:
        box.write(text)


def test_delivery_session_and_agent_share_an_mbox(make_server):
    server = make_server(extra=MBOX)
    for name in (b"one", b"two", b"three"):
        assert server.deliver(MAIL % (name, name)) == {}
    client = server.imap()
    assert client.select()[1] == [b"3"]
    assert client.uid("store", "2", "+FLAGS", r"(\Flagged key)")[0] == "OK"
    append_foreign(server, FOREIGN % "foreign")
    time.sleep(1.2)  # a session looks once a second
    client.noop()
    messages = fetch(client)
    assert [m[0] for m in messages] == [1, 2, 3, 4]
    assert messages[1][1] == {"\\Flagged", "key"}
    assert messages[3][2].endswith(b"Subject: foreign\r\n\r\nby the agent\r\n")
    client.uid("store", "1", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.create("Old/stuff")
    assert client.uid("copy", "2:3", "Old/stuff")[0] == "OK"
    client.logout()
    text = (server.home("alice") / "spool" / "inbox").read_text()
    assert "Subject: one" not in text
    assert "X-Status: F" in text
    client = server.imap()
    client.select()
    assert [m[0] for m in fetch(client)] == [2, 3, 4]
    client.select('"Old/stuff"')
    assert len(fetch(client)) == 2
    client.logout()
    assert "Error" not in server.log


def append_locked(box, text):
    """As a delivery agent does: dotlock, then fcntl, then one write."""
    lock = pathlib.Path(f"{box}.lock")
    for _ in range(3000):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o644))
            break
        except FileExistsError:
            time.sleep(0.002)
    else:
        raise TimeoutError(lock)
    try:
        with open(box, "ab") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            file.write(text.encode())
    finally:
        lock.unlink()


def test_a_mailbox_that_is_locked_for_long_takes_mail(make_server):
    """The account waits for a moment, and what was saved is placed later."""
    server = make_server(extra=MBOX + "mbox_lock_timeout = 4s\n")
    assert server.deliver(MAIL % (b"first", b"first")) == {}
    box = server.home("alice") / "spool" / "inbox"
    lock = pathlib.Path(f"{box}.lock")
    lock.touch()
    begin = time.monotonic()
    assert server.deliver(MAIL % (b"second", b"second")) == {}
    assert time.monotonic() - begin < 20
    assert b"Subject: second" not in box.read_bytes()
    lock.unlink()
    client = server.imap()
    assert client.select()[1] == [b"2"]
    assert [m[0] for m in fetch(client)] == [1, 2]
    client.logout()


class Doveadm:
    """doveadm without a server, as the owner of the mail."""

    def __init__(self, home):
        self.home = home
        self.owner = home.stat()
        self.config = home / "dovecot.conf"
        self.config.write_text(
            f"base_dir = {home}/run\nlog_path = {home}/dovecot.log\n"
            f"mail_location = mbox:{home}/mail:INBOX={home}/spool/inbox"
            f":INDEX={home}/dovecot-index\nmbox_write_locks = fcntl\n"
            "first_valid_uid = 1\nssl = no\n"
            f"mail_uid = {self.owner.st_uid}\n"
            f"mail_gid = {self.owner.st_gid}\n")

    def __call__(self, *words, stdin=""):
        env = dict(os.environ, HOME=str(self.home), USER="alice")
        ids = [f"--reuid={self.owner.st_uid}", f"--regid={self.owner.st_gid}"]
        done = subprocess.run(
            ["setpriv", *ids, "--clear-groups", "doveadm", "-c",
             str(self.config), *words], input=stdin, capture_output=True,
            text=True, env=env, timeout=60, check=False)
        assert done.returncode in (0, 68), done.stderr
        return done.stdout

    def messages(self, box="INBOX"):
        found = []
        out = self("-f", "pager", "fetch", "uid flags text", "mailbox", box,
                   "all")
        for page in out.split("\f"):
            if page.strip():
                head, _, rest = page.partition("\ntext:\n")
                fields = dict(line.partition(":")[::2]
                              for line in head.strip().splitlines())
                found.append((int(fields["uid"]),
                              set(fields["flags"].split()) - {"\\Recent"},
                              rest.replace("\r", "").rstrip("\n")))
        return found


@needs_dovecot
def test_dovecot_before_and_after(make_server):
    server = make_server(extra=MBOX)
    assert server.deliver(MAIL % (b"first", b"first")) == {}
    client = server.imap()
    client.select()
    client.append("INBOX", r"(\Seen \Answered word)", None,
                  b"Subject: two\r\n\r\nFrom x@y Mon Jan  5 10:11:12 2026\r\n"
                  b"no quotes\r\n")
    client.append("INBOX", None, None, MAIL % (b"three", b"three"))
    client.noop()
    ours = fetch(client)
    validity = client.response("UIDVALIDITY")
    client.logout()
    server.stop()
    shutil.rmtree(server.home("alice") / "dovecot-index", ignore_errors=True)
    doveadm = Doveadm(server.home("alice"))
    theirs = doveadm.messages()
    assert [m[0] for m in theirs] == [m[0] for m in ours] == [1, 2, 3]
    for mine, other in zip(ours, theirs):
        assert mine[1] == other[1]
        assert mine[2].decode().replace("\r", "").rstrip("\n") == other[2]
    doveadm("flags", "add", r"\Flagged $Work", "mailbox", "INBOX", "uid", "1")
    doveadm("expunge", "mailbox", "INBOX", "uid", "3")
    doveadm("save", "-m", "INBOX", stdin="Subject: dove\n\nby dovecot\n")
    theirs = doveadm.messages()
    server.start()
    client = server.imap()
    client.select()
    again = fetch(client)
    assert client.response("UIDVALIDITY") == validity or validity[1] == [None]
    assert [m[0] for m in again] == [m[0] for m in theirs] == [1, 2, 4]
    for mine, other in zip(again, theirs):
        assert mine[1] == other[1]
        assert mine[2].decode().replace("\r", "").rstrip("\n") == other[2]
    client.logout()


@needs_dovecot
def test_uids_ascend_as_messages_lie_in_the_file(make_server):
    """Beside an agent that never stops, LMTP and a session; Dovecot finds the same UIDs."""
    server = make_server(extra=MBOX)
    assert server.deliver(MAIL % (b"first", b"first")) == {}
    box = server.home("alice") / "spool" / "inbox"
    client = server.imap()
    client.select()
    stop = threading.Event()
    written, delivered, ours = [], [], 0

    def agent():
        while not stop.is_set() and len(written) < 2000:
            append_locked(box, FOREIGN % f"agent-{len(written)}")
            written.append(None)
            time.sleep(0.003)

    def deliverer():
        while not stop.is_set() and len(delivered) < 2000:
            assert server.deliver(MAIL % (b"lmtp-%d" % len(delivered), b"them")) == {}
            delivered.append(None)

    threads = [threading.Thread(target=agent), threading.Thread(target=deliverer)]
    for thread in threads:
        thread.start()
    try:
        while len(written) < 60 and ours < 1500:
            assert client.append("INBOX", None, None, MAIL % (
                b"ours-%d" % ours, b"us"))[0] == "OK"
            if ours % 10 == 0:
                assert client.uid("copy", "1", "INBOX")[0] == "OK"
            ours += 1
            time.sleep(ours % 7 / 1000)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    client.logout()
    client = server.imap()
    client.select()
    uids = {}
    for uid, _, body in fetch(client):
        uids.setdefault(re.search(rb"Subject: (\S+)", body)[1], []).append(uid)
    client.logout()
    lying = re.findall(rb"^Subject: (\S+)$", box.read_bytes(), re.M)
    assert len(lying) == 1 + ours + (ours + 9) // 10 + len(written) + len(delivered)
    order = [uids[name].pop(0) for name in lying]
    wrong = [(lying[i - 2:i + 2], order[i - 2:i + 2])
             for i in range(1, len(order)) if order[i] < order[i - 1]]
    assert not wrong
    assert not pathlib.Path(f"{box}.lock").exists()
    assert "Error" not in server.log
    server.stop()
    theirs = Doveadm(server.home("alice")).messages()
    assert [m[0] for m in theirs] == order
    assert [re.search(r"Subject: (\S+)", m[2])[1].encode() for m in theirs] == lying


# --- a spool that only a group can write -------------------------------------

needs_procmail = pytest.mark.skipif(
    shutil.which("procmail") is None or os.geteuid() != 0,
    reason="needs root and procmail")


@pytest.fixture(name="spool")
def make_spool():
    with tempfile.TemporaryDirectory(prefix="culver-spool-") as top:
        os.chmod(top, 0o755)
        spool = pathlib.Path(top, "mail")
        spool.mkdir()
        shutil.chown(spool, "root", "mail")
        spool.chmod(0o2775)
        yield spool


def spool_location(spool):
    return f"mail_location = mbox:~/mail:INBOX={spool}/%n\n"


def procmail(spool, number):
    """As the user, with the spool's group: a copy that does not give the
    group back because it was not installed with it."""
    agent = spool.parent / "procmail"
    if not agent.exists():
        shutil.copyfile(shutil.which("procmail"), agent)
        agent.chmod(0o755)
    rules = spool.parent / "procmailrc"
    rules.write_text(f"UMASK=077\nLOCKSLEEP=1\n:0:\n{spool}/alice\n")
    subprocess.run(
        ["setpriv", f"--reuid={culver.MAIL_USER}", "--regid=mail",
         "--clear-groups", agent, "-f", "mta@example.org",
         "-m", rules],
        input=b"Subject: agent %d\n\nby procmail\n" % number, check=True,
        timeout=60)


@needs_procmail
@pytest.mark.parametrize("setting", [
    "mail_privileged_group = mail\n",
    "service imap {\n  privileged_group = mail\n}\n"
    "service deliver {\n  privileged_group = mail\n}\n"], ids=["mail", "service"])
def test_lock_files_in_a_spool_are_made_with_its_group(make_server, spool, setting):
    server = make_server(extra=spool_location(spool) + setting)
    assert server.deliver(MAIL % (b"first", b"first")) == {}
    assert (spool / "alice").owner() == culver.MAIL_USER

    def agent():
        for number in range(15):
            procmail(spool, number)

    delivering = threading.Thread(target=agent)
    client = server.imap()
    client.select()
    delivering.start()
    saved = 0
    while delivering.is_alive() or saved < 8:
        assert client.append("INBOX", r"(\Seen)", None, MAIL % (
            b"ours %d" % saved, b"us"))[0] == "OK"
        saved += 1
        if saved % 4 == 0:
            # rewrites the file
            client.noop()
            assert client.uid("store", "1", "+FLAGS", r"(\Deleted)")[0] == "OK"
            client.expunge()
        # procmail looks for the lock once a second or more rarely
        time.sleep(0.05)
    delivering.join()
    client.logout()
    client = server.imap()
    client.select()
    subjects = [line for message in fetch(client)
                for line in message[2].splitlines()
                if line.startswith(b"Subject: ")]
    assert saved >= 4 and b"Subject: first" not in subjects
    assert sorted(s for s in subjects if b"agent" in s) == sorted(
        b"Subject: agent %d" % n for n in range(15))
    assert [s for s in subjects if b"ours" in s] == [
        b"Subject: ours %d" % n for n in range(saved)]
    client.logout()
    assert [p.name for p in spool.iterdir()] == ["alice"]
    assert "Error" not in server.log


def test_without_the_group_a_spool_cannot_be_locked(make_server, spool):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    server = make_server(extra=spool_location(spool))
    box = spool / "alice"
    box.write_text(FOREIGN % "waiting")
    shutil.chown(box, culver.MAIL_USER, "mail")
    client = server.imap()
    assert client.select()[0] == "NO"
    client.logout()
    assert box.read_text() == FOREIGN % "waiting"
    assert "set mail_privileged_group" in server.log


# --- Dovecot takes over --------------------------------------------------------


@needs_dovecot
def test_an_emptied_mbox_says_which_uids_it_had():
    """Else the next server gives them again, to other messages."""
    ours = culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", "mbox:~/mail"))
    theirs = dovecot.Dovecot(config=dovecot.CONFIG.replace("maildir:~/Maildir", "mbox:~/mail").replace(
        "home={dir}/home/%n", f"home={ours.dir}/home/%n"))

    def numbers(client):
        text = client.status("Work", "(UIDVALIDITY UIDNEXT MESSAGES)")[1][0].decode()
        words = text[text.index("(") + 1:-1].split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def change(client):
        """Another message, which then is removed with all others."""
        assert client.append("Work", r"(\Seen word)", None, MAIL % (b"x", b"x"))[0] == "OK"
        assert client.select("Work") == ("OK", [b"1"])
        assert client.uid("store", "1:*", "+FLAGS", r"(\Deleted)")[0] == "OK"
        assert client.expunge()[0] == "OK"
        assert client.close()[0] == "OK"
        return numbers(client)

    try:
        ours.start()
        client = ours.imap()
        assert client.create("Work")[0] == "OK"
        seen = change(client)
        for _ in range(2):
            seen = change(client)
        assert seen["UIDNEXT"] == 4 and seen["MESSAGES"] == 0
        client.logout()
        ours.stop()
        for _ in range(2):
            # what the file says, and no index
            shutil.rmtree(ours.home("alice") / "mail" / ".imap" / "Work", ignore_errors=True)
            theirs.start()
            client = theirs.imap()
            assert numbers(client) == seen
            seen = change(client)
            client.logout()
            theirs.stop()
    finally:
        for server in ours, theirs:
            server.stop()
            server.remove()


@needs_dovecot
@pytest.mark.parametrize("asleep", [True, False], ids=["stopped", "session open"])
def test_uids_that_dovecot_gave_meanwhile_stay(make_server, asleep):
    """It goes on where it was, and so do we: no UID is given twice, whoever gave it."""
    server = make_server(extra=MBOX)
    assert server.deliver(MAIL % (b"m1", b"ours")) == {}
    client = server.imap()
    client.select()
    doveadm = Doveadm(server.home("alice"))

    def save(name):
        doveadm("save", "-m", "INBOX", stdin=f"Subject: {name}\n\nby dovecot\n")

    def names(messages):
        return {uid: re.search(r"Subject: (\S+)", body if isinstance(body, str)
                               else body.decode())[1] for uid, _, body in messages}

    def agree():
        """What we say; what it says is the same."""
        nonlocal client
        theirs = names(doveadm.messages())
        for _ in range(100):
            if asleep:
                client = server.imap()
                client.select()
            client.noop()
            ours = names(fetch(client))
            if asleep:
                client.logout()
            # an open session looks at the file once a second
            if asleep or ours == theirs:
                break
            time.sleep(0.1)
        assert ours == theirs
        return ours

    if asleep:
        client.logout()
    assert agree() == {1: "m1"}
    for name in "m2", "m3", "m4":
        save(name)
    assert list(agree()) == [1, 2, 3, 4]
    # 5 is given to a message that we never see
    save("m5")
    doveadm("expunge", "mailbox", "INBOX", "uid", "5")
    save("m6")
    assert agree() == {1: "m1", 2: "m2", 3: "m3", 4: "m4", 6: "m6"}
    assert server.deliver(MAIL % (b"m7", b"ours")) == {}
    assert agree()[7] == "m7"
    # of those that are gone on either side none comes back
    save("m8")
    doveadm("expunge", "mailbox", "INBOX", "uid", "8")
    assert server.deliver(MAIL % (b"m9", b"ours")) == {}
    assert agree()[9] == "m9"
    assert "Error" not in server.log
