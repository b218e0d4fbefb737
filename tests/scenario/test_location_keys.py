"""The keys and forms of mail_location that Dovecot has, in every backend."""
import os
import pathlib
import shutil
import subprocess

import pytest

import culver

CONFIG = culver.CONFIG.replace("    auto = subscribe\n", "")
MAIL = b"From: <a@example.org>\r\nSubject: one\r\n\r\nbody\r\n"
# each: where subscriptions are without the key, below the home
DRIVERS = {
    "maildir:~/mail": "mail/subscriptions",
    "maildir:~/mail:LAYOUT=fs": "mail/subscriptions",
    "sdbox:~/mail": "mail/subscriptions",
    "mdbox:~/mail": "mail/subscriptions",
    "mbox:~/mail:INBOX=~/inbox": "mail/.subscriptions",
}


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def subscribed(client):
    return sorted(line.split()[-1].decode() for line in ok(client.lsub()) if line)


@pytest.mark.parametrize("location", DRIVERS)
def test_subscriptions_are_in_the_file_that_is_named(location):
    with culver.Server(config=CONFIG, extra=f"mail_location = {location}:SUBSCRIPTIONS=wanted\n") as server:
        home = server.home("alice")
        client = server.imap()
        ok(client.create("News"))
        ok(client.subscribe("News"))
        assert subscribed(client) == ["News"]
        client.logout()
        named = home / "mail" / "wanted"
        assert named.read_text() == "V\t2\n\nNews\n"
        assert not (home / DRIVERS[location]).exists()
        # what another program writes there counts, and so it does next time
        named.write_text("V\t2\n\nNews\nOther\n")
        client = server.imap()
        assert subscribed(client) == ["News", "Other"]
        # the file is no mailbox, and none takes its place
        names = [line.split()[-1] for line in ok(client.list())]
        assert sorted(names) == [b"INBOX", b"News"]
        if "dbox" not in location and location != "maildir:~/mail":
            assert client.create("wanted")[0] == "NO"
        else:
            ok(client.create("wanted"))
        client.logout()
        assert named.read_text() == "V\t2\n\nNews\nOther\n"
        assert "has no effect" not in server.log


def test_the_file_that_is_named_is_in_the_control_directory():
    location = "maildir:~/mail:CONTROL=~/control:SUBSCRIPTIONS=wanted"
    with culver.Server(config=CONFIG, extra=f"mail_location = {location}\n") as server:
        client = server.imap()
        ok(client.create("News"))
        ok(client.subscribe("News"))
        client.logout()
        assert (server.home("alice") / "control" / "wanted").read_text() == "V\t2\n\nNews\n"


@pytest.mark.parametrize("name", ["MAILDIR", "Maildir", "maildir"])
def test_drivers_have_no_case_and_paths_may_be_relative_to_the_home(name):
    with culver.Server(config=CONFIG, extra=f"mail_location = {name}:relative/Mail:INDEX=state\n") as server:
        assert server.deliver(MAIL) == {}
        client = server.imap()
        assert ok(client.select("INBOX")) == [b"1"]
        ok(client.create("News"))
        client.logout()
        home = server.home("alice")
        assert (home / "relative" / "Mail" / ".News" / "cur").is_dir()
        assert (home / "state" / "culver").is_dir()


@pytest.mark.parametrize("size, files", [("0", 3), ("1k", 3), ("64k", 1)])
def test_files_of_mdbox_may_be_small(size, files):
    with culver.Server(config=CONFIG, extra=f"mail_location = mdbox:~/mail\nmdbox_rotate_size = {size}\n"
                       "mail_journal_body_max = 0\n") as server:
        mail = MAIL + b"x" * 1500 + b"\r\n"
        for _ in range(3):
            assert server.deliver(mail) == {}
        found = list((server.home("alice") / "mail" / "storage").iterdir())
        # one of them has a second name
        assert len({path.stat().st_ino for path in found if path.stat().st_size > 1500}) == files
        client = server.imap()
        assert ok(client.select("INBOX")) == [b"3"]
        client.logout()


