"""culveradm and a running server whose configuration has become broken: what
runs can be seen, told and stopped."""
import json
import pathlib
import shutil
import time

import pytest

import culver

BROKEN = {
    "value": lambda text: text.replace("ssl = yes", "ssl = perhaps", 1),
    "brace": lambda text: text + "\nservice imap {\n",
    # not even base_dir can be read of these
    "empty-but-wrong": lambda text: "}\n",
    "base-dir-after": lambda text: "base_dir\n" + text.replace("base_dir =", "#"),
}


@pytest.fixture(params=[*BROKEN, "gone"])
def broken(request):
    with culver.Server() as server:
        text = server.config.read_text()
        if request.param == "gone":
            server.config.unlink()
        else:
            server.config.write_text(BROKEN[request.param](text))
        yield server
        if server.process and server.process.poll() is None:
            server.config.write_text(text)


def told(server, *args, status=0):
    done = server.adm(*args, check=False)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("Warning: the configuration is broken: ") == 1, done.stderr
    assert str(server.config) in done.stderr
    assert str(server.dir / "run") in done.stderr
    return done


def test_what_runs_can_be_seen_and_told(broken):
    client = broken.imap()
    rows = json.loads(told(broken, "-f", "json", "service", "status").stdout)
    assert "imap-login" in {row["service"] for row in rows}
    rows = json.loads(told(broken, "-f", "json", "who").stdout)
    assert [row["username"] for row in rows] == ["alice"]
    told(broken, "log", "test")
    assert "this is a test line" in broken.log
    told(broken, "log", "reopen")
    told(broken, "penalty")
    assert "kicked connections: 1" in told(broken, "kick", "alice").stdout
    with pytest.raises(Exception):
        for _ in range(20):
            client.noop()


def test_a_reload_fails_and_nothing_changes(broken):
    done = told(broken, "reload", status=78)
    assert "cannot be used" in done.stderr
    deadline = time.monotonic() + 10
    while "the old settings stay in force" not in broken.log:
        assert time.monotonic() < deadline, broken.log
        time.sleep(0.05)
    broken.imap().logout()


def test_it_can_be_stopped(broken):
    told(broken, "stop")
    assert broken.process.wait(20) == 0
    assert not (broken.dir / "run" / "instance").exists()
    done = broken.adm("stop", check=False)
    assert done.returncode == 78
    assert "no server that was started with it is found" in done.stderr


def test_log_find_says_what_can_be_read(server):
    text = server.config.read_text()
    server.config.write_text(text + "\nnonsense\n")
    done = server.adm("log", "find", check=False)
    server.config.write_text(text)
    assert "the configuration is broken" in done.stderr
    assert str(server.dir / "culver.log") in done.stdout


def test_another_configuration_is_not_taken_for_it(server):
    """The same broken text at another path is another server's."""
    other = server.dir / "other.conf"
    other.write_text(server.config.read_text() + "\n}\n")
    done = culver.Server.adm(type("Other", (), {"config": other})(), "stop", check=False)
    assert done.returncode == 78
    assert server.process.poll() is None


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs another user")
def test_a_file_of_a_stranger_is_not_believed(server):
    instance = pathlib.Path(server.dir / "run" / "instance")
    assert instance.read_text() == f"{server.config}\n"
    text = server.config.read_text()
    server.config.write_text(text + "\n}\n")
    shutil.chown(instance, "nobody")
    done = server.adm("service", "status", check=False)
    shutil.chown(instance, "root")
    server.config.write_text(text)
    assert done.returncode == 78
