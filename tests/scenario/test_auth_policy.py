"""A policy server is asked about logins.  Weakforced itself is in no Debian: a server
written here stands for it, and what Debian's Dovecot sends it with the same
configuration is what we are to send."""
import contextlib
import json
import re
import socket
import threading
import time

import pytest

import culver
import dovecot
from auth_peer import Client, plain

SETTINGS = """
auth_policy_server_url = http://127.0.0.1:{port}/
auth_policy_hash_nonce = grains
"""
PEER = """
service auth {
  unix_listener peer {
    mode = 0666
  }
}
"""


class Policy:
    """Stands for weakforced.  answer: bytes, or a function of the request's body that
    gives them, or None to hang up."""

    def __init__(self):
        self.answer, self.status = b'{"status":0}', "200 OK"
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client, client.makefile("rb") as file:
            while line := file.readline():
                head = [line]
                while (line := file.readline()).strip():
                    head.append(line)
                length = re.search(rb"(?i)content-length: *(\d+)", b"".join(head))
                body = file.read(int(length[1]))
                self.requests.append((head, body))
                said = self.answer(body) if callable(self.answer) else self.answer
                if said is None:
                    return
                client.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(said)}\r\n\r\n"
                               .encode() + said)

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def took(self, count):
        """The bodies of so many requests, and that there are no more."""
        culver.wait_for(lambda: len(self.requests) >= count)
        time.sleep(0.1)
        found, self.requests = self.requests, []
        assert len(found) == count, found
        return found

    def told(self, count):
        """[("allow", {...}), ...]"""
        return [(re.search(rb"command=(\w+)", head[0])[1].decode(), json.loads(body))
                for head, body in self.took(count)]


@pytest.fixture
def policy():
    policy = Policy()
    yield policy
    policy.stop()


@pytest.fixture
def run(policy):
    """run(extra): a server of ours that asks policy."""
    with contextlib.ExitStack() as stack:
        yield lambda extra="", settings=SETTINGS, kind=culver.Server: stack.enter_context(
            kind(settings.format(port=policy.port) + extra + PEER))


def login(server, name="alice", password="secret", *options, rip="127.9.3.1"):
    with Client(server.dir / "run" / "peer") as client:
        return client.auth("PLAIN", f"rip={rip}", "no-penalty", *options,
                           resp=plain(name, password))


# --- what is asked, and when --------------------------------------------------------------

def test_before_and_after_and_a_report(run, policy):
    server = run()
    assert login(server)[0] == "OK"
    (_, before), (_, after), report = told = policy.told(3)
    assert [word for word, _ in told] == ["allow", "allow", "report"]
    assert before == after and before["login"] == "alice" and before["remote"] == "127.9.3.1"
    assert report[1] == {**before, "success": True, "policy_reject": False}
    assert login(server, password="wrong")[0] == "FAIL"
    told = policy.told(2)
    assert [word for word, _ in told] == ["allow", "report"]
    assert told[1][1]["success"] is False
    # one password has one hash for one user, and no more bits of it are told than so many
    assert told[0][1]["pwhash"] != before["pwhash"] and len(before["pwhash"]) == 4
    assert before["pwhash"][0] == "0"
    assert "secret" not in server.log


def test_imap_logins_too(run, policy):
    server = run("imap_id_log = *\n")
    with server.raw() as client:
        client.line()
        client.command('ID ("name" "mutt" "version" "2")')
        assert client.command("LOGIN alice secret")[-1].startswith(b"x OK")
    told = policy.told(3)
    assert told[0][1]["protocol"] == "imap" and told[0][1]["session_id"] != ""
    assert "mutt" in told[0][1]["device_id"]


@pytest.mark.parametrize("off, words", [
    ("check_before_auth", ["allow", "report"]), ("check_after_auth", ["allow", "report"]),
    ("report_after_auth", ["allow", "allow"])])
def test_each_may_be_off(run, policy, off, words):
    server = run(f"auth_policy_{off} = no\n")
    assert login(server)[0] == "OK"
    assert [word for word, _ in policy.told(2)] == words


def test_a_second_slash_is_part_of_the_name(run, policy):
    """Dovecot 2.3 closes one object too many here."""
    server = run("auth_policy_request_attributes = o/b=%n o/p/c=1 a=2\n")
    assert login(server)[0] == "OK"
    assert policy.told(3)[0][1] == {"a": "2", "o": {"b": "alice", "p/c": "1"}, "tls": False}


# --- what it wants -------------------------------------------------------------------------

def test_a_refusal(run, policy):
    server = run()
    policy.answer = b'{"status":-1,"msg":"too many friends"}'
    assert login(server) == ["FAIL", "user=alice", "reason=too many friends"]
    told = policy.told(2)
    assert [word for word, _ in told] == ["allow", "report"]
    assert told[1][1]["success"] is False and told[1][1]["policy_reject"] is True
    assert "the login is refused: too many friends" in server.log
    policy.answer = b'{"status":0}'
    assert login(server)[0] == "OK"


