"""Other programs ask auth: the protocols on real sockets, who may connect, what a
restart does to them; and the same bytes as Debian's Dovecot."""
import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

import pytest

import culver
import dovecot
from auth_peer import Client, Master, Peer, b64, plain, wait_until_there

LISTENERS = """
auth_master_user_separator = *
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {dir}/more
}}
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {dir}/masters
}}
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
  unix_listener auth-userdb {{
    mode = 0666
  }}
  unix_listener auth-master {{
    mode = 0600
  }}
  unix_listener asked/auth {{
    mode = 0600
    user = nobody
  }}
  inet_listener sasl {{
    port = {auth_port}
    address = 127.0.0.1
  }}
}}
"""
MORE = """\
carol:{PLAIN}x::::::nologin=y reason=go-away
dave:{PLAIN}x::::::allow_nets=10.0.0.0/8
erin:{PLAIN}x::::::user=erin2 foo=bar proxy=y host=127.0.0.5
"""


def prepare(server):
    for name, text in (("more", MORE), ("masters", "boss:{PLAIN}m\n")):
        (server.dir / name).write_text(text)
        (server.dir / name).chmod(0o644)


@pytest.fixture
def server():
    server = culver.Server(auth_port=culver.free_port())
    prepare(server)
    server.write_config(LISTENERS.format(**server.values))
    try:
        yield server.start()
    finally:
        server.stop()
        server.remove()


def run_dir(server):
    return server.dir / "run"


@pytest.mark.parametrize("minor", [0, 1, 2, 3])
@pytest.mark.parametrize("speaks_first", [False, True])
def test_whoever_speaks_first(server, minor, speaks_first):
    for where in (run_dir(server) / "auth-client", server.values["auth_port"]):
        with Client(where, minor, speaks_first) as client:
            assert client.greeting[0] == "VERSION\t1\t2"
            assert client.mechanisms == {"PLAIN": ["plaintext"], "LOGIN": ["plaintext"]}
            assert re.fullmatch("[0-9a-f]{32}", client.cookie)
            assert client.login("alice", "secret", "secured") == ["OK", "user=alice"]
            assert client.login("alice", "wrong", "no-penalty") == ["FAIL", "user=alice"]
            assert client.auth("LOGIN") == ["CONT", b64("Username:")]
            assert client.cont(b64("bob")) == ["CONT", b64("Password:")]
            assert client.cont(b64("secret")) == ["OK", "user=bob"]


def test_what_passdbs_say_goes_out(server):
    with Client(run_dir(server) / "auth-client") as client:
        assert client.login("carol", "x") == ["OK", "user=carol", "nologin",
                                              "reason=go-away"]
        assert client.login("erin", "x") == ["OK", "user=erin2", "foo=bar", "proxy",
                                             "host=127.0.0.5", "original_user=erin"]
        assert client.login("alice*boss", "m") == ["OK", "user=alice", "original_user=boss",
                                                   "auth_user=boss"]
        assert client.login("dave", "x", "rip=10.1.2.3", "lip=10.1.2.4")[0] == "OK"
        assert client.login("dave", "x", "rip=11.1.2.3", "no-penalty")[0] == "FAIL"


def test_a_broken_client_is_told_in_the_log(server):
    path = run_dir(server) / "auth-client"
    with Client(path) as good, Client(path) as bad, Peer(path) as worse:
        bad.send("AUTH", "x", "PLAIN", "service=smtp")
        assert bad.ended()
        worse.sock.sendall(b"EHLO me\r\n")
        while worse.line() is not None:
            pass
        assert good.login("alice", "secret") == ["OK", "user=alice"]
    assert "auth-client: connection closed: broken AUTH" in server.log
    assert "unknown command 'EHLO?me?'" in server.log
    # what a client says of itself stays one word
    with Client(path) as client:
        client.auth("PLAIN", "session=a>,user=<root", resp=plain("x\ny", "p"))
    assert not re.search("^y", server.log, re.M)


def test_users(server):
    uid = pwd.getpwnam(culver.MAIL_USER).pw_uid
    with Master(run_dir(server) / "auth-master") as master:
        assert master.greeting[0] == "VERSION\t1\t1"
        assert master.greeting[1].startswith("SPID\t")
        answer = master.user("alice")
        assert answer[:3] == ["USER", "1", "alice"]
        assert f"uid={uid}" in answer and f"home={server.home('alice')}" in answer
        assert master.user("nobody-here") == ["NOTFOUND", "2"]
        assert master.user("../../etc") == ["NOTFOUND", "3"]
        assert master.ask("PASS", "carol", "service=imap") == [
            "PASS", "4", "user=carol", "nologin=y", "reason=go-away"]
        assert master.list()[1] == ["DONE", "5", "fail"]    # static has no list


