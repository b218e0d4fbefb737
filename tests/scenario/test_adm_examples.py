"""Each example of the manual pages of culveradm and culverconf is run as it
stands there, by a shell, on a server that has the users it speaks of."""
import os
import pathlib
import re
import subprocess

import pytest

import culver

MAN = pathlib.Path(__file__).resolve().parents[2] / "doc" / "man"
USERS = {name: "secret" for name in ("alice", "bob", "jane", "joe", "joe@example.com")}
CONFIG = culver.CONFIG.replace(
    "driver = static\n  args = uid={mail_user} gid={mail_group} home={dir}/home/%n",
    "driver = passwd-file\n  args = {dir}/users\n"
    "  override_fields = uid={mail_user} gid={mail_group} home={dir}/home/%n")


def plain(line):
    """What roff makes of it."""
    for escaped, text in ((r"\(dq", '"'), (r"\(aq", "'"), (r"\-", "-"), (r"\e", "\\"), (r"\&", "")):
        line = line.replace(escaped, text)
    return line


def examples():
    found = []
    for page in sorted([*MAN.glob("culveradm*.[1-8]"), MAN / "culverconf.1"]):
        for line in re.findall(r"^(?:\.Dl )?\$ (.*)", page.read_text(), re.M):
            found.append(pytest.param(plain(line), id=f"{page.name}: {plain(line)}"))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server, and a folder with what the examples name; programs in front of PATH."""
    folder = tmp_path_factory.mktemp("examples")
    with culver.Server(config=CONFIG, users=USERS) as server:
        (server.dir / "users").write_text("".join(
            f"{name}:{{PLAIN}}{word}:1000:1000::/nowhere::\n" for name, word in USERS.items()))
        for user in ("alice", "jane"):
            server.adm("save", "-u", user, input="From: x@example.org\nSubject: x\n\ny\n")
        server.adm("mailbox", "create", "-u", "jane", "Archive2")
        server.adm("backup", "-u", "jane", f"maildir:{server.home('jane')}/old/jane/Maildir")
        (folder / "message.eml").write_text("Subject: from a file\n\nbody\n")
        (folder / "quota.so").symlink_to(culver.PREFIX / "lib/culver/plugins/quota.so")
        bin_ = folder / "bin"
        bin_.mkdir()
        for program in ("culveradm", "culverconf"):
            (bin_ / program).write_text(f'#!/bin/sh\nexec {culver.PREFIX}/bin/{program} -c {server.config} "$@"\n')
        (bin_ / "ssh").write_text('#!/bin/sh\nshift\nexec "$@"\n')
        for program in bin_.iterdir():
            program.chmod(0o755)
        yield server, folder


def here(server, line):
    """Places of this machine become those of the test."""
    journal = max((server.home("alice") / "Maildir/culver").glob("journal.*"))
    for text, path in (("~alice/Maildir/culver/journal.7", journal), ("~alice", server.home("alice")),
                       ("/srv/copy", server.home("jane") / "copy"), ("/srv/old", server.home("jane") / "old"),
                       ("/etc/culver/users", server.dir / "more-users")):
        line = line.replace(text, str(path))
    return line


@pytest.mark.parametrize("line", examples())
def test_an_example_runs(place, line):
    server, folder = place
    done = subprocess.run(["bash", "-c", here(server, line)], cwd=folder, input="secret\n", text=True,
                          capture_output=True, timeout=60,
                          env=os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    assert "usage:" not in done.stderr


def test_there_are_examples():
    assert len(examples()) > 20
