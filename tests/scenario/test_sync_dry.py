"""culveradm sync, backup and import with --dry-run: nothing is written anywhere,
and what is told is what the run does then.  And what may not be the other end."""
import hashlib
import json
import os
import shutil

import pytest

import culver
from test_sync import dump, fill, nothing, run

COUNTS = ("saved", "bytes", "expunged", "changed", "created", "removed", "renamed", "subscriptions", "annotations")


@pytest.fixture(scope="module")
def mail():
    with culver.Server() as server:
        fill(server, 24, boxes=("INBOX", "Archive", "Grüße"))
        yield server


def tree(*folders):
    """Every file with its bytes, and every folder, with what changes when they are written."""
    found = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            st = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            found[path] = st.st_ino, st.st_mode, st.st_uid, st.st_size, st.st_mtime_ns, content
    return found


def same_when_dry(server, *words, **kw):
    """The report of a dry run, which must have left everything in the folder of homes as it was."""
    homes = server.dir / "home"
    before = tree(homes)
    report = run(server, *words, **kw)
    after = tree(homes)
    assert {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)} == set()
    return report


def counts(report):
    return {side: {name: row[name] for name in COUNTS} for side, row in report.items()}


@pytest.mark.parametrize("driver", ["maildir", "sdbox", "mdbox", "mbox"])
def test_a_target_that_is_not_there_is_not_made(mail, driver):
    there = f"{driver}:{mail.home('alice')}/new-{driver}/mail"
    for verb in ("backup", "sync"):
        dry = same_when_dry(mail, verb, "--dry-run", there)
        assert int(dry["other"]["saved"]) == 24 and int(dry["other"]["bytes"]) > 24 * 200
    assert counts(dry) == counts(run(mail, "sync", there))
    assert nothing(same_when_dry(mail, "sync", "--dry-run", there))


@pytest.mark.parametrize("driver", ["maildir", "sdbox", "mdbox", "mbox"])
def test_a_dry_run_tells_what_the_run_does(mail, driver):
    there = f"{driver}:{mail.home('alice')}/{driver}"
    run(mail, "sync", there)
    at_there = ["-o", f"mail_location={there}"]
    mail.adm("save", "-u", "alice", input="Subject: one more\n\nhere\n")
    mail.adm(*at_there, "save", "-u", "alice", input="Subject: and another\n\nthere\n")
    mail.adm(*at_there, "mailbox", "rename", "-u", "alice", "Archive", f"Attic-{driver}")
    mail.adm(*at_there, "mailbox", "metadata", "set", "-u", "alice", f"Attic-{driver}", "/private/comment", driver)
    mail.adm(*at_there, "mailbox", "create", "-u", "alice", f"New-{driver}")
    mail.adm("flags", "add", "-u", "alice", r"\Answered", "mailbox", "INBOX", "1:3")
    dry = same_when_dry(mail, "sync", "--dry-run", there)
    assert int(dry["local"]["renamed"]) == 1 and int(dry["local"]["created"]) == 1
    assert int(dry["local"]["bytes"]) > 0 and int(dry["other"]["bytes"]) > 0
    assert counts(dry) == counts(run(mail, "sync", there))
    assert nothing(run(mail, "sync", there))
    mail.adm("mailbox", "rename", "-u", "alice", f"Attic-{driver}", "Archive")


def test_a_rename_of_what_has_not_changed_otherwise(mail):
    there = f"maildir:{mail.home('alice')}/renamed"
    run(mail, "sync", there)
    mail.adm("-o", f"mail_location={there}", "mailbox", "rename", "-u", "alice", "Grüße", "Hallo")
    dry = same_when_dry(mail, "sync", "--dry-run", there)
    assert int(dry["local"]["renamed"]) == 1 and int(dry["local"]["saved"]) == 0
    assert counts(dry) == counts(run(mail, "sync", there))
    mail.adm("mailbox", "rename", "-u", "alice", "Hallo", "Grüße")


def foreign(server, name):
    """A Maildir of another program, with mail that nobody has seen yet."""
    root = server.home("alice") / name
    for folder in ("cur", "new", "tmp"):
        (root / folder).mkdir(parents=True)
    for n in range(3):
        (root / "new" / f"17{n}.other").write_text(f"Subject: foreign {n}\n\nbody\n")
    for path in [root, *root.rglob("*")]:
        shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)
    return f"maildir:{root}"


def test_trees_of_others_stay_as_they_are(mail):
    there = foreign(mail, "foreign")
    dry = same_when_dry(mail, "backup", "-R", "--dry-run", there)
    assert dry["local"]["saved"] == "3"
    dry = same_when_dry(mail, "sync", "--dry-run", there)
    assert dry["local"]["saved"] == "3" and int(dry["other"]["saved"]) >= 24


