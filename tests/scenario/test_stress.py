"""Random commands on many connections, every answer checked: tests/stress."""
import os
import pathlib
import subprocess

import pytest

import culver

BUILD = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", "."))
KINDS = {
    "maildir": "maildir:~/Maildir",
    "sdbox": "sdbox:~/box",
    "mdbox": "mdbox:~/box",
    "mbox": "mbox:~/mail:INBOX=~/inbox",
}


@pytest.fixture(scope="module")
def program():
    subprocess.run(["make", "-s", "tests/stress/imap-stress"], cwd=BUILD, check=True,
                   timeout=300)
    return BUILD / "tests/stress/imap-stress"


def stress(program, kind, seconds, connections, seed, foreign=False):
    config = culver.CONFIG.replace("maildir:~/Maildir", KINDS[kind])
    with culver.Server(users={"u0": "secret"}, config=config,
                       extra="mail_max_userip_connections = 1000\n") as server:
        command = [program, "--port", str(server.imap_port), "--seconds", str(seconds),
                   "--connections", str(connections), "--seed", str(seed),
                   "--checkpoint", str(max(3, seconds // 20))]
        if foreign:
            command += ["--foreign", server.home("u0") / "Maildir"]
        result = subprocess.run(command, capture_output=True, text=True,
                                timeout=seconds * 2 + 120)
        assert result.returncode == 0, result.stdout[-8000:]
        assert "killed by signal" not in server.log
        # not "BUG": that may stand in the name of a session
        assert "Panic:" not in server.log


@pytest.mark.parametrize("kind,foreign", [
    ("maildir", False), ("maildir", True), ("sdbox", False), ("mdbox", False), ("mbox", False)])
def test_random_commands_agree(program, kind, foreign):
    stress(program, kind, 6, 12, 1, foreign)


@pytest.mark.slow
@pytest.mark.parametrize("foreign", [False, True])
def test_ten_minutes_at_fifty_clients(program, foreign):
    stress(program, "maildir", 600, 50, 2, foreign)
