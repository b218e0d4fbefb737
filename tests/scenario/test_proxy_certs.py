"""The certificate that a proxy shows to the servers behind it."""
import contextlib
import os
import re
import ssl

import pytest

import culver
import dovecot
from test_lmtp import MAIL, Lmtp
from test_proxy_imap import login
from test_proxy_lmtp import Fake, send, write_users
from test_tls import CLIENT_CERTS, Authority

SHOWN = "ssl_client_cert = <{}\nssl_client_key = <{}\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    culver.open_to_all(folder)
    return Authority(folder)


@pytest.fixture(scope="module", params=["culver", "dovecot"])
def far(request, authority):
    if request.param == "dovecot" and not dovecot.available():
        pytest.skip("needs Dovecot and root")
    kind = culver.Server if request.param == "culver" else dovecot.Dovecot
    with kind(users={"alice": "secret"},
              extra=CLIENT_CERTS.format(ca=authority.cert)) as server:
        yield server


def front_of(far, extra, ssl_field="ssl=yes"):
    server = culver.Server(users={}, extra=f"ssl_client_ca_file = {far.dir}/cert.pem\n" + extra)
    write_users(server, {
        "alice": f"proxy host=localhost hostip=127.0.0.1 port={far.imaps_port} {ssl_field}",
        "bob": ""})
    return server


@pytest.mark.parametrize("ssl_field", ["ssl=yes", "ssl=any-cert"])
def test_the_far_server_sees_a_certificate(far, authority, ssl_field):
    shown = SHOWN.format(*authority.issue("proxy.example"))
    with front_of(far, shown, ssl_field) as front, front.raw() as c:
        c.line()
        assert login(c, "alice")[-1].startswith("a OK"), front.log


def test_without_one_it_refuses(far, authority, tmp_path):
    stranger = Authority(tmp_path / "other", "Another CA").issue("proxy.example")
    culver.open_to_all(tmp_path / "other")
    for extra in ("", SHOWN.format(*stranger)):
        with front_of(far, extra) as front, front.raw() as c:
            c.line()
            assert login(c, "alice")[-1].startswith("a NO")


def test_one_that_cannot_be_verified_is_refused_by_us(far, authority, tmp_path):
    shown = SHOWN.format(*authority.issue("proxy.example"))
    with front_of(far, shown + f"ssl_client_ca_file = {authority.cert}\n") as front:
        with front.raw() as c:
            c.line()
            assert login(c, "alice")[-1].startswith("a NO [UNAVAILABLE]")
        assert culver.wait_for(lambda: "certificate of 'localhost' cannot be trusted" in front.log)


def memory_of(pid):
    text = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if rights.startswith("r") and "[v" not in line:
                start, end = (int(n, 16) for n in span.split("-"))
                with contextlib.suppress(OSError, OverflowError):
                    mem.seek(start)
                    text += mem.read(end - start)
    return text


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs root")
def test_the_key_is_in_no_session_but_the_proxied_one(far, authority):
    if isinstance(far, dovecot.Dovecot):
        pytest.skip("it is about us")
    cert, key = authority.issue("proxy.example")
    secret = key.read_bytes().splitlines()[5]
    with front_of(far, SHOWN.format(cert, key)) as front:
        with front.raw() as proxied, front.raw() as own:
            for c, user in (proxied, "alice"), (own, "bob"):
                c.line()
                assert login(c, user)[-1].startswith("a OK"), front.log
            pids = {}
            for user in "alice", "bob":
                found = culver.wait_for(lambda u=user: re.search(
                    rf"Login: user=<{u}>.* mpid=(\d+)", front.log))
                pids[user] = int(found[1])
            assert secret in memory_of(pids["alice"])
            assert secret not in memory_of(pids["bob"])
            with open(f"/proc/{pids['bob']}/stat") as f:
                zygote = int(f.read().rsplit(")", 1)[1].split()[1])
            assert zygote != os.getpid() and secret not in memory_of(zygote)


def test_lmtp_shows_it_too(authority):
    cert, key = authority.issue("proxy.example")
    backend = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*backend)
    context.load_verify_locations(authority.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    names = []

    def serve(fake, conn):
        with contextlib.suppress(OSError), conn, conn.makefile("rwb", 0) as f:
            f.write(b"220 fake\r\n")
            fake.expect(f, "LHLO", "250-fake\r\n250 STARTTLS")
            fake.expect(f, "STARTTLS", "220 go")
            tls = context.wrap_socket(conn, server_side=True)
            names.append(dict(x[0] for x in tls.getpeercert()["subject"])["commonName"])
            g = tls.makefile("rwb", 0)
            fake.expect(g, "LHLO", "250 fake")
            fake.expect(g, "MAIL", "250 ok")
            fake.expect(g, "RCPT", "250 ok")
            fake.expect(g, "DATA", "354 go on")
            fake.message(g)
            g.write(b"250 2.0.0 kept\r\n")
            g.readline()

    with Fake(None) as fake:
        fake.serve = lambda conn: serve(fake, conn)
        for shown, count in (SHOWN.format(cert, key), 1), ("", 0):
            names.clear()
            with culver.Server(users={}, extra="lmtp_proxy = yes\n" + shown +
                               f"ssl_client_ca_file = {authority.cert}\n") as front:
                write_users(front, {"alice": "proxy host=localhost hostip=127.0.0.1 "
                                             f"port={fake.port} starttls=yes"})
                with Lmtp(front) as c:
                    first, last = send(c, "alice", mail=MAIL * 3000)
            assert names == ["proxy.example"] * count
            assert last == (["250 2.0.0 kept"] if count else [])
            assert count or first[0].startswith("451 4.4.1")


@pytest.mark.parametrize("which,message", [
    ("cert", "ssl_client_cert is set, but not ssl_client_key"),
    ("key", "ssl_client_key is set, but not ssl_client_cert"),
    ("other", "does it belong to ssl_client_cert?"),
    ("path", "write ssl_client_cert = <"),
])
def test_what_cannot_be_used_is_said_before_anything_runs(authority, which, message):
    cert, key = authority.issue("proxy.example")
    text = {"cert": f"ssl_client_cert = <{cert}\n", "key": f"ssl_client_key = <{key}\n",
            "other": SHOWN.format(cert, authority.issue("other.example")[1]),
            "path": f"ssl_client_cert = {cert}\nssl_client_key = <{key}\n"}[which]
    server = culver.Server(extra=text)
    with pytest.raises(RuntimeError, match=re.escape(message)) as refused:
        server.start()
    assert re.search(r"culver\.conf:\d+: ", str(refused.value))
