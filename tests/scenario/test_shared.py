"""Mailboxes of other users: two users of different uids, a broker between
them; and what nobody must learn."""
import os
import re
import shutil
import signal
import threading
import time

import pytest

import culver

pytestmark = pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")

MESSAGE = b"Subject: %s\r\nFrom: a@example.org\r\n\r\nbody of %s\r\n"
UIDS = {"alice": 20001, "bob": 20002, "carol": 20001}
SHARED = """\
namespace shared {
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:%%h/Maildir
  subscriptions = no
  list = children
}
"""


class Shared(culver.Server):
    def __init__(self, extra=SHARED):
        config = re.sub(r"userdb \{\{.*?\n\}\}\n",
                        "userdb {{\n  driver = passwd-file\n"
                        "  args = username_format=%n {dir}/users\n}}\n",
                        culver.CONFIG, flags=re.S)
        self.template = config
        super().__init__(extra, users={u: "secret" for u in UIDS}, config=config)
        (self.dir / "users").write_text("".join(
            f"{u}:{{PLAIN}}secret:{uid}:{uid}::{self.home(u)}::\n" for u, uid in UIDS.items()))
        shutil.chown(self.dir / "users", "culver")
        for u, uid in UIDS.items():
            self.home(u).mkdir(mode=0o700)
            os.chown(self.home(u), uid, uid)

    def grant(self, user, mailbox, who, *rights):
        self.adm("acl", "set", "-u", user, mailbox, who, *(rights or [""]))

    def brokers(self):
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    with open(f"/proc/{pid}/status") as f:
                        status = f.read()
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        command = f.read()
                except OSError:
                    continue
                if b"store" in command and str(self.dir).encode() in command or (
                        b"store" in command and self.is_ours(int(pid))):
                    found.append((int(pid), int(re.search(r"Uid:\s+(\d+)", status)[1])))
        return found

    def is_ours(self, pid):
        while pid > 1:
            if pid == self.process.pid:
                return True
            try:
                with open(f"/proc/{pid}/stat") as f:
                    pid = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                return False
        return False


@pytest.fixture(scope="module")
def server():
    with Shared() as s:
        yield s


def append(client, name, text):
    return client.append(name, None, None, MESSAGE % (text, text))


def names(client, pattern='"*"'):
    status, rows = client.list('""', pattern)
    assert status == "OK"
    return sorted(r.decode().rsplit(" ", 1)[1].strip('"') for r in rows if r)


def flags(client, what="1:*"):
    status, rows = client.fetch(what, "(FLAGS)")
    assert status == "OK"
    return [re.search(rb"FLAGS \(([^)]*)\)", r)[1].decode().replace("\\Recent", "").strip()
            for r in rows if r]


def test_namespace_and_nothing_without_rights(server):
    alice, bob = server.imap("alice"), server.imap("bob")
    append(alice, "INBOX", b"secret")
    alice.create("Secret")
    assert b'"shared/"' in bob.namespace()[1][0]
    assert names(bob) == ["INBOX", "Trash"]
    answers = set()
    for who in ("alice", "nobody-at-all"):
        for box in ("INBOX", "Secret", "Not-there", "a,b", "..", "x//y"):
            name = f'"shared/{who}/{box}"'
            said = [bob.select(name), bob.status(name, "(MESSAGES)"), bob.delete(name),
                    bob.rename(name, '"x"')]
            answers.add(tuple((s, d[0]) for s, d in said))
            assert all(s == "NO" for s, _ in said)
            assert names(bob, f'"shared/{who}/*"') == []
            assert bob.create(name) == ("NO", [b"[NOPERM] Permission denied."])
            assert append(bob, name, b"x")[0] == "NO"
    assert len(answers) == 1, answers
    assert names(bob) == ["INBOX", "Trash"]
    assert names(bob, '"shared/%"') == []
    alice.logout()
    bob.logout()