@pytest.mark.skipif(not culver.IS_ROOT, reason="makes a folder of another user")
def test_a_folder_that_may_not_be_entered_is_told_of_once():
    with culver.Server(config=CONFIG) as server:
        client = server.imap()
        ok(client.create("Mine"))
        client.logout()
        base = pathlib.Path(server.home("alice")) / "Maildir"
        for name in (".Locked", ".Shut"):
            (base / name / "cur").mkdir(parents=True)
            os.chmod(base / name, 0o700)
        client = server.imap()
        for number in range(3):
            names = [line.split()[-1] for line in ok(client.list())]
            assert sorted(names) == sorted([b"INBOX", b"Mine"] + [b"M%d" % n for n in range(number)])
            ok(client.create(f"M{number}"))
        client.logout()
        told = [line for line in server.log.splitlines() if "may not be entered" in line]
        assert len(told) == 1, told
        assert f"'{base}/." in told[0] and "uid 0" in told[0] and "chown" in told[0]
        assert "1 more" in told[0]


@pytest.mark.skipif(not culver.IS_ROOT, reason="needs a tree that mail users cannot write")
@pytest.mark.parametrize("layout", ["", ":LAYOUT=fs"])
def test_a_tree_that_cannot_be_written_is_read_with_its_index_in_memory(tmp_path, layout):
    base = tmp_path / "archive"
    news = base / ("News" if layout else ".News")
    for sub in ("cur", "new", "tmp"):
        (base / ("INBOX" if layout else ".") / sub).mkdir(parents=True)
        (news / sub).mkdir(parents=True)
    (news / "cur" / "1.a.host:2,S").write_bytes(MAIL.replace(b"\r", b""))
    (news / "cur" / "2.b.host:2,F").write_bytes(MAIL.replace(b"\r", b"").replace(b"one", b"two"))
    culver.open_to_all(tmp_path)
    before = sorted(path for path in base.rglob("*"))
    extra = ("namespace archive {\n  type = public\n  separator = /\n  prefix = Archive/\n"
             f"  location = maildir:{base}{layout}:INDEX=MEMORY\n  subscriptions = no\n}}\n")
    with culver.Server(config=CONFIG, extra=extra) as server:
        for _ in range(2):
            client = server.imap()
            assert b"Archive/News" in b" ".join(ok(client.list()))
            with pytest.raises(client.readonly):
                client.select("Archive/News")
            assert ok(client.select("Archive/News", True)) == [b"2"]
            assert ok(client.fetch("1", "BODY.PEEK[]"))[0][1] == MAIL
            assert b"\\Flagged" in ok(client.fetch("2", "FLAGS"))[0]
            assert client.append("Archive/News", None, None, MAIL)[0] == "NO"
            assert client.create("Archive/Other")[0] == "NO"
            client.logout()
        server.adm("import", "-u", "alice", f"maildir:{base}{layout}:INDEX=MEMORY", "Old", "ALL")
        client = server.imap()
        assert ok(client.select("Old/News")) == [b"2"]
        client.logout()
        assert "kept in memory" in server.log
        # what would be written there is refused, not lost
        done = server.adm("save", "-u", "alice", "-m", "Archive/News", input="Subject: x\n\nx\n", check=False)
        assert done.returncode != 0
    assert sorted(path for path in base.rglob("*")) == before


