"""Sessions that nothing is asked of sleep in the process idle, and come back
without the client noticing."""
import os
import pathlib
import re
import signal
import time
import zlib

import pytest

import culver

QUICK = "imap_hibernate_timeout = 1s\n"
MESSAGE = b"From: a@example.org\r\nSubject: news\r\n\r\nbody\r\n"


@pytest.fixture
def server():
    with culver.Server(extra=QUICK, users={"alice": "secret", "bob": "secret"}) as s:
        yield s


def children(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(p) for p in tasks.read_text().split()]


def service(server, name):
    """The process of that service."""
    for pid in children(server.process.pid):
        args = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if name.encode() in args[1:2]:
            return pid
    raise AssertionError(f"no process {name}")


def sessions(server):
    """Processes of imap that have a user."""
    found = []
    for pid in children(service(server, "imap")):
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:         # it has gone meanwhile
            continue
        if state != "Z":
            found.append(pid)
    return found


def wait_until(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def asleep(server):
    # the kernel's list may leave out one while another goes
    assert wait_until(lambda: not sessions(server) and not sessions(server)
                      and (time.sleep(0.1) or not sessions(server))), sessions(server)


def login(server, user="alice"):
    c = culver.Raw(server.imap_port)
    c.line()
    c.command(f"LOGIN {user} secret")
    return c


def test_a_client_in_idle_hears_of_mail_though_its_session_sleeps(server):
    with login(server) as c:
        c.command("SELECT INBOX")
        c.send(b"tag7 IDLE\r\n")
        assert c.line().startswith(b"+")
        asleep(server)
        assert "alice" in server.adm("who").stdout
        server.deliver(MESSAGE)
        start = time.monotonic()
        assert c.line() == b"* 1 EXISTS\r\n"
        # it heard, and did not look (which it would every 15 s)
        assert time.monotonic() - start < 5
        assert c.line() == b"* 1 RECENT\r\n"
        c.send(b"DONE\r\n")
        assert c.line().startswith(b"tag7 OK")
        # and once more, with what is there
        c.send(b"tag8 IDLE\r\n")
        assert c.line().startswith(b"+")
        asleep(server)
        c.send(b"DONE\r\n")
        assert c.line().startswith(b"tag8 OK")
        assert b"FLAGS (\\Recent)" in b"".join(c.command("FETCH 1 FLAGS"))
        c.command("LOGOUT")
    assert "in=" in server.log and server.log.count("Logged out") == 1


def test_files_of_other_programs_wake_too(server):
    with login(server) as c:
        c.command("SELECT INBOX")
        c.send(b"t IDLE\r\n")
        c.line()
        asleep(server)
        new = pathlib.Path(server.home("alice")) / "Maildir" / "new"
        path = new.parent / "tmp" / "1.a.b"
        path.write_bytes(MESSAGE)
        st = new.stat()
        os.chown(path, st.st_uid, st.st_gid)
        path.rename(new / "1.a.b")
        start = time.monotonic()
        assert c.line() == b"* 1 EXISTS\r\n"
        # it heard, and did not look (which it would every 15 s)
        assert time.monotonic() - start < 5


def test_a_silent_session_sleeps_between_commands_and_keeps_its_state(server):
    for _ in range(3):
        server.deliver(MESSAGE)
    with login(server) as c:
        c.command("ENABLE CONDSTORE")
        c.command("EXAMINE INBOX")
        c.command("SEARCH RETURN (SAVE) UID 2:3")
        asleep(server)
        # \\Recent stays, readonly stays, $ stays, numbers stay
        assert c.command("FETCH $ UID")[:2] == [b"* 2 FETCH (UID 2)\r\n",
                                                b"* 3 FETCH (UID 3)\r\n"]
        assert c.command("STORE 1 +FLAGS (\\Seen)")[-1].startswith(b"x NO")
        asleep(server)
        server.deliver(MESSAGE)
        lines = c.command("NOOP")
        assert b"* 4 EXISTS\r\n" in lines


def test_qresync_goes_on_after_sleep(server):
    for _ in range(3):
        server.deliver(MESSAGE)
    with login(server) as c, login(server) as other:
        c.command("ENABLE QRESYNC")
        c.command("SELECT INBOX")
        other.command("SELECT INBOX")
        c.send(b"t IDLE\r\n")
        c.line()
        asleep(server)
        other.command("STORE 2 +FLAGS.SILENT (\\Deleted)")
        other.command("EXPUNGE")
        got = []
        while not got or not got[-1].startswith(b"* VANISHED"):
            got.append(c.line())
        assert got[-1] == b"* VANISHED 2\r\n"
        c.send(b"DONE\r\n")
        c.until("t")
        lines = c.command("STORE 1 +FLAGS (\\Seen)")
        assert re.search(rb"^\* 1 FETCH \(.*MODSEQ \(\d+\)", lines[0])


def test_expunges_that_were_not_seen_have_the_right_numbers(server):
    for _ in range(4):
        server.deliver(MESSAGE)
    with login(server) as c, login(server) as other:
        c.command("SELECT INBOX")
        other.command("SELECT INBOX")
        c.send(b"t IDLE\r\n")
        c.line()
        asleep(server)
        other.command("STORE 2,4 +FLAGS (\\Deleted)")
        other.command("EXPUNGE")
        got = [c.line() for _ in range(2)]
        while not got[-1].startswith(b"* 2 EXPUNGE"):
            got.append(c.line())
        assert b"* 4 EXPUNGE\r\n" in got
        c.send(b"DONE\r\n")
        c.until("t")
        assert b"* SEARCH 1 3\r\n" in c.command("UID SEARCH ALL")


def test_a_kick_and_a_stop_are_told_to_those_that_sleep(server):
    with login(server) as c, login(server, "bob") as d:
        c.command("SELECT INBOX")
        asleep(server)
        server.adm("kick", "alice")
        assert c.line() == b"* BYE Disconnected by the administrator.\r\n"
        assert c.closed()
        server.stop()
        assert d.line() == b"* BYE Server shutting down.\r\n"
        assert d.closed()
    log = server.log
    assert re.search(r"imap\(alice\)<[^>]+>: Kicked in=\d+ out=\d+", log)
    assert re.search(r"imap\(bob\)<[^>]+>: Disconnected: Server shutting down in=", log)


def test_a_client_that_goes_away_asleep_is_logged(server):
    c = login(server)
    asleep(server)
    c.close()
    assert wait_until(lambda: "Connection closed" in server.log)
    asleep(server)


def test_over_tls_too(server):
    with server.imap(tls=True) as c:
        c.select("INBOX")
        asleep(server)
        server.deliver(MESSAGE)
        assert c.noop()[0] == "OK"
        assert c.untagged_responses.get("EXISTS", [b"0"])[-1] == b"1"


def test_a_mailbox_that_is_gone_ends_the_session_with_words(server):
    with login(server) as c, login(server) as other:
        other.command("CREATE gone")
        c.command("SELECT gone")
        asleep(server)
        other.command("DELETE gone")
        c.send(b"a NOOP\r\n")
        assert c.line() == b"* BYE Mailbox was deleted under you.\r\n"


def test_after_a_reload_sleepers_wake_with_the_new_processes(server):
    server.deliver(MESSAGE)
    with login(server) as c:
        c.command("SELECT INBOX")
        asleep(server)
        server.adm("reload")
        time.sleep(0.5)
        assert c.command("FETCH 1 UID")[0] == b"* 1 FETCH (UID 1)\r\n"


def test_a_session_that_cannot_sleep_stays(server):
    rawlog = pathlib.Path(server.home("alice")) / "rawlog"
    server.deliver(MESSAGE)
    server.stop()
    server.write_config(QUICK + f"rawlog_dir = {rawlog}\n")
    server.start()
    home = pathlib.Path(server.home("alice"))
    rawlog.mkdir(parents=True)
    os.chown(rawlog, home.stat().st_uid, home.stat().st_gid)
    with login(server) as c:
        c.command("SELECT INBOX")
        time.sleep(2.5)
        assert len(sessions(server)) == 1
        assert c.command("NOOP")[-1].startswith(b"x OK")


def test_a_setting_turns_it_off(server):
    server.stop()
    server.write_config("imap_hibernate_timeout = 0\n")
    server.start()
    with login(server) as c:
        c.command("SELECT INBOX")
        time.sleep(2)
        assert len(sessions(server)) == 1


def test_when_idle_is_killed_new_sessions_still_sleep(server):
    with login(server) as c:
        c.command("SELECT INBOX")
        asleep(server)
        os.kill(service(server, "idle"), signal.SIGKILL)
        assert c.closed()
    time.sleep(1)
    with login(server) as c:
        c.command("SELECT INBOX")
        asleep(server)
        assert c.command("NOOP")[-1].startswith(b"x OK")


class Packed:
    """The client's side of COMPRESS, over a Raw."""

    def __init__(self, raw):
        self.raw = raw
        assert raw.command("COMPRESS DEFLATE")[-1].startswith(b"x OK")
        self.out = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.into = zlib.decompressobj(-15)
        self.text = b""

    def send(self, text):
        self.raw.sock.sendall(self.out.compress(text.encode())
                              + self.out.flush(zlib.Z_SYNC_FLUSH))

    def line(self):
        while b"\n" not in self.text:
            data = self.raw.sock.recv(65536)
            assert data, "the connection has ended"
            self.text += self.into.decompress(data)
        line, _, self.text = self.text.partition(b"\n")
        return line + b"\n"

    def command(self, text):
        self.send(f"x {text}\r\n")
        lines = [self.line()]
        while not lines[-1].startswith(b"x "):
            lines.append(self.line())
        return lines


def test_a_compressed_session_sleeps_and_its_streams_go_on(server):
    server.deliver(MESSAGE)
    with login(server) as raw:
        c = Packed(raw)
        c.command("SELECT INBOX")
        # what is in the window of the client's stream is referred to later
        words = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)])"
        first = c.command(f"FETCH 1 {words}")
        for _ in range(2):
            asleep(server)
            assert c.command(f"FETCH 1 {words}") == first
        assert b"[COMPRESSIONACTIVE]" in c.command("COMPRESS DEFLATE")[-1]
        c.send("i IDLE\r\n")
        assert c.line().startswith(b"+")
        asleep(server)
        server.deliver(MESSAGE)
        assert c.line() == b"* 2 EXISTS\r\n"
        asleep(server)
        # told by idle itself, in a stored block
        server.adm("kick", "alice")
        while not c.line().startswith(b"* BYE Disconnected by the administrator"):
            pass