def test_a_refusal_behind_the_password(run, policy):
    server = run("auth_policy_check_before_auth = no\n")
    policy.answer = b'{"status":-1}'
    assert login(server) == ["FAIL", "user=alice"]
    assert [word for word, _ in policy.told(2)] == ["allow", "report"]
    # it is not asked about a wrong one
    assert login(server, password="wrong") == ["FAIL", "user=alice"]
    assert [word for word, _ in policy.told(1)] == ["report"]


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_a_tarpit(run, policy, password):
    """One delay, before the password is looked at, and nobody else waits."""
    server = run()
    policy.answer = lambda body: b'{"status":2}' if b'"alice"' in body else b'{"status":0}'
    begin = time.monotonic()
    slow = []
    thread = threading.Thread(target=lambda: slow.append(login(server, password=password)))
    thread.start()
    for _ in range(5):
        assert login(server, "bob")[0] == "OK"
    assert time.monotonic() - begin < 1.9
    thread.join(20)
    assert 1.9 < time.monotonic() - begin < 3.5
    assert slow[0][0] == ("OK" if password == "secret" else "FAIL")


def test_only_logged(run, policy):
    server = run("auth_policy_log_only = yes\n")
    for answer in b'{"status":-1,"msg":"no"}', b'{"status":30}':
        policy.answer = answer
        begin = time.monotonic()
        assert login(server) == ["OK", "user=alice"]
        assert time.monotonic() - begin < 5
        assert policy.told(3)[2][1]["policy_reject"] is False
    assert "the login is refused: no (not done: auth_policy_log_only)" in server.log
    assert "the login waits 30 seconds (not done" in server.log


# --- a server that does not do its part ------------------------------------------------------

GARBAGE = [b"", b"x", b"{}", b"[]", b'{"status":"-1"}', b'{"status":-1', b'[{"status":-1}]',
           b'{"status":-1.5}', b'{"status":-1}zzz', b'{"status":-1e99}', b'{"status":null}',
           b'{"status":-1,"status":-1}', b"\xff\xfe", b'{"status":99999999999}',
           b"[" * 100000, b'{"status":-1,"msg":"' + b"x" * 200000 + b'"}', None]


@pytest.mark.parametrize("reject", ["no", "yes"])
def test_garbage(run, policy, reject):
    server = run(f"auth_policy_reject_on_fail = {reject}\n")
    for answer in GARBAGE:
        policy.answer = answer
        assert login(server)[0] == ("FAIL" if reject == "yes" else "OK"), answer
        assert "policy: alice,127.9.3.1: " in server.log
    policy.answer, policy.status = b'{"status":-1}', "500 Oops"
    assert login(server)[0] == ("FAIL" if reject == "yes" else "OK")
    assert "status 500 of HTTP" in server.log
    policy.answer, policy.status = b'{"status":0}', "200 OK"
    assert login(server)[0] == "OK"


@pytest.mark.parametrize("message, told", [
    ("a\\nb", None), ("a\\u0000b", None), ("x" * 5000, "x" * 1024), ("ok\\tgo", None)])
def test_messages(run, policy, message, told):
    """What it says is one field to other programs, or none."""
    server = run()
    policy.answer = f'{{"status":-1,"msg":"{message}"}}'.encode()
    answer = login(server)
    if "u0000" in message:      # such an answer is none
        assert answer[0] == "OK"
        return
    assert answer[:2] == ["FAIL", "user=alice"] and len(answer) <= 3
    if told:
        assert answer[2] == f"reason={told}"


@pytest.mark.parametrize("reject", ["no", "yes"])
def test_down_and_back(run, policy, reject):
    server = run(f"auth_policy_reject_on_fail = {reject}\n")
    port = policy.port
    policy.stop()
    begin = time.monotonic()
    assert login(server)[0] == ("FAIL" if reject == "yes" else "OK")
    assert time.monotonic() - begin < 5
    assert "auth_policy_server_url: " in server.log
    policy.socket = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=policy.accept, daemon=True).start()
    assert login(server)[0] == "OK"


def test_slow(run, policy):
    """No answer in time is none; and logins of others do not queue up behind it."""
    server = run("auth_policy_server_timeout_msecs = 700\n")
    policy.answer = lambda body: time.sleep(5) if b'"alice"' in body else b'{"status":0}'
    answers = []
    begin = time.monotonic()
    threads = [threading.Thread(target=lambda: answers.append(login(server)))
               for _ in range(5)]
    for thread in threads:
        thread.start()
    assert login(server, "bob")[0] == "OK"
    for thread in threads:
        thread.join(30)
    assert [a[0] for a in answers] == 5 * ["OK"]
    # a check before and one behind, each for its time
    assert 1.3 < time.monotonic() - begin < 6


