"""culveradm sync and backup with namespaces: all of a user's, and what others have."""
import collections
import json
import subprocess
import time

import pytest

import culver
from test_sync import boxes, dump, fill, imap_date, message, nothing, other, pipe, run


SPACES = """\
namespace inbox {
  inbox = yes
  separator = .
  prefix = INBOX.
  subscriptions = yes
}
namespace old {
  separator = .
  prefix = Archive.
  location = maildir:~/old
  subscriptions = yes
}
namespace alias {
  separator = .
  prefix = Again.
  location = maildir:~/old
}
namespace pub {
  type = public
  separator = /
  prefix = Public/
  location = maildir:~/public
  subscriptions = no
}
"""


@pytest.fixture
def spaces():
    config = culver.CONFIG[:culver.CONFIG.index("namespace inbox")] + SPACES.replace("{", "{{") \
        .replace("}", "}}") + culver.CONFIG[culver.CONFIG.index("service imap-login"):]
    with culver.Server(config=config) as server:
        client = server.imap()
        for n, name in enumerate(("INBOX", "INBOX.Sent", "Archive.2007", "Archive.2007.May",
                                  "Public/news")):
            if name != "INBOX":
                assert client.create(name)[0] == "OK", name
            for k in range(n + 1):
                assert client.append(name, r"(\Seen)", imap_date(1176418800 + k),
                                     message(10 * n + k))[0] == "OK"
        client.subscribe("Archive.2007")
        client.logout()
        yield server


def counts(server, location=None, fields="mailbox uid"):
    """How many messages in each mailbox; of a copy, by a configuration without namespaces."""
    plain = server.dir / "plain.conf"
    text = server.config.read_text()
    plain.write_text(text[:text.index("namespace inbox")] + text[text.index("service imap-login"):])
    words = ["-c", plain, "-o", f"mail_location={location}"] if location else []
    rows = json.loads(server.adm(*words, "-f", "json", "fetch", "-u", "alice", fields, "ALL").stdout)
    if fields != "mailbox uid":
        return sorted(tuple(row[f] for f in fields.split()) for row in rows)
    return dict(collections.Counter(row["mailbox"] for row in rows))


