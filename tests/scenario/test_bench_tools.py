"""The load generators of tests/bench do what they are asked, and end: a benchmark that hangs
measures nothing."""
import os
import pathlib
import subprocess

import pytest

import culver

BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", "."))
PROGRAMS = ["tests/bench/bench-imap", "tests/bench/bench-lmtp"]


@pytest.fixture(scope="module")
def server():
    subprocess.run(["make", "-s", *PROGRAMS], cwd=BUILD, check=True, timeout=300)
    with culver.Server(users={"u0": "secret", "u1": "secret"}) as server:
        yield server


def load(program, port, mode, ops=6):
    return subprocess.run(
        [BUILD / "tests/bench" / program, "--port", str(port), "--mode", mode, "--users", "2",
         "--ops", str(ops), "--password", "secret"], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("mode", ["deliver", "reconnect"])
def test_lmtp(server, mode):
    done = load("bench-lmtp", server.lmtp_port, mode)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", ["login", "select", "noop", "append", "meta", "uidflags",
                                  "body", "bodies", "store"])
def test_imap(server, mode):
    done = load("bench-imap", server.imap_port, mode)
    assert done.returncode == 0, done.stderr


def test_refused_logins_are_errors(server):
    done = subprocess.run(
        [BUILD / "tests/bench/bench-imap", "--port", str(server.imap_port), "--mode", "login",
         "--user-format", "nobody%d", "--ops", "1", "--password", "secret"],
        capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
