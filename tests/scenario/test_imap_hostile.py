"""What a client that has logged in may try: section B of the checklist in
security.md, for what IMAP has.  Each answer is defined, comes in bounded time, and
the memory of a session stays within bounds."""
import os
import re
import socket
import time

import pytest

import culver
from test_imap_session import Wire

MAIL = b"From: a@example.org\r\nSubject: one\r\n\r\nbody\r\n"
SESSION_KIB_MAX = 96 * 1024


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s
        assert "killed by signal" not in s.log and "BUG" not in s.log


def sessions(server):
    """The processes of the server that serve IMAP, by pid."""
    found = {}
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and b"imap" in open(f"/proc/{pid}/cmdline", "rb").read():
                status = open(f"/proc/{pid}/status").read()
                found[int(pid)] = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
        except (OSError, TypeError):
            pass
    return found


class Client(Wire):
    def __init__(self, server):
        before = set(sessions(server))
        super().__init__(server.imap_port)
        self.server = server
        self.login()
        self.pids = set(sessions(server)) - before

    def ask(self, data, seconds=10):
        """The word behind the tag, or "closed"; in so many seconds."""
        self.sock.settimeout(seconds)
        begin = time.monotonic()
        try:
            self.send(b"h " + (data.encode() if isinstance(data, str) else data) + b"\r\n")
        except OSError:
            pass
        try:
            answer = self.until("h")[-1].split()[1]
        except (AssertionError, ConnectionError, BrokenPipeError) as e:
            if isinstance(e, AssertionError) and "closed" not in str(e):
                raise
            answer = "closed"
        assert time.monotonic() - begin < seconds
        return answer

    def memory(self):
        """The most that one of the processes of this session had, in KiB."""
        return max([kib for pid, kib in sessions(self.server).items() if pid in self.pids] or [0])


@pytest.fixture
def client(server):
    w = Client(server)
    w.do("DELETE h")
    w.do("CREATE h")
    w.append(MAIL, "h")
    w.append(MAIL, "h")
    w.do("SELECT h")
    yield w
    w.close()
    w.file.close()
    fresh = Wire(server.imap_port).login()
    assert " OK " in fresh.do("SELECT INBOX")[-1]
    fresh.close()


@pytest.mark.parametrize("command", ["SEARCH ", "FETCH 1 ", "STATUS h ", "LIST ", "STORE 1 FLAGS ",
                                     "ID ", "SELECT h ", "APPEND h "])
def test_b1_nested_lists(client, command):
    for depth in (21, 1000, 100000):
        answer = client.ask(command + "(" * depth + ")" * depth)
        assert answer in ("BAD", "closed")
        if answer == "closed":
            break
    assert client.memory() < SESSION_KIB_MAX


def test_b2_tokens(client):
    assert client.ask("SEARCH " + "1 " * 30000) in ("BAD", "closed")
    again = Client(client.server)
    assert again.ask("SEARCH " + "1 " * 1000000) in ("BAD", "closed")
    assert again.memory() < SESSION_KIB_MAX
    third = Client(client.server)
    assert third.ask(b"SEARCH SUBJECT {1+}\r\nx" * 10000) in ("BAD", "closed")
    assert third.memory() < SESSION_KIB_MAX
    for w in (again, third):
        w.close()


@pytest.mark.parametrize("seqs, answer", [
    ("0", "BAD"), ("1:0", "BAD"), ("*:1", "OK"), ("2:1", "OK"), ("3", "BAD"), ("", "BAD"),
    ("4294967296", "BAD"), ("1,", "BAD"), (",1", "BAD"), ("1:2:2", "BAD"), ("-1", "BAD"),
    (",".join(["1:*"] * 15000), "OK"), (",".join(["1", "2"] * 15000), "OK"),
])
def test_b3_sequence_sets(client, seqs, answer):
    assert client.ask(f"FETCH {seqs} UID", 5) == answer


def test_b3_uid_sets(client):
    assert client.ask("UID FETCH 1:4294967295 UID") == "OK"
    assert client.ask("UID FETCH 4294967295 UID") == "OK"
    assert client.ask("UID FETCH 4294967296 UID") == "BAD"
    odd = ",".join(str(n) for n in range(1, 20000, 2))
    assert client.ask(f"UID FETCH {odd} UID") == "OK"
    assert client.ask(f"UID SEARCH UID {odd}") == "OK"
    assert client.ask("UID FETCH " + ",".join(str(n) for n in range(1, 2000000, 2))) in (
        "BAD", "closed")