def test_all_private_namespaces_are_copied_and_come_back(spaces):
    there = other(spaces) + ":LAYOUT=fs"
    run(spaces, "backup", there)
    assert counts(spaces, there) == {"INBOX": 1, "Sent": 2, "Archive/2007": 3,
                                     "Archive/2007/May": 4}
    assert nothing(run(spaces, "backup", there))
    before = dump(spaces)
    assert {row[0] for row in before} > {"Archive.2007", "INBOX.Sent", "Public/news"}
    client = spaces.imap()
    client.select("Archive.2007")
    client.store("1:*", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.close()
    assert client.delete("Archive.2007.May")[0] == "OK"
    client.logout()
    run(spaces, "backup", "-R", there)
    assert dump(spaces) == before
    assert (spaces.home("alice") / "old" / ".2007.May").is_dir()


def test_both_ends_with_namespaces_are_merged(spaces):
    there = other(spaces, driver="sdbox")
    run(spaces, "sync", there)
    counts(spaces, there)       # makes plain.conf
    for n, name in ((700, "Archive/2007"), (701, "Archive/2008")):
        words = ["-c", spaces.dir / "plain.conf", "-o", f"mail_location={there}"]
        spaces.adm(*words, "mailbox", "create", "-u", "alice", name, check=False)
        (spaces.dir / "new.eml").write_bytes(message(n))
        spaces.adm(*words, "save", "-u", "alice", "-m", name, spaces.dir / "new.eml")
    spaces.adm("flags", "-u", "alice", "add", r"\Flagged", "mailbox", "Archive.2007", "UID", "1")
    run(spaces, "sync", there)
    assert counts(spaces)["Archive.2007"] == 4 and counts(spaces)["Archive.2008"] == 1
    assert (spaces.home("alice") / "old" / ".2008").is_dir()
    flagged = [r for r in counts(spaces, there, "mailbox uid flags") if "Flagged" in r[2]]
    assert [row[:2] for row in flagged] == [("Archive/2007", "1")]
    assert nothing(run(spaces, "sync", there))


def test_one_namespace_alone_leaves_the_others_as_they_are(spaces):
    there = other(spaces, driver="sdbox")
    run(spaces, "sync", "-n", "Archive.", there)
    assert counts(spaces, there) == {"Archive/2007": 3, "Archive/2007/May": 4}
    run(spaces, "sync", "-n", "INBOX", there)
    assert counts(spaces, there) == {"INBOX": 1, "Sent": 2, "Archive/2007": 3,
                                     "Archive/2007/May": 4}
    spaces.adm("expunge", "-u", "alice", "mailbox", "INBOX.Sent", "ALL")
    spaces.adm("expunge", "-u", "alice", "mailbox", "Archive.2007", "UID", "1")
    run(spaces, "sync", "-n", "Archive", there)
    assert counts(spaces, there)["Sent"] == 2 and counts(spaces, there)["Archive/2007"] == 2
    run(spaces, "sync", there)
    assert "Sent" not in counts(spaces, there)
    run(spaces, "sync", "-n", "Public/", there)
    assert counts(spaces, there)["Public/news"] == 5
    done = spaces.adm("sync", "-u", "alice", "-n", "Else/", there, check=False)
    assert done.returncode != 0 and "no namespace with the prefix 'Else/'" in done.stderr


def test_a_name_that_two_namespaces_have_is_refused(spaces):
    spaces.adm("mailbox", "create", "-u", "alice", "INBOX.Archive.2007")
    done = spaces.adm("sync", "-u", "alice", other(spaces), check=False)
    assert done.returncode != 0 and "INBOX.Archive.2007" in done.stderr
    assert "as one of the namespace 'Archive.'" in done.stderr


# --- what others have, too -------------------------------------------------------------

def test_all_namespaces_are_copied_with_public_ones(spaces):
    there = other(spaces, driver="sdbox")
    run(spaces, "backup", there)
    assert not any(name.startswith("Public") for name in counts(spaces, there))
    run(spaces, "backup", "-N", there)
    assert counts(spaces, there) == {"INBOX": 1, "Sent": 2, "Archive/2007": 3,
                                     "Archive/2007/May": 4, "Public/news": 5}
    assert nothing(run(spaces, "backup", "-N", there))
    before = dump(spaces)
    # without -N it is none of the user's again
    run(spaces, "backup", there)
    assert "Public/news" not in counts(spaces, there)
    run(spaces, "backup", "-N", there)
    spaces.adm("expunge", "-u", "alice", "mailbox", "Public/news", "ALL")
    run(spaces, "backup", "-R", "-N", there)
    assert dump(spaces) == before


def break_public(server, user="alice"):
    """What is public cannot be read any more; returns how it is mended."""
    path = server.home(user) / "public"
    path.rename(path.with_name("away"))
    path.write_text("no directory")

    def mend():
        path.unlink()
        path.with_name("away").rename(path)
    return mend


@pytest.mark.parametrize("verb", ["sync", "backup"])
def test_a_public_namespace_that_is_broken_is_left_alone_and_named(spaces, verb):
    there = other(spaces, driver="sdbox")
    subscribed = spaces.adm("mailbox", "list", "-s", "-u", "alice").stdout
    run(spaces, verb, "-N", there)
    before = counts(spaces, there)
    mend = break_public(spaces)
    client = spaces.imap("alice")
    assert client.append("INBOX.Sent", None, None, message(901))[0] == "OK"
    client.logout()
    for _ in range(2):
        done = spaces.adm(verb, "-u", "alice", "-N", there, check=False)
        assert done.returncode not in (0, 64), done.stderr
        assert done.stderr.count("namespace 'Public/'") == 1, done.stderr
        assert counts(spaces, there) == {**before, "Sent": before["Sent"] + 1}
    mend()
    run(spaces, verb, "-N", there)
    assert counts(spaces, there) == {**before, "Sent": before["Sent"] + 1}
    assert counts(spaces)["Public/news"] == 5
    assert spaces.adm("mailbox", "list", "-s", "-u", "alice").stdout == subscribed
    assert nothing(run(spaces, verb, "-N", there))


def test_public_mailboxes_of_two_servers_become_equal(spaces):
    run(spaces, "sync", "-N", *pipe(spaces, "bob"))
    names = "mailbox uid guid flags text"
    ours = dump(spaces, user="alice", fields=names)
    assert [row[0] for row in ours].count("Public/news") == 5
    assert dump(spaces, user="bob", fields=names) == ours
    assert (spaces.home("bob") / "public" / ".news").is_dir()
    client = spaces.imap("bob")
    client.select("Public/news")
    client.store("2", "+FLAGS", r"(\Flagged)")
    client.append("Public/news", None, None, message(900))
    client.logout()
    run(spaces, "sync", "-N", *pipe(spaces, "bob"))
    assert dump(spaces, user="bob", fields=names) == dump(spaces, user="alice", fields=names)
    assert counts(spaces)["Public/news"] == 6
    assert nothing(run(spaces, "sync", "-N", *pipe(spaces, "bob")))


@pytest.mark.parametrize("words", [["sync"], ["backup"], ["backup", "-R"]])
def test_a_namespace_that_only_the_far_end_cannot_read_is_left_alone_and_named(spaces, words):
    verb, *back = words
    far = pipe(spaces, "bob")
    run(spaces, "sync", "-N", *far)
    fields = "mailbox uid guid flags text"
    before = dump(spaces, user="alice", fields=fields)
    names = boxes(spaces)
    mend = break_public(spaces, "bob")
    client = spaces.imap("bob" if back else "alice")
    assert client.append("INBOX.Sent", None, None, message(901))[0] == "OK"
    client.logout()
    for _ in range(2):
        done = spaces.adm(verb, "-u", "alice", "-N", *back, *far, check=False)
        assert done.returncode not in (0, 64), done.stderr
        assert done.stderr.count("namespace 'Public/'") == 1, done.stderr
        assert done.stderr.count(f"{far[0]}: ") == 1, done.stderr
        assert boxes(spaces) == names and counts(spaces)["Public/news"] == 5
        assert counts(spaces)["INBOX.Sent"] == 3
    mend()
    run(spaces, "sync", "-N", *far)
    now = dump(spaces, user="alice", fields=fields)
    assert now == dump(spaces, user="bob", fields=fields)
    assert set(before) < set(now) and len(now) == len(before) + 1
    assert nothing(run(spaces, "sync", "-N", *far))


RIGHTS = """\
mail_plugins = acl
plugin {
  acl = vfile
}
namespace pub {
  type = public
  separator = /
  prefix = Public/
  location = maildir:{dir}/public
  subscriptions = no
}
"""


@pytest.fixture
def rights():
    config = RIGHTS.replace("{", "{{").replace("}", "}}").replace("{{dir}}", "{dir}")
    with culver.Server(config=culver.CONFIG + config) as server:
        for name in ("open", "seen", "closed"):
            folder = server.dir / "public" / f".{name}"
            for sub in ("cur", "new", "tmp"):
                (folder / sub).mkdir(parents=True)
            (folder / "new" / f"16000000{len(name)}.a").write_bytes(message(len(name)))
        grant(server, "open", "lrwstipekx")
        grant(server, "seen", "l")
        if culver.IS_ROOT:
            subprocess.run(["chown", "-R", f"{culver.MAIL_USER}:{culver.MAIL_GROUP}",
                            server.dir / "public"], check=True)
        fill(server, 4)
        yield server


def grant(server, name, letters):
    (server.dir / "public" / f".{name}" / "dovecot-acl").write_text(
        f"user=alice {letters}\n" if letters else "user=bob lr\n")
    time.sleep(1.1)     # the time of the file says that it is another one


def copied(server, location, *words):
    """The mailboxes of a copy below Public, or what words do there: without the namespace."""
    plain = server.dir / "plain.conf"
    text = server.config.read_text()
    plain.write_text(text[:text.index("mail_plugins = acl")])
    words = words or ("mailbox", "list", "-u", "alice", "Public/*")
    return server.adm("-c", plain, "-o", f"mail_location={location}", *words).stdout.split()


def test_what_may_not_be_read_is_left_out(rights):
    there = other(rights)
    run(rights, "backup", "-N", there)
    assert copied(rights, there) == ["Public/open"]
    assert nothing(run(rights, "backup", "-N", there))
    # what is not seen any more is none of this user's copy
    grant(rights, "open", "l")
    run(rights, "backup", "-N", there)
    assert copied(rights, there) == []


def test_a_right_that_was_taken_away_removes_nothing(rights):
    there = other(rights)
    run(rights, "sync", "-N", there)
    assert copied(rights, there) == ["Public/open"]
    grant(rights, "open", "")
    report = run(rights, "sync", "-N", there)
    assert report["other"]["removed"] == "0" and copied(rights, there) == ["Public/open"]
    assert nothing(run(rights, "sync", "-N", there))
    grant(rights, "open", "lrwstipekx")
    assert nothing(run(rights, "sync", "-N", there))
    # deleted at the other end: the one that all have stays
    copied(rights, there, "mailbox", "delete", "-u", "alice", "Public/open")
    report = run(rights, "sync", "-N", there)
    assert report["local"]["removed"] == "0" and "Public/open" in boxes(rights)


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_what_a_user_shares_comes_with_the_user_alone():
    import test_shared
    with test_shared.Shared() as server:
        for user in ("alice", "bob"):
            client = server.imap(user)
            client.create("Work")
            client.append("Work", None, None, message(1))
            client.logout()
        server.grant("alice", "Work", "user=bob", "lookup", "read")
        client = server.imap("bob")
        assert client.select("shared/alice/Work", readonly=True)[0] == "OK"
        client.logout()
        for user in ("alice", "bob"):
            run(server, "backup", "-N", f"maildir:{server.home(user)}/copy", user=user)
            assert [b for b in boxes(server, f"maildir:{server.home(user)}/copy", user)
                    if b not in ("INBOX", "Trash")] == ["Work"]


