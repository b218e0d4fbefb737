"""What a tree of Debian's Dovecot holds beside messages, UIDs and flags: annotations,
dates of saving, \\Recent, GUIDs of folders, the list of names."""
import imaplib
import os
import re
import shutil
import subprocess

import pytest

import culver
import dovecot

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")
imaplib.Commands.setdefault("SETMETADATA", ("AUTH", "SELECTED"))
imaplib.Commands.setdefault("GETMETADATA", ("AUTH", "SELECTED"))

LOCATIONS = {
    "maildir": "maildir:~/box",
    "maildir-fs": "maildir:~/box:LAYOUT=fs:INDEX=~/index:CONTROL=~/control",
    "maildir-dirname": "maildir:~/box:LAYOUT=fs:DIRNAME=mail",
    "maildir-inbox": "maildir:~/box:INBOX=~/inbox:CONTROL=~/control:INDEX=~/index",
    "maildir-index": "maildir:~/box:INDEX=~/index:CONTROL=~/control",
    "sdbox": "sdbox:~/box",
    "sdbox-index": "sdbox:~/box:INDEX=~/index",
    "mdbox": "mdbox:~/box",
    "mbox": "mbox:~/box:INBOX=~/inbox",
    "mbox-index": "mbox:~/box:INDEX=~/index",
}
KINDS = ["maildir", "sdbox", "mdbox", "mbox"]
MORE = """\
protocol imap {
  imap_metadata = yes
}
mail_attribute_dict = file:%h/dovecot-attributes
"""
MAIL = b"Subject: %d\r\n\r\nbody\r\n"


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def start_theirs(kind, more=MORE):
    theirs = dovecot.Dovecot(config=dovecot.CONFIG.replace("maildir:~/Maildir", LOCATIONS[kind]), extra=more)
    (theirs.home("alice") / "box").mkdir(parents=True)
    shutil.chown(theirs.home("alice"), theirs.values["mail_user"])
    shutil.chown(theirs.home("alice") / "box", theirs.values["mail_user"])
    return theirs


def doveadm(theirs, *args):
    return subprocess.run(["doveadm", "-c", theirs.config, *args], check=True, text=True,
                          capture_output=True).stdout


def take_over(theirs, kind, more="mail_attribute_dict = file:%h/dovecot-attributes\n"):
    """Culver on a copy of the homes, not started."""
    theirs.stop()
    ours = culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", LOCATIONS[kind]), extra=more)
    shutil.rmtree(ours.dir / "home", ignore_errors=True)
    subprocess.run(["cp", "-a", theirs.dir / "home", ours.dir / "home"], check=True)
    return ours


def fill(theirs):
    """Three folders; INBOX has four messages that a session has seen, two that none has."""
    client = theirs.imap()
    ok(client.create("Empty"))
    ok(client.create("Work/Deep"))
    for i in range(4):
        ok(client.append("INBOX", None, None, MAIL % i))
    ok(client.select("INBOX"))
    client.logout()
    client = theirs.imap()
    for i in range(4, 6):
        ok(client.append("INBOX", None, None, MAIL % i))
    ok(client.append("Work/Deep", None, None, MAIL % 7))
    client.logout()


def hold_one_mail_each(server, names):
    """Dovecot's mailboxes of these names, each with a mail that names it."""
    for name in names:
        doveadm(server, "mailbox", "create", "-u", "alice", name)
        subprocess.run(["doveadm", "-c", server.config, "save", "-u", "alice", "-m", name], check=True,
                       input=b"Subject: %s\n\nbody\n" % name.encode(), capture_output=True)


@pytest.mark.parametrize("kind", ["maildir-fs", "sdbox", "mdbox", "mbox"])
def test_mailboxes_have_the_names_that_dovecot_lets_them_have(kind):
    names = [".hid", "a/.hid", "a/New", "...", "..x", "CUR", "New", "Tmp", "a.b", "dovecot", "maildirfolder"]
    with start_theirs(kind) as theirs:
        hold_one_mail_each(theirs, names)
        fetch = ["-f", "tab", "fetch", "-u", "alice", "mailbox uid hdr.subject", "all"]
        listed = set(doveadm(theirs, "mailbox", "list", "-u", "alice").splitlines())    # and a, which has no mail
        assert listed >= set(names)
        mails = sorted(doveadm(theirs, *fetch).splitlines())
        assert len(mails) == len(names) + 1     # a title
        ours = take_over(theirs, kind)
        try:
            assert set(ours.adm("mailbox", "list", "-u", "alice").stdout.splitlines()) == listed
            assert sorted(ours.adm(*fetch).stdout.splitlines()) == mails
            # what Culver has made there is no mailbox
            assert set(ours.adm("mailbox", "list", "-u", "alice").stdout.splitlines()) == listed
        finally:
            ours.remove()


