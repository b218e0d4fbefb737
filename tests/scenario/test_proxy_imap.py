"""IMAP sessions forwarded to the server that has the mail."""
import base64
import contextlib
import ctypes
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import culver
import dovecot
from test_logging import CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, libc_call

TRUST = "login_trusted_networks = 127.0.0.0/8\n"


def write_users(server, users):
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret::::::{fields}\n" for name, fields in users.items()))


@pytest.fixture(scope="module", params=["culver", "dovecot"])
def far(request):
    kind = culver.Server if request.param == "culver" else dovecot.Dovecot
    with kind(users=dict.fromkeys(["alice", "bob", "boss"], "secret"),
              extra=TRUST + "listen = 127.0.0.1, 127.0.0.2\n") as server:
        server.kind = request.param
        yield server


@pytest.fixture(scope="module")
def front(far):
    with culver.Server(users={}, extra=(
            f"ssl_client_ca_file = {far.dir}/cert.pem\nauth_verbose = yes\n"
            "verbose_proctitle = yes\nauth_mechanisms = plain login\n")) as server:
        at = f"proxy host=127.0.0.1 port={far.imap_port}"
        tls = f"proxy host=localhost hostip=127.0.0.1 port={far.imaps_port}"
        write_users(server, {
            "alice": at, "bob": tls + " ssl=yes",
            "nologin": at + " nologin destuser=alice",
            "destuser": at + " destuser=alice",
            "starttls": at.replace("127.0.0.1", "localhost") + " hostip=127.0.0.1"
                        " starttls=yes destuser=alice",
            "wrongname": tls.replace("localhost", "other.example.org") + " ssl=yes",
            "anycert": tls.replace("localhost", "other.example.org")
                       + " ssl=any-cert destuser=alice",
            "badpass": at + " pass=wrong",
            "dead": f"proxy host=127.0.0.1 port={culver.free_port()}",
            "nohost": "proxy", "badport": "proxy host=127.0.0.1 port=99999",
            "mechlogin": at + " proxy_mech=LOGIN destuser=alice",
            "maybe": f"proxy_maybe host=127.0.0.1 port={far.imap_port}",
            "maybenot": f"proxy_maybe host=127.0.0.2 port={far.imap_port}"
                        " destuser=alice",
            "maybename": f"proxy_maybe host=localhost port={far.imap_port}",
            "myself": f"proxy host=127.0.0.1 port={server.imap_port}",
            "private": at + " proxy_not_trusted destuser=alice",
        })
        yield server


def login(c, user, password="secret", tag="a"):
    c.send(f"{tag} LOGIN {user} {password}\r\n")
    return [line.decode().rstrip("\r\n") for line in c.until(tag)]


def connect(front, user):
    c = front.raw()
    c.line()
    lines = login(c, user)
    assert lines[-1].startswith("a OK "), lines
    return c


def test_the_session_is_the_far_servers(front, far):
    far.deliver(b"Subject: over there\r\n\r\nhello\r\n", user="alice")
    with connect(front, "alice") as c:
        c.command("SELECT INBOX")
        lines = c.command("FETCH 1 (BODY.PEEK[])")
        assert any(b"over there" in line for line in lines)
        c.command("LOGOUT")
    assert not front.home("alice").exists()
    assert f"connected to 127.0.0.1:{far.imap_port} as alice" in front.log


@pytest.mark.parametrize("user", ["destuser", "nologin", "starttls", "anycert",
                                  "mechlogin", "maybenot", "private"])
def test_fields(front, far, user):
    with connect(front, user) as c:
        assert c.command("NOOP")[-1].startswith(b"x OK")
        c.command("CREATE made-by-" + user)
    with far.imap("alice") as m:
        assert m.select("made-by-" + user)[0] == "OK"


def test_tls_to_the_far_server(front):
    with connect(front, "bob") as c:
        assert c.command("NOOP")[-1].startswith(b"x OK")


