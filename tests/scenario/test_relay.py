"""A TLS relay of its own: what it has as its parent has it is the parent's
again when it is silent, and it works as before."""
import imaplib
import pathlib
import re
import ssl
import time

import pytest

import culver

pytestmark = pytest.mark.skipif(not culver.IS_ROOT, reason="looks into processes of others")

QUIET_SECONDS = 2
BODY = b"Subject: large\r\n\r\n" + b"".join(b"line %06d of the message\r\n" % n
                                          for n in range(40000))


def children(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(p) for p in tasks.read_text().split()]


def login_children(server):
    """Of the imap-login zygote, its spawner's too: [pid]."""
    for pid in children(server.process.pid):
        if b"imap-login" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return children(pid)
    raise AssertionError("there is no imap-login")


def mapping(pid):
    """KiB of (OpenSSL's shared memory, what of it are own copies), None: none."""
    found, inside = None, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
            inside = "rw-p" in line and "memfd:tls-memory" in line
        elif inside and line.startswith(("Size:", "Anonymous:")):
            kib = int(line.split()[1])
            size, own = found or (0, 0)
            found = (size + kib, own) if line.startswith("Size:") else (size, own + kib)
    return found


def is_sanitized(pid):
    return "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text()


def tls_login(server):
    client = imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port,
                               ssl_context=ssl._create_unverified_context())
    client.login("alice", "secret")
    return client


def relays_of(server, count):
    """Clients, and the process that the last one's relay is."""
    clients = [tls_login(server) for _ in range(count)]
    before = set(login_children(server))
    clients.append(tls_login(server))
    relay, = set(login_children(server)) - before
    return clients, relay


def works(client):
    assert client.append("INBOX", None, None, BODY)[0] == "OK"
    assert client.select("INBOX")[0] == "OK"
    assert client.fetch("*", "(BODY.PEEK[])")[1][0][1] == BODY


def quiet_and_busy(clients, relay):
    works(clients[-1])
    busy = mapping(relay)
    time.sleep(QUIET_SECONDS + 1)
    quiet = mapping(relay)
    if not is_sanitized(relay):
        assert quiet[1] < quiet[0] / 4
        assert quiet[1] < busy[1]
    for client in reversed(clients):
        works(client)
    time.sleep(QUIET_SECONDS + 1)
    works(clients[-1])
    for client in clients:
        client.logout()


def test_a_silent_relay_gives_memory_back_and_goes_on(make_server):
    # the first handshake is what has the parent prepare for others
    quiet_and_busy(*relays_of(make_server(), 2))


def test_the_same_of_a_relay_that_the_spawner_has_forked(make_server):
    server = make_server()
    silent = [server.raw() for _ in range(300)]
    for client in silent:
        client.line()
    quiet_and_busy(*relays_of(server, 3))
    for client in silent:
        client.close()