def test_a_client_that_goes_while_it_is_asked(run, policy):
    server = run()
    policy.answer = lambda body: time.sleep(0.5) or b'{"status":1}'
    for _ in range(10):
        client = Client(server.dir / "run" / "peer")
        client.send("AUTH", 1, "PLAIN", "service=smtp", "rip=127.9.3.2",
                    f"resp={plain('alice', 'secret')}")
        client.sock.close()
    time.sleep(2)
    policy.answer = b'{"status":0}'
    assert login(server)[0] == "OK"
    assert "killed" not in server.log and "panic" not in server.log.lower()


@pytest.mark.parametrize("line, why", [
    ("auth_policy_hash_nonce =", "auth_policy_hash_nonce is empty"),
    ("auth_policy_hash_mech = rot13", "there is no digest 'rot13'"),
    ("auth_policy_hash_truncate = 256", "sha256 has 256 bits"),
    ("auth_policy_server_url = ftp://x/", "is no http:// or https:// URL"),
    ("auth_policy_server_api_header = nothing", 'is not "Name: value"'),
    ("auth_policy_request_attributes = a=%u b", "'b' is not name=value"),
    ("auth_policy_request_attributes = a=%{nosuch}", "nosuch")])
def test_mistakes_are_told(run, policy, line, why):
    server = culver.Server(extra=SETTINGS.format(port=policy.port) + line + "\n" + PEER)

    def told():
        """Some are seen when the worker starts, with the first login."""
        with contextlib.suppress(OSError, AssertionError):
            clients.append(Client(server.dir / "run" / "peer"))
            clients[-1].send("AUTH", 1, "PLAIN", "service=smtp", f"resp={plain('alice', 'x')}")
        return why in server.log

    clients = []
    with server.spawned():
        # auth that does not start says so by itself
        assert culver.wait_for(lambda: why in server.log, 1) or culver.wait_for(told), server.log
    for client in clients:
        client.sock.close()


# --- beside Dovecot --------------------------------------------------------------------------

def wire(request):
    """What counts of a request: how each library greets is its own."""
    head, body = request
    fields = sorted((name.lower(), value.strip()) for name, _, value in
                    (line.decode().partition(":") for line in head[1:]))
    own = ("host", "date", "user-agent", "accept", "connection")
    return head[0], [f for f in fields if f[0] not in own], body


CASES = {
    "default": "",
    "header": "auth_policy_server_api_header = Authorization: Basic Zm9vOmJhcg==\n",
    "sha1": "auth_policy_hash_mech = sha1\nauth_policy_hash_truncate = 0\n",
    "md5": "auth_policy_hash_mech = md5\nauth_policy_hash_truncate = 8\n",
    "sha512": "auth_policy_hash_mech = sha512\nauth_policy_hash_truncate = 20\n",
    "one bit": "auth_policy_hash_truncate = 1\n",
    "255 bits": "auth_policy_hash_truncate = 255\n",
    "attributes": "auth_policy_request_attributes = z=%u a=%{{rip}}x q=lit b=%n d=%d "
                  "m=%{{mech}} sub=%{{lip}}\n",
    "nested": "auth_policy_request_attributes = o/b=%n o/a=%d a=2 z/a=1\n",
    "nested and not": "auth_policy_request_attributes = o/b=%n o/a=%d a=2 z=1\n",
    "path": "auth_policy_server_url = http://127.0.0.1:{port}/a/b\n",
    "amp": "auth_policy_server_url = http://127.0.0.1:{port}/?x=1&\n",
    "bare": "auth_policy_server_url = http://127.0.0.1:{port}\n",
    "no before": "auth_policy_check_before_auth = no\n",
    "no after": "auth_policy_check_after_auth = no\n",
    "any name": "auth_username_chars =\n",
    "masters": "auth_master_user_separator = *\npassdb {{\n  driver = static\n"
               "  args = password=m\n  master = yes\n}}\n",
}
LOGINS = [("alice", "secret"), ("alice", "wrong"), ("nobody", "x"), ("ALICE", "secret"),
          ("a\"b\\c", "x"), ("al\u00efce\u2028", "x"), ("alice@a.b", "secret"),
          ("alice*boss", "m"), ("alice*boss", "x")]


@pytest.mark.skipif(not dovecot.available(), reason="Dovecot as reference, and root")
@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_as_dovecot(run, policy, case):
    found = []
    for kind in culver.Server, dovecot.Dovecot:
        server = run(settings=SETTINGS + CASES[case], kind=kind)
        said = []
        for name, password in LOGINS:
            answer = login(server, name, password, "lip=127.0.0.1", "secured=tls",
                           "session=S/1+", "client_id=name=a\"b")
            culver.wait_for(lambda: any(b"report" in head[0] for head, _ in policy.requests))
            time.sleep(0.05)
            said.append((name, answer[0], [wire(r) for r in policy.requests]))
            policy.requests.clear()
        found.append(said)
    for ours, theirs in zip(*found):
        assert ours == theirs