def test_the_capabilities_are_the_far_servers(front, far):
    with front.raw() as c, far.raw() as direct:
        c.line(), direct.line()
        assert login(c, "alice")[-1] == login(direct, "alice")[-1]


@pytest.mark.parametrize("user,reason", [
    ("wrongname", "certificate of 'other.example.org' cannot be trusted"),
    ("dead", "cannot connect to '127.0.0.1'"),
    ("nohost", "returns no host"), ("badport", "port = '99999' is no number"),
    ("maybename", "set auth_resolve_hosts = yes"), ("myself", "proxying loops"),
])
def test_what_cannot_work_is_told_in_the_log(front, user, reason):
    with front.raw() as c:
        c.line()
        assert login(c, user)[-1].startswith("a NO [UNAVAILABLE]")
        # and the connection lives on
        assert c.command("NOOP")[-1].startswith(b"x OK")
    culver.wait_for(lambda: reason in front.log)


def test_the_far_server_may_refuse(front):
    with front.raw() as c:
        c.line()
        assert login(c, "badpass")[-1].startswith("a NO [AUTHENTICATIONFAILED]")
        assert login(c, "alice", tag="b")[-1].startswith("b OK")
    assert "wrong" not in front.log.replace("wrongname", "")


def test_a_wrong_password_does_not_reach_it(front, far):
    before = far.log
    with front.raw() as c:
        c.line()
        assert login(c, "alice", "guess")[-1].startswith("a NO [AUTHENTICATIONFAILED]")
    assert far.log == before


def test_proxy_maybe_stays_here(front):
    with connect(front, "maybe") as c:
        c.command("CREATE here")
    culver.wait_for(lambda: front.home("maybe").exists())


def test_proxy_maybe_with_the_name_of_a_host(far):
    with culver.Server(users={}, extra="auth_resolve_hosts = yes\n") as front:
        at = f"port={far.imap_port}"
        write_users(front, {
            "here": f"proxy_maybe host=localhost {at}",
            # a name to us, 127.0.0.2 to the name service everywhere
            "there": f"proxy_maybe host=127.2 {at} destuser=alice",
            "nowhere": f"proxy_maybe host=no-such-host.invalid {at}",
            "address": f"proxy_maybe host=localhost hostip=127.0.0.2 {at} destuser=alice"})
        with connect(front, "here") as c:
            c.command("CREATE here")
        culver.wait_for(lambda: front.home("here").exists())
        for user in "there", "address":
            with connect(front, user) as c:
                assert c.command("NOOP")[-1].startswith(b"x OK")
            assert not front.home(user).exists()
        assert f"connected to 127.2:{far.imap_port} as alice" in front.log
        with front.raw() as c:
            c.line()
            assert login(c, "nowhere")[-1].startswith("a NO [UNAVAILABLE]")
        assert culver.wait_for(
            lambda: "proxy_maybe: host 'no-such-host.invalid': " in front.log)
        assert "auth-worker: Fatal" not in front.log


def other_resolv_conf(path):
    """For this process and its children, path is /etc/resolv.conf."""
    libc_call("unshare", CLONE_NEWNS)
    libc_call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    libc_call("mount", str(path).encode(), os.path.realpath("/etc/resolv.conf").encode(), None,
              ctypes.c_ulong(MS_BIND), None)


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs root")
def test_a_silent_name_service_holds_up_nobody_else():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.9.9.9", 53))
        front = culver.Server(users={"bob": "secret"}, extra="auth_resolve_hosts = yes\n")
        write_users(front, {"nowhere": "proxy_maybe host=mail.example.org port=143", "bob": ""})
        resolv = front.dir / "resolv.conf"
        resolv.write_text("nameserver 127.9.9.9\noptions timeout:3 attempts:1\n")
        resolv.chmod(0o644)
        front.preexec = lambda: other_resolv_conf(resolv)
        with front, front.raw() as waits:
            waits.line()
            start = time.monotonic()
            waits.send("a LOGIN nowhere secret\r\n")
            silent.settimeout(5)
            assert b"mail" in silent.recv(512)
            for _ in range(3):
                with front.raw() as c:
                    c.line()
                    assert login(c, "bob")[-1].startswith("a OK")
            assert time.monotonic() - start < 2
            assert waits.until("a")[-1].startswith(b"a NO [UNAVAILABLE]")
            assert time.monotonic() - start > 2.5