@pytest.mark.skipif(not culver.IS_ROOT, reason="asks as several users")
def test_who_may_ask(server):
    """The rights of a socket decide; where all may ask, each may ask for themselves."""
    uid = pwd.getpwnam("nobody").pw_uid
    paths = {name: run_dir(server) / name
             for name in ("auth-client", "auth-userdb", "auth-master", "asked/auth")}
    assert [oct(p.stat().st_mode & 0o777) for p in paths.values()] == [
        "0o666", "0o666", "0o600", "0o600"]
    assert paths["asked/auth"].stat().st_uid == uid
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        try:
            os.setgroups([])
            os.setgid(pwd.getpwnam("nobody").pw_gid)
            os.setuid(uid)
            with Client(paths["asked/auth"]) as client:
                said.append(client.login("alice", "secret"))
            with Master(paths["auth-userdb"]) as master:
                said += [master.user("alice"), master.ask("PASS", "alice", "service=x"),
                         master.list()]
            try:
                Master(paths["auth-master"])
                said.append("connected")
            except PermissionError:
                said.append("refused")
        finally:
            os.write(write, repr(said).encode())
            os._exit(0)
    os.close(write)
    said = eval(os.read(read, 65536))
    os.waitpid(child, 0)
    assert said == [["OK", "user=alice"], ["FAIL", "1"], ["FAIL", "2"],
                    ([], ["DONE", "3", "fail"]), "refused"]
    assert re.search(r"auth-userdb: uid \d+ may not look 'alice' up", server.log)
    with Master(paths["auth-userdb"]) as master:       # root may
        assert master.user("alice")[0] == "USER"


def auth_pid(server):
    for line in subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True,
                               text=True, check=True).stdout.splitlines():
        pid, parent, *args = line.split()
        if int(parent) == server.process.pid and args[-1:] == ["auth"]:
            return int(pid)
    raise AssertionError("there is no auth")


def test_auth_dies_and_comes_back(server):
    path = run_dir(server) / "auth-client"
    with Client(path) as client:
        assert client.auth("PLAIN")[0] == "CONT"
        os.kill(auth_pid(server), signal.SIGKILL)
        assert client.ended()
    # the socket stays: who connects meanwhile waits
    with Client(path) as client:
        assert client.login("alice", "secret") == ["OK", "user=alice"]


def test_reload_lets_answers_be_given(server):
    path = run_dir(server) / "auth-client"
    with Client(path) as idle, Client(path) as busy:
        assert busy.auth("PLAIN")[0] == "CONT"
        server.adm("reload")
        assert idle.ended()
        assert busy.cont(plain("alice", "secret")) == ["OK", "user=alice"]
        assert busy.ended()
    with Client(path) as client:
        assert client.login("bob", "secret") == ["OK", "user=bob"]


def test_only_written_sockets_are_there(make_server):
    server = make_server()
    assert not list(pathlib.Path(run_dir(server)).glob("auth*"))


def test_what_cannot_be_opened_is_said(make_server):
    server = make_server(extra="""
service auth {
  inet_listener auth {
    port = 1
    ssl = yes
  }
  unix_listener token-login/tokenlogin {
    mode = 0666
  }
}
service imap-login {
  unix_listener login/other {
    mode = 0
    type = userdb
  }
}
""")
    server.adm("reload")
    assert "inet_listener auth is not opened: programs ask auth without TLS" in server.log
    assert "token-login/tokenlogin is not opened: tokens are for" in server.log
    assert "type has no effect: only listeners of service auth" in server.log


@pytest.mark.skipif(not dovecot.available(), reason="needs root and Debian's Dovecot")
def test_same_bytes_as_dovecot(server):
    """The same talk with both; what differs by nature (numbers of processes, cookies)
    is made the same."""
    other = dovecot.Dovecot(auth_port=culver.free_port())
    prepare(other)
    config = re.sub(r"protocols = .*", "protocols = lmtp", other.config.read_text())
    other.config.write_text(config.replace("process_limit = 2000", "process_limit = 10")
                            + LISTENERS.format(**other.values))
    (run_dir(other) / "asked").mkdir(parents=True)
    process = subprocess.Popen(["dovecot", "-F", "-c", other.config],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for name in ("auth-client", "auth-master"):
            wait_until_there(run_dir(other) / name)
        talks = [talk(s) for s in (server, other)]
    except OSError as e:
        raise AssertionError(other.log) from e
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        other.remove()
    assert talks[0] == talks[1]


def talk(server):
    said = []
    path = run_dir(server) / "auth-client"
    with Client(path) as client:
        said += [re.sub(r"^(SPID|CUID|COOKIE)\t.*", r"\1", line) for line in client.greeting]
        for user, password in (("alice", "secret"), ("alice", "bad"), ("none", "x"),
                               ("carol", "x"), ("erin", "x"), ("dave", "x"),
                               ("alice*boss", "m"), ("alice*boss", "n")):
            said.append((user, client.login(user, password, "no-penalty", "rip=192.0.2.1",
                                            "lip=192.0.2.2", "secured")))
        said.append(client.auth("PLAIN", resp="***"))
        said.append(client.auth("LOGIN"))
        said.append(client.cont(b64("alice")))
        said.append(client.cont(b64("secret")))
        said.append(client.auth("plain", "unknown=x", "junk"))
        said.append(client.cont("***"))
        client.last_id = 99
        said.append(client.cont(""))
    for broken in ("AUTH\t1", "AUTH\t0\tPLAIN\tservice=x", "AUTH\t1\tPLAIN", "FOO", "",
                   "AUTH\t1\tNOPE\tservice=x", "CPID\t5", "VERSION\t1\t2"):
        with Client(path) as client:
            client.send(*broken.split("\t"))
            said.append((broken, client.line()))
    with Master(run_dir(server) / "auth-master") as master:
        said.append(master.greeting[0])
        said.append([re.sub(str(server.dir), "", word) for word in master.user("alice")])
        said += [master.user("no@body/../x"), master.ask("PASS", "erin", "service=x"),
                 master.ask("PASS", "none", "service=x"), master.list(),
                 master.ask("REQUEST", 1, 1, "0" * 32)]
    return said