@pytest.mark.parametrize("reader", ["bob", "carol"], ids=["other-uid", "same-uid"])
def test_reading_and_private_seen(server, reader):
    alice = server.imap("alice")
    box = f"For-{reader}"
    alice.create(box)
    append(alice, box, b"one")
    append(alice, box, b"two")
    server.grant("alice", box, f"user={reader}", "lookup", "read", "write-seen")
    other = server.imap(reader)
    name = f"shared/alice/{box}"
    assert name in names(other, '"shared/alice/*"')
    assert name in names(other)         # and from now on
    assert other.select(name)[1] == [b"2"]
    status, data = other.fetch("1", "(BODY[] ENVELOPE)")
    assert b"body of one" in data[0][1]
    assert flags(other) == ["\\Seen", ""]
    assert other.search(None, "UNSEEN")[1] == [b"2"]
    assert b"UNSEEN 1" in other.status(name, "(UNSEEN)")[1][0]
    alice.select(box)
    assert flags(alice) == ["", ""]
    assert [pid for pid, uid in server.brokers() if uid == UIDS["alice"]]
    # no other flag, nothing saved, nothing removed
    assert other.store("1", "+FLAGS", "\\Flagged")[0] == "NO"
    assert b"NOPERM" in other.store("1", "+FLAGS", "\\Deleted")[1][0]
    assert b"NOPERM" in append(other, name, b"x")[1][0]
    assert b"NOPERM" in other.expunge()[1][0]
    assert b"NOPERM" in other.delete(name)[1][0]
    other.logout()
    other = server.imap(reader)
    other.select(name, readonly=True)
    assert flags(other) == ["\\Seen", ""]
    # the right is taken: the next command sees it
    server.grant("alice", box, f"user={reader}")
    with pytest.raises(other.abort):
        other.noop()
    alice.logout()


def test_recent_messages_are_counted_at_once(server):
    """[RFC3501 7.3.2] RECENT of SELECT is what FETCH says then, and nothing comes later."""
    alice, bob = server.imap("alice"), server.imap("bob")
    alice.create("Recent")
    append(alice, "Recent", b"one")
    append(alice, "Recent", b"two")
    server.grant("alice", "Recent", "user=bob", "lookup", "read", "write-seen")
    for readonly in (True, False):
        assert bob.select("shared/alice/Recent", readonly)[1] == [b"2"]
        assert bob.response("RECENT")[1] == [b"2"], readonly
        assert [b"\\Recent" in r for r in bob.fetch("1:2", "(FLAGS)")[1]] == [True, True]
        bob.noop()
        assert bob.response("RECENT")[1] == [None], readonly
    append(alice, "Recent", b"three")
    bob.noop()
    assert bob.response("RECENT")[1] == [b"3"]
    bob.select("shared/alice/Recent")
    assert bob.response("RECENT")[1] == [b"0"]
    alice.logout()
    bob.logout()


def test_copy_append_store_idle(server):
    alice, bob = server.imap("alice"), server.imap("bob")
    alice.create("Work")
    server.grant("alice", "Work", "user=bob", "lrswtei")
    bob.create("Own")
    for i in range(3):
        append(bob, "Own", b"own%d" % i)
    bob.select("Own")
    assert bob.copy("1:2", "shared/alice/Work")[0] == "OK"
    assert append(bob, "shared/alice/Work", b"appended")[0] == "OK"
    alice.select("Work")
    assert alice.search(None, "ALL")[1] == [b"1 2 3"]
    assert bob.select("shared/alice/Work")[1] == [b"3"]
    assert bob.store("3", "+FLAGS", "(\\Flagged $Shared)")[0] == "OK"
    alice.noop()
    assert "\\Flagged" in flags(alice, "3")[0] and "$Shared" in flags(alice, "3")[0]
    assert bob.copy("3", "Own")[0] == "OK"
    # IDLE hears what the owner does
    tag = bob._new_tag()
    bob.send(tag + b" IDLE\r\n")
    assert bob.readline().startswith(b"+")
    append(alice, "Work", b"news")
    bob.sock.settimeout(20)
    line = bob.readline()
    while b"EXISTS" not in line:
        line = bob.readline()
    assert b"4 EXISTS" in line
    bob.send(b"DONE\r\n")
    while not bob.readline().startswith(tag):
        pass
    assert bob.store("1:2", "+FLAGS", "\\Deleted")[0] == "OK"
    assert bob.expunge()[0] == "OK"
    alice.noop()
    assert alice.search(None, "ALL")[1] == [b"1 2"]
    assert b"OK" in bob._simple_command("MOVE", "1", "Own")[0].encode()
    alice.noop()
    assert alice.search(None, "ALL")[1] == [b"1"]
    bob.select("Own")
    assert bob.search(None, "SUBJECT", "appended")[1] == [b"4 5"]
    # its owner's file, and nobody else's
    for path in (server.home("alice") / "Maildir" / ".Work" / "cur").iterdir():
        assert path.stat().st_uid == UIDS["alice"]
    alice.logout()
    bob.logout()