def test_the_far_server_hears_who_the_client_is(front, far):
    with connect(front, "alice") as c:
        port = c.sock.getsockname()[1]
        # logged with the address of the client: 127.0.0.1 either way, so the
        # session's id tells
        assert port
        session = front.log.rsplit("connected to", 1)[0].rsplit("<", 1)[-1].split(">")[0]
        culver.wait_for(lambda: session and session in far.log)


def test_bytes_sent_with_the_login_are_passed_on(front):
    with front.raw() as c:
        c.line()
        c.send("a LOGIN alice secret\r\nb NOOP\r\nc CAPABILITY\r\n")
        assert c.until("a")[-1].startswith(b"a OK")
        assert c.until("b")[-1].startswith(b"b OK")
        assert c.until("c")[-1].startswith(b"c OK")


def test_sasl_and_tls_in_front(front):
    context = ssl.create_default_context(cafile=str(front.dir / "cert.pem"))
    with socket.create_connection(("127.0.0.1", front.imaps_port)) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as s:
        f = s.makefile("rwb")
        f.readline()
        token = base64.b64encode(b"\0alice\0secret").decode()
        f.write(f"a AUTHENTICATE PLAIN {token}\r\nb NOOP\r\n".encode())
        f.flush()
        assert f.readline().startswith((b"a OK", b"* CAP"))
        assert any(f.readline().startswith(b"b OK") for _ in range(3))


def test_large_messages_in_both_directions(front, far):
    body = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 65536 * 2
    with connect(front, "alice") as c:
        c.command("CREATE big")
        c.send(b"x APPEND big {%d}\r\n" % len(body))
        assert c.line().startswith(b"+")
        c.send(body + b"\r\n")
        assert c.until("x")[-1].startswith(b"x OK")
        c.command("SELECT big")
        c.send("y FETCH 1 BODY.PEEK[]\r\n")
        head = c.line()
        size = int(head.rsplit(b"{", 1)[1].split(b"}")[0])
        assert c.exact(size) == body
        assert c.until("y")[-1].startswith(b"y OK")


def test_who_and_kick(front, far):
    with connect(front, "alice") as c:
        out = front.adm("who").stdout
        assert "alice" in out and "proxy 127.0.0.1" in out
        listed = front.adm("proxy", "list").stdout
        assert listed.splitlines()[1].split() == [
            "alice", "imap", "127.0.0.1", "127.0.0.1", str(far.imap_port)]
        front.adm("proxy", "kick", "alice")
        assert b"BYE" in c.line()
        assert c.closed()


def test_the_backend_restarts(front):
    """Outside of a mailbox nothing is lost; in one the client is told."""
    with culver.Server(users={"carol": "secret"}) as far:
        with open(front.dir / "users", "a") as f:
            f.write(f"carol:{{PLAIN}}secret::::::proxy host=127.0.0.1 port={far.imap_port}\n")
        front.adm("auth", "cache", "flush", check=False)
        with connect(front, "carol") as c, connect(front, "carol") as selected:
            c.command("ENABLE CONDSTORE UTF8=ACCEPT")
            selected.command("SELECT INBOX")
            far.stop()
            assert b"BYE" in selected.line()
            far.start()
            assert c.command("NOOP")[-1].startswith(b"x OK")
            # what was enabled is enabled there, too
            lines = c.command('STATUS INBOX (HIGHESTMODSEQ)')
            assert b"HIGHESTMODSEQ" in lines[0]
            c.command('CREATE "M\u00fcll"')
            assert any("M\u00fcll".encode() in line
                       for line in c.command('LIST "" *'))
        assert "connected to 127.0.0.1" in front.log and " again" in front.log


