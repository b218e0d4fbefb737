"""A session that ends while its client is still sending: what was said last must arrive, and the
connection end in order. Closing with input unread makes the kernel send a reset."""
import socket
import ssl
import time

import pytest

import culver

JUNK = b"x" * 1000 + b"\r\n"


def connect(server, tls):
    port = server.imaps_port if tls else server.imap_port
    sock = socket.create_connection(("127.0.0.1", port), 20)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        sock = context.wrap_socket(sock)
    return sock


def talk(sock, line):
    sock.sendall(line + b"\r\n")
    tag, got = line.split()[0], b""
    while not any(row.startswith(tag + b" ") for row in got.split(b"\r\n")):
        data = sock.recv(65536)
        assert data, got
        got += data
    return got


def rest(sock):
    """All that comes; ConnectionResetError is what is tested."""
    got = b""
    while True:
        data = sock.recv(65536)
        if not data:
            return got
        got += data


@pytest.fixture(scope="module", params=["1", "0"], ids=["own relay", "shared relay"])
def server(request):
    extra = f"service imap-login {{\n  service_count = {request.param}\n}}\n"
    with culver.Server(config=culver.CONFIG, extra=extra) as server:
        yield server


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_logout_with_much_behind_it(server, tls):
    sock = connect(server, tls)
    sock.recv(4096)
    assert b"a OK" in talk(sock, b"a LOGIN alice secret")
    sock.sendall(b"b LOGOUT\r\n" + JUNK * 100)
    time.sleep(0.2)
    got = rest(sock)
    assert b"* BYE" in got and b"\r\nb OK" in got
    sock.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_before_login(server, tls):
    sock = connect(server, tls)
    sock.recv(4096)
    sock.sendall(b"b LOGOUT\r\n" + JUNK * 30)
    time.sleep(0.2)
    got = rest(sock)
    assert b"* BYE" in got and b"\r\nb OK" in got
    sock.close()


def test_who_never_stops_is_left(server):
    """A client that sends on and on costs a second at most."""
    sock = connect(server, False)
    sock.recv(4096)
    assert b"a OK" in talk(sock, b"a LOGIN alice secret")
    sock.sendall(b"b LOGOUT\r\n" + JUNK)
    began = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - began < 10:
            sock.sendall(JUNK)
            time.sleep(0.01)
    assert time.monotonic() - began < 10
    sock.close()
