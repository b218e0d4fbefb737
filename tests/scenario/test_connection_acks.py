"""A client that sends a command in parts, and waits for the ACK of each as Nagle's algorithm does,
is not kept waiting for the kernel's delayed ACK (40 ms)."""
import fcntl
import struct
import termios
import time

import pytest

import culver


def unacknowledged(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def milliseconds_to_ack(sock, data):
    sock.sendall(data)
    began = time.monotonic()
    while unacknowledged(sock) and time.monotonic() < began + 1:
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000


@pytest.mark.parametrize("tls", [False, True])
def test_parts_of_commands_are_acknowledged_at_once(tls):
    body = b"Subject: x\r\n\r\ntext\r\n"
    with culver.Server() as server:
        client = server.imap(tls=tls)
        waited = []
        for n in range(20):
            client.send(b"a%d APPEND INBOX {%d}\r\n" % (n, len(body)))
            assert client.readline().startswith(b"+")
            waited.append(milliseconds_to_ack(client.sock, body))
            client.send(b"\r\n")
            assert b" OK" in client.readline()
        client.shutdown()
        # the kernel may be quick by itself at first; a busy machine is slow at times
        assert sorted(waited[5:])[3] < 30, waited


def test_nor_when_they_come_before_the_server_waits_for_them():
    """imaplib sends literal and line end in two writes, as soon as it may: that takes no longer
    than both in one."""
    body = b"Subject: x\r\n\r\n" + b"y" * 3000 + b"\r\n"
    with culver.Server() as server:
        client = server.imap()
        took = {1: [], 2: []}
        for n in range(120):
            writes = 1 + n % 2
            began = time.monotonic()
            client.send(b"a%d APPEND INBOX (work k1) {%d}\r\n" % (n, len(body)))
            assert client.readline().startswith(b"+")
            client.send(body if writes == 2 else body + b"\r\n")
            if writes == 2:
                client.send(b"\r\n")
            while not (line := client.readline()).startswith(b"a"):
                pass
            assert b" OK" in line
            took[writes].append((time.monotonic() - began) * 1000)
        client.logout()
        # the delay is 40 ms; both kinds share what else the machine does
        assert sorted(took[2])[40] < sorted(took[1])[40] + 25, took