def test_b4_fetch_items(client):
    # the same thing many times is sent once
    client.send("x FETCH 1 (" + " ".join(["BODY.PEEK[]"] * 5000) + ")\r\n")
    assert sum(len(line) for line in client.until("x")) < 10000
    assert client.ask("FETCH 1 (" + " ".join(f"BODY.PEEK[]<{n}.1>" for n in range(3000)) + ")") \
        == "BAD"
    assert client.ask("FETCH 1 BODY.PEEK[" + "1." * 1000 + "1]") == "BAD"
    assert client.ask("FETCH 1 BODY.PEEK[" + "1." * 98 + "1]") == "OK"
    assert client.ask("FETCH 1 BODY.PEEK[]<0.4294967295>") == "OK"
    assert client.ask("FETCH 1 BODY.PEEK[]<4294967295.1>") == "OK"
    assert client.ask("FETCH 1 BODY.PEEK[]<4294967296.1>") == "BAD"
    assert client.ask("FETCH 1 BINARY.PEEK[1]<4294967295.4294967295>") == "OK"
    fields = " ".join(f"x{n}" for n in range(5000))
    assert client.ask(f"FETCH 1:* BODY.PEEK[HEADER.FIELDS ({fields})]") == "OK"
    assert client.memory() < SESSION_KIB_MAX


def test_b5_search_programs(client):
    assert client.ask("SEARCH " + "NOT " * 7000 + "ALL") == "BAD"
    assert client.ask("SEARCH " + "OR ALL " * 3000 + "ALL") in ("OK", "BAD")
    assert client.ask("SEARCH " + "TEXT x " * 3500) in ("OK", "BAD")
    assert client.ask("SEARCH TEXT " + "a" * 60000) == "OK"
    assert client.ask("SEARCH TEXT \"" + "ab" * 30000 + "\"") == "OK"
    assert client.ask("SEARCH CHARSET X-NONE TEXT x") in ("NO", "BAD")
    assert client.ask("SEARCH KEYWORD a)(b") == "BAD"
    assert client.ask(b"SEARCH SUBJECT {3+}\r\na\0b") == "BAD"
    assert client.ask("SEARCH LARGER 18446744073709551616") == "BAD"
    for date in ("1-Jan-99999", "32-Jan-2000", "0-Jan-2000", "1-Foo-2000", "1-Jan-0000", "-1-Jan-1"):
        assert client.ask(f"SEARCH BEFORE {date}") in ("BAD", "OK"), date
    assert client.ask("NOOP") == "OK"


def test_b8_patterns(client):
    name = "/".join(["a" * 30] * 30)
    assert client.ask(f"CREATE {name}") in ("OK", "NO")
    for pattern in ("*%" * 500, "%/" * 500 + "%", "*a" * 400 + "b", "*" * 1000, "%" * 1000,
                    "*a" * 100 + "*"):
        assert client.ask(f'LIST "" {pattern}', 2) == "OK", pattern[:20]
    assert client.ask('LIST "" (' + "*a*a*b " * 7000 + "x)", 5) in ("OK", "BAD", "NO")


@pytest.mark.parametrize("name", [
    "x" * 300, "x" * 60000, "/".join(["a"] * 1000), "", ".", "..", "../x", "a/../../b", "/etc/passwd",
    "~other", "~other/x", "a//b", "a/", "/", "&", "&AA", "&-&-x", "&AGE-", "&2AA-", "&AAA-", "&//8-",
    "cur", "new", "tmp", "culver", "dovecot.index", ".culver", "a/cur", "a/./b", "%", "*",
])
def test_b9_b10_mailbox_names(client, name):
    """Refused, or made where the user's mail is, under this name and no other."""
    home = client.server.home("alice")
    root = {p for p in home.parent.iterdir()} | {p for p in home.iterdir()}
    answer = client.ask(f'CREATE "{name}"')
    assert answer in ("OK", "NO", "BAD")
    assert {p for p in home.parent.iterdir()} | {p for p in home.iterdir()} == root
    if answer == "OK":
        lines = client.do('LIST "" *')
        assert any(name.rstrip("/") in line for line in lines), lines
        assert " OK " in client.append(MAIL, f'"{name}"'.replace("/\"", "\""))[-1]
        assert client.ask(f'DELETE "{name}"'.replace("/\"", "\"")) == "OK"


