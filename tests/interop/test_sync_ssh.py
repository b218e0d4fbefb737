"""culveradm sync and backup through Debian's OpenSSH: a server of our own on a
high port of the loopback, with keys that live as long as the test."""
import contextlib
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import sys
import time

import pytest

import culver

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenario"))
import test_sync as sync  # noqa: E402

CULVERADM = str(culver.PREFIX / "bin" / "culveradm")
ME = pwd.getpwuid(os.geteuid()).pw_name


def key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


class Ssh:
    def __init__(self, folder):
        self.dir = folder
        self.port = culver.free_port()
        host = key(folder / "host")
        (folder / "authorized").write_text(key(folder / "mine"))
        key(folder / "stranger")
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {host}")
        (folder / "sshd.conf").write_text(f"""\
ListenAddress 127.0.0.1
Port {self.port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM {"yes" if culver.IS_ROOT else "no"}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
""")
        if culver.IS_ROOT:
            os.makedirs("/run/sshd", 0o755, exist_ok=True)
        self.log = open(folder / "sshd.log", "w")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd.conf"],
                                        stdin=subprocess.DEVNULL, stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                assert self.process.poll() is None, (folder / "sshd.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def words(self, *remote, identity="mine"):
        """The command that runs these words there."""
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(self.dir / identity),
                "-o", f"UserKnownHostsFile={self.dir}/known", "-o", "GlobalKnownHostsFile=/dev/null",
                "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR",
                f"{ME}@127.0.0.1", *map(str, remote)]

    def culver(self, server, user="%u"):
        return self.words(CULVERADM, "-c", server.config, "sync-server", "-u", user)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        culver.release_port(self.port)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    there = Ssh(tmp_path_factory.mktemp("ssh"))
    yield there
    there.close()


@pytest.fixture
def pair():
    """Two servers; the first has mail."""
    with culver.Server() as first, culver.Server() as second:
        sync.fill(first)
        yield first, second


def test_two_servers_are_made_equal_and_stay_so(ssh, pair):
    first, second = pair
    sync.run(first, "sync", *ssh.culver(second))
    assert sync.dump(first) == sync.dump(second)
    assert sync.nothing(sync.run(first, "sync", *ssh.culver(second)))
    sync.fill(second, 8, boxes=("INBOX", "Second"))
    first.adm("flags", "-u", "alice", "add", r"\Flagged", "mailbox", "INBOX", "UID", "1:3")
    report = sync.run(first, "sync", *ssh.culver(second))
    assert report["local"]["saved"] == "8" and report["other"]["changed"] != "0"
    assert sync.dump(first) == sync.dump(second)


def test_a_backup_goes_there_and_comes_back(ssh, pair):
    first, second = pair
    before = sync.dump(first)
    sync.run(first, "backup", *ssh.culver(second))
    assert sync.dump(second) == before
    first.adm("expunge", "-u", "alice", "mailbox", "*", "ALL")
    assert sync.dump(first) == []
    sync.run(first, "backup", "-R", *ssh.culver(second))
    assert sync.dump(first) == before


@pytest.mark.parametrize("remote, said", [
    (["cat"], "breaks the rules of the protocol"),
    (["echo", "Welcome to this machine"], "does not speak our protocol"),
    (["true"], "the other end has gone"),
    (["exit", "3"], "status 3"),
    (["/nonexistent/culveradm", "sync-server"], "status 127"),
    ([CULVERADM, "--version"], "our protocol"),
    ([CULVERADM, "-c", "/nonexistent", "sync-server", "-u", "alice"], "status "),
])
def test_another_program_there_is_an_error_that_says_so(ssh, pair, remote, said):
    first, _ = pair
    before = sync.dump(first)
    done = first.adm("sync", "-u", "alice", *ssh.words(*remote), check=False)
    assert done.returncode not in (0, 64) and said in done.stderr, done.stderr
    assert "killed by signal" not in done.stderr
    assert sync.dump(first) == before


def test_another_version_there_is_an_error_with_both_numbers(ssh, pair, tmp_path):
    first, _ = pair
    hello = sync.frame(1, sync.string(b"culver-sync") + sync.u32(3) + sync.u32(4) + b"x" * 28)
    (tmp_path / "newer").write_bytes(hello)
    done = first.adm("sync", "-u", "alice", *ssh.words("cat", tmp_path / "newer"), check=False)
    assert done.returncode != 0
    assert "version 3 to 4 of the protocol, we speak 2" in done.stderr, done.stderr


def test_a_stranger_s_key_opens_nothing(ssh, pair):
    first, second = pair
    words = ssh.words(CULVERADM, "-c", second.config, "sync-server", "-u", "alice",
                      identity="stranger")
    done = first.adm("sync", "-u", "alice", *words, check=False)
    assert done.returncode == 75
    assert "Permission denied" in done.stderr and "status 255" in done.stderr


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored(server):
    return sum(1 for p in server.home("alice").rglob("*") if p.parent.name in ("cur", "new"))


@pytest.mark.parametrize("end", ["here", "there"])
@pytest.mark.parametrize("verb", ["sync", "backup"])
def test_a_killed_connection_is_reported_and_the_next_run_goes_on(ssh, pair, tmp_path, verb, end):
    first, second = pair
    sync.fill(first, 200, boxes=("INBOX", "Big", "Bigger"))
    pid = tmp_path / "pid"
    server = [CULVERADM, "-c", str(second.config), "sync-server", "-u", "alice"]
    if end == "there":
        (tmp_path / "run").write_text(f'echo $$ > {pid}.new; mv {pid}.new {pid}\n'
                                      f'exec {" ".join(server)}\n')
        words = ssh.words("sh", tmp_path / "run")
    else:
        words = ["sh", "-c", f'echo $$ > {pid}.new; mv {pid}.new {pid}; exec "$@"', "sh",
                 *ssh.words(*server)]
    running = subprocess.Popen([CULVERADM, "-c", first.config, verb, "-u", "alice", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: pid.exists() and (stored(second) > 0 or running.poll() is not None))
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGKILL)
        _, errors = running.communicate(timeout=60)
    finally:
        running.kill()
    if running.returncode != 0:     # else the kill came after the last byte
        assert running.returncode == 75, errors
        assert "other end" in errors or "the command ended" in errors, errors
    report = sync.run(first, verb, *ssh.culver(second))
    assert sync.dump(first) == sync.dump(second)
    assert report["other"]["renumbered"] == "0"
    assert sync.nothing(sync.run(first, verb, *ssh.culver(second)))
