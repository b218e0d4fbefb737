"""Verbs of culveradm that have no feature's file: each called as its manual
page says."""
import json
import os
import re
import shutil
import subprocess

import pytest

import culver


@pytest.fixture(scope="module")
def mail():
    with culver.Server() as server:
        server.deliver(b"Subject: x\r\n\r\nx\r\n")
        yield server


def verbs(mail):
    return re.findall(r"^  ([a-z-]+)", mail.adm("--help").stdout, re.M)


def test_every_verb_says_how_it_is_called(mail):
    names = verbs(mail)
    assert len(names) > 25 and names == sorted(names)
    for name in names:
        done = mail.adm(name, "--help")
        usage, about = done.stdout.splitlines()[:2]
        assert usage.startswith(f"usage: culveradm {name}") and about.strip() and not done.stderr


def test_pw_makes_what_it_can_check(mail):
    stored = mail.adm("pw", "-s", "SHA512-CRYPT", "-p", "secret").stdout.strip()
    assert stored.startswith("{SHA512-CRYPT}$6$")
    assert mail.adm("pw", "-t", stored, "-p", "secret", check=False).returncode == 0
    assert mail.adm("pw", "-t", stored, "-p", "other", check=False).returncode != 0
    assert "SHA512-CRYPT" in mail.adm("pw", "-l").stdout


def test_auth_lookup_tells_what_the_passdb_says(mail):
    done = mail.adm("auth", "lookup", "alice")
    assert "alice" in done.stdout
    assert mail.adm("auth", "lookup", "nobody-of-that-name", check=False).returncode != 0


def test_auth_cache_flush_reaches_the_server(mail):
    mail.imap().logout()
    assert mail.adm("auth", "cache", "flush", "alice").returncode == 0
    assert mail.adm("auth", "cache", "flush").returncode == 0
    mail.imap().logout()


def test_mailbox_subscribe_and_unsubscribe(mail):
    subscribed = lambda: mail.adm("mailbox", "list", "-s", "-u", "alice").stdout.split()
    mail.adm("mailbox", "create", "-u", "alice", "Work")
    assert "Work" not in subscribed()
    mail.adm("mailbox", "subscribe", "-u", "alice", "Work")
    assert "Work" in subscribed()
    mail.adm("mailbox", "unsubscribe", "-u", "alice", "Work")
    assert "Work" not in subscribed()


def test_mailbox_update_takes_the_long_names_of_doveadm(mail):
    mail.adm("mailbox", "update", "-u", "alice", "--uid-validity", "4711",
             "--min-next-uid=100", "INBOX")
    row = json.loads(mail.adm("-f", "json", "mailbox", "status", "-u", "alice",
                              "uidvalidity uidnext", "INBOX").stdout)[0]
    assert row["uidvalidity"] == "4711" and row["uidnext"] == "100"
    for words in (["--uid-validity", "x"], ["--min-next-uid=0"], ["--min-next-uid"],
                  ["--nonsense", "1"]):
        done = mail.adm("mailbox", "update", "-u", "alice", *words, "INBOX", check=False)
        assert done.returncode == 64, done.stderr


def test_acl_gives_changes_and_takes_rights(mail):
    def acl(*words, **kw):
        return mail.adm("acl", words[0], "-u", "alice", "INBOX", *words[1:], **kw).stdout.split()

    # calls: "acl get", "acl rights", "acl debug", "acl set", "acl add", "acl remove", "acl delete"
    acl("set", "user=bob", "lookup", "read")
    acl("add", "user=bob", "insert")
    acl("remove", "user=bob", "read")
    rows = json.loads(mail.adm("-f", "json", "acl", "get", "-u", "alice", "INBOX").stdout)
    assert {r["ID"]: set(r["Rights"].split()) for r in rows}["user=bob"] == {"lookup", "insert"}
    assert {"lookup", "read", "admin"} <= set(acl("rights"))
    rows = json.loads(mail.adm("-f", "json", "acl", "debug", "-u", "alice", "INBOX", "bob").stdout)
    assert rows[-1] == {"ID": "together", "Rights": rows[-1]["Rights"]}
    assert set(rows[-1]["Rights"].split()) == {"lookup", "insert"}
    acl("delete", "user=bob")
    assert "user=bob" not in acl("get")
    assert mail.adm("acl", "delete", "-u", "alice", "INBOX", "user=bob",
                    check=False).returncode == 68


