"""From Dovecot's dbox to ours and back: nothing that a client can see is lost."""
import re
import shutil
import subprocess

import pytest

import culver
import dovecot
from test_dbox import KINDS, config, doveadm, fill, ok, snapshot, take_over

pytestmark = pytest.mark.skipif(not dovecot.available(),
                                reason="needs root and Debian's Dovecot")


def facts(server):
    """What doveadm knows of each message of the user, beyond IMAP."""
    out = doveadm(server, "-f", "tab", "fetch", "-u", "alice",
                  "mailbox uid guid modseq flags size.virtual", "mailbox", "*", "all")
    return sorted(re.sub(r"\\Recent ?", "", line).replace(" \t", "\t") for line in out.splitlines())


def give_back(ours, kind, place="back"):
    """Dovecot on what Culver has written for it, started."""
    done = ours.adm("backup", "-u", "alice", f"dovecot-{kind}:~/{place}")
    tree = ours.home("alice") / place
    assert tree.is_dir() and not tree.with_name(place + ".unfinished").exists(), done.stdout
    theirs = dovecot.Dovecot(config=config(dovecot.CONFIG, kind))
    shutil.rmtree(theirs.dir / "home", ignore_errors=True)
    subprocess.run(["mkdir", "-p", theirs.home("alice")], check=True)
    subprocess.run(["cp", "-a", tree, theirs.home("alice") / "box"], check=True)
    shutil.copystat(ours.home("alice"), theirs.home("alice"))
    stat = ours.home("alice").stat()
    for path in (theirs.dir / "home", theirs.home("alice")):
        shutil.chown(path, stat.st_uid, stat.st_gid)
    theirs.kind = kind
    return theirs


def complaints(server):
    return [line for line in server.log.splitlines()
            if "(alice)" in line and re.search("error|warning|corrupt|rebuil", line, re.I)]


@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("here", KINDS)
def test_a_tree_comes_back_as_it_was(here, there):
    with dovecot.Dovecot(config=config(dovecot.CONFIG, here)) as theirs:
        theirs.kind = here
        fill(theirs)
        with take_over(theirs) as ours:
            before = snapshot(ours)
            with give_back(ours, there) as again:
                assert snapshot(again) == before
                # Dovecot's own look at all that it has changes nothing
                doveadm(again, "force-resync", "-u", "alice", "*")
                assert snapshot(again) == before
                assert complaints(again) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_culver_did_is_seen_by_dovecot(kind):
    with culver.Server(config=config(culver.CONFIG, kind)) as ours:
        fill(ours)
        client = ours.imap()
        ok(client.append("Archive", "(\\Answered)", None, b"Subject: bare\r\n\r\na\rb\r\nend"))
        ok(client.append("Archive", None, None, b"Subject: empty\r\n\r\n"))
        ok(client.create("INBOX/below"))
        client.logout()
        before = snapshot(ours)
        known = ours.adm("-f", "tab", "fetch", "-u", "alice", "mailbox uid guid modseq",
                         "mailbox", "*", "ALL").stdout.splitlines()
        status = ["-f", "tab", "mailbox", "status", "-u", "alice",
                  "uidvalidity uidnext highestmodseq guid", "*"]
        highest = sorted(ours.adm(*status).stdout.splitlines())
        with give_back(ours, kind) as theirs:
            assert sorted(doveadm(theirs, *status).splitlines()) == highest
            assert snapshot(theirs) == before
            assert complaints(theirs) == []
            out = doveadm(theirs, "-f", "tab", "fetch", "-u", "alice", "mailbox uid guid modseq",
                          "mailbox", "*", "all").splitlines()
            assert sorted(out[1:]) == sorted(known[1:])
            # it is a tree to work with
            client = theirs.imap()
            ok(client.select("INBOX"))
            ok(client.uid("store", "1:3", "+FLAGS", "(\\Deleted later)"))
            ok(client.expunge())
            ok(client.uid("copy", "4", "Archive"))
            ok(client.append("INBOX", None, None, b"Subject: new\r\n\r\nx\r\n"))
            client.logout()
            after = snapshot(theirs)
            assert before["INBOX"]["next"] in after["INBOX"] and 1 not in after["INBOX"]
            doveadm(theirs, "purge", "-u", "alice")
            assert snapshot(theirs) == after
            assert complaints(theirs) == []


def test_a_thousand_mails_make_the_round_trip(tmp_path):
    with dovecot.Dovecot(config=config(dovecot.CONFIG, "mdbox")) as theirs:
        theirs.kind = "mdbox"
        client = theirs.imap()
        for i in range(1000):
            ok(client.append("INBOX", "(\\Seen $Label%d)" % (i % 7) if i % 2 else "(\\Flagged)", None,
                             b"From: <a@example.org>\r\nSubject: %d\r\n\r\n" % i
                             + b"line %d\r\n" % i * (i % 300)))
        ok(client.select("INBOX"))
        ok(client.uid("store", "5:900", "-FLAGS", "($Label3)"))
        ok(client.uid("store", "10:20,777", "+FLAGS", "(\\Deleted)"))
        ok(client.expunge())
        client.logout()
        before, known = snapshot(theirs), facts(theirs)
        assert len(before["INBOX"]) == 988 + 2
        with take_over(theirs) as ours:
            assert snapshot(ours) == before
            # one step into our own format, and from there back
            ours.adm("backup", "-u", "alice", "sdbox:~/own")
            assert not list((ours.home("alice") / "own").rglob("[um].[0-9]*"))
            shutil.rmtree(ours.home("alice") / "box")
            (ours.home("alice") / "own").rename(ours.home("alice") / "box")
            ours.config.write_text(ours.config.read_text().replace("mdbox:~/box", "sdbox:~/box"))
            ours.stop()
            ours.start()
            assert snapshot(ours) == before
            with give_back(ours, "sdbox") as again:
                assert snapshot(again) == before
                assert [line.split("\t")[:3] for line in facts(again)] == \
                    [line.split("\t")[:3] for line in known]
                assert complaints(again) == []