def test_idle_keeps_a_compressed_client(tmp_path):
    with culver.Server(extra=QUICK + "imap_idle_notify_interval = 2s\n") as server:
        with login(server) as raw:
            c = Packed(raw)
            c.send("i IDLE\r\n")
            assert c.line().startswith(b"+")
            asleep(server)
            for _ in range(2):
                assert c.line() == b"* OK Still here\r\n"
            assert not sessions(server)
            c.send("DONE\r\n")
            while not c.line().startswith(b"i OK"):
                pass
            assert c.command("NOOP")[-1].startswith(b"x OK")


def test_within_a_block_a_session_stays_awake(server):
    with login(server) as raw:
        c = Packed(raw)
        # a part of a command that is no whole block
        packed = c.out.compress(b"x NOOP\r\n") + c.out.flush(zlib.Z_SYNC_FLUSH)
        raw.sock.sendall(packed)
        assert c.line().startswith(b"x OK")
        packed = c.out.compress(b"x CAPABILITY\r\n") + c.out.flush(zlib.Z_SYNC_FLUSH)
        raw.sock.sendall(packed[:3])
        time.sleep(1.5)
        assert sessions(server)
        raw.sock.sendall(packed[3:])
        assert c.line().startswith(b"* CAPABILITY")


# --- annotations: METADATA [RFC5464], and NOTIFY of them [RFC5465 5.6] ---------

