"""NOTIFY [RFC5465] for mail of other users, rights that come and go, and mail of another
server, which is not watched."""
import os
import re
import signal

import pytest

import culver
from test_imap_notify import MARK, Client, next_is_mark
from test_remote_storage import pair as remote_pair
from test_shared import UIDS, Shared

BOTH = "(MessageNew MessageExpunge)"
OVERFLOW = "x NO [NOTIFICATIONOVERFLOW] So much cannot be watched."


@pytest.fixture(scope="module")
def server():
    with Shared() as s:
        for name in ("box", "other", "mark"):
            s.adm("mailbox", "create", "-u", "bob", name)
        s.adm("mailbox", "create", "-u", "alice", "mark")
        yield s


@pytest.fixture
def two(server):
    """alice, whom bob lets read "box", and bob."""
    server.grant("bob", "box", "user=alice", "lookup", "read", "write-seen")
    with Client(server, "alice") as alice, Client(server, "bob") as bob:
        yield alice, bob
    server.adm("acl", "delete", "-u", "bob", "box", "user=alice")


def number(line, word):
    return int(re.search(rf"{word} (\d+)", line)[1])


needs_root = pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")


@needs_root
def test_messages_of_others_are_told(two):
    alice, bob = two
    lines = alice.ok(f"NOTIFY SET STATUS (mailboxes shared/bob/box {BOTH})")
    assert len(lines) == 1 and lines[0].startswith("* STATUS shared/bob/box (MESSAGES ")
    before = number(lines[0], "MESSAGES")
    # what alice may not look up is not told of
    bob.append("other")
    bob.append("box")
    told = alice.told()
    assert re.fullmatch(rf"\* STATUS shared/bob/box \(MESSAGES {before + 1} UIDNEXT \d+\)", told)
    bob.ok("SELECT box")
    bob.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    bob.ok("EXPUNGE")
    assert number(alice.told(), "MESSAGES") == before
    bob.ok("UNSELECT")
    # nothing more after NONE
    alice.ok("NOTIFY NONE")
    bob.append("box")
    assert alice.ok("NOOP") == []


@needs_root
def test_unseen_is_what_the_reader_has_not_seen(two):
    alice, bob = two
    alice.ok("NOTIFY SET (mailboxes shared/bob/box (MessageNew MessageExpunge FlagChange))")
    bob.append("box", "(\\Seen) ")
    unseen = number(alice.told(), "UNSEEN")
    with Client(alice_server(alice), "alice") as other:
        other.ok("SELECT shared/bob/box")
        other.ok("STORE * +FLAGS (\\Seen)")
    assert number(alice.told(), "UNSEEN") == unseen - 1


def alice_server(client):
    class Where:
        imap_port = client.sock.getpeername()[1]
    return Where


@needs_root
def test_rights_come_and_go(server, two):
    """[RFC5465 5.9]"""
    alice, bob = two
    alice.ok(f"NOTIFY SET (mailboxes shared/bob/box {BOTH}) {MARK}")
    server.grant("bob", "box", "user=alice", "lookup")
    assert alice.told() == '* LIST (\\HasNoChildren \\NoAccess) "/" shared/bob/box'
    bob.append("box")
    server.grant("bob", "box", "user=alice", "lookup", "read")
    assert alice.told() == '* LIST (\\HasNoChildren) "/" shared/bob/box'
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")
    # of what has not even l nobody says whether it is there
    server.adm("acl", "delete", "-u", "bob", "box", "user=alice")
    assert alice.told() == '* LIST (\\NoAccess) "/" shared/bob/box'
    server.grant("bob", "box", "user=alice", "lookup", "read")
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")


@needs_root
def test_names_of_others(server, two):
    """[RFC5465 5.4] the right l that is taken away is DELETE."""
    alice, bob = two
    alice.ok("NOTIFY SET (subtree shared/bob (MailboxName))")
    parent = '* LIST (\\NonExistent \\HasChildren) "/" shared/bob'
    server.grant("bob", "other", "user=alice", "lookup")
    assert alice.told() == '* LIST (\\HasNoChildren) "/" shared/bob/other'
    assert alice.told() == parent
    server.adm("acl", "delete", "-u", "bob", "other", "user=alice")
    assert alice.told() == '* LIST (\\NonExistent) "/" shared/bob/other'
    assert alice.told() == parent


@needs_root
def test_subscribed_ones_are_among_them(two):
    alice, bob = two
    alice.ok("SUBSCRIBE shared/bob/box")
    alice.ok(f"NOTIFY SET (subscribed {BOTH})")
    bob.append("box")
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")
    alice.ok("UNSUBSCRIBE shared/bob/box")


WATCH = "NOTIFY SET (mailboxes shared/bob/box (MailboxMetadataChange))"


