"""Strangers before login [security.md A]: what they send ends with an answer or their own
connection, at its deadline whatever they still send, and never with memory, another session or
a login.  Each test with login processes of their own and with a shared one."""
import base64
import contextlib
import pathlib
import select
import socket
import ssl
import struct
import time

import pytest

import culver
from test_hostile import alive, children

SHARED = "service imap-login {\n  service_count = 0\n  process_min_avail = 1\n}\n"
LIMIT = "login_timeout = 3s\n"
PLAIN = base64.b64encode(b"\0alice\0secret").decode()


@pytest.fixture(scope="module", params=["", SHARED], ids=["own", "shared"])
def extra(request):
    return request.param


@pytest.fixture(scope="module")
def server(extra):
    with culver.Server(extra=extra) as running:
        yield running


def rss(server, name="imap-login"):
    """KiB that all processes before login have to themselves."""
    total = 0
    for pid, command in children(server.process.pid).items():
        if name in command:
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += sum(int(line.split()[1]) for line in text.splitlines()
                             if line.startswith(("Private_Clean", "Private_Dirty")))
    return total


def greeted(server):
    c = server.raw()
    assert c.line().startswith(b"* OK")
    return c


def answers(c, data):
    """All that comes until the server, or we, have no more to say."""
    with contextlib.suppress(OSError):
        c.send(data)
        c.sock.shutdown(socket.SHUT_WR)
    got = []
    with contextlib.suppress(ConnectionError):
        while line := c.line():
            got.append(line)
    return got


# --- time -----------------------------------------------------------------------

def send_slowly(sock, data, bytes_at_once=1):
    """Until the other side closes."""
    sent = 0
    while sent < len(data):
        readable, _, _ = select.select([sock], [], [], 0.2)
        try:
            if readable and not sock.recv(4096):
                return sent
            sock.sendall(data[sent:sent + bytes_at_once])
        except ConnectionError:
            return sent
        sent += bytes_at_once
    return sent


def client_hello():
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


@pytest.mark.parametrize("tls", [False, True], ids=["line", "handshake"])
def test_a2_bytes_do_not_put_off_the_deadline(extra, tls):
    with culver.Server(extra=extra + LIMIT) as server:
        held = [socket.create_connection(("127.0.0.1", server.imaps_port if tls
                                          else server.imap_port)) for _ in range(20)]
        data = client_hello() if tls else b"a NOOP" + b" " * 500
        assert all(send_slowly(s, data) < len(data) for s in held[:1])
        # the others said nothing in that time
        for s in held[1:]:
            s.settimeout(20)
            with contextlib.suppress(ConnectionError):
                while s.recv(4096):
                    pass
            s.close()
        alive(server)


def test_a3_handshakes_that_are_never_ended(server):
    alive(server)
    before = rss(server)
    hello = client_hello()
    held = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", server.imaps_port))
        s.sendall(hello[:-1])
        held.append(s)
    alive(server)
    if "service_count = 0" in server.config.read_text():
        assert rss(server) - before < 200 * 64
    for s in held:
        s.close()


def test_a4_connections_that_come_and_go(server):
    for source in range(500):
        socket.create_connection(("127.0.0.1", server.imap_port),
                                 source_address=(f"127.9.0.{source % 3 + 1}", 0)).close()
    alive(server, within=5)


# --- TLS ------------------------------------------------------------------------

