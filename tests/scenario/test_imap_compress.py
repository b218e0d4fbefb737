"""COMPRESS=DEFLATE [RFC4978]: both directions, TLS below it, hostile input, and
lengths that tell nothing [security.md B16]."""
import base64
import os
import random
import socket
import ssl
import struct
import time
import zlib

import pytest

import culver

LEVEL = -15


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


class Packed:
    """A client that compresses from the OK on; received: what came on the wire."""

    def __init__(self, server, tls=False):
        port = server.imaps_port if tls else server.imap_port
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
        self.out = self.into = None
        self.buffer = b""
        self.received = self.count = 0
        self.line()

    def fill(self):
        data = self.sock.recv(65536)
        if data == b"":
            raise EOFError
        self.received += len(data)
        self.buffer += self.into.decompress(data) if self.into else data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def exact(self, n):
        while len(self.buffer) < n:
            self.fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def send(self, data, flush=zlib.Z_SYNC_FLUSH):
        if self.out:
            data = self.out.compress(data) + self.out.flush(flush)
        self.sock.sendall(data)

    def until(self, tag):
        lines = []
        while True:
            line = self.line()
            while line.endswith(b"}") and b"{" in line:
                size = int(line[line.rindex(b"{") + 1:-1])
                line += b"\r\n" + self.exact(size) + self.line()
            lines.append(line)
            if line.startswith(tag + b" "):
                return lines

    def do(self, command):
        self.count += 1
        tag = b"t%d" % self.count
        self.send(tag + b" " + (command if isinstance(command, bytes) else command.encode())
                  + b"\r\n")
        return self.until(tag)

    def start(self, user="alice"):
        assert b" OK " in self.do(f"LOGIN {user} secret")[-1]
        assert b"COMPRESS=DEFLATE" in self.do("CAPABILITY")[0].split()
        assert b" OK DEFLATE active" in self.do("COMPRESS DEFLATE")[-1]
        assert self.buffer == b""
        self.out = zlib.compressobj(6, zlib.DEFLATED, LEVEL)
        self.into = zlib.decompressobj(LEVEL)
        return self

    def append(self, message, mailbox="INBOX"):
        lines = self.do(b"APPEND %s {%d+}\r\n" % (mailbox.encode(), len(message)) + message)
        assert b" OK " in lines[-1], lines

    def cost(self, command):
        before = self.received
        self.do(command)
        return self.received - before

    def ended(self):
        self.sock.settimeout(10)
        try:
            while True:
                self.fill()
        except (EOFError, ConnectionError, zlib.error):
            return True


@pytest.fixture
def client(server):
    c = Packed(server).start()
    c.do("DELETE box")
    c.do("CREATE box")
    yield c
    c.sock.close()


@pytest.mark.parametrize("tls", [False, True])
def test_whole_session(server, tls):
    c = Packed(server, tls=tls).start()
    c.do("DELETE whole")
    c.do("CREATE whole")
    text = b"Subject: text\r\n\r\n" + b"all work and no play\r\n" * 20000
    noise = b"Subject: noise\r\n\r\n" + base64.encodebytes(os.urandom(300000)).replace(
        b"\n", b"\r\n")
    c.append(text, "whole")
    c.append(noise, "whole")
    c.do("SELECT whole")
    before = c.received
    assert text in c.do("FETCH 1 BODY.PEEK[]")[0]
    assert c.received - before < len(text) // 20
    assert noise in c.do("FETCH 2 BODY.PEEK[]")[0]
    lines = c.do("FETCH 1:2 (UID FLAGS BODY.PEEK[])")
    assert text in lines[0] and noise in lines[1]
    c.send(b"".join(b"p%d NOOP\r\n" % i for i in range(1000)))
    assert c.until(b"p999")[-1] == b"p999 OK NOOP completed."
    assert b"BAD [COMPRESSIONACTIVE]" in c.do("COMPRESS DEFLATE")[-1]
    assert c.do("LOGOUT")[0].startswith(b"* BYE")
    assert c.ended()


def test_byte_by_byte(client):
    for byte in client.out.compress(b"x NOOP\r\n") + client.out.flush(zlib.Z_SYNC_FLUSH):
        client.sock.sendall(bytes([byte]))
        time.sleep(0.002)
    assert client.until(b"x") == [b"x OK NOOP completed."]


