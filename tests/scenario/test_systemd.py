"""What systemd gives and hears: $NOTIFY_SOCKET, $LISTEN_FDS, the unit."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

import culver

TOP = pathlib.Path(__file__).resolve().parents[2]


class Manager:
    """Plays systemd: hears notifications and passes a listening socket."""

    def __init__(self, folder, abstract=False):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = f"\0culver-test-{os.getpid()}" if abstract else str(folder / "notify")
        self.sock.bind(self.path)
        self.sock.settimeout(15)
        self.environment = {"NOTIFY_SOCKET": self.path.replace("\0", "@")}

    def heard(self):
        return self.sock.recv(4096).decode()

    def pass_on(self, listener):
        """The listening socket as descriptor 3; runs before the exec."""
        def preexec():
            os.environ.update(self.environment)
            if listener is not None:
                os.dup2(listener.fileno(), 3)
                os.environ["LISTEN_PID"] = str(os.getpid())
                os.environ["LISTEN_FDS"] = "1"
        return preexec


def popen(server, preexec):
    """As Server.start, but descriptor 3 and the environment of preexec."""
    # PEP 3151 close_fds would take descriptor 3 away
    command = [culver.PREFIX / "sbin" / "culverd", "-F", "-c", server.config]
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.dup2(null, 2)
            preexec()
            os.execve(command[0], [str(c) for c in command], os.environ)
        finally:
            os._exit(127)
    return pid


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_of_ready_reload_and_stop(tmp_path, abstract):
    server = culver.Server()
    try:
        manager = Manager(tmp_path, abstract)
        pid = popen(server, manager.pass_on(None))
        assert "READY=1" in manager.heard()
        with server.raw() as c:
            assert c.line().startswith(b"* OK")
        server.adm("reload")
        assert "RELOADING=1" in manager.heard()
        assert "READY=1" in manager.heard()
        os.kill(pid, signal.SIGTERM)
        assert "STOPPING=1" in manager.heard()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        server.remove()


def test_a_socket_of_systemd_is_used_and_survives_a_restart(tmp_path):
    server = culver.Server()
    listener = socket.socket()
    try:
        # bound by us alone: without inheriting it, culverd could not bind
        culver.release_port(server.imap_port)
        listener.bind(("127.0.0.1", server.imap_port))
        listener.listen(16)
        manager = Manager(tmp_path)
        waiting = culver.Raw(server.imap_port)    # before the server is there
        for _ in range(2):
            pid = popen(server, manager.pass_on(listener))
            assert "READY=1" in manager.heard()
            assert waiting.line().startswith(b"* OK")
            assert waiting.command("LOGIN alice secret")[-1].startswith(b"x OK")
            waiting.close()
            server.adm("reload")
            assert "RELOADING=1" in manager.heard()
            assert "READY=1" in manager.heard()
            server.imap().logout()
            os.kill(pid, signal.SIGTERM)
            assert "STOPPING=1" in manager.heard()
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            waiting = culver.Raw(server.imap_port)
        waiting.close()
    finally:
        listener.close()
        server.remove()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_is_valid(tmp_path):
    text = (TOP / "conf" / "culver.service.in").read_text()
    text = text.replace("@sbindir@", str(culver.PREFIX / "sbin"))
    text = text.replace("@bindir@", str(culver.PREFIX / "bin"))
    text = text.replace("@localstatedir@", str(culver.PREFIX / "var"))
    assert not re.search(r"@\w+@", text)
    unit = tmp_path / "culver.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                          capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "culver" in line]
    assert not ours
    assert done.returncode == 0, done.stderr