def test_a5_a_hello_in_single_bytes(server):
    raw = socket.create_connection(("127.0.0.1", server.imaps_port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(into, out, server_hostname="localhost")
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            break
        for byte in out.read():
            raw.sendall(bytes([byte]))
        into.write(raw.recv(65536))
    raw.sendall(out.read())
    greeting = b""
    while not greeting.endswith(b"\r\n"):
        with contextlib.suppress(ssl.SSLWantReadError):
            greeting += tls.read()
            continue
        into.write(raw.recv(65536))
    assert greeting.startswith(b"* OK")
    raw.close()


def hello_with_name(name):
    """A ClientHello whose server name is these bytes."""
    hello = client_hello()
    entry = b"\0\0\x09localhost"
    at = hello.index(entry)
    new = b"\0" + struct.pack(">H", len(name)) + name
    grown = len(new) - len(entry)
    hello = bytearray(hello[:at] + new + hello[at + len(entry):])
    # the list, its extension (whose type is before), all extensions, the message, the record
    for place, size in ((at - 2, 2), (at - 4, 2), (6, 3), (3, 2)):
        value = int.from_bytes(hello[place:place + size], "big") + grown
        hello[place:place + size] = value.to_bytes(size, "big")
    session = 43 + 1 + hello[43]
    ciphers = session + 2 + int.from_bytes(hello[session:session + 2], "big")
    extensions = ciphers + 1 + hello[ciphers]
    value = int.from_bytes(hello[extensions:extensions + 2], "big") + grown
    hello[extensions:extensions + 2] = value.to_bytes(2, "big")
    return bytes(hello)


@pytest.mark.parametrize("name", [
    b"localhost", b"local\0host", b"host\\", b"x" * 255, b"x" * 3000, b"\xff\xfe.example",
    b"", b"../../etc", b"*", b"a b"])
def test_a6_server_names(server, name):
    """Answered by the default certificate or an alert; the next client is served."""
    with socket.create_connection(("127.0.0.1", server.imaps_port)) as s:
        s.sendall(hello_with_name(name))
        s.settimeout(20)
        answer = s.recv(5)
        # a ServerHello, or an alert
        assert answer[:1] in (b"\x16", b"\x15"), answer
        if name == b"localhost":
            assert answer[:1] == b"\x16"
    alive(server)


def test_a5_a_million_names_are_not_kept(server):
    alive(server)
    before = None
    for i in range(600):
        with socket.create_connection(("127.0.0.1", server.imaps_port)) as s:
            s.sendall(hello_with_name(b"host%d.example.org" % i))
            s.settimeout(20)
            assert s.recv(1) == b"\x16"
        if i == 100:
            before = rss(server)
    time.sleep(0.2)
    # 500 contexts, or names, would be more
    assert rss(server) - before < 2048
    alive(server)


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"a NOOP\r\n", b"\x80\x2e\x01\x03\x01" + b"\0" * 60,
    b"\x16\x03\x01\xff\xff" + b"\1" * 70000, b"\x17\x03\x03\0\0" * 5000,
    b"\x15\x03\x01\0\2\1\0" * 1000, b"SSH-2.0-x\r\n"],
    ids=["http", "imap", "sslv2", "record", "empty", "alerts", "ssh"])
def test_a30_what_is_no_tls_where_tls_is_spoken(server, data):
    lines = len(server.log.splitlines())
    with culver.Raw(server.imaps_port) as c:
        answers(c, data)
        assert c.closed(20)
    alive(server)
    assert len(server.log.splitlines()) - lines < 20


# --- commands ---------------------------------------------------------------------

@pytest.mark.parametrize("line", [
    b"a" * 5000 + b" NOOP", b"a+b NOOP", b"{5} NOOP", b"+ NOOP", b"* NOOP", b"\x01 NOOP",
    b"\xc3\xa4 NOOP", b'"a" NOOP', b" NOOP", b"a", b"", b"a%c NOOP", b"a(b NOOP",
    b"a  NOOP", b"a NOOP ", b"a NOOP x", b"a\tNOOP", b"a \xffNOOP"])
def test_a7_tags(server, line):
    with greeted(server) as c:
        c.send(line + b"\r\n")
        got = c.line()
        # nothing of it comes back but a tag that is one
        assert got.split(b" ")[1] in (b"BAD", b"BYE") or (
            got.startswith(b"a OK") and line in (b"a NOOP ", b"a  NOOP")), got
        assert got.split(b" ")[0] in (b"a", b"*")
        if b"BYE" not in got:
            assert c.command("NOOP")[-1].startswith(b"x OK")