@pytest.fixture
def ours():
    with culver.Server(config=config(culver.CONFIG, "sdbox")) as server:
        fill(server)
        yield server


def test_what_is_there_is_not_touched(ours):
    ours.adm("backup", "-u", "alice", "--dry-run", "dovecot-sdbox:~/back")
    assert not list(ours.home("alice").glob("back*"))
    ours.adm("backup", "-u", "alice", "dovecot-sdbox:~/back")
    again = ours.adm("backup", "-u", "alice", "dovecot-sdbox:~/back", check=False)
    assert again.returncode != 0 and "exists" in again.stderr
    for verb in (["sync"], ["backup", "-R"]):
        refused = ours.adm(*verb, "-u", "alice", "dovecot-sdbox:~/other", check=False)
        assert refused.returncode != 0 and "can only become a copy" in refused.stderr
    (ours.home("alice") / "third.unfinished").mkdir()
    left = ours.adm("backup", "-u", "alice", "dovecot-mdbox:~/third", check=False)
    assert left.returncode != 0 and "remove it" in left.stderr


def test_a_run_that_fails_puts_nothing_in_place(make_server):
    ours = make_server()
    assert ours.deliver(b"Subject: x\r\n\r\nx\r\n") == {}
    client = ours.imap()
    ok(client.create("dbox-Mails"))
    client.logout()
    failed = ours.adm("backup", "-u", "alice", "dovecot-sdbox:~/back", check=False)
    assert failed.returncode != 0 and "was not made" in failed.stderr, failed.stderr
    assert "'dbox-Mails': Dovecot's dbox can have no such name" in failed.stderr
    assert not (ours.home("alice") / "back").exists()
    shutil.rmtree(ours.home("alice") / "back.unfinished")
    ours.adm("backup", "-u", "alice", "-x", "dbox-Mails", "dovecot-sdbox:~/back")
    assert (ours.home("alice") / "back/mailboxes/INBOX/dbox-Mails/u.1").exists()


ATTRIBUTES = """mail_attribute_dict = file:{dir}/home/%n/box/dovecot-attributes
mail_plugins = acl
protocol imap {{
  imap_metadata = yes
}}
plugin {{
  acl = vfile
}}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_annotations_and_rights_go_with_the_mail(kind):
    with culver.Server(config=config(culver.CONFIG, "sdbox")) as ours:
        fill(ours)
        entries = [("Archive", "/private/comment", "two\nlines and a tab\t\x01"),
                   ("Work/Ärger", "/shared/comment", "Über"),
                   ("INBOX", "/private/vendor/example/Key", "value")]
        for box, key, value in entries:
            ours.adm("mailbox", "metadata", "set", "-u", "alice", box, key, value)
        ours.adm("mailbox", "metadata", "set", "-u", "alice", "", "/private/comment", "mine")
        ours.adm("acl", "set", "-u", "alice", "Archive", "user=bob", "lookup", "read", "write-seen")
        ours.adm("acl", "set", "-u", "alice", "Archive", "anyone", "lookup")
        done = ours.adm("backup", "-u", "alice", f"dovecot-{kind}:~/other")
        said = [line for line in done.stderr.splitlines() if "left behind" in line]
        assert len(said) == 1 and "\\Recent" in said[0]
        assert "mail_attribute_dict = file:" in said[0] and "/other/dovecot-attributes" in said[0]
        assert ("dates of saving" in said[0]) == (kind == "sdbox")
        again = give_back(ours, kind)
        again.config.write_text(again.config.read_text() + ATTRIBUTES.format(dir=again.dir))
        with again as theirs:
            for box, key, value in entries:
                assert doveadm(theirs, "mailbox", "metadata", "get", "-u", "alice", box,
                               key) == value + "\n"
            assert doveadm(theirs, "mailbox", "metadata", "get", "-u", "alice", "-s", "",
                           "/private/comment") == "mine\n"
            rights = doveadm(theirs, "-f", "tab", "acl", "get", "-u", "alice", "Archive")
            assert {tuple(line.split("\t")[:1]) + tuple(sorted(line.split("\t")[2].split()))
                    for line in rights.splitlines()[1:] if "bob" in line or "anyone" in line} == {
                ("user=bob", "lookup", "read", "write-seen"), ("anyone", "lookup")}
            assert complaints(theirs) == []


def test_what_has_no_annotations_says_so(ours):
    done = ours.adm("backup", "-u", "alice", "dovecot-mdbox:~/back")
    assert "left behind: \\Recent" in done.stderr and "annotations" not in done.stderr
    assert not (ours.home("alice") / "back/dovecot-attributes").exists()
    assert not list((ours.home("alice") / "back").rglob("dovecot-acl"))
