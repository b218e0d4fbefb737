"""UNAUTHENTICATE [RFC8437]: the connection goes back to before its login, and nothing of
the session that had it is left."""
import re
import shutil
import socket
import ssl
import time
import zlib

import pytest

import culver
import test_imap_plugins
import test_tls
from test_tls import authority  # noqa: F401  a fixture


STAYS = """
#include "cv-imap.h"

static int before(struct cv_imap_call *call)
{
	if (!cv_span_is(call->verb, "UNAUTHENTICATE"))
		return CV_OK;
	call->response_code = "CANNOT";
	(void)cv_api->error_set_client(call->err, "It stays.");
	return CV_E_PERM;
}

static const struct cv_imap_extension extension = {
	CV_SIZED(cv_imap_extension), .before = before,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	return cv_imap_extend(self, "imap-stays", &extension, err);
}

static const char *const processes[] = { "imap", NULL };

CV_PLUGIN_DEFINE("imap-stays", 0,
	.version = "1.0", .license = "MIT", .summary = "who is in stays",
	.processes = processes, .init = init);
"""


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        yield s


@pytest.fixture(scope="module")
def shared():
    with culver.Server(extra="service imap-login {\n  service_count = 0\n}\n") as s:
        yield s


def secure(server, cert=None):
    """A Raw over TLS."""
    client = culver.Raw(server.imaps_port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*cert)
    client.sock = context.wrap_socket(client.sock)
    return client


def connect(server, tls=False):
    client = secure(server) if tls else server.raw()
    assert client.line().startswith(b"* OK ")
    return client


def login(client, user="alice", tag="l"):
    lines = client.command(f"LOGIN {user} secret", tag)
    assert lines[-1].startswith(f"{tag} OK ".encode()), lines
    return lines[-1]


def unauthenticate(client, tag="u"):
    assert client.command("UNAUTHENTICATE", tag) == [f"{tag} OK Unauthenticated.\r\n".encode()]


def whoami(client):
    """A mailbox that only its owner has says who it is."""
    return {re.search(rb" (\S+)\r\n$", line)[1]
            for line in client.command('LIST "" of-*') if line.startswith(b"* LIST")}


@pytest.fixture(scope="module", autouse=True)
def mailboxes(server, shared):
    for s in (server, shared):
        for user in ("alice", "bob"):
            with s.imap(user) as client:
                assert client.create(f"of-{user}")[0] == "OK"


def test_it_is_offered_after_login_only(server):
    with connect(server) as c:
        assert b"UNAUTHENTICATE" not in c.command("CAPABILITY")[0]
        assert b" UNAUTHENTICATE" in login(c)
        assert b" UNAUTHENTICATE" in c.command("CAPABILITY")[0]
        unauthenticate(c)
        lines = c.command("CAPABILITY")
        assert b"UNAUTHENTICATE" not in lines[0] and b" STARTTLS" in lines[0]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("which", ["server", "shared"])
def test_one_connection_for_many_users(request, which, tls):
    server = request.getfixturevalue(which)
    with connect(server, tls) as c:
        for user in ("alice", "bob", "alice", "bob"):
            login(c, user)
            assert whoami(c) == {f"of-{user}".encode()}
            unauthenticate(c)
        # what needs a login does not work now
        assert c.command("SELECT INBOX")[-1].startswith(b"x BAD ")
        assert c.command("LOGIN alice wrong")[-1].startswith(b"x NO [AUTHENTICATIONFAILED]")
        login(c, "alice")
        assert c.command("LOGOUT")[-1].startswith(b"x OK ")
        assert c.closed()


@pytest.mark.parametrize("tls", [False, True])
def test_the_next_login_may_follow_at_once(server, tls):
    """[RFC8437 3] one round trip with SASL-IR"""
    with connect(server, tls) as c:
        login(c, "alice")
        c.send("a SELECT INBOX\r\nb UNAUTHENTICATE\r\n"
               "c AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=\r\n"     # bob
               'd LIST "" of-*\r\n')
        assert c.until("b")[-1] == b"b OK Unauthenticated.\r\n"
        assert c.until("c")[-1].startswith(b"c OK [CAPABILITY ")
        assert b"of-bob" in c.until("d")[0]
        # cut anywhere
        for part in ("e UNAUTHENTI", "CATE\r", "\nf LOGIN al", "ice secret\r\ng NOOP\r\n"):
            c.send(part)
        assert c.until("e")[-1].startswith(b"e OK ")
        assert c.until("f")[-1].startswith(b"f OK ")
        assert c.until("g") == [b"g OK NOOP completed.\r\n"]