def test_a7_mistakes_have_an_end(server):
    with greeted(server) as c:
        got = answers(c, b"a WHAT\r\n" * 1000)
    assert 3 <= sum(b"BAD" in line for line in got) <= 20
    assert got[-1].startswith(b"* BYE")


@pytest.mark.parametrize("depth", [1, 2, 100, 4000, 100_000])
def test_a8_lists(server, depth):
    with greeted(server) as c:
        got = answers(c, b"a ID " + b"(" * depth + b")" * depth + b"\r\n")
    if depth == 1:
        assert any(line.startswith(b"a OK") for line in got)
    else:
        assert not any(b"OK" in line for line in got)
        assert any(b"BAD" in line or b"BYE" in line for line in got)


def test_a8_what_a_thousand_hold(server):
    """A line that never ends takes 16 KiB at most, then the connection ends."""
    alive(server)
    before = rss(server)
    held = [greeted(server) for _ in range(100)]
    for c in held:
        c.send(b"a NOOP " + b"(" * 6000)
    alive(server)
    if "service_count = 0" in server.config.read_text():
        assert rss(server) - before < 100 * 16 + 1024
    for c in held:
        c.close()


@pytest.mark.parametrize("pairs,value,is_fine", [
    (30, 10, True), (31, 10, False), (1, 1024, True), (1, 1025, False), (100_000, 1, False),
    (1, 1_000_000, False)])
def test_a9_id(server, pairs, value, is_fine):
    """[RFC2971 3.3] thirty pairs, 30 and 1024 bytes."""
    text = " ".join(f'"k{i}" "{"v" * value}"' for i in range(pairs))
    with greeted(server) as c:
        got = answers(c, f"a ID ({text})\r\n".encode())
    assert any(line.startswith(b"a OK") for line in got) == is_fine, got


def test_a9_keys_that_are_named_twice(server):
    with greeted(server) as c:
        got = answers(c, b'a ID ("name" "x" "NAME" "y")\r\nb LOGIN alice secret\r\nc LOGOUT\r\n')
    assert any(line.startswith(b"a BAD") for line in got) or \
        any(line.startswith(b"b OK") for line in got)


@pytest.mark.parametrize("text", [
    b"a LOGIN {5+}\r\nalice {4097+}\r\n" + b"x" * 4097 + b"\r\n",
    b"a LOGIN {100000+}\r\nb LOGIN alice secret\r\n",
    b"a LOGIN {99999999+}\r\nb LOGIN alice secret\r\nc LOGIN alice secret\r\n",
    b"a WHAT {22+}\r\nb LOGIN alice secret\r\n\r\n",
    b"a LOGIN {22+}\r\nb LOGIN alice secret\r\n {3+}\r\nxyz\r\n",
    b"a STARTTLS {22+}\r\nb LOGIN alice secret\r\n\r\n",
    b"a NOOP {22+}\r\nb LOGIN alice secret\r\n\r\n",
], ids=["large", "huge", "huger", "unknown", "name", "starttls", "noop"])
def test_a11_literals_are_never_commands(server, text):
    with greeted(server) as c:
        got = answers(c, text)
    assert not any(line.startswith((b"a OK", b"b OK", b"c OK", b"b NO", b"c NO"))
                   for line in got), got


def test_a10_many_literals(server):
    with greeted(server) as c:
        got = answers(c, b"a LOGIN" + b" {0+}\r\n" * 100_000 + b"\r\n")
    assert got and b"OK" not in got[-1]
    alive(server)


def test_a10_a_literal_that_never_comes(extra):
    with culver.Server(extra=extra + LIMIT) as server, greeted(server) as c:
        c.send(b"a LOGIN {10}\r\n")
        assert c.line().startswith(b"+")
        assert c.closed(20)


