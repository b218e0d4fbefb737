"""The shipped unit under a real systemd: start, reload, stop, crash, sockets,
and nothing that its hardening takes away from the server.

The unit gets a name and a run-time folder of its own, so that a server of the
host is left alone."""
import os
import pathlib
import re
import subprocess
import time

import pytest

import culver

TOP = pathlib.Path(__file__).resolve().parents[2]
NAME = f"culver-test-{os.getpid()}"
UNITS = pathlib.Path("/run/systemd/system")

pytestmark = [
    pytest.mark.skipif(pathlib.Path("/proc/1/comm").read_text().strip() != "systemd",
                       reason="process 1 is not systemd"),
    pytest.mark.skipif(not culver.IS_ROOT, reason="only root adds units"),
]


def systemctl(*args, check=True):
    return subprocess.run(["systemctl", *args], check=check, capture_output=True,
                          text=True, timeout=90)


def show(what):
    return systemctl("show", "--value", "-p", what, NAME).stdout.strip()


def journal():
    return subprocess.run(["journalctl", "--no-pager", "-o", "cat", "-u", NAME],
                          capture_output=True, text=True, timeout=60).stdout


def wait_for(what, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def unit_text(server):
    text = (TOP / "conf" / "culver.service.in").read_text()
    for name, value in (("sbindir", culver.PREFIX / "sbin"),
                        ("bindir", culver.PREFIX / "bin"),
                        ("localstatedir", culver.PREFIX / "var")):
        text = text.replace(f"@{name}@", str(value))
    text = text.replace("/culverd -F", f"/culverd -F -c {server.config}")
    text = text.replace("/culveradm reload", f"/culveradm -c {server.config} reload")
    text = text.replace("Directory=culver\n", f"Directory={NAME}\n")
    # the test's folder is in /tmp, of which the unit has its own
    return text.replace("[Install]", f"BindPaths={server.dir}\n[Install]")


@pytest.fixture
def server():
    made = culver.Server()
    # no file: what syslog gets is in the journal
    made.write_config("log_path = syslog\n")
    UNITS.mkdir(parents=True, exist_ok=True)
    unit, sockets = UNITS / f"{NAME}.service", UNITS / f"{NAME}.socket"
    unit.write_text(unit_text(made))
    sockets.write_text(f"[Socket]\nListenStream=127.0.0.1:{made.imap_port}\n")
    systemctl("daemon-reload")
    try:
        yield made
    finally:
        systemctl("stop", sockets.name, unit.name, check=False)
        systemctl("reset-failed", unit.name, check=False)
        unit.unlink()
        sockets.unlink()
        systemctl("daemon-reload")
        made.remove()


def test_it_starts_delivers_reloads_and_stops(server):
    systemctl("start", NAME)
    assert show("ActiveState") == "active"      # ready, as Type=notify says so
    server.deliver(b"Subject: x\r\n\r\ny\r\n")
    session = server.imap(tls=True)
    assert session.select()[1] == [b"1"]
    systemctl("reload", NAME)
    session.noop()
    server.imap().logout()
    idle = server.raw()
    idle.line()
    assert idle.command("LOGIN bob secret")[-1].startswith(b"x OK")
    idle.send(b"a IDLE\r\n")
    assert idle.line().startswith(b"+")
    systemctl("stop", NAME)
    assert show("Result") == "success"
    assert idle.line().startswith(b"* BYE")     # not just killed
    wait_for(lambda: "stopping" in journal())
    for text in ("starting up", "saved", "Login: user=<alice>", "settings reloaded"):
        assert text in journal()


def test_broken_settings_are_refused_and_not_tried_again(server):
    systemctl("start", NAME)
    server.write_config("nonsense {\n")
    assert systemctl("reload", NAME, check=False).returncode != 0
    assert show("ActiveState") == "active"
    server.imap().logout()
    assert systemctl("restart", NAME, check=False).returncode != 0
    assert show("ExecMainStatus") == "89"
    assert show("NRestarts") == "0"
    wait_for(lambda: re.search(r"culver\.conf:\d+: unknown block 'nonsense'", journal()))


def test_a_crashed_master_is_replaced(server):
    systemctl("start", NAME)
    os.kill(int(show("MainPID")), 9)
    wait_for(lambda: show("NRestarts") == "1" and show("ActiveState") == "active")
    server.imap().logout()


def test_no_process_can_leave_its_sandbox(server):
    systemctl("start", NAME)
    done = server.adm("selftest", "-u", culver.MAIL_USER, "sandbox", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_opens_the_port_and_keeps_it(server):
    systemctl("start", f"{NAME}.socket")
    assert show("ActiveState") == "inactive"
    server.imap().logout()                      # the first client starts it
    assert show("ActiveState") == "active"
    systemctl("stop", NAME)
    with server.raw() as waiting:               # accepted by nobody yet
        assert waiting.line().startswith(b"* OK")
    assert show("ActiveState") == "active"
