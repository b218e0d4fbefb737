"""Kerberos: a real KDC, and GNU SASL, curl and Cyrus SASL as clients."""
import ctypes
import glob
import os
import subprocess

import pytest

import culver
import kerberos
from kerberos import HOST, OTHER, REALM
from test_auth_otp import Cyrus
from test_sasl import GSASL, Client, capability, needs_gsasl

pytestmark = pytest.mark.skipif(not kerberos.there(), reason="krb5-kdc is not installed")
needs_cyrus = pytest.mark.skipif(not glob.glob("/usr/lib/*/sasl2/libgssapiv2.so*"),
                                 reason="libsasl2-modules-gssapi-mit is not installed")

SETTINGS = """
auth_mechanisms = plain gssapi gss-spnego
auth_username_format = %n
auth_gssapi_hostname = {host}
auth_krb5_keytab = {keytab}
"""
USERS = f"""\
alice:{{PLAIN}}secret
bob:{{PLAIN}}secret::::::k5principals=carol@{REALM},alice@{OTHER}
dora:{{PLAIN}}secret::::::nologin=y
"""


@pytest.fixture(scope="module")
def realms():
    before = dict(os.environ)
    with kerberos.Realms() as realms:
        os.environ.update(realms.env)
        for user in ("alice", "bob", "carol", f"alice@{OTHER}"):
            assert realms.kinit(user) == 0
        yield realms
    os.environ.clear()
    os.environ.update(before)


def make(realms, host=HOST, keytab=None):
    server = culver.Server(extra=SETTINGS.format(host=host, keytab=keytab or realms.keytab))
    (server.dir / "users").write_text(USERS)
    return server


@pytest.fixture(scope="module")
def server(realms):
    with make(realms) as server:
        yield server


class Ticket(Cyrus):
    """Cyrus SASL's client with somebody's tickets."""

    def __init__(self, realms, ticket, host=HOST, user=""):
        os.environ["KRB5CCNAME"] = realms.cache(ticket)
        super().__init__(user, "")
        assert self.lib.sasl_client_new(b"imap", host.encode(), None, None, self.callbacks, 0,
                                        ctypes.byref(self.conn)) == 0

    def login(self, server, mechanism="GSSAPI"):
        with Client(server) as client:
            said = client.begin(mechanism, self.start(mechanism.encode()))
            while isinstance(said, bytes):
                said = client.exchange(self.step(said))
            return said


def whoami(server):
    return server.log.rsplit("Login: user=<", 1)[1].split(">")[0]


@needs_gsasl
@pytest.mark.parametrize("user, authzid, ok", [
    ("alice", None, True), ("alice", "alice", True), ("alice", f"alice@{REALM}", True),
    ("alice", "bob", False), ("carol", "bob", True), ("bob", "alice", False),
    ("alice", "alice*bob", False), ("alice", f"alice@{OTHER}", False)])
def test_with_gnu_sasl(server, realms, user, authzid, ok):
    command = [GSASL, "--imap", "-m", "GSSAPI", "-a", user, "--service=imap",
               f"--hostname={HOST}", "--no-starttls", f"--connect=localhost:{server.imap_port}"]
    if authzid:
        command.append(f"--authorization-id={authzid}")
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60,
                          env=realms.client_env(user))
    said = done.stdout + done.stderr
    assert ("a OK" in said or "authentication finished" in said) == ok and \
        (done.returncode == 0) == ok, said + server.log[-1500:]
    if ok:
        assert whoami(server) == (authzid or user).split("@")[0]


def test_with_curl(server, realms):
    """It does not ask the server to prove itself."""
    def curl():
        return subprocess.run(
            ["curl", "-sv", "--max-time", "30", "--connect-to",
             f"{HOST}:143:127.0.0.1:{server.imap_port}", "--login-options", "AUTH=GSSAPI",
             "-u", f"alice@{REALM}:x", f"imap://{HOST}/INBOX"],
            capture_output=True, text=True, timeout=60, env=realms.client_env("alice"))
    done = curl()
    assert done.returncode == 0, done.stderr + server.log[-1500:]
    assert whoami(server) == "alice"


@needs_cyrus
@pytest.mark.parametrize("mechanism", ["GSSAPI", "GSS-SPNEGO"])
def test_with_cyrus(server, realms, mechanism):
    assert {"GSSAPI", "GSS-SPNEGO"} <= capability(server)
    said = Ticket(realms, "alice").login(server, mechanism)
    assert said.startswith("a OK"), said + server.log[-1500:]
    assert whoami(server) == "alice"


@needs_cyrus
def test_another_realm(server, realms):
    """alice of a realm that is trusted is not our alice."""
    said = Ticket(realms, f"alice@{OTHER}").login(server, "GSS-SPNEGO")
    assert "AUTHENTICATIONFAILED" in said
    assert f"principal alice@{OTHER} may not log in as 'alice'" in server.log
    # but the passdb lets her in as bob
    said = Ticket(realms, f"alice@{OTHER}", user="bob").login(server)
    assert said.startswith("a OK") and whoami(server) == "bob", server.log[-1500:]


@needs_cyrus
def test_another_host(realms, server):
    said = Ticket(realms, "alice", host="elsewhere.example.com").login(server)
    assert "AUTHENTICATIONFAILED" in said
    assert "the ticket is for imap/elsewhere.example.com@" in server.log
    with make(realms, host='"$ALL"') as any_host:
        said = Ticket(realms, "alice", host="elsewhere.example.com").login(any_host)
        assert said.startswith("a OK"), said + any_host.log[-1500:]


@needs_cyrus
def test_replays_and_pieces(server, realms):
    token = Ticket(realms, "alice").start(b"GSSAPI")
    with Client(server) as client:
        assert isinstance(client.begin("GSSAPI", token), bytes)
    with Client(server) as client:
        assert "AUTHENTICATIONFAILED" in client.begin("GSSAPI", token)
    assert "replay" in server.log
    for piece in (b"", b"\x60", token[:20], token[:-1], token[:100] + b"x" + token[101:],
                  b"\x60\x84\xff\xff\xff\xff" + token, b"\0" * 9000):
        with Client(server) as client:
            said = client.begin("GSSAPI", piece)
            assert isinstance(said, bytes) and not piece or said.startswith(("a NO", "a BAD"))
    # the layer's answer is not what was wrapped
    with Client(server) as client:
        said = client.begin("GSSAPI", Ticket(realms, "alice").start(b"GSSAPI"))
        said = client.exchange(b"")
        assert isinstance(said, bytes)
        assert client.exchange(b"\1\0\0\0bob").startswith("a NO")
    assert Ticket(realms, "alice").login(server).startswith("a OK")


@needs_cyrus
def test_without_keys(realms):
    with make(realms, keytab="/nonexistent/keytab") as server:
        assert "UNAVAILABLE" in Ticket(realms, "alice").login(server)
        assert "hint: auth_krb5_keytab" in server.log