def test_a13_the_order_of_tls_and_login(server):
    """[RFC9051 6.2.1] once, and not after a login has begun."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with greeted(server) as c:
        assert c.command("STARTTLS")[-1].startswith(b"x OK")
        with context.wrap_socket(c.sock) as tls:
            c.sock, c.buffer = tls, b""
            assert c.command("STARTTLS")[-1].startswith(b"x BAD")
            assert c.command("LOGIN alice secret")[-1].startswith(b"x OK")
            assert c.command("STARTTLS")[-1].startswith(b"x BAD")
    with greeted(server) as c:
        c.send("a AUTHENTICATE PLAIN\r\n")
        assert c.line().startswith(b"+")
        c.send("b STARTTLS\r\n")
        assert c.line().startswith((b"a NO", b"a BAD"))
        assert c.command("NOOP")[-1].startswith(b"x OK")
    with greeted(server) as c:
        got = answers(c, f"a AUTHENTICATE PLAIN {PLAIN}\r\nb STARTTLS\r\n".encode())
        assert not any(line.startswith(b"b OK") for line in got)


@pytest.mark.parametrize("text", [
    b'a LOGIN "alice\\" "secret"\r\n', b'a LOGIN "alice" "secret\\\r\n',
    b'a LOGIN "' + b"\\" * 60_000 + b'" x\r\n', b'a LOGIN "' + b'\\"' * 3000 + b'" x\r\n',
    b'a LOGIN "al\\ice" secret\r\n', b'a LOGIN "alice" "sec\rret"\r\n'],
    ids=["open", "edge", "even", "quotes", "other", "cr"])
def test_a15_backslashes(server, text):
    with greeted(server) as c:
        got = answers(c, text)
    assert not any(line.startswith(b"a OK") for line in got)
    assert got


def test_a16_a_million_newlines(server):
    with greeted(server) as c:
        got = answers(c, b"a NOOP\r\n" + b"\r\n" * 1_000_000)
    assert len(got) < 30 and got[0].startswith(b"a OK")
    alive(server)


TALK = (b'a CAPABILITY\r\nb ID ("name" {3}\r\nxyz)\r\nc LOGIN {3}\r\n\0\0\0 x\r\n'
        b"d AUTHENTICATE PLAIN\r\n*\r\ne AUTHENTICATE NONE\r\nf NOOP\r\n"
        b"g WHAT\r\nh LOGIN {5+}\r\nalice {6+}\r\nsecret\r\ni LOGOUT\r\n")


def replies(server, pieces):
    with greeted(server) as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces[:-1]:
            c.send(piece)
            time.sleep(0.001)
        return [line for line in answers(c, pieces[-1])]


def test_a17_every_cut(extra):
    """The same bytes in other packets get the same answers."""
    with culver.Server(extra=extra + "auth_failure_delay = 0\n") as server:
        whole = replies(server, [TALK])
        assert any(line.startswith(b"h OK") for line in whole), whole
        assert [line[:4] for line in whole if line[:1] in b"abcdefgh"]
        for at in range(1, len(TALK), 3):
            assert replies(server, [TALK[:at], TALK[at:]]) == whole, at
        assert replies(server, [bytes([byte]) for byte in TALK]) == whole


# --- SASL -------------------------------------------------------------------------

def b64(data):
    return base64.b64encode(data)


RESPONSES = [
    b"=", b"====", b"!!!!", b"QUJ", b"\0", b"QUJD\tQUJD", b64(b"\0alice\0se\0cret"),
    b64(b"alice"), b64(b"\0alice"), b64(b"\0\0"), b64(b"\0\0secret"), b64(b"alice\0\0secret"),
    b64(b"\0alice\tx\0secret"), b64(b"\0alice\nx\0secret"), b64(b"\0alice\0secret\tuser=bob"),
    b64(b"\0alice\0secret\nOK\t1\tuser=bob"), b64(b"bob\0alice\0secret"),
    b64(b"\0alice\0" + b"x" * 5000), b"A" * 9000, b64(b"\0" * 4000),
    b64(b"\0\xff\xfe\0secret"), b64(b"\0" + b"a" * 3000 + b"\0secret"), b"*", b" ",
]


@pytest.mark.parametrize("initial", [True, False], ids=["initial", "line"])
@pytest.mark.parametrize("response", RESPONSES, ids=range(len(RESPONSES)))
def test_a18_a19_responses(server, response, initial):
    with greeted(server) as c:
        if initial:
            c.send(b"a AUTHENTICATE PLAIN " + response + b"\r\n")
        else:
            c.send(b"a AUTHENTICATE PLAIN\r\n")
            assert c.line().startswith(b"+")
            c.send(response + b"\r\n")
        got = c.line()
        while initial and got.startswith(b"+"):
            # [RFC4959 3] an empty one, and PLAIN goes on asking
            c.send(b"*\r\n")
            got = c.line()
        assert got.startswith((b"a NO", b"a BAD", b"* BYE", b"* BAD")), got
        # [security.md A18] a line over the limit costs the connection
        if got.startswith(b"a ") and len(response) < 8192:
            assert c.command("LOGIN alice secret")[-1].startswith(b"x OK")


def test_a18_aborts(server):
    for _ in range(20):
        with greeted(server) as c:
            for i in range(5):
                c.send(f"a{i} AUTHENTICATE PLAIN\r\n")
                assert c.line().startswith(b"+")
                c.send("*\r\n")
                assert c.line().startswith((b"a%d BAD" % i, b"a%d NO" % i))
    alive(server)


def test_a18_who_goes_in_the_middle(server):
    """Of an exchange, and while auth is at work; ids are not another's."""
    for i in range(200):
        c = greeted(server)
        c.send("a AUTHENTICATE PLAIN\r\n" if i % 2 else
               f"a AUTHENTICATE PLAIN {PLAIN[:-4]}\r\n")
        if i % 3 == 0:
            c.line()
        c.close()
    with greeted(server) as c:
        assert c.command("LOGIN alice wrong")[-1].startswith(b"x NO")
    alive(server)


