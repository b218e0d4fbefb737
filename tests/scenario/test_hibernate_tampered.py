"""What a sleeping session left with the process idle may have been changed there:
it ends that session with words or goes on, in bounded time and without a crash, and
no other session notices [security.md B24].  Whose session it is is sealed: idle
cannot turn it into another user's."""
import collections
import os
import pathlib
import re
import struct

import pytest

import culver
from test_hibernate import MESSAGE, QUICK, asleep, login, service, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may write the memory of idle")
MAGIC = b"CVss\0\3"
HEAD = len(MAGIC) + 16          # and the numbers of bytes in and out
PARTS = 4                       # compression, slots, view, annotations


@pytest.fixture
def server():
    with culver.Server(extra=QUICK + "mail_max_userip_connections = 100\n") as s:
        for _ in range(3):
            s.deliver(MESSAGE)
        yield s
        assert "killed by signal" not in s.log and "BUG" not in s.log


class Memory:
    """That of a process."""

    def __init__(self, pid):
        self.pid = pid
        self.file = open(f"/proc/{pid}/mem", "r+b", buffering=0)

    def find(self, needle):
        """Where it stands in what the process may write."""
        for row in pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            begin, end = (int(x, 16) for x in row.split()[0].split("-"))
            if row.split()[1].startswith("rw"):
                data = self.read(begin, end - begin)
                yield from (begin + m.start() for m in re.finditer(re.escape(needle), data))

    def read(self, place, size):
        self.file.seek(place)
        return self.file.read(size)

    def write(self, place, data):
        self.file.seek(place)
        self.file.write(data)


def sleepers(server, count):
    """So many clients of alice, asleep, no two of whom have the same state."""
    clients = []
    for i in range(count):
        c = login(server)
        c.command("ENABLE QRESYNC")
        c.command("SELECT INBOX")
        c.command("SEARCH RETURN (SAVE) 1:2")
        c.command("SEARCH RETURN (UPDATE) ALL")
        c.command("NOTIFY SET (selected (MessageNew MessageExpunge))")
        c.command("NOOP", tag="x" * (i + 1))
        clients.append(c)
    asleep(server)
    return clients


def states(memory):
    """{the state's beginning: where copies of it are}"""
    found = collections.defaultdict(list)
    for place in memory.find(MAGIC):
        found[memory.read(place, HEAD)].append(place)
    return found


def layout(memory, state):
    """Where the lengths of the parts stand, and the protocol's own."""
    at, lengths = state + HEAD, []
    for _ in range(PARTS):
        lengths.append(at)
        at += 4 + struct.unpack(">I", memory.read(at, 4))[0]
    return lengths, at


def answer(c):
    """The word behind the tag; "" when the server closes."""
    c.sock.settimeout(20)
    try:
        c.send("x UID FETCH 1:* FLAGS\r\n")
        return (c.until("x")[-1].split() + [b"", b""])[1].decode()
    except ConnectionError:
        return ""


# from the lengths of the parts, and the protocol's own: what is written where
ENDINGS = {
    "no length of compression": lambda lengths, own: (lengths[0], b"\xff\xff\xff\xff"),
    "a length of slots": lambda lengths, own: (lengths[1], b"\0\0\xff\xff"),
    "a length of the view": lambda lengths, own: (lengths[2], b"\x7f\xff\xff\xff"),
    "no view": lambda lengths, own: (lengths[2], b"\0\0\0\0"),
    "a byte of the view": lambda lengths, own: (lengths[2] + 24, b"\xa5"),
    "its last byte": lambda lengths, own: (lengths[3] - 1, b"\xa5"),
    "the protocol's version": lambda lengths, own: (own, b"\x7f"),
    "more messages than there are": lambda lengths, own: (own + 6, b"\xff\xff\xff\xff"),
    "more recent ones": lambda lengths, own: (own + 10, b"\xff\xff\xff\xff"),
}


def by_client(memory, clients):
    """The copies of each client's state, in their order: what they sent tells them apart."""
    found = states(memory)
    numbers = sorted({head[len(MAGIC):len(MAGIC) + 8] for head in found})[-len(clients):]
    assert len(numbers) == len(clients), "the test does not know this version of the state"
    return [[place for head, places in found.items() if head[len(MAGIC):len(MAGIC) + 8] == number
             for place in places] for number in numbers]


def test_what_cannot_be_ends_its_session_alone(server):
    other = login(server, "bob")
    other.command("EXAMINE INBOX")
    clients = sleepers(server, len(ENDINGS) + 1)
    memory = Memory(service(server, "idle"))
    for change, copies in zip(ENDINGS.values(), by_client(memory, clients)):
        for state in copies:
            place, data = change(*layout(memory, state))
            assert memory.read(place, len(data)) != data
            memory.write(place, data)
    for what, c in zip(ENDINGS, clients):
        before = len(server.log)
        assert answer(c) == "" and c.closed(), what
        assert wait_until(lambda: "cannot go on with a session" in server.log[before:]), what
        c.close()
    assert answer(clients[-1]) == "OK"
    assert answer(other) == "OK"
    clients[-1].close()
    other.close()


def test_any_byte_may_be_another(server):
    clients = sleepers(server, 60)
    memory = Memory(service(server, "idle"))
    for i, copies in enumerate(by_client(memory, clients)):
        for state in copies:
            own = layout(memory, state)[1]
            place = (own if i < 50 else state + HEAD) + 3 * i % 150
            memory.write(place, bytes([memory.read(place, 1)[0] ^ (0xff, 0x80, 0x01)[i % 3]]))
    said = collections.Counter(map(answer, clients))
    assert set(said) <= {"OK", "NO", "BAD", ""}
    for c in clients:
        c.close()
    with login(server) as fresh:
        assert fresh.command("SELECT INBOX")[-1].startswith(b"x OK")


def test_nobody_becomes_somebody_else(server):
    clients = sleepers(server, 1)
    memory = Memory(service(server, "idle"))
    places = [place for state in states(memory).values() for place in state]
    names = [place for place in memory.find(b"alice") if min(abs(place - p) for p in places) < 65536]
    assert names
    for place in names:
        memory.write(place, b"bobby")
    assert answer(clients[0]) == ""
    assert "bobby" not in "".join(row for row in server.log.splitlines() if "Login" in row)