def kill_brokers(server):
    found = [pid for pid, uid in server.brokers() if uid == UIDS["alice"]]
    assert found
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)


def test_killed_broker(server):
    alice, bob = server.imap("alice"), server.imap("bob")
    alice.create("Killed")
    for i in range(3):
        append(alice, "Killed", b"m%d" % i)
    server.grant("alice", "Killed", "user=bob", "lrswtei")
    bob.select("shared/alice/Killed")
    kill_brokers(server)
    # what only reads is asked again; what changes something is the client's to repeat
    first = bob.store("1", "+FLAGS", "\\Flagged")
    assert first[0] == "NO" and b"UNAVAILABLE" in first[1][0]
    assert bob.store("1", "+FLAGS", "\\Flagged")[0] == "OK"
    kill_brokers(server)
    assert len(flags(bob)) == 3
    assert append(bob, "shared/alice/Killed", b"after")[0] == "OK"
    bob.noop()
    assert bob.search(None, "ALL")[1] == [b"1 2 3 4"]
    alice.logout()
    bob.logout()


def idle(client):
    tag = client._new_tag()
    client.send(tag + b" IDLE\r\n")
    assert client.readline().startswith(b"+")
    return tag


def next_with(client, word):
    client.sock.settimeout(20)
    line = client.readline()
    while word not in line:
        assert line, word
        line = client.readline()
    return line


def test_idle_outlives_its_broker(server):
    alice, bob = server.imap("alice"), server.imap("bob")
    alice.create("Watched")
    append(alice, "Watched", b"one")
    server.grant("alice", "Watched", "user=bob", "lrs")
    bob.select("shared/alice/Watched")
    tag = idle(bob)
    time.sleep(0.2)
    kill_brokers(server)
    append(alice, "Watched", b"two")
    next_with(bob, b"2 EXISTS")
    # what the administrator ends is a broker like any session of its owner
    before = {pid for pid, uid in server.brokers() if uid == UIDS["alice"]}
    server.adm("kick", "alice")
    deadline = time.monotonic() + 10
    while before & {pid for pid, uid in server.brokers()} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not before & {pid for pid, uid in server.brokers()}
    alice = server.imap("alice")
    append(alice, "Watched", b"three")
    next_with(bob, b"3 EXISTS")
    bob.send(b"DONE\r\n")
    next_with(bob, tag)
    alice.logout()
    bob.logout()


def test_an_owner_who_is_gone_is_told():
    with Shared() as server:
        alice, bob = server.imap("alice"), server.imap("bob")
        alice.create("Gone")
        server.grant("alice", "Gone", "user=bob", "lrs")
        bob.select("shared/alice/Gone")
        idle(bob)
        time.sleep(0.2)
        users = server.dir / "users"
        kept = [line for line in users.read_text().splitlines(True) if not line.startswith("alice:")]
        users.write_text("".join(kept))
        server.adm("kick", "alice")
        next_with(bob, b"* BYE")
        bob = server.imap("bob")
        assert bob.select("shared/alice/Gone")[0] == "NO"


def test_many_owners_are_asked_a_few_at_a_time():
    with Shared() as server:
        users = server.dir / "users"
        owners = [f"o{i:02}" for i in range(30)]
        users.write_text(users.read_text() + "".join(
            f"{o}:{{PLAIN}}secret:20001:20001::{server.home(o)}::\n" for o in owners))
        folder = server.dir / "dict"
        folder.mkdir()
        folder.chmod(0o777)
        server.stop()
        server.write_config(SHARED + DICT % (folder / "db"), config=server.template)
        server.start()
        for owner in owners:
            server.home(owner).mkdir(mode=0o700)
            os.chown(server.home(owner), 20001, 20001)
            server.grant(owner, "INBOX", "user=bob", "lrs")
        bob = server.imap("bob")
        most, stop = [0], threading.Event()

        def count():
            while not stop.wait(0.01):
                most[0] = max(most[0], len([1 for _, uid in server.brokers() if uid == 20001]))

        watcher = threading.Thread(target=count)
        watcher.start()
        try:
            for _ in range(3):
                assert names(bob, '"shared/%/INBOX"') == [f"shared/{o}/INBOX" for o in owners]
            for owner in owners:
                assert bob.select(f"shared/{owner}/INBOX")[0] == "OK"
        finally:
            stop.set()
            watcher.join()
        # those that were let go take a moment to end
        assert 1 <= most[0] <= 12
        time.sleep(0.5)
        assert len([1 for _, uid in server.brokers() if uid == 20001]) <= 8
        bob.logout()