def test_a23_one_mechanism_after_another(extra):
    with culver.Server(extra=extra + "auth_mechanisms = plain login cram-md5 scram-sha-256\n"
                       "auth_failure_delay = 0\n") as server:
        for _ in range(10):
            with greeted(server) as c:
                for mechanism, response in (("CRAM-MD5", b"YQ=="), ("SCRAM-SHA-256", b"bg=="),
                                            ("LOGIN", b"*"), ("PLAIN", b"AAA=")):
                    c.send(f"a AUTHENTICATE {mechanism}\r\n")
                    assert c.line().startswith(b"+")
                    c.send(response + b"\r\n")
                    assert c.line().startswith((b"a NO", b"a BAD"))
                c.send(f"b AUTHENTICATE PLAIN {PLAIN}\r\n")
                assert c.until("b")[-1].startswith(b"b OK")


# --- who says where they come from --------------------------------------------------

@pytest.mark.parametrize("text", [
    'ID ("x-originating-ip" "10.0.0.1" "x-originating-port" "99")',
    'ID ("x-session-id" "abc" "x-forward-user" "bob" "x-proxy-ttl" "1")',
    'ID ("x-originating-ip" "::1\\" user=bob")'])
def test_a29_nobody_is_believed_who_is_not_trusted(server, text):
    with greeted(server) as c:
        c.command(text)
        assert c.command("LOGIN alice secret")[-1].startswith(b"x OK")
        c.command("LOGOUT")
    log = server.log
    assert "10.0.0.1" not in log and "user=<bob>" not in log


def test_a28_places_of_a_user(extra):
    with culver.Server(extra=extra + "mail_max_userip_connections = 3\n") as server:
        held = []
        for _ in range(8):
            c = greeted(server)
            c.send("x LOGIN alice secret\r\n")
            held.append(c)
        got = [c.until("x")[-1] for c in held]
        assert sum(line.startswith(b"x OK") for line in got) == 3
        assert all(b"x NO [LIMIT]" in line for line in got if not line.startswith(b"x OK"))
        for c in held:
            c.close()

        def is_free():
            with greeted(server) as again:
                return again.command("LOGIN alice secret")[-1].startswith(b"x OK")
        assert culver.wait_for(is_free)