def test_expunge_wants_mailboxes_named_and_a_star_names_them_all(mail):
    mail.deliver(b"Subject: y\r\n\r\ny\r\n", user="bob")
    for query in (["ALL"], ["mailbox", "*", "OR", "SEEN"], ["NOT", "mailbox", "x"]):
        done = mail.adm("expunge", "-u", "bob", *query, check=False)
        assert done.returncode == 64 and "has to name a mailbox" in done.stderr
    mail.adm("expunge", "-u", "bob", "mailbox", "*", "ALL")
    assert mail.adm("search", "-u", "bob", "ALL").stdout == ""


def test_help_is_a_verb_too(mail):
    assert mail.adm("help").stdout == mail.adm("--help").stdout
    assert mail.adm("help", "fetch").stdout == mail.adm("fetch", "--help").stdout
    assert mail.adm("help", "fly", check=False).returncode == 64


def test_a_message_is_saved_from_a_file_that_cannot_be_read_twice(mail):
    for name, words in (("named", ["/dev/stdin"]), ("unnamed", [])):
        mail.adm("save", "-u", "bob", *words, input=f"Subject: {name}\n\nx\n")
    read, write = os.pipe()
    os.write(write, b"Subject: handed over\n\nx\n")
    os.close(write)
    mail.adm("save", "-u", "bob", f"/dev/fd/{read}", pass_fds=[read], stdin=subprocess.DEVNULL)
    os.close(read)
    assert mail.adm("-f", "tab", "fetch", "-u", "bob", "hdr.subject", "ALL").stdout.split("\n") == [
        "hdr.subject", "named", "unnamed", "handed over", ""]


def test_options_may_stand_behind_the_first_word(mail):
    mail.adm("flags", "add", "-u", "alice", r"\Flagged", "ALL")
    assert "Flagged" in mail.adm("fetch", "-u", "alice", "flags", "ALL").stdout
    mail.adm("mailbox", "metadata", "set", "-u", "alice", "INBOX", "/private/comment", "-hm")
    got = mail.adm("mailbox", "metadata", "get", "-u", "alice", "INBOX", "/private/comment")
    assert "-hm" in got.stdout


def test_names_are_listed_as_clients_write_them(mail):
    mail.adm("mailbox", "create", "-u", "alice", "Entw\u00fcrfe")
    assert "Entw&APw-rfe" in mail.adm("mailbox", "list", "-7", "-u", "alice").stdout.split()
    assert "Entw\u00fcrfe" in mail.adm("mailbox", "list", "-u", "alice").stdout.split()


def test_what_exists_already_has_an_exit_status_of_its_own(mail):
    mail.adm("mailbox", "create", "-u", "alice", "There", "Here")
    assert mail.adm("mailbox", "create", "-u", "alice", "There", check=False).returncode == 65
    assert mail.adm("mailbox", "rename", "-u", "alice", "Here", "There", check=False).returncode == 65
    # what was not done is not announced any more
    account = mail.home("alice") / "Maildir" / "culver"
    assert "rename" not in mail.adm("dump", account).stdout


def test_delete_r_takes_what_is_below_it_and_nothing_else(make_server):
    server = make_server(extra="""
namespace archive {
  prefix = Archive.
  separator = .
  location = sdbox:~/archive
}
""")
    server.adm("mailbox", "create", "-u", "alice", "Archive.old", "Archive.old.a", "Archive.old.a.b",
               "Archive.older.a", "a*", "a*/below", "abc", "abc/below")
    server.adm("mailbox", "delete", "-r", "-u", "alice", "Archive.old", "a*")
    assert sorted(server.adm("mailbox", "list", "-u", "alice").stdout.split()) == [
        "Archive", "Archive.older", "Archive.older.a", "INBOX", "Trash", "abc", "abc/below"]


@pytest.mark.parametrize("location", ["maildir:~/link/mail", "maildir:~/link/mail:LAYOUT=fs", "sdbox:~/link/mail",
                                      "mdbox:~/link/mail", "mbox:~/link/mail"])
