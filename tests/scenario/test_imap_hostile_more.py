"""The cases of section B of security.md that need more than one client on one
server, or other mail than a few lines: threads, slow readers, UIDs that run out,
UTF-8, rights, other servers, sleepers, URLs."""
import os
import re
import socket
import time

import pytest

import culver
from test_hibernate import asleep, service, wait_until
from test_imap_hostile import MAIL, SESSION_KIB_MAX, Client
from test_imap_session import Wire
from test_remote_storage import CONFIG as REMOTE
from test_remote_storage import Listener
from test_remote_storage import extra as remote_settings
from test_shared import Shared

BIG = 50 * 1000 * 1000


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s
        assert "killed by signal" not in s.log and "BUG" not in s.log


@pytest.fixture
def client(server):
    w = Client(server)
    w.sock.settimeout(60)       # the machine may be busy
    yield w
    w.close()
    w.file.close()


def fresh(client, name):
    client.do(f"DELETE {name}")
    client.do(f"CREATE {name}")


# --- B7 -----------------------------------------------------------------------------------

def threads(line):
    """The numbers of a THREAD response, and how deep the lists go."""
    depth = most = 0
    for c in line:
        depth += (c == "(") - (c == ")")
        most = max(most, depth)
    return sorted(int(n) for n in re.findall(r"\d+", line)), most


def references(ids, own, subject="x"):
    return (f"Message-ID: <{own}>\r\nSubject: {subject}\r\nReferences: "
            + "\r\n ".join(f"<{i}>" for i in ids) + "\r\n\r\nbody\r\n").encode()


def test_b7_references(client):
    fresh(client, "t")
    many = [f"{n}@many" for n in range(100000)]
    ring = [f"{n}@ring" for n in range(50)]
    client.append(references(many, "a@many"), "t")
    client.append(references(reversed(many), "b@many"), "t")
    client.append(references(["self@x"] * 1000, "self@x"), "t")
    for n, own in enumerate(ring):
        client.append(references([ring[(n + 1) % len(ring)]], own), "t")
    count = 3 + len(ring)
    client.do("SELECT t")
    for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT"):
        begin = time.monotonic()
        lines = client.do(f"THREAD {algorithm} UTF-8 ALL")
        assert time.monotonic() - begin < 10
        assert " OK " in lines[-1]
        # each message once, whatever they say of each other
        assert threads(lines[0])[0] == list(range(1, count + 1)), algorithm
    assert client.memory() < SESSION_KIB_MAX


def test_b7_subjects(client):
    fresh(client, "t")
    # 1 MB that is all prefix, or all blobs, or all trailers
    for subject in ("Re: " * 250000, "[x] " * 250000, "a" + " (fwd)" * 160000,
                    "Re[x]: Fwd: " * 80000, "[fwd: " * 100000 + "]" * 100000):
        client.append(b"Subject: " + re.sub(rb"(.{900}) ", rb"\1\r\n ", subject.encode())
                      + b"\r\n\r\nbody\r\n", "t")
    client.do("SELECT t")
    for command in ("SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
                    "THREAD ORDEREDSUBJECT UTF-8 ALL", "SORT (REVERSE SUBJECT ARRIVAL) UTF-8 ALL"):
        assert client.ask(command, 10) == "OK", command
    assert client.memory() < SESSION_KIB_MAX


def test_b7_equal_keys(client):
    """As many of them as come at once: what is slow for each pair would show."""
    fresh(client, "t")
    one = b"Message-ID: <same@x>\r\nSubject: same\r\nReferences: <same@x> <up@x>\r\n\r\n\r\n"
    client.append(one, "t")
    client.do("SELECT t")
    for _ in range(13):
        assert client.ask("COPY 1:* t", 20) == "OK"
        client.do("NOOP")
    for command in ("SORT (SUBJECT FROM TO CC DATE SIZE) UTF-8 ALL", "THREAD REFS UTF-8 ALL",
                    "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL"):
        begin = time.monotonic()
        lines = client.do(command)
        assert time.monotonic() - begin < 5, command
        assert sorted(int(n) for n in re.findall(r"\d+", lines[0])) == list(range(1, 8193))
    assert client.memory() < SESSION_KIB_MAX


