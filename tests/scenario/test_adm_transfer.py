"""culveradm copy and move with "user NAME": out of another user's mail."""
import json
import os
import re

import pytest

import culver

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SIZES = (10, 70_000, 1_500_000)


@pytest.fixture
def mail(make_server):
    return make_server()


def fill(server, user="alice", count=3):
    client = server.imap(user)
    client.create("Source")
    for n in range(count):
        body = f"Subject: number {n}\r\n\r\n".encode() + b"line of it\r\n" * (SIZES[n % 3] // 12)
        client.append("Source", r"(\Seen kept)" if n % 2 else r"(\Flagged)",
                      f'"{n % 28 + 1:02d}-Jan-2020 10:00:00 +0000"', body)
    client.logout()


def rows(server, user, *query, fields="hdr.subject flags date.received.unixtime guid size.virtual text"):
    return json.loads(server.adm("-f", "json", "fetch", "-u", user, fields, *query).stdout)


def subjects(server, user, *query):
    return [row["hdr.subject"] for row in rows(server, user, *query, fields="hdr.subject")]


def test_a_copy_has_all_that_the_message_has(mail):
    fill(mail)
    mail.adm("mailbox", "create", "-u", "bob", "Dest")
    mail.adm("copy", "-u", "bob", "Dest", "user", "alice", "mailbox", "Source", "ALL")
    assert rows(mail, "bob", "mailbox", "Dest", "ALL") == rows(mail, "alice", "mailbox", "Source", "ALL")
    assert len(rows(mail, "bob", "ALL")) == 3


def test_a_move_takes_only_what_the_query_means(mail):
    fill(mail)
    mail.adm("move", "-u", "bob", "INBOX", "user", "alice", "mailbox", "Source", "SEEN")
    assert subjects(mail, "bob", "mailbox", "INBOX", "ALL") == ["number 1"]
    assert subjects(mail, "alice", "mailbox", "Source", "ALL") == ["number 0", "number 2"]


def test_more_than_a_batch_is_moved_whole(mail):
    messages = 1203
    for n in range(messages):
        culver_message = f"Subject: {n}\n\nx\n"
        path = mail.home("alice") / "Maildir" / "new"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{1000000000 + n}.M1P1.host").write_text(culver_message)
    for name in ("cur", "tmp"):
        (mail.home("alice") / "Maildir" / name).mkdir(exist_ok=True)
    own(mail, "alice")
    mail.adm("move", "-u", "bob", "INBOX", "user", "alice", "mailbox", "INBOX", "ALL")
    assert subjects(mail, "alice", "ALL") == []
    assert sorted(map(int, subjects(mail, "bob", "ALL"))) == list(range(messages))


def own(server, user):
    import shutil
    if os.geteuid() == 0:
        for path in [server.home(user), *server.home(user).rglob("*")]:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)


def test_what_fails_is_said_and_leaves_the_source_alone(mail):
    fill(mail)
    for words, status in (
            (("Nowhere", "user", "alice", "mailbox", "*", "ALL"), 68),
            (("INBOX", "user", "nobody-here", "mailbox", "*", "ALL"), 67),
            (("INBOX", "user", "alice"), 64), (("INBOX", "user", "alice", "mailbox", "No", "ALL"), 68)):
        for verb in ("copy", "move"):
            done = mail.adm(verb, "-u", "bob", *words, check=False)
            assert done.returncode == status and done.stderr, (verb, words, done.stderr)
    assert len(subjects(mail, "alice", "ALL")) == 3 and not subjects(mail, "bob", "ALL")


def test_the_same_user_twice_is_a_plain_copy(mail):
    fill(mail)
    mail.adm("move", "-u", "alice", "INBOX", "user", "alice", "mailbox", "Source", "1")
    assert subjects(mail, "alice", "mailbox", "INBOX", "ALL") == ["number 0"]
    assert len(subjects(mail, "alice", "mailbox", "Source", "ALL")) == 2


def test_several_users_get_a_copy_each(make_server):
    config = culver.CONFIG.replace(
        "driver = static\n  args = uid={mail_user} gid={mail_group} home={dir}/home/%n",
        "driver = passwd-file\n  args = {dir}/users\n"
        "  override_fields = uid={mail_user} gid={mail_group} home={dir}/home/%n")
    server = make_server(config=config)
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret:1000:1000::/nowhere::\n" for name in ("alice", "bob")))
    fill(server)
    server.adm("copy", "-A", "INBOX", "user", "alice", "mailbox", "Source", "1:2")
    for user in ("alice", "bob"):
        assert subjects(server, user, "mailbox", "INBOX", "ALL") == ["number 0", "number 1"]


@needs_root
def test_each_process_has_the_rights_of_its_own_user(make_server):
    """Two system users who cannot read each other's mail."""
    config = re.sub(r"userdb \{\{.*?\n\}\}\n", "userdb {{\n  driver = passwd-file\n"
                    "  args = {dir}/users\n}}\n", culver.CONFIG, count=1, flags=re.S)
    server = make_server(config=config)
    lines, homes = [], {}
    for name, uid in (("alice", 54001), ("bob", 54002)):
        homes[name] = server.dir / "own" / name
        homes[name].mkdir(parents=True)
        homes[name].chmod(0o700)
        os.chown(homes[name], uid, uid)
        lines.append(f"{name}:{{PLAIN}}secret:{uid}:{uid}::{homes[name]}::\n")
    (server.dir / "own").chmod(0o755)
    (server.dir / "users").write_text("".join(lines))
    server.adm("save", "-u", "alice", input="Subject: hers\n\nx\n")
    server.adm("move", "-u", "bob", "INBOX", "user", "alice", "mailbox", "*", "ALL")
    assert subjects(server, "bob", "ALL") == ["hers"] and subjects(server, "alice", "ALL") == []
    for name, uid in (("alice", 54001), ("bob", 54002)):
        assert {path.lstat().st_uid for path in homes[name].rglob("*")} == {uid}
    # what is not readable for its owner is said by the process that reads
    server.adm("save", "-u", "alice", input="Subject: hidden\n\nx\n")
    for path in (homes["alice"] / "Maildir").rglob("*"):
        if path.is_file() and "culver" not in path.parts:
            path.chmod(0)
    done = server.adm("move", "-u", "bob", "INBOX", "user", "alice", "mailbox", "INBOX", "ALL",
                      check=False)
    assert subjects(server, "bob", "ALL").count("hidden") == (done.returncode == 0)


def test_the_save_date_is_known_of_every_message(mail):
    fill(mail)
    assert len(subjects(mail, "alice", "SAVEDATESUPPORTED")) == 3
    assert subjects(mail, "alice", "NOT", "SAVEDATESUPPORTED") == []
