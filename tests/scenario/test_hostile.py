"""What strangers send: long lines, silence, huge literals, NUL, injected
commands.  The server stays up and other sessions do not notice."""
import os
import resource
import signal
import socket
import time

import pytest

import culver


def alive(server, within=10.0):
    """A login works; the best of three takes less than so many seconds."""
    times = []
    while len(times) < 3:
        begin = time.monotonic()
        client = server.imap()
        assert client.select("INBOX")[0] == "OK"
        client.logout()
        times.append(time.monotonic() - begin)
        if times[-1] < within:
            return
    raise AssertionError(f"logins took {times} s")


def answer_of(sock, tag):
    """The tagged answer; what comes before it is skipped."""
    sock.settimeout(20)
    data = b""
    while True:
        for line in data.split(b"\r\n")[:-1]:
            if line.startswith(tag):
                return line
        more = sock.recv(4096)
        assert more, f"closed after {data!r}"
        data += more


def ports(server):
    return {"imap": server.imap_port, "imaps": server.imaps_port,
            "lmtp": server.lmtp_port}


@pytest.mark.parametrize("name", ["imap", "imaps", "lmtp"])
@pytest.mark.parametrize("line", [
    b"a" * 1_000_000, b"a NOOP " + b"(" * 1_000_000, b"a LOGIN " + b'"' + b"x" * 1_000_000,
    b"\0" * 100_000, b"\n" * 100_000, b"\xff" * 100_000, b"GET / HTTP/1.0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 500,
], ids=["long", "parens", "quoted", "nul", "newlines", "high", "http", "tls"])
def test_garbage_to_every_listener(server, name, line):
    with culver.Raw(ports(server)[name]) as c:
        try:
            c.send(line + b"\r\n")
            c.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass        # closed on us: fine
        assert c.closed(20)
    alive(server)


def test_garbage_after_login(server):
    for line in (b"a" * 1_000_000, b"a FETCH 1 " + b"(" * 1_000_000,
                 b"a SEARCH " + b"NOT " * 200_000 + b"ALL",
                 b"a SEARCH " + b"(" * 100_000 + b"ALL" + b")" * 100_000,
                 b"a FETCH " + b"1:*," * 200_000 + b"1 FLAGS",
                 b'a LIST "" "' + b"*%" * 100_000 + b'"', b"a \0", b'a SELECT "x\0y"'):
        with server.raw() as c:
            c.line()
            assert c.command("LOGIN alice secret")[-1].startswith(b"x OK")
            try:
                c.send(line + b"\r\n")
                c.send(b"z LOGOUT\r\n")
            except ConnectionError:
                pass
            assert c.closed(20), line[:40]
    alive(server)


@pytest.mark.parametrize("literal", [
    "{4294967296}", "{4294967295+}", "{18446744073709551616}", "{-1}", "{}", "{1",
    "{99999999999999999999999999+}", "{0x10}", "{5 }",
])
def test_announced_literals_before_login(server, literal):
    with server.raw() as c:
        c.line()
        c.send(f"a LOGIN {literal}\r\n")
        answer = c.line()
        assert not answer.startswith(b"+"), answer
        assert answer.startswith((b"a BAD", b"a NO", b"* BYE", b"* BAD")) or not answer
    alive(server)


def test_huge_append_is_refused_before_it_is_read(server):
    with server.raw() as c:
        c.line()
        c.command("LOGIN alice secret")
        c.send("a APPEND INBOX {4294967295}\r\n")
        answer = c.line()
        if answer.startswith(b"+"):
            c.close()       # accepted for now: then going away leaves nothing
        else:
            assert answer.startswith((b"a NO", b"a BAD")), answer
    alive(server)
    client = server.imap()
    assert client.select("INBOX")[1] == [b"0"]
    client.logout()


def test_nul_at_every_place_of_a_login(server):
    command = b'a LOGIN "alice" "secret"\r\n'
    for at in range(len(command)):
        with server.raw() as c:
            c.line()
            c.send(command[:at] + b"\0" + command[at:] + b"b NOOP\r\n")
            c.sock.shutdown(socket.SHUT_WR)
            lines = []
            while line := c.line():
                lines.append(line)
            assert not any(line.startswith(b"a OK") for line in lines), (at, lines)
    alive(server)


def test_login_split_at_every_byte(server):
    command = b'a LOGIN {5}\r\nalice "secret"\r\n'
    for at in range(1, len(command)):
        with server.raw() as c:
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c.line()
            c.send(command[:at])
            time.sleep(0.002)
            c.send(command[at:])
            lines = c.until(b"a")
            assert lines[-1].startswith(b"a OK"), (at, lines)


def test_commands_behind_starttls_are_never_run(server):
    """[security.md A12] in one packet, and as a cut-off line."""
    for behind in (b"b LOGIN alice secret\r\n", b"b LOGIN al", b"\0", b"b NOOP\r\n"):
        with server.raw() as c:
            c.line()
            c.send(b"a STARTTLS\r\n" + behind)
            rest = b""
            c.sock.settimeout(10)
            try:
                while data := c.sock.recv(65536):
                    rest += data
            except ConnectionError:
                pass
            assert b"b OK" not in rest and b"b NO" not in rest
            assert rest.count(b"\r\n") <= 1
    alive(server)


