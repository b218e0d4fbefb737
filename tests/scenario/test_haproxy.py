"""haproxy = yes: what the PROXY protocol's header says counts, for filters,
logs and limits; and only from those who may say it."""
import contextlib
import json
import re
import socket
import ssl
import struct
import time

import pytest

import culver

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, LOCAL = "203.0.113.7", "198.51.100.2"

CONFIG = """
haproxy_trusted_networks = {trusted}
haproxy_timeout = 1s
disable_plaintext_auth = yes
mail_max_userip_connections = 2
remote 203.0.113.0/24 {{
  login_greeting = Greetings to the far side.
}}
local 198.51.100.3 {{
  login_greeting = Greetings from the third address.
}}
login_log_format_elements = user=<%u> rip=%r rport=%b lip=%l %c
service imap-login {{
  service_count = {service_count}
  inet_listener proxied {{
    port = {port}
    haproxy = yes
  }}
  inet_listener proxied_tls {{
    port = {tls_port}
    ssl = yes
    haproxy = yes
  }}
}}
service lmtp {{
  inet_listener proxied {{
    port = {proxied_lmtp_port}
    haproxy = yes
  }}
}}
"""


def v1(client=CLIENT, local=LOCAL, port=4711):
    return f"PROXY TCP4 {client} {local} {port} 143\r\n".encode()


def v2(client=CLIENT, local=LOCAL, tls=False, command=1, extra=b""):
    body = (socket.inet_aton(client) + socket.inet_aton(local)
            + struct.pack("!HH", 4712, 143))
    if tls:
        body += b"\x20" + struct.pack("!H", 5) + b"\x01\0\0\0\0"
    body += extra
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack("!H", len(body)) + body


def setup(trusted, service_count=1):
    ports = dict(port=culver.free_port(), tls_port=culver.free_port(),
                 proxied_lmtp_port=culver.free_port())
    server = culver.Server()
    server.write_config(CONFIG.format(trusted=trusted, service_count=service_count, **ports))
    for name, port in ports.items():
        setattr(server, name, port)
    return server


@pytest.fixture(scope="module", params=[1, 0], ids=["process-each", "shared"])
def proxied(request):
    with setup("127.0.0.0/8", request.param) as server:
        yield server


def greeted(server, header, port=None):
    raw = server.raw(server.port if port is None else port)
    raw.send(header)
    return raw, raw.line()


def log_line(server, pattern, seconds=5):
    deadline = time.monotonic() + seconds
    while True:
        found = re.search(pattern, server.log)
        if found:
            return found
        assert time.monotonic() < deadline, f"no {pattern!r} in:\n" + server.log
        time.sleep(0.05)


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_the_clients_address_is_that_of_the_header(proxied, header):
    raw, greeting = greeted(proxied, header)
    assert b"Greetings to the far side." in greeting
    # the way from the client to the proxy is not encrypted
    assert b"LOGINDISABLED" in greeting
    raw.command("LOGOUT")
    raw.close()
    log_line(proxied, rf"rip={CLIENT}, rport=471[12], lip={LOCAL}")


def test_the_local_address_chooses_settings_too(proxied):
    raw, greeting = greeted(proxied, v1(client="192.0.2.9", local="198.51.100.3"))
    assert b"Greetings from the third address." in greeting
    raw.close()


def test_every_cut_of_a_header_is_waited_for(proxied):
    header = v2(tls=True)
    for cut in range(1, len(header)):
        raw = proxied.raw(proxied.port)
        raw.send(header[:cut])
        time.sleep(0.005)
        raw.send(header[cut:])
        assert b"far side" in raw.line(), cut
        raw.close()


def login(raw):
    lines = raw.command("LOGIN alice secret")
    return lines[-1]


def test_a_client_that_used_tls_is_secured(proxied):
    raw, greeting = greeted(proxied, v2(tls=True))
    assert b"LOGINDISABLED" not in greeting
    assert b"STARTTLS" not in greeting
    assert b"OK" in login(raw)
    rows = json.loads(proxied.adm("-f", "json", "who").stdout)
    assert CLIENT in [row["ip"] for row in rows]
    raw.command("LOGOUT")
    raw.close()
    log_line(proxied, rf"Login: user=<alice>, rip={CLIENT}, rport=4712, lip={LOCAL}, TLS")


def test_limits_count_the_clients_address(proxied):
    def session(client):
        raw, _ = greeted(proxied, v2(client=client, tls=True))
        return raw, login(raw)
    open_ones = [session("203.0.113.20") for _ in range(2)]
    assert all(b"OK" in answer for _, answer in open_ones)
    third, answer = session("203.0.113.20")
    assert b"NO" in answer and b"LIMIT" in answer
    other, answer = session("203.0.113.21")
    assert b"OK" in answer
    for raw in [third, other] + [raw for raw, _ in open_ones]:
        raw.close()