def test_groups_and_quota_of_the_owner():
    extra = SHARED + """\
mail_plugins = quota
plugin {
  quota = count:User quota
  quota_rule = *:messages=2
}
"""
    with Shared(extra) as server:
        users = server.dir / "users"
        users.write_text(users.read_text().replace("/home/bob::", "/home/bob::userdb_acl_groups=staff"))
        alice = server.imap("alice")
        alice.create("Team")
        server.grant("alice", "Team", "group=staff", "lri")
        for i in range(2):
            assert append(alice, "INBOX", b"own%d" % i)[0] == "OK"
        bob, carol = server.imap("bob"), server.imap("carol")
        # it is the owner's that is full
        answer = append(bob, "shared/alice/Team", b"more")
        assert answer[0] == "NO" and b"OVERQUOTA" in answer[1][0]
        assert append(carol, "shared/alice/Team", b"x")[0] == "NO"
        assert carol.select("shared/alice/Team")[0] == "NO"
        alice.select("INBOX")
        alice.store("1", "+FLAGS", "\\Deleted")
        alice.expunge()
        assert append(bob, "shared/alice/Team", b"more")[0] == "OK"
        assert bob.select("shared/alice/Team")[1] == [b"1"]
        # and not the reader's, who has room
        for i in range(2):
            assert append(bob, "INBOX", b"own%d" % i)[0] == "OK"


DICT = """\
plugin {
  acl_shared_dict = file:%s
}
"""


def sharing(owner, who):
    return f"shared/shared-boxes/{who}/{owner}\n1\n"


def test_list_shows_who_has_shared():
    with Shared() as server:
        folder = server.dir / "dict"
        folder.mkdir()
        folder.chmod(0o777)
        path = folder / "shared-mailboxes.db"
        # what Dovecot wrote, and an owner who does not exist
        path.write_text(sharing("alice", "user/carol") + sharing("nobody", "user/bob")
                        + sharing("x/../y", "user/bob") + sharing("bob", "user/bob"))
        path.chmod(0o666)
        server.stop()
        server.write_config(SHARED + DICT % path, config=server.template)
        server.start()
        alice, bob, carol = (server.imap(u) for u in ("alice", "bob", "carol"))
        alice.create("Work")
        alice.create("Hidden")
        assert names(bob) == ["INBOX", "Trash"]
        server.grant("alice", "Work", "user=bob", "lookup", "read")
        # never met, never named
        assert "shared/alice/Work" in names(bob)
        assert names(bob, '"shared/%/%"') == ["shared/alice/Work"]
        assert names(carol) == ["INBOX", "Trash"]
        assert sharing("alice", "user/bob") in path.read_text()
        assert "carol" not in path.read_text()
        # it is a hint and no right
        path.write_text(path.read_text() + sharing("alice", "user/carol"))
        assert names(carol) == ["INBOX", "Trash"]
        # a friend of the owner changes it, through a broker's eyes
        server.adm("acl", "delete", "-u", "alice", "Work", "user=bob")
        assert "alice" not in path.read_text()
        path.unlink()
        server.grant("carol", "INBOX", "user=bob", "lookup")
        path.unlink()
        server.adm("acl", "recalc", "-A")
        assert path.read_text() == sharing("carol", "user/bob")
        # a file that cannot be read costs the hint, and not the mail
        path.unlink()
        path.mkdir()
        assert names(server.imap("bob"))[:2] == ["INBOX", "Trash"]
        for client in (alice, bob, carol):
            client.logout()


def stored(server, user):
    return b"".join(p.read_bytes() for p in (server.home(user) / "Maildir").rglob("*")
                    if p.is_file() and not p.name.endswith(".cat"))


