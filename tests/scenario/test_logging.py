"""Debug lines by category, and the journal's own protocol."""
import ctypes
import json
import os
import pathlib
import socket
import time

import pytest

import culver

JOURNAL = pathlib.Path("/run/systemd/journal")
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def log_in(server):
    server.imap().logout()
    wait_for(lambda: "Login: user=<alice>" in server.log)


@pytest.mark.parametrize("setting", ["log_debug = category=auth", "log_debug = imap auth",
                                     "auth_debug = yes"])
def test_debug_lines_of_one_category_are_those_alone(make_server, setting):
    server = make_server(extra=setting + "\n")
    log_in(server)
    server.adm("reload")
    lines = wait_for(lambda: [l for l in server.log.splitlines() if "Debug: " in l])
    assert all("passdb passwd-file: alice,127.0.0.1: accepted" in l for l in lines)


def test_all_categories_or_none(make_server):
    server = make_server()
    log_in(server)
    assert "Debug: " not in server.log
    server.write_config("mail_debug = yes\n")
    server.adm("reload")

    def told():
        # the processes from before may have taken the last connection
        log_in(server)
        return "Debug: passdb passwd-file" in server.log

    wait_for(told)


def test_each_level_goes_where_it_is_told_to():
    server = culver.Server()
    server.write_config(f"info_log_path = {server.dir}/info.log\n"
                        f"debug_log_path = {server.dir}/debug.log\nauth_debug = yes\n"
                        "log_timestamp = \"<%Y> \"\n")
    year = time.strftime("%Y")

    def lines(name):
        path = server.dir / name
        return path.read_text().splitlines() if path.exists() else []

    with server:
        server.imap().logout()
        server.adm("log", "test")
        wait_for(lambda: any("Login: user=<alice>" in line for line in lines("info.log")))
        wait_for(lambda: any("level Error" in line for line in lines("culver.log")))
        wait_for(lambda: lines("debug.log"))
        for name, levels in (("culver.log", ("Warning", "Error", "Fatal")),
                             ("info.log", ("Info",)), ("debug.log", ("Debug",))):
            for line in lines(name):
                assert line.startswith(f"<{year}> "), line
                assert any(f": {level}: " in line for level in levels), (name, line)


def test_standard_error_gets_the_lines():
    server = culver.Server()
    server.config.write_text(server.config.read_text().replace(
        f"log_path = {server.dir}/culver.log", "log_path = /dev/stderr"))
    try:
        server.start()
        server.imap().logout()
        time.sleep(0.2)
        os.set_blocking(server.process.stdout.fileno(), False)
        told = os.read(server.process.stdout.fileno(), 65536).decode()
        assert "imap-login: Info: Login: user=<alice>" in told
    finally:
        server.stop()
        server.remove()


def test_json_lines_are_objects(make_server):
    server = make_server(extra="log_format = json\n")
    server.imap().logout()
    wait_for(lambda: "user=<alice>" in server.log)
    found = [json.loads(line) for line in server.log.splitlines()]
    assert any("Login: user=<alice>" in str(line.values()) for line in found)


def test_syslog_gets_facility_and_level(tmp_path):
    if not culver.IS_ROOT:
        pytest.skip("needs a mount namespace")
    devices = tmp_path / "dev"
    devices.mkdir()
    (devices / "shm").mkdir()
    for name in ("null", "zero", "random", "urandom"):
        (devices / name).touch()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(devices / "log"))
    (devices / "log").chmod(0o666)
    sock.settimeout(10)

    def bind(source, target):
        libc_call("mount", str(source).encode(), str(target).encode(), None,
                  ctypes.c_ulong(MS_BIND), None)

    def enter():
        libc_call("unshare", CLONE_NEWNS)
        libc_call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
        for name in ("null", "zero", "random", "urandom", "shm"):
            bind(f"/dev/{name}", devices / name)
        bind(devices, "/dev")
        os.chmod("/dev/log", 0o666)

    server = culver.Server(extra="syslog_facility = local3\n")
    server.config.write_text(server.config.read_text().replace(
        f"log_path = {server.dir}/culver.log", "log_path = syslog"))
    server.preexec = enter
    with server, sock:
        server.adm("log", "test")
        for name, level in (("Info", 6), ("Warning", 4), ("Error", 3), ("Fatal", 2)):
            while f"a test line, level {name}" not in (line := sock.recv(65536).decode()):
                pass
            # local3 is 19; what follows is time, "culver" and the line
            assert line.startswith(f"<{19 * 8 + level}>") and " culver: " in line, line


def libc_call(name, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), name)


@pytest.fixture
def journal(tmp_path):
    """A socket of the test stands in for journald's: the server sees the
    folder it lies in at the place of the real one."""
    if not culver.IS_ROOT:
        pytest.skip("needs a mount namespace")
    made = not JOURNAL.exists()
    JOURNAL.mkdir(parents=True, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "socket"))
    (tmp_path / "socket").chmod(0o666)
    sock.settimeout(10)

    def enter():
        libc_call("unshare", CLONE_NEWNS)
        libc_call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
        libc_call("mount", str(tmp_path).encode(), str(JOURNAL).encode(), None,
                  ctypes.c_ulong(MS_BIND), None)
    yield sock, enter
    sock.close()
    if made:
        os.rmdir(JOURNAL)


def entry(sock, message):
    """The fields of the first datagram with that in its message."""
    while True:
        data = sock.recv(65536)
        # the simple form of a field: NAME=value and a line feed
        assert data.endswith(b"\n") and b"\n\n" not in data
        fields = dict(line.split("=", 1) for line in data.decode().split("\n")[:-1])
        if message in fields["MESSAGE"]:
            return fields


def test_the_journal_gets_fields(journal):
    sock, enter = journal
    server = culver.Server()
    server.config.write_text(server.config.read_text().replace(
        f"log_path = {server.dir}/culver.log", "log_path = journal"))
    server.preexec = enter
    with server:
        server.imap().logout()
        fields = entry(sock, "Login: user=<alice>")
        assert fields["PRIORITY"] == "6"
        assert fields["SYSLOG_IDENTIFIER"] == "culver"
        assert fields["CULVER_SERVICE"] == "imap-login"
        assert fields["CULVER_CATEGORY"] == "login"
        assert int(fields["SYSLOG_PID"]) > 1
        server.adm("log", "test")
        for name, priority in [("Warning", "4"), ("Error", "3"), ("Fatal", "2")]:
            assert entry(sock, f"a test line, level {name}")["PRIORITY"] == priority
        # what a client sends makes no field of its own
        raw = server.raw()
        raw.line()
        raw.send(b'a LOGIN {13}\r\n')
        raw.line()
        raw.send(b"x\nPRIORITY=0y z\r\n")
        raw.until("a")
        raw.close()
        server.adm("log", "test")
        assert entry(sock, "a test line, level Error")["PRIORITY"] == "3"
