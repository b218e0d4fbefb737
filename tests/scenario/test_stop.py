"""When the master has ended, everything has: systemd kills what is left."""
import json
import os
import pathlib
import signal
import socket
import time

import culver


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


def test_no_socket_is_left_behind(make_server, tmp_path):
    """Nor one that a reload has taken out of the settings; a stranger's stays."""
    culver.open_to_all(tmp_path)
    extra = ("service lmtp {\n  unix_listener %s {\n    mode = 0666\n  }\n}\n")
    server = make_server(extra=extra % (tmp_path / "first"))
    run = server.dir / "run"
    assert (tmp_path / "first").is_socket() and (run / "lmtp").is_socket()
    server.write_config(extra % (tmp_path / "second"))
    server.adm("reload")
    assert (tmp_path / "second").is_socket()
    assert not (tmp_path / "first").exists()
    # what was there before is still the same one
    assert server.lmtp(unix=True).noop()[0] == 250
    # somebody has put another one in its place
    (tmp_path / "second").unlink()
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(tmp_path / "second"))
    assert (run / "master").is_socket()
    server.stop()
    assert not (run / "lmtp").exists() and not (run / "master").exists()
    assert [p for p in run.rglob("*") if p.is_socket()] == []
    assert (tmp_path / "second").is_socket()
    server.start()
    server.imap().logout()