ANNOTATED = QUICK + """\
namespace inbox {
  inbox = yes
  prefix =
  separator = /
}
namespace other {
  prefix = Other/
  separator = /
  location = maildir:~/Other
}
"""


@pytest.fixture(scope="module")
def annotated():
    with culver.Server(extra=ANNOTATED, users={"alice": "secret"}) as s:
        yield s


def other_session(server, *commands):
    """Another session of alice runs these, and is gone."""
    with login(server) as other:
        for command in commands:
            assert other.command(command)[-1].startswith(b"x OK"), command
        other.command("LOGOUT")


def test_who_is_told_of_annotations_sleeps_and_wakes_for_them(annotated):
    server = annotated
    other_session(server, "CREATE Other/a", 'SETMETADATA INBOX (/shared/comment "1")',
                  'SETMETADATA Other/a (/shared/comment "2" /private/comment "3")',
                  'SETMETADATA "" (/private/comment "4")')
    with login(server) as c:
        c.command("STATUS Other/a (MESSAGES)")
        c.command("ENABLE METADATA")
        c.command("SELECT INBOX")
        assert len(c.command("NOOP")) == 1
        c.send(b"i IDLE\r\n")
        c.line()
        asleep(server)
        # one that is not open, in another account
        other_session(server, 'SETMETADATA Other/a (/shared/comment "new" /private/comment "3")')
        start = time.monotonic()
        assert c.line() == b"* METADATA Other/a /shared/comment\r\n"
        assert time.monotonic() - start < 5
        # that, and nothing else, and once
        asleep(server)
        other_session(server, "CREATE Other/b", "DELETE Other/b",
                      'SETMETADATA "" (/private/comment NIL)',
                      'SETMETADATA INBOX (/shared/comment "1" /shared/x "y")')
        told = [c.line(), c.line()]
        # in the order of GUIDs, after the server's
        assert told == [b'* METADATA "" /private/comment\r\n', b"* METADATA INBOX /shared/x\r\n"]
        asleep(server)
        c.send(b"DONE\r\n")
        assert c.until("i")[0].startswith(b"i OK")
        # a silent session hears of them with its next command
        asleep(server)
        other_session(server, "SETMETADATA Other/a (/private/comment NIL /shared/comment NIL)")
        assert c.command("NOOP")[0] == b"* METADATA Other/a /private/comment /shared/comment\r\n"
        # what goes with its mailbox is no news
        asleep(server)
        other_session(server, 'SETMETADATA Other/a (/private/comment "1")')
        assert c.command("NOOP")[0] == b"* METADATA Other/a /private/comment\r\n"
        asleep(server)
        other_session(server, "DELETE Other/a")
        assert c.command("NOOP") == [b"x OK NOOP completed.\r\n"]
        # not of its own
        c.command('SETMETADATA INBOX (/shared/x "z")')
        asleep(server)
        assert c.command("NOOP") == [b"x OK NOOP completed.\r\n"]