def test_the_backend_stays_away(front):
    with culver.Server(users={"dave": "secret"}) as far:
        with open(front.dir / "users", "a") as f:
            f.write(f"dave:{{PLAIN}}secret::::::proxy host=127.0.0.1 port={far.imap_port}\n")
        with connect(front, "dave") as c:
            far.stop()
            time.sleep(0.2)
            c.send("a NOOP\r\n")
            assert b"BYE [UNAVAILABLE]" in c.line()
            assert c.closed()


HOSTILE = {
    "silent": [],
    "nonsense": [b"HTTP/1.1 200 OK\r\n"],
    "preauth": [b"* PREAUTH you are root\r\n"],
    "endless line": [b"* OK " + b"x" * 100000],
    "chatter": [b"* OK hi\r\n" + b"* 1 EXISTS\r\n" * 5000],
    "other tag": [b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\nzz OK yes\r\n"],
    "bye": [b"* BYE go away\r\n"],
    "no plaintext": [b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n"],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_far_server_costs_one_login(kind):
    """Bounded lines, bounded waits; the client is told, and may go on."""
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            culver.Server(users={}, extra="login_proxy_max_reconnects = 0\n"
                                          "login_proxy_timeout = 1s\n") as front:
        write_users(front, {"alice": f"proxy host=127.0.0.1 port={listener.getsockname()[1]}"})
        with front.raw() as c:
            c.line()
            c.send("a LOGIN alice secret\r\n")
            far = listener.accept()[0]
            with far:
                try:
                    for part in HOSTILE[kind]:
                        far.sendall(part)
                except OSError:
                    pass
                assert c.until("a")[-1].startswith(b"a NO [UNAVAILABLE]")
            assert c.command("NOOP")[-1].startswith(b"x OK")
        assert "secret" not in front.log


@contextlib.contextmanager
def scripted(tls=False):
    """A far server whose part the test plays: (front, client, far's socket)."""
    with socket.create_server(("127.0.0.1", 0)) as listener, culver.Server(users={}) as front:
        write_users(front, {"alice": f"proxy host=127.0.0.1 port={listener.getsockname()[1]}"})
        with front.raw(front.imaps_port if tls else None) as c:
            if tls:
                context = ssl.create_default_context(cafile=front.dir / "cert.pem")
                c.sock = context.wrap_socket(c.sock, server_hostname="localhost")
            c.line()
            c.send("a LOGIN alice secret\r\n")
            far = listener.accept()[0]
            with far:
                far.settimeout(30)
                far.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n")
                assert far.recv(4096).startswith(b"L AUTHENTICATE PLAIN ")
                far.sendall(b"L OK in\r\n")
                assert c.until("a")[-1] == b"a OK in\r\n"
                yield front, c, far


def test_a_kick_waits_for_the_answer_and_passes_nothing_new_on():
    with scripted() as (front, c, far):
        c.send("b CREATE slow\r\n")
        assert far.recv(4096) == b"b CREATE slow\r\n"
        front.adm("kick", "alice")
        time.sleep(0.5)
        c.send("c CREATE late\r\n")
        c.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            c.line()
        c.sock.settimeout(30)
        far.sendall(b"* 1 EXISTS\r\nb OK do")
        far.sendall(b"ne\r\n")
        assert c.until("b") == [b"* 1 EXISTS\r\n", b"b OK done\r\n"]
        assert c.line() == b"* BYE [UNAVAILABLE] Disconnected by the administrator.\r\n"
        assert c.closed()
        assert far.recv(4096) == b""


def test_a_kick_does_not_wait_for_ever_nor_for_idle():
    with scripted() as (front, c, far):
        c.send("b CREATE slow\r\n")
        assert far.recv(4096)
        began = time.monotonic()
        front.adm("kick", "alice")
        assert c.line().startswith(b"* BYE [UNAVAILABLE]")
        assert 4 < time.monotonic() - began < 15
        assert c.closed()
    with scripted() as (front, c, far):
        c.send("b IDLE\r\n")
        assert far.recv(4096)
        far.sendall(b"+ idling\r\n")
        assert c.line() == b"+ idling\r\n"
        began = time.monotonic()
        front.adm("kick", "alice")
        assert c.line().startswith(b"* BYE [UNAVAILABLE]")
        assert time.monotonic() - began < 4


def test_a_far_server_that_goes_while_a_kick_waits():
    with scripted() as (front, c, far):
        c.send("b CREATE slow\r\n")
        assert far.recv(4096)
        front.adm("kick", "alice")
        time.sleep(0.5)
        far.close()
        assert c.line().startswith(b"b NO [UNAVAILABLE]")
        assert c.line().startswith(b"* BYE [UNAVAILABLE]")
        assert c.closed()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_the_last_words_arrive_though_the_client_is_still_sending(tls):
    """Closing with input unread makes the kernel send a reset."""
    with scripted(tls) as (front, c, far):
        c.send("b CREATE slow\r\n")
        assert far.recv(4096) == b"b CREATE slow\r\n"
        front.adm("kick", "alice")
        time.sleep(0.5)
        c.send("".join(f"c{i} NOOP\r\n" for i in range(2000)))
        far.sendall(b"b OK done\r\n")
        time.sleep(0.5)
        assert c.line() == b"b OK done\r\n"
        assert c.line().startswith(b"* BYE [UNAVAILABLE]")
        assert c.line() == b""
        assert far.recv(4096) == b""


def descendants(pid):
    """Processes below one, the youngest last."""
    found = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True,
                           check=True).stdout
    parents = [tuple(map(int, line.split())) for line in found.splitlines()]
    all_, last = {pid}, 0
    while len(all_) != last:
        last = len(all_)
        all_ |= {child for child, parent in parents if parent in all_}
    return sorted(all_)


def test_the_far_server_is_killed_in_the_middle():
    """kill -9 of all of it: as with a restart, a command in flight is told of."""
    with culver.Server(users={"alice": "secret"}) as far, culver.Server(users={}) as front:
        write_users(front, {"alice": f"proxy host=127.0.0.1 port={far.imap_port}"})
        with connect(front, "alice") as c, connect(front, "alice") as selected, \
                connect(front, "alice") as busy:
            c.command("CREATE kept")
            selected.command("SELECT INBOX")
            # its answer is not complete before its literal is
            busy.send("y APPEND INBOX {1000}\r\n")
            assert busy.line().startswith(b"+")
            busy.send(b"x" * 500)
            for pid in descendants(far.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            far.process.wait()
            for one in (selected, busy):
                assert one.line().startswith(b"* BYE [UNAVAILABLE]")
                assert one.closed()
            far.start()
            assert c.command("NOOP")[-1].startswith(b"x OK")
            assert any(b"kept" in line for line in c.command('LIST "" *'))
            with connect(front, "alice") as new:
                assert new.command("STATUS INBOX (MESSAGES)")[0] == b"* STATUS INBOX (MESSAGES 0)\r\n"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_host_with_an_address_of_ipv6():
    with culver.Server(users={"alice": "secret"}, extra="listen = 127.0.0.1, ::1\n"
                       "login_trusted_networks = ::1\n") as far, \
            culver.Server(users={}, extra="listen = 127.0.0.1, ::1\n") as front:
        write_users(front, {
            "alice": f"proxy host=::1 port={far.imap_port} proxy_timeout=5",
            "bob": f"proxy host=localhost hostip=::1 port={far.imap_port} destuser=alice",
            "carl": f"proxy_maybe host=::1 port={far.imap_port} destuser=alice",
            "loop": f"proxy host=::1 port={front.imap_port}",
            "bracket": f"proxy host=[::1] port={far.imap_port}"})
        for user in ("alice", "bob", "carl"):
            with connect(front, user) as c:
                assert c.command("NOOP")[-1].startswith(b"x OK")
                rows = front.adm("proxy", "list", user).stdout.splitlines()
                assert rows[1].split()[-2:] == ["localhost" if user == "bob" else "::1",
                                                str(far.imap_port)]
        # this one has come in where it would go to
        here = culver.Raw(front.imap_port, host="::1")
        with here as c:
            c.line()
            assert login(c, "loop")[-1].startswith("a NO [UNAVAILABLE]")
        assert culver.wait_for(lambda: "proxying loops" in front.log)
        with front.raw() as c:
            c.line()
            assert login(c, "bracket")[-1].startswith("a NO [UNAVAILABLE]")
        assert culver.wait_for(lambda: "host '[::1]'" in front.log)


def id_that_arrives(through, *, trust=TRUST, middle_fields="", front_fields=""):
    """What the server behind one or two proxies is told in ID, as a dictionary."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        servers = []
        for fields, extra in ((middle_fields, trust), (front_fields, ""))[2 - through:]:
            server = stack.enter_context(culver.Server(users={}, extra=extra))
            write_users(server, {"alice": f"proxy host=127.0.0.1 port={port} {fields}"})
            port = server.imap_port
            servers.append(server)
        c = stack.enter_context(servers[-1].raw())
        c.line()
        c.send("a LOGIN alice secret\r\n")
        listener.settimeout(20)
        try:
            far = stack.enter_context(listener.accept()[0])
        except TimeoutError:
            return servers[-1].log
        far.settimeout(20)
        far.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR ID] hi\r\n")
        line = b""
        while not line.endswith(b")\r\n"):
            line += far.recv(4096)
        far.sendall(b"I OK\r\n")
        assert far.recv(4096).startswith(b"L AUTHENTICATE PLAIN ")
        far.sendall(b"L OK in\r\n")
        assert c.until("a")[-1].startswith(b"a OK")
        words = [word.replace('\\"', '"') for word in
                 re.findall(r'"((?:[^"\\]|\\.)*)"', line.decode())]
        return dict(zip(words[::2], words[1::2]))


def test_forward_fields_go_along():
    told = id_that_arrives(1, front_fields='forward_zone=north forward_q=a"b forward_empty=')
    assert told["x-forward-zone"] == "north" and told["x-forward-q"] == 'a"b'
    assert "x-forward-empty" not in told and told["x-originating-ip"] == "127.0.0.1"


def test_forward_fields_go_through_a_proxy_that_trusts_the_first_one():
    fields = {"front_fields": "forward_zone=north forward_both=front",
              "middle_fields": "forward_more=x forward_both=middle"}
    told = id_that_arrives(2, **fields)
    assert {k: v for k, v in told.items() if k.startswith("x-forward-")} == {
        "x-forward-zone": "north", "x-forward-more": "x", "x-forward-both": "middle"}
    told = id_that_arrives(2, trust="", **fields)
    assert {k: v for k, v in told.items() if k.startswith("x-forward-")} == {
        "x-forward-more": "x", "x-forward-both": "middle"}


@pytest.mark.parametrize("field", ["forward_" + "n" * 21 + "=x", "forward_name=J\u00fcrgen",
                                   "forward_x=" + "v" * 1025,
                                   " ".join(f"forward_n{i}=x" for i in range(23))],
                         ids=["long name", "no ASCII", "long value", "too many"])
def test_forward_fields_that_cannot_be_forwarded(field):
    with culver.Server(users={}) as front:
        write_users(front, {"alice": f"proxy host=127.0.0.1 port=9 {field}"})
        with front.raw() as c:
            c.line()
            assert login(c, "alice")[-1].startswith("a NO [UNAVAILABLE]")
        assert culver.wait_for(lambda: "cannot be forwarded: at most 22" in front.log)
