"""mdbox without Dovecot's map of where the messages are: found as Dovecot's own repair finds them."""
import random
import re
import shutil
import subprocess

import pytest

import dovecot
from test_dbox import MAIL, config, doveadm, fill, message_bytes, ok, snapshot, take_over

pytestmark = pytest.mark.skipif(not dovecot.available(),
                                reason="needs root and Debian's Dovecot")

PLACES = ["", ":ALT=~/alt"]


@pytest.fixture(params=PLACES, ids=["here", "alt"])
def theirs(request):
    """A Dovecot that has filled a tree; with ALT= a part of it is at the other place."""
    with dovecot.Dovecot(config=config(dovecot.CONFIG, "mdbox", request.param)) as server:
        server.kind, server.more = "mdbox", request.param
        fill(server)
        client = server.imap()
        for i in range(3):
            ok(client.append("Archive", "(\\Seen)", '"05-May-2021 10:00:00 +0000"',
                             MAIL % (100 + i, 100 + i)))
        ok(client.append('"Work/&AMQ-rger"', None, None, MAIL % (200, 200)))
        client.logout()
        if request.param:
            doveadm(server, "altmove", "-u", "alice", "mailbox", "INBOX", "uid", "1:6")
        yield server


def files(server, pattern):
    found = [path for path in (server.home("alice") / "box").rglob(pattern) if path.is_file()]
    assert found
    return found


def lose_map(server):
    for path in files(server, "dovecot.map.index*"):
        path.unlink()


def break_map(server):
    for path in files(server, "dovecot.map.index*"):
        data = path.read_bytes()
        path.write_bytes(random.Random(5).randbytes(len(data)))


def cut_map(server):
    """Its log ends in the middle: half of the messages are known."""
    for path in files(server, "dovecot.map.index.log"):
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2 // 4 * 4])
    for path in (server.home("alice") / "box/storage").glob("dovecot.map.index"):
        path.unlink()


def lose_map_and_folder(server):
    lose_map(server)
    for path in files(server, "Archive/dbox-Mails/dovecot.index*"):
        path.unlink()


def lose_map_and_directory(server):
    lose_map(server)
    shutil.rmtree(server.home("alice") / "box/mailboxes/Archive")


def lose_all(server):
    for path in files(server, "dovecot.*index*"):
        path.unlink()


def mails(server):
    """What a client sees, without the numbers that a new index has."""
    return {name: [(uid, box[uid]) for uid in sorted(k for k in box if isinstance(k, int))]
            for name, box in snapshot(server).items() if name not in ("subscribed", "Trash")}


def repaired(theirs):
    """Dovecot's own answer, on a copy of the tree."""
    home = theirs.dir / "home"
    kept = theirs.dir / "kept"
    subprocess.run(["cp", "-a", home, kept], check=True)
    theirs.start()
    for _ in range(5):
        # it gives up now and then, and goes on from there
        done = subprocess.run(["doveadm", "-c", theirs.config, "force-resync", "-u", "alice", "*"],
                              check=False, capture_output=True, text=True)
        if done.returncode == 0:
            break
    assert done.returncode == 0
    answer = mails(theirs)
    validity = {name: box["validity"] for name, box in snapshot(theirs).items()
                if name != "subscribed"}
    theirs.stop()
    shutil.rmtree(home)
    kept.rename(home)
    return answer, validity


@pytest.mark.parametrize("damage", [lose_map, break_map, cut_map, lose_map_and_folder,
                                    lose_map_and_directory, lose_all])
def test_messages_are_those_that_dovecots_repair_finds(theirs, damage):
    before = mails(theirs)
    theirs.stop()
    damage(theirs)
    want, validity = repaired(theirs)
    assert sum(map(len, want.values())) >= 13
    with take_over(theirs, theirs.more) as ours:
        got = mails(ours)
        again = mails(ours)
        assert again == got
        assert got == want
        if damage in (lose_map, break_map):
            assert {name: set(dict(box)) <= set(dict(got[name]))
                    for name, box in before.items()} == {name: True for name in before}
            seen = snapshot(ours)
            assert {name: seen[name]["validity"] for name in before} == \
                {name: validity[name] for name in before}
        # what was found stays, whatever is done with it
        ours.adm("force-resync", "-u", "alice", "*")
        assert mails(ours) == want
        assert ours.adm("purge", "-u", "alice", "-c").stderr.count("left") == 0
        assert not [p for p in ours.home("alice").rglob("storage/m.[0-9]*")]
        assert mails(ours) == want
        ours.stop()
        ours.start()
        assert mails(ours) == want
