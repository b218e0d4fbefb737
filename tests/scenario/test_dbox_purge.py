"""A purge of a tree of Dovecot's frees what is known to be dead, and nothing else."""
import hashlib
import re
import shutil
import subprocess

import pytest

import dovecot
from test_dbox import MAIL, config, doveadm, fill, ok, snapshot, take_over

pytestmark = pytest.mark.skipif(not dovecot.available(),
                                reason="needs root and Debian's Dovecot")

PLACES = ["", ":ALT=~/alt"]


@pytest.fixture(params=PLACES, ids=["here", "alt"])
def theirs(request):
    """A Dovecot that has filled a tree; with ALT= all of it is at the other place."""
    with dovecot.Dovecot(config=config(dovecot.CONFIG, "mdbox", request.param)) as server:
        server.kind, server.more = "mdbox", request.param
        fill(server)
        client = server.imap()
        for i in range(3):
            ok(client.append("Archive", None, None, MAIL % (100 + i, 100 + i)))
        ok(client.append('"Work/&AMQ-rger"', None, None, MAIL % (200, 200)))
        client.logout()
        if request.param:
            doveadm(server, "altmove", "-u", "alice", "all")
        yield server


def containers(server, which="m"):
    """The files with messages, as they are."""
    return {str(path.relative_to(server.home("alice"))): hashlib.sha256(path.read_bytes()).digest()
            for path in server.home("alice").rglob(f"storage/{which}.[0-9]*")}


def bodies(server):
    return {mail[3] for name, box in snapshot(server).items() if name != "subscribed"
            for uid, mail in box.items() if isinstance(uid, int)}


def lose_index(server, name):
    gone = list((server.home("alice") / "box/mailboxes" / name / "dbox-Mails")
                .glob("dovecot.index*"))
    assert gone
    for path in gone:
        path.unlink()


def expunge(server, name, uids):
    client = server.imap()
    ok(client.select(name))
    ok(client.uid("store", uids, "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    client.logout()


def purge(server, *args):
    """What it says was left alone."""
    return re.findall(r"purge left .*", server.adm("purge", "-u", "alice", *args).stderr)


def resync(theirs, ours):
    """Dovecot again, on what Culver has left, after its own repair."""
    ours.stop()
    shutil.rmtree(theirs.dir / "home")
    subprocess.run(["cp", "-a", ours.dir / "home", theirs.dir / "home"], check=True)
    theirs.start()
    doveadm(theirs, "force-resync", "-u", "alice", "*")


@pytest.mark.parametrize("lost", ["Archive", "Work/&AMQ-rger"])
def test_a_folder_that_lost_its_index_loses_no_mail(theirs, lost):
    mine = bodies(theirs)
    theirs.stop()
    lose_index(theirs, lost)
    with take_over(theirs, theirs.more) as ours:
        before = containers(ours)
        assert before and all(name.startswith("alt") == bool(theirs.more) for name in before)
        seen = snapshot(ours)
        assert not [uid for uid in seen[lost] if isinstance(uid, int)]
        # 3 and 4 were copied to Archive, 10 was not
        expunge(ours, "INBOX", "3,4,10")
        said = purge(ours)
        assert containers(ours) == before
        assert len(said) == 1 and "doveadm force-resync" in said[0]
        ours.adm("force-resync", "-u", "alice", "*")
        assert purge(ours, "-c") and purge(ours)
        assert containers(ours) == before
        left = snapshot(ours)
        assert left["INBOX"] == {k: v for k, v in seen["INBOX"].items() if k not in (3, 4, 10)}
        resync(theirs, ours)
        assert bodies(theirs) == mine


def test_what_was_taken_over_and_expunged_is_freed(theirs):
    theirs.stop()
    with take_over(theirs, theirs.more) as ours:
        client = ours.imap()
        ok(client.select("INBOX"))
        ok(client.uid("move", "1", "Trash"))
        ok(client.uid("copy", "2", "Trash"))
        client.logout()
        expunge(ours, "INBOX", "1:*")
        moved = snapshot(ours)["Trash"]
        assert len([uid for uid in moved if isinstance(uid, int)]) == 2
        client = ours.imap()
        ok(client.delete("Archive"))
        ok(client.delete('"Work/&AMQ-rger"'))
        client.logout()
        assert purge(ours) == []
        assert containers(ours) == {} and len(containers(ours, "c")) == 1
        assert snapshot(ours)["Trash"] == moved
        storage = ours.home("alice") / "box/storage"
        assert (storage / "culver.expunged").exists()
        expunge(ours, "Trash", "1:*")
        assert purge(ours) == []
        assert containers(ours, "[cm]") == {}
        # nothing is left to keep the books of
        assert not (storage / "culver.expunged").exists()


def test_what_dovecot_has_expunged_is_freed(theirs):
    expunge(theirs, "INBOX", "11")          # was never copied

    def held(server):
        return any(b"Subject: 10\n" in path.read_bytes()
                   for path in server.home("alice").rglob("storage/[cm].[0-9]*"))
    assert held(theirs)
    assert not any(b"Subject: 10\r\n" in body for body in bodies(theirs))
    before = snapshot(theirs)
    with take_over(theirs, theirs.more) as ours:
        assert purge(ours) == []
        assert not held(ours)
        same = snapshot(ours) == before
        assert same


def test_a_lost_journal_brings_back_what_then_counts_anew(theirs):
    mine = bodies(theirs)
    theirs.stop()
    with take_over(theirs, theirs.more) as ours:
        first = snapshot(ours)
        expunge(ours, "INBOX", "3")         # one of two references
        ours.stop()
        shutil.rmtree(ours.home("alice") / "box/culver")
        lose_index(ours, "Archive")         # the other one
        ours.start()
        assert 3 in first["INBOX"]
        assert snapshot(ours)["INBOX"] == first["INBOX"]
        before = containers(ours)
        expunge(ours, "INBOX", "3")
        said = purge(ours, "-c")
        assert containers(ours) == before
        assert said
        resync(theirs, ours)
        assert bodies(theirs) == mine
