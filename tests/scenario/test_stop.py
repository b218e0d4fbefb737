"""When the master has ended, everything has: systemd kills what is left."""
import json
import os
import pathlib
import signal
import time


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def session_pid(server):
    rows = json.loads(server.adm("-f", "json", "who").stdout)
    return next(int(r["pid"]) for r in rows if r["service"] == "imap")


def parent(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(l for l in text.splitlines() if l.startswith("PPid:")).split()[1])


def idling(server):
    client = server.raw()
    client.line()
    assert client.command("LOGIN alice secret")[-1].startswith(b"x OK")
    client.send(b"a IDLE\r\n")
    assert client.line().startswith(b"+")
    return client


def test_sessions_end_before_the_master(make_server):
    server = make_server()
    client, pid = idling(server), session_pid(server)
    server.stop()
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert client.line().startswith(b"* BYE")


def test_a_session_whose_parent_was_killed_ends_too(make_server):
    server = make_server()
    client, pid = idling(server), session_pid(server)
    os.kill(parent(pid), signal.SIGKILL)
    wait_for(lambda: parent(pid) == server.process.pid)
    server.stop()
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert client.line().startswith(b"* BYE")