def cpu_seconds(client):
    """What the processes of this session have used."""
    ticks = 0
    for pid in client.pids:
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_b7_a_million_messages():
    """1,048,576 messages with one subject, one Message-ID and one parent: seconds of CPU,
    not minutes, and memory for each message."""
    config = culver.CONFIG.replace("maildir:~/Maildir", "mdbox:~/mdbox")
    with culver.Server(config=config, extra="mail_max_lock_timeout = 5min\n"
                       "service imap {\n  vsz_limit = 1G\n}\n") as server:
        client = Client(server)
        one = (b"Message-ID: <same@x>\r\nSubject: same\r\n"
               b"References: <same@x> <up@x>\r\n\r\n\r\n")
        client.append(one, "INBOX")
        client.do("SELECT INBOX")
        for base in range(20):
            # not all at once: what a COPY of so many remembers is more than a session may have
            for first in range(1, (1 << base) + 1, 16384):
                last = min(first + 16383, 1 << base)
                assert client.ask(f"COPY {first}:{last} INBOX", 300) == "OK"
            client.do("NOOP")
        everything = list(range(1, (1 << 20) + 1))
        for command, limit in (("SORT (SUBJECT FROM TO CC DATE SIZE) UTF-8 ALL", 5),
                               ("SORT (SUBJECT) UTF-8 ALL", 5), ("SORT (REVERSE ARRIVAL) UTF-8 ALL", 5),
                               ("THREAD REFS UTF-8 ALL", 5), ("THREAD REFERENCES UTF-8 ALL", 5),
                               ("THREAD ORDEREDSUBJECT UTF-8 ALL", 5)):
            begin = cpu_seconds(client)
            client.sock.settimeout(300)
            lines = [line for line in client.do(command) if re.match(r"\* (SORT|THREAD)", line)]
            used = cpu_seconds(client) - begin
            print(command, used, client.memory())
            assert used < limit, (command, used)
            assert sorted(int(n) for n in re.findall(r"\d+", lines[0])) == everything, command
        assert client.memory() < 1024 * 1024
        client.close()
        assert "killed by signal" not in server.log and "BUG" not in server.log


# --- B18 ----------------------------------------------------------------------------------

