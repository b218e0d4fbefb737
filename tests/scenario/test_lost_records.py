"""Mail whose records are lost, with the journal or a part of it: it comes back by
itself, to where it was, with a line in the log; culveradm verify tells before."""
import json
import os
import re
import shutil

import pytest

import culver

KINDS = ["sdbox", "mdbox"]
DATA_ERROR = 65     # EX_DATAERR
ALICE = ("-u", "alice")


def config(kind):
    return culver.CONFIG.replace("maildir:~/Maildir", f"{kind}:~/box")


@pytest.fixture(params=KINDS)
def box(request):
    with culver.Server(config=config(request.param)) as server:
        server.kind = request.param
        yield server


def save(server, mailbox, *subjects):
    for subject in subjects:
        server.adm("save", *ALICE, "-m", mailbox, input=f"Subject: {subject}\n\nx\n")


def mail(server):
    """Mailbox -> [(UID, subject)], and what was said."""
    done = server.adm("-f", "json", "fetch", *ALICE, "mailbox uid hdr.subject", "ALL")
    found = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["mailbox"], []).append((int(row["uid"]), row["hdr.subject"]))
    return found, done.stderr


def verify(server):
    done = server.adm("-f", "json", "verify", *ALICE, check=False)
    return done.returncode, {r["mailbox"]: r["problem"] for r in json.loads(done.stdout)
                             if r["problem"] and r["mailbox"]}


def journal(server):
    return next(server.home("alice").glob("box/culver/journal.*"))




@pytest.mark.parametrize("how", ["journal", "account"])
def test_a_lost_journal_is_said_and_costs_no_mail(box, how):
    save(box, "INBOX", "a", "b")
    box.adm("mailbox", "create", *ALICE, "Work", "Sub/Work")
    save(box, "Work", "c")
    save(box, "Sub/Work", "d")
    before, _ = mail(box)
    if how == "journal":
        journal(box).unlink()
    else:
        shutil.rmtree(journal(box).parent)
    after, said = mail(box)
    assert after == before
    assert "mailbox 'INBOX' was not known to the journal: 2 messages are taken" in said
    assert "mailbox 'Sub/Work' was not known to the journal: 1 messages are taken" in said
    assert mail(box) == (before, "")


def test_a_renamed_mailbox_has_its_mail_without_the_journal(box):
    """The records of mdbox name the mailbox that they were saved in."""
    box.adm("mailbox", "create", *ALICE, "Work")
    save(box, "Work", "a", "b")
    box.adm("mailbox", "rename", *ALICE, "Work", "Old")
    box.adm("mailbox", "create", *ALICE, "Work")
    save(box, "Work", "c")
    before, _ = mail(box)
    assert before == {"Old": [(1, "a"), (2, "b")], "Work": [(1, "c")]}
    box.adm("force-resync", *ALICE, "*")
    assert mail(box)[0] == before
    shutil.rmtree(journal(box).parent)
    assert mail(box)[0] == before


@pytest.mark.parametrize("place", ["in a group", "behind one"])
def test_a_journal_that_was_cut_off(box, place):
    box.adm("mailbox", "create", *ALICE, "Work")
    save(box, "Work", "a", "b")
    save(box, "INBOX", "c")
    before, _ = mail(box)
    text = box.adm("dump", str(journal(box))).stdout
    at = int(re.search(r"^append at=(\d+).* uid=2 ", text, re.M)[1])
    os.truncate(journal(box), at + 16 if place == "in a group" else at)
    status, problems = verify(box)
    assert status == DATA_ERROR
    assert problems["Work"].startswith("1 messages are in its files, and in no record")
    assert problems["INBOX"].startswith("1 messages ")
    if place == "behind one":       # nothing tells, but what is on disk
        box.adm("force-resync", *ALICE, "*")
    after, said = mail(box)
    assert after == before
    if place == "in a group":
        assert "ends within a transaction: folders will be scanned" in said
        assert "mailbox 'Work': 1 messages that the journal had lost were found" in said
    assert verify(box) == (0, {})
    assert mail(box) == (before, "")


def test_verify_tells_of_a_mailbox_that_nobody_has_opened():
    with culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", "mbox:~/box")) as box:
        save(box, "INBOX", "a")
        path = box.home("alice") / "box" / "New"
        path.write_text("From a@example.org Thu Jan  1 00:00:00 2020\nSubject: b\n\nx\n\n")
        if culver.IS_ROOT:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
        box.adm("mailbox", "list", *ALICE)
        status, problems = verify(box)
        assert status == 0
        assert problems == {"New": "1 messages were not looked at by anybody yet, and are not "
                                   "checked (hint: culveradm index)"}
