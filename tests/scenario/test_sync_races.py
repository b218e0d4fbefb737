"""culveradm sync, backup, import: messages that only look alike, runs at the same time, and a
culveradm that is killed."""
import os
import shutil
import signal
import subprocess
import time

import pytest

import culver
from test_sync import CONTENT, dump, fill, other, pipe, run

DATE = "2024-02-03"


@pytest.fixture
def mail():
    with culver.Server() as server:
        yield server


def save(server, location, text, box="INBOX"):
    """All of these have the same size and date."""
    subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", server.config, "-o",
                    f"mail_location={location}", "save", "-u", "alice", "-m", box, "-r", DATE],
                   input=f"Subject: cron\n\n{text}\n".encode(), check=True)


def texts(server, location):
    return sorted(row[0].split()[-1] for row in dump(server, location, fields="text"))


@pytest.mark.parametrize("state", ["with", "without", "first"])
def test_messages_that_came_to_both_ends_in_the_same_second_are_two(mail, state):
    here, there = other(mail, "Maildir"), other(mail)
    if state != "first":
        save(mail, here, "both")
        run(mail, "sync", there)
    if state == "without":
        shutil.rmtree(mail.home("alice") / ".culver-sync")
    save(mail, here, "ours")
    save(mail, there, "them")
    run(mail, "sync", there)
    expected = sorted(["ours", "them"] + (["both"] if state != "first" else []))
    assert texts(mail, here) == texts(mail, there) == expected
    assert dump(mail, here, fields=CONTENT) == dump(mail, there, fields=CONTENT)


def test_a_mirror_takes_no_stranger_for_its_own(mail):
    here, there = other(mail, "Maildir"), other(mail)
    save(mail, here, "ours")
    save(mail, there, "them")
    mail.adm("-o", f"mail_location={there}", "mailbox", "update", "-u", "alice", "-v", "77", "INBOX")
    run(mail, "backup", there)
    assert texts(mail, here) == texts(mail, there) == ["ours"]


@pytest.mark.parametrize("verb", ["sync", "backup"])
def test_an_index_that_was_made_anew_doubles_nothing(mail, verb):
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    run(mail, verb, there)
    shutil.rmtree(mail.home("alice") / "copy" / "culver")
    run(mail, verb, there)
    assert len(dump(mail, here)) == len(dump(mail, there)) == 60


def start(server, *words):
    return subprocess.Popen([culver.PREFIX / "bin" / "culveradm", "-c", server.config, *words],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def several(server, *words, count=4):
    for process in [start(server, *words) for _ in range(count)]:
        process.wait(60)


@pytest.mark.parametrize("way", ["location", "pipe"])
@pytest.mark.parametrize("used", [False, True])
def test_runs_at_the_same_time_copy_nothing_twice(mail, way, used):
    """With what is there before at the target, copies get UIDs of their own."""
    fill(mail, 200)
    words = [other(mail)] if way == "location" else pipe(mail)
    if used and way == "location":
        save(mail, other(mail), "them")
    elif used:
        mail.deliver(b"Subject: them\r\n\r\nthem\r\n", "bob")
    several(mail, "sync", "-u", "alice", *words)
    run(mail, "sync", *words)
    here = dump(mail, fields=CONTENT)
    there = dump(mail, other(mail), fields=CONTENT) if way == "location" else \
        dump(mail, user="bob", fields=CONTENT)
    assert len(here) == 200 + used
    assert here == there


def test_imports_at_the_same_time_bring_nothing_twice(mail):
    fill(mail, 200)
    run(mail, "backup", other(mail))
    several(mail, "import", "-u", "alice", other(mail), "Old", "ALL")
    mail.adm("import", "-u", "alice", other(mail), "Old", "ALL")
    assert len(dump(mail)) == 400


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_kills_culveradm_ends_what_it_does(mail, tmp_path, number):
    process = start(mail, "sync", "-u", "alice", "sh", "-c",
                    f"echo $PPID > {tmp_path}/pid; exec sleep 60")
    assert culver.wait_for((tmp_path / "pid").exists)
    worker = int((tmp_path / "pid").read_text())
    assert worker != process.pid
    time.sleep(0.3)                     # it has begun to wait for the other end
    process.send_signal(number)
    process.wait(10)
    assert culver.wait_for(lambda: not os.path.exists(f"/proc/{worker}"))