@pytest.mark.parametrize("plugins", ["crypt", "compress crypt"])
def test_mail_that_is_encrypted_at_rest(plugins):
    with Shared() as server:
        keys = server.dir / "keys"
        keys.write_text("11" * 32 + "\n")
        keys.chmod(0o444)
        server.stop()
        server.write_config(SHARED + f"mail_plugins = {plugins}\nplugin {{\n  crypt_key_file = {keys}\n"
                            "  zlib_save = gz\n}\n", config=server.template)
        server.start()
        alice, bob = server.imap("alice"), server.imap("bob")
        alice.create("Work")
        server.grant("alice", "Work", "user=bob", "lrswtei")
        # in the journal, and as a file of many chunks
        small = b"Subject: s\r\n\r\n" + b"the secret of the pyramid\r\n" * 3
        large = b"Subject: l\r\n\r\n" + b"".join(
            b"the secret of the pyramid %06d\r\n" % i for i in range(20000))
        for text in (small, large):
            assert alice.append("Work", None, None, text)[0] == "OK"
            assert bob.append("shared/alice/Work", None, None, text)[0] == "OK"
            assert bob.append("INBOX", None, None, text)[0] == "OK"
        assert bob.select("shared/alice/Work")[1] == [b"4"]
        for seq, text in zip("1234", (small, small, large, large)):
            status, data = bob.fetch(seq, "(RFC822.SIZE BODY.PEEK[])")
            assert b"RFC822.SIZE %d " % len(text) in data[0][0]
            assert data[0][1] == text
        for at in (0, 65530, 65536, 200000, len(large) - 10, len(large) + 5):
            part = bob.fetch("3", f"(BODY.PEEK[]<{at}.100>)")[1][0]
            assert (part[1] if isinstance(part, tuple) else b"") == large[at:at + 100]
        assert bob.fetch("3", "(BODY.PEEK[TEXT]<7.20>)")[1][0][1] == large[14:][7:27]
        assert bob.search(None, "BODY", '"pyramid 019999"')[1] == [b"3 4"]
        # between the owners, there and back
        assert bob.copy("1:4", "INBOX")[0] == "OK"
        bob.select("INBOX")
        assert bob.search(None, "ALL")[1] == [b"1 2 3 4 5 6"]
        assert bob.fetch("5", "(BODY.PEEK[])")[1][0][1] == large
        assert bob._simple_command("MOVE", "1:2", "shared/alice/Work")[0] == "OK"
        alice.select("Work")
        assert [alice.fetch(seq, "(BODY.PEEK[])")[1][0][1] for seq in "56"] == [small, large]
        assert alice.fetch("6", "(RFC822.SIZE)")[1][0].endswith(b"RFC822.SIZE %d)" % len(large))
        # what is new to one is seen by the other
        bob.select("shared/alice/Work")
        alice.store("5", "+FLAGS", "\\Deleted")
        alice.expunge()
        assert alice.append("Work", None, None, small)[0] == "OK"
        bob.noop()
        assert bob.fetch("6", "(BODY.PEEK[])")[1][0][1] == small
        for user in ("alice", "bob"):
            everything = stored(server, user)
            assert len(everything) > 1000 and b"pyramid" not in everything
        alice.logout()
        bob.logout()


