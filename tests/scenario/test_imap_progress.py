"""INPROGRESS [RFC9585]: a command that takes long says how far it is, a short one
does not.  Time passes while the session is stopped in the middle of its work."""
import os
import re
import select
import signal
import time

import pytest

import culver
from test_hibernate import login, sessions

SECONDS = 10.3                  # [RFC9585 4] every 10 to 15 seconds
COUNT = 4096
BODY = b"".join(b"%d %d quick brown foxes\r\n" % (n, n * n) for n in range(500))
MESSAGE = b"From: a@example.org\r\nSubject: long\r\n\r\n" + BODY
# each message has to be read to its end for each of them
SLOW = "SEARCH " + " ".join(f"NOT TEXT nowhere{n}" for n in range(20))
NOTE = re.compile(r'\* OK \[INPROGRESS \((NIL|"[^"]*") (NIL|\d+) (NIL|\d+)\)\] \S.*')


@pytest.fixture(scope="module")
def server():
    with culver.Server(extra="imap_hibernate_timeout = 0\n") as s:
        with login(s) as c:
            c.command(f"APPEND INBOX {{{len(MESSAGE)}+}}\r\n" + MESSAGE.decode())
            c.command("SELECT INBOX")
            for _ in range(COUNT.bit_length() - 1):
                assert c.command("COPY 1:* INBOX")[-1].startswith(b"x OK")
        yield s


@pytest.fixture
def client(server):
    with login(server) as c:
        c.command("SELECT INBOX")
        c.sock.settimeout(60)
        yield c


def begun_to_read(pid):
    """Waits until it has worked for some hundredths of a second."""
    def used():
        with open(f"/proc/{pid}/stat") as f:
            return sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13])
    before, end = used(), time.monotonic() + 10
    while used() < before + 4:
        assert time.monotonic() < end
        time.sleep(0.001)


def slowly(server, client, tag, command, begun=begun_to_read):
    """The lines of its answer, when the session stops for a while in the middle."""
    [pid] = sessions(server)
    client.send(f"{tag} {command}\r\n".encode())
    begun(pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not select.select([client.sock], [], [], 0.1)[0], "it has ended before"
        time.sleep(SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
    lines = []
    while not lines or not lines[-1].startswith(tag + " "):
        lines.append(client.line().decode().rstrip("\r\n"))
    return lines


def note_of(lines):
    """What it has said meanwhile, once."""
    [note] = [line for line in lines if "INPROGRESS" in line]
    # [RFC9585 4] never in a tagged reply, and in no other response
    assert NOTE.fullmatch(note), note
    return NOTE.fullmatch(note).groups()


def test_capability(client):
    assert b"INPROGRESS" in b"".join(client.command("CAPABILITY")).split()


def test_a_long_search_says_how_far_it_is(server, client):
    lines = slowly(server, client, "k7", SLOW)
    tag, done, goal = note_of(lines)
    assert tag == '"k7"' and int(goal) == COUNT and 0 < int(done) < COUNT
    # between lines, before the answer
    assert "INPROGRESS" in lines[0] and lines[1].startswith("* SEARCH 1 2 3 ")
    assert len(lines[1].split()) == 2 + COUNT and lines[2].startswith("k7 OK")
    # the next one begins anew, and is short
    assert not any(b"INPROGRESS" in line for line in client.command(SLOW))


def test_a_tag_that_would_end_the_code_is_not_told(server, client):
    """[RFC9585 4] "]" in it."""
    tag, done, goal = note_of(slowly(server, client, "k]8", SLOW))
    assert tag == "NIL" and int(done) < int(goal) == COUNT


def test_a_long_copy(server, client):
    """All are copied, or none; what it says is no promise."""
    home = server.home("alice") / "Maildir" / ".far"
    client.command("CREATE far")

    def begun(pid):
        end = time.monotonic() + 10
        while not any(files for _, _, files in os.walk(home) if len(files) > 20):
            assert time.monotonic() < end
    lines = slowly(server, client, "c1", "COPY 1:* far", begun)
    tag, done, goal = note_of(lines)
    assert tag == '"c1"' and int(goal) == COUNT and 0 < int(done) < COUNT
    assert lines[-1].startswith("c1 OK [COPYUID ")
    status = b"".join(client.command("STATUS far (MESSAGES)"))
    assert b"MESSAGES %d)" % COUNT in status
    client.command("DELETE far")


def test_short_ones_say_nothing(client):
    """Neither one that comes a long time after another."""
    for turn in range(2):
        time.sleep(turn * SECONDS)
        for command in (SLOW, "COPY 1:1000 INBOX", "STORE 4097:* +FLAGS.SILENT (\\Deleted)",
                        "EXPUNGE", "SORT (SUBJECT) UTF-8 ALL", "FETCH 1:100 (BODY.PEEK[])"):
            lines = client.command(command)
            assert lines[-1].startswith(b"x OK"), lines[-1]
            assert not any(b"INPROGRESS" in line for line in lines), command
