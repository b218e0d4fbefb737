"""The programs that developers call: what they say without doing anything, and
the ports that the tests hand out."""
import os
import pathlib
import socket
import subprocess

import pytest

import culver

TOP = pathlib.Path(os.environ["CULVER_TOP"])
SUITES = ["lint", "unit", "sanitizers", "fuzz", "scenario", "clang", "crash", "distcheck"]


def call(tmp_path, *words):
    """The finished program; it has built nothing."""
    done = subprocess.run([TOP / words[0], *words[1:]], capture_output=True, text=True,
                          timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL,
                          env=os.environ | {"CULVER_BUILD": str(tmp_path / "build")})
    assert not (tmp_path / "build").exists()
    return done


@pytest.mark.parametrize("program", ["tests/run.py", "tools/test", "tools/bench",
                                     "tools/quickstart"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_printed_and_nothing_is_done(program, option, tmp_path):
    done = call(tmp_path, program, option)
    assert done.returncode == 0, done.stderr
    assert pathlib.Path(program).name in done.stdout and done.stderr == ""


@pytest.mark.parametrize("program", ["tests/run.py", "tools/test"])
def test_the_suites_are_listed(program, tmp_path):
    done = call(tmp_path, program, "--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == SUITES


@pytest.mark.parametrize("program", ["tests/run.py", "tools/test"])
@pytest.mark.parametrize("word", ["--nonsense", "--ful", "-x", "nosuchsuite", "tests/nothing.py",
                                  "core/base/base.h"])
def test_an_unknown_argument_is_an_error_before_anything_is_built(program, word, tmp_path):
    done = call(tmp_path, program, word)
    assert done.returncode == 2 and word in done.stderr and done.stdout == ""


def test_one_unknown_word_among_good_ones_is_an_error(tmp_path):
    assert call(tmp_path, "tools/test", "lint", "unlit").returncode == 2
    assert call(tmp_path, "tools/test", "--full", "--only").returncode == 2


def test_a_port_is_given_to_nobody_else_and_a_server_can_listen_on_it():
    ports = [culver.free_port() for _ in range(200)]
    try:
        assert len(set(ports)) == len(ports)
        for _ in range(2000):
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", 0))
                assert other.getsockname()[1] not in ports
        with socket.create_server(("127.0.0.1", ports[0])) as server:
            with socket.create_connection(server.getsockname()):
                pass
        with socket.socket() as other, pytest.raises(OSError):
            other.bind(("127.0.0.1", ports[1]))
    finally:
        for port in ports:
            culver.release_port(port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[2]))


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs root")
def test_the_quickstart_of_root_is_not_made_where_its_users_may_not_enter(tmp_path):
    tmp_path.chmod(0o700)
    done = call(tmp_path, "tools/quickstart", "--dir", tmp_path / "sub" / "demo")
    assert done.returncode == 1 and done.stdout == ""
    assert f"may not enter {tmp_path}: choose another --dir" in done.stderr
    assert not (tmp_path / "sub").exists()
    # what may have been made there before can still be stopped
    done = call(tmp_path, "tools/quickstart", "--stop", "--dir", tmp_path / "sub" / "demo")
    assert done.returncode == 0 and "is not running" in done.stdout