def test_b10_bytes_in_names(client):
    for name in (b"{3+}\r\na\0b", b"{4+}\r\na\r\nb", b"\"a\xff\"", b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"",
                 b"{2+}\r\n\r\n"):
        assert client.ask(b"CREATE " + name) in ("NO", "BAD"), name
    assert client.ask("NOOP") == "OK"


def test_b11_rename(client):
    client.do("CREATE r")
    client.append(MAIL, "r")
    for source, target in (("r", "r/below"), ("r", "INBOX"), ("r", "h"), ("none", "x"), ("r", "r"),
                           ("h", "../h"), ("r", "")):
        assert client.ask(f'RENAME "{source}" "{target}"') in ("NO", "BAD", "OK")
    names = [line for line in client.do('LIST "" *') if re.search(r" r(/below)?$", line)]
    assert names
    found = [w for w in ("r", "r/below") if "MESSAGES 1" in client.do(f"STATUS {w} (MESSAGES)")[0]]
    assert found
    client.do(f"DELETE {found[0]}")
    client.do("DELETE r")


def test_b12_append(client):
    for size in (4 << 30, (1 << 63) - 1, 1 << 63, 1 << 64, 10 ** 30):
        w = Client(client.server)
        w.send(f"h APPEND h {{{size}}}\r\n")
        assert not w.line().startswith("+ ")
        w.close()
        w.file.close()
        w = Client(client.server)
        assert w.ask(f"APPEND h {{{size}+}}") in ("closed", "NO", "BAD")
        w.close()
    for options in ('"32-Jan-2000 00:00:00 +0000"', '"x"', "(\\Recent)", "(\\*)", '("a")', "((a))",
                    "(" + " ".join(f"k{n}" for n in range(8000)) + ")"):
        answer = client.ask(f"APPEND h {options} {{{len(MAIL)}+}}\r\n".encode() + MAIL)
        assert answer in ("NO", "BAD", "closed"), options
        if answer == "closed":
            client = Client(client.server)
    assert "MESSAGES 2" in client.do("STATUS h (MESSAGES)")[0]


@pytest.mark.parametrize("form,answer", [
    (b"APPEND INBOX %b", "NO"), (b"APPEND nobox %b", "NO"), (b"APPEND INBOX (\\Foo) %b", "BAD"),
    (b"APPEND INBOX CATENATE (%b)", "OK"), (b"APPEND nobox CATENATE (%b)", "NO"),
    (b"APPEND INBOX CATENATE (%b URL /x)", "NO")])
def test_b2_a_hundred_thousand_messages_or_parts(server, form, answer):
    """However many come without being asked for: one answer, and the session goes on."""
    c = Client(server)
    before = c.ask('STATUS INBOX (MESSAGES)')
    part = b"TEXT " if b"CATENATE" in form else b""
    assert c.ask(form % b" ".join([part + b"{%d+}\r\n%b" % (len(MAIL), MAIL)] * 100000), 60) == answer
    assert c.ask("NOOP") == before == "OK"
    assert c.memory() < SESSION_KIB_MAX
    c.close()


def test_b12_append_cut_at_every_byte(client):
    whole = b"h APPEND h (\\Seen) {%d+}\r\n" % len(MAIL) + MAIL
    for cut in range(len(whole) - 1, 0, -7):
        with socket.create_connection(("127.0.0.1", client.server.imap_port), 10) as sock:
            sock.sendall(b"a LOGIN alice secret\r\n" + whole[:cut])
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    assert "MESSAGES 2" in client.do("STATUS h (MESSAGES)")[0]
    left = [p for p in client.server.home("alice").rglob("*") if p.parent.name == "tmp"]
    assert left == []


def test_b13_keywords(client):
    assert client.ask("STORE 1 +FLAGS (" + " ".join(f"k{n}" for n in range(7000)) + ")") in (
        "NO", "BAD", "closed")
    w = Client(client.server)
    w.do("SELECT h")
    assert w.ask("STORE 1 +FLAGS (" + "k" * 60000 + ")") in ("NO", "BAD")
    for flag in ("\\Recent", "\\Foo", "a)(b", "a]b", "\"a\"", "{1+}\r\nx", "a\\b", "%", "*", "\\"):
        assert w.ask(f"STORE 1 +FLAGS ({flag})") in ("NO", "BAD", "closed"), flag
    assert w.ask("NOOP") == "OK"
    # the mailbox has a limit, and each answer says so
    refused = 0
    for n in range(40):
        flags = " ".join(f"many{n}x{k}" for k in range(200))
        refused += w.ask(f"STORE 1 +FLAGS.SILENT ({flags})", 20) == "NO"
    assert refused > 0
    assert len(w.do("FETCH 1 FLAGS")[0].split()) < 6000
    w.close()