def test_quota_is_exact_when_owner_and_reader_race():
    extra = SHARED + """\
mail_plugins = quota
plugin {
  quota = count:User quota
  quota_rule = *:messages=40
}
"""
    with Shared(extra) as server:
        alice = server.imap("alice")
        alice.create("Team")
        server.grant("alice", "Team", "user=bob", "lri")
        server.grant("alice", "Team", "user=carol", "lri")
        saved, other = [], []

        def fill(user, name):
            client = server.imap(user)
            for i in range(30):
                status, data = append(client, name, b"%d" % i)
                if status == "OK":
                    saved.append(user)
                elif b"OVERQUOTA" not in data[0]:
                    other.append(data)
            client.logout()

        threads = [threading.Thread(target=fill, args=who) for who in (
            ("alice", "Team"), ("alice", "INBOX"), ("bob", "shared/alice/Team"),
            ("bob", "shared/alice/Team"), ("carol", "shared/alice/Team"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert other == []
        assert len(saved) == 40 and len(set(saved)) == 3
        count = sum(int(alice.select(box)[1][0]) for box in ("INBOX", "Team"))
        assert count == 40
        alice.logout()


def test_brokers_end_with_their_sessions(server):
    deadline = time.monotonic() + 10
    while [p for p, uid in server.brokers() if uid] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [p for p, uid in server.brokers() if uid] == []


def test_sandbox(server):
    done = server.adm("-f", "json", "selftest", "-u", culver.MAIL_USER, "sandbox", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "store" in done.stdout


SORTS = ["SUBJECT", "REVERSE DATE", "FROM", "TO CC", "SIZE", "ARRIVAL", "DISPLAYFROM SUBJECT",
         "REVERSE DISPLAYTO"]
THREADS = ["REFERENCES", "REFS", "ORDEREDSUBJECT"]


def test_a_shared_mailbox_is_sorted_and_threaded_as_its_owner_does(server):
    alice, bob = server.imap("alice"), server.imap("bob")
    alice.create("Talk")
    rows = []
    for i in range(300):            # enough for a columns file
        refs = f"References: <{i // 6 * 6}@x> <{i - 1}@x>\r\n" if i % 6 else ""
        mail = (f"From: P{i * 7 % 90:02} <p{i * 5 % 70:02}@x>\r\nTo: T{i * 3 % 50} <t{i}@x>\r\n"
                f"Cc: c{i * 11 % 23}@x\r\nSubject: {'Re: ' if i % 3 else ''}s{i * 13 % 97}\r\n"
                f"Date: Mon, {i % 28 + 1:02} Jan 2024 10:{i % 60:02}:00 +0000\r\n"
                f"Message-ID: <{i}@x>\r\n{refs}\r\n{'x' * (i * 17 % 101)}\r\n")
        rows.append(b"(\\Seen) {%d+}\r\n%s" % (len(mail), mail.encode()))
    assert alice._simple_command("APPEND", "Talk", b" ".join(rows))[0] == "OK"
    server.grant("alice", "Talk", "user=bob", "lrswte")
    alice.select("Talk")
    assert bob.select("shared/alice/Talk")[1] == [b"300"]

    def answers(client, kind, what, query):
        status, rows = client.uid(kind, what, "UTF-8", *query)
        assert status == "OK"
        return rows[0]

    def compare(*query):
        for keys in SORTS:
            ours = answers(alice, "SORT", f"({keys})", query)
            assert answers(bob, "SORT", f"({keys})", query) == ours, keys
        for algorithm in THREADS:
            ours = answers(alice, "THREAD", algorithm, query)
            assert answers(bob, "THREAD", algorithm, query) == ours, algorithm
        return ours

    # the guest first: the file is written by the broker, as the owner
    assert len(answers(bob, "SORT", "(SUBJECT)", ["ALL"]).split()) == 300
    files = list(server.home("alice").rglob("*.col"))
    assert files and all(p.stat().st_uid == UIDS["alice"] for p in files)
    compare("ALL")
    compare("UID", "7:250", "NOT", "SUBJECT", "s9")
    bob.uid("STORE", "3:20", "+FLAGS.SILENT", "(\\Deleted)")
    bob.expunge()
    append(alice, "Talk", b"s0a")
    bob.noop()
    alice.noop()
    assert b" 20 " not in compare("ALL") and b"301" in compare("ALL")
    # the numbers are those of the guest's own view
    assert bob._simple_command("SORT", "(ARRIVAL)", "UTF-8", "ALL")[0] == "OK"
    assert bob.response("SORT")[1][-1].split()[:3] == alice.sort("ARRIVAL", "UTF-8", "ALL")[1][
        0].split()[:3]
    alice.logout()
    bob.logout()


@pytest.mark.parametrize("left", [(), ("lookup",)])
def test_who_loses_the_right_to_read_reads_no_more(server, left):
    """Also in the mailbox that is selected, from the next command on."""
    owner = server.imap("alice")
    name = "Lost" + "".join(left)
    owner.create(name)
    append(owner, name, b"one")
    append(owner, name, b"two")
    server.grant("alice", name, "user=bob", "lookup", "read", "write", "insert")
    for command in ("FETCH 2 (BODY.PEEK[])", "SEARCH BODY two", "COPY 2 INBOX", "SORT (SUBJECT) UTF-8 ALL",
                    "STORE 2 +FLAGS (\\Flagged)", "NOOP"):
        server.grant("alice", name, "user=bob", "lookup", "read", "write", "insert")
        with server.raw() as reader:
            reader.line()
            reader.command("LOGIN bob secret")
            assert b"OK" in b"".join(reader.command(f"SELECT shared/alice/{name}"))
            assert b"body of one" in b"".join(reader.command("FETCH 1 (BODY.PEEK[])"))
            server.grant("alice", name, "user=bob", *left)
            reader.send(b"x %s\r\n" % command.encode())
            said = b""
            while line := reader.line():
                said += line
            assert b"body of two" not in said and b"\r\nx OK" not in b"\r\n" + said, said
            assert b"SEARCH 2" not in said and b"SORT 1" not in said
            assert b"* BYE" in said
    client = server.imap("bob")
    assert client.select("INBOX") == ("OK", [b"0"])
    client.logout()
    assert flags(owner_selected(owner, name)) == ["", ""]
    owner.logout()


def owner_selected(client, name):
    client.select(name)
    return client