def test_what_others_have_put_into_an_mbox_is_seen(make_server):
    server = make_server()
    fill(server, 6, boxes=("INBOX", "Archive"))
    root = server.home("alice") / "mbox"
    there = f"mbox:{root}:INBOX={root}/inbox"
    run(server, "sync", there)
    for name, count in (("inbox", 2), ("New", 3)):
        with open(root / name, "a") as file:
            for n in range(count):
                file.write(f"From x@y.example Mon Jan  1 00:00:0{n} 2024\nSubject: later {n}\n\nbody\n\n")
        shutil.chown(root / name, culver.MAIL_USER, culver.MAIL_GROUP)
    dry = same_when_dry(server, "sync", "--dry-run", there)
    assert dry["local"]["saved"] == "5" and dry["local"]["created"] == "1" and dry["other"]["saved"] == "0"
    assert counts(dry) == counts(run(server, "sync", there))


def test_an_import_that_is_dry(mail):
    there = foreign(mail, "imported")
    homes = mail.dir / "home"
    before = tree(homes)
    words = ("-s", there, "Old", "ALL")
    dry = json.loads(mail.adm("-f", "json", "import", "-u", "alice", "--dry-run", *words).stdout)
    assert tree(homes) == before
    real = json.loads(mail.adm("-f", "json", "import", "-u", "alice", *words).stdout)
    assert dry == real and int(real[0]["bytes"]) > 0 and real[0]["subscriptions"] == "1"
    again = json.loads(mail.adm("-f", "json", "import", "-u", "alice", *words).stdout)
    assert again[0]["saved"] == again[0]["subscriptions"] == again[0]["created"] == "0"
    mail.adm("mailbox", "delete", "-u", "alice", "-s", "-r", "Old")


# --- what may not be the other end ---------------------------------------------

def test_the_mail_itself_is_no_other_end_however_it_is_written(mail):
    home = mail.home("alice")
    (home / "link").symlink_to("Maildir")
    (home / "up").symlink_to(".")
    for path in (home / "Maildir", f"{home}/Maildir/", f"{home}/./Maildir", f"{home}//Maildir", home / "link",
                 home / "up/up/Maildir", f"{home}/Maildir/../Maildir", home / "Maildir/.Archive",
                 home / "Maildir/.Archive/new/deeper", home / "link/.Archive", home / "Maildir/not-there/yet"):
        for words in (["sync"], ["backup"], ["backup", "-R", "-f"], ["sync", "--dry-run"]):
            done = mail.adm(words[0], "-u", "alice", *words[1:], f"maildir:{path}", check=False)
            assert done.returncode in (68, 78) and done.stdout == "", (words, path, done.stderr)
            assert "the user's mail itself" in done.stderr or "there is no mail in" in done.stderr
    assert len(dump(mail)) >= 24
    # beside it, above it, and with the same beginning
    for name in ("Maildir2", "side/Maildir"):
        run(mail, "backup", "--dry-run", f"maildir:{home}/{name}")


def test_an_inbox_file_of_both_is_the_mail_itself(make_server):
    server = make_server()
    home = server.home("alice")
    here = f"mbox:{home}/mail:INBOX={home}/inbox"
    server.adm("-o", f"mail_location={here}", "save", "-u", "alice", input="Subject: x\n\ny\n")
    os.link(home / "inbox", home / "inbox2")
    done = server.adm("-o", f"mail_location={here}", "backup", "-u", "alice",
                      f"mbox:{home}/other:INBOX={home}/inbox2", check=False)
    assert done.returncode == 78 and "the user's mail itself" in done.stderr


@pytest.mark.parametrize("verb", ["sync", "backup"])
def test_words_behind_the_location_are_refused(mail, verb):
    there = f"maildir:{mail.home('alice')}/never"
    for word, hint in (("more", ""), ("--dry-run", "stand before it"), ("-f", "stand before it")):
        done = mail.adm(verb, "-u", "alice", there, word, check=False)
        assert done.returncode == 64 and f"'{word}'" in done.stderr and hint in done.stderr
    assert not (mail.home("alice") / "never").exists()


def test_a_run_that_fails_at_once_has_no_report(mail):
    for words in (["backup", "-R", "maildir:/nope/x"], ["sync", "maildir:"],
                  ["import", "maildir:/nope/x", "", "ALL"]):
        done = mail.adm(words[0], "-u", "alice", *words[1:], check=False)
        assert done.returncode != 0 and done.stdout == "" and done.stderr
        done = mail.adm("-f", "json", words[0], "-u", "alice", *words[1:], check=False)
        assert json.loads(done.stdout) == []
