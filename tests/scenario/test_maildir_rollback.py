"""A Maildir that Culver and Debian's Dovecot work on in turn: whoever opens it
next shows the same UIDs, flags, keywords, bytes and subscriptions."""
import os
import pathlib
import signal
import time

import pytest

import culver
import dovecot
from test_dbox import MAIL, fill, ok, snapshot

pytestmark = pytest.mark.skipif(not dovecot.available(),
                                reason="needs root and Debian's Dovecot")
HOME = "home={dir}/home/%n"


class Pair:
    """Both servers, of which one runs at a time, on the same homes."""

    def __init__(self, extra=""):
        self.ours = culver.Server(extra)
        shared = f"home={self.ours.dir}/home/%n"
        self.theirs = dovecot.Dovecot(config=dovecot.CONFIG.replace(HOME, shared))
        self.maildir = self.ours.home("alice") / "Maildir"
        self.running = None

    def use(self, server):
        if self.running is not None:
            self.running.stop()
        self.running = server
        return server.start()

    def kill(self):
        """The running server is gone, as after a crash."""
        process = self.running.process
        for pid in [*descendants(process.pid), process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        process.stdout.close()
        self.running.process = self.running = None
        time.sleep(0.2)


def descendants(pid):
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


@pytest.fixture
def pair():
    pair = Pair()
    yield pair
    if pair.running is not None:
        pair.running.stop()
    pair.ours.remove()
    pair.theirs.remove()


def change(server, number):
    """One of each kind of change, in both folders and by delivery."""
    for i in range(3):
        assert server.deliver(MAIL % (number + i, i)) == {}
    client = server.imap()
    ok(client.append("Archive", "(\\Seen $Appended)", None, MAIL % (number, 77)))
    ok(client.select("INBOX"))
    ok(client.append("INBOX", None, None, MAIL % (number, 78)))
    uids = ok(client.uid("search", "all"))[0].split()
    ok(client.uid("store", uids[0], "+FLAGS", f"(\\Answered word{number})"))
    ok(client.uid("store", uids[1], "FLAGS", "(\\Flagged $Label1)"))
    ok(client.uid("copy", b",".join(uids[:2]), "Archive"))
    ok(client.uid("move", uids[-1], "Archive"))
    ok(client.uid("store", uids[2], "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    ok(client.create(f"New{number}"))
    ok(client.subscribe(f"New{number}"))
    ok(client.append(f"New{number}", "(\\Draft)", None, MAIL % (number, 79)))
    ok(client.unsubscribe("Archive"))
    client.logout()


def test_both_work_on_it_in_turn(pair):
    fill(pair.use(pair.theirs))
    assert pair.theirs.deliver(MAIL % (1, 1)) == {}
    seen = snapshot(pair.theirs)
    for number in range(100, 500, 100):
        server = pair.use(pair.ours if number % 200 else pair.theirs)
        assert snapshot(server) == seen
        change(server, number)
        seen = snapshot(server)
    pair.use(pair.ours)
    assert snapshot(pair.ours) == seen


def test_a_maildir_of_ours_is_opened_by_dovecot(pair):
    fill(pair.use(pair.ours))
    change(pair.ours, 100)
    seen = snapshot(pair.ours)
    pair.use(pair.theirs)
    assert snapshot(pair.theirs) == seen


def test_deliveries_count_on_after_dovecot_without_a_login(pair):
    """What Dovecot took in keeps its UIDs when the next thing that happens is
    a delivery."""
    pair.use(pair.theirs)
    for i in range(4):
        assert pair.theirs.deliver(MAIL % (i, i)) == {}
    seen = snapshot(pair.theirs)
    pair.use(pair.ours)
    assert snapshot(pair.ours) == seen
    pair.use(pair.theirs)
    assert pair.theirs.deliver(MAIL % (50, 50)) == {}
    seen = snapshot(pair.theirs)
    pair.use(pair.ours)
    assert pair.ours.deliver(MAIL % (60, 60)) == {}
    after = snapshot(pair.ours)
    new = after["INBOX"].pop(seen["INBOX"]["next"])
    assert b"Subject: 60" in new[3]
    assert {k: v for k, v in after["INBOX"].items() if k != "next"} == \
        {k: v for k, v in seen["INBOX"].items() if k != "next"}


def test_dovecot_goes_on_when_we_were_killed(pair):
    fill(pair.use(pair.theirs))
    pair.use(pair.ours)
    snapshot(pair.ours)
    change(pair.ours, 100)
    seen = snapshot(pair.ours)
    pair.kill()
    pair.use(pair.theirs)
    assert snapshot(pair.theirs) == seen


def test_what_a_power_cut_took_from_the_list_comes_back(pair):
    fill(pair.use(pair.theirs))
    pair.use(pair.ours)
    snapshot(pair.ours)
    lists = {path: path.read_bytes() for path in
             (pair.maildir / "dovecot-uidlist", pair.maildir / ".Archive" / "dovecot-uidlist")}
    change(pair.ours, 100)
    seen = snapshot(pair.ours)
    pair.running.stop()
    pair.running = None
    for path, text in lists.items():
        now = path.read_bytes()
        assert now.startswith(text) and len(now) > len(text)
        # half of the first line that was not synced
        path.write_bytes(now[:len(text) + 5])
    pair.use(pair.ours)
    for name in ("INBOX", "Archive"):
        pair.ours.adm("force-resync", "-u", "alice", name)
    assert snapshot(pair.ours) == seen
    pair.use(pair.theirs)
    assert snapshot(pair.theirs) == seen


def test_a_delivery_adds_a_line_and_writes_nothing_anew(pair):
    pair.use(pair.ours)
    for i in range(3):
        assert pair.ours.deliver(MAIL % (i, i)) == {}
    before = (pair.maildir / "dovecot-uidlist").stat()
    for i in range(5):
        assert pair.ours.deliver(MAIL % (i, i)) == {}
    after = (pair.maildir / "dovecot-uidlist").stat()
    assert after.st_ino == before.st_ino and after.st_size > before.st_size
    lines = (pair.maildir / "dovecot-uidlist").read_text().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [str(i) for i in range(1, 9)]
    assert not (pair.maildir / "dovecot-uidlist.lock").exists()