def status(text):
    """{mailbox: {item: value}} of doveadm's or culveradm's lines."""
    return {line.split()[0]: dict(word.split("=") for word in line.split()[1:])
            for line in text.splitlines() if line}


@pytest.mark.parametrize("kind", LOCATIONS)
def test_guids_numbers_recent_and_dates_of_saving_stay(kind):
    with start_theirs(kind) as theirs:
        fill(theirs)
        items = "uidvalidity uidnext recent guid"
        before = status(doveadm(theirs, "mailbox", "status", "-u", "alice", items, "*"))
        assert before["INBOX"]["recent"] == "2"
        # the list of names holds nothing that is not elsewhere
        theirs.stop()
        lists = list(theirs.home("alice").rglob("dovecot.list.index*"))
        assert lists
        for path in lists:
            path.unlink()
        theirs.start()
        assert status(doveadm(theirs, "mailbox", "status", "-u", "alice", items, "*")) == before
        # asked for once they are cached: a day that is long ago shows who was asked
        fetch = ["-f", "tab", "fetch", "-u", "alice", "mailbox uid date.saved.unixtime", "all"]
        doveadm(theirs, *fetch)
        saved = doveadm(theirs, *fetch)
        # copying the tree gives the files another change time
        with take_over(theirs, kind) as ours:
            after = status(ours.adm("mailbox", "status", "-u", "alice", items, "*").stdout)
            assert {name: after[name] for name in before} == before
            assert sorted(ours.adm(*fetch).stdout.splitlines()) == sorted(saved.splitlines())
            client = ours.imap()
            ok(client.select("INBOX"))
            recent = [re.search(rb"UID (\d+)", line)[1] for line in ok(client.fetch("1:*", "(UID FLAGS)"))
                      if b"\\Recent" in line]
            assert recent == [b"5", b"6"]
            client.logout()


@pytest.mark.parametrize("kind", ["maildir", "sdbox"])
def test_without_a_cache_a_message_was_saved_when_its_file_was_changed(kind):
    with start_theirs(kind) as theirs:
        fill(theirs)
        with take_over(theirs, kind) as ours:
            box = ours.home("alice") / "box"
            times = sorted(str(int(os.stat(path).st_ctime)) for path in box.rglob("*")
                           if re.match(r"u\.\d|\d+\.M", path.name))
            lines = ours.adm("-f", "tab", "fetch", "-u", "alice", "date.saved.unixtime", "all").stdout
            assert sorted(lines.splitlines()[1:]) == times


def test_mail_of_other_programs_in_an_mbox_is_recent_as_dovecot_has_it():
    def mail(number, status_line):
        return f"From a@b  Sun Nov 22 20:55:49 2020\nSubject: {number}\n{status_line}\nbody\n\n"
    text = mail(1, "Status: O\n") + mail(2, "") + mail(3, "Status: RO\n") + mail(4, "") + mail(5, "Status: R\n")
    with start_theirs("mbox") as theirs:
        path = theirs.home("alice") / "inbox"
        path.write_text(text)
        shutil.chown(path, theirs.values["mail_user"])
        with take_over(theirs, "mbox") as ours:
            theirs.start()
            answers = []
            for server in (theirs, ours):
                client = server.imap()
                ok(client.select("INBOX"))
                answers.append(ok(client.fetch("1:*", "(UID FLAGS)")))
                client.logout()
            assert answers[0] == answers[1]
            assert sum(b"\\Recent" in line for line in answers[1]) == 2


# --- annotations -----------------------------------------------------------------------

def set_entries(client, name, entries):
    for entry, value in entries.items():
        client.send(b"x SETMETADATA %s (%s {%d}\r\n" % (name, entry, len(value)))
        assert client.line().startswith(b"+")
        client.send(value + b")\r\n")
        assert b"x OK" in client.until(b"x")[-1]