@needs_root
def test_annotations_of_others(server, two):
    """[RFC5465 5.6] with the rights l and r, and nothing that is the owner's own."""
    alice, bob = two
    bob.ok('SETMETADATA box (/shared/before "x")')
    alice.ok(f"{WATCH} {MARK}")
    bob.ok('SETMETADATA other (/shared/comment "x")')
    bob.ok('SETMETADATA box (/private/comment "x")')
    bob.ok('SETMETADATA box (/shared/comment "x" /shared/also "y")')
    assert alice.told() == "* METADATA shared/bob/box /shared/also /shared/comment"
    bob.append("box")
    bob.ok('SETMETADATA box (/shared/comment "changed")')
    assert alice.told() == "* METADATA shared/bob/box /shared/comment"
    bob.ok("SETMETADATA box (/shared/comment NIL)")
    assert alice.told() == "* METADATA shared/bob/box /shared/comment"
    # who may not read it hears nothing, neither that they are gone
    server.grant("bob", "box", "user=alice", "lookup")
    bob.ok('SETMETADATA box (/shared/also "unheard")')
    with Client(alice_server(alice), "alice") as other:
        next_is_mark(alice, other)
    # what can be seen again is told, or just what was changed meanwhile
    server.grant("bob", "box", "user=alice", "lookup", "read")
    assert alice.told() in ("* METADATA shared/bob/box /shared/also",
                            "* METADATA shared/bob/box /shared/also /shared/before")
    bob.ok("SETMETADATA other (/shared/comment NIL)")
    bob.ok("SETMETADATA box (/shared/before NIL /shared/also NIL /private/comment NIL)")


@needs_root
def test_own_annotations_in_mail_of_others(two):
    alice, bob = two
    alice.ok(WATCH)
    with Client(alice_server(alice), "alice") as other:
        other.ok('SETMETADATA shared/bob/box (/private/comment "alice\'s")')
        assert alice.told() == "* METADATA shared/bob/box /private/comment"
        # what this session does itself is no news
        alice.ok("SETMETADATA shared/bob/box (/private/comment NIL)")
        bob.append("box")
        bob.ok('SETMETADATA box (/shared/x "x")')
        assert alice.told() == "* METADATA shared/bob/box /shared/x"
        other.ok('SETMETADATA "" (/private/comment "not asked for")')
        bob.ok("SETMETADATA box (/shared/x NIL)")
        assert alice.told() == "* METADATA shared/bob/box /shared/x"
        other.ok('SETMETADATA "" (/private/comment NIL)')


@needs_root
def test_a_broker_that_ends_changes_no_annotations(server, two):
    alice, bob = two
    bob.ok('SETMETADATA box (/shared/kept "x")')
    alice.ok(WATCH)
    for pid, uid in server.brokers():
        if uid == UIDS["bob"]:
            os.kill(pid, signal.SIGKILL)
    bob.ok('SETMETADATA box (/shared/new "x")')
    assert alice.told() == "* METADATA shared/bob/box /shared/new"
    # nor does one that was not listened to meanwhile
    alice.ok("NOTIFY NONE")
    bob.ok('SETMETADATA box (/shared/new NIL)')
    alice.ok(WATCH)
    bob.ok('SETMETADATA box (/shared/kept NIL)')
    assert alice.told() == "* METADATA shared/bob/box /shared/kept"


@needs_root
def test_a_broker_that_ends_is_replaced(server, two):
    alice, bob = two
    alice.ok(f"NOTIFY SET (mailboxes shared/bob/box {BOTH})")
    for pid, uid in server.brokers():
        if uid == UIDS["bob"]:
            os.kill(pid, signal.SIGKILL)
    bob.append("box")
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")
    bob.append("box")
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")


@needs_root
def test_files_that_another_program_delivers_to_them(server, two):
    alice, _ = two
    alice.ok(f"NOTIFY SET (mailboxes shared/bob/box {BOTH})")
    new = server.home("bob") / "Maildir" / ".box" / "new"
    path = new.parent / "tmp" / "1.a.b"
    path.write_bytes(b"Subject: put here\n\nx\n")
    st = new.stat()
    os.chown(path, st.st_uid, st.st_gid)
    path.rename(new / "1.a.b")
    assert alice.told().startswith("* STATUS shared/bob/box (MESSAGES ")


@needs_root
def test_nobody_is_asked_who_is_not_there(two):
    alice, _ = two
    assert alice.ok(f"NOTIFY SET STATUS (mailboxes (shared/nobody/INBOX shared/carol/INBOX) "
                    f"{BOTH}) {MARK}")[0].startswith("* STATUS mark ")
    with Client(alice_server(alice), "alice") as other:
        next_is_mark(alice, other)


def test_rights_of_a_mailbox_of_ones_own(make_server):
    server = make_server()
    with Client(server) as a, Client(server) as b:
        for name in ("box", "mark"):
            b.ok(f"CREATE {name}")
        a.ok(f"NOTIFY SET (mailboxes (box mark) {BOTH})")
        # [RFC5465 5.9] r goes, and comes back
        b.ok("SETACL box -alice r")
        assert a.told() == '* LIST (\\HasNoChildren \\NoAccess) "/" box'
        b.append("box")
        next_is_mark(a, b)
        b.ok("DELETEACL box -alice")
        assert a.told() == '* LIST (\\HasNoChildren) "/" box'
        assert a.told().startswith("* STATUS box (MESSAGES 1 ")


def test_mail_of_another_server_is_refused():
    """[RFC5465 3.1] and what there was goes on."""
    with remote_pair("culver") as (here, _), Client(here) as a:
        a.ok("SELECT INBOX")
        for wrong in (f"(personal {BOTH})", f"(inboxes {BOTH})", f"(mailboxes INBOX {BOTH})",
                      f"(subtree a {BOTH})"):
            assert a.do(f"NOTIFY SET {wrong}") == [OVERFLOW]
        a.ok(f"NOTIFY SET (selected {BOTH})")
        a.ok("NOTIFY SET (subscribed (SubscriptionChange))")
        a.ok("NOTIFY NONE")