@pytest.mark.parametrize("tls", [False, True])
def test_much_may_follow_at_once(server, tls):
    """More than what one read takes, and than what goes along with the connection."""
    with connect(server, tls) as c:
        login(c, "alice")
        more = "".join(f"n{i} NOOP\r\n" for i in range(4000))
        assert len(more) > 2 * 16384
        c.send("u UNAUTHENTICATE\r\nl LOGIN bob secret\r\n" + more
               + 'z LIST "" of-*\r\n')
        assert c.until("u")[-1] == b"u OK Unauthenticated.\r\n"
        assert c.until("l")[-1].startswith(b"l OK ")
        lines = c.until("z")
        assert lines[:4000] == [b"n%d OK NOOP completed.\r\n" % i for i in range(4000)]
        assert b"of-bob" in lines[4000] and len(lines) == 4002


def test_a_plugin_refuses_it(tmp_path):
    """A hook's NO leaves the session as it was: its user, its mailbox, what it enabled."""
    culver.open_to_all(tmp_path)
    for so in (culver.PREFIX / "lib/culver/plugins").glob("*.so"):
        shutil.copy(so, tmp_path / so.name)
    source = tmp_path / "imap-stays.c"
    source.write_text(STAYS)
    test_imap_plugins.build(tmp_path, "imap-stays", source)
    with culver.Server(extra=test_imap_plugins.settings(tmp_path, "imap-stays")) as s, \
            connect(s) as c:
        login(c)
        c.command("SELECT INBOX")
        c.command("ENABLE CONDSTORE")
        c.send("a UNAUTHENTICATE\r\nb NOOP\r\n")
        assert c.until("b") == [b"a NO [CANNOT] It stays.\r\n", b"b OK NOOP completed.\r\n"]
        assert c.command("FETCH 1:* FLAGS")[-1].split()[1] in (b"OK", b"BAD")
        assert c.command("CHECK")[-1].startswith(b"x OK ")
        assert c.command("ENABLE CONDSTORE")[-1].startswith(b"x OK ")
        assert c.command("LOGIN bob secret")[-1].startswith(b"x BAD ")


def test_wrong_forms(server):
    with connect(server) as c:
        assert c.command("UNAUTHENTICATE")[-1].startswith(b"x BAD ")
        login(c)
        assert c.command("UNAUTHENTICATE now")[-1].startswith(b"x BAD ")
        assert c.command("UID UNAUTHENTICATE")[-1].startswith(b"x BAD ")
        assert whoami(c) == {b"of-alice"}


def test_nothing_is_expunged_and_the_mailbox_is_closed(server):
    with connect(server) as c:
        login(c)
        message = "Subject: stays\r\n\r\nx\r\n"
        c.send(f"a APPEND of-alice (\\Deleted) {{{len(message)}+}}\r\n{message}\r\n")
        assert c.until("a")[-1].startswith(b"a OK ")
        assert c.command("SELECT of-alice")[-1].startswith(b"x OK ")
        unauthenticate(c)
        login(c)
        assert c.command("FETCH 1 FLAGS")[-1].startswith(b"x BAD ")
        assert b"MESSAGES 1" in c.command("STATUS of-alice (MESSAGES)")[0]


def test_extensions_are_off_again(server):
    """[RFC8437 4.1]: ENABLE, CONDSTORE, SEARCHRES, comparator"""
    with connect(server) as c:
        login(c)
        assert b"QRESYNC" in c.command("ENABLE QRESYNC UTF8=ACCEPT UIDONLY")[0]
        c.command("COMPARATOR i;octet")
        c.command("SELECT of-alice")
        c.command("UID SEARCH RETURN (SAVE) ALL")
        unauthenticate(c)
        login(c)
        # none of them is on: ENABLE names them all once more
        assert c.command("ENABLE QRESYNC UTF8=ACCEPT")[0] \
            == b"* ENABLED QRESYNC UTF8=ACCEPT\r\n"
        assert c.command("COMPARATOR")[0] == b"* COMPARATOR i;unicode-casemap\r\n"
        c.command("SELECT of-alice")
        assert c.command("FETCH 1 UID")[-1].startswith(b"x OK ")
        assert c.command("SEARCH RETURN (COUNT) $")[0].endswith(b" COUNT 0\r\n")


def test_starttls_after_it(server):
    """all but TLS begins anew, so that TLS may begin now"""
    with connect(server) as c:
        login(c)
        unauthenticate(c)
        assert c.command("STARTTLS")[-1].startswith(b"x OK ")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c.sock = context.wrap_socket(c.sock)
        login(c, "bob")
        assert whoami(c) == {b"of-bob"}
        unauthenticate(c)
        assert b"STARTTLS" not in c.command("CAPABILITY")[0]
        assert c.command("STARTTLS")[-1].startswith(b"x BAD ")
        login(c, "alice")
        assert whoami(c) == {b"of-alice"}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("how", ["finish", "later", "pipelined"])