def get_entries(client, name, entries):
    """{entry: value}; "/private" stands for all that is below it."""
    result = {}
    for entry in entries:
        client.send(b"x GETMETADATA %s %s\r\n" % (name, entry))
        line = client.line()
        if line.startswith(b"* METADATA"):
            size = re.search(rb"\{(\d+)\}\r?\n?$", line)
            if size:
                result[entry] = client.exact(int(size[1]))
                client.line()
            else:
                value = re.search(rb'%s ("(.*)"|NIL)\)' % re.escape(entry), line)
                if value[1] != b"NIL":
                    result[entry] = value[2].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
            line = client.line()
        assert line.startswith(b"x OK"), line
    return result


ENTRIES = {
    b"/private/comment": b'My "own" \\ words',
    b"/shared/comment": b"two\r\nlines\tand \x01 a tab",
    b"/private/vendor/vendor.example/x": b"",
    b"/shared/vendor/vendor.example/long": b"0123456789abcdef" * 2000,
}


def raw_login(server):
    client = server.raw()
    client.line()
    client.send(b"a LOGIN alice secret\r\n")
    assert b"a OK" in client.until(b"a")[-1]
    return client


@pytest.mark.parametrize("kind", ["maildir", "mdbox", "mbox"])
def test_annotations_are_taken_over(kind):
    boxes = [b"INBOX", b"Empty", b"Work/Deep"]
    with start_theirs(kind) as theirs:
        fill(theirs)
        with raw_login(theirs) as client:
            for name in boxes:
                set_entries(client, name, ENTRIES | {b"/private/vendor/vendor.example/name": name})
            set_entries(client, b'""', {b"/private/comment": b"mine", b"/private/vendor/vendor.example/y": b"1"})
        assert (theirs.home("alice") / "dovecot-attributes").exists()
        with take_over(theirs, kind) as ours:
            file = ours.home("alice") / "dovecot-attributes"
            # what no client may see; and damage
            guid = re.search(r"priv/([0-9a-f]{32})/", file.read_text(errors="replace"))[1]
            with file.open("ab") as out:
                out.write(f"shared/{guid}/vendor/vendor.dovecot/pvt/imap-urlauth\nsecret\n"
                          f"priv/{guid}/a*b\nno name\nnonsense\nvalue\npriv/{guid}/cut".encode())
            with raw_login(ours) as client:
                for name in boxes:
                    entries = ENTRIES | {b"/private/vendor/vendor.example/name": name}
                    assert get_entries(client, name, entries) == entries
                wanted = {b"/private/comment": b"mine", b"/private/vendor/vendor.example/y": b"1"}
                assert get_entries(client, b'""', wanted) == wanted
            for name in boxes:
                said = ours.adm("mailbox", "metadata", "list", "-u", "alice", name.decode()).stdout
                assert "/private/vendor/vendor.example/name" in said
                assert "urlauth" not in said and "a*b" not in said
                said = ours.adm("mailbox", "metadata", "get", "-u", "alice", name.decode(), "/private/comment").stdout
                assert 'My "own" \\ words' in said
            # once: what is changed here is not brought back
            with raw_login(ours) as client:
                set_entries(client, b"Empty", {b"/private/comment": b"new"})
            ours.stop()
            ours.start()
            with raw_login(ours) as client:
                assert get_entries(client, b"Empty", [b"/private/comment"]) == {b"/private/comment": b"new"}
            assert "1 annotations of" in ours.log


def test_a_file_of_annotations_that_cannot_be_read_is_not_passed_over():
    with start_theirs("sdbox") as theirs:
        fill(theirs)
        with take_over(theirs, "sdbox") as ours:
            file = ours.home("alice") / "dovecot-attributes"
            if file.exists():
                file.unlink()
            file.mkdir()
            done = ours.adm("mailbox", "list", "-u", "alice", check=False)
            assert done.returncode != 0 and "mail_attribute_dict" in done.stderr
            file.rmdir()
            assert "Empty" in ours.adm("mailbox", "list", "-u", "alice").stdout


@pytest.mark.parametrize("value", ["redis:host=127.0.0.1", "proxy::attributes", "attributes"])
def test_another_driver_is_refused_by_name(value):
    with pytest.raises(Exception, match="mail_attribute_dict: '" + re.escape(value)):
        culver.Server(extra=f"mail_attribute_dict = {value}\n").__enter__()


# --- the list of names ----------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_in_the_list_index_alone_are_refused(kind):
    with culver.Server() as server:
        done = server.adm("-o", f"mail_location={kind}:~/box:LAYOUT=index", "mailbox", "list", "-u", "alice",
                          check=False)
        assert done.returncode == 78
        assert "'doveadm backup -u USER" in done.stderr
        assert not (server.home("alice") / "box").exists()