def test_b18_a_client_that_reads_byte_by_byte(client):
    """50 MB on their way: the session keeps little of it, and nothing locked."""
    fresh(client, "big")
    client.append(MAIL + b"0123456789abcdef0123456789abcdef\r\n" * (BIG // 34), "big")
    slow = Client(client.server)
    slow.do("SELECT big")
    slow.send("s FETCH 1 (BODY[])\r\n")
    for _ in range(20):
        assert len(slow.sock.recv(1)) == 1
    other = Wire(client.server.imap_port).login()
    begin = time.monotonic()
    for command in ("SELECT big", "STORE 1 +FLAGS (\\Flagged)", "COPY 1 INBOX", "CREATE b18",
                    "RENAME b18 b18x", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "DELETE b18x"):
        assert " OK " in other.do(command)[-1], command
        assert len(slow.sock.recv(1)) == 1
    assert time.monotonic() - begin < 10
    other.close()
    # nothing was lost: what was begun is sent whole, expunged or not
    slow.sock.settimeout(20)
    size, tail = 0, b""
    while b"\r\ns OK" not in tail and b"\r\ns NO" not in tail:
        data = slow.sock.recv(1 << 20)
        assert data
        size += len(data)
        tail = (tail + data)[-500:]
    assert size > BIG
    assert 0 < slow.memory() < 32 * 1024
    slow.close()


# --- B25 ----------------------------------------------------------------------------------

def uids(client):
    return [int(m[1]) for line in client.do("UID FETCH 1:* FLAGS")
            for m in [re.search(r"UID (\d+)", line)] if m]


def test_b25_uids_run_out(client):
    server = client.server
    fresh(client, "last")
    server.adm("mailbox", "update", "-u", "alice", "--min-next-uid", "4294967293", "last")
    before = client.do("STATUS last (UIDVALIDITY)")[0]
    client.append(MAIL, "last")
    client.append(MAIL, "last")
    client.do("SELECT last")
    assert uids(client) == [4294967293, 4294967294]
    # none is given twice, and none is 0 or 2^32 - 1
    client.send(f"n APPEND last {{{len(MAIL)}+}}\r\n".encode() + MAIL + b"\r\n")
    assert client.until("n")[-1].startswith("n NO ")
    assert client.do("COPY 1:* last")[-1].split()[1] == "NO"
    assert client.do("MOVE 1 last")[-1].split()[1] == "NO"
    assert uids(client) == [4294967293, 4294967294]
    assert client.do("STATUS last (UIDVALIDITY)")[0] == before
    assert client.ask("STORE 1 +FLAGS (\\Deleted)") == "OK"
    assert client.ask("EXPUNGE") == "OK"
    assert uids(client) == [4294967294]
    assert client.ask("UID FETCH 4294967294:* FLAGS") == "OK"


def put_files(folder, names):
    st = (folder / "new").stat()
    for name in names:
        path = folder / "tmp" / name
        path.write_bytes(MAIL.replace(b"one", name.encode()))
        os.chown(path, st.st_uid, st.st_gid)
        path.rename(folder / "new" / name)


def test_b25_uids_run_out_under_files_of_other_programs(client):
    """The mailbox can be opened, and the files stay."""
    server = client.server
    fresh(client, "last")
    client.append(MAIL, "last")
    server.adm("mailbox", "update", "-u", "alice", "--min-next-uid", "4294967294", "last")
    folder = server.home("alice") / "Maildir" / ".last"
    put_files(folder, ["1.b25.x", "2.b25.x", "3.b25.x"])
    lines = client.do("SELECT last")
    assert " OK " in lines[-1], lines
    assert uids(client) == [1, 4294967294]
    assert {"2.b25.x", "3.b25.x"} <= {p.name.split(":")[0] for p in folder.glob("*/*")}
    assert client.ask("STORE 1 +FLAGS (\\Flagged)") == "OK"
    assert client.ask("EXPUNGE") == "OK"
    assert "2 messages of other programs are not taken in" in server.log
    put_files(folder, ["4.b25.x"])
    assert client.ask("NOOP") == "OK"
    assert uids(client) == [1, 4294967294]


@pytest.mark.parametrize("head", ["3 V1 N4294967295", "3 V1 N4294967294", "3 V4294967295 N1",
                                  "3 V4294967295 N4294967295", "3 V0 N0", "3 V1 N4294967296"])
def test_b25_what_another_server_says_of_uids(client, head):
    home = client.server.home("alice") / "Maildir"
    fresh(client, "gone")
    folder = home / ".uidlist"
    client.do("DELETE uidlist")
    (home / ".gone").rename(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    put_files(folder, ["1.b25.x", "2.b25.x"])
    st = folder.stat()
    lines = [head, "4294967293 :1.b25.x", "4294967295 :2.b25.x"]
    (folder / "dovecot-uidlist").write_text("\n".join(lines) + "\n")
    os.chown(folder / "dovecot-uidlist", st.st_uid, st.st_gid)
    answer = client.do("SELECT uidlist")
    assert " OK " in answer[-1], answer
    found = uids(client)
    assert found == sorted(set(found)) and found
    assert 0 not in found and 4294967295 not in found
    assert any("UIDVALIDITY" in line and "UIDVALIDITY 0]" not in line for line in answer)


# --- B26 ----------------------------------------------------------------------------------

WRONG = [b"\xff", b"\xc0\xaf", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
         b"\xf4\x90\x80\x80", b"\x80", b"a\xfeb", b"\xf0\x80\x80\x80", b"\xe0\x80\xaf"]


def test_b26_utf8_that_is_none(client):
    assert client.ask("ENABLE UTF8=ACCEPT") == "OK"
    before = sorted(os.listdir(client.server.home("alice") / "Maildir"))
    fresh(client, "u8")
    client.append(MAIL, "u8")
    client.do("SELECT u8")
    names = sorted(os.listdir(client.server.home("alice") / "Maildir"))
    for wrong in WRONG:
        quoted, literal = b'"a' + wrong + b'z"', b"{%d+}\r\na%sz" % (len(wrong) + 2, wrong)
        for text in (quoted, literal):
            for command in (b"CREATE %s", b"DELETE %s", b"RENAME u8 %s", b"RENAME %s u8x",
                            b"SUBSCRIBE %s", b"STATUS %s (MESSAGES)", b"SELECT %s",
                            b"COPY 1 %s", b"MOVE 1 %s", b"MYRIGHTS %s", b"SETACL %s bob lr",
                            b'SETMETADATA %s (/private/comment "x")'):
                answer = client.ask(command % text)
                assert answer in ("BAD", "NO"), (command, text)
                assert answer == "BAD" or text is literal, (command, text)
                if command.startswith(b"SELECT"):
                    client.do("SELECT u8")
        for command in (b"SEARCH SUBJECT %s", b"SEARCH CHARSET UTF-8 TEXT %s", b'LIST "" %s',
                        b"SORT (DATE) UTF-8 BODY %s"):
            assert client.ask(command % quoted) == "BAD", command
            assert client.ask(command % literal) in ("BAD", "NO", "OK"), command
        # an atom has no such bytes
        assert client.ask(b"CREATE a" + wrong + b"z") == "BAD"
        assert client.ask(b"STORE 1 +FLAGS (a" + wrong + b")") == "BAD"
    assert sorted(os.listdir(client.server.home("alice") / "Maildir")) == names
    assert set(names) - set(before) <= {".u8"}
    assert client.do('LIST "" u8')[0].endswith(" u8")


# --- B20 ----------------------------------------------------------------------------------

RIGHTS = "lrswipkxtea"
M = "shared/alice/M"

# [RFC4314 4] what each command needs: with it, the command is done; with all the others,
# it is refused.
OUTSIDE = [
    ("r", f"SELECT {M}"), ("r", f"EXAMINE {M}"), ("r", f"STATUS {M} (MESSAGES UNSEEN)"),
    ("a", f"GETACL {M}"), ("a", f"SETACL {M} carol lr"), ("a", f"DELETEACL {M} carol"),
    ("a", f"LISTRIGHTS {M} carol"), ("", f"MYRIGHTS {M}"), ("k", f"CREATE {M}/new"),
    ("x", f"DELETE {M}/gone"), ("xk", f"RENAME {M}/kept {M}/kept2"),
    ("", f"SUBSCRIBE {M}"), ("l", f"GETMETADATA {M} /shared/comment"),
    ("l", f'SETMETADATA {M} (/shared/comment "x")'),
    ("i", f"APPEND {M} {{3+}}\r\na\r\n"), ("i", f"APPEND {M} CATENATE (TEXT {{3+}}\r\na\r\n)"),
    ("r", f'APPEND INBOX CATENATE (URL "/{M}/;UID=1")'),
]
FROM_INBOX = [("i", f"COPY 1 {M}"), ("i", f"UID COPY 1:* {M}"), ("i", f"MOVE 1 {M}"),
              ("i", f"REPLACE 1 {M} {{3+}}\r\nb\r\n")]
INSIDE = [
    ("", "FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[])"), ("", "UID SEARCH RETURN (SAVE) ALL"),
    ("", "SORT (DATE) UTF-8 ALL"), ("", "UID COPY $ INBOX"), ("te", "UID MOVE 1 INBOX"),
    ("w", "STORE 1 +FLAGS (\\Flagged)"), ("w", "UID STORE $ +FLAGS (word)"),
    ("t", "STORE 1 +FLAGS (\\Deleted)"), ("w", "STORE 1 -FLAGS (\\Answered)"),
    ("ite", f"REPLACE 1 {M} {{3+}}\r\nc\r\n"), ("te", "MOVE 1 INBOX"),
    ("e", "UID EXPUNGE 1:*"), ("e", "EXPUNGE"), ("", "CLOSE"),
]


@pytest.fixture(scope="module")
def shared():
    if not culver.IS_ROOT:
        pytest.skip("users of different uids need root")
    with Shared() as s:
        yield s
        assert "killed by signal" not in s.log and "BUG" not in s.log


def seen_by_owner(alice):
    alice.do("NOOP")
    rows = alice.do('LIST "" M*') + alice.do("GETACL M") + alice.do(
        "FETCH 1:* (UID FLAGS)") + alice.do("GETMETADATA M /shared/comment")
    return [re.sub(r"\\Recent ?", "", row) for row in rows if row.startswith("*")]


def begin_shared(alice, bob, rights):
    alice.do("UNSELECT")
    for box in ("M/new", "M/kept", "M/kept2", "M/gone", "M"):
        alice.do(f"DELETE {box}")
    for box in ("M", "M/kept", "M/gone"):
        assert " OK " in alice.do(f"CREATE {box}")[-1]
        assert " OK " in alice.do(f'SETACL {box} bob "{rights}"')[-1]
    for n in range(3):
        alice.append(MAIL, "M", "(\\Deleted) " if n == 2 else "(\\Answered) ")
    alice.do("SELECT M")
    # what was copied to and fro would double each time
    bob.do("SELECT INBOX")
    bob.do("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    assert " OK " in bob.do("CLOSE")[-1]
    bob.append(MAIL)


def check_row(alice, bob, missing, needs, command):
    refused = missing != "" and missing in needs
    before = seen_by_owner(alice) if refused else None
    answer = bob.do(command)[-1]
    assert answer.split()[1] == ("NO" if refused else "OK"), (missing, command, answer)
    if refused:
        assert seen_by_owner(alice) == before, (missing, command)


@pytest.mark.parametrize("missing", ["", *RIGHTS], ids=lambda r: r or "none")
def test_b20_each_command_and_each_right(shared, missing):
    alice = Wire(shared.imap_port).login()
    bob = Wire(shared.imap_port).login("bob")
    begin_shared(alice, bob, RIGHTS.replace(missing, "") if missing else RIGHTS)
    for needs, command in OUTSIDE:
        check_row(alice, bob, missing, needs, command)
    for needs, command in FROM_INBOX:
        bob.append(MAIL)
        bob.do("SELECT INBOX")
        check_row(alice, bob, missing, needs, command)
    alice.append(MAIL, "M")
    alice.append(MAIL, "M")
    assert (len(bob.do(f'LIST "" {M}')) == 1) == (missing == "l")
    if missing != "r":
        flags = next(row for row in bob.do(f"SELECT {M}") if "PERMANENTFLAGS" in row)
        for right, flag in (("s", "\\Seen"), ("w", "\\Flagged"), ("w", "\\*"), ("t", "\\Deleted")):
            assert (flag in flags) == (right != missing), (missing, flags)
        bob.do("FETCH 1 BODY[]")
        assert ("\\Seen" in bob.do("FETCH 1 FLAGS")[0]) == (missing != "s")
        for needs, command in INSIDE:
            bob.do("NOOP")
            check_row(alice, bob, missing, needs, command)
    alice.close()
    bob.close()


@pytest.mark.parametrize("missing", ["", "l", "r", "w"], ids=lambda r: r or "none")
def test_b20_searches_of_many_and_notifications(shared, missing):
    """[RFC7377 2.2] "r" for what is named, "l", too, for what is found; [RFC5465 4] as much for
    NOTIFY: without it the mailbox is not there."""
    alice = Wire(shared.imap_port).login()
    bob = Wire(shared.imap_port).login("bob")
    begin_shared(alice, bob, RIGHTS.replace(missing, "") if missing else RIGHTS)
    readable = missing not in ("l", "r")
    for where in (f"mailboxes ({M} {M}/kept)", "subtree shared/alice", "subtree-one shared/alice"):
        may = missing != "r" if where.startswith("mailboxes") else readable
        lines = bob.do(f"ESEARCH IN ({where}) RETURN (COUNT) ALL")
        assert " OK " in lines[-1]
        found = [row for row in lines if f'MAILBOX "{M}"' in row or f"MAILBOX {M} " in row]
        assert len(found) == may, (where, lines)
        assert may or not any("shared/alice" in row for row in lines), lines
    events = "(MessageNew MessageExpunge FlagChange)"
    for where in (f"mailboxes {M}", f"subtree {M}"):
        lines = bob.do(f"NOTIFY SET STATUS ({where} {events})")
        told = [row for row in lines if row.startswith(f"* STATUS {M} ")]
        assert len(told) == readable, (where, lines)
        alice.append(MAIL, "M")
        told = []
        # the broker's bell takes its time
        for _ in range(100 if readable else 10):
            told += [row for row in bob.do("NOOP") if "shared/alice" in row]
            if told:
                break
            time.sleep(0.05)
        assert (told != []) == readable, (where, told)
    # what is taken away is not heard of any more
    alice.do("SETACL M bob -r")
    bob.do("NOOP")
    alice.append(MAIL, "M")
    time.sleep(0.5)
    assert not any("STATUS" in row for row in bob.do("NOOP"))
    alice.close()
    bob.close()


# --- B6 -----------------------------------------------------------------------------------

def test_b6_nothing_is_slipped_into_what_another_server_is_told():
    """Mail of an imapc: location: each line that goes there is a command of ours."""
    with culver.Server() as there, Listener(there.imap_port) as ear:
        with culver.Server(config=REMOTE, extra=remote_settings(ear.port)) as here:
            c = Client(here)
            c.append(MAIL, "INBOX")
            c.do("CREATE keep")
            c.do("SELECT INBOX")
            evil = b'x"\r\nevil DELETE keep\r\nevil NOOP'
            literal = b"{%d+}\r\n%s" % (len(evil), evil)
            for command in (b"CREATE %s", b"DELETE %s", b"RENAME keep %s", b"SUBSCRIBE %s",
                            b"STATUS %s (MESSAGES)", b"COPY 1 %s", b'LIST "" %s', b"LIST %s *",
                            b"SEARCH SUBJECT %s", b"SEARCH HEADER %s x", b"SEARCH HEADER x %s",
                            b"SEARCH TEXT %s", b"SEARCH KEYWORD %s", b"SEARCH UNKEYWORD %s",
                            b"UID SEARCH CHARSET %s ALL", b"FETCH 1 BODY[HEADER.FIELDS (%s)]",
                            b"STORE 1 +FLAGS (%s)", b"APPEND INBOX (%s) {3+}\r\nabc",
                            b'SETMETADATA INBOX (%s "v")', b'SETMETADATA INBOX (/private/comment %s)'):
                assert c.ask(command % literal) in ("OK", "NO", "BAD"), command
            for word in (b"a)(b", b'a"b', b"a\\b", b"a%b", b"(a", b"a]b", b"\xc3\xa4"):
                assert c.ask(b"SEARCH KEYWORD " + word) == "BAD", word
                assert c.ask(b"STORE 1 +FLAGS (" + word + b")") in ("BAD", "NO"), word
            assert c.ask("STORE 1 +FLAGS (fine)") == "OK"
            c.close()
        lines = bytes(ear.said).split(b"\n")
        assert not [line for line in lines if line.startswith((b"evil", b"DELETE keep"))]
        with there.raw() as raw:
            raw.line()
            raw.command("LOGIN alice secret")
            assert b"keep" in b"".join(raw.command('LIST "" keep'))


# --- B15 ----------------------------------------------------------------------------------

SLEEPERS = 60


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])


def test_b15_many_in_idle():
    """Each costs little, and each hears of the one message that comes."""
    with culver.Server(extra="imap_hibernate_timeout = 1s\nmail_max_userip_connections = 0\n"
                       "service imap {\n  process_limit = 1000\n}\n") as server:
        idle = service(server, "idle")
        before = resident(idle)
        clients = [Wire(server.imap_port).login() for _ in range(SLEEPERS)]
        for c in clients:
            assert " OK " in c.do("SELECT INBOX")[-1]
            c.send("i IDLE\r\n")
            assert c.line().startswith("+")
        asleep(server)
        assert resident(idle) - before < 64 * SLEEPERS
        server.deliver(MAIL)
        for c in clients:
            c.sock.settimeout(60)
            assert c.line() == "* 1 EXISTS"
        asleep(server)
        assert resident(idle) - before < 64 * SLEEPERS
        for c in clients:
            c.file.close()
            c.sock.close()
        # who is gone costs nothing any more
        assert wait_until(lambda: " imap " not in server.adm("who").stdout)
        assert "BUG" not in server.log


def test_b15_many_notified_of_many_mailboxes():
    """NOTIFY for a thousand mailboxes: the state is no longer than their names."""
    with culver.Server(extra="imap_hibernate_timeout = 1s\nmail_max_userip_connections = 0\n") as server:
        maker = Wire(server.imap_port).login()
        for base in range(0, 1000, 100):
            maker.send("".join(f"c CREATE m{n}\r\n" for n in range(base, base + 100)))
            for _ in range(100):
                assert " OK " in maker.until("c")[-1]
        maker.file.close()
        maker.sock.close()
        idle = service(server, "idle")
        before = resident(idle)
        clients = [Wire(server.imap_port).login() for _ in range(10)]
        for c in clients:
            assert " OK " in c.do("NOTIFY SET (personal (MessageNew MessageExpunge))")[-1]
        asleep(server)
        assert resident(idle) - before < 256 * len(clients)
        # the first ones are watched one by one, of the others commits are heard of; the
        # second time by sessions that have woken with nothing open
        for n in (1, 2):
            other = Wire(server.imap_port).login()
            other.append(MAIL, "m999")
            for c in clients:
                c.sock.settimeout(30)
                assert c.line() == f"* STATUS m999 (MESSAGES {n} UIDNEXT {n + 1})"
            other.do("LOGOUT")
            other.close()
            asleep(server)
        assert resident(idle) - before < 256 * len(clients)
        assert "BUG" not in server.log


# --- B21 ----------------------------------------------------------------------------------

@pytest.mark.parametrize("url", [
    "/h/;UID=1;URLAUTH=anonymous:INTERNAL:91354a473744909de610943775f92038",
    "/h/;UID=1;URLAUTH=user+alice:internal:00", "/h/;UID=1;URLAUTH=submit+alice",
    "/h/;UID=1;EXPIRE=2000-01-01T00:00:00Z;URLAUTH=authuser:internal:" + "0" * 64,
    "imap://alice@127.0.0.1/h/;UID=1", "//127.0.0.1/h/;UID=1", "/h/;UID=1/;SECTION=1.1.1.1.1",
    "/h/;UID=1/;SECTION=%00", "/h/;UID=1/;PARTIAL=4294967296.1", "/h/;UID=1%0d%0a", "/%2e%2e/;UID=1",
    "/h;UIDVALIDITY=1/;UID=1", "/h/;UID=0", "/h/;UID=4294967295", "/" + "h" * 5000 + "/;UID=1"])
def test_b21_urls_that_are_refused(client, url):
    fresh(client, "h")
    client.append(MAIL, "h")
    line = client.do(f'APPEND h CATENATE (URL "{url}")')[-1]
    assert line.split()[1] in ("NO", "BAD"), line
    assert "MESSAGES 1" in client.do("STATUS h (MESSAGES)")[0]
    for command in (f'URLFETCH "{url}"', f'GENURLAUTH "{url}" INTERNAL'):
        lines = client.do(command)
        assert lines[-1].split()[1] in ("OK", "NO", "BAD")
        # nobody is given a byte for it
        assert not any("body" in row for row in lines), lines


def test_b21_authorized_urls():
    """Forged, bent, expired, revoked and endless ones; other users, other UIDVALIDITY."""
    with culver.Server("imap_urlauth_host = h\n") as s:
        alice, bob = Client(s), Wire(s.imap_port).login("bob")
        fresh(alice, "h")
        alice.append(MAIL, "h")
        rump = "imap://alice@h/h/;UID=1;URLAUTH=user+"

        def gives(client, url):
            lines = client.do(f'URLFETCH "{url}"')
            assert lines[-1].split()[1] == "OK", lines
            return not lines[0].endswith(" NIL")

        def authorize(rump):
            return re.fullmatch(r'\* GENURLAUTH "(.*)"',
                                alice.do(f'GENURLAUTH "{rump}" INTERNAL')[0])[1]

        url = authorize(rump + "bob")
        assert gives(bob, url) and not gives(alice, url)
        for who in ("Bob", "bob%00", "bob%20", "%42ob", "b", "bobb", "alice"):
            bent = url.replace("user+bob", f"user+{who}")
            assert not gives(bob, bent) and not gives(alice, bent)
        for bent in (url[:-1], url + "0", url[:-2] + "zz", url.replace("alice@", "bob@"),
                     url.replace("UID=1", "UID=01"), url.replace("/h/;", "/h//;"),
                     url.replace("@h/", "@H/"), url.replace("user+bob", "anonymous")):
            assert not gives(bob, bent), bent
        validity = re.search(r"UIDVALIDITY (\d+)", alice.do("STATUS h (UIDVALIDITY)")[0])[1]
        old = authorize(f"imap://alice@h/h;UIDVALIDITY={validity}/;UID=1;URLAUTH=user+bob")
        assert gives(bob, old)
        fresh(alice, "h")
        alice.append(MAIL, "h")
        assert not gives(bob, old) and not gives(bob, url)
        # a megabyte, as a literal and in a line; a hundred thousand
        for command in (b"x URLFETCH {1000000+}\r\n" + b"a" * 1000000 + b"\r\n",
                        b'x URLFETCH "imap://' + b"a" * 1000000 + b'"\r\n',
                        b"x URLFETCH" + b" u" * 100000 + b"\r\n",
                        b"x GENURLAUTH" + b" u INTERNAL" * 100000 + b"\r\n"):
            w = Wire(s.imap_port).login("bob")
            w.sock.settimeout(60)
            try:
                w.sock.sendall(command)
                line = w.file.readline().decode("latin-1")
            except (ConnectionError, BrokenPipeError):
                line = "* BYE"
            assert line == "" or line.startswith(("x BAD", "x NO", "* BYE")), line[:100]
            w.close()
        assert gives(bob, authorize(rump + "bob"))
        assert "killed by signal" not in s.log and "BUG" not in s.log