def test_b14_modseqs(client):
    for value in ("0", "9223372036854775807"):
        assert client.ask(f"STORE 1 (UNCHANGEDSINCE {value}) +FLAGS (\\Seen)") in ("OK", "BAD", "NO")
    for value in ("18446744073709551616", "-1", "x", ""):
        assert client.ask(f"STORE 1 (UNCHANGEDSINCE {value}) +FLAGS (\\Seen)") == "BAD"
    assert client.ask("NOOP") == "OK"


def test_b17_a_client_that_does_not_read(client):
    """Commands wait, and the session does not grow."""
    client.append(b"Subject: big\r\n\r\n" + b"x" * 70 * 20000, "h")
    client.do("NOOP")
    client.sock.setblocking(False)
    sent = 0
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            sent += client.sock.send(b"p FETCH 3 BODY.PEEK[]\r\n" * 100)
        except BlockingIOError:
            time.sleep(0.05)
    assert client.memory() < SESSION_KIB_MAX
    # nothing is locked meanwhile
    other = Wire(client.server.imap_port).login()
    assert " OK " in other.append(MAIL, "h")[-1]
    other.close()


def test_b19_rights(client):
    for who in ('"a b"', '"a\\"b"', '""', '"-"', '"$"', '"--x"', "{3+}\r\na\nb", "{3+}\r\na\tb",
                "x" * 5000, '"#owner"'):
        for rights in ("lr", "+l", "-l", "z9", '""', "l" * 5000):
            assert client.ask(f"SETACL h {who} {rights}") in ("OK", "NO", "BAD")
    assert client.ask(b"SETACL h {3+}\r\na\0b lr") == "BAD"
    for line in client.do("GETACL h"):
        assert "\t" not in line and "\n" not in line
    # the owner is not locked out, and what is not there is not told apart
    assert client.ask("SELECT h") == "OK"
    for command in ("GETACL", "MYRIGHTS", "SETACL {} x lr", "LISTRIGHTS {} x", "DELETEACL {} x"):
        command = command if "{}" in command else command + " {}"
        assert client.ask(command.format("none")) == "NO"


def test_b22_annotations(client):
    for entry in ("/private/../../x", "/shared/a/..", "/private//x", "/private/x/", "/other/x", "x",
                  "/private/*", "/private/%", "/" + "x" * 5000, '"/private/a b"'):
        assert client.ask(f'SETMETADATA h ({entry} "v")') in ("OK", "NO", "BAD")
    assert client.ask(b"SETMETADATA h (/private/x {3+}\r\na\0b)") in ("NO", "BAD")
    answers = {client.ask("SETMETADATA h (" + " ".join(
        f'/private/many/{n}x{k} "{"v" * 100}"' for k in range(300)) + ")") for n in range(30)}
    assert "NO" in answers and answers <= {"OK", "NO"}
    assert client.ask("GETMETADATA h /private/many") in ("OK", "NO")
    assert client.memory() < SESSION_KIB_MAX


def test_b23_mailboxes_that_go_away(client):
    other = Wire(client.server.imap_port).login()
    other.do("DELETE h")
    other.do("CREATE h")
    other.append(MAIL.replace(b"one", b"another"), "h")
    for command in ("FETCH 1 BODY.PEEK[]", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "COPY 1 INBOX"):
        client.sock.settimeout(10)
        client.send(f"y {command}\r\n")
        lines = []
        try:
            lines = client.until("y")
        except (AssertionError, ConnectionError):
            break
        assert not any("another" in line for line in lines)
    assert "MESSAGES 1" in other.do("STATUS h (MESSAGES)")[0]
    other.do("SELECT h")
    assert "\\Deleted" not in other.do("FETCH 1 FLAGS")[0]
    other.close()


def test_b27_copies_to_itself(client):
    for _ in range(9):
        assert client.ask("COPY 1:* h", 20) == "OK"
        client.do("NOOP")
    assert "MESSAGES 1024" in client.do("STATUS h (MESSAGES)")[0]
    assert client.ask("MOVE 1:* h", 20) in ("OK", "NO")
    assert "MESSAGES 1024" in client.do("STATUS h (MESSAGES)")[0]
    assert client.memory() < SESSION_KIB_MAX


