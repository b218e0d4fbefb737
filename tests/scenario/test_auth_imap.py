"""passdb imap: Debian's Dovecot, and a mock that misbehaves, say who may log in."""
import contextlib
import socket
import threading

import pytest

import culver
import dovecot
from test_auth_sql import Server

USERS = {"alice": "secret", "b&b": 'q"uo\\te', "umläut": "pässword", "per%cent": "a b{3}\\",
         "x{5}": "y"}


def configuration(args):
    text = culver.CONFIG
    begin, end = text.index("passdb {{"), text.index("userdb {{")
    return text[:begin] + f"""\
auth_username_chars =
auth_worker_max_count = 1
passdb {{{{
  driver = imap
  args = {args}
}}}}
""" + text[end:]


@pytest.fixture(scope="module")
def remote():
    if not dovecot.available():
        pytest.skip("Debian's Dovecot is not installed, or this is not root")
    config = dovecot.CONFIG.replace("auth_failure_delay", "auth_username_chars =\nauth_failure_delay")
    with dovecot.Dovecot(config=config, users=USERS) as server:
        yield server


def ok(answer):
    return answer.startswith("a OK")


def login(server, user, password):
    return server.login(user.encode(), password.encode())


@pytest.mark.parametrize("ssl", ["no", "starttls", "imaps"])
def test_login(remote, ssl):
    port = remote.imaps_port if ssl == "imaps" else remote.imap_port
    args = f"host=localhost port={port} ssl={ssl} ssl_ca_file={remote.dir}/cert.pem username=%u"
    with Server(config=configuration(args)) as server:
        for user, password in USERS.items():
            assert ok(login(server, user, password)), (user, server.log)
            assert "AUTHENTICATIONFAILED" in login(server, user, password + "x")
        assert "AUTHENTICATIONFAILED" in login(server, "nobody", "secret")
        assert not ok(login(server, "alice", ""))
        assert "secret" not in server.log.replace("secreted", "") and "pässword" not in server.log


HOSTILE = ['alice" "secret', "alice\\", "{5+}", "alice {6}", "%u", "../alice", "alice\x7f", "(", "*",
           "a" * 900]


def test_hostile_names(remote):
    args = f"host=127.0.0.1 port={remote.imap_port}"
    with Server(config=configuration(args)) as server:
        for name in HOSTILE:
            assert not ok(login(server, name, "secret")), name
        for name in (b"alice\r\na2 NOOP", b"ali\tce", b"alice\xff", b"alice\n"):
            assert not ok(server.login(name, b"secret"))
        # line ends of a password are the server's commands nowhere
        for password in ("secret\r\nA003 LOGIN alice secret", "x\nA002 OK", "secret\n"):
            assert not ok(login(server, "alice", password))
        assert ok(login(server, "alice", "secret"))


def test_username_and_host_of_variables(remote):
    args = f"host=%d port={remote.imap_port} username=%n"
    with Server(config=configuration(args)) as server:
        assert ok(login(server, "alice@127.0.0.1", "secret"))
        for domain in ("", "a/b", "127.0.0.1#", "127.0.0.1?", "[::1", "-x", "a b"):
            answer = login(server, f"alice@{domain}", "secret")
            assert not ok(answer) and "UNAVAILABLE" not in answer, domain


def test_certificates(remote):
    args = f"host=localhost port={remote.imaps_port} ssl=imaps"
    with Server(config=configuration(args)) as server:
        assert "UNAVAILABLE" in login(server, "alice", "secret")
    with Server(config=configuration(args + " allow_invalid_cert=yes")) as server:
        assert ok(login(server, "alice", "secret"))
    args = f"host=127.0.0.2 port={remote.imaps_port} ssl=imaps ssl_ca_file={remote.dir}/cert.pem"
    with Server(config=configuration(args)) as server:
        assert "UNAVAILABLE" in login(server, "alice", "secret")


class Mock:
    """Says these lines after the greeting; TAG is the client's tag."""

    def __init__(self, greeting, *lines):
        self.lines, self.greeting = lines, greeting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = b""
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(ConnectionError):
                client.sendall(self.greeting)
                for line in self.lines:
                    data = client.recv(65536)
                    self.got += data
                    client.sendall(line.replace(b"TAG", data.split(b" ")[0]))

    def close(self):
        self.listener.close()


CHALLENGE = b"+ \r\n"
CAPABILITY = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n"
GREETING = b"* OK hello\r\n"


@pytest.mark.parametrize("mock, answer", [
    ((GREETING, CAPABILITY, CHALLENGE, b"A002 NO [AUTHENTICATIONFAILED] no\r\n"), "AUTHENTICATIONFAILED"),
    ((GREETING, CAPABILITY, CHALLENGE, b"A002 NO no\r\n"), "AUTHENTICATIONFAILED"),
    ((GREETING, CAPABILITY, CHALLENGE, b"A002 NO [UNAVAILABLE] no\r\n"), "UNAVAILABLE"),
    ((GREETING, CAPABILITY, CHALLENGE, b"A002 BAD what\r\n"), "UNAVAILABLE"),
    ((GREETING, CAPABILITY, b"* BYE go away\r\n"), "UNAVAILABLE"),
    ((GREETING, CAPABILITY), "UNAVAILABLE"),
    ((GREETING, b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
      b"TAG NO [AUTHENTICATIONFAILED] no\r\n"), "AUTHENTICATIONFAILED"),
    ((GREETING, b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK done\r\n"), "UNAVAILABLE"),
    ((b"* BYE no\r\n",), "UNAVAILABLE"),
    ((b"220 smtp.example.com ESMTP\r\n",), "UNAVAILABLE"),
    ((b"",), "UNAVAILABLE"),
    ((b"x" * 1000000,), "UNAVAILABLE"),
    ((b"* PREAUTH you are root\r\n", CAPABILITY, b"TAG OK x\r\n"), "UNAVAILABLE"),
])
def test_servers_that_misbehave(mock, answer):
    other = Mock(*mock)
    try:
        with Server(config=configuration(f"host=127.0.0.1 port={other.port}")) as server:
            assert answer in login(server, "alice", "secret"), server.log
            assert "secret" not in server.log
    finally:
        other.close()


def test_the_server_is_down_and_comes_back(remote):
    port = culver.free_port()
    with Server(config=configuration(f"host=127.0.0.1 port={port}")) as server:
        assert "UNAVAILABLE" in login(server, "alice", "secret")


def test_mistakes_are_told():
    for args, said in (("port=143", "args has no host="), ("host=x ssl=yes", "no, imaps or starttls"),
                       ("host=x prot=3", "did you mean 'port'"), ("host=x port=0", "1 to 65535"),
                       ("host=%{{foo}}", "foo")):
        server = Server(config=configuration(args))
        try:
            with pytest.raises(RuntimeError) as failed:
                server.start()
            assert said in str(failed.value), str(failed.value)
        finally:
            server.stop()
            server.remove()