def test_compression_ends(server, how, tls):
    """[RFC8437 4.1] both streams end behind the line, whatever comes next"""
    with connect(server, tls) as c:
        login(c)
        assert c.command("COMPRESS DEFLATE")[-1].startswith(b"x OK ")
        out, into = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        c.send(out.compress(b"n NOOP\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
        line = b"u UNAUTHENTICATE\r\n"
        if how == "finish":
            c.send(out.compress(line) + out.flush(zlib.Z_FINISH))
        elif how == "pipelined":
            c.send(out.compress(line) + out.flush(zlib.Z_FINISH)
                   + b"p LOGIN bob secret\r\n")
        else:       # no end of stream: the next line is plain
            c.send(out.compress(line) + out.flush(zlib.Z_SYNC_FLUSH))
        text = b""
        while not into.eof:
            data = c.sock.recv(1)
            assert data
            text += into.decompress(data)
        assert text == b"n OK NOOP completed.\r\nu OK Unauthenticated.\r\n"
        if how != "pipelined":
            c.send("p LOGIN bob secret\r\n")
        assert c.until("p")[-1].startswith(b"p OK ")
        assert whoami(c) == {b"of-bob"}
        # and may begin once more
        assert c.command("COMPRESS DEFLATE")[-1].startswith(b"x OK ")


def test_compressed_bytes_behind_it_end_the_connection(server):
    with connect(server) as c:
        login(c)
        c.command("COMPRESS DEFLATE")
        out = zlib.compressobj(6, zlib.DEFLATED, -15)
        c.send(out.compress(b"u UNAUTHENTICATE\r\np LOGIN bob secret\r\n")
               + out.flush(zlib.Z_FINISH))
        assert c.closed()


def test_who_it_was_from_stays_known():
    with culver.Server(extra="mail_max_userip_connections = 1\n") as server:
        with connect(server) as c:
            for user in ("alice", "bob", "alice"):
                login(c, user)      # the place of the session before is free
                unauthenticate(c)
            port = c.sock.getsockname()[1]
            assert c.command("LOGIN alice wrong")[-1].startswith(b"x NO ")
        lines = [x for x in server.log.splitlines() if "Login: user=<" in x]
        assert len(lines) == 3 and all("rip=127.0.0.1" in x for x in lines)
        assert len({re.search(r"session=<(.*?)>", x)[1] for x in lines}) == 3
        assert port


def test_it_can_be_switched_off():
    with culver.Server(extra="imap_unauthenticate = no\n") as server:
        with connect(server) as c:
            assert b"UNAUTHENTICATE" not in login(c)
            assert c.command("UNAUTHENTICATE")[-1].startswith(b"x BAD ")
            assert c.command("NOOP")[-1].startswith(b"x OK ")


def test_the_certificate_stays(authority):  # noqa: F811
    """[RFC8437 4.2] it is TLS's: who has shown it is believed again"""
    extra = test_tls.CLIENT_CERTS.format(ca=authority.cert) \
        + "auth_ssl_username_from_cert = yes\n"
    with culver.Server(extra=extra) as server:
        with secure(server, authority.issue("alice")) as c:
            c.line()
            for tag in ("a", "b", "c"):
                login(c, "bob", tag)
                c.command("CREATE of-alice")
                assert whoami(c) == {b"of-alice"}
                unauthenticate(c)
        deadline = time.monotonic() + 10
        while server.log.count("Login: user=<alice>") < 3:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
        assert "Login: user=<bob>" not in server.log
        with secure(server) as c:
            c.line()
            assert not c.command("LOGIN bob secret")[-1].startswith(b"x OK ")


def test_a_proxy_said_whose_it_is():
    extra = ("haproxy_trusted_networks = 127.0.0.0/8\nservice imap-login {\n"
             "  inet_listener proxied {\n    port = %d\n    haproxy = yes\n  }\n}\n")
    port = culver.free_port()
    try:
        with culver.Server(extra=extra % port) as server:
            with culver.Raw(port) as c:
                c.send("PROXY TCP4 192.0.2.9 192.0.2.1 4000 143\r\n")
                c.line()
                # not secure: what the proxy says counts, before and after
                assert b"LOGINDISABLED" in c.command("CAPABILITY")[0]
                c.send("s STARTTLS\r\n")
                c.until("s")
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                c.sock = context.wrap_socket(c.sock)
                login(c)
                unauthenticate(c)
                login(c, "bob")
                c.sock.shutdown(socket.SHUT_RDWR)
            lines = [x for x in server.log.splitlines() if "Login: user=<" in x]
            assert len(lines) == 2 and all("rip=192.0.2.9" in x for x in lines)
    finally:
        culver.release_port(port)