def test_notify_of_annotations_wakes_without_enable(annotated):
    server = annotated
    with login(server) as c:
        c.command("NOTIFY SET (mailboxes INBOX (MailboxMetadataChange))")
        asleep(server)
        other_session(server, 'SETMETADATA "" (/private/comment "new")',
                      'SETMETADATA INBOX (/private/comment "new")')
        assert c.line() == b"* METADATA INBOX /private/comment\r\n"
        asleep(server)
        assert c.command("NOOP") == [b"x OK NOOP completed.\r\n"]


# --- mail of others ------------------------------------------------------------


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_in_idle_on_the_mail_of_another_user():
    from test_shared import SHARED, Shared
    with Shared(SHARED + QUICK) as server:
        server.grant("alice", "INBOX", "user=bob", "lookup", "read", "write", "write-seen")
        server.deliver(MESSAGE)
        with login(server, "bob") as c:
            assert c.command("SELECT shared/alice/INBOX")[-1].startswith(b"x OK")
            # silent: with the numbers that it had
            asleep(server)
            assert c.command("FETCH 1 UID")[0] == b"* 1 FETCH (UID 1)\r\n"
            c.send(b"i IDLE\r\n")
            assert c.line().startswith(b"+")
            asleep(server)
            start = time.monotonic()
            server.deliver(MESSAGE)
            assert [c.line(), c.line()] == [b"* 2 EXISTS\r\n", b"* 2 RECENT\r\n"]
            assert time.monotonic() - start < 5
            asleep(server)
            # by what other programs do
            new = pathlib.Path(server.home("alice")) / "Maildir" / "new"
            path = new.parent / "tmp" / "1.a.b"
            path.write_bytes(MESSAGE)
            os.chown(path, new.stat().st_uid, new.stat().st_gid)
            path.rename(new / "1.a.b")
            assert [c.line(), c.line()] == [b"* 3 EXISTS\r\n", b"* 3 RECENT\r\n"]
            asleep(server)
            # what bob has seen is bob's own
            with login(server, "bob") as other:
                other.command("SELECT shared/alice/INBOX")
                other.command("STORE 2 +FLAGS.SILENT (\\Seen)")
                other.command("LOGOUT")
            assert re.match(rb"\* 2 FETCH \(.*\\Seen", c.line())
            asleep(server)
            # and the right to read may be taken away
            server.adm("acl", "delete", "-u", "alice", "INBOX", "user=bob")
            c.send(b"DONE\r\n")
            line = c.line()
            while line.startswith(b"*") and not line.startswith(b"* BYE"):
                line = c.line()
            assert line.startswith(b"* BYE") or line.startswith(b"i "), line
        assert "Panic:" not in server.log