def test_ten_thousand_silent_connections(make_server):
    """[security.md A1] they cost little, and a client logs in within a
    second meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 10_000
    if hard < want + 200:
        want = hard - 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (want + 200, hard))
    server = make_server(extra="mail_max_userip_connections = 100\n"
                         "service imap-login {\n  process_limit = 1000\n"
                         "  client_limit = 12000\n}\n")
    held = []
    try:
        deadline = time.monotonic() + 120
        while len(held) < want and time.monotonic() < deadline:
            s = socket.socket()
            s.settimeout(5)
            # many source addresses: one is not all that 10,000 would have
            s.bind((f"127.0.{len(held) // 250 % 250}.{len(held) % 250 + 1}", 0))
            try:
                s.connect(("127.0.0.1", server.imap_port))
            except OSError:
                s.close()
                continue
            held.append(s)
            if len(held) % 2000 == 0:
                alive(server, within=1.0)
        assert len(held) >= want * 0.99
        alive(server, within=1.0)
        # and so do those who log in while many of them begin to speak
        for s in held[:300]:
            s.sendall(b"x NOOP\r\n")
        alive(server, within=1.0)
        for s in held[:300]:
            assert answer_of(s, b"x ").startswith(b"x OK")
        # a silent one is still a connection like any other
        held[-1].sendall(b"y LOGIN alice %s\r\n" % server.users["alice"].encode())
        assert answer_of(held[-1], b"y ").startswith(b"y OK")
        held[-1].sendall(b"z SELECT INBOX\r\n")
        assert answer_of(held[-1], b"z ").startswith(b"z OK")
    finally:
        for s in held:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    alive(server)


def children(pid):
    """All processes below pid: {pid: command line}."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    parents[int(entry)] = (parent, f.read().replace(b"\0", b" ").decode(
                        errors="replace"))
            except OSError:
                pass
    found, queue = {}, [pid]
    while queue:
        top = queue.pop()
        for child, (parent, command) in parents.items():
            if parent == top:
                found[child] = command
                queue.append(child)
    return found


def test_sigkill_of_every_process_while_delivering(make_server):
    """Nothing acknowledged is lost, nothing is there twice."""
    server = make_server()
    sent, acknowledged = 0, []
    for round_ in range(3):
        for victim in sorted(children(server.process.pid)):
            ident = f"kill-{round_}-{victim}-{sent}"
            mail = f"Subject: x\r\nMessage-ID: <{ident}@x>\r\n\r\n{ident}\r\n"
            sent += 1
            try:
                with server.lmtp() as client:
                    client.ehlo()
                    client.mail("s@x")
                    client.rcpt("alice")
                    os.kill(victim, signal.SIGKILL)
                    if client.data(mail)[0] == 250:
                        acknowledged.append(ident)
            except ProcessLookupError:
                pass
            except Exception:
                pass        # not acknowledged: may be there or not
            time.sleep(0.05)
    deadline = time.monotonic() + 30
    while True:
        try:
            alive(server, within=10)
            break
        except Exception:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.2)
    client = server.imap()
    client.select("INBOX")
    uids = client.uid("search", None, "ALL")[1][0].split()
    texts = [client.uid("fetch", u, "(BODY.PEEK[TEXT])")[1][0][1].decode().strip()
             for u in uids]
    client.logout()
    assert len(texts) == len(set(texts)), "a mail is there twice"
    delivered_ok = [a for a in acknowledged if a not in texts]
    assert not delivered_ok, f"acknowledged and lost: {delivered_ok}"
    assert len(acknowledged) >= 1


def test_sigkill_while_appending(make_server):
    server = make_server()
    acknowledged = []
    for n in range(30):
        try:
            before = children(server.process.pid)
            with server.raw() as c:
                c.line()
                c.command("LOGIN alice secret")
                text = f"Subject: {n}\r\n\r\nappend-{n}\r\n".encode()
                c.send(b"a APPEND INBOX {%d}\r\n" % len(text))
                assert c.line().startswith(b"+")
                c.send(text)
                victims = children(server.process.pid)
                if n % 10:      # every tenth time the zygotes, too
                    victims = set(victims) - set(before)
                c.send(b"\r\n")
                if n % 3:
                    time.sleep(0.001 * (n % 7))
                    for pid in victims:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            pass
                if c.until(b"a")[-1].startswith(b"a OK"):
                    acknowledged.append(f"append-{n}")
        except (OSError, AssertionError):
            pass
        time.sleep(0.05)
    deadline = time.monotonic() + 30
    while True:
        try:
            client = server.imap()
            break
        except Exception:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.2)
    client.select("INBOX")
    uids = client.uid("search", None, "ALL")[1][0].split()
    texts = [client.uid("fetch", u, "(BODY.PEEK[TEXT])")[1][0][1].decode().strip()
             for u in uids]
    client.logout()
    assert len(texts) == len(set(texts))
    assert set(acknowledged) <= set(texts)
    assert len(acknowledged) >= 10