def test_starttls_and_tls_behind_the_header(proxied):
    context = ssl.create_default_context(cafile=proxied.dir / "cert.pem")
    raw = proxied.raw(proxied.tls_port)
    raw.send(v1())
    with context.wrap_socket(raw.sock, server_hostname="localhost") as tls:
        assert b"far side" in tls.recv(4096)
    raw, _ = greeted(proxied, v1())
    assert b"OK" in raw.command("STARTTLS")[-1]
    with context.wrap_socket(raw.sock, server_hostname="localhost") as tls:
        tls.sendall(b"a LOGIN alice secret\r\n")
        assert b"a OK" in tls.recv(4096)


def test_header_and_client_hello_may_come_in_one_packet(proxied):
    context = ssl.create_default_context(cafile=proxied.dir / "cert.pem")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    raw = proxied.raw(proxied.tls_port)
    raw.send(v2() + outgoing.read())
    answer = raw.sock.recv(4096)
    assert answer[:1] == b"\x16", "a TLS handshake record"
    raw.close()


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0"], ids=["v1-unknown", "v2-local"])
def test_a_proxy_that_speaks_for_itself_keeps_its_address(proxied, header):
    raw, greeting = greeted(proxied, header)
    # a client may stand behind it: this host's own trust does not count
    assert b"Culver ready." in greeting and b"LOGINDISABLED" in greeting
    raw.close()
    log_line(proxied, r"rip=127\.0\.0\.1, rport=\d+, lip=127\.0\.0\.1")


@pytest.mark.parametrize("data", [
    b"a LOGIN alice secret\r\n", b"\x16\x03\x01\x02\0\x01", b"PROXY TCP4 1 2 3 4\r\n",
    SIGNATURE + b"\x21\x11\xff\xff", b"\0" * 300], ids=str)
def test_whoever_sends_no_header_is_not_answered(proxied, data):
    raw = proxied.raw(proxied.port)
    raw.send(data)
    assert raw.closed()
    assert raw.buffer == b""
    log_line(proxied, r"Disconnected: haproxy: [\w ]*PROXY header")


@pytest.mark.parametrize("some", [b"", b"PROXY TCP4"], ids=["silent", "half"])
def test_a_header_has_haproxy_timeout(proxied, some):
    raw = proxied.raw(proxied.port)
    raw.send(some)
    start = time.monotonic()
    assert raw.closed()
    assert 0.5 < time.monotonic() - start < 4
    log_line(proxied, r"haproxy: Client timed out")


def test_lmtp_listeners_take_the_header_too(proxied):
    raw = proxied.raw(proxied.proxied_lmtp_port)
    raw.send(v1(client="203.0.113.30") + b"LHLO client.example\r\n")
    assert raw.line().startswith(b"220 ")
    while raw.line()[3:4] == b"-":
        pass
    for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<bob>", "DATA"):
        raw.send(line + "\r\n")
        assert raw.line()[:1] in (b"2", b"3")
    raw.send("Subject: by proxy\r\n\r\nx\r\n.\r\n")
    assert raw.line().startswith(b"250 ")
    raw.close()
    client = proxied.imap("bob", tls=True)
    client.select()
    text = client.fetch(client.search(None, "SUBJECT", "proxy")[1][0].split()[-1], "(RFC822)")
    client.logout()
    assert b"203.0.113.30" in text[1][0][1]
    for data in (b"LHLO x\r\n", b""):
        raw = proxied.raw(proxied.proxied_lmtp_port)
        raw.send(data)
        assert raw.closed() and raw.buffer == b""


def test_nobody_is_trusted_who_is_not_named():
    with setup("192.0.2.0/24") as server:
        for port in (server.port, server.tls_port, server.proxied_lmtp_port):
            raw = server.raw(port)
            with contextlib.suppress(ConnectionError):
                raw.send(v1())
            assert raw.closed() and raw.buffer == b""
        log_line(server, r"127\.0\.0\.1 is refused: the address is not in "
                         r"haproxy_trusted_networks")
        # a listener without haproxy takes no header
        raw = server.raw()
        assert raw.line().startswith(b"* OK")
        raw.send(v1())
        assert b"BAD" in raw.line()
        raw.close()


def test_a_trusted_clients_password_may_come_unencrypted():
    server = setup("127.0.0.0/8")
    with server.config.open("a") as config:
        config.write(f"login_trusted_networks = {CLIENT}\n")
    with server:
        raw, greeting = greeted(server, v1())
        assert b"LOGINDISABLED" not in greeting
        assert b"OK" in login(raw)
        raw.close()
        raw, _ = greeted(server, v1(client="203.0.113.8"))
        assert b"PRIVACYREQUIRED" in login(raw)
        raw.close()