@pytest.mark.parametrize("kind,layout", [("maildir", ""), ("maildir", ":LAYOUT=fs"), ("mbox", "")])
def test_folders_with_names_in_utf8_are_told_of_or_listed(kind, layout):
    """Courier 5 names its folders in UTF-8, which the setting has to say."""
    location = f"mail_location = {kind}:~/tree{layout}"
    text = culver.CONFIG.replace("mail_location = maildir:~/Maildir", location)
    with culver.Server(config=text) as server:
        client = server.imap()
        ok(client.create("Plain"))
        ok(client.create("&AMQ-rger"))
        client.logout()
        tree = pathlib.Path(server.home("alice")) / "tree"
        dot = "." if (kind, layout) == ("maildir", "") else ""
        for name in ("Äpfel", "日本語"):
            shutil.copytree(tree / f"{dot}Plain", tree / f"{dot}{name}") if kind == "maildir" else \
                shutil.copy(tree / "Plain", tree / name)
        subprocess.run(["chown", "-R", f"--reference={tree}", tree], check=True)
        client = server.imap()
        for _ in range(2):
            names = {line.split()[-1] for line in ok(client.list())} - {b"Trash", b"INBOX"}
            assert names == {b"Plain", b"&AMQ-rger"}
            ok(client.create("New"))
            ok(client.delete("New"))
        client.logout()
        told = [line for line in server.log.splitlines() if "modified UTF-7" in line]
        assert len(told) == 1, server.log
        assert f"'{tree}/{dot}" in told[0] and "1 more" in told[0] and ":UTF-8" in told[0]
        server.stop()
        server.write_config(config=text.replace(location, location + ":UTF-8"))
        server.start()
        client = server.imap()
        names = {line.split()[-1] for line in ok(client.list())} - {b"Trash", b"INBOX"}
        assert names >= {b"Plain", b"&AMQ-pfel", b"&ZeVnLIqe-"}
        assert ok(client.select("&AMQ-pfel")) == [b"0"]
        client.logout()
        assert server.log.count("modified UTF-7") == 1


@pytest.mark.parametrize("location, taken, free", [
    ("maildir:~/mail:LAYOUT=fs:INDEX=~/mail/deep/idx", ["deep", "deep/idx", "deep/idx/culver/x"],
     ["deep2", "idx", "culver"]),
    ("maildir:~/mail:LAYOUT=fs:CONTROL=~/mail/ctl", ["ctl", "ctl/x"], ["ctlx", "culver"]),
    ("maildir:~/mail:LAYOUT=fs:INDEX=~/mail", ["culver", "culver/x"], ["cul", "x/culver"]),
    ("mbox:~/mail:INBOX=~/inbox:INDEX=~/mail/idx", ["idx", "idx/culver"], ["idx2", "culver"]),
])
def test_no_mailbox_takes_the_place_of_what_is_known_of_them(location, taken, free):
    """RENAME and DELETE would take the journal along."""
    with culver.Server(config=CONFIG, extra=f"mail_location = {location}\n") as server:
        client = server.imap()
        ok(client.append("INBOX", r"(\Flagged)", None, MAIL))
        for name in taken:
            for answer in (client.create(name), client.append(name, None, None, MAIL),
                           client.delete(name), client.rename(name, "moved"),
                           client.rename("INBOX", name)):
                assert answer[0] == "NO", (name, answer)
        for name in free:
            ok(client.create(name))
            ok(client.append(name, None, None, MAIL))
        client.logout()
        client = server.imap()
        names = {line.split()[-1].decode() for line in ok(client.list()) if b"Noselect" not in line}
        assert names == {"INBOX", *free}
        ok(client.select("INBOX"))
        assert b"Flagged" in ok(client.fetch("1", "FLAGS"))[0]
        for name in free:
            ok(client.delete(name))
        client.logout()


@pytest.mark.parametrize("key,why", [
    ("INDEXCACHE=~/cache", "headers and structures lies with the index (INDEX=)"),
    ("VOLATILEDIR=/tmp/x", "the account's lock lies with the index (INDEX=)"), ("LISTINDEX=x", "in the account's journal"),
    ("NO-NOSELECT", "only Dovecot needs it")])
def test_a_key_that_only_dovecot_needs_is_told_with_what_does_its_job(tmp_path, key, why):
    path = tmp_path / "culver.conf"
    path.write_text(f"mail_location = maildir:~/Maildir:{key}\n")
    told = subprocess.run([culver.PREFIX / "bin/culverconf", "-c", path], capture_output=True, text=True)
    assert told.returncode == 0
    assert f"key '{key.partition('=')[0]}' has no effect: " in told.stderr and why in told.stderr