@pytest.mark.parametrize("keys", [
    "RETURN (PARTIAL 1:4294967295) ALL", "RETURN (PARTIAL 4294967295:4294967295) ALL",
    "RETURN (PARTIAL -4294967295:-1) ALL", "MODSEQ 9223372036854775807"])
def test_b5_the_largest_numbers(client, keys):
    assert client.ask("SEARCH " + keys) == "OK"


@pytest.mark.parametrize("keys", [
    "RETURN (PARTIAL 1:4294967296) ALL", "RETURN (PARTIAL 0:1) ALL", "RETURN (PARTIAL -1:1) ALL",
    "RETURN (PARTIAL 1) ALL", "MODSEQ 9223372036854775808", "MODSEQ 18446744073709551616",
    "MODSEQ -1"])
def test_b5_numbers_that_are_too_large(client, keys):
    assert client.ask("SEARCH " + keys) == "BAD"


def test_b5_a_saved_result_that_has_gone(client):
    """[RFC5182 2.1] "$" follows expunges; a search that fails empties it."""
    client.do("SEARCH RETURN (SAVE) ALL")
    other = Wire(client.server.imap_port).login()
    other.do("SELECT h")
    other.do("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.do("EXPUNGE")
    client.do("NOOP")
    assert client.do("SEARCH $")[0] == "* SEARCH 1"
    assert client.ask("SEARCH RETURN (SAVE) CHARSET X-NONE TEXT x") in ("NO", "BAD")
    assert len(client.do("FETCH $ UID")) <= 2
    # pipelined: each sees what the one before has saved
    client.send("p SEARCH RETURN (SAVE) NOT ALL\r\nq FETCH $ UID\r\nr SEARCH RETURN (SAVE) ALL\r\n"
                "s FETCH $ UID\r\n")
    assert not any("FETCH" in line and line.startswith("*") for line in client.until("q"))
    assert any(line.startswith("* 1 FETCH (UID ") for line in client.until("s"))
    other.close()


def test_b14_resync_from_nonsense(client):
    """[RFC7162 3.2.5] bounded, and what there is is told."""
    client.do("ENABLE QRESYNC")
    state = client.do("SELECT h")
    validity = re.search(r"UIDVALIDITY (\d+)", "".join(state))[1]
    odd = ",".join(str(n) for n in range(1, 9001, 2))
    for args in (f"{validity} 1 1:4294967295", f"{validity} 1 {odd}",
                 f"{validity} 9223372036854775807 1:4294967295", f"4294967295 1 1:4294967295",
                 f"{validity} 1 1:4294967295 (1:4294967295 1:4294967295)",
                 f"{validity} 1 1:10 (1:3 4294967293:4294967295)",
                 f"{validity} 1 1:9000 ({odd} {odd})"):
        client.do("UNSELECT")
        client.send(f"z SELECT h (QRESYNC ({args}))\r\n")
        lines = client.until("z")
        assert lines[-1].startswith(("z OK", "z BAD")), (args[:40], lines[-1])
        assert sum(len(line) for line in lines) < 100000
        if lines[-1].startswith("z OK"):
            assert "* 2 EXISTS" in "".join(lines)
            assert not any(line.startswith("* VANISHED (EARLIER) 1:4294967295") for line in lines)
    for args in ("0 1", f"{validity} 0", f"{validity} 18446744073709551616", f"{validity} 1 0",
                 f"{validity} 1 *", f"{validity} 1 1:2 (1:2 1:3)"):
        client.ask("UNSELECT")
        assert client.ask(f"SELECT h (QRESYNC ({args}))") == "BAD", args
    assert client.memory() < SESSION_KIB_MAX


def test_b22_a_value_that_is_too_long(client):
    """Refused before it is read, or passed over; the session goes on, or a new one does."""
    answer = client.ask(b"SETMETADATA h (/private/comment {10000000+}\r\n" + b"v" * 10000000 + b")")
    assert answer in ("NO", "BAD", "closed")
    other = Wire(client.server.imap_port).login()
    assert other.do("GETMETADATA h /private/comment")[0].split()[1] == "OK"
    assert client.memory() < SESSION_KIB_MAX
    other.close()
