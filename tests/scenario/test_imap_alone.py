"""imap on standard input and output, as ssh runs it: without a server, and beside one."""
import os
import pathlib
import pwd
import select
import shutil
import socket
import subprocess

import pytest

import culver

MAIL = pwd.getpwnam(culver.MAIL_USER)
MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n"


def program():
    found = list(culver.PREFIX.glob("lib*/**/imap"))
    assert len(found) == 1, found
    return found[0]


class Alone:
    """The program as the owner of the mail; pipes, or one socket."""

    def __init__(self, server, home, use_socket=False, config=None, **env):
        self.mine = None
        theirs = None
        if use_socket:
            self.mine, theirs = socket.socketpair()
        ids = {"user": MAIL.pw_uid, "group": MAIL.pw_gid, "extra_groups": []} \
            if culver.IS_ROOT else {}
        self.process = subprocess.Popen(
            [program(), "-c", config or server.config], stdin=theirs or subprocess.PIPE,
            stdout=theirs or subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", **env}, **ids)
        if theirs:
            theirs.close()
        self.fd = self.mine.fileno() if use_socket else self.process.stdout.fileno()
        self.buffer = b""

    def send(self, text):
        if self.mine:
            self.mine.sendall(text.encode())
        else:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()

    def line(self):
        while b"\n" not in self.buffer:
            assert select.select([self.fd], [], [], 30)[0], self.buffer
            data = os.read(self.fd, 65536)
            if not data:
                break
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def do(self, command, tag="x"):
        self.send(f"{tag} {command}\r\n")
        lines = []
        while not lines or not lines[-1].startswith(tag + " "):
            lines.append(self.line())
            assert lines[-1], (lines, self.process.stderr.read())
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        for f in (self.process.stdin, self.process.stdout, self.process.stderr, self.mine):
            if f:
                f.close()


@pytest.fixture(scope="module")
def server():
    """The configuration; the server itself runs where a test says so."""
    s = culver.Server()
    yield s
    s.stop()
    s.remove()


@pytest.fixture
def home(server):
    path = server.home("own")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    if culver.IS_ROOT:
        os.chown(path, MAIL.pw_uid, MAIL.pw_gid)
    return path


@pytest.mark.parametrize("use_socket", [False, True])
def test_a_session_without_a_server(server, home, use_socket):
    with Alone(server, home, use_socket) as c:
        greeting = c.line()
        assert greeting.startswith("* PREAUTH [CAPABILITY IMAP4rev1 ") \
            and greeting.endswith("] Logged in")
        # nobody is there to log in to, or to go back to
        assert "AUTH=" not in greeting and "UNAUTHENTICATE" not in greeting
        assert c.do("LOGIN a b")[-1].startswith("x BAD ")
        assert c.do("UNAUTHENTICATE")[-1].startswith("x BAD ")
        c.send("a APPEND INBOX {%d+}\r\n%s\r\n" % (len(MESSAGE), MESSAGE.decode()))
        assert c.do("SELECT INBOX")[-1].startswith("x OK [READ-WRITE]")
        assert c.do("FETCH 1 BODY.PEEK[TEXT]")[:2] == ["* 1 FETCH (BODY[TEXT] {6}", "body"]
        assert c.do("CREATE folder")[-1].startswith("x OK ")
        assert c.do("LOGOUT")[-2:] == ["* BYE Logging out", "x OK Logout completed."]
        assert c.line() == ""
        assert c.process.wait(20) == 0
        assert c.process.stderr.read() == b""
    owners = {p.stat().st_uid for p in home.rglob("*")}
    assert owners == {MAIL.pw_uid}
    with Alone(server, home, use_socket) as c:
        c.line()
        assert any('"/" folder' in line for line in c.do('LIST "" *'))
        assert "MESSAGES 1" in c.do("STATUS INBOX (MESSAGES)")[0]


def test_the_client_goes_away(server, home):
    with Alone(server, home) as c:
        c.line()
        c.process.stdin.close()
        assert c.process.wait(20) == 0
    with Alone(server, home) as c:
        c.line()
        c.process.terminate()
        c.process.wait(20)


def test_what_it_refuses(server, home):
    def run(*args, **kw):
        return subprocess.run([program(), *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, **kw)
    ids = {"user": MAIL.pw_uid, "group": MAIL.pw_gid, "extra_groups": []} \
        if culver.IS_ROOT else {}
    if culver.IS_ROOT:
        done = run("-c", server.config)
        assert done.returncode == 64 and "not as root" in done.stderr
    done = run("-x", **ids)
    assert done.returncode == 64 and "usage:" in done.stderr
    done = run("-c", "/nonexistent/culver.conf", **ids)
    assert done.returncode == 1 and "/nonexistent/culver.conf" in done.stderr
    assert done.stdout == ""


def test_mbsync_through_a_tunnel(server, home):
    local = pathlib.Path(server.dir) / "local"
    local.mkdir()
    if culver.IS_ROOT:
        os.chown(local, MAIL.pw_uid, MAIL.pw_gid)
    rc = pathlib.Path(server.dir) / "mbsyncrc"
    rc.write_text(f"""\
IMAPAccount far
Tunnel "exec {program()} -c {server.config}"

IMAPStore far
Account far

MaildirStore near
Path {local}/
Inbox {local}/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    with Alone(server, home) as c:
        c.line()
        for _ in range(3):
            c.send("a APPEND INBOX {%d+}\r\n%s\r\n" % (len(MESSAGE), MESSAGE.decode()))
        c.do("CREATE work")
        c.do("LOGOUT")

    def sync():
        ids = {"user": MAIL.pw_uid, "group": MAIL.pw_gid, "extra_groups": []} \
            if culver.IS_ROOT else {}
        subprocess.run(["mbsync", "-c", rc, "all"], check=True, timeout=60, cwd=local,
                       capture_output=True, env={"HOME": str(home), "PATH": os.environ["PATH"]},
                       **ids)

    def mails(folder):
        return [p for d in ("new", "cur") for p in (local / folder / d).iterdir()]
    sync()
    assert len(mails("INBOX")) == 3 and not mails("work")
    mails("INBOX")[0].unlink()
    own = local / "work" / "new" / "1.x.y"
    own.write_bytes(MESSAGE.replace(b"\r\n", b"\n"))
    if culver.IS_ROOT:
        os.chown(own, MAIL.pw_uid, MAIL.pw_gid)
    sync()
    with Alone(server, home) as c:
        c.line()
        assert "MESSAGES 2" in c.do("STATUS INBOX (MESSAGES)")[0]
        assert "MESSAGES 1" in c.do("STATUS work (MESSAGES)")[0]


def test_beside_a_running_server(server, home):
    """the same mailbox, from both sides"""
    server.start()
    try:
        with Alone(server, server.home("alice")) as c, server.raw() as far:
            server.deliver(MESSAGE)
            far.line()
            far.command("LOGIN alice secret")
            far.command("SELECT INBOX")
            c.line()
            assert "* 1 EXISTS" in c.do("SELECT INBOX")
            c.do("STORE 1 +FLAGS (\\Flagged)")
            assert b"* 1 FETCH (FLAGS (\\Flagged" in b"".join(far.command("NOOP"))
            server.deliver(MESSAGE)
            assert "* 2 EXISTS" in c.do("NOOP")
            far.command("STORE 1 +FLAGS (\\Deleted)")
            far.command("EXPUNGE")
            assert "* 1 EXPUNGE" in c.do("NOOP")
            c.send("i IDLE\r\n")
            assert c.line() == "+ idling"
            server.deliver(MESSAGE)
            assert c.line() == "* 2 EXISTS"
    finally:
        server.stop()
