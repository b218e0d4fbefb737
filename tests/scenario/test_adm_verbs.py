"""Verbs of culveradm that have no feature's file: each called as its manual
page says."""
import json
import re

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