@pytest.mark.parametrize("made", ["parent", "root"])
def test_a_symbolic_link_may_be_on_the_way(mail, location, made):
    """Of the admin's: /var/spool/mail is one on many hosts."""
    home = mail.home("alice")
    shutil.rmtree(home, ignore_errors=True)
    (home / "real" / "mail").mkdir(parents=True)
    link = home / "link" if made == "parent" else home / "link" / "mail"
    if made == "root":
        (home / "link").mkdir()
    else:
        (home / "real" / "mail").rmdir()
    link.symlink_to(home / "real" if made == "parent" else home / "real" / "mail")
    subprocess.run(["chown", "-Rh", culver.MAIL_USER, home], check=True)
    words = ["-o", f"mail_location={location}"]
    mail.adm(*words, "save", "-u", "alice", input="Subject: x\n\nx\n")
    mail.adm(*words, "mailbox", "create", "-u", "alice", "Sub")
    listed = mail.adm(*words, "mailbox", "list", "-u", "alice").stdout.split()
    assert listed == ["INBOX", "Sub", "Trash"]


@pytest.mark.parametrize("location", ["maildir:~/m:INDEX=~/new/index/%u", "maildir:~/m:LAYOUT=fs:CONTROL=~/new/control/%u",
                                      "maildir:~/m:INBOX=~/new/inbox/%u", "sdbox:~/m:INDEX=~/new/i:CONTROL=~/new/c",
                                      "mdbox:~/m:INDEX=~/new/i:ALT=~/new/alt", "mbox:~/m:INDEX=~/new/i",
                                      "mbox:~/m:INBOX=~/new/mbox"])
def test_directories_of_a_location_are_made_with_their_parents(mail, location):
    shutil.rmtree(mail.home("alice"), ignore_errors=True)
    words = ["-o", f"mail_location={location}"]
    mail.adm(*words, "save", "-u", "alice", input="Subject: x\n\nx\n")
    mail.adm(*words, "mailbox", "create", "-u", "alice", "Sub")
    mail.adm(*words, "mailbox", "subscribe", "-u", "alice", "Sub")
    mail.adm(*words, "copy", "-u", "alice", "Sub", "MAILBOX", "INBOX")
    listed = mail.adm(*words, "-f", "tab", "fetch", "-u", "alice", "mailbox hdr.subject", "ALL")
    assert listed.stdout.splitlines()[1:] == ["INBOX\tx", "Sub\tx"]


@pytest.mark.parametrize("location", ["mdbox:~/w:ALTNOCHECK:ALT=~/alt", "maildir:~/w:NO-NOSELECT", "sdbox:~/w:ITERINDEX",
                                      "sdbox:~/w:MAILBOXDIR=mailboxes", "maildir:~/w:LAYOUT=fs:FULLDIRNAME=..mail"])
def test_keys_of_a_location_that_dovecot_knows(mail, location):
    shutil.rmtree(mail.home("alice"), ignore_errors=True)
    words = ["-o", f"mail_location={location}"]
    mail.adm(*words, "mailbox", "create", "-u", "alice", "Sub")
    mail.adm(*words, "save", "-u", "alice", "-m", "Sub", input="Subject: x\n\nx\n")
    path = mail.adm(*words, "mailbox", "path", "-u", "alice", "Sub").stdout.strip()
    assert ("..mail" in path) == ("FULLDIRNAME" in location)
    assert mail.adm(*words, "search", "-u", "alice", "ALL").stdout.count("\n") == 1


def test_fields_that_doveadm_has_and_fields_that_nobody_has(mail):
    mail.adm("save", "-u", "bob", "-m", "INBOX", input="Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an\n =?utf-8?b?w6Q=?=\n\nx\n")
    done = mail.adm("-f", "json", "fetch", "-u", "bob", "hdr.subject.utf8", "uid", "*")
    assert json.loads(done.stdout) == [{"hdr.subject.utf8": "Gr\u00fc\u00dfe an \u00e4"}]
    for field in ("date.received.unixtme", "hdr.", "uid.x"):
        assert mail.adm("fetch", "-u", "bob", field, "ALL", check=False).returncode == 75
    everything = mail.adm("search", "-u", "bob", "UID", "1:4294967295").stdout
    assert everything and everything == mail.adm("search", "-u", "bob", "ALL").stdout
    assert mail.adm("search", "-u", "bob", "UID", "4294967295").stdout == ""


def test_a_mailbox_cannot_have_the_guid_of_the_account(mail):
    assert mail.adm("mailbox", "create", "-u", "bob", "-g", "0" * 32, "Zero", check=False).returncode == 64
