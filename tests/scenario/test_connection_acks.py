"""A client that sends a command in parts, and waits for the ACK of each as Nagle's algorithm does,
is not kept waiting for the kernel's delayed ACK (40 ms)."""
import fcntl
import struct
import termios
import time

import culver


def unacknowledged(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def milliseconds_to_ack(raw, data):
    raw.send(data)
    began = time.monotonic()
    while unacknowledged(raw.sock) and time.monotonic() < began + 1:
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000


def test_parts_of_commands_are_acknowledged_at_once():
    body = b"Subject: x\r\n\r\ntext\r\n"
    with culver.Server() as server, server.raw() as raw:
        raw.line()
        raw.command("LOGIN alice " + server.users["alice"])
        waited = []
        for n in range(20):
            raw.send(f"a{n} APPEND INBOX {{{len(body)}}}\r\n")
            assert raw.line().startswith(b"+")
            waited.append(milliseconds_to_ack(raw, body))
            raw.send("\r\n")
            assert b" OK" in raw.until(f"a{n}")[-1]
        # the kernel may be quick by itself at first; a busy machine is slow at times
        assert sorted(waited[5:])[7] < 30, waited