def test_idle(server, client):
    client.do("SELECT box")
    client.send(b"i IDLE\r\n")
    assert client.line().startswith(b"+ ")
    other = server.imap()
    for n in range(3):
        other.append("box", None, None, b"Subject: x\r\n\r\nx\r\n")
        while client.line() != b"* %d EXISTS" % (n + 1):
            pass
    # a part of DONE is not DONE
    done = client.out.compress(b"DONE\r\n") + client.out.flush(zlib.Z_SYNC_FLUSH)
    client.sock.sendall(done[:4])
    other.append("box", None, None, b"Subject: x\r\n\r\nx\r\n")
    while client.line() != b"* 4 EXISTS":
        pass
    client.sock.sendall(done[4:])
    assert client.until(b"i")[-1].startswith(b"i OK ")
    other.logout()


def test_nothing_crosses_the_switch(server):
    """[RFC4978 3], [security.md R10]"""
    c = Packed(server)
    c.do("LOGIN alice secret")
    c.send(b"a COMPRESS DEFLATE\r\nb CREATE smuggled\r\n")
    lines = []
    try:
        while True:
            lines.append(c.line())
    except (EOFError, ConnectionError):
        pass
    assert not any(line.startswith(b"b ") for line in lines)
    with culver.Raw(server.imap_port) as raw:
        raw.until("*")
        raw.command("LOGIN alice secret")
        assert "smuggled" not in str(raw.command('LIST "" *'))


def test_commands_that_are_not_compressed(client):
    client.sock.sendall(b"a NOOP\r\nb NOOP\r\n")
    assert client.ended()


def test_mechanisms_and_arguments(server):
    c = Packed(server)
    assert b" BAD " in c.do("COMPRESS DEFLATE")[-1]
    c.do("LOGIN alice secret")
    for wrong in ("COMPRESS", "COMPRESS GZIP", "COMPRESS DEFLATE 9", 'COMPRESS "DEFLATE"'):
        assert b" BAD " in c.do(wrong)[-1]
    assert b" OK " in c.do("NOOP")[-1]
    c.sock.close()


def test_bomb_of_a_command(client):
    """A line of gigabytes is refused when it is longer than a line may be."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, LEVEL)
    client.sock.sendall(bomb.compress(b"a NOOP" + b"x" * 50_000_000)
                        + bomb.flush(zlib.Z_SYNC_FLUSH))
    started = time.monotonic()
    assert client.ended()
    assert time.monotonic() - started < 5


def test_bomb_of_a_literal(server, client):
    """[security.md B16] a thousand to one, for gigabytes."""
    client.send(b"a APPEND box {1000000000+}\r\n")
    chunk = zlib.compressobj(9, zlib.DEFLATED, LEVEL)
    piece = chunk.compress(b"x" * 10_000_000) + chunk.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(OSError):
        for _ in range(100):
            client.sock.sendall(piece)
            time.sleep(0.05)
    with culver.Raw(server.imap_port) as raw:
        raw.until("*")
        raw.command("LOGIN alice secret")
        assert "MESSAGES 0" in str(raw.command("STATUS box (MESSAGES)"))


def test_blocks_of_nothing(client):
    """CVE-2026-73209: blocks that give no output."""
    with pytest.raises(OSError):
        for _ in range(1000):
            client.sock.sendall(struct.pack("<BHH", 0, 0, 0xffff) * 200)
            time.sleep(0.005)


def test_length_of_one_message_tells_nothing_of_another(client):
    """CVE-2026-40203: the sender of one message guesses what another says."""
    secret = bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=64))
    other = bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=64))
    mail = b"From: a@example.org\r\nSubject: %s\r\n\r\nthe code is %s\r\n"
    for word in (secret, secret, other):
        client.append(mail % (word, word), "box")
    client.do("SELECT box")
    for item in ("BODY.PEEK[]", "ENVELOPE", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])"):
        # in one command, in two, and in two of one burst
        right, wrong = (client.cost(f"FETCH {seqs} {item}") for seqs in ("1:2", "1,3"))
        assert abs(right - wrong) <= 8, item
        client.do(f"FETCH 1 {item}")
        right, wrong = (client.cost(f"FETCH {seq} {item}") for seq in (2, 3))
        assert abs(right - wrong) <= 8, item
    # the same twice in one message is found: else this test would prove nothing
    client.append(mail % (secret, os.urandom(40).hex().encode()), "box")
    assert client.cost("FETCH 4 BODY.PEEK[]") - client.cost("FETCH 1 BODY.PEEK[]") > 16


def test_many_sessions_need_little_memory(server):
    clients = [Packed(server).start() for _ in range(5)]
    for c in clients:
        c.do("SELECT INBOX")
        c.send(b"i IDLE\r\n")
        assert c.line().startswith(b"+ ")
    for c in clients:
        c.send(b"DONE\r\n")
        assert c.until(b"i")[-1].startswith(b"i OK")
        c.sock.close()
